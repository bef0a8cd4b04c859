// What the dashboard knows of telemetry, and how it comes to know it: asked anew
// every few seconds while one of its pages is on the screen, and not otherwise.

import * as api from "./api";
import { Problem } from "./api";
import { app, attempt, changed } from "./app";
import type { Flow } from "./flow";
import type { Downstreams, EventRow, FoundEvent, Jobs, Metrics, Minutes, Pattern, Service, Trace } from "./looked";
import type { Route } from "./route";

export const FLOW_EVERY_MS = 5_000;
const RARE_EVERY_MS = 15_000;                                  // services and jobs change with windows of minutes

/** Something that was looked up by a name: `data` belongs to `id` only. */
export interface Found<T> { id: string; data: T | null; problem: Problem | null }

export interface Inflow {
  off: Problem | null;                                         // the engine says that ingest is off
  flow: Flow | null; before: Flow | null; problem: Problem | null;
  services: Service[] | null; servicesProblem: Problem | null;
  jobs: Jobs | null; jobsProblem: Problem | null; events: EventRow[] | null; eventsProblem: Problem | null;
  service: Found<{ of: Downstreams; patterns: Pattern[]; metrics: Metrics }> | null; metric: Found<Minutes> | null; trace: Found<Trace> | null; event: Found<FoundEvent> | null;
  since: string; wrongId: string | null;
}

export const inflow: Inflow = { off: null, flow: null, before: null, problem: null, services: null, servicesProblem: null, jobs: null, jobsProblem: null, events: null, eventsProblem: null,
  service: null, metric: null, trace: null, event: null, since: "1h", wrongId: null };

const PAGES: readonly Route["page"][] = ["telemetry", "service", "trace", "event"];
export const isTelemetry = (page: Route["page"]): boolean => PAGES.includes(page);

const loadFlow = () => attempt(async () => {
  try {
    const flow = await api.ingest();
    inflow.before = inflow.flow;
    inflow.flow = flow;
    inflow.problem = inflow.off = null;
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 404) throw e;
    inflow.off = e;
    inflow.flow = inflow.before = inflow.problem = null;
  }
}, (p) => { inflow.problem = p; });

async function loadServices(): Promise<void> {
  const since = inflow.since;
  await attempt(async () => {
    const got = await api.services(since);
    if (since !== inflow.since) return;
    inflow.services = got;
    inflow.servicesProblem = null;
  }, (p) => { inflow.servicesProblem = p; });
}

const loadJobs = () => attempt(async () => { inflow.jobs = await api.jobs(); inflow.jobsProblem = null; }, (p) => { inflow.jobsProblem = p; });

const loadEvents = () => attempt(async () => { inflow.events = await api.telemetryEvents(); inflow.eventsProblem = null; }, (p) => { inflow.eventsProblem = p; });

async function find<K extends "service" | "metric" | "trace" | "event", T>(kind: K, id: string, ask: () => Promise<T>): Promise<void> {
  const at = inflow as unknown as { [k in K]: Found<T> | null }, since = inflow.since;
  const wanted = () => at[kind]?.id === id && since === inflow.since;      // what was asked of another time may come last
  if (at[kind]?.id !== id) at[kind] = { id, data: null, problem: null };
  await attempt(async () => {
    const data = await ask();
    if (wanted()) at[kind] = { id, data, problem: null };
  }, (p) => { const was = at[kind]; if (was && wanted()) at[kind] = { ...was, problem: p }; });
}

export const loadService = (urn: string) => find("service", urn, async () => {
  const since = inflow.since, [of, patterns, metrics] = await Promise.all([api.downstreams(urn, since), api.patterns(urn, since), api.serviceMetrics(urn, since)]);
  return { of, patterns, metrics };
});
/** The minutes of one metric of what the page is about; its name alone is not enough to tell them apart. */
const metricId = (urn: string, name: string): string => `${urn} ${name}`;
export const openMetric = (urn: string): string | null => (inflow.metric?.id.startsWith(metricId(urn, "")) ? inflow.metric.id.slice(urn.length + 1) : null);
export const loadMetric = (urn: string, name: string) => find("metric", metricId(urn, name), () => api.metricMinutes(urn, name, inflow.since));
export function showMetric(urn: string, name: string): void {
  if (openMetric(urn) === name) inflow.metric = null;
  else void loadMetric(urn, name);
  changed();
}
export const loadTrace = (id: string) => find("trace", id, () => api.trace(id));
export const loadEvent = (id: string) => find("event", id, () => api.telemetryEvent(id));

function lookAtService(urn: string): void {
  const name = openMetric(urn);
  void loadService(urn);
  if (name !== null) void loadMetric(urn, name);
}

export function setSince(since: string): void {
  inflow.since = since;
  changed();
  if (app.route.page === "service" && app.route.arg) lookAtService(app.route.arg);
  else void loadServices();
}

let rareAt = -Infinity, frequentAt = -Infinity;

/** Asks for what the page that is shown needs; fresh: all of it. */
export function look(fresh: boolean): void {
  const { page, arg } = app.route, now = performance.now();
  frequentAt = now;
  if (fresh) rareAt = now;
  const rare = fresh || now - rareAt >= RARE_EVERY_MS - 500;
  if (rare) rareAt = now;
  if (page === "telemetry") {
    void loadFlow();
    if (rare) void Promise.all([loadServices(), loadJobs(), loadEvents()]);
  } else if (page === "service" && arg && rare) lookAtService(arg);
  else if (page === "trace" && arg && fresh) void loadTrace(arg);
  else if (page === "event" && arg && (fresh || (rare && inflow.event?.data?.complete === false))) void loadEvent(arg);
}

export function startLooking(): void {
  setInterval(() => {
    if (!document.hidden && app.door === "open" && isTelemetry(app.route.page) && performance.now() - frequentAt >= FLOW_EVERY_MS - 500) look(false);
  }, 1000);
}
