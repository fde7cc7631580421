/*
 * asker.h: the thread of a FastCGI process that asks WeChat: for the list of its addresses
 * (wechat/callback_ips.h), and about new followers (collector/follower_pull.h).  It is a thread of
 * its own so that a WeChat that is slow keeps neither the queue nor the counting waiting.
 */
#ifndef SERVER_ASKER_H
#define SERVER_ASKER_H

#include "forwarder/services.h"

struct asker;

/* What it asks about; bits. */
enum asker_about {
	ASKER_ADDRESSES	= 1,	/* if they are due */
	ASKER_FOLLOWERS	= 2	/* and again after a pause while there are more */
};

/*
 * Starts it; keeps services, and users, the store that has the followers.  NULL: no memory, or the
 * system allows no further thread.
 */
struct asker	*asker_start(const struct services *services, struct store *users);

/* Asks as soon as what it asks now is answered.  Any thread may call it; a may be NULL. */
void		 asker_ask(struct asker *a, enum asker_about about);

/* Stops it and frees it; after services->stop_ms is set, which cuts off what it asks. */
void		 asker_stop(struct asker *a);

/* Asks about both in this thread, for a process that must end soon. */
void		 asker_brief(const struct services *services);

#endif
