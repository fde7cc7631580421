#include <string.h>
#include <unistd.h>

#include "cli/check/check_conf.h"
#include "cli/check/check_host.h"
#include "cli/check/check_net.h"
#include "cli/check/check_result.h"
#include "cli/check/check_store.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "core/conf.h"

struct order {
	bool	 offline, json;
};

static bool
read_arguments(struct order *o, int argc, char **argv)
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
	struct check_results	*f = ctx;

	check_result_add(f, CHECK_FAILED, "configuration", "%s\nmend that value; what config.h itself "
	    "holds takes effect with make and make install", line);
}

static void
check(struct check_results *f, const struct conf *c, bool offline)
{
	bool	 store;

	check_conf_run(f, c);
	check_host_run(f, c);
	store = check_store_run(f, c);
	if (!offline)
		check_net_run(f, c, store);
}

/*
 * The configuration is read anew as the state directory's owner: root may read files that the
 * program may not.
 */
int
cmd_check_run(struct conf *c, int problems, int argc, char **argv)
{
	const bool		 was_root = geteuid() == 0;
	struct order		 o = { 0 };
	struct check_results	 f;
	struct conf		 mine;

	(void)problems;
	if (!read_arguments(&o, argc, argv))
		return cli_usage("check");
	if (conf_is_set(c->set.state_dir) && !session_become_owner(c->set.state_dir))
		return CLI_WRONG;
	check_result_begin(&f, stdout, o.json);
	check_host_user(&f, c->set.state_dir, was_root);
	if (conf_load(&mine, on_problem, &f) == 0)
		check_result_add(&f, CHECK_OK, "configuration", "%zu account%s", mine.n,
		    mine.n == 1 ? "" : "s");
	check(&f, &mine, o.offline);
	conf_free(&mine);
	return check_result_end(&f) ? CLI_DONE : CLI_WRONG;
}
