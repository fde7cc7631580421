#include "core/error.h"
#include "wechat/datacube/reconcile.h"

enum {
	HANG_UP_MS = 5000,	/* WeChat hangs up after that time */
	CLOCK_DIFFERENCE_S = 5,		/* between two clocks, with the time on the network */
	HOUR_S = 3600
};

const char *const reconcile_states[RECONCILE__MAX] = {
	[RECONCILE_OK]		= "ok",
	[RECONCILE_MORE]	= "ok, and more",
	[RECONCILE_UNCLEAR]	= "unclear",
	[RECONCILE_MISSING]	= "missing",
	[RECONCILE_UNKNOWN]	= "not pulled",
};

/* Reasons that are found after the signature was found to be good: the push is WeChat's. */
static const enum error proof[] = {
	ERR_STALE, ERR_AESKEY, ERR_BASE64, ERR_AES, ERR_BUFFER, ERR_APPID, ERR_STORE,
};

static int64_t
count_slow(const struct counter_numbers *n)
{
	int64_t	 sum = 0;
	int	 i;

	for (i = counters_bucket(HANG_UP_MS); i < COUNTER_BUCKETS; i++)
		if (counters_bucket_ms(i) >= HANG_UP_MS)
			sum += (int64_t)n->bucket[COUNTER_WAITED][i];
	return sum;
}

void
reconcile_count(struct reconcile_row *r, const struct counter_numbers *n)
{
	int64_t	 proved = 0;
	size_t	 i;

	for (i = 0; i < sizeof(proof) / sizeof(proof[0]); i++)
		proved += (int64_t)n->count[counters_refused(proof[i], true)];
	r->acknowledged += (int64_t)counters_acknowledged(n);
	r->slow += count_slow(n);
	r->failed += (int64_t)n->count[COUNTER_UNSAFE];
	r->proved += proved;
	r->refused += (int64_t)counters_refusals(n) - proved;
}

static int64_t
min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Calls that are not accounted for; below 0: there were more pushes than calls. */
static int64_t
lack_of(const struct reconcile_row *r)
{
	return r->calls - r->acknowledged - r->failed - r->proved;
}

static bool
is_next_to(const struct reconcile_row *r, const struct reconcile_row *next)
{
	if (r->hour == -1 || next->hour == -1)
		return next->day == r->day + 1;
	return next->day * COUNTER_HOURS + next->hour == r->day * COUNTER_HOURS + r->hour + 1;
}

/* Calls that this row lacks and the next row has too many; below 0: the other way round. */
static int64_t
carried_of(const struct reconcile_row *r, int64_t lack, const struct reconcile_row *next)
{
	const int64_t	 other = lack_of(next), most = 1 + r->calls * CLOCK_DIFFERENCE_S / HOUR_S;

	if (next->calls == -1 || !is_next_to(r, next))
		return 0;
	if (lack > 0 && other < 0)
		return min_of(min_of(lack, -other), most);
	if (lack < 0 && other > 0)
		return -min_of(min_of(-lack, other), most);
	return 0;
}

/* Sets the result of a row that lacks this number of calls. */
static void
judge_row(struct reconcile_row *r, int64_t lack)
{
	const int64_t	 heard = r->acknowledged - r->slow;

	r->unclear = min_of(lack, r->refused);
	r->missing = lack - r->unclear;
	if (lack < 0)
		r->unclear = r->missing = 0;
	/* More calls failed for WeChat than those that we answered late or not with `success`. */
	r->unheard = r->fails - (r->calls > heard ? r->calls - heard : 0);
	if (r->fails == -1 || r->unheard < 0)
		r->unheard = 0;
	r->state = r->missing > 0 ? RECONCILE_MISSING : r->unclear > 0 ? RECONCILE_UNCLEAR :
	    lack < 0 ? RECONCILE_MORE : RECONCILE_OK;
}

void
reconcile_judge(struct reconcile_row *rows, size_t n)
{
	int64_t	 over = 0, lack, next;	/* over: calls carried from the row before */
	size_t	 i;

	for (i = 0; i < n; i++, over = next) {
		next = 0;
		if (rows[i].calls == -1) {
			rows[i].missing = rows[i].unclear = rows[i].unheard = 0;
			rows[i].state = RECONCILE_UNKNOWN;
			continue;
		}
		lack = lack_of(&rows[i]) + over;
		if (i + 1 < n)
			next = carried_of(&rows[i], lack, &rows[i + 1]);
		judge_row(&rows[i], lack - next);
	}
}

void
reconcile_sum(struct reconcile_row *sum, const struct reconcile_row *rows, size_t n)
{
	size_t	 i;

	*sum = (struct reconcile_row){ .day = n != 0 ? rows[0].day : 0, .hour = -1 };
	for (i = 0; i < n; i++) {
		sum->calls += rows[i].calls == -1 ? 0 : rows[i].calls;
		sum->fails += rows[i].fails == -1 ? 0 : rows[i].fails;
		sum->acknowledged += rows[i].acknowledged;
		sum->slow += rows[i].slow;
		sum->failed += rows[i].failed;
		sum->proved += rows[i].proved;
		sum->refused += rows[i].refused;
		sum->missing += rows[i].missing;
		sum->unclear += rows[i].unclear;
		sum->unheard += rows[i].unheard;
		if (rows[i].state > sum->state)
			sum->state = rows[i].state;
	}
}
