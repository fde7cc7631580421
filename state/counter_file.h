/*
 * counter_file.h: the files of state/counters.h, which says how they are laid out: named, made, mapped by
 * who counts and read by who asks.
 *
 * Of several processes one at a time makes a file ready (state/lock.h); that threads of one do not
 * map at once is the caller's.
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
	COUNTER_FILE_TOTAL	= -1,	/* in place of a day: the file of them all */
	COUNTER_FILE_NAME	= 64	/* bytes of an account's path */
};

/* One slot; account empty: what belongs to none. */
typedef void	 counter_file_each(void *ctx, struct slice account, const void *slot);

/* Calls fn for each slot that a new file begins with, none's first.  An error is errno's, too. */
typedef enum error counter_file_seed(const char *dir, counter_file_each *fn, void *ctx);

struct counter_file_kind {
	uint32_t		 hour, slot;	/* bytes */
	uint32_t		 names;		/* room for so many, or more if there are more accounts */
	counter_file_seed	*seed;		/* NULL: a new one begins with zeros */
};

/*
 * One that is mapped, of one kind.
 */
struct counter_file;

/* Maps nothing yet, keeps all three.  NULL: no memory. */
struct counter_file *counter_file_new(const struct conf *c, struct locks *cs,
		    const struct counter_file_kind *k);
void		 counter_file_free(struct counter_file *f);

/* The slot of an account of the conf, conf->n: none's.  NULL: that day is not mapped with it. */
void		*counter_file_slot(const struct counter_file *f, int64_t day, size_t account);

/*
 * Maps the file of that day in place of what was mapped, with a slot for the account; makes both
 * if need be.  NULL: done; else why not.
 */
const char	*counter_file_ready(struct counter_file *f, int64_t day, size_t account);

/* Lets go of a file that is gone. */
void		 counter_file_housekeep(struct counter_file *f);

/*
 * What is there.
 */

/* The name of that day's file in the directory; what has none is "". */
void		 counter_file_path(char path[STATE_FILE_PATH], const char *dir, int64_t day);

/*
 * fn gets each slot of a sound file, which is not mapped for it: a disk that fails is an error
 * here, not the death of the process.  ERR_STORE: errno; ERR_NOMEM.
 */
enum error	 counter_file_read(enum state_file_is *is, const char *dir, int64_t day,
		    const struct counter_file_kind *k, counter_file_each *fn, void *ctx);

/* The days from one to another for which there are files, in order; d->v is the caller's. */
struct counter_file_days {
	int64_t	*v;
	size_t	 n, room;
};
enum error	 counter_file_days(struct counter_file_days *d, const char *dir, int64_t from,
		    int64_t to);

/* Removes the files of days before that one, set aside ones as well. */
void		 counter_file_forget(const char *dir, int64_t before);

#endif
