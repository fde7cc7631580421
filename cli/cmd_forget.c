#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "collector/arrival_fold.h"
#include "collector/event_store.h"
#include "collector/forget.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/lang.h"
#include "state/arrivals.h"
#include "state/carry.h"
#include "state/recover.h"
#include "state/scrub.h"
#include "state/spare.h"

enum {
	NAME_LONGEST	= 128,
	MESSAGES	= 500,		/* rows in one transaction */
	EVENTS		= 5000,
	NAP_MS		= 300,		/* between two searches, while others count */
	NAPS		= 10,
	ERASE_MS	= 10000,	/* to take the name out of the events */
	FOLD_MS		= 30000,	/* the longest time for messages that are not counted yet */
	SCRUB_MS	= 60000,	/* the longest wait for other processes at the database */
	REWRITE_MAX	= 256 << 20,	/* bytes; what is larger is rewritten with --rewrite only */
	REWRITE_A_S	= 50 << 20	/* bytes that are rewritten in a second, about */
};

struct forgetting {
	const struct conf	*conf;
	struct session		 session;
	const char		*name, *which;
	const struct account	*account;	/* NULL: all */
	bool			 yes, dead, rewrite;
	struct buf		 names;
	struct forget_order	 order;
	struct forget_messages	 messages, messages_begin;
	struct forget_count	 count, count_begin;
	int64_t			 event, event_begin;
	bool			 more_events;
	int64_t			 rescued;
	int64_t			 files, found;	/* files that were searched, and that have a name */
	bool			 in_database, in_arrivals;
	bool			 is_shared;	/* hosts share the store */
	struct buf		 tables;	/* of it that have a name, as lines */
	bool			 quiet;		/* the search only looks */
};

static bool
read_forgetting(struct forgetting *f, int argc, char **argv)
{
	int	 i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--yes") == 0)
			f->yes = true;
		else if (strcmp(argv[i], "--dead") == 0)
			f->dead = true;
		else if (strcmp(argv[i], "--rewrite") == 0)
			f->rewrite = true;
		else if (strcmp(argv[i], "--account") == 0 && i + 1 < argc && f->which == NULL)
			f->which = argv[++i];
		else if (*argv[i] == '-' || f->name != NULL)
			return false;
		else
			f->name = argv[i];
	return f->name != NULL;
}

/* True: it can be an OpenID or a UnionID. */
static bool
is_name(const char *name)
{
	static const char	 letters[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const size_t		 len = strlen(name);

	return len != 0 && len <= NAME_LONGEST && strspn(name, letters) == len;
}

/*
 * The store.  Each is a store_work, which may be run again: it begins with a copy.
 */

static enum error
find_names(struct db *db, void *arg)
{
	struct forgetting	*f = arg;

	buf_reset(&f->names);
	return forget_names(db, &f->names, f->order.appid, slice_of(f->name));
}

static enum error
erase_events(struct db *db, void *arg)
{
	struct forgetting	*f = arg;

	f->count = f->count_begin;
	/* A user may have many thousand events. */
	db_patience(db, clock_mono_ms() + ERASE_MS);
	return forget_events(db, &f->count, &f->names, &f->order);
}

static enum error
erase_messages(struct db *db, void *arg)
{
	struct forgetting	*f = arg;

	f->count = f->count_begin;
	f->messages = f->messages_begin;
	return forget_messages(db, &f->count, &f->messages, MESSAGES);
}

static enum error
erase_mentions(struct db *db, void *arg)
{
	struct forgetting	*f = arg;

	f->count = f->count_begin;
	f->event = f->event_begin;
	return forget_mentions(db, &f->count, &f->names, &f->event, &f->more_events, EVENTS);
}

static bool
erase_step(struct forgetting *f, store_work *work)
{
	f->count_begin = f->count;
	f->messages_begin = f->messages;
	f->event_begin = f->event;
	return session_do(&f->session, STORE_SYNC, work, f);
}

/*
 * Takes over what is in quarantine, moves what is in this host's own files, and counts what waits
 * for that: then all is in the store.  If something cannot be moved, the search finds it.
 */
static void
gather(struct forgetting *f)
{
	struct services	*s = &f->session.services;
	const int64_t	 until_ms = clock_mono_ms() + SESSION_PATIENCE_MS;
	int64_t		 moved;

	if (s->store == NULL || !services_add(s, SERVICES_DEDUP | SERVICES_SPARE))
		return;
	(void)recover_run(services_own_store(s), s->store, f->conf->set.state_dir,
	    event_store_sources);
	(void)carry_all(s->local, s->store, s->dedup, until_ms);
	(void)spare_move(s->spare, &moved, s->store, s->dedup, until_ms);
	(void)spare_scrub(s->spare, until_ms);
	arrival_fold_all(f->conf, s->store, s->arrivals, FOLD_MS);
}

/* Small steps, so that no request waits long. */
static bool
erase_user(struct forgetting *f)
{
	f->messages = (struct forget_messages){
		.conf = f->conf, .names = &f->names, .drop_dead = f->dead, .more = true,
	};
	f->more_events = true;
	if (!session_do(&f->session, STORE_READ, find_names, f) || !erase_step(f, erase_events))
		return false;
	if (f->session.services.store == NULL)
		return true;
	while (f->messages.more)
		if (!erase_step(f, erase_messages))
			return false;
	while (f->more_events)
		if (!erase_step(f, erase_mentions))
			return false;
	return true;
}

/*
 * A store that hosts share: its files are those of a server.
 */

static void
note_table(void *ctx, struct slice table, int64_t rows)
{
	struct forgetting	*f = ctx;

	(void)buf_printf(&f->tables, lang_text("  still in table %.*s of the store: %lld rows\n"),
	    (int)table.len, table.p, (long long)rows);
}

static enum error
look_into_tables(struct db *db, void *arg)
{
	struct forgetting	*f = arg;

	const int64_t		 messages = f->count.waiting + (f->dead ? 0 : f->count.dead);

	buf_reset(&f->tables);
	if (messages != 0)	/* on purpose, and they may be encrypted */
		note_table(f, slice_of("message"), messages);
	return forget_search(db, &f->names, note_table, f);
}

static bool
search_tables(struct forgetting *f)
{
	f->is_shared = f->session.services.store != NULL &&
	    store_is_shared(f->session.services.store);
	return !f->is_shared || session_do(&f->session, STORE_READ, look_into_tables, f);
}

static int
print_tables(const struct forgetting *f)
{
	if (!f->is_shared)
		return CLI_DONE;
	if (f->tables.len != 0)
		(void)fwrite(f->tables.p, 1, f->tables.len, stdout);
	else
		(void)printf("%s", lang_text("  searched: the tables of the store, and the user is "
		    "in none of them\n"));
	(void)printf("%s", lang_text("  other hosts have files of their own: run it on each of "
	    "them, too\n"));
	return f->tables.len != 0 ? CLI_WRONG : CLI_DONE;
}

/*
 * The files.
 */

/* A file that has a name of the user. */
static void
note_file(void *ctx, const char *path, int64_t times)
{
	struct forgetting	*f = ctx;
	const char		*file = strrchr(path, '/');

	f->found++;
	f->in_database = f->in_database || strcmp(file, "/qtoa.db") == 0 ||
	    strcmp(file, "/qtoa.db-wal") == 0;
	f->in_arrivals = f->in_arrivals || arrivals_is_file(file + 1);
	if (!f->quiet)
		(void)printf(lang_text("  still in %s: %lld times\n"), path, (long long)times);
}

static bool
search_files(struct forgetting *f, bool quiet)
{
	const char	*dir = f->conf->set.state_dir;
	char		 why[SCRUB_WHY] = "";

	f->quiet = quiet;
	f->found = f->files = 0;
	f->in_database = f->in_arrivals = false;
	if (access(dir, F_OK) == -1 ||
	    scrub_search(dir, &f->names, note_file, f, &f->files, why))
		return true;
	(void)fprintf(stderr, "qtoa: %s\n", why);
	return false;
}

/* Looks into the log, if it is a file elsewhere: with log_users it has the users' names. */
static void
search_log(struct forgetting *f)
{
	const char	*log = f->conf->set.log, *dir = f->conf->set.state_dir;
	const size_t	 len = strlen(dir);
	int64_t		 times;

	if (log == NULL || *log != '/' || (strncmp(log, dir, len) == 0 && log[len] == '/'))
		return;
	if (scrub_search_file(log, &f->names, &times) && times != 0)
		note_file(f, log, times);
}

/* True: rows of the user are left in the file on purpose. */
static bool
has_rows(const struct forgetting *f)
{
	if (f->is_shared)
		return false;
	return f->count.waiting != 0 || (f->count.dead != 0 && !f->dead);
}

static bool
scrub(struct forgetting *f, bool rewrite)
{
	char	 why[SCRUB_WHY] = "";

	if (scrub_database(f->conf->set.state_dir, rewrite, clock_mono_ms() + SCRUB_MS, why))
		return true;
	(void)fprintf(stderr, lang_text("qtoa: the database may still have deleted rows in it: "
	    "%s; run it again\n"), why);
	return false;
}

/* Searches again while another process has messages of the user that it will count in a moment. */
static bool
search_settled(struct forgetting *f)
{
	const struct timespec	 pause = { 0, NAP_MS * 1000000L };
	bool			 good;
	int			 i;

	for (i = 0; (good = search_files(f, true)) && f->in_arrivals && i < NAPS; i++)
		(void)nanosleep(&pause, NULL);
	return good;
}

/* Unused parts of pages can have old rows; only a new copy of the database is without them. */
static bool
scrub_files(struct forgetting *f)
{
	const char	*dir = f->conf->set.state_dir;
	char		 why[SCRUB_WHY] = "";

	if (!scrub_rescued(dir, &f->names, &f->rescued, why)) {
		(void)fprintf(stderr, "qtoa: %s\n", why);
		return false;
	}
	if (!scrub(f, f->rewrite) || !search_settled(f))
		return false;
	return !f->in_database || f->rewrite || has_rows(f) ||
	    scrub_database_size(dir) > REWRITE_MAX || scrub(f, true);
}

/*
 * What it says.
 */

/* Prints a line about n things, if there are any. */
static void
say_some(int64_t n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say_some(int64_t n, const char *fmt, ...)
{
	va_list	 ap;

	if (n == 0)
		return;
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

static void
print_done(const struct forgetting *f)
{
	const struct forget_count	*n = &f->count;

	(void)printf(lang_text("%s is forgotten\n"), f->name);
	say_some(n->events, lang_text("  events that stay, without the user: %lld; no figure "
	    "changes\n"), (long long)n->events);
	say_some(n->mentions, lang_text("  scenes and keys of other users' events with this name: "
	    "%lld; they say \"forgotten\" now\n"), (long long)n->mentions);
	say_some(n->copies, lang_text("  copies of messages that QT has: %lld, deleted\n"),
	    (long long)n->copies);
	say_some(n->waiting, lang_text("  messages that wait for QT: %lld; each is deleted when QT "
	    "has it; run this again after: qtoa drain\n"), (long long)n->waiting);
	say_some(n->dead, f->dead ? lang_text("  messages that QT refused: %lld, deleted\n") :
	    lang_text("  messages that QT refused: %lld, which stay; to delete them, run this with "
	    "--dead\n"), (long long)n->dead);
	say_some(n->closed, lang_text("  encrypted messages that no key of the configuration "
	    "opens: %lld; one may be of this user; see: qtoa queue list\n"), (long long)n->closed);
	say_some(f->rescued, lang_text("  databases in quarantine whose rows were taken over: "
	    "%lld, removed\n"), (long long)f->rescued);
}

static void
print_rewrite(const struct forgetting *f)
{
	const int64_t	 size = scrub_database_size(f->conf->set.state_dir);
	char		 span[FORMAT_SPAN];

	if (!f->in_database || f->rewrite || has_rows(f) || size <= REWRITE_MAX)
		return;
	format_span(span, 1000 + size / REWRITE_A_S * 1000);
	(void)printf(lang_text("  unused parts of the database have it; to write the database "
	    "again, run this with --rewrite at a quiet time: nothing can be stored for about "
	    "%s\n"), span);
}

/* Returns the exit status. */
static int
print_search(struct forgetting *f)
{
	const bool	 good = search_files(f, false);

	search_log(f);
	if (!good)
		return CLI_WRONG;
	if (f->found == 0)
		(void)printf(lang_text("  searched: %lld files in %s, and the user is in none of "
		    "them\n"), (long long)f->files, f->conf->set.state_dir);
	print_rewrite(f);
	(void)printf("%s", lang_text("not searched: what QT has of the user, backups, rotated "
	    "logs, the access log of the web server\n"));
	return f->found == 0 ? CLI_DONE : CLI_WRONG;
}

/* Asks on the terminal.  True: the answer is yes. */
static bool
confirm(const struct forgetting *f)
{
	char	 line[16];

	(void)printf(lang_text("forget %s%s%s? The events stay without the user; this cannot be "
	    "undone. [y/N] "), f->name, f->account == NULL ? "" : lang_text(" in the account "),
	    f->account == NULL ? "" : conf_label(f->account));
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && (*line == 'y' || *line == 'Y');
}

static int
forget_user(struct forgetting *f, bool usable)
{
	bool	 good = session_open(&f->session, f->conf, usable);

	if (good) {
		gather(f);
		good = erase_user(f) && search_tables(f);
	}
	/* To close a file drops the locks of this process on it. */
	session_close(&f->session);
	if (!good)
		return CLI_WRONG;
	if (f->names.len == 0 && (buf_puts(&f->names, f->name) != ERR_OK ||
	    buf_putc(&f->names, '\0') != ERR_OK))
		return CLI_WRONG;
	good = scrub_files(f);
	print_done(f);
	good = print_tables(f) == CLI_DONE && good;
	return print_search(f) == CLI_DONE && good ? CLI_DONE : CLI_WRONG;
}

int
cmd_forget_run(struct conf *c, int problems, int argc, char **argv)
{
	struct forgetting	 f = { .conf = c };
	int			 rc;

	if (!read_forgetting(&f, argc, argv))
		return cli_usage("forget");
	if (!is_name(f.name))
		return cli_usage_why("forget", "%s is neither an OpenID nor a UnionID", f.name);
	if (!f.yes && !isatty(STDIN_FILENO))
		return cli_usage_why("forget", "--yes is needed without a terminal");
	if (f.which != NULL && (f.account = conf_find(c, f.which)) == NULL) {
		suggest_account(c, ".path or .name", f.which);
		return CLI_WRONG;
	}
	f.order = (struct forget_order){
		f.account == NULL ? NULL : f.account->appid, INT64_MAX, clock_wall_ms() / 1000,
	};
	if (!f.yes && !confirm(&f)) {
		(void)printf(lang_text("%s is not forgotten\n"), f.name);
		return CLI_WRONG;
	}
	rc = forget_user(&f, problems == 0);
	buf_free(&f.names);
	buf_free(&f.tables);
	return rc;
}
