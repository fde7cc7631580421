#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/counter_file.h"

enum {
	VERSION		= 1,
	NAME		= COUNTER_FILE_NAME,
	PAGE_NAMES	= 64,		/* the head grows by so many, 4 KiB */
	ROOM_MAX	= 1 << 16,
	PATIENCE_MS	= 2000,		/* with others who make the same file ready */
	TRIES		= 3
};

static const char	 magic[8] = "qtoatall";
static const char	 prefix[] = "qtoa.tally-";

/* See state/counters.h. */
struct message {
	char		 magic[8];
	uint32_t	 version, day, room, head, slot, hour;
	uint64_t	 used;
	char		 zero[24];
};

_Static_assert(sizeof(struct message) == NAME, "the names follow");

/* A file being made ready, or read. */
struct opened {
	const struct counter_file_kind	*kind;
	const char			*dir;
	int64_t				 day;
	int				 fd;
	char				 name[COUNTER_FILE_PATH];
	struct message			 head;
	struct stat			 st;
};

struct counter_file {
	const struct conf		*conf;
	struct locks			*locks;
	const struct counter_file_kind	*kind;
	int64_t				 day;
	char				*map;	/* NULL: none is */
	size_t				 len;
	struct message			 head;
	struct stat			 st;
	void				**slots; /* by account, then none's; NULL: look */
};

/*
 * Names.
 */

void
counter_file_path(char path[COUNTER_FILE_PATH], const char *dir, int64_t day)
{
	char	 text[CALENDAR_DAY_TEXT];

	calendar_day_text(text, day);
	if (day == COUNTER_FILE_TOTAL)
		(void)snprintf(path, COUNTER_FILE_PATH, "%s/%stotal", dir, prefix);
	else if (*text == '\0')
		*path = '\0';
	else
		(void)snprintf(path, COUNTER_FILE_PATH, "%s/%s%.4s%.2s%.2s", dir, prefix, text,
		    text + 5, text + 8);
}

/* The day of a file of that name, or of one that was set aside; -1: it is neither. */
static int64_t
day_of_name(const char *name, bool *aside)
{
	const char	*p = name + sizeof(prefix) - 1;
	char		 text[16];
	int64_t		 day;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || strlen(p) < 8)
		return -1;
	*aside = p[8] != '\0';
	(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", p, p + 4, p + 6);
	return (!*aside || p[8] == '.') && calendar_parse_day(&day, slice_of(text)) ? day : -1;
}

/*
 * Files.
 */

static uint32_t
day_of_head(int64_t day)
{
	return day == COUNTER_FILE_TOTAL ? 0 : (uint32_t)day;
}

static enum counter_file_state
read_head(struct opened *f)
{
	static const struct message	 nothing;
	const struct message		*h = &f->head;
	ssize_t				 n;

	memset(&f->head, 0, sizeof(f->head));
	if (fstat(f->fd, &f->st) == -1 || (n = pread(f->fd, &f->head, sizeof(f->head), 0)) == -1)
		return COUNTER_FILE_UNREADABLE;
	/* Who began it may have died before the magic, which comes last. */
	if (memcmp(h->magic, nothing.magic, sizeof(h->magic)) == 0)
		return COUNTER_FILE_EMPTY;
	if (n != (ssize_t)sizeof(f->head) || memcmp(h->magic, magic, sizeof(magic)) != 0)
		return COUNTER_FILE_OTHER;
	if (h->version > VERSION)
		return COUNTER_FILE_LATER;
	return h->version == VERSION && h->day == day_of_head(f->day) &&
	    h->slot == f->kind->slot && h->hour == f->kind->hour && h->room > 0 &&
	    h->room < ROOM_MAX && h->head == NAME * (h->room + 1) && h->used > 0 &&
	    h->used <= h->room ? COUNTER_FILE_SOUND : COUNTER_FILE_OTHER;
}

static off_t
slot_at(const struct message *h, uint64_t slot)
{
	return (off_t)(h->head + slot * h->slot);
}

/* All up to there is on disk.  A copy may have holes, which blocks tell. */
static bool
is_reserved(const struct opened *f, off_t end)
{
	return f->st.st_size >= end && (off_t)f->st.st_blocks * 512 >= end;
}

static bool
reserve(struct opened *f, off_t end)
{
	int	 rc;

	if (is_reserved(f, end))
		return true;
	if ((rc = posix_fallocate(f->fd, 0, end)) != 0)
		errno = rc;
	return rc == 0 && fstat(f->fd, &f->st) == 0;
}

static bool
put(const struct opened *f, const void *p, size_t len, off_t at)
{
	return pwrite(f->fd, p, len, at) == (ssize_t)len;
}

/* The name of an account, as in the file. */
static void
pad(char name[NAME], struct slice path)
{
	memset(name, 0, NAME);
	if (path.len != 0)
		memcpy(name, path.p, path.len < NAME ? path.len : NAME);
}

/* After a power cut numbers may be there without their name. */
static bool
wipe(const struct opened *f, off_t from, off_t to)
{
	static const char	 zeros[4096];
	off_t			 len;

	for (; from < to; from += len) {
		len = to - from < (off_t)sizeof(zeros) ? to - from : (off_t)sizeof(zeros);
		if (!put(f, zeros, (size_t)len, from))
			return false;
	}
	return true;
}

/* One more slot.  Who dies within has added none. */
static bool
append_slot(struct opened *f, const char name[NAME])
{
	struct message	*h = &f->head;
	const off_t	 from = slot_at(h, h->used), to = slot_at(h, h->used + 1);
	const bool	 is_new = f->st.st_size <= from;

	if (!reserve(f, to) || (!is_new && !wipe(f, from, to)) ||
	    !put(f, name, NAME, (off_t)(NAME * (h->used + 1))))
		return false;
	h->used++;
	return put(f, &h->used, sizeof(h->used), offsetof(struct message, used));
}

/* A slot for the path, if there is room. */
static bool
need_slot(struct opened *f, const char *path)
{
	const struct message	*h = &f->head;
	char			 want[NAME], name[NAME];
	uint64_t		 i;

	if (!reserve(f, slot_at(h, h->used)))
		return false;
	pad(want, slice_of(path));
	for (i = 0; i < h->used; i++)
		if (pread(f->fd, name, NAME, (off_t)(NAME * (i + 1))) != NAME)
			return false;
		else if (memcmp(name, want, NAME) == 0)
			return true;
	return h->used == h->room || append_slot(f, want);
}

struct seeding {
	struct opened	*file;
	bool		 ok;
};

/* A counter_file_each: a slot of a new file. */
static void
sow(void *ctx, struct slice account, const void *slot)
{
	struct seeding	*s = ctx;
	struct opened	*f = s->file;
	char		 name[NAME];

	pad(name, account);
	s->ok = s->ok && (account.len == 0 || append_slot(f, name)) &&
	    put(f, slot, f->head.slot, slot_at(&f->head, f->head.used - 1));
}

/* What it begins with is on disk before the file is one: no power cut leaves half of it. */
static bool
seed(struct opened *f)
{
	struct seeding	 s = { f, true };

	if (f->kind->seed == NULL)
		return true;
	return f->kind->seed(f->dir, sow, &s) == ERR_OK && s.ok &&
	    (f->head.used == 1 || fdatasync(f->fd) == 0);
}

/* Whoever dies within leaves an empty file, as it was. */
static bool
begin_file(struct opened *f, size_t accounts)
{
	struct message	*h = &f->head;
	uint32_t	 names = f->kind->names;

	while (names < ROOM_MAX - PAGE_NAMES && names < accounts * 2 + 8)
		names += PAGE_NAMES;
	*h = (struct message){
		.version = VERSION, .day = day_of_head(f->day), .room = names - 1,
		.head = NAME * names, .slot = f->kind->slot, .hour = f->kind->hour, .used = 1,
	};
	if (!reserve(f, slot_at(h, 1)) || !put(f, h, sizeof(*h), 0) || !seed(f))
		return false;
	memcpy(h->magic, magic, sizeof(magic));
	return put(f, h->magic, sizeof(h->magic), 0);
}

static bool
set_aside(const struct opened *f)
{
	char	 to[COUNTER_FILE_PATH + 40];

	(void)snprintf(to, sizeof(to), "%s.foreign-%lld", f->name, (long long)clock_wall_ms());
	if (rename(f->name, to) == -1)
		return false;
	log_msg(LEVEL_WARNING, "tally", "%s is not of this program's layout: it is set aside as "
	    "%s, a new one is begun", f->name, to);
	return true;
}

/* NULL: opened, and of our layout; else why not. */
static const char *
open_or_begin(struct opened *f, size_t accounts)
{
	bool	 ok = false;
	int	 tries;

	/* Once what is wrong has gone there is another one. */
	for (tries = 0; tries < TRIES; tries++) {
		f->fd = open(f->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (f->fd == -1)
			return strerror(errno);
		switch (read_head(f)) {
		case COUNTER_FILE_SOUND:
			return NULL;
		case COUNTER_FILE_LATER:
			return "a later qtoa's";
		case COUNTER_FILE_ABSENT:
		case COUNTER_FILE_UNREADABLE:
			return strerror(errno);
		case COUNTER_FILE_EMPTY:
			/* One that has been begun is not cut short: who knows who maps it. */
			if (f->st.st_size == 0)
				return begin_file(f, accounts) ? NULL : strerror(errno);
			ok = unlink(f->name) == 0;
			break;
		case COUNTER_FILE_OTHER:
			ok = set_aside(f);
			break;
		}
		if (!ok)
			return strerror(errno);
		(void)close(f->fd);
	}
	f->fd = -1;
	return "not of this program's layout";
}

/*
 * Mapping.
 */

static void
unmap(struct counter_file *f)
{
	if (f->map != NULL)
		(void)munmap(f->map, f->len);
	f->map = NULL;
}

static const char *
path_of(const struct conf *c, size_t account)
{
	return account < c->n ? c->accounts[account].path : "";
}

/* Whether the account has a slot in what is mapped; found, it need not be looked for again. */
static bool
find_slot(struct counter_file *f, size_t account)
{
	const struct message	*h = &f->head;
	char			 want[NAME];
	uint64_t		 i;

	pad(want, slice_of(path_of(f->conf, account)));
	for (i = 0; i < h->used && memcmp(f->map + NAME * (i + 1), want, NAME) != 0; i++)
		;
	if (i == h->used && i < h->room)
		return false;
	f->slots[account] = f->map + slot_at(h, i == h->used ? 0 : i);
	return true;
}

/* What o has, in place of what f had; whose slots were found before, they are again. */
static bool
map(struct counter_file *f, const struct opened *o)
{
	const size_t	 len = (size_t)o->st.st_size;
	size_t		 i;
	void		*p;

	if ((p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0)) == MAP_FAILED)
		return false;
	unmap(f);
	f->day = o->day;
	f->map = p;
	f->len = len;
	f->head = o->head;
	f->st = o->st;
	for (i = 0; i <= f->conf->n; i++)
		if (f->slots[i] != NULL && !find_slot(f, i))
			f->slots[i] = NULL;
	return true;
}

/* True: the file is as it must be, and so it was for others before us. */
static bool
map_as_it_is(struct counter_file *f, struct opened *o)
{
	bool	 ok;

	if ((o->fd = open(o->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return false;
	ok = read_head(o) == COUNTER_FILE_SOUND &&
	    is_reserved(o, slot_at(&o->head, o->head.used)) && map(f, o);
	(void)close(o->fd);
	return ok;
}

/* With a slot for the account, and the file if need be.  NULL: done; else why not. */
static const char *
map_anew(struct counter_file *f, struct opened *o, size_t account)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 claim;
	const char	*why;

	lock_name(key, "tally", o->name);
	if (lock_take(f->locks, &claim, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process has it in hand all the time";
	(void)mkdir(o->dir, 0700);	/* whether it is there now shows below */
	why = open_or_begin(o, f->conf->n);
	if (why == NULL && (!need_slot(o, path_of(f->conf, account)) || !map(f, o)))
		why = strerror(errno);
	if (o->fd != -1)
		(void)close(o->fd);
	lock_release(f->locks, &claim, false);
	return why;
}

const char *
counter_file_ready(struct counter_file *f, int64_t day, size_t account)
{
	struct opened	 o = { .kind = f->kind, .dir = f->conf->set.state_dir, .day = day };
	const char	*why;

	counter_file_path(o.name, o.dir, day);
	if (*o.name == '\0')
		return "the clock is wrong";
	if (f->map != NULL && f->day == day && find_slot(f, account))
		return NULL;
	if (map_as_it_is(f, &o) && find_slot(f, account))
		return NULL;
	if ((why = map_anew(f, &o, account)) == NULL && !find_slot(f, account))
		why = "its slots are gone";
	return why;
}

void *
counter_file_slot(const struct counter_file *f, int64_t day, size_t account)
{
	return f->map != NULL && f->day == day ? f->slots[account] : NULL;
}

void
counter_file_housekeep(struct counter_file *f)
{
	char		 path[COUNTER_FILE_PATH];
	struct stat	 st;

	if (f->map == NULL)
		return;
	counter_file_path(path, f->conf->set.state_dir, f->day);
	if (stat(path, &st) == -1 || st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino)
		unmap(f);
}

struct counter_file *
counter_file_new(const struct conf *c, struct locks *cs, const struct counter_file_kind *k)
{
	struct counter_file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->conf = c;
	f->locks = cs;
	f->kind = k;
	if ((f->slots = calloc(c->n + 1, sizeof(*f->slots))) == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
counter_file_free(struct counter_file *f)
{
	if (f == NULL)
		return;
	unmap(f);
	free(f->slots);
	free(f);
}

/*
 * Reading.
 */

/* What is not there yet is zeros. */
static enum error
read_slot(const struct opened *f, void *slot, uint64_t i, counter_file_each *fn, void *ctx)
{
	char	 name[NAME + 1] = "";

	memset(slot, 0, f->head.slot);
	if (pread(f->fd, name, NAME, (off_t)(NAME * (i + 1))) == -1 ||
	    pread(f->fd, slot, f->head.slot, slot_at(&f->head, i)) == -1)
		return ERR_STORE;
	fn(ctx, slice_of(i == 0 ? "" : name), slot);
	return ERR_OK;
}

static enum error
read_slots(const struct opened *f, counter_file_each *fn, void *ctx)
{
	enum error	 er = ERR_OK;
	uint64_t	 i;
	void		*slot;

	if ((slot = malloc(f->head.slot)) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < f->head.used && er == ERR_OK; i++)
		er = read_slot(f, slot, i, fn, ctx);
	free(slot);
	return er;
}

enum error
counter_file_read(enum counter_file_state *state, const char *dir, int64_t day,
    const struct counter_file_kind *k, counter_file_each *fn, void *ctx)
{
	struct opened	 f = { .kind = k, .dir = dir, .day = day };
	enum error	 er = ERR_OK;

	counter_file_path(f.name, dir, day);
	if ((f.fd = open(f.name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1) {
		*state = errno == ENOENT ? COUNTER_FILE_ABSENT : COUNTER_FILE_UNREADABLE;
	} else {
		if ((*state = read_head(&f)) == COUNTER_FILE_SOUND)
			er = read_slots(&f, fn, ctx);
		(void)close(f.fd);
	}
	return *state == COUNTER_FILE_UNREADABLE ? ERR_STORE : er;
}

static int
compare(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static enum error
add_day(struct counter_file_days *d, int64_t day)
{
	size_t	 room = d->room == 0 ? 64 : d->room * 2;
	int64_t	*v;

	if (d->n == d->room) {
		if ((v = realloc(d->v, room * sizeof(*v))) == NULL)
			return ERR_NOMEM;
		d->v = v;
		d->room = room;
	}
	d->v[d->n++] = day;
	return ERR_OK;
}

enum error
counter_file_days(struct counter_file_days *d, const char *dir, int64_t from, int64_t to)
{
	enum error	 er = ERR_OK;
	struct dirent	*e;
	int64_t		 day;
	bool		 aside;
	DIR		*p;

	*d = (struct counter_file_days){ .n = 0 };
	if ((p = opendir(dir)) == NULL)
		return errno == ENOENT ? ERR_OK : ERR_STORE;
	while (er == ERR_OK && (e = readdir(p)) != NULL)
		if ((day = day_of_name(e->d_name, &aside)) != -1 && !aside && day >= from &&
		    day <= to)
			er = add_day(d, day);
	(void)closedir(p);
	if (d->n != 0)
		qsort(d->v, d->n, sizeof(*d->v), compare);
	return er;
}

void
counter_file_forget(const char *dir, int64_t before)
{
	char		 name[COUNTER_FILE_PATH];
	struct dirent	*e;
	int64_t		 day;
	bool		 aside;
	DIR		*p;

	if ((p = opendir(dir)) == NULL)
		return;
	while ((e = readdir(p)) != NULL)
		if ((day = day_of_name(e->d_name, &aside)) != -1 && day < before &&
		    snprintf(name, sizeof(name), "%s/%s", dir, e->d_name) < (int)sizeof(name))
			(void)unlink(name);
	(void)closedir(p);
}
