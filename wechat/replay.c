#include <string.h>

#include "core/calendar.h"
#include "core/number.h"
#include "wechat/message.h"
#include "wechat/replay.h"

enum {
	DIGITS	 = 10,		/* of a timestamp, until the year 2286 */
	TEXT_MAX = 160,		/* of token, timestamp and nonce; WeChat's have some 60 */
	EARLY_S	 = 600,		/* WeChat's clocks may differ */
	LATE_S	 = 6 * 3600,	/* it may have kept a message for so long before it pushed */
	SLACK_S	 = 12 * 3600	/* more than LATE_S: the present timestamp is never taken */
};

int64_t
replay_known_s(const struct settings *set)
{
	const int64_t	 slack_s = set->fresh_s < SLACK_S ? set->fresh_s : SLACK_S;

	return set->dedupe_days * (int64_t)CALENDAR_DAY_S - slack_s;
}

static int
compare_bytes(struct slice a, struct slice b)
{
	const int	 d = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return d != 0 ? d : (a.len > b.len) - (a.len < b.len);
}

/* Writes the text that is signed.  Its length; 0: no push of WeChat's is so long. */
static size_t
join_signed(char text[TEXT_MAX], struct slice token, const struct push *p)
{
	const struct slice	 parts[3] = { token, p->v[PUSH_TIMESTAMP], p->v[PUSH_NONCE] };
	struct slice		 sorted[3];
	size_t			 i, j, len = 0;

	for (i = 0; i < 3; i++) {
		for (j = i; j > 0 && compare_bytes(sorted[j - 1], parts[i]) > 0; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = parts[i];
	}
	for (i = 0; i < 3; len += sorted[i++].len) {
		if (sorted[i].len > TEXT_MAX - len)
			return 0;
		memcpy(text + len, sorted[i].p, sorted[i].len);
	}
	return len;
}

/* True: the digits are a time at which WeChat can have pushed a message of when_s. */
static bool
is_near(const char *digits, int64_t when_s)
{
	int64_t	 t;

	return number_parse(&t, (struct slice){ digits, DIGITS }) && t >= when_s - EARLY_S &&
	    t <= when_s + LATE_S;
}

/* True: the timestamp and the nonce that make up a text can have been such a time. */
static bool
has_time(struct slice text, int64_t when_s)
{
	return text.len >= DIGITS && (is_near(text.p, when_s) ||
	    is_near(text.p + text.len - DIGITS, when_s));
}

/* The same for all that is signed, wherever the token is in it: it may be digits, too. */
static bool
has_time_beside(struct slice token, const struct push *p, int64_t when_s)
{
	char	 text[TEXT_MAX];
	size_t	 len, i, end;

	if (token.len == 0)
		return false;
	len = join_signed(text, token, p);
	for (i = 0; i + token.len <= len; i++) {
		if (memcmp(text + i, token.p, token.len) != 0)
			continue;
		end = i + token.len;
		if (has_time((struct slice){ text, i }, when_s) ||
		    has_time((struct slice){ text + end, len - end }, when_s))
			return true;
	}
	return false;
}

bool
replay_is(int64_t *age_s, const struct account *a, const struct push *p, int64_t create_time,
    int64_t known_s)
{
	int64_t	 signed_s, when_s;

	*age_s = 0;
	if (create_time == 0 || !number_parse(&signed_s, p->v[PUSH_TIMESTAMP]))
		return false;
	(void)message_when(&when_s, create_time, signed_s);
	*age_s = signed_s - when_s;
	return *age_s > known_s && (has_time_beside(slice_of(a->token), p, when_s) ||
	    has_time_beside(slice_of(a->token_old), p, when_s));
}
