/*
 * mapped_file.h: a table of fixed size in a file of state_dir, which all threads, processes and CGI
 * runs map.  While the file cannot be used, each process has such a table of its own in memory.
 *
 * The file begins with a head of its kind; all else of a new file is zeros.  Its blocks are
 * written before it is used, so that no disk that is full later can take them.  A file of another
 * layout goes into quarantine, a failure is logged once, and a file that was removed or renamed is
 * left within a second (state/state_file.h).
 */
#ifndef STATE_MAPPED_FILE_H
#define STATE_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/log.h"
#include "state/lock.h"
#include "state/state_file.h"

struct mapped_file_kind {
	const char	*name;		/* of the file in state_dir */
	const char	*lock;		/* name of the lock under which a new one is made */
	const char	*what;		/* what= of the lines in the log */
	const char	*effect;	/* of a failure: see struct state_file_trouble */
	const void	*head;		/* of a new file: magic, u32 version, and more */
	size_t		 head_len;	/* 12 or more */
	size_t		 size;		/* of the file, a multiple of 4096 */
};

/* Gets a table that is about to go: the file has another name, or the process's own is given up. */
typedef void		 mapped_file_left(void *table);

struct mapped_file;

/* Opens nothing yet; keeps dir, locks and k.  left may be NULL.  NULL: no memory. */
struct mapped_file	*mapped_file_new(const struct mapped_file_kind *k, const char *dir,
			    struct locks *locks, mapped_file_left *left);
void			 mapped_file_free(struct mapped_file *m);

/*
 * The table, until mapped_file_leave(): that of the file, which is made if need be, or else the
 * process's own.  NULL: there is no memory for one; mapped_file_leave() must not follow.
 */
void			*mapped_file_enter(struct mapped_file *m);
void			 mapped_file_leave(struct mapped_file *m);

/* The same, but no file is made, and no table in memory. */
void			*mapped_file_enter_existing(struct mapped_file *m);

/*
 * The file alone, not mapped.
 */

void			 mapped_file_path(char path[STATE_FILE_PATH], const char *dir,
			    const struct mapped_file_kind *k);

/* Opens the file as state_file_open() does; it checks the whole head, and the size. */
enum state_file_is	 mapped_file_open(struct state_file *f, const char *path, int flags,
			    const struct mapped_file_kind *k);

/* Gives an empty file its head.  If the process dies in here, the file is still an empty one. */
bool			 mapped_file_begin(struct state_file *f, const struct mapped_file_kind *k);

#endif
