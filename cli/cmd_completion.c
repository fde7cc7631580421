#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/completion_scripts.h"
#include "cli/session.h"
#include "core/clock.h"
#include "state/db.h"
#include "state/queue.h"

enum {
	PATIENCE_MS = 200,	/* with who holds the store */
	LIMIT_S	    = 1		/* a shell that waits longer is worse than none of our words */
};

static void
bash(const struct conf *c)
{
	(void)c;
	scripts_bash(stdout);
}

static void
zsh(const struct conf *c)
{
	(void)c;
	scripts_zsh(stdout);
}

static void
accounts(const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n; i++)
		if (c->accounts[i].path != NULL)
			(void)puts(c->accounts[i].path);
}

static enum error
print_id(void *ctx, const struct queue_message *m)
{
	(void)ctx;
	(void)printf("%lld\n", (long long)m->id);
	return ERR_OK;
}

/* Read as it is: nothing is made, migrated or set aside because somebody presses a key. */
static void
ids(const struct conf *c)
{
	const char	*dir = c->set.state_dir;
	char		 path[4096];
	struct db	*db = NULL;

	if (dir == NULL || !session_become_owner(dir))
		return;
	(void)snprintf(path, sizeof(path), "%s/qtoa.db", dir);
	if (access(path, R_OK) == 0 && db_open(&db, path, DB_READ_ONLY) == ERR_OK) {
		db_patience(db, clock_mono_ms() + PATIENCE_MS);
		(void)queue_list(db, 0, SESSION_PAGE, print_id, NULL);
	}
	db_close(db);
}

static void
on_alarm(int sig)
{
	(void)sig;
	_exit(CLI_DONE);
}

/* What a script may ask for is not for people, so that help does not name it. */
int
cmd_completion_run(struct conf *c, int problems, int argc, char **argv)
{
	static const struct {
		const char	*name;
		void		(*print)(const struct conf *c);
	} kinds[] = {
		{ "bash", bash }, { "zsh", zsh }, { "accounts", accounts }, { "ids", ids },
	};
	size_t	 i;

	(void)problems;
	for (i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0) {
			(void)signal(SIGALRM, on_alarm);
			(void)alarm(LIMIT_S);
			kinds[i].print(c);
			return CLI_DONE;
		}
	return cli_usage("completion");
}
