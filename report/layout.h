/*
 * layout.h: the parts of the report's page: frame, links, sections.
 *
 * They are made from questions, arguments and tables, and use neither the request nor the store.
 */
#ifndef REPORT_LAYOUT_H
#define REPORT_LAYOUT_H

#include "core/calendar.h"
#include "core/conf.h"
#include "report/cell.h"

/* The page that is written. */
struct layout {
	struct html			 html;
	enum language			 language;
	const char			*base;	/* URL of the overview's directory, "../" */
	const struct conf		*conf;
	const struct report_question	*all;	/* questions_table[] */
	const struct report_question	*q;	/* NULL: the overview */
	const struct report_args	*args;
	int64_t				 now_s;
	char				 kept[CALENDAR_DAY_TEXT]; /* see questions_kept_from() */
	bool				 is_empty;	/* the store has no event */
};

/* Stands for the overview where a question is needed: it has no options. */
extern const struct report_question	layout_overview;

/* Writes the text for a key of report/i18n.h. */
void					layout_put_text(struct layout *l, const char *key);

/* Write the page up to its heading, and its end. */
void					layout_open(struct layout *l);
void					layout_close(struct layout *l);

/*
 * Writes a URL of the report, relative to this page, for an attribute: of a question (NULL: the
 * overview) with these arguments.  ending: ".csv", ".json" or "".
 */
void					layout_link(struct layout *l,
    const struct report_question *q,
					    const struct report_args *args, const char *ending);

/* Says which is the first day that is kept, if the period begins before it. */
void					layout_kept(struct layout *l);

/* Says where the data come from, and what to do if the store is empty. */
void					layout_source(struct layout *l);

/* Writes the section of an answer: description, chart, table, and links to it as data. */
void					layout_answer(struct layout *l,
    const struct report_answer *a);

/* Lists the analysis models with their descriptions. */
void					layout_models(struct layout *l);

/* Says that there is no such page, and lists the models. */
void					layout_not_found(struct layout *l);

#endif
