#include <string.h>
#include <strings.h>

#include "core/number.h"
#include "core/utf8.h"
#include "passive.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_sanitize.h"
#include "wechat/xml_scan.h"

enum { FIELDS = 5 };	/* of a type, at most */

const char *const passive_fields[PASSIVE_FIELD__MAX] = {
	[PASSIVE_CONTENT]	= "Content",
	[PASSIVE_MEDIA_ID]	= "MediaId",
	[PASSIVE_TITLE]		= "Title",
	[PASSIVE_DESCRIPTION]	= "Description",
	[PASSIVE_MUSIC_URL]	= "MusicUrl",
	[PASSIVE_HQ_MUSIC_URL]	= "HQMusicUrl",
	[PASSIVE_THUMB_MEDIA_ID]= "ThumbMediaId",
	[PASSIVE_PIC_URL]	= "PicUrl",
	[PASSIVE_URL]		= "Url",
	[PASSIVE_KF_ACCOUNT]	= "KfAccount",
};

const char *const passive_types[PASSIVE__MAX] = {
	[PASSIVE_TEXT]		= "text",
	[PASSIVE_IMAGE]		= "image",
	[PASSIVE_VOICE]		= "voice",
	[PASSIVE_VIDEO]		= "video",
	[PASSIVE_MUSIC]		= "music",
	[PASSIVE_NEWS]		= "news",
	[PASSIVE_TRANSFER]	= "transfer_customer_service",
};

/* How WeChat treats a field of a type. */
enum wish {
	MAY,		/* the element can be missing */
	EMPTY,		/* the element must be there */
	MUST		/* its text must be there */
};

/*
 * The elements of each type behind MsgType.  `open` and `close` are around the fields; without a
 * field they are left out, too.  A reply of another program must have the element `group`, and in
 * it `child` (NULL: any) with a text, unless that has elements.
 */
static const struct shape {
	const char	*open, *close;
	const char	*group, *child;
	struct {
		enum passive_field	 which;
		enum wish		 wish;
	} fields[FIELDS];
	size_t		 n;
} shapes[PASSIVE__MAX] = {
	[PASSIVE_TEXT]	= { "", "", "Content", NULL, { { PASSIVE_CONTENT, MUST } }, 1 },
	[PASSIVE_IMAGE]	= { "<Image>", "</Image>", "Image", "MediaId",
	    { { PASSIVE_MEDIA_ID, MUST } }, 1 },
	[PASSIVE_VOICE]	= { "<Voice>", "</Voice>", "Voice", "MediaId",
	    { { PASSIVE_MEDIA_ID, MUST } }, 1 },
	[PASSIVE_VIDEO]	= { "<Video>", "</Video>", "Video", "MediaId",
	    { { PASSIVE_MEDIA_ID, MUST }, { PASSIVE_TITLE, MAY }, { PASSIVE_DESCRIPTION, MAY } },
	    3 },
	[PASSIVE_MUSIC]	= { "<Music>", "</Music>", "Music", NULL,
	    { { PASSIVE_TITLE, MAY }, { PASSIVE_DESCRIPTION, MAY }, { PASSIVE_MUSIC_URL, MAY },
	    { PASSIVE_HQ_MUSIC_URL, MAY }, { PASSIVE_THUMB_MEDIA_ID, MUST } }, 5 },
	[PASSIVE_NEWS]	= { "<ArticleCount>1</ArticleCount><Articles><item>",
	    "</item></Articles>", "Articles", "item",
	    { { PASSIVE_TITLE, MUST }, { PASSIVE_DESCRIPTION, EMPTY }, { PASSIVE_PIC_URL, EMPTY },
	    { PASSIVE_URL, MUST } }, 4 },
	[PASSIVE_TRANSFER] = { "<TransInfo>", "</TransInfo>", NULL, NULL,
	    { { PASSIVE_KF_ACCOUNT, MAY } }, 1 },
};

bool
passive_has(enum passive_type type, enum passive_field field)
{
	size_t	 i;

	for (i = 0; i < shapes[type].n; i++)
		if (shapes[type].fields[i].which == field)
			return true;
	return false;
}

enum passive_field
passive_lacks(const struct passive *p)
{
	const struct shape	*shape = &shapes[p->type];
	size_t			 i;

	for (i = 0; i < shape->n; i++)
		if (shape->fields[i].wish == MUST && p->v[shape->fields[i].which].len == 0)
			return shape->fields[i].which;
	return PASSIVE_FIELD__MAX;
}

/*
 * Writing.
 */

/* Appends one character of a CDATA section, if XML allows it. */
static enum error
append_char(struct buf *out, size_t start, uint32_t cp, struct slice bytes, bool valid)
{
	static const char	 split[] = "]]><![CDATA[";
	enum error		 er = ERR_OK;

	if (!valid)
		return buf_puts(out, "\xEF\xBF\xBD");
	if (!xml_lexer_is_char(cp))
		return ERR_OK;
	if (cp == '>' && out->len >= start + 2 && memcmp(out->p + out->len - 2, "]]", 2) == 0)
		er = buf_puts(out, split);
	return er == ERR_OK ? buf_put(out, bytes.p, bytes.len) : er;
}

/* Appends a CDATA section of max bytes of the text at most. */
static enum error
append_cdata(struct buf *out, struct slice text, size_t max)
{
	const char	*p = text.p, *end = text.p + text.len, *from;
	enum error	 er;
	uint32_t	 cp;
	size_t		 start, left = max, len;
	bool		 valid;

	if ((er = buf_puts(out, "<![CDATA[")) != ERR_OK)
		return er;
	start = out->len;
	while (p != end && er == ERR_OK) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		len = valid ? (size_t)(p - from) : 3;
		if (len > left)
			break;
		left -= len;
		er = append_char(out, start, cp, (struct slice){ from, (size_t)(p - from) },
		    valid);
	}
	return er == ERR_OK ? buf_puts(out, "]]>") : er;
}

static enum error
append_element(struct buf *out, const char *name, struct slice text, size_t max)
{
	enum error	 er;

	if ((er = buf_printf(out, "<%s>", name)) != ERR_OK ||
	    (er = append_cdata(out, text, max)) != ERR_OK)
		return er;
	return buf_printf(out, "</%s>", name);
}

/* Appends the fields of a reply, if it has one that is to be written. */
static enum error
append_fields(struct buf *out, const struct passive *p)
{
	const struct shape	*shape = &shapes[p->type];
	enum passive_field	 which;
	enum error		 er = ERR_OK;
	size_t			 i;
	bool			 began = false;

	for (i = 0; i < shape->n && er == ERR_OK; i++) {
		which = shape->fields[i].which;
		if (p->v[which].len == 0 && shape->fields[i].wish == MAY)
			continue;
		if (!began)
			er = buf_puts(out, shape->open);
		began = true;
		if (er == ERR_OK)
			er = append_element(out, passive_fields[which], p->v[which],
			    which == PASSIVE_CONTENT ? PASSIVE_CONTENT_MAX : p->v[which].len * 3);
	}
	return began && er == ERR_OK ? buf_puts(out, shape->close) : er;
}

enum error
passive_write(struct buf *out, const struct passive *p, struct slice user, struct slice account,
    int64_t now_s)
{
	enum error	 er;

	if ((er = buf_puts(out, "<xml>")) != ERR_OK ||
	    (er = append_element(out, "ToUserName", user, user.len * 3)) != ERR_OK ||
	    (er = append_element(out, "FromUserName", account, account.len * 3)) != ERR_OK ||
	    (er = buf_printf(out, "<CreateTime>%lld</CreateTime><MsgType><![CDATA[%s]]></MsgType>",
	    (long long)now_s, passive_types[p->type])) != ERR_OK ||
	    (er = append_fields(out, p)) != ERR_OK)
		return er;
	return buf_puts(out, "</xml>");
}

/*
 * Judging.
 */

enum child { CHILD_TO, CHILD_FROM, CHILD_TIME, CHILD_TYPE, CHILD_ENCRYPT, CHILDREN };

static const char *const child_names[CHILDREN] = {
	[CHILD_TO] = "ToUserName", [CHILD_FROM] = "FromUserName", [CHILD_TIME] = "CreateTime",
	[CHILD_TYPE] = "MsgType", [CHILD_ENCRYPT] = "Encrypt",
};

/* Makes the judgement PASSIVE_BAD, unless the memory is at its end. */
static enum error
refuse(struct passive_judged *j, const char *why)
{
	j->is = PASSIVE_BAD;
	j->xml = (struct slice){ NULL, 0 };
	j->why = why;
	return ERR_OK;
}

/* Replaces the content of b by the text of an element; an absent one has none. */
static enum error
take_text(struct buf *b, struct slice inside)
{
	buf_reset(b);
	return inside.p == NULL ? ERR_OK : xml_scan_text(b, inside);
}

/* Replaces the content of b by an <xml> that has the children of an element. */
static enum error
make_root(struct buf *b, struct slice inside)
{
	enum error	 er;

	buf_reset(b);
	if ((er = buf_puts(b, "<xml>")) != ERR_OK ||
	    (er = buf_put(b, inside.p, inside.len)) != ERR_OK)
		return er;
	return buf_puts(b, "</xml>");
}

/* Checks that the reply has what its type demands.  clean is its XML. */
static enum error
judge_content(struct passive_judged *j, struct slice clean)
{
	const struct shape	*shape = &shapes[j->type];
	struct slice		 inside;
	enum error		 er;
	bool			 stray;

	if (shape->group == NULL)
		return ERR_OK;
	(void)xml_scan_children(&inside, &stray, &shape->group, 1, clean);
	if (inside.p != NULL && shape->child != NULL) {
		if ((er = make_root(&j->work, inside)) != ERR_OK)
			return er;
		(void)xml_scan_children(&inside, &stray, &shape->child, 1, buf_slice(&j->work));
	}
	if (inside.p == NULL || xml_lexer_trim(inside).len == 0 ||
	    slice_is(inside, "<![CDATA[]]>"))
		return refuse(j, "it lacks what its MsgType demands, or that is empty");
	return ERR_OK;
}

/* The type with this name; PASSIVE__MAX: there is no such type. */
static enum passive_type
type_of(struct slice name)
{
	enum passive_type	 type = 0;

	while (type != PASSIVE__MAX && !slice_is(name, passive_types[type]))
		type++;
	return type;
}

/* Checks the children that all replies have. */
static enum error
judge_children(struct passive_judged *j, struct slice user, struct slice clean)
{
	struct slice	 inside[CHILDREN];
	enum error	 er;
	int64_t		 time;
	bool		 stray;

	if (xml_scan_children(inside, &stray, child_names, CHILDREN, clean) != ERR_OK)
		return refuse(j, "its root element is not <xml>");
	if ((er = take_text(&j->work, inside[CHILD_TYPE])) != ERR_OK)
		return er;
	if ((j->type = type_of(buf_slice(&j->work))) == PASSIVE__MAX)
		return refuse(j, "MsgType is missing, or is not that of a reply");
	if ((er = take_text(&j->work, inside[CHILD_TO])) != ERR_OK)
		return er;
	if (j->work.len != user.len || memcmp(buf_slice(&j->work).p, user.p, user.len) != 0)
		return refuse(j, "ToUserName is not the user who wrote");
	if ((er = take_text(&j->work, inside[CHILD_FROM])) != ERR_OK)
		return er;
	if (j->work.len == 0)
		return refuse(j, "FromUserName is missing");
	if ((er = take_text(&j->work, inside[CHILD_TIME])) != ERR_OK)
		return er;
	if (!number_parse(&time, buf_slice(&j->work)))
		return refuse(j, "CreateTime is missing, or is not a number");
	return judge_content(j, clean);
}

/* Judges a reply that is not encrypted, or was decrypted. */
static enum error
judge_reply(struct passive_judged *j, struct slice user, struct slice xml)
{
	const char	*why;
	enum error	 er;

	j->xml = xml;
	if ((er = xml_sanitize(&j->clean, &why, xml)) == ERR_XML)
		return refuse(j, "it is not well-formed XML");
	return er == ERR_OK ? judge_children(j, user, buf_slice(&j->clean)) : er;
}

/* Opens and judges a body that may be encrypted.  False: it is not. */
static bool
judge_sealed(enum error *er, struct passive_judged *j, struct crypto *c, const struct account *a,
    struct slice user)
{
	struct slice	 inside[CHILDREN];
	bool		 stray;

	if (xml_scan_children(inside, &stray, child_names, CHILDREN, j->body) != ERR_OK ||
	    inside[CHILD_ENCRYPT].p == NULL || inside[CHILD_TYPE].p != NULL)
		return false;
	*er = crypto_open_reply(c, &j->opened, &j->work, a, j->body);
	if (*er == ERR_OK) {
		j->is = PASSIVE_SEALED;
		*er = judge_reply(j, user, buf_slice(&j->opened));
	} else if (*er == ERR_SIGNATURE || *er == ERR_PARAM) {
		*er = refuse(j, "it is encrypted, and MsgSignature is missing or wrong");
	} else if (*er != ERR_NOMEM) {
		*er = refuse(j, "it is encrypted, but not with this account's EncodingAESKey "
		    "and AppID");
	}
	return true;
}

/* True: the same text, in upper or lower case. */
static bool
equals_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* The body without a byte order mark, and blanks before and behind it. */
static struct slice
cut_around(struct slice body)
{
	struct xml_lexer	 lx;

	if (body.len == 0)
		return (struct slice){ "", 0 };
	body = xml_lexer_trim(body);
	xml_lexer_init(&lx, body);
	xml_lexer_skip_bom(&lx);
	return xml_lexer_trim((struct slice){ lx.p, (size_t)(lx.end - lx.p) });
}

enum error
passive_judge(struct passive_judged *j, struct crypto *c, const struct account *a,
    struct slice user, struct slice body)
{
	enum error	 er = ERR_OK;

	j->is = PASSIVE_PLAIN;
	j->type = PASSIVE__MAX;
	j->body = cut_around(body);
	j->xml = (struct slice){ NULL, 0 };
	j->why = "";
	if (j->body.len == 0)
		j->is = PASSIVE_EMPTY;
	else if (equals_word(j->body, "success"))
		j->is = PASSIVE_SUCCESS;
	else if (*j->body.p != '<')
		return refuse(j, "it is neither XML, nor empty, nor `success`");
	else if (!judge_sealed(&er, j, c, a, user))
		er = judge_reply(j, user, j->body);
	if (er != ERR_OK && er != ERR_NOMEM)
		return refuse(j, "it is not well-formed XML");
	if (er == ERR_NOMEM)
		(void)refuse(j, error_table[ERR_NOMEM].name);
	return er;
}

void
passive_judged_free(struct passive_judged *j)
{
	buf_free(&j->opened);
	buf_free(&j->work);
	buf_free(&j->clean);
}

enum error
passive_pack(struct buf *out, struct crypto *c, const struct account *a, struct slice xml,
    int64_t now_s)
{
	const size_t	 before = out->len;
	enum error	 er;

	if (a->mode == PLAIN)
		er = buf_put(out, xml.p, xml.len);
	else
		er = crypto_seal_reply(c, out, a, xml, now_s);
	if (er != ERR_OK)
		out->len = before;
	return er;
}
