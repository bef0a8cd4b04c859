// Addresses within the page: #/overview/main, #/knobs/main, #/cases, #/case/ID.

export interface Route { page: "overview" | "knobs" | "cases" | "case"; arg: string | null }

const PAGES = ["overview", "knobs", "cases", "case"] as const;

export function readRoute(hash: string): Route {
  const [page, ...rest] = hash.replace(/^#\/?/, "").split("/");
  const known = PAGES.find((p) => p === page) ?? "overview";
  let arg: string | null = rest.join("/") || null;
  try { arg = arg && decodeURIComponent(arg); } catch { /* shown as it is */ }
  return known === "case" && arg === null ? { page: "cases", arg: null } : { page: known, arg };
}

export function href(page: Route["page"], arg?: string | null): string {
  return `#/${page}${arg ? `/${encodeURIComponent(arg)}` : ""}`;
}
