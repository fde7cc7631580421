/*
 * destination.h: what differs between QT and a relay, where a queue, a breaker or a drain treats
 * them alike (core/conf.h: destinations).
 *
 * Each destination has its own key of a message: so it has its own row in the queue, and its own
 * mark in the files of known messages (state/dedup.h).  QT's is the message's own; that of
 * another is the same but for eight bytes, which the name of the destination changes.
 */
#ifndef FORWARDER_DESTINATION_H
#define FORWARDER_DESTINATION_H

#include "core/conf.h"
#include "forwarder/qt_client.h"
#include "state/queue.h"

/*
 * Turns the message's own key into the key of a destination.  If it is called once more, it turns
 * the key back.
 */
void		 destination_key(unsigned char key[QUEUE_KEY], const struct conf *c,
		    const struct account *to);

/* The same for the key by which the message is claimed until all destinations are settled. */
void		 destination_whole_key(unsigned char key[QUEUE_KEY]);

/* The outcome of a row whose message is in a call that goes on (forwarder/caller.h). */
extern const char destination_under_way[];

/*
 * Sets outcome, alive, code and why of an answer: as qt_client_classify() and qt_client_explain()
 * do if the destination is QT; else by the status alone.
 */
void		 destination_classify(struct qt_result *res, const struct conf *c,
		    const struct account *to);

/*
 * Sets state, outcome, unread and qt_ms of a queue's row after an answer: see deliver_judge().  A
 * relay that has answered 300 times, but not with success, will not take the message: it is dead.
 */
void		 destination_judge(struct queue_message *row, const struct qt_result *res,
		    const struct conf *c, const struct account *to);

#endif
