/*
 * log_ratelimit.h: failures that are the same, summed up.
 *
 * Of the lines that tell of one failure settings.log_flood a minute go to the log; the others
 * are counted, and once the minute is over one line, what=repeated, says how many they were.
 * What fails the same way has one level, what, account, error, reason and peer.
 *
 * The counts are in a table of fixed size, state_dir/qtoa.failures, that all threads, processes
 * and CGI runs have mapped and add to: `qtoa status` shows them, the signatures of whom do not
 * hold, for one.  A repeat is counted without a lock or a system call; only for a failure that is
 * new there a claim is held.  What is counted is said once, by whichever process comes to it, and
 * does not get lost when others are killed.  A power cut may take what is in the table.
 *
 * Where there is no room, or many peers fail alike (of LOG_RATELIMIT_PEERS a minute each has its own),
 * those that are more share one place, whose peer is "*", or whose account is, too; if that does
 * not help either, a line is written as it is.  What has not been seen for a minute makes room for
 * others, what was seen last longest ago first.  Without the file each process has a table of its
 * own, and what several processes see is summed up in several lines.
 *
 * The file, in the machine's byte order:
 *
 *	at 0		"qtoafail", u32 version (1), u32 places (256), u32 bytes of this head, u32
 *			bytes of a place; zeros up to 64
 *	at 64 + 8 n	u64 what place n is found by, 0: it is free; zeros up to 4096
 *	4096 + 512 n	place n: that u64 again (else the place is free, too), a digest without the
 *			peer, the level, the minute (when it began, s since the epoch, in the upper
 *			half, how many lines were written in it in the lower), how many have not
 *			been said and when the first and the last of them came (ms since the
 *			epoch), how many there were in all and when those came, all u64; then what,
 *			account, error, reason and peer, LOG_RATELIMIT_TEXT bytes each, NUL-padded
 *
 * It takes 132 KiB, which are reserved before they are used.  A file of another layout is set
 * aside as .foreign-TIME; that of a later qtoa is left alone.  One that is removed is made anew; it
 * must not be cut short while it is mapped.
 */
#ifndef STATE_LOG_RATELIMIT_H
#define STATE_LOG_RATELIMIT_H

#include <stdint.h>

#include "core/conf.h"
#include "core/log.h"
#include "state/lock.h"

enum { LOG_RATELIMIT_TEXT = 72, LOG_RATELIMIT_PEERS = 32 };

/* Texts may be NULL, which is the same as "". */
struct log_ratelimit_failure {
	enum log_level	 level;
	const char	*what;		/* "request", "drain" */
	const char	*account;	/* its name, or "-" */
	const char	*error;		/* in words, as in the log */
	const char	*reason;	/* a class, a code of QT's; "" without one */
	struct slice	 peer;		/* of a request that was refused; else empty */
};

struct log_ratelimit;

/* Opens nothing yet, keeps c and cs.  NULL: no memory. */
struct log_ratelimit	*log_ratelimit_new(const struct conf *c, struct locks *cs);
/* Says what it has counted without the file; what is in it others say. */
void			 log_ratelimit_free(struct log_ratelimit *f);

/*
 * Ends the line l, in the log or as a count, and says what else is due.  f NULL: in the log.  l
 * NULL: nobody wants to read it, it is only counted.  For all threads.
 */
void			 log_ratelimit_end(struct log_ratelimit *f, struct logline *l, const struct log_ratelimit_failure *x);

/*
 * Once a second or so: says what is due, whichever process counted it.  With the last call before
 * the end: what is not due yet as well.  f may be NULL.
 */
void			 log_ratelimit_housekeep(struct log_ratelimit *f, bool last);

/*
 * Reading, newest first.  Texts are printable ASCII, '?' for any other byte.  No file, or one of
 * another layout: there are none.  ERR_STORE: errno; ERR_NOMEM.
 */
struct log_ratelimit_entry {
	enum log_level	 level;
	char		 what[LOG_RATELIMIT_TEXT], account[LOG_RATELIMIT_TEXT], error[LOG_RATELIMIT_TEXT];
	char		 reason[LOG_RATELIMIT_TEXT], peer[LOG_RATELIMIT_TEXT];
	uint64_t	 count;			/* since first_ms; it begins anew after a day without */
	int64_t		 first_ms, last_ms;	/* ms since the epoch */
};
typedef void	 log_ratelimit_each(void *ctx, const struct log_ratelimit_entry *e);
enum error	 log_ratelimit_read(const char *dir, log_ratelimit_each *fn, void *ctx);

#endif
