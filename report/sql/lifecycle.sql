-- New, active, returned and silent devices on each day.
--
-- new: the device's first event is on that day.  active: it has an event on that day, and its last
-- day with an event before is at most :silence days back.  returned: it has an event on that day,
-- and that last day is further back.  silent: it has no event on that day and the :silence - 1 days
-- before, but an earlier one.  Days whose events are deleted (see the tables forgotten and past)
-- have no new devices.  A follow that only WeChat's list of followers has (qtoa followers pull), and
-- that is before the device's first event, counts as an event.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--	:silence	days; unset: 7
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/lifecycle.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
span (since, until) AS (	-- the same in epoch seconds
	SELECT first * 86400 - 28800, (last + 1) * 86400 - 28800 FROM period),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
shared (yes) AS (		-- some devices also have events of other accounts
	SELECT EXISTS (SELECT 1 FROM account WHERE id NOT IN mine AND
		application IN (SELECT application FROM account WHERE id IN mine))),
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
-- The first event of each device on each day.  before: its last day with an event before that.
seen (day, before) AS (
	SELECT day, coalesce((time - gap + 28800) / 86400, (early.first + 28800) / 86400)
	FROM event INDEXED BY event_day LEFT JOIN early ON gap IS NULL AND early.id = event.device
	WHERE NOT (SELECT yes FROM shared)
		AND day BETWEEN (SELECT first FROM period) - coalesce(:silence, 7) + 1
		AND (SELECT last FROM period)
		AND (gap IS NULL OR gap > (time + 28800) % 86400)
		AND (:account IS NULL OR account IN mine)
	UNION ALL
	SELECT day, coalesce((
		SELECT (last.time + 28800) / 86400
		FROM event AS last INDEXED BY event_device
		WHERE last.device = event.device AND last.time <= event.time
			AND (last.time < event.time OR last.id < event.id)
			AND last.account IN mine
		ORDER BY last.time DESC, last.id DESC
		LIMIT 1), (
		SELECT (max(past.last) + 28800) / 86400 FROM past
		WHERE past.device = event.device AND past.account IN mine),
		(early.first + 28800) / 86400)
	FROM event INDEXED BY event_day LEFT JOIN early ON early.id = event.device
	WHERE (SELECT yes FROM shared)
		AND day BETWEEN (SELECT first FROM period) - coalesce(:silence, 7) + 1
		AND (SELECT last FROM period)
		AND account IN mine
	UNION ALL
	SELECT (first + 28800) / 86400, NULL
	FROM early
	WHERE (first + 28800) / 86400
		BETWEEN (SELECT first FROM period) - coalesce(:silence, 7) + 1
		AND (SELECT last FROM period)
		AND first >= coalesce((SELECT before * 86400 - 28800 FROM forgotten), first)),
moves (day, before, n) AS MATERIALIZED (
	SELECT day, before, count(*) FROM seen
	WHERE before IS NULL OR before < day
	GROUP BY day, before),
-- The first second in the period from which on no events are deleted.
whole (since) AS (
	SELECT max(since, coalesce((SELECT before * 86400 - 28800 FROM forgotten), since))
	FROM span),
-- Deleted events: how many devices had their last one on a day.
gone (day, n) AS MATERIALIZED (
	SELECT day, count(*) FROM (
		SELECT (max(past.last) + 28800) / 86400 AS day
		FROM past
		WHERE :account IS NULL OR account IN mine
		GROUP BY device
		UNION ALL
		SELECT (first + 28800) / 86400 FROM early
		WHERE first < (SELECT before * 86400 - 28800 FROM forgotten)
			AND NOT EXISTS (SELECT 1 FROM past WHERE past.device = early.id
				AND (:account IS NULL OR account IN mine))) AS departed
	GROUP BY day),
-- The number of devices with an event before the whole part of the period.
old (n) AS (
	SELECT CASE WHEN (SELECT yes FROM shared) THEN
		(SELECT count(DISTINCT device) FROM event INDEXED BY event_device
			WHERE time < (SELECT since FROM whole) AND account IN mine)
		+ (SELECT count(DISTINCT device) FROM past
			WHERE past.last < (SELECT since FROM whole) AND account IN mine
			AND NOT EXISTS (SELECT 1 FROM event INDEXED BY event_device
				WHERE event.device = past.device
				AND time < (SELECT since FROM whole) AND account IN mine))
		ELSE (SELECT count(*) FROM device WHERE first < (SELECT since FROM whole)
			AND (:account IS NULL OR application IN
			(SELECT application FROM account WHERE id IN mine))) END
		+ (SELECT count(*) FROM early WHERE first < (SELECT since FROM whole)
			AND (next IS NULL OR next >= (SELECT since FROM whole)))),
counts (day, new, active, returned, recent) AS (
	SELECT days.day,
		coalesce(sum(n) FILTER (WHERE moves.day = days.day AND before IS NULL), 0),
		coalesce(sum(n) FILTER (WHERE moves.day = days.day
			AND before >= days.day - coalesce(:silence, 7)), 0),
		coalesce(sum(n) FILTER (WHERE moves.day = days.day
			AND before < days.day - coalesce(:silence, 7)), 0),
		coalesce(sum(n) FILTER (WHERE before IS NULL
			OR before <= days.day - coalesce(:silence, 7)), 0)
		+ coalesce((SELECT sum(n) FROM gone
			WHERE gone.day >= days.day - coalesce(:silence, 7) + 1
			AND days.day >= (SELECT before FROM forgotten)), 0)
	FROM days LEFT JOIN moves
		ON moves.day BETWEEN days.day - coalesce(:silence, 7) + 1 AND days.day
	GROUP BY days.day)
SELECT date(day * 86400, 'unixepoch') AS day, CAST(new AS BIGINT) AS new,
	CAST(active AS BIGINT) AS active, CAST(returned AS BIGINT) AS returned,
	CAST((SELECT n FROM old) + sum(new) OVER (ORDER BY day) - recent AS BIGINT) AS silent
FROM counts
ORDER BY counts.day;
