#include <errno.h>
#include <string.h>

#include "cli/verb.h"
#include "cli/zh/zh.h"
#include "core/error.h"
#include "core/format.h"
#include "core/utf8.h"
#include "report/questions.h"
#include "tests/unit/unit.h"

static const struct lang_row *
row_of(const char *english)
{
	const struct lang_row *const	*table;
	const struct lang_row		*r;

	for (table = zh_tables; *table != NULL; table++)
		for (r = *table; r->english != NULL; r++)
			if (strcmp(r->english, english) == 0)
				return r;
	return NULL;
}

static bool
is_printable(const char *text)
{
	const char	*end = text + strlen(text);

	while (text != end)
		if (*text == '\n')
			text++;
		else if (!utf8_skip_printable(&text, end))
			return false;
	return true;
}

static void
rows(void **state)
{
	const struct lang_row *const	*table;
	const struct lang_row		*r;

	(void)state;
	for (table = zh_tables; *table != NULL; table++)
		for (r = *table; r->english != NULL; r++) {
			CHECK(r->english, row_of(r->english) == r);
			CHECK(r->english, *r->chinese != '\0' && is_printable(r->chinese));
		}
}

static void
check_row(const char *english)
{
	CHECK(english, *english == '\0' || row_of(english) != NULL);
}

static void
verbs(void **state)
{
	const struct verb		*v;
	const struct verb_option	*o;
	const struct lang_row		*r;

	(void)state;
	for (v = verb_table; v->name != NULL; v++) {
		check_row(v->what);
		check_row(v->about);
		check_row(v->status);
		/* the list of verbs has lines of 100 columns */
		if ((r = row_of(v->what)) != NULL)
			CHECK(v->name, format_columns(slice_of(r->chinese)) <= 57);
		for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++)
			check_row(o->what);
	}
}

static void
errors(void **state)
{
	static const int		 usual[] = {
		ENOENT, EACCES, EPERM, ENOSPC, EDQUOT, EFBIG, EROFS, ENOTDIR, EISDIR, EEXIST,
		ENAMETOOLONG, ELOOP, EMFILE, ENFILE, ENOLCK, ENOMEM, EIO, EBUSY, ETXTBSY, ENXIO,
		EINVAL, ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH,
	};
	const struct error_info		*e;
	size_t				 i, n;

	(void)state;
	for (e = error_table + 1; e != error_table + ERR__MAX; e++) {
		check_row(e->name);
		check_row(e->hint);
	}
	for (i = 0; i < COUNT(usual); i++)
		check_row(strerror(usual[i]));
	for (n = 0; zh_errno[n].english != NULL; n++)
		;
	check_int("no other row", (int64_t)n, (int64_t)COUNT(usual));
}

/* The titles of the table of today stand over its columns. */
static void
titles(void **state)
{
	const char	*english = "received delivered queued dead repeats refused p50/99 ms  "
			     "QT 50/99";
	const char	*chinese = row_of(english)->chinese;

	(void)state;
	check_int("columns", format_columns(slice_of(chinese)), format_columns(slice_of(english)));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(rows), TEST(verbs), TEST(errors), TEST(titles),
	};

	return RUN("zh", tests);
}
