/*
 * confrules.c: prints what each member of the configuration may be, a line for each: struct, name,
 * kind, default, then what is allowed.  A tab is between the parts, "-" stands where there is
 * nothing.  packaging/manuals.sh writes the manuals from it.
 *
 *	setting	threads	number	64	1	1024
 *	setting	wechat_only	choice	OFF	OFF, ADVISE, ENFORCE
 *	account	token	text	required	3	32	alnum
 */
#include <stdio.h>

#include "core/conf.h"

/* The alphabets that a manual names; the others are characters to it. */
static const char *const alphabet_names[CONF_ALPHABETS] = {
	[CONF_ALNUM] = "alnum", [CONF_PATH] = "path",
};

static void
print_choice(const struct conf_rule *rule)
{
	int	 i;

	(void)printf("choice\t%s\t", rule->dflt);
	for (i = 0; i < rule->n; i++)
		(void)printf("%s%s", i == 0 ? "" : ", ", rule->choices[i]);
}

static void
print_text(const struct conf_rule *rule)
{
	const char	*alphabet = alphabet_names[rule->alphabet];
	const char	*dflt = rule->is_required ? "required" : rule->dflt;

	(void)printf("text\t%s\t%d\t%d\t%s", dflt != NULL ? dflt : "-", rule->min, rule->max,
	    alphabet != NULL ? alphabet : "-");
}

/* A conf_each_rule. */
static void
print_rule(void *ctx, const struct conf_rule *rule)
{
	(void)ctx;
	(void)printf("%s\t%s\t", rule->of, rule->name);
	if (rule->is_number)
		(void)printf("number\t%d\t%d\t%d", rule->number, rule->min, rule->max);
	else if (rule->choices != NULL)
		print_choice(rule);
	else
		print_text(rule);
	(void)putchar('\n');
}

int
main(void)
{
	conf_rules(print_rule, NULL);
	return fflush(stdout) == 0 ? 0 : 1;
}
