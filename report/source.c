#include <string.h>

#include "core/proxy.h"
#include "report/source.h"

/* Appends a sentence, with a blank before it if it is not the first. */
static enum error
add_sentence(struct buf *out, enum language language, const char *key)
{
	enum error	 er = out->len == 0 ? ERR_OK : buf_puts(out, i18n_text(language, "blank"));

	return er == ERR_OK ? buf_puts(out, i18n_text(language, key)) : er;
}

/* True: an account before this one has the same host. */
static bool
is_named(const struct conf *c, size_t i)
{
	const struct slice	 host = proxy_host(c->accounts[i].qt_url);
	struct slice		 other;
	size_t			 k;

	for (k = 0; k < i; k++) {
		other = proxy_host(c->accounts[k].qt_url);
		if (other.len == host.len && memcmp(other.p, host.p, host.len) == 0)
			return true;
	}
	return false;
}

/* Names each host that messages are forwarded to. */
static enum error
add_hosts(struct buf *out, const struct conf *c, enum language language)
{
	struct slice	 host;
	enum error	 er = ERR_OK;
	size_t		 i;

	for (i = 0; i < c->n && er == ERR_OK; i++) {
		if (is_named(c, i))
			continue;
		host = proxy_host(c->accounts[i].qt_url);
		if ((er = buf_puts(out, i == 0 ? i18n_text(language, "blank") : ", ")) == ERR_OK)
			er = buf_put(out, host.p, host.len);
	}
	return er;
}

enum error
source_write(struct buf *out, const struct conf *c, enum language language, bool is_empty)
{
	const bool	 forwards = c->set.count > 0 && c->n != 0;
	const bool	 collects = c->set.collector != 0;
	enum error	 er = ERR_OK;

	if (!forwards && !collects)
		return add_sentence(out, language, "source_off");
	if (forwards && (er = add_sentence(out, language, "source_forward")) == ERR_OK &&
	    (er = add_hosts(out, c, language)) == ERR_OK)
		er = buf_puts(out, i18n_text(language, "full_stop"));
	if (collects && er == ERR_OK)
		er = add_sentence(out, language, "source_collector");
	if (is_empty && er == ERR_OK)
		er = add_sentence(out, language, "source_empty");
	return er;
}
