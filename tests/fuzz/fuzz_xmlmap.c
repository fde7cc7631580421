#include <string.h>

#include "core/utf8.h"
#include "fuzz.h"
#include "wechat/xml_repair.h"
#include "wechat/xml_sanitize.h"
#include "xmlmap.h"

static bool
is_utf8(struct slice s)
{
	const char	*p = s.p, *end = s.p + s.len;
	bool		 valid = true;

	while (valid && p != end)
		(void)utf8_next(&p, end, &valid);
	return valid;
}

static bool
within(struct slice s, const struct buf *b)
{
	return s.p == NULL || s.len == 0 ||
	    (s.p >= b->p && s.len <= (size_t)(b->p + b->len - s.p));
}

static void
check_event(const struct event *ev, struct buf *json)
{
	size_t	 i;

	must(within(ev->message.msgtype, &ev->message.text), "MsgType lies in the text");
	must(within(ev->message.event, &ev->message.text), "Event lies in the text");
	must(within(ev->message.user, &ev->message.text), "user lies in the text");
	must(ev->message.time_s >= 0, "time is not negative");
	must(ev->nattr <= EVENT_ATTRS_MAX, "attributes fit");
	must(ev->message.code != NULL || ev->nattr == 0, "no attributes without a row");
	for (i = 0; i < ev->nattr; i++) {
		must(ev->attr[i].value.p != NULL, "a value is there");
		must(within(ev->attr[i].value, &ev->message.text), "a value lies in the text");
		must(ev->attr[i].type == EVENT_STRING || ev->attr[i].value.len != 0,
		    "a number has digits");
	}
	buf_reset(json);
	must(event_json(json, ev) == ERR_OK, "memory for JSON");
	must(is_utf8(buf_slice(json)), "JSON is UTF-8");
	must(memchr(json->p, '\n', json->len) == NULL, "JSON is one line");
}

/* Reads all events of one XML; json gets the JSON of the last one. */
static enum error
read_events(struct xmlmap *m, struct event *ev, struct slice xml, struct buf *json)
{
	enum error	 er;
	size_t		 n = 0;

	er = xmlmap_event(m, ev, xml);
	must(er == ERR_OK || er == ERR_XML, "good or no XML");
	must((er == ERR_OK) == (*xmlmap_why(m) == '\0'), "a reason for each refusal");
	must(strcmp(xmlmap_why(m), "mxml refused it") != 0,
	    "mxml reads what xml_sanitize accepts");
	for (check_event(ev, json); er == ERR_OK && xmlmap_more(m); n++) {
		must(xmlmap_next(m, ev) == ERR_OK, "memory for a further event");
		check_event(ev, json);
	}
	must(n <= XML_NODES_MAX, "events come to an end");
	return er;
}

/* A text that xml_sanitize() has cleaned is accepted, and does not change again. */
static void
check_sanitized(struct slice xml)
{
	struct buf	 once = { .p = NULL }, twice = { .p = NULL };
	const char	*why;

	if (xml_sanitize(&once, &why, xml) == ERR_OK) {
		must(once.p[once.len] == '\0' && strlen(once.p) == once.len, "one NUL, behind");
		must(is_utf8(buf_slice(&once)), "the result is UTF-8");
		must(once.len <= XML_SIZE_MAX, "short of the limit");
		must(xml_sanitize(&twice, &why, buf_slice(&once)) == ERR_OK, "it passes again");
		must(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0,
		    "nothing more to remove");
	}
	buf_free(&once);
	buf_free(&twice);
}

/* A text that was repaired so that it is accepted has nothing left to repair. */
static void
check_repaired(struct slice xml)
{
	struct buf	 once = { .p = NULL }, twice = { .p = NULL }, clean = { .p = NULL };
	const char	*why, *what;

	must(xml_repair(&once, &what, xml) == ERR_OK, "memory to repair");
	must(once.len <= 5 * xml.len, "not longer than it may be");
	if (xml_sanitize(&clean, &why, buf_slice(&once)) == ERR_OK) {
		must(xml_repair(&twice, &what, buf_slice(&once)) == ERR_OK, "memory again");
		must(*what == '\0', "nothing more to repair");
		must(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0,
		    "the same again");
	}
	buf_free(&once);
	buf_free(&twice);
	buf_free(&clean);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xmlmap_options	 split = { .one_per_item = true };
	static struct xmlmap			*m, *s;
	static struct event			 ev;
	static struct buf			 first, again;
	char					*p = exactly(data, size);
	const struct slice			 xml = { p, size };
	enum error				 er;

	if (m == NULL)
		must((m = xmlmap_new(NULL)) != NULL && (s = xmlmap_new(&split)) != NULL,
		    "memory");
	check_sanitized(xml);
	check_repaired(xml);
	er = read_events(m, &ev, xml, &first);
	must(xmlmap_code(ev.message.msgtype, ev.message.event) == ev.message.code,
	    "the code for the type");
	must(er == read_events(s, &ev, xml, &again), "no difference in what is XML");
	must(er == read_events(m, &ev, xml, &again), "the same again");
	must(first.len == again.len && memcmp(first.p, again.p, first.len) == 0,
	    "the same XML is the same event");
	free(p);
	return 0;
}
