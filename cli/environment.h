/*
 * environment.h: lets a verb that a person runs read the service's environment file, the one that
 * systemd's units name (EnvironmentFile=).  So "$NAME" values of config.h are known by hand, too,
 * and those that a prefix gives (.environment).
 *
 * Only variables that config.h reads are taken, and only those that are not set yet.  A request of
 * a web server never comes here.
 */
#ifndef CLI_ENVIRONMENT_H
#define CLI_ENVIRONMENT_H

#include <stdbool.h>

#include "core/buf.h"

enum { ENVIRONMENT_WHY = 512, ENVIRONMENT_MAX = 256 * 1024 /* bytes of the file */ };

/*
 * Sets the variables that are missing.  It does nothing if no variable is missing or there is no
 * file.  False: the file is there and cannot be used; environment_problem() says why.
 */
bool		 environment_load(void);

/* What is wrong with the file, and what to do; NULL: nothing is. */
const char	*environment_problem(void);

/* The file's name; NULL: the variable QTOA_ENVIRONMENT is set and empty, so there is no file. */
const char	*environment_file(void);

/* True: environment_load() has set this variable. */
bool		 environment_gave(const char *name);

/*
 * Reads a file that belongs to root or to the user of this process, and that nobody else may
 * write.  False: why says what is wrong; *absent: there is no such file.
 */
bool		 environment_read(struct buf *text, bool *absent, char why[ENVIRONMENT_WHY],
		    const char *file);

/*
 * Calls fn for each assignment, in the order of the text, as systemd reads it: quotes and
 * backslashes as in systemd.exec(5), comments begin with # or ;, nothing is expanded.  Lines that
 * are not assignments are passed over.
 */
typedef void	 environment_pair(void *ctx, struct slice name, struct slice value);
enum error	 environment_parse(struct slice text, environment_pair *fn, void *ctx);

#endif
