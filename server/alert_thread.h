/*
 * alert_thread.h: the thread of a FastCGI process that sends alerts (monitor/alert.h).  It is a
 * thread of its own so that a slow receiver keeps neither requests nor the queue waiting.
 */
#ifndef SERVER_ALERT_THREAD_H
#define SERVER_ALERT_THREAD_H

#include "forwarder/services.h"

struct alert_thread;

/* Starts it; keeps services.  NULL: no memory, or the system allows no further thread. */
struct alert_thread	*alert_thread_start(const struct services *services);

/* Ends its pause.  Any thread may call it, after services->stop_ms is set; t may be NULL. */
void			 alert_thread_wake(struct alert_thread *t);

/*
 * Stops it, cuts off what it sends, and frees it.  That takes 0.1 s, or up to 3 s while others hold
 * the store and it waits for them.
 */
void			 alert_thread_stop(struct alert_thread *t);

#endif
