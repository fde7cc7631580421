/*
 * html_table.h: a question's answer as a table of the page.
 */
#ifndef REPORT_HTML_TABLE_H
#define REPORT_HTML_TABLE_H

#include "report/cell.h"

/*
 * Up to max rows.  Where the question's chart is CHART_BARS or CHART_FUNNEL each row has a
 * bar: these tables are their own charts.
 */
void	html_table_rows(struct html *h, const struct answer *a, size_t max);

/* What stands in every row of a table with bars alike, once. */
void	html_table_facts(struct html *h, const struct answer *a);

/* CHART_HEAT: a row for each day, shares by n across, in colour and figures. */
void	html_table_heat(struct html *h, const struct answer *a);

#endif
