#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/environment.h"
#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/verb.h"
#include "cli/zh/zh.h"
#include "core/conf.h"
#include "core/format.h"
#include "core/lang.h"
#include "core/utf8.h"
#include "report/questions.h"
#include "wechat/event.h"
#include "xmlmap.h"

enum { WORD = 32 };	/* bytes of a word of a verb's name, with its NUL */

/* Finds a verb by its name in one or two words.  NULL: there is no such verb. */
static const struct verb *
find_named(bool *group, const char *name)
{
	char	 text[2][WORD] = { "", "" }, *words[] = { text[0], text[1] };
	int	 n = sscanf(name, "%31s %31s", text[0], text[1]);

	return verb_find(group, n, words);
}

static void
print_usage(const char *name)
{
	const struct verb	*v;
	bool			 group;

	if ((v = find_named(&group, name)) != NULL)
		help_usage(stderr, v, group);
	else
		(void)fprintf(stderr, "%s %s", lang_text("usage: qtoa"), name);
}

int
cli_usage(const char *verb)
{
	print_usage(verb);
	(void)fputc('\n', stderr);
	return CLI_USAGE;
}

int
cli_usage_why(const char *verb, const char *fmt, ...)
{
	va_list	 ap;

	print_usage(verb);
	(void)fputs(" (", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, lang_text(fmt), ap);
	va_end(ap);
	(void)fputs(")\n", stderr);
	return CLI_USAGE;
}

/* What a verb does with the problems of the configuration: it prints them, or it ignores them. */

static void
print_problem(void *ctx, const char *line)
{
	(void)ctx;
	(void)fprintf(stderr, "qtoa: %s\n", line);
}

static void
ignore_problem(void *ctx, const char *line)
{
	(void)ctx, (void)line;
}

/*
 * qtoa map
 */

/* Prints a line for each event of one message.  False: it is not XML; stderr says so. */
static bool
map_file(struct xmlmap *m, struct event *ev, struct buf *xml, struct buf *line,
    const char *file)
{
	enum error	 er;

	if (buf_read_file(xml, file, 1 << 20) == -1) {
		(void)fprintf(stderr, "qtoa: %s: %s\n", file, lang_errno(errno));
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
		if (!xmlmap_more(m)) {
			if (*xmlmap_repaired(m) != '\0')
				(void)fprintf(stderr, "qtoa: %s: %s\n", file, xmlmap_repaired(m));
			return true;
		}
		er = xmlmap_next(m, ev);
	}
	(void)fprintf(stderr, "qtoa: %s: %s\n", file,
	    er == ERR_XML ? xmlmap_why(m) : lang_text(error_table[er].name));
	return false;
}

static int
run_map(struct conf *c, int problems, int argc, char **argv)
{
	struct xmlmap	*m = xmlmap_for(&c->set);
	struct event	 ev = { 0 };
	struct buf	 xml = { 0 }, line = { 0 };
	int		 i, rc = m == NULL ? CLI_WRONG : CLI_DONE;

	(void)problems;		/* map needs no account */
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
 * qtoa help
 */

static int
complain_no_verb(const char *name)
{
	struct suggest	 s;
	const char	*near = suggest_verb(&s, name);

	(void)fprintf(stderr, lang_text("qtoa: there is no verb \"%s\"%s\n"), name,
	    *near != '\0' ? near : lang_text("; run: qtoa -h"));
	return CLI_USAGE;
}

static int
complain_no_question(const struct verb *v, const char *name)
{
	struct suggest	 s;
	const char	*near = suggest_question(&s, name);

	(void)cli_usage_why(v->name, "there is no question %s%s", name, near);
	if (*near == '\0')
		help_questions(stderr);
	return CLI_USAGE;
}

static int
complain_not_in_group(const struct verb *first, char **argv)
{
	struct suggest	 s;

	return cli_usage_why(argv[0], "there is no %s%s", argv[1],
	    suggest_in_group(&s, first, argv[1]));
}

/* Prints the help of what the words name: a verb, a group of verbs, or a question of the report. */
static int
explain_verb(int argc, char **argv)
{
	const struct report_question	*q = NULL;
	const struct verb		*v;
	bool				 group;

	if ((v = verb_find(&group, argc, argv)) == NULL)
		return complain_no_verb(argv[0]);
	if (group && argc > 1)
		return complain_not_in_group(v, argv);
	if (verb_asks(v) && argc > 1 && argv[1][0] != '-' &&
	    (q = questions_find(slice_of(argv[1]))) == NULL)
		return complain_no_question(v, argv[1]);
	if (group)
		help_group(stdout, v);
	else
		help_verb(stdout, v, q);
	return fflush(stdout) == 0 ? CLI_DONE : CLI_WRONG;
}

static int
run_help(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems;
	if (argc > 1 && strcmp(argv[0], "help") == 0)
		return explain_verb(argc - 1, argv + 1);
	help_all(stdout);
	return CLI_DONE;
}

/*
 * The choice of the verb.
 */

static int
run_version(struct conf *c, int problems, int argc, char **argv)
{
	(void)c, (void)problems, (void)argc, (void)argv;
	(void)printf("qtoa %s\n", QTOA_VERSION);
	return CLI_DONE;
}

/* The functions of the verbs, by the first word of a verb's name. */
static const struct runner {
	const char	*name;
	conf_say	*say;	/* NULL: it needs no configuration, which is not loaded then */
	bool		 needs_environment; /* it says that the service's file cannot be used */
	cli_verb	*run;
} runners[] = {
	{ "check", ignore_problem, true, cmd_check_run },
	{ "config", NULL, false, cmd_config_run },
	{ "map", ignore_problem, false, run_map },
	{ "send", print_problem, true, cmd_send_run },
	{ "queue", print_problem, true, cmd_queue_run },
	{ "drain", print_problem, true, cmd_drain_run },
	{ "report", print_problem, true, cmd_report_run },
	{ "token", print_problem, true, cmd_token_run },
	{ "rid", print_problem, true, cmd_rid_run },
	{ "datacube", print_problem, true, cmd_datacube_run },
	{ "reply", print_problem, true, cmd_reply_run },
	{ "menu", print_problem, true, cmd_menu_run },
	{ "followers", print_problem, true, cmd_followers_run },
	{ "reconcile", print_problem, true, cmd_reconcile_run },
	{ "qrcode", print_problem, true, cmd_qrcode_run },
	{ "forget", print_problem, true, cmd_forget_run },
	{ "store", print_problem, true, cmd_store_run },
	{ "status", print_problem, true, cmd_status_run },
	{ "log", ignore_problem, true, cmd_log_run },
	{ "alert", print_problem, true, cmd_alert_run },
	{ "listen", NULL, true, cmd_listen_run },
	{ "completion", ignore_problem, false, cmd_completion_run },
	{ "help", NULL, false, run_help },
	{ "-V", NULL, false, run_version },
	{ "-h", NULL, false, run_help },
};

static int
call_runner(const struct runner *r, int argc, char **argv)
{
	struct conf	 c = { 0 };
	int		 problems = 0, rc;

	if ((r->say != NULL || r->needs_environment) && !environment_load() && r->needs_environment)
		print_problem(NULL, environment_problem());
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

/* Answers `qtoa GROUP` without a verb of that group, or with an unknown one. */
static int
run_group(const struct verb *first, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(argv[0]);
	if (is_help(argv[1]))
		return explain_verb(1, argv);
	return complain_not_in_group(first, argv);
}

static bool
is_value_required(const struct verb_option *o)
{
	return o->arg != NULL && !verb_may_lack(o->arg);
}

static bool
is_question_option(const struct report_question *q, const char *option)
{
	size_t	 i;

	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strncmp(option, "--", 2) == 0 && strcmp(option + 2, q->options[i].name) == 0)
			return true;
	return false;
}

/*
 * Finds the first option that neither the verb nor its question q (may be NULL) has.  NULL: all
 * are known, or --help came first, and *help is true then.
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
			i += is_value_required(o);
		else if (is_question_option(q, argv[i]))
			i++;
		else if (!*help)
			return argv[i];
	}
	return NULL;
}

static int
complain_no_option(const struct verb *v, const struct report_question *q, const char *option)
{
	struct suggest	 s;
	const char	*near = suggest_option(&s, v, q, option);

	(void)cli_usage_why(v->name, "it has no option %s%s", option, near);
	if (verb_asks(v) && *near == '\0')
		help_questions(stderr);
	return CLI_USAGE;
}

/* True: the argument is a choice between words, and this is not one of them. */
static bool
is_wrong_choice(const char *arg, const char *value)
{
	struct slice	 rest = slice_of(arg), word;
	bool		 wrong = false;

	while (verb_alternative(&word, &rest)) {
		if (verb_kind(word) != VERB_WORD || slice_is(word, value))
			return false;
		wrong = true;
	}
	return wrong;
}

/* Finds an option whose value is not one of its choices, and says so.  False: there is no such. */
static bool
complain_wrong_choice(const struct verb *v, int argc, char **argv)
{
	const struct verb_option	*o;
	struct suggest			 s;
	int				 i;

	for (i = 1; i + 1 < argc; i++) {
		if ((o = verb_option(v, argv[i])) == NULL || !is_value_required(o))
			continue;
		if (is_wrong_choice(o->arg, argv[++i])) {
			(void)cli_usage_why(v->name, "%s is not %s%s", o->name, argv[i],
			    suggest_choice(&s, o->arg, argv[i]));
			return true;
		}
	}
	return false;
}

static int
run_verb(const struct verb *v, int argc, char **argv)
{
	const struct report_question	*q = NULL;
	const struct runner		*r;
	const char			*unknown;
	bool				 help;

	if (verb_asks(v) && argc > 1 && argv[1][0] != '-' &&
	    (q = questions_find(slice_of(argv[1]))) == NULL)
		return complain_no_question(v, argv[1]);
	unknown = find_unknown(&help, v, q, argc, argv);
	if (help)
		return explain_verb(argc, argv);
	if (unknown != NULL)
		return complain_no_option(v, q, unknown);
	if (complain_wrong_choice(v, argc, argv))
		return CLI_USAGE;
	for (r = runners; r != runners + sizeof(runners) / sizeof(runners[0]); r++)
		if (slice_is(verb_group(v), r->name))
			return call_runner(r, argc, argv);
	return complain_no_verb(argv[0]);
}

/* True: an argument has a character that would not be seen, or would lie, in a message about it. */
static bool
has_hidden(char **argv)
{
	struct buf	 text = { 0 };
	const char	*p, *end;
	bool		 seen = true;

	for (; *argv != NULL && seen; argv += seen)
		for (p = *argv, end = p + strlen(p); p != end && seen;)
			seen = utf8_skip_printable(&p, end);
	if (seen)
		return false;
	if (format_text(&text, slice_of(*argv)) == ERR_OK)
		(void)fprintf(stderr, lang_text("qtoa: %.*s: this argument has a character that "
		    "is not printable, or is not UTF-8\n"), (int)text.len, text.p);
	buf_free(&text);
	return true;
}

/*
 * Chooses the language, and takes `--lang en|zh` off the words before the verb.  False: it names
 * another language.
 */
static bool
choose_language(int *argc, char ***argv)
{
	enum language	 l = lang_of_environment();
	const bool	 named = *argc > 0 && strcmp((*argv)[0], "--lang") == 0;
	const bool	 good = !named || (*argc > 1 && lang_read(&l, (*argv)[1]));

	if (named && good)
		*argc -= 2, *argv += 2;
	lang_use(l, zh_tables);
	return good;
}

static int
complain_no_language(void)
{
	(void)fputs(lang_text("usage: qtoa"), stderr);
	(void)fputs(" --lang en|zh ...\n", stderr);
	return CLI_USAGE;
}

int
cli_main(int argc, char **argv)
{
	static char		 version[] = "-V", help[] = "-h";
	char			*none[] = { help, NULL };
	const struct verb	*v;
	bool			 group;

	argc--, argv++;
	if (!choose_language(&argc, &argv))
		return complain_no_language();
	if (argc <= 0)
		argc = 1, argv = none;
	if (has_hidden(argv))
		return CLI_USAGE;
	if (strcmp(argv[0], "--version") == 0)
		argv[0] = version;
	if (strcmp(argv[0], "--help") == 0)
		argv[0] = help;
	if ((v = verb_find(&group, argc, argv)) == NULL)
		return complain_no_verb(argv[0]);
	return group ? run_group(v, argc, argv) : run_verb(v, argc, argv);
}
