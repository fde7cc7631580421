/*
 * fanout.h: what happens to a message of an account with relays: QT and all relays that want it are
 * asked at the same time, while WeChat waits, and what is not delivered is a row of the queue.
 *
 * WeChat may be told `success` when QT and every relay has the message, or our disk has it for
 * them.  A destination whose breaker is open gets its row at once.  QT has the time that it has
 * without relays.  A relay is waited for as long as QT is, and about twice as long as it usually
 * takes; then it has its row, and the call goes on without the request (forwarder/caller.h).
 *
 * A relay with .answers is waited for until it has answered, or its relay_ms or the time of the
 * request is over; QT is then waited for only as long as a relay is.  Its answer is the user's
 * (forwarder/caller.h).  If it needs longer, WeChat is made to send the message again: the second
 * and third delivery join the call that is under way, in whichever process.
 *
 * Each destination has its own key (forwarder/destination.h).  One more key is claimed until all
 * of them are settled, so that a repeat of the message waits, and then asks only those that do
 * not have it.
 */
#ifndef FORWARDER_FANOUT_H
#define FORWARDER_FANOUT_H

#include "forwarder/deliver.h"

/* What a worker keeps for its messages; deliver_free() frees it. */
struct fanout;

void		 fanout_free(struct fanout *f);

/* As deliver(): verdict and errors are those of QT, but for ERR_STORE, which is of any of them. */
enum error	 fanout_deliver(const struct services *s, struct signer *signer,
		    struct delivery *d);

#endif
