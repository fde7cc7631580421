#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "state/store.h"
#include "state/store_watch.h"

#ifdef __linux__

/*
 * A new flag is an event of the directory, and so is a file that is removed: the thread looks then
 * whether it was one of the store.  A flag that is raised again is opened for writing.
 */
static const uint32_t	 dir_events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
			    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
static const uint32_t	 flag_events = IN_CLOSE_WRITE;

struct store_watch {
	int	 fd;
	int	 dir_id, flag_id;	/* what inotify calls them; -1: not watched */
	char	 dir[1040], flag[1056];
};

struct store_watch *
store_watch_new(const char *state_dir)
{
	struct store_watch	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->dir_id = w->flag_id = -1;
	(void)snprintf(w->dir, sizeof(w->dir), "%s", state_dir);
	(void)snprintf(w->flag, sizeof(w->flag), "%s/%s", w->dir, STORE_FLAG);
	if ((w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) == -1) {
		free(w);
		return NULL;
	}
	return w;
}

void
store_watch_free(struct store_watch *w)
{
	if (w == NULL)
		return;
	(void)close(w->fd);
	free(w);
}

/* Watches what path is now.  A file that had that name before is not watched any more. */
static void
watch_path(struct store_watch *w, int *id, const char *path, uint32_t events)
{
	const int	 before = *id;

	*id = inotify_add_watch(w->fd, path, events);
	if (before != -1 && before != *id)
		(void)inotify_rm_watch(w->fd, before);
}

bool
store_watch_arm(struct store_watch *w)
{
	if (w == NULL)
		return false;
	watch_path(w, &w->dir_id, w->dir, dir_events);
	watch_path(w, &w->flag_id, w->flag, flag_events);
	return w->dir_id != -1;
}

int
store_watch_fd(const struct store_watch *w)
{
	return w == NULL ? -1 : w->fd;
}

/* Other files are made in the directory, too. */
static bool
is_of_flag(const struct store_watch *w, const struct inotify_event *e)
{
	return (e->mask & IN_Q_OVERFLOW) != 0 || (e->mask & IN_CLOSE_WRITE) != 0 ||
	    (e->wd == w->dir_id && (e->mask & (IN_CREATE | IN_MOVED_TO)) != 0 &&
	    e->len != 0 && strcmp(e->name, STORE_FLAG) == 0);
}

bool
store_watch_take(struct store_watch *w)
{
	union {
		struct inotify_event	 e;
		char			 bytes[4096];
	} events;
	const struct inotify_event	*e;
	ssize_t				 n, at;
	bool				 raised = false;

	while (w != NULL && (n = read(w->fd, events.bytes, sizeof(events.bytes))) > 0)
		for (at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const void *)(events.bytes + at);
			raised = raised || is_of_flag(w, e);
		}
	return raised;
}

#else

struct store_watch *
store_watch_new(const char *state_dir)
{
	(void)state_dir;
	return NULL;
}

void
store_watch_free(struct store_watch *w)
{
	(void)w;
}

bool
store_watch_arm(struct store_watch *w)
{
	(void)w;
	return false;
}

int
store_watch_fd(const struct store_watch *w)
{
	(void)w;
	return -1;
}

bool
store_watch_take(struct store_watch *w)
{
	(void)w;
	return false;
}

#endif
