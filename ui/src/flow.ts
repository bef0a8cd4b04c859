// How what comes in flows on: the nouns behind GET /ingest, and what of it a
// person should know at once. Pure: everything here is a function of one or two
// answers and the clock. Counters run since the start of the program.

import { duration, integer, Known } from "./format";
import { flag, Json, list, maybe, num, record, str, time } from "./wire";

export interface Consumer { name: string; open: boolean | null; behind: Known; lag: Known }
export interface Journal {
  folder: string | null; bytes: Known; segments: Known; records: Known; refused: Known; dropped: Known; damaged: Known; lost: Known;
  syncP99: Known; full: boolean | null; whyFull: string | null; oldest: Known; consumers: Consumer[];
}
export interface Sink {
  name: string; kind: string | null; sent: Known; retries: Known; dead: Known; skipped: Known; dropped: Known; expired: Known; replayed: Known; behind: Known; lag: Known;
  paused: boolean | null; running: boolean | null; stuck: boolean | null; error: string | null; errorAt: Known; progressAt: Known; retryAt: Known;
}
export interface Digest { events: Known; bad: Known; windows: Known; rows: Known; failures: Known; lag: Known; waiting: boolean | null; error: string | null;
  behind: Known; caps: { dataset: string; bound: string; soFar: Known; hint: string | null }[] }
export interface Protocol { name: string; requests: Known; accepted: Known; events: Known; rejected: Known; bytes: Known; refused: Known }
export interface Receive { listeners: { name: string; address: string }[]; protocols: Protocol[]; connections: Known; paused: Known; inFlight: Known;
  evicted: Known }
export interface Sensors { interval: Known; readings: Known; samples: Known; series: Known; processes: Known; failures: Known; history: boolean | null;
  minutes: Known; error: string | null }
export interface ScrapeTarget { job: string; url: string; state: string | null; asked: Known; seconds: Known; samples: Known; scrapes: Known; failures: Known;
  error: string | null }
export interface Scrape { targets: ScrapeTarget[]; broken: { path: string; error: string }[]; refused: string | null }
/** syslog, files, journald. */
export interface Input { name: string; on: boolean | null; lines: Known; bytes: Known; lost: Known; open: Known; waiting: Known; held: boolean | null;
  error: string | null }
/** A part that this page knows nothing special about: its numbers as they came. */
export interface Part { name: string; values: [string, string][]; error: string | null }
export interface Reload { part: string; text: string; hint: string | null }

export interface Flow {
  at: number;                      // when it was told, ms
  journal: Journal | null; sinks: Sink[] | null; lettersKept: Known; digest: Digest | null; receive: Receive | null; sensors: Sensors | null;
  probes: { count: Known; failures: Known } | null; scrape: Scrape | null; inputs: Input[] | null; others: Part[]; reloads: Reload[];
}

/** What the page explains itself; a member of readiness with such a name leads there. */
export const PARTS: readonly string[] = ["journal", "ship", "digest", "receive", "sensors", "probes", "scrape", "inputs"];

// ---- reading ----

function readJournal(o: Json): Journal {
  return {
    folder: str(o["folder"]), bytes: num(o["bytes"]), segments: num(o["segments"]), records: num(o["records"]), refused: num(o["refused"]),
    dropped: num(o["dropped_events"]), damaged: num(o["damaged_blocks"]), lost: num(o["lost_segments"]), syncP99: num(o["sync_p99_seconds"]),
    full: flag(o["full"]), whyFull: str(o["why_full"]), oldest: time(o["oldest_at"]), consumers: list(o["consumers"]).map((x) => {
      const c = record(x);
      return { name: str(c["name"]) ?? "?", open: flag(c["open"]), behind: num(c["behind"]), lag: num(c["lag_seconds"]) };
    }),
  };
}

function readSink(x: unknown): Sink {
  const o = record(x);
  return {
    name: str(o["name"]) ?? "?", kind: str(o["kind"]), sent: num(o["sent"]), retries: num(o["retries"]), dead: num(o["dead"]), skipped: num(o["skipped"]),
    dropped: num(o["dropped"]), expired: num(o["expired"]), replayed: num(o["replayed"]), behind: num(o["behind"]), lag: num(o["lag_seconds"]), paused: flag(o["paused"]),
    running: flag(o["running"]), stuck: flag(o["stuck"]), error: str(o["last_error"]), errorAt: time(o["last_error_at"]),
    progressAt: time(o["progress_at"]), retryAt: time(o["retry_at"]),
  };
}

function readLetters(o: Json): Known {
  const first = num(o["first_id"]), last = num(o["last_id"]);
  return first === null || last === null ? null : Math.max(0, last - first + 1);
}

function readReceive(o: Json): Receive {
  return {
    listeners: Object.entries(record(o["listeners"])).map(([name, x]) => {
      const l = record(x), host = str(l["host"]);
      return { name, address: `${host === null ? "every address" : host.includes(":") ? `[${host}]` : host}:${str(l["port"]) ?? "?"}` };
    }),
    protocols: Object.entries(record(o["protocols"])).map(([name, x]) => {
      const p = record(x);
      return { name, requests: num(p["requests"]), accepted: num(p["accepted"]), events: num(p["events"]), rejected: num(p["rejected_events"]),
        bytes: num(p["bytes"]), refused: num(p["refused"]) };
    }),
    connections: num(o["connections"]), paused: num(o["paused"]), inFlight: num(o["in_flight_bytes"]), evicted: num(o["evicted"]),
  };
}

function readScrape(o: Json): Scrape {
  return {
    targets: list(o["targets"]).map((x) => {
      const t = record(x);
      return { job: str(t["job"]) ?? "?", url: str(t["url"]) ?? "?", state: str(t["state"]), asked: time(t["asked"]), seconds: num(t["seconds"]), samples: num(t["samples"]),
        scrapes: num(t["scrapes"]), failures: num(t["failures"]), error: str(t["error"]) };
    }),
    broken: list(o["files"]).flatMap((x) => { const f = record(x), error = str(f["error"]); return error ? [{ path: str(f["path"]) ?? "?", error }] : []; }),
    refused: str(o["refused"]),
  };
}

function readInputs(o: Json): Input[] {
  return Object.entries(o).filter(([name, x]) => maybe(x) && name !== "reload_trouble").map(([name, x]) => {
    const i = record(x);
    return { name, on: flag(i["on"]), lines: num(i["lines"]), bytes: num(i["bytes"]), lost: num(i["lost"]), open: num(i["open"]), waiting: num(i["waiting_bytes"]),
      held: flag(i["held"]), error: str(i["last_error"]) };
  });
}

/** Nested members get names such as targets.node.up. */
function leaves(o: Json, before = "", out: [string, string][] = []): [string, string][] {
  for (const [name, x] of Object.entries(o)) {
    const inner = maybe(x), text = typeof x === "number" ? integerOr(x) : typeof x === "boolean" ? (x ? "yes" : "no") : str(x);
    if (inner) leaves(inner, `${before}${name}.`, out);
    else if (Array.isArray(x)) x.forEach((y, i) => maybe(y) ? leaves(record(y), `${before}${name}.${str(record(y)["name"]) ?? i}.`, out) : null);
    else if (text !== null && !/^(reload_trouble|last_error)$/.test(name)) out.push([before + name.replace(/_/g, " "), text]);
  }
  return out;
}

const integerOr = (x: number): string => (Number.isInteger(x) ? integer(x) : String(Number(x.toPrecision(4))));

export function readFlow(data: unknown, at: number): Flow {
  const o = record(data), ship = maybe(o["ship"]), journal = maybe(o["journal"]), digest = maybe(o["digest"]), receive = maybe(o["receive"]),
    sensors = maybe(o["sensors"]), probes = maybe(o["probes"]), scrape = maybe(o["scrape"]), inputs = maybe(o["inputs"]);
  return {
    at, journal: journal && readJournal(journal), sinks: ship && list(ship["sinks"]).map(readSink), lettersKept: readLetters(record(record(ship)["dead"])),
    digest: digest && { events: num(digest["events"]), bad: num(digest["bad_records"]), windows: num(digest["windows"]), rows: num(digest["rows"]),
      failures: num(digest["failures"]), lag: num(digest["window_lag_seconds"]), waiting: flag(digest["waiting"]), error: str(digest["last_error"]),
      behind: num(digest["behind"]), caps: list(digest["caps"]).map((x) => {
        const c = record(x);
        return { dataset: str(c["dataset"]) ?? "?", bound: str(c["bound"]) ?? "?", soFar: num(c["so_far"]), hint: str(c["hint"]) };
      }) },
    receive: receive && readReceive(receive),
    sensors: sensors && { interval: num(sensors["interval_seconds"]), readings: num(sensors["readings"]), samples: num(sensors["samples"]),
      series: num(sensors["series"]), processes: num(sensors["processes"]), failures: num(sensors["failures"]), history: flag(sensors["history"]),
      minutes: num(sensors["minutes"]), error: str(sensors["last_error"]) },
    probes: probes && { count: num(probes["probes"]), failures: num(probes["failures"]) },
    scrape: scrape && readScrape(scrape), inputs: inputs && readInputs(inputs),
    others: Object.entries(o).filter(([name, x]) => !PARTS.includes(name) && name !== "reload" && maybe(x)).map(([name, x]) =>
        ({ name, values: leaves({ ...record(x), reload_trouble: null }), error: str(record(x)["last_error"]) })),
    reloads: Object.entries(o).flatMap(([part, x]) => {
      const t = maybe(record(x)["reload_trouble"]);
      return t ? [{ part, text: str(t["text"]) ?? "It does not say why.", hint: str(t["hint"]) }] : [];
    }),
  };
}

// ---- sums ----

/** null when nobody knows a single one. */
const sum = (xs: Known[]): Known => xs.reduce<Known>((a, x) => (x === null ? a : (a ?? 0) + x), null);

/** Without what is scraped: that is told for the last time each was asked only. */
export const eventsIn = (f: Flow): Known => sum([...(f.receive?.protocols ?? []).map((p) => p.events), ...(f.inputs ?? []).map((i) => i.lines), f.sensors?.samples ?? null]);
export const eventsOut = (f: Flow): Known => sum((f.sinks ?? []).map((s) => s.sent));
export const deadLetters = (f: Flow): Known => sum((f.sinks ?? []).map((s) => s.dead));
export const refused = (f: Flow): Known => sum((f.receive?.protocols ?? []).map((p) => p.refused));

/** Per second between two answers; null when there are not two, or the program began anew in between. */
export function rate(of: (f: Flow) => Known, now: Flow | null, before: Flow | null): Known {
  const a = before && of(before), b = now && of(now);
  return now === null || before === null || a === null || b === null || b < a || now.at <= before.at ? null : ((b - a) / (now.at - before.at)) * 1000;
}

const SINK_WORDS = { stuck: "stuck", stopped: "not running", paused: "paused", retrying: "retrying", running: "running", unknown: "unknown" };
export type SinkState = keyof typeof SINK_WORDS;
export const sinkWord = (s: SinkState): string => SINK_WORDS[s];

export function sinkState(s: Sink, now: number): SinkState {
  if (s.running === false) return "stopped";
  if (s.stuck) return "stuck";
  if (s.paused) return "paused";
  if (s.retryAt !== null && s.retryAt > now - 1000) return "retrying";
  return s.running === null ? "unknown" : "running";
}

// ---- is everything flowing? ----

/** bad: it does not flow, or something is lost; mild: worth a look. what, then text: sentences; hint: what to do. */
export interface Trouble { key: string; bad: boolean; what: string; text: string; hint: string | null }

const SINK_BEHIND_S = 120, DIGEST_BEHIND_S = 900, SYNC_SLOW_S = 1;
const many = (n: number, word: string): string => `${integer(n)} ${word}${n === 1 ? "" : "s"}`;
/** A name such as scrape.node at the begin stays as it is. */
const sentence = (text: string | null): string => (text ? `${/^[a-z]+[ ,:]/.test(text) ? (text[0] as string).toUpperCase() + text.slice(1) : text}${/[.!?]$/.test(text) ? "" : "."}` : "");
const grew = (now: Known, before: Known | undefined): boolean => now !== null && before !== null && before !== undefined && now > before;

function ofJournal(j: Journal, was: Journal | null, out: Trouble[]): void {
  const last = j.consumers.filter((c) => c.behind !== null && c.behind > 0).sort((a, b) => (b.lag ?? 0) - (a.lag ?? 0))[0];
  if (j.full) out.push({ key: "full", bad: true, what: "The journal is full.",
    text: `${sentence(j.whyFull)} Who sends is told to come again; what was acknowledged is safe.${last ? ` Farthest behind is ${last.name}, by ${
      many(last.behind as number, "record")}.` : ""}`,
    hint: "Make room on the disk, give ingest.journal.size_max more, or get the consumer that is behind to move." });
  if (j.dropped) out.push({ key: "dropped", bad: true, what: `${many(j.dropped, "event")} of the journal were thrown away unread.`,
    text: "The setting ingest.journal.when_full is drop_oldest: events that were acknowledged did not reach every consumer.",
    hint: "With when_full: block nothing is thrown away and who sends has to wait." });
  if (j.damaged) out.push({ key: "damaged", bad: true, what: `${many(j.damaged, "block")} of the journal could not be read.`,
    text: "They were put aside and skipped; the records in them did not reach their consumers.", hint: "`homeostat journal verify` reads every block. Look at the disk." });
  if (j.lost) out.push({ key: "lost", bad: true, what: `${many(j.lost, "file")} of the journal ${j.lost === 1 ? "is" : "are"} gone.`,
    text: "Somebody removed them, or the file system lost them; the records in them did not reach their consumers.",
    hint: "The log says which records are missing. Look at the disk, and at who cleans up in that folder." });
  if (j.refused && !j.full) out.push({ key: "refused", bad: grew(j.refused, was?.refused), what: `The journal had no room ${many(j.refused, "time")}.`,
    text: "Who sent was told to come again. Nothing that was acknowledged is lost.", hint: null });
  if (j.syncP99 !== null && j.syncP99 > SYNC_SLOW_S) out.push({ key: "sync", bad: false, what: "The journal's disk is slow.",
    text: `One of a hundred writes takes longer than ${duration(j.syncP99)} to become durable, and each acknowledgement waits for one.`,
    hint: "A disk of its own for ingest.journal.folder helps." });
  for (const c of j.consumers) if (c.open === false && c.behind) out.push({ key: `orphan-${c.name}`, bad: false, what: `Nobody reads for ${c.name}.`,
    text: `${many(c.behind, "record")} are kept for it, and take room.`,
    hint: `If it will not come back: \`homeostat journal forget ${c.name}\`.` });
}

function ofSink(s: Sink, now: number, out: Trouble[]): void {
  const state = sinkState(s, now), kept = s.behind === null ? "What it has not taken" : many(s.behind, "record");
  const add = (bad: boolean, what: string, text: string, hint: string | null) => out.push({ key: `${s.name}-${state}-${what}`, bad, what, text, hint });
  const waits = `${kept} wait${s.behind === 1 ? "s" : ""} for it in the journal.`;
  if (state === "stopped") add(true, `The sink ${s.name} does not run.`, `${sentence(s.error)} ${waits}`, "Look at its settings and the log, then reload.");
  else if (state === "stuck") add(true, `The sink ${s.name} is stuck.`, `${sentence(s.error)} ${waits} Nothing is lost while the journal has room.`,
    "Look at the other side. It is tried again without end.");
  else if (state === "paused") add(false, `The sink ${s.name} is paused by its settings.`, waits, `Set sinks.${s.name}.paused to false and reload.`);
  else if ((s.lag ?? 0) > SINK_BEHIND_S && s.behind) add(false, `The sink ${s.name} is ${duration(s.lag)} behind.`, `${waits} ${sentence(s.error)}`, null);
  if (s.expired) out.push({ key: `expired-${s.name}`, bad: false, what: `${many(s.expired, "row")} of the digest went by age before ${s.name} had them.`,
    text: "They are in no copy.", hint: "Keep the digest for longer than that sink may be away." });
  if (s.dead) out.push({ key: `dead-${s.name}`, bad: false, what: `${many(s.dead, "event")} for ${s.name} became dead letters.`,
    text: "The other side will not take them as they are; they are kept with the reason.", hint: `\`homeostat deadletter ls ${s.name}\` shows them, \`homeostat deadletter replay ${
      s.name}\` sends them again.` });
}

function ofScrape(s: Scrape, out: Trouble[]): void {
  const down = s.targets.filter((t) => t.state === "down"), first = down[0];
  if (first) out.push({ key: "down", bad: false, what: `${integer(down.length)} of ${many(s.targets.length, "target")} ${down.length === 1 ? "does" : "do"} not answer.`,
    text: `${first.job}, ${first.url}: ${sentence(first.error) || "nobody says why."}`, hint: null });
  for (const b of s.broken) out.push({ key: `file-${b.path}`, bad: false, what: `The targets in ${b.path} cannot be read.`, text: `${sentence(b.error)} What it said before stays.`, hint: null });
  if (s.refused) out.push({ key: "unfit", bad: false, what: "Some targets are not asked.", text: sentence(s.refused), hint: null });
}

function ofInput(i: Input, was: Input | null, out: Trouble[]): void {
  if (i.lost) out.push({ key: `lost-${i.name}`, bad: grew(i.lost, was?.lost), what: `${many(i.lost, "line")} of ${i.name} could not be kept.`,
    text: i.name === "syslog" ? "Who sends syslog gets no answer and does not send again." : "", hint: null });
  if (i.held) out.push({ key: `held-${i.name}`, bad: false, what: `${i.name} is not read right now.`, text: "The journal has no room; it goes on where it was.", hint: null });
  if (i.error) out.push({ key: `input-${i.name}`, bad: false, what: `The input ${i.name} had trouble.`, text: sentence(i.error), hint: null });
}

export function troubles(f: Flow, before: Flow | null, now: number): Trouble[] {
  const out: Trouble[] = [], d = f.digest, r = f.receive, s = f.sensors;
  if (f.journal) ofJournal(f.journal, before?.journal ?? null, out);
  for (const sink of f.sinks ?? []) ofSink(sink, now, out);
  if (d?.waiting) out.push({ key: "digest", bad: true, what: "The digest does not get on.", text: `${sentence(d.error)} It is tried again; ${
    d.behind === null ? "what came in" : many(d.behind, "record")} wait${d.behind === 1 ? "s" : ""} in the journal.`, hint: null });
  else if ((d?.lag ?? 0) > DIGEST_BEHIND_S) out.push({ key: "digest-lag", bad: false, what: `The digest is ${duration(d?.lag ?? null)} behind.`,
    text: "Services, patterns and traces below are as old as that.", hint: null });
  if (d?.bad) out.push({ key: "digest-bad", bad: false, what: `${many(d.bad, "record")} could not be decoded by the digest.`,
    text: "They are in the journal as long as it keeps them.", hint: null });
  for (const c of d?.caps ?? []) out.push({ key: `cap-${c.dataset}-${c.bound}`, bad: false, what: `The digest has no more room: ${c.dataset}, ${c.bound}.`,
    text: `In the last hour; ${integer(c.soFar)} so far were left out, or put together under other.`, hint: c.hint });
  if (r?.paused) out.push({ key: "paused", bad: false, what: `${many(r.paused, "connection")} ${r.paused === 1 ? "is" : "are"} not read from right now.`,
    text: "More comes than can be made durable; who sends has to wait.", hint: null });
  for (const p of r?.protocols ?? []) {
    const was = before?.receive?.protocols.find((x) => x.name === p.name);
    if (p.refused) out.push({ key: `refused-${p.name}`, bad: false, what: `${many(p.refused, "request")} over ${p.name} ${p.refused === 1 ? "was" : "were"} refused${
      grew(p.refused, was?.refused) ? ", some just now" : ""}.`, text: "For want of a token, room or form; who sent was told why.",
    hint: "homeostat_receive_refused_total at /metrics tells the reasons apart." });
    if (p.rejected) out.push({ key: `rejected-${p.name}`, bad: false, what: `${many(p.rejected, "event")} over ${p.name} ${p.rejected === 1 ? "was" : "were"} not as the specification wants.`,
      text: "The rest of their requests was taken; who sent was told.", hint: null });
  }
  if (s?.failures) out.push({ key: "sensors", bad: grew(s.failures, before?.sensors?.failures), what: `${many(s.failures, "reading")} of the sensors could not be kept.`,
    text: sentence(s.error), hint: null });
  if (s?.history === false) out.push({ key: "history", bad: false, what: "No history of this machine is written.", text: "`homeostat top` will show nothing of this time.",
    hint: "The log says why it could not be opened." });
  if (f.probes?.failures) out.push({ key: "probes", bad: false, what: `Answers of probes could not be kept ${many(f.probes.failures, "time")}.`, text: "", hint: null });
  if (f.scrape) ofScrape(f.scrape, out);
  for (const i of f.inputs ?? []) ofInput(i, before?.inputs?.find((x) => x.name === i.name) ?? null, out);
  for (const o of f.others) if (o.error) out.push({ key: `part-${o.name}`, bad: false, what: `The part ${o.name} had trouble.`, text: sentence(o.error), hint: null });
  for (const x of f.reloads) out.push({ key: `reload-${x.part}`, bad: true, what: `The part ${x.part} did not take the last reload.`,
    text: `${sentence(x.text)} It goes on with what it had.`, hint: sentence(x.hint) || null });
  return out.sort((a, b) => Number(b.bad) - Number(a.bad));
}
