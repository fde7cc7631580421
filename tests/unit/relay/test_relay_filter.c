#include <stdio.h>
#include <string.h>

#include "relay/relay_filter.h"
#include "tests/unit/unit.h"

static const struct {
	const char	*pattern, *text;
	bool		 fits;
} pattern_cases[] = {
	{ "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "abc", true },
	{ "a", "a", true }, { "a", "A", false }, { "a", "ab", false }, { "ab", "a", false },
	{ "a*", "abc", true }, { "*c", "abc", true }, { "*b", "abc", false },
	{ "a*c", "ac", true }, { "a*c", "abcbc", true }, { "a*c", "abcb", false },
	{ "?", "", false }, { "?", "x", true }, { "a?c", "abc", true }, { "??", "x", false },
	{ "*a*b*", "xxaxxbxx", true }, { "*a*b*", "xxbxxaxx", false }, { "**", "x", true },
	{ "crm_*", "crm_open", true }, { "crm_*", "shop_open", false },
	{ "\xE5\x95\x86*", "\xE5\x95\x86\xE5\x9F\x8E", true },
};

static void
patterns(void **state)
{
	char	 name[80];
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(pattern_cases); i++) {
		(void)snprintf(name, sizeof(name), "%s on %s", pattern_cases[i].pattern,
		    pattern_cases[i].text);
		check_int(name, relay_filter_fits(slice_of(pattern_cases[i].pattern),
		    slice_of(pattern_cases[i].text)), pattern_cases[i].fits);
	}
}

#define CLICK	"<xml><MsgType>event</MsgType><Event>CLICK</Event>" \
		"<EventKey><![CDATA[crm_open]]></EventKey></xml>"
#define TEXT	"<xml><MsgType>text</MsgType><Content>hello</Content></xml>"
#define FOLLOW	"<xml><MsgType>event</MsgType><Event>subscribe</Event><EventKey></EventKey></xml>"
#define PLACE	"<xml><MsgType>event</MsgType><Event>LOCATION</Event></xml>"

static const struct {
	const char	*only, *xml;
	bool		 wants;
} cases[] = {
	{ NULL, TEXT, true }, { "", TEXT, true }, { "  ", TEXT, true },
	{ "text", TEXT, true }, { "image", TEXT, false }, { "image text", TEXT, true },
	{ " image\ttext\n", TEXT, true }, { "tex", TEXT, false }, { "texts", TEXT, false },
	{ "event", CLICK, true }, { "CLICK", CLICK, true }, { "click", CLICK, false },
	{ "CLICK:crm_*", CLICK, true }, { "CLICK:shop_*", CLICK, false },
	{ "CLICK:shop_* CLICK:crm_open", CLICK, true }, { "event:crm_open", CLICK, true },
	{ "subscribe", FOLLOW, true }, { "subscribe:qrscene_*", FOLLOW, false },
	{ "subscribe:*", FOLLOW, true }, { "LOCATION", PLACE, true }, { "location", PLACE, false },
	{ "LOCATION:*", PLACE, true }, { "LOCATION:?*", PLACE, false },
	{ "text", "this is no XML", false }, { NULL, "this is no XML", true },
};

static void
words(void **state)
{
	struct message	 m = { .time_s = 0 };
	struct buf	 scratch = { 0 };
	char		 name[80];
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(name, sizeof(name), "%s, case %zu",
		    cases[i].only != NULL ? cases[i].only : "NULL", i);
		check_err(name, message_read(&m, slice_of(cases[i].xml)), ERR_OK);
		check_int(name, relay_filter_wants(cases[i].only, &m, slice_of(cases[i].xml),
		    &scratch), cases[i].wants);
	}
	message_free(&m);
	buf_free(&scratch);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { TEST(patterns), TEST(words) };

	return RUN("relay_filter", tests);
}
