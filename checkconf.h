/*
 * checkconf.h: `qtoa check`: what the configuration alone shows: accounts, and what is allowed
 * but hardly meant.  What is wrong with it conf_load() has said.
 */
#ifndef CHECKCONF_H
#define CHECKCONF_H

#include "conf.h"
#include "finding.h"

void	checkconf_run(struct findings *f, const struct conf *c);

#endif
