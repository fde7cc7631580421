#include <stdio.h>
#include <string.h>

#include "reply/media_form.h"
#include "reply/menu.h"
#include "tests/unit/unit.h"

struct said {
	int	 n;
	char	 text[1024];
};

static void
note(void *ctx, bool wrong, const char *where, const char *what)
{
	struct said	*s = ctx;
	const size_t	 len = strlen(s->text);

	(void)wrong;
	s->n++;
	(void)snprintf(s->text + len, sizeof(s->text) - len, "%s: %s;", where, what);
}

static struct json *
parse(const char *text)
{
	struct json	*j = json_parse_any(slice_of(text));

	assert_non_null(j);
	return j;
}

/* Both of WeChat's shapes, and what a file becomes of them. */
static void
shapes(void **state)
{
	static const struct {
		const char	*name;
		bool		 console;
		const char	*answer, *menu, *clicks;
	} cases[] = {
		{ "of the API", false, "{\"menu\":{\"button\":[{\"type\":\"click\",\"name\":\"a\","
		    "\"key\":\"K\",\"sub_button\":[]},{\"name\":\"b\",\"sub_button\":[{\"type\":"
		    "\"view\",\"name\":\"c\",\"url\":\"http://u/?a=1&b\",\"sub_button\":[]}]}],"
		    "\"menuid\":7}}",
		    "{\"button\":[{\"type\":\"click\",\"name\":\"a\",\"key\":\"K\"},{\"name\":\"b\","
		    "\"sub_button\":[{\"type\":\"view\",\"name\":\"c\",\"url\":\"http://u/?a=1&b\"}]}]}",
		    NULL },
		{ "conditional", false, "{\"menu\":{\"button\":[]},\"conditionalmenu\":[{\"button\":["
		    "{\"type\":\"click\",\"name\":\"a\",\"key\":\"K\"}],\"matchrule\":{\"tag_id\":\"2\"},"
		    "\"menuid\":8}]}",
		    "{\"button\":[],\"conditionalmenu\":[{\"button\":[{\"type\":\"click\",\"name\":\"a\","
		    "\"key\":\"K\"}],\"matchrule\":{\"tag_id\":\"2\"}}]}", NULL },
		{ "of the console", true, "{\"is_menu_open\":1,\"selfmenu_info\":{\"button\":["
		    "{\"name\":\"\xE6\xB1\x89\",\"sub_button\":{\"list\":[{\"type\":\"view\",\"name\":\"v\","
		    "\"url\":\"http://u\"},{\"type\":\"text\",\"name\":\"t\",\"value\":\"hello\"}]}},"
		    "{\"type\":\"video\",\"name\":\"w\",\"value\":\"http://v\"},"
		    "{\"type\":\"img\",\"name\":\"i\",\"value\":\"m1\"}]}}",
		    "{\"button\":[{\"name\":\"\xE6\xB1\x89\",\"sub_button\":[{\"type\":\"view\",\"name\":\"v\","
		    "\"url\":\"http://u\"},{\"name\":\"t\",\"type\":\"click\",\"key\":\"qtoa_1_2\"}]},"
		    "{\"name\":\"w\",\"type\":\"view\",\"url\":\"http://v\"},"
		    "{\"name\":\"i\",\"type\":\"click\",\"key\":\"qtoa_3\"}]}",
		    "[{\"key\":\"qtoa_1_2\",\"rule_name\":\"t\",\"reply_list_info\":[{\"type\":\"text\","
		    "\"content\":\"hello\"}]},{\"key\":\"qtoa_3\",\"rule_name\":\"i\",\"reply_list_info\":"
		    "[{\"type\":\"img\",\"content\":\"m1\"}]}]" },
		{ "no menu", true, "{\"is_menu_open\":0,\"selfmenu_info\":{\"button\":[]}}",
		    "{\"button\":[]}", "[]" },
		{ "nothing at all", true, "{}", "{\"button\":[]}", "[]" },
	};
	const struct import	 im = { .say = NULL };
	struct buf		 out = { 0 }, clicks = { 0 };
	struct json		*j;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		j = parse(cases[i].answer);
		buf_reset(&out);
		buf_reset(&clicks);
		check_err(cases[i].name, cases[i].console ?
		    menu_from_console(&out, &clicks, &im, j) : menu_from_api(&out, j), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].menu));
		if (cases[i].clicks != NULL)
			check_bytes(cases[i].name, buf_slice(&clicks), slice_of(cases[i].clicks));
		json_free(j);
	}
	buf_free(&out);
	buf_free(&clicks);
}

/* Menus are compared by their lines: whatever the order of members, and what WeChat adds. */
static void
lines(void **state)
{
	static const struct {
		const char	*name, *menu, *lines;
	} cases[] = {
		{ "entries", "{\"button\":[{\"name\":\"a\",\"sub_button\":[{\"key\":\"K\",\"name\":\"b\","
		    "\"type\":\"click\",\"sub_button\":[]}]},{\"url\":\"http://u\",\"type\":\"view\","
		    "\"name\":\"c\"}]}",
		    "1 \"a\"\n1.1 \"b\": click key=\"K\"\n2 \"c\": view url=\"http://u\"\n" },
		{ "conditional", "{\"conditionalmenu\":[{\"menuid\":5,\"matchrule\":{\"tag_id\":\"2\","
		    "\"country\":\"\"},\"button\":[{\"name\":\"a\",\"type\":\"click\",\"key\":\"K\"}]}]}",
		    "if 1: tag_id=\"2\"\nif 1: 1 \"a\": click key=\"K\"\n" },
		{ "nothing", "{}", "" },
	};
	struct buf	 out = { 0 };
	struct json	*j;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		j = parse(cases[i].menu);
		buf_reset(&out);
		check_err(cases[i].name, menu_lines(&out, j), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].lines));
		json_free(j);
	}
	check_err("no menu", menu_lines(&out, NULL), ERR_OK);
	buf_free(&out);
}

#define LEAF	"{\"type\":\"click\",\"name\":\"n\",\"key\":\"k\"}"
#define IF(rule, buttons) "{\"button\":[" LEAF "],\"conditionalmenu\":[{\"matchrule\":" rule \
	",\"button\":[" buttons "]}]}"
#define VIEW(host) "{\"type\":\"view\",\"name\":\"v\",\"url\":\"http://" host "/\"}"

static void
limits(void **state)
{
	static const struct {
		const char	*name, *menu, *says;	/* "": it is good */
	} cases[] = {
		{ "one", "{\"button\":[" LEAF "]}", "" },
		{ "three", "{\"button\":[" LEAF "," LEAF "," LEAF "]}", "" },
		{ "four", "{\"button\":[" LEAF "," LEAF "," LEAF "," LEAF "]}",
		    "button: there are 4 entries" },
		{ "none", "{\"button\":[]}", "button: there are 0 entries" },
		{ "no list", "{}", "button: there are 0 entries" },
		{ "no name", "{\"button\":[{\"type\":\"click\",\"key\":\"k\"}]}",
		    "button[0]: it has no name" },
		{ "no type", "{\"button\":[{\"name\":\"n\"}]}", "button[0]: the type \"\"" },
		{ "below", "{\"button\":[{\"name\":\"n\",\"sub_button\":[" LEAF ",{\"name\":\"m\","
		    "\"type\":\"view\"}]}]}", "button[0][1]: an entry of the type view needs url" },
		{ "condition", IF("{\"tag_id\":\"1\"}", LEAF), "" },
		{ "empty condition", IF("{}", LEAF), "conditionalmenu[0]: it has no condition" },
		{ "old condition", IF("{\"sex\":\"1\",\"tag_id\":\"1\"}", LEAF),
		    "conditionalmenu[0]: WeChat knows no condition sex" },
		{ "three domains", IF("{\"tag_id\":\"1\"}", VIEW("a") "," VIEW("b") ","
		    "{\"name\":\"n\",\"sub_button\":[" VIEW("c") "," VIEW("a") "]}"), "" },
		{ "four domains", IF("{\"tag_id\":\"1\"}", VIEW("a") "," VIEW("b") ","
		    "{\"name\":\"n\",\"sub_button\":[" VIEW("c") "," VIEW("d") "]}"),
		    "more than 3 domains" },
	};
	struct json	*j;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		j = parse(cases[i].menu);
		memset(&s, 0, sizeof(s));
		CHECK(cases[i].name, menu_check(j, note, &s) == (*cases[i].says == '\0'));
		if (strstr(s.text, cases[i].says) == NULL)
			check_text(cases[i].name, s.text, cases[i].says);
		json_free(j);
	}
}

static bool
upload(void *ctx, struct buf *id, const char *kind, struct slice source)
{
	(void)ctx;
	return source.len != 0 && buf_printf(id, "new-%s", kind) == ERR_OK;
}

/* What is imported of replies: media that end are uploaded, or named. */
static void
imported(void **state)
{
	static const struct {
		const char	*name;
		import_media	*media;
		const char	*info, *want;
		int		 said;
	} cases[] = {
		{ "text", NULL, "{\"type\":\"text\",\"content\":\"x\"}",
		    "{\"type\":\"text\",\"content\":\"x\"}", 0 },
		{ "image", NULL, "{\"type\":\"img\",\"content\":\"m\"}",
		    "{\"type\":\"img\",\"content\":\"m\"}", 1 },
		{ "image, uploaded", upload, "{\"type\":\"img\",\"content\":\"m\"}",
		    "{\"type\":\"img\",\"content\":\"new-image\"}", 0 },
		{ "photo of a menu", upload, "{\"name\":\"n\",\"type\":\"photo\",\"value\":\"m\"}",
		    "{\"type\":\"img\",\"content\":\"new-image\"}", 0 },
		{ "voice, uploaded", upload, "{\"type\":\"voice\",\"content\":\"m\"}",
		    "{\"type\":\"voice\",\"content\":\"new-voice\"}", 0 },
		{ "video", NULL, "{\"type\":\"video\",\"content\":\"http://v\"}",
		    "{\"type\":\"video\",\"content\":\"http://v\"}", 1 },
		{ "video, uploaded", upload, "{\"type\":\"video\",\"content\":\"http://v\"}",
		    "{\"type\":\"video\",\"media_id\":\"new-video\"}", 0 },
		{ "no medium to upload", upload, "{\"type\":\"img\"}",
		    "{\"type\":\"img\",\"content\":\"\"}", 1 },
		{ "news", upload, "{\"type\":\"news\",\"news_info\":{\"list\":[]}}",
		    "{\"type\":\"news\",\"news_info\":{\"list\":[]}}", 0 },
	};
	struct import	 im = { .say = note };
	struct buf	 out = { 0 };
	struct json	*j;
	struct said	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		j = parse(cases[i].info);
		memset(&s, 0, sizeof(s));
		im.media = cases[i].media;
		im.ctx = &s;
		buf_reset(&out);
		check_err(cases[i].name, import_reply(&out, &im, j, "here"), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
		check_int(cases[i].name, s.n, cases[i].said);
		json_free(j);
	}
	buf_free(&out);
}

/* Rules for keys: each replaces that of before, and all else of the file stays. */
static void
clicks_are_added(void **state)
{
	static const struct {
		const char	*name, *old, *clicks, *want;
	} cases[] = {
		{ "no file", NULL, "[{\"key\":\"a\"}]", "{\"click\":[{\"key\":\"a\"}]}" },
		{ "others stay", "{\"fold\":0,\"click\":[{\"key\":\"b\"},{\"key\":\"a\",\"x\":1}]}",
		    "[{\"key\":\"a\",\"x\":2}]",
		    "{\"fold\":0,\"click\":[{\"key\":\"b\"},{\"key\":\"a\",\"x\":2}]}" },
		{ "WeChat's way", "{\"click\":{\"list\":[{\"key\":\"b\"}]}}", "[]",
		    "{\"click\":[{\"key\":\"b\"}]}" },
	};
	struct buf	 out = { 0 };
	struct json	*old, *clicks;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		old = cases[i].old == NULL ? NULL : parse(cases[i].old);
		clicks = parse(cases[i].clicks);
		buf_reset(&out);
		check_err(cases[i].name, import_clicks(&out, old, clicks), ERR_OK);
		check_bytes(cases[i].name, buf_slice(&out), slice_of(cases[i].want));
		json_free(old);
		json_free(clicks);
	}
	buf_free(&out);
}

/* A file's first bytes tell its format. */
static void
formats(void **state)
{
	static const struct {
		const char	*kind;
		struct slice	 file;
		const char	*type;
	} cases[] = {
		{ "image", BYTES("\xFF\xD8\xFF\xE0"), "image/jpeg" },
		{ "image", BYTES("\x89PNG\r\n"), "image/png" },
		{ "image", BYTES("?"), "image/jpeg" },
		{ "voice", BYTES("#!AMR\n"), "audio/amr" },
		{ "voice", BYTES("ID3"), "audio/mpeg" },
		{ "voice", BYTES(""), "audio/amr" },
		{ "video", BYTES("....ftyp"), "video/mp4" },
	};
	struct buf	 out = { 0 };
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		check_err(cases[i].kind, media_form_write(&out, cases[i].kind, cases[i].file),
		    ERR_OK);
		check_err(cases[i].kind, buf_putc(&out, '\0'), ERR_OK);
		CHECK(cases[i].type, strstr(out.p, cases[i].type) != NULL);
	}
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(shapes), TEST(lines), TEST(limits), TEST(imported), TEST(clicks_are_added),
		TEST(formats),
	};

	return RUN("menu", tests);
}
