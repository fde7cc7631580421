#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/log.h"
#include "state/counter_file.h"
#include "state/counters.h"

enum {
	DAY_NAMES	= 64,
	TOTAL_NAMES	= 1024		/* the accounts of many years */
};

/* struct counter_numbers and struct counter_total as processes share them in the files. */
struct numbers {
	_Atomic uint64_t	 count[COUNTER__MAX], sum_ms[COUNTER_TIMES], pushed_s, spare;
	_Atomic uint64_t	 bucket[COUNTER_TIMES][COUNTER_BUCKETS];
};

struct total {
	struct numbers		 sum;
	_Atomic uint64_t	 event[COUNTER_EVENTS];
};

_Static_assert(sizeof(struct numbers) == sizeof(struct counter_numbers), "one layout");
_Static_assert(sizeof(struct total) == sizeof(struct counter_total), "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static counter_file_seed	 sum_of_days;

static const struct counter_file_kind	day_kind = {
	.hour = sizeof(struct numbers), .slot = sizeof(struct numbers) * COUNTER_HOURS,
	.names = DAY_NAMES,
};
static const struct counter_file_kind	total_kind = {
	.hour = sizeof(struct total), .slot = sizeof(struct total), .names = TOTAL_NAMES,
	.seed = sum_of_days,
};

/* The files of the days and that of the totals can fail independently. */
enum group { OF_DAYS, OF_TOTAL, GROUPS };

struct counters {
	const struct conf	*conf;
	pthread_rwlock_t	 lock;		/* read: to count; write: to map a file */
	struct counter_file	*days[2];	/* even and odd: two are in use about midnight */
	struct counter_file	*total;
	struct state_file_trouble trouble[GROUPS];
	_Atomic uint64_t	 lost[GROUPS];	/* requests not counted since the trouble began */
	_Atomic uint64_t	 counted;	/* requests of this process */
};

/*
 * Places.
 */

enum counter
counters_refused(enum error er, bool push)
{
	/* The numbers are places in files: add new ones, never change one.  17 is not used. */
	static const unsigned char	 reasons[ERR__MAX] = {
		[ERR_NOMEM] = 1, [ERR_CONF] = 2, [ERR_REQUEST] = 3, [ERR_PATH] = 4,
		[ERR_METHOD] = 5, [ERR_TOOBIG] = 6, [ERR_LATE] = 7, [ERR_PARAM] = 8,
		[ERR_SIGNATURE] = 9, [ERR_STALE] = 10, [ERR_XML] = 11, [ERR_AESKEY] = 12,
		[ERR_BASE64] = 13, [ERR_AES] = 14, [ERR_BUFFER] = 15, [ERR_APPID] = 16,
		[ERR_STORE] = 18, [ERR_ADDRESS] = 19, [ERR_BUSY] = 20,
		[ERR_KEY] = 21, [ERR_OFTEN] = 22, [ERR_TOKEN] = 23, [ERR_SERVED] = 24,
		[ERR_REPLAY] = 25, [ERR_HOST] = 26, [ERR_LIBCURL] = 27,
		[ERR_PEER] = 28,
	};
	const unsigned			 base = push ? COUNTER_REFUSED : COUNTER_REFUSED_ELSE;

	return (enum counter)(base + reasons[er]);
}

/* The order is that of places in files: add new ones at the end, never change one. */
static const char *const events[COUNTER_EVENTS] = {
	"-", "$$_menu_click", "$$_official_account_follow", "$$_official_account_unfollow",
	"$$_scan_open_official_account", "$$_send_localtion", "$$_send_msg_popup",
	"$$_click_msg_popup", "$$_manager_msg_popup", "$$_template_send_finish",
	"$$_mass_send_finish", "$$_publish_job_finish", "$$_receive_msg",
};

int
counters_event(const char *code)
{
	int	 i;

	if (code != NULL)
		for (i = 1; i < COUNTER_EVENTS && events[i] != NULL; i++)
			if (strcmp(code, events[i]) == 0)
				return i;
	return 0;
}

const char *
counters_event_code(int place)
{
	return place >= 0 && place < COUNTER_EVENTS ? events[place] : NULL;
}

int
counters_bucket(int64_t ms)
{
	const int64_t	 last = counters_bucket_ms(COUNTER_BUCKETS) - 1;
	int		 doubled = 0;

	ms = ms < 0 ? 0 : ms > last ? last : ms;
	while (ms >> doubled >= 20)
		doubled++;
	return 10 * doubled + (int)(ms >> doubled);
}

int64_t
counters_bucket_ms(int bucket)
{
	const int	 doubled = bucket < 20 ? 0 : bucket / 10 - 1;

	return (int64_t)(bucket - 10 * doubled) << doubled;
}

/*
 * Files.
 */

static struct counter_file *
file_of(const struct counters *t, int64_t day)
{
	return day == COUNTER_FILE_TOTAL ? t->total : t->days[day & 1];
}

static enum group
group_of(int64_t day)
{
	return day == COUNTER_FILE_TOTAL ? OF_TOTAL : OF_DAYS;
}

/* Logs when a group of files cannot be used any more, and when it can again. */
static void
log_trouble(struct counters *t, int64_t day, const char *why)
{
	const enum group	 group = group_of(day);
	char			 path[STATE_FILE_PATH];

	counter_file_path(path, t->conf->set.state_dir, day);
	if (state_file_note(&t->trouble[group], *path != '\0' ? path : "-", why))
		log_msg(LEVEL_NOTICE, "tally", "%s: requests are counted again, %llu were not",
		    path, (unsigned long long)atomic_exchange(&t->lost[group], 0));
}

/* Maps the file of the day (or of the totals) with a slot for the account, if it can. */
static void
prepare_slot(struct counters *t, int64_t day, size_t account)
{
	struct counter_file	*f = file_of(t, day);

	if (!state_file_may_try(&t->trouble[group_of(day)]))
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	if (counter_file_slot(f, day, account) == NULL)
		log_trouble(t, day, counter_file_ready(f, day, account));
	(void)pthread_rwlock_unlock(&t->lock);
}

struct counters *
counters_new(const struct conf *c, struct locks *locks)
{
	struct counters	*t;
	int		 i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->conf = c;
	(void)pthread_rwlock_init(&t->lock, NULL);
	for (i = 0; i < GROUPS; i++)
		t->trouble[i] = (struct state_file_trouble){
			.dir = c->set.state_dir, .what = "tally", .level = LEVEL_WARNING,
			.effect = i == OF_DAYS ? "requests are not counted" :
			    "requests are not counted for /-/metrics",
		};
	t->days[0] = counter_file_new(c, locks, &day_kind);
	t->days[1] = counter_file_new(c, locks, &day_kind);
	t->total = counter_file_new(c, locks, &total_kind);
	if (t->days[0] == NULL || t->days[1] == NULL || t->total == NULL) {
		counters_free(t);
		return NULL;
	}
	return t;
}

void
counters_free(struct counters *t)
{
	if (t == NULL)
		return;
	counter_file_free(t->days[0]);
	counter_file_free(t->days[1]);
	counter_file_free(t->total);
	(void)pthread_rwlock_destroy(&t->lock);
	free(t);
}

void
counters_housekeep(struct counters *t, int64_t wall_ms)
{
	if (t == NULL)
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	counter_file_housekeep(t->days[0]);
	counter_file_housekeep(t->days[1]);
	counter_file_housekeep(t->total);
	(void)pthread_rwlock_unlock(&t->lock);
	counter_file_forget(t->conf->set.state_dir, calendar_day_at(wall_ms / 1000) - COUNTER_DAYS);
}

/*
 * Counting.
 */

/* Where a request is counted; NULL: that file cannot be used. */
struct target {
	struct numbers	*hour;
	struct total	*total;
};

static bool
find_target(struct target *g, const struct counters *t, size_t account, int64_t time_s)
{
	const int64_t	 day = calendar_day_at(time_s);
	struct numbers	*hours = counter_file_slot(t->days[day & 1], day, account);

	g->hour = hours == NULL ? NULL : &hours[calendar_second_of_day(time_s) / 3600];
	g->total = counter_file_slot(t->total, COUNTER_FILE_TOTAL, account);
	return g->hour != NULL && g->total != NULL;
}

/* Finds where to count, and leaves t->lock held so that it stays mapped. */
static void
lock_target(struct target *g, struct counters *t, const struct account *a, int64_t wall_ms)
{
	const size_t	 account = a == NULL ? conf_destinations(t->conf) :
				    (size_t)(a - t->conf->accounts);
	const int64_t	 time_s = wall_ms / 1000;

	(void)pthread_rwlock_rdlock(&t->lock);
	if (find_target(g, t, account, time_s))
		return;
	(void)pthread_rwlock_unlock(&t->lock);
	/* The totals first: a new file of totals begins with the sums of the days. */
	prepare_slot(t, COUNTER_FILE_TOTAL, account);
	prepare_slot(t, calendar_day_at(time_s), account);
	(void)pthread_rwlock_rdlock(&t->lock);
	(void)find_target(g, t, account, time_s);
}

static void
add_to(_Atomic uint64_t *n, int64_t more)
{
	(void)atomic_fetch_add_explicit(n, (uint64_t)more, memory_order_relaxed);
}

static void
add_time(struct numbers *n, enum counter_time which, int64_t ms)
{
	add_to(&n->sum_ms[which], ms < 0 ? 0 : ms);
	add_to(&n->bucket[which][counters_bucket(ms)], 1);
}

static bool
is_acknowledged(enum counter end)
{
	return end <= COUNTER_REPEAT;
}

static void
count_request(struct numbers *n, const struct counters_request *r)
{
	add_to(&n->count[r->end], 1);
	if (r->peer_unknown)
		add_to(&n->count[COUNTER_PEER_UNKNOWN], 1);
	if (is_acknowledged(r->end))
		add_time(n, COUNTER_WAITED, r->ms);
	if (r->qt_ms >= 0)
		add_time(n, COUNTER_QT, r->qt_ms);
}

/* Notes the time of a push, unless that of a later one is there. */
static void
note_push(struct numbers *n, int64_t came_ms)
{
	const uint64_t	 came_s = came_ms < 0 ? 0 : (uint64_t)came_ms / 1000;
	uint64_t	 known_s = atomic_load_explicit(&n->pushed_s, memory_order_relaxed);

	while (known_s < came_s && !atomic_compare_exchange_weak_explicit(&n->pushed_s, &known_s,
	    came_s, memory_order_relaxed, memory_order_relaxed))
		;
}

void
counters_request(struct counters *t, const struct counters_request *r)
{
	struct target	 g;

	if (t == NULL)
		return;
	add_to(&t->counted, 1);
	lock_target(&g, t, r->account, r->came_ms);
	if (g.hour != NULL)
		count_request(g.hour, r);
	else
		add_to(&t->lost[OF_DAYS], 1);
	if (g.total != NULL)
		count_request(&g.total->sum, r);
	else
		add_to(&t->lost[OF_TOTAL], 1);
	if (g.total != NULL && r->end <= COUNTER_UNSAFE)
		note_push(&g.total->sum, r->came_ms);
	if (g.total != NULL && r->end <= COUNTER_DEAD && r->event >= 0)
		add_to(&g.total->event[r->event], 1);
	(void)pthread_rwlock_unlock(&t->lock);
}

void
counters_late(struct counters *t, const struct account *a, enum counter end, int64_t wall_ms)
{
	counters_request(t, &(struct counters_request){
		.account = a, .end = end, .came_ms = wall_ms, .qt_ms = -1, .event = -1,
	});
}

uint64_t
counters_counted(struct counters *t)
{
	return t == NULL ? 0 : atomic_load(&t->counted);
}

/* The slot of the shared store, with t->lock held; NULL: the file cannot be used. */
static struct total *
lock_store_slot(struct counters *t)
{
	const size_t	 place = conf_destinations(t->conf) + 1;
	struct total	*slot;

	(void)pthread_rwlock_rdlock(&t->lock);
	if ((slot = counter_file_slot(t->total, COUNTER_FILE_TOTAL, place)) != NULL)
		return slot;
	(void)pthread_rwlock_unlock(&t->lock);
	prepare_slot(t, COUNTER_FILE_TOTAL, place);
	(void)pthread_rwlock_rdlock(&t->lock);
	return counter_file_slot(t->total, COUNTER_FILE_TOTAL, place);
}

void
counters_commit(struct counters *t, int64_t ms)
{
	struct total	*slot;

	if (t == NULL)
		return;
	if ((slot = lock_store_slot(t)) != NULL)
		add_time(&slot->sum, COUNTER_WAITED, ms);
	(void)pthread_rwlock_unlock(&t->lock);
}

void
counters_fallback(struct counters *t)
{
	struct total	*slot;

	if (t == NULL)
		return;
	if ((slot = lock_store_slot(t)) != NULL)
		add_to(&slot->sum.count[COUNTER_STORE_FALLBACK], 1);
	(void)pthread_rwlock_unlock(&t->lock);
}

bool
counters_is_store(struct slice account)
{
	return slice_is(account, COUNTER_FILE_STORE);
}

/*
 * Reading.
 */

struct reading {
	struct counter_file_part	 part;
	counters_each			*fn;
	void				*ctx;
};

/* A counter_file_each: gives the hours of a slot that are not zero to r->fn. */
static void
pass_hours(void *ctx, struct slice account, const void *slot)
{
	static const struct counter_numbers	 nothing;
	const struct reading			*r = ctx;
	struct counter_hour			 h = {
		.day = r->part.day, .account = account, .file = r->part.made,
	};

	for (h.hour = 0; h.hour < COUNTER_HOURS; h.hour++) {
		h.numbers = (const struct counter_numbers *)slot + h.hour;
		if (memcmp(h.numbers, &nothing, sizeof(nothing)) != 0)
			r->fn(r->ctx, &h);
	}
}

/* Reads the hours of a day from first to last. */
static enum error
read_day(const char *dir, int64_t day, int first, int last, struct reading *r)
{
	r->part = (struct counter_file_part){
		.dir = dir, .day = day, .kind = &day_kind,
		.from = day_kind.hour * (uint32_t)first, .to = day_kind.hour * (uint32_t)(last + 1),
	};
	return counter_file_read_part(&r->part, pass_hours, r);
}

enum error
counters_read_hours(const char *dir, int64_t from_s, int64_t to_s, counters_each *fn, void *ctx)
{
	const int64_t			 from = calendar_day_at(from_s), to = calendar_day_at(to_s);
	const int			 first = (int)(calendar_second_of_day(from_s) / 3600);
	const int			 last = (int)(calendar_second_of_day(to_s) / 3600);
	struct reading			 r = { .fn = fn, .ctx = ctx };
	struct counter_file_days	 d;
	enum error			 er;
	size_t				 i;

	er = counter_file_days(&d, dir, from, to);
	for (i = 0; i < d.n && er == ERR_OK; i++)
		er = read_day(dir, d.v[i], d.v[i] == from ? first : 0,
		    d.v[i] == to ? last : COUNTER_HOURS - 1, &r);
	free(d.v);
	return er;
}

enum error
counters_read(const char *dir, int64_t from_day, int64_t to_day, counters_each *fn, void *ctx)
{
	return counters_read_hours(dir, calendar_day_start(from_day),
	    calendar_day_start(to_day + 1) - 1, fn, ctx);
}

/* The sums of all days by account; the first is the one without an account. */
struct sums {
	struct sum {
		char			 account[COUNTER_FILE_NAME + 1];
		struct counter_total	 total;
	}		*v;
	size_t		 n, room;
	enum error	 er;
};

/* Appends an account's sums, which are zeros.  NULL: no memory. */
static struct sum *
append_sum(struct sums *s)
{
	const size_t	 room = s->room == 0 ? 8 : s->room * 2;
	struct sum	*v;

	if (s->n == s->room) {
		if ((v = realloc(s->v, room * sizeof(*v))) == NULL)
			return NULL;
		s->v = v;
		s->room = room;
	}
	memset(&s->v[s->n], 0, sizeof(*s->v));
	return &s->v[s->n++];
}

static struct sum *
sum_for(struct sums *s, struct slice account)
{
	struct sum	*v;
	size_t		 i;

	for (i = 0; i < s->n; i++)
		if (slice_is(account, s->v[i].account))
			return &s->v[i];
	if (s->n == TOTAL_NAMES - 1)
		return &s->v[0];
	if ((v = append_sum(s)) != NULL && account.len != 0)
		memcpy(v->account, account.p, account.len);
	return v;
}

/* A counters_each: adds an hour to its account's sums. */
static void
add_hour(void *ctx, const struct counter_hour *h)
{
	struct sums	*s = ctx;
	struct sum	*v = s->er == ERR_OK ? sum_for(s, h->account) : NULL;

	if (v != NULL)
		counters_add(&v->total.sum, h->numbers);
	else
		s->er = ERR_NOMEM;
}

/* A counter_file_seed: sums all days up.  A day that cannot be read is left out. */
static enum error
sum_of_days(const char *dir, counter_file_each *fn, void *ctx)
{
	struct counter_file_days	 d = { .n = 0 };
	struct sums			 s = { .er = ERR_OK };
	struct reading			 r = { .fn = add_hour, .ctx = &s };
	size_t				 i;

	if (sum_for(&s, slice_of("")) == NULL)
		s.er = ERR_NOMEM;
	else
		s.er = counter_file_days(&d, dir, 0, INT64_MAX);
	for (i = 0; i < d.n && s.er == ERR_OK; i++)
		if (read_day(dir, d.v[i], 0, COUNTER_HOURS - 1, &r) == ERR_NOMEM)
			s.er = ERR_NOMEM;
	for (i = 0; i < s.n && s.er == ERR_OK; i++)
		fn(ctx, slice_of(s.v[i].account), &s.v[i].total);
	free(d.v);
	free(s.v);
	return s.er;
}

struct reading_totals {
	counters_each_total	*fn;
	void			*ctx;
};

/* A counter_file_each: gives a slot of the totals to r->fn. */
static void
pass_total(void *ctx, struct slice account, const void *slot)
{
	const struct reading_totals	*r = ctx;

	r->fn(r->ctx, account, slot);
}

enum error
counters_totals(const char *dir, counters_each_total *fn, void *ctx)
{
	struct reading_totals	 r = { fn, ctx };
	enum state_file_is	 is;
	enum error		 er;

	er = counter_file_read(&is, dir, COUNTER_FILE_TOTAL, &total_kind, pass_total, &r);
	switch (is) {
	case STATE_FILE_SOUND:
	case STATE_FILE_UNREADABLE:
		break;
	case STATE_FILE_ABSENT:
	case STATE_FILE_EMPTY:
	case STATE_FILE_OTHER:
		/* A new file would begin with these numbers. */
		return sum_of_days(dir, pass_total, &r);
	case STATE_FILE_LATER:
		errno = ENOTSUP;
		return ERR_STORE;
	}
	return er;
}

bool
counters_is_relay(struct slice account)
{
	return account.len != 0 && memchr(account.p, '/', account.len) != NULL;
}

void
counters_add(struct counter_numbers *sum, const struct counter_numbers *n)
{
	int	 i, k;

	for (i = 0; i < COUNTER__MAX; i++)
		sum->count[i] += n->count[i];
	for (k = 0; k < COUNTER_TIMES; k++) {
		sum->sum_ms[k] += n->sum_ms[k];
		for (i = 0; i < COUNTER_BUCKETS; i++)
			sum->bucket[k][i] += n->bucket[k][i];
	}
}

static uint64_t
sum_of(const struct counter_numbers *n, int from, int to)
{
	uint64_t	 sum = 0;

	for (; from < to; from++)
		sum += n->count[from];
	return sum;
}

uint64_t
counters_acknowledged(const struct counter_numbers *n)
{
	return sum_of(n, COUNTER_DELIVERED, COUNTER_REPEAT + 1);
}

uint64_t
counters_refusals(const struct counter_numbers *n)
{
	return sum_of(n, COUNTER_REFUSED, COUNTER_REFUSED + COUNTER_REASONS);
}

uint64_t
counters_received(const struct counter_numbers *n)
{
	return counters_acknowledged(n) + n->count[COUNTER_UNSAFE] + counters_refusals(n);
}

int64_t
counters_percentile(const struct counter_numbers *n, enum counter_time which, double share)
{
	const uint64_t	*bucket = n->bucket[which];
	uint64_t	 all = 0, below = 0;
	uint64_t	 rank;
	double		 low, high;
	int		 i;

	for (i = 0; i < COUNTER_BUCKETS; i++)
		all += bucket[i];
	if (all == 0)
		return -1;
	rank = (uint64_t)(share * (double)all);		/* how many times to include, rounded up */
	rank += (double)rank < share * (double)all;
	rank = rank == 0 ? 1 : rank > all ? all : rank;
	for (i = 0; below + bucket[i] < rank; i++)
		below += bucket[i];
	low = (double)counters_bucket_ms(i);
	high = (double)counters_bucket_ms(i + 1) - 1;
	return (int64_t)(low + 0.5 +
	    (high - low) * ((double)(rank - below) - 0.5) / (double)bucket[i]);
}
