#include <stdlib.h>

#include "report/chart_flow.h"

enum { STEP, FROM, TO, NUMBER, COLUMNS };	/* of the answer */
enum { LAYERS_MAX = 9, NODES_MAX = 96, LINKS_MAX = 400 };

/*
 * Pixels: the width of a layer and of a node, the height of all nodes of the fullest layer and of a
 * line of text, the gap below a node with a name and below one without.
 */
static const double	 WIDE = 184, THICK = 6, TALL = 300, LINE = 15, GAP = 8, SLIT = 3;

enum { NAMED_MAX = 8 };	/* nodes of a layer that show their names: the largest ones */

/* An event in a layer.  The first layer has the events of the first step. */
struct node {
	size_t	 layer;
	size_t	 row, col;	/* a cell with its event */
	double	 in, out;	/* sums of the links to and from it */
	size_t	 rank;		/* place in its layer by size, from 0 */
	double	 y;		/* its top, in pixels */
	double	 drawn_out, drawn_in;	/* pixels of its height that links use already */
};

struct link {
	struct node	*from, *to;
	double		 n;
};

struct flow {
	const struct report_answer	*a;
	int64_t				 first;		/* the first step */
	size_t				 layers, nnodes, nlinks;
	double				 scale;		/* pixels for one event */
	double				 height;	/* of the chart, in pixels */
	struct node			 nodes[NODES_MAX];
	struct link			 links[LINKS_MAX];
};

/* Finds or adds the node for a cell.  NULL: there are NODES_MAX others. */
static struct node *
find_node(struct flow *f, size_t layer, size_t row, size_t col)
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
read_flow_row(struct flow *f, size_t row)
{
	int64_t		 layer = table_at(f->a->t, row, STEP)->i - f->first;
	double		 n = table_number(f->a->t, row, NUMBER);
	struct node	*from, *to;

	if (layer < 0 || layer + 1 >= LAYERS_MAX || n <= 0 || f->nlinks == LINKS_MAX)
		return;
	if ((from = find_node(f, (size_t)layer, row, FROM)) == NULL)
		return;
	from->out += n;
	if (table_at(f->a->t, row, TO)->type == CELL_NULL)	/* the path ends here */
		return;
	if ((to = find_node(f, (size_t)layer + 1, row, TO)) == NULL)
		return;
	to->in += n;
	f->links[f->nlinks++] = (struct link){ from, to, n };
}

static void
read_flow(struct flow *f, const struct report_answer *a)
{
	size_t	 row;

	f->a = a;
	for (row = 0; row < a->t->rows; row++)
		if (row == 0 || table_at(a->t, row, STEP)->i < f->first)
			f->first = table_at(a->t, row, STEP)->i;
	for (row = 0; row < a->t->rows; row++)
		read_flow_row(f, row);
}

static double
size_of(const struct node *n)
{
	return n->in > n->out ? n->in : n->out;
}

/* The height of a node, and the height with its name and a gap. */
static double
height_of(const struct flow *f, const struct node *n)
{
	return size_of(n) * f->scale;
}

static double
room_of(const struct flow *f, const struct node *n)
{
	if (n->rank >= NAMED_MAX)
		return height_of(f, n) + SLIT;
	return (height_of(f, n) > LINE ? height_of(f, n) : LINE) + GAP;
}

/* a is drawn above b: in a layer the larger nodes come first. */
static bool
stands_before(const struct node *a, const struct node *b)
{
	return size_of(a) > size_of(b) || (!(size_of(a) < size_of(b)) && a < b);
}

/* Counts the nodes of its layer that are drawn above it. */
static void
set_rank(struct flow *f, struct node *n)
{
	const struct node	*m;

	for (m = f->nodes; m != f->nodes + f->nnodes; m++)
		n->rank += m->layer == n->layer && m != n && stands_before(m, n);
}

static void
set_place(struct flow *f, struct node *n)
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
place_nodes(struct flow *f)
{
	double		 total[LAYERS_MAX] = { 0 }, fullest = 1;
	struct node	*n;

	for (n = f->nodes; n != f->nodes + f->nnodes; n++) {
		set_rank(f, n);
		total[n->layer] += size_of(n);
		if (total[n->layer] > fullest)
			fullest = total[n->layer];
	}
	f->scale = TALL / fullest;
	f->height = LINE;
	for (n = f->nodes; n != f->nodes + f->nnodes; n++)
		set_place(f, n);
}

/* Sorts links by the places of their nodes, so that few links cross.  For qsort(). */
static int
compare_links(const void *p, const void *q)
{
	const struct link	*a = p, *b = q;

	if (a->from->y < b->from->y || a->from->y > b->from->y)
		return a->from->y < b->from->y ? -1 : 1;
	return (a->to->y > b->to->y) - (a->to->y < b->to->y);
}

static double
x_of(const struct node *n)
{
	return (double)n->layer * WIDE;
}

static void
put_flow_link(struct html *h, const struct flow *f, struct link *l)
{
	double	 x = x_of(l->from) + THICK, end = x_of(l->to), middle = (x + end) / 2;
	double	 y = l->from->y + l->from->drawn_out, to = l->to->y + l->to->drawn_in, thick =
	    l->n * f->scale;

	l->from->drawn_out += thick;
	l->to->drawn_in += thick;
	html_printf(h, "<path class=\"flow\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f",
	    x, y, middle, y, middle, to, end, to);
	html_printf(h, "v%.1fC%.1f %.1f %.1f %.1f %.1f %.1fz\"><title>", thick, middle, to + thick,
	    middle, y + thick, x, y + thick);
	cell_put_plain(h, f->a, l->from->row, l->from->col);
	html_raw(h, " → ");
	cell_put_plain(h, f->a, l->to->row, l->to->col);
	html_raw(h, ": ");
	cell_put_count(h, l->n);
	html_raw(h, "</title></path>");
}

static void
put_flow_node(struct html *h, const struct flow *f, const struct node *n)
{
	bool	 named = n->rank < NAMED_MAX;

	html_printf(h, "<rect class=\"node\" x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\"",
	    x_of(n), n->y, THICK, height_of(f, n) > 1 ? height_of(f, n) : 1);
	if (named)
		html_printf(h, "/><text x=\"%.1f\" y=\"%.1f\">", x_of(n) + THICK + 5,
		    n->y + LINE - 4);
	else
		html_raw(h, "><title>");
	cell_put_plain(h, f->a, n->row, n->col);
	html_raw(h, named ? " <tspan class=\"n\">" : ": ");
	cell_put_count(h, size_of(n));
	html_raw(h, named ? "</tspan></text>" : "</title></rect>");
}

static void
put_flow_chart(struct html *h, struct flow *f)
{
	const double	 wide = (double)f->layers * WIDE;
	size_t		 i;

	html_raw(h, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(h, i18n_text(f->a->language, f->a->q->name));
	html_raw(h, ": ");
	html_text(h, i18n_text(f->a->language, "chart"));
	html_printf(h, "\"><svg class=\"chart\" width=\"%.0f\" height=\"%.0f\" "
	    "viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t\">"
	    "<title id=\"%s-t\">", wide, f->height, wide, f->height, f->a->q->name,
	    f->a->q->name);
	html_text(h, i18n_text(f->a->language, f->a->q->name));
	html_raw(h, "</title>");
	for (i = 0; i < f->nlinks; i++)
		put_flow_link(h, f, &f->links[i]);
	for (i = 0; i < f->nnodes; i++)
		put_flow_node(h, f, &f->nodes[i]);
	html_raw(h, "</svg></div>");
}

void
chart_flow_put(struct html *h, const struct report_answer *a)
{
	struct flow	*f = calloc(1, sizeof(*f));

	if (f == NULL) {
		h->er = ERR_NOMEM;
		return;
	}
	if (cell_count_columns(a) >= COLUMNS)
		read_flow(f, a);
	if (f->nnodes != 0) {
		place_nodes(f);
		qsort(f->links, f->nlinks, sizeof(f->links[0]), compare_links);
		put_flow_chart(h, f);
	}
	free(f);
}
