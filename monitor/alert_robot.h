/*
 * alert_robot.h: what a chat's robot or a webhook is sent, and what its answer means.
 *
 * The host of settings.alert_url says which kind it is:
 *
 *	WeCom		https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...
 *	DingTalk	https://oapi.dingtalk.com/robot/send?access_token=...
 *	Feishu, Lark	https://open.feishu.cn/open-apis/bot/v2/hook/...
 *	JSON		any other: {"text":"...", ...}, any answer 2xx is good
 *
 * DingTalk's and Feishu's robots may want signed messages: settings.alert_secret.  Robots get plain
 * text, since WeCom's Markdown cannot be read in WeChat; it is cut where the robot's limit is.
 */
#ifndef MONITOR_ALERT_ROBOT_H
#define MONITOR_ALERT_ROBOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/conf.h"
#include "core/lang.h"

enum alert_robot {
	ALERT_ROBOT_WECOM, ALERT_ROBOT_DINGTALK, ALERT_ROBOT_FEISHU, ALERT_ROBOT_JSON,
	ALERT_ROBOT__MAX
};

enum alert_robot alert_robot_of(const char *url);
const char	*alert_robot_name(enum alert_robot r);

/* The language of settings.alert_lang; without it Chinese for a robot, English for JSON. */
enum language	 alert_robot_lang(const struct settings *set);

/* True: the URL lacks the key that such a robot's URL has. */
bool		 alert_robot_lacks_key(const char *url);

struct alert_robot_message {
	struct slice	 text;
	struct slice	 json;	/* members beside "text", for ALERT_ROBOT_JSON: `"a":1,"b":2` */
};

/*
 * Writes the URL and the body of a request into bufs that are emptied first; now_ms: the time, ms
 * since the epoch, for signatures.  ERR_NOMEM.
 */
enum error	 alert_robot_url(struct buf *url, const struct settings *set, int64_t now_ms);
enum error	 alert_robot_body(struct buf *body, const struct settings *set,
		    const struct alert_robot_message *m, int64_t now_ms);

enum { ALERT_ROBOT_WHY = 384 };

/*
 * Reads an answer.  False: the robot did not take the message, and why says why and what to do, in
 * English parts for lang_parts(); no part of the URL is in it.
 */
bool		 alert_robot_took(char why[ALERT_ROBOT_WHY], const struct settings *set,
		    int status, struct slice body);

#endif
