/*
 * check_host.h: the part of `qtoa check` that looks at the user who runs the program, and at the
 * owners and modes of the program's file, the files that it reads and those that it writes.
 *
 * The rules for the program's file are those of Apache's suEXEC, which many shared hosts use and
 * which gives no reason when it refuses a program (Apache, "suEXEC security model").
 */
#ifndef CLI_CHECK_CHECK_HOST_H
#define CLI_CHECK_CHECK_HOST_H

#include <sys/stat.h>

#include "cli/check/check_result.h"
#include "core/conf.h"

/*
 * Reports which user runs the check.  was_root: root started it, and session_become_owner(dir)
 * was called; dir may be NULL.
 */
void	check_host_user(struct check_results *r, const char *dir, bool was_root);

void	check_host_run(struct check_results *r, const struct conf *c);

/* The program's file and its directory, and the user who runs it. */
struct check_host_program {
	const char	*file, *dir;
	const char	*home;		/* of the user; "": not known */
	struct stat	 file_st, dir_st;
	uid_t		 uid;
	bool		 secrets;	/* keys are compiled into the program */
};
void	check_host_program(struct check_results *r, const struct check_host_program *p);

#endif
