#!/usr/bin/env python3
"""A stand-in for the engine: serves the built dashboard and a small moving world behind the same API.

    tests/browser/stub_server.py --page build/ui --port 8123 [--scenario degraded,stopped] [--token secret]

It exists for states that a real engine shows once in a blue moon (a store that cannot be written, an outcome that
nobody can tell) and for working on the dashboard. Listens on 127.0.0.1 only. Scenarios, to be combined with commas:
    normal       a case is being verified, another waits at the gate, six are history
    degraded     the store cannot be written            stopped     the stop switch is on
    unknown      a parked case whose outcome is lost    down        the target does not answer
    estimated    no driver: latencies are estimates     bare        members of answers are missing
    hostile      titles that try to be markup           empty       nothing has happened yet
    two          a second target                        idle        no case is open
    viewer       the token may only look                deep        five hours of minutes before the seconds
    many         hundreds of cases                      wordy        names and reasons without a blank, as long as they may be
    flowing      telemetry is taken in, all is well     stuck       a sink is stuck, a window failed, a part did not reload
    full         the journal is full                    quiet       ingest is on and nothing came yet
Without one of the last four ingest is off.
"""
import argparse
import json
import math
import os
import queue
import random
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
MINUTE = 60.0
DEGRADED = "cases.db cannot be written: no space left on the device"
GAP = (-9.2 * MINUTE, -8.5 * MINUTE)     # nobody could be read here: a restart


def iso(t):
    return datetime.fromtimestamp(t, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Problem(Exception):
    def __init__(self, status, suffix, title, detail, hint=None):
        super().__init__(title)
        self.status = status
        self.body = {"type": "urn:homeostat:problem:" + suffix, "title": title, "status": status, "detail": detail, "hint": hint}


class World:
    """What the stub pretends; all times are seconds since 1970. Guarded by one lock."""

    def __init__(self, scenario="normal", token="stub-token-0123456789", tick=1.0):
        self.scenario = set(scenario.split(","))
        self.token, self.tick = token, tick
        self.began = time.time()
        self.late = False
        self.lock = threading.RLock()
        self.listeners, self.requests, self.answers = [], [], {}
        self.events, self.serial = [], 0
        self.stop_row = None
        self.cases, self.outcomes, self.arm = {}, [], None
        if "wordy" in self.scenario:
            self.stop_row = {"scope": "", "why": "y" * 199, "actor": "token:" + "o" * 48, "created_at": iso(self.began - 340), "expires_at": iso(self.began + 5000)}
        if "stopped" in self.scenario:
            self.stop_row = {"scope": "", "why": "index build by the billing team", "actor": "token:alice", "created_at": iso(self.began - 340), "expires_at": iso(self.began + 5000)}
        if "empty" not in self.scenario:
            self.history()

    # ---- the past ----

    def history(self):
        past = [   # minutes ago, title, knobs, method, outcome, effect, half width
            (24.0, "A quarter of memory for shared_buffers", [("shared_buffers", "128MB", "256MB")], "restart", "better", 0.121, 0.041),
            (20.5, "Larger work_mem for sorts", [("work_mem", "4MB", "4915kB")], "immediate", "undecided", 0.004, 0.019),
            (17.0, "Wider checkpoints", [("max_wal_size", "1GB", "1228MB"), ("checkpoint_timeout", "5min", "6min")], "checkpoint", "better", 0.187, 0.038),
            (13.5, "Cheaper random pages", [("random_page_cost", "4", "3.2")], "planner", "worse", -0.062, 0.024),
            (9.5, "Forty percent of memory for shared_buffers", [("shared_buffers", "256MB", "409MB")], "restart", "better", 0.083, 0.031),
            (5.5, "Compressed full page images", [("wal_compression", "off", "lz4")], "checkpoint", "better", 0.058, 0.026),
        ]
        for i, (ago, title, knobs, method, outcome, effect, half) in enumerate(past):
            at = self.began - ago * MINUTE
            case = self.add_case("0192f3a0-0000-7000-8000-%012d" % (i + 1), title, knobs, method, at)
            step = [("start_analysis", "ANALYZING", 1, 101), ("analysis_done", "PLANNING", 2, 201), ("plan_ready", "WAIT_GATE", 3, 301),
                    ("gate_approved", "EXECUTING", 4, 401), ("exec_done", "VERIFYING", 9, 501)]
            for event, to, after, rule in step:
                self.move(case, event, to, at + after, rule)
            end = at + 150
            self.judge(case, outcome, effect, half, method, end)
            if outcome == "better":
                self.move(case, "verify_pass", "CLOSED", end, 601, "proven better")
            else:
                self.move(case, "verify_failed", "PARKED", end, 602, "not proven better, and put back")
                self.move(case, "give_up", "CLOSED", end + 1, 702, "learn from what did not help")
        if "idle" not in self.scenario:
            live = self.add_case("0192f3a0-0000-7000-8000-00000000000a", "More patience for the background writer", [("bgwriter_lru_maxpages", "100", "120"), ("bgwriter_delay", "200ms", "180ms")], "immediate", self.began - 44)
            for event, to, after, rule in (("start_analysis", "ANALYZING", 1, 101), ("analysis_done", "PLANNING", 2, 201), ("plan_ready", "WAIT_GATE", 3, 301), ("gate_approved", "EXECUTING", 4, 401), ("exec_done", "VERIFYING", 6, 501)):
                self.move(live, event, to, self.began - 44 + after, rule)
            self.arm = (live["id"], self.began - 38)
            gate = self.add_case("0192f3a0-0000-7000-8000-00000000000b", "Half of memory for shared_buffers", [("shared_buffers", "409MB", "512MB"), ("huge_pages", "try", "on")], "restart", self.began - 20)
            for event, to, after, rule in (("start_analysis", "ANALYZING", 1, 101), ("analysis_done", "PLANNING", 2, 201), ("plan_ready", "WAIT_GATE", 3, 301)):
                self.move(gate, event, to, self.began - 20 + after, rule)
            gate["gate"] = "ask"
            gate["deadline"] = self.began + 1800
        if "hostile" in self.scenario:
            bad = self.add_case("0192f3a0-0000-7000-8000-0000000000ff", "<img src=x onerror=\"window.__owned=1\"><script>window.__owned=1</script> & \u202edrow", [("<b>work_mem</b>", "4MB", "javascript:alert(1)")], "immediate", self.began - 10)
            self.move(bad, "start_analysis", "ANALYZING", self.began - 9, 101, "<script>window.__owned=1</script>")
        if "unknown" in self.scenario:
            lost = self.add_case("0192f3a0-0000-7000-8000-0000000000fe", "Wider checkpoints, once more", [("max_wal_size", "1228MB", "1473MB")], "checkpoint", self.began - 400)
            for event, to, after, rule in (("start_analysis", "ANALYZING", 1, 101), ("analysis_done", "PLANNING", 2, 201), ("plan_ready", "WAIT_GATE", 3, 301), ("gate_approved", "EXECUTING", 4, 401), ("outcome_unknown", "PARKED", 64, 503)):
                self.move(lost, event, to, self.began - 400 + after, rule)
            lost["proven"] = False
        if "many" in self.scenario:
            self.crowd(620)

    @staticmethod
    def soon(seconds):
        return iso(time.time() + seconds)

    def crowd(self, n):
        """So many cases that were closed since."""
        for i in range(n):
            case = self.add_case("0192f3a0-0000-7000-9000-%012d" % i, "Case %d of the crowd" % i, [], "immediate", self.began - 15 + i * 14.0 / n)
            case["state"], case["timeline"] = "CLOSED", []

    def add_case(self, case_id, title, knobs, method, at):
        case = {"id": case_id, "title": title, "knobs": knobs, "method": method, "state": "NEW", "version": 1, "created": at, "updated": at, "timeline": [], "verdict": None,
                "proven": True, "gate": "approve", "deadline": None, "approvals": [], "by": "engine"}
        self.cases[case_id] = case
        return case

    def move(self, case, event, to, at, rule, reason=None, actor="engine", tell=False):
        words = {"start_analysis": "throughput is bound by writes; checkpoints come early", "analysis_done": "the causes are ranked", "plan_ready": "a complete plan is ready for the gate", "gate_approved": "risk 0.12 is below 0.20; policy allows the plan",
                 "exec_done": "every step was done and read back", "outcome_unknown": "we cannot tell what is in force"}
        case["version"] += 1
        case["timeline"].append({"version": case["version"], "event": event, "from": case["state"], "to": to, "actor": actor, "reason": reason or words.get(event), "rule": rule, "run_rule": 0, "moved": True, "created_at": iso(at),
                                 "correlation_id": "%032x" % random.getrandbits(128), "meta": {"phase": "idle"}})
        frm, case["state"], case["updated"] = case["state"], to, at
        if tell:
            self.emit("evt.case.transition.v1", {"case_id": case["id"], "target": "main", "event": event, "from": frm, "to": to, "reason": reason or words.get(event), "version": case["version"]}, case["id"])

    def judge(self, case, outcome, effect, half, method, at):
        lo, hi = effect - half, effect + half
        kept = outcome == "better"
        words = {"better": "Proven better: %.1f %% less time per transaction (%.1f to %.1f %%), and every guard held; it stays.", "worse": "Proven worse by %.1f %% (%.1f to %.1f %%); put back and read back.",
                 "undecided": "After the last window %.1f %% (%.1f to %.1f %%) still could be nothing; put back, because not proven means not kept."}
        pct = [100 * (math.exp(abs(x)) - 1) for x in (effect, lo, hi)] if outcome != "undecided" else [100 * (math.exp(x) - 1) for x in (effect, lo, hi)]
        case["verdict"] = {
            "outcome": outcome, "method": method, "effect": effect, "lo": lo, "hi": hi, "alpha": 0.025, "margin": 0.01, "n": 14, "windows_a": 9, "windows_b": 9, "looks": 4, "lag1": 0.06, "degraded_s": 0 if kept else 11,
            "wall_us": int(at * 1e6), "why": words[outcome] % tuple(pct),
            "guards": [{"name": "p99", "ratio": 0.93 if kept else 1.18, "bound": 1.1, "holds": kept, "text": "time of the slowest hundredth"}, {"name": "errors", "ratio": 1.0, "bound": 1.5, "holds": True, "text": ""},
                       {"name": "cpu", "ratio": 0.61, "bound": 0.9, "holds": True, "text": "absolute"}, {"name": "memory", "ratio": 0.78, "bound": 0.9, "holds": True, "text": "of the limit"},
                       {"name": "query 7716203319", "ratio": 1.04, "bound": 1.5, "holds": True, "text": "new-order"}, {"name": "query 1930022876", "ratio": 1.11 if kept else None, "bound": 1.5, "holds": kept, "text": "stock-level" if kept else "too few calls"}]}
        self.outcomes.insert(0, {"case_id": case["id"], "target": "main", "planner": "ladder", "created_at": iso(at), "result": outcome, "kept": kept, "effect": effect, "lo": lo, "hi": hi, "alpha": 0.025,
                                 "proposal": {"planner": "ladder", "title": case["title"], "changes": [{"name": n, "to": b} for n, _, b in case["knobs"]]}, "verdict": case["verdict"]})

    # ---- the load ----

    def arm_at(self, t):
        """Which arm is in force in the live trial: toggled every 12 s in an order that looks random."""
        if not self.arm or t < self.arm[1]:
            return None
        return "candidate" if (0b1011001011010110 >> (int((t - self.arm[1]) / 12) % 16)) & 1 else "incumbent"

    def arms(self, now):
        if not self.arm:
            return []
        starts = [self.arm[1] + 12 * i for i in range(int((now - self.arm[1]) / 12) + 1)]
        return [{"arm": self.arm_at(t + 1), "from": iso(t), "to": iso(t + 12) if t + 12 < now else None} for t in starts]

    def values(self, t):
        rel = t - self.began
        if GAP[0] < rel < GAP[1] or "down" in self.scenario and rel > -20:
            return {"up": 0.0}
        rng = random.Random(int(t * 4))
        gain = sum(o["effect"] for o in self.outcomes if o["kept"] and self.when(o) <= t) if self.outcomes else 0.0
        drift = 0.05 * math.sin(t / 170.0) + 0.03 * math.sin(t / 37.0)
        checkpoint = max(0.0, math.sin(t / 19.0) - 0.93) * 6
        arm = 0.05 if self.arm_at(t) == "candidate" else 0.0
        speed = math.exp(gain + drift + arm - 0.35 * checkpoint)
        v = {"up": 1.0, "tps": 412 * speed * rng.gauss(1, 0.035), "rollbacks": 2.1, "latency_p50": 9.4 / speed * rng.gauss(1, 0.03), "latency_p95": 31 / speed * rng.gauss(1, 0.06),
             "latency_p99": 58 / speed * (1 + 1.4 * checkpoint) * rng.gauss(1, 0.09), "latency_mean": 12 / speed, "latency_estimated": 1.0 if "estimated" in self.scenario else 0.0, "errors": 0.0, "connections": 14.0,
             "connections_active": float(rng.randint(5, 9)), "idle_in_transaction": 0.0, "longest_xact": abs(rng.gauss(0.4, 0.3)), "locks_waiting": float(rng.random() < 0.1), "cache_hit": min(0.999, 0.962 + 0.012 * gain * 5 + rng.gauss(0, 0.002)),
             "cpu": min(1, 0.43 * speed * rng.gauss(1, 0.05)), "io_busy": min(1, 0.71 + 0.2 * checkpoint + rng.gauss(0, 0.03)), "psi_io": min(1, max(0, 0.22 + 0.3 * checkpoint + rng.gauss(0, 0.02))), "memory_used": 612e6, "memory_limit": 1024.0 ** 3,
             "wal_bytes": 6.2e6 * speed * rng.gauss(1, 0.08), "recovery_wal": (t * 5.1e6) % 9.8e8, "disk_free": 41.2e9, "wal_fpi": 310.0, "checkpoint_write": 120.0}
        if rng.random() < 0.006:
            v["latency_p99"] *= 5
        return {k: x for k, x in v.items() if not ("bare" in self.scenario and k in ("latency_p99", "cpu", "io_busy"))}

    def when(self, outcome):
        return datetime.fromisoformat(outcome["created_at"].replace("Z", "+00:00")).timestamp()

    # ---- answers ----

    def settings(self):
        rows = [("shared_buffers", "409MB", "8kB", "128MB", "postmaster"), ("work_mem", "4MB", "kB", "4MB", "user"), ("max_wal_size", "1228MB", "MB", "1GB", "sighup"), ("checkpoint_timeout", "6min", "s", "5min", "sighup"),
                ("random_page_cost", "4", "", "4", "user"), ("effective_cache_size", "4GB", "8kB", "4GB", "user"), ("wal_compression", "lz4", "", "off", "superuser"), ("huge_pages", "try", "", "try", "postmaster"), ("max_connections", "100", "", "100", "postmaster"),
                ("maintenance_work_mem", "64MB", "kB", "64MB", "user"), ("bgwriter_delay", "200ms", "ms", "200ms", "sighup"), ("bgwriter_lru_maxpages", "100", "", "100", "sighup"), ("autovacuum_vacuum_cost_delay", "2ms", "ms", "2ms", "sighup"),
                ("wal_buffers", "16MB", "8kB", "-1", "postmaster"), ("synchronous_commit", "on", "", "on", "user"), ("log_min_duration_statement", "250", "ms", "-1", "superuser"), ("max_parallel_workers_per_gather", "2", "", "2", "user")]
        return [{"name": n, "value": v, "unit": u, "default": b, "context": c, "source": "configuration file" if v != b else "default", "pending_restart": n == "wal_buffers", "why": "why one would turn it", "class": "immediate"} for n, v, u, b, c in rows]

    def target(self, name="main"):
        now = time.time()
        live = next((c for c in self.cases.values() if c["state"] in ("EXECUTING", "VERIFYING")), None)
        mine = live if name == "main" else None
        v = self.values(now)
        t = {"name": name, "kind": "postgres", "mode": "auto" if name == "main" else "watch", "up": "down" not in self.scenario, "time": iso(now), "latest": v,
             "facts": {"server_version": 150018, "local": True, "in_recovery": False, "cpus": 2, "memory_bytes": 1024 ** 3, "limit_counts_cache": True, "owner": "none", "has_statements": True, "may_alter_system": True, "settings": self.settings()},
             "trial": {"arm": self.arm_at(now), "progress": self.progress(now)} if mine and self.arm else None, "case_id": mine["id"] if mine else "", "case_state": mine["state"] if mine else "", "case_phase": "done" if mine else None,
             "history_windows": 40, "kept": 4, "best_effect": 0.449, "idle_until": iso(now + 40), "idle_why": "the last case has just ended; the target is left alone for a while",
             "stopped": self.stop_row}
        if "wordy" in self.scenario:
            t["trouble"], t["idle_why"], t["name"] = "x" * 390, "i" * 290, name[0] * 63
        if "down" in self.scenario:
            t["trouble"] = "connection to 127.0.0.1:5432 refused; last answer 20 s ago."
        return {"name": name, "time": t["time"], "latest": v} if "bare" in self.scenario else t

    def progress(self, now):
        return min(0.99, (now - self.arm[1]) / 190) if self.arm else None

    def case_json(self, c, listed=False):
        if "bare" in self.scenario:
            return {"id": c["id"], "title": c["title"]}
        v = c["verdict"]
        j = {"id": c["id"], "tenant": "installation", "title": c["title"], "status": c["state"], "version": c["version"], "target": "main", "opened_by": c["by"], "driver": "engine", "plans_tried": 1, "in_force_is_proven": c["proven"],
             "phase": "done", "step": 1 if c["state"] in ("VERIFYING", "CLOSED") else 0, "steps": 1, "plan_id": "p1", "plan_hash": self.hash_of(c), "deadline_at": iso(c["deadline"]) if c["deadline"] else None,
             "created_at": iso(c["created"]), "updated_at": iso(c["updated"])}
        if "wordy" in self.scenario:
            j["title"], j["opened_by"], j["target"] = "w" * 199, "token:" + "o" * 48, "m" * 63
        if listed:
            j["outcome"] = {"result": v["outcome"], "kept": v["outcome"] == "better", "effect": v["effect"], "lo": v["lo"], "hi": v["hi"], "why": v["why"]} if v else None
        return j

    @staticmethod
    def hash_of(c):
        return "9f3c2e71a0b4" + c["id"][-12:] + "0" * 40

    def file_json(self, c):
        if "bare" in self.scenario:
            return {"case": self.case_json(c)}
        restart = c["method"] == "restart"
        action, tail = ("postgres.restart", "CHECKPOINT;\n-- then one restart\n") if restart else ("postgres.set", "SELECT pg_reload_conf();\n")
        text = "interrupts every connection for some seconds" if restart else "takes effect with a reload, can be taken back by a reload"
        settings = [{"name": n, "from": a, "to": b} for n, a, b in c["knobs"]]
        plan = {"title": c["title"], "why": "Half the blocks that miss shared_buffers are read again within a minute; they would fit.", "steps": [{"action": action, "params": {"target": "main", "settings": settings}, "timeout_s": 60, "retry": 0, "watch_s": 20, "dangerous": restart, "text": text}],
                "rollback": {"how": "reverse", "restart": restart}, "verify": {"method": c["method"], "target": "main"}}
        if c["method"] == "checkpoint":    # each step moves by a fifth at most
            first, last = dict(settings[0], to="1100MB"), dict(settings[0], **{"from": "1100MB"})
            plan["steps"] = [dict(plan["steps"][0], params={"target": "main", "settings": [first] + settings[1:]}), dict(plan["steps"][0], params={"target": "main", "settings": [last]})]
        ask = c["gate"] == "ask"
        decision = {"answer": c["gate"], "rule": 31 if ask else 40, "why": "A restart needs a person outside the window 02:00\u201304:00." if ask else "Risk 0.12 is below the bound 0.20 and nothing else objects.", "risk": 0.31 if ask else 0.12, "policy_version": "4be1c09de73a" + "0" * 52,
                    "risk_parts": [{"name": "interruption", "value": 0.2 if ask else 0.02, "text": "one restart, about 4 s" if ask else "a reload"}, {"name": "memory", "value": 0.06, "text": "worst case 811 MiB of 1 GiB"}, {"name": "recovery", "value": 0.03, "text": "crash recovery about 21 s"}, {"name": "novelty", "value": 0.01, "text": "tried before on this target"}],
                    "reasons": ([{"rule": 31, "answer": "ask", "text": "a restart outside the window 02:00\u201304:00"}] if ask else [{"rule": 40, "answer": "approve", "text": "risk is below 0.20"}]) + [{"rule": 12, "answer": "approve", "text": "each step moves at most 20 %"}, {"rule": 22, "answer": "approve", "text": "811 MiB is below the bound of 922 MiB"}]}
        if c.get("wait_until"):
            decision["wait_until"] = iso(c["wait_until"])
        row = {"id": "d1", "plan_id": "p1", "decision": decision, "answer": c["gate"], "created_at": iso(c["created"] + 3.2)}
        far, lost = ["NEW", "ANALYZING", "PLANNING", "WAIT_GATE", "EXECUTING", "VERIFYING", "PARKED", "CLOSED"].index(c["state"]), not c["proven"]
        done = far >= 4 and not ask
        evidence = [{"event_id": "e1", "detected_at": iso(c["created"] - 30), "severity": "INFO", "kind": "metric", "title": "checkpoints come early", "summary": "2.1 per minute are requested by WAL volume, expected below 0.2", "labels": None},
                    {"event_id": "e2", "detected_at": iso(c["created"] - 12), "severity": "INFO", "kind": "statement", "title": "new-order waits for WALWrite", "summary": "38 % of its time", "labels": {"queryid": 7716203319, "share": 0.38}}]
        dry = "".join("ALTER SYSTEM SET %s = '%s';\n" % (n, b) for n, _, b in c["knobs"]) + tail + "-- undo\n" + "".join("ALTER SYSTEM SET %s = '%s';\n" % (n, a) for n, a, _ in c["knobs"]) + tail
        if far >= 3:
            evidence.append({"event_id": "e3", "detected_at": iso(c["created"] + 3), "severity": "INFO", "kind": "dry_run", "title": "what would be run, and its undo", "summary": dry, "labels": None})
        v = c["verdict"]
        return {"case": self.case_json(c), "timeline": c["timeline"], "plans": [{"id": "p1", "plan": plan, "hash": self.hash_of(c), "planner": "ladder", "proposal": {}, "case_version": 3, "created_at": iso(c["created"] + 3)}] if far >= 3 else [],
                "decisions": [row] if far >= 3 else [], "approvals": c["approvals"], "actions": self.actions(c, lost) if done else [],
                "run": {"units": [], "trial": {}, "verdict": None, "undo_path": "/var/lib/homeostat/undo/%s.sh" % c["id"]} if done else None,
                "outcome": {"case_id": c["id"], "target": "main", "planner": "ladder", "result": v["outcome"], "kept": v["outcome"] == "better", "effect": v["effect"], "lo": v["lo"], "hi": v["hi"], "alpha": v["alpha"], "degraded_s": v["degraded_s"], "verdict": v, "created_at": iso(v["wall_us"] / 1e6)} if v else None,
                "evidence": evidence, **({"event_id": "ev-1"} if "flowing" in self.scenario else {})}

    def explanation_json(self, c):
        def figure(estimate, lo, hi, why="", standing="known"):
            return {"standing": standing, "why": why, "estimate": estimate, "lo": lo, "hi": hi, "p": None}
        v, knob = c["verdict"], (c["knobs"] or [("nothing", "", "")])[0]
        none = figure(None, None, None, "the change hardly moved it, so what it does by itself cannot be told", "not identified")
        return {"case_id": c["id"], "title": c["title"], "target": "main", "state": c["state"], "kept": bool(v) and v["outcome"] == "better", "missing": "" if v else "effect, interval",
                "lead": "%s %s \u2192 %s: %s." % (knob[0], knob[1], knob[2], "kept" if v and v["outcome"] == "better" else "not kept"), "way": "Because cache hit ratio rose from 91.2 % to 97.8 %, throughput rose from 812/s to 1010/s.", "shown": True,
                "stations": [{"name": "cache hit ratio", "unit": "%", "on_path": 1, "moved": True, "expected": 1, "before": 91.2, "after": 97.8, "change": figure(6.6, 5.9, 7.3)},
                             {"name": "throughput", "unit": "/s", "on_path": 2, "moved": True, "expected": 1, "before": 812, "after": 1010, "change": figure(198, 160, 236)},
                             {"name": "CPU per transaction", "unit": "", "on_path": 0, "moved": False, "expected": 0, "before": None, "after": 7.1, "change": figure(None, None, None, "", "not observed")}],
                "units": [{"cause": "+1 GB of shared_buffers", "effect": "cache hit ratio", "unit": "%", "how": "windows with and without the change", "figure": figure(2.2, 1.9, 2.5)},
                          {"cause": "+1 % of cache hit ratio", "effect": "throughput", "unit": "/s", "how": "regression", "figure": none}],
                "refuters": [{"name": "a change that was none, in its place", "refuted": False, "why": "", "mean": 0.1, "expected": 0, "p": 0.8}, {"name": "only a part of the windows", "refuted": None, "why": "too few windows", "mean": None, "expected": None, "p": None}],
                "sure": {"level": "high", "points": [{"good": True, "text": "Both configurations were in force in turn, in an order drawn by lot."}, {"good": False, "text": "<img src=x onerror=alert(1)>"}]},
                "model": {"results": 6, "importance": [{"knob": knob[0], "weight": 0.7}, {"knob": "random_page_cost", "weight": 0.3}], "why": "", "slices": [
                    {"knob": knob[0], "category": False, "log": True, "in_force": 2048, "points": [{"value": "%d MB" % (128 << i), "x": 128 << i, "gain": 5 * i, "lo": 4 * i - 3, "hi": 6 * i + 3} for i in range(6)]},
                    {"knob": "wal_compression", "category": True, "log": False, "in_force": 0, "points": [{"value": name, "x": i, "gain": 3 * i, "lo": -2, "hi": None if i == 2 else 9} for i, name in enumerate(("off", "lz4", "<b>"))]}]},
                "spreads": [{"name": "throughput", "unit": "/s", "put_back": False, "groups": [
                    {"period": "before", "changed": False, "windows": 12, "quantiles": [780, 800, 812, 830, 850]}, {"period": "after", "changed": True, "windows": 9, "quantiles": [960, 990, 1010, 1030, 1044]}]},
                            {"name": "<i>latency", "unit": "ms", "put_back": True, "groups": [{"period": "after", "changed": False, "windows": None, "quantiles": [1, 2, None]}]}],
                "tries": [{"case_id": "elsewhere", "title": "<b>worse</b>", "result": "worse", "kept": False, "this": False, "related": False, "time": iso(c["created"]), "effect": -0.1, "lo": -0.2, "hi": -0.02, "level": None, "best": 0},
                          {"case_id": c["id"], "title": c["title"], "result": "better", "kept": True, "this": True, "related": True, "time": iso(c["created"]), "effect": 0.2, "lo": 0.1, "hi": 0.3, "level": 0.2, "best": 0.2}],
                "tries_left_out": 3}

    def actions(self, c, lost):
        at, rows = c["created"] + 4, []
        def add(kind, after, took, outcome, step=0, witness=None, fault=None):
            rows.append({"action": len(rows) + 1, "kind": kind, "step": step, "outcome": outcome, "snapshot": None, "witness": witness, "output": "", "fault": fault, "intent_at": iso(at + after), "result_at": iso(at + after + took) if outcome else None})
        def read_back(pairs):
            return {"server": {"version": 150018, "address": "127.0.0.1:5432"}, "settings": [{"name": n, "entry": x, "in_force": x, "unit": "", "context": "sighup", "pending_restart": False} for n, x in pairs.items()], "overrides": [], "notes": [], "read_back_by": "a session of its own"}
        after, before = read_back({n: b for n, _, b in c["knobs"]}), read_back({n: a for n, a, _ in c["knobs"]})
        add("prepare", 0, 0.4, "prepared")
        add("probe", 0.4, 0.2, "probed")
        if lost:
            add("do", 0.6, 0, None, fault="the connection broke after the statement was sent")
            add("recover", 12, 3, "unknown", fault="the server does not let us look: connection refused")
            return rows
        add("do", 0.6, 1.1, "done", 0, after)
        if c["state"] in ("VERIFYING", "CLOSED", "PARKED") and c["method"] != "restart":
            for i, arm in enumerate((0, 1, 0, 0, 1, 1, 0, 1)):
                if c["verdict"]:
                    add("to_candidate" if arm else "to_incumbent", 14 + 16 * i, 0.3, "done", 0, after if arm else before)
            if self.arm and self.arm[0] == c["id"]:
                for arm in self.arms(time.time())[:-1]:
                    rows.append({"action": len(rows) + 1, "kind": "to_" + arm["arm"], "step": 0, "outcome": "done", "snapshot": None, "witness": {}, "output": "", "fault": None, "intent_at": arm["from"], "result_at": arm["from"]})
            if c["verdict"] and c["verdict"]["outcome"] != "better":
                add("undo", 145, 0.6, "done", 0, before)
        return rows

    def minutes(self, metric, start, end):
        at = [60 * k for k in range(int(start // 60) + 1, int(end // 60))]
        rows = [self.values(t).get(metric) for t in at if t > self.began - 5 * 3600]
        at = [t for t in at if t > self.began - 5 * 3600]   # older minutes were dropped
        return {"bucket": [iso(t) for t in at], "avg": rows, "max": rows, "p95": rows}

    def series(self, metrics, since):
        now = time.time()
        start = max(since, self.began - (5 if "deep" in self.scenario else 26) * MINUTE, now - 6 * 3600)
        at = [start + i for i in range(max(0, int(now - start)))]
        rows = [self.values(t) for t in at]
        return dict({"time": [int(t * 1000) for t in at]}, **{m: [r.get(m) for r in rows] for m in metrics})

    # ---- telemetry ----

    def telemetry(self, path, query):
        on = self.scenario & {"flowing", "stuck", "full", "quiet"}
        if not on:
            raise Problem(404, "not-found", "There is no such thing", "nothing is taken in here", "set ingest.enabled: yes in the configuration, and restart")
        if path == "/ingest":
            return self.ingest()
        if "quiet" in self.scenario:
            raise Problem(404, "not-found", "There is no such thing", "there is no /var/lib/homeostat/digest.db: nothing was digested yet")
        part = path.strip("/").split("/")
        if path == "/service":
            return self.services()
        if path == "/pattern":
            return [p for p in self.patterns() if not query.get("service") or self.meant(query["service"], p["urn"])]
        if path == "/job":
            return self.jobs()
        if path in ("/downstreams", "/service/metrics"):
            return self.downstreams(query.get("service", "")) if path == "/downstreams" else self.service_metrics(query.get("service", ""), query.get("name"))
        if part[0] == "trace" and len(part) == 2:
            return self.trace(part[1])
        if path == "/event":
            return [{"event_id": "ev-1", "title": "errors of cart rose", "detected_at": iso(self.began - 300), "tenant": "", "urn": "urn:svc:cart", "severity": "ERROR", "kind": "anomaly", "evidence": 1, "complete": False}]
        if part[0] == "event" and part[1] == "ev-1":
            return {"event_id": "ev-1", "complete": False, "title": "errors of cart rose", "detected_at": iso(self.began - 300), "urn": "urn:svc:cart", "severity": "ERROR", "kind": "anomaly", "summary": "12 % of its calls fail since a new pattern appeared.",
                    "labels": {}, "fingerprints": [], "evidence": [{"evidence_id": 1, "dim": "log", "score": 0.87, "in_journal": False, "ref": {"table": "log_pattern_5m", "keys": {"fingerprint_id": 7}}, "note": "payment refused <*>", "bucket": None, "object_key": None, "query_hint": "homeostat journal cat --from 4711"}]}
        raise Problem(404, "not-found", "There is no such thing", "Nothing is at %s." % path)

    def ingest(self):
        now, quiet, stuck, full = time.time(), "quiet" in self.scenario, "stuck" in self.scenario, "full" in self.scenario
        age = now - self.began
        count = lambda base, per_s: 0 if quiet else int(base + per_s * age)
        name = "<b>archive</b>" if "hostile" in self.scenario else "archive"
        def sink(name, kind, sent, **more):
            s = {"name": name, "kind": kind, "sent": sent, "batches": sent // 900, "retries": 0, "dead": 0, "skipped": 0, "dropped": 0, "replayed": 0, "behind": 0, "lag_seconds": 0.4, "paused": False, "running": True, "stuck": False,
                 "last_error": "", "last_error_at": None, "progress_at": iso(now - 0.3), "retry_at": None}
            return dict(s, **more)
        sinks = [sink(name, "files", count(81_204_113, 4200), last_error="writing /srv/archive: no space left on device", last_error_at=iso(now - 86400 * 2)), sink("tempo", "otlp", count(9_120_442, 310), skipped=count(72_083_671, 3890), behind=12, lag_seconds=0.9),
                 sink("loki", "loki", count(61_114_020, 3100), skipped=count(20_090_093, 1100), dropped=1204, dead=37 if stuck else 0)]
        if stuck:
            sinks[1].update(stuck=True, sent=9_120_442, behind=184_220, lag_seconds=1421.0, retries=41, last_error="sink tempo: connecting to tempo.example:4317: connection refused", last_error_at=iso(now - 8), retry_at=iso(now + 34), progress_at=iso(now - 1421))
            sinks[2].update(last_error="413 from https://loki.example/loki/api/v1/push: line too long", last_error_at=iso(now - 500))
            sinks.append(sink("warehouse", "postgres", 0, paused=True, behind=40_112, lag_seconds=3600 * 3.0))
        if full:
            sinks[1].update(behind=702_000, lag_seconds=88.0, last_error="503 from https://tempo.example: busy", last_error_at=iso(now - 2), retry_at=iso(now + 9))
        protocol = lambda r, e, b, refused=0, rejected=0: {"requests": r, "accepted": r - refused, "events": e, "rejected_events": rejected, "bytes": b, "refused": refused}
        consumers = [{"name": "digest", "open": True, "committed": 911_204, "behind": 0 if quiet else 8, "lag_seconds": 0.0 if quiet else 1.2}] + ([] if quiet else [
            {"name": "sink:" + s["name"], "open": True, "committed": 911_204 - s["behind"], "behind": s["behind"], "lag_seconds": s["lag_seconds"]} for s in sinks])
        out = {
            "journal": {"folder": "/var/lib/homeostat/journal", "first_id": 702_113, "last_id": 911_212, "bytes": 64 * 2 ** 20 if quiet else 4 * 2 ** 30 if full else 1_744_830_464, "segments": 26, "records": count(911_212, 12), "record_bytes": 41_200_113_442,
                        "refused": int(1204 + 90 * age) if full else 0, "dropped_events": 0, "damaged_blocks": 0, "damaged_bytes": 0, "waiting_bytes": 0, "sync_p99_seconds": 0.0034, "full": full,
                        "why_full": "ingest.journal.size_max is reached, and the consumer sink:tempo has not read the oldest segment" if full else "", "oldest_at": None if quiet else iso(now - 4210), "consumers": consumers},
            "ship": {"sinks": [] if quiet else sinks, "dead": {"first_id": 1, "last_id": 9 if stuck else 0, "added": 9 if stuck else 0, "bytes": 48_112 if stuck else 0}},
            "digest": {"records": count(911_204, 12), "events": count(81_204_000, 4200), "bad_records": 0, "windows": 0 if quiet else 412, "rows": 90_114, "saves": 9000, "failures": 0, "asked_done": 0, "window_lag_seconds": 0.0 if quiet else 171.0, "save_seconds": 0.02, "cursor": 911_204,
                       "backlog": False, "waiting": False, "last_error": "", "behind": 0 if quiet else 8},
            "sensors": {"interval_seconds": 10.0, "readings": count(8640, 0.1), "samples": count(3_801_600, 44), "series": 440, "processes": 212, "failures": 0, "history": True, "minutes": 1440, "last_error": ""},
            "probes": {"probes": 3, "failures": 0},
            "receive": {"listeners": {"local": {"host": "127.0.0.1", "port": 4318}, "fleet": {"host": "::", "port": 4317}},
                        "protocols": {"otlp-grpc": protocol(count(88_412, 4), count(71_204_113, 4100), count(31_204_113_442, 1e6), 112 if stuck else 0), "otlp-http": protocol(count(9_120, 0.3), count(2_113_902, 60), count(901_113_442, 3e4), rejected=4 if stuck else 0),
                                      "remote-write": protocol(count(12_004, 0.2), count(7_886_098, 40), count(88_113_442, 3e3)), "rows": protocol(0, 0, 0), "flight": protocol(0, 0, 0), "health": protocol(0, 0, 0)},
                        "connections": 0 if quiet else 41, "in_flight_bytes": 0, "paused": 12 if full else 0, "evicted": 0},
        }
        if stuck:
            target = lambda job, url, state, error="": {"job": job, "url": url, "labels": {"job": job}, "state": state, "asked": iso(now - 4), "seconds": 0.021 if state == "up" else 10.0, "samples": 812 if state == "up" else 0, "series": 812, "scrapes": 400, "failures": 0 if state == "up" else 12, "error": error}
            out["scrape"] = {"targets": [target("node", "http://10.0.0.%d:9100/metrics" % i, "up") for i in range(1, 4)] + [target("gateway", "http://10.0.0.9:9100/metrics", "down", "timed out after 10 s")], "files": [{"path": "/etc/homeostat/targets.json", "targets": 4, "error": ""}], "refused": "", "waiting_bytes": 0,
                             "reload_trouble": {"text": "scrape.node: interval is shorter than timeout", "hint": "make interval at least timeout"}}
            line = lambda on, lines, lost=0, opened=0, **more: dict({"on": on, "lines": lines, "bytes": lines * 120, "records": lines // 400, "lost": lost, "cut": 0, "refused": 0, "waiting_bytes": 0, "open": opened, "held": False, "last_error": ""}, **more)
            out["inputs"] = {"syslog": line(True, 88_113, 14, 3, listeners={"udp": {"host": "127.0.0.1", "port": 514, "transport": "udp"}}), "files": line(True, 1_204_113, 0, 12, last_error="/var/log/private.log: permission denied"), "journald": line(False, 0)}
            out["history"] = {"minutes": 1440, "of": {"bytes": 1204}, "last_error": "a part that nobody knows had trouble"}
        return out

    def services(self):
        row = lambda urn, logs, errors, calls, failed: {"urn": urn, "tenant": "installation", "logs": logs, "errors": errors, "error_rate": errors / logs if logs else None, "calls": calls, "calls_failed": failed, "call_error_rate": failed / calls if calls else None}
        rows = [row("urn:svc:gateway", 904_113, 204, 88_204, 91), row("urn:k8s:svc:shop/cart", 204_113, 4120, 41_204, 5104), row("urn:svc:payment", 88_114, 1204, 9_204, 1304), row("urn:host:web-1", 41_113, 12, 0, 0),
                row("urn:db:postgres:main/orders", 1204, 0, 61_204, 3), row("urn:k8s:svc:shop/search", 61_114, 0, 20_412, 0), dict(row("urn:svc:payment", 4, 0, 20, 0), tenant="bakery")]
        return rows + ([row("urn:svc:<script>window.__owned=1</script><img src=x onerror=\"window.__owned=1\">", 40, 40, 0, 0)] if "hostile" in self.scenario else [])

    def patterns(self):
        now = time.time()
        row = lambda n, pattern, severity, count, errors, sample, urn="urn:k8s:svc:shop/cart": {"fingerprint_id": n, "pattern": pattern, "severity": severity, "count": count, "errors": errors, "sample": sample, "last": iso(now - 300), "urn": urn}
        rows = [row(7, "payment refused for order <*> after <*> ms: upstream connect error", "ERROR", 4104, 4104, "payment refused for order 88213 after 2004 ms: upstream connect error"), row(3, "order <*> placed by <*>", "INFO", 188_204, 0, "order 88214 placed by u-4471"),
                row(12, "connection pool exhausted, <*> waiting", "WARN", 204, 16, "connection pool exhausted, 14 waiting"), row(44, "another cart speaks", "INFO", 5, 0, "another cart speaks", "urn:k8s:svc:test/cart")]
        return rows + ([row(99, "<img src=x onerror=\"window.__owned=1\">", "ERROR", 40, 40, "<script>window.__owned=1</script>")] if "hostile" in self.scenario else [])

    @staticmethod
    def meant(said, urn):
        return said == urn or urn.endswith((":" + said, "/" + said))

    def things(self, said):
        known = [(s["urn"], s["tenant"]) for s in self.services() if self.meant(said, s["urn"])]
        if not known:
            raise Problem(404, "not-found", "There is no such thing", "nothing that came in speaks of a service '%s'" % said, "homeostat look services lists what is known")
        return known

    def downstreams(self, said):
        now, known = time.time(), self.things(said)
        row = lambda of, urn, calls, errors, p50, p95, patterns=(): {"from": of[0], "tenant": of[1], "urn": urn, "calls": calls, "errors": errors, "err_rate": errors / calls, "p50_ms": p50, "p95_ms": p95, "rps": calls / 3600, "last": iso(now - 300), "sample_record": 911_000,
                                                                     "patterns": list(patterns), "locators": [], "metrics": [], "metrics_cut": False}
        rows = [row(known[0], "urn:svc:payment", 9204, 1304, 41.2, 2004.0, self.patterns()[:1]), row(known[0], "urn:db:postgres:main/orders", 61_204, 3, 0.8, 4.1), row(known[0], "urn:queue:kafka:orders", 8100, 0, 1.9, 6.2)]
        return {"service": [urn for urn, _ in known], "since": iso(now - 3600), "downstreams": rows + [row(k, "urn:svc:bank", 20, 0, 1, 2) for k in known[1:]], "metrics": [], "metrics_cut": False, "cut": False,
                "patterns": self.patterns()[:2], "locators": [{"id": 1, "dataset": "logs", "object_key": "journal/911000", "from": iso(now - 600), "to": iso(now - 300), "query_hint": "homeostat journal cat --from 911000 --limit 40", "events": 4120}]}

    def service_metrics(self, said, metric):
        at, known = iso(time.time() // 60 * 60 - 120), self.things(said)
        name = "<script>window.__owned=1</script>" if "hostile" in self.scenario else "http.server.request.duration"
        if metric:
            now = time.time() // 60 * 60
            return {"service": [urn for urn, _ in known], "metric": metric, "cut": True, "minutes": [{"urn": known[0][0], "tenant": known[0][1], "time": iso(now - 60 * (k + 2)), "labels": {"pool": "main", "why": name} if k % 2 else {}, "avg": -4.5 + k, "p95": None, "max": 18, "min": -9.0, "samples": 6} for k in range(20)]}
        row = lambda metric, avg, p95, most, series=1: {"urn": known[0][0], "tenant": known[0][1], "metric": metric, "time": at, "series": series, "avg": avg, "p95": p95, "max": most, "min": 0.0, "samples": 6 * series}
        return {"service": [urn for urn, _ in known], "since": iso(time.time() - 3600), "metrics": [row(name, 0.0412, 2.004, 2.31, 12), row("process_resident_memory_bytes", 412_204_113, 412_204_113, 412_204_113), row("queue_length", 4.5, None, 18)], "cut": False}

    def jobs(self):
        now = time.time() // 300 * 300
        runs = [{"job": "oo-agg", "tenant": "installation", "from": iso(now - 300 * (i + 2)), "to": iso(now - 300 * (i + 1)), "status": "success", "attempts": 1, "rows": 214 + 7 * i, "error": None, "asked_at": None, "finished_at": iso(now - 300 * i - 120)} for i in range(14)]
        if "stuck" in self.scenario:
            runs[4].update(status="failed", attempts=3, rows=0, error="digest.db: database or disk is full", finished_at=iso(now - 1000))
        return {"runs": runs, "circuits": [{"job": "oo-agg", "tenant": "installation", "state": "open" if "stuck" in self.scenario else "closed", "failures": 5 if "stuck" in self.scenario else 0, "open_until": iso(time.time() + 200) if "stuck" in self.scenario else None}]}

    TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

    def trace(self, trace_id):
        if len(trace_id) != 32:
            raise Problem(400, "malformed", "The request cannot be read", "a trace id is 32 hexadecimal digits")
        if trace_id != self.TRACE:
            raise Problem(404, "not-found", "There is no such thing", "there is no trace %s" % trace_id, "what came in within the last minutes is found once its window is closed")
        t0 = int((self.began - 900) * 1e9)
        def span(sid, parent, service, name, kind, start, ms, status="unset", message=None, **attributes):
            return {"service": service, "urn": "urn:svc:" + service, "name": name, "kind": kind, "span_id": sid, "parent_id": parent, "start": iso((t0 + start * 1e6) / 1e9), "start_ns": int(t0 + start * 1e6), "ms": ms, "status": status, "message": message, "attributes": attributes, "record": 911_000}
        bad = "<img src=x onerror=\"window.__owned=1\">" if "hostile" in self.scenario else "refused: the bank did not answer"
        spans = [span("a1", None, "gateway", "POST /checkout", "server", 0, 2214.0, "error", **{"http.response.status_code": 502, "url.path": "/checkout"}), span("a2", "a1", "gateway", "cart.Checkout", "client", 3.2, 2208.1, "error"), span("b1", "a2", "cart", "cart.Checkout", "server", 5.9, 2203.0, "error"),
                 span("b2", "b1", "cart", "SELECT orders", "client", 8.0, 4.1, **{"db.system.name": "postgresql", "db.query.text": "select * from orders where id = $1"}), span("b3", "b1", "cart", "payment.Charge", "client", 14.0, 2180.2, "error"),
                 span("c1", "b3", "payment", "payment.Charge", "server", 16.4, 2176.0, "error", bad, **{"rpc.grpc.status_code": 14}), span("c2", "c1", "payment", "POST bank.example/charge", "client", 18.1, 2004.0, "error"), span("b4", "b1", "cart", "publish orders", "producer", 2196.0, 6.2), span("z1", "ff", "audit", "store", "consumer", 2206.0, 3.5)]
        log = lambda ms, service, severity, body, sid: {"service": service, "urn": "urn:svc:" + service, "time": iso((t0 + ms * 1e6) / 1e9), "time_ns": int(t0 + ms * 1e6), "severity": severity, "body": body, "span_id": sid, "record": 911_000}
        logs = [log(7.0, "cart", 9, "order 88213 placed by u-4471", "b1"), log(1018.0, "payment", 13, "bank.example is slow, waiting", "c1"), log(2021.0, "payment", 17, "payment refused for order 88213 after 2004 ms: upstream connect error", "c1")]
        if "hostile" in self.scenario:
            logs.append(log(2030.0, "payment", 17, "<script>window.__owned=1</script>" + "w" * 300, "c1"))
        return {"trace_id": trace_id, "spans": spans, "logs": logs, "records": [911_000], "gone": 1 if "stuck" in self.scenario else 0, "cut": False}

    # ---- things that happen ----

    def emit(self, topic, data, key=None):
        with self.lock:
            stored = not topic.startswith("live.")
            if stored:
                self.serial += 1
                data = {"specversion": "1.0", "id": str(self.serial), "source": "homeostat", "type": topic, "subject": key, "time": iso(time.time()), "data": data}
            text = ("id: %d\n" % self.serial if stored else "") + "event: %s\ndata: %s\n\n" % (topic, json.dumps(data))
            if stored:
                self.events.append((self.serial, text))
            for q in self.listeners:
                q.put(text)

    def step(self):
        with self.lock:
            now = time.time()
            if "empty" not in self.scenario or "down" not in self.scenario:
                self.emit("live.sample", {"target": "main", "time": int(now * 1000), "v": self.values(now)})
            if self.arm:
                if now - self.arm[1] > 190:
                    case = self.cases[self.arm[0]]
                    self.arm = None
                    self.judge(case, "better", 0.047, 0.019, case["method"], now)
                    self.move(case, "verify_pass", "CLOSED", now, 601, "proven better", tell=True)
            for c in list(self.cases.values()):
                if c["state"] == "EXECUTING" and now - c["updated"] > 4:
                    self.move(c, "exec_done", "VERIFYING", now, 501, tell=True)

    # ---- requests that change something ----

    def change(self, method, path, headers, body):
        key = (headers.get("Idempotency-Key") or "").strip('"')
        if not key:
            raise Problem(400, "idempotency-key-required", "This request needs an Idempotency-Key", "There is none.", "Send any unique text in the header Idempotency-Key.")
        mark = (method, path, json.dumps(body, sort_keys=True))
        if key in self.answers:
            if self.answers[key][0] != mark:
                raise Problem(422, "idempotency-key-reused", "This Idempotency-Key belongs to another request", "Same key, other words.")
            return self.answers[key][1]
        answer = self.change_now(method, path, headers, body or {})
        self.answers[key] = (mark, answer)
        return answer

    def change_now(self, method, path, headers, body):
        part = path.strip("/").split("/")
        if path == "/stop" and method == "POST":
            if not str(body.get("why", "")).strip():
                raise Problem(422, "invalid", "The request is well formed but wrong", "why is missing.", "Say why acting has to stop.")
            now = time.time()
            self.stop_row = {"scope": body.get("target") or "", "why": body["why"], "actor": "token:alice", "created_at": iso(now), "expires_at": iso(now + body["expires_s"])}
            return {"data": self.stop_row}
        if path == "/stop" and method == "DELETE":
            self.stop_row = None
            return {"data": {}}
        case = self.cases.get(part[1]) if len(part) == 3 and part[0] == "case" else None
        if not case:
            raise Problem(404, "not-found", "There is no such thing", "No case has this id.")
        if part[2] == "comment":
            case["timeline"].append({"version": case["version"], "event": "comment", "from": case["state"], "to": case["state"], "actor": "token:alice", "reason": body.get("text"), "rule": 0, "run_rule": 0, "moved": False, "created_at": iso(time.time()), "correlation_id": None, "meta": {}})
            return {"data": {"id": case["id"]}}
        if case["by"] == "token:alice":
            raise Problem(403, "forbidden", "Your role does not allow this", "You proposed this plan yourself.", "Ask a colleague with the role approver: this target wants four eyes.")
        if headers.get("If-Match") != '"v%d"' % case["version"]:
            raise Problem(412, "stale-version", "The case has moved on since you looked", "It is at version %d." % case["version"], "Look at the case again, then decide.")
        if case["state"] != "WAIT_GATE":
            raise Problem(409, "illegal-transition", "The case does not move that way from here", "It is in %s." % case["state"])
        case["gate"] = "approve"
        case["approvals"].append({"principal": "token:alice", "granted": part[2] == "approve", "reason": body.get("reason"), "plan_hash": self.hash_of(case), "case_version": case["version"], "policy_version": "", "created_at": iso(time.time()), "expires_at": None})
        if part[2] == "approve":
            self.move(case, "gate_approved", "EXECUTING", time.time(), 401, body.get("reason"), "token:alice", tell=True)
        else:
            self.move(case, "gate_rejected", "PARKED", time.time(), 402, body.get("reason"), "token:alice", tell=True)
        return {"data": self.case_json(case)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stub"
    world = page = stub = None

    def log_message(self, *_):
        pass

    def respond(self, status, body, kind="application/json", extra=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), ("Cache-Control", "no-store"), ("Content-Security-Policy", CSP), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), *extra):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def serve(self, method):
        url = urlsplit(self.path)
        path, query = unquote(url.path), {k: v[0] for k, v in parse_qs(url.query).items()}
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        with self.world.lock:
            self.world.requests.append((method, self.path, dict(self.headers.items()), body))
        try:
            if method == "GET" and (path == "/" or os.path.splitext(path)[1] in TYPES):
                return self.asset("index.html" if path == "/" else os.path.basename(path))
            if path == "/readyz":
                if "degraded" not in self.world.scenario:
                    return self.respond(200, {"data": {"ok": True, "checks": {"loop": True, "store": True, "recovery": True, "migrations": True}}})
                p = Problem(503, "busy", "Not now, try again", DEGRADED)
                p.body["checks"] = {"loop": True, "store": False, "recovery": True, "migrations": True}
                raise p
            if self.headers.get("Authorization") != "Bearer " + self.world.token:
                self.stub.wrong_tokens += 1
                if self.stub.wrong_tokens > 10:
                    raise Problem(429, "too-many-requests", "Too many requests", "too many wrong tokens from this address", "use a token that is in the tokens file")
                raise Problem(401, "unauthenticated", "Who are you?", "The token is missing or not known here.", "Send Authorization: Bearer with a token of this engine.")
            if method != "GET":
                self.stub.answers.wait(60)
            if self.stub.slow_part and self.stub.slow_part in self.path:
                time.sleep(2)
            if path in self.stub.mute:       # it was heard, and that is all
                time.sleep(8)
                self.close_connection = True
                return
            if path == "/target" and self.stub.blind:
                raise Problem(503, "busy", "Not now, try again", "nothing has been seen yet")
            if path == "/events":
                return self.events()
            with self.world.lock:
                answer = self.read(path, query) if method == "GET" else self.world.change(method, path, self.headers, body)
            if "late" in self.world.scenario and path.endswith("/series") and not self.world.late:
                self.world.late = True
                time.sleep(3)          # the first answer comes after that to the next question
            if method != "GET" and self.stub.drop_answers > 0:   # it was done, but nobody will learn of it
                self.stub.drop_answers -= 1
                self.close_connection = True
                return
            if method != "GET" and self.stub.late_answers > 0:   # it was done, but later than anybody waited
                self.stub.late_answers -= 1
                raise Problem(503, "busy", "Not now, try again", "the engine has not answered yet; whether the request took effect is not known here", "repeat it with the same Idempotency-Key, or look at the case")
            self.respond(200, answer)
        except Problem as p:
            self.respond(p.status, p.body, "application/problem+json")
        except (BrokenPipeError, ConnectionResetError):
            pass

    def asset(self, name):
        try:
            with open(os.path.join(self.page, name), "rb") as f:
                self.respond(200, f.read(), TYPES[os.path.splitext(name)[1]])
        except OSError:
            raise Problem(404, "not-found", "There is no such thing", name)

    def read(self, path, query):
        w, part = self.world, path.strip("/").split("/")
        if path == "/target":
            why = DEGRADED if "degraded" in w.scenario else ""
            return {"data": [w.target()] + ([w.target("replica")] if "two" in w.scenario else []),
                    "engine": {"state": "degraded" if why else "stopped" if w.stop_row else "acting", "degraded": why, "stop": w.stop_row, "policy_version": "1", "time": iso(time.time())}}
        if path == "/whoami":
            return {"data": {"name": "token:alice", "roles": ["viewer"] if "viewer" in w.scenario else ["viewer", "operator", "approver", "admin"]}}
        if path == "/stop":
            return {"data": [w.stop_row] if w.stop_row else []}
        if path == "/case":
            rows = sorted(w.cases.values(), key=lambda c: -c["created"])
            rows = [c for c in rows if query.get("state") in (None, c["state"])]
            limit, after = int(query.get("limit", 100)), query.get("cursor")
            if not 1 <= limit <= 500:
                raise Problem(400, "malformed", "The request cannot be read", "limit: must be 1 to 500")
            begin = next((i + 1 for i, c in enumerate(rows) if c["id"] == after), 0)
            part = rows[begin:begin + limit]
            return {"data": [w.case_json(c, True) for c in part], "next_cursor": part[-1]["id"] if begin + limit < len(rows) else None}
        if part[0] in ("ingest", "service", "downstreams", "pattern", "job", "trace", "event"):
            return {"data": w.telemetry(path, query)}
        if part[0] == "target" and len(part) == 3:
            if part[2] == "series":
                since = datetime.fromisoformat(query["since"].replace("Z", "+00:00")).timestamp() if "since" in query else 0
                return {"data": w.series(query.get("metrics", "tps").split(","), since)}
            if part[2] == "metric":
                when = lambda k: datetime.fromisoformat(query[k].replace("Z", "+00:00")).timestamp()
                return {"data": w.minutes(query["name"], when("from"), when("to"))}
            if part[2] == "outcomes":
                return {"data": w.outcomes}
        if "format" in query and self.stub.busy_reports:
            raise Problem(503, "busy", "Not now, try again", "other explanations are being made")
        if part[0] == "case" and len(part) in (2, 3) and part[1] in w.cases:
            case = w.cases[part[1]]
            return {"data": {"timeline": case["timeline"], "file": w.file_json(case), "explanation": w.explanation_json(case)}[part[2]] if len(part) == 3 else w.case_json(case)}
        raise Problem(404, "not-found", "There is no such thing", "Nothing is at %s." % path, "Cases are listed under /case.")

    def events(self):
        q = queue.Queue()
        last = int(self.headers.get("Last-Event-ID") or -1)
        with self.world.lock:
            backlog = [text for n, text in self.world.events if 0 <= last < n]
            self.world.listeners.append(q)
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write((": hello\n\n" + "".join(backlog)).encode())
            self.wfile.flush()
            while not self.server.leaving.is_set():
                try:
                    self.wfile.write(q.get(timeout=0.2).encode())
                    self.wfile.flush()
                except queue.Empty:
                    pass
        finally:
            self.close_connection = True
            with self.world.lock:
                self.world.listeners.remove(q)

    def do_GET(self):
        self.serve("GET")

    def do_POST(self):
        self.serve("POST")

    def do_DELETE(self):
        self.serve("DELETE")


class Stub:
    """The server with its world; port 0 takes a free one. stop() and start() leave the world as it is."""

    def __init__(self, page, scenario="normal", port=0, token="stub-token-0123456789", tick=1.0):
        self.world, self.page, self.port, self.server, self.drop_answers, self.late_answers = World(scenario, token, tick), page, port, None, 0, 0
        self.wrong_tokens, self.blind, self.busy_reports, self.mute, self.slow_part = 0, False, False, (), ""
        self.answers = threading.Event()       # what is to be done is heard, and answered once this is set
        self.answers.set()

    def start(self):
        handler = type("BoundHandler", (Handler,), {"world": self.world, "page": self.page, "stub": self})
        ThreadingHTTPServer.allow_reuse_address = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        self.server.leaving = threading.Event()
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        threading.Thread(target=self.beat, args=(self.server.leaving,), daemon=True).start()
        return self

    def beat(self, leaving):
        while not leaving.wait(self.world.tick):
            self.world.step()

    def stop(self):
        self.server.leaving.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return "http://127.0.0.1:%d/" % self.port


def main():
    p = argparse.ArgumentParser(description="a stand-in for the engine behind the dashboard")
    p.add_argument("--page", default="build/ui", help="folder with index.html, app.js and app.css")
    p.add_argument("--port", type=int, default=8123)
    p.add_argument("--scenario", default="normal")
    p.add_argument("--token", default="stub-token-0123456789")
    a = p.parse_args()
    stub = Stub(a.page, a.scenario, a.port, a.token).start()
    print("%s#token=%s" % (stub.url, a.token), flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        stub.stop()


if __name__ == "__main__":
    main()
