/*
 * replay.h: finds old pushes that somebody sends again.
 *
 * WeChat's signature covers token, timestamp and nonce, sorted by their bytes and joined.  So it
 * does not tell timestamp from nonce, nor where one ends and the other begins.  A recorded push
 * can be sent again long after, if its nonce has digits that look like the time then: they become
 * the timestamp, and the timestamp of that time is in the nonce.
 *
 * The CreateTime inside an encrypted message is proof: WeChat signs a push seconds after the
 * message was made.  It is compared with the timestamp of the URL, not with a clock of ours, which
 * may be wrong.  A push is a replay if CreateTime is older than the timestamp by more than
 * repeats are remembered for, and if the signed text also has a timestamp of CreateTime's own
 * hours.  Both are never true of a push that WeChat has signed with this timestamp.  A message
 * with an old CreateTime that the owner of the token signs now (qtoa send) is not a replay.
 */
#ifndef WECHAT_REPLAY_H
#define WECHAT_REPLAY_H

#include <stdint.h>

#include "core/conf.h"
#include "wechat/push.h"

/*
 * How old a CreateTime may be, in seconds before the timestamp, until the rule above is applied:
 * dedupe_days, less the time by which the timestamp may differ from our clock.  A younger copy is
 * known as a repeat.
 */
int64_t	 replay_known_s(const struct settings *set);

/*
 * True: the push p, whose signature is good, is a replay.  create_time is the decrypted CreateTime
 * as it came, 0: unknown; then, and if it cannot be (message_when()), the push is good.
 * *age_s: by how much CreateTime is older than the timestamp.
 */
bool	 replay_is(int64_t *age_s, const struct account *a, const struct push *p,
	    int64_t create_time, int64_t known_s);

#endif
