#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/log.h"
#include "state/disk.h"
#include "state/spare.h"
#include "state/state_file.h"

enum {
	HEAD = 4096,
	SIZE_MOST = 1 << 20, SIZE_LEAST = 1 << 16,
	SHARE = 32,			/* of a small disk */
	BLOCK = 4096
};

/* Where messages are kept: the second is used when the first takes no more. */
enum room { ROOM_DISK, ROOM_MEMORY, ROOMS };

/* The texts of a message behind its record. */
enum text { TEXT_ACCOUNT, TEXT_CODE, TEXT_OUTCOME, TEXT_QUERY, TEXT_BODY, TEXTS };

struct head {
	char		 magic[8];
	uint32_t	 version, zero;
	uint64_t	 size, generation;
};

struct record {
	uint64_t	 sum;		/* hash of all that follows, and of the texts */
	uint64_t	 generation;
	int64_t		 received_ms, attempts, unread;
	uint32_t	 len[TEXTS];	/* bytes of each text */
	uint32_t	 has_code;	/* 0: the message has no code of QT's */
	unsigned char	 key[QUEUE_KEY];
};

_Static_assert(sizeof(struct record) % 8 == 0, "records are aligned");

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 's', 'p', 'a', 'r' }, .version = 1,
	.head = sizeof(struct head),
};

struct spare {
	struct locks	*locks;
	const char	*dir, *memory;
	char		 path[STATE_FILE_PATH];
};

/* A file while it is used, and what was read of it. */
struct use {
	enum room		 room;
	char			 path[STATE_FILE_PATH];
	struct state_file	 f;
	struct head		 head;
	struct buf		 all;	/* the records, up to the end */
	size_t			 n;	/* records */
};

struct spare *
spare_new(const char *dir, const char *memory, struct locks *locks)
{
	struct spare	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->locks = locks;
	s->dir = dir;
	s->memory = memory;
	(void)snprintf(s->path, sizeof(s->path), "%s/qtoa.spare", dir);
	return s;
}

void
spare_free(struct spare *s)
{
	free(s);
}

/*
 * The file.
 */

static off_t
size_for(const struct disk *d)
{
	const int64_t	 share = d->bytes / SHARE / BLOCK * BLOCK;

	return (off_t)(share > SIZE_MOST ? SIZE_MOST : share < SIZE_LEAST ? SIZE_LEAST : share);
}

/* Writes all blocks, so that none of them needs room later, and the head at last. */
static bool
write_blocks(struct state_file *f, off_t size)
{
	static const char	 zeros[BLOCK];
	struct head		 h = { .version = layout.version, .size = (uint64_t)size,
				    .generation = 1 };
	off_t			 at;

	memcpy(h.magic, layout.magic, sizeof(h.magic));
	if (!state_file_reserve(f, size))
		return false;
	for (at = 0; at < size; at += BLOCK)
		if (pwrite(f->fd, zeros, BLOCK, at) != BLOCK)
			return false;
	return fsync(f->fd) == 0 && pwrite(f->fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	    fsync(f->fd) == 0;
}

/*
 * Begins the use of a room.  False: there is no such room.  The directory gives the file in memory
 * its name: its path alone would be that of other directories, in other containers.
 */
static bool
name_room(struct use *u, const struct spare *s, enum room room)
{
	struct stat	 st;
	uint64_t	 h;

	*u = (struct use){ .room = room, .f = { .fd = -1 } };
	if (room == ROOM_DISK) {
		(void)snprintf(u->path, sizeof(u->path), "%s", s->path);
		return true;
	}
	if (s->memory == NULL || stat(s->dir, &st) == -1)
		return false;
	h = hash_add(HASH_EMPTY, s->dir, strlen(s->dir));
	h = hash_add(h, &st.st_dev, sizeof(st.st_dev));
	h = hash_add(h, &st.st_ino, sizeof(st.st_ino));
	(void)snprintf(u->path, sizeof(u->path), "%s/qtoa.spare-%016llx", s->memory,
	    (unsigned long long)h);
	return true;
}

/* True: the file is the state directory's owner's, or this user's.  Everybody can write memory. */
static bool
is_ours(const struct use *u, const struct spare *s)
{
	struct stat	 st;

	return S_ISREG(u->f.st.st_mode) && (u->room == ROOM_DISK || u->f.st.st_uid == geteuid() ||
	    (stat(s->dir, &st) == 0 && u->f.st.st_uid == st.st_uid));
}

static enum state_file_is
open_spare(struct use *u, const struct spare *s, int flags)
{
	enum state_file_is	 is;

	is = state_file_open(&u->f, u->path, flags | O_NONBLOCK, &u->head, &layout);
	if (u->f.fd != -1 && !is_ours(u, s))
		return STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND && (u->head.size < HEAD || u->head.size > 2 * SIZE_MOST ||
	    u->f.st.st_size < (off_t)u->head.size))
		return STATE_FILE_OTHER;
	return is;
}

/* With the lock. */
static void
make_file(struct spare *s, enum room room, off_t size)
{
	struct use		 u;
	enum state_file_is	 is;

	if (!name_room(&u, s, room))
		return;
	is = open_spare(&u, s, O_RDWR | O_CREAT);
	if (is == STATE_FILE_OTHER && state_file_clear(is, u.path, "spare") == NULL) {
		state_file_close(&u.f);
		is = open_spare(&u, s, O_RDWR | O_CREAT);
	}
	if (is == STATE_FILE_EMPTY && !write_blocks(&u.f, size))
		(void)unlink(u.path);
	state_file_close(&u.f);
}

void
spare_make(struct spare *s)
{
	unsigned char	 key[LOCK_KEY];
	struct disk	 d;
	struct lock	 lock;
	struct stat	 st;

	if ((stat(s->path, &st) == 0 && st.st_size != 0) || !disk_look(&d, s->dir) ||
	    d.free_bytes < disk_margin(&d) + 2 * size_for(&d))
		return;
	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, 0) != LOCK_MINE)
		return;
	make_file(s, ROOM_DISK, size_for(&d));
	lock_release(s->locks, &lock, false);
}

/*
 * Records.
 */

static size_t
padded(size_t n)
{
	return (n + 7) / 8 * 8;
}

/* Bytes of the record with its texts; 0: that would be more than `most`. */
static size_t
length_of(const struct record *r, size_t most)
{
	size_t	 n = sizeof(*r);
	int	 i;

	for (i = 0; i < TEXTS; i++) {
		if (r->len[i] > most)
			return 0;
		n += r->len[i];
	}
	return n <= most ? n : 0;
}

static uint64_t
hash_of(const char *record, size_t len)
{
	return hash_add(HASH_EMPTY, record + sizeof(uint64_t), len - sizeof(uint64_t));
}

/* Finds the end of the records in u->all, which has the whole file behind the head. */
static void
find_end(struct use *u)
{
	struct record	 r;
	size_t		 at = 0, len;

	for (u->n = 0; at + sizeof(r) <= u->all.len; u->n++, at += padded(len)) {
		memcpy(&r, u->all.p + at, sizeof(r));
		len = length_of(&r, u->all.len - at);
		if (r.generation != u->head.generation || len == 0 ||
		    r.sum != hash_of(u->all.p + at, len))
			break;
	}
	u->all.len = at < u->all.len ? at : u->all.len;
}

/* Opens the file and reads its records.  False: it cannot be used. */
static bool
begin_use(struct use *u, const struct spare *s, enum room room)
{
	size_t	 size;

	if (!name_room(u, s, room) || open_spare(u, s, O_RDWR) != STATE_FILE_SOUND)
		return false;
	size = (size_t)u->head.size - HEAD;
	if (buf_reserve(&u->all, size) != ERR_OK ||
	    pread(u->f.fd, u->all.p, size, HEAD) != (ssize_t)size)
		return false;
	u->all.len = size;
	find_end(u);
	return true;
}

static void
end_use(struct use *u)
{
	state_file_close(&u->f);
	buf_free(&u->all);
}

/* Reads the message at an offset of u->all.  Returns the offset of the next one. */
static size_t
read_message(struct queue_message *m, const struct use *u, size_t at)
{
	struct record	 r;
	struct slice	 text[TEXTS];
	const char	*p = u->all.p + at + sizeof(r);
	int		 i;

	memcpy(&r, u->all.p + at, sizeof(r));
	for (i = 0; i < TEXTS; p += r.len[i++])
		text[i] = (struct slice){ p, r.len[i] };
	*m = (struct queue_message){
		.account = text[TEXT_ACCOUNT], .outcome = text[TEXT_OUTCOME],
		.query = text[TEXT_QUERY], .body = text[TEXT_BODY],
		.received_ms = r.received_ms, .next_ms = r.received_ms,
		.attempts = r.attempts, .unread = r.unread, .state = QUEUE_PENDING,
	};
	if (r.has_code != 0)
		m->code = text[TEXT_CODE];
	memcpy(m->key, r.key, QUEUE_KEY);
	return at + padded(length_of(&r, u->all.len));
}

static bool
has_message(const struct use *u, const unsigned char key[QUEUE_KEY])
{
	struct queue_message	 m;
	size_t			 at = 0, i;

	for (i = 0; i < u->n; i++) {
		at = read_message(&m, u, at);
		if (memcmp(m.key, key, QUEUE_KEY) == 0)
			return true;
	}
	return false;
}

/* Makes the record of a message. */
static enum error
make_record(struct buf *out, const struct queue_message *m, uint64_t generation)
{
	const struct slice	 text[TEXTS] = {
		[TEXT_ACCOUNT] = m->account, [TEXT_CODE] = m->code, [TEXT_OUTCOME] = m->outcome,
		[TEXT_QUERY] = m->query, [TEXT_BODY] = m->body,
	};
	struct record		 r = {
		.generation = generation, .received_ms = m->received_ms, .attempts = m->attempts,
		.unread = m->unread, .has_code = m->code.p != NULL,
	};
	enum error		 er;
	int			 i;

	memcpy(r.key, m->key, QUEUE_KEY);
	for (i = 0; i < TEXTS; i++) {
		if (text[i].len > SIZE_MOST)
			return ERR_TOOBIG;
		r.len[i] = (uint32_t)text[i].len;
	}
	er = buf_put(out, &r, sizeof(r));
	for (i = 0; i < TEXTS && er == ERR_OK; i++)
		er = buf_put(out, text[i].p, text[i].len);
	if (er != ERR_OK)
		return er;
	r.sum = hash_of(out->p, out->len);
	memcpy(out->p, &r.sum, sizeof(r.sum));
	return ERR_OK;
}

/* With the lock. */
static enum error
append_message(struct use *u, const struct queue_message *m)
{
	struct buf	 record = { 0 };
	enum error	 er = make_record(&record, m, u->head.generation);
	const off_t	 at = HEAD + (off_t)u->all.len;

	if (er == ERR_OK && ((size_t)at + padded(record.len) > u->head.size ||
	    pwrite(u->f.fd, record.p, record.len, at) != (ssize_t)record.len ||
	    fdatasync(u->f.fd) == -1))
		er = ERR_STORE;
	buf_free(&record);
	return er == ERR_OK ? ERR_OK : ERR_STORE;
}

/* With the lock.  Puts the message into a room, if it is not there. */
static enum error
put_into(struct spare *s, const char **where, const struct queue_message *m, enum room room)
{
	static const char *const	 names[ROOMS] = {
		[ROOM_DISK] = "qtoa.spare", [ROOM_MEMORY] = "memory",
	};
	struct use			 u;
	enum error			 er = ERR_STORE;

	*where = names[room];
	if (begin_use(&u, s, room))
		er = has_message(&u, m->key) ? ERR_OK : append_message(&u, m);
	end_use(&u);
	return er;
}

enum error
spare_put(struct spare *s, const char **where, const struct queue_message *m, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	enum error	 er;

	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, until_ms) != LOCK_MINE)
		return ERR_STORE;
	if ((er = put_into(s, where, m, ROOM_DISK)) != ERR_OK) {
		make_file(s, ROOM_MEMORY, SIZE_MOST);
		er = put_into(s, where, m, ROOM_MEMORY);
	}
	lock_release(s->locks, &lock, false);
	return er;
}

static bool
is_held(const struct spare *s, enum room room)
{
	struct use	 u;
	struct record	 r;
	bool		 holds;

	holds = name_room(&u, s, room) && open_spare(&u, s, O_RDONLY) == STATE_FILE_SOUND &&
	    pread(u.f.fd, &r, sizeof(r), HEAD) == (ssize_t)sizeof(r) &&
	    r.generation == u.head.generation;
	state_file_close(&u.f);
	return holds;
}

bool
spare_holds(const struct spare *s)
{
	return is_held(s, ROOM_DISK) || is_held(s, ROOM_MEMORY);
}

/*
 * Moving the messages to the queue.
 */

struct moving {
	const struct use	*u;
	struct dedup		*dedup;
};

/* A store_work. */
static enum error
add_messages(struct db *db, void *arg)
{
	const struct moving	*mv = arg;
	struct queue_message	 m;
	enum dedup_as		 as;
	enum error		 er = ERR_OK;
	size_t			 at = 0, i;

	for (i = 0; i < mv->u->n && er == ERR_OK; i++) {
		at = read_message(&m, mv->u, at);
		if (dedup_find(mv->dedup, &as, m.key) != ERR_OK || as != DEDUP_DONE)
			er = queue_add(db, &m);
	}
	return er;
}

/* Writes zeros over bytes of the file, which are old records, and syncs them. */
static bool
wipe(const struct use *u, off_t from, off_t to)
{
	static const char	 zeros[BLOCK];
	ssize_t			 n;

	for (; from < to; from += n)
		if ((n = pwrite(u->f.fd, zeros, to - from < BLOCK ? (size_t)(to - from) : BLOCK,
		    from)) <= 0)
			return false;
	return fdatasync(u->f.fd) == 0;
}

/*
 * Makes the records void, and then nothing of them stays.  If that fails they move again, and the
 * queue has them already.  The file in memory is removed.
 */
static void
empty_file(struct use *u)
{
	u->head.generation++;
	if (pwrite(u->f.fd, &u->head, sizeof(u->head), 0) == (ssize_t)sizeof(u->head) &&
	    fdatasync(u->f.fd) == 0)
		(void)wipe(u, HEAD, HEAD + (off_t)u->all.len);
	if (u->room == ROOM_MEMORY)
		(void)unlink(u->path);
}

/* With the lock. */
static enum error
move_from(struct spare *s, int64_t *n, struct store *store, struct dedup *dedup,
    enum room room, int64_t until_ms)
{
	struct use	 u;
	struct moving	 mv = { &u, dedup };
	enum error	 er = ERR_OK;

	if (begin_use(&u, s, room) && u.n != 0 &&
	    (er = store_do(store, STORE_QUEUE, add_messages, &mv, until_ms)) == ERR_OK) {
		*n += (int64_t)u.n;
		empty_file(&u);
	}
	end_use(&u);
	return er;
}

enum error
spare_move(struct spare *s, int64_t *n, struct store *store, struct dedup *dedup, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	enum error	 er;

	*n = 0;
	if (!spare_holds(s))
		return ERR_OK;
	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, until_ms) != LOCK_MINE)
		return ERR_STORE;
	/* The messages in memory are less safe: they go first. */
	if ((er = move_from(s, n, store, dedup, ROOM_MEMORY, until_ms)) == ERR_OK)
		er = move_from(s, n, store, dedup, ROOM_DISK, until_ms);
	if (*n != 0)
		log_msg(LEVEL_NOTICE, "spare", "%lld messages that were answered while the store "
		    "failed are in the queue now", (long long)*n);
	lock_release(s->locks, &lock, false);
	return er;
}

bool
spare_scrub(struct spare *s, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	struct stat	 st;
	struct use	 u;
	bool		 good;

	if (stat(s->path, &st) == -1 || st.st_size == 0)
		return true;
	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, until_ms) != LOCK_MINE)
		return false;
	good = begin_use(&u, s, ROOM_DISK) && wipe(&u, HEAD + (off_t)u.all.len, (off_t)u.head.size);
	end_use(&u);
	lock_release(s->locks, &lock, false);
	return good;
}
