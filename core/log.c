#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/log_target.h"
#include "core/number.h"
#include "core/utf8.h"

enum {
	LOOK_MS		= 1000,		/* between two looks whether the file was rotated */
	FILE_NAME	= 1056		/* longest name of a file, with its NUL */
};

/* The mark at the end of a line that was cut. */
static const char cut_mark[] = "...";

static const int syslog_levels[LEVEL__MAX] = {
	[LEVEL_DEBUG] = LOG_DEBUG, [LEVEL_INFO] = LOG_INFO, [LEVEL_NOTICE] = LOG_NOTICE,
	[LEVEL_WARNING] = LOG_WARNING, [LEVEL_ERROR] = LOG_ERR,
};

/* Where lines go.  It is set before there are threads; later only the file behind fd changes. */
static struct {
	int		 fd;			/* -1: syslog */
	enum log_level	 least;
	char		 file[FILE_NAME];	/* the log's name; "": it is not a file */
	struct stat	 st;			/* of the file fd; only for the thread that looks */
	_Atomic int64_t	 look_ms;		/* of the next look; INT64_MAX: a thread looks */
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
	int		 fd = STDERR_FILENO, leads;

	if (target != NULL && strcmp(target, "syslog") == 0) {
		openlog("qtoa", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		fd = -1;
	} else if (is_file(target)) {
		leads = log_target_descriptor(target);
		if (leads == STDIN_FILENO || leads == STDOUT_FILENO ||
		    (fd = open_file(target)) == -1)
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

/* Every LOOK_MS one thread looks whether the file was rotated. */
static void
check_rotation(void)
{
	const int64_t	 now_ms = clock_mono_ms();
	int64_t		 next_ms = atomic_load_explicit(&sink.look_ms, memory_order_relaxed);

	if (now_ms < next_ms ||
	    !atomic_compare_exchange_strong(&sink.look_ms, &next_ms, INT64_MAX))
		return;
	follow_name();
	atomic_store(&sink.look_ms, now_ms + LOOK_MS);
}

/*
 * Appends as many whole characters as have room, but leaves room for the mark of a cut and the line
 * end.  Nothing is appended behind a cut.
 */
static void
append_text(struct logline *l, const char *s, size_t len)
{
	const size_t	 room = sizeof(l->text) - sizeof(cut_mark) - 1 - l->len;

	if (l->cut)
		return;
	l->cut = len > room;
	len = utf8_cut((struct slice){ s, len }, room);
	memcpy(l->text + l->len, s, len);
	l->len += len;
}

static void
append_key(struct logline *l, const char *key)
{
	if (l->len != 0)
		append_text(l, " ", 1);
	append_text(l, key, strlen(key));
	append_text(l, "=", 1);
}

/*
 * Each request writes a line; strftime would take a tenth of its time.  gmtime_r has a lock for all
 * threads, and reads the file of the host's time zone first.
 */
void
log_time(struct logline *l, const char *key, int64_t wall_ms)
{
	const int64_t	 last_ms = INT64_C(253402300799999);	/* 9999-12-31 */
	char		 stamp[] = "0000-00-00T00:00:00.000Z";
	int64_t		 ms = wall_ms < 0 ? 0 : wall_ms > last_ms ? last_ms : wall_ms;
	const int64_t	 utc_s = ms / 1000 - CALENDAR_CHINA_S;
	const uint64_t	 s = (uint64_t)calendar_second_of_day(utc_s);

	calendar_day_text(stamp, calendar_day_at(utc_s));
	stamp[CALENDAR_DAY_TEXT - 1] = 'T';
	(void)number_write(stamp + 13, s / 3600, 2);
	(void)number_write(stamp + 16, s / 60 % 60, 2);
	(void)number_write(stamp + 19, s % 60, 2);
	(void)number_write(stamp + 23, (uint64_t)(ms % 1000), 3);
	append_key(l, key);
	append_text(l, stamp, sizeof(stamp) - 1);
}

void
log_begin(struct logline *l, enum log_level level, const char *what)
{
	l->level = level;
	l->len = 0;
	l->cut = false;
	if (sink.fd != -1)	/* syslog adds the time itself */
		log_time(l, "time", clock_wall_ms());
	log_str(l, "level", error_level_names[level]);
	log_str(l, "what", what);
}

void
log_str(struct logline *l, const char *key, const char *value)
{
	log_bytes(l, key, slice_of(value == NULL ? "" : value));
}

/* False: the value needs quotes, so that a reader can split the line at blanks. */
static bool
is_plain(struct slice v)
{
	const char	*p = v.p, *end = p + v.len;
	uint32_t	 cp;
	bool		 valid;

	while (p != end) {
		if (*p > ' ' && *p < 0x7f) {	/* ASCII: the usual case */
			if (*p == '"' || *p == '=' || *p == '\\')
				return false;
			p++;
			continue;
		}
		cp = utf8_next(&p, end, &valid);
		if (!valid || utf8_columns(cp) == -1 || utf8_is_space(cp))
			return false;
	}
	return v.len != 0;
}

/* Appends the bytes from..end, of one character that is not printable, or not UTF-8. */
static void
append_hex(struct logline *l, const char *from, const char *end)
{
	char	 hex[5];

	for (; from != end; from++) {
		(void)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)*from);
		append_text(l, hex, 4);
	}
}

static void
append_quoted(struct logline *l, struct slice v)
{
	const char	*p = v.p, *end = p + v.len, *from;

	append_text(l, "\"", 1);
	while (p != end && !l->cut) {
		from = p;
		if (!utf8_skip_printable(&p, end)) {
			append_hex(l, from, p);
			continue;
		}
		if (*from == '"' || *from == '\\')
			append_text(l, "\\", 1);
		append_text(l, from, (size_t)(p - from));
	}
	append_text(l, "\"", 1);
}

void
log_bytes(struct logline *l, const char *key, struct slice value)
{
	append_key(l, key);
	if (is_plain(value))
		append_text(l, value.p, value.len);
	else
		append_quoted(l, value);
}

void
log_int(struct logline *l, const char *key, int64_t value)
{
	char	 text[24], *end = text + sizeof(text);
	char	*p = number_write(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);

	if (value < 0)
		*--p = '-';
	append_key(l, key);
	append_text(l, p, (size_t)(end - p));
}

void
log_end(struct logline *l)
{
	if (!log_wants(l->level))
		return;
	if (l->cut) {
		memcpy(l->text + l->len, cut_mark, sizeof(cut_mark) - 1);
		l->len += sizeof(cut_mark) - 1;
	}
	if (sink.fd == -1) {
		syslog(syslog_levels[l->level], "%.*s", (int)l->len, l->text);
		return;
	}
	if (sink.file[0] != '\0')
		check_rotation();
	l->text[l->len++] = '\n';
	/* A log that cannot be written must not stop a message: the line is lost. */
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
		memcpy(text + utf8_cut(slice_of(text), sizeof(text) - sizeof(cut_mark)), cut_mark,
		    sizeof(cut_mark));
	log_begin(&l, level, what);
	log_str(&l, "msg", text);
	log_end(&l);
}
