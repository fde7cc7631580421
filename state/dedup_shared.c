#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "state/dedup_shared.h"

enum {
	WAIT_MIN_MS = 2,	/* between two looks at another one's claim, first ... */
	WAIT_MAX_MS = 50,	/* ... and later */
	DAY_S = 86400,
	SEEN_KEY = 16		/* bytes: four of the message's time, twelve of its digest */
};

/* What the table says; the numbers are in it.  A row that is claimed may have any of these. */
enum known { KNOWN_NOTHING = 0, KNOWN_QUEUED = 2, KNOWN_DONE = 3 };

struct claim_work {
	unsigned char		 key[SEEN_KEY];
	enum dedup_as		 as;
	bool			 is_mine;
};

/* The key of a row.  A key of the caller's has eight bytes of the time, and then the digest. */
static void
write_seen_key(unsigned char seen[SEEN_KEY], const unsigned char key[DEDUP_KEY])
{
	memcpy(seen, key + 4, SEEN_KEY);
}

static struct db_value
value_of_key(const unsigned char seen[SEEN_KEY])
{
	return db_b((struct slice){ (const char *)seen, SEEN_KEY });
}

/*
 * A store_work.  A row that is there without a mark is of one who died: perhaps after it had put
 * the message into the queue.
 */
static enum error
claim_row(struct db *db, void *arg)
{
	struct claim_work	*w = arg;
	int64_t			 is_new = -1, known = KNOWN_NOTHING;
	enum error		 er;

	er = db_number(db, &is_new, SQL_SEEN_CLAIM, DB_VALUES(value_of_key(w->key),
	    db_i(DEDUP_SHARED_CLAIM_MS), db_i(KNOWN_DONE)));
	w->is_mine = is_new != -1;
	w->as = is_new == 1 ? DEDUP_NEVER : DEDUP_QUEUED;
	if (er != ERR_OK || w->is_mine)
		return er;
	er = db_number(db, &known, SQL_SEEN_FIND, DB_VALUES(value_of_key(w->key)));
	if (known == KNOWN_DONE)
		w->as = DEDUP_DONE;
	return er;
}

/* Sleeps, longer each time.  False: there is no time left. */
static bool
wait_for_claim(int64_t *pause_ms, int64_t until_ms)
{
	const struct timespec	 pause = { 0, *pause_ms * 1000000 };

	if (clock_mono_ms() + *pause_ms >= until_ms)
		return false;
	(void)nanosleep(&pause, NULL);
	*pause_ms = *pause_ms * 2 < WAIT_MAX_MS ? *pause_ms * 2 : WAIT_MAX_MS;
	return true;
}

enum error
dedup_shared_claim(struct store *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
    int64_t until_ms)
{
	struct claim_work	 w = { .as = DEDUP_NEVER };
	int64_t			 pause_ms = WAIT_MIN_MS;
	bool			 is_met = false;	/* another one had it a moment ago */
	enum error		 er;

	write_seen_key(w.key, key);
	do {
		if ((er = store_do(s, STORE_WRITE, claim_row, &w, until_ms)) != ERR_OK)
			return is_met && er == ERR_STORE ? ERR_LATE : er;
		is_met = true;
		*as = w.as;
		if (w.is_mine || w.as == DEDUP_DONE)
			return ERR_OK;
	} while (wait_for_claim(&pause_ms, until_ms));
	return ERR_LATE;
}

/* A store_work. */
static enum error
find_known(struct db *db, void *arg)
{
	struct claim_work	*w = arg;
	int64_t			 known = -1;
	enum error		 er = db_number(db, &known, SQL_SEEN_FIND,
				    DB_VALUES(value_of_key(w->key)));

	w->as = known == -1 ? DEDUP_NEVER : known == KNOWN_DONE ? DEDUP_DONE : DEDUP_QUEUED;
	return er;
}

enum error
dedup_shared_find(struct store *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
    int64_t until_ms)
{
	struct claim_work	 w = { .as = DEDUP_NEVER };
	enum error		 er;

	write_seen_key(w.key, key);
	er = store_do(s, STORE_READ, find_known, &w, until_ms);
	*as = w.as;
	return er;
}

/* A store_work. */
static enum error
mark_row(struct db *db, void *arg)
{
	const struct claim_work	*w = arg;

	return db_run(db, NULL, SQL_SEEN_MARK, DB_VALUES(value_of_key(w->key),
	    db_i(w->as == DEDUP_DONE ? KNOWN_DONE : KNOWN_QUEUED)));
}

enum error
dedup_shared_mark(struct store *s, const unsigned char key[DEDUP_KEY], enum dedup_as as,
    int64_t until_ms)
{
	struct claim_work	 w = { .as = as };

	write_seen_key(w.key, key);
	return store_do(s, STORE_WRITE, mark_row, &w, until_ms);
}

struct sweep_work {
	unsigned char	 end[SEEN_KEY];	/* keys below it are of messages that are as old */
	int64_t		 days, max, gone;
};

/* A store_work. */
static enum error
sweep_rows(struct db *db, void *arg)
{
	struct sweep_work	*w = arg;

	return db_run(db, &w->gone, SQL_SEEN_SWEEP, DB_VALUES(value_of_key(w->end),
	    db_i(w->days), db_i(w->max)));
}

enum error
dedup_shared_sweep(struct store *s, bool *more, int days, int max, int64_t until_ms)
{
	const int64_t		 end_s = clock_wall_ms() / 1000 - (int64_t)days * DAY_S + DAY_S;
	struct sweep_work	 w = { .days = days, .max = max };
	enum error		 er;
	int			 i;

	for (i = 0; i < 4; i++)
		w.end[i] = (unsigned char)(end_s >> (24 - 8 * i));
	er = store_do(s, STORE_WRITE, sweep_rows, &w, until_ms);
	*more = er == ERR_OK && w.gone == max;
	return er;
}
