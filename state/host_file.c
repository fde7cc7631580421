#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/host_file.h"
#include "state/state_file.h"

struct image {
	char			 magic[8];
	uint32_t		 version, zero;
	struct host_file	 f;
	char			 zeros[56];
};

_Static_assert(sizeof(struct image) == 128, "as the header says");

static const struct state_file_layout	layout = {
	.magic = { 'q', 't', 'o', 'a', 'h', 'o', 's', 't' }, .version = 1,
	.head = sizeof(struct image),
};

static enum state_file_is
open_image(struct state_file *to, struct image *image, const char *dir, int flags)
{
	char	 path[STATE_FILE_PATH];

	to->fd = -1;
	(void)snprintf(path, sizeof(path), "%s/qtoa.host", dir);
	return state_file_open(to, path, flags, image, &layout);
}

bool
host_file_read(struct host_file *f, const char *dir)
{
	struct state_file	 file;
	struct image		 image;
	enum state_file_is	 is = open_image(&file, &image, dir, O_RDONLY);

	memset(f, 0, sizeof(*f));
	if (is == STATE_FILE_SOUND)
		*f = image.f;
	state_file_close(&file);
	return is != STATE_FILE_UNREADABLE;
}

/* Another file in its place is overwritten: with it only numbers of this host are lost. */
bool
host_file_write(const struct host_file *f, const char *dir)
{
	struct state_file	 file;
	struct image		 image;
	bool			 done;

	(void)open_image(&file, &image, dir, O_RDWR | O_CREAT);
	if (file.fd == -1)
		return false;
	memset(&image, 0, sizeof(image));
	memcpy(image.magic, layout.magic, sizeof(image.magic));
	image.version = layout.version;
	image.f = *f;
	errno = ENOSPC;		/* a write that is cut short sets no errno */
	done = pwrite(file.fd, &image, sizeof(image), 0) == (ssize_t)sizeof(image);
	state_file_close(&file);
	return done;
}

int64_t
host_file_home(const char *dir)
{
	struct host_file	 f;

	(void)host_file_read(&f, dir);
	return f.home;
}
