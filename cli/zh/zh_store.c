#include <stddef.h>

#include "cli/zh/zh.h"

/* qtoa store: its help, and what it says. */
const struct lang_row zh_store[] = {
	{ "move this host's store to the shared one, or back",
	    "把本机的存储迁移到共享存储，或迁回" },
	{ "Moves what hosts share, such as messages, events, followers and tokens, from the SQLite "
	    "file in settings.state_dir into the store that settings.store names, after a "
	    "question.  That store may have rows of other hosts already.  Rows leave the file only "
	    "when the other store has them, so a run that was stopped or killed goes on at the "
	    "next one.  qtoa may run meanwhile, if it was started with settings.store set.",
	    "询问之后，把各主机共享的内容（消息、事件、关注者、令牌等）从 settings.state_dir 中的 "
	    "SQLite 文件迁移到 settings.store 所指的存储。该存储中可以已有其他主机的数据。对方存储"
	    "收下之后，文件中的行才会删除，所以中断或被杀死后，再次运行会继续。只要 qtoa 启动时已"
	    "设置 settings.store，迁移期间它可以照常运行。" },
	{ "0 all rows are moved, 1 some are left, or it failed",
	    "0 全部迁移完毕，1 有剩余，或者失败" },
	{ "from the shared store into the file of this host; stop qtoa on all hosts before",
	    "从共享存储迁回本机的文件；请先停止所有主机上的 qtoa" },
	{ "show how many rows are here, and in the shared store", "显示本机和共享存储各有多少行" },
	{ "Shows for each table how many rows the SQLite file of this host has, and how many the "
	    "store that settings.store names.",
	    "对每个表，显示本机的 SQLite 文件有多少行，settings.store 所指的存储有多少行。" },
	{ "0 both were read, 1 one could not be read", "0 两者都已读取，1 有一个无法读取" },
	{ "%lld/%lld rows", "%lld/%lld 行" },
	{ "qtoa: another process sends messages that wait; try again, or stop qtoa first\n",
	    "qtoa: 另一个进程正在发送待发消息；请重试，或先停止 qtoa\n" },
	{ "moved: %lld rows in %s\n", "已迁移：%lld 行，用时 %s\n" },
	{ "qtoa: %lld rows are left: they came meanwhile, or their rows are in use; restart or "
	    "stop what still works on that store, and run it again\n",
	    "qtoa: 还剩 %lld 行：是迁移期间新来的，或者正在使用；请重启或停止仍在使用该存储的程序，"
	    "然后再次运行\n" },
	{ "next: leave settings.store empty, build and install qtoa, start it on this host alone, "
	    "and run: qtoa check\n",
	    "下一步：将 settings.store 留空，编译并安装 qtoa，只在本机启动，然后运行：qtoa check\n" },
	{ "next: restart qtoa on this host if it runs since before settings.store was set, and "
	    "run: qtoa check\n",
	    "下一步：如果本机的 qtoa 在设置 settings.store 之前就已启动，请重启它，然后运行："
	    "qtoa check\n" },
	{ "move %lld rows from the store of settings.store into the file of this host?",
	    "把 %lld 行从 settings.store 所指的存储迁回本机的文件？" },
	{ "move %lld rows from the file of this host into the store of settings.store?",
	    "把 %lld 行从本机的文件迁移到 settings.store 所指的存储？" },
	{ "both stores are empty\n", "两个存储都是空的\n" },
	{ "nothing is moved\n", "没有迁移\n" },
	{ "qtoa: settings.store is empty, so this host shares its store with nobody; set it in "
	    "config.h, build and install qtoa, and run this again\n",
	    "qtoa: settings.store 为空，本机没有共享存储；请在 config.h 中设置，编译并安装 qtoa，"
	    "然后再次运行\n" },
	{ NULL, NULL }
};
