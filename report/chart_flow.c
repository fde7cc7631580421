#include <stdlib.h>

#include "report/chart_flow.h"
#include "report/number_format.h"

enum { STEP, FROM, TO, NUMBER, COLUMNS };	/* of the table */
enum { LAYERS_MAX = 9, NODES_MAX = 96, LINKS_MAX = 400 };

/*
 * Pixels: a layer, a node's width, all nodes of the fullest layer, a line of text, what is between
 * nodes with and without a name.
 */
static const double	 WIDE = 184, THICK = 6, TALL = 300, LINE = 15, GAP = 8, SLIT = 3;

enum { NAMED_MAX = 8 };	/* of a layer's nodes: the largest have their names beside them */

struct node {
	size_t	 layer;
	size_t	 row, col;	/* a cell that has its name */
	double	 in, out;
	size_t	 rank;		/* in its layer, by size, from 0 */
	double	 y;		/* of its upper end */
	double	 from, to;	/* how much of it has links already */
};

struct link {
	struct node	*from, *to;
	double		 n;
};

struct flow {
	const struct answer	*a;
	int64_t			 first;		/* step */
	size_t			 layers, nnodes, nlinks;
	double			 scale;		/* pixels for one */
	double			 height;
	struct node		 nodes[NODES_MAX];
	struct link		 links[LINKS_MAX];
};

static struct node *
node_of(struct flow *f, size_t layer, size_t row, size_t col)
{
	struct node	*n;

	for (n = f->nodes; n != f->nodes + f->nnodes; n++)
		if (n->layer == layer && cell_is_same(f->a, n->row, n->col, row, col))
			return n;
	if (f->nnodes == NODES_MAX)
		return NULL;
	*n = (struct node){ .layer = layer, .row = row, .col = col };
	f->nnodes++;
	if (layer >= f->layers)
		f->layers = layer + 1;
	return n;
}

static void
read_row(struct flow *f, size_t row)
{
	int64_t		 layer = table_at(f->a->t, row, STEP)->i - f->first;
	double		 n = table_number(f->a->t, row, NUMBER);
	struct node	*from, *to;

	if (layer < 0 || layer + 1 >= LAYERS_MAX || n <= 0 || f->nlinks == LINKS_MAX)
		return;
	if ((from = node_of(f, (size_t)layer, row, FROM)) == NULL)
		return;
	from->out += n;
	if (table_at(f->a->t, row, TO)->type == CELL_NULL)	/* it ends there */
		return;
	if ((to = node_of(f, (size_t)layer + 1, row, TO)) == NULL)
		return;
	to->in += n;
	f->links[f->nlinks++] = (struct link){ from, to, n };
}

static void
read_table(struct flow *f, const struct answer *a)
{
	size_t	 row;

	f->a = a;
	for (row = 0; row < a->t->rows; row++)
		if (row == 0 || table_at(a->t, row, STEP)->i < f->first)
			f->first = table_at(a->t, row, STEP)->i;
	for (row = 0; row < a->t->rows; row++)
		read_row(f, row);
}

static double
size_of(const struct node *n)
{
	return n->in > n->out ? n->in : n->out;
}

/* Its height, and what it needs with its name, if it has one, and a gap. */
static double
thickness(const struct flow *f, const struct node *n)
{
	return size_of(n) * f->scale;
}

static double
room_of(const struct flow *f, const struct node *n)
{
	if (n->rank >= NAMED_MAX)
		return thickness(f, n) + SLIT;
	return (thickness(f, n) > LINE ? thickness(f, n) : LINE) + GAP;
}

/* The node after this one in its layer: the next smaller one. */
static bool
stands_before(const struct node *a, const struct node *b)
{
	return size_of(a) > size_of(b) || (!(size_of(a) < size_of(b)) && a < b);
}

/* How many nodes of its layer stand before it. */
static void
find_rank(struct flow *f, struct node *n)
{
	const struct node	*m;

	for (m = f->nodes; m != f->nodes + f->nnodes; m++)
		n->rank += m->layer == n->layer && m != n && stands_before(m, n);
}

static void
find_place(struct flow *f, struct node *n)
{
	const struct node	*m;

	n->y = GAP;
	for (m = f->nodes; m != f->nodes + f->nnodes; m++)
		if (m->layer == n->layer && m->rank < n->rank)
			n->y += room_of(f, m);
	if (n->y + room_of(f, n) > f->height)
		f->height = n->y + room_of(f, n);
}

static void
place(struct flow *f)
{
	double		 total[LAYERS_MAX] = { 0 }, most = 1;
	struct node	*n;

	for (n = f->nodes; n != f->nodes + f->nnodes; n++) {
		find_rank(f, n);
		total[n->layer] += size_of(n);
		if (total[n->layer] > most)
			most = total[n->layer];
	}
	f->scale = TALL / most;
	f->height = LINE;
	for (n = f->nodes; n != f->nodes + f->nnodes; n++)
		find_place(f, n);
}

/* Links leave and reach a node in the order of what is at their other end. */
static int
by_place(const void *p, const void *q)
{
	const struct link	*a = p, *b = q;

	if (a->from->y < b->from->y || a->from->y > b->from->y)
		return a->from->y < b->from->y ? -1 : 1;
	return (a->to->y > b->to->y) - (a->to->y < b->to->y);
}

static void
put_n(struct html *h, double n)
{
	char	 f[NUMBER_FORMAT];

	number_format_count(f, n);
	html_text(h, f);
}

static double
x_of(const struct node *n)
{
	return (double)n->layer * WIDE;
}

static void
put_link(struct html *h, const struct flow *f, struct link *l)
{
	double	 x = x_of(l->from) + THICK, end = x_of(l->to), middle = (x + end) / 2;
	double	 y = l->from->y + l->from->from, to = l->to->y + l->to->to, thick = l->n * f->scale;

	l->from->from += thick;
	l->to->to += thick;
	html_printf(h, "<path class=\"flow\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f",
	    x, y, middle, y, middle, to, end, to);
	html_printf(h, "v%.1fC%.1f %.1f %.1f %.1f %.1f %.1fz\"><title>", thick, middle, to + thick,
	    middle, y + thick, x, y + thick);
	cell_put_plain(h, f->a, l->from->row, l->from->col);
	html_raw(h, " → ");
	cell_put_plain(h, f->a, l->to->row, l->to->col);
	html_raw(h, ": ");
	put_n(h, l->n);
	html_raw(h, "</title></path>");
}

static void
put_node(struct html *h, const struct flow *f, const struct node *n)
{
	bool	 named = n->rank < NAMED_MAX;

	html_printf(h, "<rect class=\"node\" x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\"",
	    x_of(n), n->y, THICK, thickness(f, n) > 1 ? thickness(f, n) : 1);
	if (named)
		html_printf(h, "/><text x=\"%.1f\" y=\"%.1f\">", x_of(n) + THICK + 5,
		    n->y + LINE - 4);
	else
		html_raw(h, "><title>");
	cell_put_plain(h, f->a, n->row, n->col);
	html_raw(h, named ? " <tspan class=\"n\">" : ": ");
	put_n(h, size_of(n));
	html_raw(h, named ? "</tspan></text>" : "</title></rect>");
}

static void
put_flow(struct html *h, struct flow *f)
{
	const double	 wide = (double)f->layers * WIDE;
	size_t		 i;

	html_raw(h, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(h, i18n_text(f->a->l, f->a->q->name));
	html_raw(h, ": ");
	html_text(h, i18n_text(f->a->l, "chart"));
	html_printf(h, "\"><svg class=\"chart\" width=\"%.0f\" height=\"%.0f\" "
	    "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t\">"
	    "<title id=\"%s-t\">", wide, f->height, wide, f->height, f->a->q->name,
	    f->a->q->name);
	html_text(h, i18n_text(f->a->l, f->a->q->name));
	html_raw(h, "</title>");
	for (i = 0; i < f->nlinks; i++)
		put_link(h, f, &f->links[i]);
	for (i = 0; i < f->nnodes; i++)
		put_node(h, f, &f->nodes[i]);
	html_raw(h, "</svg></div>");
}

void
chart_flow(struct html *h, const struct answer *a)
{
	struct flow	*f = calloc(1, sizeof(*f));

	if (f == NULL) {
		h->er = ERR_NOMEM;
		return;
	}
	if (cell_count_columns(a) >= COLUMNS)
		read_table(f, a);
	if (f->nnodes != 0) {
		place(f);
		qsort(f->links, f->nlinks, sizeof(f->links[0]), by_place);
		put_flow(h, f);
	}
	free(f);
}
