/*
 * confcheck.c: the build runs it, with the name of the configuration file.  It prints a line for
 * each value that is wrong by itself, and fails then; and one for each that is probably a mistake.
 * The line in the file is part of it where the file itself, without macros, has the accounts.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/conf.h"
#include "core/log_target.h"
#include "core/utf8.h"
#include "packaging/conf_mistake.h"

enum { FILE_MAX = 4 << 20 };

struct checking {
	const char	*file;
	struct buf	 text;		/* of the file; empty: it cannot be read */
};

/* Prints the file, and the line in it. */
static void
print_place(const struct checking *c, int i, struct slice field)
{
	const int	 line = c->text.len == 0 ? 0 :
			    conf_mistake_line(buf_slice(&c->text), i, field);

	(void)fputs(c->file, stderr);
	if (line != 0)
		(void)fprintf(stderr, ":%d", line);
}

/* Finds the account (-1: the settings) and the field that "accounts[1].token: ..." names. */
static bool
read_place(int *i, struct slice *field, const char *line)
{
	int	 at = 0;

	*i = -1;
	if (strncmp(line, "settings.", 9) == 0)
		at = 9;
	else if (sscanf(line, "accounts[%d].%n", i, &at) != 1 || at == 0)
		return false;
	*field = (struct slice){ line + at, strspn(line + at, "abcdefghijklmnopqrstuvwxyz_") };
	return field->len != 0;
}

/* A conf_say: the line begins with the file's name. */
static void
print_problem(void *ctx, const char *line)
{
	const struct checking	*c = ctx;
	const size_t		 len = strlen(c->file);
	struct slice		 field;
	int			 i;

	if (strncmp(line, c->file, len) == 0 && strncmp(line + len, ": ", 2) == 0 &&
	    read_place(&i, &field, line + len + 2)) {
		print_place(c, i, field);
		line += len;
	}
	(void)fprintf(stderr, "%s\n", line);
}

static void
print_warning(void *ctx, const struct conf *c, int i, const char *field, const char *what,
    const char *remedy)
{
	char	 label[128];

	print_place(ctx, i, slice_of(field));
	if (i == -1)
		(void)fprintf(stderr, ": warning: settings.%s", field);
	else {
		(void)snprintf(label, sizeof(label), "%s", conf_label(&c->accounts[i]));
		utf8_mask(label);
		(void)fprintf(stderr, ": warning: accounts[%d].%s (%s)", i, field, label);
	}
	(void)fprintf(stderr, " %s; %s\n", what, remedy);
}

/* A conf_value. */
static void
warn_of_log(void *ctx, int i, const char *field, const char *value)
{
	int	 fd;

	if (i != -1 || strcmp(field, "log") != 0)
		return;
	fd = log_target_descriptor(value);
	if (fd != STDIN_FILENO && fd != STDOUT_FILENO)
		return;
	print_place(ctx, i, slice_of(field));
	(void)fprintf(stderr, ": warning: settings.log %s leads to the request or its answer; the "
	    "log would go to stderr; set \"stderr\", \"syslog\" or a file\n", value);
}

int
main(int argc, char **argv)
{
	struct checking	 c = { .file = argc > 1 ? argv[1] : "config.h" };
	int		 problems;

	(void)buf_read_file(&c.text, c.file, FILE_MAX);		/* without it no line is named */
	conf_values(warn_of_log, &c);
	problems = conf_check_built(print_problem, print_warning, &c);
	buf_free(&c.text);
	return problems == 0 ? 0 : 1;
}
