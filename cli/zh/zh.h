/*
 * zh.h: the Chinese of the command line, a file for each part of it.
 *
 * The English text of the code is the key of its row (core/lang.h).  `make check-lang` names each
 * text that has no row, and each row that no text has.
 */
#ifndef CLI_ZH_ZH_H
#define CLI_ZH_ZH_H

#include "core/lang.h"

/* All of them, for lang_use(); the list ends with NULL. */
extern const struct lang_row *const	 zh_tables[];

extern const struct lang_row	zh_help[];	/* each of them ends with a row of NULL */
extern const struct lang_row	zh_verbs[];
extern const struct lang_row	zh_status[];
extern const struct lang_row	zh_check[];
extern const struct lang_row	zh_conf[];
extern const struct lang_row	zh_error[];
extern const struct lang_row	zh_errno[];
extern const struct lang_row	zh_wechat[];
extern const struct lang_row	zh_ask[];
extern const struct lang_row	zh_alert[];
extern const struct lang_row	zh_reply[];
extern const struct lang_row	zh_followers[];
extern const struct lang_row	zh_store[];
extern const struct lang_row	zh_shared[];

#endif
