/*
 * conf_warn.h: values of the configuration that are allowed, but are probably a mistake.
 */
#ifndef CORE_CONF_WARN_H
#define CORE_CONF_WARN_H

#include "core/conf.h"

/*
 * Gives fn each such value.  What is not there, or is "@FILE" or "$NAME" still, is passed over.
 */
void	conf_warn_all(const struct conf *c, conf_warning *fn, void *ctx);

#endif
