#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "state/sqlite/page_row.h"
#include "state/sqlite/rebuild.h"
#include "state/sqlite/sqlite_db.h"

enum { PATH = 1100 };

/* The time at which a message is to be sent is in ms; a smaller number is something else. */
static const int64_t	 ms_least = INT64_C(100000000000);

/*
 * The tables, without what only speeds up or guards: a row that is there twice, in two versions,
 * is there once.  A message that is delivered in one of them is delivered.
 */
static const char	 tables[] =
	"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;"
	"CREATE TABLE message (id INTEGER PRIMARY KEY, key UNIQUE, account, code, received, state,"
	"	attempts, next, outcome, qt_ms, query, body);"
	"CREATE TABLE waiting (id INTEGER PRIMARY KEY);"
	"CREATE TABLE named (a, b, id, PRIMARY KEY (a, b)) WITHOUT ROWID;"
	"CREATE TABLE account (id INTEGER PRIMARY KEY, appid, application, path, name);"
	"CREATE TABLE device (id INTEGER PRIMARY KEY, application, device, first, last);"
	"CREATE TABLE event (id INTEGER PRIMARY KEY, account, device, code, time, gap, received,"
	"	message, part, attributes, UNIQUE (message, part));"
	"CREATE TABLE past (id INTEGER PRIMARY KEY, device, account, last, turned, turn, follows);"
	"CREATE TABLE unionid (appid, openid, unionid, PRIMARY KEY (appid, openid)) WITHOUT ROWID;"
	"BEGIN";

enum source {
	MESSAGE, PENDING, OLD_PENDING, DEAD, NAMED, ACCOUNT, DEVICE, EVENT, PAST, UNIONID, SOURCES
};

/*
 * How rows look in the file (schema.c), and where they go; ?1 is the id, the columns follow.
 * pending and dead are indexes, which know of messages that cannot be read; named are the entries
 * of those over (appid, application) of accounts and (application, device) of devices.
 */
static const struct page_shape	 shapes[SOURCES] = {
	[MESSAGE]	= { false, "-btTitiITIBB|i" },
	[PENDING]	= { true, "tiIi" },
	[OLD_PENDING]	= { true, "tIi" },	/* until version 7 of the schema */
	[DEAD]		= { true, "ti" },
	[NAMED]		= { true, "tti" },
	[ACCOUNT]	= { false, "-tttt" },
	[DEVICE]	= { false, "-ttii" },
	[EVENT]		= { false, "-iiTiIibit" },
	[PAST]		= { false, "-iiiIII" },
	[UNIONID]	= { true, "ttt" },
};

static const char	 lose[] = "INSERT OR IGNORE INTO waiting VALUES (?1)";
static const char *const inserts[SOURCES] = {
	[MESSAGE]	= "INSERT OR IGNORE INTO message VALUES (?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
			  "?10, ?11, ?12, ?13) ON CONFLICT (key) DO UPDATE SET "
			  "state = excluded.state, query = NULL, body = NULL "
			  "WHERE excluded.state = 'delivered'",
	[NAMED]		= "INSERT OR IGNORE INTO named VALUES (?2, ?3, ?4)",
	[ACCOUNT]	= "INSERT OR IGNORE INTO account VALUES (?1, ?3, ?4, ?5, ?6)",
	[DEVICE]	= "INSERT OR IGNORE INTO device VALUES (?1, ?3, ?4, ?5, ?6)",
	[EVENT]		= "INSERT OR IGNORE INTO event VALUES (?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
			  "?10, ?11)",
	[PAST]		= "INSERT OR IGNORE INTO past VALUES (?1, ?3, ?4, ?5, ?6, ?7, ?8)",
	[UNIONID]	= "INSERT OR IGNORE INTO unionid VALUES (?2, ?3, ?4)",
};

static struct db_value
value_of(const struct page_row *row, int i, char letter)
{
	const struct page_value	*v = &row->v[i];

	if (i >= row->n || v->is_null)
		return db_s(NULL);
	if (letter == 't' || letter == 'T')
		return db_text(v->s);
	return letter == 'b' || letter == 'B' ? db_b(v->s) : db_i(v->i);
}

/* Inserts a row; id: its own, or 0 for one that no other row has. */
static enum error
insert_row(struct db *db, int64_t *changed, const struct page_row *row, int64_t id)
{
	struct db_value	 v[1 + PAGE_ROW_COLUMNS] = { id == 0 ? db_s(NULL) : db_i(id) };
	const char	*letter = shapes[row->shape].columns;
	size_t		 n;

	for (n = 0; letter[n] != '\0' && letter[n] != '|'; n++)
		v[1 + n] = value_of(row, (int)n, letter[n]);
	return sqlite_db_run(db, changed, inserts[row->shape], v, n + 1);
}

/* Takes a message, or notes that one waits. */
static enum error
take_message(struct db *db, const struct page_row *row)
{
	enum { STATE = 5 };
	const struct slice	 state = row->v[STATE].s;
	const bool		 waits = slice_is(state, "pending") || slice_is(state, "dead");
	int64_t			 changed = 0;
	enum error		 er;

	if (waits && !row->whole)
		return sqlite_db_run(db, NULL, lose, DB_VALUES(db_i(row->id)));
	if (!waits && !slice_is(state, "delivered"))
		return ERR_OK;
	er = insert_row(db, &changed, row, row->id);
	/* Damage can give one id to two messages. */
	return er == ERR_OK && changed == 0 ? insert_row(db, &changed, row, 0) : er;
}

static enum error
note_waiting(struct db *db, const struct page_row *row)
{
	const struct page_value	*time = &row->v[row->n - 2];

	/* An entry of `pending` ends with time and id, one of `dead` with the id. */
	if (row->shape != DEAD && !time->is_null && time->i < ms_least)
		return ERR_OK;
	return sqlite_db_run(db, NULL, lose, DB_VALUES(db_i(row->v[row->n - 1].i)));
}

static enum error
take_row(void *ctx, const struct page_row *row)
{
	struct db	*db = ctx;

	if (row->shape == MESSAGE)
		return take_message(db, row);
	if (row->shape == PENDING || row->shape == OLD_PENDING || row->shape == DEAD)
		return row->whole ? note_waiting(db, row) : ERR_OK;
	return row->whole ? insert_row(db, NULL, row, row->id) : ERR_OK;
}

/* Makes the new database: in dir, because that is where there is room, and nobody else reads. */
static enum error
make_database(struct db **db, const char *dir)
{
	char		 path[PATH];
	enum error	 er;
	int		 fd;

	*db = NULL;
	(void)snprintf(path, sizeof(path), "%s/qtoa.rebuild", dir);
	(void)unlink(path);
	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) == -1)
		return ERR_STORE;
	(void)close(fd);
	if ((er = sqlite_db_open(db, path, SQLITE_DB_WRITE)) == ERR_OK)
		er = db_script(*db, tables);
	(void)unlink(path);
	return er;
}

/*
 * Accounts and devices that cannot be read, but that events name, are made of their entries in the
 * indexes: else their events would be lost.  The second part of an account's entry is the first of
 * its devices'.
 */
static const char	 name_again[] =
	"INSERT OR IGNORE INTO account SELECT id, a, b, '', '' FROM named WHERE id IN "
	"(SELECT account FROM event) AND b IN (SELECT a FROM named) AND a NOT IN "
	"(SELECT application FROM account);"
	"CREATE TEMP TABLE nameless AS SELECT device AS id, min(time) AS first, max(time) AS last "
	"FROM event WHERE device NOT IN (SELECT id FROM device) GROUP BY device;"
	"INSERT OR IGNORE INTO device SELECT nameless.id, a, b, first, last FROM nameless "
	"JOIN named ON named.id = nameless.id AND a IN (SELECT application FROM account);"
	"COMMIT";

enum error
rebuild_run(struct db **db, int64_t *lost, const char *file, const char *dir)
{
	struct page_file	*f = NULL;
	enum error		 er;

	*lost = 0;
	if ((er = make_database(db, dir)) == ERR_OK &&
	    (er = page_file_open(&f, file)) == ERR_OK &&
	    (er = page_row_walk(f, shapes, SOURCES, take_row, *db)) == ERR_OK &&
	    (er = db_script(*db, name_again)) == ERR_OK)
		er = sqlite_db_number(*db, lost, "SELECT count(*) FROM waiting WHERE id NOT IN "
		    "(SELECT id FROM message)", DB_NO_VALUES);
	page_file_close(f);
	return er;
}
