#include <stddef.h>

#include "cli/zh/zh.h"

/* Alerts: their messages, what robots answer, and `qtoa alert`. */
const struct lang_row zh_alert[] = {
	{ "qtoa on %s: ", "qtoa（%s）：" },
	{ "this is a test message", "这是一条测试消息" },
	{ "all is well again", "一切恢复正常" },
	{ "there is a warning", "有警告" },
	{ "there is a problem", "出现问题" },
	{ "%s: ", "%s：" },
	{ "the configuration is usable again", "配置已可使用" },
	{ "the store works again", "存储已恢复" },
	{ "qtoa.lock works again", "qtoa.lock 已恢复" },
	{ "the disk has room again", "磁盘已有空间" },
	{ "QT accepts the account's keys again", "QT 已接受该公众号的密钥" },
	{ "the file of replies is good again", "回复规则文件已恢复正常" },
	{ "the relay works again", "该转发目标已恢复" },
	{ "pushes come again", "又有推送了" },
	{ "QT answers again, and no message waits too long", "QT 已恢复应答，没有消息等待过久" },
	{ "there is a valid access_token again", "已有有效的 access_token" },
	{ "the list of WeChat's addresses is there and new", "微信地址列表已更新" },
	{ "no dead message is left", "已没有死信" },
	{ "over: %s (it lasted %s)", "已结束：%s（持续 %s）" },
	{ "%s (it lasted %s)", "%s（持续 %s）" },
	{ "\nand %lld more, see: qtoa status", "\n还有 %lld 项，请看：qtoa status" },
	{ "\nstill there, as told before: %lld", "\n此前已通知、仍未结束：%lld 项" },
	{ "\nand %lld more changes that were not sent", "\n另有 %lld 次变化未发送" },
	{ ", %+lld%%", "，%+lld%%" },
	{ "the week from %s to %s\n", "%s 至 %s 一周小结\n" },
	{ "%s: %lld pushes (the week before %lld%s)\n  delivered at once %lld, queued %lld, dead "
	    "%lld, repeats %lld, refused %lld, answered 503 %lld\n",
	    "%s：推送 %lld 条（前一周 %lld%s）\n  即时送达 %lld，入队 %lld，死信 %lld，重复 %lld，"
	    "拒绝 %lld，应答 503 %lld\n" },
	{ "  of what had waited, delivered %lld, dead %lld\n",
	    "  排队的消息中后来送达 %lld，成为死信 %lld\n" },
	{ "  half of the answers within %lld ms, 99%% within %lld ms\n",
	    "  应答耗时：一半在 %lld 毫秒内，99%% 在 %lld 毫秒内\n" },
	{ "  follows %lld, unfollows %lld (the week before %lld, %lld)\n",
	    "  关注 %lld，取消关注 %lld（前一周 %lld、%lld）\n" },
	{ "  no push for two weeks: is the URL still set in WeChat's console?\n",
	    "  两周没有推送：微信后台的服务器配置还启用着吗？\n" },
	{ "  last push: %s, between %02d:00 and %02d:00\n", "  最近一次推送：%s %02d:00 至 %02d:00\n" },

	{ "WeCom", "企业微信" },
	{ "DingTalk", "钉钉" },
	{ "Feishu", "飞书" },
	{ "the robot's address is wrong, or the robot was removed", "机器人地址有误，或机器人已被移除" },
	{ "copy the address again", "请重新复制地址" },
	{ "more than 20 messages in a minute", "一分钟超过 20 条消息" },
	{ "others write with this robot, too", "还有别的程序在用这个机器人" },
	{ "the message is too long", "消息过长" },
	{ "the robot cannot read the message", "机器人无法解析消息" },
	{ "the robot does not know this kind of message", "机器人不支持这类消息" },
	{ "the robot's security settings refuse it", "机器人的安全设置拒绝了它" },
	{ "set its keyword to qtoa, or put the key of its signature (SEC...) into "
	    "settings.alert_secret, or add this host's address to its addresses; and check this "
	    "host's clock",
	    "请把自定义关键词设为 qtoa，或把加签密钥（SEC...）填入 settings.alert_secret，或把本机"
	    "地址加入其 IP 地址段；并检查本机时钟" },
	{ "there is no such access_token", "access_token 不存在" },
	{ "copy the robot's address again", "请重新复制机器人地址" },
	{ "the robot was stopped", "机器人已停用" },
	{ "start it in the group's settings", "请在群设置中启用它" },
	{ "the group was dissolved", "群已解散" },
	{ "make a robot in another one", "请在别的群里添加机器人" },
	{ "the signature is wrong", "签名错误" },
	{ "put the robot's key into settings.alert_secret, and check this host's clock",
	    "请把机器人的签名密钥填入 settings.alert_secret，并检查本机时钟" },
	{ "this host's address is not on the robot's list", "本机地址不在机器人的白名单中" },
	{ "add it", "请把它加入" },
	{ "the robot wants a keyword", "机器人要求关键词" },
	{ "set its keyword to qtoa", "请把自定义关键词设为 qtoa" },
	{ "too many messages", "消息过多" },
	{ "check the address", "请检查地址" },
	{ "the answer is not a robot's", "这不是机器人的应答" },

	{ "there is no key in the address, as %s's robots have one\ncopy the whole address of the "
	    "robot, then run: qtoa alert test",
	    "地址中没有密钥，而 %s 的机器人地址都有\n请完整复制机器人的地址，然后运行："
	    "qtoa alert test" },
	{ "%s has taken the message: HTTP %d, %d ms\n", "%s 已收下消息：HTTP %d，%d 毫秒\n" },
	{ "qtoa: settings.alert_url: the message was not taken: %s\n",
	    "qtoa: settings.alert_url：对方没有收下消息：%s\n" },
	{ "qtoa: the counters cannot be read: %s; look at the owner and permissions of "
	    "qtoa.tally-* in %s\n",
	    "qtoa: 无法读取计数器：%s；请检查 %s 中 qtoa.tally-* 的属主和权限\n" },
	{ "qtoa: settings.alert_url is not set: set it to the address of a robot or a webhook\n",
	    "qtoa: 没有设置 settings.alert_url：请填入机器人或 webhook 的地址\n" },
	{ "send a test message to settings.alert_url", "向 settings.alert_url 发一条测试消息" },
	{ "Sends a test message to the robot or webhook of settings.alert_url, and says what the "
	    "receiver answered and what to do about it.  Alerts themselves are sent by the "
	    "program below the web server, and by qtoa drain.",
	    "向 settings.alert_url 的机器人或 webhook 发一条测试消息，并说明对方的应答和处理办法。"
	    "平时的通知由 Web 服务器下的程序和 qtoa drain 发送。" },
	{ "0 the message was taken, 1 it was not", "0 对方已收下，1 没有收下" },
	{ "print the summary of the last week", "打印上周的小结" },
	{ "Prints what settings.alert_weekly sends on Mondays at 9: for each account the pushes "
	    "of the last whole week, Monday to Sunday in China, and what became of them, beside "
	    "the week before.",
	    "打印 settings.alert_weekly 每周一 9 点发送的内容：各公众号上一整周（中国时间周一至"
	    "周日）的推送及其去向，并与前一周对照。" },
	{ "0 it is printed, 1 the counters cannot be read", "0 已打印，1 无法读取计数器" },
	{ "must begin with https://, so that nobody reads the address on its way; http:// is for "
	    "this host and private networks",
	    "必须以 https:// 开头，以免地址在途中被人读到；http:// 只能用于本机和内网" },
	{ "must be en or zh", "必须是 en 或 zh" },
	{ NULL, NULL }
};
