#include <string.h>

#if QTOA_POSTGRES
#include "state/postgres/pg_worth.h"
#endif
#include "state/store_worth.h"

bool
store_worth_ask(struct store_worth *w, const struct settings *set, int64_t until_ms)
{
	memset(w, 0, sizeof(*w));
#if QTOA_POSTGRES
	if (conf_is_set(set->store)) {
		pg_worth_ask(w, set->store, set->store_ack == REPLICA, until_ms);
		return true;
	}
#endif
	(void)set, (void)until_ms;
	return false;
}
