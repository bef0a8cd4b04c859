-- digest.db: the small tables that diagnosis reads. May be thrown away and made again from what the journal still holds.
-- Times are microseconds since 1970. Columns beyond those of the data model stand at the end of their table.

CREATE TABLE dim_tenant (
    tenant_id  INTEGER PRIMARY KEY,
    code       TEXT UNIQUE NOT NULL,          -- '' is the installation's own
    name       TEXT NOT NULL,
    labels     TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE dim_resource (
    resource_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL REFERENCES dim_tenant(tenant_id),
    urn         TEXT NOT NULL,
    type        TEXT NOT NULL,
    name        TEXT NOT NULL,
    env         TEXT,
    region      TEXT,
    zone        TEXT,
    labels      TEXT NOT NULL DEFAULT '{}',
    created_at  INTEGER NOT NULL,
    UNIQUE (tenant_id, urn)
) STRICT;
CREATE INDEX ix_resource_name ON dim_resource(name);
CREATE INDEX ix_resource_urn ON dim_resource(urn);

-- Where raw data lies: the records first_record..last_record of the journal hold (among others) this resource's data of these minutes.
CREATE TABLE oo_locator (
    id           INTEGER PRIMARY KEY,
    tenant_id    INTEGER NOT NULL,
    dataset      TEXT NOT NULL,               -- logs, metrics, traces
    bucket       TEXT NOT NULL,               -- 'journal'
    object_key   TEXT NOT NULL,
    t_from       INTEGER NOT NULL,
    t_to         INTEGER NOT NULL,
    query_hint   TEXT,
    attributes   TEXT NOT NULL DEFAULT '{}',
    resource_id  INTEGER NOT NULL,
    first_record INTEGER NOT NULL,
    last_record  INTEGER NOT NULL,
    events       INTEGER NOT NULL,
    UNIQUE (resource_id, dataset, t_from)
) STRICT;
CREATE INDEX idx_oo_time ON oo_locator(dataset, t_from, t_to);
CREATE INDEX ix_oo_age ON oo_locator(t_to);

CREATE TABLE metric_1m (
    bucket      INTEGER NOT NULL,
    tenant_id   INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    metric      TEXT NOT NULL,
    avg_val     REAL,
    max_val     REAL,
    p95_val     REAL,
    labels      TEXT NOT NULL DEFAULT '{}',
    labels_hash INTEGER NOT NULL,
    min_val     REAL,
    sum_val     REAL,
    samples     INTEGER NOT NULL,
    PRIMARY KEY (resource_id, metric, labels_hash, bucket)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_metric_age ON metric_1m(bucket);

CREATE TABLE service_call_5m (
    bucket          INTEGER NOT NULL,
    tenant_id       INTEGER NOT NULL,
    src_resource_id INTEGER NOT NULL,
    dst_resource_id INTEGER NOT NULL,
    rps             REAL,
    err_rate        REAL,
    p50_ms          REAL,
    p95_ms          REAL,
    sample_ref      INTEGER,
    calls           INTEGER NOT NULL,
    errors          INTEGER NOT NULL,
    sample_record   INTEGER NOT NULL,         -- a record of the journal that holds such a call
    PRIMARY KEY (bucket, tenant_id, src_resource_id, dst_resource_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_call_src_dst ON service_call_5m(src_resource_id, dst_resource_id, bucket);

CREATE TABLE log_pattern (
    fingerprint_id INTEGER PRIMARY KEY,
    tenant_id      INTEGER NOT NULL,
    pattern        TEXT NOT NULL,
    sample_message TEXT,
    severity       TEXT,
    attrs_schema   TEXT NOT NULL DEFAULT '{}',
    first_seen     INTEGER,
    last_seen      INTEGER
) STRICT;
CREATE INDEX idx_logpat_tenant ON log_pattern(tenant_id);

CREATE TABLE log_pattern_5m (
    bucket         INTEGER NOT NULL,
    tenant_id      INTEGER NOT NULL,
    resource_id    INTEGER NOT NULL,
    fingerprint_id INTEGER NOT NULL,
    count_total    INTEGER NOT NULL,
    count_error    INTEGER NOT NULL DEFAULT 0,
    sample_ref     INTEGER,
    PRIMARY KEY (bucket, tenant_id, resource_id, fingerprint_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_logpat5m_res ON log_pattern_5m(resource_id, bucket);
CREATE INDEX ix_logpat5m_pattern ON log_pattern_5m(fingerprint_id);

CREATE TABLE event_envelope (
    event_id     TEXT PRIMARY KEY,
    detected_at  INTEGER NOT NULL,
    tenant_id    INTEGER NOT NULL,
    resource_id  INTEGER,
    severity     TEXT NOT NULL CHECK (severity IN ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL')),
    kind         TEXT NOT NULL,
    title        TEXT,
    summary      TEXT,
    labels       TEXT NOT NULL DEFAULT '{}',
    fingerprints TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX idx_event_time ON event_envelope(tenant_id, detected_at);

CREATE TABLE evidence_link (
    evidence_id INTEGER PRIMARY KEY,
    event_id    TEXT NOT NULL REFERENCES event_envelope(event_id) ON DELETE CASCADE,
    dim         TEXT NOT NULL CHECK (dim IN ('metric', 'log', 'trace', 'topo', 'kb')),
    ref_pg      TEXT,                         -- {"table": "...", "keys": {...}}
    ref_oo      INTEGER,
    note        TEXT,
    ref_pg_hash TEXT NOT NULL                 -- of ref_pg as it is written, so that the same evidence is there once
) STRICT;
CREATE UNIQUE INDEX ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));

-- A job's windows, those that were run and those that somebody asked for.
CREATE TABLE etl_job_run (
    id          INTEGER PRIMARY KEY,
    job         TEXT NOT NULL,
    tenant_id   INTEGER NOT NULL,
    window_from INTEGER NOT NULL,
    window_to   INTEGER NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('queued', 'success', 'failed', 'refused')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    rows        INTEGER NOT NULL DEFAULT 0,
    error       TEXT,
    asked_at    INTEGER,                      -- NULL: nobody asked, it was due
    finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX ux_job_once ON etl_job_run(job, tenant_id, window_from, window_to);
CREATE INDEX ix_job_done ON etl_job_run(job, tenant_id, status, window_to);
CREATE INDEX ix_job_queue ON etl_job_run(status, asked_at);

CREATE TABLE etl_job_circuit (
    job        TEXT NOT NULL,
    tenant_id  INTEGER NOT NULL,
    state      TEXT NOT NULL,
    failures   INTEGER NOT NULL,
    open_until INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (job, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE table_registry (
    table_name TEXT PRIMARY KEY,
    schema     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Which records hold a trace: per shard of the hash and block of records, pairs of hash and record (digest/locate.h).
CREATE TABLE trace_block (
    shard   INTEGER NOT NULL,
    block   INTEGER NOT NULL,                 -- the first record it speaks of
    last_record INTEGER NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (shard, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_trace_age ON trace_block(last_record);

-- What is open, and up to which record everything is in here: written in the same transaction as the rows.
CREATE TABLE digest_state (
    part  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
