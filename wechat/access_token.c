#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/json_write.h"
#include "core/query.h"
#include "state/lease.h"
#include "wechat/access_token.h"
#include "wechat/errcode.h"

enum {
	LIFE_MAX_S	= 7200,	/* WeChat gives tokens for this long at most */
	OVERLAP_S	= 300,	/* before its end WeChat gives a new one; both are valid */
	SPREAD_S	= 300,	/* before that; accounts renew at different times in it */
	BACK_S		= 60,	/* a clock may be set back by this much without effect */
	CALL_MIN_MS	= 300,	/* with less time left there is no call */
	PAUSE_MIN_S	= 1,	/* after a failure; it doubles each time, up to PAUSE_MAX_S */
	PAUSE_MAX_S	= 300,
	DOUBLINGS	= 9,
	FIX_S		= 3600,	/* the pause if somebody has to fix something */
	FORCED_DAY	= 20,	/* WeChat's quotas */
	FORCED_GAP_S	= 30,
	LEGACY_DAY	= 2000,
	STABLE_DAY	= 500000
};

struct access_tokens {
	const struct conf	*conf;
	struct http_client	*http;
	struct store		*store;
};

/* A row of the table token. */
struct token_row {
	struct access_token	 token;		/* text "": there is no token */
	int64_t			 renew_s;	/* when to get a newer one; epoch seconds */
	int64_t			 fails;		/* one after the other, up to now */
	int64_t			 pause_ms;	/* until then WeChat is not asked; epoch ms */
	int64_t			 day;		/* of China; calls and forced are of this day */
	int64_t			 calls;
	int64_t			 forced;
	int64_t			 forced_s;	/* the last time; epoch seconds */
	char			 why[TOKEN_WHY];/* the last failure */
};

/* Which token the caller wants. */
enum token_aim {
	GOOD,		/* one that need not be renewed yet; else the old one */
	ANOTHER,	/* one other than `refused`, which WeChat has refused */
	FORCED		/* a new one, now */
};

struct token_request {
	struct access_tokens	*ts;
	const struct account	*account;
	enum token_aim		 aim;
	const char		*refused;
	int64_t			 deadline_ms;
	char			*why;
	char			 config[DIGEST_SHA256_HEX + 1]; /* see name_row() */
	int64_t			 now_ms;	/* when the row was read; epoch ms */
	struct token_row	 row;
};

/* The failure in a row from before a call until its answer is there. */
static const char	 unanswered[] =
    "the process that asked WeChat ended before the answer came";

/* For how long WeChat is not asked after an error of this kind; 0: see pause_of(). */
static const int	 pauses_s[ERRCODE__MAX] = {
	[ERRCODE_TOKEN]	= FIX_S,
	[ERRCODE_ADDRESS]	= PAUSE_MAX_S,
	[ERRCODE_SETTING]	= FIX_S,
	[ERRCODE_MINUTE]	= 60,
	[ERRCODE_DENIED]	= FIX_S,
	[ERRCODE_USER]	= FIX_S,
	[ERRCODE_BUG]	= FIX_S,
};

struct access_tokens *
access_token_new(const struct conf *conf, struct http_client *h, struct store *s)
{
	struct access_tokens	*ts;

	if ((ts = malloc(sizeof(*ts))) == NULL)
		return NULL;
	*ts = (struct access_tokens){ conf, h, s };
	return ts;
}

void
access_token_free(struct access_tokens *ts)
{
	free(ts);
}

/*
 * The store.
 */

/*
 * Makes the name of the row, a hash of what WeChat is asked with.  So other settings have another
 * row, and their own pause.
 */
static bool
name_row(struct token_request *req)
{
	const struct settings	*set = &req->ts->conf->set;
	const struct slice	 parts[] = {
		slice_of(set->wechat_api), slice_of(set->legacy_token != 0 ? " legacy " : " "),
		slice_of(req->account->secret),
	};
	struct digest		*d = digest_new(DIGEST_SHA256);

	if (d == NULL) {
		errcode_print(req->why, TOKEN_WHY, "%s", error_table[ERR_NOMEM].name);
		return false;
	}
	digest_hex(d, req->config, parts, sizeof(parts) / sizeof(parts[0]));
	digest_free(d);
	return true;
}

/* Copies s with a NUL, and cuts it if it does not fit. */
static void
copy_cut(char *to, size_t size, struct slice s)
{
	const size_t	 len = s.len < size ? s.len : size - 1;

	if (len != 0)
		memcpy(to, s.p, len);
	to[len] = '\0';
}

/* A column with epoch seconds, by this host's clock. */
static int64_t
read_second(const struct db_rows *rows, int col)
{
	return db_local_s(rows->db, db_col_bounded(rows, col));
}

static enum error
read_token_row(struct db *db, void *arg)
{
	struct token_request	*req = arg;
	struct token_row	*r = &req->row;
	struct db_rows		 rows;
	enum error		 er;

	memset(r, 0, sizeof(*r));
	er = db_start(db, &rows, SQL_TOKEN_FIND, DB_VALUES(db_s(req->account->appid),
	    db_s(req->config)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		copy_cut(r->token.text, sizeof(r->token.text), db_col(&rows, 0));
		r->token.fetched_s = read_second(&rows, 1);
		r->token.expires_s = read_second(&rows, 2);
		r->renew_s = read_second(&rows, 3);
		r->fails = db_col_bounded(&rows, 4);
		r->pause_ms = db_local_ms(db, db_col_bounded(&rows, 5));
		r->day = db_col_bounded(&rows, 6);
		r->calls = db_col_bounded(&rows, 7);
		r->forced = db_col_bounded(&rows, 8);
		r->forced_s = read_second(&rows, 9);
		copy_cut(r->why, sizeof(r->why), db_col(&rows, 10));
	}
	db_end(&rows);
	return er;
}

enum error
access_token_read(struct db *db, struct access_token_state *t, const struct conf *conf,
    const struct account *a)
{
	struct access_tokens	 ts = { .conf = conf };
	struct token_request	 req = { .ts = &ts, .account = a, .why = t->why };
	struct token_row	*r = &req.row;
	enum error		 er;

	memset(t, 0, sizeof(*t));
	if (!name_row(&req))
		return ERR_NOMEM;
	if ((er = read_token_row(db, &req)) != ERR_OK)
		return er;
	t->known = r->calls != 0;
	if (*r->token.text != '\0') {
		t->fetched_s = r->token.fetched_s;
		t->expires_s = r->token.expires_s;
	}
	t->fails = r->fails - (strcmp(r->why, unanswered) == 0);
	(void)snprintf(t->why, sizeof(t->why), "%s", t->fails > 0 ? r->why : "");
	return ERR_OK;
}

/* Writes the row, and deletes rows that nobody has used for days. */
static enum error
write_token_row(struct db *db, void *arg)
{
	const struct token_request	*req = arg;
	const struct token_row		*r = &req->row;
	enum error			 er;

	er = db_run(db, NULL, SQL_TOKEN_SWEEP, DB_VALUES(db_i(r->day - 2)));
	if (er != ERR_OK)
		return er;
	return db_run(db, NULL, SQL_TOKEN_PUT, DB_VALUES(db_s(req->account->appid),
	    db_s(req->config), db_s(*r->token.text != '\0' ? r->token.text : NULL),
	    db_i(db_stored_s(db, r->token.fetched_s)), db_i(db_stored_s(db, r->token.expires_s)),
	    db_i(db_stored_s(db, r->renew_s)), db_i(r->fails),
	    db_i(db_stored_ms(db, r->pause_ms)), db_i(r->day), db_i(r->calls), db_i(r->forced),
	    db_i(db_stored_s(db, r->forced_s)), db_s(r->why)));
}

static bool
use_store(struct token_request *req, enum store_need need, store_work *work)
{
	enum error	 er = store_do(req->ts->store, need, work, req, req->deadline_ms);
	char		 why[TOKEN_WHY] = "";

	if (er == ERR_STORE)
		store_why(req->ts->store, why, sizeof(why));
	if (er != ERR_OK)
		errcode_print(req->why, TOKEN_WHY, "%s: %s", error_table[er].name, why);
	return er == ERR_OK;
}

/* Reads the row.  A pause that is too long because a clock was set back is dropped. */
static bool
load_row(struct token_request *req)
{
	struct token_row	*r = &req->row;
	int64_t			 now_ms, day;

	if (!use_store(req, STORE_READ, read_token_row))
		return false;
	req->now_ms = now_ms = clock_wall_ms();
	day = calendar_day_at(store_now_ms(req->ts->store) / 1000);
	if (r->pause_ms > now_ms + (CALENDAR_DAY_S + BACK_S) * INT64_C(1000))
		r->pause_ms = 0;
	if (r->day != day)
		r->calls = r->forced = 0;
	r->day = day;
	return true;
}

static bool
save_row(struct token_request *req)
{
	return use_store(req, STORE_WRITE, write_token_row);
}

/*
 * What the row says.
 */

/* There is a valid token that meets the aim; it may end soon. */
static bool
is_usable(const struct token_request *req)
{
	const struct access_token	*t = &req->row.token;
	const int64_t			 now_s = req->now_ms / 1000;

	if (*t->text == '\0' || now_s >= t->expires_s || now_s < t->fetched_s - BACK_S)
		return false;
	return req->aim != ANOTHER || strcmp(t->text, req->refused) != 0;
}

/* The row has the answer: no call is needed. */
static bool
is_answered(const struct token_request *req)
{
	return req->aim != FORCED && is_usable(req) &&
	    (req->aim == ANOTHER || req->now_ms / 1000 < req->row.renew_s);
}

/* No quota of WeChat's is used up.  If one is, why tells which. */
static bool
is_within_quotas(const struct token_request *req)
{
	const bool		 legacy = req->ts->conf->set.legacy_token != 0;
	const int		 max = legacy ? LEGACY_DAY : STABLE_DAY;
	const struct token_row	*r = &req->row;
	const int64_t		 gap_s = req->now_ms / 1000 - r->forced_s;

	if (r->calls >= max) {
		errcode_print(req->why, TOKEN_WHY, "%d access_tokens have been asked for today, "
		    "and WeChat gives no more; wait until tomorrow", max);
		return false;
	}
	if (req->aim != FORCED || legacy)
		return true;
	if (r->forced >= FORCED_DAY)
		errcode_print(req->why, TOKEN_WHY, "%d access_tokens have been forced today, and "
		    "WeChat allows no more; wait until tomorrow", FORCED_DAY);
	else if (gap_s >= 0 && gap_s < FORCED_GAP_S)
		errcode_print(req->why, TOKEN_WHY, "an access_token was forced %d s ago; WeChat "
		    "wants %d s between two", (int)gap_s, FORCED_GAP_S);
	else
		return true;
	return false;
}

/* WeChat can be asked now.  If not, why tells the reason. */
static bool
is_call_allowed(const struct token_request *req)
{
	const struct token_row	*r = &req->row;

	/* Somebody who forces a token may have fixed what was wrong. */
	if (r->pause_ms > req->now_ms && req->aim != FORCED) {
		errcode_print(req->why, TOKEN_WHY, "%s", r->why);
		return false;
	}
	if (!is_within_quotas(req))
		return false;
	if (req->deadline_ms - clock_mono_ms() >= CALL_MIN_MS)
		return true;
	errcode_print(req->why, TOKEN_WHY, "no time left to ask WeChat");
	return false;
}

/*
 * WeChat.
 */

/* Appends "name":"value", */
static enum error
append_json_member(struct buf *out, const char *name, const char *value)
{
	enum error	 er;

	if ((er = json_write_string(out, slice_of(name))) != ERR_OK ||
	    (er = buf_putc(out, ':')) != ERR_OK ||
	    (er = json_write_string(out, slice_of(value))) != ERR_OK)
		return er;
	return buf_putc(out, ',');
}

/* WeChat's getStableAccessToken: a POST of a JSON object. */
static enum error
make_stable_call(struct buf *url, struct buf *body, const struct token_request *req)
{
	enum error	 er;

	if ((er = buf_puts(url, "/cgi-bin/stable_token")) != ERR_OK ||
	    (er = buf_putc(body, '{')) != ERR_OK ||
	    (er = append_json_member(body, "grant_type", "client_credential")) != ERR_OK ||
	    (er = append_json_member(body, "appid", req->account->appid)) != ERR_OK ||
	    (er = append_json_member(body, "secret", req->account->secret)) != ERR_OK)
		return er;
	return buf_printf(body, "\"force_refresh\":%s}", req->aim == FORCED ? "true" : "false");
}

/* WeChat's "Get access_token": a GET, all is in the URL. */
static enum error
make_legacy_call(struct buf *url, const struct token_request *req)
{
	enum error	 er;

	if ((er = buf_puts(url, "/cgi-bin/token?grant_type=client_credential&appid=")) != ERR_OK ||
	    (er = query_encode(url, slice_of(req->account->appid))) != ERR_OK ||
	    (er = buf_puts(url, "&secret=")) != ERR_OK)
		return er;
	return query_encode(url, slice_of(req->account->secret));
}

static enum error
make_call(struct buf *url, struct buf *body, const struct token_request *req)
{
	const char	*api = req->ts->conf->set.wechat_api;
	size_t		 len = strlen(api);
	enum error	 er;

	if (len != 0 && api[len - 1] == '/')
		len--;
	if ((er = buf_put(url, api, len)) != ERR_OK)
		return er;
	er = req->ts->conf->set.legacy_token != 0 ? make_legacy_call(url, req) :
	    make_stable_call(url, body, req);
	return er == ERR_OK ? buf_putc(url, '\0') : er;
}

/* When the call must be done.  If there is still a usable token: half of the time that is left. */
static int64_t
call_deadline_of(const struct token_request *req)
{
	const int64_t	 now_ms = clock_mono_ms();

	return req->aim == GOOD && is_usable(req) ? now_ms + (req->deadline_ms - now_ms) / 2 :
	    req->deadline_ms;
}

/* Calls WeChat; the caller frees the answer.  NULL: there is no JSON answer, see why. */
static struct json *
call_wechat(struct token_request *req)
{
	struct http_call	 call = { .get = req->ts->conf->set.legacy_token != 0 };
	struct http_answer	 answer = { 0 };
	struct buf		 url = { 0 }, body = { 0 };
	struct json		*j = NULL;
	enum error		 er;

	if ((er = make_call(&url, &body, req)) != ERR_OK) {
		errcode_print(req->why, TOKEN_WHY, "%s", error_table[er].name);
		goto out;
	}
	call.url = url.p;
	call.body = buf_slice(&body);
	call.deadline_ms = call_deadline_of(req);
	http_client_do(req->ts->http, &answer, &call);
	j = errcode_parse(&answer, "WeChat", req->why, TOKEN_WHY);
out:
	buf_free(&answer.body);
	buf_free(&body);
	buf_free(&url);
	return j;
}

/* Printable ASCII without blanks, and not too long. */
static bool
is_token_text(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.len != 0 && s.len <= TOKEN_MAX;
}

/*
 * When to renew a token: 5 to 10 minutes before its end, if it is valid for so long; else as soon
 * as WeChat has another one.
 */
static int64_t
renewal_of(const struct token_request *req, int64_t begin_s, int64_t life_s)
{
	const char	*c = req->config;
	const char	 digits[] = { c[0], c[1], c[2], c[3], '\0' };
	const int64_t	 spread_s = strtol(digits, NULL, 16) % SPREAD_S;

	if (life_s > OVERLAP_S + SPREAD_S)
		return begin_s + life_s - OVERLAP_S - spread_s;
	if (life_s > OVERLAP_S)
		return begin_s + life_s - OVERLAP_S + 1;
	return begin_s + (life_s + 1) / 2;
}

/* For how many seconds WeChat is not asked after a failure of this kind. */
static int64_t
pause_of(const struct token_request *req, enum errcode_kind kind)
{
	int64_t	 s = PAUSE_MAX_S;

	if (kind == ERRCODE_DAY)		/* until the day in China is over */
		return calendar_day_start(req->row.day + 1) + 1 - req->now_ms / 1000;
	if (pauses_s[kind] != 0)
		return pauses_s[kind];
	if (req->row.fails <= DOUBLINGS && PAUSE_MIN_S << (req->row.fails - 1) < PAUSE_MAX_S)
		s = PAUSE_MIN_S << (req->row.fails - 1);
	return s;
}

static void
set_pause(struct token_request *req, enum errcode_kind kind)
{
	req->row.pause_ms = clock_wall_ms() + pause_of(req, kind) * 1000;
	(void)snprintf(req->row.why, sizeof(req->row.why), "%s", req->why);
}

/* Puts WeChat's token into the row. */
static void
accept_token(struct token_request *req, struct slice text, int64_t begin_s, int64_t life_s)
{
	struct token_row	*r = &req->row;
	const bool		 same = slice_is(text, r->token.text);

	copy_cut(r->token.text, sizeof(r->token.text), text);
	if (!same)
		r->token.fetched_s = begin_s;
	r->token.expires_s = begin_s + life_s;
	r->renew_s = renewal_of(req, begin_s, life_s);
	*r->why = *req->why = '\0';
	if (same && req->aim != GOOD) {
		errcode_print(req->why, TOKEN_WHY, "WeChat gives the same access_token again%s",
		    req->aim == ANOTHER ? " that it has refused" : ", although forced");
		set_pause(req, ERRCODE_OTHER);
	} else {
		r->fails = r->pause_ms = 0;
	}
}

static void
read_token_answer(struct token_request *req, const struct json *j, int64_t begin_s)
{
	const struct slice	 text = json_text(j, "access_token");
	const int64_t		 code = errcode_code(j);
	const struct errcode	*e = errcode_of_token(code);
	int64_t			 life_s = errcode_integer(j, "$.expires_in");

	if (life_s > LIFE_MAX_S)
		life_s = LIFE_MAX_S;
	if (code == 0 && is_token_text(text) && life_s > 0) {
		accept_token(req, text, begin_s, life_s);
		return;
	}
	if (code != 0)
		errcode_explain(req->why, TOKEN_WHY, e, code, j, slice_of(req->account->secret));
	else
		errcode_print(req->why, TOKEN_WHY, "WeChat: the answer has no access_token and "
		    "expires_in");
	set_pause(req, code != 0 ? e->kind : ERRCODE_OTHER);
}

/*
 * Counts the call in the store before it is made.  So a process that is killed in the call, however
 * often, keeps to the quotas and the pauses.
 */
static bool
count_call(struct token_request *req)
{
	struct token_row	*r = &req->row;

	r->calls++;
	r->fails++;
	if (req->aim == FORCED && req->ts->conf->set.legacy_token == 0) {
		r->forced++;
		r->forced_s = req->now_ms / 1000;
	}
	errcode_print(req->why, TOKEN_WHY, "%s", unanswered);
	set_pause(req, ERRCODE_OTHER);
	return save_row(req);
}

/* Asks WeChat and writes the row.  False: WeChat was not asked; why tells the reason. */
static bool
fetch_token(struct token_request *req)
{
	const int64_t	 begin_s = clock_wall_ms() / 1000;
	struct json	*j;

	if (!is_call_allowed(req) || !count_call(req))
		return false;
	if ((j = call_wechat(req)) != NULL)
		read_token_answer(req, j, begin_s);
	else
		set_pause(req, ERRCODE_OTHER);
	json_free(j);
	req->now_ms = clock_wall_ms();
	(void)save_row(req);	/* if it fails, why has the reason, and the caller gets the token */
	return true;
}

/*
 * Waits until no other thread or process asks WeChat, and then asks.  If another one has asked
 * meanwhile, its answer is in the store.
 */
static void
fetch_in_turn(struct token_request *req)
{
	const bool		 has_token = req->aim == GOOD && is_usable(req);
	struct store		*store = req->ts->store;
	struct lease		 lease;
	enum lock_result	 result;
	bool			 loaded;

	do	/* another one may have had another aim */
		result = lease_take(store, &lease, "token", req->account->appid,
		    has_token ? 0 : req->deadline_ms);
	while (result == LOCK_DONE && req->aim != GOOD);
	loaded = load_row(req);
	if (result == LOCK_MINE)
		lease_end(store, &lease,
		    loaded && (is_answered(req) || fetch_token(req)));
	else if (loaded && !is_usable(req))
		errcode_print(req->why, TOKEN_WHY, "%s", result == LOCK_DONE ? req->row.why :
		    "no time left to wait: another process is asking WeChat");
}

static bool
get_token(struct token_request *req, struct access_token *t)
{
	*req->why = '\0';
	if (!conf_is_set(req->account->secret)) {
		errcode_print(req->why, TOKEN_WHY, "the account has no secret (AppSecret)");
		return false;
	}
	if (!name_row(req) || !load_row(req))
		return false;
	if (!is_answered(req))
		fetch_in_turn(req);
	if (!is_usable(req) || (req->aim == FORCED && *req->why != '\0'))
		return false;
	*t = req->row.token;
	return true;
}

bool
access_token_get(struct access_tokens *ts, struct access_token *t, const struct account *a,
    int64_t deadline_ms, char why[TOKEN_WHY])
{
	struct token_request	 req = {
		.ts = ts, .account = a, .aim = GOOD, .deadline_ms = deadline_ms, .why = why,
	};

	return get_token(&req, t);
}

bool
access_token_replace(struct access_tokens *ts, struct access_token *t, const struct account *a,
    int64_t deadline_ms, char why[TOKEN_WHY])
{
	struct access_token	 refused = *t;
	struct token_request	 req = {
		.ts = ts, .account = a, .aim = ANOTHER, .refused = refused.text,
		.deadline_ms = deadline_ms, .why = why,
	};

	return get_token(&req, t);
}

bool
access_token_force(struct access_tokens *ts, struct access_token *t, const struct account *a,
    int64_t deadline_ms, char why[TOKEN_WHY])
{
	struct token_request	 req = {
		.ts = ts, .account = a, .aim = FORCED, .deadline_ms = deadline_ms, .why = why,
	};

	return get_token(&req, t);
}
