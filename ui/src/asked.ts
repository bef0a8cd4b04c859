// What was asked for a case at one of its versions, and what came back. An
// answer to an older question never replaces a newer one, a question that
// failed may be asked again, and what there is stays until something newer is.

import type { Known } from "./format";

/** version: of data; asked: the version that is being asked for, undefined when nothing is under way. */
export interface Asked<T, P> { id: string; version: Known; asked: Known | undefined; data: T | null; problem: P | null }

export function wants<T, P>(a: Asked<T, P> | null, id: string, version: Known): boolean {
  if (!a || a.id !== id) return true;
  return a.asked === undefined ? !a.data || a.version !== version : a.asked !== version;
}

export function asking<T, P>(a: Asked<T, P> | null, id: string, version: Known): Asked<T, P> {
  return a?.id === id ? { ...a, asked: version, problem: null } : { id, version: null, asked: version, data: null, problem: null };
}

export function answered<T, P>(a: Asked<T, P> | null, id: string, version: Known, data: T): Asked<T, P> | null {
  if (!a || a.id !== id) return a;
  if (a.data && a.version !== null && (version === null || version < a.version)) return a;
  const last = a.asked === version;
  return { ...a, version, asked: last ? undefined : a.asked, data, problem: last ? null : a.problem };
}

/** problem null: it is told elsewhere. */
export function failed<T, P>(a: Asked<T, P> | null, id: string, version: Known, problem: P | null): Asked<T, P> | null {
  return a && a.id === id && a.asked === version ? { ...a, asked: undefined, problem } : a;
}
