/*
 * menu.h: the menu of an account, as a file has it, and WeChat's limits for it.
 *
 * The file is what WeChat's menu/create takes, with the conditional menus that menu/get tells:
 *
 *	{"button":[..],"conditionalmenu":[{"button":[..],"matchrule":{..}},..]}
 *
 * Of several conditional menus that match a user, the first in the file counts.
 *
 * A menu that was made in WeChat's console is told in another shape, by get_current_selfmenu_info:
 * with texts, images, voices and news, which WeChat's API cannot make.  Such an entry becomes one
 * of the type click, and a rule that answers its key (reply/rules.h).
 */
#ifndef REPLY_MENU_H
#define REPLY_MENU_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/json.h"
#include "reply/import.h"
#include "reply/rules.h"

/* Appends a file from the answer of menu/get.  ERR_NOMEM. */
enum error	 menu_from_api(struct buf *out, const struct json *answer);

/*
 * Appends a file from the answer of get_current_selfmenu_info, and to clicks a JSON list of the
 * rules for the keys that were made.  ERR_NOMEM.
 */
enum error	 menu_from_console(struct buf *out, struct buf *clicks, const struct import *im,
		    const struct json *answer);

/* False: WeChat would not take this file; say was told each reason. */
bool		 menu_check(const struct json *menu, rules_say *say, void *ctx);

/*
 * Appends a line for each entry, "1.2 name: view url=https://...", and for each conditional menu.
 * Menus with equal lines are equal.  menu may be NULL: there is no menu.  ERR_NOMEM.
 */
enum error	 menu_lines(struct buf *out, const struct json *menu);

/* Appends the body of menu/create, or of menu/addconditional for the i-th one.  ERR_NOMEM. */
enum error	 menu_body(struct buf *out, const struct json *menu);
enum error	 menu_conditional_body(struct buf *out, const struct json *menu, size_t i);

/* The list of conditional menus; NULL: the menu has no such list. */
const struct json *menu_conditionals(const struct json *menu);

#endif
