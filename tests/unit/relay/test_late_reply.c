#include "relay/late_reply.h"
#include "tests/unit/unit.h"

#define REPLY(type, more) "<xml><ToUserName>o</ToUserName><FromUserName>g</FromUserName>" \
	"<CreateTime>1</CreateTime><MsgType><![CDATA[" type "]]></MsgType>" more "</xml>"
#define JSON_OF(type, more) "{\"touser\":\"oU\",\"msgtype\":\"" type "\"," more "}"

static const struct {
	const char	*name, *xml, *json;	/* json NULL: it cannot be sent */
} cases[] = {
	{ "text", REPLY("text", "<Content><![CDATA[a \"b\" <c>]]></Content>"),
	    JSON_OF("text", "\"text\":{\"content\":\"a \\\"b\\\" <c>\"}") },
	{ "lines and Chinese", REPLY("text", "<Content><![CDATA[\xE4\xBD\xA0\n\xF0\x9F\x98\x80]]>"
	    "</Content>"), JSON_OF("text", "\"text\":{\"content\":\"\xE4\xBD\xA0\\n"
	    "\xF0\x9F\x98\x80\"}") },
	{ "image", REPLY("image", "<Image><MediaId>m</MediaId></Image>"),
	    JSON_OF("image", "\"image\":{\"media_id\":\"m\"}") },
	{ "voice", REPLY("voice", "<Voice><MediaId><![CDATA[m]]></MediaId></Voice>"),
	    JSON_OF("voice", "\"voice\":{\"media_id\":\"m\"}") },
	{ "video", REPLY("video", "<Video><MediaId>m</MediaId><Title>t</Title></Video>"),
	    JSON_OF("video", "\"video\":{\"media_id\":\"m\",\"title\":\"t\"}") },
	{ "music", REPLY("music", "<Music><ThumbMediaId>m</ThumbMediaId><MusicUrl>u</MusicUrl>"
	    "</Music>"), JSON_OF("music", "\"music\":{\"musicurl\":\"u\","
	    "\"thumb_media_id\":\"m\"}") },
	{ "news", REPLY("news", "<ArticleCount>1</ArticleCount><Articles><item><Title>t</Title>"
	    "<Description>d</Description><PicUrl>p</PicUrl><Url>https://u/?a=1&amp;b=2</Url>"
	    "</item></Articles>"), JSON_OF("news", "\"news\":{\"articles\":[{\"title\":\"t\","
	    "\"description\":\"d\",\"url\":\"https://u/?a=1&b=2\",\"picurl\":\"p\"}]}") },
	{ "transfer", REPLY("transfer_customer_service", ""), NULL },
	{ "no type", "<xml></xml>", NULL },
};

static void
writing(void **state)
{
	struct buf	 out = { 0 };
	enum error	 er;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		er = late_reply_write(&out, slice_of(cases[i].xml), slice_of("oU"));
		if (cases[i].json == NULL)
			CHECK(cases[i].name, er != ERR_OK);
		else if (check_err(cases[i].name, er, ERR_OK))
			check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].json));
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(writing) };

	return RUN("late_reply", tests);
}
