/*
 * flood.h: failures that are the same, summed up.
 *
 * Of the lines that tell of one failure settings.log_flood a minute go to the log; the others
 * are counted, and once the minute is over one line, what=repeated, says how many they were.
 * What fails the same way has one level, what, account, error, reason and peer.
 *
 * The counts are in a table of fixed size, state_dir/qtoa.failures, that all threads, processes
 * and CGI runs share: `qtoa status` shows them, the signatures of whom do not hold, for one.
 * When it is full the failure that was seen last longest ago makes room, and what it has
 * not said yet is said.  A power cut may take what is in it.  Without the file, or while others
 * have it too long, a line is written as it is.
 */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdint.h>

#include "claim.h"
#include "conf.h"
#include "log.h"

enum { FLOOD_TEXT = 64 };

struct failure {
	enum log_level	 level;
	const char	*what;		/* "request", "drain" */
	const char	*account;	/* its name, or "-" */
	const char	*error;		/* in words, as in the log */
	const char	*reason;	/* a class, a code of QT's; "" without one */
	struct slice	 peer;		/* of a request that was refused; else empty */
};

struct flood;

/* Opens nothing yet, keeps c and cs.  NULL: no memory. */
struct flood	*flood_new(const struct conf *c, struct claims *cs);
void		 flood_free(struct flood *f);

/* Ends the line l, in the log or as a count.  f NULL: in the log.  For all threads. */
void		 flood_end(struct flood *f, struct logline *l, const struct failure *x);

/* Now and then, and with the last call before the end: says what is due. */
void		 flood_tend(struct flood *f, bool last);

/* Reading, newest first.  Texts are printable ASCII.  QT_ESTORE: errno; QT_ENOMEM. */
struct flood_entry {
	enum log_level	 level;
	char		 what[FLOOD_TEXT], account[FLOOD_TEXT + 1], error[FLOOD_TEXT];
	char		 reason[FLOOD_TEXT], peer[FLOOD_TEXT];
	uint64_t	 count;			/* since first_ms */
	int64_t		 first_ms, last_ms;	/* ms since the epoch */
};
typedef void	 flood_each(void *ctx, const struct flood_entry *e);
enum qt_err	 flood_read(const char *dir, flood_each *fn, void *ctx);

#endif
