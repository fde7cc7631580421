/*
 * failure_table.h: the table in which all processes count failures, the file
 * state_dir/qtoa.failures.  state/log_ratelimit.h decides what is counted and logged.
 *
 * The file, in the machine's byte order:
 *
 *	at 0		"qtoafail", u32 version (1), u32 places (256), u32 bytes of this head, u32
 *			bytes of a place; zeros up to 64
 *	at 64 + 8 n	u64: the hash of place n; 0: the place is free; zeros up to 4096
 *	4096 + 512 n	place n, all u64: its hash again (if the two differ, the place is free); a
 *			hash without the peer; the level; the minute (upper half: when it began, in
 *			epoch seconds; lower half: how many lines it has in the log); how many lines
 *			were not logged, when the first and the last of them came (ms since the
 *			epoch); how many failures there were in all, when the first and the last of
 *			them came; then what, account, error, reason and peer, FAILURE_TABLE_TEXT
 *			bytes each, padded with NULs
 *
 * It takes 132 KiB, which are reserved before they are used.  A file of another layout goes into
 * quarantine (state/state_file.h); the file of a later qtoa is left alone.  If the file is
 * removed or cut short, a new one is made.
 */
#ifndef STATE_FAILURE_TABLE_H
#define STATE_FAILURE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/slice.h"
#include "state/mapped_file.h"

enum {
	FAILURE_TABLE_PLACES	= 256,
	FAILURE_TABLE_TEXT	= 72,	/* bytes of a text, with its NUL */
	FAILURE_TABLE_PEERS	= 32,	/* that fail alike in a minute, each with its own place */
	FAILURE_TABLE_MINUTE_S	= 60
};

enum failure_text {
	FAILURE_WHAT, FAILURE_ACCOUNT, FAILURE_ERROR, FAILURE_REASON, FAILURE_PEER, FAILURE_TEXTS
};

/*
 * One failure's place, which may go to another failure while a thread reads it.  Then the hash is
 * set to 0 first and written last; so a reader looks at the hash before and after, and what it
 * has read is good if both are the same.
 */
struct failure_place {
	_Atomic uint64_t	 hash;
	_Atomic uint64_t	 group;		/* the hash without the peer */
	_Atomic uint64_t	 level;
	_Atomic uint64_t	 minute;	/* first epoch second << 32, lines in the log */
	_Atomic uint64_t	 unsaid;	/* lines that were not logged */
	_Atomic int64_t		 unsaid_first, unsaid_last;	/* ms since the epoch */
	_Atomic uint64_t	 count;		/* failures in all */
	_Atomic int64_t		 first, last;	/* ms since the epoch */
	_Atomic uint64_t	 text[FAILURE_TEXTS][FAILURE_TABLE_TEXT / 8];
	_Atomic uint64_t	 spare[9];
};

struct failure_table_head {
	char		 magic[8];
	uint32_t	 version, places, head, place;
	char		 zero[40];
};

struct failure_table {
	struct failure_table_head	 head;
	_Atomic uint64_t		 index[FAILURE_TABLE_PLACES];	/* the hashes again */
	char				 zero[4096 - 64 - 8 * FAILURE_TABLE_PLACES];
	struct failure_place		 place[FAILURE_TABLE_PLACES];
};

/*
 * Which failures share a place: those of one peer, of all peers of an account, or of all accounts.
 * Each scope has places of its own, so a flood of the first cannot take those of the others.
 */
enum failure_scope {
	FAILURE_ONE_PEER, FAILURE_ALL_PEERS, FAILURE_ALL_ACCOUNTS, FAILURE_SCOPES
};

/* A failure, and the hash of its place in each scope. */
struct failure_search {
	struct slice	 text[FAILURE_TEXTS];
	enum log_level	 level;
	int64_t		 now_ms;	/* ms since the epoch */
	uint64_t	 hash[FAILURE_SCOPES];
};

extern const struct mapped_file_kind	failure_table_kind;

/* Writes the path of the file. */
void		 failure_table_path(char path[STATE_FILE_PATH], const char *dir);

/* Opens the file as state_file_open() does; it checks the whole head, and the size. */
enum state_file_is failure_table_open(struct state_file *f, const char *path, int flags);

/* Gives an empty file its head.  If the process dies in here, the file is still an empty one. */
bool		 failure_table_begin(struct state_file *f);

/*
 * Reads the places and the index of the file into t, which is all zeros; a file that is absent or
 * has another layout leaves it so.  The file is not mapped: an error of the disk must not kill
 * the process.  ERR_STORE: errno says why.
 */
enum error	 failure_table_read(struct failure_table *t, const char *dir);

/* Sets the hashes of a search whose other members are set. */
void		 failure_table_hash(struct failure_search *s);

/* Whether place i has a failure. */
bool		 failure_table_is_taken(const struct failure_table *t, size_t i);

/* The place with that hash in a scope; NULL: there is no such place. */
struct failure_place *failure_table_find(struct failure_table *t, enum failure_scope scope,
		    uint64_t hash);

/*
 * Finds a free place, or else the one without a failure for longest, at least a minute.
 * FAILURE_TABLE_PLACES: there is no such place, or so many peers have failed alike that further
 * ones share a place.  The caller holds the lock "failures" (state/lock.h).
 */
size_t		 failure_table_find_room(const struct failure_table *t,
		    const struct failure_search *s, enum failure_scope scope);

/*
 * Gives place i to the failure.  If the process dies in here, the place is free.  The caller holds
 * the lock "failures".
 */
struct failure_place *failure_table_take(struct failure_table *t, size_t i,
		    const struct failure_search *s, enum failure_scope scope);

/* Copies a text of a place. */
void		 failure_table_text(char text[FAILURE_TABLE_TEXT], const struct failure_place *p,
		    enum failure_text which);

enum log_level	 failure_table_level(const struct failure_place *p);

/* Whether a place's minute is over.  A minute of the future is that of a clock that was set. */
bool		 failure_table_is_over(uint64_t minute, int64_t now_ms);

/* How long a place had no failure.  A time far in the future is that of a clock that was set. */
int64_t		 failure_table_silence_ms(const struct failure_place *p, int64_t now_ms);

#endif
