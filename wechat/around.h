/*
 * around.h: what stands around the element Encrypt of a push.
 *
 * WeChat signs the text of <Encrypt> and nothing else of the body.  In safe mode ToUserName stands
 * beside it, in compatible mode the whole message in plain.  Others can change that in a copy of a
 * true push, so it is sent on only if it says what was decrypted; else it is replaced.
 */
#ifndef WECHAT_AROUND_H
#define WECHAT_AROUND_H

#include "core/buf.h"
#include "core/conf.h"

/*
 * True: the body has one Encrypt, and around it nothing but what xml, the decrypted message, says:
 * in compatible mode all of xml, in safe mode that or its ToUserName.  An element may be written in
 * another way (blanks, CDATA); comments, attributes and instructions are foreign.  A body that
 * is not well-formed because of what a user typed agrees if it is xml byte by byte.
 */
bool		 around_agrees(enum account_mode mode, struct slice body, struct slice xml);

/*
 * Replaces what is in out by a body that has the Encrypt of body, and around it only what xml says,
 * as WeChat writes it in this mode.  The Encrypt must be one that crypto_open() has opened.
 * ERR_NOMEM, ERR_TOOBIG.
 */
enum error	 around_write(struct buf *out, enum account_mode mode, struct slice body,
		    struct slice xml);

#endif
