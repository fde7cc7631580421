#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "state/mapped_file.h"

enum {
	BLOCK		= 4096,
	HEAD_MAX	= 64,
	PATIENCE_MS	= 20,		/* with another process that prepares the file */
	LOOK_MS		= 1000
};

struct mapped_file {
	const struct mapped_file_kind	*kind;
	struct locks			*locks;
	mapped_file_left		*left;
	char				 path[STATE_FILE_PATH];
	pthread_rwlock_t		 lock;	/* read: to use; write: to change the next two */
	struct state_file		 file;
	void				*own;	/* used while the file is not mapped */
	struct state_file_trouble	 trouble;
	_Atomic int64_t			 look_ms;	/* monotonic: the next look at its name */
};

/*
 * The file.
 */

void
mapped_file_path(char path[STATE_FILE_PATH], const char *dir, const struct mapped_file_kind *k)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/%s", dir, k->name);
}

enum state_file_is
mapped_file_open(struct state_file *f, const char *path, int flags,
    const struct mapped_file_kind *k)
{
	static const char	 zeros[HEAD_MAX];
	struct state_file_layout layout = { .head = k->head_len };
	char			 head[HEAD_MAX];
	enum state_file_is	 is;

	memcpy(layout.magic, k->head, sizeof(layout.magic));
	memcpy(&layout.version, (const char *)k->head + sizeof(layout.magic),
	    sizeof(layout.version));
	is = state_file_open(f, path, flags, head, &layout);
	if (is == STATE_FILE_EMPTY)
		return memcmp(head, zeros, k->head_len) == 0 ? is : STATE_FILE_OTHER;
	if (is == STATE_FILE_SOUND && (memcmp(head, k->head, k->head_len) != 0 ||
	    f->st.st_size < (off_t)k->size))
		return STATE_FILE_OTHER;
	return is;
}

bool
mapped_file_begin(struct state_file *f, const struct mapped_file_kind *k)
{
	static const char	 zeros[BLOCK];
	off_t			 at;

	/* Blocks that were written are no hole to anybody: see state_file_reserve(). */
	if (!state_file_reserve(f, (off_t)k->size))
		return false;
	for (at = BLOCK; at < (off_t)k->size; at += BLOCK)
		if (pwrite(f->fd, zeros, BLOCK, at) != BLOCK)
			return false;
	return pwrite(f->fd, k->head, k->head_len, 0) == (ssize_t)k->head_len;
}

/*
 * Mapping.  What changes m->file or m->own holds m->lock for writing.
 */

static void
drop_own(struct mapped_file *m)
{
	if (m->own != NULL && m->left != NULL)
		m->left(m->own);
	free(m->own);
	m->own = NULL;
}

/* Maps the file if it is sound.  flags O_CREAT: it may be new or empty, and gets its head. */
static enum state_file_is
map_file(struct mapped_file *m, int flags)
{
	struct state_file	 new = { .fd = -1 };
	enum state_file_is	 is = mapped_file_open(&new, m->path, O_RDWR | flags, m->kind);

	if (is == STATE_FILE_EMPTY && flags != 0)
		is = mapped_file_begin(&new, m->kind) ? STATE_FILE_SOUND : STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND && (!state_file_reserve(&new, (off_t)m->kind->size) ||
	    !state_file_map(&m->file, &new, m->kind->size)))
		is = STATE_FILE_UNREADABLE;
	state_file_close(&new);
	if (is == STATE_FILE_SOUND)
		drop_own(m);
	return is;
}

/* Maps the file; makes a new one if it cannot be used.  NULL: done; else the reason why not. */
static const char *
make_and_map(struct mapped_file *m)
{
	unsigned char		 key[LOCK_KEY];
	struct lock		 lock;
	enum state_file_is	 is;
	const char		*why;

	lock_name(key, m->kind->lock, "");	/* lock_take() makes the directory, too */
	if (lock_take(m->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process prepares it and does not finish";
	is = map_file(m, O_CREAT);
	why = state_file_clear(is, m->path, m->kind->what);
	if (why == NULL && is != STATE_FILE_SOUND && map_file(m, O_CREAT) != STATE_FILE_SOUND)
		why = strerror(errno);
	lock_release(m->locks, &lock, false);
	return why;
}

static bool
wants_file(const struct mapped_file *m)
{
	return (m->file.map == NULL || state_file_is_lost(&m->file)) &&
	    state_file_may_try(&m->trouble);
}

/* Maps the file.  If that fails (the disk is full, say), this process gets a table of its own. */
static void
prepare_table(struct mapped_file *m)
{
	const char	*why = NULL;

	(void)pthread_rwlock_wrlock(&m->lock);
	if (wants_file(m)) {
		if (state_file_is_lost(&m->file))
			why = STATE_FILE_LOST;
		else if (map_file(m, 0) != STATE_FILE_SOUND)
			why = make_and_map(m);
		if (why != NULL)
			state_file_unmap(&m->file);
		if (m->file.map == NULL && m->own == NULL)
			m->own = calloc(1, m->kind->size);
		if (state_file_note(&m->trouble, m->path, why))
			log_msg(LEVEL_NOTICE, m->kind->what, "%s works again", m->path);
	}
	(void)pthread_rwlock_unlock(&m->lock);
}

/* Once a second: leaves a file that was removed or renamed. */
static void
look_at_name(struct mapped_file *m)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 look_ms = m->look_ms;

	if (now_ms < look_ms ||
	    !atomic_compare_exchange_strong(&m->look_ms, &look_ms, now_ms + LOOK_MS))
		return;
	(void)pthread_rwlock_wrlock(&m->lock);
	if (m->file.map != NULL && !state_file_is_lost(&m->file) &&
	    !file_is_at(m->path, &m->file.st)) {
		if (m->left != NULL)
			m->left(m->file.map);
		state_file_unmap(&m->file);
	}
	(void)pthread_rwlock_unlock(&m->lock);
}

/* The lock is held; it is released if there is no table. */
static void *
take_table(struct mapped_file *m)
{
	void	*table = m->file.map != NULL ? m->file.map : m->own;

	if (table == NULL)
		(void)pthread_rwlock_unlock(&m->lock);
	return table;
}

void *
mapped_file_enter(struct mapped_file *m)
{
	look_at_name(m);
	(void)pthread_rwlock_rdlock(&m->lock);
	if (wants_file(m)) {
		(void)pthread_rwlock_unlock(&m->lock);
		prepare_table(m);
		(void)pthread_rwlock_rdlock(&m->lock);
	}
	return take_table(m);
}

void *
mapped_file_enter_existing(struct mapped_file *m)
{
	m->look_ms = 0;
	look_at_name(m);
	(void)pthread_rwlock_wrlock(&m->lock);
	if (m->file.map == NULL && m->own == NULL)
		(void)map_file(m, 0);
	(void)pthread_rwlock_unlock(&m->lock);
	(void)pthread_rwlock_rdlock(&m->lock);
	return take_table(m);
}

void
mapped_file_leave(struct mapped_file *m)
{
	(void)pthread_rwlock_unlock(&m->lock);
}

struct mapped_file *
mapped_file_new(const struct mapped_file_kind *k, const char *dir, struct locks *locks,
    mapped_file_left *left)
{
	struct mapped_file	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->kind = k;
	m->locks = locks;
	m->left = left;
	m->file.fd = -1;
	mapped_file_path(m->path, dir, k);
	m->trouble = (struct state_file_trouble){
		.dir = dir, .what = k->what, .level = LEVEL_WARNING, .effect = k->effect,
	};
	(void)pthread_rwlock_init(&m->lock, NULL);
	return m;
}

void
mapped_file_free(struct mapped_file *m)
{
	if (m == NULL)
		return;
	drop_own(m);
	state_file_unmap(&m->file);
	(void)pthread_rwlock_destroy(&m->lock);
	free(m);
}
