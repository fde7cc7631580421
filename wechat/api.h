/*
 * api.h: calls to WeChat's API with an account's own access_token.
 *
 * A token that WeChat refuses is replaced once, and the call made once more.
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
	const char		*query;		/* further parameters, encoded; NULL: none */
	struct slice		 body;		/* JSON; absent: a GET */
	size_t			 answer_max;	/* bytes of an answer; 0: 64 KiB */
	int64_t			 deadline_ms;
};

enum api_result {
	API_OK,	/* body is the answer */
	API_REFUSED,	/* errcode and why are WeChat's */
	API_TROUBLE	/* no token, no connection, no JSON: see why */
};

struct api_answer {
	int64_t		 errcode;	/* 0: none; also from base_resp.ret */
	struct buf	 body;		/* owned by who owns the answer */
	char		 why[TOKEN_WHY];
	int		 calls;		/* requests made for it, tokens not counted */
};

/* Fills a, whose body it empties first. */
enum api_result	api_call(struct access_tokens *ts, struct http_client *h, struct api_answer *a,
			    const struct settings *set, const struct api_call *call);

#endif
