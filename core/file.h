/*
 * file.h: whether a name still leads to the file that was opened (another process may have renamed
 * or removed that file and made a new one), and where the blocks of a new file go.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/* True: fstat(2) or stat(2) gave a and b for one and the same file. */
bool	file_is_same(const struct stat *a, const struct stat *b);

/*
 * True: path leads to the file for which fstat(2) gave st.  False: it leads to another file, or to
 * no file, or it cannot be looked at.
 */
bool	file_is_at(const char *path, const struct stat *st);

/*
 * On btrfs: gives a file without bytes, or a directory for its new files, the attribute C (see
 * chattr(1)), so that a byte that is written again stays in its block.  Elsewhere, and if it fails,
 * it does nothing.
 */
void	file_no_cow(int fd);

#endif
