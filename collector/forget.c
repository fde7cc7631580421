#include <string.h>

#include "collector/erased.h"
#include "collector/forget.h"
#include "collector/unionid.h"
#include "core/query.h"
#include "crypto.h"
#include "state/queue.h"
#include "wechat/push.h"

enum {
	MENTION_LEAST = 16,	/* bytes of a name that is looked for in the events of others */
	USERS = 32,		/* who have left, in one step */
	SETTLE_MS = 10000,	/* from the event of leaving until nothing of it is under way */
	KEEP_ERASED_S = 400 * 86400	/* longer than anything that may come late */
};

/*
 * Names.
 */

const char *
forget_next(const struct buf *names, const char *at)
{
	const char	*next = at == NULL ? names->p : at + strlen(at) + 1;

	return next == NULL || next >= names->p + names->len ? NULL : next;
}

static enum error
add_name(struct buf *names, struct slice name)
{
	const char	*p;
	enum error	 er;

	if (name.len == 0 || memchr(name.p, '\0', name.len) != NULL)
		return ERR_OK;
	for (p = forget_next(names, NULL); p != NULL; p = forget_next(names, p))
		if (slice_is(name, p))
			return ERR_OK;
	er = buf_put(names, name.p, name.len);
	return er == ERR_OK ? buf_putc(names, '\0') : er;
}

/* Adds the names in the columns of a statement. */
static enum error
add_rows(struct db_rows *rows, enum error er, struct buf *names)
{
	int	 i;

	while (er == ERR_OK && db_next(rows, &er))
		for (i = 0; i < db_cols(rows) && er == ERR_OK; i++)
			er = add_name(names, db_col(rows, i));
	db_end(rows);
	return er;
}

enum error
forget_names(struct db *db, struct buf *names, const char *appid, struct slice name)
{
	struct db_rows	 rows;
	enum error	 er;

	if ((er = add_name(names, name)) != ERR_OK)
		return er;
	er = db_start(db, &rows, SQL_USER_NAMES, DB_VALUES(db_short(name), db_s(appid)));
	return add_rows(&rows, er, names);
}

static bool
is_in(struct slice name, struct slice text)
{
	const char	*p = text.p, *end = text.p + text.len;

	while (text.p != NULL && (size_t)(end - p) >= name.len &&
	    (p = memchr(p, *name.p, (size_t)(end - p) - name.len + 1)) != NULL)
		if (memcmp(p++, name.p, name.len) == 0)
			return true;
	return false;
}

bool
forget_is_in(const struct buf *names, struct slice text)
{
	const char	*p;

	for (p = forget_next(names, NULL); p != NULL; p = forget_next(names, p))
		if (is_in(slice_of(p), text))
			return true;
	return false;
}

/*
 * Events and devices.
 */

/* A device that is to lose its name, in the accounts of an order. */
struct erasing {
	struct db			*db;
	struct slice			 application;
	const struct forget_order	*order;
	int64_t				 id;	/* the device with the name */
	int64_t				 to;	/* the one without; it may be the same */
};

/* Appends the ids that a statement gives. */
static enum error
read_ids(struct db_rows *rows, enum error er, struct buf *ids)
{
	int64_t	 id;

	while (er == ERR_OK && db_next(rows, &er)) {
		id = db_col_int(rows, 0);
		er = buf_put(ids, &id, sizeof(id));
	}
	db_end(rows);
	return er;
}

static int64_t
id_at(const struct buf *ids, size_t i)
{
	int64_t	 id;

	memcpy(&id, ids->p + i * sizeof(id), sizeof(id));
	return id;
}

static enum error
strip_event(struct db *db, struct buf *text, int64_t id)
{
	struct db_rows	 rows;
	enum error	 er;

	buf_reset(text);
	er = db_start(db, &rows, SQL_USER_ATTRIBUTES, DB_VALUES(db_i(id)));
	if (er == ERR_OK && db_next(&rows, &er))
		er = erased_strip(text, db_col(&rows, 0));
	db_end(&rows);
	return er != ERR_OK ? er : db_run(db, NULL, SQL_USER_STRIP,
	    DB_VALUES(db_text(buf_slice(text)), db_i(id)));
}

/* Takes what tells of the user out of all events of the device without a name. */
static enum error
strip_events(struct erasing *e, struct forget_count *n)
{
	struct buf	 ids = { 0 }, text = { 0 };
	struct db_rows	 rows;
	enum error	 er;
	size_t		 i;

	er = db_start(e->db, &rows, SQL_USER_EVENTS, DB_VALUES(db_i(e->to)));
	er = read_ids(&rows, er, &ids);
	for (i = 0; i < ids.len / sizeof(int64_t) && er == ERR_OK; i++, n->events++)
		er = strip_event(e->db, &text, id_at(&ids, i));
	buf_free(&ids);
	buf_free(&text);
	return er;
}

/* *part: other accounts have something of the device, or there is something newer. */
static enum error
look_for_rest(struct erasing *e, bool *part)
{
	int64_t		 rest = 0;
	enum error	 er;

	er = db_number(e->db, &rest, SQL_USER_REST, DB_VALUES(db_i(e->id),
	    db_i(e->order->until_s), db_s(e->order->appid)));
	*part = rest != 0;
	return er;
}

/* Makes a device without a name for the rows of the order. */
static enum error
part_device(struct erasing *e)
{
	const struct forget_order	*o = e->order;
	struct db_rows			 rows;
	int64_t				 first = 0, last = 0;
	enum error			 er;

	er = db_start(e->db, &rows, SQL_USER_SPAN, DB_VALUES(db_i(e->id)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		first = db_col_bounded(&rows, 0);
		last = db_col_bounded(&rows, 1);
	}
	db_end(&rows);
	if (er != ERR_OK ||
	    (er = erased_device(e->db, &e->to, e->application, first, last)) != ERR_OK ||
	    (er = db_run(e->db, NULL, SQL_USER_PART_EVENTS, DB_VALUES(db_i(e->id),
	    db_i(o->until_s), db_s(o->appid), db_i(e->to)))) != ERR_OK ||
	    (er = db_run(e->db, NULL, SQL_USER_PART_PAST, DB_VALUES(db_i(e->id), db_i(e->to),
	    db_s(o->appid)))) != ERR_OK)
		return er;
	/* If only newer events are left, the device begins with them. */
	return db_run(e->db, NULL, SQL_USER_PART_DEVICE, DB_VALUES(db_i(e->id),
	    db_i(o->until_s)));
}

/* Forgets a name in one application. */
static enum error
forget_device(struct erasing *e, struct forget_count *n, struct slice name)
{
	bool		 part = false;
	enum error	 er;

	er = db_number(e->db, &e->id, SQL_DEVICE_ID, DB_VALUES(db_text(e->application),
	    db_short(name)));
	if (er == ERR_OK && e->id != 0)
		er = look_for_rest(e, &part);
	if (er == ERR_OK && e->id != 0) {
		e->to = e->id;
		er = part ? part_device(e) : erased_unname(e->db, e->id);
	}
	if (er == ERR_OK && e->id != 0)
		er = strip_events(e, n);
	return er == ERR_OK ? erased_add(e->db, e->application, name, e->to, e->order->late_s) :
	    er;
}

/* Fills applications with those of the order, each with a NUL behind it. */
static enum error
list_applications(struct db *db, struct buf *applications, const char *appid)
{
	struct db_rows	 rows;
	struct slice	 s;
	enum error	 er;

	er = db_start(db, &rows, SQL_USER_APPLICATIONS, DB_VALUES(db_s(appid)));
	while (er == ERR_OK && db_next(&rows, &er)) {
		s = db_col(&rows, 0);
		if ((er = buf_put(applications, s.p, s.len)) == ERR_OK)
			er = buf_putc(applications, '\0');
	}
	db_end(&rows);
	return er;
}

/* Deletes what is known of the user beside events: as a follower, and the UnionID. */
static enum error
forget_name(struct db *db, const char *appid, struct slice name)
{
	const enum error	 er = db_run(db, NULL, SQL_USER_FOLLOWER,
				    DB_VALUES(db_short(name), db_s(appid)));

	if (er != ERR_OK)
		return er;
	if (appid != NULL)
		return db_run(db, NULL, SQL_USER_UNIONID, DB_VALUES(db_s(appid), db_short(name)));
	return db_run(db, NULL, SQL_USER_UNIONIDS, DB_VALUES(db_short(name)));
}

enum error
forget_events(struct db *db, struct forget_count *n, const struct buf *names,
    const struct forget_order *order)
{
	struct buf	 applications = { 0 };
	struct erasing	 e;
	const char	*p, *a;
	enum error	 er = list_applications(db, &applications, order->appid);

	for (p = forget_next(names, NULL); p != NULL && er == ERR_OK; p = forget_next(names, p)) {
		for (a = forget_next(&applications, NULL); a != NULL && er == ERR_OK;
		    a = forget_next(&applications, a)) {
			e = (struct erasing){ db, slice_of(a), order, 0, 0 };
			er = forget_device(&e, n, slice_of(p));
		}
		if (er == ERR_OK)
			er = forget_name(db, order->appid, slice_of(p));
	}
	buf_free(&applications);
	return er;
}

/*
 * Messages.
 */

/* What opens encrypted messages. */
struct opener {
	struct crypto	*crypto;
	struct buf	 xml, work, query;
};

static enum error
open_body(struct opener *o, const struct account *a, struct slice query, struct slice body)
{
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	enum error	 er;

	buf_reset(&o->query);
	if (a == NULL || a->token == NULL || a->aes_key == NULL)
		return ERR_CONF;
	if ((er = buf_put(&o->query, query.p, query.len)) != ERR_OK ||
	    (er = query_parse(&q, o->query.p, o->query.len)) != ERR_OK ||
	    (er = push_read(&p, &which, &q, 0)) != ERR_OK)
		return er;
	return crypto_open(o->crypto, &o->xml, &o->work, a, &p, body);
}

/* True: the message has one of the names.  *closed is increased if nobody can say. */
static bool
has_name(const struct forget_messages *m, struct opener *o, const struct db_rows *row,
    int64_t *closed)
{
	const struct slice	 query = db_col(row, 3), body = db_col(row, 4);
	const struct account	*a = conf_account(m->conf, db_col(row, 1));

	if (forget_is_in(m->names, query) || forget_is_in(m->names, body))
		return true;
	if (body.p == NULL || (a != NULL && a->mode == PLAIN) ||
	    !is_in(slice_of("<Encrypt>"), body))
		return false;
	if (open_body(o, a, query, body) == ERR_OK)
		return forget_is_in(m->names, buf_slice(&o->xml));
	*closed += 1;
	return false;
}

/* What happens to a message of the user, by its state. */
struct fate {
	enum sql	 sql;
	int64_t		*n;
};

static struct fate
fate_of(struct forget_count *n, struct slice state, bool drop_dead)
{
	if (slice_is(state, queue_states[QUEUE_DELIVERED]))
		return (struct fate){ SQL_MESSAGE_REMOVE, &n->copies };
	if (slice_is(state, queue_states[QUEUE_DEAD]))
		return (struct fate){ drop_dead ? SQL_MESSAGE_REMOVE : SQL_LEAVING_PUT,
		    &n->dead };
	return (struct fate){ SQL_LEAVING_PUT, &n->waiting };
}

/* Looks at the rows of a started statement. */
static enum error
judge_messages(struct db_rows *rows, struct db *db, struct forget_count *n,
    struct forget_messages *m, struct opener *o, int *seen)
{
	struct fate	 f;
	enum error	 er = ERR_OK;

	while (er == ERR_OK && db_next(rows, &er)) {
		++*seen;
		m->at = db_col_int(rows, 0);
		if (!has_name(m, o, rows, &n->closed))
			continue;
		f = fate_of(n, db_col(rows, 2), m->drop_dead);
		++*f.n;
		er = db_run(db, NULL, f.sql, DB_VALUES(db_i(m->at)));
	}
	return er;
}

enum error
forget_messages(struct db *db, struct forget_count *n, struct forget_messages *m, int max)
{
	struct opener	 o = { .crypto = crypto_new() };
	struct db_rows	 rows;
	enum error	 er;
	int		 seen = 0;

	if (o.crypto == NULL)
		return ERR_NOMEM;
	er = db_start(db, &rows, SQL_USER_MESSAGES, DB_VALUES(db_i(m->at), db_i(max)));
	if (er == ERR_OK)
		er = judge_messages(&rows, db, n, m, &o, &seen);
	db_end(&rows);
	m->more = seen == max;
	if (er == ERR_OK && !m->more)	/* of messages that are gone otherwise */
		er = db_run(db, NULL, SQL_LEAVING_SWEEP, DB_NO_VALUES);
	crypto_free(o.crypto);
	buf_free(&o.xml);
	buf_free(&o.work);
	buf_free(&o.query);
	return er;
}

/*
 * Other users' events.
 */

enum error
forget_mentions(struct db *db, struct forget_count *n, const struct buf *names, int64_t *at,
    bool *more, int max)
{
	int64_t		 to = 0, changed;
	const char	*p;
	enum error	 er;

	er = db_number(db, &to, SQL_USER_MENTIONS_END, DB_VALUES(db_i(*at), db_i(max)));
	*more = er == ERR_OK && to != 0;
	for (p = forget_next(names, NULL); p != NULL && er == ERR_OK && *more;
	    p = forget_next(names, p)) {
		if (strlen(p) < MENTION_LEAST)
			continue;
		changed = 0;
		er = db_run(db, &changed, SQL_USER_MENTIONS, DB_VALUES(db_i(*at), db_i(to),
		    db_s(p)));
		n->mentions += changed;
	}
	if (*more)
		*at = to;
	return er;
}

enum error
forget_search(struct db *db, const struct buf *names, forget_found *fn, void *ctx)
{
	struct db_rows	 rows;
	const char	*p;
	enum error	 er = ERR_OK;

	for (p = forget_next(names, NULL); p != NULL && er == ERR_OK; p = forget_next(names, p)) {
		er = db_start(db, &rows, SQL_USER_LEFT, DB_VALUES(db_s(p)));
		while (er == ERR_OK && db_next(&rows, &er))
			fn(ctx, db_col(&rows, 0), db_col_int(&rows, 1));
		db_end(&rows);
	}
	return er;
}

/*
 * Users who have left.
 */

/* One of them; what it points to is in the struct. */
struct leaver {
	int64_t		 id, until_s;
	struct buf	 appid, names;
};

/* Reads a user who is not forgotten yet; id 0: there is no such user. */
static enum error
read_leaver(struct db *db, struct leaver *l, int64_t now_ms)
{
	struct db_rows	 rows;
	enum error	 er;

	l->id = 0;
	buf_reset(&l->appid);
	buf_reset(&l->names);
	er = db_start(db, &rows, SQL_DEPARTED_NEXT, DB_VALUES(db_i(now_ms),
	    db_i(SETTLE_MS)));
	if (er == ERR_OK && db_next(&rows, &er)) {
		l->id = db_col_int(&rows, 0);
		l->until_s = db_col_bounded(&rows, 1);
		if ((er = buf_put(&l->appid, db_col(&rows, 2).p, db_col(&rows, 2).len)) == ERR_OK &&
		    (er = buf_putc(&l->appid, '\0')) == ERR_OK)
			er = add_name(&l->names, db_col(&rows, 3));
	}
	db_end(&rows);
	return er;
}

/* Adds the user's UnionID, if it is known; the first name is the openid. */
static enum error
add_unionid(struct db *db, struct leaver *l)
{
	struct buf	 unionid = { 0 };
	enum error	 er;

	er = unionid_find(db, &unionid, l->appid.p, slice_of(l->names.p));
	if (er == ERR_OK && unionid.len != 0)
		er = add_name(&l->names, buf_slice(&unionid));
	buf_free(&unionid);
	return er;
}

/* Notes for which names the messages are to be looked at. */
static enum error
note_names(struct db *db, const struct leaver *l, int64_t now_ms)
{
	const char	*p;
	enum error	 er;

	er = db_run(db, NULL, SQL_DEPARTED_DROP, DB_VALUES(db_i(l->id)));
	for (p = forget_next(&l->names, NULL); p != NULL && er == ERR_OK;
	    p = forget_next(&l->names, p))
		er = db_run(db, NULL, SQL_DEPARTED_PUT, DB_VALUES(db_i(0), db_i(now_ms),
		    db_i(l->until_s), db_s(l->appid.p), db_s(p)));
	return er;
}

/* Forgets the events of users who have left; *n: of how many. */
static enum error
forget_leavers(struct db *db, int *n, int64_t now_ms)
{
	struct leaver		 l = { .id = 0 };
	struct forget_count	 count = { 0 };
	struct forget_order	 order;
	enum error		 er = ERR_OK;

	for (*n = 0; *n < USERS && er == ERR_OK; ++*n) {
		if ((er = read_leaver(db, &l, now_ms)) != ERR_OK || l.id == 0)
			break;
		order = (struct forget_order){ l.appid.p, l.until_s, l.until_s };
		if ((er = add_unionid(db, &l)) == ERR_OK &&
		    (er = forget_events(db, &count, &l.names, &order)) == ERR_OK)
			er = note_names(db, &l, now_ms);
	}
	buf_free(&l.appid);
	buf_free(&l.names);
	return er;
}

/* Looks at the next messages for the users who are the least far; *n is 0: there are no users. */
static enum error
forget_copies(struct db *db, int *n, const struct conf *conf, int max)
{
	struct forget_count	 count = { 0 };
	struct buf		 names = { 0 };
	struct forget_messages	 m = { .conf = conf, .names = &names };
	struct db_rows		 rows;
	int64_t			 from = -1;
	enum error		 er;

	er = db_number(db, &from, SQL_DEPARTED_LEAST, DB_NO_VALUES);
	*n = from != -1;
	if (er != ERR_OK || *n == 0)
		return er;
	m.at = from;
	er = db_start(db, &rows, SQL_DEPARTED_NAMES, DB_VALUES(db_i(from)));
	if ((er = add_rows(&rows, er, &names)) == ERR_OK &&
	    (er = forget_messages(db, &count, &m, max)) == ERR_OK)
		er = m.more ? db_run(db, NULL, SQL_DEPARTED_MOVE, DB_VALUES(db_i(from),
		    db_i(m.at))) : db_run(db, NULL, SQL_DEPARTED_DONE, DB_VALUES(db_i(from)));
	buf_free(&names);
	return er;
}

enum error
forget_departed(struct db *db, bool *more, const struct conf *conf, int64_t now_ms, int max)
{
	enum error	 er;
	int		 n = 0;

	er = forget_leavers(db, &n, now_ms);
	if (er == ERR_OK && n == 0)
		er = forget_copies(db, &n, conf, max);
	*more = n != 0;
	return er != ERR_OK || n != 0 ? er : db_run(db, NULL, SQL_ERASED_SWEEP,
	    DB_VALUES(db_i(now_ms / 1000 - KEEP_ERASED_S)));
}
