#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event_store.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/nearest.h"
#include "core/number.h"
#include "core/utf8.h"
#include "report/delivery_stats.h"
#include "report/reply_stats.h"
#include "report/questions.h"
#include "report/sql.h"
#include "state/store.h"

enum {
	PERIOD_DAYS	= 30,		/* days of the default period */
	PERIOD_DAYS_MAX	= 3660,		/* days of the longest period */
	ROWS_MAX	= 100000,	/* rows of an answer */
	OPTION_NAME	= 40,		/* bytes of an option's name, with its colon */
	CACHE_KIB	= 8192		/* of the store that a question keeps, and that it sorts */
};

#define WEEK_S	"604800"		/* a week, as an option's text */

const struct report_question questions_table[] = {
	{ "days", false, &sql_days, CHART_DAYS,
	  .columns = { { "day", REPORT_DAY }, { "code", REPORT_CODE }, { "events", REPORT_COUNT },
	    { "devices", REPORT_COUNT } } },
	{ "follows", false, &sql_follows, CHART_SERIES,
	  .columns = { { "day", REPORT_DAY }, { "follows", REPORT_COUNT },
	    { "unfollows", REPORT_COUNT }, { "net", REPORT_COUNT } } },
	{ "scenes", false, &sql_scenes, CHART_BARS,
	  .columns = { { "scene", REPORT_TEXT }, { "follows", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE },
	    { "scans", REPORT_COUNT }, { "name", REPORT_TEXT } } },
	{ "sources", false, &sql_sources, CHART_BARS,
	  .columns = { { "source", REPORT_TEXT }, { "scene", REPORT_TEXT },
	    { "follows", REPORT_COUNT }, { "following", REPORT_COUNT },
	    { "share", REPORT_SHARE } } },
	{ "menu", false, &sql_menu, CHART_BARS,
	  .columns = { { "key", REPORT_TEXT }, { "clicks", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "messages", false, &sql_messages, CHART_BARS,
	  .columns = { { "type", REPORT_TEXT }, { "messages", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "sends", false, &sql_sends, CHART_NONE,
	  .columns = { { "kind", REPORT_TEXT }, { "template", REPORT_TEXT },
	    { "sends", REPORT_COUNT }, { "success", REPORT_COUNT },
	    { "refused", REPORT_COUNT }, { "failed", REPORT_COUNT },
	    { "fans_total", REPORT_COUNT }, { "fans_sent", REPORT_COUNT },
	    { "fans_failed", REPORT_COUNT } } },
	{ "health", false, NULL, CHART_NONE,
	  .columns = { { "account", REPORT_TEXT }, { "received", REPORT_COUNT },
	    { "acknowledged", REPORT_COUNT }, { "delivered", REPORT_COUNT },
	    { "pending", REPORT_COUNT }, { "dead", REPORT_COUNT },
	    { "repeats", REPORT_COUNT }, { "refused", REPORT_COUNT },
	    { "oldest_ms", REPORT_MS }, { "p50_ms", REPORT_MS }, { "p90_ms", REPORT_MS },
	    { "p99_ms", REPORT_MS } } },
	{ "replies", true, NULL, CHART_NONE,
	  .columns = { { "account", REPORT_TEXT }, { "kind", REPORT_TEXT },
	    { "rule", REPORT_TEXT }, { "replies", REPORT_COUNT }, { "mean_ms", REPORT_MS } } },
	{ "latest", false, &sql_latest, CHART_NONE,
	  .columns = { { "time", REPORT_TIME }, { "account", REPORT_TEXT },
	    { "code", REPORT_CODE }, { "device", REPORT_TEXT }, { "item", REPORT_TEXT },
	    { "first_day", REPORT_COUNT } } },
	{ "event", true, &sql_event, CHART_BARS,
	  .columns = { { "by", REPORT_TEXT }, { "events", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "per_device", REPORT_COUNT } },
	  .options = { { .name = "code", .kind = OPTION_CODE },
	    { .name = "by", .dflt = "day", .kind = OPTION_TEXT,
	      .choices = "day week month hour account item" } } },
	{ "funnel", true, &sql_funnel, CHART_FUNNEL,
	  .columns = { { "step", REPORT_COUNT }, { "code", REPORT_CODE },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE },
	    { "from_last", REPORT_SHARE }, { "seconds", REPORT_SECONDS } },
	  .options = { { .name = "steps", .kind = OPTION_CODES, .dflt =
	      "$$_official_account_follow,$$_menu_click,$$_receive_msg" },
	    { .name = "window", .dflt = WEEK_S, .kind = OPTION_NUMBER, .min = 1,
	      .max = 90 * CALENDAR_DAY_S } } },
	{ "retention", true, &sql_retention, CHART_HEAT,
	  .columns = { { "day", REPORT_DAY }, { "size", REPORT_COUNT }, { "n", REPORT_COUNT },
	    { "devices", REPORT_COUNT }, { "share", REPORT_SHARE } } },
	{ "distribution", true, &sql_distribution, CHART_BARS,
	  .columns = { { "bucket", REPORT_TEXT }, { "devices", REPORT_COUNT },
	    { "events", REPORT_COUNT }, { "share", REPORT_SHARE } },
	  .options = { { .name = "code", .kind = OPTION_CODE } } },
	{ "interval", true, &sql_interval, CHART_BARS,
	  .columns = { { "bucket", REPORT_TEXT }, { "pairs", REPORT_COUNT },
	    { "share", REPORT_SHARE }, { "min", REPORT_SECONDS }, { "p25", REPORT_SECONDS },
	    { "median", REPORT_SECONDS }, { "p75", REPORT_SECONDS },
	    { "p90", REPORT_SECONDS }, { "max", REPORT_SECONDS },
	    { "avg", REPORT_SECONDS } },
	  .options = { { .name = "first", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "second", .dflt = "$$_menu_click", .kind = OPTION_CODE } } },
	{ "path", true, &sql_path, CHART_FLOW,
	  .columns = { { "step", REPORT_COUNT }, { "from", REPORT_CODE }, { "to", REPORT_CODE },
	    { "times", REPORT_COUNT }, { "devices", REPORT_COUNT } },
	  .options = { { .name = "start", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "pause", .dflt = "1800", .kind = OPTION_NUMBER, .min = 1,
	      .max = CALENDAR_DAY_S } } },
	{ "lifecycle", true, &sql_lifecycle, CHART_SERIES,
	  .columns = { { "day", REPORT_DAY }, { "new", REPORT_COUNT }, { "active", REPORT_COUNT },
	    { "returned", REPORT_COUNT }, { "silent", REPORT_COUNT } },
	  .options = { { .name = "silence", .dflt = "7", .kind = OPTION_NUMBER, .min = 1,
	      .max = 60 } } },
	{ "attribution", true, &sql_attribution, CHART_BARS,
	  .columns = { { "source", REPORT_TEXT }, { "key", REPORT_TEXT },
	    { "events", REPORT_COUNT }, { "devices", REPORT_COUNT },
	    { "share", REPORT_SHARE } },
	  .options = { { .name = "target", .dflt = "$$_official_account_follow",
	      .kind = OPTION_CODE },
	    { .name = "window", .dflt = WEEK_S, .kind = OPTION_NUMBER, .min = 1,
	      .max = 90 * CALENDAR_DAY_S } } },
	{ "audience", true, &sql_audience, CHART_NONE,
	  .columns = { { "device", REPORT_TEXT }, { "account", REPORT_TEXT },
	    { "events", REPORT_COUNT }, { "first", REPORT_TIME }, { "last", REPORT_TIME },
	    { "following", REPORT_TEXT } },
	  .options = { { .name = "code", .kind = OPTION_CODE },
	    { .name = "item", .kind = OPTION_TEXT },
	    { .name = "at_least", .dflt = "1", .kind = OPTION_NUMBER, .min = 1,
	      .max = 1000000000 },
	    { .name = "at_most", .kind = OPTION_NUMBER, .min = 1, .max = 1000000000 },
	    { .name = "following", .kind = OPTION_TEXT, .choices = "yes no" },
	    { .name = "limit", .dflt = "1000", .kind = OPTION_NUMBER, .min = 1,
	      .max = ROWS_MAX } } },
	{ .name = NULL }
};

const char *const questions_codes[] = {
	"$$_official_account_follow", "$$_official_account_unfollow",
	"$$_scan_open_official_account", "$$_menu_click", "$$_receive_msg", "$$_send_localtion",
	"$$_template_send_finish", "$$_send_msg_popup", "$$_click_msg_popup",
	"$$_manager_msg_popup", "$$_mass_send_finish", "$$_publish_job_finish", NULL
};

static const struct {
	const char	*name, *code;
} short_names[] = {
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
 * Setting the arguments of a question.
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
	calendar_day_text(a->from, today - PERIOD_DAYS + 1);
	calendar_day_text(a->to, today);
	for (i = 0; i < n; i++)
		if (q->options[i].dflt != NULL)
			(void)snprintf(a->option[i], REPORT_VALUE_MAX, "%s", q->options[i].dflt);
}

static enum questions_error
set_day_argument(char to[CALENDAR_DAY_TEXT], struct slice value)
{
	int64_t	 day;

	if (!calendar_parse_day(&day, value))
		return QUESTIONS_NOT_DAY;
	calendar_day_text(to, day);
	return QUESTIONS_OK;
}

static enum questions_error
set_text_argument(char to[REPORT_VALUE_MAX], struct slice value)
{
	const char	*p = value.p, *end = p + value.len;
	uint32_t	 c;
	bool		 valid;

	if (value.len >= REPORT_VALUE_MAX)
		return QUESTIONS_LONG;
	while (p != end) {
		c = utf8_next(&p, end, &valid);
		if (!valid)
			return QUESTIONS_NOT_UTF8;
		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return QUESTIONS_CONTROL;
	}
	memcpy(to, value.p, value.len);
	to[value.len] = '\0';
	return QUESTIONS_OK;
}

/* Takes the next word off a list, without the blanks around it. */
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

static enum questions_error
set_choice_argument(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	struct slice	 left = slice_of(o->choices), word;

	if (value.len == 0 && o->dflt == NULL)
		return set_text_argument(to, value);
	while (left.len != 0) {
		word = next_word(&left, ' ');
		if (word.len == value.len && memcmp(word.p, value.p, word.len) == 0)
			return set_text_argument(to, value);
	}
	return QUESTIONS_NOT_CHOICE;
}

static enum questions_error
set_number_argument(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	int64_t	 n;

	if (value.len == 0 && o->dflt == NULL)
		return set_text_argument(to, value);
	if (!number_parse(&n, value))
		return QUESTIONS_NOT_NUMBER;
	if (n < o->min || n > o->max)
		return QUESTIONS_RANGE;
	(void)snprintf(to, REPORT_VALUE_MAX, "%lld", (long long)n);
	return QUESTIONS_OK;
}

/* The code for a name: the code itself, without its "$$_", or short; NULL: no such code. */
static const char *
find_code(struct slice name)
{
	const char *const	*code;
	size_t			 i;

	for (code = questions_codes; *code != NULL; code++)
		if (slice_is(name, *code) || slice_is(name, *code + strlen("$$_")))
			return *code;
	for (i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++)
		if (slice_is(name, short_names[i].name))
			return short_names[i].code;
	return NULL;
}

static enum questions_error
set_codes_argument(char to[REPORT_VALUE_MAX], struct slice list)
{
	char		 all[REPORT_VALUE_MAX] = "";
	const char	*code, *comma = "";
	size_t		 len = 0, more;
	bool		 goes_on;

	do {
		goes_on = memchr(list.p, ',', list.len) != NULL;
		if ((code = find_code(next_word(&list, ','))) == NULL)
			return QUESTIONS_NOT_CODE;
		more = strlen(comma) + strlen(code);
		if (more >= sizeof(all) - len)
			return QUESTIONS_LONG;
		(void)snprintf(all + len, sizeof(all) - len, "%s%s", comma, code);
		len += more;
		comma = ",";
	} while (goes_on);
	return set_text_argument(to, slice_of(all));
}

const char *
questions_nearest_code(struct slice list)
{
	const char *const	*code;
	struct nearest		 n;
	struct slice		 name;
	size_t			 i;

	do
		name = next_word(&list, ',');
	while (find_code(name) != NULL && list.len != 0);
	nearest_begin(&n, name);
	for (i = 0; i < sizeof(short_names) / sizeof(short_names[0]); i++)
		nearest_try_text(&n, short_names[i].name);
	for (code = questions_codes; *code != NULL; code++) {
		nearest_try_text(&n, *code + strlen("$$_"));
		nearest_try(&n, slice_of(*code), *code + strlen("$$_"));
	}
	return n.best;
}

static enum questions_error
set_option_argument(char to[REPORT_VALUE_MAX], const struct report_option *o, struct slice value)
{
	const char	*code;

	switch (o->kind) {
	case OPTION_TEXT:
		return o->choices == NULL ? set_text_argument(to, value) :
		    set_choice_argument(to, o, value);
	case OPTION_NUMBER:
		return set_number_argument(to, o, value);
	case OPTION_CODE:
		if (value.len == 0)
			return set_text_argument(to, value);
		if ((code = find_code(value)) == NULL)
			return QUESTIONS_NOT_CODE;
		return set_text_argument(to, slice_of(code));
	case OPTION_CODES:
		return set_codes_argument(to, value);
	}
	return QUESTIONS_OK;
}

enum questions_error
questions_set(struct report_args *a, const struct report_question *q, const char *name,
    struct slice value)
{
	const size_t	 n = count_options(q);
	size_t		 i;

	if (value.p == NULL)
		value = slice_of("");
	if (strcmp(name, "account") == 0)
		return set_text_argument(a->account, value);
	if (strcmp(name, "from") == 0)
		return set_day_argument(a->from, value);
	if (strcmp(name, "to") == 0)
		return set_day_argument(a->to, value);
	for (i = 0; i < n; i++)
		if (strcmp(name, q->options[i].name) == 0)
			return set_option_argument(a->option[i], &q->options[i], value);
	return QUESTIONS_OK;
}

enum questions_error
questions_check_period(const struct report_args *a)
{
	int64_t	 from, to;

	if (!calendar_parse_day(&from, slice_of(a->from)) ||
	    !calendar_parse_day(&to, slice_of(a->to)))
		return QUESTIONS_NOT_DAY;
	if (from > to)
		return QUESTIONS_ORDER;
	return to - from >= PERIOD_DAYS_MAX ? QUESTIONS_PERIOD : QUESTIONS_OK;
}

/*
 * Asking the database.
 */

/* The value of an SQL parameter: a number, a text, or NULL for an empty text. */
static struct db_value
db_value_of(const char *text, bool number)
{
	if (number && *text != '\0')
		return db_i(strtoll(text, NULL, 10));
	return db_s(*text == '\0' ? NULL : text);
}

enum { FACTS = 6 };	/* parameters that all questions know */

/* The period also as numbers of days, which not each dialect makes of the texts at no cost. */
static void
set_facts(struct db_named v[FACTS], const struct report_args *a)
{
	int64_t	 from = 0, to = 0;

	(void)calendar_parse_day(&from, slice_of(a->from));
	(void)calendar_parse_day(&to, slice_of(a->to));
	v[0] = (struct db_named){ ":account", db_value_of(a->account, false) };
	v[1] = (struct db_named){ ":from", db_value_of(a->from, false) };
	v[2] = (struct db_named){ ":to", db_value_of(a->to, false) };
	v[3] = (struct db_named){ ":from_day", db_i(from) };
	v[4] = (struct db_named){ ":to_day", db_i(to) };
	v[5] = (struct db_named){ ":today", db_i(calendar_day_at(clock_wall_ms() / 1000)) };
}

enum error
questions_ask(struct table *t, struct db *db, const struct conf *c,
    const struct report_question *q, const struct report_args *a)
{
	const size_t	 n = count_options(q);
	struct db_named	 v[FACTS + REPORT_OPTIONS_MAX];
	char		 names[REPORT_OPTIONS_MAX][OPTION_NAME];
	size_t		 i;

	if (questions_check_period(a) != QUESTIONS_OK)
		return ERR_REQUEST;
	set_facts(v, a);
	if (q->sql == NULL && strcmp(q->name, "replies") == 0)
		return reply_stats_table(t, c, a->account, a->from, a->to);
	if (q->sql == NULL)
		return delivery_stats_table(t, db, c, a->account, a->from, a->to);
	for (i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), ":%s", q->options[i].name);
		v[FACTS + i] = (struct db_named){ names[i],
		    db_value_of(a->option[i], q->options[i].kind == OPTION_NUMBER) };
	}
	return table_from(t, db, q->sql, v, FACTS + n, ROWS_MAX);
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

bool
questions_have_nothing(struct db *db)
{
	int64_t	 there = 0;

	return db_number(db, &there, SQL_EVENT_FIRST, DB_NO_VALUES) == ERR_OK &&
	    there == 0;
}

/* A store_work that does nothing, but makes the store if it is missing. */
static enum error
make_store(struct db *db, void *arg)
{
	(void)db, (void)arg;
	return ERR_OK;
}

struct db *
questions_open(const struct settings *set, struct store *store, int64_t until_ms, char *why,
    size_t size)
{
	struct db	*db;

	if (store != NULL && store_do(store, STORE_READ, make_store, NULL, until_ms) != ERR_OK) {
		store_why(store, why, size);
		return NULL;
	}
	if (store_read_long(&db, set, until_ms, CACHE_KIB) == ERR_OK)
		return db;
	if (db == NULL)
		(void)snprintf(why, size, "%s", error_table[ERR_NOMEM].name);
	else
		(void)snprintf(why, size, "%s: %s", db_name(db), db_why(db));
	db_close(db);
	return NULL;
}
