#include <string.h>

#include "collector/erased.h"
#include "collector/event_store.h"
#include "collector/migrate.h"
#include "collector/unionid.h"
#include "core/calendar.h"
#include "state/dedup_shared.h"

enum {
	STEP = 250,		/* rows in a transaction */
	FEW = 100,		/* of messages, which may be large */
	MANY = 2000,		/* of known messages, which are small */
	VALUES = 16
};

/* In the order of SQL_MIGRATE_COUNTS. */
enum {
	OF_MESSAGES, OF_DEPARTED, OF_EVENTS, OF_PAST, OF_ERASED, OF_DEVICES, OF_UNIONIDS,
	OF_FOLLOWERS, OF_PULLS, OF_ACCOUNTS, OF_QRCODES, OF_TOKENS, OF_STOPPED, OF_ENDPOINTS,
	OF_SEEN
};

const char *const	 migrate_names[MIGRATE_NAMES] = {
	[OF_MESSAGES] = "message", [OF_DEPARTED] = "departed", [OF_EVENTS] = "event",
	[OF_PAST] = "past", [OF_ERASED] = "erased", [OF_DEVICES] = "device",
	[OF_UNIONIDS] = "unionid", [OF_FOLLOWERS] = "follower", [OF_PULLS] = "follower_pull",
	[OF_ACCOUNTS] = "account", [OF_QRCODES] = "qrcode", [OF_TOKENS] = "token",
	[OF_STOPPED] = "stopped", [OF_ENDPOINTS] = "endpoint", [OF_SEEN] = "seen",
};

struct table;
struct known;

/* Puts a row into the other store, db. */
typedef enum error	 put_row(struct migrate *m, const struct table *t, struct known *k,
			    struct db *db, const struct db_rows *row);

struct table {
	int			 of;		/* which count it has; -1: it has none */
	enum sql		 take;
	int			 rows;		/* at a time; 0: all, and they stay */
	put_row			*put;
	enum sql		 sql;		/* of a put_values() */
	const char		*types;		/* of its values: int, text, blob */
	const struct recover_source *source;	/* of a put_recovered() */
	bool			 shared_only;	/* other stores have no such table */
};

/* What a batch needs to know of the other store. */
struct known {
	bool	 is_read, has_erased;
	int64_t	 first_day;		/* the first one that is not forgotten */
};

static struct db_value
value_at(const struct db_rows *row, int col, char type)
{
	if (db_col_type(row, col) == DB_NO_VALUE)
		return db_s(NULL);
	return type == 'i' ? db_i(db_col_int(row, col)) : type == 't' ? db_text(db_col(row, col)) :
	    db_b(db_col(row, col));
}

/* A put_row: a statement takes the columns as they are. */
static enum error
put_values(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	struct db_value	 v[VALUES];
	size_t		 n;

	(void)m, (void)k;
	for (n = 0; t->types[n] != '\0'; n++)
		v[n] = value_at(row, (int)n, t->types[n]);
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
	int64_t		 any = 0;
	enum error	 er = ERR_OK;

	if (k->is_read)
		return ERR_OK;
	if ((er = db_number(db, &any, SQL_ERASED_ANY, DB_NO_VALUES)) == ERR_OK)
		er = event_store_first_day(db, &k->first_day);
	k->has_erased = any != 0;
	k->is_read = er == ERR_OK;
	return er;
}

/*
 * A put_row: the events of one way to the server and back.  The account and the device are found by
 * their names.  It is as put_recovered() does it where nobody is forgotten.
 */
static enum error
put_event(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	const struct db_value	 application = db_text(db_col(row, 2));
	const struct db_value	 device = db_text(db_col(row, 5)), time = db_i(db_col_int(row, 7));
	enum error		 er;

	if ((er = read_known(k, db)) != ERR_OK)
		return er;
	if (k->has_erased || calendar_day_at(db_col_bounded(row, 7)) < k->first_day)
		return put_recovered(m, t, k, db, row);
	if ((er = db_run(db, NULL, SQL_MIGRATE_SPAN_PUT, DB_VALUES(application, device,
	    value_at(row, 13, 'i'), value_at(row, 14, 'i')))) == ERR_OK &&
	    (er = db_run(db, NULL, SQL_MIGRATE_EVENT_PUT, DB_VALUES(db_text(db_col(row, 1)),
	    application, device, value_at(row, 6, 't'), time, value_at(row, 12, 'i'),
	    value_at(row, 8, 'i'), value_at(row, 9, 'b'), value_at(row, 10, 'i'),
	    value_at(row, 11, 't')))) == ERR_OK)
		er = db_run(db, NULL, SQL_MIGRATE_SHORTEN, DB_VALUES(application, device, time));
	return er;
}

/* Lets all hosts know that the message is not new. */
static enum error
mark_message(struct db *db, const struct db_rows *row)
{
	const struct slice	 key = db_col(row, 0);
	enum dedup_as		 as = slice_is(db_col(row, 4), queue_states[QUEUE_PENDING]) ?
				    DEDUP_QUEUED : DEDUP_DONE;

	return key.len != QUEUE_KEY ? ERR_OK :
	    dedup_shared_put(db, (const unsigned char *)key.p, as);
}

/* A put_row. */
static enum error
put_message(struct migrate *m, const struct table *t, struct known *k, struct db *db,
    const struct db_rows *row)
{
	enum error	 er = put_values(m, t, k, db, row);

	if (er == ERR_OK && db_col_int(row, 12) != 0)	/* its user is forgotten */
		er = db_run(db, NULL, SQL_MIGRATE_LEAVING_PUT, DB_VALUES(db_b(db_col(row, 0))));
	return er == ERR_OK && store_is_shared(m->to) ? mark_message(db, row) : er;
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
find_forgotten(struct db *db, bool *is, struct slice application, struct slice openid,
    struct slice unionid)
{
	enum error	 er = ERR_OK;

	*is = false;
	if (application.p == NULL)
		return ERR_OK;
	er = erased_knows(db, is, application, openid, 0);
	return er != ERR_OK || *is || unionid.len == 0 ? er :
	    erased_knows(db, is, application, unionid, 0);
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

	(void)m, (void)t, (void)k;
	if ((er = find_forgotten(db, &is_forgotten, db_col(row, 3), openid, unionid)) != ERR_OK ||
	    is_forgotten)
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

	er = find_forgotten(db, &is_forgotten, db_col(row, 16), db_col(row, 1), db_col(row, 3));
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

/*
 * The order matters: the first day that stays and the accounts are known before events come, events
 * before devices that have no event, these before the UnionIDs that join them; all that asks for
 * the application of an account before the accounts.
 */
static const struct table	 tables[] = {
	{ -1, SQL_FORGOTTEN_DAY, 0, put_values, SQL_MIGRATE_FORGOTTEN_PUT, "i", NULL, false },
	{ OF_SEEN, SQL_MIGRATE_SEEN_TAKE, MANY, put_seen, 0, NULL, NULL, true },
	{ OF_MESSAGES, SQL_MIGRATE_MESSAGE_TAKE, FEW, put_message, SQL_MESSAGE_ADD, "bttitiiitibb",
	  NULL, false },
	{ OF_DEPARTED, SQL_MIGRATE_DEPARTED_TAKE, STEP, put_values, SQL_MIGRATE_DEPARTED_PUT,
	  "iitt", NULL, false },
	{ -1, SQL_MIGRATE_ACCOUNTS, 0, put_values, SQL_ACCOUNT_PUT, "tttt", NULL, false },
	{ OF_EVENTS, SQL_MIGRATE_EVENT_TAKE, STEP, put_event, 0, NULL, &event_store_recovered,
	  false },
	{ OF_PAST, SQL_MIGRATE_PAST_TAKE, STEP, put_recovered, 0, NULL,
	  &event_store_recovered_past, false },
	{ OF_ERASED, SQL_MIGRATE_ERASED_TAKE, STEP, put_erased, 0, NULL, NULL, false },
	{ OF_DEVICES, SQL_MIGRATE_DEVICE_TAKE, STEP, put_recovered, 0, NULL,
	  &event_store_recovered_devices, false },
	{ OF_UNIONIDS, SQL_MIGRATE_UNIONID_TAKE, STEP, put_unionid, 0, NULL, NULL, false },
	{ OF_FOLLOWERS, SQL_MIGRATE_FOLLOWER_TAKE, STEP, put_follower, SQL_MIGRATE_FOLLOWER_PUT,
	  "ttttitittttiiiii", NULL, false },
	{ OF_PULLS, SQL_MIGRATE_PULL_TAKE, STEP, put_values, SQL_MIGRATE_PULL_PUT, "tiitiiiiiiii",
	  NULL, false },
	{ OF_ACCOUNTS, SQL_MIGRATE_ACCOUNT_TAKE, STEP, put_values, SQL_ACCOUNT_PUT, "tttt", NULL,
	  false },
	{ OF_QRCODES, SQL_MIGRATE_QRCODE_TAKE, STEP, put_values, SQL_MIGRATE_QRCODE_PUT, "tttttii",
	  NULL, false },
	{ OF_TOKENS, SQL_MIGRATE_TOKEN_TAKE, STEP, put_values, SQL_MIGRATE_TOKEN_PUT,
	  "tttiiiiiiiiit", NULL, false },
	{ OF_STOPPED, SQL_MIGRATE_STOPPED_TAKE, STEP, put_values, SQL_MIGRATE_STOPPED_PUT,
	  "ttitiiiii", NULL, false },
	{ OF_ENDPOINTS, SQL_MIGRATE_ENDPOINT_TAKE, STEP, put_values, SQL_MIGRATE_ENDPOINT_PUT,
	  "tiiiitiii", NULL, false },
	{ -1, SQL_MIGRATE_FORGOTTEN_TAKE, 0, put_values, SQL_MIGRATE_FORGOTTEN_PUT, "i", NULL,
	  false },
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* Rows on their way. */
struct batch {
	struct migrate		*m;
	const struct table	*t;
	struct db_rows		 rows;
	bool			 is_read, is_done;
	int64_t			 n, until_ms;
};

/* A store_work of `to`.  The rows can be read only once: a second run of it fails. */
static enum error
put_rows(struct db *db, void *arg)
{
	struct batch	*b = arg;
	struct known	 known = { .is_read = false };
	enum error	 er = ERR_OK, read = ERR_OK;

	if (b->is_read)
		return ERR_LATE;
	b->is_read = true;
	while (er == ERR_OK && db_next(&b->rows, &read)) {
		er = b->t->put(b->m, b->t, &known, db, &b->rows);
		b->n++;
	}
	return er == ERR_OK ? read : er;
}

/* A store_work of `from`; it commits after `to`. */
static enum error
take_rows(struct db *db, void *arg)
{
	struct batch		*b = arg;
	const struct db_value	 max = db_i(b->t->rows);
	enum error		 er;

	b->n = 0;
	b->is_read = b->is_done = false;
	er = db_start(db, &b->rows, b->t->take, &max, b->t->rows != 0);
	if (er == ERR_OK) {
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
	return er;
}

enum error
migrate_count(struct store *s, int64_t n[MIGRATE_NAMES], int64_t until_ms)
{
	return store_do(s, STORE_READ, count_rows, n, until_ms);
}
