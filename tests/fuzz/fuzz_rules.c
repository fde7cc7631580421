#include <string.h>

#include "fuzz.h"
#include "reply/rules.h"

/* core/conf.c has the values of a configuration, too, which no target needs. */
bool
conf_is_set(const char *value)
{
	return value != NULL && *value != '\0';
}

static void
note(void *ctx, bool wrong, const char *where, const char *what)
{
	must(where != NULL && *what != '\0', "words");
	*(bool *)ctx |= wrong;
}

/* A file of rules, and the same bytes as a user's text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char			*p = exactly(data, size);
	const struct slice	 text = { p, size };
	struct rules_message	 m = { .msgtype = slice_of("text"), .content = text, .key = "k" };
	struct rules_found	 f, again;
	struct buf		 work = { .p = NULL };
	bool			 wrong = false;
	struct rules		*r = rules_parse(text, note, &wrong);
	enum error		 er;

	must((r == NULL) == wrong, "told");
	if (r != NULL && rules_find(r, &f, &er, &m, &work)) {
		must(passive_lacks(f.reply) == PASSIVE_FIELD__MAX, "whole");
		must(rules_find(r, &again, &er, &m, &work) && again.reply == f.reply, "again");
	}
	rules_free(r);
	buf_free(&work);
	free(p);
	return 0;
}
