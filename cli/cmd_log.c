#include <dirent.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/log_line.h"
#include "cli/log_reader.h"
#include "cli/session.h"
#include "cli/term.h"
#include "core/calendar.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/format.h"
#include "core/hex.h"
#include "core/json_write.h"
#include "core/lang.h"
#include "core/log_target.h"
#include "core/number.h"
#include "state/queue.h"

enum {
	LINES		= 50,		/* printed, unless --lines or --since says more */
	LINES_MAX	= 10000000,
	READERS		= 32,		/* places that are looked at */
	QUEUE_ROWS	= 10000,	/* of the queue that are looked at */
	WAIT_MS		= 250,		/* between two looks with --follow */
	KEY		= 16,		/* characters of a message's key in the log */
	KEYS		= 4096,		/* keys of one user's messages that are remembered */
	TEXT		= 2000		/* columns of any text */
};

/* A line that is kept until all are there. */
struct kept {
	int64_t		 time_ms;
	size_t		 order;
	char		*text;		/* as core/log.h writes it */
};

struct waiting {
	char		 key[KEY + 1];
	int64_t		 id, attempts, next_ms;
	enum queue_state state;
	char		 outcome[200];
};

struct log_search {
	const struct conf	*conf;
	const char		*account, *user, *file;
	char			 alias[DIGEST_ALIAS + 1];
	const struct account	*row;		/* of the account; NULL: any, or not in conf */
	bool			 failed, follow, json, terminal, colours;
	int64_t			 since_ms, until_ms;	/* -1 and INT64_MAX: not given */
	int64_t			 lines;		/* 0: all */
	struct log_reader	*readers[READERS];
	int			 nreaders;
	struct kept		*kept;		/* lines % n of them from first on, if lines != 0 */
	size_t			 n, room, order;
	int64_t			 seen;		/* lines of this program, wanted or not */
	bool			 queued;	/* a kept line is of a message in the queue */
	char			(*keys)[KEY + 1];	/* of the user's messages */
	size_t			 nkeys;
	struct waiting		*waiting;
	size_t			 nwaiting;
	struct buf		 out, word;
	enum error		 er;
};

static volatile sig_atomic_t	 stopped;

static void
stop_following(int sig)
{
	(void)sig;
	stopped = 1;
}

/*
 * The arguments.
 */

static int
complain_time(const char *option, const char *value)
{
	return cli_usage_why("log", "%s %s is not a time: write 2h, 3d, 2026-11-22 or \"2026-11-22 "
	    "12:44\"", option, value);
}

static int
read_log_option(struct log_search *s, const char *option, const char *value)
{
	if (strcmp(option, "--user") == 0)
		s->user = value;
	else if (strcmp(option, "--file") == 0)
		s->file = value;
	else if (strcmp(option, "--lines") == 0) {
		if (!number_parse(&s->lines, slice_of(value)) || s->lines < 1 ||
		    s->lines > LINES_MAX)
			return cli_usage_why("log", "--lines %s is not a number from 1 to %d",
			    value, LINES_MAX);
	} else if (strcmp(option, "--since") == 0) {
		if (!log_line_when(&s->since_ms, value, clock_wall_ms(), false))
			return complain_time(option, value);
	} else if (strcmp(option, "--until") == 0 &&
	    !log_line_when(&s->until_ms, value, clock_wall_ms(), true))
		return complain_time(option, value);
	return CLI_DONE;
}

static int
read_log_arguments(struct log_search *s, int argc, char **argv)
{
	int	 i, rc;

	s->since_ms = -1, s->until_ms = INT64_MAX;
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--failed") == 0)
			s->failed = true;
		else if (strcmp(argv[i], "--follow") == 0)
			s->follow = true;
		else if (strcmp(argv[i], "--json") == 0)
			s->json = true;
		else if (strncmp(argv[i], "--", 2) == 0 && i + 1 < argc) {
			if ((rc = read_log_option(s, argv[i], argv[i + 1])) != CLI_DONE)
				return rc;
			i++;
		} else if (*argv[i] == '-' || s->account != NULL)
			return cli_usage("log");
		else
			s->account = argv[i];
	if (s->follow && s->until_ms != INT64_MAX)
		return cli_usage_why("log", "--follow has no end: leave out --until");
	if (s->lines == 0 && s->since_ms == -1)
		s->lines = LINES;
	return CLI_DONE;
}

static bool
choose_names(struct log_search *s)
{
	struct digest	*d;

	if (s->account != NULL && (s->row = conf_find(s->conf, s->account)) == NULL &&
	    s->conf->n != 0) {
		(void)fprintf(stderr, lang_text("qtoa: there is no account %s; qtoa config lists "
		    "the accounts\n"), s->account);
		return false;
	}
	if (s->user == NULL)
		return true;
	/* The log has the user's alias, unless log_users is set; it may have been set once. */
	if ((d = digest_new(DIGEST_SHA256)) == NULL) {
		(void)session_say_no_handle();
		return false;
	}
	digest_alias(d, s->alias, slice_of(s->user));
	digest_free(d);
	s->keys = calloc(KEYS, sizeof(*s->keys));
	return s->keys != NULL;
}

/*
 * Which lines are wanted.
 */

static bool
is_one_of_keys(const struct log_search *s, struct slice key)
{
	size_t	 i;

	for (i = 0; i < s->nkeys && i < KEYS; i++)
		if (slice_is(key, s->keys[i]))
			return true;
	return false;
}

/* A line of a later attempt has no user, but the key of the message, whose first line has one. */
static bool
is_of_user(struct log_search *s, const struct log_line *l)
{
	const struct slice	 user = log_line_get(l, "user"), key = log_line_get(l, "key");

	if (user.p == NULL)
		return key.len == KEY && is_one_of_keys(s, key);
	if (!slice_is(user, s->user) && !slice_is(user, s->alias))
		return false;
	if (key.len == KEY && !is_one_of_keys(s, key))
		(void)snprintf(s->keys[s->nkeys++ % KEYS], KEY + 1, "%.*s", KEY, key.p);
	return true;
}

static bool
is_wanted(struct log_search *s, const struct log_line *l)
{
	const struct slice	 account = log_line_get(l, "account");

	if (s->user != NULL && !is_of_user(s, l))
		return false;
	if ((l->time_ms != -1 && l->time_ms < s->since_ms) || l->time_ms > s->until_ms)
		return false;
	if (s->account != NULL && !slice_is(account, s->account) && (s->row == NULL ||
	    (!slice_is(account, s->row->name) && !slice_is(account, s->row->path))))
		return false;
	return !s->failed || log_line_is_failure(l);
}

/*
 * The queue.
 */

/* A queue_each. */
static enum error
note_waiting(void *ctx, const struct queue_message *m)
{
	struct log_search	*s = ctx;
	struct waiting		*w = &s->waiting[s->nwaiting];

	if (s->nwaiting == QUEUE_ROWS)
		return ERR_OK;
	hex_encode(w->key, m->key + 8, KEY / 2);
	w->id = m->id, w->attempts = m->attempts, w->next_ms = m->next_ms, w->state = m->state;
	(void)snprintf(w->outcome, sizeof(w->outcome), "%.*s", (int)m->outcome.len,
	    m->outcome.p == NULL ? "" : m->outcome.p);
	s->nwaiting++;
	return ERR_OK;
}

/* A store_work. */
static enum error
list_waiting(struct db *db, void *ctx)
{
	struct log_search	*s = ctx;

	s->nwaiting = 0;
	return queue_list(db, 0, QUEUE_ROWS, note_waiting, s);
}

static void
read_queue(struct log_search *s)
{
	struct session	 session;

	if ((s->waiting = calloc(QUEUE_ROWS, sizeof(*s->waiting))) == NULL)
		return;
	if (session_open(&session, s->conf, false))
		(void)session_do(&session, STORE_READ, list_waiting, s);
	session_close(&session);
}

static const struct waiting *
find_waiting(const struct log_search *s, struct slice key)
{
	size_t	 i;

	for (i = 0; i < s->nwaiting && key.p != NULL; i++)
		if (slice_is(key, s->waiting[i].key))
			return &s->waiting[i];
	return NULL;
}

/*
 * Writing.
 */

static void	write_text(struct log_search *s, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static void
write_text(struct log_search *s, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	if (s->er == ERR_OK)
		s->er = buf_vprintf(&s->out, fmt, ap);
	va_end(ap);
}

/* Writes a text in `columns`; 0: as wide as it is. */
static void
write_column(struct log_search *s, struct slice text, int columns)
{
	int	 used = 0;

	if (s->er == ERR_OK)
		s->er = format_line(&s->out, &used, session_or_dash(text),
		    columns == 0 ? TEXT : columns);
	if (s->er == ERR_OK && columns != 0)
		s->er = term_blanks(&s->out, columns - used + 2);
}

/* Appends a piece to s->word, with `between` before it unless it is the first. */
static void
add_piece(struct log_search *s, const char *between, const char *before, struct slice piece)
{
	if (piece.len == 0 || s->er != ERR_OK)
		return;
	s->er = buf_printf(&s->word, "%s%s%.*s", s->word.len == 0 ? "" : between, before,
	    (int)piece.len, piece.p);
}

/* What the error table advises, where the line itself does not. */
static struct slice
advice_of(const struct log_line *l)
{
	const struct slice	 error = log_line_get(l, "error"), hint = log_line_get(l, "hint");
	enum error		 e;

	for (e = 0; hint.p == NULL && error.p != NULL && e < ERR__MAX; e++)
		if (slice_is(error, error_table[e].name))
			return slice_of(error_table[e].hint);
	return hint;
}

/* Collects in s->word what the line says beside its columns. */
static void
write_details(struct log_search *s, const struct log_line *l)
{
	static const struct {
		const char	*key, *before;
	} pieces[] = {
		{ "error", "" }, { "class", "" }, { "qt", "" }, { "qt_status", "QT's status " },
		{ "detail", "" }, { "msg", "" }, { "reason", "" }, { "count", "times: " },
		{ "peer", "from " }, { "path", "path " }, { "host", "host " },
		{ "method", "method " }, { "attempts", "attempts: " }, { "relays", "relays: " },
		{ "reply", "reply: " }, { "rule", "rule " },
	};
	const bool		 bad = log_line_is_failure(l);
	size_t			 i;

	buf_reset(&s->word);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		if (bad || (strcmp(pieces[i].key, "peer") != 0 && strcmp(pieces[i].key, "qt_status")
		    != 0))
			add_piece(s, ", ", lang_text(pieces[i].before),
			    log_line_get(l, pieces[i].key));
}

/* Appends what the queue has of the message. */
static void
add_waiting(struct log_search *s, const struct waiting *w)
{
	char		 text[400], span[FORMAT_SPAN];
	const char	*next;
	bool		 is_late;

	if (w == NULL)
		return;
	format_span(span, w->next_ms - clock_wall_ms() + 999);
	is_late = w->next_ms <= clock_wall_ms();
	next = w->state != QUEUE_PENDING ? "" : is_late ? lang_text(", next now") :
	    lang_text(", next in ");
	(void)snprintf(text, sizeof(text), lang_text("message %lld is %s after %lld attempts"
	    "%s%s%s%s; run: qtoa queue show %lld"), (long long)w->id,
	    lang_text(queue_states[w->state]), (long long)w->attempts,
	    *w->outcome != '\0' ? lang_text(", the last: ") : "", w->outcome, next,
	    w->state != QUEUE_PENDING || is_late ? "" : span, (long long)w->id);
	add_piece(s, "; ", "", slice_of(text));
}

static struct slice
event_of(const struct log_line *l)
{
	const struct slice	 event = log_line_get(l, "event");
	const struct slice	 wechat = log_line_get(l, "wechat_event");

	if (!slice_is(event, "-"))
		return event;
	return wechat.len != 0 ? wechat : log_line_get(l, "msgtype");
}

/* The verdict; of other lines what they are about. */
static struct slice
outcome_of(const struct log_line *l)
{
	const struct slice	 verdict = log_line_get(l, "verdict");

	return verdict.p != NULL ? verdict : log_line_get(l, "what");
}

static const char *
colour_of(const struct log_search *s, const struct log_line *l)
{
	if (!s->colours)
		return "";
	if (!log_line_is_failure(l))
		return "\033[32m";
	return slice_is(log_line_get(l, "level"), "error") ? "\033[31m" : "\033[33m";
}

enum { TIME_WIDTH = 19, NAME_WIDTH = 12, EVENT_WIDTH = 22, USER_WIDTH = 12, END_WIDTH = 9,
    MS_WIDTH = 7, ROW_WIDTH = TIME_WIDTH + NAME_WIDTH + EVENT_WIDTH + USER_WIDTH + END_WIDTH +
    MS_WIDTH + 12 };

static void
write_names(struct log_search *s)
{
	write_column(s, slice_of(lang_text("time")), TIME_WIDTH);
	write_column(s, slice_of(lang_text("account")), NAME_WIDTH);
	write_column(s, slice_of(lang_text("event")), EVENT_WIDTH);
	write_column(s, slice_of(lang_text("user")), USER_WIDTH);
	write_column(s, slice_of(lang_text("verdict")), END_WIDTH);
	write_column(s, slice_of("ms"), MS_WIDTH);
	write_text(s, lang_text("detail\n"));
}

/* Writes what to do: on a terminal in a line of its own. */
static void
write_advice(struct log_search *s, const struct log_line *l)
{
	buf_reset(&s->word);
	if (log_line_is_failure(l))
		add_piece(s, "", "", advice_of(l));
	add_waiting(s, find_waiting(s, log_line_get(l, "key")));
	if (s->word.len == 0)
		return;
	write_text(s, s->terminal ? "\n%*s" : "; %.0d", s->terminal ? TIME_WIDTH + 2 : 0, "");
	write_column(s, buf_slice(&s->word), 0);
}

static void
write_row(struct log_search *s, const struct log_line *l)
{
	char		 time[TERM_TIME] = "";
	struct slice	 user = log_line_get(l, "user"), ms = log_line_get(l, "ms");
	const char	*colour = colour_of(s, l);

	if (l->time_ms != -1)
		term_time(time, l->time_ms / 1000);
	write_column(s, slice_of(time), TIME_WIDTH);
	write_column(s, log_line_get(l, "account"), NAME_WIDTH);
	write_column(s, event_of(l), EVENT_WIDTH);
	write_column(s, user, s->terminal || user.len <= USER_WIDTH ? USER_WIDTH : 28);
	write_text(s, "%s", colour);
	write_column(s, outcome_of(l), END_WIDTH);
	write_text(s, "%s", *colour != '\0' ? "\033[0m" : "");
	write_column(s, ms.len != 0 ? ms : log_line_get(l, "qt_ms"), MS_WIDTH);
	write_details(s, l);
	write_column(s, buf_slice(&s->word), 0);
	write_advice(s, l);
	write_text(s, "\n");
}

/*
 * As JSON.
 */

static void
write_json_text(struct log_search *s, const char *key, struct slice value)
{
	write_text(s, ",\"%s\":", key);
	if (s->er == ERR_OK)
		s->er = json_write_string(&s->out, value);
}

static bool
is_json_number(struct slice key, struct slice value)
{
	static const char *const	 names[] = {
		"ms", "qt_ms", "status", "qt_status", "bytes", "wechat", "attempts", "age_s",
		"count",
	};
	const bool			 below = value.len > 1 && *value.p == '-';
	int64_t				 n;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(key, names[i]))
			return number_parse(&n, (struct slice){ value.p + below,
			    value.len - below }) && (value.len == 1 || value.p[below] != '0');
	return false;
}

static void
write_json_row(struct log_search *s, const struct log_line *l)
{
	const struct waiting	*w = find_waiting(s, log_line_get(l, "key"));
	char			 time[FORMAT_TIME] = "", key[32];
	size_t			 i;

	if (l->time_ms != -1)
		format_time(time, l->time_ms);
	write_text(s, "{\"time\":%s%s%s", l->time_ms != -1 ? "\"" : "",
	    l->time_ms != -1 ? time : "null", l->time_ms != -1 ? "\"" : "");
	write_text(s, ",\"failed\":%s", log_line_is_failure(l) ? "true" : "false");
	for (i = 0; i < l->n; i++) {
		if (slice_is(l->pair[i].key, "time") || slice_is(l->pair[i].key, "failed"))
			continue;
		(void)snprintf(key, sizeof(key), "%.*s", (int)l->pair[i].key.len,
		    l->pair[i].key.p);
		if (is_json_number(l->pair[i].key, l->pair[i].value))
			write_text(s, ",\"%s\":%.*s", key, (int)l->pair[i].value.len,
			    l->pair[i].value.p);
		else
			write_json_text(s, key, l->pair[i].value);
	}
	if (log_line_is_failure(l) && advice_of(l).len != 0)
		write_json_text(s, "advice", advice_of(l));
	if (w != NULL) {
		write_text(s, ",\"queue\":{\"id\":%" PRId64 ",\"state\":\"%s\",\"attempts\":%"
		    PRId64 ",\"next_ms\":%" PRId64, w->id, queue_states[w->state], w->attempts,
		    w->next_ms);
		write_json_text(s, "outcome", slice_of(w->outcome));
		write_text(s, "}");
	}
	write_text(s, "}\n");
}

static void
print_row(struct log_search *s, const struct log_line *l)
{
	buf_reset(&s->out);
	(s->json ? write_json_row : write_row)(s, l);
	session_print(&s->out);
}

/*
 * Reading.
 */

/* Appends a value as log_line_parse() reads it. */
static enum error
append_kept_value(struct buf *out, struct slice v)
{
	enum error	 er = ERR_OK;
	bool		 plain = v.len != 0;
	size_t		 i;

	for (i = 0; i < v.len && plain; i++)
		plain = (unsigned char)v.p[i] > ' ' && strchr("\"=\\", v.p[i]) == NULL;
	if (plain)
		return buf_put(out, v.p, v.len);
	er = buf_putc(out, '"');
	for (i = 0; i < v.len && er == ERR_OK; i++)
		if ((unsigned char)v.p[i] < ' ')
			er = buf_printf(out, "\\x%02x", (unsigned char)v.p[i]);
		else if (v.p[i] == '"' || v.p[i] == '\\')
			er = buf_printf(out, "\\%c", v.p[i]);
		else
			er = buf_putc(out, v.p[i]);
	return er == ERR_OK ? buf_putc(out, '"') : er;
}

static void
keep_line(struct log_search *s, const struct log_line *l)
{
	struct kept	*grown, *k;
	struct buf	 text = { 0 };
	size_t		 i;

	for (i = 0; i < l->n && s->er == ERR_OK; i++) {
		s->er = buf_printf(&text, "%s%.*s=", i == 0 ? "" : " ", (int)l->pair[i].key.len,
		    l->pair[i].key.p);
		if (s->er == ERR_OK)
			s->er = append_kept_value(&text, l->pair[i].value);
	}
	if (s->n == s->room) {
		s->room = s->room == 0 ? 256 : 2 * s->room;
		if ((grown = realloc(s->kept, s->room * sizeof(*grown))) == NULL) {
			s->er = ERR_NOMEM;
			s->room = s->n;
			buf_free(&text);
			return;
		}
		s->kept = grown;
	}
	if (s->er == ERR_OK)
		s->er = buf_putc(&text, '\0');
	s->queued = s->queued || slice_is(log_line_get(l, "verdict"), "queued") ||
	    slice_is(log_line_get(l, "verdict"), "dead");
	k = &s->kept[s->n++];
	*k = (struct kept){ l->time_ms, s->order++, text.p };
}

static int
compare_kept(const void *a, const void *b)
{
	const struct kept	*x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Drops the lines from `from` on but the newest that are wanted. */
static void
drop_old(struct log_search *s, size_t from)
{
	const size_t	 most = (size_t)s->lines;
	size_t		 i, gone;

	if (s->lines == 0 || s->n - from <= most)
		return;
	gone = s->n - from - most;
	qsort(s->kept + from, s->n - from, sizeof(*s->kept), compare_kept);
	for (i = from; i < from + gone; i++)
		free(s->kept[i].text);
	memmove(s->kept + from, s->kept + from + gone, most * sizeof(*s->kept));
	s->n -= gone;
}

static void
forget_lines(struct log_search *s, size_t from)
{
	while (s->n > from)
		free(s->kept[--s->n].text);
}

/* Keeps the wanted lines of one place, or prints them.  False: it cannot be read. */
static bool
read_place(struct log_search *s, struct log_reader *r, bool now, char why[LOG_READER_WHY])
{
	const size_t	 from = s->n;
	struct log_line	 l = { 0 };
	int		 depth = s->since_ms >= 0 ? 0 : 1;
	bool		 ok;

	for (;;) {
		forget_lines(s, from);
		if (!(ok = log_reader_open(r, s->since_ms, depth, why)))
			break;
		while (s->er == ERR_OK && log_reader_next(r, &l)) {
			s->seen++;
			if (!is_wanted(s, &l))
				continue;
			if (now) {
				print_row(s, &l);
				continue;
			}
			keep_line(s, &l);
			if (s->lines != 0 && s->n - from >= 2 * (size_t)s->lines + 1024)
				drop_old(s, from);
		}
		if (depth == 0 || log_reader_is_whole(r) || s->er != ERR_OK ||
		    s->n - from >= (size_t)s->lines)
			break;
		depth *= 2;
	}
	drop_old(s, from);
	log_line_free(&l);
	return ok;
}

static void
print_kept(struct log_search *s)
{
	struct log_line	 l = { 0 };
	size_t		 i;

	drop_old(s, 0);
	if (s->n != 0)
		qsort(s->kept, s->n, sizeof(*s->kept), compare_kept);
	for (i = 0; i < s->n && s->er == ERR_OK; i++)
		if (log_line_parse(&l, slice_of(s->kept[i].text), s->kept[i].time_ms, INT64_MAX)) {
			l.time_ms = s->kept[i].time_ms;
			print_row(s, &l);
		}
	log_line_free(&l);
}

static void
follow_places(struct log_search *s)
{
	struct log_line	 l = { 0 };
	int		 i;

	session_catch_signals(stop_following);
	for (i = 0; i < s->nreaders; i++)
		log_reader_follow(s->readers[i]);
	while (!stopped && s->er == ERR_OK) {
		for (i = 0; i < s->nreaders && !stopped; i++)
			while (!stopped && log_reader_next(s->readers[i], &l))
				if (is_wanted(s, &l))
					print_row(s, &l);
		if (fflush(stdout) != 0)
			break;
		if (!stopped)
			log_reader_wait(s->readers[0], WAIT_MS);
	}
	log_line_free(&l);
}

/*
 * Where the log is.
 */

static const char *const	 syslog_files[] = {
	"/var/log/syslog", "/var/log/messages", "/var/log/daemon.log",
};

/* What web servers, and control panels for them, call the files where a program's stderr ends. */
static const struct {
	const char	*dir, *name;	/* the name is a pattern of fnmatch(3) */
} error_logs[] = {
	{ "/var/log/apache2",		"*error*log" },
	{ "/var/log/httpd",		"*error*log" },
	{ "/var/log/nginx",		"*error*.log" },
	{ "/var/log/lighttpd",		"*error*.log" },
	{ "/var/log/caddy",		"*.log" },
	{ "/usr/local/apache2/logs",	"error_log" },
	{ "/usr/local/nginx/logs",	"error.log" },
	{ "/usr/local/lsws/logs",	"*.log" },
	{ "/www/wwwlogs",		"*error*log" },
	{ "/opt/lampp/logs",		"error_log" },
};

static void
add_place(struct log_search *s, const char *file)
{
	if (s->nreaders < READERS && (s->readers[s->nreaders] = log_reader_new(file)) != NULL)
		s->nreaders++;
}

/* Not by glob(3): a static program would need the users of its host for that. */
static void
add_error_logs(struct log_search *s)
{
	struct dirent	**found;
	char		 path[PATH_MAX];
	size_t		 i;
	int		 k, n;

	for (i = 0; i < sizeof(error_logs) / sizeof(error_logs[0]); i++) {
		if ((n = scandir(error_logs[i].dir, &found, NULL, alphasort)) == -1)
			continue;
		for (k = 0; k < n; k++) {
			(void)snprintf(path, sizeof(path), "%s/%s", error_logs[i].dir,
			    found[k]->d_name);
			if (fnmatch(error_logs[i].name, found[k]->d_name, FNM_PERIOD) == 0 &&
			    access(path, R_OK) == 0)
				add_place(s, path);
			free(found[k]);
		}
		free(found);
	}
}

/* True: a syslog daemon writes this file, which an earlier one may have left behind. */
static bool
is_in_use(const char *file)
{
	struct stat	 st;

	return access(file, R_OK) == 0 && stat(file, &st) == 0 && st.st_size != 0 &&
	    (!log_reader_has_journal() ||
	    st.st_mtime > clock_wall_ms() / 1000 - CALENDAR_DAY_S);
}

/* Adds the places where the lines can be, by settings.log. */
static void
add_places(struct log_search *s)
{
	const char	*log = s->conf->set.log;
	size_t		 i;

	if (s->file != NULL)
		add_place(s, s->file);
	else if (log != NULL && strcmp(log, "syslog") == 0) {
		for (i = 0; i < sizeof(syslog_files) / sizeof(syslog_files[0]); i++)
			if (s->nreaders == 0 && is_in_use(syslog_files[i]))
				add_place(s, syslog_files[i]);
		if (s->nreaders == 0)
			add_place(s, NULL);
	} else if (log_target_descriptor(log) != -1) {
		add_place(s, NULL);
		add_error_logs(s);
	} else
		add_place(s, log);
}

/* True: nobody has said in which file the lines are, so they should have been found. */
static bool
is_elsewhere(const struct log_search *s)
{
	const char	*log = s->conf->set.log;

	return s->file == NULL && s->since_ms == -1 && !s->follow &&
	    (log_target_descriptor(log) != -1 || strcmp(log, "syslog") == 0);
}

static int
say_nothing_readable(const struct log_search *s, const char *why)
{
	const char	*log = s->conf->set.log;

	if (s->file != NULL)
		(void)fprintf(stderr, "qtoa: %s\n", why);
	else if (log != NULL && strcmp(log, "syslog") == 0)
		(void)fprintf(stderr, lang_text("qtoa: settings.log is syslog, but neither "
		    "/var/log/syslog, /var/log/messages nor the journal has it for you (%s); run "
		    "qtoa as root, or name the file: qtoa log --file FILE\n"), why);
	else if (log_target_descriptor(log) != -1)
		(void)fprintf(stderr, lang_text("qtoa: settings.log is stderr, which goes where "
		    "the web server or systemd leads it; neither the journal nor the known error "
		    "logs have it for you (%s); run qtoa as root, name the file: qtoa log --file "
		    "FILE, or set settings.log to a file\n"), why);
	else
		(void)fprintf(stderr, lang_text("qtoa: settings.log leads to a file that cannot be "
		    "read: %s; run qtoa as root or as the user of the web server\n"), why);
	return CLI_WRONG;
}

/* Says once that packed files are left out. */
static void
say_left_out(const struct log_search *s)
{
	const char	*program = NULL;
	int		 i;

	for (i = 0; i < s->nreaders && program == NULL; i++)
		if ((program = log_reader_lacks(s->readers[i])) != NULL)
			(void)fprintf(stderr, lang_text("qtoa: %s: packed files are left out, "
			    "since there is no %s in PATH; install %s\n"),
			    log_reader_name(s->readers[i]), program, program);
}

static int
search_log(struct log_search *s)
{
	/* Lines of several places must be sorted; what is printed at once is not kept. */
	const bool	 now = s->lines == 0 && s->nreaders == 1 && !s->failed;
	char		 why[LOG_READER_WHY], first[LOG_READER_WHY] = "";
	int		 i, readable = 0;

	if (s->terminal && !s->json) {
		write_names(s);
		session_print(&s->out);
	}
	for (i = 0; i < s->nreaders; i++) {
		if (read_place(s, s->readers[i], now, why)) {
			readable++;
			continue;
		}
		if (*first == '\0')
			(void)snprintf(first, sizeof(first), "%s", why);
		log_reader_free(s->readers[i]);
		memmove(&s->readers[i], &s->readers[i + 1],
		    (size_t)(s->nreaders - i - 1) * sizeof(s->readers[0]));
		s->nreaders--, i--;
	}
	say_left_out(s);
	if (readable == 0 || (s->seen == 0 && is_elsewhere(s)))
		return say_nothing_readable(s, readable == 0 ? first : "they have no line of qtoa");
	/* To read the queue ends root's rights, without which a new file cannot be followed. */
	if (s->queued && !(s->follow && geteuid() == 0) &&
	    conf_is_set(s->conf->set.state_dir))
		read_queue(s);
	print_kept(s);
	if (s->follow && s->er == ERR_OK)
		follow_places(s);
	if (s->er != ERR_OK)
		(void)fprintf(stderr, "qtoa: %s\n", error_table[s->er].name);
	return s->er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

int
cmd_log_run(struct conf *c, int problems, int argc, char **argv)
{
	struct log_search	 s = { .conf = c };
	int			 i, rc;

	(void)problems;		/* of a configuration that cannot be used the log tells, too */
	if ((rc = read_log_arguments(&s, argc, argv)) != CLI_DONE)
		return rc;
	s.terminal = isatty(STDOUT_FILENO) && !s.json;
	s.colours = s.terminal && !conf_is_set(getenv("NO_COLOR"));
	rc = CLI_WRONG;
	if (choose_names(&s)) {
		add_places(&s);
		rc = search_log(&s);
	}
	for (i = 0; i < s.nreaders; i++)
		log_reader_free(s.readers[i]);
	forget_lines(&s, 0);
	free(s.kept);
	free(s.keys);
	free(s.waiting);
	buf_free(&s.out);
	buf_free(&s.word);
	return rc;
}
