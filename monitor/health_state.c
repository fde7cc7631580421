#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/number.h"
#include "monitor/alert_file.h"
#include "monitor/health_state.h"
#include "monitor/silence.h"
#include "reply/replies.h"
#include "state/disk.h"
#include "state/queue.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/callback_ips.h"
#include "wechat/datacube/datacube_tables.h"

enum {
	BLOCK = 512,		/* bytes in a unit of st_blocks */
	IPS_OLD_S = 3 * 86400	/* the list of WeChat's addresses is fetched once a day */
};

/*
 * Reading the state: the disk.
 */

static bool
has_prefix(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/*
 * A database in quarantine whose messages state/recover.c has not yet taken over.  The name of its
 * log (-wal) does not end with a time, so it does not count.
 */
static bool
is_quarantined(const char *name)
{
	return (has_prefix(name, "qtoa.db.damaged-") || has_prefix(name, "qtoa.db.newer-")) &&
	    strrchr(name, '-')[1] >= '0' && strrchr(name, '-')[1] <= '9';
}

static void
measure_file(struct health_state *h, int dir, const char *name)
{
	struct stat	 st;
	int64_t		 bytes;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	bytes = (int64_t)st.st_blocks * BLOCK;
	h->state_bytes += bytes;
	if (strcmp(name, "qtoa.db") == 0 || strcmp(name, "qtoa.db-wal") == 0)
		h->db_bytes += bytes;
	if (has_prefix(name, "qtoa.db.gone-") && strrchr(name, '-')[1] >= '0' &&
	    strrchr(name, '-')[1] <= '9')
		(void)snprintf(h->gone, sizeof(h->gone), "%.63s", name);
	if (is_quarantined(name))
		(void)snprintf(h->quarantined, sizeof(h->quarantined), "%.63s", name);
}

/* Adds up the files of the state directory.  It has no directories in it. */
static void
measure_files(struct health_state *h, const char *dir)
{
	struct dirent	*e;
	DIR		*d;

	if ((d = opendir(dir)) == NULL)
		return;
	h->db_bytes = h->state_bytes = 0;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, "..") != 0)
			measure_file(h, dirfd(d), e->d_name);
	(void)closedir(d);
}

static void
measure_disk(struct health_state *h)
{
	const char	*dir = h->conf->set.state_dir;
	struct disk	 d;

	h->db_bytes = h->state_bytes = h->free_bytes = h->disk_bytes = h->margin_bytes = -1;
	h->free_inodes = h->inodes = 0;
	if (!conf_is_set(dir))
		return;
	measure_files(h, dir);
	if (!disk_look(&d, dir))
		return;
	h->free_bytes = d.free_bytes;
	h->disk_bytes = d.bytes;
	h->margin_bytes = disk_margin(&d);
	h->free_inodes = d.free_inodes;
	h->inodes = d.inodes;
}

/* Reads what is known of WeChat's addresses. */
static void
read_callback_ips(struct health_state *h)
{
	const struct settings		*set = &h->conf->set;
	struct callback_ips_state	 s;

	h->wechat_only = set->wechat_only;
	h->ips = h->ips_age_s = -1;
	if (set->wechat_only == OFF || !conf_is_set(set->state_dir))
		return;
	callback_ips_read_state(&s, set->state_dir);
	h->ips = s.networks;
	if (s.fetched_s != 0)
		h->ips_age_s = number_bounded(h->now_ms / 1000 - s.fetched_s);
}

/* Reads how many alerts there were. */
static void
read_alerts(struct health_state *h)
{
	struct alert_file_state	*st;

	h->alerts_sent = h->alerts_failed = -1;
	if (!conf_is_set(h->conf->set.alert_url) || (st = malloc(sizeof(*st))) == NULL)
		return;
	h->alerts_sent = h->alerts_failed = 0;
	if (alert_file_read(st, h->conf->set.state_dir)) {
		h->alerts_sent = number_bounded(st->sent);
		h->alerts_failed = number_bounded(st->failed);
	}
	free(st);
}

/*
 * Reading the state: the store.
 */

/* Does work in the store.  False: that failed, and h->why has the reason. */
static bool
use_store(struct health_state *h, struct store *s, enum store_need need, store_work *work,
    void *arg, int64_t deadline_ms)
{
	enum error	 er = store_do(s, need, work, arg, deadline_ms);

	if (er == ERR_STORE)
		store_why(s, h->why, sizeof(h->why));
	if (er != ERR_OK && *h->why == '\0')
		(void)snprintf(h->why, sizeof(h->why), "%s", error_table[er].name);
	return er == ERR_OK;
}

/* Tests if the store can be written. */
static enum error
touch_store(struct db *db, void *arg)
{
	(void)arg;
	return db_touch(db);
}

/* Tests if the store can be read, by reading one number. */
static enum error
read_version(struct db *db, void *arg)
{
	int64_t	 version;

	(void)arg;
	return db_number(db, &version, SQL_VERSION, DB_NO_VALUES);
}

/* The age now of a time in epoch ms; -1 (no time) stays -1. */
static int64_t
age_of(const struct health_state *h, int64_t then_ms)
{
	if (then_ms == -1)
		return -1;
	return then_ms < h->now_ms ? h->now_ms - then_ms : 0;	/* 0: the clock was set back */
}

static enum error
read_queue_depths(struct health_state *h, struct health_account *a, struct db *db)
{
	const char	*path = a->account->path;
	int64_t		 pending_ms, dead_ms;
	enum error	 er;

	if ((er = queue_depth(db, path, QUEUE_PENDING, &a->pending, &pending_ms)) != ERR_OK ||
	    (er = queue_depth(db, path, QUEUE_DEAD, &a->dead, &dead_ms)) != ERR_OK)
		return er;
	a->pending_age_ms = age_of(h, pending_ms);
	a->dead_age_ms = age_of(h, dead_ms);
	return ERR_OK;
}

static enum error
read_token_state(struct health_state *h, struct health_account *a, struct db *db)
{
	const int64_t			 now_s = h->now_ms / 1000;
	struct access_token_state	 t;
	enum error			 er;

	if (!conf_is_set(a->account->secret))
		return ERR_OK;
	if ((er = access_token_read(db, &t, h->conf, a->account)) != ERR_OK || !t.known)
		return er;
	a->token_fails = t.fails;
	(void)snprintf(a->token_why, sizeof(a->token_why), "%s", t.why);
	if (t.fetched_s == 0)
		return ERR_OK;
	a->token_age_s = now_s > t.fetched_s ? now_s - t.fetched_s : 0;
	a->token_left_s = now_s < t.expires_s ? t.expires_s - now_s : 0;
	return ERR_OK;
}

/* Reads up to which day WeChat's statistics are in the store. */
static enum error
read_datacube(struct health_account *a, struct db *db)
{
	int64_t		 day = -1;
	enum error	 er;

	if (!conf_is_set(a->account->secret))
		return ERR_OK;
	er = datacube_tables_last(db, &day, a->account->appid);
	if (day != -1)
		a->datacube_s = calendar_day_start(day + 1);
	return er;
}

/* Estimates the number of events from the lowest and highest id: to count them all is slow. */
static enum error
estimate_events(struct health_state *h, struct db *db)
{
	int64_t		 first = 1, last = 0;
	enum error	 er;

	if ((er = db_number(db, &first, SQL_EVENT_FIRST, DB_NO_VALUES)) == ERR_OK &&
	    (er = db_number(db, &last, SQL_EVENT_HIGHEST, DB_NO_VALUES)) == ERR_OK)
		h->events = number_bounded(last) - number_bounded(first) + 1;
	return er;
}

static enum error
read_contents(struct health_state *h, struct db *db)
{
	enum error	 er = estimate_events(h, db);
	const bool	 datacube = er == ERR_OK && datacube_tables_is_there(db);
	size_t		 i;

	for (i = 0; i < h->n + h->nrelays && er == ERR_OK; i++)
		if ((er = read_queue_depths(h, &h->accounts[i], db)) == ERR_OK &&
		    (er = read_token_state(h, &h->accounts[i], db)) == ERR_OK && datacube)
			er = read_datacube(&h->accounts[i], db);
	return er;
}

/* Uses a connection of its own: on the store's connection everybody else would have to wait. */
static enum error
read_store(struct health_state *h, int64_t deadline_ms)
{
	struct db	*db;
	enum error	 er;

	if ((er = store_read(&db, &h->conf->set, deadline_ms)) == ERR_OK &&
	    (er = shared_state_ask(&h->shared, db)) == ERR_OK)
		er = read_contents(h, db);
	if (er == ERR_NOMEM)
		goto out;
	h->readable = er == ERR_OK;
	if (!h->readable)
		(void)snprintf(h->why, sizeof(h->why), "%s: %s", db_name(db),
		    er == ERR_STORE ? db_why(db) : error_table[er].name);
	er = ERR_OK;
out:
	db_close(db);
	return er;
}

static bool
init_state(struct health_state *h, const struct conf *c)
{
	struct health_account	*a;

	memset(h, 0, sizeof(*h));
	h->conf = c;
	h->now_ms = clock_wall_ms();
	h->usable = h->readable = h->writable = true;
	if ((h->accounts = calloc(conf_destinations(c) + 1, sizeof(*h->accounts))) == NULL)
		return false;
	h->n = c->n;
	h->nrelays = c->nrelays;
	for (a = h->accounts; a != h->accounts + h->n + h->nrelays; a++) {
		a->account = &c->accounts[a - h->accounts];
		a->pending_age_ms = a->dead_age_ms = -1;
		a->token_age_s = a->token_left_s = a->token_fails = -1;
		a->datacube_s = a->missing = a->missing_s = -1;
	}
	return true;
}

static void
mark_unknown(struct health_state *h)
{
	struct health_account	*a;

	h->events = -1;
	for (a = h->accounts; a != h->accounts + h->n + h->nrelays; a++)
		a->pending = a->dead = a->pending_age_ms = a->dead_age_ms = -1;
}

/* Reads the notes of verbs. */
static enum error
read_observed(struct health_state *h)
{
	const struct settings		*set = &h->conf->set;
	const struct observation	*note;
	struct health_account		*a;
	enum error			 er;

	if (!conf_is_set(set->state_dir))
		return ERR_OK;
	if ((er = observed_read(&h->observed, set->state_dir, h->now_ms / 1000)) != ERR_OK)
		return er;
	for (a = h->accounts; a != h->accounts + h->n; a++)
		if ((note = observed_find(&h->observed, OBSERVED_RECONCILE,
		    a->account->path)) != NULL) {
			a->missing = note->value;
			a->missing_s = note->until_s;
		}
	return ERR_OK;
}

/* A silence_each. */
static void
set_silent(void *ctx, size_t account, int64_t silent_s)
{
	struct health_state	*h = ctx;

	h->accounts[account].silent_s = silent_s;
}

static void
read_breaker(const struct health_state *h, struct health_account *a, struct breakers *b)
{
	struct breaker_state	 state;

	breaker_look(b, &state, a->account);
	a->gate = state.gate;
	a->probe_ms = state.probe_ms;
	a->probe_in_ms = a->gate == GATE_GO || a->probe_ms <= h->now_ms ? 0 :
	    a->probe_ms - h->now_ms;
	a->gateway_age_ms = state.gate != GATE_BROKEN || state.gateway_ms == 0 ? 0 :
	    age_of(h, state.gateway_ms);
	(void)snprintf(a->gateway_why, sizeof(a->gateway_why), "%s", state.why);
}

/* Keeps the first fault of a file of rules.  It is a rules_say. */
static void
keep_fault(void *ctx, bool wrong, const char *where, const char *what)
{
	struct health_account	*a = ctx;

	if (wrong && *a->replies_why == '\0')
		(void)snprintf(a->replies_why, sizeof(a->replies_why), "%s%s%s", where,
		    *where != '\0' ? lang_text(": ") : "", what);
}

static void
read_replies(struct health_account *a)
{
	if (conf_is_set(a->account->replies))
		rules_free(replies_read(a->account->replies, keep_fault, a));
}

static void
count_shared(struct health_state *h)
{
	const struct shared_state	*g = &h->shared;

	h->degraded = g->is_shared ? g->is_degraded : -1;
	h->kept = g->is_shared ? g->kept : -1;
	h->hosts = g->is_shared && h->readable ? shared_state_working(g) : -1;
}

enum error
health_state_read(struct health_state *h, const struct conf *c, struct store *s, struct breakers *b,
    bool try_write, int64_t deadline_ms)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	if (!init_state(h, c))
		return ERR_NOMEM;
	shared_state_begin(&h->shared, &c->set, s, deadline_ms);
	if (s != NULL) {
		(void)lock_look(store_locks(s), h->lock_why, sizeof(h->lock_why));
		if (try_write)
			h->writable = use_store(h, s, STORE_ADD, touch_store, NULL,
			    deadline_ms);
		h->readable = use_store(h, s, STORE_READ, b != NULL ? breaker_load :
		    read_version, b, deadline_ms);
		if (h->readable)
			er = read_store(h, deadline_ms);
		if (!h->readable)
			mark_unknown(h);
		if (!h->readable || !h->writable)
			shared_state_fail(&h->shared, s);
	}
	count_shared(h);
	if (er == ERR_OK)
		er = read_observed(h);
	if (er == ERR_OK && conf_is_set(c->set.state_dir))
		er = silence_find(c, h->shared.is_degraded ? NULL : s, deadline_ms,
		    h->now_ms / 1000, set_silent, h);
	measure_disk(h);
	read_callback_ips(h);
	read_alerts(h);
	for (i = 0; i < h->n; i++)
		read_replies(&h->accounts[i]);
	for (i = 0; i < h->n + h->nrelays && b != NULL; i++)
		read_breaker(h, &h->accounts[i], b);
	return er;
}

void
health_state_free(struct health_state *h)
{
	free(h->accounts);
	h->accounts = NULL;
	shared_state_free(&h->shared);
	observed_free(&h->observed);
}

/*
 * The rules.  A function returns true when its rule is broken, and then describes that in the sign.
 */

/* Sets the text of a sign.  Always true, so that a rule can return it. */
static bool
set_sign(struct health_sign *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool
set_sign(struct health_sign *s, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->text, sizeof(s->text), lang_text(fmt), ap);
	va_end(ap);
	return true;
}

/* "s" for the plural, as in "12 messages"; "" for 1. */
static const char *
plural_of(int64_t n)
{
	return n == 1 ? "" : "s";
}

static bool
is_unusable(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return !h->usable && set_sign(s, "the configuration is unusable: every request is answered "
	    "503 until it is fixed; run: qtoa check");
}

static bool
is_unreadable(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return !h->readable && !h->shared.is_shared && set_sign(s, "the store cannot be read: %s: "
	    "what QT does not confirm is answered 503; look at the owner, permissions and free "
	    "space of %s", h->why, h->conf->set.state_dir);
}

static bool
is_unwritable(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return h->readable && !h->writable && !h->shared.is_shared && set_sign(s, "the store "
	    "cannot be written: %s: what QT does not confirm is answered 503; look at the owner, "
	    "permissions and free space of %s", h->why, h->conf->set.state_dir);
}

/* Hosts share a store, and it fails. */
static bool
is_degraded(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	const struct shared_state	*g = &h->shared;
	char				 since[FORMAT_SPAN + 32] = "", span[FORMAT_SPAN];
	const char			*why = *g->why != '\0' ? g->why : *h->why != '\0' ?
					    h->why : lang_text("the log says why");

	(void)a;
	if (!g->is_degraded)
		return false;
	if (g->since_ms != 0 && g->since_ms < h->now_ms) {
		format_span(span, h->now_ms - g->since_ms);
		(void)snprintf(since, sizeof(since), lang_text(" for %s"), span);
	}
	if (h->conf->set.store_degrade == LOCAL)
		return set_sign(s, "the shared database fails%s: %.200s: until it works, this host "
		    "keeps messages itself (%lld now), and one that comes to two hosts may be "
		    "forwarded twice; look at the database, and run: qtoa check", since, why,
		    (long long)g->kept);
	return set_sign(s, "the shared database fails%s: %.200s: what QT does not confirm is "
	    "answered 503; look at the database, and run: qtoa check", since, why);
}

static bool
has_lost_hosts(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	char	 names[SHARED_STATE_NAMES], span[FORMAT_SPAN];
	int64_t	 age_ms;

	(void)a;
	if (shared_state_names(names, &age_ms, &h->shared, hosts_is_lost) == 0)
		return false;
	format_span(span, age_ms);
	return set_sign(s, "not seen for %s: %s; such a host is down, or cut off from the "
	    "database; look at it; one that is not used any more is forgotten after 7 days", span,
	    names);
}

static bool
is_double_host(const struct hosts_seen *s)
{
	return s->is_double;
}

static bool
has_double_hosts(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	char	 names[SHARED_STATE_NAMES];
	int64_t	 age_ms;

	(void)a;
	return shared_state_names(names, &age_ms, &h->shared, is_double_host) != 0 &&
	    set_sign(s, "several hosts have the same name: %s; give each its own, in settings.host "
	    "or with hostnamectl", names);
}

/* Messages that stay here although the database works. */
static bool
has_kept(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return !h->shared.is_degraded && h->shared.kept > 0 && set_sign(s, "this host keeps %lld "
	    "message%s of a time when the shared database failed, and moves them now; if they "
	    "stay, run: qtoa drain", (long long)h->shared.kept, plural_of(h->shared.kept));
}

static bool
has_no_locks(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char		 why[LANG_PARTS];
	const char	*dir = h->conf->set.state_dir;

	(void)a;
	return *h->lock_why != '\0' && set_sign(s, "%s/qtoa.lock cannot be used: %s: a message may "
	    "be forwarded twice; move away what is in its place, give it to the owner of %s, or "
	    "give state_dir a disk with locks", dir, lang_parts(why, h->lock_why), dir);
}

static bool
has_quarantine(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return *h->quarantined != '\0' && set_sign(s, "the database %s could not be used; "
	    "messages may wait in it; to take them over, run: qtoa drain", h->quarantined);
}

static enum disk_room
room_of(const struct health_state *h)
{
	const struct disk	 d = {
		.free_bytes = h->free_bytes, .bytes = h->disk_bytes,
		.free_inodes = h->free_inodes, .inodes = h->inodes,
	};

	return h->free_bytes == -1 ? DISK_FINE : disk_room(&d);
}

static bool
is_gone(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return *h->gone != '\0' && set_sign(s, "qtoa.db was removed while messages waited in it: "
	    "they are lost, if the log does not say that they were taken over; find out who "
	    "removes files, then remove %s/%s", h->conf->set.state_dir, h->gone);
}

static bool
set_room_sign(struct health_sign *s, const struct health_state *h, const char *then)
{
	char	 left[FORMAT_SPAN], all[FORMAT_SPAN], inodes[48] = "";

	format_bytes(left, h->free_bytes);
	format_bytes(all, h->disk_bytes);
	if (h->inodes != 0)
		(void)snprintf(inodes, sizeof(inodes), lang_text(" and %lld inodes"),
		    (long long)h->free_inodes);
	return set_sign(s, "%s%s left of %s where %s is: make room, or move state_dir%s", left,
	    inodes, all, h->conf->set.state_dir, then);
}

static bool
is_full(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	(void)a;
	return room_of(h) == DISK_OUT &&
	    set_room_sign(s, h, lang_text("; nothing is queued, so what QT does not confirm is "
	    "answered 503"));
}

static bool
is_nearly_full(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	const enum disk_room	 room = room_of(h);

	(void)a;
	return (room == DISK_LOW || room == DISK_TENTH) && set_room_sign(s, h, "");
}

static bool
is_late(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	if (a->pending_age_ms <= h->conf->set.late_s * INT64_C(1000))
		return false;
	format_span(span, a->pending_age_ms);
	return set_sign(s, "%lld message%s for QT, the oldest for %s; qtoa queue list says why; "
	    "qtoa drain sends at once", (long long)a->pending,
	    a->pending == 1 ? " waits" : "s wait", span);
}

/* Writes when the next probe is. */
static void
write_probe(char text[FORMAT_SPAN + 16], const struct health_state *h,
    const struct health_account *a)
{
	const int64_t	 ms = a->probe_ms - h->now_ms;
	char		 span[FORMAT_SPAN];

	format_span(span, ms + 999);
	if (ms > 0)
		(void)snprintf(text, FORMAT_SPAN + 16, lang_text("in %s"), span);
	else
		(void)snprintf(text, FORMAT_SPAN + 16, "%s", lang_text("now"));
}

static bool
is_broken(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 probe[FORMAT_SPAN + 16];

	if (a->gate != GATE_BROKEN)
		return false;
	write_probe(probe, h, a);
	return set_sign(s, "QT has not answered %d times in a row%s%s: messages go to the queue "
	    "until it does; next probe %s; run: qtoa check", h->conf->set.breaker_fails,
	    a->gateway_age_ms > 0 ? lang_text(", something else has: ") : "",
	    a->gateway_age_ms > 0 ? a->gateway_why : "", probe);
}

/* A gateway that answers for long does not go away by itself, as a QT that is silent does. */
static bool
is_gateway(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	if (a->gateway_age_ms <= h->conf->set.late_s * INT64_C(1000))
		return false;
	format_span(span, a->gateway_age_ms);
	return set_sign(s, "people are needed: for %s a gateway has answered in QT's place (%s); "
	    "correct qt_url or the gateway, then run: qtoa queue retry %s", span, a->gateway_why,
	    a->account->path);
}

/* Nothing fails when WeChat sends nothing, so only the account's own traffic shows it. */
static bool
is_silent(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	(void)h;
	if (a->silent_s == 0)
		return false;
	format_span(span, a->silent_s * 1000);
	return set_sign(s, "no push has come for %s, and before that some came every day: look "
	    "whether the URL is switched on in WeChat's console, then run: qtoa check", span);
}

static bool
is_stopped(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 probe[FORMAT_SPAN + 16];

	if (a->gate != GATE_STOPPED)
		return false;
	write_probe(probe, h, a);
	return set_sign(s, "QT refuses the account's signature or keys, its messages wait; next "
	    "probe %s: fix app_key, service_id, service_secret and restart, or run: qtoa queue "
	    "retry %s", probe, a->account->path);
}

/* Failed requests for a token do no harm while the old token is valid. */
static bool
has_no_token(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 why[LANG_PARTS];

	(void)h;
	return a->token_fails > 0 && a->token_left_s <= 0 && set_sign(s, "there is no valid "
	    "access_token, and the last %lld request%s for one failed: %s; fix that, then run: "
	    "qtoa token %s --refresh", (long long)a->token_fails, plural_of(a->token_fails),
	    lang_parts(why, a->token_why), a->account->path);
}

static bool
has_no_addresses(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	(void)a;
	return h->wechat_only != OFF && h->ips == 0 && set_sign(s, "wechat_only is %s, but there "
	    "is no list of WeChat's addresses yet: no push is compared with it; run: qtoa check",
	    conf_wechat_only_name(h->conf->set.wechat_only));
}

static bool
has_old_addresses(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	(void)a;
	if (h->wechat_only == OFF || h->ips <= 0 || h->ips_age_s <= IPS_OLD_S)
		return false;
	format_span(span, h->ips_age_s * 1000);
	return set_sign(s, "the list of WeChat's addresses, for wechat_only, is %s old: a push "
	    "from a new address counts as unknown; run: qtoa check", span);
}

static bool
has_wrong_replies(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	(void)h;
	return *a->replies_why != '\0' && set_sign(s, "%s is wrong: %s: users are answered by the "
	    "last good rules, if there are any; correct it, then run: qtoa reply check",
	    a->account->replies, a->replies_why);
}

static bool
has_dead(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	(void)h;
	if (a->dead <= 0)
		return false;
	format_span(span, a->dead_age_ms);
	return set_sign(s, "%lld dead message%s for people, the oldest for %s: QT has refused %s, "
	    "or its answer cannot be read; run: qtoa queue list, then show, and retry or drop",
	    (long long)a->dead, a->dead == 1 ? " waits" : "s wait", span,
	    a->dead == 1 ? "it" : "them");
}

/*
 * Relays.  Their signs are warnings: QT and the other relays have the messages.
 */

static bool
is_relay_broken(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	char	 probe[FORMAT_SPAN + 16];

	if (a->gate != GATE_BROKEN)
		return false;
	write_probe(probe, h, a);
	return set_sign(s, "the relay has failed %d times in a row (%s): its messages go to its "
	    "queue until it answers; next probe %s; look at its log", h->conf->set.breaker_fails,
	    a->gateway_why, probe);
}

static bool
is_relay_late(struct health_sign *s, const struct health_state *h, const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	if (a->pending_age_ms <= h->conf->set.late_s * INT64_C(1000))
		return false;
	format_span(span, a->pending_age_ms);
	return set_sign(s, "%lld message%s for the relay, the oldest for %s; qtoa queue list "
	    "--relay %s says why", (long long)a->pending,
	    a->pending == 1 ? " waits" : "s wait", span,
	    conf_relay(h->conf, a->account)->name);
}

static bool
has_relay_dead(struct health_sign *s, const struct health_state *h,
    const struct health_account *a)
{
	return a->dead > 0 && set_sign(s, "the relay refuses %lld message%s; run: qtoa queue list "
	    "--relay %s, then show, and retry or drop", (long long)a->dead, plural_of(a->dead),
	    conf_relay(h->conf, a->account)->name);
}

/* The rules, in the order in which their signs are given. */
static const struct rule {
	const char	*what;
	bool		 bad;
	enum { ONCE, ACCOUNTS, RELAYS } each;	/* ONCE: a is NULL */
	bool		 (*check)(struct health_sign *s, const struct health_state *h,
			    const struct health_account *a);
} rules[] = {
	{ "configuration", true,	ONCE,	is_unusable },
	{ "store",	true,	ONCE,	is_unreadable },
	{ "store",	true,	ONCE,	is_unwritable },
	{ "store",	true,	ONCE,	is_degraded },
	{ "lock",	true,	ONCE,	has_no_locks },
	{ "disk",	true,	ONCE,	is_full },
	{ "silent",	true,	ACCOUNTS,	is_silent },
	{ "stopped",	true,	ACCOUNTS,	is_stopped },
	{ "breaker",	true,	ACCOUNTS,	is_broken },
	{ "gateway",	true,	ACCOUNTS,	is_gateway },
	{ "pending",	true,	ACCOUNTS,	is_late },
	{ "token",	true,	ACCOUNTS,	has_no_token },
	{ "store",	false,	ONCE,	has_quarantine },
	{ "store",	false,	ONCE,	is_gone },
	{ "store",	false,	ONCE,	has_kept },
	{ "hosts",	false,	ONCE,	has_lost_hosts },
	{ "hosts",	false,	ONCE,	has_double_hosts },
	{ "disk",	false,	ONCE,	is_nearly_full },
	{ "addresses",	false,	ONCE,	has_no_addresses },
	{ "addresses",	false,	ONCE,	has_old_addresses },
	{ "replies",	false,	ACCOUNTS,	has_wrong_replies },
	{ "dead",	false,	ACCOUNTS,	has_dead },
	{ "relay",	false,	RELAYS,	is_relay_broken },
	{ "relay",	false,	RELAYS,	is_relay_late },
	{ "relay",	false,	RELAYS,	has_relay_dead },
};

void
health_state_judge(const struct health_state *h, health_state_each *fn, void *ctx)
{
	const struct rule		*r;
	const struct health_account	*a;
	struct health_sign		 s;
	size_t				 i, n;

	for (r = rules; r != rules + sizeof(rules) / sizeof(rules[0]); r++) {
		n = r->each == ONCE ? 1 : r->each == RELAYS ? h->nrelays : h->n;
		for (i = 0; i < n; i++) {
			a = r->each == ONCE ? NULL :
			    &h->accounts[i + (r->each == RELAYS ? h->n : 0)];
			s.what = r->what;
			s.account = a != NULL ? a->account->name : "";
			s.bad = r->bad;
			if (r->check(&s, h, a))
				fn(ctx, &s);
		}
	}
}
