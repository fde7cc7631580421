#include <stddef.h>

#include "cli/zh/zh.h"

/* A database that hosts share, and the hosts. */
const struct lang_row zh_shared[] = {
	/* qtoa check */
	{ "on this host", "在本机" },
	{ "with TLS", "使用 TLS" },
	{ "without TLS", "未使用 TLS" },
	{ "the shared database cannot be used: %s\nlook at settings.store, at the server and its "
	    "pg_hba.conf, and at the firewall",
	    "共用数据库无法使用：%s\n请检查 settings.store、数据库服务器及其 pg_hba.conf，以及防火墙" },
	{ "the connection to %s is not encrypted: anybody on the way can read messages, keys and "
	    "tokens\nadd sslmode=verify-full to settings.store, and set up TLS on the server",
	    "到 %s 的连接没有加密：途中的任何人都能看到消息、密钥和令牌\n请在 settings.store 中加上 "
	    "sslmode=verify-full，并在数据库服务器上配置 TLS" },
	{ "%s is a standby, and nothing can be written there\nname all servers in settings.store, "
	    "so that the primary is found: postgresql://USER@HOST1,HOST2/DATABASE",
	    "%s 是备库，不能写入\n请在 settings.store 中写上所有服务器，以便找到主库："
	    "postgresql://USER@HOST1,HOST2/DATABASE" },
	{ "%s only lets this user read (default_transaction_read_only)\nlet the user write",
	    "%s 只允许该用户读取（default_transaction_read_only）\n请允许该用户写入" },
	{ "%s does not say how it keeps data: %s: what `success` is worth there is not known\nask "
	    "those who run the server",
	    "%s 没有说明它如何保存数据：%s：无法得知 `success` 在此有何保证\n请询问该服务器的管理者" },
	{ "the tables are of a newer qtoa, version %lld where this one knows %lld: qtoa does not "
	    "start\ninstall the newer qtoa on this host",
	    "表由更新的 qtoa 建立，版本为 %lld，本程序只认识 %lld：qtoa 不会启动\n请在本机安装更新的 "
	    "qtoa" },
	{ "there are no tables yet; qtoa makes them when it starts",
	    "还没有表，qtoa 启动时会建立" },
	{ "the tables have version %lld; qtoa migrates them to %lld when it starts",
	    "表的版本为 %lld，qtoa 启动时会升级到 %lld" },
	{ "the user of settings.store may not read and write all tables: %s\nmake it their owner, "
	    "or run there: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ... TO ...",
	    "settings.store 的用户不能读写所有的表：%s\n请让它成为这些表的属主，或在数据库中运行："
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ... TO ..." },
	{ "the user of settings.store may not make tables, as %s needs\nrun there: GRANT CREATE ON "
	    "SCHEMA ... TO ...",
	    "settings.store 的用户不能建表，而%s需要\n请在数据库中运行：GRANT CREATE ON SCHEMA ... "
	    "TO ..." },
	{ "this qtoa", "本版本的 qtoa" },
	{ "a newer qtoa", "更新的 qtoa" },
	{ "store_ack is REPLICA, but the server waits for no standby (synchronous_standby_names is "
	    "empty), so qtoa does not start\nset synchronous_standby_names there, or choose "
	    "store_ack = DISK",
	    "store_ack 为 REPLICA，但服务器不等待任何备库（synchronous_standby_names 为空），因此 "
	    "qtoa 不会启动\n请在服务器上设置 synchronous_standby_names，或改为 store_ack = DISK" },
	{ "store_ack is REPLICA, and of the standbys that the server waits for (%s) not one "
	    "follows it: it acknowledges nothing\nstart a standby; on the server, "
	    "pg_stat_replication shows them",
	    "store_ack 为 REPLICA，而服务器所等待的备库（%s）没有一个在跟随：它不会确认任何写入\n"
	    "请启动备库；在服务器上可用 pg_stat_replication 查看" },
	{ "`success` means: QT has the message, or two disks have it, that of the server and that "
	    "of a standby (%s); to lose one of these machines loses no message",
	    "`success` 意味着：消息已交给 QT，或者已写入两块磁盘，即服务器的和一个备库的（%s）；失去"
	    "其中一台机器不会丢失消息" },
	{ "`success` means: QT has the message, or the disk of the server has it; this server can "
	    "also wait for a standby (%s): with store_ack = REPLICA the loss of its disk loses no "
	    "message",
	    "`success` 意味着：消息已交给 QT，或者已写入服务器的磁盘；该服务器也可以等待备库（%s）："
	    "改用 store_ack = REPLICA，失去它的磁盘也不会丢失消息" },
	{ "`success` means: QT has the message, or the disk of the server has it; the server does "
	    "not wait for its standbys, so if one takes over, the last messages that waited may be "
	    "lost",
	    "`success` 意味着：消息已交给 QT，或者已写入服务器的磁盘；服务器不等待备库，因此主备切换时，"
	    "最后一些等待中的消息可能丢失" },
	{ "`success` means: QT has the message, or the disk of the server has it; if that disk is "
	    "lost, the messages that waited are lost",
	    "`success` 意味着：消息已交给 QT，或者已写入服务器的磁盘；如果失去这块磁盘，等待中的消息就"
	    "会丢失" },
	{ "full_page_writes is off: a power cut can damage the database, if its file system does "
	    "not write pages whole\nset full_page_writes = on there",
	    "full_page_writes 已关闭：如果文件系统不能整页写入，断电可能损坏数据库\n请在服务器上设置 "
	    "full_page_writes = on" },
	{ "synchronous_commit is off or local there; qtoa sets it itself for each message that "
	    "must be kept",
	    "服务器的 synchronous_commit 为 off 或 local；对每条必须保存的消息，qtoa 会自行设置" },
	{ "`success` is worth little: fsync is off, so a power cut loses messages that WeChat does "
	    "not send again\nset fsync = on there",
	    "`success` 几乎没有保证：fsync 已关闭，断电会丢失微信不再重发的消息\n请在服务器上设置 "
	    "fsync = on" },
	{ "the server's clock is %lld s %s this host's\nset both clocks, and keep them set: "
	    "timedatectl set-ntp true, or chrony",
	    "数据库服务器的时钟比本机%2$s %1$lld 秒\n请校准两边的时钟并保持同步：timedatectl set-ntp "
	    "true，或使用 chrony" },
	{ "the server's clock is %lld ms from this host's", "数据库服务器的时钟与本机相差 %lld 毫秒" },
	{ "a commit failed: %s\nlook at the log of the server and at its disk",
	    "提交失败：%s\n请查看服务器的日志和磁盘" },
	{ "of %d commits, half took up to %s ms and 99 of 100 up to %s ms, but store_ms is %d: the "
	    "others count as failed\nfind out why the server is slow, or raise store_ms",
	    "%d 次提交中，一半在 %s 毫秒内完成，99%% 在 %s 毫秒内完成，但 store_ms 为 %d：其余的算作"
	    "失败\n请查明服务器为何缓慢，或调大 store_ms" },
	{ "of %d commits, half took up to %s ms and 99 of 100 up to %s ms; store_ms allows %d",
	    "%d 次提交中，一半在 %s 毫秒内完成，99%% 在 %s 毫秒内完成；store_ms 允许 %d" },
	{ "while the database fails, messages are kept in %s/qtoa.db and are moved later",
	    "数据库故障期间，消息保存在 %s/qtoa.db 中，恢复后再移过去" },
	{ "while the database fails, messages that QT does not confirm are answered 503",
	    "数据库故障期间，QT 未确认的消息一律应答 503" },
	{ "this host keeps %lld message%s for the shared database\nqtoa moves what it keeps when "
	    "the database works again; if that takes long, run: qtoa drain",
	    "本机暂存了 %lld 条消息%.0s，等待移入共用数据库\n数据库恢复后 qtoa 会移过去；如果很久不动，"
	    "请运行：qtoa drain" },
	/* qtoa status, /-/health, alerts */
	{ "not connected", "未连接" },
	{ "shared, %s: works", "共用，%s：正常" },
	{ "shared, %s: fails", "共用，%s：故障" },
	{ "shared, %s: fails for %s", "共用，%s：已故障 %s" },
	{ "; this host keeps %lld message%s", "；本机暂存 %lld 条消息%.0s" },
	{ "hosts", "主机" },
	{ "%s (ended %s ago)", "%s（%s前已停止）" },
	{ "%s (seen %s ago)", "%s（%s前可见）" },
	{ "; the numbers of today are those of this host", "；今天的数字只是本机的" },
	{ " for %s", "（已 %s）" },
	{ "the log says why", "原因见日志" },
	{ "the shared database fails%s: %.200s: until it works, this host keeps messages itself "
	    "(%lld now), and one that comes to two hosts may be forwarded twice; look at the "
	    "database, and run: qtoa check",
	    "共用数据库故障%s：%.200s：恢复之前，本机自行保存消息（现有 %lld 条），同一消息到达两台主机"
	    "时可能转发两次；请检查数据库，并运行：qtoa check" },
	{ "the shared database fails%s: %.200s: what QT does not confirm is answered 503; look at "
	    "the database, and run: qtoa check",
	    "共用数据库故障%s：%.200s：QT 未确认的消息应答 503；请检查数据库，并运行：qtoa check" },
	{ "not seen for %s: %s; such a host is down, or cut off from the database; look at it; one "
	    "that is not used any more is forgotten after 7 days",
	    "已 %s不见：%s；这样的主机已停机，或连不上数据库；请查看该主机；不再使用的主机 7 天后"
	    "自动移除" },
	{ "several hosts have the same name: %s; give each its own, in settings.host or with "
	    "hostnamectl",
	    "多台主机同名：%s；请在 settings.host 中或用 hostnamectl 给每台各起一个名字" },
	{ "this host keeps %lld message%s of a time when the shared database failed, and moves "
	    "them now; if they stay, run: qtoa drain",
	    "本机还有 %lld 条消息%.0s，是共用数据库故障期间保存的，正在移过去；如果一直不动，请运行："
	    "qtoa drain" },
	{ "all hosts are there again, each with a name of its own",
	    "所有主机都已恢复，且各有自己的名字" },
	/* qtoa reconcile */
	{ "qtoa: the counters of the other hosts cannot be read; run: qtoa check\n",
	    "qtoa：无法读取其他主机的计数；请运行：qtoa check\n" },
	{ NULL, NULL }
};
