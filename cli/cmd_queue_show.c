#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/term.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/hex.h"
#include "core/json_write.h"
#include "core/lang.h"
#include "core/query.h"
#include "crypto.h"
#include "state/queue.h"
#include "wechat/event.h"
#include "wechat/push.h"
#include "xmlmap.h"

/*
 * qtoa queue show
 */

enum { LABEL = 10 };	/* columns of a field's name */

struct message_view {
	struct session	*session;
	int64_t		 id;
	struct buf	 out;
	bool		 found;
};

/* Appends the name of a field, in its column. */
static enum error
append_label(struct buf *out, const char *label)
{
	const struct slice	 text = slice_of(lang_text(label));
	enum error		 er = buf_put(out, text.p, text.len);

	return er == ERR_OK ? term_blanks(out, LABEL - format_columns(text)) : er;
}

static enum error
append_number_field(struct buf *out, const char *label, int64_t n)
{
	const enum error	 er = append_label(out, label);

	return er == ERR_OK ? buf_printf(out, "%lld\n", (long long)n) : er;
}

static enum error
append_time_field(struct buf *out, const char *label, int64_t ms, int64_t now_ms)
{
	char		 time[FORMAT_TIME], span[FORMAT_SPAN];
	enum error	 er = append_label(out, label);

	format_time(time, ms);
	format_span(span, ms > now_ms ? ms - now_ms + 999 : now_ms - ms);
	if (er == ERR_OK)
		er = buf_printf(out, "%s (%lld), ", time, (long long)ms);
	if (er == ERR_OK)
		er = ms > now_ms ? buf_printf(out, lang_text("in %s"), span) :
		    buf_printf(out, lang_text("%s ago"), span);
	return er == ERR_OK ? buf_putc(out, '\n') : er;
}

static enum error
append_message_field(struct buf *out, const char *label, struct slice text)
{
	enum error	 er;

	if ((er = append_label(out, label)) == ERR_OK &&
	    (er = format_line(out, NULL, session_or_dash(text), INT_MAX)) == ERR_OK)
		er = buf_putc(out, '\n');
	return er;
}

static enum error
append_message_fields(struct buf *out, const struct queue_message *m)
{
	char		 hex[2 * QUEUE_KEY + 1];
	int64_t		 now_ms = clock_wall_ms();
	enum error	 er;

	hex_encode(hex, m->key, QUEUE_KEY);
	if ((er = append_number_field(out, "id", m->id)) == ERR_OK &&
	    (er = append_message_field(out, "account", m->account)) == ERR_OK &&
	    (er = append_message_field(out, "event", m->code)) == ERR_OK &&
	    (er = append_message_field(out, "state",
	    slice_of(lang_text(queue_states[m->state])))) == ERR_OK &&
	    (er = append_message_field(out, "key", slice_of(hex))) == ERR_OK &&
	    (er = append_time_field(out, "received", m->received_ms, now_ms)) == ERR_OK &&
	    (er = append_number_field(out, "attempts", m->attempts)) == ERR_OK &&
	    (er = m->state == QUEUE_PENDING ? append_time_field(out, "next", m->next_ms, now_ms) :
	    append_message_field(out, "next", slice_of("-"))) == ERR_OK &&
	    (er = append_message_field(out, "outcome", m->outcome)) == ERR_OK &&
	    (er = append_number_field(out, "qt_ms", m->qt_ms)) == ERR_OK)
		er = append_message_field(out, "query", m->query);
	return er;
}

/* Appends the events that the message means for QT, one line each. */
static enum error
append_message_events(struct buf *out, const struct settings *set, struct slice xml)
{
	struct xmlmap	*map = xmlmap_for(set);
	struct event	 ev = { 0 };
	struct buf	 line = { 0 };
	enum error	 er = map == NULL ? ERR_NOMEM : xmlmap_event(map, &ev, xml), put = ERR_OK;

	while (er == ERR_OK && put == ERR_OK) {
		line.len = 0;
		if ((er = event_json(&line, &ev)) == ERR_OK)
			put = append_message_field(out, "is", buf_slice(&line));
		if (er != ERR_OK || !xmlmap_more(map))
			break;
		er = xmlmap_next(map, &ev);
	}
	if (er != ERR_OK && put == ERR_OK && (put = append_label(out, "is")) == ERR_OK)
		put = buf_printf(out, lang_text("cannot be translated: %s\n"),
		    er == ERR_XML ? xmlmap_why(map) : lang_text(error_table[er].name));
	buf_free(&line);
	event_free(&ev);
	xmlmap_free(map);
	return put;
}

/* Decrypts a stored body.  ERR_CONF: the configuration has no account or no key for it. */
static enum error
open_stored_body(struct buf *xml, const struct account *a, const struct queue_message *m)
{
	struct crypto	*crypto;
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	struct buf	 text = { 0 }, work = { 0 };
	enum error	 er;

	if (a == NULL)
		return ERR_CONF;
	if (a->mode == PLAIN)
		return buf_put(xml, m->body.p, m->body.len);
	if (a->token == NULL || a->aes_key == NULL || a->appid == NULL || m->query.p == NULL)
		return ERR_CONF;
	if ((crypto = crypto_new()) == NULL)
		return ERR_NOMEM;
	if ((er = buf_put(&text, m->query.p, m->query.len)) == ERR_OK &&
	    (er = query_parse(&q, text.p, text.len)) == ERR_OK &&
	    (er = push_read(&p, &which, &q, 0)) == ERR_OK)
		er = crypto_open(crypto, xml, &work, a, &p, m->body);
	crypto_free(crypto);
	buf_free(&work);
	buf_free(&text);
	return er;
}

static enum error
append_shown_message(void *ctx, const struct queue_message *m)
{
	struct message_view	*s = ctx;
	const struct conf	*c = s->session->services.conf;
	const struct account	*to = conf_destination(c, m->account);
	struct buf		 xml = { 0 };
	enum error		 er, opened;

	s->found = true;
	if ((er = append_message_fields(&s->out, m)) != ERR_OK)
		return er;
	if (m->body.p == NULL)
		return append_message_field(&s->out, "body", slice_of(lang_text("not kept")));
	if ((opened = open_stored_body(&xml, to == NULL ? NULL : conf_owner(c, to), m)) == ERR_OK)
		er = append_message_events(&s->out, &c->set, buf_slice(&xml));
	else if ((er = append_label(&s->out, "is")) == ERR_OK)
		er = buf_printf(&s->out, lang_text("cannot be opened: %s\n"), opened == ERR_CONF ?
		    lang_text("the configuration has no account or key for it") :
		    lang_text(error_table[opened].name));
	buf_free(&xml);
	if (er == ERR_OK && (er = append_label(&s->out, "body")) == ERR_OK &&
	    (er = buf_printf(&s->out, lang_text("%zu bytes, as they came:\n\n"),
	    m->body.len)) == ERR_OK && (er = format_text(&s->out, m->body)) == ERR_OK &&
	    term_width(STDOUT_FILENO) != 0)
		er = buf_putc(&s->out, '\n');
	return er;
}

static enum error
read_shown(struct db *db, void *arg)
{
	struct message_view	*s = arg;

	s->out.len = 0;
	s->found = false;
	return queue_show(db, s->id, append_shown_message, s);
}

int
cmd_queue_show_run(struct session *session, int argc, char **argv)
{
	struct message_view	 s = { .session = session };
	int			 rc = CLI_WRONG;

	if (argc != 1 || !session_read_id(&s.id, argv[0]))
		return cli_usage("queue show");
	if (session_do(session, STORE_READ, read_shown, &s)) {
		rc = s.found ? CLI_DONE : session_say_no_message(s.id);
		session_print(&s.out);
	}
	buf_free(&s.out);
	return rc;
}

/*
 * qtoa queue export
 */

struct exporting {
	enum queue_state	 only;		/* QUEUE_NEW: pending and dead */
	int64_t			 after_id, last_id;
	int			 rows;
	struct buf		 out;
};

/* Appends a JSON member. */
static enum error
append_export_member(struct buf *out, const char *name, struct slice text)
{
	enum error	 er;

	if ((er = buf_printf(out, ",\"%s\":", name)) != ERR_OK)
		return er;
	return text.p == NULL ? buf_puts(out, "null") : json_write_string(out, text);
}

static enum error
export_row(void *ctx, const struct queue_message *m)
{
	struct exporting	*e = ctx;
	struct buf		*out = &e->out;
	enum error		 er;

	e->rows++;
	e->last_id = m->id;
	if (e->only != QUEUE_NEW && m->state != e->only)
		return ERR_OK;
	if ((er = buf_printf(out, "{\"id\":%lld", (long long)m->id)) == ERR_OK &&
	    (er = append_export_member(out, "account", m->account)) == ERR_OK &&
	    (er = append_export_member(out, "event_code", m->code)) == ERR_OK &&
	    (er = append_export_member(out, "state", slice_of(queue_states[m->state]))) == ERR_OK &&
	    (er = buf_printf(out, ",\"received\":%lld,\"attempts\":%lld,\"next\":",
	    (long long)m->received_ms, (long long)m->attempts)) == ERR_OK &&
	    (er = m->state == QUEUE_PENDING ? buf_printf(out, "%lld", (long long)m->next_ms) :
	    buf_puts(out, "null")) == ERR_OK &&
	    (er = append_export_member(out, "outcome", m->outcome)) == ERR_OK &&
	    (er = append_export_member(out, "query", m->query)) == ERR_OK &&
	    (er = append_export_member(out, "body", m->body)) == ERR_OK)
		er = buf_puts(out, "}\n");
	return er;
}

static enum error
export_page(struct db *db, void *arg)
{
	struct exporting	*e = arg;

	e->out.len = 0;
	e->rows = 0;
	return queue_list(db, e->after_id, SESSION_PAGE, export_row, e);
}

/* Reads --state, if it is given.  False: the arguments are wrong. */
static bool
read_state_option(enum queue_state *state, int argc, char **argv)
{
	*state = QUEUE_NEW;
	if (argc == 0)
		return true;
	if (argc != 2 || strcmp(argv[0], "--state") != 0)
		return false;
	*state = strcmp(argv[1], queue_states[QUEUE_DEAD]) == 0 ? QUEUE_DEAD : QUEUE_PENDING;
	return strcmp(argv[1], queue_states[*state]) == 0;
}

int
cmd_queue_show_export(struct session *session, int argc, char **argv)
{
	struct exporting	 e = { .after_id = 0 };
	bool			 good;

	if (!read_state_option(&e.only, argc, argv))
		return cli_usage("queue export");
	while ((good = session_do(session, STORE_READ, export_page, &e))) {
		session_print(&e.out);
		e.after_id = e.last_id;
		if (e.rows < SESSION_PAGE || ferror(stdout))
			break;
	}
	buf_free(&e.out);
	return good && !ferror(stdout) ? CLI_DONE : CLI_WRONG;
}
