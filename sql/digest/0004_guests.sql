-- Others put rows there, too, with the columns of the data model alone: what we have beyond those has a default, or is NULL: a pointer without a resource_id is another's.
-- The text of the tables is changed in place, as the documentation of ALTER TABLE describes it: no row is written again, for there may be millions.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(sql, 'labels     TEXT NOT NULL DEFAULT ''{}'',
    created_at INTEGER NOT NULL', 'labels     TEXT NOT NULL DEFAULT ''{}'',
    created_at INTEGER NOT NULL DEFAULT (unixepoch() * 1000000)'), 'created_at  INTEGER NOT NULL,', 'created_at  INTEGER NOT NULL DEFAULT (unixepoch() * 1000000),')
WHERE type = 'table' AND name IN ('dim_tenant', 'dim_resource');
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(sql, 'resource_id  INTEGER NOT NULL', 'resource_id  INTEGER'), 'first_record INTEGER NOT NULL', 'first_record INTEGER NOT NULL DEFAULT 0'),
    'last_record  INTEGER NOT NULL', 'last_record  INTEGER NOT NULL DEFAULT 0'), 'events       INTEGER NOT NULL', 'events       INTEGER NOT NULL DEFAULT 0')
WHERE type = 'table' AND name = 'oo_locator';
-- A hash of its own for each row of others, since it is part of the key.
UPDATE sqlite_schema SET sql = replace(replace(sql, 'labels_hash INTEGER NOT NULL', 'labels_hash INTEGER NOT NULL DEFAULT (random())'), 'samples     INTEGER NOT NULL', 'samples     INTEGER NOT NULL DEFAULT 0')
WHERE type = 'table' AND name = 'metric_1m';
UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'calls           INTEGER NOT NULL', 'calls           INTEGER NOT NULL DEFAULT 0'), 'errors          INTEGER NOT NULL', 'errors          INTEGER NOT NULL DEFAULT 0'),
    'sample_record   INTEGER NOT NULL', 'sample_record   INTEGER NOT NULL DEFAULT 0')
WHERE type = 'table' AND name = 'service_call_5m';
UPDATE sqlite_schema SET sql = replace(replace(sql, 'event_id     TEXT PRIMARY KEY', 'event_id     TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(4)) || ''-'' || hex(randomblob(2)) || ''-4''
                 || substr(hex(randomblob(2)), 2) || ''-8'' || substr(hex(randomblob(2)), 2) || ''-'' || hex(randomblob(6))))'), 'detected_at  INTEGER NOT NULL', 'detected_at  INTEGER NOT NULL DEFAULT (unixepoch() * 1000000)')
WHERE type = 'table' AND name = 'event_envelope';
PRAGMA writable_schema = RESET;

-- What tells evidence apart is made of ref_pg by the table itself. SQLite has no function that hashes, so it is the reference as it is written.
DROP INDEX ux_evidence_unique;
ALTER TABLE evidence_link DROP COLUMN ref_pg_hash;
ALTER TABLE evidence_link ADD COLUMN ref_pg_hash TEXT GENERATED ALWAYS AS (coalesce(ref_pg, '')) VIRTUAL;
DELETE FROM evidence_link WHERE evidence_id NOT IN (SELECT min(evidence_id) FROM evidence_link GROUP BY event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));
CREATE UNIQUE INDEX ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));
