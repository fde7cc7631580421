#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "core/clock.h"
#include "state/lease.h"

enum {
	USE_MS = 2000,		/* the longest wait for the store */
	PAUSE_MS = 50,		/* between two tries to get what another host has */
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
	    db_i(r->lease->owner), db_i(LEASE_MS)));
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

/* Writes the row.  Its end is counted from before that: the server's clock begins later. */
static bool
write_row(struct store *s, struct lease *l)
{
	struct lease_row	 r = { .lease = l };
	const int64_t		 now_ms = clock_mono_ms();

	if (store_do(s, STORE_WRITE, take_row, &r, now_ms + USE_MS) != ERR_OK || !r.is_mine)
		return false;
	l->keep_ms = now_ms + LEASE_KEEP_MS;
	l->end_ms = now_ms + LEASE_MS - MARGIN_MS;
	return true;
}

/* A number that no other lease has, on no host; never 0. */
static int64_t
make_owner(void)
{
	uint64_t	 n = 0;

	while (getrandom(&n, sizeof(n), 0) == -1 && errno == EINTR)
		;
	return (int64_t)(n >> 2 | 1);
}

enum lock_result
lease_take(struct store *s, struct lease *l, const char *what, const char *which,
    int64_t until_ms)
{
	const struct timespec	 pause = { 0, PAUSE_MS * 1000000 };
	unsigned char		 key[LOCK_KEY];
	enum lock_result	 result;

	l->owner = 0;
	lock_name(key, what, which);
	result = lock_take(store_locks(s), &l->lock, key, until_ms);
	if (result != LOCK_MINE || !store_is_shared(s))
		return result;
	l->owner = make_owner();
	while (!write_row(s, l)) {
		if (clock_mono_ms() + PAUSE_MS >= until_ms) {
			lock_release(store_locks(s), &l->lock, false);
			return LOCK_BUSY;
		}
		(void)nanosleep(&pause, NULL);
	}
	return LOCK_MINE;
}

bool
lease_keep(struct store *s, struct lease *l)
{
	if (l->owner == 0 || clock_mono_ms() < l->keep_ms)
		return true;
	return write_row(s, l) || clock_mono_ms() < l->end_ms;
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
