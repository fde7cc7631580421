#include <stdlib.h>

#include "collector/arrival_fold.h"
#include "collector/collect.h"
#include "core/clock.h"

enum { SHARED_MS = 50 };	/* for a step where hosts share the store */

struct arrival_fold {
	const struct conf	*conf;
	struct store		*store;
	struct arrivals		*arrivals;
	struct collector	*collector;
	struct arrivals_file	 file;
	int			 max;		/* messages in a transaction */
	size_t			 next;		/* becomes file.at when these are committed */
	bool			 more;		/* the file has records behind it */
};

struct arrival_fold *
arrival_fold_new(const struct conf *conf, struct store *s, struct arrivals *as)
{
	struct arrival_fold	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->conf = conf;
	f->store = s;
	f->arrivals = as;
	/* Hosts that lock many devices, each in its own order, would wait for each other. */
	f->max = store_is_shared(s) ? 1 : ARRIVAL_FOLD_STEP;
	if ((f->collector = collect_new(conf, s, NULL)) == NULL) {
		arrival_fold_free(f);
		return NULL;
	}
	return f;
}

void
arrival_fold_free(struct arrival_fold *f)
{
	if (f == NULL)
		return;
	arrivals_release(f->arrivals, &f->file, false);
	collect_free(f->collector);
	free(f);
}

/* NULL: the configuration has no such account any more. */
static const struct account *
find_account(const struct conf *c, struct slice path)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (slice_is(path, c->accounts[i].path))
			return &c->accounts[i];
	return NULL;
}

/* A store_work: counts the next records of the file. */
static enum error
count_records(struct db *db, void *arg)
{
	struct arrival_fold		*f = arg;
	struct event_store_batch	 batch = { 0 };
	const struct account		*account;
	struct arrival			 a;
	enum error			 er = ERR_OK;
	int				 n;

	f->next = f->file.at;
	f->more = true;
	for (n = 0; n < f->max && er == ERR_OK && f->more; n++) {
		f->more = arrivals_next(&f->file, &f->next, &a);
		if (f->more && (account = find_account(f->conf, a.account)) != NULL)
			er = collect_arrival(f->collector, db, &batch, account, &a);
	}
	return er;
}

bool
arrival_fold_some(struct arrival_fold *f, int64_t until_ms)
{
	const int64_t	 begun_ms = clock_mono_ms();
	int		 n = 0;

	if (!store_has_room(f->store) ||
	    (!f->file.is_taken && !arrivals_take(f->arrivals, &f->file)))
		return false;
	do {
		if (store_do(f->store, STORE_WRITE, count_records, f, until_ms) != ERR_OK)
			return false;
		f->file.at = f->next;
		n += f->max;
	} while (f->more && n < ARRIVAL_FOLD_STEP && clock_mono_ms() < begun_ms + SHARED_MS);
	if (!f->more)
		arrivals_release(f->arrivals, &f->file, true);
	return true;
}

void
arrival_fold_all(const struct conf *conf, struct store *s, struct arrivals *as, int ms)
{
	const int64_t		 until_ms = clock_mono_ms() + ms;
	struct arrival_fold	*f;

	if (as == NULL || (f = arrival_fold_new(conf, s, as)) == NULL)
		return;
	while (clock_mono_ms() < until_ms && arrival_fold_some(f, until_ms))
		;
	arrival_fold_free(f);
}
