#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/term.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/log.h"
#include "core/number.h"
#include "monitor/status.h"

enum {
	WIDTH	= 80,		/* columns and lines where stdout is not a terminal */
	HEIGHT	= 24,
	NARROW	= 40,		/* a narrower terminal gets lines of this width */
	LABEL	= 13,		/* columns of the label at the left of each line */
	AGO	= 10,		/* columns of a time that is past */
	STAMP	= 20,		/* columns of the time at the right of the first line */
	LINE	= 1024,		/* bytes */
	PATIENCE_MS = 2000,	/* how long other processes at the store are waited for */
	SECONDS	= 2,		/* between two screens, by default */
	YEARS_DAYS = 3650	/* a disk that lasts longer lasts "for years" */
};

/* The parts of a screen, from top to bottom. */
enum part_name {
	HEADLINE, SIGNS, TODAY, NOW, RELAYS, SHARED, ROOM, FAILURES, BAD_PEERS, PARTS
};

struct part {
	struct buf	 text;
	int		 lines;
};

struct screen {
	const struct status	*st;
	int			 width, height;
	struct part		 parts[PARTS];
	struct part		*at;		/* the part that is being written */
	enum error		 er;		/* the first error */
};

struct watching {
	const struct conf	*conf;
	bool			 usable;	/* the configuration is */
	bool			 json;
	bool			 watch;
	int			 seconds;	/* between two screens */
	bool			 terminal;	/* stdout is a terminal */
	bool			 well;		/* the last screen says so */
};

/*
 * Writes lines of the screen.
 */

static void
begin_part(struct screen *s, enum part_name name)
{
	s->at = &s->parts[name];
}

/* Writes a line, cut where the screen ends: a label, and a text after it. */
static void
write_labelled_text(struct screen *s, const char *label, struct slice text)
{
	struct buf	*out = &s->at->text;
	int		 used = 0;

	if (s->er == ERR_OK)
		s->er = format_line(out, &used, slice_of(label), LABEL - 1);
	if (s->er == ERR_OK)
		s->er = term_blanks(out, LABEL - used);
	if (s->er == ERR_OK)
		s->er = format_line(out, NULL, text, s->width - LABEL);
	if (s->er == ERR_OK)
		s->er = buf_putc(out, '\n');
	s->at->lines++;
}

static void
write_labelled_line(struct screen *s, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
write_labelled_line(struct screen *s, const char *label, const char *fmt, ...)
{
	char	 text[LINE];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), lang_text(fmt), ap);
	va_end(ap);
	write_labelled_text(s, label, slice_of(text));
}

/* How many bytes of the text fit into a line: whole words, or one word that is too long. */
static size_t
fitting_length_of(const struct screen *s, struct slice text)
{
	size_t	 n = 0, next;
	int	 at = 0, columns;

	for (next = 0; n < text.len; n = next) {
		for (; next < text.len && text.p[next] == ' '; next++)
			at++;
		next += format_piece(&columns, (struct slice){ text.p + next, text.len - next });
		if ((at += columns) > s->width - LABEL)
			break;
	}
	return n == 0 ? next : n;
}

static void
write_wrapped(struct screen *s, const char *label, struct slice text)
{
	size_t	 n;

	while (text.len != 0 && s->er == ERR_OK) {
		n = fitting_length_of(s, text);
		write_labelled_text(s, label, (struct slice){ text.p, n });
		for (label = ""; n < text.len && text.p[n] == ' '; n++)
			;
		text = (struct slice){ text.p + n, text.len - n };
	}
}

/*
 * The first line, and what is wrong.
 */

/* Collects what is wrong, "stopped shop, news; disk", and counts the warnings. */
struct summary {
	char		 text[LINE];
	size_t		 len;
	const char	*what;		/* the last kind of fault */
	int		 warnings;
};

static void
add_to_summary(void *ctx, const struct health_sign *sign)
{
	struct summary	*sum = ctx;
	const bool	 same = sum->what != NULL && strcmp(sum->what, sign->what) == 0;
	char		*end = sum->text + sum->len;
	const size_t	 room = LINE - sum->len;
	int		 n;

	sum->warnings += !sign->bad;
	if (!sign->bad || (same && *sign->account == '\0'))
		return;
	if (same)
		n = snprintf(end, room, "%s%s", lang_text(", "), sign->account);
	else
		n = snprintf(end, room, "%s%s%s%s", sum->len == 0 ? "" : lang_text("; "),
		    lang_text(sign->what), *sign->account != '\0' ? " " : "", sign->account);
	sum->what = sign->what;
	sum->len = (size_t)n < room ? sum->len + (size_t)n : LINE - 1;
}

static void
write_headline(struct screen *s)
{
	struct summary	 sum = { .len = 0 };
	char		 text[LINE + 16], time[TERM_TIME];
	struct buf	*out = &s->parts[HEADLINE].text;
	int		 used = 0;

	status_judge(s->st, add_to_summary, &sum);
	if (sum.len != 0)
		(void)snprintf(text, sizeof(text), lang_text("failing: %s"), sum.text);
	else if (sum.warnings != 0)
		(void)snprintf(text, sizeof(text), lang_text("well, but %d warning%s"),
		    sum.warnings, sum.warnings == 1 ? "" : "s");
	else
		(void)snprintf(text, sizeof(text), "%s", lang_text("well"));
	term_time(time, s->st->health.now_ms / 1000);
	s->parts[HEADLINE].lines = 1;
	if ((s->er = format_line(out, &used, slice_of(text), s->width - STAMP)) == ERR_OK &&
	    (s->er = term_blanks(out, s->width - STAMP + 1 - used)) == ERR_OK)
		s->er = buf_printf(out, "%s\n", time);
}

static void
write_sign(void *ctx, const struct health_sign *sign)
{
	struct screen	*s = ctx;
	char		 text[LINE];

	(void)snprintf(text, sizeof(text), "%s%s%s", sign->account,
	    *sign->account != '\0' ? lang_text(": ") : "", sign->text);
	write_wrapped(s, lang_text(sign->bad ? "failed" : "warning"), slice_of(text));
}

/*
 * Tables: what came today, and the state of now.
 */

enum { CELL = 64 };	/* bytes */

/* Writes a number in width characters at most: "1234567", "12M". */
static void
write_short_count(char text[CELL], int64_t n, int width)
{
	static const char	 units[] = "kMGTPE";
	const char		*u = units;

	if (snprintf(text, CELL, "%lld", (long long)n) <= width)
		return;
	for (n /= 1000; snprintf(text, CELL, "%lld%c", (long long)n, *u) > width && u[1] != '\0';
	    u++)
		n /= 1000;
}

static void
write_short_ms(char text[CELL], int64_t ms)
{
	if (ms == -1)
		(void)snprintf(text, CELL, "-");
	else if (ms < 10000)
		(void)snprintf(text, CELL, "%d", (int)ms);
	else
		(void)snprintf(text, CELL, "%llds", (long long)(ms / 1000));
}

/* Writes the times within which a half, and 99 of 100, were done. */
static void
write_times(char text[CELL], int64_t p50_ms, int64_t p99_ms)
{
	char	 low[CELL], high[CELL];

	write_short_ms(low, p50_ms);
	write_short_ms(high, p99_ms);
	if (p50_ms == -1)
		(void)snprintf(text, CELL, "-");
	else
		(void)snprintf(text, CELL, "%.10s/%.10s", low, high);
}

static void
write_today(struct screen *s, const struct account *a, const struct counter_numbers *today)
{
	enum { RECEIVED, DELIVERED, QUEUED, DEAD, REPEATS, REFUSED, WAITED, QT, CELLS };
	char			 cell[CELLS][CELL];
	struct status_counts	 n;

	status_count(&n, today);
	write_short_count(cell[RECEIVED], n.received, 8);
	write_short_count(cell[DELIVERED], n.delivered, 9);
	write_short_count(cell[QUEUED], n.queued, 6);
	write_short_count(cell[DEAD], n.dead, 4);
	write_short_count(cell[REPEATS], n.repeats, 7);
	write_short_count(cell[REFUSED], n.refused, 7);
	write_times(cell[WAITED], n.p50_ms, n.p99_ms);
	write_times(cell[QT], n.qt_p50_ms, n.qt_p99_ms);
	write_labelled_line(s, a->name, "%8s %9s %6s %4s %7s %7s %9s %9s", cell[RECEIVED],
	    cell[DELIVERED],
	    cell[QUEUED], cell[DEAD], cell[REPEATS], cell[REFUSED], cell[WAITED], cell[QT]);
}

static void
write_all_today(struct screen *s)
{
	const struct conf	*c = s->st->health.conf;
	size_t			 i;

	begin_part(s, TODAY);
	write_labelled_line(s, lang_text("today"), "received delivered queued dead repeats "
	    "refused p50/99 ms  QT 50/99");
	for (i = 0; i < c->n && s->st->counted; i++)
		write_today(s, &c->accounts[i], &s->st->today[i]);
	if (!s->st->counted)
		write_labelled_line(s, "", "the counters cannot be read");
}

static void
write_age(char text[CELL], int64_t ms)
{
	if (ms == -1)
		(void)snprintf(text, CELL, "-");
	else
		format_span(text, ms);
}

static void
write_gate(char text[CELL], const struct health_account *a, int64_t now_ms)
{
	const int64_t	 ms = a->probe_ms - now_ms;
	char		 span[FORMAT_SPAN];

	if (a->gate == GATE_BROKEN && ms > 0)
		(void)snprintf(text, CELL, lang_text("open, probe in %d s"),
		    (int)((ms + 999) / 1000));
	else if (a->gate == GATE_BROKEN)
		(void)snprintf(text, CELL, "%s", lang_text("open, probe is due"));
	else if (a->gate == GATE_STOPPED && ms > 0) {
		format_span(span, ms + 999);
		(void)snprintf(text, CELL, lang_text("stopped, in %.8s"), span);
	} else
		(void)snprintf(text, CELL, "%s", lang_text(status_gates[a->gate]));
}

static void
write_token(char text[CELL], const struct health_account *a)
{
	char	 span[FORMAT_SPAN];

	if (a->token_left_s > 0) {
		format_span(span, a->token_left_s * 1000);
		(void)snprintf(text, CELL, lang_text("%.10s left"), span);
	} else {
		(void)snprintf(text, CELL, "%s", a->token_fails > 0 ? lang_text("none, fails") :
		    "-");
	}
}

/* Writes the cells of the table of now, which NULL ends; a wide character takes two columns. */
static void
write_now_line(struct screen *s, const char *label, const char *const *cell)
{
	/* Below 0: the text begins at the left.  A span of time is wider in Chinese. */
	static const int	 widths[LANGUAGE__MAX][6] = {
		[ENGLISH] = { 7, 7, 6, 7, -20, 0 }, [CHINESE] = { 7, 8, 6, 8, -20, 0 },
	};
	const int		*width = widths[lang_used()];
	struct buf		 line = { 0 };
	enum error		 er = ERR_OK;
	int			 blanks;
	size_t			 i;

	for (i = 0; cell[i] != NULL && er == ERR_OK; i++) {
		blanks = abs(width[i]) - format_columns(slice_of(cell[i]));
		if (i != 0)
			er = term_blanks(&line, width[i] > 0 ? 1 : i == 4 ? 2 : 0);
		if (er == ERR_OK && width[i] > 0)
			er = term_blanks(&line, blanks);
		if (er == ERR_OK)
			er = buf_puts(&line, cell[i]);
		if (er == ERR_OK && width[i] < 0)
			er = term_blanks(&line, blanks);
	}
	if (s->er == ERR_OK)
		s->er = er;
	write_labelled_text(s, label, buf_slice(&line));
	buf_free(&line);
}

static void
write_now(struct screen *s, const struct health_account *a)
{
	char	 pending[CELL], dead[CELL], oldest[CELL], dead_age[CELL], gate[CELL], token[CELL];

	write_short_count(pending, a->pending, 7);
	write_short_count(dead, a->dead, 6);
	if (a->pending == -1)
		(void)snprintf(pending, CELL, "?");
	if (a->dead == -1)
		(void)snprintf(dead, CELL, "?");
	write_age(oldest, a->pending_age_ms);
	write_age(dead_age, a->dead_age_ms);
	write_gate(gate, a, s->st->health.now_ms);
	write_token(token, a);
	write_now_line(s, a->account->name, (const char *[]){ pending, oldest, dead, dead_age, gate,
	    token, NULL });
}

static void
write_all_now(struct screen *s)
{
	const struct health_state	*health = &s->st->health;
	size_t				 i;

	begin_part(s, NOW);
	write_now_line(s, lang_text("now"), (const char *[]){ lang_text("pending"),
	    lang_text("oldest"), lang_text("dead"), lang_text("oldest"), "QT", lang_text("token"),
	    NULL });
	for (i = 0; i < health->n; i++)
		write_now(s, &health->accounts[i]);
}

static void
write_relay(struct screen *s, size_t i)
{
	const struct health_account	*a = &s->st->health.accounts[i];
	char				 cell[6][CELL], gate[CELL];
	struct status_counts		 n = { .delivered = 0 };

	if (s->st->counted)
		status_count(&n, &s->st->today[i]);
	write_short_count(cell[0], n.delivered, 9);
	write_short_count(cell[1], n.queued, 6);
	write_short_count(cell[2], n.dead, 4);
	write_short_count(cell[3], a->pending, 7);
	write_age(cell[4], a->pending_age_ms);
	write_short_count(cell[5], a->dead, 4);
	write_gate(gate, a, s->st->health.now_ms);
	write_labelled_line(s, a->account->name, "%9s %6s %4s %7s %7s %4s  %s", cell[0], cell[1],
	    cell[2], cell[3], cell[4], cell[5], gate);
}

/* Writes what each relay got today, and what waits for it now. */
static void
write_relays(struct screen *s)
{
	const struct health_state	*health = &s->st->health;
	size_t				 i;

	begin_part(s, RELAYS);
	if (health->nrelays == 0)
		return;
	write_labelled_line(s, lang_text("relays"), "delivered queued dead pending  oldest dead  "
	    "state");
	for (i = health->n; i < health->n + health->nrelays; i++)
		write_relay(s, i);
}

/*
 * A store that hosts share, and these.
 */

static void
write_shared_store(struct screen *s)
{
	const struct shared_state	*g = &s->st->health.shared;
	char				 text[LINE], span[FORMAT_SPAN];
	const char			*where = *g->where != '\0' ? g->where :
					    lang_text("not connected");
	size_t				 len;

	format_span(span, s->st->health.now_ms - g->since_ms);
	if (!g->is_degraded)
		(void)snprintf(text, sizeof(text), lang_text("shared, %s: works"), where);
	else if (g->since_ms == 0)
		(void)snprintf(text, sizeof(text), lang_text("shared, %s: fails"), where);
	else
		(void)snprintf(text, sizeof(text), lang_text("shared, %s: fails for %s"), where,
		    span);
	len = strlen(text);
	if (g->is_degraded || g->kept != 0)
		(void)snprintf(text + len, sizeof(text) - len, lang_text("; this host keeps %lld "
		    "message%s"), (long long)g->kept, g->kept == 1 ? "" : "s");
	write_wrapped(s, lang_text("store"), slice_of(text));
}

/* Writes each host and how long ago it was seen. */
static void
write_hosts(struct screen *s)
{
	const struct shared_state	*g = &s->st->health.shared;
	const struct hosts_seen		*h;
	char				 span[FORMAT_SPAN];
	struct buf			 text = { 0 };
	enum error			 er = ERR_OK;

	for (h = g->hosts; h != g->hosts + g->n && er == ERR_OK; h++) {
		format_span(span, h->age_ms);
		er = buf_puts(&text, h == g->hosts ? "" : lang_text(", "));
		if (er == ERR_OK)
			er = buf_printf(&text, h->has_stopped ? lang_text("%s (ended %s ago)") :
			    lang_text("%s (seen %s ago)"), h->name, span);
	}
	if (er == ERR_OK && !s->st->whole)
		er = buf_puts(&text, lang_text("; the numbers of today are those of this host"));
	if (s->er == ERR_OK)
		s->er = er;
	if (text.len != 0)
		write_wrapped(s, lang_text("hosts"), buf_slice(&text));
	buf_free(&text);
}

static void
write_shared(struct screen *s)
{
	begin_part(s, SHARED);
	if (!s->st->health.shared.is_shared)
		return;
	write_shared_store(s);
	write_hosts(s);
}

/*
 * The disk, and failures.
 */

static void
write_size(char text[CELL], int64_t bytes)
{
	if (bytes == -1)
		(void)snprintf(text, CELL, "?");
	else
		format_bytes(text, bytes);
}

/* Writes what is known of WeChat's addresses, if pushes are compared with them. */
static void
write_wechat_only(struct screen *s)
{
	const struct health_state	*h = &s->st->health;
	const char			*mode = conf_wechat_only_name(h->conf->set.wechat_only);
	char				 age[FORMAT_SPAN];

	if (h->wechat_only == OFF)
		return;
	format_span(age, h->ips_age_s * 1000);
	if (h->ips == 0 || h->ips_age_s == -1)
		write_labelled_line(s, "wechat_only", "%s: there is no list of WeChat's addresses "
		    "yet", mode);
	else
		write_labelled_line(s, "wechat_only", "%s: %lld networks, %s old; unknown peers "
		    "today: %lld", mode, (long long)h->ips, age, (long long)s->st->peer_unknown);
}

static void
write_disk(struct screen *s)
{
	const struct health_state	*health = &s->st->health;
	char				 db[CELL], state[CELL], room[CELL], day[CELL];
	char				 growth[LINE] = "";
	const int64_t			 days = s->st->full_days;

	begin_part(s, ROOM);
	write_size(db, health->db_bytes);
	write_size(state, health->state_bytes);
	write_size(room, health->free_bytes);
	write_size(day, s->st->daily_bytes);
	if (s->st->daily_bytes != -1)
		(void)snprintf(growth, sizeof(growth), lang_text(", +%s a day"), day);
	if (days > YEARS_DAYS)
		(void)snprintf(growth + strlen(growth), LINE - strlen(growth), "%s",
		    lang_text(": for years"));
	else if (days != -1)
		(void)snprintf(growth + strlen(growth), LINE - strlen(growth),
		    lang_text(": %lld day%s"), (long long)days, days == 1 ? "" : "s");
	write_labelled_line(s, lang_text("disk"), "qtoa.db %s, all %s, free %s%s", db, state, room,
	    growth);
	write_wechat_only(s);
}

/* Writes how long ago it was, at the right of AGO columns. */
static void
write_ago(char text[CELL], const struct screen *s, int64_t ms)
{
	char	 span[FORMAT_SPAN], spoken[CELL];
	int	 blanks;

	format_span(span, s->st->health.now_ms - ms);
	(void)snprintf(spoken, sizeof(spoken), lang_text("%.10s ago"), span);
	blanks = AGO - format_columns(slice_of(spoken));
	(void)snprintf(text, CELL, "%.*s%.50s", blanks > 0 ? blanks : 0, "          ", spoken);
}

static void
write_failure(struct screen *s, const char *label, const struct log_ratelimit_entry *e)
{
	const bool	 is_request = strcmp(e->what, "request") == 0;
	char		 ago[CELL], count[CELL];

	write_ago(ago, s, e->last_ms);
	write_short_count(count, (int64_t)e->count, 6);
	write_labelled_line(s, label, "%s %6s x  %s%s%s: %s%s%s%s%s", ago, count,
	    is_request ? "" : e->what, is_request ? "" : " ", e->account, lang_text(e->error),
	    *e->reason != '\0' ? lang_text(", ") : "", lang_text(e->reason),
	    *e->peer != '\0' ? lang_text(", from ") : "", e->peer);
}

static void
write_failures(struct screen *s)
{
	const struct status		*st = s->st;
	const struct status_bad_peer	*p;
	char				 ago[CELL], count[CELL];
	size_t				 i;

	begin_part(s, FAILURES);
	for (i = 0; i < st->nfailures; i++)
		write_failure(s, i == 0 ? lang_text("failures") : "", &st->failures[i]);
	begin_part(s, BAD_PEERS);
	for (p = st->bad_peers; p != st->bad_peers + st->nbad_peers; p++) {
		write_ago(ago, s, p->last_ms);
		write_short_count(count, (int64_t)p->count, 6);
		write_labelled_line(s, p == st->bad_peers ? lang_text("bad clients") :
		    "",
		    "%s %6s x  %s at %s: signature wrong", ago, count,
		    strcmp(p->peer, "*") == 0 ? lang_text("many") : p->peer, p->account);
	}
}

/*
 * The screen.
 */

static void
write_screen(struct screen *s)
{
	write_headline(s);
	begin_part(s, SIGNS);
	status_judge(s->st, write_sign, s);
	if (s->st->health.n != 0) {
		write_all_today(s);
		write_all_now(s);
	}
	write_relays(s);
	write_shared(s);
	write_disk(s);
	write_failures(s);
}

/*
 * Gives each part its number of lines; a list that is too long keeps its first ones.  The result is
 * the number of lines that are left, for blank lines between the parts.
 */
static int
share_lines(const struct screen *s, int lines[PARTS])
{
	static const enum part_name	 order[PARTS] = {
		HEADLINE, TODAY, NOW, RELAYS, SHARED, ROOM, SIGNS, FAILURES, BAD_PEERS,
	};
	int				 room = s->height, i;

	for (i = 0; i < PARTS; i++) {
		lines[order[i]] = s->parts[order[i]].lines;
		/* Many failures leave room for the bad clients. */
		if (order[i] == FAILURES && s->parts[BAD_PEERS].lines != 0 && room > 1 &&
		    lines[FAILURES] > room / 2)
			lines[FAILURES] = (room + 1) / 2;
		if (lines[order[i]] > room)
			lines[order[i]] = room;
		room -= lines[order[i]];
	}
	return room;
}

static struct slice
first_lines_of(const struct buf *text, int n)
{
	struct slice	 all = buf_slice(text);
	size_t		 len = 0;

	for (; n > 0 && len < all.len; n--)
		len += (size_t)((const char *)memchr(all.p + len, '\n', all.len - len) -
		    (all.p + len)) + 1;
	return (struct slice){ all.p, len };
}

static enum error
append_screen(struct buf *out, const struct screen *s)
{
	int		 lines[PARTS], blanks = share_lines(s, lines), i;
	enum error	 er = s->er;
	struct slice	 text;

	for (i = 0; i < PARTS && er == ERR_OK; i++) {
		text = first_lines_of(&s->parts[i].text, lines[i]);
		if (text.len == 0)
			continue;
		if (i != HEADLINE && blanks-- > 0)
			er = buf_putc(out, '\n');
		if (er == ERR_OK)
			er = buf_put(out, text.p, text.len);
	}
	return er;
}

static void
measure_screen(struct screen *s, const struct watching *w)
{
	const int	 relays = (int)s->st->health.nrelays;
	const int	 least = 4 + 2 * (int)s->st->health.n +	/* headings, tables, disk */
			    (relays != 0 ? relays + 1 : 0) +
			    (s->st->health.shared.is_shared ? 4 : 0);	/* store, hosts */

	s->width = w->terminal ? term_width(STDOUT_FILENO) : WIDTH;
	s->height = w->terminal ? term_height(STDOUT_FILENO) : HEIGHT;
	if (s->width < NARROW)
		s->width = NARROW;
	if (!w->watch && s->height < least)	/* one screen alone may scroll */
		s->height = least;
}

static enum error
append_status(struct buf *out, const struct status *st, const struct watching *w)
{
	struct screen	 s = { .st = st };
	enum error	 er;
	int		 i;

	measure_screen(&s, w);
	write_screen(&s);
	er = append_screen(out, &s);
	for (i = 0; i < PARTS; i++)
		buf_free(&s.parts[i].text);
	return er;
}

/*
 * One screen, or one after the other.
 */

/* Prints a screen over the one before; each line clears the rest of the old line. */
static void
redraw_screen(const struct buf *out)
{
	struct slice	 rest = buf_slice(out);
	const char	*end;

	(void)fputs("\033[H", stdout);
	while (rest.len != 0) {
		end = memchr(rest.p, '\n', rest.len);
		(void)printf("%.*s\033[K", (int)(end - rest.p), rest.p);
		rest.len -= (size_t)(end - rest.p) + 1;
		rest.p = end + 1;
		if (rest.len != 0)	/* after the last line it would scroll */
			(void)fputc('\n', stdout);
	}
	(void)fputs("\033[J", stdout);
}

static void
note_bad_sign(void *ctx, const struct health_sign *s)
{
	if (s->bad)
		*(bool *)ctx = false;
}

/* False: stderr says what is wrong. */
static bool
read_status(struct status *st, struct watching *w)
{
	struct session	 session = { .usable = w->usable };
	enum error	 er = ERR_OK;
	bool		 opened = true;

	memset(st, 0, sizeof(*st));
	if (conf_is_set(w->conf->set.state_dir))
		opened = session_open(&session, w->conf, w->usable);
	if (w->watch && w->terminal)
		session_silence_log(w->conf);
	if (opened && (er = status_read(st, w->conf, w->usable, session.services.store,
	    session.services.breakers, clock_mono_ms() + PATIENCE_MS)) != ERR_OK)
		(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[er].name));
	session_close(&session);
	return opened && er == ERR_OK;
}

static bool
show_status(struct watching *w)
{
	struct status	 st;
	struct buf	 out = { 0 };
	enum error	 er;
	bool		 good;

	if ((good = read_status(&st, w))) {
		w->well = true;
		status_judge(&st, note_bad_sign, &w->well);
		er = w->json ? status_json(&out, &st) : append_status(&out, &st, w);
		good = er == ERR_OK;
	}
	if (good && w->watch && w->terminal && !w->json)
		redraw_screen(&out);
	else if (good)
		session_print(&out);
	status_free(&st);
	buf_free(&out);
	return fflush(stdout) == 0 && good;
}

/* Goes to the terminal's alternate screen, or back, so that the old content is there afterwards. */
static void
switch_screen(const struct watching *w, bool begin)
{
	if (!w->terminal || w->json)
		return;
	(void)fputs(begin ? "\033[?1049h" : "\033[?1049l", stdout);
	(void)fflush(stdout);
}

/*
 * Waits until the next screen is due or the terminal has another size.  False: a signal says
 * end.
 */
static bool
wait_for_next(const struct watching *w, const sigset_t *signals)
{
	const struct timespec	 pause = { w->seconds, 0 };

	switch (sigtimedwait(signals, NULL, &pause)) {
	case SIGTSTP:
		switch_screen(w, false);
		(void)raise(SIGSTOP);
		switch_screen(w, true);
		return true;
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
		return false;
	default:
		return true;
	}
}

/* Signals are blocked but while we wait: each of them is seen, and no screen is cut short. */
static bool
watch_status(struct watching *w)
{
	sigset_t	 signals;
	bool		 good;

	if (conf_is_set(w->conf->set.state_dir) && session_state(w->conf) == SESSION_FAULT)
		return false;	/* before the screen changes, so that the message stays on it */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGTSTP);
	(void)sigaddset(&signals, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	switch_screen(w, true);
	while ((good = show_status(w)) && wait_for_next(w, &signals))
		if (!w->terminal && !w->json)
			(void)fputc('\n', stdout);
	switch_screen(w, false);
	return good;
}

/*
 * qtoa status
 */

/* Reads the number that may follow --watch. */
static bool
read_watch_seconds(int *seconds, const char *text)
{
	int64_t	 n;

	if (!number_parse(&n, slice_of(text)) || n < 1 || n > CALENDAR_DAY_S)
		return false;
	*seconds = (int)n;
	return true;
}

static bool
read_watching(struct watching *w, int argc, char **argv)
{
	int	 i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			w->json = true;
		else if (strcmp(argv[i], "--watch") != 0)
			return false;
		else {
			w->watch = true;
			if (i + 1 < argc && argv[i + 1][0] != '-' &&
			    !read_watch_seconds(&w->seconds, argv[++i]))
				return false;
		}
	return true;
}

int
cmd_status_run(struct conf *c, int problems, int argc, char **argv)
{
	struct conf	 used = *c;
	struct watching	 w = {
		.conf = &used, .usable = problems == 0, .seconds = SECONDS,
		.terminal = isatty(STDOUT_FILENO),
	};
	bool		 good;

	if (!read_watching(&w, argc, argv))
		return cli_usage("status");
	if (w.json)
		lang_use(ENGLISH, NULL);	/* programs read it */
	if (!w.usable)		/* then its list of accounts cannot be trusted */
		used.n = 0;
	if (used.set.state_dir == NULL)
		used.set.state_dir = "";
	good = w.watch ? watch_status(&w) : show_status(&w);
	log_close();
	return good && w.well ? CLI_DONE : CLI_WRONG;
}
