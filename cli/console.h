/*
 * console.h: for the verbs that work on what is otherwise set in WeChat's console (qtoa reply,
 * qtoa menu): calls to WeChat, media, files, questions.  If one of these functions fails, it has
 * said why on stderr.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/conf.h"
#include "core/json.h"
#include "forwarder/services.h"

struct console {
	struct services		 services;
	const struct account	*account;
	int			 lost;		/* what console_say() was told */
};

/* Finds the account, which must have .secret.  Call console_close() in both cases. */
bool		 console_open(struct console *c, const struct conf *conf, int problems,
		    const char *account);
void		 console_close(struct console *c);

/*
 * Calls WeChat's API: with a body by POST.  Returns the answer, which the caller frees.  NULL: it
 * failed; if the errcode is `quiet`, nothing was said, and *is_quiet is true.
 */
struct json	*console_call(struct console *c, const char *path, struct slice body, int quiet,
		    bool *is_quiet);

/* Uploads a medium as permanent material; it is an import_media, and ctx a struct console. */
bool		 console_media(void *ctx, struct buf *id, const char *kind, struct slice source);

/* Prints a fault of a file, or what cannot be kept, on stderr; it is a rules_say. */
void		 console_say(void *ctx, bool wrong, const char *where, const char *what);

/* Reads a JSON file.  NULL: it cannot be read; with may_lack nothing is said if it is not there. */
struct json	*console_read(const char *file, bool may_lack);

/*
 * Writes JSON text, indented, to a file (NULL, "-": stdout).  A file that is there before is kept
 * as FILE~.
 */
bool		 console_write(const char *file, struct slice json);

/* The same for a file in the state directory, which belongs to that directory's owner. */
bool		 console_save(const char *file, struct slice json);

/* Asks on the terminal.  True: the answer is yes. */
bool		 console_ask(const char *question);

#endif
