#include <stdlib.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/carry.h"
#include "state/queue.h"

enum { STEP = 100, TEXTS = 5 };

/* Where a text of a message is in the bytes of a batch. */
struct carried_text {
	size_t	 at, len;
	bool	 is_absent;
};

/* Messages that are on their way.  Their texts are in bytes. */
struct batch {
	struct queue_message	 m[STEP];
	struct carried_text	 t[STEP][TEXTS];
	size_t			 n;
	struct buf		 bytes;
};

static struct slice *
text_of(struct queue_message *m, int i)
{
	struct slice *const	 texts[TEXTS] = {
		&m->account, &m->code, &m->outcome, &m->query, &m->body,
	};

	return texts[i];
}

/* Keeps a message, with copies of its texts. */
static enum error
keep_message(void *ctx, const struct queue_message *m)
{
	struct batch	*b = ctx;
	enum error	 er = ERR_OK;
	struct slice	 s;
	int		 i;

	b->m[b->n] = *m;
	for (i = 0; i < TEXTS && er == ERR_OK; i++) {
		s = *text_of(&b->m[b->n], i);
		b->t[b->n][i] = (struct carried_text){ b->bytes.len, s.len, s.p == NULL };
		er = s.len == 0 ? ERR_OK : buf_put(&b->bytes, s.p, s.len);
	}
	b->n += er == ERR_OK;
	return er;
}

/* A store_work of `from`. */
static enum error
read_messages(struct db *db, void *arg)
{
	struct batch	*b = arg;

	b->n = 0;
	buf_reset(&b->bytes);
	return queue_list(db, 0, STEP, keep_message, b);
}

/* Lets the messages point at their texts, which do not move any more. */
static void
point_at_texts(struct batch *b)
{
	size_t	 k;
	int	 i;

	for (k = 0; k < b->n; k++)
		for (i = 0; i < TEXTS; i++)
			*text_of(&b->m[k], i) = (struct slice){ b->t[k][i].is_absent ? NULL :
			    b->t[k][i].len == 0 ? "" : b->bytes.p + b->t[k][i].at,
			    b->t[k][i].len };
}

/* A store_work of `to`. */
static enum error
add_messages(struct db *db, void *arg)
{
	const struct batch	*b = arg;
	enum error		 er = ERR_OK;
	size_t			 k;

	for (k = 0; k < b->n && er == ERR_OK; k++)
		er = queue_add(db, &b->m[k]);
	return er;
}

/* A store_work of `from`. */
static enum error
delete_messages(struct db *db, void *arg)
{
	struct batch		*b = arg;
	struct queue_message	 m;
	enum error		 er = ERR_OK;
	size_t			 k;

	for (k = 0; k < b->n && er == ERR_OK; k++) {
		m = b->m[k];
		m.state = QUEUE_DELIVERED;
		er = queue_settle(db, &m, false);
	}
	return er;
}

/* Lets other hosts know that the messages are in the store. */
static void
mark_messages(const struct batch *b, struct dedup *dedup)
{
	size_t	 k;

	for (k = 0; k < b->n; k++)
		(void)dedup_mark(dedup, b->m[k].key, DEDUP_QUEUED);
}

enum error
carry_step(struct store *from, struct store *to, struct dedup *dedup, int64_t *moved, bool *more,
    int64_t until_ms)
{
	struct batch	*b;
	enum error	 er;

	*moved = 0;
	*more = false;
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return ERR_NOMEM;
	if ((er = store_do(from, STORE_READ, read_messages, b, until_ms)) != ERR_OK || b->n == 0)
		goto out;
	point_at_texts(b);
	/* Not STORE_QUEUE: the fallback of `to` may be `from`. */
	er = store_do(to, STORE_SYNC, add_messages, b, until_ms);
	if (er == ERR_OK && dedup != NULL)
		mark_messages(b, dedup);
	if (er == ERR_OK)
		er = store_do(from, STORE_WRITE, delete_messages, b, until_ms);
	if (er == ERR_OK) {
		store_raise(to);
		*moved = (int64_t)b->n;
		*more = b->n == STEP;
	}
out:
	buf_free(&b->bytes);
	free(b);
	return er;
}

bool
carry_lock(struct store *from, struct lock *lock, int64_t until_ms)
{
	unsigned char	 key[LOCK_KEY];

	lock_name(key, "carry", "");
	return lock_take(store_locks(from), lock, key, until_ms) == LOCK_MINE;
}

bool
carry_all(struct store *from, struct store *to, struct dedup *dedup, int64_t until_ms)
{
	int64_t		 all = 0, moved = 0;
	struct lock	 lock;
	bool		 more = true;
	enum error	 er = ERR_OK;

	if (from == NULL)
		return true;
	if (!carry_lock(from, &lock, 0))
		return false;
	while (more && er == ERR_OK && clock_mono_ms() < until_ms) {
		er = carry_step(from, to, dedup, &moved, &more, until_ms);
		all += moved;
	}
	lock_release(store_locks(from), &lock, false);
	if (all != 0)
		log_msg(LEVEL_NOTICE, "store", "%lld messages of this host's own store are in the "
		    "shared one now", (long long)all);
	return er == ERR_OK && !more;
}
