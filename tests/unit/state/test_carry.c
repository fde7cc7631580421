#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/carry.h"
#include "state/queue.h"
#include "tests/unit/state.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 60000, MANY = 230 };

/* Two stores of a host; the second one is in a directory of its own. */
struct place {
	struct settings	 set[2];
	struct locks	*locks[2];
	struct store	*from, *to;
};

static void
open_place(struct place *p)
{
	struct store	*s[2];
	int		 i;

	for (i = 0; i < 2; i++) {
		p->set[i] = (struct settings){ .state_dir = state_new() };
		assert_non_null(p->locks[i] = lock_new(p->set[i].state_dir));
		assert_non_null(s[i] = store_new(&p->set[i], p->locks[i], STORE_BRIEF));
	}
	p->from = s[0];
	p->to = s[1];
}

static void
close_place(struct place *p)
{
	store_free(p->from);
	store_free(p->to);
	lock_free(p->locks[0]);
	lock_free(p->locks[1]);
}

static void
make_key(unsigned char key[QUEUE_KEY], int n)
{
	char	 hex[33];

	(void)snprintf(hex, sizeof(hex), "%032x", (unsigned)n);
	queue_key(key, 1, hex);
}

/* A store_work that adds messages: a number each, and what can be absent or empty in turn. */
static enum error
add(struct db *db, void *arg)
{
	static const char	 body[] = "a\0\xff";
	const int		 n = *(const int *)arg;
	struct queue_message	 m = {
		.account = slice_of("news"), .received_ms = n, .attempts = n % 3, .unread = n % 2,
		.next_ms = n + 5, .qt_ms = n % 7, .state = n % 4 == 3 ? QUEUE_DEAD : QUEUE_PENDING,
		.body = { body, sizeof(body) - 1 }, .query = { "", 0 },
	};

	if (n % 2 == 0)
		m.code = slice_of("$$_menu_click");
	if (n % 5 != 0)
		m.outcome = slice_of("HTTP 500");
	make_key(m.key, n);
	return queue_add(db, &m);
}

/* All messages of a store in words, but without their ids. */
static enum error
describe(void *ctx, const struct queue_message *m)
{
	return buf_printf(ctx, "%d %.*s %s%.*s %lld %s %lld %lld %lld %s%.*s %lld %zu%s %zu;",
	    m->key[QUEUE_KEY - 1], (int)m->account.len, m->account.p,
	    m->code.p == NULL ? "no code" : "", (int)m->code.len, m->code.p == NULL ? "" :
	    m->code.p, (long long)m->received_ms, queue_states[m->state], (long long)m->attempts,
	    (long long)m->unread, (long long)m->next_ms, m->outcome.p == NULL ? "none" : "",
	    (int)m->outcome.len, m->outcome.p == NULL ? "" : m->outcome.p, (long long)m->qt_ms,
	    m->query.len, m->query.p == NULL ? " none" : "", m->body.len);
}

static enum error
describe_all(struct db *db, void *arg)
{
	buf_reset(arg);
	return queue_list(db, 0, 1000, describe, arg);
}

static int64_t
until(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

/* Writes the messages of a store to b; the text is valid until the next call. */
static const char *
text_of(struct store *s, struct buf *b)
{
	check_err("listed", store_do(s, STORE_READ, describe_all, b, until()), ERR_OK);
	check_err("ended", buf_putc(b, '\0'), ERR_OK);
	return b->p;
}

static void
all(void **state)
{
	struct buf	 before = { 0 }, after = { 0 };
	int64_t		 moved, total = 0;
	struct place	 p;
	bool		 more = true;
	int		 n;

	(void)state;
	open_place(&p);
	for (n = 0; n < MANY; n++)
		check_err("added", store_do(p.from, STORE_QUEUE, add, &n, until()), ERR_OK);
	(void)text_of(p.from, &before);
	while (more) {
		check_err("moved", carry_step(p.from, p.to, NULL, &moved, &more, until()), ERR_OK);
		total += moved;
	}
	check_int("all", total, MANY);
	check_text("they are as they were", text_of(p.to, &after), before.p);
	check_text("and not here", text_of(p.from, &after), "");
	check_err("nothing", carry_step(p.from, p.to, NULL, &moved, &more, until()), ERR_OK);
	CHECK("nothing", moved == 0 && !more);
	buf_free(&before);
	buf_free(&after);
	close_place(&p);
}

/* A message that is in both stores is there once. */
static void
twice(void **state)
{
	struct buf	 text = { 0 };
	struct place	 p;
	int64_t		 moved;
	bool		 more;
	int		 n;

	(void)state;
	open_place(&p);
	for (n = 1; n < 3; n++) {
		check_err("from", store_do(p.from, STORE_QUEUE, add, &n, until()), ERR_OK);
		check_err("to", store_do(p.to, STORE_QUEUE, add, &n, until()), ERR_OK);
	}
	check_err("moved", carry_step(p.from, p.to, NULL, &moved, &more, until()), ERR_OK);
	check_int("moved", moved, 2);
	(void)text_of(p.to, &text);
	CHECK("once", strchr(strchr(text.p, ';') + 1, ';')[1] == '\0');
	check_text("and not here", text_of(p.from, &text), "");
	buf_free(&text);
	close_place(&p);
}

/* While a store fails, the other one has what must be kept, and nothing else. */
static void
fallback(void **state)
{
	struct buf	 text = { 0 };
	struct place	 p;
	int64_t		 moved;
	bool		 more;
	char		 path[STATE_PATH];
	int		 n = 1;

	(void)state;
	open_place(&p);
	store_set_fallback(p.to, p.from);
	state_path(path, p.set[1].state_dir, "qtoa.db");
	assert_int_equal(mkdir(path, 0700), 0);		/* where the database should be */
	check_err("read", store_do(p.to, STORE_READ, describe_all, &text, until()), ERR_STORE);
	CHECK("not by a look", !store_is_degraded(p.to));
	check_err("not durable", store_do(p.to, STORE_WRITE, add, &n, until()), ERR_STORE);
	check_err("durable", store_do(p.to, STORE_QUEUE, add, &n, until()), ERR_OK);
	CHECK("degraded", store_is_degraded(p.to));
	CHECK("it is in the other", strlen(text_of(p.from, &text)) > 0);
	check_err("it fails", carry_step(p.from, p.to, NULL, &moved, &more, until()), ERR_STORE);
	CHECK("nothing is moved", moved == 0 && strlen(text_of(p.from, &text)) > 0);
	assert_int_equal(rmdir(path), 0);
	n = 2;
	do
		check_err("kept", store_do(p.to, STORE_QUEUE, add, &n, until()), ERR_OK);
	while (store_is_degraded(p.to));
	check_err("moved", carry_step(p.from, p.to, NULL, &moved, &more, until()), ERR_OK);
	check_text("and not here", text_of(p.from, &text), "");
	buf_free(&text);
	close_place(&p);
}

/* Two who move messages at the same time do not meet. */
static void
alone(void **state)
{
	struct place	 p;
	struct lock	 lock;
	struct buf	 text = { 0 };
	int		 n = 1;

	(void)state;
	open_place(&p);
	check_err("added", store_do(p.from, STORE_QUEUE, add, &n, until()), ERR_OK);
	CHECK("locked", carry_lock(p.from, &lock, 0));
	CHECK("not while another one moves them", !carry_all(p.from, p.to, NULL, until()));
	check_text("nothing is moved", text_of(p.to, &text), "");
	lock_release(p.locks[0], &lock, false);
	CHECK("all", carry_all(p.from, p.to, NULL, until()));
	check_text("and not here", text_of(p.from, &text), "");
	CHECK("nothing to do", carry_all(NULL, p.to, NULL, 0));
	buf_free(&text);
	close_place(&p);
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(all), TEST(twice), TEST(fallback), TEST(alone),
	};

	return RUN("carry", tests);
}
