#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log_reader.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json_flat.h"
#include "core/lang.h"
#include "core/number.h"

enum {
	FILE_NAME	= 1100,
	FILES_MAX	= 512,		/* rotated files of one name */
	CHUNK		= 65536,	/* bytes that are read at once; a longer line is left out */
	ARGS		= 16,
	JOURNAL_LINES	= 2000,		/* of the journal's end that depth 1 reads */
	CURSOR		= 512
};

/* Programs that unpack a rotated file to their standard output. */
static const struct {
	const char	*ending, *program;
} unpackers[] = {
	{ ".gz", "gzip" }, { ".xz", "xz" }, { ".bz2", "bzip2" }, { ".zst", "zstd" },
};

struct source_file {
	char		 name[FILE_NAME];
	int64_t		 age;		/* 0: the file itself; larger: rotated earlier */
	int64_t		 changed_ms;
	const char	*unpacker;	/* NULL: it is text */
};

struct log_reader {
	char			 file[FILE_NAME];	/* "": the journal */
	struct source_file	*files;		/* the newest first */
	int			 nfiles, at;	/* at: the file that is open */
	bool			 whole, following;
	int64_t			 asked, got;	/* lines of the journal */
	int			 fd;		/* -1: nothing is open */
	pid_t			 child;		/* that writes to fd; 0: there is no child */
	const char		*lacking;	/* an unpacker that PATH does not have; or NULL */
	int64_t			 newest_ms;	/* no line of what is open is newer */
	struct stat		 st;		/* of the file that is open */
	struct buf		 bytes;		/* that were read and not used yet */
	size_t			 used;		/* of them */
	bool			 skip;		/* the rest of a line that is too long */
	char			 cursor[CURSOR];	/* of the journal's last line */
	struct json_flat	 json;
};

struct log_reader *
log_reader_new(const char *file)
{
	struct log_reader	*r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	if ((r->files = calloc(FILES_MAX, sizeof(*r->files))) == NULL) {
		free(r);
		return NULL;
	}
	r->fd = -1;
	(void)snprintf(r->file, sizeof(r->file), "%s", file == NULL ? "" : file);
	return r;
}

static void
close_source(struct log_reader *r)
{
	if (r->fd != -1)
		(void)close(r->fd);
	r->fd = -1;
	if (r->child != 0) {
		(void)kill(r->child, SIGTERM);
		while (waitpid(r->child, NULL, 0) == -1 && errno == EINTR)
			;
		r->child = 0;
	}
	buf_reset(&r->bytes);
	r->used = 0;
	r->skip = false;
}

void
log_reader_free(struct log_reader *r)
{
	if (r == NULL)
		return;
	close_source(r);
	buf_free(&r->bytes);
	free(r->files);
	free(r);
}

const char *
log_reader_name(const struct log_reader *r)
{
	return *r->file == '\0' ? lang_text("the journal") : r->file;
}

const char *
log_reader_lacks(const struct log_reader *r)
{
	return r->lacking;
}

bool
log_reader_is_whole(const struct log_reader *r)
{
	return r->whole || (*r->file == '\0' && r->got < r->asked);
}

/*
 * Children.
 */

/* Runs a program from PATH whose standard output r reads; in_fd: its standard input. */
static bool
run_child(struct log_reader *r, int in_fd, const char *const args[ARGS])
{
	int	 pipe_fd[2], null;
	pid_t	 pid;

	if (pipe(pipe_fd) == -1)
		return false;
	(void)fflush(stdout);
	if ((pid = fork()) == 0) {
		null = open("/dev/null", O_RDWR);
		(void)dup2(in_fd == -1 ? null : in_fd, STDIN_FILENO);
		(void)dup2(pipe_fd[1], STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		(void)close(pipe_fd[0]);
		(void)close(pipe_fd[1]);
		(void)execvp(args[0], (char *const *)(const void *)args);
		_exit(127);
	}
	(void)close(pipe_fd[1]);
	if (pid == -1) {
		(void)close(pipe_fd[0]);
		return false;
	}
	(void)fcntl(pipe_fd[0], F_SETFD, FD_CLOEXEC);
	r->fd = pipe_fd[0];
	r->child = pid;
	return true;
}

/* True: PATH leads to such a program. */
static bool
has_program(const char *name)
{
	const char	*path = getenv("PATH");
	char		 file[FILE_NAME];
	size_t		 len;

	for (path = path == NULL ? "/usr/bin:/bin" : path; *path != '\0'; path += len) {
		len = strcspn(path, ":");
		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);
		if (access(file, X_OK) == 0)
			return true;
		len += path[len] == ':';
	}
	return false;
}

bool
log_reader_has_journal(void)
{
	return has_program("journalctl");
}

/*
 * Files.
 */

/* Reads what follows the log's name: ".1", ".2.gz", "-20261122".  False: it is something else. */
static bool
read_rotation(struct source_file *f, const char *rest)
{
	const size_t	 digits = *rest == '\0' ? 0 : strspn(rest + 1, "0123456789-");
	int64_t		 number = 0;
	size_t		 i;

	if ((*rest != '.' && *rest != '-') || digits == 0 || digits > 16)
		return false;
	for (i = 1; i <= digits; i++)
		if (isdigit((unsigned char)rest[i]))
			number = number * 10 + (rest[i] - '0');
	/* A larger number is an older file; but a date that is larger is a newer one. */
	f->age = digits < 6 ? number : NUMBER_BOUND - number;
	rest += 1 + digits;
	f->unpacker = NULL;
	for (i = 0; i < sizeof(unpackers) / sizeof(unpackers[0]); i++)
		if (strcmp(rest, unpackers[i].ending) == 0)
			f->unpacker = unpackers[i].program;
	return *rest == '\0' || f->unpacker != NULL;
}

/* The same for a name whose date stands before its ending: qtoa-20261122.log of qtoa.log. */
static bool
read_dated_rotation(struct source_file *f, const char *name, const char *base)
{
	const char	*dot = strrchr(base, '.');
	const size_t	 stem = dot == NULL ? 0 : (size_t)(dot - base);
	char		 rest[64];
	size_t		 digits;

	if (dot == NULL || strncmp(name, base, stem) != 0 || name[stem] != '-')
		return false;
	digits = 1 + strspn(name + stem + 1, "0123456789-");
	if (digits < 7 || strncmp(name + stem + digits, dot, strlen(dot)) != 0)
		return false;
	(void)snprintf(rest, sizeof(rest), "%.*s%s", (int)(digits < 20 ? digits : 20), name + stem,
	    name + stem + digits + strlen(dot));
	return read_rotation(f, rest);
}

static int
compare_files(const void *a, const void *b)
{
	const struct source_file	*x = a, *y = b;

	return x->age < y->age ? -1 : x->age > y->age;
}

static void
add_file(struct log_reader *r, const struct source_file *f, const char *dir, int len,
    const char *name)
{
	struct source_file	*to = &r->files[r->nfiles];
	struct stat		 st;

	if (r->nfiles == FILES_MAX)
		return;
	*to = *f;
	(void)snprintf(to->name, sizeof(to->name), "%.*s%s", len, dir, name);
	if (stat(to->name, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	to->changed_ms = (int64_t)st.st_mtime * 1000 + 999;
	r->nfiles++;
}

/* Lists the file and its predecessors, the newest first. */
static void
list_files(struct log_reader *r)
{
	const char		*slash = strrchr(r->file, '/');
	const char		*base = slash == NULL ? r->file : slash + 1;
	const int		 len = (int)(base - r->file);
	struct source_file	 f = { .age = 0 };
	char			 dir[FILE_NAME];
	struct dirent		*e;
	DIR			*d;

	r->nfiles = 0;
	add_file(r, &f, r->file, len, base);
	(void)snprintf(dir, sizeof(dir), "%.*s", len, r->file);
	if ((d = opendir(len == 0 ? "." : dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if ((strncmp(e->d_name, base, strlen(base)) == 0 &&
		    read_rotation(&f, e->d_name + strlen(base))) ||
		    read_dated_rotation(&f, e->d_name, base))
			add_file(r, &f, r->file, len, e->d_name);
	(void)closedir(d);
	qsort(r->files, (size_t)r->nfiles, sizeof(*r->files), compare_files);
}

static bool
open_source(struct log_reader *r, const struct source_file *f)
{
	const char	*args[ARGS] = { f->unpacker, "-dc", NULL };
	int		 fd = open(f->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool		 ok;

	if (fd == -1)
		return false;
	(void)fstat(fd, &r->st);
	r->newest_ms = f->changed_ms;
	if (f->unpacker == NULL) {
		r->fd = fd;
		return true;
	}
	if (!has_program(f->unpacker)) {
		r->lacking = f->unpacker;
		errno = ENOENT;
		ok = false;
	} else
		ok = run_child(r, fd, args);
	(void)close(fd);
	return ok;
}

static bool
open_files(struct log_reader *r, int64_t since_ms, int depth, char why[LOG_READER_WHY])
{
	int	 last;

	list_files(r);
	if (r->nfiles == 0 || (r->files[0].age == 0 && access(r->files[0].name, R_OK) == -1)) {
		(void)snprintf(why, LOG_READER_WHY, "%s: %s", r->file, access(r->file, R_OK) == 0 ?
		    lang_text("is not a file, so that nothing can be read from it") :
		    lang_errno(errno));
		return false;
	}
	for (last = 0; last + 1 < r->nfiles && (depth == 0 || last + 1 < depth) &&
	    r->files[last + 1].changed_ms >= since_ms; last++)
		;
	r->whole = last + 1 == r->nfiles || r->files[last + 1].changed_ms < since_ms;
	for (r->at = last; r->at >= 0; r->at--)
		if (open_source(r, &r->files[r->at]))
			return true;
	if (r->lacking != NULL)
		(void)snprintf(why, LOG_READER_WHY, lang_text("%s: there are only packed files, "
		    "and no %s in PATH; install %s"), r->file, r->lacking, r->lacking);
	else
		(void)snprintf(why, LOG_READER_WHY, "%s: %s", r->file, strerror(errno));
	return false;
}

/*
 * The journal.
 */

static bool
open_journal(struct log_reader *r, int64_t since_ms, int depth)
{
	/* The lines of a program that lighttpd has started are there under lighttpd's name. */
	const char	*args[ARGS] = {
		"journalctl", "-q", "--no-pager", "-o", "json", "-t", "qtoa", "-t", "lighttpd", NULL
	};
	char		 since[40], lines[40], cursor[CURSOR + 32];
	int		 n = 9;

	if (since_ms >= 0 && !r->following) {
		(void)snprintf(since, sizeof(since), "--since=@%lld", (long long)(since_ms / 1000));
		args[n++] = since;
	}
	if (r->following) {
		(void)snprintf(cursor, sizeof(cursor), "--after-cursor=%s", r->cursor);
		args[n++] = "-f";
		args[n++] = *r->cursor != '\0' ? "--lines=all" : "--lines=0";
		if (*r->cursor != '\0')
			args[n++] = cursor;
	} else if (depth != 0) {
		r->asked = (int64_t)JOURNAL_LINES * depth * depth;
		(void)snprintf(lines, sizeof(lines), "--lines=%lld", (long long)r->asked);
		args[n++] = lines;
	}
	r->whole = depth == 0;
	r->got = 0;
	r->newest_ms = INT64_MAX;
	return run_child(r, -1, args);
}

bool
log_reader_open(struct log_reader *r, int64_t since_ms, int depth, char why[LOG_READER_WHY])
{
	close_source(r);
	r->following = false;
	if (*r->file != '\0')
		return open_files(r, since_ms, depth, why);
	errno = ENOENT;
	if (log_reader_has_journal() && open_journal(r, since_ms, depth))
		return true;
	(void)snprintf(why, LOG_READER_WHY, "journalctl: %s", strerror(errno));
	return false;
}

/*
 * Lines.
 */

/* Reads more bytes.  False: there are no more now. */
static bool
read_more(struct log_reader *r)
{
	ssize_t	 n;

	if (r->used != 0) {
		memmove(r->bytes.p, r->bytes.p + r->used, r->bytes.len - r->used);
		r->bytes.len -= r->used;
		r->used = 0;
	}
	if (r->bytes.len >= CHUNK) {
		r->bytes.len = 0;
		r->skip = true;
	}
	if (r->fd == -1 || buf_reserve(&r->bytes, CHUNK) != ERR_OK)
		return false;
	while ((n = read(r->fd, r->bytes.p + r->bytes.len, CHUNK)) == -1 && errno == EINTR &&
	    !r->following)
		;
	if (n > 0)
		r->bytes.len += (size_t)n;
	return n > 0;
}

/* Takes the next line.  last: also one without a line end. */
static bool
take_line(struct log_reader *r, struct slice *line, bool last)
{
	const char	*p, *end;

	for (;;) {
		p = r->bytes.p + r->used;
		end = r->bytes.len == r->used ? NULL : memchr(p, '\n', r->bytes.len - r->used);
		if (end == NULL && !(last && r->bytes.len != r->used))
			return false;
		*line = (struct slice){ p, end == NULL ? r->bytes.len - r->used :
		    (size_t)(end - p) };
		r->used += line->len + (end != NULL);
		if (!r->skip)
			return true;
		r->skip = false;
	}
}

static struct slice
find_member(const struct json_flat *j, const char *name)
{
	size_t	 i;

	for (i = 0; i < j->n; i++)
		if (slice_is(j->v[i].name, name))
			return j->v[i].value;
	return (struct slice){ NULL, 0 };
}

/* A line of journalctl -o json, which is changed. */
static bool
parse_entry(struct log_reader *r, struct log_line *l, struct slice line)
{
	const size_t	 at = (size_t)(line.p - r->bytes.p);
	struct slice	 message, cursor;
	int64_t		 stamp_us = -1;

	r->got++;
	if (!json_flat_read(&r->json, r->bytes.p + at, line.len))
		return false;
	message = find_member(&r->json, "MESSAGE");
	cursor = find_member(&r->json, "__CURSOR");
	(void)number_parse(&stamp_us, find_member(&r->json, "__REALTIME_TIMESTAMP"));
	if (cursor.len < CURSOR)
		(void)snprintf(r->cursor, CURSOR, "%.*s", (int)cursor.len,
		    cursor.p == NULL ? "" : cursor.p);
	return message.p != NULL && log_line_parse(l, message, stamp_us < 0 ? -1 : stamp_us / 1000,
	    clock_wall_ms());
}

/* Goes on with the next newer file.  False: this was the newest one. */
static bool
open_next(struct log_reader *r)
{
	if (r->following || *r->file == '\0')
		return false;
	while (r->at > 0) {
		close_source(r);
		if (open_source(r, &r->files[--r->at]))
			return true;
	}
	return false;
}

/* The file was rotated, or cut short. */
static bool
reopen_source(struct log_reader *r)
{
	struct source_file	 f = { .changed_ms = INT64_MAX };
	struct stat		 st;

	if (*r->file == '\0')
		return false;
	if (r->fd != -1 && fstat(r->fd, &st) == 0 && file_is_at(r->file, &st)) {
		if (st.st_size >= lseek(r->fd, 0, SEEK_CUR))
			return false;
		buf_reset(&r->bytes);
		r->used = 0;
		return lseek(r->fd, 0, SEEK_SET) == 0;
	}
	if (stat(r->file, &st) == -1)
		return false;
	if (r->fd != -1 && read_more(r))	/* what came to the old one since the last look */
		return true;
	close_source(r);
	(void)snprintf(f.name, sizeof(f.name), "%s", r->file);
	return open_source(r, &f);
}

bool
log_reader_next(struct log_reader *r, struct log_line *l)
{
	struct slice	 line;
	bool		 last = false, found;

	for (;;) {
		if (take_line(r, &line, last)) {
			found = *r->file == '\0' ? parse_entry(r, l, line) :
			    log_line_parse(l, line, -1,
			    r->newest_ms == INT64_MAX ? clock_wall_ms() : r->newest_ms);
			if (found)
				return true;
		} else if (read_more(r))
			last = false;
		else if (r->following) {
			if (!reopen_source(r))
				return false;
		} else if (!last && *r->file != '\0')
			last = true;
		else if (!open_next(r))
			return false;
		else
			last = false;
	}
}

void
log_reader_follow(struct log_reader *r)
{
	r->following = true;
	if (*r->file != '\0')
		return;
	close_source(r);
	if (open_journal(r, -1, 0))
		(void)fcntl(r->fd, F_SETFL, O_NONBLOCK);
}

void
log_reader_wait(struct log_reader *r, int ms)
{
	struct pollfd	 p = { r->child != 0 ? r->fd : -1, POLLIN, 0 };

	(void)poll(&p, 1, ms);
	if ((p.revents & (POLLHUP | POLLIN)) == POLLHUP)	/* the child has ended */
		close_source(r);
}
