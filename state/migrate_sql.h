/*
 * migrate_sql.h: statements of collector/migrate.h that both back ends have with the same words.  A
 * number behind `$` is a parameter in both; SQLite numbers them as they first appear, so they must
 * appear in their order.  They delete rows of one store, up to $1 of them, and
 * give what the other store needs; or they put such a row into a store that may have it.
 */
#ifndef STATE_MIGRATE_SQL_H
#define STATE_MIGRATE_SQL_H

/* How many rows there are, in the order of migrate_names. */
#define MIGRATE_COUNTS \
	"SELECT 0, count(*) FROM message UNION ALL SELECT 1, count(*) FROM departed UNION ALL " \
	"SELECT 2, count(*) FROM event UNION ALL SELECT 3, count(*) FROM past UNION ALL " \
	"SELECT 4, count(*) FROM erased UNION ALL SELECT 5, count(*) FROM device UNION ALL " \
	"SELECT 6, count(*) FROM unionid UNION ALL SELECT 7, count(*) FROM follower UNION ALL " \
	"SELECT 8, count(*) FROM follower_pull UNION ALL SELECT 9, count(*) FROM account " \
	"UNION ALL SELECT 10, count(*) FROM qrcode UNION ALL SELECT 11, count(*) FROM token " \
	"UNION ALL SELECT 12, count(*) FROM stopped UNION ALL SELECT 13, count(*) FROM endpoint"

#define MIGRATE_FORGOTTEN_PUT \
	"INSERT INTO forgotten (id, before) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET before " \
	"= excluded.before WHERE excluded.before > forgotten.before"
#define MIGRATE_FORGOTTEN_TAKE	"DELETE FROM forgotten RETURNING before"

/* The columns in the order in which SQL_MESSAGE_ADD takes them. */
#define MIGRATE_MESSAGE_COLUMNS \
	"key, account, code, received, state, attempts, unread, next, outcome, qt_ms, query, body"
#define MIGRATE_MESSAGE_TAKE \
	"DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT $1)"
#define MIGRATE_LEAVING_PUT \
	"INSERT INTO leaving (message) SELECT id FROM message WHERE key = $1 ON CONFLICT " \
	"(message) DO NOTHING"

#define MIGRATE_DEPARTED_TAKE \
	"DELETE FROM departed WHERE id IN (SELECT id FROM departed ORDER BY id LIMIT $1) " \
	"RETURNING since, until, appid, name"
#define MIGRATE_DEPARTED_PUT \
	"INSERT INTO departed (at, since, until, appid, name) SELECT -1, CAST($1 AS bigint), " \
	"CAST($2 AS bigint), CAST($3 AS text), CAST($4 AS text) WHERE NOT EXISTS (SELECT 1 FROM " \
	"departed WHERE until = CAST($2 AS bigint) AND appid = CAST($3 AS text) AND name = " \
	"CAST($4 AS text))"

#define MIGRATE_EVENT_TAKE \
	"DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT $1)"
#define MIGRATE_ACCOUNTS	"SELECT appid, application, path, name FROM account"
#define MIGRATE_PAST_TAKE \
	"DELETE FROM past WHERE id IN (SELECT id FROM past ORDER BY id LIMIT $1)"

#define MIGRATE_ERASED_TAKE \
	"DELETE FROM erased WHERE name IN (SELECT name FROM erased ORDER BY name LIMIT $1) " \
	"RETURNING name, until, (SELECT device.application FROM device WHERE device.id = " \
	"erased.device), (SELECT device.device FROM device WHERE device.id = erased.device), " \
	"(SELECT device.first FROM device WHERE device.id = erased.device), (SELECT device.last " \
	"FROM device WHERE device.id = erased.device)"

/* Only those without an event: a process may go on to count in the store. */
#define MIGRATE_DEVICE_TAKE \
	"DELETE FROM device WHERE id IN (SELECT id FROM device WHERE NOT EXISTS (SELECT 1 FROM " \
	"event WHERE event.device = device.id) AND NOT EXISTS (SELECT 1 FROM past WHERE " \
	"past.device = device.id) ORDER BY id LIMIT $1) RETURNING id, application, device, " \
	"first, last"
#define MIGRATE_ACCOUNT_TAKE \
	"DELETE FROM account WHERE id IN (SELECT id FROM account WHERE NOT EXISTS (SELECT 1 FROM " \
	"event WHERE event.account = account.id) AND NOT EXISTS (SELECT 1 FROM past WHERE " \
	"past.account = account.id) ORDER BY id LIMIT $1) RETURNING appid, application, path, name"

#define MIGRATE_UNIONID_TAKE \
	"DELETE FROM unionid WHERE (appid, openid) IN (SELECT appid, openid FROM unionid ORDER " \
	"BY appid, openid LIMIT $1) RETURNING appid, openid, unionid, (SELECT min(application) " \
	"FROM account WHERE account.appid = unionid.appid)"

#define MIGRATE_FOLLOWER_COLUMNS \
	"appid, openid, device, unionid, subscribe_time, scene, qr_scene, qr_scene_str, " \
	"language, tags, remark, seen_at, asked_at, gone_at, followed_at, unfollowed_at"
#define MIGRATE_FOLLOWER_TAKE \
	"DELETE FROM follower WHERE (appid, openid) IN (SELECT appid, openid FROM follower ORDER " \
	"BY appid, openid LIMIT $1) RETURNING " MIGRATE_FOLLOWER_COLUMNS ", (SELECT " \
	"min(application) FROM account WHERE account.appid = follower.appid)"
/* The row of which something is known last.  most: the dialect's word for the largest of some. */
#define MIGRATE_FOLLOWER_KNOWN(most, row) \
	most "(" row ".seen_at, " row ".asked_at, coalesce(" row ".gone_at, 0), coalesce(" row \
	".followed_at, 0), coalesce(" row ".unfollowed_at, 0))"
#define MIGRATE_FOLLOWER_PUT(most) \
	"INSERT INTO follower (" MIGRATE_FOLLOWER_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, " \
	"$8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (appid, openid) DO UPDATE SET " \
	"device = excluded.device, unionid = excluded.unionid, subscribe_time = " \
	"excluded.subscribe_time, scene = excluded.scene, qr_scene = excluded.qr_scene, " \
	"qr_scene_str = excluded.qr_scene_str, language = excluded.language, tags = " \
	"excluded.tags, remark = excluded.remark, seen_at = excluded.seen_at, asked_at = " \
	"excluded.asked_at, gone_at = excluded.gone_at, followed_at = excluded.followed_at, " \
	"unfollowed_at = excluded.unfollowed_at WHERE " \
	MIGRATE_FOLLOWER_KNOWN(most, "excluded") " > " MIGRATE_FOLLOWER_KNOWN(most, "follower")

#define MIGRATE_PULL_COLUMNS \
	"appid, state, began, cursor, listed, total, ended, followers, since, pause, errcode, fails"
#define MIGRATE_PULL_TAKE \
	"DELETE FROM follower_pull WHERE appid IN (SELECT appid FROM follower_pull ORDER BY " \
	"appid LIMIT $1) RETURNING " MIGRATE_PULL_COLUMNS
#define MIGRATE_PULL_PUT \
	"INSERT INTO follower_pull (" MIGRATE_PULL_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, " \
	"$7, $8, $9, $10, $11, $12) ON CONFLICT (appid) DO UPDATE SET state = excluded.state, " \
	"began = excluded.began, cursor = excluded.cursor, listed = excluded.listed, total = " \
	"excluded.total, ended = excluded.ended, followers = excluded.followers, since = " \
	"excluded.since, pause = excluded.pause, errcode = excluded.errcode, fails = " \
	"excluded.fails WHERE excluded.began > follower_pull.began"

#define MIGRATE_QRCODE_COLUMNS	"appid, name, scene, ticket, url, made, expires"
#define MIGRATE_QRCODE_TAKE \
	"DELETE FROM qrcode WHERE (appid, name) IN (SELECT appid, name FROM qrcode ORDER BY " \
	"appid, name LIMIT $1) RETURNING " MIGRATE_QRCODE_COLUMNS
#define MIGRATE_QRCODE_PUT \
	"INSERT INTO qrcode (" MIGRATE_QRCODE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON " \
	"CONFLICT (appid, name) DO UPDATE SET scene = excluded.scene, ticket = excluded.ticket, " \
	"url = excluded.url, made = excluded.made, expires = excluded.expires WHERE " \
	"excluded.made > qrcode.made"

#define MIGRATE_TOKEN_COLUMNS \
	"appid, config, token, fetched, expires, renew, fails, pause, day, calls, forced, " \
	"forced_at, why"
#define MIGRATE_TOKEN_TAKE \
	"DELETE FROM token WHERE (appid, config) IN (SELECT appid, config FROM token ORDER BY " \
	"appid, config LIMIT $1) RETURNING " MIGRATE_TOKEN_COLUMNS
#define MIGRATE_TOKEN_PUT \
	"INSERT INTO token (" MIGRATE_TOKEN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, " \
	"$9, $10, $11, $12, $13) ON CONFLICT (appid, config) DO UPDATE SET token = " \
	"excluded.token, fetched = excluded.fetched, expires = excluded.expires, renew = " \
	"excluded.renew, fails = excluded.fails, pause = excluded.pause, day = excluded.day, " \
	"calls = excluded.calls, forced = excluded.forced, forced_at = excluded.forced_at, why = " \
	"excluded.why WHERE excluded.fetched > token.fetched"

#define MIGRATE_STOPPED_COLUMNS \
	"account, config, since, outcome, refusals, probes, probe, fresh_probes, fresh_probe"
#define MIGRATE_STOPPED_TAKE \
	"DELETE FROM stopped WHERE account IN (SELECT account FROM stopped ORDER BY account " \
	"LIMIT $1) RETURNING " MIGRATE_STOPPED_COLUMNS
#define MIGRATE_STOPPED_PUT \
	"INSERT INTO stopped (" MIGRATE_STOPPED_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, " \
	"$8, $9) ON CONFLICT (account) DO NOTHING"

/* Without the row of messages that failed again: it has numbers of the other store. */
#define MIGRATE_ENDPOINT_COLUMNS \
	"url, fails, opened, probes, probe, outcome, gateway, fresh_probes, fresh_probe"
#define MIGRATE_ENDPOINT_TAKE \
	"DELETE FROM endpoint WHERE url IN (SELECT url FROM endpoint ORDER BY url LIMIT $1) " \
	"RETURNING " MIGRATE_ENDPOINT_COLUMNS
#define MIGRATE_ENDPOINT_PUT \
	"INSERT INTO endpoint (" MIGRATE_ENDPOINT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, " \
	"$8, $9) ON CONFLICT (url) DO NOTHING"

/* The rows of a table of statements whose texts both dialects have. */
#define MIGRATE_ALIKE \
	[SQL_MIGRATE_FORGOTTEN_PUT] = MIGRATE_FORGOTTEN_PUT, \
	[SQL_MIGRATE_FORGOTTEN_TAKE] = MIGRATE_FORGOTTEN_TAKE, \
	[SQL_MIGRATE_LEAVING_PUT] = MIGRATE_LEAVING_PUT, \
	[SQL_MIGRATE_DEPARTED_TAKE] = MIGRATE_DEPARTED_TAKE, \
	[SQL_MIGRATE_DEPARTED_PUT] = MIGRATE_DEPARTED_PUT, \
	[SQL_MIGRATE_ERASED_TAKE] = MIGRATE_ERASED_TAKE, \
	[SQL_MIGRATE_DEVICE_TAKE] = MIGRATE_DEVICE_TAKE, \
	[SQL_MIGRATE_ACCOUNT_TAKE] = MIGRATE_ACCOUNT_TAKE, \
	[SQL_MIGRATE_UNIONID_TAKE] = MIGRATE_UNIONID_TAKE, \
	[SQL_MIGRATE_FOLLOWER_TAKE] = MIGRATE_FOLLOWER_TAKE, \
	[SQL_MIGRATE_PULL_TAKE] = MIGRATE_PULL_TAKE, \
	[SQL_MIGRATE_PULL_PUT] = MIGRATE_PULL_PUT, \
	[SQL_MIGRATE_QRCODE_TAKE] = MIGRATE_QRCODE_TAKE, \
	[SQL_MIGRATE_QRCODE_PUT] = MIGRATE_QRCODE_PUT, \
	[SQL_MIGRATE_TOKEN_TAKE] = MIGRATE_TOKEN_TAKE, \
	[SQL_MIGRATE_TOKEN_PUT] = MIGRATE_TOKEN_PUT, \
	[SQL_MIGRATE_STOPPED_TAKE] = MIGRATE_STOPPED_TAKE, \
	[SQL_MIGRATE_STOPPED_PUT] = MIGRATE_STOPPED_PUT, \
	[SQL_MIGRATE_ENDPOINT_TAKE] = MIGRATE_ENDPOINT_TAKE, \
	[SQL_MIGRATE_ENDPOINT_PUT] = MIGRATE_ENDPOINT_PUT,

#endif
