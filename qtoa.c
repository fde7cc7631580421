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

#include "clock.h"
#include "cmd.h"
#include "collect.h"
#include "conf.h"
#include "crypto.h"
#include "deliver.h"
#include "drain.h"
#include "head.h"
#include "keep.h"
#include "log.h"
#include "means.h"
#include "pool.h"
#include "request.h"
#include "rescue.h"
#include "sign.h"
#include "store.h"

/* What all workers share. */
struct app {
	struct conf		 conf;
	bool			 usable;	/* the configuration is */
	struct means		 means;
	struct keeper		*keeper;	/* FastCGI: its thread */
	_Atomic int64_t		 stop_ms;
};

/* What one thread keeps from request to request. */
struct worker {
	struct app		*app;
	struct request		*request;
	struct crypto		*crypto;	/* made when first needed */
	struct signer		*signer;
	struct head		 head;
	struct buf		 xml, work, out;
	struct delivery		 msg;

	/* Of the request at hand, for its log line. */
	const struct account	*account;
	const char		*verdict;
	const char		*detail;	/* NULL: nothing to add */
	const char		*hint;
	const char		*code;		/* QT's, got or given; "" without one */
	bool			 known;		/* head and key are this request's */
	bool			 posted;	/* and so is msg */
	char			 key[HEAD_KEY_HEX + 1];
};

enum { ARENAS = 4 };	/* heaps that the workers share */

static const char success[] = "success";

static enum qt_err
need_crypto(struct worker *w)
{
	if (w->crypto == NULL)
		w->crypto = crypto_new();
	return w->crypto != NULL ? QT_OK : QT_ECRYPTO;
}

static enum qt_err
need_signer(struct worker *w)
{
	if (w->signer == NULL)
		w->signer = signer_new();
	return w->signer != NULL ? QT_OK : QT_ECRYPTO;
}

static int64_t
deadline_of(const struct worker *w)
{
	return w->request->accepted_ms + w->app->conf.set.deadline_ms;
}

/* WeChat's parameters, their signature and age. */
static enum qt_err
check_push(struct worker *w, struct push *p, unsigned need)
{
	const struct settings	*set = &w->app->conf.set;
	enum push_key		 which;
	enum qt_err		 er;

	need |= 1u << PUSH_SIGNATURE | 1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE;
	if ((er = query_push(p, &which, &w->request->query, need)) != QT_OK) {
		w->detail = push_names[which];
		return er;
	}
	if ((er = need_crypto(w)) != QT_OK ||
	    (er = crypto_check_url(w->crypto, w->account, p)) != QT_OK)
		return er;
	return crypto_check_fresh(p, set->fresh_s, clock_wall_ms() / 1000);
}

/* WeChat's administrator has saved the URL: show that we know the token. */
static enum qt_err
on_handshake(struct worker *w, struct reply *a)
{
	struct push	 p;
	enum qt_err	 er;

	w->verdict = "handshake";
	if ((er = check_push(w, &p, 1u << PUSH_ECHOSTR)) == QT_OK)
		a->body = p.v[PUSH_ECHOSTR];
	return er;
}

/*
 * What the message is, for the log.  No XML, or none of QT's events: it is forwarded all
 * the same, QT decides.
 */
static enum qt_err
look_at(struct worker *w, struct slice xml)
{
	enum qt_err	 er;

	if ((er = head_read(&w->head, xml)) != QT_OK)
		return er;
	w->detail = w->head.why;
	w->known = true;
	return head_key(&w->head, w->key, slice_of(w->account->path), xml);
}

/* The push is WeChat's, and this is its XML. */
static enum qt_err
open_message(struct worker *w, struct push *p, struct slice *xml)
{
	const struct account	*a = w->account;
	struct request		*r = w->request;
	enum qt_err		 er;

	if ((er = request_body(r, (size_t)w->app->conf.set.body_max, deadline_of(w))) != QT_OK ||
	    (er = check_push(w, p, a->mode == PLAIN ? 0 : 1u << PUSH_MSG_SIGNATURE)) != QT_OK)
		return er;
	*xml = buf_slice(&r->body);
	if (a->mode != PLAIN) {
		er = crypto_open(w->crypto, &w->xml, &w->work, a, p, *xml);
		*xml = buf_slice(&w->xml);
	} else if (xml->len == 0) {
		w->detail = "empty body";
		er = QT_EREQUEST;
	} else if (slice_is(p->v[PUSH_ENCRYPT_TYPE], "aes")) {
		w->hint = "WeChat encrypts this account's messages: set .mode as its console does";
	}
	return er;
}

/* QT or our disk has it, and whoever sends it again hears the same. */
static enum qt_err
post(struct worker *w, const struct push *p)
{
	struct delivery	*m = &w->msg;
	enum qt_err	 er;

	if ((er = need_signer(w)) != QT_OK)
		return er;
	m->account = w->account;
	m->push = p;
	m->body = buf_slice(&w->request->body);
	m->head = &w->head;
	m->key = w->key;
	m->deadline_ms = deadline_of(w);
	er = deliver(&w->app->means, w->signer, m);
	w->posted = true;
	w->verdict = verdict_names[m->verdict];
	w->code = m->qt.code;
	if (*m->detail != '\0')
		w->detail = m->detail;
	if (m->hint != NULL && *m->hint != '\0')
		w->hint = m->hint;
	return er;
}

/* One message.  `success` says that QT or our disk has it; else WeChat is to ask again. */
static enum qt_err
on_message(struct worker *w, struct reply *a)
{
	struct push	 p;
	struct slice	 xml;
	enum qt_err	 er;

	if ((er = open_message(w, &p, &xml)) != QT_OK ||
	    (er = look_at(w, xml)) != QT_OK)
		return er;
	er = post(w, &p);
	if (errs[er].status == 200)
		a->body = (struct slice){ success, sizeof(success) - 1 };
	return er;
}

/* QT's side of the wire. */
static enum qt_err
on_collect(struct worker *w, struct reply *a)
{
	/* An envelope is the body as a JSON string: every byte may take six. */
	size_t			 max = (size_t)w->app->conf.set.body_max * 6 + 4096;
	struct collect_result	 res;
	enum qt_err		 er;

	w->verdict = "collect";
	if ((er = request_body(w->request, max, deadline_of(w))) != QT_OK ||
	    (er = need_signer(w)) != QT_OK ||
	    (er = collect_message(&res, &w->out, &w->work, &w->app->conf, w->signer,
	    buf_slice(&w->request->body))) != QT_OK)
		return er;
	w->account = res.account;
	w->code = res.code;
	a->type = "application/json";
	a->body = buf_slice(&w->out);
	return QT_OK;
}

enum target { NOWHERE, ACCOUNT, COLLECTOR, TARGETS };

static const char *const allowed[TARGETS] = {
	[ACCOUNT]	= "GET, POST",
	[COLLECTOR]	= "POST",
};

static const struct route {
	enum target		 target;
	enum request_method	 method;
	enum qt_err		 (*handle)(struct worker *w, struct reply *a);
} routes[] = {
	{ ACCOUNT,	METHOD_GET,	on_handshake },
	{ ACCOUNT,	METHOD_POST,	on_message },
	{ COLLECTOR,	METHOD_POST,	on_collect },
};

static bool
ends_with(struct slice s, const char *end)
{
	size_t	 len = strlen(end);

	return s.len >= len && memcmp(s.p + s.len - len, end, len) == 0;
}

/* Where a path leads: the collector, or the account that its last part names. */
static enum target
find_target(struct worker *w)
{
	struct slice	 path = w->request->path, last = path;
	const char	*p;

	if (w->app->conf.set.collector != 0 && ends_with(path, COLLECT_PATH))
		return COLLECTOR;
	for (p = path.p + path.len; p != path.p && p[-1] != '/'; p--)
		;
	last.p = p;
	last.len = (size_t)(path.p + path.len - p);
	w->account = conf_account(&w->app->conf, last);
	return w->account != NULL ? ACCOUNT : NOWHERE;
}

static enum qt_err
dispatch(struct worker *w, struct reply *a)
{
	const struct route	*r;
	enum target		 target;

	if (!w->app->usable)
		return QT_ECONF;
	if ((target = find_target(w)) == NOWHERE)
		return QT_EPATH;
	for (r = routes; r != routes + sizeof(routes) / sizeof(routes[0]); r++)
		if (r->target == target && r->method == w->request->method)
			return r->handle(w, a);
	a->allow = allowed[target];
	return QT_EMETHOD;
}

/* What a message was.  Without a row in QT's table: what WeChat calls it. */
static void
log_event(struct logline *l, const struct worker *w)
{
	const struct head	*h = &w->head;

	log_str(l, "event", h->code != NULL ? h->code : "-");
	if (h->code == NULL) {
		log_bytes(l, "msgtype", h->msgtype);
		log_bytes(l, "wechat_event", h->event);
	}
	log_bytes(l, "key", (struct slice){ w->key, 16 });
}

/* The request's one line: what came, what became of it, what to do. */
static void
log_request(const struct worker *w, enum qt_err er, const struct reply *a)
{
	const struct request	*r = w->request;
	const struct err_info	*e = &errs[er];
	struct logline		 l;
	const char		*hint;
	char			 id[24];

	(void)snprintf(id, sizeof(id), "%x-%x", (unsigned)(r->id >> 32),
	    (unsigned)(r->id & 0xFFFFFFFF));
	log_begin(&l, e->level, "request");
	log_str(&l, "id", id);
	log_str(&l, "account", w->account != NULL ? w->account->name : "-");
	log_str(&l, "verdict", w->verdict != NULL ? w->verdict : "rejected");
	log_int(&l, "status", a->status);
	if (er != QT_OK)
		log_str(&l, "error", e->name);
	if (e->wechat != 0)
		log_int(&l, "wechat", e->wechat);
	if (*w->code != '\0')
		log_str(&l, "qt", w->code);
	if (w->known)
		log_event(&l, w);
	if (w->posted && w->msg.why_not != NULL)
		log_str(&l, "class", w->msg.why_not);
	if (w->posted && w->msg.qt.http.status != 0)
		log_int(&l, "qt_status", w->msg.qt.http.status);
	log_int(&l, "bytes", (int64_t)r->body.len);
	log_int(&l, "ms", clock_mono_ms() - r->accepted_ms);
	if (w->posted && w->msg.qt.http.ms != 0)
		log_int(&l, "qt_ms", w->msg.qt.http.ms);
	if (r->peer.len != 0)
		log_bytes(&l, "peer", r->peer);
	if (er == QT_EPATH)
		log_bytes(&l, "path", r->path);
	if (er == QT_EMETHOD)
		log_bytes(&l, "method", r->method_name);
	if (w->detail != NULL && *w->detail != '\0')
		log_str(&l, "detail", w->detail);
	hint = w->hint != NULL ? w->hint : e->hint;
	if (*hint != '\0')
		log_str(&l, "hint", hint);
	log_end(&l);
}

/* A request that has begun, well or not: handled, answered, logged. */
static void
serve(struct worker *w, enum qt_err er)
{
	struct reply	 a = { .body = slice_of("not accepted\n") };

	w->account = NULL;
	w->known = w->posted = false;
	w->verdict = w->detail = w->hint = NULL;
	w->code = "";
	if (er == QT_OK)
		er = dispatch(w, &a);
	a.status = errs[er].status;
	request_reply(w->request, &a);
	log_request(w, er, &a);
}

static void
worker_free(void *arg)
{
	struct worker	*w = arg;

	if (w == NULL)
		return;
	request_free(w->request);
	crypto_free(w->crypto);
	signer_free(w->signer);
	head_free(&w->head);
	buf_free(&w->xml);
	buf_free(&w->work);
	buf_free(&w->out);
	delivery_free(&w->msg);
	free(w);
}

static void *
worker_new(void *ctx)
{
	struct worker	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	w->app = ctx;
	if ((w->request = request_new(w->app->conf.set.io_ms)) == NULL) {
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
	enum qt_err	 er;
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
	if (log_open(app->conf.set.log) == -1)
		log_msg(LEVEL_ERROR, "start", "settings.log: cannot write %s, stderr it is",
		    app->conf.set.log);
	if (problems != 0)
		log_msg(LEVEL_ERROR, "start", "%s (%d in all; every request is answered 503 "
		    "until this is mended; run: qtoa check)", first, problems);
	app->usable = problems == 0 &&
	    means_open(&app->means, &app->conf, life, &app->stop_ms);
}

static void
end(struct app *app)
{
	keep_free(app->keeper);
	means_close(&app->means);
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
	if ((app->keeper = keep_new(&app->means)) == NULL || keep_start(app->keeper) != 0)
		log_msg(LEVEL_ERROR, "start", "no thread for the queue: out of memory or threads; "
		    "what waits is sent by: qtoa drain");
}

static void
wake_keeper(void *ctx)
{
	struct app	*app = ctx;

	if (app->keeper != NULL)
		keep_wake(app->keeper);
}

static int
run_fcgi(void)
{
	struct app	 app = { 0 };
	struct pool_app	 pool = {
		.ctx = &app, .worker_new = worker_new, .worker_free = worker_free,
		.serve = serve_connection, .stop_ms = &app.stop_ms, .on_stop = wake_keeper,
	};

#ifdef __GLIBC__
	/* An arena a thread would cost more memory than it saves time. */
	(void)mallopt(M_ARENA_MAX, ARENAS);
#endif
	pool_hold_signals();
	start(&app, STORE_SERVER);
	forget_environment();
	start_keeper(&app);
	/* With an unusable configuration it only says so. */
	pool.threads = app.usable ? app.conf.set.threads : 1;
	if (request_init_fcgi() != QT_OK || pool_run(&pool, STDIN_FILENO) != 0)
		_exit(1);	/* a worker that hangs still uses what end() frees */
	if (app.keeper != NULL)
		keep_stop(app.keeper);
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
	struct means			*m = &app->means;
	const bool			 aside = store_has_aside(m->store);
	struct drain_sum		 sum;
	struct drain			*d;
	int				 null, fd;

	if (!aside && !keep_wanted(m))
		return;
	means_close(m);		/* an SQLite connection must not cross a fork */
	if (fork() != 0)
		return;
	(void)setsid();
	/* The web server waits until all three are closed. */
	null = open("/dev/null", O_RDWR);
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null == -1 || dup2(null, fd) == -1)
			(void)close(fd);
	if (means_open(m, &app->conf, STORE_BRIEF, NULL) && (d = drain_new(m)) != NULL) {
		if (aside)
			rescue_run(m->store, m->claims, app->conf.set.state_dir);
		if (drain_run(d, &sum, &order) == QT_OK && sum.elsewhere == 0)
			keep_brief(m);
	}
	_exit(0);
}

static int
run_cgi(void)
{
	struct app	 app = { 0 };
	struct worker	*w;
	enum qt_err	 er;
	int		 rc = 1;

	start(&app, STORE_BRIEF);
	if ((w = worker_new(&app)) != NULL) {
		er = request_cgi(w->request);
		forget_environment();
		serve(w, er);
		if (w->posted)
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
	return cmd_main(argc, argv);
}
