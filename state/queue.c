#include <string.h>

#include "core/hex.h"
#include "core/number.h"
#include "state/queue.h"

enum {
	VACUUM_PAGES = 64,	/* that one step gives back */
	VACUUM_FREE = 512	/* free pages that stay, for new rows */
};

const char *const queue_states[QUEUE__MAX] = {
	[QUEUE_NEW]		= "",
	[QUEUE_PENDING]		= "pending",
	[QUEUE_DELIVERED]	= "delivered",
	[QUEUE_DEAD]		= "dead",
};

void
queue_key(unsigned char key[QUEUE_KEY], int64_t time_s, const char *hex)
{
	int	 i;

	for (i = 0; i < 8; i++)
		key[i] = (unsigned char)((uint64_t)time_s >> (56 - 8 * i));
	for (; i < QUEUE_KEY; i++, hex += 2)
		key[i] = (unsigned char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
}

static struct db_value
db_key(const unsigned char *key)
{
	return db_b((struct slice){ (const char *)key, QUEUE_KEY });
}

static enum queue_state
state_of(struct slice name)
{
	enum queue_state	 s;

	for (s = QUEUE_PENDING; s < QUEUE__MAX; s++)
		if (slice_is(name, queue_states[s]))
			return s;
	return QUEUE_NEW;
}

static enum error
read_state(struct db *db, enum queue_state *state, const unsigned char key[QUEUE_KEY],
    enum sql sql)
{
	struct db_rows	 rows;
	enum error	 er;

	*state = QUEUE_NEW;
	er = db_start(db, &rows, sql, DB_VALUES(db_key(key)));
	if (er == ERR_OK && db_next(&rows, &er))
		*state = state_of(db_col(&rows, 0));
	db_end(&rows);
	return er;
}

enum error
queue_look(struct db *db, enum queue_state *state, const unsigned char key[QUEUE_KEY])
{
	return read_state(db, state, key, SQL_MESSAGE_STATE);
}

enum error
queue_confirm(struct db *db, enum queue_state *state, const unsigned char key[QUEUE_KEY])
{
	return read_state(db, state, key, SQL_MESSAGE_CONFIRM);
}

/* The column next. */
static struct db_value
next_of(const struct db *db, const struct queue_message *m)
{
	return m->state == QUEUE_PENDING ? db_i(db_stored_ms(db, m->next_ms)) : db_s(NULL);
}

enum error
queue_add(struct db *db, const struct queue_message *m)
{
	return db_run(db, NULL, SQL_MESSAGE_ADD, DB_VALUES(db_key(m->key), db_text(m->account),
	    db_text(m->code), db_i(db_stored_ms(db, m->received_ms)),
	    db_s(queue_states[m->state]), db_i(m->attempts), db_i(m->unread), next_of(db, m),
	    db_text(m->outcome), db_i(m->qt_ms), db_b(m->query), db_b(m->body)));
}

enum error
queue_settle(struct db *db, const struct queue_message *m, bool keep)
{
	int64_t		 gone = 0;
	enum error	 er;

	if (m->state == QUEUE_DELIVERED && !keep)
		return db_run(db, NULL, SQL_MESSAGE_DELIVERED, DB_VALUES(db_i(m->id),
		    db_key(m->key)));
	if (m->state == QUEUE_DELIVERED) {	/* a copy of it stays, unless the user leaves */
		er = db_run(db, &gone, SQL_MESSAGE_LEAVES, DB_VALUES(db_i(m->id),
		    db_key(m->key)));
		if (er != ERR_OK || gone != 0)
			return er;
	}
	return db_run(db, NULL, SQL_MESSAGE_SETTLE, DB_VALUES(db_s(queue_states[m->state]),
	    db_i(m->attempts), db_i(m->unread), next_of(db, m), db_text(m->outcome),
	    db_i(m->qt_ms), db_i(m->id), db_key(m->key)));
}

enum error
queue_settle_key(struct db *db, const struct queue_message *m)
{
	if (m->state == QUEUE_DELIVERED)
		return db_run(db, NULL, SQL_MESSAGE_DELIVERED_KEY, DB_VALUES(db_key(m->key)));
	return db_run(db, NULL, SQL_MESSAGE_SETTLE_KEY, DB_VALUES(db_s(queue_states[m->state]),
	    db_i(m->unread), next_of(db, m), db_text(m->outcome), db_i(m->qt_ms),
	    db_key(m->key)));
}

static void
read_message(struct queue_message *m, const struct db_rows *rows)
{
	const struct slice	 key = db_col(rows, 1);

	memset(m, 0, sizeof(*m));
	m->id = db_col_int(rows, 0);
	if (key.len == QUEUE_KEY)
		memcpy(m->key, key.p, QUEUE_KEY);
	m->account = db_col(rows, 2);
	m->code = db_col(rows, 3);
	m->received_ms = db_local_ms(rows->db, db_col_bounded(rows, 4));
	m->state = state_of(db_col(rows, 5));
	m->attempts = db_col_bounded(rows, 6);
	m->next_ms = db_local_ms(rows->db, db_col_bounded(rows, 7));
	m->outcome = db_col(rows, 8);
	m->qt_ms = db_col_bounded(rows, 9);
	m->query = db_col(rows, 10);
	m->body = db_col(rows, 11);
	m->unread = db_col_bounded(rows, 12);
}

/* Calls fn for each row of a started statement, and ends the statement. */
static enum error
call_each(struct db_rows *rows, enum error er, queue_each *fn, void *ctx)
{
	struct queue_message	 m;

	while (er == ERR_OK && db_next(rows, &er)) {
		read_message(&m, rows);
		er = fn(ctx, &m);
	}
	db_end(rows);
	return er;
}

enum error
queue_due(struct db *db, const char *account, enum queue_part part, int64_t until_ms, int max,
    queue_each *fn, void *ctx)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_MESSAGE_DUE, DB_VALUES(db_s(account), db_i(part),
	    db_i(db_stored_ms(db, until_ms)), db_i(max)));
	return call_each(&rows, er, fn, ctx);
}

/* After this time a message waits for a clock that was wrong. */
static int64_t
last_of(int64_t now_ms)
{
	return now_ms + QUEUE_BACKOFF_MAX_MS;
}

enum error
queue_next(struct db *db, const char *account, enum queue_part part, int64_t now_ms,
    int64_t *next_ms)
{
	const int64_t	 last = part == QUEUE_FRESH ? now_ms : last_of(now_ms);
	enum error	 er;

	*next_ms = INT64_MAX;
	er = db_number(db, next_ms, SQL_MESSAGE_NEXT, DB_VALUES(db_s(account), db_i(part)));
	*next_ms = db_local_ms(db, *next_ms);
	if (*next_ms != INT64_MAX && *next_ms > last)
		*next_ms = now_ms;
	else if (*next_ms != INT64_MAX)
		*next_ms = number_bounded(*next_ms);
	return er;
}

/* Messages of both parts whose time is after after_ms become due: see queue_make_due(). */
static enum error
make_due(struct db *db, const char *account, int64_t after_ms, int64_t now_ms, int64_t *n)
{
	int64_t		 some = 0;
	enum queue_part	 part;
	enum error	 er = ERR_OK;

	*n = 0;
	for (part = QUEUE_FRESH; part < QUEUE__PARTS && er == ERR_OK; part++) {
		er = db_run(db, &some, SQL_MESSAGE_MAKE_DUE, DB_VALUES(db_s(account), db_i(part),
		    db_i(db_stored_ms(db, after_ms)), db_i(db_stored_ms(db, now_ms))));
		*n += some;
	}
	return er;
}

enum error
queue_make_due(struct db *db, const char *account, int64_t now_ms, int64_t *n)
{
	return make_due(db, account, now_ms, now_ms, n);
}

enum error
queue_hasten(struct db *db, const char *account, int64_t now_ms, int n)
{
	return db_run(db, NULL, SQL_MESSAGE_HASTEN, DB_VALUES(db_s(account), db_i(QUEUE_FAILED),
	    db_i(db_stored_ms(db, now_ms)), db_i(n)));
}

enum error
queue_repair_times(struct db *db, const char *account, int64_t now_ms)
{
	int64_t	 n;

	return make_due(db, account, last_of(now_ms), now_ms, &n);
}

int64_t
queue_backoff_ms(int64_t attempts, uint64_t chance)
{
	enum { DOUBLINGS = 9 };	/* 1 s times 2^9 is more than the maximum */
	int64_t	 ms;

	if (attempts < 1)
		attempts = 1;
	ms = attempts > DOUBLINGS ? QUEUE_BACKOFF_MAX_MS : INT64_C(1000) << (attempts - 1);
	if (ms > QUEUE_BACKOFF_MAX_MS)
		ms = QUEUE_BACKOFF_MAX_MS;
	return ms - (int64_t)(chance % (uint64_t)(ms / 4));
}

/* The highest id with an old message among the next max rows; `at` if all are younger. */
static enum error
find_step_end(struct db *db, int64_t *end, int64_t at, int64_t before_ms, int max)
{
	*end = at;
	return db_number(db, end, SQL_MESSAGE_SWEEP_END, DB_VALUES(db_i(at), db_i(max),
	    db_i(db_stored_ms(db, before_ms))));
}

enum error
queue_sweep(struct db *db, struct queue_sweep *sw, int max)
{
	int64_t		 end = sw->at, pages = 0, deleted = 0;
	enum error	 er;

	if ((er = find_step_end(db, &end, sw->at, sw->before_ms, max)) == ERR_OK && end != sw->at)
		er = db_run(db, &deleted, SQL_MESSAGE_SWEEP, DB_VALUES(db_i(sw->at), db_i(end),
		    db_i(db_stored_ms(db, sw->before_ms))));
	if (er == ERR_OK &&
	    (er = db_number(db, &pages, SQL_FREE_PAGES, DB_NO_VALUES)) == ERR_OK &&
	    pages > VACUUM_FREE + VACUUM_PAGES)
		er = db_run(db, NULL, SQL_SHRINK, DB_NO_VALUES);
	if (er != ERR_OK)
		return er;
	sw->idle = deleted == 0 && pages <= VACUUM_FREE + VACUUM_PAGES;
	sw->more = end != sw->at || pages > VACUUM_FREE + VACUUM_PAGES;
	sw->at = end;
	return ERR_OK;
}

enum error
queue_list(struct db *db, int64_t after_id, int max, queue_each *fn, void *ctx)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_MESSAGE_LIST, DB_VALUES(db_i(after_id), db_i(max)));
	return call_each(&rows, er, fn, ctx);
}

enum error
queue_show(struct db *db, int64_t id, queue_each *fn, void *ctx)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_MESSAGE_SHOW, DB_VALUES(db_i(id)));
	return call_each(&rows, er, fn, ctx);
}

enum error
queue_count(struct db *db, enum queue_state state, int64_t *n)
{
	*n = 0;
	if (state == QUEUE_PENDING)
		return db_number(db, n, SQL_MESSAGE_COUNT_PENDING, DB_NO_VALUES);
	if (state == QUEUE_DEAD)
		return db_number(db, n, SQL_MESSAGE_COUNT_DEAD, DB_NO_VALUES);
	return db_number(db, n, SQL_MESSAGE_COUNT_DELIVERED, DB_NO_VALUES);
}

enum error
queue_oldest(struct db *db, int64_t *ms)
{
	const enum error	 er = db_number(db, ms, SQL_MESSAGE_OLDEST, DB_NO_VALUES);

	*ms = db_local_ms(db, *ms);
	return er;
}

/* Finds the oldest message among the 200 ids from id on. */
static enum error
find_oldest(struct db *db, int64_t *oldest_ms, const char *account, enum queue_state state,
    int64_t id)
{
	int64_t		 ms = -1;
	enum error	 er;

	er = db_number(db, &ms, SQL_MESSAGE_OLDEST_NEAR, DB_VALUES(db_i(id),
	    db_s(queue_states[state]), db_s(account)));
	*oldest_ms = ms == -1 ? -1 : db_local_ms(db, number_bounded(ms));
	return er;
}

enum error
queue_depth(struct db *db, const char *account, enum queue_state state, int64_t *n,
    int64_t *oldest_ms)
{
	static const enum sql	 counts[QUEUE__MAX] = {
		[QUEUE_PENDING]	= SQL_MESSAGE_DEPTH_PENDING,
		[QUEUE_DEAD]	= SQL_MESSAGE_DEPTH_DEAD,
	};
	struct db_rows		 rows;
	int64_t			 id = 0;
	enum error		 er;

	*n = 0;
	*oldest_ms = -1;
	er = db_start(db, &rows, counts[state], DB_VALUES(db_s(account)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		*n = db_col_bounded(&rows, 0);
		id = db_col_int(&rows, 1);
	}
	db_end(&rows);
	return er == ERR_OK && *n != 0 ? find_oldest(db, oldest_ms, account, state, id) : er;
}

enum error
queue_last(struct db *db, int64_t *id)
{
	*id = 0;
	return db_number(db, id, SQL_MESSAGE_LAST, DB_NO_VALUES);
}

enum error
queue_retry(struct db *db, const struct queue_choice *choice, int64_t now_ms, int64_t *n)
{
	return db_run(db, n, SQL_MESSAGE_RETRY, DB_VALUES(db_i(choice->from), db_i(choice->to),
	    db_s(choice->account), db_s(choice->outcome), db_i(db_stored_ms(db, now_ms))));
}

enum error
queue_outcomes(struct db *db, void (*fn)(void *ctx, struct slice outcome), void *ctx)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_MESSAGE_OUTCOMES, DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er))
		fn(ctx, db_col(&rows, 0));
	db_end(&rows);
	return er;
}

enum error
queue_drop(struct db *db, int64_t id, int64_t *n)
{
	return db_run(db, n, SQL_MESSAGE_DROP, DB_VALUES(db_i(id)));
}

/*
 * True: bytes that no message has.  Damage leaves no other trace in the middle of a body: SQLite
 * keeps no sums over its pages.
 */
static bool
is_garbled(struct slice body)
{
	enum { ODD_MAX = 8 };	/* control characters that a message may have */
	size_t	 i;
	int	 odd = 0;

	for (i = 0; i < body.len && odd <= ODD_MAX; i++)
		if (body.p[i] == '\0')
			return true;
		else
			odd += (unsigned char)body.p[i] < 0x20 && body.p[i] != '\n' &&
			    body.p[i] != '\r' && body.p[i] != '\t';
	return odd > ODD_MAX;
}

/* A message whose body is garbled is not sent by itself: a person can look at it. */
static enum error
recover_message(struct db *db, const struct db_rows *row, int64_t *copied)
{
	const bool	 garbled = is_garbled(db_col(row, 10));
	int64_t		 new = 0;
	enum error	 er;

	er = db_run(db, &new, SQL_MESSAGE_RECOVER, DB_VALUES(db_b(db_col(row, 1)),
	    db_b(db_col(row, 2)), db_b(db_col(row, 3)), db_i(db_col_bounded(row, 4)),
	    garbled ? db_s("dead") : db_b(db_col(row, 5)), db_i(db_col_bounded(row, 6)),
	    db_i(db_col_bounded(row, 7)),
	    garbled ? db_s("damaged on the disk") : db_b(db_col(row, 8)), db_b(db_col(row, 9)),
	    db_b(db_col(row, 10))));
	*copied += new;
	return er;
}

const struct recover_source queue_recovered = {
	.what	= "waiting messages",
	.select	= SQL_RECOVER_MESSAGES,
	.copy	= recover_message,
	.is_carried = true,
};
