#include <sys/stat.h>

#include "forwarder/services.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

static struct account	 account = {
	.path = "a", .name = "a", .appid = "wx0", .qt_url = "http://localhost/", .app_key = "k",
	.service_id = "i", .service_secret = "s",
};

/* All is there, and nothing is opened or made before it is needed. */
static void
opening(void **state)
{
	static _Atomic int64_t	 stop_ms;
	const char		*parent = state_new();
	char			 dir[STATE_PATH];
	struct conf		 c = { .accounts = &account, .n = 1 };
	struct services		 m;
	struct stat		 st;
	int			 i;

	(void)state;
	state_path(dir, parent, "new");
	c.set = (struct settings){ .state_dir = dir, .breaker_fails = 5, .dedupe_days = 7 };
	for (i = 0; i < 2; i++) {
		CHECK("opened", services_open(&m, &c, i == 0 ? STORE_SERVER : STORE_BRIEF,
		    i == 0 ? &stop_ms : NULL));
		CHECK("all is there", m.http != NULL && m.locks != NULL && m.store != NULL &&
		    m.dedup != NULL && m.breakers != NULL && m.conf == &c);
		check_int("for as long", m.life, i == 0 ? STORE_SERVER : STORE_BRIEF);
		check_int("nothing is made", stat(dir, &st), -1);
		services_close(&m);
		CHECK("nothing is left", m.http == NULL && m.dedup == NULL && m.store == NULL);
		services_close(&m);
	}
}

static void
stopping(void **state)
{
	_Atomic int64_t	 stop_ms = 0;
	struct services	 m = { .stop_ms = NULL };

	(void)state;
	CHECK("nobody can tell", !services_stopping(&m));
	m.stop_ms = &stop_ms;
	CHECK("nobody has told", !services_stopping(&m));
	stop_ms = 1;
	CHECK("told", services_stopping(&m));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(opening), TEST(stopping) };

	return RUN("means", tests);
}
