/*
 * check_host.h: `qtoa check`: who runs the program, and the files that it is, reads and writes:
 * whose they are and who else may, after Apache's suEXEC, which shared hosts run and which
 * refuses without a word (Apache, "suEXEC security model").
 */
#ifndef CLI_CHECK_CHECK_HOST_H
#define CLI_CHECK_CHECK_HOST_H

#include <sys/stat.h>

#include "cli/check/check_result.h"
#include "core/conf.h"

/* was_root: root has started it, and has become the owner of dir (may be NULL) if it has another. */
void	check_host_user(struct check_results *f, const char *dir, bool was_root);

void	check_host_run(struct check_results *f, const struct conf *c);

/*
 * The program's file and its directory, as user uid with that home directory ("": unknown)
 * would run it.
 */
struct check_host_program {
	const char	*file, *dir, *home;
	struct stat	 file_st, dir_st;
	uid_t		 uid;
	bool		 secrets;	/* keys are compiled in */
};
void	check_host_program(struct check_results *f, const struct check_host_program *p);

#endif
