// What came in, as it is told to somebody who asks: services and what they call,
// patterns of log lines, one trace, windows of jobs, one event. Pure.

import type { Known } from "./format";
import { flag, Json, list, num, pick, record, str, time } from "./wire";

export interface Service { urn: string; tenant: string | null; logs: Known; errors: Known; errorRate: Known; calls: Known; failed: Known; callErrorRate: Known }
export interface Pattern { id: string; pattern: string | null; severity: string | null; count: Known; errors: Known; sample: string | null; last: Known; urn: string | null; tenant: string | null }
export interface Locator { dataset: string | null; key: string | null; hint: string | null; events: Known }
export interface Metric { name: string; urn: string | null; tenant: string | null; at: Known; series: Known; avg: Known; p95: Known; max: Known; min: Known }
export interface Metrics { list: Metric[]; cut: boolean }
export interface Minute { at: Known; urn: string | null; tenant: string | null; labels: string; avg: Known; p95: Known; max: Known; min: Known }
export interface Minutes { list: Minute[]; cut: boolean }
export interface Downstream { from: string | null; tenant: string | null; urn: string; calls: Known; errors: Known; errorRate: Known; rps: Known; p50: Known; p95: Known; last: Known;
  patterns: Pattern[]; locators: Locator[] }
export interface Downstreams { names: string[]; downstreams: Downstream[]; locators: Locator[]; cut: boolean }
export interface Span { id: string; parent: string | null; service: string; name: string; kind: string | null; start: number; ms: number; status: string | null;
  message: string | null; attributes: [string, string][]; record: string | null }
export interface Line { service: string; time: Known; severity: Known; body: string; span: string | null }
export interface Trace { id: string; spans: Span[]; lines: Line[]; gone: number; cut: boolean }
export interface Run { job: string; tenant: string | null; from: Known; to: Known; status: string | null; attempts: Known; rows: Known; error: string | null;
  finished: Known; asked: Known }
export interface Circuit { job: string; tenant: string | null; state: string | null; failures: Known; until: Known }
export interface Jobs { runs: Run[]; circuits: Circuit[] }
export interface Evidence { dim: string | null; note: string | null; score: Known; hint: string | null; key: string | null; ref: string | null; there: boolean | null }
export interface FoundEvent { id: string; title: string | null; at: Known; urn: string | null; severity: string | null; kind: string | null; summary: string | null;
  evidence: Evidence[]; complete: boolean | null; caseId: string | null }
export interface EventRow { id: string; title: string | null; at: Known; urn: string | null; severity: string | null; kind: string | null; pieces: Known; complete: boolean | null }

/** How a URN is called among people: urn:k8s:svc:shop/cart is shop/cart. */
export const shortName = (urn: string): string => urn.replace(/^urn:(k8s:svc|[a-z]+)(:|$)/, (all, kind: string, tail: string) =>
  (kind === "k8s:svc" || kind === "svc" ? "" : tail ? `${kind} ` : all)) || urn;

const OWN_TENANT = "installation";

/** Whose a thing is, when it is not the installation's own. */
export const tenantOf = (x: { tenant: string | null }): string | null => (x.tenant && x.tenant !== OWN_TENANT ? x.tenant : null);

export function readService(x: unknown): Service {
  const o = record(x);
  return { urn: str(o["urn"]) ?? "?", tenant: str(o["tenant"]), logs: num(o["logs"]), errors: num(o["errors"]), errorRate: num(o["error_rate"]),
    calls: num(o["calls"]), failed: num(o["calls_failed"]), callErrorRate: num(o["call_error_rate"]) };
}

/** Of its calls and its lines together: what a person sorts by. */
export function worstRate(s: Service): Known {
  return s.errorRate === null ? s.callErrorRate : s.callErrorRate === null ? s.errorRate : Math.max(s.errorRate, s.callErrorRate);
}

export const worstFirst = (list: Service[]): Service[] => list.slice().sort((a, b) => (worstRate(b) ?? -1) - (worstRate(a) ?? -1)
    || ((b.calls ?? 0) + (b.logs ?? 0)) - ((a.calls ?? 0) + (a.logs ?? 0)) || (a.urn < b.urn ? -1 : 1));

export function readPattern(x: unknown): Pattern {
  const o = record(x);
  return { id: str(o["fingerprint_id"]) ?? "?", pattern: str(o["pattern"]), severity: str(o["severity"]), count: num(o["count"]), errors: num(o["errors"]),
    sample: str(o["sample"]), last: time(o["last"]), urn: str(o["urn"]), tenant: str(o["tenant"]) };
}

export function readMetrics(data: unknown): Metrics {
  const o = record(data);
  return { cut: flag(o["cut"]) ?? false, list: list(o["metrics"]).map((x) => {
    const m = record(x);
    return { name: str(m["metric"]) ?? "?", urn: str(m["urn"]), tenant: str(m["tenant"]), at: time(m["time"]), series: num(m["series"]), avg: num(m["avg"]), p95: num(m["p95"]),
      max: num(m["max"]), min: num(m["min"]) };
  }) };
}

function readLocator(x: unknown): Locator {
  const o = record(x);
  return { dataset: str(o["dataset"]), key: str(o["object_key"]), hint: str(o["query_hint"]), events: num(o["events"]) };
}

export function readDownstreams(data: unknown): Downstreams {
  const o = record(data);
  return { names: list(o["service"]).map((n) => str(n) ?? "?"), cut: flag(o["cut"]) ?? false, locators: list(o["locators"]).map(readLocator), downstreams: list(o["downstreams"]).map((x) => {
    const d = record(x);
    return { from: str(d["from"]), tenant: str(d["tenant"]), urn: str(d["urn"]) ?? "?", calls: num(d["calls"]), errors: num(d["errors"]), errorRate: num(d["err_rate"]), rps: num(d["rps"]),
      p50: num(d["p50_ms"]), p95: num(d["p95_ms"]), last: time(d["last"]), patterns: list(d["patterns"]).map(readPattern),
      locators: list(d["locators"]).map(readLocator) };
  }) };
}

export function readMinutes(data: unknown): Minutes {
  const o = record(data);
  return { cut: flag(o["cut"]) ?? false, list: list(o["minutes"]).map((x) => {
    const m = record(x);
    return { at: time(m["time"]), urn: str(m["urn"]), tenant: str(m["tenant"]), labels: Object.entries(record(m["labels"])).map(([k, v]) => `${k}=${valueText(v)}`).join(" "),
      avg: num(m["avg"]), p95: num(m["p95"]), max: num(m["max"]), min: num(m["min"]) };
  }) };
}

/** start_ns is exact to a quarter of a microsecond here, which is enough to draw. */
const startOf = (o: Json): number => {
  const ns = num(o["start_ns"]);
  return ns === null || ns <= 0 ? time(o["start"]) ?? 0 : ns / 1e6;
};

const valueText = (x: unknown): string => (typeof x === "string" ? x : JSON.stringify(x) ?? "");

export function readTrace(data: unknown): Trace {
  const o = record(data);
  return {
    id: str(o["trace_id"]) ?? "?", gone: num(o["gone"]) ?? 0, cut: flag(o["cut"]) ?? false, spans: list(o["spans"]).map((x, i) => {
      const s = record(x);
      return { id: str(s["span_id"]) ?? `#${i}`, parent: str(s["parent_id"]), service: str(s["service"]) ?? str(s["urn"]) ?? "?", name: str(s["name"]) ?? "?",
        kind: str(s["kind"]), start: startOf(s), ms: Math.max(0, num(s["ms"]) ?? 0), status: str(s["status"]), message: str(s["message"]),
        attributes: Object.entries(record(s["attributes"])).map(([k, v]): [string, string] => [k, valueText(v)]), record: str(s["record"]) };
    }),
    lines: list(o["logs"]).map((x) => {
      const l = record(x), ns = num(l["time_ns"]);
      return { service: str(l["service"]) ?? str(l["urn"]) ?? "?", time: time(l["time"]) ?? (ns && ns / 1e6), severity: num(l["severity"]) || null,
        body: str(l["body"]) ?? "", span: str(l["span_id"]) };
    }).sort((a, b) => (a.time ?? 0) - (b.time ?? 0)),
  };
}

export function readJobs(data: unknown): Jobs {
  const o = record(data);
  return {
    runs: list(o["runs"]).map((x) => {
      const r = record(x);
      return { job: str(r["job"]) ?? "?", tenant: str(r["tenant"]), from: time(r["from"]), to: time(r["to"]), status: str(r["status"]), attempts: num(r["attempts"]),
        rows: num(r["rows"]), error: str(r["error"]), finished: time(r["finished_at"]), asked: time(r["asked_at"]) };
    }),
    circuits: list(o["circuits"]).map((x) => {
      const c = record(x);
      return { job: str(c["job"]) ?? "?", tenant: str(c["tenant"]), state: str(c["state"]), failures: num(c["failures"]), until: time(c["open_until"]) };
    }),
  };
}

export function readEvent(data: unknown): FoundEvent {
  const o = record(data);
  return { id: str(o["event_id"]) ?? "?", title: str(o["title"]), at: time(o["detected_at"]), urn: str(o["urn"]), severity: str(o["severity"]),
    kind: str(o["kind"]), summary: str(o["summary"]), evidence: list(o["evidence"]).map((x) => {
      const e = record(x), ref = pick(e, "ref");
      return { dim: str(e["dim"]), note: str(e["note"]), score: num(e["score"]), hint: str(e["query_hint"]), key: str(e["object_key"]), ref: ref === null ? null : valueText(ref),
        there: flag(e["in_journal"]) };
    }), complete: flag(o["complete"]), caseId: str(record(o["labels"])["case"]) };
}

export function readEventRow(x: unknown): EventRow {
  const o = record(x);
  return { id: str(o["event_id"]) ?? "?", title: str(o["title"]), at: time(o["detected_at"]), urn: str(o["urn"]) || null, severity: str(o["severity"]), kind: str(o["kind"]),
    pieces: num(o["evidence"]), complete: flag(o["complete"]) };
}

// ---- a trace as a waterfall ----

/** A span in its place: how deep, and from where to where of the whole, 0 to 1. */
export interface Bar { span: Span; depth: number; from: number; to: number; orphan: boolean }

/** Parents before children, siblings by their start; a span whose parent is not here begins a tree of its own. */
export function waterfall(t: Trace): { begin: number; ms: number; bars: Bar[] } {
  const ids = new Map(t.spans.map((s) => [s.id, s])), below = new Map<string, Span[]>(), tops: Span[] = [], out: Bar[] = [], done = new Set<Span>();
  for (const s of t.spans) {
    if (s.parent === null || !ids.has(s.parent) || s.parent === s.id) tops.push(s);
    else below.set(s.parent, [...(below.get(s.parent) ?? []), s]);
  }
  const begin = t.spans.reduce((a, s) => Math.min(a, s.start), Infinity), end = t.spans.reduce((a, s) => Math.max(a, s.start + s.ms), -Infinity);
  const ms = Math.max(end - begin, 0), at = (x: number) => (ms > 0 ? Math.min(1, Math.max(0, (x - begin) / ms)) : 0);
  const visit = (first: Span[]): void => {
    const stack = first.slice().sort((a, b) => b.start - a.start).map((span) => ({ span, depth: 0 }));
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { span, depth } = next;
      if (done.has(span)) continue;
      done.add(span);
      out.push({ span, depth, from: at(span.start), to: ms > 0 ? at(span.start + span.ms) : 1, orphan: depth === 0 && span.parent !== null });
      for (const kid of (below.get(span.id) ?? []).slice().sort((a, b) => b.start - a.start)) stack.push({ span: kid, depth: depth + 1 });
    }
  };
  visit(tops);
  visit(t.spans.filter((s) => !done.has(s)));      // who call each other their parent in a circle are shown, too
  return { begin: t.spans.length ? begin : 0, ms, bars: out };
}

/** The names of OpenTelemetry's ranges of severity. */
export function severityWord(n: Known): string {
  const words = ["trace", "debug", "info", "warn", "error", "fatal"];
  return n === null || n < 1 || n > 24 ? "none" : words[Math.floor((n - 1) / 4)] as string;
}
