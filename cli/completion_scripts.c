#include <string.h>

#include "cli/completion_scripts.h"
#include "cli/help.h"
#include "cli/verb.h"
#include "report/i18n.h"
#include "report/questions.h"
#include "wechat/datacube/datacube.h"

/*
 * What can stand for an argument: words, and what begins with @, which the shell or the program
 * itself knows.
 */

struct offer {
	FILE	*f;
	char	 between;
	bool	 any;
};

static void
offer(struct offer *o, const char *text, size_t len)
{
	if (o->any)
		(void)fputc(o->between, o->f);
	(void)fprintf(o->f, "%.*s", (int)len, text);
	o->any = true;
}

static void
offer_text(struct offer *o, const char *text)
{
	offer(o, text, strlen(text));
}

static void
offer_questions(struct offer *o)
{
	const struct report_question	*q;

	for (q = questions_table; q->name != NULL; q++)
		offer_text(o, q->name);
}

static void
offer_datacube(struct offer *o, bool tables)
{
	const struct datacube_endpoint	*e;
	size_t				 i;

	for (e = datacube_endpoints; e->name != NULL; e++) {
		if (!tables)
			offer_text(o, e->name);
		for (i = 0; tables && i < DATACUBE_TABLES && e->tables[i].name != NULL; i++)
			offer_text(o, e->tables[i].name);
	}
}

/* First words of verb_table; of a group: second ones. */
static void
offer_verbs(struct offer *o, const struct verb *group)
{
	const struct verb	*v;

	for (v = group; v != NULL; v = verb_next(v))
		offer_text(o, v->name + verb_group(v).len + 1);
	for (v = verb_table; group == NULL && v->name != NULL; v++)
		if (*v->name != '-' && verb_leads(v))
			offer(o, v->name, verb_group(v).len);
}

static void
offer_word(struct offer *o, struct slice word)
{
	switch (verb_kind(word)) {
	case VERB_OTHER:
		break;
	case VERB_WORD:
		offer(o, word.p, word.len);
		break;
	case VERB_ACCOUNT:
		offer_text(o, "@accounts");
		break;
	case VERB_FILE:
		offer_text(o, "@files");
		break;
	case VERB_ID:
		offer_text(o, "@ids");
		break;
	case VERB_QUESTION:
		offer_questions(o);
		break;
	case VERB_ENDPOINT:
		offer_datacube(o, false);
		break;
	case VERB_TABLE:
		offer_datacube(o, true);
		break;
	case VERB_VERB:
		offer_verbs(o, NULL);
		break;
	}
}

static void
offer_arg(FILE *f, struct slice arg, char between)
{
	struct offer	 o = { f, between, false };
	struct slice	 word;

	while (verb_alternative(&word, &arg))
		offer_word(&o, word);
}

static bool
is_file(struct slice arg)
{
	struct slice	 word;

	return verb_alternative(&word, &arg) && verb_kind(word) == VERB_FILE;
}

/* Whether nothing can be offered for it. */
static bool
is_open(struct slice arg)
{
	struct slice	 word;

	while (verb_alternative(&word, &arg))
		if (verb_kind(word) != VERB_OTHER)
			return false;
	return true;
}

static bool
is_many(struct slice arg)
{
	return arg.len != 0 && memchr(arg.p, '.', arg.len) != NULL;
}

/* The first of a group of verb_table. */
static bool
is_first(const struct verb *v)
{
	return verb_in_group(v) && verb_leads(v);
}

static bool
is_last_option(const struct verb *v, size_t i)
{
	return i == VERB_OPTIONS || v->options[i].name == NULL;
}

static bool
is_last_own(const struct report_question *q, size_t i)
{
	return i == REPORT_OPTIONS_MAX || q->options[i].name == NULL;
}

/*
 * bash: the words before the one at hand lead to a state, $verb and $place; a question of
 * the report is a state, as is a group of verb_table.
 */

static const char	 bash_begin[] =
    "# bash completion for qtoa; made by: qtoa completion bash\n"
    "\n"
    "_qtoa()\n"
    "{\n"
    "\tlocal IFS=$' \\t\\n' program=${1/#\\~\\//$HOME/} cur=$2\n"
    "\tlocal verb='' place=0 want='' options='' word i\n"
    "\n"
    "\tCOMPREPLY=()\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tword=${COMP_WORDS[i]}\n"
    "\t\tcase $verb/$word in\n";

static const char	 bash_value[] =
    "\t\t\t((++i)) ;;\n"
    "\t\t*/-*) ;;\n"
    "\t\t*) ((++place)) ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tif ((i > COMP_CWORD)); then\t# the value of an option\n"
    "\t\tcase $verb/$word in\n";

static const char	 bash_state[] =
    "\t\tesac\n"
    "\telse\n"
    "\t\tcase $verb in\n";

static const char	 bash_place[] =
    "\t\tesac\n"
    "\t\tcase $verb/$place in\n";

static const char	 bash_end[] =
    "\t\tesac\n"
    "\tfi\n"
    "\tcase $cur in\n"
    "\t-*) want=\"$options --help\" ;;\n"
    "\t*) want=${want:-$options} ;;\n"
    "\tesac\n"
    "\tfor word in $want; do\n"
    "\t\tcase $word in\n"
    "\t\t@) ;;\n"
    "\t\t@files) compopt -o default 2>/dev/null ;;\n"
    "\t\t@*)\n"
    "\t\t\twhile IFS= read -r word; do\n"
    "\t\t\t\t[[ $word == \"$cur\"* ]] && COMPREPLY+=(\"$word\")\n"
    "\t\t\tdone < <(\"$program\" completion \"${word#@}\" 2>/dev/null </dev/null) ;;\n"
    "\t\t\"$cur\"*) COMPREPLY+=(\"$word\") ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\treturn 0\n"
    "}\n"
    "\n"
    "complete -F _qtoa qtoa\n";

/* Which words lead from one state to another. */
static void
bash_states(FILE *f)
{
	const struct verb		*v, *w;
	const struct report_question	*q;
	char				 sep = ' ';

	for (v = verb_table; v->name != NULL; v++) {
		if (*v->name != '-' && verb_leads(v))
			(void)fprintf(f, "%s'/%.*s'", sep == ' ' ? "\t\t" : "|",
			    (int)verb_group(v).len, v->name), sep = '|';
	}
	(void)fputs(") verb=$word ;;\n", f);
	for (v = verb_table; v->name != NULL; v++) {
		if (verb_asks(v))
			for (q = questions_table; q->name != NULL; q++)
				(void)fprintf(f, "%s'%s/%s'", q == questions_table ? "\t\t" : "|",
				    v->name, q->name);
		for (w = is_first(v) ? v : NULL; w != NULL; w = verb_next(w))
			(void)fprintf(f, "%s'%.*s/%s'", w == v ? "\t\t" : "|",
			    (int)verb_group(w).len, w->name, w->name + verb_group(w).len + 1);
		if (is_first(v))
			(void)fprintf(f, "|'help/%.*s'", (int)verb_group(v).len, v->name);
		if (verb_asks(v) || is_first(v))
			(void)fputs(") verb=\"$verb $word\" ;;\n", f);
	}
}

/* Where nothing can be offered nothing else is, either. */
static void
bash_want(FILE *f, struct slice arg)
{
	(void)fprintf(f, ") want='%s", is_open(arg) ? "@" : "");
	offer_arg(f, arg, ' ');
	(void)fputs("' ;;\n", f);
}

/* Each option that takes a value, as a pattern; with what it may be, or all for one action. */
static void
bash_values(FILE *f, bool what)
{
	const struct verb_option	*o;
	const struct verb		*v;
	bool				 any = false;

	for (v = verb_table; v->name != NULL; v++)
		for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++) {
			if (o->arg == NULL || (!what && verb_may_lack(o->arg)))
				continue;
			(void)fprintf(f, "%s'%s'%s/%s", what || !any ? "\t\t" : "|", v->name,
			    verb_asks(v) ? "*" : "", o->name);
			any = true;
			if (what)
				bash_want(f, slice_of(o->arg));
		}
}

/* The same for options of the report's questions. */
static void
bash_own_values(FILE *f, bool what)
{
	const struct report_question	*q;
	const struct report_option	*o;

	for (q = questions_table; q->name != NULL; q++)
		for (o = q->options; o != q->options + REPORT_OPTIONS_MAX && o->name != NULL; o++)
			if (!what)
				(void)fprintf(f, "|*' %s/--%s'", q->name, o->name);
			else if (o->choices != NULL)
				(void)fprintf(f, "\t\t*' %s/--%s') want='%s' ;;\n", q->name,
				    o->name, o->choices);
	if (!what)
		(void)fputs(")\n", f);
}

static void
bash_options(FILE *f)
{
	const struct verb		*v;
	const struct report_question	*q;
	size_t				 i;

	(void)fputs("\t\t'') ((place)) || options='-V -h --version' ;;\n", f);
	for (v = verb_table; v->name != NULL; v++) {
		if (is_last_option(v, 0))
			continue;
		(void)fprintf(f, "\t\t'%s'%s) options='", v->name, verb_asks(v) ? "*" : "");
		for (i = 0; !is_last_option(v, i); i++)
			(void)fprintf(f, "%s%s", i == 0 ? "" : " ", v->options[i].name);
		(void)fputs("' ;;\n", f);
	}
	(void)fputs("\t\tesac\n\t\tcase $verb in\n", f);
	for (q = questions_table; q->name != NULL; q++) {
		if (is_last_own(q, 0))
			continue;
		(void)fprintf(f, "\t\t'report %s') options+='", q->name);
		for (i = 0; !is_last_own(q, i); i++)
			(void)fprintf(f, " --%s", q->options[i].name);
		(void)fputs("' ;;\n", f);
	}
}

static void
bash_places(FILE *f)
{
	struct offer		 o = { f, ' ', false };
	const struct verb	*v;
	struct slice		 arg;
	int			 i;

	(void)fputs("\t\t'/0') want='", f);
	offer_verbs(&o, NULL);
	(void)fputs("' ;;\n", f);
	for (v = verb_table; v->name != NULL; v++) {
		for (i = 0; (arg = verb_arg(v, i)).p != NULL; i++) {
			(void)fprintf(f, is_many(arg) ? "\t\t'%s/'*" : "\t\t'%s/%d'", v->name, i);
			bash_want(f, arg);
		}
		if (!is_first(v))
			continue;
		(void)fprintf(f, "\t\t'%.*s/0'|'help %.*s/0') want='", (int)verb_group(v).len,
		    v->name, (int)verb_group(v).len, v->name);
		o.any = false;
		offer_verbs(&o, v);
		(void)fputs("' ;;\n", f);
	}
}

void
scripts_bash(FILE *f)
{
	(void)fputs(bash_begin, f);
	bash_states(f);
	bash_values(f, false);
	bash_own_values(f, false);
	(void)fputs(bash_value, f);
	bash_values(f, true);
	bash_own_values(f, true);
	(void)fputs(bash_state, f);
	bash_options(f);
	(void)fputs(bash_place, f);
	bash_places(f);
	(void)fputs(bash_end, f);
}

/*
 * zsh: its own _arguments for each verb.
 */

static const char	 zsh_begin[] =
    "#compdef qtoa\n"
    "# zsh completion for qtoa; made by: qtoa completion zsh\n"
    "\n"
    "# The last argument has words, separated by commas; @WORD: qtoa knows which.\n"
    "_qtoa_words() {\n"
    "\tlocal word\n"
    "\tlocal -a found\n"
    "\n"
    "\tfor word in ${(s:,:)argv[-1]}; do\n"
    "\t\tcase $word in\n"
    "\t\t@*) found+=(${(f)\"$(${~program} completion ${word#@} 2>/dev/null </dev/null)\"}) ;;\n"
    "\t\t*) found+=($word) ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "\tcompadd \"${(@)argv[1,-2]}\" -a found\n"
    "}\n"
    "\n"
    "# A verb of those given, NAME:WHAT, then what it takes.\n"
    "_qtoa_group() {\n"
    "\tlocal prefix=$1 state line\n"
    "\tlocal -a verbs version\n"
    "\n"
    "\tshift\n"
    "\tverbs=(\"$@\")\n"
    "\t[[ -n $prefix ]] || version=('(- *)'{-V,--version}'[print the version]')\n"
    "\t_arguments -C $version '(- *)'{-h,--help}'[print help]' '(-): :->verb' '(-)*:: :->rest'\n"
    "\tcase $state in\n"
    "\tverb) _describe -t verbs verb verbs ;;\n"
    "\trest) _qtoa_verb \"$prefix$line[1]\" ;;\n"
    "\tesac\n"
    "}\n"
    "\n"
    "_qtoa_verb() {\n"
    "\tlocal -a own\n"
    "\n"
    "\tcase $1 in\n";

static const char	 zsh_end[] =
    "\tesac\n"
    "}\n"
    "\n"
    "_qtoa() {\n"
    "\tlocal program=${(Q)words[1]} curcontext=$curcontext\n"
    "\n"
    "\t_qtoa_verb ''\n"
    "}\n"
    "\n"
    "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
    "\t_qtoa \"$@\"\n"
    "else\n"
    "\tcompdef _qtoa qtoa\n"
    "fi\n";

/* Text within quotes, and within what _arguments takes for its own. */
static void
zsh_text(FILE *f, const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)fputs("'\\'", f);
		else if (strchr(special, *text) != NULL)
			(void)fputc('\\', f);
		(void)fputc(*text, f);
	}
}

/* `:NAME:ACTION`, of an option's value or a verb's argument. */
static void
zsh_action(FILE *f, struct slice arg)
{
	const struct slice	 all = arg;
	struct slice		 word;
	const char		*sep = "";

	(void)fputs(arg.len != 0 && *arg.p == '[' ? "::" : ":", f);
	for (; verb_alternative(&word, &arg); sep = "|")
		(void)fprintf(f, "%s%.*s", sep, (int)word.len, word.p);
	(void)fputc(':', f);
	(void)fputs(is_open(all) ? " " : is_file(all) ? "_files" : "_qtoa_words ", f);
	if (!is_file(all))
		offer_arg(f, all, ',');
}

static void
zsh_option(FILE *f, const struct verb_option *o, const struct verb_option *not)
{
	(void)fputs(" \\\n\t\t    '", f);
	if (not != NULL)
		(void)fprintf(f, "(%s)", not->name);
	(void)fprintf(f, "%s[", o->name);
	zsh_text(f, o->what, "[]\\");
	(void)fputc(']', f);
	if (o->arg != NULL)
		zsh_action(f, slice_of(o->arg));
	(void)fputc('\'', f);
}

static void
zsh_own(FILE *f, const struct report_question *q)
{
	char		 arg[HELP_ARG];
	size_t		 i;

	if (is_last_own(q, 0))
		return;
	(void)fprintf(f, "\t\t%s)\n\t\t\town=(", q->name);
	for (i = 0; !is_last_own(q, i); i++) {
		help_arg(arg, &q->options[i]);
		(void)fprintf(f, "%s'--%s[", i == 0 ? "" : "\n\t\t\t    ", q->options[i].name);
		zsh_text(f, i18n_text(ENGLISH, q->options[i].name), "[]\\");
		(void)fputc(']', f);
		zsh_action(f, slice_of(arg));
		(void)fputc('\'', f);
	}
	(void)fputs(")\n\t\t\t;;\n", f);
}

static void
zsh_verb(FILE *f, const struct verb *v)
{
	const struct report_question	*q;
	const struct verb_option	*o = v->options, *before = NULL;
	struct slice			 arg;
	size_t				 n;
	int				 i;

	(void)fprintf(f, "\t'%s')\n", v->name);
	if (verb_asks(v)) {
		(void)fputs("\t\tcase $words[2] in\n", f);
		for (q = questions_table; q->name != NULL; q++)
			zsh_own(f, q);
		(void)fputs("\t\tesac\n", f);
	}
	(void)fputs("\t\t_arguments '(- *)'{-h,--help}'[print help]' $own", f);
	for (n = 0; !is_last_option(v, n); before = &o[n++])
		zsh_option(f, &o[n], o[n].or_next ? &o[n + 1] :
		    before != NULL && before->or_next ? before : NULL);
	for (i = 0; (arg = verb_arg(v, i)).p != NULL; i++) {
		(void)fputs(" \\\n\t\t    '", f);
		(void)fprintf(f, is_many(arg) ? "*" : "%d", i + 1);
		zsh_action(f, arg);
		(void)fputc('\'', f);
	}
	(void)fputs("\n\t\t;;\n", f);
}

static void
zsh_name(FILE *f, struct slice name, const char *what)
{
	(void)fprintf(f, " \\\n\t\t    '%.*s:", (int)name.len, name.p);
	zsh_text(f, what, "\\");
	(void)fputc('\'', f);
}

static void
zsh_group(FILE *f, const struct verb *first)
{
	const struct slice	 group = verb_group(first);
	const struct verb	*v;

	(void)fprintf(f, "\t'%.*s')\n\t\t_qtoa_group '%.*s '", (int)group.len, group.p,
	    (int)group.len, group.p);
	for (v = first; v != NULL; v = verb_next(v))
		zsh_name(f, slice_of(v->name + group.len + 1), v->what);
	(void)fputs("\n\t\t;;\n", f);
}

static void
zsh_all(FILE *f)
{
	const struct verb	*v;

	(void)fputs("\t'')\n\t\t_qtoa_group ''", f);
	for (v = verb_table; v->name != NULL; v++)
		if (*v->name != '-' && verb_leads(v))
			zsh_name(f, verb_group(v), v->what);
	(void)fputs("\n\t\t;;\n", f);
}

void
scripts_zsh(FILE *f)
{
	const struct verb	*v;

	(void)fputs(zsh_begin, f);
	zsh_all(f);
	for (v = verb_table; v->name != NULL; v++) {
		if (is_first(v))
			zsh_group(f, v);
		if (*v->name != '-')
			zsh_verb(f, v);
	}
	(void)fputs(zsh_end, f);
}
