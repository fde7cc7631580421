/*
 * user_info.h: WeChat's list of an account's followers (user/get), what it tells of a user
 * (user/info/batchget), and what is left of a quota (openapi/quota/get): bodies of calls, and
 * answers.
 *
 * Numbers that are missing or no numbers are 0, texts are empty.
 */
#ifndef WECHAT_USER_INFO_H
#define WECHAT_USER_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum {
	USER_INFO_PAGE = 10000,		/* openids of a page of the list, at most */
	USER_INFO_BATCH = 100,		/* users of a call, at most */
	USER_INFO_OPENID = 128		/* bytes of an openid, at most */
};

/* A page of the list. */
struct user_list {
	int64_t		 total;		/* followers of the account */
	size_t		 n;		/* openids */
	struct buf	 openids;	/* each with its NUL */
	struct buf	 next;		/* where the next page begins; "": this is the last page */
};

/* Replaces the content of l, whose buffers the caller frees.  False: it is no page of a list. */
bool		 user_info_read_list(struct user_list *l, struct slice answer);

/* Replaces the content of body by the JSON that asks for n users; openids: each with its NUL. */
enum error	 user_info_ask(struct buf *body, const char *openids, size_t n);

/* A user.  The texts live until the next user is read. */
struct user_info {
	bool		 follows;
	struct slice	 openid, unionid, scene, qr_scene_str, language, remark;
	struct slice	 tags;		/* a JSON array of numbers */
	int64_t		 subscribe_time, qr_scene;
};

/* An answer that is being read. */
struct user_info_answer {
	struct json	*json;		/* private, as all of them */
	struct buf	 text;
	size_t		 next;
};

/* False: it tells nothing of any user.  Call user_info_close() in both cases. */
bool		 user_info_open(struct user_info_answer *r, struct slice answer);
bool		 user_info_next(struct user_info_answer *r, struct user_info *u);
void		 user_info_close(struct user_info_answer *r);

/* What is left of the calls of a day.  False: the answer does not tell. */
struct user_info_quota {
	int64_t	 daily_limit, remain;
};
bool		 user_info_read_quota(struct user_info_quota *q, struct slice answer);

#endif
