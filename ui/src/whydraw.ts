// Drawings of an explanation: how a measure lay in the windows of each period,
// and what the model of all trials believes of one parameter.

import { svg } from "./dom";
import { Drawing, text } from "./drawing";
import { Known, number, signed, UNKNOWN } from "./format";
import type { Group, Slice, SlicePoint, Spread } from "./model";
import { valueTicks } from "./scale";

const known = (v: Known): v is number => v !== null;
const amount = (v: number, unit: string) => `${number(v)}${unit && !unit.startsWith("/") ? "\u202f" : ""}${unit}`;

// ---- distributions ----

const ROW = 34;

/** Boxes from quartile to quartile, whiskers to the ends; windows with the change are filled. */
export class SpreadDrawing extends Drawing<Spread> {
  protected get height() { return 26 + ROW * (this.props ? whole(this.props).length : 1); }

  protected paint(s: Spread) {
    const groups = whole(s), parts: SVGElement[] = [], left = Math.min(132, this.width * 0.4), right = this.width - 12;
    const all = groups.flatMap((g) => g.q), min = Math.min(...all), max = Math.max(...all), room = max > min ? 0 : 1;
    const x = (v: number) => left + ((v - min + room) / (max - min + 2 * room)) * (right - left);
    groups.forEach((g, i) => {
      const [lo, q1, median, q3, hi] = g.q.map(x) as [number, number, number, number, number], y = 4 + ROW * (i + 0.5);
      parts.push(text("tick", left - 10, y + 4, "end", g.title), svg("path", { class: "reach", d: `M${lo},${y}H${q1}M${q3},${y}H${hi}` }),
        svg("rect", { class: g.changed ? "box-plot changed" : "box-plot", x: q1, y: y - 8, width: Math.max(1, q3 - q1), height: 16, rx: 3 }),
        svg("line", { class: "median", x1: median, x2: median, y1: y - 9, y2: y + 9 }));
    });
    if (groups.length) parts.push(text("tick", left, this.height - 5, "start", amount(min, s.unit)), text("tick", right, this.height - 5, "end", amount(max, s.unit)));
    else parts.push(text("nothing", this.width / 2, 24, "middle", UNKNOWN));
    return { parts, label: `${s.name}: ${groups.map((g) => `${g.title}, median ${amount(g.q[2] as number, s.unit)}, from ${amount(g.q[0] as number, s.unit)} to ${amount(g.q[4] as number, s.unit)}`).join("; ") || UNKNOWN}` };
  }
}

function whole(s: Spread): (Pick<Group, "changed"> & { q: number[]; title: string })[] {
  return s.groups.map((g) => ({ changed: g.changed, q: g.quantiles.filter(known), title: `${g.period} (${g.windows ?? "?"})` })).filter((g) => g.q.length === 5);
}

// ---- slices of the model ----

type Believed = SlicePoint & { x: number; gain: number; lo: number; hi: number };

/** The expected gain over the values, in a band of what would be no surprise; of a choice, a point and a line each. */
export class SliceDrawing extends Drawing<Slice> {
  protected readonly height = 190;

  protected paint(s: Slice) {
    const list = s.points.filter((p): p is Believed => known(p.x) && known(p.gain) && known(p.lo) && known(p.hi)), parts: SVGElement[] = [];
    const left = 52, right = this.width - 14, top = 10, bottom = this.height - 24, first = list[0], last = list[list.length - 1];
    if (!first || !last || list.length < 2) return { parts: [text("nothing", this.width / 2, 40, "middle", UNKNOWN)], label: `${s.knob}: ${UNKNOWN}` };
    const lo = Math.min(0, ...list.map((p) => p.lo)), hi = Math.max(0, ...list.map((p) => p.hi)), of = (v: number) => (s.log ? Math.log(v) : v);
    const y = (v: number) => bottom - ((v - lo) / (hi - lo || 1)) * (bottom - top), inset = s.category ? 30 : 0;
    const x = (v: number) => left + inset + ((of(v) - of(first.x)) / (of(last.x) - of(first.x) || 1)) * (right - left - 2 * inset);
    for (const v of valueTicks(lo, hi, 4)) parts.push(svg("line", { class: v === 0 ? "axis" : "grid", x1: left, x2: right, y1: Math.round(y(v)) + 0.5, y2: Math.round(y(v)) + 0.5 }),
      text("tick", left - 6, y(v) + 3.5, "end", v === 0 ? "0" : `${signed(v).replace(/\.0$/, "")}\u202f%`));
    const line = (pick: (p: Believed) => number, points = list) => points.map((p) => `${x(p.x).toFixed(1)},${y(pick(p)).toFixed(1)}`).join("L");
    if (!s.category) parts.push(svg("path", { class: "belief-band", d: `M${line((p) => p.hi)}L${line((p) => p.lo, list.slice().reverse())}Z` }), svg("path", { class: "belief", d: `M${line((p) => p.gain)}` }));
    else for (const p of list) parts.push(svg("line", { class: "reach", x1: x(p.x), x2: x(p.x), y1: y(p.lo), y2: y(p.hi) }), svg("circle", { class: "belief-point", cx: x(p.x), cy: y(p.gain), r: 4.5 }));
    const every = s.category ? 1 : Math.max(1, Math.ceil((list.length - 1) / (this.width < 420 ? 2 : 4)));
    list.forEach((p, i) => { if (i % every === 0) parts.push(text("tick", x(p.x), this.height - 6, i === 0 && !s.category ? "start" : i === list.length - 1 && !s.category ? "end" : "middle", p.value)); });
    // A special value (-1: automatic) has no place among the others.
    if (s.inForce !== null && s.inForce >= first.x && s.inForce <= last.x) parts.push(svg("line", { class: "in-force", x1: x(s.inForce), x2: x(s.inForce), y1: top, y2: bottom }),
      text("tick", x(s.inForce) + (x(s.inForce) > this.width / 2 ? -5 : 5), top + 8, x(s.inForce) > this.width / 2 ? "end" : "start", "in force"));
    const best = list.reduce((a, b) => (b.gain > a.gain ? b : a));
    return { parts, label: `${s.knob}: expected gain from ${signed(first.gain)} % at ${first.value} to ${signed(last.gain)} % at ${last.value}, the most at ${best.value}: ${signed(best.gain)} % (${signed(best.lo)} to ${signed(best.hi)} %)` };
  }
}
