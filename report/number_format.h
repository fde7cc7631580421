/*
 * number_format.h: numbers as people read them in a report.
 */
#ifndef REPORT_NUMBER_FORMAT_H
#define REPORT_NUMBER_FORMAT_H

#include <stdint.h>

#include "report/i18n.h"

enum { NUMBER_FORMAT = 48 };

void	number_format_count(char f[NUMBER_FORMAT], double n);			/* 1,234,567; a true minus */
void	number_format_mean(char f[NUMBER_FORMAT], double n);			/* the same with two decimals */
void	number_format_share(char f[NUMBER_FORMAT], double share);		/* 0 to 1: 12.3% */
void	number_format_span(char f[NUMBER_FORMAT], enum language l, double s);	/* 45 s, 3 min, 2 h, 5 d */
void	number_format_ms(char f[NUMBER_FORMAT], enum language l, double ms);	/* 182 ms, then like a span */
void	number_format_time(char f[NUMBER_FORMAT], int64_t time_s);		/* 2026-11-22 12:44, in China */

/*
 * Marks of an axis from 0 that reaches max: the step between them, 1, 2 or 5 times a power of
 * ten and no fraction of 1, so that there are at most `most` above 0 (2 at least).
 */
double	number_format_step(double max, int most);

#endif
