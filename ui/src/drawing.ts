// Drawings that are not about seconds: how tuning converges, and where an
// effect lies with its interval.

import { svg, Widget } from "./dom";
import { effect, Known, moment, percent, signed } from "./format";
import type { Outcome } from "./model";
import { timeTicks, valueTicks } from "./scale";

/** An SVG as wide as its place, drawn anew when that changes. */
export abstract class Drawing<P> implements Widget<P> {
  readonly el: HTMLElement = document.createElement("div");
  protected readonly svg = svg("svg", { class: "plot", role: "img" });
  protected props: P | null = null;
  protected width = 0;
  protected abstract readonly height: number;
  private readonly sizes = new ResizeObserver(() => { const w = Math.floor(this.el.clientWidth); if (w !== this.width) { this.width = w; this.redraw(); } });

  constructor() {
    this.el.className = "drawing";
    this.el.append(this.svg);
    this.sizes.observe(this.el);
  }
  update(props: P): void { this.props = props; this.redraw(); }
  done(): void { this.sizes.disconnect(); }
  protected abstract paint(props: P): { parts: SVGElement[]; label: string };

  private redraw(): void {
    if (!this.props || this.width < 60) return;
    const { parts, label } = this.paint(this.props);
    this.svg.setAttribute("width", String(this.width));
    this.svg.setAttribute("height", String(this.height));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("aria-label", label);
    this.svg.replaceChildren(...parts);
  }
}

export const text = (cls: string, x: number, y: number, anchor: string, words: string) => svg("text", { class: cls, x, y, "text-anchor": anchor }, words);

// ---- convergence ----

/** Log ratios to where tuning began under this load, which a chapter is about; level: what it reached itself, where that was measured. */
export interface Attempt { outcome: Outcome; chapter: number; before: number; after: number; level: number | null }

/** How a verdict begins that is about some statements alone, as of an index: what that is to the whole database nobody has measured. */
const OF_SOME = "Of the statements it was made for: ";

/** Oldest first; what was kept multiplies up, everything else leaves the best where it was. The engine has followed the load, too: what it says goes first. */
export function attempts(outcomes: Outcome[]): Attempt[] {
  let best = 0;
  return outcomes.slice().sort((a, b) => (a.time ?? 0) - (b.time ?? 0)).map((outcome) => {
    const before = outcome.before ?? best, gain = outcome.why?.startsWith(OF_SOME) ? null : outcome.effect;
    best = outcome.best ?? best + (outcome.kept && gain !== null ? gain : 0);
    return { outcome, chapter: outcome.chapter ?? 0, before, after: best, level: gain === null ? null : before + gain };
  });
}

export interface ConvergeProps { attempts: Attempt[]; by: "trial" | "time"; now: number }

/** Best proven so far as a step line; every attempt as a point with its interval: filled when kept, open when put back. */
export class Converge extends Drawing<ConvergeProps> {
  protected readonly height = 210;

  protected paint(p: ConvergeProps) {
    const list = p.by === "time" ? p.attempts.filter((a) => a.outcome.time !== null) : p.attempts, parts: SVGElement[] = [];
    const left = 52, right = this.width - 12, top = 12, bottom = this.height - 34;
    const all = [0, ...list.flatMap((a) => [a.after, ...(a.level === null ? [] : [a.level])])].map(percent);
    const pad = Math.max(4, (Math.max(...all) - Math.min(...all)) * 0.14), lo = Math.min(...all) - pad, hi = Math.max(...all) + pad;
    const y = (pct: number) => bottom - ((Math.min(hi, Math.max(lo, pct)) - lo) / (hi - lo)) * (bottom - top);
    const t0 = list[0]?.outcome.time ?? 0, begin = p.by === "time" ? t0 - Math.max(1000, (p.now - t0) * 0.05) : 0, end = p.by === "time" ? p.now
      : list.length + 0.5;
    const place = (a: Attempt, i: number) => (p.by === "time" ? (a.outcome.time as number) : i + 1);
    const x = (v: number) => left + ((v - begin) / (end - begin || 1)) * (right - left);

    for (const v of valueTicks(lo, hi, 4)) {
      parts.push(svg("line", { class: v === 0 ? "axis" : "grid", x1: left, x2: right, y1: Math.round(y(v)) + 0.5, y2: Math.round(y(v)) + 0.5 }));
      parts.push(text("tick", left - 6, y(v) + 3.5, "end", v === 0 ? "start" : `${signed(v).replace(/\.0$/, "")}\u202f%`));
    }
    if (p.by === "time") for (const tick of timeTicks(begin, end, (right - left) / 90)) parts.push(text("tick", x(tick.at), bottom + 16, "middle",
        tick.text));
    else {
      const every = Math.max(1, Math.ceil(list.length / ((right - left) / 34)));
      list.forEach((_, i) => { if ((i + 1) % every === 0) parts.push(text("tick", x(i + 1), bottom + 16, "middle", String(i + 1))); });
    }
    parts.push(text("tick", (left + right) / 2, this.height - 3, "middle", p.by === "time" ? "time of the verdict" : "number of the attempt"));

    let step = `M${left},${y(0)}`;
    list.forEach((a, i) => { step += i > 0 && a.chapter !== list[i - 1]?.chapter ? `M${x(place(a, i))},${y(percent(a.after))}` : `H${x(place(a, i))}V${y(percent(a.after))}`; });
    parts.push(svg("path", { class: "best", d: `${step}H${right}` }));
    list.forEach((a, i) => parts.push(this.point(a, x(place(a, i)), y, i)));
    const last = list[list.length - 1];
    return { parts, label: last ? `${list.length} attempts, ${list.filter((a) => a.outcome.kept).length} kept; best proven so far ${effect(last.after)} against the start${list.some((a) => a.chapter !== last.chapter) ? " under the load of the last one" : ""}` : "no attempts yet" };
  }

  private point(a: Attempt, x: number, y: (pct: number) => number, i: number): SVGElement {
    const o = a.outcome, kind = o.kept ? "kept" : o.outcome === "worse" ? "worse" : o.effect === null ? "unknown" : "undone";
    const g = svg("g", { class: `attempt attempt-${kind}` });
    const at = y(percent(a.level ?? a.before));
    if (a.level !== null && o.lo !== null && o.hi !== null) g.append(svg("line", { x1: x, x2: x, y1: y(percent(a.before + o.lo)), y2: y(percent(a.before + o.hi)) }));
    g.append(kind === "worse" ? svg("path", { d: `M${x - 4},${at - 4}l8,8m0,-8l-8,8` }) : kind === "unknown" ? text("tick", x, at + 4, "middle", "?")
        : svg("circle", { cx: x, cy: at, r: 4 }));
    g.append(svg("title", {}, `${i + 1}. ${o.title}: ${o.outcome ?? "unknown"}, ${effect(o.effect)} [${effect(o.lo)} … ${effect(o.hi)}]${a.level === null && o.effect !== null ? " of the statements it was made for" : ""}${o.time ? `, ${moment(o.time)}` : ""}`));
    return g;
  }
}

// ---- the interval of one effect ----

export interface IntervalProps { effect: Known; lo: Known; hi: Known; margin: Known; outcome: string | null }

/** The estimate and its interval on a line of percent; what is too small to matter is hatched around nought. */
export class Interval extends Drawing<IntervalProps> {
  protected readonly height = 92;

  protected paint(p: IntervalProps) {
    const parts: SVGElement[] = [], left = 8, right = this.width - 8, mid = 38;
    const known = [p.effect, p.lo, p.hi].filter((v): v is number => v !== null).map(percent);
    const reach = Math.max(3, ...known.map(Math.abs)) * 1.25, lo = -reach, hi = reach;
    const x = (pct: number) => left + ((Math.min(hi, Math.max(lo, pct)) - lo) / (hi - lo)) * (right - left);
    parts.push(svg("rect", { class: "side-worse", x: left, width: x(0) - left, y: 14, height: 48 }),
      svg("rect", { class: "side-better", x: x(0), width: right - x(0), y: 14, height: 48 }));
    if (p.margin !== null) parts.push(svg("rect", { class: "side-same", x: x(-percent(p.margin)), width: x(percent(p.margin)) - x(-percent(p.margin)), y: 14,
          height: 48 }));
    parts.push(text("side-name", left, 10, "start", "\u2190 worse"), text("side-name", right, 10, "end", "better \u2192"));
    for (const v of valueTicks(lo, hi, this.width < 420 ? 4 : 8)) parts.push(svg("line", { class: v === 0 ? "nought" : "grid", x1: x(v), x2: x(v), y1: 14,
          y2: 62 }), text("tick", Math.min(right - 14, Math.max(left + 14, x(v))), 78, "middle", v === 0 ? "0" : `${signed(v).replace(/\.0$/, "")}\u202f%`));
    if (p.lo !== null && p.hi !== null) {
      const a = x(percent(p.lo)), b = x(percent(p.hi));
      parts.push(svg("path", { class: `whisker outcome-${p.outcome ?? "none"}`, d: `M${a},${mid - 8}v16M${a},${mid}H${b}M${b},${mid - 8}v16` }));
    }
    if (p.effect !== null) parts.push(svg("circle", { class: `estimate outcome-${p.outcome ?? "none"}`, cx: x(percent(p.effect)), cy: mid, r: 6 }));
    else parts.push(text("nothing", (left + right) / 2, mid + 4, "middle", "no estimate: unknown"));
    return { parts, label: `effect ${effect(p.effect)}, interval ${effect(p.lo)} to ${effect(p.hi)}; right is better` };
  }
}
