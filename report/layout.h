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
struct layout {
	struct html			 h;
	enum language			 l;
	const char			*up;	/* what leads from here beside the overview: "", "../" */
	const struct conf		*c;
	const struct report_question	*all;	/* questions_table[] */
	const struct report_question	*q;	/* NULL: the overview */
	const struct report_args	*args;
	int64_t				 now_s;
	char				 kept[CALENDAR_DAY_TEXT]; /* days before it are forgotten; "": none */
};

/* A question of the page; without a table the question could not be answered. */
struct layout_asked {
	const struct report_question	*q;
	const struct report_args	*args;
	const struct table		*t;
};

/* What the overview is asked for: it has no options. */
extern const struct report_question	layout_overview;

/* From the first byte to the heading and back. */
void					layout_open(struct layout *v);
void					layout_close(struct layout *v);

/*
 * An address within the report, from here: of the question (NULL: the overview) with the ending
 * (".csv"; ""), asked for the arguments.  For an attribute.
 */
void					layout_link(struct layout *v, const struct report_question *q, const struct report_args *args,
					    const char *ending);

/* From which day on there is anything, if that is not the whole period. */
void					layout_kept(struct layout *v);

/* A question's answer: what it says, chart, table, and links to it as data. */
void					layout_answer(struct layout *v, const struct layout_asked *asked);

/* The models, each with what it is good for. */
void					layout_models(struct layout *v);

/* A page that is none. */
void					layout_lost(struct layout *v);

#endif
