#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/check/check_host.h"
#include "server/docroot.h"

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

enum {
	USER = 64,
	FILE_MAX = 1024 + 64,
	SUEXEC_UID = 100	/* below it suEXEC runs nothing, and nobody's home is a web site */
};

/* What a user is called, "alice" or "uid 1000". */
static const char *
user_name(char text[USER], uid_t uid)
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

/* path becomes the directory that file is in. */
static void
parent_of(char path[FILE_MAX], const char *file)
{
	char	*slash;

	(void)snprintf(path, FILE_MAX, "%s", file);
	if ((slash = strrchr(path, '/')) == NULL)
		(void)snprintf(path, FILE_MAX, ".");
	else
		slash[slash == path] = '\0';
}

void
check_host_user(struct check_results *f, const char *dir, bool was_root)
{
	char	 user[USER];

	(void)user_name(user, geteuid());
	if (!was_root)
		check_result_add(f, CHECK_OK, "user", "%s", user);
	else if (geteuid() != 0)
		check_result_add(f, CHECK_OK, "user", "%s, the owner of %s, as which root runs it",
		    user, dir);
	else
		check_result_add(f, CHECK_WARNING, "user", "root, who may do what the web server may "
		    "not\nmake the user that the web server runs it as the owner of %s",
		    dir == NULL ? "settings.state_dir" : dir);
}

/*
 * The program's file.
 */

static bool
is_below(const char *file, const char *dir)
{
	const size_t	 len = strlen(dir);

	return len > 1 && strncmp(file, dir, len) == 0 && file[len] == '/';
}

/* What is wrong with who owns it, for suEXEC or for safety. */
static void
check_owner(struct check_results *f, const struct check_host_program *p, const char *path,
    const struct stat *st)
{
	char	 owner[USER], user[USER];

	(void)user_name(owner, st->st_uid);
	(void)user_name(user, p->uid);
	if (st->st_uid == p->uid)
		return;
	if (st->st_uid != 0)
		check_result_add(f, CHECK_WARNING, "program", "%s is %s's, who can put anything in its "
		    "place; suEXEC refuses it\nchown %s %s", path, owner, user, path);
	else if (p->uid >= SUEXEC_UID && is_below(p->file, p->home))
		check_result_add(f, CHECK_WARNING, "program", "%s is root's: suEXEC refuses it\n"
		    "chown %s %s", path, user, path);
}

/* Who else may write to it.  In a directory with the sticky bit nobody can take its place. */
static void
check_writers(struct check_results *f, const char *path, const struct stat *st)
{
	const bool	 sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if ((st->st_mode & S_IWOTH) != 0)
		check_result_add(f, sticky ? CHECK_WARNING : CHECK_FAILED, "program",
		    "%s is writable by everybody, mode %04o%s\nchmod go-w %s", path, mode_of(st),
		    sticky ? ": suEXEC refuses it" : ": anybody can put another program there; "
		    "suEXEC refuses it", path);
	else if ((st->st_mode & S_IWGRP) != 0)
		check_result_add(f, CHECK_WARNING, "program", "%s is writable by its group, mode "
		    "%04o: suEXEC refuses it\nchmod g-w %s", path, mode_of(st), path);
}

void
check_host_program(struct check_results *f, const struct check_host_program *p)
{
	const int	 before = f->n[CHECK_WARNING] + f->n[CHECK_FAILED];
	const mode_t	 mode = p->file_st.st_mode;
	char		 owner[USER];

	if ((mode & (S_ISUID | S_ISGID)) != 0)
		check_result_add(f, CHECK_FAILED, "program", "%s is setuid or setgid, mode %04o: "
		    "whoever runs it has its owner's rights; suEXEC refuses it\nchmod ug-s %s",
		    p->file, mode_of(&p->file_st), p->file);
	check_owner(f, p, p->file, &p->file_st);
	check_writers(f, p->file, &p->file_st);
	check_owner(f, p, p->dir, &p->dir_st);
	check_writers(f, p->dir, &p->dir_st);
	if (p->secrets && (mode & S_IROTH) != 0)
		check_result_add(f, CHECK_WARNING, "program", "%s can be read by everybody, mode %04o: "
		    "the keys of config.h are in it\nchmod o-r %s, or give keys as \"@FILE\"",
		    p->file, mode_of(&p->file_st), p->file);
	if (f->n[CHECK_WARNING] + f->n[CHECK_FAILED] == before)
		check_result_add(f, CHECK_OK, "program", "%s, %s's, mode %04o", p->file,
		    user_name(owner, p->file_st.st_uid), mode_of(&p->file_st));
}

/*
 * Values of config.h.
 */

/* Those that nobody else may know. */
static bool
is_secret(const char *field)
{
	static const char *const names[] = {
		"token", "aes_key", "aes_key_old", "app_key", "service_secret", "secret",
		"control_key", "control_url",
	};
	size_t	 i;

	for (i = 0; i < NELEM(names); i++)
		if (strcmp(field, names[i]) == 0)
			return true;
	return false;
}

struct values {
	struct check_results	*f;
	const struct conf	*c;
	bool			 compiled_in;	/* a secret is */
};

static void
check_value_file(struct values *v, const char *subject, const char *field, const char *file)
{
	const bool	 secret = is_secret(field);
	struct stat	 st;

	if (stat(file, &st) == -1)	/* conf_load() has said why */
		return;
	if ((st.st_mode & S_IWOTH) != 0)
		check_result_add(v->f, CHECK_FAILED, subject, "%s: everybody may write to %s, mode "
		    "%04o\nchmod o-rw %s", field, file, mode_of(&st), file);
	else if (secret && (st.st_mode & S_IROTH) != 0)
		check_result_add(v->f, CHECK_WARNING, subject, "%s: everybody may read %s, mode %04o\n"
		    "chmod o-r %s", field, file, mode_of(&st), file);
	else if (access(file, R_OK) == 0)
		check_result_add(v->f, CHECK_OK, subject, "%s: from %s, mode %04o", field, file,
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
		v->compiled_in |= is_secret(field);
}

/* The file itself, however it is called. */
static void
check_program(struct check_results *f, bool secrets)
{
	char				*file = realpath("/proc/self/exe", NULL);
	const struct passwd		*pw = getpwuid(geteuid());
	char				 dir[FILE_MAX];
	struct check_host_program	 p = {
		.file = file, .dir = dir, .home = pw == NULL ? "" : pw->pw_dir, .uid = geteuid(),
		.secrets = secrets,
	};

	if (file == NULL)	/* only some systems tell */
		return;
	parent_of(dir, file);
	if (stat(file, &p.file_st) == 0 && stat(dir, &p.dir_st) == 0)
		check_host_program(f, &p);
	else
		check_result_add(f, CHECK_WARNING, "program", "%s: %s\nit must be there, and its "
		    "directories be open to its user (chmod u+x)", file, strerror(errno));
	free(file);
}

/*
 * What it writes and reads.
 */

/* There is none yet: the program makes one if it can. */
static void
check_no_state_dir(struct check_results *f, const char *dir)
{
	char	 parent[FILE_MAX];
	int	 error = errno;

	parent_of(parent, dir);
	if (error == ENOENT && geteuid() != 0 && access(parent, W_OK | X_OK) == 0)
		check_result_add(f, CHECK_WARNING, "settings.state_dir", "%s: there is none yet, the "
		    "first message makes it\nmkdir -m 0700 %s, to be sure", dir, dir);
	else
		check_result_add(f, CHECK_FAILED, "settings.state_dir", "%s: %s\nmkdir -m 0700 %s, and "
		    "chown it to the user that the web server runs qtoa as", dir, strerror(error),
		    dir);
}

static void
check_state_rights(struct check_results *f, const char *dir, const struct stat *st)
{
	char	 owner[USER], user[USER];

	(void)user_name(owner, st->st_uid);
	(void)user_name(user, geteuid());
	if (!S_ISDIR(st->st_mode))
		check_result_add(f, CHECK_FAILED, "settings.state_dir", "%s is no directory\n"
		    "give another one", dir);
	else if (st->st_uid != geteuid())
		check_result_add(f, CHECK_FAILED, "settings.state_dir", "%s is %s's, and this is %s\n"
		    "if the web server runs qtoa as %s, chown %s %s; else run qtoa check as %s", dir,
		    owner, user, user, user, dir, owner);
	else if (access(dir, R_OK | W_OK | X_OK) == -1)
		check_result_add(f, CHECK_FAILED, "settings.state_dir", "%s, %s's, mode %04o: not a "
		    "directory that %s may write\nchmod 0700 %s", dir, owner, mode_of(st), user,
		    dir);
	else if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		check_result_add(f, CHECK_WARNING, "settings.state_dir", "%s: others may look into it, "
		    "mode %04o\nchmod 0700 %s", dir, mode_of(st), dir);
	else
		check_result_add(f, CHECK_OK, "settings.state_dir", "%s, %s's, mode %04o", dir, owner,
		    mode_of(st));
}

static void
check_state_dir(struct check_results *f, const char *dir)
{
	char		 why[DOCROOT_WHY];
	struct stat	 st;

	if (!conf_is_set(dir))		/* already said */
		return;
	if (stat(dir, &st) == -1)
		check_no_state_dir(f, dir);
	else
		check_state_rights(f, dir, &st);
	if (docroot_find_suspect(why, dir))
		check_result_add(f, CHECK_WARNING, "settings.state_dir", "%s: visitors of the web site "
		    "may be able to fetch it: there is %s\ngive a directory outside of what the web "
		    "server serves", dir, why);
}

static void
check_log(struct check_results *f, const char *log)
{
	char	 dir[FILE_MAX];

	if (!conf_is_set(log) || strcmp(log, "stderr") == 0 || strcmp(log, "syslog") == 0)
		return;
	parent_of(dir, log);
	if (access(log, W_OK) == 0 || (errno == ENOENT && access(dir, W_OK | X_OK) == 0))
		check_result_add(f, CHECK_OK, "settings.log", "%s", log);
	else
		check_result_add(f, CHECK_FAILED, "settings.log", "%s: %s; lines go to stderr "
		    "instead\nmake it, or its directory, writable for this user", log,
		    strerror(errno));
}

static void
check_ca_file(struct check_results *f, const char *file)
{
	if (!conf_is_set(file))
		return;
	if (access(file, R_OK) == -1)
		check_result_add(f, CHECK_FAILED, "settings.ca_file", "%s: %s\nmake it readable, or "
		    "leave ca_file out for the system's", file, strerror(errno));
	else
		check_result_add(f, CHECK_OK, "settings.ca_file", "%s", file);
}

void
check_host_run(struct check_results *f, const struct conf *c)
{
	struct values	 v = { f, c, false };

	conf_values(on_value, &v);
	check_program(f, v.compiled_in);
	check_state_dir(f, c->set.state_dir);
	check_log(f, c->set.log);
	check_ca_file(f, c->set.ca_file);
}
