#include <string.h>

#include "core/calendar.h"
#include "wechat/datacube/datacube_tables.h"

enum { PAGES_MAX = 1000 };	/* of one answer */

static const char	 fixed[] =
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
 * SQL from the table of interfaces.  A row is reached through the rows around it: chain[0] is
 * the outermost, in the answer's own list.
 */

struct chain {
	const struct datacube_endpoint	*e;
	const struct datacube_table	*t[DATACUBE_TABLES];
	size_t				 n;
};

static void
trace(struct chain *c, const struct datacube_endpoint *e, const struct datacube_table *t)
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

/* A column of a chain: the keys of all but the last, and all fields of that. */
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
put_columns(struct buf *sql, const struct chain *c, bool keys)
{
	struct column	 col = { 0, NULL };
	enum error	 er = ERR_OK;

	while (er == ERR_OK && next_column(&col, c))
		if (!keys || col.f->key)
			er = buf_printf(sql, ", \"%s\"", col.f->name);
	return er;
}

static enum error
put_create(struct buf *sql, const struct chain *c)
{
	struct column	 col = { 0, NULL };
	enum error	 er;

	er = buf_printf(sql, "CREATE TABLE IF NOT EXISTS datacube_%s (appid TEXT NOT NULL",
	    c->t[c->n - 1]->name);
	while (er == ERR_OK && next_column(&col, c))
		er = buf_printf(sql, ", \"%s\" %s%s", col.f->name, sql_types[col.f->type],
		    col.f->key ? " NOT NULL" : "");
	if (er == ERR_OK && (er = buf_puts(sql, ", extra TEXT, PRIMARY KEY (appid")) == ERR_OK &&
	    (er = put_columns(sql, c, true)) == ERR_OK)
		er = buf_puts(sql, ")) WITHOUT ROWID;");
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/* The object of a row: r0.v, r1.value, ... */
static enum error
put_row(struct buf *sql, size_t level)
{
	return level == 0 ? buf_puts(sql, "r0.v") : buf_printf(sql, "r%zu.value", level);
}

/* Rows of the answer's own list, as r0 (v), of all its pages. */
static enum error
put_outermost(struct buf *sql, const struct datacube_table *t)
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
put_from(struct buf *sql, const struct chain *c)
{
	enum error	 er = put_outermost(sql, c->t[0]);
	size_t		 i;

	for (i = 1; i < c->n && er == ERR_OK; i++)
		if ((er = buf_puts(sql, ", json_each(")) == ERR_OK &&
		    (er = put_row(sql, i - 1)) == ERR_OK)
			er = buf_printf(sql, ", '$.%s') AS r%zu", c->t[i]->list, i);
	for (i = 1; i < c->n && er == ERR_OK; i++)
		er = buf_printf(sql, "%s r%zu.type = 'object'", i == 1 ? " WHERE" : " AND", i);
	return er;
}

/* A field's value; a row without a date is of the call's first day. */
static enum error
put_value(struct buf *sql, const struct chain *c, const struct column *col)
{
	const char	*none = col->f->type == DATACUBE_TEXT ? "''" : "0";
	enum error	 er;

	if ((er = buf_puts(sql, col->f->key ? ", coalesce(" : ", ")) != ERR_OK)
		return er;
	if (col->f->sql != NULL)
		er = buf_printf(sql, "(SELECT %s FROM (SELECT r%zu.v AS v))", col->f->sql,
		    col->level);
	else if ((er = buf_puts(sql, "json_extract(")) == ERR_OK &&
	    (er = put_row(sql, col->level)) == ERR_OK)
		er = buf_printf(sql, ", '$.%s')", col->f->name);
	if (er != ERR_OK || !col->f->key)
		return er;
	return buf_printf(sql, ", %s)", col->f == c->t[0]->groups[0] ? ":begin" : none);
}

/* What is left of a row without what the tables have of it. */
static enum error
put_extra(struct buf *sql, const struct chain *c)
{
	const struct datacube_table	*t = c->t[c->n - 1], *inner;
	const struct datacube_field	*f = NULL;
	enum error			 er;

	if ((er = buf_puts(sql, ", nullif(json_remove(")) == ERR_OK)
		er = put_row(sql, c->n - 1);
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
put_insert(struct buf *sql, const struct chain *c)
{
	struct column	 col = { 0, NULL };
	enum error	 er;

	if ((er = buf_printf(sql, "INSERT OR REPLACE INTO datacube_%s (appid",
	    c->t[c->n - 1]->name)) == ERR_OK &&
	    (er = put_columns(sql, c, false)) == ERR_OK)
		er = buf_puts(sql, ", extra) SELECT :appid");
	while (er == ERR_OK && next_column(&col, c))
		er = put_value(sql, c, &col);
	if (er == ERR_OK && (er = put_extra(sql, c)) == ERR_OK)
		er = put_from(sql, c);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/* The rows of a span; the answer itself has only one, of the last call. */
static enum error
put_where(struct buf *sql, const struct chain *c)
{
	enum error	 er;

	er = buf_printf(sql, " FROM datacube_%s WHERE appid = :appid", c->t[c->n - 1]->name);
	if (er == ERR_OK && c->t[0]->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN :begin AND :end",
		    c->t[0]->groups[0]->name);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/*
 * Tables.
 */

static bool
has_column(struct db *db, const char *table, const char *column, enum error *er)
{
	int64_t	 n = 0;

	*er = db_number(db, &n, "SELECT count(*) FROM pragma_table_info('datacube_' || ?) "
	    "WHERE name = ?", DB_VALUES(db_s(table), db_s(column)));
	return n != 0;
}

/* What came of a field before it had a column is in extra. */
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

	trace(&c, e, t);
	sql->len = 0;
	if ((er = put_create(sql, &c)) == ERR_OK)
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
	enum error			 er = db_script(db, fixed);
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

	return db_number(db, &n, "SELECT count(*) FROM sqlite_schema WHERE name IN "
	    "('datacube_day', 'datacube_pause', 'datacube_page')", DB_NO_VALUES) == ERR_OK &&
	    n == 3;
}

enum error
datacube_tables_select(struct buf *sql, const struct datacube_table *t,
    const struct datacube_endpoint *e)
{
	struct chain	 c;
	enum error	 er;

	trace(&c, e, t);
	er = buf_printf(sql, "SELECT * FROM datacube_%s WHERE appid = coalesce(:appid, appid)",
	    t->name);
	if (er == ERR_OK && t->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN coalesce(:from, '') AND "
		    "coalesce(:to, '~')", c.t[0]->groups[0]->name);
	if (er == ERR_OK && (er = buf_puts(sql, " ORDER BY appid")) == ERR_OK)
		er = put_columns(sql, &c, true);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/*
 * What has been asked for.
 */

enum error
datacube_tables_first(struct db *db, int64_t *unit, const char *appid,
    const struct datacube_endpoint *e)
{
	struct db_rows	 rows;
	enum error	 er;

	er = db_start(db, &rows, "SELECT min(day) FROM datacube_day WHERE appid = ? AND "
	    "endpoint = ?", DB_VALUES(db_s(appid), db_s(e->name)));
	if (er == ERR_OK && db_next(&rows, &er) && db_col_type(&rows, 0) != DB_NO_VALUE)
		(void)calendar_parse_day(unit, db_col(&rows, 0));
	db_end(&rows);
	return er;
}

static void
take_known(struct datacube_known *known, const struct datacube_span *range,
    const struct db_rows *rows)
{
	int64_t	 d;

	if (!calendar_parse_day(&d, db_col(rows, 0)) || d < range->begin || d > range->end)
		return;
	known[d - range->begin] = (struct datacube_known){
		.asked_s = db_col_int(rows, 1), .rows = db_col_int(rows, 2),
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
	er = db_start(db, &rows, "SELECT day, asked, rows, times, delayed FROM datacube_day "
	    "WHERE appid = ? AND endpoint = ? AND day BETWEEN ? AND ?",
	    DB_VALUES(db_s(appid), db_s(e->name), db_s(begin), db_s(end)));
	while (er == ERR_OK && db_next(&rows, &er))
		take_known(known, range, &rows);
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
	if ((er = db_run(db, NULL, "DELETE FROM datacube_page WHERE appid = ? AND endpoint = ? "
	    "AND (begin <> ? OR end <> ? OR asked < ?)", DB_VALUES(db_s(c->appid),
	    db_s(c->e->name), db_s(begin), db_s(end), db_i(since_s)))) == ERR_OK)
		er = db_number(db, &last, "SELECT max(page) FROM datacube_page WHERE appid = ? "
		    "AND endpoint = ?", DB_VALUES(db_s(c->appid), db_s(c->e->name)));
	c->page = (int)last + 1;
	return er;
}

/*
 * An answer.
 */

/* What an answer says of itself. */
struct look {
	bool	 is_answer;
	bool	 delayed;
	int64_t	 length, total;		/* of its list, of all pages together */
};

static enum error
look_at(struct db *db, struct look *k, const struct datacube_tables_put *p)
{
	const struct db_named	 v[] = {
		{ ":body", { .type = DB_TEXT, .s = p->body } },
		{ ":list", db_s(p->call->e->tables[0].list) },
	};
	struct db_rows		 rows;
	enum error		 er;

	er = db_start_named(db, &rows, "SELECT json_type(b, '$.' || :list) = 'array', "
	    "json_array_length(b, '$.' || :list), json_extract(b, '$.total_num'), "
	    "json_extract(b, '$.is_delay') = 1 "
	    "FROM (SELECT CASE WHEN json_valid(:body) THEN :body ELSE '0' END AS b)", v, 2);
	if (er == ERR_OK && db_next(&rows, &er))
		*k = (struct look){ db_col_int(&rows, 0) == 1, db_col_int(&rows, 3) == 1,
		    db_col_int(&rows, 1), db_col_int(&rows, 2) };
	db_end(&rows);
	return er;
}

struct putting {
	struct db			*db;
	struct datacube_tables_put	*p;
	struct buf			 sql;
	char				 begin[CALENDAR_DAY_TEXT], end[CALENDAR_DAY_TEXT];
	struct db_named			 v[4];
};

static enum error
put_page(const struct putting *g)
{
	const struct datacube_tables_call	*c = g->p->call;
	const struct db_value			 body = { .type = DB_TEXT, .s = g->p->body };

	return db_run(g->db, NULL, "INSERT OR REPLACE INTO datacube_page (appid, endpoint, page, "
	    "begin, end, asked, body) VALUES (?, ?, ?, ?, ?, ?, ?)", DB_VALUES(db_s(c->appid),
	    db_s(c->e->name), db_i(c->page), db_s(g->begin), db_s(g->end), db_i(g->p->asked_s),
	    body));
}

static enum error
count_rows(struct putting *g, const struct chain *c, int64_t *n)
{
	struct db_rows	 rows;
	enum error	 er;

	g->sql.len = 0;
	if ((er = buf_puts(&g->sql, "SELECT count(*)")) != ERR_OK ||
	    (er = put_where(&g->sql, c)) != ERR_OK)
		return er;
	er = db_start_text(g->db, &rows, g->sql.p, g->v, 4);
	if (er == ERR_OK && db_next(&rows, &er))
		*n = db_col_int(&rows, 0);
	db_end(&rows);
	return er;
}

/* A table's rows of the span become those of the pages. */
static enum error
replace(struct putting *g, const struct datacube_table *t)
{
	struct chain	 c;
	int64_t		 came = 0, is = 0;
	enum error	 er;

	trace(&c, g->p->call->e, t);
	g->sql.len = 0;
	if ((er = buf_puts(&g->sql, "DELETE")) != ERR_OK ||
	    (er = put_where(&g->sql, &c)) != ERR_OK ||
	    (er = db_run_text(g->db, NULL, g->sql.p, g->v, 4)) != ERR_OK)
		return er;
	g->sql.len = 0;
	if ((er = put_insert(&g->sql, &c)) != ERR_OK ||
	    (er = db_run_text(g->db, &came, g->sql.p, g->v, 4)) != ERR_OK ||
	    (er = count_rows(g, &c, &is)) != ERR_OK)
		return er;
	g->p->rows += is;
	g->p->odd += came - is;
	return ERR_OK;
}

/* The units of the span, as a JSON array of texts. */
static enum error
put_units(struct buf *out, const struct datacube_tables_call *c)
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

static enum error
note_units(struct putting *g, bool delayed)
{
	const struct datacube_table	*t = &g->p->call->e->tables[0];
	struct buf			 units = { 0 };
	enum error			 er = put_units(&units, g->p->call);
	const struct db_named		 v[] = {
		g->v[0], g->v[1], { ":asked", db_i(g->p->asked_s) }, { ":delayed", db_i(delayed) },
		{ ":units", { .type = DB_TEXT, .s = buf_slice(&units) } },
	};

	g->sql.len = 0;
	if (er == ERR_OK && (er = buf_printf(&g->sql, "INSERT INTO datacube_day (appid, endpoint, "
	    "day, asked, rows, times, delayed) SELECT :appid, :endpoint, u.value, :asked, "
	    "(SELECT count(*) FROM datacube_%s AS t WHERE t.appid = :appid AND t.\"%s\" = u.value), "
	    "1, :delayed FROM json_each(:units) AS u WHERE true ON CONFLICT DO UPDATE SET "
	    "asked = excluded.asked, rows = excluded.rows, times = times + 1, "
	    "delayed = excluded.delayed", t->name, t->groups[0]->name)) == ERR_OK &&
	    (er = buf_putc(&g->sql, '\0')) == ERR_OK)
		er = db_run_text(g->db, NULL, g->sql.p, v, sizeof(v) / sizeof(v[0]));
	buf_free(&units);
	return er;
}

static enum error
put_all(struct putting *g, bool delayed)
{
	const struct datacube_tables_call	*c = g->p->call;
	const struct datacube_table		*t;
	enum error				 er = ERR_OK;

	for (t = c->e->tables; t != c->e->tables + DATACUBE_TABLES && t->name != NULL &&
	    er == ERR_OK; t++)
		er = replace(g, t);
	if (er == ERR_OK && (er = note_units(g, delayed)) == ERR_OK)
		er = db_run(g->db, NULL, "DELETE FROM datacube_page WHERE appid = ? AND "
		    "endpoint = ?", DB_VALUES(db_s(c->appid), db_s(c->e->name)));
	return er;
}

static bool
has_more(const struct look *k, const struct datacube_tables_call *c)
{
	return c->e->ads && k->length != 0 && c->page < PAGES_MAX &&
	    (int64_t)c->page * DATACUBE_PAGE < k->total;
}

enum error
datacube_tables_put(struct db *db, struct datacube_tables_put *p)
{
	const struct datacube_tables_call	*c = p->call;
	struct putting				 g = { .db = db, .p = p };
	struct look				 k = { 0 };
	enum error				 er;

	p->rows = p->odd = 0;
	p->result = DATACUBE_STRANGE;
	calendar_day_text(g.begin, c->span.begin);
	calendar_day_text(g.end, c->span.end);
	g.v[0] = (struct db_named){ ":appid", db_s(c->appid) };
	g.v[1] = (struct db_named){ ":endpoint", db_s(c->e->name) };
	g.v[2] = (struct db_named){ ":begin", db_s(g.begin) };
	g.v[3] = (struct db_named){ ":end", db_s(g.end) };
	if ((er = look_at(db, &k, p)) != ERR_OK || !k.is_answer)
		return er;
	p->result = has_more(&k, c) ? DATACUBE_MORE : DATACUBE_STORED;
	if ((er = put_page(&g)) == ERR_OK && p->result == DATACUBE_STORED)
		er = put_all(&g, k.delayed);
	buf_free(&g.sql);
	return er;
}

/*
 * Pauses.
 */

static struct db_value
name_of(const struct datacube_endpoint *e)
{
	return db_s(e == NULL ? "" : e->name);
}

enum error
datacube_tables_set_pause(struct db *db, const char *appid, const struct datacube_endpoint *e,
    const struct datacube_tables_pause *p)
{
	return db_run(db, NULL, "INSERT OR REPLACE INTO datacube_pause (appid, endpoint, since, "
	    "until, errcode) VALUES (?, ?, ?, ?, ?)", DB_VALUES(db_s(appid), name_of(e),
	    db_i(p->since_s), db_i(p->until_s), db_i(p->errcode)));
}

enum error
datacube_tables_pause(struct db *db, struct datacube_tables_pause *p, const char *appid,
    const struct datacube_endpoint *e, int64_t now_s)
{
	struct db_rows	 rows;
	enum error	 er;

	*p = (struct datacube_tables_pause){ 0, 0, 0 };
	er = db_start(db, &rows, "SELECT since, until, errcode FROM datacube_pause "
	    "WHERE appid = ? AND endpoint = ? AND until > ?", DB_VALUES(db_s(appid), name_of(e),
	    db_i(now_s)));
	if (er == ERR_OK && db_next(&rows, &er))
		*p = (struct datacube_tables_pause){ db_col_int(&rows, 0), db_col_int(&rows, 1),
		    db_col_int(&rows, 2) };
	db_end(&rows);
	return er;
}

enum error
datacube_tables_end_pause(struct db *db, const char *appid, const struct datacube_endpoint *e)
{
	return db_run(db, NULL, "DELETE FROM datacube_pause WHERE appid = ? AND endpoint = ?",
	    DB_VALUES(db_s(appid), name_of(e)));
}
