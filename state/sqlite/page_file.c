#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/sqlite/page_file.h"

enum {
	SIZE_MIN = 512,			/* of a page */
	SIZE_OURS = 1024,		/* see state/sqlite/schema.c */
	SIZES = 8,			/* 512, 1024, ... 65536 */
	HEADER = 100,			/* bytes of the header, in page 1 */
	RESERVED_MAX = 32,		/* at the end of a page; more is damage */
	WAL_HEADER = 32,
	FRAME_HEADER = 24,
	FRAMES_MAX = 1 << 22,		/* that are looked at */
	WINDOWS = 256,			/* places of a file from which the size of a page is seen */
	MAP_ENTRY = 5			/* bytes for each page in a pointer map */
};

/* What a pointer map says of a page. */
enum map_type { MAP_NONE, MAP_ROOT, MAP_FREE, MAP_FIRST, MAP_FURTHER, MAP_TREE, MAP__MAX };

/* A frame of the WAL, which holds the version of a page. */
struct frame {
	uint32_t	 page, salt, at;	/* salt: of its generation; at: its number */
};

/* A sum over the words of a frame and of those before it. */
struct checksum {
	uint32_t	 a, b;
};

struct page_file {
	int		 fd, wal;		/* -1: there is no WAL */
	size_t		 size, reserved;
	uint32_t	 pages;			/* in the file */
	uint32_t	 last;			/* the highest page number */
	bool		 has_header;
	bool		 has_map;		/* pointer maps: auto_vacuum is on */
	bool		 has_gap;		/* see page_file_has_gap() */
	bool		 big;			/* the WAL's sums are over words of big endian */
	struct frame	*frames;		/* by page; one for each */
	size_t		 n;
	unsigned char	*free_bits;		/* of the file's pages; NULL: there is no list */
	unsigned char	*work, *map;		/* PAGE_FILE_MAX bytes each */
	uint32_t	 mapped;		/* the page in `map`; 0: no page yet */
	bool		 is_map_good;
};

static uint32_t
word_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static unsigned
half_at(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Reads up to n bytes.  How many they are; behind them p is filled with 0. */
static size_t
read_at(int fd, unsigned char *p, size_t n, off_t at)
{
	size_t	 done = 0;
	ssize_t	 got;

	while (done < n) {
		got = pread(fd, p + done, n - done, at + (off_t)done);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	memset(p + done, 0, n - done);
	return done;
}

static bool
is_size(size_t n)
{
	return n >= SIZE_MIN && n <= PAGE_FILE_MAX && (n & (n - 1)) == 0;
}

/*
 * The size of a page.
 */

/* True: these bytes are a page of a tree, whose cells reach to its very end. */
static bool
is_tree_page(const unsigned char *p, size_t size)
{
	const unsigned	 cells = half_at(p + 3);
	const size_t	 begin = *p == 2 || *p == 5 ? 12 : 8;
	size_t		 lowest = size, content = half_at(p + 5), i, at;

	if ((*p != 2 && *p != 5 && *p != 10 && *p != 13) || cells == 0 ||
	    begin + 2 * (size_t)cells > size)
		return false;
	content = content == 0 ? 65536 : content;
	for (i = 0; i < cells; i++) {
		if ((at = half_at(p + begin + 2 * i)) < begin + 2 * (size_t)cells ||
		    at < content || at >= size)
			return false;
		lowest = at < lowest ? at : lowest;
	}
	return content <= lowest;
}

/* Finds out with which size the most pages can be read, if the header does not say it. */
static size_t
guess_size(struct page_file *f, off_t bytes, size_t likely)
{
	int	 good[SIZES] = { 0 }, i, k, best = 0;
	off_t	 step = bytes / PAGE_FILE_MAX / WINDOWS * PAGE_FILE_MAX, at = 0;
	size_t	 size, in;

	for (k = 0; k < WINDOWS && at < bytes; k++) {
		(void)read_at(f->fd, f->work, PAGE_FILE_MAX, at);
		for (i = 0, size = SIZE_MIN; i < SIZES; i++, size *= 2)
			for (in = 0; in < PAGE_FILE_MAX; in += size)
				good[i] += is_tree_page(f->work + in, size);
		at += step == 0 ? PAGE_FILE_MAX : step;
	}
	for (i = 0, size = SIZE_MIN; i < SIZES; i++, size *= 2)
		if (good[i] > good[best] || (good[i] == good[best] && size == likely))
			best = i;
	return (size_t)SIZE_MIN << best;
}

/*
 * The WAL.
 */

static void
add_to_checksum(struct checksum *c, const unsigned char *p, size_t n, bool big)
{
	uint32_t	 x, y;
	size_t		 i;

	for (i = 0; i + 8 <= n; i += 8) {
		x = word_at(p + i);
		y = word_at(p + i + 4);
		if (!big) {
			x = x >> 24 | (x >> 8 & 0xFF00) | (x << 8 & 0xFF0000) | x << 24;
			y = y >> 24 | (y >> 8 & 0xFF00) | (y << 8 & 0xFF0000) | y << 24;
		}
		c->a += x + c->b;
		c->b += y + c->a;
	}
}

static struct checksum
checksum_at(const unsigned char *p)
{
	return (struct checksum){ word_at(p), word_at(p + 4) };
}

static bool
is_same_checksum(struct checksum a, struct checksum b)
{
	return a.a == b.a && a.b == b.b;
}

/* Reads the WAL's header.  False: it is damaged. */
static bool
read_wal_header(struct page_file *f, unsigned char p[WAL_HEADER])
{
	const uint32_t	 magic = 0x377f0682;
	struct checksum	 c = { 0, 0 };

	if (read_at(f->wal, p, WAL_HEADER, 0) != WAL_HEADER || (word_at(p) & ~1u) != magic ||
	    !is_size(word_at(p + 8)))
		return false;
	f->big = (word_at(p) & 1) != 0;
	add_to_checksum(&c, p, FRAME_HEADER, f->big);
	return is_same_checksum(c, checksum_at(p + 24));
}

/*
 * Reads a frame into f->work and checks it.  *before: the sum that stands in the frame before it;
 * becomes its own.
 */
static bool
read_frame(struct page_file *f, uint32_t at, size_t size, bool big, struct checksum *before)
{
	unsigned char	 head[FRAME_HEADER];
	const off_t	 begin = WAL_HEADER + (off_t)at * (off_t)(size + FRAME_HEADER);
	struct checksum	 c = *before;

	if (read_at(f->wal, head, FRAME_HEADER, begin) != FRAME_HEADER ||
	    read_at(f->wal, f->work, size, begin + FRAME_HEADER) != size)
		return false;
	add_to_checksum(&c, head, 8, big);
	add_to_checksum(&c, f->work, size, big);
	*before = checksum_at(head + 16);
	return is_same_checksum(c, *before) && word_at(head) != 0;
}

/* Finds size and byte order of a WAL without a header: with them, most frames are good. */
static void
guess_wal(struct page_file *f)
{
	enum { TRIED = 64 };
	struct checksum	 c;
	size_t		 size;
	int		 big, good, most = 0;
	uint32_t	 i;

	for (size = SIZE_MIN; size <= PAGE_FILE_MAX; size *= 2)
		for (big = 0; big < 2; big++) {
			c = (struct checksum){ 0, 0 };
			for (good = 0, i = 0; i < TRIED; i++)
				good += read_frame(f, i, size, big != 0, &c);
			if (good > most) {
				most = good;
				f->size = size;
				f->big = big != 0;
			}
		}
}

static int
compare_frames(const void *a, const void *b)
{
	const struct frame	*x = a, *y = b;

	return x->page != y->page ? (x->page > y->page) - (x->page < y->page) :
	    (x->at > y->at) - (x->at < y->at);
}

/*
 * Keeps the frames of the newest generation, and of each page the last one.  When a WAL begins
 * again, it gets another salt, and older frames stay behind the new ones.
 */
static void
keep_newest(struct page_file *f, uint32_t salt, uint32_t commit)
{
	size_t	 i, n = 0;

	for (i = 0; i < f->n; i++)
		if (f->frames[i].salt == salt && f->frames[i].at <= commit)
			f->frames[n++] = f->frames[i];
	f->n = n;
	qsort(f->frames, n, sizeof(*f->frames), compare_frames);
	for (i = n = 0; i < f->n; i++) {
		if (n != 0 && f->frames[n - 1].page == f->frames[i].page)
			n--;
		f->frames[n++] = f->frames[i];
	}
	f->n = n;
}

/* What the frames of a WAL say. */
struct generation {
	bool		 known;
	uint32_t	 salt;
	uint32_t	 commit, pages;		/* its last commit, and the file's length then */
	bool		 has_commit;
};

static void
note_frame(struct page_file *f, struct generation *g, const unsigned char *head, uint32_t at)
{
	const uint32_t	 salt = word_at(head + 8), pages = word_at(head + 4);

	if (!g->known)		/* the header is damaged; the newest generation comes first */
		*g = (struct generation){ .known = true, .salt = salt };
	f->frames[f->n++] = (struct frame){ word_at(head), salt, at };
	if (salt == g->salt && pages != 0) {
		g->commit = at;
		g->pages = pages;
		g->has_commit = true;
	}
}

/* True: a frame is missing before the last commit. */
static bool
has_gap_before(const struct page_file *f, const struct generation *g)
{
	uint32_t	 next = 0;
	size_t		 i;

	for (i = 0; i < f->n && f->frames[i].at <= g->commit; i++, next++)
		if (f->frames[i].at != next || f->frames[i].salt != g->salt)
			return true;
	return false;
}

/* Finds the good frames of the WAL, up to the last commit. */
static enum error
read_wal(struct page_file *f, off_t bytes)
{
	unsigned char		 head[WAL_HEADER];
	struct generation	 g = { .known = false };
	struct checksum		 c = { 0, 0 };
	const size_t		 all = f->size + FRAME_HEADER;
	const off_t		 most = (bytes - WAL_HEADER) / (off_t)all;
	const uint32_t		 n = most > FRAMES_MAX ? FRAMES_MAX : (uint32_t)most;
	uint32_t		 i;

	if (bytes < (off_t)(WAL_HEADER + all))
		return ERR_OK;
	if ((f->frames = calloc(n, sizeof(*f->frames))) == NULL)
		return ERR_NOMEM;
	if (read_wal_header(f, head)) {
		g = (struct generation){ .known = true, .salt = word_at(head + 16) };
		c = checksum_at(head + 24);
	}
	for (i = 0; i < n; i++)
		if (read_frame(f, i, f->size, f->big, &c) &&
		    read_at(f->wal, head, FRAME_HEADER, WAL_HEADER + (off_t)i * (off_t)all) ==
		    FRAME_HEADER)
			note_frame(f, &g, head, i);
	if (!g.has_commit)
		f->n = 0;
	else if (g.pages < f->pages)
		f->pages = g.pages;
	f->has_gap = g.has_commit && has_gap_before(f, &g);
	keep_newest(f, g.salt, g.commit);
	return ERR_OK;
}

/*
 * Free pages.
 */

static bool
has_bit(const unsigned char *bits, uint32_t i)
{
	return (bits[i / 8] >> (i & 7) & 1) != 0;
}

static void
set_bit(unsigned char *bits, uint32_t i)
{
	bits[i / 8] = (unsigned char)(bits[i / 8] | 1 << (i & 7));
}

/* Notes the pages in the list of free pages, up to where it makes sense. */
static enum error
read_free_list(struct page_file *f)
{
	uint32_t	 trunk, n, i, leaf;

	if (!f->has_header || page_file_read(f, f->work, 1) == 0)
		return ERR_OK;
	if ((f->free_bits = calloc((size_t)f->pages / 8 + 1, 1)) == NULL)
		return ERR_NOMEM;
	for (trunk = word_at(f->work + 32); trunk > 1 && trunk <= f->pages &&
	    !has_bit(f->free_bits, trunk) && page_file_read(f, f->work, trunk) == f->size;
	    trunk = word_at(f->work)) {
		if ((n = word_at(f->work + 4)) > f->size / 4 - 2)
			break;
		set_bit(f->free_bits, trunk);
		for (i = 0; i < n; i++)
			if ((leaf = word_at(f->work + 8 + 4 * i)) > 1 && leaf <= f->pages)
				set_bit(f->free_bits, leaf);
	}
	return ERR_OK;
}

/* True: each entry of the pointer map in f->map can be right.  A page of garbage is not. */
static bool
is_map(const struct page_file *f, uint32_t at)
{
	const uint32_t	 entries = (uint32_t)(page_file_usable(f) / MAP_ENTRY);
	uint32_t	 i;
	bool		 any = false;

	for (i = 0; i < entries && at + 1 + i <= f->pages; i++) {
		const unsigned char	*e = f->map + MAP_ENTRY * i;

		if (e[0] >= MAP__MAX || word_at(e + 1) > f->last ||
		    (e[0] == MAP_NONE && word_at(e + 1) != 0))
			return false;
		any = any || e[0] != MAP_NONE;
	}
	return any;
}

/* What the pointer map says of a page; MAP_NONE: it says nothing, or it is damaged. */
static enum map_type
look_in_map(const struct page_file *file, uint32_t page, uint32_t *parent)
{
	struct page_file	*f = (struct page_file *)file;	/* it only keeps the last map */
	const uint32_t		 each = (uint32_t)(page_file_usable(f) / MAP_ENTRY) + 1;
	const uint32_t		 at = page < 2 ? 0 : (page - 2) / each * each + 2;
	const unsigned char	*e;

	*parent = 0;
	if (!f->has_map || at == 0 || page == at)
		return MAP_NONE;
	if (f->mapped != at) {
		f->is_map_good = page_file_read(f, f->map, at) == f->size && is_map(f, at);
		f->mapped = at;
	}
	if (!f->is_map_good)
		return MAP_NONE;
	e = f->map + MAP_ENTRY * (page - at - 1);
	*parent = word_at(e + 1);
	return e[0];
}

bool
page_file_is_free(const struct page_file *f, uint32_t page)
{
	uint32_t		 parent;
	const enum map_type	 type = look_in_map(f, page, &parent);

	if (type != MAP_NONE)
		return type == MAP_FREE;
	return f->free_bits != NULL && page <= f->pages && has_bit(f->free_bits, page);
}

bool
page_file_may_follow(const struct page_file *f, uint32_t page, uint32_t before)
{
	uint32_t		 parent;
	const enum map_type	 type = look_in_map(f, page, &parent);

	return type == MAP_NONE || (before == 0 ? type == MAP_FIRST :
	    type == MAP_FURTHER && parent == before);
}

/*
 * Open, close, read.
 */

/* Reads the header, and finds the size of a page. */
static void
find_size(struct page_file *f, off_t bytes)
{
	static const char	 magic[] = "SQLite format 3";
	unsigned char		 p[HEADER], wal[WAL_HEADER];
	size_t			 says;

	f->has_header = read_at(f->fd, p, HEADER, 0) == HEADER &&
	    memcmp(p, magic, sizeof(magic)) == 0;
	says = half_at(p + 16) == 1 ? PAGE_FILE_MAX : half_at(p + 16);
	if (f->wal != -1 && read_wal_header(f, wal)) {
		f->size = word_at(wal + 8);
	} else {
		f->size = guess_size(f, bytes, f->has_header && is_size(says) ? says : SIZE_OURS);
		if (f->wal != -1)
			guess_wal(f);
	}
	f->has_header = f->has_header && says == f->size;
	f->reserved = f->has_header && p[20] <= RESERVED_MAX ? p[20] : 0;
	/* Ours have maps.  In a file without them, page 2 is no map. */
	f->has_map = !f->has_header || word_at(p + 52) != 0;
}

static enum error
read_all(struct page_file *f)
{
	struct stat	 st, wal;
	enum error	 er;

	if (fstat(f->fd, &st) == -1 || (f->wal != -1 && fstat(f->wal, &wal) == -1))
		return ERR_STORE;
	if ((f->work = malloc(PAGE_FILE_MAX)) == NULL || (f->map = malloc(PAGE_FILE_MAX)) == NULL)
		return ERR_NOMEM;
	find_size(f, st.st_size);
	f->pages = (uint32_t)((st.st_size + (off_t)f->size - 1) / (off_t)f->size);
	if (f->wal != -1 && (er = read_wal(f, wal.st_size)) != ERR_OK)
		return er;
	f->last = f->n != 0 && f->frames[f->n - 1].page > f->pages ?
	    f->frames[f->n - 1].page : f->pages;
	return read_free_list(f);
}

enum error
page_file_open(struct page_file **out, const char *path)
{
	struct page_file	*f;
	char			 wal[1440];
	enum error		 er;

	if ((*out = f = calloc(1, sizeof(*f))) == NULL)
		return ERR_NOMEM;
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	f->wal = open(wal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (f->fd != -1 && (er = read_all(f)) == ERR_OK)
		return ERR_OK;
	er = f->fd == -1 ? ERR_STORE : er;
	page_file_close(f);
	*out = NULL;
	return er;
}

void
page_file_close(struct page_file *f)
{
	if (f == NULL)
		return;
	if (f->fd != -1)
		(void)close(f->fd);
	if (f->wal != -1)
		(void)close(f->wal);
	free(f->frames);
	free(f->free_bits);
	free(f->work);
	free(f->map);
	free(f);
}

bool
page_file_has_gap(const struct page_file *f)
{
	return f->has_gap;
}

size_t
page_file_size(const struct page_file *f)
{
	return f->size;
}

size_t
page_file_usable(const struct page_file *f)
{
	return f->size - f->reserved;
}

size_t
page_file_count(const struct page_file *f)
{
	return f->pages + f->n;
}

/* The first frame for a page of that number or a higher one. */
static size_t
find_frame(const struct page_file *f, uint32_t page)
{
	size_t	 low = 0, high = f->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (f->frames[mid].page < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t
page_file_next(const struct page_file *f, uint32_t page)
{
	size_t	 i;

	if (page < f->pages)
		return page + 1;
	i = page == UINT32_MAX ? f->n : find_frame(f, page + 1);
	return i < f->n ? f->frames[i].page : 0;
}

size_t
page_file_read(const struct page_file *f, unsigned char *p, uint32_t page)
{
	const size_t	 i = find_frame(f, page);

	if (page == 0)
		return 0;
	if (i < f->n && f->frames[i].page == page)
		return read_at(f->wal, p, f->size, WAL_HEADER + FRAME_HEADER +
		    (off_t)f->frames[i].at * (off_t)(f->size + FRAME_HEADER));
	return page > f->pages ? 0 : read_at(f->fd, p, f->size, (off_t)(page - 1) *
	    (off_t)f->size);
}
