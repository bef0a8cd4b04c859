-- What those ask of digest.db who copy its rows elsewhere: what changed, and the rows of it (store/digest_changes.h).

-- name: changes_head
SELECT epoch, seq FROM change_state WHERE id = 1;

-- name: changes_next
SELECT seq, kind, key FROM changed WHERE (seq, kind, key) > (?1, ?2, ?3) ORDER BY seq, kind, key LIMIT ?4;

-- name: changes_behind
SELECT count(*) FROM (SELECT 1 FROM changed WHERE (seq, kind, key) > (?1, ?2, ?3) LIMIT ?4);

-- name: changes_forgot
SELECT before FROM change_forgot WHERE kind = ?1;

-- name: changes_tenants
SELECT tenant_id, code, name, labels, created_at FROM dim_tenant WHERE tenant_id > ?1 ORDER BY tenant_id;

-- name: changes_resources
SELECT resource_id, tenant_id, urn, type, name, env, region, zone, labels, created_at FROM dim_resource WHERE resource_id > ?1 ORDER BY resource_id;

-- name: changes_locators
-- Pointers without a thing are of others, who know where else they want them.
SELECT tenant_id, resource_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes, first_record, last_record, events
FROM oo_locator WHERE dataset IN ('logs', 'metrics', 'traces') AND t_from = ?1 AND resource_id IS NOT NULL;

-- name: changes_metrics
SELECT bucket, tenant_id, resource_id, metric, avg_val, max_val, p95_val, labels, labels_hash, min_val, sum_val, samples FROM metric_1m WHERE bucket = ?1;

-- name: changes_calls
SELECT c.bucket, c.tenant_id, c.src_resource_id, c.dst_resource_id, c.rps, c.err_rate, c.p50_ms, c.p95_ms, c.calls, c.errors, c.sample_record, l.resource_id, l.dataset, l.t_from
FROM service_call_5m c LEFT JOIN oo_locator l ON l.id = c.sample_ref WHERE c.bucket = ?1;

-- name: changes_logs
SELECT p.bucket, p.tenant_id, p.resource_id, p.fingerprint_id, p.count_total, p.count_error, l.resource_id, l.dataset, l.t_from
FROM log_pattern_5m p LEFT JOIN oo_locator l ON l.id = p.sample_ref WHERE p.bucket = ?1;

-- name: changes_patterns_of_logs
SELECT fingerprint_id, tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen FROM log_pattern
WHERE fingerprint_id IN (SELECT fingerprint_id FROM log_pattern_5m WHERE bucket = ?1);

-- name: changes_pattern
SELECT fingerprint_id, tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen FROM log_pattern WHERE fingerprint_id = ?1;

-- name: changes_event
SELECT event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints FROM event_envelope WHERE rowid = ?1;

-- name: changes_evidence
SELECT e.event_id, e.dim, e.ref_pg, e.note, l.resource_id, l.dataset, l.t_from, e.score FROM evidence_link e LEFT JOIN oo_locator l ON l.id = e.ref_oo
WHERE e.event_id = (SELECT event_id FROM event_envelope WHERE rowid = ?1);

-- name: changes_locators_of_evidence
SELECT tenant_id, resource_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes, first_record, last_record, events
FROM oo_locator WHERE id IN (SELECT ref_oo FROM evidence_link WHERE event_id = (SELECT event_id FROM event_envelope WHERE rowid = ?1)) AND resource_id IS NOT NULL;

-- name: changes_patterns_of_evidence
SELECT fingerprint_id, tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen FROM log_pattern
WHERE fingerprint_id IN (SELECT json_extract(ref_pg, '$.keys.fingerprint_id') FROM evidence_link WHERE dim = 'log' AND ref_pg IS NOT NULL
    AND event_id = (SELECT event_id FROM event_envelope WHERE rowid = ?1));

-- name: changes_run
SELECT job, tenant_id, window_from, window_to, status, attempts, rows, error, asked_at, finished_at FROM etl_job_run WHERE id = ?1;

-- name: changes_circuits
SELECT job, tenant_id, state, failures, open_until, updated_at FROM etl_job_circuit WHERE tenant_id = ?1;
