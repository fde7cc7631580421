/*
 * media_form.h: the body with which a file is uploaded to WeChat (add_material), in the format
 * multipart/form-data.
 */
#ifndef REPLY_MEDIA_FORM_H
#define REPLY_MEDIA_FORM_H

#include "core/buf.h"

extern const char	 media_form_type[];	/* its Content-Type */

/*
 * Appends the body for a file: kind is "image", "voice" or "video".  The file's first bytes tell
 * its format.  ERR_NOMEM.
 */
enum error	 media_form_write(struct buf *form, const char *kind, struct slice file);

#endif
