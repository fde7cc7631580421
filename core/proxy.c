#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "core/hex.h"
#include "core/number.h"
#include "core/proxy.h"

enum { PORT_MAX = 65535, ENTRY = 256 };

static const char *const	schemes[] = { "http://", "https://", "socks5h://" };

struct slice
proxy_host(const char *url)
{
	const char	*host = strstr(url, "://"), *end, *port;

	host = host == NULL ? url : host + 3;
	end = host + strcspn(host, "/?");
	if (*host == '[' && (port = memchr(host, ']', (size_t)(end - host))) != NULL)
		return (struct slice){ host + 1, (size_t)(port - host - 1) };
	if ((port = memchr(host, ':', (size_t)(end - host))) != NULL)
		end = port;
	return (struct slice){ host, (size_t)(end - host) };
}

/* Decodes %XX.  False: there is no room, or a control character. */
static bool
decode_login(char to[PROXY_LOGIN], struct slice from)
{
	size_t	 i, len = 0;
	char	 c;

	for (i = 0; i < from.len; i++) {
		c = from.p[i];
		if (c == '%' && from.len - i > 2 && hex_digit(from.p[i + 1]) >= 0 &&
		    hex_digit(from.p[i + 2]) >= 0) {
			c = (char)(hex_digit(from.p[i + 1]) << 4 | hex_digit(from.p[i + 2]));
			i += 2;
		}
		if (len == PROXY_LOGIN - 1 || iscntrl((unsigned char)c))
			return false;
		to[len++] = c;
	}
	to[len] = '\0';
	return true;
}

static const char *
read_login(struct proxy *p, struct slice login)
{
	const char	*colon = memchr(login.p, ':', login.len);
	struct slice	 user = login, password = { "", 0 };

	if (colon != NULL) {
		user.len = (size_t)(colon - login.p);
		password = (struct slice){ colon + 1, login.len - user.len - 1 };
	}
	if (!decode_login(p->user, user) || !decode_login(p->password, password))
		return "user or password is too long, or has a control character";
	return user.len == 0 || strchr(p->user, ':') != NULL ?
	    "the user is empty or has a colon" : NULL;
}

/* Reads "host:port", which a slash may follow. */
static const char *
read_place(struct proxy *p, const char *scheme, const char *place)
{
	const size_t		 len = strcspn(place, "/?#");
	const struct slice	 host = proxy_host(place);
	const char		*port = host.p + host.len + (*place == '[');
	int64_t			 n;

	if (place[len] != '\0' && strcmp(place + len, "/") != 0)
		return "has more than user, password, host and port";
	if (host.len == 0 || *host.p == '[')
		return "has no host";
	if (port >= place + len || *port != ':' || !number_parse(&n, (struct slice){ port + 1,
	    (size_t)(place + len - port - 1) }) || n < 1 || n > PORT_MAX)
		return "has no port: write it behind the host, as in proxy.example:3128";
	if ((size_t)snprintf(p->where, sizeof(p->where), "%s%.*s", scheme, (int)len, place) >=
	    sizeof(p->where))
		return "the host is too long";
	return NULL;
}

const char *
proxy_parse(struct proxy *p, const char *url)
{
	const char	*place, *why;
	size_t		 i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			break;
	if (i == sizeof(schemes) / sizeof(schemes[0]))
		return "must begin with http://, https:// or socks5h://";
	url += strlen(schemes[i]);
	/* A password may have an @ and a slash: the last @ ends it. */
	if ((place = strrchr(url, '@')) == NULL)
		return read_place(p, schemes[i], url);
	if ((why = read_login(p, (struct slice){ url, (size_t)(place - url) })) != NULL)
		return why;
	return read_place(p, schemes[i], place + 1);
}

/*
 * The list of hosts without the proxy.
 */

/* Copies the next entry of a list, and moves *list behind it.  False: there are no more. */
static bool
next_entry(char entry[ENTRY], struct slice *s, const char **list)
{
	static const char	 between[] = ", \t\r\n";

	*list += strspn(*list, between);
	*s = (struct slice){ *list, strcspn(*list, between) };
	*list += s->len;
	(void)snprintf(entry, ENTRY, "%.*s", (int)s->len, s->p);
	return s->len != 0;
}

static bool
is_address(const char *entry)
{
	struct slice	 wrong;

	return !acl_is_wrong(&wrong, entry);
}

/* The name that an entry stands for: "*.example.com" and ".example.com" are example.com. */
static const char *
name_of(const char *entry)
{
	return entry + (entry[0] == '*' && entry[1] == '.' ? 2 : entry[0] == '.');
}

static bool
is_below(const char *name, struct slice host)
{
	const size_t	 len = strlen(name);

	if (host.len != 0 && host.p[host.len - 1] == '.')
		host.len--;
	return len != 0 && host.len >= len &&
	    strncasecmp(host.p + host.len - len, name, len) == 0 &&
	    (host.len == len || host.p[host.len - len - 1] == '.');
}

bool
proxy_is_spared(const char *list, struct slice host)
{
	char		 entry[ENTRY];
	struct slice	 s;

	while (list != NULL && next_entry(entry, &s, &list))
		if (strcmp(entry, "*") == 0 || (is_address(entry) ? acl_has(entry, host) :
		    is_below(name_of(entry), host)))
			return true;
	return false;
}

bool
proxy_is_wrong(const char *list)
{
	char		 entry[ENTRY];
	struct slice	 s;
	const char	*c;

	while (list != NULL && next_entry(entry, &s, &list)) {
		if (strcmp(entry, "*") == 0 || is_address(entry))
			continue;
		for (c = name_of(entry); isalnum((unsigned char)*c) || (*c != '\0' &&
		    strchr("-_.", *c) != NULL); c++)
			;
		if (*c != '\0' || *name_of(entry) == '\0' || s.len >= ENTRY)
			return true;
	}
	return false;
}
