#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/verb.h"
#include "core/conf.h"
#include "report/questions.h"
#include "wechat/event.h"
#include "xmlmap.h"

enum { WORD = 32 };	/* of a verb's name, with its NUL */

/* Of a name in words the verb; NULL: there is none of it. */
static const struct verb *
named(bool *group, const char *name)
{
	char	 text[2][WORD] = { "", "" }, *words[] = { text[0], text[1] };
	int	 n = sscanf(name, "%31s %31s", text[0], text[1]);

	return verb_find(group, n, words);
}

static void
say_usage(const char *name)
{
	const struct verb	*v;
	bool			 group;

	if ((v = named(&group, name)) != NULL)
		help_usage(stderr, v, group);
	else
		(void)fprintf(stderr, "usage: qtoa %s", name);
}

int
cli_usage(const char *verb)
{
	say_usage(verb);
	(void)fputc('\n', stderr);
	return CLI_USAGE;
}

int
cli_usage_why(const char *verb, const char *fmt, ...)
{
	va_list	 ap;

	say_usage(verb);
	(void)fputs(" (", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs(")\n", stderr);
	return CLI_USAGE;
}

/* Where problems of the configuration go: what a verb is for, or beside the point of it. */

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
	enum error	 er;

	if (buf_read_file(xml, file, 1 << 20) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, strerror(errno));
		return false;
	}
	er = xmlmap_event(m, ev, buf_slice(xml));
	for (;;) {
		line->len = 0;
		if (er == ERR_OK && (er = event_json(line, ev)) == ERR_OK)
			er = buf_putc(line, '\n');
		if (er != ERR_OK)
			break;
		(void)fwrite(line->p, 1, line->len, stdout);
		if (!xmlmap_more(m))
			return true;
		er = xmlmap_next(m, ev);
	}
	(void)fprintf(stderr, "qtoa: %s: %s\n", file,
	    er == ERR_XML ? xmlmap_why(m) : error_table[er].name);
	return false;
}

static int
cmd_map(struct conf *c, int problems, int argc, char **argv)
{
	struct xmlmap	*m = xmlmap_for(&c->set);
	struct event	 ev = { 0 };
	struct buf	 xml = { 0 }, line = { 0 };
	int		 i, rc = m == NULL ? CLI_WRONG : CLI_DONE;

	(void)problems;		/* no account is needed */
	for (i = 1; m != NULL && i < argc; i++)
		if (!map_file(m, &ev, &xml, &line, argv[i]))
			rc = CLI_WRONG;
	if (m != NULL && argc == 1 && !map_file(m, &ev, &xml, &line, "-"))
		rc = CLI_WRONG;
	buf_free(&line);
	buf_free(&xml);
	event_free(&ev);
	xmlmap_free(m);
	return rc;
}

/*
 * help
 */

static int
no_verb(const char *name)
{
	(void)fprintf(stderr, "qtoa: no verb \"%s\"; run: qtoa -h\n", name);
	return CLI_USAGE;
}

static int
no_question(const struct verb *v, const char *name)
{
	(void)cli_usage_why(v->name, "there is no question %s", name);
	help_questions(stderr);
	return CLI_USAGE;
}

/* All about what words name: a verb, a group of verb_table, one of the report's questions. */
static int
explain(int argc, char **argv)
{
	const struct report_question	*q = NULL;
	const struct verb		*v;
	bool				 group;

	if ((v = verb_find(&group, argc, argv)) == NULL)
		return no_verb(argv[0]);
	if (group && argc > 1)
		return cli_usage_why(argv[0], "there is no %s", argv[1]);
	if (verb_asks(v) && argc > 1 && argv[1][0] != '-' &&
	    (q = questions_find(slice_of(argv[1]))) == NULL)
		return no_question(v, argv[1]);
	if (group)
		help_group(stdout, v);
	else
		help_verb(stdout, v, q);
	return fflush(stdout) == 0 ? CLI_DONE : CLI_WRONG;
}

static int
cmd_help(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems;
	if (argc > 1 && strcmp(argv[0], "help") == 0)
		return explain(argc - 1, argv + 1);
	help_all(stdout);
	return CLI_DONE;
}

/*
 * Which verb.
 */

static int
cmd_version(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s\n", QTOA_VERSION);
	return CLI_DONE;
}

/* By the first word of their names. */
static const struct runner {
	const char	*name;
	conf_say	*say;	/* NULL: needs no configuration */
	cli_verb	*run;
} runners[] = {
	{ "check", say_nothing, cmd_check_run },
	{ "map", say_nothing, cmd_map },
	{ "send", say_stderr, cmd_send_run },
	{ "queue", say_stderr, cmd_queue_run },
	{ "drain", say_stderr, cmd_drain_run },
	{ "report", say_stderr, cmd_report_run },
	{ "token", say_stderr, cmd_token_run },
	{ "datacube", say_stderr, cmd_datacube_run },
	{ "reconcile", say_stderr, cmd_reconcile_run },
	{ "status", say_stderr, cmd_status_run },
	{ "completion", say_nothing, cmd_completion_run },
	{ "help", NULL, cmd_help },
	{ "-V", NULL, cmd_version },
	{ "-h", NULL, cmd_help },
};

static int
run(const struct runner *r, int argc, char **argv)
{
	struct conf	 c = { 0 };
	int		 problems = 0, rc;

	if (r->say != NULL)
		problems = conf_load(&c, r->say, NULL);
	rc = r->run(&c, problems, argc, argv);
	conf_free(&c);
	if (fflush(stdout) != 0 && rc == CLI_DONE)
		rc = CLI_WRONG;
	return rc;
}

static bool
is_help(const char *arg)
{
	return strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0;
}

/* A group's name without one of its verb_table. */
static int
run_group(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(argv[0]);
	if (is_help(argv[1]))
		return explain(1, argv);
	return cli_usage_why(argv[0], "there is no %s", argv[1]);
}

static bool
takes_value(const struct verb_option *o)
{
	return o->arg != NULL && !verb_may_lack(o->arg);
}

static bool
is_of_question(const struct report_question *q, const char *option)
{
	size_t	 i;

	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strncmp(option, "--", 2) == 0 && strcmp(option + 2, q->options[i].name) == 0)
			return true;
	return false;
}

/*
 * The first argument that the verb does not have, NULL without one; q: the question that is
 * asked.  *help: that is what is asked for.
 */
static const char *
find_unknown(bool *help, const struct verb *v, const struct report_question *q, int argc,
    char **argv)
{
	const struct verb_option	*o;
	int				 i;

	*help = false;
	for (i = 1; i < argc && !*help; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			continue;
		*help = is_help(argv[i]);
		if ((o = verb_option(v, argv[i])) != NULL)
			i += takes_value(o);
		else if (is_of_question(q, argv[i]))
			i++;
		else if (!*help)
			return argv[i];
	}
	return NULL;
}

/* What is asked for, if the table has it. */
static int
run_verb(const struct verb *v, int argc, char **argv)
{
	const struct report_question	*q = NULL;
	const struct runner		*r;
	const char			*unknown;
	bool				 help;

	if (verb_asks(v) && argc > 1 && argv[1][0] != '-' &&
	    (q = questions_find(slice_of(argv[1]))) == NULL)
		return no_question(v, argv[1]);
	unknown = find_unknown(&help, v, q, argc, argv);
	if (help)
		return explain(argc, argv);
	if (unknown != NULL) {
		(void)cli_usage_why(v->name, "it has no option %s", unknown);
		if (verb_asks(v))
			help_questions(stderr);
		return CLI_USAGE;
	}
	for (r = runners; r != runners + sizeof(runners) / sizeof(runners[0]); r++)
		if (slice_is(verb_group(v), r->name))
			return run(r, argc, argv);
	return no_verb(argv[0]);
}

int
cli_main(int argc, char **argv)
{
	static char		 version[] = "-V", help[] = "-h";
	char			*none[] = { help, NULL };
	const struct verb	*v;
	bool			 group;

	if (argc > 1)
		argc--, argv++;
	else
		argv = none;
	if (strcmp(argv[0], "--version") == 0)
		argv[0] = version;
	if (strcmp(argv[0], "--help") == 0)
		argv[0] = help;
	if ((v = verb_find(&group, argc, argv)) == NULL)
		return no_verb(argv[0]);
	return group ? run_group(argc, argv) : run_verb(v, argc, argv);
}
