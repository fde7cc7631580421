/*
 * observed.h: what verbs of the command line have seen, so that /-/metrics can show it: a scrape
 * asks no server.  `qtoa check` notes when certificates end, `qtoa reconcile` how many calls of
 * WeChat's never came.
 *
 * The notes are in state_dir/qtoa.observed.  It is text: a line "qtoa-observed 1", then a line
 * "KIND KEY VALUE UNTIL SEEN" for each note; the last two are epoch seconds.  A note that is seen
 * again replaces the older one, and after 30 days a note is dropped.  The file may be removed.
 */
#ifndef STATE_OBSERVED_H
#define STATE_OBSERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "state/lock.h"

enum observed_kind {
	OBSERVED_CERTIFICATE,	/* key: a host, with its port if it is not 443; value: not used;
				   until_s: the end of the first certificate of its chain to end */
	OBSERVED_RECONCILE,	/* key: an account's path; value: missing calls; until_s: the end
				   of the last day that was compared */
	OBSERVED__KINDS
};

enum { OBSERVED_KEY = 256 };	/* bytes, with the NUL */

struct observation {
	enum observed_kind	 kind;
	char			 key[OBSERVED_KEY];
	int64_t			 value;
	int64_t			 until_s;	/* epoch seconds */
	int64_t			 seen_s;	/* epoch seconds */
};

struct observed {
	struct observation	*v;
	size_t			 n, room;
};

/*
 * Reads the notes.  A file that is not there, or is another's, has no notes; a line that is damaged
 * is left out.  ERR_NOMEM.  Call observed_free() always.
 */
enum error	 observed_read(struct observed *o, const char *dir, int64_t now_s);
void		 observed_free(struct observed *o);

/* NULL: there is no note of that kind with that key. */
const struct observation *observed_find(const struct observed *o, enum observed_kind kind,
		    const char *key);

/*
 * Adds n notes to the file.  A note of OBSERVED_RECONCILE does not replace one of a later day, and
 * one with until_s 0 replaces nothing.  all: other notes of the kind of v[0] are dropped.  Keys
 * with blanks or control characters are left out.  ERR_STORE: errno; ERR_NOMEM.
 */
enum error	 observed_note(struct locks *locks, const char *dir, const struct observation *v,
		    size_t n, bool all, int64_t now_s);

#endif
