#include <stdio.h>

#include "schema.h"

enum { APPLICATION = 0x71746f61 };	/* "qtoa" */

/* migrations[n] leads from version n to n + 1.  What is here has been run: add, never edit. */
static const char *const migrations[] = {
	/*
	 * message: what WeChat pushed and QT has not confirmed.  key: see queue.h.  state:
	 * pending, dead, or, where it is kept, delivered.  Times are ms since the epoch.
	 * next: not to be sent before.  No id comes twice: the log names them.
	 */
	"CREATE TABLE message ("
	"	id		INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	key		BLOB NOT NULL UNIQUE,"
	"	account		TEXT NOT NULL,"
	"	code		TEXT,"
	"	received	INTEGER NOT NULL,"
	"	state		TEXT NOT NULL,"
	"	attempts	INTEGER NOT NULL,"
	"	next		INTEGER,"
	"	outcome		TEXT,"
	"	qt_ms		INTEGER,"
	"	query		BLOB,"
	"	body		BLOB"
	");"
	"CREATE INDEX message_pending ON message (account, next) WHERE state = 'pending';"
	"CREATE INDEX message_dead ON message (account) WHERE state = 'dead';"
	/* endpoint: a breaker.  opened: 0 while it is closed.  probe: not before. */
	"CREATE TABLE endpoint ("
	"	url		TEXT PRIMARY KEY,"
	"	fails		INTEGER NOT NULL,"
	"	opened		INTEGER NOT NULL,"
	"	probes		INTEGER NOT NULL,"
	"	probe		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;"
	/* stopped: QT refused the account's keys; config is a digest of them. */
	"CREATE TABLE stopped ("
	"	account		TEXT PRIMARY KEY,"
	"	config		TEXT NOT NULL,"
	"	since		INTEGER NOT NULL,"
	"	outcome		TEXT"
	") WITHOUT ROWID;",
};

enum { VERSION = sizeof(migrations) / sizeof(migrations[0]) };

static enum qt_err
marks(struct db *db, int64_t *application, int64_t *version, int64_t *tables)
{
	enum qt_err	 er;

	if ((er = db_number(db, application, "PRAGMA application_id", DB_NO_VALUES)) == QT_OK &&
	    (er = db_number(db, version, "PRAGMA user_version", DB_NO_VALUES)) == QT_OK)
		er = db_number(db, tables, "SELECT count(*) FROM sqlite_schema", DB_NO_VALUES);
	return er;
}

static enum qt_err
migrate(struct db *db, int64_t version)
{
	char		 sql[96];
	enum qt_err	 er = QT_OK;

	for (; er == QT_OK && version < VERSION; version++)
		er = db_script(db, migrations[version]);
	(void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION, (int)VERSION);
	return er == QT_OK ? db_script(db, sql) : er;
}

/* In a transaction, so that of two processes the second finds it done. */
static enum schema_state
prepare(struct db *db)
{
	int64_t	 application = 0, version = 0, tables = 0;

	if (marks(db, &application, &version, &tables) != QT_OK)
		return SCHEMA_FAULT;
	if (application != APPLICATION && (application != 0 || version != 0 || tables != 0))
		return SCHEMA_FOREIGN;
	if (version > VERSION)
		return SCHEMA_NEWER;
	if (version < VERSION && migrate(db, version) != QT_OK)
		return SCHEMA_FAULT;
	return SCHEMA_READY;
}

enum schema_state
schema_prepare(struct db *db)
{
	int64_t			 application = 0, version = 0, tables = 0;
	enum schema_state	 is;

	if (marks(db, &application, &version, &tables) != QT_OK)
		return SCHEMA_FAULT;
	if (application == APPLICATION && version == VERSION)
		return SCHEMA_READY;
	/* Only an empty file takes these: small pages, since each message dirties a few. */
	if (tables == 0 && version == 0)
		(void)db_script(db, "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL");
	if (db_script(db, "BEGIN IMMEDIATE") != QT_OK)
		return SCHEMA_FAULT;
	is = prepare(db);
	if (is == SCHEMA_READY && db_script(db, "COMMIT") == QT_OK)
		return SCHEMA_READY;
	(void)db_script(db, "ROLLBACK");
	return is == SCHEMA_READY ? SCHEMA_FAULT : is;
}

/* Where reading failed, it may go on behind the damaged pages. */
static void
leap(struct schema_rescue *r)
{
	enum { FAR = 40 };	/* as a power of two: beyond all ids */

	r->at += r->skip;
	r->skip = r->skip * 2 + 1;
	r->over = r->skip >> FAR != 0;
}

static enum qt_err
copy(struct db *db, struct schema_rescue *r, const struct db_rows *row)
{
	int64_t		 new = 0;
	enum qt_err	 er;

	er = db_run(db, &new, "INSERT OR IGNORE INTO message (key, account, code, received, "
	    "state, attempts, next, outcome, query, body) VALUES (?, CAST(? AS TEXT), "
	    "CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?, CAST(? AS TEXT), ?, ?)",
	    DB_VALUES(db_b(db_col(row, 1)), db_b(db_col(row, 2)), db_b(db_col(row, 3)),
	    db_i(db_col_int(row, 4)), db_b(db_col(row, 5)), db_i(db_col_int(row, 6)),
	    db_i(db_col_int(row, 7)), db_b(db_col(row, 8)), db_b(db_col(row, 9)),
	    db_b(db_col(row, 10))));
	r->copied += new;
	return er;
}

enum qt_err
schema_rescue(struct db *db, struct schema_rescue *r, int max)
{
	struct db_rows	 rows;
	enum qt_err	 er = QT_OK, read;
	int		 n = 0;

	read = db_start(r->from, &rows, "SELECT id, key, account, code, received, state, "
	    "attempts, next, outcome, query, body FROM message NOT INDEXED WHERE id >= ? "
	    "AND state IN ('pending', 'dead') ORDER BY id", DB_VALUES(db_i(r->at)));
	while (er == QT_OK && n++ < max && read == QT_OK && db_next(&rows, &read)) {
		r->at = db_col_int(&rows, 0) + 1;
		er = copy(db, r, &rows);
	}
	db_end(&rows);
	if (read != QT_OK)
		leap(r);
	else if (n <= max)
		r->over = true;
	else
		r->skip = 0;
	return er;
}
