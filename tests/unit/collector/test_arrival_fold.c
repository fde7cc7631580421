#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "collector/arrival_fold.h"
#include "core/clock.h"
#include "core/log.h"
#include "state/sqlite/sqlite_db.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000 };

#define MESSAGE(rest)	"<xml><ToUserName>gh</ToUserName>" rest "</xml>"
#define TEXT(user)	MESSAGE("<FromUserName>" user "</FromUserName>" \
			"<CreateTime>1700000000</CreateTime><MsgType>text</MsgType>" \
			"<Content>hi</Content><MsgId>7</MsgId>")

struct place {
	struct account	 accounts[2];
	struct conf	 conf;
	struct locks	*locks;
	struct store	*store;
	struct arrivals	*arrivals;
};

static void
place_init(struct place *p)
{
	const struct account	 two[2] = {
		{ .path = "shop", .name = "shop", .appid = "wx1", .app_key = "k1" },
		{ .path = "union", .name = "union", .appid = "wx2", .app_key = "k1",
		  .identity = UNIONID },
	};

	memcpy(p->accounts, two, sizeof(two));
	p->conf = (struct conf){ .set = { .state_dir = state_new() }, .accounts = p->accounts,
	    .n = COUNT(p->accounts) };
	assert_int_equal(log_open(NULL), 0);
	assert_non_null(p->locks = lock_new(p->conf.set.state_dir));
	assert_non_null(p->store = store_new(&p->conf.set, p->locks, STORE_BRIEF));
	assert_non_null(p->arrivals = arrivals_new(&p->conf.set, p->locks, STORE_SERVER));
}

static void
place_fini(struct place *p)
{
	arrivals_free(p->arrivals);
	store_free(p->store);
	lock_free(p->locks);
}

static void
add(struct place *p, const char *account, unsigned key, const char *xml)
{
	struct arrival	 a = { slice_of(account), { 0 }, 1700000001000, slice_of(xml) };

	memcpy(a.key, &key, sizeof(key));
	arrivals_add(p->arrivals, &a);
}

struct question {
	const char	*sql;
	int64_t		 answer;
};

static enum error
ask(struct db *db, void *arg)
{
	struct question	*q = arg;

	return sqlite_db_number(db, &q->answer, q->sql, DB_NO_VALUES);
}

#define NUMBER(p, sql)	number_of(p, &(struct question){ sql, 0 })

static int64_t
number_of(struct place *p, struct question *q)
{
	check_err("asked", store_do(p->store, STORE_READ, ask, q, clock_mono_ms() + PATIENCE_MS),
	    ERR_OK);
	return q->answer;
}

static void
test_messages(void **state)
{
	struct place	 p;

	(void)state;
	place_init(&p);
	add(&p, "shop", 1, TEXT("o1"));
	add(&p, "shop", 1, TEXT("o1"));			/* WeChat has repeated it */
	add(&p, "shop", 2, TEXT("o2"));
	add(&p, "shop", 3, "no XML");
	add(&p, "shop", 4, MESSAGE("<MsgType>text</MsgType>"));	/* no user */
	add(&p, "gone", 5, TEXT("o3"));			/* no account has this path now */
	add(&p, "union", 6, TEXT("o4"));
	add(&p, "shop", 7, TEXT("o4"));			/* accounts take turns */
	arrival_fold_all(&p.conf, p.store, p.arrivals, PATIENCE_MS);
	check_int("events", NUMBER(&p, "SELECT count(*) FROM event"), 4);
	check_int("those of the first account", NUMBER(&p, "SELECT count(*) FROM event JOIN account "
	    "ON account.id = event.account WHERE path = 'shop'"), 3);
	check_int("their time", NUMBER(&p, "SELECT sum(time = 1700000000) FROM event"), 4);
	check_int("received", NUMBER(&p, "SELECT sum(received = 1700000001000) FROM event"), 4);
	check_int("a mark for a UnionID", NUMBER(&p, "SELECT count(*) FROM unionid "
	    "WHERE openid = 'o4' AND unionid = ''"), 1);
	add(&p, "shop", 2, TEXT("o2"));			/* once more, in another file */
	arrival_fold_all(&p.conf, p.store, p.arrivals, PATIENCE_MS);
	check_int("not again", NUMBER(&p, "SELECT count(*) FROM event"), 4);
	check_int("no file is left", state_count(p.conf.set.state_dir, "qtoa.arrivals", NULL), 0);
	place_fini(&p);
}

/* More than one step; who stops in the middle leaves the rest to the next one. */
static void
test_steps(void **state)
{
	enum { MANY = ARRIVAL_FOLD_STEP * 2 + 5 };
	struct arrival_fold	*f;
	struct place		 p;
	unsigned		 i;

	(void)state;
	place_init(&p);
	for (i = 0; i < MANY; i++)
		add(&p, "shop", i + 1, TEXT("o1"));
	assert_non_null(f = arrival_fold_new(&p.conf, p.store, p.arrivals));
	CHECK("there is more", arrival_fold_some(f, clock_mono_ms() + PATIENCE_MS));
	check_int("one step", NUMBER(&p, "SELECT count(*) FROM event"), ARRIVAL_FOLD_STEP);
	arrival_fold_free(f);
	check_int("the file stays", state_count(p.conf.set.state_dir, "qtoa.arrivals", NULL), 1);
	arrival_fold_all(&p.conf, p.store, p.arrivals, PATIENCE_MS);
	check_int("all, once", NUMBER(&p, "SELECT count(*) FROM event"), MANY);
	place_fini(&p);
}

/* While the store cannot be used, nothing is lost. */
static void
test_no_store(void **state)
{
	char		 path[STATE_PATH];
	struct place	 p;

	(void)state;
	place_init(&p);
	state_path(path, p.conf.set.state_dir, "qtoa.db");
	assert_int_equal(mkdir(path, 0700), 0);
	add(&p, "shop", 1, TEXT("o1"));
	arrival_fold_all(&p.conf, p.store, p.arrivals, 100);
	assert_int_equal(rmdir(path), 0);
	store_free(p.store);		/* a new one tries at once */
	assert_non_null(p.store = store_new(&p.conf.set, p.locks, STORE_BRIEF));
	check_int("the file stays", state_count(p.conf.set.state_dir, "qtoa.arrivals", NULL), 1);
	arrival_fold_all(&p.conf, p.store, p.arrivals, PATIENCE_MS);
	check_int("counted", NUMBER(&p, "SELECT count(*) FROM event"), 1);
	place_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(test_messages),
		TEST(test_steps),
		TEST(test_no_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
