#include <stdlib.h>

#include "state/db_engine.h"
#include "tests/unit/stub_store.h"
#include "tests/unit/unit.h"

struct stub_store {
	struct store_base	 base;
	struct stub_db {
		struct db		 base;
		struct stub_server	*server;
		bool			 is_there;
		int64_t			 number;
	}			 db;
};

static struct stub_db *
stub_of(const struct db *db)
{
	return (struct stub_db *)(uintptr_t)db;
}

static enum error
run_statement(struct db *db, int64_t *changed, enum sql sql, const struct db_value *v, size_t n)
{
	(void)changed;
	assert_non_null(stub_of(db)->server->run);
	return stub_of(db)->server->run(sql, v, n);
}

static enum error
start_statement(struct db *db, struct db_rows *rows, enum sql sql, const struct db_value *v,
    size_t n)
{
	struct stub_db	*d = stub_of(db);

	*rows = (struct db_rows){ .db = db, .at = -1 };
	return d->server->ask(sql, v, n, &d->is_there, &d->number);
}

static bool
next_row(struct db_rows *rows, enum error *er)
{
	(void)er;
	return ++rows->at == 0 && stub_of(rows->db)->is_there;
}

static void
end_rows(struct db_rows *rows)
{
	(void)rows;
}

static int64_t
col_int(const struct db_rows *rows, int col)
{
	(void)col;
	return stub_of(rows->db)->number;
}

static enum db_type
col_type(const struct db_rows *rows, int col)
{
	(void)rows, (void)col;
	return DB_INTEGER;
}

static const struct db_engine	 db_engine = {
	.name = "stub", .is_shared = true, .run = run_statement, .start = start_statement,
	.next = next_row, .end = end_rows, .col_int = col_int, .col_type = col_type,
};

static struct db *
use_store(struct store_base *base, enum store_need need, bool transaction, int64_t until_ms)
{
	struct stub_db	*d = &((struct stub_store *)base)->db;

	(void)need, (void)transaction, (void)until_ms;
	d->server->uses++;
	return d->server->is_away ? NULL : &d->base;
}

static enum error
end_use(struct store_base *base, struct store_end *end, enum error er)
{
	(void)base;
	*end = (struct store_end){ .fault = er == ERR_OK ? DB_FINE : DB_BUSY, .why = "away" };
	return er;
}

static void
free_store(struct store_base *base)
{
	free(base);
}

static const struct store_engine	 store_engine = {
	.name = "stub", .is_shared = true, .free = free_store, .use = use_store, .done = end_use,
};

struct store *
stub_store_new(const struct settings *set, struct locks *locks, struct stub_server *server)
{
	struct stub_store	*s = calloc(1, sizeof(*s));
	struct store		*store;

	assert_non_null(s);
	s->base.engine = &store_engine;
	s->db.base.engine = &db_engine;
	s->db.server = server;
	assert_non_null(store = store_new_on(set, locks, &s->base));
	return store;
}
