/*
 * db_sql.h: the statements that modules run on the store, by name.  Each back end has a table of
 * its own with their texts (state/sqlite/sqlite_sql.h).  SQL is not written anywhere else, but for
 * the questions of the report (report/sql/) and what wechat/datacube/ makes of its table of
 * interfaces: these are texts that the modules bring with them.
 *
 * The statements about what hosts share are only in back ends that hosts share.
 *
 * A statement has the same parameters, in the same order, and the same columns in each back end.
 * The module that runs it knows them; a test prepares all of them.
 */
#ifndef STATE_DB_SQL_H
#define STATE_DB_SQL_H

enum sql {
	/* Messages (state/queue.c). */
	SQL_MESSAGE_STATE, SQL_MESSAGE_CONFIRM,
	SQL_MESSAGE_ADD, SQL_MESSAGE_DELIVERED, SQL_MESSAGE_SETTLE,
	SQL_MESSAGE_DELIVERED_KEY, SQL_MESSAGE_SETTLE_KEY,
	SQL_MESSAGE_DUE, SQL_MESSAGE_NEXT, SQL_MESSAGE_MAKE_DUE, SQL_MESSAGE_HASTEN,
	SQL_MESSAGE_SWEEP_END, SQL_MESSAGE_SWEEP, SQL_MESSAGE_LIST, SQL_MESSAGE_SHOW,
	SQL_MESSAGE_COUNT_PENDING, SQL_MESSAGE_COUNT_DEAD, SQL_MESSAGE_COUNT_DELIVERED,
	SQL_MESSAGE_DEPTH_PENDING, SQL_MESSAGE_DEPTH_DEAD, SQL_MESSAGE_OLDEST_NEAR,
	SQL_MESSAGE_OLDEST, SQL_MESSAGE_LAST, SQL_MESSAGE_RETRY, SQL_MESSAGE_OUTCOMES,
	SQL_MESSAGE_DROP, SQL_MESSAGE_RECOVER,

	/* The store itself: its version, and room that it can give back. */
	SQL_VERSION, SQL_FREE_PAGES, SQL_SHRINK,

	/* Breakers and stopped accounts (forwarder/breaker.c). */
	SQL_ENDPOINT_FIND, SQL_ENDPOINT_PUT, SQL_ENDPOINT_RESET, SQL_STOP_FIND, SQL_STOP_ALL,
	SQL_STOP_PUT, SQL_STOP_DROP, SQL_STOP_RESET,

	/* Access tokens (wechat/access_token.c, wechat/token_server.c). */
	SQL_TOKEN_FIND, SQL_TOKEN_PUT, SQL_TOKEN_SWEEP, SQL_HANDED_FIND, SQL_HANDED_PUT,
	SQL_HANDED_SWEEP,

	/* Events and devices (collector/event_store.c). */
	SQL_ACCOUNT_SAME, SQL_ACCOUNT_PUT, SQL_ACCOUNT_ID, SQL_DEVICE_PUT, SQL_DEVICE_ID,
	SQL_DEVICE_BESIDE, SQL_DEVICE_RENAME, SQL_DEVICE_OF, SQL_EVENT_IS, SQL_EVENT_ADD,
	SQL_EVENT_LAST, SQL_EVENT_SHORTEN, SQL_EVENT_FIRST, SQL_EVENT_HIGHEST, SQL_PAST_PUT,
	SQL_PAST_TURN, SQL_JOIN_EVENTS, SQL_JOIN_PAST, SQL_JOIN_PAST_DROP, SQL_JOIN_DEVICE,
	SQL_JOIN_DEVICE_DROP, SQL_JOIN_GAPS, SQL_FORGOTTEN_DAY, SQL_FORGOTTEN_PUT,
	SQL_FORGET_KEYS_FIND, SQL_FORGET_KEYS, SQL_FORGET_DAYS_FIND, SQL_FORGET_DAYS,

	/* UnionIDs (collector/unionid.c). */
	SQL_UNIONID_FIND, SQL_UNIONID_PUT, SQL_UNIONID_MARK,

	/* WeChat's statistics (wechat/datacube/, cli/cmd_datacube.c, cli/cmd_reconcile.c). */
	SQL_DATACUBE_HAS_COLUMN, SQL_DATACUBE_HAS_TABLES, SQL_DATACUBE_FIRST,
	SQL_DATACUBE_KNOWN, SQL_DATACUBE_WITH_ROWS, SQL_DATACUBE_SPAN_OF, SQL_DATACUBE_SPAN,
	SQL_DATACUBE_LAST, SQL_DATACUBE_CALLS_BY_HOUR, SQL_DATACUBE_CALLS, SQL_DATACUBE_FACTS,
	SQL_DATACUBE_PAGE_OLD, SQL_DATACUBE_PAGE_LAST, SQL_DATACUBE_PAGE_PUT,
	SQL_DATACUBE_PAGE_DROP, SQL_DATACUBE_PAUSE_PUT, SQL_DATACUBE_PAUSE_FIND,
	SQL_DATACUBE_PAUSE_DROP,

	/* What is taken over from quarantine: rows by id (column 0), from the id `?` on. */
	SQL_RECOVER_MESSAGES, SQL_RECOVER_EVENTS, SQL_RECOVER_PAST, SQL_RECOVER_MARKS,

	/* What hosts share: leases (state/lease.c), known messages (state/dedup_shared.c). */
	SQL_LEASE_TAKE, SQL_LEASE_DROP, SQL_SEEN_CLAIM, SQL_SEEN_FIND, SQL_SEEN_MARK,
	SQL_SEEN_SWEEP,

	SQL__MAX
};

#endif
