-- The last 50 events.  first_day: 1 if this is the first day of the device in its application.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/latest.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid))
SELECT time, account.name AS account, code, device.device AS device, item,
	event.day = (device.first + 28800) / 86400 AS first_day
FROM event INDEXED BY event_day
CROSS JOIN account ON account.id = event.account
CROSS JOIN device ON device.id = event.device
WHERE event.day BETWEEN (SELECT first FROM period) AND (SELECT last FROM period)
	AND (:account IS NULL OR event.account IN mine)
ORDER BY event.day DESC, time DESC, event.id DESC
LIMIT 50;
