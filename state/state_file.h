/*
 * state_file.h: what modules with a file in state_dir share: they open it, reserve its space, map
 * it, put it into quarantine if it is not theirs, and log once that it cannot be used.
 *
 * Quarantine: a file that this program cannot use is renamed to FILE.KIND-TIME (TIME in ms since
 * the epoch), so that a new one can be made and nothing is lost.  Only the operator removes such
 * files.
 */
#ifndef STATE_STATE_FILE_H
#define STATE_STATE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/slice.h"
#include "state/map_guard.h"

enum { STATE_FILE_PATH = 1100 };	/* bytes that any path in state_dir fits in */

/* A file that may be open, mapped, both or neither; { .fd = -1 } to begin with. */
struct state_file {
	int		 fd;	/* -1: it is not open */
	struct stat	 st;	/* of the file that was opened */
	void		*map;	/* NULL: it is not mapped */
	size_t		 len;	/* bytes that are mapped */
	struct map_guard *guard;	/* of the mapping */
	bool		 was_lost;	/* the last mapping was: see state_file_is_lost() */
};

enum state_file_is {
	STATE_FILE_SOUND,
	STATE_FILE_ABSENT,	/* errno */
	STATE_FILE_EMPTY,	/* it has no magic: its maker died before that was written */
	STATE_FILE_OTHER,	/* it has another layout */
	STATE_FILE_LATER,	/* a later version of this program made it */
	STATE_FILE_UNREADABLE	/* errno */
};

/* How the file of a module begins: the magic, then a u32, the version. */
struct state_file_layout {
	char		 magic[8];
	uint32_t	 version;
	size_t		 head;		/* bytes to read, 12 or more */
};

/*
 * Opens the file (flags as for open(2); a new one gets mode 0600) and reads its head.  The
 * descriptor stays open even if the file is not sound; the caller closes it.  STATE_FILE_SOUND says
 * that magic and version are right; the caller compares the rest of the head.
 */
enum state_file_is state_file_open(struct state_file *f, const char *path, int flags, void *head,
		    const struct state_file_layout *layout);

/* Closes the descriptor and keeps errno.  The mapping stays. */
void		 state_file_close(struct state_file *f);

/*
 * Makes way for a new file: what is empty is removed, what has another layout goes into
 * quarantine as FILE.foreign-TIME, with a line in the log (what= is `what`).  NULL: done; else the
 * reason why not.
 */
const char	*state_file_clear(enum state_file_is is, const char *path, const char *what);

/* Writes the name that a file gets in quarantine. */
void		 state_file_quarantine_path(char to[STATE_FILE_PATH], const char *path,
		    const char *kind);

/*
 * Makes the file that long, with all of it on disk: the copy of a file may have holes, and a hole
 * that is mapped cannot be written when the disk is full.  On btrfs a new file gets the attribute
 * C: without it each write needs other blocks, so nothing could be reserved.  False: errno.
 */
bool		 state_file_reserve(struct state_file *f, off_t len);

/*
 * Puts bytes in the place of a small file, all or nothing, on the disk before the name is theirs.
 * One process at a time may do that.  False: errno.
 */
bool		 state_file_replace(const char *path, struct slice bytes);

/*
 * Maps len bytes of `from`, shared and writable, in place of what f maps.  If the mapping before
 * was lost, it first looks whether the pages can be written.  False: errno.
 */
bool		 state_file_map(struct state_file *f, const struct state_file *from, size_t len);
void		 state_file_unmap(struct state_file *f);

/*
 * True: a page of the mapping could not be used, and memory has taken its place: see
 * state/map_guard.h.  The owner unmaps the file, and logs STATE_FILE_LOST.
 */
bool		 state_file_is_lost(const struct state_file *f);
#define STATE_FILE_LOST	"it was cut short, or its disk is full or broken"

/* A failure that lasts.  Set the first four, and remedy without dir; the rest begins as zeros. */
struct state_file_trouble {
	const char		*dir;		/* state_dir; NULL: the fault is not there */
	const char		*what;		/* what= of the lines in the log */
	const char		*effect;	/* "requests are not counted" */
	enum log_level		 level;
	const char		*remedy;	/* what to do, if dir is NULL */
	bool			 is_logged;
	_Atomic int64_t		 retry_ms;	/* monotonic; do not try again before */
};

/*
 * Notes how a try to use the file `path` (NULL: why names it) ended: why is NULL if it worked,
 * else the reason.  The first failure is logged, those that follow are not.  True: it works for
 * the first time after that, so the caller logs that it works again.
 */
bool		 state_file_note(struct state_file_trouble *t, const char *path, const char *why);

/* False: less than a second has passed since the last failure, so do not try yet. */
bool		 state_file_may_try(const struct state_file_trouble *t);

#endif
