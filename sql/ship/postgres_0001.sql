-- The tables that the sink `postgres` fills, made in its schema (the only one on the search path). Run in one transaction; again when the version is higher or a table is gone,
-- so each statement leaves alone what is there, but for what adopt.sql adds to it. Columns beyond those of the data model need not be given: a row of another has a
-- record_id that no record has, or none.

-- name: postgres_0001_make_day
CREATE OR REPLACE FUNCTION homeostat_make_day(parent text, day date) RETURNS void LANGUAGE plpgsql AS $f$
-- The partition of a day (UTC). Rows of that day that came before it was there move over from the rest.
DECLARE
    child text := parent || '_' || to_char(day, 'YYYYMMDD');
    t_from timestamptz := day::timestamp AT TIME ZONE 'UTC';
    t_to timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF NOT homeostat_is_parted(parent, 'time') OR to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('homeostat ' || current_schema() || parent, 0));
    IF to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    IF to_regclass(quote_ident(parent || '_rest')) IS NOT NULL THEN
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE time >= %L AND time < %L RETURNING *) INSERT INTO %I SELECT * FROM moved', parent || '_rest', t_from, t_to, child);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, t_from, t_to);
END $f$;

-- name: postgres_0001_drop_before
CREATE OR REPLACE FUNCTION homeostat_drop_before(parent text, upto timestamptz) RETURNS int LANGUAGE plpgsql AS $f$
-- Of a table that somebody else made, only what Homeostats have put there.
DECLARE
    child text;
    dropped int := 0;
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
BEGIN
    IF homeostat_is_hyper(parent) THEN    -- also where a policy does it: the edition under the Apache licence has none
        EXECUTE format('SELECT count(*) FROM %I.drop_chunks(%L::regclass, older_than => %L::timestamptz)', timescale, quote_ident(parent), upto) INTO dropped;
        RETURN dropped;
    END IF;
    IF NOT homeostat_is_parted(parent, 'time') THEN
        EXECUTE format('DELETE FROM %I WHERE time < %L AND record_id IS NOT NULL', parent, upto);
        RETURN 0;
    END IF;
    FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = to_regclass(quote_ident(parent)) AND c.relname ~ ('^' || parent || '_[0-9]{8}$') LOOP
        IF (to_date(right(child, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= upto THEN
            EXECUTE format('DROP TABLE %I', child);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    IF to_regclass(quote_ident(parent || '_rest')) IS NOT NULL THEN
        EXECUTE format('DELETE FROM %I WHERE time < %L', parent || '_rest', upto);
    END IF;
    RETURN dropped;
END $f$;

-- name: postgres_0001_make_table
CREATE OR REPLACE FUNCTION homeostat_make_table(name text, columns text) RETURNS void LANGUAGE plpgsql AS $f$
-- A hypertable where TimescaleDB is installed in the database; else partitions by day, with a last one for what fits into none.
DECLARE
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (%s, PRIMARY KEY (time, record_id, event_index, resource_id)) %s', name, columns, CASE WHEN timescale IS NULL THEN 'PARTITION BY RANGE (time)' ELSE '' END);
    IF timescale IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_rest', name);
    ELSE
        EXECUTE format('SELECT %I.create_hypertable(%L::regclass, %L::name, chunk_time_interval => interval ''1 day'')', timescale, quote_ident(name), 'time');
    END IF;
END $f$;

-- name: postgres_0001_policies
CREATE OR REPLACE FUNCTION homeostat_policies(name text, keep interval, pack interval) RETURNS void LANGUAGE plpgsql AS $f$
-- Of a hypertable: what the settings say replaces what they said before. Editions that have no policies say feature_not_supported; what is old is dropped there all the same.
DECLARE
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
    relation text := quote_ident(name);
    packs boolean;
BEGIN
    IF NOT homeostat_is_hyper(name) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format('SELECT %I.remove_retention_policy(%L::regclass, if_exists => true)', timescale, relation);
        IF keep IS NOT NULL THEN
            EXECUTE format('SELECT %I.add_retention_policy(%L::regclass, %L::interval)', timescale, relation, keep);
        END IF;
    EXCEPTION WHEN feature_not_supported THEN
        RAISE WARNING 'no retention policy for %: %', name, SQLERRM;
    END;
    IF pack IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE 'SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema() AND hypertable_name = $1' INTO packs USING name;
        IF packs IS NOT TRUE THEN    -- before 2.14 it cannot be said again once chunks are compressed
            EXECUTE format('ALTER TABLE %I SET (timescaledb.compress, timescaledb.compress_segmentby = ''app'', timescaledb.compress_orderby = ''time DESC, record_id, event_index, resource_id'')', name);
        END IF;
        EXECUTE format('SELECT %I.remove_compression_policy(%L::regclass, if_exists => true)', timescale, relation);
        EXECUTE format('SELECT %I.add_compression_policy(%L::regclass, %L::interval)', timescale, relation, pack);
    EXCEPTION WHEN feature_not_supported THEN
        RAISE WARNING 'chunks of % are not packed: %', name, SQLERRM;
    END;
END $f$;

-- name: postgres_0001_adopt
CREATE OR REPLACE FUNCTION homeostat_adopt_events() RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    ids text[] := ARRAY['tenant|text|''''', 'resource_id|bigint||0', 'record_id|bigint||hashtextextended(gen_random_uuid()::text, 0)', 'event_index|int||0'];
    key text[] := '{time,record_id,event_index,resource_id}';
BEGIN
    PERFORM homeostat_adopt('metrics_events', ARRAY['time|timestamptz', 'app|text|?', 'host|text|?', 'labels|jsonb|?', 'value|double precision', 'trace_id|text', 'level|text'],
        ARRAY['name|text|''''', 'kind|text|''''', 'unit|text|''''', 'detail|jsonb'] || ids, key, '', '{}');
    PERFORM homeostat_adopt('trace_events', ARRAY['time|timestamptz', 'trace_id|text'], ARRAY['span_id|text|''''', 'parent_id|text', 'app|text', 'host|text', 'name|text|''''', 'kind|text|''''',
        'status|text|''''', 'status_message|text', 'duration_ns|bigint|0', 'labels|jsonb', 'detail|jsonb'] || ids, key, '', '{}');
    PERFORM homeostat_adopt('logs_events', ARRAY['time|timestamptz', 'app|text|?', 'host|text|?', 'trace_id|text', 'message|text', 'labels|jsonb|?'],
        ARRAY['span_id|text', 'level|text', 'severity|smallint|0'] || ids, key, '', '{}');
END $f$;

-- name: postgres_0001_adopted
SELECT homeostat_adopt_events();

-- name: postgres_0001_metrics
SELECT homeostat_make_table('metrics_events', 'time timestamptz NOT NULL, app text, host text, labels jsonb, name text NOT NULL DEFAULT '''', value double precision, trace_id text, level text,
    kind text NOT NULL DEFAULT '''', unit text NOT NULL DEFAULT '''', detail jsonb, tenant text NOT NULL DEFAULT '''', resource_id bigint NOT NULL DEFAULT 0,
    record_id bigint NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0), event_index int NOT NULL DEFAULT 0');

-- name: postgres_0001_traces
SELECT homeostat_make_table('trace_events', 'time timestamptz NOT NULL, trace_id text NOT NULL, span_id text NOT NULL DEFAULT '''', parent_id text, app text, host text, name text NOT NULL DEFAULT '''',
    kind text NOT NULL DEFAULT '''', status text NOT NULL DEFAULT '''', status_message text, duration_ns bigint NOT NULL DEFAULT 0, labels jsonb, detail jsonb, tenant text NOT NULL DEFAULT '''',
    resource_id bigint NOT NULL DEFAULT 0, record_id bigint NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0), event_index int NOT NULL DEFAULT 0');

-- name: postgres_0001_trace_id
CREATE INDEX IF NOT EXISTS trace_events_trace_id ON trace_events (trace_id, time);

-- name: postgres_0001_logs
SELECT homeostat_make_table('logs_events', 'time timestamptz NOT NULL, app text, host text, trace_id text, span_id text, level text, severity smallint NOT NULL DEFAULT 0,
    message text NOT NULL, labels jsonb, tenant text NOT NULL DEFAULT '''', resource_id bigint NOT NULL DEFAULT 0,
    record_id bigint NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0), event_index int NOT NULL DEFAULT 0');

-- name: postgres_0001_logs_trace_id
CREATE INDEX IF NOT EXISTS logs_events_trace_id ON logs_events (trace_id, time) WHERE trace_id IS NOT NULL;
