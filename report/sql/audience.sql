-- Devices that meet a condition: how many events of a kind they have in the period.
--
-- first and last are the times of these events; account is the account of the last one.
-- following: 'yes' if the device's last follow or unfollow, at any time, is a follow, else 'no';
-- there is neither: what WeChat's list of followers says (qtoa followers pull); NULL: nothing.  A
-- follow that only that list has, and that is before the device's first event, counts as an event.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:code		which events; unset: all
--	:item		their subject (menu key, scene, ...); unset: any
--	:at_least	the smallest number of events; unset: 1
--	:at_most	the largest number of events; unset: no limit
--	:following	'yes' or 'no': only such devices; unset: all
--	:limit		number of rows; unset: 1000
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/audience.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
-- The first follow of each device in WeChat's list of followers.
listed (application, device, first) AS MATERIALIZED (
	SELECT application, follower.device, min(subscribe_time)
	FROM follower JOIN account ON account.appid = follower.appid
	WHERE subscribe_time > 0 AND account.id IN mine
	GROUP BY application, follower.device),
-- Those of them that are before the first event, which is next; NULL: there is no event.
early (id, application, device, first, next) AS MATERIALIZED (
	SELECT id, application, device, first, next FROM (
		SELECT device.id, listed.application, listed.device, listed.first,
			CASE WHEN :account IS NULL OR EXISTS (SELECT 1 FROM past
				WHERE past.device = device.id AND past.account IN mine)
			THEN device.first ELSE (SELECT min(time) FROM event INDEXED BY event_device
				WHERE event.device = device.id AND account IN mine) END AS next
		FROM listed LEFT JOIN device ON device.application = listed.application
			AND device.device = listed.device) AS known
	WHERE next IS NULL OR first < next),
-- Those that count, with the :code and :item that are asked for.
extra (id, application, device, first) AS MATERIALIZED (
	SELECT id, application, device, first FROM early
	WHERE first >= (SELECT since FROM span) AND first < (SELECT until FROM span)
		AND (:code IS NULL OR :code = '$$_official_account_follow')
		AND (:item IS NULL OR EXISTS (
			SELECT 1 FROM follower JOIN account ON account.appid = follower.appid
			WHERE follower.device = early.device AND subscribe_time = early.first
				AND account.application = early.application AND account.id IN mine
				AND coalesce(qr_scene_str, CAST(qr_scene AS TEXT)) = :item))),
counts (device, events, first, last) AS MATERIALIZED (
	SELECT device, count(*), min(time), max(time)
	FROM event INDEXED BY event_device
	WHERE time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:code IS NULL OR code = :code) AND (:item IS NULL OR item = :item)
		AND (:account IS NULL OR account IN mine)
	GROUP BY device
	HAVING count(*) >= coalesce(:at_least, 1) - 1),
hits (id, application, device, events, first, last) AS (
	SELECT device.id, device.application, device.device,
		events + CASE WHEN extra.id IS NULL THEN 0 ELSE 1 END, coalesce(extra.first, counts.first), counts.last
	FROM counts CROSS JOIN device ON device.id = counts.device
	LEFT JOIN extra ON extra.id = counts.device
	UNION ALL
	SELECT extra.id, application, extra.device, 1, extra.first, extra.first
	FROM extra LEFT JOIN counts ON counts.device = extra.id
	WHERE counts.device IS NULL),
chosen (id, application, device, events, first, last) AS MATERIALIZED (
	SELECT id, application, device, events, first, last
	FROM hits
	WHERE events BETWEEN coalesce(:at_least, 1) AND coalesce(CAST(:at_most AS INTEGER), events)
		AND (:following IS NULL OR :following = coalesce((
		SELECT CASE code WHEN '$$_official_account_follow' THEN 'yes' ELSE 'no' END
		FROM event INDEXED BY event_device
		WHERE event.device = hits.id AND code IN ('$$_official_account_follow',
			'$$_official_account_unfollow') AND (:account IS NULL OR account IN mine)
		ORDER BY time DESC, event.id DESC
		LIMIT 1), (
		SELECT CASE follows WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END
		FROM past	-- for events that are deleted
		WHERE past.device = hits.id AND turned IS NOT NULL
			AND (:account IS NULL OR account IN mine)
		ORDER BY turned DESC, turn DESC
		LIMIT 1), (
		SELECT CASE WHEN count(*) > count(gone_at) THEN 'yes' ELSE 'no' END
		FROM follower JOIN account ON account.appid = follower.appid
		WHERE follower.device = hits.device AND account.application = hits.application
			AND account.id IN mine
		HAVING count(*) > 0)))
	ORDER BY events DESC, last DESC, application, device
	LIMIT coalesce(:limit, 1000))
SELECT device,
	coalesce((SELECT name FROM event INDEXED BY event_device JOIN account ON account.id = account
		WHERE event.device = chosen.id AND time = chosen.last
		AND (:code IS NULL OR code = :code) AND (:item IS NULL OR item = :item)
		AND (:account IS NULL OR account IN mine)
		ORDER BY event.id DESC
		LIMIT 1), (
		SELECT name FROM follower JOIN account ON account.appid = follower.appid
		WHERE follower.device = chosen.device AND subscribe_time = chosen.last
			AND account.application = chosen.application AND account.id IN mine
		ORDER BY account.id
		LIMIT 1)) AS account,
	events, first, last,
	coalesce((
		SELECT CASE code WHEN '$$_official_account_follow' THEN 'yes' ELSE 'no' END
		FROM event INDEXED BY event_device
		WHERE event.device = chosen.id AND code IN ('$$_official_account_follow',
			'$$_official_account_unfollow') AND (:account IS NULL OR account IN mine)
		ORDER BY time DESC, event.id DESC
		LIMIT 1), (
		SELECT CASE follows WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END
		FROM past	-- for events that are deleted
		WHERE past.device = chosen.id AND turned IS NOT NULL
			AND (:account IS NULL OR account IN mine)
		ORDER BY turned DESC, turn DESC
		LIMIT 1), (
		SELECT CASE WHEN count(*) > count(gone_at) THEN 'yes' ELSE 'no' END
		FROM follower JOIN account ON account.appid = follower.appid
		WHERE follower.device = chosen.device AND account.application = chosen.application
			AND account.id IN mine
		HAVING count(*) > 0)) AS following
FROM chosen
ORDER BY events DESC, last DESC, application, device;
