// What the pure functions promise; bundled by esbuild and run by node.

import { answered, Asked, asking, failed as gaveUp, wants } from "../src/asked";
import { ceiling, newest, runs } from "../src/chart";
import { attempts } from "../src/drawing";
import { FeedEvent, FeedParser } from "../src/feed";
import { eventsIn, rate, readFlow, sinkState, troubles } from "../src/flow";
import { duration, effect, integer, number, plain, setting, unlike } from "../src/format";
import type { Outcome } from "../src/model";
import { prose, sentence, wasPutBack, when } from "../src/parts";
import { readCase, readFile, readMoment, readOutcome, readStop, readTarget, readTimelineRow, readWhy } from "../src/read";
import { href, readRoute } from "../src/route";
import { readDownstreams, readMetrics, readMinutes, readService, readTrace, severityWord, shortName, tenantOf, waterfall, worstFirst } from "../src/looked";
import { clocksDiffer, hearClock, now } from "../src/now";
import { nearest, timeTicks, valueTicks } from "../src/scale";
import { time } from "../src/wire";

let failed = 0, ran = 0;

function is(got: unknown, wanted: unknown, about: string): void {
  ran++;
  const a = JSON.stringify(got), b = JSON.stringify(wanted);
  if (a !== b) { failed++; console.error(`not ok: ${about}\n   got ${a}\n  want ${b}`); }
}

// numbers
is(number(null), "unknown", "what is not known is not a number");
is(number(NaN), "unknown", "NaN is unknown");
is(number(0), "0", "nought is nought");
is([number(1234567), number(123.4), number(12.34), number(1.234), number(0.1234)], ["1\u202f234\u202f567", "123", "12.3", "1.23", "0.123"],
  "three significant digits");
is(number(-5.5), "\u22125.50", "a minus is a minus sign");
is(integer(-1200), "\u22121\u202f200", "grouped integers");
is(plain(1073741824, "B"), "1 GiB", "bytes in binary units");
is(plain(6501171.2, "B/s"), "6.20 MiB/s", "rates of bytes");
is(plain(0.987, "ratio"), "98.7\u202f%", "ratios are percentages");
is(plain(12345, "ms"), "12.3 s", "long times in seconds");
is(plain(0.05, "ms"), "50.0 µs", "short times in microseconds");
is([duration(0), duration(59), duration(61), duration(7260), duration(90000), duration(null)], ["0 s", "59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h",
    "unknown"], "durations");
is([effect(Math.log(1.1)), effect(Math.log(0.9)), effect(0), effect(null)], ["+10.0\u202f%", "\u221210.0\u202f%", "±0.0\u202f%", "unknown"],
  "effects are signed percentages");
is([setting("16384", "8kB"), setting("1228", "MB"), setting("300", "s"), setting("-1", "ms"), setting("on", ""), setting("0", "kB"), setting("", ""),
    setting(null, null)],
  ["128 MB", "1228 MB", "5 min", "-1", "on", "0", "(empty)", "unknown"], "parameters as they would be written");

is(prose("not before 2026-13-45T99:99:99Z, as told"), ["not before ", "2026-13-45T99:99:99Z", ", as told"], "what only looks like a moment stays as it was written");
is(["nothing helps", "work_mem is at its bound", "cases.db: no room.", "a.", ""].map(sentence),
  ["Nothing helps.", "work_mem is at its bound.", "cases.db: no room.", "A.", ""], "names keep their letters");
is(when(8.64e15 + 1), when(null), "a time that no calendar has is unknown");

is([unlike("8192kB", "8MB"), unlike("8MB", "64MB"), unlike("5min", "300s"), unlike("on", "ON"), unlike("lz4", "off"),
    unlike("1.1", "4"), unlike("128", "1MB"), unlike(null, "4MB"), unlike("(reset to default)", "4MB")],
  [false, true, false, false, true, true, false, false, false], "values are told apart where they surely differ");

// axes
is(valueTicks(0, 100, 5), [0, 20, 40, 60, 80, 100], "round ticks");
is(valueTicks(5, 5, 3), [5], "an empty span has one tick");
is(timeTicks(Date.parse("2026-01-31T12:00:10Z"), Date.parse("2026-01-31T12:15:10Z"), 5).map((t) => t.at % 300000), [0, 0, 0], "time ticks on whole steps");
is([nearest([], 1), nearest([10], 99), nearest([10, 20, 30], 24), nearest([10, 20, 30], 26)], [-1, 0, 1, 2], "the nearest moment");

// charts
const seconds = [0, 1, 2, 3, 10, 11].map((s) => s * 1000);
is(runs(seconds, [1, 2, null, 4, 5, 6], 0, 12000, 1000).map((r) => r.length), [2, 1, 2], "a line ends at what is unknown and at a gap in time");
is(runs([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((s) => s * 1000), [1, null, null, null, null, 2, null, null, null, null, 3], 0, 12000, 1000).length, 1,
  "what is read each fifth second has no gaps between");
is(runs(seconds, [1, 2, 3, 4, 5, 6], 0, 12000, 2)[0]?.[0]?.hi, 4, "seconds that share a column keep their largest value");
is(runs([0, 60000, 120000], [1, 2, 3], 0, 130000, 1000, 120000).length, 1, "minutes are no gaps where there are only minutes");
is([newest(seconds, [1, 2, 3, 4, 5, null], 12000), newest(seconds, [1, 2, 3, 4, 5, 6], 27000), newest([], [], 0)], [5, null, null], "what a chart says of now is not what was known long ago");
is(ceiling([]), 1, "an empty chart has an axis");
is(ceiling(Array.from({ length: 200 }, (_, i) => (i === 7 ? 1000 : 10))) < 20, true, "one spike does not flatten the rest");
is(ceiling([10, 20, 30]) >= 30, true, "ordinary values fit");

// why
const why = readWhy({ case_id: "c", stations: [{ name: "x", on_path: 1, moved: true, before: null, after: 2, change: { standing: "not identified", why: "w", estimate: null } }],
  sure: { level: "high", points: [{ good: true, text: "t" }] }, model: { importance: [{ knob: "k", weight: 0.5 }],
    slices: [{ knob: "k", log: true, points: [{ value: "1", x: 1, gain: null }] }] },
  spreads: [{ name: "n", put_back: true, groups: [{ period: "trial, with", changed: true, windows: 3, quantiles: [1, 2, 3, 4, 5] }, { period: "after", changed: false }] }] });
is([why.stations[0]?.before, why.stations[0]?.change.estimate, why.stations[0]?.unit], [null, null, ""], "what the engine does not know stays unknown");
is([why.sure, why.points.length, why.importance[0]?.weight, why.missing, why.units], ["high", 1, 0.5, null, []], "an explanation is read as far as it goes");
is([why.slices[0]?.category, why.slices[0]?.inForce, why.slices[0]?.points[0]?.gain, why.spreads[0]?.unit, why.spreads[0]?.groups.map((g) => [g.period, g.changed, g.windows, g.quantiles.length])],
  [false, null, null, "", [["trial, with", true, 3, 5], ["after, put back", false, null, 0]]], "what an explanation draws is read as far as it goes, too");
is(readWhy({}).stations, [], "an empty explanation is one");
const tried = readWhy({ tries: [{ case_id: "a", title: "x", result: "refused", kept: false, this: false, effect: null }, { case_id: "b", kept: true, this: true, effect: 0.1 }],
  tries_left_out: 3 });
is(readWhy({ tries: [{ effect: 0.7, level: null }, { effect: 0.7, level: 0.7 }, { effect: null, level: null }, { effect: 0.7 }] }).tries.map((t) => t.ofSome), [true, false, false, false],
  "an effect without a level is that of some statements");
is([tried.tries[0]?.effect, tried.tries[0]?.kept, tried.tries[1]?.mine, tried.tries[1]?.title, tried.triesLeftOut, readWhy({}).tries], [null, false, true, "", 3, []],
  "what else was tried is read as far as it goes");

// in force
const ended = (result: string, proven: boolean) => readCase({ id: "1", status: "CLOSED", in_force_is_proven: proven, outcome: { result, kept: false } }).kept;
is([ended("worse", true), ended("unknown", true), ended("worse", false)], [false, null, null], "what nobody has read back is not said to be put back");
is(["worse", "unknown", "refused", "better"].map((result) => readOutcome({ result, kept: result === "better" })).map((o) => wasPutBack(o.outcome, o.kept)), [true, false, false, false],
  "among the attempts, too, only what was carried out and is known to be gone was put back");

// convergence
const outcome = (effectLog: number | null, kept: boolean | null, at: number): Outcome =>
  ({ caseId: null, title: "", time: at, outcome: null, kept, effect: effectLog, lo: null, hi: null, changes: [], why: null, chapter: null, before: null, best: null });
is(attempts([outcome(0.2, true, 3), outcome(-0.1, false, 2), outcome(0.1, true, 1)]).map((a) => a.after.toFixed(2)), ["0.10", "0.10", "0.30"],
  "only what was kept raises the best, oldest first");
is(attempts([outcome(0.4, true, 1), { ...outcome(0.5, true, 2), chapter: 1, before: 0, best: 0.5 }, { ...outcome(0.1, false, 3), chapter: 0, before: 0.2, best: 0.4 }])
  .map((a) => [a.chapter, a.before, a.after.toFixed(2), a.level?.toFixed(2)]), [[0, 0, "0.40", "0.40"], [1, 0, "0.50", "0.50"], [0, 0.2, "0.40", "0.30"]],
  "what was won under one load is not added to what was won under another");
is(attempts([outcome(0.2, null, 1)])[0]?.after, 0, "what may have been kept is not counted as won");
const some = attempts([{ ...outcome(0.7, true, 1), why: "Of the statements it was made for: 50 % less time per call." }, outcome(0.1, true, 2), outcome(null, false, 3)]);
is(some.map((a) => a.after.toFixed(2)), ["0.00", "0.10", "0.10"], "what an index does to its own statements is no gain of the whole database");
is(some.map((a) => a.level), [null, 0.1, null], "what was not measured on all of the load has no place among the levels");

// events
function feed(...chunks: string[]): FeedEvent[] {
  const parser = new FeedParser(), out: FeedEvent[] = [];
  for (const c of chunks) parser.push(c, (e) => out.push(e));
  return out;
}
is(feed("id: 7\nevent: a.b\ndata: {\"x\"", ":1}\n\n"), [{ id: "7", type: "a.b", data: "{\"x\":1}" }], "an event that comes in pieces");
is(feed("data: a\r", "\ndata: b\r\n\r\n"), [{ id: "", type: "message", data: "a\nb" }], "a line end that is torn apart");
is(feed(": heartbeat\n\n", "event: x\n\n"), [], "comments and events without data are nothing");
is(feed("id: 1\ndata: a\n\ndata: b\n\n").map((e) => e.id), ["1", "1"], "the last id holds until there is another");

// the wire
is([time("2026-01-31T12:00:00Z"), time(1769860800), time(1769860800000), time(1769860800000000), time(0), time(null), time("soon"), time(1e30)],
  [1769860800000, 1769860800000, 1769860800000, 1769860800000, null, null, null, null], "times in every unit; nought is no time");
is(readTarget({ name: "main", latest: { tps: null, up: true } }).v, { tps: null, up: 1 }, "null stays unknown");
is([readTarget({ name: "m" }).up, readTarget({ name: "m" }).facts.settings, readTarget({}).name], [null, null, "?"], "an empty target is unknown throughout");
is(readTarget({ name: "m", facts: { server_version: 150018, cpus: 0 } }).facts.version, "15.18", "version numbers");
is(readTarget({ name: "m", facts: { cpus: 0 } }).facts.cpus, null, "0 CPUs means that nobody counted them");
is([readStop({ scope: "", why: "x" }).target, readStop({ scope: "main", why: "x" }).target], [null, "main"], "an empty scope is everything");
is([readCase({ id: "1", status: "NEW", target: "" }).target, readCase({ id: "1" }).target,
    readCase({ id: "1", status: "CLOSED", outcome: { result: "better", kept: true, effect: 0.1 } }).outcome], ["", null, "better"],
  "no target is not an unknown target");
is(readOutcome({ case_id: "c", result: "worse", kept: false, proposal: { title: "t", changes: [{ name: "work_mem", to: null }] } }).changes,
  [{ name: "work_mem", from: null, to: "(reset to default)" }], "RESET is said in words");
is(readMoment("live.sample", { target: "m", time: 1769860800000, v: { tps: 5 } }), { kind: "sample", target: "m", time: 1769860800000, v: { tps: 5 } },
  "a live sample");
is(readMoment("evt.case.transition.v1", { type: "evt.case.transition.v1", subject: "c1", time: "2026-01-31T12:00:00Z", data: { from: "NEW", to: "ANALYZING",
        event: "start_analysis", why: "w", target: "m" } }),
  { kind: "transition", caseId: "c1", target: "m", event: "start_analysis", from: "NEW", to: "ANALYZING", reason: "w", time: 1769860800000 },
    "a transition in its envelope");
is(readMoment("cmd.plan.generate", {}), null, "commands are not for us");
const empty = readFile({ case: { id: "1" } }, []);
is([empty.plans, empty.gates, empty.actions, empty.evidence, empty.verdict], [null, null, null, null, null],
  "what a file does not tell is not an empty list");
const row = (event: string, from: string | null, to: string, at: string) => readTimelineRow({ event, from, to, created_at: at });
const story = readFile({ case: { id: "1" }, actions: [{ action: 1, kind: "to_incumbent", outcome: "done", result_at: "2026-01-31T12:00:10Z" },
      { action: 2, kind: "to_candidate", outcome: "done", result_at: "2026-01-31T12:00:20Z" }] },
  [row("exec_done", "EXECUTING", "VERIFYING", "2026-01-31T12:00:00Z"), row("verify_pass", "VERIFYING", "CLOSED", "2026-01-31T12:00:30Z")]);
is(story.arms.map((a) => [a.arm, (a.from % 60000) / 1000, ((a.to ?? 0) % 60000) / 1000]), [["candidate", 0, 10], ["incumbent", 10, 20],
    ["candidate", 20, 30]], "arms follow from what was switched");

// what was asked of a case
{
  type A = Asked<string, string> | null;
  const first = answered(asking(null as A, "c", 3), "c", 3, "three");
  is([wants(null as A, "c", 3), wants(first, "c", 3), wants(first, "c", 4), wants(first, "d", 3)], [true, false, true, true], "asked when the case has moved");
  is(wants(asking(first, "c", 4), "c", 4), false, "what is being asked is not asked twice");
  const lost = gaveUp(asking(first, "c", 4), "c", 4, "503");
  is([lost?.data, lost?.version, lost?.problem, wants(lost, "c", 4)], ["three", 3, "503", true], "a question that failed keeps what there was, says so and may be asked again");
  is(wants(gaveUp(asking(null as A, "c", null), "c", null, "503"), "c", null), true, "also where no version is known");
  const late = answered(answered(asking(asking(first, "c", 4), "c", 5), "c", 5, "five"), "c", 4, "four");
  is([late?.data, late?.version, wants(late, "c", 5)], ["five", 5, false], "an older answer that comes later is left alone");
  is(gaveUp(asking(asking(first, "c", 4), "c", 5), "c", 4, "503")?.problem, null, "nobody is told that an older question failed");
  is(answered(asking(null as A, "d", 1), "c", 4, "four")?.data, null, "an answer about another case is left alone");
}

// telemetry: does everything flow
{
  const sink = (more: object) => ({ name: "loki", kind: "loki", sent: 10, behind: 0, lag_seconds: 0.2, paused: false, running: true, stuck: false, last_error: "", retry_at: null, ...more });
  const told = (at: number, journal: object, ...sinks: object[]) => readFlow({ journal: { full: false, refused: 0, dropped_events: 0, consumers: [], ...journal }, ship: { sinks } }, at);
  const words = (f: ReturnType<typeof told>) => troubles(f, null, 0).map((t) => [t.bad, t.what]);
  is(words(told(0, {}, sink({}))), [], "nothing is said when everything flows");
  is(words(told(0, {}, sink({ stuck: true, last_error: "refused", behind: 3 }), sink({ name: "b", paused: true }))), [[true, "The sink loki is stuck."], [false, "The sink b is paused by its settings."]], "what is bad comes first");
  is(words(told(0, { full: true, why_full: "size_max" })), [[true, "The journal is full."]], "a full journal");
  is(words(told(0, { dropped_events: 5 })), [[true, "5 events of the journal were thrown away unread."]], "events that were thrown away");
  is(words(told(0, { lost_segments: 1 })), [[true, "1 file of the journal is gone."]], "a file of the journal that is gone");
  is(words(told(0, { lost_segments: 3, damaged_blocks: 2 })), [[true, "2 blocks of the journal could not be read."], [true, "3 files of the journal are gone."]], "damage and loss");
  is(words(told(0, { consumers: [{ name: "sink:old", open: false, behind: 7, lag_seconds: 1 }] })), [[false, "Nobody reads for sink:old."]], "a consumer that is gone holds the journal");
  is(words(readFlow({ scrape: { reload_trouble: { text: "no", hint: "" } }, digest: { waiting: true, last_error: "disk full" } }, 0)),
    [[true, "The digest does not get on."], [true, "The part scrape did not take the last reload."]], "also of parts that the page does not know");
  is(words(readFlow({ digest: { caps: [{ dataset: "metrics", bound: "series_max", so_far: 7, hint: "raise it" }] } }, 0)),
    [[false, "The digest has no more room: metrics, series_max."]], "a bound of the digest that was felt");
  is(troubles(told(0, { consumers: [{ name: "sink:old", open: false, behind: 7 }] }), null, 0)[0]?.hint, "If it will not come back: `homeostat journal forget sink:old`.", "nobody has to be stopped for that");
  is(words(told(0, {}, sink({ expired: 2 }))), [[false, "2 rows of the digest went by age before loki had them."]], "what no copy has is said");
  is(words(readFlow({}, 0)), [], "an answer without members troubles nobody");
  is([sinkState(told(0, {}, sink({ running: false })).sinks?.[0] as never, 0), sinkState(told(0, {}, sink({ retry_at: "2026-01-31T12:00:00Z" })).sinks?.[0] as never,
    Date.parse("2026-01-31T11:59:50Z")), sinkState(told(0, {}, {}).sinks?.[0] as never, 0)], ["stopped", "retrying", "unknown"], "states of a sink");
  const events = (at: number, n: number | undefined) => readFlow({ receive: { protocols: { rows: { events: n } } } }, at);
  is([rate(eventsIn, events(5000, 600), events(0, 100)), rate(eventsIn, events(5000, 6), events(0, 100)), rate(eventsIn, events(5000, 6), null), rate(eventsIn, events(5000, undefined),
    events(0, 1))], [100, null, null, null], "a rate needs two answers of one life");
}

// telemetry: what came in
{
  is(["urn:k8s:svc:shop/cart", "urn:svc:cart", "urn:host:web-1", "urn:db:postgres:main/orders", "urn:other", "odd"].map(shortName),
    ["shop/cart", "cart", "host web-1", "db postgres:main/orders", "urn:other", "odd"], "names for people");
  is([{ tenant: "installation" }, { tenant: "" }, { tenant: null }, { tenant: "shop" }].map(tenantOf), [null, null, null, "shop"], "only a tenant other than the installation is named");
  const two = readDownstreams({ service: ["urn:svc:cart", "urn:svc:cart"], cut: true, downstreams: [{ from: "urn:svc:cart", tenant: "installation", urn: "a" }, { from: "urn:svc:cart", tenant: "shop", urn: "a" }] });
  is([two.cut, two.downstreams.map(tenantOf)], [true, [null, "shop"]], "whose a call is stays with it");
  is(readMetrics({ cut: true, metrics: [{ metric: "busy", avg: 2, p95: null, series: 3, time: "2026-01-31T12:00:00Z" }] }), { cut: true, list: [{ name: "busy", urn: null, tenant: null, at: Date.parse("2026-01-31T12:00:00Z"),
    series: 3, avg: 2, p95: null, max: null, min: null }] }, "what a metric does not tell is unknown");
  is(readMinutes({ minutes: [{ labels: { cpu: "0", mode: "idle" }, avg: 1 }, { labels: {} }] }).list.map((m) => [m.labels, m.avg]), [["cpu=0 mode=idle", 1], ["", null]], "labels of a series as words");
  is(worstFirst([readService({ urn: "a", error_rate: 0.1, call_error_rate: null }), readService({ urn: "b", error_rate: null }), readService({ urn: "c", error_rate: 0, call_error_rate: 0.2 })])
    .map((s) => s.urn), ["c", "a", "b"], "the worst first");
  const at = (span_id: string, parent_id: string | null, ms: number, long: number) => ({ span_id, parent_id, start_ns: (1000 + ms) * 1e6, ms: long });
  const w = waterfall(readTrace({ spans: [at("c", "a", 5, 5), at("a", null, 0, 10), at("b", "a", 2, 2), at("d", "gone", 8, 1), at("e", "f", 1, 1), at("f", "e", 2, 1)] }));
  is([w.ms, w.bars.map((b) => `${b.span.id}${b.depth}${b.orphan ? "!" : ""}`)], [10, ["a0", "b1", "c1", "d0!", "e0!", "f1"]], "callers before whom they call, by time; nobody is lost in a circle");
  is(w.bars.slice(1, 3).map((b) => [b.from, b.to]), [[0.2, 0.4], [0.5, 1]], "where a bar begins and ends");
  is(waterfall(readTrace({})).bars, [], "a trace without spans");
  is([severityWord(9), severityWord(17), severityWord(24), severityWord(null), severityWord(99)], ["info", "error", "fatal", "none", "none"], "severities");
}

// the engine's clock
{
  const at = Date.parse("2026-01-31T12:00:00.500Z"), hear = (date: string | null, asked = at, came = at) => { hearClock(date, asked, came); return clocksDiffer() / 1000; };
  is([hear(null), hear("soon"), hear("Sat, 31 Jan 2026 12:00:01 GMT"), hear("Sat, 31 Jan 2026 11:59:58 GMT")], [0, 0, 0, 0], "clocks that agree within seconds are one");
  is([hear("Sat, 31 Jan 2026 15:00:00 GMT"), hear("Sat, 31 Jan 2026 15:00:01 GMT")], [10800, 10800], "a clock three hours ahead, without trembling");
  is(Math.round((now() - Date.now()) / 1000), 10800, "now is the engine's");
  is([hear("Sat, 31 Jan 2026 12:00:00 GMT", at - 20000, at + 20000), hear("Sat, 31 Jan 2026 12:00:00 GMT")], [0, 0], "a clock that was set right, also by an answer that took long");
}

// addresses
is([readRoute("#/case/a%2Fb"), readRoute("#/case"), readRoute("#/nonsense"), readRoute("#/case/%")],
  [{ page: "case", arg: "a/b" }, { page: "cases", arg: null }, { page: "overview", arg: null }, { page: "case", arg: "%" }], "addresses");
is([readRoute("#/trace"), readRoute("#/service/urn:svc:a/b"), readRoute("#/telemetry")], [{ page: "telemetry", arg: null }, { page: "service", arg: "urn:svc:a/b" },
  { page: "telemetry", arg: null }], "addresses of telemetry");
is(readRoute(href("case", "a/b <x>")), { page: "case", arg: "a/b <x>" }, "an address is read as it was written");

console.log(`${ran - failed} of ${ran} hold`);
if (failed) throw new Error(`${failed} do not hold`);
