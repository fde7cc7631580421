#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/lang.h"

static enum language			 used = ENGLISH;
static const struct lang_row *const	*rows;		/* NULL: there is no translation */
static _Thread_local enum language	 here = LANGUAGE__MAX;

/* True: the charset of a locale's name, behind its dot, is UTF-8. */
static bool
is_utf8(const char *charset)
{
	static const char *const	 names[] = { "UTF-8", "UTF8" };
	const size_t			 len = strcspn(charset, "@");
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(charset, names[i], len) == 0)
			return true;
	return false;
}

/* zh, zh_CN, zh_CN.UTF-8, zh-Hans, zh_TW.utf8@stroke; but not zha, nor zh_CN.GBK. */
static bool
is_chinese(const char *locale)
{
	const char	*dot = strpbrk(locale, ".@");

	if (strncasecmp(locale, "zh", 2) != 0 || strchr("_-.@", locale[2]) == NULL)
		return false;
	return dot == NULL || *dot == '@' || is_utf8(dot + 1);
}

enum language
lang_of_locale(const char *lc_all, const char *lc_messages, const char *lang)
{
	const char *const	 names[] = { lc_all, lc_messages, lang };
	size_t			 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] != NULL && *names[i] != '\0')
			return is_chinese(names[i]) ? CHINESE : ENGLISH;
	return ENGLISH;
}

enum language
lang_of_environment(void)
{
	return lang_of_locale(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));
}

bool
lang_read(enum language *l, const char *name)
{
	static const char *const	 names[LANGUAGE__MAX] = {
		[ENGLISH] = "en", [CHINESE] = "zh",
	};
	enum language			 i;

	for (i = ENGLISH; i < LANGUAGE__MAX; i++)
		if (strcmp(name, names[i]) == 0) {
			*l = i;
			return true;
		}
	return false;
}

void
lang_use(enum language l, const struct lang_row *const *tables)
{
	used = l;
	rows = tables;
}

void
lang_here(enum language l)
{
	here = l;
}

enum language
lang_used(void)
{
	return here != LANGUAGE__MAX ? here : used;
}

const char *
lang_text(const char *english)
{
	const struct lang_row *const	*table;
	const struct lang_row		*r;

	for (table = lang_used() == ENGLISH ? NULL : rows; table != NULL && *table != NULL; table++)
		for (r = *table; r->english != NULL; r++)
			if (strcmp(r->english, english) == 0)
				return r->chinese;
	return english;
}

const char *
lang_parts(char text[LANG_PARTS], const char *english)
{
	char		 part[LANG_PARTS];
	const char	*colon;
	size_t		 len, at = 0;

	*text = '\0';
	for (;; english = colon + 2) {
		colon = strstr(english, ": ");
		len = colon == NULL ? strlen(english) : (size_t)(colon - english);
		(void)snprintf(part, sizeof(part), "%.*s", (int)len, english);
		at += (size_t)snprintf(text + at, LANG_PARTS - at, "%s%s", lang_text(part),
		    colon == NULL ? "" : lang_text(": "));
		if (colon == NULL || at >= LANG_PARTS)
			return text;
	}
}

const char *
lang_errno(int error)
{
	return lang_text(strerror(error));
}
