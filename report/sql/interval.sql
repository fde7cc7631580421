-- How long devices take from one event to another.
--
-- A pair is an event :first and the device's next event :second, if there is no other :first
-- between them (by time and, within a second, by order of arrival); both are in the period.  Every
-- row has the same numbers for the seconds of all pairs: p25 is the smallest number that at least
-- a quarter of the pairs do not exceed, and so on.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:first		a code; unset: follow
--	:second		a code, which may be the same one; unset: menu click
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/interval.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
codes (first, second) AS (
	SELECT coalesce(:first, '$$_official_account_follow'), coalesce(:second, '$$_menu_click')),
buckets (least, most, bucket) AS (VALUES (0, 9, '0-9 s'), (10, 59, '10-59 s'),
	(60, 599, '1-9 min'), (600, 3599, '10-59 min'), (3600, 21599, '1-5 h'),
	(21600, 86399, '6-23 h'), (86400, 604799, '1-6 d'), (604800, NULL, '7+ d')),
pairs (seconds) AS MATERIALIZED (
	SELECT (
		SELECT CASE code WHEN (SELECT second FROM codes) THEN time END
		FROM event AS next INDEXED BY event_device
		WHERE next.device = event.device
			AND next.time >= event.time AND next.time < (SELECT until FROM span)
			AND (code = (SELECT second FROM codes) OR code = (SELECT first FROM codes))
			AND (next.time > event.time OR next.id > event.id)
			AND (:account IS NULL OR account IN mine)
		ORDER BY next.time, next.id
		LIMIT 1) - time
	FROM event INDEXED BY event_device
	WHERE code = (SELECT first FROM codes)
		AND time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:account IS NULL OR account IN mine)),
counts (seconds, n, below) AS MATERIALIZED (
	SELECT seconds, count(*), sum(count(*)) OVER (ORDER BY seconds)
	FROM pairs WHERE seconds IS NOT NULL
	GROUP BY seconds),
whole (n, min, p25, median, p75, p90, max, avg) AS MATERIALIZED (
	SELECT sum(n), min(seconds),
		min(seconds) FILTER (WHERE below * 100 >= total * 25),
		min(seconds) FILTER (WHERE below * 100 >= total * 50),
		min(seconds) FILTER (WHERE below * 100 >= total * 75),
		min(seconds) FILTER (WHERE below * 100 >= total * 90),
		max(seconds), CAST(sum(seconds * n) AS DOUBLE PRECISION) / sum(n)
	FROM counts CROSS JOIN (SELECT sum(n) AS total FROM counts) AS all_pairs)
SELECT bucket, CAST(coalesce(sum(counts.n), 0) AS BIGINT) AS pairs,
	coalesce(sum(counts.n), 0) / CAST(whole.n AS DOUBLE PRECISION) AS share,
	min, p25, median, p75, p90, max, avg
FROM whole CROSS JOIN buckets
LEFT JOIN counts ON seconds >= least AND (seconds <= most OR most IS NULL)
WHERE whole.n > 0
GROUP BY bucket, least, whole.n, min, p25, median, p75, p90, max, avg
ORDER BY least;
