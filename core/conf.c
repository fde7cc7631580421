#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/conf.h"
#include "core/conf_env.h"
#include "core/conf_value.h"
#include "core/conf_warn.h"
#include "core/error.h"
#include "core/host.h"
#include "core/lang.h"
#include "core/proxy.h"
#include "core/utf8.h"
#include CONFIG_FILE

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* Where problems of the configuration go, and how many there were. */
struct problems {
	conf_say		*say;		/* NULL: fault gets them */
	conf_fault		*fault;
	void			*ctx;
	int			 n;
	const struct conf	*c;
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
	    "43 characters of EncodingAESKey", lang_text(conf_mode_name(a->mode)));
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

/* "@FILE" would be the content of the file, but the file's name is wanted. */
static bool
check_replies(struct conf_value_reason *r, const struct account *a, const char *v)
{
	(void)a;
	if (*v == '{' || strpbrk(v, "\r\n") != NULL)
		return conf_value_refuse(r, "is the content of a file: write the name of the file, "
		    "without @");
	return strlen(v) <= 1024 || conf_value_refuse(r, "%zu %s, must be %zu to %zu", strlen(v),
	    lang_text("bytes"), (size_t)1, (size_t)1024);
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
	return why == NULL || conf_value_refuse(r, "%s", lang_text(why));
}

/* True: the host of a URL is this one, or in a private network, or a name without a dot. */
static bool
is_near(const char *url)
{
	static const char	 nets[] = "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 "
				    "169.254.0.0/16 ::1 fc00::/7 fe80::/10";
	const struct slice	 host = proxy_host(url);

	return acl_has(nets, host) || (host.len != 0 && memchr(host.p, '.', host.len) == NULL &&
	    memchr(host.p, ':', host.len) == NULL);
}

static bool
check_alert_url(struct conf_value_reason *r, const struct account *a, const char *v)
{
	if (!check_url(r, a, v))
		return false;
	return *v == '\0' || strncmp(v, "https://", 8) == 0 || is_near(v) ||
	    conf_value_refuse(r, "must begin with https://, so that nobody reads the address on "
	    "its way; http:// is for this host and private networks");
}

static bool
check_alert_lang(struct conf_value_reason *r, const struct account *a, const char *v)
{
	enum language	 l;

	(void)a;
	return *v == '\0' || lang_read(&l, v) || conf_value_refuse(r, "must be en or zh");
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
	enum conf_secrecy secrecy;
	const char	*name;
	size_t		 off;		/* in its struct */
	size_t		 min, max;	/* characters, unless it is empty; max 0: any number */
	enum conf_alphabet alphabet;
	const char	*missing;	/* what to do if it is empty; NULL: it may be empty */
	value_check	*check;		/* NULL: there is no other check */
};

/* The name and offset of a member; SECRET, LOGIN, HIDDEN: how much of its value may be shown. */
#define ACCOUNT(member)	.name = #member, .off = offsetof(struct account, member)
#define SETTING(member)	.name = #member, .off = offsetof(struct settings, member)
#define SECRET(member)	.secrecy = CONF_SECRET, ACCOUNT(member)
#define LOGIN(member)	.secrecy = CONF_LOGIN, SETTING(member)
#define HIDDEN(member)	.secrecy = CONF_SECRET, SETTING(member)

static const struct text_rule	account_rules[] = {
	{ ACCOUNT(environment), 1, 0, CONF_TEXT, NULL, check_prefix },
	{ ACCOUNT(path), 1, 64, CONF_PATH, "choose the last part of its URL", check_path },
	{ ACCOUNT(name), 1, 64, CONF_NAME, NULL, NULL },
	{ ACCOUNT(appid), 1, 64, CONF_GRAPHIC, "copy AppID from WeChat's console", NULL },
	{ SECRET(token), 3, 32, CONF_ALNUM, "set the Token of WeChat's console", NULL },
	{ SECRET(token_old), 3, 32, CONF_ALNUM, NULL, NULL },
	{ SECRET(aes_key), 43, 43, CONF_ALNUM, NULL, check_aes_key },
	{ SECRET(aes_key_old), 43, 43, CONF_ALNUM, NULL, NULL },
	{ ACCOUNT(qt_url), 1, 1024, CONF_GRAPHIC,
	    "set the whole URL of QT's /server/thirdPartyDataSource", check_url },
	{ ACCOUNT(qt_url_standby), 1, 1024, CONF_GRAPHIC, NULL, check_url },
	{ SECRET(app_key), 1, 256, CONF_KEY, NULL, NULL },
	{ ACCOUNT(service_id), 1, 256, CONF_KEY, qt_console, NULL },
	{ SECRET(service_secret), 1, 256, CONF_KEY, qt_console, NULL },
	{ SECRET(secret), 1, 256, CONF_KEY, NULL, NULL },
	{ SECRET(control_key), 16, 256, CONF_GRAPHIC, NULL, NULL },
	{ ACCOUNT(control_allow), 1, 0, CONF_LIST, NULL, check_allow },
	{ SECRET(control_url), 1, 1024, CONF_GRAPHIC, NULL, check_control_url },
	{ ACCOUNT(control_token_path), 1, 256, CONF_TEXT, NULL, check_token_path },
	{ ACCOUNT(replies), 1, 0, CONF_LIST, NULL, check_replies },
};

static const struct settings_text {
	struct text_rule	 rule;
	const char		*dflt;
} settings_texts[] = {
	{ { SETTING(environment), 1, 0, CONF_TEXT, NULL, check_prefix }, NULL },
	{ { SETTING(state_dir), 1, 1024, CONF_TEXT, NULL, NULL }, "/var/lib/qtoa" },
	{ { SETTING(ca_file), 1, 1024, CONF_TEXT, NULL, NULL }, NULL },
	{ { LOGIN(proxy), 1, 1024, CONF_GRAPHIC, NULL, check_proxy }, NULL },
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
	{ { HIDDEN(alert_url), 1, 1024, CONF_GRAPHIC, NULL, check_alert_url }, NULL },
	{ { HIDDEN(alert_secret), 1, 256, CONF_GRAPHIC, NULL, NULL }, NULL },
	{ { SETTING(alert_lang), 1, 0, CONF_TEXT, NULL, check_alert_lang }, NULL },
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
	{ SETTING(count), 1, -1, 1 },
	{ SETTING(collector), 0, 0, 1 },
	{ SETTING(collector_appkey_optional), 0, 0, 1 },
	{ SETTING(collector_strict), 0, 0, 1 },
	{ SETTING(collect_days), 0, 0, 36500 },
	{ SETTING(log_users), 0, 0, 1 },
	{ SETTING(log_flood), 10, 1, 1000000 },
	{ SETTING(late_s), 600, 1, 604800 },
	{ SETTING(alert_after_s), 60, 1, 86400 },
	{ SETTING(alert_per_hour), 10, 1, 1000 },
	{ SETTING(alert_weekly), 0, 0, 1 },
};

static const char *
mode_of(const void *base)
{
	return conf_mode_name(((const struct account *)base)->mode);
}

static const char *
identity_of(const void *base)
{
	const struct account	*a = base;

	return a->identity == OPENID ? "openid" : a->identity == UNIONID ? "unionid" : NULL;
}

static const char *
wechat_only_of(const void *base)
{
	return conf_wechat_only_name(((const struct settings *)base)->wechat_only);
}

static const char *const	mode_names[] = { "SAFE", "COMPATIBLE", "PLAIN" };
static const char *const	identity_names[] = { "OPENID", "UNIONID" };
static const char *const	wechat_only_names[] = { "OFF", "ADVISE", "ENFORCE" };

/* A member whose value is one of some words, in the order of their enum. */
struct choice {
	const char		*name;
	const char *const	*names;
	int			 n;
	const char		*(*value_of)(const void *base);	/* NULL: it is wrong */
};

enum { CHOICE_MODE, CHOICE_IDENTITY };

static const struct choice account_choices[] = {
	[CHOICE_MODE] = { "mode", mode_names, NELEM(mode_names), mode_of },
	[CHOICE_IDENTITY] = { "identity", identity_names, NELEM(identity_names), identity_of },
};

static const struct choice wechat_only_choice = {
	"wechat_only", wechat_only_names, NELEM(wechat_only_names), wechat_only_of
};

/* The k-th member of each account, whatever its type; NULL: there is no k-th. */
static const char *
account_member(size_t k)
{
	if (k < NELEM(account_rules))
		return account_rules[k].name;
	k -= NELEM(account_rules);
	return k < NELEM(account_choices) ? account_choices[k].name : NULL;
}

/* The same, of the settings. */
static const char *
settings_member(size_t k)
{
	if (k < NELEM(settings_texts))
		return settings_texts[k].rule.name;
	k -= NELEM(settings_texts);
	return k < NELEM(settings_numbers) ? settings_numbers[k].name : NULL;
}

/* literal: v is in config.h itself.  There, of what a name shows conf_warn_all() warns. */
static bool
check_text(struct conf_value_reason *r, const struct text_rule *rule, const struct account *a,
    const char *v, bool literal)
{
	const size_t	 len = strlen(v);
	const char	*unit = lang_text("characters");
	size_t		 i;

	if (len == 0 && rule->missing != NULL)
		return conf_value_refuse(r, "missing: %s", lang_text(rule->missing));
	for (i = 0; i < len; i++)
		if ((unsigned char)v[i] >= 0x80)
			unit = lang_text("bytes");
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

static const char *
value_at(const struct text_rule *rule, const void *base)
{
	return *(const char *const *)(const void *)((const char *)base + rule->off);
}

/*
 * Checks of accounts and settings.
 */

/* i: number of the account; -1: a setting, or "accounts", which are all of them. */
static void
say_problem(struct problems *p, int i, const char *field, const char *where, const char *why)
{
	char	 line[1024];

	p->n++;
	if (p->say == NULL) {
		p->fault(p->ctx, i, field, why);
		return;
	}
	(void)snprintf(line, sizeof(line), "%s%s%s", where, lang_text(": "), why);
	utf8_mask(line);
	p->say(p->ctx, line);
}

/* For add_problem(): config.h has a value, which is not a text. */
static const char	 no_text[] = "-";

/*
 * given: what config.h has for the member.  If a variable gives the value, or config.h has nothing
 * and a variable could give it, the problem names the variable.
 */
static void
add_problem(struct problems *p, int i, const char *field, const char *given, const char *why)
{
	const struct conf	*c = p->c;
	const char		*prefix = i == -1 ? c->given->environment :
				    c->rows[i]->environment;
	char			 name[CONF_ENV_NAME], where[512], line[1024];
	const bool		 can = !c->built && conf_env_has(prefix, field);
	const bool		 set = can && conf_env_find(name, prefix, field);

	if (set || (can && !conf_is_set(given)))
		(void)snprintf(where, sizeof(where), lang_text("environment variable %s"),
		    name + 1);
	else if (i == -1)
		(void)snprintf(where, sizeof(where), "%s: settings.%s", CONFIG_FILE, field);
	else
		(void)snprintf(where, sizeof(where), "%s: accounts[%d].%s (%s)", CONFIG_FILE, i,
		    field, conf_label(&c->accounts[i]));
	(void)snprintf(line, sizeof(line), "%s%s%s", where, lang_text(": "), why);
	say_problem(p, i, field, where, can && !set && !conf_is_set(given) && p->say == NULL ?
	    line : why);
}

static void
add_no_account(struct problems *p, const char *prefix)
{
	struct conf_value_reason	 r;

	(void)conf_value_refuse(&r, "there is no account: set %sPATH, %sAPPID, %sTOKEN, %sAES_KEY, "
	    "%sQT_URL, %sAPP_KEY, %sSERVICE_ID and %sSERVICE_SECRET", prefix, prefix, prefix,
	    prefix, prefix, prefix, prefix, prefix);
	say_problem(p, -1, "accounts", lang_text("environment"), r.text);
}

/*
 * Values from the environment.
 */

/* True: a variable with the prefix gives this member's value; "$NAME" then. */
static bool
find_variable(char name[CONF_ENV_NAME], const char *prefix, const char *member)
{
	return conf_env_has(prefix, member) && conf_env_find(name, prefix, member);
}

/* Where c gets the text of a member from: "$NAME", or what was given; NULL: nothing was. */
static const char *
source_of(const struct conf *c, char name[CONF_ENV_NAME], const char *prefix, const char *member,
    const char *given)
{
	if (!c->built && find_variable(name, prefix, member))
		return name;
	return conf_is_set(given) ? given : NULL;
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

/* False: a variable gives the member, but not one of its names; *r says so. */
static bool
take_choice(struct conf_value_reason *r, int *value, const char *prefix,
    const struct choice *choice)
{
	char	*text = read_variable(r, prefix, choice->name);
	bool	 good = text == NULL ? *r->text == '\0' :
		    conf_env_choice(r, value, text, choice->names, choice->n);

	free(text);
	return good;
}

/* The same of a number. */
static bool
take_number(struct conf_value_reason *r, int *value, const char *prefix,
    const struct settings_number *num)
{
	char	*text = read_variable(r, prefix, num->name);
	bool	 good = text == NULL ? *r->text == '\0' :
		    conf_env_number(r, value, text, num->min, num->max);

	free(text);
	return good;
}

static void
take_account_choices(struct problems *p, struct account *a, int i)
{
	struct conf_value_reason	 r;
	int				 values[] = {
		[CHOICE_MODE] = (int)a->mode, [CHOICE_IDENTITY] = (int)a->identity,
	};
	size_t				 k;

	for (k = 0; k < NELEM(account_choices); k++)
		if (!take_choice(&r, &values[k], a->environment, &account_choices[k]))
			add_problem(p, i, account_choices[k].name, NULL, r.text);
	a->mode = (enum account_mode)values[CHOICE_MODE];
	a->identity = (enum account_identity)values[CHOICE_IDENTITY];
}

static void
take_wechat_only(struct problems *p, struct settings *s)
{
	struct conf_value_reason	 r;
	int				 only = (int)s->wechat_only;

	if (!take_choice(&r, &only, s->environment, &wechat_only_choice))
		add_problem(p, -1, "wechat_only", NULL, r.text);
	s->wechat_only = (enum conf_wechat_only)only;
}

/* False: variables alone could make the account, and none of them is set. */
static bool
is_there(const struct account *a)
{
	char		 name[CONF_ENV_NAME];
	const char	*member;
	size_t		 k;

	if (!conf_env_has(a->environment, "path"))
		return true;
	for (k = 0; (member = account_member(k)) != NULL; k++)
		if (find_variable(name, a->environment, member))
			return true;
	return false;
}

/* Leaves out accounts that are not there.  The build knows of none that variables make. */
static void
drop_absent_accounts(struct conf *c)
{
	size_t	 i, n = 0;

	for (i = 0; i < c->n; i++)
		if (c->built ? !conf_env_has(c->rows[i]->environment, "path") :
		    is_there(c->rows[i])) {
			c->accounts[n] = c->accounts[i];
			c->rows[n++] = c->rows[i];
		}
	c->n = n;
}

/*
 * Checks one text member, after it has read the value of an @FILE or $NAME; of a built conf it
 * checks the name alone.  False: r says why.  A value that cannot be read becomes NULL: else the
 * program would take the name for the value.
 */
static bool
settle_text(struct conf *c, struct conf_value_reason *r, const struct text_rule *rule,
    const struct account *a, const char **v)
{
	const char	*prefix = a != NULL ? a->environment : c->set.environment;
	const char	*name;
	bool		 literal;

	if (!c->built && !take_variable(c, v, prefix, rule->name))
		return conf_value_refuse(r, "out of memory");
	name = *v;
	literal = name == NULL || !conf_value_is_indirect(name) || rule->check == check_prefix;
	if (!literal) {
		if (c->built)
			return conf_value_check_indirect(r, *v);
		if (!resolve_value(c, r, v)) {
			*v = NULL;
			return false;
		}
		if (**v == '\0' && rule->missing != NULL)
			return conf_value_refuse(r, "missing: %s %s is empty: %s", *name == '@' ?
			    lang_text("the file") : lang_text("the environment variable"),
			    name + 1, lang_text(rule->missing));
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
settle_account(struct conf *c, struct problems *p, int i)
{
	struct account			*a = &c->accounts[i];
	struct conf_value_reason	 r;
	size_t				 k;

	if (is_empty(a)) {
		add_problem(p, i, "path", no_text, lang_text("the account is empty; fill it in "
		    "as in config.h, or remove it"));
		return;
	}
	if (!c->built)
		take_account_choices(p, a, i);
	if (conf_mode_name(a->mode) == NULL)
		add_problem(p, i, "mode", no_text,
		    lang_text("must be SAFE, COMPATIBLE or PLAIN"));
	if (a->identity != OPENID && a->identity != UNIONID)
		add_problem(p, i, "identity", no_text, lang_text("must be OPENID or UNIONID"));
	for (k = 0; k < NELEM(account_rules); k++)
		if (!settle_text(c, &r, &account_rules[k], a, text_at(a, account_rules[k].off)))
			add_problem(p, i, account_rules[k].name,
			    value_at(&account_rules[k], c->rows[i]), r.text);
	if (c->built)
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
				add_problem(p, (int)i, "path", a[i].path, r.text);
			}
}

static void
settle_setting(struct conf *c, struct problems *p, const struct settings_text *text)
{
	struct conf_value_reason	 r;
	const char			**v = text_at(&c->set, text->rule.off);

	if (!settle_text(c, &r, &text->rule, NULL, v))
		add_problem(p, -1, text->rule.name, value_at(&text->rule, c->given), r.text);
	else if (*v == NULL || **v == '\0')
		*v = text->dflt;
}

static void
settle_number(struct conf *c, struct problems *p, const struct settings_number *num)
{
	struct conf_value_reason	 r;
	int				*value = number_at(&c->set, num->off);

	if (!c->built && !take_number(&r, value, c->set.environment, num)) {
		add_problem(p, -1, num->name, NULL, r.text);
		return;
	}
	if (*value == 0)
		*value = num->dflt;
	if (*value >= num->min && *value <= num->max)
		return;
	(void)conf_value_refuse(&r, "%d, must be %d to %d", *value, num->min, num->max);
	add_problem(p, -1, num->name, no_text, r.text);
}

static void
settle_settings(struct conf *c, struct problems *p)
{
	size_t	 i;

	for (i = 0; i < NELEM(settings_texts); i++)
		settle_setting(c, p, &settings_texts[i]);
	if (!conf_is_set(c->set.metrics_allow))
		c->set.metrics_allow = c->set.report_allow;
	if (!c->built)
		take_wechat_only(p, &c->set);
	if (conf_wechat_only_name(c->set.wechat_only) == NULL)
		add_problem(p, -1, "wechat_only", no_text,
		    lang_text("must be OFF, ADVISE or ENFORCE"));
	for (i = 0; i < NELEM(settings_numbers); i++)
		settle_number(c, p, &settings_numbers[i]);
}

/* Fills in and checks the accounts and settings of c. */
static void
settle_values(struct conf *c, struct problems *p)
{
	const char	*prefix = c->n != 0 ? c->accounts[0].environment : NULL;
	size_t		 i;

	if (c->n == 0)
		say_problem(p, -1, "accounts", CONFIG_FILE ": accounts",
		    lang_text("there is no account, add one"));
	drop_absent_accounts(c);
	if (c->n == 0 && !c->built && prefix != NULL)
		add_no_account(p, prefix);
	for (i = 0; i < c->n; i++)
		settle_account(c, p, (int)i);
	check_paths_differ(p, c->accounts, c->n);
	settle_settings(c, p);
}

static int
load_values(struct conf *c, const struct account *from, size_t n, const struct settings *set,
    bool built, struct problems *p)
{
	memset(c, 0, sizeof(*c));
	c->set = *set;
	c->given = set;
	c->built = built;
	p->c = c;
	c->accounts = calloc(n + 1, sizeof(*c->accounts));
	c->rows = calloc(n + 1, sizeof(*c->rows));
	if (c->accounts == NULL || c->rows == NULL) {
		say_problem(p, -1, "accounts", CONFIG_FILE, lang_text("out of memory"));
		return p->n;
	}
	for (; c->n < n; c->n++) {
		c->accounts[c->n] = from[c->n];
		c->rows[c->n] = &from[c->n];
	}
	settle_values(c, p);
	return p->n;
}

int
conf_load_from(struct conf *c, const struct account *from, size_t n,
    const struct settings *set, conf_say *say, void *ctx)
{
	struct problems	 p = { .say = say, .ctx = ctx };

	return load_values(c, from, n, set, false, &p);
}

int
conf_load(struct conf *c, conf_say *say, void *ctx)
{
	return conf_load_from(c, accounts, NELEM(accounts), &settings, say, ctx);
}

int
conf_load_faults(struct conf *c, conf_fault *fault, void *ctx)
{
	struct problems	 p = { .fault = fault, .ctx = ctx };

	return load_values(c, accounts, NELEM(accounts), &settings, false, &p);
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

void
conf_warn_files(const struct conf *c, conf_warning *fn, void *ctx)
{
	struct relative_files	 f = { c, fn, ctx };

	conf_values_here(c, warn_relative_file, &f);
}

int
conf_check_built(conf_say *say, conf_warning *warn, void *ctx)
{
	struct problems		 p = { .say = say, .ctx = ctx };
	struct conf		 c;

	(void)load_values(&c, accounts, NELEM(accounts), &settings, true, &p);
	conf_warn_all(&c, warn, ctx);
	conf_warn_files(&c, warn, ctx);
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
	free(c->rows);
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

	return label == NULL || conf_value_is_indirect(label) ? lang_text("unnamed") : label;
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
	const char	*v = value_at(rule, base);

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

struct variables {
	conf_variable	*fn;
	void		*ctx;
};

/* Gives "$NAME".  It is a conf_value. */
static void
give_named_variable(void *ctx, int i, const char *field, const char *value)
{
	const struct variables		*v = ctx;
	struct conf_value_reason	 r;

	(void)i, (void)field;
	if (*value == '$' && conf_value_is_indirect(value) &&
	    conf_value_check_indirect(&r, value))
		v->fn(v->ctx, value + 1);
}

/* Gives those that a prefix makes of the members of one struct. */
static void
give_variables_of(const struct variables *v, const char *prefix, const char *(*member)(size_t k))
{
	char	 name[CONF_ENV_NAME];
	size_t	 k;

	for (k = 0; member(k) != NULL; k++)
		if (conf_env_has(prefix, member(k))) {
			(void)conf_env_find(name, prefix, member(k));
			v->fn(v->ctx, name + 1);
		}
}

void
conf_variables(conf_variable *fn, void *ctx)
{
	struct variables	 v = { fn, ctx };
	size_t			 i;

	conf_values(give_named_variable, &v);
	for (i = 0; i < NELEM(accounts); i++)
		give_variables_of(&v, accounts[i].environment, account_member);
	give_variables_of(&v, settings.environment, settings_member);
}

/* base: the struct that was given, of account i or of the settings. */
static void
give_value_here(conf_value *fn, void *ctx, const struct conf *c, int i,
    const struct text_rule *rule, const void *base, const char *prefix)
{
	char		 name[CONF_ENV_NAME];
	const char	*v = source_of(c, name, prefix, rule->name, value_at(rule, base));
	const char	*file = v == NULL || c->built ? NULL : conf_value_file(v);

	if (v != NULL)
		fn(ctx, i, rule->name, file != NULL ? file : v);
}

void
conf_values_here(const struct conf *c, conf_value *fn, void *ctx)
{
	size_t	 i, k;

	for (i = 0; i < c->n; i++)
		for (k = 0; k < NELEM(account_rules); k++)
			give_value_here(fn, ctx, c, (int)i, &account_rules[k], c->rows[i],
			    c->rows[i]->environment);
	for (k = 0; k < NELEM(settings_texts); k++)
		give_value_here(fn, ctx, c, -1, &settings_texts[k].rule, c->given,
		    c->given->environment);
}

/*
 * All members, for those who show them.
 */

/* True: the value was read from a file or a variable. */
static bool
is_owned(const struct conf *c, const char *v)
{
	size_t	 i;

	for (i = 0; i < c->nstrings; i++)
		if (c->strings[i] == v)
			return true;
	return false;
}

static void
give_text(conf_each_field *fn, void *ctx, const struct conf *c, int i,
    const struct text_rule *rule)
{
	const void	*given = i == -1 ? (const void *)c->given : c->rows[i];
	const void	*used = i == -1 ? (const void *)&c->set : &c->accounts[i];
	const char	*prefix = i == -1 ? c->given->environment : c->rows[i]->environment;
	char		 name[CONF_ENV_NAME];
	const char	*w = source_of(c, name, prefix, rule->name, value_at(rule, given));
	const char	*v = value_at(rule, used);

	fn(ctx, &(struct conf_field){
	    .i = i, .name = rule->name, .secrecy = rule->secrecy, .is_text = true,
	    .written = w, .value = conf_is_set(v) ? v : NULL,
	    .is_default = conf_is_set(v) && (w == NULL || (!is_owned(c, v) && v != w)) });
}

static void
give_choice(conf_each_field *fn, void *ctx, const struct conf *c, int i,
    const struct choice *choice)
{
	const void			*base = i == -1 ? (const void *)c->given : c->rows[i];
	const void			*used = i == -1 ? (const void *)&c->set : &c->accounts[i];
	const char			*prefix = i == -1 ? c->given->environment :
					    c->rows[i]->environment;
	const char			*given = choice->value_of(base), *w;
	char				 name[CONF_ENV_NAME];
	struct conf_value_reason	 r;
	int				 unused;
	bool				 good = take_choice(&r, &unused, prefix, choice);

	if (given == NULL)	/* it is wrong, and is there all the same */
		given = choice->names[0];
	else if (conf_env_has(prefix, choice->name) && strcasecmp(given, choice->names[0]) == 0)
		given = NULL;	/* such an account has the first if it gives nothing */
	w = source_of(c, name, prefix, choice->name, given);
	fn(ctx, &(struct conf_field){ .i = i, .name = choice->name, .is_text = true, .written = w,
	    .value = good ? choice->value_of(used) : NULL, .is_default = good && w == NULL });
}

static void
give_number(conf_each_field *fn, void *ctx, const struct conf *c,
    const struct settings_number *num)
{
	const char			*prefix = c->given->environment;
	struct settings			 given = *c->given, used = c->set;
	int				*n = number_at(&given, num->off);
	char				 name[CONF_ENV_NAME], value[16];
	struct conf_value_reason	 r;
	bool				 good = take_number(&r, n, prefix, num);

	(void)snprintf(value, sizeof(value), "%d", *number_at(&used, num->off));
	fn(ctx, &(struct conf_field){ .i = -1, .name = num->name, .value = good ? value : NULL,
	    .written = source_of(c, name, prefix, num->name, *n == 0 ? NULL : value),
	    .is_default = good && *n == 0 });
}

bool
conf_is_secret(const char *name)
{
	size_t	 k;

	for (k = 0; k < NELEM(account_rules); k++)
		if (account_rules[k].secrecy != CONF_SHOWN &&
		    strcmp(name, account_rules[k].name) == 0)
			return true;
	for (k = 0; k < NELEM(settings_texts); k++)
		if (settings_texts[k].rule.secrecy != CONF_SHOWN &&
		    strcmp(name, settings_texts[k].rule.name) == 0)
			return true;
	return false;
}

void
conf_members(const struct conf *c, conf_each_field *fn, void *ctx)
{
	size_t	 i, k;

	for (k = 0; k < NELEM(settings_texts); k++)
		give_text(fn, ctx, c, -1, &settings_texts[k].rule);
	for (k = 0; k < NELEM(settings_numbers); k++)
		give_number(fn, ctx, c, &settings_numbers[k]);
	give_choice(fn, ctx, c, -1, &wechat_only_choice);
	for (i = 0; i < c->n; i++) {
		for (k = 0; k < NELEM(account_rules); k++)
			give_text(fn, ctx, c, (int)i, &account_rules[k]);
		for (k = 0; k < NELEM(account_choices); k++)
			give_choice(fn, ctx, c, (int)i, &account_choices[k]);
	}
}

static void
give_text_rule(conf_each_rule *fn, void *ctx, const struct text_rule *rule, const char *of,
    const char *dflt)
{
	fn(ctx, &(struct conf_rule){ .of = of, .name = rule->name,
	    .is_required = rule->missing != NULL, .dflt = dflt, .min = (int)rule->min,
	    .max = (int)rule->max, .alphabet = rule->alphabet });
}

static void
give_choice_rule(conf_each_rule *fn, void *ctx, const struct choice *choice, const char *of)
{
	fn(ctx, &(struct conf_rule){ .of = of, .name = choice->name, .dflt = choice->names[0],
	    .choices = choice->names, .n = choice->n });
}

void
conf_rules(conf_each_rule *fn, void *ctx)
{
	const struct settings_number	*num = settings_numbers;
	size_t				 k;

	for (k = 0; k < NELEM(settings_texts); k++)
		give_text_rule(fn, ctx, &settings_texts[k].rule, "setting",
		    settings_texts[k].dflt);
	for (; num < settings_numbers + NELEM(settings_numbers); num++)
		fn(ctx, &(struct conf_rule){ .of = "setting", .name = num->name,
		    .is_number = true, .number = num->dflt, .min = num->min, .max = num->max });
	give_choice_rule(fn, ctx, &wechat_only_choice, "setting");
	for (k = 0; k < NELEM(account_rules); k++)
		give_text_rule(fn, ctx, &account_rules[k], "account", NULL);
	for (k = 0; k < NELEM(account_choices); k++)
		give_choice_rule(fn, ctx, &account_choices[k], "account");
}

const char *
conf_file(void)
{
	return CONFIG_FILE;
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
