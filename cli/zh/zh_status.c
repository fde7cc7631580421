#include <stddef.h>

#include "cli/zh/zh.h"

/* `qtoa status`: its signs, its tables, spans of time. */
const struct lang_row zh_status[] = {
	{ "the relay %s does not answer: next probe %s; its messages wait\n",
	    "转发目标 %s 没有应答：下次试探：%s；它的消息在等待\n" },
	{ "qtoa: there is no relay %s; qtoa config shows the relays\n",
	    "qtoa：没有转发目标 %s；qtoa config 会列出转发目标\n" },
	{ "well, but %d warning%s", "正常，但有 %d 项警告%.0s" },
	{ "received delivered queued dead repeats refused p50/99 ms  QT 50/99",
	    "    收到    已送达   入队 死信    重复    拒绝 p50/99 ms  QT 50/99" },
	{ "delivered queued dead pending  oldest dead  state",
	    "   已送达   入队 死信    待发    最旧 死信  状态" },
	{ "relays", "转发" },
	{ "relay", "转发" },
	{ "the relay has failed %d times in a row (%s): its messages go to its queue until it "
	    "answers; next probe %s; look at its log",
	    "该转发目标连续失败 %d 次（%s）：恢复应答之前，它的消息进入自己的队列；下次试探：%s；"
	    "请查看它的日志" },
	{ "%lld message%s for the relay, the oldest for %s; qtoa queue list --relay %s says why",
	    "%lld 条消息%.0s待发给该转发目标，最旧的已等 %s；原因见：qtoa queue list --relay %s" },
	{ "the relay refuses %lld message%s; run: qtoa queue list --relay %s, then show, and "
	    "retry or drop",
	    "该转发目标拒收 %lld 条消息%.0s；请运行：qtoa queue list --relay %s，再用 show 查看，"
	    "然后 retry 或 drop" },
	{ "the counters cannot be read", "无法读取计数器" },
	{ "open, probe in %d s", "熔断，%d 秒后试探" },
	{ "open, probe is due", "熔断，即将试探" },
	{ "stopped, in %.8s", "已停止，%.24s后" },
	{ "none, fails", "没有，获取失败" },
	{ ": for years", "：可用多年" },
	{ ": %lld day%s", "：可用 %lld 天%.0s" },
	{ "bad clients", "恶意来源" },
	{ "%s %6s x  %s at %s: signature wrong", "%s %6s 次  %s，公众号 %s：签名错误" },
	{ "the configuration is unusable: every request is answered 503 until it is fixed; run: "
	    "qtoa check",
	    "配置无法使用：改正之前，所有请求都应答 503；请运行：qtoa check" },
	{ "the store cannot be read: %s: what QT does not confirm is answered 503; look at the "
	    "owner, permissions and free space of %s",
	    "无法读取存储：%s：QT 未确认的消息应答 503；请检查 %s 的属主、权限和剩余空间" },
	{ "the store cannot be written: %s: what QT does not confirm is answered 503; look at the "
	    "owner, permissions and free space of %s",
	    "无法写入存储：%s：QT 未确认的消息应答 503；请检查 %s 的属主、权限和剩余空间" },
	{ "%s/qtoa.lock cannot be used: %s: a message may be forwarded twice; move away what is "
	    "in its place, give it to the owner of %s, or give state_dir a disk with locks",
	    "%s/qtoa.lock 无法使用：%s：消息可能转发两次；请移走占据其位置的东西，把它交给 %s "
	    "的属主，或把 state_dir 放在支持锁的磁盘上" },
	{ "the database %s could not be used; messages may wait in it; to take them over, run: "
	    "qtoa drain",
	    "数据库 %s 无法使用，其中可能有待发消息；要转移它们，请运行：qtoa drain" },
	{ "qtoa.db was removed while messages waited in it: they are lost, if the log does not "
	    "say that they were taken over; find out who removes files, then remove %s/%s",
	    "qtoa.db 在还有待发消息时被删除：如果日志没有说消息已转移，它们就丢了；请查明是谁"
	    "删除了文件，然后删除 %s/%s" },
	{ " and %lld inodes", "和 %lld 个 inode" },
	{ "%s%s left of %s where %s is: make room, or move state_dir%s",
	    "%4$s 所在的磁盘 %3$s 中只剩 %1$s%2$s：请腾出空间，或移动 state_dir%5$s" },
	{ "; nothing is queued, so what QT does not confirm is answered 503",
	    "；不再存入队列，因此 QT 未确认的消息应答 503" },
	{ "%lld message%s for QT, the oldest for %s; qtoa queue list says why; qtoa drain sends "
	    "at once",
	    "%lld 条消息%.0s待转发到 QT，最早的已等 %s；qtoa queue list 会说明原因；qtoa "
	    "drain 立即发送" },
	{ "QT has not answered %d times in a row%s%s: messages go to the queue until it does; "
	    "next probe %s; run: qtoa check",
	    "QT 连续 %d 次没有应答%s%s：在它恢复之前消息进入队列；下次试探：%s；请运行：qtoa "
	    "check" },
	{ ", something else has: ", "，应答的是别的程序：" },
	{ "people are needed: for %s a gateway has answered in QT's place (%s); correct qt_url or "
	    "the gateway, then run: qtoa queue retry %s",
	    "需要人工处理：%s以来一直由网关代替 QT 应答（%s）；请改正 qt_url 或网关，然后运"
	    "行：qtoa queue retry %s" },
	{ "no push has come for %s, and before that some came every day: look whether the URL is "
	    "switched on in WeChat's console, then run: qtoa check",
	    "已有 %s没有收到推送，而此前每天都有：请检查微信后台是否启用了服务器配置，然后运行："
	    "qtoa check" },
	{ "silent", "无推送" },
	{ "QT refuses the account's signature or keys, its messages wait; next probe %s: fix "
	    "app_key, service_id, service_secret and restart, or run: qtoa queue retry %s",
	    "QT 拒绝该公众号的签名或密钥，其消息在等待；下次试探：%s；请改正 app_key、"
	    "service_id、service_secret 并重启，或运行：qtoa queue retry %s" },
	{ "there is no valid access_token, and the last %lld request%s for one failed: %s; fix "
	    "that, then run: qtoa token %s --refresh",
	    "没有有效的 access_token，最近 %lld 次获取%.0s失败：%s；请先解决，再运行：qtoa "
	    "token %s --refresh" },
	{ "%lld dead message%s for people, the oldest for %s: QT has refused %s, or its answer "
	    "cannot be read; run: qtoa queue list, then show, and retry or drop",
	    "%lld 条死信%.0s等待人工处理，最早的已等 %s：QT 拒收，%.0s或其应答无法识别；请运"
	    "行：qtoa queue list，再用 show 查看，然后 retry 或 drop" },
	{ "the counters cannot be read; look at the owner and permissions of qtoa.tally-* in %s",
	    "无法读取计数器；请检查 %s 中 qtoa.tally-* 的属主和权限" },
	{ "%llu times today WeChat was answered 503, since neither QT nor the disk took its push; "
	    "it sends each push three times at most; to see if one is lost, run: qtoa datacube "
	    "pull, then qtoa reconcile",
	    "今天有 %llu 次应答微信 503，因为 QT 和磁盘都没有收下推送；每条消息微信最多推送三"
	    "次；要查是否有丢失，请运行：qtoa datacube pull，然后 qtoa reconcile" },
	{ "breaker open", "熔断" },
	{ "well", "一切正常" },
	{ "failing: %s", "异常：%s" },
	{ ", ", "，" },
	{ "today", "今天" },
	{ "now", "现在" },
	{ "disk", "磁盘" },
	{ "failures", "失败记录" },
	{ "pending", "待发" },
	{ "oldest", "最早" },
	{ "dead", "死信" },
	{ "token", "access_token" },
	{ "stopped", "已停止" },
	{ "breaker", "熔断" },
	{ "store", "存储" },
	{ "gateway", "网关" },
	{ "tally", "计数" },
	{ "unsafe", "未收下" },
	{ "%.10s left", "剩 %.24s" },
	{ ", +%s a day", "，每天 +%s" },
	{ "%.10s ago", "%.24s前" },
	{ ", from ", "，来自 " },
	{ "many", "多个地址" },
	{ "in %s", "%s后" },
	{ "qtoa.db %s, all %s, free %s%s", "qtoa.db %s，合计 %s，剩余 %s%s" },
	{ "%s %6s x  %s%s%s: %s%s%s%s%s", "%s %6s 次  %s%s%s：%s%s%s%s%s" },
	{ "d", "天" },
	{ "h", "小时" },
	{ "min", "分钟" },
	{ "s", "秒" },
	{ "%s: there is no list of WeChat's addresses yet", "%s：还没有微信的地址列表" },
	{ "%s: %lld networks, %s old; unknown peers today: %lld",
	    "%s：%lld 个网段，%s前获取；今天的未知来源：%lld" },
	{ "wechat_only is %s, but there is no list of WeChat's addresses yet: no push is compared "
	    "with it; run: qtoa check",
	    "wechat_only 为 %s，但还没有微信的地址列表：推送的来源无从比较；请运行：qtoa check" },
	{ "the list of WeChat's addresses, for wechat_only, is %s old: a push from a new address "
	    "counts as unknown; run: qtoa check",
	    "用于 wechat_only 的微信地址列表是 %s前的：来自新地址的推送算作未知来源；请运行：qtoa "
	    "check" },
	{ NULL, NULL }
};
