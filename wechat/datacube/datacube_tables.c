#include <string.h>

#include "core/calendar.h"
#include "wechat/datacube/datacube_tables.h"

enum {
	PAGES_MAX = 1000,	/* pages of one answer */
	AHEAD_S = 60		/* a pause that begins later is of a clock that was ahead */
};

static const char	 fixed_tables[] =
	"CREATE TABLE IF NOT EXISTS datacube_day ("
	"	appid		TEXT NOT NULL,"
	"	endpoint	TEXT NOT NULL,"
	"	day		TEXT NOT NULL,"
	"	asked		INTEGER NOT NULL,"
	"	rows		INTEGER NOT NULL,"
	"	times		INTEGER NOT NULL,"
	"	delayed		INTEGER NOT NULL,"
	"	PRIMARY KEY (appid, endpoint, day)"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS datacube_pause ("
	"	appid		TEXT NOT NULL,"
	"	endpoint	TEXT NOT NULL,"
	"	since		INTEGER NOT NULL,"
	"	until		INTEGER NOT NULL,"
	"	errcode		INTEGER NOT NULL,"
	"	PRIMARY KEY (appid, endpoint)"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS datacube_page ("
	"	appid		TEXT NOT NULL,"
	"	endpoint	TEXT NOT NULL,"
	"	page		INTEGER NOT NULL,"
	"	begin		TEXT NOT NULL,"
	"	end		TEXT NOT NULL,"
	"	asked		INTEGER NOT NULL,"
	"	body		TEXT NOT NULL,"
	"	PRIMARY KEY (appid, endpoint, page)"
	");";

static const char *const	 sql_types[] = {
	[DATACUBE_INT] = "INTEGER", [DATACUBE_TEXT] = "TEXT", [DATACUBE_REAL] = "REAL",
};

/*
 * Writing SQL from the table of interfaces.
 */

/* A table and the tables around it: t[0] is the outermost, for the answer's own list. */
struct chain {
	const struct datacube_endpoint	*e;
	const struct datacube_table	*t[DATACUBE_TABLES];
	size_t				 n;
};

static void
trace_chain(struct chain *c, const struct datacube_endpoint *e, const struct datacube_table *t)
{
	size_t	 i;

	c->e = e;
	c->n = 1;
	if (t->list != NULL)
		for (i = (size_t)(t - e->tables); i != 0; i = e->tables[i].in)
			c->n++;
	for (i = c->n; i-- > 0; t = &e->tables[t->in])
		c->t[i] = t;
}

/*
 * Steps through the columns of a chain: the keys of all tables but the last, and all fields of the
 * last one.
 */
struct column {
	size_t				 level;
	const struct datacube_field	*f;	/* NULL at first */
};

static bool
next_column(struct column *col, const struct chain *c)
{
	while (col->level < c->n) {
		col->f = datacube_next_field(c->t[col->level], col->f);
		if (col->f == NULL)
			col->level++;
		else if (col->f->key || col->level + 1 == c->n)
			return true;
	}
	return false;
}

static enum error
append_columns(struct buf *sql, const struct chain *c, bool keys)
{
	struct column	 col = { 0, NULL };
	enum error	 er = ERR_OK;

	while (er == ERR_OK && next_column(&col, c))
		if (!keys || col.f->key)
			er = buf_printf(sql, ", \"%s\"", col.f->name);
	return er;
}

static enum error
append_create(struct buf *sql, const struct chain *c)
{
	struct column	 col = { 0, NULL };
	enum error	 er;

	er = buf_printf(sql, "CREATE TABLE IF NOT EXISTS datacube_%s (appid TEXT NOT NULL",
	    c->t[c->n - 1]->name);
	while (er == ERR_OK && next_column(&col, c))
		er = buf_printf(sql, ", \"%s\" %s%s", col.f->name, sql_types[col.f->type],
		    col.f->key ? " NOT NULL" : "");
	if (er == ERR_OK && (er = buf_puts(sql, ", extra TEXT, PRIMARY KEY (appid")) == ERR_OK &&
	    (er = append_columns(sql, c, true)) == ERR_OK)
		er = buf_puts(sql, ")) WITHOUT ROWID;");
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/* Appends the name of a row's JSON object: r0.v, r1.value, ... */
static enum error
append_row_object(struct buf *sql, size_t level)
{
	return level == 0 ? buf_puts(sql, "r0.v") : buf_printf(sql, "r%zu.value", level);
}

/* Appends FROM with the elements of the answer's own list, on all pages, as v of r0. */
static enum error
append_outermost(struct buf *sql, const struct datacube_table *t)
{
	static const char	 pages[] = "WHERE p.appid = :appid AND p.endpoint = :endpoint";
	enum error		 er;

	if (t->list == NULL)
		return buf_printf(sql, " FROM (SELECT p.body AS v FROM datacube_page AS p %s "
		    "AND p.page = 1) AS r0", pages);
	er = t->merge == NULL ? buf_puts(sql, " FROM (SELECT e.value AS v") :
	    buf_printf(sql, " FROM (SELECT CASE json_type(e.value, '$.%s') WHEN 'object' THEN "
	    "json_patch(json_remove(e.value, '$.%s'), json_extract(e.value, '$.%s')) "
	    "ELSE e.value END AS v", t->merge, t->merge, t->merge);
	return er != ERR_OK ? er : buf_printf(sql, " FROM datacube_page AS p, "
	    "json_each(p.body, '$.%s') AS e %s AND e.type = 'object' ORDER BY p.page) AS r0",
	    t->list, pages);
}

static enum error
append_from(struct buf *sql, const struct chain *c)
{
	enum error	 er = append_outermost(sql, c->t[0]);
	size_t		 i;

	for (i = 1; i < c->n && er == ERR_OK; i++)
		if ((er = buf_puts(sql, ", json_each(")) == ERR_OK &&
		    (er = append_row_object(sql, i - 1)) == ERR_OK)
			er = buf_printf(sql, ", '$.%s') AS r%zu", c->t[i]->list, i);
	for (i = 1; i < c->n && er == ERR_OK; i++)
		er = buf_printf(sql, "%s r%zu.type = 'object'", i == 1 ? " WHERE" : " AND", i);
	return er;
}

/* Appends a field's value.  A row without a date belongs to the call's first day. */
static enum error
append_value(struct buf *sql, const struct chain *c, const struct column *col)
{
	const char	*none = col->f->type == DATACUBE_TEXT ? "''" : "0";
	enum error	 er;

	if ((er = buf_puts(sql, col->f->key ? ", coalesce(" : ", ")) != ERR_OK)
		return er;
	if (col->f->sql != NULL)
		er = buf_printf(sql, "(SELECT %s FROM (SELECT r%zu.v AS v))", col->f->sql,
		    col->level);
	else if ((er = buf_puts(sql, "json_extract(")) == ERR_OK &&
	    (er = append_row_object(sql, col->level)) == ERR_OK)
		er = buf_printf(sql, ", '$.%s')", col->f->name);
	if (er != ERR_OK || !col->f->key)
		return er;
	return buf_printf(sql, ", %s)", col->f == c->t[0]->groups[0] ? ":begin" : none);
}

/* Appends the row's object without the members that have a column or table of their own. */
static enum error
append_extra(struct buf *sql, const struct chain *c)
{
	const struct datacube_table	*t = c->t[c->n - 1], *inner;
	const struct datacube_field	*f = NULL;
	enum error			 er;

	if ((er = buf_puts(sql, ", nullif(json_remove(")) == ERR_OK)
		er = append_row_object(sql, c->n - 1);
	while (er == ERR_OK && (f = datacube_next_field(t, f)) != NULL)
		if (f->sql == NULL)
			er = buf_printf(sql, ", '$.%s'", f->name);
	for (inner = c->e->tables; er == ERR_OK && inner != c->e->tables + DATACUBE_TABLES &&
	    inner->name != NULL; inner++)
		if (inner != t && inner->list != NULL && (t->list == NULL ? inner == c->e->tables :
		    inner != c->e->tables && &c->e->tables[inner->in] == t))
			er = buf_printf(sql, ", '$.%s'", inner->list);
	if (er == ERR_OK && t->list == NULL)
		er = buf_puts(sql, ", '$.errcode', '$.errmsg', '$.base_resp', '$.total_num'");
	return er == ERR_OK ? buf_puts(sql, "), '{}')") : er;
}

static enum error
append_insert(struct buf *sql, const struct chain *c)
{
	struct column	 col = { 0, NULL };
	enum error	 er;

	if ((er = buf_printf(sql, "INSERT OR REPLACE INTO datacube_%s (appid",
	    c->t[c->n - 1]->name)) == ERR_OK &&
	    (er = append_columns(sql, c, false)) == ERR_OK)
		er = buf_puts(sql, ", extra) SELECT :appid");
	while (er == ERR_OK && next_column(&col, c))
		er = append_value(sql, c, &col);
	if (er == ERR_OK && (er = append_extra(sql, c)) == ERR_OK)
		er = append_from(sql, c);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/* Appends FROM and WHERE for the rows of the span, or for the single row of the answer itself. */
static enum error
append_where(struct buf *sql, const struct chain *c)
{
	enum error	 er;

	er = buf_printf(sql, " FROM datacube_%s WHERE appid = :appid", c->t[c->n - 1]->name);
	if (er == ERR_OK && c->t[0]->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN :begin AND :end",
		    c->t[0]->groups[0]->name);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/*
 * Making the tables.
 */

static bool
has_column(struct db *db, const char *table, const char *column, enum error *er)
{
	int64_t	 n = 0;

	*er = db_number(db, &n, SQL_DATACUBE_HAS_COLUMN, DB_VALUES(db_s(table), db_s(column)));
	return n != 0;
}

/* Adds a column and moves the values into it that are in extra. */
static enum error
add_column(struct db *db, struct buf *sql, const char *table, const struct datacube_field *f)
{
	enum error	 er;

	sql->len = 0;
	if ((er = buf_printf(sql, "ALTER TABLE datacube_%s ADD COLUMN \"%s\" %s; "
	    "UPDATE datacube_%s SET \"%s\" = json_extract(extra, '$.%s'), "
	    "extra = nullif(json_remove(extra, '$.%s'), '{}') WHERE extra IS NOT NULL", table,
	    f->name, sql_types[f->type], table, f->name, f->name, f->name)) == ERR_OK)
		er = buf_putc(sql, '\0');
	return er == ERR_OK ? db_script(db, sql->p) : er;
}

static enum error
make_table(struct db *db, struct buf *sql, const struct datacube_endpoint *e,
    const struct datacube_table *t)
{
	const struct datacube_field	*f = NULL;
	struct chain			 c;
	enum error			 er;

	trace_chain(&c, e, t);
	sql->len = 0;
	if ((er = append_create(sql, &c)) == ERR_OK)
		er = db_script(db, sql->p);
	while (er == ERR_OK && (f = datacube_next_field(t, f)) != NULL)
		if (!has_column(db, t->name, f->name, &er) && er == ERR_OK)
			er = add_column(db, sql, t->name, f);
	return er;
}

enum error
datacube_tables_prepare(struct db *db)
{
	const struct datacube_endpoint	*e;
	struct buf			 sql = { 0 };
	enum error			 er = db_script(db, fixed_tables);
	size_t				 i;

	for (e = datacube_endpoints; e->name != NULL && er == ERR_OK; e++)
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL && er == ERR_OK; i++)
			er = make_table(db, &sql, e, &e->tables[i]);
	buf_free(&sql);
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
	struct chain	 c;
	enum error	 er;

	trace_chain(&c, e, t);
	er = buf_printf(sql, "SELECT * FROM datacube_%s WHERE appid = coalesce(:appid, appid)",
	    t->name);
	if (er == ERR_OK && t->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN coalesce(:from, '') AND "
		    "coalesce(:to, '~')", c.t[0]->groups[0]->name);
	if (er == ERR_OK && (er = buf_puts(sql, " ORDER BY appid")) == ERR_OK)
		er = append_columns(sql, &c, true);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
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

/* Facts about an answer of WeChat. */
struct answer_facts {
	bool	 is_answer;		/* it has the list of its end point */
	bool	 delayed;
	int64_t	 length, total;		/* rows of its list, and on all pages */
};

static enum error
read_answer_facts(struct db *db, struct answer_facts *k, const struct datacube_tables_put *p)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, SQL_DATACUBE_FACTS, DB_VALUES(db_text(p->body),
	    db_s(p->call->e->tables[0].list)));
	if (er == ERR_OK && db_next(&rows, &er))
		*k = (struct answer_facts){ db_col_int(&rows, 0) == 1, db_col_int(&rows, 3) == 1,
		    db_col_bounded(&rows, 1), db_col_bounded(&rows, 2) };
	db_end(&rows);
	return er;
}

/* An answer while it is stored. */
struct storing {
	struct db			*db;
	struct datacube_tables_put	*p;
	struct buf			 sql;
	char				 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];
	struct db_named			 v[4];
};

static enum error
insert_page(const struct storing *st)
{
	const struct datacube_tables_call	*c = st->p->call;
	const struct db_value			 body = { .type = DB_TEXT, .s = st->p->body };

	return db_run(st->db, NULL, SQL_DATACUBE_PAGE_PUT, DB_VALUES(db_s(c->appid),
	    db_s(c->e->name), db_i(c->page), db_s(st->begin), db_s(st->end), db_i(st->p->asked_s),
	    body));
}

static enum error
count_rows(struct storing *st, const struct chain *c, int64_t *n)
{
	struct db_rows	 rows;
	enum error	 er;

	st->sql.len = 0;
	if ((er = buf_puts(&st->sql, "SELECT count(*)")) != ERR_OK ||
	    (er = append_where(&st->sql, c)) != ERR_OK)
		return er;
	er = db_start_text(st->db, &rows, st->sql.p, st->v, 4);
	if (er == ERR_OK && db_next(&rows, &er))
		*n = db_col_int(&rows, 0);
	db_end(&rows);
	return er;
}

/* Replaces a table's rows of the span with those of the pages. */
static enum error
replace_rows(struct storing *st, const struct datacube_table *t)
{
	struct chain	 c;
	int64_t		 came = 0, is = 0;
	enum error	 er;

	trace_chain(&c, st->p->call->e, t);
	st->sql.len = 0;
	if ((er = buf_puts(&st->sql, "DELETE")) != ERR_OK ||
	    (er = append_where(&st->sql, &c)) != ERR_OK ||
	    (er = db_run_text(st->db, NULL, st->sql.p, st->v, 4)) != ERR_OK)
		return er;
	st->sql.len = 0;
	if ((er = append_insert(&st->sql, &c)) != ERR_OK ||
	    (er = db_run_text(st->db, &came, st->sql.p, st->v, 4)) != ERR_OK ||
	    (er = count_rows(st, &c, &is)) != ERR_OK)
		return er;
	st->p->rows += is;
	st->p->odd += came - is;
	return ERR_OK;
}

/* Appends the units of the span as a JSON array of strings. */
static enum error
append_units(struct buf *out, const struct datacube_tables_call *c)
{
	enum error	 er = buf_putc(out, '[');
	char		 text[CALENDAR_DAY_TEXT];
	int64_t		 unit;

	for (unit = c->span.begin; unit <= c->span.end && er == ERR_OK;
	    unit = datacube_unit(c->e, unit + 1)) {
		calendar_day_text(text, unit);
		er = buf_printf(out, "%s\"%s\"", unit == c->span.begin ? "" : ",", text);
	}
	return er == ERR_OK ? buf_putc(out, ']') : er;
}

/* Notes the units of the call in datacube_day. */
static enum error
note_units(struct storing *st, bool delayed)
{
	const struct datacube_table	*t = &st->p->call->e->tables[0];
	struct buf			 units = { 0 };
	enum error			 er = append_units(&units, st->p->call);
	const struct db_named		 v[] = {
		st->v[0], st->v[1], { ":asked", db_i(st->p->asked_s) }, { ":delayed",
		    db_i(delayed) },
		{ ":units", { .type = DB_TEXT, .s = buf_slice(&units) } },
	};

	st->sql.len = 0;
	if (er == ERR_OK && (er = buf_printf(&st->sql, "INSERT INTO datacube_day (appid, endpoint, "
	    "day, asked, rows, times, delayed) SELECT :appid, :endpoint, u.value, :asked, "
	    "(SELECT count(*) FROM datacube_%s AS t WHERE t.appid = :appid AND t.\"%s\" = "
	    "u.value), 1, :delayed FROM json_each(:units) AS u WHERE true "
	    "ON CONFLICT (appid, endpoint, day) DO UPDATE SET asked = excluded.asked, "
	    "rows = excluded.rows, times = times + 1, delayed = excluded.delayed",
	    t->name, t->groups[0]->name)) == ERR_OK &&
	    (er = buf_putc(&st->sql, '\0')) == ERR_OK)
		er = db_run_text(st->db, NULL, st->sql.p, v, sizeof(v) / sizeof(v[0]));
	buf_free(&units);
	return er;
}

/* Stores the rows of all pages, and deletes the pages. */
static enum error
store_rows(struct storing *st, bool delayed)
{
	const struct datacube_tables_call	*c = st->p->call;
	const struct datacube_table		*t;
	enum error				 er = ERR_OK;

	for (t = c->e->tables; t != c->e->tables + DATACUBE_TABLES && t->name != NULL &&
	    er == ERR_OK; t++)
		er = replace_rows(st, t);
	if (er == ERR_OK && (er = note_units(st, delayed)) == ERR_OK)
		er = db_run(st->db, NULL, SQL_DATACUBE_PAGE_DROP, DB_VALUES(db_s(c->appid),
		    db_s(c->e->name)));
	return er;
}

static bool
has_more_pages(const struct answer_facts *k, const struct datacube_tables_call *c)
{
	return c->e->ads && k->length != 0 && c->page < PAGES_MAX &&
	    (int64_t)c->page * DATACUBE_PAGE < k->total;
}

enum error
datacube_tables_put(struct db *db, struct datacube_tables_put *p)
{
	const struct datacube_tables_call	*c = p->call;
	struct storing				 st = { .db = db, .p = p };
	struct answer_facts			 k = { 0 };
	enum error				 er;

	p->rows = p->odd = 0;
	p->result = DATACUBE_STRANGE;
	calendar_day_text(st.begin, c->span.begin);
	calendar_day_text(st.end, c->span.end);
	st.v[0] = (struct db_named){ ":appid", db_s(c->appid) };
	st.v[1] = (struct db_named){ ":endpoint", db_s(c->e->name) };
	st.v[2] = (struct db_named){ ":begin", db_s(st.begin) };
	st.v[3] = (struct db_named){ ":end", db_s(st.end) };
	if ((er = read_answer_facts(db, &k, p)) != ERR_OK || !k.is_answer)
		return er;
	p->result = has_more_pages(&k, c) ? DATACUBE_MORE : DATACUBE_STORED;
	if ((er = insert_page(&st)) == ERR_OK && p->result == DATACUBE_STORED)
		er = store_rows(&st, k.delayed);
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
