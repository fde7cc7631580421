#include <stdio.h>
#include <string.h>

#include "wechat/datacube/datacube_move.h"
#include "wechat/datacube/datacube_sql.h"
#include "wechat/datacube/datacube_tables.h"

enum { COLUMNS = 48, NAME = 24 };	/* of a table, at most; bytes of ":c" and any number */

/* A table: what statements need of it. */
struct shape {
	char			 name[64];
	const char		*endpoint;	/* NULL: its rows are of no unit */
	const char		*day;		/* the column with the first day of a unit */
	struct {
		const char		*name;
		enum datacube_type	 type;
		bool			 key;
	}			 columns[COLUMNS];
	size_t			 n;
};

static void
add_column(struct shape *s, const char *name, enum datacube_type type, bool key)
{
	if (s->n == COLUMNS)
		return;
	s->columns[s->n].name = name;
	s->columns[s->n].type = type;
	s->columns[s->n++].key = key;
}

/* Fills the shape of an interface's table. */
static void
read_interface(struct shape *s, const struct datacube_endpoint *e, const struct datacube_table *t)
{
	struct datacube_sql_column	 col = { 0, NULL };
	struct datacube_sql_chain	 c;

	datacube_sql_trace(&c, e, t);
	(void)snprintf(s->name, sizeof(s->name), "datacube_%s", t->name);
	if (c.t[0]->list != NULL) {
		s->endpoint = e->name;
		s->day = c.t[0]->groups[0]->name;
	}
	add_column(s, "appid", DATACUBE_TEXT, true);
	while (datacube_sql_next(&col, &c))
		add_column(s, col.f->name, col.f->type, col.f->key);
	add_column(s, "extra", DATACUBE_TEXT, false);
}

/* True: keys, "appid, endpoint, day", has the name. */
static bool
is_key(const char *keys, const char *name)
{
	const size_t	 len = strlen(name);
	const char	*p;

	for (p = keys; p != NULL; p = strchr(p, ','), p = p == NULL ? NULL : p + 2)
		if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	return false;
}

static void
read_fixed(struct shape *s, const struct datacube_tables_fixed *t)
{
	size_t	 i;

	(void)snprintf(s->name, sizeof(s->name), "%s", t->name);
	for (i = 0; t->columns[i].name != NULL; i++)
		add_column(s, t->columns[i].name, t->columns[i].type,
		    is_key(t->keys, t->columns[i].name));
}

/* Fills the shape of a table; the fixed ones are the last.  Returns how many tables there are. */
static size_t
read_shape(struct shape *s, size_t table)
{
	const struct datacube_endpoint	*e;
	size_t				 n = 0, i;

	*s = (struct shape){ .n = 0 };
	for (e = datacube_endpoints; e->name != NULL; e++)
		for (i = 0; i < DATACUBE_TABLES && e->tables[i].name != NULL; i++)
			if (n++ == table)
				read_interface(s, e, &e->tables[i]);
	for (i = 0; i < DATACUBE_TABLES_FIXED; i++)
		if (n++ == table)
			read_fixed(s, &datacube_tables_fixed[i]);
	return n;
}

size_t
datacube_move_tables(void)
{
	struct shape	 s;

	return read_shape(&s, SIZE_MAX);
}

/* Appends the names of columns. */
static enum error
append_names(struct buf *sql, const struct shape *s, bool keys)
{
	enum error	 er = ERR_OK;
	const char	*before = "";
	size_t		 i;

	for (i = 0; i < s->n && er == ERR_OK; i++)
		if (!keys || s->columns[i].key) {
			er = buf_printf(sql, "%s\"%s\"", before, s->columns[i].name);
			before = ", ";
		}
	return er;
}

enum error
datacube_move_count(struct db *db, int64_t *n)
{
	struct buf	 sql = { 0 };
	struct db_rows	 rows = { .db = db };
	struct shape	 s;
	enum error	 er = ERR_OK;
	size_t		 i;

	*n = -1;
	if (!datacube_tables_is_there(db))
		return ERR_OK;
	*n = 0;
	for (i = 0; i < datacube_move_tables() && er == ERR_OK; i++) {
		(void)read_shape(&s, i);
		er = buf_printf(&sql, "%s count(*) FROM %s", i == 0 ? "SELECT" :
		    " UNION ALL SELECT", s.name);
	}
	if (er == ERR_OK && (er = buf_putc(&sql, '\0')) == ERR_OK) {
		er = db_start_text(db, &rows, sql.p, NULL, 0);
		while (er == ERR_OK && db_next(&rows, &er))
			*n += db_col_int(&rows, 0);
		db_end(&rows);
	}
	buf_free(&sql);
	return er;
}

static enum error
write_take(struct buf *sql, const struct shape *s)
{
	enum error	 er;

	if ((er = buf_printf(sql, "DELETE FROM %s WHERE (", s->name)) != ERR_OK ||
	    (er = append_names(sql, s, true)) != ERR_OK ||
	    (er = buf_puts(sql, ") IN (SELECT ")) != ERR_OK ||
	    (er = append_names(sql, s, true)) != ERR_OK ||
	    (er = buf_printf(sql, " FROM %s ORDER BY ", s->name)) != ERR_OK ||
	    (er = append_names(sql, s, true)) != ERR_OK ||
	    (er = buf_puts(sql, " LIMIT :max) RETURNING ")) != ERR_OK ||
	    (er = append_names(sql, s, false)) != ERR_OK)
		return er;
	return buf_putc(sql, '\0');
}

enum error
datacube_move_take(struct db *db, struct db_rows *rows, bool *is_there, size_t table, int64_t max)
{
	const struct db_named	 v = { ":max", db_i(max) };
	struct buf		 sql = { 0 };
	struct shape		 s;
	enum error		 er = ERR_OK;

	*rows = (struct db_rows){ .db = db, .at = -1 };
	(void)read_shape(&s, table);
	/* Of an older program they may have fewer columns. */
	*is_there = datacube_tables_is_there(db);
	if (*is_there && (er = datacube_tables_prepare(db)) == ERR_OK &&
	    (er = write_take(&sql, &s)) == ERR_OK)
		er = db_start_text(db, rows, sql.p, &v, 1);
	buf_free(&sql);
	return er;
}

/* Writes the statement that puts a row.  Values need types, since they are no column's yet. */
static enum error
write_put(struct buf *sql, const struct shape *s, const struct db_words *words)
{
	const char *const	 types[] = {
		[DATACUBE_INT] = words->integer, [DATACUBE_TEXT] = "TEXT",
		[DATACUBE_REAL] = words->real,
	};
	enum error		 er;
	size_t			 i, day = 0;

	if ((er = buf_printf(sql, "INSERT INTO %s (", s->name)) != ERR_OK ||
	    (er = append_names(sql, s, false)) != ERR_OK ||
	    (er = buf_puts(sql, ") SELECT ")) != ERR_OK)
		return er;
	for (i = 0; i < s->n && er == ERR_OK; i++) {
		er = buf_printf(sql, "%sCAST(:c%zu AS %s)", i == 0 ? "" : ", ", i,
		    types[s->columns[i].type]);
		if (s->day != NULL && strcmp(s->columns[i].name, s->day) == 0)
			day = i;
	}
	if (er == ERR_OK && s->day == NULL)
		er = buf_puts(sql, " WHERE true");
	else if (er == ERR_OK)
		er = buf_printf(sql, " WHERE NOT EXISTS (SELECT 1 FROM datacube_day WHERE appid = "
		    ":c0 AND endpoint = '%s' AND day = :c%zu)", s->endpoint, day);
	if (er == ERR_OK && (er = buf_puts(sql, " ON CONFLICT (")) == ERR_OK &&
	    (er = append_names(sql, s, true)) == ERR_OK)
		er = buf_puts(sql, ") DO NOTHING");
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

/* A value of the row.  A real comes as text, which is at *at in the text then. */
static enum error
read_value(struct datacube_move *m, struct db_value *v, const struct db_rows *row, int col)
{
	enum error	 er = ERR_OK;

	*v = db_s(NULL);
	switch (db_col_type(row, col)) {
	case DB_NO_VALUE:
		break;
	case DB_INTEGER:
		*v = db_i(db_col_int(row, col));
		break;
	case DB_REAL:
		*v = (struct db_value){ .type = DB_TEXT, .i = (int64_t)m->text.len };
		er = buf_printf(&m->text, "%.17g", db_col_real(row, col));
		v->s.len = m->text.len - (size_t)v->i;
		break;
	case DB_OTHER:
		*v = db_text(db_col(row, col));
		break;
	}
	return er;
}

enum error
datacube_move_put(struct datacube_move *m, struct db *db, size_t table, const struct db_rows *row)
{
	struct db_named	 v[COLUMNS];
	char		 names[COLUMNS][NAME];
	struct shape	 s;
	enum error	 er = ERR_OK;
	size_t		 i;

	(void)read_shape(&s, table);
	if (!m->is_begun && ((er = datacube_tables_prepare(db)) != ERR_OK ||
	    (er = write_put(&m->sql, &s, db_words(db))) != ERR_OK))
		return er;
	m->is_begun = true;
	m->again.sql = m->sql.p;
	buf_reset(&m->text);
	for (i = 0; i < s.n && er == ERR_OK; i++) {
		(void)snprintf(names[i], NAME, ":c%zu", i);
		v[i].name = names[i];
		er = read_value(m, &v[i].v, row, (int)i);
	}
	for (i = 0; i < s.n && er == ERR_OK; i++)
		if (v[i].v.type == DB_TEXT && v[i].v.s.p == NULL)
			v[i].v.s.p = m->text.p + v[i].v.i;
	return er == ERR_OK ? db_again(db, &m->again, v, s.n) : er;
}

void
datacube_move_end(struct datacube_move *m, struct db *db)
{
	if (m->is_begun)
		db_again_end(db, &m->again);
	buf_free(&m->sql);
	buf_free(&m->text);
}
