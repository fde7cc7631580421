/*
 * packaging/static/libc.c: functions of libc for the static programs.
 *
 * glibc's own load libraries of exactly their version when they run, and a static program crashes or
 * fails where the host has others.  The linker takes these instead, for our code and for all
 * libraries: names of hosts come from c-ares, which reads /etc/hosts and /etc/resolv.conf, users
 * and groups from /etc/passwd and /etc/group.  Nothing else is asked, and nothing is loaded.  If
 * a caller of another such function is added, the linker's warning fails the build; add the
 * function here then.
 */
#define _GNU_SOURCE		/* for fgetpwent_r, fgetgrent_r, dladdr and setgroups */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>

enum {
	SOCKETS = 32,		/* that one lookup has open */
	TRIES = 2,		/* of each name server, as glibc; c-ares has 3 or 4 */
	LINE = 64 * 1024	/* bytes of a line of /etc/passwd or /etc/group */
};

/*
 * Hosts.
 */

struct lookup {
	struct pollfd		 fds[SOCKETS];
	nfds_t			 n;
	struct ares_addrinfo	*found;
	int			 status;	/* of c-ares */
	bool			 done;
};

/* c-ares wants to read from or write to a socket, or has done with it. */
static void
on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct lookup	*l = ctx;
	const int	 events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
	nfds_t		 i = 0;

	while (i < l->n && l->fds[i].fd != fd)
		i++;
	if (i == SOCKETS)
		return;
	if (events == 0 && i < l->n)
		l->fds[i] = l->fds[--l->n];
	else if (events != 0)
		l->fds[i] = (struct pollfd){ .fd = fd, .events = (short)events };
	if (events != 0 && i == l->n)
		l->n++;
}

static void
on_found(void *ctx, int status, int timeouts, struct ares_addrinfo *found)
{
	struct lookup	*l = ctx;

	(void)timeouts;
	l->status = status;
	l->found = found;
	l->done = true;
}

/* Waits for a socket or for the time at which c-ares wants to try again, and lets it work. */
static void
work(ares_channel channel, struct lookup *l)
{
	struct pollfd	 fds[SOCKETS];
	struct timeval	 room, *left = ares_timeout(channel, NULL, &room);
	const nfds_t	 n = l->n;
	nfds_t		 i;
	int		 ms = -1, ready;

	if (left != NULL)
		ms = (int)(left->tv_sec * 1000 + left->tv_usec / 1000 + 1);
	memcpy(fds, l->fds, n * sizeof(*fds));	/* c-ares changes its own */
	ready = poll(fds, n, ms);
	if (ready <= 0)
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	for (i = 0; ready > 0 && i < n; i++)
		if (fds[i].revents != 0)
			ares_process_fd(channel,
			    (fds[i].revents & ~POLLOUT) != 0 ? fds[i].fd : ARES_SOCKET_BAD,
			    (fds[i].revents & POLLOUT) != 0 ? fds[i].fd : ARES_SOCKET_BAD);
}

static void
start(void)
{
	(void)ares_library_init(ARES_LIB_INIT_ALL);
}

/* Fills l->found; false: l->status says why not. */
static bool
look_up(struct lookup *l, const char *node, const char *service, const struct addrinfo *hints)
{
	static pthread_once_t		 once = PTHREAD_ONCE_INIT;
	struct ares_options		 options = {
		.tries = TRIES, .sock_state_cb = on_socket, .sock_state_cb_data = l,
	};
	const struct ares_addrinfo_hints wanted = {
		.ai_flags = ARES_AI_NUMERICSERV |
		    (hints->ai_flags & AI_NUMERICHOST ? ARES_AI_NUMERICHOST : 0) |
		    (hints->ai_flags & AI_CANONNAME ? ARES_AI_CANONNAME : 0),
		.ai_family = hints->ai_family, .ai_socktype = hints->ai_socktype,
		.ai_protocol = hints->ai_protocol,
	};
	ares_channel			 channel;

	(void)pthread_once(&once, start);
	l->status = ares_init_options(&channel, &options, ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (l->status != ARES_SUCCESS)
		return false;
	ares_getaddrinfo(channel, node, service, &wanted, on_found, l);
	while (!l->done)
		work(channel, l);
	ares_destroy(channel);
	return l->status == ARES_SUCCESS;
}

/* One address, in one piece of memory. */
static struct addrinfo *
copy_address(const struct ares_addrinfo_node *from)
{
	struct addrinfo	*a = calloc(1, sizeof(*a) + from->ai_addrlen);

	if (a == NULL)
		return NULL;
	a->ai_family = from->ai_family;
	a->ai_socktype = from->ai_socktype;
	a->ai_protocol = from->ai_protocol;
	a->ai_addrlen = from->ai_addrlen;
	a->ai_addr = (struct sockaddr *)(a + 1);
	memcpy(a->ai_addr, from->ai_addr, from->ai_addrlen);
	return a;
}

static int
copy_addresses(struct addrinfo **list, const struct ares_addrinfo *from)
{
	const struct ares_addrinfo_node	*node;
	struct addrinfo			**end = list;

	*list = NULL;
	for (node = from->nodes; node != NULL; node = node->ai_next, end = &(*end)->ai_next)
		if ((*end = copy_address(node)) == NULL) {
			freeaddrinfo(*list);
			return EAI_MEMORY;
		}
	return *list == NULL ? EAI_NONAME : 0;
}

static int
error_of(int status)
{
	switch (status) {
	case ARES_ENOMEM:
		return EAI_MEMORY;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
	case ARES_ESERVFAIL:
	case ARES_EREFUSED:
		return EAI_AGAIN;
	default:
		return EAI_NONAME;
	}
}

/* The canonical name is not told; a service is a number. */
int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **list)
{
	static const struct addrinfo	 all = { .ai_family = AF_UNSPEC };
	struct lookup			 l = { .n = 0 };
	int				 rc;

	if (node == NULL)
		node = hints != NULL && (hints->ai_flags & AI_PASSIVE) != 0 ? "0.0.0.0" :
		    "127.0.0.1";
	if (!look_up(&l, node, service, hints == NULL ? &all : hints))
		return error_of(l.status);
	rc = copy_addresses(list, l.found);
	ares_freeaddrinfo(l.found);
	return rc;
}

void
freeaddrinfo(struct addrinfo *list)
{
	struct addrinfo	*next;

	for (; list != NULL; list = next) {
		next = list->ai_next;
		free(list);
	}
}

/* These are referred to by libraries, but by nothing that runs here. */
struct hostent *
gethostbyname(const char *name)
{
	(void)name;
	h_errno = NO_RECOVERY;
	return NULL;
}

struct servent *
getservbyname(const char *name, const char *protocol)
{
	(void)name, (void)protocol;
	return NULL;
}

int
getservbyname_r(const char *name, const char *protocol, struct servent *s, char *text, size_t size,
    struct servent **found)
{
	(void)name, (void)protocol, (void)s, (void)text, (void)size;
	*found = NULL;
	return ENOENT;
}

int
getservbyport_r(int port, const char *protocol, struct servent *s, char *text, size_t size,
    struct servent **found)
{
	(void)port, (void)protocol, (void)s, (void)text, (void)size;
	*found = NULL;
	return ENOENT;
}

/* Addresses and ports as numbers: they have no names here. */
int
getnameinfo(const struct sockaddr *a, socklen_t len, char *host, socklen_t host_size, char *port,
    socklen_t port_size, int flags)
{
	const struct sockaddr_in	*in = (const void *)a;
	const struct sockaddr_in6	*in6 = (const void *)a;
	const bool			 is_in = a->sa_family == AF_INET && len >= sizeof(*in);
	const bool			 is_in6 = a->sa_family == AF_INET6 && len >= sizeof(*in6);

	(void)flags;
	if (!is_in && !is_in6)
		return EAI_FAMILY;
	if (host != NULL && host_size != 0 && inet_ntop(a->sa_family,
	    is_in ? (const void *)&in->sin_addr : &in6->sin6_addr, host, host_size) == NULL)
		return EAI_OVERFLOW;
	if (port != NULL && port_size != 0 && snprintf(port, port_size, "%u",
	    (unsigned)ntohs(is_in ? in->sin_port : in6->sin6_port)) >= (int)port_size)
		return EAI_OVERFLOW;
	return 0;
}

/*
 * Users and groups.
 */

int
getpwuid_r(uid_t uid, struct passwd *pw, char *text, size_t size, struct passwd **found)
{
	FILE	*f = fopen("/etc/passwd", "re");
	int	 rc = ENOENT;

	*found = NULL;
	if (f == NULL)
		return 0;
	while ((rc = fgetpwent_r(f, pw, text, size, found)) == 0 && (*found)->pw_uid != uid)
		;
	if (rc != 0)
		*found = NULL;
	(void)fclose(f);
	return rc == ENOENT ? 0 : rc;
}

struct passwd *
getpwuid(uid_t uid)
{
	static struct passwd	 pw;
	static char		 text[LINE];
	struct passwd		*found;

	return getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 ? found : NULL;
}

static bool
has_member(const struct group *g, const char *user)
{
	char	**member;

	for (member = g->gr_mem; *member != NULL; member++)
		if (strcmp(*member, user) == 0)
			return true;
	return false;
}

/* The groups that list the user, and that one. */
int
initgroups(const char *user, gid_t gid)
{
	static char	 text[LINE];
	gid_t		 groups[NGROUPS_MAX];
	struct group	 g, *found;
	size_t		 n = 0;
	FILE		*f = fopen("/etc/group", "re");

	groups[n++] = gid;
	while (f != NULL && n < NGROUPS_MAX && fgetgrent_r(f, &g, text, sizeof(text), &found) == 0)
		if (g.gr_gid != gid && has_member(&g, user))
			groups[n++] = g.gr_gid;
	if (f != NULL)
		(void)fclose(f);
	return setgroups(n, groups);
}

/*
 * Libraries.  OpenSSL loads no provider and SQLite no extension: what they need is linked in.
 */

/* What calls dlopen() is linked to this: glibc's own iconv brings the real one, and never runs. */
void	*__wrap_dlopen(const char *file, int mode);

void *
__wrap_dlopen(const char *file, int mode)
{
	(void)file, (void)mode;
	return NULL;
}

void *
dlsym(void *library, const char *name)
{
	(void)library, (void)name;
	return NULL;
}

int
dlclose(void *library)
{
	(void)library;
	return 0;
}

char *
dlerror(void)
{
	static char	 why[] = "this program is static and loads no library";

	return why;
}

int
dladdr(const void *address, Dl_info *info)
{
	(void)address, (void)info;
	return 0;
}
