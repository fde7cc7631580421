#include <string.h>

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

/* The same by a set. */
static bool
set_has(const char *list, const char *peer)
{
	struct acl_set	 set = { 0 };
	struct slice	 word;
	bool		 found;

	while (list != NULL) {
		list += strspn(list, " \t\r\n,");
		word = (struct slice){ list, strcspn(list, " \t\r\n,") };
		if (word.len == 0)
			break;
		(void)acl_set_add(&set, word);	/* what is not a network is left out */
		list += word.len;
	}
	acl_set_settle(&set);
	found = acl_set_has(&set, slice_of(peer));
	acl_set_free(&set);
	return found;
}

/* Sets of many networks, which overlap. */
static void
sets(void **state)
{
	static const char	 many[] = "101.226.103.0/25 106.55.206.146 10.0.0.0/8 10.1.0.0/16 "
				    "10.255.255.255 101.226.103.128/25 81.69.18.0/24 ::1 "
				    "81.69.18.7 2001:db8::/32 255.255.255.255 0.0.0.0";
	static const char *const in[] = {
		"101.226.103.0", "101.226.103.127", "101.226.103.128", "101.226.103.255",
		"106.55.206.146", "10.0.0.0", "10.1.2.3", "10.255.255.255", "81.69.18.255", "::1",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "255.255.255.255", "0.0.0.0",
	};
	static const char *const out[] = {
		"101.226.102.255", "101.226.104.0", "106.55.206.145", "106.55.206.147",
		"9.255.255.255", "11.0.0.0", "81.69.17.255", "81.69.19.0", "::2", "::",
		"2001:db9::", "2001:db7:ffff::", "0.0.0.1", "255.255.255.254", "", "x",
	};
	struct acl_set		 set = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(in); i++)
		check_int(in[i], set_has(many, in[i]), true);
	for (i = 0; i < COUNT(out); i++)
		check_int(out[i], set_has(many, out[i]), false);
	check_err("no address", acl_set_add(&set, slice_of("1.2.3")), ERR_REQUEST);
	acl_set_settle(&set);
	CHECK("empty", !acl_set_has(&set, slice_of("1.2.3.4")));
}

static void
wide(void **state)
{
	static const struct {
		const char	*network;
		bool		 want;
	} cases[] = {
		{ "1.2.3.4", false }, { "10.0.0.0/8", false }, { "10.0.0.0/7", true },
		{ "0.0.0.0/0", true }, { "128.0.0.0/1", true }, { "::/0", true },
		{ "2001:db8::/32", false }, { "2001:db8::/31", true }, { "::1", false },
		{ "::ffff:0:0/96", true }, { "::ffff:128.0.0.0/97", true },
		{ "::ffff:10.0.0.0/104", false }, { "::/80", true }, { "::/90", false },
		{ "", true }, { "x", true }, { "1.2.3.4/33", true },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].network, acl_is_wide(slice_of(cases[i].network)),
		    cases[i].want);
}

static void
has(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(has_cases); i++)
		check_int(has_cases[i].peer, set_has(has_cases[i].list, has_cases[i].peer),
		    has_cases[i].want);
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
	static const struct CMUnitTest	 tests[] = {
		TEST(has), TEST(sets), TEST(wide), TEST(wrong),
	};

	return RUN("allow", tests);
}
