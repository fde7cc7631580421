#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "report/i18n.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

static const struct text {
	const char	*key;
	const char	*text[LANGUAGE__MAX];
} texts[] = {
	/* Texts of the page around the answers. */
	{ "report",	{ "Official account report", "公众号数据报告" } },
	{ "overview",	{ "Overview", "概览" } },
	{ "questions",	{ "Reports", "报告" } },
	{ "models",	{ "Analysis models", "分析模型" } },
	{ "skip",	{ "Skip to content", "跳到正文" } },
	{ "china_time",	{ "Days and times are China's (UTC+8).",
	    "日期和时间均为北京时间（UTC+8）。" } },
	{ "no_page",	{ "There is no such page.", "没有这个页面。" } },
	{ "no_answer",	{ "This could not be answered in time; choose a shorter period.",
	    "未能在限定时间内得出结果，请缩短日期范围后再试。" } },
	{ "nothing",	{ "Nothing in this period.", "该日期范围内没有数据。" } },
	{ "source_forward", { "Counted while forwarding to", "在转发时统计，转发目标：" } },
	{ "full_stop",	{ ".", "。" } },
	{ "blank",	{ " ", "" } },
	{ "source_collector", { "Counted by the collector of this host.", "由本机的收集器统计。" } },
	{ "source_off",	{ "Nothing is counted, because count is -1 and collector is 0. Set .count "
	    "= 1 in config.h, build and restart qtoa.", "没有统计：count 是 -1，collector 是 0。请在 config.h "
	    "中设置 .count = 1，重新编译并重启 qtoa。" } },
	{ "source_empty", { "No message has come yet. `qtoa status` says what WeChat has sent; "
	    "`qtoa send` sends a test message.", "还没有收到任何消息。`qtoa status` 显示微信推送的情况，"
	    "`qtoa send` 可以发送一条测试消息。" } },
	{ "forgotten",	{ "Older events are deleted; they are kept from this day on:",
	    "更早的事件已被清除，数据保留自：" } },
	{ "table",	{ "Table", "数据表" } },
	{ "chart",	{ "chart", "图表" } },
	{ "heat",	{ "coloured table", "热力表" } },
	{ "more_rows",	{ "All rows", "查看全部" } },
	{ "rest_in_csv", { "CSV and JSON have all rows.", "CSV 和 JSON 中有全部数据。" } },
	{ "all_accounts", { "All accounts", "全部公众号" } },
	{ "period_from", { "From", "开始日期" } },
	{ "period_to",	{ "To", "结束日期" } },
	{ "show",	{ "Show", "查看" } },
	{ "unit_days",	{ "days", "天" } },
	{ "any_event",	{ "Any event", "任意事件" } },
	{ "no_step",	{ "–", "–" } },
	{ "peak",	{ "peak", "峰值" } },
	{ "last_day",	{ "on the last day", "最后一天" } },
	{ "per_bar",	{ "Each bar is the sum of", "每根柱为合计，时长：" } },
	{ "mean_bar",	{ "Each bar is the mean of", "每根柱为均值，时长：" } },
	{ "together",	{ "All", "合计" } },
	{ "period",	{ "Period", "日期范围" } },
	{ "none",	{ "(none)", "（无）" } },

	/* Names of QT's events, by event code. */
	{ "$$_menu_click", { "Menu click", "菜单点击" } },
	{ "$$_official_account_follow", { "Follow", "关注公众号" } },
	{ "$$_official_account_unfollow", { "Unfollow", "取消关注公众号" } },
	{ "$$_scan_open_official_account", { "QR code scan", "扫码打开公众号" } },
	{ "$$_send_localtion", { "Location report", "上报地理位置" } },
	{ "$$_send_msg_popup", { "Subscription sent", "订阅消息发送" } },
	{ "$$_click_msg_popup", { "Subscription pop-up", "订阅弹窗点击" } },
	{ "$$_manager_msg_popup", { "Subscription managed", "管理订阅消息" } },
	{ "$$_template_send_finish", { "Template sent", "模板消息发送" } },
	{ "$$_mass_send_finish", { "Broadcast sent", "群发消息发送" } },
	{ "$$_publish_job_finish", { "Article published", "发布公众号推文" } },
	{ "$$_receive_msg", { "Message received", "公众号消息接收" } },
	{ "no_code",	{ "Not in QT's table", "QT 未定义的事件" } },

	/* Names of questions; "NAME.about" says what a question counts and how to read it. */
	{ "days",	{ "Events by day", "每日事件" } },
	{ "days.about", {
	    "All events of each day, then each event by itself on a scale of its own.",
	    "每天的事件总数；下方为各事件的走势，纵轴各自独立。" } },
	{ "follows",	{ "Follows and unfollows", "关注与取消关注" } },
	{ "follows.about", { "Follows go up, unfollows down; the line is their difference.",
	    "横轴以上为关注，以下为取消关注，折线为净增。" } },
	{ "scenes",	{ "Where followers come from", "关注来源" } },
	{ "scenes.about", { "Follows by the scene of the QR code that was scanned. Scans are those "
	    "of users who already followed.",
	    "按二维码场景值统计的关注；“扫码”为已关注用户再次扫码。" } },
	{ "sources",	{ "How followers came, by WeChat", "关注渠道（微信提供）" } },
	{ "sources.about", { "Users by the scene that WeChat tells of their last follow, and by "
	    "that of the QR code; how many still follow. For it, run: qtoa followers pull.",
	    "按微信提供的关注渠道和二维码场景值统计最后一次在此期间关注的用户，以及其中仍在关"
	    "注的人数。数据来自 qtoa followers pull。" } },
	{ "menu",	{ "Menu", "菜单" } },
	{ "menu.about", {
	    "Clicks by menu key, the most frequent first. The key of an entry that opens "
	    "a page is its address.",
	    "按菜单 KEY 统计的点击，由多到少；打开网页的菜单，KEY 为网址。" } },
	{ "messages",	{ "Messages", "用户消息" } },
	{ "messages.about", { "Messages that users sent to the account, by type.",
	    "用户发给公众号的消息，按类型统计。" } },
	{ "sends",	{ "Messages sent out", "消息下发" } },
	{ "sends.about", { "Results of template, subscription and broadcast messages. Refused: by "
	    "the user; a broadcast: by WeChat's review.",
	    "模板消息、订阅消息和群发的结果。“被拒”指用户拒收；群发指未通过审核。" } },
	{ "latest",	{ "Latest events", "最近事件" } },
	{ "latest.about", { "The last events, newest first.", "最近的事件，由新到旧。" } },
	{ "health",	{ "Delivery", "转发状况" } },
	{ "health.about", {
	    "WeChat's pushes and their results. Pending and dead are the numbers of now; "
	    "half of all answers took p50 or less.",
	    "微信推送及其转发结果。“待发”和“死信”为当前值；半数应答耗时不超过 P50。" } },
	{ "replies",	{ "Replies", "自动回复" } },
	{ "replies.about", { "Replies that users got, by the rule that gave them, in the last 80 "
	    "days.",
	    "用户收到的回复，按规则统计，限最近 80 天。" } },
	{ "event",	{ "Event analysis", "事件分析" } },
	{ "event.about", { "How often events come, and from how many devices.",
	    "事件发生的次数和设备数。" } },
	{ "funnel",	{ "Funnel", "漏斗分析" } },
	{ "funnel.about", { "How many devices take the steps one after the other, each within the "
	    "window after the first. Time is the median since the step before.",
	    "依次完成各步骤的设备数，各步须在首步后的时间窗内完成；"
	    "用时为距上一步的中位数。" } },
	{ "retention",	{ "Retention", "留存分析" } },
	{ "retention.about", {
	    "The percentage of a day's new followers who have an event 1 to 30 days "
	    "later. A row shows how many of them come back, day by day.",
	    "某日关注的用户中，此后第 1 至 30 天仍有事件的百分比。横看为同一批用户的变化。" } },
	{ "distribution", { "Distribution", "分布分析" } },
	{ "distribution.about", { "How many devices have how many events in the period.",
	    "期间内发生不同次数事件的设备数。" } },
	{ "interval",	{ "Interval", "间隔分析" } },
	{ "interval.about", { "How long devices take from the first event to the next event.",
	    "同一设备从初始事件到后续事件所用的时间。" } },
	{ "path",	{ "Path", "路径分析" } },
	{ "path.about", {
	    "The next events of devices, step by step, up to a pause. A wider band stands "
	    "for more events; where no band leaves a bar, the path ends.",
	    "设备接下来的行为，直到会话结束。色带越宽次数越多；没有色带流出的部分为路径终止。" } },
	{ "lifecycle",	{ "Lifecycle", "生命周期分析" } },
	{ "lifecycle.about", {
	    "Devices of each day: new, active again, or back after a silence; and the "
	    "number of silent devices.",
	    "每天的新增、活跃和沉默后回流的设备，以及沉默设备数。" } },
	{ "attribution", { "Attribution", "归因分析" } },
	{ "attribution.about", { "The last QR code or menu click before a follow or unfollow.",
	    "关注或取消关注之前最后一次扫码或菜单点击。" } },
	{ "audience",	{ "Audience", "受众管理" } },
	{ "audience.about", { "Devices that meet a condition, to be exported as CSV.",
	    "满足条件的设备，可导出为 CSV。" } },

	/* Names of options. */
	{ "steps",	{ "Steps", "步骤" } },
	{ "window",	{ "Window, seconds", "时间窗（秒）" } },
	{ "start",	{ "Begins with", "起始事件" } },
	{ "pause",	{ "Longest pause, seconds", "会话间隔（秒）" } },
	{ "silence",	{ "Silent after, days", "沉默天数" } },
	{ "target",	{ "Target event", "目标事件" } },
	{ "first",	{ "First event", "初始事件" } },
	{ "second",	{ "Next event", "后续事件" } },
	{ "by",		{ "Group by", "维度" } },
	{ "at_least",	{ "At least, times", "至少（次）" } },
	{ "at_most",	{ "At most, times", "至多（次）" } },
	{ "limit",	{ "Rows", "行数" } },

	/* Names of columns; "NAME.column" is for a column that has the name of a question. */
	{ "follows.column", { "Follows", "关注" } },
	{ "sends.column", { "Sent", "下发" } },
	{ "account",	{ "Account", "公众号" } },
	{ "acknowledged", { "Acknowledged", "已应答" } },
	{ "active",	{ "Active", "活跃" } },
	{ "avg",	{ "Mean", "平均" } },
	{ "bucket",	{ "Range", "区间" } },
	{ "clicks",	{ "Clicks", "点击" } },
	{ "code",	{ "Event", "事件" } },
	{ "day",	{ "Day", "日期" } },
	{ "dead",	{ "Dead", "死信" } },
	{ "delivered",	{ "Delivered", "已送达" } },
	{ "device",	{ "Device", "设备" } },
	{ "devices",	{ "Devices", "设备数" } },
	{ "events",	{ "Events", "事件数" } },
	{ "failed",	{ "Failed", "失败" } },
	{ "fans_failed", { "Fans missed", "粉丝未达" } },
	{ "fans_sent",	{ "Fans reached", "粉丝送达" } },
	{ "fans_total",	{ "Fans addressed", "粉丝总数" } },
	{ "first_day",	{ "First day", "首日" } },
	{ "following",	{ "Following", "关注中" } },
	{ "from",	{ "From", "从" } },
	{ "from_last",	{ "Of the step before", "较上一步" } },
	{ "item",	{ "Subject", "内容" } },
	{ "key",	{ "Key", "KEY" } },
	{ "kind",	{ "Kind", "种类" } },
	{ "rule",	{ "Rule", "规则" } },
	{ "mean_ms",	{ "Mean wait", "平均等待" } },
	{ "last",	{ "Last event", "最近事件" } },
	{ "max",	{ "Longest", "最长" } },
	{ "median",	{ "Median", "中位数" } },
	{ "min",	{ "Shortest", "最短" } },
	{ "n",		{ "Days after", "第几天" } },
	{ "name",	{ "Name", "名称" } },
	{ "net",	{ "Net", "净增" } },
	{ "new",	{ "New", "新增" } },
	{ "oldest_ms",	{ "Oldest pending", "最久待发" } },
	{ "p25",	{ "p25", "P25" } },
	{ "p50_ms",	{ "p50", "P50" } },
	{ "p75",	{ "p75", "P75" } },
	{ "p90",	{ "p90", "P90" } },
	{ "p90_ms",	{ "p90", "P90" } },
	{ "p99_ms",	{ "p99", "P99" } },
	{ "pairs",	{ "Times", "次数" } },
	{ "pending",	{ "Pending", "待发" } },
	{ "per_device",	{ "Per device", "人均" } },
	{ "received",	{ "Received", "收到" } },
	{ "refused",	{ "Refused", "被拒" } },
	{ "repeats",	{ "Repeats", "重复" } },
	{ "returned",	{ "Returned", "回流" } },
	{ "scans",	{ "Scans", "扫码" } },
	{ "scene",	{ "Scene", "场景值" } },
	{ "seconds",	{ "Time", "用时" } },
	{ "share",	{ "Share", "占比" } },
	{ "silent",	{ "Silent", "沉默" } },
	{ "size",	{ "Followers", "关注数" } },
	{ "source",	{ "Source", "来源" } },
	{ "step",	{ "Step", "步骤" } },
	{ "success",	{ "Success", "成功" } },
	{ "template",	{ "Template", "模板" } },
	{ "time",	{ "Time", "时间" } },
	{ "times",	{ "Times", "次数" } },
	{ "to",		{ "To", "到" } },
	{ "type",	{ "Type", "类型" } },
	{ "unfollows",	{ "Unfollows", "取消关注" } },

	/* Values of columns and options: "NAME.VALUE", and "NAME.none" for an empty value. */
	{ "scene.none",	{ "No QR code", "非扫码" } },
	{ "to.none",	{ "End", "结束" } },
	{ "item.none",	{ "–", "–" } },
	{ "key.none",	{ "–", "–" } },
	{ "template.none", { "–", "–" } },
	{ "kind.template", { "Template", "模板消息" } },
	{ "kind.subscription", { "Subscription", "订阅消息" } },
	{ "kind.mass",	{ "Broadcast", "群发" } },
	{ "source.scan", { "QR code", "扫码" } },
	{ "source.menu", { "Menu click", "菜单点击" } },
	{ "source.none", { "Neither", "均无" } },
	{ "first_day.0", { "No", "否" } },
	{ "first_day.1", { "Yes", "是" } },
	{ "following.none", { "–", "–" } },
	{ "following.yes", { "Yes", "是" } },
	{ "following.no", { "No", "否" } },
	{ "by.day",	{ "Day", "日" } },
	{ "by.week",	{ "Week", "周" } },
	{ "by.month",	{ "Month", "月" } },
	{ "by.hour",	{ "Hour of the day", "时段" } },
	{ "by.account",	{ "Account", "公众号" } },
	{ "by.item",	{ "Subject", "内容" } },
	{ "type.text",	{ "Text", "文本" } },
	{ "type.image",	{ "Image", "图片" } },
	{ "type.voice",	{ "Voice", "语音" } },
	{ "type.video",	{ "Video", "视频" } },
	{ "type.shortvideo", { "Short video", "小视频" } },
	{ "type.location", { "Location", "地理位置" } },
	{ "type.link",	{ "Link", "链接" } },
	{ "bucket.0-9 s", { "0–9 s", "0–9 秒" } },
	{ "bucket.10-59 s", { "10–59 s", "10–59 秒" } },
	{ "bucket.1-9 min", { "1–9 min", "1–9 分钟" } },
	{ "bucket.10-59 min", { "10–59 min", "10–59 分钟" } },
	{ "bucket.1-5 h", { "1–5 h", "1–5 小时" } },
	{ "bucket.6-23 h", { "6–23 h", "6–23 小时" } },
	{ "bucket.1-6 d", { "1–6 d", "1–6 天" } },
	{ "bucket.7+ d", { "7 d or more", "7 天及以上" } },
};

static const char *const errors[QUESTIONS_ERROR__MAX][LANGUAGE__MAX] = {
	[QUESTIONS_OK] = { "", "" },
	[QUESTIONS_NOT_DAY] = { "is not a day; write it as YYYY-MM-DD",
	    "不是有效日期，格式为 YYYY-MM-DD" },
	[QUESTIONS_NOT_UTF8] = { "is not UTF-8", "不是 UTF-8 文本" },
	[QUESTIONS_CONTROL] = { "has control characters", "含有控制字符" },
	[QUESTIONS_LONG] = { "is too long", "过长" },
	[QUESTIONS_NOT_CHOICE] = { "is not one of the choices", "不在可选项中" },
	[QUESTIONS_NOT_NUMBER] = { "is not a number", "不是数字" },
	[QUESTIONS_RANGE] = { "is out of range", "超出范围" },
	[QUESTIONS_NOT_CODE] = { "is not one of QT's event codes", "不是 QT 的事件编码" },
	[QUESTIONS_ORDER] = { "from is later than to; exchange the two days", "开始日期晚于结束日期" },
	[QUESTIONS_PERIOD] = { "more than 3660 days; choose a shorter period",
	    "超过 3660 天，请缩短日期范围" },
};

const char *
i18n_find(enum language l, const char *key)
{
	const struct text	*t;

	for (t = texts; t != texts + NELEM(texts); t++)
		if (strcmp(t->key, key) == 0)
			return t->text[l];
	return NULL;
}

const char *
i18n_text(enum language l, const char *key)
{
	const char	*text = i18n_find(l, key);

	return text != NULL ? text : key;
}

const char *
i18n_error(enum language l, enum questions_error e)
{
	return errors[e][l];
}

const char *
i18n_tag(enum language l)
{
	static const char	*const tags[LANGUAGE__MAX] = {
		[ENGLISH] = "en", [CHINESE] = "zh-CN",
	};

	return tags[l];
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
trim_blanks(struct slice s)
{
	while (s.len != 0 && is_blank(s.p[0]))
		s.p++, s.len--;
	while (s.len != 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Cuts s at the first c: part gets the bytes before it, s keeps those after it. */
static void
split_at(struct slice *part, struct slice *s, char c)
{
	const char	*at = s->len == 0 ? NULL : memchr(s->p, c, s->len);
	size_t		 len = at == NULL ? s->len : (size_t)(at - s->p);

	*part = trim_blanks((struct slice){ s->p, len });
	s->p += at == NULL ? len : len + 1;
	s->len -= at == NULL ? len : len + 1;
}

/* The value of "q=0.8" in thousandths; -1: it is not a quality. */
static int
quality_of(struct slice s)
{
	int	 v, unit = 1000;
	size_t	 i;

	if (s.len < 3 || s.len > 7 || (s.p[0] != 'q' && s.p[0] != 'Q') || s.p[1] != '=' ||
	    s.p[2] < '0' || s.p[2] > '1' || (s.len > 3 && s.p[3] != '.'))
		return -1;
	v = (s.p[2] - '0') * unit;
	for (i = 4; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v += (s.p[i] - '0') * (unit /= 10);
	}
	return v > 1000 ? -1 : v;
}

/* True: a language range names one of our languages, *l; every other range is ignored. */
static bool
match_language(enum language *l, struct slice range)
{
	static const struct {
		const char	*primary;
		enum language	 l;
	} known[] = { { "zh", CHINESE }, { "en", ENGLISH }, { "*", ENGLISH } };
	struct slice	 primary;
	size_t		 i;

	split_at(&primary, &range, '-');
	for (i = 0; i < NELEM(known); i++)
		if (strlen(known[i].primary) == primary.len &&
		    strncasecmp(known[i].primary, primary.p, primary.len) == 0) {
			*l = known[i].l;
			return true;
		}
	return false;
}

enum language
i18n_language(struct slice accept)
{
	enum language	 best = ENGLISH, l;
	struct slice	 part, range;
	int		 most = 0, q;

	while (accept.len != 0) {
		split_at(&part, &accept, ',');
		split_at(&range, &part, ';');
		q = part.len == 0 ? 1000 : quality_of(trim_blanks(part));
		if (q > most && match_language(&l, range)) {
			most = q;
			best = l;
		}
	}
	return best;
}
