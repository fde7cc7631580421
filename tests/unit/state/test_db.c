#include "state/db_engine.h"
#include "tests/unit/unit.h"

/* Times of this host and of the store's server. */
static void
times(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 skew_ms, local, stored;	/* ms */
	} rows[] = {
		{ "the same clock",	0,		1700000000000,	1700000000000 },
		{ "the server's is ahead", 3600000,	1700000000000,	1700003600000 },
		{ "it is behind",	-3600000,	1700000000000,	1699996400000 },
		{ "no time",		3600000,	0,		0 },
		{ "never",		-3600000,	INT64_MAX,	INT64_MAX },
		{ "a mark",		3600000,	-1,		-1 },
	};
	struct db	 db = { .engine = NULL };
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		db.skew_ms = rows[i].skew_ms;
		check_int(rows[i].name, db_skew_ms(&db), rows[i].skew_ms);
		check_int(rows[i].name, db_stored_ms(&db, rows[i].local), rows[i].stored);
		check_int(rows[i].name, db_local_ms(&db, rows[i].stored), rows[i].local);
	}
	db.skew_ms = 3600400;
	check_int("to the nearest second", db_stored_s(&db, 1700000000), 1700003600);
	check_int("and back", db_local_s(&db, 1700003600), 1700000000);
	db.skew_ms = -600;
	check_int("behind", db_stored_s(&db, 1700000000), 1699999999);
	db.skew_ms = -400;
	check_int("hardly behind", db_stored_s(&db, 1700000000), 1700000000);
}

/* What is a time stays one, so that it is not taken for the mark of no time. */
static void
ends_of_time(void **state)
{
	struct db	 db = { .skew_ms = -3600000 };

	(void)state;
	check_int("early", db_stored_ms(&db, 5), 1);
	check_int("late", db_local_ms(&db, INT64_MAX - 5), INT64_MAX - 1);
	db.skew_ms = 3600000;
	check_int("early", db_local_ms(&db, 5), 1);
	check_int("late", db_stored_ms(&db, INT64_MAX - 5), INT64_MAX - 1);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(times),
		TEST(ends_of_time),
	};

	return RUN("db", tests);
}
