-- What those ask of digest.db who only look. A tenant is asked for by its name; the installation's own is called `installation`.

-- name: look_trace
SELECT block, entries FROM trace_block WHERE shard = ?1;

-- name: look_errors
-- Lines of logs and calls of each thing since a time: how many, how many failed. A window that began before that time and ended after it counts.
-- What only calls others is there, too, and what has only metrics, when it had some in the last ten minutes.
SELECT r.urn, t.name, sum(l.total), sum(l.failed), sum(l.calls), sum(l.calls_failed), max(l.metrics) FROM (
    SELECT resource_id, count_total AS total, count_error AS failed, 0 AS calls, 0 AS calls_failed, 0 AS metrics FROM log_pattern_5m WHERE bucket > ?1 - 300000000 AND bucket < ?4
    UNION ALL
    SELECT dst_resource_id, 0, 0, calls, errors, 0 FROM service_call_5m WHERE bucket > ?1 - 300000000 AND bucket < ?4
    UNION ALL
    SELECT DISTINCT c.src_resource_id, 0, 0, 0, 0, 0 FROM service_call_5m c JOIN dim_resource s ON s.resource_id = c.src_resource_id
    WHERE c.bucket > ?1 - 300000000 AND c.bucket < ?4 AND s.type <> 'external'
    UNION ALL
    SELECT DISTINCT resource_id, 0, 0, 0, 0, 1 FROM metric_1m
    WHERE bucket < ?4 AND bucket > max(?1 - 60000000, (SELECT coalesce(max(bucket), 0) FROM metric_1m WHERE bucket < ?4) - 600000000)) l
JOIN dim_resource r USING (resource_id) JOIN dim_tenant t USING (tenant_id)
WHERE ?2 = '' OR t.name = ?2
GROUP BY r.resource_id ORDER BY sum(l.failed) + sum(l.calls_failed) DESC, sum(l.total) + sum(l.calls) DESC LIMIT ?3;

-- name: look_service
-- What somebody means: a URN, the end of a service's URN (shop/cart), or a name. ?1 is what was said, ?2 and ?3 the same as URNs and names are written down.
SELECT r.resource_id, r.urn, t.name FROM dim_resource r JOIN dim_tenant t USING (tenant_id)
WHERE (r.urn IN (?1, ?2, 'urn:svc:' || ?2, 'urn:k8s:svc:' || ?2) OR r.name IN (?1, ?3)) AND (?4 = '' OR t.name = ?4)
ORDER BY r.urn = ?1 DESC, r.type = 'svc' DESC, resource_id LIMIT ?5;

-- name: look_downstreams
-- p50 has calls for weights, so that quiet minutes do not speak as loud as busy ones. Calls a second are over the time from the first window with a call of this
-- pair to the end of what was made (or of the question): windows without a call have no row, and count. Of the last window only the seconds that had passed count:
-- each of its rows says calls and rps. The failing first, in whole per cent; then the slow.
WITH newest(bucket) AS (SELECT max(bucket) FROM service_call_5m WHERE bucket < ?4),
made(until) AS (
    SELECT min(max(n.bucket + coalesce((SELECT CAST(1000000 * max(min(c.calls / c.rps, 300), 1) AS INTEGER) FROM service_call_5m c WHERE c.bucket = n.bucket AND c.rps > 0 LIMIT 1), 300000000),
                   coalesce((SELECT max(window_to) FROM etl_job_run WHERE job = 'oo-agg' AND status = 'success'
                             AND tenant_id = (SELECT tenant_id FROM dim_resource WHERE resource_id = ?1)), 0)),
               (?4 - 1) / 300000000 * 300000000 + 300000000)
    FROM newest n)
SELECT d.resource_id, d.urn, sum(c.calls), sum(c.errors), sum(c.p50_ms * c.calls) / sum(CASE WHEN c.p50_ms IS NOT NULL THEN c.calls END), max(c.p95_ms), max(c.bucket), max(c.sample_record),
       sum(c.calls) * 1000000.0 / ((SELECT until FROM made) - min(c.bucket))
FROM service_call_5m c JOIN dim_resource d ON d.resource_id = c.dst_resource_id
WHERE c.src_resource_id = ?1 AND c.bucket > ?2 - 300000000 AND c.bucket < ?4 GROUP BY d.resource_id
ORDER BY round(100.0 * sum(c.errors) / sum(c.calls)) DESC, max(c.p95_ms) DESC, sum(c.errors) DESC, sum(c.calls) DESC LIMIT ?3;

-- name: look_patterns_of
-- Of one thing: by its own index, not through the lines of all. Lines count also when their pattern was forgotten to make room. Pattern 0 is what fell under none.
SELECT l.fingerprint_id, coalesce(p.pattern, CASE l.fingerprint_id & 1099511627775 WHEN 0 THEN '<other>' ELSE '(forgotten)' END), p.severity, sum(l.count_total), sum(l.count_error),
       p.sample_message, max(l.bucket), r.urn, t.name
FROM log_pattern_5m l LEFT JOIN log_pattern p USING (fingerprint_id) JOIN dim_resource r USING (resource_id) JOIN dim_tenant t ON t.tenant_id = l.tenant_id
WHERE l.bucket > ?2 - 300000000 AND l.bucket < ?5 AND l.resource_id = ?1 AND (?4 = '' OR t.name = ?4)
GROUP BY l.fingerprint_id, l.resource_id ORDER BY sum(l.count_error) DESC, sum(l.count_total) DESC LIMIT ?3;

-- name: look_patterns
-- The same of all things.
SELECT l.fingerprint_id, coalesce(p.pattern, CASE l.fingerprint_id & 1099511627775 WHEN 0 THEN '<other>' ELSE '(forgotten)' END), p.severity, sum(l.count_total), sum(l.count_error),
       p.sample_message, max(l.bucket), r.urn, t.name
FROM log_pattern_5m l LEFT JOIN log_pattern p USING (fingerprint_id) JOIN dim_resource r USING (resource_id) JOIN dim_tenant t ON t.tenant_id = l.tenant_id
WHERE l.bucket > ?1 - 300000000 AND l.bucket < ?4 AND (?3 = '' OR t.name = ?3)
GROUP BY l.fingerprint_id, l.resource_id ORDER BY sum(l.count_error) DESC, sum(l.count_total) DESC LIMIT ?2;

-- name: look_metrics
-- The metrics of a thing, each with its newest minute over all its series. Names and series are found in leaps along the primary key, one of each metric
-- first, ?5 in all: half a year of minutes is not read to find a dozen names.
WITH RECURSIVE named(metric) AS (
    SELECT min(metric) FROM metric_1m WHERE resource_id = ?1
    UNION ALL
    SELECT (SELECT min(m.metric) FROM metric_1m m WHERE m.resource_id = ?1 AND m.metric > n.metric) FROM named n WHERE n.metric IS NOT NULL LIMIT ?5),
series(metric, hash) AS (
    SELECT n.metric, (SELECT min(m.labels_hash) FROM metric_1m m WHERE m.resource_id = ?1 AND m.metric = n.metric) FROM named n WHERE n.metric IS NOT NULL
    UNION ALL
    SELECT s.metric, (SELECT min(m.labels_hash) FROM metric_1m m WHERE m.resource_id = ?1 AND m.metric = s.metric AND m.labels_hash > s.hash)
    FROM series s WHERE s.hash IS NOT NULL LIMIT ?5),
last AS MATERIALIZED (
    SELECT s.metric, s.hash, (SELECT max(m.bucket) FROM metric_1m m WHERE m.resource_id = ?1 AND m.metric = s.metric AND m.labels_hash = s.hash
                              AND m.bucket > ?2 - 60000000 AND m.bucket < ?3) AS bucket
    FROM series s WHERE s.hash IS NOT NULL),
newest AS (SELECT metric, max(bucket) AS bucket FROM last GROUP BY metric)
SELECT m.metric, m.bucket, count(*), coalesce(sum(m.sum_val) / sum(m.samples), avg(m.avg_val)), max(m.max_val), max(m.p95_val), min(m.min_val), sum(m.samples),
       (SELECT count(*) FROM series) >= ?5
FROM newest w CROSS JOIN last l ON l.metric = w.metric AND l.bucket = w.bucket
CROSS JOIN metric_1m m ON m.resource_id = ?1 AND m.metric = l.metric AND m.labels_hash = l.hash AND m.bucket = l.bucket
GROUP BY m.metric ORDER BY m.metric LIMIT ?4;

-- name: look_minutes
-- The minutes of one metric, a row for each of its series, the newest first.
WITH RECURSIVE series(hash) AS (
    SELECT min(labels_hash) FROM metric_1m WHERE resource_id = ?1 AND metric = ?2
    UNION ALL
    SELECT (SELECT min(m.labels_hash) FROM metric_1m m WHERE m.resource_id = ?1 AND m.metric = ?2 AND m.labels_hash > s.hash) FROM series s WHERE s.hash IS NOT NULL LIMIT ?6)
SELECT m.bucket, m.labels, m.avg_val, m.max_val, m.p95_val, m.min_val, m.samples, (SELECT count(*) FROM series) >= ?6
FROM series s CROSS JOIN metric_1m m ON m.resource_id = ?1 AND m.metric = ?2 AND m.labels_hash = s.hash AND m.bucket > ?3 - 60000000 AND m.bucket < ?4
ORDER BY m.bucket DESC, m.labels LIMIT ?5;

-- name: look_locators
SELECT id, dataset, object_key, t_from, t_to, query_hint, events FROM oo_locator WHERE resource_id = ?1 AND t_to > ?2 AND t_from < ?4 ORDER BY t_from DESC, dataset LIMIT ?3;

-- name: look_events
SELECT e.event_id, e.detected_at, t.name, coalesce(r.urn, ''), e.severity, e.kind, e.title,
       (SELECT count(*) FROM evidence_link ev WHERE ev.event_id = e.event_id), EXISTS (SELECT 1 FROM evidence_open o WHERE o.event_id = e.event_id)
FROM event_envelope e JOIN dim_tenant t USING (tenant_id) LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
WHERE e.detected_at >= ?1 AND e.detected_at < ?4 AND (?3 = '' OR t.name = ?3) AND (?5 = '' OR e.kind = ?5)
  AND (?6 = '' OR r.urn IN (?6, ?7, 'urn:svc:' || ?7, 'urn:k8s:svc:' || ?7) OR r.name IN (?6, ?8))
ORDER BY e.detected_at DESC, e.event_id LIMIT ?2;

-- name: look_event
SELECT e.event_id, e.title, e.detected_at, r.urn, e.severity, e.kind, e.summary, e.labels, e.fingerprints, t.name,
       EXISTS (SELECT 1 FROM evidence_open o WHERE o.event_id = e.event_id)
FROM event_envelope e JOIN dim_tenant t USING (tenant_id) LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
WHERE e.event_id = ?1 AND (?2 = '' OR t.name = ?2);

-- name: look_evidence
SELECT ev.evidence_id, ev.dim, ev.ref_pg, ev.note, ol.bucket, ol.object_key, ol.query_hint, ev.score, ol.first_record, ol.last_record, ol.t_from, ol.t_to, ol.dataset
FROM evidence_link ev LEFT JOIN oo_locator ol ON ol.id = ev.ref_oo WHERE ev.event_id = ?1 ORDER BY ev.score DESC, ev.evidence_id;

-- name: look_jobs
SELECT r.job, t.name, r.window_from, r.window_to, r.status, r.attempts, r.rows, r.error, r.asked_at, r.finished_at FROM etl_job_run r
JOIN dim_tenant t USING (tenant_id) WHERE ?2 = '' OR t.name = ?2 ORDER BY r.id DESC LIMIT ?1;

-- name: look_tables
-- Tables that were registered. Those of another tenant than the installation's own have it in front of their name (ingest/digester_table.c).
SELECT substr(table_name, instr(table_name, '/') + 1) AS name, CASE instr(table_name, '/') WHEN 0 THEN 'installation' ELSE substr(table_name, 1, instr(table_name, '/') - 1) END AS tenant,
       schema, created_at
FROM table_registry WHERE ?2 = '' OR tenant = ?2 ORDER BY tenant <> 'installation', tenant, name LIMIT ?1 + 1;

-- name: look_circuits
SELECT c.job, t.name, c.state, c.failures, c.open_until FROM etl_job_circuit c JOIN dim_tenant t USING (tenant_id) WHERE ?1 = '' OR t.name = ?1 ORDER BY 1, 2;
