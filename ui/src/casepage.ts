// One case, told in the order in which somebody asks: what became of it and
// why, how sure is that, what was to be done, who allowed it and by which rule,
// what exactly was done, what started it all, and every step in time.

import { app, loadFile, markKind, may, stillWaits } from "./app";
import { Interval, IntervalProps } from "./drawing";
import { Child, h, VNode, widget } from "./dom";
import { askComment, askDecision } from "./dialogs";
import { duration, effect, integer, Known, number, setting } from "./format";
import { icon } from "./icons";
import { MARKS } from "./chart";
import { STATE_WORDS } from "./model";
import type { Action, CaseFile, Evidence, Gate, Guard, Plan, TimelineRow, Verdict } from "./model";
import { answerBadge, changeItem, copyButton, empty, idButton, outcomeBadge, netChanges, plural, problemBox, prose, section, sentence, stateBadge, unknown,
  when } from "./parts";
import { href } from "./route";
import { whySection } from "./why";
import { record } from "./wire";

const PATH = ["NEW", "ANALYZING", "PLANNING", "WAIT_GATE", "EXECUTING", "VERIFYING", "CLOSED"];

/** The same element before and after the answer, so that it keeps the focus. */
const heading = (text: string, ...more: Child[]) => h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, text), ...more);

export function casePage(): Child[] {
  const f = app.file, back = h("p", { class: "back", key: "back" }, h("a", { href: href("cases") }, "\u2190 Cases"));
  if (!f || (!f.data && !f.problem)) return [back, heading("Case"), empty("Asking the engine\u2026")];
  if (!f.data) return [back, heading("Case"), problemBox(f.problem as NonNullable<typeof f.problem>, () => void loadFile(f.id))];
  const d = f.data;
  return [
    back, f.problem ? problemBox(f.problem, () => void loadFile(f.id)) : null,
    title(d), stepper(d), decision(d), explanation(d),
    h("div", { class: "columns case-columns", key: "columns" },
      h("div", { class: "main-column" }, statistics(d), whySection(d), plans(d), gates(d.gates), execution(d), evidence(d.evidence, d.eventId)),
      timeline(d)),
  ];
}

function title(d: CaseFile): VNode {
  const c = d.case;
  const plan = d.plans?.[d.plans.length - 1]?.title ?? null;
  return heading(c.title, stateBadge(c.state), outcomeBadge(c.outcome, c.kept), plan && plan !== c.title ? h("p", { class: "subtitle" }, prose(plan)) : null,
    h("p", { class: "facts" }, c.target === null ? unknown() : c.target ? h("a", { href: href("overview", c.target) }, c.target) : "no target", " · opened ",
      when(c.created, false, app.now), c.openedBy ? ` by ${c.openedBy}` : null,
      c.created !== null ? ` · ${c.state === "CLOSED" ? "took" : "open for"} ${duration(((c.state === "CLOSED" ? c.updated ?? app.now : app.now) - c.created) / 1000)}` : null,
      " · version ", c.version === null ? unknown() : integer(c.version), h("code", { class: "id", title: "The case's id" }, c.id)));
}

/** Where the case is on its way. What lies behind it was passed, whatever then came of it. */
function stepper(d: CaseFile): VNode {
  const state = d.case.state, seen = new Set(d.timeline.flatMap((r) => [r.from, r.to]).filter((s): s is string => s !== null));
  if (state) seen.add(state);
  const path = state === "PARKED" || seen.has("PARKED") ? [...PATH.slice(0, 6), "PARKED", "CLOSED"] : PATH;
  return h("ol", { class: "stepper", key: "stepper", "aria-label": "States of this case" },
    path.map((s) => h("li", { key: s, class: s === state ? "here" : seen.has(s) ? "passed" : "ahead", "aria-current": s === state ? "step" : null },
    h("span", { class: "stepper-name" }, s.replace("_", " ")), h("span", { class: "sr" }, s === state ? ` (now: ${STATE_WORDS[s] ?? ""})` : seen.has(s)
        ? " (passed)" : " (not reached)"))));
}

function decision(d: CaseFile): VNode | null {
  const c = d.case;
  if (c.state === "PARKED" && c.proven === false)
    return h("div", { class: "box box-bad", key: "decision", role: "alert" }, icon("question"),
      h("div", { class: "box-text" }, h("b", null, "What is in force is not proven."),
        h("p", null, "The result of an action was lost and nothing that can be read tells what happened. Homeostat does not repeat it"
          + " and does not close the case. Look at the target, compare with the step's witness below, and put it back by hand where it is not as it should be."),
        h("p", null, "Once it is as wanted, somebody with the role approver says so: ", h("code", null, `homeostat case event ${c.id} in_force_proven`),
          ". Then it can be closed, or tried in another way."),
        d.undoPath ? h("p", null, "The undo, without Homeostat: ", h("code", null, d.undoPath)) : null));
  if (c.state !== "WAIT_GATE") return null;
  const gate = d.gates?.[d.gates.length - 1], wait = stillWaits(gate), over = gate?.answer === "wait" && !wait;
  return h("div", { class: "box box-ask", key: "decision" }, icon("wait"),
    h("div", { class: "box-text" }, h("b", null, wait ? "Waits for a better moment" : over ? "May wait for a person's answer" : "Waits for a person's answer"),
    h("p", null, prose(sentence(gate?.why ?? "The gate does not say why")), wait && gate?.waitUntil ? [" It asks again at ",
        when(gate.waitUntil, false, app.now), "."] : null, over && gate ? [" It was to be asked again at ", when(gate.waitUntil, false, app.now),
        "; what it says since is not told."] : null, c.deadline !== null ? [" Without an answer by ", when(c.deadline, false, app.now),
        " the case is parked and nothing is done."] : null),
    h("p", { class: "hint" }, "Look at plan, risk and undo below. Where four eyes are required, somebody other than ", c.openedBy ?? "the proposer",
      " has to approve.")),
    !may("approver") ? h("p", { class: "hint" }, `Your token (${app.who?.roles?.join(", ")}) may look but not decide; that needs the role approver.`)
      : h("div", { class: "buttons" }, h("button", { class: "button", id: "reject", onclick: () => askDecision(d, "reject") }, icon("cross"),
        "Reject\u2026"), h("button", { class: "button primary", id: "approve", onclick: () => askDecision(d, "approve") }, icon("ok"), "Approve\u2026")));
}

function explanation(d: CaseFile): VNode | null {
  const why = d.verdict?.why ?? d.case.why ?? null, rows = d.timeline.filter((r) => r.reason), last = rows[rows.length - 1];
  if (why === null && (!last || d.case.state === "WAIT_GATE")) return null;
  return h("blockquote", { class: `explanation explanation-${d.case.outcome ?? "open"}`, key: "why" },
    h("p", null, prose(sentence(why ?? last?.reason ?? ""))), why === null && last?.rule ? h("footer", null, `rule ${last.rule}`) : null);
}

// ---- statistics ----

const METHODS: { [m: string]: string } = {
  immediate: "randomised switchback: both configurations in turn, in random order",
  planner: "switchback with fresh plans in each window",
  checkpoint: "switchback over whole checkpoint cycles, so that postponed cost is not taken for gain",
  slow: "long before and after",
  restart: "before and after a restart; the margin comes from placebo comparisons in this database's own history",
  none: "not measured",
};

function statistics(d: CaseFile): VNode | null {
  const v = d.verdict;
  if (!v && !["VERIFYING", "PARKED", "CLOSED"].includes(d.case.state ?? "")) return null;
  if (!v) return section("stats", "How sure is that", null, empty(d.case.state !== "VERIFYING" ? "No verdict was reached."
        : `The trial is running${d.progress === null ? "" : `, about ${Math.round(d.progress * 100)} % of it is done`}. There is no verdict yet.`));
  return verdict(v, d.case.kept);
}

function verdict(v: Verdict, kept: boolean | null): VNode {
  const facts: [string, Child][] = [
    ["Method", v.method ? h("span", null, v.method, h("small", { class: "dim" }, ` ${METHODS[v.method] ?? ""}`)) : unknown()],
    ["Windows", h("span", null, "A ", int(v.windowsA), " · B ", int(v.windowsB), h("small", { class: "dim" }, " incumbent, candidate"))],
    ["Independent observations", int(v.n)],
    ["Looks", int(v.looks)],
    ["\u03b1 spent", v.alpha === null ? unknown() : number(v.alpha)],
    ["Lag-1 autocorrelation", v.lag1 === null ? unknown() : number(v.lag1)],
    ["Degraded for", v.degraded === null ? unknown() : duration(v.degraded)],
  ];
  return section("stats", "How sure is that", outcomeBadge(v.outcome, kept),
    widget<IntervalProps>("interval", Interval, { effect: v.effect, lo: v.lo, hi: v.hi, margin: v.margin, outcome: v.outcome }),
    h("p", { class: "lead" }, h("b", { class: "big" }, v.effect === null ? unknown() : effect(v.effect)), v.lo !== null && v.hi !== null
        ? `between ${effect(v.lo)} and ${effect(v.hi)}; more is better` : ["interval ", unknown()]),
    h("dl", { class: "pairs" }, facts.map(([name, x]) => h("div", { key: name }, h("dt", null, name), h("dd", null, x)))),
    h("h3", null, "Guards"), v.guards.length ? guards(v.guards) : empty("No guard was looked at."));
}

const int = (v: Known): Child => (v === null ? unknown() : integer(v));

function guards(list: Guard[]): VNode {
  return h("table", { class: "grid guards" }, h("caption", { class: "sr" }, "Guards: candidate compared with incumbent"),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Guard"), h("th", { scope: "col", class: "num" }, "Ratio"),
        h("th", { scope: "col", class: "num" }, "At most"), h("th", { scope: "col", class: "bar-cell" }, h("span", { class: "sr" }, "Picture")),
        h("th", { scope: "col" }, "Holds"))),
    h("tbody", null, list.map((g) => h("tr", { key: g.name, class: g.holds === false ? "alarming" : null },
          h("th", { scope: "row" }, g.name, g.text ? h("small", { class: "dim" }, ` ${g.text}`) : null),
      h("td", { class: "num" }, g.ratio === null ? unknown() : g.ratio.toFixed(2)), h("td", { class: "num dim" }, g.bound === null ? unknown()
          : g.bound.toFixed(2)), h("td", { class: "bar-cell" }, gauge(g.ratio, g.bound)),
      h("td", null, g.holds ? h("span", { class: "holds" }, icon("ok"), "holds") : h("span", { class: "fails" },
          icon(g.ratio === null ? "question" : "cross"), g.ratio === null ? "unknown, does not hold" : "does not hold"))))));
}

/** The value as a bar; the bound is a line at three quarters. */
function gauge(ratio: Known, bound: Known): VNode | null {
  if (ratio === null || bound === null || bound <= 0) return null;
  const w = Math.max(0, Math.min(100, (ratio / bound) * 75));
  return h("svg", { class: ratio <= bound ? "gauge" : "gauge gauge-over", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    h("rect", { class: "gauge-room", x: 0, y: 3, width: 100, height: 4 }), h("rect", { class: "gauge-fill", x: 0, y: 3, width: w.toFixed(1), height: 4 }),
    h("rect", { class: "gauge-bound", x: 74.5, y: 0, width: 1, height: 10 }));
}

// ---- plan ----

/** The engine's answer does not tell about this at all, which is not the same as "there is none". */
const untold = () => empty(unknown(), ": the engine does not tell.");

function plans(d: CaseFile): VNode {
  if (!d.plans) return section("plan", "Plan", null, untold());
  const list = d.plans.slice().reverse();
  return section("plan", list.length > 1 ? `Plans (${list.length}, the newest first)` : "Plan", null, list.length ? list.map((p, i) => plan(p, d, i === 0))
      : empty("There is no plan yet."));
}

function plan(p: Plan, d: CaseFile, newest: boolean): VNode {
  const steps = p.steps.length, yes = d.approvals.filter((a) => a.planHash === p.hash);
  return h("article", { class: "plan", key: p.id ?? p.hash ?? p.title },
    h("header", null, h("h3", null, prose(p.title)), p.hash ? h("code", { class: "id", title: `Plan hash ${p.hash}: what an approval is bound to` },
        p.hash.slice(0, 12)) : null),
    p.why ? h("p", null, prose(p.why)) : null,
    h("p", { class: "dim" }, p.planner ? `Proposed by ${p.planner}` : ["Proposed by ", unknown()], p.time !== null ? [" at ", when(p.time, false, app.now)]
        : null),
    yes.map((a, i) => h("p", { key: i, class: "approval" }, h("span", { class: a.granted ? "holds" : "fails" }, icon(a.granted ? "ok" : "cross"),
          a.granted ? "approved" : "rejected"), " by ", a.by ?? unknown(), " ", when(a.time, false, app.now), a.reason ? [": ", h("q", null, a.reason)]
          : null)),
    changeList(p), steps > 1 || !netChanges(p).length ? h("details", { open: steps <= 3 },
      h("summary", null, `${steps} step${steps === 1 ? "" : "s"}, one after the other, each read back`), stepTable(p)) : null,
    newest && d.dryRun ? code("What is run, and its undo", d.dryRun) : null,
    h("p", { class: "dim" }, limits(p)),
    h("details", null, h("summary", null, "Undo and proof, as planned"), h("dl", { class: "pairs tight" }, h("div", null, h("dt", null, "Undo"),
          h("dd", null, json(p.rollback))), h("div", null, h("dt", null, "Proof"), h("dd", null, json(p.verify))))));
}

function limits(p: Plan): string {
  const whole = p.steps.every((s) => s.timeout !== null) ? p.steps.reduce((t, s) => t + (s.timeout ?? 0) * (1 + (s.retry ?? 0)) + (s.watch ?? 0), 0) : null,
    watch = Math.max(0, ...p.steps.map((s) => s.watch ?? 0));
  return `May take at most ${duration(whole)} to apply${watch ? `; after each step the guards are watched for ${duration(watch)}` : ""}.`;
}

function changeList(p: Plan): VNode | null {
  const net = netChanges(p);
  return net.length ? h("ul", { class: "changes net" }, net.map(changeItem)) : null;
}

function stepTable(p: Plan): VNode {
  return h("table", { class: "grid stack steps" }, h("caption", { class: "sr" }, "Steps of the plan"),
    h("thead", null, h("tr", null, ["Step", "Action", "Changes"].map((x) => h("th", { scope: "col", key: x }, x)))),
    h("tbody", null, p.steps.map((s, i) => h("tr", { key: i }, h("th", { scope: "row", "data-label": "Step" }, i + 1),
      h("td", { "data-label": "Action" }, h("code", null, s.action), s.dangerous ? h("span", { class: "tag tag-warn" }, s.action === "postgres.restart"
            ? "restart" : "interrupts") : null, s.text ? h("small", { class: "dim block" }, s.text) : null),
      h("td", { "data-label": "Changes" }, s.changes.length ? h("ul", { class: "changes" }, s.changes.map(changeItem)) : json(s.params))))));
}

function code(what: string, text: string): VNode {
  return h("div", { class: "code" }, h("header", null, h("h4", null, what), copyButton(text, what.toLowerCase())), h("pre", { tabindex: 0 }, text));
}

function json(x: unknown): VNode {
  return x === null || x === undefined ? unknown() : h("pre", { class: "json", tabindex: 0 }, typeof x === "string" ? x : JSON.stringify(x, null, 2));
}

// ---- gate ----

function gates(list: Gate[] | null): VNode {
  return section("gate", "What the gate said", null, !list ? untold() : list.length ? list.slice().reverse().map((g, i) => gate(g, i))
      : empty("The gate has not been asked yet."));
}

function gate(g: Gate, i: number): VNode {
  const total = g.parts.reduce((s, p) => s + Math.max(0, p.value ?? 0), 0);
  return h("article", { class: "gate", key: i }, h("p", { class: "lead" }, answerBadge(g.answer), g.rule !== null ? h("span", { class: "rule" },
        `decided by rule ${g.rule}`) : h("span", { class: "rule" }, "rule unknown"), g.time !== null ? h("span", { class: "dim" },
        when(g.time, false, app.now)) : null),
    g.why ? h("p", null, prose(sentence(g.why))) : null,
    h("p", { class: "risk-line" }, h("span", { class: "risk-total" }, "Risk ", g.risk === null ? unknown() : h("b", null, g.risk.toFixed(2)),
        h("small", { class: "dim" }, " of 1")), g.policy ? h("small", { class: "dim", title: `Policy ${g.policy}` }, "policy ",
        h("code", null, g.policy.slice(0, 12))) : null),
    g.parts.length ? h("table", { class: "grid parts" }, h("caption", { class: "sr" }, "Parts of the risk"),
      h("tbody", null, g.parts.map((p) => h("tr", { key: p.name }, h("th", { scope: "row" }, p.name), h("td", { class: "num" }, p.value === null ? unknown()
                : p.value.toFixed(2)),
      h("td", { class: "bar-cell" }, p.value === null || total <= 0 ? null : h("svg", { class: "gauge", viewBox: "0 0 100 10", preserveAspectRatio: "none",
            "aria-hidden": "true" }, h("rect", { class: "gauge-room", x: 0, y: 3, width: 100, height: 4 }),
          h("rect", { class: "gauge-fill", x: 0, y: 3, width: Math.max(0, Math.min(100, p.value * 100)).toFixed(1), height: 4 }))),
        h("td", { class: "dim" }, p.text ?? ""))))) : null,
    g.reasons.length ? h("details", { open: g.answer !== "approve" },
      h("summary", null, `${g.reasons.length} rule${g.reasons.length === 1 ? "" : "s"} had something to say`),
      h("ol", { class: "reasons" }, g.reasons.map((r, k) => h("li", { key: k, class: r.rule === g.rule ? "decider" : null },
            h("span", { class: "rule" }, r.rule === null ? "rule ?" : `rule ${r.rule}`), answerBadge(r.answer), h("span", null, prose(r.text)))))) : null);
}

// ---- execution, evidence, timeline ----

const KINDS: { [k: string]: string } = {
  prepare: "looked at everything, wrote the undo", probe: "looked again", do: "did it", watch: "watched the guards",
    to_incumbent: "switched to A, the incumbent", to_candidate: "switched to B, the candidate",
  undo: "put it back", recover: "found out what is in force",
};
const isSwitch = (a: Action) => a.kind === "to_incumbent" || a.kind === "to_candidate";

function execution(d: CaseFile): VNode {
  const list = d.actions ?? [], quiet = list.filter((a) => isSwitch(a) && a.outcome === "done"),
    looks = list.filter((a) => a.kind === "probe" && a.outcome === "probed");
  return section("exec", "What was done", d.case.steps && list.length && d.case.state !== "CLOSED" ? h("span", { class: "dim" }, d.case.proven === false
        ? "what is in force is not proven" : `${d.case.step ?? "?"} of ${d.case.steps} steps in force`) : null,
    !d.actions ? untold() : list.length ? h("ol", { class: "actions" }, list.filter((a) => !quiet.includes(a) && !looks.includes(a)).map(action))
      : empty("Nothing has been done to the target."),
    quiet.length ? h("details", { key: "switches" },
      h("summary", null, `${plural(quiet.length, "switch").replace(/switchs$/, "switches")} between A and B, all read back`),
      h("ol", { class: "actions" }, quiet.map(action))) : null,
    looks.length ? h("details", { key: "looks" }, h("summary", null, `${plural(looks.length, "look")} right before acting, nothing unexpected`),
      h("ol", { class: "actions" }, looks.map(action))) : null,
    d.undoPath ? h("p", { class: "undo-path" }, icon("undone"), h("span", null, "By hand, without Homeostat and even without a running server: ",
        h("code", null, d.undoPath), " "), copyButton(d.undoPath, "the path of the undo script")) : null);
}

function action(a: Action): VNode {
  const o = a.outcome?.toLowerCase() ?? null, good = o !== null && /^(done|prepared|probed|ok)$/.test(o), bad = o !== null
    && /fail|unknown|partial|lost|unreadable/.test(o);
  return h("li", { key: a.number ?? `${a.kind}-${a.step}` }, h("div", { class: "action-line" },
      h("span", { class: good ? "holds" : bad ? "fails" : "pending" }, icon(good ? "ok" : bad ? (o === "unknown" ? "question" : "cross") : "wait"),
        a.outcome ?? (a.ended === null ? "result not known (yet)" : "result unknown")),
    h("b", null, a.kind === "do" && a.step !== null ? `Step ${a.step + 1}` : a.kind ? KINDS[a.kind] ?? a.kind : "action unknown"),
      when(a.began, false, app.now), a.began !== null && a.ended !== null ? h("span", { class: "dim" }, `took ${number((a.ended - a.began) / 1000)} s`)
      : null),
    inForce(a), a.fault ? h("p", { class: "fails" }, a.fault) : null,
    a.witness === null && a.ended !== null && (a.kind === "do" || a.kind === "undo") ? h("p", { class: "dim" }, "Nothing has been read back.") : null,
    a.witness !== null || a.output ? h("details", null, h("summary", null, a.witness !== null ? "All that was read back" : "Output", a.witness !== null
          && a.output ? ", and the output" : null), a.output ? h("pre", { tabindex: 0 }, a.output) : null, a.witness !== null ? json(a.witness) : null)
      : null);
}

/** What was read back, short: the parameters in force, or a flat witness as "name = value". */
function inForce(a: Action): VNode | null {
  const w = a.witness, settings = (w as { settings?: unknown } | null)?.settings;
  if (typeof w !== "object" || w === null) return null;
  const rows: [string, unknown, boolean][] = Array.isArray(settings)
    ? settings.map(record).map((s) => [String(s["name"]), typeof s["in_force"] === "string" ? setting(s["in_force"], String(s["unit"] ?? "")) : null,
        s["pending_restart"] === true])
    : Object.entries(w).filter(([, v]) => typeof v !== "object").map(([k, v]) => [k, v, false]);
  return h("div", { class: "witness" }, h("span", { class: "dim" }, "read back"),
    h("ul", { class: "changes" }, rows.map(([k, v, pending]) => h("li", { key: k }, h("code", null, k), " = ", v === null || v === undefined ? unknown()
            : h("b", null, String(v)), pending ? h("span", { class: "tag tag-warn" }, "restart pending") : null))));
}

function evidence(list: Evidence[] | null, eventId: string | null): VNode {
  return section("evidence", "What started it", eventId ? h("a", { href: href("event", eventId) }, "what came in around it") : null, !list ? untold() : list.length ? h("ul", { class: "evidence" },
      list.map((e, i) => h("li", { key: i }, e.kind ? h("span", { class: "tag" }, e.kind) : h("span", null),
          h("div", null, prose(e.text), e.time !== null ? h("span", { class: "dim" }, " ", when(e.time, false, app.now)) : null, e.detail !== null
              ? h("details", null, h("summary", null, "Details"), json(e.detail)) : null)))) : empty("No evidence is linked to this case."));
}

/** Rows that only tell how the plan moves on inside its state; the engine numbers their rules apart. */
const isInner = (r: TimelineRow) => r.runRule !== null && (r.from === r.to || r.to === null) && !/lost|partial|untouched|put_back|refused/.test(r.event
    ?? "");

function timeline(d: CaseFile): VNode {
  const groups: TimelineRow[][] = [];
  for (const r of d.timeline) {
    const last = groups[groups.length - 1];
    if (last?.[0] && isInner(r) && isInner(last[0])) last.push(r); else groups.push([r]);
  }
  let before: TimelineRow | null = null;
  const rows = groups.map((g, i) => { const node = g.length > 2 ? timelineFold(g, i) : g.map((r, k) => timelineRow(r, k ? (g[k - 1] as TimelineRow) : before,
          `${i}-${k}`)); before = g[g.length - 1] as TimelineRow; return node; });
  return section("timeline", "Timeline", may("operator") && h("button", { class: "button small", id: "comment", onclick: () => askComment(d) }, icon("pen"),
      "Add a remark\u2026"), d.timeline.length ? h("ol", { class: "timeline" }, rows) : empty("The timeline is empty."));
}

function timelineFold(g: TimelineRow[], i: number): VNode {
  const first = g[0] as TimelineRow, last = g[g.length - 1] as TimelineRow;
  return h("li", { key: `fold-${i}` }, h("span", { class: "timeline-sign", "aria-hidden": "true" }, icon("pulse")), h("details", null,
    h("summary", null, `${g.length} moves within ${first.to ?? first.from ?? "its state"}`, first.time !== null && last.time !== null
        ? `, ${duration((last.time - first.time) / 1000)}` : ""),
    h("ol", { class: "timeline inner" }, g.map((r, k) => timelineRow(r, k ? (g[k - 1] as TimelineRow) : null, String(k))))));
}

function timelineRow(r: TimelineRow, before: TimelineRow | null, key: string): VNode {
  const kind = markKind(r), gap = r.time !== null && before?.time ? (r.time - before.time) / 1000 : null;
  const rest = Object.entries(r.meta ?? {}).filter(([k]) => k !== "trace_id" && k !== "phase");
  return h("li", { key, class: kind ? `mark-${kind}` : null }, h("span", { class: "timeline-sign", "aria-hidden": "true" },
      icon(kind ? MARKS[kind].icon : r.event === null || r.event === "comment" ? "pen" : /gate_approved/.test(r.event) ? "ok" : /reject|cancel/.test(r.event)
          ? "cross" : "dot")),
    h("div", null, h("p", { class: "timeline-head" }, h("b", null, r.event?.replace(/_/g, " ") ?? "event unknown"), r.to && r.to !== r.from
          ? h("span", { class: "move" }, r.from ?? "", " \u2192 ", r.to) : null),
      r.reason ? h("p", null, prose(r.reason)) : null,
      h("p", { class: "dim small" }, when(r.time, false, app.now), gap !== null && gap >= 1 ? ` (+${duration(gap)})` : null, r.actor ? ` · ${r.actor}`
          : null, r.rule !== null || r.runRule !== null ? [" · ", h("span", { class: "rule" }, `rule ${r.rule ?? r.runRule}`)] : null, r.version !== null
          ? ` · v${r.version}` : null, r.trace ? [" · ", idButton("trace", r.trace)] : null),
      rest.length ? h("details", null, h("summary", null, "More"),
        h("dl", { class: "pairs tight" },
          rest.map(([k, v]) => h("div", { key: k }, h("dt", null, k), h("dd", null, typeof v === "object" && v !== null ? json(v) : String(v)))))) : null));
}

export const caseTitle = () => app.file?.data?.case.title ?? "Case";
