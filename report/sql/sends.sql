-- Results of template, subscription and mass messages: sends = success + refused (by the user; a
-- mass message: by WeChat's review) + failed.  template is NULL where WeChat does not name it; an
-- event with several templates counts for each.  fans_total, fans_sent, fans_failed: how many
-- followers a mass message was meant for, reached and missed.
--
--	:account	path, name or AppID of an official account; unset: all
--	:from, :to	first and last day, 'YYYY-MM-DD', in China (UTC+8); unset: the last 30 days
--
--	sqlite3 -readonly -cmd ".param set :from \"'2026-11-01'\"" qtoa.db <report/sql/sends.sql
WITH RECURSIVE
period (first, last) AS (	-- as numbers of days since 1970-01-01
	SELECT coalesce(strftime('%s', :from) / 86400, today - 29), today FROM (
		SELECT coalesce(strftime('%s', :to), strftime('%s', 'now', '+8 hours')) / 86400 AS today)),
days (day) AS (
	SELECT first FROM period
	UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT last FROM period)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
results (kind, template, result, n, total, sent, failed) AS (
	SELECT 'template', NULL, CASE replace(lower(item), ' ', '')
		WHEN 'success' THEN 'success' WHEN 'failed:userblock' THEN 'refused' END,
		count(*), NULL, NULL, NULL
	FROM event INDEXED BY event_day
	WHERE day IN days AND code = '$$_template_send_finish'
		AND (:account IS NULL OR account IN mine)
	GROUP BY item
	UNION ALL
	-- Lists are joined with commas, which neither ids nor codes contain.
	SELECT 'subscription', template.value, CASE error.value
		WHEN '0' THEN 'success' WHEN '43101' THEN 'refused' END,
		1, NULL, NULL, NULL
	FROM event INDEXED BY event_day
	CROSS JOIN json_each('[' || replace(json_quote(coalesce(item, '')), ',', '","') || ']')
		AS template
	LEFT JOIN json_each('[' || replace(
		json_quote(coalesce(json_extract(attributes, '$.ErrorCode'), '')),
		',', '","') || ']') AS error ON error.key = template.key
	WHERE day IN days AND code = '$$_send_msg_popup'
		AND (:account IS NULL OR account IN mine)
	UNION ALL
	SELECT 'mass', NULL, CASE WHEN replace(lower(item), ' ', '') = 'sendsuccess' THEN 'success'
		WHEN lower(item) LIKE 'err(%' THEN 'refused' END,
		1, coalesce(json_extract(attributes, '$.TotalCount'), 0),
		coalesce(json_extract(attributes, '$.SentCount'), 0),
		coalesce(json_extract(attributes, '$.ErrorCount'), 0)
	FROM event INDEXED BY event_day
	WHERE day IN days AND code = '$$_mass_send_finish'
		AND (:account IS NULL OR account IN mine))
SELECT kind, nullif(template, '') AS template, sum(n) AS sends,
	sum(iif(result = 'success', n, 0)) AS success,
	sum(iif(result = 'refused', n, 0)) AS refused,
	sum(iif(result IS NULL, n, 0)) AS failed,
	iif(kind = 'mass', CAST(total(total) AS INTEGER), NULL) AS fans_total,
	iif(kind = 'mass', CAST(total(sent) AS INTEGER), NULL) AS fans_sent,
	iif(kind = 'mass', CAST(total(results.failed) AS INTEGER), NULL) AS fans_failed
FROM results
GROUP BY kind, nullif(template, '')
ORDER BY kind = 'mass', kind = 'subscription', sends DESC, template;
