#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

/* An error without a row would have a NULL for its name and status 0. */
static void
every_kind_has_a_row(void **state)
{
	char	 nr[24];
	int	 i, j;

	(void)state;
	for (i = 0; i < ERR__MAX; i++) {
		(void)snprintf(nr, sizeof(nr), "row %d", i);
		if (!CHECK(nr, error_table[i].name != NULL && *error_table[i].name != '\0'))
			continue;
		CHECK(error_table[i].name, error_table[i].status >= 200 &&
		    error_table[i].status <= 599);
		CHECK(error_table[i].name, error_table[i].level < LEVEL__MAX);
		CHECK(error_table[i].name, error_table[i].hint != NULL);
		for (j = 0; j < i; j++)
			CHECK(error_table[i].name, error_table[j].name == NULL ||
			    strcmp(error_table[i].name, error_table[j].name) != 0);
	}
}

/* Each error's HTTP status and WeChat's number. */
static void
status_and_number(void **state)
{
	static const struct {
		enum error	 er;
		int		 status, wechat;
	} rows[] = {
		{ ERR_OK, 200, 0 },
		{ ERR_NOMEM, 503, 0 },
		{ ERR_CONF, 503, 0 },
		{ ERR_REQUEST, 400, 0 },
		{ ERR_PATH, 404, 0 },
		{ ERR_METHOD, 405, 0 },
		{ ERR_TOOBIG, 413, 0 },
		{ ERR_LATE, 503, 0 },
		{ ERR_PARAM, 403, -40001 },
		{ ERR_SIGNATURE, 403, -40001 },
		{ ERR_STALE, 403, -40001 },
		{ ERR_XML, 403, -40002 },
		{ ERR_AESKEY, 403, -40004 },
		{ ERR_BASE64, 403, -40010 },
		{ ERR_AES, 403, -40007 },
		{ ERR_BUFFER, 403, -40008 },
		{ ERR_APPID, 403, -40005 },
		{ ERR_REPLAY, 200, 0 },
		{ ERR_FORWARD, 200, 0 },
		{ ERR_REFUSED, 200, 0 },
		{ ERR_STORE, 503, 0 },
		{ ERR_ADDRESS, 403, 0 },
		{ ERR_HOST, 403, 0 },
		{ ERR_BUSY, 503, 0 },
		{ ERR_KEY, 403, 0 },
		{ ERR_OFTEN, 429, 0 },
		{ ERR_TOKEN, 503, 0 },
		{ ERR_SERVED, 503, 0 },
		{ ERR_LIBCURL, 503, 0 },
		{ ERR_PEER, 403, 0 },
		{ ERR_ANSWER, 503, 0 },
	};
	size_t	 i;

	(void)state;
	assert_int_equal(COUNT(rows), ERR__MAX);
	for (i = 0; i < COUNT(rows); i++) {
		check_int("in order", rows[i].er, (int64_t)i);
		check_int(error_table[i].name, error_table[i].status, rows[i].status);
		check_int(error_table[i].name, error_table[i].wechat, rows[i].wechat);
	}
}

/*
 * A forger must not learn which check refused the request: all errors with a number of WeChat's
 * have status 403, and so have a wrong address and a wrong key.
 */
static void
forgeries_look_alike(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < ERR__MAX; i++)
		CHECK(error_table[i].name, (error_table[i].status == 403) ==
		    (error_table[i].wechat != 0 || i == ERR_ADDRESS || i == ERR_HOST ||
		    i == ERR_KEY || i == ERR_PEER));
}

/* Each error of level error has a hint that says what to do. */
static void
our_faults_have_a_hint(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < ERR__MAX; i++)
		if (error_table[i].level == LEVEL_ERROR)
			CHECK(error_table[i].name, *error_table[i].hint != '\0');
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(every_kind_has_a_row), TEST(status_and_number), TEST(forgeries_look_alike),
		TEST(our_faults_have_a_hint),
	};

	return RUN("error", tests);
}
