/*
 * health.h: GET /-/health: is all well?  200 or 503, and JSON that says why not:
 *
 *	{"status":"ok","problems":[],"warnings":[]}
 *	{"status":"failing","problems":[{"what":"breaker","account":"shop","text":"..."}],...}
 */
#ifndef MONITOR_HEALTH_H
#define MONITOR_HEALTH_H

#include <stdbool.h>

#include "monitor/health_state.h"

/* out becomes the body.  *well: 200.  ERR_NOMEM. */
enum error	 health_make(struct buf *out, bool *well, const struct health_state *v);

#endif
