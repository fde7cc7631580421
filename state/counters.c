#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/counter_file.h"
#include "state/counters.h"

enum {
	CHINA_S		= 8 * 3600,
	DAY_S		= 86400,
	RETRY_MS	= 1000,		/* between two tries while it fails */
	DAY_NAMES	= 64,
	TOTAL_NAMES	= 1024		/* of many years */
};

/* struct tally_numbers and struct tally_total as they are in the files. */
struct numbers {
	_Atomic uint64_t	 count[TALLY_COUNTS], sum_ms[TALLY_TIMES], spare[2];
	_Atomic uint64_t	 bucket[TALLY_TIMES][TALLY_BUCKETS];
};

struct total {
	struct numbers		 sum;
	_Atomic uint64_t	 event[TALLY_EVENTS];
};

_Static_assert(sizeof(struct numbers) == sizeof(struct tally_numbers), "one layout");
_Static_assert(sizeof(struct total) == sizeof(struct tally_total), "one layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share no lock");

static tallyfile_seed	 sum_of_days;

static const struct tallyfile_kind	day_kind = {
	.hour = sizeof(struct numbers), .slot = sizeof(struct numbers) * TALLY_HOURS,
	.names = DAY_NAMES,
};
static const struct tallyfile_kind	total_kind = {
	.hour = sizeof(struct total), .slot = sizeof(struct total), .names = TOTAL_NAMES,
	.seed = sum_of_days,
};

/* With what is counted by the day, or in all. */
struct trouble {
	_Atomic int64_t		 retry_ms;	/* monotonic */
	_Atomic uint64_t	 lost;
	bool			 is_said;
};

struct tally {
	const struct conf	*conf;
	pthread_rwlock_t	 lock;		/* who counts reads, who maps writes */
	struct tallyfile	*days[2];	/* even and odd: about midnight there are two */
	struct tallyfile	*total;
	struct trouble		 trouble[2];
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
		[QT_EKEY] = 21, [QT_EOFTEN] = 22, [QT_ETOKEN] = 23, [QT_ESERVED] = 24,
	};
	const unsigned			 base = push ? TALLY_REFUSED : TALLY_REFUSED_ELSE;

	return (enum tally_count)(base + reasons[er]);
}

/* In files: add, never change. */
static const char *const events[TALLY_EVENTS] = {
	"-", "$$_menu_click", "$$_official_account_follow", "$$_official_account_unfollow",
	"$$_scan_open_official_account", "$$_send_localtion", "$$_send_msg_popup",
	"$$_click_msg_popup", "$$_manager_msg_popup", "$$_template_send_finish",
	"$$_mass_send_finish", "$$_publish_job_finish", "$$_receive_msg",
};

int
tally_event(const char *code)
{
	int	 i;

	if (code != NULL)
		for (i = 1; i < TALLY_EVENTS && events[i] != NULL; i++)
			if (strcmp(code, events[i]) == 0)
				return i;
	return 0;
}

const char *
tally_event_code(int place)
{
	return place >= 0 && place < TALLY_EVENTS ? events[place] : NULL;
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

static struct tallyfile *
file_of(const struct tally *t, int64_t day)
{
	return day == TALLYFILE_TOTAL ? t->total : t->days[day & 1];
}

static struct trouble *
trouble_of(struct tally *t, int64_t day)
{
	return &t->trouble[day == TALLYFILE_TOTAL];
}

/* Said once when it begins, and when it is over. */
static void
heed(struct tally *t, int64_t day, const char *why)
{
	const char	*dir = t->conf->set.state_dir;
	const char	*what = day == TALLYFILE_TOTAL ? "requests are not counted for /-/metrics" :
			    "requests are not counted";
	struct trouble	*x = trouble_of(t, day);
	char		 path[TALLYFILE_PATH];

	tallyfile_path(path, dir, day);
	if (why != NULL && !x->is_said)
		log_msg(LEVEL_WARNING, "tally", "%s: %s: %s until this is mended, which does them "
		    "no harm; look at the owner, permissions and free space of %s",
		    *path != '\0' ? path : "-", why, what, dir);
	else if (why == NULL && x->is_said)
		log_msg(LEVEL_NOTICE, "tally", "%s: requests are counted again, %llu were not",
		    path, (unsigned long long)atomic_exchange(&x->lost, 0));
	x->is_said = why != NULL;
	atomic_store(&x->retry_ms, why == NULL ? 0 : clock_mono_ms() + RETRY_MS);
}

/* As far as it can be had now. */
static void
make_ready(struct tally *t, int64_t day, size_t account)
{
	struct tallyfile	*f = file_of(t, day);

	if (clock_mono_ms() < atomic_load(&trouble_of(t, day)->retry_ms))
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	if (tallyfile_slot(f, day, account) == NULL)
		heed(t, day, tallyfile_ready(f, day, account));
	(void)pthread_rwlock_unlock(&t->lock);
}

struct tally *
tally_new(const struct conf *c, struct claims *cs)
{
	struct tally	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->conf = c;
	(void)pthread_rwlock_init(&t->lock, NULL);
	t->days[0] = tallyfile_new(c, cs, &day_kind);
	t->days[1] = tallyfile_new(c, cs, &day_kind);
	t->total = tallyfile_new(c, cs, &total_kind);
	if (t->days[0] == NULL || t->days[1] == NULL || t->total == NULL) {
		tally_free(t);
		return NULL;
	}
	return t;
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	tallyfile_free(t->days[0]);
	tallyfile_free(t->days[1]);
	tallyfile_free(t->total);
	(void)pthread_rwlock_destroy(&t->lock);
	free(t);
}

void
tally_tend(struct tally *t, int64_t wall_ms)
{
	if (t == NULL)
		return;
	(void)pthread_rwlock_wrlock(&t->lock);
	tallyfile_tend(t->days[0]);
	tallyfile_tend(t->days[1]);
	tallyfile_tend(t->total);
	(void)pthread_rwlock_unlock(&t->lock);
	tallyfile_forget(t->conf->set.state_dir, day_at(wall_ms / 1000) - TALLY_DAYS);
}

/*
 * Counting.
 */

/* Where to count; NULL: there is none. */
struct held {
	struct numbers	*hour;
	struct total	*total;
};

static bool
look(struct held *h, const struct tally *t, size_t account, int64_t time_s)
{
	const int64_t	 day = day_at(time_s);
	struct numbers	*first = tallyfile_slot(t->days[day & 1], day, account);

	h->hour = first == NULL ? NULL : &first[(time_s + CHINA_S - day * DAY_S) / 3600];
	h->total = tallyfile_slot(t->total, TALLYFILE_TOTAL, account);
	return h->hour != NULL && h->total != NULL;
}

/* And the lock with it. */
static void
hold(struct held *h, struct tally *t, const struct account *a, int64_t wall_ms)
{
	const size_t	 account = a == NULL ? t->conf->n : (size_t)(a - t->conf->accounts);
	const int64_t	 time_s = wall_ms / 1000;

	(void)pthread_rwlock_rdlock(&t->lock);
	if (look(h, t, account, time_s))
		return;
	(void)pthread_rwlock_unlock(&t->lock);
	/* New totals begin with what the days have: nobody counts in one before both are there. */
	make_ready(t, TALLYFILE_TOTAL, account);
	make_ready(t, day_at(time_s), account);
	(void)pthread_rwlock_rdlock(&t->lock);
	(void)look(h, t, account, time_s);
}

static void
let_go(struct tally *t)
{
	(void)pthread_rwlock_unlock(&t->lock);
}

static void
add(_Atomic uint64_t *n, int64_t more)
{
	(void)atomic_fetch_add_explicit(n, (uint64_t)more, memory_order_relaxed);
}

static void
add_time(struct numbers *n, enum tally_time which, int64_t ms)
{
	add(&n->sum_ms[which], ms < 0 ? 0 : ms);
	add(&n->bucket[which][tally_bucket(ms)], 1);
}

static bool
is_acknowledged(enum tally_count end)
{
	return end <= TALLY_REPEAT;
}

static void
count(struct numbers *n, const struct tally_request *r)
{
	add(&n->count[r->end], 1);
	if (is_acknowledged(r->end))
		add_time(n, TALLY_WAITED, r->ms);
	if (r->qt_ms >= 0)
		add_time(n, TALLY_QT, r->qt_ms);
}

void
tally_request(struct tally *t, const struct tally_request *r)
{
	struct held	 h;

	if (t == NULL)
		return;
	hold(&h, t, r->account, r->came_ms);
	if (h.hour != NULL)
		count(h.hour, r);
	else
		add(&trouble_of(t, 0)->lost, 1);
	if (h.total != NULL)
		count(&h.total->sum, r);
	else
		add(&trouble_of(t, TALLYFILE_TOTAL)->lost, 1);
	if (h.total != NULL && r->end <= TALLY_DEAD && r->event >= 0)
		add(&h.total->event[r->event], 1);
	let_go(t);
}

void
tally_late(struct tally *t, const struct account *a, enum tally_count end, int64_t wall_ms)
{
	tally_request(t, &(struct tally_request){
		.account = a, .end = end, .came_ms = wall_ms, .qt_ms = -1, .event = -1,
	});
}

/*
 * Reading.
 */

struct reading {
	int64_t		 day;
	tally_each	*fn;
	void		*ctx;
};

/* A tallyfile_each: the hours of a slot. */
static void
take_hours(void *ctx, struct slice account, const void *slot)
{
	static const struct tally_numbers	 nothing;
	const struct reading			*r = ctx;
	struct tally_hour			 h = { .day = r->day, .account = account };

	for (h.hour = 0; h.hour < TALLY_HOURS; h.hour++) {
		h.numbers = (const struct tally_numbers *)slot + h.hour;
		if (memcmp(h.numbers, &nothing, sizeof(nothing)) != 0)
			r->fn(r->ctx, &h);
	}
}

static enum qt_err
read_day(const char *dir, int64_t day, tally_each *fn, void *ctx)
{
	struct reading		 r = { day, fn, ctx };
	enum tallyfile_state	 state;

	return tallyfile_read(&state, dir, day, &day_kind, take_hours, &r);
}

enum qt_err
tally_read(const char *dir, int64_t from_day, int64_t to_day, tally_each *fn, void *ctx)
{
	struct tallyfile_days	 d;
	enum qt_err		 er;
	size_t			 i;

	er = tallyfile_days(&d, dir, from_day, to_day);
	for (i = 0; i < d.n && er == QT_OK; i++)
		er = read_day(dir, d.v[i], fn, ctx);
	free(d.v);
	return er;
}

/* Of all days, by account; none's is the first. */
struct sums {
	struct sum {
		char			 account[TALLYFILE_NAME + 1];
		struct tally_total	 total;
	}		*v;
	size_t		 n, room;
	enum qt_err	 er;
};

/* NULL: no memory. */
static struct sum *
add_sum(struct sums *s)
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
	if ((v = add_sum(s)) != NULL && account.len != 0)
		memcpy(v->account, account.p, account.len);
	return v;
}

/* A tally_each. */
static void
add_hour(void *ctx, const struct tally_hour *h)
{
	struct sums	*s = ctx;
	struct sum	*v = s->er == QT_OK ? sum_for(s, h->account) : NULL;

	if (v != NULL)
		tally_add(&v->total.sum, h->numbers);
	else
		s->er = QT_ENOMEM;
}

/* A day that cannot be read is no reason to have no totals. */
static enum qt_err
sum_of_days(const char *dir, tallyfile_each *fn, void *ctx)
{
	struct tallyfile_days	 d = { .n = 0 };
	struct sums		 s = { .er = QT_OK };
	size_t			 i;

	if (sum_for(&s, slice_of("")) == NULL)
		s.er = QT_ENOMEM;
	else
		s.er = tallyfile_days(&d, dir, 0, INT64_MAX);
	for (i = 0; i < d.n && s.er == QT_OK; i++)
		if (read_day(dir, d.v[i], add_hour, &s) == QT_ENOMEM)
			s.er = QT_ENOMEM;
	for (i = 0; i < s.n && s.er == QT_OK; i++)
		fn(ctx, slice_of(s.v[i].account), &s.v[i].total);
	free(d.v);
	free(s.v);
	return s.er;
}

struct reading_totals {
	tally_each_total	*fn;
	void			*ctx;
};

/* A tallyfile_each. */
static void
take_total(void *ctx, struct slice account, const void *slot)
{
	const struct reading_totals	*r = ctx;

	r->fn(r->ctx, account, slot);
}

enum qt_err
tally_totals(const char *dir, tally_each_total *fn, void *ctx)
{
	struct reading_totals	 r = { fn, ctx };
	enum tallyfile_state	 state;
	enum qt_err		 er;

	er = tallyfile_read(&state, dir, TALLYFILE_TOTAL, &total_kind, take_total, &r);
	switch (state) {
	case TALLYFILE_SOUND:
	case TALLYFILE_UNREADABLE:
		break;
	case TALLYFILE_ABSENT:
	case TALLYFILE_EMPTY:
	case TALLYFILE_OTHER:
		return sum_of_days(dir, take_total, &r);	/* as they will begin */
	case TALLYFILE_LATER:
		errno = ENOTSUP;
		return QT_ESTORE;
	}
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
