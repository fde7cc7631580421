/*
 * rules.h: the rules by which an account answers its users, as a file has them.
 *
 * The file is JSON in the shape of WeChat's get_current_autoreply_info, which tells the automatic
 * replies that were set in WeChat's console, with one more list:
 *
 *	is_add_friend_reply_open	0: no reply to followers
 *	add_friend_autoreply_info	the reply to followers: {"type": .., "content": ..}
 *	is_autoreply_open		0: no reply to messages
 *	keyword_autoreply_info		{"list": [rule, ..]}; a rule has rule_name, create_time,
 *					reply_mode, keyword_list_info, reply_list_info
 *	message_default_autoreply_info	the reply to other messages, once an hour for a user
 *	click				[{"key": .., "reply_list_info": [..]}, ..]: menu keys
 *	fold				0: keywords are compared byte by byte
 *
 * Which rule answers a text?  A keyword that must be equal to the text goes before one that must be
 * in it; then the rule with the later create_time goes first, rules without create_time before all
 * others, and at last the order in the file counts.  Before texts are compared, blanks around them
 * are cut off, and letters are made lower case and of normal width ("ＶＩＰ" is "vip").
 *
 * A passive reply is one message, so of several replies of a rule the first that can be sent is
 * taken, or with random_one one of them: which one, the key of the user's message says, so that a
 * repeat of the message gets the same.
 */
#ifndef REPLY_RULES_H
#define REPLY_RULES_H

#include <stdbool.h>

#include "core/buf.h"
#include "passive.h"

enum rules_kind { RULES_FOLLOW, RULES_KEYWORD, RULES_CLICK, RULES_DEFAULT, RULES__KINDS };

extern const char *const rules_kinds[RULES__KINDS];	/* "follow", "keyword", ... */

enum { RULES_FILE_MAX = 1 << 20 };	/* bytes of a file */

/* The rules of a file.  They do not change, so all threads can use them. */
struct rules;

/*
 * Gets what is wrong with the file (wrong: so that it cannot be used), or what of it is not sent.
 * where: a part of the file, "keyword_autoreply_info.list[2] (prices)"; "": the file.  Both texts
 * are printable, in the language of core/lang.h.
 */
typedef void	 rules_say(void *ctx, bool wrong, const char *where, const char *what);

/* Reads a file's text.  say may be NULL.  NULL: it cannot be used, or no memory; say was told. */
struct rules	*rules_parse(struct slice text, rules_say *say, void *ctx);
void		 rules_free(struct rules *r);

/* How many rules of a kind can answer. */
size_t		 rules_count(const struct rules *r, enum rules_kind kind);

/* A user's message, as far as rules look at it. */
struct rules_message {
	struct slice	 msgtype, event;	/* MsgType and Event */
	struct slice	 content;		/* Content, of a text */
	struct slice	 event_key;		/* EventKey, of an event */
	const char	*key;			/* from message_key() */
};

/* The rule that answers; slices live as long as the rules. */
struct rules_found {
	enum rules_kind		 kind;
	struct slice		 name;		/* rule_name, or a keyword, or the menu's key */
	size_t			 place;		/* in its list, from 0 */
	const struct passive	*reply;
};

/* False: no rule answers this message.  work is scratch; *er: ERR_OK or ERR_NOMEM. */
bool		 rules_find(const struct rules *r, struct rules_found *f, enum error *er,
		    const struct rules_message *m, struct buf *work);

#endif
