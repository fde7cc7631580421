#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/listener.h"
#include "tests/unit/unit.h"

static void
addresses(void **state)
{
	static const struct {
		const char	*name;
		int		 family;
		const char	*address;
		const char	*words;		/* NULL: it is closed */
	} cases[] = {
		{ "loopback", AF_INET, "127.0.0.1", NULL },
		{ "another loopback", AF_INET, "127.8.7.6", NULL },
		{ "all", AF_INET, "0.0.0.0", "0.0.0.0" },
		{ "loopback 6", AF_INET6, "::1", NULL },
		{ "all 6", AF_INET6, "::", "on ::," },
		{ "loopback 4 in 6", AF_INET6, "::ffff:127.0.0.1", NULL },
	};
	union {
		struct sockaddr		 any;
		struct sockaddr_in	 v4;
		struct sockaddr_in6	 v6;
	}		 a;
	char		 why[LISTENER_WHY];
	size_t		 i;
	int		 fd;
	bool		 open;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&a, 0, sizeof(a));
		a.any.sa_family = (sa_family_t)cases[i].family;
		(void)inet_pton(cases[i].family, cases[i].address, cases[i].family == AF_INET ?
		    (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr);
		fd = socket(cases[i].family, SOCK_STREAM, 0);
		if (fd == -1 || bind(fd, &a.any, cases[i].family == AF_INET ? sizeof(a.v4) :
		    sizeof(a.v6)) != 0) {
			CHECK(cases[i].name, cases[i].family == AF_INET6);	/* a host without */
			(void)close(fd);
			continue;
		}
		open = listener_is_open(why, fd);
		CHECK(cases[i].name, open == (cases[i].words != NULL));
		CHECK(cases[i].name, !open || strstr(why, cases[i].words) != NULL);
		(void)close(fd);
	}
}

static int
listen_at(const char *path, size_t len)
{
	struct sockaddr_un	 a = { .sun_family = AF_UNIX };
	const int		 fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd != -1 && len <= sizeof(a.sun_path));
	memcpy(a.sun_path, path, len);
	assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	return fd;
}

static void
files(void **state)
{
	static const struct {
		const char	*name;
		mode_t		 dir, file;
		bool		 open;
	} cases[] = {
		{ "the user's", 0755, 0600, false }, { "a group's", 0755, 0660, false },
		{ "readable", 0755, 0775, false }, { "writable", 0755, 0666, true },
		{ "all", 0711, 0777, true }, { "in a private directory", 0750, 0777, false },
		{ "not reachable", 0754, 0666, false },
	};
	char	 why[LISTENER_WHY], dir[64], path[100];
	size_t	 i;
	int	 fd;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/qtoa-listener.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	for (i = 0; i < COUNT(cases); i++) {
		fd = listen_at(path, strlen(path));
		assert_int_equal(chmod(path, cases[i].file), 0);
		assert_int_equal(chmod(dir, cases[i].dir), 0);
		CHECK(cases[i].name, listener_is_open(why, fd) == cases[i].open);
		CHECK(cases[i].name, !cases[i].open || strstr(why, path) != NULL);
		assert_int_equal(unlink(path), 0);
		CHECK(cases[i].name, !listener_is_open(why, fd));	/* nobody finds it now */
		(void)close(fd);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
without_a_file(void **state)
{
	char	 why[LISTENER_WHY], name[64];
	int	 fds[2], fd;

	(void)state;
	(void)snprintf(name, sizeof(name), "%cqtoa-test-%ld", 0, (long)getpid());
	fd = listen_at(name, 1 + strlen(name + 1));
	CHECK("abstract", listener_is_open(why, fd) && strstr(why, "abstract") != NULL);
	(void)close(fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK("a pair", !listener_is_open(why, fds[0]));
	CHECK("closed", !listener_is_open(why, -1));
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* What a child finds that opens the socket file and exits: 0: it listens, at descriptor 0. */
static int
look_from_within(const char *path, mode_t mode)
{
	struct sockaddr_un	 a = { .sun_family = AF_UNIX };
	socklen_t		 len = sizeof(a);
	struct stat		 st;
	char			 why[LISTENER_WHY] = "";
	int			 on = 0;
	socklen_t		 on_len = sizeof(on);

	if (!listener_open(why, path, mode))
		return *why == '\0' ? 2 : 1;
	if (lstat(path, &st) != 0 || (st.st_mode & 07777) != mode)
		return 3;
	if (getsockname(STDIN_FILENO, (struct sockaddr *)(void *)&a, &len) != 0 ||
	    strcmp(a.sun_path, path) != 0)
		return 4;
	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len) == 0 && on ? 0 : 5;
}

static void
opened(void **state)
{
	static const struct {
		const char	*name, *file;
		mode_t		 mode;
		bool		 left, listens;	/* a socket file is there; a process listens */
		int		 status;
	} cases[] = {
		{ "new", "sock", 0660, false, false, 0 },
		{ "the user's", "sock", 0600, false, false, 0 },
		{ "left by a process", "sock", 0660, true, false, 0 },
		{ "in use", "sock", 0660, true, true, 1 },
		{ "no directory", "none/sock", 0660, false, false, 1 },
		{ "no file", "", 0660, false, false, 1 },
	};
	char	 dir[64], path[100];
	size_t	 i;
	int	 fd = -1, status;
	pid_t	 pid;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/qtoa-listener.XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (i = 0; i < COUNT(cases); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, cases[i].file);
		if (cases[i].left)
			fd = listen_at(path, strlen(path));
		if (cases[i].listens)
			assert_int_equal(listen(fd, 1), 0);
		if ((pid = fork()) == 0)
			exit(look_from_within(path, cases[i].mode));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		CHECK(cases[i].name, WIFEXITED(status) && WEXITSTATUS(status) == cases[i].status);
		/* Its own file is gone; that of others stays. */
		CHECK(cases[i].name, *cases[i].file == '\0' ||
		    (access(path, F_OK) == 0) == cases[i].listens);
		if (cases[i].listens)
			assert_int_equal(unlink(path), 0);
		if (cases[i].left)
			(void)close(fd);
	}
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(addresses), TEST(files), TEST(without_a_file), TEST(opened),
	};

	return RUN("listener", tests);
}
