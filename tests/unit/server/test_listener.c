#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(addresses), TEST(files), TEST(without_a_file),
	};

	return RUN("listener", tests);
}
