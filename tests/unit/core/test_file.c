#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/file.h"
#include "tests/unit/unit.h"

static char	 path[512], other[520];

static void unlink_it(void)	{ (void)unlink(path); }
static void rename_it(void)	{ (void)rename(path, other); }
static void link_it(void)	{ assert_int_equal(link(path, other), 0); }
static void do_nothing(void)	{ }

static void
replace_it(void)
{
	struct slice	 text = BYTES("a new file");

	(void)rename(path, other);
	(void)unit_file("log", text);
}

static void
link_back(void)
{
	(void)rename(path, other);
	assert_int_equal(symlink(other, path), 0);
}

/* The same file, after something was done to its name. */
static void
same_file(void **state)
{
	static const struct {
		const char	*name;
		void		 (*change_name)(void);
		bool		 is_at;
	} cases[] = {
		{ "nothing was done", do_nothing, true }, { "it has a second name", link_it, true },
		{ "it was removed", unlink_it, false }, { "it was renamed", rename_it, false },
		{ "another one was made", replace_it, false },
		{ "a symbolic link leads to it", link_back, true },
	};
	struct slice	 text = BYTES("a file");
	struct stat	 st;
	size_t		 i;
	int		 fd;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(path, sizeof(path), "%s", unit_file("log", text));
		(void)snprintf(other, sizeof(other), "%s.other", path);
		fd = open(path, O_RDONLY);
		CHECK(cases[i].name, fd != -1 && fstat(fd, &st) == 0);
		cases[i].change_name();
		CHECK(cases[i].name, file_is_at(path, &st) == cases[i].is_at);
		(void)close(fd);
		(void)unlink(path);
		(void)unlink(other);
	}
}

static void
no_directory(void **state)
{
	struct stat	 st;

	(void)state;
	assert_int_equal(stat("/", &st), 0);
	CHECK("the root", file_is_at("/", &st));
	CHECK("it is the same as itself", file_is_same(&st, &st));
	CHECK("there is no such path", !file_is_at("/nothing/here", &st));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(same_file), TEST(no_directory) };

	return RUN("file", tests);
}
