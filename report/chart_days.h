/*
 * chart_days.h: charts of the days of a period, as SVG, for CHART_DAYS and CHART_SERIES.
 *
 * Widths are percentages and heights are pixels: a chart fills the width of the page, and its text
 * keeps its size.
 */
#ifndef REPORT_CHART_DAYS_H
#define REPORT_CHART_DAYS_H

#include "report/cell.h"

/* CHART_DAYS: bars of all events, then a small chart for each series, the largest first. */
void	chart_days_put(struct html *h, const struct report_answer *a);

/* CHART_SERIES: gains as bars upwards, losses as bars downwards, the balance as a line. */
void	chart_days_put_series(struct html *h, const struct report_answer *a);

#endif
