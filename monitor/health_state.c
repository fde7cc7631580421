#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/clock.h"
#include "core/format.h"
#include "monitor/health_state.h"
#include "state/db.h"
#include "state/queue.h"
#include "wechat/access_token.h"

enum { BLOCK = 512 };		/* what st_blocks counts */

#define MB	INT64_C(1000000)

static const int64_t	disk_low = 100 * MB, disk_out = 10 * MB;

/*
 * Looking: the disk.
 */

static bool
begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* A database that state/recover.h has not been through; its log is not one. */
static bool
is_aside(const char *name)
{
	return (begins(name, "qtoa.db.damaged-") || begins(name, "qtoa.db.newer-")) &&
	    strrchr(name, '-')[1] >= '0' && strrchr(name, '-')[1] <= '9';
}

static void
add_file(struct health_state *v, int dir, const char *name)
{
	struct stat	 st;
	int64_t		 bytes;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	bytes = (int64_t)st.st_blocks * BLOCK;
	v->state_bytes += bytes;
	if (strcmp(name, "qtoa.db") == 0 || strcmp(name, "qtoa.db-wal") == 0)
		v->db_bytes += bytes;
	if (is_aside(name))
		(void)snprintf(v->aside, sizeof(v->aside), "%.63s", name);
}

/* There is nothing below it but files. */
static void
read_files(struct health_state *v, const char *dir)
{
	struct dirent	*e;
	DIR		*d;

	if ((d = opendir(dir)) == NULL)
		return;
	v->db_bytes = v->state_bytes = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, "..") != 0)
			add_file(v, dirfd(d), e->d_name);
	(void)closedir(d);
}

static void
read_disk(struct health_state *v)
{
	const char	*dir = v->conf->set.state_dir;
	struct statvfs	 fs;

	v->db_bytes = v->state_bytes = v->free_bytes = v->disk_bytes = -1;
	if (!conf_is_set(dir))
		return;
	read_files(v, dir);
	if (statvfs(dir, &fs) == -1)
		return;
	v->free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	v->disk_bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
}

/*
 * Looking: the store.
 */

static bool
in_store(struct health_state *v, struct store *s, enum store_need need, store_work *work, void *arg,
    int64_t deadline_ms)
{
	enum error	 er = store_do(s, need, work, arg, deadline_ms);

	if (er == ERR_STORE)
		store_why(s, v->why, sizeof(v->why));
	if (er != ERR_OK && *v->why == '\0')
		(void)snprintf(v->why, sizeof(v->why), "%s", error_table[er].name);
	return er == ERR_OK;
}

/* One page, with what is there already. */
static enum error
write_again(struct db *db, void *arg)
{
	int64_t		 version = 0;
	char		 sql[48];
	enum error	 er;

	(void)arg;
	if ((er = db_number(db, &version, "PRAGMA user_version", DB_NO_VALUES)) != ERR_OK)
		return er;
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %lld", (long long)version);
	return db_script(db, sql);
}

/* A look at the least, for whom there are no breakers. */
static enum error
look(struct db *db, void *arg)
{
	int64_t	 version;

	(void)arg;
	return db_number(db, &version, "PRAGMA user_version", DB_NO_VALUES);
}

static int64_t
age(const struct health_state *v, int64_t then_ms)
{
	if (then_ms == -1)
		return -1;
	return then_ms < v->now_ms ? v->now_ms - then_ms : 0;	/* a clock that was set back */
}

static enum error
read_queue(struct health_state *v, struct health_account *a, struct db *db)
{
	const char	*path = a->account->path;
	int64_t		 pending_ms, dead_ms;
	enum error	 er;

	if ((er = queue_depth(db, path, QUEUE_PENDING, &a->pending, &pending_ms)) != ERR_OK ||
	    (er = queue_depth(db, path, QUEUE_DEAD, &a->dead, &dead_ms)) != ERR_OK)
		return er;
	a->pending_age_ms = age(v, pending_ms);
	a->dead_age_ms = age(v, dead_ms);
	return ERR_OK;
}

static enum error
read_token(struct health_state *v, struct health_account *a, struct db *db)
{
	const int64_t			 now_s = v->now_ms / 1000;
	struct access_token_state	 t;
	enum error			 er;

	if (!conf_is_set(a->account->secret))
		return ERR_OK;
	if ((er = access_token_read(db, &t, v->conf, a->account)) != ERR_OK || !t.known)
		return er;
	a->token_fails = t.fails;
	(void)snprintf(a->token_why, sizeof(a->token_why), "%s", t.why);
	if (t.fetched_s == 0)
		return ERR_OK;
	a->token_age_s = now_s > t.fetched_s ? now_s - t.fetched_s : 0;
	a->token_left_s = now_s < t.expires_s ? t.expires_s - now_s : 0;
	return ERR_OK;
}

/* About: some may have gone from between. */
static enum error
read_events(struct health_state *v, struct db *db)
{
	int64_t		 first = 1, last = 0;
	enum error	 er;

	if ((er = db_number(db, &first, "SELECT min(id) FROM event", DB_NO_VALUES)) == ERR_OK &&
	    (er = db_number(db, &last, "SELECT max(id) FROM event", DB_NO_VALUES)) == ERR_OK)
		v->events = last - first + 1;
	return er;
}

static enum error
read_all(struct health_state *v, struct db *db)
{
	enum error	 er = read_events(v, db);
	size_t		 i;

	for (i = 0; i < v->n && er == ERR_OK; i++)
		if ((er = read_queue(v, &v->accounts[i], db)) == ERR_OK)
			er = read_token(v, &v->accounts[i], db);
	return er;
}

/* On a connection of our own: the store's would keep all who work in it waiting. */
static enum error
read_store(struct health_state *v, int64_t deadline_ms)
{
	char		 file[1056];
	struct db	*db;
	enum error	 er;

	(void)snprintf(file, sizeof(file), "%s/qtoa.db", v->conf->set.state_dir);
	if ((er = db_open(&db, file, DB_READ_ONLY)) == ERR_OK) {
		db_patience(db, deadline_ms);
		er = read_all(v, db);
	}
	if (er == ERR_NOMEM)
		goto out;
	v->readable = er == ERR_OK;
	if (!v->readable)
		(void)snprintf(v->why, sizeof(v->why), "qtoa.db: %s",
		    er == ERR_STORE ? db_why(db) : error_table[er].name);
	er = ERR_OK;
out:
	db_close(db);
	return er;
}

static bool
begin(struct health_state *v, const struct conf *c)
{
	struct health_account	*a;

	memset(v, 0, sizeof(*v));
	v->conf = c;
	v->now_ms = clock_wall_ms();
	v->usable = v->readable = v->writable = true;
	if ((v->accounts = calloc(c->n + 1, sizeof(*v->accounts))) == NULL)
		return false;
	v->n = c->n;
	for (a = v->accounts; a != v->accounts + v->n; a++) {
		a->account = &c->accounts[a - v->accounts];
		a->pending_age_ms = a->dead_age_ms = -1;
		a->token_age_s = a->token_left_s = a->token_fails = -1;
	}
	return true;
}

static void
forget(struct health_state *v)
{
	struct health_account	*a;

	v->events = -1;
	for (a = v->accounts; a != v->accounts + v->n; a++)
		a->pending = a->dead = a->pending_age_ms = a->dead_age_ms = -1;
}

enum error
health_state_read(struct health_state *v, const struct conf *c, struct store *s, struct breakers *b,
    bool try_write, int64_t deadline_ms)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	if (!begin(v, c))
		return ERR_NOMEM;
	if (s != NULL) {
		if (try_write)
			v->writable = in_store(v, s, STORE_SYNC, write_again, NULL, deadline_ms);
		v->readable = in_store(v, s, STORE_READ, b != NULL ? breaker_load : look, b,
		    deadline_ms);
		if (v->readable)
			er = read_store(v, deadline_ms);
		if (!v->readable)
			forget(v);
	}
	read_disk(v);
	for (i = 0; i < v->n && b != NULL; i++)
		v->accounts[i].gate = breaker_gate(b, &c->accounts[i], &v->accounts[i].probe_ms);
	return er;
}

void
health_state_free(struct health_state *v)
{
	free(v->accounts);
	v->accounts = NULL;
}

/*
 * Judging: a rule says whether it is broken, and in words how.
 */

static bool
say(struct health_sign *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool
say(struct health_sign *s, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	return true;
}

/* "12 messages", "1 message". */
static const char *
plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static bool
is_unusable(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return !v->usable && say(s, "the configuration is unusable: every request is answered 503 "
	    "until it is mended; run: qtoa check");
}

static bool
is_unreadable(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return !v->readable && say(s, "the store cannot be read: %s: what QT does not confirm is "
	    "answered 503; look at the owner, permissions and free space of %s", v->why,
	    v->conf->set.state_dir);
}

static bool
is_unwritable(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return v->readable && !v->writable && say(s, "the store cannot be written: %s: what QT "
	    "does not confirm is answered 503; look at the owner, permissions and free space of "
	    "%s", v->why, v->conf->set.state_dir);
}

static bool
has_aside(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return *v->aside != '\0' && say(s, "%s was set aside, and what waits in it is still to be "
	    "taken over; run: qtoa drain", v->aside);
}

static bool
say_room(struct health_sign *s, const struct health_state *v, const char *then)
{
	char	 left[FORMAT_SPAN], all[FORMAT_SPAN];

	format_bytes(left, v->free_bytes);
	format_bytes(all, v->disk_bytes);
	return say(s, "%s left of %s where %s is: make room, or move state_dir%s", left, all,
	    v->conf->set.state_dir, then);
}

static bool
is_full(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return v->free_bytes != -1 && v->free_bytes < disk_out &&
	    say_room(s, v, "; what QT does not confirm is soon answered 503");
}

static bool
is_nearly_full(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)a;
	return v->free_bytes >= disk_out &&
	    (v->free_bytes < disk_low || v->free_bytes < v->disk_bytes / 10) &&
	    say_room(s, v, "");
}

static bool
is_late(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	if (a->pending_age_ms <= v->conf->set.late_s * INT64_C(1000))
		return false;
	format_span(span, a->pending_age_ms);
	return say(s, "%lld message%s for QT, the oldest for %s; qtoa queue list says why; "
	    "qtoa drain sends at once", (long long)a->pending,
	    a->pending == 1 ? " waits" : "s wait", span);
}

static bool
is_broken(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	const int64_t	 ms = a->probe_ms - v->now_ms;
	char		 span[FORMAT_SPAN];

	if (a->gate != GATE_BROKEN)
		return false;
	format_span(span, ms + 999);
	return say(s, "QT has not answered %d times in a row: messages go to the queue until it "
	    "does; next probe %s%s; run: qtoa check", v->conf->set.breaker_fails,
	    ms > 0 ? "in " : "now", ms > 0 ? span : "");
}

static bool
is_stopped(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)v;
	return a->gate == GATE_STOPPED && say(s, "QT refuses the account's signature or keys, its "
	    "messages wait: mend app_key, service_id, service_secret and start anew, or run: "
	    "qtoa queue retry %s", a->account->path);
}

/* A failure while the one before still holds is none: it is asked again. */
static bool
has_no_token(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	(void)v;
	return a->token_fails > 0 && a->token_left_s <= 0 && say(s, "there is no access_token "
	    "that holds, and the last %lld time%s none was to be had: %s; once that is mended, "
	    "run: qtoa token %s --refresh", (long long)a->token_fails, plural(a->token_fails),
	    a->token_why, a->account->path);
}

static bool
has_dead(struct health_sign *s, const struct health_state *v, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	(void)v;
	if (a->dead <= 0)
		return false;
	format_span(span, a->dead_age_ms);
	return say(s, "%lld message%s that QT has refused for good %s for you, the oldest for "
	    "%s: qtoa queue list, show, then retry or drop", (long long)a->dead,
	    plural(a->dead), a->dead == 1 ? "waits" : "wait", span);
}

/* In the order in which they are told. */
static const struct rule {
	const char	*what;
	bool		 bad;
	bool		 each;		/* of each account; else a is NULL */
	bool		 (*is_broken)(struct health_sign *s, const struct health_state *v,
			    const struct health_account *a);
} rules[] = {
	{ "configuration", true, false,	is_unusable },
	{ "store",	true,	false,	is_unreadable },
	{ "store",	true,	false,	is_unwritable },
	{ "disk",	true,	false,	is_full },
	{ "stopped",	true,	true,	is_stopped },
	{ "breaker",	true,	true,	is_broken },
	{ "pending",	true,	true,	is_late },
	{ "token",	true,	true,	has_no_token },
	{ "store",	false,	false,	has_aside },
	{ "disk",	false,	false,	is_nearly_full },
	{ "dead",	false,	true,	has_dead },
};

void
health_state_judge(const struct health_state *v, health_state_each *fn, void *ctx)
{
	const struct rule		*r;
	const struct health_account	*a;
	struct health_sign		 s;
	size_t				 i, n;

	for (r = rules; r != rules + sizeof(rules) / sizeof(rules[0]); r++) {
		n = r->each ? v->n : 1;
		for (i = 0; i < n; i++) {
			a = r->each ? &v->accounts[i] : NULL;
			s.what = r->what;
			s.account = a != NULL ? a->account->name : "";
			s.bad = r->bad;
			if (r->is_broken(&s, v, a))
				fn(ctx, &s);
		}
	}
}
