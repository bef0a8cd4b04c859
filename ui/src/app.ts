// What the dashboard knows, and how it comes to know it: one object, changed
// here only, drawn by the pages. Live samples flow in from the event feed; after
// each (re)connection the gap is filled from the series, and what cases have
// become is asked for again, so that nothing rests on having seen every event.

import * as api from "./api";
import { Problem } from "./api";
import { answered, Asked, asking, failed, wants } from "./asked";
import { Feed } from "./feed";
import type { Known } from "./format";
import { DRAWN, SERIES } from "./metrics";
import type { ArmSpan, Case, CaseFile, Health, Mark, MarkKind, Outcome, Series, Stop, Target, TimelineRow, Whoami, Why } from "./model";
import { now } from "./now";
import { readRoute, Route } from "./route";

export const RANGES: [number, string][] = [[300, "5 min"], [900, "15 min"], [3600, "1 h"], [21600, "6 h"]];
export const SECONDS_MAX = 21600 + 600;                       // kept per target; older seconds are dropped
const TARGETS_EVERY_MS = 15_000, BUSY_EVERY_MS = 3_000, RARE_MS = 15_000, CASES_SHOWN = 50, CASES_MAX = 500, MARKED_CASES_MAX = 25, ARMS_MAX = 400;

/** What a list wants to know of a case beyond its row. */
export interface Story { plan: string | null; gate: string | null; waitUntil: Known }

export interface App {
  door: "open" | "closed" | "unknown";                       // closed: a token is needed
  doorProblem: Problem | null;
  link: { state: "connecting" | "live" | "lost"; since: number; why: string | null; retryAt: number | null };
  targets: Target[]; targetsKnown: boolean; problem: Problem | null;
  who: Whoami | null;
  stories: Map<string, Story>;                               // of recent cases, by id
  stops: Stop[]; degraded: string | null /* why the engine cannot act */; health: Health | null;
  coarse: Map<string, number>;                               // before this moment there is a value a minute, ms
  series: Map<string, Series>; arms: Map<string, ArmSpan[]>; marks: Map<string, Mark[]>; outcomes: Map<string, Outcome[]>;
  recent: Case[] | null; recentCut: boolean;                 // the newest ones in any state; cut: there are older ones
  held: Case[];                                              // older ones that a person is asked about: at the gate, or parked with an outcome that nobody can tell
  cases: Case[] | null; next: string | null; caseFilter: string;
  file: { id: string; data: CaseFile | null; problem: Problem | null } | null;
  why: Asked<Why, Problem> | null; notSaved: { id: string; problem: Problem } | null;
  range: number;                                             // seconds shown by the charts
  logLatency: boolean;
  convergeBy: "trial" | "time";
  knobFilter: string; knobChanged: boolean;
  route: Route;
  now: number;
}

export const app: App = {
  door: "unknown", doorProblem: null, link: { state: "connecting", since: now(), why: null, retryAt: null },
  targets: [], targetsKnown: false, problem: null, who: null, stories: new Map(), stops: [], degraded: null, health: null,
  coarse: new Map(), series: new Map(), arms: new Map(), marks: new Map(), outcomes: new Map(),
  recent: null, recentCut: false, held: [],
  cases: null, next: null, caseFilter: "", file: null, why: null, notSaved: null, range: 900, logLatency: false, convergeBy: "trial", knobFilter: "", knobChanged: false,
  route: readRoute(""), now: now(),
};

let draw = () => {};
let asked = false;
export const onChange = (f: () => void) => { draw = f; };

/** Something is different: draws once, however often it is called until then. */
export function changed(): void {
  if (asked) return;
  asked = true;
  const go = () => { asked = false; app.now = now(); draw(); };
  if (document.hidden) setTimeout(go, 1000); else requestAnimationFrame(go);
}

let say = (_text: string) => {};
export const onSay = (f: (text: string) => void) => { say = f; };
export const announce = (text: string) => say(text);

/** What a case is about: the plan's title says more than the question it began with. */
export function about(c: { id: string }): string | null {
  return app.stories.get(c.id)?.plan ?? [...app.outcomes.values()].flat().find((o) => o.caseId === c.id)?.title ?? null;
}

const GRACE_MS = 30_000;

/** Whether a gate still waits for a better moment. When that has come and nothing moved, what it says since is not told: it may well be asking for a person. */
export const stillWaits = (gate: { answer: string | null; waitUntil: Known } | null | undefined): boolean =>
  gate?.answer === "wait" && (gate.waitUntil === null || gate.waitUntil > app.now - GRACE_MS);

/** Whether a person is asked. A gate that waits for a better moment is not asking anybody. */
export function asksSomebody(c: Case): boolean {
  const story = app.stories.get(c.id);
  return c.state === "WAIT_GATE" && !(story && stillWaits({ answer: story.gate, waitUntil: story.waitUntil }));
}

/** The newest value of a metric and when it was read: some are not read each second. null: not within the last seconds. */
export function latest(t: Target, metric: string): { value: number; at: number } | null {
  const now = t.v[metric] ?? null;
  if (now !== null) return { value: now, at: t.sampleTime ?? app.now };
  const s = app.series.get(t.name), col = s?.v[metric];
  for (let i = (s?.time.length ?? 0) - 1; s && col && i >= 0 && (s.time[i] as number) > (t.sampleTime ?? app.now) - RARE_MS; i--) {
    const v = col[i] ?? null;
    if (v !== null && t.up !== false) return { value: v, at: s.time[i] as number };
  }
  return null;
}

/** Unknown roles are not held against anybody: the engine decides anyway. */
export const may = (role: string): boolean => !app.who?.roles || app.who.roles.includes(role) || app.who.roles.includes("admin");

export const targetNamed = (name: string | null): Target | null => app.targets.find((t) => t.name === name) ?? (name === null ? app.targets[0] ?? null
    : null);

// ---- asking ----

function asProblem(e: unknown): Problem {
  return e instanceof Problem ? e : new Problem(0, "The dashboard stumbled", e instanceof Error ? e.message : String(e), null);
}

/** Runs f; a refusal for want of a token closes the door, any other is given to failed(). */
export async function attempt(f: () => Promise<void>, failed: (p: Problem) => void = (p) => { app.problem = p; }): Promise<void> {
  try {
    await f();
  } catch (e) {
    const p = asProblem(e);
    if (p.shutsOut) closeDoor(p); else failed(p);
  }
  changed();
}

const feed = new Feed("/events", api.authorization, {
  open() {
    const was = app.link.state;
    app.link = { state: "live", since: now(), why: null, retryAt: null };
    if (was === "lost") announce("Connection is back.");
    void catchUp();
    changed();
  },
  event(e) { news(api.readNews(e.type, e.data)); },
  lost(why, retryAt) {
    if (app.link.state !== "lost") { app.link = { state: "lost", since: now(), why, retryAt }; announce("Connection lost. Trying again."); }
    else app.link = { ...app.link, why, retryAt };
    changed();
  },
  refused(status) {
    if (status === 401) closeDoor(null);
    else { app.link = { state: "lost", since: now(), why: "this token may not follow events", retryAt: null }; changed(); }
  },
});

export function closeDoor(p: Problem | null): void {
  feed.stop();
  if (app.door !== "closed") app.doorProblem = null;
  app.door = "closed";
  if (api.hasToken()) app.doorProblem = p ?? new Problem(401, "The token was not accepted", null, "It may have expired, or it belongs to another engine.");
  api.setToken(null);
  changed();
}

/** At the start, and when a token was entered. */
export async function enter(): Promise<void> {
  app.doorProblem = null;
  const problem = await loadTargets();
  if (app.door === "closed") {
    if (problem === null) return;
    app.door = app.targetsKnown ? "open" : "unknown";   // it was not the token: what went wrong is said on the page, and mends itself
  }
  if (app.problem === null) app.door = "open";
  await attempt(async () => { app.who = await api.whoami(); }, () => {});
  feed.start();
  changed();
}

export function leave(): void {
  api.setToken(null);
  location.reload();
}

export const retryNow = () => feed.start();

let askedAt = -Infinity, healthAt = -Infinity;                // of a clock that nobody sets
/** What went wrong; null: nothing, or the door is closed now. */
export async function loadTargets(): Promise<Problem | null> {
  let problem: Problem | null = null;
  askedAt = performance.now();
  await attempt(async () => {
    const { targets, stops, degraded } = await api.targets();
    app.targets = targets;
    app.targetsKnown = true;
    app.degraded = degraded;
    app.problem = null;
    app.door = "open";
    const all = stops ?? (await api.stops());
    app.stops = all ?? targets.flatMap((t) => (t.stop ? [t.stop] : []));
    for (const t of targets) if (t.tuning) noteArm(t.name, t.tuning.arm, t.sampleTime ?? now());
  }, (p) => { app.problem = problem = p; });
  if (performance.now() - healthAt < TARGETS_EVERY_MS - 1000) return problem;
  healthAt = performance.now();
  app.health = await api.health().catch(() => null);
  changed();
  return problem;
}

async function catchUp(): Promise<void> {
  await Promise.all([loadTargets(), loadCases(), ...(app.file ? [loadFile(app.file.id)] : [])]);
  await Promise.all(app.targets.map((t) => Promise.all([loadSeries(t.name), loadOutcomes(t.name)])));
  await loadMarks();
}

/** How far back the seconds of a target were asked for, ms. */
const reaches = new Map<string, number>();

async function loadSeries(name: string): Promise<void> {
  await attempt(async () => {
    const from = now() - app.range * 1000, have = app.series.get(name), last = have?.time[have.time.length - 1];
    const whole = (reaches.get(name) ?? Infinity) > from + 5000;
    const seconds = await api.series(name, SERIES, whole || last === undefined ? from : last);
    const [got, coarse] = whole ? await withMinutes(name, from, seconds) : [seconds, 0];
    const live = app.series.get(name), further = whole && (reaches.get(name) ?? Infinity) < from - 5000;   // a wider question was answered meanwhile
    if (whole && !further) {
      reaches.set(name, from);
      app.coarse.set(name, coarse);
    }
    app.series.set(name, whole && !further ? join(got, live ?? { time: [], v: {} }) : join(live, got));
  }, () => { /* the chart says that there is nothing to show */ });
}

/** Seconds reach back some minutes; what was before comes minute by minute, for the lines of the charts. With the moment from which there are seconds; 0: there are no minutes. */
async function withMinutes(name: string, from: number, seconds: Series): Promise<[Series, number]> {
  const until = seconds.time[0] ?? now();
  if (until - from < 120_000) return [seconds, 0];
  const cols = await Promise.all(DRAWN.map((m) => api.minutes(name, m, from, until).catch(() => ({ time: [], avg: [] }))));
  const time = [...new Set(cols.flatMap((c) => c.time))].filter((t) => t < until).sort((a, b) => a - b), v: Series["v"] = {};
  if (!time.length) return [seconds, 0];
  for (const m of Object.keys(seconds.v).concat(DRAWN)) v[m] = time.map(() => null);
  cols.forEach((c, i) => { const at = new Map(c.time.map((t, k) => [t, c.avg[k] ?? null] as const));
      v[DRAWN[i] as string] = time.map((t) => at.get(t) ?? null); });
  return [join({ time, v }, seconds), until];
}

export function setRange(seconds: number): void {
  app.range = seconds;
  changed();
  void Promise.all([...app.targets.map((t) => loadSeries(t.name)), loadMarks()]);
}

export const loadOutcomes = (name: string) => attempt(async () => { app.outcomes.set(name, await api.outcomes(name)); }, () => {});

export async function loadCases(more = false): Promise<void> {
  await attempt(async () => {
    // A refresh asks for as many as are shown, so that nothing below "older ones" disappears.
    const filter = app.caseFilter, got = await listCases(filter, more ? CASES_SHOWN : Math.max(CASES_SHOWN, app.cases?.length ?? 0), more ? app.next : null);
    if (filter !== app.caseFilter) return;
    const there = new Set(more ? app.cases?.map((c) => c.id) : []);      // asked for twice, it comes twice
    app.cases = more ? [...(app.cases ?? []), ...got.cases.filter((c) => !there.has(c.id))] : got.cases;
    app.next = got.next;
    const newest = filter === "" ? { cases: app.cases, next: app.next } : await listCases("", CASES_SHOWN, null), ids = new Set(newest.cases.map((c) => c.id));
    const asking = newest.next === null ? [] : (await Promise.all(["WAIT_GATE", "PARKED"].map((state) => listCases(state, CASES_MAX, null)))).flatMap((p) => p.cases);
    app.recent = newest.cases;
    app.recentCut = newest.next !== null;
    app.held = asking.filter((c) => !ids.has(c.id) && (c.state === "WAIT_GATE" || c.proven === false));
  });
}

/** So many of them, page by page. */
async function listCases(state: string, wanted: number, cursor: string | null): Promise<{ cases: Case[]; next: string | null }> {
  const cases: Case[] = [];
  do {
    const page = await api.cases({ state, limit: Math.min(CASES_MAX, wanted - cases.length), cursor });
    cases.push(...page.cases);
    cursor = page.cases.length ? page.next : null;
  } while (cursor !== null && cases.length < wanted);
  return { cases, next: cursor };
}

export async function loadFile(id: string): Promise<void> {
  if (app.file?.id !== id) app.file = { id, data: null, problem: null };
  await attempt(async () => {
    const data = await api.caseFile(id);
    if (app.file?.id === id) app.file = { id, data, problem: null };
    if (data.verdict && wants(app.why, id, data.case.version)) void loadWhy(id, data.case.version);
  }, (p) => { if (app.file?.id === id) app.file = { ...app.file, problem: p }; });
}

/** Made anew only when the case has moved: explaining costs the engine some work. */
export async function loadWhy(id: string, version: Known): Promise<void> {
  app.why = asking(app.why, id, version);
  await attempt(async () => {
    try {
      app.why = answered(app.why, id, version, await api.why(id));
    } catch (e) {
      const p = asProblem(e);
      app.why = failed(app.why, id, version, p.shutsOut ? null : p);
      throw e;
    }
  }, () => {});
}

export async function saveReport(id: string, format: "html" | "markdown"): Promise<void> {
  app.notSaved = null;
  await attempt(async () => {
    const file = URL.createObjectURL(await api.report(id, format)), link = document.createElement("a");
    link.href = file;
    link.download = `explanation-${id}.${format === "html" ? "html" : "md"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(file), 10000);
    announce("The report was saved.");
  }, (problem) => { app.notSaved = { id, problem }; });
}

// ---- time and change ----

/** Appends what is newer; a second that is there already is not taken twice. */
export function join(have: Series | undefined, got: Series): Series {
  if (!have || have.time.length === 0) return got;
  const last = have.time[have.time.length - 1] as number;
  const start = got.time.findIndex((t) => t > last + 200);
  if (start < 0) return have;
  const time = have.time.concat(got.time.slice(start)), v: Series["v"] = {}, drop = Math.max(0, time.length - SECONDS_MAX);
  for (const m of new Set([...Object.keys(have.v), ...Object.keys(got.v)])) {
    const blank = (n: number): Known[] => new Array<Known>(n).fill(null);
    v[m] = (have.v[m] ?? blank(have.time.length)).concat((got.v[m] ?? blank(got.time.length)).slice(start)).slice(drop);
  }
  return { time: time.slice(drop), v };
}

function noteSample(target: string, time: number, v: { [m: string]: Known }): void {
  const t = app.targets.find((x) => x.name === target);
  if (t) {
    t.v = { ...t.v, ...v };
    for (const m of Object.keys(t.v)) if (!(m in v)) t.v[m] = null;   // not in this reading: not known now
    t.sampleTime = time;
    if (v["up"] !== undefined && v["up"] !== null) t.up = v["up"] > 0;
  }
  const s = app.series.get(target) ?? { time: [], v: {} };
  if (s.time.length && time <= (s.time[s.time.length - 1] as number)) return;
  s.time.push(time);
  const n = s.time.length;
  for (const m of new Set([...Object.keys(s.v), ...SERIES.filter((m) => m in v)])) {
    const col = s.v[m] ?? (s.v[m] = new Array<Known>(n - 1).fill(null));
    col.push(v[m] ?? null);
  }
  if (n > SECONDS_MAX) { s.time.shift(); for (const m of Object.keys(s.v)) s.v[m]?.shift(); }
  app.series.set(target, s);
}

function noteArm(target: string, arm: "incumbent" | "candidate" | null, time: number): void {
  const spans = app.arms.get(target) ?? [], last = spans[spans.length - 1];
  if (last && last.to === null) {
    if (last.arm === arm) return;
    last.to = time;
  }
  if (arm) spans.push({ arm, from: time, to: null });
  app.arms.set(target, spans.slice(-ARMS_MAX));
}

/** Told afterwards by the case's own records, which know better than what we happened to see. */
function addArms(target: string, told: ArmSpan[]): void {
  const first = told[0], last = told[told.length - 1];
  if (!first || !last) return;
  const others = (app.arms.get(target) ?? []).filter((a) => (a.to !== null && a.to <= first.from) || (last.to !== null && a.from >= last.to));
  app.arms.set(target, [...others, ...told].sort((a, b) => a.from - b.from).slice(-ARMS_MAX));
}

function addMark(target: string, m: Mark): void {
  const marks = app.marks.get(target) ?? [];
  if (!marks.some((o) => o.caseId === m.caseId && o.kind === m.kind && Math.abs(o.time - m.time) < 1500)) app.marks.set(target,
    [...marks, m].sort((a, b) => a.time - b.time));
}

/** What a step of a case's life is on the time axis; null: nothing that the target would notice. */
export function markKind(row: { event: string | null; from: string | null; to: string | null }): MarkKind | null {
  switch (row.event) {
    case "start_analysis": return "opened";
    case "exec_done": return "applied";
    case "verify_pass": return "kept";
    case "outcome_unknown": return "unknown";
    case "verify_failed": case "exec_failed": return "undone";
    default: return null;
  }
}

function marksOf(c: Case, rows: TimelineRow[]): Mark[] {
  return rows.flatMap((r) => { const kind = markKind(r); return kind && r.time !== null ? [{ time: r.time, kind, title: about(c) ?? c.title, caseId: c.id }]
        : []; });
}

/** Cases that fall into the charts; each timeline is asked for once while the case moves and not after. */
const marked = new Map<string, Known>();
async function loadMarks(): Promise<void> {
  const since = now() - app.range * 1000;
  const due = [...(app.recent ?? []), ...app.held].filter((c) => ((c.updated ?? 0) > since || c.state !== "CLOSED") && marked.get(c.id) !== c.version).slice(0,
    MARKED_CASES_MAX);
  await Promise.all(due.map((c) => attempt(async () => {
    const story = await api.caseFile(c.id), gate = story.gates?.[story.gates.length - 1];
    app.stories.set(c.id, { plan: story.plans?.[story.plans.length - 1]?.title ?? null, gate: gate?.answer ?? null, waitUntil: gate?.waitUntil ?? null });
    if (c.target) {
      for (const m of marksOf(c, story.timeline)) addMark(c.target, m);
      addArms(c.target, story.arms);
    }
    marked.set(c.id, c.version);
  }, () => {})));
}

const WORTH_SAYING: { [to: string]: string } = { WAIT_GATE: "waits at the gate", EXECUTING: "is being executed", VERIFYING: "is being verified",
  PARKED: "is parked", CLOSED: "is closed" };
const TOGETHER_MS = 250;
let refreshing = false, again = false, fileToo = false;

/** Several events come at once; what they led to is asked for once, and not later because more of them come. */
function refreshSoon(caseId: string | null): void {
  fileToo ||= app.file !== null && (caseId === null || app.file.id === caseId);
  again = refreshing;
  if (!refreshing) void refresh();
}

async function refresh(): Promise<void> {
  for (refreshing = again = true; again;) {
    await new Promise((done) => setTimeout(done, TOGETHER_MS));
    const file = fileToo ? app.file : null;
    again = fileToo = false;
    await Promise.all([loadTargets(), loadCases(), ...(file ? [loadFile(file.id)] : [])]);
    await Promise.all([loadMarks(), ...app.targets.map((t) => loadOutcomes(t.name))]);
  }
  refreshing = false;
}

function news(n: ReturnType<typeof api.readNews>): void {
  if (!n) return;
  if (n.kind === "sample") noteSample(n.target, n.time, n.v);
  else if (n.kind === "trial") {
    const t = app.targets.find((x) => x.name === n.target);
    if (t) t.tuning = { state: null, idleWhy: null, idleUntil: null, ...t.tuning, caseId: n.caseId ?? t.tuning?.caseId ?? null, arm: n.arm,
      progress: n.progress };
    noteArm(n.target, n.arm, n.time);
  } else {
    if (n.kind === "transition") {
      const c = app.recent?.find((x) => x.id === n.caseId), target = n.target ?? c?.target ?? null, kind = markKind(n);
      if (target && kind) addMark(target, { time: n.time, kind, title: c?.title ?? "", caseId: n.caseId });
      if (target && n.to !== "VERIFYING") noteArm(target, null, n.time);
      if (n.to && WORTH_SAYING[n.to]) announce(`${c?.title ?? "A case"} ${WORTH_SAYING[n.to]}${n.reason ? `: ${n.reason}` : ""}.`);
    }
    refreshSoon(n.caseId);
  }
  changed();
}

/** Once a second: "since" grows, and a sample that does not come becomes old. */
export function startClock(): void {
  setInterval(changed, 1000);
  setInterval(() => {
    const busy = app.targets.some((t) => t.tuning?.state === "VERIFYING" || t.tuning?.state === "EXECUTING");
    if (app.door === "closed" || app.link.state !== "live" || performance.now() - askedAt < (busy || !app.targetsKnown ? BUSY_EVERY_MS : TARGETS_EVERY_MS)) return;
    void (app.targetsKnown ? loadTargets() : catchUp());
  }, 1000);
}
