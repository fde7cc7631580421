/*
 * chart_flow.h: which event follows which, step by step, as SVG: CHART_FLOW.
 */
#ifndef REPORT_CHART_FLOW_H
#define REPORT_CHART_FLOW_H

#include "report/cell.h"

void	chart_flow(struct html *h, const struct answer *a);

#endif
