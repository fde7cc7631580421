#include <stdio.h>
#include <string.h>

#include "report/cell.h"
#include "report/number_format.h"

/* The function that writes foreign text: html_foreign() or html_isolate(). */
typedef void	 put_foreign(struct html *h, struct slice text, size_t max);

size_t
cell_count_columns(const struct report_answer *a)
{
	size_t	 n;

	for (n = 0; n < REPORT_COLUMNS_MAX && n < a->t->cols && a->q->columns[n].name != NULL; n++)
		;
	return n;
}

bool
cell_is_number(const struct report_answer *a, size_t col)
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

enum { KEY_MAX = 80 };	/* bytes of a text's key, see report/i18n.h */

/* The text for the key "NAME.VALUE"; NULL: there is no such text. */
static const char *
value_text(enum language l, const char *name, struct slice value)
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
	const char	*known = value_text(l, name, slice_of("column"));

	return known != NULL ? known : i18n_text(l, name);
}

const char *
cell_heading(const struct report_answer *a, size_t col)
{
	return cell_column_name(a->language, a->q->columns[col].name);
}

/* The name of an event; the code "" is for events that QT's table does not have. */
static const char *
event_name(enum language l, struct slice code)
{
	char	 key[KEY_MAX] = "no_code";

	if (code.len >= sizeof(key) || memchr(code.p, '\0', code.len) != NULL)
		return NULL;
	if (code.len != 0)
		(void)snprintf(key, sizeof(key), "%.*s", (int)code.len, code.p);
	return i18n_find(l, key);
}

const char *
cell_value_text(enum language l, const struct report_column *column, struct slice value)
{
	if (column->kind == REPORT_CODE)
		return event_name(l, value);
	return value_text(l, column->name, value.len == 0 ? slice_of("none") : value);
}

static void
put_event_code(struct html *h, enum language l, struct slice code, put_foreign *put)
{
	const char	*known = event_name(l, code);

	if (known != NULL)
		html_text(h, known);
	else
		put(h, code, CELL_CUT);
}

/* Writes the column's own text for an empty cell, or the text of the key `otherwise`. */
static void
put_empty_cell(struct html *h, enum language l, const char *column, const char *otherwise)
{
	const char	*known = value_text(l, column, slice_of("none"));

	html_text(h, known != NULL ? known : i18n_text(l, otherwise));
}

static void
put_text_cell(struct html *h, const struct report_answer *a, size_t col, struct slice text,
    put_foreign *put)
{
	const char	*name = a->q->columns[col].name, *known;

	if (a->q->columns[col].kind == REPORT_CODE)
		put_event_code(h, a->language, text, put);
	else if (text.len == 0)
		put_empty_cell(h, a->language, name, "none");
	else if ((known = value_text(a->language, name, text)) != NULL)
		html_text(h, known);
	else if (a->q->columns[col].kind == REPORT_DAY)
		html_slice(h, text);
	else
		put(h, text, CELL_CUT);
}

static void
put_number_cell(struct html *h, const struct report_answer *a, size_t row, size_t col)
{
	double	 v = table_number(a->t, row, col);
	char	 number[NUMBER_FORMAT_TEXT] = "";

	switch (a->q->columns[col].kind) {
	case REPORT_COUNT:
	case REPORT_DAY:
	case REPORT_CODE:
	case REPORT_TEXT:
		if (table_at(a->t, row, col)->type == CELL_REAL)
			number_format_mean(number, v);
		else
			number_format_count(number, v);
		break;
	case REPORT_SHARE:
		number_format_share(number, v);
		break;
	case REPORT_SECONDS:
		number_format_span(number, a->language, v);
		break;
	case REPORT_MS:
		number_format_ms(number, a->language, v);
		break;
	case REPORT_TIME:
		number_format_time(number, table_at(a->t, row, col)->i);
		break;
	}
	html_text(h, number);
}

static void
put_any_cell(struct html *h, const struct report_answer *a, size_t row, size_t col,
    put_foreign *put)
{
	const struct report_column	*c = &a->q->columns[col];
	const struct table_cell		*cell = table_at(a->t, row, col);
	const char			*known = NULL;

	switch (cell->type) {
	case CELL_TEXT:
		put_text_cell(h, a, col, table_str(a->t, row, col), put);
		break;
	case CELL_NULL:
		put_empty_cell(h, a->language, c->name, c->kind == REPORT_CODE ? "no_code" : "–");
		break;
	case CELL_INT:
		if (cell->i == 0 || cell->i == 1)
			known = value_text(a->language, c->name, slice_of(cell->i == 0 ? "0" :
			    "1"));
		if (known != NULL) {
			html_text(h, known);
			break;
		}
		/* FALLTHROUGH */
	case CELL_REAL:
		put_number_cell(h, a, row, col);
		break;
	}
}

void
cell_put(struct html *h, const struct report_answer *a, size_t row, size_t col)
{
	put_any_cell(h, a, row, col, html_foreign);
}

void
cell_put_plain(struct html *h, const struct report_answer *a, size_t row, size_t col)
{
	put_any_cell(h, a, row, col, html_isolate);
}

void
cell_put_count(struct html *h, double n)
{
	char	 number[NUMBER_FORMAT_TEXT];

	number_format_count(number, n);
	html_text(h, number);
}

bool
cell_is_same(const struct report_answer *a, size_t row, size_t col, size_t row2, size_t col2)
{
	struct slice	 x = table_str(a->t, row, col), y = table_str(a->t, row2, col2);

	return (x.p == NULL) == (y.p == NULL) && x.len == y.len &&
	    (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}
