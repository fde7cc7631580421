/*
 * metrics.h: the page GET /-/metrics for Prometheus ("Exposition formats", text format 0.0.4): the
 * counters (state/counters.h) and the state of the program (monitor/health_state.h).  The numbers
 * are in the state directory: all processes and CGI runs that share it give the same page, also
 * after a restart.
 */
#ifndef MONITOR_METRICS_H
#define MONITOR_METRICS_H

#include "monitor/health_state.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* Writes the page to out, which is emptied first.  ERR_STORE: no totals can be read; ERR_NOMEM. */
enum error	 metrics_make(struct buf *out, const struct health_state *h);

#endif
