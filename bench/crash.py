#!/usr/bin/python3
"""bench/crash.py - kill -9 of Homeostat, everywhere and at any time, and then a count of what is left.

  crash.py [--kills 300] [--passes 3] [--points 1,2,17] [--layers 2] [--arenas 4] [--seed 1] [--keep]

In each arena (a store, a ledger of effects, a PostgreSQL) clients drive cases through the API with Idempotency-Keys and ask
again, with the same key, whatever happens to their connection.  Meanwhile the daemon dies: at every numbered point (first,
second, third time that it is passed), and at random moments; half of its lives run on the file layer that loses un-synced
pages.  In the end it may live, and everything is counted (crash_check.py):

  lost        an answered transition that is not in the store; a committed one without its timeline row or without its
              message; a message that no consumer ever got
  duplicate   an effect that happened more often than the case says; a request that took effect twice; a second answer
              under one key that differs from the first; one event under two ids
  stuck       a case that is still in EXECUTING or VERIFYING, a client that never got its answer
  inversion   events of one case that reached a consumer in another order than they were committed
"""
import argparse
import json
import os
import sys
import threading
import time
import traceback

from crash_check import check_arena
from lab import Arena, Cluster, Consumer, GoneAway, Violation, end_well, exec_body, in_parallel, ledger_step, pick, plan_of, setting_step

POINTS = list(range(1, 24))
IN_RECOVERY, AFTER_RECOVERY, MID_EFFECT = 22, 23, 17
REACH_S = 20            # within so much time a life must come to its point
SETTLE_S = 150          # and in the end everything must have settled within this


class Flow(threading.Thread):
    """One client: opens cases and drives them to their end, one after the other."""

    def __init__(self, show, number, kinds):
        super().__init__(daemon=True)
        self.show, self.arena, self.number, self.kinds = show, show.arena, number, kinds
        self.client = self.arena.client(lambda: show.abandoned.is_set())
        self.chance = pick(f"{show.seed}/{number}")
        self.ops = []          # every answered request with what was answered
        self.cases = []        # {"id", "kind", "steps", ...}: what the check expects
        self.violations = []
        self.count = 0
        self.doing = "nothing yet"

    def run(self):
        try:
            while not self.show.draining.is_set():
                self.count += 1
                kind = self.chance.choice(self.kinds)
                getattr(self, "flow_" + kind)()
            self.doing = None
        except GoneAway as gone:
            self.violations.append(f"stuck: no answer to {gone} ({self.doing})")
        except Violation as e:
            self.violations.append(str(e))
        except Exception:
            self.violations.append("the bench itself failed: " + traceback.format_exc())
        finally:
            self.client.close()

    # -- requests --

    def op(self, what, method, path, body=None, if_match=None, prefer=None, keyed=True):
        key = f"{self.show.name}-{self.number}-{self.count}-{len(self.ops)}" if keyed else None
        self.doing = f"{what} {path}"
        headers = {"Prefer": prefer} if prefer else None
        a = self.client.ask(method, path, body, key, if_match, headers)
        if not keyed:
            return a
        one = {"what": what, "method": method, "path": path, "body": body, "key": key, "if_match": if_match, "status": a.status,
               "raw": a.raw, "version": a.version}
        self.ops.append(one)
        if self.chance.random() < 0.15:
            self.repeat(self.chance.choice(self.ops[-5:]))
        return a

    def repeat(self, one):
        again = self.client.ask(one["method"], one["path"], one["body"], one["key"], one["if_match"])
        if (again.status, again.raw, again.version) != (one["status"], one["raw"], one["version"]):
            raise Violation(f"duplicate: {one['method']} {one['path']} with key {one['key']} was answered {one['status']} {one['raw'][:200]!r} "
                            f"and when asked again {again}")

    def look(self, case):
        return self.op("look", "GET", f"/case/{case}", keyed=False).data

    def wait_until(self, case, done, limit_s=240):
        deadline = time.monotonic() + limit_s
        while True:
            c = self.look(case)
            if done(c):
                return c
            if time.monotonic() > deadline or self.show.abandoned.is_set():
                raise Violation(f"stuck: case {case} is still {c.get('status')}/{c.get('phase')} (deadline {c.get('deadline_at')})")
            time.sleep(0.05)

    def event(self, case, event, if_match=None):
        return self.op(event, "PATCH", f"/case/{case}/transition", {"event": event, "reason": "bench"}, if_match)

    # -- the parts of a case --

    def create(self, kind, **more):
        title = f"{self.show.name} {self.number} {self.count} {kind}"
        a = self.op("create", "POST", "/case/create", {"title": title, **more})
        if a.status != 201:
            raise Violation(f"create was answered {a}")
        self.cases.append({"id": a.data["id"], "kind": kind, "title": title, "steps": []})
        return a.data["id"], self.cases[-1]

    def execute(self, case, plan, prefer="wait=5"):
        """Plan, gate and execution; False when the gate or the plan was refused."""
        a = self.op("plan", "POST", "/plan/generate", {"case_id": case, "plan": plan})
        if a.status != 200:
            raise Violation(f"plan was answered {a}")
        for _ in range(400):
            a = self.op("gate", "POST", "/gate/eval", {"case_id": case})
            if a.status != 200 or a.data.get("status") != "WAIT_GATE":
                break
            time.sleep(0.05)
        if a.status != 200 or a.data["status"] != "EXECUTING":
            return False
        for _ in range(200):      # right after a start nothing is known of a target yet, and unknown is not safe
            a = self.op("exec", "POST", "/adapter/exec", exec_body(case, plan["steps"][0]), prefer=prefer)
            if a.status != 422:
                break
            time.sleep(0.1)
        if a.status not in (200, 202):
            raise Violation(f"exec was answered {a}")
        return True

    def finish(self, case):
        """From wherever it stands to CLOSED, or to PARKED when it is unknown what is in force."""
        c = self.wait_until(case, lambda c: c["status"] not in ("EXECUTING",))
        if c["status"] == "VERIFYING":
            a = self.op("verify", "POST", "/verify/run", {"case_id": case}, prefer="wait=5")
            if a.status not in (200, 202, 409):
                raise Violation(f"verify was answered {a}")
            c = self.wait_until(case, lambda c: c["status"] not in ("VERIFYING",))
        return self.put_away(case, c)

    def put_away(self, case, c):
        if c["status"] == "PARKED" and c["in_force_is_proven"]:
            a = self.event(case, "give_up", c["version"])
            if a.status == 200:
                c = a.data
        return c

    # -- kinds of cases --

    def flow_plain(self):
        case, file = self.create("plain")
        names = [f"s{i}" for i in range(self.chance.randint(1, 3))]
        steps = [ledger_step(self.arena, n, sleep_s=self.chance.choice((0, 0, 0, 0.05))) for n in names]
        file["steps"] = [(n, "witness") for n in names]
        if self.execute(case, plan_of(steps), self.chance.choice(("wait=5", "respond-async"))):
            self.finish(case)

    def flow_slow(self):
        case, file = self.create("slow")
        file["steps"] = [("slow", "witness")]
        if self.execute(case, plan_of([ledger_step(self.arena, "slow", sleep_s=self.chance.uniform(0.15, 0.6), retry=1)])):
            self.finish(case)

    def flow_blind(self):
        case, file = self.create("blind")
        file["steps"] = [("blind", "blind")]
        if self.execute(case, plan_of([ledger_step(self.arena, "blind", witness=False, undo=False, sleep_s=self.chance.choice((0, 0.1)), retry=1)])):
            c = self.finish(case)
            if c["status"] == "PARKED" and not c["in_force_is_proven"]:
                file["was_unknown"] = True
                a = self.event(case, "in_force_proven")
                if a.status == 200:
                    self.put_away(case, a.data)

    def flow_fails(self):
        case, file = self.create("fails")
        file["steps"] = [("a", "witness"), ("b", "witness"), ("bad", "witness")]
        steps = [ledger_step(self.arena, "a"), ledger_step(self.arena, "b"), ledger_step(self.arena, "bad", fails=True)]
        if self.execute(case, plan_of(steps)):
            self.finish(case)

    def flow_cancel(self):
        case, file = self.create("cancel")
        names = ["a", "b", "c"]
        file["steps"] = [(n, "witness") for n in names]
        if self.execute(case, plan_of([ledger_step(self.arena, n, sleep_s=0.08) for n in names]), "respond-async"):
            time.sleep(self.chance.uniform(0, 0.5))
            c = self.look(case)
            if c["status"] in ("EXECUTING", "VERIFYING"):
                self.event(case, "cancel", self.chance.choice((None, c["version"])))
            self.finish(case)

    def flow_remark(self):
        case, _ = self.create("remark")
        for i in range(self.chance.randint(1, 3)):
            self.op("comment", "POST", f"/case/{case}/comment", {"text": f"remark {i}"})
        a = self.event(case, self.chance.choice(("cancel", "start_analysis")), 1)
        if a.status != 200 or a.version != 2:
            raise Violation(f"the first event of a new case was answered {a}")
        if a.data["status"] == "ANALYZING":
            a = self.event(case, "cancel", a.version)
        self.put_away(case, a.data)

    # -- a PostgreSQL --

    def flow_set(self, kind="set"):
        pg = self.arena.pg
        now = pg.psql("SELECT name, setting FROM pg_settings WHERE name IN ('random_page_cost', 'work_mem', 'wal_buffers')")
        now = dict(now)
        cost, mem = float(now["random_page_cost"]), int(now["work_mem"])
        self.show.unique += 1
        to_mem = 4096 + self.show.unique
        to_cost = round(1.0 + (self.show.unique * 7 % 2900) / 1000, 3) if cost == 4.0 else round(4.0 - cost % 1 / 1000, 4)
        to_cost = max(cost * 0.75, min(cost * 1.25, to_cost))
        to_cost = round(to_cost, 3)
        changes = {"work_mem": (f"{mem}kB", f"{to_mem}kB"), "random_page_cost": (f"{cost:g}", f"{to_cost:g}")}
        case, file = self.create(kind, target="main")
        steps = [setting_step({"work_mem": changes["work_mem"]}), setting_step({"random_page_cost": changes["random_page_cost"]})]
        if kind == "restart":
            steps = [setting_step(changes, action="postgres.restart")]
        file["work_mem"], file["from_mem"] = to_mem, mem
        # Without a load a trial has nothing to measure with: it toggles, gives up, and is put back.
        ran = self.execute(case, plan_of(steps, verify={"method": "immediate"} if kind == "trial" else None))
        if not ran:
            time.sleep(0.7)      # what was known of the target was a moment old, or nothing yet
        c = self.finish(case) if ran else self.put_away(case, self.look(case))
        shown = dict(pg.psql("SELECT name, setting FROM pg_settings WHERE name IN ('random_page_cost', 'work_mem')"))
        new = int(shown["work_mem"]) == to_mem, abs(float(shown["random_page_cost"]) - to_cost) < 1e-9
        old = int(shown["work_mem"]) == mem, abs(float(shown["random_page_cost"]) - cost) < 1e-9
        with open(os.path.join(pg.data, "postgresql.auto.conf"), encoding="ascii") as f:
            in_file = f"'{to_mem}kB'" in f.read()
        file["final"] = c["status"], c["phase"]
        if c["phase"] == "done" and c["status"] == "CLOSED":
            if not all(new) or not in_file:
                raise Violation(f"lost: case {case} is closed as done, but the server shows {shown}, not {to_mem} and {to_cost} (in the file: {in_file})")
        elif c["in_force_is_proven"]:
            if not all(old) or in_file:
                raise Violation(f"duplicate: case {case} ended {c['status']}/{c['phase']} as put back, but the server shows {shown}, not {mem} and {cost} (ours in the file: {in_file})")
        else:
            raise Violation(f"stuck: case {case} on a PostgreSQL that always answered ended {c['status']}/{c['phase']}, which a witness should have prevented")

    def flow_restart(self):
        self.flow_set("restart")

    def flow_trial(self):
        self.flow_set("trial")


SCRIPTS = ["plain", "plain", "plain", "slow", "slow", "slow", "blind", "fails", "cancel", "remark"]
SETTINGS = ["set"] * 4 + ["trial"] * 2 + ["restart"]


class Show:
    """One arena with its clients, and the lives of its daemon."""

    def __init__(self, name, seed, flows, postgres, keep=False):
        self.name, self.seed = name, seed
        self.draining, self.abandoned = threading.Event(), threading.Event()
        self.arena = Arena(name, postgres=postgres).first_start()
        self.arena.keep = keep
        self.chance = pick(seed)
        self.unique = 0
        self.kills = self.points_hit = 0
        self.missed = []
        self.flows = [Flow(self, i, SCRIPTS) for i in range(flows)]
        if postgres:
            self.flows.append(Flow(self, flows, SETTINGS))
        self.consumer = Consumer(self.arena.port, self.arena.token)

    def life(self, point=None, lossy=False):
        """One life, ended by a kill. point: (number, pass), or None for a random moment."""
        env = {"HOMEOSTAT_STORE_LOSSY": 1} if lossy else {}
        daemon = self.arena.daemon
        if point:
            # Half of the time the others may go on for a moment: what they should not know yet gets out then.
            env["HOMEOSTAT_CRASH_AT"] = f"{point[0]}:{point[1]}:{self.chance.choice((0, 30))}"
        full = None
        if not point and self.chance.random() < 0.15:
            full = os.path.join(self.arena.folder, "full")
            env.update(HOMEOSTAT_STORE_FAIL="full:1", HOMEOSTAT_STORE_FAIL_WHILE=full)
        daemon.start(**env)
        if point:
            code = daemon.wait_end(REACH_S)
            daemon.kill()
            if code is None:
                return False
            if code != -9:
                raise Violation(f"homeostat ended with {code} by itself: {daemon.log_tail(5)}")
            self.points_hit += 1
            return True
        if self.chance.random() < 0.85:
            daemon.wait_ready()
            if full:
                self.fill_disk(full)
            until, cap = self.progress() + self.chance.randint(0, 16), time.monotonic() + 2.5
            while self.progress() < until and time.monotonic() < cap:
                self.wait_dead_or(0.005)
            self.wait_dead_or(self.chance.uniform(0, 0.03))
        else:      # while it starts
            self.wait_dead_or(self.chance.uniform(0, 0.08))
        if self.chance.random() < 0.07:
            daemon.stop()
        else:
            daemon.kill()
        self.kills += 1
        return True

    def fill_disk(self, path):
        """For a while the disk is full, now and then: what is under way then is taken up again in the same life."""
        for _ in range(self.chance.randint(1, 3)):
            self.wait_dead_or(self.chance.uniform(0, 0.5))
            open(path, "w", encoding="ascii").close()
            self.wait_dead_or(self.chance.uniform(0, 0.3))
            os.unlink(path)

    def progress(self):
        """Of those who run programs: they are slower than those who set parameters, and leave effects to be counted."""
        return sum(len(f.ops) for f in self.flows if f.kinds is SCRIPTS)

    def wait_dead_or(self, seconds):
        code = self.arena.daemon.wait_end(seconds)
        if code is not None:
            raise Violation(f"homeostat ended with {code} by itself: {self.arena.daemon.log_tail(5)}")

    def run(self, lives):
        """lives: a list of ("point", number, pass, lossy) and ("random", lossy)."""
        self.consumer.start()
        for f in self.flows:
            f.start()
        for one in lives:
            if one[0] == "random":
                self.life(lossy=one[1])
                continue
            _, number, passes, lossy = one
            for _ in range(3):
                if number == IN_RECOVERY:   # something must have been under way
                    self.life((MID_EFFECT, 1), lossy)
                if self.life((number, passes), lossy):
                    break
            else:
                self.missed.append((number, passes))
            if any(f.violations for f in self.flows):
                break

    def settle(self):
        """A last, undisturbed life in which everything comes to its end."""
        self.draining.set()
        self.arena.daemon.start()
        self.arena.daemon.wait_ready()
        deadline = time.monotonic() + SETTLE_S
        for f in self.flows:
            f.join(max(0.1, deadline - time.monotonic()))
        for f in self.flows:
            if f.is_alive():
                f.violations.append(f"stuck: after {SETTLE_S} s a client is still at {f.doing}")
        for f in self.flows:      # every first answer is still the answer
            for one in f.ops[-150:]:
                try:
                    f.repeat(one)
                except Violation as e:
                    f.violations.append(str(e))
                except GoneAway:
                    f.violations.append(f"stuck: no answer to a repeated {one['path']}")
                    break
        self.abandoned.set()
        while time.monotonic() < deadline + 10:
            with self.arena.database() as db:
                last, waiting = db.execute("SELECT coalesce(max(id), 0), coalesce(sum(published_at IS NULL), 0) FROM outbox").fetchone()
            if waiting == 0 and self.consumer.last >= last:
                break
            time.sleep(0.1)
        code = self.arena.daemon.stop()
        self.consumer.end()
        return [] if code == 0 else [f"the last life ended with {code}"]

    def close(self):
        self.abandoned.set()
        self.consumer.ended.set()
        self.arena.close()


def play(name, seed, flows, lives, keep, postgres=True):
    """One arena from its beginning to its count; the result as a plain dict."""
    end_well()
    show = None
    violations = []
    counts = {}
    try:
        show = Show(name, seed, flows, postgres=postgres, keep=keep)
        try:
            show.run(lives)
        except Violation as e:
            violations.append(str(e))
        violations += show.settle()
        for f in show.flows:
            violations += f.violations
        found, counts = check_arena(show)
        violations += found
        counts.update(kills=show.kills, points=show.points_hit, lives=show.arena.daemon.lives, repeats=sum(f.client.repeats for f in show.flows))
        if violations:
            show.arena.keep = True
            violations.append(f"(what is left of arena {name} lies in {show.arena.folder})")
        return {"violations": violations, "missed": show.missed, "counts": counts}
    except Exception:
        return {"violations": violations + [f"arena {name}: {traceback.format_exc()}"], "missed": [], "counts": counts}
    finally:
        if show:
            show.close()
        Cluster.close_all()


def plan_lives(points, passes, kills, arenas, seed, layers):
    """Every point, every pass, with and without the lossy file layer, and random kills; dealt out to the arenas."""
    chance = pick(f"lives {seed}")
    lives = []
    for number in points:
        for p in range(1, passes + 1):
            # Recovery comes once in a life: the other passes are the same again.
            once = number in (IN_RECOVERY, AFTER_RECOVERY)
            for lossy in (False, True) if layers == 2 else ((number + p) % 2 == 1,):
                lives.append(("point", number, 1 if once else p, lossy))
    lives += [("random", i % 2 == 1) for i in range(kills)]
    chance.shuffle(lives)
    return [lives[i::arenas] for i in range(arenas)]


def run(kills=300, passes=3, points=None, arenas=4, seed=1, flows=4, keep=False, say=print, postgres=True, layers=2):
    """All arenas at once. Returns (violations, points that were not reached, counts)."""
    began = time.monotonic()
    dealt = plan_lives(POINTS if points is None else points, passes, kills, arenas, seed, layers)
    results = []
    for i, result in enumerate(in_parallel(play, [(f"crash{i}", f"{seed}.{i}", flows, dealt[i], keep, postgres) for i in range(arenas)])):
        results.append(result)
        say(f"arena {i}: {json.dumps(result['counts'])}, {len(result['violations'])} violations, {time.monotonic() - began:.0f} s")
    violations = [v for r in results for v in r["violations"]]
    missed = [m for r in results for m in r["missed"]]
    counts = {}
    for r in results:
        for k, v in r["counts"].items():
            counts[k] = counts.get(k, 0) + v
    counts["seconds"] = round(time.monotonic() - began)
    return violations, missed, counts


def main():
    end_well()
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--points")
    parser.add_argument("--arenas", type=int, default=4)
    parser.add_argument("--flows", type=int, default=4)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", action="store_true", help="leave the arenas' folders behind")
    parser.add_argument("--no-postgres", action="store_true")
    parser.add_argument("--layers", type=int, default=2, help="2: each point with and without the lossy file layer; 1: with or without")
    o = parser.parse_args()
    points = None if o.points is None else [int(p) for p in o.points.split(",") if p]
    violations, missed, counts = run(o.kills, o.passes, points, o.arenas, o.seed, o.flows, o.keep, lambda text: print(text, flush=True), not o.no_postgres, o.layers)
    for v in violations:
        print("VIOLATION", v)
    for m in missed:
        print("NOT REACHED point %d, pass %d" % m)
    print(json.dumps(counts))
    sys.exit(1 if violations or missed else 0)


if __name__ == "__main__":
    main()
