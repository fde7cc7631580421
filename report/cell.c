#include <stdio.h>
#include <string.h>

#include "report/cell.h"
#include "report/number_format.h"

typedef void	 put_foreign(struct html *h, struct slice text, size_t max);

size_t
cell_count_columns(const struct answer *a)
{
	size_t	 n;

	for (n = 0; n < REPORT_COLUMNS_MAX && n < a->t->cols && a->q->columns[n].name != NULL; n++)
		;
	return n;
}

bool
cell_is_number(const struct answer *a, size_t col)
{
	switch (a->q->columns[col].kind) {
	case REPORT_DAY:
	case REPORT_CODE:
	case REPORT_TEXT:
	case REPORT_TIME:
		return false;
	case REPORT_COUNT:
	case REPORT_SHARE:
	case REPORT_SECONDS:
	case REPORT_MS:
		return true;
	}
	return false;
}

enum { KEY_MAX = 80 };

/* The words for "NAME.VALUE"; NULL: there are none. */
static const char *
words_of(enum language l, const char *name, struct slice value)
{
	char	 key[KEY_MAX];

	if (value.len > KEY_MAX / 2 || memchr(value.p, '\0', value.len) != NULL)
		return NULL;
	(void)snprintf(key, sizeof(key), "%.32s.%.*s", name, (int)value.len, value.p);
	return i18n_find(l, key);
}

const char *
cell_column_name(enum language l, const char *name)
{
	const char	*w = words_of(l, name, slice_of("column"));

	return w != NULL ? w : i18n_text(l, name);
}

const char *
cell_heading(const struct answer *a, size_t col)
{
	return cell_column_name(a->l, a->q->columns[col].name);
}

/* What the table calls an event; one that QT's table does not have has no code. */
static void
put_code(struct html *h, enum language l, struct slice code, put_foreign *put)
{
	char		 key[KEY_MAX] = "no_code";
	const char	*w = NULL;

	if (code.len < sizeof(key) && memchr(code.p, '\0', code.len) == NULL) {
		if (code.len != 0)
			(void)snprintf(key, sizeof(key), "%.*s", (int)code.len, code.p);
		w = i18n_find(l, key);
	}
	if (w != NULL)
		html_text(h, w);
	else
		put(h, code, CELL_CUT);
}

/* Nothing has words, too: of the column's own, or those that say just that. */
static void
put_none(struct html *h, enum language l, const char *column, const char *otherwise)
{
	const char	*w = words_of(l, column, slice_of("none"));

	html_text(h, w != NULL ? w : i18n_text(l, otherwise));
}

static void
put_text(struct html *h, const struct answer *a, size_t col, struct slice text, put_foreign *put)
{
	const char	*name = a->q->columns[col].name, *w;

	if (a->q->columns[col].kind == REPORT_CODE)
		put_code(h, a->l, text, put);
	else if (text.len == 0)
		put_none(h, a->l, name, "none");
	else if ((w = words_of(a->l, name, text)) != NULL)
		html_text(h, w);
	else if (a->q->columns[col].kind == REPORT_DAY)
		html_slice(h, text);
	else
		put(h, text, CELL_CUT);
}

static void
put_number(struct html *h, const struct answer *a, size_t row, size_t col)
{
	double	 v = table_number(a->t, row, col);
	char	 f[NUMBER_FORMAT] = "";

	switch (a->q->columns[col].kind) {
	case REPORT_COUNT:
	case REPORT_DAY:
	case REPORT_CODE:
	case REPORT_TEXT:
		if (table_at(a->t, row, col)->type == CELL_REAL)
			number_format_mean(f, v);
		else
			number_format_count(f, v);
		break;
	case REPORT_SHARE:
		number_format_share(f, v);
		break;
	case REPORT_SECONDS:
		number_format_span(f, a->l, v);
		break;
	case REPORT_MS:
		number_format_ms(f, a->l, v);
		break;
	case REPORT_TIME:
		number_format_time(f, table_at(a->t, row, col)->i);
		break;
	}
	html_text(h, f);
}

static void
put_cell(struct html *h, const struct answer *a, size_t row, size_t col, put_foreign *put)
{
	const struct report_column	*c = &a->q->columns[col];
	const struct table_cell		*cell = table_at(a->t, row, col);
	const char			*w = NULL;

	switch (cell->type) {
	case CELL_TEXT:
		put_text(h, a, col, table_str(a->t, row, col), put);
		break;
	case CELL_NULL:
		put_none(h, a->l, c->name, c->kind == REPORT_CODE ? "no_code" : "–");
		break;
	case CELL_INT:
		if (cell->i == 0 || cell->i == 1)
			w = words_of(a->l, c->name, slice_of(cell->i == 0 ? "0" : "1"));
		if (w != NULL) {
			html_text(h, w);
			break;
		}
		/* FALLTHROUGH */
	case CELL_REAL:
		put_number(h, a, row, col);
		break;
	}
}

void
cell_put(struct html *h, const struct answer *a, size_t row, size_t col)
{
	put_cell(h, a, row, col, html_foreign);
}

void
cell_put_plain(struct html *h, const struct answer *a, size_t row, size_t col)
{
	put_cell(h, a, row, col, html_isolate);
}

bool
cell_is_same(const struct answer *a, size_t row, size_t col, size_t row2, size_t col2)
{
	struct slice	 x = table_str(a->t, row, col), y = table_str(a->t, row2, col2);

	return (x.p == NULL) == (y.p == NULL) && x.len == y.len &&
	    (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}
