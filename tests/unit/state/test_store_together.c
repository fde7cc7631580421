#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/clock.h"
#include "state/store.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { THREADS = 8, EACH = 300, PATIENCE_MS = 60000, LONG_TEXT = 40 };

/* One thread's work number n of which each is done once; the text must arrive with it. */
struct piece {
	int	 thread, n;
	char	 text[LONG_TEXT];
};

static struct {
	struct store	*store;
	int		 seen[THREADS][EACH];	/* only the leader writes */
	int		 calls, largest;
	_Atomic bool	 fails;
} all;

static const char	 text[LONG_TEXT] = "it comes with its number";

/* A store_all. */
static enum error
note_pieces(struct db *db, void *const *args, size_t n)
{
	const struct piece	*p;
	size_t			 i;

	(void)db;
	all.calls++;
	if ((int)n > all.largest)
		all.largest = (int)n;
	if (atomic_load(&all.fails))
		return ERR_STORE;
	for (i = 0; i < n; i++) {
		p = args[i];
		if (strcmp(p->text, text) == 0)
			all.seen[p->thread][p->n]++;
	}
	return ERR_OK;
}

/* Every third piece is posted, the others are waited for. */
static void *
work(void *arg)
{
	struct piece	 p = { .thread = *(int *)arg };
	enum error	 er;

	memcpy(p.text, text, sizeof(p.text));
	for (p.n = 0; p.n < EACH; p.n++) {
		er = p.n % 3 == 0 ? store_post(all.store, STORE_WRITE, &p, sizeof(p),
		    clock_mono_ms() + PATIENCE_MS) : store_do(all.store, STORE_WRITE, NULL, &p,
		    clock_mono_ms() + PATIENCE_MS);
		if (er != ERR_OK)
			return NULL;
	}
	return arg;
}

static void
each_is_done_once(void **state)
{
	struct settings	 set = { .state_dir = state_new() };
	struct locks	*locks = lock_new(set.state_dir);
	pthread_t	 t[THREADS];
	int		 number[THREADS], i, n;
	void		*good;

	(void)state;
	assert_non_null(all.store = store_new(&set, locks, STORE_BRIEF));
	store_set_together(all.store, note_pieces);
	for (i = 0; i < THREADS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, work, &number[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(t[i], &good), 0);
		assert_ptr_equal(good, &number[i]);
	}
	for (i = 0; i < THREADS; i++)
		for (n = 0; n < EACH; n++)
			check_int("times", all.seen[i][n], 1);
	assert_true(all.largest <= STORE_TOGETHER);
	store_free(all.store);
	lock_free(locks);
}

/* Nobody else works: the thread that posts learns how it ended. */
static void
a_post_alone_says_how_it_ended(void **state)
{
	struct settings	 set = { .state_dir = state_new() };
	struct locks	*locks = lock_new(set.state_dir);
	struct piece	 p = { 0 };

	(void)state;
	assert_non_null(all.store = store_new(&set, locks, STORE_BRIEF));
	store_set_together(all.store, note_pieces);
	atomic_store(&all.fails, true);
	check_err("it fails", store_post(all.store, STORE_WRITE, &p, sizeof(p),
	    clock_mono_ms() + PATIENCE_MS), ERR_STORE);
	atomic_store(&all.fails, false);
	check_err("it works", store_post(all.store, STORE_WRITE, &p, sizeof(p),
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	store_free(all.store);
	lock_free(locks);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(each_is_done_once), TEST(a_post_alone_says_how_it_ended),
	};

	return RUN("store_together", tests);
}
