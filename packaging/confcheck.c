/*
 * confcheck.c: the build runs it, with the name of the configuration file.  It prints a line for
 * each value that is wrong by itself, and fails then; and one for each that is probably a mistake.
 */
#include <stdio.h>

#include "core/conf.h"
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

int
main(int argc, char **argv)
{
	return conf_check_built(print_problem, print_warning,
	    argc > 1 ? argv[1] : "config.h") == 0 ? 0 : 1;
}
