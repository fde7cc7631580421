/*
 * errcode.h: WeChat's numbers for what went wrong in a call to its API ("Global return codes"),
 * and what each asks for.
 */
#ifndef WECHAT_ERRCODE_H
#define WECHAT_ERRCODE_H

#include <stdint.h>

#include "core/buf.h"
#include "core/json.h"

enum errcode_kind {
	ERRCODE_OTHER,	/* what the table does not have */
	ERRCODE_BUSY,	/* again, later */
	ERRCODE_TOKEN,	/* again, with another access_token */
	ERRCODE_ADDRESS,	/* this host's address is not on WeChat's list; errmsg names it */
	ERRCODE_SETTING,	/* wrong until a human has mended it */
	ERRCODE_MINUTE,	/* too often: again in a minute */
	ERRCODE_DAY,	/* the day's quota is used up: again tomorrow, in China */
	ERRCODE_DENIED,	/* the account may not use this interface */
	ERRCODE_BUG,	/* the request itself is wrong */
	ERRCODE__MAX
};

struct errcode {
	int64_t			 code;
	enum errcode_kind	 kind;
	const char		*hint;		/* what it means, or what to do */
};

/* Never NULL. */
const struct errcode	*errcode_of(int64_t code);

/*
 * The same for the call that asks for an access_token, where AppID and AppSecret stand for
 * the token.
 */
const struct errcode	*errcode_of_token(int64_t code);

/* errcode of an answer, or base_resp.ret; 0: WeChat has not refused. */
int64_t			 errcode_code(const struct json *j);

/*
 * A line in printable ASCII: number, hint, and WeChat's own words, unless secret (may be
 * absent) is in them.
 */
void			 errcode_say(char *why, size_t size, const struct errcode *e, int64_t code,
			    const struct json *j, struct slice secret);

/* Any line, of foreign text too, made printable ASCII. */
void			 errcode_print(char *why, size_t size, const char *fmt, ...)
			    __attribute__((format(printf, 3, 4)));

#endif
