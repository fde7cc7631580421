#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"
#include "core/lang.h"
#include "core/nearest.h"

enum {
	GROUPS = 8,	/* of verbs */
	CHOICES = 16	/* of one option */
};

/* "did you mean" with the best word, and `more` after it. */
static const char *
write_suggestion(struct suggest *s, const struct nearest *n, const char *more)
{
	*s->text = '\0';
	if (n->best != NULL)
		(void)snprintf(s->text, sizeof(s->text), lang_text("; did you mean %s%s%.40s?"),
		    n->best, *more != '\0' ? " " : "", more);
	return s->text;
}

const char *
suggest_best(struct suggest *s, const struct nearest *n)
{
	return write_suggestion(s, n, "");
}

/* Of a group the name alone is known as well, and so is each of its verbs: "retry". */
const char *
suggest_verb(struct suggest *s, const char *word)
{
	const struct verb	*v;
	char			 groups[GROUPS][NEAREST_WORD];
	struct nearest		 n;
	size_t			 i = 0;

	nearest_begin(&n, slice_of(word));
	for (v = verb_table; v->name != NULL; v++)
		if (!verb_in_group(v))
			nearest_try_text(&n, v->name);
	for (v = verb_table; v->name != NULL; v++) {
		if (!verb_in_group(v))
			continue;
		nearest_try(&n, slice_of(v->name + verb_group(v).len + 1), v->name);
		if (!verb_leads(v) || i == GROUPS)
			continue;
		(void)snprintf(groups[i], NEAREST_WORD, "%.*s", (int)verb_group(v).len, v->name);
		nearest_try_text(&n, groups[i++]);
	}
	return suggest_best(s, &n);
}

const char *
suggest_in_group(struct suggest *s, const struct verb *first, const char *word)
{
	const struct verb	*v;
	struct nearest		 n;

	nearest_begin(&n, slice_of(word));
	for (v = first; v != NULL; v = verb_next(v))
		nearest_try(&n, slice_of(v->name + verb_group(v).len + 1), v->name);
	return suggest_best(s, &n);
}

const char *
suggest_question(struct suggest *s, const char *word)
{
	const struct report_question	*q;
	struct nearest			 n;

	nearest_begin(&n, slice_of(word));
	for (q = questions_table; q->name != NULL; q++)
		nearest_try_text(&n, q->name);
	return suggest_best(s, &n);
}

void
suggest_account(const struct conf *c, const char *what, const char *word)
{
	const struct account	*a;
	struct nearest		 n;
	struct suggest		 s;

	nearest_begin(&n, slice_of(word));
	for (a = c->accounts; a != c->accounts + c->n; a++) {
		nearest_try(&n, slice_of(a->path), a->path);
		nearest_try(&n, slice_of(a->name), a->path);
		nearest_try(&n, slice_of(a->appid), a->path);
	}
	(void)fprintf(stderr, lang_text("qtoa: no account has the %s \"%s\"%s\n"),
	    lang_text(what), word, *suggest_best(&s, &n) != '\0' ? s.text :
	    lang_text("; qtoa check lists the accounts"));
}

const char *
suggest_option(struct suggest *s, const struct verb *v, const struct report_question *q,
    const char *word)
{
	const struct verb_option	*o;
	const char			*value = strchr(word, '=');
	char				 names[REPORT_OPTIONS_MAX][NEAREST_WORD];
	struct nearest			 n;
	size_t				 i;

	nearest_begin(&n, (struct slice){ word, strcspn(word, "=") });
	for (o = v->options; o != v->options + VERB_OPTIONS && o->name != NULL; o++)
		nearest_try_text(&n, o->name);
	for (i = 0; q != NULL && i < REPORT_OPTIONS_MAX && q->options[i].name != NULL; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "--%s", q->options[i].name);
		nearest_try_text(&n, names[i]);
	}
	nearest_try_text(&n, "--help");
	return write_suggestion(s, &n, value == NULL ? "" : value + 1);
}

const char *
suggest_choice(struct suggest *s, const char *choices, const char *word)
{
	char		 copies[CHOICES][NEAREST_WORD];
	const char	*p;
	struct nearest	 n;
	size_t		 i, len;

	nearest_begin(&n, slice_of(word));
	for (p = choices, i = 0; i < CHOICES && *p != '\0'; p += len + (p[len] != '\0'), i++) {
		len = strcspn(p, " |");
		(void)snprintf(copies[i], sizeof(copies[i]), "%.*s", (int)len, p);
		nearest_try_text(&n, copies[i]);
	}
	return suggest_best(s, &n);
}
