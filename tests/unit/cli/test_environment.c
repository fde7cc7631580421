#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/environment.h"
#include "tests/unit/unit.h"

/* Appends "NAME=VALUE|". */
static void
append_pair(void *ctx, struct slice name, struct slice value)
{
	(void)buf_printf(ctx, "%.*s=%.*s|", (int)name.len, name.p, (int)value.len, value.p);
}

/* As systemd 254 and later reads a file of EnvironmentFile=. */
static void
parsing(void **state)
{
	static const struct {
		const char	*text, *pairs;
	} cases[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "A=1", "A=1|" },
		{ "A=1\nB=2\n", "A=1|B=2|" },
		{ "A=1\r\nB=2\r\n", "A=1|B=2|" },
		{ "  A = 1 2  \n", "A=1 2|" },
		{ "A=\nB=", "A=|B=|" },
		{ "A=1\nA=2\n", "A=1|A=2|" },
		{ "# A=1\n; B=2\nC=3 # no comment\n", "C=3 # no comment|" },
		{ "# goes on? \\\nA=1\n", "A=1|" },
		{ "A=\"1 2\"\nB='3 4'\n", "A=1 2|B=3 4|" },
		{ "A=\" 1 \"\n", "A= 1 |" },
		{ "A=\"1\"  \n", "A=1|" },
		{ "A=\"1\"'2'3\n", "A=123|" },
		{ "A=1\"2\"\n", "A=1\"2\"|" },
		{ "A='it\\'s\nB=2", "A=it\\s|B=2|" },
		{ "A=\"a\\\"b\\\\c\\$d\\`e\\nf\"\n", "A=a\"b\\c$d`e\\nf|" },
		{ "A=\"1\\\n2\"\n", "A=12|" },
		{ "A=\"1\n2\"\nB=3\n", "A=1\n2|B=3|" },
		{ "A=1\\\n2\nB=3\n", "A=12|B=3|" },
		{ "A=\\\"1\\ \n", "A=\"1 |" },
		{ "A=$B ${C} `d` %e\n", "A=$B ${C} `d` %e|" },
		{ "A=https://h/p?a=b&c=d\n", "A=https://h/p?a=b&c=d|" },
		{ "export A=1\n", "export A=1|" },
		{ "no assignment\nA=1\n", "A=1|" },
		{ "=1\nA=2\n", "A=2|" },
		{ "A=\"not ended\nB=2\n", "A=not ended\nB=2\n|" },
		{ "A=\xE5\xBA\x97\n", "A=\xE5\xBA\x97|" },
	};
	struct buf	 pairs = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&pairs);
		CHECK(cases[i].text, environment_parse(slice_of(cases[i].text), append_pair,
		    &pairs) == ERR_OK);
		CHECK(cases[i].text, slice_is(buf_slice(&pairs), cases[i].pairs));
	}
	buf_free(&pairs);
}

/* Reads a file of that mode.  what: a word of the complaint; NULL: the file is read. */
static void
check_file(const char *file, mode_t mode, const char *what)
{
	char		 why[ENVIRONMENT_WHY] = "";
	struct buf	 text = { 0 };
	bool		 absent = true, ok;

	CHECK(file, chmod(file, mode) == 0);
	ok = environment_read(&text, &absent, why, file);
	CHECK(file, !absent);
	CHECK(file, ok == (what == NULL));
	if (what != NULL)
		CHECK(file, (strstr(why, what)) != NULL);
	else
		CHECK(file, slice_is(buf_slice(&text), "A=1\n"));
	buf_free(&text);
}

static void
files(void **state)
{
	char		 dir[] = "/tmp/qtoa-environment-XXXXXX", file[64], link_[64];
	char		 why[ENVIRONMENT_WHY];
	struct buf	 text = { 0 };
	bool		 absent = false;
	FILE		*f;

	(void)state;
	CHECK(file, (mkdtemp(dir)) != NULL);
	(void)snprintf(file, sizeof(file), "%s/environment", dir);
	(void)snprintf(link_, sizeof(link_), "%s/link", dir);
	CHECK(file, !environment_read(&text, &absent, why, file));
	CHECK(file, absent);
	CHECK(file, (f = fopen(file, "w")) != NULL);
	CHECK(file, fputs("A=1\n", f) >= 0 && fclose(f) == 0);
	check_file(file, 0600, NULL);
	check_file(file, 0640, NULL);
	check_file(file, 0444, NULL);
	check_file(file, 0660, "chmod go-w");
	check_file(file, 0602, "mode is 0602");
	CHECK(file, symlink(file, link_) == 0);
	check_file(link_, 0600, NULL);
	CHECK(file, unlink(link_) == 0);
	/* Only root can give a file away, and only others cannot read what is theirs. */
	if (geteuid() == 0) {
		CHECK(file, chown(file, 12345, 0) == 0);
		check_file(file, 0600, "chown root");
	} else
		check_file(file, 0000, "run qtoa as root");
	CHECK(file, unlink(file) == 0);
	CHECK(file, mkfifo(file, 0600) == 0);
	check_file(file, 0600, "not a file");
	CHECK(file, unlink(file) == 0);
	CHECK(file, rmdir(dir) == 0);
	buf_free(&text);
}

static void
too_long(void **state)
{
	char		 file[] = "/tmp/qtoa-environment-XXXXXX", why[ENVIRONMENT_WHY];
	const int	 fd = mkstemp(file);
	struct buf	 text = { 0 };
	bool		 absent = true;

	(void)state;
	CHECK(file, fd != -1);
	CHECK(file, ftruncate(fd, ENVIRONMENT_MAX + 1) == 0);
	CHECK(file, !environment_read(&text, &absent, why, file));
	CHECK(file, (strstr(why, "more than")) != NULL);
	CHECK(file, ftruncate(fd, ENVIRONMENT_MAX) == 0);
	buf_reset(&text);
	CHECK(file, environment_read(&text, &absent, why, file));
	CHECK(file, text.len == ENVIRONMENT_MAX);
	(void)close(fd);
	CHECK(file, unlink(file) == 0);
	buf_free(&text);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(parsing), TEST(files), TEST(too_long),
	};

	return RUN("environment", tests);
}
