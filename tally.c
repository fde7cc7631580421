#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "day.h"
#include "log.h"
#include "tally.h"

enum {
	VERSION		= 1,
	NAME		= 64,		/* bytes; a path has no more */
	PAGE_NAMES	= 64,		/* the head grows by so many, 4 KiB */
	ROOM_MAX	= 1 << 16,
	CHINA_S		= 8 * 3600,
	DAY_S		= 86400,
	PATIENCE_MS	= 100,		/* with others who make the same file ready */
	RETRY_MS	= 1000,		/* between two tries while it fails */
	TRIES		= 3,
	FILE_NAME	= 1100
};

static const char	 magic[8] = "qtoatall";
static const char	 prefix[] = "qtoa.tally-";

/* See tally.h. */
struct head {
	char		 magic[8];
	uint32_t	 version, day, room, head, slot, hour;
	uint64_t	 used;
	char		 zero[24];
};

/* struct tally_numbers as it is in the file. */
struct hour {
	_Atomic uint64_t	 count[TALLY_COUNTS], sum_ms[TALLY_TIMES], spare[2];
	_Atomic uint64_t	 bucket[TALLY_TIMES][TALLY_BUCKETS];
};

enum { SLOT = sizeof(struct hour) * TALLY_HOURS };

_Static_assert(sizeof(struct head) == NAME, "the names follow");
_Static_assert(sizeof(struct hour) == sizeof(struct tally_numbers), "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

/* A file being made ready. */
struct file {
	int		 fd;
	char		 name[FILE_NAME];
	struct head	 head;
	struct stat	 st;
};

/* One that is mapped. */
struct day {
	int64_t		  number;
	char		 *map;		/* NULL: none is */
	size_t		  len;
	struct head	  head;
	struct stat	  st;
	struct hour	**slots;	/* by account, then none's: its first hour; NULL: look */
};

struct tally {
	const struct conf	*conf;
	struct claims		*claims;
	pthread_rwlock_t	 lock;		/* who counts reads, who maps writes */
	struct day		 days[2];	/* even and odd: about midnight there are two */
	_Atomic int64_t		 retry_ms;	/* monotonic */
	_Atomic uint64_t	 lost;
	bool			 in_trouble;	/* and it has been said */
};

/*
 * Places.
 */

enum tally_count
tally_refused(enum qt_err er, bool push)
{
	/* In files: add, never change. */
	static const unsigned char	 reasons[QT__MAX] = {
		[QT_ENOMEM] = 1, [QT_ECONF] = 2, [QT_EREQUEST] = 3, [QT_EPATH] = 4,
		[QT_EMETHOD] = 5, [QT_ETOOBIG] = 6, [QT_ELATE] = 7, [QT_EPARAM] = 8,
		[QT_ESIGNATURE] = 9, [QT_ESTALE] = 10, [QT_EXML] = 11, [QT_EAESKEY] = 12,
		[QT_EBASE64] = 13, [QT_EAES] = 14, [QT_EBUFFER] = 15, [QT_EAPPID] = 16,
		[QT_ECRYPTO] = 17, [QT_ESTORE] = 18, [QT_EADDRESS] = 19, [QT_EBUSY] = 20,
		[QT_EKEY] = 21, [QT_EOFTEN] = 22, [QT_ETOKEN] = 23,
	};
	const unsigned			 base = push ? TALLY_REFUSED : TALLY_REFUSED_ELSE;

	return (enum tally_count)(base + reasons[er]);
}

int
tally_bucket(int64_t ms)
{
	const int64_t	 last = tally_bucket_ms(TALLY_BUCKETS) - 1;
	int		 doubled = 0;

	ms = ms < 0 ? 0 : ms > last ? last : ms;
	while (ms >> doubled >= 20)
		doubled++;
	return 10 * doubled + (int)(ms >> doubled);
}

int64_t
tally_bucket_ms(int bucket)
{
	const int	 doubled = bucket < 20 ? 0 : bucket / 10 - 1;

	return (int64_t)(bucket - 10 * doubled) << doubled;
}

/*
 * Files.
 */

/* False: no such day has a name. */
static bool
name_of(char name[FILE_NAME], const char *dir, int64_t day)
{
	char	 text[DAY_TEXT];

	day_text(text, day);
	(void)snprintf(name, FILE_NAME, "%s/%s%.4s%.2s%.2s", dir, prefix, text, text + 5, text + 8);
	return *text != '\0';
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
	return (!*aside || p[8] == '.') && day_parse(&day, slice_of(text)) ? day : -1;
}

enum condition { SOUND, EMPTY, OTHER, LATER, UNREADABLE };

static enum condition
read_head(struct file *f, int64_t day)
{
	static const struct head	 nothing;
	const struct head		*h = &f->head;
	ssize_t				 n;

	memset(&f->head, 0, sizeof(f->head));
	if (fstat(f->fd, &f->st) == -1 || (n = pread(f->fd, &f->head, sizeof(f->head), 0)) == -1)
		return UNREADABLE;
	/* Who began it may have died before the magic, which comes last. */
	if (memcmp(h->magic, nothing.magic, sizeof(h->magic)) == 0)
		return EMPTY;
	if (n != (ssize_t)sizeof(f->head) || memcmp(h->magic, magic, sizeof(magic)) != 0)
		return OTHER;
	if (h->version > VERSION)
		return LATER;
	return h->version == VERSION && h->day == day && h->slot == SLOT &&
	    h->hour == sizeof(struct hour) && h->room > 0 && h->room < ROOM_MAX &&
	    h->head == NAME * (h->room + 1) && h->used > 0 && h->used <= h->room ? SOUND : OTHER;
}

static off_t
slot_at(const struct head *h, uint64_t slot)
{
	return (off_t)(h->head + slot * SLOT);
}

/* All up to there is on disk.  A copy may have holes, which blocks tell. */
static bool
is_reserved(const struct file *f, off_t end)
{
	return f->st.st_size >= end && (off_t)f->st.st_blocks * 512 >= end;
}

static bool
reserve(struct file *f, off_t end)
{
	int	 rc;

	if (is_reserved(f, end))
		return true;
	if ((rc = posix_fallocate(f->fd, 0, end)) != 0)
		errno = rc;
	return rc == 0 && fstat(f->fd, &f->st) == 0;
}

static bool
put(const struct file *f, const void *p, size_t len, off_t at)
{
	return pwrite(f->fd, p, len, at) == (ssize_t)len;
}

/* Whoever dies within leaves an empty file, as it was. */
static bool
begin_file(struct file *f, int64_t day, size_t accounts)
{
	struct head	*h = &f->head;
	uint32_t	 room = 0;

	while (room < ROOM_MAX - PAGE_NAMES && room < accounts * 2 + 8)
		room += PAGE_NAMES;
	*h = (struct head){
		.version = VERSION, .day = (uint32_t)day, .room = room - 1, .head = NAME * room,
		.slot = SLOT, .hour = sizeof(struct hour), .used = 1,
	};
	if (!reserve(f, slot_at(h, 1)) || !put(f, h, sizeof(*h), 0))
		return false;
	memcpy(h->magic, magic, sizeof(magic));
	return put(f, h->magic, sizeof(h->magic), 0);
}

/* The name of an account, as in the file. */
static void
pad(char name[NAME], const char *path)
{
	size_t	 len = strlen(path);

	memset(name, 0, NAME);
	memcpy(name, path, len < NAME ? len : NAME);
}

/* After a power cut numbers may be there without their name. */
static bool
wipe(const struct file *f, off_t from, off_t to)
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
append_slot(struct file *f, const char name[NAME])
{
	struct head	*h = &f->head;
	const off_t	 from = slot_at(h, h->used), to = slot_at(h, h->used + 1);
	const bool	 is_new = f->st.st_size <= from;

	if (!reserve(f, to) || (!is_new && !wipe(f, from, to)) ||
	    !put(f, name, NAME, (off_t)(NAME * (h->used + 1))))
		return false;
	h->used++;
	return put(f, &h->used, sizeof(h->used), offsetof(struct head, used));
}

/* A slot for the path, if there is room. */
static bool
need_slot(struct file *f, const char *path)
{
	const struct head	*h = &f->head;
	char			 want[NAME], name[NAME];
	uint64_t		 i;

	if (!reserve(f, slot_at(h, h->used)))
		return false;
	pad(want, path);
	for (i = 0; i < h->used; i++)
		if (pread(f->fd, name, NAME, (off_t)(NAME * (i + 1))) != NAME)
			return false;
		else if (memcmp(name, want, NAME) == 0)
			return true;
	return h->used == h->room || append_slot(f, want);
}

static bool
set_aside(const struct file *f)
{
	char	 to[FILE_NAME + 40];

	(void)snprintf(to, sizeof(to), "%s.foreign-%lld", f->name, (long long)clock_wall_ms());
	if (rename(f->name, to) == -1)
		return false;
	log_msg(LEVEL_WARNING, "tally", "%s is not of this program's layout: it is set aside as "
	    "%s, a new one is begun", f->name, to);
	return true;
}

/* NULL: opened, and of our layout; else why not. */
static const char *
open_or_begin(struct file *f, int64_t day, size_t accounts)
{
	bool	 ok;
	int	 tries;

	/* Once what is wrong has gone there is another one. */
	for (tries = 0; tries < TRIES; tries++) {
		f->fd = open(f->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (f->fd == -1)
			return strerror(errno);
		switch (read_head(f, day)) {
		case SOUND:
			return NULL;
		case LATER:
			return "a later qtoa's";
		case UNREADABLE:
			return strerror(errno);
		case EMPTY:
			/* One that has been begun is not cut short: who knows who maps it. */
			if (f->st.st_size == 0)
				return begin_file(f, day, accounts) ? NULL : strerror(errno);
			ok = unlink(f->name) == 0;
			break;
		case OTHER:
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
 * Mapping.  Who does it has the lock.
 */

static void
unmap(struct day *d)
{
	if (d->map != NULL)
		(void)munmap(d->map, d->len);
	d->map = NULL;
}

/* Whether the account has a slot in what is mapped; found, it need not be looked for again. */
static bool
find_slot(struct tally *t, struct day *d, size_t account)
{
	const struct conf	*c = t->conf;
	const struct head	*h = &d->head;
	char			 want[NAME];
	uint64_t		 i;

	pad(want, account < c->n ? c->accounts[account].path : "");
	for (i = 0; i < h->used && memcmp(d->map + NAME * (i + 1), want, NAME) != 0; i++)
		;
	if (i == h->used && i < h->room)
		return false;
	d->slots[account] = (struct hour *)(void *)(d->map + slot_at(h, i == h->used ? 0 : i));
	return true;
}

/* What the file has, in place of what d had; whose slots were found before, they are again. */
static bool
map(struct tally *t, struct day *d, const struct file *f, int64_t day)
{
	const size_t	 len = (size_t)f->st.st_size;
	size_t		 i;
	void		*p;

	if ((p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0)) == MAP_FAILED)
		return false;
	unmap(d);
	d->number = day;
	d->map = p;
	d->len = len;
	d->head = f->head;
	d->st = f->st;
	for (i = 0; i <= t->conf->n; i++)
		if (d->slots[i] != NULL && !find_slot(t, d, i))
			d->slots[i] = NULL;
	return true;
}

/* True: the file is as it must be, and so it was for others before us. */
static bool
map_as_it_is(struct tally *t, struct day *d, struct file *f, int64_t day)
{
	bool	 ok;

	if ((f->fd = open(f->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return false;
	ok = read_head(f, day) == SOUND && is_reserved(f, slot_at(&f->head, f->head.used)) &&
	    map(t, d, f, day);
	(void)close(f->fd);
	return ok;
}

/* With a slot for the account, and the file if need be.  NULL: done; else why not. */
static const char *
map_anew(struct tally *t, struct day *d, struct file *f, int64_t day, size_t account)
{
	const struct conf	*c = t->conf;
	unsigned char		 key[CLAIM_KEY];
	struct claim		 claim;
	const char		*why;

	claim_name(key, "tally", f->name);
	if (claim_begin(t->claims, &claim, key, clock_mono_ms() + PATIENCE_MS) != CLAIM_MINE)
		return "another process has it in hand all the time";
	(void)mkdir(c->set.state_dir, 0700);	/* whether it is there now shows below */
	why = open_or_begin(f, day, c->n);
	if (why == NULL && (!need_slot(f, account < c->n ? c->accounts[account].path : "") ||
	    !map(t, d, f, day)))
		why = strerror(errno);
	if (f->fd != -1)
		(void)close(f->fd);
	claim_end(t->claims, &claim, false);
	return why;
}

static const char *
map_for(struct tally *t, struct day *d, int64_t day, size_t account, struct file *f)
{
	const char	*why;

	if (!name_of(f->name, t->conf->set.state_dir, day))
		return "the clock is wrong";
	if (d->map != NULL && d->number == day && find_slot(t, d, account))
		return NULL;
	if (map_as_it_is(t, d, f, day) && find_slot(t, d, account))
		return NULL;
	if ((why = map_anew(t, d, f, day, account)) == NULL && !find_slot(t, d, account))
		why = "its slots are gone";
	return why;
}

/* Said once when it begins, and when it is over. */
static void
heed(struct tally *t, const char *file, const char *why)
{
	if (why != NULL && !t->in_trouble)
		log_msg(LEVEL_WARNING, "tally", "%s: %s: requests are not counted until this is "
		    "mended, which does them no harm; look at the owner, permissions and free "
		    "space of %s", file, why, t->conf->set.state_dir);
	else if (why == NULL && t->in_trouble)
		log_msg(LEVEL_NOTICE, "tally", "requests are counted again, %llu were not",
		    (unsigned long long)atomic_exchange(&t->lost, 0));
	t->in_trouble = why != NULL;
	atomic_store(&t->retry_ms, why == NULL ? 0 : clock_mono_ms() + RETRY_MS);
}

static struct hour *
find(const struct tally *t, size_t account, int64_t day)
{
	const struct day	*d = &t->days[day & 1];

	return d->map != NULL && d->number == day ? d->slots[account] : NULL;
}

/* False: it cannot be had now. */
static bool
make_ready(struct tally *t, size_t account, int64_t day)
{
	const char	*why = NULL;
	struct file	 f;

	if (clock_mono_ms() < atomic_load(&t->retry_ms))
		return false;
	(void)pthread_rwlock_wrlock(&t->lock);
	if (find(t, account, day) == NULL) {
		why = map_for(t, &t->days[day & 1], day, account, &f);
		heed(t, f.name, why);
	}
	(void)pthread_rwlock_unlock(&t->lock);
	return why == NULL;
}

struct tally *
tally_new(const struct conf *c, struct claims *cs)
{
	struct tally	*t;
	int		 i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->conf = c;
	t->claims = cs;
	(void)pthread_rwlock_init(&t->lock, NULL);
	for (i = 0; i < 2; i++)
		if ((t->days[i].slots = calloc(c->n + 1, sizeof(*t->days[i].slots))) == NULL) {
			tally_free(t);
			return NULL;
		}
	return t;
}

void
tally_free(struct tally *t)
{
	int	 i;

	if (t == NULL)
		return;
	for (i = 0; i < 2; i++) {
		unmap(&t->days[i]);
		free(t->days[i].slots);
	}
	(void)pthread_rwlock_destroy(&t->lock);
	free(t);
}

/*
 * Counting.
 */

static void
add(_Atomic uint64_t *n, int64_t more)
{
	(void)atomic_fetch_add_explicit(n, (uint64_t)more, memory_order_relaxed);
}

static void
add_time(struct hour *h, enum tally_time which, int64_t ms)
{
	add(&h->sum_ms[which], ms < 0 ? 0 : ms);
	add(&h->bucket[which][tally_bucket(ms)], 1);
}

/* The hour to count in, and the lock with it; NULL: there is none. */
static struct hour *
hold(struct tally *t, const struct account *a, int64_t wall_ms)
{
	const size_t	 account = a == NULL ? t->conf->n : (size_t)(a - t->conf->accounts);
	const int64_t	 time_s = wall_ms / 1000, day = day_at(time_s);
	struct hour	*first;
	int		 tries;

	for (tries = 0; tries < 2; tries++) {
		(void)pthread_rwlock_rdlock(&t->lock);
		if ((first = find(t, account, day)) != NULL)
			return &first[(time_s + CHINA_S - day * DAY_S) / 3600];
		(void)pthread_rwlock_unlock(&t->lock);
		if (tries == 0 && !make_ready(t, account, day))
			break;
	}
	add(&t->lost, 1);
	return NULL;
}

static void
let_go(struct tally *t)
{
	(void)pthread_rwlock_unlock(&t->lock);
}

static bool
is_acknowledged(enum tally_count end)
{
	return end <= TALLY_REPEAT;
}

void
tally_request(struct tally *t, const struct tally_request *r)
{
	struct hour	*h;

	if (t == NULL || (h = hold(t, r->account, r->came_ms)) == NULL)
		return;
	add(&h->count[r->end], 1);
	if (is_acknowledged(r->end))
		add_time(h, TALLY_WAITED, r->ms);
	if (r->qt_ms >= 0)
		add_time(h, TALLY_QT, r->qt_ms);
	let_go(t);
}

void
tally_late(struct tally *t, const struct account *a, enum tally_count end, int64_t wall_ms)
{
	struct hour	*h;

	if (t == NULL || (h = hold(t, a, wall_ms)) == NULL)
		return;
	add(&h->count[end], 1);
	let_go(t);
}

/*
 * Looking after the files.
 */

static void
leave_gone(struct tally *t, struct day *d)
{
	char		 name[FILE_NAME];
	struct stat	 st;

	if (d->map == NULL || !name_of(name, t->conf->set.state_dir, d->number) ||
	    (stat(name, &st) == 0 && st.st_dev == d->st.st_dev && st.st_ino == d->st.st_ino))
		return;
	unmap(d);
}

static void
remove_old(const char *dir, int64_t before)
{
	char		 name[FILE_NAME];
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

void
tally_tend(struct tally *t, int64_t wall_ms)
{
	int	 i;

	if (t == NULL)
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	for (i = 0; i < 2; i++)
		leave_gone(t, &t->days[i]);
	(void)pthread_rwlock_unlock(&t->lock);
	remove_old(t->conf->set.state_dir, day_at(wall_ms / 1000) - TALLY_DAYS);
}

/*
 * Reading.  Not mapped: a disk that fails is an error here, not the death of the process.
 */

struct days {
	int64_t	*v;
	size_t	 n, room;
};

static int
compare(const void *a, const void *b)
{
	const int64_t	*x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static enum qt_err
add_day(struct days *d, int64_t day)
{
	size_t	 room = d->room == 0 ? 64 : d->room * 2;
	int64_t	*v;

	if (d->n == d->room) {
		if ((v = realloc(d->v, room * sizeof(*v))) == NULL)
			return QT_ENOMEM;
		d->v = v;
		d->room = room;
	}
	d->v[d->n++] = day;
	return QT_OK;
}

/* The days for which there are files, in order. */
static enum qt_err
list_days(struct days *d, const char *dir, int64_t from, int64_t to)
{
	enum qt_err	 er = QT_OK;
	struct dirent	*e;
	int64_t		 day;
	bool		 aside;
	DIR		*p;

	if ((p = opendir(dir)) == NULL)
		return errno == ENOENT ? QT_OK : QT_ESTORE;
	while (er == QT_OK && (e = readdir(p)) != NULL)
		if ((day = day_of_name(e->d_name, &aside)) != -1 && !aside && day >= from &&
		    day <= to)
			er = add_day(d, day);
	(void)closedir(p);
	if (d->n != 0)
		qsort(d->v, d->n, sizeof(*d->v), compare);
	return er;
}

struct reading {
	struct tally_numbers	 hours[TALLY_HOURS];	/* of one slot */
	struct file		 file;
	tally_each		*fn;
	void			*ctx;
};

/* What is not there yet is zeros. */
static enum qt_err
read_slot(struct reading *r, int64_t day, uint64_t slot)
{
	static const struct tally_numbers	 nothing;
	const int				 fd = r->file.fd;
	struct tally_hour			 h = { .day = day };
	char					 name[NAME + 1] = "";

	memset(r->hours, 0, sizeof(r->hours));
	if (pread(fd, name, NAME, (off_t)(NAME * (slot + 1))) == -1 ||
	    pread(fd, r->hours, sizeof(r->hours), slot_at(&r->file.head, slot)) == -1)
		return QT_ESTORE;
	if (slot != 0)
		h.account = slice_of(name);
	for (h.hour = 0; h.hour < TALLY_HOURS; h.hour++) {
		h.numbers = &r->hours[h.hour];
		if (memcmp(h.numbers, &nothing, sizeof(nothing)) != 0)
			r->fn(r->ctx, &h);
	}
	return QT_OK;
}

static enum qt_err
read_day(struct reading *r, const char *dir, int64_t day)
{
	struct file	*f = &r->file;
	enum qt_err	 er = QT_OK;
	uint64_t	 i;

	(void)name_of(f->name, dir, day);
	if ((f->fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return errno == ENOENT ? QT_OK : QT_ESTORE;
	switch (read_head(f, day)) {
	case SOUND:
		for (i = 0; i < f->head.used && er == QT_OK; i++)
			er = read_slot(r, day, i);
		break;
	case UNREADABLE:
		er = QT_ESTORE;
		break;
	case EMPTY:
	case OTHER:
	case LATER:
		break;
	}
	(void)close(f->fd);
	return er;
}

enum qt_err
tally_read(const char *dir, int64_t from_day, int64_t to_day, tally_each *fn, void *ctx)
{
	struct days	 d = { .n = 0 };
	struct reading	*r = NULL;
	enum qt_err	 er;
	size_t		 i;

	if ((er = list_days(&d, dir, from_day, to_day)) == QT_OK && d.n != 0) {
		if ((r = malloc(sizeof(*r))) == NULL) {
			er = QT_ENOMEM;
			goto out;
		}
		r->fn = fn;
		r->ctx = ctx;
	}
	for (i = 0; i < d.n && er == QT_OK; i++)
		er = read_day(r, dir, d.v[i]);
out:
	free(r);
	free(d.v);
	return er;
}

void
tally_add(struct tally_numbers *sum, const struct tally_numbers *n)
{
	int	 i, k;

	for (i = 0; i < TALLY_COUNTS; i++)
		sum->count[i] += n->count[i];
	for (k = 0; k < TALLY_TIMES; k++) {
		sum->sum_ms[k] += n->sum_ms[k];
		for (i = 0; i < TALLY_BUCKETS; i++)
			sum->bucket[k][i] += n->bucket[k][i];
	}
}

static uint64_t
sum_of(const struct tally_numbers *n, int from, int to)
{
	uint64_t	 sum = 0;

	for (; from < to; from++)
		sum += n->count[from];
	return sum;
}

uint64_t
tally_acknowledged(const struct tally_numbers *n)
{
	return sum_of(n, TALLY_DELIVERED, TALLY_REPEAT + 1);
}

uint64_t
tally_refusals(const struct tally_numbers *n)
{
	return sum_of(n, TALLY_REFUSED, TALLY_REFUSED + TALLY_REASONS);
}

uint64_t
tally_received(const struct tally_numbers *n)
{
	return tally_acknowledged(n) + n->count[TALLY_UNSAFE] + tally_refusals(n);
}

int64_t
tally_percentile(const struct tally_numbers *n, enum tally_time which, double share)
{
	const uint64_t	*bucket = n->bucket[which];
	uint64_t	 all = 0, below = 0;
	uint64_t	 rank;
	double		 low, high;
	int		 i;

	for (i = 0; i < TALLY_BUCKETS; i++)
		all += bucket[i];
	if (all == 0)
		return -1;
	rank = (uint64_t)(share * (double)all);		/* how many stay within, rounded up */
	rank += (double)rank < share * (double)all;
	rank = rank == 0 ? 1 : rank > all ? all : rank;
	for (i = 0; below + bucket[i] < rank; i++)
		below += bucket[i];
	low = (double)tally_bucket_ms(i);
	high = (double)tally_bucket_ms(i + 1) - 1;
	return (int64_t)(low + 0.5 +
	    (high - low) * ((double)(rank - below) - 0.5) / (double)bucket[i]);
}
