/*
 * drain_fetch.h: the messages that a drain (forwarder/drain.h) has in memory.
 *
 * They are read from the store in one go, up to 64 for an end point and each part of its queue
 * (state/queue.h), 256 KiB of all.  They wait for a place on the wire; drain_parallel limits these
 * places.  It is decided here which message is next, and which process drains an end point or
 * probes it.
 *
 * A message is under way from the fetch until drain_fetch_leave().  So long it is not read again.
 */
#ifndef FORWARDER_DRAIN_FETCH_H
#define FORWARDER_DRAIN_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "forwarder/breaker.h"
#include "forwarder/qt_client.h"
#include "forwarder/services.h"
#include "net/http_client.h"
#include "relay/relay_request.h"
#include "state/queue.h"

struct drain_fetch;
struct endpoint_queue;

/* How far a message is, from the fetch on. */
enum stage {
	STAGE_READY,	/* it waits for a place on the wire */
	STAGE_WIRE,	/* QT was asked */
	STAGE_ANSWERED,	/* the store does not know the answer yet */
	STAGES,
	STAGE_IDLE	/* of a struct sending: it has no message */
};

/* A message of the queue on its way to QT; the struct is used again and again. */
struct sending {
	struct sending		*next;		/* in its list */
	struct sending		*made;		/* the one that was allocated before it */
	struct endpoint_queue	*queue;
	const struct account	*account;
	struct queue_message	 row;		/* its slices point into the bufs below */
	char			 code[64];
	struct buf		 query, body, envelope;
	enum stage		 stage;
	bool			 probe;		/* it was fetched though there is trouble */
	/* These are the sender's. */
	struct relay_request	 request;	/* to a relay */
	struct http_call	 call;
	struct qt_result	 qt;
	bool			 asked;		/* QT was asked: qt is its answer */
	struct breaker_report	 report;
};

/* Sendings in the order in which they were appended. */
struct sending_list {
	struct sending	*first, **end;
};

void		 drain_fetch_list_init(struct sending_list *list);
void		 drain_fetch_append(struct sending_list *list, struct sending *s);
struct sending	*drain_fetch_take(struct sending_list *list);	/* the first; NULL: it is empty */

/* Keeps services.  NULL: no memory.  No message may be on the wire when it is freed. */
struct drain_fetch	*drain_fetch_new(const struct services *services);
void			 drain_fetch_free(struct drain_fetch *d);

/* A run of drain_run() begins; start_ms is the time, since the epoch.  all: see drain.h. */
void		 drain_fetch_begin(struct drain_fetch *d, bool all, int64_t start_ms);

/* True: drain_fetch_more() would look into the store. */
bool		 drain_fetch_is_due(const struct drain_fetch *d);

/* Reads messages if that is due.  ERR_STORE: the store cannot be read; ERR_NOMEM. */
enum error	 drain_fetch_more(struct drain_fetch *d);

/*
 * The next message to be sent; NULL: no message has a place on the wire.  What may not be sent,
 * because trouble has begun since the fetch, is given back.  The caller then calls
 * drain_fetch_sent() or, without QT, drain_fetch_answered().
 */
struct sending	*drain_fetch_next(struct drain_fetch *d);
void		 drain_fetch_sent(struct drain_fetch *d, struct sending *s);
void		 drain_fetch_answered(struct sending *s);

/* The message is not under way any more.  The sending is idle, and keeps no large buffer. */
void		 drain_fetch_leave(struct drain_fetch *d, struct sending *s);

/* The store has the result of a message: what it means for the next ones.  pending: it failed. */
void		 drain_fetch_judge(struct drain_fetch *d, const struct sending *s, bool pending);

/*
 * Goes on to be the one that drains.  If that has ended for an end point, what waits for a place
 * there is given back.  Call it in each turn; drain_fetch_next() does it before each message.
 */
void		 drain_fetch_keep(struct drain_fetch *d);

/* The store has failed: see lease_doubt(). */
void		 drain_fetch_doubt(struct drain_fetch *d);

/* Gives back all that waits for a place. */
void		 drain_fetch_drop(struct drain_fetch *d);

bool		 drain_fetch_is_under_way(const struct drain_fetch *d);	/* any message is */

/* True: no message is on the wire or waits for a place there. */
bool		 drain_fetch_is_quiet(const struct drain_fetch *d);

/* How many end points another process has drained since the run began. */
int64_t		 drain_fetch_elsewhere(const struct drain_fetch *d);

/* To which no message is under way: lets others probe these end points; or drain them, too. */
void		 drain_fetch_end_probes(struct drain_fetch *d);
void		 drain_fetch_release(struct drain_fetch *d);

#endif
