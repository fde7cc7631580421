#include <stddef.h>

#include "cli/zh/zh.h"

/* qtoa config, log and listen, and the file of variables that they read. */
const struct lang_row zh_ask[] = {
	{ "print each value, and where it comes from", "输出配置的每个值，以及它来自何处" },
	{ "Prints each setting and each account as this program has them: the value, and whether "
	    "it comes from config.h, a file or a variable, or is the default.  Of a secret it "
	    "prints the length, never a character.  A value that is wrong or probably a mistake "
	    "has a line below it that says why.  The first lines are the versions of qtoa and its "
	    "libraries.",
	    "输出本程序中每项设置和每个公众号：值，以及它来自 config.h、文件、环境变量还是默认值。"
	    "密钥只输出长度，不输出任何字符。值有错或可疑时，下面一行说明原因。最前面几行是 qtoa 及"
	    "其所用库的版本。" },
	{ "0 all values are usable, 1 some are not", "0 所有值都可用，1 有的不可用" },
	{ "show what the log says of each message, and what to do",
	    "显示日志中每条消息的情况和处理办法" },
	{ "Reads the log wherever settings.log leads: a file and its rotated ones, syslog, "
	    "systemd's journal, or the error log of the web server.  Each message is a line, the "
	    "newest at the end: time in China, account, event, user, outcome, ms, what the log "
	    "says, and what to do.  A TIME is 2h or 3d (ago), a day, a day with a time, or a time "
	    "of today.",
	    "读取 settings.log 所指的日志：文件及其轮转的旧文件、syslog、systemd 的 journal，或"
	    " Web 服务器的错误日志。每条消息一行，最新的在最后：北京时间、公众号、事件、用户、结"
	    "果、毫秒、日志内容和处理办法。TIME 可写 2h 或 3d（之前）、日期、日期加时间，或今天的时"
	    "间。" },
	{ "0 the log was read, 1 it cannot be read", "0 已读取日志，1 无法读取日志" },
	{ "only messages of this user", "只看该用户的消息" },
	{ "only what did not end well: refused, an error, queued, dead",
	    "只看结果不好的：拒绝、错误、入队、死信" },
	{ "from this time on, and in rotated files, too", "从此时起，轮转的旧文件也在内" },
	{ "up to this time", "到此时为止" },
	{ "go on with new lines until Ctrl-C", "持续显示新的行，直到 Ctrl-C" },
	{ "the last N lines; default: 50, or all since TIME",
	    "最后 N 行；默认：50，或 TIME 以来的全部" },
	{ "read this file instead", "改为读取该文件" },
	{ "one JSON object a line", "每行一个 JSON 对象" },
	{ "serve FastCGI on a socket file, as in a container",
	    "在套接字文件上提供 FastCGI，例如在容器中" },
	{ "Makes the socket file and serves what a web server sends there, as under systemd or "
	    "spawn-fcgi, until a signal stops it; then the file is removed.  SOCKET is a whole "
	    "path.  A file that a process has left is replaced; one on which a process listens is "
	    "not.  There is no TCP: whoever connects is believed.",
	    "创建套接字文件，处理 Web 服务器发来的请求，如同在 systemd 或 spawn-fcgi 下，直到收到信"
	    "号停止，然后删除该文件。SOCKET 是完整路径。某个进程遗留的文件会被替换；有进程正在监听"
	    "的不会。不提供 TCP：凡能连接的都会被信任。" },
	{ "0 a signal has stopped it, 1 it could not listen", "0 收到信号而停止，1 无法监听" },
	{ "who may connect: 0660 (the default), the user and the group that run it; 0600, the user "
	    "alone",
	    "谁可以连接：0660（默认），运行它的用户和组；0600，仅该用户" },
	{ "(secret, %zu %s)", "（密钥，%zu %s）" },
	{ "the environment", "环境" },
	{ "default", "默认" },
	{ " from ", "，来自 " },
	{ " is %s: default", " 为%s：取默认值" },
	{ "empty", "空" },
	{ "    %s: ", "    %s：" },
	{ "\nsettings\n", "\n设置（settings）\n" },
	{ "qtoa %s, built from ", "qtoa %s，编译自 " },
	{ "with", "所用库：" },
	{ "\n%d other value%s cannot be used; run: qtoa config\n",
	    "\n另有 %d 个值%.0s无法使用；请运行：qtoa config\n" },
	{ "qtoa: there is no account %s; qtoa config lists the accounts\n",
	    "qtoa: 没有公众号 %s；qtoa config 会列出所有公众号\n" },
	{ "%s %s is not a time: write 2h, 3d, 2026-11-22 or \"2026-11-22 12:44\"",
	    "%s %s 不是时间：请写 2h、3d、2026-11-22 或 \"2026-11-22 12:44\"" },
	{ "--lines %s is not a number from 1 to %d", "--lines %s 不是 1 至 %d 的数字" },
	{ "--follow has no end: leave out --until", "--follow 没有结束时间：请去掉 --until" },
	{ "verdict", "结果" },
	{ "detail\n", "详情\n" },
	{ "message %lld is %s after %lld attempts%s%s%s%s; run: qtoa queue show %lld",
	    "消息 %lld：%s，已尝试 %lld 次%s%s%s%s；请运行：qtoa queue show %lld" },
	{ ", the last: ", "，上次结果：" },
	{ ", next now", "，现在重试" },
	{ ", next in ", "，下次重试在此之后：" },
	{ "the journal", "系统日志（journal）" },
	{ "QT's status ", "QT 的状态码 " },
	{ "times: ", "次数：" },
	{ "from ", "来自 " },
	{ "path ", "路径 " },
	{ "host ", "主机 " },
	{ "method ", "方法 " },
	{ "attempts: ", "尝试次数：" },
	{ "relays: ", "转发目标：" },
	{ "reply: ", "回复：" },
	{ "rule ", "规则 " },
	{ "qtoa: settings.log is syslog, but neither /var/log/syslog, /var/log/messages nor the "
	    "journal has it for you (%s); run qtoa as root, or name the file: qtoa log --file "
	    "FILE\n",
	    "qtoa: settings.log 为 syslog，但当前用户在 /var/log/syslog、/var/log/messages 和"
	    " journal 中都读不到（%s）；请以 root 运行 qtoa，或指定文件：qtoa log --file FILE\n" },
	{ "qtoa: settings.log is stderr, which goes where the web server or systemd leads it; "
	    "neither the journal nor the known error logs have it for you (%s); run qtoa as root, "
	    "name the file: qtoa log --file FILE, or set settings.log to a file\n",
	    "qtoa: settings.log 为 stderr，去向由 Web 服务器或 systemd 决定；当前用户在 journal 和"
	    "已知的错误日志中都读不到（%s）；请以 root 运行 qtoa，或指定文件：qtoa log --file "
	    "FILE，或把 settings.log 设为文件\n" },
	{ "qtoa: settings.log leads to a file that cannot be read: %s; run qtoa as root or as the "
	    "user of the web server\n",
	    "qtoa: settings.log 所指的文件无法读取：%s；请以 root 或 Web 服务器的用户运行 qtoa\n" },
	{ "qtoa: %s: packed files are left out, since there is no %s in PATH; install %s\n",
	    "qtoa: %s：略过压缩的文件，因为 PATH 中没有 %s；请安装 %s\n" },
	{ "they have no line of qtoa", "其中没有 qtoa 的行" },
	{ "is not a file, so that nothing can be read from it", "不是文件，无从读取" },
	{ "%s: there are only packed files, and no %s in PATH; install %s",
	    "%s：只有压缩的文件，而 PATH 中没有 %s；请安装 %s" },
	{ "%s is not used: it is not a file", "%s 不予使用：它不是文件" },
	{ "%s is not used: it belongs to the user with the number %lu, not to root or to you; run: "
	    "chown root %s",
	    "%s 不予使用：它属于编号为 %lu 的用户，而不属于 root 或当前用户；请运行：chown root "
	    "%s" },
	{ "%s is not used: its mode is %04o, so that others may write it; run: chmod go-w %s",
	    "%s 不予使用：其权限为 %04o，其他用户可写；请运行：chmod go-w %s" },
	{ "%s: %s; run qtoa as root or as the user of the service",
	    "%s：%s；请以 root 或该服务的用户运行 qtoa" },
	{ "%s is not used: it has more than %d bytes", "%s 不予使用：超过 %d 字节" },
	{ "MODE is octal, such as 0660 or 0600", "MODE 是八进制数，如 0660 或 0600" },
	{ "cannot %s: %s; its directory must exist, and this user must be able to write to it",
	    "无法%s：%s；其目录须存在，且当前用户可写" },
	{ "remove the socket that a process has left", "删除某个进程遗留的套接字" },
	{ "listen on it", "在其上监听" },
	{ "listen on it at descriptor 0", "在描述符 0 上监听" },
	{ "it exists and is not a socket; name another file, or remove it",
	    "它已存在，但不是套接字；请换一个文件，或删除它" },
	{ "another process listens on it, or it belongs to another user; stop that process, or "
	    "name another file",
	    "有另一个进程正在监听，或它属于另一个用户；请停止该进程，或换一个文件" },
	{ "give the whole path of a socket file, such as /run/qtoa/qtoa.sock; there is no TCP, "
	    "because whoever connects is believed",
	    "请写套接字文件的完整路径，如 /run/qtoa/qtoa.sock；不提供 TCP，因为凡能连接的都会被信"
	    "任" },
	{ "the path is too long for a socket; name a shorter one",
	    "路径太长，不能用作套接字；请换一个较短的" },
	{ "it listens on %s, where other hosts can connect; use a socket file or 127.0.0.1, or let "
	    "a firewall admit only the web server",
	    "正在 %s 上监听，其他主机可以连接；请使用套接字文件或 127.0.0.1，或让防火墙只放行 Web "
	    "服务器" },
	{ "all users of this host can connect to %s, mode %04o; give it the mode 0660 and the web "
	    "server's group",
	    "本机的所有用户都能连接 %s，权限 %04o；请把权限设为 0660，并把组设为 Web 服务器的组" },
	{ "it listens on an abstract socket, to which all users of this host can connect; use a "
	    "socket file with the mode 0660",
	    "正在抽象套接字上监听，本机的所有用户都能连接；请使用权限为 0660 的套接字文件" },
	{ NULL, NULL }
};
