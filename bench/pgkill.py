#!/usr/bin/python3
"""bench/pgkill.py - PostgreSQL dies under Homeostat's hands, and somebody starts it again.

  pgkill.py [--kills 50] [--arenas 2] [--seed 1] [--both 0.5]

A case sets parameters, restarts the server, toggles for a trial, or puts back; at a random moment of that the server is stopped
at once (pg_ctl -m immediate) or its postmaster is killed (-9).  A supervisor starts it a little later, as systemd would,
also while Homeostat's own restart command is at it.  Each case must end CLOSED or PARKED, and then the server is asked, and its
postgresql.auto.conf read: either all old values are there or all new ones, and it is what the case says.  A case may say
that it does not know (PARKED, unknown) in a tenth of the kills.
"""
import argparse
import json
import os
import re
import sys
import threading
import time
import traceback

import psycopg2

from lab import Arena, Violation, end_well, exec_body, in_parallel, pick, plan_of, setting_step
from cluster import Cluster, gone

# What the kill is to hit, and the phases of a case in which that happens.
STEPS = {"set": ("preparing", "probing", "doing"), "restart": ("doing",), "toggle": ("to_incumbent", "to_candidate"), "undo": ("undoing",),
         "undo restart": ("undoing",)}
KINDS = list(STEPS)
END_S = 150
WATCHED = ("work_mem", "random_page_cost", "effective_io_concurrency", "shared_buffers")


class Supervisor(threading.Thread):
    """Starts the server when it has been down for a moment."""

    def __init__(self, pg, chance):
        super().__init__(daemon=True)
        self.pg, self.chance, self.ended, self.starts = pg, chance, threading.Event(), 0

    def run(self):
        while not self.ended.wait(0.05):
            if self.pg.running():
                continue
            if self.ended.wait(self.chance.uniform(0.1, 1.2)) or self.pg.running():
                continue
            self.starts += 1
            reap(self.pg)
            # It may fail: Homeostat's restart command may have been faster.
            self.pg.run("pg_ctl", "-D", self.pg.data, "-l", self.pg.log, "-w", "-t", "30", "start", check=False)

    def end(self):
        self.ended.set()
        self.join(60)


class Load(threading.Thread):
    """Small transactions, so that there is something to measure."""

    def __init__(self, pg):
        super().__init__(daemon=True)
        self.pg, self.ended = pg, threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                c = self.pg.connect(connect_timeout=2)
                with c.cursor() as cursor:
                    while not self.ended.wait(0.01):
                        cursor.execute("SELECT count(*) FROM pg_class")
                c.close()
            except psycopg2.Error:
                time.sleep(0.1)


def reap(pg):
    """A postmaster that Homeostat's restart command started is our child once that has ended; nobody else takes its zombie away."""
    try:
        with open(os.path.join(pg.data, "postmaster.pid"), encoding="utf-8") as f:
            gone(int(f.readline()))
    except (OSError, ValueError):
        pass


def patiently(what, limit_s=60):
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return what()
        except psycopg2.Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Trial:
    """One arena."""

    def __init__(self, name, seed, both):
        self.chance, self.both = pick(seed), both
        self.arena = Arena(name, postgres=True, settings={"shared_preload_libraries": "pg_stat_statements"}, target={"load_saturates": "true", "sample_interval": "250ms", "trial_start": self.chance.choice(("true", "false"))},
                           tune={"window": "2s", "windows_min": 2, "windows_max": 4}).first_start()
        self.pg = self.arena.pg
        self.pg.psql("CREATE EXTENSION pg_stat_statements")
        self.supervisor, self.load = Supervisor(self.pg, pick(f"{seed} supervisor")), Load(self.pg)
        self.client = self.arena.client()
        self.violations, self.ends, self.phases = [], {}, {}
        self.unknown = self.count = 0
        self.arena.daemon.start()
        self.arena.daemon.wait_ready()
        self.load.start()
        self.supervisor.start()

    # -- the world --

    def shown(self):
        """{name: value} as the server says, and the same as its file says."""
        rows = patiently(lambda: self.pg.psql("SELECT name, setting, pending_restart FROM pg_settings WHERE name = ANY(%s)", (list(WATCHED),)))
        with open(os.path.join(self.pg.data, "postgresql.auto.conf"), encoding="utf-8") as f:
            entries = dict(re.findall(r"(?m)^(\w+) = '(.*)'$", f.read()))
        return {n: v for n, v, _ in rows}, {n: entries.get(n) for n in WATCHED}, [n for n, _, p in rows if p]

    def wish(self, kind):
        """{name: (from, to)} as a plan says it."""
        show = dict(patiently(lambda: self.pg.psql("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", (list(WATCHED),))))
        self.count += 1
        mem = 4096 + 8 * self.count
        cost = round(4.0 - self.count / 1000, 3)
        changes = {"work_mem": (show["work_mem"], f"{mem}kB"), "random_page_cost": (show["random_page_cost"], f"{cost:g}")}
        if "restart" in kind:
            changes["shared_buffers"] = (show["shared_buffers"], "144MB" if show["shared_buffers"] == "128MB" else "128MB")
        return changes

    def kill_server(self):
        if self.chance.random() < 0.5:
            self.pg.run("pg_ctl", "-D", self.pg.data, "-m", "immediate", "-W", "stop", check=False)
        else:
            self.pg.kill()

    # -- a case --

    def ask(self, method, path, body=None):
        return self.client.ask(method, path, body, None if method == "GET" else f"pgkill-{time.monotonic_ns()}")

    def look(self, case):
        return self.ask("GET", f"/case/{case}").data

    def case_until(self, case, done, what, pause_s=0.02):
        deadline = time.monotonic() + END_S
        while True:
            c = self.look(case)
            if done(c):
                return c
            if time.monotonic() > deadline:
                raise Violation(f"stuck: case {case} ({what}) is still {c['status']}/{c['phase']} after {END_S} s")
            time.sleep(pause_s)

    def begin(self, kind, changes):
        """A case that is being executed; None when the gate would not have it right now."""
        case = self.ask("POST", "/case/create", {"title": f"pg-kill {self.count} {kind}", "target": "main"}).data["id"]
        if "restart" in kind:
            steps = [setting_step(changes, action="postgres.restart")]
        else:
            steps = [setting_step({n: c}) for n, c in changes.items()]
        verify = {"method": "immediate"} if kind == "toggle" else {"method": "readback"}
        for step in steps:
            step["watch_s"] = 2 if kind.startswith("undo") else 0
        plan = plan_of(steps, f"{kind} {self.count}", verify)
        a = self.ask("POST", "/plan/generate", {"case_id": case, "plan": plan})
        if a.status != 200:
            raise Violation(f"the plan was answered {a}")
        for _ in range(300):
            a = self.ask("POST", "/gate/eval", {"case_id": case})
            if a.status != 200 or a.data["status"] != "WAIT_GATE":
                break
            time.sleep(0.1)
        if a.status != 200 or a.data["status"] != "EXECUTING":
            self.put_away(case)
            return None
        for _ in range(100):
            a = self.client.ask("POST", "/adapter/exec", exec_body(case, steps[0]), f"pgkill-{time.monotonic_ns()}", headers={"Prefer": "respond-async"})
            if a.status != 422:
                break
            time.sleep(0.1)
        if a.status != 202:
            raise Violation(f"exec was answered {a}")
        return case

    def put_away(self, case):
        c = self.look(case)
        if c["status"] not in ("PARKED", "CLOSED"):
            self.ask("PATCH", f"/case/{case}/transition", {"event": "cancel", "reason": "bench"})
            c = self.case_until(case, lambda c: c["status"] in ("PARKED", "CLOSED"), "put away")
        if c["status"] == "PARKED":
            self.ask("PATCH", f"/case/{case}/transition", {"event": "give_up", "reason": "bench"})
        return c

    def strike(self, kind, case):
        """Kill at a moment that belongs to the kind of step. Did it?"""
        over = ("PARKED", "CLOSED")
        if kind == "set":
            aim = self.chance.choice((("preparing",), ("probing",), ("doing",), ("doing",)))
            self.case_until(case, lambda c: c["phase"] in aim or c["status"] in over + ("VERIFYING",), kind, 0.002)
            time.sleep(self.chance.uniform(0, 0.03))
        elif kind == "restart":
            self.case_until(case, lambda c: c["phase"] == "doing" or c["status"] in over, kind)
            time.sleep(self.chance.uniform(0, 1.2))
        elif kind == "toggle":
            self.case_until(case, lambda c: c["status"] != "EXECUTING", kind)
            aim = self.chance.choice((("to_incumbent",), ("to_candidate",), ("to_incumbent", "to_candidate")))
            threading.Thread(target=self.verify, args=(case,), daemon=True).start()
            self.case_until(case, lambda c: c["phase"] in aim or c["status"] in over, kind, 0.002)
            time.sleep(self.chance.choice((0, 0, 0.01, 0.02)))
        else:
            self.case_until(case, lambda c: c["phase"] == "watching" or c["status"] != "EXECUTING", kind)
            time.sleep(self.chance.uniform(0, 0.5))
            self.ask("PATCH", f"/case/{case}/transition", {"event": "cancel", "reason": "bench"})
            self.case_until(case, lambda c: c["phase"] == "undoing" or c["status"] in over, kind, 0.002)
            time.sleep(self.chance.uniform(0, 0.7 if "restart" in kind else 0.03))
        phase = self.look(case)["phase"]
        self.kill_server()
        if self.chance.random() < self.both:
            self.arena.daemon.kill()
            time.sleep(self.chance.uniform(0, 0.3))
            self.arena.daemon.start()
        during = f"{kind}: {phase}"
        self.phases[during] = self.phases.get(during, 0) + 1
        return phase in STEPS[kind]

    def verify(self, case):
        client = self.arena.client()
        try:
            client.ask("POST", "/verify/run", {"case_id": case}, f"pgkill-{time.monotonic_ns()}", headers={"Prefer": "respond-async"})
        finally:
            client.close()

    def one(self, kind):
        """True when the kill came during the step that it was meant for."""
        old, old_file, _ = self.shown()
        changes = self.wish(kind)
        case = self.begin(kind, changes)
        if case is None:
            time.sleep(1)
            return False
        struck = self.strike(kind, case)
        c = self.case_until(case, lambda c: c["status"] not in ("EXECUTING",), kind)
        if c["status"] == "VERIFYING":
            self.ask("POST", "/verify/run", {"case_id": case})
            c = self.case_until(case, lambda c: c["status"] in ("PARKED", "CLOSED"), kind)
        self.judge(kind, case, c, changes, old, old_file)
        print(f"{kind}: {case} ended {c['status']}/{c['phase']}: {[t['reason'][:60] for t in self.ask('GET', f'/case/{case}/timeline').data if t['moved']][-5:]}", flush=True)
        end = f"{c['status']}/{c['phase']}"
        self.ends[end] = self.ends.get(end, 0) + 1
        if c["phase"] == "unknown":
            self.unknown += 1
            self.tidy(case, c)
        elif c["status"] == "PARKED":
            self.put_away(case)
        return struck

    def judge(self, kind, case, c, changes, old, old_file):
        """The old or the new configuration, whole, and the one that the case claims."""
        deadline = time.monotonic() + 20
        while not self.pg.running() and time.monotonic() < deadline:
            time.sleep(0.1)
        now, now_file, pending = self.shown()
        is_old = all(now[n] == old[n] and now_file[n] == old_file[n] for n in changes) and not pending
        is_new = all(now_file[n] == changes[n][1] for n in changes) and all(now[n] != old[n] for n in changes) and not pending
        where = f"{kind}, case {case} ended {c['status']}/{c['phase']}, proven {c['in_force_is_proven']}; in force {now}, file {now_file}, pending {pending}; before {old}, {old_file}; wanted {changes}"
        if c["phase"] == "unknown":
            return
        if c["status"] == "CLOSED" and not is_new:
            self.violations.append("CLOSED, but the new configuration is not in force: " + where)
        if c["status"] == "PARKED" and not (c["in_force_is_proven"] and is_old):
            self.violations.append("PARKED, but the old configuration is not in force: " + where)

    def tidy(self, case, c):
        """What a person would do: look, make it the old again, say so."""
        print(f"unknown: case {case}: {[(t['event'], t['reason']) for t in self.ask('GET', f'/case/{case}/timeline').data[-6:]]}", flush=True)
        patiently(lambda: self.pg.psql("ALTER SYSTEM RESET ALL"))
        self.supervisor.ended.set()
        self.supervisor.join(60)
        self.pg.restart()
        self.supervisor = Supervisor(self.pg, self.chance)
        self.supervisor.start()
        self.ask("PATCH", f"/case/{case}/transition", {"event": "in_force_proven", "reason": "bench"})
        self.ask("PATCH", f"/case/{case}/transition", {"event": "give_up", "reason": "bench"})

    def close(self):
        self.load.ended.set()
        self.supervisor.end()
        self.client.close()
        self.arena.close()


def play(name, seed, kills, both):
    end_well()
    trial = None
    struck, kinds = 0, []
    try:
        trial = Trial(name, seed, both)
        while len(kinds) < kills:
            kinds += KINDS
        tries = 0
        while struck < kills and tries < 4 * kills + 10:
            tries += 1
            try:
                struck += trial.one(kinds[struck])
            except Violation as e:
                trial.violations.append(str(e))
                break
        if struck < kills and not trial.violations:
            trial.violations.append(f"only {struck} of {kills} kills came in time: {trial.phases}")
        if trial.violations:
            trial.arena.keep = True
        return {"kills": struck, "unknown": trial.unknown, "ends": trial.ends, "phases": trial.phases, "starts": trial.supervisor.starts,
                "violations": trial.violations, "folder": trial.arena.folder}
    except Exception:
        return {"kills": struck, "unknown": 0, "ends": {}, "phases": {}, "starts": 0, "violations": [traceback.format_exc()], "folder": ""}
    finally:
        if trial:
            trial.close()
        Cluster.close_all()


def run(kills=50, arenas=2, seed=1, both=0.0, say=print):
    """(kills, unknown, violations)"""
    began = time.monotonic()
    shares = [kills // arenas + (i < kills % arenas) for i in range(arenas)]
    results = list(in_parallel(play, [(f"pgkill{i}", f"{seed}.{i}", shares[i], both) for i in range(arenas)]))
    for r in results:
        say(json.dumps({k: v for k, v in r.items() if k != "violations"}))
    say(f"{time.monotonic() - began:.0f} s")
    return sum(r["kills"] for r in results), sum(r["unknown"] for r in results), [v for r in results for v in r["violations"]]


def main():
    end_well()
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--arenas", type=int, default=2)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--both", type=float, default=0.0, help="in this share of the kills Homeostat dies with the server")
    o = parser.parse_args()
    kills, unknown, violations = run(o.kills, o.arenas, o.seed, o.both, lambda text: print(text, flush=True))
    for v in violations:
        print("VIOLATION", v)
    print(f"{kills} kills, {unknown} unknown, {len(violations)} violations")
    sys.exit(1 if violations or unknown > 0.1 * kills else 0)


if __name__ == "__main__":
    main()
