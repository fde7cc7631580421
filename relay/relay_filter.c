#include <string.h>

#include "relay/relay_filter.h"
#include "wechat/xml_scan.h"

static const char	 blanks[] = " \t\r\n";

bool
relay_filter_fits(struct slice pattern, struct slice text)
{
	const char	*p = pattern.p, *t = text.p, *star = NULL, *from = NULL;
	const char	*const p_end = p + pattern.len, *const t_end = t + text.len;

	while (t != t_end)
		if (p != p_end && *p == '*') {
			star = p++;
			from = t;
		} else if (p != p_end && (*p == '?' || *p == *t)) {
			p++, t++;
		} else if (star != NULL) {	/* the star takes one character more */
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	while (p != p_end && *p == '*')
		p++;
	return p == p_end;
}

static bool
is_same(struct slice a, struct slice b)
{
	return a.p != NULL && a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* True: the EventKey of the message fits the pattern.  A message without it has an empty one. */
static bool
has_key(struct slice pattern, struct slice xml, struct buf *scratch)
{
	buf_reset(scratch);
	if (xml_scan_child(scratch, xml, "EventKey") != ERR_OK)
		scratch->len = 0;
	return relay_filter_fits(pattern, buf_slice(scratch));
}

bool
relay_filter_wants(const char *only, const struct message *m, struct slice xml,
    struct buf *scratch)
{
	struct slice	 word, name;
	const char	*colon;

	if (only == NULL || *(only += strspn(only, blanks)) == '\0')
		return true;
	for (; *only != '\0'; only += word.len, only += strspn(only, blanks)) {
		word = (struct slice){ only, strcspn(only, blanks) };
		colon = memchr(word.p, ':', word.len);
		name = (struct slice){ word.p, colon == NULL ? word.len :
		    (size_t)(colon - word.p) };
		if (!is_same(m->msgtype, name) && !is_same(m->event, name))
			continue;
		if (colon == NULL || has_key((struct slice){ colon + 1,
		    word.len - name.len - 1 }, xml, scratch))
			return true;
	}
	return false;
}
