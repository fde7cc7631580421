/*
 * layout.h: the parts of the report's page.
 *
 * They are made of questions, arguments and tables, and know neither requests nor the store.
 */
#ifndef REPORT_LAYOUT_H
#define REPORT_LAYOUT_H

#include "core/calendar.h"
#include "core/conf.h"
#include "report/cell.h"

/* The page at hand. */
struct view {
	struct html			 h;
	enum language			 l;
	const char			*up;	/* what leads from here beside the overview: "", "../" */
	const struct conf		*c;
	const struct report_question	*all;	/* report_questions[] */
	const struct report_question	*q;	/* NULL: the overview */
	const struct report_args	*args;
	int64_t				 now_s;
	char				 kept[DAY_TEXT]; /* days before it are forgotten; "": none */
};

/* A question of the page; without a table the question could not be answered. */
struct view_asked {
	const struct report_question	*q;
	const struct report_args	*args;
	const struct table		*t;
};

/* What the overview is asked for: it has no options. */
extern const struct report_question	view_overview;

/* From the first byte to the heading and back. */
void	view_open(struct view *v);
void	view_close(struct view *v);

/*
 * An address within the report, from here: of the question (NULL: the overview) with the ending
 * (".csv"; ""), asked for the arguments.  For an attribute.
 */
void	view_link(struct view *v, const struct report_question *q, const struct report_args *args,
	    const char *ending);

/* From which day on there is anything, if that is not the whole period. */
void	view_kept(struct view *v);

/* A question's answer: what it says, chart, table, and links to it as data. */
void	view_answer(struct view *v, const struct view_asked *asked);

/* The models, each with what it is good for. */
void	view_models(struct view *v);

/* A page that is none. */
void	view_lost(struct view *v);

#endif
