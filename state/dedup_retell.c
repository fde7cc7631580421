#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/hex.h"
#include "core/log.h"
#include "state/dedup_retell.h"
#include "state/dedup_shared.h"

enum {
	MARKS = 16384,		/* that are remembered: 600 KiB */
	DOUBT_MS = 3000,	/* PostgreSQL writes its log more often than once in that time */
	FRESH_MS = 60000	/* so long WeChat may send a message again */
};

struct mark {
	struct dedup_shared_known known;
	bool		 told;
	int64_t		 at_ms;		/* monotonic */
};

/* A ring: mark number n is in v[n % MARKS]. */
struct dedup_retell {
	pthread_mutex_t	 lock;
	uint64_t	 next;		/* the number of the next mark */
	uint64_t	 first;		/* those before are told */
	struct mark	 v[MARKS];
};

struct dedup_retell *
dedup_retell_new(void)
{
	struct dedup_retell	*r;

	if ((r = calloc(1, sizeof(*r))) != NULL)
		(void)pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
dedup_retell_free(struct dedup_retell *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

void
dedup_retell_note(struct dedup_retell *r, const unsigned char key[DEDUP_KEY], enum dedup_as as,
    bool told)
{
	struct mark	*m;

	(void)pthread_mutex_lock(&r->lock);
	m = &r->v[r->next++ % MARKS];
	memcpy(m->known.key, key, DEDUP_KEY);
	m->known.as = as;
	m->told = told;
	m->at_ms = clock_mono_ms();
	if (r->next - r->first > MARKS)
		r->first = r->next - MARKS;
	if (told && r->first == r->next - 1)
		r->first = r->next;
	(void)pthread_mutex_unlock(&r->lock);
}

void
dedup_retell_doubt(struct dedup_retell *r)
{
	int64_t		 since_ms = -1;		/* a moment before the last one that was told */
	struct mark	*m;
	uint64_t	 n;

	(void)pthread_mutex_lock(&r->lock);
	for (n = r->next; n > 0 && r->next - n < MARKS; n--) {
		m = &r->v[(n - 1) % MARKS];
		if (m->at_ms < since_ms)
			break;
		if (m->told && since_ms == -1)
			since_ms = m->at_ms - DOUBT_MS;
		m->told = false;
	}
	if (n < r->first)
		r->first = n;
	(void)pthread_mutex_unlock(&r->lock);
}

bool
dedup_retell_is_fresh(struct dedup_retell *r)
{
	bool	 is;

	(void)pthread_mutex_lock(&r->lock);
	is = r->next > 0 && clock_mono_ms() - r->v[(r->next - 1) % MARKS].at_ms < FRESH_MS;
	(void)pthread_mutex_unlock(&r->lock);
	return is;
}

/* Marks on their way into the store, and their numbers. */
struct retelling {
	struct dedup_shared_known v[DEDUP_SHARED_MARKS];
	uint64_t	 number[DEDUP_SHARED_MARKS];
	size_t		 n;
};

static void
take_marks(struct dedup_retell *r, struct retelling *t)
{
	uint64_t	 n;

	(void)pthread_mutex_lock(&r->lock);
	for (n = r->first; n < r->next && t->n < DEDUP_SHARED_MARKS; n++)
		if (!r->v[n % MARKS].told) {
			t->v[t->n] = r->v[n % MARKS].known;
			t->number[t->n++] = n;
		}
	(void)pthread_mutex_unlock(&r->lock);
}

/* Notes that they are written.  True: there are more. */
static bool
note_told(struct dedup_retell *r, const struct retelling *t)
{
	bool	 more;
	size_t	 k;

	(void)pthread_mutex_lock(&r->lock);
	for (k = 0; k < t->n; k++)
		if (r->next - t->number[k] <= MARKS)	/* else another mark is in its place */
			r->v[t->number[k] % MARKS].told = true;
	while (r->first < r->next && r->v[r->first % MARKS].told)
		r->first++;
	more = r->first < r->next;
	(void)pthread_mutex_unlock(&r->lock);
	return more;
}

/* Says in the log of a message what may have brought it to QT a second time. */
static void
log_retold(const struct dedup_shared_known *known)
{
	struct logline	 l;
	char		 hex[17];

	hex_encode(hex, known->key + 8, 8);
	log_begin(&l, LEVEL_INFO, "seen");
	log_str(&l, "key", hex);
	log_str(&l, "msg", known->as == DEDUP_DONE ?
	    "other hosts may not have known for a while that the message is done" :
	    "other hosts may not have known for a while that the message is in the queue");
	log_end(&l);
}

bool
dedup_retell_some(struct dedup_retell *r, struct store *shared, int64_t until_ms)
{
	struct retelling	 t = { .n = 0 };
	size_t			 k;

	take_marks(r, &t);
	if (t.n == 0 || dedup_shared_mark_all(shared, t.v, t.n, until_ms) != ERR_OK)
		return false;
	for (k = 0; k < t.n && log_wants(LEVEL_INFO); k++)
		log_retold(&t.v[k]);
	return note_told(r, &t);
}
