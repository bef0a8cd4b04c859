-- telemetry.db: what was seen. May be thrown away; cases do not depend on it.

CREATE TABLE dim_resource (
    resource_id INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL DEFAULT 1,
    urn         TEXT UNIQUE NOT NULL,
    type        TEXT NOT NULL,
    name        TEXT NOT NULL,
    env         TEXT,
    region      TEXT,
    zone        TEXT,
    labels      TEXT NOT NULL DEFAULT '{}',
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE metric_1m (
    bucket      INTEGER NOT NULL,        -- the minute's start, microseconds since 1970
    tenant_id   INTEGER NOT NULL,
    resource_id INTEGER NOT NULL REFERENCES dim_resource(resource_id),
    metric      TEXT NOT NULL,
    avg_val     REAL,
    max_val     REAL,
    p95_val     REAL,
    samples     INTEGER NOT NULL,
    labels      TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (resource_id, metric, bucket)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_metric_age ON metric_1m(bucket);
