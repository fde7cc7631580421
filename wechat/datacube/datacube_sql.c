#include "wechat/datacube/datacube_sql.h"

static const char *
type_of(const struct datacube_field *f, const struct db_words *words)
{
	const char *const	 types[] = {
		[DATACUBE_INT] = words->integer, [DATACUBE_TEXT] = words->text,
		[DATACUBE_REAL] = words->real,
	};

	return types[f->type];
}

void
datacube_sql_trace(struct datacube_sql_chain *c, const struct datacube_endpoint *e,
    const struct datacube_table *t)
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

bool
datacube_sql_next(struct datacube_sql_column *col, const struct datacube_sql_chain *c)
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

/* The last table, whose rows the statement is about. */
static const char *
name_of(const struct datacube_sql_chain *c)
{
	return c->t[c->n - 1]->name;
}

static enum error
append_columns(struct buf *sql, const struct datacube_sql_chain *c, bool keys)
{
	struct datacube_sql_column	 col = { 0, NULL };
	enum error			 er = ERR_OK;

	while (er == ERR_OK && datacube_sql_next(&col, c))
		if (!keys || col.f->key)
			er = buf_printf(sql, ", \"%s\"", col.f->name);
	return er;
}

static enum error
end_text(struct buf *sql, enum error er, const char *end)
{
	if (er == ERR_OK)
		er = buf_puts(sql, end);
	return er == ERR_OK ? buf_putc(sql, '\0') : er;
}

enum error
datacube_sql_create(struct buf *sql, const struct datacube_sql_chain *c,
    const struct db_words *words)
{
	struct datacube_sql_column	 col = { 0, NULL };
	enum error			 er;

	er = buf_printf(sql, "CREATE TABLE datacube_%s (appid %s NOT NULL", name_of(c),
	    words->text);
	while (er == ERR_OK && datacube_sql_next(&col, c))
		er = buf_printf(sql, ", \"%s\" %s%s", col.f->name, type_of(col.f, words),
		    col.f->key ? " NOT NULL" : "");
	if (er == ERR_OK &&
	    (er = buf_printf(sql, ", extra %s, PRIMARY KEY (appid", words->text)) == ERR_OK &&
	    (er = append_columns(sql, c, true)) == ERR_OK)
		er = buf_puts(sql, "))");
	return end_text(sql, er, words->table_end);
}

enum error
datacube_sql_add_column(struct buf *sql, const struct datacube_table *t,
    const struct datacube_field *f, const struct db_words *words)
{
	return end_text(sql, buf_printf(sql, "ALTER TABLE datacube_%s ADD COLUMN \"%s\" %s",
	    t->name, f->name, type_of(f, words)), "");
}

/* Appends the values of an insert.  A real comes as text. */
static enum error
append_values(struct buf *sql, const struct datacube_sql_chain *c, const struct db_words *words)
{
	struct datacube_sql_column	 col = { 0, NULL };
	enum error			 er = buf_puts(sql, ":c0");
	int				 i = 1;

	for (; er == ERR_OK && datacube_sql_next(&col, c); i++)
		er = col.f->type == DATACUBE_REAL ?
		    buf_printf(sql, ", CAST(:c%d AS %s)", i, words->real) :
		    buf_printf(sql, ", :c%d", i);
	return er == ERR_OK ? buf_printf(sql, ", :c%d", i) : er;
}

enum error
datacube_sql_insert(struct buf *sql, const struct datacube_sql_chain *c,
    const struct db_words *words)
{
	struct datacube_sql_column	 col = { 0, NULL };
	enum error			 er;

	if ((er = buf_printf(sql, "INSERT INTO datacube_%s (appid", name_of(c))) != ERR_OK ||
	    (er = append_columns(sql, c, false)) != ERR_OK ||
	    (er = buf_puts(sql, ", extra) VALUES (")) != ERR_OK ||
	    (er = append_values(sql, c, words)) != ERR_OK ||
	    (er = buf_puts(sql, ") ON CONFLICT (appid")) != ERR_OK ||
	    (er = append_columns(sql, c, true)) != ERR_OK)
		return er;
	er = buf_puts(sql, ") DO UPDATE SET ");
	while (er == ERR_OK && datacube_sql_next(&col, c))
		if (!col.f->key)
			er = buf_printf(sql, "\"%s\" = excluded.\"%s\", ", col.f->name,
			    col.f->name);
	return end_text(sql, er, "extra = excluded.extra");
}

enum error
datacube_sql_of_span(struct buf *sql, const char *what, const struct datacube_sql_chain *c)
{
	enum error	 er;

	er = buf_printf(sql, "%s FROM datacube_%s WHERE appid = :appid", what, name_of(c));
	/* The row of the answer itself has no day. */
	if (er == ERR_OK && c->t[0]->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN :begin AND :end",
		    c->t[0]->groups[0]->name);
	return end_text(sql, er, "");
}

enum error
datacube_sql_select(struct buf *sql, const struct datacube_sql_chain *c)
{
	enum error	 er;

	er = buf_printf(sql, "SELECT * FROM datacube_%s WHERE appid = coalesce(:appid, appid)",
	    name_of(c));
	if (er == ERR_OK && c->t[0]->list != NULL)
		er = buf_printf(sql, " AND \"%s\" BETWEEN coalesce(:from, '') AND "
		    "coalesce(:to, '~')", c->t[0]->groups[0]->name);
	if (er == ERR_OK && (er = buf_puts(sql, " ORDER BY appid")) == ERR_OK)
		er = append_columns(sql, c, true);
	return end_text(sql, er, "");
}

enum error
datacube_sql_extras(struct buf *sql, const struct datacube_sql_chain *c)
{
	enum error	 er;

	if ((er = buf_puts(sql, "SELECT appid")) == ERR_OK &&
	    (er = append_columns(sql, c, false)) == ERR_OK)
		er = buf_printf(sql, ", extra FROM datacube_%s WHERE extra IS NOT NULL",
		    name_of(c));
	return end_text(sql, er, "");
}
