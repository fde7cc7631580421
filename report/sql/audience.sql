-- Devices that meet a condition: how many events of a kind they have in the period.
--
-- first and last are the times of these events; account is the account of the last one.
-- following: 'yes' if the device's last follow or unfollow, at any time, is a follow, else 'no';
-- NULL: there is neither.
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
counts (device, events, first, last) AS (
	SELECT device, count(*), min(time), max(time)
	FROM event INDEXED BY event_device
	WHERE time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:code IS NULL OR code = :code) AND (:item IS NULL OR item = :item)
		AND (:account IS NULL OR account IN mine)
	GROUP BY device
	HAVING count(*) BETWEEN coalesce(:at_least, 1) AND coalesce(:at_most, count(*))),
chosen (id, application, device, events, first, last) AS MATERIALIZED (
	SELECT device.id, application, device.device, events, counts.first, counts.last
	FROM counts CROSS JOIN device ON device.id = counts.device
	WHERE :following IS NULL OR (:following = 'yes') IS coalesce((
		SELECT code = '$$_official_account_follow' FROM event INDEXED BY event_device
		WHERE event.device = device.id AND code IN ('$$_official_account_follow',
			'$$_official_account_unfollow') AND (:account IS NULL OR account IN mine)
		ORDER BY time DESC, event.id DESC
		LIMIT 1), (
		SELECT follows FROM past	-- for events that are deleted
		WHERE past.device = device.id AND turned IS NOT NULL
			AND (:account IS NULL OR account IN mine)
		ORDER BY turned DESC, turn DESC
		LIMIT 1))
	ORDER BY events DESC, counts.last DESC, application, device.device
	LIMIT coalesce(:limit, 1000))
SELECT device,
	(SELECT name FROM event INDEXED BY event_device JOIN account ON account.id = account
		WHERE event.device = chosen.id AND time = chosen.last
		AND (:code IS NULL OR code = :code) AND (:item IS NULL OR item = :item)
		AND (:account IS NULL OR account IN mine)
		ORDER BY event.id DESC
		LIMIT 1) AS account,
	events, first, last,
	coalesce((SELECT iif(code = '$$_official_account_follow', 'yes', 'no')
		FROM event INDEXED BY event_device
		WHERE event.device = chosen.id AND code IN ('$$_official_account_follow',
			'$$_official_account_unfollow') AND (:account IS NULL OR account IN mine)
		ORDER BY time DESC, event.id DESC
		LIMIT 1), (SELECT iif(follows, 'yes', 'no') FROM past
		WHERE past.device = chosen.id AND turned IS NOT NULL
			AND (:account IS NULL OR account IN mine)
		ORDER BY turned DESC, turn DESC
		LIMIT 1)) AS following
FROM chosen
ORDER BY events DESC, last DESC, application, device;
