// The nouns of the dashboard. api.ts fills them from the wire; everything else
// reads only these. `null` means unknown throughout.

import type { Known } from "./format";

export interface Setting {
  name: string; value: string | null; unit: string | null; initial: string | null;
  context: string | null; source: string | null; pendingRestart: boolean | null;
  min: string | null; max: string | null; why: string | null;
}

export interface Facts {
  version: string | null; cpus: Known; memory: Known; limitCountsCache: boolean | null;
  local: boolean | null; standby: boolean | null; owner: string | null;
  hasStatements: boolean | null; mayChange: boolean | null; settings: Setting[] | null;
}

export interface Stop { target: string | null; why: string | null; by: string | null; since: Known; until: Known }

export interface Tuning { caseId: string | null; state: string | null; arm: Arm | null; progress: Known; idleWhy: string | null; idleUntil: Known }

export type Arm = "incumbent" | "candidate";

export interface Target {
  name: string; mode: string | null; up: boolean | null; trouble: string | null;
  facts: Facts; sampleTime: Known; v: { [metric: string]: Known };
  tuning: Tuning | null; stop: Stop | null;
}

export interface Series { time: number[]; v: { [metric: string]: Known[] } }

export interface Change { name: string; from: string | null; to: string | null }

export interface Outcome {
  caseId: string | null; title: string; time: Known; outcome: string | null; kept: boolean | null;
  effect: Known; lo: Known; hi: Known; changes: Change[]; why: string | null;
  chapter: Known; before: Known; best: Known;   // log ratios against the configuration before the first under this load, which a chapter is about
}

export interface Case {
  id: string; title: string; state: string | null; target: string | null /* "": none */; version: Known;
  openedBy: string | null; created: Known; updated: Known; deadline: Known;
  phase: string | null; step: Known; steps: Known; proven: boolean | null; planHash: string | null;
  outcome: string | null; kept: boolean | null; effect: Known; lo: Known; hi: Known; why: string | null;
}

export interface TimelineRow {
  version: Known; event: string | null; from: string | null; to: string | null; actor: string | null;
  reason: string | null; rule: Known; runRule: Known; time: Known; trace: string | null; meta: { [name: string]: unknown } | null;
}

export interface PlanStep { action: string; dangerous: boolean; text: string | null; changes: Change[]; timeout: Known; retry: Known; watch: Known;
  params: unknown }

export interface Plan {
  id: string | null; title: string; hash: string | null; planner: string | null; why: string | null;
  time: Known; steps: PlanStep[]; rollback: unknown; verify: unknown;
}

export interface Approval { by: string | null; granted: boolean | null; reason: string | null; planHash: string | null; time: Known; expires: Known }

export interface RiskPart { name: string; value: Known; text: string | null }
export interface GateReason { rule: Known; answer: string | null; text: string }
export interface Gate {
  answer: string | null; rule: Known; why: string | null; risk: Known; parts: RiskPart[];
  reasons: GateReason[]; policy: string | null; waitUntil: Known; time: Known;
}

export interface Action {
  number: Known; step: Known; kind: string | null; outcome: string | null;
  began: Known; ended: Known; witness: unknown; output: string | null; fault: string | null;
}

export interface Guard { name: string; ratio: Known; bound: Known; holds: boolean | null; text: string | null }
export interface Verdict {
  outcome: string | null; method: string | null; effect: Known; lo: Known; hi: Known; margin: Known; alpha: Known; n: Known;
  windowsA: Known; windowsB: Known; looks: Known; lag1: Known; degraded: Known; why: string | null; time: Known; guards: Guard[];
}

export interface ArmSpan { arm: Arm; from: number; to: Known }      // to null: still in force
export interface Evidence { kind: string | null; text: string; time: Known; detail: unknown }

export interface CaseFile {
  case: Case; plans: Plan[] | null; gates: Gate[] | null; approvals: Approval[]; dryRun: string | null; undoPath: string | null; actions: Action[] | null;
  verdict: Verdict | null;
  arms: ArmSpan[]; progress: Known; evidence: Evidence[] | null; timeline: TimelineRow[];
  eventId: string | null;                                      // null: ingest does not run
}

/** Why a change helped or not, as the engine explains it. */
export interface Figure { standing: string | null; why: string | null; estimate: Known; lo: Known; hi: Known }
export interface Station { name: string; unit: string; onPath: number; moved: boolean; before: Known; after: Known; change: Figure }
/** What the model of all trials believes of one parameter, everything else as it is in force: gains in percent. */
export interface SlicePoint { value: string; x: Known; gain: Known; lo: Known; hi: Known }
export interface Slice { knob: string; category: boolean; log: boolean; inForce: Known; points: SlicePoint[] }
/** How a measure lay in the windows of each period: smallest, quartiles, largest. */
export interface Group { period: string; windows: Known; quantiles: Known[]; changed: boolean }      // changed: the candidate was in force then
export interface Spread { name: string; unit: string; groups: Group[] }
export interface Why {
  caseId: string; lead: string | null; way: string | null; shown: boolean; missing: string | null; sure: string | null; stations: Station[];
  units: { cause: string; effect: string; unit: string; figure: Figure }[]; refuters: { name: string; refuted: boolean | null; why: string | null }[];
  points: { good: boolean; text: string }[]; importance: { knob: string; weight: Known }[]; slices: Slice[]; spreads: Spread[]; modelWhy: string | null; modelDoubt: string | null;
  tries: { caseId: string | null; title: string; result: string | null; kept: boolean; mine: boolean; effect: Known; lo: Known; hi: Known; ofSome: boolean }[];   // ofSome: the effect is that of the statements it was made for
  triesLeftOut: number;   // oldest first; so many older ones are not among them
}

export interface Whoami { name: string | null; roles: string[] | null }

/** why: of the first thing that is not as it should be. */
export interface Health { ok: boolean | null; why: string | null; checks: { name: string; ok: boolean | null; text: string | null }[] }

/** A change of the world, on the time axis. */
export type MarkKind = "opened" | "applied" | "kept" | "undone" | "unknown";
export interface Mark { time: number; kind: MarkKind; title: string; caseId: string }

/** The news that events bring. */
export type News =
  | { kind: "sample"; target: string; time: number; v: { [metric: string]: Known } }
  | { kind: "trial"; target: string; caseId: string | null; arm: Arm | null; progress: Known; time: number }
  | { kind: "transition"; caseId: string; target: string | null; event: string | null; from: string | null; to: string | null; reason: string | null;
    time: number }
  | { kind: "other"; topic: string; caseId: string | null; target: string | null };

export const STATES = ["NEW", "ANALYZING", "PLANNING", "WAIT_GATE", "EXECUTING", "VERIFYING", "PARKED", "CLOSED"] as const;

/** What a state means to somebody who has just been woken up. */
export const STATE_WORDS: { [state: string]: string } = {
  NEW: "opened", ANALYZING: "looking for causes", PLANNING: "planning", WAIT_GATE: "at the gate", EXECUTING: "changing the target",
  VERIFYING: "proving the effect", PARKED: "parked", CLOSED: "closed",
};
