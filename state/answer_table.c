#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/hash.h"
#include "state/answer_table.h"
#include "state/mapped_file.h"

enum {
	ENTRIES		= 1024,
	ROW		= 8,		/* entries of a row */
	ROWS		= ENTRIES / ROW,
	HEAD		= 4096,
	SPINS		= 100,		/* looks at a lock before it may be a dead process's */
	PAUSE_NS	= 50000
};

/* The numbers are in files. */
enum entry_is { ENTRY_FREE, ENTRY_COMING, ENTRY_NOTHING, ENTRY_TEXT, ENTRY_GIVEN, ENTRY_LATE };

struct entry {
	unsigned char	 key[QUEUE_KEY];
	uint32_t	 is;		/* an enum entry_is; written last */
	uint32_t	 owner;		/* the process that calls the relay */
	uint32_t	 n;		/* deliveries */
	uint32_t	 len;		/* of text */
	int64_t		 came_ms;	/* since the epoch: the first delivery */
	char		 text[ANSWER_TABLE_TEXT];
	char		 spare[4096 - ANSWER_TABLE_TEXT - 48];
};

struct head {
	char		 magic[8];
	uint32_t	 version, entries, entry;
	char		 spare[44];
};

struct table {
	struct head		 head;
	_Atomic uint64_t	 lock[ROWS];
	char			 spare[HEAD - sizeof(struct head) - 8 * ROWS];
	struct entry		 entry[ENTRIES];
};

_Static_assert(sizeof(struct entry) == 4096, "one layout");
_Static_assert(sizeof(struct table) == HEAD + ENTRIES * 4096, "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static const struct head	new_head = {
	.magic = { 'q', 't', 'o', 'a', 'a', 'n', 's', 'w' }, .version = 1,
	.entries = ENTRIES, .entry = sizeof(struct entry),
};

static const struct mapped_file_kind	kind = {
	.name = "qtoa.answers", .lock = "answers", .what = "answers",
	.effect = "only the process that has called a relay can give its answer",
	.head = &new_head, .head_len = sizeof(new_head), .size = sizeof(struct table),
};

struct answer_table {
	struct locks		*locks;
	struct mapped_file	*file;
};

struct answer_table *
answer_table_new(const char *dir, struct locks *locks)
{
	struct answer_table	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->locks = locks;
	if ((t->file = mapped_file_new(&kind, dir, locks, NULL)) == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
answer_table_free(struct answer_table *t)
{
	if (t == NULL)
		return;
	mapped_file_free(t->file);
	free(t);
}

/*
 * Rows.
 */

/* A row that is locked. */
struct row {
	struct answer_table	*t;
	struct table		*table;
	size_t			 number;
	struct entry		*entry;		/* ROW of them */
	uint64_t		 me;
};

/* Takes the lock of a row; a process that died while it had it has left no half an entry. */
static void
lock_row(struct row *r)
{
	const struct timespec	 pause = { 0, PAUSE_NS };
	_Atomic uint64_t	*lock = &r->table->lock[r->number];
	uint64_t		 holder = 0;
	int			 looks;

	for (looks = 1; !atomic_compare_exchange_strong(lock, &holder, r->me); looks++) {
		if (looks % SPINS == 0 && holder != 0 &&
		    !lock_owner_lives(r->t->locks, (unsigned)(holder & LOCK_OWNER_MAX)) &&
		    atomic_compare_exchange_strong(lock, &holder, r->me))
			return;
		(void)nanosleep(&pause, NULL);
		holder = 0;
	}
}

/* Finds and locks the row of a message.  False: there is no table, since there is no memory. */
static bool
begin_row(struct row *r, struct answer_table *t, const unsigned char *key)
{
	r->t = t;
	if ((r->table = mapped_file_enter(t->file)) == NULL)
		return false;
	r->number = hash_add(HASH_EMPTY, key, QUEUE_KEY) % ROWS;
	r->entry = &r->table->entry[r->number * ROW];
	r->me = lock_owner(t->locks);
	if (r->me == 0)		/* it has no number: it is nobody's process then, and seems dead */
		r->me = LOCK_OWNER_MAX;
	lock_row(r);
	return true;
}

static void
end_row(struct row *r)
{
	atomic_store(&r->table->lock[r->number], 0);
	mapped_file_leave(r->t->file);
}

static struct entry *
find_entry(const struct row *r, const unsigned char *key)
{
	struct entry	*e;

	for (e = r->entry; e != r->entry + ROW; e++)
		if (e->is != ENTRY_FREE && memcmp(e->key, key, QUEUE_KEY) == 0)
			return e;
	return NULL;
}

static bool
is_calling(const struct row *r, const struct entry *e)
{
	return e->is == ENTRY_COMING && (e->owner == r->me ||
	    lock_owner_lives(r->t->locks, e->owner));
}

/* An entry for a new message; NULL: each of them has a call under way. */
static struct entry *
find_room(const struct row *r)
{
	struct entry	*e, *oldest = NULL;

	for (e = r->entry; e != r->entry + ROW; e++) {
		if (e->is == ENTRY_FREE)
			return e;
		if (!is_calling(r, e) && (oldest == NULL || e->came_ms < oldest->came_ms))
			oldest = e;
	}
	return oldest;
}

static void
begin_entry(struct entry *e, const unsigned char *key)
{
	e->is = ENTRY_FREE;
	memcpy(e->key, key, QUEUE_KEY);
	e->n = e->len = 0;
	e->came_ms = clock_wall_ms();
}

static enum answer_is
what_is(const struct row *r, const struct entry *e)
{
	if (e == NULL)
		return ANSWER_UNKNOWN;
	switch ((enum entry_is)e->is) {
	case ENTRY_FREE:
		return ANSWER_UNKNOWN;
	case ENTRY_COMING:
		return is_calling(r, e) ? ANSWER_COMING : ANSWER_LOST;
	case ENTRY_NOTHING:
		return ANSWER_NOTHING;
	case ENTRY_TEXT:
	case ENTRY_GIVEN:
		return e->len <= sizeof(e->text) ? ANSWER_TEXT : ANSWER_NOTHING;
	case ENTRY_LATE:
		return ANSWER_LATE;
	}
	return ANSWER_UNKNOWN;
}

enum answer_is
answer_table_join(struct answer_table *t, int *n, const unsigned char key[QUEUE_KEY])
{
	enum answer_is	 is;
	struct entry	*e;
	struct row	 r;

	*n = 1;
	if (!begin_row(&r, t, key))
		return ANSWER_UNKNOWN;
	e = find_entry(&r, key);
	is = what_is(&r, e);
	if (e == NULL && (e = find_room(&r)) != NULL)
		begin_entry(e, key);
	if (e != NULL) {
		*n = (int)++e->n;
		if (is == ANSWER_UNKNOWN || is == ANSWER_LOST) {
			e->owner = (uint32_t)r.me;
			e->is = ENTRY_COMING;
		}
	}
	end_row(&r);
	return is;
}

bool
answer_table_put(struct answer_table *t, int *n, const unsigned char key[QUEUE_KEY],
    struct slice text)
{
	const bool	 fits = text.len <= ANSWER_TABLE_TEXT;
	struct entry	*e;
	struct row	 r;

	*n = 0;
	if (!begin_row(&r, t, key))
		return false;
	if ((e = find_entry(&r, key)) != NULL) {
		*n = (int)e->n;
		if (fits && text.len != 0)
			memcpy(e->text, text.p, text.len);
		e->len = fits ? (uint32_t)text.len : 0;
		e->is = text.len != 0 && fits ? ENTRY_TEXT : ENTRY_NOTHING;
	}
	end_row(&r);
	return e != NULL && fits;
}

/* Copies the answer.  False: no memory. */
static bool
copy_text(struct buf *text, const struct entry *e)
{
	buf_reset(text);
	return buf_put(text, e->text, e->len) == ERR_OK;
}

enum answer_is
answer_table_get(struct answer_table *t, struct buf *text, const unsigned char key[QUEUE_KEY])
{
	enum answer_is	 is;
	struct entry	*e;
	struct row	 r;

	if (!begin_row(&r, t, key))
		return ANSWER_UNKNOWN;
	e = find_entry(&r, key);
	is = what_is(&r, e);
	if (is == ANSWER_TEXT && copy_text(text, e))
		e->is = ENTRY_GIVEN;
	else if (is == ANSWER_TEXT)
		is = ANSWER_NOTHING;
	end_row(&r);
	return is;
}

bool
answer_table_take_late(struct answer_table *t, struct buf *text,
    const unsigned char key[QUEUE_KEY])
{
	bool		 taken;
	struct entry	*e;
	struct row	 r;

	if (!begin_row(&r, t, key))
		return false;
	e = find_entry(&r, key);
	taken = e != NULL && e->is == ENTRY_TEXT && what_is(&r, e) == ANSWER_TEXT &&
	    copy_text(text, e);
	if (taken)
		e->is = ENTRY_LATE;
	end_row(&r);
	return taken;
}
