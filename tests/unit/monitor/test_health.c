#include <string.h>

#include "monitor/health.h"
#include "tests/unit/unit.h"

static struct account	 accounts[] = {
	{ .path = "shop", .name = "a \"quoted\" \xE5\xBA\x97\xFF\n" },
	{ .path = "news", .name = "news" },
};
static struct conf	 conf = {
	.set = { .state_dir = "/s", .late_s = 600, .breaker_fails = 5 }, .accounts = accounts,
	.n = COUNT(accounts),
};

#define NAME	"\"a \\\"quoted\\\" \xE5\xBA\x97\xEF\xBF\xBD\\n\""
#define DEAD	"{\"what\":\"dead\",\"account\":\"news\",\"text\":\"1 dead message waits " \
		"for people, the oldest for 5 s: QT has refused it, or its answer cannot be " \
		"read; run: qtoa queue list, then show, and retry or drop\"}"

static const struct body_case {
	const char		*name;
	enum breaker_gate	 gate;		/* of the first account */
	int64_t			 dead;		/* of the second */
	bool			 readable, well;
	const char		*want;
} body_cases[] = {
	{ "well", GATE_GO, 0, true, true,
	    "{\"status\":\"ok\",\"problems\":[],\"warnings\":[]}\n" },
	{ "a warning", GATE_GO, 1, true, true,
	    "{\"status\":\"ok\",\"problems\":[],\"warnings\":[" DEAD "]}\n" },
	{ "problems", GATE_STOPPED, 0, false, false,
	    "{\"status\":\"failing\",\"problems\":[{\"what\":\"store\",\"account\":\"\",\"text\":"
	    "\"the store cannot be read: \\\"why\\\": what QT does not confirm is answered 503; "
	    "look at the owner, permissions and free space of "
	    "/s\"},{\"what\":\"stopped\",\"account\":" NAME ",\"text\":\"QT refuses the account's "
	    "signature or keys, its messages wait; next probe now: fix app_key, service_id, "
	    "service_secret and restart, or run: qtoa queue retry shop\"}],\"warnings\":[]}\n" },
	{ "both", GATE_BROKEN, 1, true, false,
	    "{\"status\":\"failing\",\"problems\":[{\"what\":\"breaker\",\"account\":" NAME
	    ",\"text\":\"QT has not answered 5 times in a row: messages go to the queue until it "
	    "does; next probe now; run: qtoa check\"}],\"warnings\":[" DEAD "]}\n" },
};

static struct health_state
state_of(const struct body_case *c, struct health_account ha[2])
{
	ha[0] = (struct health_account){ .account = &accounts[0], .gate = c->gate };
	ha[1] = (struct health_account){
		.account = &accounts[1], .dead = c->dead, .dead_age_ms = 5000,
	};
	return (struct health_state){
		.conf = &conf, .now_ms = 1, .usable = true, .readable = c->readable,
		.writable = true, .why = "\"why\"", .free_bytes = -1, .accounts = ha, .n = 2,
	};
}

static void
bodies(void **state)
{
	struct health_account	 ha[2];
	struct health_state	 h;
	struct buf		 out = { 0 };
	bool			 well;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(body_cases); i++) {
		h = state_of(&body_cases[i], ha);
		check_err(body_cases[i].name, health_make(&out, &well, &h), ERR_OK);
		check_int(body_cases[i].name, well, body_cases[i].well);
		check_bytes(body_cases[i].name, buf_slice(&out), slice_of(body_cases[i].want));
	}
	buf_free(&out);
}

/* ERR_NOMEM is returned wherever memory runs out. */
static void
health_no_memory(void **state)
{
	const struct body_case	*c = &body_cases[COUNT(body_cases) - 1];
	struct health_account	 ha[2];
	struct health_state	 h = state_of(c, ha);
	enum error		 er = ERR_NOMEM;
	struct buf		 out = { 0 };
	unsigned		 n;
	bool			 well;

	(void)state;
	for (n = 1; er != ERR_OK; n++) {
		buf_free(&out);
		unit_memory = n;
		er = health_make(&out, &well, &h);
		CHECK("no memory", er == (unit_memory == 0 ? ERR_NOMEM : ERR_OK));
	}
	unit_memory = 0;
	CHECK("some were needed", n > 3);
	check_bytes("at last", buf_slice(&out), slice_of(c->want));
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(bodies), TEST(health_no_memory) };

	return RUN("health", tests);
}
