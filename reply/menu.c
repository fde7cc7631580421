#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/json_write.h"
#include "core/lang.h"
#include "core/utf8.h"
#include "reply/menu.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* WeChat's limits. */
enum {
	FIRST = 3, SECOND = 5,			/* entries of a level */
	NAME_FIRST = 16, NAME_SECOND = 60,	/* bytes of a name */
	KEY = 128, URL = 1024,
	DOMAINS = 3,				/* in the links of all conditional menus */
	WHERE = 160, WHAT = 256
};

/* The members that a type of entry must have, and their longest values; max 0: any. */
static const struct type {
	const char	*name;
	struct {
		const char	*member;
		size_t		 max;
	} must[3];
} types[] = {
	{ "click", { { "key", KEY } } },
	{ "view", { { "url", URL } } },
	{ "scancode_push", { { "key", KEY } } },
	{ "scancode_waitmsg", { { "key", KEY } } },
	{ "pic_sysphoto", { { "key", KEY } } },
	{ "pic_photo_or_album", { { "key", KEY } } },
	{ "pic_weixin", { { "key", KEY } } },
	{ "location_select", { { "key", KEY } } },
	{ "miniprogram", { { "url", URL }, { "appid", 0 }, { "pagepath", 0 } } },
	{ "media_id", { { "media_id", 0 } } },
	{ "view_limited", { { "media_id", 0 } } },
	{ "article_id", { { "article_id", 0 } } },
	{ "article_view_limited", { { "article_id", 0 } } },
};

static const struct type *
find_type(struct slice name)
{
	size_t	 i;

	for (i = 0; i < NELEM(types); i++)
		if (slice_is(name, types[i].name))
			return &types[i];
	return NULL;
}

static struct slice
text_at(const struct json *j, const char *name)
{
	return json_as_text(json_member(j, name));
}

/* The entries below an entry: WeChat tells them as a list, or as an object with a list. */
static const struct json *
entries_below(const struct json *entry)
{
	const struct json	*sub = json_member(entry, "sub_button");

	return json_kind(sub) == JSON_MEMBERS ? json_member(sub, "list") : sub;
}

const struct json *
menu_conditionals(const struct json *menu)
{
	return json_member(menu, "conditionalmenu");
}

/*
 * Writing what WeChat takes.
 */

struct writer {
	struct buf		*out, *clicks;
	const struct import	*import;	/* NULL: entries are WeChat's API's */
	enum error		 er;
	bool			 any;		/* the object has a member */
	bool			 any_click;
	int			 place[2];	/* of the entry, from 1; 0: of the first level */
};

static void
put_text(struct writer *w, const char *text)
{
	if (w->er == ERR_OK)
		w->er = buf_puts(w->out, text);
}

static void
put_member(struct writer *w, const char *name, struct slice text)
{
	put_text(w, w->any ? "," : "");
	if (w->er == ERR_OK)
		w->er = json_write_value(w->out, slice_of(name));
	put_text(w, ":");
	if (w->er == ERR_OK)
		w->er = json_write_value(w->out, text);
	w->any = true;
}

/* Copies what is not an entry below.  It is a json_each. */
static void
copy_entry_member(void *ctx, struct slice name, const struct json *value)
{
	struct writer	*w = ctx;

	if (slice_is(name, "sub_button") || json_kind(value) == JSON_NO_VALUE)
		return;
	put_text(w, w->any ? "," : "");
	if (w->er == ERR_OK)
		w->er = json_write_value(w->out, name);
	put_text(w, ":");
	if (w->er == ERR_OK)
		w->er = json_print(w->out, value, 0);
	w->any = true;
}

/* Adds the rule that answers the key of an entry of the console. */
static void
add_click(struct writer *w, const struct json *entry, struct slice key)
{
	struct buf	*rules = w->clicks, *menu = w->out;
	char		 where[WHERE];
	struct slice	 name = text_at(entry, "name");

	(void)snprintf(where, sizeof(where), "button %d.%d (%.*s)", w->place[0], w->place[1],
	    (int)utf8_cut(name, 80), name.p == NULL ? "" : name.p);
	w->out = rules;
	w->any = false;
	put_text(w, w->any_click ? ",{" : "{");
	put_member(w, "key", key);
	if (name.p != NULL)
		put_member(w, "rule_name", name);
	put_text(w, ",\"reply_list_info\":[");
	if (w->er == ERR_OK)
		w->er = import_reply(rules, w->import, entry, where);
	put_text(w, "]}");
	w->any_click = true;
	w->out = menu;
}

/* Writes an entry that only the console can make: as a click, or a video as a link. */
static void
put_console_entry(struct writer *w, const struct json *entry)
{
	const struct slice	 type = text_at(entry, "type"), value = text_at(entry, "value");
	char			 key[32];

	put_text(w, "{");
	w->any = false;
	if (text_at(entry, "name").p != NULL)
		put_member(w, "name", text_at(entry, "name"));
	if (slice_is(type, "video")) {
		put_member(w, "type", slice_of("view"));
		put_member(w, "url", value);
	} else {
		(void)snprintf(key, sizeof(key), w->place[1] == 0 ? "qtoa_%d" : "qtoa_%d_%d",
		    w->place[0], w->place[1]);
		put_member(w, "type", slice_of("click"));
		put_member(w, "key", slice_of(key));
		add_click(w, entry, slice_of(key));
	}
	put_text(w, "}");
}

static bool
is_console_only(struct slice type)
{
	static const char *const names[] = { "text", "img", "photo", "voice", "video", "news" };
	size_t	 i;

	for (i = 0; i < NELEM(names); i++)
		if (slice_is(type, names[i]))
			return true;
	return false;
}

static void	put_entries(struct writer *w, const struct json *list, int level);

static void
put_entry(struct writer *w, const struct json *entry, int level)
{
	const struct json	*below = entries_below(entry);

	if (w->import != NULL && json_count(below) == 0 &&
	    is_console_only(text_at(entry, "type"))) {
		put_console_entry(w, entry);
		return;
	}
	put_text(w, "{");
	w->any = false;
	json_members(entry, copy_entry_member, w);
	if (json_count(below) != 0 && level == 0) {
		put_text(w, w->any ? ",\"sub_button\":[" : "\"sub_button\":[");
		put_entries(w, below, 1);
		put_text(w, "]");
	}
	put_text(w, "}");
}

static void
put_entries(struct writer *w, const struct json *list, int level)
{
	size_t	 i;

	for (i = 0; i < json_count(list); i++) {
		w->place[level] = (int)i + 1;
		if (level == 0)
			w->place[1] = 0;
		put_text(w, i == 0 ? "" : ",");
		put_entry(w, json_item(list, i), level);
	}
}

static void
put_buttons(struct writer *w, const struct json *menu)
{
	put_text(w, "\"button\":[");
	put_entries(w, json_member(menu, "button"), 0);
	put_text(w, "]");
}

enum error
menu_body(struct buf *out, const struct json *menu)
{
	struct writer	 w = { .out = out };

	put_text(&w, "{");
	put_buttons(&w, menu);
	put_text(&w, "}");
	return w.er;
}

/* Writes a conditional menu without the id that WeChat has given it. */
static void
put_conditional(struct writer *w, const struct json *menu)
{
	put_text(w, "{");
	put_buttons(w, menu);
	put_text(w, ",\"matchrule\":");
	if (w->er == ERR_OK)
		w->er = json_kind(json_member(menu, "matchrule")) == JSON_MEMBERS ?
		    json_print(w->out, json_member(menu, "matchrule"), 0) :
		    buf_puts(w->out, "{}");
	put_text(w, "}");
}

enum error
menu_conditional_body(struct buf *out, const struct json *menu, size_t i)
{
	struct writer	 w = { .out = out };

	put_conditional(&w, json_item(menu_conditionals(menu), i));
	return w.er;
}

enum error
menu_from_api(struct buf *out, const struct json *answer)
{
	const struct json	*conditional = menu_conditionals(answer);
	struct writer		 w = { .out = out };
	size_t			 i;

	put_text(&w, "{");
	put_buttons(&w, json_member(answer, "menu"));
	for (i = 0; i < json_count(conditional); i++) {
		put_text(&w, i == 0 ? ",\"conditionalmenu\":[" : ",");
		put_conditional(&w, json_item(conditional, i));
	}
	put_text(&w, i == 0 ? "}" : "]}");
	return w.er;
}

enum error
menu_from_console(struct buf *out, struct buf *clicks, const struct import *im,
    const struct json *answer)
{
	struct writer	 w = { .out = out, .clicks = clicks, .import = im };

	w.er = buf_putc(clicks, '[');
	put_text(&w, "{");
	put_buttons(&w, json_member(answer, "selfmenu_info"));
	put_text(&w, "}");
	return w.er == ERR_OK ? buf_putc(clicks, ']') : w.er;
}

/*
 * Lines that people compare.
 */

struct line {
	struct buf	*out;
	enum error	 er;
};

/* Adds a member to a line.  It is a json_each. */
static void
add_line_member(void *ctx, struct slice name, const struct json *value)
{
	struct line	*l = ctx;

	if (l->er != ERR_OK || slice_is(name, "name") || slice_is(name, "type") ||
	    slice_is(name, "sub_button") || json_kind(value) == JSON_NO_VALUE ||
	    (json_as_text(value).p != NULL && json_as_text(value).len == 0))
		return;
	if ((l->er = buf_printf(l->out, " %s=", name.p)) == ERR_OK)
		l->er = json_as_text(value).p != NULL ?
		    json_write_string(l->out, json_as_text(value)) :
		    json_print(l->out, value, 0);
}

/* The members in a fixed order, so that equal entries give equal lines. */
static enum error
add_members(struct buf *out, const struct json *entry)
{
	static const char *const names[] = {
		"key", "url", "appid", "pagepath", "media_id", "article_id", "value", "news_info",
		"tag_id", "client_platform_type", "language", "sex", "country", "province", "city",
		"group_id",
	};
	struct line	 l = { .out = out };
	size_t		 i;

	for (i = 0; i < NELEM(names); i++)
		if (json_member(entry, names[i]) != NULL)
			add_line_member(&l, slice_of(names[i]), json_member(entry, names[i]));
	return l.er;
}

static enum error
add_entry_line(struct buf *out, const char *place, const struct json *entry)
{
	const struct slice	 name = text_at(entry, "name"), type = text_at(entry, "type");
	const bool		 is_leaf = json_count(entries_below(entry)) == 0;
	enum error		 er;

	if ((er = buf_printf(out, "%s ", place)) != ERR_OK ||
	    (er = json_write_string(out, name)) != ERR_OK)
		return er;
	if (is_leaf && (er = buf_printf(out, ": %.*s", (int)type.len,
	    type.p == NULL ? "" : type.p)) == ERR_OK)
		er = add_members(out, entry);
	return er == ERR_OK ? buf_putc(out, '\n') : er;
}

static enum error
add_lines(struct buf *out, const char *before, const struct json *list)
{
	const struct json	*below;
	char			 place[WHERE];
	enum error		 er = ERR_OK;
	size_t			 i, k;

	for (i = 0; i < json_count(list) && er == ERR_OK; i++) {
		(void)snprintf(place, sizeof(place), "%s%zu", before, i + 1);
		er = add_entry_line(out, place, json_item(list, i));
		below = entries_below(json_item(list, i));
		for (k = 0; k < json_count(below) && er == ERR_OK; k++) {
			(void)snprintf(place, sizeof(place), "%s%zu.%zu", before, i + 1, k + 1);
			er = add_entry_line(out, place, json_item(below, k));
		}
	}
	return er;
}

enum error
menu_lines(struct buf *out, const struct json *menu)
{
	const struct json	*conditional = menu_conditionals(menu), *one;
	char			 before[32];
	enum error		 er;
	size_t			 i;

	er = add_lines(out, "", json_member(menu, "button"));
	for (i = 0; i < json_count(conditional) && er == ERR_OK; i++) {
		one = json_item(conditional, i);
		if ((er = buf_printf(out, "if %zu:", i + 1)) != ERR_OK ||
		    (er = add_members(out, json_member(one, "matchrule"))) != ERR_OK ||
		    (er = buf_putc(out, '\n')) != ERR_OK)
			break;
		(void)snprintf(before, sizeof(before), "if %zu: ", i + 1);
		er = add_lines(out, before, json_member(one, "button"));
	}
	return er;
}

/*
 * WeChat's limits.
 */

struct checker {
	rules_say	*say;
	void		*ctx;
	bool		 good;
	bool		 conditional;
	char		 where[WHERE];
	struct slice	 domain[DOMAINS];	/* in links of conditional menus */
	size_t		 domains;
};

static void	say_limit(struct checker *c, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
say_limit(struct checker *c, const char *fmt, ...)
{
	char	 what[WHAT];
	va_list	 ap;

	c->good = false;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	utf8_mask(what);
	c->say(c->ctx, true, c->where, what);
}

/* Counts the domain of a link in a conditional menu. */
static void
note_domain(struct checker *c, struct slice url)
{
	const char	*end = url.p + url.len, *p = url.p;
	struct slice	 d;
	size_t		 i;

	while (p != end && *p != ':')
		p++;
	while (p != end && (*p == ':' || *p == '/'))
		p++;
	d.p = p;
	while (p != end && *p != '/' && *p != '?' && *p != ':')
		p++;
	d.len = (size_t)(p - d.p);
	for (i = 0; i < c->domains; i++)
		if (c->domain[i].len == d.len && memcmp(c->domain[i].p, d.p, d.len) == 0)
			return;
	if (c->domains == DOMAINS)
		say_limit(c, lang_text("the links of all conditional menus lead to more than %d "
		    "domains (65316)"), DOMAINS);
	else
		c->domain[c->domains++] = d;
}

static void
check_name(struct checker *c, const struct json *entry, size_t max)
{
	const struct slice	 name = text_at(entry, "name");

	if (name.len == 0)
		say_limit(c, lang_text("it has no name"));
	else if (name.len > max)
		say_limit(c, lang_text("the name has %zu bytes; WeChat takes %zu at most"),
		    name.len, max);
}

static bool
is_link(struct slice url)
{
	return (url.len > 7 && memcmp(url.p, "http://", 7) == 0) ||
	    (url.len > 8 && memcmp(url.p, "https://", 8) == 0);
}

static void
check_leaf(struct checker *c, const struct json *entry)
{
	const struct slice	 type = text_at(entry, "type");
	const struct type	*t = find_type(type);
	struct slice		 v;
	size_t			 i;

	if (t == NULL) {
		say_limit(c, lang_text("the type \"%.*s\" is not one that WeChat's API takes"),
		    (int)utf8_cut(type, 40), type.p == NULL ? "" : type.p);
		return;
	}
	for (i = 0; i < NELEM(t->must) && t->must[i].member != NULL; i++) {
		v = text_at(entry, t->must[i].member);
		if (v.len == 0)
			say_limit(c, lang_text("an entry of the type %s needs %s"), t->name,
			    t->must[i].member);
		else if (t->must[i].max != 0 && v.len > t->must[i].max)
			say_limit(c, lang_text("%s has %zu bytes; WeChat takes %zu at most"),
			    t->must[i].member, v.len, t->must[i].max);
		else if (strcmp(t->must[i].member, "url") != 0)
			continue;
		else if (!is_link(v))
			say_limit(c, lang_text("url must begin with http:// or https://"));
		else if (c->conditional)
			note_domain(c, v);
	}
}

static void
check_entries(struct checker *c, const struct json *list, const char *before, int level)
{
	const size_t		 max = level == 0 ? FIRST : SECOND;
	const struct json	*entry, *below;
	char			 place[WHERE / 2];
	size_t			 i;

	if (json_count(list) < 1 || json_count(list) > max) {
		(void)snprintf(c->where, sizeof(c->where), "%s", before);
		say_limit(c, lang_text("there are %zu entries; WeChat takes 1 to %zu"),
		    json_count(list), max);
	}
	for (i = 0; i < json_count(list); i++) {
		entry = json_item(list, i);
		below = entries_below(entry);
		(void)snprintf(place, sizeof(place), "%s[%zu]", before, i);
		(void)snprintf(c->where, sizeof(c->where), "%s", place);
		check_name(c, entry, level == 0 ? NAME_FIRST : NAME_SECOND);
		if (json_kind(below) != JSON_LIST || json_count(below) == 0)
			check_leaf(c, entry);
		else if (level == 0)
			check_entries(c, below, place, 1);
		else
			say_limit(c, lang_text("there are only two levels"));
	}
}

/* Checks the names of a conditional menu's condition.  It is a json_each. */
static void
check_condition(void *ctx, struct slice name, const struct json *value)
{
	static const char *const names[] = { "tag_id", "client_platform_type", "language" };
	struct checker		*c = ctx;
	size_t			 i;

	(void)value;
	for (i = 0; i < NELEM(names); i++)
		if (slice_is(name, names[i]))
			return;
	say_limit(c, lang_text("WeChat knows no condition %.*s: it has tag_id, "
	    "client_platform_type and language"), (int)utf8_cut(name, 40), name.p);
}

static void
check_conditional(struct checker *c, const struct json *menu, size_t i)
{
	const struct json	*match = json_member(menu, "matchrule");
	char			 before[64];
	bool			 any = false;

	(void)snprintf(c->where, sizeof(c->where), "conditionalmenu[%zu]", i);
	json_members(match, check_condition, c);
	any = json_member(match, "tag_id") != NULL || json_member(match, "language") != NULL ||
	    json_member(match, "client_platform_type") != NULL;
	if (!any)
		say_limit(c, lang_text("it has no condition in matchrule (65304)"));
	(void)snprintf(before, sizeof(before), "conditionalmenu[%zu].button", i);
	check_entries(c, json_member(menu, "button"), before, 0);
}

bool
menu_check(const struct json *menu, rules_say *say, void *ctx)
{
	struct checker		 c = { .say = say, .ctx = ctx, .good = true };
	const struct json	*conditional = menu_conditionals(menu);
	size_t			 i;

	check_entries(&c, json_member(menu, "button"), "button", 0);
	c.conditional = true;
	for (i = 0; i < json_count(conditional); i++)
		check_conditional(&c, json_item(conditional, i), i);
	return c.good;
}
