#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mxml.h>

#include "core/json_write.h"
#include "wechat/xml_sanitize.h"
#include "xmlmap.h"

/*
 * The table: what QT calls each of WeChat's messages, and the element that feeds each
 * key.  A path begins below the root, or below `within` where there is one; "a|b" means
 * b where there is no a; the items of "x[]/leaf" are all x of one parent, their values
 * what leaf holds (the item itself without one).
 */
enum rule {
	STRING,		/* text */
	NUMBER,		/* text that is a number by JSON's grammar, else no key */
	LIST,		/* values of all items, joined with commas */
	ARTICLE_URL,	/* a LIST whose key is an option */
	OBJECT,		/* children as a JSON text */
	IS_SCAN		/* follow by QR code: an option's word */
};

/* A child in a JSON text: its text, or an array of an object {leaf} for each item. */
struct member {
	const char	*name, *item, *leaf;
};

struct field {
	const char		*key;
	enum rule		 rule;
	const char		*path;
	const struct member	*members;	/* of an OBJECT */
};

struct mapping {
	const char		*code;
	const char		*within;
	const struct field	*fields;	/* up to one without key */
};

#define FIELDS	(const struct field[])
#define MEMBERS	(const struct member[])

static const struct mapping menu_click = { "$$_menu_click", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Event", STRING, "Event", NULL },
	{ "EventKey", STRING, "EventKey", NULL },
	{ "MenuID", STRING, "MenuId|MenuID", NULL },
	{ "ScanCodeInfo", OBJECT, "ScanCodeInfo", MEMBERS{
		{ "ScanType", NULL, NULL }, { "ScanResult", NULL, NULL },
		{ NULL, NULL, NULL } } },
	{ "ScanType", STRING, "ScanCodeInfo/ScanType", NULL },
	{ "ScanResult", STRING, "ScanCodeInfo/ScanResult", NULL },
	{ "SendPicsInfo", OBJECT, "SendPicsInfo", MEMBERS{
		{ "Count", NULL, NULL }, { "PicList", "item", "PicMd5Sum" },
		{ NULL, NULL, NULL } } },
	{ "Count", NUMBER, "SendPicsInfo/Count", NULL },
	{ "SendLocationInfo", OBJECT, "SendLocationInfo", MEMBERS{
		{ "Location_X", NULL, NULL }, { "Location_Y", NULL, NULL },
		{ "Scale", NULL, NULL }, { "Label", NULL, NULL }, { "Poiname", NULL, NULL },
		{ NULL, NULL, NULL } } },
	{ "Location_X", STRING, "SendLocationInfo/Location_X", NULL },
	{ "Location_Y", STRING, "SendLocationInfo/Location_Y", NULL },
	{ "Scale", NUMBER, "SendLocationInfo/Scale", NULL },
	{ "Label", STRING, "SendLocationInfo/Label", NULL },
	{ "Poiname", STRING, "SendLocationInfo/Poiname", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping follow = { "$$_official_account_follow", NULL, FIELDS{
	{ "is_scan", IS_SCAN, NULL, NULL },
	{ "EventKey", STRING, "EventKey", NULL },
	{ "Event", STRING, "Event", NULL },
	{ "Ticket", STRING, "Ticket", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping unfollow = { "$$_official_account_unfollow", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Event", STRING, "Event", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping scan = { "$$_scan_open_official_account", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Event", STRING, "Event", NULL },
	{ "EventKey", STRING, "EventKey", NULL },
	{ "Ticket", STRING, "Ticket", NULL },
	{ NULL, STRING, NULL, NULL }
} };

/* QT spells it so. */
static const struct mapping location = { "$$_send_localtion", NULL, FIELDS{
	{ "Event", STRING, "Event", NULL },
	{ "Latitude", NUMBER, "Latitude", NULL },
	{ "Longitude", NUMBER, "Longitude", NULL },
	{ "Precision", NUMBER, "Precision", NULL },
	{ NULL, STRING, NULL, NULL }
} };

/* WeChat's documentation has put one of these three into another's container. */
static const struct mapping subscription_sent = { "$$_send_msg_popup",
    "SubscribeMsgSentEvent|SubscribeMsgPopupEvent|SubscribeMsgChangeEvent", FIELDS{
	{ "TemplateId", LIST, "List[]/TemplateId", NULL },
	{ "MsgID", LIST, "List[]/MsgID", NULL },
	{ "ErrorCode", LIST, "List[]/ErrorCode", NULL },
	{ "ErrorStatus", LIST, "List[]/ErrorStatus", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping subscription_popup = { "$$_click_msg_popup",
    "SubscribeMsgPopupEvent|SubscribeMsgChangeEvent|SubscribeMsgSentEvent", FIELDS{
	{ "TemplateId", LIST, "List[]/TemplateId", NULL },
	{ "SubscribeStatusString", LIST, "List[]/SubscribeStatusString", NULL },
	{ "PopupScene", LIST, "List[]/PopupScene", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping subscription_change = { "$$_manager_msg_popup",
    "SubscribeMsgChangeEvent|SubscribeMsgPopupEvent|SubscribeMsgSentEvent", FIELDS{
	{ "TemplateId", LIST, "List[]/TemplateId", NULL },
	{ "SubscribeStatusString", LIST, "List[]/SubscribeStatusString", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping template_sent = { "$$_template_send_finish", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Event", STRING, "Event", NULL },
	{ "MsgID", STRING, "MsgID|MsgId", NULL },
	{ "Status", STRING, "Status", NULL },
	{ NULL, STRING, NULL, NULL }
} };

#define COPYRIGHT	"CopyrightCheckResult/ResultList/item[]/"
#define ARTICLE		"ArticleUrlResult/ResultList/item[]/"

static const struct mapping mass_sent = { "$$_mass_send_finish", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Event", STRING, "Event", NULL },
	{ "MsgID", STRING, "MsgID|MsgId", NULL },
	{ "Status", STRING, "Status", NULL },
	{ "TotalCount", NUMBER, "TotalCount", NULL },
	{ "FilterCount", NUMBER, "FilterCount", NULL },
	{ "SentCount", NUMBER, "SentCount", NULL },
	{ "ErrorCount", NUMBER, "ErrorCount", NULL },
	{ "ArticleIdx", LIST, COPYRIGHT "ArticleIdx|" ARTICLE "ArticleIdx", NULL },
	{ "UserDeclareState", LIST, COPYRIGHT "UserDeclareState", NULL },
	{ "AuditState", LIST, COPYRIGHT "AuditState", NULL },
	{ "OriginalArticleUrl", LIST, COPYRIGHT "OriginalArticleUrl", NULL },
	{ "OriginalArticleType", LIST, COPYRIGHT "OriginalArticleType", NULL },
	{ "CanReprint", LIST, COPYRIGHT "CanReprint", NULL },
	{ "NeedReplaceContent", LIST, COPYRIGHT "NeedReplaceContent", NULL },
	{ "NeedShowReprintSource", LIST, COPYRIGHT "NeedShowReprintSource", NULL },
	{ "CheckState", STRING, "CopyrightCheckResult/CheckState", NULL },
	{ "ArticleUrl", LIST, ARTICLE "ArticleUrl", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping published = { "$$_publish_job_finish", "PublishEventInfo", FIELDS{
	{ "publish_id", STRING, "publish_id", NULL },
	{ "publish_status", STRING, "publish_status", NULL },
	{ "article_id", STRING, "article_id", NULL },
	{ "count", NUMBER, "article_detail/count", NULL },
	{ "idx", LIST, "article_detail/item[]/idx", NULL },
	{ "article_URL", ARTICLE_URL, "article_detail/item[]/article_url", NULL },
	{ "fail_idx", LIST, "fail_idx[]", NULL },
	{ NULL, STRING, NULL, NULL }
} };

static const struct mapping received = { "$$_receive_msg", NULL, FIELDS{
	{ "MsgType", STRING, "MsgType", NULL },
	{ "Content", STRING, "Content", NULL },
	{ "MsgId", STRING, "MsgId|MsgID", NULL },
	{ "MsgDataId", STRING, "MsgDataId", NULL },
	{ "Idx", STRING, "Idx", NULL },
	{ "PicUrl", STRING, "PicUrl", NULL },
	{ "MediaId", STRING, "MediaId", NULL },
	{ "Format", STRING, "Format", NULL },
	{ "Recognition", STRING, "Recognition", NULL },
	{ "ThumbMediaId", STRING, "ThumbMediaId", NULL },
	{ "Location_X", NUMBER, "Location_X", NULL },
	{ "Location_Y", NUMBER, "Location_Y", NULL },
	{ "Scale", NUMBER, "Scale", NULL },
	{ "Label", STRING, "Label", NULL },
	{ "Title", STRING, "Title", NULL },
	{ "Description", STRING, "Description", NULL },
	{ "Url", STRING, "Url", NULL },
	{ NULL, STRING, NULL, NULL }
} };

/* WeChat's names, compared without regard to case. */
struct row {
	const char		*type;
	const struct mapping	*mapping;
};

/* By Event, where MsgType is "event". */
static const struct row events[] = {
	{ "CLICK", &menu_click },
	{ "VIEW", &menu_click },
	{ "view_miniprogram", &menu_click },
	{ "scancode_push", &menu_click },
	{ "scancode_waitmsg", &menu_click },
	{ "pic_sysphoto", &menu_click },
	{ "pic_photo_or_album", &menu_click },
	{ "pic_weixin", &menu_click },
	{ "location_select", &menu_click },
	{ "subscribe", &follow },
	{ "unsubscribe", &unfollow },
	{ "SCAN", &scan },
	{ "LOCATION", &location },
	{ "subscribe_msg_sent_event", &subscription_sent },
	{ "subscribe_msg_popup_event", &subscription_popup },
	{ "subscribe_msg_change_event", &subscription_change },
	{ "TEMPLATESENDJOBFINISH", &template_sent },
	{ "MASSSENDJOBFINISH", &mass_sent },
	{ "PUBLISHJOBFINISH", &published },
	{ "FREEPUBLISHJOBFINISH", &published },
	{ NULL, NULL }
};

/* By MsgType otherwise. */
static const struct row messages[] = {
	{ "text", &received },
	{ "image", &received },
	{ "voice", &received },
	{ "video", &received },
	{ "shortvideo", &received },
	{ "location", &received },
	{ "link", &received },
	{ NULL, NULL }
};

/* What every message has, by the root's children. */
enum message_kind { MSGTYPE, EVENT, USER, TIME, HEAD__MAX };

static const char *const head_names[HEAD__MAX] = {
	[MSGTYPE]	= "MsgType",
	[EVENT]		= "Event",
	[USER]		= "FromUserName",
	[TIME]		= "CreateTime",
};

/* Where a field's value is.  Of a list: its next item, and what to take of that. */
struct spot {
	mxml_node_t	*el;		/* NULL: nowhere, or no item is left */
	struct slice	 leaf;
};

struct xmlmap {
	struct xmlmap_options	 opt;
	const char		*why;
	struct buf		 xml, scratch;
	mxml_node_t		*root;		/* NULL: no message at hand */
	mxml_node_t		*head[HEAD__MAX];
	const struct mapping	*mapping;	/* NULL: no row */
	struct spot		 spots[EVENT_ATTRS_MAX];
	int			 events;	/* taken of this message */
};

/* What mxml 4 renamed.  Its complaints go nowhere: xml_sanitize has said what is wrong. */
#if MXML_MAJOR_VERSION >= 4

#define MXML_OPAQUE	MXML_TYPE_OPAQUE

static void
ignore_error(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static mxml_node_t *
load(const char *xml)
{
	mxml_options_t	*opt;
	mxml_node_t	*root;

	if ((opt = mxmlOptionsNew()) == NULL)
		return NULL;
	mxmlOptionsSetErrorCallback(opt, ignore_error, NULL);
	mxmlOptionsSetTypeValue(opt, MXML_TYPE_OPAQUE);
	root = mxmlLoadString(NULL, opt, xml);
	mxmlOptionsDelete(opt);
	return root;
}

#else

static void
ignore_error(const char *text)
{
	(void)text;
}

static mxml_node_t *
load(const char *xml)
{
	mxmlSetErrorCallback(ignore_error);	/* this thread's */
	return mxmlLoadString(NULL, xml, MXML_OPAQUE_CALLBACK);
}

#endif

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice s)
{
	for (; s.len != 0 && is_blank(s.p[0]); s.len--)
		s.p++;
	while (s.len != 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* From n on, NULL or one of siblings, the first element of this name. */
static mxml_node_t *
next_named(mxml_node_t *n, struct slice name)
{
	const char	*s;

	for (; n != NULL; n = mxmlGetNextSibling(n))
		if ((s = mxmlGetElement(n)) != NULL && s[0] == name.p[0] &&
		    strncmp(s, name.p, name.len) == 0 && s[name.len] == '\0')
			return n;
	return NULL;
}

static mxml_node_t *
child(mxml_node_t *el, struct slice name)
{
	return el == NULL ? NULL : next_named(mxmlGetFirstChild(el), name);
}

static mxml_node_t *
next_item(mxml_node_t *el)
{
	return next_named(mxmlGetNextSibling(el), slice_of(mxmlGetElement(el)));
}

/* One alternative of a path.  Of a list the first item; *leaf is what to take of each. */
static mxml_node_t *
walk(mxml_node_t *el, struct slice path, struct slice *leaf)
{
	struct slice	 step;

	*leaf = (struct slice){ "", 0 };
	for (;;) {
		step = (struct slice){ path.p, 0 };
		while (step.len < path.len && step.p[step.len] != '/' && step.p[step.len] != '[')
			step.len++;
		el = child(el, step);
		if (el == NULL || step.len == path.len)
			return el;
		if (step.p[step.len] == '[') {
			step.len += strlen("[]/");
			if (step.len < path.len)
				*leaf = (struct slice){ path.p + step.len, path.len - step.len };
			return el;
		}
		path.p += step.len + 1;
		path.len -= step.len + 1;
	}
}

/* The first element that path names below el, NULL without one. */
static mxml_node_t *
find(mxml_node_t *el, const char *path, struct slice *leaf)
{
	mxml_node_t	*found;
	size_t		 len;

	for (;; path += len + 1) {
		len = strcspn(path, "|");
		found = walk(el, (struct slice){ path, len }, leaf);
		if (found != NULL || path[len] == '\0')
			return found;
	}
}

/*
 * Appends an element's own text: as it is where there is a CDATA section (blanks beside
 * it are layout and have not come past xml_sanitize), else trimmed.
 */
static enum error
put_text(struct buf *out, mxml_node_t *el)
{
	bool		 cdata = false;
	size_t		 start = out->len;
	mxml_node_t	*n;
	const char	*s;
	enum error	 er;
	struct slice	 t;

	for (n = mxmlGetFirstChild(el); n != NULL; n = mxmlGetNextSibling(n)) {
		if ((s = mxmlGetCDATA(n)) != NULL)
			cdata = true;
		else if (mxmlGetType(n) == MXML_OPAQUE)
			s = mxmlGetOpaque(n);
		if (s != NULL && (er = buf_puts(out, s)) != ERR_OK)
			return er;
	}
	if (!cdata && out->len != start) {
		t = trim((struct slice){ out->p + start, out->len - start });
		memmove(out->p + start, t.p, t.len);
		out->len = start + t.len;
	}
	return ERR_OK;
}

/* The text of el alone, in the scratch buffer. */
static enum error
scratch_text(struct xmlmap *m, mxml_node_t *el, struct slice *text)
{
	enum error	 er = ERR_OK;

	buf_reset(&m->scratch);
	if (el != NULL)
		er = put_text(&m->scratch, el);
	*text = buf_slice(&m->scratch);
	return er;
}

static size_t
digits(struct slice s, size_t i)
{
	size_t	 from = i;

	while (i < s.len && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool
is_number(struct slice s)
{
	size_t	 i = 0, n;

	i += i < s.len && s.p[i] == '-';
	if ((n = digits(s, i)) == 0 || (n > 1 && s.p[i] == '0'))
		return false;
	i += n;
	if (i < s.len && s.p[i] == '.') {
		if ((n = digits(s, ++i)) == 0)
			return false;
		i += n;
	}
	if (i < s.len && (s.p[i] | 0x20) == 'e') {
		i++;
		i += i < s.len && (s.p[i] == '+' || s.p[i] == '-');
		if ((n = digits(s, i)) == 0)
			return false;
		i += n;
	}
	return i == s.len;
}

/* The rules: append a field's value to out, *got says whether there is one. */

static enum error
take_string(struct xmlmap *m, struct buf *out, const struct field *f, struct spot *at, bool *got)
{
	(void)m;
	(void)f;
	*got = at->el != NULL;
	return at->el == NULL ? ERR_OK : put_text(out, at->el);
}

static enum error
take_number(struct xmlmap *m, struct buf *out, const struct field *f, struct spot *at, bool *got)
{
	struct slice	 text;
	enum error	 er;

	(void)f;
	if ((er = scratch_text(m, at->el, &text)) != ERR_OK)
		return er;
	text = trim(text);
	*got = is_number(text);
	return *got ? buf_put(out, text.p, text.len) : ERR_OK;
}

/* An item without the element leaves an empty place; no item with it, no key. */
static enum error
take_list(struct xmlmap *m, struct buf *out, const struct field *f, struct spot *at, bool *got)
{
	mxml_node_t	*item, *el;
	enum error	 er;
	bool		 first = true;

	(void)f;
	for (; (item = at->el) != NULL; first = false) {
		at->el = next_item(item);
		el = at->leaf.len == 0 ? item : child(item, at->leaf);
		if (!first && (er = buf_putc(out, ',')) != ERR_OK)
			return er;
		if (el != NULL) {
			*got = true;
			if ((er = put_text(out, el)) != ERR_OK)
				return er;
		}
		if (m->opt.one_per_item && m->events < XMLMAP_EVENTS_MAX)
			break;
	}
	return ERR_OK;
}

/* "name":"text" for a child that is there. */
static enum error
put_member(struct xmlmap *m, struct buf *out, mxml_node_t *el, const char *name, bool *first)
{
	struct slice	 text;
	enum error	 er;

	if (el == NULL)
		return ERR_OK;
	if ((!*first && (er = buf_putc(out, ',')) != ERR_OK) ||
	    (er = json_write_string(out, slice_of(name))) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK ||
	    (er = scratch_text(m, el, &text)) != ERR_OK)
		return er;
	*first = false;
	return json_write_string(out, text);
}

static enum error
put_item(struct xmlmap *m, struct buf *out, mxml_node_t *item, const char *leaf)
{
	enum error	 er;
	bool		 first = true;

	if ((er = buf_putc(out, '{')) != ERR_OK ||
	    (er = put_member(m, out, child(item, slice_of(leaf)), leaf, &first)) != ERR_OK)
		return er;
	return buf_putc(out, '}');
}

/* "name":[{..},..] of the items in el and the elements of its name after it. */
static enum error
put_items(struct xmlmap *m, struct buf *out, mxml_node_t *el, const struct member *mb,
    bool first)
{
	mxml_node_t	*item;
	enum error	 er;
	bool		 comma = false;

	if ((er = buf_printf(out, "%s\"%s\":[", first ? "" : ",", mb->name)) != ERR_OK)
		return er;
	for (; el != NULL; el = next_item(el)) {
		item = child(el, slice_of(mb->item));
		for (; item != NULL; item = next_item(item)) {
			if ((comma && (er = buf_putc(out, ',')) != ERR_OK) ||
			    (er = put_item(m, out, item, mb->leaf)) != ERR_OK)
				return er;
			comma = true;
		}
	}
	return buf_putc(out, ']');
}

static enum error
take_object(struct xmlmap *m, struct buf *out, const struct field *f, struct spot *at, bool *got)
{
	const struct member	*mb;
	mxml_node_t		*part;
	enum error		 er;
	bool			 first = true;

	if (at->el == NULL)
		return ERR_OK;
	*got = true;
	er = buf_putc(out, '{');
	for (mb = f->members; er == ERR_OK && mb->name != NULL; mb++) {
		part = child(at->el, slice_of(mb->name));
		if (mb->item == NULL) {
			er = put_member(m, out, part, mb->name, &first);
		} else if (part != NULL) {
			er = put_items(m, out, part, mb, first);
			first = false;
		}
	}
	return er == ERR_OK ? buf_putc(out, '}') : er;
}

/* By QR code: EventKey begins with qrscene_, or there is a Ticket. */
static enum error
take_is_scan(struct xmlmap *m, struct buf *out, const struct field *f, struct spot *at, bool *got)
{
	static const char	 prefix[] = "qrscene_";
	struct slice		 text;
	enum error		 er;
	bool			 scanned;

	(void)f;
	(void)at;
	if ((er = scratch_text(m, child(m->root, slice_of("EventKey")), &text)) != ERR_OK)
		return er;
	scanned = text.len >= strlen(prefix) && memcmp(text.p, prefix, strlen(prefix)) == 0;
	if ((er = scratch_text(m, child(m->root, slice_of("Ticket")), &text)) != ERR_OK)
		return er;
	scanned = scanned || text.len != 0;
	*got = true;
	return buf_puts(out, scanned ? m->opt.is_scan_yes : m->opt.is_scan_no);
}

typedef enum error	 take(struct xmlmap *m, struct buf *out, const struct field *f,
			    struct spot *at, bool *got);

static take *const	 rules[] = {
	[STRING]	= take_string,
	[NUMBER]	= take_number,
	[LIST]		= take_list,
	[ARTICLE_URL]	= take_list,
	[OBJECT]	= take_object,
	[IS_SCAN]	= take_is_scan,
};

/*
 * While an event is filled its text may move: its values carry their lengths only, in the
 * order in which they stand in the text, and p says no more than that they are there.
 */
static enum error
put_head(struct event *ev, mxml_node_t *el, struct slice *value)
{
	size_t		 start = ev->text.len;
	enum error	 er;

	if (el == NULL)
		return ERR_OK;
	if ((er = put_text(&ev->text, el)) == ERR_OK)
		*value = (struct slice){ "", ev->text.len - start };
	return er;
}

static const char *
place(struct slice *value, const char *at)
{
	if (value->p == NULL)
		return at;
	value->p = at;
	return at + value->len;
}

/* Lets the values point to where they have come to stand. */
static void
place_all(struct event *ev)
{
	const char	*at = buf_slice(&ev->text).p;
	size_t		 i;

	at = place(&ev->msgtype, at);
	at = place(&ev->event, at);
	at = place(&ev->user, at);
	for (i = 0; i < ev->nattr; i++)
		at = place(&ev->attr[i].value, at);
}

/* CreateTime, up to 18 digits; 0 for anything else. */
static int64_t
seconds(struct slice text)
{
	int64_t	 t = 0;
	size_t	 i;

	text = trim(text);
	if (text.len > 18 || digits(text, 0) != text.len)
		return 0;
	for (i = 0; i < text.len; i++)
		t = t * 10 + (text.p[i] - '0');
	return t;
}

static enum error
fill_head(struct xmlmap *m, struct event *ev)
{
	struct slice	 text;
	enum error	 er;

	event_reset(ev);
	if ((er = put_head(ev, m->head[MSGTYPE], &ev->msgtype)) != ERR_OK ||
	    (er = put_head(ev, m->head[EVENT], &ev->event)) != ERR_OK ||
	    (er = put_head(ev, m->head[USER], &ev->user)) != ERR_OK ||
	    (er = scratch_text(m, m->head[TIME], &text)) != ERR_OK)
		return er;
	ev->time_s = seconds(text);
	place_all(ev);
	return ERR_OK;
}

static enum error
fill_attr(struct xmlmap *m, struct event *ev, const struct field *f, struct spot *at)
{
	size_t		 start = ev->text.len;
	enum error	 er;
	bool		 got = false;

	er = rules[f->rule](m, &ev->text, f, at, &got);
	if (er != ERR_OK || !got) {
		ev->text.len = start;
		return er;
	}
	ev->attr[ev->nattr++] = (struct event_attr){
		f->rule == ARTICLE_URL ? m->opt.article_url : f->key,
		f->rule == NUMBER ? EVENT_NUMBER : EVENT_STRING,
		{ "", ev->text.len - start }
	};
	return ERR_OK;
}

/* Attributes, after the head; the lists' next items are used up. */
static enum error
fill_attrs(struct xmlmap *m, struct event *ev)
{
	const struct field	*f;
	struct spot		*at = m->spots;
	enum error		 er = ERR_OK;

	m->events++;
	if (m->mapping != NULL) {
		ev->code = m->mapping->code;
		for (f = m->mapping->fields; er == ERR_OK && f->key != NULL; f++)
			er = fill_attr(m, ev, f, at++);
	}
	place_all(ev);
	return er;
}

static bool
is_type(struct slice text, const char *type)
{
	text = trim(text);
	return text.len == strlen(type) && strncasecmp(text.p, type, text.len) == 0;
}

static const struct mapping *
lookup(const struct row *rows, struct slice type)
{
	for (; rows->type != NULL; rows++)
		if (is_type(type, rows->type))
			return rows->mapping;
	return NULL;
}

static const struct mapping *
mapping_of(struct slice msgtype, struct slice event)
{
	return is_type(msgtype, "event") ? lookup(events, event) : lookup(messages, msgtype);
}

const char *
xmlmap_code(struct slice msgtype, struct slice event)
{
	const struct mapping	*mapping = mapping_of(msgtype, event);

	return mapping == NULL ? NULL : mapping->code;
}

static void
find_head(struct xmlmap *m)
{
	enum message_kind	 h;

	for (h = 0; h < HEAD__MAX; h++)
		m->head[h] = child(m->root, slice_of(head_names[h]));
}

/* Finds the event's row and where each of its values is. */
static void
find_attrs(struct xmlmap *m, const struct event *ev)
{
	const struct field	*f;
	struct spot		*at = m->spots;
	struct slice		 leaf;
	mxml_node_t		*base;

	m->events = 0;
	m->mapping = mapping_of(ev->msgtype, ev->event);
	if (m->mapping == NULL)
		return;
	base = m->mapping->within == NULL ? m->root : find(m->root, m->mapping->within, &leaf);
	for (f = m->mapping->fields; f->key != NULL; f++, at++)
		at->el = f->path == NULL ? NULL : find(base, f->path, &at->leaf);
}

static void
end(struct xmlmap *m)
{
	mxmlDelete(m->root);
	m->root = NULL;
	m->mapping = NULL;
	memset(m->head, 0, sizeof(m->head));
}

struct xmlmap *
xmlmap_new(const struct xmlmap_options *opt)
{
	struct xmlmap	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	if (opt != NULL)
		m->opt = *opt;
	if (m->opt.is_scan_yes == NULL)
		m->opt.is_scan_yes = "true";
	if (m->opt.is_scan_no == NULL)
		m->opt.is_scan_no = "false";
	if (m->opt.article_url == NULL)
		m->opt.article_url = "article_URL";
	m->why = "";
	return m;
}

struct xmlmap *
xmlmap_for(const struct settings *set)
{
	const struct xmlmap_options	 opt = {
		.is_scan_yes = set->is_scan_yes, .is_scan_no = set->is_scan_no,
		.article_url = set->article_url, .one_per_item = set->one_per_item != 0,
	};

	return xmlmap_new(&opt);
}

void
xmlmap_free(struct xmlmap *m)
{
	if (m == NULL)
		return;
	end(m);
	buf_free(&m->xml);
	buf_free(&m->scratch);
	free(m);
}

bool
xmlmap_more(const struct xmlmap *m)
{
	const struct field	*f;
	const struct spot	*at = m->spots;

	if (m->mapping == NULL)
		return false;
	for (f = m->mapping->fields; f->key != NULL; f++, at++)
		if (rules[f->rule] == take_list && at->el != NULL)
			return true;
	return false;
}

/* An event filled or not: what is done with is let go. */
static enum error
finish(struct xmlmap *m, struct event *ev, enum error er)
{
	if (er != ERR_OK)
		event_reset(ev);
	if (er != ERR_OK || !xmlmap_more(m))
		end(m);
	return er;
}

enum error
xmlmap_next(struct xmlmap *m, struct event *ev)
{
	enum error	 er;

	if ((er = fill_head(m, ev)) == ERR_OK)
		er = fill_attrs(m, ev);
	return finish(m, ev, er);
}

enum error
xmlmap_event(struct xmlmap *m, struct event *ev, struct slice xml)
{
	enum error	 er;

	end(m);
	event_reset(ev);
	if ((er = xml_sanitize(&m->xml, &m->why, xml)) != ERR_OK)
		return er;
	er = ERR_XML;
	if ((m->root = load(m->xml.p)) == NULL) {
		m->why = "mxml refused it";
	} else if (!slice_is(slice_of(mxmlGetElement(m->root)), "xml")) {
		m->why = "root element is not <xml>";
	} else {
		find_head(m);
		if ((er = fill_head(m, ev)) == ERR_OK) {
			find_attrs(m, ev);
			er = fill_attrs(m, ev);
		}
	}
	return finish(m, ev, er);
}

const char *
xmlmap_why(const struct xmlmap *m)
{
	return m->why;
}

enum error
xmlmap_message(struct message *m, struct slice xml)
{
	enum error	 er = message_read(m, xml);

	m->code = xmlmap_code(m->msgtype, m->event);
	return er;
}
