// How numbers and times are written. A value that is not known is `null` all
// the way from the wire to the screen, where it reads "unknown"; it never
// becomes 0, and never an empty cell that could be taken for one.

import { now } from "./now";

export type Known = number | null;
export interface Quantity { text: string; unit: string }

export const UNKNOWN = "unknown";
const THIN = "\u202f";   // narrow no-break space between digits

/** Three or four significant digits, never more than the measurement can carry. */
export function number(v: Known): string {
  if (v === null || !isFinite(v)) return UNKNOWN;
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a < 0.001) return v.toExponential(1);
  const digits = a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : 3;
  return group(v.toFixed(digits));
}

function group(text: string): string {
  const [whole = "", part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
  return (part ? `${grouped}.${part}` : grouped).replace("-", "\u2212");
}

export function integer(v: Known): string {
  return v === null || !isFinite(v) ? UNKNOWN : group(Math.round(v).toFixed(0));
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(v: number): Quantity {
  let i = 0, a = v;
  while (Math.abs(a) >= 1024 && i < BINARY.length - 1) { a /= 1024; i++; }
  return { text: Number.isInteger(a) ? integer(a) : number(a), unit: BINARY[i] as string };
}

/** A value in the unit of METRIC_MAP ("1/s", "ms", "ratio", "B/s", ...) in the unit a person would choose. */
export function quantity(v: Known, unit: string): Quantity {
  if (v === null || !isFinite(v)) return { text: UNKNOWN, unit: "" };
  switch (unit) {
    case "1/s":   return { text: number(v), unit: "/s" };
    case "ms":    return v >= 10000 ? { text: number(v / 1000), unit: "s" } : v > 0 && v < 0.1 ? { text: number(v * 1000), unit: "µs" } : { text: number(v),
      unit: "ms" };
    case "ms/s":  return { text: number(v), unit: "ms/s" };
    case "ratio": return { text: number(v * 100), unit: "%" };
    case "count": return { text: integer(v), unit: "" };
    case "bool":  return { text: v ? "yes" : "no", unit: "" };
    case "B":     return bytes(v);
    case "B/s": { const q = bytes(v); return { text: q.text, unit: `${q.unit}/s` }; }
    case "s":     return v >= 120 ? { text: duration(v), unit: "" } : { text: number(v), unit: "s" };
    default:      return { text: number(v), unit };
  }
}

export function plain(v: Known, unit: string): string {
  const q = quantity(v, unit);
  return q.unit ? `${q.text}${q.unit === "%" ? THIN : " "}${q.unit}` : q.text;
}

/** Seconds as "3 h 20 min": two units are enough. */
export function duration(seconds: Known): string {
  if (seconds === null || !isFinite(seconds)) return UNKNOWN;
  const s = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, u]) => `${n} ${u}`).join(" ");
}

/** A log ratio as a percentage: 0.0953 is +10.0 %. */
export function effect(log: Known): string {
  if (log === null || !isFinite(log)) return UNKNOWN;
  return `${signed(percent(log))}${THIN}%`;
}

export function percent(log: number): number {
  return (Math.exp(log) - 1) * 100;
}

export function signed(v: number): string {
  const digits = Math.abs(v) >= 100 ? 0 : 1;
  const text = Math.abs(v).toFixed(digits);
  return Number(text) === 0 ? `±${text}` : `${v > 0 ? "+" : "\u2212"}${text}`;
}

/** A parameter of PostgreSQL: 16384 with unit 8kB reads 128 MB, as it would be written in postgresql.conf. */
export function setting(value: string | null, unit: string | null): string {
  if (value === null) return UNKNOWN;
  if (value === "") return "(empty)";
  const m = /^(\d*)(B|kB|MB|GB|TB|us|ms|s|min|h|d)$/.exec(unit ?? "");
  const n = Number(value);
  if (!m || !isFinite(n) || n < 0) return value;
  if (n === 0) return "0";
  const scale = Number(m[1] || 1), base = m[2] as string;
  const sizes = ["B", "kB", "MB", "GB", "TB"], steps: [string, number][] = [["us", 1000], ["ms", 1000], ["s", 60], ["min", 60], ["h", 24], ["d", Infinity]];
  let v = n * scale;
  let i = sizes.indexOf(base);
  if (i >= 0) {
    while (i < sizes.length - 1 && v >= 1024 && v % 1024 === 0) { v /= 1024; i++; }
    return `${trim(v)} ${sizes[i]}`;
  }
  i = steps.findIndex(([u]) => u === base);
  while (i < steps.length - 1 && v >= (steps[i] as [string, number])[1] && v % (steps[i] as [string, number])[1] === 0) { v /= (steps[i] as [string,
        number])[1]; i++; }
  return `${trim(v)} ${(steps[i] as [string, number])[0]}`;
}

const MEASURES: { [unit: string]: [string, number] } = { B: ["size", 1], kB: ["size", 1024], MB: ["size", 1024 ** 2], GB: ["size", 1024 ** 3], TB: ["size", 1024 ** 4],
  us: ["time", 0.001], ms: ["time", 1], s: ["time", 1000], min: ["time", 60_000], h: ["time", 3_600_000], d: ["time", 86_400_000], "": ["number", 1] };

function measure(text: string): [string, number] | null {
  const m = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()), [kind, scale] = (m && MEASURES[m[2] ?? ""]) || [null, 0];
  return m && kind !== null ? [kind, Number(m[1]) * scale] : null;
}

/** Whether two values of a parameter are surely not the same: 8192kB is 8MB, and servers round. */
export function unlike(a: string | null, b: string | null): boolean {
  const x = a === null ? null : measure(a), y = b === null ? null : measure(b);
  if (a === null || b === null || (x === null) !== (y === null)) return false;
  return x && y ? x[0] === y[0] && Math.abs(x[1] - y[1]) > 0.05 * Math.abs(y[1]) : a.toLowerCase() !== b.toLowerCase();
}

function trim(v: number): string {
  return String(Number(v.toPrecision(12)));   // digits are not grouped: it reads as it would be written
}

// ---- time: local on the screen, UTC on hover ----

const two = (n: number) => String(n).padStart(2, "0");

export function clock(ms: number, withSeconds = true): string {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? `:${two(d.getSeconds())}` : ""}`;
}

export function day(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

/** The clock when that cannot be mistaken for another day's, else the day too. */
export function moment(ms: number, at = now()): string {
  return day(ms) === day(at) || Math.abs(at - ms) < 12 * 3600_000 ? clock(ms) : `${day(ms)} ${clock(ms, false)}`;
}

export function utc(ms: number): string {
  return `${new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;
}

export function ago(ms: number, at = now()): string {
  const s = (at - ms) / 1000;
  return s <= -2 ? `in ${duration(-s)}` : s < 2 ? "just now" : `${duration(s >= 600 ? Math.floor(s / 60) * 60 : s)} ago`;
}
