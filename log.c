#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

/* What ends a line that was cut. */
static const char cut[] = "...";

static const struct {
	const char	*name;
	int		 syslog;
} levels[LEVEL__MAX] = {
	[LEVEL_DEBUG]	= { "debug", LOG_DEBUG },
	[LEVEL_INFO]	= { "info", LOG_INFO },
	[LEVEL_NOTICE]	= { "notice", LOG_NOTICE },
	[LEVEL_WARNING]	= { "warning", LOG_WARNING },
	[LEVEL_ERROR]	= { "error", LOG_ERR },
};

/* Where lines go: set once at start, before there are threads.  -1: syslog. */
static int log_fd = STDERR_FILENO;

int
log_open(const char *target)
{
	int	 fd = STDERR_FILENO;

	if (target != NULL && strcmp(target, "syslog") == 0) {
		openlog("qtoa", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		fd = -1;
	} else if (target != NULL && *target != '\0' && strcmp(target, "stderr") != 0 &&
	    (fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)) == -1)
		return -1;
	log_close();
	log_fd = fd;
	return 0;
}

void
log_close(void)
{
	if (log_fd == -1)
		closelog();
	else if (log_fd != STDERR_FILENO)
		(void)close(log_fd);
	log_fd = STDERR_FILENO;
}

/* Room is kept for the cut mark and the line end. */
static void
put(struct logline *l, const char *s, size_t len)
{
	size_t	 room = sizeof(l->text) - sizeof(cut) - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->text + l->len, s, len);
	l->len += len;
}

static bool
full(const struct logline *l)
{
	return l->len == sizeof(l->text) - sizeof(cut) - 1;
}

static void
put_key(struct logline *l, const char *key)
{
	if (l->len != 0)
		put(l, " ", 1);
	put(l, key, strlen(key));
	put(l, "=", 1);
}

/* n in decimal, at least `width` digits, up to `end`: where it begins. */
static char *
decimal(char *end, uint64_t n, int width)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
	} while (--width > 0 || n != 0);
	return end;
}

/* A line a request: printf and strftime would be a quarter of what a line costs. */
static void
put_stamp(struct logline *l)
{
	char		 stamp[] = "0000-00-00T00:00:00.000Z";
	int64_t		 now = clock_wall_ms();
	time_t		 s = (time_t)(now / 1000);
	struct tm	 tm;

	(void)gmtime_r(&s, &tm);
	(void)decimal(stamp + 4, (uint64_t)tm.tm_year + 1900, 4);
	(void)decimal(stamp + 7, (uint64_t)tm.tm_mon + 1, 2);
	(void)decimal(stamp + 10, (uint64_t)tm.tm_mday, 2);
	(void)decimal(stamp + 13, (uint64_t)tm.tm_hour, 2);
	(void)decimal(stamp + 16, (uint64_t)tm.tm_min, 2);
	(void)decimal(stamp + 19, (uint64_t)tm.tm_sec, 2);
	(void)decimal(stamp + 23, (uint64_t)(now % 1000), 3);
	put_key(l, "time");
	put(l, stamp, sizeof(stamp) - 1);
}

void
log_begin(struct logline *l, enum log_level level, const char *what)
{
	l->level = level;
	l->len = 0;
	if (log_fd != -1)	/* syslog stamps by itself */
		put_stamp(l);
	log_str(l, "level", levels[level].name);
	log_str(l, "what", what);
}

void
log_str(struct logline *l, const char *key, const char *value)
{
	log_bytes(l, key, slice_of(value == NULL ? "" : value));
}

/* A value is quoted where a reader that splits at blanks would go wrong. */
static bool
plain(struct slice v)
{
	size_t	 i;

	for (i = 0; i < v.len; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || v.p[i] == '"' || v.p[i] == '=' ||
		    v.p[i] == '\\')
			return false;
	return v.len != 0;
}

static void
put_escaped(struct logline *l, unsigned char c)
{
	char	 hex[5];

	if (c == '"' || c == '\\') {
		put(l, "\\", 1);
		put(l, (const char *)&c, 1);
	} else if (c >= ' ' && c < 0x7f) {
		put(l, (const char *)&c, 1);
	} else {
		(void)snprintf(hex, sizeof(hex), "\\x%02x", c);
		put(l, hex, 4);
	}
}

void
log_bytes(struct logline *l, const char *key, struct slice value)
{
	size_t	 i;

	put_key(l, key);
	if (plain(value)) {
		put(l, value.p, value.len);
		return;
	}
	put(l, "\"", 1);
	for (i = 0; i < value.len && !full(l); i++)
		put_escaped(l, (unsigned char)value.p[i]);
	put(l, "\"", 1);
}

void
log_int(struct logline *l, const char *key, int64_t value)
{
	char	 text[24], *end = text + sizeof(text);
	char	*p = decimal(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);

	if (value < 0)
		*--p = '-';
	put_key(l, key);
	put(l, p, (size_t)(end - p));
}

void
log_end(struct logline *l)
{
	if (full(l)) {
		memcpy(l->text + l->len, cut, sizeof(cut) - 1);
		l->len += sizeof(cut) - 1;
	}
	if (log_fd == -1) {
		syslog(levels[l->level].syslog, "%.*s", (int)l->len, l->text);
		return;
	}
	l->text[l->len++] = '\n';
	/* A log that cannot be written must not stop a message. */
	if (write(log_fd, l->text, l->len) == -1)
		return;
}

void
log_msg(enum log_level level, const char *what, const char *fmt, ...)
{
	struct logline	 l;
	char		 text[512];
	va_list		 ap;
	int		 n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - sizeof(cut), cut, sizeof(cut));
	log_begin(&l, level, what);
	log_str(&l, "msg", text);
	log_end(&l);
}
