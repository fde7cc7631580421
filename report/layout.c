#include <stdio.h>
#include <string.h>

#include "report/chart_days.h"
#include "report/chart_flow.h"
#include "report/html_table.h"
#include "report/layout.h"
#include "report/number_format.h"
#include "report/source.h"
#include "report/style.h"

/* Rows that are shown in the overview, on a question's own page, and below a chart. */
enum { ROWS_FEW = 10, ROWS_MANY = 200, ROWS_CHART = 500 };

const struct report_question layout_overview = { .name = "report" };

void
layout_put_text(struct layout *l, const char *key)
{
	html_text(&l->html, i18n_text(l->language, key));
}

/* Writes the text of the key "NAME.about", which says what the question counts. */
static void
put_description(struct layout *l, const struct report_question *q)
{
	char		 key[64];
	const char	*description;

	(void)snprintf(key, sizeof(key), "%s.about", q->name);
	if ((description = i18n_find(l->language, key)) != NULL)
		html_text(&l->html, description);
}

/*
 * Links to other pages of the report.
 */

static void
put_query_parameter(struct html *h, const char *name, const char *value, bool *first)
{
	html_printf(h, "%s%s=", *first ? "?" : "&amp;", name);
	html_url(h, slice_of(value));
	*first = false;
}

/* Defaults are left out of the URL: a link to the last 30 days must not name today's days. */
void
layout_link(struct layout *l, const struct report_question *q, const struct report_args *args,
    const char *ending)
{
	struct report_args	 dflt;
	bool			 first = true;
	size_t			 i;

	html_printf(&l->html, "%sreport%s%s%s", l->base, q == NULL ? "" : "/",
	    q == NULL ? "" : q->name, ending);
	questions_defaults(&dflt, q == NULL ? &layout_overview : q, l->now_s);
	if (*args->account != '\0')
		put_query_parameter(&l->html, "account", args->account, &first);
	if (strcmp(args->from, dflt.from) != 0 || strcmp(args->to, dflt.to) != 0) {
		put_query_parameter(&l->html, "from", args->from, &first);
		put_query_parameter(&l->html, "to", args->to, &first);
	}
	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strcmp(args->option[i], dflt.option[i]) != 0)
			put_query_parameter(&l->html, q->options[i].name, args->option[i], &first);
}

/* Opens a link to a question with the same account and period, and default options. */
static void
open_question_link(struct layout *l, const struct report_question *q)
{
	struct report_args	 args;

	questions_defaults(&args, q == NULL ? &layout_overview : q, l->now_s);
	(void)snprintf(args.account, sizeof(args.account), "%s", l->args->account);
	(void)snprintf(args.from, sizeof(args.from), "%s", l->args->from);
	(void)snprintf(args.to, sizeof(args.to), "%s", l->args->to);
	html_raw(&l->html, "<a href=\"");
	layout_link(l, q, &args, "");
	html_raw(&l->html, q == l->q ? "\" aria-current=\"page\">" : "\">");
}

/*
 * The frame of the page.
 */

static void
put_page_title(struct layout *l)
{
	html_raw(&l->html, "<title>");
	if (l->q != NULL) {
		layout_put_text(l, l->q->name);
		html_raw(&l->html, " – ");
	}
	layout_put_text(l, "report");
	html_raw(&l->html, "</title>");
}

static void
put_navigation(struct layout *l)
{
	const struct report_question	*q;

	html_raw(&l->html, "<nav aria-label=\"");
	layout_put_text(l, "questions");
	html_raw(&l->html, "\"><ul><li>");
	open_question_link(l, NULL);
	layout_put_text(l, "overview");
	html_raw(&l->html, "</a></li>");
	for (q = l->all; q->name != NULL; q++)
		if (q->model) {
			html_raw(&l->html, "<li>");
			open_question_link(l, q);
			layout_put_text(l, q->name);
			html_raw(&l->html, "</a></li>");
		}
	html_raw(&l->html, "</ul></nav>");
}

/* Writes "Shop · 2026-10-24 – 2026-11-22". */
static void
put_account_and_period(struct layout *l)
{
	const struct account	*a = conf_account(l->conf, slice_of(l->args->account));

	html_raw(&l->html, "<p>");
	if (*l->args->account == '\0')
		layout_put_text(l, "all_accounts");
	else
		html_foreign(&l->html, slice_of(a != NULL ? a->name : l->args->account), CELL_CUT);
	html_printf(&l->html, " · %s – %s</p>", l->args->from, l->args->to);
}

void
layout_open(struct layout *l)
{
	html_printf(&l->html, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	    "<meta name=\"color-scheme\" content=\"light dark\">"
	    "<meta name=\"robots\" content=\"noindex\">", i18n_tag(l->language));
	put_page_title(l);
	html_raw(&l->html, "<link rel=\"icon\" href=\"data:,\"><style>");
	html_raw(&l->html, style_text);
	html_raw(&l->html, "</style></head>\n<body><a class=\"skip\" href=\"#main\">");
	layout_put_text(l, "skip");
	html_raw(&l->html, "</a><header><h1>");
	layout_put_text(l, l->q != NULL ? l->q->name : "report");
	html_raw(&l->html, "</h1>");
	put_account_and_period(l);
	put_navigation(l);
	html_raw(&l->html, "</header>\n<main id=\"main\">");
}

void
layout_close(struct layout *l)
{
	html_raw(&l->html, "</main>\n<footer><p>");
	layout_put_text(l, "china_time");
	html_raw(&l->html, " qtoa " QTOA_VERSION "</p></footer></body></html>\n");
}

void
layout_not_found(struct layout *l)
{
	html_raw(&l->html, "<p class=\"note\">");
	layout_put_text(l, "no_page");
	html_raw(&l->html, "</p>");
	layout_models(l);
}

void
layout_models(struct layout *l)
{
	const struct report_question	*q;

	html_raw(&l->html, "<section class=\"wide\" aria-labelledby=\"models\"><h2 id=\"models\">");
	layout_put_text(l, "models");
	html_raw(&l->html, "</h2><ul class=\"models\">");
	for (q = l->all; q->name != NULL; q++)
		if (q->model) {
			html_raw(&l->html, "<li>");
			open_question_link(l, q);
			layout_put_text(l, q->name);
			html_raw(&l->html, "</a><p>");
			put_description(l, q);
			html_raw(&l->html, "</p></li>");
		}
	html_raw(&l->html, "</ul></section>");
}

/*
 * Sections with answers.
 */

static void
put_note_paragraph(struct layout *l, const char *key)
{
	html_raw(&l->html, "<p class=\"note\">");
	layout_put_text(l, key);
	html_raw(&l->html, "</p>");
}

void
layout_kept(struct layout *l)
{
	if (*l->kept == '\0')
		return;
	html_raw(&l->html, "<p class=\"note\">");
	layout_put_text(l, "forgotten");
	html_printf(&l->html, " %s</p>", l->kept);
}

void
layout_source(struct layout *l)
{
	struct buf	 text = { .p = NULL };

	if (source_write(&text, l->conf, l->language, l->is_empty) != ERR_OK)
		l->html.er = ERR_NOMEM;
	html_raw(&l->html, "<p class=\"note\">");
	html_slice(&l->html, buf_slice(&text));
	html_raw(&l->html, "</p>");
	buf_free(&text);
}

/* Writes the chart of an answer.  False: the table itself has the bars, or there is no chart. */
static bool
put_chart(struct layout *l, const struct report_answer *a)
{
	switch (a->q->chart) {
	case CHART_DAYS:
		chart_days_put(&l->html, a);
		return true;
	case CHART_SERIES:
		chart_days_put_series(&l->html, a);
		return true;
	case CHART_HEAT:
		html_table_put_heat(&l->html, a);
		return true;
	case CHART_FLOW:
		chart_flow_put(&l->html, a);
		return true;
	case CHART_NONE:
	case CHART_BARS:
	case CHART_FUNNEL:
		break;
	}
	return false;
}

/* Writes the table, folded if there is a chart.  Returns the number of rows that are shown. */
static size_t
put_answer_table(struct layout *l, const struct report_answer *a, bool has_chart)
{
	size_t	 max = has_chart ? ROWS_CHART : l->q == NULL ? ROWS_FEW : ROWS_MANY;
	char	 n[NUMBER_FORMAT_TEXT];

	if (has_chart) {
		number_format_count(n, (double)a->t->rows);
		html_raw(&l->html, "<details><summary>");
		layout_put_text(l, "table");
		html_printf(&l->html, " (%s)</summary>", n);
	}
	html_table_put_rows(&l->html, a, max);
	if (has_chart)
		html_raw(&l->html, "</details>");
	return max;
}

/* Writes how many rows are shown, if not all of them, and a link to all. */
static void
put_row_counts(struct layout *l, const struct report_answer *a, size_t shown)
{
	char	 all[NUMBER_FORMAT_TEXT], some[NUMBER_FORMAT_TEXT];

	if (a->t->rows <= shown)
		return;
	number_format_count(some, (double)shown);
	number_format_count(all, (double)a->t->rows);
	html_printf(&l->html, "<p class=\"note\">%s / %s. ", some, all);
	if (l->q == NULL) {
		html_raw(&l->html, "<a href=\"");
		layout_link(l, a->q, a->args, "");
		html_raw(&l->html, "\">");
		layout_put_text(l, "more_rows");
		html_raw(&l->html, "</a>");
	} else {
		layout_put_text(l, "rest_in_csv");
	}
	html_raw(&l->html, "</p>");
}

static void
put_data_links(struct layout *l, const struct report_answer *a)
{
	static const struct {
		const char	*ending, *name;
	} forms[] = { { ".csv", "CSV" }, { ".json", "JSON" } };
	size_t	 i;

	html_raw(&l->html, "<p class=\"links\">");
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		html_raw(&l->html, "<a href=\"");
		layout_link(l, a->q, a->args, forms[i].ending);
		html_raw(&l->html, "\" aria-label=\"");
		layout_put_text(l, a->q->name);
		html_printf(&l->html, ": %s\">%s</a> ", forms[i].name, forms[i].name);
	}
	html_raw(&l->html, "</p>");
}

static void
put_answer_content(struct layout *l, const struct report_answer *a)
{
	size_t	 shown;

	if (a->t == NULL || a->t->rows == 0) {
		put_note_paragraph(l, a->t == NULL ? "no_answer" : "nothing");
		return;
	}
	html_table_put_times(&l->html, a);
	shown = put_answer_table(l, a, put_chart(l, a));
	put_row_counts(l, a, shown);
	put_data_links(l, a);
}

/* An answer with a wide chart or many columns gets the whole width of the page. */
static bool
is_wide_answer(const struct layout *l, const struct report_question *q)
{
	enum { MANY = 5 };

	return l->q != NULL || q->chart == CHART_DAYS || q->chart == CHART_SERIES ||
	    q->chart == CHART_HEAT || q->chart == CHART_FLOW || q->columns[MANY].name != NULL;
}

void
layout_answer(struct layout *l, const struct report_answer *a)
{
	html_printf(&l->html, "<section id=\"%s\"%s aria-label=\"", a->q->name,
	    is_wide_answer(l, a->q) ? " class=\"wide\"" : "");
	layout_put_text(l, a->q->name);
	html_raw(&l->html, "\">");
	if (l->q == NULL) {
		html_raw(&l->html, "<h2>");
		layout_put_text(l, a->q->name);
		html_raw(&l->html, "</h2>");
	}
	html_raw(&l->html, "<p class=\"about\">");
	put_description(l, a->q);
	html_raw(&l->html, "</p>");
	put_answer_content(l, a);
	html_raw(&l->html, "</section>\n");
}
