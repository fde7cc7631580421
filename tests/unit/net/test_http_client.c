#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/http_client.h"
#include "tests/unit/job.h"
#include "tests/unit/unit.h"

static void
answer_kinds(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h;
	struct job		 j;
	size_t			 i;
	int			 kept;

	(void)state;
	for (i = 0; i < JOB_KINDS; i++)
		for (kept = 0; kept < 2; kept++) {
			assert_non_null(h = http_client_new(&job_settings, NULL));
			job_init(&j, p, "ok", "before");
			if (kept)
				job_do(h, &j, JOB_PATIENCE_MS);
			peer_url(p, j.url, job_kinds[i].path);
			job_do(h, &j, job_time(&job_kinds[i]));
			job_check(&job_kinds[i], &j);
			buf_free(&j.answer.body);
			http_client_free(h);
		}
	peer_free(p);
	http_client_free(NULL);
}

/* A call limits its answer; 64 KiB is only the default. */
static void
sizes(void **state)
{
	static const struct {
		const char	*path;
		size_t		 max;
		int64_t		 length;	/* 0: refused */
	} cases[] = {
		{ "full", 0, 65536 }, { "long", 0, 0 }, { "long", 65537, 65537 },
		{ "full", 65536, 65536 }, { "full", 65535, 0 }, { "full", SIZE_MAX, 65536 },
	};
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_call	 call;
	struct job		 j;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		job_init(&j, p, cases[i].path, "x");
		call = job_call(&j, JOB_PATIENCE_MS);
		call.answer_max = cases[i].max;
		http_client_do(h, &j.answer, &call);
		check_int(cases[i].path, j.answer.status, cases[i].length != 0 ? 200 : 0);
		if (cases[i].length != 0)
			check_int(cases[i].path, (int64_t)j.answer.body.len, cases[i].length);
		else
			CHECK(j.answer.why, strstr(j.answer.why, "answer over") != NULL);
		buf_free(&j.answer.body);
	}
	http_client_free(h);
	peer_free(p);
}

static const struct {
	const char	*name;
	bool		 get;
	const char	*line;
} methods_cases[] = {
	{ "GET first", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
	{ "POST", false, "POST /head?a=b%20c&d= HTTP/1.1\r\n" },
	{ "GET after it", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
	{ "GET again", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
	{ "POST after it", false, "POST /head?a=b%20c&d= HTTP/1.1\r\n" },
};

/* A GET has no body and no header of a body, also on a connection that has made a POST. */
static void
methods(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_answer	 a = { 0 };
	char			 url[PEER_URL];
	struct http_call	 call = { .url = url };
	char			 text[1024];
	size_t			 i;

	(void)state;
	assert_non_null(h);
	peer_url(p, url, "head?a=b%20c&d=");
	for (i = 0; i < COUNT(methods_cases); i++) {
		call.get = methods_cases[i].get;
		call.body = slice_of(methods_cases[i].get ? NULL : "body");
		call.deadline_ms = clock_mono_ms() + JOB_PATIENCE_MS;
		http_client_do(h, &a, &call);
		check_int(methods_cases[i].name, a.status, 200);
		(void)snprintf(text, sizeof(text), "%.*s", (int)a.body.len, a.body.p);
		CHECK(methods_cases[i].name, strncmp(text, methods_cases[i].line,
		    strlen(methods_cases[i].line)) == 0);
		CHECK(methods_cases[i].name, (strstr(text,
		    "Content-Type: application/json") == NULL) == methods_cases[i].get);
		CHECK(methods_cases[i].name, (strstr(text,
		    "Content-Length: 4") == NULL) == methods_cases[i].get);
		CHECK(methods_cases[i].name, (strstr(text,
		    "Content-") == NULL) == methods_cases[i].get);
		CHECK(methods_cases[i].name, strstr(text, "Transfer-") == NULL);
		CHECK(methods_cases[i].name, strstr(text, "User-Agent: qtoa/") != NULL);
	}
	check_int("one connection", peer_connections(p), 1);
	/* Each kind of answer to a GET is as that to a POST. */
	call.get = true;
	call.body = slice_of(NULL);
	for (i = 0; i < JOB_KINDS; i++) {
		peer_url(p, url, job_kinds[i].path);
		call.deadline_ms = clock_mono_ms() + job_time(&job_kinds[i]);
		http_client_do(h, &a, &call);
		check_int(job_kinds[i].path, a.status, job_kinds[i].status);
		CHECK(job_kinds[i].path, (*a.why == '\0') == (job_kinds[i].why == NULL));
	}
	buf_free(&a.body);
	http_client_free(h);
	peer_free(p);
}

/* A connection on which TLS does not go on is given up after connect_ms. */
static void
slow_connection(void **state)
{
	const struct settings	 hasty = { .connect_ms = JOB_SHORT_MS };
	struct http_client	*h = http_client_new(&hasty, NULL);
	struct job		 j = { 0 };
	int			 fd = peer_mute(j.url);

	(void)state;
	assert_non_null(h);
	job_do(h, &j, JOB_PATIENCE_MS);
	check_int("TLS", j.answer.status, 0);
	CHECK("TLS", !j.answer.sent);
	CHECK("TLS", j.answer.ms < JOB_PATIENCE_MS / 2);
	buf_free(&j.answer.body);
	http_client_free(h);
	(void)close(fd);
}

/* A proxy that opens no tunnel, or is not there: nothing was sent, and no password is told. */
static void
barred(void **state)
{
	struct peer		*p = peer_new();
	char			 there[PEER_URL], nobody[PEER_URL], proxy[PEER_URL + 16];
	const int		 fd = peer_refused(nobody);
	const struct {
		const char	*name, *no_proxy;
		const char	*at;		/* the proxy's URL */
		bool		 direct, barred;
	} cases[] = {
		{ "no tunnel", NULL, there, false, true },
		{ "nobody there", NULL, nobody, false, true },
		{ "another is spared", "other.example", there, false, true },
		{ "spared", "127.0.0.0/8", there, false, false },
		{ "direct", NULL, there, true, false },
	};
	struct settings		 set = job_settings;
	struct http_client	*h;
	struct http_answer	 a = { 0 };
	struct http_call	 call = { .url = "https://127.0.0.1:1/" };
	size_t			 i;

	(void)state;
	peer_url(p, there, "");
	peer_say(p, "127.0.0.1:1", "407 Who?", "", false);
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(proxy, sizeof(proxy), "http://u:HUSH@%s", cases[i].at + 7);
		proxy[strcspn(proxy + 7, "/") + 7] = '\0';
		set.proxy = proxy;
		set.no_proxy = cases[i].no_proxy;
		assert_non_null(h = http_client_new(&set, NULL));
		call.deadline_ms = clock_mono_ms() + JOB_PATIENCE_MS;
		call.direct = cases[i].direct;
		http_client_do(h, &a, &call);
		check_int(cases[i].name, a.status, 0);
		check_int(cases[i].name, a.sent, false);
		check_int(cases[i].name, strncmp(a.why, "proxy: ", 7) == 0, cases[i].barred);
		CHECK(a.why, strstr(a.why, "HUSH") == NULL);
		http_client_free(h);
	}
	buf_free(&a.body);
	peer_free(p);
	(void)close(fd);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answer_kinds), TEST(barred), TEST(sizes), TEST(methods),
		TEST(slow_connection),
	};

	return RUN("http_client", tests);
}
