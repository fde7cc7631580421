#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "report/chart_days.h"
#include "report/number_format.h"

/*
 * The period is divided into buckets: of a day, or of several days if there would be too many to
 * see.  A series has a value in each bucket.
 */
enum { BUCKETS_MAX = 100, SERIES_MAX = 16 };

struct series {
	size_t	 name;		/* where its name is: a row, for CHART_SERIES a column */
	double	 total;
	size_t	 peak;		/* the bucket with the highest value */
	double	 v[BUCKETS_MAX];	/* values */
};

struct chart {
	const struct report_answer	*a;
	int64_t				 first, last;	/* days of the period */
	int64_t				 per;		/* number of days in a bucket */
	size_t				 n;		/* number of buckets */
	size_t				 nseries;
	struct series			 all;
	struct series			 series[SERIES_MAX];
};

/* Pixels: heights of a chart, of its margins above and below, and of a small chart. */
enum { HEIGHT = 180, TOP = 8, FOOT = 22, SMALL = 36 };

/* The values at the top and the bottom of a chart, and the step between its lines. */
struct scale {
	double	 max, min, step;
};

/* Divides the period into buckets.  False: there is no period. */
static bool
set_buckets(struct chart *c, const struct report_answer *a)
{
	static const int64_t	 spans[] = { 1, 7, 28, 91, 364, 3640, 36400 };
	size_t			 i;

	c->a = a;
	if (!calendar_parse_day(&c->first, slice_of(a->args->from)) ||
	    !calendar_parse_day(&c->last, slice_of(a->args->to)) || c->last < c->first)
		return false;
	for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		c->per = spans[i];
		c->n = (size_t)((c->last - c->first) / c->per + 1);
		if (c->n <= BUCKETS_MAX)
			return true;
	}
	return false;
}

/* Finds the bucket for the day of a row.  False: the day is not in the period. */
static bool
bucket_of(size_t *bucket, const struct chart *c, size_t row)
{
	int64_t	 day;

	if (!calendar_parse_day(&day, table_str(c->a->t, row, 0)) || day < c->first ||
	    day > c->last)
		return false;
	*bucket = (size_t)((day - c->first) / c->per);
	return true;
}

static void
add_value(struct series *s, size_t bucket, double v)
{
	s->total += v;
	s->v[bucket] += v;
}

static void
find_peak(struct series *s, size_t n)
{
	size_t	 i;

	for (i = s->peak = 0; i < n; i++)
		if (s->v[i] > s->v[s->peak])
			s->peak = i;
}

/* The first day of a bucket as "11-03"; in a period of a year or more as "2026-11". */
static const char *
short_day_of(char text[CALENDAR_DAY_TEXT], const struct chart *c, size_t bucket)
{
	enum { YEAR = 365 };

	calendar_day_text(text, c->first + (int64_t)bucket * c->per);
	if (*text == '\0')
		return text;
	if (c->last - c->first < YEAR)
		return text + strlen("2026-");
	text[strlen("2026-11")] = '\0';
	return text;
}

/* Writes the days of a bucket: "2026-11-03", or first and last day. */
static void
put_bucket_days(struct html *h, const struct chart *c, size_t bucket)
{
	int64_t	 day = c->first + (int64_t)bucket * c->per;
	int64_t	 end = day + c->per - 1 < c->last ? day + c->per - 1 : c->last;
	char	 text[CALENDAR_DAY_TEXT];

	calendar_day_text(text, day);
	html_text(h, text);
	if (end > day) {
		calendar_day_text(text, end);
		html_printf(h, " – %s", text);
	}
}

static double
y_of(const struct scale *s, double v)
{
	return (double)TOP + (s->max - v) / (s->max - s->min) * (HEIGHT - TOP - FOOT);
}

/* A scale of round numbers for all values between the lowest and the highest, and 0. */
static struct scale
scale_of(double highest, double lowest)
{
	struct scale	 s = { 0, 0, 0 };

	s.step = number_format_step(highest - lowest, 4);
	while (s.max < highest || s.max == 0)
		s.max += s.step;
	while (s.min > lowest)
		s.min -= s.step;
	return s;
}

/* Writes the lines of the scale at round numbers, with these numbers in the margin. */
static void
put_gridlines(struct html *h, const struct scale *s)
{
	double	 v;

	for (v = s->min; v <= s->max; v += s->step) {
		html_printf(h, "<line class=\"%s\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>",
		    v == 0 ? "zero" : "rule", y_of(s, v), y_of(s, v));
		html_printf(h, "<text class=\"tick end\" x=\"-6\" y=\"%.1f\">", y_of(s, v) + 4);
		cell_put_count(h, v < 0 ? -v : v);
		html_raw(h, "</text>");
	}
}

/* Writes up to six days under the chart, at equal distances, the last day among them. */
static void
put_day_labels(struct html *h, const struct chart *c)
{
	enum { MOST = 6 };
	static const size_t	 steps[] = { 1, 2, 3, 7, 14, 28 };
	char			 text[CALENDAR_DAY_TEXT];
	double			 x;
	size_t			 i, at, step;

	for (i = 0; i + 1 < sizeof(steps) / sizeof(steps[0]) && c->n > steps[i] * MOST; i++)
		;
	step = steps[i];
	for (at = (c->n - 1) % step; at < c->n; at += step) {
		x = ((double)at + 0.5) * 100 / (double)c->n;
		html_printf(h, "<text class=\"tick%s\" x=\"%.2f%%\" y=\"%d\">%s</text>",
		    x < 5 ? "" : x > 95 ? " end" : " mid", x < 5 ? 0 : x > 95 ? 100 : x,
		    HEIGHT - 5, short_day_of(text, c, at));
	}
}

static void
put_chart_bar(struct html *h, const struct chart *c, const struct scale *s, const char *class,
    size_t bucket, double from, double to)
{
	double	 wide = 100 / (double)c->n;

	html_printf(h, "<rect class=\"%s\" x=\"%.3f%%\" width=\"%.3f%%\" y=\"%.1f\" "
	    "height=\"%.1f\"/>", class, ((double)bucket + 0.1) * wide, 0.8 * wide,
	    y_of(s, from > to ? from : to), y_of(s, from < to ? from : to) -
	    y_of(s, from > to ? from : to));
}

/* Opens an SVG image with its title and, for screen readers, a description. */
static void
open_image(struct html *h, const struct report_answer *a, int height)
{
	html_printf(h, "<div class=\"plot\"><svg class=\"chart\" width=\"100%%\" height=\"%d\" "
	    "role=\"img\" aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">", height,
	    a->q->name, a->q->name, a->q->name);
	html_text(h, i18n_text(a->language, a->q->name));
	html_printf(h, "</title><desc id=\"%s-d\">", a->q->name);
}

/* Opens the text that a browser shows when the mouse is over a bucket, at any height. */
static void
open_hint(struct html *h, const struct chart *c, size_t bucket)
{
	html_printf(h, "<rect class=\"hit\" x=\"%.3f%%\" width=\"%.3f%%\" height=\"%d\"><title>",
	    (double)bucket * 100 / (double)c->n, 100 / (double)c->n, HEIGHT);
	put_bucket_days(h, c, bucket);
}

static void
close_hint(struct html *h)
{
	html_raw(h, "</title></rect>");
}

/*
 * CHART_DAYS: all events, then each series.
 */

enum { DAY, NAME, NUMBER, COLUMNS };	/* columns of the answer; DAY: also of CHART_SERIES */

/* Finds or adds the series of a row.  NULL: there are SERIES_MAX others. */
static struct series *
series_of(struct chart *c, size_t row)
{
	size_t	 i;

	for (i = 0; i < c->nseries; i++)
		if (cell_is_same(c->a, c->series[i].name, NAME, row, NAME))
			return &c->series[i];
	if (c->nseries == SERIES_MAX)
		return NULL;
	c->series[c->nseries].name = row;
	return &c->series[c->nseries++];
}

static int
compare_totals(const void *p, const void *q)
{
	const struct series	*a = p, *b = q;

	return (a->total < b->total) - (a->total > b->total);
}

static void
read_days(struct chart *c)
{
	const struct table	*t = c->a->t;
	struct series		*s;
	size_t			 row, bucket;

	for (row = 0; row < t->rows; row++) {
		if (!bucket_of(&bucket, c, row))
			continue;
		add_value(&c->all, bucket, table_number(t, row, NUMBER));
		if ((s = series_of(c, row)) != NULL)
			add_value(s, bucket, table_number(t, row, NUMBER));
	}
	for (row = 0; row < c->nseries; row++)
		find_peak(&c->series[row], c->n);
	find_peak(&c->all, c->n);
	qsort(c->series, c->nseries, sizeof(c->series[0]), compare_totals);
}

/* Writes "1,234; peak 56, 2026-11-03". */
static void
put_series_description(struct html *h, const struct chart *c, const struct series *s)
{
	cell_put_count(h, s->total);
	html_raw(h, "; ");
	html_text(h, i18n_text(c->a->language, "peak"));
	html_raw(h, " ");
	cell_put_count(h, s->v[s->peak]);
	html_raw(h, ", ");
	put_bucket_days(h, c, s->peak);
}

static void
put_total_chart(struct html *h, const struct chart *c)
{
	struct scale	 s = scale_of(c->all.v[c->all.peak], 0);
	size_t		 i;

	open_image(h, c->a, HEIGHT);
	put_series_description(h, c, &c->all);
	html_raw(h, "</desc>");
	put_gridlines(h, &s);
	for (i = 0; i < c->n; i++)
		if (c->all.v[i] > 0)
			put_chart_bar(h, c, &s, "bar", i, 0, c->all.v[i]);
	put_day_labels(h, c);
	for (i = 0; i < c->n; i++) {
		open_hint(h, c, i);
		html_raw(h, ": ");
		cell_put_count(h, c->all.v[i]);
		close_hint(h);
	}
	html_raw(h, "</svg></div>");
}

/* Writes the outline of a series, as high as its own peak. */
static void
put_outline(struct html *h, const struct chart *c, const struct series *s)
{
	double	 peak = s->v[s->peak] > 0 ? s->v[s->peak] : 1, now, was = -1;
	size_t	 i;

	html_printf(h, "<svg class=\"small\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %zu 100\" "
	    "preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"M0 100", SMALL, c->n);
	for (i = 0; i < c->n; i++) {
		now = 100 - s->v[i] / peak * 100;
		if (now != was)
			html_printf(h, "V%.4g", now);
		html_printf(h, "H%zu", i + 1);
		was = now;
	}
	html_raw(h, "V100z\"/></svg>");
}

/* Opens a small chart of one series: a number, the outline, and a note that the caller writes. */
static void
open_multiple(struct html *h, const struct chart *c, const struct series *s, double n)
{
	html_raw(h, " <b>");
	cell_put_count(h, n);
	html_raw(h, "</b>");
	put_outline(h, c, s);
	html_raw(h, "<small>");
}

static void
put_multiple(struct html *h, const struct chart *c, const struct series *s)
{
	char	 text[CALENDAR_DAY_TEXT];

	html_raw(h, "<li><span>");
	cell_put(h, c->a, s->name, NAME);
	html_raw(h, "</span>");
	open_multiple(h, c, s, s->total);
	html_text(h, i18n_text(c->a->language, "peak"));
	html_raw(h, " ");
	cell_put_count(h, s->v[s->peak]);
	html_printf(h, " · %s</small></li>", short_day_of(text, c, s->peak));
}

/* Writes how many days a bar stands for, if it is not one day. */
static void
put_bucket_note(struct html *h, const struct chart *c, bool mean)
{
	char	 number[NUMBER_FORMAT_TEXT];

	if (c->per == 1)
		return;
	number_format_span(number, c->a->language, (double)(c->per * (int64_t)CALENDAR_DAY_S));
	html_raw(h, "<p class=\"note\">");
	html_text(h, i18n_text(c->a->language, mean ? "mean_bar" : "per_bar"));
	html_printf(h, " %s</p>", number);
}

void
chart_days_put(struct html *h, const struct report_answer *a)
{
	struct chart	*c = calloc(1, sizeof(*c));
	size_t		 i;

	if (c == NULL)
		h->er = ERR_NOMEM;
	else if (cell_count_columns(a) >= COLUMNS && set_buckets(c, a)) {
		read_days(c);
		put_total_chart(h, c);
		put_bucket_note(h, c, false);
		if (c->nseries > 1) {
			html_raw(h, "<ul class=\"multiples\">");
			for (i = 0; i < c->nseries; i++)
				put_multiple(h, c, &c->series[i]);
			html_raw(h, "</ul>");
		}
	}
	free(c);
}

/*
 * CHART_SERIES: gains, losses and their balance.
 */

enum role { UP, DOWN, LINE, APART };	/* APART: in a chart of its own, since it is too large */

static enum role
role_of(const char *column)
{
	static const struct {
		const char	*column;
		enum role	 role;
	} roles[] = {
		{ "unfollows", DOWN }, { "net", LINE }, { "silent", APART },
	};
	size_t	 i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(column, roles[i].column) == 0)
			return roles[i].role;
	return UP;
}

static const char *
column_of(const struct chart *c, const struct series *s)
{
	return c->a->q->columns[s->name].name;
}

/* The CSS class of a series, by its place among the series of its direction. */
static const char *
series_class_of(const struct chart *c, const struct series *s)
{
	static const char *const	 ups[] = { "up1", "up2", "up3", "up4" };
	static const char *const	 downs[] = { "down1", "down2" };
	const struct series		*p;
	enum role			 role = role_of(column_of(c, s));
	size_t				 nth = 0;

	for (p = c->series; p != s; p++)
		nth += role_of(column_of(c, p)) == role;
	switch (role) {
	case UP:
		return ups[nth % (sizeof(ups) / sizeof(ups[0]))];
	case DOWN:
		return downs[nth % (sizeof(downs) / sizeof(downs[0]))];
	case LINE:
	case APART:
		break;
	}
	return "line";
}

/* Only with a balance may days be added up: a device that is active on two days is one device. */
static bool
has_balance(const struct chart *c)
{
	size_t	 i;

	for (i = 0; i < c->nseries; i++)
		if (role_of(column_of(c, &c->series[i])) == LINE)
			return true;
	return false;
}

/* Divides each value by the number of days in its bucket. */
static void
average_series(const struct chart *c, struct series *s)
{
	int64_t	 left;
	size_t	 i;

	for (i = 0; i < c->n; i++) {
		left = c->last - c->first + 1 - (int64_t)i * c->per;
		s->v[i] /= (double)(left < c->per ? left : c->per);
	}
}

static void
read_series(struct chart *c)
{
	const struct table	*t = c->a->t;
	size_t			 row, col, bucket;

	for (col = 1; col < cell_count_columns(c->a) && c->nseries < SERIES_MAX; col++)
		if (c->a->q->columns[col].kind == REPORT_COUNT)
			c->series[c->nseries++].name = col;
	for (row = 0; row < t->rows; row++)
		for (col = 0; bucket_of(&bucket, c, row) && col < c->nseries; col++)
			add_value(&c->series[col], bucket, table_number(t, row,
			    c->series[col].name));
	for (col = 0; col < c->nseries; col++) {
		if (!has_balance(c))
			average_series(c, &c->series[col]);
		find_peak(&c->series[col], c->n);
	}
}

/* Finds the highest and the lowest point of all bars and lines. */
static void
find_range(const struct chart *c, double *high, double *low)
{
	double	 up, down, v;
	size_t	 i, k;

	*high = *low = 0;
	for (i = 0; i < c->n; i++) {
		for (k = 0, up = down = 0; k < c->nseries; k++) {
			v = c->series[k].v[i];
			switch (role_of(column_of(c, &c->series[k]))) {
			case UP:
				up += v;
				break;
			case DOWN:
				down -= v;
				break;
			case LINE:
				*high = v > *high ? v : *high;
				*low = v < *low ? v : *low;
				break;
			case APART:
				break;
			}
		}
		*high = up > *high ? up : *high;
		*low = down < *low ? down : *low;
	}
}

static void
put_bucket_bars(struct html *h, const struct chart *c, const struct scale *s, size_t bucket)
{
	double	 up = 0, down = 0, v;
	size_t	 k;

	for (k = 0; k < c->nseries; k++) {
		if ((v = c->series[k].v[bucket]) <= 0)
			continue;
		switch (role_of(column_of(c, &c->series[k]))) {
		case UP:
			put_chart_bar(h, c, s, series_class_of(c, &c->series[k]), bucket, up, up +
			    v);
			up += v;
			break;
		case DOWN:
			put_chart_bar(h, c, s, series_class_of(c, &c->series[k]), bucket, down,
			    down - v);
			down -= v;
			break;
		case LINE:
		case APART:
			break;
		}
	}
}

/* Writes a line as an image of its own, in which a bucket is one unit wide. */
static void
put_series_line(struct html *h, const struct chart *c, const struct scale *s,
    const struct series *line)
{
	size_t	 i;

	html_printf(h, "<svg width=\"100%%\" height=\"%d\" viewBox=\"0 0 %zu %d\" "
	    "preserveAspectRatio=\"none\"><polyline class=\"line\" points=\"", HEIGHT, c->n,
	    HEIGHT);
	for (i = 0; i < c->n; i++)
		html_printf(h, "%.1f,%.1f ", (double)i + 0.5, y_of(s, line->v[i]));
	html_raw(h, "\"/></svg>");
}

/* Writes the small chart of a series that is APART, with its last value.  There must be a row. */
static void
put_apart_series(struct html *h, const struct chart *c)
{
	const struct series	*s;

	for (s = c->series; s != c->series + c->nseries; s++)
		if (role_of(column_of(c, s)) == APART) {
			html_raw(h, "<ul class=\"multiples\"><li><span>");
			html_text(h, cell_heading(c->a, s->name));
			html_raw(h, "</span>");
			open_multiple(h, c, s, table_number(c->a->t, c->a->t->rows - 1, s->name));
			html_text(h, i18n_text(c->a->language, "last_day"));
			html_raw(h, "</small></li></ul>");
		}
}

/* Writes the name of a series, and its total if days may be added up. */
static void
put_series_name(struct html *h, const struct chart *c, const struct series *s)
{
	html_text(h, cell_heading(c->a, s->name));
	if (has_balance(c)) {
		html_raw(h, " ");
		cell_put_count(h, s->total);
	}
}

/* Writes the legend: each series with its colour. */
static void
put_legend(struct html *h, const struct chart *c)
{
	const struct series	*s;

	html_raw(h, "<ul class=\"key\">");
	for (s = c->series; s != c->series + c->nseries; s++) {
		if (role_of(column_of(c, s)) == APART)
			continue;
		html_printf(h, "<li><svg width=\"14\" height=\"12\" aria-hidden=\"true\">%s%s\" ",
		    role_of(column_of(c, s)) == LINE ? "<line x2=\"14\" y1=\"6\" y2=\"6\" class=\""
		    : "<rect width=\"14\" height=\"12\" class=\"", series_class_of(c, s));
		html_raw(h, "/></svg> ");
		put_series_name(h, c, s);
		html_raw(h, "</li>");
	}
	html_raw(h, "</ul>");
}

static void
put_series_hints(struct html *h, const struct chart *c)
{
	size_t	 i, k;

	for (i = 0; i < c->n; i++) {
		open_hint(h, c, i);
		for (k = 0; k < c->nseries; k++) {
			html_raw(h, k == 0 ? ": " : ", ");
			html_text(h, cell_heading(c->a, c->series[k].name));
			html_raw(h, " ");
			cell_put_count(h, c->series[k].v[i]);
		}
		close_hint(h);
	}
}

static void
put_series_chart(struct html *h, const struct chart *c)
{
	struct scale	 s;
	double		 high, low;
	size_t		 i;

	find_range(c, &high, &low);
	s = scale_of(high, low);
	open_image(h, c->a, HEIGHT);
	for (i = 0; i < c->nseries; i++) {
		put_series_name(h, c, &c->series[i]);
		html_raw(h, i + 1 == c->nseries ? "" : ", ");
	}
	html_raw(h, "</desc>");
	put_gridlines(h, &s);
	for (i = 0; i < c->n; i++)
		put_bucket_bars(h, c, &s, i);
	for (i = 0; i < c->nseries; i++)
		if (role_of(column_of(c, &c->series[i])) == LINE)
			put_series_line(h, c, &s, &c->series[i]);
	put_day_labels(h, c);
	put_series_hints(h, c);
	html_raw(h, "</svg></div>");
}

void
chart_days_put_series(struct html *h, const struct report_answer *a)
{
	struct chart	*c = calloc(1, sizeof(*c));

	if (c == NULL)
		h->er = ERR_NOMEM;
	else if (set_buckets(c, a)) {
		read_series(c);
		put_legend(h, c);
		put_series_chart(h, c);
		put_bucket_note(h, c, !has_balance(c));
		put_apart_series(h, c);
	}
	free(c);
}
