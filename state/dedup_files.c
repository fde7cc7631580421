#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/number.h"
#include "state/dedup_files.h"
#include "state/dedup_import.h"

enum {
	HEAD = 4096,		/* bytes before the first bucket */
	BITS_MIN = 10,		/* 2^10 buckets: a file of 512 KiB, for some 40,000 messages */
	BITS_MORE = 2,		/* the next one is four times as large */
	BITS_MAX = 24,
	PATIENCE_MS = 1000	/* with another process that makes a file */
};

static const char	 prefix[] = "qtoa.seen-";

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 's', 'e', 't', 's' }, .version = 1,
	.head = sizeof(struct dedup_head),
};

void
dedup_files_close(struct dedup_files *s)
{
	while (s->n != 0)
		state_file_unmap(&s->v[--s->n].file);
}

static void
write_path(char path[STATE_FILE_PATH], const struct dedup_files *s, unsigned number)
{
	(void)snprintf(path, STATE_FILE_PATH, "%s/%s%u", s->set->state_dir, prefix, number);
}

static size_t
size_of(unsigned bits)
{
	return HEAD + ((size_t)DEDUP_TABLE_BUCKET << bits);
}

/* False: somebody has written into it who must not. */
static bool
is_sound(const struct dedup_file *f)
{
	return memcmp(f->head->magic, layout.magic, sizeof(layout.magic)) == 0 &&
	    f->head->version == layout.version && f->head->bits == f->table.bits;
}

bool
dedup_files_is_past(const struct dedup_files *s, const struct dedup_file *f)
{
	return clock_wall_ms() / 1000 - number_bounded(f->head->begun_s) >
	    (int64_t)s->set->dedupe_days * CALENDAR_DAY_S;
}

/* Removes the oldest file of the list; its name stays. */
static void
drop_first(struct dedup_files *s)
{
	state_file_unmap(&s->v[0].file);
	memmove(&s->v[0], &s->v[1], --s->n * sizeof(s->v[0]));
}

/* Keeps the files in order of their numbers; if there are too many, the youngest of them. */
static void
insert_file(struct dedup_files *s, const struct dedup_file *f)
{
	size_t	 i;

	if (s->n == DEDUP_FILES_MAX)
		drop_first(s);
	for (i = s->n; i > 0 && s->v[i - 1].number > f->number; i--)
		s->v[i] = s->v[i - 1];
	s->v[i] = *f;
	s->n++;
}

/* Maps a file that is open.  STATE_FILE_OTHER: its head is not true. */
static enum state_file_is
map_file(struct dedup_file *f, const struct dedup_head *h)
{
	if (h->bits < BITS_MIN || h->bits > BITS_MAX ||
	    f->file.st.st_size < (off_t)size_of(h->bits))
		return STATE_FILE_OTHER;
	/* The copy of a file may have holes. */
	if (!state_file_reserve(&f->file, (off_t)size_of(h->bits)) ||
	    !state_file_map(&f->file, &f->file, size_of(h->bits)))
		return STATE_FILE_UNREADABLE;
	f->head = f->file.map;
	f->table.slots = (dedup_slot *)(void *)((char *)f->file.map + HEAD);
	f->table.bits = h->bits;
	return STATE_FILE_SOUND;
}

static void
open_numbered(struct dedup_files *s, unsigned number)
{
	struct dedup_file		 f = { .number = number, .file = { .fd = -1 } };
	char			 path[STATE_FILE_PATH];
	struct dedup_head		 h;
	enum state_file_is	 is;
	bool			 is_old, is_damaged;

	write_path(path, s, number);
	is = state_file_open(&f.file, path, O_RDWR, &h, &layout);
	if (is == STATE_FILE_SOUND)
		is = map_file(&f, &h);
	state_file_close(&f.file);
	is_old = is == STATE_FILE_OTHER && dedup_import_is_old(h.magic);
	if (is_old && number > s->old)
		s->old = number;
	is_damaged = !is_old && (is == STATE_FILE_OTHER || is == STATE_FILE_EMPTY);
	if (!is_damaged && number > s->last)
		s->last = number;
	if (is == STATE_FILE_SOUND)
		insert_file(s, &f);
	if (!is_damaged)	/* what cannot be read may be readable the next time */
		return;
	(void)unlink(path);
	log_msg(LEVEL_WARNING, "seen", "%s was damaged and is removed: a message that WeChat "
	    "repeats now may be forwarded twice", path);
}

/* Marks all files but the last as full: so other processes know that there is a further one. */
static void
mark_full(struct dedup_files *s)
{
	size_t	 i;

	for (i = 0; i + 1 < s->n; i++)
		atomic_store(&s->v[i].head->full, 1);
}

bool
dedup_files_open(struct dedup_files *s)
{
	struct dirent	*e;
	unsigned long	 number;
	char		*end;
	DIR		*d;

	dedup_files_close(s);
	s->last = s->old = 0;
	if ((d = opendir(s->set->state_dir)) == NULL)
		return false;
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		number = strtoul(e->d_name + sizeof(prefix) - 1, &end, 10);
		if (*end == '\0' && number > 0 && number < UINT32_MAX)
			open_numbered(s, (unsigned)number);
	}
	(void)closedir(d);
	mark_full(s);	/* the process that made a further file may have died */
	return true;
}

/* Begins a file of len bytes under another name. */
static bool
begin_file(struct state_file *f, char path[STATE_FILE_PATH], const struct dedup_files *s,
    unsigned number, size_t len)
{
	char	 tmp[STATE_FILE_PATH + 8];

	*f = (struct state_file){ .fd = -1 };
	write_path(path, s, number);
	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	f->fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return f->fd != -1 && fstat(f->fd, &f->st) == 0 && state_file_reserve(f, (off_t)len);
}

/* Gives the file its head, and its name when it is whole; ok false: removes it. */
static bool
end_file(struct state_file *f, const char *path, const struct dedup_head *head, bool ok)
{
	char	 tmp[STATE_FILE_PATH + 8];

	(void)snprintf(tmp, sizeof(tmp), "%s.new", path);
	ok = ok && pwrite(f->fd, head, sizeof(*head), 0) == (ssize_t)sizeof(*head) &&
	    rename(tmp, path) == 0;
	state_file_close(f);
	if (!ok)
		(void)unlink(tmp);
	return ok;
}

static bool
make_file(struct dedup_files *s, unsigned number, unsigned bits)
{
	struct dedup_head	 head = {
		.version = layout.version, .bits = bits, .begun_s = clock_wall_ms() / 1000,
	};
	struct state_file	 f;
	char			 path[STATE_FILE_PATH];

	memcpy(head.magic, layout.magic, sizeof(head.magic));
	return end_file(&f, path, &head, begin_file(&f, path, s, number, size_of(bits)));
}

/* Takes the lock under which files are made, written again and removed. */
static bool
lock_list(struct dedup_files *s, struct lock *lock)
{
	unsigned char	 key[LOCK_KEY];

	lock_name(key, "seen", s->set->state_dir);
	return lock_take(s->locks, lock, key, clock_mono_ms() + PATIENCE_MS) == LOCK_MINE;
}

/* Removes files with old marks only: the next file was begun over dedupe_days ago. */
static void
remove_old(struct dedup_files *s)
{
	char	 path[STATE_FILE_PATH];

	while (s->n > 1 && dedup_files_is_past(s, &s->v[1])) {
		write_path(path, s, s->v[0].number);
		(void)unlink(path);
		drop_first(s);
	}
}

/* Takes over the marks of the youngest file of an older version, and removes that file. */
static bool
import_file(struct dedup_files *s)
{
	char	 path[STATE_FILE_PATH];
	bool	 ok;
	int	 fd;

	if (s->old == 0 || s->n == 0)
		return false;
	write_path(path, s, s->old);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return false;
	ok = dedup_import_marks(&dedup_files_last(s)->table, fd, DEDUP_FILES_UNIT_S);
	(void)close(fd);
	if (unlink(path) == -1)
		return false;
	log_msg(LEVEL_NOTICE, "seen", "%s was made by an older version: its marks are taken over%s",
	    path, ok ? "" : ", but not all of them: a part of it cannot be read");
	return dedup_files_open(s);
}

/* Gives what a file without a name knows a file with a number of its own. */
static bool
write_again(const struct dedup_files *s, const struct dedup_file *f, unsigned number)
{
	struct dedup_head	 head;
	struct state_file	 to;
	char			 path[STATE_FILE_PATH];
	bool			 ok;

	memcpy(&head, f->head, sizeof(head));
	head.full = 0;		/* no further file follows the copy */
	ok = begin_file(&to, path, s, number, f->file.len) &&
	    pwrite(to.fd, f->file.map, f->file.len, 0) == (ssize_t)f->file.len;
	ok = end_file(&to, path, &head, ok);
	log_msg(LEVEL_ERROR, "seen", "%s/%s%u was removed or replaced while it was in use: %s; "
	    "find out who does that, and stop qtoa before", s->set->state_dir, prefix, f->number,
	    ok ? "what it knows is written again" : "a message that WeChat repeats now may be "
	    "forwarded twice");
	return ok;
}

/*
 * Whether the file still has its name, or another process has written it again: then both began at
 * one time.  A file that somebody puts in its place may be an old copy.
 */
static bool
is_known(const struct dedup_files *now, const struct dedup_file *f)
{
	const struct dedup_file	*v;

	for (v = now->v; v != now->v + now->n; v++)
		if (file_is_same(&v->file.st, &f->file.st) || (v->number != f->number &&
		    v->head->begun_s == f->head->begun_s && v->table.bits == f->table.bits))
			return true;
	return false;
}

/* Whether nobody misses the file: it was damaged, or its marks are too old. */
static bool
is_dispensable(const struct dedup_files *s, const struct dedup_file *f,
    const struct dedup_file *next)
{
	return state_file_is_lost(&f->file) || !is_sound(f) ||
	    (next != NULL && dedup_files_is_past(s, next));
}

void
dedup_files_save(struct dedup_files *s)
{
	struct dedup_file	 old[DEDUP_FILES_MAX];
	const size_t		 n = s->n;
	struct lock		 lock;
	bool			 locked;
	size_t			 i;

	memcpy(old, s->v, n * sizeof(old[0]));
	s->n = 0;	/* they stay mapped */
	(void)mkdir(s->set->state_dir, 0700);	/* if this fails, so does the next line */
	locked = lock_list(s, &lock);
	(void)dedup_files_open(s);
	for (i = 0; i < n && locked; i++)
		if (!is_known(s, &old[i]) &&
		    !is_dispensable(s, &old[i], i + 1 < n ? &old[i + 1] : NULL) &&
		    write_again(s, &old[i], s->last + 1))
			(void)dedup_files_open(s);
	if (locked)
		lock_release(s->locks, &lock, false);
	for (i = 0; i < n; i++)
		state_file_unmap(&old[i].file);
}

/* How large the next file is to be. */
static unsigned
next_bits(struct dedup_files *s)
{
	const struct dedup_file	*last = s->n != 0 ? dedup_files_last(s) : NULL;
	unsigned		 bits = BITS_MIN;
	char			 path[STATE_FILE_PATH];
	int			 fd;

	if (last != NULL)
		return last->table.bits + BITS_MORE <= BITS_MAX && !dedup_files_is_past(s, last) ?
		    last->table.bits + BITS_MORE : last->table.bits;
	write_path(path, s, s->old);
	if (s->old != 0 && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) != -1) {
		bits = dedup_import_bits(fd);
		(void)close(fd);
	}
	return bits;
}

void
dedup_files_add(struct dedup_files *s, unsigned number)
{
	struct lock	 lock;

	if (!lock_list(s, &lock))
		return;
	if (dedup_files_open(s) && s->last == number &&
	    make_file(s, number + 1, next_bits(s)))
		(void)dedup_files_open(s);
	while (import_file(s))
		;
	remove_old(s);
	lock_release(s->locks, &lock, false);
}

bool
dedup_files_seem_current(const struct dedup_files *s)
{
	size_t	 i;

	for (i = 0; i < s->n; i++)
		if (state_file_is_lost(&s->v[i].file))
			return false;
	return s->n != 0 && !dedup_files_is_full(&s->v[s->n - 1]) && is_sound(&s->v[s->n - 1]);
}

bool
dedup_files_have_names(const struct dedup_files *s)
{
	const struct dedup_file	*f;
	char			 path[STATE_FILE_PATH];

	for (f = s->v; f != s->v + s->n; f++) {
		write_path(path, s, f->number);
		if (!file_is_at(path, &f->file.st))
			return false;
	}
	return true;
}
