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
	struct findings	*f = ctx;

	finding_say(f, FINDING_FAILED, "configuration", "%s\nmend that value; what config.h itself "
	    "holds takes effect with make and make install", line);
}

static void
check(struct findings *f, const struct conf *c, bool offline)
{
	bool	 store;

	checkconf_run(f, c);
	checkhost_run(f, c);
	store = checkstore_run(f, c);
	if (!offline)
		checknet_run(f, c, store);
}

/*
 * The configuration is read anew as the state directory's owner: root may read files that the
 * program may not.
 */
int
check_run(struct conf *c, int problems, int argc, char **argv)
{
	const bool	 was_root = geteuid() == 0;
	struct order	 o = { 0 };
	struct findings	 f;
	struct conf	 mine;

	(void)problems;
	if (!read_arguments(&o, argc, argv))
		return cmd_usage("check");
	if (conf_is_set(c->set.state_dir) && !desk_become_owner(c->set.state_dir))
		return CMD_WRONG;
	finding_begin(&f, stdout, o.json);
	checkhost_user(&f, c->set.state_dir, was_root);
	if (conf_load(&mine, on_problem, &f) == 0)
		finding_say(&f, FINDING_OK, "configuration", "%zu account%s", mine.n,
		    mine.n == 1 ? "" : "s");
	check(&f, &mine, o.offline);
	conf_free(&mine);
	return finding_end(&f) ? CMD_DONE : CMD_WRONG;
}
