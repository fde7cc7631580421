/*
 * confcheck: run by the build.  What the values of config.h alone tell is wrong fails
 * the build with a line for each.
 */
#include <stdio.h>

#include "core/conf.h"

static void
say(void *ctx, const char *line)
{
	(void)fprintf(ctx, "%s\n", line);
}

int
main(void)
{
	return conf_check_built(say, stderr) == 0 ? 0 : 1;
}
