#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "state/mapped_file.h"
#include "state/reply_table.h"

enum {
	HEAD = 4096,
	ROW = 8,			/* places of users that a hash can have */
	BUCKETS = REPLY_TABLE_EDGES + 1,
	OTHER = REPLY_TABLE_PLACES - 1,	/* the place for rules without room */
	TEXT = REPLY_TABLE_ACCOUNT + REPLY_TABLE_KIND + REPLY_TABLE_RULE,
	PATIENCE_MS = 20		/* with other processes that look for a place */
};

#define EPOCH_S	INT64_C(1577836800)	/* 2020 begins */
#define LOW	UINT64_C(0xFFFFF)	/* 20 bits */
#define DAY_SHIFT 40				/* of a day in its count */
#define COUNT	((UINT64_C(1) << DAY_SHIFT) - 1)

const int reply_table_edges[REPLY_TABLE_EDGES] = {
	1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 4864
};

struct head {
	char		 magic[8];
	uint32_t	 version, places, users, place;
};

struct place {
	_Atomic uint64_t	 hash, count, sum_ms, bucket[BUCKETS];
	_Atomic uint64_t	 text[TEXT / 8];	/* account, kind, rule */
	_Atomic uint64_t	 day[REPLY_TABLE_DAYS];
	_Atomic uint64_t	 spare[128 - 3 - BUCKETS - TEXT / 8 - REPLY_TABLE_DAYS];
};

struct table {
	struct head		 head;
	char			 zeros[HEAD - sizeof(struct head)];
	struct place		 place[REPLY_TABLE_PLACES];
	_Atomic uint64_t	 user[REPLY_TABLE_USERS];
};

_Static_assert(TEXT % 8 == 0 && sizeof(struct place) == 1024, "one layout");
_Static_assert(sizeof(struct table) == 528384, "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static const struct head	new_head = {
	.magic = { 'q', 't', 'o', 'a', 'r', 'e', 'p', 'l' }, .version = 1,
	.places = REPLY_TABLE_PLACES, .users = REPLY_TABLE_USERS, .place = sizeof(struct place),
};

static const struct mapped_file_kind	file_kind = {
	.name = "qtoa.replied", .lock = "replied", .what = "replies",
	.effect = "replies are not counted, and each process knows only the default replies that "
	    "it gave itself,",
	.head = &new_head, .head_len = sizeof(new_head), .size = sizeof(struct table),
};

struct reply_table {
	struct locks		*locks;
	struct mapped_file	*file;
};

struct reply_table *
reply_table_new(const char *dir, struct locks *locks)
{
	struct reply_table	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->locks = locks;
	if ((t->file = mapped_file_new(&file_kind, dir, locks, NULL)) == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
reply_table_free(struct reply_table *t)
{
	if (t == NULL)
		return;
	mapped_file_free(t->file);
	free(t);
}

/*
 * Users.
 */

static uint64_t
minute_of(uint64_t entry)
{
	return entry >> 20 & LOW;
}

/* Minutes since the entry was written; one of the future is that of a clock that was set. */
static uint64_t
age_of(uint64_t entry, uint64_t now)
{
	return (now - minute_of(entry)) & LOW;
}

/* The entry of the user in a row, or else the one to replace: free, or the oldest. */
static _Atomic uint64_t *
find_user(_Atomic uint64_t *row, uint64_t *entry, uint64_t tag, uint64_t now)
{
	_Atomic uint64_t	*found = row;
	uint64_t		 e, age, most = 0;
	size_t			 i;

	*entry = atomic_load(&row[0]);
	for (i = 0; i < ROW; i++) {
		e = atomic_load(&row[i]);
		if (e != 0 && e >> 40 == tag) {
			*entry = e;
			return &row[i];
		}
		age = e == 0 ? LOW + 1 : age_of(e, now);
		if (age > most) {
			most = age;
			found = &row[i];
			*entry = e;
		}
	}
	return found;
}

static bool
note_user(struct table *t, uint64_t user, uint64_t message, uint64_t now, uint64_t minutes)
{
	_Atomic uint64_t	*row = t->user + user % (REPLY_TABLE_USERS / ROW) * ROW, *at;
	const uint64_t		 tag = user >> 40;
	const uint64_t		 new = tag << 40 | (now & LOW) << 20 | (message & LOW);
	uint64_t		 entry;

	for (;;) {
		at = find_user(row, &entry, tag, now);
		if (entry != 0 && entry >> 40 == tag && age_of(entry, now) < minutes)
			return (entry & LOW) == (message & LOW);
		if (atomic_compare_exchange_strong(at, &entry, new))
			return true;
	}
}

bool
reply_table_may(struct reply_table *t, uint64_t user, uint64_t message, int64_t now_s,
    int minutes)
{
	const uint64_t	 now = now_s < EPOCH_S ? 0 : (uint64_t)(now_s - EPOCH_S) / 60;
	struct table	*table = mapped_file_enter(t->file);
	bool		 may;

	if (table == NULL)
		return true;
	may = note_user(table, user, message, now, (uint64_t)minutes);
	mapped_file_leave(t->file);
	return may;
}

/*
 * Rules.
 */

struct text {
	uint64_t	 words[TEXT / 8];
};

static void
put_text(struct text *t, size_t at, size_t room, struct slice s)
{
	if (s.len != 0)
		memcpy((char *)t->words + at, s.p, utf8_cut(s, room - 1));
}

static uint64_t
hash_of(const struct text *t)
{
	const uint64_t	 h = hash_add(HASH_EMPTY, t->words, sizeof(t->words));

	return h != 0 ? h : 1;
}

static struct place *
find_place(struct table *t, uint64_t hash)
{
	size_t	 i, at = hash % REPLY_TABLE_PLACES;

	for (i = 0; i < REPLY_TABLE_PLACES; i++, at = (at + 1) % REPLY_TABLE_PLACES)
		if (atomic_load(&t->place[at].hash) == hash)
			return &t->place[at];
	return NULL;
}

/* Gives the rule a place, with the lock "replied".  If the process dies in here, it is free. */
static struct place *
take_place(struct table *t, uint64_t hash, const struct text *text)
{
	static const struct text	 other = { { 0 } };
	struct text			 more = other;
	size_t				 i, n, at = hash % OTHER;

	for (n = 0; n < OTHER && atomic_load(&t->place[at].hash) != 0; n++)
		at = (at + 1) % OTHER;
	if (n == OTHER) {
		at = OTHER;
		put_text(&more, REPLY_TABLE_ACCOUNT + REPLY_TABLE_KIND, REPLY_TABLE_RULE,
		    slice_of("*"));
		text = &more;
		hash = 1;
	}
	for (i = 0; i < TEXT / 8; i++)
		atomic_store(&t->place[at].text[i], text->words[i]);
	atomic_store(&t->place[at].hash, hash);
	return &t->place[at];
}

static struct place *
place_of(struct reply_table *t, struct table *table, const struct text *text)
{
	const uint64_t	 hash = hash_of(text);
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;
	struct place	*p;

	if ((p = find_place(table, hash)) != NULL)
		return p;
	lock_name(key, "replied", "");
	if (lock_take(t->locks, &lock, key, clock_mono_ms() + PATIENCE_MS) != LOCK_MINE)
		return NULL;
	if ((p = find_place(table, hash)) == NULL)
		p = take_place(table, hash, text);
	lock_release(t->locks, &lock, false);
	return p;
}

/* Counts in the word of a day, which may still have the count of an older one. */
static void
count_day(struct place *p, int64_t now_s)
{
	const uint64_t		 day = (uint64_t)calendar_day_at(now_s);
	_Atomic uint64_t	*word = &p->day[day % REPLY_TABLE_DAYS];
	uint64_t		 old = atomic_load(word), new;

	do
		new = old >> DAY_SHIFT == day ? old + 1 : day << DAY_SHIFT | 1;
	while (!atomic_compare_exchange_weak(word, &old, new));
}

uint64_t
reply_table_in(const struct reply_table_entry *e, int64_t from, int64_t to)
{
	uint64_t	 n = 0;
	int64_t		 day;
	size_t		 i;

	for (i = 0; i < REPLY_TABLE_DAYS; i++) {
		day = (int64_t)(e->day[i] >> DAY_SHIFT);
		if (day >= from && day <= to)
			n += e->day[i] & COUNT;
	}
	return n;
}

void
reply_table_count(struct reply_table *t, struct slice account, const char *kind,
    struct slice rule, int64_t ms, int64_t now_s)
{
	struct table	*table = mapped_file_enter(t->file);
	struct text	 text = { { 0 } };
	struct place	*p;
	int		 i = 0;

	if (table == NULL)
		return;
	put_text(&text, 0, REPLY_TABLE_ACCOUNT, account);
	put_text(&text, REPLY_TABLE_ACCOUNT, REPLY_TABLE_KIND, slice_of(kind));
	put_text(&text, REPLY_TABLE_ACCOUNT + REPLY_TABLE_KIND, REPLY_TABLE_RULE, rule);
	if ((p = place_of(t, table, &text)) != NULL) {
		while (i < REPLY_TABLE_EDGES && ms > reply_table_edges[i])
			i++;
		atomic_fetch_add(&p->bucket[i], 1);
		atomic_fetch_add(&p->sum_ms, ms < 0 ? 0 : (uint64_t)ms);
		atomic_fetch_add(&p->count, 1);
		count_day(p, now_s);
	}
	mapped_file_leave(t->file);
}

/*
 * Reading.
 */

static void
get_text(char *to, const char *from, size_t size)
{
	memcpy(to, from, size);
	to[size - 1] = '\0';
	utf8_mask(to);
}

static void
read_place(struct reply_table_entry *e, struct place *p)
{
	struct text	 text;
	const char	*from = (const char *)text.words;
	size_t		 i;

	for (i = 0; i < TEXT / 8; i++)
		text.words[i] = atomic_load(&p->text[i]);
	get_text(e->account, from, sizeof(e->account));
	get_text(e->kind, from + REPLY_TABLE_ACCOUNT, sizeof(e->kind));
	get_text(e->rule, from + REPLY_TABLE_ACCOUNT + REPLY_TABLE_KIND, sizeof(e->rule));
	e->count = atomic_load(&p->count);
	e->sum_ms = atomic_load(&p->sum_ms);
	for (i = 0; i < BUCKETS; i++)
		e->bucket[i] = atomic_load(&p->bucket[i]);
	for (i = 0; i < REPLY_TABLE_DAYS; i++)
		e->day[i] = atomic_load(&p->day[i]);
}

static int
compare_names(const struct reply_table_entry *x, const struct reply_table_entry *y)
{
	int	 d = strcmp(x->account, y->account);

	if (d == 0)
		d = strcmp(x->kind, y->kind);
	return d != 0 ? d : strcmp(x->rule, y->rule);
}

static int
compare_entries(const void *a, const void *b)
{
	return compare_names(a, b);
}

static void
add_entry(struct reply_table_entry *to, const struct reply_table_entry *e)
{
	size_t	 i;

	to->count += e->count;
	to->sum_ms += e->sum_ms;
	for (i = 0; i < BUCKETS; i++)
		to->bucket[i] += e->bucket[i];
	for (i = 0; i < REPLY_TABLE_DAYS; i++)
		if (to->day[i] >> DAY_SHIFT == e->day[i] >> DAY_SHIFT)
			to->day[i] += e->day[i] & COUNT;
		else if (e->day[i] > to->day[i])
			to->day[i] = e->day[i];
}

/* Reads the places.  The file is not mapped: an error of the disk must not kill the process. */
static enum error
read_table(struct place *places, const char *dir)
{
	struct state_file	 f = { .fd = -1 };
	const size_t		 size = REPLY_TABLE_PLACES * sizeof(*places);
	char			 path[STATE_FILE_PATH];
	enum state_file_is	 is;
	bool			 good;

	mapped_file_path(path, dir, &file_kind);
	is = mapped_file_open(&f, path, O_RDONLY, &file_kind);
	good = is != STATE_FILE_UNREADABLE;
	if (is == STATE_FILE_SOUND)
		good = pread(f.fd, places, size, HEAD) == (ssize_t)size;
	state_file_close(&f);
	return good ? ERR_OK : ERR_STORE;
}

enum error
reply_table_read(const char *dir, reply_table_each *fn, void *ctx)
{
	struct place			*places = calloc(REPLY_TABLE_PLACES, sizeof(*places));
	struct reply_table_entry	*e = calloc(REPLY_TABLE_PLACES, sizeof(*e));
	enum error			 er = ERR_NOMEM;
	size_t				 i, n = 0;

	if (places != NULL && e != NULL)
		er = read_table(places, dir);
	for (i = 0; er == ERR_OK && i < REPLY_TABLE_PLACES; i++)
		if (atomic_load(&places[i].hash) != 0)
			read_place(&e[n++], &places[i]);
	if (n != 0)
		qsort(e, n, sizeof(*e), compare_entries);
	/* Names that differ only in what is not printable are one. */
	for (i = 0; i < n; i++)
		if (i + 1 < n && compare_names(&e[i], &e[i + 1]) == 0)
			add_entry(&e[i + 1], &e[i]);
		else
			fn(ctx, &e[i]);
	free(places);
	free(e);
	return er;
}
