"""The tables of the data model as its appendix has them, for who made them before Homeostat came. Left out: extensions that are not packaged and what only they understand."""

METRICS_EVENTS = """
CREATE TABLE metrics_events (
  time      TIMESTAMPTZ NOT NULL,
  app       TEXT,
  host      TEXT,
  labels    JSONB,
  value     DOUBLE PRECISION,
  trace_id  TEXT,
  level     TEXT
);
"""

TABLES = """
CREATE TABLE dim_tenant (
  tenant_id BIGSERIAL PRIMARY KEY,
  code      TEXT UNIQUE NOT NULL,
  name      TEXT NOT NULL,
  labels    JSONB DEFAULT '{}'::jsonb,
  created_at TIMESTAMPTZ DEFAULT now()
);
CREATE TABLE dim_resource (
  resource_id BIGSERIAL PRIMARY KEY,
  tenant_id   BIGINT REFERENCES dim_tenant(tenant_id),
  urn         TEXT UNIQUE NOT NULL,
  type        TEXT NOT NULL,
  name        TEXT NOT NULL,
  env         TEXT,
  region      TEXT,
  zone        TEXT,
  labels      JSONB DEFAULT '{}'::jsonb,
  created_at  TIMESTAMPTZ DEFAULT now()
);
CREATE INDEX idx_res_type ON dim_resource(type);
CREATE INDEX idx_res_labels_gin ON dim_resource USING GIN(labels);
CREATE TABLE oo_locator (
  id          BIGSERIAL PRIMARY KEY,
  tenant_id   BIGINT REFERENCES dim_tenant(tenant_id),
  dataset     TEXT NOT NULL,
  bucket      TEXT NOT NULL,
  object_key  TEXT NOT NULL,
  t_from      TIMESTAMPTZ NOT NULL,
  t_to        TIMESTAMPTZ NOT NULL,
  query_hint  TEXT,
  attributes  JSONB DEFAULT '{}'::jsonb
);
CREATE INDEX idx_oo_time ON oo_locator(dataset, t_from, t_to);
CREATE TABLE metric_1m (
  bucket      TIMESTAMPTZ NOT NULL,
  tenant_id   BIGINT REFERENCES dim_tenant(tenant_id),
  resource_id BIGINT REFERENCES dim_resource(resource_id),
  metric      TEXT NOT NULL,
  avg_val     DOUBLE PRECISION,
  max_val     DOUBLE PRECISION,
  p95_val     DOUBLE PRECISION,
  labels      JSONB DEFAULT '{}'::jsonb
);
CREATE INDEX idx_metric_key ON metric_1m(resource_id, metric, bucket DESC);
CREATE INDEX idx_metric_labels ON metric_1m USING GIN(labels);
CREATE TABLE service_call_5m (
  bucket          TIMESTAMPTZ NOT NULL,
  tenant_id       BIGINT REFERENCES dim_tenant(tenant_id),
  src_resource_id BIGINT REFERENCES dim_resource(resource_id),
  dst_resource_id BIGINT REFERENCES dim_resource(resource_id),
  rps             DOUBLE PRECISION,
  err_rate        DOUBLE PRECISION,
  p50_ms          DOUBLE PRECISION,
  p95_ms          DOUBLE PRECISION,
  sample_ref      BIGINT REFERENCES oo_locator(id),
  PRIMARY KEY(bucket, tenant_id, src_resource_id, dst_resource_id)
);
CREATE INDEX idx_call_src_dst ON service_call_5m(src_resource_id, dst_resource_id, bucket);
CREATE TABLE log_pattern (
  fingerprint_id BIGSERIAL PRIMARY KEY,
  tenant_id       BIGINT REFERENCES dim_tenant(tenant_id),
  pattern         TEXT NOT NULL,
  sample_message  TEXT,
  severity        TEXT,
  attrs_schema    JSONB DEFAULT '{}'::jsonb,
  first_seen      TIMESTAMPTZ,
  last_seen       TIMESTAMPTZ
);
CREATE INDEX idx_logpat_tenant ON log_pattern(tenant_id);
CREATE TABLE log_pattern_5m (
  bucket          TIMESTAMPTZ NOT NULL,
  tenant_id       BIGINT REFERENCES dim_tenant(tenant_id),
  resource_id     BIGINT REFERENCES dim_resource(resource_id),
  fingerprint_id  BIGINT REFERENCES log_pattern(fingerprint_id),
  count_total     BIGINT NOT NULL,
  count_error     BIGINT NOT NULL DEFAULT 0,
  sample_ref      BIGINT REFERENCES oo_locator(id),
  PRIMARY KEY(bucket, tenant_id, resource_id, fingerprint_id)
);
CREATE INDEX idx_logpat5m_res ON log_pattern_5m(resource_id, bucket DESC);
CREATE TABLE topo_edge_time (
  tenant_id       BIGINT REFERENCES dim_tenant(tenant_id),
  src_resource_id BIGINT REFERENCES dim_resource(resource_id),
  dst_resource_id BIGINT REFERENCES dim_resource(resource_id),
  relation        TEXT NOT NULL,
  valid           tstzrange NOT NULL,
  props           JSONB DEFAULT '{}'::jsonb,
  PRIMARY KEY(tenant_id, src_resource_id, dst_resource_id, relation, valid)
);
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'severity' AND typnamespace = current_schema()::regnamespace) THEN
    CREATE TYPE severity AS ENUM ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL');
  END IF;
END $$;
CREATE TABLE event_envelope (
  event_id      UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  detected_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  tenant_id     BIGINT REFERENCES dim_tenant(tenant_id),
  resource_id   BIGINT REFERENCES dim_resource(resource_id),
  severity      severity NOT NULL,
  kind          TEXT NOT NULL,
  title         TEXT,
  summary       TEXT,
  labels        JSONB DEFAULT '{}'::jsonb,
  fingerprints  JSONB DEFAULT '{}'::jsonb
);
CREATE INDEX idx_event_time ON event_envelope(tenant_id, detected_at DESC);
CREATE TABLE evidence_link (
  evidence_id   BIGSERIAL PRIMARY KEY,
  event_id      UUID NOT NULL REFERENCES event_envelope(event_id) ON DELETE CASCADE,
  dim           TEXT NOT NULL,
  ref_pg        JSONB,
  ref_oo        BIGINT REFERENCES oo_locator(id),
  note          TEXT,
  ref_pg_hash   TEXT GENERATED ALWAYS AS (md5(coalesce(ref_pg::text, ''))) STORED
);
CREATE UNIQUE INDEX ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));
CREATE INDEX idx_evidence_event ON evidence_link(event_id);
"""

# What another program puts there, with nothing but the columns of the data model. {at}: when.
ROWS = """
INSERT INTO dim_tenant (code, name) VALUES ('theirs', 'another program');
INSERT INTO dim_resource (tenant_id, urn, type, name) SELECT tenant_id, 'urn:theirs:' || n, 'svc', 'theirs' || n FROM dim_tenant, generate_series(1, 2) n WHERE code = 'theirs';
INSERT INTO dim_resource (urn, type, name) VALUES ('urn:svc:nobody', 'svc', 'nobody');
INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to) SELECT tenant_id, 'logs', 'theirs', 'key/' || n, {at}, {at} FROM dim_tenant, generate_series(1, 2) n WHERE code = 'theirs';
INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, labels) SELECT {at}, tenant_id, resource_id, 'theirs', n, json_build_object('n', n) FROM dim_resource, generate_series(1, 2) n WHERE urn = 'urn:theirs:1';
INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, sample_ref)
    SELECT {at}, a.tenant_id, a.resource_id, b.resource_id, 7, (SELECT min(id) FROM oo_locator WHERE bucket = 'theirs') FROM dim_resource a, dim_resource b WHERE a.urn = 'urn:theirs:1' AND b.urn = 'urn:theirs:2';
INSERT INTO log_pattern (tenant_id, pattern) SELECT tenant_id, 'theirs <*>' FROM dim_tenant, generate_series(1, 2) WHERE code = 'theirs';
INSERT INTO log_pattern_5m (bucket, tenant_id, resource_id, fingerprint_id, count_total)
    SELECT {at}, r.tenant_id, r.resource_id, p.fingerprint_id, 3 FROM dim_resource r JOIN log_pattern p USING (tenant_id) WHERE r.urn = 'urn:theirs:1';
INSERT INTO topo_edge_time (tenant_id, src_resource_id, dst_resource_id, relation, valid)
    SELECT a.tenant_id, a.resource_id, b.resource_id, 'calls', tstzrange({at}, NULL) FROM dim_resource a, dim_resource b WHERE a.urn = 'urn:theirs:1' AND b.urn = 'urn:theirs:2';
INSERT INTO event_envelope (event_id, detected_at, severity, kind, title) VALUES ('00000000-0000-4000-8000-000000000001', {at}, 'WARN', 'deploy', 'theirs');
INSERT INTO evidence_link (event_id, dim, ref_oo) SELECT '00000000-0000-4000-8000-000000000001', 'log', id FROM oo_locator WHERE bucket = 'theirs';
INSERT INTO evidence_link (event_id, dim, ref_pg) VALUES ('00000000-0000-4000-8000-000000000001', 'kb', '{{"table": "kb_chunk", "keys": {{"chunk_id": 1}}}}');
"""

# Each of these rows, whole: to see that nobody touches them.
THEIRS = {
    "dim_tenant": "code = 'theirs'", "dim_resource": "urn ~ '^urn:theirs:' OR urn = 'urn:svc:nobody'", "oo_locator": "bucket = 'theirs'", "metric_1m": "metric = 'theirs'",
    "service_call_5m": "rps = 7 AND p95_ms IS NULL", "log_pattern": "pattern = 'theirs <*>'",
    "log_pattern_5m": "fingerprint_id IN (SELECT fingerprint_id FROM log_pattern WHERE pattern = 'theirs <*>')", "topo_edge_time": "relation = 'calls'",
    "event_envelope": "title = 'theirs'", "evidence_link": "event_id = '00000000-0000-4000-8000-000000000001'",
}
COUNTS = {"dim_tenant": 1, "dim_resource": 3, "oo_locator": 2, "metric_1m": 2, "service_call_5m": 1, "log_pattern": 2, "log_pattern_5m": 2, "topo_edge_time": 1, "event_envelope": 1, "evidence_link": 3}


def theirs(pg, schema):
    """Their rows, with the columns of the data model."""
    ours = {"labels_hash", "min_val", "sum_val", "samples", "origin_id", "calls", "errors", "sample_record", "first_record", "last_record", "events", "local_id", "score"}
    asked = lambda t, where: pg.psql(f"SET search_path = {schema}; SELECT to_jsonb(t) FROM {t} t WHERE {where} ORDER BY to_jsonb(t)::text")
    more = lambda t: ours | ({"resource_id"} if t == "oo_locator" else set())
    return {t: sorted(repr({k: v for k, v in row.items() if k not in more(t)}) for row, in asked(t, where)) for t, where in THEIRS.items()}


def put_theirs(pg, schema, at="date_trunc('hour', now()) - interval '1 hour'"):
    pg.psql(f"SET search_path = {schema}; " + ROWS.format(at=at))
    there = theirs(pg, schema)
    assert {t: len(rows) for t, rows in there.items()} == COUNTS
    return there


def remove_theirs(pg, schema):
    for table in reversed(THEIRS):
        pg.psql(f"SET search_path = {schema}; DELETE FROM {table} WHERE {THEIRS[table]}")
