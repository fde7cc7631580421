#include "state/lease.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

/* Where no other host shares the store, a lease is a lock. */
static void
of_one_host(void **state)
{
	struct settings	 set = { .state_dir = state_new() };
	struct locks	*locks[2];
	struct store	*s[2];
	struct lease	 l[2];
	int		 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_non_null(locks[i] = lock_new(set.state_dir));
		assert_non_null(s[i] = store_new(&set, locks[i], STORE_BRIEF));
	}
	CHECK("not shared", !store_is_shared(s[0]));
	check_int("taken", lease_take(s[0], &l[0], "drain", "a", 0), LOCK_MINE);
	check_int("by one", lease_take(s[0], &l[1], "drain", "a", 0), LOCK_BUSY);
	check_int("another name", lease_take(s[0], &l[1], "drain", "b", 0), LOCK_MINE);
	CHECK("kept", lease_keep(s[0], &l[0]) && lease_keep(s[0], &l[1]));
	lease_end(s[0], &l[0], false);
	check_int("free", lease_take(s[0], &l[0], "drain", "a", 0), LOCK_MINE);
	lease_end(s[0], &l[0], false);
	lease_end(s[0], &l[1], false);
	for (i = 0; i < 2; i++) {
		store_free(s[i]);
		lock_free(locks[i]);
	}
	check_int("no database was needed", state_count(set.state_dir, "qtoa.db", NULL), 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(of_one_host),
	};

	return RUN("lease", tests);
}
