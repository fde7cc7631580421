#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/check/check_host.h"
#include "core/lang.h"
#include "core/log_target.h"
#include "net/ca_store.h"
#include "server/docroot.h"

enum {
	USER = 64,		/* bytes */
	FILE_MAX = 1024 + 64,	/* bytes */
	SUEXEC_UID = 100	/* suEXEC runs nothing for a smaller uid */
};

/* Writes a user's name: "alice", or "uid 1000" for a user without a name. */
static const char *
write_user(char text[USER], uid_t uid)
{
	const struct passwd	*pw = getpwuid(uid);

	if (pw != NULL)
		(void)snprintf(text, USER, "%s", pw->pw_name);
	else
		(void)snprintf(text, USER, "uid %lu", (unsigned long)uid);
	return text;
}

static unsigned
mode_of(const struct stat *st)
{
	return (unsigned)st->st_mode & 07777;
}

/* Writes the directory that the file is in. */
static void
write_parent(char path[FILE_MAX], const char *file)
{
	char	*slash;

	(void)snprintf(path, FILE_MAX, "%s", file);
	if ((slash = strrchr(path, '/')) == NULL)
		(void)snprintf(path, FILE_MAX, ".");
	else
		slash[slash == path] = '\0';
}

void
check_host_user(struct check_results *r, const char *dir, bool was_root)
{
	char	 user[USER];

	(void)write_user(user, geteuid());
	if (!was_root)
		check_result_add(r, CHECK_OK, "user", "%s", user);
	else if (geteuid() != 0)
		check_result_add(r, CHECK_OK, "user", "%s, the owner of %s; root runs it as that "
		    "user", user, dir);
	else
		check_result_add(r, CHECK_WARNING, "user", "root, who may do more than the web "
		    "server may\nchown %s to the user that the web server runs qtoa as",
		    dir == NULL ? "settings.state_dir" : dir);
}

/*
 * The program's file and its directory.
 */

static bool
is_below(const char *file, const char *dir)
{
	const size_t	 len = strlen(dir);

	return len > 1 && strncmp(file, dir, len) == 0 && file[len] == '/';
}

/* Warns of an owner that suEXEC refuses, or that could replace the program. */
static void
check_program_owner(struct check_results *r, const struct check_host_program *p, const char *path,
    const struct stat *st)
{
	char	 owner[USER], user[USER];

	(void)write_user(owner, st->st_uid);
	(void)write_user(user, p->uid);
	if (st->st_uid == p->uid)
		return;
	if (st->st_uid != 0)
		check_result_add(r, CHECK_WARNING, "program", "%s belongs to %s, who can replace "
		    "the program; suEXEC refuses it\nrun: chown %s %s", path, owner, user, path);
	else if (p->uid >= SUEXEC_UID && is_below(p->file, p->home))
		check_result_add(r, CHECK_WARNING, "program", "%s belongs to root: suEXEC refuses "
		    "it\nrun: chown %s %s", path, user, path);
}

/*
 * Complains where others may write to the file or the directory.  In a directory with the sticky
 * bit nobody else can replace the program.
 */
static void
check_program_mode(struct check_results *r, const char *path, const struct stat *st)
{
	const bool	 sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if ((st->st_mode & S_IWOTH) != 0)
		check_result_add(r, sticky ? CHECK_WARNING : CHECK_FAILED, "program",
		    "%s is writable by everybody, mode %04o%s\nrun: chmod go-w %s", path,
		    mode_of(st),
		    lang_text(sticky ? ": suEXEC refuses it" : ": anybody can replace the "
		    "program; suEXEC refuses it"), path);
	else if ((st->st_mode & S_IWGRP) != 0)
		check_result_add(r, CHECK_WARNING, "program", "%s is writable by its group, mode "
		    "%04o: suEXEC refuses it\nrun: chmod g-w %s", path, mode_of(st), path);
}

void
check_host_program(struct check_results *r, const struct check_host_program *p)
{
	const int	 before = r->n[CHECK_WARNING] + r->n[CHECK_FAILED];
	const mode_t	 mode = p->file_st.st_mode;
	char		 owner[USER];

	if ((mode & (S_ISUID | S_ISGID)) != 0)
		check_result_add(r, CHECK_FAILED, "program", "%s is setuid or setgid, mode %04o: "
		    "everybody who runs it has its owner's rights; suEXEC refuses it\nrun: chmod "
		    "ug-s %s", p->file, mode_of(&p->file_st), p->file);
	check_program_owner(r, p, p->file, &p->file_st);
	check_program_mode(r, p->file, &p->file_st);
	check_program_owner(r, p, p->dir, &p->dir_st);
	check_program_mode(r, p->dir, &p->dir_st);
	if (p->secrets && (mode & S_IROTH) != 0)
		check_result_add(r, CHECK_WARNING, "program", "%s can be read by everybody, mode "
		    "%04o: the keys of config.h are in it\nrun: chmod o-r %s; or give keys as "
		    "\"@FILE\"", p->file, mode_of(&p->file_st), p->file);
	if (r->n[CHECK_WARNING] + r->n[CHECK_FAILED] == before)
		check_result_add(r, CHECK_OK, "program", "%s, owner %s, mode %04o", p->file,
		    write_user(owner, p->file_st.st_uid), mode_of(&p->file_st));
}

/*
 * Files that hold a value of config.h ("@FILE").
 */

struct values {
	struct check_results	*r;
	const struct conf	*c;
	bool			 compiled_in;	/* a secret is compiled into the program */
};

static void
check_value_file(struct values *v, const char *subject, const char *field, const char *file)
{
	const bool	 secret = conf_is_secret(field);
	struct stat	 st;

	if (*file != '/')
		check_result_add(v->r, CHECK_WARNING, subject, "%s: %s has a relative name: it "
		    "depends on the directory where qtoa is started\nwrite \"@/the/whole/path\"",
		    field, file);
	if (stat(file, &st) == -1)	/* conf_load() has reported this */
		return;
	if ((st.st_mode & S_IWOTH) != 0)
		check_result_add(v->r, CHECK_FAILED, subject, "%s: everybody may write to %s, mode "
		    "%04o\nrun: chmod o-rw %s", field, file, mode_of(&st), file);
	else if (secret && (st.st_mode & S_IROTH) != 0)
		check_result_add(v->r, CHECK_WARNING, subject, "%s: everybody may read %s, mode "
		    "%04o\nrun: chmod o-r %s", field, file, mode_of(&st), file);
	else if (access(file, R_OK) == 0)
		check_result_add(v->r, CHECK_OK, subject, "%s: from %s, mode %04o", field, file,
		    mode_of(&st));
}

static void
on_value(void *ctx, int i, const char *field, const char *value)
{
	struct values	*v = ctx;
	const char	*name = i == -1 || (size_t)i >= v->c->n ? "settings" :
			    v->c->accounts[i].name;

	if (*value == '@')
		check_value_file(v, name == NULL ? "account" : name, field, value + 1);
	else if (*value != '$')
		v->compiled_in |= conf_is_secret(field);
}

/* Checks the file that this process runs, whatever its name is. */
static void
check_own_file(struct check_results *r, bool secrets)
{
	char				*file = realpath("/proc/self/exe", NULL);
	const struct passwd		*pw = getpwuid(geteuid());
	char				 dir[FILE_MAX];
	struct check_host_program	 p = {
		.file = file, .dir = dir, .home = pw == NULL ? "" : pw->pw_dir, .uid = geteuid(),
		.secrets = secrets,
	};

	if (file == NULL)	/* this system does not tell it */
		return;
	write_parent(dir, file);
	if (stat(file, &p.file_st) == 0 && stat(dir, &p.dir_st) == 0)
		check_host_program(r, &p);
	else
		check_result_add(r, CHECK_WARNING, "program", "%s: %s\nput the file there again, "
		    "and open its directories to its user (chmod u+x)", file, lang_errno(errno));
	free(file);
}

/*
 * The files that it writes and reads.
 */

/* The directory does not exist yet; the program creates it if it may. */
static void
check_no_state_dir(struct check_results *r, const char *dir)
{
	char	 parent[FILE_MAX];
	int	 error = errno;

	write_parent(parent, dir);
	if (error == ENOENT && geteuid() != 0 && access(parent, W_OK | X_OK) == 0)
		check_result_add(r, CHECK_WARNING, "settings.state_dir", "%s does not exist yet; "
		    "the first message creates it\nto be sure, run: mkdir -m 0700 %s", dir, dir);
	else
		check_result_add(r, CHECK_FAILED, "settings.state_dir", "%s: %s\nrun: mkdir -m "
		    "0700 %s, and chown it to the user that the web server runs qtoa as", dir,
		    lang_errno(error), dir);
}

static void
check_state_rights(struct check_results *r, const char *dir, const struct stat *st)
{
	char	 owner[USER], user[USER];

	(void)write_user(owner, st->st_uid);
	(void)write_user(user, geteuid());
	if (!S_ISDIR(st->st_mode))
		check_result_add(r, CHECK_FAILED, "settings.state_dir", "%s is not a "
		    "directory\nset it to a directory", dir);
	else if (st->st_uid != geteuid())
		check_result_add(r, CHECK_FAILED, "settings.state_dir", "%s belongs to %s, and "
		    "this is %s\nif the web server runs qtoa as %s, run: chown %s %s; else run "
		    "qtoa check as %s", dir, owner, user, user, user, dir, owner);
	else if (access(dir, R_OK | W_OK | X_OK) == -1)
		check_result_add(r, CHECK_FAILED, "settings.state_dir", "%s, owner %s, mode %04o: "
		    "%s may not write to it\nrun: chmod 0700 %s", dir, owner, mode_of(st), user,
		    dir);
	else if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		check_result_add(r, CHECK_WARNING, "settings.state_dir", "%s is open to others, "
		    "mode %04o\nrun: chmod 0700 %s", dir, mode_of(st), dir);
	else
		check_result_add(r, CHECK_OK, "settings.state_dir", "%s, owner %s, mode %04o", dir,
		    owner, mode_of(st));
}

static void
check_state_dir(struct check_results *r, const char *dir)
{
	char		 why[DOCROOT_WHY];
	struct stat	 st;

	if (!conf_is_set(dir))		/* conf_load() has reported this */
		return;
	if (stat(dir, &st) == -1)
		check_no_state_dir(r, dir);
	else
		check_state_rights(r, dir, &st);
	if (docroot_find_suspect(why, dir))
		check_result_add(r, CHECK_WARNING, "settings.state_dir", "%s: visitors of the web "
		    "site may be able to fetch it: there is %s\ngive a directory outside of those "
		    "that the web server serves", dir, why);
}

static void
check_log(struct check_results *r, const char *log)
{
	char	 dir[FILE_MAX];

	if (!conf_is_set(log) || strcmp(log, "stderr") == 0 || strcmp(log, "syslog") == 0)
		return;
	write_parent(dir, log);
	if (log_target_descriptor(log) == STDIN_FILENO ||
	    log_target_descriptor(log) == STDOUT_FILENO)
		check_result_add(r, CHECK_FAILED, "settings.log", "%s leads to the request or its "
		    "answer, which a line of the log would break; the log goes to stderr\n"
		    "set \"stderr\", \"syslog\" or a file", log);
	else if (access(log, W_OK) == 0 || (errno == ENOENT && access(dir, W_OK | X_OK) == 0))
		check_result_add(r, CHECK_OK, "settings.log", "%s", log);
	else
		check_result_add(r, CHECK_FAILED, "settings.log", "%s: %s; the log goes to "
		    "stderr\nmake it, or its directory, writable for this user", log,
		    lang_errno(errno));
}

static void
check_ca_file(struct check_results *r, const char *file)
{
	bool	 directory;

	if (!conf_is_set(file))
		return;
	directory = ca_store_is_directory(file);
	if (access(file, directory ? R_OK | X_OK : R_OK) == -1)
		check_result_add(r, CHECK_FAILED, "settings.ca_file", "%s: %s\nmake it readable, "
		    "or leave ca_file out to use the system's", file, lang_errno(errno));
	else if (directory && !ca_store_is_hashed(file))
		check_result_add(r, CHECK_FAILED, "settings.ca_file", "%s has no certificates that "
		    "are named by their hashes, such as 1a2b3c4d.0\nrun: openssl rehash %s", file,
		    file);
	else
		check_result_add(r, CHECK_OK, "settings.ca_file", "%s", file);
}

void
check_host_run(struct check_results *r, const struct conf *c)
{
	struct values	 v = { r, c, false };

	conf_values_here(c, on_value, &v);
	check_own_file(r, v.compiled_in);
	check_state_dir(r, c->set.state_dir);
	check_log(r, c->set.log);
	check_ca_file(r, c->set.ca_file);
}
