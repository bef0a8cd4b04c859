// Small pieces that every page uses: states, outcomes, times, figures.

import { Child, h, VNode } from "./dom";
import { ago, effect, Known, moment, percent, quantity, signed, UNKNOWN, utc } from "./format";
import { icon, IconName } from "./icons";
import { STATE_WORDS } from "./model";
import { now } from "./now";
import type { Change, Plan } from "./model";
import type { Problem } from "./api";

const STATE_ICONS: { [s: string]: IconName } = { NEW: "dot", ANALYZING: "search", PLANNING: "plan", WAIT_GATE: "wait", EXECUTING: "play", VERIFYING: "pulse",
  PARKED: "parked", CLOSED: "ok" };

export const unknown = (): VNode => h("span", { class: "unknown" }, UNKNOWN);
export const orUnknown = (x: string | null | undefined): Child => (x === null || x === undefined || x === "" ? unknown() : x);

export function stateBadge(state: string | null): VNode {
  if (state === null) return h("span", { class: "badge state-none" }, icon("question"), UNKNOWN);
  return h("span", { class: `badge state-${state}`, title: STATE_WORDS[state] ?? "" }, icon(STATE_ICONS[state] ?? "question"), state);
}

/** What became of it, in words that say what is in force now. */
const OUTCOMES: { [o: string]: { icon: IconName; word: string; untouched?: boolean } } = {
  better: { icon: "ok", word: "better" }, worse: { icon: "undone", word: "worse" }, undecided: { icon: "undone", word: "undecided" },
    equivalent: { icon: "equal", word: "no difference" }, refused: { icon: "cross", word: "refused", untouched: true },
    hindered: { icon: "cross", word: "hindered", untouched: true }, unanswered: { icon: "wait", word: "nobody answered", untouched: true },
    overtaken: { icon: "undone", word: "overtaken", untouched: true },
};

/** Something was changed, and nobody wanted it to stay. */
export const wasPutBack = (outcome: string | null, kept: boolean | null): boolean => kept === false && !OUTCOMES[outcome ?? ""]?.untouched;

export function outcomeBadge(outcome: string | null, kept: boolean | null): VNode | null {
  if (outcome === null) return null;
  const o = OUTCOMES[outcome];
  return h("span", { class: `outcome outcome-${outcome}` }, icon(o?.icon ?? "question"),
    `${o?.word ?? outcome}${kept && !o?.untouched ? ", kept" : wasPutBack(outcome, kept) ? ", put back" : ""}`);
}

/** "work_mem 4MB → 8MB"; where it came from is left out when nobody tells. */
export function changeItem(c: Change & { restart?: boolean }): VNode {
  return h("li", { key: c.name }, h("code", null, c.name), " ", c.from !== null ? h("span", { class: "from" }, c.from) : null, " \u2192 ",
    h("b", null, c.to ?? UNKNOWN), c.restart ? h("span", { class: "tag tag-warn" }, "restart") : null);
}

/** From where to where a plan goes, over all of its steps. */
export function netChanges(p: Plan): (Change & { restart: boolean })[] {
  const net = new Map<string, Change & { restart: boolean }>();
  for (const s of p.steps) for (const c of s.changes) {
    const was = net.get(c.name), restart = s.action === "postgres.restart";
    net.set(c.name, was ? { ...was, to: c.to, restart: was.restart || restart } : { ...c, restart });
  }
  return [...net.values()];
}

export function answerBadge(answer: string | null): VNode {
  const a = answer?.toLowerCase() ?? null;
  const names: { [a: string]: IconName } = { approve: "ok", ask: "question", reject: "cross", wait: "wait" };
  return h("span", { class: `answer answer-${a ?? "none"}` }, icon((a && names[a]) || "question"), a ?? UNKNOWN);
}

export function when(ms: Known, relative = false, at = now()): VNode {
  if (ms === null || isNaN(new Date(ms).getTime())) return unknown();
  return h("time", { datetime: new Date(ms).toISOString(), title: relative ? `${moment(ms, at)} · ${utc(ms)}` : utc(ms) }, relative ? ago(ms, at)
      : moment(ms, at));
}

export function value(v: Known, unit: string): VNode {
  if (v === null) return unknown();
  const q = quantity(v, unit);
  return h("span", { class: "value" }, q.text, q.unit ? h("span", { class: "unit" }, q.unit) : null);
}

/** "+12.4 % [+8.1 % … +16.9 %]" with a small picture of it. */
export function effectCell(e: Known, lo: Known, hi: Known): VNode {
  if (e === null) return unknown();
  return h("span", { class: "effect" }, h("b", null, effect(e)), lo !== null && hi !== null
      ? [h("span", { class: "interval" }, ` ${signed(percent(lo))} … ${effect(hi)}`), glyph(e, lo, hi)] : null);
}

/** Ninety pixels wide; both ends are at 30 %, so that the pictures of a list can be compared. */
function glyph(e: number, lo: number, hi: number): VNode {
  const x = (log: number) => 45 + Math.max(-44, Math.min(44, (percent(log) / 30) * 44));
  const tone = lo > 0 ? "better" : hi < 0 ? "worse" : "open";
  return h("svg", { class: `glyph glyph-${tone}`, viewBox: "0 0 90 14", "aria-hidden": "true" }, h("line", { class: "ground", x1: 1, x2: 89, y1: 7, y2: 7 }),
    h("line", { class: "nought", x1: 45, x2: 45, y1: 1, y2: 13 }),
    h("line", { x1: x(lo), x2: x(hi), y1: 7, y2: 7 }), h("circle", { cx: x(e), cy: 7, r: 3 }));
}

export function problemBox(p: Problem, again?: () => void): VNode {
  return h("div", { class: "box box-bad", role: "alert" }, icon("warn"), h("div", { class: "box-text" },
    h("b", null, p.title), p.status ? h("span", { class: "dim" }, ` (${p.status})`) : null, p.detail ? h("p", null, p.detail) : null,
      p.hint ? h("p", { class: "hint" }, "What to do: ", p.hint) : null),
    again ? h("button", { class: "button", onclick: again }, "Try again") : null);
}

export function empty(...words: Child[]): VNode {
  return h("p", { class: "empty" }, ...words);
}

export function section(key: string, title: Child, extra: Child, ...body: Child[]): VNode {
  return h("section", { class: `panel panel-${key}`, key, "aria-labelledby": `h-${key}` }, h("header", { class: "panel-head" },
      h("h2", { id: `h-${key}` }, title), extra), ...body);
}

export function copyButton(text: string, what: string): VNode {
  return h("button", { class: "button small", "aria-label": `Copy ${what}`, onclick: (e: Event) => {
    const b = e.currentTarget as HTMLElement, said = (w: string) => { b.textContent = w; setTimeout(() => { b.textContent = "Copy"; }, 1500); };
    (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).then(() => said("Copied"), () => said("Select and copy by hand"));
  } }, "Copy");
}

/** Choices that look like one control: a group of toggle buttons. */
export function choice<T extends string | number>(label: string, options: [T, string][], now: T, pickIt: (v: T) => void): VNode {
  return h("div", { class: "choice", role: "group", "aria-label": label }, options.map(([v, word]) =>
    h("button", { key: String(v), "aria-pressed": v === now ? "true" : "false", onclick: () => pickIt(v) }, word)));
}

/** A long id, short; a click copies all of it. */
export function idButton(word: string, full: string): VNode {
  return h("button", { class: "linklike id-button", title: `${full} (copy)`, "aria-label": `Copy ${word} ${full}`, onclick: () =>
        void navigator.clipboard?.writeText(full) }, `${word} ${full.slice(0, 8)}`);
}

/** Text from a machine, as a sentence; a name such as work_mem or cases.db at its begin stays as it is. */
export const sentence = (text: string): string =>
  (text === "" ? "" : `${/^[^\s,:;]*[._/=]\w/.test(text) ? text[0] : text[0]?.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`);

/** Text that was written for people and logs: times become local ones, arrows arrows. Still only text nodes. */
export function prose(text: string): Child[] {
  return text.replace(/ -> /g, " \u2192 ").split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/).map((part, i) =>
    (i % 2 && !isNaN(Date.parse(part)) ? when(Date.parse(part)) : part));
}

export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
