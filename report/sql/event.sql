-- How often events come, and from how many devices.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:code		which events; unset: all
--	:by		'day' (unset), 'week' (its Monday), 'month', 'hour' (of the day), 'account', or
--			'item': the subject of the event; events without a subject are left out;
--			only the first 1000
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/event.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
days_of (label, first, last) AS (
	SELECT CASE :by WHEN 'week' THEN date(((day + 3) / 7 * 7 - 3) * 86400, 'unixepoch')
		ELSE substr(date(day * 86400, 'unixepoch'), 1, 7) END, min(day), max(day)
	FROM days
	WHERE :by IN ('week', 'month')
	GROUP BY 1),
items (code, item, n) AS MATERIALIZED (
	SELECT code, item, count(*)
	FROM event INDEXED BY event_day
	WHERE :by = 'item' AND day BETWEEN (SELECT first FROM period) AND (SELECT last FROM period)
		AND item IS NOT NULL AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account IN mine)
	GROUP BY day, code, item),
-- Most devices have events of one account only; a UnionID can have events of several.
devices_of (device, one, other, n) AS MATERIALIZED (
	SELECT device, min(account), max(account), count(*)
	FROM event INDEXED BY event_device
	WHERE :by = 'account' AND time >= (SELECT since FROM span)
		AND time < (SELECT until FROM span) AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account IN mine)
	GROUP BY device),
counts (label, events, devices) AS (
	SELECT date(event.day * 86400, 'unixepoch'), count(*), count(DISTINCT device)
	FROM event INDEXED BY event_day
	WHERE coalesce(:by, 'day') = 'day'
		AND day BETWEEN (SELECT first FROM period) AND (SELECT last FROM period)
		AND (:code IS NULL OR code = :code) AND (:account IS NULL OR account IN mine)
	GROUP BY event.day
	UNION ALL
	SELECT label,
		(SELECT count(*) FROM event INDEXED BY event_day
			WHERE day BETWEEN days_of.first AND days_of.last
			AND (:code IS NULL OR code = :code)
			AND (:account IS NULL OR account IN mine)),
		(SELECT count(DISTINCT device) FROM event INDEXED BY event_day
			WHERE day BETWEEN days_of.first AND days_of.last
			AND (:code IS NULL OR code = :code)
			AND (:account IS NULL OR account IN mine))
	FROM days_of
	UNION ALL
	SELECT substr(CAST(100 + (time + 28800) / 3600 % 24 AS TEXT), 2), count(*), count(DISTINCT device)
	FROM event INDEXED BY event_device
	WHERE :by = 'hour' AND time >= (SELECT since FROM span)
		AND time < (SELECT until FROM span) AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account IN mine)
	GROUP BY (time + 28800) / 3600 % 24
	UNION ALL
	SELECT name, CAST(sum(n) AS BIGINT), CAST(sum(devices) AS BIGINT) FROM (
		SELECT one AS account, sum(n) AS n, count(*) AS devices
		FROM devices_of WHERE one = other
		GROUP BY one
		UNION ALL
		SELECT account, count(*), count(DISTINCT event.device)
		FROM devices_of
		CROSS JOIN event INDEXED BY event_device ON event.device = devices_of.device
		WHERE one <> other AND time >= (SELECT since FROM span)
			AND time < (SELECT until FROM span) AND (:code IS NULL OR code = :code)
			AND (:account IS NULL OR account IN mine)
		GROUP BY account) AS parts
	JOIN account ON account.id = account
	GROUP BY account.id
	UNION ALL
	SELECT * FROM (
		SELECT item, CAST(sum(n) AS BIGINT) AS events,
			(SELECT count(DISTINCT device) FROM event INDEXED BY event_day
				WHERE day IN days AND code IN (SELECT code FROM items)
				AND item = items.item AND (:account IS NULL OR account IN mine))
		FROM items
		GROUP BY item
		ORDER BY events DESC, item
		LIMIT 1000) AS most)
SELECT label AS "by", events, devices, CAST(events AS DOUBLE PRECISION) / devices AS per_device
FROM counts
WHERE events > 0
ORDER BY CASE WHEN :by IN ('item', 'account') THEN -events ELSE 0 END, label;
