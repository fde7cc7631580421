#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check/check_result.h"
#include "cli/zh/zh.h"
#include "tests/unit/unit.h"

/* The output, and the result of check_result_end(). */
struct said {
	struct check_results	 f;
	char			*text;
	size_t			 len;
	bool			 well;
};

static void
begin_results(struct said *s, bool json)
{
	FILE	*out = open_memstream(&s->text, &s->len);

	assert_non_null(out);
	check_result_begin(&s->f, out, json);
}

static void
end_results(struct said *s)
{
	FILE	*out = s->f.out;

	s->well = check_result_end(&s->f);
	(void)fclose(out);
}

static const struct {
	const char		*name;
	enum check_state	 is;
	const char		*subject, *text;	/* what is added */
	const char		*line, *json;		/* what is printed */
} cases[] = {
	{ "ok", CHECK_OK, "user", "alice", "ok       user: alice\n",
	    "{\"state\":\"ok\",\"subject\":\"user\",\"text\":\"alice\",\"remedy\":\"\"}" },
	{ "warning", CHECK_WARNING, "shop", "is odd\ncorrect it",
	    "warning  shop: is odd; correct it\n",
	    "{\"state\":\"warning\",\"subject\":\"shop\",\"text\":\"is odd\","
	    "\"remedy\":\"correct it\"}" },
	{ "failed", CHECK_FAILED, "disk", "full\nmake room", "failed   disk: full; make room\n",
	    "{\"state\":\"failed\",\"subject\":\"disk\",\"text\":\"full\","
	    "\"remedy\":\"make room\"}" },
	{ "a line end of a stranger's", CHECK_FAILED, "tls", "of CN = a\nrm -rf /\nrenew it",
	    "failed   tls: of CN = a?rm -rf /; renew it\n",
	    "{\"state\":\"failed\",\"subject\":\"tls\",\"text\":\"of CN = a?rm -rf /\","
	    "\"remedy\":\"renew it\"}" },
	{ "in what is well", CHECK_OK, "tls", "of CN = a\nrm -rf /",
	    "ok       tls: of CN = a?rm -rf /\n",
	    "{\"state\":\"ok\",\"subject\":\"tls\",\"text\":\"of CN = a?rm -rf /\","
	    "\"remedy\":\"\"}" },
	{ "quotes", CHECK_OK, "a\"b", "c\\d\"", "ok       a\"b: c\\d\"\n",
	    "{\"state\":\"ok\",\"subject\":\"a\\\"b\",\"text\":\"c\\\\d\\\"\",\"remedy\":\"\"}" },
	{ "escapes", CHECK_OK, "t", "\x1b[31m\x07\x7f\xFF", "ok       t: ?[31m???\n",
	    "{\"state\":\"ok\",\"subject\":\"t\",\"text\":\"?[31m???\",\"remedy\":\"\"}" },
	{ "Chinese", CHECK_OK, "\xE5\x95\x86\xE5\xBA\x97", "x",
	    "ok       \xE5\x95\x86\xE5\xBA\x97: x\n",
	    "{\"state\":\"ok\",\"subject\":\"\xE5\x95\x86\xE5\xBA\x97\",\"text\":\"x\","
	    "\"remedy\":\"\"}" },
};

static void
shown(void **state)
{
	static const char *const	 ends[CHECK__MAX] = {
		[CHECK_OK] = "\"failed\":0,\"warnings\":0}\n",
		[CHECK_WARNING] = "\"failed\":0,\"warnings\":1}\n",
		[CHECK_FAILED] = "\"failed\":1,\"warnings\":0}\n",
	};
	static const char *const	 sums[CHECK__MAX] = {
		[CHECK_OK] = "0 failed, 0 warnings\n", [CHECK_WARNING] = "0 failed, 1 warning\n",
		[CHECK_FAILED] = "1 failed, 0 warnings\n",
	};
	char				 want[1024];
	struct said			 s;
	size_t				 i;
	int				 json;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		for (json = 0; json < 2; json++) {
			begin_results(&s, json != 0);
			check_result_add(&s.f, cases[i].is, cases[i].subject, "%s", cases[i].text);
			end_results(&s);
			(void)snprintf(want, sizeof(want), json ? "{\"checks\":[\n%s],%s" : "%s%s",
			    json ? cases[i].json : cases[i].line,
			    json ? ends[cases[i].is] : sums[cases[i].is]);
			check_text(cases[i].name, s.text, want);
			check_int(cases[i].name, s.well, cases[i].is != CHECK_FAILED);
			free(s.text);
		}
}

static void
many(void **state)
{
	struct said	 s;

	(void)state;
	begin_results(&s, true);
	check_result_add(&s.f, CHECK_FAILED, "a", "1\n2");
	check_result_add(&s.f, CHECK_WARNING, "b", "%d\n%s", 3, "4");
	check_result_add(&s.f, CHECK_WARNING, "c", "5\n6");
	end_results(&s);
	check_text("all", s.text, "{\"checks\":[\n"
	    "{\"state\":\"failed\",\"subject\":\"a\",\"text\":\"1\",\"remedy\":\"2\"},\n"
	    "{\"state\":\"warning\",\"subject\":\"b\",\"text\":\"3\",\"remedy\":\"4\"},\n"
	    "{\"state\":\"warning\",\"subject\":\"c\",\"text\":\"5\",\"remedy\":\"6\"}],"
	    "\"failed\":1,\"warnings\":2}\n");
	free(s.text);
	begin_results(&s, true);
	end_results(&s);
	check_text("nothing", s.text, "{\"checks\":[],\"failed\":0,\"warnings\":0}\n");
	free(s.text);
}

/* Without memory for a result, check_result_end() gives false. */
static void
no_memory(void **state)
{
	struct said	 s;
	unsigned	 n;
	int		 json;

	(void)state;
	for (json = 0; json < 2; json++)
		for (n = 1;; n++) {
			begin_results(&s, json != 0);
			unit_memory = n;
			check_result_add(&s.f, CHECK_OK, "a", "b");
			if (unit_memory != 0) {
				unit_memory = 0;
				end_results(&s);
				free(s.text);
				break;
			}
			end_results(&s);
			check_int("memory", s.well, false);
			free(s.text);
		}
}

/* The columns stay; a part of the host is translated, an account of that name is not. */
static void
chinese(void **state)
{
	static struct account	 accounts[] = { { .name = "disk" } };
	const struct conf	 conf = { .accounts = accounts, .n = 1 };
	struct said		 s = { .text = NULL };

	(void)state;
	lang_use(CHINESE, zh_tables);
	begin_results(&s, false);
	check_result_add(&s.f, CHECK_OK, "disk", "%s", "/srv");
	s.f.conf = &conf;
	check_result_add(&s.f, CHECK_WARNING, "disk", "%s is open to others, mode %04o\nrun: chmod "
	    "0700 %s", "/srv", 0755U, "/srv");
	check_result_add(&s.f, CHECK_FAILED, "queue", "%s", "one\ntwo");
	end_results(&s);
	lang_use(ENGLISH, NULL);
	check_text("Chinese", s.text,
	    "\u6b63\u5e38     \u78c1\u76d8\uff1a/srv\n"
	    "\u8b66\u544a     disk\uff1a/srv \u5bf9\u5176\u4ed6\u7528\u6237\u5f00\u653e"
	    "\uff0c\u6743\u9650 0755\uff1b\u8bf7\u8fd0\u884c\uff1achmod 0700 /srv\n"
	    "\u5931\u8d25     \u961f\u5217\uff1aone\uff1btwo\n"
	    "1 \u9879\u5931\u8d25\uff0c1 \u9879\u8b66\u544a\n");
	free(s.text);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(shown), TEST(many), TEST(no_memory), TEST(chinese),
	};

	return RUN("check_result", tests);
}
