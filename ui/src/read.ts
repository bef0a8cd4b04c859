// How what stands on the wire becomes the nouns of model.ts. The names are those
// of docs/openapi.yaml, in some places with an older or likely other name beside
// it. Answers may lack members or carry new ones: what is missing is null.

import type { Known } from "./format";
import type { Action, Approval, Arm, ArmSpan, Case, CaseFile, Change, Evidence, Facts, Figure, Gate, News, Outcome, Plan, PlanStep,
  Setting, Slice, Spread, Stop, Target, TimelineRow, Tuning, Verdict, Why } from "./model";
import { now } from "./now";
import { flag, Json, list, maybe, num, pick, raw, record, str, time } from "./wire";

export const rowsOf = (o: Json, name: string): unknown[] => (Array.isArray(o["data"]) ? o["data"] : list(record(o["data"])[name]));

/** null: the answer does not tell, which is not the same as "there are none". */
const many = <T>(x: unknown, read: (x: unknown) => T): T[] | null => (Array.isArray(x) ? x.map(read) : maybe(x) ? [read(x)] : null);
const lines = (x: unknown): string | null => (Array.isArray(x) ? x.map((l) => str(l) ?? "").join("\n") : str(x));

// ---- targets ----

function readValues(x: unknown): { [m: string]: Known } {
  const v: { [m: string]: Known } = {};
  for (const [m, value] of Object.entries(record(x))) v[m] = typeof value === "boolean" ? Number(value) : num(value);
  return v;
}

function readArm(x: unknown): Arm | null {
  const t = str(x)?.toLowerCase();
  return t === "candidate" || t === "b" || t === "1" ? "candidate" : t === "incumbent" || t === "a" || t === "0" ? "incumbent" : null;
}

/** 150018 is 15.18. */
function readVersion(x: unknown): string | null {
  const n = num(x);
  return n !== null && n >= 100000 ? `${Math.floor(n / 10000)}.${n % 10000}` : n === 0 ? null : str(x);
}

export function readTarget(x: unknown): Target {
  const o = record(x), sample = record(pick(o, "sample", "latest")), stop = maybe(pick(o, "stopped", "stop"));
  const v = readValues(pick(sample, "v", "values") ?? pick(o, "v", "values", "metrics") ?? sample);
  return {
    name: str(pick(o, "name", "id")) ?? "?", mode: str(o["mode"]), trouble: str(pick(o, "trouble", "why", "error", "fault")),
    up: flag(o["up"]) ?? (v["up"] === undefined || v["up"] === null ? null : v["up"] > 0),
    facts: readFacts(record(o["facts"])), sampleTime: time(pick(o, "time") ?? pick(sample, "time")), v,
    tuning: readTuning(o), stop: stop && isStop(readStop(stop)) ? readStop(stop) : null,
  };
}

function readFacts(f: Json): Facts {
  const s = pick(f, "settings", "setting");
  return {
    version: readVersion(pick(f, "server_version", "version")), cpus: num(f["cpus"]) || null, memory: num(pick(f, "memory_bytes", "memory")),
    limitCountsCache: flag(f["limit_counts_cache"]), local: flag(f["local"]), standby: flag(pick(f, "in_recovery", "standby")), owner: str(f["owner"]),
    hasStatements: flag(f["has_statements"]), mayChange: flag(f["may_alter_system"]),
    settings: Array.isArray(s) ? s.map((r) => readSetting(record(r))) : maybe(s) ? Object.entries(record(s)).map(([name, r]) =>
        readSetting(maybe(r) ? { name, ...record(r) } : { name, value: r })) : null,
  };
}

function readSetting(o: Json): Setting {
  return {
    name: str(o["name"]) ?? "?", value: raw(pick(o, "value", "setting")), unit: str(o["unit"]), initial: raw(pick(o, "boot", "boot_val", "default")),
      context: str(o["context"]),
    source: str(o["source"]), pendingRestart: flag(o["pending_restart"]), min: str(pick(o, "min", "min_val")), max: str(pick(o, "max", "max_val")),
      why: str(pick(o, "why", "text", "description")),
  };
}

/** null: the answer does not tell what is being done to this target. */
function readTuning(o: Json): Tuning | null {
  const trial = record(o["trial"]);
  if (!("case_id" in o) && !("trial" in o)) return null;
  return { caseId: str(o["case_id"]), state: str(o["case_state"]), arm: readArm(trial["arm"]), progress: num(trial["progress"]), idleWhy: str(o["idle_why"]),
    idleUntil: time(o["idle_until"]) };
}

/** scope "" is everything. */
export function readStop(x: unknown): Stop {
  const o = record(x);
  return { target: str(pick(o, "scope", "target")), why: str(pick(o, "why", "reason")), by: str(pick(o, "actor", "by")),
    since: time(pick(o, "created_at", "since", "time")), until: time(pick(o, "expires_at", "until", "expires")) };
}

export const isStop = (s: Stop) => (s.why !== null || s.since !== null) && (s.until === null || s.until > now());

/** "to": null means RESET. */
function readChanges(x: unknown): Change[] {
  return list(x).map((r) => { const o = record(r); return { name: str(o["name"]) ?? "?", from: raw(o["from"]), to: o["to"] === null ? "(reset to default)"
          : raw(pick(o, "to", "value")) }; });
}

/** What was not kept was put back, unless nobody has read back what is in force. */
const keptOf = (kept: boolean | null, result: unknown, proven: boolean | null): boolean | null =>
  (kept === false && (result === "unknown" || proven === false) ? null : kept);

export function readOutcome(x: unknown): Outcome {
  const o = { ...record(record(x)["verdict"]), ...record(x) }, proposal = record(o["proposal"]);
  return {
    caseId: str(pick(o, "case_id", "case")), title: str(pick(o, "title") ?? proposal["title"]) ?? "", time: time(pick(o, "created_at", "time", "wall_us")),
      outcome: str(pick(o, "outcome", "result")), kept: keptOf(flag(o["kept"]), pick(o, "result", "outcome"), null),
    effect: num(o["effect"]), lo: num(o["lo"]), hi: num(o["hi"]), changes: readChanges(pick(o, "settings", "changes") ?? pick(proposal, "changes",
        "settings")), why: str(o["why"]), chapter: num(o["chapter"]), before: num(o["before"]), best: num(o["best"]),
  };
}

// ---- cases ----

export function readCase(x: unknown): Case {
  const o = record(x), r = maybe(o["outcome"]) ?? maybe(o["verdict"]) ?? o;
  return {
    id: str(pick(o, "id", "case_id")) ?? "?", title: str(o["title"]) ?? "(without a title)", state: str(pick(o, "status", "state")),
      target: raw(o["target"]), version: num(o["version"]), openedBy: str(pick(o, "opened_by", "actor")),
    created: time(pick(o, "created_at", "created_us")), updated: time(pick(o, "updated_at", "updated_us")),
      deadline: time(pick(o, "deadline_at", "deadline_us")), phase: str(o["phase"]), step: num(o["step"]), steps: num(o["steps"]),
    proven: flag(o["in_force_is_proven"]), planHash: str(o["plan_hash"]), outcome: str(pick(r, "outcome", "result")),
      kept: keptOf(flag(r["kept"]), r["result"], flag(o["in_force_is_proven"])), effect: num(r["effect"]), lo: num(r["lo"]), hi: num(r["hi"]), why: str(r["why"]),
  };
}

export function readTimelineRow(x: unknown): TimelineRow {
  const o = record(x), meta = maybe(o["meta"]);
  return {
    version: num(o["version"]), event: str(o["event"]), from: str(pick(o, "from", "from_state")), to: str(pick(o, "to", "to_state")), actor: str(o["actor"]),
      reason: str(pick(o, "reason", "text")),
    rule: num(o["rule"]) || null, runRule: num(o["run_rule"]) || null, time: time(pick(o, "created_at", "time")),
      trace: str(pick(o, "correlation_id", "trace_id") ?? pick(meta ?? {}, "trace_id")), meta,
  };
}

function readPlan(x: unknown): Plan {
  const o = record(x), p = maybe(o["plan"]) ?? o;
  return {
    id: str(pick(o, "id", "plan_id")), title: str(p["title"]) ?? "(without a title)", hash: str(pick(o, "hash", "plan_hash")), planner: str(o["planner"]),
      why: str(pick(p, "why", "reason") ?? o["why"]), time: time(o["created_at"]),
    steps: list(p["steps"]).map(readStep), rollback: pick(p, "rollback"), verify: pick(p, "verify"),
  };
}

function readStep(x: unknown): PlanStep {
  const o = record(x), params = record(o["params"]), action = str(o["action"]) ?? "?";
  return { action, dangerous: flag(o["dangerous"]) ?? action === "postgres.restart", text: str(o["text"]), changes: readChanges(params["settings"]),
    timeout: num(o["timeout_s"]), retry: num(o["retry"]), watch: num(o["watch_s"]), params: o["params"] ?? null };
}

function readGate(x: unknown): Gate {
  const row = record(x), o = { ...row, ...record(row["decision"]) };
  return {
    answer: str(o["answer"]), rule: num(o["rule"]), why: str(o["why"]), risk: num(o["risk"]), policy: str(o["policy_version"]),
      waitUntil: time(o["wait_until"]), time: time(pick(row, "created_at", "time")),
    parts: list(pick(o, "risk_parts", "parts")).map((p) => { const r = record(p); return { name: str(r["name"]) ?? "?", value: num(r["value"]),
          text: str(r["text"]) }; }),
    reasons: list(o["reasons"]).map((p) => { const r = record(p); return { rule: num(r["rule"]), answer: str(r["answer"]), text: str(r["text"]) ?? "" }; }),
  };
}

function readApproval(x: unknown): Approval {
  const o = record(x);
  return { by: str(pick(o, "principal", "actor")), granted: flag(o["granted"]), reason: str(o["reason"]), planHash: str(o["plan_hash"]),
    time: time(o["created_at"]), expires: time(o["expires_at"]) };
}

function readAction(x: unknown): Action {
  const o = record(x), fault = pick(o, "fault", "error");
  return {
    number: num(pick(o, "action", "number")), step: num(o["step"]), kind: str(o["kind"]), outcome: str(o["outcome"]),
      began: time(pick(o, "intent_at", "began_at")), ended: time(pick(o, "result_at", "ended_at")),
    witness: pick(o, "witness"), output: lines(o["output"]), fault: str(fault) ?? str(pick(record(fault), "text", "detail")),
  };
}

function readVerdict(x: unknown): Verdict | null {
  const o = maybe(x);
  if (!o || (pick(o, "outcome", "result") === null && pick(o, "effect") === null)) return null;
  return {
    outcome: str(pick(o, "outcome", "result")), method: str(o["method"]), effect: num(o["effect"]), lo: num(o["lo"]), hi: num(o["hi"]),
      margin: num(o["margin"]), alpha: num(o["alpha"]), n: num(o["n"]), windowsA: num(o["windows_a"]),
    windowsB: num(o["windows_b"]), looks: num(o["looks"]), lag1: num(o["lag1"]), degraded: num(o["degraded_s"]), why: str(o["why"]),
      time: time(pick(o, "wall_us", "time")),
    guards: list(o["guards"]).map((g) => { const r = record(g); return { name: str(r["name"]) ?? "?", ratio: num(r["ratio"]), bound: num(r["bound"]),
          holds: flag(r["holds"]), text: str(r["text"]) }; }),
  };
}

/** Which arm was in force when: from the results of the actions that switch, until the case left VERIFYING. */
function armsOf(actions: Action[], rows: TimelineRow[]): ArmSpan[] {
  const begin = rows.find((r) => r.to === "VERIFYING" && r.from !== "VERIFYING")?.time ?? null,
    end = rows.find((r) => r.from === "VERIFYING" && r.to !== "VERIFYING")?.time ?? null;
  if (begin === null) return [];
  const spans: ArmSpan[] = [{ arm: "candidate", from: begin, to: end }];
  for (const a of actions) {
    const arm: Arm | null = a.kind === "to_candidate" ? "candidate" : a.kind === "to_incumbent" || a.kind === "undo" ? "incumbent" : null,
      last = spans[spans.length - 1] as ArmSpan;
    if (arm === null || a.ended === null || a.ended < begin || arm === last.arm || (end !== null && a.ended >= end)) continue;
    last.to = a.ended;
    spans.push({ arm, from: a.ended, to: end });
  }
  return spans;
}

function readEvidence(x: unknown): Evidence {
  const o = record(x);
  return { kind: str(o["kind"]), text: [str(o["title"]), str(pick(o, "summary", "text"))].filter(Boolean).join(": ") || "(no text)",
    time: time(pick(o, "detected_at", "created_at")), detail: pick(o, "labels", "detail") };
}

export function readFile(o: Json, timeline: TimelineRow[]): CaseFile {
  const run = record(o["run"]), outcome = record(o["outcome"]), events = Array.isArray(o["evidence"]) ? o["evidence"] : null, isDryRun = (e: unknown) =>
    str(record(e)["kind"]) === "dry_run";
  const verdict = readVerdict(outcome["verdict"]) ?? readVerdict(run["verdict"]) ?? readVerdict(outcome), actions = many(o["actions"], readAction);
  return {
    case: { ...readCase({ ...record(pick(o, "case")), ...(maybe(o["outcome"]) ? { outcome: { ...record(outcome["verdict"]), ...outcome } } : {}) }),
      ...(verdict?.why ? { why: verdict.why } : {}) },
    plans: many(o["plans"], readPlan), gates: many(pick(o, "decisions", "gates"), readGate), approvals: list(o["approvals"]).map(readApproval), actions,
      verdict,
    dryRun: events ? lines(pick(record(events.filter(isDryRun).pop()), "summary", "text")) : null, undoPath: str(run["undo_path"]),
    arms: armsOf(actions ?? [], timeline), progress: num(record(run["trial"])["progress"]), evidence: events
      ? events.filter((e) => !isDryRun(e)).map(readEvidence) : null, timeline, eventId: str(o["event_id"]),
  };
}

// ---- why ----

function readFigure(x: unknown): Figure {
  const o = record(x);
  return { standing: str(o["standing"]), why: str(o["why"]), estimate: num(o["estimate"]), lo: num(o["lo"]), hi: num(o["hi"]) };
}

function readSlice(x: unknown): Slice {
  const o = record(x);
  return { knob: str(o["knob"]) ?? "?", category: flag(o["category"]) === true, log: flag(o["log"]) === true, inForce: num(o["in_force"]),
    points: list(o["points"]).map((y) => { const p = record(y); return { value: str(p["value"]) ?? "?", x: num(p["x"]), gain: num(p["gain"]), lo: num(p["lo"]),
          hi: num(p["hi"]) }; }) };
}

function readSpread(x: unknown): Spread {
  const o = record(x), back = flag(o["put_back"]) === true;
  return { name: str(o["name"]) ?? "?", unit: str(o["unit"]) ?? "", groups: list(o["groups"]).map((y) => { const g = record(y), period = str(g["period"]) ?? "?";
      return { period: period === "after" && back ? "after, put back" : period, windows: num(g["windows"]), quantiles: list(g["quantiles"]).map(num),
        changed: flag(g["changed"]) === true }; }) };
}

export function readWhy(o: Json): Why {
  const sure = record(o["sure"]), model = record(o["model"]);
  return {
    caseId: str(o["case_id"]) ?? "", lead: str(o["lead"]), way: str(o["way"]), shown: flag(o["shown"]) === true, missing: str(o["missing"]),
      sure: str(sure["level"]),
    stations: list(o["stations"]).map((x) => { const r = record(x); return { name: str(r["name"]) ?? "?", unit: str(r["unit"]) ?? "",
          onPath: num(r["on_path"]) ?? 0, moved: flag(r["moved"]) === true, before: num(r["before"]), after: num(r["after"]), change: readFigure(r["change"]) }; }),
    units: list(o["units"]).map((x) => { const r = record(x); return { cause: str(r["cause"]) ?? "?", effect: str(r["effect"]) ?? "?",
          unit: str(r["unit"]) ?? "", figure: readFigure(r["figure"]) }; }),
    refuters: list(o["refuters"]).map((x) => { const r = record(x); return { name: str(r["name"]) ?? "?", refuted: flag(r["refuted"]), why: str(r["why"]) }; }),
    points: list(sure["points"]).map((x) => { const r = record(x); return { good: flag(r["good"]) === true, text: str(r["text"]) ?? "" }; }),
    importance: list(model["importance"]).map((x) => { const r = record(x); return { knob: str(r["knob"]) ?? "?", weight: num(r["weight"]) }; }),
    slices: list(model["slices"]).map(readSlice), spreads: list(o["spreads"]).map(readSpread),
    modelWhy: str(model["why"]), modelDoubt: str(model["doubt"]),
    tries: list(o["tries"]).map((x) => { const r = record(x); return { caseId: str(r["case_id"]), title: str(r["title"]) ?? "", result: str(r["result"]),
          kept: flag(r["kept"]) === true, mine: flag(r["this"]) === true, effect: num(r["effect"]), lo: num(r["lo"]), hi: num(r["hi"]),
          ofSome: num(r["effect"]) !== null && r["level"] === null }; }),
    triesLeftOut: num(o["tries_left_out"]) ?? 0,
  };
}

// ---- events ----

export function readMoment(topic: string, o: Json): News | null {
  const d = maybe(o["data"]) ?? o, at = time(pick(d, "time")) ?? time(o["time"]) ?? now(), kind = str(o["type"]) ?? topic;
  const caseId = str(pick(d, "case_id", "case", "id")) ?? str(o["subject"]), target = str(d["target"]);
  if (kind === "live.sample") return target ? { kind: "sample", target, time: at, v: readValues(d["v"]) } : null;
  if (kind === "live.trial") return target ? { kind: "trial", target, caseId, arm: readArm(d["arm"]), progress: num(d["progress"]), time: at } : null;
  if (kind === "evt.case.transition.v1" && caseId)
    return { kind: "transition", caseId, target, event: str(d["event"]), from: str(pick(d, "from")), to: str(pick(d, "to")),
      reason: str(pick(d, "reason", "why")), time: at };
  return kind.startsWith("evt.") || kind.startsWith("live.") ? { kind: "other", topic: kind, caseId, target } : null;
}
