#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "state/sqlite/page_row.h"

/*
 * A database and its WAL: the first two bytes say how long the database is.
 */

static const struct page_shape	 shapes[] = {
	{ false, "-btTitiITIBB|i" }, { true, "tIi" }, { true, "ti" }, { false, "-tttt" },
	{ false, "-ttii" }, { false, "-iiTiIibit" }, { false, "-iiiIII" }, { true, "ttt" },
};

static void
write_file(const char *path, const uint8_t *data, size_t size)
{
	int	 fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(fd != -1 && write(fd, data, size) == (ssize_t)size && close(fd) == 0, "a file");
}

static enum error
look_at_row(void *ctx, const struct page_row *row)
{
	unsigned	*sum = ctx;
	size_t		 k;
	int		 i;

	must(row->shape < sizeof(shapes) / sizeof(shapes[0]) && row->n > 0 &&
	    row->n <= PAGE_ROW_COLUMNS, "a row has a shape");
	for (i = 0; i < row->n; i++)
		for (k = 0; k < row->v[i].s.len; k++)
			*sum += (unsigned char)row->v[i].s.p[k];
	return ERR_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char			 path[64], wal[72];
	struct page_file	*f;
	unsigned		 sum = 0;
	size_t			 len;

	if (size < 2)
		return 0;
	len = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	len = len > size ? size : len;
	(void)snprintf(path, sizeof(path), "/tmp/fuzz-page-row-%ld", (long)getpid());
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	write_file(path, data, len);
	if (len != size)
		write_file(wal, data + len, size - len);
	else
		(void)unlink(wal);
	must(page_file_open(&f, path) == ERR_OK, "it can be opened");
	must(page_row_walk(f, shapes, sizeof(shapes) / sizeof(shapes[0]), look_at_row, &sum) ==
	    ERR_OK, "it is read to its end");
	page_file_close(f);
	(void)unlink(path);
	(void)unlink(wal);
	return 0;
}
