#include "core/base64.h"
#include "tests/unit/unit.h"

static const struct {
	const char	*name, *bytes, *text;
} cases[] = {
	{ "nothing", "", "" },			/* RFC 4648, 10 */
	{ "one", "f", "Zg==" },
	{ "two", "fo", "Zm8=" },
	{ "three", "foo", "Zm9v" },
	{ "six", "foobar", "Zm9vYmFy" },
	{ "high bytes", "\xFB\xFF\xBF", "+/+/" },
};

static void
both_ways(void **state)
{
	struct buf	 out = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].name, base64_encode(&out, (const unsigned char *)cases[i].bytes,
		    slice_of(cases[i].bytes).len), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].text));
		buf_reset(&out);
		check_err(cases[i].name, base64_decode(&out, slice_of(cases[i].text)), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].bytes));
	}
	buf_free(&out);
}

static void
refused(void **state)
{
	static const char *const	 texts[] = {
		"Zg", "Zg=", "Zg===", "=Zg=", "Z===", "Zm9v=", "Zg==Zg==", "Zm 9", "Zm-_", "Zh==",
		"Zm9=",
	};
	struct buf			 out = { 0 };
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		check_err(texts[i], base64_decode(&out, slice_of(texts[i])), ERR_BASE64);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(both_ways), TEST(refused) };

	return RUN("base64", tests);
}
