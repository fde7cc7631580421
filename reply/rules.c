#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/hash.h"
#include "core/json.h"
#include "core/lang.h"
#include "core/utf8.h"
#include "reply/rules.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

enum {
	WHERE = 160, WHAT = 320,	/* bytes of texts for people */
	KEY_MAX = 128,			/* bytes of a menu's key */
	NEWEST = -1			/* create_time of a rule that has none */
};

const char *const rules_kinds[RULES__KINDS] = {
	[RULES_FOLLOW] = "follow", [RULES_KEYWORD] = "keyword", [RULES_CLICK] = "click",
	[RULES_DEFAULT] = "default",
};

struct keyword {
	size_t	 at, len;	/* in the rules' folded text */
	bool	 equal;		/* false: contain */
};

struct rule {
	enum rules_kind	 kind;
	struct slice	 name;
	struct slice	 key;		/* of a menu */
	size_t		 place;		/* in its list of the file */
	int64_t		 created_s;	/* or NEWEST */
	bool		 random;
	size_t		 keyword, keywords;	/* the first one, and how many */
	size_t		 reply, replies;	/* the same */
};

struct rules {
	struct json	*file;		/* the slices point into it */
	struct rule	*rule;		/* in the order in which they are asked */
	struct keyword	*keyword;
	struct passive	*reply;
	size_t		 n, keywords, replies;
	struct buf	 folded;	/* the text of all keywords */
	bool		 folds;
};

struct parser {
	struct rules	*r;
	rules_say	*say;
	void		*ctx;
	bool		 wrong;
	char		 where[WHERE];
};

/*
 * Text.
 */

static struct slice
cut_space(struct slice s)
{
	const char	*p, *from, *end = s.p + s.len, *last = s.p;
	bool		 valid;

	for (p = s.p; p != end;) {
		from = p;
		if (utf8_is_space(utf8_next(&p, end, &valid))) {
			if (from == s.p)
				s.p = last = p;
		} else {
			last = p;
		}
	}
	return (struct slice){ s.p, (size_t)(last - s.p) };
}

/* Appends text as it is compared: see reply/rules.h. */
static enum error
fold_text(struct buf *out, struct slice text, bool folds)
{
	const char	*p, *end, *from;
	enum error	 er = ERR_OK;
	uint32_t	 cp;
	bool		 valid;

	if (text.len == 0)
		return ERR_OK;
	if (!folds)
		return buf_put(out, text.p, text.len);
	text = cut_space(text);
	for (p = text.p, end = p + text.len; p != end && er == ERR_OK;) {
		from = p;
		cp = utf8_next(&p, end, &valid);
		if (cp >= 0xFF01 && cp <= 0xFF5E)
			cp -= 0xFF01 - 0x21;
		else if (cp == 0x3000)
			cp = ' ';
		if (cp >= 'A' && cp <= 'Z')
			cp += 'a' - 'A';
		er = cp < 0x80 ? buf_putc(out, (char)cp) :
		    buf_put(out, from, (size_t)(p - from));
	}
	return er;
}

static bool
is_equal(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static bool
has_inside(struct slice text, struct slice part)
{
	const char	*p = text.p, *end;

	if (part.len > text.len)
		return false;
	for (end = text.p + text.len - part.len; p <= end; p++)
		if ((p = memchr(p, *part.p, (size_t)(end - p) + 1)) == NULL)
			return false;
		else if (memcmp(p, part.p, part.len) == 0)
			return true;
	return false;
}

/*
 * Reading a file.
 */

static void	say_fault(struct parser *p, bool wrong, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));

static void
say_fault(struct parser *p, bool wrong, const char *fmt, ...)
{
	char	 what[WHAT];
	va_list	 ap;

	p->wrong = p->wrong || wrong;
	if (p->say == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	utf8_mask(what);
	p->say(p->ctx, wrong, p->where, what);
}

static void
say_no_memory(struct parser *p)
{
	say_fault(p, true, "%s", lang_text(error_table[ERR_NOMEM].name));
}

/* Sets the part of the file that messages are about; name may be absent. */
static void
set_where(struct parser *p, const char *list, size_t place, struct slice name)
{
	const int	 len = (int)utf8_cut(name, 60);

	(void)snprintf(p->where, sizeof(p->where), "%s[%zu]%s%.*s%s", list, place,
	    len != 0 ? " (" : "", len, name.p == NULL ? "" : name.p, len != 0 ? ")" : "");
	utf8_mask(p->where);
}

/* An array of n with room for one more element, in place of array.  NULL: no memory. */
static void *
grow(struct parser *p, void *array, size_t n, size_t size)
{
	void	*more = array;

	/* If n is no power of two, there is room. */
	if ((n & (n - 1)) == 0 && (more = realloc(array, (n == 0 ? 1 : 2 * n) * size)) == NULL)
		say_no_memory(p);
	return more;
}

/* A text member; absent: it is not there.  Any other kind of value is wrong. */
static struct slice
text_member(struct parser *p, const struct json *j, const char *name)
{
	const struct json	*v = json_member(j, name);
	const struct slice	 s = json_as_text(v);

	if (s.p == NULL && json_kind(v) != JSON_NO_VALUE)
		say_fault(p, true, lang_text("%s must be a text in quotes"), name);
	return s;
}

static int64_t
number_member(struct parser *p, const struct json *j, const char *name, int64_t dflt)
{
	const struct json	*v = json_member(j, name);
	int64_t			 n = dflt;

	if (!json_as_number(&n, v) && json_kind(v) != JSON_NO_VALUE)
		say_fault(p, true, lang_text("%s must be a number without quotes"), name);
	return n;
}

/* A member that is an object, or a list; NULL: it is not there. */
static const struct json *
kind_member(struct parser *p, const struct json *j, const char *name, enum json_kind kind)
{
	const struct json	*v = json_member(j, name);

	if (json_kind(v) == kind || json_kind(v) == JSON_NO_VALUE)
		return json_kind(v) == kind ? v : NULL;
	say_fault(p, true, kind == JSON_LIST ? lang_text("%s must be a list, [...]") :
	    lang_text("%s must be an object, {...}"), name);
	return NULL;
}

/* The names of a reply's type, WeChat's and ours. */
static const struct {
	const char		*name;
	enum passive_type	 type;
} types[] = {
	{ "text", PASSIVE_TEXT }, { "img", PASSIVE_IMAGE }, { "image", PASSIVE_IMAGE },
	{ "voice", PASSIVE_VOICE }, { "video", PASSIVE_VIDEO }, { "music", PASSIVE_MUSIC },
	{ "news", PASSIVE_NEWS }, { "transfer_customer_service", PASSIVE_TRANSFER },
};

/* The member that gives a field; the first one that is there counts. */
static const struct {
	enum passive_field	 field;
	const char		*name;
} members[] = {
	{ PASSIVE_CONTENT, "content" }, { PASSIVE_MEDIA_ID, "media_id" },
	{ PASSIVE_MEDIA_ID, "content" }, { PASSIVE_TITLE, "title" },
	{ PASSIVE_DESCRIPTION, "description" }, { PASSIVE_DESCRIPTION, "digest" },
	{ PASSIVE_MUSIC_URL, "musicurl" }, { PASSIVE_HQ_MUSIC_URL, "hqmusicurl" },
	{ PASSIVE_THUMB_MEDIA_ID, "thumb_media_id" }, { PASSIVE_PIC_URL, "cover_url" },
	{ PASSIVE_PIC_URL, "picurl" }, { PASSIVE_URL, "content_url" }, { PASSIVE_URL, "url" },
	{ PASSIVE_KF_ACCOUNT, "kf_account" },
};

/* For a field that is missing: the member to write. */
static const char *
member_of(enum passive_type type, enum passive_field field)
{
	size_t	 i = 0;

	if (field == PASSIVE_MEDIA_ID && type != PASSIVE_VIDEO)
		return "content";	/* as WeChat writes it */
	while (members[i].field != field)
		i++;
	return members[i].name;
}

static bool
is_url(struct slice s)
{
	return (s.len > 7 && strncasecmp(s.p, "http://", 7) == 0) ||
	    (s.len > 8 && strncasecmp(s.p, "https://", 8) == 0);
}

/* The object that has the fields of a reply; NULL: it is missing, and that was told. */
static const struct json *
fields_of(struct parser *p, enum passive_type type, const struct json *info)
{
	const struct json	*list;

	if (type == PASSIVE_MUSIC && json_member(info, "music_info") != NULL)
		return kind_member(p, info, "music_info", JSON_MEMBERS);
	if (type != PASSIVE_NEWS)
		return info;
	list = kind_member(p, kind_member(p, info, "news_info", JSON_MEMBERS), "list", JSON_LIST);
	if (json_kind(json_item(list, 0)) != JSON_MEMBERS) {
		say_fault(p, false, lang_text("a news reply has no article in news_info.list, and "
		    "is not sent"));
		return NULL;
	}
	if (json_count(list) > 1)
		say_fault(p, false, lang_text("a news reply has %zu articles: WeChat shows one, "
		    "and the first is sent"), json_count(list));
	return json_item(list, 0);
}

/* Checks a reply that was read.  False: it is not sent. */
static bool
check_reply(struct parser *p, const struct passive *reply)
{
	const enum passive_field	 lack = passive_lacks(reply);

	if (lack != PASSIVE_FIELD__MAX) {
		say_fault(p, true, lang_text("a %s reply has no %s"), passive_types[reply->type],
		    member_of(reply->type, lack));
		return false;
	}
	if (reply->type == PASSIVE_VIDEO && is_url(reply->v[PASSIVE_MEDIA_ID])) {
		say_fault(p, false, lang_text("a video reply has an address instead of a media id, "
		    "and is not sent; upload the video as permanent material"));
		return false;
	}
	if (reply->v[PASSIVE_CONTENT].len > PASSIVE_CONTENT_MAX)
		say_fault(p, false, lang_text("a text has %zu bytes, and is cut after %d"),
		    reply->v[PASSIVE_CONTENT].len, PASSIVE_CONTENT_MAX);
	return true;
}

/* Reads a reply.  False: it is not sent, and that was told. */
static bool
read_reply(struct parser *p, struct passive *reply, const struct json *info)
{
	const struct slice	 type = text_member(p, info, "type");
	const struct json	*fields;
	size_t			 i = 0;

	*reply = (struct passive){ .type = PASSIVE__MAX };
	while (i < NELEM(types) && !slice_is(type, types[i].name))
		i++;
	if (i == NELEM(types)) {
		say_fault(p, true, type.p == NULL ? lang_text("a reply has no type%.*s") :
		    lang_text("a reply has the type %.*s: write text, img, voice, video, music, "
		    "news or transfer_customer_service"), (int)utf8_cut(type, 40),
		    type.p == NULL ? "" : type.p);
		return false;
	}
	reply->type = types[i].type;
	if ((fields = fields_of(p, reply->type, info)) == NULL)
		return false;
	for (i = 0; i < NELEM(members); i++)
		if (passive_has(reply->type, members[i].field) &&
		    reply->v[members[i].field].len == 0)
			reply->v[members[i].field] = text_member(p, fields, members[i].name);
	return check_reply(p, reply);
}

/* Adds a reply to the rule.  False: no memory. */
static bool
add_reply(struct parser *p, struct rule *rule, const struct json *info)
{
	struct rules	*r = p->r;
	struct passive	*more = grow(p, r->reply, r->replies, sizeof(*more));

	if (more == NULL)
		return false;
	r->reply = more;
	if (json_kind(info) != JSON_MEMBERS)
		say_fault(p, true, lang_text("a reply must be an object, {...}"));
	else if (read_reply(p, &r->reply[r->replies], info)) {
		r->replies++;
		rule->replies++;
	}
	return true;
}

/* Reads reply_mode and reply_list_info; without a list j itself is the reply, if it may be. */
static bool
add_replies(struct parser *p, struct rule *rule, const struct json *j, bool may_be)
{
	const struct json	*list = kind_member(p, j, "reply_list_info", JSON_LIST);
	const struct slice	 mode = text_member(p, j, "reply_mode");
	size_t			 i;

	rule->reply = p->r->replies;
	rule->random = slice_is(mode, "random_one");
	if (mode.p != NULL && !rule->random && !slice_is(mode, "reply_all"))
		say_fault(p, true, lang_text("reply_mode must be reply_all or random_one"));
	if (list == NULL && may_be && !add_reply(p, rule, j))
		return false;
	for (i = 0; i < json_count(list); i++)
		if (!add_reply(p, rule, json_item(list, i)))
			return false;
	if (rule->replies > 1 && !rule->random)
		say_fault(p, false, lang_text("it has %zu replies: WeChat takes one, and the first "
		    "is sent"), rule->replies);
	if (rule->replies == 0)
		say_fault(p, false, lang_text("it has no reply that can be sent, and is left out"));
	return true;
}

/* Adds the rule, unless it can send nothing.  False: no memory. */
static bool
add_rule(struct parser *p, const struct rule *rule)
{
	struct rules	*r = p->r;
	struct rule	*more;

	if (rule->replies == 0)
		return true;
	if ((more = grow(p, r->rule, r->n, sizeof(*more))) == NULL)
		return false;
	r->rule = more;
	r->rule[r->n++] = *rule;
	return true;
}

/* Adds a rule that has one reply: to followers, or the default. */
static bool
add_single(struct parser *p, enum rules_kind kind, const char *name)
{
	const struct json	*info = kind_member(p, p->r->file, name, JSON_MEMBERS);
	struct rule		 rule = { .kind = kind, .name = slice_of(rules_kinds[kind]) };

	if (info == NULL)
		return true;
	(void)snprintf(p->where, sizeof(p->where), "%s", name);
	return add_replies(p, &rule, info, true) && add_rule(p, &rule);
}

/* Adds a keyword.  False: no memory. */
static bool
add_keyword(struct parser *p, struct rule *rule, const struct json *j)
{
	struct rules		*r = p->r;
	const struct slice	 mode = text_member(p, j, "match_mode");
	const struct slice	 type = text_member(p, j, "type");
	const struct slice	 content = text_member(p, j, "content");
	struct keyword		 k = { .at = r->folded.len, .equal = slice_is(mode, "equal") };
	struct keyword		*more;

	if (type.p != NULL && !slice_is(type, "text")) {
		say_fault(p, false, lang_text("a keyword is not a text, and is left out"));
		return true;
	}
	if (!k.equal && !slice_is(mode, "contain"))
		say_fault(p, true, lang_text("match_mode must be equal or contain"));
	if ((more = grow(p, r->keyword, r->keywords, sizeof(*more))) == NULL)
		return false;
	r->keyword = more;
	if (fold_text(&r->folded, content, r->folds) != ERR_OK) {
		say_no_memory(p);
		return false;
	}
	if ((k.len = r->folded.len - k.at) == 0) {
		say_fault(p, true, lang_text("a keyword is empty"));
		return true;
	}
	r->keyword[r->keywords++] = k;
	rule->keywords++;
	if (rule->name.len == 0)
		rule->name = content;
	return true;
}

static bool
add_keyword_rule(struct parser *p, const struct json *j, size_t place)
{
	struct rule		 rule = { .kind = RULES_KEYWORD, .place = place,
				    .keyword = p->r->keywords };
	const struct json	*list;
	size_t			 i;

	set_where(p, "keyword_autoreply_info.list", place, json_as_text(json_member(j,
	    "rule_name")));
	if (json_kind(j) != JSON_MEMBERS) {
		say_fault(p, true, lang_text("a rule must be an object, {...}"));
		return true;
	}
	rule.name = text_member(p, j, "rule_name");
	rule.created_s = number_member(p, j, "create_time", NEWEST);
	list = kind_member(p, j, "keyword_list_info", JSON_LIST);
	for (i = 0; i < json_count(list); i++)
		if (!add_keyword(p, &rule, json_item(list, i)))
			return false;
	if (rule.keywords == 0) {
		say_fault(p, false, lang_text("it has no keyword, and is left out"));
		return true;
	}
	return add_replies(p, &rule, j, false) && add_rule(p, &rule);
}

static bool
has_click(const struct rules *r, struct slice key)
{
	size_t	 i;

	for (i = 0; i < r->n; i++)
		if (r->rule[i].kind == RULES_CLICK && is_equal(r->rule[i].key, key))
			return true;
	return false;
}

static bool
add_click_rule(struct parser *p, const struct json *j, size_t place)
{
	struct rule	 rule = { .kind = RULES_CLICK, .place = place };

	set_where(p, "click", place, json_as_text(json_member(j, "key")));
	if (json_kind(j) != JSON_MEMBERS) {
		say_fault(p, true, lang_text("a rule must be an object, {...}"));
		return true;
	}
	rule.key = text_member(p, j, "key");
	rule.name = text_member(p, j, "rule_name");
	if (rule.name.len == 0)
		rule.name = rule.key;
	if (rule.key.len == 0 || rule.key.len > KEY_MAX)
		say_fault(p, true, lang_text("key must have 1 to %d bytes, as the menu's keys"),
		    KEY_MAX);
	else if (has_click(p->r, rule.key))
		say_fault(p, true, lang_text("another rule before it has the same key"));
	return add_replies(p, &rule, j, true) && add_rule(p, &rule);
}

typedef bool	add_item(struct parser *p, const struct json *j, size_t place);

static bool
add_list(struct parser *p, const struct json *list, add_item *add)
{
	size_t	 i;

	for (i = 0; i < json_count(list); i++)
		if (!add(p, json_item(list, i), i))
			return false;
	return true;
}

/* The list of click rules: [..] or {"list": [..]}. */
static const struct json *
click_list(struct parser *p)
{
	const struct json	*click = json_member(p->r->file, "click");

	return json_kind(click) == JSON_MEMBERS ? kind_member(p, click, "list", JSON_LIST) :
	    kind_member(p, p->r->file, "click", JSON_LIST);
}

static void
check_name(void *ctx, struct slice name, const struct json *value)
{
	static const char *const names[] = {
		"is_add_friend_reply_open", "is_autoreply_open", "add_friend_autoreply_info",
		"message_default_autoreply_info", "keyword_autoreply_info", "click", "fold",
		"errcode", "errmsg",
	};
	size_t	 i;

	(void)value;
	for (i = 0; i < NELEM(names); i++)
		if (slice_is(name, names[i]))
			return;
	say_fault(ctx, false, lang_text("%.*s has no meaning here, and is left out"),
	    (int)utf8_cut(name, 60), name.p);
}

/* Drops the rules of a switch that is off; they were checked all the same. */
static void
drop_kind(struct rules *r, enum rules_kind kind)
{
	size_t	 i, n = 0;

	for (i = 0; i < r->n; i++)
		if (r->rule[i].kind != kind)
			r->rule[n++] = r->rule[i];
	r->n = n;
}

static int
compare_rules(const void *a, const void *b)
{
	const struct rule	*x = a, *y = b;
	const int64_t		 s = x->created_s, t = y->created_s;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (s != t)
		return s == NEWEST || (t != NEWEST && s > t) ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void
read_file(struct parser *p)
{
	struct rules		*r = p->r;
	const struct json	*keywords;
	bool			 follows, answers;

	if (json_kind(r->file) != JSON_MEMBERS) {
		say_fault(p, true, lang_text("the file must be an object, {...}"));
		return;
	}
	json_members(r->file, check_name, p);
	r->folds = number_member(p, r->file, "fold", 1) != 0;
	follows = number_member(p, r->file, "is_add_friend_reply_open", 1) != 0;
	answers = number_member(p, r->file, "is_autoreply_open", 1) != 0;
	keywords = kind_member(p, r->file, "keyword_autoreply_info", JSON_MEMBERS);
	if (!add_list(p, kind_member(p, keywords, "list", JSON_LIST), add_keyword_rule) ||
	    !add_list(p, click_list(p), add_click_rule) ||
	    !add_single(p, RULES_FOLLOW, "add_friend_autoreply_info") ||
	    !add_single(p, RULES_DEFAULT, "message_default_autoreply_info"))
		return;
	if (!follows)
		drop_kind(r, RULES_FOLLOW);
	if (!answers) {
		drop_kind(r, RULES_KEYWORD);
		drop_kind(r, RULES_DEFAULT);
	}
	if (r->n != 0)
		qsort(r->rule, r->n, sizeof(*r->rule), compare_rules);
}

struct rules *
rules_parse(struct slice text, rules_say *say, void *ctx)
{
	struct parser	 p = { .say = say, .ctx = ctx, .r = calloc(1, sizeof(struct rules)) };
	char		 why[JSON_WHY];

	if (p.r == NULL)
		say_no_memory(&p);
	else if ((p.r->file = json_parse_file(text, why)) == NULL)
		say_fault(&p, true, lang_text("it is not JSON: %s"), why);
	else
		read_file(&p);
	if (!p.wrong)
		return p.r;
	rules_free(p.r);
	return NULL;
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	json_free(r->file);
	free(r->rule);
	free(r->keyword);
	free(r->reply);
	buf_free(&r->folded);
	free(r);
}

size_t
rules_count(const struct rules *r, enum rules_kind kind)
{
	size_t	 i, n = 0;

	for (i = 0; i < r->n; i++)
		n += r->rule[i].kind == kind;
	return n;
}

/*
 * Finding the rule that answers.
 */

static const struct rule *
first_of(const struct rules *r, enum rules_kind kind)
{
	size_t	 i = 0;

	while (i < r->n && r->rule[i].kind != kind)
		i++;
	return i < r->n ? &r->rule[i] : NULL;
}

static bool
has_keyword(const struct rules *r, const struct rule *rule, struct slice text, bool equal)
{
	const struct keyword	*k = r->keyword + rule->keyword, *end = k + rule->keywords;
	struct slice		 word;

	for (; k != end; k++) {
		word = (struct slice){ r->folded.p + k->at, k->len };
		if (k->equal == equal && (equal ? is_equal(text, word) : has_inside(text, word)))
			return true;
	}
	return false;
}

/* The rule for a text; NULL: no rule has a keyword for it. */
static const struct rule *
find_keyword_rule(const struct rules *r, struct slice text)
{
	size_t	 i;
	int	 equal;

	for (equal = 1; equal >= 0; equal--)
		for (i = 0; i < r->n; i++)
			if (r->rule[i].kind == RULES_KEYWORD &&
			    has_keyword(r, &r->rule[i], text, equal == 1))
				return &r->rule[i];
	return NULL;
}

static const struct rule *
find_click_rule(const struct rules *r, struct slice key)
{
	size_t	 i;

	for (i = 0; i < r->n; i++)
		if (r->rule[i].kind == RULES_CLICK && is_equal(r->rule[i].key, key))
			return &r->rule[i];
	return NULL;
}

static bool
equals_word(struct slice s, const char *word)
{
	return s.p != NULL && s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static bool
is_any(struct slice s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (equals_word(s, *words))
			return true;
	return false;
}

static const struct rule *
find_event_rule(const struct rules *r, const struct rules_message *m)
{
	/* Of the events of a menu, WeChat takes an answer to these. */
	static const char *const	 clicks[] = {
		"CLICK", "scancode_push", "scancode_waitmsg", NULL
	};

	if (equals_word(m->event, "subscribe"))
		return first_of(r, RULES_FOLLOW);
	return is_any(m->event, clicks) && m->event_key.p != NULL ?
	    find_click_rule(r, m->event_key) : NULL;
}

static const struct rule *
find_rule(const struct rules *r, enum error *er, const struct rules_message *m, struct buf *work)
{
	static const char *const	 messages[] = {
		"text", "image", "voice", "video", "shortvideo", "location", "link", NULL
	};
	const struct rule		*found = NULL;

	*er = ERR_OK;
	if (equals_word(m->msgtype, "event"))
		return find_event_rule(r, m);
	if (!is_any(m->msgtype, messages))
		return NULL;
	if (equals_word(m->msgtype, "text")) {
		buf_reset(work);
		if ((*er = fold_text(work, m->content, r->folds)) != ERR_OK)
			return NULL;
		found = find_keyword_rule(r, buf_slice(work));
	}
	return found != NULL ? found : first_of(r, RULES_DEFAULT);
}

bool
rules_find(const struct rules *r, struct rules_found *f, enum error *er,
    const struct rules_message *m, struct buf *work)
{
	const struct rule	*rule = find_rule(r, er, m, work);
	size_t			 n = 0;

	if (rule == NULL)
		return false;
	if (rule->random)
		n = (size_t)(hash_add(HASH_EMPTY, m->key, strlen(m->key)) % rule->replies);
	*f = (struct rules_found){
		.kind = rule->kind, .name = rule->name, .place = rule->place,
		.reply = &r->reply[rule->reply + n],
	};
	return true;
}
