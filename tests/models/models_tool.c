/*
 * models_tool: gives the Python tests of this directory access to the store and the questions.
 *
 *	models_tool load DIR	stores messages with event_store_add().  Standard input has a line
 *				for each message, followed by a line for each of its events.
 *				Fields are separated by tabs:
 *		M appid application path name device time received key(hex)
 *		E code(- for none) attributes
 *				device begins with "?": an openid whose unionid is not known.
 *				Between messages, a line stores the unionid of an openid:
 *		U appid openid unionid
 *	models_tool forget DIR DAYS STEPS
 *				deletes old events and messages, as server/maintenance.c does:
 *				event_store_forget() and queue_sweep() in turn, for STEPS steps at
 *				most.  Prints the number of steps, and the microseconds of the
 *				longest transaction
 *	models_tool ask DIR	answers questions.  Standard input has a line for each: NAME, then
 *				name=value, separated by tabs.  Prints the number of bytes of the
 *				answer and the answer, a JSON array; or a line "!" and a line that
 *				says what is wrong.  A line "again": from here on, of a shared
 *				store, what it has now
 *	models_tool week DIR DAY
 *				prints the summary of the week that begins on that Monday, a JSON
 *				object.  Standard input has a line for each account: PATH NAME
 *	models_tool columns	prints name, columns and options of all questions
 *
 * The store is the file in DIR, or what the environment's MODELS_STORE names.  There each message
 * has a transaction of its own, so that several tools can load at once.  Questions on one connection
 * have MODELS_MS, or an hour.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "monitor/alert_week.h"
#include "report/i18n.h"
#include "report/questions.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "state/store.h"

/* How messages get into the store: all in one transaction of db, or each in one of its own. */
struct target {
	struct db	*db;
	struct store	*store;		/* db is NULL */
};

enum { FIELDS = 9, EVENTS = 64, PATIENCE_MS = 3600000, SWEEP_ROWS = 200 };

struct message {
	char				*line, *lines[EVENTS];
	struct account			 account;
	struct event_store_event	 events[EVENTS];
	struct event_store_message	 m;
};

/* Splits a line into max fields; a missing field is "". */
static void
split_fields(char **field, int max, char *line)
{
	static char	 empty[] = "";
	int		 i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < max; i++) {
		field[i] = line == NULL ? empty : line;
		if (line != NULL && (line = strchr(line, '\t')) != NULL)
			*line++ = '\0';
	}
}

static void
parse_key(unsigned char key[QUEUE_KEY], const char *hex)
{
	unsigned	 c;
	size_t		 i;

	for (i = 0; i < QUEUE_KEY && sscanf(hex + 2 * i, "%2x", &c) == 1; i++)
		key[i] = (unsigned char)c;
}

static enum error
add_message(struct db *db, void *arg)
{
	const struct message	*g = arg;
	enum event_store_result	 as;

	return event_store_add(db, &as, &g->m);
}

/* Does it in a transaction, or in the one that is open. */
static bool
do_work(const struct target *to, store_work *work, void *arg)
{
	return (to->db != NULL ? work(to->db, arg) : store_do(to->store, STORE_SYNC, work, arg,
	    clock_mono_ms() + PATIENCE_MS)) == ERR_OK;
}

static bool
store_message(const struct target *to, struct message *g)
{
	g->m.account = &g->account;
	g->m.events = g->events;
	return g->line == NULL || do_work(to, add_message, g);
}

static void
free_message(struct message *g)
{
	size_t	 i;

	for (i = 0; i < g->m.n; i++)
		free(g->lines[i]);
	free(g->line);
	memset(g, 0, sizeof(*g));
}

static void
parse_message(struct message *g, char *line)
{
	char	*f[FIELDS];

	free_message(g);
	g->line = line;
	split_fields(f, FIELDS, line);
	g->account = (struct account){ .appid = f[1], .app_key = f[2], .path = f[3], .name = f[4] };
	g->m.openid_only = *f[5] == '?';
	g->m.device = slice_of(f[5] + g->m.openid_only);
	g->m.time_s = strtoll(f[6], NULL, 10);
	g->m.received_ms = strtoll(f[7], NULL, 10);
	parse_key(g->m.key, f[8]);
}

static bool
add_event(struct message *g, char *line)
{
	char	*f[3];

	if (g->m.n == EVENTS)
		return false;
	g->lines[g->m.n] = line;
	split_fields(f, 3, line);
	g->events[g->m.n++] = (struct event_store_event){
		.code = strcmp(f[1], "-") == 0 ? NULL : f[1], .attributes = slice_of(f[2]),
	};
	return true;
}

static int64_t
now_us(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static enum error
add_unionid(struct db *db, void *arg)
{
	char	**f = arg;

	return unionid_store(db, f[1], slice_of(f[2]), slice_of(f[3]));
}

/* Stores the message before, and then a unionid. */
static bool
store_unionid(const struct target *to, struct message *g, char *line)
{
	char	*f[4];
	bool	 ok;

	if (!store_message(to, g))
		return false;
	free_message(g);
	split_fields(f, 4, line);
	ok = do_work(to, add_unionid, f);
	free(line);
	return ok;
}

static bool
load_messages(const struct target *to)
{
	struct message	 g = { .line = NULL };
	char		*line = NULL;
	size_t		 cap = 0;
	bool		 ok = true;

	for (; ok && getline(&line, &cap, stdin) > 0; line = NULL, cap = 0)
		if (*line == 'E')
			ok = add_event(&g, line);
		else if (*line == 'U')
			ok = store_unionid(to, &g, line);
		else if ((ok = store_message(to, &g)))
			parse_message(&g, line);
	free(line);
	ok = ok && store_message(to, &g);
	free_message(&g);
	return ok;
}

static bool
load_file(struct db *db)
{
	const struct target	 to = { .db = db };

	return schema_prepare(db) == SCHEMA_READY &&
	    db_script(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; "
	    "PRAGMA cache_size = -65536; BEGIN IMMEDIATE") == ERR_OK &&
	    load_messages(&to) && db_script(db, "COMMIT") == ERR_OK;
}

struct sweep_state {
	struct queue_sweep	 queue;
	int			 days;
	bool			 more_events;
	int64_t			 longest_us;
};

static enum error
sweep_events(struct db *db, void *arg)
{
	struct sweep_state	*s = arg;

	return event_store_forget(db, &s->more_events, clock_wall_ms() / 1000, s->days, SWEEP_ROWS);
}

static enum error
sweep_queue(struct db *db, void *arg)
{
	struct sweep_state	*s = arg;

	return queue_sweep(db, &s->queue, SWEEP_ROWS);
}

static bool
run_step(const struct target *to, struct sweep_state *s, store_work *step)
{
	const int64_t	 begin_us = now_us();
	const bool	 ok = to->db == NULL ? do_work(to, step, s) :
			    db_script(to->db, "BEGIN IMMEDIATE") == ERR_OK &&
			    step(to->db, s) == ERR_OK && db_script(to->db, "COMMIT") == ERR_OK;

	if (s->longest_us < now_us() - begin_us)
		s->longest_us = now_us() - begin_us;
	return ok;
}

static bool
sweep_store(const struct target *to, int days, int steps)
{
	struct sweep_state	 s = { .days = days };
	bool			 more = true, ok = true;
	int			 n;

	for (n = 0; ok && more && n < steps; n++) {
		ok = run_step(to, &s, sweep_events) && run_step(to, &s, sweep_queue);
		more = s.more_events || s.queue.more;
	}
	printf("%d %lld\n", n, (long long)s.longest_us);
	return ok;
}

static bool
sweep_file(struct db *db, int days, int steps)
{
	const struct target	 to = { .db = db };

	return db_script(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
	    "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -1024") == ERR_OK &&
	    sweep_store(&to, days, steps);
}

static struct settings
settings_of(const char *dir)
{
	return (struct settings){
		.state_dir = dir, .collector = 1, .store = getenv("MODELS_STORE"),
		.store_ms = PATIENCE_MS,
	};
}

static const char *
set_arguments_of(struct report_args *a, const struct report_question *q, char *rest)
{
	enum questions_error	 error = QUESTIONS_OK;
	char			*word, *value;

	questions_defaults(a, q, clock_wall_ms() / 1000);
	while ((word = rest) != NULL && error == QUESTIONS_OK) {
		if ((rest = strchr(word, '\t')) != NULL)
			*rest++ = '\0';
		if ((value = strchr(word, '=')) == NULL)
			return "no value";
		*value++ = '\0';
		error = questions_set(a, q, word, slice_of(value));
	}
	if (error == QUESTIONS_OK)
		error = questions_check_period(a);
	return error == QUESTIONS_OK ? NULL : i18n_error(ENGLISH, error);
}

static const char *
answer_line(struct buf *out, struct table *t, struct db *db, char *line)
{
	static const struct conf	 conf;
	const struct report_question	*q;
	struct report_args		 a;
	const char			*wrong;
	char				*rest;

	line[strcspn(line, "\n")] = '\0';
	if ((rest = strchr(line, '\t')) != NULL)
		*rest++ = '\0';
	if ((q = questions_find(slice_of(line))) == NULL)
		return "no such question";
	if ((wrong = set_arguments_of(&a, q, rest)) != NULL)
		return wrong;
	if (questions_ask(t, db, &conf, q, &a) != ERR_OK)
		return db_why(db);
	return table_json(out, t) == ERR_OK ? NULL : "no memory";
}

/* The environment's MODELS_MS, for questions that must not take longer. */
static int
patience_ms(void)
{
	const char	*ms = getenv("MODELS_MS");

	return ms == NULL ? PATIENCE_MS : atoi(ms);
}

static bool
answer_all(const char *dir)
{
	const struct settings	 set = settings_of(dir);
	struct table		 t = { .cols = 0 };
	struct buf		 out = { .p = NULL };
	char			*line = NULL, why[160];
	const char		*wrong;
	size_t			 cap = 0;
	struct db		*db = NULL;

	while (getline(&line, &cap, stdin) > 0) {
		if (strcmp(line, "again\n") == 0) {
			db_close(db);
			db = NULL;
			continue;
		}
		if (db == NULL)
			db = questions_open(&set, NULL, clock_mono_ms() + patience_ms(), why,
			    sizeof(why));
		out.len = 0;
		if (db == NULL)
			printf("!\n%s\n", why);
		else if ((wrong = answer_line(&out, &t, db, line)) != NULL)
			printf("!\n%s\n", wrong);
		else
			printf("%zu\n%.*s", out.len, (int)out.len, out.p);
		(void)fflush(stdout);
	}
	free(line);
	buf_free(&out);
	table_free(&t);
	db_close(db);
	return true;
}

/* Reads the accounts from standard input. */
static bool
read_accounts(struct conf *c)
{
	static struct account	 accounts[EVENTS];
	char			*line = NULL, *f[2];
	size_t			 cap = 0;

	c->accounts = accounts;
	while (c->n < EVENTS && getline(&line, &cap, stdin) > 0) {
		split_fields(f, 2, line);
		accounts[c->n].path = f[0];
		accounts[c->n++].name = f[1];
		line = NULL;		/* the account's names are in it */
		cap = 0;
	}
	free(line);
	return c->n != 0;
}

static bool
print_week(const char *dir, const char *monday)
{
	struct conf		 c = { .set = settings_of(dir) };
	struct locks		*locks = lock_new(dir);
	struct store		*store = store_new(&c.set, locks, STORE_BRIEF);
	struct alert_week	 w = { .accounts = NULL };
	struct buf		 out = { .p = NULL };
	int64_t			 day;
	bool			 ok = store != NULL && read_accounts(&c) &&
				    calendar_parse_day(&day, slice_of(monday)) &&
				    alert_week_read(&w, &c, store, day,
				    clock_mono_ms() + PATIENCE_MS) == ERR_OK &&
				    alert_week_json(&out, &w) == ERR_OK;

	if (ok)
		printf("{%.*s}\n", (int)out.len, out.p);
	buf_free(&out);
	alert_week_free(&w);
	store_free(store);
	lock_free(locks);
	return ok;
}

static void
print_columns(void)
{
	const struct report_question	*q;
	size_t				 i;

	for (q = questions_table; q->name != NULL; q++) {
		printf("%s\t", q->name);
		for (i = 0; q->columns[i].name != NULL; i++)
			printf("%s%s", i == 0 ? "" : " ", q->columns[i].name);
		printf("\t");
		for (i = 0; q->options[i].name != NULL; i++)
			printf("%s%s", i == 0 ? "" : " ", q->options[i].name);
		printf("\n");
	}
}

/* Runs a command that writes in the file: load (argc 0) or forget. */
static bool
change_file(const char *dir, int argc, char **argv)
{
	struct db	*db = NULL;
	char		 file[512];
	bool		 ok;

	(void)snprintf(file, sizeof(file), "%s/qtoa.db", dir);
	if ((ok = sqlite_db_open(&db, file, SQLITE_DB_WRITE) == ERR_OK)) {
		db_patience(db, clock_mono_ms() + PATIENCE_MS);
		ok = argc == 0 ? load_file(db) : sweep_file(db, atoi(argv[0]), atoi(argv[1]));
	}
	if (!ok && db != NULL)
		(void)fprintf(stderr, "%s\n", db_why(db));
	db_close(db);
	return ok;
}

/* A store_work that does nothing, but makes the tables. */
static enum error
make_tables(struct db *db, void *arg)
{
	(void)db, (void)arg;
	return ERR_OK;
}

static bool
change_store(const char *dir, int argc, char **argv)
{
	const struct settings	 set = settings_of(dir);
	struct locks		*locks = lock_new(dir);
	const struct target	 to = { .store = store_new(&set, locks, STORE_BRIEF) };
	char			 why[300] = "no memory";
	bool			 ok = false;

	if (to.store != NULL) {
		ok = do_work(&to, make_tables, NULL) && (argc == 0 ? load_messages(&to) :
		    sweep_store(&to, atoi(argv[0]), atoi(argv[1])));
		store_why(to.store, why, sizeof(why));
	}
	if (!ok)
		(void)fprintf(stderr, "%s\n", why);
	store_free(to.store);
	lock_free(locks);
	return ok;
}

static bool
change(const char *dir, int argc, char **argv)
{
	return getenv("MODELS_STORE") == NULL ? change_file(dir, argc, argv) :
	    change_store(dir, argc, argv);
}

int
main(int argc, char **argv)
{
	bool	 ok = false;

	if (argc == 2 && strcmp(argv[1], "columns") == 0) {
		print_columns();
		ok = true;
	} else if (argc == 3 && strcmp(argv[1], "load") == 0)
		ok = change(argv[2], 0, NULL);
	else if (argc == 4 && strcmp(argv[1], "week") == 0)
		ok = print_week(argv[2], argv[3]);
	else if (argc == 5 && strcmp(argv[1], "forget") == 0)
		ok = change(argv[2], 2, argv + 3);
	else
		ok = argc == 3 && strcmp(argv[1], "ask") == 0 && answer_all(argv[2]);
	return ok ? 0 : 1;
}
