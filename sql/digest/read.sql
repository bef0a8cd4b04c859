-- What those ask of digest.db who only look.

-- name: look_trace
SELECT block, entries FROM trace_block WHERE shard = ?1;

-- name: look_errors
-- Lines of logs and calls of each thing since a time: how many, how many failed.
SELECT r.urn, t.code, sum(l.total), sum(l.failed), sum(l.calls), sum(l.calls_failed) FROM (
    SELECT resource_id, count_total AS total, count_error AS failed, 0 AS calls, 0 AS calls_failed FROM log_pattern_5m WHERE bucket >= ?1 AND bucket < ?4
    UNION ALL
    SELECT dst_resource_id, 0, 0, calls, errors FROM service_call_5m WHERE bucket >= ?1 AND bucket < ?4) l
JOIN dim_resource r USING (resource_id) JOIN dim_tenant t USING (tenant_id)
WHERE ?2 = '' OR t.code = ?2
GROUP BY r.resource_id ORDER BY sum(l.failed) + sum(l.calls_failed) DESC, sum(l.total) + sum(l.calls) DESC LIMIT ?3;

-- name: look_service
SELECT resource_id, urn, type FROM dim_resource r JOIN dim_tenant t USING (tenant_id)
WHERE (r.urn = ?1 OR r.name = ?1) AND (?2 = '' OR t.code = ?2) ORDER BY r.urn = ?1 DESC, r.type = 'svc' DESC, resource_id LIMIT 16;

-- name: look_downstreams
-- The weights are calls, so that quiet minutes do not speak as loud as busy ones.
SELECT d.resource_id, d.urn, sum(c.calls), sum(c.errors), sum(c.p50_ms * c.calls) / sum(c.calls), max(c.p95_ms), max(c.bucket), max(c.sample_record),
       sum(c.rps * c.calls) / sum(c.calls)
FROM service_call_5m c JOIN dim_resource d ON d.resource_id = c.dst_resource_id
WHERE c.src_resource_id = ?1 AND c.bucket >= ?2 AND c.bucket < ?4 GROUP BY d.resource_id ORDER BY sum(c.errors) DESC, max(c.p95_ms) DESC LIMIT ?3;

-- name: look_patterns
SELECT p.fingerprint_id, p.pattern, p.severity, sum(l.count_total), sum(l.count_error), p.sample_message, max(l.bucket), r.urn, max(l.sample_ref)
FROM log_pattern_5m l JOIN log_pattern p USING (fingerprint_id) JOIN dim_resource r USING (resource_id) JOIN dim_tenant t ON t.tenant_id = l.tenant_id
WHERE l.bucket >= ?2 AND l.bucket < ?5 AND (?1 = 0 OR l.resource_id = ?1) AND (?4 = '' OR t.code = ?4)
GROUP BY p.fingerprint_id, l.resource_id ORDER BY sum(l.count_error) DESC, sum(l.count_total) DESC LIMIT ?3;

-- name: look_locators
SELECT id, dataset, object_key, t_from, t_to, query_hint, events FROM oo_locator WHERE resource_id = ?1 AND t_to > ?2 AND t_from < ?4 ORDER BY t_from DESC, dataset LIMIT ?3;

-- name: look_events
SELECT e.event_id, e.detected_at, t.code, coalesce(r.urn, ''), e.severity, e.kind, e.title,
       (SELECT count(*) FROM evidence_link ev WHERE ev.event_id = e.event_id), EXISTS (SELECT 1 FROM evidence_open o WHERE o.event_id = e.event_id)
FROM event_envelope e JOIN dim_tenant t USING (tenant_id) LEFT JOIN dim_resource r ON r.resource_id = e.resource_id
WHERE e.detected_at >= ?1 AND e.detected_at < ?4 AND (?3 = '' OR t.code = ?3) AND (?5 = '' OR e.kind = ?5) AND (?6 = '' OR r.urn = ?6 OR r.name = ?6)
ORDER BY e.detected_at DESC, e.event_id LIMIT ?2;

-- name: look_event
SELECT e.event_id, e.title, e.detected_at, r.urn, e.severity, e.kind, e.summary, e.labels, e.fingerprints, t.code,
       EXISTS (SELECT 1 FROM evidence_open o WHERE o.event_id = e.event_id)
FROM event_envelope e JOIN dim_tenant t USING (tenant_id) LEFT JOIN dim_resource r ON r.resource_id = e.resource_id WHERE e.event_id = ?1;

-- name: look_evidence
SELECT ev.evidence_id, ev.dim, ev.ref_pg, ev.note, ol.bucket, ol.object_key, ol.query_hint, ev.score, ol.first_record, ol.last_record, ol.t_from, ol.t_to, ol.dataset
FROM evidence_link ev LEFT JOIN oo_locator ol ON ol.id = ev.ref_oo WHERE ev.event_id = ?1 ORDER BY ev.score DESC, ev.evidence_id;

-- name: look_jobs
SELECT r.job, t.code, r.window_from, r.window_to, r.status, r.attempts, r.rows, r.error, r.asked_at, r.finished_at FROM etl_job_run r
JOIN dim_tenant t USING (tenant_id) ORDER BY r.id DESC LIMIT ?1;

-- name: look_circuits
SELECT c.job, t.code, c.state, c.failures, c.open_until FROM etl_job_circuit c JOIN dim_tenant t USING (tenant_id) ORDER BY 1, 2;
