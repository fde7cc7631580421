#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "net/curl_handle.h"
#include "net/http_multi.h"

enum { STOP_CHECK_MS = 250 };	/* between two looks whether the program is told to stop */

/* Answers in the order in which they came. */
struct answer_list {
	struct http_answer	*first, *last;
};

struct http_multi {
	struct http_client	*http;
	CURLM			*curlm;
	atomic_bool		 woken;
	struct curl_waitfd	 watched;	/* fd -1: no such descriptor */
	struct answer_list	 waiting, done;
	int			 parallel;	/* length of handles[] */
	int			 n;		/* handles made so far */
	int			 busy;		/* handles with a call under way */
	struct curl_handle	*handles[];	/* the busy ones first */
};

struct http_multi *
http_multi_new(struct http_client *h, int parallel)
{
	struct http_multi	*m;

	if (!curl_handle_start(h) || (m = calloc(1, sizeof(*m) +
	    (size_t)parallel * sizeof(m->handles[0]))) == NULL)
		return NULL;
	m->http = h;
	m->parallel = parallel;
	m->watched = (struct curl_waitfd){ .fd = -1, .events = CURL_WAIT_POLLIN };
	/*
	 * Twice as many connections may stay open, for those that wait while other peers have
	 * their turn.  The wakeup tests that libcurl got the descriptor for it.
	 */
	if ((m->curlm = curl_multi_init()) == NULL ||
	    curl_multi_setopt(m->curlm, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK ||
	    curl_multi_setopt(m->curlm, CURLMOPT_MAXCONNECTS, 2L * parallel) != CURLM_OK ||
	    curl_multi_wakeup(m->curlm) != CURLM_OK) {
		http_multi_free(m);
		return NULL;
	}
	return m;
}

void
http_multi_free(struct http_multi *m)
{
	int	 i;

	if (m == NULL)
		return;
	for (i = 0; i < m->n; i++) {
		if (i < m->busy)
			(void)curl_multi_remove_handle(m->curlm, m->handles[i]->curl);
		curl_handle_free(m->handles[i]);
	}
	(void)curl_multi_cleanup(m->curlm);
	free(m);
}

static void
append_answer(struct answer_list *list, struct http_answer *a)
{
	a->next = NULL;
	if (list->first == NULL)
		list->first = a;
	else
		list->last->next = a;
	list->last = a;
}

static struct http_answer *
take_answer(struct answer_list *list)
{
	struct http_answer	*a = list->first;

	if (a != NULL)
		list->first = a->next;
	return a;
}

void
http_multi_add(struct http_multi *m, void *tag, struct http_answer *a,
    const struct http_call *call)
{
	curl_handle_reset_answer(a);
	a->tag = tag;
	a->call = *call;
	append_answer(&m->waiting, a);
}

/* Moves an answer to those that are done.  why NULL: it has its own. */
static void
finish_answer(struct http_multi *m, struct http_answer *a, const char *why)
{
	if (why != NULL)
		curl_handle_copy(a->why, sizeof(a->why), why);
	a->ms = (int)(clock_mono_ms() - a->begin_ms);
	append_answer(&m->done, a);
}

/* The first handle that is not busy; NULL: there was no memory for another one. */
static struct curl_handle *
idle_handle(struct http_multi *m)
{
	struct curl_handle	*t;

	if (m->busy == m->n) {
		if ((t = curl_handle_new(m->http)) == NULL)
			return NULL;
		t->place = m->n;
		m->handles[m->n++] = t;
	}
	return m->handles[m->busy];
}

/* Begins a try with a handle that libcurl does not have.  False: the answer says why not. */
static bool
begin_try(struct http_multi *m, struct curl_handle *t)
{
	if (!curl_handle_set_time(t, t->answer->call.deadline_ms))
		return false;
	if (curl_multi_add_handle(m->curlm, t->curl) == CURLM_OK)
		return true;
	curl_handle_fail(t, CURLE_OUT_OF_MEMORY);
	return false;
}

static void
begin_call(struct http_multi *m, struct http_answer *a)
{
	struct curl_handle	*t;

	if (a->call.deadline_ms - clock_mono_ms() < CURL_HANDLE_MIN_MS)
		finish_answer(m, a, curl_handle_late);
	else if ((t = idle_handle(m)) == NULL) {
		curl_handle_refuse(m->http, a);
		finish_answer(m, a, NULL);
	} else if (!curl_handle_set_call(t, a, &a->call) || !begin_try(m, t))
		finish_answer(m, a, NULL);
	else
		m->busy++;
}

/* A call is over: its handle becomes idle, and the last busy handle takes its place. */
static void
release_handle(struct http_multi *m, struct curl_handle *t)
{
	struct curl_handle	*last = m->handles[--m->busy];

	m->handles[t->place] = last;
	m->handles[m->busy] = t;
	last->place = t->place;
	t->place = m->busy;
	finish_answer(m, t->answer, NULL);
}

static void
end_try(struct http_multi *m, struct curl_handle *t, CURLcode rc)
{
	bool	 over = curl_handle_settle(t, (int)rc);

	(void)curl_multi_remove_handle(m->curlm, t->curl);
	if (over || !begin_try(m, t))
		release_handle(m, t);
}

/* The program stops: no call goes on, and none begins. */
static void
cut_off_calls(struct http_multi *m)
{
	struct http_answer	*a;

	while (m->busy != 0)
		end_try(m, m->handles[0], CURLE_ABORTED_BY_CALLBACK);
	while ((a = take_answer(&m->waiting)) != NULL)
		finish_answer(m, a, curl_handle_stopping);
}

/* Ends the calls whose time is over before their turn came. */
static void
end_late_calls(struct http_multi *m)
{
	struct answer_list	 all = m->waiting;
	struct http_answer	*a;
	int64_t			 now_ms;

	if (all.first == NULL)
		return;
	now_ms = clock_mono_ms();
	m->waiting.first = NULL;
	while ((a = take_answer(&all)) != NULL)
		if (a->call.deadline_ms - now_ms < CURL_HANDLE_MIN_MS)
			finish_answer(m, a, curl_handle_late);
		else
			append_answer(&m->waiting, a);
}

/*
 * Sets how long the calls may go on that were sent and whose time is over; 0: without end.  Returns
 * how many these are.
 */
static int
set_late_times(struct http_multi *m, int64_t now_ms, long ms)
{
	struct curl_handle	*t;
	int			 i, n = 0;

	for (i = 0; i < m->busy; i++) {
		t = m->handles[i];
		if (t->answer->call.deadline_ms > now_ms || !curl_handle_has_sent(t))
			continue;
		(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, ms);
		n++;
	}
	return n;
}

/*
 * libcurl looks at the time first, and then for an answer.  If this thread or its host stood still
 * until the time was over, an answer may have come in time.  So a call whose time is over goes on
 * once, and ends with the next step.
 */
static void
take_last_look(struct http_multi *m)
{
	const int64_t	 now_ms = clock_mono_ms();
	int		 n;

	if (set_late_times(m, now_ms, 0) == 0)
		return;
	(void)curl_multi_perform(m->curlm, &n);
	(void)set_late_times(m, now_ms, 1);
}

/* Does all that can be done without waiting. */
static void
work_on_calls(struct http_multi *m)
{
	struct http_answer	*a;
	struct curl_handle	*t;
	CURLMsg			*msg;
	int			 n;

	if (curl_handle_is_stopped(m->http))
		cut_off_calls(m);
	do {
		while (m->busy < m->parallel && (a = take_answer(&m->waiting)) != NULL)
			begin_call(m, a);
		if (m->busy != 0) {
			take_last_look(m);
			(void)curl_multi_perform(m->curlm, &n);
		}
		while ((msg = curl_multi_info_read(m->curlm, &n)) != NULL)
			if (msg->msg == CURLMSG_DONE && curl_easy_getinfo(msg->easy_handle,
			    CURLINFO_PRIVATE, (char **)&t) == CURLE_OK)
				end_try(m, t, msg->data.result);
	} while (m->busy < m->parallel && m->waiting.first != NULL);
	end_late_calls(m);
}

/* How long there is nothing to do that no descriptor shows: 1 ms at least, left_ms at most. */
static int
poll_ms_of(const struct http_multi *m, int64_t left_ms)
{
	const struct http_answer	*a;
	int64_t				 now_ms = clock_mono_ms(), ms = left_ms;

	if (m->busy != 0 && ms > STOP_CHECK_MS)
		ms = STOP_CHECK_MS;
	for (a = m->waiting.first; a != NULL; a = a->next)
		if (a->call.deadline_ms - now_ms < ms)
			ms = a->call.deadline_ms - now_ms;
	return ms < 1 ? 1 : (int)ms;
}

void
http_multi_watch(struct http_multi *m, int fd)
{
	m->watched.fd = fd;
	m->watched.revents = 0;
}

/* Waits until a transfer goes on, the watched descriptor is readable, or ms are over. */
static void
poll_once(struct http_multi *m, int ms)
{
	const struct timespec	 pause = { 0, 10000000 };
	struct curl_waitfd	 watched = m->watched;

	if (curl_multi_poll(m->curlm, &watched, watched.fd != -1, ms, NULL) != CURLM_OK)
		(void)nanosleep(&pause, NULL);	/* no memory: it did not wait */
	m->watched.revents = watched.revents;
}

void
http_multi_wait(struct http_multi *m, int timeout_ms)
{
	int64_t	 end_ms = clock_mono_ms() + timeout_ms, left_ms;

	m->watched.revents = 0;
	for (;;) {
		work_on_calls(m);
		if (m->done.first != NULL || atomic_exchange(&m->woken, false) ||
		    m->watched.revents != 0 ||
		    (left_ms = end_ms - clock_mono_ms()) <= 0)
			return;
		m->watched.revents = 0;
		poll_once(m, poll_ms_of(m, left_ms));
	}
}

void *
http_multi_done(struct http_multi *m)
{
	struct http_answer	*a = take_answer(&m->done);

	return a == NULL ? NULL : a->tag;
}

void
http_multi_wake(struct http_multi *m)
{
	atomic_store(&m->woken, true);
	(void)curl_multi_wakeup(m->curlm);
}
