-- Follows, unfollows and their difference on each day of the period.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/follows.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
counts (day, follows, unfollows) AS (
	SELECT day,
		(SELECT count(*) FROM event INDEXED BY event_day
			WHERE event.day = days.day AND code = '$$_official_account_follow'
			AND (:account IS NULL OR account IN mine)),
		(SELECT count(*) FROM event INDEXED BY event_day
			WHERE event.day = days.day AND code = '$$_official_account_unfollow'
			AND (:account IS NULL OR account IN mine))
	FROM days)
SELECT date(day * 86400, 'unixepoch') AS day, follows, unfollows, follows - unfollows AS net
FROM counts
ORDER BY counts.day;
