#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/session.h"
#include "cli/term.h"
#include "cli/term_table.h"
#include "collector/migrate.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/log.h"
#include "state/carry.h"
#include "state/lease.h"
#include "state/store.h"
#include "state/table.h"

enum {
	STORE_MS	= 20000,	/* for one transaction, instead of settings.store_ms */
	STEP_MS		= 30000,	/* for a step, with its transactions in both stores */
	LEASE_WAIT_MS	= 20000,	/* for those who send messages just now */
	RETRY_MS	= 60000,	/* how long a store may fail */
	PAUSE_MS	= 500		/* between two tries */
};

/* Monotonic time at which a signal told us to stop; 0: no signal has. */
static _Atomic int64_t	 stop_ms;

/* A lease of an end point: nobody sends messages there while these are moved. */
struct held {
	struct lease	 lease;
	const char	*url;
	bool		 is_mine;
};

/* What the command line says, and the two stores. */
struct two_stores {
	const struct conf	*conf;
	bool			 back, yes, json;
	struct settings		 set;		/* with more time than requests have */
	struct locks		*locks;
	struct store		*local, *shared;
	struct dedup		*dedup;
	struct held		*held;
	size_t			 n_held;
	struct lock		 carry;		/* of the messages in the file of this host */
	bool			 has_carry;
	int64_t			 here[MIGRATE_NAMES], there[MIGRATE_NAMES];
	struct migrate		 m;
	int64_t			 total;		/* rows to move */
	struct term_progress	 bar;
};

static void
note_stop(int sig)
{
	(void)sig;
	atomic_store(&stop_ms, clock_mono_ms());
}

/*
 * The stores.
 */

static void
say_fault(struct store *s)
{
	char	 why[256];

	store_why(s, why, sizeof(why));
	(void)fprintf(stderr, "qtoa: %s\n", *why != '\0' ? why :
	    lang_text(error_table[ERR_STORE].name));
}

/* False: stderr says why. */
static bool
open_two(struct two_stores *t)
{
	t->set = t->conf->set;
	t->set.store_ms = STORE_MS;
	if ((t->locks = lock_new(t->set.state_dir)) != NULL &&
	    (t->local = store_new_local(&t->set, t->locks, STORE_BRIEF)) != NULL &&
	    (t->shared = store_new(&t->set, t->locks, STORE_BRIEF)) != NULL &&
	    (t->dedup = dedup_new(&t->set, t->locks)) != NULL)
		return true;
	(void)session_say_no_handle();
	return false;
}

static void
close_two(struct two_stores *t)
{
	free(t->held);
	dedup_free(t->dedup);
	store_free(t->shared);
	store_free(t->local);
	lock_free(t->locks);
}

static bool
count_store(struct store *s, int64_t n[MIGRATE_NAMES])
{
	if (migrate_count(s, n, clock_mono_ms() + STEP_MS) == ERR_OK)
		return true;
	say_fault(s);
	return false;
}

static bool
count_two(struct two_stores *t)
{
	return count_store(t->local, t->here) && count_store(t->shared, t->there);
}

static int64_t
total_of(const int64_t n[MIGRATE_NAMES])
{
	int64_t	 sum = 0;
	int	 i;

	for (i = 0; i < MIGRATE_NAMES; i++)
		sum += n[i] > 0 ? n[i] : 0;
	return sum;
}

/* The table of both sides, without what is empty; moved may be NULL. */
static enum error
fill_table(struct table *out, const struct two_stores *t, const int64_t *moved)
{
	static const char *const	 names[] = { "table", "here", "shared", "moved" };
	enum error			 er;
	int				 i;

	er = table_begin(out, names, moved != NULL ? 4 : 3);
	for (i = 0; i < MIGRATE_NAMES && er == ERR_OK; i++) {
		if (!t->json && t->here[i] <= 0 && t->there[i] <= 0 &&
		    (moved == NULL || moved[i] == 0))
			continue;
		if ((er = table_row(out)) != ERR_OK ||
		    (er = table_text(out, 0, slice_of(migrate_names[i]))) != ERR_OK)
			break;
		if (t->here[i] >= 0)
			table_int(out, 1, t->here[i]);
		if (t->there[i] >= 0)
			table_int(out, 2, t->there[i]);
		if (moved != NULL)
			table_int(out, 3, moved[i]);
	}
	return er;
}

static bool
print_two(const struct two_stores *t, const int64_t *moved)
{
	struct table	 table = { 0 };
	struct buf	 out = { 0 };
	enum error	 er = fill_table(&table, t, moved);

	if (er == ERR_OK && table.rows == 0 && !t->json)
		(void)printf("%s", lang_text("both stores are empty\n"));
	else if (er == ERR_OK)
		er = term_table_write(&out, &table, NULL, t->json ? TERM_TABLE_JSON :
		    TERM_TABLE_TEXT, term_width(STDOUT_FILENO));
	if (er == ERR_OK)
		session_print(&out);
	else
		(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[er].name));
	buf_free(&out);
	table_free(&table);
	return er == ERR_OK;
}

/*
 * Leases.
 */

/* Lists each end point of the configuration once. */
static bool
list_urls(struct two_stores *t)
{
	const struct conf	*c = t->conf;
	const size_t		 n = conf_destinations(c);
	size_t			 i, k;

	if ((t->held = calloc(n + 1, sizeof(*t->held))) == NULL) {
		(void)session_say_no_handle();
		return false;
	}
	for (i = 0; i < n; i++) {
		for (k = 0; k < t->n_held &&
		    strcmp(t->held[k].url, c->accounts[i].qt_url) != 0; k++)
			;
		if (k == t->n_held)
			t->held[t->n_held++].url = c->accounts[i].qt_url;
	}
	return true;
}

static void
end_leases(struct two_stores *t)
{
	size_t	 i;

	for (i = 0; i < t->n_held; i++)
		if (t->held[i].is_mine) {
			lease_end(t->m.from, &t->held[i].lease, false);
			t->held[i].is_mine = false;
		}
	if (t->has_carry)
		lock_release(t->locks, &t->carry, false);
	t->has_carry = false;
}

/* Has all of them, or takes those that are not held any more.  False: somebody else has one. */
static bool
keep_leases(struct two_stores *t)
{
	struct held	*h;

	if (!t->has_carry && !(t->has_carry = carry_lock(t->local, &t->carry,
	    clock_mono_ms() + LEASE_WAIT_MS)))
		return false;
	for (h = t->held; h != t->held + t->n_held; h++) {
		if (h->is_mine && lease_keep(t->m.from, &h->lease))
			continue;
		if (h->is_mine)
			lease_end(t->m.from, &h->lease, false);
		h->is_mine = lease_take(t->m.from, &h->lease, "drain", h->url,
		    clock_mono_ms() + LEASE_WAIT_MS) == LOCK_MINE;
		if (!h->is_mine)
			return false;
	}
	return true;
}

/*
 * qtoa store migrate
 */

static void
draw_bar(struct two_stores *t)
{
	const int64_t	 done = total_of(t->m.moved);
	char		 text[80];

	/* Rows that come meanwhile are more than were counted. */
	if (done > t->total)
		t->total = done;
	if (!term_progress_due(&t->bar, done, t->total))
		return;
	(void)snprintf(text, sizeof(text), lang_text("%lld/%lld rows"), (long long)done,
	    (long long)t->total);
	term_progress_draw(&t->bar, done, t->total, text);
}

static void
pause_a_moment(void)
{
	const struct timespec	 pause = { 0, PAUSE_MS * 1000000L };

	(void)nanosleep(&pause, NULL);
}

/* Does a step, again and again while a store fails.  False: it gives up. */
static bool
try_step(struct two_stores *t, bool *more)
{
	const int64_t	 end_ms = clock_mono_ms() + RETRY_MS;
	enum error	 er;

	while ((er = migrate_step(&t->m, more, clock_mono_ms() + STEP_MS)) == ERR_STORE &&
	    clock_mono_ms() < end_ms && atomic_load(&stop_ms) == 0)
		pause_a_moment();
	if (er == ERR_OK)
		return true;
	term_wipe(t->bar.width);
	say_fault(t->m.at_target ? t->m.to : t->m.from);
	return false;
}

/* False: it did not come to the end; stderr says why. */
static bool
move_rows(struct two_stores *t)
{
	bool	 more = true, good = true;

	t->bar = (struct term_progress){ .width = term_width(STDOUT_FILENO),
	    .begin_ms = clock_mono_ms() };
	while (more && good && atomic_load(&stop_ms) == 0) {
		draw_bar(t);
		if (!migrate_moves_messages(&t->m))
			end_leases(t);
		else if (!keep_leases(t)) {
			term_wipe(t->bar.width);
			(void)fprintf(stderr, "%s", lang_text("qtoa: another process sends "
			    "messages that wait; try again, or stop qtoa first\n"));
			good = false;
			break;
		}
		good = try_step(t, &more);
	}
	end_leases(t);
	term_wipe(t->bar.width);
	(void)fflush(stdout);
	if (atomic_load(&stop_ms) != 0)
		(void)fprintf(stderr, lang_text("qtoa: stopped by %s; the next run goes on\n"),
		    session_signal());
	return good && !more;
}

/* Says what was done, and what to do next.  True: nothing is left. */
static bool
print_end(const struct two_stores *t)
{
	const int64_t	 left = total_of(t->back ? t->there : t->here);
	char		 span[FORMAT_SPAN];

	format_span(span, clock_mono_ms() - t->bar.begin_ms);
	(void)printf(lang_text("moved: %lld rows in %s\n"), (long long)total_of(t->m.moved), span);
	if (left != 0)
		(void)fprintf(stderr, lang_text("qtoa: %lld rows are left: they came meanwhile, or "
		    "their rows are in use; restart or stop what still works on that store, and "
		    "run it again\n"), (long long)left);
	else if (t->back)
		(void)printf("%s", lang_text("next: leave settings.store empty, build and install "
		    "qtoa, start it on this host alone, and run: qtoa check\n"));
	else
		(void)printf("%s", lang_text("next: restart qtoa on this host if it runs since "
		    "before settings.store was set, and run: qtoa check\n"));
	return left == 0;
}

static bool
ask_first(const struct two_stores *t)
{
	char	 question[160];

	(void)snprintf(question, sizeof(question), t->back ?
	    lang_text("move %lld rows from the store of settings.store into the file of this "
	    "host?") :
	    lang_text("move %lld rows from the file of this host into the store of "
	    "settings.store?"),
	    (long long)t->total);
	return console_ask(question);
}

static bool
migrate_two(struct two_stores *t)
{
	bool	 done;

	if (!count_two(t) || !list_urls(t))
		return false;
	t->m = (struct migrate){ .from = t->back ? t->shared : t->local,
	    .to = t->back ? t->local : t->shared, .dedup = t->dedup };
	t->total = total_of(t->back ? t->there : t->here);
	if (!t->yes && !ask_first(t)) {
		(void)printf("%s", lang_text("nothing is moved\n"));
		return false;
	}
	done = move_rows(t);
	if (!count_two(t) || !print_two(t, t->m.moved))
		return false;
	return done && print_end(t);
}

/*
 * The verb.
 */

static bool
show_two(struct two_stores *t)
{
	return count_two(t) && print_two(t, NULL);
}

static bool
read_store_options(struct two_stores *t, bool migrates, int argc, char **argv)
{
	int	 i;

	for (i = 2; i < argc; i++)
		if (migrates && strcmp(argv[i], "--back") == 0)
			t->back = true;
		else if (migrates && strcmp(argv[i], "--yes") == 0)
			t->yes = true;
		else if (!migrates && strcmp(argv[i], "--json") == 0)
			t->json = true;
		else
			return false;
	return true;
}

static bool
run_two(struct two_stores *t, bool migrates)
{
	bool	 good;

	if (session_state(t->conf) == SESSION_FAULT)
		return false;
	session_catch_signals(note_stop);
	session_silence_log(t->conf);
	good = open_two(t) && (migrates ? migrate_two(t) : show_two(t));
	close_two(t);
	log_close();
	return good;
}

int
cmd_store_run(struct conf *c, int problems, int argc, char **argv)
{
	static const char *const	 names[] = { "store show", "store migrate" };
	struct two_stores		 t = { .conf = c };
	const bool			 migrates = argc > 1 && strcmp(argv[1], "migrate") == 0;

	if (argc < 2 || (!migrates && strcmp(argv[1], "show") != 0))
		return cli_usage("store");
	if (!read_store_options(&t, migrates, argc, argv))
		return cli_usage(names[migrates]);
	if (!conf_is_set(c->set.store)) {
		(void)fprintf(stderr, "%s", lang_text("qtoa: settings.store is empty, so this host "
		    "shares its store with nobody; set it in config.h, build and install qtoa, and "
		    "run this again\n"));
		return CLI_WRONG;
	}
	if (migrates && problems != 0)
		return CLI_WRONG;
	if (migrates && !t.yes && !isatty(STDIN_FILENO))
		return cli_usage_why("store migrate", "--yes is needed without a terminal");
	return session_exit_status(run_two(&t, migrates) ? CLI_DONE : CLI_WRONG);
}
