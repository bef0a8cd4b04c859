-- The tables of `layout: detail`, in the schema of the sink (the only one on the search path). Run in one transaction: at first, and
-- again when one of them is missing or of an older version, so what is there already is left alone, but for what adopt.sql adds to it.
-- Columns beyond those of the data model stand at the end and need not be given: rows of others have no origin_id, or 0 where it is part of a key. It tells apart
-- what several Homeostats have counted.
-- sample_ref and ref_oo point to oo_locator without a foreign key: pointers do not live as long as rows, and nobody should have to look for them.

-- name: detail_0001_time
CREATE OR REPLACE FUNCTION homeostat_time(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT AS $f$ SELECT timestamptz '1970-01-01 00:00:00+00' + us * interval '1 microsecond' $f$;

-- name: detail_0001_micros
CREATE OR REPLACE FUNCTION homeostat_micros(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $f$ SELECT (extract(epoch FROM at) * 1000000)::bigint $f$;

-- name: detail_0001_range
CREATE OR REPLACE FUNCTION homeostat_detail_range(parent text, days int, at timestamptz) RETURNS void LANGUAGE plpgsql AS $f$
-- The partition of so many days (UTC) with this moment in it. Rows that came before it was there move over from the rest.
DECLARE
    first bigint := floor(extract(epoch FROM at) / 86400 / days)::bigint * days;
    t_from timestamptz := to_timestamp(first * 86400.0);
    t_to timestamptz := to_timestamp((first + days) * 86400.0);
    child text := parent || '_' || to_char(t_from AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    IF NOT homeostat_is_parted(parent, 'bucket') OR to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('homeostat ' || current_schema() || parent, 0));
    IF to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    IF to_regclass(quote_ident(parent || '_rest')) IS NOT NULL THEN
        EXECUTE format('WITH moved AS (DELETE FROM %I WHERE bucket >= %L AND bucket < %L RETURNING *) INSERT INTO %I SELECT * FROM moved', parent || '_rest', t_from, t_to, child);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, t_from, t_to);
END $f$;

-- name: detail_0001_ranges
CREATE OR REPLACE FUNCTION homeostat_detail_ranges(parent text, stage text, days int, keep interval) RETURNS void LANGUAGE plpgsql SET lock_timeout = '500ms' AS $f$
-- For all rows of a stage; what is too old to be kept, or of days to come, stays with the rest. So does all while somebody reads the rest for long: the range is made when they are done.
DECLARE
    at timestamptz;
BEGIN
    FOR at IN EXECUTE format('SELECT DISTINCT homeostat_time(bucket / %s * %s) FROM pg_temp.%I', days * 86400000000, days * 86400000000, stage) LOOP
        IF at > now() - keep - make_interval(days => days) AND at < now() + interval '2 days' THEN
            PERFORM homeostat_detail_range(parent, days, at);
        END IF;
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    RAISE WARNING 'a partition of % cannot be made now, so its rows stay with the rest: %', parent, SQLERRM;
END $f$;

-- name: detail_0001_drop
CREATE OR REPLACE FUNCTION homeostat_detail_drop(parent text, days int, upto timestamptz) RETURNS void LANGUAGE plpgsql AS $f$
-- Of a table that somebody else made, only what Homeostats have put there.
DECLARE
    child text;
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
BEGIN
    IF homeostat_is_hyper(parent) THEN    -- also where a policy does it: the edition under the Apache licence has none
        EXECUTE format('SELECT count(*) FROM %I.drop_chunks(%L::regclass, older_than => %L::timestamptz)', timescale, quote_ident(parent), upto);
        RETURN;
    END IF;
    IF NOT homeostat_is_parted(parent, 'bucket') THEN
        EXECUTE format('DELETE FROM %I WHERE bucket < %L AND origin_id <> 0', parent, upto);
        RETURN;
    END IF;
    FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = to_regclass(quote_ident(parent)) AND c.relname ~ ('^' || parent || '_[0-9]{8}$') LOOP
        IF (to_date(right(child, 8), 'YYYYMMDD') + days)::timestamp AT TIME ZONE 'UTC' <= upto THEN
            EXECUTE format('DROP TABLE %I', child);
        END IF;
    END LOOP;
    IF to_regclass(quote_ident(parent || '_rest')) IS NOT NULL THEN
        EXECUTE format('DELETE FROM %I WHERE bucket < %L', parent || '_rest', upto);
    END IF;
END $f$;

-- name: detail_0001_table
CREATE OR REPLACE FUNCTION homeostat_detail_table(name text, days int, columns text) RETURNS void LANGUAGE plpgsql AS $f$
-- A hypertable where TimescaleDB is installed in the database; else partitions of so many days, with a last one for what fits into none.
DECLARE
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (%s) %s', name, columns, CASE WHEN timescale IS NULL THEN 'PARTITION BY RANGE (bucket)' ELSE '' END);
    IF timescale IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_rest', name);
    ELSE
        EXECUTE format('SELECT %I.create_hypertable(%L::regclass, %L::name, chunk_time_interval => make_interval(days => %s))', timescale, quote_ident(name), 'bucket', days);
    END IF;
END $f$;

-- name: detail_0001_policies
CREATE OR REPLACE FUNCTION homeostat_detail_policies(name text, segments text, ordering text, keep interval, pack interval) RETURNS void LANGUAGE plpgsql AS $f$
-- Of a hypertable: what the settings say replaces what they said before. A table without segments is not packed. Editions that have no policies say
-- feature_not_supported; what is old is dropped there all the same.
DECLARE
    timescale text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb');
    relation text := quote_ident(name);
    packed boolean;
BEGIN
    IF NOT homeostat_is_hyper(name) THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format('SELECT %I.remove_retention_policy(%L::regclass, if_exists => true)', timescale, relation);
        EXECUTE format('SELECT %I.add_retention_policy(%L::regclass, %L::interval)', timescale, relation, keep);
    EXCEPTION WHEN feature_not_supported THEN
        RAISE WARNING 'no retention policy for %: %', name, SQLERRM;
    END;
    IF segments = '' THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE 'SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_schema = current_schema() AND hypertable_name = $1' INTO packed USING name;
        IF packed IS NOT TRUE THEN    -- before 2.14 it cannot be said again once chunks are compressed
            EXECUTE format('ALTER TABLE %I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)', name, segments, ordering);
        END IF;
        EXECUTE format('SELECT %I.remove_compression_policy(%L::regclass, if_exists => true)', timescale, relation);
        EXECUTE format('SELECT %I.add_compression_policy(%L::regclass, %L::interval)', timescale, relation, pack);
    EXCEPTION WHEN feature_not_supported THEN
        RAISE WARNING 'chunks of % are not packed: %', name, SQLERRM;
    END;
END $f$;

-- name: detail_0001_severity
DO $do$ BEGIN
    CREATE TYPE severity AS ENUM ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL');
EXCEPTION WHEN duplicate_object THEN
    NULL;
END $do$;

-- name: detail_0001_adopt
CREATE OR REPLACE FUNCTION homeostat_detail_adopt() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    PERFORM homeostat_adopt('dim_tenant', ARRAY['tenant_id|bigint|-', 'code|text', 'name|text', 'labels|jsonb', 'created_at|timestamptz'], '{}', '{code}', '', '{}');
    PERFORM homeostat_adopt('dim_resource', ARRAY['resource_id|bigint|-', 'tenant_id|bigint|?', 'urn|text', 'type|text', 'name|text', 'env|text', 'region|text', 'zone|text', 'labels|jsonb',
        'created_at|timestamptz'], '{}', '{tenant_id,urn}', '', '{urn}');
    PERFORM homeostat_adopt('metric_1m', ARRAY['bucket|timestamptz', 'tenant_id|bigint|?', 'resource_id|bigint', 'metric|text', 'avg_val|double precision', 'max_val|double precision',
            'p95_val|double precision', 'labels|jsonb'],
        ARRAY['labels_hash|bigint|0|hashtextextended(gen_random_uuid()::text, 0)', 'min_val|double precision', 'sum_val|double precision', 'samples|bigint|0', 'origin_id|int|0'],
        '{bucket,resource_id,metric,labels_hash,origin_id}', 'WHERE origin_id <> 0', '{}');
    PERFORM homeostat_adopt('service_call_5m', ARRAY['bucket|timestamptz', 'tenant_id|bigint', 'src_resource_id|bigint', 'dst_resource_id|bigint', 'rps|double precision',
            'err_rate|double precision', 'p50_ms|double precision', 'p95_ms|double precision', 'sample_ref|bigint'],
        ARRAY['calls|bigint|0', 'errors|bigint|0', 'sample_record|bigint|0', 'origin_id|int|0'], '{bucket,tenant_id,src_resource_id,dst_resource_id,origin_id}', 'WHERE origin_id <> 0', '{}');
    PERFORM homeostat_adopt('log_pattern_5m', ARRAY['bucket|timestamptz', 'tenant_id|bigint', 'resource_id|bigint', 'fingerprint_id|bigint', 'count_total|bigint', 'count_error|bigint',
        'sample_ref|bigint'], ARRAY['origin_id|int|0'], '{bucket,tenant_id,resource_id,fingerprint_id,origin_id}', 'WHERE origin_id <> 0', '{}');
    PERFORM homeostat_adopt_rest('metric_1m', 'origin_id = 0 OR (tenant_id IS NOT NULL AND resource_id IS NOT NULL)', '');
    PERFORM homeostat_adopt_rest('service_call_5m', '', 'sample_ref'), homeostat_adopt_rest('log_pattern_5m', '', 'sample_ref');
    PERFORM homeostat_adopt('oo_locator', ARRAY['id|bigint|-', 'tenant_id|bigint|?', 'dataset|text', 'bucket|text', 'object_key|text', 't_from|timestamptz', 't_to|timestamptz', 'query_hint|text',
        'attributes|jsonb'], ARRAY['resource_id|bigint', 'first_record|bigint|0', 'last_record|bigint|0', 'events|bigint|0', 'origin_id|int'], '{origin_id,resource_id,dataset,t_from}', '', '{}');
    PERFORM homeostat_adopt('log_pattern', ARRAY['fingerprint_id|bigint|-', 'tenant_id|bigint|?', 'pattern|text', 'sample_message|text', 'severity|text', 'attrs_schema|jsonb',
        'first_seen|timestamptz', 'last_seen|timestamptz'], ARRAY['origin_id|int', 'local_id|bigint'], '{origin_id,local_id}', '', '{}');
    PERFORM homeostat_adopt('event_envelope', ARRAY['event_id|uuid', 'detected_at|timestamptz', 'tenant_id|bigint', 'resource_id|bigint', 'severity|severity', 'kind|text', 'title|text',
        'summary|text', 'labels|jsonb', 'fingerprints|jsonb'], '{}', '{event_id}', '', '{}');
    PERFORM homeostat_adopt('evidence_link', ARRAY['event_id|uuid', 'dim|text', 'ref_pg|jsonb', 'ref_oo|bigint', 'note|text', 'ref_pg_hash|text|-'],
        ARRAY['origin_id|int', 'score|double precision'], '{}', '', '{}');
    PERFORM homeostat_adopt('etl_job_run', ARRAY['job|text', 'tenant_id|bigint|?', 'window_from|timestamptz', 'window_to|timestamptz', 'status|text'], ARRAY['attempts|bigint|0', 'rows|bigint|0',
        'error|text', 'asked_at|timestamptz', 'finished_at|timestamptz', 'origin_id|int|0'], '{job,tenant_id,window_from,window_to,origin_id}', 'WHERE origin_id <> 0', '{}');
    PERFORM homeostat_adopt('etl_job_circuit', ARRAY['job|text', 'tenant_id|bigint', 'state|text', 'failures|bigint', 'open_until|timestamptz', 'updated_at|timestamptz'],
        ARRAY['origin_id|int|0'], '{job,tenant_id,origin_id}', 'WHERE origin_id <> 0', '{}');
    PERFORM homeostat_adopt_rest('oo_locator', 'origin_id IS NULL OR (tenant_id IS NOT NULL AND resource_id IS NOT NULL)', '');
    PERFORM homeostat_adopt_rest('log_pattern', 'origin_id IS NULL OR tenant_id IS NOT NULL', ''), homeostat_adopt_rest('evidence_link', '', 'ref_oo');
    PERFORM homeostat_adopt_rest('etl_job_run', 'origin_id = 0 OR tenant_id IS NOT NULL', 'origin_id'), homeostat_adopt_rest('etl_job_circuit', '', 'origin_id');
    IF (SELECT attgenerated FROM pg_attribute WHERE attrelid = to_regclass('evidence_link') AND attname = 'ref_pg_hash') = '' THEN
        PERFORM homeostat_refuse('column ref_pg_hash of table evidence_link is not generated, and the sink does not fill it',
            'ALTER TABLE evidence_link DROP COLUMN ref_pg_hash, ADD COLUMN ref_pg_hash text GENERATED ALWAYS AS (md5(coalesce(ref_pg::text, ''''))) STORED');
    END IF;
END $f$;

-- name: detail_0001_adopted
SELECT homeostat_detail_adopt();

-- name: detail_0001_origin
-- Who writes here, and up to which change all of it is in these tables: written with the rows.
CREATE TABLE IF NOT EXISTS homeostat_origin (origin_id serial PRIMARY KEY, name text UNIQUE NOT NULL, epoch text NOT NULL, seq bigint NOT NULL DEFAULT 0, kind int NOT NULL DEFAULT 0,
    key bigint NOT NULL DEFAULT 0, expired bigint NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now());

-- name: detail_0001_tenant
CREATE TABLE IF NOT EXISTS dim_tenant (tenant_id bigserial PRIMARY KEY, code text UNIQUE NOT NULL, name text NOT NULL, labels jsonb DEFAULT '{}'::jsonb, created_at timestamptz DEFAULT now());

-- name: detail_0001_resource
-- A name belongs to a tenant: two of them may both have a urn:svc:shop.
CREATE TABLE IF NOT EXISTS dim_resource (resource_id bigserial PRIMARY KEY, tenant_id bigint REFERENCES dim_tenant(tenant_id), urn text NOT NULL, type text NOT NULL, name text NOT NULL,
    env text, region text, zone text, labels jsonb DEFAULT '{}'::jsonb, created_at timestamptz DEFAULT now(), UNIQUE (tenant_id, urn));

-- name: detail_0001_resource_indexes
DO $do$ BEGIN
    CREATE INDEX IF NOT EXISTS idx_res_type ON dim_resource(type);
    CREATE INDEX IF NOT EXISTS idx_res_urn ON dim_resource(urn);
    CREATE INDEX IF NOT EXISTS idx_res_labels_gin ON dim_resource USING GIN(labels);
END $do$;

-- name: detail_0001_origin_tenant
CREATE TABLE IF NOT EXISTS homeostat_origin_tenant (origin_id int NOT NULL REFERENCES homeostat_origin, local_id bigint NOT NULL, tenant_id bigint NOT NULL REFERENCES dim_tenant, PRIMARY KEY (origin_id, local_id));

-- name: detail_0001_origin_resource
CREATE TABLE IF NOT EXISTS homeostat_origin_resource (origin_id int NOT NULL REFERENCES homeostat_origin, local_id bigint NOT NULL, resource_id bigint NOT NULL REFERENCES dim_resource, PRIMARY KEY (origin_id, local_id));

-- name: detail_0001_locator
-- A bucket `journal` is the journal of the origin.
CREATE TABLE IF NOT EXISTS oo_locator (id bigserial PRIMARY KEY, tenant_id bigint REFERENCES dim_tenant(tenant_id), dataset text NOT NULL, bucket text NOT NULL, object_key text NOT NULL,
    t_from timestamptz NOT NULL, t_to timestamptz NOT NULL, query_hint text, attributes jsonb DEFAULT '{}'::jsonb,
    resource_id bigint REFERENCES dim_resource(resource_id), first_record bigint NOT NULL DEFAULT 0, last_record bigint NOT NULL DEFAULT 0, events bigint NOT NULL DEFAULT 0,
    origin_id int REFERENCES homeostat_origin, UNIQUE (origin_id, resource_id, dataset, t_from),
    CONSTRAINT homeostat_known CHECK (origin_id IS NULL OR (tenant_id IS NOT NULL AND resource_id IS NOT NULL)));

-- name: detail_0001_locator_index
CREATE INDEX IF NOT EXISTS idx_oo_time ON oo_locator(dataset, t_from, t_to);

-- name: detail_0001_metric
-- Rows of others have a hash of their own each, since it is part of the key.
SELECT homeostat_detail_table('metric_1m', 7, 'bucket timestamptz NOT NULL, tenant_id bigint REFERENCES dim_tenant(tenant_id), resource_id bigint NOT NULL REFERENCES dim_resource(resource_id),
    metric text NOT NULL, avg_val double precision, max_val double precision, p95_val double precision, labels jsonb DEFAULT ''{}''::jsonb,
    labels_hash bigint NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0), min_val double precision, sum_val double precision, samples bigint NOT NULL DEFAULT 0,
    origin_id int NOT NULL DEFAULT 0, PRIMARY KEY (bucket, resource_id, metric, labels_hash, origin_id),
    CONSTRAINT homeostat_known CHECK (origin_id = 0 OR (tenant_id IS NOT NULL AND resource_id IS NOT NULL))');

-- name: detail_0001_metric_indexes
DO $do$ BEGIN
    CREATE INDEX IF NOT EXISTS idx_metric_key ON metric_1m(resource_id, metric, bucket DESC);
    CREATE INDEX IF NOT EXISTS idx_metric_labels ON metric_1m USING GIN(labels);
END $do$;

-- name: detail_0001_call
SELECT homeostat_detail_table('service_call_5m', 30, 'bucket timestamptz NOT NULL, tenant_id bigint NOT NULL REFERENCES dim_tenant(tenant_id), src_resource_id bigint NOT NULL REFERENCES dim_resource(resource_id),
    dst_resource_id bigint NOT NULL REFERENCES dim_resource(resource_id), rps double precision, err_rate double precision, p50_ms double precision, p95_ms double precision, sample_ref bigint,
    calls bigint NOT NULL DEFAULT 0, errors bigint NOT NULL DEFAULT 0, sample_record bigint NOT NULL DEFAULT 0, origin_id int NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket, tenant_id, src_resource_id, dst_resource_id, origin_id)');

-- name: detail_0001_call_index
CREATE INDEX IF NOT EXISTS idx_call_src_dst ON service_call_5m(src_resource_id, dst_resource_id, bucket);

-- name: detail_0001_pattern
-- local_id is what the origin calls it; NULL: the origin began anew and does not know it any more.
CREATE TABLE IF NOT EXISTS log_pattern (fingerprint_id bigserial PRIMARY KEY, tenant_id bigint REFERENCES dim_tenant(tenant_id), pattern text NOT NULL, sample_message text, severity text,
    attrs_schema jsonb DEFAULT '{}'::jsonb, first_seen timestamptz, last_seen timestamptz, origin_id int REFERENCES homeostat_origin, local_id bigint, UNIQUE (origin_id, local_id),
    CONSTRAINT homeostat_known CHECK (origin_id IS NULL OR tenant_id IS NOT NULL));

-- name: detail_0001_pattern_indexes
DO $do$
DECLARE
    trigrams text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
BEGIN
    CREATE INDEX IF NOT EXISTS idx_logpat_tenant ON log_pattern(tenant_id);
    IF trigrams IS NOT NULL THEN
        EXECUTE format('CREATE INDEX IF NOT EXISTS idx_logpat_pattern_trgm ON log_pattern USING GIN (pattern %I.gin_trgm_ops)', trigrams);
    END IF;
END $do$;

-- name: detail_0001_log
SELECT homeostat_detail_table('log_pattern_5m', 30, 'bucket timestamptz NOT NULL, tenant_id bigint NOT NULL REFERENCES dim_tenant(tenant_id), resource_id bigint NOT NULL REFERENCES dim_resource(resource_id),
    fingerprint_id bigint NOT NULL REFERENCES log_pattern(fingerprint_id), count_total bigint NOT NULL, count_error bigint NOT NULL DEFAULT 0, sample_ref bigint, origin_id int NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket, tenant_id, resource_id, fingerprint_id, origin_id)');

-- name: detail_0001_log_indexes
DO $do$ BEGIN
    CREATE INDEX IF NOT EXISTS idx_logpat5m_res ON log_pattern_5m(resource_id, bucket DESC);
    CREATE INDEX IF NOT EXISTS idx_logpat5m_pattern ON log_pattern_5m(fingerprint_id);
END $do$;

-- name: detail_0001_topo
-- Nothing fills it yet.
CREATE TABLE IF NOT EXISTS topo_edge_time (tenant_id bigint REFERENCES dim_tenant(tenant_id), src_resource_id bigint REFERENCES dim_resource(resource_id), dst_resource_id bigint REFERENCES dim_resource(resource_id),
    relation text NOT NULL, valid tstzrange NOT NULL, props jsonb DEFAULT '{}'::jsonb, PRIMARY KEY (tenant_id, src_resource_id, dst_resource_id, relation, valid));

-- name: detail_0001_topo_index
CREATE INDEX IF NOT EXISTS idx_topo_valid ON topo_edge_time USING GIST (valid);

-- name: detail_0001_event
CREATE TABLE IF NOT EXISTS event_envelope (event_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), detected_at timestamptz NOT NULL DEFAULT now(), tenant_id bigint REFERENCES dim_tenant(tenant_id),
    resource_id bigint REFERENCES dim_resource(resource_id), severity severity NOT NULL, kind text NOT NULL, title text, summary text, labels jsonb DEFAULT '{}'::jsonb,
    fingerprints jsonb DEFAULT '{}'::jsonb);

-- name: detail_0001_event_index
CREATE INDEX IF NOT EXISTS idx_event_time ON event_envelope(tenant_id, detected_at DESC);

-- name: detail_0001_evidence
CREATE TABLE IF NOT EXISTS evidence_link (evidence_id bigserial PRIMARY KEY, event_id uuid NOT NULL REFERENCES event_envelope(event_id) ON DELETE CASCADE, dim text NOT NULL, ref_pg jsonb, ref_oo bigint,
    note text, ref_pg_hash text GENERATED ALWAYS AS (md5(coalesce(ref_pg::text, ''))) STORED, origin_id int REFERENCES homeostat_origin, score double precision);

-- name: detail_0001_evidence_indexes
DO $do$ BEGIN
    CREATE UNIQUE INDEX IF NOT EXISTS ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));
    CREATE INDEX IF NOT EXISTS idx_evidence_event ON evidence_link(event_id);
END $do$;

-- name: detail_0001_run
CREATE TABLE IF NOT EXISTS etl_job_run (id bigserial PRIMARY KEY, job text NOT NULL, tenant_id bigint REFERENCES dim_tenant(tenant_id), window_from timestamptz NOT NULL, window_to timestamptz NOT NULL,
    status text NOT NULL, attempts bigint NOT NULL DEFAULT 0, rows bigint NOT NULL DEFAULT 0, error text, asked_at timestamptz, finished_at timestamptz, origin_id int NOT NULL DEFAULT 0,
    CONSTRAINT ux_job_once UNIQUE (job, tenant_id, window_from, window_to, origin_id), CONSTRAINT homeostat_known CHECK (origin_id = 0 OR tenant_id IS NOT NULL));

-- name: detail_0001_circuit
CREATE TABLE IF NOT EXISTS etl_job_circuit (job text NOT NULL, tenant_id bigint NOT NULL REFERENCES dim_tenant(tenant_id), state text NOT NULL, failures bigint NOT NULL, open_until timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, origin_id int NOT NULL DEFAULT 0, PRIMARY KEY (job, tenant_id, origin_id));

-- name: detail_0001_event_id
CREATE OR REPLACE FUNCTION homeostat_event_id(origin int, id text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $f$
-- An id that is no UUID becomes one, always the same.
SELECT CASE WHEN id ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$' THEN id::uuid ELSE md5(origin || ' ' || id)::uuid END $f$;

-- name: detail_0001_ref
CREATE OR REPLACE FUNCTION homeostat_ref(origin int, ref jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $f$
-- Evidence names rows by the ids of its origin; here they have others.
SELECT CASE WHEN jsonb_typeof(ref->'keys') IS DISTINCT FROM 'object' THEN ref ELSE jsonb_set(ref, '{keys}', (
    SELECT coalesce(jsonb_object_agg(k.key, CASE
        WHEN jsonb_typeof(k.value) <> 'number' THEN k.value
        WHEN k.key = 'tenant_id' THEN to_jsonb((SELECT t.tenant_id FROM homeostat_origin_tenant t WHERE t.origin_id = origin AND t.local_id = (k.value #>> '{}')::bigint))
        WHEN k.key LIKE '%resource_id' THEN to_jsonb((SELECT r.resource_id FROM homeostat_origin_resource r WHERE r.origin_id = origin AND r.local_id = (k.value #>> '{}')::bigint))
        WHEN k.key = 'fingerprint_id' THEN to_jsonb((SELECT p.fingerprint_id FROM log_pattern p WHERE p.origin_id = origin AND p.local_id = (k.value #>> '{}')::bigint))
        ELSE k.value END), '{}'::jsonb) FROM jsonb_each(ref->'keys') k)) END $f$;

-- name: detail_0001_unknown
CREATE OR REPLACE FUNCTION homeostat_detail_unknown(origin int) RETURNS void LANGUAGE plpgsql AS $f$
-- A thing that found no row stands under another tenant in a table where its name may stand once only.
DECLARE
    x record;
BEGIN
    SELECT s.urn, d.tenant_id INTO x FROM pg_temp.homeostat_d_resource s LEFT JOIN dim_resource d ON d.urn = s.urn
    WHERE NOT EXISTS (SELECT 1 FROM homeostat_origin_resource r WHERE r.origin_id = origin AND r.local_id = s.resource_id) LIMIT 1;
    IF FOUND THEN
        PERFORM homeostat_refuse(format('table dim_resource has no row for %s of one tenant, since tenant_id %s has it and its key is (urn)', left(x.urn, 60), coalesce(x.tenant_id::text, 'NULL')),
            'drop that key, UNIQUE (tenant_id, urn) is there');
    END IF;
END $f$;
