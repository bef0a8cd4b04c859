-- Statements of the engine's own connection. Parameters are numbered in the order of the call.

-- name: case_insert
INSERT INTO ops_case (id, tenant, title, target, opened_by, opener_roles, created_at, status, version, driver, plans_tried, in_force_is_proven,
                      phase, step, steps, attempts, candidate_in_force, put_back, action, actions, plan_id, plan_hash, deadline_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24);

-- name: case_update
UPDATE ops_case SET status = ?2, version = ?3, driver = ?4, plans_tried = ?5, in_force_is_proven = ?6, phase = ?7, step = ?8, steps = ?9,
       attempts = ?10, candidate_in_force = ?11, put_back = ?12, action = ?13, actions = ?14, plan_id = ?15, plan_hash = ?16,
       deadline_at = ?17, updated_at = ?18, target = ?19
WHERE id = ?1;

-- name: case_get
SELECT id, tenant, title, target, opened_by, opener_roles, created_at, status, version, driver, plans_tried, in_force_is_proven,
       phase, step, steps, attempts, candidate_in_force, put_back, action, actions, plan_id, plan_hash, deadline_at, updated_at
FROM ops_case WHERE id = ?1;

-- name: case_open
SELECT id FROM ops_case WHERE status <> 'CLOSED' ORDER BY created_at, id;

-- name: case_due
SELECT id FROM ops_case WHERE status <> 'CLOSED' AND deadline_at <= ?1 ORDER BY deadline_at LIMIT 100;

-- name: case_clock_back
-- What was written by a clock that was ahead keeps the stay that it had left.
UPDATE ops_case SET deadline_at = deadline_at - (updated_at - ?1), updated_at = ?1 WHERE status <> 'CLOSED' AND updated_at > ?1 + ?2;

-- name: case_counts
SELECT status, count(*) FROM ops_case WHERE status <> 'CLOSED' GROUP BY status;

-- name: case_driven
-- And whoever drives them, those of which nobody knows what is in force.
SELECT id FROM ops_case WHERE status <> 'CLOSED' AND (driver = 1 OR (status = 'PARKED' AND in_force_is_proven = 0)) ORDER BY created_at, id LIMIT 1000;

-- name: case_unlearned
SELECT id FROM ops_case WHERE status = 'CLOSED' AND plan_id <> '' AND NOT EXISTS (SELECT 1 FROM outcome WHERE case_id = ops_case.id) ORDER BY updated_at LIMIT 100;

-- name: timeline_add
INSERT INTO case_timeline (case_id, version, event, from_status, to_status, rule, run_rule, moved, actor, reason, correlation_id, meta, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- name: case_given_up
-- The first that asked for the current plan to be given up or put back, and where the plan stood then. An actor is whom somebody names; who that is stands in meta.
SELECT event, from_status, coalesce(json_extract(meta, '$.principal'), actor) FROM case_timeline
WHERE case_id = ?1 AND moved = 1 AND from_status IN ('WAIT_GATE', 'EXECUTING', 'VERIFYING')
  AND event IN ('cancel', 'deadline', 'gate_rejected', 'put_back', 'partial', 'refused', 'exec_failed', 'verify_failed')
  AND id > coalesce((SELECT max(id) FROM case_timeline WHERE case_id = ?1 AND event = 'plan_ready' AND moved = 1), 0)
ORDER BY id LIMIT 1;

-- name: outbox_add
INSERT INTO outbox (topic, key, payload, created_at) VALUES (?1, ?2, ?3, ?4);

-- name: outbox_waiting
SELECT id, topic, key, payload FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT ?1;

-- name: outbox_mark
UPDATE outbox SET published_at = ?2 WHERE id = ?1 AND published_at IS NULL;

-- name: outbox_depth
SELECT count(*), coalesce(min(created_at), 0) FROM outbox WHERE published_at IS NULL;

-- name: outbox_forget
DELETE FROM outbox WHERE published_at IS NOT NULL AND published_at < ?1;

-- name: inbox_seen
INSERT OR IGNORE INTO inbox (message_id, created_at) VALUES (?1, ?2);

-- name: idempotency_get
SELECT fingerprint, status, response, version, location FROM idempotency WHERE key = ?1;

-- name: idempotency_put
INSERT INTO idempotency (key, fingerprint, status, response, version, location, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (key) DO UPDATE SET status = excluded.status, response = excluded.response, version = excluded.version, location = excluded.location;

-- name: idempotency_forget
DELETE FROM idempotency WHERE created_at < ?1;

-- name: plan_add
INSERT INTO plan_proposed (id, case_id, plan, hash, planner, proposal, case_version, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: plan_get
SELECT plan, hash, planner, proposal, case_version FROM plan_proposed WHERE id = ?1;

-- name: plan_brought
-- Whose request brought the current plan of a case to the gate; nothing: the engine planned.
SELECT coalesce(json_extract(meta, '$.principal'), '') FROM case_timeline WHERE case_id = ?1 AND event = 'plan_ready' AND moved = 1 ORDER BY id DESC LIMIT 1;

-- name: decision_add
INSERT INTO plan_approved (id, case_id, plan_id, decision, answer, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: approval_add
INSERT INTO approval (id, case_id, principal, roles, granted, reason, plan_hash, case_version, policy_version, created_at, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: approval_list
-- Each person's last word on each plan: on the current plan before all others, refusals before all else, the later ones last. By the order in which they came: clocks are set back.
SELECT a.principal, a.roles, a.granted, a.plan_hash, a.case_version, a.policy_version, a.created_at, a.expires_at
FROM (SELECT rowid AS id_of_row, plan_hash = (SELECT plan_hash FROM ops_case WHERE id = ?1) AS current, * FROM approval
      WHERE rowid IN (SELECT max(rowid) FROM approval WHERE case_id = ?1 GROUP BY principal, plan_hash)
      ORDER BY current DESC, granted, id_of_row DESC LIMIT 8) AS a
ORDER BY a.current DESC, a.granted, a.id_of_row;

-- name: action_begin
INSERT INTO exec_step (case_id, action, kind, step, snapshot, intent_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: action_end
UPDATE exec_step SET outcome = ?3, witness = ?4, output = ?5, fault = ?6, result_at = ?7, snapshot = coalesce(?8, snapshot)
WHERE case_id = ?1 AND action = ?2 AND outcome IS NULL;

-- name: action_get
SELECT kind, step, outcome, snapshot FROM exec_step WHERE case_id = ?1 AND action = ?2;

-- name: action_last
SELECT outcome FROM exec_step WHERE case_id = ?1 AND outcome IS NOT NULL ORDER BY action DESC LIMIT 1;

-- name: action_snapshot
SELECT snapshot FROM exec_step WHERE case_id = ?1 AND step = ?2 AND snapshot IS NOT NULL ORDER BY action DESC LIMIT 1;

-- name: action_begun
-- Of the plan at hand, that is since everything was looked at for the last time; a case may have tried others before.
SELECT coalesce(max(step) + 1, 0) FROM exec_step
WHERE case_id = ?1 AND kind = 'do' AND action > (SELECT max(action) FROM exec_step WHERE case_id = ?1 AND kind = 'prepare');

-- name: action_saw_start
-- Since when the server had been running when an action before this one saw it last.
SELECT coalesce(json_extract(witness, '$.server.postmaster_start_us'), json_extract(snapshot, '$.server.postmaster_start_us'), 0) AS start FROM exec_step
WHERE case_id = ?1 AND action < ?2 AND start > 0 ORDER BY action DESC LIMIT 1;

-- name: action_output
SELECT output FROM exec_step WHERE case_id = ?1 AND kind = 'do' AND output IS NOT NULL ORDER BY action DESC LIMIT 1;

-- name: run_put
INSERT INTO case_run (case_id, units, trial, verdict, undo_path) VALUES (?1, ?2, NULL, NULL, ?3)
ON CONFLICT (case_id) DO UPDATE SET units = excluded.units, trial = NULL, verdict = NULL, undo_path = excluded.undo_path;

-- name: run_get
SELECT units, trial, verdict, undo_path FROM case_run WHERE case_id = ?1;

-- name: run_anew
UPDATE case_run SET trial = NULL, verdict = NULL WHERE case_id = ?1;

-- name: run_trial
UPDATE case_run SET trial = ?2 WHERE case_id = ?1;

-- name: run_verdict
UPDATE case_run SET verdict = ?2 WHERE case_id = ?1;

-- name: outcome_add
INSERT INTO outcome (case_id, target, planner, proposal, result, kept, effect, lo, hi, alpha, degraded_s, verdict, workload, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);

-- name: outcome_list
SELECT proposal, result, kept, effect, lo, hi, alpha, degraded_s, verdict, planner FROM outcome WHERE target = ?1 ORDER BY id;

-- name: outcome_totals
SELECT count(*), coalesce(sum(alpha), 0), coalesce(sum(CASE WHEN created_at BETWEEN ?2 - ?3 AND ?2 + ?3 THEN degraded_s ELSE 0 END), 0) FROM outcome WHERE target = ?1;

-- name: change_add
INSERT INTO change_log (target, case_id, kind, created_at) VALUES (?1, ?2, ?3, ?4);

-- name: change_count
-- As far ahead as back: what lies ahead was done before the clock was set back. Further ahead it is of a clock that was wrong, and would count for ever.
SELECT count(*), coalesce(min(created_at), 0), coalesce(max(created_at), 0) FROM change_log WHERE target = ?1 AND kind = ?2 AND created_at BETWEEN ?3 - ?4 AND ?3 + ?4;

-- name: change_last
SELECT coalesce(max(created_at), 0) FROM change_log WHERE target = ?1 AND kind = ?2;

-- name: failures_recent
SELECT coalesce(sum(result IN ('worse', 'failed', 'unknown')), 0) FROM (SELECT result FROM outcome WHERE target = ?1 ORDER BY id DESC LIMIT 10);

-- name: stop_put
INSERT INTO stop_switch (scope, why, actor, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (scope) DO UPDATE SET why = excluded.why, actor = excluded.actor, created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: stop_delete
DELETE FROM stop_switch WHERE scope = ?1;

-- name: stop_list
SELECT scope, why, actor, created_at, expires_at FROM stop_switch ORDER BY scope;

-- name: target_get
SELECT mode, idle_until, peak_sessions FROM target_state WHERE target = ?1;

-- name: target_put
INSERT INTO target_state (target, mode, idle_until, peak_sessions, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (target) DO UPDATE SET mode = excluded.mode, idle_until = excluded.idle_until, peak_sessions = excluded.peak_sessions, updated_at = excluded.updated_at;

-- name: event_add
INSERT INTO event_envelope (event_id, detected_at, tenant_id, case_id, severity, kind, title, summary, labels) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: evidence_add
INSERT INTO evidence_link (event_id, dim, ref_pg, note, ref_pg_hash) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING;

-- name: installation_secret
SELECT secret FROM installation;

-- name: knowledge_add
INSERT INTO knowledge (id, source, tenant, database, shared, result, effect, record, happened_at, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING;

-- name: knowledge_all
SELECT record, shared FROM knowledge ORDER BY rowid;

-- name: knowledge_count
SELECT count(*) FROM knowledge;

-- name: knowledge_share
UPDATE knowledge SET shared = ?2 WHERE tenant = ?1 AND shared <> ?2;

-- name: knowledge_share_none
UPDATE knowledge SET shared = 0 WHERE shared <> 0;

-- name: knowledge_forget
-- Own ones beyond half of the room, then those of others, then own ones, of each the oldest first.
DELETE FROM knowledge WHERE rowid IN (
    SELECT k.id_of_row FROM (SELECT rowid AS id_of_row, source = ?1 AS own, row_number() OVER (PARTITION BY source = ?1 ORDER BY rowid DESC) AS place FROM knowledge) AS k
    ORDER BY (k.own AND k.place > ?2 / 2) DESC, k.own, k.id_of_row LIMIT max((SELECT count(*) FROM knowledge) - ?2, 0));
