#include <string.h>
#include <strings.h>

#include "core/acl.h"
#include "server/forwarded.h"

enum { ENTRIES = 64 };		/* addresses in the headers of one name; more tell nothing */

enum form {
	FORM_LIST,	/* addresses, separated by commas */
	FORM_PAIRS,	/* RFC 7239: for=ADDRESS;proto=https, for=... */
	FORM_SIGN	/* it has no address: it only shows that there is a proxy */
};

struct forwarded_name {
	const char	*variable;	/* what it begins with, if begins is set */
	const char	*label;
	enum form	 form;
	bool		 begins;
	bool		 caddy;		/* Caddy adds it to every request */
};

/* The first row that fits counts. */
static const struct forwarded_name	names[] = {
	{ "HTTP_X_FORWARDED_FOR", "X-Forwarded-For", FORM_LIST, false, true },
	{ "HTTP_X_FORWARDED_PROTO", "X-Forwarded-Proto", FORM_SIGN, false, true },
	{ "HTTP_X_FORWARDED_HOST", "X-Forwarded-Host", FORM_SIGN, false, true },
	{ "HTTP_FORWARDED", "Forwarded", FORM_PAIRS, false, false },
	{ "HTTP_X_REAL_IP", "X-Real-IP", FORM_LIST, false, false },
	{ "HTTP_CF_CONNECTING_IP", "CF-Connecting-IP", FORM_LIST, false, false },
	{ "HTTP_TRUE_CLIENT_IP", "True-Client-IP", FORM_LIST, false, false },
	{ "HTTP_X_CLIENT_IP", "X-Client-IP", FORM_LIST, false, false },
	{ "HTTP_CLIENT_IP", "Client-IP", FORM_LIST, false, false },
	{ "HTTP_X_CLUSTER_CLIENT_IP", "X-Cluster-Client-IP", FORM_LIST, false, false },
	{ "HTTP_FASTLY_CLIENT_IP", "Fastly-Client-IP", FORM_LIST, false, false },
	{ "HTTP_FLY_CLIENT_IP", "Fly-Client-IP", FORM_LIST, false, false },
	{ "HTTP_DO_CONNECTING_IP", "DO-Connecting-IP", FORM_LIST, false, false },
	{ "HTTP_ALI_CDN_REAL_IP", "Ali-CDN-Real-IP", FORM_LIST, false, false },
	{ "HTTP_X_AZURE_CLIENTIP", "X-Azure-ClientIP", FORM_LIST, false, false },
	{ "HTTP_X_ORIGINAL_FORWARDED_FOR", "X-Original-Forwarded-For", FORM_LIST, false, false },
	{ "HTTP_X_ENVOY_EXTERNAL_ADDRESS", "X-Envoy-External-Address", FORM_LIST, false, false },
	{ "HTTP_VIA", "Via", FORM_SIGN, false, false },
	{ "HTTP_CDN_LOOP", "CDN-Loop", FORM_SIGN, false, false },
	{ "HTTP_X_PROXYUSER_IP", "X-ProxyUser-Ip", FORM_SIGN, false, false },
	{ "HTTP_X_ORIGINAL_HOST", "X-Original-Host", FORM_SIGN, false, false },
	{ "HTTP_FORWARDED_", "Forwarded-For", FORM_SIGN, true, false },
	{ "HTTP_X_FORWARDED", "X-Forwarded", FORM_SIGN, true, false },
	{ "HTTP_CF_", "a header of Cloudflare", FORM_SIGN, true, false },
	{ "HTTP_TAILSCALE_", "a header of Tailscale", FORM_SIGN, true, false },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* The addresses in all headers of one name. */
struct entries {
	struct slice	 e[ENTRIES];	/* empty: what is there is not an address */
	size_t		 n;
	bool		 broken;	/* the headers cannot be read, or there are too many */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice
trim(struct slice s)
{
	for (; s.len != 0 && is_blank(*s.p); s.p++, s.len--)
		;
	while (s.len != 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

void
forwarded_add(struct forwarded *f, const char *variable)
{
	const struct forwarded_name	*name;
	const char			*value = strchr(variable, '=');
	size_t				 len;

	if (value == NULL || value[1] == '\0')
		return;
	for (name = names; name != names + NAMES; name++) {
		/* Most headers differ in the first letter behind HTTP_. */
		if (strncmp(variable, "HTTP_", 5) != 0 || variable[5] != name->variable[5])
			continue;
		len = strlen(name->variable);
		if (strncmp(variable, name->variable, len) == 0 &&
		    (name->begins || variable + len == value))
			break;
	}
	if (name == names + NAMES)
		return;
	if (f->n < FORWARDED_MAX)
		f->header[f->n] = (struct forwarded_header){ name, slice_of(value + 1) };
	if (f->n <= FORWARDED_MAX)
		f->n++;
}

void
forwarded_drop_caddy(struct forwarded *f, struct slice peer)
{
	const struct forwarded_header	*h;
	size_t				 i, n = 0;

	if (f->n > FORWARDED_MAX)
		return;
	for (i = 0; i < f->n; i++) {
		h = &f->header[i];
		if (!h->name->caddy || (h->name->form == FORM_LIST &&
		    !acl_is_same(h->value, peer)))
			f->header[n++] = *h;
	}
	f->n = n;
}

/* Cuts quotes, brackets and port off an address.  False: it is not one of these forms. */
static bool
read_address(struct slice *s)
{
	const char	*end, *colon;
	struct slice	 rest;

	if (s->len >= 2 && *s->p == '"' && s->p[s->len - 1] == '"')
		*s = (struct slice){ s->p + 1, s->len - 2 };
	if (s->len != 0 && *s->p == '[') {
		if ((end = memchr(s->p, ']', s->len)) == NULL)
			return false;
		rest = (struct slice){ end + 1, s->len - (size_t)(end + 1 - s->p) };
		*s = (struct slice){ s->p + 1, (size_t)(end - s->p) - 1 };
	} else if ((colon = memchr(s->p, ':', s->len)) != NULL &&
	    memchr(colon + 1, ':', s->len - (size_t)(colon + 1 - s->p)) == NULL) {
		rest = (struct slice){ colon, s->len - (size_t)(colon - s->p) };
		s->len -= rest.len;
	} else {
		rest = (struct slice){ "", 0 };
	}
	if (rest.len != 0 && *rest.p != ':')
		return false;
	for (; rest.len > 1 && rest.p[1] >= '0' && rest.p[1] <= '9'; rest.p++, rest.len--)
		;
	return rest.len <= 1 && acl_is_same(*s, *s);
}

static void
add_entry(struct entries *all, struct slice s)
{
	if (!read_address(&s))
		s = (struct slice){ "", 0 };
	if (all->n < ENTRIES)
		all->e[all->n++] = s;
	else
		all->broken = true;
}

static void
read_list(struct entries *all, struct slice value)
{
	struct slice	 s;
	const char	*comma;

	for (; value.len != 0; value.p += s.len, value.len -= s.len) {
		comma = memchr(value.p, ',', value.len);
		s = value;
		if (comma != NULL)
			s.len = (size_t)(comma - value.p);
		if (trim(s).len != 0)
			add_entry(all, trim(s));
		s.len += comma != NULL;
	}
}

/* Cuts a token or a quoted text off the front of s.  False: neither is there. */
static bool
cut_word(struct slice *word, struct slice *s)
{
	size_t	 n = 0;

	if (s->len != 0 && *s->p == '"') {
		for (n = 1; n < s->len && s->p[n] != '"'; n++)
			if (s->p[n] == '\\')	/* no address has one */
				return false;
		if (n++ >= s->len)
			return false;
	} else {
		while (n < s->len && !is_blank(s->p[n]) && strchr(",;=\"", s->p[n]) == NULL)
			n++;
	}
	*word = (struct slice){ s->p, n };
	*s = trim((struct slice){ s->p + n, s->len - n });
	return n != 0;
}

/* Cuts one character off the front of s, if it is there. */
static bool
cut_mark(struct slice *s, char mark)
{
	if (s->len == 0 || *s->p != mark)
		return false;
	*s = trim((struct slice){ s->p + 1, s->len - 1 });
	return true;
}

/* Reads the pairs of one proxy; for is absent if it is not among them, or is there twice. */
static bool
read_proxy(struct slice *address, struct slice *s)
{
	struct slice	 name, value;
	size_t		 n = 0;

	*address = (struct slice){ NULL, 0 };
	do {
		if (!cut_word(&name, s) || !cut_mark(s, '=') || !cut_word(&value, s))
			return false;
		if (name.len == 3 && strncasecmp(name.p, "for", 3) == 0) {
			*address = value;
			n++;
		}
	} while (cut_mark(s, ';') && s->len != 0 && *s->p != ',');
	if (n != 1)
		*address = (struct slice){ "", 0 };
	return true;
}

static void
read_pairs(struct entries *all, struct slice value)
{
	struct slice	 address;

	for (value = trim(value); value.len != 0; ) {
		if (cut_mark(&value, ','))
			continue;
		if (!read_proxy(&address, &value) || (value.len != 0 && *value.p != ',')) {
			all->broken = true;
			return;
		}
		add_entry(all, address);
	}
}

/* The address that the headers of one name tell. */
static bool
find_client(struct slice *client, const struct forwarded *f, const struct forwarded_name *name,
    const char *trusted)
{
	struct entries	 all = { .n = 0 };
	size_t		 i;

	for (i = 0; i < f->n; i++)
		if (f->header[i].name == name && name->form == FORM_LIST)
			read_list(&all, f->header[i].value);
		else if (f->header[i].name == name)
			read_pairs(&all, f->header[i].value);
	if (all.n == 0 || all.broken)
		return false;
	for (i = all.n; i > 1 && acl_has(trusted, all.e[i - 1]); i--)
		;
	*client = all.e[i - 1];
	return client->len != 0;
}

bool
forwarded_client(struct slice *client, const struct forwarded *f, const char *trusted)
{
	const struct forwarded_name	*name;
	struct slice			 one;
	size_t				 i;

	*client = (struct slice){ NULL, 0 };
	if (f->n > FORWARDED_MAX)
		return false;
	for (i = 0; i < f->n; i++) {
		name = f->header[i].name;
		if (name->form == FORM_SIGN)
			continue;
		if (!find_client(&one, f, name, trusted) ||
		    (client->p != NULL && !acl_is_same(*client, one)))
			return false;
		*client = one;
	}
	return client->p != NULL;
}

const char *
forwarded_label(const struct forwarded *f)
{
	return f->n == 0 ? "" : f->header[0].name->label;
}
