/*
 * alert_file.h: what has been told to settings.alert_url, so that all processes together, also
 * after a restart, tell each thing once.
 *
 * The file is state_dir/qtoa.alerts.  It has its full length from the beginning and is written in
 * place, so that alerts work on a full disk.  Two copies take turns, each with a number and a hash:
 * when the power fails while one is written, the other one is whole.  Only the process that has the
 * lock "alert" (state/lock.h) writes; all others may read.
 *
 * In the machine's byte order: i64, when the state of health was last looked at (ms since the
 * epoch); zeros up to 4096; then the two copies.
 */
#ifndef MONITOR_ALERT_FILE_H
#define MONITOR_ALERT_FILE_H

#include <stdbool.h>
#include <stdint.h>

enum { ALERT_FILE_SIGNS = 128, ALERT_FILE_WHAT = 16, ALERT_FILE_ACCOUNT = 72 };

/* A sign that something is wrong (monitor/health_state.h), in one account or in the program. */
struct alert_file_sign {
	char	 what[ALERT_FILE_WHAT];
	char	 account[ALERT_FILE_ACCOUNT];	/* its name; "": it is not about an account */
	int64_t	 since_ms;	/* when it began; all times are ms since the epoch */
	int64_t	 changed_ms;	/* when it came or went last */
	uint8_t	 is_there, is_told, is_bad;
	uint8_t	 is_due;	/* a look has found that it is to be told */
	uint8_t	 spare[4];
};

/* A file that is absent or was damaged gives all zeros. */
struct alert_file_state {
	int64_t	 next_ms;	/* nothing is sent before */
	int64_t	 tries;		/* of what is to be sent now: failed ones, and one under way */
	int64_t	 hour_ms;	/* when the hour began in which messages are counted */
	int64_t	 hour_sent;	/* messages about health in that hour */
	int64_t	 missed;	/* changes of health that were never told */
	int64_t	 limited;	/* 1: the limit of an hour is why some of them were not */
	int64_t	 week;		/* day (core/calendar.h) of the last summary's Monday; or 0 */
	int64_t	 sent, failed;	/* messages in all: taken, and given up */
	int64_t	 nsigns;
	struct alert_file_sign	 sign[ALERT_FILE_SIGNS];
};

struct alert_file {
	int			 fd;
	uint64_t		 number;	/* of the newest copy */
	struct alert_file_state	 state;
};

/*
 * Opens the file, makes it if need be, and reads the state.  False: errno says why; ENOTSUP: a
 * later qtoa has made it.  Call alert_file_close() in any case.
 */
bool	alert_file_open(struct alert_file *f, const char *dir);
void	alert_file_close(struct alert_file *f);

/* Writes the state to the disk.  False: errno. */
bool	alert_file_save(struct alert_file *f);

/* When somebody looked last, 0: never; and a note that somebody looks now. */
int64_t	alert_file_looked_ms(const char *dir);
void	alert_file_look(const struct alert_file *f, int64_t now_ms);

/* Reads the state and makes nothing.  False: there is no state yet. */
bool	alert_file_read(struct alert_file_state *st, const char *dir);

#endif
