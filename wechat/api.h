/*
 * api.h: calls to WeChat's API with the access_token of an account.
 *
 * If WeChat refuses the token, it is replaced, and the call is made a second time.
 */
#ifndef WECHAT_API_H
#define WECHAT_API_H

#include "core/buf.h"
#include "core/conf.h"
#include "net/http_client.h"
#include "wechat/access_token.h"

struct api_call {
	const struct account	*account;
	const char		*path;		/* "/datacube/getusersummary" */
	const char		*query;		/* more parameters, encoded; may be NULL */
	struct slice		 body;		/* JSON, for a POST; absent: a GET */
	const char		*type;		/* Content-Type, if it is not JSON; or NULL */
	bool			 is_file;	/* the answer is a file; JSON only if it fails */
	size_t			 answer_max;	/* bytes of an answer; 0: 64 KiB */
	int64_t			 deadline_ms;	/* of clock_mono_ms() */
};

enum api_result {
	API_OK,		/* body is the answer */
	API_REFUSED,	/* by WeChat, with errcode; why has its words */
	API_STRANGE,	/* the answer cannot be read: HTTP's status, its length, no JSON; see why */
	API_NO_ANSWER,	/* no connection, or no byte of an answer in time; see why */
	API_NO_TOKEN	/* no access_token, see why; or no memory */
};

struct api_answer {
	int64_t		 errcode;	/* from errcode or base_resp.ret; 0: no error */
	struct buf	 body;		/* the caller frees it */
	char		 why[TOKEN_WHY];	/* one line for the operator; "": nothing */
	int		 calls;		/* requests, without those for tokens */
};

/* Empties the body of a, makes the call, and fills a. */
enum api_result	api_call(struct access_tokens *ts, struct http_client *h, struct api_answer *a,
			    const struct settings *set, const struct api_call *call);

#endif
