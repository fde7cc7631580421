#include "core/acl.h"
#include "tests/unit/unit.h"

static const struct {
	const char	*list, *peer;
	bool		 want;
} has_cases[] = {
	{ NULL, "127.0.0.1", false },
	{ "", "127.0.0.1", false },
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.0.0.1", "127.0.0.2", false },
	{ " 10.0.0.1,\t127.0.0.1 ", "127.0.0.1", true },
	{ "10.0.0.1\r\n127.0.0.1\r\n", "127.0.0.1", true },
	{ "10.0.0.0/8", "10.255.1.2", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.1.2.3/8", "10.9.9.9", true },		/* only 8 bits count */
	{ "192.0.2.128/25", "192.0.2.127", false },
	{ "192.0.2.128/25", "192.0.2.255", true },
	{ "192.0.2.1/32", "192.0.2.1", true },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "2001:db8::1", true },
	{ "::/0", "203.0.113.9", true },		/* IPv4 is mapped into it */
	{ "::1", "::1", true },
	{ "::1", "0:0:0:0:0:0:0:1", true },
	{ "2001:db8::/32", "2001:db8:ffff::1", true },
	{ "2001:db8::/32", "2001:db9::1", false },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "127.0.0.1", "::ffff:127.0.0.1", true },
	{ "::ffff:127.0.0.1", "127.0.0.1", true },
	{ "::ffff:10.0.0.0/104", "10.1.1.1", true },
	{ "127.0.0.1", "::127.0.0.1", false },
	{ "127.0.0.1", "", false },
	{ "127.0.0.1", "127.0.0.1:80", false },
	{ "127.0.0.1", "127.0.0.1/32", true },
	{ "127.0.0.1", "127.0.0.1/0", false },		/* a network is not a peer */
	{ "0.0.0.0/0", "unix:", false },
	{ "0.0.0.0/0", "127.0.0.1, 10.0.0.1", false },
	{ "0.0.0.0/0", " 127.0.0.1", false },
	{ "0.0.0.0/0", "127.1", false },
	{ "nonsense 127.0.0.1", "127.0.0.1", true },
	{ "127.0.0.1/33", "127.0.0.1", false },
};

static void
has(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(has_cases); i++)
		check_int(has_cases[i].peer, acl_has(has_cases[i].list,
		    slice_of(has_cases[i].peer)),
		    has_cases[i].want);
	CHECK("mapped", acl_is_same(slice_of("::ffff:192.0.2.1"), slice_of("192.0.2.1")));
	CHECK("two forms", acl_is_same(slice_of("::1"), slice_of("0:0:0:0:0:0:0:1")));
	CHECK("others", !acl_is_same(slice_of("::1"), slice_of("127.0.0.1")));
	CHECK("networks", !acl_is_same(slice_of("10.0.0.0/8"), slice_of("10.0.0.0/8")));
	CHECK("no addresses", !acl_is_same(slice_of("a"), slice_of("a")));
	CHECK("absent", !acl_is_same(slice_of(NULL), slice_of(NULL)));
	CHECK("no peer", !acl_has("0.0.0.0/0", slice_of(NULL)));
	CHECK("NUL", !acl_has("0.0.0.0/0", (struct slice){ "127.0.0.1\0", 10 }));
}

static void
wrong(void **state)
{
	static const struct {
		const char	*list, *want;	/* NULL: nothing is wrong */
	} cases[] = {
		{ "", NULL }, { " ,, ", NULL }, { "127.0.0.1, ::1 10.0.0.0/8\n2001:db8::/32",
		NULL },
		{ "localhost", "localhost" }, { "127.0.0.1 10.0.0.0/33", "10.0.0.0/33" },
		{ "10.0.0.0/", "10.0.0.0/" }, { "10.0.0.0/-1", "10.0.0.0/-1" },
		{ "10.0.0.0/8x", "10.0.0.0/8x" }, { "::1/129", "::1/129" }, { "10.0.0", "10.0.0" },
		{ "10.0.0.0/+8", "10.0.0.0/+8" }, { "10.0.0.0/99999999999999999999999",
		    "10.0.0.0/99999999999999999999999" }, { "1.2.3.4;5.6.7.8", "1.2.3.4;5.6.7.8" },
		{ "0000000000000000000000000000000000000000000000000000000000000000000001::1",
		    "0000000000000000000000000000000000000000000000000000000000000000000001::1" },
	};
	struct slice	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check_int(cases[i].list, acl_is_wrong(&s, cases[i].list), cases[i].want != NULL);
		if (cases[i].want != NULL)
			CHECK(cases[i].list, slice_is(s, cases[i].want));
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(has), TEST(wrong) };

	return RUN("allow", tests);
}
