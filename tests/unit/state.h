/*
 * state.h: what the tests of the store and its parts share: state directories and other
 * processes.
 */
#ifndef TESTS_UNIT_STATE_H
#define TESTS_UNIT_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { STATE_PATH = 512 };

/*
 * A new directory, 0700 and empty, removed with its files at exit.  Valid to the end of the
 * process.
 */
const char	*state_new(void);

/* path becomes dir/name. */
void		 state_path(char path[STATE_PATH], const char *dir, const char *name);

/*
 * How many names in dir begin like this; last (may be NULL) becomes the path of one of them.
 * What SQLite puts beside a file, ...-wal and so on, does not count.
 */
int		 state_count(const char *dir, const char *begin, char last[STATE_PATH]);

/* What name in dir holds, written anew. */
void		 state_write(const char *dir, const char *name, const void *p, size_t len);

/* Logs to the file "log" in dir from here on; its path. */
const char	*state_log(const char *dir);

/* How many lines of a log hold that text. */
int		 state_log_lines(const char *log, const char *text);

/* No file may grow over that many bytes (a full disk, say); RLIM_INFINITY: any file may. */
void		 state_limit_files(rlim_t bytes);

/* An ordinary user from here on: root is stopped by no permission. */
void		 state_drop_root(void);

/*
 * Another process that runs fn, started while this one has no threads.  The two take turns
 * by saying and hearing a word; who waits for one that has ended does not wait.
 */
struct other {
	pid_t	 pid;
	int	 in, out;
};

void	 other_begin(struct other *o, void (*fn)(struct other *me, void *arg), void *arg);
void	 other_say(struct other *o);
bool	 other_hear(struct other *o);
void	 other_kill(struct other *o);	/* kill -9, and its end */
int	 other_end(struct other *o);	/* waits for its end: 0, or how many checks failed */

/*
 * A thread that is about to wait for something: nobody tells when it does, so its state in
 * /proc is looked at again and again.
 */
struct watched {
	pthread_mutex_t	 lock;
	char		 task[64];
};

void	 watched_init(struct watched *w);
void	 watched_here(struct watched *w);	/* the calling thread is it */
void	 watched_asleep(struct watched *w);	/* returns when it sleeps */

/* In the other process: counts what is not so, and says it. */
void	 other_check(bool ok, const char *what);
#define OTHER_CHECK(cond)	other_check(cond, #cond)

#endif
