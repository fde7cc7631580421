#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/thread.h"
#include "server/thread_pool.h"
#include "tests/unit/unit.h"

enum { PEERS_MAX = 16, PATIENCE_MS = 20000, SHORT_MS = 20, LONG_MS = 600000 };

/*
 * A pool in a thread of its own.  Each request is one byte, and the answer is that byte.  A worker
 * holds its request until the gate lets it pass.
 */
struct rig {
	struct thread_pool_app	 app;
	_Atomic int64_t		 stop_ms;
	pthread_mutex_t		 lock;
	pthread_cond_t		 change;
	pthread_t		 thread;
	int			 listen_fd;
	int			 rc;		/* of thread_pool_run() */
	int			 gate;		/* requests that may pass */
	int			 memory;	/* workers for which there is memory */
	int			 left;		/* workers made and not freed */
	int			 busy, most;	/* workers that hold a request, now and at most */
	int			 stopped;	/* calls of on_stop() */
	int			 peers[PEERS_MAX];
};

/* Waits until *what, a member of the rig, has this value.  False: it took too long. */
static bool
await(struct rig *r, const int *what, int value)
{
	const int64_t	 until_ms = clock_mono_ms() + PATIENCE_MS;
	bool		 ok;

	(void)pthread_mutex_lock(&r->lock);
	while (!(ok = *what == value) && thread_wait(&r->change, &r->lock, until_ms))
		;
	(void)pthread_mutex_unlock(&r->lock);
	return ok;
}

static void
let_pass(struct rig *r, int n)
{
	(void)pthread_mutex_lock(&r->lock);
	r->gate += n;
	(void)pthread_cond_broadcast(&r->change);
	(void)pthread_mutex_unlock(&r->lock);
}

static void *
make_worker(void *ctx)
{
	struct rig	*r = ctx;
	struct rig	**w = NULL;

	(void)pthread_mutex_lock(&r->lock);
	if (r->left < r->memory && (w = malloc(sizeof(*w))) != NULL) {
		*w = r;
		r->left++;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return w;
}

static void
free_worker(void *worker)
{
	struct rig	*r;

	if (worker == NULL)
		return;
	r = *(struct rig **)worker;
	free(worker);
	(void)pthread_mutex_lock(&r->lock);
	r->left--;
	(void)pthread_cond_broadcast(&r->change);
	(void)pthread_mutex_unlock(&r->lock);
}

static void
answer_peer(void *worker, int fd)
{
	struct rig	*r = *(struct rig **)worker;
	char		 byte;

	(void)pthread_mutex_lock(&r->lock);
	r->busy++;
	r->most = r->busy > r->most ? r->busy : r->most;
	(void)pthread_cond_broadcast(&r->change);
	while (r->gate == 0)
		(void)pthread_cond_wait(&r->change, &r->lock);
	r->gate--;
	r->busy--;
	(void)pthread_cond_broadcast(&r->change);
	(void)pthread_mutex_unlock(&r->lock);
	if (read(fd, &byte, 1) == 1)
		(void)!write(fd, &byte, 1);
	(void)close(fd);
}

static void
note_stop(void *ctx)
{
	struct rig	*r = ctx;

	(void)pthread_mutex_lock(&r->lock);
	r->stopped++;
	(void)pthread_cond_broadcast(&r->change);
	(void)pthread_mutex_unlock(&r->lock);
}

static void *
run_pool(void *arg)
{
	struct rig	*r = arg;

	r->rc = thread_pool_run(&r->app, r->listen_fd);
	return NULL;
}

static void
start_pool(struct rig *r, int threads, int idle_ms, int memory)
{
	struct sockaddr_in	 a = { .sin_family = AF_INET };

	*r = (struct rig){ .memory = memory, .rc = -2 };
	r->app = (struct thread_pool_app){
		.ctx = r, .worker_new = make_worker, .worker_free = free_worker,
		.serve = answer_peer, .threads = threads, .idle_ms = idle_ms,
		.stop_ms = &r->stop_ms, .on_stop = note_stop,
	};
	assert_int_equal(pthread_mutex_init(&r->lock, NULL), 0);
	thread_cond_init(&r->change);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(r->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(r->listen_fd, PEERS_MAX), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, run_pool, r), 0);
}

/* Waits for the end of the pool, which has been told to stop. */
static void
join_pool(struct rig *r, const char *name)
{
	(void)pthread_join(r->thread, NULL);
	check_int(name, r->rc, 0);
	check_int(name, r->stopped, 1);
	check_int(name, r->left, 0);
	(void)close(r->listen_fd);
	(void)pthread_cond_destroy(&r->change);
	(void)pthread_mutex_destroy(&r->lock);
}

static void
stop_pool(struct rig *r, const char *name)
{
	(void)kill(getpid(), SIGTERM);
	join_pool(r, name);
}

/* Connects n peers; each sends its request. */
static void
connect_peers(struct rig *r, int n)
{
	struct sockaddr_in	 a;
	socklen_t		 len = sizeof(a);
	int			 i;

	assert_int_equal(getsockname(r->listen_fd, (struct sockaddr *)&a, &len), 0);
	for (i = 0; i < n; i++) {
		r->peers[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(r->peers[i], (struct sockaddr *)&a, len), 0);
		assert_int_equal(write(r->peers[i], "x", 1), 1);
	}
}

/* Reads the answers of n peers: how many have come? */
static int
count_answers(struct rig *r, int n)
{
	char	 byte;
	int	 i, answers = 0;

	for (i = 0; i < n; i++) {
		answers += read(r->peers[i], &byte, 1) == 1 && byte == 'x';
		(void)close(r->peers[i]);
	}
	return answers;
}

static void
growth(void **state)
{
	static const struct {
		const char	*name;
		int		 threads, memory, peers;
		int		 busy;		/* workers that hold a request at once */
	} cases[] = {
		{ "one worker", 1, PEERS_MAX, 3, 1 },
		{ "as many as requests", PEERS_MAX, PEERS_MAX, 6, 6 },
		{ "as many as allowed", 4, PEERS_MAX, 10, 4 },
		{ "as many as there is memory for", 8, 3, 10, 3 },
	};
	struct rig	 r;
	size_t		 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		start_pool(&r, cases[i].threads, LONG_MS, cases[i].memory);
		connect_peers(&r, cases[i].peers);
		CHECK(cases[i].name, await(&r, &r.busy, cases[i].busy));
		let_pass(&r, cases[i].peers);
		check_int(cases[i].name, count_answers(&r, cases[i].peers), cases[i].peers);
		check_int(cases[i].name, r.most, cases[i].busy);
		stop_pool(&r, cases[i].name);
	}
}

/* Workers that are not needed end; one stays, and the pool can grow again. */
static void
retirement(void **state)
{
	struct rig	 r;
	int		 round;

	(void)state;
	start_pool(&r, 8, SHORT_MS, PEERS_MAX);
	for (round = 0; round < 3; round++) {
		connect_peers(&r, 6);
		CHECK("it has grown", await(&r, &r.busy, 6));
		let_pass(&r, 6);
		check_int("answers", count_answers(&r, 6), 6);
		CHECK("one stays", await(&r, &r.left, 1));
		connect_peers(&r, 1);
		let_pass(&r, 1);
		check_int("it answers", count_answers(&r, 1), 1);
	}
	stop_pool(&r, "stop");
}

/* Workers that hold a request are needed: they do not end. */
static void
busy_ones_stay(void **state)
{
	struct rig	 r;

	(void)state;
	start_pool(&r, 6, SHORT_MS, PEERS_MAX);
	connect_peers(&r, 6);
	CHECK("busy", await(&r, &r.busy, 6));
	let_pass(&r, 3);
	CHECK("three are busy, one is idle", await(&r, &r.left, 4));
	check_int("busy", r.busy, 3);
	let_pass(&r, 3);
	check_int("answers", count_answers(&r, 6), 6);
	stop_pool(&r, "stop");
}

/* Requests in flight are answered, and nothing more is accepted. */
static void
stop_while_busy(void **state)
{
	struct rig	 r;
	int64_t		 begin_ms;

	(void)state;
	start_pool(&r, 2, LONG_MS, PEERS_MAX);
	connect_peers(&r, 2);
	CHECK("busy", await(&r, &r.busy, 2));
	begin_ms = clock_mono_ms();
	(void)kill(getpid(), SIGUSR1);
	CHECK("told to stop", await(&r, &r.stopped, 1));
	CHECK("stop_ms", r.stop_ms > begin_ms && r.stop_ms < begin_ms + 2000);
	let_pass(&r, 2);
	join_pool(&r, "stop while busy");
	CHECK("in time", clock_mono_ms() - begin_ms < 2000);
	check_int("answers", count_answers(&r, 2), 2);
}

/* No worker can start: the pool gives up. */
static void
no_worker(void **state)
{
	struct rig	 r;

	(void)state;
	start_pool(&r, 2, LONG_MS, 0);
	(void)pthread_join(r.thread, NULL);
	check_int("no worker", r.rc, -1);
	(void)close(r.listen_fd);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(growth), TEST(retirement), TEST(busy_ones_stay), TEST(stop_while_busy),
		TEST(no_worker),
	};

	thread_pool_hold_signals();
	return RUN("thread_pool", tests);
}
