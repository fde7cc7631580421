/*
 * page_file.h: reads the pages of a damaged SQLite database, without SQLite (its format:
 * https://www.sqlite.org/fileformat2.html).
 *
 * A page's newest version may be in the WAL.  There each frame is checked by its checksum, also
 * behind a frame that is damaged, where SQLite would stop.  The header need not be readable: the
 * size of a page can be seen from the pages.
 */
#ifndef STATE_SQLITE_PAGE_FILE_H
#define STATE_SQLITE_PAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum { PAGE_FILE_MAX = 65536 };		/* bytes of the largest page */

struct page_file;

/*
 * Opens a file and its WAL, both for reading.  Close it when no connection to that database is
 * open in this process: that drops its locks.  ERR_STORE: there is no such file; ERR_NOMEM.
 */
enum error	 page_file_open(struct page_file **f, const char *path);
void		 page_file_close(struct page_file *f);

/*
 * True: a commit stands in the WAL behind a frame that is damaged.  SQLite does not read it, and
 * does not say so.
 */
bool		 page_file_has_gap(const struct page_file *f);

/* Bytes of a page, and how many of them SQLite uses. */
size_t		 page_file_size(const struct page_file *f);
size_t		 page_file_usable(const struct page_file *f);

/* The next page that exists, after `page` (0: the first one).  0: there are no more. */
uint32_t	 page_file_next(const struct page_file *f, uint32_t page);

/* There are not more pages than so many. */
size_t		 page_file_count(const struct page_file *f);

/* Reads a page into p, PAGE_FILE_MAX bytes.  How many bytes it has; 0: it cannot be read. */
size_t		 page_file_read(const struct page_file *f, unsigned char *p, uint32_t page);

/* True: the page is free, so that what is in it was deleted. */
bool		 page_file_is_free(const struct page_file *f, uint32_t page);

/*
 * False: the page does not follow `before` (0: it is the first) in the chain of pages that hold one
 * long row.  A file whose notes about this cannot be read says true.
 */
bool		 page_file_may_follow(const struct page_file *f, uint32_t page, uint32_t before);

#endif
