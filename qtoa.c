/*
 * qtoa.c: main, and the path of one request.
 *
 * WeChat pushes the messages of an Official Account to a web server.  The web server hands them
 * to this program, by FastCGI or by CGI, and the program forwards them to Quick Tracking (QT).
 * Without a web server it is the operator's command line.
 *
 *	serve_request()		handles a request, answers it, logs and counts it
 *	request_steps[]		may it be handled at all, and where does its URL lead?
 *	routes[]		URLs: an account, or one of server/endpoints.h
 *	message_steps[]		what happens with a message that was pushed to an account
 *
 * Each step finds its inputs in struct worker (server/worker.h) and leaves its results there.
 * The first step that fails is the last one; its error is the answer.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/zh/zh.h"
#include "collector/collect.h"
#include "core/clock.h"
#include "core/format.h"
#include "core/lang.h"
#include "passive.h"
#include "reply/replies.h"
#include "report/page.h"
#include "server/endpoints.h"
#include "server/guard.h"
#include "server/process.h"
#include "wechat/around.h"
#include "wechat/replay.h"
#include "xmlmap.h"

/* Runs steps until one fails; NULL ends them. */
static enum error
run_steps(struct worker *w, worker_step *const *steps)
{
	enum error	 er = ERR_OK;

	for (; *steps != NULL && er == ERR_OK; steps++)
		er = (*steps)(w);
	return er;
}

/*
 * What WeChat sends to the URL of an account: a message (POST), or a handshake (GET) when the URL
 * is saved in WeChat's console.  A monitor may ask by HEAD what GET's status is.
 */

static enum error
read_body(struct worker *w)
{
	return request_body(w->request, (size_t)w->app->conf.set.body_max, worker_deadline(w));
}

/* Reads WeChat's parameters in the URL.  A handshake has others than a message. */
static enum error
read_parameters(struct worker *w)
{
	unsigned	 need = 1u << PUSH_SIGNATURE | 1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE;
	enum push_key	 which;
	enum error	 er;

	if (w->request->method != METHOD_POST)
		need |= 1u << PUSH_ECHOSTR;
	else if (w->entry.account->mode != PLAIN)
		need |= 1u << PUSH_MSG_SIGNATURE;
	if ((er = push_read(&w->push, &which, &w->request->query, need)) == ERR_OK)
		return ERR_OK;
	w->entry.detail = push_names[which];
	if (w->push.v[which].p != NULL) {
		(void)snprintf(w->why, sizeof(w->why), "%s is repeated", push_names[which]);
		w->entry.detail = w->why;
		w->entry.hint = "the web server repeats the query: a rewrite adds $args to it; "
		    "rewrite the path alone";
	}
	return er;
}

static const char	 platform_hint[] = "WeChat sent this to a third-party platform: "
			    "set another URL in the platform's console";
static const char	 json_hint[] = "WeChat sends JSON: set the data format in its console to "
			    "XML";

/* Checks that the sender knows the account's token. */
static enum error
check_signature(struct worker *w)
{
	enum error	 er;

	if ((er = worker_need_crypto(w)) != ERR_OK)
		return er;
	er = crypto_check_url(w->crypto, w->entry.account, &w->push);
	if (er == ERR_SIGNATURE && message_is_platform(buf_slice(&w->request->body),
	    w->entry.account->appid))
		w->entry.hint = platform_hint;
	return er;
}

/* Refuses what was signed too long ago: it may be a copy of an old push. */
static enum error
check_age(struct worker *w)
{
	return crypto_check_fresh(&w->push, w->app->conf.set.fresh_s,
	    services_now_ms(&w->app->services) / 1000);
}

/*
 * Compares where a signed push comes from with the list of WeChat's addresses, if
 * settings.wechat_only says so.  A handshake is not compared: it changes nothing, and monitors send
 * it, too.
 */
static enum error
check_peer(struct worker *w)
{
	struct callback_ips	*ips = w->app->services.callback_ips;

	if (ips == NULL || !callback_ips_lacks(ips, w->request->peer))
		return ERR_OK;
	w->entry.peer_unknown = true;
	w->entry.level = LEVEL_NOTICE;
	if (guard_hides_client(w, NULL))
		guard_explain(w);
	return w->app->conf.set.wechat_only == ENFORCE ? ERR_PEER : ERR_OK;
}

/* Tells the log why an envelope that was not opened may not be for this account. */
static void
explain_envelope(struct worker *w)
{
	const struct slice	 body = buf_slice(&w->request->body);

	if (message_is_platform(body, w->entry.account->appid))
		w->entry.hint = platform_hint;
	else if (message_is_json(body))
		w->entry.detail = "the body is JSON";
}

/* A message in plain mode. */
static enum error
take_body(struct worker *w)
{
	w->xml = buf_slice(&w->request->body);
	if (w->xml.len == 0) {
		w->entry.detail = "empty body";
		return ERR_REQUEST;
	}
	if (slice_is(w->push.v[PUSH_ENCRYPT_TYPE], "aes"))
		w->entry.hint = "WeChat encrypts this account's messages: set .mode as its "
		    "console does";
	return ERR_OK;
}

/*
 * Decrypts the body if the account's mode says so; w->xml becomes the message.  JSON is refused in
 * every mode: QT takes only XML.
 */
static enum error
open_body(struct worker *w)
{
	enum error	 er;

	if (w->entry.account->mode == PLAIN) {
		er = take_body(w);
	} else {
		er = crypto_open(w->crypto, &w->opened, &w->work, w->entry.account, &w->push,
		    buf_slice(&w->request->body));
		w->xml = buf_slice(&w->opened);
	}
	if (er != ERR_OK || w->entry.account->mode == PLAIN)
		explain_envelope(w);
	if (er != ERR_OK || !message_is_json(w->xml))
		return er;
	w->entry.detail = "the body is JSON";
	w->entry.hint = json_hint;
	return ERR_XML;
}

/* Adds to what the log says of the request. */
static void
add_detail(struct worker *w, const char *text)
{
	size_t	 len;

	if (w->entry.detail != w->why)
		(void)snprintf(w->why, sizeof(w->why), "%s",
		    w->entry.detail != NULL ? w->entry.detail : "");
	len = strlen(w->why);
	(void)snprintf(w->why + len, sizeof(w->why) - len, "%s%s", len != 0 ? "; " : "", text);
	w->entry.detail = w->why;
}

/* Tells the log what is odd about the message. */
static void
remark_message(struct worker *w)
{
	const struct message	*m = &w->message;
	const char		*time;
	int64_t			 when_s;

	w->entry.detail = *m->why != '\0' ? m->why : m->repaired;
	if (w->entry.peer_unknown)
		add_detail(w, "peer_unknown: it is not from WeChat's addresses");
	if (m->time_s == 0)
		return;
	time = message_when(&when_s, m->time_s, services_now_ms(&w->app->services) / 1000);
	if (*time != '\0')
		add_detail(w, time);
}

/*
 * Reads the event and the user of the message, and makes the key by which a repeat of it is found.
 * Text that is not XML, or has no event of QT's, is forwarded all the same: QT decides.  What goes
 * to QT is not repaired, also if the message had to be to be read.
 */
static enum error
identify_message(struct worker *w)
{
	enum error	 er;

	if ((er = xmlmap_message(&w->message, w->xml)) != ERR_OK)
		return er;
	remark_message(w);
	w->entry.message = &w->message;
	w->entry.user = w->message.user;
	w->entry.key = w->key;
	return message_key(&w->message, w->key, slice_of(w->entry.account->path), w->xml);
}

/*
 * Refuses an old push that is sent again with a signature that looks new.  Nobody must repeat it,
 * so its sender hears `success`.  In plain mode CreateTime is not signed, and tells nothing.
 */
static enum error
refuse_replay(struct worker *w)
{
	int64_t	 age_s;
	char	 span[FORMAT_SPAN], text[80];

	if (w->entry.account->mode == PLAIN || !replay_is(&age_s, w->entry.account, &w->push,
	    w->message.time_s, replay_known_s(&w->app->conf.set)))
		return ERR_OK;
	format_span(span, age_s * 1000);
	(void)snprintf(text, sizeof(text), "CreateTime is %s before the timestamp", span);
	add_detail(w, text);
	w->entry.verdict = "replay";
	w->reply.body = slice_of("success");
	return ERR_REPLAY;
}

/* True: an openid as all of WeChat's are; events of the account itself name others. */
static bool
is_openid(struct slice user)
{
	return user.len == 28 && *user.p == 'o';
}

/*
 * Parameters that are not signed must agree with what is: QT reads by them how the body is
 * encrypted, and whose it is.
 */
static void
correct_parameters(struct worker *w)
{
	struct slice		*type = &w->push.v[PUSH_ENCRYPT_TYPE];
	struct slice		*openid = &w->push.v[PUSH_OPENID];
	const struct slice	 user = w->message.user;

	if (!slice_is(*type, "aes")) {
		*type = slice_of("aes");
		w->entry.level = LEVEL_NOTICE;
		add_detail(w, "encrypt_type was not aes, and was replaced");
	}
	if (openid->p != NULL && is_openid(user) &&
	    (openid->len != user.len || memcmp(openid->p, user.p, user.len) != 0)) {
		*openid = user;
		w->entry.level = LEVEL_NOTICE;
		add_detail(w, "openid was not FromUserName, and was replaced");
	}
}

/*
 * Sets w->body, which is what QT gets.  Of an encrypted push it says around Encrypt only what is
 * in it: what others have put there is replaced.
 */
static enum error
settle_body(struct worker *w)
{
	const enum account_mode	 mode = w->entry.account->mode;
	enum error		 er;

	w->body = buf_slice(&w->request->body);
	if (mode == PLAIN)
		return ERR_OK;
	correct_parameters(w);
	if (around_agrees(mode, w->body, w->xml))
		return ERR_OK;
	er = around_write(&w->work, mode, w->body, w->xml);
	w->body = buf_slice(&w->work);
	w->entry.level = LEVEL_NOTICE;
	add_detail(w, "what stood around <Encrypt> was not what is in it, and was replaced");
	return er;
}

/*
 * A push to a third-party platform tells of its ticket, or that an account was authorized.  QT has
 * no use for it, and WeChat repeats it until it hears `success`.
 */
static enum error
ignore_notice(struct worker *w)
{
	(void)snprintf(w->why, sizeof(w->why), "InfoType %.*s",
	    (int)(w->message.infotype.len < 60 ? w->message.infotype.len : 60),
	    w->message.infotype.p);
	w->entry.verdict = "ignored";
	w->entry.counts_as = COUNTER_IGNORED;
	w->entry.level = LEVEL_NOTICE;
	w->entry.detail = w->why;
	w->entry.hint = platform_hint;
	w->reply.body = slice_of("success");
	return ERR_OK;
}

/* The message is acknowledged: it counts, also if it came before. */
static void
count_message(struct worker *w)
{
	struct arrival	 a = {
		.account = slice_of(w->entry.account->path), .received_ms = clock_wall_ms(),
		.xml = w->xml,
	};

	if (w->app->services.arrivals == NULL)
		return;
	queue_key(a.key, w->message.time_s, w->key);
	arrivals_add(w->app->services.arrivals, &a);
}

/*
 * The answer to the user: a message, as the body of the answer to WeChat.
 */

/*
 * Finds the reply by the account's rules.  This needs neither QT nor the store, and notes nothing:
 * the reply may not be given in the end.
 */
static enum error
choose_reply(struct worker *w)
{
	if (w->app->replies != NULL && !message_is_notice(&w->message))
		(void)replies_choose(w->app->replies, &w->choice, w->entry.account, &w->message,
		    w->xml, w->key);
	/* A server's thread makes the spare room; a CGI has no such thread. */
	if (conf_has_replies(w->entry.account) && w->app->maintenance == NULL)
		spare_make(w->app->services.spare);
	return ERR_OK;
}

/* Makes the reply, an <xml>, the answer.  False: it cannot be encrypted. */
static bool
answer_with(struct worker *w, struct slice xml)
{
	buf_reset(&w->out);
	if (passive_pack(&w->out, w->crypto, w->entry.account, xml,
	    services_now_ms(&w->app->services) / 1000) != ERR_OK)
		return false;
	w->reply.body = buf_slice(&w->out);
	w->reply.type = "text/xml; charset=utf-8";
	return true;
}

/* The answer of a relay. */
static bool
answer_by_relay(struct worker *w)
{
	return w->delivery.answered == DELIVER_ANSWER &&
	    answer_with(w, buf_slice(&w->delivery.answer));
}

static bool
answer_by_rule(struct worker *w)
{
	const struct replies_choice	*c = &w->choice;
	const struct account		*a = w->entry.account;

	if (!c->found || !replies_take(w->app->replies, c, a, &w->message, w->key) ||
	    !answer_with(w, buf_slice(&c->xml)))
		return false;
	w->entry.reply = rules_kinds[c->kind];
	w->entry.rule = c->rule;
	replies_count(w->app->replies, c, a, clock_mono_ms() - w->request->accepted_ms);
	return true;
}

static bool
answer_success(struct worker *w)
{
	w->reply.body = slice_of("success");
	return true;
}

/* The answer to a message that QT or our disk has is that of the first row that has one. */
typedef bool	answer(struct worker *w);

static answer *const answers[] = { answer_by_relay, answer_by_rule, answer_success };

static void
answer_user(struct worker *w)
{
	size_t	 i = 0;

	while (!answers[i](w))
		i++;
}

/*
 * Forwards the message to QT, or stores it in the queue on our disk; a repeat is not forwarded
 * again.  WeChat gets a reply or `success` only if QT or the disk has the message.  After any other
 * answer it sends the message again; a reply would end that, and the message would be lost.  So a
 * message that neither of them takes goes to the spare room if there is a reply to it.
 */
static enum error
deliver_message(struct worker *w)
{
	struct delivery	*d = &w->delivery;
	enum error	 er;
	bool		 entered;

	if (message_is_notice(&w->message))
		return ignore_notice(w);
	if ((er = worker_need_signer(w)) != ERR_OK)
		return er;
	d->account = w->entry.account;
	d->push = &w->push;
	d->body = w->body;
	d->message = &w->message;
	d->key = w->key;
	d->raw_query = buf_slice(&w->request->query_raw);
	d->raw_body = buf_slice(&w->request->body);
	d->xml = w->xml;
	d->has_reply = w->choice.found;
	d->deadline_ms = worker_deadline(w);
	entered = worker_enter_network(w);
	er = deliver(&w->app->services, w->signer, d);
	worker_leave_network(w, entered);
	access_log_add_delivery(&w->entry, d);
	if (error_table[er].status == 200 && d->answered == DELIVER_ANSWER_LATER)
		er = ERR_ANSWER;
	if (error_table[er].status == 200) {
		count_message(w);
		answer_user(w);
	}
	return er;
}

static worker_step *const message_steps[] = {
	read_body,
	read_parameters,
	check_signature,
	check_age,
	check_peer,
	open_body,
	identify_message,
	refuse_replay,
	settle_body,
	choose_reply,
	deliver_message,
	NULL
};

static enum error
handle_message(struct worker *w)
{
	w->entry.counts_as = COUNTER_DELIVERED;
	return run_steps(w, message_steps);
}

/* Sending echostr back shows WeChat that this program knows the token. */
static enum error
answer_echostr(struct worker *w)
{
	w->reply.body = w->push.v[PUSH_ECHOSTR];
	return ERR_OK;
}

static worker_step *const handshake_steps[] = {
	read_parameters, check_signature, check_age, answer_echostr, NULL
};

static enum error
handle_handshake(struct worker *w)
{
	w->entry.verdict = "handshake";
	w->entry.counts_as = COUNTER_HANDSHAKE;
	w->entry.again = true;	/* a handshake changes nothing */
	return run_steps(w, handshake_steps);
}

/*
 * Where a URL leads.  Its path is a place and a route below it.  Few web servers tell which place
 * they have handed to us, so it may be any; but it has no route of ours in it.
 */

static const char token_end[] = "/access_token";	/* .../ACCOUNT/access_token */

static bool
ends_with(struct slice s, const char *end)
{
	size_t	 len = strlen(end);

	return s.len >= len && memcmp(s.p + s.len - len, end, len) == 0;
}

static struct slice
cut_end(struct slice s, size_t len)
{
	return (struct slice){ s.p, s.len - len };
}

/* The last part of a path, behind the last slash. */
static struct slice
last_part(struct slice path)
{
	const char	*p = path.p + path.len;

	while (p != path.p && p[-1] != '/')
		p--;
	return (struct slice){ p, (size_t)(path.p + path.len - p) };
}

/* False: a part of the path has a meaning of its own, so no other route is below it. */
static bool
is_place(struct slice path)
{
	static const char *const	 routes[] = { "-", "access_token", "thirdPartyDataSource" };
	struct slice			 part;
	size_t				 i;

	while (path.len != 0) {
		part = last_part(path);
		for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
			if (slice_is(part, routes[i]))
				return false;
		path.len -= part.len + (part.len < path.len);
	}
	return true;
}

/* The account that the last part of a path names; NULL: no account has that name. */
static const struct account *
account_of(const struct worker *w, struct slice path)
{
	const struct slice	 name = last_part(path);

	return is_place(cut_end(path, name.len)) ? conf_account(&w->app->conf, name) : NULL;
}

/*
 * The collector has one place, /server, with limits of its own in the web server.  Where people can
 * only upload files, the program's file is the place of all routes.
 */
static bool
match_collector(struct worker *w)
{
	if (w->app->conf.set.collector == 0 || !ends_with(w->request->path, COLLECT_PATH))
		return false;
	return slice_is(w->request->path, COLLECT_PATH) ||
	    (slice_is(w->request->path_info, COLLECT_PATH) && request_is_file(w->request));
}

/* The route of a page for operators, "/-/..."; absent: the path has no such route. */
static struct slice
page_of(const struct worker *w)
{
	const struct slice	 path = w->request->path;
	size_t			 i;

	for (i = 0; i + 3 <= path.len; i++)
		if (memcmp(path.p + i, "/-/", 3) == 0)
			return is_place((struct slice){ path.p, i }) ?
			    (struct slice){ path.p + i, path.len - i } :
			    (struct slice){ NULL, 0 };
	return (struct slice){ NULL, 0 };
}

static bool
match_report(struct worker *w)
{
	return page_is(page_of(w));
}

static bool
match_metrics(struct worker *w)
{
	return slice_is(page_of(w), "/-/metrics");
}

static bool
match_health(struct worker *w)
{
	return slice_is(page_of(w), "/-/health");
}

static bool
match_token(struct worker *w)
{
	const struct slice	 path = w->request->path;
	const struct account	*a;

	if (!ends_with(path, token_end))
		return false;
	a = account_of(w, cut_end(path, sizeof(token_end) - 1));
	if (a == NULL || !token_server_is_on(a))
		return false;
	w->entry.account = a;
	return true;
}

/* People who type the URL into WeChat's console sometimes end it with a slash. */
static bool
match_account(struct worker *w)
{
	const struct slice	 path = w->request->path;

	w->entry.account = account_of(w, ends_with(path, "/") ? cut_end(path, 1) : path);
	return w->entry.account != NULL;
}

/*
 * The first route that matches is taken.  NULL: that method is not allowed.  HEAD is handled as
 * GET: request_reply() leaves the body out.
 */
static const struct route {
	bool		 (*match)(struct worker *w);
	worker_step	*get, *post;
} routes[] = {
	{ match_collector,	NULL,			endpoints_collect },
	{ match_report,		endpoints_report,	NULL },
	{ match_metrics,	endpoints_metrics,	NULL },
	{ match_health,		endpoints_health,	NULL },
	{ match_token,		endpoints_token,	NULL },
	{ match_account,	handle_handshake,	handle_message },
};

static enum error
call_handler(struct worker *w, const struct route *r)
{
	worker_step *const	 handlers[METHOD_OTHER + 1] = {
		[METHOD_GET] = r->get, [METHOD_HEAD] = r->get, [METHOD_POST] = r->post,
	};
	worker_step		*handle = handlers[w->request->method];

	if (handle != NULL)
		return handle(w);
	w->reply.allow = r->get == NULL ? "POST" : r->post == NULL ? "GET, HEAD" :
	    "GET, HEAD, POST";
	return ERR_METHOD;
}

static enum error
follow_route(struct worker *w)
{
	const struct route	*r = routes, *end = r + sizeof(routes) / sizeof(routes[0]);

	while (r != end && !r->match(w))
		r++;
	if (r == end) {
		if (ends_with(w->request->path, token_end))
			w->entry.hint = "an account has an access_token server if it has "
			    ".control_key and .secret";
		return ERR_PATH;
	}
	return call_handler(w, r);
}

static enum error
check_conf(struct worker *w)
{
	return w->app->usable ? ERR_OK : ERR_CONF;
}

static worker_step *const request_steps[] = {
	check_conf, endpoints_check_docroot, follow_route, NULL
};

/* A worker_serve: handles, answers, logs and counts one request. */
static void
serve_request(struct worker *w, enum error er)
{
	worker_reset(w);
	guard_name_peer(w);
	if (er == ERR_OK)
		er = run_steps(w, request_steps);
	if (er != ERR_OK || w->reply.status == 0)
		w->reply.status = error_table[er].status;
	request_reply(w->request, &w->reply);
	w->entry.er = er;
	w->entry.status = w->reply.status;
	access_log_write(w->access_log, &w->entry);
}

int
main(int argc, char **argv)
{
	int	 rc;

	process_seal();
	(void)signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow must not end the process */
	lang_use(ENGLISH, zh_tables);	/* alerts may be in Chinese */
	if (request_is_fcgi())
		return process_run_fcgi(serve_request);
	if (request_is_cgi())	/* without a look at argv: it may be the client's query string */
		process_run_cgi(serve_request);	/* does not return */
	rc = cli_main(argc, argv);
	if (rc != CLI_SERVE)
		return rc;
	lang_use(ENGLISH, zh_tables);
	return process_run_fcgi(serve_request);
}
