-- pg_stat_statements, every few seconds. {schema} is the extension's, in quotes. Texts are not read.

-- name: sense_statements
-- $1: query ids that are followed; $2: our own query ids, left out. Answers the followed and the heaviest, and under id 0 the sum over
-- all. dealloc goes up when rare ones are forgotten to make room. Nested statements are inside their callers already. square: sum of squares of the times, from mean and standard deviation.
WITH s AS (
    SELECT q.queryid AS id, sum(q.calls) AS calls, sum(q.total_exec_time + q.total_plan_time) AS total_ms, sum(q.rows) AS rows,
           sum(q.calls * (q.stddev_exec_time * q.stddev_exec_time + q.mean_exec_time * q.mean_exec_time)) AS square
    FROM {schema}.pg_stat_statements(false) AS q
    WHERE q.toplevel AND q.queryid IS NOT NULL AND q.queryid <> ALL ($2::bigint[])
    GROUP BY q.queryid),
top AS (SELECT s.id FROM s ORDER BY s.total_ms DESC, s.id LIMIT 63)
SELECT 0 AS id, coalesce(sum(s.calls), 0) AS calls, coalesce(sum(s.total_ms), 0) AS total_ms, coalesce(sum(s.rows), 0) AS rows,
       coalesce(sum(s.square), 0) AS square, false AS top,
       (SELECT (extract(epoch FROM i.stats_reset) * 1000000)::bigint FROM {schema}.pg_stat_statements_info AS i) AS reset_us,
       (SELECT i.dealloc FROM {schema}.pg_stat_statements_info AS i) AS dealloc,
       (SELECT o.query_id FROM pg_stat_get_activity(pg_backend_pid()) AS o) AS own_id
FROM s
UNION ALL
SELECT s.id, s.calls, s.total_ms, s.rows, s.square, s.id IN (SELECT top.id FROM top), NULL, NULL, NULL
FROM s WHERE s.id = ANY ($1::bigint[]) OR s.id IN (SELECT top.id FROM top)
ORDER BY reset_us NULLS LAST;

-- name: sense_statements_answer
-- That the extension is there does not mean that it answers: without its library this is an error.
SELECT i.dealloc FROM {schema}.pg_stat_statements_info AS i;
