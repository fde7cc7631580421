#define _DEFAULT_SOURCE		/* for initgroups and setgroups, which no standard has */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/number.h"
#include "forwarder/qt_client.h"

static uid_t	 acting_for;	/* root acts for this user; 0: nobody */

/*
 * Takes the groups that the user has.  Root's own groups would give too many rights, and so may
 * the directory's group, which can be root's.  for_now: root's rights can come back.
 */
static bool
become_user(uid_t uid, gid_t gid, bool for_now)
{
	const struct passwd	*pw = getpwuid(uid);

	if (pw != NULL)
		gid = pw->pw_gid;
	if ((pw != NULL ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) != 0)
		return false;
	if (!for_now)
		return setgid(gid) == 0 && setuid(uid) == 0;
	if (setegid(gid) == -1 || seteuid(uid) == -1)
		return false;
	acting_for = uid;
	return true;
}

static bool
leave_root(const char *dir, bool for_now)
{
	struct stat	 st;

	if (geteuid() != 0 || stat(dir, &st) == -1 || st.st_uid == 0 ||
	    become_user(st.st_uid, st.st_gid, for_now))
		return true;
	(void)fprintf(stderr, lang_text("qtoa: cannot run as the owner of %s: %s\n"), dir,
	    lang_errno(errno));
	return false;
}

bool
session_become_owner(const char *dir)
{
	return leave_root(dir, false);
}

bool
session_act_for_owner(const char *dir)
{
	return leave_root(dir, true);
}

void
session_as_root(bool root)
{
	if (acting_for != 0 && seteuid(root ? 0 : acting_for) == -1 && !root)
		_exit(CLI_WRONG);	/* it must not go on with root's rights */
}

enum session_state
session_state(const struct conf *c)
{
	const char		*dir = c->set.state_dir;
	/* A store that hosts share may be there, although this host has no file. */
	enum session_state	 is = conf_is_set(c->set.store) ? SESSION_STATE :
				    SESSION_NO_STATE;
	struct dirent		*e;
	DIR			*d;

	if (dir == NULL || *dir == '\0') {
		(void)fprintf(stderr, lang_text("qtoa: settings.state_dir has no value; run: qtoa "
		    "check\n"));
		return SESSION_FAULT;
	}
	if (!session_become_owner(dir))
		return SESSION_FAULT;
	(void)log_open(c->set.log);	/* if that fails, the log stays on stderr */
	log_set_level(conf_log_level(&c->set));
	if ((d = opendir(dir)) == NULL) {
		if (errno == ENOENT)
			return is;
		(void)fprintf(stderr, "qtoa: %s: %s\n", dir, lang_errno(errno));
		return SESSION_FAULT;
	}
	/* So does a quarantined database, and a file of messages that are not counted yet. */
	while (is == SESSION_NO_STATE && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "qtoa.db", 7) == 0 || arrivals_is_file(e->d_name))
			is = SESSION_STATE;
	(void)closedir(d);
	return is;
}

void
session_close(struct session *s)
{
	services_close(&s->services);
}

bool
session_open(struct session *s, const struct conf *c, bool usable)
{
	const enum session_state	 state = session_state(c);

	*s = (struct session){ .usable = usable };
	if (state == SESSION_FAULT)
		return false;
	return services_open(&s->services, c, (usable ? SERVICES_BREAKERS : 0u) |
	    (state == SESSION_STATE ? SERVICES_STORE | SERVICES_ARRIVALS : 0u), STORE_BRIEF, NULL);
}

bool
session_do(struct session *s, enum store_need need, store_work *work, void *arg)
{
	struct store	*store = s->services.store;
	char		 why[256];
	enum error	 er;

	if (store == NULL)
		return true;
	er = store_do_anyway(store, need, work, arg, clock_mono_ms() + SESSION_PATIENCE_MS);
	if (er == ERR_OK)
		return true;
	store_why(store, why, sizeof(why));
	(void)fprintf(stderr, "qtoa: %s\n", er == ERR_STORE && *why != '\0' ? why :
	    lang_text(error_table[er].name));
	return false;
}

void
session_print(const struct buf *b)
{
	if (b->len != 0)
		(void)fwrite(b->p, 1, b->len, stdout);
}

static volatile sig_atomic_t	 signal_seen;	/* 0: none */
static void			(*stop_verb)(int sig);

static void
note_signal(int sig)
{
	if (signal_seen != 0)
		return;
	signal_seen = sig;
	if (stop_verb != NULL)
		stop_verb(sig);
}

const char *
session_signal(void)
{
	switch (signal_seen) {
	case 0:
		return NULL;
	case SIGINT:
		return "SIGINT";
	case SIGTERM:
		return "SIGTERM";
	default:
		return "SIGHUP";
	}
}

int
session_exit_status(int status)
{
	return signal_seen != 0 ? 128 + signal_seen : status;
}

void
session_catch_signals(void (*on_stop)(int sig))
{
	struct sigaction	 sa, old;

	stop_verb = on_stop;
	memset(&sa, 0, sizeof(sa));
	(void)sigemptyset(&sa.sa_mask);
	sa.sa_handler = note_signal;
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	/* nohup(1) has SIGHUP ignored, and means it. */
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		(void)sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

void
session_silence_log(const struct conf *c)
{
	const char	*log = c->set.log;

	if (isatty(STDERR_FILENO) && (!conf_is_set(log) || strcmp(log, "stderr") == 0))
		(void)log_open("/dev/null");
}

bool
session_read_id(int64_t *id, const char *text)
{
	return number_parse(id, slice_of(text));
}

/* Writes when a probe is due. */
static void
write_probe(char text[FORMAT_SPAN + 16], int64_t probe_ms)
{
	const int64_t	 ms = probe_ms - clock_wall_ms();
	char		 span[FORMAT_SPAN];

	format_span(span, ms + 999);
	if (ms > 0)
		(void)snprintf(text, FORMAT_SPAN + 16, lang_text("in %s"), span);
	else
		(void)snprintf(text, FORMAT_SPAN + 16, "%s", lang_text("now"));
}

void
session_say_trouble(FILE *f, const struct conf *c, struct breakers *b)
{
	const struct account	*a;
	char			 probe[FORMAT_SPAN + 16];
	int64_t			 probe_ms;
	size_t			 i;

	for (i = 0; i < conf_destinations(c); i++) {
		a = &c->accounts[i];
		switch (breaker_gate(b, a, &probe_ms)) {
		case GATE_GO:
			break;
		case GATE_STOPPED:
			write_probe(probe, probe_ms);
			(void)fprintf(f, lang_text("%s is stopped: QT refuses its signature or "
			    "keys; next probe %s; correct app_key, service_id and service_secret "
			    "and restart qtoa, or run: qtoa queue retry %s\n"), a->path, probe,
			    a->path);
			break;
		case GATE_BROKEN:
			if (!breaker_is_first(b, a))
				break;
			write_probe(probe, probe_ms);
			if (conf_relay(c, a) != NULL) {
				(void)fprintf(f, lang_text("the relay %s does not answer: next "
				    "probe %s; its messages wait\n"), a->path, probe);
				break;
			}
			(void)fprintf(f, lang_text("%s does not answer as QT does: next probe %s; "
			    "run: qtoa check\n"), a->qt_url, probe);
			break;
		}
	}
}

int
session_say_no_handle(void)
{
	(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[ERR_NOMEM].name));
	return CLI_WRONG;
}

bool
session_say_unsendable(struct http_client *h, const struct conf *c)
{
	char	 why[HTTP_CLIENT_LACK];
	bool	 said = false;
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (qt_client_lacks(h, why, &c->accounts[i])) {
			(void)fprintf(stderr, lang_text("qtoa: %s: %s; run: qtoa check\n"),
			    conf_label(&c->accounts[i]), why);
			said = true;
		}
	return said;
}

int
session_say_no_message(int64_t id)
{
	(void)fprintf(stderr, lang_text("qtoa: there is no message %lld; run: qtoa queue list\n"),
	    (long long)id);
	return CLI_WRONG;
}

struct slice
session_or_dash(struct slice s)
{
	return s.len == 0 ? slice_of("-") : s;
}
