#include <string.h>

#include "forwarder/services.h"

/* The handles that a handle is made of. */
static const struct {
	unsigned	 need, of;
} parts[] = {
	{ SERVICES_TOKENS,		SERVICES_HTTP | SERVICES_LOCKS | SERVICES_STORE },
	{ SERVICES_STORE,		SERVICES_LOCKS },
	{ SERVICES_DEDUP,		SERVICES_LOCKS },
	{ SERVICES_COUNTERS,		SERVICES_LOCKS },
	{ SERVICES_LOG_RATELIMIT,	SERVICES_LOCKS },
};

/* False: no memory. */
static bool
open_handle(struct services *s, enum services_need which)
{
	switch (which) {
	case SERVICES_HTTP:
		return s->http != NULL ||
		    (s->http = http_client_new(&s->conf->set, s->stop_ms)) != NULL;
	case SERVICES_LOCKS:
		return s->locks != NULL ||
		    (s->locks = lock_new(s->conf->set.state_dir)) != NULL;
	case SERVICES_STORE:
		return s->store != NULL ||
		    (s->store = store_new(&s->conf->set, s->locks, s->life)) != NULL;
	case SERVICES_DEDUP:
		return s->dedup != NULL ||
		    (s->dedup = dedup_new(&s->conf->set, s->locks)) != NULL;
	case SERVICES_BREAKERS:
		return s->breakers != NULL || (s->breakers = breaker_new(s->conf)) != NULL;
	case SERVICES_COUNTERS:
		return s->counters != NULL ||
		    (s->counters = counters_new(s->conf, s->locks)) != NULL;
	case SERVICES_LOG_RATELIMIT:
		return s->log_ratelimit != NULL ||
		    (s->log_ratelimit = log_ratelimit_new(s->conf, s->locks)) != NULL;
	case SERVICES_TOKENS:
		return s->tokens != NULL ||
		    (s->tokens = access_token_new(s->conf, s->http, s->locks, s->store)) != NULL;
	case SERVICES_FORWARDING:
		break;
	}
	return true;
}

bool
services_add(struct services *s, unsigned need)
{
	unsigned	 bit;
	size_t		 i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if ((need & parts[i].need) != 0)
			need |= parts[i].of;
	for (bit = SERVICES_HTTP; bit <= SERVICES_TOKENS; bit <<= 1)
		if ((need & bit) != 0 && !open_handle(s, (enum services_need)bit))
			return false;
	return true;
}

bool
services_open(struct services *s, const struct conf *c, unsigned need, enum store_life life,
    const _Atomic int64_t *stop_ms)
{
	*s = (struct services){ .conf = c, .life = life, .stop_ms = stop_ms };
	return services_add(s, need);
}

void
services_close(struct services *s)
{
	access_token_free(s->tokens);
	log_ratelimit_free(s->log_ratelimit);
	counters_free(s->counters);
	dedup_free(s->dedup);
	store_free(s->store);
	lock_free(s->locks);
	breaker_free(s->breakers);
	http_client_free(s->http);
	memset(s, 0, sizeof(*s));
}

bool
services_stopping(const struct services *s)
{
	return s->stop_ms != NULL && atomic_load(s->stop_ms) != 0;
}
