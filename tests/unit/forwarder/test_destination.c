#include <stdio.h>
#include <string.h>

#include "forwarder/deliver.h"
#include "forwarder/destination.h"
#include "tests/unit/unit.h"

static struct account	 accounts[] = {
	{ .path = "a", .appid = "wx0", .token = "token", .mode = PLAIN, .qt_url = "https://qt/x",
	    .app_key = "k", .service_id = "i", .service_secret = "s",
	    .relays = { { .url = "https://one/" }, { .url = "https://two/" } } },
};
static const struct settings	 none;

static void
load(struct conf *c)
{
	assert_int_equal(conf_load_from(c, accounts, 1, &none, NULL, NULL), 0);
	assert_int_equal(conf_destinations(c), 3);
}

/* Each destination has a key of its own, and each leads back to the message's. */
static void
keys(void **state)
{
	unsigned char	 own[QUEUE_KEY], key[4][QUEUE_KEY];
	struct conf	 c;
	char		 name[32];
	size_t		 i, k;

	(void)state;
	load(&c);
	memset(own, 0x5A, sizeof(own));
	for (i = 0; i < 4; i++) {
		memcpy(key[i], own, sizeof(own));
		if (i < 3)
			destination_key(key[i], &c, &c.accounts[i]);
		else
			destination_whole_key(key[i]);
		(void)snprintf(name, sizeof(name), "key %zu", i);
		CHECK(name, (memcmp(key[i], own, sizeof(own)) == 0) == (i == 0));
		CHECK("the same time", memcmp(key[i], own, 8) == 0);
		for (k = 0; k < i; k++)
			CHECK(name, memcmp(key[i] + 9, key[k] + 9, 11) != 0);
	}
	for (i = 0; i < 3; i++) {
		destination_key(key[i], &c, &c.accounts[i]);
		CHECK("back again", memcmp(key[i], own, sizeof(own)) == 0);
	}
	conf_free(&c);
}

static const struct {
	int			 status;
	enum qt_outcome		 outcome;
	bool			 alive;
	enum queue_state	 state;
} cases[] = {
	{ 0, QT_RETRY, false, QUEUE_PENDING }, { 200, QT_DELIVERED, true, QUEUE_DELIVERED },
	{ 204, QT_DELIVERED, true, QUEUE_DELIVERED }, { 302, QT_CONFIG, false, QUEUE_PENDING },
	{ 400, QT_REFUSED, true, QUEUE_DEAD }, { 403, QT_CONFIG, false, QUEUE_PENDING },
	{ 404, QT_CONFIG, false, QUEUE_PENDING }, { 413, QT_REFUSED, true, QUEUE_DEAD },
	{ 422, QT_REFUSED, true, QUEUE_DEAD }, { 429, QT_RETRY, false, QUEUE_PENDING },
	{ 500, QT_RETRY, false, QUEUE_PENDING }, { 503, QT_RETRY, false, QUEUE_PENDING },
};

/* A relay's status alone counts, whatever its body is. */
static void
answers_of_relays(void **state)
{
	struct queue_message	 row;
	struct qt_result	 res = { .outcome = QT_RETRY };
	struct conf		 c;
	char			 name[32];
	size_t			 i;

	(void)state;
	load(&c);
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "status %d", cases[i].status);
		res.http.status = cases[i].status;
		res.http.why[0] = '\0';
		destination_classify(&res, &c, &c.accounts[1]);
		check_int(name, res.outcome, cases[i].outcome);
		check_int(name, res.alive, cases[i].alive);
		row = (struct queue_message){ .state = QUEUE_PENDING };
		destination_judge(&row, &res, &c, &c.accounts[1]);
		check_int(name, row.state, cases[i].state);
	}
	conf_free(&c);
}

/* After so many answers that are no success, it will not take the message. */
static void
patience(void **state)
{
	struct queue_message	 row = { .state = QUEUE_PENDING };
	struct qt_result	 res = { .http.status = 500 };
	struct conf		 c;
	int			 n = 0;

	(void)state;
	load(&c);
	destination_classify(&res, &c, &c.accounts[1]);
	for (; row.state == QUEUE_PENDING && n < 10000; n++)
		destination_judge(&row, &res, &c, &c.accounts[1]);
	check_int("answers", n, DELIVER_UNREAD_MAX);
	check_int("dead", row.state, QUEUE_DEAD);
	row = (struct queue_message){ .state = QUEUE_PENDING };
	res.http.status = 0;
	for (n = 0; n < 1000; n++)
		destination_judge(&row, &res, &c, &c.accounts[1]);
	check_int("silence is no answer", row.state, QUEUE_PENDING);
	conf_free(&c);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(keys), TEST(answers_of_relays), TEST(patience) };

	return RUN("destination", tests);
}
