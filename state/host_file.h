/*
 * host_file.h: state_dir/qtoa.host, what this host knows of its place among the hosts that share a
 * store: see state/hosts.h.
 *
 * The file has 128 bytes, in the machine's byte order: "qtoahost", u32 version (1), u32 0, then the
 * members of struct host_file, zeros.  It may be removed: then the host counts as a new one.
 */
#ifndef STATE_HOST_FILE_H
#define STATE_HOST_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* Times are epoch ms if they do not say otherwise; 0: never. */
struct host_file {
	int64_t	 home;		/* the number of this state directory; 0: it has no number yet */
	int64_t	 pulse;		/* the number that its row in the store has; 0: it has no row */
	int64_t	 next_pulse;	/* the number that was sent, but perhaps not stored */
	int64_t	 seen_ms;	/* when the row was last written */
	int64_t	 tried_ms;	/* when that was last tried */
	int64_t	 counted_s;	/* counters up to then are in the store, epoch seconds */
	int64_t	 degraded_ms;	/* since then the shared store has failed; 0: it works */
};

/* All zeros if the file is not there or not usable.  False: it cannot be read; errno. */
bool	host_file_read(struct host_file *f, const char *dir);

/* Writes it, not synced.  One process at a time may do that.  False: errno. */
bool	host_file_write(const struct host_file *f, const char *dir);

int64_t	host_file_home(const char *dir);	/* 0: there is no such file */

#endif
