-- Which events follow each other on a device.
--
-- Each event :start in the period begins a path.  Without :start, a path begins with an event that
-- is the device's first, or that comes more than :pause seconds after the one before.  The path
-- goes on with the device's next event (by time and, within a second, by order of arrival) if that
-- comes within :pause seconds, for five steps.  A step leads "from" an event "to" the next one.
-- "to" is NULL where the path ends.  A code is '' where QT's table has no row for the event.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:start		a code
--	:pause		seconds; unset: 1800
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/path.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
shared (yes) AS (		-- some devices also have events of other accounts
	SELECT EXISTS (SELECT 1 FROM account WHERE id NOT IN mine AND
		application IN (SELECT application FROM account WHERE id IN mine))),
codes (letter, code) AS (VALUES ('-', ''), ('a', '$$_official_account_follow'),
	('b', '$$_official_account_unfollow'), ('c', '$$_scan_open_official_account'),
	('d', '$$_menu_click'), ('e', '$$_receive_msg'), ('f', '$$_send_localtion'),
	('g', '$$_send_msg_popup'), ('h', '$$_click_msg_popup'), ('i', '$$_manager_msg_popup'),
	('j', '$$_template_send_finish'), ('k', '$$_mass_send_finish'),
	('l', '$$_publish_job_finish')),
-- A path as letters from its second event on.  A blank stands before an event after a pause.
paths (device, code, trail) AS MATERIALIZED (
	SELECT device, code, (
		SELECT group_concat(letter, '') FROM (
			SELECT CASE WHEN coalesce(CASE WHEN (SELECT yes FROM shared)
					THEN after.time - (
					SELECT before.time
					FROM event AS before INDEXED BY event_device
					WHERE before.device = after.device
						AND before.time <= after.time
						AND (before.time < after.time OR before.id < after.id)
						AND before.account IN mine
					ORDER BY before.time DESC, before.id DESC
					LIMIT 1) ELSE after.gap END > coalesce(:pause, 1800), TRUE)
				THEN ' ' ELSE '' END
				|| (SELECT letter FROM codes
					WHERE codes.code = coalesce(after.code, '')) AS letter
			FROM event AS after INDEXED BY event_device
			WHERE after.device = event.device AND after.time
				BETWEEN event.time AND event.time + 5 * coalesce(:pause, 1800)
				AND (after.time > event.time OR after.id > event.id)
				AND (:account IS NULL OR after.account IN mine)
			ORDER BY after.time, after.id
			LIMIT 5) AS letters)
	FROM event INDEXED BY event_device
	WHERE time >= (SELECT since FROM span) AND time < (SELECT until FROM span)
		AND (:account IS NULL OR account IN mine)
		AND CASE WHEN :start IS NOT NULL THEN code = :start
		WHEN gap IS NULL OR gap > coalesce(:pause, 1800) THEN TRUE
		ELSE (SELECT yes FROM shared) AND NOT EXISTS (
			SELECT 1 FROM event AS before INDEXED BY event_device
			WHERE before.device = event.device
				AND before.time BETWEEN event.time - coalesce(:pause, 1800)
				AND event.time
				AND (before.time < event.time OR before.id < event.id)
				AND before.account IN mine)
			AND NOT EXISTS (	-- a deleted event
			SELECT 1 FROM past
			WHERE past.device = event.device AND past.account IN mine
				AND past.last BETWEEN event.time - coalesce(:pause, 1800)
				AND event.time) END),
trails (device, trail) AS MATERIALIZED (
	SELECT device, (SELECT letter FROM codes WHERE codes.code = coalesce(paths.code, ''))
		|| substr(coalesce(trail, ''), 1, instr(coalesce(trail, '') || ' ', ' ') - 1)
	FROM paths),
steps (step) AS (VALUES (1), (2), (3), (4), (5)),
moves (step, pair, times, devices) AS (
	SELECT step, substr(trail, step, 2), count(*), count(DISTINCT device)
	FROM steps CROSS JOIN trails ON length(trail) >= step
	GROUP BY step, substr(trail, step, 2))
SELECT step, here.code AS "from", there.code AS "to", times, devices
FROM moves
JOIN codes AS here ON here.letter = substr(pair, 1, 1)
LEFT JOIN codes AS there ON there.letter = substr(pair, 2, 1)
ORDER BY step, times DESC, "from", "to" NULLS FIRST;
