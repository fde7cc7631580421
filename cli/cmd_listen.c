#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/zh/zh.h"
#include "core/lang.h"
#include "server/listener.h"

enum { MODE = 0660 };	/* of the socket file by default */

/* Reads an octal mode of three digits, or four that begin with 0; its owner may read and write. */
static bool
read_mode(mode_t *mode, const char *text)
{
	const char	*p = text + (*text == '0' && strlen(text) == 4);

	if (strlen(p) != 3 || strspn(p, "01234567") != 3)
		return false;
	*mode = (mode_t)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
	return (*mode & 0600) == 0600;
}

/* Descriptor 0 listens then; the caller serves it, as if a web server had started the program. */
int
cmd_listen_run(struct conf *c, int problems, int argc, char **argv)
{
	const char	*file = NULL, *text = NULL;
	char		 why[LISTENER_WHY];
	mode_t		 mode = MODE;
	int		 i;

	(void)c, (void)problems;	/* the configuration is loaded by what serves */
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--mode") == 0 && i + 1 < argc)
			text = argv[++i];
		else if (file == NULL && argv[i][0] != '-')
			file = argv[i];
		else
			return cli_usage("listen");
	if (file == NULL)
		return cli_usage("listen");
	if (text != NULL && !read_mode(&mode, text))
		return cli_usage_why("listen", "MODE is octal, such as 0660 or 0600");
	if (!listener_open(why, file, mode)) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, why);
		return CLI_WRONG;
	}
	lang_use(ENGLISH, zh_tables);	/* so that the log is English */
	return CLI_SERVE;
}
