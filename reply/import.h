/*
 * import.h: makes files of rules (reply/rules.h) and menus (reply/menu.h) from what WeChat tells
 * of its console.
 *
 * Media ids of images and voices in these answers are temporary: WeChat forgets them after three
 * days.  A video is an address.  Only permanent material lasts.
 */
#ifndef REPLY_IMPORT_H
#define REPLY_IMPORT_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/json.h"
#include "reply/rules.h"

/*
 * Makes permanent material of a temporary media id, or of a video's address, and appends its id.
 * kind: "image", "voice" or "video".  False: it could not; the caller of import_*() was told why.
 */
typedef bool	 import_media(void *ctx, struct buf *id, const char *kind, struct slice source);

/* How to import. */
struct import {
	import_media	*media;		/* NULL: media ids stay as they are */
	rules_say	*say;		/* what cannot be kept; wrong is always false */
	void		*ctx;		/* of both */
};

/*
 * Appends a reply, an object of reply_list_info, as it can be sent; the same for a console's menu
 * entry, whose text or media id is in `value`.  ERR_NOMEM.
 */
enum error	 import_reply(struct buf *out, const struct import *im, const struct json *info,
		    const char *where);

/*
 * Appends a file of rules: those of the answer of get_current_autoreply_info, and the list of menu
 * keys of `old`, a file of before (may be NULL).  ERR_NOMEM.
 */
enum error	 import_rules(struct buf *out, const struct import *im, const struct json *answer,
		    const struct json *old);

/*
 * Appends the file of rules `old` (may be NULL) with further rules for menu keys: the text of a
 * JSON list, of which each key replaces that of old.  ERR_NOMEM.
 */
enum error	 import_clicks(struct buf *out, const struct json *old, const struct json *clicks);

#endif
