#include <stddef.h>

#include "cli/zh/zh.h"

/* qtoa followers: its help, and what it says. */
const struct lang_row zh_followers[] = {
	{ "fetch who follows, and how each came", "获取关注者，以及各自的来源" },
	{ "Reads WeChat's list of followers, of one account or of all that have .secret, and asks "
	    "about those that it has not asked about yet, have followed again, or were asked about "
	    "over 30 days ago.  A run that was stopped goes on where it was.  Run it from cron "
	    "once a day.",
	    "读取一个公众号或所有设置了 .secret 的公众号的关注者列表，并查询从未查询过、重新关注"
	    "或 30 天前查询过的关注者。中断后再次运行时从中断处继续。请用 cron 每天运行一次。" },
	{ "0 all that WeChat tells is there, 1 something is missing",
	    "0 微信提供的全都有了，1 有缺少的" },
	{ "ask again about users after so many days; default: 30",
	    "查询结果超过这么多天就重新查询；默认 30" },
	{ "ask about all users again", "重新查询所有关注者" },
	{ "ask, although WeChat has refused it for a while", "即使微信暂时拒绝也照样询问" },
	{ "show how many follow, by scene and tag", "显示关注人数，按来源和标签" },
	{ "Shows for each account how many follow by WeChat's list, how many by the follow and "
	    "unfollow events that were counted, and which of both never came as an event; then the "
	    "followers by the way they came, and by tag.",
	    "对每个公众号，显示微信列表中的关注人数、按已计的关注和取消关注事件得出的人数，以及"
	    "各有多少从未收到事件；然后按来源和标签显示关注人数。" },
	{ "print the followers as CSV, or as JSON lines", "以 CSV 或 JSON 行输出关注者" },
	{ "Prints a line for each follower.  Times are epoch seconds.",
	    "每个关注者输出一行。时间均为 Unix 秒数。" },
	{ "also those who do not follow any more", "也输出已取消关注的" },
	{ "qtoa: --older %s: this is not a number of days from 1 to %d\n",
	    "qtoa: --older %s：不是 1 到 %d 的天数\n" },
	{ "%lld/%lld calls, %lld users", "%lld/%lld 次调用，%lld 个用户" },
	{ "pulled: %lld followers, %lld new, %lld back, %lld gone; asked about %lld, %lld left; "
	    "%lld calls, %lld.%lld s\n",
	    "已获取：关注者 %lld，新增 %lld，重新关注 %lld，取消关注 %lld；已查询 %lld，还剩 "
	    "%lld；调用 %lld 次，%lld.%lld 秒\n" },
	{ "qtoa: stopped by %s; the next run goes on\n", "qtoa: 被 %s 中止；下次运行会继续\n" },
	{ "WeChat refuses (%lld)", "微信拒绝（%lld）" },
	{ "list half read", "列表尚未读完" },
	{ "nothing is stored yet; run: qtoa followers pull\n",
	    "还没有任何数据；请运行：qtoa followers pull\n" },
	{ "no account has .secret\n", "没有一个公众号设置了 .secret\n" },
	{ "%s: nobody is asked before tomorrow (in China)", "%s：明天（北京时间）之前不再询问" },
	{ "%s: nobody is asked for 7 days, or until --retry",
	    "%s：7 天内不再询问，用 --retry 可提前恢复" },
	{ "WeChat has refused (errcode %lld); run this again on %s (in China), or now with --retry",
	    "微信已拒绝（errcode %lld）；请于 %s（北京时间）重新运行，或现在加 --retry 运行" },
	{ "the calls of %s that WeChat allows today are used up but for a tenth, which is for "
	    "other programs; run this again tomorrow (in China)",
	    "微信今天允许的 %s 调用次数只剩十分之一，留给其他程序；请明天（北京时间）重新运行" },
	{ "WeChat's list ended after %lld of %lld followers; run this again",
	    "微信的列表在 %lld / %lld 个关注者处中断；请重新运行" },
	{ "WeChat's answer does not tell about the users", "微信的应答中没有这些用户的信息" },
	{ "another process is asking about its followers; wait until it has ended",
	    "另一个进程正在查询其关注者；请等它结束" },
	{ "this host was cut off from the store or stood still, so another one may go on; run this "
	    "again",
	    "本机与存储断开过，或停顿过，另一台主机可能已接着进行；请重新运行" },
	{ NULL, NULL }
};
