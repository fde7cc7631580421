#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/lang.h"
#include "forwarder/services.h"
#include "wechat/access_token.h"

enum { PATIENCE_MS = 20000 };	/* for WeChat, and for another process that is asking it */

struct token_order {
	const char		*name;
	const struct account	*account;
	bool			 refresh, age;
	struct access_token	 token;
};

static bool
read_token_order(struct token_order *o, int argc, char **argv)
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

/* False: there is no token, and stderr says why. */
static bool
fetch_token(struct token_order *o, struct access_tokens *ts)
{
	const int64_t	 deadline_ms = clock_mono_ms() + PATIENCE_MS;
	char		 why[TOKEN_WHY], said[LANG_PARTS];

	if (!(o->refresh ? access_token_force : access_token_get)(ts, &o->token, o->account,
	    deadline_ms, why)) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", o->account->name,
		    lang_parts(said, why));
		return false;
	}
	if (*why != '\0')
		(void)fprintf(stderr, lang_text("qtoa: %s: this token is not the newest: %s\n"),
		    o->account->name, lang_parts(said, why));
	return true;
}

static void
print_token(const struct token_order *o, const struct settings *set)
{
	const int64_t	 now_s = clock_wall_ms() / 1000;

	if (o->refresh)
		(void)fprintf(stderr, lang_text("qtoa: %s: WeChat has given a new access_token; "
		    "the old one %s\n"), o->account->name, set->legacy_token != 0 ?
		    lang_text("stays valid for some minutes") : lang_text("is no longer valid"));
	if (o->age)
		(void)printf(lang_text("age %lld s, %lld s left\n"),
		    (long long)(now_s - o->token.fetched_s),
		    (long long)(o->token.expires_s - now_s));
	else
		(void)printf("%s\n", o->token.text);
}

static int
show_token(struct token_order *o, const struct conf *c)
{
	struct services	 s;
	int		 rc = CLI_WRONG;

	if (!services_open(&s, c, SERVICES_TOKENS, STORE_BRIEF, NULL))
		(void)fprintf(stderr, "qtoa: %s\n", lang_text(error_table[ERR_NOMEM].name));
	else if (fetch_token(o, s.tokens)) {
		print_token(o, &c->set);
		rc = CLI_DONE;
	}
	services_close(&s);
	return rc;
}

int
cmd_token_run(struct conf *c, int problems, int argc, char **argv)
{
	struct token_order	 o = { .name = NULL };

	if (!read_token_order(&o, argc, argv))
		return cli_usage("token");
	if (problems != 0)
		return CLI_WRONG;
	if ((o.account = conf_find(c, o.name)) == NULL) {
		suggest_account(c, ".path or .name", o.name);
		return CLI_WRONG;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (session_state(c) == SESSION_FAULT)
		return CLI_WRONG;
	/* A directory that root made here would be closed to the web server's program. */
	if (geteuid() == 0 && access(c->set.state_dir, F_OK) == -1) {
		(void)fprintf(stderr, lang_text("qtoa: there is no %s yet; make it, and give it "
		    "to the user that the web server runs qtoa as\n"), c->set.state_dir);
		return CLI_WRONG;
	}
	return show_token(&o, c);
}
