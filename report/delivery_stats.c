#include <stdlib.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "report/delivery_stats.h"
#include "state/host_counters.h"
#include "state/queue.h"

enum column {
	ACCOUNT, RECEIVED, ACKNOWLEDGED, DELIVERED, PENDING, DEAD, REPEATS, REFUSED, OLDEST,
	P50, P90, P99, COLUMNS
};

static const char *const column_names[COLUMNS] = {
	[ACCOUNT] = "account", [RECEIVED] = "received", [ACKNOWLEDGED] = "acknowledged",
	[DELIVERED] = "delivered", [PENDING] = "pending", [DEAD] = "dead",
	[REPEATS] = "repeats", [REFUSED] = "refused", [OLDEST] = "oldest_ms",
	[P50] = "p50_ms", [P90] = "p90_ms", [P99] = "p99_ms",
};

/* The columns of times, and the share of pushes that they are for. */
static const struct {
	enum column	 column;
	double		 share;
} percentiles[] = { { P50, 0.5 }, { P90, 0.9 }, { P99, 0.99 } };

struct account_sums {
	const struct conf	*conf;
	struct counter_numbers	*sums;	/* of each account, in the order of conf */
};

/* Adds an hour to the sums of its account.  It is a counters_each. */
static void
add_hour_to_sums(void *ctx, const struct counter_hour *h)
{
	struct account_sums	*s = ctx;
	const struct account	*a = conf_account(s->conf, h->account);

	if (a != NULL)
		counters_add(&s->sums[a - s->conf->accounts], h->numbers);
}

static enum error
read_account_sums(struct account_sums *s, struct db *db, const char *from, const char *to)
{
	const struct host_counters_of	 of = { .set = &s->conf->set, .db = db };
	int64_t				 first, last;

	if (!calendar_parse_day(&first, slice_of(from)) || !calendar_parse_day(&last, slice_of(to)))
		return ERR_REQUEST;
	return host_counters_read(&of, NULL, first, last, add_hour_to_sums, s);
}

static void
set_sums(struct table *t, const struct counter_numbers *n)
{
	const uint64_t	*count = n->count;
	int64_t		 ms;
	size_t		 i;

	table_int(t, RECEIVED, (int64_t)counters_received(n));
	table_int(t, ACKNOWLEDGED, (int64_t)counters_acknowledged(n));
	table_int(t, DELIVERED, (int64_t)(count[COUNTER_DELIVERED] +
	    count[COUNTER_LATE_DELIVERED]));
	table_int(t, REPEATS, (int64_t)count[COUNTER_REPEAT]);
	table_int(t, REFUSED, (int64_t)counters_refusals(n));
	for (i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		if ((ms = counters_percentile(n, COUNTER_WAITED, percentiles[i].share)) != -1)
			table_int(t, percentiles[i].column, ms);
}

/* Sets the messages that wait, and those that QT has refused. */
static enum error
set_queue_depths(struct table *t, struct db *db, const char *path)
{
	int64_t		 pending, dead, oldest_ms, unused, now_ms;
	enum error	 er;

	if ((er = queue_depth(db, path, QUEUE_PENDING, &pending, &oldest_ms)) != ERR_OK ||
	    (er = queue_depth(db, path, QUEUE_DEAD, &dead, &unused)) != ERR_OK)
		return er;
	table_int(t, PENDING, pending);
	table_int(t, DEAD, dead);
	now_ms = clock_wall_ms();
	if (oldest_ms != -1)
		table_int(t, OLDEST, oldest_ms < now_ms ? now_ms - oldest_ms : 0);
	return ERR_OK;
}

static enum error
append_stats_row(struct table *t, struct db *db, const struct account *a,
    const struct counter_numbers *n)
{
	enum error	 er;

	if ((er = table_row(t)) != ERR_OK ||
	    (er = table_text(t, ACCOUNT, slice_of(a->name))) != ERR_OK)
		return er;
	set_sums(t, n);
	return set_queue_depths(t, db, a->path);
}

enum error
delivery_stats_table(struct table *t, struct db *db, const struct conf *c, const char *account,
    const char *from, const char *to)
{
	struct account_sums	 s = { .conf = c };
	enum error		 er;
	size_t			 i;

	if ((er = table_begin(t, column_names, COLUMNS)) != ERR_OK)
		return er;
	if ((s.sums = calloc(c->n + 1, sizeof(*s.sums))) == NULL)
		return ERR_NOMEM;
	er = read_account_sums(&s, db, from, to);
	for (i = 0; i < c->n && er == ERR_OK; i++)
		if (*account == '\0' || conf_means(&c->accounts[i], account))
			er = append_stats_row(t, db, &c->accounts[i], &s.sums[i]);
	free(s.sums);
	return er;
}
