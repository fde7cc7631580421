#include "core/host.h"
#include "tests/unit/unit.h"

static void
parse(void **state)
{
	static const struct {
		const char	*header, *want;		/* NULL: it is malformed */
	} cases[] = {
		{ "example.com", "example.com" }, { "example.com:8443", "example.com" },
		{ "example.com.", "example.com" }, { "example.com.:80", "example.com" },
		{ "example.com:", "example.com" }, { "Example.COM", "Example.COM" },
		{ "127.0.0.1:80", "127.0.0.1" }, { "[::1]", "::1" }, { "[::1]:8080", "::1" },
		{ "[0:0:0:0:0:0:0:1]:", "0:0:0:0:0:0:0:1" }, { "a_b-c", "a_b-c" },
		{ "", NULL }, { ":80", NULL }, { ".", NULL }, { "::1", NULL }, { "[::1", NULL },
		{ "[::1]x", NULL }, { "[::1]:x", NULL }, { "[localhost]", NULL },
		{ "[127.0.0.1]", NULL }, { "[]", NULL }, { "a:80:80", NULL }, { "a:-1", NULL },
		{ "a b", NULL }, { "a,b", NULL }, { "user@a", NULL }, { "a/b", NULL },
		{ "localhost\x0b", NULL }, { "ex\xc3\xa4mple.com", NULL }, { "*", NULL },
		{ "[::1%lo]", NULL }, { "localhost#", NULL }, { "a?b", NULL }, { "localhost ", NULL },
	};
	struct slice	 host;
	bool		 good;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		good = host_parse(&host, slice_of(cases[i].header));
		if (check_int(cases[i].header, good, cases[i].want != NULL) && good)
			check_bytes(cases[i].header, host, slice_of(cases[i].want));
	}
	CHECK("absent", !host_parse(&host, slice_of(NULL)));
	CHECK("NUL", !host_parse(&host, (struct slice){ "localhost\0", 10 }));
}

static void
loopback(void **state)
{
	static const struct {
		const char	*host;
		bool		 want;
	} cases[] = {
		{ "localhost", true }, { "LocalHost", true }, { "report.localhost", true },
		{ "127.0.0.1", true }, { "127.255.0.9", true }, { "::1", true },
		{ "0:0:0:0:0:0:0:1", true }, { "::ffff:127.0.0.1", true },
		{ "localhost.example.com", false }, { "notlocalhost", false }, { ".localhost", false },
		{ "127.0.0.1.example.com", false }, { "127.1", false }, { "0.0.0.0", false },
		{ "2130706433", false }, { "0x7f.0.0.1", false }, { "::", false }, { "::2", false },
		{ "localhos", false }, { "", false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].host, host_is_loopback(slice_of(cases[i].host)), cases[i].want);
}

static void
listed(void **state)
{
	static const struct {
		const char	*list, *host;
		bool		 want;
	} cases[] = {
		{ NULL, "a.example", false }, { "", "a.example", false },
		{ "a.example", "a.example", true }, { "A.example", "a.EXAMPLE", true },
		{ "a.example.", "a.example", true }, { "b.example a.example", "a.example", true },
		{ "b.example,\n a.example", "a.example", true },
		{ "a.example", "x.a.example", false }, { "a.example", "xa.example", false },
		{ "a.example", "a.example.evil", false }, { "a.example", "a", false },
		{ "*.example", "a.example", true }, { "*.example", "a.b.example", true },
		{ "*.example", "example", false }, { "*.example", "aexample", false },
		{ "*.example", ".example", false }, { "*", "whatever", true },
		{ "192.0.2.7", "192.0.2.7", true }, { "10.0.0.0/8", "10.1.2.3", true },
		{ "192.0.2.7", "192.0.2.8", false }, { "2001:db8::1", "2001:DB8:0::1", true },
		{ "192.0.2.7", "::ffff:192.0.2.7", true }, { "0.0.0.0/0", "a.example", false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].host, host_is_listed(cases[i].list, slice_of(cases[i].host)),
		    cases[i].want);
}

static void
wrong(void **state)
{
	static const struct {
		const char	*list, *want;		/* NULL: nothing is wrong */
	} cases[] = {
		{ NULL, NULL }, { "", NULL }, { "a.example, *.b.example\t192.0.2.7 ::1 *", NULL },
		{ "10.0.0.0/8", NULL }, { "a.example.", NULL }, { "a.example:80", "a.example:80" },
		{ "https://a.example", "https://a.example" }, { "a.example/", "a.example/" },
		{ "a.example b*", "b*" }, { "*.", "*." }, { ".a", ".a" }, { "[::1]", "[::1]" },
		{ "10.0.0.0/33", "10.0.0.0/33" },
	};
	struct slice	 s;
	size_t		 i;
	bool		 bad;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		bad = host_is_wrong(&s, cases[i].list);
		if (check_int(cases[i].list == NULL ? "absent" : cases[i].list, bad,
		    cases[i].want != NULL) && bad)
			check_bytes(cases[i].list, s, slice_of(cases[i].want));
	}
}

int
main(void)
{
	const struct CMUnitTest	 t[] = {
		TEST(parse), TEST(loopback), TEST(listed), TEST(wrong),
	};

	return RUN("host", t);
}
