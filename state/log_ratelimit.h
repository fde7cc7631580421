/*
 * log_ratelimit.h: lines of the log that tell the same failure again are counted instead.
 *
 * Two failures are the same if they have one level, what, account, error, reason and peer.  In a
 * minute settings.log_flood lines of one failure go to the log; the others are counted.  When the
 * minute is over, one line, what=repeated, tells how many there were.
 *
 * The counts are in a table of fixed size, state_dir/qtoa.failures.  All threads, processes and
 * CGI runs map it and add to it; `qtoa status` shows it.  To count a repeat takes no system call;
 * only for a failure that is new in the table a lock among processes is taken (state/lock.h).
 * The counts are logged once, by any of the processes, and the death of a process loses none.  A
 * power cut may lose the table.
 *
 * In each minute FAILURE_TABLE_PEERS peers that fail alike have a place of their own in the
 * table; all others share one, whose peer is "*".  If there is no room for an account, it shares
 * a place, whose account is "*".  If there is no room at all, each line goes to the log.  A
 * failure that was not seen for a minute can lose its place to another one; the one not seen for
 * longest goes first.  Without the file each process has a table of its own, and logs only what
 * it has seen itself.
 */
#ifndef STATE_LOG_RATELIMIT_H
#define STATE_LOG_RATELIMIT_H

#include <stdint.h>

#include "core/conf.h"
#include "core/log.h"
#include "state/failure_table.h"
#include "state/lock.h"

enum { LOG_RATELIMIT_TEXT = FAILURE_TABLE_TEXT };

/* Any text may be NULL, which means "". */
struct log_ratelimit_failure {
	enum log_level	 level;
	const char	*what;		/* "request", "drain" */
	const char	*account;	/* its name, or "-" */
	const char	*error;		/* in words, as in the log */
	const char	*reason;	/* a class or a code of QT's, or "" */
	struct slice	 peer;		/* who sent a request that was refused; else empty */
};

struct log_ratelimit;

/* Opens nothing yet; keeps c and locks.  NULL: no memory. */
struct log_ratelimit	*log_ratelimit_new(const struct conf *c, struct locks *locks);

/* Logs the counts of a table of its own; those in the file are logged by other processes. */
void			 log_ratelimit_free(struct log_ratelimit *f);

/*
 * Ends the line l: writes it to the log or counts it.  Also logs other counts whose minute is over.
 * f NULL: the line is written.  l NULL: the failure is only counted.  For all threads.
 */
void			 log_ratelimit_end(struct log_ratelimit *f, struct logline *l,
			    const struct log_ratelimit_failure *x);

/*
 * Logs the counts whose minute is over, of all processes; to be called about once a second.  last:
 * logs all counts, because the process ends.  f may be NULL.
 */
void			 log_ratelimit_housekeep(struct log_ratelimit *f, bool last);

/*
 * Calls fn for each failure in the file, the newest first.  Texts are printable UTF-8, with '?'
 * for anything else.  A file that is absent or has another layout has no failures.  ERR_STORE:
 * errno says why; ERR_NOMEM.
 */
struct log_ratelimit_entry {
	enum log_level	 level;
	char		 what[LOG_RATELIMIT_TEXT], account[LOG_RATELIMIT_TEXT];
	char		 error[LOG_RATELIMIT_TEXT], reason[LOG_RATELIMIT_TEXT];
	char		 peer[LOG_RATELIMIT_TEXT];
	uint64_t	 count;			/* since first_ms; reset after a day without one */
	int64_t		 first_ms, last_ms;	/* ms since the epoch */
};
typedef void	 log_ratelimit_each(void *ctx, const struct log_ratelimit_entry *e);
enum error	 log_ratelimit_read(const char *dir, log_ratelimit_each *fn, void *ctx);

#endif
