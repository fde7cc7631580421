/*
 * metrics.h: GET /-/metrics: what was counted (state/counters.h), and how the program is (monitor/health_state.h), as
 * Prometheus reads it ("Exposition formats", text format 0.0.4).  True over all processes and CGI
 * runs that share a state directory, and over restarts: it is in the state directory.
 */
#ifndef MONITOR_METRICS_H
#define MONITOR_METRICS_H

#include "monitor/health_state.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* out becomes the page.  ERR_STORE: the totals cannot be read; ERR_NOMEM. */
enum error	 metrics_make(struct buf *out, const struct health_state *v);

#endif
