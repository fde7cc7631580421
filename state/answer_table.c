#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "state/answer_table.h"
#include "state/state_file.h"

enum {
	ENTRIES		= 1024,
	ROW		= 8,		/* entries of a row */
	ROWS		= ENTRIES / ROW,
	HEAD		= 4096,
	PATIENCE_MS	= 20,		/* with another process that prepares the file */
	SPINS		= 100,		/* looks at a lock before it may be a dead process's */
	PAUSE_NS	= 50000,
	LOOK_MS		= 1000
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

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 'a', 'n', 's', 'w' }, .version = 1,
	.head = sizeof(struct head),
};

struct answer_table {
	struct locks			*locks;
	char				 path[STATE_FILE_PATH];
	pthread_rwlock_t		 lock;	/* read: to use; write: to change the next two */
	struct state_file		 file;
	struct table			*own;	/* used while the file is not mapped */
	struct state_file_trouble	 trouble;
	_Atomic int64_t			 look_ms;	/* monotonic: the next look at its name */
};

struct answer_table *
answer_table_new(const char *dir, struct locks *locks)
{
	struct answer_table	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->locks = locks;
	t->file.fd = -1;
	(void)snprintf(t->path, sizeof(t->path), "%s/qtoa.answers", dir);
	t->trouble = (struct state_file_trouble){
		.dir = dir, .what = "answers", .level = LEVEL_WARNING,
		.effect = "only the process that has called a relay can give its answer",
	};
	(void)pthread_rwlock_init(&t->lock, NULL);
	return t;
}

void
answer_table_free(struct answer_table *t)
{
	if (t == NULL)
		return;
	state_file_unmap(&t->file);
	free(t->own);
	(void)pthread_rwlock_destroy(&t->lock);
	free(t);
}

/*
 * The file.
 */

static bool
begin_file(struct state_file *f)
{
	static const char	 zeros[HEAD];
	struct head		 h = {
		.version = layout.version, .entries = ENTRIES, .entry = sizeof(struct entry),
	};
	off_t			 at;

	memcpy(h.magic, layout.magic, sizeof(h.magic));
	/* Blocks that were written are no hole to anybody: see state_file_reserve(). */
	if (!state_file_reserve(f, sizeof(struct table)))
		return false;
	for (at = HEAD; at < (off_t)sizeof(struct table); at += HEAD)
		if (pwrite(f->fd, zeros, HEAD, at) != HEAD)
			return false;
	return pwrite(f->fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h);
}

/* Maps the file if it is sound.  flags O_CREAT: it may be new or empty, and gets its head. */
static enum state_file_is
map_file(struct answer_table *t, int flags)
{
	struct state_file	 new = { .fd = -1 };
	struct head		 h;
	enum state_file_is	 is = state_file_open(&new, t->path, O_RDWR | flags, &h, &layout);

	if (is == STATE_FILE_SOUND && (h.entries != ENTRIES || h.entry != sizeof(struct entry) ||
	    new.st.st_size < (off_t)sizeof(struct table)))
		is = STATE_FILE_OTHER;
	if (is == STATE_FILE_EMPTY && flags != 0)
		is = begin_file(&new) ? STATE_FILE_SOUND : STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND && (!state_file_reserve(&new, sizeof(struct table)) ||
	    !state_file_map(&t->file, &new, sizeof(struct table))))
		is = STATE_FILE_UNREADABLE;
	state_file_close(&new);
	return is;
}

/* Maps the file; makes a new one if it cannot be used.  NULL: done; else the reason why not. */
static const char *
make_and_map(struct answer_table *t)
{
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	enum state_file_is	 is;
	const char		*why;

	lock_name(key, "answers", "");		/* lock_take() makes the directory, too */
	if (lock_take(t->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process prepares it and does not finish";
	is = map_file(t, O_CREAT);
	why = state_file_clear(is, t->path, "answers");
	if (why == NULL && is != STATE_FILE_SOUND && map_file(t, O_CREAT) != STATE_FILE_SOUND)
		why = strerror(errno);
	lock_release(t->locks, &lock, false);
	return why;
}

static bool
wants_file(const struct answer_table *t)
{
	return (t->file.map == NULL || state_file_is_lost(&t->file)) &&
	    state_file_may_try(&t->trouble);
}

static void
prepare_table(struct answer_table *t)
{
	const char	*why = NULL;

	(void)pthread_rwlock_wrlock(&t->lock);
	if (wants_file(t)) {
		if (state_file_is_lost(&t->file))
			why = STATE_FILE_LOST;
		else if (map_file(t, 0) != STATE_FILE_SOUND)
			why = make_and_map(t);
		if (why != NULL)
			state_file_unmap(&t->file);
		if (t->file.map == NULL && t->own == NULL)
			t->own = calloc(1, sizeof(*t->own));
		if (state_file_note(&t->trouble, t->path, why))
			log_msg(LEVEL_NOTICE, "answers", "%s works again", t->path);
	}
	(void)pthread_rwlock_unlock(&t->lock);
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

/* Once a second: leaves a file that was removed or renamed. */
static void
look_at_name(struct answer_table *t)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 look_ms = t->look_ms;

	if (now_ms < look_ms ||
	    !atomic_compare_exchange_strong(&t->look_ms, &look_ms, now_ms + LOOK_MS))
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	if (t->file.map != NULL && !file_is_at(t->path, &t->file.st))
		state_file_unmap(&t->file);
	(void)pthread_rwlock_unlock(&t->lock);
}

/* Finds and locks the row of a message.  False: there is no table, since there is no memory. */
static bool
begin_row(struct row *r, struct answer_table *t, const unsigned char *key)
{
	look_at_name(t);
	(void)pthread_rwlock_rdlock(&t->lock);
	if (wants_file(t)) {
		(void)pthread_rwlock_unlock(&t->lock);
		prepare_table(t);
		(void)pthread_rwlock_rdlock(&t->lock);
	}
	r->t = t;
	r->table = t->file.map != NULL ? t->file.map : t->own;
	if (r->table == NULL) {
		(void)pthread_rwlock_unlock(&t->lock);
		return false;
	}
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
	(void)pthread_rwlock_unlock(&r->t->lock);
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
