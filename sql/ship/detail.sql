-- What a sink `postgres` with `layout: detail` says. Of the rows, $1 is its origin.

-- name: detail_name_schema
SELECT set_config('homeostat.schema', $1, false), set_config('client_encoding', 'UTF8', false), set_config('client_min_messages', 'warning', false), set_config('timezone', 'UTC', false),
    set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false);

-- name: detail_has_schema
SELECT to_regnamespace(quote_ident($1)) IS NOT NULL;

-- name: detail_make_schema
DO $do$ BEGIN EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', current_setting('homeostat.schema')); END $do$;

-- name: detail_session
SELECT set_config('search_path', quote_ident($1), false);

-- name: detail_begin
BEGIN;

-- name: detail_commit
COMMIT;

-- name: detail_rollback
ROLLBACK;

-- name: detail_lock
-- Tables of others may be large: what is added to them may take its time. Waiting for them may not: everybody else waits behind us, and after a second (deadlock_timeout) it might be
-- somebody else's statement that is ended for a deadlock. Who comes too early comes again.
SELECT set_config('statement_timeout', $1, true), pg_advisory_xact_lock(hashtextextended('homeostat migration ' || current_schema(), 0)), set_config('lock_timeout', '500ms', true);

-- name: detail_migrations_table
CREATE TABLE IF NOT EXISTS homeostat_detail_migrations (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());

-- name: detail_has_migrations
-- And each of the tables: one that somebody dropped is made again, one that somebody made again without our column gets it.
SELECT bool_and(to_regclass(split_part(t, '.', 1)) IS NOT NULL AND (split_part(t, '.', 2) = ''
        OR EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(split_part(t, '.', 1)) AND attname = split_part(t, '.', 2) AND NOT attisdropped)))
FROM unnest(ARRAY['homeostat_detail_migrations', 'homeostat_origin', 'homeostat_origin_tenant', 'homeostat_origin_resource', 'dim_tenant', 'dim_resource', 'oo_locator.origin_id',
    'metric_1m.origin_id', 'service_call_5m.origin_id', 'log_pattern.origin_id', 'log_pattern_5m.origin_id', 'topo_edge_time', 'event_envelope', 'evidence_link.origin_id',
    'etl_job_run.origin_id', 'etl_job_circuit.origin_id']) AS t;

-- name: detail_version
SELECT coalesce(max(version), 0) FROM homeostat_detail_migrations;

-- name: detail_migrated
INSERT INTO homeostat_detail_migrations (version) VALUES ($1::int) ON CONFLICT (version) DO NOTHING;

-- name: detail_again
-- What was in a table that had to be made again is copied again; whoever is copying just now finds its place moved and begins anew.
UPDATE homeostat_origin SET seq = 0, kind = 0, key = 0;

-- name: detail_own
-- One at a time may write under a name. The lock is the session's.
SELECT pg_try_advisory_lock(hashtextextended('homeostat origin ' || current_schema() || ' ' || $1, 0));

-- name: detail_origin_put
INSERT INTO homeostat_origin (name, epoch) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING;

-- name: detail_origin
SELECT origin_id, epoch, seq, kind, key, expired FROM homeostat_origin WHERE name = $1;

-- name: detail_origin_anew
-- Its digest.db is another one: everything comes again, under other numbers.
WITH tenants AS (DELETE FROM homeostat_origin_tenant WHERE origin_id = $1::int), resources AS (DELETE FROM homeostat_origin_resource WHERE origin_id = $1::int),
    patterns AS (UPDATE log_pattern SET local_id = NULL WHERE origin_id = $1::int)
UPDATE homeostat_origin SET epoch = $2, seq = 0, kind = 0, key = 0, at = now() WHERE origin_id = $1::int;

-- name: detail_progress
UPDATE homeostat_origin SET seq = $2::bigint, kind = $3::int, key = $4::bigint, expired = expired + $5::bigint, at = now()
WHERE origin_id = $1::int AND seq = $6::bigint AND kind = $7::int AND key = $8::bigint RETURNING expired;

-- name: detail_known_tenant
SELECT coalesce(max(local_id), 0) FROM homeostat_origin_tenant WHERE origin_id = $1::int;

-- name: detail_known_resource
SELECT coalesce(max(local_id), 0) FROM homeostat_origin_resource WHERE origin_id = $1::int;

-- name: detail_stages
DO $do$ BEGIN
    CREATE TEMPORARY TABLE homeostat_d_keys (kind int, key bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_tenant (tenant_id bigint, code text, name text, labels text, created_at bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_resource (resource_id bigint, tenant_id bigint, urn text, type text, name text, env text, region text, zone text, labels text, created_at bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_locator (tenant_id bigint, resource_id bigint, dataset text, bucket text, object_key text, t_from bigint, t_to bigint, query_hint text, attributes text,
        first_record bigint, last_record bigint, events bigint, n bigserial) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_metric (bucket bigint, tenant_id bigint, resource_id bigint, metric text, avg_val float8, max_val float8, p95_val float8, labels text, labels_hash bigint,
        min_val float8, sum_val float8, samples bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_call (bucket bigint, tenant_id bigint, src bigint, dst bigint, rps float8, err_rate float8, p50_ms float8, p95_ms float8, calls bigint, errors bigint,
        sample_record bigint, ref_resource bigint, ref_dataset text, ref_from bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_log (bucket bigint, tenant_id bigint, resource_id bigint, local_id bigint, count_total bigint, count_error bigint, ref_resource bigint, ref_dataset text,
        ref_from bigint) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_pattern (local_id bigint, tenant_id bigint, pattern text, sample_message text, severity text, attrs_schema text, first_seen bigint, last_seen bigint,
        n bigserial) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_event (event_id text, detected_at bigint, tenant_id bigint, resource_id bigint, severity text, kind text, title text, summary text, labels text,
        fingerprints text, n bigserial) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_evidence (event_id text, dim text, ref_pg text, note text, ref_resource bigint, ref_dataset text, ref_from bigint, score float8) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_run (job text, tenant_id bigint, window_from bigint, window_to bigint, status text, attempts bigint, rows bigint, error text, asked_at bigint,
        finished_at bigint, n bigserial) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE homeostat_d_circuit (job text, tenant_id bigint, state text, failures bigint, open_until bigint, updated_at bigint) ON COMMIT DELETE ROWS;
END $do$;

-- name: detail_copy_keys
COPY pg_temp.homeostat_d_keys (kind, key) FROM STDIN;

-- name: detail_copy_tenant
COPY pg_temp.homeostat_d_tenant FROM STDIN;

-- name: detail_copy_resource
COPY pg_temp.homeostat_d_resource FROM STDIN;

-- name: detail_copy_locator
COPY pg_temp.homeostat_d_locator (tenant_id, resource_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes, first_record, last_record, events) FROM STDIN;

-- name: detail_copy_metric
COPY pg_temp.homeostat_d_metric FROM STDIN;

-- name: detail_copy_call
COPY pg_temp.homeostat_d_call FROM STDIN;

-- name: detail_copy_log
COPY pg_temp.homeostat_d_log FROM STDIN;

-- name: detail_copy_pattern
COPY pg_temp.homeostat_d_pattern (local_id, tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen) FROM STDIN;

-- name: detail_copy_event
COPY pg_temp.homeostat_d_event (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints) FROM STDIN;

-- name: detail_copy_evidence
COPY pg_temp.homeostat_d_evidence FROM STDIN;

-- name: detail_copy_run
COPY pg_temp.homeostat_d_run (job, tenant_id, window_from, window_to, status, attempts, rows, error, asked_at, finished_at) FROM STDIN;

-- name: detail_copy_circuit
COPY pg_temp.homeostat_d_circuit FROM STDIN;

-- What is staged becomes rows, in this order. An id that is not known gives NULL, which no table takes: better a fault than a row that is silently missing.

-- name: detail_put_tenant
INSERT INTO dim_tenant (code, name, labels, created_at) SELECT code, name, labels::jsonb, homeostat_time(created_at) FROM pg_temp.homeostat_d_tenant ORDER BY code ON CONFLICT (code) DO NOTHING;

-- name: detail_map_tenant
INSERT INTO homeostat_origin_tenant (origin_id, local_id, tenant_id) SELECT $1::int, s.tenant_id, d.tenant_id FROM pg_temp.homeostat_d_tenant s JOIN dim_tenant d USING (code)
ON CONFLICT (origin_id, local_id) DO UPDATE SET tenant_id = excluded.tenant_id;

-- name: detail_put_resource
INSERT INTO dim_resource (tenant_id, urn, type, name, env, region, zone, labels, created_at)
SELECT t.tenant_id, s.urn, s.type, s.name, s.env, s.region, s.zone, s.labels::jsonb, homeostat_time(s.created_at) FROM pg_temp.homeostat_d_resource s
LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id ORDER BY t.tenant_id, s.urn ON CONFLICT DO NOTHING;

-- name: detail_map_resource
-- One that somebody put there without a tenant serves where its name may not stand there twice.
INSERT INTO homeostat_origin_resource (origin_id, local_id, resource_id)
SELECT DISTINCT ON (s.resource_id) $1::int, s.resource_id, d.resource_id FROM pg_temp.homeostat_d_resource s
JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id JOIN dim_resource d ON d.urn = s.urn AND (d.tenant_id = t.tenant_id OR d.tenant_id IS NULL)
ORDER BY s.resource_id, d.tenant_id NULLS LAST
ON CONFLICT (origin_id, local_id) DO UPDATE SET resource_id = excluded.resource_id;

-- name: detail_unknown_resource
SELECT homeostat_detail_unknown($1::int);

-- name: detail_put_locator
INSERT INTO oo_locator AS o (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes, resource_id, first_record, last_record, events, origin_id)
SELECT DISTINCT ON (s.resource_id, s.dataset, s.t_from) t.tenant_id, s.dataset, s.bucket, s.object_key, homeostat_time(s.t_from), homeostat_time(s.t_to), s.query_hint, s.attributes::jsonb,
    r.resource_id, s.first_record, s.last_record, s.events, $1::int
FROM pg_temp.homeostat_d_locator s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.resource_id ORDER BY s.resource_id, s.dataset, s.t_from, s.n DESC
ON CONFLICT (origin_id, resource_id, dataset, t_from) DO UPDATE SET bucket = excluded.bucket, object_key = excluded.object_key, t_to = excluded.t_to, query_hint = excluded.query_hint,
    attributes = excluded.attributes, first_record = excluded.first_record, last_record = excluded.last_record, events = excluded.events
WHERE (o.bucket, o.object_key, o.t_to, o.query_hint, o.attributes, o.events) IS DISTINCT FROM (excluded.bucket, excluded.object_key, excluded.t_to, excluded.query_hint, excluded.attributes, excluded.events);

-- name: detail_put_pattern
INSERT INTO log_pattern (tenant_id, pattern, sample_message, severity, attrs_schema, first_seen, last_seen, origin_id, local_id)
SELECT DISTINCT ON (s.local_id) t.tenant_id, s.pattern, s.sample_message, s.severity, s.attrs_schema::jsonb, homeostat_time(s.first_seen), homeostat_time(s.last_seen), $1::int, s.local_id
FROM pg_temp.homeostat_d_pattern s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id ORDER BY s.local_id, s.n DESC
ON CONFLICT (origin_id, local_id) DO UPDATE SET pattern = excluded.pattern, sample_message = excluded.sample_message, severity = excluded.severity, attrs_schema = excluded.attrs_schema,
    first_seen = excluded.first_seen, last_seen = excluded.last_seen;

-- name: detail_ranges_metric
SELECT homeostat_detail_ranges('metric_1m', 'homeostat_d_metric', 7, make_interval(secs => $1::float8));

-- name: detail_clear_metric
DELETE FROM metric_1m m USING (SELECT DISTINCT homeostat_time(key) AS bucket FROM pg_temp.homeostat_d_keys WHERE kind = 2) k
WHERE m.bucket = k.bucket AND m.origin_id = $1::int AND NOT EXISTS (SELECT 1 FROM pg_temp.homeostat_d_metric s
    JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.resource_id
    WHERE homeostat_time(s.bucket) = m.bucket AND r.resource_id = m.resource_id AND s.metric = m.metric AND s.labels_hash = m.labels_hash);

-- name: detail_put_metric
INSERT INTO metric_1m AS m (bucket, tenant_id, resource_id, metric, avg_val, max_val, p95_val, labels, labels_hash, min_val, sum_val, samples, origin_id)
SELECT homeostat_time(s.bucket), t.tenant_id, r.resource_id, s.metric, s.avg_val, s.max_val, s.p95_val, s.labels::jsonb, s.labels_hash, s.min_val, s.sum_val, s.samples, $1::int
FROM pg_temp.homeostat_d_metric s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.resource_id
ON CONFLICT (bucket, resource_id, metric, labels_hash, origin_id) WHERE origin_id <> 0 DO UPDATE SET avg_val = excluded.avg_val, max_val = excluded.max_val, p95_val = excluded.p95_val, min_val = excluded.min_val,
    sum_val = excluded.sum_val, samples = excluded.samples
WHERE (m.avg_val, m.max_val, m.p95_val, m.min_val, m.sum_val, m.samples) IS DISTINCT FROM (excluded.avg_val, excluded.max_val, excluded.p95_val, excluded.min_val, excluded.sum_val, excluded.samples);

-- name: detail_ranges_call
SELECT homeostat_detail_ranges('service_call_5m', 'homeostat_d_call', 30, make_interval(secs => $1::float8));

-- name: detail_clear_call
DELETE FROM service_call_5m c USING (SELECT DISTINCT homeostat_time(key) AS bucket FROM pg_temp.homeostat_d_keys WHERE kind = 3) k
WHERE c.bucket = k.bucket AND c.origin_id = $1::int;

-- name: detail_put_call
INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms, sample_ref, calls, errors, sample_record, origin_id)
SELECT homeostat_time(s.bucket), t.tenant_id, a.resource_id, b.resource_id, s.rps, s.err_rate, s.p50_ms, s.p95_ms, l.id, s.calls, s.errors, s.sample_record, $1::int
FROM pg_temp.homeostat_d_call s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id
LEFT JOIN homeostat_origin_resource a ON a.origin_id = $1::int AND a.local_id = s.src LEFT JOIN homeostat_origin_resource b ON b.origin_id = $1::int AND b.local_id = s.dst
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.ref_resource
LEFT JOIN oo_locator l ON l.origin_id = $1::int AND l.resource_id = r.resource_id AND l.dataset = s.ref_dataset AND l.t_from = homeostat_time(s.ref_from);

-- name: detail_ranges_log
SELECT homeostat_detail_ranges('log_pattern_5m', 'homeostat_d_log', 30, make_interval(secs => $1::float8));

-- name: detail_clear_log
DELETE FROM log_pattern_5m p USING (SELECT DISTINCT homeostat_time(key) AS bucket FROM pg_temp.homeostat_d_keys WHERE kind = 4) k
WHERE p.bucket = k.bucket AND p.origin_id = $1::int;

-- name: detail_put_log
INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total, count_error, sample_ref, origin_id)
SELECT homeostat_time(s.bucket), t.tenant_id, r.resource_id, p.fingerprint_id, s.count_total, s.count_error, l.id, $1::int
FROM pg_temp.homeostat_d_log s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.resource_id LEFT JOIN log_pattern p ON p.origin_id = $1::int AND p.local_id = s.local_id
LEFT JOIN homeostat_origin_resource o ON o.origin_id = $1::int AND o.local_id = s.ref_resource
LEFT JOIN oo_locator l ON l.origin_id = $1::int AND l.resource_id = o.resource_id AND l.dataset = s.ref_dataset AND l.t_from = homeostat_time(s.ref_from);

-- name: detail_clear_pattern
-- Two turned out to be one: what was counted under this one is counted under the other by now.
DELETE FROM log_pattern p USING pg_temp.homeostat_d_keys k WHERE k.kind = 5 AND p.origin_id = $1::int AND p.local_id = k.key
    AND NOT EXISTS (SELECT 1 FROM pg_temp.homeostat_d_pattern s WHERE s.local_id = k.key) AND NOT EXISTS (SELECT 1 FROM log_pattern_5m l WHERE l.fingerprint_id = p.fingerprint_id);

-- name: detail_retire_pattern
-- A window that still names it has changed again meanwhile, and comes later; it goes afterwards.
UPDATE log_pattern p SET local_id = NULL FROM pg_temp.homeostat_d_keys k WHERE k.kind = 5 AND p.origin_id = $1::int AND p.local_id = k.key
    AND NOT EXISTS (SELECT 1 FROM pg_temp.homeostat_d_pattern s WHERE s.local_id = k.key);

-- name: detail_put_event
INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
SELECT DISTINCT ON (s.event_id) homeostat_event_id($1::int, s.event_id), homeostat_time(s.detected_at), t.tenant_id, r.resource_id, s.severity::severity, s.kind, s.title, s.summary, s.labels::jsonb, s.fingerprints::jsonb
FROM pg_temp.homeostat_d_event s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.resource_id ORDER BY s.event_id, s.n DESC
ON CONFLICT (event_id) DO UPDATE SET detected_at = excluded.detected_at, severity = excluded.severity, kind = excluded.kind, title = excluded.title, summary = excluded.summary,
    labels = excluded.labels, fingerprints = excluded.fingerprints, resource_id = excluded.resource_id;

-- name: detail_clear_evidence
-- What this origin does not think of an event any more; what others added stays.
WITH evidence AS (
    SELECT homeostat_event_id($1::int, s.event_id) AS event_id, s.dim, md5(coalesce(homeostat_ref($1::int, s.ref_pg::jsonb)::text, '')) AS hash, coalesce(l.id, 0) AS locator
    FROM pg_temp.homeostat_d_evidence s LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.ref_resource
    LEFT JOIN oo_locator l ON l.origin_id = $1::int AND l.resource_id = r.resource_id AND l.dataset = s.ref_dataset AND l.t_from = homeostat_time(s.ref_from))
DELETE FROM evidence_link e WHERE e.origin_id = $1::int AND e.event_id IN (SELECT homeostat_event_id($1::int, event_id) FROM pg_temp.homeostat_d_event)
    AND NOT EXISTS (SELECT 1 FROM evidence v WHERE v.event_id = e.event_id AND v.dim = e.dim AND v.hash = e.ref_pg_hash AND v.locator = coalesce(e.ref_oo, 0));

-- name: detail_put_evidence
INSERT INTO evidence_link AS e (event_id, dim, ref_pg, ref_oo, note, origin_id, score)
SELECT DISTINCT ON (1, 2, 3, 4) homeostat_event_id($1::int, s.event_id), s.dim, homeostat_ref($1::int, s.ref_pg::jsonb), l.id, s.note, $1::int, s.score FROM pg_temp.homeostat_d_evidence s
LEFT JOIN homeostat_origin_resource r ON r.origin_id = $1::int AND r.local_id = s.ref_resource
LEFT JOIN oo_locator l ON l.origin_id = $1::int AND l.resource_id = r.resource_id AND l.dataset = s.ref_dataset AND l.t_from = homeostat_time(s.ref_from)
ON CONFLICT (event_id, dim, ref_pg_hash, coalesce(ref_oo, 0)) DO UPDATE SET note = excluded.note, score = excluded.score
WHERE (e.note, e.score) IS DISTINCT FROM (excluded.note, excluded.score);

-- name: detail_put_run
INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, status, attempts, rows, error, asked_at, finished_at, origin_id)
SELECT DISTINCT ON (s.job, s.tenant_id, s.window_from, s.window_to) s.job, t.tenant_id, homeostat_time(s.window_from), homeostat_time(s.window_to), s.status, s.attempts, s.rows, s.error, homeostat_time(s.asked_at), homeostat_time(s.finished_at), $1::int
FROM pg_temp.homeostat_d_run s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id ORDER BY s.job, s.tenant_id, s.window_from, s.window_to, s.n DESC
ON CONFLICT (job, tenant_id, window_from, window_to, origin_id) WHERE origin_id <> 0 DO UPDATE SET status = excluded.status, attempts = excluded.attempts, rows = excluded.rows, error = excluded.error, asked_at = excluded.asked_at,
    finished_at = excluded.finished_at;

-- name: detail_put_circuit
INSERT INTO etl_job_circuit (job, tenant_id, state, failures, open_until, updated_at, origin_id)
SELECT DISTINCT ON (s.job, s.tenant_id) s.job, t.tenant_id, s.state, s.failures, homeostat_time(s.open_until), homeostat_time(s.updated_at), $1::int
FROM pg_temp.homeostat_d_circuit s LEFT JOIN homeostat_origin_tenant t ON t.origin_id = $1::int AND t.local_id = s.tenant_id ORDER BY s.job, s.tenant_id, s.updated_at DESC
ON CONFLICT (job, tenant_id, origin_id) WHERE origin_id <> 0 DO UPDATE SET state = excluded.state, failures = excluded.failures, open_until = excluded.open_until, updated_at = excluded.updated_at;

-- Now and then.

-- name: detail_policies
-- $1 metrics, $2 calls, $3 logs, $4 when metrics are packed; seconds.
SELECT homeostat_detail_policies('metric_1m', 'resource_id, metric', 'bucket, labels_hash, origin_id', make_interval(secs => $1::float8), make_interval(secs => $4::float8)),
    homeostat_detail_policies('service_call_5m', '', '', make_interval(secs => $2::float8), NULL),
    homeostat_detail_policies('log_pattern_5m', '', '', make_interval(secs => $3::float8), NULL);

-- name: detail_care_ahead
-- As above: who waits for the rest, or for a table that a range is dropped from, makes all readers wait.
SELECT set_config('lock_timeout', '500ms', true), homeostat_detail_range('metric_1m', 7, now() + d), homeostat_detail_range('service_call_5m', 30, now() + d), homeostat_detail_range('log_pattern_5m', 30, now() + d)
FROM unnest(ARRAY[interval '0', interval '2 days']) AS d;

-- name: detail_care_drop
-- The last parameter of each is the time by our clock: what goes is old by both, so one that is far ahead takes nothing with it.
SELECT set_config('lock_timeout', '500ms', true), homeostat_detail_drop('metric_1m', 7, least(now(), to_timestamp($4::float8)) - make_interval(secs => $1::float8)), homeostat_detail_drop('service_call_5m', 30, least(now(), to_timestamp($4::float8)) - make_interval(secs => $2::float8)),
    homeostat_detail_drop('log_pattern_5m', 30, least(now(), to_timestamp($4::float8)) - make_interval(secs => $3::float8));

-- name: detail_care_locators
DELETE FROM oo_locator WHERE origin_id = $1::int AND t_to < least(now(), to_timestamp($3::float8)) - make_interval(secs => $2::float8);

-- name: detail_care_patterns
DELETE FROM log_pattern p WHERE origin_id = $1::int AND (local_id IS NULL OR last_seen < least(now(), to_timestamp($3::float8)) - make_interval(secs => $2::float8)) AND NOT EXISTS (SELECT 1 FROM log_pattern_5m l WHERE l.fingerprint_id = p.fingerprint_id);

-- name: detail_care_runs
DELETE FROM etl_job_run WHERE origin_id = $1::int AND finished_at < least(now(), to_timestamp($3::float8)) - make_interval(secs => $2::float8) AND status <> 'queued';

-- name: detail_care_events
DELETE FROM event_envelope WHERE detected_at < least(now(), to_timestamp($2::float8)) - make_interval(secs => $1::float8);
