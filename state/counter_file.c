#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/random.h"
#include "state/counter_file.h"

enum {
	NAME		= COUNTER_FILE_NAME,
	PAGE_NAMES	= 64,		/* the head grows by so many names, which are 4 KiB */
	NAMES_MAX	= 1 << 16,
	PATIENCE_MS	= 2000,		/* with other processes that prepare the same file */
	TRIES		= 3
};

static const char	 prefix[] = "qtoa.tally-";

/* The beginning of a file; see state/counters.h. */
struct head {
	char		 magic[8];
	uint32_t	 version, day, room, head, slot, hour;
	uint64_t	 used;
	int64_t		 made;		/* no other file has this number */
	char		 zero[16];
};

_Static_assert(sizeof(struct head) == NAME, "the names follow");

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 't', 'a', 'l', 'l' }, .version = 1,
	.head = sizeof(struct head),
};

/* A file that is prepared or read. */
struct opened {
	const struct counter_file_kind	*kind;
	const char			*dir;
	int64_t				 day;
	char				 path[STATE_FILE_PATH];
	struct state_file		 file;
	struct head			 head;
};

struct counter_file {
	const struct conf		*conf;
	struct locks			*locks;
	const struct counter_file_kind	*kind;
	int64_t				 day;		/* of the file that is mapped */
	struct state_file		 file;
	struct head			 head;
	void				**slots;	/* by account; NULL: not looked for yet */
};

/*
 * Names.
 */

void
counter_file_path(char path[STATE_FILE_PATH], const char *dir, int64_t day)
{
	char	 text[CALENDAR_DAY_TEXT];

	calendar_day_text(text, day);
	if (day == COUNTER_FILE_TOTAL)
		(void)snprintf(path, STATE_FILE_PATH, "%s/%stotal", dir, prefix);
	else if (*text == '\0')
		*path = '\0';
	else
		(void)snprintf(path, STATE_FILE_PATH, "%s/%s%.4s%.2s%.2s", dir, prefix, text,
		    text + 5, text + 8);
}

/* The day that a file's name says, also that of a file in quarantine; -1: it says no day. */
static int64_t
day_of_name(const char *name, bool *is_quarantined)
{
	const char	*p = name + sizeof(prefix) - 1;
	char		 text[16];
	int64_t		 day;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || strlen(p) < 8)
		return -1;
	*is_quarantined = p[8] != '\0';
	(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2s", p, p + 4, p + 6);
	return (!*is_quarantined || p[8] == '.') && calendar_parse_day(&day, slice_of(text)) ?
	    day : -1;
}

/*
 * Files.
 */

static uint32_t
day_of_head(int64_t day)
{
	return day == COUNTER_FILE_TOTAL ? 0 : (uint32_t)day;
}

static enum state_file_is
open_counters(struct opened *f, int flags)
{
	const struct head	*h = &f->head;
	enum state_file_is	 is;

	is = state_file_open(&f->file, f->path, flags, &f->head, &layout);
	if (is != STATE_FILE_SOUND)
		return is;
	return h->day == day_of_head(f->day) && h->slot == f->kind->slot &&
	    h->hour == f->kind->hour && h->room > 0 && h->room < NAMES_MAX &&
	    h->head == NAME * (h->room + 1) && h->used > 0 && h->used <= h->room ?
	    STATE_FILE_SOUND : STATE_FILE_OTHER;
}

static off_t
slot_at(const struct head *h, uint64_t slot)
{
	return (off_t)(h->head + slot * h->slot);
}

static bool
write_bytes(const struct opened *f, const void *p, size_t len, off_t at)
{
	return pwrite(f->file.fd, p, len, at) == (ssize_t)len;
}

/* Writes the name of an account as it is in the file. */
static void
pad_name(char name[NAME], struct slice path)
{
	memset(name, 0, NAME);
	if (path.len != 0)
		memcpy(name, path.p, path.len < NAME ? path.len : NAME);
}

/*
 * Sets bytes to zeros that no process uses yet.  After a power cut there may be numbers without a
 * name.  And blocks that were written are no hole to anybody: see state_file_reserve().
 */
static bool
clear_bytes(const struct opened *f, off_t from, off_t to)
{
	static const char	 zeros[4096];
	off_t			 len;

	for (; from < to; from += len) {
		len = to - from < (off_t)sizeof(zeros) ? to - from : (off_t)sizeof(zeros);
		if (!write_bytes(f, zeros, (size_t)len, from))
			return false;
	}
	return true;
}

/* Adds a slot.  If the process dies in here, the file has the slots that it had. */
static bool
append_slot(struct opened *f, const char name[NAME])
{
	struct head	*h = &f->head;
	const off_t	 from = slot_at(h, h->used), to = slot_at(h, h->used + 1);

	if (!state_file_reserve(&f->file, to) || !clear_bytes(f, from, to) ||
	    !write_bytes(f, name, NAME, (off_t)(NAME * (h->used + 1))))
		return false;
	h->used++;
	return write_bytes(f, &h->used, sizeof(h->used), offsetof(struct head, used));
}

/* Adds a slot for the account if it has none and there is room. */
static bool
ensure_slot(struct opened *f, const char *path)
{
	const struct head	*h = &f->head;
	char			 want[NAME], name[NAME];
	uint64_t		 i;

	if (!state_file_reserve(&f->file, slot_at(h, h->used)))
		return false;
	pad_name(want, slice_of(path));
	for (i = 0; i < h->used; i++)
		if (pread(f->file.fd, name, NAME, (off_t)(NAME * (i + 1))) != NAME)
			return false;
		else if (memcmp(name, want, NAME) == 0)
			return true;
	return h->used == h->room || append_slot(f, want);
}

struct seeding {
	struct opened	*file;
	bool		 ok;
};

/* A counter_file_each: writes a slot that a new file begins with. */
static void
seed_slot(void *ctx, struct slice account, const void *slot)
{
	struct seeding	*s = ctx;
	struct opened	*f = s->file;
	char		 name[NAME];

	pad_name(name, account);
	s->ok = s->ok && (account.len == 0 || append_slot(f, name)) &&
	    write_bytes(f, slot, f->head.slot, slot_at(&f->head, f->head.used - 1));
}

/* Writes and syncs the first numbers before the magic: a power cut cannot leave half of them. */
static bool
seed_file(struct opened *f)
{
	struct seeding	 s = { f, true };

	if (f->kind->seed == NULL)
		return true;
	return f->kind->seed(f->dir, seed_slot, &s) == ERR_OK && s.ok &&
	    (f->head.used == 1 || fdatasync(f->file.fd) == 0);
}

/* If the process dies in here, the file has no magic and is an empty one. */
static bool
begin_file(struct opened *f, size_t accounts)
{
	struct head	*h = &f->head;
	uint32_t	 names = f->kind->names;

	while (names < NAMES_MAX - PAGE_NAMES && names < accounts * 2 + 8)
		names += PAGE_NAMES;
	*h = (struct head){
		.version = layout.version, .day = day_of_head(f->day), .room = names - 1,
		.head = NAME * names, .slot = f->kind->slot, .hour = f->kind->hour, .used = 1,
		.made = random_id(),
	};
	if (!state_file_reserve(&f->file, slot_at(h, 1)) ||
	    !clear_bytes(f, 0, slot_at(h, 1)) || !write_bytes(f, h, sizeof(*h), 0) ||
	    !seed_file(f))
		return false;
	memcpy(h->magic, layout.magic, sizeof(h->magic));
	return write_bytes(f, h->magic, sizeof(h->magic), 0);
}

/* Opens the file, or a new one with room for so many accounts.  NULL: done; else why not. */
static const char *
open_or_begin(struct opened *f, size_t accounts)
{
	enum state_file_is	 is;
	const char		*why;
	int			 tries;

	/* Each try removes a file that cannot be used; the next one makes a new file. */
	for (tries = 0; tries < TRIES; tries++) {
		is = open_counters(f, O_RDWR | O_CREAT);
		if (is == STATE_FILE_SOUND)
			return NULL;
		if (f->file.fd == -1)
			return strerror(errno);
		/* Only a file of no bytes is used: others may have mapped a longer one. */
		if (is == STATE_FILE_EMPTY && f->file.st.st_size == 0)
			return begin_file(f, accounts) ? NULL : strerror(errno);
		why = state_file_clear(is, f->path, "tally");
		state_file_close(&f->file);
		if (why != NULL)
			return why;
	}
	return "its layout is not that of this program";
}

/*
 * Mapping.
 */

static const char *
account_path_of(const struct conf *c, size_t account)
{
	const size_t	 n = conf_destinations(c);

	return account < n ? c->accounts[account].path : account == n ? "" : COUNTER_FILE_STORE;
}

/* Finds and keeps the account's slot in the mapped file.  False: it has no slot there yet. */
static bool
find_slot(struct counter_file *f, size_t account)
{
	const struct head	*h = &f->head;
	char			*map = f->file.map;
	char			 want[NAME];
	uint64_t		 i;

	pad_name(want, slice_of(account_path_of(f->conf, account)));
	for (i = 0; i < h->used && memcmp(map + NAME * (i + 1), want, NAME) != 0; i++)
		;
	if (i == h->used && i < h->room)
		return false;
	f->slots[account] = map + slot_at(h, i == h->used ? 0 : i);
	return true;
}

/* Maps o in place of what f had, and finds the slots again that were known. */
static bool
map_counters(struct counter_file *f, const struct opened *o)
{
	size_t	 i;

	if (!state_file_map(&f->file, &o->file, (size_t)o->file.st.st_size))
		return false;
	f->day = o->day;
	f->head = o->head;
	for (i = 0; i < conf_destinations(f->conf) + 2; i++)
		if (f->slots[i] != NULL && !find_slot(f, i))
			f->slots[i] = NULL;
	return true;
}

/* Maps the file if another process has prepared it. */
static bool
map_existing(struct counter_file *f, struct opened *o)
{
	off_t	 len;
	bool	 ok = false;

	if (open_counters(o, O_RDWR) == STATE_FILE_SOUND) {
		len = slot_at(&o->head, o->head.used);
		ok = o->file.st.st_size >= len && state_file_reserve(&o->file, len) &&
		    map_counters(f, o);
	}
	state_file_close(&o->file);
	return ok;
}

/* Prepares the file with a slot for the account, and maps it.  NULL: done; else why not. */
static const char *
prepare_and_map(struct counter_file *f, struct opened *o, size_t account)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	const char	*why;

	lock_name(key, "tally", o->path);
	if (lock_take(f->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return "another process prepares it and does not finish";
	(void)mkdir(o->dir, 0700);	/* if this fails, so does the next line */
	why = open_or_begin(o, conf_destinations(f->conf));
	if (why == NULL && (!ensure_slot(o, account_path_of(f->conf, account)) ||
	    !map_counters(f, o)))
		why = strerror(errno);
	state_file_close(&o->file);
	lock_release(f->locks, &lock, false);
	return why;
}

const char *
counter_file_ready(struct counter_file *f, int64_t day, size_t account)
{
	struct opened	 o = { .kind = f->kind, .dir = f->conf->set.state_dir, .day = day };
	const char	*why;

	counter_file_path(o.path, o.dir, day);
	if (*o.path == '\0')
		return "the clock is wrong";
	if (state_file_is_lost(&f->file)) {
		state_file_unmap(&f->file);
		return STATE_FILE_LOST;
	}
	if (f->file.map != NULL && f->day == day && find_slot(f, account))
		return NULL;
	if (map_existing(f, &o) && find_slot(f, account))
		return NULL;
	if ((why = prepare_and_map(f, &o, account)) == NULL && !find_slot(f, account))
		why = "the slot that was added is gone";
	return why;
}

void *
counter_file_slot(const struct counter_file *f, int64_t day, size_t account)
{
	return f->file.map != NULL && f->day == day && !state_file_is_lost(&f->file) ?
	    f->slots[account] : NULL;
}

void
counter_file_housekeep(struct counter_file *f)
{
	char	 path[STATE_FILE_PATH];

	if (f->file.map == NULL)
		return;
	counter_file_path(path, f->conf->set.state_dir, f->day);
	if (!file_is_at(path, &f->file.st))
		state_file_unmap(&f->file);
}

struct counter_file *
counter_file_new(const struct conf *c, struct locks *locks, const struct counter_file_kind *k)
{
	struct counter_file	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->conf = c;
	f->locks = locks;
	f->kind = k;
	if ((f->slots = calloc(conf_destinations(c) + 2, sizeof(*f->slots))) == NULL) {
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
	state_file_unmap(&f->file);
	free(f->slots);
	free(f);
}

/*
 * Reading.
 */

/* Bytes behind the end of the file are zeros. */
static bool
read_slot(const struct opened *f, char *slot, uint64_t i, const struct counter_file_part *p,
    char name[NAME + 1])
{
	memset(name, 0, NAME + 1);
	memset(slot, 0, f->head.slot);
	return pread(f->file.fd, name, NAME, (off_t)(NAME * (i + 1))) != -1 &&
	    pread(f->file.fd, slot + p->from, p->to - p->from, slot_at(&f->head, i) +
	    (off_t)p->from) != -1;
}

static enum error
read_slots(const struct opened *f, const struct counter_file_part *p, counter_file_each *fn,
    void *ctx)
{
	enum error	 er = ERR_OK;
	char		 name[NAME + 1], *slot;
	uint64_t	 i;

	if ((slot = malloc(f->head.slot)) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < f->head.used && er == ERR_OK; i++)
		if (read_slot(f, slot, i, p, name))
			fn(ctx, slice_of(i == 0 ? "" : name), slot);
		else
			er = ERR_STORE;
	free(slot);
	return er;
}

enum error
counter_file_read_part(struct counter_file_part *p, counter_file_each *fn, void *ctx)
{
	struct opened	 f = { .kind = p->kind, .dir = p->dir, .day = p->day };
	enum error	 er = ERR_OK;

	counter_file_path(f.path, p->dir, p->day);
	if ((p->is = open_counters(&f, O_RDONLY)) == STATE_FILE_SOUND) {
		p->made = f.head.made;
		er = read_slots(&f, p, fn, ctx);
	}
	state_file_close(&f.file);
	return p->is == STATE_FILE_UNREADABLE ? ERR_STORE : er;
}

enum error
counter_file_read(enum state_file_is *is, const char *dir, int64_t day,
    const struct counter_file_kind *k, counter_file_each *fn, void *ctx)
{
	struct counter_file_part	 p = { .dir = dir, .day = day, .kind = k, .to = k->slot };
	const enum error		 er = counter_file_read_part(&p, fn, ctx);

	*is = p.is;
	return er;
}

static int
compare_days(const void *a, const void *b)
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
	bool		 is_quarantined;
	DIR		*p;

	*d = (struct counter_file_days){ .n = 0 };
	if ((p = opendir(dir)) == NULL)
		return errno == ENOENT ? ERR_OK : ERR_STORE;
	while (er == ERR_OK && (e = readdir(p)) != NULL)
		if ((day = day_of_name(e->d_name, &is_quarantined)) != -1 && !is_quarantined &&
		    day >= from && day <= to)
			er = add_day(d, day);
	(void)closedir(p);
	if (d->n != 0)
		qsort(d->v, d->n, sizeof(*d->v), compare_days);
	return er;
}

void
counter_file_forget(const char *dir, int64_t before)
{
	char		 path[STATE_FILE_PATH];
	struct dirent	*e;
	int64_t		 day;
	bool		 is_quarantined;
	DIR		*p;

	if ((p = opendir(dir)) == NULL)
		return;
	while ((e = readdir(p)) != NULL)
		if ((day = day_of_name(e->d_name, &is_quarantined)) != -1 && day < before &&
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path))
			(void)unlink(path);
	(void)closedir(p);
}
