#include "server/descriptors.h"
#include "tests/unit/unit.h"

enum { THREADS = 64, DRAIN = 8 };

static void
plans(void **state)
{
	static const struct {
		const char		*name;
		int			 free, threads, drain, endpoints;
		struct descriptors_plan	 plan;
	} cases[] = {
		{ "enough", 1000, THREADS, DRAIN, 1, { THREADS, THREADS, DRAIN } },
		{ "just enough", 64 * 7 + 8 * 4, THREADS, DRAIN, 1, { THREADS, THREADS, DRAIN } },
		{ "one too few", 64 * 7 + 8 * 4 - 1, THREADS, DRAIN, 1, { THREADS, 44, DRAIN } },
		{ "enough for one end point", 64 * 7 + 8 * 4, THREADS, DRAIN, 10,
		    { THREADS, 36, 3 } },
		{ "a limit of 64", 46, THREADS, DRAIN, 1, { 20, 3, 2 } },
		{ "a limit of 32", 14, THREADS, DRAIN, 1, { 4, 1, 1 } },
		{ "few threads", 46, 4, DRAIN, 1, { 4, 3, 2 } },
		{ "a single thread", 14, 1, 1, 1, { 1, 1, 1 } },
		{ "nothing is left", 0, THREADS, DRAIN, 1, { 1, 1, 1 } },
		{ "less than nothing", -20, THREADS, DRAIN, 3, { 1, 1, 1 } },
		{ "many end points", 100, THREADS, DRAIN, 50, { 1, 1, 1 } },
	};
	struct descriptors_plan	 p;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = descriptors_plan(cases[i].free, cases[i].threads, cases[i].drain,
		    cases[i].endpoints);
		check_int(cases[i].name, p.workers, cases[i].plan.workers);
		check_int(cases[i].name, p.senders, cases[i].plan.senders);
		check_int(cases[i].name, p.drain, cases[i].plan.drain);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(plans) };

	return RUN("descriptors", tests);
}
