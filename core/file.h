/*
 * file.h: whether a name still leads to the file that was opened.  Another process may have renamed
 * or removed that file and made a new one.
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

#endif
