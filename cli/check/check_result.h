/*
 * check_result.h: what `qtoa check` finds, a line each:
 *
 *	warning  settings.state_dir: /srv/q is open to others, mode 0755; chmod 0700 /srv/q
 *
 * or one JSON document, {"checks":[{"state":"warning","subject":"settings.state_dir",
 * "text":"...","remedy":"..."},...],"failed":0,"warnings":1}.
 */
#ifndef CLI_CHECK_CHECK_RESULT_H
#define CLI_CHECK_CHECK_RESULT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/buf.h"

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_FAILED, CHECK__MAX };

struct check_results {
	FILE		*out;
	bool		 json;
	struct buf	 line, list;
	enum error	 er;		/* ERR_NOMEM: something is missing */
	int		 n[CHECK__MAX];
};

/* Lines go out as they come, JSON at the end.  check_result_end() in any case. */
void	check_result_begin(struct check_results *f, FILE *out, bool json);

/*
 * subject: the account, the setting, the part of the host.  What is no CHECK_OK has, behind a
 * line end, what to do about it: "%s is open to others\nchmod 0700 %s".  Foreign text may be in
 * it, but not behind that.  No secret.
 */
void	check_result_add(struct check_results *f, enum check_state is, const char *subject,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* True: nothing has failed, and all of it was said. */
bool	check_result_end(struct check_results *f);

#endif
