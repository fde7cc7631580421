/*
 * collect.h: QT's side of the wire, the receiver of POST /server/thirdPartyDataSource
 * (QT, 3.2 to 3.4).  It stands for QT where there is none, and in tests.
 *
 * An accepted message is appended to collected.jsonl in state_dir, one JSON line
 * {"received":ms,"account":name,"message":{...}}, synced before the answer.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "buf.h"
#include "conf.h"
#include "sign.h"

#define COLLECT_PATH	"/server/thirdPartyDataSource"

struct collect_result {
	const char		*code;		/* Httpapi_300_... */
	const struct account	*account;	/* whose keys they are, NULL: nobody's */
};

/*
 * Judges one posted body and stores what it accepts; out gets the JSON answer.
 * QT_OK with any of QT's codes; QT_ESTORE, QT_ENOMEM: no answer, the sender must ask
 * again.  line is scratch.
 */
enum qt_err	collect_message(struct collect_result *res, struct buf *out,
		    struct buf *line, const struct conf *c, struct signer *s,
		    struct slice body);

#endif
