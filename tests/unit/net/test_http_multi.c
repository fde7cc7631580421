#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/http_multi.h"
#include "tests/unit/job.h"
#include "tests/unit/unit.h"

enum {
	CALLS = 50,
	PARALLEL = 8
};

static void
add_job(struct http_multi *m, struct job *j, int ms)
{
	const struct http_call	 call = job_call(j, ms);

	http_multi_add(m, j, &j->answer, &call);
}

/* Waits until n more calls have come out of m. */
static void
collect_calls(struct http_multi *m, int n)
{
	int64_t		 end_ms = clock_mono_ms() + JOB_PATIENCE_MS;
	struct job	*j;

	while (n > 0 && clock_mono_ms() < end_ms) {
		http_multi_wait(m, JOB_PATIENCE_MS);
		while ((j = http_multi_done(m)) != NULL) {
			j->done++;
			n--;
		}
	}
	CHECK("all came out", n == 0);
}

static void
answer_kinds(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, PARALLEL);
	struct job		 jobs[JOB_KINDS];
	size_t			 i;
	int			 round;

	(void)state;
	assert_non_null(m);
	for (i = 0; i < JOB_KINDS; i++)
		job_init(&jobs[i], p, job_kinds[i].path, "text");
	for (round = 1; round < 4; round++) {	/* with kept connections from the second on */
		for (i = 0; i < JOB_KINDS; i++)
			add_job(m, &jobs[i], job_time(&job_kinds[i]));
		collect_calls(m, JOB_KINDS);
		for (i = 0; i < JOB_KINDS; i++) {
			job_check(&job_kinds[i], &jobs[i]);
			check_int(job_kinds[i].path, jobs[i].done, round);
		}
	}
	for (i = 0; i < JOB_KINDS; i++)
		buf_free(&jobs[i].answer.body);
	http_multi_free(m);
	http_multi_free(NULL);
	http_client_free(h);
	peer_free(p);
}

/* Without a connection, or without TLS on it, nothing of a request is sent. */
static void
nothing_sent(void **state)
{
	struct peer		*p = peer_new(), *gone = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 2);
	struct job		 jobs[4] = { 0 };
	const char *const	 names[] = { "refused", "no TLS", "no URL", "gone" };
	int			 fd = peer_refused(jobs[0].url);
	size_t			 i;

	(void)state;
	assert_non_null(m);
	job_init(&jobs[1], p, "ok", "");
	memmove(jobs[1].url + 5, jobs[1].url + 4, strlen(jobs[1].url + 4) + 1);
	jobs[1].url[4] = 's';
	(void)strcpy(jobs[2].url, "http://[/");
	job_init(&jobs[3], gone, "ok", "");
	job_do(h, &jobs[3], JOB_PATIENCE_MS);
	add_job(m, &jobs[3], JOB_PATIENCE_MS);
	collect_calls(m, 1);
	check_int("was there", jobs[3].answer.status, 200);
	peer_free(gone);
	for (i = 0; i < COUNT(jobs); i++) {
		job_do(h, &jobs[i], JOB_PATIENCE_MS);
		check_int(names[i], jobs[i].answer.status, 0);
		CHECK(names[i], !jobs[i].answer.sent);
		CHECK(names[i], *jobs[i].answer.why != '\0');
		add_job(m, &jobs[i], JOB_PATIENCE_MS);
	}
	collect_calls(m, (int)COUNT(jobs));
	for (i = 0; i < COUNT(jobs); i++) {
		check_int(names[i], jobs[i].answer.status, 0);
		CHECK(names[i], !jobs[i].answer.sent);
		CHECK(names[i], *jobs[i].answer.why != '\0');
		buf_free(&jobs[i].answer.body);
	}
	check_int("no request", peer_requests(p), 0);
	http_multi_free(m);
	http_client_free(h);
	peer_free(p);
	(void)close(fd);
}

/* A request that left on a kept connection counts as sent, also when no new one can be made. */
static void
sent_before_refused(void **state)
{
	struct peer		*p;
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 1);
	struct job		 j;
	int			 in_multi;

	(void)state;
	assert_non_null(m);
	for (in_multi = 0; in_multi < 2; in_multi++) {
		p = peer_new();
		job_init(&j, p, "ok", "");
		if (in_multi) {
			add_job(m, &j, JOB_PATIENCE_MS);
			collect_calls(m, 1);
		} else {
			job_do(h, &j, JOB_PATIENCE_MS);
		}
		check_int("connection", j.answer.status, 200);
		peer_url(p, j.url, "last");
		if (in_multi) {
			add_job(m, &j, JOB_PATIENCE_MS);
			collect_calls(m, 1);
		} else {
			job_do(h, &j, JOB_PATIENCE_MS);
		}
		check_int("last", j.answer.status, 0);
		CHECK("last", j.answer.sent);
		check_int("one connection", peer_connections(p), 1);
		check_int("both requests", peer_requests(p), 2);
		buf_free(&j.answer.body);
		peer_free(p);
	}
	http_multi_free(m);
	http_client_free(h);
}

/* The peer ends kept connections just as they are used; each request is answered all the same. */
static void
kept_connections_end(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 1);
	struct job		 one, of_multi;
	int			 i;

	(void)state;
	assert_non_null(m);
	job_init(&one, p, "once", "one");
	job_init(&of_multi, p, "once", "of multi");
	for (i = 0; i < 20; i++) {
		job_do(h, &one, JOB_PATIENCE_MS);
		check_int("one", one.answer.status, 200);
		check_bytes("one", buf_slice(&one.answer.body), slice_of(one.text));
		add_job(m, &of_multi, JOB_PATIENCE_MS);
		collect_calls(m, 1);
		check_int("multi", of_multi.answer.status, 200);
		check_bytes("multi", buf_slice(&of_multi.answer.body), slice_of(of_multi.text));
	}
	CHECK("they did end", peer_requests(p) > 60);
	buf_free(&one.answer.body);
	buf_free(&of_multi.answer.body);
	http_multi_free(m);
	http_client_free(h);
	peer_free(p);
}

/* Each call comes out once with its own answer, on few connections; a slow one delays no other. */
static void
many(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, PARALLEL);
	struct job		 jobs[CALLS];
	char			 text[24];
	int			 i;

	(void)state;
	assert_non_null(m);
	for (i = 0; i < CALLS; i++) {
		(void)snprintf(text, sizeof(text), "call %d", i);
		job_init(&jobs[i], p, i == 3 ? "gate" : "ok", text);
		add_job(m, &jobs[i], JOB_PATIENCE_MS);
	}
	collect_calls(m, CALLS - 1);
	for (i = 0; i < CALLS; i++)
		check_int(jobs[i].text, jobs[i].done, i != 3);
	peer_open(p);
	collect_calls(m, 1);
	for (i = 0; i < CALLS; i++) {
		check_int(jobs[i].text, jobs[i].done, 1);
		check_int(jobs[i].text, jobs[i].answer.status, 200);
		check_bytes(jobs[i].text, buf_slice(&jobs[i].answer.body),
		    slice_of(jobs[i].text));
		buf_free(&jobs[i].answer.body);
	}
	CHECK("no other is left", http_multi_done(m) == NULL);
	check_int("requests", peer_requests(p), CALLS);
	CHECK("connections", peer_connections(p) <= PARALLEL);
	http_multi_free(m);
	http_client_free(h);
	peer_free(p);
}

/* A call whose time is over before its turn comes is told so, and nothing of it is sent. */
static void
late(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 1);
	struct job		 jobs[3];

	(void)state;
	assert_non_null(m);
	job_init(&jobs[0], p, "gate", "first");
	job_init(&jobs[1], p, "ok", "short");
	job_init(&jobs[2], p, "ok", "over");
	add_job(m, &jobs[0], JOB_PATIENCE_MS);
	add_job(m, &jobs[1], JOB_SHORT_MS);
	add_job(m, &jobs[2], 0);
	collect_calls(m, 2);
	check_int("first", jobs[0].done, 0);
	check_int("short", jobs[1].done, 1);
	check_int("over", jobs[2].done, 1);
	check_text("short", jobs[1].answer.why, "no time left");
	check_text("over", jobs[2].answer.why, "no time left");
	CHECK("short", !jobs[1].answer.sent && jobs[1].answer.ms >= JOB_SHORT_MS - 1);
	peer_open(p);
	collect_calls(m, 1);
	check_int("first", jobs[0].answer.status, 200);
	check_int("requests", peer_requests(p), 1);
	buf_free(&jobs[0].answer.body);
	http_multi_free(m);
	http_client_free(h);
	peer_free(p);
}

/* An answer that has come in time counts, also if nobody looked before the time was over. */
static void
looked_late(void **state)
{
	static const struct {
		const char	*path, *why;
		int		 status;
	} calls[] = {
		{ "gate", "", 200 }, { "full", "", 200 }, { "silent", "timed out", 0 },
	};
	const struct timespec	 pause = { 0, 5000000 };
	struct peer		*p;
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 1);
	struct job		 j;
	size_t			 i;

	(void)state;
	assert_non_null(m);
	for (i = 0; i < COUNT(calls); i++) {
		p = peer_new();
		job_init(&j, p, calls[i].path, "text");
		add_job(m, &j, 3 * JOB_SHORT_MS);
		while (peer_requests(p) == 0 && clock_mono_ms() < j.answer.call.deadline_ms)
			http_multi_wait(m, 1);
		peer_open(p);
		while (clock_mono_ms() <= j.answer.call.deadline_ms)
			(void)nanosleep(&pause, NULL);
		collect_calls(m, 1);
		check_int(calls[i].path, j.answer.status, calls[i].status);
		CHECK(calls[i].path, strstr(j.answer.why, calls[i].why) != NULL);
		check_int(calls[i].path, peer_requests(p), 1);
		buf_free(&j.answer.body);
		peer_free(p);
	}
	http_multi_free(m);
	http_client_free(h);
}

struct waker {
	struct http_multi	*multi;
	struct peer		*peer;
	int			 requests;
};

static void *
wake(void *arg)
{
	struct waker	*w = arg;

	peer_await(w->peer, w->requests);
	http_multi_wake(w->multi);
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
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m = http_multi_new(h, 2);
	struct waker		 w = { m, p, 0 };
	struct job		 j;
	pthread_t		 thread;
	int64_t			 begin_ms, used_ms;
	int			 busy;

	(void)state;
	assert_non_null(m);
	job_init(&j, p, "gate", "");
	for (busy = 0; busy < 2; busy++) {
		if (busy) {
			add_job(m, &j, JOB_PATIENCE_MS);
			w.requests = 1;		/* so that it wakes within the wait */
		}
		assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
		begin_ms = clock_mono_ms();
		http_multi_wait(m, JOB_PATIENCE_MS);
		CHECK("woken", clock_mono_ms() - begin_ms < JOB_PATIENCE_MS / 2);
		(void)pthread_join(thread, NULL);
		CHECK("nothing came", http_multi_done(m) == NULL);

		begin_ms = clock_mono_ms();
		used_ms = cpu_ms();
		http_multi_wait(m, 2 * JOB_SHORT_MS);
		CHECK("once", clock_mono_ms() - begin_ms >= 2 * JOB_SHORT_MS - 1);
		CHECK("idle", cpu_ms() - used_ms < JOB_SHORT_MS / 2);
		begin_ms = clock_mono_ms();
		http_multi_wait(m, 0);
		http_multi_wait(m, -1);
		CHECK("at once", clock_mono_ms() - begin_ms < JOB_PATIENCE_MS / 2);
	}
	http_multi_free(m);
	buf_free(&j.answer.body);
	http_client_free(h);
	peer_free(p);
}

/* http_multi_free() ends calls under way and calls that wait. */
static void
broken_off(void **state)
{
	struct peer		*p = peer_new();
	struct http_client	*h = http_client_new(&job_settings, NULL);
	struct http_multi	*m;
	struct job		 jobs[6];
	struct waker		 w;
	pthread_t		 thread;
	int			 i, round;

	(void)state;
	assert_non_null(h);
	for (round = 0; round < 2; round++) {
		assert_non_null(m = http_multi_new(h, 4));
		for (i = 0; i < (int)COUNT(jobs); i++) {
			job_init(&jobs[i], p, i % 2 == 0 ? "silent" : "gate", "");
			add_job(m, &jobs[i], JOB_PATIENCE_MS);
		}
		w = (struct waker){ m, p, 4 * (round + 1) };
		assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
		http_multi_wait(m, JOB_PATIENCE_MS);
		(void)pthread_join(thread, NULL);
		CHECK("nothing came", http_multi_done(m) == NULL);
		http_multi_free(m);
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
	struct http_client	*h = http_client_new(&job_settings, &stop_ms);
	struct http_multi	*m = http_multi_new(h, 2);
	struct waker		 w = { m, p, 2 };
	struct job		 jobs[3], one;
	pthread_t		 thread;
	int			 i;

	(void)state;
	assert_non_null(m);
	for (i = 0; i < 3; i++) {	/* the third waits */
		job_init(&jobs[i], p, "silent", "");
		add_job(m, &jobs[i], JOB_PATIENCE_MS);
	}
	assert_int_equal(pthread_create(&thread, NULL, wake, &w), 0);
	http_multi_wait(m, JOB_PATIENCE_MS);
	(void)pthread_join(thread, NULL);
	atomic_store(&stop_ms, clock_mono_ms() + JOB_SHORT_MS);
	collect_calls(m, 3);
	CHECK("not before", clock_mono_ms() >= atomic_load(&stop_ms));
	for (i = 0; i < 3; i++) {
		check_int("stopped", jobs[i].done, 1);
		check_int("stopped", jobs[i].answer.status, 0);
		check_int("sent", jobs[i].answer.sent, i < 2);
		CHECK("why", strstr(jobs[i].answer.why, "stops") != NULL);
		CHECK("early", jobs[i].answer.ms < JOB_PATIENCE_MS / 2);
	}
	add_job(m, &jobs[0], JOB_PATIENCE_MS);
	collect_calls(m, 1);
	CHECK("no other begins", !jobs[0].answer.sent);
	job_init(&one, p, "silent", "");
	job_do(h, &one, JOB_PATIENCE_MS);
	check_int("one", one.answer.status, 0);
	CHECK("one", strstr(one.answer.why, "stops") != NULL);
	CHECK("one", one.answer.ms < JOB_PATIENCE_MS / 2);
	http_multi_free(m);
	http_client_free(h);
	peer_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(answer_kinds), TEST(nothing_sent), TEST(sent_before_refused),
		TEST(kept_connections_end), TEST(many), TEST(late), TEST(looked_late), TEST(waiting),
		TEST(broken_off), TEST(stop),
	};

	return RUN("http_multi", tests);
}
