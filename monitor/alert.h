/*
 * alert.h: tells changes of health, and on Mondays a summary of the week, to settings.alert_url.
 *
 * Each process with time may call alert_look() again and again; together they look a few times
 * within alert_after_s and send each message once.  Before a message is sent, a note of it is on
 * the disk (monitor/alert_file.h); the lock "alert" keeps others from sending at the same time.  A
 * message that is not taken is tried ALERT_TRIES times in all, after pauses from 15 s to half an
 * hour; the next try tells what has changed meanwhile, too.  If a receiver answers nothing for
 * ALERT_SEND_MS, that counts as not taken, so a very slow one may get a message again: its JSON has
 * the same id.
 *
 * A struct alert belongs to one thread.
 */
#ifndef MONITOR_ALERT_H
#define MONITOR_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lang.h"
#include "forwarder/services.h"
#include "monitor/alert_robot.h"

enum {
	ALERT_TRIES	= 8,
	ALERT_SEND_MS	= 10000		/* for the whole transfer of a message */
};

struct alert;

/* What an alert needs of struct services. */
enum { ALERT_SERVICES = SERVICES_HTTP | SERVICES_STORE | SERVICES_BREAKERS };

/* Keeps services.  NULL: no memory. */
struct alert	*alert_new(const struct services *services);
void		 alert_free(struct alert *a);

/* True: settings.alert_url is set and nobody has looked for a while.  It reads one small file. */
bool		 alert_is_due(const struct conf *c);

/*
 * Looks, and sends what is to be told; the transfer ends at deadline_ms (monotonic) at the latest,
 * and soon after services_stopping().  Failures go to the log.  It does nothing while another
 * process looks.
 */
void		 alert_look(struct alert *a, int64_t deadline_ms);

/* For a process that ends soon: one look, if it is due, and ms for a transfer at most. */
void		 alert_brief(const struct services *services, int64_t ms);

/* How long the caller may wait before the next alert_look(). */
int64_t		 alert_pause_ms(const struct conf *c);

struct alert_test {
	enum alert_robot robot;
	int		 status;	/* of HTTP; 0: there is no answer */
	int		 ms;
	char		 why[ALERT_ROBOT_WHY];	/* see alert_robot_took() */
};

/* Sends a message of a test.  True: it was taken. */
bool		 alert_send_test(const struct services *services, struct alert_test *t);

/* Appends the summary of the last week as text, in the language that is used. */
enum error	 alert_summary(struct buf *out, const struct services *services,
		    int64_t deadline_ms);

#endif
