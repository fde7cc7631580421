#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/calendar.h"

enum { NO_GAP = -1 };

static const char	 follow[] = "$$_official_account_follow";
static const char	 unfollow[] = "$$_official_account_unfollow";

/* An official account in an application of QT; what table account has of it. */
struct account_source {
	struct slice	 appid, application, path, name;
};

/* A row of table event, without what the database adds. */
struct event_row {
	int64_t		 account, device;
	struct slice	 code, message, attributes;
	int64_t		 time_s, received_ms, part;
	int64_t		 gap;		/* seconds, from a recovered file; or NO_GAP */
};

/* When a device was seen first and last; epoch seconds. */
struct seen_span {
	int64_t		 first, last;
};

/*
 * The id of the account.  Its path and name become those of the present configuration; what was
 * recovered may not know them (state/rebuild.h).
 */
static enum error
find_or_add_account(struct db *db, int64_t *id, const struct account_source *s)
{
	const struct db_value	 v[] = {
		db_text(s->appid), db_text(s->application), db_text(s->path), db_text(s->name),
	};
	const size_t		 n = sizeof(v) / sizeof(v[0]);
	enum error		 er;

	*id = 0;
	er = db_number(db, id, "SELECT id FROM account WHERE appid = ? AND application = ? "
	    "AND path = ? AND name = ?", v, n);
	if (er != ERR_OK || *id != 0)
		return er;
	er = db_run(db, NULL, "INSERT INTO account (appid, application, path, name) "
	    "VALUES (?, ?, ?, ?) ON CONFLICT (appid, application) DO UPDATE SET "
	    "path = coalesce(nullif(excluded.path, ''), path), "
	    "name = coalesce(nullif(excluded.name, ''), name)", v, n);
	return er != ERR_OK ? er : db_number(db, id,
	    "SELECT id FROM account WHERE appid = ? AND application = ?", v, 2);
}

static enum error
find_or_add_device(struct db *db, int64_t *id, struct slice application, struct slice device,
    const struct seen_span *seen)
{
	const struct db_value	 v[] = {
		db_text(application), db_text(device), db_i(seen->first), db_i(seen->last),
	};
	const enum error	 er = db_run(db, NULL,
	    "INSERT INTO device (application, device, first, last) "
	    "VALUES (?, ?, ?, ?) ON CONFLICT (application, device) DO UPDATE SET "
	    "first = min(first, excluded.first), last = max(last, excluded.last)",
	    v, sizeof(v) / sizeof(v[0]));

	return er != ERR_OK ? er : db_number(db, id,
	    "SELECT id FROM device WHERE application = ? AND device = ?", v, 2);
}

/*
 * The gap is the time since the event before.  That one may be forgotten, or known only in the file
 * that the row is recovered from; so the smallest gap that is known counts.
 */
static enum error
insert_event(struct db *db, int64_t *id, const struct event_row *r)
{
	int64_t		 changed = 0;
	enum error	 er;

	er = db_run(db, &changed, "INSERT OR IGNORE INTO event (account, device, code, time, gap, "
	    "received, message, part, attributes) SELECT ?1, ?2, ?3, ?4, "
	    "coalesce(min(gap, ?9), gap, ?9), ?5, ?6, ?7, ?8 FROM (SELECT ?4 - coalesce("
	    "(SELECT time FROM event WHERE device = ?2 AND time <= ?4 "
	    "ORDER BY time DESC, id DESC LIMIT 1), "
	    "(SELECT max(last) FROM past WHERE device = ?2 AND last <= ?4)) AS gap)",
	    DB_VALUES(db_i(r->account), db_i(r->device), db_text(r->code), db_i(r->time_s),
	    db_i(r->received_ms), db_b(r->message), db_i(r->part), db_text(r->attributes),
	    r->gap == NO_GAP ? db_s(NULL) : db_i(r->gap)));
	return er != ERR_OK || changed == 0 ? er :
	    db_number(db, id, "SELECT last_insert_rowid()", DB_NO_VALUES);
}

/* An event that came late can be between two others: the later one has a smaller gap now. */
static enum error
shorten_next_gap(struct db *db, int64_t device, int64_t time_s)
{
	return db_run(db, NULL, "UPDATE event SET gap = coalesce(min(gap, time - ?2), time - ?2) "
	    "WHERE id = (SELECT id FROM event WHERE device = ?1 AND time > ?2 "
	    "ORDER BY time, id LIMIT 1)", DB_VALUES(db_i(device), db_i(time_s)));
}

/* Keeps in table past what must stay of an event that is forgotten; id 0: not known. */
static enum error
keep_past(struct db *db, const struct event_row *r, int64_t id)
{
	const bool	 follows = slice_is(r->code, follow);
	enum error	 er;

	er = db_run(db, NULL, "INSERT INTO past (device, account, last) VALUES (?, ?, ?) "
	    "ON CONFLICT (device, account) DO UPDATE SET last = excluded.last "
	    "WHERE excluded.last > past.last",
	    DB_VALUES(db_i(r->device), db_i(r->account), db_i(r->time_s)));
	if (er != ERR_OK || (!follows && !slice_is(r->code, unfollow)))
		return er;
	return db_run(db, NULL, "UPDATE past SET turned = ?3, turn = ?4, follows = ?5 "
	    "WHERE device = ?1 AND account = ?2 "
	    "AND (turned IS NULL OR (turned, turn) < (?3, ?4))",
	    DB_VALUES(db_i(r->device), db_i(r->account), db_i(r->time_s), db_i(id),
	    db_i(follows)));
}

/* *id is 0 if the row was there before or is forgotten; *forgotten: its day is forgotten. */
static enum error
insert_or_forget(struct db *db, int64_t *id, bool *forgotten, const struct event_row *r)
{
	int64_t		 before;
	enum error	 er;

	*id = 0;
	if ((er = event_store_first_day(db, &before)) != ERR_OK)
		return er;
	*forgotten = calendar_day_at(r->time_s) < before;
	return *forgotten ? keep_past(db, r, 0) : insert_event(db, id, r);
}

/*
 * Chooses the device of a message.  unionid is its memory, if it is not the message's own.  It is
 * in the transaction that counts: so no event stays with the openid after its unionid is stored.
 */
static enum error
choose_device(struct db *db, struct slice *device, struct buf *unionid,
    const struct event_store_message *m)
{
	enum error	 er;

	*device = m->device;
	if (!m->openid_only)
		return ERR_OK;
	if ((er = unionid_find(db, unionid, m->account->appid, m->device)) != ERR_OK)
		return er;
	if (unionid->len == 0)
		return unionid_mark(db, m->account->appid, m->device);
	*device = buf_slice(unionid);
	return ERR_OK;
}

static enum error
find_or_add_message_device(struct db *db, int64_t *id, struct slice application,
    const struct event_store_message *m)
{
	struct buf	 unionid = { 0 };
	struct slice	 device;
	enum error	 er;

	if ((er = choose_device(db, &device, &unionid, m)) == ERR_OK)
		er = find_or_add_device(db, id, application, device,
		    &(struct seen_span){ m->time_s, m->time_s });
	buf_free(&unionid);
	return er;
}

enum error
event_store_add(struct db *db, enum event_store_result *result, const struct event_store_message *m)
{
	const struct account		*a = m->account;
	const struct account_source	 s = {
		slice_of(a->appid), slice_of(a->app_key == NULL ? "" : a->app_key),
		slice_of(a->path), slice_of(a->name),
	};
	struct event_row		 r = {
		.message = { (const char *)m->key, sizeof(m->key) }, .time_s = m->time_s,
		.received_ms = m->received_ms, .gap = NO_GAP,
	};
	int64_t			 there = 0, id;
	bool			 forgotten = false;
	enum error		 er;

	er = db_number(db, &there, "SELECT 1 FROM event WHERE message = ?",
	    DB_VALUES(db_b(r.message)));
	*result = EVENT_STORE_REPEAT;
	if (er != ERR_OK || there != 0)
		return er;
	if ((er = find_or_add_account(db, &r.account, &s)) == ERR_OK)
		er = find_or_add_message_device(db, &r.device, s.application, m);
	for (; r.part < (int64_t)m->n && er == ERR_OK; r.part++) {
		r.code = slice_of(m->events[r.part].code);
		r.attributes = m->events[r.part].attributes;
		er = insert_or_forget(db, &id, &forgotten, &r);
	}
	*result = forgotten ? EVENT_STORE_FORGOTTEN : EVENT_STORE_NEW;
	return er == ERR_OK ? shorten_next_gap(db, r.device, r.time_s) : er;
}

/*
 * Joining.
 */

/* A step of a join.  ?1: the device that goes, ?2: the one that stays. */
struct join_step {
	const char	*sql;
	size_t		 values;
};

#define NEWER	"(excluded.turned IS NOT NULL AND (past.turned IS NULL OR " \
		"(past.turned, past.turn) < (excluded.turned, excluded.turn)))"

static const struct join_step	 join_steps[] = {
	{ "UPDATE event SET device = ?2 WHERE device = ?1", 2 },
	{ "INSERT INTO past (device, account, last, turned, turn, follows) "
	  "SELECT ?2, account, last, turned, turn, follows FROM past WHERE device = ?1 "
	  "ON CONFLICT (device, account) DO UPDATE SET last = max(last, excluded.last), "
	  "turned = iif(" NEWER ", excluded.turned, turned), "
	  "turn = iif(" NEWER ", excluded.turn, turn), "
	  "follows = iif(" NEWER ", excluded.follows, follows)", 2 },
	{ "DELETE FROM past WHERE device = ?1", 1 },
	{ "UPDATE device SET first = min(device.first, gone.first), "
	  "last = max(device.last, gone.last) FROM "
	  "(SELECT first, last FROM device WHERE id = ?1) AS gone WHERE device.id = ?2", 2 },
	{ "DELETE FROM device WHERE id = ?1", 1 },
};

/* The smallest gap that is known counts, as in insert_event(). */
static const char	 join_gaps[] =
	"UPDATE event SET gap = coalesce(min(gap, since), gap, since) FROM ("
	"SELECT id, time - coalesce(lag(time) OVER (ORDER BY time, id), (SELECT max(last) "
	"FROM past WHERE past.device = ?1 AND past.last <= event.time)) AS since "
	"FROM event WHERE device = ?1) AS joined WHERE event.id = joined.id";

static enum error
merge_devices(struct db *db, int64_t from, int64_t to)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < sizeof(join_steps) / sizeof(join_steps[0]) && er == ERR_OK; i++)
		er = db_run(db, NULL, join_steps[i].sql,
		    (const struct db_value[]){ db_i(from), db_i(to) }, join_steps[i].values);
	return er == ERR_OK ? db_run(db, NULL, join_gaps, DB_VALUES(db_i(to))) : er;
}

/* The device becomes the unionid, which can be a device of the application already. */
static enum error
join_device(struct db *db, int64_t id, struct slice unionid)
{
	int64_t		 to = 0;
	enum error	 er;

	er = db_number(db, &to, "SELECT there.id FROM device JOIN device AS there "
	    "ON there.application = device.application AND there.device = ?2 "
	    "WHERE device.id = ?1", DB_VALUES(db_i(id), db_text(unionid)));
	if (er != ERR_OK)
		return er;
	return to != 0 ? merge_devices(db, id, to) :
	    db_run(db, NULL, "UPDATE device SET device = ?2 WHERE id = ?1",
	    DB_VALUES(db_i(id), db_text(unionid)));
}

enum error
event_store_join(struct db *db, const char *appid, struct slice openid, struct slice unionid)
{
	int64_t		 id;
	enum error	 er;

	do {
		id = 0;
		er = db_number(db, &id, "SELECT device.id FROM account "
		    "JOIN device ON device.application = account.application "
		    "WHERE appid = ?1 AND device = ?2 AND device <> ?3 LIMIT 1",
		    DB_VALUES(db_s(appid), db_text(openid), db_text(unionid)));
		if (er == ERR_OK && id != 0)
			er = join_device(db, id, unionid);
	} while (er == ERR_OK && id != 0);
	return er;
}

/*
 * Forgetting.
 */

enum error
event_store_first_day(struct db *db, int64_t *day)
{
	*day = INT64_MIN;
	return db_number(db, day, "SELECT before FROM forgotten", DB_NO_VALUES);
}

/* Sets the first day that stays.  It never goes back. */
static enum error
move_first_day(struct db *db, int64_t today, int days)
{
	return db_run(db, NULL, "INSERT INTO forgotten (id, before) SELECT 1, min(?1, day) - ?2 "
	    "FROM (SELECT day FROM event INDEXED BY event_day ORDER BY day DESC LIMIT 1) "
	    "WHERE true "
	    "ON CONFLICT (id) DO UPDATE SET before = excluded.before "
	    "WHERE excluded.before > forgotten.before", DB_VALUES(db_i(today), db_i(days)));
}

/*
 * Finds and deletes the same events.  ?1: the first day that stays, ?2: how many events, ?3: the
 * key of that day.
 */
struct forget_query {
	const char	*find, *delete;
	size_t		 values;
};

#define CHOSEN(which)	"FROM event WHERE id IN (SELECT id FROM event " which " LIMIT ?2)"
#define FORGET(which)	"SELECT id, device, account, time, code " CHOSEN(which), \
			"DELETE " CHOSEN(which)

/*
 * Keys begin with the time; so in the order of the keys, neighbours on the disk are deleted
 * together.  A message without a time has 0 in its key; only the index of days finds it.
 */
static const struct forget_query	 orders[] = {
	{ FORGET("WHERE message >= x'0000000000000001' AND message < ?3 AND day < ?1 "
	  "ORDER BY message"), 3 },
	{ FORGET("INDEXED BY event_day WHERE day < ?1 ORDER BY day"), 2 },
};

/* Forgets up to max events from before that day; *n is increased by their number. */
static enum error
forget_events(struct db *db, int *n, int64_t before, int max, const struct forget_query *by)
{
	unsigned char		 key[QUEUE_KEY];
	struct db_rows		 rows;
	struct event_row	 r = { .gap = NO_GAP };
	const struct db_value	 v[] = {
		db_i(before), db_i(max), db_b((struct slice){ (const char *)key, sizeof(key) }),
	};
	enum error		 er;
	int			 found = 0;

	queue_key(key, calendar_day_start(before), "00000000000000000000000000000000");
	er = db_start(db, &rows, by->find, v, by->values);
	while (er == ERR_OK && db_next(&rows, &er)) {
		r.device = db_col_int(&rows, 1);
		r.account = db_col_int(&rows, 2);
		r.time_s = db_col_bounded(&rows, 3);
		r.code = db_col(&rows, 4);
		er = keep_past(db, &r, db_col_int(&rows, 0));
		found++;
	}
	db_end(&rows);
	*n += found;
	return er != ERR_OK || found == 0 ? er : db_run(db, NULL, by->delete, v, by->values);
}

enum error
event_store_forget(struct db *db, bool *more, int64_t now_s, int days, int max)
{
	int64_t		 before = INT64_MIN;
	enum error	 er = ERR_OK;
	size_t		 i;
	int		 n = 0;

	if (days > 0)
		er = move_first_day(db, calendar_day_at(now_s), days);
	if (er == ERR_OK)
		er = event_store_first_day(db, &before);
	if (before != INT64_MIN)
		for (i = 0; i < sizeof(orders) / sizeof(orders[0]) && er == ERR_OK && n < max; i++)
			er = forget_events(db, &n, before, max - n, &orders[i]);
	*more = n == max;
	return er;
}

/*
 * Recovery from a damaged file.
 */

static enum error
recover_event(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const struct account_source	 s = {
		db_col(row, 1), db_col(row, 2), db_col(row, 3), db_col(row, 4),
	};
	struct event_row		 r = {
		.code = db_col(row, 6), .time_s = db_col_bounded(row, 7),
		.received_ms = db_col_bounded(row, 8), .message = db_col(row, 9),
		.part = db_col_int(row, 10), .attributes = db_col(row, 11),
		.gap = db_col_type(row, 12) == DB_NO_VALUE ? NO_GAP : db_col_int(row, 12),
	};
	int64_t			 id = 0;
	bool			 forgotten = false;
	enum error		 er;

	if ((er = find_or_add_account(db, &r.account, &s)) == ERR_OK &&
	    (er = find_or_add_device(db, &r.device, s.application, db_col(row, 5),
	    &(struct seen_span){ db_col_bounded(row, 13), r.time_s })) == ERR_OK &&
	    (er = insert_or_forget(db, &id, &forgotten, &r)) == ERR_OK && (id != 0 || forgotten))
		er = shorten_next_gap(db, r.device, r.time_s);
	*copied += id != 0;
	return er;
}

const struct recover_source event_store_recovered = {
	.what	= "counted events",
	.select	= "SELECT event.id, appid, account.application, path, name, device.device, code, "
		  "time, received, message, part, attributes, gap, first FROM event NOT INDEXED "
		  "JOIN account ON account.id = event.account "
		  "JOIN device ON device.id = event.device WHERE event.id >= ? "
		  "AND json_valid(attributes) ORDER BY event.id",
	.copy	= recover_event,
};

static enum error
recover_past(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const struct account_source	 s = {
		db_col(row, 1), db_col(row, 2), db_col(row, 3), db_col(row, 4),
	};
	struct event_row	 r = { .time_s = db_col_bounded(row, 7), .gap = NO_GAP };
	enum error		 er;

	if ((er = find_or_add_account(db, &r.account, &s)) == ERR_OK &&
	    (er = find_or_add_device(db, &r.device, s.application, db_col(row, 5),
	    &(struct seen_span){ db_col_bounded(row, 6), r.time_s })) == ERR_OK &&
	    (er = keep_past(db, &r, 0)) == ERR_OK)
		er = shorten_next_gap(db, r.device, r.time_s);
	if (er == ERR_OK && db_col_type(row, 8) != DB_NO_VALUE) {
		r.time_s = db_col_bounded(row, 8);
		r.code = slice_of(db_col_int(row, 10) != 0 ? follow : unfollow);
		er = keep_past(db, &r, db_col_int(row, 9));
	}
	*copied += er == ERR_OK;
	return er;
}

const struct recover_source event_store_recovered_past = {
	.what	= "devices whose events are forgotten",
	.select	= "SELECT past.id, appid, account.application, path, name, device.device, first, "
		  "past.last, turned, turn, follows FROM past NOT INDEXED "
		  "JOIN account ON account.id = past.account "
		  "JOIN device ON device.id = past.device WHERE past.id >= ? ORDER BY past.id",
	.copy	= recover_past,
};

/* The store can have the unionid by now. */
static enum error
recover_mark(struct db *db, const struct db_rows *row, int64_t *copied)
{
	struct buf	 unionid = { 0 }, appid = { 0 };
	struct slice	 openid = db_col(row, 2);
	enum error	 er;

	if ((er = buf_put(&appid, db_col(row, 1).p, db_col(row, 1).len)) == ERR_OK &&
	    (er = buf_putc(&appid, '\0')) == ERR_OK &&
	    (er = unionid_mark(db, appid.p, openid)) == ERR_OK &&
	    (er = unionid_find(db, &unionid, appid.p, openid)) == ERR_OK && unionid.len != 0)
		er = event_store_join(db, appid.p, openid, buf_slice(&unionid));
	*copied += er == ERR_OK;
	buf_free(&unionid);
	buf_free(&appid);
	return er;
}

const struct recover_source event_store_recovered_marks = {
	.what	= "users without a UnionID",
	.select	= "SELECT device.id, account.appid, device.device FROM device NOT INDEXED "
		  "JOIN account ON account.application = device.application "
		  "JOIN unionid ON unionid.appid = account.appid AND openid = device.device "
		  "AND unionid = '' WHERE device.id >= ? ORDER BY device.id",
	.copy	= recover_mark,
};

const struct recover_source *const event_store_sources[RECOVER_SOURCES] = {
	&queue_recovered, &event_store_recovered, &event_store_recovered_past,
	&event_store_recovered_marks,
};
