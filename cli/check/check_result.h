/*
 * check_result.h: prints the results of `qtoa check`, one line each:
 *
 *	warning  settings.state_dir: /srv/q is open to others, mode 0755; run: chmod 0700 /srv/q
 *
 * or all of them as one JSON document,
 * {"checks":[{"state":"warning","subject":"settings.state_dir","text":"...","remedy":"..."},...],
 * "failed":0,"warnings":1}.  On a terminal a line that is too long goes on below, indented, and the
 * first word has a colour.
 */
#ifndef CLI_CHECK_CHECK_RESULT_H
#define CLI_CHECK_CHECK_RESULT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/conf.h"

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_FAILED, CHECK__MAX };

struct check_results {
	FILE		*out;
	bool		 json;
	int		 columns;	/* of the terminal; 0: lines are not wrapped */
	bool		 colours;
	struct buf	 line, list;
	enum error	 er;		/* ERR_NOMEM: a part of the output is missing */
	int		 n[CHECK__MAX];	/* how many results are in that state */
	const struct conf *conf;	/* whose accounts keep their names; NULL: not loaded yet */
};

/*
 * Begins the results, which go to out: lines at once, JSON at the end.  If out is a terminal, its
 * width and its colours are used.  The caller must call check_result_end().
 */
void	check_result_begin(struct check_results *r, FILE *out, bool json);

/*
 * Adds a result.  subject: the account, the setting or the part of the host that it is about.  A
 * warning or a failure is two lines, what is wrong and what to do: "%s is open to others\nrun:
 * chmod 0700 %s".  The first line may contain text of others, the second may not.  No secret may
 * be in them.
 */
void	check_result_add(struct check_results *r, enum check_state is, const char *subject,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Prints the sums and frees the memory.  True: nothing failed, and all results were printed. */
bool	check_result_end(struct check_results *r);

#endif
