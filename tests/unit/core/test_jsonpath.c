#include <stdio.h>
#include <string.h>

#include "core/jsonpath.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"

/* Writes the steps of a path: `.name`, `[1]`, `*`, with .. before a deep one. */
static void
put_steps(struct buf *out, const struct jsonpath *p)
{
	const struct jsonpath_step	*s;

	buf_reset(out);
	for (s = p->steps; s != p->steps + p->n; s++) {
		if (s->deep)
			assert_int_equal(buf_puts(out, ".."), ERR_OK);
		if (s->kind == JSONPATH_NAME)
			assert_int_equal(buf_printf(out, "<%s>", s->name), ERR_OK);
		else if (s->kind == JSONPATH_INDEX)
			assert_int_equal(buf_printf(out, "[%d]", s->index), ERR_OK);
		else
			assert_int_equal(buf_puts(out, "*"), ERR_OK);
	}
}

static void
good(void **state)
{
	static const struct {
		const char	*in, *want;
	} cases[] = {
		{ "$", "" },
		{ "$.access_token", "<access_token>" },
		{ "$.a.b", "<a><b>" },
		{ "$['a']['b c']", "<a><b c>" },
		{ "$[\"a\"]", "<a>" },
		{ "$['a\"b']", "<a\"b>" },
		{ "$['\\'\\\"\\\\']", "<'\"\\>" },
		{ "$['a][.*$']", "<a][.*$>" },
		{ "$['']", "<>" },
		{ "$[0][12][-1][-0][007]", "[0][12][-1][0][7]" },
		{ "$[999999999]", "[999999999]" },
		{ "$.*[*]", "**" },
		{ "$..a", "..<a>" },
		{ "$..a..b..*..[0]..['c']", "..<a>..<b>..*..[0]..<c>" },
		{ "$.['a'].[0]", "<a>[0]" },
		{ "$[ 'a' ][\t1 ][ * ]", "<a>[1]*" },
		{ "$.a-b._c.0", "<a-b><_c><0>" },
		{ "$.\xE4\xB8\xAD", "<\xE4\xB8\xAD>" },
	};
	struct guarded	 g;
	struct jsonpath	 p;
	struct slice	 in;
	struct buf	 got = { 0 };
	char		 why[JSONPATH_WHY];
	size_t		 i;

	(void)state;
	guarded_init(&g, JSONPATH_MAX);
	for (i = 0; i < COUNT(cases); i++) {
		in = guarded_slice(&g, slice_of(cases[i].in));
		CHECK(cases[i].in, jsonpath_parse(&p, in, why));
		check_text(cases[i].in, why, "");
		put_steps(&got, &p);
		check_bytes(cases[i].in, buf_slice(&got), slice_of(cases[i].want));
	}
	buf_free(&got);
	guarded_fini(&g);
}

/* Parts of messages. */
static const char	expected_name[] = "a name or *",
			expected_end[] = ". or [",
			expected_inside[] = "between [ and ]",
			expected_open[] = "not closed",
			expected_bracket[] = "expected ]",
			expected_number[] = "a number";

static const struct {
	struct slice	 in;
	int		 at;
	const char	*what;
} bad_cases[] = {
	{ BYTES(""), 1, "begins with $" },
	{ BYTES("access_token"), 1, "begins with $" },
	{ BYTES(".a"), 1, "begins with $" },
	{ BYTES(" $.a"), 1, "begins with $" },
	{ BYTES("$a"), 2, expected_end },
	{ BYTES("$$"), 2, expected_end },
	{ BYTES("$.a "), 4, expected_end },
	{ BYTES("$ .a"), 2, expected_end },
	{ BYTES("$.a\0"), 4, expected_end },
	{ BYTES("$.a:b"), 4, expected_end },
	{ BYTES("$.a@b"), 4, expected_end },
	{ BYTES("$.a()"), 4, expected_end },
	{ BYTES("$['a']b"), 7, expected_end },
	{ BYTES("$."), 3, expected_name },
	{ BYTES("$.."), 4, expected_name },
	{ BYTES("$..."), 4, expected_name },
	{ BYTES("$.a."), 5, expected_name },
	{ BYTES("$.'a'"), 3, expected_name },
	{ BYTES("$. a"), 3, expected_name },
	{ BYTES("$.$"), 3, expected_name },
	{ BYTES("$["), 3, expected_inside },
	{ BYTES("$[ "), 4, expected_inside },
	{ BYTES("$[]"), 3, expected_inside },
	{ BYTES("$[a]"), 3, expected_inside },
	{ BYTES("$[?(@.a)]"), 3, expected_inside },
	{ BYTES("$[:1]"), 3, expected_inside },
	{ BYTES("$[(1)]"), 3, expected_inside },
	{ BYTES("$['a"), 5, expected_open },
	{ BYTES("$['a\\"), 6, "may follow" },
	{ BYTES("$['a\\'"), 7, expected_open },
	{ BYTES("$['a\\n']"), 6, "may follow" },
	{ BYTES("$['a\0b']"), 5, expected_open },
	{ BYTES("$['a'"), 6, expected_bracket },
	{ BYTES("$['a','b']"), 6, expected_bracket },
	{ BYTES("$[0"), 4, expected_bracket },
	{ BYTES("$[0:2]"), 4, expected_bracket },
	{ BYTES("$[1.5]"), 4, expected_bracket },
	{ BYTES("$[*"), 4, expected_bracket },
	{ BYTES("$[1234567890]"), 12, expected_bracket },
	{ BYTES("$[-]"), 4, expected_number },
	{ BYTES("$[--1]"), 4, expected_number },
};

static void
bad(void **state)
{
	struct guarded	 g;
	struct jsonpath	 p;
	char		 why[JSONPATH_WHY], at[32];
	size_t		 i;

	(void)state;
	guarded_init(&g, JSONPATH_MAX);
	for (i = 0; i < COUNT(bad_cases); i++) {
		CHECK(bad_cases[i].in.p, !jsonpath_parse(&p, guarded_slice(&g, bad_cases[i].in),
		    why));
		(void)snprintf(at, sizeof(at), "at character %d: ", bad_cases[i].at);
		if (!CHECK(bad_cases[i].in.p, strncmp(why, at, strlen(at)) == 0 &&
		    strstr(why, bad_cases[i].what) != NULL))
			print_error("%s\n", why);
	}
	guarded_fini(&g);
}

/* The longest path and one byte more; the most steps and one more. */
static void
limits(void **state)
{
	struct jsonpath	 p;
	struct buf	 b = { 0 };
	char		 why[JSONPATH_WHY];
	int		 i;

	(void)state;
	assert_int_equal(buf_puts(&b, "$."), ERR_OK);
	while (b.len < JSONPATH_MAX)
		assert_int_equal(buf_putc(&b, 'a'), ERR_OK);
	CHECK("longest", jsonpath_parse(&p, buf_slice(&b), why));
	check_int("longest", (int64_t)strlen(p.steps[0].name), JSONPATH_MAX - 2);
	assert_int_equal(buf_putc(&b, 'a'), ERR_OK);
	CHECK("longer", !jsonpath_parse(&p, buf_slice(&b), why));
	CHECK("longer", strstr(why, "256") != NULL);
	buf_reset(&b);
	assert_int_equal(buf_putc(&b, '$'), ERR_OK);
	for (i = 0; i < JSONPATH_STEPS; i++)
		assert_int_equal(buf_puts(&b, ".a"), ERR_OK);
	CHECK("most steps", jsonpath_parse(&p, buf_slice(&b), why));
	check_int("most steps", (int64_t)p.n, JSONPATH_STEPS);
	assert_int_equal(buf_puts(&b, ".a"), ERR_OK);
	CHECK("more steps", !jsonpath_parse(&p, buf_slice(&b), why));
	CHECK("more steps", strstr(why, "more than 32 steps") != NULL);
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(good), TEST(bad), TEST(limits) };

	return RUN("jsonpath", tests);
}
