#include <string.h>

#include "core/hash.h"
#include "forwarder/deliver.h"
#include "forwarder/destination.h"
#include "relay/relay_request.h"

enum { CHANGED = 12 };	/* the first of the eight bytes: state/dedup_table.h compares them */

const char	destination_under_way[] = "it is under way";

static void
change_key(unsigned char key[QUEUE_KEY], const char *name)
{
	uint64_t	 h = hash_add(hash_add(HASH_EMPTY, "destination", 11), name,
			    strlen(name));
	int		 i;

	for (i = 0; i < 8; i++, h >>= 8)
		key[CHANGED + i] ^= (unsigned char)(h & 0xFF);
}

void
destination_key(unsigned char key[QUEUE_KEY], const struct conf *c, const struct account *to)
{
	if (conf_relay(c, to) != NULL)
		change_key(key, to->path);
}

void
destination_whole_key(unsigned char key[QUEUE_KEY])
{
	change_key(key, "");
}

static enum qt_outcome
outcome_of(int status)
{
	if (status == 0 || status >= 500 || status == 408 || status == 425 || status == 429)
		return QT_RETRY;
	switch (relay_request_judge(status)) {
	case RELAY_TAKEN:
		return QT_DELIVERED;
	case RELAY_REFUSED:
		return QT_REFUSED;
	case RELAY_WAITS:
		break;
	}
	return QT_CONFIG;
}

void
destination_classify(struct qt_result *res, const struct conf *c, const struct account *to)
{
	if (conf_relay(c, to) == NULL) {
		(void)qt_client_classify(res);
	} else {
		res->code[0] = '\0';
		res->page = false;
		res->outcome = outcome_of(res->http.status);
		res->alive = res->outcome == QT_DELIVERED || res->outcome == QT_REFUSED;
	}
	qt_client_explain(res);
	if (res->outcome == QT_DELIVERED && conf_relay(c, to) != NULL)
		res->http.why[0] = '\0';
}

void
destination_judge(struct queue_message *row, const struct qt_result *res, const struct conf *c,
    const struct account *to)
{
	deliver_judge(row, res);
	if (conf_relay(c, to) == NULL || row->state != QUEUE_PENDING || res->http.status == 0)
		return;
	row->unread += DELIVER_PAGE;
	if (row->unread >= DELIVER_UNREAD_MAX)
		row->state = QUEUE_DEAD;
}
