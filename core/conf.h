/*
 * conf.h: the types of the configuration.  The values, and what each means, are in
 * config.h (or the file that `make CONFIG=` names); core/conf.c alone includes it.
 *
 * A string value that begins with '@' is the name of a file whose content (up to
 * 4096 bytes, line end at the end dropped) is the value; one that begins with '$' is
 * the name of an environment variable.  Both are read once, when the program starts.
 * Names that a client can set through CGI (HTTP_*, QUERY_STRING, ...) are refused.  What
 * begins with "$." or "$[" is a JSONPath, and the value itself.
 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/* How WeChat sends the account's messages, as set in WeChat's console. */
enum account_mode {
	SAFE,		/* encrypted only */
	COMPATIBLE,	/* encrypted beside plain; the encrypted part counts */
	PLAIN		/* not encrypted, body not signed: WeChat's design */
};

/* Who is one user to QT: "Anonymous user unique identifier" of its console. */
enum account_identity {
	OPENID,		/* the account's own name of a user */
	UNIONID		/* one name in all accounts of an open platform; WeChat is asked */
};

struct account {
	const char		*path;		/* last part of the URL */
	const char		*name;		/* as the log calls it; NULL: path */
	const char		*appid;		/* AppID, wx... */
	const char		*token;		/* Token, 3 to 32 letters or digits */
	enum account_mode	 mode;
	const char		*aes_key;	/* EncodingAESKey, 43 characters */
	const char		*aes_key_old;	/* the one before, while WeChat may use it */
	const char		*qt_url;	/* QT, whole URL */
	const char		*qt_url_standby;/* tried when that has no connection */
	const char		*app_key;	/* QT application key */
	const char		*service_id;	/* QT ServiceID */
	const char		*service_secret;/* QT ServiceSecret */
	const char		*secret;	/* AppSecret: we ask WeChat ourselves */
	const char		*control_key;	/* who knows it may have the access_token */
	const char		*control_allow;	/* ... and from these addresses only */
	enum account_identity	 identity;	/* to the collector */
	const char		*control_url;	/* UNIONID: where the access_token is to be had */
	const char		*control_token_path; /* JSONPath to it in that answer */
};

struct settings {
	const char	*state_dir;	/* our directory for what must survive */
	const char	*ca_file;	/* CA certificates, PEM; NULL: the system's */
	const char	*log;		/* "stderr", "syslog" or a file's path */
	const char	*is_scan_yes;	/* values of QT's is_scan */
	const char	*is_scan_no;
	const char	*article_url;	/* key of a published article's address */
	const char	*wechat_api;	/* base URL of WeChat's API */
	const char	*report_allow;	/* addresses that may see /-/report; NULL: nobody */
	const char	*metrics_allow;	/* ... /-/metrics and /-/health; NULL: as report_allow */
	const char	*log_level;	/* lines below it are left out: "debug", "info", ... */
	int		 threads;	/* workers at most, FastCGI */
	int		 deadline_ms;	/* for a whole request, from its acceptance */
	int		 forward_ms;	/* for QT in it */
	int		 connect_ms;	/* for the connection to QT in that */
	int		 io_ms;		/* web server silent on a request */
	int		 body_max;	/* bytes of a request body */
	int		 fresh_s;	/* age of a timestamp, seconds; 0 = any */
	int		 one_per_item;	/* 1 = a list gives one event an item */
	int		 breaker_fails;	/* failures in a row that open the breaker */
	int		 drain_parallel;/* queued messages under way at once, per QT address */
	int		 dedupe_days;	/* a repeat is known for so long */
	int		 keep_days;	/* a delivered body is kept for so long; 0 = not at all */
	int		 legacy_token;	/* 1 = /cgi-bin/token instead of stable_token */
	int		 control_per_minute; /* access_tokens handed out to one address */
	int		 collector;	/* 1 = answer /server/thirdPartyDataSource */
	int		 collector_appkey_optional; /* 1 = also without appkey */
	int		 collector_strict; /* 1 = refuse events without user or known code */
	int		 collect_days;	/* an event is kept for so long; 0 = for ever */
	int		 log_users;	/* 1 = users in the log as they are, not hashed */
	int		 log_flood;	/* lines a minute of one failure, then they are summed */
	int		 late_s;	/* a message that waits longer is trouble to /-/health */
};

/* The configuration in use: strings resolved, defaults filled in.  conf owns all. */
struct conf {
	struct settings	 set;
	struct account	*accounts;
	size_t		 n;
	char		**strings;	/* what resolving allocated */
	size_t		 nstrings;
};

/* Called once for each problem with one line: field, account, what is wrong. */
typedef void conf_say(void *ctx, const char *line);

/*
 * What the values alone can tell, nothing of the host: the build runs it.  '@' and '$'
 * values are taken on trust.  Returns the number of problems said.
 */
int			conf_check_built(conf_say *say, void *ctx);

/*
 * Resolves and checks everything that requests rely on.  Returns the number of
 * problems; above zero the conf must not serve a request.  conf_free() in any case.
 */
int			conf_load(struct conf *c, conf_say *say, void *ctx);
int			conf_load_from(struct conf *c, const struct account *accounts, size_t n,
			    const struct settings *set, conf_say *say, void *ctx);
void			conf_free(struct conf *c);

/* The account whose path this is, NULL without one. */
const struct account	*conf_account(const struct conf *c, struct slice path);

/*
 * Whether an operator's word for an account, its path, name or AppID, means this one; and the
 * account that one means, NULL without one.  Of two that it fits the one with this path.
 */
bool			 conf_means(const struct account *a, const char *word);
const struct account	*conf_find(const struct conf *c, const char *word);

/*
 * Each text value that config.h gives, as it stands there: "@FILE", "$NAME" or the value itself.
 * i: which account; -1: the settings.
 */
typedef void conf_value(void *ctx, int i, const char *field, const char *value);
void		 conf_values(conf_value *fn, void *ctx);

/* Whether a text value is there and not empty. */
bool		 conf_is_set(const char *value);

/* The lowest level that is logged; LEVEL_INFO where settings.log_level names none. */
enum log_level	 conf_log_level(const struct settings *s);

const char	*conf_mode_name(enum account_mode m);	/* "safe", ... */

#endif
