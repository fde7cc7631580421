#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/term.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/number.h"
#include "core/utf8.h"

enum {
	WIDTH	= 80,	/* columns and lines of a terminal that does not tell its size */
	HEIGHT	= 24,
	WIDE	= 10000, /* columns that COLUMNS may say */
	BAR_MAX	= 40,	/* columns of a bar */
	BAR_MIN	= 10,	/* columns that are left for a bar where more text stands behind it */
	BAR_MS	= 100,	/* between two drawings of a bar */
	TEXT	= 160,
	WHOLE	= 1000	/* parts of a bar */
};

static int
terminal_size_of(int fd, bool lines)
{
	struct winsize	 size = { 0 };
	int		 n;

	if (!isatty(fd))
		return 0;
	(void)ioctl(fd, TIOCGWINSZ, &size);	/* if it fails, size stays 0 */
	n = lines ? size.ws_row : size.ws_col;
	return n != 0 ? n : lines ? HEIGHT : WIDTH;
}

int
term_width(int fd)
{
	return terminal_size_of(fd, false);
}

int
term_height(int fd)
{
	return terminal_size_of(fd, true);
}

int
term_columns(int fd)
{
	const char	*text = getenv("COLUMNS");
	int64_t		 columns;

	if (isatty(fd) && text != NULL && number_parse(&columns, slice_of(text)) &&
	    columns > 0 && columns <= WIDE)
		return (int)columns;
	return term_width(fd);
}

bool
term_has_colours(int fd)
{
	const char	*term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fd) && (no == NULL || *no == '\0') && term != NULL && *term != '\0' &&
	    strcmp(term, "dumb") != 0;
}

enum error
term_blanks(struct buf *out, int n)
{
	enum error	 er = ERR_OK;

	while (n-- > 0 && er == ERR_OK)
		er = buf_putc(out, ' ');
	return er;
}

void
term_bar(int width, int64_t done, int64_t total, const char *text)
{
	struct buf	 line = { 0 };
	char		 bar[BAR_MAX + 1];
	int		 columns = format_columns(slice_of(text));
	int		 room = width - 1 - columns - 3;	/* two brackets and a blank */

	if (width == 0)
		return;
	if (room > BAR_MAX)
		room = BAR_MAX;
	if (room < 3) {
		term_wipe(width);
		if (format_line(&line, NULL, slice_of(text), width - 1) == ERR_OK)
			(void)printf("%.*s", (int)line.len, line.p);
		buf_free(&line);
	} else {
		if (done > total)
			done = total;
		memset(bar, '.', (size_t)room);
		memset(bar, '#', (size_t)(done * room / (total == 0 ? 1 : total)));
		(void)printf("\r[%.*s] %s%*s", room, bar, text, width - 1 - room - 3 - columns, "");
	}
	(void)fflush(stdout);
}

void
term_wipe(int width)
{
	if (width != 0)
		(void)printf("\r%*s\r", width - 1, "");
}

bool
term_progress_due(const struct term_progress *p, int64_t done, int64_t total)
{
	return p->width != 0 && (clock_mono_ms() >= p->drawn_ms + BAR_MS || done >= total);
}

/* Writes what is left, and how long it takes if it goes on as it went so far. */
static void
write_left(char *text, size_t size, const struct term_progress *p, int64_t done, int64_t total)
{
	const int64_t	 ms = p->drawn_ms - p->begin_ms;
	char		 span[FORMAT_SPAN];

	if (done <= 0 || done >= total || ms / 1000 > INT64_MAX / 1000 / total) {
		(void)snprintf(text, size, lang_text(", %lld left"), (long long)(total - done));
		return;
	}
	format_span(span, ms * (total - done) / done + 999);
	(void)snprintf(text, size, lang_text(", %lld left, %s"), (long long)(total - done), span);
}

void
term_progress_draw(struct term_progress *p, int64_t done, int64_t total, const char *text)
{
	char	 line[TEXT], left[TEXT / 2];
	int64_t	 part;

	if (done > total)
		done = total;
	part = total == 0 ? 0 : done * WHOLE / total;
	if (part > p->most)
		p->most = part;
	p->drawn_ms = clock_mono_ms();
	write_left(left, sizeof(left), p, done, total);
	if (format_columns(slice_of(text)) + format_columns(slice_of(left)) + BAR_MIN + 4 >
	    p->width)
		*left = '\0';
	(void)snprintf(line, sizeof(line), "%s%s", text, left);
	term_bar(p->width, p->most, WHOLE, line);
}

void
term_time(char text[TERM_TIME], int64_t time_s)
{
	const unsigned	 s = (unsigned)calendar_second_of_day(time_s);
	char		 day[CALENDAR_DAY_TEXT];

	calendar_day_text(day, calendar_day_at(time_s));
	*text = '\0';
	if (*day != '\0')
		(void)snprintf(text, TERM_TIME, "%s %02u:%02u:%02u", day, s / 3600 % 24,
		    s / 60 % 60, s % 60);
}
