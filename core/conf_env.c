#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/conf_env.h"
#include "core/lang.h"

enum { PREFIX_MAX = 24 };

bool
conf_env_is_prefix(struct conf_value_reason *r, const char *prefix)
{
	const size_t	 len = strlen(prefix);
	char		 name[PREFIX_MAX + 2];

	if (len < 2 || len > PREFIX_MAX || prefix[len - 1] != '_' || isdigit((int)*prefix) ||
	    strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != len)
		return conf_value_refuse(r, "must be capitals, digits and _, with a _ at its end, "
		    "such as QTOA_");
	(void)snprintf(name, sizeof(name), "$%s", prefix);
	return conf_value_check_indirect(r, name);
}

bool
conf_env_has(const char *prefix, const char *member)
{
	struct conf_value_reason	 r;

	return prefix != NULL && strcmp(member, "environment") != 0 &&
	    strchr(member, '[') == NULL && conf_env_is_prefix(&r, prefix);
}

bool
conf_env_find(char name[CONF_ENV_NAME], const char *prefix, const char *member)
{
	const char	*value;
	char		*p;

	(void)snprintf(name, CONF_ENV_NAME, "$%s%s", prefix, member);
	for (p = name; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return (value = getenv(name + 1)) != NULL && *value != '\0';
}

bool
conf_env_number(struct conf_value_reason *r, int *n, const char *text, int min, int max)
{
	char	*end;
	long	 value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || isspace((unsigned char)*text) || *text == '+')
		return conf_value_refuse(r, "is not a whole number: write one from %d to %d", min,
		    max);
	if (errno != 0 || value < min || value > max)
		return conf_value_refuse(r, "%.24s, must be %d to %d", text, min, max);
	*n = (int)value;
	return true;
}

bool
conf_env_choice(struct conf_value_reason *r, int *choice, const char *text,
    const char *const *names, int n)
{
	char	 all[80] = "";
	size_t	 len = 0;
	int	 i;

	for (i = 0; i < n; i++) {
		if (strcasecmp(text, names[i]) == 0) {
			*choice = i;
			return true;
		}
		len += (size_t)snprintf(all + len, sizeof(all) - len, i == 0 ? "%s" :
		    i == n - 1 ? lang_text(" or %s") : lang_text(", %s"), names[i]);
	}
	return conf_value_refuse(r, "must be %s", all);
}
