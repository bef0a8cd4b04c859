// One trace: its spans as bars on one axis of time, each with what it was and how
// it went, and the log lines between them.

import { app } from "./app";
import { Child, h, VNode } from "./dom";
import { took, traceForm } from "./explore";
import { clock, integer, moment } from "./format";
import { icon } from "./icons";
import { inflow, loadTrace } from "./inflow";
import { Bar, Line, severityWord, Trace, waterfall } from "./looked";
import { empty, plural, problemBox, section, unknown, when } from "./parts";
import { href } from "./route";

const SPANS_SHOWN = 400, LINES_SHOWN = 500, DEPTH_SHOWN = 8, TONES = 6, TICKS = 4;

export function tracePage(): Child[] {
  const id = app.route.arg ?? "", found = inflow.trace?.id === id ? inflow.trace : null, t = found?.data;
  return [
    h("p", { class: "back", key: "back" }, h("a", { href: href("telemetry") }, "\u2190 Telemetry")),
    h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Trace"), h("p", { class: "facts trace-id" }, h("code", null, id), t?.spans[0]?.start ? [" \u00b7 ", when(t.spans[0].start, false, app.now)] : null)),
    traceForm(),
    found?.problem ? problemBox(found.problem, () => void loadTrace(id)) : null, t ? [spans(t), lines(t)] : found?.problem ? null : empty("Asking the engine\u2026"),
  ];
}

/** Each service its own tone, in the order in which they come. */
function tones(t: Trace): Map<string, number> {
  const out = new Map<string, number>();
  for (const s of t.spans) if (!out.has(s.service)) out.set(s.service, out.size % TONES);
  return out;
}

function spans(t: Trace): VNode {
  const w = waterfall(t), tone = tones(t), failed = t.spans.filter((s) => s.status === "error").length;
  const title = h("span", { class: "dim" }, [t.spans.length ? took(w.ms) : null, plural(t.spans.length, "span"), plural(tone.size, "service"),
    failed ? `${failed} failed` : null].filter(Boolean).join(" · "));
  return section("spans", "Spans", title,
    t.gone ? h("p", { class: "fails" }, `${plural(t.gone, "record")} of it ${t.gone === 1 ? "is" : "are"} no longer in the journal: what follows is not the whole.`) : null,
    t.cut || w.bars.length > SPANS_SHOWN ? h("p", { class: "fails" }, `It is larger than what is shown; homeostat look trace shows ${t.cut ? "as much as there is room for" : "all"}.`) : null,
    t.spans.length === 0 ? empty("No span of it came in, only log lines.") : [
      h("ul", { class: "tone-key", "aria-label": "Services" }, [...tone].map(([name, i]) => h("li", { key: name }, h("i", { class: `tone-${i}`, "aria-hidden": "true" }), name))),
      h("table", { class: "waterfall" }, h("caption", { class: "sr" }, "Spans in the order of calls. A bar shows from when to when; its length is said in the column Took."),
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Span"), h("th", { scope: "col", class: "axis" }, axis(w.ms)), h("th", { scope: "col", class: "num" }, "Took"))),
        h("tbody", null, w.bars.slice(0, SPANS_SHOWN).map((b) => bar(b, w.begin, tone.get(b.span.service) ?? 0))))]);
}

function axis(ms: number): VNode {
  return h("svg", { class: "fall-axis", height: 16, width: "100%", "aria-hidden": "true" }, Array.from({ length: TICKS + 1 }, (_, i) =>
    h("text", { key: i, x: `${(100 * i) / TICKS}%`, y: 12, "text-anchor": i === 0 ? "start" : i === TICKS ? "end" : "middle" }, i === 0 ? "0" : took((ms * i) / TICKS))));
}

function bar(b: Bar, begin: number, tone: number): VNode {
  const x = `${(100 * Math.min(b.from, 0.996)).toFixed(3)}%`, width = `${(100 * Math.max(b.to - b.from, 0.004)).toFixed(3)}%`;
  const s = b.span, bad = s.status === "error", more = s.attributes.length > 0 || s.message !== null;
  const name: Child[] = [h("span", { class: "span-name" }, s.name), " ", h("small", { class: "dim" }, s.service, s.kind && s.kind !== "internal" ? ` · ${s.kind}` : null,
      b.orphan ? " · its caller is not here" : null), bad ? h("span", { class: "fails" }, icon("cross"), "error") : null];
  return h("tr", { key: s.id, class: bad ? "failed" : null },
    h("th", { scope: "row", class: `depth-${Math.min(b.depth, DEPTH_SHOWN)}` }, more ? h("details", null, h("summary", null, name), details(s.message, [
        ["starts", `+${took(s.start - begin)}`], ["span id", s.id], ...s.attributes])) : h("span", { class: "bare" }, name)),
    h("td", { class: "bar-room" }, h("svg", { class: `fall tone-${tone}`, height: 14, width: "100%", role: "img",
        "aria-label": `from ${took(s.start - begin)} for ${took(s.ms)}` },
      [25, 50, 75].map((x) => h("line", { key: x, class: "fall-grid", x1: `${x}%`, x2: `${x}%`, y1: 0, y2: 14 })),
      h("rect", { key: "bar", x, y: 2, height: 10, rx: 2, width }),
      bad ? h("rect", { key: "bad", class: "fall-bad", x, y: 9, height: 3, rx: 1, width }) : null)),
    h("td", { class: "num" }, took(s.ms)));
}

function details(message: string | null, pairs: [string, string][]): VNode {
  return h("div", { class: "span-more" }, message ? h("p", { class: "fails" }, message) : null,
    h("dl", null, pairs.map(([k, v]) => h("div", { key: k }, h("dt", null, k), h("dd", null, v === "" ? h("span", { class: "dim" }, "empty") : v)))));
}

function lines(t: Trace): VNode {
  const names = new Map(t.spans.map((s) => [s.id, s.name]));
  return section("lines", "Log lines", t.lines.length ? h("span", { class: "dim" }, plural(t.lines.length, "line")) : null, t.lines.length === 0
    ? empty("No log line carries the id of this trace.") : [
      t.lines.length > LINES_SHOWN ? h("p", { class: "dim" }, `The first ${integer(LINES_SHOWN)} are shown.`) : null,
      h("table", { class: "grid stack trace-lines" }, h("caption", { class: "sr" }, "Log lines of this trace in the order of time"),
        h("thead", null, h("tr", null, ["Time", "Severity", "Service", "Line"].map((c) => h("th", { scope: "col", key: c }, c)))),
        h("tbody", null, t.lines.slice(0, LINES_SHOWN).map((l, i) => line(l, i, names))))]);
}

function line(l: Line, i: number, names: Map<string, string>): VNode {
  const word = severityWord(l.severity), in_ = l.span === null ? null : names.get(l.span) ?? null;
  const at = l.time === null ? unknown() : h("time", { datetime: new Date(l.time).toISOString(), title: moment(l.time, app.now) },
    `${clock(l.time)}.${String(Math.floor(l.time % 1000)).padStart(3, "0")}`);
  return h("tr", { key: i }, h("td", { "data-label": "Time", class: "num" }, at), h("td", { "data-label": "Severity" },
      h("span", { class: word === "error" || word === "fatal" ? "fails" : word === "warn" ? "answer answer-ask" : "dim" }, word === "none" ? "not said" : word)),
    h("td", { "data-label": "Service" }, l.service), h("td", { "data-label": "Line", class: "said" }, h("span", null, h("code", null, l.body), in_ ? h("small", { class: "dim block" }, `in ${in_}`) : null)));
}
