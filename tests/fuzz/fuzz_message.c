#include <string.h>

#include "fuzz.h"
#include "wechat/message.h"
#include "xmlmap.h"

static struct slice
trim(struct slice s)
{
	for (; s.len != 0 && strchr(" \t\r\n", s.p[0]) != NULL; s.len--)
		s.p++;
	while (s.len != 0 && strchr(" \t\r\n", s.p[s.len - 1]) != NULL)
		s.len--;
	return s;
}

static bool
same(struct slice a, struct slice b)
{
	a = trim(a);
	b = trim(b);
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len &&
	    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* What both read, they read alike, but for blanks in odd places. */
static void
check_against_xmlmap(const struct message *h, struct slice xml)
{
	static struct xmlmap	*m;
	static struct event	 ev;

	if (m == NULL)
		must((m = xmlmap_new(NULL)) != NULL, "memory");
	if (*h->why != '\0' || xmlmap_event(m, &ev, xml) != ERR_OK ||
	    memchr(xml.p, '\r', xml.len) != NULL || memchr(xml.p, '#', xml.len) != NULL)
		return;
	must(h->code == ev.message.code, "the same code");
	must(same(h->msgtype, ev.message.msgtype), "the same MsgType");
	must(same(h->event, ev.message.event), "the same Event");
	must(same(h->user, ev.message.user), "the same user");
	must(h->time_s == ev.message.time_s || h->time_s == 0, "the same time, if any");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message	 h;
	char			 key[2][MESSAGE_KEY_HEX + 1];
	char			*p = exactly(data, size);
	const struct slice	 xml = { p, size };

	must(xmlmap_message(&h, xml) == ERR_OK, "memory");
	must(*h.why == '\0' || h.code == NULL, "no code for what is no XML");
	must(h.time_s >= 0, "time is not negative");
	must(message_key(&h, key[0], slice_of("demo"), xml) == ERR_OK, "a key");
	check_against_xmlmap(&h, xml);
	must(xmlmap_message(&h, xml) == ERR_OK, "memory");
	must(message_key(&h, key[1], slice_of("demo"), xml) == ERR_OK, "a key");
	must(strcmp(key[0], key[1]) == 0, "the same message has the same key");
	free(p);
	return 0;
}
