-- How followers came, as WeChat tells it (qtoa followers pull): by its scene (search, QR code,
-- card, ...) and the scene of the QR code.
--
-- follows: users whose last follow was in the period.  following: those of them who still follow.
-- source '' is a user that WeChat was not asked about yet.  share is the share of all follows.
-- Only the first 100 rows.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/sources.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (appid) AS (
	SELECT appid FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
counts (source, scene, follows, following) AS (
	SELECT coalesce(follower.scene, ''), coalesce(qr_scene_str, CAST(qr_scene AS TEXT)),
		count(*), count(*) - count(gone_at)
	FROM follower
	WHERE appid IN (SELECT appid FROM mine)
		AND subscribe_time >= (SELECT since FROM span)
		AND subscribe_time < (SELECT until FROM span)
	GROUP BY 1, 2)
SELECT source, scene, follows, following,
	CAST(follows AS DOUBLE PRECISION) / sum(follows) OVER () AS share
FROM counts
ORDER BY follows DESC, source, scene NULLS FIRST
LIMIT 100;
