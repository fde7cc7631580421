#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "monitor/status.h"
#include "tests/unit/clocks.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { DAY_MS = 86400000, EVENT = 300, SEEN = 40, BODY = 1250, PATIENCE_MS = 60000 };

/* Two accounts with counters, and no store; the day is about to end. */
struct place {
	struct account	 accounts[2];
	struct conf	 conf;
	struct locks	*locks;
	struct counters	*counters;
	struct status	 st;
	struct buf	 signs;
};

static struct place *
status_place_new(void)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	p->accounts[0] = (struct account){ .path = "shop", .name = "The \xFF Shop" };
	p->accounts[1] = (struct account){ .path = "news", .name = "news" };
	p->conf.accounts = p->accounts;
	p->conf.n = COUNT(p->accounts);
	p->conf.set.state_dir = state_new();
	p->conf.set.late_s = 600;
	p->conf.set.log_flood = 1000000;
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	return p;
}

static void
status_place_free(struct place *p)
{
	status_free(&p->st);
	buf_free(&p->signs);
	counters_free(p->counters);
	lock_free(p->locks);
	free(p);
}

/* Appends "what account!" (a problem) or "what account?".  It is a health_state_each. */
static void
append_sign(void *ctx, const struct health_sign *s)
{
	if (strcmp(s->what, "disk") != 0)	/* the disk is the test host's own */
		(void)buf_printf(ctx, "%s %s%c\n", s->what, s->account, s->bad ? '!' : '?');
}

static void
check_signs(struct place *p, const char *name, const char *signs)
{
	status_free(&p->st);
	check_err(name, status_read(&p->st, &p->conf, true, NULL, NULL,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	buf_reset(&p->signs);
	status_judge(&p->st, append_sign, &p->signs);
	check_bytes(name, buf_slice(&p->signs), slice_of(signs));
}

static void
add_requests(struct place *p, int account, int days_ago, enum counter end, int times)
{
	const int64_t	 at_ms = clock_wall_ms() - days_ago * INT64_C(1) * DAY_MS;

	while (times-- > 0)
		counters_request(p->counters, &(struct counters_request){
			.account = &p->accounts[account], .end = end, .came_ms = at_ms, .ms = 8,
			.qt_ms = end == COUNTER_DELIVERED ? 5 : -1, .event = -1,
		});
}

static void
today(void **state)
{
	struct place		*p = status_place_new();
	struct status_counts	 n;

	(void)state;
	check_signs(p, "nothing", "");
	CHECK("nothing", p->st.counted);
	check_int("nothing", p->st.daily_bytes, -1);
	check_int("nothing", p->st.full_days, -1);
	status_count(&n, &p->st.today[0]);
	check_int("nothing", n.received, 0);
	check_int("no time", n.p50_ms, -1);
	check_int("no time at QT", n.qt_p99_ms, -1);

	add_requests(p, 0, 1, COUNTER_DELIVERED, 99);
	add_requests(p, 0, 0, COUNTER_DELIVERED, 5);
	add_requests(p, 0, 0, COUNTER_QUEUED, 4);
	add_requests(p, 0, 0, COUNTER_DEAD, 3);
	add_requests(p, 0, 0, COUNTER_REPEAT, 2);
	add_requests(p, 0, 0, COUNTER_UNSAFE, 1);
	add_requests(p, 0, 0, counters_refused(ERR_SIGNATURE, true), 7);
	counters_late(p->counters, &p->accounts[0], COUNTER_LATE_DELIVERED, clock_wall_ms());
	counters_late(p->counters, &p->accounts[0], COUNTER_LATE_DEAD, clock_wall_ms());
	check_signs(p, "a day", "unsafe The \xFF Shop?\n");
	status_count(&n, &p->st.today[0]);
	check_int("received", n.received, 22);
	check_int("delivered", n.delivered, 6);
	check_int("queued", n.queued, 4);
	check_int("dead", n.dead, 4);
	check_int("repeats", n.repeats, 2);
	check_int("refused", n.refused, 7);
	check_int("unsafe", n.unsafe, 1);
	check_int("p99", n.p99_ms, 8);
	check_int("at QT", n.qt_p50_ms, 5);
	status_count(&n, &p->st.today[1]);
	check_int("another's", n.received, 0);
	status_place_free(p);
}

static void
growth(void **state)
{
	struct place	*p = status_place_new();
	const int64_t	 file = 4096 + 3 * 24 * (int64_t)sizeof(struct counter_numbers);

	(void)state;
	add_requests(p, 0, 0, COUNTER_COLLECTED, 50);
	add_requests(p, 0, 0, COUNTER_DELIVERED, 10);
	check_signs(p, "the first day", "");
	check_int("the first day", p->st.daily_bytes, file + 50 * EVENT + 10 * SEEN);

	/* Three days, one of them without events.  Older days do not count. */
	add_requests(p, 0, 3, COUNTER_COLLECTED, 60);
	add_requests(p, 1, 1, COUNTER_COLLECTED, 30);
	add_requests(p, 1, 1, COUNTER_REPEAT, 3);
	check_signs(p, "three days", "");
	check_int("three days", p->st.daily_bytes, file + 30 * EVENT + SEEN);
	check_int("how long", p->st.full_days, p->st.health.free_bytes / p->st.daily_bytes);
	add_requests(p, 0, STATUS_DAYS + 1, COUNTER_COLLECTED, 100);
	check_signs(p, "and older ones", "");
	check_int("the same", p->st.daily_bytes, file + 30 * EVENT + SEEN);
	p->conf.set.keep_days = 1;
	check_signs(p, "with bodies", "");
	check_int("with bodies", p->st.daily_bytes, file + 30 * EVENT + SEEN + BODY);
	status_place_free(p);
}

static void
add_failures(struct log_ratelimit *f, const char *account, const char *error, const char *peer,
    int times)
{
	const struct log_ratelimit_failure	 x = {
		.level = LEVEL_NOTICE, .what = "request", .account = account, .error = error,
		.reason = "", .peer = slice_of(peer),
	};

	while (times-- > 0)
		log_ratelimit_end(f, NULL, &x);
}

static void
failures(void **state)
{
	struct place		*p = status_place_new();
	struct log_ratelimit	*f = log_ratelimit_new(&p->conf, p->locks);
	char			 error[LOG_RATELIMIT_TEXT];
	int			 i;

	(void)state;
	assert_non_null(f);
	add_failures(f, "shop", error_table[ERR_SIGNATURE].name, "192.0.2.1", 3);
	add_failures(f, "news", error_table[ERR_SIGNATURE].name, "192.0.2.1", 4);
	add_failures(f, "shop", error_table[ERR_SIGNATURE].name, "192.0.2.2", 5);
	for (i = 0; i < STATUS_FAILURES + 3; i++) {
		(void)snprintf(error, sizeof(error), "failure %d", i);
		add_failures(f, "shop", error, "", i + 1);
	}
	check_signs(p, "many", "");
	check_int("as many as there is room for", (int64_t)p->st.nfailures, STATUS_FAILURES);
	CHECK("no signatures", strncmp(p->st.failures[0].error, "failure ", 8) == 0);
	check_int("peers", (int64_t)p->st.nbad_peers, 2);
	check_text("most often", p->st.bad_peers[0].peer, "192.0.2.1");
	check_int("of all accounts", (int64_t)p->st.bad_peers[0].count, 7);
	check_int("the other", (int64_t)p->st.bad_peers[1].count, 5);
	log_ratelimit_free(f);
	status_place_free(p);
}

static void
unreadable_counters(void **state)
{
	struct place	*p = status_place_new();
	struct buf	 out = { 0 };
	char		 path[STATE_PATH], name[32], day[CALENDAR_DAY_TEXT];

	(void)state;
	calendar_day_text(day, calendar_day_at(clock_wall_ms() / 1000));
	(void)snprintf(name, sizeof(name), "qtoa.tally-%.4s%.2s%.2s", day, day + 5, day + 8);
	state_path(path, p->conf.set.state_dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
	check_signs(p, "no tally", "tally ?\n");
	CHECK("not counted", !p->st.counted);
	check_err("as JSON", status_json(&out, &p->st), ERR_OK);
	CHECK("null", buf_putc(&out, '\0') == ERR_OK && strstr(out.p, "\"received\":null") != NULL);
	CHECK("no foreign bytes", strstr(out.p, "\"The ? Shop\"") != NULL);
	buf_free(&out);
	status_place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(today), TEST(growth), TEST(failures), TEST(unreadable_counters),
	};

	return RUN("status", tests);
}
