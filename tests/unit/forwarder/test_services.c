#include <sys/stat.h>

#include "forwarder/services.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static struct account	 account = {
	.path = "a", .name = "a", .appid = "wx0", .qt_url = "http://localhost/", .app_key = "k",
	.service_id = "i", .service_secret = "s",
};

/* The handles that are not NULL, as bits. */
static unsigned
handles_of(const struct services *s)
{
	return (s->http != NULL ? SERVICES_HTTP : 0u) | (s->locks != NULL ? SERVICES_LOCKS : 0u) |
	    (s->store != NULL ? SERVICES_STORE : 0u) | (s->dedup != NULL ? SERVICES_DEDUP : 0u) |
	    (s->breakers != NULL ? SERVICES_BREAKERS : 0u) |
	    (s->counters != NULL ? SERVICES_COUNTERS : 0u) |
	    (s->log_ratelimit != NULL ? SERVICES_LOG_RATELIMIT : 0u) |
	    (s->tokens != NULL ? SERVICES_TOKENS : 0u);
}

/* Handles are made with those that they need, and without a file. */
static void
opening(void **state)
{
	static const struct {
		const char	*name;
		unsigned	 need, more, want;
	} cases[] = {
		{ "nothing", 0, 0, 0 },
		{ "http", SERVICES_HTTP, 0, SERVICES_HTTP },
		{ "breakers", SERVICES_BREAKERS, 0, SERVICES_BREAKERS },
		{ "a store needs locks", SERVICES_STORE, 0, SERVICES_STORE | SERVICES_LOCKS },
		{ "dedup needs locks", SERVICES_DEDUP, 0, SERVICES_DEDUP | SERVICES_LOCKS },
		{ "counters need locks", SERVICES_COUNTERS, 0,
		    SERVICES_COUNTERS | SERVICES_LOCKS },
		{ "the log's rate limit needs locks", SERVICES_LOG_RATELIMIT, 0,
		    SERVICES_LOG_RATELIMIT | SERVICES_LOCKS },
		{ "tokens need http and the store", SERVICES_TOKENS, 0,
		    SERVICES_TOKENS | SERVICES_HTTP | SERVICES_LOCKS | SERVICES_STORE },
		{ "forwarding", SERVICES_FORWARDING, 0, SERVICES_FORWARDING },
		{ "more than before", SERVICES_STORE, SERVICES_STORE | SERVICES_HTTP,
		    SERVICES_STORE | SERVICES_LOCKS | SERVICES_HTTP },
		{ "all", SERVICES_FORWARDING, SERVICES_TOKENS,
		    SERVICES_FORWARDING | SERVICES_TOKENS },
	};
	static _Atomic int64_t	 stop_ms;
	const char		*parent = state_new();
	char			 dir[STATE_PATH];
	struct conf		 c = { .accounts = &account, .n = 1 };
	struct services		 s;
	struct stat		 st;
	struct store		*store;
	size_t			 i;

	(void)state;
	state_path(dir, parent, "new");
	c.set = (struct settings){ .state_dir = dir, .breaker_fails = 5, .dedupe_days = 7 };
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(cases[i].name, services_open(&s, &c, cases[i].need,
		    i % 2 == 0 ? STORE_SERVER : STORE_BRIEF, i % 2 == 0 ? &stop_ms : NULL));
		store = s.store;
		CHECK(cases[i].name, services_add(&s, cases[i].more));
		CHECK(cases[i].name, store == NULL || s.store == store);
		check_int(cases[i].name, handles_of(&s), cases[i].want);
		check_int(cases[i].name, s.life, i % 2 == 0 ? STORE_SERVER : STORE_BRIEF);
		check_int("nothing is made", stat(dir, &st), -1);
		services_close(&s);
		check_int("nothing is left", handles_of(&s), 0);
		services_close(&s);
	}
}

static void
told_to_stop(void **state)
{
	_Atomic int64_t	 stop_ms = 0;
	struct services	 s = { .stop_ms = NULL };

	(void)state;
	CHECK("nobody can tell", !services_stopping(&s));
	s.stop_ms = &stop_ms;
	CHECK("nobody has told", !services_stopping(&s));
	stop_ms = 1;
	CHECK("told", services_stopping(&s));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(opening), TEST(told_to_stop) };

	return RUN("services", tests);
}
