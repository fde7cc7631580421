#include <sys/stat.h>

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/utf8.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { LINE_MAX_BYTES = 1024 };

/* Reads the log file, and empties it. */
static struct buf
take_log(const char *path)
{
	char		 part[4096];
	struct buf	 b = { 0 };
	FILE		*f = fopen(path, "rb");
	size_t		 n;

	assert_non_null(f);
	while ((n = fread(part, 1, sizeof(part), f)) != 0)
		assert_int_equal(buf_put(&b, part, n), ERR_OK);
	(void)fclose(f);
	assert_int_equal(truncate(path, 0), 0);
	return b;
}

static const char *
begin_log(void)
{
	const char	*path = unit_file("log", (struct slice){ "", 0 });

	assert_int_equal(log_open(path), 0);
	return path;
}

/* The part of a line behind `what=t `, without the line end. */
static struct slice
members(const struct buf *b)
{
	static const char	 before[] = " what=t ";
	size_t			 i, len = sizeof(before) - 1;

	for (i = 0; i + len <= b->len; i++)
		if (memcmp(b->p + i, before, len) == 0 && b->p[b->len - 1] == '\n')
			return (struct slice){ b->p + i + len, b->len - i - len - 1 };
	return (struct slice){ NULL, 0 };
}

static void
escaping(void **state)
{
	static const struct {
		const char	*name;
		struct slice	 value;
		const char	*want;
	} cases[] = {
		{ "word", BYTES("ok"), "k=ok" },
		{ "empty", BYTES(""), "k=\"\"" },
		{ "absent", { NULL, 0 }, "k=\"\"" },
		{ "blank", BYTES("a b"), "k=\"a b\"" },
		{ "equals", BYTES("a=b"), "k=\"a=b\"" },
		{ "quote", BYTES("a\"b"), "k=\"a\\\"b\"" },
		{ "backslash", BYTES("a\\b"), "k=\"a\\\\b\"" },
		{ "line end", BYTES("a\nlevel=error"), "k=\"a\\x0alevel=error\"" },
		{ "carriage return", BYTES("a\rb"), "k=\"a\\x0db\"" },
		{ "tab", BYTES("a\tb"), "k=\"a\\x09b\"" },
		{ "escape sequence", BYTES("\x1b[31m"), "k=\"\\x1b[31m\"" },
		{ "NUL", BYTES("a\0b"), "k=\"a\\x00b\"" },
		{ "DEL", BYTES("\x7f"), "k=\"\\x7f\"" },
		{ "Chinese", BYTES("\xE4\xB8\xAD"), "k=\xE4\xB8\xAD" },
		{ "emoji and accents", BYTES("\xF0\x9F\x98\x80\xC3\xA9" "e\xCC\x81"),
		    "k=\xF0\x9F\x98\x80\xC3\xA9" "e\xCC\x81" },
		{ "emoji with a variation selector", BYTES("\xE2\x9D\xA4\xEF\xB8\x8F"),
		    "k=\xE2\x9D\xA4\xEF\xB8\x8F" },
		{ "Chinese and a blank", BYTES("\xE4\xB8\xAD \xE6\x96\x87"),
		    "k=\"\xE4\xB8\xAD \xE6\x96\x87\"" },
		{ "wide blank", BYTES("a\xE3\x80\x80" "b"), "k=\"a\xE3\x80\x80" "b\"" },
		{ "no-break space", BYTES("a\xC2\xA0" "b"), "k=\"a\xC2\xA0" "b\"" },
		{ "Chinese, cut", BYTES("\xE4\xB8\xAD\xE6\x96"), "k=\"\xE4\xB8\xAD\\xe6\\x96\"" },
		{ "override of the direction", BYTES("a\xE2\x80\xAE" "b"),
		    "k=\"a\\xe2\\x80\\xae" "b\"" },
		{ "isolate of a direction", BYTES("\xE2\x81\xA6"), "k=\"\\xe2\\x81\\xa6\"" },
		{ "line separator", BYTES("\xE2\x80\xA8"), "k=\"\\xe2\\x80\\xa8\"" },
		{ "zero width space", BYTES("\xE2\x80\x8B"), "k=\"\\xe2\\x80\\x8b\"" },
		{ "byte order mark", BYTES("\xEF\xBB\xBF"), "k=\"\\xef\\xbb\\xbf\"" },
		{ "soft hyphen", BYTES("\xC2\xAD"), "k=\"\\xc2\\xad\"" },
		{ "tag", BYTES("\xF3\xA0\x81\x81"), "k=\"\\xf3\\xa0\\x81\\x81\"" },
		{ "surrogate", BYTES("\xED\xA0\x80"), "k=\"\\xed\\xa0\\x80\"" },
		{ "GBK", BYTES("\xD6\xD0\xCE\xC4"), "k=\"\\xd6\\xd0\\xce\\xc4\"" },
		{ "C1", BYTES("\xC2\x9B"), "k=\"\\xc2\\x9b\"" },
		{ "no UTF-8", BYTES("\xFF"), "k=\"\\xff\"" },
		{ "punctuation stays", BYTES("/a?b&c:[1],{2}<3>%'"), "k=/a?b&c:[1],{2}<3>%'" },
	};
	const char	*path = begin_log();
	struct logline	 l;
	struct buf	 got;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		log_begin(&l, LEVEL_INFO, "t");
		log_bytes(&l, "k", cases[i].value);
		log_end(&l);
		got = take_log(path);
		check_bytes(cases[i].name, members(&got), slice_of(cases[i].want));
		buf_free(&got);
	}
	log_close();
}

/* Undoes the quoting of `k="..."`. */
static struct buf
unescape(struct slice s)
{
	struct buf	 b = { 0 };
	char		 hex[3] = "";
	size_t		 i;

	for (i = 3; i + 1 < s.len; i++) {
		if (s.p[i] == '\\' && s.p[i + 1] == 'x' && i + 4 < s.len) {
			memcpy(hex, s.p + i + 2, 2);
			assert_int_equal(buf_putc(&b, (char)strtoul(hex, NULL, 16)), ERR_OK);
			i += 3;
		} else {
			i += s.p[i] == '\\';
			assert_int_equal(buf_putc(&b, s.p[i]), ERR_OK);
		}
	}
	return b;
}

static bool
only_graphic(const struct buf *b)
{
	size_t	 i;

	for (i = 0; i + 1 < b->len; i++)
		if (b->p[i] < ' ' || b->p[i] > '~')
			return false;
	return b->len != 0 && b->p[b->len - 1] == '\n';
}

static int
line_ends(const struct buf *b)
{
	size_t	 i;
	int	 n = 0;

	for (i = 0; i < b->len; i++)
		n += b->p[i] == '\n';
	return n;
}

static void
no_raw_byte(void **state)
{
	const char	*path = begin_log();
	char		 all[256], name[16];
	struct buf	 got, back;
	struct logline	 l;
	unsigned	 i;

	(void)state;
	for (i = 0; i < 256; i++) {
		all[i] = (char)i;
		(void)snprintf(name, sizeof(name), "byte %02X", i);
		log_begin(&l, LEVEL_INFO, "t");
		log_bytes(&l, "k", (struct slice){ all + i, 1 });
		log_end(&l);
		got = take_log(path);
		CHECK(name, only_graphic(&got));
		buf_free(&got);
	}
	log_begin(&l, LEVEL_INFO, "t");
	log_bytes(&l, "k", (struct slice){ all, sizeof(all) });
	log_end(&l);
	got = take_log(path);
	CHECK("all in one", only_graphic(&got));
	back = unescape(members(&got));
	check_bytes("all come back", buf_slice(&back), (struct slice){ all, sizeof(all) });
	buf_free(&got);
	buf_free(&back);
	log_begin(&l, LEVEL_INFO, "a\nb");
	log_end(&l);
	log_msg(LEVEL_INFO, "t", "%s", "a\nb\x80");
	got = take_log(path);
	check_int("what and sentence too", line_ends(&got), 2);
	buf_free(&got);
	log_close();
}

static void
one_line_of(const char *name, const struct buf *got)
{
	CHECK(name, got->len <= LINE_MAX_BYTES);
	CHECK(name, only_graphic(got));
}

static bool
ends_cut(const struct buf *got)
{
	return got->len > 4 && memcmp(got->p + got->len - 4, "...\n", 4) == 0;
}

/* Values about as long as a line: they are whole, or their line ends with the mark of a cut. */
static void
cutting(void **state)
{
	static const struct {
		const char	*name;
		char		 fill;
		size_t		 width;		/* of one byte of the value, in the log */
	} cases[] = {
		{ "plain", 'a', 1 }, { "quoted", ' ', 1 }, { "backslash", '\\', 2 },
		{ "escaped", '\n', 4 },
	};
	static char	 fill[4096];
	const char	*path = begin_log();
	char		 name[40];
	struct logline	 l;
	struct buf	 got;
	size_t		 i, len;
	bool		 cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (len = 880 / cases[i].width; len <= 1100; len++) {
			(void)snprintf(name, sizeof(name), "%s, %zu bytes", cases[i].name, len);
			memset(fill, cases[i].fill, len);
			log_begin(&l, LEVEL_INFO, "t");
			log_bytes(&l, "k", (struct slice){ fill, len });
			log_end(&l);
			got = take_log(path);
			one_line_of(name, &got);
			cut = ends_cut(&got);
			CHECK(name, cut || members(&got).len >= 2 + len * cases[i].width);
			CHECK(name, cut || len < 1024);
			buf_free(&got);
		}
	log_close();
}

static void
cut_for_good(void **state)
{
	static char	 fill[4096];
	const char	*path = begin_log();
	struct logline	 l;
	struct buf	 got;
	int		 i;

	(void)state;
	memset(fill, 'a', sizeof(fill) - 1);
	log_begin(&l, LEVEL_INFO, fill);
	for (i = 0; i < 100; i++) {
		log_str(&l, fill, fill);
		log_bytes(&l, "b", (struct slice){ "\xFF", 1 });
		log_int(&l, "n", i);
	}
	log_end(&l);
	got = take_log(path);
	one_line_of("far too much", &got);
	CHECK("far too much", ends_cut(&got));
	buf_free(&got);
	log_msg(LEVEL_INFO, "t", "%s", fill);
	got = take_log(path);
	one_line_of("long sentence", &got);
	CHECK("long sentence", ends_cut(&got));
	buf_free(&got);
	log_close();
}

static bool
is_utf8(const struct buf *b)
{
	const char	*p = b->p, *end = p + b->len;
	bool		 valid = true;

	while (p != end && valid)
		(void)utf8_next(&p, end, &valid);
	return valid;
}

/* A line is cut between two characters, wherever its room ends. */
static void
cut_between_characters(void **state)
{
	static const char *const	 characters[] = {
		"\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80",
	};
	const char			*path = begin_log();
	struct logline			 l;
	struct buf			 text = { 0 }, got;
	size_t				 i, before;

	(void)state;
	for (i = 0; i < COUNT(characters); i++)
		for (before = 0; before < 8; before++) {
			buf_reset(&text);
			while (text.len < before)
				assert_int_equal(buf_putc(&text, i % 2 == 0 ? 'a' : ' '), ERR_OK);
			while (text.len < 1100)
				assert_int_equal(buf_puts(&text, characters[i]), ERR_OK);
			assert_int_equal(buf_putc(&text, '\0'), ERR_OK);
			log_begin(&l, LEVEL_INFO, "t");
			log_str(&l, "k", text.p);
			log_str(&l, "more", "a");
			log_end(&l);
			got = take_log(path);
			CHECK(characters[i], ends_cut(&got) && is_utf8(&got));
			buf_free(&got);
			log_msg(LEVEL_INFO, "t", "%s", text.p);
			got = take_log(path);
			CHECK(characters[i], is_utf8(&got));
			check_int(characters[i], line_ends(&got), 1);
			buf_free(&got);
		}
	buf_free(&text);
	log_close();
}

/* True: s is like shape, in which 0 stands for any digit. */
static bool
shaped(const char *s, const char *shape)
{
	for (; *shape != '\0'; s++, shape++)
		if (*shape == '0' ? !isdigit((unsigned char)*s) : *s != *shape)
			return false;
	return true;
}

static void
lines(void **state)
{
	static const struct {
		enum log_level	 level;
		const char	*want;
	} levels[LEVEL__MAX] = {
		{ LEVEL_DEBUG, "debug" }, { LEVEL_INFO, "info" }, { LEVEL_NOTICE, "notice" },
		{ LEVEL_WARNING, "warning" }, { LEVEL_ERROR, "error" },
	};
	static const char	 stamp[] = "time=0000-00-00T00:00:00.000Z level=";
	const char		*path = begin_log();
	char			 want[128];
	struct logline		 l;
	struct buf		 got;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(levels); i++) {
		log_begin(&l, levels[i].level, "push");
		log_str(&l, "s", "x y");
		log_str(&l, "none", NULL);
		log_int(&l, "i", -40001);
		log_int(&l, "min", INT64_MIN);
		log_int(&l, "max", INT64_MAX);
		log_end(&l);
		got = take_log(path);
		(void)snprintf(want, sizeof(want), "%s what=push s=\"x y\" none=\"\" i=-40001 "
		    "min=-9223372036854775808 max=9223372036854775807\n", levels[i].want);
		CHECK(levels[i].want, got.len > sizeof(stamp) && shaped(got.p, stamp));
		check_bytes(levels[i].want, (struct slice){ got.p + sizeof(stamp) - 1,
		    got.len - (sizeof(stamp) - 1) }, slice_of(want));
		buf_free(&got);
	}
	log_msg(LEVEL_WARNING, "t", "%s is %d", "x", 7);
	got = take_log(path);
	check_bytes("log_msg", members(&got), slice_of("msg=\"x is 7\""));
	buf_free(&got);
	log_close();
}

static void
targets(void **state)
{
	const char	*path = begin_log();
	char		 nowhere[256];
	struct stat	 st;
	struct buf	 got;

	(void)state;
	assert_int_equal(unlink(path), 0);
	check_int("new", log_open(path), 0);
	log_msg(LEVEL_INFO, "t", "1");
	check_int("again", log_open(path), 0);
	log_msg(LEVEL_INFO, "t", "2");
	(void)snprintf(nowhere, sizeof(nowhere), "%s/none/log", unit_dir());
	check_int("no such directory", log_open(nowhere), -1);
	check_int("a directory", log_open(unit_dir()), -1);
	log_msg(LEVEL_INFO, "t", "3");
	got = take_log(path);
	check_int("appended, and kept after a failure", line_ends(&got), 3);
	check_int("stat", stat(path, &st), 0);
	check_int("not for the world", st.st_mode & 07, 0);
	buf_free(&got);
	check_int("stderr", log_open("stderr"), 0);
	check_int("empty is stderr", log_open(""), 0);
	check_int("NULL is stderr", log_open(NULL), 0);
	log_close();
}

/* The levels that are written, for each lowest level. */
static void
least_level(void **state)
{
	const char	*path = begin_log();
	char		 name[40];
	enum log_level	 least, level;
	struct logline	 l;
	struct buf	 got;

	(void)state;
	for (least = 0; least < LEVEL__MAX; least++)
		for (level = 0; level < LEVEL__MAX; level++) {
			(void)snprintf(name, sizeof(name), "%s, from %s on",
			    error_level_names[level],
			    error_level_names[least]);
			log_set_level(least);
			check_int(name, log_wants(level), level >= least);
			log_begin(&l, level, "t");
			log_end(&l);
			log_msg(level, "t", "%s", "x");
			got = take_log(path);
			check_int(name, line_ends(&got), level >= least ? 2 : 0);
			buf_free(&got);
		}
	log_set_level(LEVEL_DEBUG);
	log_close();
}

static void
times(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 ms;
		const char	*want;
	} cases[] = {
		{ "the first", 0, "k=1970-01-01T00:00:00.000Z" },
		{ "before", -1, "k=1970-01-01T00:00:00.000Z" },
		{ "long before", INT64_MIN, "k=1970-01-01T00:00:00.000Z" },
		{ "leap day", INT64_C(1835395199999), "k=2028-02-28T23:59:59.999Z" },
		{ "and on", INT64_C(1835395200000), "k=2028-02-29T00:00:00.000Z" },
		{ "the last", INT64_C(253402300799999), "k=9999-12-31T23:59:59.999Z" },
		{ "behind", INT64_C(253402300800000), "k=9999-12-31T23:59:59.999Z" },
		{ "far behind", INT64_MAX, "k=9999-12-31T23:59:59.999Z" },
	};
	const char	*path = begin_log();
	struct logline	 l;
	struct buf	 got;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		log_begin(&l, LEVEL_INFO, "t");
		log_time(&l, "k", cases[i].ms);
		log_end(&l);
		got = take_log(path);
		check_bytes(cases[i].name, members(&got), slice_of(cases[i].want));
		buf_free(&got);
	}
	log_close();
}

/*
 * Rotation.
 */

static void
pass_ms(int64_t ms)
{
	(void)atomic_fetch_add(&clocks->mono_ahead_ms, ms);
}

static int
lines_in(const char *path)
{
	struct buf	 got = take_log(path);
	int		 n = line_ends(&got);

	buf_free(&got);
	return n;
}

static void
rotated(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], old[STATE_PATH];
	struct stat	 st;

	(void)state;
	state_path(path, dir, "log");
	state_path(old, dir, "log.1");
	check_int("open", log_open(path), 0);
	assert_int_equal(rename(path, old), 0);
	log_msg(LEVEL_INFO, "t", "1");
	check_int("nobody has looked", lines_in(old), 1);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "2");
	log_msg(LEVEL_INFO, "t", "3");
	check_int("in a new one", lines_in(path), 2);
	check_int("no more in the old one", lines_in(old), 0);
	check_int("stat", stat(path, &st), 0);
	check_int("not for the world", st.st_mode & 07, 0);

	assert_int_equal(unlink(path), 0);
	state_write(dir, "log", "before\n", 7);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "4");
	check_int("one that was made for it is appended to", lines_in(path), 2);
	log_msg(LEVEL_INFO, "t", "5");
	check_int("cut short and gone on", lines_in(path), 1);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "6");
	check_int("as it was", lines_in(path), 1);
	log_close();
	pass_ms(1001);
	assert_int_equal(unlink(path), 0);
	log_msg(LEVEL_DEBUG, "test_log", "this is on stderr");
	check_int("closed is closed", access(path, F_OK), -1);
}

/* If the new file cannot be opened, or is not a file, lines still go to the old one. */
static void
not_rotated(void **state)
{
	const char	*dir = state_new();
	char		 sub[STATE_PATH], away[STATE_PATH], path[STATE_PATH], old[STATE_PATH];

	(void)state;
	state_path(sub, dir, "sub");
	state_path(away, dir, "away");
	state_path(path, sub, "log");
	state_path(old, away, "log");
	assert_int_equal(mkdir(sub, 0700), 0);
	check_int("open", log_open(path), 0);
	assert_int_equal(rename(sub, away), 0);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "1");
	check_int("no directory", lines_in(old), 1);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "2");
	check_int("a pipe that nobody reads", lines_in(old), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "3");
	check_int("a directory", lines_in(old), 1);
	assert_int_equal(rmdir(path), 0);
	pass_ms(1001);
	log_msg(LEVEL_INFO, "t", "4");
	check_int("at last", lines_in(path), 1);
	log_close();
}

enum { THREADS = 4, LINES = 500, TURNS = 20 };


static void *
write_lines(void *arg)
{
	char		 value[200];
	struct logline	 l;
	int		 i;

	memset(value, *(char *)arg, sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (i = 0; i < LINES; i++) {
		log_begin(&l, LEVEL_INFO, "t");
		log_str(&l, "k", value);
		log_end(&l);
	}
	return NULL;
}

static void
threads_do_not_mix(void **state)
{
	const char	*path = begin_log(), *p, *end, *eol;
	char		 id[THREADS] = { 'a', 'b', 'c', 'd' };
	pthread_t	 t[THREADS];
	struct buf	 got;
	int		 i, n = 0, whole = 0;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_lines, &id[i]), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	got = take_log(path);
	for (p = got.p, end = p + got.len; p < end; p = eol + 1, n++) {
		assert_non_null(eol = memchr(p, '\n', (size_t)(end - p)));
		for (i = 1; i < 199 && eol - p > 199 && eol[-1 - i] == eol[-1]; i++)
			;
		whole += i == 199 && strncmp(p, "time=", 5) == 0;
	}
	check_int("lines", n, THREADS * LINES);
	check_int("whole ones", whole, THREADS * LINES);
	buf_free(&got);
	log_close();
}

/* While the log is rotated again and again, each line is whole in one of the files. */
static void
threads_and_rotation(void **state)
{
	const char	*dir = state_new();
	char		 path[STATE_PATH], old[STATE_PATH], name[16];
	char		 id[THREADS] = { 'a', 'b', 'c', 'd' };
	pthread_t	 t[THREADS];
	int		 i, n = 0, said = 0;

	(void)state;
	state_path(path, dir, "log");
	check_int("open", log_open(path), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_lines, &id[i]), 0);
	for (i = 0; i < TURNS; i++) {
		(void)snprintf(name, sizeof(name), "log.%d", i);
		state_path(old, dir, name);
		assert_int_equal(rename(path, old), 0);
		/* Another thread may have looked for a new file a moment before. */
		do {
			pass_ms(1001);
			log_msg(LEVEL_INFO, "t", "%d", i);
			said++;
		} while (access(path, F_OK) == -1);
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	for (i = 0; i < TURNS; i++) {
		(void)snprintf(name, sizeof(name), "log.%d", i);
		state_path(old, dir, name);
		n += lines_in(old);
	}
	check_int("lines", n + lines_in(path), THREADS * LINES + said);
	log_close();
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(escaping), TEST(no_raw_byte), TEST(cutting), TEST(cut_for_good), TEST(cut_between_characters),
		TEST(lines), TEST(least_level), TEST(times), TEST(targets), TEST(rotated),
		TEST(not_rotated), TEST(threads_do_not_mix), TEST(threads_and_rotation),
	};

	return RUN("log", tests);
}
