/*
 * calendar.h: days of the calendar, numbered from 1970-01-01 as the store numbers them.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { CALENDAR_DAY_TEXT = 11 };

/* A day of China at that epoch second. */
int64_t	calendar_day_at(int64_t time_s);

/* "YYYY-MM-DD", 1970 to 9999; false: it is none. */
bool	calendar_parse_day(int64_t *day, struct slice text);

/* The other way; what lies outside of these years is "". */
void	calendar_day_text(char text[CALENDAR_DAY_TEXT], int64_t day);

#endif
