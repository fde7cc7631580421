#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/event_store.h"
#include "state/queue.h"
#include "state/recover.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	ROWS = 2000,
	STEP = 100,
	PAGE = 4096
};

static void
fill_messages(struct db *db, int first, int n)
{
	char	 body[600];
	int	 i;

	memset(body, 'b', sizeof(body));
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = first; i < first + n; i++)
		assert_int_equal(sqlite_db_run(db, NULL, "INSERT INTO message VALUES (?1, "
		    "CAST(printf('%024d', ?1) AS BLOB), 'shop', 'c', ?1, "
		    "CASE ?1 % 4 WHEN 0 THEN 'delivered' WHEN 1 THEN 'dead' ELSE 'pending' END, "
		    "3, ?1, 'out', 5, x'71', ?2, 0)",
		    DB_VALUES(db_i(i), db_b((struct slice){ body, sizeof(body) }))), ERR_OK);
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
}

static void
spoil(const char *dir, const char *name, off_t page, int pages)
{
	static const char	 junk[PAGE] = { 1, 2, 3 };
	char			 path[STATE_PATH];
	int			 fd, i;

	state_path(path, dir, name);
	fd = open(path, O_WRONLY);
	for (i = 0; i < pages; i++)
		if (pwrite(fd, junk, PAGE, (page + i) * PAGE) != PAGE)
			fail_msg("cannot spoil %s", path);
	(void)close(fd);
}

static int64_t
count_changed(struct db *db)
{
	return dbfile_number(db, "SELECT count(*) FROM message WHERE typeof(key) != 'blob' "
	    "OR typeof(account) != 'text' OR length(body) != 600 OR outcome != 'out' "
	    "OR attempts != 3 OR query != x'71' "
	    "OR key != CAST(printf('%024d', received) AS BLOB) OR next != received");
}

static void
messages(void **state)
{
	/* Three of four rows are to be taken over. */
	enum { ALL = ROWS * 3 / 4 };
	static const struct {
		const char	*name;
		int		 rows, there;	/* in the old database; and in the new one */
		off_t		 page;
		int		 pages;
		int		 least, most;	/* how many are copied */
	} cases[] = {
		{ "none is there", 0, 0, 0, 0, 0, 0 },
		{ "whole", ROWS, 0, 0, 0, ALL, ALL },
		{ "half of it is known", ROWS, ROWS / 2, 0, 0, ALL / 2, ALL / 2 },
		{ "all of it is known", ROWS, ROWS, 0, 0, 0, 0 },
		{ "damaged in the middle", ROWS, 0, 100, 30, ALL * 3 / 4, ALL - 1 },
		{ "damaged at the end", ROWS, 0, 300, 20, ALL / 2, ALL - 1 },
		{ "exactly a step", STEP * 4 / 3, 0, 0, 0, STEP, STEP },
	};
	struct recover	 r;
	struct db	*to;
	const char	*dir;
	enum error	 er;
	size_t		 i;
	int		 steps;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		dir = state_new();
		r = (struct recover){ .from = dbfile_open(dir, "old"), .source = &queue_recovered };
		fill_messages(r.from, 1, cases[i].rows);
		db_close(r.from);
		if (cases[i].pages != 0)
			spoil(dir, "old", cases[i].page, cases[i].pages);
		to = dbfile_open(dir, "new");
		fill_messages(to, 1, cases[i].there);
		r.from = dbfile_open(dir, "old");
		for (er = ERR_OK, steps = 0; er == ERR_OK && !r.over && steps < ROWS; steps++)
			er = recover_step(to, &r, STEP);
		check_err(cases[i].name, er, ERR_OK);
		CHECK(cases[i].name, r.over);
		CHECK(cases[i].name, r.copied >= cases[i].least && r.copied <= cases[i].most);
		check_int(cases[i].name, dbfile_number(to, "SELECT count(*) FROM message") -
		    cases[i].there, r.copied);
		check_int("as they were", count_changed(to), 0);
		db_close(r.from);
		db_close(to);
	}
}

/* Nothing is taken over from a database of another program, or from a file of garbage. */
static void
nothing(void **state)
{
	static const char *const	 sql[] = {
		"CREATE TABLE t (a)", "CREATE TABLE message (a)", NULL,
	};
	const char		*dir = state_new();
	struct db		*to = dbfile_open(dir, "new");
	struct recover		 r;
	char			 name[8];
	size_t			 i;
	int			 steps;

	(void)state;
	assert_int_equal(schema_prepare(to), SCHEMA_READY);
	for (i = 0; i < COUNT(sql); i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (sql[i] == NULL)
			state_write(dir, name, "no database, but longer than a hundred bytes: "
			    "....................................................................",
			    110);
		r = (struct recover){ .from = dbfile_open(dir, name), .source = &queue_recovered };
		if (sql[i] != NULL)
			assert_int_equal(db_script(r.from, sql[i]), ERR_OK);
		for (steps = 0; !r.over && steps < 100; steps++)
			check_err(name, recover_step(to, &r, STEP), ERR_OK);
		CHECK(name, r.over);
		check_int(name, r.copied, 0);
		db_close(r.from);
	}
	db_close(to);
}

/* Damage in the middle of a body leaves bytes that no message has. */
static void
garbled(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 body;
		const char	*want;
	} cases[] = {
		{ "whole", BYTES("<xml>\r\n\t\xE8\x8F\x9C</xml>"), "pending" },
		{ "a few control characters", BYTES("<xml>\x1B\x08</xml>"), "pending" },
		{ "not UTF-8", BYTES("<xml>\xE8\x8F</xml>"), "pending" },
		{ "zeros", BYTES("<xml>\0\0\0"), "dead" },
		{ "noise", BYTES("<xml>\x01\x02\x03\x04\x05\x06\x07\x08\x0E\x0F"), "dead" },
	};
	const char	*dir = state_new();
	struct recover	 r = { .from = dbfile_open(dir, "old"), .source = &queue_recovered };
	struct db	*to = dbfile_open(dir, "new");
	struct db_rows	 rows;
	enum error	 er;
	size_t		 i;

	(void)state;
	assert_int_equal(schema_prepare(r.from), SCHEMA_READY);
	assert_int_equal(schema_prepare(to), SCHEMA_READY);
	for (i = 0; i < COUNT(cases); i++)
		check_err(cases[i].name, sqlite_db_run(r.from, NULL, "INSERT INTO message (key, account, "
		    "received, state, attempts, next, body) VALUES (CAST(?1 AS BLOB), 'shop', ?1, "
		    "'pending', 0, 1, ?2)", DB_VALUES(db_i((int64_t)i), db_b(cases[i].body))),
		    ERR_OK);
	check_err("a step", recover_step(to, &r, STEP), ERR_OK);
	check_int("all", r.copied, COUNT(cases));
	er = sqlite_db_start(to, &rows, "SELECT state FROM message ORDER BY received", DB_NO_VALUES);
	for (i = 0; er == ERR_OK && db_next(&rows, &er); i++)
		check_bytes(cases[i].name, db_col(&rows, 0), slice_of(cases[i].want));
	db_end(&rows);
	check_int("all", (int64_t)i, COUNT(cases));
	check_int("why", dbfile_number(to, "SELECT count(*) FROM message WHERE outcome = "
	    "'damaged on the disk'"), 2);
	db_close(r.from);
	db_close(to);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(messages), TEST(nothing), TEST(garbled) };

	return RUN("salvage", tests);
}
