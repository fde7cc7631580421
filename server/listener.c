#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/acl.h"
#include "core/file.h"
#include "core/lang.h"
#include "server/listener.h"
#include "server/thread_pool.h"

enum { BACKLOG = 1024 };	/* with a short queue a burst of requests gives errors */

/* The socket file that this process has made: exit() has no arguments for what it calls. */
static struct {
	struct sockaddr_un	 name;
	struct stat		 st;
} made;

/* A socket of the Internet: is its address loopback? */
static bool
has_open_address(char why[LISTENER_WHY], const struct sockaddr *a, socklen_t len)
{
	char	 host[128];

	if (getnameinfo(a, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0 ||
	    acl_has("127.0.0.0/8, ::1", slice_of(host)))
		return false;
	(void)snprintf(why, LISTENER_WHY, "it listens on %s, where other hosts can connect; use a "
	    "socket file or 127.0.0.1, or let a firewall admit only the web server", host);
	return true;
}

/* The mode of the directory that a file is in; 0: it cannot be told. */
static mode_t
mode_of_parent(const char *file)
{
	char		 dir[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	char		*slash;
	struct stat	 st;

	(void)snprintf(dir, sizeof(dir), "%s", file);
	if ((slash = strrchr(dir, '/')) == NULL)
		return 0;
	slash[slash == dir] = '\0';
	return stat(dir, &st) == 0 ? st.st_mode : 0;
}

/* A socket file: may others write to it, and go through its directory? */
static bool
has_open_file(char why[LISTENER_WHY], const char *file)
{
	struct stat	 st;

	if (stat(file, &st) != 0 || (st.st_mode & S_IWOTH) == 0 ||
	    (mode_of_parent(file) & S_IXOTH) == 0)
		return false;
	(void)snprintf(why, LISTENER_WHY, "all users of this host can connect to %s, mode %04o; "
	    "give it the mode 0660 and the web server's group", file,
	    (unsigned)st.st_mode & 07777u);
	return true;
}

bool
listener_is_open(char why[LISTENER_WHY], int fd)
{
	union {
		struct sockaddr		 any;
		struct sockaddr_storage	 room;
		struct sockaddr_un	 file;
	}			 a;
	char			 path[sizeof(a.file.sun_path) + 1] = "";
	socklen_t		 len = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &len) != 0)
		return false;
	if (a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6)
		return has_open_address(why, &a.any, len);
	if (a.any.sa_family != AF_UNIX || len <= offsetof(struct sockaddr_un, sun_path))
		return false;
	memcpy(path, a.file.sun_path, sizeof(a.file.sun_path));
	if (*path != '\0')
		return has_open_file(why, path);
	(void)snprintf(why, LISTENER_WHY, "it listens on an abstract socket, to which all users of "
	    "this host can connect; use a socket file with the mode 0660");
	return true;
}

/* Runs at exit. */
static void
remove_file(void)
{
	struct stat	 st;

	if (lstat(made.name.sun_path, &st) == 0 && file_is_same(&st, &made.st))
		(void)unlink(made.name.sun_path);
}

static bool
complain(char why[LISTENER_WHY], const char *what, int error)
{
	(void)snprintf(why, LISTENER_WHY, lang_text("cannot %s: %s; its directory must exist, and "
	    "this user must be able to write to it"), lang_text(what), lang_errno(error));
	return false;
}

/* True: a process listens there.  A queue that is full is one, too. */
static bool
is_listening(const struct sockaddr_un *name)
{
	const int	 fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool		 taken;

	if (fd == -1)
		return true;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	taken = connect(fd, (const struct sockaddr *)(const void *)name, sizeof(*name)) == 0 ||
	    (errno != ECONNREFUSED && errno != ENOENT);
	(void)close(fd);
	return taken;
}

/* Removes a socket file that a process has left.  False: the name cannot be used. */
static bool
clear_name(char why[LISTENER_WHY], const struct sockaddr_un *name)
{
	struct stat	 st;

	if (lstat(name->sun_path, &st) != 0)
		return true;	/* bind() says whether its directory is there */
	if (!S_ISSOCK(st.st_mode))
		(void)snprintf(why, LISTENER_WHY, "%s", lang_text("it exists and is not a socket; "
		    "name another file, or remove it"));
	else if (is_listening(name))
		(void)snprintf(why, LISTENER_WHY, "%s", lang_text("another process listens on it, "
		    "or it belongs to another user; stop that process, or name another file"));
	else if (unlink(name->sun_path) != 0 && errno != ENOENT)
		return complain(why, "remove the socket that a process has left", errno);
	else
		return true;
	return false;
}

/* A descriptor that listens there; -1: why says why not. */
static int
listen_at(char why[LISTENER_WHY], const struct sockaddr_un *name, mode_t mode)
{
	const int	 fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const mode_t	 mask = umask(~mode & 0777);
	bool		 good;

	good = fd != -1 && bind(fd, (const struct sockaddr *)(const void *)name,
	    sizeof(*name)) == 0 && listen(fd, BACKLOG) == 0;
	if (!good)
		(void)complain(why, "listen on it", errno);
	(void)umask(mask);
	if (!good && fd != -1)
		(void)close(fd);
	return good ? fd : -1;
}

bool
listener_open(char why[LISTENER_WHY], const char *file, mode_t mode)
{
	int	 fd;

	if (*file != '/' || strlen(file) >= sizeof(made.name.sun_path)) {
		(void)snprintf(why, LISTENER_WHY, "%s", *file != '/' ? lang_text("give the whole "
		    "path of a socket file, such as /run/qtoa/qtoa.sock; there is no TCP, because "
		    "whoever connects is believed") : lang_text("the path is too long for a "
		    "socket; name a shorter one"));
		return false;
	}
	made.name.sun_family = AF_UNIX;
	(void)snprintf(made.name.sun_path, sizeof(made.name.sun_path), "%s", file);
	thread_pool_hold_signals();
	if (!clear_name(why, &made.name) || (fd = listen_at(why, &made.name, mode)) == -1)
		return false;
	if (lstat(file, &made.st) == 0)
		(void)atexit(remove_file);
	if (fd == STDIN_FILENO)
		return true;
	if (dup2(fd, STDIN_FILENO) == -1)
		return complain(why, "listen on it at descriptor 0", errno);
	(void)close(fd);
	return true;
}
