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

enum page_format { PAGE_HTML, PAGE_JSON, PAGE_CSV };

enum { ASKED_MAX = 24, WRONG_MAX = 160 };

/* A page while it is made. */
struct page_work {
	const struct page_request	*r;
	const struct conf		*conf;
	struct page_reply		*reply;
	enum page_format		 format;
	bool				 not_found;
	char				 wrong[WRONG_MAX];	/* the first error; "" */
	size_t				 n;	/* number of questions */
	const struct report_question	*q[ASKED_MAX];
	struct report_args		 args[ASKED_MAX];
	struct table			 table[ASKED_MAX];
	bool				 answered[ASKED_MAX];
	char				 base[64];
	struct layout			 layout;
};

/*
 * The path of the URL.
 */

/* The part of a path after PAGE_PATH; absent: PAGE_PATH is not in it. */
static struct slice
subpath_of(struct slice path)
{
	size_t	 len = sizeof(PAGE_PATH) - 1, i;

	for (i = len; i <= path.len; i++)
		if (memcmp(path.p + i - len, PAGE_PATH, len) == 0 &&
		    (i == path.len || path.p[i] == '/'))
			return (struct slice){ path.p + i, path.len - i };
	return (struct slice){ NULL, 0 };
}

bool
page_is(struct slice path)
{
	return path.p != NULL && subpath_of(path).p != NULL;
}

/* Sets the relative URL from "report/a" to the directory of "report": "../" for each slash. */
static void
set_base(struct page_work *w, struct slice rest)
{
	static const char	 step[] = "../";
	size_t			 i, len = 0;

	for (i = 0; i < rest.len; i++)
		if (rest.p[i] == '/' && len + sizeof(step) <= sizeof(w->base)) {
			memcpy(w->base + len, step, sizeof(step));
			len += sizeof(step) - 1;
		}
}

/* Cuts ".json" or ".csv" off a name, and sets the format. */
static void
cut_format(struct page_work *w, struct slice *name)
{
	static const struct {
		const char	*ending;
		enum page_format format;
	} endings[] = { { ".json", PAGE_JSON }, { ".csv", PAGE_CSV } };
	size_t	 i, len;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		len = strlen(endings[i].ending);
		if (name->len > len &&
		    memcmp(name->p + name->len - len, endings[i].ending, len) == 0) {
			name->len -= len;
			w->format = endings[i].format;
			return;
		}
	}
}

/* Finds the questions of the page; w->not_found: there is no such page. */
static void
find_questions(struct page_work *w)
{
	const struct report_question	*q;
	struct slice			 rest = subpath_of(w->r->path);

	set_base(w, rest);
	if (rest.len <= 1) {
		for (q = questions_table; q->name != NULL && w->n < ASKED_MAX; q++)
			if (!q->model || summary_needs(q))
				w->q[w->n++] = q;
		return;
	}
	rest.p++;
	rest.len--;
	cut_format(w, &rest);
	if ((q = questions_find(rest)) != NULL) {
		w->layout.q = q;
		w->q[w->n++] = q;
	}
	w->not_found = q == NULL;
	if (w->not_found)
		w->format = PAGE_HTML;
}

/*
 * The arguments in the query.
 */

/* Keeps the first error of an argument as text. */
static void
note_error(struct page_work *w, const char *name, enum questions_error error)
{
	enum language	 l = w->layout.language;

	if (strcmp(name, "from") == 0)
		name = "period_from";
	if (strcmp(name, "to") == 0)
		name = "period_to";
	if (*w->wrong == '\0')
		(void)snprintf(w->wrong, sizeof(w->wrong), "%.64s: %s", i18n_text(l, name),
		    i18n_error(l, error));
}

static void
set_argument(struct page_work *w, size_t i, const char *name, struct slice value)
{
	enum questions_error	 error = questions_set(&w->args[i], w->q[i], name, value);

	if (error != QUESTIONS_OK)
		note_error(w, name, error);
}

/* Sets a list from all parameters with its name: the form has a field for each item. */
static void
set_list_argument(struct page_work *w, size_t i, const char *name)
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
		set_argument(w, i, name, (struct slice){ list, len });
}

/* Sets an argument from the parameters with its name. */
static void
set_named_argument(struct page_work *w, size_t i, const char *name, bool may_be_empty)
{
	const struct query	*query = w->r->query;
	size_t			 k;

	for (k = 0; k < query->n; k++)
		if (slice_is(query->p[k].name, name) && (may_be_empty ||
		    query->p[k].value.len != 0))
			set_argument(w, i, name, query->p[k].value);
}

/* Sets the arguments of one question.  Empty fields of a form mostly mean the default. */
static void
set_all_arguments(struct page_work *w, size_t i)
{
	const struct report_option	*o = w->q[i]->options;
	enum questions_error		 error;
	size_t				 k;

	questions_defaults(&w->args[i], w->q[i], w->layout.now_s);
	set_named_argument(w, i, "account", true);
	set_named_argument(w, i, "from", false);
	set_named_argument(w, i, "to", false);
	for (k = 0; k < REPORT_OPTIONS_MAX && o[k].name != NULL; k++)
		switch (o[k].kind) {
		case OPTION_CODES:
			set_list_argument(w, i, o[k].name);
			break;
		case OPTION_CODE:
		case OPTION_TEXT:
			set_named_argument(w, i, o[k].name, true);
			break;
		case OPTION_NUMBER:
			set_named_argument(w, i, o[k].name, false);
			break;
		}
	if ((error = questions_check_period(&w->args[i])) != QUESTIONS_OK)
		note_error(w, "period", error);
}

static void
set_question_arguments(struct page_work *w)
{
	size_t	 i;

	for (i = 0; i < w->n; i++)
		set_all_arguments(w, i);
	if (w->n == 0) {
		w->q[0] = &layout_overview;
		questions_defaults(&w->args[0], &layout_overview, w->layout.now_s);
	}
	w->layout.args = &w->args[0];
}

/*
 * The body of the reply.
 */

/* Answers the questions.  Of several, some may fail with ERR_STORE: the page shows the others. */
static enum error
ask_questions(struct page_work *w, struct store *s, char *why, size_t size)
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
	(void)questions_kept_from(w->layout.kept, db, w->layout.args);
	w->layout.is_empty = questions_have_nothing(db);
	if (er == ERR_STORE)
		(void)snprintf(why, size, "%s", db_why(db));
	if (er == ERR_STORE && n != 0)
		er = ERR_OK;
	db_close(db);
	return er;
}

static void
put_answer_sections(struct page_work *w)
{
	struct report_answer	 answers[ASKED_MAX];
	size_t			 i;

	for (i = 0; i < w->n; i++)
		answers[i] = (struct report_answer){ w->q[i], &w->args[i],
		    w->answered[i] ? &w->table[i] : NULL, w->layout.language };
	layout_source(&w->layout);
	layout_kept(&w->layout);
	if (w->layout.q == NULL)
		summary_put(&w->layout, answers, w->n);
	html_raw(&w->layout.html, "<div class=\"answers\">");
	for (i = 0; i < w->n; i++)
		if (w->layout.q != NULL || !w->q[i]->model)
			layout_answer(&w->layout, &answers[i]);
	if (w->layout.q == NULL)
		layout_models(&w->layout);
	html_raw(&w->layout.html, "</div>");
}

static enum error
put_html_page(struct page_work *w)
{
	struct layout	*l = &w->layout;

	w->reply->type = "text/html; charset=utf-8";
	w->reply->headers = style_headers[l->language];
	layout_open(l);
	if (w->not_found) {
		layout_not_found(l);
	} else {
		form_put(l, w->wrong);
		if (*w->wrong == '\0')
			put_answer_sections(w);
	}
	layout_close(l);
	return l->html.er;
}

/* Writes the table as data; if an argument is wrong, a line of text that says so. */
static enum error
put_table_data(struct page_work *w)
{
	struct buf	*out = w->layout.html.out;

	w->reply->headers = STYLE_DATA;
	if (*w->wrong != '\0') {
		w->reply->type = "text/plain; charset=utf-8";
		return buf_printf(out, "%s\n", w->wrong);
	}
	if (w->format == PAGE_JSON) {
		w->reply->type = "application/json";
		return table_json(out, &w->table[0]);
	}
	w->reply->headers = STYLE_DATA "Content-Disposition: attachment\r\n";
	w->reply->type = "text/csv; charset=utf-8";
	return table_csv(out, &w->table[0]);
}

static enum error
make_page(struct page_work *w, struct store *s, char *why, size_t size)
{
	enum error	 er;

	w->layout.language = i18n_language(w->r->language);
	w->layout.now_s = clock_wall_ms() / 1000;
	w->layout.base = w->base;
	w->layout.conf = w->conf;
	w->layout.all = questions_table;
	find_questions(w);
	set_question_arguments(w);
	w->reply->status = w->not_found ? 404 : *w->wrong != '\0' ? 400 : 200;
	if (w->reply->status == 200 && (er = ask_questions(w, s, why, size)) != ERR_OK)
		return er;
	return w->format == PAGE_HTML ? put_html_page(w) : put_table_data(w);
}

enum error
page_make(struct page_reply *r, struct buf *out, const struct conf *c, struct store *s,
    const struct page_request *q, char *why, size_t size)
{
	struct page_work	*w;
	enum error		 er;
	size_t			 i;

	*why = '\0';
	buf_reset(out);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return ERR_NOMEM;
	*r = (struct page_reply){ 0 };
	w->r = q;
	w->conf = c;
	w->reply = r;
	w->layout.html.out = out;
	er = make_page(w, s, why, size);
	for (i = 0; i < ASKED_MAX; i++)
		table_free(&w->table[i]);
	free(w);
	return er;
}
