#include <stdlib.h>

#include "core/calendar.h"
#include "core/clock.h"
#include "report/delivery_stats.h"
#include "state/counters.h"
#include "state/queue.h"

enum column {
	ACCOUNT, RECEIVED, ACKNOWLEDGED, DELIVERED, PENDING, DEAD, REPEATS, REFUSED, OLDEST,
	P50, P90, P99, COLUMNS
};

static const char *const names[COLUMNS] = {
	[ACCOUNT] = "account", [RECEIVED] = "received", [ACKNOWLEDGED] = "acknowledged",
	[DELIVERED] = "delivered", [PENDING] = "pending", [DEAD] = "dead",
	[REPEATS] = "repeats", [REFUSED] = "refused", [OLDEST] = "oldest_ms",
	[P50] = "p50_ms", [P90] = "p90_ms", [P99] = "p99_ms",
};

static const struct {
	enum column	 column;
	double		 share;
} percentiles[] = { { P50, 0.5 }, { P90, 0.9 }, { P99, 0.99 } };

struct summing {
	const struct conf	*conf;
	struct tally_numbers	*sums;	/* by account */
};

/* A tally_each. */
static void
add_hour(void *ctx, const struct tally_hour *h)
{
	struct summing		*s = ctx;
	const struct account	*a = conf_account(s->conf, h->account);

	if (a != NULL)
		tally_add(&s->sums[a - s->conf->accounts], h->numbers);
}

static enum qt_err
read_sums(struct summing *s, const char *from, const char *to)
{
	int64_t	 first, last;

	if (!day_parse(&first, slice_of(from)) || !day_parse(&last, slice_of(to)))
		return QT_EREQUEST;
	return tally_read(s->conf->set.state_dir, first, last, add_hour, s);
}

static void
put_counts(struct table *t, const struct tally_numbers *n)
{
	const uint64_t	*count = n->count;
	int64_t		 ms;
	size_t		 i;

	table_int(t, RECEIVED, (int64_t)tally_received(n));
	table_int(t, ACKNOWLEDGED, (int64_t)tally_acknowledged(n));
	table_int(t, DELIVERED, (int64_t)(count[TALLY_DELIVERED] + count[TALLY_LATE_DELIVERED]));
	table_int(t, REPEATS, (int64_t)count[TALLY_REPEAT]);
	table_int(t, REFUSED, (int64_t)tally_refusals(n));
	for (i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		if ((ms = tally_percentile(n, TALLY_WAITED, percentiles[i].share)) != -1)
			table_int(t, percentiles[i].column, ms);
}

/* What waits in the store, and what QT did not want. */
static enum qt_err
put_store(struct table *t, struct db *db, const char *path)
{
	int64_t		 pending, dead, oldest_ms, unused, now_ms;
	enum qt_err	 er;

	if ((er = queue_depth(db, path, QUEUE_PENDING, &pending, &oldest_ms)) != QT_OK ||
	    (er = queue_depth(db, path, QUEUE_DEAD, &dead, &unused)) != QT_OK)
		return er;
	table_int(t, PENDING, pending);
	table_int(t, DEAD, dead);
	now_ms = clock_wall_ms();
	if (oldest_ms != -1)
		table_int(t, OLDEST, oldest_ms < now_ms ? now_ms - oldest_ms : 0);
	return QT_OK;
}

static enum qt_err
put_row(struct table *t, struct db *db, const struct account *a, const struct tally_numbers *n)
{
	enum qt_err	 er;

	if ((er = table_row(t)) != QT_OK ||
	    (er = table_text(t, ACCOUNT, slice_of(a->name))) != QT_OK)
		return er;
	put_counts(t, n);
	return put_store(t, db, a->path);
}

enum qt_err
health_table(struct table *t, struct db *db, const struct conf *c, const char *account,
    const char *from, const char *to)
{
	struct summing	 s = { .conf = c };
	enum qt_err	 er;
	size_t		 i;

	if ((er = table_begin(t, names, COLUMNS)) != QT_OK)
		return er;
	if ((s.sums = calloc(c->n + 1, sizeof(*s.sums))) == NULL)
		return QT_ENOMEM;
	er = read_sums(&s, from, to);
	for (i = 0; i < c->n && er == QT_OK; i++)
		if (*account == '\0' || conf_means(&c->accounts[i], account))
			er = put_row(t, db, &c->accounts[i], &s.sums[i]);
	free(s.sums);
	return er;
}
