#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/session.h"
#include "cli/verb.h"
#include "core/clock.h"
#include "report/i18n.h"
#include "report/questions.h"
#include "state/db.h"
#include "state/queue.h"
#include "wechat/datacube/datacube.h"

enum {
	STORE_WAIT_MS = 200,	/* how long other processes at the store are waited for */
	LIMIT_S	= 1,		/* for the whole run; a shell must not hang */
	NAME_MAX_LEN = 64	/* bytes of a verb's name with its question */
};

/*
 * The words that may stand for an argument, each with a blank after it.  Words that begin with @
 * are for the shell or for `qtoa completion` to look up.
 */

static void
print_question_names(void)
{
	const struct report_question	*q;

	for (q = questions_table; q->name != NULL; q++)
		(void)printf("%s ", q->name);
}

static void
print_datacube_names(bool tables)
{
	const struct datacube_endpoint	*e;
	size_t				 i;

	for (e = datacube_endpoints; e->name != NULL; e++) {
		if (!tables)
			(void)printf("%s ", e->name);
		for (i = 0; tables && i < DATACUBE_TABLES && e->tables[i].name != NULL; i++)
			(void)printf("%s ", e->tables[i].name);
	}
}

static void
print_verb_names(void)
{
	const struct verb	*v;

	for (v = verb_table; v->name != NULL; v++)
		if (*v->name != '-' && verb_leads(v))
			(void)printf("%.*s ", (int)verb_group(v).len, v->name);
}

static void
print_words_for(struct slice word)
{
	switch (verb_kind(word)) {
	case VERB_OTHER:
		break;
	case VERB_WORD:
		(void)printf("%.*s ", (int)word.len, word.p);
		break;
	case VERB_ACCOUNT:
		(void)printf("@accounts ");
		break;
	case VERB_FILE:
		(void)printf("@files ");
		break;
	case VERB_ID:
		(void)printf("@ids ");
		break;
	case VERB_QUESTION:
		print_question_names();
		break;
	case VERB_ENDPOINT:
		print_datacube_names(false);
		break;
	case VERB_TABLE:
		print_datacube_names(true);
		break;
	case VERB_VERB:
		print_verb_names();
		break;
	}
}

/*
 * The table; completion.bash says what its rows mean.
 */

static void
print_table_row(const char *verb, const char *place, struct slice arg, const char *excluded,
    const char *text)
{
	struct slice	 word;

	(void)printf("%s:%s:%.*s:%s:", verb, place, (int)arg.len, arg.len == 0 ? "" : arg.p,
	    excluded);
	while (verb_alternative(&word, &arg))
		print_words_for(word);
	(void)printf(":%s\n", text);
}

static void
print_option_rows(const struct verb *v)
{
	const struct verb_option	*o, *excluded, *before = NULL;

	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; before = o++) {
		excluded = o->or_next ? o + 1 : before != NULL && before->or_next ? before : NULL;
		print_table_row(v->name, o->name, slice_of(o->arg), excluded == NULL ? "" :
		    excluded->name, o->what);
	}
}

static void
print_argument_rows(const struct verb *v)
{
	struct slice	 arg;
	char		 place[16];
	int		 i;

	for (i = 0; (arg = verb_arg(v, i)).p != NULL; i++) {
		(void)snprintf(place, sizeof(place), "%d", i);
		print_table_row(v->name, memchr(arg.p, '.', arg.len) != NULL ? "*" : place, arg,
		    "", "");
	}
}

/* Prints the options of each question of the report. */
static void
print_question_rows(const struct verb *v)
{
	const struct report_question	*q;
	const struct report_option	*o;
	char				 name[NAME_MAX_LEN], option[NAME_MAX_LEN], arg[HELP_ARG];

	for (q = questions_table; q->name != NULL; q++)
		for (o = q->options; o != q->options + REPORT_OPTIONS_MAX && o->name != NULL; o++) {
			(void)snprintf(name, sizeof(name), "%s %s", v->name, q->name);
			(void)snprintf(option, sizeof(option), "--%s", o->name);
			help_arg(arg, o);
			print_table_row(name, option, slice_of(arg), "", i18n_text(ENGLISH,
			    o->name));
		}
}

static void
print_group_names(const struct verb *first)
{
	const struct verb	*v;

	for (v = first; v != NULL; v = verb_next(v))
		(void)printf("%s ", v->name + verb_group(v).len + 1);
}

/* Prints the verbs of a group, after its name and after `help` and its name; then the group. */
static void
print_group_rows(const struct verb *first)
{
	const struct slice	 group = verb_group(first);
	const struct verb	*v;

	for (v = first; v != NULL; v = verb_next(v))
		(void)printf("%.*s:=%s::::%s\n", (int)group.len, group.p,
		    v->name + group.len + 1, v->what);
	(void)printf("help %.*s:1:VERB::", (int)group.len, group.p);
	print_group_names(first);
	(void)printf(":\n:=%.*s::::", (int)group.len, group.p);
	print_group_names(first);
	(void)printf("\n");
}

static void
print_verb_table(void)
{
	const struct verb	*v;

	for (v = verb_table; v->name != NULL; v++) {
		if (*v->name == '-')
			continue;
		if (verb_in_group(v) && verb_leads(v))
			print_group_rows(v);
		else if (!verb_in_group(v))
			(void)printf(":=%s::::%s\n", v->name, v->what);
		print_option_rows(v);
		print_argument_rows(v);
		if (verb_asks(v))
			print_question_rows(v);
	}
}

static void
print_script(const char *script)
{
	const char	*mark = strstr(script, COMPLETION_TABLE);

	(void)fwrite(script, 1, (size_t)(mark - script), stdout);
	print_verb_table();
	(void)fputs(mark + strlen(COMPLETION_TABLE), stdout);
}

/*
 * What `qtoa completion` prints.
 */

static void
print_bash(const struct conf *c)
{
	(void)c;
	print_script(completion_bash);
}

static void
print_zsh(const struct conf *c)
{
	(void)c;
	print_script(completion_zsh);
}

static void
print_accounts(const struct conf *c)
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

/* Only reads: a key that somebody presses must not create, migrate or quarantine a database. */
static void
print_ids(const struct conf *c)
{
	const char	*dir = c->set.state_dir;
	struct db	*db = NULL;

	if (dir == NULL || !session_become_owner(dir))
		return;
	if (store_read(&db, &c->set, clock_mono_ms() + STORE_WAIT_MS) == ERR_OK)
		(void)queue_list(db, 0, SESSION_PAGE, print_id, NULL);
	db_close(db);
}

static void
exit_on_alarm(int sig)
{
	(void)sig;
	_exit(CLI_DONE);
}

/* "accounts" and "ids" are for the scripts, so help does not name them. */
int
cmd_completion_run(struct conf *c, int problems, int argc, char **argv)
{
	static const struct {
		const char	*name;
		void		(*print)(const struct conf *c);
	} kinds[] = {
		{ "bash", print_bash }, { "zsh", print_zsh }, { "accounts", print_accounts },
		{ "ids", print_ids },
	};
	struct suggest	 s;
	size_t		 i;

	(void)problems;
	for (i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[1], kinds[i].name) == 0) {
			(void)signal(SIGALRM, exit_on_alarm);
			(void)alarm(LIMIT_S);
			kinds[i].print(c);
			return CLI_DONE;
		}
	return argc != 2 ? cli_usage("completion") : cli_usage_why("completion", "there is no %s%s",
	    argv[1], suggest_choice(&s, "bash|zsh", argv[1]));
}
