#include <stddef.h>

#include "cli/zh/zh.h"

/* What `qtoa check` finds. */
const struct lang_row zh_check[] = {
	{ "still the values of the shipped config.h: %s\nput in the values of WeChat's and QT's "
	    "consoles",
	    "仍是自带 config.h 中的值：%s\n请填入微信后台和 QT 后台的值" },
	{ "%s is not https: anybody on the way can read the messages\nuse its https address",
	    "%s 不是 https：途中的任何人都能看到消息\n请改用它的 https 地址" },
	{ "control_token_path: %s: %s\nwrite it as in QT's console",
	    "control_token_path：%s：%s\n请按 QT 后台的写法填写" },
	{ "control_key without secret: nobody can get an access_token\nset .secret, the AppSecret "
	    "of WeChat's console",
	    "设置了 control_key 而没有 secret：谁也得不到 access_token\n请设置 .secret，即微信"
	    "后台的 AppSecret" },
	{ "still accepts %s\nwhen WeChat has used the new one for a day, remove %s%s%s",
	    "仍接受%s\n微信使用新值满一天后，请删除 %s%s%s" },
	{ "the old Token and the old key", "旧的令牌（Token）和旧的加密密钥" },
	{ "in plain mode WeChat does not sign the body\nchoose safe mode in WeChat's console, and "
	    "set .mode = SAFE: then false messages, and old ones that are sent again, are known",
	    "明文模式下，微信不对消息体签名\n请在微信后台选择安全模式，并设置 .mode = SAFE：这"
	    "样才能识别伪造的消息和重放的旧消息" },
	{ "it is too small for WeChat's longer messages", "太小，放不下微信较长的消息" },
	{ "raise it to 8192 or more; best is 65536", "请改为 8192 或更大，最好是 65536" },
	{ "with so many threads, bodies may take over 256 MiB",
	    "线程这么多，消息体可能占用超过 256 MiB 内存" },
	{ "lower it, or lower settings.threads", "请改小，或减小 settings.threads" },
	{ "it is large: each thread may hold a connection to QT",
	    "太大：每个线程都可能占用一个到 QT 的连接" },
	{ "lower it; the default, 64, is enough", "请改小，默认值 64 已经够用" },
	{ "it is not below deadline_ms, so no time is left for the disk",
	    "不小于 deadline_ms，没有时间留给磁盘" },
	{ "set it at least 500 below deadline_ms", "请设为至少比 deadline_ms 小 500" },
	{ "it is above forward_ms, so the standby is never tried",
	    "大于 forward_ms，备用地址永远轮不到" },
	{ "set it below forward_ms", "请设为小于 forward_ms" },
	{ "it is shorter than fresh_s, so a message could come twice",
	    "比 fresh_s 短，消息可能重复" },
	{ "set it above fresh_s", "请设为大于 fresh_s" },
	{ "%s, the owner of %s; root runs it as that user",
	    "%s，即 %s 的属主；root 以该用户运行检查" },
	{ "root, who may do more than the web server may\nchown %s to the user that the web "
	    "server runs qtoa as",
	    "root，其权限可能超过 Web 服务器\n请用 chown 把 %s 的属主改为 Web 服务器运行 qtoa "
	    "所用的用户" },
	{ "%s belongs to %s, who can replace the program; suEXEC refuses it\nrun: chown %s %s",
	    "%s 属于 %s，此用户可以替换程序；suEXEC 会拒绝\n请运行：chown %s %s" },
	{ "%s belongs to root: suEXEC refuses it\nrun: chown %s %s",
	    "%s 属于 root：suEXEC 会拒绝\n请运行：chown %s %s" },
	{ "%s is writable by everybody, mode %04o%s\nrun: chmod go-w %s",
	    "%s 人人可写，权限 %04o%s\n请运行：chmod go-w %s" },
	{ ": suEXEC refuses it", "：suEXEC 会拒绝" },
	{ ": anybody can replace the program; suEXEC refuses it",
	    "：任何人都能替换程序；suEXEC 会拒绝" },
	{ "%s is writable by its group, mode %04o: suEXEC refuses it\nrun: chmod g-w %s",
	    "%s 所属组可写，权限 %04o：suEXEC 会拒绝\n请运行：chmod g-w %s" },
	{ "%s is setuid or setgid, mode %04o: everybody who runs it has its owner's rights; "
	    "suEXEC refuses it\nrun: chmod ug-s %s",
	    "%s 带有 setuid 或 setgid，权限 %04o：谁运行它，谁就有其属主的权限；suEXEC 会拒绝"
	    "\n请运行：chmod ug-s %s" },
	{ "%s can be read by everybody, mode %04o: the keys of config.h are in it\nrun: chmod o-r "
	    "%s; or give keys as \"@FILE\"",
	    "%s 人人可读，权限 %04o：config.h 的密钥就在其中\n请运行：chmod o-r %s；或把密钥写"
	    "成 \"@FILE\"" },
	{ "%s: %s has a relative name: it depends on the directory where qtoa is started\nwrite "
	    "\"@/the/whole/path\"",
	    "%s：%s 是相对文件名，取决于 qtoa 在哪个目录启动\n请写成 \"@/完整/路径\"" },
	{ "%s: everybody may write to %s, mode %04o\nrun: chmod o-rw %s",
	    "%s：人人可写 %s，权限 %04o\n请运行：chmod o-rw %s" },
	{ "%s: everybody may read %s, mode %04o\nrun: chmod o-r %s",
	    "%s：人人可读 %s，权限 %04o\n请运行：chmod o-r %s" },
	{ "%s: %s\nput the file there again, and open its directories to its user (chmod u+x)",
	    "%s：%s\n请把文件放回原处，并让其用户能进入各级目录（chmod u+x）" },
	{ "%s does not exist yet; the first message creates it\nto be sure, run: mkdir -m 0700 %s",
	    "%s 还不存在，收到第一条消息时会创建\n要保险，请运行：mkdir -m 0700 %s" },
	{ "%s: %s\nrun: mkdir -m 0700 %s, and chown it to the user that the web server runs qtoa "
	    "as",
	    "%s：%s\n请运行：mkdir -m 0700 %s，再用 chown 把属主改为 Web 服务器运行 qtoa 所用"
	    "的用户" },
	{ "%s is not a directory\nset it to a directory", "%s 不是目录\n请改为一个目录" },
	{ "%s belongs to %s, and this is %s\nif the web server runs qtoa as %s, run: chown %s %s; "
	    "else run qtoa check as %s",
	    "%s 属于 %s，而当前用户是 %s\n如果 Web 服务器以 %s 运行 qtoa，请运行：chown %s "
	    "%s；否则请以 %s 运行 qtoa check" },
	{ "%s, owner %s, mode %04o: %s may not write to it\nrun: chmod 0700 %s",
	    "%s，属主 %s，权限 %04o：%s 无权写入\n请运行：chmod 0700 %s" },
	{ "%s is open to others, mode %04o\nrun: chmod 0700 %s",
	    "%s 对其他用户开放，权限 %04o\n请运行：chmod 0700 %s" },
	{ "%s: visitors of the web site may be able to fetch it: there is %s\ngive a directory "
	    "outside of those that the web server serves",
	    "%s：网站的访客可能会取到它：%s 存在\n请换一个不在 Web 服务器所提供目录之内的目录" },
	{ "%s leads to the request or its answer, which a line of the log would break; the log "
	    "goes to stderr\nset \"stderr\", \"syslog\" or a file",
	    "%s 指向请求或应答，日志的一行就会破坏它；日志写到 stderr\n请设为 \"stderr\"、"
	    "\"syslog\" 或一个文件" },
	{ "%s: %s; the log goes to stderr\nmake it, or its directory, writable for this user",
	    "%s：%s；日志写到 stderr\n请让该用户能写入它或它所在的目录" },
	{ "%s: %s\nmake it readable, or leave ca_file out to use the system's",
	    "%s：%s\n请让它可读，或不设置 ca_file 而使用系统的证书" },
	{ "%s has no certificates that are named by their hashes, such as 1a2b3c4d.0\nrun: openssl "
	    "rehash %s",
	    "%s 中没有以哈希值命名的证书（如 1a2b3c4d.0）\n请运行：openssl rehash %s" },
	{ " and %d more", " 及另外 %d 个" },
	{ "%s: the certificate of %s ended on %s\nask those who run the server to renew it, and "
	    "check this host's clock",
	    "%s：%s 的证书已于 %s 到期\n请对方更新证书，并检查本机时钟" },
	{ "%s: the certificate of %s begins on %s\ncheck this host's clock",
	    "%s：%s 的证书从 %s 起才有效\n请检查本机时钟" },
	{ "%s: the certificate of %s is for %s: %s\ncheck the address",
	    "%s：%s 的证书属于 %s：%s\n请检查地址" },
	{ "no name", "（没有域名）" },
	{ "%s: the certificate of %s is self-signed: no CA vouches for it\ncheck the address; if "
	    "it is right, give that certificate as settings.ca_file",
	    "%s：%s 的证书是自签名的，没有 CA 为它担保\n请检查地址；如果地址无误，请把该证书设"
	    "为 settings.ca_file" },
	{ "%s: the certificate of %s is from %s, a CA that %s does not have: %s\ncheck the "
	    "address; if it is right, add that CA to settings.ca_file, or let the server send "
	    "its intermediate certificates",
	    "%s：%s 的证书由 %s 签发，%s 没有这个 CA：%s\n请检查地址；如果地址无误，请把该 CA "
	    "加入 settings.ca_file，或让对方服务器发送中间证书" },
	{ ", in the chain %s", "，证书链中的 %s" },
	{ "%s: the certificate of %s%s ends on %s, in %lld days\nask those who run the server to "
	    "renew it",
	    "%s：%s 的证书%s将于 %s 到期，还有 %lld 天\n请对方更新证书" },
	{ "%s: certificate of %s, from %s, verified%s, until %s, %lld days more",
	    "%s：%s 的证书由 %s 签发，已验证%s，有效期至 %s，还有 %lld 天" },
	{ "%s: %s has no CA certificates: %s\ninstall the package ca-certificates, or set "
	    "settings.ca_file to a PEM file of them",
	    "%s：%s 没有 CA 证书：%s\n请安装软件包 ca-certificates，或把 settings.ca_file 设为"
	    "含有 CA 证书的 PEM 文件" },
	{ "this host", "本机" },
	{ "%s: there is no TLS: %s\ncheck the port; the server must speak TLS 1.2 or later",
	    "%s：没有 TLS：%s\n请检查端口；服务器须支持 TLS 1.2 或更高版本" },
	{ "%s: this host cannot see its own certificate: %s", "%s：本机看不到自己的证书：%s" },
	{ "%s: this host's own certificate ended on %s\nrenew it, then reload the web server",
	    "%s：本机自己的证书已于 %s 到期\n请更新证书，然后重新加载 Web 服务器" },
	{ "%s: this host's own certificate is for %s: %s\nget one for this name, or correct the "
	    "name",
	    "%s：本机自己的证书是 %s 的：%s\n请为该域名申请证书，或改正域名" },
	{ "%s: this host's own certificate ends on %s, in %lld days\nrenew it, then reload the "
	    "web server",
	    "%s：本机自己的证书将于 %s 到期，还有 %lld 天\n请更新证书，然后重新加载 Web 服务器" },
	{ "%s: this host's own certificate holds until %s, %lld days more",
	    "%s：本机自己的证书有效期至 %s，还有 %lld 天" },
	{ "%s: certificate verified", "%s：证书已验证" },
	{ "%s: %s\ncorrect the address", "%s：%s\n请改正地址" },
	{ "%s: the proxy %s does not lead there: %s\ncorrect settings.proxy, ask those who run "
	    "the proxy, or name the host in settings.no_proxy",
	    "%s：通过代理 %s 无法到达：%s\n请改正 settings.proxy，询问代理的管理员，或把该主机"
	    "加入 settings.no_proxy" },
	{ "%s: the name has no address: %s\ncheck the name, and this host's DNS (/etc/resolv.conf)",
	    "%s：域名没有地址：%s\n请检查域名和本机的 DNS（/etc/resolv.conf）" },
	{ "%s: no connection: %s\ncheck the address, the firewalls, and whether the server runs",
	    "%s：无法连接：%s\n请检查地址、防火墙，以及服务器是否在运行" },
	{ "%s: the name resolves to %s", "%s：域名解析为 %s" },
	{ "%s: connected through the proxy %s in %d ms", "%s：通过代理 %s 连接成功，%d ms" },
	{ "%s: connected to %s in %d ms", "%s：已连接到 %s，%d ms" },
	{ "ahead of", "快" },
	{ "this host's clock is %lld s %s QT's: pushes and signatures are refused as too old\nset "
	    "the clock, and keep it set: timedatectl set-ntp true, or chrony",
	    "本机时钟比 QT %2$s %1$lld 秒：推送和签名会因过期而被拒绝\n请校准时钟并保持同步："
	    "timedatectl set-ntp true，或 chrony" },
	{ "this host's clock is %lld s %s QT's\nset the clock, and keep it set: timedatectl "
	    "set-ntp true, or chrony",
	    "本机时钟比 QT %2$s %1$lld 秒\n请校准时钟并保持同步：timedatectl set-ntp true，或 "
	    "chrony" },
	{ "this host's clock is %lld s from QT's", "本机时钟与 QT 相差 %lld 秒" },
	{ "%s: no answer: %s\nif this lasts, ask those who run QT; until then messages wait in "
	    "the queue",
	    "%s：没有应答：%s\n如果持续如此，请询问 QT 的管理员；在此之前消息在队列中等待" },
	{ "%s: HTTP %d, and the answer is not QT's\ncompare it with \"Server tracking\" in QT's "
	    "console; it must end with /server/thirdPartyDataSource",
	    "%s：HTTP %d，不是 QT 的应答\n请与 QT 后台\"服务端埋点\"中的地址核对；它须以 "
	    "/server/thirdPartyDataSource 结尾" },
	{ "%s answers %s in %d ms", "%s 应答 %s，%d ms" },
	{ "control_url gives an access_token of %zu characters by %s",
	    "control_url 给出了 %zu 个字符的 access_token，路径 %s" },
	{ "%s\ncompare control_url and control_token_path with what the control server answers",
	    "%s\n请把 control_url 和 control_token_path 与中控服务器的应答核对" },
	{ "there is no access_token: %s\ncorrect that, then run: qtoa token %s --refresh",
	    "没有 access_token：%s\n请先解决，再运行：qtoa token %s --refresh" },
	{ "the access_token is not the newest: %s\ncorrect that, then run: qtoa token %s --refresh",
	    "access_token 不是最新的：%s\n请先解决，再运行：qtoa token %s --refresh" },
	{ "the access_token is valid for %lld s more", "access_token 还有 %lld 秒有效" },
	{ "%d failed, %d warning%s\n", "%d 项失败，%d 项警告%.0s\n" },
	{ ", %lld of %lld inodes", "，inode 剩余 %lld，共 %lld" },
	{ "%lld MB of %lld MB%s are free at %s: with less than %s nothing is queued, and WeChat "
	    "gets 503 when QT does not answer\nmake room, or put state_dir on another disk",
	    "%4$s 剩余 %1$lld MB，共 %2$lld MB%3$s：不足 %5$s 时不再存入队列，QT 不应答则微信"
	    "得到 503\n请腾出空间，或把 state_dir 移到另一块磁盘" },
	{ "%lld MB of %lld MB%s are free at %s", "%4$s 剩余 %1$lld MB，共 %2$lld MB%3$s" },
	{ "%s: %s\nrun: df %s", "%s：%s\n请运行：df %s" },
	{ "%d KiB cannot be written to %s: %s: WeChat gets 503 when QT does not answer\nmake room "
	    "(df, df -i, quota), and look at the limits of its user (ulimit -f)",
	    "%d KiB 无法写入 %s：%s：QT 不应答则微信得到 503\n请腾出空间（df、df -i、quota），"
	    "并查看其用户的限制（ulimit -f）" },
	{ "it takes %d ms to write %d KiB, and WeChat waits 5000 ms in all\nput state_dir on a "
	    "local disk",
	    "写入 %2$d KiB 需要 %1$d ms，而微信总共只等 5000 ms\n请把 state_dir 放在本地磁盘上" },
	{ "%d KiB are written and synced in %d ms", "写入并同步 %d KiB 用时 %d ms" },
	{ "%s: %s: without it a message that WeChat repeats may be forwarded twice\nmove away "
	    "what is in its place, or give it to the owner of the directory with mode 0600; on "
	    "NFS start its lock service",
	    "%s：%s：没有它，微信重复推送的消息可能转发两次\n请移走占据其位置的东西，或把它交"
	    "给该目录的属主，权限 0600；在 NFS 上请启动其锁服务" },
	{ "was damaged and is in quarantine; its messages are not recovered yet",
	    "已损坏并被隔离，其中的消息尚未恢复" },
	{ "run: qtoa drain; what cannot be read stays in the file",
	    "请运行：qtoa drain；读不出的会留在该文件中" },
	{ "is of a newer qtoa and is in quarantine; its messages are not recovered yet",
	    "属于更新版本的 qtoa，已被隔离，其中的消息尚未恢复" },
	{ "run: qtoa drain; or install the newer qtoa again",
	    "请运行：qtoa drain；或重新安装较新的 qtoa" },
	{ "is another program's database and stood in qtoa's place",
	    "是其他程序的数据库，占据了 qtoa 的位置" },
	{ "move it to where it belongs", "请把它移到该去的地方" },
	{ "reminds of a database that was removed while messages waited in it: they are lost, if "
	    "the log does not say that they were taken over",
	    "表明有一个数据库在还有待发消息时被删除：如果日志没有说消息已转移，它们就丢了" },
	{ "find out who removes files there, then remove this one",
	    "请查明是谁删除了那里的文件，然后删除这一个" },
	{ "was in quarantine, and its messages are recovered", "曾被隔离，其中的消息已恢复" },
	{ "remove it when you do not need it any more", "不再需要时请删除" },
	{ "%s: %s: the file is damaged; at the next message qtoa quarantines it, begins a new one "
	    "and recovers what can be read\ncopy the file first if you want to examine it, check "
	    "the disk, then run: qtoa drain",
	    "%s：%s：文件已损坏；收到下一条消息时，qtoa 会隔离它，新建一个，并恢复读得出的内容"
	    "\n如要研究，请先复制该文件，并检查磁盘，然后运行：qtoa drain" },
	{ "%s: %s: another program has locked it for over %d s\nfind out which program: fuser %s",
	    "%s：%s：另一个程序已将它锁住超过 %d 秒\n请查明是哪个程序：fuser %s" },
	{ "%s: %s\ncheck the owner and the mode of the file and of those beside it, and the disk",
	    "%s：%s\n请检查该文件及其旁边文件的属主和权限，以及磁盘" },
	{ "%s is damaged: it does not say that it is qtoa's; at the next message qtoa quarantines "
	    "it and recovers what can be read\ncheck the disk, then run: qtoa drain",
	    "%s 已损坏：它没有表明自己属于 qtoa；收到下一条消息时，qtoa 会隔离它并恢复读得出的"
	    "内容\n请检查磁盘，然后运行：qtoa drain" },
	{ "%s is another program's database: qtoa quarantines it at the next message\ngive "
	    "settings.state_dir a directory of its own",
	    "%s 是其他程序的数据库：收到下一条消息时，qtoa 会隔离它\n请给 settings.state_dir "
	    "一个专用的目录" },
	{ "%s is of a newer qtoa, version %lld where this one knows %lld: qtoa quarantines it at "
	    "the next message\ninstall the newer qtoa again",
	    "%s 属于更新版本的 qtoa，版本 %lld，而本程序只认识 %lld：收到下一条消息时，qtoa 会"
	    "隔离它\n请重新安装较新的 qtoa" },
	{ "%s, version %lld; the next message migrates it to %lld",
	    "%s，版本 %lld；收到下一条消息时升级为 %lld" },
	{ "%s is damaged: %s\nstop the program, copy the file, check the disk, then run: qtoa "
	    "drain",
	    "%s 已损坏：%s\n请停止程序，复制该文件，检查磁盘，然后运行：qtoa drain" },
	{ "%s is large: %d s were not enough to check all of it",
	    "%s 很大：%d 秒不够检查全部内容" },
	{ "message waits", "条消息待转发" },
	{ "messages wait", "条消息待转发" },
	{ "%lld %s for QT, the oldest for %s\nqtoa queue list says why; with CGI, let cron run "
	    "qtoa drain",
	    "%lld %s到 QT，最早的已等 %s\nqtoa queue list 会说明原因；以 CGI 运行时，请用 "
	    "cron 运行 qtoa drain" },
	{ "%lld %s for QT", "%lld %s到 QT" },
	{ "QT has refused %lld message%s for good\nqtoa queue list says why; then run qtoa queue "
	    "retry ID, or qtoa queue drop ID",
	    "QT 拒收了 %lld 条消息%.0s，成为死信\nqtoa queue list 会说明原因；然后请运行 qtoa "
	    "queue retry ID 或 qtoa queue drop ID" },
	{ "%s, version %lld; committed and synced in %d ms",
	    "%s，版本 %lld；提交并同步用时 %d ms" },
	{ "check its owner, its mode and the disk (df, quota)",
	    "请检查其属主、权限和磁盘（df、quota）" },
	{ "%s does not exist yet; the first message creates it",
	    "%s 还不存在，收到第一条消息时会创建" },
	{ "%s-wal is damaged, and SQLite reads it only up to the damage\nrestart qtoa: that takes "
	    "over the messages behind it; and check the disk",
	    "%s-wal 已损坏，SQLite 只读到损坏之处\n请重启 qtoa：它会转移其后的消息；并检查磁盘" },
	{ "%s\ncorrect that value; after a change of config.h run make and make install",
	    "%s\n请改正该值；修改 config.h 后请运行 make 和 make install" },
	{ "ok", "正常" },
	{ "warning", "警告" },
	{ "failed", "失败" },
	{ ": ", "：" },
	{ "; ", "；" },
	{ "the old Token", "旧的令牌（Token）" },
	{ "the old key", "旧的加密密钥" },
	{ " and ", " 和 " },
	{ ", standby ", "，备用 " },
	{ ".../%s, %s mode, %s, to %s%s%s", ".../%s，%s，%s，转发到 %s%s%s" },
	{ "behind", "慢" },
	{ "%zu account%s", "%zu 个公众号%.0s" },
	{ "configuration", "配置" },
	{ "user", "用户" },
	{ "program", "程序" },
	{ "network", "网络" },
	{ "lock", "锁" },
	{ "queue", "队列" },
	{ "%s: from %s, mode %04o", "%s：来自 %s，权限 %04o" },
	{ "%s, owner %s, mode %04o", "%s，属主 %s，权限 %04o" },
	{ "%s: %s\ninstall libcurl 7.68.0 or later with HTTPS, and start qtoa again",
	    "%s：%s\n请安装支持 HTTPS 的 libcurl 7.68.0 或更高版本，并重启 qtoa" },
	{ "%s; pushes are answered 503, since they could not be sent to QT\ninstall libcurl 7.68.0 "
	    "or later with HTTPS, and start qtoa again",
	    "%s；推送无法转发到 QT，因此应答 503\n请安装支持 HTTPS 的 libcurl 7.68.0 或更高版本，并"
	    "重启 qtoa" },
	{ "%s: %s\nWeChat is not asked anything more in this check; run it again later",
	    "%s：%s\n本次检查不再询问微信；请稍后重新运行" },
	{ "%s: %s\nif that does not help, see what WeChat has recorded of the call: qtoa rid %s %s",
	    "%s：%s\n如果仍不能解决，请查看微信对这次调用的记录：qtoa rid %s %s" },
	{ "%s: %s\nsee this error in WeChat's \"Global return codes\"; if it lasts, ask WeChat's "
	    "support",
	    "%s：%s\n请在微信的\"全局返回码\"中查找该错误；如果持续如此，请联系微信客服" },
	{ "WeChat sends pushes to %s, but here the name %s has no address\ncheck the name, and "
	    "this host's DNS (/etc/resolv.conf)",
	    "微信把推送发往 %s，但在本机，域名 %s 没有地址\n请检查域名和本机的 DNS（"
	    "/etc/resolv.conf）" },
	{ "%s resolves here to %s, an address that WeChat sends pushes to",
	    "%s 在本机解析为 %s，微信的推送发往该地址" },
	{ "WeChat sends pushes to %s, but here %s resolves to %s\ncompare the URL in WeChat's "
	    "console with that name; after a change of DNS, wait until it is known everywhere",
	    "微信把推送发往 %s，但在本机 %s 解析为 %s\n请核对微信后台的 URL 与该域名；如果刚修改了 "
	    "DNS，请等待各处生效" },
	{ "the host in the URL of WeChat's console has the address %s, which the Internet cannot "
	    "reach\ngive that name the public address of this host",
	    "微信后台 URL 中主机的地址是 %s，无法从互联网访问\n请把该域名解析到本机的公网地址" },
	{ "WeChat sends pushes to %s, an address of this host", "微信把推送发往 %s，是本机的地址" },
	{ "WeChat sends pushes to %s; this host has private addresses only, so something before it "
	    "must pass them on",
	    "微信把推送发往 %s；本机只有内网地址，推送须由前面的设备转发" },
	{ "WeChat sends pushes to %s; this host has %s, so a proxy must pass them on, or the URL "
	    "in WeChat's console leads elsewhere",
	    "微信把推送发往 %s；本机的地址是 %s，因此推送须由代理转发，否则就是微信后台的 URL 指向"
	    "了别处" },
	{ "WeChat's ping was answered, %d of %d", "微信 ping 有应答：%2$d 个中的 %1$d 个" },
	{ "WeChat's ping was not answered: many hosts and firewalls drop it, and pushes can come "
	    "all the same",
	    "微信 ping 本机没有应答：许多主机和防火墙会丢弃 ping，推送不受影响" },
	{ "%s: the answer, %zu bytes, has no addresses in dns\ncheck the URL in WeChat's console, "
	    "and its DNS record",
	    "%s：应答（%zu 字节）的 dns 中没有地址\n请检查微信后台的 URL 及其 DNS 记录" },
	{ "%s\nthe last list serves, and qtoa asks again; it is needed only for "
	    "settings.wechat_only",
	    "%s\n上次的列表继续有效，qtoa 会再次获取；只有 settings.wechat_only 需要它" },
	{ "WeChat's pushes come from %lld addresses and networks; the list is %s old",
	    "微信的推送来自 %lld 个地址和网段；列表是 %s前的" },
	{ "%s: the answer, %zu bytes, has no addresses in ip_list\nlet an outgoing firewall pass "
	    "TCP port 443 to the name api.weixin.qq.com",
	    "%s：应答（%zu 字节）的 ip_list 中没有地址\n出站防火墙请按域名放行 api.weixin.qq.com 的"
	    " TCP 443 端口" },
	{ "an outgoing firewall must let TCP port 443 pass to WeChat's API, %d addresses: %s",
	    "出站防火墙须放行到微信 API 的 TCP 443 端口，共 %d 个地址：%s" },
	{ "openapi/quota/get: the answer has no quota of %s\nsee the quotas in WeChat's console",
	    "openapi/quota/get：应答中没有 %s 的调用次数\n请在微信后台查看调用次数" },
	{ "of %lld calls of %s a day only %lld are left\nfind out who else asks for access_tokens "
	    "of this AppID; the quota is full again tomorrow",
	    "%2$s 每天 %1$lld 次调用，只剩 %3$lld 次\n请查明还有谁在获取该 AppID 的 access_token；"
	    "次数明天恢复" },
	{ "%lld of %lld calls of %s are left today", "%3$s 今天还剩 %1$lld 次调用，共 %2$lld 次" },
	{ "%s: there is no list of WeChat's addresses yet, so no push is compared with it\nan "
	    "account with .secret is needed; under FastCGI qtoa fetches the list by itself, under "
	    "CGI after a push, or run: qtoa drain",
	    "%s：还没有微信的地址列表，推送的来源无从比较\n须有设置了 .secret 的公众号；以 FastCGI "
	    "运行时 qtoa 自行获取列表，以 CGI 运行时在收到推送后获取，或请运行：qtoa drain" },
	{ "%s: %lld signed pushes of today did not come from the %lld addresses and networks of "
	    "WeChat's list, %s old\nthe log names their peers: behind a proxy set "
	    "settings.trusted_proxies; if they are strangers, change the Token in WeChat's console",
	    "%s：今天有 %lld 条已签名的推送不是来自微信列表中的 %lld 个地址和网段，列表是 %s前的\n"
	    "日志中有其来源地址：如果位于代理之后，请设置 settings.trusted_proxies；如果来源陌生，"
	    "请在微信后台更换令牌（Token）" },
	{ "%s: %lld addresses and networks, the list is %s old; all of today's signed pushes came "
	    "from there",
	    "%s：%lld 个地址和网段，列表是 %s前的；今天已签名的推送都来自其中" },
	{ "environment", "环境变量" },
	{ "%s\nset it where qtoa starts (web server, service, container), and start that again",
	    "%s\n请在启动 qtoa 之处（Web 服务器、服务、容器）设置，并重启之" },
	{ ", %s", "、%s" },
	{ NULL, NULL }
};
