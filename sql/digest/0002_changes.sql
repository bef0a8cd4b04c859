-- Which rows changed, for who copies them elsewhere: by window where rows are many, by row where they are few. What is read here is read
-- again whole, so one mark stands for everything that happened to a window.
-- A transaction of the digest has a number of its own, and numbers only grow: whoever has seen all marks up to one misses nothing afterwards.

CREATE TABLE change_state (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,                      -- of this digest.db; one that is made anew has another
    seq   INTEGER NOT NULL                    -- of the newest transaction; about when it began, so that it never comes twice, even after a power cut
) STRICT;
INSERT INTO change_state (id, epoch, seq) VALUES (1, lower(hex(randomblob(16))), 1);

-- kind: 1 oo_locator, 2 metric_1m, 3 service_call_5m, 4 log_pattern_5m (key: time), 5 log_pattern, 6 event_envelope with its evidence (rowid),
-- 7 etl_job_run (key: id), 8 etl_job_circuit (key: tenant_id). The order is that of digest_changes.h.
CREATE TABLE changed (
    kind INTEGER NOT NULL,
    key  INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_changed_seq ON changed(seq, kind, key);

-- Up to where rows of a kind were thrown away because of their age: a mark from before tells of something that nobody can read any more.
CREATE TABLE change_forgot (
    kind   INTEGER PRIMARY KEY,
    before INTEGER NOT NULL
) STRICT;

INSERT INTO changed SELECT DISTINCT 1, t_from, 1 FROM oo_locator;
INSERT INTO changed SELECT DISTINCT 2, bucket, 1 FROM metric_1m;
INSERT INTO changed SELECT DISTINCT 3, bucket, 1 FROM service_call_5m;
INSERT INTO changed SELECT DISTINCT 4, bucket, 1 FROM log_pattern_5m;
INSERT INTO changed SELECT 5, fingerprint_id, 1 FROM log_pattern;
INSERT INTO changed SELECT 6, rowid, 1 FROM event_envelope;
INSERT INTO changed SELECT 7, id, 1 FROM etl_job_run;
INSERT INTO changed SELECT DISTINCT 8, tenant_id, 1 FROM etl_job_circuit;

-- Where rows are many digest_store.c writes the marks, for a trigger would cost as much as the row.
-- Few rows, also written outside of the digest's transactions: each has a number of its own. But for evidence they only go by age.

CREATE TRIGGER changed_event_envelope_insert AFTER INSERT ON event_envelope BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (6, NEW.rowid, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_event_envelope_update AFTER UPDATE ON event_envelope BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (6, NEW.rowid, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_evidence_link_insert AFTER INSERT ON evidence_link BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed SELECT 6, e.rowid, c.seq FROM event_envelope e JOIN change_state c WHERE e.event_id = NEW.event_id ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_evidence_link_update AFTER UPDATE ON evidence_link BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed SELECT 6, e.rowid, c.seq FROM event_envelope e JOIN change_state c WHERE e.event_id = NEW.event_id ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

-- Of an event that goes by age nothing is marked: it is gone before its evidence is.
CREATE TRIGGER changed_evidence_link_delete AFTER DELETE ON evidence_link BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed SELECT 6, e.rowid, c.seq FROM event_envelope e JOIN change_state c WHERE e.event_id = OLD.event_id ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_etl_job_run_insert AFTER INSERT ON etl_job_run BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (7, NEW.id, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_etl_job_run_update AFTER UPDATE ON etl_job_run BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (7, NEW.id, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_etl_job_circuit_insert AFTER INSERT ON etl_job_circuit BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (8, NEW.tenant_id, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;

CREATE TRIGGER changed_etl_job_circuit_update AFTER UPDATE ON etl_job_circuit BEGIN
    UPDATE change_state SET seq = seq + 1 WHERE id = 1;
    INSERT INTO changed VALUES (8, NEW.tenant_id, (SELECT seq FROM change_state WHERE id = 1)) ON CONFLICT (kind, key) DO UPDATE SET seq = excluded.seq;
END;
