#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "forwarder/qt_client.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#define CODE(nr)	"{\"code\":\"Httpapi_300_" nr "\",\"message\":\"x\"}"

static const struct {
	const char	*name;
	int		 status;
	const char	*body;
	enum qt_outcome	 want;
	const char	*code;
} classes_cases[] = {
	{ "success", 200, CODE("200"), QT_DELIVERED, "Httpapi_300_200" },
	{ "success, code last", 200, "{\"message\":\"x\", \"code\":\"Httpapi_300_200\"}\n",
	    QT_DELIVERED, "Httpapi_300_200" },
	{ "success, no message", 200, "{\"code\":\"Httpapi_300_200\"}", QT_DELIVERED,
	    "Httpapi_300_200" },
	{ "illegal signature", 200, CODE("101"), QT_CONFIG, "Httpapi_300_101" },
	{ "not JSON", 200, CODE("102"), QT_REFUSED, "Httpapi_300_102" },
	{ "field missing", 200, CODE("103"), QT_REFUSED, "Httpapi_300_103" },
	{ "user attribute missing", 200, CODE("104"), QT_REFUSED, "Httpapi_300_104" },
	{ "illegal event id", 200, CODE("105"), QT_REFUSED, "Httpapi_300_105" },
	{ "incorrect ak/sk", 200, CODE("106"), QT_CONFIG, "Httpapi_300_106" },
	{ "not XML", 200, CODE("107"), QT_REFUSED, "Httpapi_300_107" },
	{ "illegal message", 200, CODE("108"), QT_REFUSED, "Httpapi_300_108" },
	{ "encryption type", 200, CODE("109"), QT_REFUSED, "Httpapi_300_109" },
	{ "no unionid", 200, CODE("110"), QT_RETRY, "Httpapi_300_110" },
	{ "unknown code", 200, CODE("999"), QT_RETRY, "Httpapi_300_999" },
	{ "the last code counts", 200,
	    "{\"code\":\"Httpapi_300_200\",\"code\":\"Httpapi_300_103\"}", QT_REFUSED,
	    "Httpapi_300_103" },
	{ "the last code is null", 200, "{\"code\":\"Httpapi_300_200\",\"code\":null}",
	    QT_UNREADABLE, "" },
	{ "the last code is a number", 200, "{\"code\":\"Httpapi_300_200\",\"code\":200}",
	    QT_UNREADABLE, "" },
	{ "the last code is nested", 200,
	    "{\"code\":\"Httpapi_300_200\",\"code\":{\"code\":\"Httpapi_300_200\"}}",
	    QT_UNREADABLE, "" },
	{ "the last code is a list", 200,
	    "{\"code\":\"Httpapi_300_200\",\"code\":[\"Httpapi_300_200\"]}", QT_UNREADABLE,
	    "" },
	{ "code with an escape", 200, "{\"co\\u0064e\":\"Httpapi_300\\u005f200\"}",
	    QT_DELIVERED, "Httpapi_300_200" },
	{ "code among others", 200, "{\"data\":{\"a\":[1,{}]},\"code\":\"Httpapi_300_200\","
	    "\"time\":1.5,\"ok\":true,\"none\":null}", QT_DELIVERED, "Httpapi_300_200" },
	{ "201", 201, CODE("200"), QT_DELIVERED, "Httpapi_300_200" },
	{ "202", 202, CODE("200"), QT_DELIVERED, "Httpapi_300_200" },
	{ "206", 206, CODE("200"), QT_DELIVERED, "Httpapi_300_200" },
	{ "mark", 200, "\xEF\xBB\xBF" CODE("200"), QT_DELIVERED, "Httpapi_300_200" },
	{ "blanks and marks", 200, "\r\n\xEF\xBB\xBF\xEF\xBB\xBF " CODE("200"), QT_DELIVERED,
	    "Httpapi_300_200" },
	{ "control in message", 200, "{\"code\":\"Httpapi_300_200\",\"message\":\"a\x01\x1f\tb\"}",
	    QT_DELIVERED, "Httpapi_300_200" },
	{ "GBK in message", 200,
	    "{\"message\":\"\xB3\xC9\xB9\xA6\",\"code\":\"Httpapi_300_200\"}", QT_DELIVERED,
	    "Httpapi_300_200" },
	{ "GBK that ends with a backslash", 200,
	    "{\"message\":\"\xD5\\\",\"code\":\"Httpapi_300_200\"}", QT_DELIVERED,
	    "Httpapi_300_200" },
	{ "object behind", 200, CODE("200") CODE("103"), QT_DELIVERED, "Httpapi_300_200" },
	{ "comment behind", 200, CODE("200") "\n<!-- gw-7 -->", QT_DELIVERED, "Httpapi_300_200" },
	{ "all at once", 201, "\xEF\xBB\xBF{\"code\":\"Httpapi_300_107\",\"message\":\"\xFF\b\"};",
	    QT_REFUSED, "Httpapi_300_107" },
	{ "long number", 200, "{\"ts\":123456789012345678901234567890,\"code\":\"Httpapi_300_200\"}",
	    QT_DELIVERED, "Httpapi_300_200" },
	{ "200 without a body", 200, "", QT_UNREADABLE, "" },
	{ "204", 204, "", QT_UNREADABLE, "" },
	{ "200 with success in words", 200, "success", QT_UNREADABLE, "" },
	{ "200 cut in the body", 200, "{\"code\":\"Httpapi_300_200\"", QT_UNREADABLE, "" },
	{ "200 with an array", 200, "[" CODE("200") "]", QT_UNREADABLE, "" },
	{ "200 without a code", 200, "{\"message\":\"Httpapi_300_200\"}",
	    QT_UNREADABLE, "" },
	{ "200, code is a number", 200, "{\"code\":200}", QT_UNREADABLE, "" },
	{ "200, code in an object", 200, "{\"data\":" CODE("200") "}", QT_UNREADABLE, "" },
	{ "200 with HTML", 200, "<html>Httpapi_300_200</html>", QT_GATEWAY, "" },
	{ "203 with HTML behind a mark", 203, "\xEF\xBB\xBF \r\n<!doctype html>", QT_GATEWAY, "" },
	{ "no answer", 0, "", QT_RETRY, "" },
	{ "no answer, remains of a body", 0, CODE("200"), QT_RETRY, "" },
	{ "500", 500, "", QT_RETRY, "" },
	{ "500 with success", 500, CODE("200"), QT_RETRY, "" },
	{ "502 with HTML", 502, "<html></html>", QT_RETRY, "" },
	{ "503", 503, "", QT_RETRY, "" },
	{ "599", 599, "", QT_RETRY, "" },
	{ "301", 301, "", QT_CONFIG, "" },
	{ "302 with success", 302, CODE("200"), QT_CONFIG, "" },
	{ "304", 304, "", QT_CONFIG, "" },
	{ "400", 400, "", QT_GATEWAY, "" },
	{ "401", 401, "", QT_GATEWAY, "" },
	{ "403 with another's code", 403, "{\"code\":\"1020\"}", QT_GATEWAY, "" },
	{ "404 with HTML", 404, "<html></html>", QT_GATEWAY, "" },
	{ "404 with success", 404, CODE("200"), QT_GATEWAY, "" },
	{ "405", 405, "", QT_GATEWAY, "" },
	{ "407", 407, "", QT_GATEWAY, "" },
	{ "408", 408, "", QT_RETRY, "" },
	{ "425", 425, "", QT_RETRY, "" },
	{ "428", 428, "", QT_GATEWAY, "" },
	{ "429", 429, "", QT_RETRY, "" },
	{ "499", 499, "", QT_GATEWAY, "" },
	{ "413", 413, "", QT_REFUSED, "" },
	{ "413 with a page", 413, "<html>", QT_REFUSED, "" },
	{ "413 with no unionid", 413, CODE("110"), QT_RETRY, "Httpapi_300_110" },
	{ "400 with a refusal", 400, CODE("102"), QT_REFUSED, "Httpapi_300_102" },
	{ "404 with a refusal", 404, CODE("107"), QT_REFUSED, "Httpapi_300_107" },
	{ "500 with a refusal", 500, CODE("108"), QT_REFUSED, "Httpapi_300_108" },
	{ "401 with wrong keys", 401, CODE("106"), QT_CONFIG, "Httpapi_300_106" },
};

/* The codes of QT's manual (3.4), and HTTP's statuses. */
static void
classes(void **state)
{
	struct qt_result	 res = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(classes_cases); i++) {
		res.http.status = classes_cases[i].status;
		res.http.why[0] = '\0';
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, classes_cases[i].body), ERR_OK);
		res.outcome = QT__MAX;
		check_int(classes_cases[i].name, qt_client_classify(&res), classes_cases[i].want);
		check_int(classes_cases[i].name, res.outcome, classes_cases[i].want);
		if (*classes_cases[i].code != '\0' || classes_cases[i].status != 200)
			check_text(classes_cases[i].name, res.code, classes_cases[i].code);
		check_int(classes_cases[i].name, res.alive, *classes_cases[i].code != '\0');
	}
	qt_client_result_free(&res);
}

/* An answer that comes again, and one that differs in a byte, are classified like the first. */
static void
same_again(void **state)
{
	static const struct {
		const char	*name, *body;
		enum qt_outcome	 want;
		const char	*code, *why;
	} cases[] = {
		{ "first", CODE("200"), QT_DELIVERED, "Httpapi_300_200", "" },
		{ "again", CODE("200"), QT_DELIVERED, "Httpapi_300_200", "" },
		{ "as long", CODE("101"), QT_CONFIG, "Httpapi_300_101", "" },
		{ "no JSON between", "html", QT_UNREADABLE, "", "answer is not JSON" },
		{ "nothing between", "", QT_UNREADABLE, "", "answer is not JSON" },
		{ "as long, again", CODE("101"), QT_CONFIG, "Httpapi_300_101", "" },
		{ "back", CODE("200"), QT_DELIVERED, "Httpapi_300_200", "" },
	};
	struct qt_result	 res = { 0 };
	size_t			 i;

	(void)state;
	res.http.status = 200;
	for (i = 0; i < COUNT(cases); i++) {
		res.http.why[0] = '\0';
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, cases[i].body), ERR_OK);
		check_int(cases[i].name, qt_client_classify(&res), cases[i].want);
		check_text(cases[i].name, res.code, cases[i].code);
		check_int(cases[i].name, res.alive, *cases[i].code != '\0');
		check_text(cases[i].name, res.http.why, cases[i].why);
	}
	qt_client_result_free(&res);
}

/* Only a status of 2xx with QT's code for success is a delivery. */
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
	struct qt_result	 res = { 0 };
	char			 name[24];
	size_t			 i;
	int			 status;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		res.http.status = 200;
		buf_reset(&res.http.body);
		assert_int_equal(buf_printf(&res.http.body, "{\"code\":\"%s\"}", codes[i]), ERR_OK);
		CHECK(codes[i], qt_client_classify(&res) != QT_DELIVERED);
		CHECK(codes[i], memchr(res.code, '\0', sizeof(res.code)) != NULL);
	}
	buf_reset(&res.http.body);
	assert_int_equal(buf_puts(&res.http.body, CODE("200")), ERR_OK);
	for (status = 0; status < 600; status++) {
		res.http.status = status;
		(void)snprintf(name, sizeof(name), "HTTP %d", status);
		CHECK(name, (qt_client_classify(&res) == QT_DELIVERED) ==
		    (status >= 200 && status < 300));
	}
	qt_client_result_free(&res);
}

/* A server that answers with a code like QT's is QT, even if we do not know the code. */
static void
alive(void **state)
{
	static const struct {
		const char	*name, *body;
		bool		 want;
	} cases[] = {
		{ "known", CODE("200"), true },
		{ "unknown", CODE("999"), true },
		{ "unknown, again", CODE("999"), true },
		{ "a gateway's", "{\"code\":\"503\"}", false },
		{ "a gateway's, again", "{\"code\":\"503\"}", false },
		{ "no number", CODE(""), false },
	};
	struct qt_result	 res = { 0 };
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		res.http.status = 200;
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, cases[i].body), ERR_OK);
		CHECK(cases[i].name, (qt_client_classify(&res) == QT_DELIVERED) == (i == 0));
		check_int(cases[i].name, res.alive, cases[i].want);
	}
	qt_client_result_free(&res);
}

static void
outcome_names(void **state)
{
	int	 i, j;

	(void)state;
	for (i = 0; i < QT__MAX; i++) {
		CHECK("named", qt_client_names[i] != NULL && *qt_client_names[i] != '\0');
		for (j = 0; j < i; j++)
			CHECK("names differ", strcmp(qt_client_names[i], qt_client_names[j]) != 0);
	}
}

/* Each failure has a hint; that QT cannot be reached is said only if nobody answers. */
static void
hints(void **state)
{
	struct qt_result	 res = { 0 };
	const char		*hint;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(classes_cases); i++) {
		res.http.status = classes_cases[i].status;
		buf_reset(&res.http.body);
		assert_int_equal(buf_puts(&res.http.body, classes_cases[i].body), ERR_OK);
		(void)qt_client_classify(&res);
		hint = qt_client_hint(&res);
		check_int(classes_cases[i].name, *hint == '\0', res.outcome == QT_DELIVERED);
		check_int(classes_cases[i].name, strstr(hint, "cannot be reached") != NULL,
		    res.http.status == 0);
	}
	qt_client_result_free(&res);
}

/* After the deadline no connection is made: nobody listens at port 0. */
static void
no_time_left(void **state)
{
	static const int64_t	 left_ms[] = { 0, -1, -100000 };
	struct settings		 set = { .forward_ms = 2500, .connect_ms = 1000 };
	struct account		 a = { .qt_url = "http://127.0.0.1:0/" };
	struct http_client	*h = http_client_new(&set, NULL);
	struct qt_result	 res = { 0 };
	char			 name[24];
	size_t			 i;

	(void)state;
	assert_non_null(h);
	assert_int_equal(buf_puts(&res.http.body, CODE("200")), ERR_OK);
	for (i = 0; i < COUNT(left_ms); i++) {
		(void)snprintf(name, sizeof(name), "%d ms", (int)left_ms[i]);
		res.http.status = 200;
		qt_client_post(h, &set, &res, &a, slice_of("{}"), clock_mono_ms() + left_ms[i]);
		check_int(name, res.outcome, QT_RETRY);
		check_int(name, res.http.status, 0);
		check_int(name, (int64_t)res.http.body.len, 0);
		check_text(name, res.code, "");
		CHECK(name, strstr(res.http.why, "time") != NULL);
	}
	qt_client_result_free(&res);
	http_client_free(h);
}

static const struct {
	const char	*name;
	const char	*first, *second;	/* NULL: the connection is refused; "": not set */
	enum qt_outcome	 want;
	bool		 alive;
	int		 requests[2];
} standby_cases[] = {
	{ "first delivers", "code", "code", QT_DELIVERED, true, { 1, 0 } },
	{ "first refused", NULL, "code", QT_DELIVERED, true, { 0, 1 } },
	{ "first refused, no standby", NULL, "", QT_RETRY, false, { 0, 0 } },
	{ "both refused", NULL, NULL, QT_RETRY, false, { 0, 0 } },
	{ "first cuts", "cut", "code", QT_RETRY, false, { 1, 0 } },
	{ "first cuts its answer", "half", "code", QT_RETRY, false, { 1, 0 } },
	{ "first is silent", "silent", "code", QT_RETRY, false, { 1, 0 } },
	{ "first is busy", "later", "code", QT_RETRY, false, { 1, 0 } },
	{ "first finds a fault", "secret", "code", QT_CONFIG, true, { 1, 0 } },
	{ "standby finds a fault", NULL, "secret", QT_CONFIG, true, { 0, 1 } },
	{ "standby cuts", NULL, "cut", QT_RETRY, false, { 0, 1 } },
};

/* The standby is tried only without a connection to the first; one of them gets the message. */
static void
standby(void **state)
{
	enum { PATIENCE_MS = 60000, SHORT_MS = 300 };
	const struct settings	 set = { .forward_ms = PATIENCE_MS, .connect_ms = PATIENCE_MS };
	struct qt_result	 res = { 0 };
	struct http_client	*h = http_client_new(&set, NULL);
	char			 nobody[PEER_URL], url[2][PEER_URL];
	int			 fd = peer_refused(nobody);
	size_t			 i;
	int			 ms;

	(void)state;
	assert_non_null(h);
	for (i = 0; i < COUNT(standby_cases); i++) {
		struct peer		*p[2] = { peer_new(), peer_new() };
		const struct account	 a = {
			.qt_url = standby_cases[i].first == NULL ? nobody : url[0],
			.qt_url_standby = standby_cases[i].second == NULL ? nobody :
			    *standby_cases[i].second == '\0' ? NULL : url[1],
		};

		peer_url(p[0], url[0], standby_cases[i].first == NULL ? "" :
		    standby_cases[i].first);
		peer_url(p[1], url[1], standby_cases[i].second == NULL ? "" :
		    standby_cases[i].second);
		ms = standby_cases[i].first != NULL && strcmp(standby_cases[i].first,
		    "silent") == 0 ?
		    SHORT_MS : PATIENCE_MS;
		qt_client_post(h, &set, &res, &a, slice_of("{}"), clock_mono_ms() + ms);
		check_int(standby_cases[i].name, res.outcome, standby_cases[i].want);
		check_int(standby_cases[i].name, res.alive, standby_cases[i].alive);
		check_int(standby_cases[i].name, peer_requests(p[0]), standby_cases[i].requests[0]);
		check_int(standby_cases[i].name, peer_requests(p[1]), standby_cases[i].requests[1]);
		CHECK(standby_cases[i].name, (*res.http.why != '\0') == (res.http.status == 0));
		peer_free(p[0]);
		peer_free(p[1]);
	}
	qt_client_result_free(&res);
	http_client_free(h);
	(void)close(fd);
}

static void
standby_once(void **state)
{
	static const struct account	 without = { .qt_url = "a" },
					 empty = { .qt_url = "a", .qt_url_standby = "" },
					 with = { .qt_url = "a", .qt_url_standby = "b" };
	static const struct {
		const char		*name;
		const struct account	*account;
		int			 status, left_ms;
		bool			 sent, want;
	} cases[] = {
		{ "nothing sent", &with, 0, 60000, false, true },
		{ "sent", &with, 0, 60000, true, false },
		{ "answered", &with, 500, 60000, true, false },
		{ "no time left", &with, 0, 0, false, false },
		{ "none", &without, 0, 60000, false, false },
		{ "empty", &empty, 0, 60000, false, false },
	};
	struct http_answer		 got = { 0 };
	struct http_call		 call;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		call = (struct http_call){ .url = cases[i].account->qt_url,
		    .deadline_ms = clock_mono_ms() + cases[i].left_ms };
		got.status = cases[i].status;
		got.sent = cases[i].sent;
		check_int(cases[i].name, qt_client_standby(&call, cases[i].account, &got),
		    cases[i].want);
		check_text(cases[i].name, call.url, cases[i].want ? "b" : "a");
		CHECK(cases[i].name, !qt_client_standby(&call, cases[i].account, &got));
	}
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(classes), TEST(same_again), TEST(nothing_else_is_delivered), TEST(alive),
		TEST(outcome_names), TEST(hints), TEST(no_time_left), TEST(standby), TEST(standby_once),
	};

	return RUN("forward", tests);
}
