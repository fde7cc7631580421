#include <stdio.h>
#include <string.h>

#include "monitor/alert_signs.h"
#include "tests/unit/unit.h"

enum { AFTER_MS = 60000, HOUR_MS = 3600000, PER_HOUR = 2 };

static const struct alert_signs_rule	rule = { AFTER_MS, PER_HOUR };
static const int64_t			start_ms = INT64_C(1795363200000);

/* The signs that are there: a word of letters, each an account that has a breaker. */
static void
see(struct alert_file_state *st, const char *accounts, int64_t ms)
{
	static struct alert_signs	 now;
	struct health_sign		 s = { .what = "breaker", .bad = true, .text = "t" };
	char				 name[2] = "";

	now.n = 0;
	for (; *accounts != '\0'; accounts++) {
		name[0] = *accounts;
		s.account = name;
		alert_signs_add(&now, &s);
	}
	(void)alert_signs_see(st, &now, &rule, start_ms + ms);
}

/* What is news: "+a" has begun, "-a" is over. */
static const char *
news_of(const struct alert_file_state *st, int64_t ms)
{
	static char	 text[64];
	size_t		 len = 0;
	int64_t		 i;

	*text = '\0';
	for (i = 0; i < st->nsigns; i++)
		if (alert_signs_is_news(&st->sign[i], &rule, start_ms + ms))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			    st->sign[i].is_there ? "+" : "-", st->sign[i].account);
	return text;
}

/* Steps of a story: at that time these signs are there, and that is news; then it is told. */
static void
damping(void **state)
{
	static const struct {
		const char	*name;
		int64_t		 ms;
		const char	*there, *news;
		enum { WAIT, TELL, GIVE_UP } then;
		int64_t		 missed;	/* after that */
	} steps[] = {
		{ "it begins", 0, "a", "", WAIT, 0 },
		{ "too short", AFTER_MS - 1, "a", "", WAIT, 0 },
		{ "it has gone", AFTER_MS, "", "", WAIT, 0 },
		{ "it is back", AFTER_MS + 1, "a", "", WAIT, 0 },
		{ "not long enough", 2 * AFTER_MS, "a", "", WAIT, 0 },
		{ "long enough", 2 * AFTER_MS + 1, "a", "+a", TELL, 0 },
		{ "told once", 3 * AFTER_MS, "a", "", WAIT, 0 },
		{ "gone for short", 4 * AFTER_MS, "", "", WAIT, 0 },
		{ "and there again", 4 * AFTER_MS + 1, "a", "", WAIT, 0 },
		{ "which is no news", 6 * AFTER_MS, "a", "", WAIT, 0 },
		{ "gone, and another", 7 * AFTER_MS, "b", "", WAIT, 0 },
		{ "both are news", 8 * AFTER_MS, "b", "-a+b", TELL, 0 },
		{ "b is over", 9 * AFTER_MS, "", "", WAIT, 0 },
		{ "b is news", 10 * AFTER_MS, "", "-b", WAIT, 0 },
		{ "b is back: told for ever", 11 * AFTER_MS, "b", "", WAIT, 2 },
		{ "given up", 13 * AFTER_MS, "bc", "", WAIT, 2 },
		{ "given up", 14 * AFTER_MS, "bc", "+c", GIVE_UP, 3 },
		{ "no news again", 15 * AFTER_MS, "bc", "", WAIT, 3 },
		{ "all is over", 16 * AFTER_MS, "", "", WAIT, 3 },
		{ "all is over", 17 * AFTER_MS, "", "-b-c", TELL, 0 },
	};
	static struct alert_file_state	 st;
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(steps); i++) {
		see(&st, steps[i].there, steps[i].ms);
		check_text(steps[i].name, news_of(&st, steps[i].ms), steps[i].news);
		if (steps[i].then != WAIT)
			alert_signs_told(&st, &rule, start_ms + steps[i].ms,
			    steps[i].then == TELL);
		check_int(steps[i].name, st.missed, steps[i].missed);
	}
	check_int("nothing is left", st.nsigns, 0);
}

/* In an hour there are PER_HOUR messages; what comes and goes after them is one more, later. */
static void
limit(void **state)
{
	static struct alert_file_state	 st;
	int64_t				 ms = 0;
	int				 i, sent = 0;

	(void)state;
	for (i = 0; i < 20; i++, ms += 2 * AFTER_MS) {		/* 40 minutes */
		see(&st, i % 2 == 0 ? "a" : "", ms);
		see(&st, i % 2 == 0 ? "a" : "", ms + AFTER_MS);
		if (!alert_signs_due(&st, &rule, start_ms + ms + AFTER_MS))
			continue;
		sent++;
		alert_signs_told(&st, &rule, start_ms + ms + AFTER_MS, true);
	}
	check_int("messages", sent, PER_HOUR);
	check_int("what was not sent", st.missed, 18);
	check_text("nothing is different", news_of(&st, ms), "");
	CHECK("not in this hour", !alert_signs_due(&st, &rule, start_ms + HOUR_MS));
	CHECK("in the next one", alert_signs_due(&st, &rule, start_ms + HOUR_MS + AFTER_MS));
	alert_signs_told(&st, &rule, start_ms + HOUR_MS + AFTER_MS, true);
	CHECK("once", !alert_signs_due(&st, &rule, start_ms + HOUR_MS + AFTER_MS + 1));
	check_int("told", st.missed, 0);
}

/* A dead receiver: what came and went is no reason for a message. */
static void
dead_receiver(void **state)
{
	static struct alert_file_state	 st;

	(void)state;
	see(&st, "a", 0);
	see(&st, "a", AFTER_MS);
	alert_signs_told(&st, &rule, start_ms + AFTER_MS, false);
	CHECK("given up", !alert_signs_due(&st, &rule, start_ms + 2 * AFTER_MS));
	check_int("counted", st.missed, 1);
	see(&st, "", 3 * AFTER_MS);
	CHECK("its end is news", alert_signs_due(&st, &rule, start_ms + 4 * AFTER_MS));
	check_int("a try that failed is no message", st.hour_sent, 0);
}

/* A clock that is set back keeps nothing back for longer than after_ms. */
static void
clock_set_back(void **state)
{
	static struct alert_file_state	 st;

	(void)state;
	see(&st, "a", INT64_C(1000) * HOUR_MS);
	see(&st, "a", 0);
	check_text("not yet", news_of(&st, AFTER_MS - 1), "");
	check_text("then", news_of(&st, AFTER_MS), "+a");
	CHECK("since", st.sign[0].since_ms == start_ms);
	st.hour_ms = start_ms + 5 * HOUR_MS;
	st.hour_sent = PER_HOUR;
	CHECK("an hour of the future does not count", alert_signs_due(&st, &rule,
	    start_ms + AFTER_MS));
}

static void
groups(void **state)
{
	static struct alert_signs	 l;
	static const struct health_sign	 signs[] = {
		{ "breaker", "shop", true, "first" }, { "pending", "shop", true, "second" },
		{ "pending", "news", true, "third" }, { "store", "", true, "bad" },
		{ "store", "", false, "a warning" }, { "stopped", "blog", true, "4th" },
		{ "pending", "blog", true, "5th" }, { "gateway", "shop", true, "6th" },
	};
	size_t				 i;

	(void)state;
	for (i = 0; i < COUNT(signs); i++)
		alert_signs_add(&l, &signs[i]);
	check_int("signs", (int64_t)l.n, 5);
	check_text("together", l.now[0].text, "first; second; 6th");
	check_text("alone", l.now[1].what, "breaker");
	check_text("alone", l.now[1].account, "news");
	check_text("a stopped account", l.now[4].what, "stopped");
	check_text("a stopped account", l.now[4].text, "4th; 5th");
}

/* More signs than the file has room for, and names that are too long. */
static void
many(void **state)
{
	static struct alert_signs	 l;
	static struct alert_file_state	 st;
	struct health_sign		 s = { .what = "a word that is too long", .text = "t" };
	char				 name[200];
	int				 i;

	(void)state;
	s.account = name;
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "%d\xE4\xB8\xAD%0150d", i, i);
		alert_signs_add(&l, &s);
	}
	check_int("list", (int64_t)l.n, ALERT_FILE_SIGNS);
	CHECK("changed", alert_signs_see(&st, &l, &rule, start_ms));
	CHECK("unchanged", !alert_signs_see(&st, &l, &rule, start_ms + 1));
	check_int("file", st.nsigns, ALERT_FILE_SIGNS);
	check_int("name", (int64_t)strlen(st.sign[0].account), ALERT_FILE_ACCOUNT - 1);
	check_int("word", (int64_t)strlen(st.sign[0].what), ALERT_FILE_WHAT - 1);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(damping), TEST(limit), TEST(dead_receiver), TEST(clock_set_back),
		TEST(groups), TEST(many),
	};

	return RUN("alert_signs", tests);
}
