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
	const char	*dir;
	char		 path[STATE_FILE_PATH];
};

/* The file while it is used, and what was read of it. */
struct use {
	struct state_file	 f;
	struct head		 head;
	struct buf		 all;	/* the records, up to the end */
	size_t			 n;	/* records */
};

struct spare *
spare_new(const char *dir, struct locks *locks)
{
	struct spare	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->locks = locks;
	s->dir = dir;
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

static enum state_file_is
open_spare(struct use *u, const struct spare *s, int flags)
{
	enum state_file_is	 is = state_file_open(&u->f, s->path, flags, &u->head, &layout);

	if (is == STATE_FILE_SOUND && (u->head.size < HEAD || u->head.size > 2 * SIZE_MOST ||
	    u->f.st.st_size < (off_t)u->head.size))
		return STATE_FILE_OTHER;
	return is;
}

/* With the lock. */
static void
make_file(struct spare *s)
{
	struct use		 u = { .f = { .fd = -1 } };
	enum state_file_is	 is = open_spare(&u, s, O_RDWR | O_CREAT);
	struct disk		 d;

	if (is == STATE_FILE_OTHER && state_file_clear(is, s->path, "spare") == NULL) {
		state_file_close(&u.f);
		is = open_spare(&u, s, O_RDWR | O_CREAT);
	}
	if (is == STATE_FILE_EMPTY && (!disk_look(&d, s->dir) || !write_blocks(&u.f, size_for(&d))))
		(void)unlink(s->path);
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
	make_file(s);
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
begin_use(struct use *u, const struct spare *s)
{
	size_t	 size;

	*u = (struct use){ .f = { .fd = -1 } };
	if (open_spare(u, s, O_RDWR) != STATE_FILE_SOUND)
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

enum error
spare_put(struct spare *s, const struct queue_message *m, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	struct use	 u;
	enum error	 er = ERR_STORE;

	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, until_ms) != LOCK_MINE)
		return ERR_STORE;
	if (begin_use(&u, s))
		er = has_message(&u, m->key) ? ERR_OK : append_message(&u, m);
	end_use(&u);
	lock_release(s->locks, &lock, false);
	return er;
}

bool
spare_holds(const struct spare *s)
{
	struct use	 u = { .f = { .fd = -1 } };
	struct record	 r;
	bool		 holds;

	holds = open_spare(&u, s, O_RDONLY) == STATE_FILE_SOUND &&
	    pread(u.f.fd, &r, sizeof(r), HEAD) == (ssize_t)sizeof(r) &&
	    r.generation == u.head.generation;
	state_file_close(&u.f);
	return holds;
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
 * queue has them already.
 */
static void
empty_file(struct use *u)
{
	u->head.generation++;
	if (pwrite(u->f.fd, &u->head, sizeof(u->head), 0) == (ssize_t)sizeof(u->head) &&
	    fdatasync(u->f.fd) == 0)
		(void)wipe(u, HEAD, HEAD + (off_t)u->all.len);
}

enum error
spare_move(struct spare *s, int64_t *n, struct store *store, struct dedup *dedup, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	struct use	 u;
	struct moving	 mv = { &u, dedup };
	enum error	 er = ERR_OK;

	*n = 0;
	if (!spare_holds(s))
		return ERR_OK;
	lock_name(key, "spare", "");
	if (lock_take(s->locks, &lock, key, until_ms) != LOCK_MINE)
		return ERR_STORE;
	if (begin_use(&u, s) && u.n != 0 &&
	    (er = store_do(store, STORE_QUEUE, add_messages, &mv, until_ms)) == ERR_OK) {
		*n = (int64_t)u.n;
		empty_file(&u);
		log_msg(LEVEL_NOTICE, "spare", "%lld messages that were answered while the store "
		    "failed are in the queue now", (long long)*n);
	}
	end_use(&u);
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
	good = begin_use(&u, s) && wipe(&u, HEAD + (off_t)u.all.len, (off_t)u.head.size);
	end_use(&u);
	lock_release(s->locks, &lock, false);
	return good;
}
