/*
 * qtoa: from WeChat's push to Quick Tracking.
 *
 * Started by a web server with a listening FastCGI socket as descriptor 0 it serves that
 * until told to stop; with a CGI's environment it serves the one request; else it is the
 * operator's command line.  The path of one message is on_message(), below.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "collector/collect.h"
#include "collector/event_store.h"
#include "collector/unionid.h"
#include "core/acl.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/log.h"
#include "crypto.h"
#include "forwarder/deliver.h"
#include "forwarder/drain.h"
#include "forwarder/services.h"
#include "monitor/health.h"
#include "monitor/health_state.h"
#include "monitor/metrics.h"
#include "report/page.h"
#include "server/access_log.h"
#include "server/docroot.h"
#include "server/maintenance.h"
#include "server/request.h"
#include "server/thread_pool.h"
#include "sign.h"
#include "state/counters.h"
#include "state/log_ratelimit.h"
#include "state/recover.h"
#include "state/store.h"
#include "wechat/access_token.h"
#include "wechat/message.h"
#include "wechat/push.h"
#include "wechat/token_server.h"
#include "xmlmap.h"

/* What all workers share. */
struct app {
	struct conf		 conf;
	bool			 usable;	/* the configuration is */
	struct services		 services;
	struct maintenance	*maintenance;	/* FastCGI: its thread */
	struct unionid		*identity;	/* for the collector, where that is on */
	struct access_tokens	*tokens;
	_Atomic int		 pages;		/* being made */
	_Atomic int64_t		 stop_ms;
};

/* What one thread keeps from request to request. */
struct worker {
	struct app			*app;
	struct request			*request;
	struct crypto			*crypto;	/* made when first needed */
	struct signer			*signer;
	struct collector		*collector;
	struct message			 head;
	struct buf			 xml, work, out;
	struct delivery			 msg;
	struct collect_result		 collected;
	struct token_server_reply	 dispensed;
	struct access_log		*access_log;
	struct buf			 roots[REQUEST_ROOTS];	/* in which our state is not */
	struct access_entry		 entry;		/* of the request at hand */
	char				 key[MESSAGE_KEY_HEX + 1];
	char				 why[160];
};

enum {
	ARENAS	 = 4,		/* heaps that the workers share */
	PAGES	 = 2,		/* reports being made at once, so that they leave workers free */
	WORKER_IDLE_MS = 30000,	/* after which a worker that is not needed ends */
	PAGE_MS	 = 20000	/* for a report's questions */
};

static const char success[] = "success";
static const char token_end[] = "/access_token";	/* of the path of an account's token */

static enum error
need_crypto(struct worker *w)
{
	if (w->crypto == NULL)
		w->crypto = crypto_new();
	return w->crypto != NULL ? ERR_OK : ERR_CRYPTO;
}

static enum error
need_signer(struct worker *w)
{
	if (w->signer == NULL)
		w->signer = sign_new();
	return w->signer != NULL ? ERR_OK : ERR_CRYPTO;
}

static int64_t
deadline_of(const struct worker *w)
{
	return w->request->accepted_ms + w->app->conf.set.deadline_ms;
}

/* WeChat's parameters, their signature and age. */
static enum error
check_push(struct worker *w, struct push *p, unsigned need)
{
	const struct settings	*set = &w->app->conf.set;
	enum push_key		 which;
	enum error		 er;

	need |= 1u << PUSH_SIGNATURE | 1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE;
	if ((er = push_read(p, &which, &w->request->query, need)) != ERR_OK) {
		w->entry.detail = push_names[which];
		return er;
	}
	if ((er = need_crypto(w)) != ERR_OK ||
	    (er = crypto_check_url(w->crypto, w->entry.account, p)) != ERR_OK)
		return er;
	return crypto_check_fresh(p, set->fresh_s, clock_wall_ms() / 1000);
}

/* WeChat's administrator has saved the URL: show that we know the token. */
static enum error
on_handshake(struct worker *w, struct reply *a)
{
	struct push	 p;
	enum error	 er;

	w->entry.verdict = "handshake";
	if ((er = check_push(w, &p, 1u << PUSH_ECHOSTR)) == ERR_OK)
		a->body = p.v[PUSH_ECHOSTR];
	return er;
}

/*
 * What the message is, for the log.  No XML, or none of QT's events: it is forwarded all
 * the same, QT decides.
 */
static enum error
look_at(struct worker *w, struct slice xml)
{
	enum error	 er;

	if ((er = xmlmap_message(&w->head, xml)) != ERR_OK)
		return er;
	w->entry.detail = w->head.why;
	w->entry.head = &w->head;
	w->entry.user = w->head.user;
	w->entry.key = w->key;
	return message_key(&w->head, w->key, slice_of(w->entry.account->path), xml);
}

/* The push is WeChat's, and this is its XML. */
static enum error
open_message(struct worker *w, struct push *p, struct slice *xml)
{
	const struct account	*a = w->entry.account;
	struct request		*r = w->request;
	enum error		 er;

	if ((er = request_body(r, (size_t)w->app->conf.set.body_max, deadline_of(w))) != ERR_OK ||
	    (er = check_push(w, p, a->mode == PLAIN ? 0 : 1u << PUSH_MSG_SIGNATURE)) != ERR_OK)
		return er;
	*xml = buf_slice(&r->body);
	if (a->mode != PLAIN) {
		er = crypto_open(w->crypto, &w->xml, &w->work, a, p, *xml);
		*xml = buf_slice(&w->xml);
	} else if (xml->len == 0) {
		w->entry.detail = "empty body";
		er = ERR_REQUEST;
	} else if (slice_is(p->v[PUSH_ENCRYPT_TYPE], "aes")) {
		w->entry.hint = "WeChat encrypts this account's messages: set .mode as its console does";
	}
	return er;
}

/* QT or our disk has it, and whoever sends it again hears the same. */
static enum error
post(struct worker *w, const struct push *p)
{
	struct delivery	*m = &w->msg;
	enum error	 er;

	if ((er = need_signer(w)) != ERR_OK)
		return er;
	m->account = w->entry.account;
	m->push = p;
	m->body = buf_slice(&w->request->body);
	m->head = &w->head;
	m->key = w->key;
	m->deadline_ms = deadline_of(w);
	er = deliver(&w->app->services, w->signer, m);
	w->entry.posted = m;
	w->entry.verdict = deliver_verdicts[m->verdict];
	w->entry.code = m->qt.code;
	if (*m->detail != '\0')
		w->entry.detail = m->detail;
	if (m->hint != NULL && *m->hint != '\0')
		w->entry.hint = m->hint;
	return er;
}

/* One message.  `success` says that QT or our disk has it; else WeChat is to ask again. */
static enum error
on_message(struct worker *w, struct reply *a)
{
	struct push	 p;
	struct slice	 xml;
	enum error	 er;

	if ((er = open_message(w, &p, &xml)) != ERR_OK ||
	    (er = look_at(w, xml)) != ERR_OK)
		return er;
	er = post(w, &p);
	if (error_table[er].status == 200)
		a->body = (struct slice){ success, sizeof(success) - 1 };
	return er;
}

/* QT's side of the wire. */
static enum error
on_collect(struct worker *w, struct reply *a)
{
	/* An envelope is the body as a JSON string: every byte may take six. */
	size_t			 max = (size_t)w->app->conf.set.body_max * 6 + 4096;
	struct collect_result	*res = &w->collected;
	enum error		 er;

	w->entry.verdict = "collect";
	if (w->collector == NULL && (w->collector = collect_new(&w->app->conf,
	    w->app->services.store, w->app->identity)) == NULL)
		return ERR_NOMEM;
	if ((er = request_body(w->request, max, deadline_of(w))) != ERR_OK)
		return er;
	er = collect_message(w->collector, res, &w->out, buf_slice(&w->request->body),
	    deadline_of(w));
	w->entry.account = res->account;
	w->entry.detail = res->why;
	if (res->read) {
		w->entry.event = res->event != NULL ? res->event : "-";
		w->entry.user = res->user;
	}
	if (er != ERR_OK)
		return er;
	if (res->repeat)
		w->entry.detail = "counted before";
	if (strcmp(res->code, COLLECT_DONE) != 0)
		w->entry.level = LEVEL_NOTICE;
	w->entry.code = res->code;
	a->type = "application/json";
	a->body = buf_slice(&w->out);
	return ERR_OK;
}

/* What the store knows, for those who may see it. */
static enum error
on_page(struct worker *w, struct reply *a)
{
	const struct request		*r = w->request;
	const struct page_request	 q = {
		.path = r->path, .query = &r->query, .language = r->language,
		.deadline_ms = r->accepted_ms + PAGE_MS,
	};
	struct page_reply		 page;
	enum error			 er = ERR_BUSY;

	w->entry.verdict = "page";
	if (!acl_has(w->app->conf.set.report_allow, r->peer))
		return ERR_ADDRESS;
	if (atomic_fetch_add(&w->app->pages, 1) < PAGES)
		er = page_make(&page, &w->out, &w->app->conf, w->app->services.store, &q, w->why,
		    sizeof(w->why));
	(void)atomic_fetch_sub(&w->app->pages, 1);
	w->entry.detail = w->why;
	if (er != ERR_OK)
		return er;
	a->status = page.status;
	a->type = page.type;
	a->headers = page.headers;
	a->body = buf_slice(&w->out);
	return ERR_OK;
}

/* How the program is, for those who look after it. */
static enum error
look_at_vitals(struct worker *w, struct health_state *v)
{
	const struct services	*m = &w->app->services;

	if (!acl_has(w->app->conf.set.metrics_allow, w->request->peer))
		return ERR_ADDRESS;
	return health_state_read(v, m->conf, m->store, m->breakers, true, deadline_of(w));
}

static enum error
on_metrics(struct worker *w, struct reply *a)
{
	struct health_state	 v = { .conf = NULL };
	enum error		 er;

	w->entry.verdict = "metrics";
	if ((er = look_at_vitals(w, &v)) == ERR_OK &&
	    (er = metrics_make(&w->out, &v)) == ERR_OK) {
		w->entry.level = LEVEL_DEBUG;
		a->type = METRICS_TYPE;
		a->body = buf_slice(&w->out);
	}
	health_state_free(&v);
	return er;
}

static enum error
on_health(struct worker *w, struct reply *a)
{
	struct health_state	 v = { .conf = NULL };
	enum error		 er;
	bool			 well;

	w->entry.verdict = "health";
	if ((er = look_at_vitals(w, &v)) == ERR_OK &&
	    (er = health_make(&w->out, &well, &v)) == ERR_OK) {
		w->entry.level = well ? LEVEL_DEBUG : LEVEL_NOTICE;
		a->status = well ? 200 : 503;
		a->type = "application/json";
		a->body = buf_slice(&w->out);
	}
	health_state_free(&v);
	return er;
}

/* WeChat's access_token, for those who have the key. */
static enum error
on_token(struct worker *w, struct reply *a)
{
	const struct request			*r = w->request;
	const struct token_server_request	 q = {
		.account = w->entry.account, .query = &r->query, .authorization = r->authorization,
		.peer = r->peer, .deadline_ms = deadline_of(w),
	};
	struct token_server_reply	*d = &w->dispensed;
	enum error			 er;

	w->entry.verdict = "token";
	d->body = &w->out;
	er = token_server_answer(d, &w->app->conf.set, w->app->tokens, w->app->services.store, &q);
	w->entry.detail = d->why;
	if (er == ERR_KEY || er == ERR_ADDRESS) {
		w->entry.hint = er == ERR_ADDRESS ? ".control_allow lists who may have it" : NULL;
		return er;
	}
	a->type = "application/json";
	a->headers = d->headers;
	a->body = buf_slice(&w->out);
	return er;
}

enum target { NOWHERE, ACCOUNT, COLLECTOR, PAGE, METRICS, HEALTH, TOKEN, TARGETS };

static const char *const allowed[TARGETS] = {
	[ACCOUNT]	= "GET, POST",
	[COLLECTOR]	= "POST",
	[PAGE]		= "GET",
	[METRICS]	= "GET",
	[HEALTH]	= "GET",
	[TOKEN]		= "GET",
};

static const struct route {
	enum target		 target;
	enum request_method	 method;
	enum error		 (*handle)(struct worker *w, struct reply *a);
	enum counter		 counts_as;
} routes[] = {
	{ ACCOUNT,	METHOD_GET,	on_handshake,	COUNTER_HANDSHAKE },
	{ ACCOUNT,	METHOD_POST,	on_message,	COUNTER_DELIVERED },
	{ COLLECTOR,	METHOD_POST,	on_collect,	COUNTER_COLLECTED },
	{ PAGE,		METHOD_GET,	on_page,	COUNTER_PAGE },
	{ METRICS,	METHOD_GET,	on_metrics,	COUNTER_PAGE },
	{ HEALTH,	METHOD_GET,	on_health,	COUNTER_PAGE },
	{ TOKEN,	METHOD_GET,	on_token,	COUNTER_TOKEN },
};

static bool
ends_with(struct slice s, const char *end)
{
	size_t	 len = strlen(end);

	return s.len >= len && memcmp(s.p + s.len - len, end, len) == 0;
}

/* The account that the last part of a path names, NULL if none has it. */
static const struct account *
account_of(const struct conf *c, struct slice path)
{
	const char	*p;

	for (p = path.p + path.len; p != path.p && p[-1] != '/'; p--)
		;
	return conf_account(c, (struct slice){ p, (size_t)(path.p + path.len - p) });
}

/* The account whose access_token a path asks for, NULL: it does not, or there is no such. */
static const struct account *
dispenser_of(const struct conf *c, struct slice path)
{
	const struct account	*a;

	if (!ends_with(path, token_end))
		return NULL;
	path.len -= sizeof(token_end) - 1;
	a = account_of(c, path);
	return a != NULL && token_server_is_on(a) ? a : NULL;
}

/* Where a path leads: the collector, the report, an account, or the server of its tokens. */
static enum target
find_target(struct worker *w)
{
	const struct slice	 path = w->request->path;

	if (w->app->conf.set.collector != 0 && ends_with(path, COLLECT_PATH))
		return COLLECTOR;
	if (page_is(path))
		return PAGE;
	if (ends_with(path, "/-/metrics"))
		return METRICS;
	if (ends_with(path, "/-/health"))
		return HEALTH;
	if ((w->entry.account = dispenser_of(&w->app->conf, path)) != NULL)
		return TOKEN;
	w->entry.account = account_of(&w->app->conf, path);
	return w->entry.account != NULL ? ACCOUNT : NOWHERE;
}

/*
 * Whether the web server's visitors could fetch our state.  A root of "/" does not say: servers
 * that have no files of their own call it that.
 */
static bool
is_served(struct worker *w)
{
	struct slice	 root;
	struct buf	*known;
	size_t		 i;

	for (i = 0; i < REQUEST_ROOTS; i++) {
		root = w->request->roots[i];
		known = &w->roots[i];
		if (root.len <= 1 ||
		    (root.len == known->len && memcmp(root.p, known->p, root.len) == 0))
			continue;
		known->len = 0;
		if (buf_put(known, root.p, root.len) != ERR_OK || buf_putc(known, '\0') != ERR_OK)
			return false;
		known->len = 0;
		if (docroot_has(known->p, w->app->conf.set.state_dir))
			return true;
		known->len = root.len;
	}
	return false;
}

static enum error
dispatch(struct worker *w, struct reply *a)
{
	const struct route	*r;
	enum target		 target;

	if (!w->app->usable)
		return ERR_CONF;
	if (is_served(w))
		return ERR_SERVED;
	if ((target = find_target(w)) == NOWHERE) {
		if (ends_with(w->request->path, token_end))
			w->entry.hint = ".control_key and .secret make an account's control server";
		return ERR_PATH;
	}
	for (r = routes; r != routes + sizeof(routes) / sizeof(routes[0]); r++)
		if (r->target == target && r->method == w->request->method) {
			w->entry.counts_as = r->counts_as;
			return r->handle(w, a);
		}
	a->allow = allowed[target];
	return ERR_METHOD;
}

/* A request that has begun, well or not: handled, answered, logged. */
static void
serve(struct worker *w, enum error er)
{
	struct reply	 a = { .body = slice_of("not accepted\n") };

	w->entry = (struct access_entry){
		.request = w->request, .counts_as = COUNTER_PAGE, .code = "", .level = LEVEL_INFO,
	};
	w->why[0] = '\0';
	if (er == ERR_OK)
		er = dispatch(w, &a);
	if (er != ERR_OK || a.status == 0)
		a.status = error_table[er].status;
	request_reply(w->request, &a);
	w->entry.er = er;
	w->entry.status = a.status;
	access_log_write(w->access_log, &w->entry);
}

static void
worker_free(void *arg)
{
	struct worker	*w = arg;
	size_t		 i;

	if (w == NULL)
		return;
	request_free(w->request);
	access_log_free(w->access_log);
	crypto_free(w->crypto);
	sign_free(w->signer);
	collect_free(w->collector);
	message_free(&w->head);
	buf_free(&w->xml);
	buf_free(&w->work);
	buf_free(&w->out);
	for (i = 0; i < REQUEST_ROOTS; i++)
		buf_free(&w->roots[i]);
	deliver_free(&w->msg);
	free(w);
}

static void *
worker_new(void *ctx)
{
	struct worker	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->app = ctx;
	w->request = request_new(w->app->conf.set.io_ms);
	w->access_log = access_log_new(&w->app->services);
	if (w->request == NULL || w->access_log == NULL) {
		worker_free(w);
		return NULL;
	}
	return w;
}

/* All requests of one connection of the web server. */
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
		serve(w, er);
		more = request_finish(w->request);
		fd = -1;
	} while (more && atomic_load_explicit(&w->app->stop_ms, memory_order_relaxed) == 0);
}

/* The first problem is what the log gets; `qtoa check` prints them all. */
static void
keep_first(void *ctx, const char *line)
{
	char	*first = ctx;

	if (*first == '\0')
		(void)snprintf(first, 512, "%s", line);
}

static bool
open_tokens(struct app *app)
{
	const struct services	*m = &app->services;

	app->tokens = access_token_new(&app->conf, m->http, m->locks, m->store);
	return app->tokens != NULL;
}

/* What the collector's threads share, where it is on.  False: no memory. */
static bool
open_collector(struct app *app)
{
	if (app->conf.set.collector == 0)
		return true;
	app->identity = unionid_new(&app->conf, app->services.http, app->services.store, app->tokens);
	return app->identity != NULL;
}

static void
start(struct app *app, enum store_life life)
{
	const struct rlimit	 none = { 0, 0 };
	char			 first[512] = "";
	int			 problems;

	(void)setrlimit(RLIMIT_CORE, &none);	/* it would hold the keys */
	(void)signal(SIGPIPE, SIG_IGN);		/* a peer that is gone is no reason to end */
	(void)umask(077);
	problems = conf_load(&app->conf, keep_first, first);
	log_set_level(conf_log_level(&app->conf.set));
	if (log_open(app->conf.set.log) == -1)
		log_msg(LEVEL_ERROR, "start", "settings.log: cannot write %s, stderr it is",
		    app->conf.set.log);
	if (problems != 0)
		log_msg(LEVEL_ERROR, "start", "%s (%d in all; every request is answered 503 "
		    "until this is mended; run: qtoa check)", first, problems);
	app->usable = problems == 0 &&
	    services_open(&app->services, &app->conf, SERVICES_FORWARDING, life, &app->stop_ms) &&
	    open_tokens(app) && open_collector(app);
}

static void
end(struct app *app)
{
	log_ratelimit_housekeep(app->services.log_ratelimit, true);
	maintenance_free(app->maintenance);
	unionid_free(app->identity);
	access_token_free(app->tokens);
	services_close(&app->services);
	conf_free(&app->conf);
	log_close();
}

/*
 * From here on nothing reads the environment: of a CGI it is the client's, and libraries
 * heed names in it (proxies, certificates, key logs).
 */
static void
forget_environment(void)
{
	static char	*nothing[] = { NULL };
	extern char	**environ;

	environ = nothing;
}

/* The thread that sends what waits.  Without it requests are served all the same. */
static void
start_keeper(struct app *app)
{
	if (!app->usable)
		return;
	if ((app->maintenance = maintenance_new(&app->services)) == NULL || maintenance_start(app->maintenance) != 0)
		log_msg(LEVEL_ERROR, "start", "no thread for the queue: out of memory or threads; "
		    "what waits is sent by: qtoa drain");
}

static void
wake_keeper(void *ctx)
{
	struct app	*app = ctx;

	if (app->maintenance != NULL)
		maintenance_wake(app->maintenance);
}

static int
run_fcgi(void)
{
	struct app		 app = { 0 };
	struct thread_pool_app	 pool = {
		.ctx = &app, .worker_new = worker_new, .worker_free = worker_free,
		.serve = serve_connection, .idle_ms = WORKER_IDLE_MS,
		.stop_ms = &app.stop_ms, .on_stop = wake_keeper,
	};

#ifdef __GLIBC__
	/* An arena a thread would cost more memory than it saves time. */
	(void)mallopt(M_ARENA_MAX, ARENAS);
#endif
	thread_pool_hold_signals();
	start(&app, STORE_SERVER);
	forget_environment();
	start_keeper(&app);
	/* With an unusable configuration it only says so. */
	pool.threads = app.usable ? app.conf.set.threads : 1;
	if (request_init_fcgi() != ERR_OK || thread_pool_run(&pool, STDIN_FILENO) != 0)
		_exit(1);	/* a worker that hangs still uses what end() frees */
	if (app.maintenance != NULL)
		maintenance_stop(app.maintenance);
	end(&app);
	return 0;
}

/*
 * What is left of the request's time goes to the queue, in a process of its own: the web
 * server ends the request, and some of them the process, once they have the answer.
 */
static void
drain_aside(struct app *app, int64_t until_ms)
{
	const struct drain_order	 order = { .until_ms = until_ms };
	struct services			*m = &app->services;
	const bool			 aside = store_has_quarantine(m->store);
	struct drain_sum		 sum;
	struct drain			*d;
	int				 null, fd;

	if (!aside && !maintenance_wanted(m))
		return;
	services_close(m);		/* an SQLite connection must not cross a fork */
	if (fork() != 0)
		return;
	(void)setsid();
	/* The web server waits until all three are closed. */
	null = open("/dev/null", O_RDWR);
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			(void)close(fd);
	if (services_open(m, &app->conf, SERVICES_FORWARDING, STORE_BRIEF, NULL) &&
	    (d = drain_new(m)) != NULL) {
		if (aside)
			recover_run(m->store, m->locks, app->conf.set.state_dir, event_store_sources);
		if (drain_run(d, &sum, &order) == ERR_OK && sum.elsewhere == 0)
			maintenance_brief(m);
	}
	_exit(0);
}

static int
run_cgi(void)
{
	struct app	 app = { 0 };
	struct worker	*w;
	enum error	 er;
	int		 rc = 1;

	start(&app, STORE_BRIEF);
	if ((w = worker_new(&app)) != NULL) {
		er = request_cgi(w->request);
		forget_environment();
		serve(w, er);
		if (w->entry.posted != NULL)
			drain_aside(&app, deadline_of(w));
		(void)request_finish(w->request);
		rc = 0;
	}
	_exit(rc);	/* the kernel frees it all at once */
}

int
main(int argc, char **argv)
{
	(void)signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is no reason to end */
	if (request_is_fcgi())
		return run_fcgi();
	if (request_is_cgi())	/* whose argv may be the query string */
		return run_cgi();
	return cli_main(argc, argv);
}
