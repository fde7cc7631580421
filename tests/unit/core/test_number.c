#include "core/number.h"
#include "tests/unit/unit.h"

static void
numbers(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 n;	/* -1: it is not a number */
	} cases[] = {
		{ "0", 0 }, { "7", 7 }, { "007", 7 }, { "1795593600", 1795593600 },
		{ "999999999999999999", INT64_C(999999999999999999) },
		{ "", -1 }, { "1000000000000000000", -1 }, { "0000000000000000000", -1 },
		{ "-1", -1 }, { "+1", -1 }, { " 1", -1 }, { "1 ", -1 }, { "1.0", -1 },
		{ "1e3", -1 }, { "12a", -1 }, { "/", -1 }, { ":", -1 },
	};
	int64_t	 n;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		n = -1;
		CHECK(cases[i].text, number_parse(&n,
		    slice_of(cases[i].text)) == (cases[i].n != -1));
		check_int(cases[i].text, n, cases[i].n);
	}
}

static void
writing(void **state)
{
	static const struct {
		const char	*name;
		uint64_t	 n;
		int		 width;
		const char	*decimal, *hex;
	} cases[] = {
		{ "zero", 0, 1, "0", "0" },
		{ "without a width", 7, 0, "7", "7" },
		{ "wider", 7, 3, "007", "7" },
		{ "as wide", 123, 3, "123", "7b" },
		{ "less wide", 1234, 2, "1234", "4d2" },
		{ "largest", UINT64_MAX, 1, "18446744073709551615", "ffffffffffffffff" },
	};
	char	 text[24], *const end = text + sizeof(text), *p;
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		p = number_write(end, cases[i].n, cases[i].width);
		(void)check_bytes(cases[i].name, (struct slice){ p, (size_t)(end - p) },
		    slice_of(cases[i].decimal));
		p = number_write_hex(end, cases[i].n);
		(void)check_bytes(cases[i].name, (struct slice){ p, (size_t)(end - p) },
		    slice_of(cases[i].hex));
	}
}

static void
bounds(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 n, want;
	} cases[] = {
		{ "smallest", INT64_MIN, 0 }, { "minus one", -1, 0 }, { "zero", 0, 0 },
		{ "a time in ms", INT64_C(253402300799999), INT64_C(253402300799999) },
		{ "largest", INT64_MAX, NUMBER_BOUND },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].name, number_bounded(cases[i].n), cases[i].want);
		check_int("times 1000", number_bounded(cases[i].n) * 1000 / 1000, cases[i].want);
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(numbers), TEST(writing), TEST(bounds) };

	return RUN("number", tests);
}
