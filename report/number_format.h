/*
 * number_format.h: numbers as people read them in a report.
 */
#ifndef REPORT_NUMBER_FORMAT_H
#define REPORT_NUMBER_FORMAT_H

#include <stdint.h>

#include "report/i18n.h"

enum { FIGURE = 48 };

void	figure_count(char f[FIGURE], double n);			/* 1,234,567; a true minus */
void	figure_mean(char f[FIGURE], double n);			/* the same with two decimals */
void	figure_share(char f[FIGURE], double share);		/* 0 to 1: 12.3% */
void	figure_span(char f[FIGURE], enum language l, double s);	/* 45 s, 3 min, 2 h, 5 d */
void	figure_ms(char f[FIGURE], enum language l, double ms);	/* 182 ms, then like a span */
void	figure_time(char f[FIGURE], int64_t time_s);		/* 2026-11-22 12:44, in China */

/*
 * Marks of an axis from 0 that reaches max: the step between them, 1, 2 or 5 times a power of
 * ten and no fraction of 1, so that there are at most `most` above 0 (2 at least).
 */
double	figure_step(double max, int most);

#endif
