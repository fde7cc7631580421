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

/* The host of a URL, without port and brackets.  False: it has no host. */
static bool
find_host(struct slice *host, const char *url)
{
	const char	*at = strstr(url, "://");

	return at != NULL && host_parse(host, (struct slice){ at + 3, strcspn(at + 3, "/?") });
}

static bool
check_relay_url(struct conf_value_reason *r, const struct account *a, const char *v)
{
	struct slice	 host;

	if (!check_url(r, a, v) || *v == '\0')
		return *v == '\0';
	if (!find_host(&host, v))
		return conf_value_refuse(r, "has no host, or has more than host, port, path and "
		    "query");
	return strncmp(v, "http://", 7) != 0 || is_near(v) || conf_value_refuse(r, "http:// is "
	    "for this host and private networks only: set a URL with https://");
}

/* Words with blanks between: a MsgType or an Event, which may have a pattern behind a colon. */
static bool
check_only(struct conf_value_reason *r, const struct account *a, const char *v)
{
	size_t	 len;

	(void)a;
	for (; *(v += strspn(v, " \t\r\n")) != '\0'; v += len) {
		len = strcspn(v, " \t\r\n");
		if (*v == ':' || v[len - 1] == ':' || memchr(v, ',', len) != NULL)
			return conf_value_refuse(r, "%.*s is not a word for messages: write "
			    "\"text subscribe CLICK:crm_*\", with blanks between", len > 64 ? 64 :
			    (int)len, v);
	}
	return true;
}

/* The key of a signature as Standard Webhooks writes it: whsec_ and base64 of 24 to 64 bytes. */
static bool
check_hook_secret(struct conf_value_reason *r, const struct account *a, const char *v)
{
	static const char	 digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/";
	size_t			 n;

	(void)a;
	if (*v == '\0')
		return true;
	if (strncmp(v, "whsec_", 6) != 0)
		return conf_value_refuse(r, "does not begin with whsec_: write whsec_ and the "
		    "base64 text of 24 to 64 random bytes");
	n = strspn(v + 6, digits);
	return (n >= 32 && n <= 86 && (n + strlen(v + 6 + n)) % 4 == 0 &&
	    strspn(v + 6 + n, "=") == strlen(v + 6 + n) && strlen(v + 6 + n) <= 2) ||
	    conf_value_refuse(r, "has no base64 text of 24 to 64 bytes behind whsec_");
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
check_store(struct conf_value_reason *r, const struct account *a, const char *v)
{
	(void)a;
	if (*v == '\0')
		return true;
	if (!QTOA_POSTGRES)
		return conf_value_refuse(r, "this program is built without libpq: install "
		    "libpq-dev and build it again, or leave the setting empty");
	return strncmp(v, "postgresql://", 13) == 0 || strncmp(v, "postgres://", 11) == 0 ||
	    conf_value_refuse(r, "must begin with postgresql://, or be \"@FILE\" of such a text");
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

/*
 * The members of relay number k of an account.  They are members of struct account, too.
 */
#define RELAY_AT(k, member)	.name = "relays[" #k "]." #member, \
				.off = offsetof(struct account, relays[k].member)
#define RELAY_TEXTS(k) \
	{ RELAY_AT(k, url), 1, 1024, CONF_GRAPHIC, NULL, check_relay_url }, \
	{ RELAY_AT(k, name), 1, 32, CONF_PATH, NULL, NULL }, \
	{ RELAY_AT(k, only), 1, 0, CONF_LIST, NULL, check_only }, \
	{ .secrecy = CONF_SECRET, RELAY_AT(k, secret), 1, 256, CONF_GRAPHIC, NULL, \
	    check_hook_secret }
#define RELAY_NUMBERS(k) \
	{ RELAY_AT(k, relay_ms), 3500, 1, 14500 }, \
	{ RELAY_AT(k, answers), 0, 0, 1 }, \
	{ RELAY_AT(k, late_reply), 0, 0, 1 }

static const struct text_rule	relay_rules[] = {
	RELAY_TEXTS(0), RELAY_TEXTS(1), RELAY_TEXTS(2), RELAY_TEXTS(3),
	RELAY_TEXTS(4), RELAY_TEXTS(5), RELAY_TEXTS(6), RELAY_TEXTS(7),
};

/* The k-th text of an account, those of its relays last; NULL: there is no k-th. */
static const struct text_rule *
account_text(size_t k)
{
	if (k < NELEM(account_rules))
		return &account_rules[k];
	k -= NELEM(account_rules);
	return k < NELEM(relay_rules) ? &relay_rules[k] : NULL;
}

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
	{ { SETTING(host), 1, 63, CONF_NAME, NULL, NULL }, NULL },
	{ { HIDDEN(store), 1, 4000, CONF_GRAPHIC, NULL, check_store }, NULL },
	{ { HIDDEN(alert_url), 1, 1024, CONF_GRAPHIC, NULL, check_alert_url }, NULL },
	{ { HIDDEN(alert_secret), 1, 256, CONF_GRAPHIC, NULL, NULL }, NULL },
	{ { SETTING(alert_lang), 1, 0, CONF_TEXT, NULL, check_alert_lang }, NULL },
	{ { SETTING(log_level), 1, 0, CONF_TEXT, NULL, check_log_level }, "info" },
};

struct number_rule {
	const char	*name;
	size_t		 off;		/* in its struct */
	int		 dflt, min, max;
};

static const struct number_rule	relay_numbers[] = {
	RELAY_NUMBERS(0), RELAY_NUMBERS(1), RELAY_NUMBERS(2), RELAY_NUMBERS(3),
	RELAY_NUMBERS(4), RELAY_NUMBERS(5), RELAY_NUMBERS(6), RELAY_NUMBERS(7),
};

static const struct number_rule	settings_numbers[] = {
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
	{ SETTING(forget_unsubscribed), 0, 0, 1 },
	{ SETTING(forget_revoked), 0, 0, 1 },
	{ SETTING(log_users), 0, 0, 1 },
	{ SETTING(log_flood), 10, 1, 1000000 },
	{ SETTING(store_ms), 300, 10, 4000 },
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

static const char *
store_ack_of(const void *base)
{
	return conf_store_ack_name(((const struct settings *)base)->store_ack);
}

static const char *
store_degrade_of(const void *base)
{
	return conf_store_degrade_name(((const struct settings *)base)->store_degrade);
}

static const char *const	mode_names[] = { "SAFE", "COMPATIBLE", "PLAIN" };
static const char *const	identity_names[] = { "OPENID", "UNIONID" };
static const char *const	wechat_only_names[] = { "OFF", "ADVISE", "ENFORCE" };
static const char *const	store_ack_names[] = { "DISK", "REPLICA" };
static const char *const	store_degrade_names[] = { "LOCAL", "REFUSE" };

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

static const char *const	format_names[] = { "RAW", "RESIGNED", "JSON" };

/* For conf_rules() alone: a relay has no prefix of variables. */
static const struct choice format_choice = {
	"format", format_names, NELEM(format_names), NULL
};

enum { CHOICE_WECHAT_ONLY, CHOICE_STORE_ACK, CHOICE_STORE_DEGRADE };

static const struct settings_choice {
	struct choice	 choice;
	const char	*wrong;		/* if it is not one of the words */
} settings_choices[] = {
	[CHOICE_WECHAT_ONLY] = {
		{ "wechat_only", wechat_only_names, NELEM(wechat_only_names), wechat_only_of },
		"must be OFF, ADVISE or ENFORCE"
	},
	[CHOICE_STORE_ACK] = {
		{ "store_ack", store_ack_names, NELEM(store_ack_names), store_ack_of },
		"must be DISK or REPLICA"
	},
	[CHOICE_STORE_DEGRADE] = {
		{ "store_degrade", store_degrade_names, NELEM(store_degrade_names),
		    store_degrade_of },
		"must be LOCAL or REFUSE"
	},
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
    const struct number_rule *num)
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
settle_settings_choices(struct problems *p, struct settings *s, bool built)
{
	struct conf_value_reason	 r;
	int				 values[] = {
		[CHOICE_WECHAT_ONLY] = (int)s->wechat_only,
		[CHOICE_STORE_ACK] = (int)s->store_ack,
		[CHOICE_STORE_DEGRADE] = (int)s->store_degrade,
	};
	size_t				 k;

	for (k = 0; k < NELEM(settings_choices) && !built; k++)
		if (!take_choice(&r, &values[k], s->environment, &settings_choices[k].choice))
			add_problem(p, -1, settings_choices[k].choice.name, NULL, r.text);
	s->wechat_only = (enum conf_wechat_only)values[CHOICE_WECHAT_ONLY];
	s->store_ack = (enum conf_store_ack)values[CHOICE_STORE_ACK];
	s->store_degrade = (enum conf_store_degrade)values[CHOICE_STORE_DEGRADE];
	for (k = 0; k < NELEM(settings_choices); k++)
		if (settings_choices[k].choice.value_of(s) == NULL)
			add_problem(p, -1, settings_choices[k].choice.name, no_text,
			    lang_text(settings_choices[k].wrong));
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

/*
 * Relays.
 */

enum {
	RELAY_TEXTS_N	= NELEM(relay_rules) / CONF_RELAYS,
	RELAY_NUMBERS_N	= NELEM(relay_numbers) / CONF_RELAYS
};

/* The names of their members that are one of some words. */
#define RELAY_WORDS(k)	{ "relays[" #k "].format", "relays[" #k "].mode" }

static const struct {
	const char	*format, *mode;
} relay_words[CONF_RELAYS] = {
	RELAY_WORDS(0), RELAY_WORDS(1), RELAY_WORDS(2), RELAY_WORDS(3),
	RELAY_WORDS(4), RELAY_WORDS(5), RELAY_WORDS(6), RELAY_WORDS(7),
};

enum { RELAY_URL, RELAY_NAME, RELAY_ONLY, RELAY_SECRET };	/* the order of RELAY_TEXTS */
enum { RELAY_MS, RELAY_ANSWERS, RELAY_LATE };			/* of RELAY_NUMBERS */

/* The name of a text of relay k. */
static const char *
relay_text(size_t k, int which)
{
	return relay_rules[k * RELAY_TEXTS_N + (size_t)which].name;
}

static const char *
relay_number(size_t k, int which)
{
	return relay_numbers[k * RELAY_NUMBERS_N + (size_t)which].name;
}

/* A number of relay k, by its rule. */
static const int *
number_of(const struct relay *relay, size_t k, const struct number_rule *num)
{
	return (const int *)(const void *)((const char *)relay +
	    (num->off - offsetof(struct account, relays) - k * sizeof(struct relay)));
}

/* True: nothing of the relay is given. */
static bool
is_relay_empty(const struct relay *r)
{
	return !conf_is_set(r->url) && !conf_is_set(r->name) && !conf_is_set(r->only) &&
	    !conf_is_set(r->secret) && r->format == RAW && r->mode == SAFE && r->relay_ms == 0 &&
	    r->answers == 0 && r->late_reply == 0;
}

/* Makes a name of the host and port in the URL: "crm.example.com", "127.0.0.1-9000". */
static const char *
name_relay(struct conf *c, const char *url)
{
	enum { NAME_MAX_LEN = 32 };
	const char	*host = strstr(url, "://");
	char		*name;
	size_t		 len, i;

	if (host == NULL)
		return NULL;
	host += 3;
	if ((len = strcspn(host, "/?")) > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	if ((name = malloc(len + 1)) == NULL)
		return NULL;
	memcpy(name, host, len);
	name[len] = '\0';
	for (i = 0; i < len; i++)
		if (strchr(":[]", name[i]) != NULL || (unsigned char)name[i] <= ' ' ||
		    (unsigned char)name[i] >= 0x7F)
			name[i] = '-';
	return keep_string(c, name);
}

/* The name must differ from those before, and have room in the files of counters. */
static void
check_relay_name(struct problems *p, const struct account *a, int i, size_t k)
{
	struct conf_value_reason	 r;
	const char			*name = a->relays[k].name;
	size_t				 j, len;

	if (!conf_is_set(name))
		return;
	len = strlen(name) + 1 + (a->path != NULL ? strlen(a->path) : 0);
	if (len > CONF_PATH_MAX) {
		(void)conf_value_refuse(&r, "%zu characters with the account's path and a slash, "
		    "must be up to %d: set a shorter .name", len, CONF_PATH_MAX);
		add_problem(p, i, relay_text(k, RELAY_NAME), name, r.text);
	}
	for (j = 0; j < k; j++)
		if (conf_is_set(a->relays[j].name) && strcmp(a->relays[j].name, name) == 0) {
			(void)conf_value_refuse(&r, "relays[%zu] has the same name: set .name of "
			    "one of them", j);
			add_problem(p, i, relay_text(k, RELAY_NAME), name, r.text);
		}
}

/* The members by which a relay answers users. */
static void
check_answers(struct problems *p, const struct account *a, int i, size_t k)
{
	const struct relay		*r = &a->relays[k];
	struct conf_value_reason	 why;
	size_t				 j;

	for (j = 0; j < k && r->answers == 1; j++)
		if (a->relays[j].answers == 1) {
			(void)conf_value_refuse(&why, "relays[%zu] answers already: one relay of "
			    "an account can", j);
			add_problem(p, i, relay_number(k, RELAY_ANSWERS), no_text, why.text);
		}
	if (r->answers == 1 && r->format == JSON)
		add_problem(p, i, relay_number(k, RELAY_ANSWERS), no_text,
		    lang_text("a reply is WeChat's XML: set .format = RAW or RESIGNED"));
	if (r->late_reply == 1 && r->answers == 0)
		add_problem(p, i, relay_number(k, RELAY_LATE), no_text,
		    lang_text("does nothing without .answers = 1: set that, too"));
	else if (r->late_reply == 1 && !conf_is_set(a->secret))
		add_problem(p, i, relay_number(k, RELAY_LATE), no_text,
		    lang_text("needs the account's .secret, the AppSecret: set it"));
}

/* What a relay needs because of another of its members. */
static void
check_relay(struct problems *p, const struct account *a, int i, size_t k)
{
	const struct relay	*r = &a->relays[k];

	if (!conf_is_set(r->url))
		add_problem(p, i, relay_text(k, RELAY_URL), no_text,
		    lang_text("missing: set the whole URL of the back end"));
	if (conf_format_name(r->format) == NULL)
		add_problem(p, i, relay_words[k].format, no_text,
		    lang_text("must be RAW, RESIGNED or JSON"));
	if (conf_mode_name(r->mode) == NULL)
		add_problem(p, i, relay_words[k].mode, no_text,
		    lang_text("must be SAFE, COMPATIBLE or PLAIN"));
	else if (r->format == RESIGNED && r->mode != PLAIN && !conf_is_set(a->aes_key))
		add_problem(p, i, relay_words[k].mode, no_text,
		    lang_text("needs the account's .aes_key, which is missing: set it, or "
		    ".mode = PLAIN here"));
	if (r->format == JSON && !conf_is_set(r->secret))
		add_problem(p, i, relay_text(k, RELAY_SECRET), no_text,
		    lang_text("missing: JSON is signed with it; make one with: echo "
		    "whsec_$(openssl rand -base64 24)"));
}

/* Settles a text of account number i, its own or that of one of its relays. */
static void
settle_account_text(struct conf *c, struct problems *p, int i, const struct text_rule *rule)
{
	struct account			*a = &c->accounts[i];
	struct conf_value_reason	 r;

	if (!settle_text(c, &r, rule, a, text_at(a, rule->off)))
		add_problem(p, i, rule->name, value_at(rule, c->rows[i]), r.text);
}

static void
settle_relay(struct conf *c, struct problems *p, int i, size_t k)
{
	struct account			*a = &c->accounts[i];
	struct relay			*relay = &a->relays[k];
	const struct number_rule	*num;
	struct conf_value_reason	 r;
	int				*value;
	size_t				 j;

	if (is_relay_empty(&c->rows[i]->relays[k]))
		return;
	for (j = 0; j < RELAY_TEXTS_N; j++)
		settle_account_text(c, p, i, &relay_rules[k * RELAY_TEXTS_N + j]);
	if (!conf_is_set(relay->name) && conf_is_set(relay->url))
		relay->name = name_relay(c, relay->url);
	for (j = 0; j < RELAY_NUMBERS_N; j++) {
		num = &relay_numbers[k * RELAY_NUMBERS_N + j];
		value = number_at(a, num->off);
		if (*value == 0)
			*value = num->dflt;
		if (*value >= num->min && *value <= num->max)
			continue;
		(void)conf_value_refuse(&r, "%d, must be %d to %d", *value, num->min, num->max);
		add_problem(p, i, num->name, no_text, r.text);
	}
	check_relay(p, a, i, k);
	check_answers(p, a, i, k);
	check_relay_name(p, a, i, k);
}

static void
settle_account(struct conf *c, struct problems *p, int i)
{
	struct account	*a = &c->accounts[i];
	size_t		 k;

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
		settle_account_text(c, p, i, &account_rules[k]);
	for (k = 0; k < CONF_RELAYS; k++)
		settle_relay(c, p, i, k);
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
settle_number(struct conf *c, struct problems *p, const struct number_rule *num)
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
	settle_settings_choices(p, &c->set, c->built);
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

/*
 * Destinations.
 */

struct conf_relay {
	size_t	 account, relay;	/* numbers */
};

/* Fills a row behind the accounts.  False: no memory. */
static bool
fill_destination(struct conf *c, struct account *row, const struct conf_relay *of)
{
	const struct account	*a = &c->accounts[of->account];
	const struct relay	*r = &a->relays[of->relay];
	const size_t		 size = CONF_PATH_MAX + 1;
	char			*path = malloc(size);

	if (path == NULL)
		return false;
	(void)snprintf(path, size, "%s/%s", a->path, r->name);
	*row = (struct account){ .path = keep_string(c, path), .qt_url = r->url,
	    .appid = a->appid, .service_id = "", .service_secret = "" };
	row->name = row->path;
	return row->path != NULL;
}

/* Appends the relays of all accounts to them.  False: no memory. */
static bool
add_destinations(struct conf *c)
{
	struct account	*all = realloc(c->accounts,
			    (c->n * (1 + CONF_RELAYS) + 1) * sizeof(*all));
	size_t		 i, k;

	if (all == NULL)
		return false;
	c->accounts = all;
	if ((c->relays = calloc(c->n * CONF_RELAYS + 1, sizeof(*c->relays))) == NULL)
		return false;
	for (i = 0; i < c->n; i++)
		for (k = 0; k < CONF_RELAYS; k++) {
			c->relays[c->nrelays] = (struct conf_relay){ i, k };
			if (!conf_is_set(all[i].relays[k].url))
				continue;
			if (!fill_destination(c, &all[c->n + c->nrelays],
			    &c->relays[c->nrelays]))
				return false;
			c->nrelays++;
		}
	return true;
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
	if (p->n == 0 && !built && !add_destinations(c))
		say_problem(p, -1, "accounts", CONFIG_FILE, lang_text("out of memory"));
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
	free(c->relays);
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

size_t
conf_destinations(const struct conf *c)
{
	return c->n + c->nrelays;
}

const struct account *
conf_owner(const struct conf *c, const struct account *destination)
{
	const size_t	 i = (size_t)(destination - c->accounts);

	return i < c->n ? destination : &c->accounts[c->relays[i - c->n].account];
}

const struct relay *
conf_relay(const struct conf *c, const struct account *destination)
{
	const size_t	 i = (size_t)(destination - c->accounts);

	return i < c->n ? NULL :
	    &conf_owner(c, destination)->relays[c->relays[i - c->n].relay];
}

const struct account *
conf_destination(const struct conf *c, struct slice path)
{
	size_t	 i;

	for (i = 0; i < conf_destinations(c); i++)
		if (c->accounts[i].path != NULL && slice_is(path, c->accounts[i].path))
			return &c->accounts[i];
	return NULL;
}

const struct account *
conf_relay_of(const struct conf *c, const struct account *a, size_t k)
{
	const size_t	 number = (size_t)(a - c->accounts);
	size_t		 i;

	for (i = 0; i < c->nrelays; i++)
		if (c->relays[i].account == number && c->relays[i].relay == k)
			return &c->accounts[c->n + i];
	return NULL;
}

bool
conf_has_relays(const struct account *a)
{
	size_t	 k;

	for (k = 0; k < CONF_RELAYS; k++)
		if (conf_is_set(a->relays[k].url))
			return true;
	return false;
}

bool
conf_has_replies(const struct account *a)
{
	size_t	 k;

	for (k = 0; k < CONF_RELAYS; k++)
		if (conf_is_set(a->relays[k].url) && a->relays[k].answers == 1)
			return true;
	return conf_is_set(a->replies);
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
	const struct text_rule	*rule;
	size_t			 i, k;

	for (i = 0; i < NELEM(accounts); i++)
		for (k = 0; (rule = account_text(k)) != NULL; k++)
			give_value(fn, ctx, (int)i, rule, &accounts[i]);
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
	const struct text_rule	*rule;
	size_t			 i, k;

	for (i = 0; i < c->n; i++)
		for (k = 0; (rule = account_text(k)) != NULL; k++)
			give_value_here(fn, ctx, c, (int)i, rule, c->rows[i],
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
    const struct number_rule *num)
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

/* Gives a member of a relay that is no text.  written: NULL: nothing is given. */
static void
give_relay_value(conf_each_field *fn, void *ctx, int i, const char *name, bool is_text,
    const char *written, const char *value)
{
	fn(ctx, &(struct conf_field){ .i = i, .name = name, .is_text = is_text,
	    .written = written, .value = value, .is_default = written == NULL });
}

/* Gives the members of relay k of account i, if it is there. */
static void
give_relay(conf_each_field *fn, void *ctx, const struct conf *c, int i, size_t k)
{
	const struct relay	*given = &c->rows[i]->relays[k];
	const struct relay	*used = &c->accounts[i].relays[k];
	char			 number[16];
	size_t			 j;

	if (is_relay_empty(given))
		return;
	for (j = 0; j < RELAY_TEXTS_N; j++)
		give_text(fn, ctx, c, i, &relay_rules[k * RELAY_TEXTS_N + j]);
	give_relay_value(fn, ctx, i, relay_words[k].format, true, given->format == RAW ? NULL :
	    conf_format_name(given->format), conf_format_name(used->format));
	give_relay_value(fn, ctx, i, relay_words[k].mode, true, given->mode == SAFE ? NULL :
	    conf_mode_name(given->mode), conf_mode_name(used->mode));
	for (j = 0; j < RELAY_NUMBERS_N; j++) {
		const struct number_rule	*num = &relay_numbers[k * RELAY_NUMBERS_N + j];

		(void)snprintf(number, sizeof(number), "%d", *number_of(used, k, num));
		give_relay_value(fn, ctx, i, num->name, false,
		    *number_of(given, k, num) == 0 ? NULL : number, number);
	}
}

bool
conf_is_secret(const char *name)
{
	const struct text_rule	*rule;
	size_t			 k;

	for (k = 0; (rule = account_text(k)) != NULL; k++)
		if (rule->secrecy != CONF_SHOWN && strcmp(name, rule->name) == 0)
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
	for (k = 0; k < NELEM(settings_choices); k++)
		give_choice(fn, ctx, c, -1, &settings_choices[k].choice);
	for (i = 0; i < c->n; i++) {
		for (k = 0; k < NELEM(account_rules); k++)
			give_text(fn, ctx, c, (int)i, &account_rules[k]);
		for (k = 0; k < NELEM(account_choices); k++)
			give_choice(fn, ctx, c, (int)i, &account_choices[k]);
		for (k = 0; k < CONF_RELAYS; k++)
			give_relay(fn, ctx, c, (int)i, k);
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

/* The rules of the first relay stand for those of all. */
static void
give_relay_rules(conf_each_rule *fn, void *ctx)
{
	static const char	 of[] = "relay", begin[] = "relays[0].";
	struct text_rule	 rule;
	size_t			 k;

	for (k = 0; k < RELAY_TEXTS_N; k++) {
		rule = relay_rules[k];
		rule.name += sizeof(begin) - 1;
		give_text_rule(fn, ctx, &rule, of, NULL);
	}
	for (k = 0; k < RELAY_NUMBERS_N; k++)
		fn(ctx, &(struct conf_rule){ .of = of, .is_number = true,
		    .name = relay_numbers[k].name + sizeof(begin) - 1,
		    .number = relay_numbers[k].dflt, .min = relay_numbers[k].min,
		    .max = relay_numbers[k].max });
	give_choice_rule(fn, ctx, &format_choice, of);
	give_choice_rule(fn, ctx, &account_choices[CHOICE_MODE], of);
}

void
conf_rules(conf_each_rule *fn, void *ctx)
{
	const struct number_rule	*num = settings_numbers;
	size_t				 k;

	for (k = 0; k < NELEM(settings_texts); k++)
		give_text_rule(fn, ctx, &settings_texts[k].rule, "setting",
		    settings_texts[k].dflt);
	for (; num < settings_numbers + NELEM(settings_numbers); num++)
		fn(ctx, &(struct conf_rule){ .of = "setting", .name = num->name,
		    .is_number = true, .number = num->dflt, .min = num->min, .max = num->max });
	for (k = 0; k < NELEM(settings_choices); k++)
		give_choice_rule(fn, ctx, &settings_choices[k].choice, "setting");
	for (k = 0; k < NELEM(account_rules); k++)
		give_text_rule(fn, ctx, &account_rules[k], "account", NULL);
	for (k = 0; k < NELEM(account_choices); k++)
		give_choice_rule(fn, ctx, &account_choices[k], "account");
	give_relay_rules(fn, ctx);
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
conf_store_ack_name(enum conf_store_ack ack)
{
	return ack == DISK ? "disk" : ack == REPLICA ? "replica" : NULL;
}

const char *
conf_store_degrade_name(enum conf_store_degrade degrade)
{
	return degrade == LOCAL ? "local" : degrade == REFUSE ? "refuse" : NULL;
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
conf_format_name(enum relay_format f)
{
	switch (f) {
	case RAW:
		return "raw";
	case RESIGNED:
		return "resigned";
	case JSON:
		return "json";
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
