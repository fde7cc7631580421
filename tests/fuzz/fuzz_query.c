#include <string.h>

#include "core/query.h"
#include "fuzz.h"
#include "wechat/push.h"

static bool
within(struct slice s, const char *p, size_t size)
{
	return s.p >= p && s.p <= p + size && s.len <= (size_t)(p + size - s.p);
}

static void
check_push(const struct query *q, unsigned need)
{
	struct push	 push;
	enum push_key	 which = PUSH__MAX, k;

	if (push_read(&push, &which, q, need) != ERR_OK) {
		must(which < PUSH__MAX, "the parameter is named");
		return;
	}
	for (k = 0; k < PUSH__MAX; k++)
		must(push.v[k].p == NULL ? (need >> k & 1) == 0 : push.v[k].len != 0,
		    "what is needed is there, and nothing is empty");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct query	 q;
	char		*p = exactly(data, size);
	size_t		 i;

	if (query_parse(&q, p, size) == ERR_OK) {
		must(q.n <= QUERY_MAX, "parameters fit");
		for (i = 0; i < q.n; i++) {
			must(within(q.p[i].name, p, size), "a name lies in the text");
			must(q.p[i].value.len == 0 || within(q.p[i].value, p, size),
			    "a value lies in the text");
			must(q.p[i].name.len != 0, "no name is empty");
		}
		check_push(&q, 0);
		check_push(&q, 1u << PUSH_SIGNATURE | 1u << PUSH_TIMESTAMP | 1u << PUSH_NONCE);
	}
	free(p);
	return 0;
}
