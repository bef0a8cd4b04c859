-- cases.db: what was decided, done and learnt. Times are microseconds since 1970, UTC.

CREATE TABLE dim_tenant (
    tenant_id  INTEGER PRIMARY KEY,
    code       TEXT UNIQUE NOT NULL,
    name       TEXT NOT NULL,
    labels     TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ops_case (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    title       TEXT NOT NULL,
    status      TEXT NOT NULL,
    version     INTEGER NOT NULL,
    target      TEXT NOT NULL,
    opened_by   TEXT NOT NULL,
    opener_roles INTEGER NOT NULL,
    driver      INTEGER NOT NULL,
    plans_tried INTEGER NOT NULL,
    in_force_is_proven INTEGER NOT NULL,
    phase       INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    candidate_in_force INTEGER NOT NULL,
    put_back    INTEGER NOT NULL,
    action      INTEGER NOT NULL,
    actions     INTEGER NOT NULL,
    plan_id     TEXT NOT NULL,
    plan_hash   TEXT NOT NULL,
    deadline_at INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_case_open   ON ops_case(status) WHERE status <> 'CLOSED';
CREATE INDEX ix_case_due    ON ops_case(deadline_at) WHERE status <> 'CLOSED';
CREATE INDEX ix_case_driven ON ops_case(driver, created_at) WHERE status <> 'CLOSED';
CREATE INDEX ix_case_target ON ops_case(target, created_at);

CREATE TABLE case_timeline (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id        TEXT NOT NULL REFERENCES ops_case(id),
    version        INTEGER NOT NULL,     -- of the case afterwards; the same as before when nothing changed
    event          TEXT NOT NULL,
    from_status    TEXT NOT NULL,
    to_status      TEXT NOT NULL,
    rule           INTEGER NOT NULL,     -- 0: none
    run_rule       INTEGER NOT NULL,
    moved          INTEGER NOT NULL,     -- 0: refused or a remark
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    meta           TEXT NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_timeline_case ON case_timeline(case_id, id);
CREATE UNIQUE INDEX ux_timeline_version ON case_timeline(case_id, version) WHERE moved = 1;

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    topic        TEXT NOT NULL,
    key          TEXT NOT NULL,
    payload      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    published_at INTEGER
) STRICT;
CREATE INDEX ix_outbox_waiting ON outbox(id) WHERE published_at IS NULL;

CREATE TABLE inbox (
    message_id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
    key         TEXT PRIMARY KEY,        -- principal, a slash, and the client's key
    fingerprint TEXT NOT NULL,
    status      INTEGER NOT NULL,
    response    TEXT NOT NULL,
    version     INTEGER NOT NULL,
    location    TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_idempotency_age ON idempotency(created_at);

CREATE TABLE plan_proposed (
    id           TEXT PRIMARY KEY,
    case_id      TEXT NOT NULL REFERENCES ops_case(id),
    plan         TEXT NOT NULL,
    hash         TEXT NOT NULL,
    planner      TEXT NOT NULL,
    proposal     TEXT NOT NULL,
    case_version INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_plan_case ON plan_proposed(case_id, created_at);

CREATE TABLE plan_approved (
    id         TEXT PRIMARY KEY,
    case_id    TEXT NOT NULL REFERENCES ops_case(id),
    plan_id    TEXT NOT NULL,
    decision   TEXT NOT NULL,            -- the gate's verdict, whole
    answer     TEXT NOT NULL,            -- approve, ask, reject, wait
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_decision_case ON plan_approved(case_id, created_at);

CREATE TABLE approval (
    id             TEXT PRIMARY KEY,
    case_id        TEXT NOT NULL REFERENCES ops_case(id),
    principal      TEXT NOT NULL,
    roles          INTEGER NOT NULL,
    granted        INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    plan_hash      TEXT NOT NULL,
    case_version   INTEGER NOT NULL,
    policy_version TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_approval_case ON approval(case_id);

CREATE TABLE exec_step (
    case_id     TEXT NOT NULL REFERENCES ops_case(id),
    action      INTEGER NOT NULL,
    kind        TEXT NOT NULL,           -- prepare, probe, do, to_incumbent, to_candidate, undo, recover
    step        INTEGER NOT NULL,
    outcome     TEXT,                    -- NULL: the intent is recorded, the result is not
    snapshot    TEXT,                    -- what an undo restores, and the witness before
    witness     TEXT,                    -- what was seen afterwards
    output      TEXT,
    fault       TEXT,
    output_ref  INTEGER,
    intent_at   INTEGER NOT NULL,
    result_at   INTEGER,
    PRIMARY KEY (case_id, action)
) STRICT, WITHOUT ROWID;

CREATE TABLE case_run (                  -- what the run of the current plan needs to go on, or back
    case_id   TEXT PRIMARY KEY REFERENCES ops_case(id),
    units     TEXT NOT NULL,             -- the plan's steps merged per target, with the snapshot of each
    trial     TEXT,
    verdict   TEXT,
    undo_path TEXT NOT NULL
) STRICT;

CREATE TABLE outcome (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id    TEXT NOT NULL REFERENCES ops_case(id),
    target     TEXT NOT NULL,
    planner    TEXT NOT NULL,
    proposal   TEXT NOT NULL,
    result     TEXT NOT NULL,            -- better, worse, undecided, equivalent, refused, failed, unknown
    kept       INTEGER NOT NULL,
    effect     REAL,
    lo         REAL,
    hi         REAL,
    alpha      REAL NOT NULL,
    degraded_s REAL NOT NULL,
    verdict    TEXT NOT NULL,
    workload   TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_outcome_target ON outcome(target, id);
CREATE INDEX ix_outcome_case ON outcome(case_id, id);

CREATE TABLE change_log (                -- what budgets count
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    target     TEXT NOT NULL,
    case_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,            -- change, restart, rollback, failure
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ix_change_target ON change_log(target, kind, created_at);

CREATE TABLE stop_switch (
    scope      TEXT PRIMARY KEY,         -- "" for everything, else a target
    why        TEXT NOT NULL,
    actor      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL          -- 0: until somebody clears it
) STRICT;

CREATE TABLE target_state (
    target     TEXT PRIMARY KEY,
    mode       TEXT,                     -- overrides the configuration when set
    idle_until INTEGER NOT NULL,         -- the autopilot opens no case before
    peak_sessions INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE event_envelope (
    event_id     TEXT PRIMARY KEY,
    detected_at  INTEGER NOT NULL,
    tenant_id    INTEGER REFERENCES dim_tenant(tenant_id),
    resource_id  INTEGER,
    case_id      TEXT,
    severity     TEXT NOT NULL CHECK (severity IN ('TRACE','DEBUG','INFO','WARN','ERROR','FATAL')),
    kind         TEXT NOT NULL,
    title        TEXT,
    summary      TEXT,
    labels       TEXT NOT NULL DEFAULT '{}',
    fingerprints TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX idx_event_time ON event_envelope(tenant_id, detected_at DESC);
CREATE INDEX idx_event_case ON event_envelope(case_id);

CREATE TABLE evidence_link (
    evidence_id INTEGER PRIMARY KEY,
    event_id    TEXT NOT NULL REFERENCES event_envelope(event_id) ON DELETE CASCADE,
    dim         TEXT NOT NULL CHECK (dim IN ('metric','log','trace','topo','kb')),
    ref_pg      TEXT,
    ref_oo      INTEGER,
    note        TEXT,
    ref_pg_hash TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ux_evidence_unique ON evidence_link(event_id, dim, ref_pg_hash, coalesce(ref_oo, 0));

INSERT INTO dim_tenant (tenant_id, code, name, created_at) VALUES (1, 'default', 'default', 0);
