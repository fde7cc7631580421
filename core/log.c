#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"

enum {
	LOOK_MS		= 1000,		/* between two looks at the file's name */
	FILE_NAME	= 1056
};

/* What ends a line that was cut. */
static const char cut[] = "...";

static const int syslog_levels[LEVEL__MAX] = {
	[LEVEL_DEBUG] = LOG_DEBUG, [LEVEL_INFO] = LOG_INFO, [LEVEL_NOTICE] = LOG_NOTICE,
	[LEVEL_WARNING] = LOG_WARNING, [LEVEL_ERROR] = LOG_ERR,
};

/* Where lines go: set at start, before there are threads; the file behind fd may change. */
static struct {
	int		 fd;			/* -1: syslog */
	enum log_level	 least;
	char		 file[FILE_NAME];	/* "": none that could be renamed */
	struct stat	 st;			/* of the file that fd is: who looks has it */
	_Atomic int64_t	 look_ms;		/* monotonic; INT64_MAX: somebody looks */
} sink = { .fd = STDERR_FILENO };

static int
open_file(const char *file)
{
	return open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static bool
is_file(const char *target)
{
	return target != NULL && *target != '\0' && strcmp(target, "stderr") != 0;
}

int
log_open(const char *target)
{
	const char	*file = "";
	int		 fd = STDERR_FILENO;

	if (target != NULL && strcmp(target, "syslog") == 0) {
		openlog("qtoa", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		fd = -1;
	} else if (is_file(target)) {
		if ((fd = open_file(target)) == -1)
			return -1;
		file = fstat(fd, &sink.st) == 0 && strlen(target) < FILE_NAME ? target : "";
	}
	log_close();
	sink.fd = fd;
	(void)snprintf(sink.file, sizeof(sink.file), "%s", file);
	atomic_store(&sink.look_ms, clock_mono_ms() + LOOK_MS);
	return 0;
}

void
log_close(void)
{
	if (sink.fd == -1)
		closelog();
	else if (sink.fd != STDERR_FILENO)
		(void)close(sink.fd);
	sink.fd = STDERR_FILENO;
	sink.file[0] = '\0';
}

void
log_set_level(enum log_level least)
{
	sink.least = least;
}

bool
log_wants(enum log_level level)
{
	return level >= sink.least;
}

/*
 * The name leads to another file, or to none.  fd stays the same number, so that whoever is
 * about to write needs no lock: the line is in the one or the other.
 */
static void
follow_name(void)
{
	struct stat	 st;
	int		 fd;

	if (stat(sink.file, &st) == -1 ? errno != ENOENT :
	    !S_ISREG(st.st_mode) || file_is_same(&st, &sink.st))
		return;
	if ((fd = open_file(sink.file)) == -1)
		return;
	if (fstat(fd, &st) == 0 && dup2(fd, sink.fd) != -1) {
		(void)fcntl(sink.fd, F_SETFD, FD_CLOEXEC);
		sink.st = st;
	}
	(void)close(fd);
}

/* Now and then, one thread: has the file been rotated? */
static void
look(void)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 next_ms = atomic_load_explicit(&sink.look_ms, memory_order_relaxed);

	if (now_ms < next_ms ||
	    !atomic_compare_exchange_strong(&sink.look_ms, &next_ms, INT64_MAX))
		return;
	follow_name();
	atomic_store(&sink.look_ms, now_ms + LOOK_MS);
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
void
log_time(struct logline *l, const char *key, int64_t wall_ms)
{
	const int64_t	 last_ms = INT64_C(253402300799999);	/* four digits have no more */
	char		 stamp[] = "0000-00-00T00:00:00.000Z";
	int64_t		 ms = wall_ms < 0 ? 0 : wall_ms > last_ms ? last_ms : wall_ms;
	time_t		 s = (time_t)(ms / 1000);
	struct tm	 tm;

	(void)gmtime_r(&s, &tm);
	(void)decimal(stamp + 4, (uint64_t)tm.tm_year + 1900, 4);
	(void)decimal(stamp + 7, (uint64_t)tm.tm_mon + 1, 2);
	(void)decimal(stamp + 10, (uint64_t)tm.tm_mday, 2);
	(void)decimal(stamp + 13, (uint64_t)tm.tm_hour, 2);
	(void)decimal(stamp + 16, (uint64_t)tm.tm_min, 2);
	(void)decimal(stamp + 19, (uint64_t)tm.tm_sec, 2);
	(void)decimal(stamp + 23, (uint64_t)(ms % 1000), 3);
	put_key(l, key);
	put(l, stamp, sizeof(stamp) - 1);
}

void
log_begin(struct logline *l, enum log_level level, const char *what)
{
	l->level = level;
	l->len = 0;
	if (sink.fd != -1)	/* syslog stamps by itself */
		log_time(l, "time", clock_wall_ms());
	log_str(l, "level", error_level_names[level]);
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
	if (!log_wants(l->level))
		return;
	if (full(l)) {
		memcpy(l->text + l->len, cut, sizeof(cut) - 1);
		l->len += sizeof(cut) - 1;
	}
	if (sink.fd == -1) {
		syslog(syslog_levels[l->level], "%.*s", (int)l->len, l->text);
		return;
	}
	if (sink.file[0] != '\0')
		look();
	l->text[l->len++] = '\n';
	/* A log that cannot be written must not stop a message. */
	if (write(sink.fd, l->text, l->len) == -1)
		return;
}

void
log_msg(enum log_level level, const char *what, const char *fmt, ...)
{
	struct logline	 l;
	char		 text[512];
	va_list		 ap;
	int		 n;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - sizeof(cut), cut, sizeof(cut));
	log_begin(&l, level, what);
	log_str(&l, "msg", text);
	log_end(&l);
}
