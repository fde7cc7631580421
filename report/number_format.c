#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "report/number_format.h"

enum { MINUTE = 60, HOUR = 3600 };	/* seconds */

static const char minus[] = "−";

/* Above this number a double is no exact count. */
static const double count_max = 1e15;

/* A number without its fraction. */
static double
truncated(double v)
{
	return fabs(v) <= count_max ? (double)(int64_t)v : v;
}

/* Writes a number with its digits in groups of three. */
static void
write_number(char text[NUMBER_FORMAT_TEXT], double n, int decimals)
{
	char	 digits[NUMBER_FORMAT_TEXT], *out = text;
	size_t	 i, units;

	if (!(fabs(n) <= count_max)) {
		(void)snprintf(text, NUMBER_FORMAT_TEXT, "%g", n);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(n));
	units = strcspn(digits, ".");
	if (n < 0 && strspn(digits, "0.") != strlen(digits))
		out += snprintf(out, NUMBER_FORMAT_TEXT, "%s", minus);
	for (i = 0; digits[i] != '\0'; i++) {
		if (i != 0 && i < units && (units - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
}

void
number_format_count(char text[NUMBER_FORMAT_TEXT], double n)
{
	write_number(text, n, 0);
}

void
number_format_mean(char text[NUMBER_FORMAT_TEXT], double n)
{
	write_number(text, n, 2);
}

void
number_format_share(char text[NUMBER_FORMAT_TEXT], double share)
{
	double	 percent = share * 100;

	if (percent > 0 && percent < 0.1)
		(void)snprintf(text, NUMBER_FORMAT_TEXT, "<0.1%%");
	else if (percent < 100 && percent > 99.9)
		(void)snprintf(text, NUMBER_FORMAT_TEXT, ">99.9%%");
	else
		(void)snprintf(text, NUMBER_FORMAT_TEXT, "%.*f%%", percent > 0 && percent < 100 ?
		    1 : 0, percent);
}

/* The unit is the largest one of which there are at least two. */
void
number_format_span(char text[NUMBER_FORMAT_TEXT], enum language l, double s)
{
	static const struct {
		double		 below;
		int		 seconds;
		const char	*unit[LANGUAGE__MAX];
	} units[] = {
		{ 2 * MINUTE,	1,	{ "s", "秒" } },
		{ 2 * HOUR,	MINUTE,	{ "min", "分钟" } },
		{ 2 * CALENDAR_DAY_S,	HOUR,	{ "h", "小时" } },
		{ INFINITY,	CALENDAR_DAY_S,	{ "d", "天" } },
	};
	char	 n[NUMBER_FORMAT_TEXT];
	size_t	 i;

	s = s > 0 ? s : 0;	/* NaN becomes 0 */
	for (i = 0; i + 1 < sizeof(units) / sizeof(units[0]) && s >= units[i].below; i++)
		;
	number_format_count(n, truncated(s / units[i].seconds));
	(void)snprintf(text, NUMBER_FORMAT_TEXT, "%.30s %s", n, units[i].unit[l]);
}

void
number_format_ms(char text[NUMBER_FORMAT_TEXT], enum language l, double ms)
{
	const double	 long_ms = 10000;
	char		 n[NUMBER_FORMAT_TEXT];

	if (ms >= long_ms) {
		number_format_span(text, l, ms / 1000);
		return;
	}
	number_format_count(n, truncated(ms > 0 ? ms : 0));
	(void)snprintf(text, NUMBER_FORMAT_TEXT, "%.30s %s", n, l == CHINESE ? "毫秒" : "ms");
}

void
number_format_time(char text[NUMBER_FORMAT_TEXT], int64_t time_s)
{
	char	 day[CALENDAR_DAY_TEXT];
	int	 minute;

	text[0] = '\0';
	if (time_s < 0 || time_s > INT64_MAX - CALENDAR_CHINA_S)
		return;
	calendar_day_text(day, calendar_day_at(time_s));
	minute = (int)(calendar_second_of_day(time_s) / MINUTE);
	if (*day != '\0')
		(void)snprintf(text, NUMBER_FORMAT_TEXT, "%s %02d:%02d", day, minute / 60,
		    minute % 60);
}

double
number_format_step(double max, int most)
{
	static const double	 nice[] = { 1, 2, 5 };
	double			 power;
	size_t			 i;

	for (power = 1; power < count_max; power *= 10)
		for (i = 0; i < sizeof(nice) / sizeof(nice[0]); i++)
			if (nice[i] * power * most >= max)
				return nice[i] * power;
	return power;
}
