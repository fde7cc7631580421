-- Messages that users sent, by MsgType.  share is the share of all messages.  Only the first 100
-- rows.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/messages.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid))
SELECT coalesce(item, '') AS type, count(*) AS messages, count(DISTINCT device) AS devices,
	CAST(count(*) AS DOUBLE PRECISION) / sum(count(*)) OVER () AS share
FROM event INDEXED BY event_day
WHERE day IN days AND code = '$$_receive_msg'
	AND (:account IS NULL OR account IN mine)
GROUP BY 1
ORDER BY messages DESC, type
LIMIT 100;
