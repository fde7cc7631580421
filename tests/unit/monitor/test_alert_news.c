#include <stdio.h>
#include <string.h>

#include "cli/zh/zh.h"
#include "core/json.h"
#include "core/lang.h"
#include "monitor/alert_news.h"
#include "tests/unit/unit.h"

enum { AFTER_MS = 60000 };

static const int64_t			now_ms = INT64_C(1795363200000);
static const struct alert_signs_rule	rule = { AFTER_MS, 10 };

/* Adds a sign that came, or went, so long ago. */
static void
add(struct alert_file_state *st, const char *what, const char *account, bool bad, bool there,
    bool told, int64_t ago_ms)
{
	struct alert_file_sign	*s = &st->sign[st->nsigns++];

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->what, sizeof(s->what), "%s", what);
	(void)snprintf(s->account, sizeof(s->account), "%s", account);
	s->is_bad = bad;
	s->is_there = there;
	s->is_told = told;
	s->changed_ms = now_ms - ago_ms;
	s->since_ms = s->changed_ms - 15 * 60000;
}

static void
check_message(const char *name, const struct alert_news *n, const char *text, const char *json)
{
	struct buf	 out = { 0 };
	struct json	*j;

	check_err(name, alert_news_text(&out, n), ERR_OK);
	check_bytes(name, buf_slice(&out), slice_of(text));
	out.len = 0;
	assert_int_equal(buf_putc(&out, '{'), ERR_OK);
	check_err(name, alert_news_json(&out, n), ERR_OK);
	assert_int_equal(buf_putc(&out, '}'), ERR_OK);
	CHECK(name, (j = json_parse_any(buf_slice(&out))) != NULL);
	json_free(j);
	assert_int_equal(buf_putc(&out, '\0'), ERR_OK);
	if (json != NULL)
		CHECK(name, strstr(out.p, json) != NULL);
	buf_free(&out);
}

static void
messages(void **state)
{
	static struct alert_signs	 now;
	static struct alert_file_state	 st;
	static const struct health_sign	 signs[] = {
		{ "breaker", "shop", true, "QT is silent" }, { "disk", "", false, "it is full" },
	};
	const struct alert_news		 n = { &st, &now, &rule, "web1", now_ms };

	(void)state;
	alert_signs_add(&now, &signs[0]);
	alert_signs_add(&now, &signs[1]);
	add(&st, "breaker", "shop", true, true, false, AFTER_MS);
	add(&st, "disk", "", false, true, true, AFTER_MS);
	add(&st, "token", "news", true, false, true, AFTER_MS);
	add(&st, "comet", "", true, false, true, AFTER_MS);
	add(&st, "dead", "shop", false, true, false, AFTER_MS - 1);
	st.missed = 12;
	check_message("all of it", &n, "qtoa on web1: there is a problem"
	    "\n\xE2\x9C\x98 shop: QT is silent"
	    "\n\xE2\x9C\x94 news: there is a valid access_token again (it lasted 15 min)"
	    "\n\xE2\x9C\x94 over: comet (it lasted 15 min)"
	    "\nstill there, as told before: 1"
	    "\nand 12 more changes that were not sent",
	    "\"status\":\"failing\",\"missed\":12,\"account\":\"shop\",\"sign\":\"breaker\","
	    "\"since\":\"2026-11-22T15:44:00.000Z\",\"changes\":[{\"state\":\"begun\","
	    "\"level\":\"problem\",\"account\":\"shop\",\"sign\":\"breaker\","
	    "\"since\":\"2026-11-22T15:44:00.000Z\",\"text\":\"QT is silent\"},");
	lang_use(ENGLISH, zh_tables);
	lang_here(CHINESE);
	check_message("Chinese", &n, "qtoa\uff08web1\uff09\uff1a\u51fa\u73b0\u95ee\u9898"
	    "\n\xE2\x9C\x98 shop\uff1aQT is silent"
	    "\n\xE2\x9C\x94 news\uff1a\u5df2\u6709\u6709\u6548\u7684 access_token"
	    "\uff08\u6301\u7eed 15 \u5206\u949f\uff09"
	    "\n\xE2\x9C\x94 \u5df2\u7ed3\u675f\uff1acomet\uff08\u6301\u7eed 15 \u5206\u949f\uff09"
	    "\n\u6b64\u524d\u5df2\u901a\u77e5\u3001\u4ecd\u672a\u7ed3\u675f\uff1a1 \u9879"
	    "\n\u53e6\u6709 12 \u6b21\u53d8\u5316\u672a\u53d1\u9001", "\"state\":\"begun\"");
	lang_here(LANGUAGE__MAX);
	lang_use(ENGLISH, NULL);
	st.nsigns = 0;
	check_message("only what was missed", &n, "qtoa on web1: all is well again"
	    "\nand 12 more changes that were not sent",
	    "\"status\":\"ok\",\"missed\":12,\"changes\":[]");
}

/* A sign with quotes, and very many signs. */
static void
bounds(void **state)
{
	static struct alert_signs	 now;
	static struct alert_file_state	 st;
	const struct alert_news		 n = { &st, &now, &rule, "we\"b", now_ms };
	struct buf			 text = { 0 };
	char				 name[16];
	int				 i;

	(void)state;
	for (i = 0; i < ALERT_FILE_SIGNS; i++) {
		(void)snprintf(name, sizeof(name), "\"%d\\", i);
		add(&st, "breaker", name, true, true, false, AFTER_MS);
	}
	check_err("text", alert_news_text(&text, &n), ERR_OK);
	assert_int_equal(buf_putc(&text, '\0'), ERR_OK);
	CHECK("the others are counted", strstr(text.p, "\nand 108 more, see: qtoa status") != NULL);
	CHECK("the others are not named", strstr(text.p, "\"20\\") == NULL);
	text.p[text.len - 1] = '\0';
	check_message("names", &n, text.p, "\"host\":\"we\\\"b\"");
	buf_free(&text);
}

/* The same message has the same id, also later; another one has another. */
static void
ids(void **state)
{
	static struct alert_signs	 now;
	static struct alert_file_state	 st;
	struct alert_news		 n = { &st, &now, &rule, "web1", now_ms };
	struct buf			 a = { 0 }, b = { 0 };
	enum { ID = 48 };		/* bytes in which the id is */

	(void)state;
	add(&st, "breaker", "shop", true, true, false, AFTER_MS);
	check_err("first", alert_news_json(&a, &n), ERR_OK);
	n.now_ms += 1000;
	check_err("again", alert_news_json(&b, &n), ERR_OK);
	check_bytes("the same", (struct slice){ b.p, ID }, (struct slice){ a.p, ID });
	st.sign[0].is_there = 0;
	st.sign[0].is_told = 1;
	b.len = 0;
	check_err("another", alert_news_json(&b, &n), ERR_OK);
	CHECK("another", memcmp(a.p, b.p, ID) != 0);
	buf_free(&a);
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(messages), TEST(bounds), TEST(ids) };

	return RUN("alert_news", tests);
}
