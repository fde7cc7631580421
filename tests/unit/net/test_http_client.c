#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/http_client.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

enum {
	PATIENCE_MS = 60000,	/* nothing that is to happen takes so long */
	SHORT_MS = 300,		/* what is to be waited for to its end */
	CALLS = 50,
	PARALLEL = 8,
};

static const struct settings	 set = { .connect_ms = PATIENCE_MS };

/* What a call is, whom it is for, and how it ended. */
struct job {
	struct http_answer	 answer;
	char			 url[PEER_URL];
	char			 text[16];
	int			 done;
};

static void
job_init(struct job *j, const struct peer *p, const char *path, const char *text)
{
	memset(j, 0, sizeof(*j));
	peer_url(p, j->url, path);
	memcpy(j->text, text, strlen(text) + 1);
}

static struct http_call
call_of(const struct job *j, int ms)
{
	return (struct http_call){ .url = j->url, .body = slice_of(j->text),
	    .deadline_ms = clock_mono_ms() + ms };
}

static void
do_job(struct http_client *h, struct job *j, int ms)
{
	const struct http_call	 call = call_of(j, ms);

	http_client_do(h, &j->answer, &call);
}

static void
add_job(struct http_multi *g, struct job *j, int ms)
{
	const struct http_call	 call = call_of(j, ms);

	http_multi_add(g, j, &j->answer, &call);
}

/* Waits until so many more have come out. */
static void
collect(struct http_multi *g, int n)
{
	int64_t		 end_ms = clock_mono_ms() + PATIENCE_MS;
	struct job	*j;

	while (n > 0 && clock_mono_ms() < end_ms) {
		http_multi_wait(g, PATIENCE_MS);
		while ((j = http_multi_done(g)) != NULL) {
			j->done++;
			n--;
		}
	}
	CHECK("all came out", n == 0);
}

/* Each kind of answer, by itself and from a group, on a new connection and a kept one. */
static const struct {
	const char	*path;
	int		 status;
	int		 retry_after_s;
	int		 length;		/* of the body, -1: the request's */
	const char	*why;			/* in it; NULL: there is none */
} kinds[] = {
	{ "ok", 200, 0, -1, NULL },
	{ "later", 503, 7, -1, NULL },
	{ "moved", 302, 0, -1, NULL },
	{ "full", 200, 0, 65536, NULL },
	{ "long", 0, 0, 0, "64 KiB" },
	{ "cut", 0, 0, 0, "" },
	{ "half", 0, 0, 0, "" },
	{ "silent", 0, 0, 0, "timed out" },
};

static void
check_kind(const char *name, size_t i, const struct job *j)
{
	const struct http_answer	*a = &j->answer;

	check_int(name, a->status, kinds[i].status);
	check_int(name, a->retry_after_s, kinds[i].retry_after_s);
	CHECK(name, a->sent);
	if (kinds[i].why == NULL) {
		check_text(name, a->why, "");
	} else {
		CHECK(name, *a->why != '\0');
		CHECK(name, strstr(a->why, kinds[i].why) != NULL);
	}
	if (kinds[i].status != 0 && kinds[i].length == -1)
		check_bytes(name, buf_slice(&a->body), slice_of(j->text));
	else if (kinds[i].status != 0)
		check_int(name, (int64_t)a->body.len, kinds[i].length);
	if (strcmp(kinds[i].path, "silent") == 0)
		CHECK(name, a->ms >= SHORT_MS - 1);
}

static int
time_for(size_t i)
{
	return strcmp(kinds[i].path, "silent") == 0 ? SHORT_MS : PATIENCE_MS;
}

static void
answers(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h;
	struct job		 j;
	size_t			 i;
	int			 kept;

	(void)state;
	for (i = 0; i < COUNT(kinds); i++)
		for (kept = 0; kept < 2; kept++) {
			assert_non_null(h = http_client_new(&set, NULL));
			job_init(&j, p, "ok", "before");
			if (kept)
				do_job(h, &j, PATIENCE_MS);
			peer_url(p, j.url, kinds[i].path);
			do_job(h, &j, time_for(i));
			check_kind(kinds[i].path, i, &j);
			buf_free(&j.answer.body);
			http_client_free(h);
		}
	peer_free(p);
	http_client_free(NULL);
}

/* How long an answer may be is the call's own business. */
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
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_call	 call;
	struct job		 j;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		job_init(&j, p, cases[i].path, "x");
		call = call_of(&j, PATIENCE_MS);
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

static void
group_answers(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, PARALLEL);
	struct job		 jobs[COUNT(kinds)];
	size_t			 i;
	int			 round;

	(void)state;
	assert_non_null(g);
	for (i = 0; i < COUNT(kinds); i++)
		job_init(&jobs[i], p, kinds[i].path, "text");
	for (round = 1; round < 4; round++) {	/* with kept connections from the second on */
		for (i = 0; i < COUNT(kinds); i++)
			add_job(g, &jobs[i], time_for(i));
		collect(g, (int)COUNT(kinds));
		for (i = 0; i < COUNT(kinds); i++) {
			check_kind(kinds[i].path, i, &jobs[i]);
			check_int(kinds[i].path, jobs[i].done, round);
		}
	}
	for (i = 0; i < COUNT(kinds); i++)
		buf_free(&jobs[i].answer.body);
	http_multi_free(g);
	http_multi_free(NULL);
	http_client_free(h);
	peer_free(p);
}

/* A GET has no body and none of its headers, whatever the handle did before and does next. */
static void
methods(void **state)
{
	static const struct {
		const char	*name;
		bool		 get;
		const char	*line;
	} cases[] = {
		{ "GET first", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
		{ "POST", false, "POST /head?a=b%20c&d= HTTP/1.1\r\n" },
		{ "GET after it", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
		{ "GET again", true, "GET /head?a=b%20c&d= HTTP/1.1\r\n" },
		{ "POST after it", false, "POST /head?a=b%20c&d= HTTP/1.1\r\n" },
	};
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_answer	 a = { 0 };
	char			 url[PEER_URL];
	struct http_call	 call = { .url = url };
	char			 text[1024];
	size_t			 i;

	(void)state;
	assert_non_null(h);
	peer_url(p, url, "head?a=b%20c&d=");
	for (i = 0; i < COUNT(cases); i++) {
		call.get = cases[i].get;
		call.body = slice_of(cases[i].get ? NULL : "body");
		call.deadline_ms = clock_mono_ms() + PATIENCE_MS;
		http_client_do(h, &a, &call);
		check_int(cases[i].name, a.status, 200);
		(void)snprintf(text, sizeof(text), "%.*s", (int)a.body.len, a.body.p);
		CHECK(cases[i].name, strncmp(text, cases[i].line, strlen(cases[i].line)) == 0);
		CHECK(cases[i].name, (strstr(text, "Content-Type: application/json") == NULL) ==
		    cases[i].get);
		CHECK(cases[i].name, (strstr(text, "Content-Length: 4") == NULL) == cases[i].get);
		CHECK(cases[i].name, (strstr(text, "Content-") == NULL) == cases[i].get);
		CHECK(cases[i].name, strstr(text, "Transfer-") == NULL);
		CHECK(cases[i].name, strstr(text, "User-Agent: qtoa/") != NULL);
	}
	check_int("one connection", peer_connections(p), 1);
	/* No redirect is followed, the deadline holds, and so on: as with a POST. */
	call.get = true;
	call.body = slice_of(NULL);
	for (i = 0; i < COUNT(kinds); i++) {
		peer_url(p, url, kinds[i].path);
		call.deadline_ms = clock_mono_ms() + time_for(i);
		http_client_do(h, &a, &call);
		check_int(kinds[i].path, a.status, kinds[i].status);
		CHECK(kinds[i].path, (*a.why == '\0') == (kinds[i].why == NULL));
	}
	buf_free(&a.body);
	http_client_free(h);
	peer_free(p);
}

/* Nothing of the request leaves where there is no connection, or TLS does not begin. */
static void
nothing_sent(void **state)
{
	struct peer		*p = peer_new(), *gone = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, 2);
	struct job		 jobs[4] = { 0 };
	const char *const	 names[] = { "refused", "no TLS", "no URL", "gone" };
	int			 fd = peer_refused(jobs[0].url);
	size_t			 i;

	(void)state;
	assert_non_null(g);
	job_init(&jobs[1], p, "ok", "");
	memmove(jobs[1].url + 5, jobs[1].url + 4, strlen(jobs[1].url + 4) + 1);
	jobs[1].url[4] = 's';
	(void)strcpy(jobs[2].url, "http://[/");
	job_init(&jobs[3], gone, "ok", "");
	do_job(h, &jobs[3], PATIENCE_MS);
	add_job(g, &jobs[3], PATIENCE_MS);
	collect(g, 1);
	check_int("was there", jobs[3].answer.status, 200);
	peer_free(gone);
	for (i = 0; i < COUNT(jobs); i++) {
		do_job(h, &jobs[i], PATIENCE_MS);
		check_int(names[i], jobs[i].answer.status, 0);
		CHECK(names[i], !jobs[i].answer.sent);
		CHECK(names[i], *jobs[i].answer.why != '\0');
		add_job(g, &jobs[i], PATIENCE_MS);
	}
	collect(g, (int)COUNT(jobs));
	for (i = 0; i < COUNT(jobs); i++) {
		check_int(names[i], jobs[i].answer.status, 0);
		CHECK(names[i], !jobs[i].answer.sent);
		CHECK(names[i], *jobs[i].answer.why != '\0');
		buf_free(&jobs[i].answer.body);
	}
	check_int("no request", peer_requests(p), 0);
	http_multi_free(g);
	http_client_free(h);
	peer_free(p);
	(void)close(fd);
}

/* A connection on which TLS does not get on is given up after connect_ms. */
static void
slow_connection(void **state)
{
	const struct settings	 hasty = { .connect_ms = SHORT_MS };
	struct http_client	*h = http_client_new(&hasty, NULL);
	struct job		 j = { 0 };
	int			 fd = peer_mute(j.url);

	(void)state;
	assert_non_null(h);
	do_job(h, &j, PATIENCE_MS);
	check_int("TLS", j.answer.status, 0);
	CHECK("TLS", !j.answer.sent);
	CHECK("TLS", j.answer.ms < PATIENCE_MS / 2);
	buf_free(&j.answer.body);
	http_client_free(h);
	(void)close(fd);
}

/* The request left on a kept connection; that no new one can be had changes nothing. */
static void
sent_before_refused(void **state)
{
	struct peer		*p;
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, 1);
	struct job		 j;
	int			 in_group;

	(void)state;
	assert_non_null(g);
	for (in_group = 0; in_group < 2; in_group++) {
		p = peer_new();
		job_init(&j, p, "ok", "");
		if (in_group) {
			add_job(g, &j, PATIENCE_MS);
			collect(g, 1);
		} else {
			do_job(h, &j, PATIENCE_MS);
		}
		check_int("connection", j.answer.status, 200);
		peer_url(p, j.url, "last");
		if (in_group) {
			add_job(g, &j, PATIENCE_MS);
			collect(g, 1);
		} else {
			do_job(h, &j, PATIENCE_MS);
		}
		check_int("last", j.answer.status, 0);
		CHECK("last", j.answer.sent);
		check_int("one connection", peer_connections(p), 1);
		check_int("both requests", peer_requests(p), 2);
		buf_free(&j.answer.body);
		peer_free(p);
	}
	http_multi_free(g);
	http_client_free(h);
}

/* Kept connections that end just as they are used: libcurl's patience is not ours. */
static void
kept_connections_end(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, 1);
	struct job		 one, of_group;
	int			 i;

	(void)state;
	assert_non_null(g);
	job_init(&one, p, "once", "one");
	job_init(&of_group, p, "once", "of group");
	for (i = 0; i < 20; i++) {
		do_job(h, &one, PATIENCE_MS);
		check_int("one", one.answer.status, 200);
		check_bytes("one", buf_slice(&one.answer.body), slice_of(one.text));
		add_job(g, &of_group, PATIENCE_MS);
		collect(g, 1);
		check_int("group", of_group.answer.status, 200);
		check_bytes("group", buf_slice(&of_group.answer.body), slice_of(of_group.text));
	}
	CHECK("they did end", peer_requests(p) > 60);
	buf_free(&one.answer.body);
	buf_free(&of_group.answer.body);
	http_multi_free(g);
	http_client_free(h);
	peer_free(p);
}

/* All come out once, each with its own answer, over few connections; a slow one alone waits. */
static void
many(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, PARALLEL);
	struct job		 jobs[CALLS];
	char			 text[24];
	int			 i;

	(void)state;
	assert_non_null(g);
	for (i = 0; i < CALLS; i++) {
		(void)snprintf(text, sizeof(text), "call %d", i);
		job_init(&jobs[i], p, i == 3 ? "gate" : "ok", text);
		add_job(g, &jobs[i], PATIENCE_MS);
	}
	collect(g, CALLS - 1);
	for (i = 0; i < CALLS; i++)
		check_int(jobs[i].text, jobs[i].done, i != 3);
	peer_open(p);
	collect(g, 1);
	for (i = 0; i < CALLS; i++) {
		check_int(jobs[i].text, jobs[i].done, 1);
		check_int(jobs[i].text, jobs[i].answer.status, 200);
		check_bytes(jobs[i].text, buf_slice(&jobs[i].answer.body),
		    slice_of(jobs[i].text));
		buf_free(&jobs[i].answer.body);
	}
	CHECK("none is left", http_multi_done(g) == NULL);
	check_int("requests", peer_requests(p), CALLS);
	CHECK("connections", peer_connections(p) <= PARALLEL);
	http_multi_free(g);
	http_client_free(h);
	peer_free(p);
}

/* Whose time is over before its turn has come is told so, and begins nothing. */
static void
late(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, 1);
	struct job		 jobs[3];

	(void)state;
	assert_non_null(g);
	job_init(&jobs[0], p, "gate", "first");
	job_init(&jobs[1], p, "ok", "short");
	job_init(&jobs[2], p, "ok", "over");
	add_job(g, &jobs[0], PATIENCE_MS);
	add_job(g, &jobs[1], SHORT_MS);
	add_job(g, &jobs[2], 0);
	collect(g, 2);
	check_int("first", jobs[0].done, 0);
	check_int("short", jobs[1].done, 1);
	check_int("over", jobs[2].done, 1);
	check_text("short", jobs[1].answer.why, "no time left");
	check_text("over", jobs[2].answer.why, "no time left");
	CHECK("short", !jobs[1].answer.sent && jobs[1].answer.ms >= SHORT_MS - 1);
	peer_open(p);
	collect(g, 1);
	check_int("first", jobs[0].answer.status, 200);
	check_int("requests", peer_requests(p), 1);
	buf_free(&jobs[0].answer.body);
	http_multi_free(g);
	http_client_free(h);
	peer_free(p);
}

struct waker {
	struct http_multi	*group;
	struct peer		*peer;
	int			 requests;
};

static void *
wake(void *arg)
{
	struct waker	*w = arg;

	peer_await(w->peer, w->requests);
	http_multi_wake(w->group);
	return NULL;
}

static int64_t
cpu_ms(void)
{
	return clock_read_ms(CLOCK_THREAD_CPUTIME_ID);
}

static void
waiting(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g = http_multi_new(h, 2);
	struct waker		 w = { g, p, 0 };
	struct job		 j;
	pthread_t		 thread;
	int64_t			 begin_ms, used_ms;
	int			 busy;

	(void)state;
	assert_non_null(g);
	job_init(&j, p, "gate", "");
	for (busy = 0; busy < 2; busy++) {
		if (busy) {
			add_job(g, &j, PATIENCE_MS);
			w.requests = 1;		/* so that it is within the wait */
		}
		assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
		begin_ms = clock_mono_ms();
		http_multi_wait(g, PATIENCE_MS);
		CHECK("woken", clock_mono_ms() - begin_ms < PATIENCE_MS / 2);
		(void)pthread_join(thread, NULL);
		CHECK("nothing came", http_multi_done(g) == NULL);

		begin_ms = clock_mono_ms();
		used_ms = cpu_ms();
		http_multi_wait(g, 2 * SHORT_MS);
		CHECK("once", clock_mono_ms() - begin_ms >= 2 * SHORT_MS - 1);
		CHECK("idle", cpu_ms() - used_ms < SHORT_MS / 2);
		begin_ms = clock_mono_ms();
		http_multi_wait(g, 0);
		http_multi_wait(g, -1);
		CHECK("at once", clock_mono_ms() - begin_ms < PATIENCE_MS / 2);
	}
	http_multi_free(g);
	buf_free(&j.answer.body);
	http_client_free(h);
	peer_free(p);
}

/* What is under way, and what has not had its turn, goes with the group. */
static void
broken_off(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, NULL);
	struct http_multi	*g;
	struct job		 jobs[6];
	struct waker		 w;
	pthread_t		 thread;
	int			 i, round;

	(void)state;
	assert_non_null(h);
	for (round = 0; round < 2; round++) {
		assert_non_null(g = http_multi_new(h, 4));
		for (i = 0; i < (int)COUNT(jobs); i++) {
			job_init(&jobs[i], p, i % 2 == 0 ? "silent" : "gate", "");
			add_job(g, &jobs[i], PATIENCE_MS);
		}
		w = (struct waker){ g, p, 4 * (round + 1) };
		assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
		http_multi_wait(g, PATIENCE_MS);
		(void)pthread_join(thread, NULL);
		CHECK("nothing came", http_multi_done(g) == NULL);
		http_multi_free(g);
		for (i = 0; i < (int)COUNT(jobs); i++)
			buf_free(&jobs[i].answer.body);
	}
	http_client_free(h);
	peer_free(p);
}

static void
stop(void **state)
{
	_Atomic int64_t		 stop_ms = 0;
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&set, &stop_ms);
	struct http_multi	*g = http_multi_new(h, 2);
	struct waker		 w = { g, p, 2 };
	struct job		 jobs[3], one;
	pthread_t		 thread;
	int			 i;

	(void)state;
	assert_non_null(g);
	for (i = 0; i < 3; i++) {	/* the third waits */
		job_init(&jobs[i], p, "silent", "");
		add_job(g, &jobs[i], PATIENCE_MS);
	}
	assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
	http_multi_wait(g, PATIENCE_MS);
	(void)pthread_join(thread, NULL);
	atomic_store(&stop_ms, clock_mono_ms() + SHORT_MS);
	collect(g, 3);
	CHECK("not before", clock_mono_ms() >= atomic_load(&stop_ms));
	for (i = 0; i < 3; i++) {
		check_int("stopped", jobs[i].done, 1);
		check_int("stopped", jobs[i].answer.status, 0);
		check_int("sent", jobs[i].answer.sent, i < 2);
		CHECK("why", strstr(jobs[i].answer.why, "stops") != NULL);
		CHECK("early", jobs[i].answer.ms < PATIENCE_MS / 2);
	}
	add_job(g, &jobs[0], PATIENCE_MS);
	collect(g, 1);
	CHECK("none begins any more", !jobs[0].answer.sent);
	job_init(&one, p, "silent", "");
	do_job(h, &one, PATIENCE_MS);
	check_int("one", one.answer.status, 0);
	CHECK("one", strstr(one.answer.why, "stops") != NULL);
	CHECK("one", one.answer.ms < PATIENCE_MS / 2);
	http_multi_free(g);
	http_client_free(h);
	peer_free(p);
}

/* Whom one looks at hears nothing. */
static void
looks(void **state)
{
	char			 refused[PEER_URL], mute[PEER_URL], url[PEER_URL], tls[PEER_URL];
	const int		 one = peer_refused(refused), other = peer_mute(mute);
	struct peer		*p = peer_new();
	const struct {
		const char	*name, *url;
		int		 ms;
		enum tls_stage	 failed;
		bool		 tls;
		const char	*peer;
	} cases[] = {
		{ "there", url, PATIENCE_MS, TLS_STAGE_DONE, false, "127.0.0.1" },
		{ "no TLS", tls, PATIENCE_MS, TLS_STAGE_TLS, true, "127.0.0.1" },
		{ "silent", mute, SHORT_MS, TLS_STAGE_TLS, true, "127.0.0.1" },
		{ "refused", refused, PATIENCE_MS, TLS_STAGE_CONNECT, false, "" },
		{ "another protocol", "ftp://127.0.0.1/", PATIENCE_MS, TLS_STAGE_URL, false, "" },
		{ "no URL", "http://[", PATIENCE_MS, TLS_STAGE_URL, false, "" },
		{ "late", url, 0, TLS_STAGE_CONNECT, false, "" },
	};
	struct http_client	*h = http_client_new(&set, NULL);
	struct tls_probe	 l;
	size_t			 i;

	(void)state;
	assert_true(p != NULL && h != NULL && one != -1 && other != -1);
	peer_url(p, url, "ok");
	(void)snprintf(tls, sizeof(tls), "https%.*s", PEER_URL - 6, url + 4);
	for (i = 0; i < COUNT(cases); i++) {
		tls_probe(h, &l, cases[i].url, clock_mono_ms() + cases[i].ms);
		check_int(cases[i].name, l.failed, cases[i].failed);
		check_int(cases[i].name, l.tls, cases[i].tls);
		check_int(cases[i].name, l.n, 0);
		check_text(cases[i].name, l.peer, cases[i].peer);
		check_int(cases[i].name, *l.why == '\0', l.failed == TLS_STAGE_DONE);
	}
	check_int("requests", peer_requests(p), 0);
	(void)close(one);
	(void)close(other);
	http_client_free(h);
	peer_free(p);
}

static void
addresses(void **state)
{
	static const struct {
		const char	*host;
		size_t		 size;
		const char	*want;
	} cases[] = {
		{ "127.0.0.1", 64, "127.0.0.1" }, { "::1", 64, "::1" }, { "::1", 4, "" },
		{ "::1", 5, "::1" }, { "::1", 1, "" },
	};
	char	 text[64];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		CHECK(cases[i].host, tls_probe_addresses(text, cases[i].size, cases[i].host));
		check_text(cases[i].host, text, cases[i].want);
	}
	CHECK("none", !tls_probe_addresses(text, sizeof(text), "256.256.256.256.") && *text == '\0');
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(looks), TEST(addresses), TEST(answers), TEST(sizes), TEST(group_answers), TEST(methods), TEST(nothing_sent),
		TEST(slow_connection), TEST(sent_before_refused), TEST(kept_connections_end),
		TEST(many), TEST(late), TEST(waiting), TEST(broken_off), TEST(stop),
	};

	return RUN("http", tests);
}
