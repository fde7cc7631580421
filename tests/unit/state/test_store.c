#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "collector/event_store.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/lock.h"
#include "state/recover.h"
#include "state/sqlite/sqlite_db.h"
#include "state/store.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	PATIENCE_MS = 60000,	/* longer than anything here takes */
	SHORT_MS = 100,		/* a wait that is to end without success */
	THREADS = 16,
	JOBS = 200,		/* of each thread */
	BODY = 600,
	PAGE = 4096
};

/* A store and what it needs. */
struct place {
	struct settings	 set;
	struct locks	*locks;
	struct store	*store;
};

static struct place *
store_place_new(const char *dir, enum store_life life)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->set.state_dir = dir;
	assert_non_null(p->locks = lock_new(dir));
	assert_non_null(p->store = store_new(&p->set, p->locks, life));
	return p;
}

static void
store_place_free(struct place *p)
{
	store_free(p->store);
	lock_free(p->locks);
	free(p);
}

static enum error
do_work(struct place *p, enum store_need need, store_work *work, void *arg)
{
	return store_do(p->store, need, work, arg, clock_mono_ms() + PATIENCE_MS);
}

/* Adds a row whose key is made of the process id and the number. */
static enum error
put_message(struct db *db, int64_t n)
{
	static char	 body[BODY];

	return sqlite_db_run(db, NULL, "INSERT INTO message (key, account, received, state, attempts, "
	    "next, body) VALUES (CAST(? || '-' || ? AS BLOB), 'shop', ?, 'pending', 0, 1, ?)",
	    DB_VALUES(db_i(getpid()), db_i(n), db_i(n),
	    db_b((struct slice){ body, sizeof(body) })));
}

static enum error
put_numbered(struct db *db, void *arg)
{
	return put_message(db, *(int *)arg);
}

static enum error
put_many(struct db *db, void *arg)
{
	enum error	 er = ERR_OK;
	int		 i;

	for (i = 0; i < *(int *)arg && er == ERR_OK; i++)
		er = put_message(db, 1000000 + i);
	return er;
}

static enum error
count_messages(struct db *db, void *arg)
{
	return sqlite_db_number(db, arg, "SELECT count(*) FROM message", DB_NO_VALUES);
}

static enum error
read_all(struct db *db, void *arg)
{
	*(int64_t *)arg = 0;
	return sqlite_db_number(db, arg, "SELECT count(*) FROM message NOT INDEXED WHERE "
	    "length(body) > 0", DB_NO_VALUES);
}

static int64_t
rows(struct place *p)
{
	int64_t	 n = -1;

	check_err("rows can be counted", do_work(p, STORE_READ, count_messages, &n), ERR_OK);
	return n;
}

static enum error
put_one(struct place *p, enum store_need need, int n)
{
	return do_work(p, need, put_numbered, &n);
}

static void
print_log(const char *path)
{
	struct buf	 b = { 0 };

	if (buf_read_file(&b, path, 1 << 20) == 0)
		print_error("%.*s", (int)b.len, b.p);
	buf_free(&b);
}

/* Opens the database without the store. */
static struct db *
open_db(const char *dir, const char *name)
{
	char		 path[STATE_PATH];
	struct db	*db;

	state_path(path, dir, name);
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	return db;
}

/*
 * Work of many threads.
 */

/* The jobs of a thread: each fails-th of them fails after it has written. */
struct crew {
	struct place	*place;
	pthread_t	 thread, self;
	int		 number, fails;
	int		 n;		/* the current job */
	int		 led;		/* jobs that it did as the leader */
	int		 good, bad;
};

static enum error
crew_work(struct db *db, void *arg)
{
	struct crew	*c = arg;
	enum error	 er = put_message(db, c->number * JOBS + c->n);

	c->led += pthread_equal(pthread_self(), c->self) != 0;
	if (er == ERR_OK && c->fails != 0 && c->n % c->fails == 0)
		er = ERR_NOMEM;
	return er;
}

static void *
crew_run(void *arg)
{
	struct crew	*c = arg;
	enum error	 er;

	c->self = pthread_self();
	for (c->n = 0; c->n < JOBS; c->n++) {
		er = do_work(c->place, c->n % 2 == 0 ? STORE_SYNC : STORE_WRITE, crew_work, c);
		if (c->fails != 0 && c->n % c->fails == 0)
			c->bad += er == ERR_NOMEM;
		else
			c->good += er == ERR_OK;
	}
	return NULL;
}

struct tending {
	struct place	*place;
	_Atomic bool	 over;
};

static void *
run_housekeeping(void *arg)
{
	const struct timespec	 pause = { 0, 5000000 };
	struct tending		*t = arg;

	while (!atomic_load(&t->over)) {
		store_housekeep(t->place->store);
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Runs so many threads and sums up what they did. */
static struct crew
run_crews(struct place *p, int threads, int fails)
{
	static struct crew	 c[THREADS];
	struct tending		 t = { .place = p };
	struct crew		 all = { .place = p };
	pthread_t		 housekeeper;
	int			 i;

	assert_int_equal(pthread_create(&housekeeper, NULL, run_housekeeping, &t), 0);
	for (i = 0; i < threads; i++) {
		c[i] = (struct crew){ .place = p, .number = i, .fails = fails };
		assert_int_equal(pthread_create(&c[i].thread, NULL, crew_run, &c[i]), 0);
	}
	for (i = 0; i < threads; i++) {
		assert_int_equal(pthread_join(c[i].thread, NULL), 0);
		all.led += c[i].led;
		all.good += c[i].good;
		all.bad += c[i].bad;
	}
	atomic_store(&t.over, true);
	assert_int_equal(pthread_join(housekeeper, NULL), 0);
	return all;
}

static void
gathering(void **state)
{
	struct place	*p = store_place_new(state_new(), STORE_SERVER);
	struct crew	 all;

	(void)state;
	all = run_crews(p, THREADS, 0);
	check_int("all jobs are done", all.good, THREADS * JOBS);
	check_int("each once", rows(p), THREADS * JOBS);
	CHECK("in fewer transactions", all.led > 0 && all.led < THREADS * JOBS * 3 / 4);
	print_message("%d jobs in %d transactions\n", THREADS * JOBS, all.led);
	store_place_free(p);
}

static void
one_that_fails(void **state)
{
	const char	*dir = state_new(), *path = state_log(dir);
	struct place	*p = store_place_new(dir, STORE_SERVER);
	struct db	*other;
	struct crew	 all;
	int		 n = -1;

	(void)state;
	/* First a row, and a failure that has another reason. */
	check_err("a row", put_one(p, STORE_WRITE, -2), ERR_OK);
	other = open_db(dir, "qtoa.db");
	check_err("others write", db_script(other, "BEGIN IMMEDIATE"), ERR_OK);
	check_err("so we cannot", store_do(p->store, STORE_WRITE, put_numbered, &n, 0), ERR_STORE);
	db_close(other);
	all = run_crews(p, THREADS, 10);
	check_int("those that can are done", all.good, THREADS * JOBS * 9 / 10);
	check_int("the others know", all.bad, THREADS * JOBS / 10);
	check_int("nothing is left of those", rows(p), THREADS * JOBS * 9 / 10 + 1);
	check_int("nor is it the store's fault", state_log_lines(path, "level=error"), 1);
	log_close();
	store_place_free(p);
}

/*
 * What the caller needs.
 */

static enum error
how_synced(struct db *db, void *arg)
{
	return sqlite_db_number(db, arg, "PRAGMA synchronous", DB_NO_VALUES);
}

static enum error
journal_is(struct db *db, void *arg)
{
	return sqlite_db_number(db, arg, "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
	    DB_NO_VALUES);
}

static void
needs(void **state)
{
	enum { NORMAL = 1, FULL = 2 };
	static const struct {
		const char	*name;
		enum store_need	 need;
		int64_t		 want;		/* -1: not changed */
	} cases[] = {
		{ "write", STORE_WRITE, NORMAL }, { "sync", STORE_SYNC, FULL },
		{ "read", STORE_READ, -1 }, { "sync again", STORE_SYNC, FULL },
		{ "write again", STORE_WRITE, NORMAL },
	};
	struct place	*p = store_place_new(state_new(), STORE_SERVER);
	int64_t		 n;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		n = -1;
		check_err(cases[i].name, do_work(p, cases[i].need, how_synced, &n), ERR_OK);
		if (cases[i].want != -1)
			check_int(cases[i].name, n, cases[i].want);
	}
	check_err("journal", do_work(p, STORE_READ, journal_is, &n), ERR_OK);
	check_int("WAL", n, 1);
	store_place_free(p);
	store_free(NULL);
}

/* Another process writes meanwhile. */
static void
writes_wait(void **state)
{
	const char	*dir = state_new(), *path = state_log(dir);
	struct place	*p = store_place_new(dir, STORE_SERVER);
	struct db	*other;
	int64_t		 begun_ms;
	char		 why[200];
	int		 n = 1;

	(void)state;
	check_int("the file is made", rows(p), 0);
	other = open_db(dir, "qtoa.db");
	check_err("others write", db_script(other, "BEGIN IMMEDIATE"), ERR_OK);
	check_int("we read meanwhile", rows(p), 0);
	begun_ms = clock_mono_ms();
	check_err("but do not write", store_do(p->store, STORE_WRITE, put_many, &n,
	    begun_ms + SHORT_MS), ERR_STORE);
	CHECK("patiently", clock_mono_ms() - begun_ms >= SHORT_MS);
	CHECK("but not for long", clock_mono_ms() - begun_ms < PATIENCE_MS / 2);
	store_why(p->store, why, sizeof(why));
	CHECK("it says why", strstr(why, "locked") != NULL);
	check_err("they are done", db_script(other, "COMMIT"), ERR_OK);
	check_err("and we write", put_one(p, STORE_SYNC, 1), ERR_OK);
	store_why(p->store, why, sizeof(why));
	check_text("nothing to say", why, "");
	check_int("told once", state_log_lines(path, "level=error"), 1);
	check_int("and that it is over", state_log_lines(path, "works again"), 1);
	db_close(other);
	log_close();
	store_place_free(p);
}

/*
 * The file.
 */

static unsigned
mode_of(const char *dir, const char *name)
{
	char		 path[STATE_PATH];
	struct stat	 st;

	state_path(path, dir, name);
	return stat(path, &st) == -1 ? 0 : st.st_mode & 07777;
}

static void
permissions(void **state)
{
	const char	*parent = state_new();
	char		 dir[STATE_PATH], file[STATE_PATH];
	struct place	*p;

	(void)state;
	state_path(dir, parent, "new");
	state_path(file, dir, "qtoa.db");
	p = store_place_new(dir, STORE_SERVER);
	check_int("nothing is made before", mode_of(parent, "new"), 0);
	check_err("a row", put_one(p, STORE_WRITE, 1), ERR_OK);
	check_int("the directory is ours alone", mode_of(parent, "new"), 0700);
	check_int("so is the file", mode_of(dir, "qtoa.db"), 0600);
	check_int("and its log", mode_of(dir, "qtoa.db-wal"), 0600);
	check_int("and what belongs to that", mode_of(dir, "qtoa.db-shm"), 0600);
	store_place_free(p);
	assert_int_equal(chmod(file, 0644), 0);
	p = store_place_new(dir, STORE_SERVER);
	check_int("what is there stays", rows(p), 1);
	check_int("and is made ours alone", mode_of(dir, "qtoa.db"), 0600);
	store_place_free(p);
}

static void
write_read_only(struct other *me, void *arg)
{
	const struct timespec	 pause = { 0, 10000000 };
	const char		*dir = arg, *path;
	struct place		*p;
	int64_t			 begun_ms, end_ms;
	enum error		 er = ERR_STORE;
	int			 i;

	(void)me;
	state_drop_root();
	path = state_log(dir);
	OTHER_CHECK(chmod(dir, 0500) == 0);
	p = store_place_new(dir, STORE_SERVER);
	begun_ms = clock_mono_ms();
	for (i = 0; i < 100; i++)
		OTHER_CHECK(put_one(p, STORE_SYNC, i) == ERR_STORE);
	OTHER_CHECK(clock_mono_ms() - begun_ms < 1000);
	OTHER_CHECK(chmod(dir, 0700) == 0);
	for (end_ms = clock_mono_ms() + 5000; er != ERR_OK && clock_mono_ms() < end_ms;) {
		er = put_one(p, STORE_SYNC, 1);
		if (er != ERR_OK)
			(void)nanosleep(&pause, NULL);
	}
	OTHER_CHECK(er == ERR_OK);
	OTHER_CHECK(state_log_lines(path, "answered 503") == 1);
	OTHER_CHECK(state_log_lines(path, "works again") == 1);

	/* The same if only the file cannot be written. */
	store_place_free(p);
	OTHER_CHECK(log_open("/dev/null") == 0);
}

static void
read_only(void **state)
{
	struct other	 o;

	(void)state;
	other_begin(&o, write_read_only, (void *)(uintptr_t)state_new());
	check_int("it comes back by itself", other_end(&o), 0);
}

/* Something happens to the file while the store has it open. */
enum deed { DELETED, DELETED_ALONE, MOVED, MOVED_ALONE, REPLACED };

static void
do_deed(const char *dir, enum deed deed)
{
	static const char *const	 ends[] = { "", "-wal", "-shm" };
	char				 path[STATE_PATH], to[STATE_PATH + 8];
	size_t				 i;

	for (i = 0; i < (deed == DELETED_ALONE || deed == MOVED_ALONE ? 1 : COUNT(ends)); i++) {
		state_path(path, dir, "qtoa.db");
		(void)strcat(path, ends[i]);
		(void)snprintf(to, sizeof(to), "%s/away%s", dir, ends[i]);
		if (deed == DELETED || deed == DELETED_ALONE)
			(void)unlink(path);
		else
			(void)rename(path, to);
	}
	if (deed == REPLACED)
		state_write(dir, "qtoa.db", "", 0);
}

struct doing {
	const char	*dir;
	enum deed	 deed;
	int		 times;
};

/* It happens within a transaction. */
static enum error
put_meanwhile(struct db *db, void *arg)
{
	struct doing	*d = arg;
	enum error	 er = put_message(db, 3);

	if (d->times++ == 0)
		do_deed(d->dir, d->deed);
	return er;
}

static void
behind_our_back(void **state)
{
	static const struct {
		const char	*name;
		enum deed	 deed;
	} cases[] = {
		{ "deleted", DELETED }, { "deleted but for its log", DELETED_ALONE },
		{ "moved", MOVED }, { "moved but for its log", MOVED_ALONE },
		{ "replaced", REPLACED },
	};
	const char	*dir;
	struct place	*p, *q;
	struct doing	 d;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		p = store_place_new(dir, i % 2 == 0 ? STORE_SERVER : STORE_BRIEF);
		check_err(cases[i].name, put_one(p, STORE_SYNC, 1), ERR_OK);
		do_deed(dir, cases[i].deed);
		check_err(cases[i].name, put_one(p, STORE_SYNC, 2), ERR_OK);
		q = store_place_new(dir, STORE_BRIEF);
		check_int("it is in the new one", rows(q), 1);
		check_err("by another way, too", put_one(q, STORE_SYNC, 4), ERR_OK);
		check_int("which is the same", rows(p), 2);
		d = (struct doing){ dir, cases[i].deed, 0 };
		check_err(cases[i].name, do_work(p, STORE_SYNC, put_meanwhile, &d), ERR_OK);
		check_int("it is done again", d.times, 2);
		store_place_free(q);
		q = store_place_new(dir, STORE_BRIEF);
		check_int("for the new one", rows(q), 1);
		store_place_free(q);
		store_place_free(p);
	}
}

/* Makes a database with that SQL; NULL: a file of garbage. */
static void
make_unusable(const char *dir, const char *sql)
{
	struct db	*db;

	if (sql == NULL) {
		state_write(dir, "qtoa.db", "This is no database, however long it may be: "
		    "..................................................................", 110);
		return;
	}
	db = open_db(dir, "qtoa.db");
	check_err(sql, db_script(db, sql), ERR_OK);
	db_close(db);
}

static void
quarantine(void **state)
{
	static const struct {
		const char	*name, *kind, *sql;
		bool		 recovered;
	} cases[] = {
		{ "garbage", "qtoa.db.damaged-", NULL, true },
		{ "another program's", "qtoa.db.foreign-", "CREATE TABLE t (a)", false },
		{ "a later one", "qtoa.db.newer-", "PRAGMA application_id = 1903456097; "
		    "PRAGMA user_version = 99; CREATE TABLE message (id INTEGER PRIMARY KEY, key, "
		    "account, code, received, state, attempts, next, outcome, query, body, more);"
		    "INSERT INTO message VALUES (7, x'01', 'shop', 'c', 5, 'pending', 1, 1, 'o', "
		    "x'71', x'62', 'more')", true },
	};
	const char	*dir, *path;
	struct place	*p;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		path = state_log(dir);
		make_unusable(dir, cases[i].sql);
		p = store_place_new(dir, STORE_SERVER);
		check_err(cases[i].name, put_one(p, STORE_SYNC, 1), ERR_OK);
		check_int(cases[i].name, rows(p), 1);
		check_int(cases[i].name, state_count(dir, cases[i].kind, NULL), 1);
		check_int("it is said", state_log_lines(path, "set aside"), 1);
		check_int("nothing else is", state_log_lines(path, "level=error"), 1);
		(void)recover_run(p->store, p->store, dir, event_store_sources);
		(void)recover_run(p->store, p->store, dir, event_store_sources);
		check_int("what is taken over is called so", state_count(dir, cases[i].kind, NULL),
		    !cases[i].recovered);
		check_int("what is taken over is called so", state_count(dir, "qtoa.db.rescued-",
		    NULL), cases[i].recovered);
		check_int("and that is said", state_log_lines(path, "taken over\""), 0);
		check_int(cases[i].name, rows(p), i == 2 ? 2 : 1);
		log_close();
		store_place_free(p);
	}
}

/* Some pages of the file are damaged. */
static void
partly_damaged(void **state)
{
	enum { ROWS = 3000, FIRST = 150, PAGES = 40 };
	static const char	 junk[PAGE] = { 1, 2, 3 };
	const char		*dir = state_new(), *path = state_log(dir);
	struct place		*p = store_place_new(dir, STORE_BRIEF);
	struct db		*db;
	char			 file[STATE_PATH];
	int64_t			 n;
	int			 i, fd, many = ROWS, left;

	(void)state;
	check_err("rows", do_work(p, STORE_SYNC, put_many, &many), ERR_OK);
	db = open_db(dir, "qtoa.db");
	check_err("all in the file", sqlite_db_checkpoint(db, true, &left), ERR_OK);
	db_close(db);
	store_place_free(p);
	state_path(file, dir, "qtoa.db-wal");	/* pages that are copied are still in the WAL */
	assert_int_equal(unlink(file), 0);
	state_path(file, dir, "qtoa.db");
	assert_int_not_equal(fd = open(file, O_WRONLY), -1);
	for (i = 0; i < PAGES; i++)
		assert_int_equal(pwrite(fd, junk, PAGE, (FIRST + i) * PAGE), PAGE);
	(void)close(fd);

	p = store_place_new(dir, STORE_SERVER);
	check_err("read in the new one", do_work(p, STORE_READ, read_all, &n), ERR_OK);
	check_int("which has none", n, 0);
	check_int("set aside", state_log_lines(path, "set aside"), 1);
	check_err("a new one", put_one(p, STORE_SYNC, 1), ERR_OK);
	(void)recover_run(p->store, p->store, dir, event_store_sources);
	n = rows(p);
	CHECK("most are taken over", n > ROWS * 3 / 4 && n < ROWS);
	check_int("and it is called so", state_count(dir, "qtoa.db.rescued-", NULL), 1);
	(void)recover_run(p->store, p->store, dir, event_store_sources);
	check_int("none twice", rows(p), n);
	log_close();
	store_place_free(p);
}

/* The WAL stays small, in a server and in brief processes. */
static void
log_stays_small(void **state)
{
	static const struct {
		const char	*name;
		enum store_life	 life;
	} cases[] = { { "tended", STORE_SERVER }, { "brief", STORE_BRIEF } };
	const char	*dir;
	struct place	*p;
	struct stat	 st;
	char		 wal[STATE_PATH];
	size_t		 i;
	int		 j;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		state_path(wal, dir, "qtoa.db-wal");
		p = store_place_new(dir, cases[i].life);
		for (j = 0; j < 4000; j++) {
			if (put_one(p, STORE_WRITE, j) != ERR_OK)
				break;
			if (cases[i].life == STORE_SERVER && j % 50 == 0)
				store_housekeep(p->store);
		}
		check_int(cases[i].name, j, 4000);
		check_int(cases[i].name, stat(wal, &st), 0);
		CHECK(cases[i].name, st.st_size < 2000 * PAGE);
		store_place_free(p);
	}
}

/*
 * Several processes.
 */

static void
write_there(struct other *me, void *dir)
{
	struct place	*p = store_place_new(dir, STORE_SERVER);
	struct crew	 all;

	other_say(me);
	(void)other_hear(me);
	all = run_crews(p, 4, 0);
	OTHER_CHECK(all.good == 4 * JOBS);
	store_place_free(p);
}

static void
processes(void **state)
{
	const char	*dir = state_new(), *path = state_log(dir);
	struct other	 o[2];
	struct place	*p;
	int		 i;

	(void)state;
	for (i = 0; i < 2; i++)
		other_begin(&o[i], write_there, (void *)(uintptr_t)dir);
	for (i = 0; i < 2; i++)
		(void)other_hear(&o[i]);
	for (i = 0; i < 2; i++)
		other_say(&o[i]);
	for (i = 0; i < 2; i++)
		check_int("no job fails", other_end(&o[i]), 0);
	p = store_place_new(dir, STORE_BRIEF);
	check_int("nothing is lost", rows(p), 2 * 4 * JOBS);
	if (!check_int("nothing to complain about", state_log_lines(path, "what=store"), 0))
		print_log(path);
	log_close();
	store_place_free(p);
}

static void
write_until_killed(struct other *me, void *dir)
{
	struct place	*p = store_place_new(dir, STORE_SERVER);
	int		 i;

	for (i = 0; i < 100; i++)
		OTHER_CHECK(put_one(p, STORE_WRITE, i) == ERR_OK);
	other_say(me);
	for (;; i++)
		(void)put_one(p, STORE_SYNC, i);
}

/* A process that is killed while it writes loses no commit, and leaves no lock. */
static void
death_of_store(void **state)
{
	const char	*dir = state_new();
	struct place	*p;
	struct other	 o;
	int		 i;

	(void)state;
	for (i = 0; i < 5; i++) {
		other_begin(&o, write_until_killed, (void *)(uintptr_t)dir);
		(void)other_hear(&o);
		other_kill(&o);
		p = store_place_new(dir, STORE_SERVER);
		check_err("we write", put_one(p, STORE_SYNC, i), ERR_OK);
		CHECK("what was committed is there", rows(p) >= 101 * (i + 1));
		store_place_free(p);
	}
}

static enum error
delete_first(struct db *db, void *arg)
{
	(void)arg;
	return db_script(db, "DELETE FROM message WHERE id = (SELECT min(id) FROM message)");
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit	 limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/*
 * Where no file may grow any more, neither the database nor its WAL, rows can be deleted, and then
 * added again.
 */
static void
full(void **state)
{
	const char	*dir = state_new(), *log = state_log(dir);
	struct place	*p = store_place_new(dir, STORE_SERVER);
	struct rlimit	 was;
	char		 why[200];
	int		 n = 0, i;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit_files(400000);
	while (do_work(p, STORE_ADD, put_numbered, &n) == ERR_OK && n < 10000)
		n++;
	CHECK("some fit", n > 100 && n < 10000);
	CHECK("it is full", store_is_full(p->store));
	store_why(p->store, why, sizeof(why));
	CHECK("it says why", strstr(why, "full") != NULL || strstr(why, "large") != NULL);
	for (i = 0; i < n; i++)
		check_err("deleted", do_work(p, STORE_WRITE, delete_first, NULL), ERR_OK);
	CHECK("that ends no trouble", store_is_full(p->store));
	check_int("one line", state_log_lines(log, "503"), 1);
	check_err("added", do_work(p, STORE_ADD, put_numbered, &n), ERR_OK);
	CHECK("it is not full", !store_is_full(p->store));
	check_int("it works again", state_log_lines(log, "works again"), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	store_place_free(p);
}

/* What makes room may use the reserve. */
static void
reserve(void **state)
{
	const char	*dir = state_new();
	struct place	*p = store_place_new(dir, STORE_BRIEF);
	int		 n = 1;

	(void)state;
	check_err("added", do_work(p, STORE_ADD, put_numbered, &n), ERR_OK);
	CHECK("there is a reserve", state_count(dir, "qtoa.reserve", NULL) == 1);
	CHECK("it is not given while there is room", !store_give_room(p->store));
	CHECK("there is room", store_has_room(p->store));
	check_err("deleted", store_do_anyway(p->store, STORE_SYNC, delete_first, NULL,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	CHECK("it is still there", state_count(dir, "qtoa.reserve", NULL) == 1);
	store_place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(processes), TEST(death_of_store), TEST(read_only), TEST(gathering),
		TEST(one_that_fails), TEST(needs), TEST(writes_wait), TEST(permissions),
		TEST(behind_our_back),
		TEST(quarantine), TEST(partly_damaged), TEST(log_stays_small),
		TEST(full), TEST(reserve),
	};

	return RUN("store", tests);
}
