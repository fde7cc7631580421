#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "tests/unit/unit.h"

/* Help and completion rely on these properties of each row. */
static void
rows(void **state)
{
	const struct verb	*v, *w;
	const char		*last;

	(void)state;
	for (v = verb_table; v->name != NULL; v++) {
		CHECK(v->name, v->args != NULL && v->what != NULL && *v->what != '\0');
		CHECK(v->name, v->about != NULL && v->status != NULL);
		CHECK(v->name, strncmp(v->status, "0 ", 2) == 0);
		/* the list of verbs has lines of 80 columns */
		CHECK(v->name, strlen(v->what) <= 56);
		CHECK(v->name, (int)v->topic >= 0 && v->topic < VERB__TOPICS);
		CHECK(v->name, v->examples[VERB_EXAMPLES - 1] == NULL);
		CHECK(v->name, *v->name == '-' || v->examples[0] != NULL);
		for (w = v + 1; w->name != NULL; w++)
			CHECK(v->name, strcmp(v->name, w->name) != 0);
		/* The verbs of a group stand side by side, and no verb has the group's name. */
		for (last = v->name, w = v + 1; w->name != NULL; last = w->name, w++)
			if (strncmp(w->name, v->name, verb_group(v).len + 1) == 0)
				CHECK(w->name, strncmp(last, v->name, verb_group(v).len) == 0 &&
				    verb_in_group(v) && verb_in_group(w));
	}
}

static void
options(void **state)
{
	const struct verb	*v;
	size_t			 i, k;

	(void)state;
	for (v = verb_table; v->name != NULL; v++) {
		for (i = 0; i < VERB_OPTIONS && v->options[i].name != NULL; i++) {
			CHECK(v->name, strncmp(v->options[i].name, "--", 2) == 0);
			CHECK(v->name, v->options[i].what != NULL && *v->options[i].what != '\0');
			/* A colon would end a field of completion's table. */
			CHECK(v->name, v->options[i].arg == NULL ||
			    strchr(v->options[i].arg, ':') == NULL);
			CHECK(v->name, verb_option(v, v->options[i].name) == &v->options[i]);
			CHECK(v->name, !v->options[i].or_next || (i + 1 < VERB_OPTIONS &&
			    v->options[i + 1].name != NULL));
			for (k = 0; k < i; k++)
				CHECK(v->name, strcmp(v->options[k].name,
				    v->options[i].name) != 0);
		}
		CHECK(v->name, i < VERB_OPTIONS);
		CHECK(v->name, verb_option(v, "--help") == NULL);
		CHECK(v->name, verb_option(v, "--") == NULL);
	}
}

static void
finding(void **state)
{
	static const struct {
		const char	*words[3], *name;
		bool		 group;
	} cases[] = {
		{ { "check" }, "check", false }, { { "check", "x" }, "check", false },
		{ { "queue" }, "queue list", true }, { { "queue", "eat" }, "queue list", true },
		{ { "queue", "list" }, "queue list", false },
		{ { "queue", "retry", "1" }, "queue retry", false },
		{ { "datacube", "export" }, "datacube export", false },
		{ { "queue list" }, NULL, false }, { { "que" }, NULL, false },
		{ { "queues" }, NULL, false }, { { "" }, NULL, false }, { { NULL }, NULL, false },
		{ { "-V" }, "-V", false },
	};
	const struct verb	*v;
	char			*words[3];
	bool			 group;
	size_t			 i;
	int			 n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (n = 0; n < 3 && cases[i].words[n] != NULL; n++)
			assert_non_null(words[n] = strdup(cases[i].words[n]));
		v = verb_find(&group, n, words);
		while (n > 0)
			free(words[--n]);
		check_text(cases[i].name, v == NULL ? "none" : v->name,
		    cases[i].name == NULL ? "none" : cases[i].name);
		CHECK(cases[i].name, group == cases[i].group);
	}
}

static void
groups(void **state)
{
	const struct verb	*v;
	char			*words[] = { NULL };
	bool			 group;
	int			 n = 0;

	(void)state;
	assert_non_null(words[0] = strdup("queue"));
	for (v = verb_find(&group, 1, words); v != NULL; v = verb_next(v), n++)
		CHECK(v->name, slice_is(verb_group(v), "queue"));
	check_int("verbs of the queue", n, 5);
	free(words[0]);
	for (v = verb_table; v->name != NULL; v++)
		if (!verb_in_group(v))
			CHECK(v->name, verb_next(v) == NULL);
}

static void
arguments(void **state)
{
	static const struct verb	 v = { .name = "x", .args = "ACCOUNT [ID|all] FILE..." };
	static const struct verb	 none = { .name = "x", .args = "" };
	static const struct {
		const char	*word;
		enum verb_kind	 kind;
	} kinds[] = {
		{ "ACCOUNT", VERB_ACCOUNT }, { "ID", VERB_ID }, { "all", VERB_WORD },
		{ "FILE", VERB_FILE }, { "DAY", VERB_OTHER }, { "", VERB_OTHER },
		{ "QUESTION", VERB_QUESTION }, { "TABLE", VERB_TABLE }, { "IDS", VERB_OTHER },
	};
	struct slice	 arg, word;
	size_t		 i;

	(void)state;
	check_bytes("first", verb_arg(&v, 0), slice_of("ACCOUNT"));
	check_bytes("second", verb_arg(&v, 1), slice_of("[ID|all]"));
	check_bytes("third", verb_arg(&v, 2), slice_of("FILE..."));
	CHECK("behind the last", verb_arg(&v, 3).p == NULL && verb_arg(&v, 9).p == NULL);
	CHECK("of none", verb_arg(&none, 0).p == NULL);
	arg = verb_arg(&v, 1);
	CHECK("one", verb_alternative(&word, &arg) && slice_is(word, "ID"));
	CHECK("the other", verb_alternative(&word, &arg) && slice_is(word, "all"));
	CHECK("no third", !verb_alternative(&word, &arg));
	arg = verb_arg(&v, 2);
	CHECK("a file", verb_alternative(&word, &arg) && slice_is(word, "FILE"));
	CHECK("and no dots", !verb_alternative(&word, &arg));
	for (i = 0; i < COUNT(kinds); i++)
		check_int(kinds[i].word, verb_kind(slice_of(kinds[i].word)), kinds[i].kind);
	CHECK("may lack", verb_may_lack("[SECONDS]") && !verb_may_lack("DAY"));
}

int
main(void)
{
	static const struct CMUnitTest	 tests[] = {
		TEST(rows), TEST(options), TEST(finding), TEST(groups), TEST(arguments),
	};

	return RUN("verb", tests);
}
