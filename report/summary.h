/*
 * summary.h: the most important numbers, at the top of the overview.
 */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include "report/layout.h"

/* True: the summary uses the answer to this question. */
bool	summary_needs(const struct report_question *q);

/* Writes the numbers.  A number whose question could not be answered is left out. */
void	summary_put(struct layout *l, const struct report_answer *answers, size_t n);

#endif
