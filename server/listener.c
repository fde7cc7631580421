#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/acl.h"
#include "server/listener.h"

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
