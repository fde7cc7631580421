/*
 * errcode.h: WeChat's error numbers in answers of its API ("Global return codes"), and what to do
 * about each.
 */
#ifndef WECHAT_ERRCODE_H
#define WECHAT_ERRCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/json.h"
#include "net/http_client.h"

enum errcode_kind {
	ERRCODE_OTHER,		/* the table does not have it */
	ERRCODE_BUSY,		/* try again later */
	ERRCODE_TOKEN,		/* try again with another access_token */
	ERRCODE_ADDRESS,	/* this host's address is not on WeChat's list; errmsg names it */
	ERRCODE_SETTING,	/* a human must fix a setting */
	ERRCODE_MINUTE,		/* too many calls: try again in a minute */
	ERRCODE_DAY,		/* the quota of this day of China is used up */
	ERRCODE_DENIED,		/* the account may not use this interface */
	ERRCODE_USER,		/* the user of the request is unknown, or does not follow */
	ERRCODE_BUG,		/* our request is wrong */
	ERRCODE__MAX
};

struct errcode {
	int64_t			 code;
	enum errcode_kind	 kind;
	const char		*hint;		/* what it means and what to do */
};

/* Finds an error number; never NULL. */
const struct errcode	*errcode_of(int64_t code);

/*
 * The same for the call that asks for an access_token: some numbers are about AppID and AppSecret
 * there.
 */
const struct errcode	*errcode_of_token(int64_t code);

/*
 * The JSON of an HTTP answer; the caller frees it.  NULL: there is no answer, its status is not
 * 200, or it is not JSON; then why (size bytes) begins with `who` and tells the reason.  A body
 * that had to be cleaned (core/json_clean.h) is clean afterwards.
 */
struct json		*errcode_parse(struct http_answer *answer, const char *who,
			    char *why, size_t size);

/* The integer at a JSONPath, with or without quotes; 0: there is no integer. */
int64_t			 errcode_integer(const struct json *j, const char *path);

/* The errcode of an answer, or its base_resp.ret; 0: WeChat has accepted the call. */
int64_t			 errcode_code(const struct json *j);

/* A call's number at WeChat, in the words of a refusal: letters, digits and "-". */
enum { ERRCODE_RID = 65 };	/* bytes, with the NUL */

/* Finds it in a text, behind "rid:".  False: it is not there, and rid is "". */
bool			 errcode_rid(char rid[ERRCODE_RID], struct slice text);

/*
 * Writes a line of printable UTF-8: number, hint, and WeChat's own words with the rid of the call.
 * The words are cut if they are too long, and left out if `secret` (may be absent) is in them; the
 * rid stays.  size: bytes of why, with the NUL; at least 160.
 */
void			 errcode_explain(char *why, size_t size, const struct errcode *e,
			    int64_t code, const struct json *j, struct slice secret);

/* Writes a line; what is not printable UTF-8 becomes `?`. */
void			 errcode_print(char *why, size_t size, const char *fmt, ...)
			    __attribute__((format(printf, 3, 4)));

#endif
