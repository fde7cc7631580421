#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log_target.h"

enum { LINKS_MAX = 40 };	/* as many symbolic links as Linux follows */

struct name {
	const char	*text;
	int		 fd;
};

static const struct name	names[] = {
	{ "",				STDERR_FILENO },
	{ "stderr",			STDERR_FILENO },
	{ "stdout",			STDOUT_FILENO },
	{ "-",				STDOUT_FILENO },
	{ "/dev/stdin",			STDIN_FILENO },
	{ "/dev/stdout",		STDOUT_FILENO },
	{ "/dev/stderr",		STDERR_FILENO },
	{ "/dev/fd/0",			STDIN_FILENO },
	{ "/dev/fd/1",			STDOUT_FILENO },
	{ "/dev/fd/2",			STDERR_FILENO },
};

/* Patterns of fnmatch(3), where "*" is one name. */
static const struct name	patterns[] = {
	{ "/proc/*/fd/0",		STDIN_FILENO },
	{ "/proc/*/fd/1",		STDOUT_FILENO },
	{ "/proc/*/fd/2",		STDERR_FILENO },
	{ "/proc/*/task/*/fd/0",	STDIN_FILENO },
	{ "/proc/*/task/*/fd/1",	STDOUT_FILENO },
	{ "/proc/*/task/*/fd/2",	STDERR_FILENO },
};

static int
descriptor_named(const char *path)
{
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].text, path) == 0)
			return names[i].fd;
	if (strncmp(path, "/proc/", 6) != 0)
		return -1;
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fnmatch(patterns[i].text, path, FNM_PATHNAME) == 0)
			return patterns[i].fd;
	return -1;
}

/* Resolves the directory of path, but not its last name.  False: the directory does not exist. */
static bool
resolve_directory(char whole[PATH_MAX], const char *path)
{
	const char	*slash = strrchr(path, '/');
	char		 dir[PATH_MAX] = ".", real[PATH_MAX];
	int		 n;

	if (slash != NULL)
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path);
	if (realpath(dir, real) == NULL)
		return false;
	n = snprintf(whole, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
	    slash == NULL ? path : slash + 1);
	return n < PATH_MAX;
}

/* Replaces path by the target of the symbolic link that it is.  False: it is not a link. */
static bool
follow_link(char path[PATH_MAX])
{
	char	 link[PATH_MAX], *name = strrchr(path, '/') + 1;
	ssize_t	 n = readlink(path, link, sizeof(link) - 1);

	if (n == -1)
		return false;
	link[n] = '\0';
	if (*link == '/')
		name = path;
	return snprintf(name, (size_t)(path + PATH_MAX - name), "%s", link) <
	    path + PATH_MAX - name;
}

/* True: the path leads to a plain file that is not open as a standard descriptor. */
static bool
is_other_file(const char *path)
{
	struct stat	 st, standard;
	int		 fd;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode))
		return false;
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &standard) == 0 && file_is_same(&st, &standard))
			return false;
	return true;
}

int
log_target_descriptor(const char *target)
{
	char	 path[PATH_MAX], whole[PATH_MAX];
	int	 fd, links = 0;

	if (target == NULL)
		return STDERR_FILENO;
	if ((fd = descriptor_named(target)) != -1 || strlen(target) >= sizeof(path))
		return fd;
	if (is_other_file(target))	/* the usual log: no link has to be followed */
		return -1;
	(void)snprintf(path, sizeof(path), "%s", target);
	while (links++ < LINKS_MAX && resolve_directory(whole, path)) {
		if ((fd = descriptor_named(whole)) != -1)
			return fd;
		if (!follow_link(whole))
			break;
		(void)snprintf(path, sizeof(path), "%s", whole);
	}
	return -1;
}
