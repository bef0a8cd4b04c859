#!/usr/bin/python3
"""bench/phase.py - TPC-C, then TPC-H, then TPC-C again: is the change seen, and how soon is the first load's best known configuration back?

    phase.py [--plan] [--folder F] [--minutes 90,60,60] [--scale 0.3] ...

homeostat-load switches by a schedule; Homeostat is not told.  What is measured: windows from each switch, as the driver's own clock has
it, until Homeostat announces it, once and not without a switch; and trials from the return until the server is again as good for TPC-C as
the best that was known when TPC-C went: its configuration is that one, or its throughput is within a twentieth of it while nothing is
tried.  The story is told in one piece; broken off, it begins anew.
"""
import argparse
import json
import math
import os
import shutil
import sqlite3
import statistics
import sys
import time

from tune_report import table, write_report
from tune_run import Stage, at_least_one, conduct, parser, positive, say
from tune_site import LIFETIME_S, LOOK_S, WARM_CACHE_S, Live, Site, told
from rig.measure import Stretch      # tune_run has put it within reach

CHANGE_ANNOUNCED = "workload-changed"       # the kind of the event by which Homeostat says that the load is another one
FIRST, BETWEEN, AGAIN = "first", "between", "again"
WITHIN_WINDOWS, WITHIN_TRIALS, AS_GOOD = 3, 3, 0.95
READING_S = 20          # of throughput
SWITCH_S = 60           # after a switch or a change of the configuration nothing is read: caches are another load's
READINGS_MIN = 3        # that a throughput is judged by

SCHEDULE = """# TPC-C, TPC-H, TPC-C: a switch from one moment to the next.
repeat: 1
tpcc: {{clients: {clients}}}
tpch: {{streams: {streams}}}
phases:
  - {{name: {names[0]}, duration: {minutes[0]}min, tpcc: 100%}}
  - {{name: {names[1]}, duration: {minutes[1]}min, tpch: 100%}}
  - {{name: {names[2]}, duration: {minutes[2]}min, tpcc: 100%}}
"""


def announcements(store):
    """When Homeostat announced that the load has changed, in seconds since 1970: as an event of that kind, or a message on that topic."""
    db = sqlite3.connect(f"file:{store}/cases.db?mode=ro", uri=True, timeout=30)
    try:
        topic = "%" + CHANGE_ANNOUNCED.replace("-", "_") + "%"      # _ stands for any character: workload.changed, workload-changed
        rows = db.execute("SELECT detected_at FROM event_envelope WHERE kind = ? UNION SELECT created_at FROM outbox WHERE topic LIKE ?", (CHANGE_ANNOUNCED, topic)).fetchall()
    finally:
        db.close()
    return sorted(at / 1e6 for at, in rows)


def switches_in(lines, minutes):
    """When the load switched, in seconds since 1970: where the schedule says, by the lines that the driver wrote around it."""
    ends, found, last = [60 * minutes[0], 60 * (minutes[0] + minutes[1])], [], 0
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue        # what it said to a person
        if not isinstance(row, dict) or row.get("type") != "second":
            continue
        if row["elapsed_s"] < last:
            found = []      # what came before is of a story that was broken off
        last = row["elapsed_s"]
        while len(found) < len(ends) and last >= ends[len(found)]:
            found.append(row["wall_us"] / 1e6 - (last - ends[len(found)]))
    return found


def after_each(switches, announced):
    """For each switch, what was announced after it and not after the next one."""
    return [[at for at in announced if begin < at <= end] for begin, end in zip(switches, [*switches[1:], math.inf])]


def windows_until(switches, announced, window_s):
    """For each switch, after how many windows it was first announced: before the next one, else INF."""
    return [min((math.ceil((at - begin) / window_s) for at in found), default=math.inf) for begin, found in zip(switches, after_each(switches, announced))]


def plain(rows):
    """conf -> what of it is not the default: who goes back to one leaves a line for it, and has the same configuration as who never left it."""
    default = {}
    for change in (c for row in rows for c in row["changes"]):
        default.setdefault(change["name"], change["from"])      # nothing had been set before the first trial
    return lambda conf: {name: value for name, value in conf.items() if value != default.get(name)}


def trials_until_best(rows, readings):
    """Trials of the last phase until it was as good as the first one's best. (trials, how) or None: it was not.

    rows: trials, by the phase in which they began; readings: throughput while nothing was tried; both with at, phase and in_force,
    oldest first.  What is in force when a trial has ended is known by its row; where the next one follows at once there is no reading of it.
    """
    own = plain(rows)
    rests = sorted([(t["at"], t["phase"], own(t["in_force"]), None) for t in rows] + [(r["at"], r["phase"], own(r["in_force"]), r["tps"]) for r in readings], key=lambda rest: rest[0])
    known = [(conf, tps) for _, phase, conf, tps in rests if phase == FIRST]
    if not known:
        return None
    best = known[-1][0]
    seen = [tps for conf, tps in known if conf == best and tps is not None]
    enough = AS_GOOD * statistics.median(seen) if seen else math.inf
    series = []
    for at, conf, tps in ((at, conf, tps) for at, phase, conf, tps in rests if phase == AGAIN):
        if conf == best:
            return trials_by(rows, at), "the same configuration"
        if tps is None:
            continue
        series = [*series, (at, conf, tps)] if series and series[-1][1] == conf else [(at, conf, tps)]
        if len(series) >= READINGS_MIN and statistics.median(tps for _, _, tps in series) >= enough:
            return trials_by(rows, series[0][0]), "another configuration, as good"
    return None


def trials_by(rows, at):
    return sum(t["phase"] == AGAIN and t["at"] <= at for t in rows)


class Phase:
    name = "phase"

    def __init__(self, run, o):
        self.run, self.o, self.minutes = run, o, o.minutes
        self.fill = ("--bench", "mixed", "--warehouses", o.warehouses, "--scale", o.scale)
        self.site = Site(run, self.name, o.profile, self.fill)
        self.story = run.journal("story")

    def stages(self):
        return [Stage("load " + " ".join(map(str, self.fill)) + " and copy the data", lambda: 0 if self.site.prepared() or self.story.rows else 60 + 15 * self.o.warehouses + 300 * self.o.scale,
                      lambda budget: self.site.prepare()),
                Stage("the story in one piece: " + ", ".join(f"{n} {m:g} min" for n, m in zip((FIRST, BETWEEN, AGAIN), self.minutes)),
                      lambda: 0 if self.story.rows else 60 * sum(self.minutes) + 120, self.tell)]

    def tell(self, budget):
        budget.take(60 * sum(self.minutes) + 120, "the story, which is told in one piece,")
        self.run.write("schedule.yaml", SCHEDULE.format(clients=self.o.clients, streams=self.o.streams, names=(FIRST, BETWEEN, AGAIN), minutes=[f"{m:g}" for m in self.minutes]))
        schedule = shutil.copy(self.run.file("schedule.yaml"), self.site.cluster.folder)
        os.chmod(schedule, 0o644)
        live = Live(self.site, self.o.arm, ("--schedule", schedule, "--lifetime", LIFETIME_S), self.o.window, self.o.windows, 0, self.run.journal("trials"))
        shutil.rmtree(os.path.join(self.site.cluster.folder, f"store-{self.o.arm}"), ignore_errors=True)     # the memory of a story that was broken off
        self.run.put(in_data=None)
        self.run.write(live.conf_name, "")
        try:
            live.begin()
            heard = self.listen(live)
            store, log = live.tuner.store, live.load.log
        finally:
            live.end()
        with open(log, encoding="utf-8", errors="replace") as f:
            switches = switches_in(f, self.minutes)
        if len(switches) < 2:
            raise OSError(f"the load does not tell when it switched; see {log}")
        self.story.append({**heard, "switches": switches, "announced": announcements(store)})

    def listen(self, live):
        """Follows load and Homeostat until the schedule is over, or everything that is asked is answered."""
        phase, noticed, rows, readings, reading, quiet_since, in_force = FIRST, [], [], [], None, time.time() + WARM_CACHE_S, None
        began = {}      # case: phase; what a switch breaks off is no trial of the phase in which it is put back
        while True:
            time.sleep(LOOK_S)
            tps = None
            try:
                now, counters = time.time(), live.load.counters()
                found, acts = live.poll()
                if isinstance(found, dict):     # it is told once, so nothing that may fail stands between
                    rows.append({**found, "trial": len(rows) + 1, "at": now, "phase": began.get(found["case"], phase)})
                    say(f"trial {len(rows)}, phase {rows[-1]['phase']}: {found['verdict']}, {'kept' if found['kept'] else 'put back'}")
                if acts:
                    began.setdefault(live.followed, phase)
                conf = live.site.cluster.settings_in(live.site.cluster.auto_conf())
                if counters["schedule"]["phase"] not in (phase, None):
                    phase = counters["schedule"]["phase"]
                    noticed.append(now)     # to know where the story is; when it switched, the driver tells
                    say(f"the load switches: {phase}")
                    quiet_since = now + SWITCH_S
                if acts or conf != in_force or now < quiet_since:
                    quiet_since, in_force, reading = max(quiet_since, now + (SWITCH_S if conf != in_force else 0)), conf, None
                elif reading is None:
                    reading = Stretch(live.load)
                elif time.monotonic() - reading.began >= READING_S:
                    tps, reading = reading.end()["tps"], None
            except (OSError, ValueError):
                if live.load.process.poll() is not None:
                    break
                reading = None      # it was only slow to answer, or broke off in the middle
                continue
            if tps is not None:
                readings.append({"at": now, "phase": phase, "in_force": conf, "tps": tps})
                if phase == AGAIN and trials_until_best(rows, readings) and now > noticed[-1] + 2 * WITHIN_WINDOWS * self.o.window:
                    break
        if len(noticed) < 2:
            raise OSError(f"the load ended before its schedule was over; see {live.load.log}")
        return {"trials": rows, "readings": readings}

    # ---- what it came to ----

    def report(self):
        story = self.story.rows[0]
        found = windows_until(story["switches"], story["announced"], self.o.window)
        often = [len(after) for after in after_each(story["switches"], story["announced"])]
        early = sum(at <= story["switches"][0] for at in story["announced"])
        back = trials_until_best(story["trials"], story["readings"])
        won = [t for t in story["trials"] if t["phase"] == FIRST and t["kept"]]
        worst = max(found)
        ok = self.run.state["limited"] and worst <= WITHIN_WINDOWS and early == 0 and often == [1, 1] and back is not None and back[0] <= WITHIN_TRIALS and bool(won)
        text = table(["trial", "phase", "verdict", "kept", "proposal"], [[str(t["trial"]), t["phase"], t["verdict"], str(t["kept"]), t["proposal"] or "-"] for t in story["trials"]])
        write_report(self.run, text, {**story, "windows": [f"{w}" for w in found], "back": back})
        words = ["each switch announced after " + " and ".join(f"{w:g}" for w in found) + f" windows of <= {WITHIN_WINDOWS}", f"{' and '.join(map(str, often))} announcements after them of 1 each",
                 f"{early} before the first of 0",
                 f"the first load's best is back after {back[0]} trials of <= {WITHIN_TRIALS} ({back[1]})" if back else "the first load's best did not come back",
                 f"{len(won)} changes kept in the first phase" + ("" if won else ", so there was nothing to come back to"), f"{len(story['trials'])} trials", *told(self.run.state)]
        return f"phase {worst:g} windows (bar <= {WITHIN_WINDOWS}; {'; '.join(words)}) {'ok' if ok else 'short'}", ok


def three(text):
    found = [positive(m) for m in text.split(",")]
    if len(found) != 3:
        raise argparse.ArgumentTypeError("three numbers are needed, such as 90,60,60")
    return found


def main():
    p = parser(__doc__, "phase")
    p.add_argument("--minutes", type=three, default=[90.0, 60.0, 60.0], help="how long the phases take; the last ends early when all is known (90,60,60)")
    p.add_argument("--arm", choices=("allowed", "never"), default="allowed", help="restarts (allowed)")
    p.add_argument("--warehouses", type=at_least_one, default=12)
    p.add_argument("--clients", type=at_least_one, default=8)
    p.add_argument("--scale", type=positive, default=0.3, help="of TPC-H, in the same database (0.3)")
    p.add_argument("--streams", type=at_least_one, default=2)
    p.add_argument("--window", type=at_least_one, default=30, help="seconds of one of Homeostat's windows (30)")
    p.add_argument("--windows", type=at_least_one, default=10, help="windows of each configuration in a trial, at most (10)")
    return conduct("phase", p.parse_args(), Phase)


if __name__ == "__main__":
    sys.exit(main())
