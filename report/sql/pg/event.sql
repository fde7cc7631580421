-- How often events come, and from how many devices, as sql/event.sql has it for SQLite.
--
-- Of the parts of `counts` the server runs only the one that :by means.  By item it sorts events
-- once, where SQLite counts the devices of each item that it shows.
--
--	:account		path, name or AppID of an official account; unset: all
--	:from_day, :to_day	first and last day, as numbers of days since 1970-01-01
--	:code, :by		see sql/event.sql
WITH
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
spans (label, first, last) AS (
	SELECT CASE :by
		WHEN 'week' THEN to_char(date_trunc('week', DATE '1970-01-01' + day), 'YYYY-MM-DD')
		WHEN 'month' THEN to_char(DATE '1970-01-01' + day, 'YYYY-MM')
		ELSE to_char(DATE '1970-01-01' + day, 'YYYY-MM-DD') END, min(day), max(day)
	FROM generate_series(CAST(:from_day AS integer), CAST(:to_day AS integer)) AS day
	WHERE coalesce(:by, 'day') IN ('day', 'week', 'month')
	GROUP BY 1),
counts (label, events, devices) AS (
	SELECT label, events, devices
	FROM spans CROSS JOIN LATERAL (
		SELECT count(*), count(DISTINCT device)
		FROM event
		WHERE day = ANY (ARRAY(SELECT generate_series(spans.first, spans.last)))
			AND (:code IS NULL OR code = :code)
			AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
		) AS counted (events, devices)
	UNION ALL
	SELECT substr(CAST(100 + (time + 28800) / 3600 % 24 AS text), 2), count(*),
		count(DISTINCT device)
	FROM event
	WHERE :by = 'hour' AND day BETWEEN :from_day AND :to_day
		AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
	GROUP BY (time + 28800) / 3600 % 24
	UNION ALL
	SELECT (SELECT name FROM account WHERE account.id = event.account), count(*),
		count(DISTINCT device)
	FROM event
	WHERE :by = 'account' AND day BETWEEN :from_day AND :to_day
		AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
	GROUP BY event.account
	UNION ALL (
	SELECT item, count(*) AS events, count(DISTINCT device)
	FROM event
	WHERE :by = 'item' AND day BETWEEN :from_day AND :to_day AND item IS NOT NULL
		AND (:code IS NULL OR code = :code)
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
	GROUP BY item
	ORDER BY events DESC, item
	LIMIT 1000))
SELECT label AS "by", events, devices, CAST(events AS DOUBLE PRECISION) / devices AS per_device
FROM counts
WHERE events > 0
ORDER BY CASE WHEN :by IN ('item', 'account') THEN -events ELSE 0 END, label;
