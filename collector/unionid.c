#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/clock.h"

enum {
	PAUSE_MS = 2000,	/* after a failure nobody is asked for so long */
	TRIES = 2		/* a token that WeChat refuses, and another one */
};

static const char	 late[] = "no time left";

/* A user whom WeChat is asked for; on the stack of the thread that does it. */
struct question {
	const struct account	*account;
	struct source		*source;
	struct slice		 openid;
	int64_t			 deadline_ms;

	struct buf		*device;
	char			*why;
	enum error		 er;
	bool			 known;

	struct question		*next;
	bool			 answered;
	int			 waiting;	/* threads that want to know the same */
};

/* Where the unionids of an account come from. */
struct source {
	struct question		*questions;	/* being asked */
	struct buf		 token;		/* empty: there is none */
	uint64_t		 number;	/* of the token: so many have there been */
	bool			 fetching;	/* somebody is */
	unsigned		 failures;
	int64_t			 pause_ms;	/* nobody asks before; 0: it works */
	char			 why[TOKEN_CLIENT_WHY]; /* the last failure */
};

struct unionid {
	const struct conf	*conf;
	struct http_client	*http;
	struct store		*store;
	struct access_tokens	*tokens;
	pthread_mutex_t		 lock;		/* of the sources, and of questions in them */
	pthread_cond_t		 changed;
	struct source		 sources[];	/* of the accounts */
};

struct unionid *
unionid_new(const struct conf *c, struct http_client *h, struct store *s, struct access_tokens *ts)
{
	pthread_condattr_t	 attr;
	struct unionid		*id;

	if ((id = calloc(1, sizeof(*id) + c->n * sizeof(id->sources[0]))) == NULL)
		return NULL;
	id->conf = c;
	id->http = h;
	id->store = s;
	id->tokens = ts;
	(void)pthread_mutex_init(&id->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&id->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	return id;
}

void
unionid_free(struct unionid *id)
{
	size_t	 i;

	if (id == NULL)
		return;
	for (i = 0; i < id->conf->n; i++)
		buf_free(&id->sources[i].token);
	(void)pthread_cond_destroy(&id->changed);
	(void)pthread_mutex_destroy(&id->lock);
	free(id);
}

enum error
unionid_find(struct db *db, struct buf *out, const char *appid, struct slice openid)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;

	er = db_start(db, &rows, "SELECT unionid FROM unionid WHERE appid = ? AND openid = ?",
	    DB_VALUES(db_s(appid), db_text(openid)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		s = db_col(&rows, 0);
		er = buf_put(out, s.p, s.len);
	}
	db_end(&rows);
	return er;
}

enum error
unionid_store(struct db *db, const char *appid, struct slice openid, struct slice unionid)
{
	return db_run(db, NULL, "INSERT OR IGNORE INTO unionid (appid, openid, unionid) "
	    "VALUES (?, ?, ?)", DB_VALUES(db_s(appid), db_text(openid), db_text(unionid)));
}

static void
say(struct question *q, const char *why)
{
	(void)snprintf(q->why, TOKEN_CLIENT_WHY, "%s", why);
}

/* Until something has changed.  False: it is until_ms. */
static bool
await(struct unionid *id, int64_t until_ms)
{
	const struct timespec	 until = { until_ms / 1000, until_ms % 1000 * 1000000 };

	return pthread_cond_timedwait(&id->changed, &id->lock, &until) == 0;
}

/*
 * The store.
 */

static enum error
read_pair(struct db *db, void *arg)
{
	struct question	*q = arg;
	enum error	 er;

	buf_reset(q->device);
	er = unionid_find(db, q->device, q->account->appid, q->openid);
	q->known = er == ERR_OK && q->device->len != 0;
	return er;
}

static enum error
write_pair(struct db *db, void *arg)
{
	const struct question	*q = arg;

	return unionid_store(db, q->account->appid, q->openid, buf_slice(q->device));
}

static void
in_store(struct unionid *id, struct question *q, enum store_need need, store_work *work)
{
	q->er = store_do(id->store, need, work, q, q->deadline_ms);
	if (q->er == ERR_STORE)
		store_why(id->store, q->why, TOKEN_CLIENT_WHY);
}

/*
 * The control server and WeChat.
 */

static void
note_failure(struct source *s, const char *why)
{
	s->failures++;
	s->pause_ms = clock_mono_ms() + PAUSE_MS;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
}

/* While nobody answers, one tries now and then, and the others do not wait for that one. */
static bool
may_ask(struct unionid *id, struct question *q)
{
	struct source	*s = q->source;
	bool		 may;

	(void)pthread_mutex_lock(&id->lock);
	may = s->pause_ms <= clock_mono_ms();
	if (!may)
		say(q, s->why);
	else if (s->pause_ms != 0)
		s->pause_ms = q->deadline_ms + PAUSE_MS;
	(void)pthread_mutex_unlock(&id->lock);
	return may;
}

/* A token other than that of t, the account's own one. */
static enum token_client_result
own_token(struct unionid *id, struct question *q, struct buf *token, struct access_token *t)
{
	const bool	 there = (*t->text != '\0' ? access_token_replace : access_token_get)(id->tokens, t,
			     q->account, q->deadline_ms, q->why);

	return there && buf_puts(token, t->text) == ERR_OK ? TOKEN_CLIENT_OK : TOKEN_CLIENT_FAILED;
}

/* Fetches a token, with the lock held but for the call itself. */
static bool
fetch(struct unionid *id, struct question *q)
{
	struct source			*s = q->source;
	struct buf			 token = { 0 };
	struct access_token		 t = { .fetched_s = 0 };
	enum token_client_result	 result;

	if (s->token.len != 0 && s->token.len <= TOKEN_MAX)
		memcpy(t.text, s->token.p, s->token.len);
	s->fetching = true;
	(void)pthread_mutex_unlock(&id->lock);
	result = conf_is_set(q->account->control_url) ?
	    token_client_get_token(id->http, &token, q->account, q->deadline_ms, q->why) :
	    own_token(id, q, &token, &t);
	(void)pthread_mutex_lock(&id->lock);
	s->fetching = false;
	(void)pthread_cond_broadcast(&id->changed);
	if (result != TOKEN_CLIENT_OK) {
		note_failure(s, q->why);
		buf_free(&token);
		return false;
	}
	buf_free(&s->token);
	s->token = token;
	s->number++;
	return true;
}

/* There is a token, other than that of the number; with the lock held. */
static bool
need_token(struct unionid *id, struct question *q, uint64_t number)
{
	struct source	*s = q->source;
	const unsigned	 failures = s->failures;
	bool		 in_time = true;

	while (s->fetching && in_time)
		in_time = await(id, q->deadline_ms);
	if (s->token.len != 0 && s->number != number)
		return true;
	if (!s->fetching && s->failures == failures)
		return fetch(id, q);
	say(q, s->fetching ? late : s->why);
	return false;
}

/* The token replaces what token held, *number becomes its number. */
static bool
take_token(struct unionid *id, struct question *q, struct buf *token, uint64_t *number)
{
	bool	 there;

	buf_reset(token);
	(void)pthread_mutex_lock(&id->lock);
	there = need_token(id, q, *number);
	if (there && (q->er = buf_put(token, q->source->token.p, q->source->token.len)) != ERR_OK)
		there = false;
	*number = q->source->number;
	(void)pthread_mutex_unlock(&id->lock);
	return there;
}

static enum token_client_result
ask_wechat(struct unionid *id, struct question *q)
{
	enum token_client_result	 result = TOKEN_CLIENT_BAD_TOKEN;
	struct buf			 token = { 0 };
	uint64_t			 number = 0;
	int				 i;

	for (i = 0; i < TRIES && result == TOKEN_CLIENT_BAD_TOKEN; i++)
		result = !take_token(id, q, &token, &number) ? TOKEN_CLIENT_FAILED :
		    token_client_get_unionid(id->http, q->device, id->conf->set.wechat_api,
		    buf_slice(&token), q->openid, q->deadline_ms, q->why);
	buf_free(&token);
	(void)pthread_mutex_lock(&id->lock);
	if (result == TOKEN_CLIENT_BAD_TOKEN && number == q->source->number)
		buf_free(&q->source->token);
	if (result == TOKEN_CLIENT_BAD_TOKEN || result == TOKEN_CLIENT_FAILED)
		note_failure(q->source, q->why);
	else
		q->source->pause_ms = 0;
	(void)pthread_mutex_unlock(&id->lock);
	return result;
}

/*
 * Threads.
 */

static void
ask(struct unionid *id, struct question *q)
{
	/* Another thread, or process, may have kept it just now. */
	in_store(id, q, STORE_READ, read_pair);
	if (q->er != ERR_OK || q->known || !may_ask(id, q))
		return;
	q->known = ask_wechat(id, q) == TOKEN_CLIENT_OK;
	/* The pair does not change: one that a power cut undoes is asked for again. */
	if (q->known)
		in_store(id, q, STORE_WRITE, write_pair);
}

static bool
same(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* The question of the same user that is being asked, NULL: there is none. */
static struct question *
find(const struct question *q)
{
	struct question	*other = q->source->questions;

	while (other != NULL && !same(other->openid, q->openid))
		other = other->next;
	return other;
}

/* Another thread's answer is that to our question too; with the lock held. */
static void
share(struct unionid *id, struct question *q, struct question *other)
{
	other->waiting++;
	while (!other->answered && await(id, q->deadline_ms))
		;
	if (!other->answered) {
		say(q, late);
	} else {
		say(q, other->why);
		q->known = other->known;
		q->er = other->er;
		if (q->er == ERR_OK)
			q->er = buf_put(q->device, other->device->p, other->device->len);
	}
	if (--other->waiting == 0)
		(void)pthread_cond_broadcast(&id->changed);
}

/* Asks for others too; with the lock held but for the asking. */
static void
ask_for_all(struct unionid *id, struct question *q)
{
	struct question	**p;

	q->next = q->source->questions;
	q->source->questions = q;
	(void)pthread_mutex_unlock(&id->lock);
	ask(id, q);
	(void)pthread_mutex_lock(&id->lock);
	for (p = &q->source->questions; *p != q; p = &(*p)->next)
		;
	*p = q->next;
	q->answered = true;
	(void)pthread_cond_broadcast(&id->changed);
	while (q->waiting != 0)
		(void)pthread_cond_wait(&id->changed, &id->lock);
}

static void
find_out(struct unionid *id, struct question *q)
{
	struct question	*other;

	buf_reset(q->device);
	(void)pthread_mutex_lock(&id->lock);
	if ((other = find(q)) != NULL)
		share(id, q, other);
	else
		ask_for_all(id, q);
	(void)pthread_mutex_unlock(&id->lock);
}

enum error
unionid_device(struct unionid *id, struct buf *device, bool *known, const struct account *a,
    struct slice openid, int64_t deadline_ms, char why[TOKEN_CLIENT_WHY])
{
	struct question	 q = {
		.account = a, .source = &id->sources[a - id->conf->accounts], .openid = openid,
		.deadline_ms = deadline_ms, .device = device, .why = why,
	};

	*why = '\0';
	*known = true;
	if (a->identity == OPENID) {
		buf_reset(device);
		return buf_put(device, openid.p, openid.len);
	}
	in_store(id, &q, STORE_READ, read_pair);
	if (q.er == ERR_OK && !q.known)
		find_out(id, &q);
	*known = q.known;
	if (q.er == ERR_OK && q.known)
		*why = '\0';	/* a token may have been refused meanwhile */
	return q.er;
}
