#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collector/follower_pull.h"
#include "collector/follower_store.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/query.h"
#include "state/lease.h"
#include "wechat/api.h"
#include "wechat/errcode.h"
#include "wechat/user_info.h"

enum {
	STORE_MS	= 10000,	/* wait for other processes that use the store */
	CALL_MS		= 20000,	/* time for a call to WeChat */
	LIST_MAX	= 4 * 1024 * 1024,	/* bytes of an answer */
	TRIES		= 6,		/* of a call that fails by chance */
	WAIT_MS		= 250,		/* before the second try; twice as long each time */
	MINUTE_MS	= 20000,	/* after a call too many in a minute */
	TURN_MS		= 6000,		/* so long a pull waits for one of follower_pull_new() */
	STEP_MS		= 50,		/* in which a wait looks for a signal */
	PART		= 1000,		/* openids that are stored in one transaction */
	RESUME_S	= CALENDAR_DAY_S,	/* a list that was begun before is begun again */
	LACK		= 100,		/* one of so many followers may miss in a list */
	SHARE		= 10,		/* one of so many calls of a day is left to others */
	OFF_S		= 7 * CALENDAR_DAY_S,	/* pause if WeChat does not allow the call */
	PAUSE_S		= 10,		/* of new followers, after a failure; then doubles */
	PAUSE_MAX_S	= 3600
};

static const char	 list_path[] = "/cgi-bin/user/get";
static const char	 info_path[] = "/cgi-bin/user/info/batchget";
static const char	 quota_path[] = "/cgi-bin/openapi/quota/get";

/* Work for one account. */
struct asking {
	const struct follower_pull_tools	*tools;
	const struct account			*account;
	struct lease				 lease;
	bool					 lost;		/* it has ended */
	struct follower_pull			*pull;	/* NULL: for new followers only */
	struct follower_pull_sum		 sum;
	int64_t					 deadline_ms;	/* of a call; 0: CALL_MS */
	int64_t					 lists, infos;	/* calls that are left today */
	int64_t					 now_s, before_s;
	struct follower_pull_row		 row;
	struct user_list			 page;
	struct buf				 body, query, openids;
	size_t					 n;		/* in openids */
	struct api_answer			 answer;
	bool					 restarted;	/* the list was begun again */
	char					 why[TOKEN_WHY];	/* the last fault */
};

/* Reports a line that begins with the account: to a person, or to the log. */
static void
report_fault(const struct asking *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
report_fault(const struct asking *k, const char *fmt, ...)
{
	char	 line[512];
	int	 n = snprintf(line, sizeof(line), "%s: ", k->account->path);
	va_list	 args;

	if (n < 0 || (size_t)n >= sizeof(line))
		n = 0;
	va_start(args, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, lang_text(fmt), args);
	va_end(args);
	if (k->pull != NULL)
		k->pull->say(k->pull->ctx, line);
	else
		log_msg(LEVEL_WARNING, "followers", "%s", line);
}

static bool
do_in_store(struct asking *k, enum store_need need, store_work *work, void *arg)
{
	enum error	 er;

	er = store_do(k->tools->store, need, work, arg, clock_mono_ms() + STORE_MS);
	if (er == ERR_OK)
		return true;
	store_why(k->tools->store, k->why, sizeof(k->why));
	if (er != ERR_STORE || *k->why == '\0')
		(void)snprintf(k->why, sizeof(k->why), "%s", error_table[er].name);
	report_fault(k, "%s", k->why);
	return false;
}

static bool
work_in_store(struct asking *k, enum store_need need, store_work *work)
{
	return do_in_store(k, need, work, k);
}

/* The time of the store, epoch seconds: all times here stay in it, or are compared with it. */
static int64_t
now_s_of(const struct follower_pull_tools *tools)
{
	return store_now_ms(tools->store) / 1000;
}

/* A clock that is set back must not make users due again who were just asked about. */
static int64_t
later_of(int64_t a_s, int64_t b_s)
{
	return a_s > b_s ? a_s : b_s;
}

/* False: another host asks now, and the user is told so, once. */
static bool
keep_lease(struct asking *k)
{
	if (!k->lost && !lease_keep(k->tools->store, &k->lease)) {
		k->lost = true;
		report_fault(k, "this host was cut off from the store or stood still, so another "
		    "one may go on; run this again");
	}
	return !k->lost;
}

static bool
is_stopping(struct asking *k)
{
	return (k->pull != NULL && atomic_load(k->pull->stop_ms) != 0) || !keep_lease(k);
}

static void
show_progress(struct asking *k)
{
	if (k->pull != NULL)
		k->pull->progress(k->pull->ctx, &k->sum);
}

/*
 * Calls.
 */

static void
wait_ms(struct asking *k, int64_t ms)
{
	const int64_t		 until_ms = clock_mono_ms() + ms;
	const struct timespec	 step = { 0, STEP_MS * 1000000L };

	while (!is_stopping(k) && clock_mono_ms() < until_ms)
		(void)nanosleep(&step, NULL);
}

/* True: the same call may succeed a moment later. */
static bool
is_passing(const struct asking *k, enum api_result result)
{
	const enum errcode_kind	 kind = errcode_of(k->answer.errcode)->kind;

	return result == API_STRANGE || result == API_NO_ANSWER || (result == API_REFUSED &&
	    (kind == ERRCODE_BUSY || kind == ERRCODE_TOKEN || kind == ERRCODE_MINUTE));
}

static bool
is_minute(const struct asking *k, enum api_result result)
{
	return result == API_REFUSED && errcode_of(k->answer.errcode)->kind == ERRCODE_MINUTE;
}

/* Makes a call; a pull makes one that fails by chance again. */
static enum api_result
call_wechat(struct asking *k, struct api_call *call)
{
	enum api_result	 result;
	int		 i;

	call->account = k->account;
	call->answer_max = LIST_MAX;
	for (i = 0;; i++) {
		call->deadline_ms = k->deadline_ms != 0 ? k->deadline_ms :
		    clock_mono_ms() + CALL_MS;
		result = api_call(k->tools->tokens, k->tools->http, &k->answer,
		    &k->tools->conf->set, call);
		if (call->path != quota_path)
			k->sum.calls += k->answer.calls;
		if (k->pull == NULL || call->path == quota_path || i + 1 == TRIES ||
		    !is_passing(k, result) || is_stopping(k))
			return result;
		wait_ms(k, is_minute(k, result) ? MINUTE_MS : (int64_t)WAIT_MS << i);
	}
}

/*
 * Pauses.
 */

struct pause_args {
	const char	*appid;
	int64_t		 until_s, errcode, fails;
};

static enum error
store_pause(struct db *db, void *arg)
{
	const struct pause_args	*p = arg;

	return follower_store_pause(db, p->appid, p->until_s, p->errcode, p->fails);
}

static void
pause_until(struct asking *k, int64_t until_s, int64_t errcode, int64_t fails)
{
	struct pause_args	 p = { k->account->appid, until_s, errcode, fails };

	(void)store_do(k->tools->store, STORE_WRITE, store_pause, &p, clock_mono_ms() + STORE_MS);
}

/* Reports why a call failed, and makes a pause if it is due. */
static void
handle_failure(struct asking *k, enum api_result result)
{
	const int64_t		 now_s = now_s_of(k->tools);
	const enum errcode_kind	 kind = result != API_REFUSED ? ERRCODE_OTHER :
				     errcode_of(k->answer.errcode)->kind;
	const int64_t		 fails = k->row.fails < 16 ? k->row.fails : 16;
	int64_t			 pause_s = (int64_t)PAUSE_S << fails;
	char			 said[LANG_PARTS];

	(void)lang_parts(said, k->answer.why);
	switch (kind) {
	case ERRCODE_DAY:
		report_fault(k, "%s: nobody is asked before tomorrow (in China)", said);
		pause_until(k, calendar_day_start(calendar_day_at(now_s) + 1), k->answer.errcode,
		    0);
		return;
	case ERRCODE_DENIED:
		report_fault(k, "%s: nobody is asked for 7 days, or until --retry", said);
		pause_until(k, now_s + OFF_S, k->answer.errcode, 0);
		return;
	case ERRCODE_OTHER:
	case ERRCODE_BUSY:
	case ERRCODE_TOKEN:
	case ERRCODE_ADDRESS:
	case ERRCODE_SETTING:
	case ERRCODE_MINUTE:
	case ERRCODE_USER:
	case ERRCODE_BUG:
	case ERRCODE__MAX:
		break;
	}
	report_fault(k, "%s", said);
	if (k->pull == NULL)
		pause_until(k, now_s + (pause_s < PAUSE_MAX_S ? pause_s : PAUSE_MAX_S),
		    k->answer.errcode, k->row.fails + 1);
}

/* True: WeChat has refused for a day or a week, and that is not over; then the user is told so. */
static bool
is_paused(const struct asking *k)
{
	const enum errcode_kind	 kind = errcode_of(k->row.errcode)->kind;
	char			 time[CALENDAR_DAY_TEXT];

	if (k->row.pause_s <= k->now_s || k->row.pause_s > k->now_s + OFF_S || k->pull->retry ||
	    (kind != ERRCODE_DAY && kind != ERRCODE_DENIED))
		return false;
	calendar_day_text(time, calendar_day_at(k->row.pause_s));
	report_fault(k, "WeChat has refused (errcode %lld); run this again on %s (in China), or "
	    "now with --retry", (long long)k->row.errcode, time);
	return true;
}

/*
 * Quotas.
 */

/* Sets *calls to how many calls of that kind may be made today. */
static void
ask_quota(struct asking *k, int64_t *calls, const char *path)
{
	struct api_call		 call = { .path = quota_path };
	struct user_info_quota	 q;
	char			 body[96];

	(void)snprintf(body, sizeof(body), "{\"cgi_path\":\"%s\"}", path);
	call.body = slice_of(body);
	*calls = INT64_MAX;
	/* If WeChat does not tell, its refusal will. */
	if (call_wechat(k, &call) == API_OK && user_info_read_quota(&q,
	    buf_slice(&k->answer.body)))
		*calls = q.remain > q.daily_limit / SHARE ? q.remain - q.daily_limit / SHARE : 0;
}

/* False: all calls of today that a pull may make are made, and the user is told so. */
static bool
take_call(struct asking *k, int64_t *calls, const char *path)
{
	if (*calls > 0) {
		(*calls)--;
		return true;
	}
	report_fault(k, "the calls of %s that WeChat allows today are used up but for a tenth, "
	    "which is for other programs; run this again tomorrow (in China)", path);
	return false;
}

/*
 * The list.
 */

static enum error
begin_list(struct db *db, void *arg)
{
	struct asking	*k = arg;
	enum error	 er;

	if ((er = follower_store_begin(db, k->account, &k->row.began_s, k->now_s)) != ERR_OK)
		return er;
	return follower_store_row(db, &k->row, k->account->appid);
}

static enum error
read_row(struct db *db, void *arg)
{
	struct asking	*k = arg;

	return follower_store_row(db, &k->row, k->account->appid);
}

/* A part of a page while it is stored. */
struct storing {
	struct asking		*k;
	struct follower_part	 part;
	bool			 is_last;	/* the page is */
	bool			 ends;		/* the part ends its page */
};

static enum error
store_part(struct db *db, void *arg)
{
	struct storing	*s = arg;
	enum error	 er;

	if ((er = follower_store_part(db, &s->part)) == ERR_OK && s->ends)
		er = follower_store_page(db, s->k->account->appid, &s->k->page, s->is_last);
	return er;
}

/*
 * A page that is not full can be the last one although it names a next one; but WeChat may also
 * leave users out of a page.
 */
static bool
is_last_page(const struct asking *k)
{
	const int64_t	 listed = k->row.listed + (int64_t)k->page.n;

	return k->page.n == 0 || *k->page.next.p == '\0' ||
	    k->page.next.len > USER_INFO_OPENID + 1 ||
	    (k->page.n < USER_INFO_PAGE && listed >= k->page.total);
}

/* Stores the page, in parts so small that nobody waits long for the store. */
static bool
store_page(struct asking *k, int64_t asked_s)
{
	struct storing	 s = {
		.k = k, .is_last = is_last_page(k),
		.part = { .account = k->account, .openids = k->page.openids.p,
		    .began_s = k->row.began_s, .asked_s = asked_s },
	};
	size_t		 left = k->page.n, i;

	do {
		s.part.n = left < PART ? left : PART;
		left -= s.part.n;
		s.ends = left == 0;
		if (!do_in_store(k, STORE_WRITE, store_part, &s))
			return false;
		k->sum.fresh += s.part.fresh;
		k->sum.back += s.part.back;
		for (i = 0; i < s.part.n; i++)
			s.part.openids += strlen(s.part.openids) + 1;
	} while (left != 0);
	return work_in_store(k, STORE_READ, read_row);
}

static enum api_result
ask_page(struct asking *k)
{
	struct api_call	 call = { .path = list_path };

	k->query.len = 0;
	if (*k->row.cursor != '\0' && buf_puts(&k->query, "next_openid=") == ERR_OK &&
	    query_encode(&k->query, slice_of(k->row.cursor)) == ERR_OK &&
	    buf_putc(&k->query, '\0') == ERR_OK)
		call.query = k->query.p;
	return call_wechat(k, &call);
}

/* True: WeChat does not know the openid where the next page begins, so the list begins again. */
static bool
begins_again(struct asking *k, enum api_result result)
{
	if (result != API_REFUSED || errcode_of(k->answer.errcode)->kind != ERRCODE_USER ||
	    *k->row.cursor == '\0' || k->restarted)
		return false;
	k->restarted = true;
	return work_in_store(k, STORE_WRITE, begin_list);
}

/* The calls that are needed from here on, as far as they are known. */
static void
plan_calls(struct asking *k, int64_t due)
{
	int64_t	 pages = 0, users = due;

	if (k->row.state == FOLLOWER_PULL_LIST && k->page.total > k->row.listed) {
		pages = (k->page.total - k->row.listed + USER_INFO_PAGE - 1) / USER_INFO_PAGE;
		users = k->sum.fresh + k->sum.back +
		    (k->row.ended_s == 0 ? k->page.total - k->row.listed : 0);
	}
	k->sum.planned = k->sum.done + pages + (users + USER_INFO_BATCH - 1) / USER_INFO_BATCH;
}

/* False: a line says what is wrong.  Nobody is gone because a list has ended too early. */
static bool
is_good_page(struct asking *k, enum api_result result)
{
	int64_t	 listed;

	if (result != API_OK) {
		handle_failure(k, result);
		return false;
	}
	if (!user_info_read_list(&k->page, buf_slice(&k->answer.body))) {
		report_fault(k, "WeChat's answer has no list");
		return false;
	}
	listed = k->row.listed + (int64_t)k->page.n;
	if (!is_last_page(k) || listed >= k->page.total - k->page.total / LACK)
		return true;
	report_fault(k, "WeChat's list ended after %lld of %lld followers; run this again",
	    (long long)listed, (long long)k->page.total);
	return false;
}

/* Makes the calls for the list until it has ended.  False: a line says why not. */
static bool
read_followers(struct asking *k)
{
	enum api_result	 result;
	int64_t		 asked_s;

	while (k->row.state == FOLLOWER_PULL_LIST) {
		if (is_stopping(k) || !take_call(k, &k->lists, list_path))
			return false;
		asked_s = now_s_of(k->tools);
		result = ask_page(k);
		k->sum.done++;
		if (begins_again(k, result))
			continue;
		if (!is_good_page(k, result) || !keep_lease(k) || !store_page(k, asked_s))
			return false;
		plan_calls(k, 0);
		show_progress(k);
	}
	return true;
}

static enum error
close_some(struct db *db, void *arg)
{
	return follower_store_close(db, arg);
}

/* Ends the list.  A clock that was ahead does not keep anybody from being asked about. */
static bool
close_list(struct asking *k)
{
	struct follower_close	 c = {
		.appid = k->account->appid, .now_s = later_of(now_s_of(k->tools), k->now_s),
		.again_s = k->pull->days == 0 ? 0 : k->now_s + CALENDAR_DAY_S, .more = true,
	};

	for (; k->row.state == FOLLOWER_PULL_CLOSE && c.more; k->sum.gone += c.gone)
		if (!do_in_store(k, STORE_WRITE, close_some, &c))
			return false;
	return work_in_store(k, STORE_READ, read_row);
}

/*
 * Users.
 */

static enum error
find_due(struct db *db, void *arg)
{
	struct asking	*k = arg;

	return follower_store_due(db, &k->openids, &k->n, k->account->appid,
	    k->pull != NULL ? FOLLOWER_ALL : FOLLOWER_NEW, k->before_s);
}

static enum error
count_due(struct db *db, void *arg)
{
	struct asking	*k = arg;

	return follower_store_count_due(db, &k->sum.left, k->account->appid, FOLLOWER_ALL,
	    k->before_s);
}

static enum error
store_batch(struct db *db, void *arg)
{
	return follower_store_batch(db, arg);
}

/* Stores an answer; none: WeChat knows none of the users.  False: a line says why. */
static bool
keep_batch(struct asking *k, struct follower_batch *b)
{
	b->answered_s = later_of(now_s_of(k->tools), b->asked_s);
	if (!keep_lease(k) || !do_in_store(k, STORE_WRITE, store_batch, b))
		return false;
	if (b->strange) {
		(void)snprintf(k->answer.why, sizeof(k->answer.why),
		    "WeChat's answer does not tell about the users");
		handle_failure(k, API_STRANGE);
		return false;
	}
	k->sum.told += b->told;
	k->sum.gone += b->gone;
	return true;
}

static bool
is_about_user(const struct asking *k, enum api_result result)
{
	return result == API_REFUSED && errcode_of(k->answer.errcode)->kind == ERRCODE_USER;
}

/*
 * Asks about n users.  If WeChat refuses the call because of one of them, finds it by halves.
 * False: a line says why.
 */
static bool
ask_users(struct asking *k, const char *openids, size_t n)
{
	struct api_call		 call = { .path = info_path };
	struct follower_batch	 b = {
		.account = k->account, .openids = openids, .n = n,
		.asked_s = later_of(now_s_of(k->tools), k->now_s),
	};
	const char		*middle = openids;
	enum api_result		 result;
	size_t			 i;

	if (is_stopping(k) || !take_call(k, &k->infos, info_path) ||
	    user_info_ask(&k->body, openids, n) != ERR_OK)
		return false;
	call.body = buf_slice(&k->body);
	result = call_wechat(k, &call);
	if (result == API_OK)
		b.answer = buf_slice(&k->answer.body);
	if (result == API_OK || (n == 1 && is_about_user(k, result)))
		return keep_batch(k, &b);
	if (!is_about_user(k, result)) {
		handle_failure(k, result);
		return false;
	}
	for (i = 0; i < n / 2; i++)
		middle += strlen(middle) + 1;
	return ask_users(k, openids, n / 2) && ask_users(k, middle, n - n / 2);
}

/* Asks about all users that are due. */
static bool
ask_all_users(struct asking *k)
{
	if (!work_in_store(k, STORE_READ, count_due))
		return false;
	plan_calls(k, k->sum.left);
	for (;;) {
		show_progress(k);
		if (!work_in_store(k, STORE_READ, find_due))
			return false;
		if (k->n == 0)
			return true;
		if (!ask_users(k, k->openids.p, k->n))
			return false;
		k->sum.done++;
	}
}

/*
 * A pull.
 */

static void
free_asking(struct asking *k)
{
	buf_free(&k->page.openids);
	buf_free(&k->page.next);
	buf_free(&k->body);
	buf_free(&k->query);
	buf_free(&k->openids);
	buf_free(&k->answer.body);
}

/* True: an earlier run has ended in the middle. */
static bool
can_go_on(const struct asking *k)
{
	return k->row.state != FOLLOWER_PULL_NONE && k->row.began_s > k->now_s - RESUME_S &&
	    k->row.began_s <= k->now_s + RESUME_S &&
	    (k->pull->days != 0 || k->row.state != FOLLOWER_PULL_ASK);
}

/* Goes on with the list of an earlier run, or begins it. */
static bool
begin_pull(struct asking *k)
{
	if (!work_in_store(k, STORE_READ, read_row) || is_paused(k))
		return false;
	if (k->row.pause_s != 0 || k->row.fails != 0)
		pause_until(k, 0, 0, 0);
	ask_quota(k, &k->lists, list_path);
	ask_quota(k, &k->infos, info_path);
	return can_go_on(k) || work_in_store(k, STORE_WRITE, begin_list);
}

static enum error
end_pull(struct db *db, void *arg)
{
	const struct asking	*k = arg;

	return follower_store_end(db, k->account->appid);
}

static bool
run_pull(struct asking *k)
{
	bool	 good = begin_pull(k) && read_followers(k) && close_list(k) && ask_all_users(k) &&
		    work_in_store(k, STORE_WRITE, end_pull);

	good = work_in_store(k, STORE_READ, count_due) && good && k->sum.left == 0;
	k->sum.followers = k->row.followers;
	return good;
}

static void
add_sum(struct follower_pull_sum *sum, const struct follower_pull_sum *more)
{
	sum->planned += more->planned;
	sum->done += more->done;
	sum->calls += more->calls;
	sum->followers += more->followers;
	sum->fresh += more->fresh;
	sum->back += more->back;
	sum->gone += more->gone;
	sum->told += more->told;
	sum->left += more->left;
}

/*
 * Waits for other processes until until_ms.  False: another one asks about the account's followers,
 * here or on another host.
 */
static bool
take_lease(struct asking *k, int64_t until_ms)
{
	return lease_take_long(k->tools->store, &k->lease, "followers", k->account->appid,
	    until_ms) == LOCK_MINE;
}

static void
end_lease(struct asking *k)
{
	lease_end(k->tools->store, &k->lease, false);
}

bool
follower_pull_account(struct follower_pull *p, struct follower_pull_sum *sum,
    const struct account *a)
{
	struct asking	 k = { .tools = &p->tools, .account = a, .pull = p };
	bool		 good;

	if (!take_lease(&k, clock_mono_ms() + TURN_MS)) {
		report_fault(&k, "another process is asking about its followers; wait until it has "
		    "ended");
		return false;
	}
	k.now_s = now_s_of(&p->tools);
	k.before_s = p->days == 0 ? 0 : k.now_s - p->days * CALENDAR_DAY_S;
	good = run_pull(&k);
	end_lease(&k);
	add_sum(sum, &k.sum);
	free_asking(&k);
	return good;
}

/*
 * New followers.
 */

/* Makes one call.  True: there may be more to ask. */
static bool
ask_new_users(struct asking *k)
{
	if (store_do(k->tools->store, STORE_READ, read_row, k, k->deadline_ms) != ERR_OK ||
	    (k->row.pause_s > k->now_s && k->row.pause_s <= k->now_s + OFF_S) ||
	    store_do(k->tools->store, STORE_READ, find_due, k, k->deadline_ms) != ERR_OK ||
	    k->n == 0 || !ask_users(k, k->openids.p, k->n))
		return false;
	if (k->row.pause_s != 0 || k->row.fails != 0)
		pause_until(k, 0, 0, 0);
	return k->n == USER_INFO_BATCH;
}

static bool
is_appid_repeated(const struct conf *c, size_t i)
{
	size_t	 j;

	for (j = 0; j < i; j++)
		if (conf_is_set(c->accounts[j].secret) &&
		    strcmp(c->accounts[j].appid, c->accounts[i].appid) == 0)
			return true;
	return false;
}

bool
follower_pull_new(const struct follower_pull_tools *tools, int64_t deadline_ms)
{
	const struct conf	*c = tools->conf;
	bool			 more = false;
	size_t			 i;

	for (i = 0; i < c->n && clock_mono_ms() < deadline_ms; i++) {
		struct asking	 k = {
			.tools = tools, .account = &c->accounts[i], .infos = INT64_MAX,
			.now_s = now_s_of(tools), .deadline_ms = deadline_ms,
		};

		if (!conf_is_set(k.account->secret) || is_appid_repeated(c, i) ||
		    !take_lease(&k, 0))
			continue;
		more = ask_new_users(&k) || more;
		end_lease(&k);
		free_asking(&k);
	}
	return more;
}
