/*
 * log_reader.h: reads one place where lines of the log may be: a file with its rotated
 * predecessors (.1, .2.gz, -20261122, ...), or systemd's journal.
 */
#ifndef CLI_LOG_READER_H
#define CLI_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/log_line.h"

struct log_reader;

/* file NULL: the journal, as journalctl prints it.  NULL: no memory. */
struct log_reader	*log_reader_new(const char *file);
void			 log_reader_free(struct log_reader *r);

/* True: journalctl is here. */
bool			 log_reader_has_journal(void);

/* The file's name, or "the journal". */
const char		*log_reader_name(const struct log_reader *r);

/*
 * Opens it.  since_ms: files and lines that are older are left out; -1: all are read.  depth: how
 * far it reads back, 1 for the file itself or the end of the journal; 0: to the beginning.
 * False: why says what is wrong.
 */
enum { LOG_READER_WHY = 1400 };
bool			 log_reader_open(struct log_reader *r, int64_t since_ms, int depth,
			    char why[LOG_READER_WHY]);

/* The program that packed files need and PATH does not have, so they are left out; or NULL. */
const char		*log_reader_lacks(const struct log_reader *r);

/* True: there is nothing older than what is read. */
bool			 log_reader_is_whole(const struct log_reader *r);

/* Reads the next line of this program.  False: there is no line left at the moment. */
bool			 log_reader_next(struct log_reader *r, struct log_line *l);

/*
 * After the last line: from now on log_reader_next() gives what is written meanwhile, also after
 * the file was rotated or cut short.
 */
void			 log_reader_follow(struct log_reader *r);

/* Waits up to ms until there may be more.  For the journal it returns sooner. */
void			 log_reader_wait(struct log_reader *r, int ms);

#endif
