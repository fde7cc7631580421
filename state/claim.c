#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/hash.h"
#include "state/claim.h"

#ifdef __linux__

/* A name of Linux's own begins with a NUL, and no file has it. */
static socklen_t
write_name(struct sockaddr_un *name, const char *dir, const unsigned char *key, size_t len)
{
	struct stat	 st;
	int		 n;
	size_t		 i, at;

	/* A directory may have several paths. */
	if (stat(dir, &st) == -1)
		st = (struct stat){ .st_ino = hash_add(HASH_EMPTY, dir, strlen(dir)) };
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "qtoa-%llx-%llx-",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	at = 1 + (size_t)n;
	for (i = 0; i < len && at + 3 < sizeof(name->sun_path); i++, at += 2)
		(void)snprintf(name->sun_path + at, 3, "%02x", key[i]);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at);
}

enum claim_result
claim_take(int *fd, const char *dir, const unsigned char *key, size_t len)
{
	struct sockaddr_un	 name;
	const socklen_t		 size = write_name(&name, dir, key, len);
	int			 error;

	if ((*fd = socket(AF_UNIX, SOCK_DGRAM, 0)) != -1) {
		(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
		if (bind(*fd, (const struct sockaddr *)&name, size) == 0)
			return CLAIM_MINE;
		error = errno;
		(void)close(*fd);
		*fd = -1;
		errno = error;
	}
	return errno == EADDRINUSE || errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM ? CLAIM_BUSY : CLAIM_FAILED;
}

#else

enum claim_result
claim_take(int *fd, const char *dir, const unsigned char *key, size_t len)
{
	(void)dir, (void)key, (void)len;
	*fd = -1;
	errno = ENOTSUP;
	return CLAIM_FAILED;
}

#endif
