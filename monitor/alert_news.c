#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "core/hash.h"
#include "core/json_write.h"
#include "core/lang.h"
#include "monitor/alert_news.h"

enum error
alert_news_begin(struct buf *out, const char *host)
{
	return buf_printf(out, lang_text("qtoa on %s: "), host);
}

enum error
alert_news_test(struct buf *out, const char *host)
{
	enum error	 er = alert_news_begin(out, host);

	return er == ERR_OK ? buf_puts(out, lang_text("this is a test message")) : er;
}

/* The words for a sign that is over. */
static const struct {
	const char	*what, *text;
} endings[] = {
	{ "configuration", "the configuration is usable again" },
	{ "store", "the store works again" },
	{ "lock", "qtoa.lock works again" },
	{ "disk", "the disk has room again" },
	{ "silent", "pushes come again" },
	{ "stopped", "QT accepts the account's keys again" },
	{ "breaker", "QT answers again, and no message waits too long" },
	{ "token", "there is a valid access_token again" },
	{ "addresses", "the list of WeChat's addresses is there and new" },
	{ "replies", "the file of replies is good again" },
	{ "dead", "no dead message is left" },
	{ "relay", "the relay works again" },
	{ "hosts", "all hosts are there again, each with a name of its own" },
};

static enum error
append_ending(struct buf *out, const struct alert_file_sign *s)
{
	char		 span[FORMAT_SPAN];
	const char	*text = NULL;
	size_t		 i;

	format_span(span, s->changed_ms > s->since_ms ? s->changed_ms - s->since_ms : 0);
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcmp(endings[i].what, s->what) == 0)
			text = endings[i].text;
	if (text == NULL)
		return buf_printf(out, lang_text("over: %s (it lasted %s)"), s->what, span);
	return buf_printf(out, lang_text("%s (it lasted %s)"), lang_text(text), span);
}

/* Appends what is to be said of one sign. */
static enum error
append_saying(struct buf *out, const struct alert_news *n, const struct alert_file_sign *s)
{
	const struct alert_signs_now	*now = alert_signs_find(n->now, s);

	if (!s->is_there)
		return append_ending(out, s);
	return buf_puts(out, now != NULL ? now->text : s->what);
}

static enum error
append_line(struct buf *out, const struct alert_news *n, const struct alert_file_sign *s)
{
	const char	*mark = !s->is_there ? "\xE2\x9C\x94" : s->is_bad ? "\xE2\x9C\x98" : "!";
	enum error	 er;

	if ((er = buf_printf(out, "\n%s ", mark)) != ERR_OK ||
	    (*s->account != '\0' && (er = buf_printf(out, lang_text("%s: "), s->account)) !=
	    ERR_OK))
		return er;
	return append_saying(out, n, s);
}

enum { WELL, WARNING, FAILING };

/* How bad the signs are that have been told or are news. */
static int
level_of(const struct alert_news *n)
{
	const struct alert_file_sign	*s;
	int				 level = WELL;

	for (s = n->st->sign; s != n->st->sign + n->st->nsigns; s++)
		if (s->is_there && (s->is_told || alert_signs_is_news(s, n->rule, n->now_ms)) &&
		    level < (s->is_bad ? FAILING : WARNING))
			level = s->is_bad ? FAILING : WARNING;
	return level;
}

static enum error
append_counts(struct buf *out, const struct alert_news *n, int64_t news, int64_t still)
{
	enum error	 er = ERR_OK;

	if (news > ALERT_NEWS_LINES)
		er = buf_printf(out, lang_text("\nand %lld more, see: qtoa status"),
		    (long long)(news - ALERT_NEWS_LINES));
	if (er == ERR_OK && still != 0)
		er = buf_printf(out, lang_text("\nstill there, as told before: %lld"),
		    (long long)still);
	if (er == ERR_OK && n->st->missed != 0)
		er = buf_printf(out, lang_text("\nand %lld more changes that were not sent"),
		    (long long)n->st->missed);
	return er;
}

enum error
alert_news_text(struct buf *out, const struct alert_news *n)
{
	static const char *const	 heads[] = {
		[WELL] = "all is well again",
		[WARNING] = "there is a warning",
		[FAILING] = "there is a problem",
	};
	const struct alert_file_sign	*s;
	int64_t				 news = 0, still = 0;
	enum error			 er;

	if ((er = alert_news_begin(out, n->host)) == ERR_OK)
		er = buf_puts(out, lang_text(heads[level_of(n)]));
	for (s = n->st->sign; s != n->st->sign + n->st->nsigns && er == ERR_OK; s++) {
		if (!alert_signs_is_news(s, n->rule, n->now_ms))
			still += s->is_there && s->is_told;
		else if (++news <= ALERT_NEWS_LINES)
			er = append_line(out, n, s);
	}
	return er == ERR_OK ? append_counts(out, n, news, still) : er;
}

/*
 * JSON.
 */

static enum error
append_string(struct buf *out, const char *before, const char *text)
{
	enum error	 er = buf_puts(out, before);

	return er == ERR_OK ? json_write_string(out, slice_of(text)) : er;
}

enum error
alert_news_head(struct buf *out, const char *event, uint64_t id, const char *host, int64_t now_ms)
{
	char		 time[FORMAT_TIME];
	enum error	 er;

	format_time(time, now_ms);
	if ((er = buf_printf(out, "\"event\":\"%s\",\"id\":\"%016llx\"", event,
	    (unsigned long long)id)) != ERR_OK ||
	    (er = append_string(out, ",\"host\":", host)) != ERR_OK)
		return er;
	return buf_printf(out, ",\"time\":\"%s\"", time);
}

/* Appends the members account, sign and since. */
static enum error
append_sign(struct buf *out, const struct alert_file_sign *s)
{
	char		 time[FORMAT_TIME];
	enum error	 er;

	format_time(time, s->since_ms);
	if ((er = append_string(out, "\"account\":", s->account)) != ERR_OK ||
	    (er = append_string(out, ",\"sign\":", s->what)) != ERR_OK)
		return er;
	return buf_printf(out, ",\"since\":\"%s\"", time);
}

static enum error
append_change(struct buf *out, const struct alert_news *n, const struct alert_file_sign *s)
{
	struct buf	 text = { 0 };
	enum error	 er;

	if ((er = buf_printf(out, "{\"state\":\"%s\",\"level\":\"%s\",",
	    s->is_there ? "begun" : "over", s->is_bad ? "problem" : "warning")) == ERR_OK &&
	    (er = append_sign(out, s)) == ERR_OK &&
	    (er = buf_puts(out, ",\"text\":")) == ERR_OK &&
	    (er = append_saying(&text, n, s)) == ERR_OK &&
	    (er = json_write_string(out, buf_slice(&text))) == ERR_OK)
		er = buf_putc(out, '}');
	buf_free(&text);
	return er;
}

/* The id of a message, which the changes give, and nothing that goes on meanwhile. */
static uint64_t
id_of(const struct alert_news *n)
{
	const struct alert_file_sign	*s;
	uint64_t			 h = hash_add(HASH_EMPTY, n->host, strlen(n->host));

	for (s = n->st->sign; s != n->st->sign + n->st->nsigns; s++)
		if (alert_signs_is_news(s, n->rule, n->now_ms))
			h = hash_add(h, s, sizeof(*s));
	return hash_add(h, &n->st->missed, sizeof(n->st->missed));
}

static const struct alert_file_sign *
find_first(const struct alert_news *n)
{
	const struct alert_file_sign	*s;

	for (s = n->st->sign; s != n->st->sign + n->st->nsigns; s++)
		if (alert_signs_is_news(s, n->rule, n->now_ms))
			return s;
	return NULL;
}

enum error
alert_news_json(struct buf *out, const struct alert_news *n)
{
	static const char *const	 words[] = {
		[WELL] = "ok", [WARNING] = "warning", [FAILING] = "failing",
	};
	const struct alert_file_sign	*s = find_first(n);
	enum error			 er;
	int				 lines = 0;

	if ((er = alert_news_head(out, "health", id_of(n), n->host, n->now_ms)) != ERR_OK ||
	    (er = buf_printf(out, ",\"status\":\"%s\",\"missed\":%lld,", words[level_of(n)],
	    (long long)n->st->missed)) != ERR_OK ||
	    (s != NULL && ((er = append_sign(out, s)) != ERR_OK ||
	    (er = buf_putc(out, ',')) != ERR_OK)) ||
	    (er = buf_puts(out, "\"changes\":[")) != ERR_OK)
		return er;
	for (s = n->st->sign; s != n->st->sign + n->st->nsigns && er == ERR_OK; s++)
		if (alert_signs_is_news(s, n->rule, n->now_ms) && ++lines <= ALERT_NEWS_LINES &&
		    (lines == 1 || (er = buf_putc(out, ',')) == ERR_OK))
			er = append_change(out, n, s);
	return er == ERR_OK ? buf_putc(out, ']') : er;
}
