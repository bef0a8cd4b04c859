// The single door to the engine: addresses, headers, refusals. How an answer
// becomes one of the nouns of model.ts is told in read.ts; nobody else knows
// anything of the wire.

import type { Known } from "./format";
import type { Case, CaseFile, Health, News, Outcome, Series, Stop, Target, Whoami, Why } from "./model";
import { Flow, readFlow } from "./flow";
import { Downstreams, EventRow, FoundEvent, Jobs, Metrics, Minutes, Pattern, readDownstreams, readEvent, readEventRow, readJobs, readMetrics, readMinutes, readPattern, readService,
  readTrace, Service, Trace } from "./looked";
import { hearClock, now } from "./now";
import { isStop, readCase, readFile, readMoment, readOutcome, readStop, readTarget, readTimelineRow, readWhy, rowsOf } from "./read";
import { flag, Json, list, maybe, num, pick, record, str, time } from "./wire";

/** A refusal that can be shown as it is: RFC 9457, or the lack of any answer. */
export class Problem extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string | null, readonly hint: string | null, readonly type: string | null = null) {
    super(detail ? `${title}: ${detail}` : title);
  }

  /** The token is not good, or so many were not that this one is not looked at for a while. */
  get shutsOut(): boolean { return this.status === 401 || (this.status === 429 && (this.type ?? "").startsWith("urn:homeostat:")); }

  /** The engine has said no. Anything else - silence, "not now", "still at it", a token that ended - leaves open what became of the request. */
  get refuses(): boolean { return this.status >= 400 && this.status < 500 && !this.shutsOut && !/:in-flight$/.test(this.type ?? ""); }
}

// ---- the token: from the fragment or the form, kept for this tab only ----

const TOKEN_KEY = "homeostat.token";

/** Takes #token=... out of the address bar before anything else can see it. */
export function tokenFromFragment(): boolean {
  const m = /^#(.*&)?token=([^&]*)(.*)$/.exec(location.hash);
  if (!m) return false;
  let token = m[2] ?? "";
  try { token = decodeURIComponent(token); } catch { /* a token may hold a percent sign */ }
  setToken(token);
  const rest = `${m[1] ?? ""}${(m[3] ?? "").replace(/^&/, "")}`.replace(/&$/, "");
  history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  return true;
}

export function setToken(token: string | null): void {
  if (token) sessionStorage.setItem(TOKEN_KEY, token.trim());
  else sessionStorage.removeItem(TOKEN_KEY);
}

export const hasToken = () => sessionStorage.getItem(TOKEN_KEY) !== null;

export function authorization(): { [name: string]: string } {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Tells requests apart, also on an origin without crypto.randomUUID (plain HTTP on another host). */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- one request ----

function refusal(status: number, body: unknown): Problem {
  const p = record(body);
  return new Problem(status, str(p["title"]) ?? `The server answered ${status}`, str(p["detail"]), str(p["hint"]), str(p["type"]));
}

/** Longer than the engine makes anybody wait; a request without an answer ends with it. */
const PATIENCE_MS = 60_000;

class Patience {
  private readonly abort = new AbortController();
  private readonly timer = setTimeout(() => this.abort.abort(), PATIENCE_MS);
  get signal(): AbortSignal { return this.abort.signal; }
  get over(): boolean { return this.abort.signal.aborted; }
  done(): void { clearTimeout(this.timer); }
}

interface Ask { method?: string; body?: unknown; key?: string; version?: Known; query?: { [name: string]: string | number | null | undefined } }

async function ask(path: string, a: Ask = {}): Promise<Json> {
  const query = Object.entries(a.query ?? {}).filter(([, v]) => v !== null && v !== undefined && v !== "").map(([k, v]) =>
      `${k}=${encodeURIComponent(String(v))}`).join("&");
  const headers: { [name: string]: string } = { Accept: "application/json, application/problem+json", ...authorization() };
  if (a.body !== undefined) headers["Content-Type"] = "application/json";
  if (a.key) headers["Idempotency-Key"] = `"${a.key}"`;
  if (a.version !== null && a.version !== undefined) headers["If-Match"] = `"v${a.version}"`;
  const asked = Date.now(), patience = new Patience();
  let answer: Response, text: string;
  try {
    answer = await fetch(path + (query ? `?${query}` : ""), { method: a.method ?? "GET", headers, body: a.body === undefined ? null : JSON.stringify(a.body),
        cache: "no-store", credentials: "same-origin", signal: patience.signal });
    hearClock(answer.headers.get("Date"), asked, Date.now());
    text = await answer.text();
  } catch {
    throw new Problem(0, "No answer", patience.over ? "The server was asked and has said nothing for a minute." : "The server cannot be reached.",
      a.method ? "It is not known whether the request arrived. Sending it again is safe: it carries the same key." : "Is the engine running?");
  } finally {
    patience.done();
  }
  let body: unknown = null;
  try { body = text ? JSON.parse(text) : null; } catch { /* told below by the status */ }
  if (!answer.ok) throw refusal(answer.status, body);
  if (body === null && text) throw new Problem(answer.status, "The answer cannot be read", "It is not JSON.", "Is this address really an engine?");
  return record(body);
}

const id = encodeURIComponent;

// ---- asking ----

export async function targets(): Promise<{ targets: Target[]; stops: Stop[] | null; degraded: string | null }> {
  const o = await ask("/target"), data = pick(o, "data");
  const rows = Array.isArray(data) ? data : list(pick(record(data), "targets", "target"));
  const around = { ...o, ...(maybe(data) ?? {}) };
  const stops = pick(around, "stops", "stop");
  return {
    targets: rows.map(readTarget),
    stops: Array.isArray(stops) ? stops.map(readStop).filter(isStop) : maybe(stops) ? [readStop(stops)].filter(isStop) : null,
    degraded: str(record(o["engine"])["degraded"]),
  };
}

export async function series(target: string, metrics: string[], since: number): Promise<Series> {
  const o = record((await ask(`/target/${id(target)}/series`, { query: { metrics: metrics.join(","), since: new Date(since).toISOString() } }))["data"]);
  const at = list(o["time"]).map(time), keep = at.map((t) => t !== null), v: { [m: string]: Known[] } = {};
  for (const m of Object.keys(o)) if (m !== "time" && Array.isArray(o[m])) v[m] = (o[m] as unknown[]).filter((_, i) => keep[i]).map(num);
  return { time: at.filter((t): t is number => t !== null), v };
}

/** The newest of them: so many are told at most. */
export const OUTCOMES_MAX = 500;

export async function outcomes(target: string): Promise<Outcome[]> {
  return rowsOf(await ask(`/target/${id(target)}/outcomes`, { query: { limit: OUTCOMES_MAX } }), "outcomes").map(readOutcome);
}

export async function cases(filter: { state?: string; target?: string; limit?: number; cursor?: string | null }): Promise<{ cases: Case[];
  next: string | null }> {
  const o = await ask("/case", { query: filter });
  return { cases: rowsOf(o, "cases").map(readCase), next: str(pick({ ...record(o["data"]), ...o }, "next_cursor")) };
}

export async function caseFile(caseId: string): Promise<CaseFile> {
  const file = record((await ask(`/case/${id(caseId)}/file`))["data"]);
  const rows = Array.isArray(file["timeline"]) ? file["timeline"] : rowsOf(await ask(`/case/${id(caseId)}/timeline`), "timeline");
  return readFile(file, rows.map(readTimelineRow));
}

export async function why(caseId: string): Promise<Why> {
  return readWhy(record((await ask(`/case/${id(caseId)}/explanation`))["data"]));
}

/** The explanation as a file, as the engine wrote it. */
export async function report(caseId: string, format: "html" | "markdown"): Promise<Blob> {
  let answer: Response;
  try {
    answer = await fetch(`/case/${id(caseId)}/explanation?format=${format}`, { headers: authorization(), cache: "no-store", credentials: "same-origin" });
  } catch {
    throw new Problem(0, "No answer", "The server cannot be reached.", "Is the engine running?");
  }
  if (!answer.ok) throw refusal(answer.status, await answer.json().catch(() => null));
  return answer.blob();
}

/** One metric minute by minute, for times that the seconds do not reach back to. */
export async function minutes(target: string, metric: string, from: number, to: number): Promise<{ time: number[]; avg: Known[] }> {
  const o = record((await ask(`/target/${id(target)}/metric`,
        { query: { name: metric, from: new Date(from).toISOString(), to: new Date(to).toISOString() } }))["data"]);
  const at = list(o["bucket"]).map(time), avg = list(o["avg"]).map(num);
  return { time: at.filter((t): t is number => t !== null), avg: at.map((_, i) => avg[i] ?? null).filter((_, i) => at[i] !== null) };
}

/** null: this engine does not say. */
export async function whoami(): Promise<Whoami | null> {
  try {
    const o = record((await ask("/whoami"))["data"]);
    return { name: str(o["name"]), roles: Array.isArray(o["roles"]) ? list(o["roles"]).map((r) => str(r) ?? "") : null };
  } catch (e) {
    if (e instanceof Problem && e.status !== 401) return null;
    throw e;
  }
}

/** Without a token; the answer of a degraded engine is 503 and tells as much as the one of a healthy engine. */
export async function health(): Promise<Health> {
  const patience = new Patience(), answer = await fetch("/readyz?verbose", { headers: { Accept: "application/json" }, cache: "no-store", signal: patience.signal });
  const body: unknown = await answer.json().catch(() => null);
  patience.done();
  const o = { ...record(body), ...record(record(body)["data"]) }, checks = o["checks"];
  const rows: [string, unknown][] = Array.isArray(checks) ? checks.map((c) => [str(pick(record(c), "name", "check")) ?? "?", c])
    : Object.entries(record(checks));
  return {
    ok: flag(o["ok"]) ?? (body === null ? null : answer.ok), why: answer.ok ? null : str(o["detail"]),
    checks: rows.map(([name, c]) => {
      const word = str(c) ?? str(pick(record(c), "status", "state"));
      return { name, ok: flag(c) ?? flag(record(c)["ok"]) ?? (word ? /^(ok|ready|pass)/i.test(word) : null),
        text: str(pick(record(c), "text", "detail", "why", "reason")) ?? (flag(c) === null ? word : null) };
    }),
  };
}

export async function stops(): Promise<Stop[] | null> {
  try {
    const data = (await ask("/stop"))["data"];
    return (Array.isArray(data) ? data : Array.isArray(record(data)["stops"]) ? list(record(data)["stops"]) : maybe(data) ? [data]
        : []).map(readStop).filter(isStop);
  } catch (e) {
    if (e instanceof Problem && (e.status === 404 || e.status === 405)) return null;   // this engine tells it with the targets
    throw e;
  }
}

// ---- telemetry; 404 where ingest is off, or nothing was digested yet ----

export const ingest = async (): Promise<Flow> => readFlow((await ask("/ingest"))["data"], now());
export const services = async (since: string): Promise<Service[]> => list((await ask("/service", { query: { since } }))["data"]).map(readService);
export const downstreams = async (service: string, since: string): Promise<Downstreams> =>
  readDownstreams((await ask("/downstreams", { query: { service, since } }))["data"]);
export const serviceMetrics = async (service: string, since: string): Promise<Metrics> =>
  readMetrics((await ask("/service/metrics", { query: { service, since, limit: 200 } }))["data"]);
export const metricMinutes = async (service: string, name: string, since: string): Promise<Minutes> =>
  readMinutes((await ask("/service/metrics", { query: { service, name, since, limit: 60 } }))["data"]);
export const patterns = async (service: string, since: string): Promise<Pattern[]> =>
  list((await ask("/pattern", { query: { service, since, limit: 25 } }))["data"]).map(readPattern);
export const jobs = async (): Promise<Jobs> => readJobs((await ask("/job", { query: { limit: 50 } }))["data"]);
export const trace = async (traceId: string): Promise<Trace> => readTrace((await ask(`/trace/${id(traceId)}`))["data"]);
export const telemetryEvent = async (eventId: string): Promise<FoundEvent> => readEvent((await ask(`/event/${id(eventId)}`))["data"]);
export const telemetryEvents = async (): Promise<EventRow[]> => list((await ask("/event", { query: { since: "1d", limit: 20 } }))["data"]).map(readEventRow);

// ---- changing: each carries an Idempotency-Key, so that sending it twice does it once ----

export const decide = (c: { id: string; version: Known }, what: "approve" | "reject", reason: string, key: string) =>
  ask(`/case/${id(c.id)}/${what}`, { method: "POST", body: { reason }, key, version: c.version });
export const comment = (caseId: string, text: string, key: string) => ask(`/case/${id(caseId)}/comment`, { method: "POST", body: { text }, key });
export const stop = (why: string, expiresS: number, target: string | null, key: string) =>
  ask("/stop", { method: "POST", body: target ? { why, expires_s: expiresS, target } : { why, expires_s: expiresS }, key });
export const goOn = (target: string | null, key: string) =>
  ask("/stop", { method: "DELETE", key, ...(target ? { body: { target } } : {}) });

/** null: not for us, or not to be understood. */
export function readNews(topic: string, data: string): News | null {
  try { return readMoment(topic, record(JSON.parse(data))); } catch { return null; }
}
