#include <stddef.h>
#include <string.h>

#include "cli/check/check_conf.h"
#include "core/calendar.h"
#include "core/jsonpath.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Accounts.
 */

/* The values that config.h is shipped with: whoever reads it has them. */
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
text_at(const struct account *a, size_t off)
{
	const char	*v = *(const char *const *)(const void *)((const char *)a + off);

	return v == NULL ? "" : v;
}

static void
check_demo(struct check_results *f, const struct account *a)
{
	char	 list[128] = "";
	size_t	 i, len = 0;

	for (i = 0; i < NELEM(demos); i++)
		if (strcmp(text_at(a, demos[i].off), demos[i].value) == 0)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
			    len == 0 ? "" : ", ", demos[i].name);
	if (len != 0)
		check_result_add(f, CHECK_WARNING, a->name, "as config.h is shipped: %s\n"
		    "put in what WeChat's and QT's consoles show", list);
}

static void
check_open(struct check_results *f, const char *subject, const char *field, const char *url)
{
	if (strncmp(url, "http:", 5) == 0 && strncmp(url, "http://127.", 11) != 0 &&
	    strncmp(url, "http://localhost", 16) != 0 && strncmp(url, "http://[::1]", 12) != 0)
		check_result_add(f, CHECK_WARNING, subject, "%s is not https: anyone on the way reads "
		    "it\ngive its https address", field);
}

static void
check_urls(struct check_results *f, const struct account *a)
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
		check_open(f, a->name, urls[i].name, text_at(a, urls[i].off));
}

static void
check_token(struct check_results *f, const struct account *a)
{
	struct jsonpath	 path;
	char		 why[JSONPATH_WHY];

	if (!jsonpath_parse(&path, slice_of(a->control_token_path), why))
		check_result_add(f, CHECK_FAILED, a->name, "control_token_path: %s: %s\n"
		    "correct it, as QT's console has it", a->control_token_path, why);
	if (conf_is_set(a->control_key) && !conf_is_set(a->secret))
		check_result_add(f, CHECK_WARNING, a->name, "control_key without secret: nobody is "
		    "given an access_token\ngive .secret, the AppSecret of WeChat's console");
}

static void
check_account(struct check_results *f, const struct account *a)
{
	const bool	 standby = conf_is_set(a->qt_url_standby);

	check_result_add(f, CHECK_OK, a->name, ".../%s, %s mode, %s%s, to %s%s%s", a->path,
	    conf_mode_name(a->mode), a->appid,
	    conf_is_set(a->aes_key_old) ? ", old key accepted" : "", a->qt_url,
	    standby ? ", standby " : "", standby ? a->qt_url_standby : "");
	if (a->mode == PLAIN)
		check_result_add(f, CHECK_WARNING, a->name, "in plain mode WeChat does not sign the "
		    "body\nchoose safe mode in WeChat's console, and .mode = SAFE");
	check_demo(f, a);
	check_urls(f, a);
	check_token(f, a);
}

/*
 * Settings.
 */

enum {
	MESSAGE = 8 * 1024,		/* bytes that a message of WeChat's may well have */
	THREADS_MAX = 256,
	MEMORY_MAX = 256 << 20		/* bytes that all workers' bodies may take */
};

static bool
small_body(const struct settings *s)
{
	return s->body_max < MESSAGE;
}

static bool
large_bodies(const struct settings *s)
{
	return (long long)s->body_max * s->threads > MEMORY_MAX;
}

static bool
many_threads(const struct settings *s)
{
	return s->threads > THREADS_MAX;
}

static bool
long_forward(const struct settings *s)
{
	return s->forward_ms >= s->deadline_ms;
}

static bool
long_connect(const struct settings *s)
{
	return s->connect_ms > s->forward_ms;
}

static bool
short_dedupe(const struct settings *s)
{
	return s->fresh_s / CALENDAR_DAY_S >= s->dedupe_days;
}

static const struct plausible {
	bool		(*is_odd)(const struct settings *s);
	const char	*subject, *what, *remedy;
} odds[] = {
	{ small_body, "settings.body_max", "WeChat's longer messages are refused",
	    "8192 or more, best 65536" },
	{ large_bodies, "settings.body_max", "with this many threads, bodies may take over 256 MiB",
	    "lower it, or settings.threads" },
	{ many_threads, "settings.threads", "many: each may hold a connection to QT",
	    "64, the default, is plenty" },
	{ long_forward, "settings.forward_ms", "not below deadline_ms: nothing is left for the disk",
	    "lower it by 500 at least" },
	{ long_connect, "settings.connect_ms", "above forward_ms: the standby is never tried",
	    "lower it" },
	{ short_dedupe, "settings.dedupe_days", "shorter than fresh_s: a message could come twice",
	    "raise it" },
};

static void
check_settings(struct check_results *f, const struct settings *s)
{
	size_t	 i;

	for (i = 0; i < NELEM(odds); i++)
		if (odds[i].is_odd(s))
			check_result_add(f, CHECK_WARNING, odds[i].subject, "%s\n%s", odds[i].what,
			    odds[i].remedy);
	if (s->wechat_api != NULL)
		check_open(f, "settings", "wechat_api", s->wechat_api);
}

void
check_conf_run(struct check_results *f, const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)	/* what is missing has been said */
		if (c->accounts[i].name != NULL && c->accounts[i].path != NULL &&
		    c->accounts[i].appid != NULL && c->accounts[i].qt_url != NULL &&
		    conf_mode_name(c->accounts[i].mode) != NULL)
			check_account(f, &c->accounts[i]);
	check_settings(f, &c->set);
}
