#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/lang.h"
#include "forwarder/services.h"
#include "monitor/alert.h"

/* Monotonic time at which the transfer gives up; 0: no signal has told us to stop. */
static _Atomic int64_t	 stop_ms;

static void
on_stop(int sig)
{
	(void)sig;
	atomic_store(&stop_ms, clock_mono_ms());
}

static int
test_receiver(const struct services *s)
{
	const char		*name;
	struct alert_test	 t;
	char			 why[LANG_PARTS];

	if (alert_send_test(s, &t)) {
		name = lang_text(alert_robot_name(t.robot));
		(void)printf(lang_text("%s has taken the message: HTTP %d, %d ms\n"), name,
		    t.status, t.ms);
		return CLI_DONE;
	}
	(void)fprintf(stderr, lang_text("qtoa: settings.alert_url: the message was not taken: "
	    "%s\n"), lang_parts(why, t.why));
	return CLI_WRONG;
}

static int
print_summary(const struct services *s)
{
	struct buf	 out = { 0 };
	enum error	 er = alert_summary(&out, s, clock_mono_ms() + SESSION_PATIENCE_MS);

	if (er == ERR_OK)
		session_print(&out);
	else
		(void)fprintf(stderr, lang_text("qtoa: the counters cannot be read: %s; look at "
		    "the owner and permissions of qtoa.tally-* in %s\n"),
		    lang_text(error_table[er].name), s->conf->set.state_dir);
	buf_free(&out);
	return er == ERR_OK ? CLI_DONE : CLI_WRONG;
}

/* The verbs of the group. */
static const struct order {
	const char	*name, *verb;
	bool		 needs_url;
	unsigned	 need;
	int		 (*run)(const struct services *s);
} orders[] = {
	{ "test", "alert test", true, SERVICES_HTTP, test_receiver },
	{ "week", "alert week", false, 0, print_summary },
};

static int
run_order(const struct order *o, const struct conf *c)
{
	enum session_state	 state;
	struct services		 s;
	int			 rc = CLI_WRONG;

	if (o->needs_url && !conf_is_set(c->set.alert_url)) {
		(void)fputs(lang_text("qtoa: settings.alert_url is not set: set it to the address "
		    "of a robot or a webhook\n"), stderr);
		return CLI_WRONG;
	}
	session_catch_signals(on_stop);
	if ((state = session_state(c)) == SESSION_FAULT)
		return CLI_WRONG;
	if (services_open(&s, c, o->need | (state == SESSION_STATE ? SERVICES_STORE : 0u),
	    STORE_BRIEF, &stop_ms))
		rc = o->run(&s);
	else
		(void)session_say_no_handle();
	services_close(&s);
	return session_exit_status(rc);
}

int
cmd_alert_run(struct conf *c, int problems, int argc, char **argv)
{
	size_t	 i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (argc > 1 && strcmp(argv[1], orders[i].name) == 0)
			return argc != 2 ? cli_usage(orders[i].verb) : problems != 0 ? CLI_WRONG :
			    run_order(&orders[i], c);
	return cli_usage("alert");
}
