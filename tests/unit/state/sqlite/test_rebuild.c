#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/sqlite/page_file.h"
#include "state/queue.h"
#include "state/sqlite/rebuild.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/dbfile.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	ROWS = 600,		/* of three, one is delivered */
	WAITING = ROWS - ROWS / 3,
	BODY = 6000,
	GARBAGE = 20000,
	PAGE = 1024
};

/* Bodies of different lengths; some need several pages. */
static size_t
write_body(char body[BODY], int i)
{
	const size_t	 n = 250 + (size_t)(i * 37 % 500) + (i % 10 == 0 ? 4000 : 0);
	size_t		 k;

	for (k = 0; k < n; k++)
		body[k] = (char)('a' + ((size_t)i + k * 7) % 26);
	return n;
}

static void
write_key(unsigned char key[QUEUE_KEY], int i)
{
	char	 hex[40];

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)i * 2654435761u);
	queue_key(key, 1790000000 + i, hex);
}

/* Adds messages that wait, and dead ones; a transaction has `each` of them. */
static void
add_waiting(struct db *db, int each)
{
	struct queue_message	 m;
	char			 body[BODY];
	int			 i;

	assert_int_equal(schema_prepare(db), SCHEMA_READY);
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = 1; i <= ROWS; i++) {
		m = (struct queue_message){ .account = slice_of("shop"), .received_ms = i,
		    .state = i % 50 == 1 ? QUEUE_DEAD : QUEUE_PENDING,
		    .next_ms = INT64_C(1790000000000) + i, .outcome = slice_of("timeout"),
		    .query = slice_of("nonce=1") };
		write_key(m.key, i);
		m.body = (struct slice){ body, write_body(body, i) };
		assert_int_equal(queue_add(db, &m), ERR_OK);
		if (i % each == 0)
			assert_int_equal(db_script(db, "COMMIT; BEGIN"), ERR_OK);
	}
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
}

static void
add_rows(struct db *db)
{
	struct queue_message	 m;
	int			 i;

	add_waiting(db, ROWS);
	assert_int_equal(db_script(db, "BEGIN"), ERR_OK);
	for (i = 3; i <= ROWS; i += 3) {	/* half of the delivered ones are kept */
		m = (struct queue_message){ .id = i, .state = QUEUE_DELIVERED };
		write_key(m.key, i);
		assert_int_equal(queue_settle(db, &m, i % 2 == 0), ERR_OK);
	}
	assert_int_equal(db_script(db, "COMMIT"), ERR_OK);
}

/* Which pages are spoilt: by their number, or by what they are. */
struct damage {
	const char	*name;
	double		 from;		/* part of the file */
	size_t		 bytes;		/* of garbage; 0: see kind */
	int		 kind;		/* first byte of a page: 13, 10, 5, 2; 0: none of them */
	int		 each;		/* each so many-th page */
	size_t		 at, put;	/* bytes of the header are set to that */
	double		 cut;		/* part of the file that stays */
	int		 least;		/* so many messages are read */
};

static void
spoil_bytes(unsigned char *p, size_t n, unsigned seed)
{
	for (; n > 0; n--, p++) {
		seed = seed * 1103515245u + 12345u;
		*p = (unsigned char)(seed >> 16);
	}
}

static off_t
file_size(const char *path)
{
	struct stat	 st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
spoil(const char *path, const struct damage *d)
{
	struct buf	 b = { 0 };
	size_t		 from, i, n;
	FILE		*f;

	assert_int_equal(buf_read_file(&b, path, 1 << 24), 0);
	from = (size_t)((double)b.len * d->from);
	n = d->bytes > b.len - from ? b.len - from : d->bytes;
	spoil_bytes((unsigned char *)b.p + from, n, (unsigned)from);
	for (i = 1; d->each != 0 && i < b.len / PAGE; i++)
		if ((d->kind == 0 || b.p[i * PAGE] == d->kind) && i % (size_t)d->each == 0)
			spoil_bytes((unsigned char *)b.p + i * PAGE, PAGE, (unsigned)i);
	if (d->at != 0)
		b.p[d->at] = (char)d->put;
	if (d->cut > 0)
		b.len = (size_t)((double)b.len * d->cut);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
	(void)fclose(f);
	buf_free(&b);
}

/* Counts the messages that wait, and checks that each is as it was. */
static int
count_waiting(const char *name, struct db *db, int *delivered)
{
	struct db_rows	 rows;
	unsigned char	 key[QUEUE_KEY];
	char		 body[BODY];
	struct slice	 sound, got;
	enum error	 er;
	int		 n = 0, garbled = 0, i;

	*delivered = 0;
	er = sqlite_db_start(db, &rows, "SELECT received, key, body FROM message WHERE state IN "
	    "('pending', 'dead')", DB_NO_VALUES);
	for (; er == ERR_OK && db_next(&rows, &er); n++) {
		i = (int)db_col_int(&rows, 0);
		write_key(key, i);
		*delivered += i % 3 == 0;
		CHECK(name, i >= 1 && i <= ROWS);
		check_bytes(name, db_col(&rows, 1), (struct slice){ (char *)key, QUEUE_KEY });
		sound = (struct slice){ body, write_body(body, i) };
		got = db_col(&rows, 2);
		garbled += got.len != sound.len || memcmp(got.p, body, got.len) != 0;
	}
	db_end(&rows);
	check_err(name, er, ERR_OK);
	CHECK(name, garbled <= 2);	/* where garbage begins and ends, within a body */
	return n;
}

static void
read_again(const char *name, const char *dir, const char *path, int all, int least)
{
	struct db	*db;
	int64_t		 lost;
	int		 n, delivered;

	check_err(name, rebuild_run(&db, &lost, path, dir), ERR_OK);
	n = count_waiting(name, db, &delivered);
	if (!CHECK(name, n >= least && n <= all) || getenv("VERBOSE") != NULL)
		(void)fprintf(stderr, "%s: %d of %d, %d lost\n", name, n, all, (int)lost);
	CHECK(name, n + lost <= all);
	CHECK(name, delivered == 0 || all == ROWS);
	db_close(db);
	check_int("no file stays", state_count(dir, "qtoa.rebuild", NULL), 0);
}

static void
damages(void **state)
{
	static const struct damage	 cases[] = {
		{ .name = "none", .least = WAITING },
		{ .name = "the header", .bytes = 100, .least = WAITING },
		{ .name = "the first pages", .bytes = GARBAGE, .least = WAITING - 25 },
		{ .name = "in the middle", .from = .5, .bytes = GARBAGE, .least = WAITING - 25 },
		{ .name = "near the end", .from = .9, .bytes = GARBAGE, .least = WAITING - 25 },
		{ .name = "60 kB", .from = .3, .bytes = 3 * GARBAGE, .least = WAITING - 75 },
		{ .name = "inner pages", .kind = 5, .each = 1, .least = WAITING },
		{ .name = "all indexes", .kind = 10, .each = 1, .least = WAITING },
		{ .name = "inner pages of indexes", .kind = 2, .each = 1, .least = WAITING },
		{ .name = "some leaves", .kind = 13, .each = 10, .least = WAITING * 3 / 4 },
		{ .name = "some pages", .each = 50, .least = WAITING * 3 / 4 },
		{ .name = "another size of pages", .at = 16, .put = 16, .least = WAITING },
		{ .name = "no size of pages", .at = 17, .put = 77, .least = WAITING },
		{ .name = "another version", .at = 18, .put = 9, .least = WAITING },
		{ .name = "reserved bytes", .at = 20, .put = 77, .least = WAITING },
		{ .name = "few pages", .at = 30, .put = 0, .least = WAITING },
		{ .name = "free pages", .at = 32, .put = 127, .least = WAITING },
		{ .name = "another encoding", .at = 59, .put = 3, .least = WAITING },
		{ .name = "cut short", .cut = .5, .least = WAITING / 3 },
		{ .name = "cut within a page", .cut = .9013, .least = WAITING * 2 / 3 },
		{ .name = "nothing is left", .cut = .00001, .least = 0 },
	};
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct db	*db;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		db = dbfile_open(dir, cases[i].name);
		add_rows(db);
		db_close(db);
		spoil(path, &cases[i]);
		read_again(cases[i].name, dir, path, WAITING, cases[i].least);
	}
}

/* Pages of other sizes, which the header may not say any more. */
static void
sizes(void **state)
{
	static const struct damage	 header = { .bytes = 100 };
	static const int		 cases[] = { 512, 1024, 2048, 4096, 8192, 32768, 65536 };
	const char	*dir = state_new();
	char		 path[STATE_PATH], name[32], sql[64];
	struct db	*db;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "pages of %d", cases[i]);
		(void)snprintf(sql, sizeof(sql), "PRAGMA page_size = %d", cases[i]);
		state_path(path, dir, name);
		db = dbfile_open(dir, name);
		assert_int_equal(db_script(db, sql), ERR_OK);
		/* It has a table, so that the size stays. */
		assert_int_equal(db_script(db, i % 2 == 0 ? "PRAGMA auto_vacuum = FULL" :
		    "PRAGMA auto_vacuum = NONE"), ERR_OK);
		assert_int_equal(db_script(db, "CREATE TABLE other (a); PRAGMA application_id = "
		    "1903456097"), ERR_OK);
		add_rows(db);
		db_close(db);
		read_again(name, dir, path, WAITING, WAITING);
		spoil(path, &header);
		read_again(name, dir, path, WAITING, WAITING - 1);
	}
}

/* Many commits in a WAL that is damaged; the file has nothing of them. */
static void
wals(void **state)
{
	static const struct damage	 cases[] = {
		{ .name = "none", .least = ROWS },
		{ .name = "in the middle", .from = .5, .bytes = GARBAGE, .least = ROWS - 40 },
		{ .name = "its first bytes", .bytes = 32, .least = ROWS - 2 },
		{ .name = "its first frames", .bytes = GARBAGE, .least = ROWS - 40 },
		{ .name = "cut", .cut = .5, .least = ROWS / 3 },
	};
	const char		*dir = state_new();
	char			 path[STATE_PATH], wal[STATE_PATH + 8];
	struct page_file	*f;
	struct db		*db;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		(void)snprintf(wal, sizeof(wal), "%s-wal", path);
		db = dbfile_open(dir, cases[i].name);
		assert_int_equal(schema_prepare(db), SCHEMA_READY);
		assert_int_equal(db_script(db, "PRAGMA journal_mode = WAL; "
		    "PRAGMA wal_autocheckpoint = 0"), ERR_OK);
		add_waiting(db, 10);
		db_close(db);
		spoil(wal, &cases[i]);
		read_again(cases[i].name, dir, path, ROWS, cases[i].least);
		assert_int_equal(page_file_open(&f, path), ERR_OK);
		check_int(cases[i].name, page_file_has_gap(f), cases[i].bytes != 0);
		page_file_close(f);
	}
}

/* Events whose account and device cannot be read: the indexes know both. */
static void
names(void **state)
{
	static const struct page {
		const char	*name, *table;
	} cases[] = { { "none", NULL }, { "accounts", "account" }, { "devices", "device" } };
	const char	*dir = state_new();
	char		 path[STATE_PATH], sql[128];
	struct damage	 d = { .name = "" };
	struct db	*db;
	int64_t		 n, page;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		state_path(path, dir, cases[i].name);
		db = dbfile_open(dir, cases[i].name);
		assert_int_equal(schema_prepare(db), SCHEMA_READY);
		assert_int_equal(db_script(db,
		    "INSERT INTO account VALUES (1, 'wx1', 'app', 'shop', 'Shop');"
		    "INSERT INTO device VALUES (1, 'app', 'o1', 5, 9), (2, 'app', 'o2', 6, 6);"
		    "INSERT INTO event (account, device, code, time, received, message, part, "
		    "attributes) VALUES (1, 1, 'c', 5, 5, x'01', 0, '{}'), "
		    "(1, 1, 'c', 9, 5, x'02', 0, '{}'), (1, 2, 'c', 6, 5, x'03', 0, '{}')"),
		    ERR_OK);
		(void)snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE "
		    "name = '%s'", cases[i].table == NULL ? "" : cases[i].table);
		page = cases[i].table == NULL ? 0 : dbfile_number(db, sql);
		db_close(db);
		d.from = page == 0 ? 0 : (double)((page - 1) * PAGE) / (double)file_size(path);
		d.bytes = page == 0 ? 0 : PAGE;
		spoil(path, &d);
		check_err(cases[i].name, rebuild_run(&db, &n, path, dir), ERR_OK);
		check_int(cases[i].name, dbfile_number(db, "SELECT count(*) FROM event "
		    "JOIN account ON account.id = event.account AND appid = 'wx1' AND "
		    "account.application = 'app' JOIN device ON device.id = event.device AND "
		    "device.application = 'app'"), 3);
		check_int(cases[i].name, dbfile_number(db, "SELECT first * 10 + last FROM device "
		    "WHERE device = 'o1'"), 59);
		db_close(db);
	}
}

/* What the indexes know of, but no page has. */
static void
lost(void **state)
{
	static const struct damage	 d = { .kind = 13, .each = 1 };
	const char	*dir = state_new();
	char		 path[STATE_PATH];
	struct db	*db;
	int64_t		 n;
	int		 delivered;

	(void)state;
	state_path(path, dir, "db");
	db = dbfile_open(dir, "db");
	add_rows(db);
	db_close(db);
	spoil(path, &d);
	check_err("read", rebuild_run(&db, &n, path, dir), ERR_OK);
	check_int("no message", count_waiting("no message", db, &delivered), 0);
	check_int("each is known of", n, WAITING);
	db_close(db);
	check_err("no file", rebuild_run(&db, &n, "/nonexistent/db", dir), ERR_STORE);
	db_close(db);
	check_err("no directory", rebuild_run(&db, &n, path, "/nonexistent"), ERR_STORE);
	db_close(db);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(damages), TEST(sizes), TEST(wals), TEST(names), TEST(lost),
	};

	return RUN("rebuild", tests);
}
