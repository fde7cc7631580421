/*
 * number_format.h: numbers as text for people who read a report.
 */
#ifndef REPORT_NUMBER_FORMAT_H
#define REPORT_NUMBER_FORMAT_H

#include <stdint.h>

#include "report/i18n.h"

enum { NUMBER_FORMAT_TEXT = 48 };	/* bytes of a text, with its NUL */

/* "1,234,567"; a negative number begins with U+2212. */
void	number_format_count(char text[NUMBER_FORMAT_TEXT], double n);

/* The same with two decimals. */
void	number_format_mean(char text[NUMBER_FORMAT_TEXT], double n);

/* A share from 0 to 1: "12.3%". */
void	number_format_share(char text[NUMBER_FORMAT_TEXT], double share);

/* Seconds: "45 s", "3 min", "2 h", "5 d"; the unit in the given language. */
void	number_format_span(char text[NUMBER_FORMAT_TEXT], enum language l, double s);

/* Milliseconds: "182 ms"; from ten seconds on like a span. */
void	number_format_ms(char text[NUMBER_FORMAT_TEXT], enum language l, double ms);

/* Epoch seconds as a time in China: "2026-11-22 12:44"; "": not in the years 1970 to 9999. */
void	number_format_time(char text[NUMBER_FORMAT_TEXT], int64_t time_s);

/*
 * The step between the marks of an axis from 0 to max: 1, 2 or 5 times a power of ten, and at least
 * 1.  The axis then has at most `most` marks above 0 (most: 2 or more).
 */
double	number_format_step(double max, int most);

#endif
