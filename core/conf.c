#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl.h"
#include "core/conf.h"
#include "core/conf_env.h"
#include "core/conf_value.h"
#include "core/conf_warn.h"
#include "core/error.h"
#include "core/host.h"
#include "core/proxy.h"
#include "core/utf8.h"
#include CONFIG_FILE

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* Where problems of the configuration go, and how many there were. */
struct problems {
	conf_say	*say;
	void		*ctx;
	int		 n;
};

/* True: v is good.  False: *r says why it is not.  a is NULL for a setting. */
typedef bool value_check(struct conf_value_reason *r, const struct account *a, const char *v);

static bool
check_path(struct conf_value_reason *r, const struct account *a, const char *v)
{
	static const char *const taken[] = {
		"-", ".", "..", "thirdPartyDataSource", "access_token",
	};
	size_t	 i;

	(void)a;
	for (i = 0; i < NELEM(taken); i++)
		if (strcmp(v, taken[i]) == 0)
			return conf_value_refuse(r, "\"%s\" has a meaning of its own: take "
			    "another", v);
	return true;
}

static bool
check_aes_key(struct conf_value_reason *r, const struct account *a, const char *v)
{
	return *v != '\0' || a->mode == PLAIN || conf_value_refuse(r, "missing: %s mode needs the "
	    "43 characters of EncodingAESKey", conf_mode_name(a->mode));
}

static bool
check_url(struct conf_value_reason *r, const struct account *a, const char *v)
{
	const char	*host;

	(void)a;
	if (*v == '\0')
		return true;
	if (strncmp(v, "https://", 8) == 0)
		host = v + 8;
	else if (strncmp(v, "http://", 7) == 0)
		host = v + 7;
	else
		return conf_value_refuse(r, "must begin with https:// (or http://)");
	return (*host != '\0' && *host != '/' && *host != ':' && strpbrk(host, "@#") == NULL) ||
	    conf_value_refuse(r, "has no host, or has more than host, port, path and query");
}

static bool
check_control_url(struct conf_value_reason *r, const struct account *a, const char *v)
{
	if (*v == '\0' && a->identity == UNIONID && !conf_is_set(a->secret))
		return conf_value_refuse(r, "missing: identity UNIONID needs the address of an "
		    "access_token control server, or .secret");
	return check_url(r, a, v);
}

static bool
check_token_path(struct conf_value_reason *r, const struct account *a, const char *v)
{
	(void)a;
	return *v == '\0' || strncmp(v, "$.", 2) == 0 || strncmp(v, "$[", 2) == 0 ||
	    conf_value_refuse(r, "is not a JSONPath: a JSONPath begins with $. or $[");
}

static bool
check_allow(struct conf_value_reason *r, const struct account *a, const char *v)
{
	struct slice	 wrong;

	(void)a;
	return !acl_is_wrong(&wrong, v) || conf_value_refuse(r, "%.*s is not an address: write "
	    "192.0.2.7, 10.0.0.0/8, ::1 or 2001:db8::/32, separated by blanks or commas",
	    wrong.len > 64 ? 64 : (int)wrong.len, wrong.p);
}

static bool
check_hosts(struct conf_value_reason *r, const struct account *a, const char *v)
{
	struct slice	 wrong;

	(void)a;
	return !host_is_wrong(&wrong, v) || conf_value_refuse(r, "%.*s is not a host: write "
	    "report.example.com, *.example.com or 192.0.2.7, without a port, separated by blanks "
	    "or commas", wrong.len > 64 ? 64 : (int)wrong.len, wrong.p);
}

static bool
check_proxy(struct conf_value_reason *r, const struct account *a, const char *v)
{
	struct proxy	 p;
	const char	*why = *v == '\0' ? NULL : proxy_parse(&p, v);

	(void)a;
	return why == NULL || conf_value_refuse(r, "%s", why);
}

static bool
check_no_proxy(struct conf_value_reason *r, const struct account *a, const char *v)
{
	(void)a;
	return !proxy_is_wrong(v) || conf_value_refuse(r, "has what is neither a host nor an "
	    "address: write qt.example.com, 192.0.2.7 or 10.0.0.0/8, separated by commas");
}

static bool
check_log_level(struct conf_value_reason *r, const struct account *a, const char *v)
{
	enum log_level	 level;

	(void)a;
	return *v == '\0' || error_level(&level, v) ||
	    conf_value_refuse(r, "must be debug, info, notice, warning or error");
}

static bool
check_prefix(struct conf_value_reason *r, const struct account *a, const char *v)
{
	(void)a;
	return *v == '\0' || conf_env_is_prefix(r, v);
}

static const char	qt_console[] = "copy it from \"Server tracking\" in QT's console";

/* A text member, and the values that it may have. */
struct text_rule {
	const char	*name;
	size_t		 off;		/* in its struct */
	size_t		 min, max;	/* characters, unless it is empty; max 0: any number */
	enum conf_alphabet alphabet;
	const char	*missing;	/* what to do if it is empty; NULL: it may be empty */
	value_check	*check;		/* NULL: there is no other check */
};

/* The name and offset of a member. */
#define ACCOUNT(member)	#member, offsetof(struct account, member)
#define SETTING(member)	#member, offsetof(struct settings, member)

static const struct text_rule	account_rules[] = {
	{ ACCOUNT(environment), 1, 0, CONF_TEXT, NULL, check_prefix },
	{ ACCOUNT(path), 1, 64, CONF_PATH, "choose the last part of its URL", check_path },
	{ ACCOUNT(name), 1, 64, CONF_NAME, NULL, NULL },
	{ ACCOUNT(appid), 1, 64, CONF_GRAPHIC, "copy AppID from WeChat's console", NULL },
	{ ACCOUNT(token), 3, 32, CONF_ALNUM, "set the Token of WeChat's console", NULL },
	{ ACCOUNT(token_old), 3, 32, CONF_ALNUM, NULL, NULL },
	{ ACCOUNT(aes_key), 43, 43, CONF_ALNUM, NULL, check_aes_key },
	{ ACCOUNT(aes_key_old), 43, 43, CONF_ALNUM, NULL, NULL },
	{ ACCOUNT(qt_url), 1, 1024, CONF_GRAPHIC,
	    "set the whole URL of QT's /server/thirdPartyDataSource", check_url },
	{ ACCOUNT(qt_url_standby), 1, 1024, CONF_GRAPHIC, NULL, check_url },
	{ ACCOUNT(app_key), 1, 256, CONF_KEY, NULL, NULL },
	{ ACCOUNT(service_id), 1, 256, CONF_KEY, qt_console, NULL },
	{ ACCOUNT(service_secret), 1, 256, CONF_KEY, qt_console, NULL },
	{ ACCOUNT(secret), 1, 256, CONF_KEY, NULL, NULL },
	{ ACCOUNT(control_key), 16, 256, CONF_GRAPHIC, NULL, NULL },
	{ ACCOUNT(control_allow), 1, 0, CONF_LIST, NULL, check_allow },
	{ ACCOUNT(control_url), 1, 1024, CONF_GRAPHIC, NULL, check_control_url },
	{ ACCOUNT(control_token_path), 1, 256, CONF_TEXT, NULL, check_token_path },
};

static const struct settings_text {
	struct text_rule	 rule;
	const char		*dflt;
} settings_texts[] = {
	{ { SETTING(environment), 1, 0, CONF_TEXT, NULL, check_prefix }, NULL },
	{ { SETTING(state_dir), 1, 1024, CONF_TEXT, NULL, NULL }, "/var/lib/qtoa" },
	{ { SETTING(ca_file), 1, 1024, CONF_TEXT, NULL, NULL }, NULL },
	{ { SETTING(proxy), 1, 1024, CONF_GRAPHIC, NULL, check_proxy }, NULL },
	{ { SETTING(no_proxy), 1, 0, CONF_LIST, NULL, check_no_proxy }, NULL },
	{ { SETTING(log), 1, 1024, CONF_TEXT, NULL, NULL }, "stderr" },
	{ { SETTING(is_scan_yes), 1, 64, CONF_TEXT, NULL, NULL }, "true" },
	{ { SETTING(is_scan_no), 1, 64, CONF_TEXT, NULL, NULL }, "false" },
	{ { SETTING(article_url), 1, 64, CONF_TEXT, NULL, NULL }, "article_URL" },
	{ { SETTING(wechat_api), 1, 1024, CONF_GRAPHIC, NULL, check_url },
	    "https://api.weixin.qq.com" },
	{ { SETTING(report_allow), 1, 0, CONF_LIST, NULL, check_allow }, NULL },
	{ { SETTING(report_hosts), 1, 0, CONF_LIST, NULL, check_hosts }, NULL },
	{ { SETTING(trusted_proxies), 1, 0, CONF_LIST, NULL, check_allow }, NULL },
	{ { SETTING(metrics_allow), 1, 0, CONF_LIST, NULL, check_allow }, NULL },
	{ { SETTING(log_level), 1, 0, CONF_TEXT, NULL, check_log_level }, "info" },
};

static const struct settings_number {
	const char	*name;
	size_t		 off;
	int		 dflt, min, max;
} settings_numbers[] = {
	{ SETTING(threads), 64, 1, 1024 },
	{ SETTING(deadline_ms), 4000, 1, 5000 },
	{ SETTING(forward_ms), 2500, 1, 5000 },
	{ SETTING(connect_ms), 1000, 1, 5000 },
	{ SETTING(io_ms), 2000, 1, 60000 },
	{ SETTING(body_max), 65536, 1, 16 << 20 },
	{ SETTING(fresh_s), 600, -1, 86400 },
	{ SETTING(one_per_item), 0, 0, 1 },
	{ SETTING(breaker_fails), 5, 1, 1000 },
	{ SETTING(drain_parallel), 8, 1, 64 },
	{ SETTING(dedupe_days), 7, 1, 366 },
	{ SETTING(keep_days), 0, 0, 366 },
	{ SETTING(legacy_token), 0, 0, 1 },
	{ SETTING(control_per_minute), 60, 1, 100000 },
	{ SETTING(collector), 0, 0, 1 },
	{ SETTING(collector_appkey_optional), 0, 0, 1 },
	{ SETTING(collector_strict), 0, 0, 1 },
	{ SETTING(collect_days), 0, 0, 36500 },
	{ SETTING(log_users), 0, 0, 1 },
	{ SETTING(log_flood), 10, 1, 1000000 },
	{ SETTING(late_s), 600, 1, 604800 },
};

/* literal: v is in config.h itself.  There, of what a name shows conf_warn_all() warns. */
static bool
check_text(struct conf_value_reason *r, const struct text_rule *rule, const struct account *a,
    const char *v, bool literal)
{
	const size_t	 len = strlen(v);
	const char	*unit = "characters";
	size_t		 i;

	if (len == 0 && rule->missing != NULL)
		return conf_value_refuse(r, "missing: %s", rule->missing);
	for (i = 0; i < len; i++)
		if ((unsigned char)v[i] >= 0x80)
			unit = "bytes";
	if (len != 0 && (len < rule->min || (rule->max != 0 && len > rule->max)))
		return rule->min == rule->max ?
		    conf_value_refuse(r, "%zu %s, must be %zu", len, unit, rule->min) :
		    conf_value_refuse(r, "%zu %s, must be %zu to %zu", len, unit, rule->min,
		    rule->max);
	if (!(literal && rule->alphabet == CONF_NAME) &&
	    !conf_value_has_only(r, v, rule->alphabet))
		return false;
	return rule->check == NULL || rule->check(r, a, v);
}

/* The member of base, a struct account or settings, at an offset of the tables above. */
static const char **
text_at(void *base, size_t off)
{
	return (const char **)(void *)((char *)base + off);
}

static int *
number_at(void *base, size_t off)
{
	return (int *)(void *)((char *)base + off);
}

/*
 * Checks of accounts and settings.
 */

static void	add_problem(struct problems *p, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
add_problem(struct problems *p, const char *fmt, ...)
{
	char	 line[1024];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	utf8_mask(line);
	p->n++;
	p->say(p->ctx, line);
}

/* True: the problem of a member that variables can give names the variable, and is added. */
static bool
add_variable_problem(struct problems *p, const char *prefix, const char *member, const char *why)
{
	char	 name[CONF_ENV_NAME];

	if (!conf_is_set(prefix) || strcmp(member, "environment") == 0)
		return false;
	(void)conf_env_find(name, prefix, member);
	add_problem(p, "environment variable %s: %s", name + 1, why);
	return true;
}

static void
add_account_problem(struct problems *p, const struct account *a, size_t i, const char *field,
    const char *why)
{
	if (add_variable_problem(p, a->environment, field, why))
		return;
	add_problem(p, "%s: accounts[%zu].%s (%s): %s", CONFIG_FILE, i, field, conf_label(a), why);
}

static void
add_setting_problem(struct problems *p, const struct settings *s, const char *name,
    const char *why)
{
	if (!add_variable_problem(p, s->environment, name, why))
		add_problem(p, "%s: settings.%s: %s", CONFIG_FILE, name, why);
}

/*
 * Values from the environment.
 */

/* True: a variable with the prefix gives this member's value; "$NAME" then. */
static bool
find_variable(char name[CONF_ENV_NAME], const char *prefix, const char *member)
{
	struct conf_value_reason	 r;

	return conf_is_set(prefix) && conf_env_is_prefix(&r, prefix) &&
	    strcmp(member, "environment") != 0 && conf_env_find(name, prefix, member);
}

/* Keeps a string, which c owns from now on.  NULL: no memory; text is freed. */
static const char *
keep_string(struct conf *c, char *text)
{
	char	**strings = realloc(c->strings, (c->nstrings + 1) * sizeof(*strings));

	if (strings == NULL) {
		free(text);
		return NULL;
	}
	c->strings = strings;
	return c->strings[c->nstrings++] = text;
}

/* Replaces *v, "@FILE" or "$NAME", by the content of the file or variable, which c owns. */
static bool
resolve_value(struct conf *c, struct conf_value_reason *r, const char **v)
{
	char	*copy = conf_value_read(r, *v);

	if (copy == NULL)
		return false;
	if ((*v = keep_string(c, copy)) == NULL)
		return conf_value_refuse(r, "out of memory");
	return true;
}

/* If a variable gives the member's value, *v becomes "$NAME".  False: no memory. */
static bool
take_variable(struct conf *c, const char **v, const char *prefix, const char *member)
{
	char	 name[CONF_ENV_NAME], *copy;

	if (!find_variable(name, prefix, member))
		return true;
	return (copy = strdup(name)) != NULL && (*v = keep_string(c, copy)) != NULL;
}

/*
 * Reads the value that a variable gives to a member that is no text.  NULL: no variable gives it,
 * or it has a problem, which is in r then; else *r->text is 0.  The caller frees the result.
 */
static char *
read_variable(struct conf_value_reason *r, const char *prefix, const char *member)
{
	char	 name[CONF_ENV_NAME];

	*r->text = '\0';
	return find_variable(name, prefix, member) ? conf_value_read(r, name) : NULL;
}

/* False: a variable gives the member, but not one of these names; *r says so. */
static bool
take_choice(struct conf_value_reason *r, int *choice, const char *prefix, const char *member,
    const char *const *names, int n)
{
	char	*text = read_variable(r, prefix, member);
	bool	 good = text == NULL ? *r->text == '\0' :
		    conf_env_choice(r, choice, text, names, n);

	free(text);
	return good;
}

static const char *const	mode_names[] = { "SAFE", "COMPATIBLE", "PLAIN" };
static const char *const	identity_names[] = { "OPENID", "UNIONID" };

static void
take_account_choices(struct problems *p, struct account *a, size_t i)
{
	struct conf_value_reason	 r;
	int				 mode = (int)a->mode, identity = (int)a->identity;

	if (!take_choice(&r, &mode, a->environment, "mode", mode_names, NELEM(mode_names)))
		add_account_problem(p, a, i, "mode", r.text);
	if (!take_choice(&r, &identity, a->environment, "identity", identity_names,
	    NELEM(identity_names)))
		add_account_problem(p, a, i, "identity", r.text);
	a->mode = (enum account_mode)mode;
	a->identity = (enum account_identity)identity;
}

static void
take_wechat_only(struct problems *p, struct settings *s)
{
	static const char *const	 names[] = { "OFF", "ADVISE", "ENFORCE" };
	struct conf_value_reason	 r;
	int				 only = (int)s->wechat_only;

	if (!take_choice(&r, &only, s->environment, "wechat_only", names, NELEM(names)))
		add_setting_problem(p, s, "wechat_only", r.text);
	s->wechat_only = (enum conf_wechat_only)only;
}

/* False: variables alone could make the account, and none of them is set. */
static bool
is_there(const struct account *a)
{
	char				 name[CONF_ENV_NAME];
	struct conf_value_reason	 r;
	size_t				 k;

	if (!conf_is_set(a->environment) || !conf_env_is_prefix(&r, a->environment) ||
	    find_variable(name, a->environment, "mode") ||
	    find_variable(name, a->environment, "identity"))
		return true;
	for (k = 0; k < NELEM(account_rules); k++)
		if (find_variable(name, a->environment, account_rules[k].name))
			return true;
	return false;
}

/* Leaves out accounts that are not there.  The build knows of none that variables make. */
static void
drop_absent_accounts(struct conf *c, bool built)
{
	struct conf_value_reason	 r;
	size_t				 i, n = 0;

	for (i = 0; i < c->n; i++)
		if (built ? !conf_is_set(c->accounts[i].environment) ||
		    !conf_env_is_prefix(&r, c->accounts[i].environment) :
		    is_there(&c->accounts[i]))
			c->accounts[n++] = c->accounts[i];
	c->n = n;
}

/*
 * Checks one text member, after it has read the value of an @FILE or $NAME; c NULL: the name alone
 * is checked.  False: r says why.  A value that cannot be read becomes NULL: else the program would
 * take the name for the value.
 */
static bool
settle_text(struct conf *c, struct conf_value_reason *r, const struct text_rule *rule,
    const struct account *a, const char **v)
{
	const bool	 literal = *v == NULL || !conf_value_is_indirect(*v) ||
			    rule->check == check_prefix;
	const char	*name = *v;

	if (!literal) {
		if (c == NULL)
			return conf_value_check_indirect(r, *v);
		if (!resolve_value(c, r, v)) {
			*v = NULL;
			return false;
		}
		if (**v == '\0' && rule->missing != NULL)
			return conf_value_refuse(r, "missing: %s %s is empty: %s", *name == '@' ?
			    "the file" : "the environment variable", name + 1, rule->missing);
	}
	return check_text(r, rule, a, *v == NULL ? "" : *v, literal);
}

/* True: no text of the account is set. */
static bool
is_empty(struct account *a)
{
	size_t	 k;

	for (k = 0; k < NELEM(account_rules); k++)
		if (conf_is_set(*text_at(a, account_rules[k].off)))
			return false;
	return true;
}

static void
settle_account(struct conf *c, struct problems *p, struct account *a, size_t i)
{
	struct conf_value_reason	 r;
	const char			**v;
	size_t				 k;

	if (is_empty(a)) {
		add_problem(p, "%s: accounts[%zu].path: the account is empty; fill it in as in "
		    "config.h, or remove it", CONFIG_FILE, i);
		return;
	}
	if (c != NULL)
		take_account_choices(p, a, i);
	if (conf_mode_name(a->mode) == NULL)
		add_account_problem(p, a, i, "mode", "must be SAFE, COMPATIBLE or PLAIN");
	if (a->identity != OPENID && a->identity != UNIONID)
		add_account_problem(p, a, i, "identity", "must be OPENID or UNIONID");
	for (k = 0; k < NELEM(account_rules); k++) {
		v = text_at(a, account_rules[k].off);
		if (c != NULL && !take_variable(c, v, a->environment, account_rules[k].name))
			add_account_problem(p, a, i, account_rules[k].name, "out of memory");
		else if (!settle_text(c, &r, &account_rules[k], a, v))
			add_account_problem(p, a, i, account_rules[k].name, r.text);
	}
	if (c == NULL)
		return;
	if (!conf_is_set(a->name))
		a->name = a->path;
	if (!conf_is_set(a->control_token_path))
		a->control_token_path = "$.access_token";
}

static void
check_paths_differ(struct problems *p, const struct account *a, size_t n)
{
	size_t		 i, j;
	struct conf_value_reason	 r;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (a[i].path != NULL && a[j].path != NULL &&
			    strcmp(a[i].path, a[j].path) == 0) {
				(void)conf_value_refuse(&r, "accounts[%zu] has the same path", j);
				add_account_problem(p, &a[i], i, "path", r.text);
			}
}

static void
settle_setting(struct conf *c, struct problems *p, struct settings *s,
    const struct settings_text *text)
{
	struct conf_value_reason	 r;
	const char			**v = text_at(s, text->rule.off);

	if (c != NULL && !take_variable(c, v, s->environment, text->rule.name))
		add_setting_problem(p, s, text->rule.name, "out of memory");
	else if (!settle_text(c, &r, &text->rule, NULL, v))
		add_setting_problem(p, s, text->rule.name, r.text);
	else if (*v == NULL || **v == '\0')
		*v = text->dflt;
}

static void
settle_number(const struct conf *c, struct problems *p, struct settings *s,
    const struct settings_number *num)
{
	struct conf_value_reason	 r;
	int				*value = number_at(s, num->off);
	char				*text;

	*r.text = '\0';
	text = c == NULL ? NULL : read_variable(&r, s->environment, num->name);
	if (text != NULL)
		(void)conf_env_number(&r, value, text, num->min, num->max);
	free(text);
	if (*r.text != '\0') {
		add_setting_problem(p, s, num->name, r.text);
		return;
	}
	if (*value == 0)
		*value = num->dflt;
	if (*value < num->min || *value > num->max)
		add_problem(p, "%s: settings.%s: %d, must be %d to %d", CONFIG_FILE, num->name,
		    *value, num->min, num->max);
}

static void
settle_settings(struct conf *c, struct problems *p, struct settings *s)
{
	size_t	 i;

	for (i = 0; i < NELEM(settings_texts); i++)
		settle_setting(c, p, s, &settings_texts[i]);
	if (!conf_is_set(s->metrics_allow))
		s->metrics_allow = s->report_allow;
	if (c != NULL)
		take_wechat_only(p, s);
	if (conf_wechat_only_name(s->wechat_only) == NULL)
		add_setting_problem(p, s, "wechat_only", "must be OFF, ADVISE or ENFORCE");
	for (i = 0; i < NELEM(settings_numbers); i++)
		settle_number(c, p, s, &settings_numbers[i]);
}

/* Fills in and checks the accounts and settings of c.  built: no file or variable is read. */
static void
settle_values(struct conf *c, struct problems *p, bool built)
{
	const char	*prefix = c->n != 0 ? c->accounts[0].environment : NULL;
	size_t		 i;

	if (c->n == 0)
		add_problem(p, "%s: accounts: there is no account, add one", CONFIG_FILE);
	drop_absent_accounts(c, built);
	if (c->n == 0 && !built && prefix != NULL)
		add_problem(p, "environment: there is no account: set %sPATH, %sAPPID, %sTOKEN, "
		    "%sAES_KEY, %sQT_URL, %sAPP_KEY, %sSERVICE_ID and %sSERVICE_SECRET", prefix,
		    prefix, prefix, prefix, prefix, prefix, prefix, prefix);
	for (i = 0; i < c->n; i++)
		settle_account(built ? NULL : c, p, &c->accounts[i], i);
	check_paths_differ(p, c->accounts, c->n);
	settle_settings(built ? NULL : c, p, &c->set);
}

static int
load_values(struct conf *c, const struct account *from, size_t n, const struct settings *set,
    bool built, struct problems *p)
{
	memset(c, 0, sizeof(*c));
	c->set = *set;
	if ((c->accounts = calloc(n == 0 ? 1 : n, sizeof(*from))) == NULL) {
		add_problem(p, "%s: out of memory", CONFIG_FILE);
		return p->n;
	}
	if (n != 0)
		memcpy(c->accounts, from, n * sizeof(*from));
	c->n = n;
	settle_values(c, p, built);
	return p->n;
}

int
conf_load_from(struct conf *c, const struct account *from, size_t n,
    const struct settings *set, conf_say *say, void *ctx)
{
	struct problems	 p = { say, ctx, 0 };

	return load_values(c, from, n, set, false, &p);
}

int
conf_load(struct conf *c, conf_say *say, void *ctx)
{
	return conf_load_from(c, accounts, NELEM(accounts), &settings, say, ctx);
}

struct relative_files {
	const struct conf	*c;
	conf_warning		*fn;
	void			*ctx;
};

/* Warns of "@FILE" with a relative name.  It is a conf_value. */
static void
warn_relative_file(void *ctx, int i, const char *field, const char *value)
{
	const struct relative_files	*f = ctx;

	if (*value == '@' && value[1] != '/')
		f->fn(f->ctx, f->c, i, field, "is in a file with a relative name: it depends on "
		    "the directory where qtoa is started", "write \"@/the/whole/path\"");
}

int
conf_check_built(conf_say *say, conf_warning *warn, void *ctx)
{
	struct problems		 p = { say, ctx, 0 };
	struct relative_files	 f;
	struct conf		 c;

	(void)load_values(&c, accounts, NELEM(accounts), &settings, true, &p);
	conf_warn_all(&c, warn, ctx);
	f = (struct relative_files){ &c, warn, ctx };
	conf_values(warn_relative_file, &f);
	conf_free(&c);
	return p.n;
}

void
conf_free(struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->nstrings; i++)
		free(c->strings[i]);
	free(c->strings);
	free(c->accounts);
	memset(c, 0, sizeof(*c));
}

const struct account *
conf_account(const struct conf *c, struct slice path)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (c->accounts[i].path != NULL && slice_is(path, c->accounts[i].path))
			return &c->accounts[i];
	return NULL;
}

const char *
conf_label(const struct account *a)
{
	const char	*label = conf_is_set(a->name) ? a->name : a->path;

	return label == NULL || conf_value_is_indirect(label) ? "unnamed" : label;
}

static bool
is_text(const char *value, const char *word)
{
	return value != NULL && strcmp(value, word) == 0;
}

bool
conf_means(const struct account *a, const char *word)
{
	return is_text(a->path, word) || is_text(a->name, word) || is_text(a->appid, word);
}

const struct account *
conf_find(const struct conf *c, const char *word)
{
	const struct account	*a = conf_account(c, slice_of(word));
	size_t			 i;

	for (i = 0; a == NULL && i < c->n; i++)
		if (conf_means(&c->accounts[i], word))
			a = &c->accounts[i];
	return a;
}

static void
give_value(conf_value *fn, void *ctx, int i, const struct text_rule *rule, const void *base)
{
	const char	*v = *(const char *const *)(const void *)((const char *)base + rule->off);

	if (conf_is_set(v))
		fn(ctx, i, rule->name, v);
}

void
conf_values(conf_value *fn, void *ctx)
{
	size_t	 i, k;

	for (i = 0; i < NELEM(accounts); i++)
		for (k = 0; k < NELEM(account_rules); k++)
			give_value(fn, ctx, (int)i, &account_rules[k], &accounts[i]);
	for (k = 0; k < NELEM(settings_texts); k++)
		give_value(fn, ctx, -1, &settings_texts[k].rule, &settings);
}

/* The value of a member as it comes from the file, or the variable of this host. */
static void
give_value_here(conf_value *fn, void *ctx, int i, const struct text_rule *rule, const void *base,
    const char *prefix)
{
	char		 name[CONF_ENV_NAME];
	const char	*v = *(const char *const *)(const void *)((const char *)base + rule->off);

	if (find_variable(name, prefix, rule->name))
		v = name;
	if (conf_is_set(v) && *v == '$' && conf_value_is_indirect(v) && getenv(v + 1) != NULL &&
	    *getenv(v + 1) == '@')
		v = getenv(v + 1);
	if (conf_is_set(v))
		fn(ctx, i, rule->name, v);
}

void
conf_values_here(conf_value *fn, void *ctx)
{
	const struct account	*a;
	size_t			 k;
	int			 i = 0;

	for (a = accounts; a != accounts + NELEM(accounts); a++) {
		if (!is_there(a))
			continue;
		for (k = 0; k < NELEM(account_rules); k++)
			give_value_here(fn, ctx, i, &account_rules[k], a, a->environment);
		i++;
	}
	for (k = 0; k < NELEM(settings_texts); k++)
		give_value_here(fn, ctx, -1, &settings_texts[k].rule, &settings,
		    settings.environment);
}

bool
conf_is_set(const char *value)
{
	return value != NULL && *value != '\0';
}

enum log_level
conf_log_level(const struct settings *s)
{
	enum log_level	 level;

	return conf_is_set(s->log_level) && error_level(&level, s->log_level) ? level : LEVEL_INFO;
}

const char *
conf_wechat_only_name(enum conf_wechat_only w)
{
	switch (w) {
	case OFF:
		return "off";
	case ADVISE:
		return "advise";
	case ENFORCE:
		return "enforce";
	}
	return NULL;
}

const char *
conf_mode_name(enum account_mode m)
{
	switch (m) {
	case SAFE:
		return "safe";
	case COMPATIBLE:
		return "compatible";
	case PLAIN:
		return "plain";
	}
	return NULL;
}
