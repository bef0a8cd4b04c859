#!/usr/bin/python3
"""bench/deck_live.py - sixty changes on a live PostgreSQL under load: which of them does Homeostat call better, and what does it put back?

  deck_live.py [--cards 60] [--seed 1] [--only NAME] [--trust-labels] [--log FOLDER]

A server with TPC-C lies in a control group whose disk is throttled.  For each card the world is set up (the server's
parameters, the throttle), Homeostat is started with an empty memory, watches for a while, and is handed a plan in mode auto:
a real parameter, or a script that turns the throttle or the parameter.  It knows nothing of the card's label; the deck is
shuffled.  Before the deck is dealt every kind's label is measured without Homeostat: harmful costs at least a fifth of the
throughput, helpful gives at least a quarter and no slower transaction among a hundred (p99), null is what changes nothing on
the way of a transaction.

A card counts as undone only when parameters, postgresql.auto.conf and throttle are as they were before it.
"""
import argparse
import collections
import json
import math
import os
import random
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from lab import ROOT, Violation, end_well, program, rest_until_us
from cluster import Cluster
from homeostat import Homeostat, Load, plan, step

sys.path.append(os.path.join(ROOT, "tools"))
from rig.limits import Limits  # noqa: E402
from rig.measure import quantile  # noqa: E402

ALPHA = 0.05
WINDOW_S = 2
WARM_UP_S = 30          # after a restart: buffers fill, and every page's first change since the CHECKPOINT goes whole into the WAL
TUNE = {"window": f"{WINDOW_S}s", "windows_min": 3, "windows_max": 8, "wash_out": "1500ms", "warm_up": f"{WARM_UP_S}s", "watch": "1s", "settle": "1d", "checkpoint_in_window": False, "alpha": ALPHA}
POLICY = """steps: {{ ratio: 50%, watch_min: 1s }}
restart: {{ when: allowed, per_day: 100 }}
changes: {{ per_hour: 1000, cool_down: 0s, degraded_per_day: 24h }}
risk: {{ auto_max: 1, max: 1 }}
scripts: {{ programs: ["{lever} ..."] }}
"""
WRITE_IOPS, BANDWIDTH = 2000, 80_000_000
SLOW_IOPS = 250         # slow, and yet something is finished in every window
BUSY_IOPS = 500         # what shared_buffers cannot hold costs dearly
FREE_IOPS = 100_000     # what is turned has nothing to do with the disk, and the disk nothing with what comes of it
STORM = {"jit_above_cost": "0", "jit_inline_above_cost": "0", "jit_optimize_above_cost": "0"}
SLEEPY = {"commit_siblings": "0"}
CASE_LIMIT_S = 400

# The lever: what a plan's scripts turn.  `lever WHAT NAME` says how it stands, `lever WHAT NAME VALUE` turns it.
LEVER = """#!/bin/sh
# {why}
set -e
psql() {{ {psql} -XAtq "$@"; }}
case $1 in
throttle)   # NAME: wiops or wbps
    [ $# -eq 2 ] && exec cat {state}/$2
    {throttle}
    echo $3 > {state}/$2 ;;
note)       # a file that nobody reads
    [ $# -eq 2 ] && exec cat {state}/$2
    echo $3 > {state}/$2 ;;
setting|restart)   # a server parameter; VALUE default: without an entry
    [ $# -eq 2 ] && exec {psql} -XAtq -c "SELECT current_setting('$2')"
    if [ "$3" = default ]; then psql -c "ALTER SYSTEM RESET $2"; else psql -c "ALTER SYSTEM SET $2 = '$3'"; fi
    if [ $1 = restart ]; then {restart}; else psql -c "SELECT pg_reload_conf()" >/dev/null; sleep 0.3; fi ;;
esac
"""


def limit_lines(limits, device):
    """How the lever turns the throttle: $2 is wiops or wbps, $3 a number."""
    if limits.version == 1:
        return (f'case $2 in wiops) f=blkio.throttle.write_iops_device ;; *) f=blkio.throttle.write_bps_device ;; esac\n'
                f'    echo "{device} $3" > {limits.groups[1]}/$f')
    return f'echo "{device} $2=$3" > {limits.groups[0]}/io.max'


class World:
    """The server, its throttle, its load."""

    def __init__(self, keep_logs=None):
        self.limits = Limits("cloud-disk")
        if self.limits.why_not:
            raise Violation(self.limits.why_not)
        self.pg = self.load = None
        self.folder = tempfile.mkdtemp(prefix="homeostat-deck-", dir="/var/tmp")
        self.keep_logs = keep_logs
        os.chmod(self.folder, 0o755)
        try:
            self.pg = Cluster(settings={"shared_preload_libraries": "pg_stat_statements", "autovacuum_naptime": "1h", "max_wal_size": "4GB", "checkpoint_timeout": "1h"})
            self.limits.create(self.pg.folder, self.pg.owner.pw_uid)
            if self.limits.why_not:
                raise Violation(self.limits.why_not)
            self.device = Limits.device_of(self.pg.data)
            self.write_programs()
            self.pg.psql("CREATE EXTENSION pg_stat_statements")
            subprocess.run([program("homeostat-load"), "load", "--dsn", self.pg.dsn, "--warehouses", "2", "--seed", "5"], check=True, capture_output=True, stdin=subprocess.DEVNULL)
            self.restart()
            self.load = Load(program("homeostat-load"), self.pg, 8, "--lifetime", "1")
        except BaseException:
            self.close()
            raise

    def write_programs(self):
        self.state, self.lever, self.restart_program = (os.path.join(self.folder, n) for n in ("state", "lever", "restart"))
        os.mkdir(self.state)
        for name, value in (("wiops", WRITE_IOPS), ("wbps", BANDWIDTH), ("note", 0)):
            with open(os.path.join(self.state, name), "w", encoding="ascii") as f:
                f.write(f"{value}\n")
        pg = self.pg
        pg_ctl = shlex.join(pg.as_owner([os.path.join(pg.bin, "pg_ctl"), "-D", pg.data, "-l", pg.log, "-w", "-t", "60", "-m", "fast", "restart"]))
        texts = {self.restart_program: f"#!/bin/sh\n# Restarts the server inside its limits.\n{self.limits.enter_script()}exec {pg_ctl} </dev/null >/dev/null\n",
                 self.lever: LEVER.format(why="What the deck's plans turn.", psql=shlex.join([os.path.join(pg.bin, "psql"), pg.dsn]), state=self.state,
                                          throttle=limit_lines(self.limits, self.device), restart=self.restart_program)}
        for path, text in texts.items():
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(path, 0o755)

    def restart(self):
        subprocess.run([self.restart_program], check=True)

    def turn(self, *words):
        subprocess.run([self.lever, *map(str, words)], check=True)

    def set_up(self, settings, wiops):
        """What a card begins with; nothing is left of the one before."""
        before = self.pg.value("SHOW shared_buffers")
        self.pg.psql("ALTER SYSTEM RESET ALL")
        for name, value in settings.items():
            self.pg.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        if settings.get("shared_buffers", "128MB") != before:
            self.restart()
        else:
            self.pg.psql("SELECT pg_reload_conf()")
        self.turn("throttle", "wiops", wiops)
        self.turn("throttle", "wbps", BANDWIDTH)
        self.turn("note", "note", 0)

    def picture(self):
        """All that a card may change: parameters, their entries, the lever."""
        with open(os.path.join(self.pg.data, "postgresql.auto.conf"), encoding="utf-8") as f:
            entries = sorted(line for line in f if not line.startswith("#"))
        lever = {n: open(os.path.join(self.state, n), encoding="ascii").read().strip() for n in sorted(os.listdir(self.state))}
        if self.limits.version == 1:
            lever["kernel"] = sorted(open(f"{self.limits.groups[1]}/blkio.throttle.write_iops_device", encoding="ascii").read().split())
        else:
            lever["kernel"] = sorted(open(f"{self.limits.groups[0]}/io.max", encoding="ascii").read().split())
        shown = dict(self.pg.psql("SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'transaction_%' AND name NOT LIKE 'in_%'"))
        return {"settings": shown, "entries": entries, "lever": lever}

    def latency(self):
        with urllib.request.urlopen(self.load.url + "/latency", timeout=10) as answer:
            return json.load(answer)

    def transactions(self):
        return self.latency()["transactions"]

    def measure(self, seconds):
        """Transactions per second, and the p99 in ms of those that were finished; where none was, the time that this took."""
        began, first = time.monotonic(), self.latency()
        time.sleep(seconds)
        last = self.latency()
        return (last["transactions"] - first["transactions"]) / (time.monotonic() - began), quantile(first, last, 0.99) or 1000 * seconds

    def close(self):
        if self.load:
            self.load.close()
        if self.pg:
            self.pg.close()
        self.limits.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- the cards ---------------------------------------------------------------------------------------------------------


Kind = collections.namedtuple("Kind", "name label count settings wiops make probe method history")


def scripted(world, what, name, old, new, method):
    """A plan that turns the lever."""
    step_ = {"action": "script.exec", "timeout_s": 90, "retry": 0,
             "params": {"target": "pg", "argv": [world.lever, what, name, str(new)], "undo": [world.lever, what, name, str(old)], "witness": [world.lever, what, name]}}
    return {"title": f"{what} {name} from {old} to {new}", "steps": [step_], "rollback": {"how": "reverse"}, "verify": {"method": method, "target": "pg"}}


def halves(start, end):
    """start -> end by at most a half of the current value each."""
    values = [start]
    while values[-1] != end:
        v = values[-1]
        values.append(max(end, v - v // 2) if end < v else min(end, v + v // 2))
    return [str(v) for v in values]


def knob(name, *values, method, restart=False):
    return lambda world, chance: plan(name, *values, method=method, restart=restart, watch_s=0 if restart else 1)


def lever(what, name, old, new, method):
    """old and new: values, or (low, high) to draw from."""
    def make(world, chance):
        a, b = (chance.randint(*v) if isinstance(v, tuple) else v for v in (old, new))
        return scripted(world, what, name, a, b, method)
    return make


def kinds():
    """probe: (settings, wiops) that the plan leads to, for measuring the label; None where the gate is expected to refuse."""
    fast, busy, free = WRITE_IOPS, BUSY_IOPS, FREE_IOPS
    table = [
        # Nothing changes for a transaction.
        ("bandwidth that nobody uses", "null", 5, {}, fast, lever("throttle", "wbps", BANDWIDTH, (85_000_000, 160_000_000), "immediate"), ({}, fast), "immediate"),
        ("a note", "null", 4, {}, fast, lever("note", "note", 0, (1, 9), "immediate"), ({}, fast), "immediate"),
        ("jit where no query is dear", "null", 3, {}, fast, knob("jit", "on", "off", method="planner"), ({"jit": "off"}, fast), "planner"),
        ("effective_io_concurrency", "null", 3, {"effective_io_concurrency": "2"}, fast, knob("effective_io_concurrency", "2", "3", method="immediate"), ({"effective_io_concurrency": "3"}, fast), "immediate"),
        ("random_page_cost a little", "null", 3, {}, fast, knob("random_page_cost", "4", "3.5", method="planner"), ({"random_page_cost": "3.5"}, fast), "planner"),
        ("bandwidth on a slow disk", "null", 2, {}, SLOW_IOPS, lever("throttle", "wbps", BANDWIDTH, (85_000_000, 160_000_000), "immediate"), ({}, SLOW_IOPS), "immediate"),
        # Harm.
        ("a slow disk", "harmful", 7, {}, fast, lever("throttle", "wiops", fast, (40, 120), "immediate"), ({}, 120), "immediate"),
        ("a jit storm", "harmful", 3, {"jit": "off", **STORM}, fast, knob("jit", "off", "on", method="planner"), ({**STORM}, fast), "planner"),
        ("absurd random_page_cost, by script", "harmful", 2, {}, fast, lever("setting", "random_page_cost", "default", 1e7, "planner"), ({"random_page_cost": "1e7"}, fast), "planner"),
        ("absurd random_page_cost", "harmful", 1, {}, fast, knob("random_page_cost", "4", "10000", method="planner"), None, "planner"),
        ("waiting for company", "harmful", 2, {"commit_delay": "313", **SLEEPY}, free, knob("commit_delay", *halves(313, 10000), method="immediate"), ({"commit_delay": "10000", **SLEEPY}, free), "immediate"),
        ("a work_mem bomb", "harmful", 2, {}, fast, knob("work_mem", "4MB", "2GB", method="planner"), None, "planner"),
        ("tiny shared_buffers", "harmful", 1, {}, busy, knob("shared_buffers", "128MB", "1MB", method="restart", restart=True), None, "restart"),
        ("tiny shared_buffers, by script", "harmful", 2, {}, busy, lever("restart", "shared_buffers", "default", "256kB", "restart"), ({"shared_buffers": "256kB"}, busy), "restart"),
        # Help.
        ("a fast disk", "helpful", 8, {}, SLOW_IOPS, lever("throttle", "wiops", SLOW_IOPS, (fast, 2 * fast), "immediate"), ({}, fast), "immediate"),
        ("the end of a jit storm", "helpful", 4, STORM, fast, knob("jit", "on", "off", method="planner"), ({"jit": "off", **STORM}, fast), "planner"),
        ("no waiting for company", "helpful", 4, {"commit_delay": "100000", **SLEEPY}, free, knob("commit_delay", *halves(100000, 313), method="immediate"), ({"commit_delay": "313", **SLEEPY}, free), "immediate"),
        ("a sane random_page_cost, by script", "helpful", 2, {"random_page_cost": "1e7"}, fast, lever("setting", "random_page_cost", "1e7", "4", "planner"), ({}, fast), "planner"),
        ("shared_buffers that suffice, by script", "helpful", 2, {"shared_buffers": "256kB"}, busy, lever("restart", "shared_buffers", "256kB", "128MB", "restart"), ({}, busy), "restart"),
    ]
    return [Kind(*row, 45 if row[-1] == "restart" else 4) for row in table]


def fits(label, tps, p99):
    """Both are ratios, new to old."""
    return {"harmful": tps < 0.8, "helpful": tps > 1.25 and p99 <= 1, "null": 0.7 < tps < 1.4}[label]


def check_labels(world, deck, say):
    """Each kind measured without Homeostat: before, after, after, before; longer where that does not settle it. A wrong label is a fault of the deck."""
    wrong = []
    for kind in deck:
        if kind.probe is None:
            continue
        more, slower = [], []
        for turn, seconds in enumerate((3, 3, 6, 12, 24)):
            side = {}
            for after in (False, True) if turn % 2 == 0 else (True, False):
                settings, wiops = kind.probe if after else (kind.settings, kind.wiops)
                world.set_up(settings, wiops)
                time.sleep(WARM_UP_S if kind.method == "restart" else 2.5)
                side[after] = world.measure(seconds)
            more += [math.log(max(side[True][0], 0.1) / max(side[False][0], 0.1))] * seconds
            slower += [math.log(side[True][1] / side[False][1])] * seconds
            tps, p99 = math.exp(statistics.fmean(more)), math.exp(statistics.fmean(slower))
            if turn > 0 and fits(kind.label, tps, p99):
                break
        measured = f"throughput x {tps:.2f}, p99 x {p99:.2f}"
        say(f"label: {kind.name}: {kind.label}, {measured}")
        if not fits(kind.label, tps, p99):
            wrong.append(f"{kind.name} is not {kind.label}: {measured}")
    return wrong


# ---- one card ----------------------------------------------------------------------------------------------------------


class Empty:
    """A store in which the autopilot rests, to be copied for each card."""

    def __init__(self, world):
        self.world, self.folder = world, os.path.join(world.folder, "empty")
        house = self.house()
        try:
            house.start()
            house.wait_facts()
            house.stop()
            with sqlite3.connect(os.path.join(house.store, "cases.db")) as db:
                db.execute("INSERT INTO target_state (target, mode, idle_until, peak_sessions, updated_at) VALUES ('pg', '', ?, 0, 0) "
                           "ON CONFLICT (target) DO UPDATE SET idle_until = excluded.idle_until", (rest_until_us(),))
                for table in ("case_timeline", "outbox", "event_envelope", "ops_case"):
                    db.execute(f"DELETE FROM {table}")
            db.close()
            shutil.copytree(house.store, self.folder)
        finally:
            house.close()

    def house(self):
        world = self.world
        target = {"load_endpoint": world.load.url, "sample_interval": "250ms", "restart_command": [world.restart_program], "trial_start": False}
        house = Homeostat(program("homeostat"), world.pg, mode="auto", policy=POLICY.format(lever=world.lever), tune=TUNE, target=target)
        if os.path.isdir(self.folder):
            shutil.copytree(self.folder, house.store)
        return house


class Rate(threading.Thread):
    """Transactions, read often: (when by the wall clock, how many)."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.ended, self.seen = world, threading.Event(), []

    def run(self):
        while not self.ended.wait(0.1):
            try:
                self.seen.append((time.time(), self.world.transactions()))
            except OSError:
                pass

    def end(self):
        self.ended.set()
        self.join(20)
        return self.seen


def bad_windows(trial):
    """Windows of the candidate more than a tenth worse than the incumbent's nearest ones, as the trial saw them."""
    if not trial:
        return 0, 0
    seen = [(o["arm"], o["response"]) for o in trial.get("obs", [])]
    past = [o["response"] for o in trial.get("past", [])]
    bad = n = 0
    for i, (arm, response) in enumerate(seen):
        if arm == 1:
            n += 1
            own = [r for a, r in seen[:i + 2] if a == 0][-3:] or past[-5:]
            bad += bool(own) and response - statistics.median(own) < math.log(0.9)
    return bad, n


def at_rest(house, case):
    """Nothing more will happen by itself: closed, parked, or waiting for a person."""
    if case["status"] == "WAIT_GATE":
        decisions = house.file(case["id"])["decisions"]
        return bool(decisions) and decisions[-1]["answer"] == "ask"
    return case["status"] == "CLOSED" or (case["status"] == "PARKED" and case["phase"] != "undoing")


def deal(world, empty, kind, chance, say):
    """One card from beginning to end: {name, label, end, kept, exact, bad windows, ...}"""
    world.set_up(kind.settings, kind.wiops)
    made = kind.make(world, chance)
    time.sleep(1)
    house = empty.house()
    rate = Rate(world)
    began = time.monotonic()
    try:
        house.start()
        house.wait_facts()
        house.until(lambda: house.seen()["history_windows"] >= kind.history, "windows of history", CASE_LIMIT_S)
        before = world.picture()
        rate.start()
        case = house.propose(made)
        ended = house.wait(case, lambda c: at_rest(house, c), CASE_LIMIT_S)
        file = house.file(case)
        if file["actions"]:
            house.outcome(case)
            file = house.file(case)
        rate.end()
        after = world.picture()
        outcome = file.get("outcome") or {}
        run = sqlite3.connect(f"file:{house.store}/cases.db?mode=ro", uri=True)
        saved = run.execute("SELECT trial FROM case_run WHERE case_id = ?", (case,)).fetchone()
        run.close()
        bad, windows = bad_windows(json.loads(saved[0]) if saved and saved[0] else None)
        refused = not file["actions"]
        card = {"name": kind.name, "label": kind.label, "plan": made["title"], "status": ended["status"], "refused": refused, "result": outcome.get("result", "refused" if refused else "?"),
                "kept": bool(outcome.get("kept")), "effect": outcome.get("effect"), "why": outcome.get("why") or house.reasons(case).splitlines()[-1], "bad_windows": bad, "windows": windows,
                "exact": before == after, "seconds": round(time.monotonic() - began, 1)}
        if not card["kept"] and before != after:
            card["difference"] = {k: [before[k], after[k]] for k in ("entries", "lever") if before[k] != after[k]} or \
                {n: [v, after["settings"].get(n)] for n, v in before["settings"].items() if after["settings"].get(n) != v}
        say(json.dumps(card))
        if world.keep_logs:
            shutil.copy(house.log, os.path.join(world.keep_logs, f"{case}.log"))
        house.stop()
        return card
    finally:
        rate.ended.set()
        house.close()


def account(cards):
    """The numbers that have bars; (line, ok)"""
    of = {label: [c for c in cards if c["label"] == label] for label in ("null", "harmful", "helpful")}
    n = len(of["null"]) + len(of["harmful"])
    false = sum(c["kept"] or c["result"] == "better" for c in of["null"] + of["harmful"])
    bar = ALPHA / 2 + 3 * math.sqrt(ALPHA / 2 * (1 - ALPHA / 2) / max(n, 1))
    undone = [c for c in of["harmful"] if not c["kept"] and c["exact"]]
    one = [c for c in of["harmful"] if c["bad_windows"] <= 1]
    exact = [c for c in cards if c["kept"] or c["exact"]]
    kept = [c for c in of["helpful"] if c["kept"]]
    share = len(kept) / max(len(of["helpful"]), 1)
    ok = false / max(n, 1) <= bar and len(undone) == len(of["harmful"]) and len(one) == len(of["harmful"]) and len(exact) == len(cards) and share >= 0.8 and len(cards) >= 60
    return (f"deck-live {false / max(n, 1):.4f} false-better (bar <= {bar:.4f}; {len(cards)} of 60 changes; harmful refused or undone {len(undone)} of {len(of['harmful'])}, "
            f"with at most one bad window {len(one)} of {len(of['harmful'])}; as it began {len(exact)} of {len(cards)}; helpful kept {100 * share:.0f} % of >= 80 %) {'ok' if ok else 'short'}"), ok


def main():
    end_well()
    parser = argparse.ArgumentParser()
    parser.add_argument("--cards", type=int, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", help="cards whose name holds this")
    parser.add_argument("--trust-labels", action="store_true", help="do not measure them first; such a run is never ok")
    parser.add_argument("--log", help="where logs of the cards are to stay")
    o = parser.parse_args()
    chance = random.Random(o.seed)
    say = lambda text: print(text, flush=True)  # noqa: E731
    if o.log:
        os.makedirs(o.log, exist_ok=True)
    try:
        world = World(o.log)
    except Violation as e:
        print(f"deck-live cannot be dealt here: {e}")
        return 1
    cards = []
    try:
        table = [k for k in kinds() if not o.only or o.only in k.name]
        wrong = [] if o.trust_labels else check_labels(world, table, say)
        for w in wrong:
            say("WRONG LABEL " + w)
        empty = Empty(world)
        deck = [k for k in table for _ in range(k.count)]
        chance.shuffle(deck)
        for kind in deck[:o.cards]:
            try:
                cards.append(deal(world, empty, kind, chance, say))
            except (AssertionError, OSError) as e:
                say(f"VIOLATION {kind.name}: {e}")
                cards.append({"name": kind.name, "label": kind.label, "kept": False, "result": "?", "exact": False, "bad_windows": 99})
    finally:
        world.close()
        Cluster.close_all()
    line, ok = account(cards)
    print(line)
    return 0 if ok and not wrong and not o.trust_labels else 1


if __name__ == "__main__":
    sys.exit(main())
