#include "collector/erased.h"
#include "collector/event_store.h"
#include "collector/follower_store.h"
#include "collector/unionid.h"
#include "core/calendar.h"
#include "core/clock.h"

enum { NO_GAP = -1 };

static const char	 follow[] = "$$_official_account_follow";
static const char	 unfollow[] = "$$_official_account_unfollow";

/* An official account in an application of QT; what table account has of it. */
struct account_source {
	struct slice	 appid, application, path, name;
};

/* When a device was seen first and last; epoch seconds. */
struct seen_span {
	int64_t		 first, last;
};

/* A device, as it is before an event is added to it. */
struct device {
	int64_t		 id;
	struct seen_span seen;
	bool		 is_new;	/* it was added just now, and has no event */
};

/* A row of table event, without what the database adds. */
struct event_row {
	int64_t		 account;
	struct device	 device;
	struct slice	 code, message, attributes;
	int64_t		 time_s, received_ms, part;
	int64_t		 gap;		/* seconds, from a recovered file; or NO_GAP */
	struct event_store_batch *batch;
};

/*
 * The id of the account.  Its path and name become those of the present configuration; what was
 * recovered may not know them (state/sqlite/rebuild.h).
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
	er = db_number(db, id, SQL_ACCOUNT_SAME, v, n);
	if (er != ERR_OK || *id != 0)
		return er;
	er = db_run(db, NULL, SQL_ACCOUNT_PUT, v, n);
	return er != ERR_OK ? er : db_number(db, id, SQL_ACCOUNT_ID, v, 2);
}

static enum error
widen_device(struct db *db, int64_t id, const struct seen_span *seen)
{
	return db_run(db, NULL, SQL_DEVICE_WIDEN, DB_VALUES(db_i(id), db_i(seen->first),
	    db_i(seen->last)));
}

/* The device without a name, if the user is forgotten and has this event; else d->id is 0. */
static enum error
find_erased(struct db *db, struct device *d, struct slice application, struct slice device,
    const struct seen_span *seen)
{
	enum error	 er;

	d->seen = (struct seen_span){ INT64_MIN, INT64_MAX };
	d->is_new = false;
	er = erased_find(db, &d->id, application, device, seen->last);
	return er != ERR_OK || d->id == 0 ? er : widen_device(db, d->id, seen);
}

/* d->id is 0 if there is no such device. */
static enum error
read_device(struct db *db, struct device *d, const struct db_value name[2])
{
	struct db_rows	 rows;
	enum error	 er;

	d->id = 0;
	er = db_start(db, &rows, SQL_DEVICE_SPAN, name, 2);
	if (er == ERR_OK && db_next(&rows, &er)) {
		d->id = db_col_int(&rows, 0);
		d->seen.first = db_col_int(&rows, 1);
		d->seen.last = db_col_int(&rows, 2);
	}
	db_end(&rows);
	return er;
}

static enum error
find_or_add_device(struct db *db, struct device *d, struct slice application, struct slice device,
    const struct seen_span *seen)
{
	const struct db_value	 v[] = {
		db_text(application), db_short(device), db_i(seen->first), db_i(seen->last),
	};
	int64_t			 added = 0;
	enum error		 er;

	er = read_device(db, d, v);
	/* Another host may add it at the same time: then it has that one's events. */
	if (er == ERR_OK && d->id == 0 && (er = db_run(db, &added, SQL_DEVICE_NEW, v,
	    sizeof(v) / sizeof(v[0]))) == ERR_OK)
		er = read_device(db, d, v);
	d->is_new = added != 0;
	return er != ERR_OK || (d->seen.first <= seen->first && seen->last <= d->seen.last) ? er :
	    widen_device(db, d->id, seen);
}

/*
 * The gap is the time since the event before.  That one may be forgotten, or known only in the file
 * that the row is recovered from; so the smallest gap that is known counts.
 */
static enum error
find_gap(struct db *db, int64_t *gap, const struct event_row *r)
{
	int64_t		 since = NO_GAP;
	enum error	 er = ERR_OK;

	if (!r->device.is_new || r->part != 0)
		er = db_number(db, &since, SQL_EVENT_GAP, DB_VALUES(db_i(r->device.id),
		    db_i(r->time_s)));
	*gap = since == NO_GAP || (r->gap != NO_GAP && r->gap < since) ? r->gap : since;
	return er;
}

static enum error
insert_event(struct db *db, bool *is_new, const struct event_row *r)
{
	int64_t		 changed = 0, gap;
	enum error	 er;

	if ((er = find_gap(db, &gap, r)) == ERR_OK)
		er = db_run(db, &changed, SQL_EVENT_ADD, DB_VALUES(db_i(r->account),
		    db_i(r->device.id), db_text(r->code), db_i(r->time_s),
		    gap == NO_GAP ? db_s(NULL) : db_i(gap), db_i(r->received_ms),
		    db_b(r->message), db_i(r->part), db_text(r->attributes)));
	*is_new = changed != 0;
	return er;
}

/* An event that came late can be between two others: the later one has a smaller gap now. */
static enum error
shorten_next_gap(struct db *db, const struct event_row *r)
{
	return r->time_s >= r->device.seen.last ? ERR_OK : db_run(db, NULL, SQL_EVENT_SHORTEN,
	    DB_VALUES(db_i(r->device.id), db_i(r->time_s)));
}

/* Keeps in table past what must stay of an event that is forgotten; id 0: not known. */
static enum error
keep_past(struct db *db, const struct event_row *r, int64_t id)
{
	const bool	 follows = slice_is(r->code, follow);
	enum error	 er;

	er = db_run(db, NULL, SQL_PAST_PUT, DB_VALUES(db_i(r->device.id), db_i(r->account),
	    db_i(r->time_s)));
	if (er != ERR_OK || (!follows && !slice_is(r->code, unfollow)))
		return er;
	return db_run(db, NULL, SQL_PAST_TURN, DB_VALUES(db_i(r->device.id), db_i(r->account),
	    db_i(r->time_s), db_i(id), db_i(follows)));
}

static enum error
read_first_day(struct db *db, struct event_store_batch *b)
{
	enum error	 er = ERR_OK;

	if (!b->has_first_day)
		er = event_store_first_day(db, &b->first_day);
	b->has_first_day = er == ERR_OK;
	return er;
}

/* *is_new: the row was not there, and is not forgotten; *forgotten: its day is forgotten. */
static enum error
insert_or_forget(struct db *db, bool *is_new, bool *forgotten, const struct event_row *r)
{
	enum error	 er;

	*is_new = false;
	if ((er = read_first_day(db, r->batch)) != ERR_OK)
		return er;
	*forgotten = calendar_day_at(r->time_s) < r->batch->first_day;
	return *forgotten ? keep_past(db, r, 0) : insert_event(db, is_new, r);
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
	er = unionid_hold(db, unionid, m->account->appid, m->device);
	if (er == ERR_OK && unionid->len != 0)
		*device = buf_slice(unionid);
	return er;
}

/* *erased: the user is forgotten, and the device has no name. */
static enum error
find_or_add_message_device(struct db *db, struct device *d, bool *erased, struct slice application,
    const struct event_store_message *m)
{
	const struct seen_span	 seen = { m->time_s, m->time_s };
	struct buf		 unionid = { 0 };
	struct slice		 device;
	enum error		 er;

	er = find_erased(db, d, application, m->device, &seen);
	if (er == ERR_OK && d->id == 0 &&
	    (er = choose_device(db, &device, &unionid, m)) == ERR_OK && unionid.len != 0)
		er = find_erased(db, d, application, device, &seen);
	*erased = d->id != 0;
	if (er == ERR_OK && !*erased)
		er = find_or_add_device(db, d, application, device, &seen);
	buf_free(&unionid);
	return er;
}

/* The table of followers knows who follows, too. */
static enum error
note_turn(struct db *db, const struct event_store_message *m, struct slice code)
{
	const bool	 follows = slice_is(code, follow);

	if (!follows && !slice_is(code, unfollow))
		return ERR_OK;
	return follower_store_turn(db, m->account, m->openid.len != 0 ? m->openid : m->device,
	    follows, m->time_s);
}

/*
 * Counts an event of a message, without what tells of its user if that one is forgotten.  REPEAT:
 * another host has counted it since this one has looked.
 */
static enum error
add_event(struct db *db, enum event_store_result *result, struct event_row *r,
    const struct event_store_event *e, bool erased)
{
	struct buf	 stripped = { 0 };
	bool		 is_new = false, forgotten = false;
	enum error	 er = erased ? erased_strip(&stripped, e->attributes) : ERR_OK;

	r->code = slice_of(e->code);
	r->attributes = erased ? buf_slice(&stripped) : e->attributes;
	if (er == ERR_OK)
		er = insert_or_forget(db, &is_new, &forgotten, r);
	*result = forgotten ? EVENT_STORE_FORGOTTEN : is_new ? EVENT_STORE_NEW :
	    EVENT_STORE_REPEAT;
	buf_free(&stripped);
	return er;
}

/* Counts all events of a message. */
static enum error
add_events(struct db *db, enum event_store_result *result, struct event_row *r,
    const struct event_store_message *m, bool erased)
{
	enum error	 er = ERR_OK;

	*result = EVENT_STORE_NEW;
	for (; r->part < (int64_t)m->n && er == ERR_OK; r->part++) {
		er = add_event(db, result, r, &m->events[r->part], erased);
		if (er != ERR_OK || *result == EVENT_STORE_REPEAT)
			break;
		if (!erased)
			er = note_turn(db, m, r->code);
	}
	return er;
}

/* Notes that a user has left, so that the next sweep forgets the user: see collector/forget.h. */
static enum error
note_leaver(struct db *db, const struct event_store_message *m)
{
	return db_run(db, NULL, SQL_DEPARTED_PUT, DB_VALUES(db_i(-1),
	    db_i(db_stored_ms(db, clock_wall_ms())), db_i(m->time_s), db_s(m->account->appid),
	    db_text(m->leaver)));
}

static struct slice
application_of(const struct account *a)
{
	return slice_of(a->app_key == NULL ? "" : a->app_key);
}

static enum error
find_message_account(struct db *db, struct event_store_batch *b, const struct account *a)
{
	const struct account_source	 s = {
		slice_of(a->appid), application_of(a), slice_of(a->path), slice_of(a->name),
	};
	enum error			 er = ERR_OK;

	if (b->account != a)
		er = find_or_add_account(db, &b->id, &s);
	b->account = er == ERR_OK ? a : NULL;
	return er;
}

enum error
event_store_add(struct db *db, enum event_store_result *result, const struct event_store_message *m)
{
	struct event_store_batch	 alone = { 0 };
	struct event_row		 r = {
		.message = { (const char *)m->key, sizeof(m->key) }, .time_s = m->time_s,
		.received_ms = m->received_ms, .gap = NO_GAP,
		.batch = m->batch != NULL ? m->batch : &alone,
	};
	int64_t				 there = 0;
	bool				 erased = false;
	enum error			 er;

	er = db_number(db, &there, SQL_EVENT_IS, DB_VALUES(db_b(r.message)));
	*result = EVENT_STORE_REPEAT;
	if (er != ERR_OK || there != 0)
		return er;
	if ((er = find_message_account(db, r.batch, m->account)) == ERR_OK)
		er = find_or_add_message_device(db, &r.device, &erased, application_of(m->account),
		    m);
	r.account = r.batch->id;
	if (er != ERR_OK || (er = add_events(db, result, &r, m, erased)) != ERR_OK ||
	    *result == EVENT_STORE_REPEAT)
		return er;
	if (m->leaver.p != NULL && !erased && (er = note_leaver(db, m)) != ERR_OK)
		return er;
	return shorten_next_gap(db, &r);
}

/*
 * Joining.
 */

/* A step of a join.  Parameter 1: the device that goes, 2: the one that stays. */
static const struct join_step {
	enum sql	 sql;
	size_t		 values;
} join_steps[] = {
	{ SQL_JOIN_EVENTS, 2 },
	{ SQL_JOIN_PAST, 2 },
	{ SQL_JOIN_PAST_DROP, 1 },
	{ SQL_JOIN_DEVICE, 2 },
	{ SQL_JOIN_DEVICE_DROP, 1 },
};

static enum error
merge_devices(struct db *db, int64_t from, int64_t to)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < sizeof(join_steps) / sizeof(join_steps[0]) && er == ERR_OK; i++)
		er = db_run(db, NULL, join_steps[i].sql,
		    (const struct db_value[]){ db_i(from), db_i(to) }, join_steps[i].values);
	return er == ERR_OK ? db_run(db, NULL, SQL_JOIN_GAPS, DB_VALUES(db_i(to))) : er;
}

/* The device becomes the unionid, which can be a device of the application already. */
static enum error
join_device(struct db *db, int64_t id, struct slice unionid)
{
	int64_t		 to = 0;
	enum error	 er;

	er = db_number(db, &to, SQL_DEVICE_BESIDE, DB_VALUES(db_i(id), db_short(unionid)));
	if (er != ERR_OK)
		return er;
	return to != 0 ? merge_devices(db, id, to) :
	    db_run(db, NULL, SQL_DEVICE_RENAME, DB_VALUES(db_i(id), db_short(unionid)));
}

enum error
event_store_join(struct db *db, const char *appid, struct slice openid, struct slice unionid)
{
	int64_t		 id;
	enum error	 er;

	do {
		id = 0;
		er = db_number(db, &id, SQL_DEVICE_OF, DB_VALUES(db_s(appid), db_short(openid),
		    db_short(unionid)));
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
	return db_number(db, day, SQL_FORGOTTEN_DAY, DB_NO_VALUES);
}

/* Sets the first day that stays.  It never goes back. */
static enum error
move_first_day(struct db *db, int64_t today, int days)
{
	return db_run(db, NULL, SQL_FORGOTTEN_PUT, DB_VALUES(db_i(today), db_i(days)));
}

/*
 * Statements that find and delete the same events, with the same parameters: the first day that
 * stays, how many events, the key of that day.  Events without a time have no key that says when
 * they were, so those that are found by the day come after the others.
 */
static const struct forget_query {
	enum sql	 find, delete;
	size_t		 values;
} orders[] = {
	{ SQL_FORGET_KEYS_FIND, SQL_FORGET_KEYS, 3 },
	{ SQL_FORGET_DAYS_FIND, SQL_FORGET_DAYS, 2 },
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
		r.device.id = db_col_int(&rows, 1);
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

/* The device of a row: the one without a name, if its user is forgotten; then *erased is true. */
static enum error
find_or_add_recovered_device(struct db *db, struct device *d, bool *erased,
    struct slice application, struct slice device, const struct seen_span *seen)
{
	const enum error	 er = find_erased(db, d, application, device, seen);

	*erased = d->id != 0;
	return er != ERR_OK || *erased ? er : find_or_add_device(db, d, application, device, seen);
}

static enum error
recover_event(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const struct account_source	 s = {
		db_col(row, 1), db_col(row, 2), db_col(row, 3), db_col(row, 4),
	};
	struct event_store_batch	 alone = { 0 };
	struct event_row		 r = {
		.batch = &alone, .code = db_col(row, 6), .time_s = db_col_bounded(row, 7),
		.received_ms = db_col_bounded(row, 8), .message = db_col(row, 9),
		.part = db_col_int(row, 10), .attributes = db_col(row, 11),
		.gap = db_col_type(row, 12) == DB_NO_VALUE ? NO_GAP : db_col_int(row, 12),
	};
	struct buf		 stripped = { 0 };
	bool			 is_new = false, forgotten = false, erased = false;
	enum error		 er;

	if ((er = find_or_add_account(db, &r.account, &s)) == ERR_OK)
		er = find_or_add_recovered_device(db, &r.device, &erased, s.application,
		    db_col(row, 5), &(struct seen_span){ db_col_bounded(row, 13), r.time_s });
	if (er == ERR_OK && erased && (er = erased_strip(&stripped, r.attributes)) == ERR_OK)
		r.attributes = buf_slice(&stripped);
	if (er == ERR_OK && (er = insert_or_forget(db, &is_new, &forgotten, &r)) == ERR_OK &&
	    (is_new || forgotten))
		er = shorten_next_gap(db, &r);
	*copied += is_new;
	buf_free(&stripped);
	return er;
}

const struct recover_source event_store_recovered = {
	.what	= "counted events",
	.select	= SQL_RECOVER_EVENTS,
	.copy	= recover_event,
};

static enum error
recover_past(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const struct account_source	 s = {
		db_col(row, 1), db_col(row, 2), db_col(row, 3), db_col(row, 4),
	};
	struct event_row	 r = { .time_s = db_col_bounded(row, 7), .gap = NO_GAP };
	bool			 erased;
	enum error		 er;

	if ((er = find_or_add_account(db, &r.account, &s)) == ERR_OK &&
	    (er = find_or_add_recovered_device(db, &r.device, &erased, s.application,
	    db_col(row, 5), &(struct seen_span){ db_col_bounded(row, 6), r.time_s })) == ERR_OK &&
	    (er = keep_past(db, &r, 0)) == ERR_OK)
		er = shorten_next_gap(db, &r);
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
	.select	= SQL_RECOVER_PAST,
	.copy	= recover_past,
};

/* The store can have the unionid by now, or the user is forgotten. */
static enum error
recover_mark(struct db *db, const struct db_rows *row, int64_t *copied)
{
	struct buf	 unionid = { 0 }, appid = { 0 };
	struct slice	 openid = db_col(row, 2);
	bool		 erased = false;
	enum error	 er;

	er = erased_knows(db, &erased, db_col(row, 3), openid, db_col_bounded(row, 4));
	if (er != ERR_OK || erased)
		return er;
	if ((er = buf_put(&appid, db_col(row, 1).p, db_col(row, 1).len)) == ERR_OK &&
	    (er = buf_putc(&appid, '\0')) == ERR_OK &&
	    (er = unionid_hold(db, &unionid, appid.p, openid)) == ERR_OK && unionid.len != 0)
		er = event_store_join(db, appid.p, openid, buf_slice(&unionid));
	*copied += er == ERR_OK;
	buf_free(&unionid);
	buf_free(&appid);
	return er;
}

const struct recover_source event_store_recovered_marks = {
	.what	= "users without a UnionID",
	.select	= SQL_RECOVER_MARKS,
	.copy	= recover_mark,
};

static enum error
recover_device(struct db *db, const struct db_rows *row, int64_t *copied)
{
	struct device	 d;
	bool		 erased;
	enum error	 er;

	er = find_or_add_recovered_device(db, &d, &erased, db_col(row, 1), db_col(row, 2),
	    &(struct seen_span){ db_col_bounded(row, 3), db_col_bounded(row, 4) });
	*copied += er == ERR_OK;
	return er;
}

const struct recover_source event_store_recovered_devices = {
	.what	= "devices",
	.select	= SQL_MIGRATE_DEVICE_TAKE,
	.copy	= recover_device,
};

const struct recover_source *const event_store_sources[RECOVER_SOURCES] = {
	&queue_recovered, &event_store_recovered, &event_store_recovered_past,
	&event_store_recovered_marks,
};
