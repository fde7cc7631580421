#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_raw.h"
#include "core/utf8.h"
#include "wechat/datacube/datacube_rows.h"

enum {
	NAME = 24, REAL = 32,	/* bytes, with the NUL */
	KEY_MAX = 512		/* bytes of each text of an index, which takes 2.7 kB */
};

/* An object that is a row.  Where a table has .merge, that member has more members of the row. */
struct row {
	struct slice	 own, merged;
};

struct datacube_rows {
	struct db			*db;
	struct datacube_rows_source	 source;
	struct datacube_sql_chain	 chain;
	struct buf			 sql, text;
	struct db_again			 insert;
	char				 name[DATACUBE_SQL_COLUMNS][NAME];
	struct db_named			 v[DATACUBE_SQL_COLUMNS];
	size_t				 n;		/* columns */
	struct row			 rows[DATACUBE_TABLES];
	int64_t				 written;
};

enum error
datacube_rows_new(struct datacube_rows **out, struct db *db,
    const struct datacube_rows_source *source)
{
	struct datacube_sql_column	 col = { 0, NULL };
	struct datacube_rows		*r;
	enum error			 er;
	size_t				 i;

	if ((r = *out = calloc(1, sizeof(*r))) == NULL)
		return ERR_NOMEM;
	r->db = db;
	r->source = *source;
	datacube_sql_trace(&r->chain, source->e, source->t);
	for (r->n = 2; datacube_sql_next(&col, &r->chain); r->n++)
		;
	for (i = 0; i < r->n; i++) {
		(void)snprintf(r->name[i], NAME, ":c%zu", i);
		r->v[i].name = r->name[i];
	}
	er = datacube_sql_insert(&r->sql, &r->chain, db_words(db));
	r->insert.sql = r->sql.p;
	return er;
}

void
datacube_rows_free(struct datacube_rows *r)
{
	if (r == NULL)
		return;
	db_again_end(r->db, &r->insert);
	buf_free(&r->sql);
	buf_free(&r->text);
	free(r);
}

/*
 * Members of a row.
 */

static struct row
make_row(const struct datacube_table *t, struct slice own)
{
	struct row	 row = { own, { NULL, 0 } };

	if (t->merge != NULL)
		row.merged = json_raw_member(own, t->merge);
	if (json_raw_kind(row.merged) != JSON_RAW_OBJECT)
		row.merged = (struct slice){ NULL, 0 };
	return row;
}

/* A member of the merged object goes before one of the row itself. */
static struct slice
find_member(const struct row *row, const char *name)
{
	struct slice	 v = json_raw_member(row->merged, name);

	return v.p != NULL ? v : json_raw_member(row->own, name);
}

/*
 * Values.
 */

/* Text of r->text, which may still move: its place is set when all of it is there. */
static struct db_value
text_at(const struct datacube_rows *r, size_t at)
{
	return (struct db_value){ .type = DB_TEXT, .i = (int64_t)at,
	    .s = { NULL, r->text.len - at } };
}

/* Makes the value of a column.  It stays SQL's NULL if the member is not of the column's type. */
static enum error
set_value(struct datacube_rows *r, struct db_value *v, struct slice member, enum datacube_type type)
{
	const size_t		 at = r->text.len;
	const enum json_raw	 kind = json_raw_kind(member);
	struct slice		 digits;
	enum error		 er = ERR_OK;
	int64_t			 n = 0;

	*v = db_s(NULL);
	switch (type) {
	case DATACUBE_INT:
		if (json_raw_int(&n, member))
			*v = db_i(n);
		return ERR_OK;
	case DATACUBE_REAL:
		if (!json_raw_real(&digits, member))
			return ERR_OK;
		er = buf_put(&r->text, digits.p, digits.len);
		break;
	case DATACUBE_TEXT:
		if (kind == JSON_RAW_NOTHING)
			return ERR_OK;
		er = kind == JSON_RAW_TRUE || kind == JSON_RAW_FALSE ?
		    buf_putc(&r->text, kind == JSON_RAW_TRUE ? '1' : '0') :
		    json_raw_text(&r->text, member);
		break;
	}
	*v = text_at(r, at);
	return er;
}

/* The first day of the half of a month that the members month and order name. */
static enum error
set_half(struct datacube_rows *r, struct db_value *v, const struct row *row)
{
	enum { MONTH = 6 };	/* "202603" */
	const size_t	 at = r->text.len;
	int64_t		 order = 1;
	char		 month[MONTH];
	enum error	 er = json_raw_text(&r->text, find_member(row, "month"));

	*v = db_s(NULL);
	if (er != ERR_OK || r->text.len - at < MONTH)
		return er;
	memcpy(month, r->text.p + at, 4);
	memcpy(month + 4, r->text.p + r->text.len - 2, 2);
	r->text.len = at;
	(void)json_raw_int(&order, find_member(row, "order"));
	er = buf_printf(&r->text, "%.4s-%.2s-%s", month, month + 4, order == 2 ? "16" : "01");
	*v = text_at(r, at);
	return er;
}

static enum error
set_column(struct datacube_rows *r, struct db_value *v, const struct datacube_sql_column *col)
{
	const struct row	*row = &r->rows[col->level];
	const enum error	 er = col->f->half ? set_half(r, v, row) :
				    set_value(r, v, find_member(row, col->f->name), col->f->type);

	if (er != ERR_OK || !col->f->key)
		return er;
	if (v->type == DB_TEXT)
		v->s.len = utf8_cut((struct slice){ r->text.p + v->i, v->s.len }, KEY_MAX);
	if (v->type != DB_NULL)
		return ERR_OK;
	if (col->f == r->chain.t[0]->groups[0])
		*v = db_s(r->source.begin);
	else
		*v = col->f->type == DATACUBE_TEXT ? db_s("") : db_i(0);
	return ERR_OK;
}

/*
 * What has no column.
 */

/* True: the member has a column, and its value is of that type. */
static bool
has_column(struct datacube_rows *r, struct slice name, struct slice member)
{
	const struct datacube_field	*f = NULL;
	struct slice			 digits;
	int64_t				 n;

	while ((f = datacube_next_field(r->source.t, f)) != NULL)
		if (!f->half && slice_is(name, f->name))
			return json_raw_kind(member) == JSON_RAW_NOTHING ||
			    f->type == DATACUBE_TEXT || (f->type == DATACUBE_INT ?
			    json_raw_int(&n, member) : json_raw_real(&digits, member));
	return false;
}

/* True: the member is the list of another table. */
static bool
is_list(const struct datacube_rows *r, struct slice name)
{
	const struct datacube_table	*t = r->source.t, *inner = r->source.e->tables;
	size_t				 i;

	for (i = 0; i < DATACUBE_TABLES && inner[i].name != NULL; i++)
		if (&inner[i] != t && inner[i].list != NULL && slice_is(name, inner[i].list) &&
		    (t->list == NULL ? i == 0 : i != 0 && &inner[inner[i].in] == t))
			return true;
	return false;
}

/* True: the member tells how the call went, and not about statistics. */
static bool
is_of_call(const struct datacube_rows *r, struct slice name)
{
	static const char *const	 names[] = {
		"errcode", "errmsg", "base_resp", "total_num",
	};
	size_t				 i;

	for (i = 0; r->source.t->list == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

/* True: the merged object has a member of that name. */
static bool
is_merged(const struct row *row, struct slice name)
{
	struct slice	 rest = row->merged, other, value;

	while (json_raw_next(&rest, &other, &value))
		if (other.len == name.len && memcmp(other.p, name.p, name.len) == 0)
			return true;
	return false;
}

/* Appends the members of an object that have no column to the object that begins at `at`. */
static enum error
append_rest(struct datacube_rows *r, size_t at, const struct row *row, bool merged)
{
	const char	*merge = r->source.t->merge;
	struct slice	 rest = merged ? row->merged : row->own, name, value;
	enum error	 er = ERR_OK;

	while (er == ERR_OK && json_raw_next(&rest, &name, &value)) {
		if (has_column(r, name, value) || is_list(r, name) || is_of_call(r, name) ||
		    (merged && json_raw_kind(value) == JSON_RAW_NOTHING) || (!merged &&
		    row->merged.p != NULL && (slice_is(name, merge) || is_merged(row, name))))
			continue;
		if ((er = buf_puts(&r->text, r->text.len == at ? "{\"" : ",\"")) == ERR_OK &&
		    (er = buf_put(&r->text, name.p, name.len)) == ERR_OK &&
		    (er = buf_puts(&r->text, "\":")) == ERR_OK)
			er = json_raw_compact(&r->text, value);
	}
	return er;
}

static enum error
set_extra(struct datacube_rows *r, struct db_value *v)
{
	const struct row	*row = &r->rows[r->chain.n - 1];
	const size_t		 at = r->text.len;
	enum error		 er;

	*v = db_s(NULL);
	if ((er = append_rest(r, at, row, false)) != ERR_OK ||
	    (er = append_rest(r, at, row, true)) != ERR_OK || r->text.len == at)
		return er;
	er = buf_putc(&r->text, '}');
	*v = text_at(r, at);
	return er;
}

/*
 * Rows.
 */

static enum error
write_row(struct datacube_rows *r)
{
	struct slice	*s;
	size_t		 i;

	for (i = 0; i < r->n; i++) {
		s = &r->v[i].v.s;
		if (r->v[i].v.type == DB_TEXT && s->p == NULL)
			s->p = s->len == 0 ? "" : r->text.p + r->v[i].v.i;
	}
	r->written++;
	return db_again(r->db, &r->insert, r->v, r->n);
}

/* Writes the row that r->rows are at. */
static enum error
write_rows_at(struct datacube_rows *r)
{
	struct datacube_sql_column	 col = { 0, NULL };
	enum error			 er = ERR_OK;
	size_t				 i;

	buf_reset(&r->text);
	r->v[0].v = db_s(r->source.appid);
	for (i = 1; er == ERR_OK && datacube_sql_next(&col, &r->chain); i++)
		er = set_column(r, &r->v[i].v, &col);
	if (er == ERR_OK && (er = set_extra(r, &r->v[i].v)) == ERR_OK)
		er = write_row(r);
	return er;
}

/* Writes the rows of the last table that are in this list of the table before. */
static enum error
descend(struct datacube_rows *r, size_t level, struct slice list)
{
	struct slice	 name, value;
	enum error	 er = ERR_OK;

	if (json_raw_kind(list) != JSON_RAW_ARRAY && (level == 0 ||
	    json_raw_kind(list) != JSON_RAW_OBJECT))
		return ERR_OK;
	while (er == ERR_OK && json_raw_next(&list, &name, &value)) {
		if (json_raw_kind(value) != JSON_RAW_OBJECT)
			continue;
		r->rows[level] = make_row(r->chain.t[level], value);
		er = level + 1 == r->chain.n ? write_rows_at(r) : descend(r, level + 1,
		    find_member(&r->rows[level], r->chain.t[level + 1]->list));
	}
	return er;
}

enum error
datacube_rows_add(struct datacube_rows *r, int64_t *n, struct slice page)
{
	const int64_t	 before = r->written;
	enum error	 er;

	if (r->source.t->list == NULL) {
		r->rows[0] = make_row(r->source.t, page);
		er = write_rows_at(r);
	} else {
		er = descend(r, 0, json_raw_member(page, r->chain.t[0]->list));
	}
	*n += r->written - before;
	return er;
}

/*
 * New columns.
 */

/* Copies a column of a row that is in the table. */
static enum error
keep_value(struct datacube_rows *r, struct db_value *v, const struct db_rows *rows, int col)
{
	const size_t	 at = r->text.len;
	struct slice	 s;
	enum error	 er = ERR_OK;

	*v = db_s(NULL);
	switch (db_col_type(rows, col)) {
	case DB_NO_VALUE:
		return ERR_OK;
	case DB_INTEGER:
		*v = db_i(db_col_int(rows, col));
		return ERR_OK;
	case DB_REAL:
		er = buf_printf(&r->text, "%.17g", db_col_real(rows, col));
		break;
	case DB_OTHER:
		s = db_col(rows, col);
		er = buf_put(&r->text, s.p, s.len);
		break;
	}
	*v = text_at(r, at);
	return er;
}

/* Writes a row again, with the values of its extra in columns where it has no value. */
static enum error
fill_row(struct datacube_rows *r, const struct db_rows *rows)
{
	struct datacube_sql_column	 col = { 0, NULL };
	const int			 last = (int)r->n - 1;
	enum error			 er;
	int				 i;

	buf_reset(&r->text);
	r->rows[r->chain.n - 1] = (struct row){ db_col(rows, last), { NULL, 0 } };
	er = keep_value(r, &r->v[0].v, rows, 0);
	for (i = 1; er == ERR_OK && datacube_sql_next(&col, &r->chain); i++)
		if ((er = keep_value(r, &r->v[i].v, rows, i)) == ERR_OK &&
		    r->v[i].v.type == DB_NULL)
			er = set_column(r, &r->v[i].v, &col);
	if (er == ERR_OK && (er = set_extra(r, &r->v[last].v)) == ERR_OK)
		er = write_row(r);
	return er;
}

enum error
datacube_rows_fill(struct db *db, const struct datacube_rows_source *source)
{
	struct datacube_rows	*r;
	struct db_rows		 rows = { .db = db };
	struct buf		 sql = { 0 };
	enum error		 er;

	if ((er = datacube_rows_new(&r, db, source)) == ERR_OK &&
	    (er = datacube_sql_extras(&sql, &r->chain)) == ERR_OK) {
		er = db_start_text(db, &rows, sql.p, NULL, 0);
		while (er == ERR_OK && db_next(&rows, &er))
			er = fill_row(r, &rows);
		db_end(&rows);
	}
	datacube_rows_free(r);
	buf_free(&sql);
	return er;
}
