-- The last QR code or menu click of a device before each of its follows or unfollows.
--
-- A QR code is a scan by a user who follows already, or a follow by QR code; this can be the very
-- follow that is explained.  A scan or click counts if it came at most :window seconds before (by
-- time and, within a second, by order of arrival) and is not deleted.  key: the scene or the menu
-- key.  Only the first 1000 rows.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:target	a code; unset: follow
--	:window		seconds; unset: 604800, a week
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/attribution.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
causes (device, cause) AS (
	SELECT device, CASE WHEN code = '$$_official_account_follow' AND item IS NOT NULL
		THEN 'scan:' || item
		ELSE (SELECT CASE code WHEN '$$_menu_click' THEN 'menu' ELSE 'scan' END
				|| coalesce(':' || item, '')
			FROM event AS before INDEXED BY event_device
			WHERE before.device = event.device
				AND before.time BETWEEN event.time - coalesce(:window, 604800)
				AND event.time
				AND (before.time < event.time OR before.id < event.id)
				AND (code IN ('$$_menu_click', '$$_scan_open_official_account')
				OR code = '$$_official_account_follow' AND item IS NOT NULL)
				AND (:account IS NULL OR account IN mine)
			ORDER BY before.time DESC, before.id DESC
			LIMIT 1) END
	FROM event INDEXED BY event_day
	WHERE day IN days AND code = coalesce(:target, '$$_official_account_follow')
		AND (:account IS NULL OR account IN mine))
SELECT coalesce(substr(cause, 1, 4), 'none') AS source, nullif(substr(cause, 6), '') AS key,
	count(*) AS events, count(DISTINCT device) AS devices,
	CAST(count(*) AS DOUBLE PRECISION) / sum(count(*)) OVER () AS share
FROM causes
GROUP BY 1, 2
ORDER BY events DESC, source, key NULLS FIRST
LIMIT 1000;
