#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/term.h"
#include "collector/event_store.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/number.h"
#include "forwarder/drain.h"
#include "forwarder/services.h"
#include "monitor/alert.h"
#include "server/maintenance.h"
#include "state/queue.h"
#include "state/carry.h"
#include "state/recover.h"
#include "state/store.h"

enum {
	RATE_MS = 1000,		/* the rate is the mean over this time */
	WATCH_MS = 250,		/* between two reads of what another process has sent */
	ALERT_MS = 5000,	/* for an alert */
	STOP_MS = 2000,		/* after a signal, for the transfers that are under way */
	SECONDS_MAX = 1000000
};

/* Monotonic time at which all transfers give up; 0: no signal has told us to stop. */
static _Atomic int64_t	 stop_ms;

struct draining {
	struct services		 services;
	struct drain_sum	 sum;		/* of the runs that have ended */
	int64_t			 begin_ms;	/* monotonic */
	int64_t			 total;		/* messages that waited at the beginning */
	int64_t			 pending;	/* messages that wait now */
	int64_t			 elsewhere;	/* end points that another process drains */
	bool			 watched;	/* another process was draining */

	struct term_progress	 bar;
	int64_t			 shown;		/* messages that the bar says are done */
	int64_t			 rate;		/* messages a second */
	int64_t			 rate_ms, rate_n;	/* time and count at which it was taken */
};

/*
 * Leaves STOP_MS to the messages that are under way, so that the store knows what became of
 * them.
 */
static void
on_stop(int sig)
{
	(void)sig;
	atomic_store(&stop_ms, clock_mono_ms() + STOP_MS);
}

/*
 * The progress bar.
 */

static void
draw_bar(struct draining *d, int64_t done)
{
	char	 text[80];

	(void)snprintf(text, sizeof(text), "%lld/%lld %lld/s%s", (long long)done,
	    (long long)d->total, (long long)d->rate,
	    d->elsewhere != 0 ? lang_text(", by another process") : "");
	term_progress_draw(&d->bar, done, d->total, text);
}

/* Draws the bar again if it is time for that.  Messages that come meanwhile do not move it back. */
static void
update_bar(struct draining *d, int64_t done)
{
	int64_t	 now_ms = clock_mono_ms();

	if (!term_progress_due(&d->bar, 0, 1))
		return;
	if (done < d->shown)
		done = d->shown;
	d->shown = done;
	if (d->rate_ms == 0)
		d->rate_ms = d->begin_ms;
	d->rate = (done - d->rate_n) * 1000 / (now_ms == d->rate_ms ? 1 : now_ms - d->rate_ms);
	if (now_ms >= d->rate_ms + RATE_MS) {
		d->rate_ms = now_ms;
		d->rate_n = done;
	}
	if (done > d->total)	/* new messages have come */
		d->total = done;
	draw_bar(d, done);
}

static void
on_progress(void *ctx, const struct drain_sum *sum)
{
	struct draining	*d = ctx;

	update_bar(d, d->sum.delivered + d->sum.dead + sum->delivered + sum->dead);
}

/*
 * The drain.
 */

static enum error
count_pending(struct db *db, void *arg)
{
	struct draining	*d = arg;
	enum error	 er;

	if ((er = queue_count(db, QUEUE_PENDING, &d->pending)) == ERR_OK)
		er = breaker_load(db, d->services.breakers);
	return er;
}

static bool
read_pending(struct draining *d)
{
	struct store	*store = d->services.store;
	char		 why[256];

	if (store_do(store, STORE_READ, count_pending, d,
	    clock_mono_ms() + SESSION_PATIENCE_MS) == ERR_OK)
		return true;
	store_why(store, why, sizeof(why));
	term_wipe(d->bar.width);
	(void)fprintf(stderr, "qtoa: %s\n",
	    *why != '\0' ? why : lang_text(error_table[ERR_STORE].name));
	return false;
}

static enum error
send_once(struct draining *d, struct drain *drain, int64_t until_ms, bool all)
{
	const struct drain_order	 order = {
		.until_ms = until_ms, .all = all, .progress = on_progress, .ctx = d,
	};
	struct drain_sum		 sum = { 0 };
	enum error			 er = drain_run(drain, &sum, &order);

	d->sum.delivered += sum.delivered;
	d->sum.dead += sum.dead;
	d->sum.failed += sum.failed;
	d->elsewhere = sum.elsewhere;
	return er;
}

static void
say_watching(struct draining *d)
{
	if (d->watched || d->bar.width == 0)
		return;
	term_wipe(d->bar.width);
	(void)printf(lang_text("another process is sending to %lld of the QT addresses; waiting "
	    "for it\n"), (long long)d->elsewhere);
}

/* Waits while another process drains an end point, and sends what that process leaves. */
static bool
wait_for_others(struct draining *d, struct drain *drain, int64_t until_ms)
{
	const struct timespec	 pause = { 0, WATCH_MS * 1000000 };

	while (d->elsewhere != 0 && d->pending != 0 && atomic_load(&stop_ms) == 0 &&
	    clock_mono_ms() < until_ms) {
		say_watching(d);
		d->watched = true;
		(void)nanosleep(&pause, NULL);
		if (send_once(d, drain, until_ms, false) != ERR_OK || !read_pending(d))
			return false;
		update_bar(d, d->total - d->pending);
	}
	return true;
}

static void
print_summary(struct draining *d)
{
	int64_t	 ms = clock_mono_ms() - d->begin_ms;

	term_wipe(d->bar.width);
	(void)printf(lang_text("drained: %lld delivered, %lld dead, %lld failed, %lld still "
	    "pending, %lld.%lld s%s\n"), (long long)d->sum.delivered, (long long)d->sum.dead,
	    (long long)d->sum.failed, (long long)d->pending, (long long)(ms / 1000),
	    (long long)(ms % 1000 / 100),
	    d->watched ? lang_text("; another process was sending too") : "");
	(void)fflush(stdout);
	if (session_signal() != NULL)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s; %lld message%s left; to go "
		    "on, run: qtoa drain\n"), session_signal(), (long long)d->pending,
		    d->pending == 1 ? " is" : "s are");
	else if (d->pending != 0)
		session_say_trouble(stderr, d->services.conf, d->services.breakers);
}

static int
drain_all(struct draining *d, int64_t until_ms)
{
	struct drain	*drain;
	int64_t		 moved;
	bool		 good;

	d->begin_ms = d->bar.begin_ms = clock_mono_ms();
	if (!read_pending(d))		/* opens the store, and quarantines a damaged file */
		return CLI_WRONG;
	(void)recover_run(services_own_store(&d->services), d->services.store,
	    d->services.conf->set.state_dir, event_store_sources);
	(void)carry_all(d->services.local, d->services.store, d->services.dedup,
	    clock_mono_ms() + SESSION_PATIENCE_MS);
	(void)spare_move(d->services.spare, &moved, d->services.store, d->services.dedup,
	    clock_mono_ms() + SESSION_PATIENCE_MS);
	if (!read_pending(d))
		return CLI_WRONG;
	if (d->pending != 0 && session_say_unsendable(d->services.http, d->services.conf))
		return CLI_WRONG;
	if ((drain = drain_new(&d->services)) == NULL)
		return session_say_no_handle();
	d->total = d->pending;
	good = send_once(d, drain, until_ms, true) == ERR_OK;
	good = read_pending(d) && good && wait_for_others(d, drain, until_ms);
	drain_free(drain);
	maintenance_brief(&d->services);
	print_summary(d);
	alert_brief(&d->services, ALERT_MS);
	return good && d->pending == 0 ? CLI_DONE : CLI_WRONG;
}

/* Reads --seconds N, if it is there.  False: the arguments are wrong. */
static bool
read_time_limit(int64_t *until_ms, int argc, char **argv)
{
	int64_t	 s;

	*until_ms = INT64_MAX;
	if (argc == 1)
		return true;
	if (argc != 3 || strcmp(argv[1], "--seconds") != 0 ||
	    !number_parse(&s, slice_of(argv[2])) || s > SECONDS_MAX)
		return false;
	*until_ms = clock_mono_ms() + s * 1000;
	return true;
}

int
cmd_drain_run(struct conf *c, int problems, int argc, char **argv)
{
	struct draining	 d = { .bar = { .width = 0 } };
	int64_t		 until_ms;
	int		 rc = CLI_WRONG;

	if (!read_time_limit(&until_ms, argc, argv))
		return cli_usage("drain");
	if (problems != 0)	/* messages have told the problems */
		return CLI_WRONG;
	switch (session_state(c)) {
	case SESSION_FAULT:
		return CLI_WRONG;
	case SESSION_NO_STATE:
		(void)printf(lang_text("the queue is empty\n"));
		return CLI_DONE;
	case SESSION_STATE:
		break;
	}
	if ((d.bar.width = term_width(STDOUT_FILENO)) != 0)
		session_silence_log(c);
	session_catch_signals(on_stop);
	if (services_open(&d.services, c, services_of_queue(c), STORE_BRIEF, &stop_ms))
		rc = drain_all(&d, until_ms);
	services_close(&d.services);
	log_close();
	return session_exit_status(rc);
}
