#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "forwarder/deliver.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/peer.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"
#include "wechat/push.h"

enum {
	FAILS = 3,		/* that open the breaker */
	STOPS = 5,		/* refusals that stop an account */
	PATIENCE_MS = 30000,	/* longer than anything takes that a test waits for */
	FORWARD_MS = 15000,	/* longer than this QT takes for an answer */
	SHORT_MS = 60,		/* a time that a test waits for to its end */
	SOON_MS = 250,		/* longer than a request takes without QT */
	THREADS = 6,
	TEXT = 256
};

static const char	 xml[] = "<xml><Encrypt>x+/=\"\\\n</Encrypt></xml>";

/* WeChat's parameters, with bytes that a query string must escape. */
static const struct push	 push = { .v = {
	[PUSH_SIGNATURE] = BYTES("0123abc"), [PUSH_TIMESTAMP] = BYTES("1700000000"),
	[PUSH_NONCE] = BYTES("a&b=c%+ \xC3\xA9\""), [PUSH_OPENID] = BYTES("o-1_x"),
	[PUSH_ENCRYPT_TYPE] = BYTES("aes"), [PUSH_MSG_SIGNATURE] = BYTES("ffee"),
} };

/* All that a worker needs, with two accounts of one end point. */
struct place {
	struct account	 accounts[2];
	struct conf	 conf;
	struct services	 services;
	struct signer	*signer;
	struct message	 message;
	struct delivery	 msg;
	_Atomic int64_t	 stop_ms;
	char		 key[MESSAGE_KEY_HEX + 1];
	char		 url[PEER_URL];
};

static struct place *
delivery_place_new(const char *dir, enum store_life life, const char *url)
{
	struct place	*p = calloc(1, sizeof(*p));
	int		 i;

	assert_non_null(p);
	(void)snprintf(p->url, sizeof(p->url), "%s", url);
	for (i = 0; i < 2; i++)
		p->accounts[i] = (struct account){
			.path = i == 0 ? "a" : "b", .name = i == 0 ? "A" : "B", .appid = "wx0",
			.qt_url = p->url, .app_key = "k", .service_id = "i", .service_secret = "s",
		};
	p->conf = (struct conf){
		.set = {
			.state_dir = dir, .deadline_ms = 4000, .forward_ms = FORWARD_MS,
			.connect_ms = FORWARD_MS, .breaker_fails = FAILS, .drain_parallel = 8,
			.dedupe_days = 7,
		},
		.accounts = p->accounts, .n = 2,
	};
	assert_true(services_open(&p->services, &p->conf, SERVICES_FORWARDING, life, &p->stop_ms));
	assert_non_null(p->signer = sign_new());
	return p;
}

static struct place *
place_of_peer(const char *dir, enum store_life life, struct peer *peer, const char *path)
{
	char	 url[PEER_URL];

	peer_url(peer, url, path);
	return delivery_place_new(dir, life, url);
}

static void
delivery_place_free(struct place *p)
{
	deliver_free(&p->msg);
	sign_free(p->signer);
	services_close(&p->services);
	free(p);
}

static void
set_message(struct place *p, unsigned n)
{
	p->message.code = "$$_menu_click";
	p->message.time_s = 1700000000 + n;
	(void)snprintf(p->key, sizeof(p->key), "%08x%08x%08x%08x%032x", n * 2654435761u,
	    n ^ 0x5A5A5A5A, n * 40503u, n * 2246822519u, n);
	p->msg.account = &p->accounts[0];
	p->msg.push = &push;
	p->msg.body = (struct slice){ xml, sizeof(xml) - 1 };
	p->msg.message = &p->message;
	p->msg.key = p->key;
}

static enum error
send_by(struct place *p, unsigned n, int account, int ms)
{
	set_message(p, n);
	p->msg.account = &p->accounts[account];
	p->msg.deadline_ms = clock_mono_ms() + ms;
	return deliver(&p->services, p->signer, &p->msg);
}

static enum error
send_one(struct place *p, unsigned n)
{
	return send_by(p, n, 0, PATIENCE_MS);
}

static const char *
class_of(const struct place *p)
{
	return p->msg.why_not != NULL ? p->msg.why_not : "";
}

/*
 * Rows of the store.
 */

struct row {
	struct place	*place;
	int64_t		 n;
	char		 state[16], account[8], code[32], outcome[TEXT];
	int64_t		 attempts, wait_ms;
	struct buf	 query, body;
};

static void
copy_column(char *to, size_t size, struct slice s)
{
	if (s.p == NULL)
		s = slice_of("-");
	(void)snprintf(to, size, "%.*s", (int)s.len, s.p);
}

static enum error
read_message_row(struct db *db, void *arg)
{
	struct row	*r = arg;
	struct db_rows	 rows;
	enum error	 er;
	unsigned char	 key[QUEUE_KEY];
	struct slice	 s;

	r->n = 0;
	buf_reset(&r->query);
	buf_reset(&r->body);
	queue_key(key, r->place->message.time_s, r->place->key);
	er = sqlite_db_start(db, &rows, "SELECT state, account, code, outcome, attempts, next - received, "
	    "query, body FROM message WHERE key = ?",
	    DB_VALUES(db_b((struct slice){ (char *)key, QUEUE_KEY })));
	while (er == ERR_OK && db_next(&rows, &er)) {
		r->n++;
		copy_column(r->state, sizeof(r->state), db_col(&rows, 0));
		copy_column(r->account, sizeof(r->account), db_col(&rows, 1));
		copy_column(r->code, sizeof(r->code), db_col(&rows, 2));
		copy_column(r->outcome, sizeof(r->outcome), db_col(&rows, 3));
		r->attempts = db_col_int(&rows, 4);
		r->wait_ms = db_col_int(&rows, 5);
		if ((s = db_col(&rows, 6)).p != NULL)
			assert_int_equal(buf_put(&r->query, s.p, s.len), ERR_OK);
		if ((s = db_col(&rows, 7)).p != NULL)
			assert_int_equal(buf_put(&r->body, s.p, s.len), ERR_OK);
	}
	db_end(&rows);
	return er;
}

/* The row of the message that was sent last. */
static void
get_row(struct row *r, struct place *p)
{
	r->place = p;
	check_err("the store can be read", store_do(p->services.store, STORE_READ, read_message_row,
	    r,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

static void
row_free(struct row *r)
{
	buf_free(&r->query);
	buf_free(&r->body);
}

static enum error
count_rows(struct db *db, void *arg)
{
	return sqlite_db_number(db, arg, "SELECT count(*) FROM message", DB_NO_VALUES);
}

static int64_t
rows(struct place *p)
{
	int64_t	 n = -1;

	check_err("rows can be counted", store_do(p->services.store, STORE_READ, count_rows, &n,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
	return n;
}

static enum error
run_sql(struct db *db, void *arg)
{
	return db_script(db, arg);
}

static void
sql(struct place *p, const char *text)
{
	check_err(text, store_do(p->services.store, STORE_WRITE, run_sql, (void *)(uintptr_t)text,
	    clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

/*
 * Messages and their verdicts.
 */

static const struct outcome_case {
	const char		*act;		/* of the peer; NULL: nobody listens there */
	enum error		 er;
	enum verdict		 verdict;
	const char		*class, *row, *outcome;
	enum breaker_gate	 then;
} outcomes_cases[] = {
	{ "code", ERR_OK, VERDICT_DELIVERED, "", "", NULL, GATE_GO },
	{ "event", ERR_REFUSED, VERDICT_DEAD, "refused", "dead", "Httpapi_300_105",
	    GATE_GO },
	{ "union", ERR_FORWARD, VERDICT_QUEUED, "retry", "pending", "Httpapi_300_110",
	    GATE_GO },
	{ "later", ERR_FORWARD, VERDICT_QUEUED, "retry", "pending", "HTTP 503", GATE_GO },
	{ "moved", ERR_FORWARD, VERDICT_QUEUED, "config", "pending", "HTTP 302", GATE_GO },
	{ "ok", ERR_FORWARD, VERDICT_QUEUED, "unreadable", "pending",
	    "QT's answer cannot be read", GATE_GO },
	{ "cut", ERR_FORWARD, VERDICT_QUEUED, "retry", "pending", NULL, GATE_GO },
	{ "silent", ERR_FORWARD, VERDICT_QUEUED, "retry", "pending", NULL, GATE_GO },
	{ NULL, ERR_FORWARD, VERDICT_QUEUED, "retry", "pending", NULL, GATE_GO },
	{ "secret", ERR_FORWARD, VERDICT_QUEUED, "config", "pending", "Httpapi_300_101",
	    GATE_GO },
};

static void
check_outcome(const struct outcome_case *c, const char *name, struct place *p)
{
	int64_t	 probe_ms;

	check_int(name, p->msg.verdict, c->verdict);
	check_text(name, class_of(p), c->class);
	CHECK(name, (*p->msg.hint != '\0') == (p->msg.why_not != NULL));
	if (c->verdict != VERDICT_DELIVERED && c->outcome == NULL)
		CHECK(name, *p->msg.detail != '\0');
	check_int(name, breaker_gate(p->services.breakers, p->msg.account, &probe_ms), c->then);
	check_int("without trouble no database is made",
	    state_count(p->conf.set.state_dir, "qtoa.db", NULL), *c->row != '\0');
	check_int("the drainer is told", store_is_raised(p->services.store), *c->row != '\0');
}

static void
check_row(const struct outcome_case *c, const char *name, struct place *p)
{
	struct row	 r = { .n = 0 };

	get_row(&r, p);
	check_int(name, r.n, *c->row != '\0');
	if (*c->row != '\0') {
		check_text(name, r.state, c->row);
		check_text(name, r.account, "a");
		check_text(name, r.code, "$$_menu_click");
		check_int(name, r.attempts, 1);
		check_bytes(name, buf_slice(&r.body), slice_of(xml));
		check_text(name, r.outcome, c->outcome != NULL ? c->outcome : p->msg.detail);
		CHECK(name, *c->row == 'd' || (r.wait_ms >= 750 && r.wait_ms <= 1000));
	}
	row_free(&r);
}

/* WeChat sends the message again, to this process and to another one. */
static void
outcomes(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p;
	const char	*dir, *name;
	char		 url[PEER_URL];
	int64_t		 begun_ms;
	size_t		 i;
	int		 fd = peer_refused(url), asked;

	(void)state;
	for (i = 0; i < COUNT(outcomes_cases); i++) {
		dir = state_new();
		name = outcomes_cases[i].act != NULL ? outcomes_cases[i].act : "refused port";
		if (outcomes_cases[i].act != NULL)
			peer_url(peer, url, outcomes_cases[i].act);
		p = delivery_place_new(dir, i % 2 == 0 ? STORE_SERVER : STORE_BRIEF, url);
		if (outcomes_cases[i].act == NULL || strcmp(name, "silent") == 0)
			p->conf.set.forward_ms = SHORT_MS;
		begun_ms = clock_mono_ms();
		check_err(name, send_one(p, 1), outcomes_cases[i].er);
		CHECK(name, clock_mono_ms() - begun_ms < PATIENCE_MS / 2);
		check_outcome(&outcomes_cases[i], name, p);
		check_row(&outcomes_cases[i], name, p);
		asked = peer_requests(peer);
		check_err("again", send_one(p, 1), ERR_OK);
		check_int("again", p->msg.verdict, VERDICT_REPEAT);
		check_text("again", class_of(p), "");
		delivery_place_free(p);
		p = delivery_place_new(dir, STORE_BRIEF, url);
		check_err("elsewhere", send_one(p, 1), ERR_OK);
		check_int("elsewhere", p->msg.verdict, VERDICT_REPEAT);
		check_int("QT is not asked", peer_requests(peer), asked);
		check_int("there is no second row", rows(p), *outcomes_cases[i].row != '\0');
		delivery_place_free(p);
	}
	(void)close(fd);
	peer_free(peer);
}

/* The ts of an envelope. */
static int64_t
stamp_of(const struct buf *envelope)
{
	static const char	 name[] = "\"ts\":";
	struct buf		 b = { 0 };
	char			*p;
	int64_t			 ms = -1;

	assert_int_equal(buf_put(&b, envelope->p, envelope->len), ERR_OK);
	assert_int_equal(buf_putc(&b, '\0'), ERR_OK);
	if ((p = strstr(b.p, name)) != NULL) {
		p += sizeof(name) - 1;
		ms = strtoll(*p == '"' ? p + 1 : p, NULL, 10);
	}
	buf_free(&b);
	return ms;
}

/* From a row of the queue exactly the envelope can be made that QT did not take. */
static void
signed_again(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(state_new(), STORE_SERVER, peer, "later");
	struct row	 r = { .n = 0 };
	struct buf	 again = { 0 };
	struct query	 q;
	struct push	 back;
	enum push_key	 which;
	int		 k;

	(void)state;
	check_err("queued", send_one(p, 1), ERR_FORWARD);
	get_row(&r, p);
	check_err("its query", query_parse(&q, r.query.p, r.query.len), ERR_OK);
	check_err("its push", push_read(&back, &which, &q, 0), ERR_OK);
	for (k = 0; k < PUSH__MAX; k++)
		check_bytes(push_names[k], back.v[k], push.v[k]);
	check_err("signed", sign_envelope(p->signer, &again, &p->accounts[0], &back,
	    buf_slice(&r.body), stamp_of(&p->msg.out)), ERR_OK);
	check_bytes("the same", buf_slice(&again), buf_slice(&p->msg.out));
	CHECK("it has a time", stamp_of(&p->msg.out) > 1600000000000);
	buf_free(&again);
	row_free(&r);
	delivery_place_free(p);
	peer_free(peer);
}

static void
kept(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(state_new(), STORE_SERVER, peer, "code");
	struct row	 r = { .n = 0 };

	(void)state;
	p->conf.set.keep_days = 1;
	check_err("delivered", send_one(p, 1), ERR_OK);
	check_int("delivered", p->msg.verdict, VERDICT_DELIVERED);
	get_row(&r, p);
	check_int("a row", r.n, 1);
	check_text("a row", r.state, "delivered");
	check_text("a row", r.outcome, "Httpapi_300_200");
	check_bytes("its body", buf_slice(&r.body), slice_of(xml));
	CHECK("its query", r.query.len != 0);
	check_err("again", send_one(p, 1), ERR_OK);
	check_int("again", p->msg.verdict, VERDICT_REPEAT);
	check_int("QT heard of it once", peer_requests(peer), 1);
	row_free(&r);
	delivery_place_free(p);
	peer_free(peer);
}

/* Messages of a stopped account are not sent; those of other accounts are. */
static void
stopped(void **state)
{
	struct peer	*peer = peer_new();
	const char	*dir = state_new();
	struct place	*p = place_of_peer(dir, STORE_SERVER, peer, "now");
	struct row	 r = { .n = 0 };
	int		 i;

	(void)state;
	peer_now(peer, "secret");
	for (i = 0; i < STOPS; i++)
		check_err("refused", send_one(p, 10 + (unsigned)i), ERR_FORWARD);
	peer_now(peer, "code");
	check_err("the next", send_one(p, 2), ERR_FORWARD);
	check_text("the next", class_of(p), "stopped");
	CHECK("what to do", strstr(p->msg.hint, "qtoa queue retry") != NULL);
	get_row(&r, p);
	check_text("waits", r.state, "pending");
	check_int("has not been tried", r.attempts, 0);
	check_int("need not wait", r.wait_ms, 0);
	check_int("was not sent", peer_requests(peer), STOPS);
	check_err("another account's", send_by(p, 3, 1, PATIENCE_MS), ERR_OK);
	check_int("was sent", peer_requests(peer), STOPS + 1);
	delivery_place_free(p);

	/* A later CGI process knows the stop from the store. */
	p = place_of_peer(dir, STORE_BRIEF, peer, "now");
	check_err("later", send_one(p, 4), ERR_FORWARD);
	check_text("later", class_of(p), "stopped");
	check_err("another account's, later", send_by(p, 5, 1, PATIENCE_MS), ERR_OK);
	delivery_place_free(p);

	/* With other keys the account is not stopped. */
	p = place_of_peer(dir, STORE_BRIEF, peer, "now");
	p->accounts[0].service_secret = "mended";
	check_err("mended", send_one(p, 6), ERR_OK);
	row_free(&r);
	delivery_place_free(p);
	peer_free(peer);
}

static void
breaking(void **state)
{
	/* QT's answers (l: trouble, c: success, u, e: codes), and the last message's class. */
	static const struct {
		const char	*name, *acts;
		const char	*class;
		int		 asked;
	} cases[] = {
		{ "fewer", "lll", "retry", 3 },
		{ "one more is not sent", "llll", "breaker", 3 },
		{ "and another", "lllll", "breaker", 3 },
		{ "a success between", "llcl", "retry", 4 },
		{ "and so on", "llcllcll", "retry", 8 },
		{ "in a row after it", "llcllll", "breaker", 6 },
		{ "QT's own patience is none", "uuuuul", "retry", 6 },
		{ "a refusal ends a row", "llell", "retry", 5 },
	};
	struct place	*p;
	struct peer	*peer;
	int64_t		 begun_ms = 0;
	unsigned	 n;
	size_t		 i;

	(void)state;
	for (i = 0; i < 2 * COUNT(cases); i++) {
		peer = peer_new();
		p = place_of_peer(state_new(), i % 2 == 0 ? STORE_SERVER : STORE_BRIEF, peer,
		    "now");
		for (n = 0; cases[i / 2].acts[n] != '\0'; n++) {
			peer_now(peer, cases[i / 2].acts[n] == 'l' ? "later" :
			    cases[i / 2].acts[n] == 'u' ? "union" :
			    cases[i / 2].acts[n] == 'e' ? "event" : "code");
			begun_ms = clock_mono_ms();
			(void)send_by(p, n, (int)n % 2, PATIENCE_MS);
		}
		check_text(cases[i / 2].name, class_of(p), cases[i / 2].class);
		check_int(cases[i / 2].name, peer_requests(peer), cases[i / 2].asked);
		CHECK(cases[i / 2].name, clock_mono_ms() - begun_ms < 20 * SOON_MS);
		delivery_place_free(p);
		peer_free(peer);
	}
}

/* A thread that sends one message with its own worker, and the services of another place. */
struct sender {
	struct place	*place;		/* its own worker, without services */
	const struct services *services;
	pthread_t	 thread;
	struct watched	 watched;
	unsigned	 n;
	int		 ms;
	enum error	 er;
};

static void *
send_there(void *arg)
{
	struct sender	*s = arg;

	set_message(s->place, s->n);
	s->place->msg.deadline_ms = clock_mono_ms() + s->ms;
	/* The breaker needs an account of the configuration that it knows. */
	s->place->msg.account = &s->services->conf->accounts[0];
	watched_here(&s->watched);
	s->er = deliver(s->services, s->place->signer, &s->place->msg);
	return NULL;
}

static void
begin_sender(struct sender *s, struct place *p, unsigned n, int ms)
{
	*s = (struct sender){ .services = &p->services, .n = n, .ms = ms };
	watched_init(&s->watched);
	assert_non_null(s->place = calloc(1, sizeof(*s->place)));
	assert_non_null(s->place->signer = sign_new());
	assert_int_equal(pthread_create(&s->thread, NULL, send_there, s), 0);
}

static void
end_sender(struct sender *s, enum error *er, enum verdict *verdict)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	*er = s->er;
	*verdict = s->place->msg.verdict;
	deliver_free(&s->place->msg);
	sign_free(s->place->signer);
	free(s->place);
}

static void
load_breakers(struct place *p)
{
	check_err("loaded", store_do(p->services.store, STORE_READ, breaker_load,
	    p->services.breakers, clock_mono_ms() + PATIENCE_MS), ERR_OK);
}

/* One request at a time probes a broken end point; when it succeeds, all messages go. */
static void
probing(void **state)
{
	const char	*dir = state_new();
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(dir, STORE_BRIEF, peer, "now");
	struct sender	 s;
	enum error	 er;
	enum verdict	 verdict;
	unsigned	 n;

	(void)state;
	p->conf.set.forward_ms = PATIENCE_MS;
	peer_now(peer, "later");
	for (n = 0; n <= FAILS; n++)
		check_err("it breaks", send_one(p, n), ERR_FORWARD);
	check_text("it is broken", class_of(p), "breaker");
	sql(p, "UPDATE endpoint SET fresh_probe = 1");
	peer_now(peer, "wait");
	begin_sender(&s, p, 10, PATIENCE_MS);
	peer_await(peer, FAILS + 1);
	for (n = 11; n < 15; n++) {
		check_err("meanwhile", send_one(p, n), ERR_FORWARD);
		check_text("meanwhile", class_of(p), "breaker");
	}
	check_int("one probe", peer_requests(peer), FAILS + 1);
	peer_open(peer);
	end_sender(&s, &er, &verdict);
	check_err("the probe", er, ERR_OK);
	check_int("the probe", verdict, VERDICT_DELIVERED);
	check_err("then all", send_one(p, 15), ERR_OK);
	delivery_place_free(p);

	/* In a server the drainer probes; a request does so only if the probe is long due. */
	p = place_of_peer(dir, STORE_SERVER, peer, "now");
	peer_now(peer, "later");
	for (n = 20; n <= 20 + FAILS; n++)
		check_err("it breaks again", send_one(p, n), ERR_FORWARD);
	sql(p, "UPDATE endpoint SET fresh_probe = strftime('%s', 'now') * 1000 - 500");
	load_breakers(p);
	peer_now(peer, "code");
	check_err("the drainer's turn", send_one(p, 30), ERR_FORWARD);
	check_text("the drainer's turn", class_of(p), "breaker");
	sql(p, "UPDATE endpoint SET fresh_probe = 1");
	load_breakers(p);
	check_err("it has not come", send_one(p, 31), ERR_OK);
	check_err("then all", send_one(p, 32), ERR_OK);
	delivery_place_free(p);
	peer_free(peer);
}

/* What a server's first message learns of the breakers: from the store, if its flag is raised. */
static void
first_look(void **state)
{
	const char	*dir = state_new();
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(dir, STORE_SERVER, peer, "now");
	unsigned	 n;

	(void)state;
	peer_now(peer, "code");
	CHECK("not yet", !breaker_is_loaded(p->services.breakers));
	check_err("nothing waits", send_one(p, 1), ERR_OK);
	CHECK("it has looked", breaker_is_loaded(p->services.breakers));
	check_int("no store is made", state_count(dir, "qtoa.db", NULL), 0);
	delivery_place_free(p);

	p = place_of_peer(dir, STORE_BRIEF, peer, "now");
	peer_now(peer, "later");
	for (n = 10; n < 10 + FAILS; n++)
		check_err("it breaks", send_one(p, n), ERR_FORWARD);
	CHECK("the flag is raised", store_is_raised(p->services.store));
	delivery_place_free(p);

	p = place_of_peer(dir, STORE_SERVER, peer, "now");
	check_err("another process broke it", send_one(p, 30), ERR_FORWARD);
	check_text("another process broke it", class_of(p), "breaker");
	CHECK("it has looked, too", breaker_is_loaded(p->services.breakers));
	delivery_place_free(p);
	peer_free(peer);
}

/*
 * Repeats of a message that another request has.
 */

static void
held(void **state)
{
	static const struct {
		const char	*name, *act;
		enum error	 er;
		enum verdict	 verdict;
	} cases[] = {
		{ "delivered", "wait", ERR_OK, VERDICT_DELIVERED },
		{ "queued", "gate", ERR_FORWARD, VERDICT_QUEUED },
	};
	struct sender	 s[THREADS];
	struct peer	*peer;
	struct place	*p;
	enum error	 er;
	enum verdict	 verdict;
	size_t		 i;
	int		 k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		peer = peer_new();
		p = place_of_peer(state_new(), STORE_SERVER, peer, cases[i].act);
		p->conf.set.forward_ms = PATIENCE_MS;
		begin_sender(&s[0], p, 1, PATIENCE_MS);
		peer_await(peer, 1);
		for (k = 1; k < THREADS; k++) {
			begin_sender(&s[k], p, 1, PATIENCE_MS);
			watched_asleep(&s[k].watched);
		}
		check_err("no time to wait", send_by(p, 1, 0, SHORT_MS), ERR_LATE);
		check_int("no time to wait", p->msg.verdict, VERDICT_UNSAFE);
		peer_open(peer);
		end_sender(&s[0], &er, &verdict);
		check_err(cases[i].name, er, cases[i].er);
		check_int(cases[i].name, verdict, cases[i].verdict);
		for (k = 1; k < THREADS; k++) {
			end_sender(&s[k], &er, &verdict);
			check_err("a repeat that waits", er, ERR_OK);
			check_int("a repeat that waits", verdict, VERDICT_REPEAT);
		}
		check_int("QT heard of it once", peer_requests(peer), 1);
		check_int("other messages do not wait", send_one(p, 2) == cases[i].er, 1);
		delivery_place_free(p);
		peer_free(peer);
	}
}

/* Claims message 1 and has it until the process is killed. */
static void
hold_message(struct other *me, void *dir)
{
	const struct settings	 set = { .state_dir = dir, .dedupe_days = 1 };
	struct dedup		*dedup = dedup_new(&set, lock_new(dir));
	struct place		 p;
	enum dedup_as		 as;
	unsigned char		 key[QUEUE_KEY];

	memset(&p, 0, sizeof(p));
	set_message(&p, 1);
	queue_key(key, p.message.time_s, p.key);
	OTHER_CHECK(dedup_claim(dedup, &as, key, 0) == ERR_OK);
	other_say(me);
	(void)other_hear(me);
}

static void
held_elsewhere(void **state)
{
	const char	*dir = state_new();
	struct other	 o;
	struct peer	*peer;
	struct place	*p;

	(void)state;
	other_begin(&o, hold_message, (void *)(uintptr_t)dir);
	(void)other_hear(&o);
	peer = peer_new();
	p = place_of_peer(dir, STORE_SERVER, peer, "code");
	check_err("another has it", send_by(p, 1, 0, SHORT_MS), ERR_LATE);
	check_int("another has it", p->msg.verdict, VERDICT_UNSAFE);
	CHECK("that is said", strstr(p->msg.hint, "same message") != NULL);
	check_int("not forwarded", peer_requests(peer), 0);
	other_kill(&o);
	check_err("taken over", send_one(p, 1), ERR_OK);
	check_int("taken over", p->msg.verdict, VERDICT_DELIVERED);
	delivery_place_free(p);
	peer_free(peer);
}

/* A message is marked, but not in the queue: the process that had it died in between. */
static void
died_between(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(state_new(), STORE_SERVER, peer, "code");
	unsigned char	 key[QUEUE_KEY];

	(void)state;
	set_message(p, 1);
	queue_key(key, p->message.time_s, p->key);
	check_err("marked", dedup_mark(p->services.dedup, key, DEDUP_QUEUED), ERR_OK);
	check_err("forwarded", send_one(p, 1), ERR_OK);
	check_int("forwarded", p->msg.verdict, VERDICT_DELIVERED);
	check_err("again", send_one(p, 1), ERR_OK);
	check_int("again", p->msg.verdict, VERDICT_REPEAT);
	check_int("QT heard of it once", peer_requests(peer), 1);
	delivery_place_free(p);
	peer_free(peer);
}

/* A repeat looks at the marks, then at the queue; in between the drainer delivers the message. */
struct draining {
	struct place	*place;
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 begun, go;
};

static enum error
drain_message(struct db *db, void *arg)
{
	struct draining	*g = arg;
	struct place	*p = g->place;
	unsigned char	 key[QUEUE_KEY];

	(void)pthread_mutex_lock(&g->lock);
	g->begun = true;
	(void)pthread_cond_broadcast(&g->changed);
	while (!g->go)
		(void)pthread_cond_wait(&g->changed, &g->lock);
	(void)pthread_mutex_unlock(&g->lock);
	queue_key(key, p->message.time_s, p->key);
	(void)dedup_mark(p->services.dedup, key, DEDUP_DONE);
	return db_script(db, "DELETE FROM message");
}

static void *
drain_there(void *arg)
{
	struct draining	*g = arg;

	(void)store_do(g->place->services.store, STORE_WRITE, drain_message, g,
	    clock_mono_ms() + PATIENCE_MS);
	return NULL;
}

static void
drained_between(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(state_new(), STORE_SERVER, peer, "now");
	struct draining	 g = { .place = p };
	struct sender	 s;
	pthread_t	 t;
	enum error	 er;
	enum verdict	 verdict;

	(void)state;
	(void)pthread_mutex_init(&g.lock, NULL);
	(void)pthread_cond_init(&g.changed, NULL);
	peer_now(peer, "later");
	check_err("queued", send_one(p, 1), ERR_FORWARD);
	peer_now(peer, "code");
	assert_int_equal(pthread_create(&t, NULL, drain_there, &g), 0);
	(void)pthread_mutex_lock(&g.lock);
	while (!g.begun)
		(void)pthread_cond_wait(&g.changed, &g.lock);
	(void)pthread_mutex_unlock(&g.lock);
	begin_sender(&s, p, 1, PATIENCE_MS);
	watched_asleep(&s.watched);	/* it knows the mark, and waits for the store */
	(void)pthread_mutex_lock(&g.lock);
	g.go = true;
	(void)pthread_cond_broadcast(&g.changed);
	(void)pthread_mutex_unlock(&g.lock);
	assert_int_equal(pthread_join(t, NULL), 0);
	end_sender(&s, &er, &verdict);
	check_err("a repeat", er, ERR_OK);
	check_int("a repeat", verdict, VERDICT_REPEAT);
	check_int("QT is not asked again", peer_requests(peer), 1);
	delivery_place_free(p);
	peer_free(peer);
}

/*
 * Faults.
 */

static void
without_store(void **state)
{
	const struct timespec	 pause = { 0, 20000000 };
	const char		*parent = state_new();
	char			 dir[STATE_PATH];
	struct peer		*peer = peer_new();
	struct place		*p;
	int64_t			 begun_ms, end_ms;
	enum error		 er = ERR_STORE;
	unsigned		 n;

	(void)state;
	assert_int_equal(log_open("/dev/null"), 0);
	state_write(parent, "plain", "", 0);
	state_path(dir, parent, "plain");
	p = place_of_peer(dir, STORE_SERVER, peer, "now");
	for (n = 0; n < 10; n++) {
		peer_now(peer, "code");
		check_err("QT has it", send_one(p, n), ERR_OK);
		check_int("QT has it", p->msg.verdict, VERDICT_DELIVERED);
		peer_now(peer, n % 2 == 0 ? "union" : "event");
		begun_ms = clock_mono_ms();
		check_err("nobody has it", send_one(p, 100 + n), ERR_STORE);
		CHECK("quickly", clock_mono_ms() - begun_ms < 20 * SOON_MS);
		check_int("nobody has it", p->msg.verdict, VERDICT_UNSAFE);
		CHECK("the reason", strstr(p->msg.detail, "plain") != NULL);
		CHECK("the error's own hint", p->msg.hint == NULL);
	}
	/* The breaker opens without a store, too; but only QT can keep the message, so QT is asked. */
	peer_now(peer, "later");
	for (n = 0; n <= FAILS; n++)
		check_err("nobody has it", send_one(p, 200 + n), ERR_STORE);
	check_int("it is broken", breaker_gate(p->services.breakers, p->msg.account, &begun_ms),
	    GATE_BROKEN);
	check_text("QT was asked all the same", class_of(p), "retry");
	check_int("QT was asked all the same", peer_requests(peer), 20 + FAILS + 1);
	peer_now(peer, "code");
	check_err("QT is back", send_one(p, 250), ERR_OK);
	check_int("it is closed", breaker_gate(p->services.breakers, p->msg.account, &begun_ms),
	    GATE_GO);
	peer_now(peer, "later");

	assert_int_equal(unlink(dir), 0);
	for (end_ms = clock_mono_ms() + PATIENCE_MS; er != ERR_FORWARD && clock_mono_ms() < end_ms;)
		if ((er = send_one(p, 300)) != ERR_FORWARD)
			(void)nanosleep(&pause, NULL);
	check_err("it comes back by itself", er, ERR_FORWARD);
	check_int("what had not been stored is not there", rows(p), 1);
	log_close();
	delivery_place_free(p);
	peer_free(peer);
}

static void
send_read_only(struct other *me, void *arg)
{
	const char	*dir = arg;
	struct peer	*peer;
	struct place	*p;
	int64_t		 begun_ms;
	unsigned	 n;

	(void)me;
	state_drop_root();
	OTHER_CHECK(log_open("/dev/null") == 0);
	peer = peer_new();
	p = place_of_peer(dir, STORE_SERVER, peer, "now");
	OTHER_CHECK(chmod(dir, 0500) == 0);
	for (n = 0; n < 5; n++) {
		peer_now(peer, "code");
		OTHER_CHECK(send_one(p, n) == ERR_OK);
		peer_now(peer, "union");
		begun_ms = clock_mono_ms();
		OTHER_CHECK(send_one(p, 100 + n) == ERR_STORE);
		OTHER_CHECK(p->msg.verdict == VERDICT_UNSAFE);
		OTHER_CHECK(clock_mono_ms() - begun_ms < 20 * SOON_MS);
	}
	OTHER_CHECK(chmod(dir, 0700) == 0);
	delivery_place_free(p);
	peer_free(peer);
}

static void
read_only(void **state)
{
	struct other	 o;

	(void)state;
	other_begin(&o, send_read_only, (void *)(uintptr_t)state_new());
	check_int("read-only directory", other_end(&o), 0);
}

/* Without memory at any point: WeChat gets `success` only for messages that can be sent later. */
static void
memory(void **state)
{
	static const char *const	 acts[] = { "code", "union", "event", "later" };
	struct peer			*peer = peer_new();
	struct place			*p = place_of_peer(state_new(), STORE_SERVER, peer, "now");
	struct row			 r = { .n = 0 };
	unsigned			 n, step, left;
	enum error			 er;
	size_t				 i;

	(void)state;
	p->conf.set.breaker_fails = 1000;
	p->conf.set.keep_days = 1;
	for (i = 0, n = 0; i < COUNT(acts); i++) {
		peer_now(peer, acts[i]);
		for (step = 1, left = 0; left == 0; step++, n++) {
			deliver_free(&p->msg);
			memset(&p->msg, 0, sizeof(p->msg));
			sign_free(p->signer);
			assert_non_null(p->signer = sign_new());
			unit_memory = step;
			er = send_one(p, n);
			left = unit_memory;
			unit_memory = 0;
			get_row(&r, p);
			if (er == ERR_FORWARD || er == ERR_REFUSED) {
				check_int(acts[i], r.n, 1);
				check_bytes(acts[i], buf_slice(&r.body), slice_of(xml));
				CHECK(acts[i], r.query.len != 0);
			} else if (er == ERR_STORE) {
				check_int(acts[i], r.n, 0);
				check_text(acts[i], p->msg.detail, "out of memory");
			} else {
				check_err(acts[i], er, ERR_OK);
				CHECK(acts[i], i == 0);
			}
			if (step == 1) {
				check_err("nothing can be signed", er, ERR_FORWARD);
				CHECK("that is said", strstr(p->msg.detail,
				    "cannot be signed") != NULL);
				check_int("not tried", r.attempts, 0);
			}
		}
		CHECK("there was an end", step > 2);
	}
	row_free(&r);
	delivery_place_free(p);
	peer_free(peer);
}

/* An attempt that the end of the program cuts short says nothing of QT. */
static void
told_to_stop(void **state)
{
	struct peer	*peer = peer_new();
	struct place	*p = place_of_peer(state_new(), STORE_SERVER, peer, "silent");
	int64_t		 probe_ms;
	unsigned	 n;

	(void)state;
	p->conf.set.forward_ms = PATIENCE_MS;
	p->stop_ms = clock_mono_ms();
	for (n = 0; n < 2 * FAILS; n++)
		check_err("queued", send_one(p, n), ERR_FORWARD);
	check_int("and the breaker has heard nothing", breaker_gate(p->services.breakers,
	    p->msg.account, &probe_ms), GATE_GO);
	delivery_place_free(p);
	peer_free(peer);
}

/* The state of the row that each result leads to. */
static void
judging(void **state)
{
	static const struct {
		const char		*name;
		struct qt_result	 qt;
		enum queue_state	 want;
		const char		*outcome;
	} cases[] = {
		{ "delivered", { .outcome = QT_DELIVERED, .code = "200" }, QUEUE_DELIVERED,
		    "200" },
		{ "refused", { .outcome = QT_REFUSED, .code = "105" }, QUEUE_DEAD, "105" },
		{ "config", { .outcome = QT_CONFIG, .code = "101" }, QUEUE_PENDING, "101" },
		{ "retry", { .outcome = QT_RETRY, .http.why = "no answer" }, QUEUE_PENDING,
		    "no answer" },
		{ "code before words", { .outcome = QT_RETRY, .code = "110",
		    .http.why = "words" }, QUEUE_PENDING, "110" },
	};
	struct queue_message	 row;
	size_t			 i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		deliver_judge(&row, &cases[i].qt);
		check_int(cases[i].name, row.state, cases[i].want);
		check_bytes(cases[i].name, row.outcome, slice_of(cases[i].outcome));
	}
	for (i = 0; i < VERDICT__MAX; i++)
		CHECK("each has a name", deliver_verdicts[i] != NULL &&
		    *deliver_verdicts[i] != '\0');
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(held_elsewhere), TEST(read_only), TEST(outcomes), TEST(signed_again),
		TEST(kept), TEST(stopped), TEST(breaking), TEST(probing),
		TEST(first_look), TEST(held),
		TEST(died_between), TEST(drained_between), TEST(without_store), TEST(memory),
		TEST(told_to_stop), TEST(judging),
	};

	(void)log_open("/dev/null");
	return RUN("deliver", tests);
}
