#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/store_look.h"

enum {
	FAILED_MS = 2000,	/* after a look that failed, the file's time is so far ahead */
	SLACK_MS = 100		/* a process that looks every second does not miss its turn */
};

static void
name_file(char *path, size_t size, const char *state_dir)
{
	(void)snprintf(path, size, "%s/" STORE_LOOK_FILE, state_dir);
}

/* How many ms ago the file says that the last look was; negative: that look failed. */
static int64_t
find_age(const char *path)
{
	struct stat	 st;

	if (stat(path, &st) == -1)
		return INT64_MAX;
	return clock_wall_ms() - ((int64_t)st.st_mtim.tv_sec * 1000 +
	    st.st_mtim.tv_nsec / 1000000);
}

/* Sets the file's time to that of a look, and makes the file. */
static void
note_look(const char *path, int64_t ms)
{
	const struct timespec	 t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	const struct timespec	 times[] = { t, t };
	int			 fd;

	if (utimensat(AT_FDCWD, path, times, 0) == 0)
		return;
	/* Without the file each process looks for itself. */
	if ((fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return;
	(void)futimens(fd, times);
	(void)close(fd);
}

/* A store_work. */
static enum error
find_waiting(struct db *db, void *arg)
{
	return db_number(db, arg, SQL_STORE_WAITS, DB_NO_VALUES);
}

void
store_look(struct store *s, const char *state_dir, int64_t until_ms)
{
	int64_t	 age_ms, waits = 0;
	char	 path[1056];

	if (!store_is_shared(s))
		return;
	name_file(path, sizeof(path), state_dir);
	age_ms = find_age(path);
	/* A time that is far ahead was written before somebody set the clock back. */
	if (age_ms < STORE_LOOK_MS - SLACK_MS && age_ms >= -FAILED_MS)
		return;
	note_look(path, clock_wall_ms());
	if (store_do(s, STORE_READ, find_waiting, &waits, until_ms) != ERR_OK)
		note_look(path, clock_wall_ms() + FAILED_MS);
	else if (waits != 0 && !store_is_raised(s))
		store_raise(s);
}

bool
store_look_has_failed(const struct store *s, const char *state_dir)
{
	int64_t	 age_ms;
	char	 path[1056];

	if (!store_is_shared(s))
		return false;
	name_file(path, sizeof(path), state_dir);
	age_ms = find_age(path);
	return age_ms < 0 && age_ms >= -FAILED_MS;
}
