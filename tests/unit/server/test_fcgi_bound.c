#include <stdlib.h>
#include <string.h>

#include "server/fcgi_bound.h"
#include "tests/unit/unit.h"

/* Records: type, id, bytes of content, padding. */
#define RECORD(type, id, len, pad)	"\1" type "\0" id len pad "\0"
#define BEGIN	RECORD("\1", "\1", "\0\10", "\0") "\0\1\0\0\0\0\0\0"
#define HUGE	"\xff\xff\xff\xff"

static const struct {
	const char	*name;
	struct slice	 bytes;
	bool		 good;
} cases[] = {
	{ "nothing", BYTES(""), true },
	{ "a request", BYTES(BEGIN RECORD("\4", "\1", "\0\6", "\2") "\1\3Aabc" "xx"
	    RECORD("\4", "\1", "\0\0", "\0") RECORD("\5", "\1", "\0\3", "\0") HUGE), true },
	{ "long forms of short lengths", BYTES(BEGIN RECORD("\4", "\1", "\0\14", "\0")
	    "\x80\0\0\1\x80\0\0\3Aabc"), true },
	{ "a pair in two records", BYTES(BEGIN RECORD("\4", "\1", "\0\3", "\0") "\1\3A"
	    RECORD("\4", "\1", "\0\3", "\0") "abc"), true },
	{ "a value is too long", BYTES(BEGIN RECORD("\4", "\1", "\0\6", "\0") "\1" HUGE "A"), false },
	{ "a name is too long", BYTES(BEGIN RECORD("\4", "\1", "\0\6", "\0") HUGE "\1A"), false },
	{ "both are", BYTES(BEGIN RECORD("\4", "\1", "\0\10", "\0") HUGE HUGE), false },
	{ "just too long", BYTES(BEGIN RECORD("\4", "\1", "\0\5", "\0") "\0\x80\4\0\1"), false },
	{ "just about", BYTES(BEGIN RECORD("\4", "\1", "\0\5", "\0") "\0\x80\4\0\0"), true },
	{ "the lengths in two records", BYTES(BEGIN RECORD("\4", "\1", "\0\3", "\0") "\1\xff\xff"
	    RECORD("\4", "\1", "\0\2", "\0") "\xff\xff"), false },
	{ "behind a good pair", BYTES(BEGIN RECORD("\4", "\1", "\0\7", "\0") "\0\0\1" HUGE), false },
	{ "in the body it means nothing", BYTES(BEGIN RECORD("\5", "\1", "\0\5", "\0") "\1" HUGE),
	    true },
	{ "in padding it means nothing", BYTES(BEGIN RECORD("\4", "\1", "\0\2", "\5") "\0\0\1" HUGE),
	    true },
	{ "of another request it is skipped", BYTES(BEGIN RECORD("\4", "\2", "\0\5", "\0") "\1" HUGE),
	    true },
	{ "a second start changes nothing", BYTES(BEGIN RECORD("\1", "\2", "\0\10", "\0")
	    "\0\1\0\0\0\0\0\0" RECORD("\4", "\1", "\0\5", "\0") "\1" HUGE), false },
	{ "asked for values", BYTES(RECORD("\11", "\0", "\0\5", "\0") "\3\0abc" BEGIN), true },
	{ "asked for a huge value", BYTES(RECORD("\11", "\0", "\0\5", "\0") "\1" HUGE), false },
	{ "asked within a pair", BYTES(BEGIN RECORD("\4", "\1", "\0\2", "\0") "\1\x80"
	    RECORD("\11", "\0", "\0\2", "\0") "\0\0" RECORD("\4", "\1", "\0\3", "\0") "\xff\0\0"),
	    false },
	{ "an unknown type", BYTES(RECORD("\115", "\0", "\0\0", "\0") BEGIN), true },
	{ "an unknown type with content", BYTES(RECORD("\115", "\0", "\0\5", "\0") "\1" HUGE), false },
	{ "a start of another size", BYTES(RECORD("\1", "\1", "\0\5", "\0") "\1" HUGE), false },
	{ "a start for nobody", BYTES(RECORD("\1", "\0", "\0\10", "\0")), false },
	{ "another version", BYTES("\2\1\0\1\0\10\0\0"), false },
	{ "no FastCGI", BYTES("GET / HTTP/1.0\r\n\r\n"), false },
};

/* All at once, byte by byte, and cut in two at each place. */
static void
streams(void **state)
{
	struct fcgi_bound	 b;
	size_t			 i, cut, k;
	bool			 good;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (cut = 0; cut <= cases[i].bytes.len; cut++) {
			memset(&b, 0, sizeof(b));
			good = fcgi_bound_take(&b, cases[i].bytes.p, cut) &&
			    fcgi_bound_take(&b, cases[i].bytes.p + cut, cases[i].bytes.len - cut);
			CHECK(cases[i].name, good == cases[i].good);
		}
		memset(&b, 0, sizeof(b));
		good = true;
		for (k = 0; k < cases[i].bytes.len && good; k++)
			good = fcgi_bound_take(&b, cases[i].bytes.p + k, 1);
		CHECK(cases[i].name, good == cases[i].good);
	}
}

/* Many pairs that are not long: their sum is bounded. */
static void
sum(void **state)
{
	enum { PAIR = 60000, RECORD_BYTES = 8 + 5 + PAIR };
	static char		 record[RECORD_BYTES] = "\1\4\0\1\xea\x65\0\0\0\x80\0\xea\x60";
	struct fcgi_bound	 b = { .have = 0 };
	size_t			 n = 0;

	(void)state;
	CHECK("begin", fcgi_bound_take(&b, BEGIN, sizeof(BEGIN) - 1));
	while (n < 100 && fcgi_bound_take(&b, record, sizeof(record)))
		n++;
	check_int("all", (int64_t)n, FCGI_BOUND_ALL / PAIR);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(streams), TEST(sum) };

	return RUN("fcgi_bound", tests);
}
