/*
 * counter_file.h: the files that state/counters.h describes: they are named, made, mapped by the
 * processes that count, and read by those that ask.
 *
 * One process at a time prepares a file (state/lock.h).  The caller sees to it that one thread of a
 * process at a time maps.
 */
#ifndef STATE_COUNTER_FILE_H
#define STATE_COUNTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/lock.h"
#include "state/state_file.h"

enum {
	COUNTER_FILE_TOTAL	= -1,	/* instead of a day: the file of the totals */
	COUNTER_FILE_NAME	= 64	/* bytes of an account's path in a file */
};

#define COUNTER_FILE_STORE	"/store"	/* a slot's name that no account and no relay has */

/* Gets one slot.  account is empty for the slot of requests that belong to no account. */
typedef void	 counter_file_each(void *ctx, struct slice account, const void *slot);

/*
 * Calls fn for each slot that a new file begins with, first for the one without an account.  If it
 * fails, errno says why.
 */
typedef enum error counter_file_seed(const char *dir, counter_file_each *fn, void *ctx);

struct counter_file_kind {
	uint32_t		 hour, slot;	/* bytes */
	uint32_t		 names;		/* slots to have room for; more for more accounts */
	counter_file_seed	*seed;		/* NULL: a new file begins with zeros */
};

/*
 * A file that is mapped, of one kind.
 */
struct counter_file;

/* Maps nothing yet; keeps c, locks and k.  NULL: no memory. */
struct counter_file *counter_file_new(const struct conf *c, struct locks *locks,
		    const struct counter_file_kind *k);
void		 counter_file_free(struct counter_file *f);

/*
 * The slot of account number `account` of the configuration, or of a relay behind the accounts;
 * conf_destinations() is the one without an account, and that number + 1 the one of the store that
 * hosts share, COUNTER_FILE_STORE.  NULL: what is mapped is not that day, or has
 * no such slot.
 */
void		*counter_file_slot(const struct counter_file *f, int64_t day, size_t account);

/*
 * Maps the file of that day instead of what was mapped, with a slot for the account.  It makes the
 * file and the slot if need be.  NULL: done; else the reason why not.  A mapping that was lost
 * (state/state_file.h) is a reason once, and is then gone.
 */
const char	*counter_file_ready(struct counter_file *f, int64_t day, size_t account);

/* Unmaps a file that was removed or renamed. */
void		 counter_file_housekeep(struct counter_file *f);

/*
 * Files, mapped or not.
 */

/* Writes the path of that day's file.  "": the day is outside of the calendar (core/calendar.h). */
void		 counter_file_path(char path[STATE_FILE_PATH], const char *dir, int64_t day);

/*
 * Calls fn for each slot of a sound file; *is says whether it is sound.  The file is read, not
 * mapped: an error of the disk must not kill the process.  ERR_STORE: errno says why; ERR_NOMEM.
 */
enum error	 counter_file_read(enum state_file_is *is, const char *dir, int64_t day,
		    const struct counter_file_kind *k, counter_file_each *fn, void *ctx);

/* The same for a part of each slot. */
struct counter_file_part {
	const char			*dir;
	int64_t				 day;
	const struct counter_file_kind	*kind;
	uint32_t			 from, to;	/* bytes of each slot; the rest is zeros */
	enum state_file_is		 is;		/* set */
	int64_t				 made;		/* set: see struct counter_hour.file */
};
enum error	 counter_file_read_part(struct counter_file_part *p, counter_file_each *fn,
		    void *ctx);

/* The days in a range (both ends included) that have a file, in order.  The caller frees d->v. */
struct counter_file_days {
	int64_t	*v;
	size_t	 n, room;
};
enum error	 counter_file_days(struct counter_file_days *d, const char *dir, int64_t from,
		    int64_t to);

/* Removes the files of the days before that one, also those in quarantine. */
void		 counter_file_forget(const char *dir, int64_t before);

#endif
