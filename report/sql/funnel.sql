-- How many devices take several steps, one after the other.
--
-- Each event of the first step in the period begins an attempt.  The next step is the earliest
-- event of its code that comes after the step before (by time and, within a second, by order of
-- arrival), and at most :window seconds after the first step; it may come after the period.
-- devices: devices with an attempt that reached the step; share: their share of the devices of
-- step 1; from_last: their share of the devices of the step before.  seconds: the median time
-- since the step before, of all attempts that reached the step.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:steps		codes, separated by commas; unset: follow, menu click, message
--	:window		seconds; unset: 604800, a week
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/funnel.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
list (codes) AS (
	SELECT '["' || replace(coalesce(:steps,
		'$$_official_account_follow,$$_menu_click,$$_receive_msg'), ',', '","') || '"]'),
steps (step, code, next) AS MATERIALIZED (
	SELECT row_number() OVER (ORDER BY key), trim(value),
		lead(trim(value)) OVER (ORDER BY key)
	FROM list CROSS JOIN json_each(codes)),
-- time is that of the step before.  ahead is the event of the next step: its id in the lower 40
-- bits, and above them the seconds until it.
walk (step, device, start, time, seconds, ahead) AS (
	SELECT CAST(0 AS BIGINT), device, time, time, CAST(0 AS BIGINT), id
	FROM event INDEXED BY event_device
	WHERE code = (SELECT code FROM steps WHERE step = 1)
		AND time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:account IS NULL OR account IN mine)
	UNION ALL
	SELECT steps.step, device, start, time + (ahead >> 40), ahead >> 40, (
		SELECT (event.time - walk.time - (ahead >> 40)) << 40 | event.id
		FROM event INDEXED BY event_device
		WHERE steps.next IS NOT NULL AND event.device = walk.device
			AND event.time BETWEEN walk.time + (ahead >> 40)
				AND start + coalesce(:window, 604800)
			AND event.code = steps.next
			AND (event.time > walk.time + (ahead >> 40)
				OR event.id > ahead & 1099511627775)
			AND (:account IS NULL OR event.account IN mine)
		ORDER BY event.time, event.id
		LIMIT 1)
	FROM walk CROSS JOIN steps ON steps.step = walk.step + 1
	WHERE ahead IS NOT NULL),
reached (step, devices, attempts) AS MATERIALIZED (
	SELECT step, count(DISTINCT device), count(*) FROM walk WHERE step > 0 GROUP BY step),
ranked (step, seconds, rank) AS (
	SELECT step, seconds, row_number() OVER (PARTITION BY step ORDER BY seconds)
	FROM walk WHERE step > 1),
medians (step, seconds) AS (
	SELECT ranked.step, min(seconds)
	FROM ranked JOIN reached ON reached.step = ranked.step
	WHERE rank * 2 >= attempts
	GROUP BY ranked.step)
SELECT steps.step, code, coalesce(here.devices, 0) AS devices,
	CAST(coalesce(here.devices, 0) AS DOUBLE PRECISION) / (SELECT devices FROM reached WHERE step = 1)
		AS share,
	CAST(coalesce(here.devices, 0) AS DOUBLE PRECISION) / before.devices AS from_last, seconds
FROM steps
LEFT JOIN reached AS here ON here.step = steps.step
LEFT JOIN reached AS before ON before.step = steps.step - 1
LEFT JOIN medians ON medians.step = steps.step
ORDER BY steps.step;
