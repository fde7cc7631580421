#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/scrub.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

#define WANTED	"oForgetMe_0123456789abcdefgh"

enum { CHUNK = 256 * 1024, PATIENCE_MS = 30000 };

struct seen {
	int64_t	 files, times;
	char	 last[STATE_PATH];
};

static void
note(void *ctx, const char *path, int64_t times)
{
	struct seen	*s = ctx;

	s->files++;
	s->times += times;
	(void)snprintf(s->last, sizeof(s->last), "%s", path);
}

static struct buf
two_names(void)
{
	struct buf	 b = { 0 };

	assert_int_equal(buf_put(&b, "uOther\0" WANTED, sizeof("uOther\0" WANTED)), ERR_OK);
	return b;
}

static struct seen
search(const char *dir, int64_t *files)
{
	struct buf	 names = two_names();
	struct seen	 s = { 0 };
	char		 why[SCRUB_WHY] = "";

	if (!CHECK(why, scrub_search(dir, &names, note, &s, files, why)))
		(void)fprintf(stderr, "%s\n", why);
	buf_free(&names);
	return s;
}

/* A name at each place, also across two chunks and at both ends. */
static void
places(void **state)
{
	static const size_t	 at[] = {
		0, 1, CHUNK - 1, CHUNK, CHUNK - 27, CHUNK - 28, CHUNK - 1023, CHUNK - 1024,
		CHUNK + 1, 2 * CHUNK - 5, 2 * CHUNK - 1023, 3 * CHUNK - 28,
	};
	static char		 text[3 * CHUNK];
	const char		*dir = state_new();
	int64_t			 files;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(at); i++) {
		memset(text, 'o', sizeof(text));
		memcpy(text + at[i], WANTED, sizeof(WANTED) - 1);
		state_write(dir, "f", text, sizeof(text));
		check_int("found once", search(dir, &files).times, 1);
		check_int("files", files, 1);
		state_write(dir, "f", text, at[i] + sizeof(WANTED) - 2);
		check_int("cut short", search(dir, &files).times, 0);
	}
}

static void
entries(void **state)
{
	static const char	 twice[] = "uOther" WANTED "uOthe";
	const char		*dir = state_new();
	char			 path[STATE_PATH];
	struct seen		 s;
	int64_t			 files;

	(void)state;
	check_int("an empty directory", search(dir, &files).files, 0);
	state_write(dir, "empty", "", 0);
	state_write(dir, "both", twice, sizeof(twice) - 1);
	state_path(path, dir, "link");
	assert_int_equal(symlink("both", path), 0);
	s = search(dir, &files);
	check_int("files with a name", s.files, 1);
	check_int("names", s.times, 2);
	check_int("files", files, 2);
	CHECK("its path", strstr(s.last, "/both") != NULL);
}

/* What was deleted is in no file any more, whatever the build of SQLite does by itself. */
static void
database(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], why[SCRUB_WHY] = "", sql[512];
	struct db	*db;
	int64_t		 files, pages = -1;
	int		 i, rewrite;

	(void)state;
	state_path(path, dir, "qtoa.db");
	for (rewrite = 0; rewrite < 2; rewrite++) {
		assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
		assert_int_equal(schema_prepare(db), SCHEMA_READY);
		assert_int_equal(db_script(db, "PRAGMA secure_delete = OFF; "
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN"), ERR_OK);
		for (i = 0; i < 3000; i++) {
			(void)snprintf(sql, sizeof(sql), "INSERT INTO device (application, device, "
			    "first, last) VALUES ('k', '%s%d', 1, 1)",
			    i % 10 == 0 ? WANTED : "oSomebodyElse_012345678", i);
			assert_int_equal(db_script(db, sql), ERR_OK);
		}
		assert_int_equal(db_script(db, "COMMIT; DELETE FROM device WHERE device LIKE "
		    "'oForgetMe%' OR id > 1500"), ERR_OK);
		CHECK("there", search(dir, &files).times != 0);
		db_close(db);
		CHECK(why, scrub_database(dir, rewrite == 1, clock_mono_ms() + PATIENCE_MS, why));
		assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
		check_err("sound", db_script(db, "PRAGMA quick_check"), ERR_OK);
		check_err("free", sqlite_db_number(db, &pages, "PRAGMA freelist_count", DB_NO_VALUES),
		    ERR_OK);
		check_int("no free page", pages, 0);
		db_close(db);
		if (rewrite == 1)
			check_int("nowhere", search(dir, &files).times, 0);
		assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
		assert_int_equal(db_script(db, "DELETE FROM device"), ERR_OK);
		db_close(db);
	}
	CHECK("its size", scrub_database_size(dir) > 0);
	CHECK("no database", scrub_database(state_new(), true, 0, why));
	check_int("no size", scrub_database_size(state_new()), 0);
}

/* While another connection reads, the WAL cannot be emptied: it says so. */
static void
busy(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], why[SCRUB_WHY] = "";
	struct db	*db;
	struct db_rows	 rows;
	enum error	 er;

	(void)state;
	state_path(path, dir, "qtoa.db");
	assert_int_equal(sqlite_db_open(&db, path, SQLITE_DB_WRITE), ERR_OK);
	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "PRAGMA journal_mode = WAL; INSERT INTO leaving VALUES (1)"),
	    ERR_OK);
	er = sqlite_db_start(db, &rows, "SELECT message FROM leaving", DB_NO_VALUES);
	CHECK("a reader", er == ERR_OK && db_next(&rows, &er));
	CHECK("it cannot", !scrub_database(dir, false, clock_mono_ms() + 10, why));
	CHECK("it names the file", strstr(why, "qtoa.db: ") != NULL);
	db_end(&rows);
	CHECK(why, scrub_database(dir, false, clock_mono_ms() + PATIENCE_MS, why));
	db_close(db);
}

static void
rescued(void **state)
{
	const char	*dir = state_new();
	struct buf	 names = two_names();
	char		 why[SCRUB_WHY] = "";
	int64_t		 n = -1;

	(void)state;
	state_write(dir, "qtoa.db.rescued-1", WANTED, sizeof(WANTED));
	state_write(dir, "qtoa.db.rescued-1-wal", "x", 1);
	state_write(dir, "qtoa.db.rescued-2", "x", 1);
	state_write(dir, "qtoa.db.rescued-2-wal", WANTED, sizeof(WANTED));
	state_write(dir, "qtoa.db.rescued-3", "x", 1);
	state_write(dir, "qtoa.db.damaged-4", WANTED, sizeof(WANTED));
	CHECK(why, scrub_rescued(dir, &names, &n, why));
	check_int("two", n, 2);
	check_int("gone", state_count(dir, "qtoa.db.rescued-1", NULL) +
	    state_count(dir, "qtoa.db.rescued-2", NULL), 0);
	check_int("another stays", state_count(dir, "qtoa.db.rescued-3", NULL), 1);
	check_int("one that is not taken over stays", state_count(dir, "qtoa.db.damaged-4", NULL),
	    1);
	buf_free(&names);
}

int
main(void)
{
	const struct CMUnitTest	 t[] = {
		TEST(places), TEST(entries), TEST(database), TEST(busy), TEST(rescued),
	};

	return RUN("scrub", t);
}
