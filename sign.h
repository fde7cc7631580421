/*
 * sign.h: QT's JSON and its signature (QT, "Official account tracking", 3.2 and 3.3).
 *
 *	sign = hex MD5(canonical JSON of every other field || ServiceSecret)
 *
 * The canonical form is what fastjson prints with MapSortField: no spaces, keys in
 * UTF-16 order, its own choice of escapes.  QT parses what it got and prints it again
 * to check, so every byte counts.  A struct signer belongs to one thread.
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "wechat/push.h"

enum { SIGN_MD5_HEX = 32, SIGN_FIELDS_MAX = 64 };

/*
 * One value.  Fields of one name become an array in the order given; `array` makes a
 * single one an array too; `bare` prints the value as it stands (a number, true).
 */
struct sign_field {
	struct slice	name, value;
	bool		array, bare;
};

struct signer;

struct signer	*sign_new(void);	/* NULL: no MD5 here */
void		 sign_free(struct signer *s);

/* Appends text as a JSON string, quotes included, in the canonical form. */
enum error	 sign_string(struct buf *out, struct slice text);

/* Appends the canonical JSON object; sorts f.  n up to SIGN_FIELDS_MAX. */
enum error	 sign_canonical(struct buf *out, struct sign_field *f, size_t n);

/* Hex MD5 of json and secret, NUL terminated. */
enum error	 sign_digest(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct slice json,
		    struct slice secret);

/*
 * The envelope for one push: the account's fields, WeChat's own parameters, the raw
 * body, ts (ms since the epoch), signed.  Replaces what out held.
 */
enum error	 sign_envelope(struct signer *s, struct buf *out, const struct account *a,
		    const struct push *p, struct slice body, int64_t ts_ms);

#endif
