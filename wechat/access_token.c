#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/query.h"
#include "wechat/access_token.h"
#include "wechat/errcode.h"

enum {
	LIFE_MAX_S	= 7200,	/* WeChat gives no more */
	OVERLAP_S	= 300,	/* before its end WeChat gives another one, and both hold */
	SPREAD_S	= 300,	/* accounts are renewed at different times before that */
	BACK_S		= 60,	/* that a clock may be set back by, unnoticed */
	CALL_MIN_MS	= 300,	/* with less time left nobody is asked */
	PAUSE_MIN_S	= 1,	/* after a failure, doubling */
	PAUSE_MAX_S	= 300,
	DOUBLINGS	= 9,
	MEND_S		= 3600,	/* somebody has to mend something */
	FORCED_DAY	= 20,	/* WeChat's quotas */
	FORCED_GAP_S	= 30,
	LEGACY_DAY	= 2000,
	STABLE_DAY	= 500000,
	DAY_S		= 86400,
	CHINA_S		= 8 * 3600
};

struct access_tokens {
	const struct conf	*conf;
	struct http_client	*http;
	struct locks		*locks;
	struct store		*store;
};

/* What the store knows of an account's token. */
struct row {
	struct access_token	 token;		/* text empty: none */
	int64_t			 renew_s;	/* from then on a newer one is to be had */
	int64_t			 fails;		/* in a row */
	int64_t			 pause_ms;	/* WeChat is not asked before */
	int64_t			 day;		/* of China, to which calls and forced belong */
	int64_t			 calls;
	int64_t			 forced;
	int64_t			 forced_s;	/* the last time */
	char			 why[TOKEN_WHY];/* the last failure */
};

/* What token is wanted. */
enum aim {
	GOOD,		/* one that is not to be renewed yet; an old one will do */
	ANOTHER,	/* other than that which WeChat has refused */
	FORCED		/* a new one, at once */
};

struct asking {
	struct access_tokens	*ts;
	const struct account	*account;
	enum aim		 aim;
	const char		*refused;
	int64_t			 deadline_ms;
	char			*why;
	char			 config[DIGEST_SHA256_HEX + 1];
	int64_t			 now_ms;	/* epoch; of the last look at the store */
	struct row		 row;
};

/* Stands for the failure of a call from before it is made, until its end is known. */
static const char	 unheard[] = "WeChat was asked by a process that has not lived to hear the "
			    "answer";

/* How much longer WeChat is left alone after an error of its own; 0: see pause_of(). */
static const int	 pauses_s[ERRCODE__MAX] = {
	[ERRCODE_TOKEN]	= MEND_S,
	[ERRCODE_ADDRESS]	= PAUSE_MAX_S,
	[ERRCODE_SETTING]	= MEND_S,
	[ERRCODE_MINUTE]	= 60,
	[ERRCODE_DENIED]	= MEND_S,
	[ERRCODE_BUG]	= MEND_S,
};

struct access_tokens *
access_token_new(const struct conf *c, struct http_client *h, struct locks *cs, struct store *s)
{
	struct access_tokens	*ts;

	if ((ts = malloc(sizeof(*ts))) == NULL)
		return NULL;
	*ts = (struct access_tokens){ c, h, cs, s };
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

/* The row of what a token is asked with: other settings have another one, and another pause. */
static bool
name_row(struct asking *k)
{
	const struct settings	*set = &k->ts->conf->set;
	const struct slice	 parts[] = {
		slice_of(set->wechat_api), slice_of(set->legacy_token != 0 ? " legacy " : " "),
		slice_of(k->account->secret),
	};
	struct digest		*d = digest_new(DIGEST_SHA256);
	enum error		 er = ERR_CRYPTO;

	if (d != NULL)
		er = digest_hex(d, k->config, parts, sizeof(parts) / sizeof(parts[0]));
	digest_free(d);
	if (er != ERR_OK)
		errcode_print(k->why, TOKEN_WHY, "%s", error_table[er].name);
	return er == ERR_OK;
}

static void
copy_text(char *to, size_t size, struct slice s)
{
	const size_t	 len = s.len < size ? s.len : size - 1;

	if (len != 0)
		memcpy(to, s.p, len);
	to[len] = '\0';
}

static enum error
read_row(struct db *db, void *arg)
{
	struct asking	*k = arg;
	struct row	*r = &k->row;
	struct db_rows	 rows;
	enum error	 er;

	memset(r, 0, sizeof(*r));
	er = db_start(db, &rows, "SELECT token, fetched, expires, renew, fails, pause, day, calls, "
	    "forced, forced_at, why FROM token WHERE appid = ? AND config = ?",
	    DB_VALUES(db_s(k->account->appid), db_s(k->config)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		copy_text(r->token.text, sizeof(r->token.text), db_col(&rows, 0));
		r->token.fetched_s = db_col_int(&rows, 1);
		r->token.expires_s = db_col_int(&rows, 2);
		r->renew_s = db_col_int(&rows, 3);
		r->fails = db_col_int(&rows, 4);
		r->pause_ms = db_col_int(&rows, 5);
		r->day = db_col_int(&rows, 6);
		r->calls = db_col_int(&rows, 7);
		r->forced = db_col_int(&rows, 8);
		r->forced_s = db_col_int(&rows, 9);
		copy_text(r->why, sizeof(r->why), db_col(&rows, 10));
	}
	db_end(&rows);
	return er;
}

enum error
access_token_look(struct db *db, struct access_token_state *t, const struct conf *c, const struct account *a)
{
	struct access_tokens	 ts = { .conf = c };
	struct asking		 k = { .ts = &ts, .account = a, .why = t->why };
	struct row		*r = &k.row;
	enum error		 er;

	memset(t, 0, sizeof(*t));
	if (!name_row(&k))
		return ERR_CRYPTO;
	if ((er = read_row(db, &k)) != ERR_OK)
		return er;
	t->known = r->calls != 0;
	if (*r->token.text != '\0') {
		t->fetched_s = r->token.fetched_s;
		t->expires_s = r->token.expires_s;
	}
	t->fails = r->fails - (strcmp(r->why, unheard) == 0);
	(void)snprintf(t->why, sizeof(t->why), "%s", t->fails > 0 ? r->why : "");
	return ERR_OK;
}

/* And forgets what nobody has asked with for days. */
static enum error
write_row(struct db *db, void *arg)
{
	const struct asking	*k = arg;
	const struct row	*r = &k->row;
	enum error		 er;

	er = db_run(db, NULL, "DELETE FROM token WHERE day < ?", DB_VALUES(db_i(r->day - 2)));
	if (er != ERR_OK)
		return er;
	return db_run(db, NULL, "INSERT OR REPLACE INTO token (appid, config, token, fetched, "
	    "expires, renew, fails, pause, day, calls, forced, forced_at, why) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    DB_VALUES(db_s(k->account->appid), db_s(k->config),
	    db_s(*r->token.text != '\0' ? r->token.text : NULL), db_i(r->token.fetched_s),
	    db_i(r->token.expires_s), db_i(r->renew_s), db_i(r->fails), db_i(r->pause_ms),
	    db_i(r->day), db_i(r->calls), db_i(r->forced), db_i(r->forced_s), db_s(r->why)));
}

static bool
in_store(struct asking *k, enum store_need need, store_work *work)
{
	enum error	 er = store_do(k->ts->store, need, work, k, k->deadline_ms);
	char		 why[TOKEN_WHY] = "";

	if (er == ERR_STORE)
		store_why(k->ts->store, why, sizeof(why));
	if (er != ERR_OK)
		errcode_print(k->why, TOKEN_WHY, "%s: %s", error_table[er].name, why);
	return er == ERR_OK;
}

/* What a clock that was set back would keep up is dropped. */
static bool
look(struct asking *k)
{
	struct row	*r = &k->row;
	const int64_t	 now_ms = clock_wall_ms(), day = calendar_day_at(now_ms / 1000);

	if (!in_store(k, STORE_READ, read_row))
		return false;
	k->now_ms = now_ms;
	if (r->pause_ms > now_ms + (DAY_S + BACK_S) * INT64_C(1000))
		r->pause_ms = 0;
	if (r->day != day)
		r->calls = r->forced = 0;
	r->day = day;
	return true;
}

static bool
keep_row(struct asking *k)
{
	return in_store(k, STORE_WRITE, write_row);
}

/*
 * What the row says.
 */

/* There is a token of the right kind, though it may be about to end. */
static bool
is_usable(const struct asking *k)
{
	const struct access_token	*t = &k->row.token;
	const int64_t			 now_s = k->now_ms / 1000;

	if (*t->text == '\0' || now_s >= t->expires_s || now_s < t->fetched_s - BACK_S)
		return false;
	return k->aim != ANOTHER || strcmp(t->text, k->refused) != 0;
}

/* WeChat need not be asked. */
static bool
is_answered(const struct asking *k)
{
	return k->aim != FORCED && is_usable(k) &&
	    (k->aim == ANOTHER || k->now_ms / 1000 < k->row.renew_s);
}

/* No quota forbids it.  Else why says so. */
static bool
within_quotas(const struct asking *k)
{
	const bool		 legacy = k->ts->conf->set.legacy_token != 0;
	const int		 max = legacy ? LEGACY_DAY : STABLE_DAY;
	const struct row	*r = &k->row;
	const int64_t		 gap_s = k->now_ms / 1000 - r->forced_s;

	if (r->calls >= max) {
		errcode_print(k->why, TOKEN_WHY, "%d access_tokens have been asked for today, as "
		    "many as WeChat gives", max);
		return false;
	}
	if (k->aim != FORCED || legacy)
		return true;
	if (r->forced >= FORCED_DAY)
		errcode_print(k->why, TOKEN_WHY, "%d have been forced today, as many as WeChat "
		    "allows", FORCED_DAY);
	else if (gap_s >= 0 && gap_s < FORCED_GAP_S)
		errcode_print(k->why, TOKEN_WHY, "one was forced %d s ago, WeChat wants %d s between "
		    "two", (int)gap_s, FORCED_GAP_S);
	else
		return true;
	return false;
}

/* Whether WeChat may be asked now.  Else why says why not. */
static bool
may_ask(const struct asking *k)
{
	const struct row	*r = &k->row;

	/* Who asks by hand may have mended what was wrong. */
	if (r->pause_ms > k->now_ms && k->aim != FORCED) {
		errcode_print(k->why, TOKEN_WHY, "%s", r->why);
		return false;
	}
	if (!within_quotas(k))
		return false;
	if (k->deadline_ms - clock_mono_ms() >= CALL_MIN_MS)
		return true;
	errcode_print(k->why, TOKEN_WHY, "no time left to ask WeChat");
	return false;
}

/*
 * WeChat.
 */

static enum error
put_json(struct buf *b, const char *name, const char *value)
{
	enum error	 er = buf_printf(b, "\"%s\":\"", name);

	for (; *value != '\0' && er == ERR_OK; value++)
		if ((unsigned char)*value < ' ' || *value == '"' || *value == '\\')
			er = buf_printf(b, "\\u%04x", (unsigned char)*value);
		else
			er = buf_putc(b, *value);
	return er == ERR_OK ? buf_puts(b, "\",") : er;
}

/* getStableAccessToken; the body has a JSON object. */
static enum error
put_stable(struct buf *url, struct buf *body, const struct asking *k)
{
	enum error	 er;

	if ((er = buf_puts(url, "/cgi-bin/stable_token")) != ERR_OK ||
	    (er = buf_putc(body, '{')) != ERR_OK ||
	    (er = put_json(body, "grant_type", "client_credential")) != ERR_OK ||
	    (er = put_json(body, "appid", k->account->appid)) != ERR_OK ||
	    (er = put_json(body, "secret", k->account->secret)) != ERR_OK)
		return er;
	return buf_printf(body, "\"force_refresh\":%s}", k->aim == FORCED ? "true" : "false");
}

/* "Get access_token", which stands in the URL as a whole. */
static enum error
put_legacy(struct buf *url, const struct asking *k)
{
	enum error	 er;

	if ((er = buf_puts(url, "/cgi-bin/token?grant_type=client_credential&appid=")) != ERR_OK ||
	    (er = query_encode(url, slice_of(k->account->appid))) != ERR_OK ||
	    (er = buf_puts(url, "&secret=")) != ERR_OK)
		return er;
	return query_encode(url, slice_of(k->account->secret));
}

static enum error
put_call(struct buf *url, struct buf *body, const struct asking *k)
{
	const char	*api = k->ts->conf->set.wechat_api;
	size_t		 len = strlen(api);
	enum error	 er;

	if (len != 0 && api[len - 1] == '/')
		len--;
	if ((er = buf_put(url, api, len)) != ERR_OK)
		return er;
	er = k->ts->conf->set.legacy_token != 0 ? put_legacy(url, k) : put_stable(url, body, k);
	return er == ERR_OK ? buf_putc(url, '\0') : er;
}

/* While there is an old token its holder does not wait as long. */
static int64_t
patience(const struct asking *k)
{
	const int64_t	 now_ms = clock_mono_ms();

	return k->aim == GOOD && is_usable(k) ? now_ms + (k->deadline_ms - now_ms) / 2 :
	    k->deadline_ms;
}

/* NULL: no answer that is JSON, and why says so. */
static struct json *
ask(struct asking *k)
{
	struct http_call	 call = { .get = k->ts->conf->set.legacy_token != 0 };
	struct http_answer	 answer = { 0 };
	struct buf		 url = { 0 }, body = { 0 };
	struct json		*j = NULL;
	enum error		 er;

	if ((er = put_call(&url, &body, k)) != ERR_OK) {
		errcode_print(k->why, TOKEN_WHY, "%s", error_table[er].name);
		goto out;
	}
	call.url = url.p;
	call.body = buf_slice(&body);
	call.deadline_ms = patience(k);
	http_client_do(k->ts->http, &answer, &call);
	if (answer.status == 0)
		errcode_print(k->why, TOKEN_WHY, "WeChat: no answer: %s", answer.why);
	else if (answer.status != 200)
		errcode_print(k->why, TOKEN_WHY, "WeChat: HTTP %d instead of 200", answer.status);
	else if ((j = json_parse(buf_slice(&answer.body))) == NULL)
		errcode_print(k->why, TOKEN_WHY, "WeChat: the answer, %zu bytes, is no JSON",
		    answer.body.len);
out:
	buf_free(&answer.body);
	buf_free(&body);
	buf_free(&url);
	return j;
}

/* One word that can stand in a URL and in a line. */
static bool
is_token(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.len != 0 && s.len <= TOKEN_MAX;
}

static int64_t
read_life(const struct json *j)
{
	struct buf	 b = { 0 };
	char		 lost[JSON_WHY];
	int64_t		 s = 0;

	if (json_path(j, &b, slice_of("$.expires_in"), lost) == JSON_FOUND &&
	    buf_putc(&b, '\0') == ERR_OK)
		s = strtoll(b.p, NULL, 10);
	buf_free(&b);
	return s > LIFE_MAX_S ? LIFE_MAX_S : s;
}

/* 5 to 10 minutes before its end; what ends sooner is asked about when there is another one. */
static int64_t
renewal(const struct asking *k, int64_t begin_s, int64_t life_s)
{
	const char	 digits[] = { k->config[0], k->config[1], k->config[2], k->config[3], '\0' };
	const int64_t	 spread_s = strtol(digits, NULL, 16) % SPREAD_S;

	if (life_s > OVERLAP_S + SPREAD_S)
		return begin_s + life_s - OVERLAP_S - spread_s;
	if (life_s > OVERLAP_S)
		return begin_s + life_s - OVERLAP_S + 1;
	return begin_s + (life_s + 1) / 2;
}

/* How long WeChat is left alone after that many failures, the last one of that kind. */
static int64_t
pause_of(const struct asking *k, enum errcode_kind kind)
{
	int64_t	 s = PAUSE_MAX_S;

	if (kind == ERRCODE_DAY)		/* the day ends in China */
		return (k->row.day + 1) * DAY_S - CHINA_S + 1 - k->now_ms / 1000;
	if (pauses_s[kind] != 0)
		return pauses_s[kind];
	if (k->row.fails <= DOUBLINGS && PAUSE_MIN_S << (k->row.fails - 1) < PAUSE_MAX_S)
		s = PAUSE_MIN_S << (k->row.fails - 1);
	return s;
}

static void
set_pause(struct asking *k, enum errcode_kind kind)
{
	k->row.pause_ms = clock_wall_ms() + pause_of(k, kind) * 1000;
	(void)snprintf(k->row.why, sizeof(k->row.why), "%s", k->why);
}

/* WeChat's token into the row. */
static void
take(struct asking *k, struct slice text, int64_t begin_s, int64_t life_s)
{
	struct row	*r = &k->row;
	const bool	 same = slice_is(text, r->token.text);

	copy_text(r->token.text, sizeof(r->token.text), text);
	if (!same)
		r->token.fetched_s = begin_s;
	r->token.expires_s = begin_s + life_s;
	r->renew_s = renewal(k, begin_s, life_s);
	*r->why = *k->why = '\0';
	if (same && k->aim != GOOD) {
		errcode_print(k->why, TOKEN_WHY, "WeChat gives the same access_token again%s",
		    k->aim == ANOTHER ? " that it has refused" : ", although forced");
		set_pause(k, ERRCODE_OTHER);
	} else {
		r->fails = r->pause_ms = 0;
	}
}

static void
read_answer(struct asking *k, const struct json *j, int64_t begin_s)
{
	const struct slice	 text = json_text(j, "access_token");
	const int64_t		 code = errcode_code(j), life_s = read_life(j);
	const struct errcode	*e = errcode_of_token(code);

	if (code == 0 && is_token(text) && life_s > 0) {
		take(k, text, begin_s, life_s);
		return;
	}
	if (code != 0)
		errcode_say(k->why, TOKEN_WHY, e, code, j, slice_of(k->account->secret));
	else
		errcode_print(k->why, TOKEN_WHY, "WeChat: the answer has no access_token and "
		    "expires_in");
	set_pause(k, code != 0 ? e->kind : ERRCODE_OTHER);
}

/*
 * The store hears of the call before WeChat does: whoever is killed in it, as often as may be,
 * has kept to the quotas and the pauses.
 */
static bool
announce(struct asking *k)
{
	struct row	*r = &k->row;

	r->calls++;
	r->fails++;
	if (k->aim == FORCED && k->ts->conf->set.legacy_token == 0) {
		r->forced++;
		r->forced_s = k->now_ms / 1000;
	}
	errcode_print(k->why, TOKEN_WHY, "%s", unheard);
	set_pause(k, ERRCODE_OTHER);
	return keep_row(k);
}

/* False: WeChat has not been asked, and why says why. */
static bool
fetch(struct asking *k)
{
	const int64_t	 begin_s = clock_wall_ms() / 1000;
	struct json	*j;

	if (!may_ask(k) || !announce(k))
		return false;
	if ((j = ask(k)) != NULL)
		read_answer(k, j, begin_s);
	else
		set_pause(k, ERRCODE_OTHER);
	json_free(j);
	k->now_ms = clock_wall_ms();
	(void)keep_row(k);	/* what it says then goes with the token */
	return true;
}

/* One at a time, of all threads and processes; the others find in the store what it got. */
static void
take_turn(struct asking *k)
{
	const int64_t		 until_ms = k->aim == GOOD && is_usable(k) ? 0 : k->deadline_ms;
	unsigned char		 key[LOCK_KEY];
	struct lock		 c;
	enum lock_result	 is;
	bool			 looked;

	lock_name(key, "token", k->account->appid);
	do	/* what another one was after may not be what we are */
		is = lock_take(k->ts->locks, &c, key, until_ms);
	while (is == LOCK_DONE && k->aim != GOOD);
	looked = look(k);
	if (is == LOCK_MINE)
		lock_release(k->ts->locks, &c, looked && (is_answered(k) || fetch(k)));
	else if (looked && !is_usable(k))
		errcode_print(k->why, TOKEN_WHY, "%s", is == LOCK_DONE ? k->row.why :
		    "no time left to wait for who is asking WeChat");
}

static bool
obtain(struct asking *k, struct access_token *t)
{
	*k->why = '\0';
	if (!conf_is_set(k->account->secret)) {
		errcode_print(k->why, TOKEN_WHY, "the account has no secret (AppSecret)");
		return false;
	}
	if (!name_row(k) || !look(k))
		return false;
	if (!is_answered(k))
		take_turn(k);
	if (!is_usable(k) || (k->aim == FORCED && *k->why != '\0'))
		return false;
	*t = k->row.token;
	return true;
}

bool
access_token_get(struct access_tokens *ts, struct access_token *t, const struct account *a, int64_t deadline_ms,
    char why[TOKEN_WHY])
{
	struct asking	 k = {
		.ts = ts, .account = a, .aim = GOOD, .deadline_ms = deadline_ms, .why = why,
	};

	return obtain(&k, t);
}

bool
access_token_replace(struct access_tokens *ts, struct access_token *t, const struct account *a, int64_t deadline_ms,
    char why[TOKEN_WHY])
{
	struct access_token	 refused = *t;
	struct asking		 k = {
		.ts = ts, .account = a, .aim = ANOTHER, .refused = refused.text,
		.deadline_ms = deadline_ms, .why = why,
	};

	return obtain(&k, t);
}

bool
access_token_force(struct access_tokens *ts, struct access_token *t, const struct account *a, int64_t deadline_ms,
    char why[TOKEN_WHY])
{
	struct asking	 k = {
		.ts = ts, .account = a, .aim = FORCED, .deadline_ms = deadline_ms, .why = why,
	};

	return obtain(&k, t);
}
