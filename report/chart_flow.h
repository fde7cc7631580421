/*
 * chart_flow.h: a chart of which event follows which, step by step, as SVG, for CHART_FLOW.
 */
#ifndef REPORT_CHART_FLOW_H
#define REPORT_CHART_FLOW_H

#include "report/cell.h"

void	chart_flow_put(struct html *h, const struct report_answer *a);

#endif
