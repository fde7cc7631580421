#include "state/migrate_sql.h"
#include "state/postgres/pg_sql.h"

/* What callers read of a message. */
#define COLUMNS	"id, key, account, code, received, state, attempts, next, outcome, qt_ms, " \
		"query, body, unread"

/* The words with which a query gets the index of one part of an account: see pg_schema.c. */
#define PART	"state = 'pending' AND account = $1 AND (attempts > 0) = ($2::bigint > 0)"

/* True: a message that waited is delivered now. */
#define TURNS	"m.state = 'pending' AND excluded.state = 'delivered'"
#define TURNED(column, value) \
		column " = CASE WHEN " TURNS " THEN " value " ELSE m." column " END"

/* A key of known messages has the length of a UUID. */
#define SEEN	"encode($1, 'hex')::uuid"
/* The day of the server; one begins at noon, since it is rounded. */
#define TODAY	"(extract(epoch FROM clock_timestamp()) / 86400)::integer"

/* Times that hosts compare are by the server's clock. */
#define NOW_MS	"(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

#define STOP_COLUMNS	"account, config, since, refusals, probes, probe, fresh_probes, fresh_probe"

#define NEWER	"(excluded.turned IS NOT NULL AND (past.turned IS NULL OR " \
		"(past.turned, past.turn) < (excluded.turned, excluded.turn)))"
#define NEWEST(column) \
		column " = CASE WHEN " NEWER " THEN excluded." column \
		" ELSE past." column " END"

/* All that is known of who has which UnionID. */
#define PAIRS	"WITH pair AS (SELECT appid, openid, unionid FROM unionid UNION " \
		"SELECT appid, openid, coalesce(unionid, '') FROM follower) "

/* Events to forget: see state/sqlite/sqlite_sql.c. */
#define BY_KEY	"SELECT id FROM event WHERE message >= '\\x0000000000000001'::bytea " \
		"AND message < $3 AND day < $1 ORDER BY message LIMIT $2"
#define BY_DAY	"SELECT id FROM event WHERE day < $1 ORDER BY day LIMIT $2"

/*
 * Rows are locked as other hosts lock them: an account before its devices, the row of a UnionID
 * before the device, and a device before its events.  So events of a device are added one after the
 * other, and each sees the one before it; FOR KEY SHARE of the account lets all of them go on, but
 * for the time in which a user is forgotten.
 *
 * A message that is there already may be on this server alone, if its COMMIT was not answered.
 * So to add it again, and to confirm that it is there, writes: then the COMMIT waits for the
 * standby, which gets all that was written before.
 */
const char *const pg_sql_texts[SQL__MAX] = {
	[SQL_MESSAGE_STATE] = "SELECT state FROM message WHERE key = $1",
	[SQL_MESSAGE_CONFIRM] = "UPDATE message SET state = state WHERE key = $1 RETURNING state",
	[SQL_MESSAGE_ADD] =
	    "INSERT INTO message AS m (key, account, code, received, state, attempts, unread, "
	    "next, outcome, qt_ms, query, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
	    "$11, $12) ON CONFLICT (key) DO UPDATE SET " TURNED("state", "excluded.state") ", "
	    TURNED("next", "NULL") ", " TURNED("outcome", "excluded.outcome") ", "
	    TURNED("qt_ms", "excluded.qt_ms") ", " TURNED("query", "NULL") ", "
	    TURNED("body", "NULL"),
	[SQL_MESSAGE_DELIVERED] = "DELETE FROM message WHERE id = $1 AND key = $2",
	[SQL_MESSAGE_SETTLE] =
	    "UPDATE message SET state = $1, attempts = $2, unread = $3, next = $4, outcome = $5, "
	    "qt_ms = $6 WHERE id = $7 AND key = $8",
	[SQL_MESSAGE_DELIVERED_KEY] =
	    "DELETE FROM message WHERE key = $1 AND state = 'pending'",
	[SQL_MESSAGE_SETTLE_KEY] =
	    "UPDATE message SET state = $1, unread = $2, next = $3, outcome = $4, qt_ms = $5 "
	    "WHERE key = $6 AND state = 'pending'",
	[SQL_MESSAGE_DUE] =
	    "SELECT " COLUMNS " FROM message WHERE " PART " AND next <= $3 ORDER BY next, id "
	    "LIMIT $4",
	[SQL_MESSAGE_NEXT] = "SELECT min(next) FROM message WHERE " PART,
	[SQL_MESSAGE_MAKE_DUE] =
	    "UPDATE message SET next = least(received, $4) WHERE id IN (SELECT id FROM message "
	    "WHERE " PART " AND next > $3 ORDER BY next LIMIT 1000)",
	[SQL_MESSAGE_HASTEN] =
	    "UPDATE message SET next = $3 WHERE id IN (SELECT id FROM message WHERE " PART
	    " AND next > $3 ORDER BY next LIMIT $4)",
	[SQL_MESSAGE_SWEEP_END] =
	    "SELECT max(id) FROM (SELECT id, received FROM message WHERE id > $1 ORDER BY id "
	    "LIMIT $2) AS step WHERE received < $3",
	[SQL_MESSAGE_SWEEP] =
	    "DELETE FROM message WHERE id > $1 AND id <= $2 AND state = 'delivered' AND "
	    "received < $3",
	[SQL_MESSAGE_LIST] =
	    "SELECT " COLUMNS " FROM message WHERE state IN ('pending', 'dead') AND id > $1 "
	    "ORDER BY id LIMIT $2",
	[SQL_MESSAGE_SHOW] = "SELECT " COLUMNS " FROM message WHERE id = $1",
	[SQL_MESSAGE_COUNT_PENDING] = "SELECT count(*) FROM message WHERE state = 'pending'",
	[SQL_MESSAGE_COUNT_DEAD] = "SELECT count(*) FROM message WHERE state = 'dead'",
	[SQL_MESSAGE_COUNT_DELIVERED] = "SELECT count(*) FROM message WHERE state = 'delivered'",
	[SQL_MESSAGE_DEPTH_PENDING] =
	    "SELECT count(*), min(id) FROM message WHERE state = 'pending' AND account = $1",
	[SQL_MESSAGE_DEPTH_DEAD] =
	    "SELECT count(*), min(id) FROM message WHERE state = 'dead' AND account = $1",
	[SQL_MESSAGE_OLDEST_NEAR] =
	    "SELECT CASE WHEN count(*) > 0 THEN greatest(min(received), 0) END FROM message "
	    "WHERE id BETWEEN $1 AND $1 + 200 AND state = $2 AND account = $3",
	[SQL_MESSAGE_OLDEST] = "SELECT min(received) FROM message WHERE state = 'pending'",
	[SQL_MESSAGE_LAST] = "SELECT max(id) FROM message",
	[SQL_MESSAGE_RETRY] =
	    "UPDATE message SET state = 'pending', next = least(received, $5), unread = 0 WHERE "
	    "state IN ('pending', 'dead') AND id BETWEEN $1 AND $2 AND ($3::text IS NULL OR "
	    "account = $3::text) AND ($4::text IS NULL OR outcome = $4::text)",
	[SQL_MESSAGE_OUTCOMES] =
	    "SELECT DISTINCT outcome FROM message WHERE state IN ('pending', 'dead') AND outcome "
	    "<> ''",
	[SQL_MESSAGE_DROP] = "DELETE FROM message WHERE state IN ('pending', 'dead') AND id = $1",
	[SQL_MESSAGE_RECOVER] =
	    "INSERT INTO message (key, account, code, received, state, attempts, next, outcome, "
	    "query, body) VALUES ($1, convert_from($2::bytea, 'UTF8'), "
	    "convert_from($3::bytea, 'UTF8'), $4, convert_from($5::bytea, 'UTF8'), $6, $7, "
	    "convert_from($8::bytea, 'UTF8'), $9, $10) ON CONFLICT (key) DO NOTHING",

	[SQL_VERSION] = "SELECT version FROM qtoa_schema",
	[SQL_FREE_PAGES] = "SELECT 0::bigint",	/* the server has autovacuum for that */
	[SQL_SHRINK] = "SELECT 0::bigint",

	[SQL_ENDPOINT_FIND] =
	    "SELECT fails, opened, probes, probe, fresh_probes, fresh_probe, gateway, outcome, "
	    "retries, top, began FROM endpoint WHERE url = $1",
	[SQL_ENDPOINT_PUT] =
	    "INSERT INTO endpoint (url, fails, opened, probes, probe, fresh_probes, fresh_probe, "
	    "gateway, outcome, retries, top, began) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	    "$10, $11, $12) ON CONFLICT (url) DO UPDATE SET fails = excluded.fails, opened = "
	    "excluded.opened, probes = excluded.probes, probe = excluded.probe, fresh_probes = "
	    "excluded.fresh_probes, fresh_probe = excluded.fresh_probe, gateway = "
	    "excluded.gateway, outcome = excluded.outcome, retries = excluded.retries, top = "
	    "excluded.top, began = excluded.began",
	[SQL_ENDPOINT_RESET] =
	    "UPDATE endpoint SET probe = 0, probes = 0, fresh_probe = 0, fresh_probes = 0 WHERE "
	    "url = $1",
	[SQL_STOP_FIND] = "SELECT " STOP_COLUMNS " FROM stopped WHERE account = $1",
	[SQL_STOP_ALL] = "SELECT " STOP_COLUMNS " FROM stopped",
	[SQL_STOP_PUT] =
	    "INSERT INTO stopped (account, config, since, outcome, refusals, probes, probe, "
	    "fresh_probes, fresh_probe) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT "
	    "(account) DO UPDATE SET config = excluded.config, since = excluded.since, outcome = "
	    "excluded.outcome, refusals = excluded.refusals, probes = excluded.probes, probe = "
	    "excluded.probe, fresh_probes = excluded.fresh_probes, fresh_probe = "
	    "excluded.fresh_probe",
	[SQL_STOP_DROP] = "DELETE FROM stopped WHERE account = $1",
	[SQL_STOP_RESET] = "DELETE FROM stopped WHERE $1::text IS NULL OR account = $1::text",

	[SQL_TOKEN_FIND] =
	    "SELECT token, fetched, expires, renew, fails, pause, day, calls, forced, forced_at, "
	    "why FROM token WHERE appid = $1 AND config = $2",
	[SQL_TOKEN_PUT] =
	    "INSERT INTO token (appid, config, token, fetched, expires, renew, fails, pause, day, "
	    "calls, forced, forced_at, why) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
	    "$12, $13) ON CONFLICT (appid, config) DO UPDATE SET token = excluded.token, fetched "
	    "= excluded.fetched, expires = excluded.expires, renew = excluded.renew, fails = "
	    "excluded.fails, pause = excluded.pause, day = excluded.day, calls = excluded.calls, "
	    "forced = excluded.forced, forced_at = excluded.forced_at, why = excluded.why",
	[SQL_TOKEN_SWEEP] = "DELETE FROM token WHERE day < $1",
	[SQL_HANDED_FIND] = "SELECT count FROM handed WHERE address = $1 AND minute = $2",
	[SQL_HANDED_PUT] =
	    "INSERT INTO handed (address, minute, count) VALUES ($1, $2, 1) ON CONFLICT (address) "
	    "DO UPDATE SET minute = excluded.minute, count = CASE handed.minute WHEN "
	    "excluded.minute THEN handed.count + 1 ELSE 1 END",
	[SQL_HANDED_SWEEP] = "DELETE FROM handed WHERE minute < $1",

	[SQL_ACCOUNT_SAME] =
	    "SELECT id FROM account WHERE appid = $1 AND application = $2 AND path = $3 AND name "
	    "= $4 FOR KEY SHARE",
	[SQL_ACCOUNT_PUT] =
	    "INSERT INTO account AS a (appid, application, path, name) VALUES ($1, $2, $3, $4) ON "
	    "CONFLICT (appid, application) DO UPDATE SET path = coalesce(nullif(excluded.path, "
	    "''), a.path), name = coalesce(nullif(excluded.name, ''), a.name)",
	[SQL_ACCOUNT_ID] = "SELECT id FROM account WHERE appid = $1 AND application = $2",
	[SQL_DEVICE_PUT] =
	    "INSERT INTO device AS d (application, device, first, last) VALUES ($1, $2, $3, $4) "
	    "ON CONFLICT (application, device) DO UPDATE SET first = least(d.first, "
	    "excluded.first), last = greatest(d.last, excluded.last)",
	[SQL_DEVICE_ID] =
	    "SELECT id FROM device WHERE application = $1 AND device = $2 FOR UPDATE",
	[SQL_DEVICE_SPAN] =
	    "SELECT id, first, last FROM device WHERE application = $1 AND device = $2 FOR "
	    "UPDATE",
	[SQL_DEVICE_NEW] =
	    "INSERT INTO device (application, device, first, last) VALUES ($1, $2, $3, $4) ON "
	    "CONFLICT (application, device) DO NOTHING",
	[SQL_DEVICE_BESIDE] =
	    "SELECT there.id FROM device JOIN device AS there ON there.application = "
	    "device.application AND there.device = $2 WHERE device.id = $1 FOR UPDATE OF there",
	[SQL_DEVICE_RENAME] = "UPDATE device SET device = $2 WHERE id = $1",
	[SQL_DEVICE_OF] =
	    "SELECT device.id FROM account JOIN device ON device.application = "
	    "account.application WHERE appid = $1 AND device = $2 AND device <> $3 LIMIT 1 FOR "
	    "UPDATE OF device",
	[SQL_EVENT_IS] = "SELECT 1 FROM event WHERE message = $1",
	[SQL_EVENT_GAP] =
	    "SELECT $2::bigint - coalesce((SELECT time FROM event WHERE device = $1 AND time <= "
	    "$2::bigint ORDER BY time DESC, id DESC LIMIT 1), (SELECT max(last) FROM past WHERE "
	    "device = $1 AND last <= $2::bigint))",
	[SQL_EVENT_ADD] =
	    "INSERT INTO event (account, device, code, time, gap, received, message, part, "
	    "attributes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (message, part) "
	    "DO NOTHING",
	[SQL_EVENT_SHORTEN] =
	    "UPDATE event SET gap = least(gap, time - $2) WHERE id = (SELECT id FROM event WHERE "
	    "device = $1 AND time > $2 ORDER BY time, id LIMIT 1)",
	[SQL_EVENT_FIRST] = "SELECT min(id) FROM event",
	[SQL_EVENT_HIGHEST] = "SELECT max(id) FROM event",
	[SQL_PAST_PUT] =
	    "INSERT INTO past (device, account, last) VALUES ($1, $2, $3) ON CONFLICT (device, "
	    "account) DO UPDATE SET last = excluded.last WHERE excluded.last > past.last",
	[SQL_PAST_TURN] =
	    "UPDATE past SET turned = $3, turn = $4, follows = $5 WHERE device = $1 AND account = "
	    "$2 AND (turned IS NULL OR (turned, turn) < ($3, $4))",
	[SQL_JOIN_EVENTS] = "UPDATE event SET device = $2 WHERE device = $1",
	[SQL_JOIN_PAST] =
	    "INSERT INTO past (device, account, last, turned, turn, follows) SELECT $2::bigint, "
	    "account, last, turned, turn, follows FROM past WHERE device = $1 ON CONFLICT "
	    "(device, account) DO UPDATE SET last = greatest(past.last, excluded.last), "
	    NEWEST("turned") ", " NEWEST("turn") ", " NEWEST("follows"),
	[SQL_JOIN_PAST_DROP] = "DELETE FROM past WHERE device = $1",
	[SQL_JOIN_DEVICE] =
	    "UPDATE device SET first = least(device.first, gone.first), last = "
	    "greatest(device.last, gone.last) FROM (SELECT first, last FROM device WHERE id = $1) "
	    "AS gone WHERE device.id = $2",
	[SQL_JOIN_DEVICE_DROP] = "DELETE FROM device WHERE id = $1",
	[SQL_JOIN_GAPS] =
	    "UPDATE event SET gap = least(gap, since) FROM (SELECT id, time - coalesce(lag(time) "
	    "OVER (ORDER BY time, id), (SELECT max(last) FROM past WHERE past.device = $1 AND "
	    "past.last <= event.time)) AS since FROM event WHERE device = $1) AS joined WHERE "
	    "event.id = joined.id",
	[SQL_FORGOTTEN_DAY] = "SELECT before FROM forgotten",
	[SQL_FORGOTTEN_PUT] =
	    "INSERT INTO forgotten (id, before) SELECT 1, least($1::bigint, day) - $2::bigint "
	    "FROM (SELECT day FROM event ORDER BY day DESC LIMIT 1) AS youngest ON CONFLICT (id) "
	    "DO UPDATE SET before = excluded.before WHERE excluded.before > forgotten.before",
	/* Another host may delete some of them, or add one: what is found is what is deleted. */
	[SQL_FORGET_KEYS_FIND] =
	    "DELETE FROM event WHERE id IN (" BY_KEY ") RETURNING id, device, account, time, code",
	[SQL_FORGET_KEYS] = "SELECT $1::bigint, $2::bigint, $3::bytea",
	[SQL_FORGET_DAYS_FIND] =
	    "DELETE FROM event WHERE id IN (" BY_DAY ") RETURNING id, device, account, time, code",
	[SQL_FORGET_DAYS] = "SELECT $1::bigint, $2::bigint",

	[SQL_UNIONID_FIND] = "SELECT unionid FROM unionid WHERE appid = $1 AND openid = $2",
	[SQL_UNIONID_HOLD] =
	    "SELECT unionid FROM unionid WHERE appid = $1 AND openid = $2 FOR SHARE",
	[SQL_UNIONID_PUT] =
	    "INSERT INTO unionid AS u (appid, openid, unionid) VALUES ($1, $2, $3) ON CONFLICT "
	    "(appid, openid) DO UPDATE SET unionid = excluded.unionid WHERE u.unionid = ''",
	[SQL_UNIONID_MARK] =
	    "INSERT INTO unionid (appid, openid, unionid) VALUES ($1, $2, '') ON CONFLICT (appid, "
	    "openid) DO NOTHING",

	[SQL_STORE_WAITS] =
	    "SELECT (EXISTS (SELECT 1 FROM message WHERE state = 'pending') OR EXISTS (SELECT 1 "
	    "FROM endpoint WHERE opened <> 0) OR EXISTS (SELECT 1 FROM stopped))::integer",
	/*
	 * now() would be when the transaction began, which may be long ago.  The SELECT is for
	 * those who ask for what another one has: else each of them would write to the row.
	 */
	[SQL_LEASE_TAKE] =
	    "INSERT INTO lease (name, owner, until) SELECT $1, $2, clock_timestamp() + $3 * "
	    "interval '1 ms' WHERE NOT EXISTS (SELECT 1 FROM lease WHERE name = $1 AND owner <> "
	    "$2 AND until >= clock_timestamp()) ON CONFLICT (name) DO UPDATE SET owner = "
	    "excluded.owner, until = excluded.until WHERE lease.until < clock_timestamp() OR "
	    "lease.owner = excluded.owner RETURNING owner",
	[SQL_LEASE_DROP] = "DELETE FROM lease WHERE name = $1 AND owner = $2",
	/* A row that is new has no transaction that has changed it. */
	/*
	 * $1: keys; $2: what is wanted of each (state/dedup_shared.c); $3: how long a claim lasts,
	 * in ms.  Each host locks rows in the order of their keys.  A claim gives no row if another
	 * one has it, or the message is done.
	 */
	[SQL_SEEN_CHANGE] =
	    "INSERT INTO seen (key, made, known, until) SELECT key, " TODAY ", wish, CASE wish "
	    "WHEN 0 THEN clock_timestamp() + ms * interval '1 ms' END FROM unnest($1::uuid[], "
	    "$2::smallint[], $3::integer[]) AS wanted (key, wish, ms) ORDER BY key ON CONFLICT "
	    "(key) DO UPDATE SET known = greatest(seen.known, excluded.known), made = CASE "
	    "excluded.known WHEN 0 THEN seen.made ELSE excluded.made END, until = excluded.until "
	    "WHERE excluded.known > 0 OR (seen.known < 3 AND (seen.until IS NULL OR seen.until < "
	    "clock_timestamp())) RETURNING uuid_send(key), (xmax = 0)::integer",
	[SQL_SEEN_FIND] =
	    "SELECT uuid_send(key), known FROM seen WHERE key = ANY ($1::uuid[]) ORDER BY key",
	/*
	 * Keys begin with their message's time, and no message was marked before that: so those
	 * that go are below the time at which the day $2 days ago began.  It gives what it has
	 * looked at.
	 */
	[SQL_SEEN_SWEEP] =
	    "WITH step AS (SELECT key FROM seen WHERE key > " SEEN " AND key < (SELECT "
	    "(lpad(to_hex((" TODAY " - $2::bigint) * 86400 - 43200), 8, '0') || repeat('0', "
	    "24))::uuid) ORDER BY key LIMIT $3), gone AS (DELETE FROM seen WHERE key IN "
	    "(SELECT key FROM step) AND made < (SELECT " TODAY " - $2::bigint)) SELECT "
	    "uuid_send(key) FROM step ORDER BY key",
	/* No row: another host has written it since the pulses $7 and $8. */
	[SQL_HOST_PUT] =
	    "INSERT INTO host AS h (home, name, pulse, first, seen, version, server, stopped) "
	    "VALUES ($1, $2, $3::bigint, " NOW_MS ", " NOW_MS ", $4, $5, $6) ON CONFLICT (home) "
	    "DO UPDATE SET name = excluded.name, pulse = excluded.pulse, seen = excluded.seen, "
	    "version = excluded.version, server = excluded.server, stopped = excluded.stopped "
	    "WHERE h.pulse IN ($3::bigint, $7::bigint, $8::bigint) RETURNING pulse",
	[SQL_HOST_LIST] =
	    "SELECT home, name, version, " NOW_MS " - seen, server, stopped, EXISTS (SELECT 1 "
	    "FROM host AS o WHERE o.name = h.name AND o.home <> h.home AND o.seen > h.first AND "
	    "h.seen > o.first AND least(o.seen, h.seen) > " NOW_MS " - $2) FROM host AS h WHERE "
	    "seen > " NOW_MS " - $1 AND NOT EXISTS (SELECT 1 FROM host AS o WHERE o.name = h.name "
	    "AND o.first >= h.seen AND o.home <> h.home) ORDER BY name, first, home",
	[SQL_HOST_SWEEP] = "DELETE FROM host WHERE seen < " NOW_MS " - $1",
	/* After a power cut a host's file may have less than its row. */
	[SQL_HOST_COUNTER_PUT] =
	    "INSERT INTO host_counter AS c (day, hour, account, file, home, total, numbers) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (day, hour, account, file) DO "
	    "UPDATE SET home = excluded.home, total = excluded.total, numbers = excluded.numbers "
	    "WHERE excluded.total >= c.total AND excluded.numbers <> c.numbers",
	[SQL_HOST_COUNTER_LIST] =
	    "SELECT day, hour, account, file, numbers FROM host_counter WHERE day >= $1 AND day "
	    "<= $2 ORDER BY day, hour",
	[SQL_HOST_COUNTER_SWEEP] =
	    "DELETE FROM host_counter WHERE (day, hour, account, file) IN (SELECT day, hour, "
	    "account, file FROM host_counter WHERE day < $1 ORDER BY day LIMIT $2)",
	/*
	 * Followers (collector/follower_store.c, cli/cmd_followers.c).  The third value of FOLLOW,
	 * UNFOLLOW and ADD is 1 if the account counts by UnionID.
	 */
	[SQL_FOLLOWER_FOLLOW] =
	    "INSERT INTO follower (appid, openid, device, subscribe_time, seen_at, asked_at, "
	    "followed_at) VALUES ($1, $2::text, coalesce((SELECT nullif(unionid, '') FROM "
	    "unionid WHERE $3::bigint = 1 AND unionid.appid = $1 AND unionid.openid = "
	    "$2::text), $2::text), $4::bigint, 0, -1, $4::bigint) ON CONFLICT (appid, "
	    "openid) DO UPDATE SET followed_at = greatest(coalesce(follower.followed_at, "
	    "$4::bigint), $4::bigint), asked_at = CASE WHEN $4::bigint > "
	    "coalesce(follower.subscribe_time, 0) AND $4::bigint >= "
	    "coalesce(follower.gone_at, 0) THEN -1 ELSE follower.asked_at END, "
	    "subscribe_time = CASE WHEN $4::bigint > coalesce(follower.subscribe_time, 0) "
	    "AND $4::bigint >= coalesce(follower.gone_at, 0) THEN $4::bigint ELSE "
	    "follower.subscribe_time END, gone_at = CASE WHEN $4::bigint >= follower.gone_at "
	    "THEN NULL ELSE follower.gone_at END",
	[SQL_FOLLOWER_UNFOLLOW] =
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at, gone_at, "
	    "unfollowed_at) VALUES ($1, $2::text, coalesce((SELECT nullif(unionid, '') FROM "
	    "unionid WHERE $3::bigint = 1 AND unionid.appid = $1 AND unionid.openid = "
	    "$2::text), $2::text), 0, 0, $4::bigint, $4::bigint) ON CONFLICT (appid, openid) "
	    "DO UPDATE SET unfollowed_at = greatest(coalesce(follower.unfollowed_at, "
	    "$4::bigint), $4::bigint), asked_at = CASE WHEN $4::bigint < follower.seen_at "
	    "THEN -1 ELSE follower.asked_at END, gone_at = CASE WHEN follower.gone_at IS "
	    "NULL AND $4::bigint >= follower.seen_at AND $4::bigint >= "
	    "coalesce(follower.subscribe_time, 0) AND $4::bigint >= "
	    "coalesce(follower.followed_at, 0) THEN $4::bigint ELSE follower.gone_at END",
	[SQL_FOLLOWER_SINCE] =
	    "INSERT INTO follower_pull (appid, since) SELECT $1::text, $2::bigint WHERE NOT "
	    "EXISTS (SELECT 1 FROM follower_pull WHERE appid = $1::text AND since <> 0) ON "
	    "CONFLICT (appid) DO UPDATE SET since = $2::bigint WHERE follower_pull.since = 0",
	[SQL_FOLLOWER_PULL] =
	    "SELECT state, began, listed, total, ended, followers, since, pause, errcode, "
	    "fails, cursor FROM follower_pull WHERE appid = $1",
	[SQL_FOLLOWER_PULL_BEGIN] =
	    "INSERT INTO follower_pull (appid, state, began) VALUES ($1, 1, $2) ON CONFLICT "
	    "(appid) DO UPDATE SET state = 1, began = $2, cursor = '', listed = 0",
	[SQL_FOLLOWER_PULL_PAGE] =
	    "UPDATE follower_pull SET state = $1, cursor = $2, listed = listed + $3, total = "
	    "$4 WHERE appid = $5",
	[SQL_FOLLOWER_PULL_STEP] = "UPDATE follower_pull SET cursor = $1 WHERE appid = $2",
	[SQL_FOLLOWER_PULL_LISTED] =
	    "UPDATE follower_pull SET state = 3, cursor = '', ended = $1, followers = total "
	    "WHERE appid = $2",
	[SQL_FOLLOWER_PULL_END] =
	    "UPDATE follower_pull SET state = 0 WHERE appid = $1 AND state = 3",
	[SQL_FOLLOWER_PULL_PAUSE] =
	    "INSERT INTO follower_pull (appid, pause, errcode, fails) VALUES ($1, $2, $3, "
	    "$4) ON CONFLICT (appid) DO UPDATE SET pause = $2, errcode = $3, fails = $4",
	[SQL_FOLLOWER_ADD] =
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at) SELECT $1::text, "
	    "listed.openid, coalesce((SELECT nullif(unionid, '') FROM unionid WHERE $3::bigint = 1 "
	    "AND unionid.appid = $1::text AND unionid.openid = listed.openid), listed.openid), "
	    "$4::bigint, 0 FROM json_array_elements_text($2::json) AS listed (openid) ON CONFLICT "
	    "(appid, openid) DO NOTHING",
	[SQL_FOLLOWER_SEEN] =
	    "UPDATE follower SET seen_at = $1 WHERE appid = $2 AND openid IN (SELECT "
	    "json_array_elements_text($3::json))",
	[SQL_FOLLOWER_BACK] =
	    "UPDATE follower SET gone_at = NULL, asked_at = 0 WHERE appid = $1 AND openid IN "
	    "(SELECT json_array_elements_text($2::json)) AND gone_at < $3",
	[SQL_FOLLOWER_STEP] =
	    "SELECT openid FROM follower WHERE appid = $1 AND openid > $2 "
	    "ORDER BY openid LIMIT 1 OFFSET $3",
	[SQL_FOLLOWER_GONE] =
	    "UPDATE follower SET gone_at = $3 WHERE appid = $1 AND openid > $2 "
	    "AND openid <= $5 AND gone_at IS NULL AND "
	    "seen_at < $3 AND coalesce(followed_at, 0) < $4",
	[SQL_FOLLOWER_AGAIN] =
	    "UPDATE follower SET asked_at = 0 WHERE appid = $1 AND openid > $2 "
	    "AND openid <= $4 AND gone_at IS NULL AND asked_at > $3",
	[SQL_FOLLOWER_COUNT_DUE] =
	    "SELECT count(*) FROM follower WHERE appid = $1 AND asked_at < $2 AND gone_at IS "
	    "NULL",
	[SQL_FOLLOWER_DUE] =
	    "SELECT openid FROM follower WHERE appid = $1 AND asked_at < $2 AND gone_at IS "
	    "NULL ORDER BY asked_at, openid LIMIT $3",
	[SQL_FOLLOWER_TOLD] =
	    "UPDATE follower SET unionid = $3, device = $4, subscribe_time = "
	    "coalesce($5::bigint, subscribe_time), scene = $6, qr_scene = $7, qr_scene_str = "
	    "$8, language = $9, tags = $10, remark = $11, asked_at = CASE WHEN followed_at > "
	    "$12::bigint AND followed_at <= $13 THEN asked_at ELSE $12::bigint END, gone_at "
	    "= CASE WHEN gone_at >= $12::bigint THEN gone_at END WHERE appid = $1 AND openid "
	    "= $2",
	[SQL_FOLLOWER_TOLD_GONE] =
	    "UPDATE follower SET gone_at = $3, asked_at = $3 WHERE appid = $1 AND openid = "
	    "$2 AND gone_at IS NULL",
	[SQL_FOLLOWER_ASKED] =
	    "UPDATE follower SET asked_at = $3 WHERE appid = $1 AND openid = $2 AND asked_at "
	    "< $3 AND (followed_at IS NULL OR followed_at <= $3 OR followed_at > $4)",
	[SQL_FOLLOWER_DEVICE] =
	    "UPDATE follower SET device = $1 WHERE appid = $2 AND openid = $3",
	[SQL_FOLLOWER_COUNTS] =
	    "SELECT count(CASE WHEN gone_at IS NULL THEN 1 END), count(gone_at), count(CASE "
	    "WHEN gone_at IS NULL AND subscribe_time >= $2::bigint AND coalesce(followed_at, "
	    "0) < subscribe_time - $3::bigint THEN 1 END), count(CASE WHEN gone_at >= "
	    "$2::bigint AND (seen_at >= $2::bigint OR followed_at IS NOT NULL) AND "
	    "coalesce(unfollowed_at, 0) < greatest(coalesce(subscribe_time, 1), "
	    "coalesce(followed_at, 1)) THEN 1 END) FROM follower WHERE appid = $1",
	[SQL_FOLLOWER_NET] =
	    "SELECT sum(CASE code WHEN '$$_official_account_follow' THEN 1 ELSE -1 END) FROM "
	    "event WHERE code IN ('$$_official_account_follow', "
	    "'$$_official_account_unfollow') AND account IN (SELECT id FROM account WHERE "
	    "appid = $1 AND application = $2)",
	[SQL_FOLLOWER_SCENES] =
	    "SELECT scene, code, n FROM (SELECT scene, coalesce(qr_scene_str, CAST(qr_scene AS "
	    "TEXT)) AS code, count(*) AS n FROM follower WHERE appid = $1 AND gone_at IS NULL "
	    "GROUP BY 1, 2) AS part ORDER BY n DESC, scene COLLATE \"C\" NULLS FIRST, code COLLATE "
	    "\"C\" NULLS FIRST LIMIT $2",
	[SQL_FOLLOWER_TAGS] =
	    "SELECT tags, count(*) FROM follower WHERE appid = $1 AND gone_at IS NULL AND "
	    "tags IS NOT NULL GROUP BY tags",
	[SQL_FOLLOWER_EXPORT] =
	    "SELECT openid, unionid, subscribe_time, scene, qr_scene, qr_scene_str, "
	    "language, tags, remark, seen_at, asked_at, gone_at, followed_at, unfollowed_at "
	    "FROM follower WHERE appid = $1 AND openid > $2 AND ($3::bigint = "
	    "1 OR gone_at IS NULL) ORDER BY openid LIMIT $4",

	[SQL_MESSAGE_LEAVES] =
	    "DELETE FROM message WHERE id = $1 AND key = $2 AND id IN (SELECT message FROM "
	    "leaving)",
	[SQL_MESSAGE_REMOVE] = "DELETE FROM message WHERE id = $1",
	[SQL_ERASED_ANY] = "SELECT 1 FROM erased LIMIT 1",
	[SQL_ERASED_ALL] = "SELECT name, until FROM erased ORDER BY name",
	[SQL_ERASED_FIND] =
	    "SELECT device FROM erased WHERE name = $1 AND until >= $2 FOR UPDATE",
	[SQL_ERASED_DEVICE] = "UPDATE erased SET device = $1 WHERE name = $2",
	[SQL_ERASED_PUT] =
	    "INSERT INTO erased (name, device, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO "
	    "UPDATE SET device = coalesce(excluded.device, erased.device), until = "
	    "greatest(excluded.until, erased.until)",
	[SQL_ERASED_SWEEP] = "DELETE FROM erased WHERE until < $1",
	[SQL_DEVICE_WIDEN] =
	    "UPDATE device SET first = least(first, $2), last = greatest(last, $3) WHERE id = $1",
	[SQL_DEVICE_HIGHEST] = "SELECT max(id) FROM device",
	[SQL_DEVICE_ADD] =
	    "INSERT INTO device (application, device, first, last) VALUES ($1, $2, $3, $4)",
	[SQL_USER_NAMES] =
	    PAIRS "SELECT openid, unionid FROM pair WHERE ($2::text IS NULL OR appid = $2::text) "
	    "AND (openid = $1 OR (unionid <> '' AND unionid IN (SELECT unionid FROM pair WHERE "
	    "(openid = $1 OR unionid = $1) AND ($2::text IS NULL OR appid = $2::text))))",
	[SQL_USER_APPLICATIONS] =
	    "SELECT DISTINCT application FROM (SELECT application FROM account WHERE $1::text IS "
	    "NULL OR appid = $1::text ORDER BY id FOR UPDATE) AS locked",
	[SQL_USER_EVENTS] = "SELECT id FROM event WHERE device = $1",
	[SQL_USER_ATTRIBUTES] = "SELECT attributes FROM event WHERE id = $1",
	[SQL_USER_STRIP] = "UPDATE event SET attributes = $1 WHERE id = $2",
	[SQL_USER_REST] =
	    "SELECT (SELECT count(*) FROM event WHERE device = $1) + (SELECT count(*) FROM past "
	    "WHERE device = $1) - (SELECT count(*) FROM event WHERE device = $1 AND ($3::text IS "
	    "NULL OR account IN (SELECT id FROM account WHERE appid = $3::text)) AND time <= $2) "
	    "- (SELECT count(*) FROM past WHERE device = $1 AND ($3::text IS NULL OR account IN "
	    "(SELECT id FROM account WHERE appid = $3::text)))",
	[SQL_USER_SPAN] = "SELECT first, last FROM device WHERE id = $1",
	[SQL_USER_PART_EVENTS] =
	    "UPDATE event SET device = $4 WHERE device = $1 AND ($3::text IS NULL OR account IN "
	    "(SELECT id FROM account WHERE appid = $3::text)) AND time <= $2",
	[SQL_USER_PART_PAST] =
	    "UPDATE past SET device = $2 WHERE device = $1 AND ($3::text IS NULL OR account IN "
	    "(SELECT id FROM account WHERE appid = $3::text))",
	[SQL_USER_PART_DEVICE] =
	    "UPDATE device SET first = (SELECT min(time) FROM event WHERE device = $1) WHERE id = "
	    "$1 AND EXISTS (SELECT 1 FROM event WHERE device = $1) AND NOT EXISTS (SELECT 1 FROM "
	    "past WHERE device = $1) AND NOT EXISTS (SELECT 1 FROM event WHERE device = $1 AND "
	    "time <= $2)",
	[SQL_USER_UNIONID] = "DELETE FROM unionid WHERE appid = $1 AND openid = $2",
	[SQL_USER_UNIONIDS] = "DELETE FROM unionid WHERE openid = $1 OR unionid = $1",
	[SQL_USER_FOLLOWER] =
	    "DELETE FROM follower WHERE ($2::text IS NULL OR appid = $2::text) AND (openid = $1 OR "
	    "unionid = $1 OR device = $1)",
	[SQL_USER_LEFT] =
	    "SELECT name, rows FROM (SELECT 'device' AS name, count(*) AS rows FROM device WHERE "
	    "device = $1 UNION ALL SELECT 'follower', count(*) FROM follower WHERE openid = $1 OR "
	    "unionid = $1 OR device = $1 UNION ALL SELECT 'unionid', count(*) FROM unionid WHERE "
	    "openid = $1 OR unionid = $1 UNION ALL SELECT 'qrcode', count(*) FROM qrcode WHERE "
	    "replace(name || scene, $1::text, '') <> name || scene) AS found WHERE rows <> 0 "
	    "ORDER BY name",
	[SQL_USER_MESSAGES] =
	    "SELECT id, account, state, query, body FROM message WHERE id > $1 ORDER BY id LIMIT "
	    "$2",
	[SQL_USER_MENTIONS_END] =
	    "SELECT max(id) FROM (SELECT id FROM event WHERE id > $1 ORDER BY id LIMIT $2) AS part",
	[SQL_USER_MENTIONS] =
	    "UPDATE event SET attributes = replace(attributes, $3::text, 'forgotten') WHERE id > "
	    "$1 AND id <= $2 AND attributes LIKE '%' || replace($3::text, '_', '!_') || '%' "
	    "ESCAPE '!'",
	[SQL_LEAVING_PUT] =
	    "INSERT INTO leaving (message) VALUES ($1) ON CONFLICT (message) DO NOTHING",
	[SQL_LEAVING_SWEEP] =
	    "DELETE FROM leaving WHERE NOT EXISTS (SELECT 1 FROM message WHERE id = "
	    "leaving.message)",
	[SQL_DEPARTED_PUT] =
	    "INSERT INTO departed (at, since, until, appid, name) SELECT $1::bigint, " NOW_MS
	    ", $3::bigint, $4::text, $5::text WHERE $2::bigint IS NOT NULL",
	[SQL_DEPARTED_NEXT] =
	    "SELECT id, until, appid, name FROM departed WHERE at = -1 AND $1::bigint IS NOT "
	    "NULL AND since <= " NOW_MS " - $2::bigint ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
	[SQL_DEPARTED_DROP] = "DELETE FROM departed WHERE id = $1",
	[SQL_DEPARTED_LEAST] = "SELECT min(at) FROM departed WHERE at >= 0",
	[SQL_DEPARTED_NAMES] = "SELECT name FROM departed WHERE at = $1",
	[SQL_DEPARTED_MOVE] = "UPDATE departed SET at = $2 WHERE at = $1",
	[SQL_DEPARTED_DONE] = "DELETE FROM departed WHERE at = $1",

	[SQL_QRCODE_FIND] =
	    "SELECT scene, ticket, url, made, expires FROM qrcode WHERE appid = $1 AND name = $2",
	[SQL_QRCODE_OWNER] =
	    "SELECT name FROM qrcode WHERE appid = $1 AND scene = $2 AND name <> $3 LIMIT 1",
	[SQL_QRCODE_PUT] =
	    "INSERT INTO qrcode (appid, name, scene, ticket, url, made, expires) VALUES ($1, $2, "
	    "$3, $4, $5, $6, $7) ON CONFLICT (appid, name) DO UPDATE SET scene = excluded.scene, "
	    "ticket = excluded.ticket, url = excluded.url, made = excluded.made, expires = "
	    "excluded.expires",
	[SQL_QRCODE_LIST] =
	    "WITH uses (appid, scene, follows, scans) AS (SELECT appid, item, sum(CASE code WHEN "
	    "'$$_official_account_follow' THEN 1 ELSE 0 END), sum(CASE code WHEN "
	    "'$$_scan_open_official_account' THEN 1 ELSE 0 END) FROM event JOIN account ON "
	    "account.id = event.account WHERE code IN ('$$_official_account_follow', "
	    "'$$_scan_open_official_account') GROUP BY appid, item) SELECT coalesce((SELECT "
	    "min(path COLLATE \"C\") FROM account WHERE account.appid = qrcode.appid), "
	    "qrcode.appid) AS account, "
	    "name, qrcode.scene, coalesce(follows, 0) AS follows, coalesce(scans, 0) AS scans, "
	    "made, nullif(expires, 0) AS until, url, ticket FROM qrcode LEFT JOIN uses ON "
	    "uses.appid = qrcode.appid AND uses.scene = qrcode.scene WHERE ($1::text IS NULL OR "
	    "qrcode.appid = $1::text) AND ($2::text IS NULL OR name = $2::text) ORDER BY "
	    "coalesce((SELECT min(path COLLATE \"C\") FROM account WHERE account.appid = "
	    "qrcode.appid), qrcode.appid) COLLATE \"C\", coalesce(follows, 0) DESC, "
	    "coalesce(scans, 0) DESC, name COLLATE \"C\"",

	[SQL_DATACUBE_COLUMNS] =
	    "SELECT t.relname::text, c.attname::text FROM pg_catalog.pg_class AS t JOIN "
	    "pg_catalog.pg_attribute AS c ON c.attrelid = t.oid WHERE t.relname LIKE 'datacube!_%' "
	    "ESCAPE '!' AND t.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(t.oid) AND "
	    "c.attnum > 0 AND NOT c.attisdropped",
	[SQL_DATACUBE_HAS_TABLES] =
	    "SELECT count(to_regclass(name)) FROM (VALUES ('datacube_day'), ('datacube_pause'), "
	    "('datacube_page')) AS needed (name)",
	[SQL_DATACUBE_FIRST] =
	    "SELECT min(day) FROM datacube_day WHERE appid = $1 AND endpoint = $2",
	[SQL_DATACUBE_KNOWN] =
	    "SELECT day, asked, rows, times, delayed FROM datacube_day WHERE appid = $1 AND "
	    "endpoint = $2 AND day BETWEEN $3 AND $4",
	[SQL_DATACUBE_WITH_ROWS] =
	    "SELECT day FROM datacube_day WHERE appid = $1 AND endpoint = $2 AND day BETWEEN $3 "
	    "AND $4 AND rows > 0",
	[SQL_DATACUBE_SPAN_OF] =
	    "SELECT min(day), max(day), count(*), sum(rows)::bigint FROM datacube_day WHERE appid "
	    "= $1 AND endpoint = $2",
	[SQL_DATACUBE_SPAN] = "SELECT min(day), max(day) FROM datacube_day WHERE endpoint = $1",
	[SQL_DATACUBE_LAST] =
	    "SELECT max(day) FROM datacube_day WHERE appid = $1 AND endpoint = $2 AND rows > 0",
	[SQL_DATACUBE_CALLS_BY_HOUR] =
	    "SELECT ref_date, ref_hour / 100, callback_count, fail_count FROM "
	    "datacube_getinterfacesummaryhour WHERE appid = $1 AND ref_date BETWEEN $2 AND $3",
	[SQL_DATACUBE_CALLS] =
	    "SELECT ref_date, 0, callback_count, fail_count FROM datacube_getinterfacesummary "
	    "WHERE appid = $1 AND ref_date BETWEEN $2 AND $3",
	[SQL_DATACUBE_DAY_PUT] =
	    "INSERT INTO datacube_day AS d (appid, endpoint, day, asked, rows, times, delayed) "
	    "VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT (appid, endpoint, day) DO UPDATE SET "
	    "asked = excluded.asked, rows = excluded.rows, times = d.times + 1, delayed = "
	    "excluded.delayed",
	[SQL_DATACUBE_PAGES] =
	    "SELECT body FROM datacube_page WHERE appid = $1 AND endpoint = $2 AND page < $3 "
	    "ORDER BY page",
	[SQL_DATACUBE_PAGE_OLD] =
	    "DELETE FROM datacube_page WHERE appid = $1 AND endpoint = $2 AND (begin <> $3 OR "
	    "\"end\" <> $4 OR asked < $5)",
	[SQL_DATACUBE_PAGE_LAST] =
	    "SELECT max(page) FROM datacube_page WHERE appid = $1 AND endpoint = $2",
	[SQL_DATACUBE_PAGE_PUT] =
	    "INSERT INTO datacube_page (appid, endpoint, page, begin, \"end\", asked, body) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (appid, endpoint, page) DO UPDATE "
	    "SET begin = excluded.begin, \"end\" = excluded.\"end\", asked = excluded.asked, "
	    "body = excluded.body",
	[SQL_DATACUBE_PAGE_DROP] = "DELETE FROM datacube_page WHERE appid = $1 AND endpoint = $2",
	[SQL_DATACUBE_PAUSE_PUT] =
	    "INSERT INTO datacube_pause (appid, endpoint, since, until, errcode) VALUES ($1, $2, "
	    "$3, $4, $5) ON CONFLICT (appid, endpoint) DO UPDATE SET since = excluded.since, "
	    "until = excluded.until, errcode = excluded.errcode",
	[SQL_DATACUBE_PAUSE_FIND] =
	    "SELECT since, until, errcode FROM datacube_pause WHERE appid = $1 AND endpoint = $2 "
	    "AND until > $3 AND since <= $4",
	[SQL_DATACUBE_PAUSE_DROP] = "DELETE FROM datacube_pause WHERE appid = $1 AND endpoint = $2",

	/* What moves between two stores (collector/migrate.c). */
	[SQL_MIGRATE_COUNTS] = MIGRATE_COUNTS " UNION ALL SELECT 14, count(*) FROM seen",
	[SQL_MIGRATE_MESSAGE_TAKE] =
	    "WITH gone AS (" MIGRATE_MESSAGE_TAKE " RETURNING *) SELECT " MIGRATE_MESSAGE_COLUMNS
	    ", EXISTS (SELECT 1 FROM leaving WHERE leaving.message = gone.id) FROM gone ORDER BY "
	    "id",
	[SQL_MIGRATE_ACCOUNTS] = MIGRATE_ACCOUNTS,
	/*
	 * Of these that follow, each parameter is an array: a column of many rows.  The first one
	 * locks the devices, in one order; it writes nothing where a device has that span already.
	 */
	[SQL_MIGRATE_SPAN_PUT] =
	    "INSERT INTO device AS d (application, device, first, last) SELECT application, "
	    "device, min(first), max(last) FROM unnest($1::text[], $2::text[], $3::bigint[], "
	    "$4::bigint[]) AS r (application, device, first, last) GROUP BY application, device "
	    "ORDER BY application COLLATE \"C\", device COLLATE \"C\" ON CONFLICT (application, "
	    "device) DO UPDATE SET first = least(d.first, excluded.first), last = "
	    "greatest(d.last, excluded.last) WHERE excluded.first < d.first OR excluded.last > "
	    "d.last",
	/*
	 * Of accounts and devices that are there: NULL is refused.  The event before one is in the
	 * table, or among these.
	 */
	[SQL_MIGRATE_EVENT_PUT] =
	    "INSERT INTO event (account, device, code, time, gap, received, message, part, "
	    "attributes) SELECT a.id, d.id, r.code, r.time, least(r.time - "
	    "coalesce(greatest(before.time, lag(r.time) OVER (PARTITION BY d.id ORDER BY r.time, "
	    "r.n)), gone.last), r.gap), r.received, r.message, r.part, r.attributes FROM "
	    "unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], "
	    "$7::bigint[], $8::bytea[], $9::bigint[], $10::text[]) WITH ORDINALITY AS r (appid, "
	    "application, device, code, time, gap, received, message, part, attributes, n) LEFT "
	    "JOIN account AS a ON a.appid = r.appid AND a.application = r.application LEFT JOIN "
	    "device AS d ON d.application = r.application AND d.device = r.device LEFT JOIN "
	    "LATERAL (SELECT time FROM event WHERE event.device = d.id AND event.time <= r.time "
	    "ORDER BY event.time DESC, event.id DESC LIMIT 1) AS before ON true LEFT JOIN LATERAL "
	    "(SELECT max(past.last) AS last FROM past WHERE past.device = d.id AND past.last <= "
	    "r.time) AS gone ON true ORDER BY r.n ON CONFLICT (message, part) DO NOTHING",
	[SQL_MIGRATE_SHORTEN] =
	    "UPDATE event SET gap = least(event.gap, event.time - late.time) FROM (SELECT "
	    "next.id, max(r.time) AS time FROM unnest($1::text[], $2::text[], $3::bigint[]) AS r "
	    "(application, device, time) JOIN device AS d ON d.application = r.application AND "
	    "d.device = r.device CROSS JOIN LATERAL (SELECT id FROM event WHERE event.device = "
	    "d.id AND event.time > r.time ORDER BY event.time, event.id LIMIT 1) AS next GROUP BY "
	    "next.id) AS late WHERE event.id = late.id AND (event.gap IS NULL OR event.gap > "
	    "event.time - late.time)",
	[SQL_MIGRATE_PAST_PUT] =
	    "INSERT INTO past (device, account, last, turned, turn, follows) SELECT DISTINCT ON "
	    "(d.id, a.id) d.id, a.id, greatest(r.last, r.turned), r.turned, r.turn, r.follows "
	    "FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], "
	    "$6::bigint[], $7::bigint[]) AS r (appid, application, device, last, turned, turn, "
	    "follows) LEFT JOIN account AS a ON a.appid = r.appid AND a.application = "
	    "r.application LEFT JOIN device AS d ON d.application = r.application AND d.device = "
	    "r.device ORDER BY d.id, a.id, r.last DESC ON CONFLICT (device, account) DO UPDATE SET "
	    "last = greatest(past.last, excluded.last), " NEWEST("turned") ", " NEWEST("turn") ", "
	    NEWEST("follows"),
	[SQL_MIGRATE_EVENT_TAKE] =
	    "WITH gone AS (" MIGRATE_EVENT_TAKE " RETURNING *) SELECT gone.id, appid, "
	    "account.application, path, name, device.device, code, time, received, message, part, "
	    "attributes, gap, first, device.last FROM gone JOIN account ON account.id = "
	    "gone.account JOIN device ON device.id = gone.device ORDER BY gone.id",
	[SQL_MIGRATE_PAST_TAKE] =
	    "WITH gone AS (" MIGRATE_PAST_TAKE " RETURNING *) SELECT gone.id, appid, "
	    "account.application, path, name, device.device, first, gone.last, turned, turn, "
	    "follows FROM gone JOIN account ON account.id = gone.account JOIN device ON device.id "
	    "= gone.device ORDER BY gone.id",
	[SQL_MIGRATE_FOLLOWER_PUT] = MIGRATE_FOLLOWER_PUT("greatest"),
	[SQL_MIGRATE_SEEN_TAKE] =
	    "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE until IS NULL OR until < "
	    "clock_timestamp() ORDER BY key LIMIT $1) RETURNING uuid_send(key), known",
	MIGRATE_ALIKE
};

static const enum sql	 kept[PG_SQL_KEPT] = { SQL_SEEN_CHANGE, SQL_MESSAGE_ADD };

int
pg_sql_kept(const char *text)
{
	int	 i;

	for (i = 0; i < PG_SQL_KEPT; i++)
		if (pg_sql_texts[kept[i]] == text)
			return i;
	return -1;
}
