#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { DIRS = 64, NOBODY = 65534 };

static char	 dirs[DIRS][STATE_PATH];
static int	 ndirs;
static int	 wrong;		/* checks that failed in the other process */

static void
empty(const char *dir)
{
	char		 path[STATE_PATH];
	struct dirent	*e;
	DIR		*d;

	(void)chmod(dir, 0700);
	if ((d = opendir(dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		state_path(path, dir, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlink(path) == -1) {
			empty(path);
			(void)rmdir(path);
		}
	}
	(void)closedir(d);
}

static void
remove_dirs(void)
{
	while (ndirs-- > 0) {
		empty(dirs[ndirs]);
		(void)rmdir(dirs[ndirs]);
	}
}

const char *
state_new(void)
{
	char	*dir = dirs[ndirs];

	if (ndirs == DIRS)
		fail_msg("too many directories");
	if (ndirs == 0) {
		(void)unit_dir();	/* it is removed after these directories */
		(void)atexit(remove_dirs);
	}
	(void)snprintf(dir, STATE_PATH, "%s/%d", unit_dir(), ndirs++);
	if (mkdir(dir, 0700) == -1)
		fail_msg("no directory %s", dir);
	return dir;
}

void
state_path(char path[STATE_PATH], const char *dir, const char *name)
{
	if (snprintf(path, STATE_PATH, "%s/%s", dir, name) >= STATE_PATH)
		fail_msg("%s/%s is too long", dir, name);
}

int
state_count(const char *dir, const char *begin, char last[STATE_PATH])
{
	struct dirent	*e;
	DIR		*d = opendir(dir);
	int		 n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, begin, strlen(begin)) == 0 && !sqlite_db_is_beside(e->d_name)) {
			n++;
			if (last != NULL)
				state_path(last, dir, e->d_name);
		}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

void
state_write(const char *dir, const char *name, const void *p, size_t len)
{
	char	 path[STATE_PATH];
	int	 fd;

	state_path(path, dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, p, len) != (ssize_t)len || close(fd) == -1)
		fail_msg("cannot write %s", path);
}

const char *
state_log(const char *dir)
{
	static char	 path[STATE_PATH];

	state_path(path, dir, "log");
	if (log_open(path) != 0)
		fail_msg("cannot log to %s", path);
	return path;
}

int
state_log_lines(const char *log, const char *text)
{
	char	 line[2048];
	FILE	*f = fopen(log, "r");
	int	 n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	if (f != NULL)
		(void)fclose(f);
	return n;
}

void
state_limit_files(rlim_t bytes)
{
	struct rlimit	 r;

	OTHER_CHECK(getrlimit(RLIMIT_FSIZE, &r) == 0);
	r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
	OTHER_CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

void
state_drop_root(void)
{
	if (geteuid() != 0)
		return;
	if (chown(unit_dir(), NOBODY, NOBODY) == -1 ||
	    (ndirs != 0 && chown(dirs[ndirs - 1], NOBODY, NOBODY) == -1) ||
	    setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
		fail_msg("root stays root");
}

void
other_begin(struct other *o, void (*fn)(struct other *me, void *arg), void *arg)
{
	int	 to[2], from[2];

	(void)signal(SIGPIPE, SIG_IGN);
	(void)fflush(NULL);
	if (pipe(to) == -1 || pipe(from) == -1 || (o->pid = fork()) == -1)
		fail_msg("no process: %s", strerror(errno));
	o->in = o->pid == 0 ? to[0] : from[0];
	o->out = o->pid == 0 ? from[1] : to[1];
	(void)close(o->pid == 0 ? to[1] : from[1]);
	(void)close(o->pid == 0 ? from[0] : to[0]);
	(void)fcntl(o->in, F_SETFD, FD_CLOEXEC);
	(void)fcntl(o->out, F_SETFD, FD_CLOEXEC);
	if (o->pid != 0)
		return;
	fn(o, arg);
	_exit(wrong > 100 ? 100 : wrong);
}

void
other_say(struct other *o)
{
	(void)!write(o->out, "", 1);
}

bool
other_hear(struct other *o)
{
	char	 c;

	return read(o->in, &c, 1) == 1;
}

int
other_end(struct other *o)
{
	int	 status = 0;

	(void)close(o->in);
	(void)close(o->out);
	while (waitpid(o->pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
other_kill(struct other *o)
{
	(void)kill(o->pid, SIGKILL);
	(void)other_end(o);
}

void
other_check(bool ok, const char *what)
{
	if (ok)
		return;
	wrong++;
	print_error("in another process: not so: %s\n", what);
}

void
watched_init(struct watched *w)
{
	(void)pthread_mutex_init(&w->lock, NULL);
	*w->task = '\0';
}

void
watched_here(struct watched *w)
{
	char	 self[32];
	ssize_t	 n = readlink("/proc/thread-self", self, sizeof(self) - 1);

	if (n == -1)
		fail_msg("/proc is needed");
	self[n] = '\0';
	(void)pthread_mutex_lock(&w->lock);
	(void)snprintf(w->task, sizeof(w->task), "/proc/%s/stat", self);
	(void)pthread_mutex_unlock(&w->lock);
}

void
watched_asleep(struct watched *w)
{
	const struct timespec	 pause = { 0, 1000000 };
	char			 text[512], *p = NULL;
	FILE			*f;

	while (p == NULL || p[2] != 'S') {
		(void)nanosleep(&pause, NULL);
		(void)pthread_mutex_lock(&w->lock);
		f = *w->task == '\0' ? NULL : fopen(w->task, "r");
		(void)pthread_mutex_unlock(&w->lock);
		if (f == NULL)
			continue;
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		(void)fclose(f);
		p = strrchr(text, ')');
	}
}
