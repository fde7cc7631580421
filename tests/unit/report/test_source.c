#include "report/source.h"
#include "tests/unit/unit.h"

#define QT(host)	"https://" host "/server/thirdPartyDataSource"

static const struct {
	const char	*name;
	const char	*urls[3];
	int		 count, collector;
	bool		 is_empty;
	enum language	 language;
	const char	*text;
} cases[] = {
	{ "one host", { QT("qt.example.com") }, 1, 0, false, ENGLISH,
	  "Counted while forwarding to qt.example.com." },
	{ "the same host twice", { QT("a.example"), QT("b.example"), QT("a.example") }, 1, 0, false,
	  ENGLISH, "Counted while forwarding to a.example, b.example." },
	{ "both", { QT("a.example:8443") }, 1, 1, false, ENGLISH,
	  "Counted while forwarding to a.example. Counted by the collector of this host." },
	{ "the collector alone", { QT("a.example") }, -1, 1, false, ENGLISH,
	  "Counted by the collector of this host." },
	{ "neither", { QT("a.example") }, -1, 0, true, ENGLISH,
	  "Nothing is counted, because count is -1 and collector is 0. Set .count = 1 in "
	  "config.h, build and restart qtoa." },
	{ "empty", { QT("a.example") }, 1, 0, true, ENGLISH,
	  "Counted while forwarding to a.example. No message has come yet. `qtoa status` says "
	  "what WeChat has sent; `qtoa send` sends a test message." },
	{ "no account", { NULL }, 1, 1, false, ENGLISH, "Counted by the collector of this host." },
	{ "Chinese", { QT("a.example") }, 1, 1, false, CHINESE,
	  "在转发时统计，转发目标：a.example。由本机的收集器统计。" },
};

static void
test_sentences(void **state)
{
	struct account	 accounts[3];
	struct conf	 c;
	struct buf	 out;
	size_t		 i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (n = 0; n < COUNT(accounts) && cases[i].urls[n] != NULL; n++)
			accounts[n] = (struct account){ .qt_url = cases[i].urls[n] };
		c = (struct conf){ .accounts = accounts, .n = n,
		    .set = { .count = cases[i].count, .collector = cases[i].collector } };
		out = (struct buf){ .p = NULL };
		check_err(cases[i].name, source_write(&out, &c, cases[i].language,
		    cases[i].is_empty), ERR_OK);
		check_err(cases[i].name, buf_putc(&out, '\0'), ERR_OK);
		check_text(cases[i].name, out.p, cases[i].text);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(test_sentences) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
