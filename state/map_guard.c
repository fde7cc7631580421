#define _DEFAULT_SOURCE		/* for madvise and MAP_ANONYMOUS, which no standard has */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/log.h"
#include "state/map_guard.h"

enum {
	GUARDS		= 512,
	POPULATE_WRITE	= 23		/* MADV_POPULATE_WRITE; old headers do not have it */
};

/* The handler reads these without a lock.  `at` is set last and cleared first. */
struct map_guard {
	_Atomic uintptr_t	 at;		/* 0: this guard is free */
	_Atomic uintptr_t	 end;
	_Atomic bool		 lost;
	enum map_guard_then	 then;
	const char		*what;
};

static struct map_guard	 guards[GUARDS];
static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;	/* of those who add and remove */
static struct sigaction	 before;		/* what SIGBUS did */
static uintptr_t	 page;			/* bytes of a page */

static struct map_guard *
find_guard(uintptr_t at)
{
	struct map_guard	*g;
	uintptr_t		 from;

	for (g = guards; g != guards + GUARDS; g++)
		if ((from = atomic_load(&g->at)) != 0 && at >= from && at < atomic_load(&g->end))
			return g;
	return NULL;
}

/* Puts memory of zeros where the page of `at` was. */
static bool
replace_page(uintptr_t at)
{
	return mmap((void *)(at & ~(page - 1)), page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* Does what SIGBUS did before.  At the end of the handler the thread faults again. */
static void
pass_on(int sig, siginfo_t *info, void *context)
{
	if ((before.sa_flags & SA_SIGINFO) != 0) {
		before.sa_sigaction(sig, info, context);
		return;
	}
	if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(sig);
		return;
	}
	(void)signal(sig, SIG_DFL);
	if (info->si_code <= 0)		/* a process has sent it: there is no fault */
		(void)raise(sig);
}

/*
 * The thread is where it reads or writes a mapping: in no function of libc that holds a lock, and
 * in none of core/log.c, so it may log.
 */
static void
handle_fault(int sig, siginfo_t *info, void *context)
{
	const int		 error = errno;
	const uintptr_t		 at = (uintptr_t)info->si_addr;
	struct map_guard	*g = info->si_code > 0 ? find_guard(at) : NULL;

	if (g != NULL && g->then == MAP_GUARD_LOSE && replace_page(at)) {
		atomic_store(&g->lost, true);
		errno = error;
		return;
	}
	if (g == NULL || g->then == MAP_GUARD_LOSE) {
		pass_on(sig, info, context);
		return;
	}
	log_msg(LEVEL_ERROR, "store", "%s cannot be used: it was cut short, or its disk is full or "
	    "broken; this process ends so that nothing is damaged; what was acknowledged is safe; "
	    "make room, and start it again if nobody does", g->what);
	_exit(EXIT_FAILURE);
}

/* Installs the handler, also after somebody else has installed another one.  The lock is held. */
static void
install_handler(void)
{
	struct sigaction	 sa = { .sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO }, now;

	page = (uintptr_t)sysconf(_SC_PAGESIZE);
	if (sigaction(SIGBUS, NULL, &now) == -1 || ((now.sa_flags & SA_SIGINFO) != 0 &&
	    now.sa_sigaction == handle_fault))
		return;
	before = now;
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGBUS, &sa, NULL);
}

struct map_guard *
map_guard_add(void *at, size_t len, enum map_guard_then then, const char *what)
{
	struct map_guard	*g;

	(void)pthread_mutex_lock(&lock);
	install_handler();
	for (g = guards; g != guards + GUARDS && atomic_load(&g->at) != 0; g++)
		;
	if (g == guards + GUARDS) {
		g = NULL;
	} else {
		g->then = then;
		g->what = what;
		atomic_store(&g->lost, false);
		atomic_store(&g->end, (uintptr_t)at + len);
		atomic_store(&g->at, (uintptr_t)at);
	}
	(void)pthread_mutex_unlock(&lock);
	return g;
}

void
map_guard_remove(struct map_guard *g)
{
	if (g != NULL)
		atomic_store(&g->at, 0);
}

bool
map_guard_is_lost(const struct map_guard *g)
{
	return g != NULL && atomic_load_explicit(&g->lost, memory_order_relaxed);
}

bool
map_guard_can_write(void *at, size_t len)
{
#ifdef __linux__
	if (madvise(at, len, POPULATE_WRITE) == -1 && errno == EFAULT) {
		errno = ENOSPC;
		return false;
	}
#else
	(void)at, (void)len;
#endif
	return true;
}
