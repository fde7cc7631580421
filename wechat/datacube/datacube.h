/*
 * datacube.h: WeChat's statistics interfaces (its "Data cube" and the ads' "publisher/stat"):
 * which there are, what they give, and for which days each is to be asked.
 *
 * A table says everything: a new interface is a row, a new figure is a field.  Nothing here
 * knows the store (wechat/datacube/datacube_tables.h) or the network (wechat/datacube/datacube_pull.h).
 *
 * What an interface gives counts by units: days, or weeks, months and halves of a month, which
 * bear the number of their first day.  Days are China's, numbered as in core/calendar.h.  A day's
 * figures are ready at 08:00 of the next, those of a longer unit at 08:00 of the day after
 * its last.
 */
#ifndef WECHAT_DATACUBE_DATACUBE_H
#define WECHAT_DATACUBE_DATACUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum datacube_type { DATACUBE_INT, DATACUBE_TEXT, DATACUBE_REAL };

/* A column, and the member of a row's JSON object that fills it. */
struct datacube_field {
	const char		*name;
	enum datacube_type	 type;
	bool			 key;	/* part of the natural key; absent: 0 or "" */
	const char		*sql;	/* made of the row's object v, where it is no member */
};

/* Fields that several tables have are written once: a table's are those of its groups. */
enum { DATACUBE_GROUPS = 4, DATACUBE_TABLES = 4, DATACUBE_LISTS = 3 };

/*
 * A table in the store, "datacube_" and its name.  What is a list in WeChat's answer is a
 * table, a row an element; a list within an element is one too, whose rows have the
 * keys of the element before their own.  The first field of an interface's first table is the
 * unit's first day.
 */
struct datacube_table {
	const char			*name;
	const char			*list;	/* member that is the list; NULL: the answer itself */
	size_t				 in;	/* number of the table whose rows have it */
	const char			*merge;	/* an object in the row whose members are the row's */
	const struct datacube_field	*groups[DATACUBE_GROUPS];	/* each ended by name NULL */
};

enum datacube_unit { DATACUBE_DAY, DATACUBE_WEEK, DATACUBE_MONTH, DATACUBE_HALF };

struct datacube_endpoint {
	const char		*name;
	bool			 ads;		/* publisher/stat: GET, in pages */
	int			 span;		/* days that a call may span; 0: any number */
	enum datacube_unit	 unit;
	const char		*floor;		/* nothing is to be had of days before */
	int			 grows;		/* for so many days after it a unit's answer grows */
	struct datacube_table	 tables[DATACUBE_TABLES];	/* ended by name NULL */
};

extern const struct datacube_endpoint	 datacube_endpoints[];	/* ended by name NULL */

enum { DATACUBE_PAGE = 90 };	/* rows of a page */

const struct datacube_endpoint	*datacube_find(const char *name);

/* A table by name, and whose it is. */
const struct datacube_table	*datacube_table(const char *name,
				    const struct datacube_endpoint **e);

/* The fields of a table in turn: f is NULL at first, the last gives NULL. */
const struct datacube_field	*datacube_next_field(const struct datacube_table *t,
				    const struct datacube_field *f);

/*
 * Which calls.
 */

/* What is known of a unit. */
struct datacube_known {
	int64_t	 asked_s;	/* last, epoch seconds; 0: never */
	int64_t	 rows;		/* that it then had */
	int	 times;		/* asked */
	bool	 delayed;	/* its figures were not up to date, WeChat said */
};

/* First days of a range, or of a call, and in a call its last day. */
struct datacube_span {
	int64_t	 begin, end;
};

/* The last day whose figures are ready. */
int64_t	datacube_ready(int64_t now_s);

/* The first unit that begins on that day or later; the last day of one. */
int64_t	datacube_unit(const struct datacube_endpoint *e, int64_t day);
int64_t	datacube_unit_end(const struct datacube_endpoint *e, int64_t unit);

/*
 * The range of what may be asked for: begins on a unit, ends on the last day that is ready;
 * empty (end < begin) where nothing is.  from: DATACUBE_DEFAULT: 30 days back, or so far that
 * a whole unit is in it; to: DATACUBE_DEFAULT: as far as it goes.
 */
enum {
	DATACUBE_DEFAULT = -1,
	DATACUBE_AGAIN_S = 3 * 3600	/* between two looks at a unit that was empty or delayed */
};
struct datacube_span	datacube_range(const struct datacube_endpoint *e, int64_t from, int64_t to,
			    int64_t now_s);

/*
 * Whether a unit that is ready is to be asked for: it never was; it was empty, or delayed,
 * when it was fresh, and some hours have passed; it has grown since.
 */
bool			datacube_due(const struct datacube_endpoint *e, int64_t unit,
			    const struct datacube_known *k, int64_t now_s);

/* The same, and it is only a matter of hours: what is there may be all there is. */
bool			datacube_again(const struct datacube_endpoint *e, int64_t unit,
			    const struct datacube_known *k, int64_t now_s);

/*
 * The next call that is needed, for units from `from` on.  known: of the days of the range,
 * one each, NULL: ask for everything.  Calls made one after the other are as few as the
 * allowed span permits.  False: no more.
 */
bool			datacube_plan(struct datacube_span *call, const struct datacube_endpoint *e,
			    const struct datacube_span *range, const struct datacube_known *known, int64_t from,
			    int64_t now_s);

#endif
