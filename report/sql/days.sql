-- Events by day and code.  A code is NULL where QT's table has no row for the event.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/days.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid))
SELECT date(event.day * 86400, 'unixepoch') AS day, code,
	count(*) AS events, count(DISTINCT device) AS devices
FROM event INDEXED BY event_day
WHERE event.day BETWEEN (SELECT first FROM period) AND (SELECT last FROM period)
	AND (:account IS NULL OR account IN mine)
GROUP BY event.day, code
ORDER BY event.day, code NULLS FIRST;
