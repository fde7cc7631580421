#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "report/form.h"
#include "report/i18n.h"
#include "report/layout.h"
#include "report/page.h"
#include "report/questions.h"
#include "report/style.h"
#include "report/summary.h"
#include "state/table.h"

enum form { PAGE_HTML, PAGE_JSON, PAGE_CSV };

enum { ASKED_MAX = 24, WRONG_MAX = 160 };

/* A request, understood. */
struct work {
	const struct page_request	*r;
	const struct conf		*conf;
	struct page_reply		*reply;
	enum form			 form;
	bool				 lost;	/* there is no such page */
	char				 wrong[WRONG_MAX];	/* with the arguments */
	size_t				 n;	/* questions */
	const struct report_question	*q[ASKED_MAX];
	struct report_args		 args[ASKED_MAX];
	struct table			 table[ASKED_MAX];
	bool				 answered[ASKED_MAX];
	char				 up[64];
	struct layout			 view;
};

/*
 * Where.
 */

/* What follows PAGE_PATH, absent without it. */
static struct slice
rest_of(struct slice path)
{
	size_t	 len = sizeof(PAGE_PATH) - 1, i;

	for (i = path.len; i >= len; i--)
		if (memcmp(path.p + i - len, PAGE_PATH, len) == 0 &&
		    (i == path.len || path.p[i] == '/'))
			return (struct slice){ path.p + i, path.len - i };
	return (struct slice){ NULL, 0 };
}

bool
page_is(struct slice path)
{
	return path.p != NULL && rest_of(path).p != NULL;
}

/* From "/a/b" to what "report" is in: a step up for each slash. */
static void
find_up(struct work *w, struct slice rest)
{
	static const char	 step[] = "../";
	size_t			 i, len = 0;

	for (i = 0; i < rest.len; i++)
		if (rest.p[i] == '/' && len + sizeof(step) <= sizeof(w->up)) {
			memcpy(w->up + len, step, sizeof(step));
			len += sizeof(step) - 1;
		}
}

static void
cut_ending(struct work *w, struct slice *name)
{
	static const struct {
		const char	*ending;
		enum form	 form;
	} endings[] = { { ".json", PAGE_JSON }, { ".csv", PAGE_CSV } };
	size_t	 i, len;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		len = strlen(endings[i].ending);
		if (name->len > len &&
		    memcmp(name->p + name->len - len, endings[i].ending, len) == 0) {
			name->len -= len;
			w->form = endings[i].form;
			return;
		}
	}
}

/* The page's questions, or none: w->lost. */
static void
find_page(struct work *w)
{
	const struct report_question	*q;
	struct slice			 rest = rest_of(w->r->path);

	find_up(w, rest);
	if (rest.len <= 1) {
		for (q = questions_table; q->name != NULL && w->n < ASKED_MAX; q++)
			if (!q->model || summary_needs(q))
				w->q[w->n++] = q;
		return;
	}
	rest.p++;
	rest.len--;
	cut_ending(w, &rest);
	if ((q = questions_find(rest)) != NULL) {
		w->view.q = q;
		w->q[w->n++] = q;
	}
	w->lost = q == NULL;
	if (w->lost)
		w->form = PAGE_HTML;
}

/*
 * What is asked for.
 */

static void
note_error(struct work *w, const char *name, enum questions_error error)
{
	enum language	 l = w->view.l;

	if (strcmp(name, "from") == 0)
		name = "period_from";
	if (strcmp(name, "to") == 0)
		name = "period_to";
	if (*w->wrong == '\0')
		(void)snprintf(w->wrong, sizeof(w->wrong), "%.64s: %s", i18n_text(l, name),
		    i18n_error(l, error));
}

static void
set(struct work *w, size_t i, const char *name, struct slice value)
{
	enum questions_error	 error = questions_set(&w->args[i], w->q[i], name, value);

	if (error != QUESTIONS_OK)
		note_error(w, name, error);
}

/* A list may come piece by piece: the form has a field for each. */
static void
set_list(struct work *w, size_t i, const char *name)
{
	const struct query	*query = w->r->query;
	char			 list[2 * REPORT_VALUE_MAX] = "";
	size_t			 k, len = 0;

	for (k = 0; k < query->n; k++) {
		if (!slice_is(query->p[k].name, name) || query->p[k].value.len == 0)
			continue;
		if (query->p[k].value.len > sizeof(list) - len - 1) {
			note_error(w, name, QUESTIONS_LONG);
			return;
		}
		if (len != 0)
			list[len++] = ',';
		memcpy(list + len, query->p[k].value.p, query->p[k].value.len);
		len += query->p[k].value.len;
	}
	if (len != 0)
		set(w, i, name, (struct slice){ list, len });
}

static void
set_one(struct work *w, size_t i, const char *name, bool may_be_empty)
{
	const struct query	*query = w->r->query;
	size_t			 k;

	for (k = 0; k < query->n; k++)
		if (slice_is(query->p[k].name, name) && (may_be_empty ||
		    query->p[k].value.len != 0))
			set(w, i, name, query->p[k].value);
}

/* The arguments of one question.  An empty field of the form is as if it were not there. */
static void
set_all(struct work *w, size_t i)
{
	const struct report_option	*o = w->q[i]->options;
	enum questions_error		 error;
	size_t				 k;

	questions_defaults(&w->args[i], w->q[i], w->view.now_s);
	set_one(w, i, "account", true);
	set_one(w, i, "from", false);
	set_one(w, i, "to", false);
	for (k = 0; k < REPORT_OPTIONS_MAX && o[k].name != NULL; k++)
		switch (o[k].kind) {
		case OPTION_CODES:
			set_list(w, i, o[k].name);
			break;
		case OPTION_CODE:
		case OPTION_TEXT:
			set_one(w, i, o[k].name, true);
			break;
		case OPTION_NUMBER:
			set_one(w, i, o[k].name, false);
			break;
		}
	if ((error = questions_check_period(&w->args[i])) != QUESTIONS_OK)
		note_error(w, "period", error);
}

static void
read_arguments(struct work *w)
{
	size_t	 i;

	for (i = 0; i < w->n; i++)
		set_all(w, i);
	if (w->n == 0) {
		w->q[0] = &layout_overview;
		questions_defaults(&w->args[0], &layout_overview, w->view.now_s);
	}
	w->view.args = &w->args[0];
}

/*
 * The answer.
 */

/* On a page with many questions those that can be answered are. */
static enum error
ask(struct work *w, struct store *s, char *why, size_t size)
{
	struct db	*db;
	enum error	 er = ERR_OK;
	size_t		 i, n = 0;

	if ((db = questions_open(&w->conf->set, s, w->r->deadline_ms, why, size)) == NULL)
		return ERR_STORE;
	for (i = 0; i < w->n && er != ERR_NOMEM; i++) {
		er = questions_ask(&w->table[i], db, w->conf, w->q[i], &w->args[i]);
		w->answered[i] = er == ERR_OK;
		n += er == ERR_OK;
	}
	(void)questions_kept_from(w->view.kept, db, w->view.args);
	if (er == ERR_STORE)
		(void)snprintf(why, size, "%s", db_why(db));
	if (er == ERR_STORE && n != 0)
		er = ERR_OK;
	db_close(db);
	return er;
}

static void
put_answers(struct work *w)
{
	struct layout_asked	 asked[ASKED_MAX];
	size_t			 i;

	for (i = 0; i < w->n; i++)
		asked[i] = (struct layout_asked){ w->q[i], &w->args[i],
		    w->answered[i] ? &w->table[i] : NULL };
	layout_kept(&w->view);
	if (w->view.q == NULL)
		summary_put(&w->view, asked, w->n);
	html_raw(&w->view.h, "<div class=\"answers\">");
	for (i = 0; i < w->n; i++)
		if (w->view.q != NULL || !w->q[i]->model)
			layout_answer(&w->view, &asked[i]);
	if (w->view.q == NULL)
		layout_models(&w->view);
	html_raw(&w->view.h, "</div>");
}

static enum error
put_page(struct work *w)
{
	struct layout	*v = &w->view;

	w->reply->type = "text/html; charset=utf-8";
	w->reply->headers = style_headers[v->l];
	layout_open(v);
	if (w->lost) {
		layout_lost(v);
	} else {
		form_put(v, w->wrong);
		if (*w->wrong == '\0')
			put_answers(w);
	}
	layout_close(v);
	return v->h.er;
}

/* The table for other programs; what is wrong with the question as text. */
static enum error
put_data(struct work *w)
{
	struct buf	*out = w->view.h.out;

	w->reply->headers = STYLE_DATA;
	if (*w->wrong != '\0') {
		w->reply->type = "text/plain; charset=utf-8";
		return buf_printf(out, "%s\n", w->wrong);
	}
	if (w->form == PAGE_JSON) {
		w->reply->type = "application/json";
		return table_json(out, &w->table[0]);
	}
	w->reply->headers = STYLE_DATA "Content-Disposition: attachment\r\n";
	w->reply->type = "text/csv; charset=utf-8";
	return table_csv(out, &w->table[0]);
}

static enum error
make(struct work *w, struct store *s, char *why, size_t size)
{
	enum error	 er;

	w->view.l = i18n_language(w->r->language);
	w->view.now_s = clock_wall_ms() / 1000;
	w->view.up = w->up;
	w->view.c = w->conf;
	w->view.all = questions_table;
	find_page(w);
	read_arguments(w);
	w->reply->status = w->lost ? 404 : *w->wrong != '\0' ? 400 : 200;
	if (w->reply->status == 200 && (er = ask(w, s, why, size)) != ERR_OK)
		return er;
	return w->form == PAGE_HTML ? put_page(w) : put_data(w);
}

enum error
page_make(struct page_reply *r, struct buf *out, const struct conf *c, struct store *s,
    const struct page_request *q, char *why, size_t size)
{
	struct work	*w;
	enum error	 er;
	size_t		 i;

	*why = '\0';
	buf_reset(out);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return ERR_NOMEM;
	*r = (struct page_reply){ 0 };
	w->r = q;
	w->conf = c;
	w->reply = r;
	w->view.h.out = out;
	er = make(w, s, why, size);
	for (i = 0; i < ASKED_MAX; i++)
		table_free(&w->table[i]);
	free(w);
	return er;
}
