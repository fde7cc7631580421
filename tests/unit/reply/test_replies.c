#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reply/replies.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/xml_scan.h"

#define KEY	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct settings	 settings;

struct bench {
	const char		*dir;
	char			 file[STATE_PATH];
	struct account		 account;
	struct conf		 conf;
	struct locks		*locks;
	struct replies		*replies;
	struct replies_choice	 choice;
	struct message		 message;
};

static void
bench_init(struct bench *b)
{
	*b = (struct bench){ .dir = state_new() };
	state_path(b->file, b->dir, "rules.json");
	b->account = (struct account){ .path = "shop", .name = "shop", .replies = b->file };
	b->conf = (struct conf){ .set = settings, .accounts = &b->account, .n = 1 };
	b->conf.set.state_dir = b->dir;
	b->locks = lock_new(b->dir);
	b->replies = replies_new(&b->conf, b->locks, NULL);
	assert_non_null(b->replies);
}

static void
bench_fini(struct bench *b)
{
	replies_free(b->replies);
	lock_free(b->locks);
	replies_choice_free(&b->choice);
	message_free(&b->message);
}

static void
write_rules(const struct bench *b, const char *text)
{
	state_write(b->dir, "rules.json", text, strlen(text));
}

/* The content of the reply to a click; "": there is no reply. */
static const char *
click(struct bench *b, const char *key)
{
	static char	 got[256];
	struct buf	 text = { 0 };
	char		 xml[512];

	(void)snprintf(xml, sizeof(xml), "<xml><ToUserName>gh_1</ToUserName><FromUserName>oUser"
	    "</FromUserName><CreateTime>1712345678</CreateTime><MsgType>event</MsgType>"
	    "<Event>CLICK</Event><EventKey>%s</EventKey></xml>", key);
	*got = '\0';
	check_err("read", message_read(&b->message, slice_of(xml)), ERR_OK);
	if (replies_choose(b->replies, &b->choice, &b->account, &b->message, slice_of(xml), KEY) &&
	    xml_scan_child(&text, buf_slice(&b->choice.xml), "Content") == ERR_OK)
		(void)snprintf(got, sizeof(got), "%.*s", (int)text.len, text.p);
	buf_free(&text);
	return got;
}

#define CLICK(key, content)	"{\"click\":[{\"key\":\"" key "\",\"type\":\"text\"," \
				"\"content\":\"" content "\"}]}"

static void
changes(void **state)
{
	struct bench	 b;
	const char	*log;
	char		 found[STATE_PATH];

	(void)state;
	bench_init(&b);
	log = state_log(b.dir);
	write_rules(&b, CLICK("K", "one"));
	check_text("first", click(&b, "K"), "one");
	check_text("other key", click(&b, "L"), "");
	write_rules(&b, CLICK("K", "second"));
	check_text("changed", click(&b, "K"), "second");
	write_rules(&b, "{");
	check_text("wrong", click(&b, "K"), "second");
	check_text("still wrong", click(&b, "K"), "second");
	check_int("one line", state_log_lines(log, "level=warning"), 1);
	assert_int_equal(unlink(b.file), 0);
	check_text("gone", click(&b, "K"), "second");
	write_rules(&b, CLICK("K", "third one"));
	check_text("right again", click(&b, "K"), "third one");
	check_int("the copy", state_count(b.dir, "qtoa.rules-shop", found), 1);
	/* A process that begins while the file is wrong has the last good rules. */
	write_rules(&b, "[]");
	replies_free(b.replies);
	b.replies = replies_new(&b.conf, b.locks, NULL);
	check_text("from the copy", click(&b, "K"), "third one");
	bench_fini(&b);
}

static void
no_file(void **state)
{
	struct bench	 b;
	const char	*log;

	(void)state;
	bench_init(&b);
	log = state_log(b.dir);
	check_text("none", click(&b, "K"), "");
	check_text("none", click(&b, "K"), "");
	check_int("one line", state_log_lines(log, "no message is answered"), 1);
	b.account.replies = NULL;
	check_text("not set", click(&b, "K"), "");
	b.account.replies = "";
	check_text("empty", click(&b, "K"), "");
	bench_fini(&b);
}

/* The reply goes to the user, and its time is that of the message, so a repeat gets its bytes. */
static void
addressed(void **state)
{
	struct bench	 b;
	struct buf	 first = { 0 };

	(void)state;
	bench_init(&b);
	write_rules(&b, CLICK("K", "one"));
	check_text("first", click(&b, "K"), "one");
	check_err("kept", buf_put(&first, b.choice.xml.p, b.choice.xml.len), ERR_OK);
	check_text("second", click(&b, "K"), "one");
	check_bytes("the same", buf_slice(&b.choice.xml), buf_slice(&first));
	check_bytes("all of it", buf_slice(&first), slice_of("<xml><ToUserName><![CDATA[oUser]]>"
	    "</ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName><CreateTime>1712345678"
	    "</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[one]]></Content>"
	    "</xml>"));
	check_text("rule", b.choice.rule, "K");
	buf_free(&first);
	bench_fini(&b);
}

/* What users type can break WeChat's XML; they get an answer all the same. */
static void
broken_xml(void **state)
{
	static const struct {
		const char	*name, *content;
		bool		 found;
	} cases[] = {
		{ "plain", "<![CDATA[hello]]>", true },
		{ "end of CDATA", "<![CDATA[hello]]> & ]]>", true },
		{ "control character", "<![CDATA[\x01hello]]>", true },
		{ "no CDATA", "hello", true },
		{ "entity", "say hello &amp; go", true },
		{ "another word", "<![CDATA[goodbye]]>", false },
	};
	struct bench	 b;
	char		 xml[512];
	size_t		 i;

	(void)state;
	bench_init(&b);
	write_rules(&b, "{\"keyword_autoreply_info\":{\"list\":[{\"keyword_list_info\":["
	    "{\"match_mode\":\"contain\",\"content\":\"hello\"}],\"reply_list_info\":["
	    "{\"type\":\"text\",\"content\":\"hi\"}]}]}}");
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(xml, sizeof(xml), "<xml><ToUserName>gh_1</ToUserName><FromUserName>"
		    "oUser</FromUserName><CreateTime>1712345678</CreateTime><MsgType>text"
		    "</MsgType><Content>%s</Content></xml>", cases[i].content);
		check_err(cases[i].name, message_read(&b.message, slice_of(xml)), ERR_OK);
		CHECK(cases[i].name, replies_choose(b.replies, &b.choice, &b.account, &b.message,
		    slice_of(xml), KEY) == cases[i].found);
	}
	bench_fini(&b);
}

/* Threads use rules while others replace them. */
enum { THREADS = 4, TURNS = 300 };

struct turns {
	struct bench	*b;
	int		 answers, wrong;
};

static void *
take_turns(void *arg)
{
	static const char	 xml[] = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oUser"
				    "</FromUserName><CreateTime>1712345678</CreateTime><MsgType>event"
				    "</MsgType><Event>CLICK</Event><EventKey>K</EventKey></xml>";
	struct turns		*t = arg;
	struct replies_choice	 c = { .found = false };
	struct message		 m = { .code = NULL };
	int			 i;

	if (message_read(&m, slice_of(xml)) != ERR_OK)
		return NULL;
	for (i = 0; i < TURNS; i++) {
		t->answers += replies_choose(t->b->replies, &c, &t->b->account, &m, slice_of(xml),
		    KEY);
		t->wrong += c.xml.len < 6 || memcmp(c.xml.p + c.xml.len - 6, "</xml>", 6) != 0;
	}
	replies_choice_free(&c);
	message_free(&m);
	return NULL;
}

static void
threads(void **state)
{
	struct turns	 turns[THREADS] = { { .b = NULL } };
	pthread_t	 t[THREADS];
	struct bench	 b;
	int		 i;

	(void)state;
	bench_init(&b);
	(void)state_log(b.dir);
	write_rules(&b, CLICK("K", "begin"));
	check_text("begin", click(&b, "K"), "begin");
	for (i = 0; i < THREADS; i++) {
		turns[i].b = &b;
		assert_int_equal(pthread_create(&t[i], NULL, take_turns, &turns[i]), 0);
	}
	for (i = 0; i < 50; i++)
		write_rules(&b, i % 2 == 0 ? CLICK("K", "even") : CLICK("K", "odd ones"));
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		check_int("answers", turns[i].answers, TURNS);
		check_int("wrong", turns[i].wrong, 0);
	}
	bench_fini(&b);
}

static void
taken(void **state)
{
	struct bench	 b;
	struct bench	 other;

	(void)state;
	bench_init(&b);
	other = b;
	check_text("no rules", click(&b, "K"), "");
	b.choice.kind = RULES_CLICK;
	CHECK("others", replies_take(b.replies, &b.choice, &b.account, &b.message, KEY));
	CHECK("others again", replies_take(b.replies, &b.choice, &b.account, &b.message, "k"));
	b.choice.kind = RULES_DEFAULT;
	CHECK("first", replies_take(b.replies, &b.choice, &b.account, &b.message, KEY));
	CHECK("repeat", replies_take(b.replies, &b.choice, &b.account, &b.message, KEY));
	CHECK("second", !replies_take(b.replies, &b.choice, &b.account, &b.message, "k"));
	other.account.path = "bar";
	CHECK("account", replies_take(b.replies, &b.choice, &other.account, &b.message, "k"));
	bench_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(changes), TEST(no_file), TEST(addressed), TEST(broken_xml), TEST(threads),
		TEST(taken),
	};

	return RUN("replies", tests);
}
