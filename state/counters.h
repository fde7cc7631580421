/*
 * counters.h: how many requests ended how, and how long they took: by account, day and hour.
 *
 * A message that QT has leaves no row in the store, so what is counted are numbers in a file
 * a day, state_dir/qtoa.tally-YYYYMMDD, that all threads, processes and CGI runs have mapped
 * and add to.  Days and hours are those of China (UTC+8).  A count survives the death of
 * the process at once; a power cut may take those of the last half minute.
 *
 * The file, in the machine's byte order:
 *
 *	at 0		"qtoatall", u32 version (1), u32 day (from 1970-01-01), u32 room (slots that
 *			there may be), u32 bytes of this head, u32 bytes of a slot, u32 bytes of
 *			an hour, u64 slots in use; zeros up to 64
 *	at 64 + 64 n	the name of slot n, an account's path, filled up with NULs; slot 0, whose
 *			name is empty, has what belongs to no account, or to one without room
 *	head + slot n	24 hours, each an array of u64: what struct counter_numbers has
 *
 * The head takes 4 KiB (or more, so that all accounts find room), a slot 57 KiB.  Space is
 * reserved before it is used: a full disk is an error, not the death of who counts.  A file
 * of another layout is never read as one of this; it is set aside as .foreign-TIME, or left
 * alone where it is a later qtoa's.
 *
 * What is in those of all days is summed up, since counting began, in qtoa.tally-total, beside
 * it events by their code: numbers that only grow, for /-/metrics.  The file is laid out like
 * that of a day (day 0), but a slot is one struct counter_total (2688 bytes, and so many are said
 * to be an hour, too), and the head takes 64 KiB, so that the accounts of many years find
 * room.  It begins with the sums of the days that there are, without events: so it does
 * where there was a qtoa that had none, and if it gets lost.
 *
 * All functions take a tally NULL: then nothing is counted.
 */
#ifndef STATE_COUNTERS_H
#define STATE_COUNTERS_H

#include <stdint.h>

#include "core/conf.h"
#include "state/lock.h"

enum {
	COUNTER_HOURS	= 24,
	COUNTER_DAYS	= 400,	/* older files are removed */
	COUNTER_REASONS	= 32,
	COUNTER_BUCKETS	= 110
};

/* What is counted.  These are places in files: add, never change.  Up to 15 is free. */
enum counter {
	COUNTER_DELIVERED		= 0,	/* pushes, by verdict (forwarder/deliver.h) */
	COUNTER_QUEUED		= 1,
	COUNTER_DEAD		= 2,
	COUNTER_REPEAT		= 3,
	COUNTER_UNSAFE		= 4,
	COUNTER_HANDSHAKE		= 5,
	COUNTER_COLLECTED		= 6,	/* the collector: accepted ... */
	COUNTER_NOT_COLLECTED	= 7,	/* ... and refused with a code of QT's */
	COUNTER_PAGE		= 8,
	COUNTER_LATE_DELIVERED	= 9,	/* what the drainer has sent */
	COUNTER_LATE_DEAD		= 10,
	COUNTER_LATE_FAILED	= 11,	/* attempts, after which it still waits */
	COUNTER_TOKEN		= 12,	/* access_tokens handed out */
	COUNTER_UNSETTLED		= 13,	/* what QT did with it the store could not be told */
	COUNTER_REFUSED		= 16,	/* pushes that were not judged, by reason */
	COUNTER_REFUSED_ELSE	= COUNTER_REFUSED + COUNTER_REASONS, /* all other requests */
	COUNTER__MAX		= COUNTER_REFUSED_ELSE + COUNTER_REASONS
};

/* The place of a refusal for that reason; what has no place of its own shares one. */
enum counter	counters_refused(enum error er, bool push);

/*
 * The place of one of QT's event codes, and the code there, NULL without one.  These are places
 * in files, too.  0, "-", is for messages that QT's table has no row for.
 */
enum { COUNTER_EVENTS = 32 };
int			 counters_event(const char *code);
const char		*counters_event_code(int place);

/* What times there are: that WeChat has waited for `success`; that QT took of it, if asked. */
enum counter_time { COUNTER_WAITED, COUNTER_QT, COUNTER_TIMES };

/*
 * An hour, or the sum of many.  Buckets of whole ms: 0 to 9 one each, then ten for each
 * doubling (10, 11 ... 19; 20, 22 ... 38; 40, 44 ...; 5120, 5632 ... 9728), so that what is in
 * one differs by less than a tenth.  The last one has what took longer, too.
 */
struct counter_numbers {
	uint64_t	 count[COUNTER__MAX];
	uint64_t	 sum_ms[COUNTER_TIMES];
	uint64_t	 spare[2];
	uint64_t	 bucket[COUNTER_TIMES][COUNTER_BUCKETS];
};

/* All that was ever counted. */
struct counter_total {
	struct counter_numbers	 sum;
	uint64_t		 event[COUNTER_EVENTS];	/* pushes that were acknowledged, no repeats */
};

struct counters;

/* Opens nothing yet, keeps c and cs.  NULL: no memory. */
struct counters	*counters_new(const struct conf *c, struct locks *cs);
void		 counters_free(struct counters *t);

struct counters_request {
	const struct account	*account;	/* of the conf; NULL: none */
	enum counter		 end;
	int64_t			 came_ms;	/* ms since the epoch */
	int64_t			 ms;		/* that it took */
	int64_t			 qt_ms;		/* of that at QT; -1: QT was not asked */
	int			 event;		/* counters_event()'s; -1: it was no message */
};

/*
 * One request that has ended.  For all threads; no system call but for the first request of an
 * account and a day.  What cannot be counted is lost, and the log says when that begins and
 * ends.
 */
void		 counters_request(struct counters *t, const struct counters_request *r);

/* What became of a message that waited, or cannot be noted; wall_ms: since the epoch. */
void		 counters_late(struct counters *t, const struct account *a, enum counter end,
		    int64_t wall_ms);

/* Now and then: a file that is gone is made anew; what is older than COUNTER_DAYS is removed. */
void		 counters_housekeep(struct counters *t, int64_t wall_ms);

/*
 * Reading.  fn gets each hour of each slot in which anything was counted, from one day to
 * another (core/calendar.h).  Days that are not there have nothing.  ERR_STORE: a file cannot be read
 * (errno); ERR_NOMEM.
 */
struct counter_hour {
	int64_t				 day;
	int				 hour;
	struct slice			 account;	/* its path; empty: none */
	const struct counter_numbers	*numbers;
};
typedef void	 counters_each(void *ctx, const struct counter_hour *h);
enum error	 counters_read(const char *dir, int64_t from_day, int64_t to_day, counters_each *fn,
		    void *ctx);

/* fn gets each slot of the totals; account empty: what belongs to none.  Errors as above. */
typedef void	 counters_each_total(void *ctx, struct slice account, const struct counter_total *t);
enum error	 counters_totals(const char *dir, counters_each_total *fn, void *ctx);

void		 counters_add(struct counter_numbers *sum, const struct counter_numbers *n);

/* Pushes that were answered `success`; those that were refused; all, with the unsafe ones. */
uint64_t	 counters_acknowledged(const struct counter_numbers *n);
uint64_t	 counters_refusals(const struct counter_numbers *n);
uint64_t	 counters_received(const struct counter_numbers *n);

/* Whole ms from which on a bucket counts; of COUNTER_BUCKETS: where the last one ends. */
int64_t		 counters_bucket_ms(int bucket);
int		 counters_bucket(int64_t ms);

/*
 * The ms within which that share (0 to 1) stayed, off by less than a tenth up to 10 s; -1:
 * nothing was timed.
 */
int64_t		 counters_percentile(const struct counter_numbers *n, enum counter_time which,
		    double share);

#endif
