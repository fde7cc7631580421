/*
 * health.h: the page GET /-/health, which tells a monitoring system if all is well.  Its status is
 * 200 or 503, and its body is JSON that names the reasons:
 *
 *	{"status":"ok","problems":[],"warnings":[]}
 *	{"status":"failing","problems":[{"what":"breaker","account":"shop","text":"..."}],...}
 */
#ifndef MONITOR_HEALTH_H
#define MONITOR_HEALTH_H

#include <stdbool.h>

#include "monitor/health_state.h"

/* Writes the body to out, which is emptied first.  *well: the status is 200.  ERR_NOMEM. */
enum error	 health_make(struct buf *out, bool *well, const struct health_state *h);

#endif
