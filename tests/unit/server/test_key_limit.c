#include <stdio.h>

#include "server/key_limit.h"
#include "tests/unit/unit.h"

static const struct account	accounts[2];

static int64_t
left(struct key_limit *k, int account, const char *peer, int64_t now_ms)
{
	return key_limit_left_ms(k, &accounts[account], slice_of(peer), now_ms);
}

static void
add(struct key_limit *k, int account, const char *peer, int64_t now_ms, int n)
{
	for (; n > 0; n--)
		key_limit_add(k, &accounts[account], slice_of(peer), now_ms);
}

static void
limit(void **state)
{
	struct key_limit	*k = key_limit_new();

	(void)state;
	assert_non_null(k);
	check_int("nothing yet", left(k, 0, "192.0.2.1", 0), 0);
	add(k, 0, "192.0.2.1", 1000, KEY_LIMIT_TRIES - 1);
	check_int("one less", left(k, 0, "192.0.2.1", 1000), 0);
	add(k, 0, "192.0.2.1", 5000, 1);
	check_int("all", left(k, 0, "192.0.2.1", 5000), KEY_LIMIT_MS - 4000);
	check_int("mapped", left(k, 0, "::ffff:192.0.2.1", 5000), KEY_LIMIT_MS - 4000);
	check_int("another address", left(k, 0, "192.0.2.2", 5000), 0);
	check_int("another account", left(k, 1, "192.0.2.1", 5000), 0);
	check_int("no address", left(k, 0, NULL, 5000), 0);
	check_int("the last moment", left(k, 0, "192.0.2.1", KEY_LIMIT_MS + 999), 1);
	check_int("over", left(k, 0, "192.0.2.1", KEY_LIMIT_MS + 1000), 0);
	add(k, 0, "192.0.2.1", KEY_LIMIT_MS + 1000, 1);
	check_int("it begins again", left(k, 0, "192.0.2.1", KEY_LIMIT_MS + 1000), 0);
	add(k, 0, "2001:db8::1", 0, 5);
	add(k, 0, "2001:db8::ffff:0:0:2", 0, 5);
	check_int("a network", left(k, 0, "2001:db8::3", 0), KEY_LIMIT_MS);
	check_int("another network", left(k, 0, "2001:db8:0:1::3", 0), 0);
	add(k, 0, "unix:", 0, 20);
	check_int("no addresses", left(k, 0, NULL, 0), KEY_LIMIT_MS);
	key_limit_free(k);
	key_limit_free(NULL);
}

/* A flood from everywhere does not forget the address that guesses. */
static void
full(void **state)
{
	struct key_limit	*k = key_limit_new();
	char			 peer[24];
	int			 i;

	(void)state;
	assert_non_null(k);
	add(k, 0, "192.0.2.1", 0, KEY_LIMIT_TRIES);
	for (i = 0; i < 3 * KEY_LIMIT_PLACES; i++) {
		(void)snprintf(peer, sizeof(peer), "10.0.%d.%d", i / 256, i % 256);
		add(k, 0, peer, 1, 1);
	}
	check_int("still", left(k, 0, "192.0.2.1", 1), KEY_LIMIT_MS - 1);
	check_int("others", left(k, 0, "192.0.2.2", 1), 0);
	key_limit_free(k);
}

static void
none(void **state)
{
	(void)state;
	add(NULL, 0, "192.0.2.1", 0, 2 * KEY_LIMIT_TRIES);
	check_int("no limit", left(NULL, 0, "192.0.2.1", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest	 t[] = { TEST(limit), TEST(full), TEST(none) };

	return RUN("key_limit", t);
}
