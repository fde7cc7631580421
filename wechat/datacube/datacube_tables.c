#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/json_raw.h"
#include "wechat/datacube/datacube_rows.h"
#include "wechat/datacube/datacube_sql.h"
#include "wechat/datacube/datacube_tables.h"

enum {
	MAKE_MS = 10000,	/* to make the tables, once in the life of a store */
	PUT_MS = 10000,		/* to store an answer */
	PAGES_MAX = 1000,	/* pages of one answer */
	AHEAD_S = 60		/* a pause that begins later is of a clock that was ahead */
};

const struct datacube_tables_fixed datacube_tables_fixed[DATACUBE_TABLES_FIXED] = {
	{ "datacube_day", "appid, endpoint, day", {
	    { "appid", DATACUBE_TEXT }, { "endpoint", DATACUBE_TEXT }, { "day", DATACUBE_TEXT },
	    { "asked", DATACUBE_INT }, { "rows", DATACUBE_INT }, { "times", DATACUBE_INT },
	    { "delayed", DATACUBE_INT } } },
	{ "datacube_pause", "appid, endpoint", {
	    { "appid", DATACUBE_TEXT }, { "endpoint", DATACUBE_TEXT }, { "since", DATACUBE_INT },
	    { "until", DATACUBE_INT }, { "errcode", DATACUBE_INT } } },
	{ "datacube_page", "appid, endpoint, page", {
	    { "appid", DATACUBE_TEXT }, { "endpoint", DATACUBE_TEXT }, { "page", DATACUBE_INT },
	    { "begin", DATACUBE_TEXT }, { "end", DATACUBE_TEXT }, { "asked", DATACUBE_INT },
	    { "body", DATACUBE_TEXT } } },
};

/*
 * Making the tables.
 */

/* The columns that are there: "datacube_day.appid", each with a NUL behind it. */
static enum error
read_columns(struct db *db, struct buf *there)
{
	struct db_rows	 rows;
	enum error	 er;

	buf_reset(there);
	er = db_start(db, &rows, SQL_DATACUBE_COLUMNS, DB_NO_VALUES);
	while (er == ERR_OK && db_next(&rows, &er)) {
		const struct slice	 table = db_col(&rows, 0), column = db_col(&rows, 1);

		if ((er = buf_put(there, table.p, table.len)) == ERR_OK &&
		    (er = buf_putc(there, '.')) == ERR_OK &&
		    (er = buf_put(there, column.p, column.len)) == ERR_OK)
			er = buf_putc(there, '\0');
	}
	db_end(&rows);
	return er;
}

/* table is with "datacube_". */
static bool
has_column(const struct buf *there, const char *table, const char *column)
{
	const size_t	 len = strlen(table);
	const char	*p;

	for (p = there->p; p != NULL && p < there->p + there->len; p += strlen(p) + 1)
		if (strncmp(p, table, len) == 0 && p[len] == '.' &&
		    strcmp(p + len + 1, column) == 0)
			return true;
	return false;
}

/* For making the tables and columns that are missing. */
struct making {
	struct db	*db;
	struct buf	 there, sql;
	bool		 only_look;	/* ... and not made */
	bool		 is_missing;	/* something is */
};

static enum error
make_fixed_table(struct making *m, const struct datacube_tables_fixed *t)
{
	const struct db_words	*w = db_words(m->db);
	enum error		 er;
	size_t			 i;

	if (has_column(&m->there, t->name, "appid"))
		return ERR_OK;
	m->is_missing = true;
	if (m->only_look)
		return ERR_OK;
	m->sql.len = 0;
	er = buf_printf(&m->sql, "CREATE TABLE %s (", t->name);
	for (i = 0; t->columns[i].name != NULL && er == ERR_OK; i++)
		er = buf_printf(&m->sql, "\"%s\" %s NOT NULL, ", t->columns[i].name,
		    t->columns[i].type == DATACUBE_TEXT ? w->text : w->integer);
	if (er == ERR_OK && (er = buf_printf(&m->sql, "PRIMARY KEY (%s))%s", t->keys,
	    w->table_end)) == ERR_OK)
		er = buf_putc(&m->sql, '\0');
	return er == ERR_OK ? db_script(m->db, m->sql.p) : er;
}

static enum error
create_table(struct making *m, const struct datacube_endpoint *e, const struct datacube_table *t)
{
	struct datacube_sql_chain	 c;
	enum error			 er;

	datacube_sql_trace(&c, e, t);
	m->sql.len = 0;
	er = datacube_sql_create(&m->sql, &c, db_words(m->db));
	return er == ERR_OK ? db_script(m->db, m->sql.p) : er;
}

/* Adds the columns that an older qtoa did not know, and moves their values into them. */
static enum error
add_columns(struct making *m, const struct datacube_endpoint *e, const struct datacube_table *t,
    const char *name)
{
	const struct datacube_rows_source	 source = { e, t, "", "" };
	const struct datacube_field		*f = NULL;
	enum error				 er = ERR_OK;
	bool					 added = false;

	while (er == ERR_OK && (f = datacube_next_field(t, f)) != NULL) {
		if (has_column(&m->there, name, f->name))
			continue;
		m->is_missing = added = true;
		m->sql.len = 0;
		if (!m->only_look && (er = datacube_sql_add_column(&m->sql, t, f,
		    db_words(m->db))) == ERR_OK)
			er = db_script(m->db, m->sql.p);
	}
	return er == ERR_OK && added && !m->only_look ? datacube_rows_fill(m->db, &source) : er;
}

static enum error
make_table(struct making *m, const struct datacube_endpoint *e, const struct datacube_table *t)
{
	char	 name[64];

	(void)snprintf(name, sizeof(name), "datacube_%s", t->name);
	if (has_column(&m->there, name, "appid"))
		return add_columns(m, e, t, name);
	m->is_missing = true;
	return m->only_look ? ERR_OK : create_table(m, e, t);
}

/* Makes what is missing, or only looks for it. */
static enum error
make_tables(struct making *m)
{
	const struct datacube_endpoint	*e;
	enum error			 er = read_columns(m->db, &m->there);
	size_t				 i;

	m->is_missing = false;
	for (i = 0; i < DATACUBE_TABLES_FIXED && er == ERR_OK; i++)
		er = make_fixed_table(m, &datacube_tables_fixed[i]);
	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL && er == ERR_OK; i++)
			er = make_table(m, e, &e->tables[i]);
	return er;
}

enum error
datacube_tables_prepare(struct db *db)
{
	struct making	 m = { .db = db, .only_look = true };
	enum error	 er = make_tables(&m);

	if (er == ERR_OK && m.is_missing) {
		/* Of several hosts, one makes them: only one at a time may write this row. */
		db_patience(db, clock_mono_ms() + MAKE_MS);
		m.only_look = false;
		if ((er = db_touch(db)) == ERR_OK)
			er = make_tables(&m);
	}
	buf_free(&m.there);
	buf_free(&m.sql);
	return er;
}

bool
datacube_tables_is_there(struct db *db)
{
	int64_t	 n = 0;

	return db_number(db, &n, SQL_DATACUBE_HAS_TABLES, DB_NO_VALUES) == ERR_OK &&
	    n == 3;
}

enum error
datacube_tables_select(struct buf *sql, const struct datacube_table *t,
    const struct datacube_endpoint *e)
{
	struct datacube_sql_chain	 c;

	datacube_sql_trace(&c, e, t);
	return datacube_sql_select(sql, &c);
}

/*
 * Units and pages that were asked for.
 */

enum error
datacube_tables_first(struct db *db, int64_t *unit, const char *appid,
    const struct datacube_endpoint *e)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_DATACUBE_FIRST, DB_VALUES(db_s(appid), db_s(e->name)));
	if (er == ERR_OK && db_next(&rows, &er) && db_col_type(&rows, 0) != DB_NO_VALUE)
		(void)calendar_parse_day(unit, db_col(&rows, 0));
	db_end(&rows);
	return er;
}

enum error
datacube_tables_last(struct db *db, int64_t *day, const char *appid)
{
	const struct datacube_endpoint	*e;
	struct db_rows			 rows;
	enum error			 er = ERR_OK;
	int64_t				 last;

	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++) {
		if (e->unit != DATACUBE_DAY)
			continue;
		er = db_start(db, &rows, SQL_DATACUBE_LAST,
		    DB_VALUES(db_s(appid), db_s(e->name)));
		if (er == ERR_OK && db_next(&rows, &er) &&
		    db_col_type(&rows, 0) != DB_NO_VALUE &&
		    calendar_parse_day(&last, db_col(&rows, 0)) && last > *day)
			*day = last;
		db_end(&rows);
	}
	return er;
}

static void
set_known(struct datacube_known *known, const struct datacube_span *range,
    const struct db_rows *rows)
{
	int64_t	 d;

	if (!calendar_parse_day(&d, db_col(rows, 0)) || d < range->begin || d > range->end)
		return;
	known[d - range->begin] = (struct datacube_known){
		.asked_s = db_col_bounded(rows, 1), .rows = db_col_bounded(rows, 2),
		.times = (int)db_col_int(rows, 3), .delayed = db_col_int(rows, 4) != 0,
	};
}

enum error
datacube_tables_known(struct db *db, struct datacube_known *known, const char *appid,
    const struct datacube_endpoint *e, const struct datacube_span *range)
{
	char		 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];
	struct db_rows	 rows;
	enum error	 er;

	if (range->end < range->begin)
		return ERR_OK;
	memset(known, 0, (size_t)(range->end - range->begin + 1) * sizeof(*known));
	calendar_day_text(begin, range->begin);
	calendar_day_text(end, range->end);
	er = db_start(db, &rows, SQL_DATACUBE_KNOWN, DB_VALUES(db_s(appid), db_s(e->name),
	    db_s(begin), db_s(end)));
	while (er == ERR_OK && db_next(&rows, &er))
		set_known(known, range, &rows);
	db_end(&rows);
	return er;
}

enum error
datacube_tables_page(struct db *db, struct datacube_tables_call *c, int64_t since_s)
{
	char		 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];
	int64_t		 last = 0;
	enum error	 er;

	calendar_day_text(begin, c->span.begin);
	calendar_day_text(end, c->span.end);
	if ((er = db_run(db, NULL, SQL_DATACUBE_PAGE_OLD, DB_VALUES(db_s(c->appid),
	    db_s(c->e->name), db_s(begin), db_s(end), db_i(since_s)))) == ERR_OK)
		er = db_number(db, &last, SQL_DATACUBE_PAGE_LAST, DB_VALUES(db_s(c->appid),
		    db_s(c->e->name)));
	c->page = (int)last + 1;
	return er;
}

/*
 * Storing an answer.
 */

/* An answer while it is stored. */
struct storing {
	struct db			*db;
	struct datacube_tables_put	*p;
	struct buf			 body, sql;
	struct slice			 answer;	/* the object in body */
	bool				 delayed;
	int64_t				 length, total;	/* rows of its list, and on all pages */
	char				 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];
	struct db_named			 v[3];
};

/* False: it is not JSON, or has no list of that end point. */
static bool
read_answer(struct storing *st)
{
	const struct datacube_table	*t = st->p->call->e->tables;
	struct slice			 list, rest, name, value;
	struct json			*j;

	if (buf_put(&st->body, st->p->body.p, st->p->body.len) != ERR_OK ||
	    (j = json_parse_body(&st->body)) == NULL)
		return false;
	json_free(j);
	st->answer = json_raw_value(buf_slice(&st->body));
	list = rest = json_raw_member(st->answer, t->list);
	if (json_raw_kind(list) != JSON_RAW_ARRAY)
		return false;
	while (json_raw_next(&rest, &name, &value))
		st->length++;
	(void)json_raw_int(&st->total, json_raw_member(st->answer, "total_num"));
	st->delayed = json_raw_kind(json_raw_member(st->answer, "is_delay")) == JSON_RAW_TRUE;
	return true;
}

/* Keeps a page until the others are there. */
static enum error
insert_page(const struct storing *st)
{
	const struct datacube_tables_call	*c = st->p->call;

	return db_run(st->db, NULL, SQL_DATACUBE_PAGE_PUT, DB_VALUES(db_s(c->appid),
	    db_s(c->e->name), db_i(c->page), db_s(st->begin), db_s(st->end), db_i(st->p->asked_s),
	    db_text(st->answer)));
}

static enum error
count_rows(struct storing *st, const struct datacube_sql_chain *c, int64_t *n)
{
	struct db_rows	 rows;
	enum error	 er;

	st->sql.len = 0;
	if ((er = datacube_sql_of_span(&st->sql, "SELECT count(*)", c)) != ERR_OK)
		return er;
	er = db_start_text(st->db, &rows, st->sql.p, st->v, 3);
	if (er == ERR_OK && db_next(&rows, &er))
		*n = db_col_int(&rows, 0);
	db_end(&rows);
	return er;
}

/* Writes the rows of all pages into a table; the last page is the answer. */
static enum error
write_pages(struct storing *st, int64_t *n, const struct datacube_table *t)
{
	const struct datacube_tables_call	*c = st->p->call;
	const struct datacube_rows_source	 source = { c->e, t, c->appid, st->begin };
	const bool				 one = t->list == NULL;	/* the first has it all */
	struct datacube_rows			*r;
	struct db_rows				 rows = { .db = st->db };
	enum error				 er;

	if ((er = datacube_rows_new(&r, st->db, &source)) == ERR_OK && c->page > 1) {
		er = db_start(st->db, &rows, SQL_DATACUBE_PAGES, DB_VALUES(db_s(c->appid),
		    db_s(c->e->name), db_i(one ? 2 : c->page)));
		while (er == ERR_OK && db_next(&rows, &er))
			er = datacube_rows_add(r, n, db_col(&rows, 0));
		db_end(&rows);
	}
	if (er == ERR_OK && (!one || c->page == 1))
		er = datacube_rows_add(r, n, st->answer);
	datacube_rows_free(r);
	return er;
}

/* Replaces a table's rows of the span with those of the pages. */
static enum error
replace_rows(struct storing *st, const struct datacube_table *t)
{
	struct datacube_sql_chain	 c;
	int64_t				 came = 0, is = 0;
	enum error			 er;

	datacube_sql_trace(&c, st->p->call->e, t);
	st->sql.len = 0;
	if ((er = datacube_sql_of_span(&st->sql, "DELETE", &c)) != ERR_OK ||
	    (er = db_run_text(st->db, NULL, st->sql.p, st->v, 3)) != ERR_OK ||
	    (er = write_pages(st, &came, t)) != ERR_OK ||
	    (er = count_rows(st, &c, &is)) != ERR_OK)
		return er;
	st->p->rows += is;
	st->p->odd += came - is;
	return ERR_OK;
}

/* Notes the units of the call in datacube_day, each with its rows in the first table. */
static enum error
note_units(struct storing *st)
{
	const struct datacube_tables_call	*c = st->p->call;
	struct datacube_sql_chain		 chain;
	char					 day[CALENDAR_DAY_TEXT];
	enum error				 er = ERR_OK;
	int64_t					 unit, n;

	datacube_sql_trace(&chain, c->e, &c->e->tables[0]);
	st->v[1].v = st->v[2].v = db_s(day);
	for (unit = c->span.begin; unit <= c->span.end && er == ERR_OK;
	    unit = datacube_unit(c->e, unit + 1)) {
		calendar_day_text(day, unit);
		st->v[1].v = st->v[2].v = db_s(day);
		if ((er = count_rows(st, &chain, &n)) == ERR_OK)
			er = db_run(st->db, NULL, SQL_DATACUBE_DAY_PUT, DB_VALUES(db_s(c->appid),
			    db_s(c->e->name), db_s(day), db_i(st->p->asked_s), db_i(n),
			    db_i(st->delayed)));
	}
	return er;
}

/* Stores the rows of all pages, and deletes the pages. */
static enum error
store_rows(struct storing *st)
{
	const struct datacube_tables_call	*c = st->p->call;
	const struct datacube_table		*t;
	enum error				 er = ERR_OK;

	for (t = c->e->tables; t != c->e->tables + DATACUBE_TABLES && t->name != NULL &&
	    er == ERR_OK; t++)
		er = replace_rows(st, t);
	if (er == ERR_OK && (er = note_units(st)) == ERR_OK)
		er = db_run(st->db, NULL, SQL_DATACUBE_PAGE_DROP, DB_VALUES(db_s(c->appid),
		    db_s(c->e->name)));
	return er;
}

static bool
has_more_pages(const struct storing *st)
{
	const struct datacube_tables_call	*c = st->p->call;

	return c->e->ads && st->length != 0 && c->page < PAGES_MAX &&
	    (int64_t)c->page * DATACUBE_PAGE < st->total;
}

enum error
datacube_tables_put(struct db *db, struct datacube_tables_put *p)
{
	const struct datacube_tables_call	*c = p->call;
	struct storing				 st = { .db = db, .p = p };
	enum error				 er = ERR_OK;

	p->rows = p->odd = 0;
	p->result = DATACUBE_STRANGE;
	calendar_day_text(st.begin, c->span.begin);
	calendar_day_text(st.end, c->span.end);
	st.v[0] = (struct db_named){ ":appid", db_s(c->appid) };
	st.v[1] = (struct db_named){ ":begin", db_s(st.begin) };
	st.v[2] = (struct db_named){ ":end", db_s(st.end) };
	if (read_answer(&st)) {
		p->result = has_more_pages(&st) ? DATACUBE_MORE : DATACUBE_STORED;
		/* An answer may have many thousand rows. */
		db_patience(db, clock_mono_ms() + PUT_MS);
		er = p->result == DATACUBE_MORE ? insert_page(&st) : store_rows(&st);
	}
	buf_free(&st.body);
	buf_free(&st.sql);
	return er;
}

/*
 * Pauses of end points and accounts.
 */

static struct db_value
endpoint_name_of(const struct datacube_endpoint *e)
{
	return db_s(e == NULL ? "" : e->name);
}

enum error
datacube_tables_set_pause(struct db *db, const char *appid, const struct datacube_endpoint *e,
    const struct datacube_tables_pause *p)
{
	return db_run(db, NULL, SQL_DATACUBE_PAUSE_PUT, DB_VALUES(db_s(appid), endpoint_name_of(e),
	    db_i(p->since_s), db_i(p->until_s), db_i(p->errcode)));
}

enum error
datacube_tables_pause(struct db *db, struct datacube_tables_pause *p, const char *appid,
    const struct datacube_endpoint *e, int64_t now_s)
{
	struct db_rows	 rows;
	enum error	 er;

	*p = (struct datacube_tables_pause){ 0, 0, 0 };
	er = db_start(db, &rows, SQL_DATACUBE_PAUSE_FIND, DB_VALUES(db_s(appid),
	    endpoint_name_of(e), db_i(now_s), db_i(now_s + AHEAD_S)));
	if (er == ERR_OK && db_next(&rows, &er))
		*p = (struct datacube_tables_pause){ db_col_bounded(&rows, 0),
		    db_col_bounded(&rows, 1), db_col_int(&rows, 2) };
	db_end(&rows);
	return er;
}

enum error
datacube_tables_end_pause(struct db *db, const char *appid, const struct datacube_endpoint *e)
{
	return db_run(db, NULL, SQL_DATACUBE_PAUSE_DROP, DB_VALUES(db_s(appid),
	    endpoint_name_of(e)));
}
