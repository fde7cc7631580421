/*
 * check_conf.h: the part of `qtoa check` that lists the accounts and warns of values that are
 * allowed but hardly meant.  conf_load() reports the values that are not allowed.
 */
#ifndef CLI_CHECK_CHECK_CONF_H
#define CLI_CHECK_CHECK_CONF_H

#include "cli/check/check_result.h"
#include "core/conf.h"

void	check_conf_run(struct check_results *r, const struct conf *c);

#endif
