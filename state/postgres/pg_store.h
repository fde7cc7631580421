/*
 * pg_store.h: the store in a PostgreSQL database that several hosts share.
 *
 * A transaction of store_do() is one way to the server and back if its work reads nothing.  The
 * server writes durable work to its disk, and with PG_STORE_REPLICA a standby does, too.  No use
 * takes longer than ms, even if the server does not answer: what was under way then counts as not
 * stored, although it may be.
 */
#ifndef STATE_POSTGRES_PG_STORE_H
#define STATE_POSTGRES_PG_STORE_H

#include "state/store_engine.h"

enum pg_store_ack {
	PG_STORE_DISK,		/* the server's disk has it */
	PG_STORE_REPLICA	/* a standby has it, too; refused where the server waits for none */
};

/* Opens nothing yet; url: see pg_conn_new().  ms: for a use.  NULL: no memory. */
struct store_base	*pg_store_new(const char *url, enum pg_store_ack ack, int ms);

#endif
