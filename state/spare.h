/*
 * spare.h: room for messages that nobody else takes: QT does not have them, and the disk is full or
 * the database broken.
 *
 * A message that nobody has is not acknowledged: WeChat sends it again.  But a reply to its user
 * is an acknowledgement, so a message that is replied to must be safe.  For these there is a file
 * of fixed size, state_dir/qtoa.spare, whose blocks are written while the disk has room.  A
 * message in it is synced to disk.  Once the store works again, its messages move to the queue.
 *
 * If the disk never had that room, or the file is full, there is a second file of 1 MiB in memory
 * (/dev/shm), which is made when it is needed and removed when it is empty.  What is in it outlives
 * all processes, but not the machine.
 *
 * Such a file, in the machine's byte order:
 *
 *	at 0	"qtoaspar", u32 version (1), u32 0, u64 bytes of the file, u64 generation
 *	4096	records, each padded to a multiple of 8: struct record of state/spare.c, then
 *		account, code, outcome, query and body of the message.  A record of another
 *		generation, or with a wrong sum, is the end
 *
 * When the messages have moved, the generation grows by one, and zeros take their place.  The file
 * takes 1 MiB, or 1/32 of a disk below 32 MiB.  One process at a time uses it (state/lock.h).
 */
#ifndef STATE_SPARE_H
#define STATE_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/dedup.h"
#include "state/lock.h"
#include "state/queue.h"
#include "state/store.h"

struct spare;

#define SPARE_MEMORY	"/dev/shm"

/*
 * Opens nothing yet; keeps all three.  memory: a directory of a file system in memory; NULL: there
 * is no second file.  NULL: no memory.
 */
struct spare	*spare_new(const char *dir, const char *memory, struct locks *locks);
void		 spare_free(struct spare *s);

/* Makes the file, if it is not there and the disk has room for it beside the margin. */
void		 spare_make(struct spare *s);

/*
 * Keeps a message: it is in one of the files when this returns ERR_OK, and *where says in which, in
 * words.  One that is there already is not kept twice.  ERR_STORE: neither file takes it.
 */
enum error	 spare_put(struct spare *s, const char **where, const struct queue_message *m,
		    int64_t until_ms);

/* True: messages are kept there. */
bool		 spare_holds(const struct spare *s);

/*
 * Moves the messages to the queue, but not those that QT has by now (dedup).  *n: how many there
 * were.  ERR_STORE: the store does not take them, so they stay.
 */
enum error	 spare_move(struct spare *s, int64_t *n, struct store *store, struct dedup *dedup,
		    int64_t until_ms);

/*
 * Writes zeros wherever there is no message, also over what an interrupted spare_move() has left.
 * False: the file cannot be used now.
 */
bool		 spare_scrub(struct spare *s, int64_t until_ms);

#endif
