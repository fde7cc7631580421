#define _DEFAULT_SOURCE		/* initgroups, setgroups: no standard has them */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/log.h"

/*
 * The groups are those that the user has, not root's own, and not the directory's: that may be
 * root's.
 */
static bool
become(uid_t uid, gid_t gid)
{
	const struct passwd	*pw = getpwuid(uid);

	if (pw != NULL)
		gid = pw->pw_gid;
	if ((pw != NULL ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) != 0)
		return false;
	return setgid(gid) == 0 && setuid(uid) == 0;
}

bool
session_become_owner(const char *dir)
{
	struct stat	 st;

	if (geteuid() != 0 || stat(dir, &st) == -1 || st.st_uid == 0 ||
	    become(st.st_uid, st.st_gid))
		return true;
	(void)fprintf(stderr, "qtoa: cannot become the owner of %s: %s\n", dir, strerror(errno));
	return false;
}

enum session_state
session_state(const struct conf *c)
{
	const char		*dir = c->set.state_dir;
	enum session_state	 is = SESSION_NO_STATE;
	struct dirent		*e;
	DIR			*d;

	if (dir == NULL || *dir == '\0') {
		(void)fprintf(stderr, "qtoa: settings.state_dir is not known\n");
		return SESSION_FAULT;
	}
	if (!session_become_owner(dir))
		return SESSION_FAULT;
	(void)log_open(c->set.log);	/* else stderr it stays */
	log_set_level(conf_log_level(&c->set));
	if ((d = opendir(dir)) == NULL) {
		if (errno == ENOENT)
			return SESSION_NO_STATE;
		(void)fprintf(stderr, "qtoa: %s: %s\n", dir, strerror(errno));
		return SESSION_FAULT;
	}
	/* One that was set aside counts: what waits in it is still to be taken over. */
	while (is == SESSION_NO_STATE && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "qtoa.db", 7) == 0)
			is = SESSION_STATE;
	(void)closedir(d);
	return is;
}

void
session_close(struct session *d)
{
	store_free(d->store);
	lock_free(d->locks);
	breaker_free(d->breakers);
}

bool
session_open(struct session *d, const struct conf *c, bool usable)
{
	enum session_state	 is;

	memset(d, 0, sizeof(*d));
	d->conf = c;
	d->usable = usable;
	if ((is = session_state(c)) == SESSION_FAULT)
		return false;
	if (usable && (d->breakers = breaker_new(c)) == NULL)
		return false;
	if (is == SESSION_NO_STATE)
		return true;
	if ((d->locks = lock_new(c->set.state_dir)) != NULL)
		d->store = store_new(&c->set, d->locks, STORE_BRIEF);
	return d->store != NULL;
}

bool
session_do(struct session *d, enum store_need need, store_work *work, void *arg)
{
	char		 why[256];
	enum error	 er;

	if (d->store == NULL)
		return true;
	er = store_do(d->store, need, work, arg, clock_mono_ms() + SESSION_PATIENCE_MS);
	if (er == ERR_OK)
		return true;
	store_why(d->store, why, sizeof(why));
	(void)fprintf(stderr, "qtoa: %s\n", er == ERR_STORE && *why != '\0' ? why : error_table[er].name);
	return false;
}

void
session_print(const struct buf *b)
{
	if (b->len != 0)
		(void)fwrite(b->p, 1, b->len, stdout);
}

void
session_catch_signals(void (*on_stop)(int sig))
{
	struct sigaction	 sa;

	memset(&sa, 0, sizeof(sa));
	(void)sigemptyset(&sa.sa_mask);
	sa.sa_handler = on_stop;
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

bool
session_read_id(int64_t *id, const char *text)
{
	char	*end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*id = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

void
session_say_trouble(FILE *f, const struct conf *c, struct breakers *b)
{
	const struct account	*a;
	char			 span[FORMAT_SPAN];
	int64_t			 probe_ms, now_ms = clock_wall_ms();
	size_t			 i;

	for (i = 0; i < c->n; i++) {
		a = &c->accounts[i];
		switch (breaker_gate(b, a, &probe_ms)) {
		case GATE_GO:
			break;
		case GATE_STOPPED:
			(void)fprintf(f, "%s is stopped, QT refuses its signature or keys: mend "
			    "app_key, service_id, service_secret and start anew, or run: "
			    "qtoa queue retry %s\n", a->path, a->path);
			break;
		case GATE_BROKEN:
			if (!breaker_is_first(b, a))
				break;
			format_span(span, probe_ms - now_ms + 999);
			(void)fprintf(f, "%s does not answer as QT does: next probe %s%s; run: "
			    "qtoa check\n", a->qt_url,
			    probe_ms > now_ms ? "in " : "now",
			    probe_ms > now_ms ? span : "");
			break;
		}
	}
}

int
session_say_nothing(int64_t id)
{
	(void)fprintf(stderr, "qtoa: there is no message %lld\n", (long long)id);
	return CLI_WRONG;
}

struct slice
session_or_dash(struct slice s)
{
	return s.len == 0 ? slice_of("-") : s;
}
