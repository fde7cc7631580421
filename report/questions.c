#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_store.h"
#include "core/calendar.h"
#include "core/utf8.h"
#include "report/delivery_stats.h"
#include "report/questions.h"
#include "report/sql.h"
#include "state/store.h"

enum {
	DAYS	  = 30,		/* of a period that nobody chose */
	DAYS_MAX  = 3660,
	DIGITS_MAX = 18,	/* of a number: it fits into 64 bits */
	ROWS_MAX  = 100000,
	OPTION_NAME = 40		/* of an option, with its colon */
};

#define COLUMNS	.columns =
#define OPTIONS	.options =

#define WEEK_S	"604800"

const struct report_question questions_table[] = {
	{ "days", false, sql_days, CHART_DAYS,
	  COLUMNS{ { "day", REPORT_DAY }, { "code", REPORT_CODE }, { "events", REPORT_COUNT },
	    { "devices", REPORT_COUNT } } },
	{ "follows", false, sql_follows, CHART_SERIES,
	  COLUMNS{ { "day", REPORT_DAY }, { "follows", REPORT_COUNT },
	    { "unfollows", REPORT_COUNT }, { "net", REPORT_COUNT } } },
	{ "scenes", false, sql_scenes, CHART_BARS,
	  COLUMNS{ { "scene", REPORT_TEXT }, { "follows", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE },
	    { "scans", REPORT_COUNT } } },
	{ "menu", false, sql_menu, CHART_BARS,
	  COLUMNS{ { "key", REPORT_TEXT }, { "clicks", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "messages", false, sql_messages, CHART_BARS,
	  COLUMNS{ { "type", REPORT_TEXT }, { "messages", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "sends", false, sql_sends, CHART_NONE,
	  COLUMNS{ { "kind", REPORT_TEXT }, { "template", REPORT_TEXT },
	    { "sends", REPORT_COUNT }, { "success", REPORT_COUNT },
	    { "refused", REPORT_COUNT }, { "failed", REPORT_COUNT },
	    { "fans_total", REPORT_COUNT }, { "fans_sent", REPORT_COUNT },
	    { "fans_failed", REPORT_COUNT } } },
	{ "health", false, NULL, CHART_NONE,
	  COLUMNS{ { "account", REPORT_TEXT }, { "received", REPORT_COUNT },
	    { "acknowledged", REPORT_COUNT }, { "delivered", REPORT_COUNT },
	    { "pending", REPORT_COUNT }, { "dead", REPORT_COUNT },
	    { "repeats", REPORT_COUNT }, { "refused", REPORT_COUNT },
	    { "oldest_ms", REPORT_MS }, { "p50_ms", REPORT_MS }, { "p90_ms", REPORT_MS },
	    { "p99_ms", REPORT_MS } } },
	{ "latest", false, sql_latest, CHART_NONE,
	  COLUMNS{ { "time", REPORT_TIME }, { "account", REPORT_TEXT },
	    { "code", REPORT_CODE }, { "device", REPORT_TEXT }, { "item", REPORT_TEXT },
	    { "first_day", REPORT_COUNT } } },
	{ "event", true, sql_event, CHART_BARS,
	  COLUMNS{ { "by", REPORT_TEXT }, { "events", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "per_device", REPORT_COUNT } },
	  OPTIONS{ { .name = "code", .kind = OPTION_CODE },
	    { .name = "by", .dflt = "day", .kind = OPTION_TEXT,
	      .choices = "day week month hour account item" } } },
	{ "funnel", true, sql_funnel, CHART_FUNNEL,
	  COLUMNS{ { "step", REPORT_COUNT }, { "code", REPORT_CODE },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE },
	    { "from_last", REPORT_SHARE }, { "seconds", REPORT_SECONDS } },
	  OPTIONS{ { .name = "steps", .kind = OPTION_CODES, .dflt =
	      "$$_official_account_follow,$$_menu_click,$$_receive_msg" },
	    { .name = "window", .dflt = WEEK_S, .kind = OPTION_NUMBER, .min = 1,
	      .max = 7776000 } } },
	{ "retention", true, sql_retention, CHART_HEAT,
	  COLUMNS{ { "day", REPORT_DAY }, { "size", REPORT_COUNT }, { "n", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "distribution", true, sql_distribution, CHART_BARS,
	  COLUMNS{ { "bucket", REPORT_TEXT }, { "devices", REPORT_COUNT },
	    { "events", REPORT_COUNT }, { "share", REPORT_SHARE } },
	  OPTIONS{ { .name = "code", .kind = OPTION_CODE } } },
	{ "interval", true, sql_interval, CHART_BARS,
	  COLUMNS{ { "bucket", REPORT_TEXT }, { "pairs", REPORT_COUNT },
	    { "share", REPORT_SHARE }, { "min", REPORT_SECONDS }, { "p25", REPORT_SECONDS },
	    { "median", REPORT_SECONDS }, { "p75", REPORT_SECONDS },
	    { "p90", REPORT_SECONDS }, { "max", REPORT_SECONDS },
	    { "avg", REPORT_SECONDS } },
	  OPTIONS{ { .name = "first", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "second", .dflt = "$$_menu_click", .kind = OPTION_CODE } } },
	{ "path", true, sql_path, CHART_FLOW,
	  COLUMNS{ { "step", REPORT_COUNT }, { "from", REPORT_CODE }, { "to", REPORT_CODE },
	    { "times", REPORT_COUNT }, { "devices", REPORT_COUNT } },
	  OPTIONS{ { .name = "start", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "pause", .dflt = "1800", .kind = OPTION_NUMBER, .min = 1,
	      .max = 86400 } } },
	{ "lifecycle", true, sql_lifecycle, CHART_SERIES,
	  COLUMNS{ { "day", REPORT_DAY }, { "new", REPORT_COUNT }, { "active", REPORT_COUNT },
	    { "returned", REPORT_COUNT }, { "silent", REPORT_COUNT } },
	  OPTIONS{ { .name = "silence", .dflt = "7", .kind = OPTION_NUMBER, .min = 1,
	      .max = 60 } } },
	{ "attribution", true, sql_attribution, CHART_BARS,
	  COLUMNS{ { "source", REPORT_TEXT }, { "key", REPORT_TEXT },
	    { "events", REPORT_COUNT }, { "devices", REPORT_COUNT },
	    { "share", REPORT_SHARE } },
	  OPTIONS{ { .name = "target", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "window", .dflt = WEEK_S, .kind = OPTION_NUMBER, .min = 1,
	      .max = 7776000 } } },
	{ "audience", true, sql_audience, CHART_NONE,
	  COLUMNS{ { "device", REPORT_TEXT }, { "account", REPORT_TEXT },
	    { "events", REPORT_COUNT }, { "first", REPORT_TIME }, { "last", REPORT_TIME },
	    { "following", REPORT_TEXT } },
	  OPTIONS{ { .name = "code", .kind = OPTION_CODE },
	    { .name = "item", .kind = OPTION_TEXT },
	    { .name = "at_least", .dflt = "1", .kind = OPTION_NUMBER, .min = 1,
	      .max = 1000000000 },
	    { .name = "at_most", .kind = OPTION_NUMBER, .min = 1, .max = 1000000000 },
	    { .name = "following", .kind = OPTION_TEXT, .choices = "yes no" },
	    { .name = "limit", .dflt = "1000", .kind = OPTION_NUMBER, .min = 1,
	      .max = ROWS_MAX } } },
	{ .name = NULL }
};

/* QT's codes (xmlmap.c). */
static const char *const codes[] = {
	"$$_menu_click", "$$_official_account_follow", "$$_official_account_unfollow",
	"$$_scan_open_official_account", "$$_send_localtion", "$$_send_msg_popup",
	"$$_click_msg_popup", "$$_manager_msg_popup", "$$_template_send_finish",
	"$$_mass_send_finish", "$$_publish_job_finish", "$$_receive_msg",
};

static const struct {
	const char	*name, *code;
} briefs[] = {
	{ "follow", "$$_official_account_follow" },
	{ "unfollow", "$$_official_account_unfollow" },
	{ "scan", "$$_scan_open_official_account" },
};

const struct report_question *
questions_find(struct slice name)
{
	const struct report_question	*q;

	for (q = questions_table; q->name != NULL; q++)
		if (slice_is(name, q->name))
			return q;
	return NULL;
}

/*
 * What is asked for.
 */

static size_t
count_options(const struct report_question *q)
{
	size_t	 n;

	for (n = 0; n < REPORT_OPTIONS_MAX && q->options[n].name != NULL; n++)
		;
	return n;
}

void
questions_defaults(struct report_args *a, const struct report_question *q, int64_t now_s)
{
	const int64_t	 today = calendar_day_at(now_s);
	const size_t	 n = count_options(q);
	size_t		 i;

	memset(a, 0, sizeof(*a));
	calendar_day_text(a->from, today - DAYS + 1);
	calendar_day_text(a->to, today);
	for (i = 0; i < n; i++)
		if (q->options[i].dflt != NULL)
			(void)snprintf(a->option[i], REPORT_VALUE_MAX, "%s", q->options[i].dflt);
}

static const char *
set_day(char to[CALENDAR_DAY_TEXT], struct slice value)
{
	int64_t	 day;

	if (!calendar_parse_day(&day, value))
		return "is no day, YYYY-MM-DD";
	calendar_day_text(to, day);
	return NULL;
}

static const char *
set_text(char to[REPORT_VALUE_MAX], struct slice value)
{
	const char	*p = value.p, *end = p + value.len;
	uint32_t	 c;
	bool		 valid;

	if (value.len >= REPORT_VALUE_MAX)
		return "is too long";
	while (p != end) {
		c = utf8_next(&p, end, &valid);
		if (!valid)
			return "is no UTF-8";
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return "has control characters";
	}
	memcpy(to, value.p, value.len);
	to[value.len] = '\0';
	return NULL;
}

/* The next word of a list, without blanks around it. */
static struct slice
next_word(struct slice *list, char between)
{
	const char	*comma = memchr(list->p, between, list->len);
	struct slice	 word = { list->p, comma == NULL ? list->len : (size_t)(comma - list->p) };

	list->p += word.len + (comma != NULL);
	list->len -= word.len + (comma != NULL);
	for (; word.len != 0 && *word.p == ' '; word.len--)
		word.p++;
	while (word.len != 0 && word.p[word.len - 1] == ' ')
		word.len--;
	return word;
}

static const char *
set_choice(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	struct slice	 left = slice_of(o->choices), word;

	if (value.len == 0 && o->dflt == NULL)
		return set_text(to, value);
	while (left.len != 0) {
		word = next_word(&left, ' ');
		if (word.len == value.len && memcmp(word.p, value.p, word.len) == 0)
			return set_text(to, value);
	}
	return "is none of the choices";
}

static const char *
set_number(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	int64_t	 n = 0;
	size_t	 i;

	if (value.len == 0 && o->dflt == NULL)
		return set_text(to, value);
	if (value.len == 0 || value.len > DIGITS_MAX)
		return "is no number";
	for (i = 0; i < value.len; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return "is no number";
		n = n * 10 + value.p[i] - '0';
	}
	if (n < o->min || n > o->max)
		return "is out of range";
	(void)snprintf(to, REPORT_VALUE_MAX, "%lld", (long long)n);
	return NULL;
}

/* QT's code for that name of it, NULL without one. */
static const char *
find_code(struct slice name)
{
	size_t	 i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (slice_is(name, codes[i]) || slice_is(name, codes[i] + strlen("$$_")))
			return codes[i];
	for (i = 0; i < sizeof(briefs) / sizeof(briefs[0]); i++)
		if (slice_is(name, briefs[i].name))
			return briefs[i].code;
	return NULL;
}

static const char *
set_codes(char to[REPORT_VALUE_MAX], struct slice list)
{
	char		 all[REPORT_VALUE_MAX] = "";
	const char	*code, *comma = "";
	size_t		 len = 0, more;
	bool		 goes_on;

	do {
		goes_on = memchr(list.p, ',', list.len) != NULL;
		if ((code = find_code(next_word(&list, ','))) == NULL)
			return "is none of QT's event codes";
		more = strlen(comma) + strlen(code);
		if (more >= sizeof(all) - len)
			return "is too long";
		(void)snprintf(all + len, sizeof(all) - len, "%s%s", comma, code);
		len += more;
		comma = ",";
	} while (goes_on);
	return set_text(to, slice_of(all));
}

static const char *
set_option(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	const char	*code;

	switch (o->kind) {
	case OPTION_TEXT:
		return o->choices == NULL ? set_text(to, value) : set_choice(to, o, value);
	case OPTION_NUMBER:
		return set_number(to, o, value);
	case OPTION_CODE:
		if (value.len == 0)
			return set_text(to, value);
		if ((code = find_code(value)) == NULL)
			return "is none of QT's event codes";
		return set_text(to, slice_of(code));
	case OPTION_CODES:
		return set_codes(to, value);
	}
	return NULL;
}

const char *
questions_set(struct report_args *a, const struct report_question *q, const char *name,
    struct slice value)
{
	const size_t	 n = count_options(q);
	size_t		 i;

	if (value.p == NULL)
		value = slice_of("");
	if (strcmp(name, "account") == 0)
		return set_text(a->account, value);
	if (strcmp(name, "from") == 0)
		return set_day(a->from, value);
	if (strcmp(name, "to") == 0)
		return set_day(a->to, value);
	for (i = 0; i < n; i++)
		if (strcmp(name, q->options[i].name) == 0)
			return set_option(a->option[i], &q->options[i], value);
	return NULL;
}

const char *
questions_period(const struct report_args *a)
{
	int64_t	 from, to;

	if (!calendar_parse_day(&from, slice_of(a->from)) || !calendar_parse_day(&to, slice_of(a->to)))
		return "is no day, YYYY-MM-DD";
	if (from > to)
		return "from is later than to";
	return to - from >= DAYS_MAX ? "more than 3660 days" : NULL;
}

/*
 * Asking.
 */

/* An empty text is NULL to the statement. */
static struct db_value
value_of(const char *text, bool number)
{
	if (number && *text != '\0')
		return db_i(strtoll(text, NULL, 10));
	return db_s(*text == '\0' ? NULL : text);
}

enum error
questions_ask(struct table *t, struct db *db, const struct conf *c,
    const struct report_question *q, const struct report_args *a)
{
	const size_t	 n = count_options(q);
	struct db_named	 v[REPORT_OPTIONS_MAX + 3] = {
		{ ":account", value_of(a->account, false) },
		{ ":from", value_of(a->from, false) },
		{ ":to", value_of(a->to, false) },
	};
	char		 names[REPORT_OPTIONS_MAX][OPTION_NAME];
	size_t		 i;

	if (questions_period(a) != NULL)
		return ERR_REQUEST;
	if (q->sql == NULL)
		return delivery_stats_table(t, db, c, a->account, a->from, a->to);
	for (i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), ":%s", q->options[i].name);
		v[i + 3] = (struct db_named){ names[i],
		    value_of(a->option[i], q->options[i].kind == OPTION_NUMBER) };
	}
	return table_from(t, db, q->sql, v, n + 3, ROWS_MAX);
}

enum error
questions_kept_from(char day[CALENDAR_DAY_TEXT], struct db *db, const struct report_args *a)
{
	int64_t		 since, from;
	enum error	 er = event_store_first_day(db, &since);

	*day = '\0';
	if (er == ERR_OK && calendar_parse_day(&from, slice_of(a->from)) && from < since)
		calendar_day_text(day, since);
	return er;
}

/* A store_work: whoever does it makes the store. */
static enum error
look(struct db *db, void *arg)
{
	(void)db, (void)arg;
	return ERR_OK;
}

/* What is sorted is kept in memory: it is no business of /tmp. */
static enum error
tune(struct db *db, int64_t until_ms)
{
	db_patience(db, until_ms);
	db_limit(db, until_ms);
	return db_script(db, "PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY");
}

struct db *
questions_open(const struct settings *set, struct store *store, int64_t until_ms, char *why,
    size_t size)
{
	struct db	*db = NULL;
	struct buf	 file = { .p = NULL };

	if (store != NULL && store_do(store, STORE_READ, look, NULL, until_ms) != ERR_OK) {
		store_why(store, why, size);
		return NULL;
	}
	if (buf_printf(&file, "%s/qtoa.db", set->state_dir) != ERR_OK ||
	    buf_putc(&file, '\0') != ERR_OK ||
	    db_open(&db, file.p, DB_READ_ONLY) != ERR_OK || tune(db, until_ms) != ERR_OK) {
		(void)snprintf(why, size, "qtoa.db: %s", db == NULL ? error_table[ERR_NOMEM].name :
		    db_why(db));
		db_close(db);
		db = NULL;
	}
	buf_free(&file);
	return db;
}
