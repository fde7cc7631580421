#include <stddef.h>
#include <string.h>

#include "cli/check/check_conf.h"
#include "core/calendar.h"
#include "core/jsonpath.h"
#include "core/lang.h"
#include "reply/replies.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Checks of the accounts.
 */

/* The values of the config.h that is shipped: everybody can read them. */
static const struct demo {
	const char	*name;
	size_t		 off;
	const char	*value;
} demos[] = {
	{ "appid", offsetof(struct account, appid), "wx0123456789abcdef" },
	{ "token", offsetof(struct account, token), "qtoaDemoToken" },
	{ "aes_key", offsetof(struct account, aes_key),
	    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG" },
	{ "app_key", offsetof(struct account, app_key), "demoAppKey" },
	{ "service_id", offsetof(struct account, service_id), "demoServiceId" },
	{ "service_secret", offsetof(struct account, service_secret), "demoServiceSecret" },
};

static const char *
text_of_field(const struct account *a, size_t off)
{
	const char	*v = *(const char *const *)(const void *)((const char *)a + off);

	return v == NULL ? "" : v;
}

static void
check_demo_values(struct check_results *r, const struct account *a)
{
	char	 list[128] = "";
	size_t	 i, len = 0;

	for (i = 0; i < NELEM(demos); i++)
		if (strcmp(text_of_field(a, demos[i].off), demos[i].value) == 0)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
			    len == 0 ? "" : ", ", demos[i].name);
	if (len != 0)
		check_result_add(r, CHECK_WARNING, a->name, "still the values of the shipped "
		    "config.h: %s\nput in the values of WeChat's and QT's consoles", list);
}

static void
check_https(struct check_results *r, const char *subject, const char *field, const char *url)
{
	if (strncmp(url, "http:", 5) == 0 && strncmp(url, "http://127.", 11) != 0 &&
	    strncmp(url, "http://localhost", 16) != 0 && strncmp(url, "http://[::1]", 12) != 0)
		check_result_add(r, CHECK_WARNING, subject, "%s is not https: anybody on the way "
		    "can read the messages\nuse its https address", field);
}

static void
check_urls(struct check_results *r, const struct account *a)
{
	static const struct {
		const char	*name;
		size_t		 off;
	} urls[] = {
		{ "qt_url", offsetof(struct account, qt_url) },
		{ "qt_url_standby", offsetof(struct account, qt_url_standby) },
		{ "control_url", offsetof(struct account, control_url) },
	};
	size_t	 i;

	for (i = 0; i < NELEM(urls); i++)
		check_https(r, a->name, urls[i].name, text_of_field(a, urls[i].off));
}

static void
check_token_settings(struct check_results *r, const struct account *a)
{
	struct jsonpath	 path;
	char		 why[JSONPATH_WHY];

	if (!jsonpath_parse(&path, slice_of(a->control_token_path), why))
		check_result_add(r, CHECK_FAILED, a->name, "control_token_path: %s: %s\nwrite it "
		    "as in QT's console", a->control_token_path, why);
	if (conf_is_set(a->control_key) && !conf_is_set(a->secret))
		check_result_add(r, CHECK_WARNING, a->name, "control_key without secret: nobody "
		    "can get an access_token\nset .secret, the AppSecret of WeChat's console");
}

/* Reminds of a Token or a key that was changed: with the old one, messages can still be forged. */
static void
check_old_values(struct check_results *r, const struct account *a)
{
	const bool	 token = conf_is_set(a->token_old), key = conf_is_set(a->aes_key_old);

	if (token || key)
		check_result_add(r, CHECK_WARNING, a->name, "still accepts %s\nwhen WeChat has "
		    "used the new one for a day, remove %s%s%s",
		    token && key ? lang_text("the old Token and the old key") :
		    lang_text(token ? "the old Token" : "the old key"),
		    token ? ".token_old" : "", token && key ? lang_text(" and ") : "",
		    key ? ".aes_key_old" : "");
}

/* What check_replies() has found in a file. */
struct found {
	struct check_results	*r;
	const struct account	*a;
};

/* Adds a fault of a file of rules.  It is a rules_say. */
static void
add_fault(void *ctx, bool wrong, const char *where, const char *what)
{
	const struct found	*f = ctx;

	check_result_add(f->r, wrong ? CHECK_FAILED : CHECK_WARNING, f->a->name, "%s: %s%s%s\n"
	    "correct the file, and run: qtoa reply check", f->a->replies, where,
	    *where != '\0' ? lang_text(": ") : "", what);
}

static void
check_replies(struct check_results *r, const struct account *a)
{
	struct found	 f = { r, a };
	struct rules	*rules;

	if (!conf_is_set(a->replies))
		return;
	if ((rules = replies_read(a->replies, add_fault, &f)) != NULL)
		check_result_add(r, CHECK_OK, a->name, "%s: %zu keyword rules, %zu menu keys",
		    a->replies, rules_count(rules, RULES_KEYWORD), rules_count(rules, RULES_CLICK));
	rules_free(rules);
}

static void
check_account_conf(struct check_results *r, const struct account *a)
{
	const bool	 standby = conf_is_set(a->qt_url_standby);

	check_result_add(r, CHECK_OK, a->name, ".../%s, %s mode, %s, to %s%s%s", a->path,
	    lang_text(conf_mode_name(a->mode)), a->appid, a->qt_url,
	    standby ? lang_text(", standby ") : "", standby ? a->qt_url_standby : "");
	if (a->mode == PLAIN)
		check_result_add(r, CHECK_WARNING, a->name, "in plain mode WeChat does not sign "
		    "the body\nchoose safe mode in WeChat's console, and set .mode = SAFE: then "
		    "false messages, and old ones that are sent again, are known");
	check_old_values(r, a);
	check_demo_values(r, a);
	check_urls(r, a);
	check_token_settings(r, a);
	check_replies(r, a);
}

/*
 * Checks of the settings.
 */

enum {
	MESSAGE_BYTES = 8 * 1024,	/* a message of WeChat may have this size */
	THREADS_MANY = 256,
	MEMORY_MAX = 256 << 20		/* bytes for the bodies of all workers */
};

static bool
is_body_max_small(const struct settings *s)
{
	return s->body_max < MESSAGE_BYTES;
}

static bool
is_body_memory_large(const struct settings *s)
{
	return (long long)s->body_max * s->threads > MEMORY_MAX;
}

static bool
has_many_threads(const struct settings *s)
{
	return s->threads > THREADS_MANY;
}

static bool
is_forward_ms_long(const struct settings *s)
{
	return s->forward_ms >= s->deadline_ms;
}

static bool
is_connect_ms_long(const struct settings *s)
{
	return s->connect_ms > s->forward_ms;
}

static bool
is_dedupe_short(const struct settings *s)
{
	return s->fresh_s / CALENDAR_DAY_S >= s->dedupe_days;
}

static const struct odd_setting {
	bool		(*is_odd)(const struct settings *s);
	const char	*subject, *what, *remedy;
} odds[] = {
	{ is_body_max_small, "settings.body_max", "it is too small for WeChat's longer messages",
	    "raise it to 8192 or more; best is 65536" },
	{ is_body_memory_large, "settings.body_max", "with so many threads, bodies may take over "
	    "256 MiB", "lower it, or lower settings.threads" },
	{ has_many_threads, "settings.threads", "it is large: each thread may hold a connection to "
	    "QT", "lower it; the default, 64, is enough" },
	{ is_forward_ms_long, "settings.forward_ms", "it is not below deadline_ms, so no time is "
	    "left for the disk", "set it at least 500 below deadline_ms" },
	{ is_connect_ms_long, "settings.connect_ms", "it is above forward_ms, so the standby is "
	    "never tried", "set it below forward_ms" },
	{ is_dedupe_short, "settings.dedupe_days", "it is shorter than fresh_s, so a message could "
	    "come twice", "set it above fresh_s" },
};

static void
check_settings(struct check_results *r, const struct settings *s)
{
	size_t	 i;

	for (i = 0; i < NELEM(odds); i++)
		if (odds[i].is_odd(s))
			check_result_add(r, CHECK_WARNING, odds[i].subject, "%s\n%s",
			    lang_text(odds[i].what), lang_text(odds[i].remedy));
	if (s->wechat_api != NULL)
		check_https(r, "settings", "wechat_api", s->wechat_api);
}

void
check_conf_run(struct check_results *r, const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)	/* conf_load() has reported what is missing */
		if (c->accounts[i].name != NULL && c->accounts[i].path != NULL &&
		    c->accounts[i].appid != NULL && c->accounts[i].qt_url != NULL &&
		    conf_mode_name(c->accounts[i].mode) != NULL)
			check_account_conf(r, &c->accounts[i]);
	check_settings(r, &c->set);
}
