/*
 * metrics.h: GET /-/metrics: what was counted (tally.h), and how the program is (vitals.h), as
 * Prometheus reads it ("Exposition formats", text format 0.0.4).  True over all processes and CGI
 * runs that share a state directory, and over restarts: it is in the state directory.
 */
#ifndef METRICS_H
#define METRICS_H

#include "vitals.h"

#define METRICS_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* out becomes the page.  QT_ESTORE: the totals cannot be read; QT_ENOMEM. */
enum qt_err	 metrics_make(struct buf *out, const struct vitals *v);

#endif
