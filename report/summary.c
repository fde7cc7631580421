#include <string.h>

#include "report/number_format.h"
#include "report/summary.h"

/* A number: the sum of a column of a question's answer. */
enum sum {
	EVENTS, DEVICES, FOLLOWS, UNFOLLOWS, NET, RECEIVED, REFUSED, TAKEN, PENDING, DEAD, SUMS
};

static const struct {
	const char	*question, *column;
} sums[SUMS] = {
	[EVENTS]	= { "days", "events" },
	[DEVICES]	= { "distribution", "devices" },
	[FOLLOWS]	= { "follows", "follows" },
	[UNFOLLOWS]	= { "follows", "unfollows" },
	[NET]		= { "follows", "net" },
	[RECEIVED]	= { "health", "received" },
	[REFUSED]	= { "health", "refused" },
	[TAKEN]		= { "health", "acknowledged" },
	[PENDING]	= { "health", "pending" },
	[DEAD]		= { "health", "dead" },
};

bool
summary_needs(const struct report_question *q)
{
	size_t	 i;

	for (i = 0; i < SUMS; i++)
		if (strcmp(sums[i].question, q->name) == 0)
			return true;
	return false;
}

/* False: the question was not answered. */
static bool
sum_of(double *sum, enum sum what, const struct layout_asked *asked, size_t n)
{
	const struct layout_asked	*p;
	size_t				 row, col;

	*sum = 0;
	for (p = asked; p != asked + n && strcmp(p->q->name, sums[what].question) != 0; p++)
		;
	if (p == asked + n || p->t == NULL)
		return false;
	for (col = 0; col < p->t->cols && strcmp(p->t->name[col], sums[what].column) != 0; col++)
		;
	if (col == p->t->cols)
		return false;
	for (row = 0; row < p->t->rows; row++)
		*sum += table_number(p->t, row, col);
	return true;
}

static void
put(struct layout *v, const char *name, const char *figure, bool alarm)
{
	html_printf(&v->h, "<div%s><dt>", alarm ? " class=\"alarm\"" : "");
	html_text(&v->h, cell_column_name(v->l, name));
	html_printf(&v->h, "</dt><dd>%s</dd></div>", figure);
}

static void
put_sums(struct layout *v, enum sum first, enum sum last, bool alarm,
    const struct layout_asked *asked, size_t n)
{
	enum sum	 i;
	double		 sum;
	char		 f[NUMBER_FORMAT];

	for (i = first; i <= last; i++)
		if (sum_of(&sum, i, asked, n)) {
			number_format_count(f, sum);
			put(v, sums[i].column, f, alarm && sum > 0);
		}
}

/* Of WeChat's pushes, those that were answered `success`; what is refused is not WeChat's. */
static void
put_share(struct layout *v, const struct layout_asked *asked, size_t n)
{
	double	 received, refused, taken;
	char	 f[NUMBER_FORMAT];

	if (!sum_of(&received, RECEIVED, asked, n) || !sum_of(&refused, REFUSED, asked, n) ||
	    !sum_of(&taken, TAKEN, asked, n) || received <= refused)
		return;
	number_format_share(f, taken / (received - refused));
	put(v, "acknowledged", f, taken < received - refused);
}

void
summary_put(struct layout *v, const struct layout_asked *asked, size_t n)
{
	html_raw(&v->h, "<dl class=\"figures\">");
	put_sums(v, EVENTS, NET, false, asked, n);
	put_share(v, asked, n);
	put_sums(v, PENDING, DEAD, true, asked, n);
	html_raw(&v->h, "</dl>");
}
