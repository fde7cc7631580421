/* pg_worth.h: asks a PostgreSQL server what state/store_worth.h wants to know. */
#ifndef STATE_POSTGRES_PG_WORTH_H
#define STATE_POSTGRES_PG_WORTH_H

#include <stdbool.h>
#include <stdint.h>

#include "state/store_worth.h"

/* *w is all zeros before.  url: see pg_conn_new().  replica: a standby must have what counts. */
void	pg_worth_ask(struct store_worth *w, const char *url, bool replica, int64_t until_ms);

#endif
