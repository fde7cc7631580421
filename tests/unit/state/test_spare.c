#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/spare.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

struct bench {
	struct settings	 set;
	struct locks	*locks;
	struct store	*store;
	struct dedup	*dedup;
	struct spare	*spare;
	const char	*where;		/* what the last spare_put() said */
	char		 path[STATE_PATH];
};

/* memory: where the second file is; NULL: there is only one. */
static void
bench_init_with(struct bench *b, const char *memory)
{
	*b = (struct bench){ .set = { .state_dir = state_new(), .dedupe_days = 7 } };
	(void)state_log(b->set.state_dir);
	b->locks = lock_new(b->set.state_dir);
	b->store = store_new(&b->set, b->locks, STORE_BRIEF);
	b->dedup = dedup_new(&b->set, b->locks);
	b->spare = spare_new(b->set.state_dir, memory, b->locks);
	assert_non_null(b->spare);
	state_path(b->path, b->set.state_dir, "qtoa.spare");
}

static void
bench_init(struct bench *b)
{
	bench_init_with(b, NULL);
}

static void
bench_fini(struct bench *b)
{
	spare_free(b->spare);
	dedup_free(b->dedup);
	store_free(b->store);
	lock_free(b->locks);
}

static int64_t
soon_ms(void)
{
	return clock_mono_ms() + 5000;
}

static struct queue_message
message(int n, const char *body)
{
	struct queue_message	 m = {
		.account = slice_of("shop"), .code = slice_of("$$_receive_msg"),
		.received_ms = clock_wall_ms(), .state = QUEUE_PENDING, .attempts = 1,
		.outcome = slice_of("no answer"), .query = slice_of("a=1"), .body = slice_of(body),
	};
	char			 hex[65];

	(void)snprintf(hex, sizeof(hex), "%064x", n);
	queue_key(m.key, n, hex + 32);
	return m;
}

static enum error
put(struct bench *b, int n, const char *body)
{
	const struct queue_message	 m = message(n, body);

	return spare_put(b->spare, &b->where, &m, soon_ms());
}

/* The rows of the queue, "account code outcome query body attempts;" for each. */
static enum error
append_row(void *ctx, const struct queue_message *m)
{
	return buf_printf(ctx, "%.*s %.*s %.*s %.*s %.*s %d;", (int)m->account.len, m->account.p,
	    (int)m->code.len, m->code.p == NULL ? "" : m->code.p, (int)m->outcome.len,
	    m->outcome.p, (int)m->query.len, m->query.p, (int)m->body.len, m->body.p,
	    (int)m->attempts);
}

static enum error
list_rows(struct db *db, void *arg)
{
	return queue_list(db, 0, 100, append_row, arg);
}

static void
check_queue(const char *name, struct bench *b, const char *want)
{
	struct buf	 got = { 0 };

	check_err(name, store_do(b->store, STORE_READ, list_rows, &got, soon_ms()), ERR_OK);
	check_bytes(name, buf_slice(&got), slice_of(want));
	buf_free(&got);
}

static void
kept_and_moved(void **state)
{
	struct bench	 b;
	struct stat	 st;
	int64_t		 n;

	(void)state;
	bench_init(&b);
	check_err("no file", put(&b, 1, "<xml>1</xml>"), ERR_STORE);
	CHECK("no file", !spare_holds(b.spare));
	check_err("nothing to move", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	spare_make(b.spare);
	CHECK("made", stat(b.path, &st) == 0 && st.st_size >= 65536 &&
	    (int64_t)st.st_blocks * 512 >= st.st_size);
	CHECK("empty", !spare_holds(b.spare));
	check_err("first", put(&b, 1, "<xml>1</xml>"), ERR_OK);
	CHECK("held", spare_holds(b.spare));
	check_err("second", put(&b, 2, ""), ERR_OK);
	check_err("first again", put(&b, 1, "<xml>1</xml>"), ERR_OK);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("moved", n, 2);
	CHECK("empty again", !spare_holds(b.spare));
	check_queue("rows", &b, "shop $$_receive_msg no answer a=1 <xml>1</xml> 1;"
	    "shop $$_receive_msg no answer a=1  1;");
	check_err("another", put(&b, 3, "x"), ERR_OK);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("moved", n, 1);
	bench_fini(&b);
}

static bool
is_in_file(const struct bench *b, const char *text)
{
	struct buf	 all = { 0 };
	size_t		 i, len = strlen(text);
	bool		 is = false;

	assert_int_equal(buf_read_file(&all, b->path, 4 << 20), 0);
	for (i = 0; i + len <= all.len && !is; i++)
		is = memcmp(all.p + i, text, len) == 0;
	buf_free(&all);
	return is;
}

/* Nothing stays of a message that has moved; one that is kept is not touched. */
static void
nothing_stays(void **state)
{
	struct bench	 b;
	int64_t		 n;
	FILE		*f;

	(void)state;
	bench_init(&b);
	CHECK("no file", spare_scrub(b.spare, soon_ms()));
	spare_make(b.spare);
	CHECK("no message", spare_scrub(b.spare, soon_ms()));
	check_err("first", put(&b, 1, "oUSER-ONE"), ERR_OK);
	check_err("second", put(&b, 2, "oUSER-TWO"), ERR_OK);
	CHECK("is there", is_in_file(&b, "oUSER-ONE") && is_in_file(&b, "oUSER-TWO"));
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	CHECK("is gone", !is_in_file(&b, "oUSER"));
	check_err("third", put(&b, 3, "oUSER-THREE"), ERR_OK);
	assert_non_null(f = fopen(b.path, "r+"));
	(void)fseek(f, -100, SEEK_END);
	(void)fputs("oUSER-OLD", f);		/* of a move that was interrupted */
	(void)fclose(f);
	CHECK("scrubbed", spare_scrub(b.spare, soon_ms()));
	CHECK("is gone", !is_in_file(&b, "oUSER-OLD"));
	CHECK("is kept", spare_holds(b.spare) && is_in_file(&b, "oUSER-THREE"));
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("moved", n, 1);
	bench_fini(&b);
}

/* QT has got a message meanwhile: it does not go to the queue. */
static void
delivered_meanwhile(void **state)
{
	struct bench			 b;
	const struct queue_message	 m = message(1, "x");
	int64_t				 n;

	(void)state;
	bench_init(&b);
	spare_make(b.spare);
	check_err("put", put(&b, 1, "x"), ERR_OK);
	check_err("done", dedup_mark(b.dedup, m.key, DEDUP_DONE), ERR_OK);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_queue("no rows", &b, "");
	CHECK("empty", !spare_holds(b.spare));
	bench_fini(&b);
}

static void
until_it_is_full(void **state)
{
	static char	 body[30000];
	struct bench	 b;
	struct stat	 st;
	int64_t		 n;
	int		 i;

	(void)state;
	bench_init(&b);
	spare_make(b.spare);
	assert_int_equal(stat(b.path, &st), 0);
	memset(body, 'x', sizeof(body) - 1);
	for (i = 0; i < 100 && put(&b, i, body) == ERR_OK; i++)
		;
	CHECK("some", i >= 1 && i < 100 && (off_t)i * 30000 <= st.st_size);
	check_err("full", put(&b, i, body), ERR_STORE);
	check_err("a small one", put(&b, 1000, "x"), ERR_OK);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("all", n, i + 1);
	check_err("room again", put(&b, i, body), ERR_OK);
	CHECK("does not grow", stat(b.path, &st) == 0 && st.st_size <= 1 << 20);
	bench_fini(&b);
}

/* A record that the power cut has torn is the end; what is before it is good. */
static void
torn(void **state)
{
	struct bench	 b;
	FILE		*f;
	int64_t		 n;

	(void)state;
	bench_init(&b);
	spare_make(b.spare);
	check_err("first", put(&b, 1, "first"), ERR_OK);
	check_err("second", put(&b, 2, "second"), ERR_OK);
	f = fopen(b.path, "r+b");
	assert_non_null(f);
	/* 88 bytes of a record, then 4 + 14 + 9 + 3 + 5 of its texts, padded to 128. */
	assert_int_equal(fseek(f, 4096 + 128 + 100, SEEK_SET), 0);
	(void)fputc('?', f);
	(void)fclose(f);
	check_err("third", put(&b, 3, "third"), ERR_OK);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("two of them", n, 2);
	check_queue("rows", &b, "shop $$_receive_msg no answer a=1 first 1;"
	    "shop $$_receive_msg no answer a=1 third 1;");
	bench_fini(&b);
}

/* Another program's file makes way. */
static void
foreign_file(void **state)
{
	struct bench	 b;
	char		 found[STATE_PATH];

	(void)state;
	bench_init(&b);
	state_write(b.set.state_dir, "qtoa.spare", "not ours, but long enough for a head", 36);
	check_err("not used", put(&b, 1, "x"), ERR_STORE);
	CHECK("nothing", !spare_holds(b.spare));
	assert_int_equal(unlink(b.path), 0);
	spare_make(b.spare);
	check_err("new one", put(&b, 1, "x"), ERR_OK);
	check_int("nothing set aside", state_count(b.set.state_dir, "qtoa.spare.", found), 0);
	bench_fini(&b);
}

/* There never was room on the disk, or it is used up: memory takes the message, once. */
static void
kept_in_memory(void **state)
{
	static char	 body[60000];
	const char	*memory = state_new();
	struct bench	 b;
	char		 found[STATE_PATH];
	int64_t		 n;
	int		 i;

	(void)state;
	bench_init_with(&b, memory);
	check_err("no room on disk", put(&b, 1, "first"), ERR_OK);
	check_text("where", b.where, "memory");
	CHECK("held", spare_holds(b.spare));
	check_int("one file", state_count(memory, "qtoa.spare-", found), 1);
	spare_make(b.spare);
	memset(body, 'x', sizeof(body) - 1);
	for (i = 2; i < 100 && put(&b, i, body) == ERR_OK && *b.where != 'm'; i++)
		check_text("where", b.where, "qtoa.spare");
	check_text("the disk's is full", b.where, "memory");
	check_err("again", put(&b, 2, body), ERR_OK);
	check_text("the disk has it", b.where, "qtoa.spare");
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("all", n, i);
	CHECK("empty", !spare_holds(b.spare));
	check_int("memory is given back", state_count(memory, "qtoa.spare-", found), 0);
	bench_fini(&b);
}

/* Both are full. */
static void
no_room_at_all(void **state)
{
	static char	 body[60000];
	struct bench	 b;
	int64_t		 n;
	int		 i;

	(void)state;
	bench_init_with(&b, state_new());
	memset(body, 'x', sizeof(body) - 1);
	for (i = 0; i < 100 && put(&b, i, body) == ERR_OK; i++)
		;
	CHECK("some", i >= 10 && i < 18);
	check_err("full", put(&b, i, body), ERR_STORE);
	check_err("moved", spare_move(b.spare, &n, b.store, b.dedup, soon_ms()), ERR_OK);
	check_int("all", n, i);
	check_err("room again", put(&b, i, body), ERR_OK);
	bench_fini(&b);
}

/* Everybody can write in memory: what stands there under the name is not used. */
static void
a_trap_in_memory(void **state)
{
	const char	*memory = state_new();
	struct bench	 b;
	char		 path[STATE_PATH], target[STATE_PATH];

	(void)state;
	bench_init_with(&b, memory);
	check_err("first", put(&b, 1, "x"), ERR_OK);
	check_int("its name", state_count(memory, "qtoa.spare-", path), 1);
	state_path(target, memory, "target");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(target, path), 0);
	check_err("a link", put(&b, 2, "x"), ERR_STORE);
	CHECK("nothing is held", !spare_holds(b.spare));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_err("a pipe", put(&b, 2, "x"), ERR_STORE);
	CHECK("nothing is held", !spare_holds(b.spare));
	assert_int_equal(unlink(path), 0);
	check_err("nothing", put(&b, 2, "x"), ERR_OK);
	bench_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(kept_and_moved), TEST(delivered_meanwhile), TEST(until_it_is_full), TEST(torn),
		TEST(foreign_file), TEST(nothing_stays), TEST(kept_in_memory),
		TEST(no_room_at_all), TEST(a_trap_in_memory),
	};

	return RUN("spare", tests);
}
