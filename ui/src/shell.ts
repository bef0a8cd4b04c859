// The frame around every page: what the engine is doing, the stop button,
// whether we hear from it, and loudly whatever is not as it should be.

import { about, app, asksSomebody, enter, latest, leave, may, retryNow } from "./app";
import { hasToken, setToken } from "./api";
import { Child, h, VNode } from "./dom";
import { askGoOn, askStop } from "./dialogs";
import { ago, clock, duration, moment } from "./format";
import { icon } from "./icons";
import { PARTS } from "./flow";
import { inflow, isTelemetry } from "./inflow";
import { clocksDiffer } from "./now";
import { problemBox, prose, sentence, when } from "./parts";
import { href, Route } from "./route";
import { nextTheme, theme } from "./theme";
import type { Stop } from "./model";

export interface EngineState { word: "acting" | "watching" | "stopped" | "unknown"; say: string }

/** One word and one sentence: is it touching my database right now, and may it? */
export function engineState(): EngineState {
  if (!app.targetsKnown) return { word: "unknown", say: "nothing was heard from it yet" };
  const all = app.stops.find((s) => s.target === null);
  const busy = app.targets.find((t) => t.tuning?.state === "EXECUTING" || t.tuning?.state === "VERIFYING");
  if (all || (app.targets.length > 0 && app.targets.every((t) => app.stops.some((s) => s.target === t.name))))
    return { word: "stopped", say: `${soonest(all ? [all] : app.stops)}${busy ? `, but not done yet with ${busy.name}` : ""}` };
  if (busy) return { word: "acting", say: `${busy.tuning?.state === "EXECUTING" ? "changing" : "proving a change on"} ${busy.name}` };
  if (app.degraded) return { word: "watching", say: `cannot act: ${app.degraded}` };
  const may = app.targets.filter((t) => t.mode === "auto" || t.mode === "approve");
  if (!app.targets.length) return { word: "watching", say: "no target is configured" };
  if (app.targets.some((t) => t.mode === null)) return { word: "watching", say: "whether it may act is unknown" };
  return { word: "watching", say: may.length ? `may act on ${may.map((t) => t.name).join(", ")}` : "changes nothing by itself" };
}

/** When the first of them ends. */
function soonest(stops: Stop[]): string {
  const s = stops.reduce((a, b) => ((b.until ?? Infinity) < (a.until ?? Infinity) ? b : a));
  return `${untilWords(s)}${left(s)}`;
}

const left = (s: Stop) => (s.until !== null ? ` (${duration((s.until - app.now) / 1000)} left)` : "");
const untilWords = (s: Stop) => (s.until !== null ? `until ${moment(s.until, app.now)}` : "without an end");

/** What changes each second, in a place that is read out when it changes: to be seen, not to be heard again and again. */
const ticking = (text: string): Child => (text ? h("span", { "aria-live": "off" }, text) : null);

const stopWords = (s: Stop): Child[] => [untilWords(s), ticking(left(s)), `${s.why ? ` · ${s.why}` : ""}${s.by ? ` · ${s.by}` : ""}`];

const NAMES: [Route["page"], string][] = [["overview", "Overview"], ["knobs", "Knobs"], ["cases", "Cases"], ["telemetry", "Telemetry"]];

/** A page that shows one thing belongs to the list that leads to it. */
const here = (page: Route["page"]): boolean => app.route.page === page || (page === "cases" && app.route.page === "case")
  || (page === "telemetry" && isTelemetry(app.route.page));

export function header(): VNode {
  const state = engineState(), asking = [...(app.recent ?? []), ...app.held].filter(asksSomebody).length, all = app.stops.find((s) => s.target === null);
  const words: { [w: string]: Child } = { acting: icon("pulse"), watching: icon("eye"), stopped: icon("stop"), unknown: icon("question") };
  const arg = app.route.page === "overview" || app.route.page === "knobs" ? app.route.arg : null;
  return h("header", { class: "top", key: "top" },
    h("a", { class: "brand", href: href("overview"), "aria-label": "Homeostat, overview" }, logo(), h("span", null, "Homeostat")),
    h("nav", { "aria-label": "Pages" },
      NAMES.map(([page, name]) => h("a", { key: page, href: href(page, page === "cases" || page === "telemetry" ? null : arg), "aria-current": here(page) ? "page" : null },
      name, page === "cases" && asking ? h("span", { class: "count", title: `${asking} waiting for an answer`,
          "aria-label": `, ${asking} waiting for an answer` }, asking) : null))),
    h("div", { class: `engine engine-${state.word}` }, h("span", { class: "engine-word" }, words[state.word], state.word === "unknown" ? "Unknown"
          : state.word[0]?.toUpperCase() + state.word.slice(1)), h("span", { class: "engine-say", title: state.say }, state.say)),
    h("div", { class: "tools" }, connection(),
      all ? h("button", { class: "button stop-button", disabled: !may("admin"), title: may("admin") ? "Let it act again"
            : "Ending a stop needs the role admin", onclick: () => askGoOn(all) }, icon("play"), "End stop")
        : h("button", { class: "button danger stop-button", id: "stop", disabled: !app.targetsKnown || !may("operator"), title: may("operator")
            ? "Begin nothing new, and put back what is being tried" : "Stopping needs the role operator", onclick: () => askStop(app.targets.map((t) => t.name)) }, icon("stop"), "Stop"),
      h("button", { class: "tool", title: `Theme: ${theme()}`, "aria-label": `Theme: ${theme()}. Change`, onclick: nextTheme },
        icon(theme() === "auto" ? "auto" : theme() === "dark" ? "moon" : "sun")),
      h("button", { class: "tool", id: "help", title: "Keys (?)", "aria-label": "Keys" }, icon("question"))));
}

export function footer(): VNode {
  return h("footer", { class: "foot", key: "foot" }, h("span", null, "Times are local, UTC on hover. Press ", h("kbd", null, "?"), " for keys."),
    clocksDiffer() ? h("span", null, `The engine's clock is ${duration(Math.abs(clocksDiffer()) / 1000)} `
      + `${clocksDiffer() > 0 ? "ahead of" : "behind"} this machine's; times are the engine's.`) : null,
    app.who?.name ? h("span", null, `You are ${app.who.name}${app.who.roles ? ` (${app.who.roles.join(", ")})` : ""}`) : null,
    hasToken() ? h("button", { class: "linklike", id: "leave", onclick: leave }, icon("key"), " Forget the token") : null);
}

function logo(): VNode {
  return h("svg", { class: "logo", viewBox: "0 0 32 32", "aria-hidden": "true" }, h("path", { class: "logo-band", d: "M2 16h28" }),
    h("path", { d: "M2 16c2-11 4-11 6 0s3.500 8 5.500 0 3-5 4.500 0 2.500 2.500 3.500 0 2 0 3 0h5.500" }));
}

function connection(): VNode {
  const l = app.link;
  const word = l.state === "live" ? "live" : l.state === "connecting" ? "connecting" : `reconnecting, lost ${ago(l.since, app.now)}`;
  const newest = Math.max(0, ...app.targets.map((t) => t.sampleTime ?? 0));
  return h("span", { class: `link link-${l.state}`, title: l.why ?? (newest ? `last reading ${clock(newest)}` : "") },
    h("span", { class: "link-dot", "aria-hidden": "true" }), word);
}

/** Ordered by how much it matters. Each says what it means for the person, not only that it is so. */
export function banners(): VNode[] {
  const out: VNode[] = [];
  const add = (key: string, tone: string, name: "warn" | "stop" | "question", ...body: Child[]) =>
    out.push(h("div", { class: `banner banner-${tone}`, key, role: tone === "bad" ? "alert" : "status" }, icon(name), h("div", null, ...body)));
  if (app.problem) out.push(h("div", { key: "problem", class: "banner-slot" }, problemBox(app.problem, () => void enter())));
  if (app.link.state === "lost" && app.now - app.link.since > 3000)
    add("lost", "bad", "warn", h("b", null, "Not live. "), "What is shown may be old. ", app.link.why ? `${sentence(app.link.why)} ` : "", app.link.retryAt
        ? ticking(`Next try in ${duration(Math.max(0, (app.link.retryAt - app.now) / 1000))}. `) : "", h("button", { class: "linklike", onclick: retryNow },
        "Try now"));
  const wrong = (app.health?.checks ?? []).filter((c) => c.ok === false), own = wrong.filter((c) => !PARTS.includes(c.name));
  for (const c of wrong) if (PARTS.includes(c.name)) {
    if (app.route.page !== "telemetry" || !inflow.flow) add(`check-${c.name}`, "bad", "warn", h("b", null, `Telemetry: ${c.name}. `), c.text ?? "It does not say why.", " ",
      isTelemetry(app.route.page) ? null : h("a", { href: href("telemetry") }, "Look"));
  } else add(`check-${c.name}`, "bad", "warn", h("b", null, `Degraded: ${c.name}. `),
    sentence(c.text ?? (c.name === "store" ? app.degraded : null) ?? (c === own[0] ? app.health?.why : null) ?? "the engine does not say why"),
      /store|disk|migration/i.test(c.name) ? " The engine does not act on what it cannot record." : null);
  if (app.health?.ok === false && !wrong.length) add("health", "bad", "warn", h("b", null, "Degraded. "), sentence(app.health.why ?? "the engine says that it is not ready"));
  if (app.degraded && !own.some((c) => c.name === "store")) add("degraded", "bad", "warn", h("b", null, "Degraded. "), sentence(app.degraded));
  for (const t of app.targets) if (t.up === false) add(`down-${t.name}`, "bad", "warn", h("b", null, `${t.name} does not answer. `),
    t.trouble ?? "The reason is unknown.", " Its figures are unknown until it does.");
  for (const c of [...(app.recent ?? []), ...app.held]) if (c.state === "PARKED" && c.proven === false)
    add(`unknown-${c.id}`, "bad", "question", h("b", null, "Outcome unknown: "), h("a", { href: href("case", c.id) }, prose(about(c) ?? c.title)),
      ". What is in force on ", c.target ?? "the target", " is not proven. A person has to look.");
  for (const s of app.stops) add(`stop-${s.target ?? "all"}`, "stop", "stop", h("b", null, s.target ? `Stopped on ${s.target} ` : "Stopped "), stopWords(s),
    s.since ? [" · since ", when(s.since, false, app.now)] : null, s.target && may("admin") ? [" ", h("button", { class: "linklike", onclick: () => askGoOn(s) }, "End it")]
      : null);
  const guessed = app.targets.filter((t) => latest(t, "latency_estimated")?.value === 1).map((t) => t.name);
  if (guessed.length) add("estimated", "mild", "question", h("b", null, `Latencies of ${guessed.join(", ")} are estimated `),
    "from statement statistics; no driver reports measured ones.");
  return out;
}

/** The form that asks for the token. It goes to sessionStorage: gone with the tab. */
export function door(): VNode {
  return h("main", { id: "main", class: "door", key: "door", tabindex: -1 }, logo(), h("h1", { tabindex: -1 }, "Homeostat"),
    h("p", null, "Reading needs a token. ", h("code", null, "homeostat token new"), " makes one, where the configuration names a file of tokens; without such a file there is one for the engine's own machine, in the file ",
      h("code", null, "token"), " of its store folder."),
    app.doorProblem ? problemBox(app.doorProblem) : null,
    h("form", { onsubmit: (e: Event) => { e.preventDefault(); const field = (e.target as HTMLFormElement).elements.namedItem("token") as HTMLInputElement;
          setToken(field.value); field.value = ""; void enter(); } },
      h("label", { class: "field" }, h("span", null, "Token"), h("input", { type: "password", name: "token", required: true, autocomplete: "off",
            spellcheck: "false", autofocus: true })),
      h("button", { class: "button primary", type: "submit" }, icon("key"), "Enter")),
    h("p", { class: "hint" }, "It is kept for this tab only, never in the address and never on disk."));
}
