#include <string.h>

#include "core/conf_value.h"
#include "core/conf_warn.h"
#include "core/log_target.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* What is odd about a value, and what to do about it. */
struct oddity {
	const char	*what, *remedy;
};

/* NULL: nothing is odd about v, which is "" if it is not set. */
typedef const struct oddity *find_oddity(const char *v);

static bool
begins_with(const char *v, const char *word)
{
	return strncmp(v, word, strlen(word)) == 0;
}

/*
 * Accounts.
 */

static const struct oddity *
find_appid_oddity(const char *v)
{
	static const struct oddity	 user_name = {
		"is the account's original ID (gh_...), not its AppID",
		"copy AppID, wx and 16 hex digits, from \"Basic configuration\" in WeChat's "
		    "console",
	};
	static const struct oddity	 other = {
		"is not wx and 16 hex digits, as WeChat's AppIDs are",
		"copy AppID from \"Basic configuration\" in WeChat's console",
	};

	if (*v == '\0' || (begins_with(v, "wx") && strlen(v) == 18 &&
	    strspn(v + 2, "0123456789abcdef") == 16))
		return NULL;
	return begins_with(v, "gh_") ? &user_name : &other;
}

static const struct oddity *
find_url_oddity(const char *v)
{
	static const struct oddity	 no_path = {
		"has no path: QT takes messages at /server/thirdPartyDataSource",
		"give the whole URL of QT",
	};
	const char			*host = strstr(v, "://"), *path;

	if (host == NULL)
		return NULL;
	path = host + 3 + strcspn(host + 3, "/?");
	return path[0] == '/' && path[1] != '\0' && path[1] != '?' ? NULL : &no_path;
}

static const struct oddity *
find_app_key_oddity(const char *v)
{
	static const struct oddity	 empty = {
		"is empty: QT's document requires it",
		"copy the application key (appkey) from QT's console",
	};

	return *v == '\0' ? &empty : NULL;
}

static const struct oddity *
find_name_oddity(const char *v)
{
	static const struct oddity	 not_text = {
		"has a character that is not printable UTF-8: the log escapes it",
		"write the name again, and save the file that has it as UTF-8",
	};
	struct conf_value_reason	 why;

	return conf_value_has_only(&why, v, CONF_TEXT) ? NULL : &not_text;
}

static const struct oddity *
find_path_oddity(const char *v)
{
	static const struct oddity	 relative = {
		"is not an absolute path: it depends on the directory where qtoa is started",
		"write the whole path, which begins with /",
	};

	return *v == '\0' || *v == '/' ? NULL : &relative;
}

/*
 * Settings.
 */

static const struct oddity *
find_log_oddity(const char *v)
{
	/* confcheck and qtoa check say more of a log that leads to a standard descriptor. */
	return strcmp(v, "syslog") == 0 || log_target_descriptor(v) != -1 ? NULL :
	    find_path_oddity(v);
}

/* A push of any age. */
static const struct oddity *
find_fresh_oddity(int v)
{
	static const struct oddity	 any = {
		"is below 0: a push of any age is taken, also one that was recorded long ago",
		"set it to 600, and keep this host's clock right",
	};

	return v < 0 ? &any : NULL;
}

struct warn_rule {
	const char	*field;
	size_t		 off;
	find_oddity	*find;
};

static const struct warn_rule	account_rules[] = {
	{ "name", offsetof(struct account, name), find_name_oddity },
	{ "appid", offsetof(struct account, appid), find_appid_oddity },
	{ "qt_url", offsetof(struct account, qt_url), find_url_oddity },
	{ "qt_url_standby", offsetof(struct account, qt_url_standby), find_url_oddity },
	{ "app_key", offsetof(struct account, app_key), find_app_key_oddity },
	{ "replies", offsetof(struct account, replies), find_path_oddity },
};

static const struct warn_rule	settings_rules[] = {
	{ "state_dir", offsetof(struct settings, state_dir), find_path_oddity },
	{ "ca_file", offsetof(struct settings, ca_file), find_path_oddity },
	{ "log", offsetof(struct settings, log), find_log_oddity },
};

static const struct number_rule {
	const char	*field;
	size_t		 off;
	const struct oddity	*(*find)(int v);
} settings_numbers[] = {
	{ "fresh_s", offsetof(struct settings, fresh_s), find_fresh_oddity },
};

struct warning_sink {
	conf_warning		*fn;
	void			*ctx;
	const struct conf	*c;
};

static void
apply_rules(const struct warning_sink *w, int i, const struct warn_rule *rules, size_t n,
    const void *base)
{
	const struct oddity	*odd;
	const char		*v;
	size_t			 k;

	for (k = 0; k < n; k++) {
		v = *(const char *const *)(const void *)((const char *)base + rules[k].off);
		if (v == NULL)
			v = "";
		if (!conf_value_is_indirect(v) && (odd = rules[k].find(v)) != NULL)
			w->fn(w->ctx, w->c, i, rules[k].field, odd->what, odd->remedy);
	}
}

static void
apply_number_rules(const struct warning_sink *w)
{
	const char		*base = (const char *)&w->c->set;
	const struct oddity	*odd;
	size_t			 k;

	for (k = 0; k < NELEM(settings_numbers); k++) {
		odd = settings_numbers[k].find(
		    *(const int *)(const void *)(base + settings_numbers[k].off));
		if (odd != NULL)
			w->fn(w->ctx, w->c, -1, settings_numbers[k].field, odd->what, odd->remedy);
	}
}

/* The list of WeChat's addresses needs an access_token.  It is fetched with any account's. */
static void
warn_wechat_only(const struct warning_sink *w)
{
	const struct conf	*c = w->c;
	size_t			 i;

	if (c->set.wechat_only == OFF)
		return;
	for (i = 0; i < c->n; i++)
		if (conf_is_set(c->accounts[i].secret))
			return;
	w->fn(w->ctx, c, -1, "wechat_only", "does nothing: no account has .secret, and without an "
	    "access_token WeChat does not tell its addresses", "set .secret of one account, the "
	    "AppSecret of WeChat's console");
}

void
conf_warn_all(const struct conf *c, conf_warning *fn, void *ctx)
{
	const struct warning_sink	 w = { fn, ctx, c };
	size_t				 i;

	for (i = 0; i < c->n; i++)
		apply_rules(&w, (int)i, account_rules, NELEM(account_rules), &c->accounts[i]);
	apply_rules(&w, -1, settings_rules, NELEM(settings_rules), &c->set);
	apply_number_rules(&w);
	warn_wechat_only(&w);
}
