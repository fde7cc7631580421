#include <string.h>

#include "core/clock.h"
#include "forwarder/services.h"

/* Handles, and the handles of which each of them is made.  Later rows add to earlier ones. */
static const struct {
	unsigned	 need, of;
} parts[] = {
	{ SERVICES_CALLBACK_IPS, SERVICES_TOKENS },
	{ SERVICES_TOKENS, SERVICES_HTTP | SERVICES_STORE },
	{ SERVICES_STORE | SERVICES_DEDUP | SERVICES_COUNTERS | SERVICES_LOG_RATELIMIT |
	    SERVICES_ARRIVALS | SERVICES_SPARE, SERVICES_LOCKS },
};

static bool
open_store(struct services *s)
{
	const struct settings	*set = &s->conf->set;

	if (s->store != NULL)
		return true;
	if ((s->store = store_new(set, s->locks, s->life)) == NULL)
		return false;
	if (!store_is_shared(s->store))
		return true;
	if ((s->local = store_new_local(set, s->locks, s->life)) == NULL)
		return false;
	if (set->store_degrade == LOCAL)
		store_set_fallback(s->store, s->local);
	return true;
}

/* The store counts its commits. */
static bool
open_counters(struct services *s)
{
	if (s->counters == NULL)
		s->counters = counters_new(s->conf, s->locks);
	if (s->counters != NULL && s->store != NULL && store_is_shared(s->store))
		store_set_counters(s->store, s->counters);
	return s->counters != NULL;
}

static bool
open_dedup(struct services *s)
{
	const struct settings	*set = &s->conf->set;

	if (s->dedup != NULL)
		return true;
	if ((s->dedup = dedup_new(set, s->locks)) == NULL)
		return false;
	if (!conf_is_set(set->store))
		return true;
	if ((s->claims = store_new(set, s->locks, s->life)) == NULL)
		return false;
	dedup_share(s->dedup, s->claims);
	return true;
}

bool
services_add(struct services *s, unsigned need)
{
	const struct conf	*c = s->conf;
	size_t			 i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if ((need & parts[i].need) != 0)
			need |= parts[i].of;
	/* Each handle that is needed is there, or can be made. */
	return ((need & SERVICES_HTTP) == 0 || s->http != NULL ||
	    (s->http = http_client_new(&c->set, s->stop_ms)) != NULL) &&
	    ((need & SERVICES_LOCKS) == 0 || s->locks != NULL ||
	    (s->locks = lock_new(c->set.state_dir)) != NULL) &&
	    ((need & SERVICES_STORE) == 0 || open_store(s)) &&
	    ((need & SERVICES_DEDUP) == 0 || open_dedup(s)) &&
	    ((need & SERVICES_BREAKERS) == 0 || s->breakers != NULL ||
	    (s->breakers = breaker_new(c)) != NULL) &&
	    ((need & SERVICES_COUNTERS) == 0 || open_counters(s)) &&
	    ((need & SERVICES_LOG_RATELIMIT) == 0 || s->log_ratelimit != NULL ||
	    (s->log_ratelimit = log_ratelimit_new(c, s->locks)) != NULL) &&
	    ((need & SERVICES_SPARE) == 0 || s->spare != NULL ||
	    (s->spare = spare_new(c->set.state_dir, SPARE_MEMORY, s->locks)) != NULL) &&
	    ((need & SERVICES_TOKENS) == 0 || s->tokens != NULL ||
	    (s->tokens = access_token_new(c, s->http, s->store)) != NULL) &&
	    ((need & SERVICES_CALLBACK_IPS) == 0 || s->callback_ips != NULL ||
	    (s->callback_ips = callback_ips_new(c)) != NULL) &&
	    ((need & SERVICES_ARRIVALS) == 0 || s->arrivals != NULL ||
	    (s->arrivals = arrivals_new(&c->set, s->locks, s->life)) != NULL);
}

struct store *
services_own_store(const struct services *s)
{
	return s->local != NULL ? s->local : s->store;
}

int64_t
services_now_ms(const struct services *s)
{
	return s->store == NULL ? clock_wall_ms() : store_now_ms(s->store);
}

static bool
has_secret(const struct conf *c)
{
	size_t	 i;

	for (i = 0; i < c->n && !conf_is_set(c->accounts[i].secret); i++)
		;
	return i < c->n;
}

unsigned
services_of_queue(const struct conf *c)
{
	return SERVICES_FORWARDING | SERVICES_SPARE |
	    (c->set.wechat_only != OFF ? SERVICES_CALLBACK_IPS : 0u) |
	    (c->set.count > 0 ? SERVICES_ARRIVALS : 0u) | (has_secret(c) ? SERVICES_TOKENS : 0u);
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
	arrivals_free(s->arrivals);
	callback_ips_free(s->callback_ips);
	access_token_free(s->tokens);
	spare_free(s->spare);
	log_ratelimit_free(s->log_ratelimit);
	counters_free(s->counters);
	dedup_free(s->dedup);
	store_free(s->claims);
	store_free(s->store);
	store_free(s->local);
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
