#include <time.h>

#include "core/clock.h"
#include "core/random.h"
#include "state/lease.h"

enum {
	KEEPS = 3,		/* so often a lease is kept before it would end */
	USE_MS = 2000,		/* the longest wait for the store */
	PAUSE_MS = 50,		/* between two tries to get what another host has */
	AGAIN_MS = 500,		/* between two tries to keep one while the store fails */
	MARGIN_MS = 2000	/* so long before its end a lease is not relied on */
};

/* What is done with the row of a lease, and whether it is ours then. */
struct lease_row {
	const struct lease	*lease;
	bool			 is_mine;
};

static struct db_value
key_of(const struct lease *l)
{
	return db_b((struct slice){ (const char *)l->lock.key, LOCK_KEY });
}

/* A store_work. */
static enum error
take_row(struct db *db, void *arg)
{
	struct lease_row	*r = arg;
	int64_t			 owner = 0;
	enum error		 er;

	er = db_number(db, &owner, SQL_LEASE_TAKE, DB_VALUES(key_of(r->lease),
	    db_i(r->lease->owner), db_i(r->lease->ms)));
	r->is_mine = owner == r->lease->owner;
	return er;
}

/* A store_work. */
static enum error
drop_row(struct db *db, void *arg)
{
	const struct lease_row	*r = arg;

	return db_run(db, NULL, SQL_LEASE_DROP, DB_VALUES(key_of(r->lease),
	    db_i(r->lease->owner)));
}

/*
 * The monotonic clock, which goes on while the machine sleeps if the system has one like that.  It
 * is compared with itself only.
 */
static int64_t
now_ms(void)
{
#ifdef CLOCK_BOOTTIME
	return clock_read_ms(CLOCK_BOOTTIME);
#else
	return clock_mono_ms();
#endif
}

/*
 * Writes the row.  Its end is counted from before that: the server's clock begins later.  ERR_LATE:
 * another one has it.
 */
static enum error
write_row(struct store *s, struct lease *l)
{
	struct lease_row	 r = { .lease = l };
	const int64_t		 begin_ms = now_ms();
	enum error		 er;

	if ((er = store_do(s, STORE_WRITE, take_row, &r, clock_mono_ms() + USE_MS)) != ERR_OK)
		return er;
	if (!r.is_mine)
		return ERR_LATE;
	l->keep_ms = begin_ms + l->ms / KEEPS;
	l->end_ms = begin_ms + l->ms - MARGIN_MS;
	return ERR_OK;
}

/* Takes the lock.  True: that is all, or nothing can be done; *result. */
static bool
is_lock_enough(struct store *s, struct lease *l, enum lock_result *result, const char *what,
    const char *which, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];

	l->owner = 0;
	lock_name(key, what, which);
	*result = lock_take(store_locks(s), &l->lock, key, until_ms);
	if (*result != LOCK_MINE || !store_is_shared(s))
		return true;
	l->owner = random_id();
	return false;
}

/* Writes the row of a lease whose lock is ours; waits for another host. */
static enum lock_result
take_with_row(struct store *s, struct lease *l, int64_t until_ms)
{
	const struct timespec	 pause = { 0, PAUSE_MS * 1000000 };

	while (write_row(s, l) != ERR_OK) {
		if (clock_mono_ms() + PAUSE_MS >= until_ms) {
			lock_release(store_locks(s), &l->lock, false);
			return LOCK_BUSY;
		}
		(void)nanosleep(&pause, NULL);
	}
	return LOCK_MINE;
}

enum lock_result
lease_take(struct store *s, struct lease *l, const char *what, const char *which,
    int64_t until_ms)
{
	enum lock_result	 result;

	l->ms = LEASE_MS;
	return is_lock_enough(s, l, &result, what, which, until_ms) ? result :
	    take_with_row(s, l, until_ms);
}

enum lock_result
lease_take_long(struct store *s, struct lease *l, const char *what, const char *which,
    int64_t until_ms)
{
	enum lock_result	 result;

	l->ms = LEASE_LONG_MS;
	return is_lock_enough(s, l, &result, what, which, until_ms) ? result :
	    take_with_row(s, l, until_ms);
}

enum lock_result
lease_try(struct store *s, struct lease *l, const char *what, const char *which)
{
	enum lock_result	 result;
	enum error		 er;

	l->ms = LEASE_MS;
	if (is_lock_enough(s, l, &result, what, which, 0))
		return result;
	if ((er = write_row(s, l)) == ERR_LATE) {
		lock_release(store_locks(s), &l->lock, false);
		return LOCK_BUSY;
	}
	if (er != ERR_OK)
		l->owner = 0;
	return LOCK_MINE;
}

bool
lease_keep(struct store *s, struct lease *l)
{
	enum error	 er;

	if (l->owner == 0)
		return true;
	/* Another host may have had it and given it back: then the row says nothing. */
	if (now_ms() >= l->end_ms)
		return false;
	if (now_ms() < l->keep_ms)
		return true;
	if ((er = write_row(s, l)) == ERR_OK || er == ERR_LATE)
		return er == ERR_OK;
	l->keep_ms = now_ms() + AGAIN_MS;
	return now_ms() < l->end_ms;
}

void
lease_doubt(struct lease *l)
{
	l->keep_ms = 0;
}

void
lease_end(struct store *s, struct lease *l, bool done)
{
	struct lease_row	 r = { .lease = l };

	/* If this fails, the row ends by itself. */
	if (l->owner != 0)
		(void)store_do(s, STORE_WRITE, drop_row, &r, clock_mono_ms() + USE_MS);
	lock_release(store_locks(s), &l->lock, done);
}

void
lease_leave(struct store *s, struct lease *l, int64_t ms)
{
	l->ms = ms;
	if (l->owner != 0)
		(void)write_row(s, l);
	lock_release(store_locks(s), &l->lock, false);
}
