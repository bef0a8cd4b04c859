// One target at a glance: what it is, what is happening to it, how it does now,
// how it did while things were changed, and what tuning has won so far.

import { OUTCOMES_MAX } from "./api";
import { about, app, asksSomebody, changed, latest, RANGES, setRange, targetNamed } from "./app";
import { TimeChart, ChartProps, MARKS, Line } from "./chart";
import { Converge, ConvergeProps, attempts } from "./drawing";
import { Child, h, VNode, widget } from "./dom";
import { ago, duration, effect, Known, quantity, UNKNOWN } from "./format";
import { icon } from "./icons";
import { FIGURES, Metric } from "./metrics";
import type { Case, Target } from "./model";
import { changeItem, choice, effectCell, empty, outcomeBadge, plural, prose, section, sentence, stateBadge, unknown, value, wasPutBack, when } from "./parts";
import { href } from "./route";

const OLD_MS = 6000;   // a reading older than this is no longer "now"

export function targetTabs(page: "overview" | "knobs", now: Target): VNode | null {
  return app.targets.length > 1 ? h("nav", { class: "targets", "aria-label": "Targets" }, app.targets.map((t) =>
    h("a", { key: t.name, href: href(page, t.name), "aria-current": t === now ? "page" : null },
      h("span", { class: `up up-${t.up}`, "aria-hidden": "true" }), t.name))) : null;
}

export function overview(): Child[] {
  const t = targetNamed(app.route.arg);
  if (!app.targetsKnown) return [h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Overview")),
    empty(app.problem ? "Nothing is known yet." : "Asking the engine\u2026")];
  if (!t) return [h("h1", { tabindex: -1 }, "Overview"), app.route.arg ? empty(`There is no target called ${app.route.arg}. `,
      h("a", { href: href("overview") }, "Show the first one")) : empty("No target is configured. ", h("code", null, "homeostat init --dsn \u2026"),
      " writes a watch-only configuration for a database of yours.")];
  return [targetTabs("overview", t), headline(t), current(t), figures(t), charts(t), h("div", { class: "columns", key: "columns" },
      h("div", { class: "main-column" }, convergence(t), winners(t)), recent(t))];
}

const MODES: { [m: string]: string } = {
  watch: "only watches", suggest: "prints what it would do", approve: "acts after a person approved", auto: "acts by itself within policy",
};

function headline(t: Target): VNode {
  const f = t.facts;
  const facts: Child[] = [
    f.version ? `PostgreSQL ${f.version}` : null, f.cpus !== null ? `${f.cpus} CPU${f.cpus === 1 ? "" : "s"}` : null,
    f.memory !== null ? `${quantity(f.memory, "B").text} ${quantity(f.memory, "B").unit}${f.limitCountsCache ? " limit, page cache included" : " memory"}`
      : "memory unknown",
    f.local === false ? "on another machine" : null, f.standby ? "standby: will not be changed" : null, f.owner && f.owner !== "none"
      ? `owned by ${f.owner}: will not be changed` : null,
  ].filter(Boolean);
  return h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, t.name),
    h("span", { class: `tag mode-${t.mode ?? "none"}`, title: (t.mode && MODES[t.mode]) || "" }, t.mode ?? UNKNOWN,
      h("span", { class: "tag-more" }, t.mode && MODES[t.mode] ? ` · ${MODES[t.mode]}` : "")),
    t.up === false ? h("span", { class: "tag tag-bad" }, icon("cross"), "does not answer") : t.up === null ? h("span", { class: "tag" }, icon("question"),
      "state unknown") : null,
    h("p", { class: "facts" }, facts.map((x, i) => [i ? h("span", { class: "sep", "aria-hidden": "true" }, " · ") : null, x])));
}

/** What is happening to this target, or the most useful true sentence when nothing is. */
function current(t: Target): VNode {
  const tune = t.tuning, c = app.recent?.find((x) => x.id === tune?.caseId) ?? app.recent?.find((x) => x.target === t.name && x.state !== "CLOSED"
      && x.state !== "PARKED");
  const id = c?.id ?? tune?.caseId ?? null, state = c?.state ?? tune?.state ?? null;
  if (id === null || state === "CLOSED" || state === "PARKED") {
    const last = app.recent?.find((x) => x.target === t.name);
    return h("div", { class: "now now-idle", key: "now" }, icon("eye"), h("p", null, h("b", null, "No case is open. "), tune?.idleWhy
          ? `${sentence(tune.idleWhy)} ` : "", tune?.idleUntil && tune.idleUntil > app.now ? ["Looks again at ", when(tune.idleUntil, false, app.now), ". "]
          : null,
      last ? ["Last: ", h("a", { href: href("case", last.id) }, caseName(last)), last.outcome ? [", ", outcomeBadge(last.outcome, last.kept)] : null,
        last.updated !== null ? [", ", when(last.updated, true, app.now)] : null, "."] : null));
  }
  const progress = state === "VERIFYING" ? tune?.progress ?? null : null;
  return h("div", { class: `now now-${state}`, key: "now" }, h("div", { class: "now-line" }, stateBadge(state),
      h("a", { href: href("case", id), class: "now-title" }, c ? caseName(c) : id),
    c && asksSomebody(c) ? h("span", { class: "tag tag-warn" }, icon("wait"), "waits for an answer",
      c.deadline ? [", until ", when(c.deadline, false, app.now)] : null) : null,
    c && state === "WAIT_GATE" && !asksSomebody(c) ? h("span", { class: "tag" }, icon("wait"), "waits for a better moment", app.stories.get(c.id)?.waitUntil
        ? [", ", when(app.stories.get(c.id)?.waitUntil ?? null, false, app.now)] : null) : null,
    state === "EXECUTING" && c?.step !== null && c?.steps ? h("span", { class: "dim" }, `step ${Math.min((c?.step ?? 0) + 1, c.steps)} of ${c.steps}`) : null,
    tune?.arm && state === "VERIFYING" ? h("span", { class: `tag arm-tag-${tune.arm}` }, h("b", null, tune.arm === "candidate" ? "B" : "A"),
      tune.arm === "candidate" ? " candidate in force" : " incumbent in force") : null,
    c?.created ? h("span", { class: "dim" }, `open for ${duration((app.now - c.created) / 1000)}`) : null),
    state === "VERIFYING" ? h("div", { class: "progress-line" },
      h("progress", { max: 1, value: progress ?? undefined, "aria-label": "Progress of the trial" }),
      h("span", { class: "dim" }, progress === null ? "progress unknown" : `about ${Math.round(progress * 100)} % of the trial`)) : null);
}

const caseName = (c: Case): Child => { const plan = about(c); return plan ? prose(plan) : c.title; };

// ---- figures ----

function figures(t: Target): VNode {
  const age = t.sampleTime === null ? null : app.now - t.sampleTime, old = age === null || age > OLD_MS;
  return h("section", { class: `figures${old ? " old" : ""}`, key: "figures", "aria-label": `Key figures of ${t.name}` },
    old ? h("p", { class: "old-note" }, icon("warn"), age === null ? "No reading has arrived yet."
        : `These are from ${ago(t.sampleTime as number, app.now)}; what is true now is unknown.`) : null,
    h("dl", null, FIGURES.map((m) => figure(t, m))));
}

function figure(t: Target, m: Metric): VNode {
  const seen = latest(t, m.name), v = seen?.value ?? null, age = seen && t.sampleTime !== null ? t.sampleTime - seen.at : 0, limit = m.name === "memory_used"
    ? t.v["memory_limit"] ?? null : m.name === "connections_active" ? t.v["connections"] ?? null : null;
  return h("div", { class: "figure", key: m.name, title: m.hint }, h("dt", null, m.label),
    h("dd", null, value(v, m.unit), age > 1500 ? h("span", { class: "of", title: "This is not read each second." }, ` ${duration(age / 1000)} ago`) : null,
      limit !== null ? h("span", { class: "of" }, " of ", quantity(limit, m.unit).text, quantity(limit, m.unit).unit ? ` ${quantity(limit, m.unit).unit}`
          : "") : null, spark(t.name, m.name)));
}

/** The last two minutes, without axes: only "rising", "falling", "calm" or "gone". */
function spark(target: string, metric: string): VNode | null {
  const s = app.series.get(target), col = s?.v[metric];
  if (!s || !col) return null;
  const from = app.now - 120_000, pts: [number, Known][] = [];
  for (let i = Math.max(0, s.time.length - 125); i < s.time.length; i++) if ((s.time[i] as number) >= from) pts.push([s.time[i] as number, col[i] ?? null]);
  const known = pts.map(([, v]) => v).filter((v): v is number => v !== null);
  if (known.length < 3) return null;
  const max = Math.max(...known), min = Math.min(...known, max * 0.8), span = max - min || 1;
  let d = "", pen = false, before = 0;
  for (const [at, v] of pts) {
    if (v === null || at - before > 3500) pen = false;
    before = at;
    if (v === null) continue;
    d += `${pen ? "L" : "M"}${(((at - from) / 120_000) * 80).toFixed(1)},${(15 - ((v - min) / span) * 13).toFixed(1)}`;
    pen = true;
  }
  return h("svg", { class: "spark", viewBox: "0 0 80 16", preserveAspectRatio: "none", "aria-hidden": "true" }, h("path", { d }));
}

// ---- charts ----

function charts(t: Target): VNode {
  const s = app.series.get(t.name) ?? { time: [], v: {} }, to = app.now, from = to - app.range * 1000;
  const line = (label: string, tone: string, metric: string): Line => ({ label, tone, values: s.v[metric] ?? s.time.map(() => null) });
  const marks = (app.marks.get(t.name) ?? []).filter((m) => m.time >= from), arms = (app.arms.get(t.name) ?? []).filter((a) => (a.to ?? to) >= from);
  const common = { times: s.time, from, to, coarse: app.coarse.get(t.name) ?? 0, marks, arms };
  const estimated = latest(t, "latency_estimated")?.value === 1;
  return section("charts", "Under load", choice("Range", RANGES, app.range, setRange),
    h("div", { class: "chart-head" }, h("h3", null, "Throughput"), legend([["tps", "committed transactions"]], t, "1/s")),
    widget<ChartProps>("tps", TimeChart, { ...common, title: "Throughput", unit: "1/s", lines: [line("throughput", "tps", "tps")], log: false, flags: true }),
    h("div", { class: "chart-head" }, h("h3", null, "Latency", estimated ? h("span", { class: "tag" }, "estimated") : null),
      legend([["latency_p50", "p50"], ["latency_p99", "p99"]], t, "ms"),
      h("button", { class: "button small", "aria-pressed": app.logLatency ? "true" : "false", onclick: () => { app.logLatency = !app.logLatency; changed();
            } }, "log scale")),
    widget<ChartProps>("latency", TimeChart, { ...common, title: `Latency${estimated ? " (estimated)" : ""}`, unit: "ms",
        lines: [line("p99", "p99", "latency_p99"), line("p50", "p50", "latency_p50")], log: app.logLatency, flags: false }),
    h("p", { class: "key" }, Object.entries(MARKS).map(([kind, m]) => h("span", { class: `mark-key mark-${kind}` }, icon(m.icon), m.word)),
      h("span", { class: "mark-key" }, h("span", { class: "arm-key arm-incumbent" }, "A"), "incumbent"),
      h("span", { class: "mark-key" }, h("span", { class: "arm-key arm-candidate" }, "B"), "candidate in force")));
}

function legend(names: [string, string][], t: Target, unit: string): VNode {
  return h("span", { class: "legend" }, names.map(([m, word]) => h("span", { class: `tone-${m.replace("latency_", "")}` }, h("i", { "aria-hidden": "true" }),
        word, " ", value(latest(t, m)?.value ?? null, unit))));
}

// ---- what came of it ----

function convergence(t: Target): VNode {
  const known = app.outcomes.get(t.name), list = attempts(known ?? []), last = list[list.length - 1], kept = list.filter((a) => a.outcome.kept).length;
  const back = list.filter((a) => wasPutBack(a.outcome.outcome, a.outcome.kept)).length, rest = list.length - kept - back;
  return section("converge", "Best proven so far", choice("Axis", [["trial", "by attempt"], ["time", "by time"]] as ["trial" | "time", string][],
      app.convergeBy, (v) => { app.convergeBy = v; changed(); }),
    last ? h("p", { class: "lead" }, h("b", { class: "big" }, effect(last.after)),
      ` against where ${(known ?? []).length >= OUTCOMES_MAX ? "the newest of them" : "it"} began${list.some((a) => a.chapter !== last.chapter) ? " under the load of the last one" : ""} · ${plural(list.length, "attempt")}, ${kept} kept, ${back} put back${rest ? `, ${rest} not carried out or with an outcome unknown` : ""}`) : null,
    last ? widget<ConvergeProps>("converge", Converge, { attempts: list, by: app.convergeBy, now: app.now })
      : empty(known ? "Nothing has been tried on this target yet." : "Outcomes are unknown."),
    last ? h("p", { class: "key" }, h("span", { class: "mark-key" }, h("i", { class: "pt pt-kept" }), "proven better, kept"),
      h("span", { class: "mark-key" }, h("i", { class: "pt pt-undone" }), "not proven, put back"),
      h("span", { class: "mark-key" }, h("span", { class: "pt-x" }, "\u00d7"), "worse, put back")) : null);
}

/** What the proven changes left in force, the strongest first. */
function winners(t: Target): VNode | null {
  const kept = (app.outcomes.get(t.name) ?? []).filter((o) => o.kept && o.changes.length).sort((a, b) => (b.effect ?? -Infinity) - (a.effect ?? -Infinity));
  if (!kept.length) return null;
  return section("winners", "What stayed, and what it brought", h("a", { href: href("knobs", t.name) }, "all knobs"),
    h("table", { class: "grid stack winners" }, h("caption", { class: "sr" }, "Changes that were kept"),
    h("tbody", null, kept.slice(0, 12).map((o, i) => h("tr", { key: o.caseId ?? i },
          h("th", { scope: "row" }, h("ul", { class: "changes" }, o.changes.map(changeItem))),
      h("td", { "data-label": "Effect" }, effectCell(o.effect, o.lo, o.hi)),
        h("td", { "data-label": "Case" }, o.caseId ? h("a", { href: href("case", o.caseId) }, "why") : unknown()))))));
}

function recent(t: Target): VNode {
  const mine = (app.recent ?? []).filter((c) => c.target === t.name || !c.target).slice(0, 8);
  return section("recent", "Recent cases", h("a", { href: href("cases") }, "all cases"),
    mine.length ? h("ol", { class: "recent" }, mine.map(recentRow))
      : empty(app.recent ? (app.recentCut ? `None of the newest ${app.recent.length} is about it.` : "No case has been opened yet.") : "Cases are unknown."));
}

function recentRow(c: Case): VNode {
  return h("li", { key: c.id }, h("div", null, h("a", { href: href("case", c.id) }, caseName(c))), h("div", { class: "recent-more" },
      c.outcome ? outcomeBadge(c.outcome, c.kept) : stateBadge(c.state), c.effect !== null ? effectCell(c.effect, c.lo, c.hi) : null, c.updated === null
        ? unknown() : h("span", { class: "dim" }, when(c.updated, true, app.now))));
}

