-- Statements on digest.db.

-- name: digest_tenant_put
INSERT INTO dim_tenant (code, name, created_at) VALUES (?1, CASE ?1 WHEN '' THEN 'installation' ELSE ?1 END, ?2) ON CONFLICT (code) DO NOTHING;

-- name: digest_tenant_id
SELECT tenant_id FROM dim_tenant WHERE code = ?1;

-- name: digest_tenant_there
SELECT tenant_id FROM dim_tenant WHERE tenant_id = ?1;

-- name: digest_resource_put
INSERT INTO dim_resource (tenant_id, urn, type, name, env, region, zone, created_at)
VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), ?8) ON CONFLICT (tenant_id, urn) DO NOTHING;

-- name: digest_resource_id
SELECT resource_id FROM dim_resource WHERE tenant_id = ?1 AND urn = ?2;

-- name: digest_metric_put
INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, labels, labels_hash, avg_val, max_val, p95_val, min_val, sum_val, samples)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (resource_id, metric, labels_hash, bucket) DO UPDATE SET avg_val = excluded.avg_val, max_val = excluded.max_val,
    p95_val = excluded.p95_val, min_val = excluded.min_val, sum_val = excluded.sum_val, samples = excluded.samples;

-- name: digest_metric_clear
DELETE FROM metric_1m WHERE tenant_id = ?1 AND bucket >= ?2 AND bucket < ?3;

-- name: digest_call_clear
DELETE FROM service_call_5m WHERE bucket = ?1;

-- name: digest_call_clear_tenant
DELETE FROM service_call_5m WHERE bucket >= ?2 AND bucket < ?3 AND tenant_id = ?1;

-- name: digest_call_put
INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms, calls, errors, sample_record, sample_ref)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
        (SELECT id FROM oo_locator WHERE resource_id IN (?3, ?4) AND dataset = 'traces' AND t_from = ?1 ORDER BY id LIMIT 1))
ON CONFLICT (bucket, tenant_id, src_resource_id, dst_resource_id) DO UPDATE SET rps = excluded.rps, err_rate = excluded.err_rate,
    p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms, calls = excluded.calls, errors = excluded.errors,
    sample_record = excluded.sample_record, sample_ref = excluded.sample_ref;

-- name: digest_pattern_put
-- An empty text: it was forgotten meanwhile, and what is known stays; so does a severity that is as grave or graver, since its lines are still counted.
INSERT INTO log_pattern (fingerprint_id, tenant_id, pattern, sample_message, severity, first_seen, last_seen, attrs_schema)
VALUES (?1, ?2, CASE ?3 WHEN '' THEN '<forgotten>' ELSE ?3 END, ?4, ?5, ?6, ?7, CASE ?8 WHEN '' THEN '{}' ELSE ?8 END)
ON CONFLICT (fingerprint_id) DO UPDATE SET pattern = CASE ?3 WHEN '' THEN pattern ELSE ?3 END,
    sample_message = CASE ?3 WHEN '' THEN sample_message ELSE ?4 END,
    severity = CASE WHEN severity IS NULL OR instr('TRACE DEBUG INFO WARN ERROR FATAL', ?5) > instr('TRACE DEBUG INFO WARN ERROR FATAL', severity) THEN ?5 ELSE severity END,
    first_seen = coalesce(min(nullif(first_seen, 0), ?6), ?6), last_seen = max(last_seen, ?7),
    attrs_schema = CASE ?8 WHEN '' THEN attrs_schema ELSE ?8 END;

-- name: digest_pattern_join
-- Two patterns turned out to be one: what was counted under the younger belongs to the older.
INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error, sample_ref)
SELECT bucket, tenant_id, resource_id, ?2, count_total, count_error, sample_ref FROM log_pattern_5m WHERE fingerprint_id = ?1
ON CONFLICT (bucket, tenant_id, resource_id, fingerprint_id) DO UPDATE SET count_total = count_total + excluded.count_total,
    count_error = count_error + excluded.count_error;

-- name: digest_pattern_join_words
-- And so do the times when it was seen, and the gravest of its lines.
UPDATE log_pattern SET first_seen = coalesce(min(nullif(log_pattern.first_seen, 0), nullif(g.first_seen, 0)), log_pattern.first_seen, g.first_seen), last_seen = max(log_pattern.last_seen, g.last_seen),
    severity = CASE WHEN log_pattern.severity IS NULL OR instr('TRACE DEBUG INFO WARN ERROR FATAL', g.severity) > instr('TRACE DEBUG INFO WARN ERROR FATAL', log_pattern.severity)
                    THEN g.severity ELSE log_pattern.severity END
FROM log_pattern g WHERE g.fingerprint_id = ?1 AND log_pattern.fingerprint_id = ?2;

-- name: digest_pattern_rows_gone
DELETE FROM log_pattern_5m WHERE fingerprint_id = ?1;

-- name: digest_pattern_gone
DELETE FROM log_pattern WHERE fingerprint_id = ?1;

-- name: digest_log_put
INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error, sample_ref)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT id FROM oo_locator WHERE resource_id = ?3 AND dataset = 'logs' AND t_from = ?1))
ON CONFLICT (bucket, tenant_id, resource_id, fingerprint_id) DO UPDATE SET count_total = excluded.count_total,
    count_error = excluded.count_error, sample_ref = excluded.sample_ref;

-- name: digest_log_clear
DELETE FROM log_pattern_5m WHERE tenant_id = ?1 AND bucket >= ?2 AND bucket < ?3;

-- name: digest_locator_put
INSERT INTO oo_locator (tenant_id, resource_id, dataset, bucket, object_key, t_from, t_to, query_hint, first_record, last_record, events)
VALUES (?1, ?2, ?3, 'journal', ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (resource_id, dataset, t_from) DO UPDATE SET object_key = excluded.object_key, query_hint = excluded.query_hint,
    first_record = excluded.first_record, last_record = excluded.last_record, events = excluded.events;

-- name: digest_located
SELECT coalesce(sum(events), 0) FROM oo_locator WHERE dataset IN ('logs', 'metrics', 'traces') AND tenant_id = ?1 AND t_from >= ?2 AND t_from < ?3;

-- name: digest_trace_put
INSERT INTO trace_block (shard, block, last_record, entries) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (shard, block) DO UPDATE SET last_record = excluded.last_record, entries = excluded.entries;

-- name: digest_trace_forget
DELETE FROM trace_block WHERE last_record < ?1;

-- name: digest_state_put
INSERT INTO digest_state (part, bytes) VALUES (?1, ?2) ON CONFLICT (part) DO UPDATE SET bytes = excluded.bytes;

-- name: digest_state_get
SELECT bytes FROM digest_state WHERE part = ?1;

-- name: digest_run_put
INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, status, attempts, rows, error, finished_at)
VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, nullif(?7, ''), ?8)
ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET status = excluded.status, attempts = attempts + 1, rows = excluded.rows,
    error = excluded.error, finished_at = excluded.finished_at;

-- name: digest_run_last
SELECT max(window_to) FROM etl_job_run WHERE job = ?1 AND tenant_id = ?2 AND status = 'success';

-- name: digest_run_ask
-- Asked for again while it waits: still once, and at the same place. A window that was done is done again.
INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, status, asked_at) VALUES (?1, ?2, ?3, ?4, 'queued', ?5)
ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET asked_at = CASE status WHEN 'queued' THEN asked_at ELSE excluded.asked_at END,
    status = 'queued', error = NULL;

-- name: digest_run_waiting
-- Others than this one: of those that are over when it is, else of those that are not.
SELECT count(*) FROM etl_job_run WHERE status = 'queued' AND NOT (job = ?1 AND tenant_id = ?2 AND window_from = ?3 AND window_to = ?4) AND (window_to > ?5) = (?4 > ?5);

-- name: digest_run_ask_all
INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, status, asked_at) SELECT ?1, tenant_id, ?2, ?3, 'queued', ?4 FROM dim_tenant
WHERE NOT EXISTS (SELECT 1 FROM etl_job_run WHERE job = ?1 AND status = 'success')
ON CONFLICT (job, tenant_id, window_from, window_to) DO UPDATE SET status = 'queued';

-- name: digest_run_asked
SELECT r.id, r.job, r.tenant_id, t.code, r.window_from, r.window_to FROM etl_job_run r JOIN dim_tenant t USING (tenant_id)
WHERE r.status = 'queued' AND r.window_to <= ?1 ORDER BY r.asked_at, r.id LIMIT 1;

-- name: digest_circuit_put
INSERT INTO etl_job_circuit (job, tenant_id, state, failures, open_until, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (job, tenant_id) DO UPDATE SET state = excluded.state, failures = excluded.failures, open_until = excluded.open_until, updated_at = excluded.updated_at;

-- name: digest_circuit_get
SELECT state, failures, open_until FROM etl_job_circuit WHERE job = ?1 AND tenant_id = ?2;

-- name: digest_event_put
INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
VALUES (?1, ?2, ?3, nullif(?4, 0), ?5, ?6, ?7, ?8, coalesce(?9, '{}'), coalesce(?10, '{}')) ON CONFLICT (event_id) DO NOTHING;

-- name: digest_evidence_put
-- The same evidence again is the same row; what is known of it by now stands beside it.
INSERT INTO evidence_link (event_id, dim, ref_pg, ref_oo, note, score) VALUES (?1, ?2, ?3, nullif(?4, 0), ?5, ?6)
ON CONFLICT (event_id, dim, ref_pg_hash, coalesce(ref_oo, 0)) DO UPDATE SET note = excluded.note, score = excluded.score
    WHERE note IS NOT excluded.note OR score IS NOT excluded.score;

-- name: digest_locator_find
SELECT o.id FROM oo_locator o JOIN dim_resource r USING (resource_id)
WHERE r.tenant_id = ?1 AND r.urn = ?2 AND o.dataset = ?3 AND o.t_from <= ?4 ORDER BY o.t_from DESC LIMIT 1;

-- name: digest_table_put
INSERT INTO table_registry (table_name, schema, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (table_name) DO UPDATE SET schema = excluded.schema;

-- name: digest_forget_metrics
DELETE FROM metric_1m WHERE bucket < ?1;

-- name: digest_forget_calls
DELETE FROM service_call_5m WHERE bucket < ?1;

-- name: digest_forget_logs
DELETE FROM log_pattern_5m WHERE bucket < ?1;

-- name: digest_forget_patterns
DELETE FROM log_pattern WHERE last_seen < ?1 AND NOT EXISTS (SELECT 1 FROM log_pattern_5m r WHERE r.fingerprint_id = log_pattern.fingerprint_id);

-- name: digest_forget_locators
DELETE FROM oo_locator WHERE t_to < ?1;

-- name: digest_forget_runs
DELETE FROM etl_job_run WHERE finished_at < ?1 AND status <> 'queued';

-- name: digest_forget_events
DELETE FROM event_envelope WHERE detected_at < ?1;

-- name: digest_change_begin
UPDATE change_state SET seq = max(seq + 1, ?1) WHERE id = 1;

-- name: digest_changed
INSERT INTO changed (kind, key, seq) VALUES (?1, ?2, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;

-- name: digest_changed_window
-- Before rows of one tenant go because their window is made again: what there is to tell is that they went.
INSERT INTO changed (kind, key, seq) SELECT w.kind, w.bucket, s.seq FROM (
    SELECT 2 AS kind, bucket FROM metric_1m WHERE tenant_id = ?1 AND bucket >= ?2 AND bucket < ?3
    UNION SELECT 3, bucket FROM service_call_5m WHERE tenant_id = ?1 AND bucket >= ?4 AND bucket < ?5
    UNION SELECT 4, bucket FROM log_pattern_5m WHERE tenant_id = ?1 AND bucket >= ?4 AND bucket < ?5) w JOIN change_state s ON s.id = 1
WHERE true ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;

-- name: digest_changed_pattern_rows
INSERT INTO changed (kind, key, seq) SELECT DISTINCT 4, p.bucket, s.seq FROM log_pattern_5m p JOIN change_state s ON s.id = 1 WHERE p.fingerprint_id = ?1
ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;

-- name: digest_change_forgot
INSERT INTO change_forgot (kind, before) VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET before = max(before, excluded.before);

-- name: digest_changed_prune
-- Marks outlive their rows, so that who was away for long learns that something is missing.
DELETE FROM changed WHERE kind = ?1 AND key < ?2;

-- name: digest_changed_prune_rows
DELETE FROM changed WHERE seq < ?1 AND (kind = 5 AND key NOT IN (SELECT fingerprint_id FROM log_pattern) OR kind = 6 AND key NOT IN (SELECT rowid FROM event_envelope)
    OR kind = 7 AND key NOT IN (SELECT id FROM etl_job_run));
