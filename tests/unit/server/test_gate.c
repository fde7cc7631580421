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
	CHECK("first", gate_enter(g, 1, 0));
	CHECK("second", gate_enter(g, 1, clock_mono_ms()));
	until_ms = clock_mono_ms() + 20;
	CHECK("no third", !gate_enter(g, 1, until_ms));
	CHECK("it has waited", clock_mono_ms() >= until_ms);
	gate_leave(g, 1);
	CHECK("one has left", gate_enter(g, 1, 0));
	gate_free(g);
	CHECK("no limit", gate_enter(NULL, 1, 0));
	gate_leave(NULL, 1);
	gate_free(NULL);
}

/* Small ones fit beside a large one; what is too large for the gate goes through it alone. */
static void
sizes(void **state)
{
	struct gate	*g = gate_new(100);

	(void)state;
	assert_non_null(g);
	CHECK("large", gate_enter(g, 90, 0));
	CHECK("no other", !gate_enter(g, 11, 0));
	CHECK("small", gate_enter(g, 10, 0));
	gate_leave(g, 90);
	CHECK("not alone", !gate_enter(g, 1000, 0));
	gate_leave(g, 10);
	CHECK("alone", gate_enter(g, 1000, 0));
	CHECK("no small one beside it", !gate_enter(g, 1, 0));
	gate_leave(g, 1000);
	CHECK("all is free again", gate_enter(g, 100, 0));
	gate_free(g);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(turns), TEST(sizes) };

	return RUN("gate", tests);
}
