/*
 * arrivals.h: messages that this host has acknowledged and that are not counted yet.
 *
 * The path of a request only appends a record to a file; it waits for nobody.  The file of process
 * N (lock_owner()) is state_dir/qtoa.arrivals-N; CGI runs share N 0.  When it is long enough, or
 * when somebody wants to count, it gets the name qtoa.arrivals-N.TIME (epoch ms) and nothing is
 * added to it any more.  Any process may take such a file, count what is in it and remove it.  The
 * file of a process that has died is taken in the same way.
 *
 * The death of a process loses nothing.  The files are not synced: a power cut may take the records
 * of the last seconds.  A record may be counted twice, after a crash: the store knows its key.
 * While the disk is nearly full, nothing is added and a line in the log says so.
 */
#ifndef STATE_ARRIVALS_H
#define STATE_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "state/lock.h"
#include "state/queue.h"
#include "state/state_file.h"
#include "state/store.h"

/* All slices are borrowed. */
struct arrival {
	struct slice		 account;	/* its path */
	unsigned char		 key[QUEUE_KEY];
	int64_t			 received_ms;	/* epoch ms */
	struct slice		 xml;		/* the message, decrypted */
};

/* One for all threads of a process. */
struct arrivals;

/* Opens nothing yet; keeps set and locks.  NULL: no memory. */
struct arrivals	*arrivals_new(const struct settings *set, struct locks *locks,
		    enum store_life life);
void		 arrivals_free(struct arrivals *as);

/* Appends a record.  A failure is logged once, and the message is not counted. */
void		 arrivals_add(struct arrivals *as, const struct arrival *a);

/* True: so much is in the file that was appended to that a CGI run should count it. */
bool		 arrivals_is_long(const struct arrivals *as);

/* True: that is the name of one of these files. */
bool		 arrivals_is_file(const char *name);

/* A file that is being counted.  { 0 } to begin with; it must stay at its address. */
struct arrivals_file {
	char		 path[STATE_FILE_PATH];
	struct lock	 lock;
	struct buf	 content;
	size_t		 at;		/* bytes that are counted */
	bool		 is_taken;
};

/*
 * Takes a file that no other process or thread has taken, and reads it.  The records that this
 * process has added so far are in one of the files.  False: there is no file, or it cannot be read.
 */
bool		 arrivals_take(struct arrivals *as, struct arrivals_file *f);

/*
 * Reads the record at *at and moves *at behind it.  Bytes that are not a record are left out.
 * False: there are no more records.
 */
bool		 arrivals_next(const struct arrivals_file *f, size_t *at, struct arrival *a);

/* Gives a file back.  counted: it is removed.  Nothing happens if it is not taken. */
void		 arrivals_release(struct arrivals *as, struct arrivals_file *f, bool counted);

#endif
