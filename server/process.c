#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/file.h"
#include "core/log.h"
#include "core/log_target.h"
#include "forwarder/caller.h"
#include "forwarder/drain.h"
#include "forwarder/qt_client.h"
#include "monitor/alert.h"
#include "server/alert_thread.h"
#include "server/descriptors.h"
#include "server/gate.h"
#include "server/heap.h"
#include "server/listener.h"
#include "server/process.h"
#include "server/thread_pool.h"
#include "state/carry.h"
#include "state/log_ratelimit.h"
#include "state/recover.h"
#include "state/store.h"

enum {
	BODIES	= 8 << 20,	/* bytes of large bodies in memory at once */
	IDLE_MS	= 30000,	/* a worker that was not needed for so long ends */
	PROBLEM	= 512		/* bytes of a problem's text */
};

void
process_seal(void)
{
	const struct rlimit	 zero = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &zero);
#ifdef __linux__
	/* The limit does not hold for a core that the kernel pipes to a program. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Keeps the first problem for the log; `qtoa check` prints them all. */
static void
keep_first_problem(void *ctx, const char *line)
{
	char	*first = ctx;

	if (*first == '\0')
		(void)snprintf(first, PROBLEM, "%s", line);
}

/*
 * True: what a CGI writes to stderr becomes part of its answer, because the web server has joined
 * the two.  A terminal or /dev/null may well be both.
 */
static bool
is_stderr_answer(void)
{
	struct stat	 st, answer;

	return fstat(STDERR_FILENO, &st) == 0 && !S_ISCHR(st.st_mode) &&
	    fstat(STDOUT_FILENO, &answer) == 0 && file_is_same(&st, &answer);
}

/*
 * Opens the log.  If it cannot be where settings.log says, it goes to stderr, and says why; or to
 * syslog if stderr is a CGI's answer.
 */
static void
open_log(const char *target, bool is_cgi)
{
	const bool	 good = log_open(target) == 0;
	const bool	 joined = is_cgi && is_stderr_answer() &&
			    (!good || log_target_descriptor(target) != -1);
	const char	*instead = joined ? "syslog" : "stderr";

	if (joined)
		(void)log_open(instead);
	if (!good && log_target_descriptor(target) != -1)
		log_msg(LEVEL_ERROR, "start", "settings.log: %s leads to the request or its "
		    "answer; the log goes to %s; set \"stderr\", \"syslog\" or a file", target,
		    instead);
	else if (!good)
		log_msg(LEVEL_ERROR, "start", "settings.log: cannot write %s; the log goes to %s",
		    target, instead);
}

/* Loads config.h's values and opens the log.  False: they cannot be used, and the log says why. */
static bool
load_conf(struct conf *c, bool is_cgi)
{
	char	 first[PROBLEM] = "";
	int	 problems = conf_load(c, keep_first_problem, first);

	log_set_level(conf_log_level(&c->set));
	open_log(c->set.log, is_cgi);
	if (problems != 0)
		log_msg(LEVEL_ERROR, "start", "%s (problem 1 of %d; every request is answered 503 "
		    "until they are fixed; run: qtoa check)", first, problems);
	return problems == 0;
}

static bool
wants_replies(const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (conf_is_set(c->accounts[i].replies))
			return true;
	return false;
}

/* Makes what the workers share.  False: no memory. */
static bool
open_handles(struct app *app, enum store_life life)
{
	struct services	*s = &app->services;

	if (!services_open(s, &app->conf, services_of_queue(&app->conf) | SERVICES_TOKENS, life,
	    &app->stop_ms))
		return false;
	/* A CGI ends before a second key could come. */
	if (life == STORE_SERVER && (app->keys = key_limit_new()) == NULL)
		return false;
	if (wants_replies(&app->conf) && (app->replies = replies_new(&app->conf, s->locks,
	    s->log_ratelimit)) == NULL)
		return false;
	if (app->conf.nrelays != 0 &&
	    (s->caller = caller_new(s, life == STORE_SERVER)) == NULL)
		return false;
	return app->conf.set.collector == 0 ||
	    (app->unionid = unionid_new(&app->conf, s->http, s->store, s->tokens)) != NULL;
}

static void
start_app(struct app *app, enum store_life life)
{
	(void)signal(SIGPIPE, SIG_IGN);		/* a peer that has gone must not end the process */
	(void)umask(077);
	app->usable = load_conf(&app->conf, life == STORE_BRIEF);
}

static void
end_app(struct app *app)
{
	log_ratelimit_housekeep(app->services.log_ratelimit, true);
	maintenance_free(app->maintenance);
	unionid_free(app->unionid);
	replies_free(app->replies);
	gate_free(app->senders);
	gate_free(app->bodies);
	key_limit_free(app->keys);
	caller_free(app->services.caller);
	services_close(&app->services);
	conf_free(&app->conf);
	log_close();
}

/*
 * Nothing reads the environment after this.  A CGI's comes from the client, and libraries obey
 * names in it (proxies, certificates, key logs).
 */
static void
forget_environment(void)
{
	static char	*nothing[] = { NULL };
	extern char	**environ;

	environ = nothing;
}

/* The same while the handles are opened: a CGI must read its request from it afterwards. */
static bool
open_handles_of_cgi(struct app *app)
{
	extern char	**environ;
	char		**all = environ;
	bool		 opened;

	forget_environment();
	opened = open_handles(app, STORE_BRIEF);
	environ = all;
	return opened;
}

/*
 * FastCGI.
 */

static void
say_what_libcurl_lacks(const struct app *app)
{
	const struct conf	*c = &app->conf;
	char			 why[HTTP_CLIENT_LACK];
	size_t			 i;

	for (i = 0; i < conf_destinations(c); i++)
		if (qt_client_lacks(app->services.http, why, &c->accounts[i]))
			log_msg(LEVEL_ERROR, "start", "%s: %s; pushes are answered 503; install "
			    "libcurl 7.68.0 or later with HTTPS, and start qtoa again",
			    conf_label(&c->accounts[i]), why);
}

/*
 * False: the store that hosts share does not keep what the settings promise, and the log says
 * why.  Such a process must not serve.
 */
static bool
can_store(const struct app *app)
{
	char	 why[1024];

	if (!store_is_shared(app->services.store) ||
	    store_is_usable(app->services.store, why, sizeof(why)))
		return true;
	log_msg(LEVEL_ERROR, "start", "%s", why);
	return false;
}

/* Starts the threads that call relays.  Without them no message can be handled. */
static void
start_caller(struct app *app)
{
	if (!app->usable || app->services.caller == NULL || caller_start(app->services.caller))
		return;
	log_msg(LEVEL_ERROR, "start", "cannot start the threads that call the relays: out of "
	    "memory or threads; every request is answered 503; make room, and start qtoa again");
	app->usable = false;
}

/* Starts the thread that sends what waits.  Without it requests are served all the same. */
static void
start_maintenance(struct app *app)
{
	if (!app->usable)
		return;
	say_what_libcurl_lacks(app);
	app->maintenance = maintenance_new(&app->services);
	if (app->maintenance == NULL || !maintenance_start(app->maintenance))
		log_msg(LEVEL_ERROR, "start", "cannot start the thread that empties the queue: out "
		    "of memory or threads; to send what waits, run: qtoa drain");
}

/* Without that thread all else works. */
static void
start_alerts(struct app *app)
{
	if (app->usable && conf_is_set(app->conf.set.alert_url) &&
	    (app->alerts = alert_thread_start(&app->services)) == NULL)
		log_msg(LEVEL_ERROR, "start", "cannot start the thread that sends alerts: out of "
		    "memory or threads; raise these limits and start qtoa again");
}

/*
 * Fits the numbers of threads and of messages under way to the limit on open files.  The breaker
 * must know how many workers can wait for QT at once: that is settings.threads.
 */
static void
share_descriptors(struct app *app, struct thread_pool_app *pool)
{
	struct settings			*set = &app->conf.set;
	int				 limit;
	const struct descriptors_plan	 p = descriptors_plan_of(&app->conf, &limit);

	pool->threads = p.workers;
	pool->wanted = set->threads;
	if (p.senders == set->threads)
		return;
	log_msg(LEVEL_WARNING, "start", "of %d open files, the limit, %d workers can send to QT "
	    "at once and not %d; raise the limit or lower settings.threads", limit, p.senders,
	    set->threads);
	app->senders = gate_new((size_t)p.senders);
	set->threads = p.senders;
	set->drain_parallel = p.drain;
}

/* Warns if others than the web server can connect. */
static void
look_at_listener(void)
{
	char	 why[LISTENER_WHY];

	if (listener_is_open(why, STDIN_FILENO))
		log_msg(LEVEL_WARNING, "start", "%s; whoever connects is believed, also which "
		    "address a request comes from", why);
}

static void
wake_threads(void *ctx)
{
	struct app	*app = ctx;

	alert_thread_wake(app->alerts);
	if (app->maintenance != NULL)
		maintenance_wake(app->maintenance);
}

static void *
make_worker(void *ctx)
{
	return worker_new(ctx);
}

static void
free_worker(void *worker)
{
	worker_free(worker);
}

/* Serves all requests of one connection of the web server. */
static void
serve_connection(void *worker, int fd)
{
	struct worker	*w = worker;
	enum error	 er;
	bool		 got, more;

	do {
		er = request_fcgi(w->request, fd, &got);
		if (!got)
			return;
		w->app->serve(w, er);
		worker_rest(w);
		more = request_finish(w->request);
		deliver_tell(&w->app->services, &w->delivery);
		if (w->app->maintenance != NULL)
			maintenance_note(w->app->maintenance);
		fd = -1;
	} while (more && atomic_load_explicit(&w->app->stop_ms, memory_order_relaxed) == 0);
}

int
process_run_fcgi(worker_serve *serve)
{
	struct app		 app = { .serve = serve };
	struct thread_pool_app	 pool = {
		.ctx = &app, .worker_new = make_worker, .worker_free = free_worker,
		.serve = serve_connection, .idle_ms = IDLE_MS, .stop_ms = &app.stop_ms,
		.on_stop = wake_threads,
	};

	heap_init();
	thread_pool_hold_signals();
	start_app(&app, STORE_SERVER);
	look_at_listener();
	if (app.usable)
		share_descriptors(&app, &pool);
	app.bodies = gate_new(BODIES);
	forget_environment();
	app.usable = app.usable && open_handles(&app, STORE_SERVER);
	if (app.usable && !can_store(&app))
		_exit(1);
	start_caller(&app);
	start_maintenance(&app);
	start_alerts(&app);
	if (!app.usable)	/* one worker is enough to say so */
		pool.threads = 1;
	if (request_init_fcgi() != ERR_OK || thread_pool_run(&pool, STDIN_FILENO) != 0)
		_exit(1);	/* a worker that hangs still uses what end_app() frees */
	caller_stop(app.services.caller);
	alert_thread_stop(app.alerts);
	if (app.maintenance != NULL)
		maintenance_stop(app.maintenance);
	end_app(&app);
	return 0;
}

/*
 * CGI.
 */

/* The web server waits until all three standard descriptors are closed. */
static void
leave_web_server(void)
{
	int	 null, fd;

	(void)setsid();
	null = open("/dev/null", O_RDWR);
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			(void)close(fd);
}

static void
drain_queue(struct app *app, bool recover, int64_t until_ms)
{
	const struct drain_order	 order = { .until_ms = until_ms };
	struct services			*s = &app->services;
	struct drain_sum		 sum;
	struct drain			*d;
	int64_t				 n;

	if (!services_open(s, &app->conf, services_of_queue(&app->conf), STORE_BRIEF, NULL) ||
	    (d = drain_new(s)) == NULL)
		return;
	if (recover)
		(void)recover_run(services_own_store(s), s->store, app->conf.set.state_dir,
		    event_store_sources);
	(void)carry_all(s->local, s->store, s->dedup, until_ms);
	(void)spare_move(s->spare, &n, s->store, s->dedup, until_ms);
	if (drain_run(d, &sum, &order) == ERR_OK && sum.elsewhere == 0)
		maintenance_brief(s);
	alert_brief(s, ALERT_SEND_MS);	/* nobody waits for this process */
}

/*
 * Drains the queue in a child process, up to until_ms (monotonic).  The web server ends the
 * request once it has the answer, and some web servers kill the process that gave it.
 */
static void
drain_in_child(struct app *app, int64_t until_ms)
{
	struct services	*s = &app->services;
	const bool	 recover = store_has_quarantine(services_own_store(s));

	if (!recover && !maintenance_wanted(s) && !alert_is_due(&app->conf))
		return;
	caller_free(s->caller);
	services_close(s);	/* an SQLite connection must not cross a fork */
	if (fork() != 0)
		return;
	leave_web_server();
	drain_queue(app, recover, until_ms);
	_exit(0);
}

void
process_run_cgi(worker_serve *serve)
{
	struct app	 app = { .serve = serve };
	struct worker	*w;
	enum error	 er;

	start_app(&app, STORE_BRIEF);
	app.usable = app.usable && open_handles_of_cgi(&app);
	if ((w = worker_new(&app)) == NULL)
		_exit(1);
	er = request_cgi(w->request);
	forget_environment();
	serve(w, er);
	deliver_tell(&app.services, &w->delivery);	/* now, since the services may be closed */
	/* If all of WeChat's addresses have changed, only a child can fetch the new list. */
	if (w->entry.delivery != NULL || w->entry.peer_unknown)
		drain_in_child(&app, worker_deadline(w));
	(void)request_finish(w->request);
	_exit(0);	/* the kernel frees all memory */
}
