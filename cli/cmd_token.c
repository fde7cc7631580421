#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "core/clock.h"
#include "core/conf.h"
#include "forwarder/services.h"
#include "wechat/access_token.h"

enum { PATIENCE_MS = 20000 };	/* with WeChat and with who is asking it */

struct order {
	const char		*name;
	const struct account	*account;
	bool			 refresh, age;
	struct access_token	 t;
};

static bool
read_arguments(struct order *o, int argc, char **argv)
{
	int	 i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--refresh") == 0)
			o->refresh = true;
		else if (strcmp(argv[i], "--age") == 0)
			o->age = true;
		else if (*argv[i] == '-' || o->name != NULL)
			return false;
		else
			o->name = argv[i];
	return o->name != NULL;
}

/* False: said why there is none. */
static bool
get(struct order *o, struct access_tokens *ts)
{
	const int64_t	 deadline_ms = clock_mono_ms() + PATIENCE_MS;
	char		 why[TOKEN_WHY];

	if (!(o->refresh ? access_token_force : access_token_get)(ts, &o->t, o->account, deadline_ms, why)) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", o->account->name, why);
		return false;
	}
	if (*why != '\0')
		(void)fprintf(stderr, "qtoa: %s: this is not the newest: %s\n", o->account->name,
		    why);
	return true;
}

static void
print(const struct order *o, const struct settings *set)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;

	if (o->refresh)
		(void)fprintf(stderr, "qtoa: %s: WeChat has given a new access_token, the one "
		    "before %s\n", o->account->name, set->legacy_token != 0 ?
		    "holds for some minutes more" : "is over");
	if (o->age)
		(void)printf("age %lld s, %lld s left\n", (long long)(now_s - o->t.fetched_s),
		    (long long)(o->t.expires_s - now_s));
	else
		(void)printf("%s\n", o->t.text);
}

static int
run(struct order *o, const struct conf *c)
{
	struct services	 s;
	int		 rc = CLI_WRONG;

	if (!services_open(&s, c, SERVICES_TOKENS, STORE_BRIEF, NULL))
		(void)fprintf(stderr, "qtoa: %s\n", error_table[ERR_NOMEM].name);
	else if (get(o, s.tokens)) {
		print(o, &c->set);
		rc = CLI_DONE;
	}
	services_close(&s);
	return rc;
}

int
cmd_token_run(struct conf *c, int problems, int argc, char **argv)
{
	struct order	 o = { .name = NULL };

	if (!read_arguments(&o, argc, argv))
		return cli_usage("token");
	if (problems != 0)
		return CLI_WRONG;
	if ((o.account = conf_find(c, o.name)) == NULL) {
		(void)fprintf(stderr, "qtoa: no account has .path or .name \"%s\"\n", o.name);
		return CLI_WRONG;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (session_state(c) == SESSION_FAULT)
		return CLI_WRONG;
	/* What root made there no web server's program could write. */
	if (geteuid() == 0 && access(c->set.state_dir, F_OK) == -1) {
		(void)fprintf(stderr, "qtoa: there is no %s yet: make it, with the owner that the "
		    "program has below the web server\n", c->set.state_dir);
		return CLI_WRONG;
	}
	return run(&o, c);
}
