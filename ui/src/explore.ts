// Looking into what came in: services with the worst first, what one of them
// calls and says, windows of jobs, and the field for the id of a trace.

import { app, changed } from "./app";
import { Child, h, VNode } from "./dom";
import { clock, duration, integer, Known, moment, number, plain, utc } from "./format";
import { icon } from "./icons";
import { inflow, look, loadMetric, loadService, openMetric, setSince, showMetric } from "./inflow";
import { Circuit, Downstreams, Locator, Metrics, Pattern, Run, Service, shortName, tenantOf, worstFirst, worstRate } from "./looked";
import { choice, empty, orUnknown, plural, problemBox, section, unknown, when } from "./parts";
import { href } from "./route";

const SINCE: [string, string][] = [["15min", "15 min"], ["1h", "1 h"], ["6h", "6 h"], ["1d", "1 d"]];
const SERVICES_SHOWN = 40, JOBS_SHOWN = 8;

const n = (v: Known): Child => (v === null ? unknown() : integer(v));
const dash = (): VNode => h("span", { class: "dim" }, "\u2013");

/** "12.5 %", loud when it is much: a share of lines or calls that failed. */
function share(v: Known): VNode {
  return v === null ? dash() : h("span", { class: v >= 0.05 ? "fails" : v >= 0.01 ? "answer-ask answer" : "rate" }, v > 0 && v < 0.0005 ? "under 0.1\u202f%" : v === 0 ? "0\u202f%" : `${(100 * v).toFixed(1)}\u202f%`);
}

function columns(names: [string, boolean?][]): VNode {
  return h("thead", null, h("tr", null, names.map(([name, num]) => h("th", { scope: "col", key: name, class: num ? "num" : null }, name))));
}

/** " of shop": whose it is, when it is not the installation's own. */
const whose = (x: { tenant: string | null }): Child => { const t = tenantOf(x); return t === null ? null : h("small", { class: "dim" }, ` of ${t}`); };
/** Which of several things of one name a row is about. */
const which = (urn: string | null, x: { tenant: string | null }, several: boolean): Child => (several ? h("small", { class: "dim block urn" }, orUnknown(urn), whose(x)) : null);

export const sinceChoice = (): VNode => choice("How far back", SINCE, inflow.since, setSince);

// ---- services ----

export function services(): VNode {
  const list = inflow.services, p = inflow.servicesProblem;
  return section("services", "Services", sinceChoice(), p && p.status !== 404 ? problemBox(p, () => look(true)) : null,
    p?.status === 404 ? empty(`Nothing is known yet: ${p.detail ?? "nothing was digested"}.`) : list === null ? (p ? null : empty("Asking the engine\u2026"))
    : list.length === 0 ? empty("No service was heard of in this time. What comes in shows here after a few minutes, once its window is closed.") : [
      h("table", { class: "grid stack rows services" }, h("caption", { class: "sr" }, "Services, the worst error rate first. The arrow keys move between rows."),
        columns([["Service"], ["Errors of lines"], ["Lines"], ["Errors of calls"], ["Calls"]]), h("tbody", null, worstFirst(list).slice(0, SERVICES_SHOWN).map((s) => service(s,
          list.some((o) => o !== s && o.urn !== s.urn && shortName(o.urn) === shortName(s.urn)))))),
      list.length > SERVICES_SHOWN ? h("p", { class: "dim small" }, `${list.length - SERVICES_SHOWN} more with fewer errors are not shown; `, h("code", null,
        "homeostat look services"), " lists them.") : null]);
}

function service(s: Service, alike: boolean): VNode {
  return h("tr", { key: `${s.tenant ?? ""} ${s.urn}`, class: (worstRate(s) ?? 0) >= 0.05 ? "alarming" : null },
    h("th", { scope: "row" }, h("a", { class: "row-link", href: href("service", s.urn), title: s.urn }, shortName(s.urn)), alike ? h("small", { class: "dim urn" }, ` ${s.urn}`) : null,
      whose(s)),
    h("td", { "data-label": "Errors of lines" }, s.logs ? h("span", null, share(s.errorRate), s.errors ? h("small", { class: "dim" }, ` ${integer(s.errors)}`) : null) : dash()),
    h("td", { "data-label": "Lines", class: "num" }, n(s.logs)),
    h("td", { "data-label": "Errors of calls" }, s.calls ? h("span", null, share(s.callErrorRate), s.failed ? h("small", { class: "dim" }, ` ${integer(s.failed)}`) : null) : dash()),
    h("td", { "data-label": "Calls", class: "num" }, n(s.calls)));
}

export function servicePage(): Child[] {
  const urn = app.route.arg ?? "", found = inflow.service?.id === urn ? inflow.service : null, d = found?.data;
  return [
    h("p", { class: "back", key: "back" }, h("a", { href: href("telemetry") }, "\u2190 Telemetry")),
    h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, shortName(urn)), sinceChoice(), h("p", { class: "facts" }, h("code", null, urn))),
    found?.problem ? problemBox(found.problem, () => void loadService(urn)) : null,
    !d ? (found?.problem ? null : empty("Asking the engine\u2026")) : [calls(d.of), measured(urn, d.metrics, d.of.names.length > 1), minutes(urn, d.of.names.length > 1), said(d.patterns, d.of.names.length > 1), where(d.of.locators)],
  ];
}

function calls(of: Downstreams): VNode {
  const list = of.downstreams;
  return section("downstreams", "What it calls", h("span", { class: "dim" }, of.cut ? `the first ${list.length}, there is more` : "the failing first, then the slowest"), list.length === 0
    ? empty("No call to anybody was seen in this time. Calls come from spans of kind client.")
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "What this service calls, with error rates and latencies"),
      columns([["Called"], ["Errors"], ["Calls", true], ["Rate", true], ["p50", true], ["p95", true], ["Last window"]]),
      h("tbody", null, list.map((d) => h("tr", { key: `${d.tenant ?? ""} ${d.from ?? ""} ${d.urn}`, class: (d.errorRate ?? 0) >= 0.05 ? "alarming" : null },
        h("th", { scope: "row" }, h("a", { href: href("service", d.urn) }, shortName(d.urn)), of.names.length > 1 ? h("small", { class: "dim block urn" }, "from ", orUnknown(d.from), whose(d)) : null,
          d.patterns.length ? h("details", null, h("summary", null,
            plural(d.patterns.length, "pattern")), h("ul", { class: "lines" }, d.patterns.map((p) => h("li", { key: p.id }, h("code", null, orUnknown(p.pattern)),
              h("small", { class: "dim" }, ` ${integer(p.count)}`))))) : null),
        h("td", { "data-label": "Errors" }, h("span", null, share(d.errorRate), d.errors ? h("small", { class: "dim" }, ` ${integer(d.errors)}`) : null)),
        h("td", { "data-label": "Calls", class: "num" }, n(d.calls)), h("td", { "data-label": "Rate", class: "num" }, d.rps === null ? unknown() : plain(d.rps, "1/s")),
        h("td", { "data-label": "p50", class: "num" }, d.p50 === null ? unknown() : took(d.p50)),
        h("td", { "data-label": "p95", class: "num" }, d.p95 === null ? unknown() : took(d.p95)),
        h("td", { "data-label": "Last window" }, when(d.last, false, app.now)))))));
}

/** Each metric with its newest minute: what came in as numbers, not what they mean. */
const cell = (label: string, v: Known): VNode => h("td", { "data-label": label, class: "num" }, v === null ? unknown() : number(v));

function measured(urn: string, m: Metrics, several: boolean): VNode {
  const open = openMetric(urn);
  return section("metrics", "What it measures", h("span", { class: "dim" }, m.cut ? `the first ${m.list.length} by name, there are more` : "the newest minute of each metric"), m.list.length === 0
    ? empty("No metric of it came in in this time.")
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Metrics of this service by name, each with its newest minute"),
      columns([["Metric"], ["Mean", true], ["p95", true], ["Greatest", true], ["Least", true], ["Series", true], ["Minute"]]),
      h("tbody", null, m.list.map((x) => h("tr", { key: `${x.tenant ?? ""} ${x.urn ?? ""} ${x.name}` }, h("th", { scope: "row", class: "said" }, h("button", { class: "metric-name", "aria-expanded": open === x.name ? "true" : "false",
          onclick: () => showMetric(urn, x.name) }, h("code", null, x.name)), which(x.urn, x, several)),
        cell("Mean", x.avg), cell("p95", x.p95), cell("Greatest", x.max), cell("Least", x.min), h("td", { "data-label": "Series", class: "num" }, n(x.series)),
        h("td", { "data-label": "Minute" }, when(x.at, false, app.now)))))));
}

/** The minutes of the metric that was asked for by its name. */
function minutes(urn: string, several: boolean): VNode | null {
  const name = openMetric(urn), found = inflow.metric, m = found?.data;
  if (name === null || !found) return null;
  return section("minutes", h("code", null, name), h("span", { class: "dim" }, m?.cut ? `the newest ${m.list.length} rows, there are more` : "a row for each series and minute, the newest first"),
    found.problem ? problemBox(found.problem, () => void loadMetric(urn, name)) : null, !m ? (found.problem ? null : empty("Asking the engine\u2026")) : m.list.length === 0
    ? empty("No minute of it in this time.")
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Minutes of this metric, the newest first"),
      columns([["Minute"], ["Mean", true], ["p95", true], ["Greatest", true], ["Least", true], ["Series"]]),
      h("tbody", null, m.list.map((x, i) => h("tr", { key: `${x.tenant ?? ""} ${x.urn ?? ""} ${x.at ?? i} ${x.labels}` }, h("th", { scope: "row" }, when(x.at, false, app.now)), cell("Mean", x.avg),
        cell("p95", x.p95), cell("Greatest", x.max), cell("Least", x.min), h("td", { "data-label": "Series", class: "said" }, h("span", null, x.labels ? h("code", null, x.labels)
          : h("span", { class: "dim" }, "without labels"), which(x.urn, x, several))))))));
}

function said(list: Pattern[], several: boolean): VNode {
  return section("patterns", "What its logs say", h("span", { class: "dim" }, "patterns, most errors first"), list.length === 0 ? empty("No line of it was seen in this time.")
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Patterns of log lines of this service"), columns([["Pattern"], ["Severity"], ["Lines", true], ["Errors", true], ["Last window"]]),
      h("tbody", null, list.map((p) => h("tr", { key: `${p.tenant ?? ""} ${p.urn ?? ""} ${p.id}` }, h("th", { scope: "row", class: "said" }, p.sample && p.sample !== p.pattern
          ? h("details", null, h("summary", null, h("code", null, orUnknown(p.pattern))), h("pre", { tabindex: 0 }, p.sample)) : h("code", null, orUnknown(p.pattern)), which(p.urn, p, several)),
        h("td", { "data-label": "Severity" }, orUnknown(p.severity?.toLowerCase())), h("td", { "data-label": "Lines", class: "num" }, n(p.count)),
        h("td", { "data-label": "Errors", class: "num" }, p.errors ? h("b", { class: "fails" }, integer(p.errors)) : n(p.errors)),
        h("td", { "data-label": "Last window" }, when(p.last, false, app.now)))))));
}

function where(list: Locator[]): VNode | null {
  return list.length ? section("locators", "Where the raw data lies", null, h("ul", { class: "lines" }, list.map((l, i) => h("li", { key: i }, orUnknown(l.dataset), " ",
    h("code", null, l.hint ?? l.key ?? "?"), l.events === null ? null : h("small", { class: "dim" }, ` ${plural(l.events, "event")}`))))) : null;
}

// ---- windows of jobs ----

export function jobs(): VNode {
  const j = inflow.jobs, p = inflow.jobsProblem, open = (j?.circuits ?? []).filter((c) => c.state !== null && c.state !== "closed");
  const failed = (j?.runs ?? []).filter((r) => r.status === "failed" || r.error);
  return section("jobs", "Windows of the digest", j?.runs.length ? h("span", { class: failed.length ? "fails" : "dim" }, failed.length ? `${failed.length} of the last ${j.runs.length} failed`
    : `the last ${j.runs.length} went well`) : null,
    p && p.status !== 404 ? problemBox(p, () => look(true)) : null, open.map(circuit),
    p?.status === 404 ? empty(`Nothing is known yet: ${p.detail ?? "nothing was digested"}.`) : !j ? (p ? null : empty("Asking the engine\u2026"))
    : j.runs.length === 0 ? empty("No window was made yet.")
    : h("table", { class: "grid stack jobs" }, h("caption", { class: "sr" }, "Windows of jobs: those that failed first, then the newest"),
      columns([["Window"], ["Job"], ["Result"], ["Rows", true], ["Finished"]]),
      h("tbody", null, [...failed, ...j.runs.filter((r) => !failed.includes(r))].slice(0, Math.max(JOBS_SHOWN, Math.min(failed.length, 2 * JOBS_SHOWN))).map(run))));
}

function circuit(c: Circuit): VNode {
  return h("p", { class: "fails", key: `${c.job} ${c.tenant ?? ""}` }, icon("warn"), ` ${c.job} failed ${plural(c.failures ?? 0, "time")} in a row and pauses`,
    c.until === null ? "." : [" until ", when(c.until, false, app.now), "."]);
}

const RESULTS: { [s: string]: [string, "ok" | "cross" | "wait" | "question"] } = { success: ["holds", "ok"], failed: ["fails", "cross"], queued: ["pending", "wait"],
  refused: ["answer-ask answer", "cross"] };

function run(r: Run, i: number): VNode {
  const [tone, sign] = RESULTS[r.status ?? ""] ?? ["pending", "question"];
  return h("tr", { key: `${r.job} ${r.tenant ?? ""} ${r.from ?? i} ${r.asked ?? ""}` }, h("th", { scope: "row" }, r.from === null || r.to === null ? unknown()
      : h("span", { title: utc(r.from) }, `${moment(r.from, app.now)} \u2013 ${clock(r.to, false)}`)),
    h("td", { "data-label": "Job" }, r.job, whose(r)),
    h("td", { "data-label": "Result" }, h("span", null, h("span", { class: tone }, icon(sign), orUnknown(r.status)), (r.attempts ?? 0) > 1 ? h("small", { class: "dim" },
        ` ${integer(r.attempts)} attempts`) : null, r.error ? h("small", { class: "block said" }, r.error) : null)),
    h("td", { "data-label": "Rows", class: "num" }, n(r.rows)), h("td", { "data-label": "Finished" }, when(r.finished, true, app.now)));
}

// ---- the field for a trace ----

const TRACE_ID = /^[0-9a-f]{32}$/i;

function findTrace(e: Event): void {
  e.preventDefault();
  const field = (e.target as HTMLFormElement).elements.namedItem("trace") as HTMLInputElement, id = field.value.trim().replace(/-/g, "");
  if (TRACE_ID.test(id)) {
    inflow.wrongId = null;
    location.hash = href("trace", id.toLowerCase());
  } else {
    inflow.wrongId = "A trace id is 32 hexadecimal digits.";
    field.focus();
  }
  changed();
}

export function traceForm(): VNode {
  return h("form", { class: "trace-form", role: "search", onsubmit: findTrace },
    h("label", { class: "search" }, h("span", { class: "sr" }, "Trace id"), h("input", { id: "filter", name: "trace", type: "search", autocomplete: "off", spellcheck: "false",
        placeholder: "Trace id, 32 hexadecimal digits", "aria-invalid": inflow.wrongId ? "true" : null, "aria-describedby": inflow.wrongId ? "wrong-id" : null })),
    h("button", { class: "button primary", type: "submit" }, icon("search"), "Look up"),
    inflow.wrongId ? h("p", { id: "wrong-id", class: "fails", role: "alert" }, inflow.wrongId) : null);
}

export function lookUp(): VNode {
  return section("look-up", "One trace", null, h("p", { class: "dim" }, "Its spans and log lines, out of the journal, as long as that keeps them."), traceForm(),
    h("p", { class: "hint" }, "What came in is found at once."));
}

/** 12.3 ms, 1.2 s: how long a span took. */
export const took = (ms: number): string => (ms >= 120_000 ? duration(ms / 1000) : ms >= 1000 ? `${number(ms / 1000)} s` : plain(ms, "ms"));
