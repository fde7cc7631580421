#include <stdbool.h>
#include <stdlib.h>

#include "core/calendar.h"
#include "monitor/silence.h"
#include "state/counters.h"

/* When the last push of each account came, epoch seconds; 0: never, or it is not known. */
struct last_pushes {
	const struct conf	*conf;
	int64_t			*pushed_s;
};

/* A counters_each_total. */
static void
take_push_time(void *ctx, struct slice account, const struct counter_total *t)
{
	struct last_pushes	*l = ctx;
	size_t			 i;

	for (i = 0; i < l->conf->n; i++)
		if (slice_is(account, l->conf->accounts[i].path))
			l->pushed_s[i] = (int64_t)t->sum.pushed_s;
}

/* The days of an account on which pushes came. */
struct pushed_days {
	const char	*path;
	int64_t		 first;
	bool		 pushed[SILENCE_DAYS];
};

/* A counters_each. */
static void
take_pushed_day(void *ctx, const struct counter_hour *h)
{
	struct pushed_days	*d = ctx;

	if (slice_is(h->account, d->path) && counters_acknowledged(h->numbers) +
	    h->numbers->count[COUNTER_UNSAFE] > 0)
		d->pushed[h->day - d->first] = true;
}

/* True: pushes came on each of the days before that of the last push. */
static bool
has_daily_pushes(const char *dir, const char *path, int64_t pushed_s, enum error *er)
{
	struct pushed_days	 d = { .path = path };
	int			 i;

	d.first = calendar_day_at(pushed_s) - SILENCE_DAYS;
	*er = counters_read(dir, d.first, d.first + SILENCE_DAYS - 1, take_pushed_day, &d);
	for (i = 0; i < SILENCE_DAYS && d.pushed[i]; i++)
		;
	return *er == ERR_OK && i == SILENCE_DAYS;
}

enum error
silence_find(const struct conf *c, int64_t now_s, silence_each *fn, void *ctx)
{
	const char		*dir = c->set.state_dir;
	struct last_pushes	 l = { .conf = c };
	enum error		 er;
	int64_t			 silent_s;
	size_t			 i;

	if ((l.pushed_s = calloc(c->n + 1, sizeof(*l.pushed_s))) == NULL)
		return ERR_NOMEM;
	er = counters_totals(dir, take_push_time, &l);
	for (i = 0; i < c->n && er == ERR_OK; i++) {
		silent_s = now_s - l.pushed_s[i];
		if (l.pushed_s[i] > 0 && silent_s > SILENCE_S && silent_s < SILENCE_GIVEN_UP_S &&
		    has_daily_pushes(dir, c->accounts[i].path, l.pushed_s[i], &er))
			fn(ctx, i, silent_s);
	}
	free(l.pushed_s);
	return er == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}
