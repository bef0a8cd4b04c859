// Why a change helped or not: through what it acted, what one unit does, what
// tried to refute it, how sure that is. The engine has done the thinking; here
// it is only shown, and handed over as a report.

import { app, loadWhy, saveReport } from "./app";
import { Child, h, VNode, widget } from "./dom";
import { Known, number } from "./format";
import { icon } from "./icons";
import type { CaseFile, Figure, Slice, Spread, Station, Why } from "./model";
import { effectCell, empty, problemBox, section, sentence, unknown } from "./parts";
import { href } from "./route";
import { SliceDrawing, SpreadDrawing } from "./whydraw";

const TRIES_TOLD = 10;

export function whySection(d: CaseFile): VNode | null {
  const w = app.why;
  if (!w || w.id !== d.case.id) return null;
  const problem = w.problem ? problemBox(w.problem, () => void loadWhy(w.id, d.case.version)) : null;
  if (problem && !w.data) return section("why", "Why", null, problem);
  if (!w.data) return section("why", "Why", null, empty("Asking the engine\u2026"));
  const e = w.data, path = e.stations.filter((s) => s.onPath > 0), beside = e.stations.filter((s) => s.onPath === 0);
  return section("why", "Why", h("span", { class: "dim" }, "sure: ", h("b", null, e.sure ?? "unknown")),
    problem, problem ? h("p", { class: "hint" }, "What follows was said before the case moved on.") : null,
    e.lead ? h("p", { class: "lead" }, e.lead) : null, e.way ? h("p", null, e.way) : null,
    e.missing ? h("p", { class: "hint" }, `This explanation lacks: ${e.missing}.`) : null,
    path.length ? [h("h3", null, e.shown ? "The path" : "The path the model expects"), h("ol", { class: "path" }, path.map(station))] : null,
    beside.length ? h("details", null, h("summary", null, "What else was measured"), h("ul", { class: "path" }, beside.map(station))) : null,
    spreads(e), units(e), refuters(e), points(e), tries(e), importance(e), slices(e), reports(e));
}

const amount = (v: Known, unit: string): Child => (v === null ? unknown() : `${number(v)}${unit && !unit.startsWith("/") ? "\u202f" : ""}${unit}`);
const plus = (v: number) => (v >= 0 ? `+${number(v)}` : number(v));

function figure(f: Figure, unit: string): Child[] {
  if (f.estimate === null) return [h("span", { class: "unknown" }, f.standing ?? "unknown"), f.why ? h("small", { class: "dim" }, ` ${f.why}`) : null];
  return [h("b", null, plus(f.estimate), unit ? `\u202f${unit}` : null), f.lo !== null && f.hi !== null
      ? h("span", { class: "interval" }, ` ${plus(f.lo)} \u2026 ${plus(f.hi)}`) : null, f.why ? h("small", { class: "dim" }, ` ${f.why}`) : null];
}

function station(s: Station): VNode {
  return h("li", { key: s.name, class: s.moved ? "moved" : "still" }, h("div", { class: "path-name" }, h("b", null, s.name),
      h("span", { class: s.moved ? "holds" : "pending" }, icon(s.moved ? "ok" : "equal"), s.moved ? "moved" : "not told from chance")),
    h("div", null, amount(s.before, s.unit), " \u2192 ", amount(s.after, s.unit), h("span", { class: "dim" }, " change "), figure(s.change, s.unit)));
}

function spreads(e: Why): VNode | null {
  if (!e.spreads.length) return null;
  return h("div", { key: "spreads" }, h("h3", null, "Its windows, before and after"), h("div", { class: "plots" }, e.spreads.map((s) =>
      h("figure", { key: s.name }, h("figcaption", null, s.name), widget<Spread>(s.name, SpreadDrawing, s)))));
}

function units(e: Why): VNode | null {
  if (!e.units.length) return null;
  return h("div", { key: "units" }, h("h3", null, "What one unit does"), h("ul", { class: "units" }, e.units.map((u, i) =>
      h("li", { key: i }, u.cause, " \u2192 ", u.effect, " ", figure(u.figure, u.unit)))));
}

function refuters(e: Why): VNode {
  return h("div", { key: "refuters" }, h("h3", null, "Attempts to refute it"), e.refuters.length ? h("ul", { class: "units" }, e.refuters.map((r, i) =>
      h("li", { key: i }, h("span", { class: r.refuted === false ? "holds" : r.refuted ? "fails" : "pending" }, icon(r.refuted === false ? "ok" : r.refuted
            ? "cross" : "question"), r.refuted === false ? "stood" : r.refuted ? "refuted" : "could not be made"), " ", r.name,
        r.refuted === null && r.why ? h("small", { class: "dim" }, ` ${r.why}`) : null))) : empty("None could be made: there are too few windows."));
}

function points(e: Why): VNode {
  return h("div", { key: "points" }, h("h3", null, "How sure is that"), h("ul", { class: "units" }, e.points.map((p, i) =>
      h("li", { key: i }, h("span", { class: p.good ? "holds" : "fails" }, icon(p.good ? "ok" : "cross"), p.good ? "for" : "against"), " ",
        sentence(p.text)))));
}

/** The newest first. Effects are told as speed: more is better. */
function tries(e: Why): VNode | null {
  if (!e.tries.length) return null;
  const newest = e.tries.slice(-TRIES_TOLD).reverse(), all = e.tries.length + e.triesLeftOut;
  return h("details", { key: "tries" }, h("summary", null, "What else was tried"), all > newest.length
      ? h("p", { class: "hint" }, `The newest ${newest.length} of ${all}.`) : null, h("ul", { class: "units" }, newest.map((t, i) =>
      h("li", { key: i }, t.mine || t.caseId === null ? h("b", null, t.title || "(no title)") : h("a", { href: href("case", t.caseId) }, t.title || "(no title)"), t.mine ? " (this one)" : null,
        ": ", t.result ?? unknown(), t.kept ? ", kept " : " ", effectCell(t.effect, t.lo, t.hi), t.ofSome ? " of the statements it was made for" : null))));
}

function importance(e: Why): VNode | null {
  if (!e.importance.length) return e.modelWhy ? h("p", { class: "dim", key: "model" }, e.modelWhy) : null;
  return h("details", { key: "model" }, h("summary", null, "Which parameters matter here"), e.modelDoubt ? h("p", { class: "hint" }, e.modelDoubt) : null,
    h("table", { class: "grid parts" }, h("caption", { class: "sr" }, "Importance of parameters, by a model of all trials"), h("tbody", null,
        e.importance.map((k) => h("tr", { key: k.knob }, h("th", { scope: "row" }, h("code", null, k.knob)),
          h("td", { class: "num" }, k.weight === null ? unknown() : `${Math.round(100 * k.weight)}\u202f%`), h("td", { class: "bar-cell" },
            k.weight === null ? null : h("svg", { class: "gauge", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
              h("rect", { class: "gauge-room", x: 0, y: 3, width: 100, height: 4 }),
              h("rect", { class: "gauge-fill", x: 0, y: 3, width: Math.max(0, Math.min(100, 100 * k.weight)).toFixed(1), height: 4 }))))))));
}

function slices(e: Why): VNode | null {
  if (!e.slices.length) return null;
  return h("details", { key: "slices" }, h("summary", null, "What the model believes of them"), h("p", { class: "hint" },
      "The gain that a model of all trials expects of other values, everything else as it is in force, and where it would not be surprised to find it."),
    h("div", { class: "plots" }, e.slices.map((s) => h("figure", { key: s.knob }, h("figcaption", null, h("code", null, s.knob)), widget<Slice>(s.knob, SliceDrawing, s)))));
}

function reports(e: Why): Child[] {
  return [app.notSaved?.id === e.caseId ? problemBox(app.notSaved.problem) : null,
    h("p", { class: "buttons", key: "reports" }, h("button", { class: "button", id: "report-html", onclick: () => void saveReport(e.caseId, "html") },
      "Save as a page"), h("button", { class: "button", id: "report-markdown", onclick: () => void saveReport(e.caseId, "markdown") }, "Save as Markdown"))];
}
