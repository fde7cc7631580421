#include <string.h>

#include "forwarder/services.h"

bool
means_open(struct means *m, const struct conf *c, enum store_life life,
    const _Atomic int64_t *stop_ms)
{
	memset(m, 0, sizeof(*m));
	m->conf = c;
	m->life = life;
	m->stop_ms = stop_ms;
	m->http = http_new(&c->set, stop_ms);
	m->breakers = breakers_new(c);
	if ((m->claims = claims_new(c->set.state_dir)) != NULL) {
		m->store = store_new(&c->set, m->claims, life);
		m->seen = seen_new(&c->set, m->claims);
		m->tally = tally_new(c, m->claims);
		m->flood = flood_new(c, m->claims);
	}
	return m->http != NULL && m->breakers != NULL && m->store != NULL && m->seen != NULL &&
	    m->tally != NULL && m->flood != NULL;
}

void
means_close(struct means *m)
{
	flood_free(m->flood);
	tally_free(m->tally);
	seen_free(m->seen);
	store_free(m->store);
	claims_free(m->claims);
	breakers_free(m->breakers);
	http_free(m->http);
	memset(m, 0, sizeof(*m));
}

bool
means_stopping(const struct means *m)
{
	return m->stop_ms != NULL && atomic_load(m->stop_ms) != 0;
}
