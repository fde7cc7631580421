#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mxml.h>

#include "core/json_write.h"
#include "core/number.h"
#include "wechat/xml_lexer.h"
#include "wechat/xml_repair.h"
#include "wechat/xml_sanitize.h"
#include "xmlmap.h"

/*
 * The table: QT's event code for each of WeChat's messages, and for each of QT's keys the element
 * that its value comes from.
 *
 * A path begins at the root, or at the element `within` if there is one.  "a|b" is a, or b if
 * there is no a.  "x[]/leaf" is a list: its items are all elements x of one parent, and a value is
 * the text of leaf in an item.  "x[]" takes the text of the item itself.
 */
enum value_rule {
	STRING,		/* the text */
	NUMBER,		/* the text, if it is a number by JSON's grammar; if not, there is no key */
	LIST,		/* the values of all items, joined with commas */
	ARTICLE_URL,	/* a LIST; its key is an option */
	OBJECT,		/* the children, as a JSON object in a string */
	IS_SCAN		/* did the user follow by QR code?  Yes and no are options */
};

/*
 * A child in an OBJECT.  Without an item it is the child's text; with one it is an array that has
 * the object {leaf: text} for each item.
 */
struct json_member {
	const char	*name, *item, *leaf;
};

struct key_rule {
	const char			*key;
	enum value_rule			 rule;
	const char			*path;
	const struct json_member	*members;	/* only for an OBJECT */
};

struct mapping {
	const char		*code;
	const char		*within;
	const struct key_rule	*fields;	/* the last one has no key */
};

#define FIELDS	(const struct key_rule[])
#define MEMBERS	(const struct json_member[])

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

/* "localtion" is QT's spelling. */
static const struct mapping location = { "$$_send_localtion", NULL, FIELDS{
	{ "Event", STRING, "Event", NULL },
	{ "Latitude", NUMBER, "Latitude", NULL },
	{ "Longitude", NUMBER, "Longitude", NULL },
	{ "Precision", NUMBER, "Precision", NULL },
	{ NULL, STRING, NULL, NULL }
} };

/* In WeChat's documentation one of these three events is in the container of another one. */
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

/* WeChat's names.  Upper and lower case are the same. */
struct type_row {
	const char		*type;
	const struct mapping	*mapping;
};

/* The rows of events (MsgType is "event"), by Event. */
static const struct type_row events[] = {
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

/* The rows of all other messages, by MsgType. */
static const struct type_row messages[] = {
	{ "text", &received },
	{ "image", &received },
	{ "voice", &received },
	{ "video", &received },
	{ "shortvideo", &received },
	{ "location", &received },
	{ "link", &received },
	{ NULL, NULL }
};

/* The element that a value comes from.  Of a list: its next item, and the leaf of each item. */
struct value_place {
	mxml_node_t	*el;		/* NULL: no element, or no item is left */
	struct slice	 leaf;
};

struct xmlmap {
	struct xmlmap_options	 opt;
	const char		*why;
	const char		*repaired;	/* what was repaired in the text; "": nothing */
	struct buf		 xml, scratch, work;
	mxml_node_t		*root;		/* NULL: no message is being read */
	mxml_node_t		*elements[MESSAGE_TIME + 1]; /* by enum message_element */
	const struct mapping	*mapping;	/* NULL: the table has no row for it */
	struct value_place	 places[EVENT_ATTRS_MAX];
	int			 events;	/* of this message, so far */
};

/*
 * mxml 4 has other names than mxml 3.  Nobody reads its error messages: xml_sanitize() has already
 * said what is wrong.
 */
#if MXML_MAJOR_VERSION >= 4

#define MXML_OPAQUE	MXML_TYPE_OPAQUE

static void
ignore_mxml_error(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static mxml_node_t *
load_tree(const char *xml)
{
	mxml_options_t	*opt;
	mxml_node_t	*root;

	if ((opt = mxmlOptionsNew()) == NULL)
		return NULL;
	mxmlOptionsSetErrorCallback(opt, ignore_mxml_error, NULL);
	mxmlOptionsSetTypeValue(opt, MXML_TYPE_OPAQUE);
	root = mxmlLoadString(NULL, opt, xml);
	mxmlOptionsDelete(opt);
	return root;
}

#else

static void
ignore_mxml_error(const char *text)
{
	(void)text;
}

static mxml_node_t *
load_tree(const char *xml)
{
	mxmlSetErrorCallback(ignore_mxml_error);	/* mxml keeps it for each thread */
	return mxmlLoadString(NULL, xml, MXML_OPAQUE_CALLBACK);
}

#endif

/* The first element of this name among n and the siblings after it.  n may be NULL. */
static mxml_node_t *
find_sibling(mxml_node_t *n, struct slice name)
{
	const char	*s;

	for (; n != NULL; n = mxmlGetNextSibling(n))
		if ((s = mxmlGetElement(n)) != NULL && s[0] == name.p[0] &&
		    strncmp(s, name.p, name.len) == 0 && s[name.len] == '\0')
			return n;
	return NULL;
}

static mxml_node_t *
find_child(mxml_node_t *el, struct slice name)
{
	return el == NULL ? NULL : find_sibling(mxmlGetFirstChild(el), name);
}

static mxml_node_t *
find_next_item(mxml_node_t *el)
{
	return find_sibling(mxmlGetNextSibling(el), slice_of(mxmlGetElement(el)));
}

/* The element of a path without "|".  Of a list it is the first item, and *leaf is what to take. */
static mxml_node_t *
walk_path(mxml_node_t *el, struct slice path, struct slice *leaf)
{
	struct slice	 step;

	*leaf = (struct slice){ "", 0 };
	for (;;) {
		step = (struct slice){ path.p, 0 };
		while (step.len < path.len && step.p[step.len] != '/' && step.p[step.len] != '[')
			step.len++;
		el = find_child(el, step);
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

/* The first element below el that the path leads to.  NULL: there is no such element. */
static mxml_node_t *
find_path(mxml_node_t *el, const char *path, struct slice *leaf)
{
	mxml_node_t	*found;
	size_t		 len;

	for (;; path += len + 1) {
		len = strcspn(path, "|");
		found = walk_path(el, (struct slice){ path, len }, leaf);
		if (found != NULL || path[len] == '\0')
			return found;
	}
}

/*
 * Appends the text of an element, without that of its children.  If it has a CDATA section the text
 * stays as it is (xml_sanitize() has removed the blanks beside the section, which are layout); if
 * not, the text is trimmed.
 */
static enum error
append_own_text(struct buf *out, mxml_node_t *el)
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
		t = xml_lexer_trim((struct slice){ out->p + start, out->len - start });
		memmove(out->p + start, t.p, t.len);
		out->len = start + t.len;
	}
	return ERR_OK;
}

/* Reads the text of el into the scratch buffer.  *text is valid until the next call. */
static enum error
read_scratch_text(struct xmlmap *map, mxml_node_t *el, struct slice *text)
{
	enum error	 er = ERR_OK;

	buf_reset(&map->scratch);
	if (el != NULL)
		er = append_own_text(&map->scratch, el);
	*text = buf_slice(&map->scratch);
	return er;
}

/* How many digits there are from index i on. */
static size_t
count_digits(struct slice s, size_t i)
{
	size_t	 from = i;

	while (i < s.len && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

/* JSON's grammar: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool
is_json_number(struct slice s)
{
	size_t	 i = 0, n;

	i += i < s.len && s.p[i] == '-';
	if ((n = count_digits(s, i)) == 0 || (n > 1 && s.p[i] == '0'))
		return false;
	i += n;
	if (i < s.len && s.p[i] == '.') {
		if ((n = count_digits(s, ++i)) == 0)
			return false;
		i += n;
	}
	if (i < s.len && (s.p[i] | 0x20) == 'e') {
		i++;
		i += i < s.len && (s.p[i] == '+' || s.p[i] == '-');
		if ((n = count_digits(s, i)) == 0)
			return false;
		i += n;
	}
	return i == s.len;
}

/*
 * The rules.  Each appends a value to out; *got becomes true if there is one.
 */

static enum error
take_string(struct xmlmap *map, struct buf *out, const struct key_rule *rule,
    struct value_place *at, bool *got)
{
	(void)map;
	(void)rule;
	*got = at->el != NULL;
	return at->el == NULL ? ERR_OK : append_own_text(out, at->el);
}

static enum error
take_number(struct xmlmap *map, struct buf *out, const struct key_rule *rule,
    struct value_place *at, bool *got)
{
	struct slice	 text;
	enum error	 er;

	(void)rule;
	if ((er = read_scratch_text(map, at->el, &text)) != ERR_OK)
		return er;
	text = xml_lexer_trim(text);
	*got = is_json_number(text);
	return *got ? buf_put(out, text.p, text.len) : ERR_OK;
}

/* An item without the leaf gives an empty value.  If no item has the leaf there is no key. */
static enum error
take_list(struct xmlmap *map, struct buf *out, const struct key_rule *rule,
    struct value_place *at, bool *got)
{
	mxml_node_t	*item, *el;
	enum error	 er;
	bool		 first = true;

	(void)rule;
	for (; (item = at->el) != NULL; first = false) {
		at->el = find_next_item(item);
		el = at->leaf.len == 0 ? item : find_child(item, at->leaf);
		if (!first && (er = buf_putc(out, ',')) != ERR_OK)
			return er;
		if (el != NULL) {
			*got = true;
			if ((er = append_own_text(out, el)) != ERR_OK)
				return er;
		}
		if (map->opt.one_per_item && map->events < XMLMAP_EVENTS_MAX)
			break;
	}
	return ERR_OK;
}

/* Appends "name":"text", if there is an element. */
static enum error
append_member(struct xmlmap *map, struct buf *out, mxml_node_t *el, const char *name,
    bool *first)
{
	struct slice	 text;
	enum error	 er;

	if (el == NULL)
		return ERR_OK;
	if ((!*first && (er = buf_putc(out, ',')) != ERR_OK) ||
	    (er = json_write_string(out, slice_of(name))) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK ||
	    (er = read_scratch_text(map, el, &text)) != ERR_OK)
		return er;
	*first = false;
	return json_write_value(out, text);
}

static enum error
append_item(struct xmlmap *map, struct buf *out, mxml_node_t *item, const char *leaf)
{
	enum error	 er;
	bool		 first = true;

	item = find_child(item, slice_of(leaf));
	if ((er = buf_putc(out, '{')) != ERR_OK ||
	    (er = append_member(map, out, item, leaf, &first)) != ERR_OK)
		return er;
	return buf_putc(out, '}');
}

/* Appends "name":[{..},..]: the items in el and in the siblings of the same name after it. */
static enum error
append_items(struct xmlmap *map, struct buf *out, mxml_node_t *el,
    const struct json_member *member, bool first)
{
	mxml_node_t	*item;
	enum error	 er;
	bool		 comma = false;

	if ((er = buf_printf(out, "%s\"%s\":[", first ? "" : ",", member->name)) != ERR_OK)
		return er;
	for (; el != NULL; el = find_next_item(el)) {
		item = find_child(el, slice_of(member->item));
		for (; item != NULL; item = find_next_item(item)) {
			if ((comma && (er = buf_putc(out, ',')) != ERR_OK) ||
			    (er = append_item(map, out, item, member->leaf)) != ERR_OK)
				return er;
			comma = true;
		}
	}
	return buf_putc(out, ']');
}

static enum error
take_object(struct xmlmap *map, struct buf *out, const struct key_rule *rule,
    struct value_place *at, bool *got)
{
	const struct json_member	*member;
	mxml_node_t			*part;
	enum error			 er;
	bool				 first = true;

	if (at->el == NULL)
		return ERR_OK;
	*got = true;
	er = buf_putc(out, '{');
	for (member = rule->members; er == ERR_OK && member->name != NULL; member++) {
		part = find_child(at->el, slice_of(member->name));
		if (member->item == NULL) {
			er = append_member(map, out, part, member->name, &first);
		} else if (part != NULL) {
			er = append_items(map, out, part, member, first);
			first = false;
		}
	}
	return er == ERR_OK ? buf_putc(out, '}') : er;
}

/* The user came by QR code if EventKey begins with qrscene_, or if there is a Ticket. */
static enum error
take_is_scan(struct xmlmap *map, struct buf *out, const struct key_rule *rule,
    struct value_place *at, bool *got)
{
	static const char	 prefix[] = "qrscene_";
	mxml_node_t		*el;
	struct slice		 text;
	enum error		 er;
	bool			 scanned;

	(void)rule;
	(void)at;
	el = find_child(map->root, slice_of("EventKey"));
	if ((er = read_scratch_text(map, el, &text)) != ERR_OK)
		return er;
	scanned = text.len >= strlen(prefix) && memcmp(text.p, prefix, strlen(prefix)) == 0;
	el = find_child(map->root, slice_of("Ticket"));
	if ((er = read_scratch_text(map, el, &text)) != ERR_OK)
		return er;
	scanned = scanned || text.len != 0;
	*got = true;
	return buf_puts(out, scanned ? map->opt.is_scan_yes : map->opt.is_scan_no);
}

typedef enum error	 take_value(struct xmlmap *map, struct buf *out,
			    const struct key_rule *rule, struct value_place *at, bool *got);

static take_value *const	 rules[] = {
	[STRING]	= take_string,
	[NUMBER]	= take_number,
	[LIST]		= take_list,
	[ARTICLE_URL]	= take_list,
	[OBJECT]	= take_object,
	[IS_SCAN]	= take_is_scan,
};

/*
 * Appends the text of el; *value gets its length.  The text may still move, so p is only a mark
 * that the value is there; point_values() sets it.  Values must be added in the order of the text.
 */
static enum error
append_element(struct message *m, mxml_node_t *el, struct slice *value)
{
	size_t		 start = m->text.len;
	enum error	 er;

	if (el == NULL)
		return ERR_OK;
	if ((er = append_own_text(&m->text, el)) == ERR_OK)
		*value = (struct slice){ "", m->text.len - start };
	return er;
}

/* Makes the value begin at `at`.  Returns where the next value begins. */
static const char *
point_value(struct slice *value, const char *at)
{
	if (value->p == NULL)
		return at;
	value->p = at;
	return at + value->len;
}

/* Makes all values point into the text, which does not move any more. */
static void
point_values(struct event *ev)
{
	const char	*at = buf_slice(&ev->message.text).p;
	size_t		 i;

	at = point_value(&ev->message.msgtype, at);
	at = point_value(&ev->message.event, at);
	at = point_value(&ev->message.user, at);
	for (i = 0; i < ev->nattr; i++)
		at = point_value(&ev->attr[i].value, at);
}

static enum error
fill_message(struct xmlmap *map, struct event *ev)
{
	struct message	*m = &ev->message;
	struct slice	 text;
	enum error	 er;

	event_reset(ev);
	if ((er = append_element(m, map->elements[MESSAGE_MSGTYPE], &m->msgtype)) != ERR_OK ||
	    (er = append_element(m, map->elements[MESSAGE_EVENT], &m->event)) != ERR_OK ||
	    (er = append_element(m, map->elements[MESSAGE_USER], &m->user)) != ERR_OK ||
	    (er = read_scratch_text(map, map->elements[MESSAGE_TIME], &text)) != ERR_OK)
		return er;
	(void)number_parse(&m->time_s, xml_lexer_trim(text));	/* else it stays 0 */
	point_values(ev);
	return ERR_OK;
}

static enum error
fill_attribute(struct xmlmap *map, struct event *ev, const struct key_rule *rule,
    struct value_place *at)
{
	size_t		 start = ev->message.text.len;
	enum error	 er;
	bool		 got = false;

	er = rules[rule->rule](map, &ev->message.text, rule, at, &got);
	if (er != ERR_OK || !got) {
		ev->message.text.len = start;
		return er;
	}
	ev->attr[ev->nattr++] = (struct event_attr){
		rule->rule == ARTICLE_URL ? map->opt.article_url : rule->key,
		rule->rule == NUMBER ? EVENT_NUMBER : EVENT_STRING,
		{ "", ev->message.text.len - start }
	};
	return ERR_OK;
}

/* Adds the code and the attributes.  Each list goes on to its next item. */
static enum error
fill_attributes(struct xmlmap *map, struct event *ev)
{
	const struct key_rule	*rule;
	struct value_place	*at = map->places;
	enum error		 er = ERR_OK;

	map->events++;
	if (map->mapping != NULL) {
		ev->message.code = map->mapping->code;
		for (rule = map->mapping->fields; er == ERR_OK && rule->key != NULL; rule++)
			er = fill_attribute(map, ev, rule, at++);
	}
	point_values(ev);
	return er;
}

static bool
is_type_name(struct slice text, const char *type)
{
	text = xml_lexer_trim(text);
	return text.len == strlen(type) && strncasecmp(text.p, type, text.len) == 0;
}

static const struct mapping *
find_row(const struct type_row *rows, struct slice type)
{
	for (; rows->type != NULL; rows++)
		if (is_type_name(type, rows->type))
			return rows->mapping;
	return NULL;
}

static const struct mapping *
mapping_of(struct slice msgtype, struct slice event)
{
	return is_type_name(msgtype, "event") ? find_row(events, event) :
	    find_row(messages, msgtype);
}

const char *
xmlmap_code(struct slice msgtype, struct slice event)
{
	const struct mapping	*mapping = mapping_of(msgtype, event);

	return mapping == NULL ? NULL : mapping->code;
}

static void
find_elements(struct xmlmap *map)
{
	enum message_element	 e;

	for (e = 0; e <= MESSAGE_TIME; e++)
		map->elements[e] = find_child(map->root, slice_of(message_elements[e]));
}

/* Finds the row of the message, and for each key the element that its value comes from. */
static void
find_values(struct xmlmap *map, const struct event *ev)
{
	const struct key_rule	*rule;
	struct value_place	*at = map->places;
	struct slice		 leaf;
	mxml_node_t		*base;

	map->events = 0;
	map->mapping = mapping_of(ev->message.msgtype, ev->message.event);
	if (map->mapping == NULL)
		return;
	base = map->root;
	if (map->mapping->within != NULL)
		base = find_path(map->root, map->mapping->within, &leaf);
	for (rule = map->mapping->fields; rule->key != NULL; rule++, at++)
		at->el = rule->path == NULL ? NULL : find_path(base, rule->path, &at->leaf);
}

static void
drop_tree(struct xmlmap *map)
{
	mxmlDelete(map->root);
	map->root = NULL;
	map->mapping = NULL;
	memset(map->elements, 0, sizeof(map->elements));
}

struct xmlmap *
xmlmap_new(const struct xmlmap_options *opt)
{
	struct xmlmap	*map;

	if ((map = calloc(1, sizeof(*map))) == NULL)
		return NULL;
	if (opt != NULL)
		map->opt = *opt;
	if (map->opt.is_scan_yes == NULL)
		map->opt.is_scan_yes = "true";
	if (map->opt.is_scan_no == NULL)
		map->opt.is_scan_no = "false";
	if (map->opt.article_url == NULL)
		map->opt.article_url = "article_URL";
	map->why = map->repaired = "";
	return map;
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
xmlmap_free(struct xmlmap *map)
{
	if (map == NULL)
		return;
	drop_tree(map);
	buf_free(&map->xml);
	buf_free(&map->scratch);
	buf_free(&map->work);
	free(map);
}

bool
xmlmap_more(const struct xmlmap *map)
{
	const struct key_rule		*rule;
	const struct value_place	*at = map->places;

	if (map->mapping == NULL)
		return false;
	for (rule = map->mapping->fields; rule->key != NULL; rule++, at++)
		if (rules[rule->rule] == take_list && at->el != NULL)
			return true;
	return false;
}

/* Drops the tree after an error and after the last event.  Returns er. */
static enum error
finish_event(struct xmlmap *map, struct event *ev, enum error er)
{
	if (er != ERR_OK)
		event_reset(ev);
	if (er != ERR_OK || !xmlmap_more(map))
		drop_tree(map);
	return er;
}

enum error
xmlmap_next(struct xmlmap *map, struct event *ev)
{
	enum error	 er;

	if ((er = fill_message(map, ev)) == ERR_OK)
		er = fill_attributes(map, ev);
	return finish_event(map, ev, er);
}

/* Cleans the text for mxml; one that is not well-formed is repaired first. */
static enum error
clean_text(struct xmlmap *map, struct slice xml)
{
	const char	*what;
	enum error	 er;

	map->repaired = "";
	if ((er = xml_sanitize(&map->xml, &map->why, xml)) != ERR_XML)
		return er;
	if ((er = xml_repair(&map->work, &what, xml)) != ERR_OK)
		return er;
	if ((er = xml_sanitize(&map->xml, &map->why, buf_slice(&map->work))) == ERR_OK)
		map->repaired = what;
	return er;
}

enum error
xmlmap_event(struct xmlmap *map, struct event *ev, struct slice xml)
{
	enum error	 er;

	drop_tree(map);
	event_reset(ev);
	if ((er = clean_text(map, xml)) != ERR_OK)
		return er;
	er = ERR_XML;
	if ((map->root = load_tree(map->xml.p)) == NULL) {
		map->why = "mxml refused it";
	} else if (!slice_is(slice_of(mxmlGetElement(map->root)), "xml")) {
		map->why = "root element is not <xml>";
	} else {
		find_elements(map);
		if ((er = fill_message(map, ev)) == ERR_OK) {
			find_values(map, ev);
			er = fill_attributes(map, ev);
		}
	}
	return finish_event(map, ev, er);
}

const char *
xmlmap_why(const struct xmlmap *map)
{
	return map->why;
}

const char *
xmlmap_repaired(const struct xmlmap *map)
{
	return map->repaired;
}

enum error
xmlmap_message(struct message *m, struct slice xml)
{
	enum error	 er = message_read(m, xml);

	m->code = xmlmap_code(m->msgtype, m->event);
	return er;
}

#define DIGITS(n)		#n
#define DOTTED(major, minor)	DIGITS(major) "." DIGITS(minor)

const char *
xmlmap_library(void)
{
	return DOTTED(MXML_MAJOR_VERSION, MXML_MINOR_VERSION);
}
