# postgres.sed: makes PostgreSQL's text of a question from the one in sql/, which SQLite runs as it
# stands: a rule for each phrase in which the dialects differ.
#
# The days of the period are values, not subqueries, so that the server's planner knows how many
# they are.  Its planner chooses indexes itself.  Arrays let it look up each day, or check an
# account, in the index.
s/ INDEXED BY event_[a-z]*//g
s/^	SELECT coalesce(strftime('%s', :from).*/	SELECT :from_day, :to_day),/
/strftime('%s', :to)/d
s/^	SELECT first FROM period$/	SELECT generate_series(:from_day, :to_day)),/
/UNION ALL SELECT day + 1 FROM days/d
s/(SELECT first FROM period)/:from_day/g
s/(SELECT last FROM period)/:to_day/g
s/\([^._a-z]\)time >= (SELECT since FROM span)/\1day >= :from_day/g
s/\([^._a-z]\)time < (SELECT until FROM span)/\1day <= :to_day/g
s/(SELECT since FROM span)/:from_day * 86400 - 28800/g
s/(SELECT until FROM span)/(:to_day + 1) * 86400 - 28800/g
s/strftime('%s', 'now', '+8 hours') \/ 86400/:today/g
s/date(\(.*\) \* 86400, 'unixepoch')/to_char(DATE '1970-01-01' + CAST(\1 AS integer), 'YYYY-MM-DD')/
s/ NOT IN mine/ <> ALL (ARRAY(SELECT id FROM mine))/g
s/ IN mine/ = ANY (ARRAY(SELECT id FROM mine))/g
s/ IN days/ = ANY (ARRAY(SELECT day FROM days))/g
s/ IS NOT '/ IS DISTINCT FROM '/g
s/CROSS JOIN \(.* ON \)/JOIN \1/
s/group_concat(/string_agg(/g
s/instr(/strpos(/g
s/max(since,/greatest(since,/
s/json_each(codes)/json_array_elements_text(CAST(codes AS json)) WITH ORDINALITY AS each (value, key)/
s/"from", "to" NULLS/here.code COLLATE "C", there.code COLLATE "C" NULLS/
