#include <string.h>

#include "forwarder/services.h"

bool
services_open(struct services *m, const struct conf *c, enum store_life life,
    const _Atomic int64_t *stop_ms)
{
	memset(m, 0, sizeof(*m));
	m->conf = c;
	m->life = life;
	m->stop_ms = stop_ms;
	m->http = http_client_new(&c->set, stop_ms);
	m->breakers = breaker_new(c);
	if ((m->locks = lock_new(c->set.state_dir)) != NULL) {
		m->store = store_new(&c->set, m->locks, life);
		m->dedup = dedup_new(&c->set, m->locks);
		m->counters = counters_new(c, m->locks);
		m->log_ratelimit = log_ratelimit_new(c, m->locks);
	}
	return m->http != NULL && m->breakers != NULL && m->store != NULL && m->dedup != NULL &&
	    m->counters != NULL && m->log_ratelimit != NULL;
}

void
services_close(struct services *m)
{
	log_ratelimit_free(m->log_ratelimit);
	counters_free(m->counters);
	dedup_free(m->dedup);
	store_free(m->store);
	lock_free(m->locks);
	breaker_free(m->breakers);
	http_client_free(m->http);
	memset(m, 0, sizeof(*m));
}

bool
services_stopping(const struct services *m)
{
	return m->stop_ms != NULL && atomic_load(m->stop_ms) != 0;
}
