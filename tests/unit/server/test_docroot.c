#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/docroot.h"
#include "tests/unit/unit.h"

/* The directory of a tree that all cases use; removed at exit.  Its path has no symbolic link. */
static char	 top[PATH_MAX];

static const char *const	 dirs[] = {
	"srv", "srv/www", "srv/www/in", "srv/www2", "srv/www2/deep", "home", "home/u",
	"home/u/public_html", "home/u/guarded", "home/u/guarded/state", "home/u/state",
};

static void
path_of(char path[PATH_MAX], const char *name)
{
	if (strncmp(name, "=", 1) == 0)		/* not a name in the tree */
		(void)snprintf(path, PATH_MAX, "%s", name + 1);
	else
		(void)snprintf(path, PATH_MAX, "%.2000s/%s", top, name);
}

static void
remove_tree(void)
{
	static const char *const	 files[] = {
		"link", "srv/www/out", "srv/loop", "home/u/guarded/.htaccess",
	};
	char				 path[PATH_MAX];
	size_t				 i;

	for (i = 0; i < COUNT(files); i++) {
		path_of(path, files[i]);
		(void)unlink(path);
	}
	for (i = COUNT(dirs); i-- != 0;) {
		path_of(path, dirs[i]);
		(void)rmdir(path);
	}
}

static void
make_tree(void)
{
	char	 path[PATH_MAX], to[PATH_MAX];
	size_t	 i;
	FILE	*f;

	assert_non_null(realpath(unit_dir(), top));
	assert_int_equal(atexit(remove_tree), 0);
	for (i = 0; i < COUNT(dirs); i++) {
		path_of(path, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	path_of(path, "link");
	path_of(to, "srv/www");
	assert_int_equal(symlink(to, path), 0);
	path_of(path, "srv/www/out");
	assert_int_equal(symlink("../www2/deep", path), 0);
	path_of(path, "srv/loop");
	assert_int_equal(symlink("loop", path), 0);
	path_of(path, "home/u/guarded/.htaccess");
	assert_non_null(f = fopen(path, "w"));
	(void)fclose(f);
}

static void
within(void **state)
{
	static const struct {
		const char	*name, *root, *dir;
		bool		 want;
	} cases[] = {
		{ "itself", "srv/www", "srv/www", true },
		{ "below", "srv/www", "srv/www/in", true },
		{ "above", "srv/www/in", "srv/www", false },
		{ "beside", "srv/www", "srv/www2", false },
		{ "its name is longer", "srv/www2", "srv/www", false },
		{ "nothing of it is there", "srv/www", "srv/www/new/newer", true },
		{ "new, beside", "srv/www", "srv/wwwnew/newer", false },
		{ "new, in what is longer", "srv/www", "srv/www2/new", false },
		{ "slashes at the end", "srv/www//", "srv/www///", true },
		{ "slashes within", "srv//www", "srv/www//in", true },
		{ "slash at the end, new", "srv/www", "srv/www/new/", true },
		{ "dots", "srv/./www", "srv/www/../www/in/.", true },
		{ "dots lead out", "srv/www", "srv/www/../www2", false },
		{ "dot, new", "srv/www", "srv/www/./new/./newer", true },
		{ "dots behind what is new", "srv/www", "srv/new/../www", false },
		{ "root by a link", "link", "srv/www/in", true },
		{ "dir by a link", "srv/www", "link/in", true },
		{ "new by a link", "srv/www", "link/new", true },
		{ "both by a link", "link", "link", true },
		{ "a link that leads out", "srv/www", "srv/www/out", false },
		{ "new behind a link that leads out", "srv/www", "srv/www/out/new", false },
		{ "a link that leads in", "srv/www2", "srv/www/out", true },
		{ "a loop", "srv/loop", "srv/loop", false },
		{ "no root", "srv/none", "srv/none/in", false },
		{ "the whole host", "=/", "srv/www", true },
		{ "the whole host, new", "=/", "=/none/at/all", true },
		{ "the whole host, itself", "=//", "=/", true },
		{ "the host's top is not in it", "srv/www", "=/", false },
		{ "no root is named", "=", "srv/www", false },
		{ "no dir is named", "srv/www", "=", false },
		{ "neither is", "=", "=", false },
	};
	char	 root[PATH_MAX], dir[PATH_MAX];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		path_of(root, cases[i].root);
		path_of(dir, cases[i].dir);
		check_int(cases[i].name, docroot_has(root, dir), cases[i].want);
	}
}

/* Relative paths begin at the directory of the process. */
static void
relative(void **state)
{
	static const struct {
		const char	*name, *root, *dir;
		bool		 want;
	} cases[] = {
		{ "both", "srv/www", "srv/www/in", true },
		{ "here", ".", "srv", true },
		{ "here, new", ".", "new", true },
		{ "here, new, deeper", ".", "new/newer", true },
		{ "beside", "srv/www", "srv/www2", false },
		{ "new, beside", "srv", "new", false },
		{ "above", ".", "..", false },
	};
	char	 was[PATH_MAX];
	size_t	 i;

	(void)state;
	assert_non_null(getcwd(was, sizeof(was)));
	assert_int_equal(chdir(top), 0);
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].name, docroot_has(cases[i].root, cases[i].dir),
		    cases[i].want);
	assert_int_equal(chdir(was), 0);
}

static void
suspect(void **state)
{
	static const struct {
		const char	*name, *dir, *want;	/* NULL: it is not suspect */
	} cases[] = {
		{ "beside what is served", "home/u/state", NULL },
		{ "the name", "home/u/public_html", "home/u/public_html" },
		{ "below the name", "home/u/public_html/a/b", "home/u/public_html" },
		{ "new, below the name", "home/x/htdocs/state", "home/x/htdocs" },
		{ "www", "srv/www/in", "srv/www" },
		{ "by a link", "link/in", "srv/www" },
		{ "a longer name", "srv/www2", NULL },
		{ "a file of Apache's", "home/u/guarded", "home/u/guarded/.htaccess" },
		{ "one above", "home/u/guarded/state", "home/u/guarded/.htaccess" },
		{ "one above, new", "home/u/guarded/a/b/c", "home/u/guarded/.htaccess" },
	};
	char	 dir[PATH_MAX], want[PATH_MAX], why[DOCROOT_WHY];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		path_of(dir, cases[i].dir);
		path_of(want, cases[i].want == NULL ? "=" : cases[i].want);
		check_int(cases[i].name, docroot_find_suspect(why, dir), cases[i].want != NULL);
		check_text(cases[i].name, why, want);
	}
	CHECK("none", !docroot_find_suspect(why, ""));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(within), TEST(relative), TEST(suspect),
	};

	make_tree();
	return RUN("docroot", tests);
}
