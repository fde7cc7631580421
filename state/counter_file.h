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

enum {
	TALLYFILE_TOTAL	= -1,	/* in place of a day: the file of them all */
	TALLYFILE_NAME	= 64	/* bytes of an account's path */
};

/* One slot; account empty: what belongs to none. */
typedef void	 tallyfile_each(void *ctx, struct slice account, const void *slot);

/* Calls fn for each slot that a new file begins with, none's first.  An error is errno's, too. */
typedef enum qt_err tallyfile_seed(const char *dir, tallyfile_each *fn, void *ctx);

struct tallyfile_kind {
	uint32_t	 hour, slot;	/* bytes */
	uint32_t	 names;		/* room for so many, or more if there are more accounts */
	tallyfile_seed	*seed;		/* NULL: a new one begins with zeros */
};

/*
 * One that is mapped, of one kind.
 */
struct tallyfile;

/* Maps nothing yet, keeps all three.  NULL: no memory. */
struct tallyfile *tallyfile_new(const struct conf *c, struct claims *cs,
		    const struct tallyfile_kind *k);
void		 tallyfile_free(struct tallyfile *f);

/* The slot of an account of the conf, conf->n: none's.  NULL: that day is not mapped with it. */
void		*tallyfile_slot(const struct tallyfile *f, int64_t day, size_t account);

/*
 * Maps the file of that day in place of what was mapped, with a slot for the account; makes both
 * if need be.  NULL: done; else why not.
 */
const char	*tallyfile_ready(struct tallyfile *f, int64_t day, size_t account);

/* Lets go of a file that is gone. */
void		 tallyfile_tend(struct tallyfile *f);

/*
 * What is there.
 */

/* The name of that day's file in the directory; what has none is "". */
enum { TALLYFILE_PATH = 1100 };
void		 tallyfile_path(char path[TALLYFILE_PATH], const char *dir, int64_t day);

enum tallyfile_state {
	TALLYFILE_SOUND,
	TALLYFILE_ABSENT,
	TALLYFILE_EMPTY,	/* not begun, or whoever began it died within */
	TALLYFILE_OTHER,	/* of another layout */
	TALLYFILE_LATER,	/* a later qtoa's */
	TALLYFILE_UNREADABLE	/* errno */
};

/*
 * fn gets each slot of a sound file, which is not mapped for it: a disk that fails is an error
 * here, not the death of the process.  QT_ESTORE: errno; QT_ENOMEM.
 */
enum qt_err	 tallyfile_read(enum tallyfile_state *state, const char *dir, int64_t day,
		    const struct tallyfile_kind *k, tallyfile_each *fn, void *ctx);

/* The days from one to another for which there are files, in order; d->v is the caller's. */
struct tallyfile_days {
	int64_t	*v;
	size_t	 n, room;
};
enum qt_err	 tallyfile_days(struct tallyfile_days *d, const char *dir, int64_t from,
		    int64_t to);

/* Removes the files of days before that one, set aside ones as well. */
void		 tallyfile_forget(const char *dir, int64_t before);

#endif
