/*
 * questions.h: the questions that can be asked of what the store knows.
 *
 * A question is a row of a table: one SQL statement, which is a file in sql/ that can be
 * run by hand, and what its columns mean.  All of them know
 *
 *	:account	path, name or AppID of an official account; NULL: all
 *	:from, :to	first and last day, "YYYY-MM-DD", in China (UTC+8); NULL: the last 30
 *
 * and some have options of their own.
 */
#ifndef REPORT_QUESTIONS_H
#define REPORT_QUESTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "core/calendar.h"
#include "core/conf.h"
#include "state/db.h"
#include "state/table.h"

enum report_kind {
	REPORT_DAY,	/* YYYY-MM-DD */
	REPORT_CODE,	/* QT's event code; NULL: an event that QT's table does not have */
	REPORT_TEXT,	/* as it came, from anybody */
	REPORT_COUNT,
	REPORT_SHARE,	/* 0 to 1 */
	REPORT_SECONDS,	/* a span of time */
	REPORT_MS,
	REPORT_TIME	/* epoch seconds */
};

struct report_column {
	const char		*name;
	enum report_kind	 kind;
};

struct report_option {
	const char	*name;		/* of the SQL's parameter, without colon */
	const char	*dflt;
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_CODE, OPTION_CODES } kind;	/* CODES: a, b, c */
	int64_t		 min, max;	/* of a number */
	const char	*choices;	/* of a text: "a b c"; NULL: it may be anything */
};

/* How a picture is made of the columns. */
enum report_chart {
	CHART_NONE,
	CHART_DAYS,	/* columns: day, series (a code or text), number */
	CHART_SERIES,	/* columns: day, then a number for each series */
	CHART_BARS,	/* columns: one label or more, then a number; further ones are not drawn */
	CHART_FUNNEL,	/* columns: step, code, devices, ... */
	CHART_HEAT,	/* columns: day, size, n, devices, share */
	CHART_FLOW	/* columns: step, from, to, number */
};

enum { REPORT_COLUMNS_MAX = 13, REPORT_OPTIONS_MAX = 7, REPORT_VALUE_MAX = 256 };

struct report_question {
	const char			*name;	/* in URLs and on the command line */
	bool				 model;	/* an analysis model; else part of the overview */
	const char			*sql;	/* NULL: asked elsewhere (health) */
	enum report_chart		 chart;
	struct report_column		 columns[REPORT_COLUMNS_MAX];	/* ended by name NULL */
	struct report_option		 options[REPORT_OPTIONS_MAX];	/* ended by name NULL */
};

extern const struct report_question	 questions_table[];	/* ended by name NULL */

/* NULL: there is none of that name. */
const struct report_question *questions_find(struct slice name);

/* What is asked for, checked. */
struct report_args {
	char	 account[REPORT_VALUE_MAX];	/* "": all */
	char	 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	char	 option[REPORT_OPTIONS_MAX][REPORT_VALUE_MAX];	/* as the question has them */
};

/* The last 30 days, today (now_s, in China) included; all accounts; a question's defaults. */
void		 questions_defaults(struct report_args *a, const struct report_question *q,
		    int64_t now_s);

/*
 * Sets one argument by name ("account", "from", "to" or an option).  NULL: it is set, or is
 * none of the question's and is ignored; else what is wrong with it, in a few words.  Codes
 * may lack their "$$_", which a shell takes for its own; "follow", "unfollow" and "scan" will
 * do for three long ones.
 */
const char	*questions_set(struct report_args *a, const struct report_question *q,
		    const char *name, struct slice value);

/* NULL, or what is wrong with the period when all is set. */
const char	*questions_period(const struct report_args *a);

/*
 * Asks.  db: a connection of its own, since a question may take a second.  ERR_STORE: see
 * db_why(); ERR_REQUEST: see questions_period().
 */
enum error	 questions_ask(struct table *t, struct db *db, const struct conf *c,
		    const struct report_question *q, const struct report_args *a);

/*
 * The first day whose events are not forgotten (collect_days), where a period begins before it;
 * else "".
 */
enum error	 questions_kept_from(char day[CALENDAR_DAY_TEXT], struct db *db, const struct report_args *a);

/*
 * A connection for questions, which does not hold up the store's work; the store is made and
 * migrated if need be.  A statement that runs after until_ms (monotonic) fails.  NULL: it
 * cannot be had, why has the reason.
 */
struct store;
struct db	*questions_open(const struct settings *set, struct store *store, int64_t until_ms,
		    char *why, size_t size);

#endif
