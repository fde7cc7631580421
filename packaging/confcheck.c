/*
 * confcheck.c: the build runs it, with the name of the configuration file.  It prints a line for
 * each value that is wrong by itself, and fails then; and one for each that is probably a mistake.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"
#include "core/log_target.h"
#include "core/utf8.h"

static void
print_problem(void *ctx, const char *line)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", line);
}

static void
print_warning(void *ctx, const struct conf *c, int i, const char *field, const char *what,
    const char *remedy)
{
	const char	*file = ctx;
	char		 label[128];

	if (i == -1)
		(void)fprintf(stderr, "%s: warning: settings.%s", file, field);
	else {
		(void)snprintf(label, sizeof(label), "%s", conf_label(&c->accounts[i]));
		utf8_mask(label);
		(void)fprintf(stderr, "%s: warning: accounts[%d].%s (%s)", file, i, field, label);
	}
	(void)fprintf(stderr, " %s; %s\n", what, remedy);
}

/* A conf_value. */
static void
warn_of_log(void *ctx, int i, const char *field, const char *value)
{
	const char	*file = ctx;
	int		 fd;

	if (i != -1 || strcmp(field, "log") != 0)
		return;
	fd = log_target_descriptor(value);
	if (fd == STDIN_FILENO || fd == STDOUT_FILENO)
		(void)fprintf(stderr, "%s: warning: settings.log %s leads to the request or its "
		    "answer; the log would go to stderr; set \"stderr\", \"syslog\" or a file\n",
		    file, value);
}

int
main(int argc, char **argv)
{
	static char	 shipped[] = "config.h";
	char		*file = argc > 1 ? argv[1] : shipped;

	conf_values(warn_of_log, file);
	return conf_check_built(print_problem, print_warning, file) == 0 ? 0 : 1;
}
