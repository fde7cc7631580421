#include <string.h>

#include "core/calendar.h"
#include "core/digest.h"
#include "core/number.h"
#include "wechat/message.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_repair.h"
#include "wechat/xml_scan.h"

/* CreateTimes that can be: not before WeChat had Official Accounts. */
static const int64_t	 FIRST_S = 1325347200;	/* 2012 begins in China */
static const int64_t	 LAST_S = 4102416000;	/* 2100 begins in China */

const char *const message_elements[MESSAGE_ELEMENT__MAX] = {
	[MESSAGE_MSGTYPE]	= "MsgType",
	[MESSAGE_EVENT]		= "Event",
	[MESSAGE_USER]		= "FromUserName",
	[MESSAGE_TIME]		= "CreateTime",
	[MESSAGE_MSGID]		= "MsgId",
	[MESSAGE_MSGID_OTHER]	= "MsgID",
	[MESSAGE_INFOTYPE]	= "InfoType",
	[MESSAGE_ENCRYPT]	= "Encrypt",
};

/*
 * Reads the texts of the elements into `to`, one behind the other.  `to` may move while it grows,
 * so the slices are made at the end.
 */
static enum error
read_texts(struct slice text[MESSAGE_ENCRYPT], struct buf *to,
    const struct slice inside[MESSAGE_ENCRYPT])
{
	size_t		 start[MESSAGE_ENCRYPT + 1];
	enum error	 er;
	int		 i;

	for (i = 0; i < MESSAGE_ENCRYPT; i++) {
		start[i] = to->len;
		if (inside[i].p != NULL && (er = xml_scan_text(to, inside[i])) != ERR_OK)
			return er;
	}
	start[MESSAGE_ENCRYPT] = to->len;
	for (i = 0; i < MESSAGE_ENCRYPT; i++)
		text[i] = (struct slice){ inside[i].p == NULL ? NULL :
		    buf_slice(to).p + start[i], start[i + 1] - start[i] };
	return ERR_OK;
}

/* Reads the elements of a text.  *stray is xml_scan_children()'s. */
static enum error
read_elements(struct message *m, bool *stray, struct slice xml)
{
	struct slice	 inside[MESSAGE_ELEMENT__MAX], text[MESSAGE_ENCRYPT];
	enum error	 er;

	message_reset(m);
	er = xml_scan_children(inside, stray, message_elements, MESSAGE_ELEMENT__MAX, xml);
	if (er != ERR_OK)
		return er;
	m->encrypted = inside[MESSAGE_ENCRYPT].p != NULL && inside[MESSAGE_MSGTYPE].p == NULL;
	if ((er = read_texts(text, &m->text, inside)) != ERR_OK)
		return er;
	m->msgtype = text[MESSAGE_MSGTYPE];
	m->event = text[MESSAGE_EVENT];
	m->user = text[MESSAGE_USER];
	m->infotype = text[MESSAGE_INFOTYPE];
	m->msgid = text[text[MESSAGE_MSGID].p != NULL ? MESSAGE_MSGID : MESSAGE_MSGID_OTHER];
	(void)number_parse(&m->time_s, text[MESSAGE_TIME]);	/* else it stays 0 */
	return ERR_OK;
}

static enum error
read_repaired(struct message *m, struct slice xml)
{
	const char	*what;
	enum error	 er;
	bool		 stray;

	if ((er = xml_repair(&m->work, &what, xml)) != ERR_OK ||
	    (er = read_elements(m, &stray, buf_slice(&m->work))) != ERR_OK)
		return er;
	m->repaired = what;
	return ERR_OK;
}

enum error
message_read(struct message *m, struct slice xml)
{
	enum error	 er;
	bool		 stray;

	er = read_elements(m, &stray, xml);
	if (er == ERR_XML || (er == ERR_OK && (stray || !xml_repair_is_clean(xml))))
		er = read_repaired(m, xml);
	if (er != ERR_XML)
		return er;
	message_reset(m);
	m->why = "not well-formed";
	return ERR_OK;
}

const char *
message_when(int64_t *when_s, int64_t time_s, int64_t now_s)
{
	static const struct {
		int64_t		 per_second;
		const char	*remark;
	} units[] = {
		{ 1, "" }, { 1000, "CreateTime is in milliseconds" },
		{ 1000000, "CreateTime is in microseconds" },
	};
	/* A clock of ours that is before 2012 is wrong, and cannot tell what is ahead. */
	const int64_t	 latest_s = now_s < FIRST_S ? LAST_S : now_s + CALENDAR_DAY_S;
	size_t		 i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		*when_s = time_s / units[i].per_second;
		if (*when_s >= FIRST_S && *when_s <= latest_s)
			return units[i].remark;
	}
	*when_s = now_s;
	return "CreateTime is missing or cannot be: the time of receipt counts";
}

static void
write_big_endian(unsigned char to[8], uint64_t n)
{
	int	 i;

	for (i = 7; i >= 0; i--, n >>= 8)
		to[i] = (unsigned char)(n & 0xFF);
}

enum error
message_key(struct message *m, char hex[MESSAGE_KEY_HEX + 1], struct slice account,
    struct slice xml)
{
	/* The lengths go first, so that other parts never give the same bytes. */
	unsigned char		 lengths[7][8], time[8];
	const struct slice	 parts[8] = {
		{ (const char *)lengths, sizeof(lengths) }, account, m->user,
		{ (const char *)time, sizeof(time) }, m->msgtype, m->event, m->msgid, xml
	};
	size_t			 i;

	if (m->sha256 == NULL && (m->sha256 = digest_new(DIGEST_SHA256)) == NULL)
		return ERR_NOMEM;
	write_big_endian(time, (uint64_t)m->time_s);
	for (i = 0; i < 7; i++)
		write_big_endian(lengths[i], parts[i + 1].len);
	digest_hex(m->sha256, hex, parts, 8);
	return ERR_OK;
}

bool
message_is_notice(const struct message *m)
{
	return m->msgtype.len == 0 && m->infotype.len != 0;
}

bool
message_is_platform(struct slice body, const char *appid)
{
	enum { APPID, ENCRYPT, TO, NAMES };
	static const char *const names[NAMES] = {
		[APPID] = "AppId", [ENCRYPT] = "Encrypt", [TO] = "ToUserName",
	};
	struct slice		 inside[NAMES];
	struct buf		 text = { 0 };
	bool			 stray, is_other;

	if (xml_scan_children(inside, &stray, names, NAMES, body) != ERR_OK ||
	    inside[APPID].p == NULL || inside[ENCRYPT].p == NULL || inside[TO].p != NULL)
		return false;
	is_other = xml_scan_text(&text, inside[APPID]) == ERR_OK && text.len != 0 &&
	    !slice_is(buf_slice(&text), appid);
	buf_free(&text);
	return is_other;
}

bool
message_is_json(struct slice text)
{
	struct xml_lexer	 lx;
	struct slice		 rest;

	if (text.len == 0)
		return false;
	xml_lexer_init(&lx, text);
	xml_lexer_skip_bom(&lx);
	rest = xml_lexer_trim((struct slice){ lx.p, (size_t)(lx.end - lx.p) });
	return rest.len != 0 && (*rest.p == '{' || *rest.p == '[');
}

void
message_reset(struct message *m)
{
	m->code = NULL;
	m->msgtype = m->event = m->user = m->msgid = m->infotype = (struct slice){ NULL, 0 };
	m->time_s = 0;
	m->encrypted = false;
	m->why = m->repaired = "";
	buf_reset(&m->text);
}

void
message_free(struct message *m)
{
	message_reset(m);
	buf_free(&m->text);
	buf_free(&m->work);
	digest_free(m->sha256);
	m->sha256 = NULL;
}
