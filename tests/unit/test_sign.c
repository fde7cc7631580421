#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/query.h"
#include "sign.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"
#include "wechat/push.h"

/* One vector, as fields; own has the texts that they point to. */
struct message {
	struct sign_field	 f[SIGN_FIELDS_MAX];
	size_t			 n;
	struct buf		 own[2 * SIGN_FIELDS_MAX];
	size_t			 nown;
};

/* The program's own fields.  A query may not replace them; `sign` is never signed. */
static const char *const	 own_fields[] = {
	"app_id", "appkey", "code", "sign", "ts", "weChatOAData",
};

static bool
is_own_field(struct slice name)
{
	size_t	 i;

	for (i = 0; i < COUNT(own_fields); i++)
		if (slice_is(name, own_fields[i]))
			return true;
	return false;
}

static struct slice
keep_buf(struct message *m, struct buf b)
{
	assert_true(m->nown < COUNT(m->own));
	m->own[m->nown++] = b;
	return buf_slice(&b);
}

static struct slice
keep_text(struct message *m, const char *p, size_t len)
{
	return keep_buf(m, vector_text(p, len));
}

static void
message_free(struct message *m)
{
	while (m->nown > 0)
		buf_free(&m->own[--m->nown]);
	m->n = 0;
}

static void
add_field(struct message *m, struct slice name, struct slice value, bool array)
{
	assert_true(m->n < COUNT(m->f));
	m->f[m->n++] = (struct sign_field){ .name = name, .value = value, .array = array };
}

/* Adds one member of a vector's `fields`.  A raw body, if it has one, stands for weChatOAData. */
static void
add_member(struct message *m, const json_t *line, const char *key, const json_t *v)
{
	struct slice	 name = keep_text(m, key, strlen(key));
	const json_t	*item;
	size_t		 i;

	if (slice_is(name, "weChatOAData") &&
	    json_object_get(line, "raw_body_base64") != NULL) {
		add_field(m, name, keep_buf(m, vector_base64(line, "raw_body_base64")), false);
	} else if (json_is_string(v)) {
		add_field(m, name,
		    keep_text(m, json_string_value(v), json_string_length(v)), false);
	} else {
		assert_true(json_is_array(v) && json_array_size(v) != 0);
		for (i = 0; i < json_array_size(v); i++) {
			item = json_array_get(v, i);
			assert_true(json_is_string(item));
			add_field(m, name, keep_text(m, json_string_value(item),
			    json_string_length(item)), true);
		}
	}
}

/* Adds all of a vector's `fields`, or only those that are the program's own. */
static void
add_fields(struct message *m, const json_t *line, bool only_own)
{
	json_t		*fields = json_object_get(line, "fields"), *v;
	const char	*key;

	assert_true(json_is_object(fields));
	json_object_foreach(fields, key, v)
		if (!only_own || is_own_field(slice_of(key)))
			add_member(m, line, key, v);
}

/* Adds the parameters of a query; those with the name of an own field are left out. */
static void
add_query(struct message *m, const char *name, struct slice text)
{
	struct buf	 copy = { 0 };
	struct query	 q;
	size_t		 i;

	assert_int_equal(buf_put(&copy, text.p, text.len), ERR_OK);
	(void)keep_buf(m, copy);
	check_err(name, query_parse(&q, copy.p, copy.len), ERR_OK);
	for (i = 0; i < q.n; i++)
		if (!is_own_field(q.p[i].name))
			add_field(m, q.p[i].name, q.p[i].value, false);
}

/* Canonical bytes and sign must be those of the vector. */
static void
check_message(struct signer *s, const json_t *line, struct message *m)
{
	const char	*name = vector_name(line);
	struct slice	 secret = vector_get(line, "secret");
	struct buf	 want = vector_base64(line, "canonical_utf8_base64"), got = { 0 };
	char		 hex[SIGN_MD5_HEX + 1];

	check_err(name, sign_canonical(&got, m->f, m->n), ERR_OK);
	check_bytes(name, buf_slice(&got), buf_slice(&want));
	sign_digest(s, hex, buf_slice(&got), secret);
	check_bytes(name, slice_of(hex), vector_get(line, "sign"));
	/* In parts a text must be UTF-8, as JSON is.  The vectors of raw bodies have others. */
	if (vector_get(line, "raw_body_base64").p == NULL && vector_get(line, "query").p == NULL) {
		check_err(name, sign_fields(s, hex, m->f, m->n, secret), ERR_OK);
		check_bytes(name, slice_of(hex), vector_get(line, "sign"));
	}
	buf_free(&got);
	buf_free(&want);
}

static void
vectors_from_fields(void **state)
{
	struct signer		*s = sign_new();
	struct message		 m = { .n = 0 };
	struct vectors		 v;
	size_t			 i;

	(void)state;
	assert_non_null(s);
	vectors_load(&v, "sign-vectors.jsonl");
	check_int("vectors", (int64_t)v.n, 71);
	for (i = 0; i < v.n; i++) {
		add_fields(&m, v.line[i], false);
		check_message(s, v.line[i], &m);
		message_free(&m);
	}
	vectors_free(&v);
	sign_free(s);
}

static void
vectors_from_queries(void **state)
{
	struct signer	*s = sign_new();
	struct message	 m = { .n = 0 };
	struct vectors	 v;
	struct slice	 query;
	size_t		 i;
	int		 n = 0;

	(void)state;
	assert_non_null(s);
	vectors_load(&v, "sign-vectors.jsonl");
	for (i = 0; i < v.n; i++) {
		if ((query = vector_get(v.line[i], "query")).p == NULL)
			continue;
		n++;
		add_query(&m, vector_name(v.line[i]), query);
		add_fields(&m, v.line[i], true);
		check_message(s, v.line[i], &m);
		message_free(&m);
	}
	check_int("vectors with a query", n, 41);
	vectors_free(&v);
	sign_free(s);
}

/* Moves the member `sign` from an envelope to hex.  False: it is not there. */
static bool
take_sign(struct buf *envelope, char hex[SIGN_MD5_HEX + 1])
{
	static const char	 head[] = ",\"sign\":\"", tail[] = "\",\"";
	enum { HEAD = sizeof(head) - 1, ALL = HEAD + SIGN_MD5_HEX + 1 };
	size_t			 i;
	char			*p;

	for (i = 0; i + ALL + 2 <= envelope->len; i++) {
		p = envelope->p + i;
		if (memcmp(p, head, HEAD) != 0 ||
		    memcmp(p + HEAD + SIGN_MD5_HEX, tail, sizeof(tail) - 1) != 0)
			continue;
		memcpy(hex, p + HEAD, SIGN_MD5_HEX);
		hex[SIGN_MD5_HEX] = '\0';
		memmove(p, p + ALL, envelope->len - i - ALL);
		envelope->len -= ALL;
		return true;
	}
	return false;
}

/* One text of a vector's `fields`; it lives as long as the vector.  NULL: there is no such. */
static const char *
field_text(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(json_object_get(line, "fields"), key));
}

/* Signs a push of the vectors with sign_envelope(), as the program does. */
static void
check_push(struct signer *s, const json_t *line, struct buf *out)
{
	const char	*name = vector_name(line), *body = field_text(line, "weChatOAData");
	struct slice	 query = vector_get(line, "query");
	struct account	 a = {
		.appid = field_text(line, "code"),
		.app_key = field_text(line, "appkey"),
		.service_id = field_text(line, "app_id"),
		.service_secret = vector_get(line, "secret").p,
	};
	struct buf	 text = vector_text(query.p == NULL ? "" : query.p, query.len);
	struct buf	 want = vector_base64(line, "canonical_utf8_base64");
	char		 hex[SIGN_MD5_HEX + 1] = "";
	enum push_key	 which;
	struct query	 q;
	struct push	 p;

	check_err(name, query_parse(&q, text.p, text.len), ERR_OK);
	check_err(name, push_read(&p, &which, &q, 0), ERR_OK);
	check_err(name, sign_envelope(s, out, &a, &p, slice_of(body),
	    strtoll(field_text(line, "ts"), NULL, 10)), ERR_OK);
	CHECK(name, take_sign(out, hex));
	check_bytes(name, slice_of(hex), vector_get(line, "sign"));
	check_bytes(name, buf_slice(out), buf_slice(&want));
	buf_free(&text);
	buf_free(&want);
}

static void
vectors_as_envelopes(void **state)
{
	struct signer	*s = sign_new();
	struct buf	 out = { 0 };
	struct vectors	 v;
	size_t		 i;
	int		 n = 0;

	(void)state;
	assert_non_null(s);
	vectors_load(&v, "sign-vectors.jsonl");
	for (i = 0; i < v.n; i++)
		if (strncmp(vector_name(v.line[i]), "wx-", 3) == 0) {
			check_push(s, v.line[i], &out);
			n++;
		}
	check_int("pushes", n, 29);
	vectors_free(&v);
	buf_free(&out);
	sign_free(s);
}

static const struct account	 account = {
	.path = "p", .appid = "wx1", .token = "tok", .aes_key = "key", .qt_url = "https://q/",
	.app_key = "ak", .service_id = "OA1", .service_secret = "s3cret",
};

#define PUSH_ALL	{ {						\
	[PUSH_SIGNATURE] = BYTES("sig"), [PUSH_TIMESTAMP] = BYTES("17"),	\
	[PUSH_NONCE] = BYTES("n\"1"), [PUSH_OPENID] = BYTES("o-1"),		\
	[PUSH_ENCRYPT_TYPE] = BYTES("aes"), [PUSH_MSG_SIGNATURE] = BYTES("msg"),	\
	[PUSH_ECHOSTR] = BYTES("echo"),						\
} }

/* Whole envelopes; @ stands for the 32 digits of sign. */
static const struct {
	const char	*name, *app_key;
	struct push	 push;
	struct slice	 body;
	int64_t		 ts_ms;
	const char	*want;
} envelopes[] = {
	{ "all parameters but echostr", "ak", PUSH_ALL, BYTES("<xml/>"), 1735172894206,
	    "{\"app_id\":\"OA1\",\"appkey\":\"ak\",\"code\":\"wx1\","
	    "\"encrypt_type\":\"aes\",\"msg_signature\":\"msg\",\"nonce\":\"n\\\"1\","
	    "\"openid\":\"o-1\",\"sign\":\"@\",\"signature\":\"sig\","
	    "\"timestamp\":\"17\",\"ts\":\"1735172894206\","
	    "\"weChatOAData\":\"<xml/>\"}" },
	{ "app_key unset", NULL, PUSH_ALL, BYTES("x"), 1,
	    "{\"app_id\":\"OA1\",\"code\":\"wx1\","
	    "\"encrypt_type\":\"aes\",\"msg_signature\":\"msg\",\"nonce\":\"n\\\"1\","
	    "\"openid\":\"o-1\",\"sign\":\"@\",\"signature\":\"sig\","
	    "\"timestamp\":\"17\",\"ts\":\"1\",\"weChatOAData\":\"x\"}" },
	{ "app_key empty", "", { .v = { [PUSH_NONCE] = BYTES("1") } }, BYTES("x"), 1,
	    "{\"app_id\":\"OA1\",\"code\":\"wx1\",\"nonce\":\"1\",\"sign\":\"@\","
	    "\"ts\":\"1\",\"weChatOAData\":\"x\"}" },
	{ "no parameters, empty body", "ak", { .v = { { NULL, 0 } } }, BYTES(""), 0,
	    "{\"app_id\":\"OA1\",\"appkey\":\"ak\",\"code\":\"wx1\",\"sign\":\"@\","
	    "\"ts\":\"0\",\"weChatOAData\":\"\"}" },
	{ "body as it came", "ak", { .v = { { NULL, 0 } } },
	    BYTES("\xEF\xBB\xBF<xml>\r\n\t\xE4\xB8\xAD\xFF\0</xml>\n"), 2,
	    "{\"app_id\":\"OA1\",\"appkey\":\"ak\",\"code\":\"wx1\",\"sign\":\"@\","
	    "\"ts\":\"2\",\"weChatOAData\":\"\xEF\xBB\xBF<xml>\\r\\n\\t"
	    "\xE4\xB8\xAD\xEF\xBF\xBD\\u0000</xml>\\n\"}" },
};

static void
envelope(void **state)
{
	struct signer	*s = sign_new();
	struct account	 a = account;
	struct buf	 out = { 0 };
	struct slice	 got;
	char		 hex[SIGN_MD5_HEX + 1], again[SIGN_MD5_HEX + 1];
	const char	*at;
	size_t		 i, head;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < COUNT(envelopes); i++) {
		a.app_key = envelopes[i].app_key;
		buf_reset(&out);
		assert_int_equal(buf_puts(&out, "what was there before"), ERR_OK);
		check_err(envelopes[i].name, sign_envelope(s, &out, &a, &envelopes[i].push,
		    envelopes[i].body, envelopes[i].ts_ms), ERR_OK);
		assert_non_null(at = strchr(envelopes[i].want, '@'));
		head = (size_t)(at - envelopes[i].want);
		got = buf_slice(&out);
		if (!CHECK(envelopes[i].name, got.len > head + SIGN_MD5_HEX))
			continue;
		check_bytes(envelopes[i].name, (struct slice){ got.p, head },
		    (struct slice){ envelopes[i].want, head });
		check_bytes(envelopes[i].name, (struct slice){ got.p + head + SIGN_MD5_HEX,
		    got.len - head - SIGN_MD5_HEX }, slice_of(at + 1));
		CHECK(envelopes[i].name, take_sign(&out, hex));
		sign_digest(s, again, buf_slice(&out), slice_of("s3cret"));
		check_text(envelopes[i].name, hex, again);
	}
	buf_free(&out);
	sign_free(s);
}

/* When memory runs out, wherever that is, the error says so; the next envelope is whole. */
static void
envelope_without_memory(void **state)
{
	static char		 body[20000];
	static const struct push push = PUSH_ALL;
	struct signer		*s = sign_new();
	struct buf		 out = { 0 };
	enum error		 er;
	unsigned		 n;

	(void)state;
	assert_non_null(s);
	memset(body, '\n', sizeof(body));
	for (n = 1;; n++) {
		unit_memory = n;
		buf_free(&out);
		er = sign_envelope(s, &out, &account, &push,
		    (struct slice){ body, sizeof(body) }, 1);
		if (unit_memory != 0)
			break;
		check_err("short of memory", er, ERR_NOMEM);
	}
	unit_memory = 0;
	check_err("enough", er, ERR_OK);
	CHECK("several places", n > 3);
	buf_free(&out);
	sign_free(s);
}

/* The three texts of main() in QT's demo.  How a text is cut in json and secret does not matter. */
static void
demo_digests(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 text;
		const char	*want;
	} cases[] = {
		{ "abc12390, NUL, punctuation", BYTES("abc12390\0~!@#$%^&*()_+"),
		    "d407ee0eabe21ceac30480c294e41e22" },
		{ "20121221", BYTES("20121221"), "1f69b3d54c2f95a014ea3cc131a34d5b" },
		{ "Encryption", BYTES("Encryption"), "d7f2615c71a1567cc13cf3a7f7de0aea" },
	};
	struct signer	*s = sign_new();
	char		 hex[SIGN_MD5_HEX + 1];
	size_t		 i, cut;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < COUNT(cases); i++)
		for (cut = 0; cut <= cases[i].text.len; cut++) {
			sign_digest(s, hex, (struct slice){ cases[i].text.p, cut },
			    (struct slice){ cases[i].text.p + cut, cases[i].text.len - cut });
			check_text(cases[i].name, hex, cases[i].want);
		}
	sign_free(s);
	sign_free(NULL);
}

/* The escape of a character, from a table.  False: the character is printed as it is. */
static bool
table_escape(char esc[8], uint32_t cp)
{
	static const struct {
		uint32_t	 cp;
		const char	*esc;
	} shorts[] = {
		{ 0x08, "\\b" }, { 0x09, "\\t" }, { 0x0A, "\\n" }, { 0x0C, "\\f" },
		{ 0x0D, "\\r" }, { 0x22, "\\\"" }, { 0x5C, "\\\\" },
	};
	static const struct {
		uint32_t	 first, last;
	} hex[] = {
		{ 0x00, 0x1F }, { 0x7F, 0x9F }, { 0x2028, 0x2028 }, { 0x2029, 0x2029 },
	};
	size_t	 i;

	for (i = 0; i < COUNT(shorts); i++)
		if (cp == shorts[i].cp) {
			(void)snprintf(esc, 8, "%s", shorts[i].esc);
			return true;
		}
	for (i = 0; i < COUNT(hex); i++)
		if (cp >= hex[i].first && cp <= hex[i].last) {
			(void)snprintf(esc, 8, "\\u%04X", (unsigned)cp & 0xFFFF);
			return true;
		}
	return false;
}

static void
check_escape(struct buf *out, uint32_t cp)
{
	char		 u[4], text[6], want[16] = "\"", name[16];
	size_t		 len = unit_utf8(u, cp), n;

	if (cp >= 0xD800 && cp <= 0xDFFF)
		(void)snprintf(want + 1, 8, "\xEF\xBF\xBD");
	else if (!table_escape(want + 1, cp))
		memcpy(want + 1, u, len);
	n = strlen(want);
	want[n++] = '"';
	(void)snprintf(name, sizeof(name), "U+%04X", (unsigned)cp);
	memcpy(text, u, len);
	buf_reset(out);
	check_err(name, sign_string(out, (struct slice){ text, len }), ERR_OK);
	check_bytes(name, buf_slice(out), (struct slice){ want, n });
	/* The same between two letters: text that needs no escape is copied in one piece. */
	text[0] = 'a';
	memcpy(text + 1, u, len);
	text[len + 1] = 'z';
	memmove(want + 2, want + 1, n - 1);
	want[1] = 'a';
	want[n] = 'z';
	want[n + 1] = '"';
	buf_reset(out);
	check_err(name, sign_string(out, (struct slice){ text, len + 2 }), ERR_OK);
	check_bytes(name, buf_slice(out), (struct slice){ want, n + 2 });
}

static void
every_escape(void **state)
{
	static const uint32_t	 astral[] = {
		0x10000, 0x10001, 0x1007F, 0x12028, 0x1D306, 0x1F600, 0x1FFFE, 0x1FFFF, 0x20000,
		0x2FFFF, 0xE0001, 0xF0000, 0x10FFFD, 0x10FFFE, 0x10FFFF,
	};
	struct buf	 out = { 0 };
	uint32_t	 cp;
	size_t		 i;

	(void)state;
	for (cp = 0; cp <= 0xFFFF; cp++)
		check_escape(&out, cp);
	for (i = 0; i < COUNT(astral); i++)
		check_escape(&out, astral[i]);
	buf_free(&out);
}

static void
strings(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 in, want;
	} cases[] = {
		{ "empty", BYTES(""), BYTES("\"\"") },
		{ "markup stays", BYTES("</a> & '<>'"), BYTES("\"</a> & '<>'\"") },
		{ "escapes in a row", BYTES("\n\n\"\\"), BYTES("\"\\n\\n\\\"\\\\\"") },
		{ "hex is upper case", BYTES("\x0B\x1F\x7F\xC2\x9F"),
		    BYTES("\"\\u000B\\u001F\\u007F\\u009F\"") },
		{ "not decoded again", BYTES("\\u0041\\n"), BYTES("\"\\\\u0041\\\\n\"") },
		{ "no UTF-8", BYTES("a\xFF\xFE" "b"),
		    BYTES("\"a\xEF\xBF\xBD\xEF\xBF\xBD" "b\"") },
		{ "cut at the end", BYTES("a\xE4\xB8"), BYTES("\"a\xEF\xBF\xBD\"") },
	};
	struct buf	 out = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].name, sign_string(&out, cases[i].in), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), cases[i].want);
	}
	check_err("appended", sign_string(&out, slice_of("x")), ERR_OK);
	check_bytes("appended", buf_slice(&out),
	    (struct slice)BYTES("\"a\xEF\xBF\xBD\"\"x\""));
	buf_free(&out);
}

enum { MAX = 5 };	/* fields of a case */

/* Order of names, arrays, values without quotes. */
static const struct {
	const char		*name;
	struct sign_field	 f[MAX];
	size_t			 n;
	const char		*want;
} objects[] = {
	{ "nothing", { { .array = false } }, 0, "{}" },
	{ "one", { { .name = BYTES("a"), .value = BYTES("b") } }, 1, "{\"a\":\"b\"}" },
	{ "sorted", {
	    { .name = BYTES("b"), .value = BYTES("1") },
	    { .name = BYTES("a"), .value = BYTES("2") },
	    { .name = BYTES("B"), .value = BYTES("3") },
	    { .name = BYTES("ab"), .value = BYTES("4") },
	    { .name = BYTES(""), .value = BYTES("5") },
	}, 5, "{\"\":\"5\",\"B\":\"3\",\"a\":\"2\",\"ab\":\"4\",\"b\":\"1\"}" },
	{ "astral before U+E000", {
	    { .name = BYTES("\xEE\x80\x80"), .value = BYTES("1") },
	    { .name = BYTES("\xF0\x9F\x98\x80"), .value = BYTES("2") },
	}, 2, "{\"\xF0\x9F\x98\x80\":\"2\",\"\xEE\x80\x80\":\"1\"}" },
	{ "repeated, in order of arrival", {
	    { .name = BYTES("b"), .value = BYTES("z") },
	    { .name = BYTES("a"), .value = BYTES("1") },
	    { .name = BYTES("b"), .value = BYTES("y") },
	    { .name = BYTES("b"), .value = BYTES("z") },
	}, 4, "{\"a\":\"1\",\"b\":[\"z\",\"y\",\"z\"]}" },
	{ "array of one", { { .name = BYTES("a"), .value = BYTES("b"), .array = true } },
	    1, "{\"a\":[\"b\"]}" },
	{ "bare", { { .name = BYTES("a"), .value = BYTES("12"), .bare = true },
	    { .name = BYTES("b"), .value = BYTES("true"), .bare = true },
	    { .name = BYTES("c"), .value = BYTES("1"), .bare = true, .array = true },
	    { .name = BYTES("c"), .value = BYTES("2"), .array = true },
	}, 4, "{\"a\":12,\"b\":true,\"c\":[1,\"2\"]}" },
	{ "names are escaped", { { .name = BYTES("a\"\n\x7F"), .value = BYTES("b") } }, 1,
	    "{\"a\\\"\\n\\u007F\":\"b\"}" },
};

static void
canonical(void **state)
{
	struct sign_field	 f[MAX];
	struct buf		 out = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(objects); i++) {
		memcpy(f, objects[i].f, sizeof(f));
		buf_reset(&out);
		check_err(objects[i].name, sign_canonical(&out, f, objects[i].n), ERR_OK);
		check_bytes(objects[i].name, buf_slice(&out), slice_of(objects[i].want));
	}
	buf_free(&out);
}

/* A text that is signed in parts gets the signature of the whole, wherever they are cut. */
static void
signed_in_parts(void **state)
{
	static const char *const	 units[] = {
		"x", "\x7F", "\n", "\xC2\x85", "\xE4\xB8\xAD", "\xE2\x80\xA8", "\xF0\x9F\x98\x80",
	};
	struct signer		*s = sign_new();
	struct buf		 text = { 0 }, whole = { 0 };
	struct sign_field	 f[2] = { { .name = BYTES("weChatOAData") }, { .name = BYTES("a") } };
	char			 hex[SIGN_MD5_HEX + 1], want[SIGN_MD5_HEX + 1];
	size_t			 i, shift, n;

	(void)state;
	for (i = 0; i < COUNT(units); i++)
		for (shift = 0; shift < 4; shift++) {
			buf_reset(&text);
			buf_reset(&whole);
			for (n = 0; n < 5000 + shift; n++)
				assert_int_equal(buf_puts(&text, n < shift ? "y" : units[i]),
				    ERR_OK);
			f[0].value = f[1].value = buf_slice(&text);
			check_err(units[i], sign_canonical(&whole, f, 2), ERR_OK);
			sign_digest(s, want, buf_slice(&whole), slice_of("secret"));
			check_err(units[i], sign_fields(s, hex, f, 2, slice_of("secret")), ERR_OK);
			check_text(units[i], hex, want);
		}
	buf_free(&text);
	buf_free(&whole);
	sign_free(s);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(vectors_from_fields), TEST(vectors_from_queries), TEST(vectors_as_envelopes),
		TEST(envelope), TEST(envelope_without_memory), TEST(demo_digests),
		TEST(every_escape), TEST(strings), TEST(canonical),
		TEST(signed_in_parts),
	};

	return RUN("sign", tests);
}
