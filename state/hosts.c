#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/random.h"
#include "state/hosts.h"
#include "state/host_counters.h"
#include "state/host_file.h"

enum {
	AGAIN_MS = 1000,	/* between two tries when a message could not be stored */
	LATE_S	= 600,		/* what is counted later for an hour than that is lost for others */
	BEHIND_S = 2 * 3600	/* counters that are older are copied without a pause */
};

struct hosts {
	const struct settings		*set;
	struct store			*store;
	struct locks			*locks;
	struct counters			*counters;
	enum store_life			 life;
	uint64_t			 counted;	/* by this process, when it last wrote */
	struct host_counters_rows	 rows;
};

struct hosts *
hosts_new(const struct settings *set, struct store *s, struct locks *locks,
    struct counters *counters, enum store_life life)
{
	struct hosts	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->set = set;
	h->store = s;
	h->locks = locks;
	h->counters = counters;
	h->life = life;
	return h;
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	host_counters_free(&h->rows);
	free(h);
}

void
hosts_name(char name[HOSTS_NAME], const struct settings *set)
{
	if (conf_is_set(set->host))
		(void)snprintf(name, HOSTS_NAME, "%s", set->host);
	else if (gethostname(name, HOSTS_NAME) == -1 || *name == '\0')
		(void)snprintf(name, HOSTS_NAME, "%s", "localhost");
	name[HOSTS_NAME - 1] = '\0';
}

/*
 * When to write.
 */

/* The ms from now until `after` ms after `then`; 0: it is time, or the clock was set back. */
static int64_t
left_ms(int64_t now_ms, int64_t then, int64_t after_ms)
{
	return then > now_ms || now_ms - then >= after_ms ? 0 : then + after_ms - now_ms;
}

static int64_t
wait_ms(const struct hosts *h, const struct host_file *f)
{
	const int64_t	 now_ms = clock_wall_ms();
	const bool	 has_failed = f->tried_ms > f->seen_ms;
	/* A process that must end soon is there because of a message. */
	const bool	 has_counted = h->life == STORE_BRIEF ||
			    counters_counted(h->counters) != h->counted;

	if (store_is_degraded(h->store) && f->degraded_ms == 0)
		return left_ms(now_ms, f->tried_ms, AGAIN_MS);
	if (has_failed || f->degraded_ms != 0)
		return left_ms(now_ms, f->tried_ms, HOSTS_TURN_MS);
	if (f->counted_s < now_ms / 1000 - BEHIND_S)
		return 0;
	return left_ms(now_ms, f->seen_ms, has_counted ? HOSTS_TURN_MS : HOSTS_IDLE_MS);
}

static bool
is_shared(const struct hosts *h)
{
	return h->store != NULL && store_is_shared(h->store);
}

bool
hosts_is_due(const struct hosts *h)
{
	struct host_file	 f;

	return is_shared(h) && host_file_read(&f, h->set->state_dir) && wait_ms(h, &f) == 0;
}

/*
 * Writing.
 */

/* What is written at once, and whether the row is this host's. */
struct host_writing {
	const struct hosts		*host;
	const struct host_file		*file;
	int64_t				 pulse;		/* the row's new number */
	bool				 stops;
	bool				 sweeps;
	bool				 is_mine;
};

/* A store_work. */
static enum error
write_rows(struct db *db, void *arg)
{
	struct host_writing	*w = arg;
	const struct host_file	*f = w->file;
	const bool		 is_server = w->host->life == STORE_SERVER;
	char			 name[HOSTS_NAME];
	int64_t			 pulse = 0;
	enum error		 er;

	hosts_name(name, w->host->set);
	er = db_number(db, &pulse, SQL_HOST_PUT, DB_VALUES(db_i(f->home), db_s(name),
	    db_i(w->pulse), db_s(QTOA_VERSION), db_i(is_server), db_i(w->stops), db_i(f->pulse),
	    db_i(f->next_pulse)));
	w->is_mine = pulse == w->pulse;
	if (er == ERR_OK && w->is_mine)
		er = host_counters_write(db, &w->host->rows);
	if (er == ERR_OK && w->sweeps)
		er = host_counters_sweep(db, calendar_day_at(clock_wall_ms() / 1000));
	if (er == ERR_OK && w->sweeps)
		er = db_run(db, NULL, SQL_HOST_SWEEP, DB_VALUES(db_i(COUNTER_DAYS *
		    INT64_C(1000) * CALENDAR_DAY_S)));
	return er;
}

/* Reads the counters that have changed.  Returns until when they are in h->rows. */
static int64_t
take_counters(struct hosts *h, const struct host_file *f, int64_t now_s)
{
	int64_t	 from_s = now_s - COUNTER_DAYS * (int64_t)CALENDAR_DAY_S, until_s;

	if (f->counted_s > 0)
		from_s = (f->counted_s < now_s ? f->counted_s : now_s) - LATE_S;
	h->rows.home = f->home;
	if (host_counters_take(&h->rows, h->set->state_dir, from_s, now_s, &until_s) != ERR_OK) {
		h->rows.n = 0;
		return f->counted_s;
	}
	return until_s < now_s ? until_s : now_s;
}

static void
take_new_number(struct host_file *f)
{
	log_msg(LEVEL_NOTICE, "hosts", "another host has the number of this state directory, as "
	    "after a copy: this host counts as a new one");
	f->home = random_id();
	f->pulse = f->next_pulse = f->seen_ms = 0;
}

/* Notes in *f how it ended. */
static void
note_end(struct host_file *f, enum error er, const struct host_writing *w, int64_t counted_s)
{
	if (er == ERR_OK && w->is_mine) {
		f->pulse = w->pulse;
		f->seen_ms = f->tried_ms;
		f->counted_s = counted_s;
	} else if (er == ERR_OK) {
		take_new_number(f);
	}
	if (er == ERR_OK)
		f->degraded_ms = 0;
	else if (f->degraded_ms == 0)
		f->degraded_ms = f->tried_ms;
}

/* Writes the host's row and its counters.  The lock is held. */
static void
write_host(struct hosts *h, struct host_file *f, bool stops, int64_t until_ms)
{
	const int64_t		 now_ms = clock_wall_ms();
	const uint64_t		 counted = counters_counted(h->counters);
	struct host_writing	 w = {
		.host = h, .file = f, .pulse = random_id(), .stops = stops,
		.sweeps = calendar_day_at(f->seen_ms / 1000) != calendar_day_at(now_ms / 1000),
	};
	struct host_file	 next;
	int64_t			 counted_s;
	enum error		 er;

	if (f->home == 0)
		f->home = random_id();
	counted_s = take_counters(h, f, now_ms / 1000);
	f->tried_ms = now_ms;
	next = *f;
	next.next_pulse = w.pulse;
	if (!host_file_write(&next, h->set->state_dir))
		return;
	er = store_do(h->store, STORE_SYNC, write_rows, &w, until_ms);
	note_end(&next, er, &w, counted_s);
	(void)host_file_write(&next, h->set->state_dir);
	if (er == ERR_OK)
		h->counted = counted;
	*f = next;
}

static int64_t
turn_host(struct hosts *h, bool stops, int64_t until_ms)
{
	const char		*dir = h->set->state_dir;
	unsigned char		 key[LOCK_KEY];
	struct host_file	 f;
	struct lock		 lock;
	int64_t			 ms;

	if (!host_file_read(&f, dir))
		return HOSTS_IDLE_MS;
	if ((ms = wait_ms(h, &f)) > 0 && !stops)
		return ms;
	lock_name(key, "host", dir);
	if (lock_take(h->locks, &lock, key, 0) != LOCK_MINE)
		return HOSTS_TURN_MS;
	if (host_file_read(&f, dir) && (wait_ms(h, &f) == 0 || stops))
		write_host(h, &f, stops, until_ms);
	lock_release(h->locks, &lock, false);
	return wait_ms(h, &f);
}

int64_t
hosts_turn(struct hosts *h, int64_t until_ms)
{
	return is_shared(h) ? turn_host(h, false, until_ms) : INT64_MAX;
}

void
hosts_stop(struct hosts *h, int64_t until_ms)
{
	if (is_shared(h))
		(void)turn_host(h, true, until_ms);
}

/*
 * Reading.
 */

static void
print_column(char *to, size_t size, const struct db_rows *rows, int col)
{
	const struct slice	 s = db_col(rows, col);

	(void)snprintf(to, size, "%.*s", (int)s.len, s.p == NULL ? "" : s.p);
}

enum error
hosts_list(struct db *db, hosts_each *fn, void *ctx)
{
	struct hosts_seen	 s;
	struct db_rows		 rows;
	enum error		 er;

	er = db_start(db, &rows, SQL_HOST_LIST, DB_VALUES(db_i(HOSTS_SHOWN_MS),
	    db_i(HOSTS_LOST_MS)));
	while (er == ERR_OK && db_next(&rows, &er)) {
		s = (struct hosts_seen){
			.home = db_col_int(&rows, 0), .age_ms = db_col_bounded(&rows, 3),
			.is_server = db_col_int(&rows, 4) != 0,
			.has_stopped = db_col_int(&rows, 5) != 0,
			.is_double = db_col_int(&rows, 6) != 0,
		};
		print_column(s.name, sizeof(s.name), &rows, 1);
		print_column(s.version, sizeof(s.version), &rows, 2);
		fn(ctx, &s);
	}
	db_end(&rows);
	return er;
}

bool
hosts_is_lost(const struct hosts_seen *s)
{
	return s->is_server && !s->has_stopped && s->age_ms >= HOSTS_LOST_MS;
}
