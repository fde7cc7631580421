#include <stdio.h>
#include <string.h>

#include "reply/rules.h"
#include "tests/unit/unit.h"
#include "wechat/message.h"

/* The sample of WeChat's document, and our list of menu keys. */
static const char	 sample[] =
    "{\"is_add_friend_reply_open\":1,\"is_autoreply_open\":1,"
    "\"add_friend_autoreply_info\":{\"type\":\"text\",\"content\":\"Thanks for following!\"},"
    "\"message_default_autoreply_info\":{\"type\":\"text\",\"content\":\"Hello\"},"
    "\"keyword_autoreply_info\":{\"list\":["
    "{\"rule_name\":\"autoreply-news\",\"create_time\":1423028166,\"reply_mode\":\"reply_all\","
    "\"keyword_list_info\":[{\"type\":\"text\",\"match_mode\":\"contain\",\"content\":\"news\"}],"
    "\"reply_list_info\":[{\"type\":\"news\",\"news_info\":{\"list\":["
    "{\"title\":\"it's news\",\"author\":\"jim\",\"digest\":\"it's digest\",\"show_cover\":1,"
    "\"cover_url\":\"http://cover\",\"content_url\":\"http://content\",\"source_url\":\"\"}]}}]},"
    "{\"rule_name\":\"autoreply-voice\",\"create_time\":1423027971,\"reply_mode\":\"random_one\","
    "\"keyword_list_info\":[{\"type\":\"text\",\"match_mode\":\"contain\",\"content\":\"voice\"}],"
    "\"reply_list_info\":[{\"type\":\"voice\",\"content\":\"NESsxgHEvAcg3egJTtYj4uG1\"}]},"
    "{\"rule_name\":\"autoreply-text\",\"create_time\":1423027926,\"reply_mode\":\"random_one\","
    "\"keyword_list_info\":[{\"type\":\"text\",\"match_mode\":\"contain\",\"content\":\"text\"}],"
    "\"reply_list_info\":[{\"type\":\"text\",\"content\":\"hello!text!\"}]},"
    "{\"rule_name\":\"autoreply-video\",\"create_time\":1423027801,\"reply_mode\":\"reply_all\","
    "\"keyword_list_info\":[{\"type\":\"text\",\"match_mode\":\"equal\",\"content\":\"video\"}],"
    "\"reply_list_info\":[{\"type\":\"video\",\"content\":\"http://61.182.133.153/vweixin\"}]}]},"
    "\"click\":[{\"key\":\"HOURS\",\"reply_list_info\":[{\"type\":\"text\",\"content\":\"9-5\"}]},"
    "{\"key\":\"CALL\",\"type\":\"transfer_customer_service\"}]}";

static struct rules	*rules;
static struct buf	 work;

static bool
find(struct rules_found *f, const char *msgtype, const char *event, const char *content,
    const char *event_key, const char *key)
{
	const struct rules_message	 m = {
		.msgtype = slice_of(msgtype), .event = slice_of(event),
		.content = slice_of(content), .event_key = slice_of(event_key), .key = key,
	};
	enum error			 er;
	bool				 found = rules_find(rules, f, &er, &m, &work);

	check_err("found", er, ERR_OK);
	return found;
}

static void
the_sample(void **state)
{
	static const struct {
		const char		*name, *msgtype, *event, *content, *event_key;
		const char		*rule;		/* NULL: no reply */
		enum rules_kind		 kind;
		enum passive_type	 type;
	} cases[] = {
		{ "contained", "text", NULL, "the news of today", NULL, "autoreply-news",
		    RULES_KEYWORD, PASSIVE_NEWS },
		{ "alone", "text", NULL, "voice", NULL, "autoreply-voice", RULES_KEYWORD,
		    PASSIVE_VOICE },
		{ "upper case", "text", NULL, "NEWS", NULL, "autoreply-news", RULES_KEYWORD,
		    PASSIVE_NEWS },
		{ "full width", "text", NULL, "\xEF\xBC\xB4\xEF\xBC\xA5\xEF\xBC\xB8\xEF\xBC\xB4",
		    NULL, "autoreply-text", RULES_KEYWORD, PASSIVE_TEXT },
		{ "two match, the newer", "text", NULL, "text and news", NULL, "autoreply-news",
		    RULES_KEYWORD, PASSIVE_NEWS },
		{ "a video with an address", "text", NULL, "video", NULL, "default",
		    RULES_DEFAULT, PASSIVE_TEXT },
		{ "no keyword", "text", NULL, "nothing", NULL, "default", RULES_DEFAULT,
		    PASSIVE_TEXT },
		{ "empty", "text", NULL, "", NULL, "default", RULES_DEFAULT, PASSIVE_TEXT },
		{ "a picture", "image", NULL, NULL, NULL, "default", RULES_DEFAULT, PASSIVE_TEXT },
		{ "a place", "location", NULL, NULL, NULL, "default", RULES_DEFAULT,
		    PASSIVE_TEXT },
		{ "follow", "event", "subscribe", NULL, "", "follow", RULES_FOLLOW, PASSIVE_TEXT },
		{ "follow by scan", "event", "subscribe", NULL, "qrscene_1", "follow",
		    RULES_FOLLOW, PASSIVE_TEXT },
		{ "click", "event", "CLICK", NULL, "HOURS", "HOURS", RULES_CLICK, PASSIVE_TEXT },
		{ "click to transfer", "event", "CLICK", NULL, "CALL", "CALL", RULES_CLICK,
		    PASSIVE_TRANSFER },
		{ "scan of a menu", "event", "scancode_waitmsg", NULL, "HOURS", "HOURS",
		    RULES_CLICK, PASSIVE_TEXT },
		{ "unknown key", "event", "CLICK", NULL, "hours", NULL, 0, 0 },
		{ "view", "event", "VIEW", NULL, "HOURS", NULL, 0, 0 },
		{ "unfollow", "event", "unsubscribe", NULL, "", NULL, 0, 0 },
		{ "a job", "event", "TEMPLATESENDJOBFINISH", NULL, NULL, NULL, 0, 0 },
		{ "unknown type", "device_text", NULL, "news", NULL, NULL, 0, 0 },
		{ "no type", NULL, NULL, "news", NULL, NULL, 0, 0 },
	};
	struct rules_found	 f;
	size_t			 i;

	(void)state;
	rules = rules_parse(slice_of(sample), NULL, NULL);
	assert_non_null(rules);
	for (i = 0; i < COUNT(cases); i++) {
		if (!CHECK(cases[i].name, find(&f, cases[i].msgtype, cases[i].event,
		    cases[i].content, cases[i].event_key, "k") == (cases[i].rule != NULL)) ||
		    cases[i].rule == NULL)
			continue;
		check_bytes(cases[i].name, f.name, slice_of(cases[i].rule));
		check_int(cases[i].name, f.kind, cases[i].kind);
		check_int(cases[i].name, f.reply->type, cases[i].type);
	}
	assert_true(find(&f, "text", NULL, "news", NULL, "k"));
	check_bytes("title", f.reply->v[PASSIVE_TITLE], slice_of("it's news"));
	check_bytes("digest", f.reply->v[PASSIVE_DESCRIPTION], slice_of("it's digest"));
	check_bytes("cover", f.reply->v[PASSIVE_PIC_URL], slice_of("http://cover"));
	check_bytes("url", f.reply->v[PASSIVE_URL], slice_of("http://content"));
	check_int("keyword rules", (int64_t)rules_count(rules, RULES_KEYWORD), 3);
	rules_free(rules);
}

#define KEYWORD(mode, word)	"{\"match_mode\":\"" mode "\",\"content\":\"" word "\"}"
#define RULE(name, time, keywords) "{\"rule_name\":\"" name "\"," time \
	"\"keyword_list_info\":[" keywords "],\"reply_list_info\":[{\"type\":\"text\"," \
	"\"content\":\"" name "\"}]}"
#define KEYWORDS(list)		"\"keyword_autoreply_info\":{\"list\":[" list "]}"

/* Which of several rules that match answers. */
static void
order(void **state)
{
	static const struct {
		const char	*name, *file, *text, *rule;
	} cases[] = {
		{ "equal before contain", "{" KEYWORDS(RULE("a", "\"create_time\":9,",
		    KEYWORD("contain", "vip")) "," RULE("b", "\"create_time\":1,",
		    KEYWORD("equal", "vip"))) "}", "vip", "b" },
		{ "the newer first", "{" KEYWORDS(RULE("a", "\"create_time\":1,",
		    KEYWORD("contain", "v")) "," RULE("b", "\"create_time\":9,",
		    KEYWORD("contain", "i"))) "}", "vip", "b" },
		{ "the same time", "{" KEYWORDS(RULE("a", "\"create_time\":1,",
		    KEYWORD("contain", "v")) "," RULE("b", "\"create_time\":1,",
		    KEYWORD("contain", "i"))) "}", "vip", "a" },
		{ "without a time before those with one", "{" KEYWORDS(RULE("a",
		    "\"create_time\":1700000000,", KEYWORD("contain", "v")) ","
		    RULE("b", "", KEYWORD("contain", "i"))) "}", "vip", "b" },
		{ "without times, as they stand", "{" KEYWORDS(RULE("a", "",
		    KEYWORD("contain", "v")) "," RULE("b", "", KEYWORD("contain", "i"))) "}",
		    "vip", "a" },
		{ "the second keyword", "{" KEYWORDS(RULE("a", "", KEYWORD("equal", "x") ","
		    KEYWORD("equal", "vip"))) "}", "vip", "a" },
		{ "blanks around", "{" KEYWORDS(RULE("a", "", KEYWORD("equal", " VIP "))) "}",
		    "\xE3\x80\x80vip\n", "a" },
		{ "blanks within", "{" KEYWORDS(RULE("a", "", KEYWORD("equal", "a\xE3\x80\x80" "b")))
		    "}", "a b", "a" },
		{ "Chinese", "{" KEYWORDS(RULE("a", "", KEYWORD("contain", "\xE4\xBB\xB7\xE6\xA0\xBC")))
		    "}", "\xE6\x9F\xA5\xE4\xBB\xB7\xE6\xA0\xBC\xE5\x90\x97", "a" },
		{ "not folded", "{\"fold\":0," KEYWORDS(RULE("a", "", KEYWORD("equal", "VIP")))
		    "}", "vip", NULL },
		{ "not folded, the same bytes", "{\"fold\":0," KEYWORDS(RULE("a", "",
		    KEYWORD("equal", "VIP "))) "}", "VIP ", "a" },
		{ "equal is the whole text", "{" KEYWORDS(RULE("a", "", KEYWORD("equal", "vip")))
		    "}", "vip!", NULL },
		{ "longer than the text", "{" KEYWORDS(RULE("a", "", KEYWORD("contain", "vip")))
		    "}", "vi", NULL },
		{ "almost, then whole", "{" KEYWORDS(RULE("a", "", KEYWORD("contain", "aab")))
		    "}", "aaab", "a" },
		{ "switched off", "{\"is_autoreply_open\":0," KEYWORDS(RULE("a", "",
		    KEYWORD("contain", "vip"))) "}", "vip", NULL },
		{ "keywords suppress the default", "{\"message_default_autoreply_info\":{\"type\":"
		    "\"text\",\"content\":\"d\"}," KEYWORDS(RULE("a", "", KEYWORD("contain", "v")))
		    "}", "vip", "a" },
	};
	struct rules_found	 f;
	size_t			 i;
	bool			 found;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		rules = rules_parse(slice_of(cases[i].file), NULL, NULL);
		if (!CHECK(cases[i].name, rules != NULL))
			continue;
		found = find(&f, "text", NULL, cases[i].text, NULL, "k");
		CHECK(cases[i].name, found == (cases[i].rule != NULL));
		if (found && cases[i].rule != NULL)
			check_bytes(cases[i].name, f.name, slice_of(cases[i].rule));
		rules_free(rules);
	}
}

/* random_one: the same message gets the same reply, and many messages get all of them. */
static void
random_one(void **state)
{
	static const char	 file[] = "{" KEYWORDS("{\"reply_mode\":\"random_one\","
				    "\"keyword_list_info\":[" KEYWORD("equal", "r") "],"
				    "\"reply_list_info\":[{\"type\":\"text\",\"content\":\"0\"},"
				    "{\"type\":\"text\",\"content\":\"1\"},"
				    "{\"type\":\"text\",\"content\":\"2\"}]}") "}";
	struct rules_found	 f, again;
	int			 n[3] = { 0 }, i;
	char			 key[MESSAGE_KEY_HEX + 1];

	(void)state;
	rules = rules_parse(slice_of(file), NULL, NULL);
	assert_non_null(rules);
	for (i = 0; i < 3000; i++) {
		(void)snprintf(key, sizeof(key), "%064x", i * 7919);
		assert_true(find(&f, "text", NULL, "r", NULL, key));
		assert_true(find(&again, "text", NULL, "r", NULL, key));
		CHECK("the same", f.reply == again.reply);
		n[*f.reply->v[PASSIVE_CONTENT].p - '0']++;
	}
	for (i = 0; i < 3; i++)
		CHECK("each", n[i] > 800 && n[i] < 1200);
	rules_free(rules);
}

struct said {
	int	 wrong, odd;
	char	 text[1024];
};

static void
note(void *ctx, bool wrong, const char *where, const char *what)
{
	struct said	*s = ctx;

	*(wrong ? &s->wrong : &s->odd) += 1;
	CHECK(what, unit_is_printable(where) && unit_is_printable(what));
	if (s->text[0] == '\0')
		(void)snprintf(s->text, sizeof(s->text), "%s: %s", where, what);
}

#define FOLLOW(info)	"{\"add_friend_autoreply_info\":" info "}"

static void
faults(void **state)
{
	static const struct {
		const char	*name, *file;
		int		 wrong, odd;
		const char	*says;
	} cases[] = {
		{ "empty object", "{}", 0, 0, "" },
		{ "with a byte order mark", "\xEF\xBB\xBF{}", 0, 0, "" },
		{ "nothing", "", 1, 0, ": it is not JSON: line 1" },
		{ "a comma too many", "{\n\"click\":[],\n}", 1, 0, ": it is not JSON: line 3" },
		{ "cut", "{\"click\":[", 1, 0, "it is not JSON" },
		{ "not UTF-8", "{\"click\":\"\xFF\"}", 1, 0, "it is not JSON" },
		{ "a list", "[]", 1, 0, "the file must be an object" },
		{ "a name that means nothing", "{\"clicks\":[]}", 0, 1, "clicks has no meaning" },
		{ "WeChat's errcode", "{\"errcode\":0,\"errmsg\":\"ok\"}", 0, 0, "" },
		{ "info is a text", FOLLOW("\"hi\""), 1, 0, "must be an object" },
		{ "null", FOLLOW("null"), 0, 0, "" },
		{ "no type", FOLLOW("{\"content\":\"x\"}"), 1, 1, "a reply has no type" },
		{ "unknown type", FOLLOW("{\"type\":\"wxcard\"}"), 1, 1, "the type wxcard" },
		{ "no content", FOLLOW("{\"type\":\"text\"}"), 1, 1, "a text reply has no content" },
		{ "empty content", FOLLOW("{\"type\":\"text\",\"content\":\"\"}"), 1, 1,
		    "has no content" },
		{ "a number", FOLLOW("{\"type\":\"text\",\"content\":5}"), 2, 1,
		    "content must be a text" },
		{ "img", FOLLOW("{\"type\":\"img\",\"content\":\"m\"}"), 0, 0, "" },
		{ "image", FOLLOW("{\"type\":\"image\",\"media_id\":\"m\"}"), 0, 0, "" },
		{ "img without", FOLLOW("{\"type\":\"img\"}"), 1, 1, "a image reply has no content" },
		{ "video", FOLLOW("{\"type\":\"video\",\"media_id\":\"m\",\"title\":\"t\"}"), 0, 0,
		    "" },
		{ "video's address", FOLLOW("{\"type\":\"video\",\"content\":\"https://v\"}"), 0, 2,
		    "has an address instead" },
		{ "music", FOLLOW("{\"type\":\"music\",\"musicurl\":\"http://m\","
		    "\"thumb_media_id\":\"t\"}"), 0, 0, "" },
		{ "music_info", FOLLOW("{\"type\":\"music\",\"music_info\":{\"thumb_media_id\":"
		    "\"t\"}}"), 0, 0, "" },
		{ "music without thumb", FOLLOW("{\"type\":\"music\",\"musicurl\":\"http://m\"}"),
		    1, 1, "no thumb_media_id" },
		{ "news without articles", FOLLOW("{\"type\":\"news\",\"content\":\"m\"}"), 0, 2,
		    "no article" },
		{ "two articles", FOLLOW("{\"type\":\"news\",\"news_info\":{\"list\":[{\"title\":"
		    "\"t\",\"content_url\":\"u\"},{\"title\":\"t\"}]}}"), 0, 1, "2 articles" },
		{ "news without url", FOLLOW("{\"type\":\"news\",\"news_info\":{\"list\":["
		    "{\"title\":\"t\"}]}}"), 1, 1, "a news reply has no content_url" },
		{ "transfer", FOLLOW("{\"type\":\"transfer_customer_service\"}"), 0, 0, "" },
		{ "a switch in quotes", "{\"is_autoreply_open\":\"1\"}", 1, 0,
		    "is_autoreply_open must be a number" },
		{ "rules are no list", "{\"keyword_autoreply_info\":{\"list\":{}}}", 1, 0,
		    "list must be a list" },
		{ "a rule is a text", "{" KEYWORDS("\"x\"") "}", 1, 0,
		    "keyword_autoreply_info.list[0]: a rule must be an object" },
		{ "no keywords", "{" KEYWORDS("{\"rule_name\":\"n\",\"keyword_list_info\":[]}") "}",
		    0, 1, "keyword_autoreply_info.list[0] (n): it has no keyword" },
		{ "empty keyword", "{" KEYWORDS(RULE("n", "", KEYWORD("equal", " "))) "}", 1, 1,
		    "a keyword is empty" },
		{ "match_mode", "{" KEYWORDS(RULE("n", "", KEYWORD("regex", "x"))) "}", 1, 0,
		    "match_mode must be" },
		{ "reply_mode", "{" KEYWORDS("{\"reply_mode\":\"all\",\"keyword_list_info\":["
		    KEYWORD("equal", "x") "],\"reply_list_info\":[{\"type\":\"text\",\"content\":"
		    "\"x\"}]}") "}", 1, 0, "reply_mode must be" },
		{ "two replies", "{" KEYWORDS("{\"keyword_list_info\":[" KEYWORD("equal", "x") "],"
		    "\"reply_list_info\":[{\"type\":\"text\",\"content\":\"x\"},{\"type\":\"text\","
		    "\"content\":\"x\"}]}") "}", 0, 1, "it has 2 replies" },
		{ "click without key", "{\"click\":[{\"type\":\"text\",\"content\":\"x\"}]}", 1, 0,
		    "click[0]: key must have" },
		{ "click twice", "{\"click\":[{\"key\":\"k\",\"type\":\"text\",\"content\":\"x\"},"
		    "{\"key\":\"k\",\"type\":\"text\",\"content\":\"x\"}]}", 1, 0,
		    "click[1] (k): another rule" },
		{ "click in WeChat's way", "{\"click\":{\"list\":[{\"key\":\"k\",\"type\":\"text\","
		    "\"content\":\"x\"}]}}", 0, 0, "" },
		{ "click is a text", "{\"click\":\"k\"}", 1, 0, "click must be a list" },
		{ "faults of what is switched off", "{\"is_add_friend_reply_open\":0,"
		    "\"add_friend_autoreply_info\":{\"type\":\"x\"}}", 1, 1, "the type x" },
	};
	struct rules	*r;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&s, 0, sizeof(s));
		r = rules_parse(slice_of(cases[i].file), note, &s);
		CHECK(cases[i].name, (r == NULL) == (s.wrong != 0));
		if (cases[i].wrong != 0)
			CHECK(cases[i].name, s.wrong >= 1);
		else
			check_int(cases[i].name, s.odd, cases[i].odd);
		if (*cases[i].says != '\0' &&
		    strstr(s.text, cases[i].says) == NULL)
			check_text(cases[i].name, s.text, cases[i].says);
		rules_free(r);
	}
}

/* A text of 600 Chinese characters is whole; one that is too long is named. */
static void
long_texts(void **state)
{
	struct buf	 b = { 0 };
	struct rules	*r;
	struct said	 s;
	int		 n, i;

	(void)state;
	for (n = 600; n <= 700; n += 100) {
		buf_reset(&b);
		assert_int_equal(buf_puts(&b, "{\"add_friend_autoreply_info\":{\"type\":\"text\","
		    "\"content\":\""), ERR_OK);
		for (i = 0; i < n; i++)
			assert_int_equal(buf_puts(&b, "\xE6\xB1\x89"), ERR_OK);
		assert_int_equal(buf_puts(&b, "\"}}"), ERR_OK);
		memset(&s, 0, sizeof(s));
		r = rules_parse(buf_slice(&b), note, &s);
		CHECK("good", r != NULL && s.wrong == 0);
		check_int("told", s.odd, n > 682);
		rules_free(r);
	}
	buf_free(&b);
}

static void
out_of_memory(void **state)
{
	struct rules	*r = NULL;
	struct said	 s = { .wrong = 0 };
	unsigned	 n;

	(void)state;
	for (n = 1; r == NULL && n < 100; n++) {
		memset(&s, 0, sizeof(s));
		unit_memory = n;
		r = rules_parse(slice_of(sample), note, &s);
		unit_memory = 0;
		CHECK("told", (r == NULL) == (s.wrong != 0));
	}
	CHECK("some failed", n > 5 && r != NULL);
	rules_free(r);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(the_sample), TEST(order), TEST(random_one), TEST(faults), TEST(long_texts),
		TEST(out_of_memory),
	};
	int	 rc = RUN("rules", tests);

	buf_free(&work);
	return rc;
}
