#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/metrics.h"
#include "state/counters.h"
#include "state/lock.h"
#include "state/reply_table.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { ACCOUNTS = 8 };

static const char	golden[] = "tests/vectors/metrics.txt";

/* A configuration, its counters and its state. */
struct place {
	struct account		 accounts[ACCOUNTS];
	struct conf		 conf;
	struct health_account	 now[ACCOUNTS];
	struct health_state	 health;
	struct locks		*locks;
	struct counters		*counters;
	struct buf		 page;
};

static void
configure_account(struct place *p, const char *path, const char *name)
{
	const size_t	 i = p->conf.n++;

	assert_true(i < ACCOUNTS);
	p->accounts[i].path = path;
	p->accounts[i].name = name;
	p->now[i] = (struct health_account){
		.account = &p->accounts[i], .pending_age_ms = -1, .dead_age_ms = -1,
		.token_age_s = -1, .token_left_s = -1, .token_fails = -1,
		.datacube_s = -1, .missing = -1, .missing_s = -1,
	};
	p->health.n = p->conf.n;
}

static struct place *
metrics_place_new(const char *dir)
{
	struct place	*p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->conf.accounts = p->accounts;
	p->conf.set.state_dir = dir;
	p->health = (struct health_state){
		.conf = &p->conf, .usable = true, .readable = true, .writable = true,
		.db_bytes = -1, .state_bytes = -1, .free_bytes = -1, .disk_bytes = -1,
		.margin_bytes = -1,
		.events = -1, .accounts = p->now,
	};
	assert_non_null(p->locks = lock_new(dir));
	return p;
}

static void
metrics_place_free(struct place *p)
{
	counters_free(p->counters);
	lock_free(p->locks);
	buf_free(&p->page);
	free(p);
}

/* Counts requests, so many times.  account -1: of no account. */
static void
count_requests(struct place *p, int account, enum counter end, int times, int64_t ms, int64_t qt_ms,
    const char *event)
{
	if (p->counters == NULL)
		assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	for (; times > 0; times--)
		counters_request(p->counters, &(struct counters_request){
			.account = account == -1 ? NULL : &p->accounts[account], .end = end,
			.came_ms = INT64_C(1795363199999), .ms = ms, .qt_ms = qt_ms,
			.event = event == NULL ? -1 : counters_event(event),
		});
}

/* Makes the page, with a NUL at its end. */
static const char *
make_page(struct place *p)
{
	check_err("made", metrics_make(&p->page, &p->health), ERR_OK);
	assert_int_equal(buf_putc(&p->page, '\0'), ERR_OK);
	return p->page.p;
}

/* True: the page has this line. */
static bool
has_line(const struct place *p, const char *line)
{
	const size_t	 len = strlen(line);
	const char	*at = p->page.p;

	while ((at = strstr(at, line)) != NULL &&
	    (at[len] != '\n' || (at != p->page.p && at[-1] != '\n')))
		at++;
	return at != NULL;
}

/* Counts the lines of the page that begin with a text. */
static int
count_lines(const struct place *p, const char *begin)
{
	const char	*at;
	int		 n = 0;

	for (at = p->page.p; at != NULL && *at != '\0'; at = strchr(at, '\n'), at += at != NULL)
		n += strncmp(at, begin, strlen(begin)) == 0;
	return n;
}

/* Prints only the first difference, since the page is long. */
static void
check_lines(const char *got, const char *want)
{
	int	 line = 1;

	for (; *got == *want && *got != '\0'; got++, want++)
		line += *got == '\n';
	if (CHECK(golden, *got == *want))
		return;
	print_error("line %d:\n%.200s\nis:\n%.200s\n", line, want, got);
}

static struct observation	notes[] = {
	{ OBSERVED_CERTIFICATE, "qt.example.com", 0, 1796000000, 1795390000 },
	{ OBSERVED_RECONCILE, "shop", 2, 1795276800, 1795390001 },
	{ OBSERVED_CERTIFICATE, "[2001:db8::1]:8443", 0, 1797000000, 1795390002 },
	{ OBSERVED_CERTIFICATE, "a\"b\\c\xFF", 0, 1, 2 },
};

/* Counts each kind of request, and sets each number of the state. */
static void
fill_place(struct place *p)
{
	count_requests(p, 0, COUNTER_DELIVERED, 3, 9, 4, "$$_menu_click");
	count_requests(p, 0, COUNTER_DELIVERED, 1, 10, 5, "$$_receive_msg");
	count_requests(p, 0, COUNTER_QUEUED, 2, 2561, 2560, "-");
	count_requests(p, 0, COUNTER_DEAD, 1, 0, 0, "$$_menu_click");
	count_requests(p, 0, COUNTER_REPEAT, 5, 0, -1, "$$_menu_click");
	count_requests(p, 0, COUNTER_UNSAFE, 7, 4000, 20000, "$$_menu_click");
	count_requests(p, 0, COUNTER_HANDSHAKE, 1, 0, -1, NULL);
	count_requests(p, 0, COUNTER_TOKEN, 2, 0, -1, NULL);
	count_requests(p, 0, COUNTER_IGNORED, 3, 0, -1, NULL);
	count_requests(p, 0, COUNTER_PEER_UNKNOWN, 2, 0, -1, NULL);
	count_requests(p, 0, counters_refused(ERR_SIGNATURE, true), 11, 0, -1, NULL);
	count_requests(p, 0, counters_refused(ERR_SIGNATURE, false), 2, 0, -1, NULL);
	count_requests(p, 0, counters_refused(ERR_STORE, true), 1, 0, -1, NULL);
	count_requests(p, 0, COUNTER_UNSETTLED, 1, 0, -1, NULL);
	count_requests(p, 0, COUNTER_LATE_DELIVERED, 1, 0, -1, NULL);
	count_requests(p, 0, COUNTER_LATE_FAILED, 4, 0, -1, NULL);
	count_requests(p, 1, COUNTER_COLLECTED, 6, 0, -1, NULL);
	count_requests(p, -1, COUNTER_NOT_COLLECTED, 1, 0, -1, NULL);
	count_requests(p, -1, COUNTER_PAGE, 9, 0, -1, NULL);
	count_requests(p, -1, counters_refused(ERR_PATH, false), 3, 0, -1, NULL);

	p->now[0].pending = 1;
	p->now[0].pending_age_ms = 61001;
	p->now[0].dead = 1;
	p->now[0].dead_age_ms = 7200000;
	p->now[0].gate = GATE_BROKEN;
	p->now[0].gateway_age_ms = 90500;
	p->now[0].token_age_s = 100;
	p->now[0].token_left_s = 7100;
	p->now[0].token_fails = 0;
	p->now[1].gate = GATE_STOPPED;
	p->now[1].probe_in_ms = 59500;
	p->now[1].token_fails = 3;
	p->now[0].datacube_s = 1795363200;
	p->now[0].missing = 2;
	p->now[0].missing_s = 1795276800;
	p->health.observed = (struct observed){ .v = notes, .n = COUNT(notes) };
	p->health.now_ms = INT64_C(1795400000250);
	p->health.writable = false;
	p->health.db_bytes = 49152;
	p->health.state_bytes = 262144;
	p->health.free_bytes = INT64_C(5000000000000);
	p->health.disk_bytes = INT64_C(10000000000000);
	p->health.margin_bytes = 10000000;
	p->health.events = 0;
	p->health.wechat_only = ENFORCE;
	p->health.ips = 24;
	p->health.ips_age_s = 3600;
}

/* Lets hosts share the store: two commits, and one that this host kept. */
static void
share_store(struct place *p)
{
	p->health.shared.is_shared = true;
	p->health.degraded = 0;
	p->health.kept = 12;
	p->health.hosts = 2;
	counters_commit(p->counters, 3);
	counters_commit(p->counters, 40);
	counters_fallback(p->counters);
}

/* Compares a page with the golden file.  One account is no longer configured. */
static void
count_replies(struct place *p)
{
	struct locks		*locks = lock_new(p->conf.set.state_dir);
	struct reply_table	*t = reply_table_new(p->conf.set.state_dir, locks);

	assert_non_null(t);
	reply_table_count(t, slice_of("shop"), "keyword", slice_of("prices \"now\""), 3, 0);
	reply_table_count(t, slice_of("shop"), "keyword", slice_of("prices \"now\""), 30, 0);
	reply_table_free(t);
	lock_free(locks);
}

/* Compares a page with the golden file.  One account is no longer configured. */
static void
golden_page(void **state)
{
	struct place	*p = metrics_place_new(state_new());
	struct buf	 want = { 0 };
	char		*last;

	(void)state;
	configure_account(p, "shop", "The Shop");
	configure_account(p, "old", "gone");
	count_requests(p, 1, COUNTER_DELIVERED, 2, 30, 20, "$$_receive_msg");
	counters_free(p->counters);
	p->counters = NULL;
	count_replies(p);
	p->conf.n = p->health.n = 1;
	configure_account(p, "news", "\xE6\x96\xB0 \"\\\n\xFF\xED\xA0\x80!");
	fill_place(p);
	share_store(p);
	make_page(p);
	CHECK("the version", has_line(p, "qtoa_build_info{version=\"" QTOA_VERSION "\"} 1"));
	assert_non_null(last = strstr(p->page.p, "qtoa_build_info{"));
	*last = '\0';
	assert_int_equal(buf_read_file(&want, golden, 1 << 20), 0);
	assert_int_equal(buf_putc(&want, '\0'), ERR_OK);
	check_lines(p->page.p, want.p);
	buf_free(&want);
	metrics_place_free(p);
}

/* Where hosts share the store, the page has more, also before anything is counted. */
static void
shared_store(void **state)
{
	struct place	*p = metrics_place_new(state_new());

	(void)state;
	assert_non_null(p->counters = counters_new(&p->conf, p->locks));
	make_page(p);
	CHECK("not shared", has_line(p, "qtoa_store_shared 0") &&
	    strstr(p->page.p, "qtoa_store_degraded") == NULL &&
	    strstr(p->page.p, "qtoa_hosts") == NULL);
	p->health.shared.is_shared = true;
	p->health.degraded = 1;
	p->health.hosts = -1;
	make_page(p);
	CHECK("degraded", has_line(p, "qtoa_store_degraded 1"));
	CHECK("hosts that are not known", count_lines(p, "qtoa_hosts ") == 0);
	CHECK("zeros", has_line(p, "qtoa_store_commit_duration_seconds_count 0") &&
	    has_line(p, "qtoa_store_kept_total 0"));
	share_store(p);
	make_page(p);
	CHECK("no account", strstr(p->page.p, "account=\"/store\"") == NULL);
	metrics_place_free(p);
}

/* Before anything is counted, each account has zeros, and there are no other samples. */
static void
from_the_start(void **state)
{
	static const char *const	 zeros[] = {
		"qtoa_requests_total{account=\"a\",verdict=\"delivered\"} 0",
		"qtoa_requests_total{account=\"b\",verdict=\"rejected\"} 0",
		"qtoa_requests_total{account=\"-\",verdict=\"rejected\"} 0",
		"qtoa_refused_total{account=\"b\",reason=\"signature\"} 0",
		"qtoa_refused_total{account=\"-\",reason=\"path\"} 0",
		"qtoa_events_total{account=\"a\",event=\"$$_menu_click\"} 0",
		"qtoa_repeats_total{account=\"a\"} 0",
		"qtoa_store_errors_total{account=\"b\"} 0",
		"qtoa_drain_attempts_total{account=\"b\",outcome=\"failed\"} 0",
		"qtoa_forward_duration_seconds_bucket{account=\"a\",le=\"+Inf\"} 0",
		"qtoa_request_duration_seconds_sum{account=\"b\"} 0",
		"qtoa_request_duration_seconds_count{account=\"b\"} 0",
		"qtoa_queue_messages{account=\"a\",state=\"pending\"} 0",
		"qtoa_queue_oldest_age_seconds{account=\"a\",state=\"dead\"} 0",
		"qtoa_breaker_open{account=\"a\"} 0", "qtoa_account_stopped{account=\"b\"} 0",
		"qtoa_store_writable 1",
	};
	struct place			*p = metrics_place_new(state_new());
	size_t				 i;

	(void)state;
	configure_account(p, "a", "a");
	configure_account(p, "b", "b");
	make_page(p);
	for (i = 0; i < COUNT(zeros); i++)
		CHECK(zeros[i], has_line(p, zeros[i]));
	check_int("not of none", count_lines(p, "qtoa_events_total{account=\"-\""), 0);
	/* A number that is not known has no sample. */
	check_int("token", count_lines(p, "qtoa_access_token_"), 0);
	check_int("push", count_lines(p, "qtoa_last_push_timestamp_seconds"), 0);
	check_int("notes", count_lines(p, "qtoa_reconcile_") + count_lines(p, "qtoa_datacube_") +
	    count_lines(p, "qtoa_certificate_"), 0);
	check_int("bytes", count_lines(p, "qtoa_store_bytes") +
	    count_lines(p, "qtoa_disk_free_bytes"), 0);
	p->now[0].pending = p->now[0].dead = -1;
	make_page(p);
	check_int("queue", count_lines(p, "qtoa_queue_messages{account=\"a\""), 0);
	check_int("age", count_lines(p, "qtoa_queue_oldest_age_seconds{account=\"a\""), 0);
	check_int("the other's", count_lines(p, "qtoa_queue_messages{account=\"b\""), 2);
	metrics_place_free(p);
}

/* With any names, each account has a label of its own. */
static void
account_labels(void **state)
{
	static const struct {
		const char	*path, *name, *label;
	} cases[] = {
		{ "p1", "twin", "twin" },
		{ "p2", "twin", "twin (p2)" },
		{ "p3", "twin (p4)", "twin (p4)" },
		{ "p4", "twin", "twin (p4) 2" },
		{ "p5", "-", "- (p5)" },
		{ "p6", "\\\"\n\r\t}{", "\\\\\\\"\\n\xEF\xBF\xBD\xEF\xBF\xBD}{" },
		{ "p7", "\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80", "\xEF\xBF\xBD" },
		{ "p8", "", "" },
	};
	struct place	*p = metrics_place_new(state_new());
	char		 line[256];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		configure_account(p, cases[i].path, cases[i].name);
		count_requests(p, (int)i, COUNTER_DELIVERED, (int)i + 1, 1, 1, "-");
		counters_free(p->counters);
		p->counters = NULL;
	}
	/* Two accounts are removed.  The path of one is the name of another. */
	p->accounts[4].path = "twin";
	p->accounts[5].path = "p9";
	make_page(p);
	for (i = 0; i < 4; i++) {
		(void)snprintf(line, sizeof(line), "qtoa_repeats_total{account=\"%s\"} 0",
		    cases[i].label);
		CHECK(line, has_line(p, line));
		(void)snprintf(line, sizeof(line), "qtoa_requests_total{account=\"%s\","
		    "verdict=\"delivered\"} %zu", cases[i].label, i + 1);
		CHECK(line, has_line(p, line));
	}
	CHECK("a path that is taken", has_line(p, "qtoa_repeats_total{account=\"- (twin)\"} 0"));
	(void)snprintf(line, sizeof(line), "qtoa_repeats_total{account=\"%s\"} 0", cases[5].label);
	CHECK("escaped", has_line(p, line));
	check_int("no UTF-8", count_lines(p, "qtoa_repeats_total{account=\"\xEF\xBF\xBD"), 1);
	CHECK("empty", has_line(p, "qtoa_repeats_total{account=\"\"} 0"));
	CHECK("gone", has_line(p, "qtoa_requests_total{account=\"p5\",verdict=\"delivered\"} 5"));
	CHECK("gone", has_line(p, "qtoa_requests_total{account=\"p6\",verdict=\"delivered\"} 6"));
	check_int("each once", count_lines(p, "qtoa_repeats_total{"), 8);
	metrics_place_free(p);
}

/* Each reason has a word of its own, and their sum is `rejected`. */
static void
reason_words(void **state)
{
	struct place	*p = metrics_place_new(state_new());
	char		 line[128];
	int		 er, reasons = 0, sum = 0;
	bool		 taken[COUNTER__MAX] = { false };

	(void)state;
	for (er = 0; er < ERR__MAX; er++) {
		enum counter	 place = counters_refused((enum error)er, er % 2 == 0);

		if (!taken[place]) {
			count_requests(p, -1, place, 100 + er, 0, -1, NULL);
			sum += 100 + er;
			reasons++;
		}
		taken[counters_refused((enum error)er, true)] = true;
		taken[counters_refused((enum error)er, false)] = true;
	}
	make_page(p);
	check_int("one each", count_lines(p, "qtoa_refused_total{account=\"-\",reason=\""),
	    reasons);
	for (er = 0; er < ERR__MAX; er++) {
		(void)snprintf(line, sizeof(line), "\"} %d\n", 100 + er);
		CHECK(error_table[er].name, strstr(p->page.p, line) != NULL || er == ERR_FORWARD ||
		    er == ERR_REFUSED || er == ERR_ANSWER);
	}
	(void)snprintf(line, sizeof(line),
	    "qtoa_requests_total{account=\"-\",verdict=\"rejected\"} %d", sum);
	CHECK(line, has_line(p, line));
	metrics_place_free(p);
}

static void
unreadable_totals(void **state)
{
	const char	*dir = state_new();
	struct place	*p = metrics_place_new(dir);
	char		 path[STATE_PATH];
	unsigned	 n;
	enum error	 er;

	(void)state;
	configure_account(p, "a", "a");
	count_requests(p, 0, COUNTER_DELIVERED, 1, 1, 1, "-");
	for (n = 1;; n++) {
		buf_free(&p->page);
		unit_memory = n;
		er = metrics_make(&p->page, &p->health);
		if (unit_memory != 0)
			break;
		check_err("no memory", er, ERR_NOMEM);
	}
	unit_memory = 0;
	check_err("enough", er, ERR_OK);

	state_path(path, dir, "qtoa.tally-total");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check_err("totals that cannot be read", metrics_make(&p->page, &p->health), ERR_STORE);
	assert_int_equal(rmdir(path), 0);
	metrics_place_free(p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(golden_page), TEST(shared_store), TEST(from_the_start), TEST(account_labels), TEST(reason_words),
		    TEST(unreadable_totals),
	};

	return RUN("metrics", tests);
}
