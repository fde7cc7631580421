#include <stdlib.h>
#include <string.h>

#include "collector/migrate_rows.h"

enum { ROOM = 256 };	/* rows, first; twice as many each time */

struct db_value
migrate_rows_value(const struct db_rows *row, int col, char type)
{
	if (db_col_type(row, col) == DB_NO_VALUE)
		return db_s(NULL);
	switch (type) {
	case 'i':
		return db_i(db_col_int(row, col));
	case 't':
		return db_text(db_col(row, col));
	case 'n':
		return db_short(db_col(row, col));
	default:
		return db_b(db_col(row, col));
	}
}

/* Makes room for one more row. */
static enum error
make_room(struct migrate_rows *r)
{
	const size_t	 room = r->room == 0 ? ROOM : 2 * r->room;
	struct db_value	*v;

	if (r->n < r->room)
		return ERR_OK;
	if ((v = realloc(r->v, room * r->cols * sizeof(*v))) == NULL)
		return ERR_NOMEM;
	r->v = v;
	r->room = room;
	return ERR_OK;
}

enum error
migrate_rows_add(struct migrate_rows *r, const struct db_rows *row, const char *types)
{
	struct db_value	*v;
	enum error	 er = ERR_OK;
	size_t		 i;

	r->cols = strlen(types);
	if ((er = make_room(r)) != ERR_OK)
		return er;
	v = r->v + r->n * r->cols;
	for (i = 0; i < r->cols && er == ERR_OK; i++) {
		v[i] = migrate_rows_value(row, (int)i, types[i]);
		if (v[i].type != DB_TEXT && v[i].type != DB_BLOB)
			continue;
		v[i].i = (int64_t)r->bytes.len;
		er = v[i].s.len == 0 ? ERR_OK : buf_put(&r->bytes, v[i].s.p, v[i].s.len);
		v[i].s.p = NULL;
	}
	r->n += er == ERR_OK;
	return er;
}

/* Lets the values point at their bytes, which do not move any more. */
static void
point_at_bytes(struct migrate_rows *r)
{
	struct db_value	*v;

	for (v = r->v; !r->is_over && v != r->v + r->n * r->cols; v++)
		if (v->type == DB_TEXT || v->type == DB_BLOB)
			v->s.p = v->s.len == 0 ? "" : r->bytes.p + v->i;
	r->is_over = true;
}

enum error
migrate_rows_put(struct migrate_rows *r, struct db *db, enum sql sql, const signed char *columns)
{
	struct db_value	*v;
	enum error	 er;
	size_t		 cols, i, k;

	if (r->n == 0)
		return ERR_OK;
	point_at_bytes(r);
	for (cols = 0; columns[cols] != -1; cols++)
		;
	if ((v = calloc(r->n * cols, sizeof(*v))) == NULL)
		return ERR_NOMEM;
	for (i = 0; i < r->n; i++)
		for (k = 0; k < cols; k++)
			v[i * cols + k] = r->v[i * r->cols + (size_t)columns[k]];
	er = db_run_rows(db, sql, v, cols, r->n);
	free(v);
	return er;
}

void
migrate_rows_free(struct migrate_rows *r)
{
	free(r->v);
	buf_free(&r->bytes);
}
