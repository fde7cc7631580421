#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "monitor/alert.h"
#include "monitor/alert_file.h"
#include "tests/unit/clocks.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { AFTER_S = 60, PROCESSES = 3, MINUTE_MS = 60000 };

/* Processes that share a state directory, in turn, and a receiver. */
struct place {
	struct conf		 conf;
	struct peer		*peer;
	char			 url[PEER_URL];
	struct services		 services[PROCESSES];
	struct alert		*alerts[PROCESSES];
	_Atomic int64_t		 stop_ms;
	int			 turn;
};

static void
begin(struct place *p, const char *path)
{
	static struct account	 accounts[] = {
		{ .path = "shop", .name = "shop", .qt_url = "http://127.0.0.1:9/" },
	};
	int			 i;

	memset(p, 0, sizeof(*p));
	assert_non_null(p->peer = peer_new());
	peer_url(p->peer, p->url, path);
	p->conf.accounts = accounts;
	p->conf.n = COUNT(accounts);
	p->conf.set = (struct settings){
		.state_dir = state_new(), .alert_url = p->url, .alert_after_s = AFTER_S,
		.alert_per_hour = 10, .connect_ms = 1000, .late_s = 600, .breaker_fails = 5,
		.threads = 1, .dedupe_days = 7,
	};
	for (i = 0; i < PROCESSES; i++) {
		assert_true(services_open(&p->services[i], &p->conf, ALERT_SERVICES, STORE_BRIEF,
		    &p->stop_ms));
		assert_non_null(p->alerts[i] = alert_new(&p->services[i]));
	}
	clocks->wall_ms = CLOCKS_FIRST_MS + 12 * 60 * MINUTE_MS;
}

static void
end(struct place *p)
{
	int	 i;

	for (i = 0; i < PROCESSES; i++) {
		alert_free(p->alerts[i]);
		services_close(&p->services[i]);
	}
	peer_free(p->peer);
	clocks->wall_ms = 0;
}

/* Each process looks, in an order that is another one each time, as the clock goes on. */
static void
look_for(struct place *p, int64_t ms)
{
	const int64_t	 until_ms = clocks->wall_ms + ms;
	int		 i;

	while (clocks->wall_ms < until_ms) {
		clocks->wall_ms += alert_pause_ms(&p->conf);
		for (i = 0; i < PROCESSES; i++)
			alert_look(p->alerts[(p->turn + i) % PROCESSES],
			    clock_mono_ms() + 2000);
		p->turn++;
	}
}

/* Something that health_state.h calls a warning. */
static void
warn(struct place *p, bool there)
{
	char	 path[STATE_PATH];

	state_path(path, p->conf.set.state_dir, "qtoa.db.gone-1");
	if (there)
		state_write(p->conf.set.state_dir, "qtoa.db.gone-1", "", 0);
	else
		assert_int_equal(unlink(path), 0);
}

static void
each_change_once(void **state)
{
	static struct place	 p;

	(void)state;
	begin(&p, "ok");
	look_for(&p, 5 * MINUTE_MS);
	check_int("all is well", peer_requests(p.peer), 0);
	warn(&p, true);
	look_for(&p, MINUTE_MS);
	check_int("not yet", peer_requests(p.peer), 0);
	look_for(&p, MINUTE_MS);
	check_int("begun", peer_requests(p.peer), 1);
	look_for(&p, 120 * MINUTE_MS);
	check_int("once", peer_requests(p.peer), 1);
	warn(&p, false);
	look_for(&p, 3 * MINUTE_MS);
	check_int("over", peer_requests(p.peer), 2);
	look_for(&p, 120 * MINUTE_MS);
	check_int("once", peer_requests(p.peer), 2);
	end(&p);
}

/* What the file says of a receiver that refuses: so many tries, then no more. */
static void
refusing(void **state)
{
	static struct place		 p;
	static struct alert_file_state	 st;

	(void)state;
	begin(&p, "refuse");
	peer_say(p.peer, "/refuse", "500 No", "", false);
	warn(&p, true);
	look_for(&p, 2 * MINUTE_MS + 1000);
	check_int("tries soon", peer_requests(p.peer), 3);
	look_for(&p, 240 * MINUTE_MS);
	check_int("tries", peer_requests(p.peer), ALERT_TRIES);
	assert_true(alert_file_read(&st, p.conf.set.state_dir));
	check_int("given up", st.failed, 1);
	check_int("sent", st.sent, 0);
	check_int("missed", st.missed, 1);
	peer_say(p.peer, "/refuse", "200 OK", "", false);
	look_for(&p, 240 * MINUTE_MS);
	check_int("it stays given up", peer_requests(p.peer), ALERT_TRIES);
	warn(&p, false);
	look_for(&p, 3 * MINUTE_MS);
	check_int("the end is told", peer_requests(p.peer), ALERT_TRIES + 1);
	assert_true(alert_file_read(&st, p.conf.set.state_dir));
	check_int("sent", st.sent, 1);
	check_int("nothing is missed any more", st.missed, 0);
	end(&p);
}

/* While a message cannot be sent, its end makes it needless. */
static void
overtaken(void **state)
{
	static struct place		 p;
	static struct alert_file_state	 st;

	(void)state;
	begin(&p, "refuse");
	peer_say(p.peer, "/refuse", "500 No", "", false);
	warn(&p, true);
	look_for(&p, 2 * MINUTE_MS);
	warn(&p, false);
	look_for(&p, 5 * MINUTE_MS);
	peer_say(p.peer, "/refuse", "200 OK", "", false);
	look_for(&p, 60 * MINUTE_MS);
	CHECK("few tries", peer_requests(p.peer) <= 3);
	assert_true(alert_file_read(&st, p.conf.set.state_dir));
	check_int("nothing sent", st.sent, 0);
	check_int("nothing waits", st.nsigns, 0);
	check_int("missed", st.missed, 2);
	end(&p);
}

struct stopper {
	struct place	*p;
	int64_t		 ms;
};

static void *
look_once(void *arg)
{
	struct stopper	*s = arg;
	const int64_t	 begin_ms = clock_mono_ms();

	alert_look(s->p->alerts[0], begin_ms + 60000);
	s->ms = clock_mono_ms() - begin_ms;
	return NULL;
}

/* The program stops while a receiver is silent. */
static void
stopped(void **state)
{
	static struct place	 p;
	struct stopper		 s = { .p = &p };
	pthread_t		 thread;

	(void)state;
	begin(&p, "silent");
	warn(&p, true);
	look_for(&p, MINUTE_MS);
	clocks->wall_ms += 2 * MINUTE_MS;
	assert_int_equal(pthread_create(&thread, NULL, look_once, &s), 0);
	peer_await(p.peer, 1);
	alert_look(p.alerts[1], clock_mono_ms() + 60000);	/* another one does not wait */
	p.stop_ms = clock_mono_ms();
	assert_int_equal(pthread_join(thread, NULL), 0);
	CHECK("soon", s.ms < 20000);
	check_int("one request", peer_requests(p.peer), 1);
	end(&p);
}

/* One who does not want alerts has no file of them. */
static void
unwanted(void **state)
{
	static struct place	 p;
	char			 path[STATE_PATH];

	(void)state;
	begin(&p, "ok");
	p.conf.set.alert_url = NULL;
	warn(&p, true);
	look_for(&p, 10 * MINUTE_MS);
	check_int("requests", peer_requests(p.peer), 0);
	check_int("files", state_count(p.conf.set.state_dir, "qtoa.alerts", path), 0);
	end(&p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(each_change_once), TEST(refusing), TEST(overtaken), TEST(stopped),
		TEST(unwanted),
	};

	return RUN("alert", tests);
}
