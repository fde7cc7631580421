#include <stdio.h>
#include <string.h>

#include "report/chart_days.h"
#include "report/chart_flow.h"
#include "report/html_table.h"
#include "report/layout.h"
#include "report/number_format.h"
#include "report/style.h"

/* Rows that are shown: in the overview, on a question's own page, behind a chart. */
enum { ROWS_FEW = 10, ROWS_MANY = 200, ROWS_BEHIND = 500 };

const struct report_question layout_overview = { .name = "report" };

static const char *
say(const struct layout *v, const char *key)
{
	return i18n_text(v->l, key);
}

static void
put(struct layout *v, const char *key)
{
	html_text(&v->h, say(v, key));
}

/* The words of "NAME.about": one sentence that says what is counted. */
static void
put_about(struct layout *v, const struct report_question *q)
{
	char		 key[64];
	const char	*about;

	(void)snprintf(key, sizeof(key), "%s.about", q->name);
	if ((about = i18n_find(v->l, key)) != NULL)
		html_text(&v->h, about);
}

/*
 * Links.
 */

static void
put_parameter(struct html *h, const char *name, const char *value, bool *first)
{
	html_printf(h, "%s%s=", *first ? "?" : "&amp;", name);
	html_url(h, slice_of(value));
	*first = false;
}

/* What is so anyway is left out, so that the last 30 days stay the last 30. */
void
layout_link(struct layout *v, const struct report_question *q, const struct report_args *args,
    const char *ending)
{
	struct report_args	 dflt;
	bool			 first = true;
	size_t			 i;

	html_printf(&v->h, "%sreport%s%s%s", v->up, q == NULL ? "" : "/",
	    q == NULL ? "" : q->name, ending);
	questions_defaults(&dflt, q == NULL ? &layout_overview : q, v->now_s);
	if (*args->account != '\0')
		put_parameter(&v->h, "account", args->account, &first);
	if (strcmp(args->from, dflt.from) != 0 || strcmp(args->to, dflt.to) != 0) {
		put_parameter(&v->h, "from", args->from, &first);
		put_parameter(&v->h, "to", args->to, &first);
	}
	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strcmp(args->option[i], dflt.option[i]) != 0)
			put_parameter(&v->h, q->options[i].name, args->option[i], &first);
}

/* To another question: its options are its own. */
static void
open_link(struct layout *v, const struct report_question *q)
{
	struct report_args	 args;

	questions_defaults(&args, q == NULL ? &layout_overview : q, v->now_s);
	(void)snprintf(args.account, sizeof(args.account), "%s", v->args->account);
	(void)snprintf(args.from, sizeof(args.from), "%s", v->args->from);
	(void)snprintf(args.to, sizeof(args.to), "%s", v->args->to);
	html_raw(&v->h, "<a href=\"");
	layout_link(v, q, &args, "");
	html_raw(&v->h, q == v->q ? "\" aria-current=\"page\">" : "\">");
}

/*
 * The frame.
 */

static void
put_title(struct layout *v)
{
	html_raw(&v->h, "<title>");
	if (v->q != NULL) {
		put(v, v->q->name);
		html_raw(&v->h, " – ");
	}
	put(v, "report");
	html_raw(&v->h, "</title>");
}

static void
put_nav(struct layout *v)
{
	const struct report_question	*q;

	html_raw(&v->h, "<nav aria-label=\"");
	put(v, "questions");
	html_raw(&v->h, "\"><ul><li>");
	open_link(v, NULL);
	put(v, "overview");
	html_raw(&v->h, "</a></li>");
	for (q = v->all; q->name != NULL; q++)
		if (q->model) {
			html_raw(&v->h, "<li>");
			open_link(v, q);
			put(v, q->name);
			html_raw(&v->h, "</a></li>");
		}
	html_raw(&v->h, "</ul></nav>");
}

/* "Shop · 2026-10-24 – 2026-11-22" */
static void
put_scope(struct layout *v)
{
	const struct account	*a = conf_account(v->c, slice_of(v->args->account));

	html_raw(&v->h, "<p>");
	if (*v->args->account == '\0')
		put(v, "all_accounts");
	else
		html_foreign(&v->h, slice_of(a != NULL ? a->name : v->args->account), CELL_CUT);
	html_printf(&v->h, " · %s – %s</p>", v->args->from, v->args->to);
}

void
layout_open(struct layout *v)
{
	html_printf(&v->h, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	    "<meta name=\"color-scheme\" content=\"light dark\">"
	    "<meta name=\"robots\" content=\"noindex\">", i18n_tag(v->l));
	put_title(v);
	html_raw(&v->h, "<link rel=\"icon\" href=\"data:,\"><style>");
	html_raw(&v->h, style_text);
	html_raw(&v->h, "</style></head>\n<body><a class=\"skip\" href=\"#main\">");
	put(v, "skip");
	html_raw(&v->h, "</a><header><h1>");
	put(v, v->q != NULL ? v->q->name : "report");
	html_raw(&v->h, "</h1>");
	put_scope(v);
	put_nav(v);
	html_raw(&v->h, "</header>\n<main id=\"main\">");
}

void
layout_close(struct layout *v)
{
	html_raw(&v->h, "</main>\n<footer><p>");
	put(v, "china_time");
	html_raw(&v->h, " qtoa " QTOA_VERSION "</p></footer></body></html>\n");
}

void
layout_lost(struct layout *v)
{
	html_raw(&v->h, "<p class=\"note\">");
	put(v, "no_page");
	html_raw(&v->h, "</p>");
	layout_models(v);
}

void
layout_models(struct layout *v)
{
	const struct report_question	*q;

	html_raw(&v->h, "<section class=\"wide\" aria-labelledby=\"models\"><h2 id=\"models\">");
	put(v, "models");
	html_raw(&v->h, "</h2><ul class=\"models\">");
	for (q = v->all; q->name != NULL; q++)
		if (q->model) {
			html_raw(&v->h, "<li>");
			open_link(v, q);
			put(v, q->name);
			html_raw(&v->h, "</a><p>");
			put_about(v, q);
			html_raw(&v->h, "</p></li>");
		}
	html_raw(&v->h, "</ul></section>");
}

/*
 * Answers.
 */

static void
put_note(struct layout *v, const char *key)
{
	html_raw(&v->h, "<p class=\"note\">");
	put(v, key);
	html_raw(&v->h, "</p>");
}

void
layout_kept(struct layout *v)
{
	if (*v->kept == '\0')
		return;
	html_raw(&v->h, "<p class=\"note\">");
	put(v, "forgotten");
	html_printf(&v->h, " %s</p>", v->kept);
}

/* A picture beside which the table is only looked up. */
static bool
put_picture(struct layout *v, const struct answer *a)
{
	switch (a->q->chart) {
	case CHART_DAYS:
		chart_days(&v->h, a);
		return true;
	case CHART_SERIES:
		chart_days_series(&v->h, a);
		return true;
	case CHART_HEAT:
		html_table_heat(&v->h, a);
		return true;
	case CHART_FLOW:
		chart_flow(&v->h, a);
		return true;
	case CHART_NONE:
	case CHART_BARS:
	case CHART_FUNNEL:
		break;
	}
	return false;
}

static size_t
put_table(struct layout *v, const struct answer *a, bool pictured)
{
	size_t	 max = pictured ? ROWS_BEHIND : v->q == NULL ? ROWS_FEW : ROWS_MANY;
	char	 n[NUMBER_FORMAT];

	if (pictured) {
		number_format_count(n, (double)a->t->rows);
		html_raw(&v->h, "<details><summary>");
		put(v, "table");
		html_printf(&v->h, " (%s)</summary>", n);
	}
	html_table_rows(&v->h, a, max);
	if (pictured)
		html_raw(&v->h, "</details>");
	return max;
}

/* That there is more than is shown, and where. */
static void
put_more(struct layout *v, const struct answer *a, size_t shown)
{
	char	 all[NUMBER_FORMAT], some[NUMBER_FORMAT];

	if (a->t->rows <= shown)
		return;
	number_format_count(some, (double)shown);
	number_format_count(all, (double)a->t->rows);
	html_printf(&v->h, "<p class=\"note\">%s / %s. ", some, all);
	if (v->q == NULL) {
		html_raw(&v->h, "<a href=\"");
		layout_link(v, a->q, a->args, "");
		html_raw(&v->h, "\">");
		put(v, "more_rows");
		html_raw(&v->h, "</a>");
	} else {
		put(v, "rest_in_csv");
	}
	html_raw(&v->h, "</p>");
}

static void
put_data_links(struct layout *v, const struct layout_asked *asked)
{
	static const struct {
		const char	*ending, *name;
	} forms[] = { { ".csv", "CSV" }, { ".json", "JSON" } };
	size_t	 i;

	html_raw(&v->h, "<p class=\"links\">");
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		html_raw(&v->h, "<a href=\"");
		layout_link(v, asked->q, asked->args, forms[i].ending);
		html_raw(&v->h, "\" aria-label=\"");
		put(v, asked->q->name);
		html_printf(&v->h, ": %s\">%s</a> ", forms[i].name, forms[i].name);
	}
	html_raw(&v->h, "</p>");
}

static void
put_content(struct layout *v, const struct layout_asked *asked)
{
	struct answer	 a = { asked->q, asked->args, asked->t, v->l };
	size_t		 shown;

	if (a.t == NULL || a.t->rows == 0) {
		put_note(v, a.t == NULL ? "no_answer" : "nothing");
		return;
	}
	html_table_facts(&v->h, &a);
	shown = put_table(v, &a, put_picture(v, &a));
	put_more(v, &a, shown);
	put_data_links(v, asked);
}

/* What has days or many columns across takes the whole width. */
static bool
is_wide(const struct layout *v, const struct report_question *q)
{
	enum { MANY = 5 };

	return v->q != NULL || q->chart == CHART_DAYS || q->chart == CHART_SERIES ||
	    q->chart == CHART_HEAT || q->chart == CHART_FLOW || q->columns[MANY].name != NULL;
}

void
layout_answer(struct layout *v, const struct layout_asked *asked)
{
	html_printf(&v->h, "<section id=\"%s\"%s aria-label=\"", asked->q->name,
	    is_wide(v, asked->q) ? " class=\"wide\"" : "");
	put(v, asked->q->name);
	html_raw(&v->h, "\">");
	if (v->q == NULL) {
		html_raw(&v->h, "<h2>");
		put(v, asked->q->name);
		html_raw(&v->h, "</h2>");
	}
	html_raw(&v->h, "<p class=\"about\">");
	put_about(v, asked->q);
	html_raw(&v->h, "</p>");
	put_content(v, asked);
	html_raw(&v->h, "</section>\n");
}
