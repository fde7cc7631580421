#include "core/clock.h"
#include "server/gate.h"
#include "tests/unit/unit.h"

/* So many may be inside at once; others wait for their time. */
static void
turns(void **state)
{
	struct gate	*g = gate_new(2);
	int64_t		 until_ms;

	(void)state;
	assert_non_null(g);
	CHECK("first", gate_enter(g, 0));
	CHECK("second", gate_enter(g, clock_mono_ms()));
	until_ms = clock_mono_ms() + 20;
	CHECK("no third", !gate_enter(g, until_ms));
	CHECK("it has waited", clock_mono_ms() >= until_ms);
	gate_leave(g);
	CHECK("one has left", gate_enter(g, 0));
	gate_free(g);
	CHECK("no limit", gate_enter(NULL, 0));
	gate_leave(NULL);
	gate_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(turns) };

	return RUN("gate", tests);
}
