#include <string.h>

#include "core/json.h"
#include "core/json_clean.h"
#include "core/json_flat.h"
#include "fuzz.h"

/* The text is read, and what was read is an object. */
static bool
reads(struct json *reader(struct slice text), struct slice text)
{
	struct json	*j = reader(text);
	const bool	 read = j != NULL;

	json_free(j);
	return read;
}

/* The text is good: what is signed would be read from it. */
static bool
is_strict(struct slice text)
{
	struct json_flat	 j;
	char			*copy = exactly((const uint8_t *)text.p, text.len);
	const bool		 read = json_flat_read(&j, copy, text.len);

	free(copy);
	return read;
}

static void
check_clean(struct slice text, enum json_bytes bytes, bool strict)
{
	struct buf	 once = { 0 }, twice = { 0 };

	must(json_clean(&once, text, bytes) == ERR_OK, "there is memory");
	must(once.len <= 6 * text.len, "it grows sixfold at most");
	must(bytes != JSON_BYTES_UTF8 || !strict || is_strict(buf_slice(&once)),
	    "what was good stays good");
	must(json_clean(&twice, buf_slice(&once), JSON_BYTES_UTF8) == ERR_OK, "there is memory");
	must(twice.len == once.len && (once.len == 0 || memcmp(once.p, twice.p, once.len) == 0),
	    "what is clean stays as it is");
	buf_free(&once);
	buf_free(&twice);
}

static void
check_body(struct slice text)
{
	struct buf	 body = { 0 };
	struct json	*j;
	const bool	 any = reads(json_parse_any, text);

	must(buf_put(&body, text.p, text.len) == ERR_OK, "there is memory");
	j = json_parse_body(&body);
	must((j != NULL) == any, "a body is read as a text");
	json_free(j);
	must(!any || reads(json_parse_any, buf_slice(&body)), "a body that was read is clean");
	buf_free(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char			*p = exactly(data, size);
	const struct slice	 text = { p, size };
	const bool		 strict = is_strict(text);
	enum json_bytes		 bytes;

	for (bytes = 0; bytes < JSON_BYTES__MAX; bytes++)
		check_clean(text, bytes, strict);
	check_body(text);
	must(!strict || reads(json_parse_any, text), "strict text is read");
	must(!strict || reads(json_parse_lenient, text), "strict text is read leniently");
	free(p);
	return 0;
}
