/*
 * dedup_files.h: the files qtoa.seen-1, qtoa.seen-2, ... of known messages (state/dedup.h), mapped.
 *
 * A process has them all in a list, the oldest first; new messages go into the youngest.  A
 * process that makes a further file marks the older ones as full, so that the others see in their
 * own memory that their list is out of date.
 *
 * Only one thread may call a function that changes the list, and no other may use the list
 * meanwhile.
 */
#ifndef STATE_DEDUP_FILES_H
#define STATE_DEDUP_FILES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "state/dedup_table.h"
#include "state/lock.h"
#include "state/state_file.h"

enum {
	DEDUP_FILES_MAX = 64,
	DEDUP_FILES_UNIT_S = 4096	/* slots count time in such units */
};

/* The head of a file, in the machine's own byte order. */
struct dedup_head {
	char			 magic[8];
	uint32_t		 version, bits;
	int64_t			 begun_s;	/* epoch seconds */
	_Atomic uint32_t	 full;		/* not 0: there is a further file */
};

struct dedup_file {
	unsigned		 number;
	struct state_file	 file;		/* mapped, and closed */
	struct dedup_head	*head;
	struct dedup_table	 table;
};

struct dedup_files {
	const struct settings	*set;
	struct locks		*locks;
	struct dedup_file	 v[DEDUP_FILES_MAX];	/* the oldest first */
	size_t			 n;
	unsigned		 last;	/* highest number, opened or not */
	unsigned		 old;	/* highest one of an older version; 0: no such file */
};

/* Opens all files again.  False: the directory cannot be read (errno). */
bool	 dedup_files_open(struct dedup_files *s);
void	 dedup_files_close(struct dedup_files *s);

/*
 * Makes a further file if `number` is the highest one, takes over the marks of files of older
 * versions, and opens all again.  Other processes do not do the same meanwhile.  errno if it fails.
 */
void	 dedup_files_add(struct dedup_files *s, unsigned number);

/* The youngest file; there must be one. */
static inline struct dedup_file *
dedup_files_last(struct dedup_files *s)
{
	return &s->v[s->n - 1];
}

static inline bool
dedup_files_is_full(const struct dedup_file *f)
{
	return atomic_load(&f->head->full) != 0;
}

/* True: all marks of a file are older than dedupe_days, or will be soon: it takes no more. */
bool	 dedup_files_is_past(const struct dedup_files *s, const struct dedup_file *f);

/* True: all processes use the youngest file of the list, as far as memory tells. */
bool	 dedup_files_seem_current(const struct dedup_files *s);

/* True: all files still have their names.  It looks at the disk. */
bool	 dedup_files_have_names(const struct dedup_files *s);

/*
 * Opens all files again; what files know that have no name any more is written again.  For when
 * dedup_files_have_names() is false.
 */
void	 dedup_files_save(struct dedup_files *s);

#endif
