#include <string.h>

#include "wechat/push.h"

const char *const push_names[PUSH__MAX] = {
	[PUSH_SIGNATURE]	= "signature",
	[PUSH_TIMESTAMP]	= "timestamp",
	[PUSH_NONCE]		= "nonce",
	[PUSH_OPENID]		= "openid",
	[PUSH_ENCRYPT_TYPE]	= "encrypt_type",
	[PUSH_MSG_SIGNATURE]	= "msg_signature",
	[PUSH_ECHOSTR]		= "echostr",
};

enum error
push_read(struct push *out, enum push_key *which, const struct query *q, unsigned need)
{
	const struct param	*end = q->p + q->n, *p;
	int			 k;

	memset(out, 0, sizeof(*out));
	for (k = 0; k < PUSH__MAX; k++) {
		*which = (enum push_key)k;
		for (p = q->p; p != end; p++) {
			if (!slice_is(p->name, push_names[k]))
				continue;
			if (out->v[k].p != NULL || p->value.len == 0)
				return ERR_PARAM;
			out->v[k] = p->value;
		}
		if (out->v[k].p == NULL && (need & 1u << k) != 0)
			return ERR_PARAM;
	}
	return ERR_OK;
}

enum error
push_write(struct buf *out, const struct push *p)
{
	enum error	 er = ERR_OK;
	bool		 first = true;
	int		 k;

	for (k = 0; k < PUSH__MAX && er == ERR_OK; k++) {
		if (p->v[k].p == NULL)
			continue;
		if ((first || (er = buf_putc(out, '&')) == ERR_OK) &&
		    (er = buf_puts(out, push_names[k])) == ERR_OK &&
		    (er = buf_putc(out, '=')) == ERR_OK)
			er = query_encode(out, p->v[k]);
		first = false;
	}
	return er;
}
