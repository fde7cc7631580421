#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/host.h"

enum { ENTRY = 256 };		/* a name has at most 253 characters */

static const char	separators[] = ", \t\r\n";

static bool
is_name(struct slice s)
{
	size_t	 i;

	for (i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    (s.p[i] == '\0' || strchr("-_.", s.p[i]) == NULL))
			return false;
	return s.len != 0 && s.len < ENTRY && *s.p != '.';
}

bool
host_parse(struct slice *host, struct slice header)
{
	const char	*end = header.p + header.len, *stop, *p;

	if (header.len == 0)
		return false;
	if (*header.p == '[') {
		if ((stop = memchr(header.p, ']', header.len)) == NULL)
			return false;
		*host = (struct slice){ header.p + 1, (size_t)(stop - header.p) - 1 };
		stop++;
	} else {
		stop = memchr(header.p, ':', header.len);
		stop = stop != NULL ? stop : end;
		*host = (struct slice){ header.p, (size_t)(stop - header.p) };
		if (host->len > 1 && host->p[host->len - 1] == '.')
			host->len--;
	}
	if (stop != end && *stop != ':')
		return false;
	for (p = stop == end ? end : stop + 1; p != end; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	if (*header.p == '[')
		return host_is_address(*host) && memchr(host->p, ':', host->len) != NULL;
	return is_name(*host);
}

bool
host_is_address(struct slice host)
{
	return acl_is_same(host, host);
}

/* True: the host is below the name. */
static bool
is_below(struct slice host, const char *name)
{
	const size_t	 len = strlen(name);

	return host.len > len + 1 && host.p[host.len - len - 1] == '.' &&
	    strncasecmp(host.p + host.len - len, name, len) == 0;
}

static bool
is_same_name(struct slice host, const char *name)
{
	return host.len == strlen(name) && strncasecmp(host.p, name, host.len) == 0;
}

bool
host_is_loopback(struct slice host)
{
	return is_same_name(host, "localhost") || is_below(host, "localhost") ||
	    acl_has("127.0.0.0/8, ::1", host);
}

/* Copies the next entry of a list, without a last dot, and moves *list behind it. */
static bool
next_entry(char entry[ENTRY], struct slice *s, const char **list)
{
	*list += strspn(*list, separators);
	*s = (struct slice){ *list, strcspn(*list, separators) };
	*list += s->len;
	(void)snprintf(entry, ENTRY, "%.*s", (int)s->len, s->p);
	if (s->len > 2 && s->len < ENTRY && entry[s->len - 1] == '.')
		entry[s->len - 1] = '\0';
	return s->len != 0;
}

static bool
is_network(const char *entry)
{
	struct slice	 wrong;

	return !acl_is_wrong(&wrong, entry);
}

bool
host_is_listed(const char *list, struct slice host)
{
	char		 entry[ENTRY];
	struct slice	 s;

	while (list != NULL && next_entry(entry, &s, &list))
		if (strcmp(entry, "*") == 0 || (is_network(entry) ? acl_has(entry, host) :
		    strncmp(entry, "*.", 2) == 0 ? is_below(host, entry + 2) :
		    is_same_name(host, entry)))
			return true;
	return false;
}

bool
host_is_wrong(struct slice *wrong, const char *list)
{
	char	 entry[ENTRY];

	while (list != NULL && next_entry(entry, wrong, &list))
		if (wrong->len >= ENTRY || (strcmp(entry, "*") != 0 && !is_network(entry) &&
		    !is_name(slice_of(entry + (strncmp(entry, "*.", 2) == 0 ? 2 : 0)))))
			return true;
	return false;
}
