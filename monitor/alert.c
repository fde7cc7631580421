#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/log.h"
#include "monitor/alert.h"
#include "monitor/alert_file.h"
#include "monitor/alert_news.h"
#include "monitor/alert_signs.h"
#include "monitor/alert_week.h"
#include "net/http_multi.h"
#include "state/hosts.h"
#include "state/lease.h"

enum {
	LOOKS		= 4,		/* within alert_after_s */
	PAUSE_MAX_MS	= 15000,	/* between two looks */
	STATE_MS	= 2000,		/* to read the state of health */
	WEEK_MS		= 3000,		/* to read the events of a week */
	SLICE_MS	= 100,		/* between two looks whether the program is told to stop */
	BACKOFF_MS	= 15000,	/* after the first try; it doubles */
	BACKOFF_MAX_MS	= 1800000,
	ONCE_MS		= 7 * CALENDAR_DAY_S * 1000	/* in which nobody sends the same summary */
};

struct alert {
	const struct services	*services;
	struct http_multi	*multi;		/* NULL: nothing was sent yet */
	struct http_answer	 answer;
	struct alert_file	 file;
	struct alert_signs	 signs;
	struct buf		 url, body, text, json;
	char			 host[HOSTS_NAME];
	bool			 was_wrong;	/* the file could not be used */
};

struct alert *
alert_new(const struct services *services)
{
	struct alert	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return NULL;
	a->services = services;
	a->file.fd = -1;
	hosts_name(a->host, &services->conf->set);
	return a;
}

void
alert_free(struct alert *a)
{
	if (a == NULL)
		return;
	http_multi_free(a->multi);
	buf_free(&a->answer.body);
	buf_free(&a->url);
	buf_free(&a->body);
	buf_free(&a->text);
	buf_free(&a->json);
	free(a);
}

int64_t
alert_pause_ms(const struct conf *c)
{
	const int64_t	 ms = c->set.alert_after_s * INT64_C(1000) / LOOKS;

	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

bool
alert_is_due(const struct conf *c)
{
	const int64_t	 now_ms = clock_wall_ms();
	int64_t		 looked_ms;

	if (!conf_is_set(c->set.alert_url))
		return false;
	looked_ms = alert_file_looked_ms(c->set.state_dir);
	return now_ms < looked_ms || now_ms - looked_ms >= alert_pause_ms(c);
}

/*
 * Sending.
 */

/* Posts what is in a->url and a->body.  False: there is no answer, and why says why. */
static bool
post(struct alert *a, int64_t deadline_ms)
{
	const struct http_call	 call = {
		.url = a->url.p, .body = buf_slice(&a->body), .deadline_ms = deadline_ms,
	};

	if (a->multi == NULL && (a->multi = http_multi_new(a->services->http, 1)) == NULL) {
		(void)snprintf(a->answer.why, sizeof(a->answer.why), "%s",
		    error_table[ERR_NOMEM].name);
		return false;
	}
	http_multi_add(a->multi, a, &a->answer, &call);
	while (http_multi_done(a->multi) == NULL) {
		if (services_stopping(a->services)) {
			http_multi_free(a->multi);	/* cuts it off */
			a->multi = NULL;
			(void)snprintf(a->answer.why, sizeof(a->answer.why), "qtoa stops");
			return false;
		}
		http_multi_wait(a->multi, SLICE_MS);
	}
	return a->answer.status != 0;
}

/* Sends a->text with a->json.  False: it was not taken, and why says why. */
static bool
send_message(struct alert *a, char why[ALERT_ROBOT_WHY], int64_t deadline_ms)
{
	const struct settings			*set = &a->services->conf->set;
	const struct alert_robot_message	 m = {
		.text = buf_slice(&a->text), .json = buf_slice(&a->json),
	};
	const int64_t				 now_ms = clock_wall_ms();
	bool					 took = false;

	a->answer.status = a->answer.ms = 0;
	*a->answer.why = '\0';
	if (alert_robot_url(&a->url, set, now_ms) != ERR_OK ||
	    alert_robot_body(&a->body, set, &m, now_ms) != ERR_OK)
		(void)snprintf(why, ALERT_ROBOT_WHY, "%s", error_table[ERR_NOMEM].name);
	else if (post(a, deadline_ms))
		took = alert_robot_took(why, set, a->answer.status, buf_slice(&a->answer.body));
	else
		(void)snprintf(why, ALERT_ROBOT_WHY, "%s", a->answer.why);
	return took;
}

/* One look, and what it needs. */
struct look {
	struct alert			*a;
	struct alert_file_state		*st;
	struct alert_signs_rule		 rule;
	int64_t				 now_ms, deadline_ms;
	int64_t				 monday;	/* of the week whose summary is due */
};

static bool
save_file(struct alert *a)
{
	const bool	 good = alert_file_save(&a->file);

	if (!good && !a->was_wrong)
		log_msg(LEVEL_ERROR, "alert", "qtoa.alerts cannot be written: %s; no alert is "
		    "sent; look at the disk and the owner of state_dir", strerror(errno));
	a->was_wrong = !good;
	return good;
}

static int64_t
backoff_ms(int64_t tries)
{
	int64_t	 ms = BACKOFF_MS;

	for (; tries > 1 && ms < BACKOFF_MAX_MS; tries--)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* Notes that what was to be sent was sent, or is given up. */
static void
settle_message(const struct look *l, bool news, bool sent)
{
	struct alert_file_state	*st = l->st;

	if (news)
		alert_signs_told(st, &l->rule, l->now_ms, sent);
	else
		st->week = l->monday;
	st->tries = st->next_ms = 0;
	st->sent += sent;
	st->failed += !sent;
}

/* Sends the message in a->text.  news: about health; else the summary.  True: it was taken. */
static bool
send_once(const struct look *l, bool news)
{
	const char	*what = news ? "a change of health" : "the summary of the week";
	char		 why[ALERT_ROBOT_WHY];
	bool		 sent;

	/* If this process dies while it sends, the next try waits for the pause, too. */
	l->st->tries++;
	l->st->next_ms = l->now_ms + backoff_ms(l->st->tries);
	if (!save_file(l->a))
		return false;
	if ((sent = send_message(l->a, why, l->deadline_ms)))
		log_msg(LEVEL_NOTICE, "alert", "sent %s", what);
	else if (!services_stopping(l->a->services))	/* else the next process sends it */
		log_msg(LEVEL_WARNING, "alert", "%s could not be sent, try %d of %d%s: %s; run: "
		    "qtoa alert test", what, (int)l->st->tries, ALERT_TRIES,
		    l->st->tries < ALERT_TRIES ? "" : ", it is given up", why);
	if (!sent && l->st->tries < ALERT_TRIES)
		return false;
	settle_message(l, news, sent);
	(void)save_file(l->a);
	return sent;
}

/*
 * What is to be told.
 */

static bool
write_news(const struct look *l)
{
	struct alert			*a = l->a;
	const struct alert_news		 n = {
		.st = l->st, .now = &a->signs, .rule = &l->rule, .host = a->host,
		.now_ms = l->now_ms,
	};

	buf_reset(&a->text);
	buf_reset(&a->json);
	return alert_news_text(&a->text, &n) == ERR_OK && alert_news_json(&a->json, &n) == ERR_OK;
}

static enum error
write_summary(struct alert *a, const struct alert_week *w, int64_t now_ms)
{
	const uint64_t	 id = (uint64_t)w->monday;
	enum error	 er;

	buf_reset(&a->text);
	buf_reset(&a->json);
	if ((er = alert_news_begin(&a->text, a->host)) != ERR_OK ||
	    (er = alert_week_text(&a->text, w)) != ERR_OK ||
	    (er = alert_news_head(&a->json, "summary", id, a->host, now_ms)) != ERR_OK ||
	    (er = buf_putc(&a->json, ',')) != ERR_OK)
		return er;
	return alert_week_json(&a->json, w);
}

/* False: there is nothing to send, or the figures cannot be read now. */
static bool
make_summary(const struct look *l)
{
	struct alert		*a = l->a;
	const struct services	*s = a->services;
	struct alert_week	 w;
	bool			 first = l->st->week == 0, ready = false;
	enum error		 er = alert_week_read(&w, s->conf, s->store, l->monday,
				    clock_mono_ms() + WEEK_MS);

	if (er == ERR_OK && first && alert_week_is_empty(&w))
		l->st->week = l->monday;	/* it was not there that week */
	else if (er == ERR_OK)
		ready = write_summary(a, &w, l->now_ms) == ERR_OK;
	alert_week_free(&w);
	return ready;
}

/* True: the summary of a week is to be sent. */
static bool
is_week_due(const struct look *l)
{
	const struct settings	*set = &l->a->services->conf->set;

	if (set->alert_weekly == 0)
		l->st->week = l->monday;	/* one that is wanted later begins then */
	return l->st->week < l->monday && l->now_ms >= l->st->next_ms;
}

/*
 * Sends the summary, if no other host sends it or has sent it.  A change of health is told by each
 * host: it is the health of that host.
 */
static void
send_summary(const struct look *l)
{
	struct store	*store = l->a->services->store;
	struct lease	 lease;
	char		 monday[24];

	(void)snprintf(monday, sizeof(monday), "%lld", (long long)l->monday);
	if (lease_take_long(store, &lease, "summary", monday, 0) != LOCK_MINE)
		return;
	if (make_summary(l) && send_once(l, false))
		lease_leave(store, &lease, ONCE_MS);
	else
		lease_end(store, &lease, false);
}

/* Reads the state of health into a->signs. */
static bool
read_signs(struct alert *a)
{
	const struct services	*s = a->services;
	struct health_state	 h;
	bool			 good;

	a->signs.n = 0;
	good = health_state_read(&h, s->conf, s->store, s->breakers, true,
	    clock_mono_ms() + STATE_MS) == ERR_OK;
	if (good)
		health_state_judge(&h, alert_signs_add, &a->signs);
	health_state_free(&h);
	return good;
}

/* A time that lies too far ahead, because the clock was wrong, must not keep messages back. */
static void
repair_times(struct look *l)
{
	if (l->st->next_ms > l->now_ms + BACKOFF_MAX_MS)
		l->st->next_ms = l->now_ms;
	if (l->st->next_ms != 0 && l->now_ms - l->st->next_ms > 2 * BACKOFF_MAX_MS)
		l->st->tries = 0;
	if (l->st->week > l->monday)
		l->st->week = l->monday;
}

static void
look_and_tell(struct look *l)
{
	struct alert	*a = l->a;
	const int64_t	 week = l->st->week;
	bool		 changed;

	repair_times(l);
	if (!read_signs(a))
		return;
	changed = alert_signs_see(l->st, &a->signs, &l->rule, l->now_ms);
	if (alert_signs_due(l->st, &l->rule, l->now_ms) && l->now_ms >= l->st->next_ms) {
		if (write_news(l))
			(void)send_once(l, true);
		return;
	}
	if (is_week_due(l))
		send_summary(l);
	if (changed || l->st->week != week)
		(void)save_file(a);
}

/* With the lock: no other process looks at the same time. */
static void
look_locked(struct alert *a, int64_t deadline_ms)
{
	const struct settings	*set = &a->services->conf->set;
	struct look		 l = {
		.a = a, .st = &a->file.state, .now_ms = clock_wall_ms(),
		.deadline_ms = deadline_ms,
		.rule = { set->alert_after_s * INT64_C(1000), set->alert_per_hour },
	};

	l.monday = alert_week_due(l.now_ms / 1000);
	if (alert_file_open(&a->file, set->state_dir)) {
		alert_file_look(&a->file, l.now_ms);
		lang_here(alert_robot_lang(set));
		look_and_tell(&l);
		lang_here(LANGUAGE__MAX);
	} else if (!a->was_wrong) {
		log_msg(LEVEL_ERROR, "alert", "qtoa.alerts cannot be used: %s; no alert is sent; "
		    "look at the disk and the owner of state_dir", strerror(errno));
		a->was_wrong = true;
	}
	alert_file_close(&a->file);
}

void
alert_look(struct alert *a, int64_t deadline_ms)
{
	unsigned char	 key[LOCK_KEY];
	struct lock	 lock;

	if (!alert_is_due(a->services->conf))
		return;
	lock_name(key, "alert", "");
	if (lock_take(a->services->locks, &lock, key, 0) != LOCK_MINE)
		return;
	if (alert_is_due(a->services->conf))	/* another process may just have looked */
		look_locked(a, deadline_ms);
	lock_release(a->services->locks, &lock, true);
}

void
alert_brief(const struct services *services, int64_t ms)
{
	struct alert	*a;

	if (!alert_is_due(services->conf) || (a = alert_new(services)) == NULL)
		return;
	alert_look(a, clock_mono_ms() + ms);
	alert_free(a);
}

/*
 * For the command line.
 */

bool
alert_send_test(const struct services *services, struct alert_test *t)
{
	struct alert	*a = alert_new(services);
	const int64_t	 now_ms = clock_wall_ms();
	bool		 took = false;

	*t = (struct alert_test){ .robot = alert_robot_of(services->conf->set.alert_url) };
	(void)snprintf(t->why, sizeof(t->why), "%s", error_table[ERR_NOMEM].name);
	if (a == NULL)
		return false;
	lang_here(alert_robot_lang(&services->conf->set));
	if (alert_news_test(&a->text, a->host) == ERR_OK &&
	    alert_news_head(&a->json, "test", (uint64_t)now_ms, a->host, now_ms) == ERR_OK)
		took = send_message(a, t->why, clock_mono_ms() + ALERT_SEND_MS);
	lang_here(LANGUAGE__MAX);
	t->status = a->answer.status;
	t->ms = a->answer.ms;
	alert_free(a);
	return took;
}

enum error
alert_summary(struct buf *out, const struct services *services, int64_t deadline_ms)
{
	struct alert_week	 w;
	enum error		 er = alert_week_read(&w, services->conf, services->store,
				    alert_week_due(clock_wall_ms() / 1000), deadline_ms);

	if (er == ERR_OK)
		er = alert_week_text(out, &w);
	alert_week_free(&w);
	return er;
}
