/*
 * answer_table.h: the answers that relays give to users, for all processes of a state directory.
 *
 * WeChat sends a message up to three times, if it hears nothing within 5 s.  One of these
 * deliveries calls the relay.  The others find here that it was called, wait for its answer, and
 * give the same one.
 *
 * The file state_dir/qtoa.answers, in the machine's byte order:
 *
 *	at 0		"qtoaansw", u32 version (1), u32 entries (1024), u32 bytes of an entry
 *	at 64 + 8 n	the lock of row n: 0, or the number of the process that holds it
 *	4096 + 4096 n	entry n; eight of them are a row, which the key of the message chooses
 *
 * It takes 4 MiB, which are reserved before they are used.  In a full row the entry goes that has
 * been there longest and has no call under way.  A lock of a process that has died is free.
 * Without the file each process has a table of its own.  A file of another layout goes into
 * quarantine (state/state_file.h).
 */
#ifndef STATE_ANSWER_TABLE_H
#define STATE_ANSWER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "state/lock.h"
#include "state/queue.h"

enum { ANSWER_TABLE_TEXT = 4000 };	/* bytes of an answer */

struct answer_table;

/* Opens nothing yet; keeps dir and locks.  NULL: no memory. */
struct answer_table	*answer_table_new(const char *dir, struct locks *locks);
void			 answer_table_free(struct answer_table *t);

enum answer_is {
	ANSWER_UNKNOWN,		/* there is no entry */
	ANSWER_COMING,		/* a living process has called the relay */
	ANSWER_LOST,		/* the process that had called the relay has died */
	ANSWER_NOTHING,		/* the relay has nothing to say to the user, or nothing good */
	ANSWER_TEXT,		/* it has answered */
	ANSWER_LATE		/* it has answered, and the user got it as a message */
};

/*
 * A delivery of the message has come: counts it in *n, from 1 on.  If the result is ANSWER_UNKNOWN
 * or ANSWER_LOST, this process must call the relay now: for all others it is ANSWER_COMING.  If
 * there is no room for the message, the result is ANSWER_UNKNOWN, too.  For all threads.
 */
enum answer_is	 answer_table_join(struct answer_table *t, int *n,
		    const unsigned char key[QUEUE_KEY]);

/*
 * The relay has answered.  text absent: nothing.  *n: how many deliveries there were.  False: the
 * message has no entry any more, or the text is too long for one; it became ANSWER_NOTHING then.
 */
bool		 answer_table_put(struct answer_table *t, int *n,
		    const unsigned char key[QUEUE_KEY], struct slice text);

/*
 * What is known of the message; of ANSWER_TEXT, text becomes the answer, and it is noted that a
 * delivery has it.
 */
enum answer_is	 answer_table_get(struct answer_table *t, struct buf *text,
		    const unsigned char key[QUEUE_KEY]);

/*
 * True: there is an answer that no delivery has taken; text becomes it, and it is ANSWER_LATE from
 * now on.
 */
bool		 answer_table_take_late(struct answer_table *t, struct buf *text,
		    const unsigned char key[QUEUE_KEY]);

#endif
