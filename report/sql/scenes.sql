-- Where followers come from: the scene of the QR code; '' is a follow without one (search, card,
-- ...).  share is the share of all follows.  scans are scans by users who followed already.  name is
-- that of the code, if qtoa qrcode create has made it.  Only the first 100 rows.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/scenes.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
counts (scene, follows, devices, scans) AS (
	SELECT coalesce(item, ''), count(*), count(DISTINCT device), 0
	FROM event INDEXED BY event_day
	WHERE day IN days AND code = '$$_official_account_follow'
		AND (:account IS NULL OR account IN mine)
	GROUP BY 1
	UNION ALL
	SELECT coalesce(item, ''), 0, 0, count(*)
	FROM event INDEXED BY event_day
	WHERE day IN days AND code = '$$_scan_open_official_account'
		AND (:account IS NULL OR account IN mine)
	GROUP BY 1)
SELECT scene, CAST(sum(follows) AS BIGINT) AS follows, CAST(sum(devices) AS BIGINT) AS devices,
	CAST(sum(follows) AS DOUBLE PRECISION) / sum(sum(follows)) OVER () AS share,
	CAST(sum(scans) AS BIGINT) AS scans,
	(SELECT min(name) FROM qrcode WHERE qrcode.scene = counts.scene AND (:account IS NULL OR
		appid IN (SELECT appid FROM account WHERE id IN mine))) AS name
FROM counts
GROUP BY scene
ORDER BY follows DESC, scans DESC, scene
LIMIT 100;
