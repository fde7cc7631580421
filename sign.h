/*
 * sign.h: the JSON that Quick Tracking (QT) takes, and its signature (QT's document "Official
 * account tracking", 3.2 and 3.3).
 *
 *	sign = hex MD5(the JSON object without the field sign, followed by ServiceSecret)
 *
 * To check sign, QT parses the object that it got, prints it again with its library fastjson
 * (MapSortField), and signs that text.  So we must print every byte as fastjson does: no blanks,
 * names in the order of UTF-16, and its choice of escapes.  This text is called canonical here.
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "wechat/push.h"

enum { SIGN_MD5_HEX = 32, SIGN_FIELDS_MAX = 64 };

/* One value of an object.  Fields that have the same name become one array, in the given order. */
struct sign_field {
	struct slice	name, value;
	bool		array;	/* an array also if no other field has this name */
	bool		bare;	/* printed without quotes: a number, true, false, null */
};

/* A signer belongs to one thread. */
struct signer;

struct signer	*sign_new(void);	/* NULL: no memory */
void		 sign_free(struct signer *s);

/* Appends text as a canonical JSON string, with its quotes.  ERR_NOMEM. */
enum error	 sign_string(struct buf *out, struct slice text);

/* Appends the canonical object of n fields, up to SIGN_FIELDS_MAX; it sorts f.  ERR_NOMEM. */
enum error	 sign_canonical(struct buf *out, struct sign_field *f, size_t n);

/* The signature of a canonical object, as hex digits and a NUL. */
void		 sign_digest(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct slice json,
		    struct slice secret);

/*
 * The same signature, of the canonical object of n fields, which need not fit into memory: it is
 * signed part by part.  It sorts f; names and values must be UTF-8.  ERR_NOMEM.
 */
enum error	 sign_fields(struct signer *s, char hex[SIGN_MD5_HEX + 1], struct sign_field *f,
		    size_t n, struct slice secret);

/*
 * The signed object that QT gets for one push: the account's keys, WeChat's parameters, the body
 * as WeChat sent it, and ts_ms (ms since the epoch).  It replaces what is in out.  ERR_NOMEM.
 */
enum error	 sign_envelope(struct signer *s, struct buf *out, const struct account *a,
		    const struct push *p, struct slice body, int64_t ts_ms);

#endif
