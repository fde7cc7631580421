#include "state/disk.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

#define MB	INT64_C(1000000)
#define GB	INT64_C(1000000000)

static void
rooms(void **state)
{
	static const struct {
		const char	*name;
		struct disk	 d;
		enum disk_room	 room;
		int64_t		 margin;
	} cases[] = {
		{ "plenty", { 500 * GB, 1000 * GB, 0, 0 }, DISK_FINE, 10 * MB },
		{ "under a tenth", { 100 * GB - 1, 1000 * GB, 0, 0 }, DISK_TENTH, 10 * MB },
		{ "under 100 MB", { 100 * MB - 1, 160 * MB, 0, 0 }, DISK_LOW, 10 * MB },
		{ "the margin", { 10 * MB, 1000 * GB, 0, 0 }, DISK_LOW, 10 * MB },
		{ "less", { 10 * MB - 1, 1000 * GB, 0, 0 }, DISK_OUT, 10 * MB },
		{ "the margin of a small disk", { 5 * MB, 80 * MB, 0, 0 }, DISK_LOW, 5 * MB },
		{ "less on a small disk", { 5 * MB - 1, 80 * MB, 0, 0 }, DISK_OUT, 5 * MB },
		{ "nothing", { 0, 80 * MB, 0, 0 }, DISK_OUT, 5 * MB },
		{ "inodes", { 500 * GB, 1000 * GB, 1000, 9000 }, DISK_FINE, 10 * MB },
		{ "few inodes", { 500 * GB, 1000 * GB, 999, 9000 }, DISK_LOW, 10 * MB },
		{ "no inodes", { 500 * GB, 1000 * GB, 19, 9000 }, DISK_OUT, 10 * MB },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, disk_room(&cases[i].d), cases[i].room);
		check_int(cases[i].name, disk_margin(&cases[i].d), cases[i].margin);
		check_int(cases[i].name, disk_margin_again(&cases[i].d),
		    cases[i].margin * 5 / 4);
	}
}

static void
looking(void **state)
{
	struct disk	 d;

	(void)state;
	CHECK("a directory", disk_look(&d, state_new()));
	CHECK("it is on a disk", d.bytes > 0 && d.free_bytes <= d.bytes);
	CHECK("no directory", !disk_look(&d, "/proc/self/nowhere"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(rooms), TEST(looking) };

	return RUN("disk", tests);
}
