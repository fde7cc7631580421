#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/docroot.h"

/* NULL: no memory. */
static char *
join(const char *dir, const char *rest)
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
 * Where path leads, without links, as far as it exists; what does not exist yet follows as it is
 * written.  NULL: that cannot be found out.  The caller frees it.
 */
static char *
resolve(const char *path)
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
	if (real == NULL)	/* all of it is new: below the root, or below where we are */
		real = realpath(*path == '/' ? "/" : ".", NULL);
	if (real != NULL)
		whole = join(real, path + (cut - copy));
	free(real);
	free(copy);
	return whole;
}

/*
 * The next name of a path, and *len; NULL at its end.  Further slashes, and names that are ".", are
 * nothing.  What is left of ".." after resolve() is below a directory that does not exist.
 */
static const char *
name_at(const char **at, size_t *len)
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
	char		*above = resolve(root), *below = resolve(dir);
	const char	*a = above, *b = below, *name, *other;
	size_t		 n, m;
	bool		 within = a != NULL && b != NULL && access(root, F_OK) == 0;

	while (within && (name = name_at(&a, &n)) != NULL) {
		other = name_at(&b, &m);
		within = other != NULL && n == m && memcmp(name, other, n) == 0;
	}
	free(above);
	free(below);
	return within;
}

/* Names that panels and distributions give to what they serve. */
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

/* .htaccess in path, which is cut shorter until there is one; false: there is none. */
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
	char		*path = resolve(dir);
	const char	*at = path, *name;
	size_t		 len;

	*why = '\0';
	while (path != NULL && (name = name_at(&at, &len)) != NULL)
		if (is_served_name(name, len)) {
			(void)snprintf(why, DOCROOT_WHY, "%.*s", (int)(at - path), path);
			break;
		}
	if (path != NULL && *why == '\0' && has_htaccess(path))
		(void)snprintf(why, DOCROOT_WHY, "%.*s/.htaccess", DOCROOT_WHY - 16, path);
	free(path);
	return *why != '\0';
}
