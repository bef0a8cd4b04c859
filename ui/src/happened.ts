// What happened - deploys, incidents, cases - and, of one event, its evidence: why
// each piece is one, how strongly it speaks, and which records hold the raw data.

import { app } from "./app";
import { Child, h, VNode } from "./dom";
import { integer } from "./format";
import { inflow, loadEvent, look } from "./inflow";
import { EventRow, Evidence, FoundEvent, shortName } from "./looked";
import { empty, orUnknown, problemBox, section, unknown, when } from "./parts";
import { href } from "./route";

const place = (urn: string | null): Child => (urn === null ? unknown() : /^urn:(k8s:)?svc:/.test(urn) ? h("a", { href: href("service", urn) }, shortName(urn)) : shortName(urn));

export function events(): VNode {
  const list = inflow.events, p = inflow.eventsProblem;
  return section("events", "What happened", h("span", { class: "dim" }, "in the last day"), p && p.status !== 404 ? problemBox(p, () => look(true)) : null,
    p?.status === 404 ? empty("Nothing is known: the digest is off, or has not begun.") : !list ? (p ? null : empty("Asking the engine\u2026"))
    : list.length === 0 ? empty(h("span", null, "Nobody told of anything. A pipeline tells of a deploy with ", h("code", null, "homeostat event post SERVICE TITLE"), "."))
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Events: kind, what it is about, how much evidence there is"),
      h("thead", null, h("tr", null, ["Event", "Kind", "About", "Evidence", "When"].map((name) => h("th", { scope: "col", key: name, class: name === "Evidence" ? "num" : null }, name)))),
      h("tbody", null, list.map(row))));
}

function row(e: EventRow): VNode {
  return h("tr", { key: e.id }, h("th", { scope: "row" }, h("a", { href: href("event", e.id) }, e.title ?? e.id)),
    h("td", { "data-label": "Kind" }, h("span", null, orUnknown(e.kind), e.severity ? h("span", { class: "tag" }, e.severity.toLowerCase()) : null)),
    h("td", { "data-label": "About" }, place(e.urn)),
    h("td", { "data-label": "Evidence", class: "num" }, h("span", null, e.pieces === null ? unknown() : integer(e.pieces), e.complete === false ? h("small", { class: "dim block" }, "more may come") : null)),
    h("td", { "data-label": "When" }, when(e.at, true, app.now)));
}

export function eventPage(): Child[] {
  const id = app.route.arg ?? "", found = inflow.event?.id === id ? inflow.event : null, e = found?.data;
  return [
    h("p", { class: "back", key: "back" }, h("a", { href: href("telemetry") }, "\u2190 Telemetry")),
    h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, e?.title ?? "Event"), e?.severity ? h("span", { class: "tag" }, e.severity.toLowerCase()) : null,
      h("p", { class: "facts" }, h("code", null, id))),
    found?.problem ? problemBox(found.problem, () => void loadEvent(id)) : null, e ? event(e) : found?.problem ? null : empty("Asking the engine\u2026"),
  ];
}

function event(e: FoundEvent): Child[] {
  return [
    section("event", "What happened", e.at === null ? null : when(e.at, true, app.now), h("p", null, orUnknown(e.summary ?? e.title)),
      e.urn ? h("p", null, "At ", place(e.urn), e.kind ? h("span", { class: "dim" }, ` \u00b7 ${e.kind}`) : null) : null,
      e.caseId ? h("p", null, "It is ", h("a", { href: href("case", e.caseId) }, "a case"), ".") : null),
    section("evidence", "Evidence", e.complete === false ? h("span", { class: "dim" }, "more may come: windows around it are open") : null,
      e.evidence.length === 0 ? empty("None is linked to it.") : h("ul", { class: "lines" }, e.evidence.map(piece))),
  ];
}

function piece(x: Evidence, i: number): VNode {
  return h("li", { key: i }, x.score === null ? null : h("small", { class: "dim", title: "How strongly it speaks, 0 to 1" }, `${x.score.toFixed(2)} `), h("b", null, orUnknown(x.dim)),
    x.note ? ` ${x.note}` : null, x.hint || x.key ? [" ", h("code", null, x.hint ?? x.key)] : null,
    x.there === false ? h("small", { class: "dim block" }, "The journal no longer holds these records.") : null, x.ref ? h("pre", { class: "json", tabindex: 0 }, x.ref) : null);
}
