/*
 * summary.h: the overview's most important numbers.
 */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include "report/layout.h"

/* Whether numbers come from this question: the overview needs its answer, shown or not. */
bool	summary_needs(const struct report_question *q);

/* Those whose question has no answer are left out. */
void	summary_put(struct layout *v, const struct layout_asked *asked, size_t n);

#endif
