/*
 * confcheck.c: the build runs it.  It prints a line for each value of config.h that is wrong by
 * itself, and fails then.
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
