// What the target runs with: value in force, default, what waits for a restart,
// and which case put it there.

import { OUTCOMES_MAX } from "./api";
import { app, changed, targetNamed } from "./app";
import { Child, h, VNode } from "./dom";
import { setting as format, unlike } from "./format";
import type { Outcome, Setting, Target } from "./model";
import { choice, empty, orUnknown, unknown } from "./parts";
import { href } from "./route";
import { targetTabs } from "./overview";

/** The newest kept case that set each parameter, and to what. */
interface Origin { of: Outcome; to: string | null }
function origins(target: string): Map<string, Origin> {
  const out = new Map<string, Origin>();
  for (const o of (app.outcomes.get(target) ?? []).slice().sort((a, b) => (a.time ?? 0) - (b.time ?? 0)))
    if (o.kept) for (const c of o.changes) out.set(c.name, { of: o, to: c.to });
  return out;
}

const CONTEXTS: { [c: string]: string } = { postmaster: "restart", sighup: "reload", superuser: "reload", user: "reload", backend: "new sessions",
  "superuser-backend": "new sessions", internal: "fixed" };

const differs = (s: Setting) => s.value !== null && s.initial !== null && s.value !== s.initial;

export function knobs(): Child[] {
  const t = targetNamed(app.route.arg);
  if (!t) return [h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Knobs")), empty(app.targetsKnown ? "There is no such target."
        : "Asking the engine\u2026")];
  const all = t.facts.settings, words = app.knobFilter.toLowerCase().split(/\s+/).filter(Boolean), from = origins(t.name);
  const shown = (all ?? []).filter((s) => (!app.knobChanged || differs(s) || s.pendingRestart === true || from.has(s.name))
      && words.every((w) => s.name.includes(w) || (s.why ?? "").toLowerCase().includes(w))).sort((a, b) => (a.name < b.name ? -1 : 1));
  const pending = (all ?? []).filter((s) => s.pendingRestart === true).length;
  return [
    targetTabs("knobs", t),
    h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Knobs", h("span", { class: "dim" }, ` of ${t.name}`)),
      h("p", { class: "facts" }, all === null ? "Settings are unknown: they could not be read." : `${shown.length} of ${all.length} shown`,
        pending ? h("span", { class: "tag tag-warn" }, `${pending} wait for a restart`) : null)),
    h("div", { class: "filters", key: "filters" }, h("label", { class: "search" }, h("span", { class: "sr" }, "Filter knobs by name"),
        h("input", { type: "search", id: "filter", placeholder: "Filter by name", autocomplete: "off", value: app.knobFilter,
            oninput: (e: Event) => { app.knobFilter = (e.target as HTMLInputElement).value; changed(); } })),
      choice("Which", [[0, "all"], [1, "not at default"]] as [number, string][], app.knobChanged ? 1 : 0, (v) => { app.knobChanged = v === 1; changed(); })),
    all === null ? null : shown.length ? table(t, shown, from) : empty("No knob fits the filter."),
  ];
}

function table(t: Target, rows: Setting[], from: Map<string, Origin>): VNode {
  return h("table", { class: "grid stack knobs", key: "table" }, h("caption", { class: "sr" }, `Parameters of ${t.name}`),
    h("thead", null, h("tr", null, ["Name", "In force", "Default", "Takes effect", "Changed by"].map((c) => h("th", { scope: "col", key: c }, c)))),
    h("tbody", null, rows.map((s) => row(s, from.get(s.name) ?? null, (app.outcomes.get(t.name) ?? []).length < OUTCOMES_MAX))));
}

/** all: no older case is left out of those that were looked at. */
function row(s: Setting, origin: Origin | null, all: boolean): VNode {
  const by = origin?.of ?? null, since = origin !== null && s.pendingRestart !== true && unlike(origin.to, s.value);
  const waits = s.pendingRestart === true, nobody = all ? "not by a case" : "not by a recent case";
  return h("tr", { key: s.name, class: differs(s) ? "differs" : null },
    h("th", { scope: "row" }, s.why ? h("details", null, h("summary", null, h("code", null, s.name)), h("p", { class: "dim" }, s.why))
        : h("code", null, s.name)),
    h("td", { "data-label": "In force", class: waits ? "wide" : null }, h("span", { class: "knob-value", title: raw(s.value, s.unit) }, s.value === null
          ? unknown() : format(s.value, s.unit)),
      waits ? h("span", { class: "tag tag-warn", title: "The file says something else; it takes effect with the next restart." }, "restart pending") : null),
    h("td", { "data-label": "Default", class: "dim" }, s.initial === null ? unknown() : h("span", { title: raw(s.initial, s.unit) },
        format(s.initial, s.unit))),
    h("td", { "data-label": "Takes effect", class: "dim" }, orUnknown(s.context && (CONTEXTS[s.context] ?? s.context))),
    h("td", { "data-label": "Changed by", class: by || differs(s) ? "wide" : "blank" }, by?.caseId ? h("a", { href: href("case", by.caseId) },
        by.title || "a case", since ? h("small", { class: "dim block" }, `to ${origin?.to}, and since then not by it`) : null)
        : h("span", { class: "dim" }, !differs(s) ? "\u2013" : s.source === "default" || s.source === "override"
          ? "computed by the server" : s.source ? `${nobody} (${s.source})` : nobody)));
}

const raw = (v: string | null, unit: string | null) => (v === null ? "" : unit && isFinite(Number(v)) ? `${v} × ${unit} as pg_settings shows it` : v);
