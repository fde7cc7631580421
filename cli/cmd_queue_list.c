#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/term.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "forwarder/breaker.h"
#include "state/queue.h"

enum {
	CELL_MAX = 200,			/* columns of the terminal for one value at most */
	NEXT_TEXT = FORMAT_SPAN + 16	/* bytes */
};

enum column { ID, ACCOUNT, EVENT, STATE, AGE, ATTEMPTS, NEXT, OUTCOME, COLUMNS };

static const struct {
	const char	*name;
	bool		 right;		/* aligned to the right */
} columns[COLUMNS] = {
	[ID]		= { "id", true },
	[ACCOUNT]	= { "account", false },
	[EVENT]		= { "event", false },
	[STATE]		= { "state", false },
	[AGE]		= { "age", true },
	[ATTEMPTS]	= { "attempts", true },
	[NEXT]		= { "next", false },
	[OUTCOME]	= { "last outcome", false },
};

struct cell {
	size_t	 at, len;	/* bytes of the page's text */
	int	 used;		/* columns of the terminal */
};

/* SESSION_PAGE rows of the table.  The widths of columns grow from page to page. */
struct page {
	struct session	*session;
	const char	*relay;		/* the name of a relay: its messages alone; NULL: all */
	int64_t		 after_id;	/* the page begins after that id */
	int64_t		 now_ms;
	struct buf	 text, line, cut;
	struct cell	 cell[SESSION_PAGE][COLUMNS];
	int		 rows;
	int		 read;		/* rows that were looked at */
	int		 width[COLUMNS];
	int64_t		 last_id;
	int64_t		 pending, dead;
	int64_t		 of_page[QUEUE__MAX];	/* with a relay: messages of this page by state */
	bool		 has_orphan;	/* the account of a row is not in the configuration */
};

static enum error
append_page_cell(struct page *p, enum column col, struct slice text)
{
	struct cell	*c = &p->cell[p->rows][col];
	enum error	 er;

	c->at = p->text.len;
	er = format_line(&p->text, &c->used, text, CELL_MAX);
	c->len = p->text.len - c->at;
	return er;
}

static enum error
append_page_number(struct page *p, enum column col, int64_t n)
{
	char	 text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)n);
	return append_page_cell(p, col, slice_of(text));
}

/* Writes when the message may be sent, for the column "next". */
static void
write_next(struct page *p, char text[NEXT_TEXT], const struct queue_message *m)
{
	const struct account	*a = conf_destination(p->session->services.conf, m->account);
	char			 span[FORMAT_SPAN];
	int64_t			 probe_ms;

	if (m->state != QUEUE_PENDING) {
		(void)snprintf(text, NEXT_TEXT, "-");
	} else if (p->session->usable && a == NULL) {
		(void)snprintf(text, NEXT_TEXT, "%s", lang_text("no account"));
		p->has_orphan = true;
	} else if (p->session->usable &&
	    breaker_gate(p->session->services.breakers, a, &probe_ms) == GATE_STOPPED) {
		(void)snprintf(text, NEXT_TEXT, "%s", lang_text("stopped"));
	} else if (m->next_ms <= p->now_ms) {
		(void)snprintf(text, NEXT_TEXT, "%s", lang_text("now"));
	} else {
		format_span(span, m->next_ms - p->now_ms + 999);
		(void)snprintf(text, NEXT_TEXT, lang_text("in %s"), span);
	}
}

/* True: the path of a destination is "ACCOUNT/RELAY" with that relay. */
static bool
is_of_relay(struct slice path, const char *relay)
{
	const size_t	 len = strlen(relay);

	return path.len > len && path.p[path.len - len - 1] == '/' &&
	    memcmp(path.p + path.len - len, relay, len) == 0;
}

static enum error
append_message_row(void *ctx, const struct queue_message *m)
{
	struct page	*p = ctx;
	char		 age[FORMAT_SPAN], next[NEXT_TEXT];
	enum error	 er;

	p->last_id = m->id;
	p->read++;
	if (p->relay != NULL && !is_of_relay(m->account, p->relay))
		return ERR_OK;

	format_span(age, p->now_ms - m->received_ms);
	write_next(p, next, m);
	if ((er = append_page_number(p, ID, m->id)) == ERR_OK &&
	    (er = append_page_cell(p, ACCOUNT, session_or_dash(m->account))) == ERR_OK &&
	    (er = append_page_cell(p, EVENT, session_or_dash(m->code))) == ERR_OK &&
	    (er = append_page_cell(p, STATE,
	    slice_of(lang_text(queue_states[m->state])))) == ERR_OK &&
	    (er = append_page_cell(p, AGE, slice_of(age))) == ERR_OK &&
	    (er = append_page_number(p, ATTEMPTS, m->attempts)) == ERR_OK &&
	    (er = append_page_cell(p, NEXT, slice_of(next))) == ERR_OK)
		er = append_page_cell(p, OUTCOME, session_or_dash(m->outcome));
	p->rows++;
	p->of_page[m->state]++;
	return er;
}

static enum error
read_queue_page(struct db *db, void *arg)
{
	struct page	*p = arg;
	enum error	 er = ERR_OK;

	p->text.len = 0;
	p->rows = p->read = 0;
	memset(p->of_page, 0, sizeof(p->of_page));
	p->now_ms = clock_wall_ms();
	if (p->session->services.breakers != NULL)
		er = breaker_load(db, p->session->services.breakers);
	if (er == ERR_OK && p->relay == NULL &&
	    (er = queue_count(db, QUEUE_PENDING, &p->pending)) == ERR_OK)
		er = queue_count(db, QUEUE_DEAD, &p->dead);
	if (er == ERR_OK)
		er = queue_list(db, p->after_id, SESSION_PAGE, append_message_row, p);
	return er;
}

/* Prints a row of the table; row -1 is the line of names. */
static void
print_page_row(struct page *p, int row)
{
	int		 width = term_width(STDOUT_FILENO), used, gap = 0;
	struct slice	 text;
	enum column	 col;
	enum error	 er;

	p->line.len = 0;
	for (er = ERR_OK, col = 0; col < COLUMNS && er == ERR_OK; col++) {
		text = slice_of(lang_text(columns[col].name));
		used = format_columns(text);
		if (row >= 0) {
			text = (struct slice){ p->text.p + p->cell[row][col].at,
			    p->cell[row][col].len };
			used = p->cell[row][col].used;
		}
		if (columns[col].right)
			gap += p->width[col] - used;
		if ((er = term_blanks(&p->line, gap)) == ERR_OK)
			er = buf_put(&p->line, text.p, text.len);
		gap = 2 + (columns[col].right ? 0 : p->width[col] - used);
	}
	text = buf_slice(&p->line);
	if (width != 0) {
		p->cut.len = 0;
		(void)format_line(&p->cut, NULL, text, width);
		text = buf_slice(&p->cut);
	}
	(void)printf("%.*s\n", (int)text.len, text.p);
}

static void
print_page(struct page *p, bool first)
{
	enum column	 col;
	int		 i, least;

	for (col = 0; col < COLUMNS; col++) {
		least = format_columns(slice_of(lang_text(columns[col].name)));
		if (least > p->width[col])
			p->width[col] = least;
		for (i = 0; i < p->rows; i++)
			if (p->cell[i][col].used > p->width[col])
				p->width[col] = p->cell[i][col].used;
	}
	if (first)
		print_page_row(p, -1);
	for (i = 0; i < p->rows; i++)
		print_page_row(p, i);
}

/* Reads the arguments.  False: they are wrong. */
static bool
read_list(struct page *p, bool *all, int argc, char **argv)
{
	int	 i;

	*all = false;
	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--all") == 0)
			*all = true;
		else if (strcmp(argv[i], "--relay") == 0 && i + 1 < argc && p->relay == NULL)
			p->relay = argv[++i];
		else
			return false;
	return true;
}

/* False: no account has a relay of that name, and stderr says so. */
static bool
has_relay(const struct session *session, const char *name)
{
	const struct conf	*c = session->services.conf;
	size_t			 i;

	for (i = c->n; i < conf_destinations(c); i++)
		if (strcmp(conf_relay(c, &c->accounts[i])->name, name) == 0)
			return true;
	(void)fprintf(stderr, lang_text("qtoa: there is no relay %s; qtoa config shows the "
	    "relays\n"), name);
	return false;
}

static void
print_queue_summary(const struct page *p, bool all)
{
	const struct services	*services = &p->session->services;

	if (p->pending + p->dead == 0)
		(void)printf(lang_text("the queue is empty\n"));
	else
		(void)printf(lang_text("%lld pending, %lld dead%s\n"), (long long)p->pending,
		    (long long)p->dead, !all && p->pending + p->dead > p->rows ?
		    lang_text("; these are the first, all of them with: qtoa queue list --all") :
		    "");
	if (p->has_orphan)
		(void)printf(lang_text("no account: the configuration has no account of that "
		    "path; its messages wait until you add it again, or run: qtoa queue drop "
		    "ID\n"));
	if (services->breakers != NULL)
		session_say_trouble(stdout, services->conf, services->breakers);
}

int
cmd_queue_list_run(struct session *session, int argc, char **argv)
{
	struct page	*p;
	bool		 all, first = true, good = true;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return CLI_WRONG;
	p->session = session;
	if (!read_list(p, &all, argc, argv)) {
		free(p);
		return cli_usage("queue list");
	}
	if (p->relay != NULL && session->usable && !has_relay(session, p->relay)) {
		free(p);
		return CLI_WRONG;
	}
	/* The messages of one relay may be anywhere among the others. */
	do {
		p->after_id = p->last_id;
		good = session_do(session, STORE_READ, read_queue_page, p);
		if (good && p->rows != 0) {
			print_page(p, first);
			first = false;
		}
		if (p->relay != NULL) {
			p->pending += p->of_page[QUEUE_PENDING];
			p->dead += p->of_page[QUEUE_DEAD];
		}
	} while (good && p->read == SESSION_PAGE && (all || p->relay != NULL));
	if (good)
		print_queue_summary(p, all || p->relay != NULL);
	buf_free(&p->text);
	buf_free(&p->line);
	buf_free(&p->cut);
	free(p);
	return good ? CLI_DONE : CLI_WRONG;
}
