// Puts it together: token, theme, address, keys, and one draw() per change.

import { hasToken, tokenFromFragment } from "./api";
import { app, changed, enter, loadCases, loadFile, may, onChange, onSay, startClock } from "./app";
import { cases } from "./cases";
import { casePage, caseTitle } from "./casepage";
import { askDecision, askStop, Shortcut, showKeys, singleKeys } from "./dialogs";
import { Child, h, patch } from "./dom";
import { servicePage } from "./explore";
import { eventPage } from "./happened";
import { inflow, isTelemetry, look, startLooking } from "./inflow";
import { knobs } from "./knobs";
import { shortName } from "./looked";
import { overview } from "./overview";
import { href, readRoute, Route } from "./route";
import { banners, door, engineState, footer, header } from "./shell";
import { telemetry } from "./telemetry";
import { applyTheme, nextTheme } from "./theme";
import { tracePage } from "./waterfall";

const PAGES: { [p in Route["page"]]: { draw: () => Child[]; title: () => string } } = {
  overview: { draw: overview, title: () => app.route.arg ?? app.targets[0]?.name ?? "Overview" },
  knobs: { draw: knobs, title: () => "Knobs" },
  cases: { draw: cases, title: () => "Cases" },
  case: { draw: casePage, title: caseTitle },
  telemetry: { draw: telemetry, title: () => "Telemetry" },
  service: { draw: servicePage, title: () => shortName(app.route.arg ?? "") },
  trace: { draw: tracePage, title: () => `Trace ${(app.route.arg ?? "").slice(0, 8)}` },
  event: { draw: eventPage, title: () => inflow.event?.data?.title ?? "Event" },
};

let entered = false;

/** However somebody came in, what the page is about is asked for then: for a trace and an event nobody asks again. */
function lookOnEntering(): void {
  const was = entered;
  entered = app.door === "open";
  if (entered && !was && isTelemetry(app.route.page)) look(true);
}

function draw(): void {
  lookOnEntering();
  const root = document.getElementById("app") as HTMLElement;
  if (app.door === "closed") {
    patch(root, door());
    document.title = "Homeostat";
    const field = root.querySelector<HTMLInputElement>("input[name=token]");
    if (document.activeElement === document.body) field?.focus();
    return;
  }
  const page = PAGES[app.route.page], state = engineState();
  patch(root, header(), h("div", { class: "banners", key: "banners" }, banners()),
    h("main", { id: "main", key: `main-${app.route.page}`, class: `page page-${app.route.page}`, tabindex: -1 }, ...page.draw()),
    footer());
  (root.querySelector("#help") as HTMLElement | null)?.setAttribute("aria-haspopup", "dialog");
  document.title = `${state.word === "stopped" ? "\u25a0 " : state.word === "acting" ? "\u25b6 " : ""}${page.title()} · Homeostat`;
}

// ---- where we are ----

function navigate(): void {
  if (tokenFromFragment()) void enter();   // a link with a token, opened in this very tab
  const before = app.route, dialog = document.querySelector<HTMLDialogElement>("dialog[open]");
  app.route = readRoute(location.hash);
  dialog?.close();
  if (app.route.page === "case") {
    if (app.file?.id !== app.route.arg) app.file = { id: app.route.arg as string, data: null, problem: null };
    if (app.door === "open") void loadFile(app.route.arg as string);
  } else app.file = null;
  if (app.route.page === "cases" && app.door === "open") void loadCases();
  if (isTelemetry(app.route.page)) {
    inflow.wrongId = null;
    if (app.door === "open") look(true);
  }
  draw();
  if (before.page !== app.route.page || before.arg !== app.route.arg) {
    window.scrollTo(0, 0);
    document.querySelector<HTMLElement>("#main h1")?.focus({ preventScroll: true });
  }
}

// ---- keys ----

const go = (hash: string) => { location.hash = hash; };
const place = () => (app.route.page === "overview" || app.route.page === "knobs" ? app.route.arg : null);
const focus = (selector: string) => () => document.querySelector<HTMLElement>(selector)?.focus();
const decide = (what: "approve" | "reject") => () => { if (app.file?.data?.case.state === "WAIT_GATE" && may("approver")) askDecision(app.file.data, what); };

const KEYS: (Shortcut & { run: () => void })[] = [
  { keys: "?", text: "these keys", run: () => showKeys(KEYS) },
  { keys: "g o", text: "overview", run: () => go(href("overview", place())) },
  { keys: "g k", text: "knobs", run: () => go(href("knobs", place())) },
  { keys: "g c", text: "cases", run: () => go(href("cases")) },
  { keys: "g t", text: "telemetry", run: () => go(href("telemetry")) },
  { keys: "j", text: "next row of a table", run: () => step(1) },
  { keys: "k", text: "row before", run: () => step(-1) },
  { keys: "/", text: "to the filter, or the field for a trace", run: focus("#filter") },
  { keys: "a", text: "approve the plan that is shown (asks first)", run: decide("approve") },
  { keys: "r", text: "reject the plan that is shown (asks first)", run: decide("reject") },
  { keys: "s", text: "stop acting (asks first)", run: () => { if (app.targetsKnown && may("operator")) askStop(app.targets.map((t) => t.name)); } },
  { keys: "t", text: "theme: system, light, dark", run: nextTheme },
];

/** Moves the focus between the rows of the table that is shown. */
function step(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>(".rows .row-link")], at = rows.indexOf(document.activeElement as HTMLElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}

let prefix = "", prefixAt = 0;

function key(e: KeyboardEvent): void {
  const from = e.target as HTMLElement;
  if (e.ctrlKey || e.metaKey || e.altKey || app.door === "closed" || document.querySelector("dialog[open]")) return;
  if (from.classList.contains("row-link") && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
    e.preventDefault();
    return step(e.key === "ArrowDown" ? 1 : -1);
  }
  if (!singleKeys() || /^(INPUT|TEXTAREA|SELECT)$/.test(from.tagName)) return;
  const typed = prefix && performance.now() - prefixAt < 1500 ? `${prefix} ${e.key}` : e.key;
  const hit = KEYS.find((k) => k.keys === typed);
  prefix = !hit && e.key === "g" ? "g" : "";
  prefixAt = performance.now();
  if (hit) { e.preventDefault(); hit.run(); }
}

// ---- begin ----

let voiceTimer = 0;
onSay((text) => {
  const voice = document.getElementById("voice") as HTMLElement;
  voice.textContent = "";
  clearTimeout(voiceTimer);
  voiceTimer = window.setTimeout(() => { voice.textContent = text; }, 60);
});

tokenFromFragment();
applyTheme();
onChange(draw);
addEventListener("hashchange", navigate);
addEventListener("keydown", key);
addEventListener("click", (e) => {
  if ((e.target as Element).closest("#help")) showKeys(KEYS);
  if ((e.target as Element).closest(".skip")) { e.preventDefault(); document.getElementById("main")?.focus(); }
});
app.route = readRoute(location.hash);
if (app.route.page === "case") app.file = { id: app.route.arg as string, data: null, problem: null };
draw();
startClock();
startLooking();
void enter().then(() => { if (!hasToken()) changed(); });
