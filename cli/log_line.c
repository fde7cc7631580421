#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/log_line.h"
#include "core/calendar.h"
#include "core/error.h"
#include "core/hex.h"
#include "core/number.h"

enum { STAMP = 24, DAY_MS = CALENDAR_DAY_S * 1000 };	/* "2026-11-22T04:44:44.649Z" */

/*
 * Times.
 */

/* Reads n digits at *p and moves it behind them.  -1: they are not digits. */
static int
read_digits(const char **p, const char *end, int n)
{
	int	 v = 0;

	for (; n > 0; n--, ++*p) {
		if (*p == end || !isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

/* Reads "HH:MM[:SS[.fraction]]" at *p.  -1: it is not a time; else ms of the day. */
static int64_t
read_clock(const char **p, const char *end)
{
	const char	*at;
	int		 h = read_digits(p, end, 2), m, s = 0, ms = 0, unit = 100;

	if (h < 0 || h > 23 || *p == end || *(*p)++ != ':' || (m = read_digits(p, end, 2)) < 0 ||
	    m > 59)
		return -1;
	at = *p + 1;
	if (*p != end && **p == ':') {
		if ((s = read_digits(&at, end, 2)) < 0 || s > 60)
			return -1;
		*p = at;
		if (at != end && (*at == '.' || *at == ','))
			for (at++; at != end && isdigit((unsigned char)*at); at++, unit /= 10)
				ms += (*at - '0') * unit;
		*p = at;
	}
	return (int64_t)(h * 3600 + m * 60 + s) * 1000 + ms;
}

/* Reads "Z", "+08:00" or "+0800" at *p: ms ahead of UTC.  False: there is no such thing. */
static bool
read_zone(int64_t *ms, const char **p, const char *end)
{
	const char	*at = *p + 1;
	int		 h, m;

	*ms = 0;
	if (*p == end || (**p != 'Z' && **p != '+' && **p != '-'))
		return false;
	if (**p != 'Z') {
		if ((h = read_digits(&at, end, 2)) < 0)
			return false;
		if (at != end && *at == ':')
			at++;
		if ((m = read_digits(&at, end, 2)) < 0)
			return false;
		*ms = (int64_t)(h * 60 + m) * (**p == '-' ? -60000 : 60000);
	}
	*p = at;
	return true;
}

/* Reads a day, and a time behind it: in China, unless a zone follows.  *time: there was a time. */
static bool
read_stamp(int64_t *ms, bool *time, const char **p, const char *end)
{
	int64_t	 day, clock, zone;

	*time = false;
	if (end - *p < 10 || !calendar_parse_day(&day, (struct slice){ *p, 10 }))
		return false;
	*p += 10;
	*ms = calendar_day_start(day) * 1000;
	if (end - *p < 6 || (**p != 'T' && **p != ' ') || !isdigit((unsigned char)(*p)[1]))
		return true;
	++*p;
	if ((clock = read_clock(p, end)) == -1)
		return false;
	*time = true;
	*ms += clock;
	if (read_zone(&zone, p, end))
		*ms += (int64_t)CALENDAR_CHINA_S * 1000 - zone;
	return true;
}

/* Reads "Nov 22 12:44:05", in this host's time zone, the last one before newest_ms. */
static bool
read_syslog_stamp(int64_t *ms, const char *p, const char *end, int64_t newest_ms)
{
	static const char	 months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const time_t		 newest = (time_t)(newest_ms / 1000);
	struct tm		 tm, now;
	int64_t			 clock;
	int			 i;

	for (i = 0; i < 12 && end - p >= 15 && memcmp(p, months + 3 * i, 3) != 0; i++)
		;
	if (i == 12 || end - p < 15 || p[3] != ' ' || localtime_r(&newest, &now) == NULL)
		return false;
	memset(&tm, 0, sizeof(tm));
	tm.tm_mday = (p[4] == ' ' ? 0 : p[4] - '0') * 10 + (p[5] - '0');
	p += 7;
	if ((clock = read_clock(&p, end)) == -1)
		return false;
	tm.tm_year = now.tm_year, tm.tm_mon = i, tm.tm_isdst = -1;
	tm.tm_hour = (int)(clock / 3600000), tm.tm_min = (int)(clock / 60000 % 60);
	tm.tm_sec = (int)(clock / 1000 % 60);
	now = tm;
	*ms = (int64_t)mktime(&tm) * 1000;
	if (*ms <= newest_ms + DAY_MS)	/* clocks of two hosts may differ */
		return true;
	now.tm_year--;
	*ms = (int64_t)mktime(&now) * 1000;
	return true;
}

/* The ms of a unit of time; 0: there is no such unit. */
static int64_t
unit_of(const char *name)
{
	static const struct {
		const char	*name;
		int64_t		 ms;
	} units[] = {
		{ "s", 1000 }, { "m", 60000 }, { "min", 60000 }, { "h", 3600000 },
		{ "d", DAY_MS }, { "w", INT64_C(7) * DAY_MS },
	};
	size_t	 i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, name) == 0)
			return units[i].ms;
	return 0;
}

bool
log_line_when(int64_t *ms, const char *text, int64_t now_ms, bool last)
{
	const char	*p = text, *end = text + strlen(text);
	const size_t	 digits = strspn(text, "0123456789");
	const int64_t	 today_ms = calendar_day_start(calendar_day_at(now_ms / 1000)) * 1000;
	int64_t		 n, clock;
	bool		 time;

	if (strcmp(text, "now") == 0) {
		*ms = now_ms;
		return true;
	}
	if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
		*ms = today_ms - (*text == 'y' ? DAY_MS : 0) + (last ? DAY_MS - 1 : 0);
		return true;
	}
	if (number_parse(&n, (struct slice){ text, digits }) && n < 1000000 &&
	    unit_of(text + digits + strspn(text + digits, " ")) != 0) {
		*ms = now_ms - n * unit_of(text + digits + strspn(text + digits, " "));
		return true;
	}
	if ((clock = read_clock(&p, end)) != -1 && p == end) {
		*ms = today_ms + clock;
		return true;
	}
	p = text;
	if (!read_stamp(ms, &time, &p, end) || p != end)
		return false;
	if (!time && last)
		*ms += DAY_MS - 1;
	return true;
}

/*
 * The line.
 */

/* Where our part of the line begins: at "time=" or "level=".  NULL: it has no such part. */
static const char *
find_start(struct slice raw)
{
	static const char	 mark[] = "level=";
	const char		*p = raw.p, *end = raw.p + raw.len, *w;
	size_t			 i;

	for (; (p = memchr(p, 'l', (size_t)(end - p))) != NULL; p++) {
		if ((size_t)(end - p) < sizeof(mark) || memcmp(p, mark, sizeof(mark) - 1) != 0)
			continue;
		w = p + sizeof(mark) - 1;
		for (i = 0; i < LEVEL__MAX; i++)
			if ((size_t)(end - w) > strlen(error_level_names[i]) + 6 &&
			    memcmp(w, error_level_names[i], strlen(error_level_names[i])) == 0 &&
			    memcmp(w + strlen(error_level_names[i]), " what=", 6) == 0)
				break;
		if (i == LEVEL__MAX)
			continue;
		if (p - raw.p >= STAMP + 6 && memcmp(p - STAMP - 6, "time=", 5) == 0)
			p -= STAMP + 6;
		return p;
	}
	return NULL;
}

/* Appends a character that stands behind a backslash at *p, and moves *p behind it. */
static enum error
append_escaped(struct buf *out, const char **p, const char *end)
{
	static const char	 names[] = "nrtbfv", means[] = "\n\r\t\b\f\v";
	const char		 c = *(*p)++, *at;

	if (c == 'x' && end - *p >= 2 && hex_digit((*p)[0]) != -1 && hex_digit((*p)[1]) != -1) {
		*p += 2;
		return buf_putc(out, (char)(hex_digit((*p)[-2]) * 16 + hex_digit((*p)[-1])));
	}
	at = c == '\0' ? NULL : strchr(names, c);
	return buf_putc(out, at == NULL ? c : means[at - names]);
}

/* Takes back what Apache does to a text that it logs. */
static enum error
unescape_line(struct buf *out, struct slice text)
{
	const char	*p = text.p, *end = p + text.len;
	enum error	 er = ERR_OK;

	while (p != end && er == ERR_OK)
		if (*p == '\\' && end - p > 1) {
			p++;
			er = append_escaped(out, &p, end);
		} else
			er = buf_putc(out, *p++);
	return er;
}

/* Appends the value at *p, decoded, and moves *p behind it. */
static enum error
append_decoded(struct buf *out, const char **p, const char *end)
{
	const bool	 quoted = *p != end && **p == '"';
	enum error	 er = ERR_OK;

	if (!quoted) {
		while (*p != end && **p != ' ' && **p != '"' && er == ERR_OK)
			er = buf_putc(out, *(*p)++);
		return er;
	}
	for (++*p; *p != end && **p != '"' && er == ERR_OK;)
		if (**p == '\\' && end - *p > 1) {
			++*p;
			if (**p == '"' || **p == '\\')
				er = buf_putc(out, *(*p)++);
			else
				er = append_escaped(out, p, end);
		} else
			er = buf_putc(out, *(*p)++);
	*p += *p != end;
	return er;
}

static bool
is_key(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

/* Reads "key=value" pairs until something else comes. */
static enum error
read_pairs(struct log_line *l, struct slice text)
{
	const char	*p = text.p, *end = p + text.len, *key;
	size_t		 at[LOG_LINE_PAIRS][3], i;
	enum error	 er = ERR_OK;

	for (l->n = 0; l->n < LOG_LINE_PAIRS && er == ERR_OK; l->n++) {
		for (key = p; p != end && is_key(*p); p++)
			;
		if (p == key || p == end || *p != '=')
			break;
		at[l->n][0] = l->text.len;
		er = buf_put(&l->text, key, (size_t)(p - key));
		at[l->n][1] = l->text.len;
		p++;
		if (er == ERR_OK)
			er = append_decoded(&l->text, &p, end);
		at[l->n][2] = l->text.len;
		if (p == end || *p != ' ') {
			l->n++;
			break;
		}
		p++;
	}
	for (i = 0; i < l->n; i++) {
		l->pair[i].key = (struct slice){ l->text.p + at[i][0], at[i][1] - at[i][0] };
		l->pair[i].value = (struct slice){ l->text.p + at[i][1], at[i][2] - at[i][1] };
	}
	return er;
}

/* The line's own time, or that of who kept it. */
static int64_t
time_of(const struct log_line *l, struct slice before, int64_t stamp_ms, int64_t newest_ms)
{
	const struct slice	 own = log_line_get(l, "time");
	const char		*p = own.p;
	int64_t			 ms;
	bool			 time;

	if (p != NULL && read_stamp(&ms, &time, &p, own.p + own.len) && time)
		return ms;
	if (stamp_ms != -1)
		return stamp_ms;
	p = before.p;
	if (read_stamp(&ms, &time, &p, before.p + before.len) && time)
		return ms;
	return read_syslog_stamp(&ms, before.p, before.p + before.len, newest_ms) ? ms : -1;
}

bool
log_line_parse(struct log_line *l, struct slice raw, int64_t stamp_ms, int64_t newest_ms)
{
	const char	*start = raw.len == 0 ? NULL : find_start(raw);
	struct buf	 plain = { 0 };
	struct slice	 text;
	enum error	 er = ERR_OK;

	if (start == NULL)
		return false;
	text = (struct slice){ start, (size_t)(raw.p + raw.len - start) };
	while (text.len != 0 && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.len--;
	if (*raw.p == '[' && (er = unescape_line(&plain, text)) == ERR_OK)
		text = buf_slice(&plain);
	buf_reset(&l->text);
	if (er == ERR_OK)
		er = read_pairs(l, text);
	l->time_ms = er != ERR_OK ? -1 : time_of(l, (struct slice){ raw.p,
	    (size_t)(start - raw.p) }, stamp_ms, newest_ms);
	buf_free(&plain);
	return er == ERR_OK;
}

void
log_line_free(struct log_line *l)
{
	buf_free(&l->text);
	l->n = 0;
}

struct slice
log_line_get(const struct log_line *l, const char *key)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		if (slice_is(l->pair[i].key, key))
			return l->pair[i].value;
	return (struct slice){ NULL, 0 };
}

bool
log_line_is_failure(const struct log_line *l)
{
	static const char *const	 verdicts[] = { "queued", "dead", "unsafe", "rejected" };
	const struct slice		 verdict = log_line_get(l, "verdict");
	const struct slice		 level = log_line_get(l, "level");
	size_t				 i;

	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (slice_is(verdict, verdicts[i]))
			return true;
	return log_line_get(l, "error").p != NULL || slice_is(level, "warning") ||
	    slice_is(level, "error");
}
