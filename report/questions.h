/*
 * questions.h: the questions about the data in the store, which the report answers.
 *
 * A question is a row of a table: an SQL statement, and a description of its columns and options.
 * The statements are files in sql/, which can also be run by hand.  All questions know
 *
 *	:account	path, name or AppID of an official account; NULL: all accounts
 *	:from, :to	first and last day, "YYYY-MM-DD", in China (UTC+8); NULL: the last 30 days
 *
 * and some have options of their own.  For dialects that need numbers, :from_day, :to_day and
 * :today are days since 1970-01-01.
 *
 * The order of events is that of their times, and within a second that of their ids.  In the store
 * of one host that is the order of arrival.  Hosts that share a store get ids at the same time, so
 * there it is any order, but the same one for all questions.
 */
#ifndef REPORT_QUESTIONS_H
#define REPORT_QUESTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "core/calendar.h"
#include "core/conf.h"
#include "state/db.h"
#include "state/table.h"

/* The kinds of values in a column. */
enum report_kind {
	REPORT_DAY,	/* YYYY-MM-DD */
	REPORT_CODE,	/* QT's event code; NULL: an event that QT's table does not have */
	REPORT_TEXT,	/* text of users, of WeChat, or of the configuration */
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
	const char	*name;		/* of the SQL parameter, without its colon */
	const char	*dflt;		/* NULL: not set */
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_CODE, OPTION_CODES } kind;	/* CODES: a,b,c */
	int64_t		 min, max;	/* of a number */
	const char	*choices;	/* of a text: "a b c"; NULL: any text */
};

/* The picture that shows the answer. */
enum report_chart {
	CHART_NONE,
	CHART_DAYS,	/* columns: day, series (a code or text), number */
	CHART_SERIES,	/* columns: day, then a number for each series */
	CHART_BARS,	/* columns: labels, then a number, then columns that have no bars */
	CHART_FUNNEL,	/* columns: step, code, devices, ... */
	CHART_HEAT,	/* columns: day, size, n, devices, share */
	CHART_FLOW	/* columns: step, from, to, number */
};

enum { REPORT_COLUMNS_MAX = 13, REPORT_OPTIONS_MAX = 7, REPORT_VALUE_MAX = 256 };

struct report_question {
	const char			*name;	/* in URLs and on the command line */
	bool				 model;	/* an analysis model; false: for the overview */
	const struct db_texts		*sql;	/* NULL: report/delivery_stats.h answers `health`,
						   report/reply_stats.h `replies` */
	enum report_chart		 chart;
	struct report_column		 columns[REPORT_COLUMNS_MAX];	/* ended by name NULL */
	struct report_option		 options[REPORT_OPTIONS_MAX];	/* ended by name NULL */
};

extern const struct report_question	 questions_table[];	/* ended by name NULL */

/* QT's event codes (xmlmap.c), the most useful ones first; ended by NULL. */
extern const char *const		 questions_codes[];

/* NULL: no question has this name. */
const struct report_question *questions_find(struct slice name);

/* The arguments of a question, which have been checked. */
struct report_args {
	char	 account[REPORT_VALUE_MAX];	/* "": all accounts */
	char	 from[CALENDAR_DAY_TEXT], to[CALENDAR_DAY_TEXT];
	char	 option[REPORT_OPTIONS_MAX][REPORT_VALUE_MAX];	/* in the question's order */
};

/* Sets the defaults: all accounts, the last 30 days with today (now_s), the question's options. */
void		 questions_defaults(struct report_args *a, const struct report_question *q,
		    int64_t now_s);

/* What is wrong with an argument.  i18n_error() has the texts. */
enum questions_error {
	QUESTIONS_OK,
	QUESTIONS_NOT_DAY,
	QUESTIONS_NOT_UTF8,
	QUESTIONS_CONTROL,		/* it has control characters */
	QUESTIONS_LONG,			/* REPORT_VALUE_MAX bytes or more */
	QUESTIONS_NOT_CHOICE,
	QUESTIONS_NOT_NUMBER,
	QUESTIONS_RANGE,		/* under min or over max */
	QUESTIONS_NOT_CODE,
	QUESTIONS_ORDER,		/* from is later than to */
	QUESTIONS_PERIOD,		/* more than 3660 days */
	QUESTIONS_ERROR__MAX
};

/*
 * Sets an argument by its name ("account", "from", "to" or an option).  A name that the question
 * does not have is ignored.  A code may be given without its "$$_", which a shell would expand, and
 * three long codes have short names: follow, unfollow, scan.
 */
enum questions_error	 questions_set(struct report_args *a, const struct report_question *q,
			    const char *name, struct slice value);

/*
 * The code or short name that is nearest to the first code of a list that is not one.  NULL: there
 * is no such code, or no name is near.
 */
const char		*questions_nearest_code(struct slice list);

/* Checks the period once all arguments are set. */
enum questions_error	 questions_check_period(const struct report_args *a);

/*
 * Answers a question.  db: a connection of questions_open(), since the answer may take a second.
 * ERR_STORE: see db_why(); ERR_REQUEST: the period is wrong.
 */
enum error		 questions_ask(struct table *t, struct db *db, const struct conf *c,
			    const struct report_question *q, const struct report_args *a);

/*
 * Sets day to the first day whose events are not yet deleted (collect_days), if the period begins
 * before it; else to "".
 */
enum error		 questions_kept_from(char day[CALENDAR_DAY_TEXT], struct db *db,
			    const struct report_args *a);

/* True: the store has no event at all. */
bool			 questions_have_nothing(struct db *db);

/*
 * Opens a connection for questions, on which other work with the store does not have to wait.  If
 * need be, the store is created and migrated.  Statements that run after until_ms (monotonic) fail.
 * NULL: it failed, and why has the reason.  The caller calls db_close().
 */
struct store;
struct db	*questions_open(const struct settings *set, struct store *store, int64_t until_ms,
		    char *why, size_t size);

#endif
