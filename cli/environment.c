#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/environment.h"
#include "core/conf.h"
#include "core/lang.h"
#include "core/utf8.h"

/* What environment_load() did.  The command line is one thread. */
static struct {
	struct missing {
		char		*name;
		bool		 given;
	}	*missing;
	size_t	 n;
	char	 problem[ENVIRONMENT_WHY];
} done;

/*
 * The text of the file.
 */

/* Where the reader is within the text. */
enum place {
	BEFORE_NAME, NAME, BEFORE_VALUE, VALUE, AFTER_BACKSLASH, IN_SINGLE, IN_DOUBLE,
	DOUBLE_BACKSLASH, COMMENT
};

struct reader {
	enum place		 at;
	struct buf		 name, value;
	size_t			 trim;		/* value without the blanks at its end */
	environment_pair	*fn;
	void			*ctx;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* A character of the value; if it is kept, it stays although it is a blank at the end. */
static enum error
add_to_value(struct reader *r, char c, bool kept)
{
	enum error	 er = buf_putc(&r->value, c);

	if (kept || !is_blank(c))
		r->trim = r->value.len;
	return er;
}

static enum error
end_assignment(struct reader *r)
{
	struct slice	 name = buf_slice(&r->name);

	while (name.len != 0 && is_blank(name.p[name.len - 1]))
		name.len--;
	if (name.len != 0)
		r->fn(r->ctx, name, (struct slice){ buf_slice(&r->value).p, r->trim });
	buf_reset(&r->name);
	buf_reset(&r->value);
	r->trim = 0;
	r->at = BEFORE_NAME;
	return ERR_OK;
}

static enum error
read_before_name(struct reader *r, char c)
{
	if (c == '#' || c == ';')
		r->at = COMMENT;
	else if (!is_blank(c)) {
		r->at = NAME;
		return buf_putc(&r->name, c);
	}
	return ERR_OK;
}

static enum error
read_name(struct reader *r, char c)
{
	if (c == '=')
		r->at = BEFORE_VALUE;
	else if (is_line_end(c)) {
		buf_reset(&r->name);
		r->at = BEFORE_NAME;
	} else
		return buf_putc(&r->name, c);
	return ERR_OK;
}

static enum error
read_value(struct reader *r, char c)
{
	if (is_line_end(c))
		return end_assignment(r);
	if (c == '\\')
		r->at = AFTER_BACKSLASH;
	else if (r->at == BEFORE_VALUE && c == '\'')
		r->at = IN_SINGLE;
	else if (r->at == BEFORE_VALUE && c == '"')
		r->at = IN_DOUBLE;
	else if (r->at == VALUE || !is_blank(c)) {
		r->at = VALUE;
		return add_to_value(r, c, false);
	}
	return ERR_OK;
}

static enum error
read_quoted(struct reader *r, char c)
{
	const enum place	 at = r->at;

	if (at == DOUBLE_BACKSLASH) {
		r->at = IN_DOUBLE;
		if (c == '\n')
			return ERR_OK;
		if (c == '\0' || strchr("\"\\`$", c) == NULL)
			(void)add_to_value(r, '\\', true);
		return add_to_value(r, c, true);
	}
	if (c == (at == IN_SINGLE ? '\'' : '"'))
		r->at = BEFORE_VALUE;
	else if (at == IN_DOUBLE && c == '\\')
		r->at = DOUBLE_BACKSLASH;
	else
		return add_to_value(r, c, true);
	return ERR_OK;
}

static enum error
read_character(struct reader *r, char c)
{
	switch (r->at) {
	case BEFORE_NAME:
		return read_before_name(r, c);
	case NAME:
		return read_name(r, c);
	case BEFORE_VALUE:
	case VALUE:
		return read_value(r, c);
	case AFTER_BACKSLASH:
		r->at = VALUE;
		return is_line_end(c) ? ERR_OK : add_to_value(r, c, true);
	case IN_SINGLE:
	case IN_DOUBLE:
	case DOUBLE_BACKSLASH:
		return read_quoted(r, c);
	case COMMENT:
		if (is_line_end(c))
			r->at = BEFORE_NAME;
		break;
	}
	return ERR_OK;
}

enum error
environment_parse(struct slice text, environment_pair *fn, void *ctx)
{
	struct reader	 r = { .fn = fn, .ctx = ctx };
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < text.len && er == ERR_OK; i++)
		er = read_character(&r, text.p[i]);
	if (er == ERR_OK && r.at != BEFORE_NAME && r.at != NAME && r.at != COMMENT)
		er = end_assignment(&r);
	buf_free(&r.name);
	buf_free(&r.value);
	return er;
}

/*
 * The file.
 */

static bool	complain(char why[ENVIRONMENT_WHY], const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static bool
complain(char why[ENVIRONMENT_WHY], const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, ENVIRONMENT_WHY, lang_text(fmt), ap);
	va_end(ap);
	utf8_mask(why);
	return false;
}

static bool
is_safe(const struct stat *st, char why[ENVIRONMENT_WHY], const char *file)
{
	if (!S_ISREG(st->st_mode))
		return complain(why, "%s is not used: it is not a file", file);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return complain(why, "%s is not used: it belongs to the user with the number %lu, "
		    "not to root or to you; run: chown root %s", file, (unsigned long)st->st_uid,
		    file);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return complain(why, "%s is not used: its mode is %04o, so that others may write "
		    "it; run: chmod go-w %s", file, (unsigned)st->st_mode & 07777, file);
	return true;
}

static bool
read_all(int fd, struct buf *text)
{
	ssize_t	 n;

	do {
		if (buf_reserve(text, 4096) != ERR_OK)
			return false;
		if ((n = read(fd, text->p + text->len, 4096)) > 0)
			text->len += (size_t)n;
	} while (n > 0 && text->len <= ENVIRONMENT_MAX);
	return n != -1;
}

bool
environment_read(struct buf *text, bool *absent, char why[ENVIRONMENT_WHY], const char *file)
{
	/* Without O_NONBLOCK a FIFO of this name would hold the verb up. */
	const int	 fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat	 st;
	bool		 ok;

	*absent = fd == -1 && (errno == ENOENT || errno == ENOTDIR);
	if (fd == -1)
		return complain(why, errno == EACCES ? "%s: %s; run qtoa as root or as the user of "
		    "the service" : "%s: %s", file, strerror(errno));
	if (fstat(fd, &st) == -1)
		ok = complain(why, "%s: %s", file, strerror(errno));
	else if ((ok = is_safe(&st, why, file)) && !(ok = read_all(fd, text)))
		(void)complain(why, "%s: %s", file, strerror(errno));
	else if (ok && text->len > ENVIRONMENT_MAX)
		ok = complain(why, "%s is not used: it has more than %d bytes", file,
		    ENVIRONMENT_MAX);
	(void)close(fd);
	return ok;
}

/*
 * The variables that config.h reads.
 */

/* A conf_variable. */
static void
note_missing(void *ctx, const char *name)
{
	struct missing	*grown;
	char		*copy;

	(void)ctx;
	if (getenv(name) != NULL || (copy = strdup(name)) == NULL)
		return;
	if ((grown = realloc(done.missing, (done.n + 1) * sizeof(*grown))) == NULL) {
		free(copy);
		return;
	}
	done.missing = grown;
	done.missing[done.n++] = (struct missing){ copy, false };
}

static void
forget_missing(void)
{
	while (done.n != 0)
		free(done.missing[--done.n].name);
	free(done.missing);
	done.missing = NULL;
}

/* An environment_pair: of several assignments to one name the last counts. */
static void
set_missing(void *ctx, struct slice name, struct slice value)
{
	char	*copy;
	size_t	 i;

	(void)ctx;
	if (memchr(value.p, '\0', value.len) != NULL)
		return;
	for (i = 0; i < done.n; i++) {
		if (!slice_is(name, done.missing[i].name))
			continue;
		if ((copy = strndup(value.p, value.len)) == NULL)
			return;
		if (setenv(done.missing[i].name, copy, 1) == 0)
			done.missing[i].given = true;
		free(copy);
	}
}

const char *
environment_file(void)
{
	const char	*file = getenv("QTOA_ENVIRONMENT");

	if (file == NULL)
		file = ENVIRONMENT_FILE;
	return *file == '\0' ? NULL : file;
}

bool
environment_load(void)
{
	const char	*file = environment_file();
	struct buf	 text = { 0 };
	bool		 absent = false;

	forget_missing();
	*done.problem = '\0';
	conf_variables(note_missing, NULL);
	if (done.n == 0 || file == NULL)
		return true;
	if (environment_read(&text, &absent, done.problem, file)) {
		if (environment_parse(buf_slice(&text), set_missing, NULL) != ERR_OK)
			(void)complain(done.problem, "%s: out of memory", file);
	} else if (absent)
		*done.problem = '\0';
	buf_free(&text);
	return *done.problem == '\0';
}

const char *
environment_problem(void)
{
	return *done.problem == '\0' ? NULL : done.problem;
}

bool
environment_gave(const char *name)
{
	size_t	 i;

	for (i = 0; i < done.n; i++)
		if (strcmp(done.missing[i].name, name) == 0)
			return done.missing[i].given;
	return false;
}
