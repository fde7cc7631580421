/*
 * counters.h: how many requests ended in which way, and how long they took: by account, day and
 * hour.
 *
 * A message that QT has leaves no row in the store, so these are numbers in a file a day,
 * state_dir/qtoa.tally-YYYYMMDD.  All threads, processes and CGI runs map it and add to it.  Days
 * and hours are those of China (UTC+8).  The death of a process loses no count; a power cut may
 * lose the counts of the last half minute.
 *
 * The file, in the machine's byte order:
 *
 *	at 0		"qtoatall", u32 version (1), u32 day (from 1970-01-01), u32 room (slots that
 *			there may be), u32 bytes of this head, u32 bytes of a slot, u32 bytes of
 *			an hour, u64 slots in use, s64 a number that no other file has (0 in a file
 *			of an older program); zeros up to 64
 *	at 64 + 64 n	the name of slot n: an account's path, then NULs.  Slot 0 has an empty name;
 *			it counts requests of no account, or of an account without a slot
 *	head + slot n	24 hours, each an array of u64: the members of struct counter_numbers
 *
 * The head takes 4 KiB, or more if there are many accounts; a slot takes 57 KiB.  Space is
 * reserved before it is used: on a full disk a count fails, and no process dies.  A file of
 * another layout goes into quarantine (state/state_file.h); the file of a later qtoa is left
 * alone.
 *
 * qtoa.tally-total holds the sums of all days since counting began, and events by their code.
 * Its numbers only grow, for /-/metrics.  It has the same layout, with day 0 and one struct
 * counter_total (2688 bytes) for a slot and also for an hour; its head takes 64 KiB, room for the
 * accounts of many years.  A new one begins with the sums of the days that have files, without
 * events.
 *
 * In all functions the counters may be NULL: then nothing is counted.
 */
#ifndef STATE_COUNTERS_H
#define STATE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/lock.h"

enum {
	COUNTER_HOURS	= 24,
	COUNTER_DAYS	= 400,	/* older files are removed */
	COUNTER_REASONS	= 32,
	COUNTER_BUCKETS	= 110
};

/*
 * What is counted?  These are places in files: add some, never change one.  Below 16 some are
 * free.
 */
enum counter {
	COUNTER_DELIVERED	= 0,	/* 0 to 4: pushes, by verdict (forwarder/deliver.h) */
	COUNTER_QUEUED		= 1,
	COUNTER_DEAD		= 2,
	COUNTER_REPEAT		= 3,
	COUNTER_UNSAFE		= 4,
	COUNTER_HANDSHAKE	= 5,
	COUNTER_COLLECTED	= 6,	/* requests that the collector accepted */
	COUNTER_NOT_COLLECTED	= 7,	/* requests that it refused with a code of QT's */
	COUNTER_PAGE		= 8,
	COUNTER_LATE_DELIVERED	= 9,	/* messages that the drainer has sent */
	COUNTER_LATE_DEAD	= 10,	/* messages that QT refused when the drainer sent them */
	COUNTER_LATE_FAILED	= 11,	/* its attempts after which the message still waits */
	COUNTER_TOKEN		= 12,	/* access_tokens given out */
	COUNTER_UNSETTLED	= 13,	/* attempts whose outcome the store could not take */
	COUNTER_IGNORED		= 14,	/* pushes to a third-party platform */
	COUNTER_PEER_UNKNOWN	= 15,	/* signed pushes, not from WeChat's addresses; they also
					   count as what became of them */
	/* In the slot of a relay some places have another meaning. */
	COUNTER_RELAY_ANSWERED	= COUNTER_COLLECTED,	/* answers that users got */
	COUNTER_RELAY_UNUSABLE	= COUNTER_NOT_COLLECTED, /* that WeChat must not have */
	COUNTER_RELAY_SILENT	= COUNTER_PAGE,		/* calls without an answer */
	COUNTER_RELAY_LATE	= COUNTER_TOKEN,	/* answers after the third delivery */
	/* In the slot of the shared store. */
	COUNTER_STORE_FALLBACK	= COUNTER_QUEUED,	/* see counters_fallback() */
	COUNTER_REFUSED		= 16,	/* pushes without a verdict, by reason */
	COUNTER_REFUSED_ELSE	= COUNTER_REFUSED + COUNTER_REASONS,	/* other requests refused */
	COUNTER__MAX		= COUNTER_REFUSED_ELSE + COUNTER_REASONS
};

/* The place of a refusal for that reason; some reasons share one place. */
enum counter	counters_refused(enum error er, bool push);

/*
 * The place of one of QT's event codes, and the code of a place (NULL: the place is free).  These
 * are places in files, too.  Place 0, "-", is for messages that QT's table has no row for.
 */
enum { COUNTER_EVENTS = 32 };
int			 counters_event(const char *code);
const char		*counters_event_code(int place);

/*
 * Which times are there?  How long WeChat waited for `success`, and how long QT took for its
 * answer.
 */
enum counter_time { COUNTER_WAITED, COUNTER_QT, COUNTER_TIMES };

/*
 * The numbers of an hour, or the sum of many.  Buckets are of whole ms: 0 to 9 have one each,
 * then there are ten for each doubling (10, 11 ... 19; 20, 22 ... 38; 40, 44 ...; 5120, 5632 ...
 * 9728), so that the times in one bucket differ by less than a tenth.  The last one also has all
 * longer times.
 */
struct counter_numbers {
	uint64_t	 count[COUNTER__MAX];
	uint64_t	 sum_ms[COUNTER_TIMES];
	uint64_t	 pushed_s;	/* of the totals only: when the last push came that WeChat
					   had signed, epoch seconds; 0: never, or not known */
	uint64_t	 spare;
	uint64_t	 bucket[COUNTER_TIMES][COUNTER_BUCKETS];
};

/* All that was ever counted. */
struct counter_total {
	struct counter_numbers	 sum;
	uint64_t		 event[COUNTER_EVENTS];	/* pushes answered `success`, no repeats */
};

struct counters;

/* Opens nothing yet; keeps c and locks.  NULL: no memory. */
struct counters	*counters_new(const struct conf *c, struct locks *locks);
void		 counters_free(struct counters *t);

struct counters_request {
	const struct account	*account;	/* of the configuration; NULL: of no account */
	enum counter		 end;		/* how it ended */
	int64_t			 came_ms;	/* ms since the epoch */
	int64_t			 ms;		/* how long it took */
	int64_t			 qt_ms;		/* how long QT took; -1: QT was not asked */
	int			 event;		/* from counters_event(); -1: it was no message */
	bool			 peer_unknown;	/* COUNTER_PEER_UNKNOWN counts it, too */
};

/*
 * Counts a request that has ended.  For all threads.  It makes a system call only for the first
 * request of an account on a day.  A request that cannot be counted is lost; the log says when that
 * begins and when it ends.
 */
void		 counters_request(struct counters *t, const struct counters_request *r);

/* Counts an attempt of the drainer, or one that could not be noted; wall_ms: since the epoch. */
void		 counters_late(struct counters *t, const struct account *a, enum counter end,
		    int64_t wall_ms);

/* How many requests this process has counted, or tried to. */
uint64_t	 counters_counted(struct counters *t);

/*
 * Counts a commit to the store that hosts share, which took so long; and work that was done in
 * this host's own store instead, because that one failed.  For /-/metrics: see counters_is_store().
 */
void		 counters_commit(struct counters *t, int64_t ms);
void		 counters_fallback(struct counters *t);

/* Now and then: unmaps files that were removed, and removes those older than COUNTER_DAYS. */
void		 counters_housekeep(struct counters *t, int64_t wall_ms);

/*
 * Calls fn for each hour of each slot in which something was counted, for the days
 * (core/calendar.h) of a range, both ends included.  Days without a file have nothing.
 * ERR_STORE: a file cannot be read, errno says why; ERR_NOMEM.
 */
struct counter_hour {
	int64_t				 day;
	int				 hour;
	struct slice			 account;	/* its path; empty: no account */
	const struct counter_numbers	*numbers;
	int64_t				 file;		/* the number of the day's file */
};
typedef void	 counters_each(void *ctx, const struct counter_hour *h);
enum error	 counters_read(const char *dir, int64_t from_day, int64_t to_day, counters_each *fn,
		    void *ctx);

/* The same for the hours from that of from_s to that of to_s (epoch seconds), both included. */
enum error	 counters_read_hours(const char *dir, int64_t from_s, int64_t to_s,
		    counters_each *fn, void *ctx);

/*
 * Calls fn for each slot of the totals; account is empty for requests of no account.  Errors: the
 * same.
 */
typedef void	 counters_each_total(void *ctx, struct slice account,
		    const struct counter_total *t);
enum error	 counters_totals(const char *dir, counters_each_total *fn, void *ctx);

/*
 * True: the slot is a relay's (core/conf.h: destinations).  It counts the messages that the relay
 * got, which its account counts, too.
 */
bool		 counters_is_relay(struct slice account);

/*
 * True: the slot of the totals that counts commits to the shared store: their times are those of
 * COUNTER_WAITED, and COUNTER_STORE_FALLBACK is how often this host's own store took its place.
 */
bool		 counters_is_store(struct slice account);

/* Adds n to sum. */
void		 counters_add(struct counter_numbers *sum, const struct counter_numbers *n);

/* How many pushes were answered `success`; were refused; came at all, also the unsafe ones. */
uint64_t	 counters_acknowledged(const struct counter_numbers *n);
uint64_t	 counters_refusals(const struct counter_numbers *n);
uint64_t	 counters_received(const struct counter_numbers *n);

/*
 * The shortest time that a bucket counts, in ms; for COUNTER_BUCKETS: where the last bucket ends.
 */
int64_t		 counters_bucket_ms(int bucket);

/* The bucket for a time. */
int		 counters_bucket(int64_t ms);

/*
 * The time in ms that a share (0 to 1) of all times did not exceed.  Up to 10 s it is less than a
 * tenth wrong.  -1: no time was measured.
 */
int64_t		 counters_percentile(const struct counter_numbers *n, enum counter_time which,
		    double share);

#endif
