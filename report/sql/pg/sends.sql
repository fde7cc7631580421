-- Results of template, subscription and mass messages, as sql/sends.sql has them for SQLite.
--
--	:account		path, name or AppID of an official account; unset: all
--	:from_day, :to_day	first and last day, as numbers of days since 1970-01-01
WITH
days (day) AS (
	SELECT generate_series(:from_day, :to_day)),
mine (id) AS (
	SELECT id FROM account WHERE :account IS NULL OR :account IN (path, name, appid)),
results (kind, template, result, n, total, sent, failed) AS (
	SELECT 'template', NULL, CASE replace(lower(item), ' ', '')
		WHEN 'success' THEN 'success' WHEN 'failed:userblock' THEN 'refused' END,
		count(*), '', '', ''
	FROM event
	WHERE day = ANY (ARRAY(SELECT day FROM days)) AND code = '$$_template_send_finish'
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
	GROUP BY item
	UNION ALL
	-- Lists are joined with commas, which neither ids nor codes contain.
	SELECT 'subscription', template.value, CASE error.value
		WHEN '0' THEN 'success' WHEN '43101' THEN 'refused' END,
		1, '', '', ''
	FROM event
	CROSS JOIN regexp_split_to_table(coalesce(item, ''), ',') WITH ORDINALITY
		AS template (value, key)
	LEFT JOIN regexp_split_to_table(coalesce(CAST(attributes AS json) ->> 'ErrorCode', ''), ',')
		WITH ORDINALITY AS error (value, key) ON error.key = template.key
	WHERE day = ANY (ARRAY(SELECT day FROM days)) AND code = '$$_send_msg_popup'
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))
	UNION ALL
	SELECT 'mass', NULL, CASE WHEN replace(lower(item), ' ', '') = 'sendsuccess' THEN 'success'
		WHEN lower(item) LIKE 'err(%' THEN 'refused' END,
		1, coalesce(CAST(attributes AS json) ->> 'TotalCount', ''),
		coalesce(CAST(attributes AS json) ->> 'SentCount', ''),
		coalesce(CAST(attributes AS json) ->> 'ErrorCount', '')
	FROM event
	WHERE day = ANY (ARRAY(SELECT day FROM days)) AND code = '$$_mass_send_finish'
		AND (:account IS NULL OR account = ANY (ARRAY(SELECT id FROM mine)))),
-- Numbers, if they are numbers.
numbered (kind, template, result, n, total, sent, failed) AS (
	SELECT kind, nullif(template, ''), result, n,
		CAST(substring(total FROM '^ *-?[0-9]{1,15}') AS BIGINT),
		CAST(substring(sent FROM '^ *-?[0-9]{1,15}') AS BIGINT),
		CAST(substring(failed FROM '^ *-?[0-9]{1,15}') AS BIGINT)
	FROM results)
SELECT kind, template, CAST(sum(n) AS BIGINT) AS sends,
	CAST(coalesce(sum(n) FILTER (WHERE result = 'success'), 0) AS BIGINT) AS success,
	CAST(coalesce(sum(n) FILTER (WHERE result = 'refused'), 0) AS BIGINT) AS refused,
	CAST(coalesce(sum(n) FILTER (WHERE result IS NULL), 0) AS BIGINT) AS failed,
	CASE kind WHEN 'mass' THEN CAST(coalesce(sum(total), 0) AS BIGINT) END AS fans_total,
	CASE kind WHEN 'mass' THEN CAST(coalesce(sum(sent), 0) AS BIGINT) END AS fans_sent,
	CASE kind WHEN 'mass' THEN CAST(coalesce(sum(numbered.failed), 0) AS BIGINT) END
		AS fans_failed
FROM numbered
GROUP BY kind, template
ORDER BY CASE kind WHEN 'mass' THEN 2 WHEN 'subscription' THEN 1 ELSE 0 END, sends DESC,
	template NULLS FIRST;
