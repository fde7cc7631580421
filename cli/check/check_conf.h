/*
 * check_conf.h: `qtoa check`: what the configuration alone shows: accounts, and what is allowed
 * but hardly meant.  What is wrong with it conf_load() has said.
 */
#ifndef CLI_CHECK_CHECK_CONF_H
#define CLI_CHECK_CHECK_CONF_H

#include "cli/check/check_result.h"
#include "core/conf.h"

void	check_conf_run(struct check_results *f, const struct conf *c);

#endif
