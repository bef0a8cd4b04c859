// Addresses within the page: #/overview/main, #/knobs/main, #/cases, #/case/ID,
// #/telemetry, #/service/NAME, #/trace/ID, #/event/ID.

export interface Route { page: "overview" | "knobs" | "cases" | "case" | "telemetry" | "service" | "trace" | "event"; arg: string | null }

const PAGES = ["overview", "knobs", "cases", "case", "telemetry", "service", "trace", "event"] as const;

/** Pages that show one thing, and where somebody goes who names none. */
const LISTS: { [page: string]: Route["page"] } = { case: "cases", service: "telemetry", trace: "telemetry", event: "telemetry" };

export function readRoute(hash: string): Route {
  const [page, ...rest] = hash.replace(/^#\/?/, "").split("/");
  const known = PAGES.find((p) => p === page) ?? "overview";
  let arg: string | null = rest.join("/") || null;
  try { arg = arg && decodeURIComponent(arg); } catch { /* shown as it is */ }
  const whole = LISTS[known];
  return whole && arg === null ? { page: whole, arg: null } : { page: known, arg };
}

export function href(page: Route["page"], arg?: string | null): string {
  return `#/${page}${arg ? `/${encodeURIComponent(arg)}` : ""}`;
}
