#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "state/sqlite/page_file.h"
#include "state/state_file.h"
#include "state/sqlite/wal_guard.h"

enum {
	TRIES = 3,		/* another process may be writing what is read: look again */
	NAP_MS = 5,
	COPIED = 65536		/* bytes at once */
};

static bool
has_gap(const char *file)
{
	char			 wal[STATE_FILE_PATH + 8];
	struct page_file	*f = NULL;
	struct stat		 st;
	bool			 gap;

	(void)snprintf(wal, sizeof(wal), "%s-wal", file);
	gap = stat(wal, &st) == 0 && st.st_size != 0 &&
	    page_file_open(&f, file) == ERR_OK && page_file_has_gap(f);
	page_file_close(f);
	return gap;
}

bool
wal_guard_is_damaged(const char *file)
{
	const struct timespec	 pause = { 0, NAP_MS * 1000000 };
	int			 i;

	for (i = 0; i < TRIES; i++) {
		if (!has_gap(file))
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* Copies all bytes of `in` to `out`, and to the disk. */
static bool
copy_bytes(int in, int out)
{
	char	 p[COPIED];
	ssize_t	 n;

	while ((n = read(in, p, sizeof(p))) > 0 || (n == -1 && errno == EINTR))
		if (n > 0 && write(out, p, (size_t)n) != n)
			return false;
	return n == 0 && fsync(out) == 0;
}

static bool
copy_file(const char *from, const char *to)
{
	int	 in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out = -1;
	bool	 good;

	good = in != -1 && (out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) != -1 &&
	    copy_bytes(in, out);
	if (in != -1)
		(void)close(in);
	if (out != -1)
		(void)close(out);
	if (!good && out != -1)
		(void)unlink(to);
	return good;
}

/* An empty database beside the copy of a WAL: its pages are all in there. */
static bool
make_empty(const char *path)
{
	const int	 fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd != -1 && close(fd) == 0;
}

bool
wal_guard_run(const char *file)
{
	char	 to[STATE_FILE_PATH], wal[STATE_FILE_PATH + 8], copy[STATE_FILE_PATH + 8];

	if (!wal_guard_is_damaged(file))
		return false;
	state_file_quarantine_path(to, file, "damaged");
	(void)snprintf(wal, sizeof(wal), "%s-wal", file);
	(void)snprintf(copy, sizeof(copy), "%s-wal", to);
	/* EEXIST: another process has seen it in the same millisecond. */
	if ((!copy_file(wal, copy) || !make_empty(to)) && errno != EEXIST) {
		log_msg(LEVEL_ERROR, "store", "%s is damaged, and cannot be copied to %s: %s; "
		    "messages behind the damage are lost", wal, copy, strerror(errno));
		return false;
	}
	log_msg(LEVEL_ERROR, "store", "%s is damaged: it is copied to %s, and messages that wait "
	    "behind the damage are taken over if they can be read", wal, copy);
	return true;
}
