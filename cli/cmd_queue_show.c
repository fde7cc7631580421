#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/term.h"
#include "core/clock.h"
#include "core/query.h"
#include "crypto.h"
#include "sign.h"
#include "state/queue.h"
#include "wechat/event.h"
#include "xmlmap.h"

/*
 * show
 */

struct showing {
	struct desk	*desk;
	int64_t		 id;
	struct buf	 out;
	bool		 found;
};

static enum qt_err
put_time(struct buf *out, const char *label, int64_t ms, int64_t now_ms)
{
	char	 time[TERM_TIME], span[TERM_SPAN];

	term_time(time, ms);
	term_span(span, ms > now_ms ? ms - now_ms + 999 : now_ms - ms);
	return buf_printf(out, "%-10s%s (%lld), %s%s%s\n", label, time, (long long)ms,
	    ms > now_ms ? "in " : "", span, ms > now_ms ? "" : " ago");
}

static enum qt_err
put_text(struct buf *out, const char *label, struct slice text)
{
	enum qt_err	 er;

	if ((er = buf_printf(out, "%-10s", label)) == QT_OK &&
	    (er = term_put(out, NULL, desk_or_dash(text), INT_MAX)) == QT_OK)
		er = buf_putc(out, '\n');
	return er;
}

static enum qt_err
put_fields(struct buf *out, const struct queue_message *m)
{
	char		 hex[2 * QUEUE_KEY + 1];
	int64_t		 now_ms = clock_wall_ms();
	enum qt_err	 er;

	hex_encode(hex, m->key, QUEUE_KEY);
	if ((er = buf_printf(out, "%-10s%lld\n", "id", (long long)m->id)) == QT_OK &&
	    (er = put_text(out, "account", m->account)) == QT_OK &&
	    (er = put_text(out, "event", m->code)) == QT_OK &&
	    (er = put_text(out, "state", slice_of(queue_states[m->state]))) == QT_OK &&
	    (er = put_text(out, "key", slice_of(hex))) == QT_OK &&
	    (er = put_time(out, "received", m->received_ms, now_ms)) == QT_OK &&
	    (er = buf_printf(out, "%-10s%lld\n", "attempts", (long long)m->attempts)) == QT_OK &&
	    (er = m->state == QUEUE_PENDING ? put_time(out, "next", m->next_ms, now_ms) :
	    put_text(out, "next", slice_of("-"))) == QT_OK &&
	    (er = put_text(out, "outcome", m->outcome)) == QT_OK &&
	    (er = buf_printf(out, "%-10s%lld\n", "qt_ms", (long long)m->qt_ms)) == QT_OK)
		er = put_text(out, "query", m->query);
	return er;
}

/* What the message means in QT's terms, a line for each event. */
static enum qt_err
put_events(struct buf *out, const struct settings *set, struct slice xml)
{
	struct xmlmap	*map = xmlmap_for(set);
	struct event	 ev = { 0 };
	struct buf	 line = { 0 };
	enum qt_err	 er = map == NULL ? QT_ENOMEM : xmlmap_event(map, &ev, xml), put = QT_OK;

	while (er == QT_OK && put == QT_OK) {
		line.len = 0;
		if ((er = event_json(&line, &ev)) == QT_OK)
			put = put_text(out, "is", buf_slice(&line));
		if (er != QT_OK || !xmlmap_more(map))
			break;
		er = xmlmap_next(map, &ev);
	}
	if (er != QT_OK && put == QT_OK)
		put = buf_printf(out, "%-10scannot be translated: %s\n", "is",
		    er == QT_EXML ? xmlmap_why(map) : errs[er].name);
	buf_free(&line);
	event_free(&ev);
	xmlmap_free(map);
	return put;
}

/* The message within a stored body.  QT_ECONF: we lack what is needed to open it. */
static enum qt_err
open_body(struct buf *xml, const struct account *a, const struct queue_message *m)
{
	struct crypto	*crypto;
	enum push_key	 which;
	struct query	 q;
	struct push	 p;
	struct buf	 text = { 0 }, work = { 0 };
	enum qt_err	 er;

	if (a == NULL)
		return QT_ECONF;
	if (a->mode == PLAIN)
		return buf_put(xml, m->body.p, m->body.len);
	if (a->token == NULL || a->aes_key == NULL || a->appid == NULL || m->query.p == NULL)
		return QT_ECONF;
	if ((crypto = crypto_new()) == NULL)
		return QT_ECRYPTO;
	if ((er = buf_put(&text, m->query.p, m->query.len)) == QT_OK &&
	    (er = query_parse(&q, text.p, text.len)) == QT_OK &&
	    (er = query_push(&p, &which, &q, 0)) == QT_OK)
		er = crypto_open(crypto, xml, &work, a, &p, m->body);
	crypto_free(crypto);
	buf_free(&work);
	buf_free(&text);
	return er;
}

/* The body as it is stored; on a terminal without what would move the cursor. */
static enum qt_err
put_body(struct buf *out, struct slice body)
{
	const char	*p = body.p, *end = p + body.len, *eol;
	enum qt_err	 er = QT_OK;

	if (term_width(STDOUT_FILENO) == 0)
		return buf_put(out, body.p, body.len);
	while (er == QT_OK && p != end) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		er = term_put(out, NULL, (struct slice){ p, (size_t)(eol - p) }, INT_MAX);
		p = eol;
		if (er == QT_OK && p != end) {
			er = buf_putc(out, '\n');
			p++;
		}
	}
	return er == QT_OK ? buf_putc(out, '\n') : er;
}

static enum qt_err
put_message(void *ctx, const struct queue_message *m)
{
	struct showing		*s = ctx;
	const struct conf	*c = s->desk->conf;
	struct buf		 xml = { 0 };
	enum qt_err		 er, opened;

	s->found = true;
	if ((er = put_fields(&s->out, m)) != QT_OK)
		return er;
	if (m->body.p == NULL)
		return put_text(&s->out, "body", slice_of("not kept"));
	if ((opened = open_body(&xml, conf_account(c, m->account), m)) == QT_OK)
		er = put_events(&s->out, &c->set, buf_slice(&xml));
	else
		er = buf_printf(&s->out, "%-10scannot be opened: %s\n", "is",
		    opened == QT_ECONF ? "the configuration lacks its account or keys" :
		    errs[opened].name);
	buf_free(&xml);
	if (er == QT_OK && (er = buf_printf(&s->out, "%-10s%zu bytes, as they came:\n\n", "body",
	    m->body.len)) == QT_OK)
		er = put_body(&s->out, m->body);
	return er;
}

static enum qt_err
read_message(struct db *db, void *arg)
{
	struct showing	*s = arg;

	s->out.len = 0;
	s->found = false;
	return queue_show(db, s->id, put_message, s);
}

int
queueshow_run(struct desk *d, int argc, char **argv)
{
	struct showing	 s = { .desk = d };
	int		 rc = CMD_WRONG;

	if (argc != 1 || !desk_read_id(&s.id, argv[0]))
		return cmd_usage("queue show");
	if (desk_do(d, STORE_READ, read_message, &s)) {
		rc = s.found ? CMD_DONE : desk_say_none(s.id);
		desk_print(&s.out);
	}
	buf_free(&s.out);
	return rc;
}

/*
 * export
 */

struct exporting {
	enum queue_state	 only;		/* QUEUE_NEW: pending and dead */
	int64_t			 after_id, last_id;
	int			 rows;
	struct buf		 out;
};

/* A member with text: what is no UTF-8 becomes U+FFFD, as in what QT is sent. */
static enum qt_err
put_member(struct buf *out, const char *name, struct slice text)
{
	enum qt_err	 er;

	if ((er = buf_printf(out, ",\"%s\":", name)) != QT_OK)
		return er;
	return text.p == NULL ? buf_puts(out, "null") : sign_string(out, text);
}

static enum qt_err
export_row(void *ctx, const struct queue_message *m)
{
	struct exporting	*e = ctx;
	struct buf		*out = &e->out;
	enum qt_err		 er;

	e->rows++;
	e->last_id = m->id;
	if (e->only != QUEUE_NEW && m->state != e->only)
		return QT_OK;
	if ((er = buf_printf(out, "{\"id\":%lld", (long long)m->id)) == QT_OK &&
	    (er = put_member(out, "account", m->account)) == QT_OK &&
	    (er = put_member(out, "event_code", m->code)) == QT_OK &&
	    (er = put_member(out, "state", slice_of(queue_states[m->state]))) == QT_OK &&
	    (er = buf_printf(out, ",\"received\":%lld,\"attempts\":%lld,\"next\":",
	    (long long)m->received_ms, (long long)m->attempts)) == QT_OK &&
	    (er = m->state == QUEUE_PENDING ? buf_printf(out, "%lld", (long long)m->next_ms) :
	    buf_puts(out, "null")) == QT_OK &&
	    (er = put_member(out, "outcome", m->outcome)) == QT_OK &&
	    (er = put_member(out, "query", m->query)) == QT_OK &&
	    (er = put_member(out, "body", m->body)) == QT_OK)
		er = buf_puts(out, "}\n");
	return er;
}

static enum qt_err
export_page(struct db *db, void *arg)
{
	struct exporting	*e = arg;

	e->out.len = 0;
	e->rows = 0;
	return queue_list(db, e->after_id, DESK_PAGE, export_row, e);
}

/* False: that is no state that can be asked for. */
static bool
read_state(enum queue_state *state, int argc, char **argv)
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
queueexport_run(struct desk *d, int argc, char **argv)
{
	struct exporting	 e = { .after_id = 0 };
	bool			 good;

	if (!read_state(&e.only, argc, argv))
		return cmd_usage("queue export");
	while ((good = desk_do(d, STORE_READ, export_page, &e))) {
		desk_print(&e.out);
		e.after_id = e.last_id;
		if (e.rows < DESK_PAGE || ferror(stdout))
			break;
	}
	buf_free(&e.out);
	return good && !ferror(stdout) ? CMD_DONE : CMD_WRONG;
}
