#include <stdio.h>
#include <string.h>

#include "core/query.h"
#include "tests/unit/guarded.h"
#include "tests/unit/unit.h"
#include "wechat/push.h"

#define NEED(k)	(1u << PUSH_##k)

/* Writes `name=value|` for each parameter, all bytes as they are. */
static void
put_params(struct buf *out, const struct query *q)
{
	size_t	 i;

	for (i = 0; i < q->n; i++) {
		assert_int_equal(buf_put(out, q->p[i].name.p, q->p[i].name.len), ERR_OK);
		assert_int_equal(buf_putc(out, '='), ERR_OK);
		assert_int_equal(buf_put(out, q->p[i].value.p, q->p[i].value.len), ERR_OK);
		assert_int_equal(buf_putc(out, '|'), ERR_OK);
	}
}

static const struct {
	const char	*name;
	struct slice	 in, want;
} decoding_cases[] = {
	{ "nothing", BYTES(""), BYTES("") },
	{ "one", BYTES("a=b"), BYTES("a=b|") },
	{ "in order", BYTES("b=1&a=2&b=3"), BYTES("b=1|a=2|b=3|") },
	{ "no = is empty", BYTES("a"), BYTES("a=|") },
	{ "empty value", BYTES("a="), BYTES("a=|") },
	{ "empty name skipped", BYTES("=x&a=1&="), BYTES("a=1|") },
	{ "empty parts skipped", BYTES("&&a=1&&b=2&"), BYTES("a=1|b=2|") },
	{ "only ampersands", BYTES("&&&"), BYTES("") },
	{ "first = splits", BYTES("a=b=c=="), BYTES("a=b=c==|") },
	{ "+ is a space", BYTES("a+b=c+d+"), BYTES("a b=c d |") },
	{ "escaped + is a +", BYTES("a=%2B%2b"), BYTES("a=++|") },
	{ "escapes in names", BYTES("%61=1"), BYTES("a=1|") },
	{ "both cases of hex", BYTES("a=%4a%4A%e4%B8%aD"), BYTES("a=JJ\xE4\xB8\xAD|") },
	{ "delimiters escaped", BYTES("a=%26%3D%25&%3D=1"), BYTES("a=&=%|==1|") },
	{ "decoded once", BYTES("a=%2541"), BYTES("a=%41|") },
	{ "NUL", BYTES("a=%00x&b%00=1"), BYTES("a=\0x|b\0=1|") },
	{ "no UTF-8 stays", BYTES("a=%FF%fe"), BYTES("a=\xFF\xFE|") },
	{ "raw bytes stay", BYTES("a=\x01\x80\xFF"), BYTES("a=\x01\x80\xFF|") },
	{ "semicolon is a letter", BYTES("a=1;b=2"), BYTES("a=1;b=2|") },
	{ "brackets are letters", BYTES("a[]=1"), BYTES("a[]=1|") },
	{ "% at the end dropped", BYTES("a=1&b=%"), BYTES("a=1|") },
	{ "%X at the end dropped", BYTES("a=1&b=%4"), BYTES("a=1|") },
	{ "%zz dropped", BYTES("a=%zz&b=2"), BYTES("b=2|") },
	{ "%4z dropped", BYTES("a=%4z&b=2"), BYTES("b=2|") },
	{ "% before & dropped", BYTES("a=%&41=2"), BYTES("41=2|") },
	{ "%% dropped", BYTES("a=%%41&b=2"), BYTES("b=2|") },
	{ "%+1 dropped", BYTES("a=%+1&b=2"), BYTES("b=2|") },
	{ "broken name dropped", BYTES("%zz=1&%4=2&b=3"), BYTES("b=3|") },
};

static void
decoding(void **state)
{
	struct guarded	 g;
	struct query	 q;
	struct buf	 got = { 0 };
	size_t		 i;

	(void)state;
	guarded_init(&g, 256);
	for (i = 0; i < COUNT(decoding_cases); i++) {
		buf_reset(&got);
		check_err(decoding_cases[i].name, query_parse(&q, guarded_put(&g,
		    decoding_cases[i].in),
		    decoding_cases[i].in.len), ERR_OK);
		put_params(&got, &q);
		check_bytes(decoding_cases[i].name, buf_slice(&got), decoding_cases[i].want);
	}
	check_err("absent", query_parse(&q, NULL, 0), ERR_OK);
	check_int("absent", (int64_t)q.n, 0);
	guarded_fini(&g);
	buf_free(&got);
}

/* Writes this parameter n times. */
static void
many(void **state)
{
	static const struct {
		const char	*name, *param;
		size_t		 times;
		enum error	 want;
		size_t		 n;
	} cases[] = {
		{ "as many as fit", "&a=1", QUERY_MAX, ERR_OK, QUERY_MAX },
		{ "one too many", "&a=1", QUERY_MAX + 1, ERR_REQUEST, QUERY_MAX },
		{ "skipped ones do not count", "&=1", QUERY_MAX + 1, ERR_OK, 0 },
		{ "broken ones do not count", "&a=%zz", QUERY_MAX + 1, ERR_OK, 0 },
		{ "a great many", "&a", 10000, ERR_REQUEST, QUERY_MAX },
	};
	struct query	 q;
	struct buf	 b = { 0 };
	size_t		 i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		for (k = 0; k < cases[i].times; k++)
			assert_int_equal(buf_puts(&b, cases[i].param), ERR_OK);
		check_err(cases[i].name, query_parse(&q, b.p, b.len), cases[i].want);
		check_int(cases[i].name, (int64_t)q.n, (int64_t)cases[i].n);
	}
	buf_free(&b);
}

/* All bytes behind a %: only hexadecimal digits are decoded. */
static void
every_escape(void **state)
{
	static const char	 hex[] = "0123456789abcdefABCDEF";
	char			 text[6] = "a=%", name[16];
	struct query		 q;
	unsigned		 hi, lo;
	bool			 good, got;

	(void)state;
	for (hi = 1; hi < 256; hi++)
		for (lo = 1; lo < 256; lo++) {
			if (hi == '&' || lo == '&')
				continue;
			text[3] = (char)hi;
			text[4] = (char)lo;
			(void)snprintf(name, sizeof(name), "%%%02X%02X", hi, lo);
			good = strchr(hex, (int)hi) != NULL && strchr(hex, (int)lo) != NULL;
			got = query_parse(&q, text, 5) == ERR_OK && q.n == 1;
			if (got != good)
				CHECK(name, got == good);
			memcpy(text, "a=%", 3);
		}
	CHECK("all", true);
}

static const struct {
	const char	*name, *in;
	unsigned	 need;
	enum error	 want;
	enum push_key	 which;
} picking_cases[] = {
	{ "nothing needed", "", 0, ERR_OK, 0 },
	{ "all there", "signature=a&timestamp=1&nonce=2",
	    NEED(SIGNATURE) | NEED(TIMESTAMP) | NEED(NONCE), ERR_OK, 0 },
	{ "any order, others between", "x=1&nonce=2&y=&y=&timestamp=1&signature=a",
	    NEED(SIGNATURE) | NEED(TIMESTAMP) | NEED(NONCE), ERR_OK, 0 },
	{ "signature missing", "timestamp=1", NEED(SIGNATURE), ERR_PARAM, PUSH_SIGNATURE },
	{ "timestamp missing", "signature=1", NEED(TIMESTAMP), ERR_PARAM, PUSH_TIMESTAMP },
	{ "nonce missing", "signature=1", NEED(NONCE), ERR_PARAM, PUSH_NONCE },
	{ "msg_signature missing", "signature=1", NEED(MSG_SIGNATURE), ERR_PARAM,
	    PUSH_MSG_SIGNATURE },
	{ "echostr missing", "signature=1", NEED(ECHOSTR), ERR_PARAM, PUSH_ECHOSTR },
	{ "case counts", "Signature=1", NEED(SIGNATURE), ERR_PARAM, PUSH_SIGNATURE },
	{ "NUL in the name counts", "signature%00=1", NEED(SIGNATURE), ERR_PARAM,
	    PUSH_SIGNATURE },
	{ "brackets are another name", "nonce[]=1", NEED(NONCE), ERR_PARAM, PUSH_NONCE },
	{ "broken % is missing", "nonce=%zz", NEED(NONCE), ERR_PARAM, PUSH_NONCE },
	{ "empty", "signature=", NEED(SIGNATURE), ERR_PARAM, PUSH_SIGNATURE },
	{ "empty without =", "signature", NEED(SIGNATURE), ERR_PARAM, PUSH_SIGNATURE },
	{ "empty though not needed", "openid=", 0, ERR_PARAM, PUSH_OPENID },
	{ "encrypt_type empty", "encrypt_type=", 0, ERR_PARAM, PUSH_ENCRYPT_TYPE },
	{ "echostr empty", "echostr=", 0, ERR_PARAM, PUSH_ECHOSTR },
	{ "twice the same", "nonce=1&nonce=1", NEED(NONCE), ERR_PARAM, PUSH_NONCE },
	{ "twice, not needed", "openid=a&x=1&openid=b", 0, ERR_PARAM, PUSH_OPENID },
	{ "twice, once escaped", "nonce=1&%6Eonce=1", 0, ERR_PARAM, PUSH_NONCE },
	{ "twice, first empty", "nonce=&nonce=1", 0, ERR_PARAM, PUSH_NONCE },
	{ "twice, second empty", "nonce=1&nonce", 0, ERR_PARAM, PUSH_NONCE },
	{ "others may repeat", "a=1&a=2&a=", 0, ERR_OK, 0 },
};

static void
picking(void **state)
{
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	char		 text[128];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(picking_cases); i++) {
		(void)snprintf(text, sizeof(text), "%s", picking_cases[i].in);
		check_err(picking_cases[i].name, query_parse(&q, text, strlen(text)), ERR_OK);
		if (check_err(picking_cases[i].name, push_read(&p, &which, &q,
		    picking_cases[i].need),
		    picking_cases[i].want) && picking_cases[i].want != ERR_OK)
			check_int(picking_cases[i].name, which, picking_cases[i].which);
	}
}

/* Each parameter comes to its own place, with its own bytes. */
static void
picked_values(void **state)
{
	static const char *const want[PUSH__MAX] = {
		[PUSH_SIGNATURE] = "v0", [PUSH_TIMESTAMP] = "v 1", [PUSH_NONCE] = "v&2",
		[PUSH_OPENID] = "v3", [PUSH_ENCRYPT_TYPE] = "v4",
		[PUSH_MSG_SIGNATURE] = "v5", [PUSH_ECHOSTR] = "<v6>",
	};
	char		 text[] = "echostr=%3Cv6%3E&openid=v3&nonce=v%262&msg_signature=v5&"
			    "encrypt_type=v4&timestamp=v+1&signature=v0&other=v7";
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	int		 k, j;

	(void)state;
	check_err("parse", query_parse(&q, text, strlen(text)), ERR_OK);
	check_err("push", push_read(&p, &which, &q, (1u << PUSH__MAX) - 1), ERR_OK);
	for (k = 0; k < PUSH__MAX; k++) {
		check_bytes(push_names[k], p.v[k], slice_of(want[k]));
		for (j = 0; j < k; j++)
			CHECK(push_names[k], strcmp(push_names[k], push_names[j]) != 0);
	}
	q.n = 0;
	check_err("none", push_read(&p, &which, &q, 0), ERR_OK);
	for (k = 0; k < PUSH__MAX; k++)
		check_bytes(push_names[k], p.v[k], (struct slice){ NULL, 0 });
}

/* Any value is read again as it was written; the query is ASCII without blanks. */
static void
written(void **state)
{
	static const struct {
		const char	*name;
		struct push	 p;
		const char	*want;
	} cases[] = {
		{ "nothing", { .v = { BYTES("") } }, "signature=" },
		{ "none", { .v = { { NULL, 0 } } }, "" },
		{ "one", { .v = { [PUSH_NONCE] = BYTES("1") } }, "nonce=1" },
		{ "in order", { .v = { [PUSH_ECHOSTR] = BYTES("c"), [PUSH_SIGNATURE] = BYTES("a"),
		    [PUSH_OPENID] = BYTES("b") } }, "signature=a&openid=b&echostr=c" },
		{ "all", { .v = { BYTES("1"), BYTES("2"), BYTES("3"), BYTES("4"), BYTES("5"),
		    BYTES("6"), BYTES("7") } }, "signature=1&timestamp=2&nonce=3&openid=4&"
		    "encrypt_type=5&msg_signature=6&echostr=7" },
		{ "plain ones stay", { .v = { BYTES("azAZ09-._~") } }, "signature=azAZ09-._~" },
		{ "others do not", { .v = { BYTES("a&b=c%41+ /\"?#") } },
		    "signature=a%26b%3Dc%2541%2B%20%2F%22%3F%23" },
		{ "NUL, high bytes", { .v = { BYTES("\0\x7F\x80\xFF") } },
		    "signature=%00%7F%80%FF" },
	};
	struct buf	 b = { 0 };
	enum push_key	 which;
	struct query	 q;
	struct push	 back;
	size_t		 i;
	int		 k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		check_err(cases[i].name, push_write(&b, &cases[i].p), ERR_OK);
		check_bytes(cases[i].name, b.p == NULL ? slice_of("") : buf_slice(&b),
		    slice_of(cases[i].want));
		if (i == 0)	/* an empty value counts as missing */
			continue;
		check_err(cases[i].name, query_parse(&q, b.p, b.len), ERR_OK);
		check_err(cases[i].name, push_read(&back, &which, &q, 0), ERR_OK);
		for (k = 0; k < PUSH__MAX; k++)
			check_bytes(cases[i].name, back.v[k], cases[i].p.v[k]);
	}
	buf_reset(&b);
	check_err("a beginning", buf_puts(&b, "x="), ERR_OK);
	check_err("appended", push_write(&b, &cases[2].p), ERR_OK);
	check_bytes("appended", buf_slice(&b), slice_of("x=nonce=1"));
	buf_free(&b);
}

/* All bytes that a value may have. */
static void
every_byte(void **state)
{
	struct buf	 b = { 0 };
	enum push_key	 which;
	struct query	 q;
	struct push	 p = { .v = { { NULL, 0 } } }, back;
	char		 all[256];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	for (i = 0; i < PUSH__MAX; i++)
		p.v[i] = (struct slice){ all, sizeof(all) };
	check_err("written", push_write(&b, &p), ERR_OK);
	for (i = 0; i < b.len; i++)
		if (b.p[i] <= ' ' || b.p[i] > '~')
			CHECK("no such byte in it", b.p[i] == '.');
	check_err("parsed", query_parse(&q, b.p, b.len), ERR_OK);
	check_err("picked", push_read(&back, &which, &q, 0), ERR_OK);
	for (i = 0; i < PUSH__MAX; i++)
		check_bytes(push_names[i], back.v[i], p.v[i]);
	buf_free(&b);
}

/* Without memory at any point: the error says so, and no parameter is lost silently. */
static void
no_memory(void **state)
{
	const struct push	 p = { .v = { BYTES("a%b"), BYTES("c") } };
	struct buf		 b = { 0 };
	unsigned		 n;

	(void)state;
	for (n = 1;; n++) {
		buf_free(&b);
		unit_memory = n;
		if (push_write(&b, &p) == ERR_OK)
			break;
		check_int("used up", unit_memory, 0);
	}
	unit_memory = 0;
	CHECK("it was needed", n > 1);
	b.max = 20;
	buf_free(&b);
	check_err("a ceiling", push_write(&b, &p), ERR_TOOBIG);
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(decoding), TEST(many), TEST(every_escape), TEST(picking),
		TEST(picked_values), TEST(written), TEST(every_byte), TEST(no_memory),
	};

	return RUN("query", tests);
}
