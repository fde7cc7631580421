#include "archive.h"

static struct db_value
text(struct slice s)
{
	return (struct db_value){ .type = s.p == NULL ? DB_NULL : DB_TEXT, .s = s };
}

/* An official account in an application of QT's. */
struct source {
	struct slice	 appid, application, path, name;
};

/* A row of event, all but what the database makes of it. */
struct row {
	int64_t		 account, device;
	struct slice	 code, message, attributes;
	int64_t		 time_s, received_ms, part;
};

/* The row of the account.  Its names are those of the configuration in use. */
static enum qt_err
need_account(struct db *db, int64_t *id, const struct source *s)
{
	const struct db_value	 v[] = {
		text(s->appid), text(s->application), text(s->path), text(s->name),
	};
	const size_t		 n = sizeof(v) / sizeof(v[0]);
	enum qt_err		 er;

	*id = 0;
	er = db_number(db, id, "SELECT id FROM account WHERE appid = ? AND application = ? "
	    "AND path = ? AND name = ?", v, n);
	if (er != QT_OK || *id != 0)
		return er;
	return db_number(db, id, "INSERT INTO account (appid, application, path, name) "
	    "VALUES (?, ?, ?, ?) ON CONFLICT (appid, application) DO UPDATE SET "
	    "path = excluded.path, name = excluded.name RETURNING id", v, n);
}

static enum qt_err
need_device(struct db *db, int64_t *id, struct slice application, struct slice device,
    int64_t time_s)
{
	return db_number(db, id, "INSERT INTO device (application, device, first, last) "
	    "VALUES (?1, ?2, ?3, ?3) ON CONFLICT (application, device) DO UPDATE SET "
	    "first = min(first, excluded.first), last = max(last, excluded.last) RETURNING id",
	    DB_VALUES(text(application), text(device), db_i(time_s)));
}

/* *id: 0 if it is there already. */
static enum qt_err
add_row(struct db *db, int64_t *id, const struct row *r)
{
	*id = 0;
	return db_number(db, id, "INSERT OR IGNORE INTO event (account, device, code, time, gap, "
	    "received, message, part, attributes) VALUES (?1, ?2, ?3, ?4, ?4 - (SELECT time "
	    "FROM event WHERE device = ?2 AND time <= ?4 ORDER BY time DESC, id DESC LIMIT 1), "
	    "?5, ?6, ?7, ?8) RETURNING id",
	    DB_VALUES(db_i(r->account), db_i(r->device), text(r->code), db_i(r->time_s),
	    db_i(r->received_ms), db_b(r->message), db_i(r->part), text(r->attributes)));
}

/* What came late stands before what is there already. */
static enum qt_err
close_gap(struct db *db, const struct row *r)
{
	return db_run(db, NULL, "UPDATE event SET gap = time - ?2 WHERE id = (SELECT id FROM event "
	    "WHERE device = ?1 AND time > ?2 ORDER BY time, id LIMIT 1)",
	    DB_VALUES(db_i(r->device), db_i(r->time_s)));
}

enum qt_err
archive_add(struct db *db, bool *new, const struct archive_message *m)
{
	const struct account	*a = m->account;
	const struct source	 s = {
		slice_of(a->appid), slice_of(a->app_key == NULL ? "" : a->app_key),
		slice_of(a->path), slice_of(a->name),
	};
	struct row		 r = {
		.message = { (const char *)m->key, sizeof(m->key) }, .time_s = m->time_s,
		.received_ms = m->received_ms,
	};
	int64_t			 there = 0, id;
	enum qt_err		 er;

	er = db_number(db, &there, "SELECT 1 FROM event WHERE message = ?",
	    DB_VALUES(db_b(r.message)));
	*new = there == 0;
	if (er != QT_OK || !*new)
		return er;
	if ((er = need_account(db, &r.account, &s)) == QT_OK)
		er = need_device(db, &r.device, s.application, m->device, m->time_s);
	for (; r.part < (int64_t)m->n && er == QT_OK; r.part++) {
		r.code = slice_of(m->events[r.part].code);
		r.attributes = m->events[r.part].attributes;
		er = add_row(db, &id, &r);
	}
	return er == QT_OK ? close_gap(db, &r) : er;
}

static enum qt_err
salvage_row(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const struct source	 s = {
		db_col(row, 1), db_col(row, 2), db_col(row, 3), db_col(row, 4),
	};
	struct row		 r = {
		.code = db_col(row, 6), .time_s = db_col_int(row, 7),
		.received_ms = db_col_int(row, 8), .message = db_col(row, 9),
		.part = db_col_int(row, 10), .attributes = db_col(row, 11),
	};
	int64_t			 id = 0;
	enum qt_err		 er;

	if ((er = need_account(db, &r.account, &s)) == QT_OK &&
	    (er = need_device(db, &r.device, s.application, db_col(row, 5), r.time_s)) == QT_OK &&
	    (er = add_row(db, &id, &r)) == QT_OK && id != 0)
		er = close_gap(db, &r);
	*copied += id != 0;
	return er;
}

const struct salvage_source archive_salvage = {
	.what	= "counted events",
	.select	= "SELECT event.id, appid, account.application, path, name, device.device, code, "
		  "time, received, message, part, attributes FROM event NOT INDEXED "
		  "JOIN account ON account.id = event.account "
		  "JOIN device ON device.id = event.device WHERE event.id >= ? ORDER BY event.id",
	.copy	= salvage_row,
};

enum qt_err
archive_unionid(struct db *db, struct buf *out, const char *appid, struct slice openid)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum qt_err	 er;

	er = db_start(db, &rows, "SELECT unionid FROM unionid WHERE appid = ? AND openid = ?",
	    DB_VALUES(db_s(appid), text(openid)));
	if (er == QT_OK && db_next(&rows, &er)) {
		s = db_col(&rows, 0);
		er = buf_put(out, s.p, s.len);
	}
	db_end(&rows);
	return er;
}

enum qt_err
archive_set_unionid(struct db *db, const char *appid, struct slice openid, struct slice unionid)
{
	return db_run(db, NULL, "INSERT OR IGNORE INTO unionid (appid, openid, unionid) "
	    "VALUES (?, ?, ?)", DB_VALUES(db_s(appid), text(openid), text(unionid)));
}
