/*
 * alert_news.h: the message that tells what has changed in health, in the language that is used
 * (core/lang.h), and its members for receivers of JSON, in English:
 *
 *	"event":"health","id":"5f0c...","host":"web1","time":"2026-11-30T01:02:03.004Z",
 *	"status":"failing","account":"shop","sign":"breaker","since":"...","missed":0,
 *	"changes":[{"state":"begun","level":"problem","account":"shop","sign":"breaker",
 *	"since":"...","text":"..."}]
 *
 * account, sign and since at the top are those of the first change.  A message that is sent again
 * has the same id.
 */
#ifndef MONITOR_ALERT_NEWS_H
#define MONITOR_ALERT_NEWS_H

#include "core/buf.h"
#include "monitor/alert_signs.h"

enum { ALERT_NEWS_LINES = 20 };	/* changes that a message names; the others are counted */

struct alert_news {
	const struct alert_file_state	*st;
	const struct alert_signs	*now;
	const struct alert_signs_rule	*rule;
	const char			*host;	/* the name of this computer */
	int64_t				 now_ms;
};

/* Append the text, and the members.  Call both in the language of the receiver. */
enum error	 alert_news_text(struct buf *out, const struct alert_news *n);
enum error	 alert_news_json(struct buf *out, const struct alert_news *n);

/* Appends what all texts begin with, "qtoa on HOST: "; and the text of a test. */
enum error	 alert_news_begin(struct buf *out, const char *host);
enum error	 alert_news_test(struct buf *out, const char *host);

/* Appends the members that all messages have: "event", "id", "host", "time". */
enum error	 alert_news_head(struct buf *out, const char *event, uint64_t id, const char *host,
		    int64_t now_ms);

#endif
