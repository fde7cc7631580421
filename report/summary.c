#include <string.h>

#include "report/number_format.h"
#include "report/summary.h"

/* The numbers of the summary.  Each is the sum of a column in the answer to a question. */
enum sum {
	EVENTS, DEVICES, FOLLOWS, UNFOLLOWS, NET, RECEIVED, REFUSED, TAKEN, PENDING, DEAD, SUM__MAX
};

static const struct {
	const char	*question, *column;
} sums[SUM__MAX] = {
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

	for (i = 0; i < SUM__MAX; i++)
		if (strcmp(sums[i].question, q->name) == 0)
			return true;
	return false;
}

/* Adds up the column for a number.  False: its question could not be answered. */
static bool
sum_of(double *sum, enum sum which, const struct report_answer *answers, size_t n)
{
	const struct report_answer	*a;
	size_t				 row, col;

	*sum = 0;
	for (a = answers; a != answers + n && strcmp(a->q->name, sums[which].question) != 0; a++)
		;
	if (a == answers + n || a->t == NULL)
		return false;
	for (col = 0; col < a->t->cols && strcmp(a->t->name[col], sums[which].column) != 0; col++)
		;
	if (col == a->t->cols)
		return false;
	for (row = 0; row < a->t->rows; row++)
		*sum += table_number(a->t, row, col);
	return true;
}

static void
put_summary_number(struct layout *l, const char *name, const char *number, bool alarm)
{
	html_printf(&l->html, "<div%s><dt>", alarm ? " class=\"alarm\"" : "");
	html_text(&l->html, cell_column_name(l->language, name));
	html_printf(&l->html, "</dt><dd>%s</dd></div>", number);
}

static void
put_sum_numbers(struct layout *l, enum sum first, enum sum last, bool alarm,
    const struct report_answer *answers, size_t n)
{
	enum sum	 i;
	double		 sum;
	char		 text[NUMBER_FORMAT_TEXT];

	for (i = first; i <= last; i++)
		if (sum_of(&sum, i, answers, n)) {
			number_format_count(text, sum);
			put_summary_number(l, sums[i].column, text, alarm && sum > 0);
		}
}

/* Writes the share of WeChat's pushes that were acknowledged.  Refused pushes are not WeChat's. */
static void
put_acknowledged_share(struct layout *l, const struct report_answer *answers, size_t n)
{
	double	 received, refused, taken;
	char	 text[NUMBER_FORMAT_TEXT];

	if (!sum_of(&received, RECEIVED, answers, n) || !sum_of(&refused, REFUSED, answers, n) ||
	    !sum_of(&taken, TAKEN, answers, n) || received <= refused)
		return;
	number_format_share(text, taken / (received - refused));
	put_summary_number(l, "acknowledged", text, taken < received - refused);
}

void
summary_put(struct layout *l, const struct report_answer *answers, size_t n)
{
	html_raw(&l->html, "<dl class=\"figures\">");
	put_sum_numbers(l, EVENTS, NET, false, answers, n);
	put_acknowledged_share(l, answers, n);
	put_sum_numbers(l, PENDING, DEAD, true, answers, n);
	html_raw(&l->html, "</dl>");
}
