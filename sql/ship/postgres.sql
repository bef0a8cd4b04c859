-- What the sink `postgres` says. $1 of the session: the schema.

-- name: postgres_has_schema
SELECT to_regnamespace(quote_ident($1)) IS NOT NULL;

-- name: postgres_make_schema
DO $do$ BEGIN EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', current_setting('homeostat.schema')); END $do$;

-- name: postgres_name_schema
SELECT set_config('homeostat.schema', $1, false), set_config('client_encoding', 'UTF8', false), set_config('timezone', 'UTC', false);

-- name: postgres_session
SELECT set_config('search_path', quote_ident($1), false);

-- name: postgres_lock
-- Tables of others may be large: what is added to them may take its time. Waiting for them may not: everybody else waits behind us, and after a second (deadlock_timeout) it might be
-- somebody else's statement that is ended for a deadlock. Who comes too early comes again.
SELECT set_config('statement_timeout', $1, true), pg_advisory_xact_lock(hashtextextended('homeostat migration ' || current_schema(), 0)), set_config('lock_timeout', '500ms', true);

-- name: postgres_migrations_table
CREATE TABLE IF NOT EXISTS homeostat_migrations (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());

-- name: postgres_has_migrations
-- A table that somebody dropped is made again, whatever version was noted; one that somebody made again without our columns gets them.
SELECT to_regclass('homeostat_migrations') IS NOT NULL AND (SELECT count(*) = 3 FROM pg_attribute
    WHERE attrelid IN (to_regclass('logs_events'), to_regclass('metrics_events'), to_regclass('trace_events')) AND attname = 'record_id' AND NOT attisdropped);

-- name: postgres_version
SELECT coalesce(max(version), 0) FROM homeostat_migrations;

-- name: postgres_migrated
INSERT INTO homeostat_migrations (version) VALUES ($1::int) ON CONFLICT DO NOTHING;

-- name: postgres_policies
SELECT homeostat_policies($1, make_interval(secs => nullif($2::float8, 0)), make_interval(secs => nullif($3::float8, 0)));

-- name: postgres_make_day
-- As above: who waits for the rest, or for a table that a day is dropped from, makes all readers wait.
SELECT set_config('lock_timeout', '500ms', true), homeostat_make_day($1, $2::date);

-- name: postgres_drop_before
-- $2: what our clock says is too old, $3: seconds that are kept. The server's clock has a say, so that one of ours which runs far ahead drops nothing.
SELECT set_config('lock_timeout', '500ms', true), homeostat_drop_before($1, least(to_timestamp($2::float8), now() - make_interval(secs => $3::float8)));

-- name: postgres_stage_metrics
CREATE TEMPORARY TABLE homeostat_stage_metrics ON COMMIT DELETE ROWS AS SELECT time, record_id, event_index, resource_id, tenant, app, host, name, value, kind, unit, trace_id, level, detail, labels
FROM metrics_events WITH NO DATA;

-- name: postgres_stage_traces
CREATE TEMPORARY TABLE homeostat_stage_traces ON COMMIT DELETE ROWS AS SELECT time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, parent_id, name, kind, status, status_message, duration_ns, detail, labels
FROM trace_events WITH NO DATA;

-- name: postgres_stage_logs
CREATE TEMPORARY TABLE homeostat_stage_logs ON COMMIT DELETE ROWS AS SELECT time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, level, severity, message, labels
FROM logs_events WITH NO DATA;

-- name: postgres_copy_metrics
COPY pg_temp.homeostat_stage_metrics (time, record_id, event_index, resource_id, tenant, app, host, name, value, kind, unit, trace_id, level, detail, labels) FROM STDIN (FORMAT binary);

-- name: postgres_copy_traces
COPY pg_temp.homeostat_stage_traces (time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, parent_id, name, kind, status, status_message, duration_ns, detail, labels) FROM STDIN (FORMAT binary);

-- name: postgres_copy_logs
COPY pg_temp.homeostat_stage_logs (time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, level, severity, message, labels) FROM STDIN (FORMAT binary);

-- name: postgres_insert_metrics
INSERT INTO metrics_events (time, record_id, event_index, resource_id, tenant, app, host, name, value, kind, unit, trace_id, level, detail, labels)
SELECT time, record_id, event_index, resource_id, tenant, app, host, name, value, kind, unit, trace_id, level, detail, labels FROM pg_temp.homeostat_stage_metrics
ON CONFLICT (time, record_id, event_index, resource_id) DO NOTHING;

-- name: postgres_insert_traces
INSERT INTO trace_events (time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, parent_id, name, kind, status, status_message, duration_ns, detail, labels)
SELECT time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, parent_id, name, kind, status, status_message, duration_ns, detail, labels FROM pg_temp.homeostat_stage_traces
ON CONFLICT (time, record_id, event_index, resource_id) DO NOTHING;

-- name: postgres_insert_logs
INSERT INTO logs_events (time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, level, severity, message, labels)
SELECT time, record_id, event_index, resource_id, tenant, app, host, trace_id, span_id, level, severity, message, labels FROM pg_temp.homeostat_stage_logs
ON CONFLICT (time, record_id, event_index, resource_id) DO NOTHING;

-- name: postgres_begin
BEGIN;

-- name: postgres_commit
COMMIT;

-- name: postgres_rollback
ROLLBACK;
