#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "conf.h"
#include "event.h"
#include "xmlmap.h"

int
cmd_usage(const char *how)
{
	(void)fprintf(stderr, "usage: qtoa %s\n", how);
	return CMD_USAGE;
}

/* Where problems of the configuration go: what a verb is for, or beside the point of it. */

static void
say_stdout(void *ctx, const char *line)
{
	(void)ctx;
	(void)printf("failed   %s\n", line);
}

static void
say_stderr(void *ctx, const char *line)
{
	(void)ctx;
	(void)fprintf(stderr, "qtoa: %s\n", line);
}

static void
say_nothing(void *ctx, const char *line)
{
	(void)ctx, (void)line;
}

/*
 * map
 */

/* A line for each event of one message.  False: it is no XML. */
static bool
map_file(struct xmlmap *m, struct event *ev, struct buf *xml, struct buf *line,
    const char *file)
{
	enum qt_err	 er;

	if (buf_read_file(xml, file, 1 << 20) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, strerror(errno));
		return false;
	}
	er = xmlmap_event(m, ev, buf_slice(xml));
	for (;;) {
		line->len = 0;
		if (er == QT_OK && (er = event_json(line, ev)) == QT_OK)
			er = buf_putc(line, '\n');
		if (er != QT_OK)
			break;
		(void)fwrite(line->p, 1, line->len, stdout);
		if (!xmlmap_more(m))
			return true;
		er = xmlmap_next(m, ev);
	}
	(void)fprintf(stderr, "qtoa: %s: %s\n", file,
	    er == QT_EXML ? xmlmap_why(m) : errs[er].name);
	return false;
}

static int
cmd_map(struct conf *c, int problems, int argc, char **argv)
{
	struct xmlmap	*m = xmlmap_for(&c->set);
	struct event	 ev = { 0 };
	struct buf	 xml = { 0 }, line = { 0 };
	int		 i, rc = m == NULL ? CMD_WRONG : CMD_DONE;

	(void)problems;		/* no account is needed */
	for (i = 1; m != NULL && i < argc; i++)
		if (!map_file(m, &ev, &xml, &line, argv[i]))
			rc = CMD_WRONG;
	if (m != NULL && argc == 1 && !map_file(m, &ev, &xml, &line, "-"))
		rc = CMD_WRONG;
	buf_free(&line);
	buf_free(&xml);
	event_free(&ev);
	xmlmap_free(m);
	return rc;
}

/*
 * The table of verbs.
 */

static int
cmd_version(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s\n", QTOA_VERSION);
	return CMD_DONE;
}

static cmd_verb	cmd_help;

static const struct verb {
	const char	*name;
	const char	*args;
	const char	*what;
	conf_say	*say;	/* NULL: needs no configuration */
	cmd_verb	*run;
} verbs[] = {	/* of one name: the first runs, the others explain */
	{ "check", "[--online]", "is it right; online: do QT and a control server answer",
	    say_stdout, check_run },
	{ "map", "[FILE...]", "translate WeChat's XML to QT's event, a line of JSON each",
	    say_nothing, cmd_map },
	{ "send", "ACCOUNT URL FILE...", "play WeChat: send XML files (- is standard input)",
	    say_stderr, send_run },
	{ "queue", "list [--all]", "what waits for QT, and what QT has refused",
	    say_stderr, queuecmd_run },
	{ "queue", "show ID", "all about one message", say_stderr, queuecmd_run },
	{ "queue", "retry ID|all|ACCOUNT", "send again, at once; /all: the account of that name",
	    say_stderr, queuecmd_run },
	{ "queue", "drop ID [--yes]", "never send it", say_stderr, queuecmd_run },
	{ "queue", "export [--state pending|dead]", "JSON lines", say_stderr, queuecmd_run },
	{ "drain", "[--seconds N]", "send what waits, now", say_stderr, draincmd_run },
	{ "report", "[NAME] [--from DAY] ...", "what happened; --help: what can be asked",
	    say_stderr, reportcmd_run },
	{ "token", "ACCOUNT [--refresh] [--age]", "WeChat's access_token; refresh: another, now",
	    say_stderr, tokencmd_run },
	{ "datacube", "pull [--from DAY] ...", "WeChat's statistics: fetch what is missing",
	    say_stderr, datacubecmd_run },
	{ "datacube", "show [NAME] ...", "what there is; the figures of one",
	    say_stderr, datacubecmd_run },
	{ "datacube", "export NAME ...", "CSV, or JSON lines with --json",
	    say_stderr, datacubecmd_run },
	{ "reconcile", "[--from DAY] [--hours] ...",
	    "is every push that WeChat counts accounted for", say_stderr, reconcilecmd_run },
	{ "-V", "", "print the version", NULL, cmd_version },
	{ "-h", "", "print this", NULL, cmd_help },
};

static int
cmd_help(struct conf *c, int problems, int argc, char **argv)
{
	enum { LEFT = 34 };	/* columns for a verb and its arguments */
	const struct verb	*v;

	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s: WeChat Official Account events to Quick Tracking\n\n",
	    QTOA_VERSION);
	for (v = verbs; v != verbs + sizeof(verbs) / sizeof(verbs[0]); v++)
		(void)printf("  qtoa %s %-*s %s\n", v->name,
		    (int)(LEFT - strlen(v->name)), v->args, v->what);
	(void)printf("\nA web server runs it as CGI or FastCGI, without arguments.  What root does "
	    "with the queue\nis done as the owner of settings.state_dir.\n");
	return CMD_DONE;
}

static int
run(const struct verb *v, int argc, char **argv)
{
	struct conf	 c = { 0 };
	int		 problems = 0, rc;

	if (v->say != NULL)
		problems = conf_load(&c, v->say, NULL);
	rc = v->run(&c, problems, argc, argv);
	conf_free(&c);
	if (fflush(stdout) != 0 && rc == CMD_DONE)
		rc = CMD_WRONG;
	return rc;
}

int
cmd_main(int argc, char **argv)
{
	const struct verb	*v;
	const char		*name = argc < 2 ? "-h" : argv[1];

	if (strcmp(name, "--version") == 0)
		name = "-V";
	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
		name = "-h";
	for (v = verbs; v != verbs + sizeof(verbs) / sizeof(verbs[0]); v++)
		if (strcmp(name, v->name) == 0)
			return run(v, argc - 1, argv + 1);
	(void)fprintf(stderr, "qtoa: no verb \"%s\"; run: qtoa -h\n", name);
	return CMD_USAGE;
}
