#include <stdlib.h>
#include <string.h>

#include "state/sqlite/page_row.h"

enum {
	FILE_HEADER = 100,		/* bytes in page 1 before its tree */
	ROW_MAX = 32 << 20,		/* bytes of a row that is believed */
	TABLE_LEAF = 13, INDEX_LEAF = 10, INDEX_INTERIOR = 2
};

/* A walk, and the cell at which it is. */
struct walk {
	const struct page_file	*f;
	const struct page_shape	*shapes;
	size_t			 n;
	page_row_each		*fn;
	void			*ctx;
	unsigned char		*page, *further;	/* PAGE_FILE_MAX bytes each */
	size_t			 got;			/* bytes of the page that could be read */
	struct buf		 row;			/* the bytes of a long row */
};

/* A row as it is in the file. */
struct payload {
	const unsigned char	*p;
	size_t			 here;		/* bytes in the page */
	size_t			 len;		/* bytes in all */
	uint32_t		 next;		/* the page with the others */
};

static unsigned
half_of(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Reads an integer of variable length.  Its bytes; 0: it does not end before `end`. */
static size_t
read_varint(uint64_t *v, const unsigned char *p, const unsigned char *end)
{
	enum { MAX = 9 };
	size_t	 i;

	*v = 0;
	for (i = 0; i < MAX && p + i < end; i++) {
		if (i == MAX - 1) {
			*v = *v << 8 | p[i];
			return MAX;
		}
		*v = *v << 7 | (p[i] & 0x7Fu);
		if (p[i] < 0x80)
			return i + 1;
	}
	return 0;
}

static size_t
length_of_type(uint64_t type)
{
	static const size_t	 lengths[12] = { 0, 1, 2, 3, 4, 6, 8, 8 };

	return type < 12 ? lengths[type] : (size_t)(type - 12) / 2;
}

static bool
is_of_letter(uint64_t type, char letter)
{
	const bool	 integer = (type >= 1 && type <= 6) || type == 8 || type == 9;

	switch (letter) {
	case '-':
		return type == 0;
	case 'i':
	case 'I':
		return integer || (letter == 'I' && type == 0);
	case 't':
	case 'T':
		return (type >= 13 && type % 2 == 1) || (letter == 'T' && type == 0);
	case 'b':
	case 'B':
		return (type >= 12 && type % 2 == 0) || (letter == 'B' && type == 0);
	default:
		return false;
	}
}

static bool
has_shape(const uint64_t *types, int n, const char *columns)
{
	bool	 may_end = false;
	int	 i = 0;

	for (; *columns != '\0'; columns++)
		if (*columns == '|')
			may_end = true;
		else if (i == n)
			return may_end;
		else if (!is_of_letter(types[i++], *columns))
			return false;
	return i == n;
}

/*
 * Reads the types of a row's columns.  They begin it, and their lengths must add up to its
 * length.  *head: the bytes before the values.  How many columns; 0: this is no row.
 */
static int
read_types(const struct payload *l, uint64_t types[PAGE_ROW_COLUMNS], size_t *head)
{
	uint64_t	 len, sum;
	size_t		 at, one;
	int		 n = 0;

	if ((at = read_varint(&len, l->p, l->p + l->here)) == 0 || len < at || len > l->here)
		return 0;
	*head = (size_t)len;
	for (sum = len; at < len; at += one, n++) {
		if (n == PAGE_ROW_COLUMNS ||
		    (one = read_varint(&types[n], l->p + at, l->p + len)) == 0 ||
		    types[n] / 2 > ROW_MAX)
			return 0;
		sum += length_of_type(types[n]);
	}
	return sum == l->len ? n : 0;
}

static int64_t
read_integer(uint64_t type, const unsigned char *p)
{
	const size_t	 n = length_of_type(type);
	uint64_t	 v;
	size_t		 i;

	if (type == 8 || type == 9)
		return (int64_t)type - 8;
	v = n != 0 && p[0] >= 0x80 ? UINT64_MAX : 0;
	for (i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

/* Sets the values that are within the first `got` bytes of a row. */
static void
read_values(struct page_row *row, const uint64_t *types, const unsigned char *p, size_t head,
    size_t got)
{
	size_t	 at = head, len;
	int	 i;

	for (i = 0; i < row->n; i++, at += len) {
		len = length_of_type(types[i]);
		row->v[i] = (struct page_value){ .is_null = types[i] == 0 || at + len > got };
		if (row->v[i].is_null)
			continue;
		if (types[i] < 12)
			row->v[i].i = read_integer(types[i], p + at);
		else
			row->v[i].s = (struct slice){ (const char *)p + at, len };
	}
}

/* Gets all bytes of a row that is in more than one page.  False: some cannot be read. */
static enum error
read_chain(struct walk *w, const struct payload *l, bool *whole)
{
	const size_t	 each = page_file_usable(w->f) - 4;
	uint32_t	 page, before = 0;
	enum error	 er;
	size_t		 n;

	*whole = false;
	buf_reset(&w->row);
	/* No row is longer than its file: a chain that leads back into itself has an end, too. */
	if (l->len / each > page_file_count(w->f))
		return ERR_OK;
	if ((er = buf_put(&w->row, l->p, l->here)) != ERR_OK)
		return er;
	for (page = l->next; w->row.len < l->len; before = page, page =
	    (uint32_t)half_of(w->further) << 16 | half_of(w->further + 2)) {
		if (page_file_read(w->f, w->further, page) != page_file_size(w->f) ||
		    !page_file_may_follow(w->f, page, before))
			return ERR_OK;
		n = l->len - w->row.len < each ? l->len - w->row.len : each;
		if ((er = buf_put(&w->row, w->further + 4, n)) != ERR_OK)
			return er;
	}
	*whole = page == 0;
	return ERR_OK;
}

/* How many of a row's bytes are in its page. */
static size_t
local_of(const struct walk *w, size_t len, bool index)
{
	const size_t	 usable = page_file_usable(w->f);
	const size_t	 most = index ? (usable - 12) * 64 / 255 - 23 : usable - 35;
	const size_t	 least = (usable - 12) * 32 / 255 - 23;
	size_t		 n;

	if (len <= most)
		return len;
	n = least + (len - least) % (usable - 4);
	return n <= most ? n : least;
}

/* Finds the row of a cell.  False: there is no such cell. */
static bool
find_payload(const struct walk *w, struct payload *l, int64_t *id, size_t at, unsigned char type)
{
	const unsigned char	*p = w->page + at, *end = w->page + w->got;
	uint64_t		 len, rowid = 0;
	size_t			 n;

	if (type == INDEX_INTERIOR)
		p += 4;
	if (p >= end || (n = read_varint(&len, p, end)) == 0 || len == 0 || len > ROW_MAX)
		return false;
	p += n;
	if (type == TABLE_LEAF) {
		if ((n = read_varint(&rowid, p, end)) == 0)
			return false;
		p += n;
	}
	*id = (int64_t)rowid;
	*l = (struct payload){ .p = p, .len = (size_t)len };
	l->here = local_of(w, l->len, type != TABLE_LEAF);
	if (l->here > (size_t)(end - p) || (l->here < l->len && (size_t)(end - p) - l->here < 4))
		return false;
	if (l->here < l->len)
		l->next = (uint32_t)half_of(p + l->here) << 16 | half_of(p + l->here + 2);
	return true;
}

static enum error
walk_cell(struct walk *w, size_t at, unsigned char type)
{
	uint64_t		 types[PAGE_ROW_COLUMNS];
	struct page_row		 row = { .whole = true };
	const unsigned char	*p;
	struct payload		 l;
	size_t			 head = 0;
	enum error		 er;

	if (!find_payload(w, &l, &row.id, at, type) || (row.n = read_types(&l, types, &head)) == 0)
		return ERR_OK;
	for (; row.shape < w->n; row.shape++)
		if (w->shapes[row.shape].index == (type != TABLE_LEAF) &&
		    has_shape(types, row.n, w->shapes[row.shape].columns))
			break;
	if (row.shape == w->n)
		return ERR_OK;
	p = l.p;
	if (l.here < l.len) {
		if ((er = read_chain(w, &l, &row.whole)) != ERR_OK)
			return er;
		if (row.whole)
			p = (const unsigned char *)w->row.p;
	}
	read_values(&row, types, p, head, row.whole ? l.len : l.here);
	return w->fn(w->ctx, &row);
}

/* Finds the rows of a page, if it is one that has rows. */
static enum error
walk_page(struct walk *w, uint32_t page)
{
	const size_t	 first = page == 1 ? FILE_HEADER : 0;
	const unsigned char	*head = w->page + first;
	const unsigned char	 type = *head;
	size_t		 begin, at, cells, i;
	enum error	 er = ERR_OK;

	if ((type != TABLE_LEAF && type != INDEX_LEAF && type != INDEX_INTERIOR) ||
	    page_file_is_free(w->f, page))
		return ERR_OK;
	begin = first + (type == INDEX_INTERIOR ? 12 : 8);
	cells = half_of(head + 3);
	for (i = 0; i < cells && begin + 2 * i + 2 <= w->got && er == ERR_OK; i++) {
		at = half_of(w->page + begin + 2 * i);
		if (at >= begin + 2 * i + 2)
			er = walk_cell(w, at, type);
	}
	return er;
}

enum error
page_row_walk(const struct page_file *f, const struct page_shape *shapes, size_t n,
    page_row_each *fn, void *ctx)
{
	struct walk	 w = { .f = f, .shapes = shapes, .n = n, .fn = fn, .ctx = ctx };
	enum error	 er = ERR_OK;
	uint32_t	 page = 0;

	w.page = malloc(PAGE_FILE_MAX);
	w.further = malloc(PAGE_FILE_MAX);
	if (w.page == NULL || w.further == NULL)
		er = ERR_NOMEM;
	while (er == ERR_OK && (page = page_file_next(f, page)) != 0)
		if ((w.got = page_file_read(f, w.page, page)) > FILE_HEADER + 12)
			er = walk_page(&w, page);
	free(w.page);
	free(w.further);
	buf_free(&w.row);
	return er;
}
