#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hex.h"
#include "tests/unit/unit.h"

/* A buf with this content, and with this limit. */
static struct buf
buf_with(size_t max, const char *text)
{
	struct buf	 b = { .max = max };

	assert_int_equal(buf_puts(&b, text), ERR_OK);
	return b;
}

static void
slices(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 a;
		const char	*s;
		bool		 is;
	} cases[] = {
		{ "equal", BYTES("abc"), "abc", true },
		{ "empty is empty", BYTES(""), "", true },
		{ "prefix is not", BYTES("ab"), "abc", false },
		{ "longer is not", BYTES("abcd"), "abc", false },
		{ "NUL at the end counts", BYTES("abc\0"), "abc", false },
		{ "case counts", BYTES("Abc"), "abc", false },
		{ "absent is nothing", { NULL, 0 }, "", false },
	};
	struct buf	 empty = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		CHECK(cases[i].name, slice_is(cases[i].a, cases[i].s) == cases[i].is);
	check_bytes("of text", slice_of("xyz"), (struct slice){ "xyz", 3 });
	check_bytes("of NULL is absent", slice_of(NULL), (struct slice){ NULL, 0 });
	check_bytes("of an unused buf is empty, not absent", buf_slice(&empty),
	    (struct slice){ "", 0 });
}

static void
puts_append(void **state)
{
	struct buf	 b = { 0 };

	(void)state;
	check_err("putc", buf_putc(&b, 'a'), ERR_OK);
	check_err("puts", buf_puts(&b, "bc"), ERR_OK);
	check_err("put", buf_put(&b, "d\0e", 3), ERR_OK);
	check_err("put nothing", buf_put(&b, NULL, 0), ERR_OK);
	check_err("printf", buf_printf(&b, "<%d %s>", -7, "f"), ERR_OK);
	check_err("printf nothing", buf_printf(&b, "%s", ""), ERR_OK);
	check_bytes("all", buf_slice(&b), (struct slice)BYTES("abcd\0e<-7 f>"));
	buf_free(&b);
	CHECK("freed", b.p == NULL && b.len == 0 && b.cap == 0);
}

static void
grows(void **state)
{
	struct buf	 b = { 0 };
	size_t		 i;
	bool		 same = true;

	(void)state;
	for (i = 0; i < 100000 && buf_putc(&b, (char)(i % 251)) == ERR_OK; i++)
		;
	check_int("length", (int64_t)b.len, 100000);
	CHECK("room", b.cap >= b.len);
	for (i = 0; i < b.len; i++)
		same = same && b.p[i] == (char)(i % 251);
	CHECK("content kept", same);
	buf_free(&b);
}

static void
ceiling(void **state)
{
	static const struct {
		const char	*name;
		size_t		 max;
		const char	*first, *more;
		enum error	 want;
	} cases[] = {
		{ "to the brim", 6, "abc", "def", ERR_OK },
		{ "one over", 5, "abc", "def", ERR_TOOBIG },
		{ "full, nothing more", 3, "abc", "", ERR_OK },
		{ "full, one more", 3, "abc", "d", ERR_TOOBIG },
		{ "none", 0, "abc", "def", ERR_OK },
		{ "above what a first allocation takes", 4096, "abc", "def", ERR_OK },
	};
	struct buf	 b;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		b = buf_with(cases[i].max, cases[i].first);
		check_err(cases[i].name, buf_puts(&b, cases[i].more), cases[i].want);
		CHECK(cases[i].name, b.max == 0 || b.cap <= b.max);
		if (cases[i].want != ERR_OK)
			check_bytes(cases[i].name, buf_slice(&b), slice_of(cases[i].first));
		buf_free(&b);
		CHECK(cases[i].name, b.max == cases[i].max);
	}
}

static void
sizes_do_not_overflow(void **state)
{
	static const size_t	 more[] = { SIZE_MAX, SIZE_MAX - 2, SIZE_MAX / 2 + 1 };
	struct buf		 b = buf_with(0, "abc");
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(more); i++)
		check_err("reserve", buf_reserve(&b, more[i]), ERR_TOOBIG);
	check_bytes("content kept", buf_slice(&b), slice_of("abc"));
	buf_free(&b);
}

static void
reset_keeps_what_is_ordinary(void **state)
{
	struct buf	 b = buf_with(0, "abc");
	const char	*was = b.p;

	(void)state;
	buf_reset(&b);
	CHECK("small: empty, memory kept", b.len == 0 && b.p == was && b.cap != 0);
	check_err("grow", buf_reserve(&b, 1 << 20), ERR_OK);
	buf_reset(&b);
	CHECK("large: memory given back", b.len == 0 && b.cap < 1 << 20);
	check_err("usable", buf_puts(&b, "def"), ERR_OK);
	check_bytes("usable", buf_slice(&b), slice_of("def"));
	buf_free(&b);
	buf_reset(&b);
	CHECK("unused", b.p == NULL && b.len == 0);
}

static void
grow_without_memory(void **state)
{
	struct buf	 b = { 0 };

	(void)state;
	unit_memory = 1;
	check_err("first", buf_puts(&b, "abc"), ERR_NOMEM);
	CHECK("nothing there", b.p == NULL && b.len == 0 && b.cap == 0);
	check_err("then", buf_puts(&b, "abc"), ERR_OK);
	unit_memory = 1;
	check_err("while growing", buf_reserve(&b, 4096), ERR_NOMEM);
	check_bytes("content kept", buf_slice(&b), slice_of("abc"));
	unit_memory = 1;
	check_err("printf", buf_printf(&b, "%4096d", 1), ERR_NOMEM);
	check_bytes("content kept", buf_slice(&b), slice_of("abc"));
	buf_free(&b);
}

static void
hex(void **state)
{
	static const unsigned char	 bytes[] = { 0x00, 0x09, 0x0A, 0x7F, 0x80, 0xAB, 0xFF };
	char				 text[2 * sizeof(bytes) + 2];

	(void)state;
	memset(text, '!', sizeof(text));
	hex_encode(text, bytes, sizeof(bytes));
	check_text("lower case", text, "00090a7f80abff");
	CHECK("no further", text[sizeof(text) - 1] == '!');
	hex_encode(text, bytes, 0);
	check_text("none", text, "");
}

static void
files(void **state)
{
	static char		 big[20000];
	static const struct {
		const char	*name;
		struct slice	 content;
		size_t		 max;
	} cases[] = {
		{ "empty", BYTES(""), 100 },
		{ "any bytes", BYTES("a\0\n\xFF"), 100 },
		{ "as long as allowed", { big, sizeof(big) }, sizeof(big) },
		{ "longer than allowed", { big, sizeof(big) }, 5000 },
		{ "longer than one read", { big, sizeof(big) }, 4096 },
		{ "nothing allowed", { big, sizeof(big) }, 0 },
	};
	char		 nowhere[256];
	struct buf	 b = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i % 251);
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(buf_puts(&b, "before"), ERR_OK);
		check_int(cases[i].name, buf_read_file(&b, unit_file("f", cases[i].content),
		    cases[i].max), 0);
		if (cases[i].content.len <= cases[i].max)
			check_bytes(cases[i].name, buf_slice(&b), cases[i].content);
		else	/* it stops soon after it knows that the file is too long */
			CHECK(cases[i].name, b.len > cases[i].max &&
			    b.len <= cases[i].max + 4096);
	}
	(void)snprintf(nowhere, sizeof(nowhere), "%s/nothing", unit_dir());
	errno = 0;
	check_int("not there", buf_read_file(&b, nowhere, 100), -1);
	check_int("not there", errno, ENOENT);
	errno = 0;
	check_int("a directory", buf_read_file(&b, unit_dir(), 100), -1);
	check_int("a directory", errno, EISDIR);
	buf_free(&b);
	unit_memory = 1;
	check_int("no memory", buf_read_file(&b, unit_file("f", slice_of("x")), 100), -1);
	check_int("no memory", errno, ENOMEM);
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(slices), TEST(puts_append), TEST(grows), TEST(ceiling),
		TEST(sizes_do_not_overflow), TEST(reset_keeps_what_is_ordinary),
		TEST(grow_without_memory), TEST(hex), TEST(files),
	};

	return RUN("buf", tests);
}
