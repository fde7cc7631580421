#include <stddef.h>

#include "cli/zh/zh.h"

const struct lang_row *const	zh_tables[] = {
	zh_help, zh_verbs, zh_status, zh_check, zh_conf, zh_error, zh_errno, zh_wechat,
	zh_ask, zh_alert, zh_reply, zh_followers, zh_store, zh_shared, NULL
};
