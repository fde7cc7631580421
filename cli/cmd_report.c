#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/session.h"
#include "cli/suggest.h"
#include "cli/term.h"
#include "cli/term_table.h"
#include "collector/arrival_fold.h"
#include "core/clock.h"
#include "core/lang.h"
#include "report/i18n.h"
#include "report/questions.h"
#include "report/source.h"
#include "state/table.h"

enum {
	PATIENCE_MS = 60000,	/* for all questions together */
	FOLD_MS = 5000		/* to count what came since the last look */
};

struct asking {
	const struct conf		*conf;
	const struct report_question	*q;	/* NULL: the overview */
	enum term_table_form		 form;
	int				 argc;	/* options of the questions: --NAME VALUE... */
	char				**argv;
	struct db			*db;	/* NULL: there is no store yet */
	bool				 warned;	/* about days that are forgotten */
	struct table			 table;
	struct buf			 out;
};

static bool
is_option(const struct report_question *q, const char *name)
{
	static const char *const	 common[] = { "account", "from", "to" };
	size_t				 i;

	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(name, common[i]) == 0)
			return true;
	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++)
		if (strcmp(name, q->options[i].name) == 0)
			return true;
	return false;
}

/* Takes the question, --json and --csv out of argv; names and values of options are left. */
static bool
read_question(struct asking *k, int argc, char **argv)
{
	int	 i, n = 0;

	if (argc > 1 && argv[1][0] != '-') {
		if ((k->q = questions_find(slice_of(argv[1]))) == NULL)
			return false;
		argc--, argv++;
	}
	for (i = 1; i < argc; i++) {
		if (term_table_read_form(&k->form, argv[i]))
			continue;
		if (strncmp(argv[i], "--", 2) != 0 || !is_option(k->q, argv[i] + 2) ||
		    i + 1 == argc)
			return false;
		argv[n++] = argv[i];
		argv[n++] = argv[++i];
	}
	k->argc = n;
	k->argv = argv;
	return k->q != NULL || k->form != TERM_TABLE_CSV;
}

/* Says what is wrong with the value of an option, and which value is near. */
static void
complain_value(const struct report_question *q, const char *name, const char *value,
    enum questions_error wrong)
{
	const struct report_option	*o = q->options;
	struct suggest			 s = { "" };
	const char			*code;

	if (wrong == QUESTIONS_NOT_CODE && (code = questions_nearest_code(slice_of(value))) != NULL)
		(void)snprintf(s.text, sizeof(s.text), lang_text("; did you mean %s?"), code);
	for (; wrong == QUESTIONS_NOT_CHOICE && o != q->options + REPORT_OPTIONS_MAX &&
	    o->name != NULL; o++)
		if (strcmp(o->name, name + 2) == 0 && o->choices != NULL &&
		    *suggest_choice(&s, o->choices, value) == '\0')
			(void)snprintf(s.text, sizeof(s.text), lang_text("; they are: %s"),
			    o->choices);
	(void)fprintf(stderr, "qtoa: %s %s: %s%s\n", name, value, i18n_error(lang_used(), wrong),
	    s.text);
}

/* False: one of them is wrong, and stderr says which. */
static bool
set_arguments(struct report_args *a, const struct asking *k, const struct report_question *q)
{
	enum questions_error	 wrong;
	int			 i;

	questions_defaults(a, q, clock_wall_ms() / 1000);
	for (i = 0; i < k->argc; i += 2)
		if ((wrong = questions_set(a, q, k->argv[i] + 2,
		    slice_of(k->argv[i + 1]))) != QUESTIONS_OK) {
			complain_value(q, k->argv[i], k->argv[i + 1], wrong);
			return false;
		}
	if ((wrong = questions_check_period(a)) == QUESTIONS_OK)
		return true;
	(void)fprintf(stderr, "qtoa: %s\n", i18n_error(lang_used(), wrong));
	return false;
}

/* Asks the question.  Where there is no store yet, the table has the columns and no rows. */
static enum error
fill_answer(struct asking *k, const struct report_question *q, const struct report_args *a)
{
	const char	*names[REPORT_COLUMNS_MAX];
	size_t		 n;

	if (k->db != NULL)
		return questions_ask(&k->table, k->db, k->conf, q, a);
	for (n = 0; n < REPORT_COLUMNS_MAX && q->columns[n].name != NULL; n++)
		names[n] = q->columns[n].name;
	return table_begin(&k->table, names, n);
}

static enum error
append_answer(struct asking *k, const struct report_question *q, const struct report_args *a)
{
	const int	 width = term_width(STDOUT_FILENO);
	enum error	 er;

	if (k->form != TERM_TABLE_TEXT)
		return term_table_write(&k->out, &k->table, q, k->form, width);
	er = buf_printf(&k->out, lang_text("%s, %s to %s%s%s\n"), i18n_text(lang_used(), q->name),
	    a->from, a->to, *a->account != '\0' ? lang_text(", ") : "", a->account);
	if (er == ERR_OK && k->table.rows == 0)
		return buf_puts(&k->out, lang_text("  nothing\n"));
	return er == ERR_OK ? term_table(&k->out, &k->table, q, width) : er;
}

/* Warns once that the store has forgotten events of the period, so that the counts are too low. */
static void
warn_of_forgotten(struct asking *k, const struct report_args *a)
{
	char	 day[CALENDAR_DAY_TEXT];

	if (k->db == NULL || k->warned || questions_kept_from(day, k->db, a) != ERR_OK ||
	    *day == '\0')
		return;
	(void)fprintf(stderr, lang_text("qtoa: events before %s are forgotten, as "
	    "settings.collect_days says\n"), day);
	k->warned = true;
}

/* Prints the answer to one question. */
static int
answer_question(struct asking *k, const struct report_question *q)
{
	struct report_args	 a;
	enum error		 er;

	if (!set_arguments(&a, k, q))
		return CLI_USAGE;
	k->out.len = 0;
	warn_of_forgotten(k, &a);
	if ((er = fill_answer(k, q, &a)) == ERR_OK &&
	    (er = append_answer(k, q, &a)) == ERR_OK) {
		session_print(&k->out);
		return CLI_DONE;
	}
	(void)fprintf(stderr, "qtoa: %s: %s\n", q->name,
	    er == ERR_STORE ? db_why(k->db) : lang_text(error_table[er].name));
	return CLI_WRONG;
}

/* Answers the question, or all of the overview: below each other, or as members of one object. */
static int
answer_all(struct asking *k)
{
	const struct report_question	*q;
	const bool			 json = k->form == TERM_TABLE_JSON;
	int				 rc = CLI_DONE;
	bool				 first = true;

	if (k->q != NULL)
		return answer_question(k, k->q);
	for (q = questions_table; q->name != NULL && rc == CLI_DONE; q++) {
		if (q->model)
			continue;
		if (json)
			(void)printf("%c\"%s\":", first ? '{' : ',', q->name);
		else if (!first)
			(void)putchar('\n');
		first = false;
		rc = answer_question(k, q);
	}
	if (json && rc == CLI_DONE)
		(void)puts("}");
	return rc;
}

/* Says where the data come from, below tables for people. */
static void
print_source(struct asking *k)
{
	k->out.len = 0;
	if (k->form != TERM_TABLE_TEXT || source_write(&k->out, k->conf, lang_used(),
	    k->db == NULL || questions_have_nothing(k->db)) != ERR_OK)
		return;
	(void)putchar('\n');
	session_print(&k->out);
	(void)putchar('\n');
}

int
cmd_report_run(struct conf *c, int problems, int argc, char **argv)
{
	struct asking	 k = { .conf = c };
	struct session	 session;
	char		 why[160] = "";
	int		 rc = CLI_WRONG;

	if (!read_question(&k, argc, argv)) {
		(void)cli_usage("report");
		help_questions(stderr);
		return CLI_USAGE;
	}
	if (!session_open(&session, c, problems == 0))
		goto out;
	arrival_fold_all(c, session.services.store, session.services.arrivals, FOLD_MS);
	if (session.services.store != NULL &&
	    (k.db = questions_open(&c->set, session.services.store,
	    clock_mono_ms() + PATIENCE_MS, why, sizeof(why))) == NULL) {
		(void)fprintf(stderr, "qtoa: %s\n", why);
		goto out;
	}
	if ((rc = answer_all(&k)) == CLI_DONE)
		print_source(&k);
out:
	db_close(k.db);
	session_close(&session);
	table_free(&k.table);
	buf_free(&k.out);
	return rc;
}
