// Telemetry at a glance: does everything that comes in flow on, and if not, what
// is in the way. Words first, then figures, then a table for each part.

import { app } from "./app";
import { Child, h, VNode } from "./dom";
import { lookUp, jobs, services } from "./explore";
import { ago, duration, integer, Known, plain } from "./format";
import { deadLetters, eventsIn, eventsOut, Flow, rate, sinkState, SinkState, sinkWord, Sink, Trouble, troubles } from "./flow";
import { events } from "./happened";
import { icon, IconName } from "./icons";
import { inflow, look } from "./inflow";
import { empty, orUnknown, plural, problemBox, section, unknown, value, when } from "./parts";

const OLD_MS = 20_000;                     // an answer older than this is no longer "now"

export function telemetry(): Child[] {
  const f = inflow.flow, head = (extra: Child): VNode => h("div", { class: "headline", key: "headline" }, h("h1", { tabindex: -1 }, "Telemetry"), extra);
  if (inflow.off) return [head(h("span", { class: "tag" }, "off")), off()];
  if (!f) return [head(null), inflow.problem ? problemBox(inflow.problem, () => look(true)) : empty("Asking the engine\u2026")];
  const all = troubles(f, inflow.before, app.now), bad = all.filter((t) => t.bad), mild = all.filter((t) => !t.bad);
  return [
    head(h("p", { class: "facts" }, facts(f))),
    inflow.problem ? problemBox(inflow.problem, () => look(true)) : null,
    app.now - f.at > OLD_MS ? h("p", { class: "old-note", key: "old" }, icon("warn"), `This was told ${ago(f.at, app.now)}; what is true now is unknown.`) : null,
    verdict(f, bad, mild), figures(f), sinks(f),
    h("div", { class: "columns even", key: "in" }, h("div", { class: "main-column" }, incoming(f), own(f)),
      h("div", { class: "main-column" }, consumers(f), inputs(f), f.others.map(other))),
    scraped(f),
    services(), events(), h("div", { class: "columns", key: "more" }, jobs(), lookUp()),
  ];
}

function off(): VNode {
  return h("section", { class: "panel off", key: "off", "aria-labelledby": "h-off" }, h("h2", { id: "h-off" }, "Nothing is taken in here"),
    h("p", null, "Homeostat can be the place where logs, metrics and traces of this host and its services are sent: durable before it answers, digested, and sent on to where you keep them. It is off."),
    h("p", null, "To turn it on, write this into the configuration and restart:"),
    h("pre", { tabindex: 0 }, "ingest:\n  enabled: yes\n\nlisteners:\n  local:\n    address: 127.0.0.1:4318\n\nsinks:\n  files:\n    kind: files\n    folder: /var/lib/homeostat/telemetry\n"),
    h("p", { class: "hint" }, h("code", null, "homeostat config check"), " tells whether it is well formed, ", h("code", null, "homeostat config docs"), " lists every setting."));
}

function facts(f: Flow): Child[] {
  const r = f.receive, all: Child[] = [
    r ? plural(r.listeners.length, "listener") : null, f.sinks ? plural(f.sinks.length, "sink") : null,
    f.journal?.folder ? h("span", null, "journal in ", h("code", null, f.journal.folder)) : null, h("span", { class: "dim" }, `told ${ago(f.at, app.now)}`)].filter(Boolean);
  return all.map((x, i) => [i ? h("span", { class: "sep", "aria-hidden": "true" }, " · ") : null, x]);
}

/** Words between backquotes become code. */
const withCode = (text: string): Child[] => text.split("`").map((part, i) => (i % 2 ? h("code", null, part) : part));

const items = (list: Trouble[]): VNode => h("ul", { class: "troubles" }, list.map((t) => h("li", { key: t.key }, h("b", null, t.what), t.text ? [" ", t.text] : null,
  t.hint ? h("span", { class: "hint block" }, withCode(t.hint)) : null)));

function verdict(f: Flow, bad: Trouble[], mild: Trouble[]): Child[] {
  const coming = rate(eventsIn, f, inflow.before), late = Math.max(0, ...(f.sinks ?? []).map((s) => s.lag ?? 0));
  const good = f.sinks === null || f.sinks.length === 0 ? "No sink is configured: what comes in is kept in the journal and digested, and goes nowhere else."
    : late < 60 ? `Every sink is within ${late < 2 ? "two seconds" : duration(late)} of what came in.` : `The slowest sink is ${duration(late)} behind.`;
  return [
    bad.length ? h("div", { class: "box box-bad flow-bad", key: "bad" }, icon("warn"), h("div", { class: "box-text" },
        h("div", { role: "alert" }, h("h2", null, bad.length === 1 ? "Something does not flow" : `${bad.length} things do not flow`),
          h("span", { class: "sr" }, bad.map((t) => t.what).join(" "))), items(bad)))
      : h("div", { class: "now now-well", key: "well" }, h("div", { class: "now-line" }, h("span", { class: "holds" }, icon("ok")),
          h("b", { class: "now-title" }, "Everything flows"), h("span", { class: "dim" }, coming === 0 ? "Nothing came in within the last seconds. " : null, good))),
    mild.length ? h("details", { class: "box box-ask notes", key: "mild", open: bad.length === 0 && mild.length < 4 }, h("summary", null, h("b", null, "Worth a look"),
        ` · ${plural(mild.length, "thing")}`), items(mild)) : null,
  ];
}

/** unit "": there is no such thing, which is not the same as not knowing. */
function figure(name: string, v: Known, unit: string, under: Child): VNode {
  return h("div", { class: "figure", key: name }, h("dt", null, name), h("dd", null, unit === "" ? h("span", { class: "value dim" }, "none") : value(v, unit), under ? h("small", { class: "of block" }, under) : null));
}

function figures(f: Flow): VNode {
  const j = f.journal, alone = f.sinks?.length === 0, farthest = (f.sinks ?? []).slice().sort((a, b) => (b.lag ?? -1) - (a.lag ?? -1))[0], dead = deadLetters(f);
  return h("section", { class: "figures flow-figures", key: "figures", "aria-label": "Telemetry in figures" }, h("dl", null,
    figure("Coming in", rate(eventsIn, f, inflow.before), "1/s", "events"),
    figure("Going out", rate(eventsOut, f, inflow.before), alone ? "" : "1/s", alone ? "there is no sink" : "to all sinks together"),
    figure("Journal on disk", j?.bytes ?? null, "B", j?.oldest ? `since ${ago(j.oldest, app.now)}`.replace(" ago", "") : j ? "empty" : null),
    figure("Made durable in", j?.syncP99 === null || !j ? null : j.syncP99 * 1000, "ms", "99 of 100"),
    figure("Slowest sink", farthest?.lag ?? null, alone ? "" : "s", farthest ? `behind, ${farthest.name}` : "there is no sink"),
    figure("Digest", f.digest?.lag ?? null, !f.digest || f.digest.windows === 0 ? "" : "s", !f.digest ? "it is off" : f.digest.windows === 0 ? "no window yet" : "since its last window"),
    figure("Dead letters", f.lettersKept, "count", dead === null ? null : `kept; ${integer(dead)} events since the start`),
    figure("Told to come again", j?.refused ?? null, "count", "since the start")));
}

const STATE_SIGNS: { [s in SinkState]: [IconName, string] } = { stuck: ["warn", "fails"], stopped: ["cross", "fails"], paused: ["parked", "pending"],
  retrying: ["wait", "answer-ask"], running: ["ok", "holds"], unknown: ["question", "pending"] };

function state(s: Sink): Child {
  const now = sinkState(s, app.now), [sign, tone] = STATE_SIGNS[now];
  const again = s.retryAt !== null && s.retryAt > app.now ? `next try in ${duration((s.retryAt - app.now) / 1000)}` : null;
  return [h("span", { class: `${tone} answer` }, icon(sign), sinkWord(now)), again && now !== "running" && now !== "paused" ? h("small", { class: "dim block" }, again) : null];
}

const n = (v: Known): Child => (v === null ? unknown() : integer(v));
const none = (): VNode => h("span", { class: "dim" }, "none");
const behind = (records: Known, lag: Known): Child => (records === null ? unknown() : records === 0 ? h("span", { class: "dim" }, "nothing waits")
  : [plural0(records, "record"), lag === null ? null : h("small", { class: "dim block" }, `the oldest ${duration(lag)} old`)]);
const plural0 = (k: number, word: string): string => `${integer(k)} ${word}${k === 1 ? "" : "s"}`;

function head(names: [string, boolean?][]): VNode {
  return h("thead", null, h("tr", null, names.map(([name, num]) => h("th", { scope: "col", key: name, class: num ? "num" : null }, name))));
}

function sinks(f: Flow): VNode {
  const list = f.sinks;
  return section("sinks", "Where it goes", h("span", { class: "dim" }, "each sink reads at its own pace"), list === null ? empty("How the sinks are is unknown.")
    : list.length === 0 ? empty("No sink is configured. What comes in stays in the journal for a while and in the digest; nothing is sent on.")
    : h("table", { class: "grid stack sinks" }, h("caption", { class: "sr" }, "Sinks: state, what waits, what was sent, dead letters, last error"),
      head([["Sink"], ["State"], ["Behind"], ["Sent", true], ["Dead letters", true], ["Last error"]]),
      h("tbody", null, list.map((s) => h("tr", { key: s.name, class: s.stuck || s.running === false ? "alarming" : null },
        h("th", { scope: "row" }, h("b", null, s.name), s.kind && s.kind !== s.name ? h("small", { class: "dim" }, ` ${s.kind}`) : null),
        h("td", { "data-label": "State" }, h("span", null, state(s))),
        h("td", { "data-label": "Behind" }, h("span", null, behind(s.behind, s.lag))),
        h("td", { "data-label": "Sent", class: "num" }, h("span", null, n(s.sent), s.skipped ? h("small", { class: "dim block", title: "Not of its types, or a condition does not hold" },
            `${integer(s.skipped)} not for it`) : null, s.dropped ? h("small", { class: "dim block" }, `${integer(s.dropped)} dropped by a rule`) : null)),
        h("td", { "data-label": "Dead letters", class: "num" }, s.dead ? h("b", { class: "warned" }, integer(s.dead)) : n(s.dead)),
        h("td", { "data-label": "Last error", class: "said" }, h("span", null, s.error ? [s.error, s.errorAt === null ? null : h("small", { class: "dim block" },
            when(s.errorAt, true, app.now))] : none())))))));
}

function incoming(f: Flow): VNode {
  const r = f.receive;
  if (!r) return section("incoming", "What comes in", null, empty("Nothing listens: no listener is configured."));
  const spoken = r.protocols.filter((p) => p.requests || p.refused), silent = r.protocols.filter((p) => !spoken.includes(p));
  return section("incoming", "What comes in", h("span", { class: "dim" }, r.connections === null ? null : `${plural0(r.connections, "connection")} open`),
    r.listeners.length === 0 ? empty("No listener is configured.") : h("ul", { class: "listeners" }, r.listeners.map((l) => h("li", { key: l.name }, icon("link"),
      h("span", null, l.name, " ", h("code", null, l.address))))),
    spoken.length === 0 ? empty("No request came since the start.") : h("table", { class: "grid stack" },
      h("caption", { class: "sr" }, "Protocols: requests, events and refusals since the start"),
      head([["Protocol"], ["Requests", true], ["Events", true], ["Bytes", true], ["Refused", true]]), h("tbody", null, spoken.map((p) => h("tr", { key: p.name },
        h("th", { scope: "row" }, p.name), h("td", { "data-label": "Requests", class: "num" }, n(p.requests)), h("td", { "data-label": "Events", class: "num" },
          h("span", null, n(p.events), p.rejected ? h("small", { class: "dim block" }, `${integer(p.rejected)} rejected`) : null)),
        h("td", { "data-label": "Bytes", class: "num" }, p.bytes === null ? unknown() : plain(p.bytes, "B")), h("td", { "data-label": "Refused", class: "num" },
          p.refused ? h("b", { class: "warned" }, integer(p.refused)) : n(p.refused)))))),
    spoken.length && silent.length ? h("p", { class: "dim small" }, `Not used yet: ${silent.map((p) => p.name).join(", ")}.`) : null);
}

function consumers(f: Flow): VNode {
  const list = f.journal?.consumers;
  return section("consumers", "Who reads the journal", null, !list ? empty("Who reads is unknown.") : list.length === 0 ? empty("Nobody reads it yet.")
    : h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Consumers of the journal and how far each is behind"), head([["Consumer"], ["Behind"], ["Lag", true]]),
      h("tbody", null, list.map((c) => h("tr", { key: c.name }, h("th", { scope: "row" }, c.name, c.open === false ? h("span", { class: "tag tag-warn" }, "nobody reads") : null),
        h("td", { "data-label": "Behind" }, c.behind === null ? unknown() : c.behind === 0 ? h("span", { class: "dim" }, "nothing waits") : plural0(c.behind, "record")),
        h("td", { "data-label": "Lag", class: "num" }, c.lag === null ? unknown() : duration(c.lag)))))));
}

function inputs(f: Flow): VNode | null {
  const on = f.inputs?.filter((i) => i.on !== false || i.lines || i.error);
  return !on?.length ? null : section("inputs", "What is read here", null, h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Inputs: lines, what was lost, what is followed"),
    head([["Input"], ["Lines", true], ["Lost", true], ["Open", true], ["Last error"]]), h("tbody", null, on.map((i) => h("tr", { key: i.name }, h("th", { scope: "row" }, i.name,
        i.held ? h("span", { class: "tag tag-warn" }, "waits for room") : null), h("td", { "data-label": "Lines", class: "num" }, n(i.lines)),
      h("td", { "data-label": "Lost", class: "num" }, i.lost ? h("b", { class: "fails" }, integer(i.lost)) : n(i.lost)), h("td", { "data-label": "Open", class: "num",
          title: "Files that are followed, connections" }, n(i.open)), h("td", { "data-label": "Last error", class: "said" }, i.error ?? none()))))));
}

const TARGETS_SHOWN = 50;

function scraped(f: Flow): VNode | null {
  const all = f.scrape?.targets;
  if (!all?.length) return null;
  const rank = (s: string | null) => (s === "down" ? 0 : s === "up" ? 2 : 1), list = all.slice().sort((a, b) => rank(a.state) - rank(b.state)).slice(0, TARGETS_SHOWN);
  return section("scraped", "What is scraped", h("span", { class: "dim" }, `${all.filter((t) => t.state === "up").length} of ${plural(all.length, "target")} up`),
    h("table", { class: "grid stack" }, h("caption", { class: "sr" }, "Targets that are asked for their metrics, those that do not answer first"),
      head([["Target"], ["State"], ["Samples", true], ["Took", true], ["Failures", true], ["Asked"], ["Error"]]), h("tbody", null, list.map((t, i) => h("tr", { key: `${t.job} ${t.url} ${i}`,
        class: t.state === "down" ? "alarming" : null }, h("th", { scope: "row", class: "said" }, h("b", null, t.job), " ", h("code", { class: "dim" }, t.url)),
      h("td", { "data-label": "State" }, h("span", { class: t.state === "up" ? "holds" : t.state === "down" ? "fails" : "pending" }, icon(t.state === "up" ? "ok" : t.state === "down" ? "cross"
          : "wait"), t.state ?? "unknown")),
      h("td", { "data-label": "Samples", class: "num" }, n(t.samples)), h("td", { "data-label": "Took", class: "num" }, t.seconds === null ? unknown() : plain(t.seconds * 1000, "ms")),
      h("td", { "data-label": "Failures", class: "num" }, n(t.failures)), h("td", { "data-label": "Asked" }, t.asked === null ? h("span", { class: "dim" }, "not yet") : when(t.asked, true, app.now)),
      h("td", { "data-label": "Error", class: "said" }, t.error ?? none()))))),
    all.length > list.length ? h("p", { class: "dim small" }, `${all.length - list.length} more are not shown.`) : null);
}

const pair = (name: string, ...v: Child[]): VNode => h("div", { key: name }, h("dt", null, name), h("dd", null, ...v));

function own(f: Flow): Child[] {
  const s = f.sensors, p = f.probes;
  return [section("sensors", "This machine", null, !s && !p ? empty("Sensors and probes are off.") : h("dl", { class: "pairs flow-pairs" },
    s ? [pair("Series", n(s.series)), pair("Processes", n(s.processes)), pair("Read every", s.interval === null ? unknown() : duration(s.interval)),
      pair("Readings", n(s.readings)), pair("Minutes of history", s.history === false ? h("span", { class: "fails" }, "not written") : n(s.minutes))] : pair("Sensors", "off"),
    p ? pair("Probes", n(p.count)) : null))];
}

function other(part: { name: string; values: [string, string][] }): VNode {
  return section(`part-${part.name.replace(/\W/g, "-")}`, `${part.name[0]?.toUpperCase() ?? ""}${part.name.slice(1)}`, null, part.values.length ? h("dl", { class: "pairs flow-pairs" }, part.values.slice(0, 24).map(([name, v]) =>
    pair(name, orUnknown(v)))) : empty("It tells nothing of itself."));
}
