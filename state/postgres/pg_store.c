#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "state/postgres/pg_db.h"
#include "state/postgres/pg_schema.h"
#include "state/postgres/pg_store.h"

enum { REOPEN_MS = 500 };	/* between two tries to connect */

struct pg_store {
	struct store_base	 base;
	enum pg_store_ack	 ack;
	int			 ms;
	struct db		*db;
	bool			 is_ready;	/* this connection: the tables are there */
	bool			 is_refused;	/* an operator must change something */
	unsigned		 opened;	/* how often */
	int64_t			 reopen_ms;	/* do not connect before */
	enum store_need		 need;		/* of the current use */
	bool			 in_transaction;
	char			 why[300];
};

static struct pg_store *
store_of(struct store_base *base)
{
	return (struct pg_store *)base;
}

static void
free_store(struct store_base *base)
{
	db_close(store_of(base)->db);
	free(base);
}

static bool
is_open(const struct pg_store *s)
{
	return pg_conn_is_open(pg_db_conn(s->db));
}

static void
set_why(struct pg_store *s, const char *why)
{
	const char	*where = pg_conn_where(pg_db_conn(s->db));

	(void)snprintf(s->why, sizeof(s->why), "PostgreSQL%s%s: %s", *where != '\0' ? " at " : "",
	    where, why);
}

/* Checks that the server waits for a standby before it acknowledges. */
static bool
check_replica(struct pg_store *s)
{
	int64_t	 waits = 0;

	if (s->ack != PG_STORE_REPLICA)
		return true;
	if (pg_db_number(s->db, &waits, "SELECT count(*) WHERE "
	    "current_setting('synchronous_standby_names') <> ''", DB_NO_VALUES) != ERR_OK ||
	    pg_db_finish(s->db, true) != ERR_OK) {
		set_why(s, db_why(s->db));
		return false;
	}
	s->is_refused = waits == 0;
	if (waits == 0)
		set_why(s, "the server waits for no standby (synchronous_standby_names is empty), "
		    "so store_ack = REPLICA cannot be kept; set it there, or choose DISK");
	return waits != 0;
}

static bool
ensure_open(struct pg_store *s, int64_t until_ms)
{
	char	 why[200];

	if (!is_open(s))
		s->is_ready = false;
	if (s->is_ready)
		return pg_db_open(s->db, until_ms) == ERR_OK;
	if (clock_mono_ms() < s->reopen_ms)
		return false;
	s->reopen_ms = clock_mono_ms() + REOPEN_MS;
	s->is_refused = false;
	if (pg_db_open(s->db, until_ms) != ERR_OK) {
		set_why(s, db_why(s->db));
		return false;
	}
	/* The connection has taken the time that there was. */
	db_patience(s->db, clock_mono_ms() + s->ms);
	if (pg_schema_prepare(s->db, &s->is_refused, why, sizeof(why)) != ERR_OK) {
		set_why(s, why);
		pg_conn_close(pg_db_conn(s->db));
		return false;
	}
	if (!check_replica(s)) {
		pg_conn_close(pg_db_conn(s->db));
		return false;
	}
	s->is_ready = true;
	s->opened++;
	s->reopen_ms = 0;
	return true;
}

/*
 * What a COMMIT waits for.  An operator may empty synchronous_standby_names at any time: then the
 * second statement fails, as a text cannot be a number.
 */
static const char *const	 durable[] = {
	[PG_STORE_DISK]		= "SET LOCAL synchronous_commit = local",
	[PG_STORE_REPLICA]	= "SET LOCAL synchronous_commit = on",
};
static const char		 standby[] =
	"SELECT ('the server waits for no standby any more' ||"
	" current_setting('synchronous_standby_names'))::integer"
	" WHERE current_setting('synchronous_standby_names') = ''";

static enum error
begin_transaction(struct pg_store *s)
{
	enum error	 er;

	if ((er = pg_db_run(s->db, NULL, "BEGIN", DB_NO_VALUES)) != ERR_OK)
		return er;
	if (s->need < STORE_CONFIRM)
		return pg_db_run(s->db, NULL, "SET LOCAL synchronous_commit = off", DB_NO_VALUES);
	er = pg_db_run(s->db, NULL, durable[s->ack], DB_NO_VALUES);
	if (er == ERR_OK && s->ack == PG_STORE_REPLICA)
		er = pg_db_run(s->db, NULL, standby, DB_NO_VALUES);
	return er;
}

/* Each statement is a transaction of its own. */
static enum error
begin_alone(struct pg_store *s)
{
	pg_db_set_alone(s->db, true);
	return s->need == STORE_READ ? ERR_OK : pg_db_run(s->db, NULL,
	    "SELECT set_config('synchronous_commit', 'off', true)", DB_NO_VALUES);
}

static struct db *
use_store(struct store_base *base, enum store_need need, bool transaction, int64_t until_ms)
{
	struct pg_store	*s = store_of(base);
	const int64_t	 last_ms = clock_mono_ms() + s->ms;

	s->need = need;
	s->in_transaction = false;
	if (!ensure_open(s, until_ms < last_ms ? until_ms : last_ms))
		return NULL;
	s->in_transaction = transaction;
	return (transaction ? begin_transaction(s) : begin_alone(s)) == ERR_OK ? s->db : NULL;
}

static enum error
end_use(struct store_base *base, struct store_end *end, enum error er)
{
	struct pg_store	*s = store_of(base);

	*end = (struct store_end){
		.fault = DB_FINE, .why = s->why, .is_refused = s->is_refused,
		.opened = s->opened,
	};
	if (!s->is_ready || !is_open(s)) {
		if (s->is_ready)
			set_why(s, db_why(s->db));
		end->fault = s->is_ready ? db_fault(s->db) : DB_BUSY;
		end->may_retry = s->is_ready && pg_db_may_retry(s->db);
		return ERR_STORE;
	}
	if (er == ERR_OK)
		er = s->in_transaction ? pg_db_commit(s->db) : pg_db_finish(s->db, true);
	if (er == ERR_OK)
		return ERR_OK;
	if (db_fault(s->db) != DB_FINE) {
		set_why(s, db_why(s->db));
		end->fault = db_fault(s->db);
		end->may_retry = pg_db_may_retry(s->db);
		er = ERR_STORE;
	}
	if (s->in_transaction)
		pg_db_rollback(s->db);
	else
		(void)pg_db_finish(s->db, true);
	return er;
}

static bool
make_room(struct store_base *base)
{
	(void)base;
	return false;	/* the server's disk is its operator's */
}

static void
housekeep(struct store_base *base)
{
	(void)base;	/* autovacuum does it */
}

static bool
has_orphan(struct store_base *base)
{
	(void)base;
	return false;
}

static struct db *
take_orphan(struct store_base *base)
{
	(void)base;
	return NULL;
}

static void
keep_orphan(struct store_base *base, struct db *db)
{
	(void)base;
	db_close(db);
}

static const struct store_engine	 engine = {
	.name		= "PostgreSQL",
	.is_shared	= true,
	.free		= free_store,
	.use		= use_store,
	.done		= end_use,
	.make_room	= make_room,
	.housekeep	= housekeep,
	.has_orphan	= has_orphan,
	.take_orphan	= take_orphan,
	.keep_orphan	= keep_orphan,
};

struct store_base *
pg_store_new(const char *url, enum pg_store_ack ack, int ms)
{
	struct pg_store	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL || (s->db = pg_db_new(url)) == NULL) {
		free(s);
		return NULL;
	}
	s->base.engine = &engine;
	s->ack = ack;
	s->ms = ms;
	return &s->base;
}
