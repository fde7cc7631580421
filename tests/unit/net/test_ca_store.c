#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "core/clock.h"
#include "net/curl_handle.h"
#include "net/http_multi.h"
#include "net/tls_probe.h"
#include "tests/unit/authority.h"
#include "tests/unit/job.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum {
	THREADS = 16,
	MANY = 200	/* certificates in a bundle that takes some time to read */
};

/* What is in the directory below the hash of the authority of a server. */
enum held {
	NOTHING,
	ROOT,		/* the authority */
	BETWEEN,	/* the intermediate authority, below its own hash */
	OTHER,		/* another authority: the link is old */
	ENDED,		/* its certificate of before, which has ended */
	ENDED_BETWEEN,	/* the same of the intermediate authority */
	JUNK		/* no certificate */
};

/* A directory with a bundle and a hashed directory, and authorities. */
struct host {
	struct authority	*root, *between, *other, *ended, *ended_between;
	char			 dir[STATE_PATH], bundle[STATE_PATH], pem[STATE_PATH];
	struct ca_place		 places[2];
};

/* what NULL: junk. */
static void
put_hashed(const struct host *t, const struct authority *what, const struct authority *whose)
{
	char	 name[AUTHORITY_HASH], path[STATE_PATH];

	authority_hash(whose, name);
	state_path(path, t->dir, name);
	if (what != NULL)
		authority_write(what, path, false);
	else
		state_write(t->dir, name, "junk\n", 5);
}

/* Directory and bundle have another authority each, as those of a real host. */
static void
begin_host(struct host *t, enum held held, const struct authority *in_bundle)
{
	const struct {
		const struct authority	*what, *whose;
	} put[] = {
		[ROOT] = { t->root, t->root }, [BETWEEN] = { t->between, t->between },
		[OTHER] = { t->other, t->root }, [ENDED] = { t->ended, t->root },
		[ENDED_BETWEEN] = { t->ended_between, t->between }, [JUNK] = { NULL, t->root },
	};
	const char	*place = state_new();

	state_path(t->dir, place, "hashed");
	state_path(t->bundle, place, "bundle.pem");
	state_path(t->pem, place, "server.pem");
	assert_int_equal(mkdir(t->dir, 0700), 0);
	authority_write(t->other, t->bundle, false);
	put_hashed(t, t->other, t->other);
	if (held != NOTHING)
		put_hashed(t, put[held].what, put[held].whose);
	if (in_bundle != NULL)
		authority_write(in_bundle, t->bundle, true);
	t->places[0] = (struct ca_place){ t->bundle, t->dir };
	t->places[1] = (struct ca_place){ NULL, NULL };
}

static void
make_authorities(struct host *t)
{
	t->root = authority_new("root", NULL);
	t->between = authority_new("between", t->root);
	t->other = authority_new("other", NULL);
	t->ended = authority_ended(t->root, NULL);
	t->ended_between = authority_ended(t->between, t->root);
}

static void
free_authorities(struct host *t)
{
	authority_free(t->root);
	authority_free(t->between);
	authority_free(t->other);
	authority_free(t->ended);
	authority_free(t->ended_between);
}

static struct http_client *
client_of(const struct host *t, const char *ca_file, struct settings *set)
{
	struct http_client	*h;

	*set = job_settings;
	set->ca_file = ca_file;
	assert_non_null(h = http_client_new(set, NULL));
	h->ca_store.places = t->places;
	return h;
}

/* A server that has the certificate t->pem, a client, and a call of it. */
struct asker {
	struct settings		 set;
	struct http_client	*http;
	struct peer		*peer;
	struct job		 job;
};

static void
begin_asker(struct asker *a, const struct host *t, const char *ca_file)
{
	a->peer = peer_new_tls(t->pem);
	a->http = client_of(t, ca_file, &a->set);
	job_init(&a->job, a->peer, "ok", "text");
}

static void
end_asker(struct asker *a)
{
	buf_free(&a->job.answer.body);
	http_client_free(a->http);
	peer_free(a->peer);
}

/* Which authorities a server's certificate comes from, and which are trusted where. */
static const struct {
	const char	*name;
	enum held	 held;
	enum { NO, BY_ROOT, BY_BETWEEN } bundle;
	bool		 between;	/* it is signed by the intermediate, which the server sends */
	const char	*usage;
	bool		 good;
	bool		 read;		/* the bundle is needed */
} cases[] = {
	{ "directory", ROOT, NO, false, "serverAuth", true, false },
	{ "directory, of a chain", ROOT, NO, true, "serverAuth", true, false },
	{ "both", ROOT, BY_ROOT, true, "serverAuth", true, false },
	{ "directory, no root", BETWEEN, NO, true, "serverAuth", true, false },
	{ "bundle", NOTHING, BY_ROOT, false, "serverAuth", true, true },
	{ "bundle, of a chain", NOTHING, BY_ROOT, true, "serverAuth", true, true },
	{ "bundle, no root", NOTHING, BY_BETWEEN, true, "serverAuth", true, true },
	{ "old link", OTHER, BY_ROOT, false, "serverAuth", true, true },
	{ "ended", ENDED, BY_ROOT, false, "serverAuth", true, true },
	{ "ended, neither", ENDED, NO, false, "serverAuth", false, true },
	{ "ended within the chain", ENDED_BETWEEN, BY_ROOT, true, "serverAuth", true, true },
	{ "damaged file", JUNK, BY_ROOT, true, "serverAuth", true, true },
	{ "neither", NOTHING, NO, false, "serverAuth", false, true },
	{ "neither, of a chain", NOTHING, NO, true, "serverAuth", false, true },
	{ "damaged and neither", JUNK, NO, false, "serverAuth", false, true },
	{ "no server, both", ROOT, BY_ROOT, false, "clientAuth", false, true },
	{ "no server, bundle", NOTHING, BY_ROOT, false, "clientAuth", false, true },
};

static void
begin_case(struct host *t, size_t i)
{
	begin_host(t, cases[i].held, cases[i].bundle == BY_ROOT ? t->root :
	    cases[i].bundle == BY_BETWEEN ? t->between : NULL);
	authority_issue(t->root, t->pem, cases[i].between ? t->between : NULL, cases[i].usage);
}

/* What a client says of the same server that has nothing but the bundle; "": all went well. */
static void
ask_by_bundle(const struct host *t, struct peer *p, char why[sizeof((struct http_answer *)0)->why])
{
	struct settings		 set;
	struct http_client	*h = client_of(t, t->bundle, &set);
	struct job		 j;

	job_init(&j, p, "ok", "by bundle");
	job_do(h, &j, JOB_PATIENCE_MS);
	memcpy(why, j.answer.why, sizeof(j.answer.why));
	buf_free(&j.answer.body);
	http_client_free(h);
}

/* Each request takes one handshake, whatever was read for it, and fails as with the bundle. */
static void
requests(void **state)
{
	struct host	 t;
	struct asker	 a;
	char		 why[sizeof(a.job.answer.why)];
	const void	*bundle = NULL;
	size_t		 i;
	int		 round;

	(void)state;
	make_authorities(&t);
	for (i = 0; i < COUNT(cases); i++) {
		begin_case(&t, i);
		begin_asker(&a, &t, NULL);
		for (round = 1; round < 3; round++) {
			job_do(a.http, &a.job, JOB_PATIENCE_MS);
			check_int(cases[i].name, a.job.answer.status, cases[i].good ? 200 : 0);
			check_int(cases[i].name, a.job.answer.sent, cases[i].good);
			check_int(cases[i].name, a.job.answer.local, false);
			check_int(cases[i].name, a.http->ca_store.bundle != NULL, cases[i].read);
			check_int(cases[i].name, peer_connections(a.peer), cases[i].good ? 1 : round);
			CHECK(cases[i].name, round == 1 || bundle == a.http->ca_store.bundle);
			bundle = a.http->ca_store.bundle;
		}
		check_int(cases[i].name, peer_requests(a.peer), cases[i].good ? 2 : 0);
		ask_by_bundle(&t, a.peer, why);
		if (!cases[i].good)
			check_text(cases[i].name, a.job.answer.why, why);
		end_asker(&a);
	}
	free_authorities(&t);
}

/* As in requests(), with http_multi and with a look at the certificates. */
static void
others(void **state)
{
	struct host		 t;
	struct settings		 set;
	struct http_client	*h;
	struct http_multi	*m;
	struct http_call	 call;
	struct tls_probe	 probe;
	struct peer		*p;
	struct job		 j;
	size_t			 i;

	(void)state;
	make_authorities(&t);
	for (i = 0; i < COUNT(cases); i++) {
		begin_case(&t, i);
		p = peer_new_tls(t.pem);
		h = client_of(&t, NULL, &set);
		tls_probe(h, &probe, "https://127.0.0.1:1/", clock_mono_ms() + JOB_PATIENCE_MS);
		check_int(cases[i].name, probe.failed, TLS_STAGE_CONNECT);
		job_init(&j, p, "ok", "text");
		tls_probe(h, &probe, j.url, clock_mono_ms() + JOB_PATIENCE_MS);
		check_int(cases[i].name, probe.failed, cases[i].good ? TLS_STAGE_DONE :
		    TLS_STAGE_TLS);
		check_int(cases[i].name, probe.n, 1 + cases[i].between);
		check_int(cases[i].name, peer_connections(p), cases[i].good ? 1 : 2);
		http_client_free(h);

		h = client_of(&t, NULL, &set);
		assert_non_null(m = http_multi_new(h, 2));
		call = job_call(&j, JOB_PATIENCE_MS);
		http_multi_add(m, &j, &j.answer, &call);
		do
			http_multi_wait(m, JOB_PATIENCE_MS);
		while (http_multi_done(m) == NULL);
		check_int(cases[i].name, j.answer.status, cases[i].good ? 200 : 0);
		check_int(cases[i].name, peer_connections(p), cases[i].good ? 2 : 3);
		buf_free(&j.answer.body);
		http_multi_free(m);
		http_client_free(h);
		peer_free(p);
	}
	free_authorities(&t);
}

/*
 * When the bundle was read, the certificates of the directory are still trusted, also by a handle
 * that has not made a connection before.
 */
static void
both_are_trusted(void **state)
{
	struct host		 t;
	struct settings		 set;
	struct http_client	*h;
	struct tls_probe	 probe;
	struct peer		*of_bundle, *of_dir;
	struct job		 a, b;

	(void)state;
	make_authorities(&t);
	begin_host(&t, NOTHING, t.root);
	authority_issue(t.root, t.pem, NULL, "serverAuth");
	of_bundle = peer_new_tls(t.pem);
	authority_write(t.root, t.bundle, false);	/* the other one is in the directory alone */
	authority_issue(t.other, t.pem, NULL, "serverAuth");
	of_dir = peer_new_tls(t.pem);
	h = client_of(&t, NULL, &set);
	job_init(&a, of_bundle, "ok", "a");
	job_do(h, &a, JOB_PATIENCE_MS);
	check_int("of the bundle", a.answer.status, 200);
	CHECK("read", h->ca_store.bundle != NULL);
	job_init(&b, of_dir, "ok", "b");
	job_do(h, &b, JOB_PATIENCE_MS);
	check_int("of the directory", b.answer.status, 200);
	tls_probe(h, &probe, b.url, clock_mono_ms() + JOB_PATIENCE_MS);
	check_int("by a new handle", probe.failed, TLS_STAGE_DONE);
	tls_probe(h, &probe, a.url, clock_mono_ms() + JOB_PATIENCE_MS);
	check_int("by a new handle", probe.failed, TLS_STAGE_DONE);
	check_int("one handshake each", peer_connections(of_bundle), 2);
	buf_free(&a.answer.body);
	buf_free(&b.answer.body);
	http_client_free(h);
	peer_free(of_bundle);
	peer_free(of_dir);
	free_authorities(&t);
}

/* A bundle that cannot be used is no harm to the directory, and is read when it is right again. */
static void
bundle_is_damaged(void **state)
{
	struct host	 t;
	struct asker	 a;
	size_t		 i;

	(void)state;
	make_authorities(&t);
	begin_host(&t, NOTHING, NULL);
	authority_issue(t.root, t.pem, NULL, "serverAuth");
	begin_asker(&a, &t, NULL);
	assert_int_equal(truncate(t.bundle, 0), 0);
	for (i = 0; i < 2; i++) {
		job_do(a.http, &a.job, JOB_PATIENCE_MS);
		check_int("damaged", a.job.answer.status, 0);
		check_int("damaged", a.job.answer.local, false);
		CHECK(a.job.answer.why, strstr(a.job.answer.why, "certificate") != NULL);
		CHECK("not read", a.http->ca_store.bundle == NULL);
	}
	check_int("one handshake each", peer_connections(a.peer), 2);
	authority_write(t.root, t.bundle, false);
	job_do(a.http, &a.job, JOB_PATIENCE_MS);
	check_int("right again", a.job.answer.status, 200);
	CHECK("right again", a.http->ca_store.bundle != NULL);
	end_asker(&a);
	free_authorities(&t);
}

/* ca_file may be a directory, which then has no bundle beside it. */
static void
directory_of_settings(void **state)
{
	static const struct {
		const char	*name;
		enum held	 held;
		int		 status;
	} dirs[] = {
		{ "has it", ROOT, 200 }, { "lacks it", NOTHING, 0 }, { "old link", OTHER, 0 },
	};
	struct host	 t;
	struct asker	 a;
	size_t		 i;

	(void)state;
	make_authorities(&t);
	for (i = 0; i < COUNT(dirs); i++) {
		begin_host(&t, dirs[i].held, t.root);
		authority_issue(t.root, t.pem, t.between, "serverAuth");
		begin_asker(&a, &t, t.dir);
		check_text(dirs[i].name, http_client_ca_file(a.http), t.dir);
		job_do(a.http, &a.job, JOB_PATIENCE_MS);
		check_int(dirs[i].name, a.job.answer.status, dirs[i].status);
		check_int(dirs[i].name, a.job.answer.local, false);
		end_asker(&a);
	}
	begin_asker(&a, &t, state_new());
	job_do(a.http, &a.job, JOB_PATIENCE_MS);
	check_int("no hash", a.job.answer.status, 0);
	check_int("no hash", a.job.answer.local, true);
	CHECK(a.job.answer.why, strstr(a.job.answer.why, "no hashed CA certificates in /") != NULL &&
	    strstr(a.job.answer.why, "openssl rehash .") != NULL);
	end_asker(&a);
	free_authorities(&t);
}

struct caller {
	pthread_t		 thread;
	struct http_client	*http;
	struct job		 job;
};

static void *
call_once(void *arg)
{
	struct caller	*c = arg;

	job_do(c->http, &c->job, JOB_PATIENCE_MS);
	return NULL;
}

/* Threads need the bundle while one of them reads it. */
static void
threads(void **state)
{
	struct host		 t;
	struct settings		 set;
	struct http_client	*h;
	struct peer		*p;
	struct caller		 callers[THREADS];
	int			 i;

	(void)state;
	make_authorities(&t);
	begin_host(&t, NOTHING, t.root);
	for (i = 0; i < MANY; i++)
		authority_write(t.other, t.bundle, true);
	authority_issue(t.root, t.pem, t.between, "serverAuth");
	p = peer_new_tls(t.pem);
	h = client_of(&t, NULL, &set);
	for (i = 0; i < THREADS; i++) {
		callers[i].http = h;
		job_init(&callers[i].job, p, "gate", "text");
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call_once, &callers[i]),
		    0);
	}
	peer_await(p, THREADS);
	peer_open(p);
	for (i = 0; i < THREADS; i++) {
		(void)pthread_join(callers[i].thread, NULL);
		check_int("answered", callers[i].job.answer.status, 200);
		buf_free(&callers[i].job.answer.body);
	}
	check_int("one handshake each", peer_connections(p), THREADS);
	CHECK("read", h->ca_store.bundle != NULL);
	http_client_free(h);
	peer_free(p);
	free_authorities(&t);
}

/* Which of two places is used: 1 and 2 are bundles that are there, a and b hashed directories. */
static void
places(void **state)
{
	static const struct {
		const char	*name, *there;
		int		 place;		/* -1: no place */
		bool		 hashed;
	} kinds[] = {
		{ "nothing", "", -1, false }, { "first", "1", 0, false },
		{ "second", "2", 1, false }, { "both", "12", 0, false },
		{ "first, hashed", "1a", 0, true }, { "first, the other hashed", "1b", 0, false },
		{ "second, hashed", "2b", 1, true }, { "all", "12ab", 0, true },
		{ "hashed without a bundle", "ab", -1, false },
		{ "bundle behind it", "2ab", 1, true },
	};
	struct host		 t;
	struct ca_store		 store;
	struct ca_place		 two[3] = { { NULL, NULL } };
	char			 files[2][STATE_PATH], dirs[2][STATE_PATH];
	SSL_CTX			*ctx = SSL_CTX_new(TLS_client_method());
	const char		*place, *name;
	size_t			 i;
	int			 k;

	(void)state;
	make_authorities(&t);
	for (i = 0; i < COUNT(kinds); i++) {
		place = state_new();
		name = kinds[i].name;
		for (k = 0; k < 2; k++) {
			state_path(files[k], place, k == 0 ? "1.pem" : "2.pem");
			state_path(dirs[k], place, k == 0 ? "a" : "b");
			two[k] = (struct ca_place){ files[k], dirs[k] };
			assert_int_equal(mkdir(dirs[k], 0700), 0);
			state_write(dirs[k], "12345678.r0", "", 0);
			state_write(dirs[k], "123456789.0", "", 0);
			if (strchr(kinds[i].there, "12"[k]) != NULL)
				authority_write(t.root, files[k], false);
			if (strchr(kinds[i].there, "ab"[k]) != NULL)
				state_write(dirs[k], "1a2b3c4d.0", "", 0);
		}
		ca_store_init(&store, NULL);
		store.places = two;
		if (kinds[i].place == -1)
			CHECK(name, ca_store_file(&store) == NULL);
		else
			check_text(name, ca_store_file(&store), files[kinds[i].place]);
		check_int(name, ca_store_apply(&store, ctx), kinds[i].place == -1 ? -1 : 0);
		check_int(name, store.from.dir != NULL, kinds[i].hashed);
		if (kinds[i].hashed)
			check_text(name, store.from.dir, dirs[kinds[i].place]);
		CHECK(name, store.store == NULL || (X509_VERIFY_PARAM_get_flags(
		    X509_STORE_get0_param(store.store)) & X509_V_FLAG_PARTIAL_CHAIN) != 0);
		ca_store_fini(&store);
	}
	SSL_CTX_free(ctx);
	free_authorities(&t);
}

static void
known_places(void **state)
{
	const struct ca_place	*p, *q;

	(void)state;
	for (p = ca_store_places; p->bundle != NULL; p++) {
		CHECK(p->bundle, *p->bundle == '/');
		CHECK(p->bundle, p->dir == NULL || *p->dir == '/');
		for (q = ca_store_places; q != p; q++)
			CHECK(p->bundle, strcmp(p->bundle, q->bundle) != 0);
	}
	CHECK("some", p - ca_store_places >= 4);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(requests), TEST(others), TEST(both_are_trusted), TEST(bundle_is_damaged),
		TEST(directory_of_settings), TEST(threads), TEST(places), TEST(known_places),
	};

	return RUN("ca_store", tests);
}
