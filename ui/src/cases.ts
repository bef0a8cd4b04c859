// All cases, newest first.

import { about, app, changed, loadCases } from "./app";
import { Child, h, VNode } from "./dom";
import { duration } from "./format";
import { STATES } from "./model";
import type { Case } from "./model";
import { effectCell, empty, orUnknown, outcomeBadge, prose, stateBadge, unknown, when } from "./parts";
import { href } from "./route";

const SORTS: [string, string][] = [["", "all"], ["WAIT_GATE", "waiting"], ["EXECUTING", "executing"], ["VERIFYING", "verifying"], ["PARKED", "parked"],
  ["CLOSED", "closed"]];

export function cases(): Child[] {
  const list = app.cases;
  return [
    h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Cases"),
      h("p", { class: "facts" }, "Everything that was done to a target, or was meant to be, is a case.")),
    h("div", { class: "filters", key: "filters" }, h("label", { class: "pick" }, h("span", null, "State"),
        h("select", { id: "filter", value: app.caseFilter, onchange: (e: Event) => { app.caseFilter = (e.target as HTMLSelectElement).value;
              app.cases = null; changed(); void loadCases(); } },
      [...SORTS, ...STATES.filter((s) => !SORTS.some(([v]) => v === s)).map((s): [string, string] => [s, s.toLowerCase()])].map(([v, word]) =>
          h("option", { value: v, key: v }, word))))),
    list === null ? empty("Asking the engine\u2026") : list.length ? table(list) : empty(app.caseFilter ? "No case is in this state."
        : "No case has been opened yet."),
    list?.length && app.next ? h("p", { key: "more" }, h("button", { class: "button", onclick: () => void loadCases(true) }, "Show older ones")) : null,
  ];
}

function table(list: Case[]): VNode {
  return h("table", { class: "grid stack rows", key: "table" }, h("caption", { class: "sr" }, "Cases, newest first. The arrow keys move between rows."),
    h("thead", null, h("tr", null, ["Case", "State", "Outcome", "Effect", "Target", "Opened", "Took"].map((c) => h("th", { scope: "col", key: c }, c)))),
    h("tbody", null, list.map((c) => h("tr", { key: c.id, class: c.state === "PARKED" && c.proven === false ? "alarming" : null },
      h("th", { scope: "row" }, h("a", { href: href("case", c.id), class: "row-link" }, c.title),
        h("small", { class: "dim" }, c.openedBy ? ` by ${c.openedBy}` : ""), about(c) && about(c) !== c.title ? h("small", { class: "about" },
          prose(about(c) as string)) : null),
      h("td", { "data-label": "State" }, stateBadge(c.state)),
      h("td", { "data-label": "Outcome", class: c.outcome || c.proven === false ? null : "blank" }, c.state === "PARKED" && c.proven === false
          ? h("span", { class: "outcome outcome-lost" }, "outcome unknown") : outcomeBadge(c.outcome, c.kept) ?? h("span", { class: "dim" }, "\u2013")),
      h("td", { "data-label": "Effect", class: c.effect === null && !c.outcome ? "blank" : null }, c.effect === null
          ? (c.outcome ? unknown() : h("span", { class: "dim" }, "\u2013")) : effectCell(c.effect, c.lo, c.hi)),
      h("td", { "data-label": "Target" }, c.target === "" ? h("span", { class: "dim" }, "none") : orUnknown(c.target)),
      h("td", { "data-label": "Opened", class: "num" }, when(c.created, false, app.now)),
      h("td", { "data-label": "Took", class: "num dim" }, c.created === null ? "unknown"
          : duration((((c.state === "CLOSED" ? c.updated : null) ?? app.now) - c.created) / 1000))))));
}
