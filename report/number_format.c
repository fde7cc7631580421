#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report/number_format.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, CHINA_S = 8 * HOUR };

static const char minus[] = "−";

/* Beyond that no count is exact, and none is real. */
static const double most_count = 1e15;

/* Without its fraction, towards 0. */
static double
whole(double v)
{
	return fabs(v) <= most_count ? (double)(int64_t)v : v;
}

/* Digits in groups of three before the point. */
static void
put_number(char f[NUMBER_FORMAT], double n, int decimals)
{
	char	 digits[NUMBER_FORMAT], *out = f;
	size_t	 i, units;

	if (!(fabs(n) <= most_count)) {
		(void)snprintf(f, NUMBER_FORMAT, "%g", n);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(n));
	units = strcspn(digits, ".");
	if (n < 0 && strspn(digits, "0.") != strlen(digits))
		out += snprintf(out, NUMBER_FORMAT, "%s", minus);
	for (i = 0; digits[i] != '\0'; i++) {
		if (i != 0 && i < units && (units - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
}

void
number_format_count(char f[NUMBER_FORMAT], double n)
{
	put_number(f, n, 0);
}

void
number_format_mean(char f[NUMBER_FORMAT], double n)
{
	put_number(f, n, 2);
}

void
number_format_share(char f[NUMBER_FORMAT], double share)
{
	double	 percent = share * 100;

	if (percent > 0 && percent < 0.1)
		(void)snprintf(f, NUMBER_FORMAT, "<0.1%%");
	else if (percent < 100 && percent > 99.9)
		(void)snprintf(f, NUMBER_FORMAT, ">99.9%%");
	else
		(void)snprintf(f, NUMBER_FORMAT, "%.*f%%", percent > 0 && percent < 100 ? 1 : 0,
		    percent);
}

/* The largest unit of which there are two; of the last however many. */
void
number_format_span(char f[NUMBER_FORMAT], enum language l, double s)
{
	static const struct {
		double		 below;
		int		 is;
		const char	*unit[LANGUAGE__MAX];
	} units[] = {
		{ 2 * MINUTE,	1,	{ "s", "秒" } },
		{ 2 * HOUR,	MINUTE,	{ "min", "分钟" } },
		{ 2 * DAY,	HOUR,	{ "h", "小时" } },
		{ INFINITY,	DAY,	{ "d", "天" } },
	};
	char	 n[NUMBER_FORMAT];
	size_t	 i;

	s = s > 0 ? s : 0;	/* no number is none too */
	for (i = 0; i + 1 < sizeof(units) / sizeof(units[0]) && s >= units[i].below; i++)
		;
	number_format_count(n, whole(s / units[i].is));
	(void)snprintf(f, NUMBER_FORMAT, "%.30s %s", n, units[i].unit[l]);
}

void
number_format_ms(char f[NUMBER_FORMAT], enum language l, double ms)
{
	const double	 long_ms = 10000;
	char		 n[NUMBER_FORMAT];

	if (ms >= long_ms) {
		number_format_span(f, l, ms / 1000);
		return;
	}
	number_format_count(n, whole(ms > 0 ? ms : 0));
	(void)snprintf(f, NUMBER_FORMAT, "%.30s %s", n, l == CHINESE ? "毫秒" : "ms");
}

void
number_format_time(char f[NUMBER_FORMAT], int64_t time_s)
{
	time_t		 t;
	struct tm	 tm;

	f[0] = '\0';
	if (time_s > INT64_MAX - CHINA_S)
		return;
	t = (time_t)(time_s + CHINA_S);
	if (gmtime_r(&t, &tm) == NULL || strftime(f, NUMBER_FORMAT, "%Y-%m-%d %H:%M", &tm) == 0)
		f[0] = '\0';
}

double
number_format_step(double max, int most)
{
	static const double	 nice[] = { 1, 2, 5 };
	double			 power;
	size_t			 i;

	for (power = 1; power < most_count; power *= 10)
		for (i = 0; i < sizeof(nice) / sizeof(nice[0]); i++)
			if (nice[i] * power * most >= max)
				return nice[i] * power;
	return power;
}
