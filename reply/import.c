#include <stdio.h>
#include <string.h>

#include "core/json_write.h"
#include "core/lang.h"
#include "reply/import.h"

enum { WHAT = 256, WHERE = 192 };	/* bytes of texts for people */

/* Appends members one by one; the first error stays. */
struct members {
	struct buf	*out;
	enum error	 er;
	bool		 any;
	const char	*but[6];	/* names that are left out; ended by NULL */
};

static void
add_name(struct members *m, const char *name)
{
	if (m->er == ERR_OK && m->any)
		m->er = buf_putc(m->out, ',');
	if (m->er == ERR_OK)
		m->er = json_write_value(m->out, slice_of(name));
	if (m->er == ERR_OK)
		m->er = buf_putc(m->out, ':');
	m->any = true;
}

static void
add_text(struct members *m, const char *name, struct slice text)
{
	add_name(m, name);
	if (m->er == ERR_OK)
		m->er = json_write_value(m->out, text);
}

/* Copies a member.  It is a json_each. */
static void
copy_member(void *ctx, struct slice name, const struct json *value)
{
	struct members	*m = ctx;
	size_t		 i;

	for (i = 0; m->but[i] != NULL; i++)
		if (slice_is(name, m->but[i]))
			return;
	add_name(m, name.p);
	if (m->er == ERR_OK)
		m->er = json_print(m->out, value, 0);
}

static void
say_lost(const struct import *im, const char *where, const char *what)
{
	if (im->say != NULL)
		im->say(im->ctx, false, where, what);
}

/* The kind of material for a console's type; NULL: it is not a medium. */
static const char *
kind_of(struct slice type)
{
	static const struct {
		const char	*type, *kind;
	} kinds[] = {
		{ "img", "image" }, { "image", "image" }, { "photo", "image" },
		{ "voice", "voice" }, { "video", "video" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_is(type, kinds[i].type))
			return kinds[i].kind;
	return NULL;
}

/* The text or the media id of a reply, or of a menu entry. */
static struct slice
source_of(const struct json *info)
{
	const struct slice	 value = json_as_text(json_member(info, "value"));

	return value.p != NULL ? value : json_as_text(json_member(info, "content"));
}

/* Adds the medium of a reply: as permanent material if that is wanted and possible. */
static void
add_medium(struct members *m, const struct import *im, const char *kind, struct slice source,
    const char *where)
{
	struct buf	 id = { 0 };
	char		 what[WHAT];

	if (im->media != NULL && source.len != 0 && im->media(im->ctx, &id, kind, source)) {
		add_text(m, strcmp(kind, "video") == 0 ? "media_id" : "content", buf_slice(&id));
	} else {
		add_text(m, "content", source);
		(void)snprintf(what, sizeof(what), strcmp(kind, "video") == 0 ?
		    lang_text("the %s is an address, which cannot be sent; with --media it is "
		    "uploaded as permanent material") :
		    lang_text("the media id of the %s ends in three days; with --media it is "
		    "uploaded as permanent material"), lang_text(kind));
		say_lost(im, where, what);
	}
	buf_free(&id);
}

enum error
import_reply(struct buf *out, const struct import *im, const struct json *info, const char *where)
{
	struct members		 m = { .out = out, .but = { "type", "content", "value", "name",
				    "sub_button" } };
	const struct slice	 type = json_as_text(json_member(info, "type"));
	const struct slice	 source = source_of(info);
	const char		*kind = kind_of(type);

	m.er = buf_putc(out, '{');
	add_text(&m, "type", kind == NULL ? type : slice_of(strcmp(kind, "image") == 0 ? "img" :
	    kind));
	if (kind != NULL)
		add_medium(&m, im, kind, source, where);
	else if (source.p != NULL)
		add_text(&m, "content", source);
	json_members(info, copy_member, &m);
	return m.er == ERR_OK ? buf_putc(out, '}') : m.er;
}

/* Adds a member that is one reply. */
static void
add_single(struct members *m, const struct import *im, const struct json *answer, const char *name)
{
	const struct json	*info = json_member(answer, name);

	if (json_kind(info) != JSON_MEMBERS)
		return;
	add_name(m, name);
	if (m->er == ERR_OK)
		m->er = import_reply(m->out, im, info, name);
}

/* Appends one keyword rule. */
static enum error
import_rule(struct buf *out, const struct import *im, const struct json *rule, size_t place)
{
	struct members		 m = { .out = out, .but = { "reply_list_info", NULL } };
	const struct json	*list = json_member(rule, "reply_list_info");
	const struct slice	 name = json_as_text(json_member(rule, "rule_name"));
	char			 where[WHERE];
	size_t			 i;

	(void)snprintf(where, sizeof(where), "keyword_autoreply_info.list[%zu] (%.*s)", place,
	    (int)(name.len < 100 ? name.len : 100), name.p == NULL ? "" : name.p);
	m.er = buf_putc(out, '{');
	json_members(rule, copy_member, &m);
	add_name(&m, "reply_list_info");
	if (m.er == ERR_OK)
		m.er = buf_putc(out, '[');
	for (i = 0; i < json_count(list) && m.er == ERR_OK; i++)
		if (i == 0 || (m.er = buf_putc(out, ',')) == ERR_OK)
			m.er = import_reply(out, im, json_item(list, i), where);
	return m.er == ERR_OK ? buf_puts(out, "]}") : m.er;
}

static void
add_keyword_rules(struct members *m, const struct import *im, const struct json *answer)
{
	const struct json	*info = json_member(answer, "keyword_autoreply_info");
	const struct json	*list = json_member(info, "list");
	size_t			 i;

	if (json_kind(list) != JSON_LIST)
		return;
	add_name(m, "keyword_autoreply_info");
	if (m->er == ERR_OK)
		m->er = buf_puts(m->out, "{\"list\":[");
	for (i = 0; i < json_count(list) && m->er == ERR_OK; i++)
		if (i == 0 || (m->er = buf_putc(m->out, ',')) == ERR_OK)
			m->er = import_rule(m->out, im, json_item(list, i), i);
	if (m->er == ERR_OK)
		m->er = buf_puts(m->out, "]}");
}

static void
add_switch(struct members *m, const struct json *answer, const char *name)
{
	int64_t	 n;

	if (!json_as_number(&n, json_member(answer, name)))
		return;
	add_name(m, name);
	if (m->er == ERR_OK)
		m->er = buf_printf(m->out, "%d", n != 0);
}

enum error
import_rules(struct buf *out, const struct import *im, const struct json *answer,
    const struct json *old)
{
	struct members	 m = { .out = out };

	m.er = buf_putc(out, '{');
	add_switch(&m, answer, "is_add_friend_reply_open");
	add_switch(&m, answer, "is_autoreply_open");
	add_single(&m, im, answer, "add_friend_autoreply_info");
	add_single(&m, im, answer, "message_default_autoreply_info");
	add_keyword_rules(&m, im, answer);
	if (json_kind(json_member(old, "click")) != JSON_NO_VALUE)
		copy_member(&m, slice_of("click"), json_member(old, "click"));
	return m.er == ERR_OK ? buf_putc(out, '}') : m.er;
}

static bool
has_key(const struct json *clicks, struct slice key)
{
	struct slice	 k;
	size_t		 i;

	for (i = 0; i < json_count(clicks); i++) {
		k = json_as_text(json_member(json_item(clicks, i), "key"));
		if (k.len == key.len && (k.len == 0 || memcmp(k.p, key.p, k.len) == 0))
			return true;
	}
	return false;
}

enum error
import_clicks(struct buf *out, const struct json *old, const struct json *clicks)
{
	struct members		 m = { .out = out, .but = { "click", NULL } };
	const struct json	*list = json_member(old, "click"), *rule;
	bool			 any = false;
	size_t			 i;

	if (json_kind(list) == JSON_MEMBERS)
		list = json_member(list, "list");
	m.er = buf_putc(out, '{');
	json_members(old, copy_member, &m);
	add_name(&m, "click");
	if (m.er == ERR_OK)
		m.er = buf_putc(out, '[');
	for (i = 0; i < json_count(list) + json_count(clicks) && m.er == ERR_OK; i++) {
		rule = i < json_count(list) ? json_item(list, i) :
		    json_item(clicks, i - json_count(list));
		if (i < json_count(list) &&
		    has_key(clicks, json_as_text(json_member(rule, "key"))))
			continue;
		if (!any || (m.er = buf_putc(out, ',')) == ERR_OK)
			m.er = json_print(out, rule, 0);
		any = true;
	}
	return m.er == ERR_OK ? buf_puts(out, "]}") : m.er;
}
