#include <string.h>

#include "fuzz.h"
#include "wechat/message.h"
#include "wechat/xml_lexer.h"
#include "xmlmap.h"

static bool
is_same_trimmed(struct slice a, struct slice b)
{
	a = xml_lexer_trim(a);
	b = xml_lexer_trim(b);
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len &&
	    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* message_read() and xmlmap_event() give the same, but for blanks in unusual places. */
static void
check_against_xmlmap(const struct message *m, struct slice xml)
{
	static struct xmlmap	*map;
	static struct event	 ev;

	if (map == NULL)
		must((map = xmlmap_new(NULL)) != NULL, "memory");
	if (*m->why != '\0' || xmlmap_event(map, &ev, xml) != ERR_OK ||
	    memchr(xml.p, '\r', xml.len) != NULL || memchr(xml.p, '#', xml.len) != NULL)
		return;
	must(m->code == ev.message.code, "the same code");
	must(is_same_trimmed(m->msgtype, ev.message.msgtype), "the same MsgType");
	must(is_same_trimmed(m->event, ev.message.event), "the same Event");
	must(is_same_trimmed(m->user, ev.message.user), "the same user");
	must(m->time_s == ev.message.time_s || m->time_s == 0, "the same time, if any");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message	 message;
	char			 key[2][MESSAGE_KEY_HEX + 1];
	char			*p = exactly(data, size);
	const struct slice	 xml = { p, size };

	must(xmlmap_message(&message, xml) == ERR_OK, "memory");
	must(*message.why == '\0' || message.code == NULL, "no code for what is no XML");
	must(message.time_s >= 0, "time is not negative");
	must(message_key(&message, key[0], slice_of("demo"), xml) == ERR_OK, "a key");
	check_against_xmlmap(&message, xml);
	must(xmlmap_message(&message, xml) == ERR_OK, "memory");
	must(message_key(&message, key[1], slice_of("demo"), xml) == ERR_OK, "a key");
	must(strcmp(key[0], key[1]) == 0, "the same message has the same key");
	free(p);
	return 0;
}
