#include <stddef.h>

#include "cli/zh/zh.h"

/* What strerror() says, for lang_errno(). */
const struct lang_row zh_errno[] = {
	{ "No such file or directory", "没有那个文件或目录" },
	{ "Permission denied", "权限不够" },
	{ "Operation not permitted", "不允许的操作" },
	{ "No space left on device", "磁盘已满" },
	{ "Disk quota exceeded", "超出磁盘配额" },
	{ "File too large", "文件过大" },
	{ "Read-only file system", "只读文件系统" },
	{ "Not a directory", "不是目录" },
	{ "Is a directory", "是一个目录" },
	{ "File exists", "文件已存在" },
	{ "File name too long", "文件名过长" },
	{ "Too many levels of symbolic links", "符号链接层数过多" },
	{ "Too many open files", "打开的文件过多" },
	{ "Too many open files in system", "系统中打开的文件过多" },
	{ "No locks available", "没有可用的锁" },
	{ "Cannot allocate memory", "无法分配内存" },
	{ "Input/output error", "输入/输出错误" },
	{ "Device or resource busy", "设备或资源忙" },
	{ "Text file busy", "文件正在使用" },
	{ "No such device or address", "没有那个设备或地址" },
	{ "Invalid argument", "参数无效" },
	{ "Connection refused", "连接被拒绝" },
	{ "Connection timed out", "连接超时" },
	{ "Network is unreachable", "网络不可达" },
	{ "No route to host", "没有到主机的路由" },
	{ NULL, NULL }
};
