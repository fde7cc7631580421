#include <string.h>

#include "cli/help.h"
#include "core/format.h"
#include "core/lang.h"
#include "report/i18n.h"

enum {
	WIDTH	= 80,		/* columns of a page */
	LEFT	= 21,		/* columns of the list of verbs for a verb with its arguments */
	PIECE	= 64,
	LINE	= 1024,		/* bytes */
	PIECES	= VERB_OPTIONS + 4
};

/*
 * The usage of a verb in pieces: its name, each argument, each option.  Lines break between
 * them.
 */
struct pieces {
	char	 text[PIECES][PIECE];
	size_t	 n, required;
};

/* A paragraph of words; every line but the first is indented by `left` columns. */
struct paragraph {
	FILE	*f;
	size_t	 at, left;
};

/* blank: one stands before the piece, unless the piece begins a line. */
static void
print_piece(struct paragraph *p, struct slice piece, int columns, bool blank)
{
	if (p->at > p->left && p->at + blank + (size_t)columns > WIDTH) {
		(void)fprintf(p->f, "\n%*s", (int)p->left, "");
		p->at = p->left;
	}
	blank = blank && p->at > p->left;
	(void)fprintf(p->f, "%s%.*s", blank ? " " : "", (int)piece.len, piece.p);
	p->at += (size_t)columns + blank;
}

/* Prints a word of ASCII, which may have blanks within. */
static void
print_word(struct paragraph *p, const char *word, size_t len)
{
	print_piece(p, (struct slice){ word, len }, (int)len, true);
}

static void
print_words(struct paragraph *p, const char *text)
{
	struct slice	 piece;
	bool		 blank = true;
	int		 columns;

	for (; *text != '\0'; text += piece.len) {
		blank |= *text == ' ';
		text += strspn(text, " ");
		piece = slice_of(text);
		if ((piece.len = format_piece(&columns, piece)) != 0)
			print_piece(p, piece, columns, blank);
		blank = false;
	}
	(void)fputc('\n', p->f);
}

/*
 * Usage.
 */

static const char	usage[] = "usage: qtoa";

static void
split_usage(struct pieces *s, const struct verb *v)
{
	const struct verb_option	*o;
	struct slice			 arg;
	char				*text;
	size_t				 len = 0;
	int				 i;

	s->n = 0;
	(void)snprintf(s->text[s->n++], PIECE, "%s", v->name);
	for (i = 0; (arg = verb_arg(v, i)).p != NULL; i++)
		(void)snprintf(s->text[s->n++], PIECE, "%.*s", (int)arg.len, arg.p);
	s->required = s->n;
	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++) {
		text = s->text[s->n];
		len += (size_t)snprintf(text + len, PIECE - len, "%s%s%s%s%s", len == 0 ? "[" : "",
		    o->name, o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "",
		    o->or_next ? " | " : "]");
		if (o->or_next && len < PIECE)
			continue;
		s->n++;
		len = 0;
	}
}

static void
print_group_usage(FILE *f, const struct verb *v)
{
	const struct slice	 group = verb_group(v);
	char			 sep = ' ';

	(void)fprintf(f, "%s %.*s", lang_text(usage), (int)group.len, group.p);
	for (; v != NULL; v = verb_next(v), sep = '|')
		(void)fprintf(f, "%c%s", sep, v->name + group.len + 1);
	(void)fputs(" ...", f);
}

void
help_usage(FILE *f, const struct verb *v, bool group)
{
	struct pieces	 s;
	size_t		 i;

	if (group) {
		print_group_usage(f, v);
		return;
	}
	split_usage(&s, v);
	(void)fputs(lang_text(usage), f);
	for (i = 0; i < s.n; i++)
		(void)fprintf(f, " %s", s.text[i]);
}

/* Prints a verb with its arguments, and what it does: behind them, or below if they are long. */
static void
print_verb_row(FILE *f, const struct verb *v)
{
	struct paragraph	 p = { f, LEFT + 3, LEFT + 3 };
	char			 text[2 * PIECE];

	(void)snprintf(text, sizeof(text), "%s%s%s", v->name, *v->args != '\0' ? " " : "",
	    v->args);
	if (strlen(text) <= LEFT)
		(void)fprintf(f, "  %-*s ", LEFT, text);
	else
		(void)fprintf(f, "  %s\n%*s", text, LEFT + 3, "");
	print_words(&p, lang_text(v->what));
}

void
help_all(FILE *f)
{
	const struct verb	*v;
	int			 topic;

	(void)fprintf(f, lang_text("qtoa %s: WeChat Official Account events to Quick Tracking\n"
	    "usage: qtoa VERB [ARGUMENT...]; all about a verb: qtoa help VERB\n"), QTOA_VERSION);
	for (topic = 0; topic < VERB__TOPICS; topic++) {
		(void)fprintf(f, "\n%s\n", lang_text(verb_topics[topic]));
		for (v = verb_table; v->name != NULL; v++)
			if ((int)v->topic == topic)
				print_verb_row(f, v);
	}
	(void)fputs(lang_text("\nA web server runs qtoa as CGI or FastCGI, without arguments.  "
	    "When root runs it,\nqtoa works on the queue as the user who owns "
	    "settings.state_dir.\n"), f);
	(void)fputs(lang_text("qtoa --lang en|zh ... speaks English or Chinese, whatever LC_ALL, "
	    "LC_MESSAGES\nand LANG say.\n"), f);
}

/*
 * All about one verb.
 */

struct option_line {
	char		 left[PIECE];
	const char	*what, *dflt;
};

static void
print_option_line(FILE *f, const struct option_line *l, int width)
{
	struct paragraph	 p = { f, (size_t)width + 4, (size_t)width + 4 };
	char			 text[LINE];

	(void)fprintf(f, "  %-*s  ", width, l->left);
	if (l->dflt == NULL) {
		print_words(&p, l->what);
		return;
	}
	(void)snprintf(text, sizeof(text), lang_text("%s; default: %s"), l->what, l->dflt);
	print_words(&p, text);
}

void
help_arg(char arg[HELP_ARG], const struct report_option *o)
{
	static const char *const	 names[] = {
		[OPTION_TEXT] = "TEXT", [OPTION_NUMBER] = "N", [OPTION_CODE] = "CODE",
		[OPTION_CODES] = "CODE,CODE...",
	};
	char				*p;

	(void)snprintf(arg, HELP_ARG, "%s", o->choices != NULL ? o->choices : names[o->kind]);
	for (p = arg; o->choices != NULL && *p != '\0'; p++)
		if (*p == ' ')
			*p = '|';
}

static size_t
list_option_lines(struct option_line *l, const struct verb *v, const struct report_question *q)
{
	const struct verb_option	*o;
	const struct report_option	*own;
	char				 arg[HELP_ARG];
	size_t				 n = 0;

	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++) {
		(void)snprintf(l[n].left, PIECE, "%s%s%s", o->name, o->arg != NULL ? " " : "",
		    o->arg != NULL ? o->arg : "");
		l[n++].what = lang_text(o->what);
	}
	for (own = q == NULL ? NULL : q->options; own != NULL &&
	    own != q->options + REPORT_OPTIONS_MAX && own->name != NULL; own++) {
		help_arg(arg, own);
		(void)snprintf(l[n].left, PIECE, "--%s %.50s", own->name, arg);
		l[n].dflt = own->dflt;
		l[n++].what = i18n_text(lang_used(), own->name);
	}
	(void)snprintf(l[n].left, PIECE, "-h, --help");
	l[n++].what = lang_text("print this help");
	return n;
}

static void
print_options(FILE *f, const struct verb *v, const struct report_question *q)
{
	struct option_line	 l[VERB_OPTIONS + REPORT_OPTIONS_MAX + 1] = { 0 };
	const size_t		 n = list_option_lines(l, v, q);
	size_t			 i;
	int			 width = 0;

	for (i = 0; i < n; i++)
		if ((int)strlen(l[i].left) > width)
			width = (int)strlen(l[i].left);
	for (i = 0; i < n; i++)
		print_option_line(f, &l[i], width);
}

static void
print_question_options(struct paragraph *p, const struct report_question *q)
{
	const struct report_option	*o;
	char				 arg[HELP_ARG], piece[2 * PIECE];

	for (o = q->options; o != q->options + REPORT_OPTIONS_MAX && o->name != NULL; o++) {
		help_arg(arg, o);
		(void)snprintf(piece, sizeof(piece), "[--%s %s]", o->name, arg);
		print_word(p, piece, strlen(piece));
	}
}

static void
print_verb_usage(FILE *f, const struct verb *v, const struct report_question *q)
{
	struct paragraph	 p = { f, 0, (size_t)format_columns(slice_of(lang_text(usage))) +
	    1 };
	struct pieces		 s;
	size_t			 i;

	split_usage(&s, v);
	p.at = p.left;
	(void)fprintf(f, "%s ", lang_text(usage));
	for (i = 0; i < s.n; i++)
		if (q != NULL && i == 1)
			print_word(&p, q->name, strlen(q->name));
		else
			print_word(&p, s.text[i], strlen(s.text[i]));
	if (q != NULL)
		print_question_options(&p, q);
	else if (verb_asks(v))
		print_word(&p, "[--OPTION VALUE]...", strlen("[--OPTION VALUE]..."));
	(void)fputc('\n', f);
}

/* The text about a question is that of the report's page (report/i18n.h). */
static void
print_about(FILE *f, const struct verb *v, const struct report_question *q)
{
	struct paragraph	 p = { f, 0, 0 };
	char			 key[PIECE], text[LINE];

	(void)fputc('\n', f);
	if (q == NULL) {
		print_words(&p, lang_text(*v->about != '\0' ? v->about : v->what));
		return;
	}
	(void)snprintf(key, sizeof(key), "%s.about", q->name);
	(void)snprintf(text, sizeof(text), lang_text("%s. %s"), i18n_text(lang_used(), q->name),
	    i18n_text(lang_used(), key));
	print_words(&p, text);
}

void
help_verb(FILE *f, const struct verb *v, const struct report_question *q)
{
	size_t	 i;

	print_verb_usage(f, v, q);
	print_about(f, v, q);
	if (verb_asks(v) && q == NULL) {
		(void)fputs(lang_text("\nquestions, and their options with the defaults:\n"), f);
		help_questions(f);
	}
	(void)fputc('\n', f);
	print_options(f, v, q);
	(void)fprintf(f, lang_text("\nexit status: %s, 2 wrong usage\n"), lang_text(v->status));
	for (i = 0; i < VERB_EXAMPLES && v->examples[i] != NULL && q == NULL; i++)
		(void)fprintf(f, "%s  %s\n", i == 0 ? lang_text("\nfor example:\n") : "",
		    v->examples[i]);
}

void
help_group(FILE *f, const struct verb *first)
{
	const struct slice	 group = verb_group(first);
	const struct verb	*v;

	print_group_usage(f, first);
	(void)fputs("\n\n", f);
	for (v = first; v != NULL; v = verb_next(v))
		print_verb_row(f, v);
	(void)fprintf(f, lang_text("\nmore about each: qtoa help %.*s VERB\n"), (int)group.len,
	    group.p);
}

void
help_questions(FILE *f)
{
	const struct report_question	*q;
	const struct report_option	*o;

	for (q = questions_table; q->name != NULL; q++) {
		(void)fprintf(f, "  %-14s%s", q->name, i18n_text(lang_used(), q->name));
		for (o = q->options; o != q->options + REPORT_OPTIONS_MAX && o->name != NULL; o++)
			(void)fprintf(f, "%s--%s%s%s", o == q->options ? "; " : " ", o->name,
			    o->dflt != NULL ? " " : "", o->dflt != NULL ? o->dflt : "");
		(void)fputc('\n', f);
	}
}
