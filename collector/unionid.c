#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/clock.h"
#include "core/thread.h"

enum {
	PAUSE_MS = 2000,	/* after a failure, before the next call; twice as long each time */
	PAUSE_MAX_MS = 60000,
	TRIES = 2,		/* with a token that WeChat refuses, and with another one */
	SUSPECT = 129		/* bytes of an openid, with the NUL */
};

static const char	 late[] = "no time left";

/* A user to look up.  It is on the stack of the thread that asks WeChat. */
struct question {
	const struct account	*account;
	struct unionid_source	*source;
	struct slice		 openid;
	int64_t			 deadline_ms;

	struct buf		*device;
	char			*why;
	enum error		 er;
	enum unionid_answer	 answer;
	bool			 probing;	/* it asks after a pause, alone */

	struct question		*next;
	bool			 answered;
	int			 waiting;	/* threads that wait for this answer */
};

/* Of each account. */
struct unionid_source {
	struct question		*questions;	/* that are not answered yet */
	struct buf		 token;		/* empty: no token */
	uint64_t		 number;	/* of the token: 1 is the first one */
	bool			 fetching;	/* a thread fetches a token now */
	unsigned		 failures;	/* to get a token */
	unsigned		 pauses;	/* since the last call that worked */
	int64_t			 pause_ms;	/* when to call again, monotonic; 0: calls work */
	char			 suspect[SUSPECT]; /* WeChat did not answer about this user */
	char			 why[TOKEN_CLIENT_WHY]; /* the last failure */
};

struct unionid {
	const struct conf	*conf;
	struct http_client	*http;
	struct store		*store;
	struct access_tokens	*tokens;
	pthread_mutex_t		 lock;		/* for the sources, and for the questions in them */
	pthread_cond_t		 changed;	/* a token or an answer is there */
	struct unionid_source	 sources[];	/* one for each account */
};

struct unionid *
unionid_new(const struct conf *c, struct http_client *h, struct store *s, struct access_tokens *ts)
{
	struct unionid	*u;

	if ((u = calloc(1, sizeof(*u) + c->n * sizeof(u->sources[0]))) == NULL)
		return NULL;
	u->conf = c;
	u->http = h;
	u->store = s;
	u->tokens = ts;
	(void)pthread_mutex_init(&u->lock, NULL);
	thread_cond_init(&u->changed);
	return u;
}

void
unionid_free(struct unionid *u)
{
	size_t	 i;

	if (u == NULL)
		return;
	for (i = 0; i < u->conf->n; i++)
		buf_free(&u->sources[i].token);
	(void)pthread_cond_destroy(&u->changed);
	(void)pthread_mutex_destroy(&u->lock);
	free(u);
}

static enum error
append_unionid(struct db *db, struct buf *out, enum sql sql, const char *appid,
    struct slice openid)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;

	er = db_start(db, &rows, sql, DB_VALUES(db_s(appid), db_short(openid)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		s = db_col(&rows, 0);
		er = buf_put(out, s.p, s.len);
	}
	db_end(&rows);
	return er;
}

enum error
unionid_find(struct db *db, struct buf *out, const char *appid, struct slice openid)
{
	return append_unionid(db, out, SQL_UNIONID_FIND, appid, openid);
}

enum error
unionid_store(struct db *db, const char *appid, struct slice openid, struct slice unionid)
{
	int64_t		 changed = 0;
	enum error	 er;

	er = db_run(db, &changed, SQL_UNIONID_PUT, DB_VALUES(db_s(appid), db_short(openid),
	    db_short(unionid)));
	if (er != ERR_OK || changed == 0 || (er = db_run(db, NULL, SQL_FOLLOWER_DEVICE,
	    DB_VALUES(db_short(unionid), db_s(appid), db_short(openid)))) != ERR_OK)
		return er;
	return event_store_join(db, appid, openid, unionid);
}

enum error
unionid_hold(struct db *db, struct buf *out, const char *appid, struct slice openid)
{
	/* The mark comes first: a row that is there can be locked. */
	const enum error	 er = db_run(db, NULL, SQL_UNIONID_MARK, DB_VALUES(db_s(appid),
				    db_short(openid)));

	return er != ERR_OK ? er : append_unionid(db, out, SQL_UNIONID_HOLD, appid, openid);
}

static void
set_why(struct question *q, const char *why)
{
	(void)snprintf(q->why, TOKEN_CLIENT_WHY, "%s", why);
}

/*
 * The store.
 */

static enum error
read_user(struct db *db, void *arg)
{
	struct question	*q = arg;
	enum error	 er;

	buf_reset(q->device);
	er = unionid_find(db, q->device, q->account->appid, q->openid);
	q->answer = er == ERR_OK && q->device->len != 0 ? UNIONID_THERE : UNIONID_FAILED;
	return er;
}

static enum error
write_user(struct db *db, void *arg)
{
	const struct question	*q = arg;

	return unionid_store(db, q->account->appid, q->openid, buf_slice(q->device));
}

static void
use_unionid_store(struct unionid *u, struct question *q, enum store_need need, store_work *work)
{
	q->er = store_do(u->store, need, work, q, q->deadline_ms);
	if (q->er == ERR_STORE)
		store_why(u->store, q->why, TOKEN_CLIENT_WHY);
}

/*
 * The control server and WeChat.
 */

static int64_t
pause_after(unsigned pauses)
{
	int64_t	 ms = PAUSE_MS;

	for (; pauses != 0 && ms < PAUSE_MAX_MS; pauses--)
		ms *= 2;
	return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

/* Adds to why that there is a pause; a long why is cut. */
static void
tell_pause(char why[TOKEN_CLIENT_WHY], int64_t ms)
{
	char	 text[64];
	size_t	 len = strlen(why);
	int	 n;

	n = snprintf(text, sizeof(text), "; nobody is asked for %lld s", (long long)ms / 1000);
	if (len + (size_t)n >= TOKEN_CLIENT_WHY)
		len = TOKEN_CLIENT_WHY - 1 - (size_t)n;
	memcpy(why + len, text, (size_t)n + 1);
}

/*
 * Begins a pause after a failure that concerns all users of the account.  If several threads fail
 * at once, only the first one begins it, and only that one's why tells of the pause.
 */
static void
begin_pause(struct unionid_source *s, struct question *q)
{
	const int64_t	 now_ms = clock_mono_ms(), ms = pause_after(s->pauses);

	if (s->pause_ms > now_ms && !q->probing)
		return;
	q->probing = false;
	s->pauses++;
	s->pause_ms = now_ms + ms;
	(void)snprintf(s->why, sizeof(s->why), "%s", q->why);
	tell_pause(q->why, ms);
}

static void
end_pause(struct unionid_source *s)
{
	s->pauses = 0;
	s->pause_ms = 0;
	*s->suspect = '\0';
}

/*
 * WeChat did not answer about a user.  The reason may be this user; so others are asked about until
 * there is no answer about another one, either.
 */
static void
suspect_user(struct unionid_source *s, struct question *q)
{
	if (q->probing || (*s->suspect != '\0' && !slice_is(q->openid, s->suspect)))
		begin_pause(s, q);
	else
		(void)snprintf(s->suspect, sizeof(s->suspect), "%.*s", (int)q->openid.len,
		    q->openid.p);
}

/*
 * While calls fail, one thread tries after each pause.  The others do not wait for it: they fail
 * with the last failure.
 */
static bool
is_asking_allowed(struct unionid *u, struct question *q)
{
	struct unionid_source	*s = q->source;
	bool			 may;

	(void)pthread_mutex_lock(&u->lock);
	may = s->pause_ms <= clock_mono_ms();
	if (!may)
		set_why(q, s->why);
	else if ((q->probing = s->pause_ms != 0))
		s->pause_ms = q->deadline_ms + PAUSE_MS;
	(void)pthread_mutex_unlock(&u->lock);
	return may;
}

/* Gets a token with the account's secret.  If t has a token, that one was refused. */
static enum token_client_result
get_own_token(struct unionid *u, struct question *q, struct buf *token, struct access_token *t)
{
	const bool	 ok = (*t->text != '\0' ? access_token_replace : access_token_get)(
			     u->tokens, t, q->account, q->deadline_ms, q->why);

	return ok && buf_puts(token, t->text) == ERR_OK ? TOKEN_CLIENT_OK : TOKEN_CLIENT_FAILED;
}

/* Fetches a token.  The lock is held, but not during the call. */
static bool
fetch_source_token(struct unionid *u, struct question *q)
{
	struct unionid_source		*s = q->source;
	struct buf			 token = { 0 };
	struct access_token		 t = { .fetched_s = 0 };
	enum token_client_result	 result;

	if (s->token.len != 0 && s->token.len <= TOKEN_MAX)
		memcpy(t.text, s->token.p, s->token.len);
	s->fetching = true;
	(void)pthread_mutex_unlock(&u->lock);
	result = conf_is_set(q->account->control_url) ?
	    token_client_get_token(u->http, &token, q->account, q->deadline_ms, q->why) :
	    get_own_token(u, q, &token, &t);
	(void)pthread_mutex_lock(&u->lock);
	s->fetching = false;
	(void)pthread_cond_broadcast(&u->changed);
	if (result != TOKEN_CLIENT_OK) {
		s->failures++;
		begin_pause(s, q);
		buf_free(&token);
		return false;
	}
	buf_free(&s->token);
	s->token = token;
	s->number++;
	return true;
}

/* Waits for a token with another number, or fetches it.  The lock is held.  False: see q->why. */
static bool
wait_for_token(struct unionid *u, struct question *q, uint64_t number)
{
	struct unionid_source	*s = q->source;
	const unsigned		 failures = s->failures;
	bool			 in_time = true;

	while (s->fetching && in_time)
		in_time = thread_wait(&u->changed, &u->lock, q->deadline_ms);
	if (s->token.len != 0 && s->number != number)
		return true;
	if (!s->fetching && s->failures == failures)
		return fetch_source_token(u, q);
	set_why(q, s->fetching ? late : s->why);
	return false;
}

/* Gets a token whose number is not *number, and sets *number.  False: see q->why and q->er. */
static bool
copy_token(struct unionid *u, struct question *q, struct buf *token, uint64_t *number)
{
	bool	 there;

	buf_reset(token);
	(void)pthread_mutex_lock(&u->lock);
	there = wait_for_token(u, q, *number);
	if (there && (q->er = buf_put(token, q->source->token.p, q->source->token.len)) != ERR_OK)
		there = false;
	*number = q->source->number;
	(void)pthread_mutex_unlock(&u->lock);
	return there;
}

/* What a result means for the account.  The lock is held. */
static void
judge_result(struct unionid_source *s, struct question *q, enum token_client_result result)
{
	switch (result) {
	case TOKEN_CLIENT_FAILED:
	case TOKEN_CLIENT_BAD_TOKEN:
		begin_pause(s, q);
		break;
	case TOKEN_CLIENT_NO_ANSWER:
		suspect_user(s, q);
		break;
	case TOKEN_CLIENT_OK:
	case TOKEN_CLIENT_STRANGE:
	case TOKEN_CLIENT_NO_UNIONID:
		end_pause(s);
		break;
	}
}

static enum token_client_result
ask_wechat(struct unionid *u, struct question *q)
{
	enum token_client_result	 result = TOKEN_CLIENT_BAD_TOKEN;
	struct buf			 token = { 0 };
	uint64_t			 number = 0;
	int				 i;

	for (i = 0; i < TRIES && result == TOKEN_CLIENT_BAD_TOKEN; i++)
		result = !copy_token(u, q, &token, &number) ? TOKEN_CLIENT_FAILED :
		    token_client_get_unionid(u->http, q->device, u->conf->set.wechat_api,
		    buf_slice(&token), q->openid, q->deadline_ms, q->why);
	buf_free(&token);
	(void)pthread_mutex_lock(&u->lock);
	if (result == TOKEN_CLIENT_BAD_TOKEN && number == q->source->number)
		buf_free(&q->source->token);
	judge_result(q->source, q, result);
	(void)pthread_mutex_unlock(&u->lock);
	return result;
}

/*
 * Threads.
 */

static void
look_up_unionid(struct unionid *u, struct question *q)
{
	/* Another thread or process may have stored the unionid just now. */
	use_unionid_store(u, q, STORE_READ, read_user);
	if (q->er != ERR_OK || q->answer == UNIONID_THERE || !is_asking_allowed(u, q))
		return;
	switch (ask_wechat(u, q)) {
	case TOKEN_CLIENT_OK:
		q->answer = UNIONID_THERE;
		/* It never changes.  If a power cut undoes this write, WeChat is asked again. */
		use_unionid_store(u, q, STORE_WRITE, write_user);
		break;
	case TOKEN_CLIENT_NO_UNIONID:
		q->answer = UNIONID_NONE;
		buf_reset(q->device);
		q->er = buf_put(q->device, q->openid.p, q->openid.len);
		break;
	case TOKEN_CLIENT_FAILED:
	case TOKEN_CLIENT_NO_ANSWER:
	case TOKEN_CLIENT_STRANGE:
	case TOKEN_CLIENT_BAD_TOKEN:
		break;
	}
}

static bool
is_same_text(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* The open question about the same user; NULL: there is no such question. */
static struct question *
find_question(const struct question *q)
{
	struct question	*other = q->source->questions;

	while (other != NULL && !is_same_text(other->openid, q->openid))
		other = other->next;
	return other;
}

/* Waits for the answer of the thread that asks about the same user.  The lock is held. */
static void
share_answer(struct unionid *u, struct question *q, struct question *other)
{
	other->waiting++;
	while (!other->answered && thread_wait(&u->changed, &u->lock, q->deadline_ms))
		;
	if (!other->answered) {
		set_why(q, late);
	} else {
		set_why(q, other->why);
		q->answer = other->answer;
		q->er = other->er;
		if (q->er == ERR_OK)
			q->er = buf_put(q->device, other->device->p, other->device->len);
	}
	if (--other->waiting == 0)
		(void)pthread_cond_broadcast(&u->changed);
}

/* Looks the user up, for other threads, too.  The lock is held, but not during the look-up. */
static void
answer_question(struct unionid *u, struct question *q)
{
	struct question	**p;

	q->next = q->source->questions;
	q->source->questions = q;
	(void)pthread_mutex_unlock(&u->lock);
	look_up_unionid(u, q);
	(void)pthread_mutex_lock(&u->lock);
	for (p = &q->source->questions; *p != q; p = &(*p)->next)
		;
	*p = q->next;
	q->answered = true;
	(void)pthread_cond_broadcast(&u->changed);
	while (q->waiting != 0)
		(void)pthread_cond_wait(&u->changed, &u->lock);
}

static void
look_up_once(struct unionid *u, struct question *q)
{
	struct question	*other;

	buf_reset(q->device);
	(void)pthread_mutex_lock(&u->lock);
	if ((other = find_question(q)) != NULL)
		share_answer(u, q, other);
	else
		answer_question(u, q);
	(void)pthread_mutex_unlock(&u->lock);
}

enum error
unionid_device(struct unionid *u, struct buf *device, enum unionid_answer *answer,
    const struct account *a, struct slice openid, int64_t deadline_ms, char why[TOKEN_CLIENT_WHY])
{
	struct question	 q = {
		.account = a, .source = &u->sources[a - u->conf->accounts], .openid = openid,
		.deadline_ms = deadline_ms, .device = device, .why = why,
	};

	*why = '\0';
	*answer = UNIONID_THERE;
	if (a->identity == OPENID) {
		buf_reset(device);
		return buf_put(device, openid.p, openid.len);
	}
	use_unionid_store(u, &q, STORE_READ, read_user);
	if (q.er == ERR_OK && q.answer != UNIONID_THERE)
		look_up_once(u, &q);
	*answer = q.answer;
	if (q.er == ERR_OK && q.answer == UNIONID_THERE)
		*why = '\0';	/* it may have a failure before the success */
	return q.er;
}
