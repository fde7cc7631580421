/*
 * html_table.h: an answer as an HTML table.
 */
#ifndef REPORT_HTML_TABLE_H
#define REPORT_HTML_TABLE_H

#include "report/cell.h"

/* Writes up to max rows.  With CHART_BARS and CHART_FUNNEL each row also has a bar. */
void	html_table_put_rows(struct html *h, const struct report_answer *a, size_t max);

/* CHART_BARS: writes the times, which are the same in every row, once. */
void	html_table_put_times(struct html *h, const struct report_answer *a);

/* CHART_HEAT: writes a row for each day, with a coloured share for each n. */
void	html_table_put_heat(struct html *h, const struct report_answer *a);

#endif
