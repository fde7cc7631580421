/*
 * state.h: for tests of modules with files: state directories, logs, limits and other processes.
 */
#ifndef TESTS_UNIT_STATE_H
#define TESTS_UNIT_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { STATE_PATH = 512 };

/*
 * Makes an empty directory (0700), which is removed with its files at exit.  The path stays
 * valid.
 */
const char	*state_new(void);

/* Writes dir/name to path. */
void		 state_path(char path[STATE_PATH], const char *dir, const char *name);

/*
 * How many names in dir begin like this; last (may be NULL) gets the path of one of them.  Files
 * that SQLite keeps beside a database (-wal, -shm) do not count.
 */
int		 state_count(const char *dir, const char *begin, char last[STATE_PATH]);

/* Writes a file in dir, in place of an older one. */
void		 state_write(const char *dir, const char *name, const void *p, size_t len);

/* Logs to the file "log" in dir from here on; its path. */
const char	*state_log(const char *dir);

/* How many lines of a log hold that text. */
int		 state_log_lines(const char *log, const char *text);

/*
 * From here on no file can grow over so many bytes, as if the disk were full; RLIM_INFINITY: no
 * limit.
 */
void		 state_limit_files(rlim_t bytes);

/* Runs as an ordinary user from here on: permissions do not stop root. */
void		 state_drop_root(void);

/*
 * Another process that runs fn; start it while this one has no threads.  The two take turns: one
 * says a word, the other waits to hear it.  If one has ended, the other does not wait.
 */
struct other {
	pid_t	 pid;
	int	 in, out;
};

void	 other_begin(struct other *o, void (*fn)(struct other *me, void *arg), void *arg);
void	 other_say(struct other *o);
bool	 other_hear(struct other *o);
void	 other_kill(struct other *o);	/* kills it (-9) and waits for its end */
int	 other_end(struct other *o);	/* waits for its end; returns how many checks failed */

/*
 * A thread that will wait for something.  Nothing tells when it waits, so its state in /proc is
 * read again and again.
 */
struct watched {
	pthread_mutex_t	 lock;
	char		 task[64];
};

void	 watched_init(struct watched *w);
void	 watched_here(struct watched *w);	/* watches the calling thread */
void	 watched_asleep(struct watched *w);	/* returns when that thread sleeps */

/* In the other process: counts a check that failed, and prints it. */
void	 other_check(bool ok, const char *what);
#define OTHER_CHECK(cond)	other_check(cond, #cond)

#endif
