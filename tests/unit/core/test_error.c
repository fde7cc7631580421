#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* The table itself: a kind without a row would be a NULL in the log and status 0. */
static void
every_kind_has_a_row(void **state)
{
	char	 nr[24];
	int	 i, j;

	(void)state;
	for (i = 0; i < QT__MAX; i++) {
		(void)snprintf(nr, sizeof(nr), "row %d", i);
		if (!CHECK(nr, errs[i].name != NULL && *errs[i].name != '\0'))
			continue;
		CHECK(errs[i].name, errs[i].status >= 200 && errs[i].status <= 599);
		CHECK(errs[i].name, errs[i].level < LEVEL__MAX);
		CHECK(errs[i].name, errs[i].hint != NULL);
		for (j = 0; j < i; j++)
			CHECK(errs[i].name, errs[j].name == NULL ||
			    strcmp(errs[i].name, errs[j].name) != 0);
	}
}

/* What the outside sees and what the log says of each kind. */
static void
status_and_number(void **state)
{
	static const struct {
		enum qt_err	 er;
		int		 status, wechat;
	} rows[] = {
		{ QT_OK, 200, 0 },
		{ QT_ENOMEM, 503, 0 },
		{ QT_ECONF, 503, 0 },
		{ QT_EREQUEST, 400, 0 },
		{ QT_EPATH, 404, 0 },
		{ QT_EMETHOD, 405, 0 },
		{ QT_ETOOBIG, 413, 0 },
		{ QT_ELATE, 503, 0 },
		{ QT_EPARAM, 403, -40001 },
		{ QT_ESIGNATURE, 403, -40001 },
		{ QT_ESTALE, 403, -40001 },
		{ QT_EXML, 403, -40002 },
		{ QT_EAESKEY, 403, -40004 },
		{ QT_EBASE64, 403, -40010 },
		{ QT_EAES, 403, -40007 },
		{ QT_EBUFFER, 403, -40008 },
		{ QT_EAPPID, 403, -40005 },
		{ QT_ECRYPTO, 503, 0 },
		{ QT_EFORWARD, 200, 0 },
		{ QT_EREFUSED, 200, 0 },
		{ QT_ESTORE, 503, 0 },
		{ QT_EADDRESS, 403, 0 },
		{ QT_EBUSY, 503, 0 },
		{ QT_EKEY, 403, 0 },
		{ QT_EOFTEN, 429, 0 },
		{ QT_ETOKEN, 503, 0 },
		{ QT_ESERVED, 503, 0 },
	};
	size_t	 i;

	(void)state;
	assert_int_equal(COUNT(rows), QT__MAX);
	for (i = 0; i < COUNT(rows); i++) {
		check_int("in order", rows[i].er, (int64_t)i);
		check_int(errs[i].name, errs[i].status, rows[i].status);
		check_int(errs[i].name, errs[i].wechat, rows[i].wechat);
	}
}

/*
 * A forger must not learn which check refused: all of WeChat's numbers look alike, and so do
 * the refusals that are ours.
 */
static void
forgeries_look_alike(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < QT__MAX; i++)
		CHECK(errs[i].name, (errs[i].wechat != 0 || i == QT_EADDRESS || i == QT_EKEY) ==
		    (errs[i].status == 403));
}

/* Who reads the log of a fault that is ours is told what to do. */
static void
our_faults_have_a_hint(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < QT__MAX; i++)
		if (errs[i].level == LEVEL_ERROR)
			CHECK(errs[i].name, *errs[i].hint != '\0');
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(every_kind_has_a_row), TEST(status_and_number),
		TEST(forgeries_look_alike), TEST(our_faults_have_a_hint),
	};

	return RUN("err", tests);
}
