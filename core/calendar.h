/*
 * calendar.h: days as China's clocks have them, numbered: 1970-01-01 is day 0.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum {
	CALENDAR_DAY_S = 86400,
	CALENDAR_CHINA_S = 8 * 3600,	/* how far China's clocks are ahead of UTC, all year */
	CALENDAR_DAY_TEXT = 11		/* "YYYY-MM-DD" and a NUL */
};

/* The day in China at an epoch second, and how many seconds of that day are over. */
int64_t	calendar_day_at(int64_t time_s);
int64_t	calendar_second_of_day(int64_t time_s);

/* The epoch second at which a day begins in China. */
int64_t	calendar_day_start(int64_t day);

/* Reads "YYYY-MM-DD", 1970 to 9999.  False: the text is not such a day. */
bool	calendar_parse_day(int64_t *day, struct slice text);

/* Writes a day the same way; a day outside of these years gives "". */
void	calendar_day_text(char text[CALENDAR_DAY_TEXT], int64_t day);

#endif
