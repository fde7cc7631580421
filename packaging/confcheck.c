/*
 * confcheck: checks the values of config.h when qtoa is built.  It prints a line for each value
 * that is wrong, and the build fails.
 */
#include <stdio.h>

#include "core/conf.h"

static void
print_problem(void *ctx, const char *line)
{
	(void)fprintf(ctx, "%s\n", line);
}

int
main(void)
{
	return conf_check_built(print_problem, stderr) == 0 ? 0 : 1;
}
