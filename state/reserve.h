/*
 * reserve.h: the file state_dir/qtoa.reserve.  It holds some blocks of the disk, and nothing is in
 * it.  When the disk is full it is cut, so that what frees more room can be done: to send and
 * delete messages, to open the database.  It is made again when the disk has room.
 */
#ifndef STATE_RESERVE_H
#define STATE_RESERVE_H

#include <stdbool.h>

#define RESERVE_FILE	"qtoa.reserve"

/*
 * Makes the file, or makes it whole again, if the disk has room for it beside the margin
 * (state/disk.h): 1 MiB, or 1/32 of a disk below 32 MiB.  The next call tries again
 * what has failed.
 */
void		 reserve_make(const char *dir);

/*
 * Gives up half of it, since other processes may take what becomes free; at last the file is
 * removed.  False: there is nothing left.
 */
bool		 reserve_give(const char *dir);

/* Removes the file: this frees an inode, too.  False: there is nothing left. */
bool		 reserve_give_all(const char *dir);

#endif
