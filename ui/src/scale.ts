// Axes: where the ticks are and how they read. Pure functions.

import { clock, day } from "./format";

export interface Tick { at: number; text: string }

/** 1, 2 or 5 times a power of ten, so that about `count` steps cover the span. */
export function niceStep(span: number, count: number): number {
  const rough = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough)), m = rough / power;
  return (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10) * power;
}

export function valueTicks(lo: number, hi: number, count: number): number[] {
  if (!(hi > lo)) return [lo];
  const step = niceStep(hi - lo, count), out: number[] = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++) out.push(i * step);
  return out;
}

/** 1, 2, 5 per decade; only whole decades when there are many. */
export function logTicks(lo: number, hi: number): number[] {
  const out: number[] = [], wide = Math.log10(hi / lo) > 2.2;
  for (let p = Math.floor(Math.log10(lo)); p <= Math.ceil(Math.log10(hi)); p++)
    for (const m of wide ? [1] : [1, 2, 5]) { const v = m * 10 ** p; if (v >= lo * 0.999 && v <= hi * 1.001) out.push(v); }
  return out;
}

const MIN = 60, HOUR = 3600;
const STEPS = [1, 5, 10, 30, MIN, 2 * MIN, 5 * MIN, 10 * MIN, 15 * MIN, 30 * MIN, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR,
  168 * HOUR];

/** Ticks on whole local minutes, hours, days. */
export function timeTicks(from: number, to: number, count: number): Tick[] {
  const span = (to - from) / 1000;
  const step = (STEPS.find((s) => span / s <= Math.max(1, count)) ?? Math.ceil(span / count / 86400) * 86400) * 1000;
  const zone = new Date(from).getTimezoneOffset() * 60_000, out: Tick[] = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step)
    out.push({ at: t, text: step >= 24 * HOUR * 1000 ? day(t) : clock(t, step < MIN * 1000) });
  return out;
}

/** Index of the time nearest to t in an ascending list; -1 when it is empty. */
export function nearest(times: number[], t: number): number {
  let lo = 0, hi = times.length - 1;
  if (hi < 0) return -1;
  while (lo < hi) { const mid = (lo + hi) >> 1; if ((times[mid] as number) < t) lo = mid + 1; else hi = mid; }
  return lo > 0 && t - (times[lo - 1] as number) < (times[lo] as number) - t ? lo - 1 : lo;
}
