#include <string.h>

#include "core/digest.h"
#include "wechat/message.h"
#include "wechat/xml_scan.h"

/* What is read, by the root's children. */
enum child { MSGTYPE, EVENT, USER, TIME, MSGID, MSGID_OTHER, CHILDREN };

static const char *const names[CHILDREN] = {
	[MSGTYPE]	= "MsgType",
	[EVENT]		= "Event",
	[USER]		= "FromUserName",
	[TIME]		= "CreateTime",
	[MSGID]		= "MsgId",
	[MSGID_OTHER]	= "MsgID",
};

/*
 * XML 1.0, 2.2 allows three control characters.  The bytes are looked at in blocks without a
 * branch between them: compilers make vector instructions of that.
 */
static bool
has_forbidden_byte(struct slice xml)
{
	enum { BLOCK = 32 };
	const unsigned char	*p = (const unsigned char *)xml.p, *end = p + xml.len;
	unsigned char		 bad = 0;
	int			 i;

	for (; end - p >= BLOCK && bad == 0; p += BLOCK)
		for (i = 0; i < BLOCK; i++)
			bad |= (p[i] < 0x20) & (p[i] != '\n') & (p[i] != '\r') & (p[i] != '\t');
	for (; p != end && bad == 0; p++)
		bad = *p < 0x20 && *p != '\n' && *p != '\r' && *p != '\t';
	return bad != 0;
}

/* CreateTime, up to 18 digits; 0 for anything else. */
static int64_t
seconds(struct slice text)
{
	int64_t	 t = 0;
	size_t	 i;

	if (text.len > 18)
		return 0;
	for (i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		t = t * 10 + (text.p[i] - '0');
	}
	return t;
}

static void
empty(struct message *h)
{
	h->code = NULL;
	h->msgtype = h->event = h->user = h->msgid = (struct slice){ NULL, 0 };
	h->time_s = 0;
	h->why = "";
	buf_reset(&h->text);
}

/* The texts of the children, one behind the other; they point where they stand at last. */
static enum error
read_texts(struct slice text[CHILDREN], struct buf *to, const struct slice inside[CHILDREN])
{
	size_t		 start[CHILDREN + 1];
	enum error	 er;
	int		 i;

	for (i = 0; i < CHILDREN; i++) {
		start[i] = to->len;
		if (inside[i].p != NULL && (er = xml_scan_text(to, inside[i])) != ERR_OK)
			return er;
	}
	start[CHILDREN] = to->len;
	for (i = 0; i < CHILDREN; i++)
		text[i] = (struct slice){ inside[i].p == NULL ? NULL :
		    buf_slice(to).p + start[i], start[i + 1] - start[i] };
	return ERR_OK;
}

enum error
message_read(struct message *h, struct slice xml)
{
	struct slice	 inside[CHILDREN], text[CHILDREN];
	enum error	 er;

	empty(h);
	if (has_forbidden_byte(xml)) {
		h->why = "control character";
		return ERR_OK;
	}
	if ((er = xml_scan_children(inside, names, CHILDREN, xml)) == ERR_OK)
		er = read_texts(text, &h->text, inside);
	if (er == ERR_XML)
		h->why = "not well-formed";
	if (er != ERR_OK)
		return er == ERR_XML ? ERR_OK : er;
	h->msgtype = text[MSGTYPE];
	h->event = text[EVENT];
	h->user = text[USER];
	h->msgid = text[MSGID].p != NULL ? text[MSGID] : text[MSGID_OTHER];
	h->time_s = seconds(text[TIME]);
	return ERR_OK;
}

/* Eight bytes, big endian. */
static void
put_be64(unsigned char *to, uint64_t n)
{
	int	 i;

	for (i = 7; i >= 0; i--, n >>= 8)
		to[i] = (unsigned char)(n & 0xFF);
}

enum error
message_key(struct message *h, char hex[MESSAGE_KEY_HEX + 1], struct slice account, struct slice xml)
{
	/* The lengths lead, so that no other parts give the same text. */
	unsigned char		 lengths[7][8], time[8];
	const struct slice	 parts[8] = {
		{ (const char *)lengths, sizeof(lengths) }, account, h->user,
		{ (const char *)time, sizeof(time) }, h->msgtype, h->event, h->msgid, xml
	};
	size_t			 i;

	if (h->sha256 == NULL && (h->sha256 = digest_new(DIGEST_SHA256)) == NULL)
		return ERR_CRYPTO;
	put_be64(time, (uint64_t)h->time_s);
	for (i = 0; i < 7; i++)
		put_be64(lengths[i], parts[i + 1].len);
	return digest_hex(h->sha256, hex, parts, 8);
}

void
message_free(struct message *h)
{
	empty(h);
	buf_free(&h->text);
	digest_free(h->sha256);
	h->sha256 = NULL;
}
