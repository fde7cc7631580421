#include <stdlib.h>
#include <string.h>

#include "collector/erased.h"
#include "collector/event_store.h"
#include "collector/migrate.h"
#include "collector/migrate_rows.h"
#include "collector/unionid.h"
#include "core/calendar.h"
#include "state/dedup_shared.h"
#include "wechat/datacube/datacube_move.h"

enum {
	STEP = 250,		/* rows in a transaction */
	FEW = 2 * DEDUP_SHARED_MARKS,	/* of messages, which may be large */
	MANY = 2000,		/* of known messages, which are small, and of what is put at once */
	VALUES = 16		/* of a put_values() */
};

/* In the order of SQL_MIGRATE_COUNTS. */
enum {
	OF_MESSAGES, OF_DEPARTED, OF_EVENTS, OF_PAST, OF_ERASED, OF_DEVICES, OF_UNIONIDS,
	OF_FOLLOWERS, OF_PULLS, OF_ACCOUNTS, OF_QRCODES, OF_TOKENS, OF_STOPPED, OF_ENDPOINTS,
	OF_SEEN, OF_DATACUBE
};

const char *const	 migrate_names[MIGRATE_NAMES] = {
	[OF_MESSAGES] = "message", [OF_DEPARTED] = "departed", [OF_EVENTS] = "event",
	[OF_PAST] = "past", [OF_ERASED] = "erased", [OF_DEVICES] = "device",
	[OF_UNIONIDS] = "unionid", [OF_FOLLOWERS] = "follower", [OF_PULLS] = "follower_pull",
	[OF_ACCOUNTS] = "account", [OF_QRCODES] = "qrcode", [OF_TOKENS] = "token",
	[OF_STOPPED] = "stopped", [OF_ENDPOINTS] = "endpoint", [OF_SEEN] = "seen",
	[OF_DATACUBE] = "datacube",
};

struct table;
struct known;

/* Puts a row into the other store, db. */
typedef enum error	 put_row(struct migrate *m, const struct table *t, struct known *k,
			    struct db *db, const struct db_rows *row);

/* Puts all rows of a batch but those of users who are forgotten, or of days that are. */
typedef enum error	 put_all(struct db *db, struct migrate_rows *rows);

struct table {
	int			 of;		/* which count it has; -1: it has none */
	enum sql		 take;
	int			 rows;		/* at a time; 0: all, and they stay */
	put_row			*put;
	enum sql		 sql;		/* of a put_values() */
	const char		*types;		/* of its values: see collector/migrate_rows.h */
	const struct recover_source *source;	/* of a put_recovered() */
	bool			 shared_only;	/* other stores have no such table */
	put_all			*all;		/* NULL: each row is put for itself */
	signed char		 application, device, time; /* columns: who it is about, and when */
};

/* What a batch needs to know of the other store, and what is to be put at its end. */
struct known {
	bool				 is_read;
	struct erased_set		 erased;
	int64_t				 first_day;	/* the first one that is not forgotten */
	struct migrate_rows		 rows;
	struct datacube_move		 cube;
	struct dedup_shared_known	 marks[DEDUP_SHARED_MARKS];
	size_t				 n_marks;
};

/* A put_row: a statement takes the columns as they are. */
static enum error
put_values(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	struct db_value	 v[VALUES];
	size_t		 n;

	(void)m, (void)k;
	for (n = 0; t->types[n] != '\0'; n++)
		v[n] = migrate_rows_value(row, (int)n, t->types[n]);
	return db_run(db, NULL, t->sql, v, n);
}

/* A put_row: the row is like one of a database in quarantine. */
static enum error
put_recovered(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	int64_t	 copied = 0;

	(void)m, (void)k;
	return t->source->copy(db, row, &copied);
}

static enum error
read_known(struct known *k, struct db *db)
{
	enum error	 er;

	if (k->is_read)
		return ERR_OK;
	if ((er = erased_set_read(&k->erased, db)) == ERR_OK)
		er = event_store_first_day(db, &k->first_day);
	k->is_read = er == ERR_OK;
	return er;
}

/* True: the row cannot be put together with the others. */
static enum error
find_apart(bool *is, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	const int64_t	 time_s = db_col_bounded(row, t->time);
	enum error	 er;

	*is = true;
	if (t->all == NULL)
		return ERR_OK;
	if ((er = read_known(k, db)) != ERR_OK)
		return er;
	if (t->of == OF_EVENTS && calendar_day_at(time_s) < k->first_day)
		return ERR_OK;
	return erased_set_knows(&k->erased, is, db_col(row, t->application),
	    db_col(row, t->device), time_s);
}

/* A put_all: the account and the device are found by their names. */
static enum error
put_events(struct db *db, struct migrate_rows *rows)
{
	static const signed char	 span[] = { 2, 5, 13, 14, -1 };
	static const signed char	 event[] = { 1, 2, 5, 6, 7, 12, 8, 9, 10, 11, -1 };
	static const signed char	 at[] = { 2, 5, 7, -1 };
	enum error			 er;

	if ((er = migrate_rows_put(rows, db, SQL_MIGRATE_SPAN_PUT, span)) == ERR_OK &&
	    (er = migrate_rows_put(rows, db, SQL_MIGRATE_EVENT_PUT, event)) == ERR_OK)
		er = migrate_rows_put(rows, db, SQL_MIGRATE_SHORTEN, at);
	return er;
}

/* A put_all. */
static enum error
put_pasts(struct db *db, struct migrate_rows *rows)
{
	static const signed char	 span[] = { 2, 5, 6, 7, -1 };
	static const signed char	 past[] = { 1, 2, 5, 7, 8, 9, 10, -1 };
	static const signed char	 at[] = { 2, 5, 7, -1 };
	enum error			 er;

	if ((er = migrate_rows_put(rows, db, SQL_MIGRATE_SPAN_PUT, span)) == ERR_OK &&
	    (er = migrate_rows_put(rows, db, SQL_MIGRATE_PAST_PUT, past)) == ERR_OK)
		er = migrate_rows_put(rows, db, SQL_MIGRATE_SHORTEN, at);
	return er;
}

/* A put_all. */
static enum error
put_devices(struct db *db, struct migrate_rows *rows)
{
	static const signed char	 span[] = { 1, 2, 3, 4, -1 };

	return migrate_rows_put(rows, db, SQL_MIGRATE_SPAN_PUT, span);
}

static enum error
put_marks(struct db *db, struct known *k)
{
	const enum error	 er = k->n_marks == 0 ? ERR_OK :
				    dedup_shared_put_all(db, k->marks, k->n_marks);

	k->n_marks = 0;
	return er;
}

/* Lets all hosts know that the message is not new, at the end of the batch. */
static enum error
mark_message(struct known *k, struct db *db, const struct db_rows *row)
{
	const struct slice	 key = db_col(row, 0);
	enum error		 er;

	if (key.len != QUEUE_KEY)
		return ERR_OK;
	if (k->n_marks == DEDUP_SHARED_MARKS && (er = put_marks(db, k)) != ERR_OK)
		return er;
	memcpy(k->marks[k->n_marks].key, key.p, QUEUE_KEY);
	k->marks[k->n_marks++].as = slice_is(db_col(row, 4), queue_states[QUEUE_PENDING]) ?
	    DEDUP_QUEUED : DEDUP_DONE;
	return ERR_OK;
}

/* A put_row. */
static enum error
put_message(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	enum error	 er = put_values(m, t, k, db, row);

	if (er == ERR_OK && db_col_int(row, 12) != 0)	/* its user is forgotten */
		er = db_run(db, NULL, SQL_MIGRATE_LEAVING_PUT, DB_VALUES(db_b(db_col(row, 0))));
	return er == ERR_OK && store_is_shared(m->to) ? mark_message(k, db, row) : er;
}

/* A put_row: the user's name is a digest; the device without a name has a number of its own. */
static enum error
put_erased(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	const struct db_value	 device[] = {
		db_text(db_col(row, 2)), db_text(db_col(row, 3)), db_i(db_col_bounded(row, 4)),
		db_i(db_col_bounded(row, 5)),
	};
	int64_t			 id = 0;
	enum error		 er = ERR_OK;

	(void)m, (void)t, (void)k;
	if (db_col(row, 3).p != NULL &&
	    (er = db_run(db, NULL, SQL_DEVICE_PUT, device, 4)) == ERR_OK)
		er = db_number(db, &id, SQL_DEVICE_ID, device, 2);
	return er != ERR_OK ? er : db_run(db, NULL, SQL_ERASED_PUT, DB_VALUES(
	    db_b(db_col(row, 0)), id == 0 ? db_s(NULL) : db_i(id), db_i(db_col_int(row, 1))));
}

/* True: the store has forgotten a user of one of these names.  Such a user is asked about again. */
static enum error
find_forgotten(struct known *k, struct db *db, bool *is, struct slice application,
    struct slice openid, struct slice unionid)
{
	enum error	 er = ERR_OK;

	*is = false;
	if (application.p == NULL)
		return ERR_OK;
	if ((er = read_known(k, db)) == ERR_OK)
		er = erased_set_knows(&k->erased, is, application, openid, 0);
	return er != ERR_OK || *is || unionid.len == 0 ? er :
	    erased_set_knows(&k->erased, is, application, unionid, 0);
}

/* A put_row. */
static enum error
put_unionid(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	const struct slice	 openid = db_col(row, 1), unionid = db_col(row, 2);
	struct buf		 appid = { 0 }, known = { 0 };
	bool			 is_forgotten = false;
	enum error		 er;

	(void)m, (void)t;
	if ((er = find_forgotten(k, db, &is_forgotten, db_col(row, 3), openid, unionid)) !=
	    ERR_OK || is_forgotten)
		return er;
	if ((er = buf_put(&appid, db_col(row, 0).p, db_col(row, 0).len)) != ERR_OK ||
	    (er = buf_putc(&appid, '\0')) != ERR_OK)
		goto out;
	if (unionid.len != 0)
		er = unionid_store(db, appid.p, openid, unionid);
	else if ((er = unionid_hold(db, &known, appid.p, openid)) == ERR_OK && known.len != 0)
		er = event_store_join(db, appid.p, openid, buf_slice(&known));
out:
	buf_free(&appid);
	buf_free(&known);
	return er;
}

/* A put_row. */
static enum error
put_follower(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	bool		 is_forgotten = false;
	enum error	 er;

	er = find_forgotten(k, db, &is_forgotten, db_col(row, 16), db_col(row, 1),
	    db_col(row, 3));
	return er != ERR_OK || is_forgotten ? er : put_values(m, t, k, db, row);
}

/* A put_row: what all hosts know becomes a mark in a file of this one. */
static enum error
put_seen(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	const struct slice	 seen = db_col(row, 0);
	unsigned char		 key[DEDUP_KEY];
	enum dedup_as		 as;

	(void)t, (void)k, (void)db;
	if (m->dedup == NULL || seen.len != DEDUP_SHARED_KEY ||
	    (as = dedup_shared_as(db_col_int(row, 1))) == DEDUP_NEVER)
		return ERR_OK;
	dedup_shared_key(key, (const unsigned char *)seen.p);
	return dedup_mark(m->dedup, key, as);
}

/* A put_row. */
static enum error
put_cube(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	(void)t;
	return datacube_move_put(&k->cube, db, m->cube, row);
}

/*
 * The order matters: the first day that stays and the accounts are known before events come, events
 * before devices that have no event, these before the UnionIDs that join them; all that asks for
 * the application of an account before the accounts.
 */
static const struct table	 tables[] = {
	{ .of = -1, .take = SQL_FORGOTTEN_DAY, .put = put_values, .sql = SQL_MIGRATE_FORGOTTEN_PUT,
	  .types = "i" },
	{ .of = OF_SEEN, .take = SQL_MIGRATE_SEEN_TAKE, .rows = MANY, .put = put_seen,
	  .shared_only = true },
	{ .of = OF_MESSAGES, .take = SQL_MIGRATE_MESSAGE_TAKE, .rows = FEW, .put = put_message,
	  .sql = SQL_MESSAGE_ADD, .types = "bttitiiitibb" },
	{ .of = OF_DEPARTED, .take = SQL_MIGRATE_DEPARTED_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_DEPARTED_PUT, .types = "iitt" },
	{ .of = -1, .take = SQL_MIGRATE_ACCOUNTS, .put = put_values, .sql = SQL_ACCOUNT_PUT,
	  .types = "tttt" },
	{ .of = OF_EVENTS, .take = SQL_MIGRATE_EVENT_TAKE, .rows = MANY, .put = put_recovered,
	  .types = "ittttntiibitiii", .source = &event_store_recovered, .all = put_events,
	  .application = 2, .device = 5, .time = 7 },
	{ .of = OF_PAST, .take = SQL_MIGRATE_PAST_TAKE, .rows = MANY, .put = put_recovered,
	  .types = "ittttniiiii", .source = &event_store_recovered_past, .all = put_pasts,
	  .application = 2, .device = 5, .time = 7 },
	{ .of = OF_ERASED, .take = SQL_MIGRATE_ERASED_TAKE, .rows = STEP, .put = put_erased },
	{ .of = OF_DEVICES, .take = SQL_MIGRATE_DEVICE_TAKE, .rows = MANY, .put = put_recovered,
	  .types = "itnii", .source = &event_store_recovered_devices, .all = put_devices,
	  .application = 1, .device = 2, .time = 4 },
	{ .of = OF_UNIONIDS, .take = SQL_MIGRATE_UNIONID_TAKE, .rows = STEP, .put = put_unionid },
	{ .of = OF_FOLLOWERS, .take = SQL_MIGRATE_FOLLOWER_TAKE, .rows = STEP, .put = put_follower,
	  .sql = SQL_MIGRATE_FOLLOWER_PUT, .types = "tnntitittttiiiii" },
	{ .of = OF_PULLS, .take = SQL_MIGRATE_PULL_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_PULL_PUT, .types = "tiitiiiiiiii" },
	{ .of = OF_ACCOUNTS, .take = SQL_MIGRATE_ACCOUNT_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_ACCOUNT_PUT, .types = "tttt" },
	{ .of = OF_QRCODES, .take = SQL_MIGRATE_QRCODE_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_QRCODE_PUT, .types = "tttttii" },
	{ .of = OF_TOKENS, .take = SQL_MIGRATE_TOKEN_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_TOKEN_PUT, .types = "tttiiiiiiiiit" },
	{ .of = OF_STOPPED, .take = SQL_MIGRATE_STOPPED_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_STOPPED_PUT, .types = "ttitiiiii" },
	{ .of = OF_ENDPOINTS, .take = SQL_MIGRATE_ENDPOINT_TAKE, .rows = STEP, .put = put_values,
	  .sql = SQL_MIGRATE_ENDPOINT_PUT, .types = "tiiiitiii" },
	{ .of = OF_DATACUBE, .rows = STEP, .put = put_cube },
	{ .of = -1, .take = SQL_MIGRATE_FORGOTTEN_TAKE, .put = put_values,
	  .sql = SQL_MIGRATE_FORGOTTEN_PUT, .types = "i" },
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* Rows on their way. */
struct batch {
	struct migrate		*m;
	const struct table	*t;
	struct db_rows		 rows;
	bool			 is_read, is_done;
	bool			 is_there;	/* the store has the table */
	int64_t			 n, until_ms;
};

/* Deletes rows, and begins to read them. */
static enum error
start_rows(struct batch *b, struct db *db)
{
	const struct db_value	 max = db_i(b->t->rows);

	b->is_there = true;
	return b->t->of == OF_DATACUBE ?
	    datacube_move_take(db, &b->rows, &b->is_there, b->m->cube, b->t->rows) :
	    db_start(db, &b->rows, b->t->take, &max, b->t->rows != 0);
}

/* Puts the rows, those that can be put together at the end. */
static enum error
put_batch(struct batch *b, struct known *k, struct db *db)
{
	enum error	 er = ERR_OK, read = ERR_OK;
	bool		 is_apart;

	while (er == ERR_OK && db_next(&b->rows, &read)) {
		if ((er = find_apart(&is_apart, b->t, k, db, &b->rows)) == ERR_OK)
			er = is_apart ? b->t->put(b->m, b->t, k, db, &b->rows) :
			    migrate_rows_add(&k->rows, &b->rows, b->t->types);
		b->n++;
	}
	if (er == ERR_OK)
		er = read;
	if (er == ERR_OK && b->t->all != NULL)
		er = b->t->all(db, &k->rows);
	return er == ERR_OK ? put_marks(db, k) : er;
}

/* A store_work of `to`.  The rows can be read only once: a second run of it fails. */
static enum error
put_rows(struct db *db, void *arg)
{
	struct batch	*b = arg;
	struct known	*k;
	enum error	 er;

	if (b->is_read)
		return ERR_LATE;
	b->is_read = true;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return ERR_NOMEM;
	er = put_batch(b, k, db);
	datacube_move_end(&k->cube, db);
	erased_set_free(&k->erased);
	migrate_rows_free(&k->rows);
	free(k);
	return er;
}

/* A store_work of `from`; it commits after `to`. */
static enum error
take_rows(struct db *db, void *arg)
{
	struct batch		*b = arg;
	enum error		 er;

	b->n = 0;
	b->is_read = b->is_done = false;
	er = start_rows(b, db);
	if (er == ERR_OK && b->is_there) {
		er = store_do(b->m->to, STORE_SYNC, put_rows, b, b->until_ms);
		b->is_done = er == ERR_OK;
		/* It is no fault of this store. */
		er = er == ERR_STORE ? ERR_LATE : er;
	}
	db_end(&b->rows);
	return er;
}

enum error
migrate_step(struct migrate *m, bool *more, int64_t until_ms)
{
	const struct table	*t = &tables[m->at];
	struct batch		 b = { .m = m, .t = t, .until_ms = until_ms };
	enum error		 er = ERR_OK;

	*more = true;
	if (!t->shared_only || store_is_shared(m->from))
		er = store_do(m->from, STORE_SYNC, take_rows, &b, until_ms);
	m->at_target = er != ERR_OK && !b.is_done;
	if (er != ERR_OK)
		return er == ERR_NOMEM ? er : ERR_STORE;
	if (t->of >= 0)
		m->moved[t->of] += b.n;
	if (t->of == OF_MESSAGES && b.n != 0)
		store_raise(m->to);
	if (t->of == OF_DATACUBE && b.n < t->rows && b.is_there &&
	    ++m->cube < datacube_move_tables())
		return ERR_OK;
	m->at += b.n < t->rows || t->rows == 0;
	*more = m->at < TABLES;
	return ERR_OK;
}

bool
migrate_moves_messages(const struct migrate *m)
{
	size_t	 i;

	for (i = m->at; i < TABLES; i++)
		if (tables[i].of == OF_MESSAGES)
			return true;
	return false;
}

/* A store_work. */
static enum error
count_rows(struct db *db, void *arg)
{
	int64_t		*n = arg;
	struct db_rows	 rows;
	enum error	 er;
	int		 i;

	for (i = 0; i < MIGRATE_NAMES; i++)
		n[i] = -1;
	er = db_start(db, &rows, SQL_MIGRATE_COUNTS, DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er))
		n[db_col_int(&rows, 0)] = db_col_int(&rows, 1);
	db_end(&rows);
	return er == ERR_OK ? datacube_move_count(db, &n[OF_DATACUBE]) : er;
}

enum error
migrate_count(struct store *s, int64_t n[MIGRATE_NAMES], int64_t until_ms)
{
	return store_do(s, STORE_READ, count_rows, n, until_ms);
}
