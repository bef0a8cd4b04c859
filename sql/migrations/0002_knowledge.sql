-- What trials taught, in a form that other databases can use. Names are digests made with this installation's secret.

CREATE TABLE installation (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    secret TEXT NOT NULL
) STRICT;
INSERT INTO installation (id, secret) VALUES (1, lower(hex(randomblob(32))));

CREATE TABLE knowledge (
    id          TEXT UNIQUE NOT NULL,    -- a digest of the record
    source      TEXT NOT NULL,           -- the installation that saw it
    tenant      TEXT NOT NULL,
    database    TEXT NOT NULL,
    shared      INTEGER NOT NULL,        -- 0: its tenant does not share; neither exported nor used for others
    result      TEXT NOT NULL,           -- better, worse, undecided, equivalent, refused, failed
    effect      REAL,
    record      TEXT NOT NULL,           -- workload, machine, configuration, changes, outcome: one line of a file of knowledge
    happened_at INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_knowledge_tenant ON knowledge(tenant);
