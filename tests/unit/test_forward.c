#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "forward.h"
#include "unit.h"

#define CODE(nr)	"{\"code\":\"Httpapi_300_" nr "\",\"message\":\"x\"}"

/* QT, 3.4, and what HTTP adds to it. */
static void
classes(void **state)
{
	static const struct {
		const char	*name;
		int		 status;
		const char	*body;
		enum outcome	 want;
		const char	*code;
	} cases[] = {
		{ "success", 200, CODE("200"), FORWARD_DELIVERED, "Httpapi_300_200" },
		{ "success, code last", 200, "{\"message\":\"x\", \"code\":\"Httpapi_300_200\"}\n",
		    FORWARD_DELIVERED, "Httpapi_300_200" },
		{ "success, no message", 200, "{\"code\":\"Httpapi_300_200\"}", FORWARD_DELIVERED,
		    "Httpapi_300_200" },
		{ "illegal signature", 200, CODE("101"), FORWARD_CONFIG, "Httpapi_300_101" },
		{ "not JSON", 200, CODE("102"), FORWARD_REFUSED, "Httpapi_300_102" },
		{ "field missing", 200, CODE("103"), FORWARD_REFUSED, "Httpapi_300_103" },
		{ "user attribute missing", 200, CODE("104"), FORWARD_REFUSED, "Httpapi_300_104" },
		{ "illegal event id", 200, CODE("105"), FORWARD_REFUSED, "Httpapi_300_105" },
		{ "incorrect ak/sk", 200, CODE("106"), FORWARD_CONFIG, "Httpapi_300_106" },
		{ "not XML", 200, CODE("107"), FORWARD_REFUSED, "Httpapi_300_107" },
		{ "illegal message", 200, CODE("108"), FORWARD_REFUSED, "Httpapi_300_108" },
		{ "encryption type", 200, CODE("109"), FORWARD_REFUSED, "Httpapi_300_109" },
		{ "no unionid", 200, CODE("110"), FORWARD_RETRY, "Httpapi_300_110" },
		{ "200 without a body", 200, "", FORWARD_RETRY, "" },
		{ "200 with HTML", 200, "<html>Httpapi_300_200</html>", FORWARD_RETRY, "" },
		{ "200 with success in words", 200, "success", FORWARD_RETRY, "" },
		{ "200 cut in the body", 200, "{\"code\":\"Httpapi_300_200\"", FORWARD_RETRY, "" },
		{ "200 with an array", 200, "[" CODE("200") "]", FORWARD_RETRY, "" },
		{ "200 without a code", 200, "{\"message\":\"Httpapi_300_200\"}",
		    FORWARD_RETRY, "" },
		{ "200, code is a number", 200, "{\"code\":200}", FORWARD_RETRY, "" },
		{ "200, code in an object", 200, "{\"data\":" CODE("200") "}", FORWARD_RETRY, "" },
		{ "200, the last code counts", 200,
		    "{\"code\":\"Httpapi_300_200\",\"code\":\"Httpapi_300_103\"}", FORWARD_REFUSED,
		    "Httpapi_300_103" },
		{ "no answer", 0, "", FORWARD_RETRY, "" },
		{ "no answer, remains of a body", 0, CODE("200"), FORWARD_RETRY, "" },
		{ "500", 500, "", FORWARD_RETRY, "" },
		{ "502 with HTML", 502, "<html></html>", FORWARD_RETRY, "" },
		{ "503", 503, "", FORWARD_RETRY, "" },
		{ "599", 599, "", FORWARD_RETRY, "" },
		{ "429", 429, "", FORWARD_RETRY, "" },
		{ "400", 400, "", FORWARD_REFUSED, "" },
		{ "401", 401, "", FORWARD_REFUSED, "" },
		{ "403", 403, "", FORWARD_REFUSED, "" },
		{ "404 with HTML", 404, "<html></html>", FORWARD_REFUSED, "" },
		{ "413", 413, "", FORWARD_REFUSED, "" },
		{ "428", 428, "", FORWARD_REFUSED, "" },
		{ "430", 430, "", FORWARD_REFUSED, "" },
		{ "499", 499, "", FORWARD_REFUSED, "" },
	};
	struct forward_result	 res = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		res.http.status = cases[i].status;
		res.http.why[0] = '\0';
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, cases[i].body), QT_OK);
		res.outcome = FORWARD__MAX;
		check_int(cases[i].name, forward_classify(&res), cases[i].want);
		check_int(cases[i].name, res.outcome, cases[i].want);
		if (cases[i].status == 200)
			check_text(cases[i].name, res.code, cases[i].code);
	}
	forward_result_free(&res);
}

/* The same answer again, and one that differs in a byte: judged like the first time. */
static void
same_again(void **state)
{
	static const struct {
		const char	*name, *body;
		enum outcome	 want;
		const char	*code, *why;
	} cases[] = {
		{ "first", CODE("200"), FORWARD_DELIVERED, "Httpapi_300_200", "" },
		{ "again", CODE("200"), FORWARD_DELIVERED, "Httpapi_300_200", "" },
		{ "as long", CODE("101"), FORWARD_CONFIG, "Httpapi_300_101", "" },
		{ "no JSON between", "<html>", FORWARD_RETRY, "", "answer is no JSON" },
		{ "nothing between", "", FORWARD_RETRY, "", "answer is no JSON" },
		{ "as long, again", CODE("101"), FORWARD_CONFIG, "Httpapi_300_101", "" },
		{ "back", CODE("200"), FORWARD_DELIVERED, "Httpapi_300_200", "" },
	};
	struct forward_result	 res = { 0 };
	size_t			 i;

	(void)state;
	res.http.status = 200;
	for (i = 0; i < COUNT(cases); i++) {
		res.http.why[0] = '\0';
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, cases[i].body), QT_OK);
		check_int(cases[i].name, forward_classify(&res), cases[i].want);
		check_text(cases[i].name, res.code, cases[i].code);
		check_text(cases[i].name, res.http.why, cases[i].why);
	}
	forward_result_free(&res);
}

/* Nothing but QT's own word for it, and HTTP 200, is a delivery. */
static void
nothing_else_is_delivered(void **state)
{
	static const char *const codes[] = {
		"", "200", "Httpapi_300_", "Httpapi_300_2", "Httpapi_300_20", "Httpapi_300_2000",
		"Httpapi_300_200 ", " Httpapi_300_200", "httpapi_300_200", "HTTPAPI_300_200",
		"Httpapi_301_200", "Httpapi_300_200\\u0000", "Httpapi_300_\\u0000200",
		"Httpapi_300_201", "Httpapi_300_999", "success",
		"Httpapi_300_200Httpapi_300_200Httpapi_300_200Httpapi_300_200",
	};
	struct forward_result	 res = { 0 };
	char			 name[16];
	size_t			 i;
	int			 status;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		res.http.status = 200;
		buf_reset(&res.http.body);
		assert_int_equal(buf_printf(&res.http.body, "{\"code\":\"%s\"}", codes[i]), QT_OK);
		CHECK(codes[i], forward_classify(&res) != FORWARD_DELIVERED);
		CHECK(codes[i], memchr(res.code, '\0', sizeof(res.code)) != NULL);
	}
	buf_reset(&res.http.body);
	assert_int_equal(buf_puts(&res.http.body, CODE("200")), QT_OK);
	for (status = 0; status < 600; status++) {
		res.http.status = status;
		(void)snprintf(name, sizeof(name), "HTTP %d", status);
		CHECK(name, (forward_classify(&res) == FORWARD_DELIVERED) == (status == 200));
	}
	forward_result_free(&res);
}

static void
names(void **state)
{
	int	 i, j;

	(void)state;
	for (i = 0; i < FORWARD__MAX; i++) {
		CHECK("named", forward_names[i] != NULL && *forward_names[i] != '\0');
		/* Who is told of a failure is told what to do. */
		CHECK("hint", forward_hints[i] != NULL &&
		    (*forward_hints[i] == '\0') == (i == FORWARD_DELIVERED));
		for (j = 0; j < i; j++)
			CHECK("names differ", strcmp(forward_names[i], forward_names[j]) != 0);
	}
}

/* When the time is up nobody is called, whom there would be none at port 0. */
static void
no_time_left(void **state)
{
	static const int64_t	 left_ms[] = { 0, -1, -100000 };
	struct settings		 set = { .forward_ms = 2500, .connect_ms = 1000 };
	struct account		 a = { .qt_url = "http://127.0.0.1:0/" };
	struct forward		*f = forward_new(&set, NULL);
	struct forward_result	 res = { 0 };
	char			 name[24];
	size_t			 i;

	(void)state;
	assert_non_null(f);
	assert_int_equal(buf_puts(&res.http.body, CODE("200")), QT_OK);
	for (i = 0; i < COUNT(left_ms); i++) {
		(void)snprintf(name, sizeof(name), "%d ms", (int)left_ms[i]);
		res.http.status = 200;
		forward_post(f, &res, &a, slice_of("{}"), clock_mono_ms() + left_ms[i]);
		check_int(name, res.outcome, FORWARD_RETRY);
		check_int(name, res.http.status, 0);
		check_int(name, (int64_t)res.http.body.len, 0);
		check_text(name, res.code, "");
		CHECK(name, strstr(res.http.why, "time") != NULL);
	}
	forward_result_free(&res);
	forward_free(f);
	forward_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(classes), TEST(same_again), TEST(nothing_else_is_delivered), TEST(names), TEST(no_time_left),
	};

	return RUN("forward", tests);
}
