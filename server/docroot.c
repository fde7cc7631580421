#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/docroot.h"

/* Joins dir and rest to one path, which the caller frees.  NULL: no memory. */
static char *
join_path(const char *dir, const char *rest)
{
	const size_t	 size = strlen(dir) + strlen(rest) + 2;
	char		*path;

	rest += strspn(rest, "/");
	if ((path = malloc(size)) != NULL)
		(void)snprintf(path, size, "%s%s%s", strcmp(dir, "/") == 0 ? "" : dir,
		    *rest == '\0' ? "" : "/", rest);
	return path;
}

/*
 * Resolves the symbolic links in the part of path that exists, and appends the rest as it is
 * written.  The caller frees the result.  NULL: no memory, or a directory that cannot be read.
 */
static char *
resolve_path(const char *path)
{
	char	*copy, *real = NULL, *whole = NULL, *cut;

	if (*path == '\0' || (copy = strdup(path)) == NULL)
		return NULL;
	for (cut = copy + strlen(copy); (real = realpath(copy, NULL)) == NULL; *cut = '\0') {
		while (cut > copy && *cut != '/')
			cut--;
		if (cut == copy)
			break;
	}
	if (real == NULL)	/* nothing of it exists: it is below "/", or below our directory */
		real = realpath(*path == '/' ? "/" : ".", NULL);
	if (real != NULL)
		whole = join_path(real, path + (cut - copy));
	free(real);
	free(copy);
	return whole;
}

/*
 * The next name of the path at *at, of *len bytes; NULL: the path has ended.  It skips slashes
 * and the name ".".  A ".." that resolve_path() has left is below a directory that does not
 * exist: it is an ordinary name.
 */
static const char *
next_name(const char **at, size_t *len)
{
	const char	*name;

	do {
		while (**at == '/')
			++*at;
		name = *at;
		*len = strcspn(name, "/");
		*at += *len;
	} while (*len == 1 && *name == '.');
	return *len == 0 ? NULL : name;
}

bool
docroot_has(const char *root, const char *dir)
{
	char		*above = resolve_path(root), *below = resolve_path(dir);
	const char	*a = above, *b = below, *name, *other;
	size_t		 n, m;
	bool		 within = a != NULL && b != NULL && access(root, F_OK) == 0;

	while (within && (name = next_name(&a, &n)) != NULL) {
		other = next_name(&b, &m);
		within = other != NULL && n == m && memcmp(name, other, n) == 0;
	}
	free(above);
	free(below);
	return within;
}

/* Names that control panels and distributions give to the directories that they serve. */
static bool
is_served_name(const char *name, size_t len)
{
	static const char *const names[] = {
		"public_html", "htdocs", "www", "html", "web", "httpdocs",
	};
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	return false;
}

/* True: path, or a directory above it, has a file .htaccess; path is cut to that directory. */
static bool
has_htaccess(char *path)
{
	char	 file[PATH_MAX];
	char	*cut;

	for (;;) {
		(void)snprintf(file, sizeof(file), "%s/.htaccess", path);
		if (access(file, F_OK) == 0)
			return true;
		if ((cut = strrchr(path, '/')) == NULL)
			return false;
		*cut = '\0';
	}
}

bool
docroot_find_suspect(char why[DOCROOT_WHY], const char *dir)
{
	char		*path = resolve_path(dir);
	const char	*at = path, *name;
	size_t		 len;

	*why = '\0';
	while (path != NULL && (name = next_name(&at, &len)) != NULL)
		if (is_served_name(name, len)) {
			(void)snprintf(why, DOCROOT_WHY, "%.*s", (int)(at - path), path);
			break;
		}
	if (path != NULL && *why == '\0' && has_htaccess(path))
		(void)snprintf(why, DOCROOT_WHY, "%.*s/.htaccess", DOCROOT_WHY - 16, path);
	free(path);
	return *why != '\0';
}
