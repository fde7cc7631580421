/*
 * endpoints.h: the URLs of this program that are not an account's: QT's receiver, the report, the
 * metrics, the health state and the access_token server.
 *
 * Each answers the present request of a worker: it fills the worker's reply, and its entry for the
 * log.  An error is answered with the status of core/error.h.
 */
#ifndef SERVER_ENDPOINTS_H
#define SERVER_ENDPOINTS_H

#include "server/worker.h"

/*
 * ERR_SERVED: visitors of the web server could fetch files of our state directory.  It must run
 * before every request, because only a request tells which directories the server serves.
 */
enum error	endpoints_check_docroot(struct worker *w);

/* Takes a message in QT's place: collector/collect.h. */
enum error	endpoints_collect(struct worker *w);

/* A page of the report: report/page.h.  ERR_ADDRESS, ERR_HOST (server/guard.h).
 * ERR_BUSY: too many are being made. */
enum error	endpoints_report(struct worker *w);

/* For Prometheus, for a load balancer: monitor/.  ERR_ADDRESS, ERR_HOST. */
enum error	endpoints_metrics(struct worker *w);
enum error	endpoints_health(struct worker *w);

/* The access_token of the account in w->entry: wechat/token_server.h. */
enum error	endpoints_token(struct worker *w);

#endif
