// A time chart in SVG: lines with gaps where nothing is known, a band from the
// smallest to the largest value where seconds share a pixel, shaded arms of a
// trial, marks where the world was changed, one cursor shared by all charts.
//
// The arrow keys move the cursor; what stands there is then read out.

import { svg, Widget } from "./dom";
import { clock, Known, plain, UNKNOWN, utc } from "./format";
import type { ArmSpan, Mark, MarkKind } from "./model";
import { PATHS, IconName } from "./icons";
import { logTicks, nearest, timeTicks, valueTicks } from "./scale";

export interface Line { label: string; tone: string; values: Known[] }
export interface ChartProps {
  title: string; unit: string; times: number[]; lines: Line[]; from: number; to: number;
  coarse: number; marks: Mark[]; arms: ArmSpan[]; log: boolean; flags: boolean;   // flags: draw the marks' signs, not only their lines
}

export const MARKS: { [k in MarkKind]: { icon: IconName; word: string } } = {
  opened: { icon: "dot", word: "case opened" }, applied: { icon: "play", word: "applied" }, kept: { icon: "ok", word: "proven better, kept" },
  undone: { icon: "undone", word: "put back" }, unknown: { icon: "question", word: "outcome unknown" },
};

/** Where the cursor is, ms; null: nowhere. */
class Cursor {
  at: number | null = null;
  private listeners = new Set<() => void>();
  set(at: number | null): void { if (at !== this.at) { this.at = at; this.listeners.forEach((f) => f()); } }
  listen(f: () => void): () => void { this.listeners.add(f); return () => this.listeners.delete(f); }
}
const cursor = new Cursor();

interface Column { t: number; lo: number; hi: number; mean: number }
type Run = Column[];

/** Not everything is read each second: the usual time between two readings, at most RARE_MS. */
const RARE_MS = 15_000;
function cadence(times: number[], values: Known[]): number {
  const gaps: number[] = [];
  for (let i = times.length - 1, last = Infinity; i >= 0 && gaps.length < 60; i--)
    if ((values[i] ?? null) !== null) { if (isFinite(last)) gaps.push(last - (times[i] as number)); last = times[i] as number; }
  gaps.sort((a, b) => a - b);
  return Math.min(RARE_MS, gaps[(gaps.length - 1) >> 1] ?? 0);
}

/** What is known of the last seconds before `to`; null: nothing. */
export function newest(times: number[], values: Known[], to: number): Known {
  for (let i = times.length - 1; i >= 0 && (times[i] as number) > to - RARE_MS; i--) if ((values[i] ?? null) !== null) return values[i] as number;
  return null;
}

/** Groups values into at most `columns` steps of time; a gap in time or an unknown value ends a run. */
export function runs(times: number[], values: Known[], from: number, to: number, columns: number, coarse = -Infinity): Run[] {
  const out: Run[] = [], width = Math.max(1000, (to - from) / Math.max(1, columns)), each = cadence(times, values), usual = Math.max(3500, 2.6 * each,
    width * 2.5);
  const hole = (t: number) => (t <= coarse + 60_000 ? Math.max(150_000, usual) : usual);
  let run: Run = [], cell = -1, n = 0, before = -Infinity;
  for (let i = Math.max(0, nearest(times, from) - 1); i < times.length; i++) {
    const t = times[i] as number, v = values[i] ?? null;
    if (t > to) break;
    if (t < from) continue;
    if (v === null && each > 1500) continue;   // a second in which it was not to be read
    if (v === null || t - before > hole(t)) { if (run.length) out.push(run); run = []; cell = -1; }
    before = t;
    if (v === null) continue;
    const c = Math.floor(t / width), last = run[run.length - 1];
    if (c === cell && last) { n++; last.mean += (v - last.mean) / n; last.t += (t - last.t) / n; last.lo = Math.min(last.lo, v);
      last.hi = Math.max(last.hi, v); }
    else { run.push({ t, lo: v, hi: v, mean: v }); cell = c; n = 1; }
  }
  if (run.length) out.push(run);
  return out;
}

/** The top of the axis: a few spikes far above everything else do not flatten the rest; they are marked instead. */
export function ceiling(all: number[]): number {
  if (!all.length) return 1;
  const sorted = all.slice().sort((a, b) => a - b), max = sorted[sorted.length - 1] as number,
    usual = sorted[Math.floor((sorted.length - 1) * 0.985)] as number;
  const top = max > usual * 2.5 && usual > 0 ? usual * 1.6 : max;
  return top > 0 ? top * 1.06 : 1;
}

export class TimeChart implements Widget<ChartProps> {
  readonly el: HTMLElement;
  private readonly svg: SVGElement;
  private readonly tip: HTMLElement;
  private readonly voice: HTMLElement;
  private readonly hair: SVGElement;
  private props: ChartProps | null = null;
  private width = 0;
  private readonly height = 190;
  private readonly sizes: ResizeObserver;
  private readonly deaf: () => void;
  private mine = false;   // the pointer or the focus is here

  constructor() {
    this.svg = svg("svg", { class: "plot", height: this.height, "aria-hidden": "true" });
    this.hair = svg("g", { class: "hair" });
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.voice = document.createElement("p");
    this.voice.className = "sr";
    this.voice.setAttribute("aria-live", "polite");
    this.el = document.createElement("div");
    this.el.className = "chart";
    this.el.tabIndex = 0;
    this.el.setAttribute("role", "group");
    this.el.append(this.svg, this.tip, this.voice);
    this.el.addEventListener("pointermove", (e) => this.point(e));
    this.el.addEventListener("pointerdown", (e) => this.point(e));
    this.el.addEventListener("pointerleave", () => { this.mine = false; cursor.set(null); });
    this.el.addEventListener("focus", () => { this.mine = true; });
    this.el.addEventListener("blur", () => { this.mine = false; cursor.set(null); });
    this.el.addEventListener("keydown", (e) => this.key(e));
    this.sizes = new ResizeObserver(() => { const w = Math.floor(this.el.clientWidth); if (w !== this.width) { this.width = w; this.draw(); } });
    this.sizes.observe(this.el);
    this.deaf = cursor.listen(() => this.drawHair());
  }

  update(props: ChartProps): void {
    this.props = props;
    // Who is at it hears its name anew each time that changes.
    if (document.activeElement !== this.el) this.name(props);
    this.draw();
  }

  private name(props: ChartProps): void {
    const now = props.lines.map((l) => `${l.label} ${plain(newest(props.times, l.values, props.to), props.unit)}`).join(", ");
    this.el.setAttribute("aria-label",
      `${props.title}, from ${clock(props.from, false)} to ${clock(props.to, false)}. Now: ${now}. Arrow keys read the values at a time.`);
  }

  done(): void { this.sizes.disconnect(); this.deaf(); }

  // ---- geometry ----

  private get left(): number { return this.width < 480 ? 40 : 52; }
  private get right(): number { return this.width - 10; }
  private get top(): number { return 16; }
  private get bottom(): number { return this.height - 20; }
  private x(t: number): number { const p = this.props as ChartProps; return this.left + ((t - p.from) / (p.to - p.from)) * (this.right - this.left); }
  private t(x: number): number { const p = this.props as ChartProps; return p.from + ((x - this.left) / (this.right - this.left)) * (p.to - p.from); }

  private draw(): void {
    const p = this.props;
    if (!p || this.width < 80) return;
    const columns = (this.right - this.left) / 1.5, drawn = p.lines.map((l) => runs(p.times, l.values, p.from, p.to, columns, p.coarse));
    const all = drawn.flat(2).map((c) => c.mean), top = p.log ? Math.max(...all, 1) * 1.2 : ceiling(all);
    const floor = p.log ? Math.max(Math.min(...all.filter((v) => v > 0), 1e9), 1e-3) * 0.8 : 0;
    const y = (v: number): number => {
      const f = p.log ? Math.log(Math.max(v, floor) / floor) / Math.log(top / floor) : v / top;
      return this.bottom - Math.min(1, Math.max(0, f)) * (this.bottom - this.top);
    };
    const parts: SVGElement[] = [];
    for (const a of p.arms) {
      const x0 = Math.max(this.left, this.x(a.from)), x1 = Math.min(this.right, this.x(a.to ?? p.to));
      if (x1 <= x0) continue;
      parts.push(svg("rect", { class: `arm arm-${a.arm}`, x: x0, width: x1 - x0, y: this.top, height: this.bottom - this.top }));
      if (x1 - x0 > 12) parts.push(svg("text", { class: "arm-name", x: (x0 + x1) / 2, y: p.flags ? this.bottom - 5 : this.top + 11,
            "text-anchor": "middle" }, a.arm === "candidate" ? "B" : "A"));
    }
    parts.push(...this.gapParts(drawn[0] as Run[], p));
    for (const v of p.log ? logTicks(floor, top) : valueTicks(0, top, 5)) {
      parts.push(svg("line", { class: v === 0 ? "axis" : "grid", x1: this.left, x2: this.right, y1: Math.round(y(v)) + 0.5, y2: Math.round(y(v)) + 0.5 }));
      parts.push(svg("text", { class: "tick", x: this.left - 6, y: y(v) + 3.5, "text-anchor": "end" }, v >= 10000 ? `${v / 1000}k`
            : String(Number(v.toPrecision(6)))));
    }
    for (const tick of timeTicks(p.from, p.to, (this.right - this.left) / 76)) {
      const x = this.x(tick.at);
      if (x < this.left + 14 || x > this.right - 14) continue;
      parts.push(svg("line", { class: "axis", x1: x, x2: x, y1: this.bottom, y2: this.bottom + 4 }),
        svg("text", { class: "tick", x, y: this.height - 4, "text-anchor": "middle" }, tick.text));
    }
    parts.push(...this.markParts(p));
    p.lines.forEach((l, i) => {
      let line = "", band = "";
      for (const run of drawn[i] as Run[]) {
        const pts = run.map((c) => [this.x(c.t), c] as const), at = (v: number, x: number) => `${x.toFixed(1)},${y(v).toFixed(1)}`;
        line += pts.length === 1 ? `M${at((run[0] as Column).mean, (pts[0] as readonly [number, Column])[0] - 1)}h2`
          : `M${pts.map(([x, c]) => at(c.mean, x)).join("L")}`;
        if (run.some((c) => c.hi > c.lo)) band += `M${pts.map(([x, c]) => at(c.hi, x)).join("L")}L${pts.slice().reverse().map(([x, c]) => at(c.lo, x)).join("L")}Z`;
        for (const [x, c] of pts) if (!p.log && c.mean > top) parts.push(svg("path",
            { class: `spike tone-${l.tone}`, d: `M${x - 3} ${this.top + 1}h6l-3 -5z` }));
      }
      if (band) parts.push(svg("path", { class: `band tone-${l.tone}`, d: band }));
      if (line) parts.push(svg("path", { class: `line tone-${l.tone}`, d: line }));
    });
    if (!all.length) parts.push(svg("text", { class: "nothing", x: (this.left + this.right) / 2, y: (this.top + this.bottom) / 2, "text-anchor": "middle" },
        `${UNKNOWN}: no readings in this range`));
    this.svg.setAttribute("width", String(this.width));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.replaceChildren(svg("defs", {}, svg("pattern", { id: "gap-hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse",
            patternTransform: "rotate(45)" }, svg("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 7 }))), ...parts, this.hair);
    this.drawHair();
  }

  /** Where nothing is known for ten seconds or more, the paper is hatched and says so. */
  private gapParts(drawn: Run[], p: ChartProps): SVGElement[] {
    const out: SVGElement[] = [], first = drawn[0]?.[0];
    const ends: [number, number][] = drawn.map((r, i) => [(r[r.length - 1] as Column).t, drawn[i + 1]?.[0]?.t ?? p.to]);
    if (first) ends.unshift([p.from, first.t]);
    for (const [a, b] of ends) {
      if (b - a < 10_000) continue;
      const x0 = this.x(a) + 1, x1 = this.x(b) - 1;
      if (x1 - x0 < 2) continue;
      out.push(svg("rect", { class: "gap", x: x0, width: x1 - x0, y: this.top, height: this.bottom - this.top, fill: "url(#gap-hatch)" }));
      if (x1 - x0 > 64) out.push(svg("text", { class: "nothing gap-name", x: (x0 + x1) / 2, y: this.top + 16, "text-anchor": "middle" }, UNKNOWN));
    }
    return out;
  }

  private markParts(p: ChartProps): SVGElement[] {
    const out: SVGElement[] = [];
    for (const m of p.marks) {
      const x = this.x(m.time);
      if (x < this.left || x > this.right) continue;
      const g = svg("g", { class: `mark mark-${m.kind}` }, svg("line", { x1: x, x2: x, y1: this.top - 2, y2: this.bottom }));
      if (p.flags) g.append(svg("path", { d: PATHS[MARKS[m.kind].icon], transform: `translate(${x - 6} 1) scale(.75)` }));
      out.push(g);
    }
    return out;
  }

  // ---- the cursor ----

  private point(e: PointerEvent): void {
    if (!this.props) return;
    this.mine = true;
    const x = e.clientX - this.el.getBoundingClientRect().left;
    cursor.set(x < this.left - 4 || x > this.right + 4 ? null : this.t(Math.min(this.right, Math.max(this.left, x))));
  }

  private key(e: KeyboardEvent): void {
    const p = this.props;
    if (!p || !p.times.length || e.altKey || e.ctrlKey || e.metaKey) return;
    const step = (p.to - p.from) / (e.shiftKey ? 12 : 90), at = cursor.at ?? p.to;
    const to = { ArrowLeft: at - step, ArrowRight: at + step, Home: p.from, End: p.to, Escape: null }[e.key];
    if (to === undefined) return;
    if (e.key !== "Escape") e.preventDefault();
    this.mine = true;
    cursor.set(to === null ? null : Math.min(p.to, Math.max(p.from, to)));
    this.voice.textContent = to === null ? "" : this.words(cursor.at as number).join(", ");
  }

  private words(at: number): string[] {
    const p = this.props as ChartProps, near = nearest(p.times, at), reach = Math.max(at < p.coarse ? 61_000 : 3500, (p.to - p.from) / 100);
    // The nearest second at which anything drawn here was read, not merely the nearest second.
    const read = (i: number) => p.lines.some((l) => (l.values[i] ?? null) !== null);
    let i = near;
    for (let d = 1; i >= 0 && !read(i) && d < 16; d++) i = read(near - d) ? near - d : read(near + d) ? near + d : near;
    const t = p.times[i] ?? at, close = Math.abs(t - at) < reach + (i === near ? 0 : 6000);
    const arm = p.arms.find((a) => a.from <= at && at <= (a.to ?? p.to));
    return [
      clock(close ? t : at), ...p.lines.map((l) => `${l.label} ${plain(close ? l.values[i] ?? null : null, p.unit)}`),
      ...(arm ? [arm.arm === "candidate" ? "B: candidate in force" : "A: incumbent in force"] : []),
      ...p.marks.filter((m) => Math.abs(this.x(m.time) - this.x(at)) < 7).map((m) => `${MARKS[m.kind].word}: ${m.title}`),
    ];
  }

  private drawHair(): void {
    const p = this.props, at = cursor.at;
    if (!p || at === null || at < p.from || at > p.to || this.width < 80) {
      this.hair.replaceChildren();
      this.tip.hidden = true;
      return;
    }
    const x = this.x(at);
    this.hair.replaceChildren(svg("line", { x1: x, x2: x, y1: this.top, y2: this.bottom }));
    const [time = "", ...rest] = this.words(at);
    const head = document.createElement("b");
    head.textContent = time;
    head.title = utc(at);
    this.tip.replaceChildren(head, ...rest.map((text, i) => {
      const row = document.createElement("span");
      row.textContent = text;
      row.className = i < p.lines.length ? `tip-line tone-${(p.lines[i] as Line).tone}` : "tip-note";
      return row;
    }));
    this.tip.hidden = false;
    this.tip.classList.toggle("faint", !this.mine);
    const w = this.tip.offsetWidth;
    this.tip.style.left = `${Math.round(x + 12 + w > this.width ? Math.max(0, x - 12 - w) : x + 12)}px`;
  }
}
