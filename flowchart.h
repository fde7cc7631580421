/*
 * flowchart.h: which event follows which, step by step, as SVG: CHART_FLOW.
 */
#ifndef FLOWCHART_H
#define FLOWCHART_H

#include "answer.h"

void	flowchart(struct html *h, const struct answer *a);

#endif
