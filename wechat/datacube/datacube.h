/*
 * datacube.h: WeChat's statistics interfaces ("Data cube", and "publisher/stat" for ads): their
 * list, the fields of their answers, and the days for which each must be asked.
 *
 * A table describes them: a new interface is a row, a new field of an answer is a field.  This
 * module does not use the store (datacube_tables.h) or the network (datacube_pull.h).
 *
 * The numbers of an interface are for units: days, weeks, months or halves of a month.  A unit is
 * known by the number of its first day.  Days are China's, numbered as in core/calendar.h.  The
 * numbers of a unit are ready at 08:00 on the day after its last day.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_H
#define WECHAT_DATACUBE_DATACUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum datacube_type { DATACUBE_INT, DATACUBE_TEXT, DATACUBE_REAL };

/* A column, and the member of WeChat's JSON object that fills it. */
struct datacube_field {
	const char		*name;
	enum datacube_type	 type;
	bool			 key;	/* part of the primary key; a missing value is 0 or "" */
	bool			 half;	/* instead of a member: the first day of the half of a
					   month that the members month and order name */
};

/* Fields that several tables share are written once, in groups. */
enum { DATACUBE_GROUPS = 4, DATACUBE_TABLES = 4 };

/*
 * A table of the store, "datacube_" and its name.  A list in WeChat's answer is a table, and an
 * element is a row.  A list inside an element is a table too; its rows have the keys of the
 * element before their own.  The first field of an interface's first table is the first day of
 * the unit.
 */
struct datacube_table {
	const char			*name;
	const char			*list;	/* the list; NULL: the answer is one row */
	size_t				 in;	/* index of the table whose rows have this list */
	const char			*merge;	/* an object in the row with more members of it */
	const struct datacube_field	*groups[DATACUBE_GROUPS];	/* ended by name NULL */
};

enum datacube_unit { DATACUBE_DAY, DATACUBE_WEEK, DATACUBE_MONTH, DATACUBE_HALF };

struct datacube_endpoint {
	const char		*name;
	bool			 ads;		/* publisher/stat: GET, and answers in pages */
	int			 span;		/* days in one call, at most; 0: no limit */
	enum datacube_unit	 unit;
	const char		*floor;		/* WeChat has no numbers before this day */
	int			 grows;		/* days after a unit in which its numbers grow */
	struct datacube_table	 tables[DATACUBE_TABLES];	/* ended by name NULL */
};

extern const struct datacube_endpoint	 datacube_endpoints[];	/* ended by name NULL */

enum { DATACUBE_PAGE = 90 };	/* rows of a page */

/* NULL: no end point has this name. */
const struct datacube_endpoint	*datacube_find(const char *name);

/* Finds a table by its name, and sets *e to its end point.  NULL: no table has this name. */
const struct datacube_table	*datacube_table(const char *name,
				    const struct datacube_endpoint **e);

/* The field of a table that follows f; f NULL: the first.  NULL: f was the last. */
const struct datacube_field	*datacube_next_field(const struct datacube_table *t,
				    const struct datacube_field *f);

/*
 * Planning the calls.
 */

/* The last answer for a unit. */
struct datacube_known {
	int64_t	 asked_s;	/* epoch seconds; 0: never asked */
	int64_t	 rows;		/* in that answer */
	int	 times;		/* how often the unit was asked for */
	bool	 delayed;	/* WeChat said that its numbers were not up to date */
};

/* A range of days: of a call, or of all that is asked for.  end is included. */
struct datacube_span {
	int64_t	 begin, end;
};

/* The last day whose numbers are ready. */
int64_t	datacube_ready(int64_t now_s);

/* The first unit that begins on this day or later; the last day of a unit. */
int64_t	datacube_unit(const struct datacube_endpoint *e, int64_t day);
int64_t	datacube_unit_end(const struct datacube_endpoint *e, int64_t unit);

enum {
	DATACUBE_DEFAULT = -1,
	DATACUBE_AGAIN_S = 3 * 3600	/* wait before an empty or delayed unit is asked again */
};

/*
 * The days that can be asked for: from the first unit up to the last day that is ready.  Where
 * there is no such day, end < begin.  from DATACUBE_DEFAULT: 30 days back, or more, so that a
 * whole unit is in it.  to DATACUBE_DEFAULT: up to the last day that is ready.
 */
struct datacube_span	datacube_range(const struct datacube_endpoint *e, int64_t from, int64_t to,
			    int64_t now_s);

/*
 * A unit that is ready must be asked for now: it never was; or its numbers have grown; or it was
 * empty on the first day, or delayed, and DATACUBE_AGAIN_S have passed.
 */
bool			datacube_is_due(const struct datacube_endpoint *e, int64_t unit,
			    const struct datacube_known *k, int64_t now_s);

/* An empty or delayed unit will be due some hours later. */
bool			datacube_is_due_later(const struct datacube_endpoint *e, int64_t unit,
			    const struct datacube_known *k, int64_t now_s);

/*
 * Finds the next call that is needed, for units from `from` on.  known: one for each day of the
 * range; NULL: every unit is asked for.  The calls are as few as e->span permits.  False: no
 * further call is needed.
 */
bool			datacube_plan(struct datacube_span *call, const struct datacube_endpoint *e,
			    const struct datacube_span *range, const struct datacube_known *known,
			    int64_t from, int64_t now_s);

#endif
