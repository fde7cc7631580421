/*
 * check_shared.h: the part of `qtoa check` that looks at a store that hosts share: can it be used,
 * and what is an acknowledgement worth there?
 */
#ifndef CLI_CHECK_CHECK_SHARED_H
#define CLI_CHECK_CHECK_SHARED_H

#include <stdbool.h>

#include "cli/check/check_result.h"
#include "core/conf.h"
#include "state/store_worth.h"

/* Asks the server of settings.store.  True: the store can be used. */
bool	check_shared_run(struct check_results *r, const struct conf *c);

/* The results for what a server has said. */
bool	check_shared_worth(struct check_results *r, const struct settings *set,
	    const struct store_worth *w);

#endif
