#include <stddef.h>

#include "cli/zh/zh.h"

/* The help of the verbs, and what is wrong with a command line. */
const struct lang_row zh_help[] = {
	{ "only this one: its path, name or AppID", "只看这个公众号：其路径、名称或 AppID" },
	{ "first day, YYYY-MM-DD, in China (UTC+8)", "第一天，YYYY-MM-DD，北京时间（UTC+8）" },
	{ "last day, which is included", "最后一天，包含在内" },
	{ "as JSON", "输出 JSON" },
	{ "as CSV", "输出 CSV" },
	{ "find what is wrong: files, store, disk, QT, certificates",
	    "找出问题：文件、存储、磁盘、QT、证书" },
	{ "Checks the configuration, who may read and write its files, the store and its disk. "
	    " Then it asks QT, the control servers and WeChat, and checks names, connections, "
	    "certificates and clocks; QT gets an unsigned request, which it refuses.  With "
	    ".secret, WeChat tells how it sees this host.  Each result is a line: ok, warning or "
	    "failed, and what to do.  When root runs it, it works as the user who owns "
	    "settings.state_dir; any other user must be the one that the web server runs qtoa as.",
	    "检查配置、文件的读写权限、存储及其磁盘；然后访问 QT、中控服务器和微信，检查域名、连"
	    "接、证书和时钟。发给 QT 的是一个未签名的请求，QT 会拒绝它。设置了 .secret 时，还查询微"
	    "信所看到的本机情况。每项结果占一行：正常、警告或失败，并说明怎么处理。以 root 运行时，"
	    "它以 settings.state_dir 的属主身份检查；其他用户运行时，必须是 Web 服务器运行 qtoa 所"
	    "用的那个用户。" },
	{ "0 nothing failed, 1 something failed", "0 没有失败项，1 有失败项" },
	{ "ask nobody: check this host only", "不访问外部：只检查本机" },
	{ "ask everybody (the default)", "访问外部（默认）" },
	{ "one JSON document", "输出一个 JSON 文档" },
	{ "translate WeChat's XML to QT's events, as JSON lines",
	    "把微信的 XML 转换为 QT 事件，每行一个 JSON" },
	{ "Prints the event code and the attributes that the collector would count, one line for "
	    "each event.  Without FILE, and for the FILE -, it reads standard input.  It needs "
	    "no account.",
	    "输出收集器会计入的事件编码和属性，每个事件一行。没有 FILE 或 FILE 为 - 时，读取标"
	    "准输入。不需要公众号。" },
	{ "0 all input was XML, 1 some was not", "0 输入全部是 XML，1 有的不是" },
	{ "act as WeChat: send XML files (- is standard input)",
	    "模拟微信发送 XML 文件（- 为标准输入）" },
	{ "Signs each file, encrypts it if the account's mode says so, and posts it to the URL as "
	    "WeChat would.  It prints one line for each file: HTTP status, answer, time.  QT "
	    "gets the messages as real events.",
	    "对每个文件签名，按公众号的加解密方式加密，再像微信那样 POST 到 URL。每个文件输出"
	    "一行：HTTP 状态码、应答、耗时。QT 会把这些消息当作真实事件。" },
	{ "0 every answer was success or a reply, 1 one was not",
	    "0 应答全部是 success 或回复，1 有的不是" },
	{ "list messages that wait for QT or that QT refused", "列出待发消息和死信" },
	{ "Lists the oldest messages first, each with QT's last answer and the time of the next "
	    "attempt.  Below the list are the end points that do not work and the accounts that "
	    "are stopped.",
	    "最早的消息在前，每条带有 QT 的上次应答和下次尝试的时间。列表下面是无法使用的 QT "
	    "地址和被停止的公众号。" },
	{ "0 the queue was read, 1 it could not be read", "0 已读取队列，1 无法读取队列" },
	{ "list all messages, not only the first 100", "列出全部消息，不止前 100 条" },
	{ "show all about one message", "显示一条消息的全部信息" },
	{ "Shows when the message came, what happened to it, its event, its query and its body.",
	    "显示消息的到达时间、经过、事件、查询串和消息体。" },
	{ "0 the message is there, 1 it is not", "0 有这条消息，1 没有" },
	{ "send messages again, now", "立即重发消息" },
	{ "Messages that wait become due now, whatever their back-off says; messages that QT "
	    "refused wait again; an account that was stopped goes on.  The program below the web "
	    "server sends the messages, or qtoa drain does.  /ACCOUNT is an account whose path "
	    "looks like an ID or is the word all.",
	    "待发消息立即到期，不理会重试间隔；死信重新变为待发；被停止的公众号恢复发送。消息"
	    "由 Web 服务器下的程序发送，或由 qtoa drain 发送。路径像 ID 或就是 all 的公众号，"
	    "写作 /ACCOUNT。" },
	{ "0 they are due, 1 there is no such message or account",
	    "0 已到期，1 没有这样的消息或公众号" },
	{ "only those with this last outcome, of all accounts or one, as qtoa queue list shows it",
	    "只重发上次结果为此的消息，可限定一个公众号；结果的写法同 qtoa queue list" },
	{ "delete a message; QT never gets it", "删除一条消息，QT 不会再收到它" },
	{ "Deletes a message for good, after a question.  If WeChat repeats the message, qtoa "
	    "does not take it in again.",
	    "询问之后彻底删除一条消息。微信再次推送这条消息时，qtoa 不会再收下。" },
	{ "0 it is dropped, 1 it is kept or is not there", "0 已删除，1 保留着或没有这条消息" },
	{ "do not ask; needed without a terminal", "不询问；没有终端时必须加上" },
	{ "print the queue as JSON lines", "以 JSON 行输出队列" },
	{ "Prints the messages that wait and those that QT refused, one object a line, with query "
	    "and body.  Times are ms since the epoch.",
	    "输出待发消息和死信，每行一个对象，带有查询串和消息体。时间为 1970 年以来的毫秒"
	    "数。" },
	{ "0 all of them are printed, 1 they are not", "0 已全部输出，1 没有" },
	{ "only messages that wait, or only those that QT refused", "只要待发消息，或只要死信" },
	{ "send all messages that wait, now", "立即发送全部待发消息" },
	{ "Sends each message that waits once, whatever its back-off and the breaker say.  If "
	    "another process is sending already, qtoa drain waits and shows its progress.  Run "
	    "it from cron where qtoa runs as CGI.",
	    "把每条待发消息发送一次，不理会重试间隔和熔断。如果另一个进程正在发送，qtoa drain "
	    "就等待并显示其进度。以 CGI 运行 qtoa 时，请用 cron 定时运行它。" },
	{ "0 no message waits any more, 1 some do", "0 没有待发消息了，1 还有" },
	{ "stop after N seconds", "N 秒后停止" },
	{ "answer questions about the events; --help lists them",
	    "回答关于事件的问题；--help 列出所有问题" },
	{ "Answers a question about the events that were counted.  Without a "
	    "question it prints the overview.  Days are days in China; by default the report "
	    "covers the last 30.  The $$_ of an event code may be left out; follow, unfollow and "
	    "scan are short for three codes.",
	    "回答关于所统计事件的问题；不给出问题时输出概览。日期均为北京时间，默认为最近 "
	    "30 天。事件编码的 $$_ 可以省略；follow、unfollow 和 scan 是三个编码的简称。" },
	{ "0 it is answered, 1 it could not be answered", "0 已回答，1 无法回答" },
	{ "print WeChat's access_token of an account", "输出公众号的 access_token" },
	{ "Prints the access_token of an account that has .secret, alone on a line: the one in "
	    "the store, or a new one when that has expired.",
	    "单独一行输出设置了 .secret 的公众号的 access_token：取自存储，过期则重新获取。" },
	{ "0 the token is printed, 1 there is no token", "0 已输出，1 没有 access_token" },
	{ "get a new one; the old one ends for everybody who uses it",
	    "重新获取；旧的对所有使用者失效" },
	{ "print its age and how long it is still valid instead",
	    "改为输出它已获取多久、还有效多久" },
	{ "fetch WeChat's statistics that are missing here", "获取本机缺少的微信统计数据" },
	{ "Asks WeChat for the statistics of all accounts that have .secret.  The first run "
	    "fetches the last 30 days; later runs fetch all days since the first one that was "
	    "ever asked for.  Days that are there already are not asked for again.  Run it from "
	    "cron twice a day.",
	    "向微信获取所有设置了 .secret 的公众号的统计数据。第一次运行获取最近 30 天；以后获"
	    "取自最早一天以来的每一天。已有的日期不再获取。请用 cron 每天运行两次。" },
	{ "0 all that WeChat has ready is there, 1 something is missing",
	    "0 微信已备好的全都有了，1 有缺少的" },
	{ "only this end point; may be given several times", "只获取这个接口；可以多次给出" },
	{ "also fetch again, and replace, what is there already", "已有的也重新获取并替换" },
	{ "also ask the end points that WeChat has refused", "微信拒绝过的接口也再试" },
	{ "show what was fetched, or the rows of one table", "显示已获取的内容，或一个表的各行" },
	{ "Shows for each end point which days were asked for, how many rows there are, and what "
	    "is still missing.  Of a TABLE it shows the rows, by default of the last 30 days.",
	    "显示每个接口获取过哪些日期、有多少行、还缺什么。给出 TABLE 时显示该表的各行，默认"
	    "为最近 30 天。" },
	{ "0 it was read, 1 it could not be read", "0 已读取，1 无法读取" },
	{ "print a table as CSV, or as JSON lines", "以 CSV 或 JSON 行输出一个表" },
	{ "Prints all rows of a table.", "输出一个表的所有行。" },
	{ "0 all rows are printed, 1 they are not", "0 已输出所有行，1 没有" },
	{ "as CSV (the default)", "输出 CSV（默认）" },
	{ "as JSON, one object a line", "输出 JSON，每行一个对象" },
	{ "compare WeChat's count of pushes with ours", "把微信的推送次数与本机的对照" },
	{ "Compares WeChat's count of its calls to us, as qtoa datacube pull has fetched it, with "
	    "our own count, one line a day.  By default it begins with the first day on which "
	    "qtoa counted, and covers at most the last 30 days.",
	    "把 qtoa datacube pull 获取的微信调用次数与本机的记录对照，每天一行。默认从 qtoa "
	    "开始计数的那天起，最多最近 30 天。" },
	{ "0 every call is accounted for, 1 one is not, or it is not known",
	    "0 每次调用都对得上，1 有对不上或不知道的" },
	{ "one line an hour", "每小时一行" },
	{ "make a QR code with a name, and count its scans", "生成带名称的二维码，并统计其扫码" },
	{ "Asks WeChat for a QR code with a scene, and prints the address of its picture and what "
	    "the picture says.  Follows and scans through the code are counted under its name "
	    "CODE.  The account must have .secret.  A code that is there already is printed "
	    "again without a question to WeChat.  An account can have 100,000 permanent codes.",
	    "向微信申请一个带场景值的二维码，输出其图片地址和图片内容。经由该码的关注和扫码以名称 CODE "
	    "统计。公众号须设置 .secret。已有的码直接再次输出，不再询问微信。每个公众号最多 100,000 "
	    "个永久码。" },
	{ "0 the code is printed, 1 there is no code", "0 已输出，1 没有生成" },
	{ "temporary: for so many days, 30 at most; else permanent", "临时码的有效天数，最多 30；不加则为永久码" },
	{ "the scene that WeChat reports; by default the name", "微信上报的场景值；默认为名称" },
	{ "list QR codes with their follows and scans", "列出二维码及其关注数和扫码数" },
	{ "Lists the codes that qtoa qrcode create has made, with all follows and scans through "
	    "them that are counted, those with the most follows first.  For a period, see qtoa "
	    "report scenes.",
	    "列出 qtoa qrcode create 生成的二维码，以及已计入的全部关注数和扫码数，关注最多的在前。"
	    "某一时段的数字见 qtoa report scenes。" },
	{ "0 the codes were read, 1 they could not be read", "0 已读取，1 无法读取" },
	{ "forget a user; all figures stay as they are", "遗忘一个用户；所有统计数字不变" },
	{ "Takes a user out of all that qtoa keeps, after a question.  The events stay without the "
	    "user.  Copies of delivered messages are deleted, and messages that wait are "
	    "deleted when QT has them.  Then it searches all files of settings.state_dir, and "
	    "says what is left and where.  A user whose UnionID is known is forgotten in all "
	    "accounts; QT is not told.",
	    "确认后，把一个用户从 qtoa 保存的一切中去除。事件保留，但不再有用户。已送达消息的副本"
	    "被删除，等待中的消息在送达 QT 后删除。然后搜索 settings.state_dir 中的所有文件，说明还"
	    "剩下什么、在哪里。已知 UnionID 的用户在所有公众号中一并遗忘；不会通知 QT。" },
	{ "0 no file has the user any more, 1 something is left, or it failed",
	    "0 所有文件中都没有该用户了，1 还有残留或操作失败" },
	{ "also delete messages that QT refused", "同时删除 QT 拒收的消息" },
	{ "write the database again, however large it is", "无论数据库多大都重写一遍" },
	{ "show on one screen whether all is well", "一屏显示是否一切正常" },
	{ "Shows whether all is well, or else what is wrong and what to do.  For each account it "
	    "shows today's pushes, how long answers took, how long QT took, and how many "
	    "messages wait; then the disk, the last failures, and the clients that sent wrong "
	    "signatures.",
	    "显示是否一切正常，否则显示问题和处理办法。对每个公众号，显示今天的推送、应答耗"
	    "时、QT 耗时和待发消息数；然后是磁盘、最近的失败，以及签名错误的客户端。" },
	{ "0 all is well, 1 something is wrong", "0 一切正常，1 有问题" },
	{ "show it again every 2 seconds, or every SECONDS, until Ctrl-C",
	    "每 2 秒或每 SECONDS 秒重新显示，直到 Ctrl-C" },
	{ "as JSON, with more details", "输出 JSON，更详细" },
	{ "print a script that completes all this in the shell",
	    "输出在 shell 中补全以上命令的脚本" },
	{ "The script knows the verbs and options of this program.  For the IDs of messages and "
	    "for accounts the shell asks the program when you press Tab.",
	    "脚本知道本程序的命令和选项。消息的 ID 和公众号，由 shell 在按 Tab 时向程序查询。" },
	{ "0 it is printed, 1 it could not be printed", "0 已输出，1 无法输出" },
	{ "explain a verb: its usage, options and examples", "说明一个命令：用法、选项和示例" },
	{ "Prints the same as the verb does with --help.", "输出的内容与该命令的 --help 相同。" },
	{ "0 there is such a verb, 1 its help could not be printed",
	    "0 有这个命令，1 无法输出其说明" },
	{ "print the version", "输出版本" },
	{ "print this list", "输出本列表" },
	{ "usage: qtoa", "用法：qtoa" },
	{ "qtoa %s: WeChat Official Account events to Quick Tracking\nusage: qtoa VERB "
	    "[ARGUMENT...]; all about a verb: qtoa help VERB\n",
	    "qtoa %s：把微信公众号事件转发给 Quick Tracking\n用法：qtoa VERB [ARGUMENT...]；一个命"
	    "令的全部说明：qtoa help VERB\n" },
	{ "\nA web server runs qtoa as CGI or FastCGI, without arguments.  When root runs "
	    "it,\nqtoa works on the queue as the user who owns settings.state_dir.\n",
	    "\nWeb 服务器以 CGI 或 FastCGI 方式运行 qtoa，不带参数。以 root 运行时，\nqtoa 以"
	    " settings.state_dir 的属主身份处理队列。\n" },
	{ "qtoa --lang en|zh ... speaks English or Chinese, whatever LC_ALL, LC_MESSAGES\nand LANG "
	    "say.\n",
	    "qtoa --lang en|zh ... 输出英文或中文，不论 LC_ALL、LC_MESSAGES 和 LANG 如何。\n" },
	{ "print this help", "输出本说明" },
	{ "%s; default: %s", "%s；默认：%s" },
	{ "%s. %s", "%s：%s" },
	{ "\nquestions, and their options with the defaults:\n", "\n问题及其选项，带默认值：\n" },
	{ "\nexit status: %s, 2 wrong usage\n", "\n退出状态：%s，2 用法错误\n" },
	{ "\nfor example:\n", "\n示例：\n" },
	{ "\nmore about each: qtoa help %.*s VERB\n", "\n详细说明：qtoa help %.*s VERB\n" },
	{ "qtoa: there is no verb \"%s\"%s\n", "qtoa: 没有命令 \"%s\"%s\n" },
	{ "qtoa: %.*s: this argument has a character that is not printable, or is not UTF-8\n",
	    "qtoa: %.*s：该参数含有不可打印的字符，或不是 UTF-8\n" },
	{ "; run: qtoa -h", "；请运行：qtoa -h" },
	{ "there is no question %s%s", "没有问题 %s%s" },
	{ "there is no %s%s", "没有 %s%s" },
	{ "it has no option %s%s", "它没有选项 %s%s" },
	{ "%s is not %s%s", "%s 不能是 %s%s" },
	{ "; did you mean %s%s%.40s?", "；是不是想写 %s%s%.40s？" },
	{ "show WeChat's record of a call that it refused", "查看微信对某次被拒绝的调用的记录" },
	{ "When WeChat refuses a call of its API, its message, in the log and elsewhere, ends with "
	    "the rid of the call.  Within a week of it WeChat tells when the call came, how long "
	    "it took, what was asked and what was answered; WeChat's support asks for the rid, "
	    "too.  The account must have .secret.  Tokens and secrets are not shown.",
	    "微信拒绝一次 API 调用时，其消息（在日志等处）以该调用的 rid 结尾。一周之内，微信可以告"
	    "诉这次调用的时间、耗时、请求和应答；联系微信客服时也需要 rid。该公众号须设置 .secret。"
	    "不显示 access_token 和密钥。" },
	{ "0 it is shown, 1 WeChat does not tell it", "0 已显示，1 微信没有提供" },
	{ "Is all well?", "是否一切正常？" },
	{ "Messages that wait for QT, or that QT refused", "待发消息和死信" },
	{ "Reports", "报表" },
	{ "Ask WeChat", "查询微信" },
	{ "Set up, try out, get help", "安装、试用、帮助" },
	{ NULL, NULL }
};
