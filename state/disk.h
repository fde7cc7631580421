/*
 * disk.h: how much room the file system of state_dir has, and how little of it is too little.
 *
 * qtoa stops to add messages and events to its database while there is still some room, the
 * margin: what lies in the queue can then be sent and deleted, which needs room, too.  Other
 * processes may use the margin; for that case there is state/reserve.h.
 */
#ifndef STATE_DISK_H
#define STATE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Room that users other than root have, in bytes; inodes 0: the file system does not count them. */
struct disk {
	int64_t	 free_bytes, bytes;
	int64_t	 free_inodes, inodes;
};

/* False: errno. */
bool		 disk_look(struct disk *d, const char *dir);

/* The more of these, the less room there is. */
enum disk_room {
	DISK_FINE,
	DISK_TENTH,	/* less than a tenth is free */
	DISK_LOW,	/* less than 100 MB, or 1000 inodes */
	DISK_OUT	/* less than the margin, or 20 inodes */
};
enum disk_room	 disk_room(const struct disk *d);

/* With fewer free bytes nothing is added: 10 MB, or a sixteenth of a disk below 160 MB. */
int64_t		 disk_margin(const struct disk *d);

/* A quarter more: once it was less, so much must be free before rows are added again. */
int64_t		 disk_margin_again(const struct disk *d);

#endif
