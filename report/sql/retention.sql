-- How many of a day's new followers have an event n days later.
--
-- size: devices whose first follow in the period was on that day.  devices: those of them with an
-- event other than an unfollow on the n-th day after it.  n is 1 to 30; days in the future are left
-- out.  A follow that only WeChat's list of followers has (qtoa followers pull), and that is before
-- the device's first event, counts, too.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/retention.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
-- The first follow of each device in WeChat's list of followers.
listed (application, device, first) AS MATERIALIZED (
	SELECT application, follower.device, min(subscribe_time)
	FROM follower JOIN account ON account.appid = follower.appid
	WHERE subscribe_time > 0 AND account.id IN mine
	GROUP BY application, follower.device),
-- Those of them that are before the first event, which is next; NULL: there is no event.
early (id, application, device, first, next) AS MATERIALIZED (
	SELECT id, application, device, first, next FROM (
		SELECT device.id, listed.application, listed.device, listed.first,
			CASE WHEN :account IS NULL OR EXISTS (SELECT 1 FROM past
				WHERE past.device = device.id AND past.account IN mine)
			THEN device.first ELSE (SELECT min(time) FROM event INDEXED BY event_device
				WHERE event.device = device.id AND account IN mine) END AS next
		FROM listed LEFT JOIN device ON device.application = listed.application
			AND device.device = listed.device) AS known
	WHERE next IS NULL OR first < next),
cohort (device, day) AS MATERIALIZED (
	SELECT device, min(day) FROM (
		SELECT device, day
		FROM event INDEXED BY event_day
		WHERE day IN days AND code = '$$_official_account_follow'
			AND (:account IS NULL OR account IN mine)
		UNION ALL
		SELECT id, (first + 28800) / 86400 FROM early
		WHERE id IS NOT NULL AND (first + 28800) / 86400 IN days) AS followed
	GROUP BY device),
sizes (day, size) AS (
	SELECT day, count(*) FROM (
		SELECT day FROM cohort
		UNION ALL
		SELECT (first + 28800) / 86400 FROM early
		WHERE id IS NULL AND (first + 28800) / 86400 IN days) AS sized
	GROUP BY day),
back (day, n, devices) AS MATERIALIZED (
	SELECT cohort.day, (time + 28800) / 86400 - cohort.day AS n, count(*)
	FROM cohort CROSS JOIN event INDEXED BY event_device ON event.device = cohort.device
		AND time >= (cohort.day + 1) * 86400 - 28800
		AND time < (cohort.day + 31) * 86400 - 28800
	WHERE code IS NOT '$$_official_account_unfollow'
		AND (:account IS NULL OR account IN mine)
		-- Only the first event of its day; mostly the gap before it shows that.
		AND (gap > (time + 28800) % 86400 OR NOT EXISTS (
			SELECT 1 FROM event AS before INDEXED BY event_device
			WHERE before.device = event.device AND before.time
				BETWEEN event.time - (event.time + 28800) % 86400 AND event.time
				AND (before.time < event.time OR before.id < event.id)
				AND before.code IS NOT '$$_official_account_unfollow'
				AND (:account IS NULL OR before.account IN mine)))
	GROUP BY 1, 2),
after (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM after WHERE n < 30)
SELECT date(sizes.day * 86400, 'unixepoch') AS day, size, after.n,
	coalesce(devices, 0) AS devices, coalesce(devices, 0) / CAST(size AS DOUBLE PRECISION) AS share
FROM sizes
CROSS JOIN after ON sizes.day + after.n <= strftime('%s', 'now', '+8 hours') / 86400
LEFT JOIN back ON back.day = sizes.day AND back.n = after.n
ORDER BY sizes.day, after.n;
