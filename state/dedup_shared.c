#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/hex.h"
#include "state/dedup_shared.h"

enum {
	WAIT_MIN_MS = 2,	/* between two looks at another one's claim, first ... */
	WAIT_MAX_MS = 50,	/* ... and later */
	MARK_MS = 1500,		/* from the end of a call to its mark, at most */
	STORE_MS = 1000,	/* the longest wait for the store, if the caller has less time */
	SEEN_KEY = DEDUP_SHARED_KEY	/* four bytes of the message's time, twelve of its digest */
};

/*
 * What the table says of a message, and what is wanted of it; the numbers are in the table.  A row
 * that is claimed may have any of these but WISH_LOOK.
 */
enum {
	KNOWN_NOTHING	= 0,	/* wanted: a claim */
	WISH_LOOK	= 1,
	KNOWN_QUEUED	= 2,
	KNOWN_DONE	= 3
};

/* One message, for one thread. */
struct seen_work {
	unsigned char	 key[SEEN_KEY];
	unsigned char	 wish;
	int		 ms;		/* a claim lasts so long */
	bool		 is_known;	/* as says what the row is */
	bool		 is_mine;	/* the claim */
	enum dedup_as	 as;
};

/* The key of a row.  A key of the caller's has eight bytes of the time, and then the digest. */
static void
write_seen_key(unsigned char seen[SEEN_KEY], const unsigned char key[DEDUP_KEY])
{
	memcpy(seen, key + 4, SEEN_KEY);
}

/* For qsort(): by key, and of one key the largest wish first. */
static int
compare_works(const void *a, const void *b)
{
	const struct seen_work	*x = *(void *const *)a, *y = *(void *const *)b;
	const int		 by_key = memcmp(x->key, y->key, SEEN_KEY);

	return by_key != 0 ? by_key : (int)y->wish - (int)x->wish;
}

/* Works in the order of their keys, one for each key. */
struct batch {
	struct seen_work	*v[STORE_TOGETHER];
	size_t			 n;
};

static enum error
put_key(struct buf *out, const struct seen_work *w, const char *before)
{
	char	 hex[2 * SEEN_KEY + 1];

	hex_encode(hex, w->key, SEEN_KEY);
	return buf_printf(out, "%s%s", before, hex);
}

/* The arrays of a statement. */
struct arrays {
	struct buf	 keys, wishes, spans;
};

static void
free_arrays(struct arrays *a)
{
	buf_free(&a->keys);
	buf_free(&a->wishes);
	buf_free(&a->spans);
}

/* Writes the keys that are not known yet. */
static enum error
write_keys(struct arrays *a, const struct batch *b)
{
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < b->n && er == ERR_OK; i++)
		if (!b->v[i]->is_known)
			er = put_key(&a->keys, b->v[i], a->keys.len == 0 ? "{" : ",");
	return er == ERR_OK && a->keys.len != 0 ? buf_putc(&a->keys, '}') : er;
}

/* Writes what is claimed and marked. */
static enum error
write_changes(struct arrays *a, const struct batch *b)
{
	const char	*before = "{";
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < b->n && er == ERR_OK; i++) {
		if (b->v[i]->wish == WISH_LOOK)
			continue;
		if ((er = put_key(&a->keys, b->v[i], before)) == ERR_OK &&
		    (er = buf_printf(&a->wishes, "%s%d", before, b->v[i]->wish)) == ERR_OK)
			er = buf_printf(&a->spans, "%s%d", before, b->v[i]->ms);
		before = ",";
	}
	if (er != ERR_OK || a->keys.len == 0)
		return er;
	if ((er = buf_putc(&a->keys, '}')) == ERR_OK && (er = buf_putc(&a->wishes, '}')) == ERR_OK)
		er = buf_putc(&a->spans, '}');
	return er;
}

/* The work with the key of a row.  at: where the last row's was; rows come in the same order. */
static struct seen_work *
work_of(const struct batch *b, size_t *at, const struct db_rows *row)
{
	const struct slice	 key = db_col(row, 0);

	for (; *at < b->n; (*at)++)
		if (key.len == SEEN_KEY && memcmp(b->v[*at]->key, key.p, SEEN_KEY) == 0)
			return b->v[*at];
	return NULL;
}

/*
 * Claims and marks.  A row that is there without a mark is of one who died: perhaps after it had
 * put the message into the queue.
 */
static enum error
change_rows(struct db *db, const struct batch *b, const struct arrays *a)
{
	struct seen_work	*w;
	struct db_rows		 rows;
	size_t			 at = 0;
	enum error		 er;

	for (er = db_start(db, &rows, SQL_SEEN_CHANGE, DB_VALUES(db_text(buf_slice(&a->keys)),
	    db_text(buf_slice(&a->wishes)), db_text(buf_slice(&a->spans))));
	    er == ERR_OK && db_next(&rows, &er);)
		if ((w = work_of(b, &at, &rows)) != NULL) {
			w->is_known = true;
			w->is_mine = w->wish == KNOWN_NOTHING;
			w->as = db_col_int(&rows, 1) != 0 ? DEDUP_NEVER : DEDUP_QUEUED;
		}
	db_end(&rows);
	return er;
}

/* Reads the rows of those that are not known yet. */
static enum error
find_rows(struct db *db, const struct batch *b, const struct buf *keys)
{
	struct seen_work	*w;
	struct db_rows		 rows;
	size_t			 at = 0;
	enum error		 er;

	for (er = db_start(db, &rows, SQL_SEEN_FIND, DB_VALUES(db_text(buf_slice(keys))));
	    er == ERR_OK && db_next(&rows, &er);)
		if ((w = work_of(b, &at, &rows)) != NULL)
			w->as = db_col_int(&rows, 1) == KNOWN_DONE ? DEDUP_DONE : DEDUP_QUEUED;
	db_end(&rows);
	return er;
}

/* Of several works with one key, all but the first come too late: a claim is tried again. */
static void
make_batch(struct batch *b, void *const *works, size_t n)
{
	struct seen_work	*w;
	size_t			 i;

	b->n = 0;
	for (i = 0; i < n; i++) {
		w = works[i];
		w->is_known = w->is_mine = false;
		w->as = DEDUP_QUEUED;
		if (b->n != 0 && memcmp(b->v[b->n - 1]->key, w->key, SEEN_KEY) == 0)
			continue;
		if (w->wish == WISH_LOOK)	/* unless there is a row */
			w->as = DEDUP_NEVER;
		b->v[b->n++] = w;
	}
}

/* A store_all. */
static enum error
do_works(struct db *db, void *const *args, size_t n)
{
	struct arrays	 a = { .keys = { 0 } };
	struct batch	 b;
	void		*works[STORE_TOGETHER];
	enum error	 er;

	memcpy(works, args, n * sizeof(*works));
	qsort(works, n, sizeof(*works), compare_works);
	make_batch(&b, works, n);
	er = write_changes(&a, &b);
	if (er == ERR_OK && a.keys.len != 0)
		er = change_rows(db, &b, &a);
	buf_reset(&a.keys);
	if (er == ERR_OK && (er = write_keys(&a, &b)) == ERR_OK && a.keys.len != 0)
		er = find_rows(db, &b, &a.keys);
	free_arrays(&a);
	return er;
}

void
dedup_shared_begin(struct store *s)
{
	store_set_together(s, do_works);
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
    int64_t until_ms, int call_ms)
{
	struct seen_work	 w = {
		.wish = KNOWN_NOTHING, .ms = call_ms + MARK_MS < DEDUP_SHARED_CLAIM_MS ?
		    DEDUP_SHARED_CLAIM_MS : call_ms + MARK_MS,
	};
	int64_t			 pause_ms = WAIT_MIN_MS;
	int64_t			 store_ms;
	bool			 is_met = false;	/* another one had it a moment ago */
	enum error		 er;

	write_seen_key(w.key, key);
	do {
		/* A caller that does not wait for others has to wait for the store's answer. */
		store_ms = clock_mono_ms() + STORE_MS;
		er = store_do(s, STORE_WRITE, NULL, &w, until_ms > store_ms ? until_ms : store_ms);
		if (er != ERR_OK)
			return is_met && er == ERR_STORE ? ERR_LATE : er;
		is_met = true;
		*as = w.as;
		if (w.is_mine || w.as == DEDUP_DONE)
			return ERR_OK;
	} while (wait_for_claim(&pause_ms, until_ms));
	return ERR_LATE;
}

enum error
dedup_shared_find(struct store *s, enum dedup_as *as, const unsigned char key[DEDUP_KEY],
    int64_t until_ms)
{
	struct seen_work	 w = { .wish = WISH_LOOK };
	enum error		 er;

	write_seen_key(w.key, key);
	er = store_do(s, STORE_WRITE, NULL, &w, until_ms);
	*as = w.as;
	return er;
}

enum error
dedup_shared_mark(struct store *s, const unsigned char key[DEDUP_KEY], enum dedup_as as,
    int64_t until_ms)
{
	struct seen_work	 w = { .wish = as == DEDUP_DONE ? KNOWN_DONE : KNOWN_QUEUED };

	write_seen_key(w.key, key);
	return store_post(s, STORE_WRITE, &w, sizeof(w), until_ms);
}

enum dedup_as
dedup_shared_as(int64_t known)
{
	return known == KNOWN_DONE ? DEDUP_DONE : known == KNOWN_QUEUED ? DEDUP_QUEUED :
	    DEDUP_NEVER;
}

/* The files know a message by bytes that the row's key has. */
void
dedup_shared_key(unsigned char key[DEDUP_KEY], const unsigned char seen[DEDUP_SHARED_KEY])
{
	memset(key, 0, DEDUP_KEY);
	memcpy(key + 4, seen, SEEN_KEY);
}

/* Marks of one thread. */
struct marks {
	struct seen_work	 v[DEDUP_SHARED_MARKS];
	void			*p[DEDUP_SHARED_MARKS];
	size_t			 n;
};

/* A store_work. */
static enum error
write_marks(struct db *db, void *arg)
{
	const struct marks	*m = arg;

	return do_works(db, m->p, m->n);
}

static void
fill_marks(struct marks *m, const struct dedup_shared_known *v, size_t n)
{
	size_t	 i;

	m->n = n < DEDUP_SHARED_MARKS ? n : DEDUP_SHARED_MARKS;
	for (i = 0; i < m->n; i++) {
		m->v[i] = (struct seen_work){
			.wish = v[i].as == DEDUP_DONE ? KNOWN_DONE : KNOWN_QUEUED,
		};
		write_seen_key(m->v[i].key, v[i].key);
		m->p[i] = &m->v[i];
	}
}

enum error
dedup_shared_put_all(struct db *db, const struct dedup_shared_known *v, size_t n)
{
	struct marks	 m;

	fill_marks(&m, v, n);
	return write_marks(db, &m);
}

enum error
dedup_shared_mark_all(struct store *s, const struct dedup_shared_known *v, size_t n,
    int64_t until_ms)
{
	struct marks	 m;

	fill_marks(&m, v, n);
	return store_do(s, STORE_WRITE, write_marks, &m, until_ms);
}

/* A step of a sweep; last: the key that it has looked at last. */
struct sweep_work {
	unsigned char	 at[SEEN_KEY], last[SEEN_KEY];
	int64_t		 days, max, n;
};

/* A store_work. */
static enum error
sweep_rows(struct db *db, void *arg)
{
	struct sweep_work	*w = arg;
	struct db_rows		 rows;
	enum error		 er;

	w->n = 0;
	for (er = db_start(db, &rows, SQL_SEEN_SWEEP, DB_VALUES(
	    db_b((struct slice){ (const char *)w->at, SEEN_KEY }), db_i(w->days), db_i(w->max)));
	    er == ERR_OK && db_next(&rows, &er); w->n++)
		if (db_col(&rows, 0).len == SEEN_KEY)
			memcpy(w->last, db_col(&rows, 0).p, SEEN_KEY);
	db_end(&rows);
	return er;
}

enum error
dedup_shared_sweep(struct store *s, struct dedup_shared_sweep *sw, int days, int max,
    int64_t until_ms)
{
	struct sweep_work	 w = { .days = days, .max = max };
	enum error		 er;

	memcpy(w.at, sw->at, SEEN_KEY);
	er = store_do(s, STORE_WRITE, sweep_rows, &w, until_ms);
	sw->more = er == ERR_OK && w.n == max;
	if (er == ERR_OK && w.n != 0)
		memcpy(sw->at, w.last, SEEN_KEY);
	return er;
}
