// Careful hands for JSON from outside: each function gives the value when it is
// there and of the right kind, else null. Nothing here invents a zero.

export type Json = { [name: string]: unknown };

export const record = (x: unknown): Json => (typeof x === "object" && x !== null && !Array.isArray(x) ? (x as Json) : {});
export const maybe = (x: unknown): Json | null => (typeof x === "object" && x !== null && !Array.isArray(x) ? (x as Json) : null);
export const list = (x: unknown): unknown[] => (Array.isArray(x) ? x : []);

/** The first of several members that is there. */
export function pick(o: Json, ...names: string[]): unknown {
  for (const n of names) if (o[n] !== undefined && o[n] !== null) return o[n];
  return null;
}

export function num(x: unknown): number | null {
  if (typeof x === "number") return isFinite(x) ? x : null;
  if (typeof x === "string" && x.trim() !== "" && isFinite(Number(x))) return Number(x);
  return null;
}

export function str(x: unknown): string | null {
  return typeof x === "string" ? (x === "" ? null : x) : typeof x === "number" || typeof x === "boolean" ? String(x) : null;
}

/** Like str, but an empty text stays one: the value of a parameter may well be empty. */
export const raw = (x: unknown): string | null => (typeof x === "string" ? x : str(x));

export function flag(x: unknown): boolean | null {
  return typeof x === "boolean" ? x : x === 1 ? true : x === 0 ? false : null;
}

const LAST_MS = 8.64e15;   // no calendar goes further

/** RFC 3339, or a count of s, ms or us since 1970, as ms. 0 stands for "never" on the wire. */
export function time(x: unknown): number | null {
  if (typeof x === "string" && /^\d{4}-/.test(x)) {
    const t = Date.parse(x);
    return isNaN(t) ? null : t;
  }
  const n = num(x);
  if (n === null || n <= 0) return null;
  const ms = n > 1e14 ? n / 1000 : n > 1e11 ? n : n * 1000;
  return ms <= LAST_MS ? ms : null;
}
