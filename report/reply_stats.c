#include "core/calendar.h"
#include "report/reply_stats.h"
#include "state/reply_table.h"

enum column { ACCOUNT, KIND, RULE, REPLIES, MEAN, COLUMNS };

static const char *const column_names[COLUMNS] = {
	[ACCOUNT] = "account", [KIND] = "kind", [RULE] = "rule", [REPLIES] = "replies",
	[MEAN] = "mean_ms",
};

/* The inputs of the rows, and the table. */
struct making {
	struct table		*t;
	const struct conf	*conf;
	const char		*account;
	int64_t			 from, to;
	enum error		 er;
};

/* Adds the row of a rule.  It is a reply_table_each. */
static void
append_rule(void *ctx, const struct reply_table_entry *e)
{
	struct making		*m = ctx;
	const struct account	*a = conf_account(m->conf, slice_of(e->account));
	const uint64_t		 n = reply_table_in(e, m->from, m->to);
	struct table		*t = m->t;

	if (m->er != ERR_OK || n == 0 || a == NULL ||
	    (*m->account != '\0' && !conf_means(a, m->account)))
		return;
	if ((m->er = table_row(t)) != ERR_OK ||
	    (m->er = table_text(t, ACCOUNT, slice_of(a->name))) != ERR_OK ||
	    (m->er = table_text(t, KIND, slice_of(e->kind))) != ERR_OK ||
	    (m->er = table_text(t, RULE, slice_of(e->rule))) != ERR_OK)
		return;
	table_int(t, REPLIES, (int64_t)n);
	if (e->count != 0)
		table_int(t, MEAN, (int64_t)(e->sum_ms / e->count));
}

enum error
reply_stats_table(struct table *t, const struct conf *c, const char *account, const char *from,
    const char *to)
{
	struct making	 m = { .t = t, .conf = c, .account = account };
	enum error	 er;

	if (!calendar_parse_day(&m.from, slice_of(from)) ||
	    !calendar_parse_day(&m.to, slice_of(to)))
		return ERR_REQUEST;
	if ((er = table_begin(t, column_names, COLUMNS)) != ERR_OK)
		return er;
	er = reply_table_read(c->set.state_dir, append_rule, &m);
	return er != ERR_OK ? er : m.er;
}
