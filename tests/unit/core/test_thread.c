#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/clock.h"
#include "core/thread.h"
#include "tests/unit/unit.h"

enum { LARGE = 400 * 1024 };	/* bytes of a stack of 512 KiB */

/* What two threads share. */
struct pair {
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 over;		/* with the lock */
	sigset_t	 blocked;	/* in the thread that was started */
};

static void
begin_pair(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	(void)pthread_mutex_init(&p->lock, NULL);
	thread_cond_init(&p->changed);
}

static void
end_pair(struct pair *p)
{
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
}

static void *
note_signals(void *arg)
{
	struct pair	*p = arg;
	volatile char	 large[LARGE];

	large[0] = large[LARGE - 1] = 1;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &p->blocked);
	(void)pthread_mutex_lock(&p->lock);
	p->over = large[0] == large[LARGE - 1];
	(void)pthread_cond_signal(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the thread that starts others, whose mask stays as it is. */
static void
signals(void **state)
{
	static const struct {
		const char	*name;
		int		 number;
		bool		 blocked;
	} signals_of[] = {
		{ "TERM", SIGTERM, true }, { "USR1", SIGUSR1, true }, { "USR2", SIGUSR2, true },
		{ "PIPE", SIGPIPE, true }, { "BUS", SIGBUS, false },
	};
	sigset_t	 mine;
	pthread_t	 t;
	struct pair	 p;
	size_t		 i;

	(void)state;
	begin_pair(&p);
	assert_true(thread_start(&t, note_signals, &p));
	assert_int_equal(pthread_join(t, NULL), 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
	for (i = 0; i < COUNT(signals_of); i++) {
		check_int(signals_of[i].name, sigismember(&p.blocked, signals_of[i].number),
		    signals_of[i].blocked);
		check_int(signals_of[i].name, sigismember(&mine, signals_of[i].number), false);
	}
	end_pair(&p);
}

/* A wait ends when its time is over, also one that was over before; without one, by a signal. */
static void
waits(void **state)
{
	const int64_t	 soon_ms = clock_mono_ms() + 20;
	pthread_t	 t;
	struct pair	 p;

	(void)state;
	begin_pair(&p);
	(void)pthread_mutex_lock(&p.lock);
	CHECK("long ago", !thread_wait(&p.changed, &p.lock, 0));
	CHECK("before all time", !thread_wait(&p.changed, &p.lock, -1));
	while (thread_wait(&p.changed, &p.lock, soon_ms))
		;
	CHECK("not earlier", clock_mono_ms() >= soon_ms);
	assert_true(thread_start(&t, note_signals, &p));
	while (!p.over)
		CHECK("signalled", thread_wait(&p.changed, &p.lock, INT64_MAX));
	(void)pthread_mutex_unlock(&p.lock);
	assert_int_equal(pthread_join(t, NULL), 0);
	end_pair(&p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = { TEST(signals), TEST(waits) };

	return RUN("thread", tests);
}
