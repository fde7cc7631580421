/*
 * conf.h: the types of the configuration, and its checks.
 *
 * The values, and what each means, are in config.h (or the file that `make CONFIG=` names).
 * core/conf.c alone includes it.
 *
 * A text that begins with '@' names a file, and the value is the file's content (up to 4096 bytes,
 * without white space and byte order marks around it).  A text that begins with '$' names an
 * environment variable.  Both are read once, when the program starts.  Variables that a client can
 * set through CGI (HTTP_*, QUERY_STRING, ...) are refused.  The value of a variable may be "@FILE"
 * in its turn.  A text that begins with "$." or "$[" is a JSONPath: it is the value itself.
 *
 * .environment = "QTOA_" lets QTOA_TOKEN give .token, QTOA_MODE give .mode, QTOA_THREADS give
 * .threads and so on; what is set there goes before what is in the file.  An account with
 * .environment of which no variable is set does not exist.
 */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/conf_value.h"

/* How WeChat sends the account's messages, as set in WeChat's console. */
enum account_mode {
	SAFE,		/* encrypted only */
	COMPATIBLE,	/* encrypted beside plain; the encrypted part counts */
	PLAIN		/* not encrypted, body not signed: WeChat's design */
};

/* How QT tells users apart: "Anonymous user unique identifier" of its console. */
enum account_identity {
	OPENID,		/* each account has its own name for a user */
	UNIONID		/* one name in all accounts of an open platform; WeChat tells it */
};

/* What happens to a push that does not come from one of WeChat's own addresses. */
enum conf_wechat_only {
	OFF,		/* addresses are not compared */
	ADVISE,		/* it is counted and logged, and taken */
	ENFORCE		/* it is refused */
};

/* In which form a relay gets a message. */
enum relay_format {
	RAW,		/* query and body as WeChat sent them, byte for byte */
	RESIGNED,	/* WeChat's form with a new timestamp, nonce and signature */
	JSON		/* QT's event as JSON, signed as Standard Webhooks says */
};

/* The disks that have a message before a store that hosts share counts it as kept. */
enum conf_store_ack {
	DISK,		/* its server's disk has the message */
	REPLICA		/* the disk of a standby has it, too */
};

/* Where messages are kept while a store that hosts share fails. */
enum conf_store_degrade {
	LOCAL,		/* in this host's own store, until the shared one works again */
	REFUSE		/* nowhere: the answer is 503, and WeChat comes again */
};

enum { CONF_RELAYS = 8 };	/* of one account */

/* Another back end that gets the messages of an account. */
struct relay {
	const char		*url;		/* where to send them */
	const char		*name;		/* in the log and queue; NULL: host of the URL */
	enum relay_format	 format;
	enum account_mode	 mode;		/* RESIGNED: in which mode */
	const char		*only;		/* which messages it gets; NULL: all */
	const char		*secret;	/* JSON: the key of the signature, whsec_... */
	int			 relay_ms;	/* how long one call may take */
	int			 answers;	/* 1 = users get what it answers */
	int			 late_reply;	/* 1 = late answers as customer messages */
};

struct account {
	const char		*environment;	/* prefix of variables that give values; or NULL */
	const char		*path;		/* last part of the URL */
	const char		*name;		/* in the log; NULL: path */
	const char		*appid;		/* AppID, wx... */
	const char		*token;		/* Token, 3 to 32 letters or digits */
	const char		*token_old;	/* the Token before, which WeChat may still use */
	enum account_mode	 mode;
	const char		*aes_key;	/* EncodingAESKey, 43 characters */
	const char		*aes_key_old;	/* the key before, which WeChat may still use */
	const char		*qt_url;	/* where to send messages: QT's whole URL */
	const char		*qt_url_standby;/* tried if qt_url has no connection */
	const char		*app_key;	/* QT application key */
	const char		*service_id;	/* QT ServiceID */
	const char		*service_secret;/* QT ServiceSecret */
	const char		*secret;	/* AppSecret; set: qtoa asks WeChat for tokens */
	const char		*control_key;	/* clients that know it get the access_token */
	const char		*control_allow;	/* addresses of such clients; NULL: all */
	enum account_identity	 identity;	/* how the collector names users */
	const char		*control_url;	/* UNIONID: where to get the access_token */
	const char		*control_token_path; /* JSONPath to it in the answer from there */
	const char		*replies;	/* file of automatic replies; NULL: none */
	struct relay		 relays[CONF_RELAYS];	/* those without a URL are not there */
};

struct settings {
	const char	*environment;	/* prefix of variables that give values; or NULL */
	const char	*state_dir;	/* directory of all that qtoa keeps */
	const char	*ca_file;	/* a PEM file or hashed directory; NULL: the system's */
	const char	*proxy;		/* for all requests that go out; NULL: no proxy */
	const char	*no_proxy;	/* hosts that are reached without it */
	const char	*log;		/* "stderr", "syslog" or a file's path */
	const char	*is_scan_yes;	/* what QT's is_scan is for yes */
	const char	*is_scan_no;	/* what QT's is_scan is for no */
	const char	*article_url;	/* key of a published article's address */
	const char	*wechat_api;	/* base URL of WeChat's API */
	const char	*report_allow;	/* addresses that may see /-/report; NULL: nobody */
	const char	*metrics_allow;	/* the same, /-/metrics, /-/health; NULL: report_allow */
	const char	*report_hosts;	/* hosts in URLs of all these; NULL: see server/guard.h */
	const char	*trusted_proxies; /* addresses of proxies that name their client; or NULL */
	enum conf_wechat_only wechat_only;	/* compare pushes with WeChat's addresses */
	const char	*host;		/* this host's name; NULL: the system's */
	const char	*store;		/* "postgresql://...": hosts share it; NULL: in state_dir */
	enum conf_store_ack store_ack;
	enum conf_store_degrade store_degrade;
	const char	*alert_url;	/* robot or webhook that gets alerts; NULL: no alerts */
	const char	*alert_secret;	/* key that a robot's messages are signed with; or NULL */
	const char	*alert_lang;	/* "en" or "zh"; NULL: see monitor/alert_robot.h */
	const char	*log_level;	/* lines below it are not written: "debug", "info", ... */
	int		 threads;	/* workers at most, FastCGI */
	int		 deadline_ms;	/* for a whole request, from its acceptance */
	int		 forward_ms;	/* for QT, out of deadline_ms */
	int		 connect_ms;	/* for the connection to QT, out of forward_ms */
	int		 io_ms;		/* the web server may be silent so long within a request */
	int		 body_max;	/* bytes of a request body */
	int		 fresh_s;	/* oldest timestamp, seconds; -1 = any */
	int		 one_per_item;	/* 1 = each item of a list is an event of its own */
	int		 breaker_fails;	/* failures in a row that open a breaker */
	int		 drain_parallel;/* queued messages under way at once to one qt_url */
	int		 dedupe_days;	/* how long a repeat is recognised */
	int		 keep_days;	/* how long a delivered message is kept; 0 = not at all */
	int		 legacy_token;	/* 1 = /cgi-bin/token instead of stable_token */
	int		 control_per_minute; /* access_tokens given to one address */
	int		 count;		/* 1 = count what is forwarded; -1 = do not */
	int		 collector;	/* 1 = answer /server/thirdPartyDataSource */
	int		 collector_appkey_optional; /* 1 = also without appkey */
	int		 collector_strict; /* 1 = refuse events without user or known code */
	int		 collect_days;	/* how long an event is kept; 0 = for ever */
	int		 forget_unsubscribed; /* 1 = forget users who unsubscribe */
	int		 forget_revoked; /* 1 = forget users who revoke what they allowed */
	int		 log_users;	/* 1 = the log names users; 0 = it has their hashes */
	int		 log_flood;	/* lines a minute of one failure; more are summed up */
	int		 store_ms;	/* for one transaction of a shared store */
	int		 late_s;	/* /-/health warns of a message that waits longer */
	int		 alert_after_s;	/* a change of health is told if it lasts so long */
	int		 alert_per_hour; /* alerts in an hour */
	int		 alert_weekly;	/* 1 = a summary of the week on Mondays */
};

/*
 * The configuration that the program uses: files and variables are read, defaults set.
 *
 * Behind the n accounts stand their relays, each as an account of its own: what it is called
 * (path, name: "ACCOUNT/RELAY") and where it is (qt_url).  So a queue, a breaker and a counter is
 * there for each destination, whether it is QT or a relay.
 */
struct conf {
	struct settings	 set;
	struct account	*accounts;
	size_t		 n;
	size_t		 nrelays;	/* behind those */
	const struct account	**rows;	/* accounts[i] before: borrowed from config.h */
	struct conf_relay	*relays;	/* private: whose relay each of them is */
	const struct settings	*given;	/* set before */
	bool		 built;		/* no file and no variable was read */
	char		**strings;	/* owned: values of files and variables */
	size_t		 nstrings;
};

/* A function that gets one line for each problem: field, account, what is wrong. */
typedef void conf_say(void *ctx, const char *line);

/* The same, in parts.  i: number of the account; -1: a setting, or "accounts": all of them. */
typedef void conf_fault(void *ctx, int i, const char *field, const char *why);

/*
 * A function that gets a value that is allowed, but probably a mistake (see core/conf_warn.h).
 * i: number of the account in c; -1: a setting.  "`field` `what`; `remedy`" is a sentence.
 */
struct conf;
typedef void conf_warning(void *ctx, const struct conf *c, int i, const char *field,
    const char *what, const char *remedy);

/*
 * Checks the values alone, for the build: it reads no file and no variable of the host.  Returns
 * the number of problems, which say was given; warn was given the warnings.
 */
int			conf_check_built(conf_say *say, conf_warning *warn, void *ctx);

/*
 * Reads files and variables, and checks all that requests rely on.  Returns the number of
 * problems; if it is not 0 the conf must not serve a request.  Call conf_free() in any case.  The
 * accounts and settings must be there until then.
 */
int			conf_load(struct conf *c, conf_say *say, void *ctx);
int			conf_load_from(struct conf *c, const struct account *accounts, size_t n,
			    const struct settings *set, conf_say *say, void *ctx);
int			conf_load_faults(struct conf *c, conf_fault *fault, void *ctx);
void			conf_free(struct conf *c);

/* The account that has this path; NULL: no account has it. */
const struct account	*conf_account(const struct conf *c, struct slice path);

/*
 * Destinations: the QT of each account (its row in c->accounts), then all relays.
 * conf_relay() gives the relay of a destination; NULL: it is the QT of an account.
 * conf_owner() gives the account whose messages it gets.
 * conf_destination() gives the destination with a path, such as "shop" or "shop/crm"; NULL: there
 * is no such destination.
 */
enum { CONF_PATH_MAX = 64 };	/* bytes of a destination's path */
size_t			 conf_destinations(const struct conf *c);
const struct relay	*conf_relay(const struct conf *c, const struct account *destination);
const struct account	*conf_owner(const struct conf *c, const struct account *destination);
const struct account	*conf_destination(const struct conf *c, struct slice path);

/* The destination of relay number k of an account; NULL: there is no such relay. */
const struct account	*conf_relay_of(const struct conf *c, const struct account *a, size_t k);

/* True: the account has relays. */
bool			 conf_has_relays(const struct account *a);

/* True: users of the account may get replies, by rules or from a relay. */
bool			 conf_has_replies(const struct account *a);

/* What a message calls the account: its name or path, if one is known. */
const char		*conf_label(const struct account *a);

/*
 * An operator may name an account by path, name or AppID.  conf_means() is true if the word means
 * this account.  conf_find() gives the account that it means, NULL: no account; an account with
 * this path goes first.
 */
bool			 conf_means(const struct account *a, const char *word);
const struct account	*conf_find(const struct conf *c, const char *word);

/*
 * Gives fn each text value of config.h as it is written there: "@FILE", "$NAME" or the value
 * itself.  i: number of the account; -1: a setting.
 */
typedef void conf_value(void *ctx, int i, const char *field, const char *value);
void		 conf_values(conf_value *fn, void *ctx);

/*
 * The same of c's accounts and settings as they are on this host: "$NAME" also of a variable that
 * .environment makes, and "@FILE" also where a variable says so.
 */
void		 conf_values_here(const struct conf *c, conf_value *fn, void *ctx);

/*
 * Gives fn the name of each variable that config.h reads: those of "$NAME", and all those that
 * .environment makes, whether they are set or not.  A name may come more than once.
 */
typedef void conf_variable(void *ctx, const char *name);
void		 conf_variables(conf_variable *fn, void *ctx);

/* Gives fn each such "@FILE" with a relative name (see also core/conf_warn.h). */
void		 conf_warn_files(const struct conf *c, conf_warning *fn, void *ctx);

/* The name of config.h, or of the file instead of it, as it was given to make. */
const char	*conf_file(void);

/* How much of a value may be shown. */
enum conf_secrecy {
	CONF_SHOWN,
	CONF_SECRET,	/* that it is there, and its length */
	CONF_LOGIN	/* a URL, of which user and password are secret */
};

/* A member of an account or of the settings, for those who show the configuration. */
struct conf_field {
	enum conf_secrecy	 secrecy;
	int			 i;		/* number of the account; -1: a setting */
	const char		*name;
	bool			 is_text;	/* false: a number */
	const char		*written;	/* in config.h, or "$NAME"; NULL: nothing, or 0 */
	const char		*value;		/* that the program uses; NULL: it has no value */
	bool			 is_default;	/* the value is a default, or another member's */
};

/*
 * Gives fn all members: the settings, then account by account.  The texts of a field are valid
 * until fn returns.
 */
typedef void	 conf_each_field(void *ctx, const struct conf_field *f);
void		 conf_members(const struct conf *c, conf_each_field *fn, void *ctx);

/* The values that a member may have, and its default. */
struct conf_rule {
	const char	*of;		/* "setting", "account" or "relay": what it is in */
	const char	*name;
	bool		 is_number;
	bool		 is_required;
	const char	*dflt;		/* of a text or a choice; NULL: there is no default */
	int		 number;	/* the default of a number */
	int		 min, max;	/* of a number, or of a text's length; max 0: any length */
	enum conf_alphabet alphabet;	/* of a text */
	const char *const *choices;	/* NULL: it is not a choice */
	int		 n;		/* choices */
};

/* Gives fn the rule of each member: the settings, then those of an account, and of a relay. */
typedef void	 conf_each_rule(void *ctx, const struct conf_rule *rule);
void		 conf_rules(conf_each_rule *fn, void *ctx);

/* True: the member of that name, of an account or of the settings, must not be shown whole. */
bool		 conf_is_secret(const char *name);

/* True: a text value is there, and not empty. */
bool		 conf_is_set(const char *value);

/* The lowest level that is logged; LEVEL_INFO if settings.log_level is not a level. */
enum log_level	 conf_log_level(const struct settings *s);

/* "off", "advise" or "enforce"; NULL: the value is not one of these. */
const char	*conf_wechat_only_name(enum conf_wechat_only w);

/* "disk" or "replica", "local" or "refuse"; NULL: the value is not one of these. */
const char	*conf_store_ack_name(enum conf_store_ack ack);
const char	*conf_store_degrade_name(enum conf_store_degrade degrade);

/* "raw", "resigned" or "json"; NULL: the value is not a format. */
const char	*conf_format_name(enum relay_format f);

/* "safe", "compatible" or "plain"; NULL: the value is not a mode. */
const char	*conf_mode_name(enum account_mode m);

#endif
