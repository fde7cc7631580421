/*
 * xmlmap_bench.c: how long xmlmap takes to translate a message, and how long mxml alone takes to
 * parse and free the same text.  Its arguments are XML files.  The two take turns in one process,
 * and the fastest round of each file counts.  After that: bodies of 64 KiB in shapes that are
 * slow to parse.  All times are CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mxml.h>

#include "xmlmap.h"

enum { ROUNDS = 30, PASSES = 200, BODY = 64 * 1024 };

static int64_t
cpu_ns(void)
{
	struct timespec	 t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool
read_file(struct buf *b, const char *path)
{
	char	 part[4096];
	size_t	 n;
	FILE	*f;

	buf_reset(b);
	if ((f = fopen(path, "rb")) == NULL)
		return false;
	while ((n = fread(part, 1, sizeof(part), f)) != 0)
		if (buf_put(b, part, n) != ERR_OK)
			break;
	(void)fclose(f);
	return buf_putc(b, '\0') == ERR_OK;
}

static void
parse_by_mxml(const char *s)
{
#if MXML_MAJOR_VERSION >= 4
	mxml_options_t	*opt = mxmlOptionsNew();

	mxmlOptionsSetTypeValue(opt, MXML_TYPE_OPAQUE);
	mxmlDelete(mxmlLoadString(NULL, opt, s));
	mxmlOptionsDelete(opt);
#else
	mxmlDelete(mxmlLoadString(NULL, s, MXML_OPAQUE_CALLBACK));
#endif
}

static double
shorter_of(double a, int64_t ns, int n)
{
	double	 us = (double)ns / 1000.0 / n;

	return a < 0 || us < a ? us : a;
}

static void
measure_files(struct xmlmap *m, struct event *ev, int n, char **paths)
{
	struct buf	 xml = { .p = NULL };
	double		 alone, map, alone_sum = 0, map_sum = 0, worst = 0;
	int64_t		 t0, t1, t2;
	int		 i, round, pass;

	for (i = 0; i < n; i++) {
		if (!read_file(&xml, paths[i])) {
			fprintf(stderr, "%s: cannot read it\n", paths[i]);
			exit(2);
		}
		alone = map = -1;
		for (round = 0; round < ROUNDS; round++) {
			t0 = cpu_ns();
			for (pass = 0; pass < PASSES; pass++)
				parse_by_mxml(xml.p);
			t1 = cpu_ns();
			for (pass = 0; pass < PASSES; pass++)
				(void)xmlmap_event(m, ev, (struct slice){ xml.p, xml.len - 1 });
			t2 = cpu_ns();
			alone = shorter_of(alone, t1 - t0, PASSES);
			map = shorter_of(map, t2 - t1, PASSES);
		}
		alone_sum += alone;
		map_sum += map;
		worst = map / alone > worst ? map / alone : worst;
	}
	buf_free(&xml);
	printf("%d messages: xmlmap %.2f us each, mxmlLoadString alone %.2f us, ratio %.2f "
	    "(worst message %.2f)\n", n, map_sum / n, alone_sum / n, map_sum / alone_sum, worst);
}

/*
 * A body: before, then part as often as 64 KiB have room for it (at most `most` times), then
 * after.
 */
struct shape {
	const char	*name, *before, *part, *after;
	size_t		 most;
};

#define TEXT	"<xml><MsgType>text</MsgType>"
#define EVENT(e) "<xml><MsgType>event</MsgType><Event>" e "</Event>"

static const struct shape shapes[] = {
	{ "deep nesting", "<xml>", "<a>", "", 0 },
	{ "deep and closed", "<xml><a><a><a><a><a><a><a><a>", "<b><c/></b>",
	  "</a></a></a></a></a></a></a></a></xml>", 2000 },
	{ "empty elements", TEXT, "<a/>", "</xml>", 0 },
	{ "empty elements, to the limit", TEXT, "<a/>", "</xml>", 4000 },
	{ "many texts", TEXT, "<Content><![CDATA[0123456789abcdef0123456789abcdef]]></Content>",
	  "</xml>", 0 },
	{ "attributes", "<xml><a", " b='1'", "/></xml>", 0 },
	{ "elements with attributes", TEXT, "<a b='1' c='2' d='3' e='4' f='5' g='6' h='7' i='8' "
	  "j='9' k='' l='' m='' n='' o='' p='' q='' r='' s='' t='' u='' v='' w='' x='' y='' "
	  "z='' A='' B='' C='' D='' E='' F='' G=''/>", "</xml>", 0 },
	{ "entities", TEXT "<Content>", "&amp;", "</Content></xml>", 0 },
	{ "character references", TEXT "<Content>", "&#65;", "</Content></xml>", 0 },
	{ "one CDATA", TEXT "<Content><![CDATA[", "x", "]]></Content></xml>", 0 },
	{ "brackets in CDATA", TEXT "<Content><![CDATA[", "]", "]]></Content></xml>", 0 },
	{ "CDATA pieces", TEXT "<Content>", "<![CDATA[]]>", "</Content></xml>", 0 },
	{ "CDATA pieces, to the limit", TEXT "<Content>", "<![CDATA[x]]>", "</Content></xml>",
	  4000 },
	{ "U+FEFF", TEXT "<Content>", "\xEF\xBB\xBF", "</Content></xml>", 0 },
	{ "blanks", TEXT "<Content>", "\r\n", "x</Content></xml>", 0 },
	{ "blanks and comments", TEXT "<Content>", " <!---->", "x</Content></xml>", 0 },
	{ "open comment", TEXT "<!--", "- ", "", 0 },
	{ "list items", EVENT("subscribe_msg_sent_event") "<SubscribeMsgSentEvent>",
	  "<List><MsgID/></List>", "</SubscribeMsgSentEvent></xml>", 2000 },
	{ "failed articles", EVENT("PUBLISHJOBFINISH") "<PublishEventInfo>",
	  "<fail_idx>1</fail_idx>", "</PublishEventInfo></xml>", 2000 },
	{ "copyright items", EVENT("MASSSENDJOBFINISH") "<CopyrightCheckResult><ResultList>",
	  "<item><CanReprint/></item>", "</ResultList></CopyrightCheckResult></xml>", 2000 },
	{ "pictures", EVENT("pic_weixin") "<SendPicsInfo>", "<PicList><item/></PicList>",
	  "</SendPicsInfo></xml>", 2000 },
	{ "control characters in JSON", EVENT("CLICK") "<ScanCodeInfo><ScanResult>x", "&#13;",
	  "x</ScanResult></ScanCodeInfo></xml>", 0 },
	{ "Chinese", TEXT "<Content>", "\xE4\xBD\xA0", "</Content></xml>", 0 },
};

static void
make_body(struct buf *b, const struct shape *s)
{
	size_t	 n = (BODY - strlen(s->before) - strlen(s->after)) / strlen(s->part);

	buf_reset(b);
	(void)buf_puts(b, s->before);
	for (n = s->most != 0 && s->most < n ? s->most : n; n != 0; n--)
		(void)buf_puts(b, s->part);
	(void)buf_puts(b, s->after);
}

/* The time of the slowest shape, ms. */
static double
measure_shapes(struct xmlmap *m, struct event *ev)
{
	struct buf	 xml = { .p = NULL };
	double		 ms, worst = 0;
	enum error	 er = ERR_OK;
	int64_t		 t;
	size_t		 i;
	int		 round;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		make_body(&xml, &shapes[i]);
		ms = -1;
		for (round = 0; round < 9; round++) {
			t = cpu_ns();
			er = xmlmap_event(m, ev, buf_slice(&xml));
			while (er == ERR_OK && xmlmap_more(m))
				er = xmlmap_next(m, ev);
			ms = shorter_of(ms, cpu_ns() - t, 1000);
		}
		printf("%-29s %6zu bytes %8.3f ms  %s\n", shapes[i].name, xml.len, ms,
		    er == ERR_OK ? "read" : xmlmap_why(m));
		worst = ms > worst ? ms : worst;
	}
	buf_free(&xml);
	return worst;
}

int
main(int argc, char **argv)
{
	static const struct xmlmap_options	 split = { .one_per_item = true };
	struct xmlmap				*m = xmlmap_new(NULL);
	struct event				 ev = { .nattr = 0 };

	if (m == NULL || argc < 2) {
		fputs("usage: xmlmap_bench FILE.xml...\n", stderr);
		return 2;
	}
	measure_files(m, &ev, argc - 1, argv + 1);
	printf("worst shape: %.3f ms\n", measure_shapes(m, &ev));
	xmlmap_free(m);
	if ((m = xmlmap_new(&split)) != NULL)
		printf("worst shape, one event an item: %.3f ms\n", measure_shapes(m, &ev));
	event_free(&ev);
	xmlmap_free(m);
	return 0;
}
