-- Evidence of events: how strongly each piece speaks, and which events are still looked at because windows around them are open.

ALTER TABLE evidence_link ADD COLUMN score REAL NOT NULL DEFAULT 0;       -- 0 to 1

CREATE TABLE evidence_open (
    event_id TEXT PRIMARY KEY REFERENCES event_envelope(event_id) ON DELETE CASCADE,
    told     INTEGER NOT NULL,                -- when we were told of it
    due      INTEGER NOT NULL                 -- look again once windows that end by then are written
) STRICT, WITHOUT ROWID;
CREATE INDEX ix_evidence_due ON evidence_open(due);

CREATE INDEX ix_event_when ON event_envelope(detected_at);
CREATE INDEX ix_call_dst ON service_call_5m(dst_resource_id, bucket);
