#include <stdio.h>
#include <string.h>

#include "collector/event_store.h"
#include "collector/follower_store.h"
#include "collector/unionid.h"
#include "core/clock.h"
#include "core/json_write.h"

enum {
	LONG_MS = 10000,	/* for work with many rows, where a store has less for a message */
	NEVER = 0, AGAIN = -1,	/* values of asked_at */
	FRESH_S = 300	/* a follow that was pushed so shortly before a pull may miss in its list */
};

/* No openid is behind this text: it is the last character of all. */
static const char	 behind_all[] = "\xf4\x8f\xbf\xbf";

static struct db_value
uses_unionid(const struct account *a)
{
	return db_i(a->identity == UNIONID);
}

/*
 * Events.
 */

static enum error
note_follow(struct db *db, const struct account *a, struct slice openid, int64_t time_s)
{
	return db_run(db, NULL, SQL_FOLLOWER_FOLLOW,
	    DB_VALUES(db_s(a->appid), db_text(openid), uses_unionid(a), db_i(time_s)));
}

/* An unfollow from before the last list is old: the user is in that list, so ask. */
static enum error
note_unfollow(struct db *db, const struct account *a, struct slice openid, int64_t time_s)
{
	return db_run(db, NULL, SQL_FOLLOWER_UNFOLLOW,
	    DB_VALUES(db_s(a->appid), db_text(openid), uses_unionid(a), db_i(time_s)));
}

enum error
follower_store_turn(struct db *db, const struct account *a, struct slice openid, bool follows,
    int64_t time_s)
{
	enum error	 er;

	if (!conf_is_set(a->secret) || openid.len == 0 || openid.len > USER_INFO_OPENID)
		return ERR_OK;
	er = db_run(db, NULL, SQL_FOLLOWER_SINCE,
	    DB_VALUES(db_s(a->appid), db_i(time_s)));
	return er != ERR_OK ? er :
	    (follows ? note_follow : note_unfollow)(db, a, openid, time_s);
}

/*
 * The list.
 */

static enum follower_pull_state
state_of(int64_t number)
{
	return number < FOLLOWER_PULL_NONE || number > FOLLOWER_PULL_ASK ? FOLLOWER_PULL_NONE :
	    (enum follower_pull_state)number;
}

enum error
follower_store_row(struct db *db, struct follower_pull_row *r, const char *appid)
{
	struct db_rows	 rows;
	struct slice	 cursor;
	enum error	 er;

	*r = (struct follower_pull_row){ 0 };
	er = db_start(db, &rows, SQL_FOLLOWER_PULL,
	    DB_VALUES(db_s(appid)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		r->state = state_of(db_col_int(&rows, 0));
		r->began_s = db_col_bounded(&rows, 1);
		r->listed = db_col_bounded(&rows, 2);
		r->total = db_col_bounded(&rows, 3);
		r->ended_s = db_col_bounded(&rows, 4);
		r->followers = db_col_bounded(&rows, 5);
		r->since_s = db_col_bounded(&rows, 6);
		r->pause_s = db_col_bounded(&rows, 7);
		r->errcode = db_col_int(&rows, 8);
		r->fails = db_col_bounded(&rows, 9);
		cursor = db_col(&rows, 10);
		if (cursor.len < sizeof(r->cursor))
			memcpy(r->cursor, cursor.p, cursor.len);
	}
	db_end(&rows);
	return er;
}

/* The report shows only accounts that it has a row of. */
static enum error
add_account_row(struct db *db, const struct account *a)
{
	return db_run(db, NULL, SQL_ACCOUNT_PUT, DB_VALUES(db_s(a->appid),
	    db_s(a->app_key == NULL ? "" : a->app_key), db_s(a->path), db_s(a->name)));
}

enum error
follower_store_begin(struct db *db, const struct account *a, int64_t *began_s, int64_t now_s)
{
	struct follower_pull_row	 r;
	enum error			 er;

	if ((er = add_account_row(db, a)) != ERR_OK ||
	    (er = follower_store_row(db, &r, a->appid)) != ERR_OK)
		return er;
	*began_s = now_s > r.began_s ? now_s : r.began_s + 1;
	return db_run(db, NULL, SQL_FOLLOWER_PULL_BEGIN,
	    DB_VALUES(db_s(a->appid), db_i(*began_s)));
}

/* Appends the openids of a part as a JSON array. */
static enum error
append_openids(struct buf *out, const struct follower_part *p)
{
	const char	*openid = p->openids;
	enum error	 er = buf_putc(out, '[');
	size_t		 i;

	for (i = 0; i < p->n && er == ERR_OK; i++, openid += strlen(openid) + 1)
		if (i == 0 || (er = buf_putc(out, ',')) == ERR_OK)
			er = json_write_value(out, slice_of(openid));
	return er == ERR_OK ? buf_putc(out, ']') : er;
}

/* Each statement is about all of them: a server that is asked about each would take long. */
static enum error
store_listed(struct db *db, struct follower_part *p, struct slice openids)
{
	const char	*appid = p->account->appid;
	enum error	 er;

	er = db_run(db, &p->back, SQL_FOLLOWER_BACK, DB_VALUES(db_s(appid), db_text(openids),
	    db_i(p->asked_s)));
	if (er == ERR_OK)
		er = db_run(db, NULL, SQL_FOLLOWER_SEEN, DB_VALUES(db_i(p->began_s), db_s(appid),
		    db_text(openids)));
	return er != ERR_OK ? er : db_run(db, &p->fresh, SQL_FOLLOWER_ADD, DB_VALUES(db_s(appid),
	    db_text(openids), uses_unionid(p->account), db_i(p->began_s)));
}

enum error
follower_store_part(struct db *db, struct follower_part *p)
{
	struct buf	 openids = { 0 };
	enum error	 er = append_openids(&openids, p);

	p->fresh = p->back = 0;
	db_patience(db, clock_mono_ms() + LONG_MS);
	if (er == ERR_OK)
		er = store_listed(db, p, buf_slice(&openids));
	buf_free(&openids);
	return er;
}

enum error
follower_store_page(struct db *db, const char *appid, const struct user_list *l, bool is_last)
{
	return db_run(db, NULL, SQL_FOLLOWER_PULL_PAGE, DB_VALUES(
	    db_i(is_last ? FOLLOWER_PULL_CLOSE : FOLLOWER_PULL_LIST),
	    db_s(is_last ? "" : l->next.p), db_i((int64_t)l->n), db_i(l->total), db_s(appid)));
}

/* Sets last to the last openid of the next FOLLOWER_CLOSE rows; "": there are not so many. */
static enum error
find_last_of_step(struct db *db, char last[USER_INFO_OPENID + 1], const char *appid,
    const char *cursor)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;

	*last = '\0';
	er = db_start(db, &rows, SQL_FOLLOWER_STEP, DB_VALUES(db_s(appid), db_s(cursor),
	    db_i(FOLLOWER_CLOSE - 1)));
	if (er == ERR_OK && db_next(&rows, &er) && (s = db_col(&rows, 0)).len <= USER_INFO_OPENID) {
		memcpy(last, s.p, s.len);
		last[s.len] = '\0';
	}
	db_end(&rows);
	return er;
}

/* Marks the rows from r->cursor up to last; "": all that are behind it. */
static enum error
close_rows(struct db *db, struct follower_close *c, const struct follower_pull_row *r,
    const char *last)
{
	const char	*end = *last != '\0' ? last : behind_all;
	enum error	 er;

	er = db_run(db, &c->gone, SQL_FOLLOWER_GONE, DB_VALUES(db_s(c->appid),
	    db_s(r->cursor), db_i(r->began_s), db_i(r->began_s - FRESH_S), db_s(end)));
	return er != ERR_OK ? er : db_run(db, NULL, SQL_FOLLOWER_AGAIN, DB_VALUES(db_s(c->appid),
	    db_s(r->cursor), db_i(c->again_s), db_s(end)));
}

enum error
follower_store_close(struct db *db, struct follower_close *c)
{
	struct follower_pull_row	 r;
	char				 last[USER_INFO_OPENID + 1];
	enum error			 er;

	c->gone = 0;
	db_patience(db, clock_mono_ms() + LONG_MS);
	if ((er = follower_store_row(db, &r, c->appid)) != ERR_OK ||
	    (er = find_last_of_step(db, last, c->appid, r.cursor)) != ERR_OK ||
	    (er = close_rows(db, c, &r, last)) != ERR_OK)
		return er;
	c->more = *last != '\0';
	if (c->more)
		return db_run(db, NULL, SQL_FOLLOWER_PULL_STEP,
		    DB_VALUES(db_s(last), db_s(c->appid)));
	return db_run(db, NULL, SQL_FOLLOWER_PULL_LISTED, DB_VALUES(db_i(c->now_s),
	    db_s(c->appid)));
}

enum error
follower_store_end(struct db *db, const char *appid)
{
	return db_run(db, NULL, SQL_FOLLOWER_PULL_END,
	    DB_VALUES(db_s(appid)));
}

/*
 * What WeChat tells of users.
 */

/* asked_at is below this. */
static struct db_value
due_limit(enum follower_due due, int64_t before_s)
{
	return db_i(due == FOLLOWER_NEW ? NEVER : before_s > 1 ? before_s : 1);
}

enum error
follower_store_count_due(struct db *db, int64_t *n, const char *appid, enum follower_due due,
    int64_t before_s)
{
	*n = 0;
	return db_number(db, n, SQL_FOLLOWER_COUNT_DUE, DB_VALUES(db_s(appid),
	    due_limit(due, before_s)));
}

enum error
follower_store_due(struct db *db, struct buf *openids, size_t *n, const char *appid,
    enum follower_due due, int64_t before_s)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;

	openids->len = *n = 0;
	er = db_start(db, &rows, SQL_FOLLOWER_DUE, DB_VALUES(db_s(appid),
	    due_limit(due, before_s), db_i(USER_INFO_BATCH)));
	for (; er == ERR_OK && db_next(&rows, &er); (*n)++) {
		s = db_col(&rows, 0);
		if ((er = buf_put(openids, s.p, s.len)) == ERR_OK)
			er = buf_putc(openids, '\0');
	}
	db_end(&rows);
	return er;
}

/* NULL where the text is empty. */
static struct db_value
text_or_null(struct slice s)
{
	return s.len == 0 ? db_s(NULL) : db_text(s);
}

static enum error
store_told(struct db *db, struct follower_batch *b, const struct user_info *u)
{
	const struct account	*a = b->account;
	const bool		 joins = a->identity == UNIONID && u->unionid.len != 0;
	int64_t			 changed = 0;
	enum error		 er;

	er = db_run(db, &changed, SQL_FOLLOWER_TOLD, DB_VALUES(db_s(a->appid), db_text(u->openid),
	    text_or_null(u->unionid), db_short(joins ? u->unionid : u->openid),
	    u->subscribe_time == 0 ? db_s(NULL) : db_i(u->subscribe_time), text_or_null(u->scene),
	    u->qr_scene == 0 ? db_s(NULL) : db_i(u->qr_scene), text_or_null(u->qr_scene_str),
	    text_or_null(u->language), text_or_null(u->tags), text_or_null(u->remark),
	    db_i(b->asked_s), db_i(b->answered_s)));
	b->told += changed;
	return er == ERR_OK && joins && changed != 0 ?
	    unionid_store(db, a->appid, u->openid, u->unionid) : er;
}

static enum error
store_not_following(struct db *db, struct follower_batch *b, const struct user_info *u)
{
	int64_t		 changed = 0;
	enum error	 er;

	er = db_run(db, &changed, SQL_FOLLOWER_TOLD_GONE,
	    DB_VALUES(db_s(b->account->appid), db_text(u->openid), db_i(b->asked_s)));
	b->gone += changed;
	return er;
}

/* If WeChat tells nothing of a user, nobody asks about that user again soon. */
static enum error
close_batch(struct db *db, const struct follower_batch *b)
{
	const char	*openid = b->openids;
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < b->n && er == ERR_OK; i++, openid += strlen(openid) + 1)
		er = db_run(db, NULL, SQL_FOLLOWER_ASKED,
		    DB_VALUES(db_s(b->account->appid), db_s(openid), db_i(b->asked_s),
		    db_i(b->answered_s)));
	return er;
}

enum error
follower_store_batch(struct db *db, struct follower_batch *b)
{
	struct user_info_answer	 r = { 0 };
	struct user_info	 u;
	enum error		 er = ERR_OK;

	b->told = b->gone = 0;
	db_patience(db, clock_mono_ms() + LONG_MS);
	b->strange = b->answer.p != NULL && !user_info_open(&r, b->answer);
	while (!b->strange && b->answer.p != NULL && er == ERR_OK && user_info_next(&r, &u))
		er = u.follows ? store_told(db, b, &u) : store_not_following(db, b, &u);
	if (er == ERR_OK && !b->strange)
		er = close_batch(db, b);
	user_info_close(&r);
	return er;
}

enum error
follower_store_pause(struct db *db, const char *appid, int64_t until_s, int64_t errcode,
    int64_t fails)
{
	return db_run(db, NULL, SQL_FOLLOWER_PULL_PAUSE, DB_VALUES(db_s(appid), db_i(until_s),
	    db_i(errcode), db_i(fails)));
}
