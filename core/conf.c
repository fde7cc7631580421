#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/acl.h"
#include "core/conf.h"
#include "core/error.h"
#include CONFIG_FILE

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

enum { INDIRECT_MAX = 4096 };	/* bytes of a file that a value "@FILE" names */

/* Where problems of the configuration go, and how many there were. */
struct problems {
	conf_say	*say;
	void		*ctx;
	int		 n;
};

/* Why a value is refused, in words. */
struct reason {
	char	 text[160];
};

/* True: v is good.  False: *r says why it is not.  a is NULL for a setting. */
typedef bool value_check(struct reason *r, const struct account *a, const char *v);

static bool	refuse(struct reason *r, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

/* Writes the reason why a value is refused.  Always false, which a value_check returns. */
static bool
refuse(struct reason *r, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool
is_alnum(char c)
{
	return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool
is_alnum_text(const char *v)
{
	while (is_alnum(*v))
		v++;
	return *v == '\0';
}

static bool
is_graphic_text(const char *v)
{
	while (*v > ' ' && *v < 0x7f)
		v++;
	return *v == '\0';
}

static bool
check_path(struct reason *r, const struct account *a, const char *v)
{
	static const char *const taken[] = {
		"-", ".", "..", "thirdPartyDataSource", "access_token",
	};
	size_t	 i, len = strlen(v);

	(void)a;
	if (len == 0 || len > 64)
		return refuse(r, "%zu characters, must be 1 to 64", len);
	for (i = 0; i < len; i++)
		if (!is_alnum(v[i]) && strchr("._~-", v[i]) == NULL)
			return refuse(r, "may contain only letters, digits and . _ ~ -");
	for (i = 0; i < NELEM(taken); i++)
		if (strcmp(v, taken[i]) == 0)
			return refuse(r, "\"%s\" has a meaning of its own: take another", v);
	return true;
}

static bool
is_within(struct reason *r, const char *v, size_t max)
{
	return strlen(v) <= max || refuse(r, "longer than %zu bytes", max);
}

static bool
check_name(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	return is_within(r, v, 64);
}

static bool
check_appid(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	if (*v == '\0')
		return refuse(r, "missing: copy AppID from WeChat's console");
	return (strlen(v) <= 64 && is_graphic_text(v)) ||
	    refuse(r, "is not an AppID: copy it from WeChat's console");
}

static bool
check_token(struct reason *r, const struct account *a, const char *v)
{
	size_t	 len = strlen(v);

	(void)a;
	if (len < 3 || len > 32)
		return refuse(r, "%zu characters, must be 3 to 32", len);
	return is_alnum_text(v) || refuse(r, "may contain only letters and digits");
}

static bool
check_aes_key_old(struct reason *r, const struct account *a, const char *v)
{
	size_t	 len = strlen(v);

	(void)a;
	if (len == 0)
		return true;
	if (len != 43)
		return refuse(r, "%zu characters, must be 43 (EncodingAESKey, without =)", len);
	return is_alnum_text(v) || refuse(r, "may contain only letters and digits");
}

static bool
check_aes_key(struct reason *r, const struct account *a, const char *v)
{
	if (*v == '\0' && a->mode != PLAIN)
		return refuse(r, "missing: %s mode needs the 43 characters of EncodingAESKey",
		    conf_mode_name(a->mode));
	return check_aes_key_old(r, a, v);
}

static bool
check_url(struct reason *r, const struct account *a, const char *v)
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
		return refuse(r, "must begin with https:// (or http://)");
	if (*host == '\0' || *host == '/' || *host == ':' || strpbrk(host, "@#") != NULL)
		return refuse(r, "has no host, or has more than host, port, path and query");
	return (strlen(v) <= 1024 && is_graphic_text(v)) || refuse(r, "is not a URL");
}

static bool
check_qt_url(struct reason *r, const struct account *a, const char *v)
{
	if (*v == '\0')
		return refuse(r, "missing: set the whole URL of QT's /server/thirdPartyDataSource");
	return check_url(r, a, v);
}

static bool
check_control_url(struct reason *r, const struct account *a, const char *v)
{
	if (*v == '\0' && a->identity == UNIONID && !conf_is_set(a->secret))
		return refuse(r, "missing: identity UNIONID needs the address of an access_token "
		    "control server, or .secret");
	return check_url(r, a, v);
}

static bool
check_token_path(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	if (*v != '\0' && strncmp(v, "$.", 2) != 0 && strncmp(v, "$[", 2) != 0)
		return refuse(r, "is not a JSONPath: a JSONPath begins with $. or $[");
	return is_within(r, v, 256);
}

static bool
check_key(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	return is_within(r, v, 256);
}

static bool
check_service(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	if (*v == '\0')
		return refuse(r, "missing: copy it from \"Server tracking\" in QT's console");
	return is_within(r, v, 256);
}

static bool
check_control_key(struct reason *r, const struct account *a, const char *v)
{
	const size_t	 len = strlen(v);

	(void)a;
	if (len == 0)
		return true;
	if (len < 16 || len > 256)
		return refuse(r, "%zu characters, must be 16 to 256: it opens the account", len);
	return is_graphic_text(v) ||
	    refuse(r, "may contain only printable characters without blanks");
}

static bool
check_allow(struct reason *r, const struct account *a, const char *v)
{
	struct slice	 wrong;

	(void)a;
	return !acl_is_wrong(&wrong, v) || refuse(r, "%.*s is not an address: write 192.0.2.7, "
	    "10.0.0.0/8, ::1 or 2001:db8::/32, separated by blanks or commas",
	    wrong.len > 64 ? 64 : (int)wrong.len, wrong.p);
}

static const struct text_rule {
	const char	*name;
	size_t		 off;
	value_check	*check;
} account_rules[] = {
	{ "path",	offsetof(struct account, path),		check_path },
	{ "name",	offsetof(struct account, name),		check_name },
	{ "appid",	offsetof(struct account, appid),	check_appid },
	{ "token",	offsetof(struct account, token),	check_token },
	{ "aes_key",	offsetof(struct account, aes_key),	check_aes_key },
	{ "aes_key_old", offsetof(struct account, aes_key_old),	check_aes_key_old },
	{ "qt_url",	offsetof(struct account, qt_url),	check_qt_url },
	{ "qt_url_standby", offsetof(struct account, qt_url_standby), check_url },
	{ "app_key",	offsetof(struct account, app_key),	check_key },
	{ "service_id",	offsetof(struct account, service_id),	check_service },
	{ "service_secret", offsetof(struct account, service_secret), check_service },
	{ "secret", offsetof(struct account, secret), check_key },
	{ "control_key", offsetof(struct account, control_key), check_control_key },
	{ "control_allow", offsetof(struct account, control_allow), check_allow },
	{ "control_url", offsetof(struct account, control_url), check_control_url },
	{ "control_token_path", offsetof(struct account, control_token_path), check_token_path },
};

static bool
check_file_name(struct reason *r, const struct account *a, const char *v)
{
	(void)a;
	return is_within(r, v, 1024);
}

static bool
check_log_level(struct reason *r, const struct account *a, const char *v)
{
	enum log_level	 level;

	(void)a;
	return *v == '\0' || error_level(&level, v) ||
	    refuse(r, "must be debug, info, notice, warning or error");
}

static const struct settings_text {
	struct text_rule	 rule;
	const char		*dflt;
} settings_texts[] = {
	{ { "state_dir", offsetof(struct settings, state_dir), check_file_name },
	    "/var/lib/qtoa" },
	{ { "ca_file", offsetof(struct settings, ca_file), check_file_name }, NULL },
	{ { "log", offsetof(struct settings, log), check_file_name }, "stderr" },
	{ { "is_scan_yes", offsetof(struct settings, is_scan_yes), check_name }, "true" },
	{ { "is_scan_no", offsetof(struct settings, is_scan_no), check_name }, "false" },
	{ { "article_url", offsetof(struct settings, article_url), check_name },
	    "article_URL" },
	{ { "wechat_api", offsetof(struct settings, wechat_api), check_url },
	    "https://api.weixin.qq.com" },
	{ { "report_allow", offsetof(struct settings, report_allow), check_allow }, NULL },
	{ { "metrics_allow", offsetof(struct settings, metrics_allow), check_allow }, NULL },
	{ { "log_level", offsetof(struct settings, log_level), check_log_level }, "info" },
};

static const struct settings_number {
	const char	*name;
	size_t		 off;
	int		 dflt, min, max;
} settings_numbers[] = {
	{ "threads",	 offsetof(struct settings, threads),	 64, 1, 1024 },
	{ "deadline_ms", offsetof(struct settings, deadline_ms), 4000, 1, 5000 },
	{ "forward_ms",	 offsetof(struct settings, forward_ms),	 2500, 1, 5000 },
	{ "connect_ms",	 offsetof(struct settings, connect_ms),	 1000, 1, 5000 },
	{ "io_ms",	 offsetof(struct settings, io_ms),	 2000, 1, 60000 },
	{ "body_max",	 offsetof(struct settings, body_max),	 65536, 1, 16 << 20 },
	{ "fresh_s",	 offsetof(struct settings, fresh_s),	 0, 0, 86400 },
	{ "one_per_item", offsetof(struct settings, one_per_item), 0, 0, 1 },
	{ "breaker_fails", offsetof(struct settings, breaker_fails), 5, 1, 1000 },
	{ "drain_parallel", offsetof(struct settings, drain_parallel), 8, 1, 64 },
	{ "dedupe_days", offsetof(struct settings, dedupe_days), 7, 1, 366 },
	{ "keep_days",	 offsetof(struct settings, keep_days),	 0, 0, 366 },
	{ "legacy_token", offsetof(struct settings, legacy_token), 0, 0, 1 },
	{ "control_per_minute", offsetof(struct settings, control_per_minute), 60, 1, 100000 },
	{ "collector",	 offsetof(struct settings, collector),	 0, 0, 1 },
	{ "collector_appkey_optional", offsetof(struct settings, collector_appkey_optional),
	    0, 0, 1 },
	{ "collector_strict", offsetof(struct settings, collector_strict), 0, 0, 1 },
	{ "collect_days", offsetof(struct settings, collect_days), 0, 0, 36500 },
	{ "log_users",	 offsetof(struct settings, log_users),	 0, 0, 1 },
	{ "log_flood",	 offsetof(struct settings, log_flood),	 10, 1, 1000000 },
	{ "late_s",	 offsetof(struct settings, late_s),	 600, 1, 604800 },
};

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
 * Values in files and environment variables.
 */

/* True: in a CGI the client decides the value of this variable (RFC 3875, mod_ssl). */
static bool
is_from_client(const char *name)
{
	static const char *const prefixes[] = {
		"HTTP_", "QUERY_", "REQUEST_", "PATH_", "SCRIPT_", "CONTENT_", "REMOTE_",
		"SERVER_", "AUTH_", "GATEWAY_", "REDIRECT_", "DOCUMENT_", "SSL_",
	};
	size_t	 i;

	for (i = 0; i < NELEM(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static bool
is_indirect(const char *v)
{
	return *v == '@' || (*v == '$' && v[1] != '.' && v[1] != '[');
}

static bool
read_file(struct reason *r, char text[INDIRECT_MAX + 1], const char *file)
{
	ssize_t	 n, len = 0;
	int	 fd;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY)) == -1)
		return refuse(r, "%s: %s", file, strerror(errno));
	while (len <= INDIRECT_MAX &&
	    (n = read(fd, text + len, (size_t)(INDIRECT_MAX + 1 - len))) != 0) {
		if (n == -1) {
			(void)refuse(r, "%s: %s", file, strerror(errno));
			(void)close(fd);
			return false;
		}
		len += n;
	}
	(void)close(fd);
	if (len > INDIRECT_MAX)
		return refuse(r, "%s: more than %d bytes", file, INDIRECT_MAX);
	if (memchr(text, '\0', (size_t)len) != NULL)
		return refuse(r, "%s: is not text, it has a NUL byte", file);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	return true;
}

/* Checks a value "@FILE" or "$NAME", but not the file or variable, which is on the host. */
static bool
check_indirect(struct reason *r, const char *v)
{
	if (v[1] == '\0')
		return refuse(r, "a name must follow %c", *v);
	if (*v == '$' && is_from_client(v + 1))
		return refuse(r, "%s can be set by a client: name another variable", v);
	return true;
}

/* Replaces *v, "@FILE" or "$NAME", by the content of the file or variable.  c owns the copy. */
static bool
resolve_value(struct conf *c, struct reason *r, const char **v)
{
	char		 text[INDIRECT_MAX + 1], *copy, **strings;
	const char	*value = text;

	if (!check_indirect(r, *v))
		return false;
	if (**v == '@' && !read_file(r, text, *v + 1))
		return false;
	if (**v == '$' && (value = getenv(*v + 1)) == NULL)
		return refuse(r, "environment variable %s is not set: set it where qtoa starts",
		    *v + 1);
	strings = realloc(c->strings, (c->nstrings + 1) * sizeof(*strings));
	if (strings != NULL)
		c->strings = strings;
	if (strings == NULL || (copy = strdup(value)) == NULL)
		return refuse(r, "out of memory");
	c->strings[c->nstrings++] = copy;
	*v = copy;
	return true;
}

/*
 * Checks of accounts and settings.
 */

static void	add_problem(struct problems *p, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
add_problem(struct problems *p, const char *fmt, ...)
{
	char	 line[512];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	p->n++;
	p->say(p->ctx, line);
}

static void
add_account_problem(struct problems *p, const struct account *a, size_t i, const char *field,
    const char *why)
{
	const char	*name = a->name != NULL && *a->name != '\0' ? a->name : a->path;

	if (name == NULL || is_indirect(name))
		name = "unnamed";
	add_problem(p, "%s: accounts[%zu].%s (%s): %s", CONFIG_FILE, i, field, name, why);
}

/*
 * Checks one text member, after it has read the value of an @FILE or $NAME; c NULL: the name alone
 * is checked.  False: r says why.  A value that cannot be read becomes NULL: else the program would
 * take the name for the value.
 */
static bool
settle_text(struct conf *c, struct reason *r, const struct text_rule *rule,
    const struct account *a, const char **v)
{
	if (*v != NULL && is_indirect(*v)) {
		if (c == NULL)
			return check_indirect(r, *v);
		if (!resolve_value(c, r, v)) {
			*v = NULL;
			return false;
		}
	}
	return rule->check(r, a, *v == NULL ? "" : *v);
}

static void
settle_account(struct conf *c, struct problems *p, struct account *a, size_t i)
{
	size_t		 k;
	struct reason	 r;

	if (conf_mode_name(a->mode) == NULL)
		add_account_problem(p, a, i, "mode", "must be SAFE, COMPATIBLE or PLAIN");
	if (a->identity != OPENID && a->identity != UNIONID)
		add_account_problem(p, a, i, "identity", "must be OPENID or UNIONID");
	for (k = 0; k < NELEM(account_rules); k++)
		if (!settle_text(c, &r, &account_rules[k], a, text_at(a, account_rules[k].off)))
			add_account_problem(p, a, i, account_rules[k].name, r.text);
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
	struct reason	 r;

	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (a[i].path != NULL && a[j].path != NULL &&
			    strcmp(a[i].path, a[j].path) == 0) {
				(void)refuse(&r, "accounts[%zu] has the same path", j);
				add_account_problem(p, &a[i], i, "path", r.text);
			}
}

static void
settle_settings(struct conf *c, struct problems *p, struct settings *s)
{
	const struct settings_number	*num;
	const struct settings_text	*text;
	const char			**v;
	int				*value;
	struct reason			 r;

	for (text = settings_texts; text < settings_texts + NELEM(settings_texts); text++) {
		v = text_at(s, text->rule.off);
		if (!settle_text(c, &r, &text->rule, NULL, v))
			add_problem(p, "%s: settings.%s: %s", CONFIG_FILE, text->rule.name, r.text);
		else if (*v == NULL || **v == '\0')
			*v = text->dflt;
	}
	if (!conf_is_set(s->metrics_allow))
		s->metrics_allow = s->report_allow;
	for (num = settings_numbers; num < settings_numbers + NELEM(settings_numbers); num++) {
		value = number_at(s, num->off);
		if (*value == 0)
			*value = num->dflt;
		if (*value < num->min || *value > num->max)
			add_problem(p, "%s: settings.%s: %d, must be %d to %d", CONFIG_FILE,
			    num->name, *value, num->min, num->max);
	}
}

/* Fills in and checks the accounts and settings of c.  built: no file or variable is read. */
static void
settle_values(struct conf *c, struct problems *p, bool built)
{
	size_t	 i;

	if (c->n == 0)
		add_problem(p, "%s: accounts: there is no account, add one", CONFIG_FILE);
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

int
conf_check_built(conf_say *say, void *ctx)
{
	struct problems	 p = { say, ctx, 0 };
	struct conf	 c;

	(void)load_values(&c, accounts, NELEM(accounts), &settings, true, &p);
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
