/*
 * chart_days.h: what happened over the days of a period, as SVG: CHART_DAYS, CHART_SERIES.
 *
 * Widths are percentages and heights pixels, so that a chart is as wide as it may be and its
 * letters keep their size.
 */
#ifndef REPORT_CHART_DAYS_H
#define REPORT_CHART_DAYS_H

#include "report/cell.h"

/* All together day by day, then each series by itself, largest first. */
void	chart_days(struct html *h, const struct answer *a);

/* What comes in upwards, what goes downwards, the balance as a line. */
void	chart_days_series(struct html *h, const struct answer *a);

#endif
