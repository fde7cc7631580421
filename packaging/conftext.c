/*
 * conftext.c: the build runs it with the name of the configuration file, before the compiler: it
 * fails if the file cannot be read or is not text in UTF-8.  Of bytes that are not UTF-8 it warns:
 * in a comment they do no harm.
 *
 * With the name of a second file, which has what the compiler said, it explains why the compiler
 * has refused the configuration file: one line with the file, the line and what to write.  If it
 * cannot, it prints the compiler's first error.  It fails then in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/utf8.h"
#include "packaging/conf_mistake.h"

enum { TEXT_MAX = 4 << 20, LINE_MAX_LEN = 512 };

struct text {
	char	*p;
	size_t	 len;
};

static bool
complain_file(const char *file, const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", file, what);
	return false;
}

static bool
complain_open(const char *file)
{
	char	 what[160];

	if (errno == ENOENT || errno == ENOTDIR)
		return complain_file(file, "there is no such file; copy config.h of qtoa to it, or "
		    "name yours: make CONFIG=/path/my.h");
	(void)snprintf(what, sizeof(what), "cannot be read: %s; run make as the user who may, or "
	    "as root: chown or chmod", strerror(errno));
	return complain_file(file, what);
}

/* Reads a file; p is the caller's.  False: stderr says what is wrong with it. */
static bool
read_text(struct text *t, const char *file)
{
	struct stat	 st;
	ssize_t		 n = -1;
	int		 fd;
	bool		 good = false;

	*t = (struct text){ malloc(TEXT_MAX), 0 };
	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) == -1)
		return complain_open(file);
	if (t->p == NULL || fstat(fd, &st) == -1)
		(void)complain_file(file, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		(void)complain_file(file, "is a directory; name the file in it: "
		    "make CONFIG=/path/my.h");
	else if (!S_ISREG(st.st_mode))
		(void)complain_file(file, "is not a regular file; name one: "
		    "make CONFIG=/path/my.h");
	else {
		while (t->len < TEXT_MAX &&
		    (n = read(fd, t->p + t->len, TEXT_MAX - t->len)) > 0)
			t->len += (size_t)n;
		good = n == 0 || (n == -1 && complain_open(file)) ||
		    (n > 0 && complain_file(file, "is larger than 4 MiB; is it the right file?"));
	}
	(void)close(fd);
	return good;
}

static bool
is_utf16(const struct text *t)
{
	return t->len >= 2 && (memcmp(t->p, "\xFF\xFE", 2) == 0 ||
	    memcmp(t->p, "\xFE\xFF", 2) == 0 || (t->p[0] == '\0') != (t->p[1] == '\0'));
}

/* Warns of the first bytes that are not UTF-8. */
static void
warn_of_bytes(const struct text *t, const char *file)
{
	const char	*p = t->p, *end = p + t->len;
	bool		 valid = true;
	int		 line = 1;

	while (p != end && valid) {
		line += *p == '\n';
		(void)utf8_next(&p, end, &valid);
	}
	if (!valid)
		(void)fprintf(stderr, "%s:%d: warning: not UTF-8: Chinese names become unreadable; "
		    "save the file as UTF-8, or run: iconv -f GBK -t UTF-8\n", file, line);
}

static void
warn_of_comma(const struct text *t, const char *file)
{
	int	 column = 0;
	int	 line = conf_mistake_comma(&column, (struct slice){ t->p, t->len });

	if (line != 0)
		(void)fprintf(stderr, "%s:%d:%d: warning: a comma inside of a number; write the "
		    "number without commas\n", file, line, column);
}

static bool
check_bytes(const struct text *t, const char *file)
{
	size_t	 i;

	if (is_utf16(t))
		return complain_file(file, "is UTF-16, which Notepad of Windows calls Unicode; save "
		    "it as UTF-8");
	if (t->len != 0 && memchr(t->p, '\0', t->len) != NULL)
		return complain_file(file, "is not text, it has a NUL byte; is it the right file?");
	for (i = 0; i < t->len && strchr(" \t\r\n\xEF\xBB\xBF", t->p[i]) != NULL; i++)
		;
	if (i == t->len)
		return complain_file(file, "is empty; copy config.h of qtoa and fill it in");
	warn_of_bytes(t, file);
	warn_of_comma(t, file);
	return true;
}

static bool
is_error_line(struct slice line)
{
	static const char	 word[] = "error: ";
	size_t			 i;

	for (i = 0; i + sizeof(word) - 1 <= line.len && line.len < LINE_MAX_LEN; i++)
		if (memcmp(line.p + i, word, sizeof(word) - 1) == 0)
			return true;
	return false;
}

/* Prints the compiler's first error in one line, and where the others are. */
static void
print_error(const struct text *said, const char *errors)
{
	const char	*p = said->p, *end = p + said->len, *line_end;
	struct slice	 line;

	for (; p != end; p = line_end + (line_end != end)) {
		if ((line_end = memchr(p, '\n', (size_t)(end - p))) == NULL)
			line_end = end;
		line = (struct slice){ p, (size_t)(line_end - p) };
		if (is_error_line(line)) {
			(void)fprintf(stderr, "%.*s\ncompare this line and the one before it with "
			    "config.h; all that the compiler says is in %s\n", (int)line.len,
			    line.p, errors);
			return;
		}
	}
	(void)fwrite(said->p, 1, said->len, stderr);
}

static void
explain_errors(const struct text *t, const char *file, const char *errors)
{
	struct conf_mistake	 m;
	struct text		 said;

	conf_mistake_find(&m, (struct slice){ t->p, t->len });
	if (*m.text == '\0') {
		if (read_text(&said, errors))
			print_error(&said, errors);
		free(said.p);
	} else if (m.line == 0) {
		(void)complain_file(file, m.text);
	} else {
		(void)fprintf(stderr, "%s:%d:%d: %s\n", file, m.line, m.column, m.text);
	}
}

int
main(int argc, char **argv)
{
	struct text	 t;
	bool		 good;

	if (argc != 2 && argc != 3) {
		(void)fprintf(stderr, "usage: conftext FILE [ERRORS]\n");
		return 2;
	}
	good = read_text(&t, argv[1]);
	if (good && argc == 3) {
		explain_errors(&t, argv[1], argv[2]);
		good = false;
	} else if (good) {
		good = check_bytes(&t, argv[1]);
	}
	free(t.p);
	return good ? 0 : 1;
}
