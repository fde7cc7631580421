/*
 * The page, with a few questions that this test defines; report/questions.c is not linked.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/calendar.h"
#include "core/digest.h"
#include "core/hex.h"
#include "report/page.h"
#include "report/questions.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/clocks.h"
#include "tests/unit/unit.h"

#define HOSTILE	"</script><script>alert(1)</script>\"'><img src=x onerror=y>\xE2\x80\xAE"

static const struct db_texts no_sql = { { "", "" } };

const struct report_question questions_table[] = {
	{ "days", false, &no_sql, CHART_DAYS, {
		{ "day", REPORT_DAY }, { "code", REPORT_CODE }, { "events", REPORT_COUNT } },
	    { { .name = NULL } } },
	{ "menu", false, &no_sql, CHART_BARS, { { "key", REPORT_TEXT }, { "clicks", REPORT_COUNT } },
	    { { .name = NULL } } },
	{ "funnel", true, &no_sql, CHART_FUNNEL, {
		{ "step", REPORT_COUNT }, { "code", REPORT_CODE }, { "devices", REPORT_COUNT } },
	    { { .name = "steps", .dflt = "$$_menu_click,$$_receive_msg", .kind = OPTION_CODES },
	      { .name = "window", .dflt = "604800", .kind = OPTION_NUMBER, .min = 1,
		.max = 9999999 },
	      { .name = "item", .kind = OPTION_TEXT },
	      { .name = "by", .dflt = "day", .kind = OPTION_TEXT, .choices = "day week" } } },
	{ .name = NULL },
};

const char *const questions_codes[] = { "$$_menu_click", "$$_receive_msg", NULL };

/* The behaviour of the functions that stand in for report/questions.c. */
static struct {
	int		 rows;
	bool		 closed;	/* there is no database */
	const char	*fails;		/* the question that fails */
} fake;

const struct report_question *
questions_find(struct slice name)
{
	const struct report_question	*q;

	for (q = questions_table; q->name != NULL; q++)
		if (slice_is(name, q->name))
			return q;
	return NULL;
}

void
questions_defaults(struct report_args *a, const struct report_question *q, int64_t now_s)
{
	size_t	 i;

	memset(a, 0, sizeof(*a));
	calendar_day_text(a->from, calendar_day_at(now_s) - 29);
	calendar_day_text(a->to, calendar_day_at(now_s));
	for (i = 0; i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		(void)snprintf(a->option[i], sizeof(a->option[i]), "%s",
		    q->options[i].dflt == NULL ? "" : q->options[i].dflt);
}

enum questions_error
questions_set(struct report_args *a, const struct report_question *q, const char *name,
    struct slice value)
{
	char	*to = strcmp(name, "account") == 0 ? a->account : NULL;
	int64_t	 day;
	size_t	 i;

	if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0) {
		if (!calendar_parse_day(&day, value))
			return QUESTIONS_NOT_DAY;
		to = strcmp(name, "from") == 0 ? a->from : a->to;
	}
	for (i = 0; i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strcmp(name, q->options[i].name) == 0)
			to = a->option[i];
	if (value.len >= REPORT_VALUE_MAX)
		return QUESTIONS_LONG;
	if (to != NULL) {
		memcpy(to, value.p, value.len);
		to[value.len] = '\0';
	}
	return QUESTIONS_OK;
}

enum questions_error
questions_check_period(const struct report_args *a)
{
	return strcmp(a->from, a->to) > 0 ? QUESTIONS_ORDER : QUESTIONS_OK;
}

struct db *
questions_open(const struct settings *set, struct store *store, int64_t until_ms, char *why,
    size_t size)
{
	struct db	*db = NULL;

	(void)set;
	(void)store;
	(void)until_ms;
	if (fake.closed)
		(void)snprintf(why, size, "closed");
	else if (sqlite_db_open(&db, ":memory:", SQLITE_DB_WRITE) != ERR_OK) {
		db_close(db);
		db = NULL;
	}
	return db;
}

enum error
questions_kept_from(char day[CALENDAR_DAY_TEXT], struct db *db, const struct report_args *a)
{
	(void)db;
	(void)snprintf(day, CALENDAR_DAY_TEXT, "%s", strcmp(a->from, "2020-02-01") < 0 ?
	    "2020-02-01" : "");
	return ERR_OK;
}

bool
questions_have_nothing(struct db *db)
{
	(void)db;
	return fake.rows == 0;
}

static enum error
append_fake_row(struct table *t, const struct report_question *q, const struct report_args *a)
{
	enum error	 er = table_row(t);
	size_t		 i;

	for (i = 0; er == ERR_OK && i < t->cols; i++)
		if (q->columns[i].kind == REPORT_COUNT)
			table_int(t, i, 1234);
		else
			er = table_text(t, i, slice_of(q->columns[i].kind == REPORT_DAY ? a->to :
			    HOSTILE));
	return er;
}

enum error
questions_ask(struct table *t, struct db *db, const struct conf *c, const struct report_question *q,
    const struct report_args *a)
{
	const char	*names[REPORT_COLUMNS_MAX];
	enum error	 er;
	size_t		 n;
	int		 i;

	(void)db;
	(void)c;
	if (fake.fails != NULL && strcmp(fake.fails, q->name) == 0)
		return ERR_STORE;
	for (n = 0; q->columns[n].name != NULL; n++)
		names[n] = q->columns[n].name;
	er = table_begin(t, names, n);
	for (i = 0; er == ERR_OK && i < fake.rows; i++)
		er = append_fake_row(t, q, a);
	return er;
}

/*
 * Pages.
 */

struct got {
	struct page_reply	 reply;
	struct buf		 out;
	enum error		 er;
	char			 why[64];
};

static struct account accounts[] = {
	{ .path = "shop", .name = "Shop <b>", .appid = "wx1" },
	{ .path = "demo", .name = "demo", .appid = "wx2" },
};

static const struct conf conf = { .accounts = accounts, .n = COUNT(accounts) };

static void
get_page(struct got *k, const char *path, const char *query, const char *language)
{
	char			*text = strdup(query);
	struct query		 q;
	struct page_request	 r = { slice_of(path), &q, slice_of(language), 0 };

	assert_non_null(text);
	atomic_store(&clocks->wall_ms, CLOCKS_LAST_MS);
	assert_int_equal(query_parse(&q, text, strlen(text)), ERR_OK);
	k->er = page_make(&k->reply, &k->out, &conf, NULL, &r, k->why, sizeof(k->why));
	assert_int_equal(buf_putc(&k->out, '\0'), ERR_OK);
	free(text);
}

static void
check_part(const char *name, const struct got *k, const char *part, bool has)
{
	if (!CHECK(name, (strstr(k->out.p, part) != NULL) == has))
		print_error("%s: %s\n", has ? "not there" : "there", part);
}

static void
paths(void **state)
{
	static const struct {
		const char	*path;
		bool		 is;
	} cases[] = {
		{ "/-/report", true }, { "/wx/-/report", true }, { "/wx/-/report/", true },
		{ "/wx/-/report/funnel", true }, { "/wx/-/report/funnel.csv", true },
		{ "/a/-/report/b/-/report", true }, { "/wx/-/reports", false },
		{ "/wx/report", false }, { "/wx/-/repor", false }, { "", false },
		{ "/-/report-x/-/health", false },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		check_int(cases[i].path, page_is(slice_of(cases[i].path)), cases[i].is);
	check_int("absent", page_is((struct slice){ NULL, 0 }), false);
}

static const struct {
	const char	*path, *query;
	int		 status;
	const char	*type, *has;
} page_cases[] = {
	{ "/-/report", "", 200, "text/html", "href=\"report/funnel\"" },
	{ "/-/report/", "", 200, "text/html", "href=\"../report/funnel\"" },
	{ "/wx/-/report/funnel", "", 200, "text/html", "href=\"../report\"" },
	{ "/-/report/nothing", "", 404, "text/html", "There is no such page." },
	{ "/-/report/funnel/x", "", 404, "text/html", "href=\"../../report/funnel\"" },
	{ "/-/report/nothing.csv", "", 404, "text/html", "There is no such page." },
	{ "/-/report/.csv", "", 404, "text/html", "There is no such page." },
	{ "/-/report/menu.csv", "", 200, "text/csv", "key,clicks\r\n" },
	{ "/-/report/menu.json", "", 200, "application/json", "\"clicks\":1234" },
	{ "/-/report", "from=2026-11-31", 400, "text/html",
	    "<p class=\"wrong\" role=\"alert\">From: is not a day; write it as YYYY-MM-DD</p>" },
	{ "/-/report", "from=2026-11-02&to=2026-11-01", 400, "text/html",
	    "Period: from is later than to" },
	{ "/-/report/menu.csv", "to=x", 400, "text/plain", "To: is not a day; write it as "
	    "YYYY-MM-DD\n" },
	{ "/-/report/funnel", "steps=a&steps=&steps=b&window=&by=week", 200, "text/html",
	    "report/funnel.csv?steps=a%2Cb&amp;by=week\"" },
	{ "/-/report/funnel", "", 200, "text/html",
	    "<option value=\"day\" selected>Day</option><option value=\"week\">Week" },
	{ "/-/report", "from=&to=&account=", 200, "text/html",
	    "aria-current=\"true\">30 days" },
	{ "/-/report/menu", "from=2026-11-01&to=2026-11-30&account=shop", 200, "text/html",
	    "href=\"../report/menu.csv?account=shop&amp;from=2026-11-01&amp;to=2026-11-30\""
	},
	{ "/-/report/menu", "from=2026-10-24&to=2026-11-22&account=shop", 200, "text/html",
	    "href=\"../report/menu.csv?account=shop\"" },	/* the last 30 days */
	{ "/-/report", "from=2020-01-31&to=2020-03-01", 200, "text/html",
	    "kept from this day on: 2020-02-01</p>" },
	{ "/-/report/menu", "from=2020-01-31&to=2020-03-01", 200, "text/html",
	    "kept from this day on: 2020-02-01</p>" },
	{ "/-/report/funnel", "steps=b&steps=c&window=60&item=a%26b", 200, "text/html",
	    "funnel.json?steps=b%2Cc&amp;window=60&amp;item=a%26b\"" },
};

static void
page_answers(void **state)
{
	struct got	 k = { .out = { 0 } };
	size_t		 i;

	(void)state;
	fake.rows = 3;
	for (i = 0; i < COUNT(page_cases); i++) {
		get_page(&k, page_cases[i].path, page_cases[i].query, "en");
		check_err(page_cases[i].path, k.er, ERR_OK);
		check_int(page_cases[i].path, k.reply.status, page_cases[i].status);
		CHECK(page_cases[i].type, strncmp(k.reply.type, page_cases[i].type,
		    strlen(page_cases[i].type)) == 0);
		check_part(page_cases[i].path, &k, page_cases[i].has, true);
		CHECK("lines end", strlen(k.reply.headers) > 2 && strcmp(k.reply.headers +
		    strlen(k.reply.headers) - 2, "\r\n") == 0);
		CHECK("no referrer", strstr(k.reply.headers, "no-referrer") != NULL);
		CHECK("default", strstr(k.reply.headers, "default-src 'none'") != NULL);
	}
	buf_free(&k.out);
}

/* Foreign text stays text everywhere in the page. */
static void
hostile(void **state)
{
	static const char *const pages[] = {
		"/-/report", "/-/report/menu", "/-/report/days", "/-/report/funnel",
	};
	static const char *const nowhere[] = {
		"<script", "<img", "onerror=y\"", "<b>", "\xE2\x80\xAE", "style=\"",
	};
	char		 query[] = "account=%22%3E%3Cscript%3Ex%3C/script%3E&item=%22%3E%3Cimg%20"
			    "src=x%20onerror=y%3E%E2%80%AE";
	struct got	 k = { .out = { 0 } };
	size_t		 i, j;

	(void)state;
	fake.rows = 3;
	for (i = 0; i < COUNT(pages); i++) {
		get_page(&k, pages[i], query, "zh");
		check_err(pages[i], k.er, ERR_OK);
		for (j = 0; j < COUNT(nowhere); j++)
			check_part(pages[i], &k, nowhere[j], false);
		check_part(pages[i], &k, "<html lang=\"zh-CN\">", true);
		check_part(pages[i], &k, "&lt;script&gt;", true);
	}
	buf_free(&k.out);
}

/* The hash in the header is that of the style sheet in the page. */
static void
style_is_allowed(void **state)
{
	static const char	 base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/";
	char			 hex[DIGEST_SHA256_HEX + 1];
	char			 want[64] = "sha256-", *out = want + strlen(want);
	struct digest		*d = digest_new(DIGEST_SHA256);
	struct got		 k = { .out = { 0 } };
	struct slice		 style;
	unsigned		 bits;
	int			 i;

	(void)state;
	get_page(&k, "/-/report", "", "en");
	style.p = strstr(k.out.p, "<style>") + strlen("<style>");
	style.len = (size_t)(strstr(style.p, "</style>") - style.p);
	assert_non_null(d);
	digest_hex(d, hex, &style, 1);
	for (i = 0; i < DIGEST_SHA256_HEX + 2; i += 3) {
		bits = (unsigned)(hex_digit(hex[i]) << 8);
		bits |= i + 1 < DIGEST_SHA256_HEX ? (unsigned)(hex_digit(hex[i + 1]) << 4) : 0;
		bits |= i + 2 < DIGEST_SHA256_HEX ? (unsigned)hex_digit(hex[i + 2]) : 0;
		*out++ = base64[bits >> 6];
		if (i + 1 < DIGEST_SHA256_HEX)
			*out++ = base64[bits & 63];
	}
	CHECK(want, strstr(k.reply.headers, want) != NULL);
	digest_free(d);
	buf_free(&k.out);
}

static void
failed_questions(void **state)
{
	struct got	 k = { .out = { 0 } };

	(void)state;
	fake.rows = 0;
	get_page(&k, "/-/report", "", "en");
	check_err("empty", k.er, ERR_OK);
	check_part("empty", &k, "Nothing in this period.", true);
	fake.fails = "menu";
	get_page(&k, "/-/report", "", "en");
	check_err("one question of several", k.er, ERR_OK);
	check_part("one question of several", &k, "could not be answered", true);
	get_page(&k, "/-/report/menu", "", "en");
	check_err("the one question", k.er, ERR_STORE);
	fake.fails = NULL;
	fake.closed = true;
	get_page(&k, "/-/report", "", "en");
	check_err("no database", k.er, ERR_STORE);
	check_text("no database", k.why, "closed");
	get_page(&k, "/-/report/nothing", "", "en");
	check_int("no question, no database", k.reply.status, 404);
	fake.closed = false;
	buf_free(&k.out);
}

/* Memory runs out at each allocation in turn. */
static void
page_no_memory(void **state)
{
	struct query		 q = { .n = 0 };
	struct page_request	 r = { slice_of("/-/report"), &q, slice_of("en"), 0 };
	struct page_reply	 reply;
	struct buf		 out = { 0 };
	char			 why[64];
	enum error		 er = ERR_NOMEM;
	unsigned		 n;

	(void)state;
	fake.rows = 40;
	for (n = 1; er != ERR_OK && n < 10000; n++) {
		unit_memory = n;
		er = page_make(&reply, &out, &conf, NULL, &r, why, sizeof(why));
		unit_memory = 0;
		CHECK("failed well", er == ERR_OK || er == ERR_NOMEM || er == ERR_STORE);
		buf_free(&out);
	}
	check_err("with enough", er, ERR_OK);
	CHECK("there were some", n > 5);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(paths), TEST(page_answers), TEST(hostile), TEST(style_is_allowed),
		    TEST(failed_questions),
		TEST(page_no_memory),
	};

	return RUN("page", tests);
}
