-- How many devices have how many events.  share is the share of all devices that have an event.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:code		which events; unset: all
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/distribution.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
buckets (least, most, bucket) AS (VALUES (1, 1, '1'), (2, 2, '2'), (3, 5, '3-5'),
	(6, 10, '6-10'), (11, 20, '11-20'), (21, 50, '21-50'), (51, NULL, '51+')),
counts (n) AS (
	SELECT count(*)
	FROM event INDEXED BY event_device
	WHERE time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:code IS NULL OR code = :code) AND (:account IS NULL OR account IN mine)
	GROUP BY device),
sums (n, devices, events) AS MATERIALIZED (
	SELECT CASE WHEN n > 51 THEN 51 ELSE n END, count(*), sum(n) FROM counts GROUP BY 1)
SELECT bucket, CAST(coalesce(sum(devices), 0) AS BIGINT) AS devices,
	CAST(coalesce(sum(events), 0) AS BIGINT) AS events,
	coalesce(sum(devices), 0) / CAST((SELECT sum(devices) FROM sums) AS DOUBLE PRECISION) AS share
FROM buckets LEFT JOIN sums ON n >= least AND (n <= most OR most IS NULL)
WHERE EXISTS (SELECT 1 FROM sums)
GROUP BY bucket, least
ORDER BY least;
