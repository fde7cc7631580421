#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wechat/user_info.h"

static void
lists(void **state)
{
	static const struct {
		const char	*name, *answer;
		bool		 good;
		int64_t		 total;
		size_t		 n;
		const char	*last, *next;
	} cases[] = {
		{ "two", "{\"total\":23,\"count\":2,\"data\":{\"openid\":[\"oA\",\"oB\"]},"
		  "\"next_openid\":\"oB\"}", true, 23, 2, "oB", "oB" },
		{ "the end", "{\"total\":2,\"count\":0,\"next_openid\":\"\"}", true, 2, 0, "", "" },
		{ "no next", "{\"total\":2,\"count\":1,\"data\":{\"openid\":[\"oA\"]}}", true, 2, 1,
		  "oA", "" },
		{ "odd openids", "{\"total\":9,\"count\":4,\"data\":{\"openid\":[\"\",7,null,"
		  "\"oD\"]},\"next_openid\":\"x\"}", true, 9, 2, "oD", "x" },
		{ "no total", "{\"count\":0,\"next_openid\":\"\"}", false, 0, 0, "", "" },
		{ "no count", "{\"total\":5}", false, 5, 0, "", "" },
		{ "no data", "{\"total\":5,\"count\":5,\"next_openid\":\"x\"}", false, 5, 0, "", "" },
		{ "negative", "{\"total\":-5,\"count\":0}", false, 0, 0, "", "" },
		{ "no object", "[1]", false, 0, 0, "", "" },
		{ "no JSON", "<html>", false, 0, 0, "", "" },
		{ "nothing", "", false, 0, 0, "", "" },
	};
	struct user_list	 l = { 0 };
	const char		*last;
	size_t			 i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		l.total = 0;
		check_int(cases[i].name, user_info_read_list(&l, slice_of(cases[i].answer)),
		    cases[i].good);
		if (!cases[i].good)
			continue;
		check_int(cases[i].name, l.total, cases[i].total);
		check_int(cases[i].name, (int64_t)l.n, (int64_t)cases[i].n);
		check_text(cases[i].name, l.next.p, cases[i].next);
		for (k = 1, last = l.openids.p; k < l.n; k++)
			last += strlen(last) + 1;
		check_text(cases[i].name, l.n == 0 ? "" : last, cases[i].last);
	}
	buf_free(&l.openids);
	buf_free(&l.next);
}

/* A page as long as WeChat makes it, and an openid that is too long. */
static void
full_page(void **state)
{
	struct user_list	 l = { 0 };
	struct buf		 text = { 0 };
	int			 i;

	(void)state;
	assert_int_equal(buf_puts(&text, "{\"total\":1234567,\"count\":10000,\"data\":{\"openid\":["),
	    ERR_OK);
	for (i = 0; i < USER_INFO_PAGE - 1; i++)
		assert_int_equal(buf_printf(&text, "\"o%027d\",", i), ERR_OK);
	assert_int_equal(buf_printf(&text, "\"o%0200d\"]},\"next_openid\":\"o9\"}", 1), ERR_OK);
	check_int("good", user_info_read_list(&l, buf_slice(&text)), true);
	check_int("openids", (int64_t)l.n, USER_INFO_PAGE - 1);
	check_int("bytes", (int64_t)l.openids.len, (USER_INFO_PAGE - 1) * 29);
	buf_free(&text);
	buf_free(&l.openids);
	buf_free(&l.next);
}

static void
asks(void **state)
{
	struct buf	 body = { 0 };

	(void)state;
	check_err("two", user_info_ask(&body, "oA\0o\"B", 2), ERR_OK);
	check_bytes("two", buf_slice(&body), slice_of("{\"user_list\":[{\"openid\":\"oA\","
	    "\"lang\":\"zh_CN\"},{\"openid\":\"o\\\"B\",\"lang\":\"zh_CN\"}]}"));
	buf_free(&body);
}

/* Writes a user as one line. */
static void
describe(struct buf *out, const struct user_info *u)
{
	buf_reset(out);
	assert_int_equal(buf_printf(out, "%.*s|%.*s|%d|%lld|%.*s|%lld|%.*s|%.*s|%.*s|%.*s",
	    (int)u->openid.len, u->openid.p, (int)u->unionid.len, u->unionid.p, u->follows,
	    (long long)u->subscribe_time, (int)u->scene.len, u->scene.p, (long long)u->qr_scene,
	    (int)u->qr_scene_str.len, u->qr_scene_str.p, (int)u->language.len, u->language.p,
	    (int)u->tags.len, u->tags.p, (int)u->remark.len, u->remark.p), ERR_OK);
}

static void
users(void **state)
{
	static const char	 answer[] = "{\"user_info_list\":["
	    "{\"subscribe\":1,\"openid\":\"oA\",\"nickname\":\"\",\"sex\":0,\"language\":\"zh_CN\","
	    "\"subscribe_time\":1434093047,\"unionid\":\"uA\",\"remark\":\"r \\\"x\",\"groupid\":0,"
	    "\"tagid_list\":[128,2],\"subscribe_scene\":\"ADD_SCENE_QR_CODE\",\"qr_scene\":98765,"
	    "\"qr_scene_str\":\"\"},"
	    "{\"subscribe\":0,\"openid\":\"oB\",\"tagid_list\":[]},"
	    "{\"subscribe\":1,\"openid\":\"oC\",\"subscribe_time\":\"x\",\"qr_scene\":-4,"
	    "\"tagid_list\":\"no\"}]}";
	static const char *const	 want[] = {
		"oA|uA|1|1434093047|ADD_SCENE_QR_CODE|98765||zh_CN|[128,2]|r \"x",
		"oB||0|0||0|||[]|", "oC||1|0||0|||[]|",
	};
	struct user_info_answer	 r;
	struct user_info	 u;
	struct buf		 line = { 0 };
	size_t			 n = 0;

	(void)state;
	check_int("open", user_info_open(&r, slice_of(answer)), true);
	for (; user_info_next(&r, &u) && n < 3; n++) {
		describe(&line, &u);
		check_bytes(want[n], buf_slice(&line), slice_of(want[n]));
	}
	check_int("users", (int64_t)n, 3);
	user_info_close(&r);
	buf_free(&line);
}

static void
no_users(void **state)
{
	static const char *const	 answers[] = {
		"", "{}", "[]", "{\"user_info_list\":[]}", "{\"user_info_list\":{}}",
		"{\"user_info_list\":[{\"subscribe\":1}]}", "{\"user_info_list\":[7]}",
	};
	struct user_info_answer	 r;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		check_int(answers[i], user_info_open(&r, slice_of(answers[i])), false);
		user_info_close(&r);
	}
}

static void
quotas(void **state)
{
	struct user_info_quota	 q = { 0 };

	(void)state;
	check_int("all", user_info_read_quota(&q, slice_of("{\"errcode\":0,\"quota\":"
	    "{\"daily_limit\":500000,\"used\":7,\"remain\":499993},\"rate_limit\":{}}")), true);
	check_int("limit", q.daily_limit, 500000);
	check_int("remain", q.remain, 499993);
	check_int("half", user_info_read_quota(&q, slice_of("{\"quota\":{\"used\":1}}")), false);
	check_int("none", user_info_read_quota(&q, slice_of("{\"errcode\":76021}")), false);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(lists), TEST(full_page), TEST(asks), TEST(users), TEST(no_users), TEST(quotas),
	};

	return RUN("user_info", tests);
}
