/*
 * stub_store.h: a store that hosts share, as far as a test needs it: the test answers statements.
 */
#ifndef TESTS_UNIT_STUB_STORE_H
#define TESTS_UNIT_STUB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "state/store.h"

/* The server of such stores; several hosts may have the same. */
struct stub_server {
	/* A statement that gives a number, or (*is_there false) no row. */
	enum error	 (*ask)(enum sql sql, const struct db_value *v, size_t n, bool *is_there,
			    int64_t *number);
	/* A statement that gives nothing; NULL: there is no such statement. */
	enum error	 (*run)(enum sql sql, const struct db_value *v, size_t n);
	bool		 is_away;	/* no use succeeds */
	int		 uses;
};

/* The caller owns it: store_free(). */
struct store	*stub_store_new(const struct settings *set, struct locks *locks,
		    struct stub_server *server);

#endif
