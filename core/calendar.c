#include <string.h>

#include "core/calendar.h"
#include "core/number.h"

enum { LAST_DAY = 2932896 };	/* 9999-12-31 */

/* The computations begin years in March, so that a leap day is the last of its year. */
enum { ERA_YEARS = 400, ERA_DAYS = 146097, EPOCH = 719468 };

static int64_t
count_days(int64_t y, int64_t m, int64_t d)
{
	int64_t	 era, of_era, of_year;

	if (m <= 2)
		y--;
	era = y / ERA_YEARS;
	of_era = y % ERA_YEARS;
	of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

/* No calendar goes so far: absurd times do not overflow. */
static int64_t
keep_within(int64_t n, int64_t max)
{
	return n < -max ? -max : n > max ? max : n;
}

int64_t
calendar_day_at(int64_t time_s)
{
	const int64_t	 s = keep_within(time_s, NUMBER_BOUND) + CALENDAR_CHINA_S;

	return (s - (s < 0 ? CALENDAR_DAY_S - 1 : 0)) / CALENDAR_DAY_S;
}

int64_t
calendar_second_of_day(int64_t time_s)
{
	const int64_t	 s = (keep_within(time_s, NUMBER_BOUND) + CALENDAR_CHINA_S) %
			     CALENDAR_DAY_S;

	return s < 0 ? s + CALENDAR_DAY_S : s;
}

int64_t
calendar_day_start(int64_t day)
{
	return keep_within(day, NUMBER_BOUND / CALENDAR_DAY_S) * CALENDAR_DAY_S - CALENDAR_CHINA_S;
}

bool
calendar_parse_day(int64_t *day, struct slice text)
{
	int64_t	 y, m, d;
	char	 back[CALENDAR_DAY_TEXT];

	if (text.len != CALENDAR_DAY_TEXT - 1 || text.p[4] != '-' || text.p[7] != '-' ||
	    !number_parse(&y, (struct slice){ text.p, 4 }) ||
	    !number_parse(&m, (struct slice){ text.p + 5, 2 }) ||
	    !number_parse(&d, (struct slice){ text.p + 8, 2 }) ||
	    y < 1970 || m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	*day = count_days(y, m, d);
	calendar_day_text(back, *day);
	return slice_is(text, back);	/* false: the month has fewer days */
}

void
calendar_day_text(char text[CALENDAR_DAY_TEXT], int64_t day)
{
	int64_t	 era, of_era, y, of_year, mp;

	text[0] = '\0';
	if (day < 0 || day > LAST_DAY)
		return;
	day += EPOCH;
	era = day / ERA_DAYS;
	of_era = day % ERA_DAYS;
	y = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	of_year = of_era - (365 * y + y / 4 - y / 100);
	mp = (5 * of_year + 2) / 153;
	memcpy(text, "0000-00-00", CALENDAR_DAY_TEXT);
	(void)number_write(text + 4, (uint64_t)(y + era * ERA_YEARS + (mp >= 10)), 4);
	(void)number_write(text + 7, (uint64_t)(mp < 10 ? mp + 3 : mp - 9), 2);
	(void)number_write(text + 10, (uint64_t)(of_year - (153 * mp + 2) / 5 + 1), 2);
}
