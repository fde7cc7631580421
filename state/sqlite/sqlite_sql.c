#include "state/migrate_sql.h"
#include "state/sqlite/sqlite_sql.h"

/* What callers read of a message. */
#define COLUMNS	"id, key, account, code, received, state, attempts, next, outcome, qt_ms, " \
		"query, body, unread"

/* The words with which a query gets the index of one part of an account: see schema.c. */
#define PART	"state = 'pending' AND account = ?1 AND (attempts > 0) = ?2"

#define STOP_COLUMNS	"account, config, since, refusals, probes, probe, fresh_probes, fresh_probe"

#define NEWER	"(excluded.turned IS NOT NULL AND (past.turned IS NULL OR " \
		"(past.turned, past.turn) < (excluded.turned, excluded.turn)))"

/* All that is known of who has which UnionID. */
#define PAIRS	"WITH pair AS (SELECT appid, openid, unionid FROM unionid UNION " \
		"SELECT appid, openid, coalesce(unionid, '') FROM follower) "

/*
 * Events to forget.  ?1: the first day that stays, ?2: how many events, ?3: the key of that day.
 * Keys begin with the time; so in the order of the keys, neighbours on the disk are deleted
 * together.  A message without a time has 0 in its key; only the index of days finds it.
 */
#define BY_KEY	"SELECT id FROM event WHERE message >= x'0000000000000001' AND message < ?3 " \
		"AND day < ?1 ORDER BY message LIMIT ?2"
#define BY_DAY	"SELECT id FROM event INDEXED BY event_day WHERE day < ?1 ORDER BY day LIMIT ?2"

/* What a row refers to, where a join cannot be written. */
#define OF_ACCOUNT(row, column) \
	"coalesce((SELECT account." column " FROM account WHERE account.id = " row ".account), '')"
#define OF_DEVICE(row, column) \
	"(SELECT device." column " FROM device WHERE device.id = " row ".device)"

/*
 * The state of a message is a literal where its index is used: with a parameter SQLite would not
 * use the index of that state.  Of an event, the smallest gap that is known counts.
 */
const char *const sqlite_sql_texts[SQL__MAX] = {
	/* Messages (state/queue.c). */
	[SQL_MESSAGE_STATE] = "SELECT state FROM message WHERE key = ?",
	[SQL_MESSAGE_CONFIRM] = "SELECT state FROM message WHERE key = ?",
	[SQL_MESSAGE_ADD] =
	    "INSERT INTO message (key, account, code, received, state, attempts, unread, next, "
	    "outcome, qt_ms, query, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
	    "(key) DO UPDATE SET state = excluded.state, next = NULL, outcome = excluded.outcome, "
	    "qt_ms = excluded.qt_ms, query = NULL, body = NULL WHERE state = 'pending' AND "
	    "excluded.state = 'delivered'",
	[SQL_MESSAGE_DELIVERED] = "DELETE FROM message WHERE id = ? AND key = ?",
	[SQL_MESSAGE_SETTLE] =
	    "UPDATE message SET state = ?, attempts = ?, unread = ?, next = ?, outcome = ?, qt_ms "
	    "= ? WHERE id = ? AND key = ?",
	[SQL_MESSAGE_DELIVERED_KEY] =
	    "DELETE FROM message WHERE key = ? AND state = 'pending'",
	[SQL_MESSAGE_SETTLE_KEY] =
	    "UPDATE message SET state = ?, unread = ?, next = ?, outcome = ?, qt_ms = ? "
	    "WHERE key = ? AND state = 'pending'",
	[SQL_MESSAGE_DUE] =
	    "SELECT " COLUMNS " FROM message WHERE " PART " AND next <= ?3 ORDER BY next, id LIMIT "
	    "?4",
	[SQL_MESSAGE_NEXT] = "SELECT min(next) FROM message WHERE " PART,
	[SQL_MESSAGE_MAKE_DUE] =
	    "UPDATE message SET next = min(received, ?4) WHERE id IN (SELECT id FROM message WHERE "
	    PART " AND next > ?3 ORDER BY next LIMIT 1000)",
	[SQL_MESSAGE_HASTEN] =
	    "UPDATE message SET next = ?3 WHERE id IN (SELECT id FROM message WHERE " PART " AND "
	    "next > ?3 ORDER BY next LIMIT ?4)",
	[SQL_MESSAGE_SWEEP_END] =
	    "SELECT max(id) FROM (SELECT id, received FROM message WHERE id > ? ORDER BY id LIMIT "
	    "?) WHERE received < ?",
	[SQL_MESSAGE_SWEEP] =
	    "DELETE FROM message WHERE id > ? AND id <= ? AND state = 'delivered' AND received < ?",
	[SQL_MESSAGE_LIST] =
	    "SELECT " COLUMNS " FROM message WHERE state IN ('pending', 'dead') AND id > ? ORDER "
	    "BY id LIMIT ?",
	[SQL_MESSAGE_SHOW] = "SELECT " COLUMNS " FROM message WHERE id = ?",
	[SQL_MESSAGE_COUNT_PENDING] = "SELECT count(*) FROM message WHERE state = 'pending'",
	[SQL_MESSAGE_COUNT_DEAD] = "SELECT count(*) FROM message WHERE state = 'dead'",
	[SQL_MESSAGE_COUNT_DELIVERED] = "SELECT count(*) FROM message WHERE state = 'delivered'",
	[SQL_MESSAGE_DEPTH_PENDING] =
	    "SELECT count(*), min(id) FROM message WHERE state = 'pending' AND account = ?",
	[SQL_MESSAGE_DEPTH_DEAD] =
	    "SELECT count(*), min(id) FROM message WHERE state = 'dead' AND account = ?",
	[SQL_MESSAGE_OLDEST_NEAR] =
	    "SELECT max(min(received), 0) FROM message NOT INDEXED WHERE id BETWEEN ?1 AND ?1 + "
	    "200 AND state = ?2 AND account = ?3",
	[SQL_MESSAGE_OLDEST] = "SELECT min(received) FROM message WHERE state = 'pending'",
	[SQL_MESSAGE_LAST] = "SELECT max(id) FROM message",
	[SQL_MESSAGE_RETRY] =
	    "UPDATE message SET state = 'pending', next = min(received, ?5), unread = 0 WHERE "
	    "state IN ('pending', 'dead') AND id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR account = "
	    "?3) AND (?4 IS NULL OR outcome = ?4)",
	[SQL_MESSAGE_OUTCOMES] =
	    "SELECT DISTINCT outcome FROM message WHERE state IN ('pending', 'dead') AND outcome "
	    "<> ''",
	[SQL_MESSAGE_DROP] = "DELETE FROM message WHERE state IN ('pending', 'dead') AND id = ?",
	[SQL_MESSAGE_RECOVER] =
	    "INSERT OR IGNORE INTO message (key, account, code, received, state, attempts, next, "
	    "outcome, query, body) VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS "
	    "TEXT), ?, ?, CAST(? AS TEXT), ?, ?)",

	/* The store itself: its version, and room that it can give back. */
	[SQL_VERSION] = "PRAGMA user_version",
	[SQL_FREE_PAGES] = "PRAGMA freelist_count",
	[SQL_SHRINK] = "PRAGMA incremental_vacuum(64)",

	/* Breakers and stopped accounts (forwarder/breaker.c). */
	[SQL_ENDPOINT_FIND] =
	    "SELECT fails, opened, probes, probe, fresh_probes, fresh_probe, gateway, outcome, "
	    "retries, top, began FROM endpoint WHERE url = ?",
	[SQL_ENDPOINT_PUT] =
	    "INSERT INTO endpoint (url, fails, opened, probes, probe, fresh_probes, fresh_probe, "
	    "gateway, outcome, retries, top, began) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
	    "CONFLICT (url) DO UPDATE SET fails = excluded.fails, opened = excluded.opened, probes "
	    "= excluded.probes, probe = excluded.probe, fresh_probes = excluded.fresh_probes, "
	    "fresh_probe = excluded.fresh_probe, gateway = excluded.gateway, outcome = "
	    "excluded.outcome, retries = excluded.retries, top = excluded.top, began = "
	    "excluded.began",
	[SQL_ENDPOINT_RESET] =
	    "UPDATE endpoint SET probe = 0, probes = 0, fresh_probe = 0, fresh_probes = 0 WHERE "
	    "url = ?",
	[SQL_STOP_FIND] = "SELECT " STOP_COLUMNS " FROM stopped WHERE account = ?",
	[SQL_STOP_ALL] = "SELECT " STOP_COLUMNS " FROM stopped",
	[SQL_STOP_PUT] =
	    "INSERT INTO stopped (account, config, since, outcome, refusals, probes, probe, "
	    "fresh_probes, fresh_probe) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account) "
	    "DO UPDATE SET config = excluded.config, since = excluded.since, outcome = "
	    "excluded.outcome, refusals = excluded.refusals, probes = excluded.probes, probe = "
	    "excluded.probe, fresh_probes = excluded.fresh_probes, fresh_probe = "
	    "excluded.fresh_probe",
	[SQL_STOP_DROP] = "DELETE FROM stopped WHERE account = ?",
	[SQL_STOP_RESET] = "DELETE FROM stopped WHERE ?1 IS NULL OR account = ?1",

	/* Access tokens (wechat/access_token.c, wechat/token_server.c). */
	[SQL_TOKEN_FIND] =
	    "SELECT token, fetched, expires, renew, fails, pause, day, calls, forced, forced_at, "
	    "why FROM token WHERE appid = ? AND config = ?",
	[SQL_TOKEN_PUT] =
	    "INSERT OR REPLACE INTO token (appid, config, token, fetched, expires, renew, fails, "
	    "pause, day, calls, forced, forced_at, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
	    "?, ?)",
	[SQL_TOKEN_SWEEP] = "DELETE FROM token WHERE day < ?",
	[SQL_HANDED_FIND] = "SELECT count FROM handed WHERE address = ? AND minute = ?",
	[SQL_HANDED_PUT] =
	    "INSERT INTO handed (address, minute, count) VALUES (?1, ?2, 1) ON CONFLICT (address) "
	    "DO UPDATE SET minute = ?2, count = CASE minute WHEN ?2 THEN count + 1 ELSE 1 END",
	[SQL_HANDED_SWEEP] = "DELETE FROM handed WHERE minute < ?",

	/* Events and devices (collector/event_store.c). */
	[SQL_ACCOUNT_SAME] =
	    "SELECT id FROM account WHERE appid = ? AND application = ? AND path = ? AND name = ?",
	[SQL_ACCOUNT_PUT] =
	    "INSERT INTO account (appid, application, path, name) VALUES (?, ?, ?, ?) ON CONFLICT "
	    "(appid, application) DO UPDATE SET path = coalesce(nullif(excluded.path, ''), path), "
	    "name = coalesce(nullif(excluded.name, ''), name)",
	[SQL_ACCOUNT_ID] = "SELECT id FROM account WHERE appid = ? AND application = ?",
	[SQL_DEVICE_PUT] =
	    "INSERT INTO device (application, device, first, last) VALUES (?, ?, ?, ?) ON CONFLICT "
	    "(application, device) DO UPDATE SET first = min(first, excluded.first), last = "
	    "max(last, excluded.last)",
	[SQL_DEVICE_ID] = "SELECT id FROM device WHERE application = ? AND device = ?",
	[SQL_DEVICE_SPAN] =
	    "SELECT id, first, last FROM device WHERE application = ? AND device = ?",
	[SQL_DEVICE_NEW] =
	    "INSERT INTO device (application, device, first, last) VALUES (?, ?, ?, ?) ON CONFLICT "
	    "(application, device) DO NOTHING",
	[SQL_DEVICE_BESIDE] =
	    "SELECT there.id FROM device JOIN device AS there ON there.application = "
	    "device.application AND there.device = ?2 WHERE device.id = ?1",
	[SQL_DEVICE_RENAME] = "UPDATE device SET device = ?2 WHERE id = ?1",
	[SQL_DEVICE_OF] =
	    "SELECT device.id FROM account JOIN device ON device.application = account.application "
	    "WHERE appid = ?1 AND device = ?2 AND device <> ?3 LIMIT 1",
	[SQL_EVENT_IS] = "SELECT 1 FROM event WHERE message = ?",
	[SQL_EVENT_GAP] =
	    "SELECT ?2 - coalesce((SELECT time FROM event WHERE device = ?1 AND time <= ?2 ORDER "
	    "BY time DESC, id DESC LIMIT 1), (SELECT max(last) FROM past WHERE device = ?1 AND "
	    "last <= ?2))",
	[SQL_EVENT_ADD] =
	    "INSERT OR IGNORE INTO event (account, device, code, time, gap, received, message, "
	    "part, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SQL_EVENT_SHORTEN] =
	    "UPDATE event SET gap = coalesce(min(gap, time - ?2), time - ?2) WHERE id = (SELECT id "
	    "FROM event WHERE device = ?1 AND time > ?2 ORDER BY time, id LIMIT 1)",
	[SQL_EVENT_FIRST] = "SELECT min(id) FROM event",
	[SQL_EVENT_HIGHEST] = "SELECT max(id) FROM event",
	[SQL_PAST_PUT] =
	    "INSERT INTO past (device, account, last) VALUES (?, ?, ?) ON CONFLICT (device, "
	    "account) DO UPDATE SET last = excluded.last WHERE excluded.last > past.last",
	[SQL_PAST_TURN] =
	    "UPDATE past SET turned = ?3, turn = ?4, follows = ?5 WHERE device = ?1 AND account = "
	    "?2 AND (turned IS NULL OR (turned, turn) < (?3, ?4))",
	[SQL_JOIN_EVENTS] = "UPDATE event SET device = ?2 WHERE device = ?1",
	[SQL_JOIN_PAST] =
	    "INSERT INTO past (device, account, last, turned, turn, follows) SELECT ?2, account, "
	    "last, turned, turn, follows FROM past WHERE device = ?1 ON CONFLICT (device, account) "
	    "DO UPDATE SET last = max(last, excluded.last), turned = iif(" NEWER ", "
	    "excluded.turned, turned), turn = iif(" NEWER ", excluded.turn, turn), follows = iif("
	    NEWER ", excluded.follows, follows)",
	[SQL_JOIN_PAST_DROP] = "DELETE FROM past WHERE device = ?1",
	[SQL_JOIN_DEVICE] =
	    "UPDATE device SET first = min(device.first, gone.first), last = max(device.last, "
	    "gone.last) FROM (SELECT first, last FROM device WHERE id = ?1) AS gone WHERE "
	    "device.id = ?2",
	[SQL_JOIN_DEVICE_DROP] = "DELETE FROM device WHERE id = ?1",
	[SQL_JOIN_GAPS] =
	    "UPDATE event SET gap = coalesce(min(gap, since), gap, since) FROM (SELECT id, time - "
	    "coalesce(lag(time) OVER (ORDER BY time, id), (SELECT max(last) FROM past WHERE "
	    "past.device = ?1 AND past.last <= event.time)) AS since FROM event WHERE device = ?1) "
	    "AS joined WHERE event.id = joined.id",
	[SQL_FORGOTTEN_DAY] = "SELECT before FROM forgotten",
	[SQL_FORGOTTEN_PUT] =
	    "INSERT INTO forgotten (id, before) SELECT 1, min(?1, day) - ?2 FROM (SELECT day FROM "
	    "event INDEXED BY event_day ORDER BY day DESC LIMIT 1) WHERE true ON CONFLICT (id) DO "
	    "UPDATE SET before = excluded.before WHERE excluded.before > forgotten.before",
	[SQL_FORGET_KEYS_FIND] =
	    "SELECT id, device, account, time, code FROM event WHERE id IN (" BY_KEY ")",
	[SQL_FORGET_KEYS] = "DELETE FROM event WHERE id IN (" BY_KEY ")",
	[SQL_FORGET_DAYS_FIND] =
	    "SELECT id, device, account, time, code FROM event WHERE id IN (" BY_DAY ")",
	[SQL_FORGET_DAYS] = "DELETE FROM event WHERE id IN (" BY_DAY ")",

	/* UnionIDs (collector/unionid.c). */
	[SQL_UNIONID_FIND] = "SELECT unionid FROM unionid WHERE appid = ? AND openid = ?",
	[SQL_UNIONID_HOLD] = "SELECT unionid FROM unionid WHERE appid = ? AND openid = ?",
	[SQL_UNIONID_PUT] =
	    "INSERT INTO unionid (appid, openid, unionid) VALUES (?, ?, ?) ON CONFLICT (appid, "
	    "openid) DO UPDATE SET unionid = excluded.unionid WHERE unionid = ''",
	[SQL_UNIONID_MARK] =
	    "INSERT OR IGNORE INTO unionid (appid, openid, unionid) VALUES (?, ?, '')",

	/*
	 * Followers (collector/follower_store.c, cli/cmd_followers.c).  The third value of FOLLOW,
	 * UNFOLLOW and ADD is 1 if the account counts by UnionID.
	 */
	[SQL_FOLLOWER_FOLLOW] =
	    "INSERT INTO follower (appid, openid, device, subscribe_time, seen_at, asked_at, "
	    "followed_at) VALUES (?1, ?2, coalesce((SELECT nullif(unionid, '') FROM unionid "
	    "WHERE ?3 = 1 AND unionid.appid = ?1 AND unionid.openid = ?2), ?2), ?4, 0, -1, "
	    "?4) ON CONFLICT (appid, openid) DO UPDATE SET followed_at = "
	    "max(coalesce(follower.followed_at, ?4), ?4), asked_at = CASE WHEN ?4 > "
	    "coalesce(follower.subscribe_time, 0) AND ?4 >= coalesce(follower.gone_at, 0) "
	    "THEN -1 ELSE follower.asked_at END, subscribe_time = CASE WHEN ?4 > "
	    "coalesce(follower.subscribe_time, 0) AND ?4 >= coalesce(follower.gone_at, 0) "
	    "THEN ?4 ELSE follower.subscribe_time END, gone_at = CASE WHEN ?4 >= "
	    "follower.gone_at THEN NULL ELSE follower.gone_at END",
	[SQL_FOLLOWER_UNFOLLOW] =
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at, gone_at, "
	    "unfollowed_at) VALUES (?1, ?2, coalesce((SELECT nullif(unionid, '') FROM "
	    "unionid WHERE ?3 = 1 AND unionid.appid = ?1 AND unionid.openid = ?2), ?2), 0, "
	    "0, ?4, ?4) ON CONFLICT (appid, openid) DO UPDATE SET unfollowed_at = "
	    "max(coalesce(follower.unfollowed_at, ?4), ?4), asked_at = CASE WHEN ?4 < "
	    "follower.seen_at THEN -1 ELSE follower.asked_at END, gone_at = CASE WHEN "
	    "follower.gone_at IS NULL AND ?4 >= follower.seen_at AND ?4 >= "
	    "coalesce(follower.subscribe_time, 0) AND ?4 >= coalesce(follower.followed_at, "
	    "0) THEN ?4 ELSE follower.gone_at END",
	[SQL_FOLLOWER_SINCE] =
	    "INSERT INTO follower_pull (appid, since) VALUES (?1, ?2) ON CONFLICT (appid) DO "
	    "UPDATE SET since = ?2 WHERE follower_pull.since = 0",
	[SQL_FOLLOWER_PULL] =
	    "SELECT state, began, listed, total, ended, followers, since, pause, errcode, "
	    "fails, cursor FROM follower_pull WHERE appid = ?1",
	[SQL_FOLLOWER_PULL_BEGIN] =
	    "INSERT INTO follower_pull (appid, state, began) VALUES (?1, 1, ?2) ON CONFLICT "
	    "(appid) DO UPDATE SET state = 1, began = ?2, cursor = '', listed = 0",
	[SQL_FOLLOWER_PULL_PAGE] =
	    "UPDATE follower_pull SET state = ?1, cursor = ?2, listed = listed + ?3, total = "
	    "?4 WHERE appid = ?5",
	[SQL_FOLLOWER_PULL_STEP] = "UPDATE follower_pull SET cursor = ?1 WHERE appid = ?2",
	[SQL_FOLLOWER_PULL_LISTED] =
	    "UPDATE follower_pull SET state = 3, cursor = '', ended = ?1, followers = total "
	    "WHERE appid = ?2",
	[SQL_FOLLOWER_PULL_END] =
	    "UPDATE follower_pull SET state = 0 WHERE appid = ?1 AND state = 3",
	[SQL_FOLLOWER_PULL_PAUSE] =
	    "INSERT INTO follower_pull (appid, pause, errcode, fails) VALUES (?1, ?2, ?3, "
	    "?4) ON CONFLICT (appid) DO UPDATE SET pause = ?2, errcode = ?3, fails = ?4",
	[SQL_FOLLOWER_ADD] =
	    "INSERT INTO follower (appid, openid, device, seen_at, asked_at) SELECT ?1, "
	    "listed.value, coalesce((SELECT nullif(unionid, '') FROM unionid WHERE ?3 = 1 AND "
	    "unionid.appid = ?1 AND unionid.openid = listed.value), listed.value), ?4, 0 FROM "
	    "json_each(?2) AS listed WHERE true ON CONFLICT (appid, openid) DO NOTHING",
	[SQL_FOLLOWER_SEEN] =
	    "UPDATE follower SET seen_at = ?1 WHERE appid = ?2 AND openid IN (SELECT value FROM "
	    "json_each(?3))",
	[SQL_FOLLOWER_BACK] =
	    "UPDATE follower SET gone_at = NULL, asked_at = 0 WHERE appid = ?1 AND openid IN "
	    "(SELECT value FROM json_each(?2)) AND gone_at < ?3",
	[SQL_FOLLOWER_STEP] =
	    "SELECT openid FROM follower WHERE appid = ?1 AND openid > ?2 ORDER BY openid "
	    "LIMIT 1 OFFSET ?3",
	[SQL_FOLLOWER_GONE] =
	    "UPDATE follower SET gone_at = ?3 WHERE appid = ?1 AND openid > ?2 AND openid <= ?5 "
	    "AND gone_at IS NULL AND seen_at < ?3 AND coalesce(followed_at, 0) < ?4",
	[SQL_FOLLOWER_AGAIN] =
	    "UPDATE follower SET asked_at = 0 WHERE appid = ?1 AND openid > ?2 AND openid <= ?4 "
	    "AND gone_at IS NULL AND asked_at > ?3",
	[SQL_FOLLOWER_COUNT_DUE] =
	    "SELECT count(*) FROM follower WHERE appid = ?1 AND asked_at < ?2 AND gone_at IS "
	    "NULL",
	[SQL_FOLLOWER_DUE] =
	    "SELECT openid FROM follower WHERE appid = ?1 AND asked_at < ?2 AND gone_at IS "
	    "NULL ORDER BY asked_at, openid LIMIT ?3",
	[SQL_FOLLOWER_TOLD] =
	    "UPDATE follower SET unionid = ?3, device = ?4, subscribe_time = coalesce(?5, "
	    "subscribe_time), scene = ?6, qr_scene = ?7, qr_scene_str = ?8, language = ?9, "
	    "tags = ?10, remark = ?11, asked_at = CASE WHEN followed_at > ?12 AND "
	    "followed_at <= ?13 THEN asked_at ELSE ?12 END, gone_at = CASE WHEN gone_at >= "
	    "?12 THEN gone_at END WHERE appid = ?1 AND openid = ?2",
	[SQL_FOLLOWER_TOLD_GONE] =
	    "UPDATE follower SET gone_at = ?3, asked_at = ?3 WHERE appid = ?1 AND openid = "
	    "?2 AND gone_at IS NULL",
	[SQL_FOLLOWER_ASKED] =
	    "UPDATE follower SET asked_at = ?3 WHERE appid = ?1 AND openid = ?2 AND asked_at "
	    "< ?3 AND (followed_at IS NULL OR followed_at <= ?3 OR followed_at > ?4)",
	[SQL_FOLLOWER_DEVICE] =
	    "UPDATE follower SET device = ?1 WHERE appid = ?2 AND openid = ?3",
	[SQL_FOLLOWER_COUNTS] =
	    "SELECT count(CASE WHEN gone_at IS NULL THEN 1 END), count(gone_at), count(CASE "
	    "WHEN gone_at IS NULL AND subscribe_time >= ?2 AND coalesce(followed_at, 0) < "
	    "subscribe_time - ?3 THEN 1 END), count(CASE WHEN gone_at >= ?2 AND (seen_at >= "
	    "?2 OR followed_at IS NOT NULL) AND coalesce(unfollowed_at, 0) < "
	    "max(coalesce(subscribe_time, 1), coalesce(followed_at, 1)) THEN 1 END) FROM "
	    "follower WHERE appid = ?1",
	[SQL_FOLLOWER_NET] =
	    "SELECT sum(CASE code WHEN '$$_official_account_follow' THEN 1 ELSE -1 END) FROM "
	    "event WHERE code IN ('$$_official_account_follow', "
	    "'$$_official_account_unfollow') AND account IN (SELECT id FROM account WHERE "
	    "appid = ?1 AND application = ?2)",
	[SQL_FOLLOWER_SCENES] =
	    "SELECT scene, coalesce(qr_scene_str, CAST(qr_scene AS TEXT)), count(*) FROM "
	    "follower WHERE appid = ?1 AND gone_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, "
	    "2 LIMIT ?2",
	[SQL_FOLLOWER_TAGS] =
	    "SELECT tags, count(*) FROM follower WHERE appid = ?1 AND gone_at IS NULL AND "
	    "tags IS NOT NULL GROUP BY tags",
	[SQL_FOLLOWER_EXPORT] =
	    "SELECT openid, unionid, subscribe_time, scene, qr_scene, qr_scene_str, "
	    "language, tags, remark, seen_at, asked_at, gone_at, followed_at, unfollowed_at "
	    "FROM follower WHERE appid = ?1 AND openid > ?2 AND (?3 = 1 OR gone_at IS NULL) "
	    "ORDER BY openid LIMIT ?4",

	/* Users who are forgotten (collector/erased.c, collector/forget.c). */
	[SQL_MESSAGE_LEAVES] =
	    "DELETE FROM message WHERE id = ? AND key = ? AND id IN (SELECT message FROM leaving)",
	[SQL_MESSAGE_REMOVE] = "DELETE FROM message WHERE id = ?",
	[SQL_ERASED_ANY] = "SELECT 1 FROM erased LIMIT 1",
	[SQL_ERASED_ALL] = "SELECT name, until FROM erased ORDER BY name",
	[SQL_ERASED_FIND] = "SELECT device FROM erased WHERE name = ? AND until >= ?",
	[SQL_ERASED_DEVICE] = "UPDATE erased SET device = ? WHERE name = ?",
	[SQL_ERASED_PUT] =
	    "INSERT INTO erased (name, device, until) VALUES (?, ?, ?) ON CONFLICT (name) DO "
	    "UPDATE SET device = coalesce(excluded.device, erased.device), until = "
	    "max(excluded.until, erased.until)",
	[SQL_ERASED_SWEEP] = "DELETE FROM erased WHERE until < ?",
	[SQL_DEVICE_WIDEN] =
	    "UPDATE device SET first = min(first, ?2), last = max(last, ?3) WHERE id = ?1",
	[SQL_DEVICE_HIGHEST] = "SELECT max(id) FROM device",
	[SQL_DEVICE_ADD] =
	    "INSERT INTO device (application, device, first, last) VALUES (?, ?, ?, ?)",
	[SQL_USER_NAMES] =
	    PAIRS "SELECT openid, unionid FROM pair WHERE (?2 IS NULL OR appid = ?2) AND "
	    "(openid = ?1 OR (unionid <> '' AND unionid IN (SELECT unionid FROM pair WHERE "
	    "(openid = ?1 OR unionid = ?1) AND (?2 IS NULL OR appid = ?2))))",
	[SQL_USER_APPLICATIONS] =
	    "SELECT DISTINCT application FROM account WHERE ?1 IS NULL OR appid = ?1",
	[SQL_USER_EVENTS] = "SELECT id FROM event WHERE device = ?",
	[SQL_USER_ATTRIBUTES] = "SELECT attributes FROM event WHERE id = ?",
	[SQL_USER_STRIP] = "UPDATE event SET attributes = ? WHERE id = ?",
	[SQL_USER_REST] =
	    "SELECT (SELECT count(*) FROM event WHERE device = ?1) + (SELECT count(*) FROM past "
	    "WHERE device = ?1) - (SELECT count(*) FROM event WHERE device = ?1 AND (?3 IS NULL "
	    "OR account IN (SELECT id FROM account WHERE appid = ?3)) AND time <= ?2) - (SELECT "
	    "count(*) FROM past WHERE device = ?1 AND (?3 IS NULL OR account IN (SELECT id FROM "
	    "account WHERE appid = ?3)))",
	[SQL_USER_SPAN] = "SELECT first, last FROM device WHERE id = ?",
	[SQL_USER_PART_EVENTS] =
	    "UPDATE event SET device = ?4 WHERE device = ?1 AND (?3 IS NULL OR account IN (SELECT "
	    "id FROM account WHERE appid = ?3)) AND time <= ?2",
	[SQL_USER_PART_PAST] =
	    "UPDATE past SET device = ?2 WHERE device = ?1 AND (?3 IS NULL OR account IN (SELECT "
	    "id FROM account WHERE appid = ?3))",
	[SQL_USER_PART_DEVICE] =
	    "UPDATE device SET first = (SELECT min(time) FROM event WHERE device = ?1) WHERE id = "
	    "?1 AND EXISTS (SELECT 1 FROM event WHERE device = ?1) AND NOT EXISTS (SELECT 1 FROM "
	    "past WHERE device = ?1) AND NOT EXISTS (SELECT 1 FROM event WHERE device = ?1 AND "
	    "time <= ?2)",
	[SQL_USER_UNIONID] = "DELETE FROM unionid WHERE appid = ? AND openid = ?",
	[SQL_USER_UNIONIDS] = "DELETE FROM unionid WHERE openid = ?1 OR unionid = ?1",
	[SQL_USER_FOLLOWER] =
	    "DELETE FROM follower WHERE (?2 IS NULL OR appid = ?2) AND (openid = ?1 OR "
	    "unionid = ?1 OR device = ?1)",
	[SQL_USER_LEFT] =
	    "SELECT name, rows FROM (SELECT 'device' AS name, count(*) AS rows FROM device WHERE "
	    "device = ?1 UNION ALL SELECT 'follower', count(*) FROM follower WHERE openid = ?1 OR "
	    "unionid = ?1 OR device = ?1 UNION ALL SELECT 'unionid', count(*) FROM unionid WHERE "
	    "openid = ?1 OR unionid = ?1 UNION ALL SELECT 'qrcode', count(*) FROM qrcode WHERE "
	    "replace(name || scene, ?1, '') <> name || scene) AS found WHERE rows <> 0 "
	    "ORDER BY name",
	[SQL_USER_MESSAGES] =
	    "SELECT id, account, state, query, body FROM message WHERE id > ? ORDER BY id LIMIT ?",
	[SQL_USER_MENTIONS_END] =
	    "SELECT max(id) FROM (SELECT id FROM event WHERE id > ? ORDER BY id LIMIT ?) AS part",
	[SQL_USER_MENTIONS] =
	    "UPDATE event SET attributes = replace(attributes, ?3, 'forgotten') WHERE id > ?1 AND "
	    "id <= ?2 AND attributes LIKE '%' || replace(?3, '_', '!_') || '%' ESCAPE '!'",
	[SQL_LEAVING_PUT] = "INSERT OR IGNORE INTO leaving (message) VALUES (?)",
	[SQL_LEAVING_SWEEP] = "DELETE FROM leaving WHERE message NOT IN (SELECT id FROM message)",
	[SQL_DEPARTED_PUT] =
	    "INSERT INTO departed (at, since, until, appid, name) VALUES (?, ?, ?, ?, ?)",
	[SQL_DEPARTED_NEXT] =
	    "SELECT id, until, appid, name FROM departed WHERE at = -1 AND since <= ? - ? ORDER BY "
	    "id LIMIT 1",
	[SQL_DEPARTED_DROP] = "DELETE FROM departed WHERE id = ?",
	[SQL_DEPARTED_LEAST] = "SELECT min(at) FROM departed WHERE at >= 0",
	[SQL_DEPARTED_NAMES] = "SELECT name FROM departed WHERE at = ?",
	[SQL_DEPARTED_MOVE] = "UPDATE departed SET at = ?2 WHERE at = ?1",
	[SQL_DEPARTED_DONE] = "DELETE FROM departed WHERE at = ?",

	/* QR codes with a name (wechat/qrcode.c, cli/cmd_qrcode.c). */
	[SQL_QRCODE_FIND] =
	    "SELECT scene, ticket, url, made, expires FROM qrcode WHERE appid = ? AND name = ?",
	[SQL_QRCODE_OWNER] =
	    "SELECT name FROM qrcode WHERE appid = ? AND scene = ? AND name <> ? LIMIT 1",
	[SQL_QRCODE_PUT] =
	    "INSERT INTO qrcode (appid, name, scene, ticket, url, made, expires) VALUES (?, ?, ?, "
	    "?, ?, ?, ?) ON CONFLICT (appid, name) DO UPDATE SET scene = excluded.scene, ticket = "
	    "excluded.ticket, url = excluded.url, made = excluded.made, expires = "
	    "excluded.expires",
	[SQL_QRCODE_LIST] =
	    "WITH uses (appid, scene, follows, scans) AS (SELECT appid, item, sum(CASE code WHEN "
	    "'$$_official_account_follow' THEN 1 ELSE 0 END), sum(CASE code WHEN "
	    "'$$_scan_open_official_account' THEN 1 ELSE 0 END) FROM event JOIN account ON "
	    "account.id = event.account WHERE code IN ('$$_official_account_follow', "
	    "'$$_scan_open_official_account') GROUP BY appid, item) SELECT coalesce((SELECT "
	    "min(path) FROM account WHERE account.appid = qrcode.appid), qrcode.appid) AS account, "
	    "name, qrcode.scene, coalesce(follows, 0) AS follows, coalesce(scans, 0) AS scans, "
	    "made, nullif(expires, 0) AS until, url, ticket FROM qrcode LEFT JOIN uses ON "
	    "uses.appid = qrcode.appid AND uses.scene = qrcode.scene WHERE (?1 IS NULL OR "
	    "qrcode.appid = ?1) AND (?2 IS NULL OR name = ?2) ORDER BY 1, follows DESC, scans "
	    "DESC, name",

	/* WeChat's statistics (wechat/datacube/, cli/cmd_datacube.c, cli/cmd_reconcile.c). */
	[SQL_DATACUBE_COLUMNS] =
	    "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c "
	    "WHERE t.type = 'table' AND t.name LIKE 'datacube!_%' ESCAPE '!'",
	[SQL_DATACUBE_HAS_TABLES] =
	    "SELECT count(*) FROM sqlite_schema WHERE name IN ('datacube_day', 'datacube_pause', "
	    "'datacube_page')",
	[SQL_DATACUBE_FIRST] =
	    "SELECT min(day) FROM datacube_day WHERE appid = ? AND endpoint = ?",
	[SQL_DATACUBE_KNOWN] =
	    "SELECT day, asked, rows, times, delayed FROM datacube_day WHERE appid = ? AND "
	    "endpoint = ? AND day BETWEEN ? AND ?",
	[SQL_DATACUBE_WITH_ROWS] =
	    "SELECT day FROM datacube_day WHERE appid = ? AND endpoint = ? AND day BETWEEN ? AND ? "
	    "AND rows > 0",
	[SQL_DATACUBE_SPAN_OF] =
	    "SELECT min(day), max(day), count(*), sum(rows) FROM datacube_day WHERE appid = ? AND "
	    "endpoint = ?",
	[SQL_DATACUBE_SPAN] = "SELECT min(day), max(day) FROM datacube_day WHERE endpoint = ?",
	[SQL_DATACUBE_LAST] =
	    "SELECT max(day) FROM datacube_day WHERE appid = ? AND endpoint = ? AND rows > 0",
	[SQL_DATACUBE_CALLS_BY_HOUR] =
	    "SELECT ref_date, ref_hour / 100, callback_count, fail_count FROM "
	    "datacube_getinterfacesummaryhour WHERE appid = ? AND ref_date BETWEEN ? AND ?",
	[SQL_DATACUBE_CALLS] =
	    "SELECT ref_date, 0, callback_count, fail_count FROM datacube_getinterfacesummary "
	    "WHERE appid = ? AND ref_date BETWEEN ? AND ?",
	[SQL_DATACUBE_DAY_PUT] =
	    "INSERT INTO datacube_day (appid, endpoint, day, asked, rows, times, delayed) VALUES "
	    "(?, ?, ?, ?, ?, 1, ?) ON CONFLICT (appid, endpoint, day) DO UPDATE SET asked = "
	    "excluded.asked, rows = excluded.rows, times = times + 1, delayed = excluded.delayed",
	[SQL_DATACUBE_PAGES] =
	    "SELECT body FROM datacube_page WHERE appid = ? AND endpoint = ? AND page < ? ORDER "
	    "BY page",
	[SQL_DATACUBE_PAGE_OLD] =
	    "DELETE FROM datacube_page WHERE appid = ? AND endpoint = ? AND (begin <> ? OR end <> "
	    "? OR asked < ?)",
	[SQL_DATACUBE_PAGE_LAST] =
	    "SELECT max(page) FROM datacube_page WHERE appid = ? AND endpoint = ?",
	[SQL_DATACUBE_PAGE_PUT] =
	    "INSERT OR REPLACE INTO datacube_page (appid, endpoint, page, begin, end, asked, body) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?)",
	[SQL_DATACUBE_PAGE_DROP] = "DELETE FROM datacube_page WHERE appid = ? AND endpoint = ?",
	[SQL_DATACUBE_PAUSE_PUT] =
	    "INSERT OR REPLACE INTO datacube_pause (appid, endpoint, since, until, errcode) VALUES "
	    "(?, ?, ?, ?, ?)",
	[SQL_DATACUBE_PAUSE_FIND] =
	    "SELECT since, until, errcode FROM datacube_pause WHERE appid = ?1 AND endpoint = ?2 "
	    "AND until > ?3 AND since <= ?4",
	[SQL_DATACUBE_PAUSE_DROP] = "DELETE FROM datacube_pause WHERE appid = ? AND endpoint = ?",

	/* What is taken over from quarantine: rows by id (column 0), from the id `?` on. */
	[SQL_RECOVER_MESSAGES] =
	    "SELECT id, key, account, code, received, state, attempts, next, outcome, query, body "
	    "FROM message NOT INDEXED WHERE id >= ? AND state IN ('pending', 'dead') ORDER BY id",
	[SQL_RECOVER_EVENTS] =
	    "SELECT event.id, appid, account.application, path, name, device.device, code, time, "
	    "received, message, part, attributes, gap, first FROM event NOT INDEXED JOIN account "
	    "ON account.id = event.account JOIN device ON device.id = event.device WHERE event.id "
	    ">= ? AND json_valid(attributes) ORDER BY event.id",
	[SQL_RECOVER_PAST] =
	    "SELECT past.id, appid, account.application, path, name, device.device, first, "
	    "past.last, turned, turn, follows FROM past NOT INDEXED JOIN account ON account.id = "
	    "past.account JOIN device ON device.id = past.device WHERE past.id >= ? ORDER BY "
	    "past.id",
	[SQL_RECOVER_MARKS] =
	    "SELECT device.id, account.appid, device.device, device.application, last FROM device "
	    "NOT INDEXED JOIN account ON account.application = device.application JOIN unionid ON "
	    "unionid.appid = account.appid AND openid = device.device AND unionid = '' WHERE "
	    "device.id >= ? ORDER BY device.id",

	/* What moves between two stores (collector/migrate.c). */
	[SQL_MIGRATE_COUNTS] = MIGRATE_COUNTS,
	[SQL_MIGRATE_MESSAGE_TAKE] =
	    MIGRATE_MESSAGE_TAKE " RETURNING " MIGRATE_MESSAGE_COLUMNS ", EXISTS (SELECT 1 FROM "
	    "leaving WHERE leaving.message = message.id)",
	[SQL_MIGRATE_ACCOUNTS] = MIGRATE_ACCOUNTS,
	/* Writes nothing where the device has that span already. */
	[SQL_MIGRATE_SPAN_PUT] =
	    "INSERT INTO device AS d (application, device, first, last) VALUES (?, ?, ?, ?) ON "
	    "CONFLICT (application, device) DO UPDATE SET first = min(d.first, excluded.first), "
	    "last = max(d.last, excluded.last) WHERE excluded.first < d.first OR excluded.last > "
	    "d.last",
	/* Of an account and a device that are there: NULL is refused. */
	[SQL_MIGRATE_EVENT_PUT] =
	    "INSERT INTO event (account, device, code, time, gap, received, message, part, "
	    "attributes) SELECT a, d, ?4, ?5, coalesce(min(known, ?6), known, ?6), ?7, ?8, ?9, ?10 "
	    "FROM (SELECT a, d, ?5 - coalesce((SELECT time FROM event WHERE device = d AND time <= "
	    "?5 ORDER BY time DESC, id DESC LIMIT 1), (SELECT max(last) FROM past WHERE device = d "
	    "AND last <= ?5)) AS known FROM (SELECT (SELECT id FROM account WHERE appid = ?1 AND "
	    "application = ?2) AS a, (SELECT id FROM device WHERE application = ?2 AND device = "
	    "?3) AS d)) WHERE true ON CONFLICT (message, part) DO NOTHING",
	[SQL_MIGRATE_SHORTEN] =
	    "UPDATE event SET gap = coalesce(min(gap, time - ?3), time - ?3) WHERE id = (SELECT id "
	    "FROM event WHERE device = (SELECT id FROM device WHERE application = ?1 AND device = "
	    "?2) AND time > ?3 ORDER BY time, id LIMIT 1)",
	[SQL_MIGRATE_EVENT_TAKE] =
	    MIGRATE_EVENT_TAKE " RETURNING id, " OF_ACCOUNT("event", "appid") ", "
	    OF_ACCOUNT("event", "application") ", " OF_ACCOUNT("event", "path") ", "
	    OF_ACCOUNT("event", "name") ", " OF_DEVICE("event", "device") ", code, time, received, "
	    "message, part, CASE WHEN json_valid(attributes) THEN attributes ELSE '{}' END, gap, "
	    OF_DEVICE("event", "first") ", " OF_DEVICE("event", "last"),
	[SQL_MIGRATE_PAST_TAKE] =
	    MIGRATE_PAST_TAKE " RETURNING id, " OF_ACCOUNT("past", "appid") ", "
	    OF_ACCOUNT("past", "application") ", " OF_ACCOUNT("past", "path") ", "
	    OF_ACCOUNT("past", "name") ", " OF_DEVICE("past", "device") ", "
	    OF_DEVICE("past", "first") ", last, turned, turn, follows",
	[SQL_MIGRATE_PAST_PUT] =
	    "INSERT INTO past (device, account, last, turned, turn, follows) SELECT (SELECT id "
	    "FROM device WHERE application = ?2 AND device = ?3), (SELECT id FROM account WHERE "
	    "appid = ?1 AND application = ?2), max(?4, coalesce(?5, ?4)), ?5, ?6, ?7 WHERE true "
	    "ON CONFLICT (device, account) DO UPDATE SET last = max(last, excluded.last), turned "
	    "= iif(" NEWER ", excluded.turned, turned), turn = iif(" NEWER ", excluded.turn, "
	    "turn), follows = iif(" NEWER ", excluded.follows, follows)",
	[SQL_MIGRATE_FOLLOWER_PUT] = MIGRATE_FOLLOWER_PUT("max"),
	MIGRATE_ALIKE
};
