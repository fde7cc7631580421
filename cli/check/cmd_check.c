#include <string.h>
#include <unistd.h>

#include "cli/check/check_conf.h"
#include "cli/check/check_host.h"
#include "cli/check/check_net.h"
#include "cli/check/check_result.h"
#include "cli/check/check_store.h"
#include "cli/check/check_wechat.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "core/conf.h"
#include "core/conf_warn.h"
#include "core/lang.h"

struct check_order {
	bool	 offline, json;
};

static bool
read_check_order(struct check_order *o, int argc, char **argv)
{
	int	 i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--offline") == 0)
			o->offline = true;
		else if (strcmp(argv[i], "--online") == 0)
			o->offline = false;
		else if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else
			return false;
	return true;
}

static void
on_problem(void *ctx, const char *line)
{
	const char		*variable = lang_text("environment");
	struct check_results	*r = ctx;

	if (strncmp(line, variable, strlen(variable)) == 0)
		check_result_add(r, CHECK_FAILED, "configuration", "%s\nset it where qtoa starts "
		    "(web server, service, container), and start that again", line);
	else
		check_result_add(r, CHECK_FAILED, "configuration", "%s\ncorrect that value; "
		    "after a change of config.h run make and make install", line);
}

static void
on_warning(void *ctx, const struct conf *c, int i, const char *field, const char *what,
    const char *remedy)
{
	struct check_results	*r = ctx;
	char			 subject[64];

	(void)snprintf(subject, sizeof(subject), "settings.%s", field);
	if (i == -1)
		check_result_add(r, CHECK_WARNING, subject, "%s\n%s", lang_text(what),
		    lang_text(remedy));
	else
		check_result_add(r, CHECK_WARNING, conf_label(&c->accounts[i]), "%s %s\n%s", field,
		    lang_text(what), lang_text(remedy));
}

static void
run_checks(struct check_results *r, const struct conf *c, bool offline)
{
	bool	 store;

	conf_warn_all(c, on_warning, r);
	check_net_libcurl(r, c);
	check_conf_run(r, c);
	check_host_run(r, c);
	store = check_store_run(r, c, offline);
	check_wechat_only(r, c);
	if (!offline)
		check_net_run(r, c, store);
}

/*
 * Loads the configuration once more, as the owner of the state directory: root can read files that
 * the program below the web server cannot.
 */
int
cmd_check_run(struct conf *c, int problems, int argc, char **argv)
{
	const bool		 was_root = geteuid() == 0;
	struct check_order	 o = { 0 };
	struct check_results	 r;
	struct conf		 mine;

	(void)problems;
	if (!read_check_order(&o, argc, argv))
		return cli_usage("check");
	if (o.json)
		lang_use(ENGLISH, NULL);	/* programs read it */
	if (conf_is_set(c->set.state_dir) && !session_become_owner(c->set.state_dir))
		return CLI_WRONG;
	check_result_begin(&r, stdout, o.json);
	check_host_user(&r, c->set.state_dir, was_root);
	if (conf_load(&mine, on_problem, &r) == 0)
		check_result_add(&r, CHECK_OK, "configuration", "%zu account%s", mine.n,
		    mine.n == 1 ? "" : "s");
	r.conf = &mine;
	run_checks(&r, &mine, o.offline);
	conf_free(&mine);
	return check_result_end(&r) ? CLI_DONE : CLI_WRONG;
}
