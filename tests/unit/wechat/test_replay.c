#include <stdio.h>

#include "tests/unit/unit.h"
#include "wechat/replay.h"

enum { DAY = 86400 };

static const int64_t	 NOW = 1796024486;	/* the fresh timestamp of all cases */

#define STAMP	"1796024486"
#define OLD	"1793432486"			/* thirty days before */

static const struct {
	const char	*name, *token, *timestamp, *nonce;
	int64_t		 create_time;
	bool		 want;
} cases[] = {
	{ "genuine", "token", STAMP, "1234567890", 1796024484, false },
	{ "genuine, nonce like an old time", "token", STAMP, OLD, 1796024484, false },
	{ "swapped", "token", STAMP, OLD, 1793432485, true },
	{ "swapped, pushed hours later", "token", STAMP, OLD, 1793432486 - 5 * 3600, true },
	{ "swapped, made after the push", "token", STAMP, OLD, 1793432486 + 60, true },
	{ "swapped, milliseconds", "token", STAMP, OLD, 1793432485123, true },
	{ "swapped, microseconds", "token", STAMP, OLD, 1793432485123456, true },
	{ "swapped, token of digits in front", "1000", STAMP, OLD, 1793432485, true },
	{ "swapped, token of digits between", "1795", STAMP, OLD, 1793432485, true },
	{ "swapped, token of digits behind", "9999", STAMP, OLD, 1793432485, true },
	{ "swapped, token that is there twice", "179", STAMP, OLD, 1793432485, true },
	{ "end of the nonce", "token", STAMP, OLD "3", 1793432485, true },
	{ "beginning of the nonce", "token", STAMP, "99" OLD, 1793432485, true },
	{ "cut timestamp", "token", "4486000000", "179343", 1793434486, true },
	{ "cut timestamp, short nonce", "token", "2486000123", "179343", 1793432480, true },
	{ "old CreateTime, signed now", "token", STAMP, "1234567890", 1793432485, false },
	{ "nonce is another old time", "token", STAMP, "1790000000", 1793432485, false },
	{ "six days old", "token", STAMP, "1795506086", 1795506085, false },
	{ "seven days old", "token", STAMP, "1795419686", 1795419685, true },
	{ "no CreateTime", "token", STAMP, OLD, 0, false },
	{ "CreateTime that cannot be", "token", STAMP, OLD, 5, false },
	{ "CreateTime of the future", "token", STAMP, OLD, 1799999999, false },
	{ "short nonce", "token", STAMP, "7", 1793432485, false },
	{ "timestamp that is no number", "token", "179602448x", OLD, 1793432485, false },
	{ "as long as no push", "token", STAMP, OLD
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000",
	    1793432485, false },
};

static bool
ask(int64_t *age_s, const char *token, const char *token_old, const char *timestamp,
    const char *nonce, int64_t create_time)
{
	const struct account	 a = { .token = token, .token_old = token_old };
	const struct settings	 set = { .dedupe_days = 7, .fresh_s = 600 };
	const struct push	 p = { .v = {
		[PUSH_TIMESTAMP] = slice_of(timestamp), [PUSH_NONCE] = slice_of(nonce),
	} };

	return replay_is(age_s, &a, &p, create_time, replay_known_s(&set));
}

static void
rule(void **state)
{
	int64_t	 age_s;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, ask(&age_s, cases[i].token, NULL, cases[i].timestamp,
		    cases[i].nonce, cases[i].create_time), cases[i].want);
		check_int(cases[i].name, ask(&age_s, "another", cases[i].token,
		    cases[i].timestamp, cases[i].nonce, cases[i].create_time), cases[i].want);
	}
	CHECK("swapped", ask(&age_s, "token", NULL, STAMP, OLD, NOW - 30 * DAY));
	check_int("age", age_s, 30 * DAY);
}

/* Any nonce of ten digits, with any CreateTime of a push that is new. */
static void
genuine_pushes_pass(void **state)
{
	const struct settings	 set = { .dedupe_days = 1, .fresh_s = 86400 };
	const struct account	 a = { .token = "token" };
	char			 nonce[24];
	struct push		 p = { .v = { [PUSH_TIMESTAMP] = BYTES(STAMP) } };
	int64_t			 age_s, n, back;

	(void)state;
	for (n = 1700000000; n < 1800000000; n += 999983)
		for (back = -5; back <= 40000; back += 3335) {
			(void)snprintf(nonce, sizeof(nonce), "%lld", (long long)n);
			p.v[PUSH_NONCE] = slice_of(nonce);
			CHECK(nonce, !replay_is(&age_s, &a, &p, NOW - back, replay_known_s(&set)));
		}
}

static void
known(void **state)
{
	static const struct {
		int	 days, fresh_s;
		int64_t	 want;
	} rows[] = {
		{ 7, 600, 7 * DAY - 600 }, { 1, 600, DAY - 600 }, { 1, 86400, DAY / 2 },
		{ 7, 0, 7 * DAY }, { 366, 600, 366 * (int64_t)DAY - 600 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		check_int("known", replay_known_s(&(struct settings){ .dedupe_days = rows[i].days,
		    .fresh_s = rows[i].fresh_s }), rows[i].want);
}

int
main(void)
{
	const struct CMUnitTest	 t[] = { TEST(rule), TEST(genuine_pushes_pass), TEST(known) };

	return RUN("replay", t);
}
