#include <stdbool.h>
#include <stdlib.h>

#include "core/calendar.h"
#include "monitor/silence.h"
#include "state/counters.h"
#include "state/host_counters.h"

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

static bool
has_pushes(const struct counter_hour *h)
{
	return counters_acknowledged(h->numbers) + h->numbers->count[COUNTER_UNSAFE] > 0;
}

/* A counters_each: an hour with pushes, of any host. */
static void
take_push_hour(void *ctx, const struct counter_hour *h)
{
	struct last_pushes	*l = ctx;
	const int64_t		 end_s = calendar_day_start(h->day) + (h->hour + 1) * 3600;
	size_t			 i;

	for (i = 0; i < l->conf->n && has_pushes(h); i++)
		if (slice_is(h->account, l->conf->accounts[i].path) && l->pushed_s[i] < end_s)
			l->pushed_s[i] = end_s;
}

/* Adds what other hosts have counted since yesterday, if an account is silent here. */
static enum error
add_other_hosts(struct last_pushes *l, const struct host_counters_of *of, int64_t now_s)
{
	const int64_t	 today = calendar_day_at(now_s);
	size_t		 i;

	if (of->store == NULL || !store_is_shared(of->store))
		return ERR_OK;
	for (i = 0; i < l->conf->n; i++)
		if (l->pushed_s[i] > 0 && now_s - l->pushed_s[i] > SILENCE_S)
			return host_counters_read(of, NULL, today - 1, today, take_push_hour, l);
	return ERR_OK;
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

	if (slice_is(h->account, d->path) && has_pushes(h))
		d->pushed[h->day - d->first] = true;
}

/* True: pushes came on each of the days before that of the last push. */
static bool
has_daily_pushes(const struct host_counters_of *of, const char *path, int64_t pushed_s,
    enum error *er)
{
	struct pushed_days	 d = { .path = path };
	int			 i;

	d.first = calendar_day_at(pushed_s) - SILENCE_DAYS;
	*er = host_counters_read(of, NULL, d.first, d.first + SILENCE_DAYS - 1, take_pushed_day,
	    &d);
	for (i = 0; i < SILENCE_DAYS && d.pushed[i]; i++)
		;
	return *er == ERR_OK && i == SILENCE_DAYS;
}

enum error
silence_find(const struct conf *c, struct store *s, int64_t until_ms, int64_t now_s,
    silence_each *fn, void *ctx)
{
	const struct host_counters_of	 of = {
		.set = &c->set, .store = s, .until_ms = until_ms,
	};
	struct last_pushes		 l = { .conf = c };
	enum error			 er;
	int64_t				 silent_s;
	size_t				 i;

	if ((l.pushed_s = calloc(c->n + 1, sizeof(*l.pushed_s))) == NULL)
		return ERR_NOMEM;
	if ((er = counters_totals(c->set.state_dir, take_push_time, &l)) == ERR_OK)
		er = add_other_hosts(&l, &of, now_s);
	for (i = 0; i < c->n && er == ERR_OK; i++) {
		silent_s = now_s - l.pushed_s[i];
		if (l.pushed_s[i] > 0 && silent_s > SILENCE_S && silent_s < SILENCE_GIVEN_UP_S &&
		    has_daily_pushes(&of, c->accounts[i].path, l.pushed_s[i], &er))
			fn(ctx, i, silent_s);
	}
	free(l.pushed_s);
	return er == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}
