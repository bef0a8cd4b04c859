-- Statements of the readers: they change nothing.

-- name: read_case
SELECT id, tenant, title, status, version, target, opened_by, driver, plans_tried, in_force_is_proven, phase, step, steps, plan_id, plan_hash,
       deadline_at, created_at, updated_at
FROM ops_case WHERE id = ?1;

-- name: read_cases
SELECT id, tenant, title, status, version, target, opened_by, driver, plans_tried, in_force_is_proven, phase, step, steps, plan_id, plan_hash,
       deadline_at, created_at, updated_at
FROM ops_case
WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR target = ?2) AND (?3 IS NULL OR tenant = ?3)
  AND created_at >= ?4 AND (?5 IS NULL OR id < ?5)
ORDER BY id DESC LIMIT ?6;

-- name: read_case_outcome
SELECT result, kept, effect, lo, hi, verdict FROM outcome WHERE case_id = ?1 ORDER BY id DESC LIMIT 1;

-- name: read_timeline
-- Where there are more, remarks and refusals go first, the oldest of them before others.
SELECT id, version, event, from_status, to_status, rule, run_rule, moved, actor, reason, correlation_id, meta, created_at
FROM (SELECT * FROM case_timeline WHERE case_id = ?1 ORDER BY moved DESC, id DESC LIMIT 2000) ORDER BY id;

-- name: read_plans
SELECT id, plan, hash, planner, proposal, case_version, created_at FROM plan_proposed WHERE case_id = ?1 ORDER BY created_at, id;

-- name: read_decisions
-- The latest: a case at the gate may be asked about all day.
SELECT id, plan_id, decision, answer, created_at
FROM (SELECT * FROM plan_approved WHERE case_id = ?1 ORDER BY created_at DESC, id DESC LIMIT 200) ORDER BY created_at, id;

-- name: read_approvals
SELECT principal, granted, reason, plan_hash, case_version, policy_version, created_at, expires_at FROM approval WHERE case_id = ?1 ORDER BY created_at, id;

-- name: read_actions
SELECT action, kind, step, outcome, snapshot, witness, output, fault, intent_at, result_at FROM exec_step WHERE case_id = ?1 ORDER BY action;

-- name: read_run
SELECT units, trial, verdict, undo_path FROM case_run WHERE case_id = ?1;

-- name: read_case_outcomes
SELECT case_id, target, planner, proposal, result, kept, effect, lo, hi, alpha, degraded_s, verdict, workload, created_at FROM outcome WHERE case_id = ?1 ORDER BY id;

-- name: read_outcomes
SELECT case_id, target, planner, proposal, result, kept, effect, lo, hi, alpha, degraded_s, verdict, workload, created_at
FROM outcome WHERE target = ?1 ORDER BY id DESC LIMIT ?2;

-- name: read_evidence
SELECT e.event_id, e.detected_at, e.severity, e.kind, e.title, e.summary, e.labels FROM event_envelope e WHERE e.case_id = ?1 ORDER BY e.detected_at, e.event_id;

-- name: read_stops
SELECT scope, why, actor, created_at, expires_at FROM stop_switch ORDER BY scope;

-- name: read_budgets
SELECT target, kind, count(*), max(created_at) FROM change_log WHERE created_at BETWEEN ?1 - ?2 AND ?1 + ?2 GROUP BY target, kind ORDER BY target, kind;

-- name: read_alpha
SELECT target, sum(alpha), count(*), sum(degraded_s) FROM outcome GROUP BY target ORDER BY target;

-- name: read_events
SELECT id, topic, key, payload FROM outbox WHERE published_at IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2;

-- name: read_knowledge
SELECT rowid, shared, created_at, record FROM knowledge WHERE (?1 = 0 OR shared = 1) AND (?2 = 0 OR rowid < ?2) ORDER BY rowid DESC LIMIT ?3;
