"""bench/run takes other data; bench/tune_*.py, bench/phase.py: a run goes on where it was broken off, rounds are interleaved, and what is told is what the journals hold.
No server is started."""
import argparse
import contextlib
import csv
import importlib.machinery
import importlib.util
import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, BENCH)
import phase  # noqa: E402
import tune_arms  # noqa: E402
import tune_olap  # noqa: E402
import tune_oltp  # noqa: E402
import tune_report  # noqa: E402
import tune_run  # noqa: E402
import tune_site  # noqa: E402
from rig import limits, measure  # noqa: E402
from rig import cluster as rig_cluster  # noqa: E402
from rig.cluster import Cluster, Load, end_processes  # noqa: E402
from rig.report import geometric, print_report  # noqa: E402
from rig.tuner import Tuner  # noqa: E402


class FakeLive:
    """Trials that take no time; the nth of all may be broken off or be the last."""
    opening_s, trial_s = 100, 10

    def __init__(self, breaks_at=None, ends_at=None):
        self.breaks_at, self.ends_at, self.begun, self.concluded, self.ended, self.trials = breaks_at, ends_at, 0, 0, 0, 0

    def remember(self):
        return True

    def begin(self):
        self.begun += 1

    def conclude(self):
        self.concluded += 1

    def end(self):
        self.ended += 1

    def next(self, budget):
        if self.trials == self.breaks_at:
            raise KeyboardInterrupt
        if self.trials == self.ends_at:
            return "nothing is left to try"
        self.trials += 1
        return {"seconds": 10.0, "case": f"c{self.trials}"}


class Folder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = made.name

    def journal(self, name="j"):
        return tune_run.Journal(os.path.join(self.folder, name + ".jsonl"))


class Keeping(Folder):
    def test_rows_come_back_and_a_torn_last_line_was_never_written(self):
        j = self.journal()
        j.append({"trial": 1})
        j.append({"trial": 2})
        with open(j.path, "a", encoding="ascii") as f:
            f.write('{"trial": 3, "ver')
        j = self.journal()
        self.assertEqual([r["trial"] for r in j.rows], [1, 2])
        j.append({"trial": 3})
        self.assertEqual([r["trial"] for r in self.journal().rows], [1, 2, 3])

    def test_a_run_goes_on_only_with_the_options_that_it_began_with(self):
        tune_run.Run(self.folder, {"trials": 45, "clients": 8}).put()
        tune_run.Run(self.folder, {"trials": 45, "clients": 8})
        with self.assertRaisesRegex(tune_run.Wrong, "another clients"):
            tune_run.Run(self.folder, {"trials": 45, "clients": 9})

    def test_only_one_program_works_in_a_folder(self):
        with tune_run.lock(self.folder):
            with self.assertRaisesRegex(tune_run.Wrong, "another run works"):
                tune_run.lock(self.folder)
        tune_run.lock(self.folder).close()

    def test_forgetting_removes_a_runs_files_and_its_server_and_no_folder_that_is_none(self):
        server, path = os.path.join(self.folder, "server"), os.path.join(self.folder, "run")
        os.makedirs(os.path.join(server, "copy"))
        tune_run.lock(path).close()
        run = tune_run.Run(path, {})
        run.write("report.txt", "")
        tune_run.forget(path)
        self.assertEqual(sorted(os.listdir(path)), ["lock", "report.txt"])
        run.put(server=server)
        tune_run.forget(path)
        self.assertEqual((os.listdir(self.folder), os.listdir(path)), (["run"], ["lock"]))

    def test_a_budget_is_not_begun_to_be_overrun(self):
        now = [0.0]
        budget = tune_run.Budget(100, lambda: now[0])
        budget.take(100, "a piece")
        now[0] = 30
        with self.assertRaisesRegex(tune_run.OverBudget, "a piece takes about 71 s, of the budget 70 s are left"):
            budget.take(71, "a piece")
        tune_run.Budget().take(1e9, "anything")


class Trials(Folder):
    def run_trials(self, live, wanted=10, per_round=4, budget=None):
        return tune_site.run_trials(self.journal(), wanted, live, per_round, budget or tune_run.Budget())

    def test_each_round_begins_with_the_copy_and_all_rounds_together_make_the_campaign(self):
        live = FakeLive()
        self.assertEqual(self.run_trials(live), "")
        self.assertEqual([r["trial"] for r in self.journal().rows], list(range(1, 11)))
        self.assertEqual((live.begun, live.concluded, live.ended), (3, 1, 3))

    def test_what_was_broken_off_goes_on_with_the_next_trial(self):
        live = FakeLive(breaks_at=5)
        with self.assertRaises(KeyboardInterrupt):
            self.run_trials(live)
        self.assertEqual((len(self.journal().rows), live.begun, live.concluded, live.ended), (5, 2, 0, 2))
        self.run_trials(FakeLive())
        self.assertEqual([r["trial"] for r in self.journal().rows], list(range(1, 11)))
        done = FakeLive()
        self.run_trials(done)
        self.assertEqual(done.begun, 0)

    def test_a_campaign_that_has_nothing_left_to_try_says_so(self):
        live = FakeLive(ends_at=3)
        self.assertEqual(self.run_trials(live), "nothing is left to try")
        self.assertEqual((len(self.journal().rows), live.concluded, live.ended), (3, 1, 1))

    def test_a_round_that_does_not_fit_into_the_budget_is_not_opened(self):
        live = FakeLive()
        with self.assertRaisesRegex(tune_run.OverBudget, "the next round with trial 1 takes about 110 s"):
            self.run_trials(live, budget=tune_run.Budget(50))
        self.assertEqual(live.begun, 0)

    def test_a_campaign_killed_after_its_last_trial_ends_with_what_was_then_in_force(self):
        run = tune_run.Run(self.folder, {})
        arms = object.__new__(tune_olap.Olap)
        arms.run, arms.o, arms.live = run, argparse.Namespace(trials=1, per_round=1), lambda arm: FakeLive()
        run.journal("trials-allowed").append({"in_force": {"jit": "off"}})
        run.put(in_data="allowed")
        self.assertFalse(arms.ended("allowed"))
        arms.campaign("allowed", tune_run.Budget())
        self.assertEqual((run.read("allowed.conf"), arms.ended("allowed"), run.state["in_data"]), ("jit = 'off'\n", True, None))

    def test_a_campaign_whose_server_has_gone_goes_on_from_what_its_last_trial_left_and_not_from_what_was_being_tried(self):
        for remembered, conf in ((True, "jit = 'on'\n"), (False, "jit = 'off'\n")):
            with self.subTest(remembered), tempfile.TemporaryDirectory() as self.folder:
                run = tune_run.Run(self.folder, {})
                arms = object.__new__(tune_olap.Olap)
                live = FakeLive()
                arms.run, arms.o, arms.live, live.remember = run, argparse.Namespace(trials=2, per_round=1), lambda arm: live, lambda: remembered
                run.journal("trials-allowed").append({"in_force": {"jit": "off"}})
                run.write("allowed.conf", "jit = 'on'\n")
                arms.campaign("allowed", tune_run.Budget())
                self.assertEqual((run.read("allowed.conf"), len(run.journal("trials-allowed").rows)), (conf, 2))

    def test_a_killed_run_loses_only_the_trial_that_was_under_way(self):
        code = f"""if True:
            import sys, time
            sys.path.insert(0, {BENCH!r})
            import tune_run, tune_site
            class Live:
                opening_s = trial_s = n = 0
                def begin(self): pass
                def conclude(self): pass
                def end(self): pass
                def next(self, budget):
                    self.n += 1
                    if self.n == 4:
                        print("under way", flush=True)
                        time.sleep(60)
                    return {{"seconds": 1}}
            tune_site.run_trials(tune_run.Journal({self.folder + "/j.jsonl"!r}), 8, Live(), 8, tune_run.Budget())
        """
        with subprocess.Popen([sys.executable, "-B", "-c", code], stdout=subprocess.PIPE, text=True) as p:
            self.assertEqual(p.stdout.readline(), "under way\n")
            p.send_signal(signal.SIGKILL)
            p.wait()
        self.assertEqual(len(self.journal().rows), 3)
        self.run_trials(FakeLive(), wanted=8)
        self.assertEqual([r["trial"] for r in self.journal().rows], list(range(1, 9)))

    def test_what_an_earlier_life_left_at_work_in_a_folder_is_ended_and_nothing_else(self):
        with subprocess.Popen(["sleep", "60"], cwd=self.folder) as inside, tempfile.TemporaryDirectory() as other, subprocess.Popen(["sleep", "60"], cwd=other) as outside:
            self.assertEqual(end_processes(self.folder), [(inside.pid, "sleep")])
            self.assertEqual(inside.wait(), -signal.SIGTERM)
            self.assertIsNone(outside.poll())
            outside.kill()


class FakeTuner:
    def __init__(self):
        self.all, self.idle_s, self.why, self.down, self.did = [], 0, "", False, []

    def rest(self, say):
        self.did.append("put back")

    def stop(self):
        self.did.append("stop")

    def look(self, say):
        return [{"id": o["case_id"], "status": "CLOSED", "outcome": o} for o in reversed(self.all)]

    def outcomes(self):
        if self.down:
            raise OSError("gone")
        return self.all

    def target(self):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.idle_s))
        return {"case_id": "", "idle_until": until, "idle_why": self.why}


class FakeCluster:
    uid, gid = os.getuid(), os.getgid()

    def __init__(self, folder):
        self.folder, self.started = folder, 1

    def auto_conf_path(self):
        return os.path.join(self.folder, "postgresql.auto.conf")

    def auto_conf(self):
        with open(self.auto_conf_path(), encoding="ascii") as f:
            return f.read()

    def starts(self):
        return self.started

    def stop(self):
        pass

    settings_in = staticmethod(tune_arms.settings)


class OneCampaign(Folder):
    def setUp(self):
        super().setUp()
        self.run_ = tune_run.Run(self.folder, {})
        self.site = argparse.Namespace(run=self.run_, cluster=FakeCluster(self.folder))
        self.live = self.life()

    def life(self):
        live = tune_site.Live(self.site, "allowed", (), 40, 6, 480, self.run_.journal("trials"))
        live.tuner, live.starts, live.since, live.seen = FakeTuner(), self.site.cluster.starts(), time.monotonic(), {r["case"] for r in self.run_.journal("trials").rows}
        live.load = argparse.Namespace(process=argparse.Namespace(poll=lambda: None), log="", counters=lambda: {"transactions": 0, "errors": 0, "buckets": []})
        live.proven = {}
        self.set_conf("shared_buffers = '614MB'\n")
        return live

    def set_conf(self, text):
        with open(self.site.cluster.auto_conf_path(), "w", encoding="ascii") as f:
            f.write(text)

    def outcome(self, case, result="better"):
        return {"case_id": case, "result": result, "kept": result == "better", "effect": 0.5, "lo": 0.2, "hi": 0.8, "planner": "ladder/thumb", "degraded_s": None,
                "proposal": {"title": "shared_buffers", "changes": []}, "verdict": {"why": "because"}}

    def test_a_trial_is_a_line_with_what_became_of_it_and_the_restarts_that_the_servers_log_tells(self):
        self.live.tuner.all = [self.outcome("b")]
        self.site.cluster.started = 3
        row, acts = self.live.poll()
        self.assertEqual((row["case"], row["verdict"], row["kept"], row["restarts"], row["degraded_s"], row["tps"], acts), ("b", "better", True, 2, 0, None, False))
        self.assertEqual(row["in_force"], {"shared_buffers": "614MB"})
        self.assertEqual(self.live.poll(), (None, False))

    def test_what_was_never_in_force_is_no_trial_and_neither_is_what_the_end_of_a_part_took_back(self):
        self.live.tuner.all = [self.outcome(result, result) for result in ("refused", "overtaken", "unanswered", "hindered", "stopped")]
        self.assertEqual(self.live.poll(), (None, False))
        self.live.tuner.all += [self.outcome(result, result) for result in ("worse", "undecided", "failed", "better")]
        self.assertEqual([self.live.poll()[0]["verdict"] for _ in range(4)], ["worse", "undecided", "failed", "better"])

    def test_what_ended_while_nobody_looked_is_told_by_the_next_part_once_and_in_order(self):
        self.run_.journal("trials").append({"case": "a"})
        live = self.life()
        live.tuner.all = [self.outcome("a"), self.outcome("b"), self.outcome("c")]
        self.assertEqual([live.poll()[0]["case"], live.poll()[0]["case"], live.poll()[0]], ["b", "c", None])

    def test_what_a_trial_left_is_not_what_the_next_one_tries_already(self):
        self.live.proven = {"shared_buffers": "614MB"}
        self.set_conf("shared_buffers = '614MB'\njit = 'off'\nwal_compression = 'zstd'\n")
        self.live.tuner.all = [self.outcome("a", "worse"), self.outcome("b")]
        for o, name, to in zip(self.live.tuner.all, ("work_mem", "jit"), ("64MB", "off")):
            o["proposal"]["changes"] = [{"name": name, "from": "", "to": to}]
        looked = self.live.tuner.look
        self.live.tuner.look = lambda say: [{"id": "c", "status": "EXECUTING", "outcome": None}, *looked(say)]
        self.assertEqual([self.live.poll()[0]["in_force"] for _ in range(2)], [{"shared_buffers": "614MB"}, {"shared_buffers": "614MB", "jit": "off"}])

    def learn(self, folder, what):
        os.makedirs(os.path.join(folder, "store-allowed"), exist_ok=True)
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "store-allowed", "cases.db"))) as db, db:
            db.execute("create table if not exists learned (what)")
            db.execute("insert into learned values (?)", (what,))

    def learned(self, folder):
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "store-allowed", "cases.db"))) as db:
            return [row[0] for row in db.execute("select what from learned")]

    def test_a_part_that_ends_puts_back_what_it_tried_before_homeostat_stops(self):
        tuner, self.live.load.stop = self.live.tuner, lambda: tuner.did.append("load stops")
        self.live.end()
        self.assertEqual(tuner.did, ["put back", "stop", "load stops"])

    def test_what_was_learned_goes_on_where_the_servers_folder_is_gone_and_is_not_taken_for_newer_than_the_folders(self):
        self.live.load.stop = lambda: None
        for what in ("a", "b"):
            self.learn(self.folder, what)
            self.live.tuner = FakeTuner()
            self.live.end()
        self.learn(self.folder, "c")
        self.assertTrue(self.life().remember())
        self.assertEqual(self.learned(self.folder), ["a", "b", "c"])
        self.site.cluster.folder = os.path.join(self.folder, "another")
        os.mkdir(self.site.cluster.folder)
        self.assertFalse(self.life().remember())
        self.assertEqual(self.learned(self.site.cluster.folder), ["a", "b"])
        self.assertEqual(os.stat(os.path.join(self.site.cluster.folder, "store-allowed")).st_mode & 0o777, 0o700)

    def test_a_campaign_that_learned_nothing_begins_with_no_store_of_its_own(self):
        self.live.load.stop = lambda: None
        self.live.end()
        self.assertFalse(self.life().remember())
        self.assertFalse(os.path.exists(os.path.join(self.folder, "store-allowed")))

    def test_a_campaign_does_not_end_while_something_is_still_to_be_put_back(self):
        for acts in (False, True):
            self.live.tuner.finish, self.live.tuner.acts = lambda say, file: [], lambda acts=acts: acts
            with self.subTest(acts), self.assertRaisesRegex(OSError, "not put back yet") if acts else contextlib.nullcontext():
                self.live.conclude()

    def test_a_pause_between_cases_is_no_end_and_a_long_rest_is(self):
        self.live.tuner.why, self.live.tuner.idle_s = "settling", 10
        self.assertEqual(self.live.poll(), (None, False))
        self.live.tuner.why, self.live.tuner.idle_s = "nothing is left to try", 600
        self.assertEqual(self.live.poll(), ("nothing is left to try", False))

    def test_a_homeostat_that_tries_nothing_any_more_is_not_waited_for_for_ever(self):
        now = [0.0]
        with mock.patch.object(tune_site, "time", argparse.Namespace(monotonic=lambda: now[0], time=time.time, sleep=lambda s: now.__setitem__(0, now[0] + s))):
            with self.assertRaisesRegex(OSError, "no trial has ended for 1 h 58 min"):
                self.live.next(tune_run.Budget())

    def test_who_does_not_answer_is_asked_again(self):
        self.live.tuner.all, self.live.tuner.down = [self.outcome("a")], True
        self.assertEqual(self.live.poll(), (None, False))
        self.live.tuner.down = False
        self.assertEqual(self.live.poll()[0]["case"], "a")

    def test_the_configuration_goes_on_also_when_a_life_ended_without_a_word(self):
        self.assertEqual(self.live.conf_so_far(), "")
        self.run_.put(in_data="allowed")
        self.assertEqual(self.life().conf_so_far(), "shared_buffers = '614MB'\n")
        self.run_.put(in_data=None)
        self.set_conf("the data of another campaign")
        self.assertEqual(self.life().conf_so_far(), "shared_buffers = '614MB'\n")


class TakingOver(unittest.TestCase):
    """A Homeostat that finds what an earlier life left in its memory, and one that is about to rest."""

    def asked(self, *statuses, stops=(), to="take_over"):
        """What it is asked for, but for what it is only asked about; statuses of its one case, look by look."""
        tuner, left, stops, asked = object.__new__(Tuner), list(statuses), list(stops), []

        def call(method, path, body=None):
            if method == "GET":
                return {"data": [{"status": left.pop(0) if len(left) > 1 else left[0]}] if path.startswith("/case") else stops}
            asked.append(f"{method} {path}")
            stops[:] = [body["why"]] if body else []
            return {"data": {}}
        tuner.call = call
        with mock.patch.object(time, "sleep"):
            getattr(tuner, to)(lambda text: None)
        self.assertNotIn(left[0], ("EXECUTING", "VERIFYING"))
        if to == "take_over":
            self.assertEqual(stops, [])
        return asked

    def test_a_trial_that_was_under_way_is_put_back_before_anything_is_tried(self):
        self.assertEqual(self.asked("VERIFYING", "VERIFYING", "VERIFYING", "PARKED"), ["POST /stop", "DELETE /stop"])

    def test_a_campaign_whose_end_was_broken_off_does_not_stay_stopped(self):
        self.assertEqual(self.asked("CLOSED", stops=["the run has ended"]), ["DELETE /stop"])

    def test_who_begins_is_asked_for_nothing(self):
        self.assertEqual(self.asked("CLOSED"), [])

    def test_who_is_about_to_rest_puts_back_what_is_under_way_and_stays_stopped_then(self):
        self.assertEqual(self.asked("VERIFYING", "VERIFYING", "PARKED", to="rest"), ["POST /stop"])
        self.assertEqual(self.asked("CLOSED", to="rest"), [])

    def test_who_does_not_answer_before_it_rests_is_let_go(self):
        tuner, said = object.__new__(Tuner), []
        with mock.patch.object(Tuner, "call", side_effect=ConnectionRefusedError("nobody listens")):
            tuner.rest(said.append)
        self.assertIn("put back when the run goes on", said[0])


class Beginning(Folder):
    """A cluster and its load driver, of programs that only look like them."""

    def cluster(self):
        cluster = object.__new__(Cluster)
        cluster.folder, cluster.limits, cluster.root, cluster.port, cluster.user = self.folder, limits.Limits("none"), False, 1, "nobody"
        cluster.bin, cluster.data, cluster.restart_script, cluster.log = self.folder, self.folder + "/data", self.folder + "/restart", self.folder + "/log"
        return cluster

    def program(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
        return path

    def test_a_terminal_with_a_locale_that_is_not_there_gets_its_cluster(self):
        self.program("initdb", 'case "$LC_ALL,$*" in C.UTF-8,*--locale=C.UTF-8*) mkdir data ;; *) echo "invalid locale settings"; exit 1 ;; esac')
        with mock.patch.dict(os.environ, LC_ALL="xx_XX.UTF-8"):
            self.cluster().create()
        self.assertTrue(os.path.exists(self.folder + "/data/postgresql.conf"))

    def test_what_a_program_said_that_failed_is_told(self):
        self.program("initdb", "echo the disk is full >&2; exit 1")
        with self.assertRaisesRegex(subprocess.CalledProcessError, "initdb.*exit status 1.*\n.*the disk is full"):
            self.cluster().create()

    def start(self, text, start_s):
        pid, until = self.folder + "/pid", time.monotonic() + 120
        program, cluster = self.program("driver", f"echo $$ > {pid}.new\nmv {pid}.new {pid}\n{text}"), self.cluster()

        def nobody_answers(load):
            while not os.path.exists(pid) and time.monotonic() < until:      # a machine with much to do
                time.sleep(0.02)
            raise ConnectionRefusedError
        with mock.patch.object(rig_cluster, "START_S", start_s), mock.patch.object(Load, "counters", nobody_answers), \
                self.assertRaisesRegex(SystemExit, "the load driver did not start") as told:
            cluster.start_load(program)
        with open(pid, encoding="ascii") as f:
            return int(f.read()), str(told.exception)

    def test_a_load_that_does_not_begin_in_time_does_not_stay_behind(self):
        pid, _ = self.start("exec sleep 60", 1)
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)

    def test_what_a_load_said_before_it_ended_is_told(self):
        self.assertIn("no such database", self.start("echo there is no such database >&2; exit 1", 120)[1])


class FakeLoad:
    """A load that switches every 300 s of a clock of its own and ends; asked the nth time, it may be slow to answer, or break off, and does nothing for a second."""

    def __init__(self, fails):
        self.now, self.asked, self.missing, self.fails, self.process, self.log = 0.0, 0, 0, fails, self, ""

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.now += seconds

    def poll(self):
        return 0 if self.now >= 900 else None

    def counters(self):
        self.asked += 1
        if self.now >= 900:
            raise OSError("it has ended")
        if self.asked in self.fails:
            self.missing += 100
            raise self.fails[self.asked]
        return {"transactions": 100 * self.now - self.missing, "errors": 0, "buckets": [], "schedule": {"phase": (phase.FIRST, phase.BETWEEN, phase.AGAIN)[int(self.now // 300)]}}


class Listening(Folder):
    def listen(self, fails, ends=0):
        """ends: when the one trial ends, which acts for a minute before."""
        load, cluster, told = FakeLoad(fails), FakeCluster(self.folder), [{"case": "a", "verdict": "better", "kept": True, "proposal": "a", "changes": [], "in_force": {"shared_buffers": "614MB"}}]
        with open(cluster.auto_conf_path(), "w", encoding="ascii") as f:
            f.write("shared_buffers = '614MB'\n")
        live = argparse.Namespace(load=load, site=argparse.Namespace(cluster=cluster), followed="a",
                                  poll=lambda: (told.pop() if told and load.now >= ends else None, ends - 60 <= load.now < ends))
        story = object.__new__(phase.Phase)
        story.o = argparse.Namespace(window=10)
        with mock.patch.object(phase, "time", load), mock.patch.object(measure, "time", load):
            return story.listen(live), load.asked

    def test_no_answer_that_is_slow_or_broken_off_costs_more_than_the_reading_that_was_under_way(self):
        whole, asked = self.listen({})
        self.assertEqual({r["phase"] for r in whole["readings"]}, {phase.FIRST, phase.BETWEEN, phase.AGAIN})
        for n in range(1, asked + 1):
            for failure in (TimeoutError("timed out"), json.JSONDecodeError("torn", "", 0)):
                with self.subTest(n=n, failure=failure):
                    story, _ = self.listen({n: failure})
                    self.assertEqual(len(story["trials"]), 1)
                    self.assertGreaterEqual(len(story["readings"]), len(whole["readings"]) - 1)
                    self.assertEqual({r["tps"] for r in story["readings"]}, {100.0})

    def test_a_trial_belongs_to_the_phase_in_which_it_began(self):
        for ends, began in ((200, phase.FIRST), (350, phase.FIRST), (370, phase.BETWEEN), (650, phase.BETWEEN), (670, phase.AGAIN)):
            with self.subTest(ends):
                self.assertEqual([t["phase"] for t in self.listen({}, ends)[0]["trials"]], [began])

    def test_an_answer_that_breaks_off_in_the_middle_is_one_that_did_not_come(self):
        def answer(server):
            with server.accept()[0] as client:
                client.recv(4096)
                client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"transactions": 1')
        with socket.create_server(("127.0.0.1", 0)) as server:
            helper = threading.Thread(target=answer, args=(server,))
            helper.start()
            with self.assertRaisesRegex(OSError, "broke off"):
                Load(None, f"http://127.0.0.1:{server.getsockname()[1]}", "").counters()
            helper.join()

    def test_a_load_that_ends_before_its_schedule_is_no_story(self):
        with mock.patch.object(FakeLoad, "poll", lambda load: 1), self.assertRaisesRegex(OSError, "before its schedule"):
            self.listen({9: OSError("gone")})


class Comparing(Folder):
    def test_every_round_has_all_configurations_and_the_order_turns(self):
        self.assertEqual([n for _, n in tune_arms.interleaved(["a", "b", "c"], 2)], ["a", "b", "c", "c", "b", "a"])

    def test_what_is_measured_is_not_measured_again(self):
        asked = []
        j = self.journal()
        j.append({"round": 0, "name": "a", "tps": 1})
        tune_arms.compare(j, ["a", "b"], 2, lambda n: asked.append(n) or {"tps": 2}, 10, tune_run.Budget())
        self.assertEqual((asked, len(j.rows)), (["b", "b", "a"], 4))

    def test_a_ratio_is_taken_within_its_round(self):
        rows = [{"round": 0, "name": "default", "tps": 100}, {"round": 0, "name": "tuned", "tps": 200}, {"round": 1, "name": "default", "tps": 50}, {"round": 1, "name": "tuned", "tps": 150},
                {"round": 2, "name": "tuned", "tps": 1}, {"round": 4, "name": "default", "tps": 50}, {"round": 4, "name": "tuned", "tps": 0.0}, {"round": 3, "name": "default", "tps": None}, {"round": 3, "name": "tuned", "tps": 1}]
        self.assertEqual(tune_arms.ratios(rows, "tuned", "tps"), [2, 3, 0])
        self.assertAlmostEqual(geometric([2, 8]), 4)
        self.assertEqual((geometric([2, 0]), tune_arms.lower_bound([2, 0])), (0, 0))
        self.assertTrue(math.isnan(geometric([])))

    def test_the_lower_bound_is_students(self):
        logs = [0.1, 0.2, 0.3]      # mean 0.2, deviation 0.1, two degrees of freedom
        self.assertAlmostEqual(math.log(tune_arms.lower_bound([math.exp(x) for x in logs])), 0.2 - 2.920 * 0.1 / math.sqrt(3), 3)
        self.assertTrue(math.isnan(tune_arms.lower_bound([2])))

    def test_what_touches_durability_is_named(self):
        rows = [{"name": "default", "durability": {"fsync": "on", "unlogged": "0"}}, {"name": "tuned", "durability": {"fsync": "off", "unlogged": "0"}}]
        self.assertEqual(tune_arms.touched(rows), ["tuned: fsync on -> off"])
        self.assertEqual(tune_arms.touched(rows[:1]), [])


class Parts(Folder):
    """What the parts of a run have in common, and what is told when they have not."""

    def part(self, run, program=b"1", why_not=None, **environment):
        path = os.path.join(self.folder, "homeostat")
        with open(path, "wb") as f:
            f.write(program)
        site = tune_site.Site(run, "x", "cloud-disk", ())
        with mock.patch.dict(os.environ, environment):
            site.limits = limits.Limits("none")
        site.limits.why_not, site.limits.version = why_not, 1
        site.note([path])
        return run

    def run_(self):
        return tune_run.Run(self.folder, {})

    def test_limits_and_policy_are_what_a_run_goes_on_with(self):
        o = argparse.Namespace(folder=self.folder, budget=None, plan=False, forget=False, trials=1)
        tune_run.Run(self.folder, tune_run.lasting(o)).put()
        tune_run.Run(self.folder, tune_run.lasting(o))
        for name, value, other in (("DEMO_MEMORY", "8589934592", "limits"), ("DEMO_IOPS", "9", "limits"), ("DEMO_BANDWIDTH", "9", "limits"), ("DEMO_POLICY", "risk: {}", "policy")):
            with self.subTest(name), mock.patch.dict(os.environ, {name: value}), self.assertRaisesRegex(tune_run.Wrong, "another " + other):
                tune_run.Run(self.folder, tune_run.lasting(o))

    def test_limits_that_are_no_numbers_are_told(self):
        with mock.patch.dict(os.environ, DEMO_MEMORY="8G"), self.assertRaisesRegex(SystemExit, "DEMO_MEMORY.*'8G'"):
            limits.wanted()

    def limited(self, version, *roots):
        """Limits in folders that only look like control groups."""
        for root in roots:
            os.mkdir(root)
        made, with_mkdir = limits.Limits("none"), os.makedirs

        def makedirs(path, **how):
            with_mkdir(path, **how)
            open(os.path.join(path, "cgroup.procs"), "a", encoding="ascii").close()
        made.why_not, made.version, made.roots = None, version, list(roots)
        with mock.patch.object(os, "makedirs", makedirs), mock.patch.object(limits.Limits, "device_of", staticmethod(lambda folder: "8:0")), mock.patch.object(os, "chown") as chown:
            made.create("/x/homeostat-demo-1", 7)
        self.assertIsNone(made.why_not)
        return made, {call.args[0]: call.args[1] for call in chown.call_args_list}

    def test_in_groups_of_version_2_homeostat_begins_where_it_may_restart_the_server_into_its_limits(self):
        root = os.path.join(self.folder, "v2")
        made, owners = self.limited(2, root)
        above = os.path.join(root, "homeostat-demo-1")
        self.assertEqual((made.groups, made.beside), ([above + "/limited"], [above + "/beside"]))
        # The kernel asks for the right to write the group above both as well.
        self.assertEqual(owners, {above + "/cgroup.procs": 7, above + "/limited/cgroup.procs": 7})
        for folder in (root, above):
            with open(folder + "/cgroup.subtree_control", encoding="ascii") as f:
                self.assertEqual(f.read(), "+memory +io")
        with open(above + "/limited/memory.max", encoding="ascii") as f:
            self.assertEqual(int(f.read()), made.memory)
        for inside, group in ((True, "limited"), (False, "beside")):
            made.enter(inside)
            with open(os.path.join(above, group, "cgroup.procs"), encoding="ascii") as f:
                self.assertEqual(int(f.read()), os.getpid())
        self.assertEqual(made.made[0], above)      # so that it is the last to be removed

    def test_in_groups_of_version_1_only_what_is_limited_is_in_a_group(self):
        roots = [os.path.join(self.folder, name) for name in ("memory", "blkio")]
        made, owners = self.limited(1, *roots)
        self.assertEqual((made.groups, made.beside, made.made), ([root + "/homeostat-demo-1" for root in roots], [], made.groups))
        self.assertEqual(set(owners), {group + "/cgroup.procs" for group in made.groups})

    def test_a_restart_that_cannot_get_into_the_limits_is_none(self):
        made = limits.Limits("none")
        made.groups = [os.path.join(self.folder, "not there")]
        done = subprocess.run(["sh", "-c", made.enter_script() + "echo started without limits"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        made.groups = []
        done = subprocess.run(["sh", "-c", made.enter_script() + "echo started"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "started\n"))

    def test_a_run_is_limited_when_all_its_parts_were_and_as_it_is_documented(self):
        self.assertTrue(self.part(self.part(self.run_())).state["limited"])
        for name in limits.DOCUMENTED:
            with tempfile.TemporaryDirectory() as self.folder:
                self.assertFalse(self.part(self.run_(), **{name: "99"}).state["limited"], name)
        with tempfile.TemporaryDirectory() as self.folder:
            self.part(self.run_())
            self.part(self.run_(), why_not="no root")
            run = self.part(self.run_())
            self.assertFalse(run.state["limited"])
            self.assertEqual(len(run.state["where"]), 2)
            self.assertRegex(tune_site.told(run.state)[-1], r"^cloud-disk \(.*1024 MiB.*\) AND ELSEWHERE none \(no root\)$")

    def test_a_program_that_changed_is_told_and_not_refused(self):
        run = self.part(self.part(self.run_()))
        self.assertRegex(tune_site.told(run.state)[0], "^homeostat [0-9a-f]{12}$")
        self.assertRegex(tune_site.told(self.part(run, b"2").state)[0], "^homeostat CHANGED [0-9a-f]{12} -> [0-9a-f]{12}$")
        run.put(options={"policy": "risk: {}"})
        self.assertIn("with a policy of its own", tune_site.told(run.state))


class Telling(Folder):
    """Whole runs out of journals that were written by hand."""

    def write(self, options):
        run = tune_run.Run(self.folder, options)
        run.put(where=["cloud-disk"], limited=True, built={"homeostat": ["a1"], "homeostat-load": ["b2"]}, thumb="shared_buffers = '256MB'\n", **{"ended-allowed": "", "ended-never": ""})
        return run

    def trials(self, run, arm, n, kept_at=1, effect=0.7, changes="shared_buffers"):
        for i in range(1, n + 1):
            run.journal("trials-" + arm).append({"trial": i, "arm": arm, "case": f"{arm}{i}", "planner": "p", "proposal": "shared_buffers 128MB -> 614MB & <more>", "verdict": "better" if i == kept_at else "worse",
                                                 "kept": i == kept_at, "changes": [{"name": changes, "from": "off", "to": "on"}], "effect": effect if i == kept_at else -0.1, "lo": 0, "hi": 1, "tps": 100.0, "p99_ms": 10.0, "degraded_s": 2.0, "restarts": 1,
                                                 "seconds": 400.0, "in_force": {"shared_buffers": "614MB"} if i >= kept_at else {}})

    def oltp(self, tuned_tps=250, fsync="on", kept_at=1, early_tps=None, arm="both", trials=45, reload_tps=(99, 99, 99), reload_conf="", tuned_p99=160.0, recovery_s=30.0, errors=None, limited=True, rounds=3, warehouses=12,
             changes="jit"):
        """Each of the words moves one bar's figure and no other's; reload_tps is of each round."""
        o = argparse.Namespace(arm=arm, trials=trials, per_round=15, rounds=rounds, warehouses=warehouses, clients=8, draw="uniform", window=30, windows=10, profile="cloud-disk")
        run = self.write(vars(o))
        run.put(limited=limited)
        self.trials(run, "allowed", trials, kept_at)
        self.trials(run, "never", trials, kept_at=99, changes=changes)
        run.write("allowed.conf", "shared_buffers = '614MB'\n")
        run.write("never.conf", reload_conf)
        tps = {"default": 100, "thumb": 110, "tuned": tuned_tps, "reload": 0, "hand": 216, **({"early": early_tps} if early_tps else {})}
        tps = {name: [tps[name]] * 3 for name in tps if arm == "both" or name != "reload"}
        if "reload" in tps:
            tps["reload"] = reload_tps
        for i, name in tune_arms.interleaved(list(tps), 3):
            run.journal("rounds").append({"round": i, "name": name, "tps": tps[name][i] * (1 + i / 50), "closed_p99_ms": {"tuned": tuned_p99, "hand": 185.0}.get(name, 400.0), "p99_ms": 100, "cpu": 0.4,
                                          "errors": (errors or {}).get(name, 0), "rate": 60.0, "durability": {"fsync": fsync if name == "tuned" else "on"}})
        for name in tps:
            run.journal("recovery").append({"round": 0, "name": name, "recovery_s": recovery_s if name == "tuned" else 30.0})
        return tune_oltp.Oltp(run, o)

    def test_a_run_that_holds_its_bars_is_ok_and_leaves_report_table_and_curve(self):
        oltp = self.oltp()
        self.assertEqual([s.left_s() for s in oltp.stages()], [0] * 6)
        line, ok = oltp.report()
        self.assertTrue(ok, line)
        self.assertRegex(line, r"^tune-oltp 2\.50 x-default-tps \(bar >= 2; p99 x0\.40 of <= 0\.5, .*100 % of the gain by trial 30.*reload only x0\.99, at least x1\.00 of >= 1; tuned: 0 errors of <= 0; reload: 0 errors of <= 0; rule of thumb x1\.10; by hand x2\.16 and p99 x0\.46.*"
                               r"allowed: 45 trials, degraded 90 s, 45 restarts; never: .*durability untouched; homeostat a1; homeostat-load b2; cloud-disk\) ok$")
        with open(os.path.join(self.folder, "convergence.csv"), encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
        self.assertEqual((len(rows), rows[0]["gain_so_far"]), (90, "2.0138"))
        picture = xml.parse(os.path.join(self.folder, "convergence.svg")).getroot()
        self.assertEqual(len(picture.findall("{*}circle")), 90)
        with open(os.path.join(self.folder, "report.txt"), encoding="utf-8") as f:
            self.assertIn("tuned", f.read())

    def test_each_bar_can_be_missed(self):
        """Each breaks one condition and holds all others, and the same just within it is ok."""
        kept = "jit = 'off'\n"
        for wrong, within in (({"tuned_tps": 199}, {"tuned_tps": 201}), ({"tuned_p99": 201.0}, {"tuned_p99": 199.0}), ({"recovery_s": 90.1}, {"recovery_s": 89.9}), ({"fsync": "off"}, {"fsync": "on"}),
                              ({"kept_at": 40, "early_tps": 238}, {"kept_at": 40, "early_tps": 240}), ({"limited": False}, {"limited": True}), ({"trials": 44}, {"trials": 46}), ({"arm": "allowed"}, {"arm": "both"}),
                              ({"reload_tps": (99, 101, 103), "reload_conf": kept}, {"reload_tps": (101, 102, 103), "reload_conf": kept}),
                              ({"errors": {"tuned": 1}}, {"errors": {"tuned": 1, "default": 1}}), ({"rounds": 2}, {"rounds": 3}), ({"warehouses": 11}, {"warehouses": 13}), ({"changes": "fsync"}, {"changes": "jit"}), ({"errors": {"reload": 1}}, {"errors": {"reload": 1, "default": 1, "thumb": 2}})):
            for options, good in ((wrong, False), (within, True)):
                with self.subTest(options), tempfile.TemporaryDirectory() as self.folder:
                    line, ok = self.oltp(**options).report()
                    self.assertEqual((ok, line.rsplit(" ", 1)[1]), (good, "ok" if good else "short"), line)

    def test_what_is_not_known_is_null_in_the_report_which_had_no_json_to_read_otherwise(self):
        oltp = self.oltp()
        for row in oltp.rounds.rows:
            row.update(tps=0.0 if row["name"] == "default" else row["tps"])
        oltp.report()
        with open(os.path.join(self.folder, "report.json"), encoding="ascii") as f:
            report = json.load(f, parse_constant=self.fail)
        self.assertIsNone(report["configurations"]["tuned"]["tps_ratio"])
        self.assertEqual(report["configurations"]["tuned"]["recovery_s"], 30.0)

    def test_an_arm_that_did_nothing_in_a_round_is_short_and_so_is_a_default_that_did_nothing(self):
        for name, value in (("tuned", "0.00"), ("reload", "2.50"), ("early", "2.50"), ("default", "nan")):
            with self.subTest(name), tempfile.TemporaryDirectory() as self.folder:
                oltp = self.oltp(kept_at=40, early_tps=250, reload_conf="jit = 'off'\n", reload_tps=(110, 110, 110))
                self.assertTrue(oltp.report()[1])
                next(row for row in oltp.rounds.rows if row["name"] == name).update(tps=0.0, closed_p99_ms=None, p99_ms=None)
                line, ok = oltp.report()
                self.assertFalse(ok, line)
                self.assertEqual(line.split()[1], value)

    def test_what_trial_30_had_is_measured_where_it_is_not_what_is_left(self):
        oltp = self.oltp(kept_at=40, early_tps=240)
        self.assertEqual(list(oltp.confs()), ["default", "thumb", "tuned", "reload", "hand", "early"])
        self.assertAlmostEqual(oltp.share_early(oltp.summary()), math.log(2.4) / math.log(2.5))

    def olap(self, tuned_s=80.0, trials=12, ended="", rounds=4, scale=1.0, durability="on", conf="random_page_cost = '1.1'\n", limited=True, digest="d"):
        o = argparse.Namespace(scale=scale, streams=1, trials=trials, per_round=12, rounds=rounds, window=120, windows=6, profile="cloud-disk")
        run = self.write(vars(o))
        run.put(limited=limited, **{"ended-allowed": ended})
        self.trials(run, "allowed", trials)
        run.write("allowed.conf", conf)
        for i in range(rounds):
            for name, total in (("default", 100.0), ("thumb", 105.0), ("tuned", tuned_s)):
                run.journal("rounds").append({"round": i, "name": name, "total_s": total, "geometric_mean_s": total / 30, "digest": digest if name == "tuned" else "d", "query_s": {"1": total / 2, "10": total / 2}, "cpu": 0.5,
                                              "durability": {"fsync": durability if name == "tuned" else "on"}})
        return tune_olap.Olap(run, o)

    def test_a_report_that_tried_or_measured_less_than_its_bar_is_for_is_short(self):
        for fewer, good in (({"trials": 1, "rounds": 1, "conf": ""}, False), ({"trials": 0, "ended": "nothing is left to try"}, False),
                            ({"trials": 1, "ended": "nothing is left to try"}, True), ({"trials": 12, "rounds": 4, "conf": "", "tuned_s": 101.0}, True)):
            with self.subTest(fewer), tempfile.TemporaryDirectory() as self.folder:
                line, ok = self.olap(**fewer).report()
                self.assertEqual(ok, good, line)

    def test_each_bar_of_the_reports_can_be_missed(self):
        for wrong in ({"tuned_s": 100.1}, {"trials": 11}, {"rounds": 3}, {"scale": 0.99}, {"durability": "off"}, {"digest": "another"}, {"limited": False}):
            with self.subTest(wrong), tempfile.TemporaryDirectory() as self.folder:
                line, ok = self.olap(**wrong).report()
                self.assertEqual((ok, line.rsplit(" ", 1)[1]), (False, "short"), line)

    def test_reports_are_compared_by_their_total(self):
        line, ok = self.olap().report()
        self.assertTrue(ok, line)
        self.assertRegex(line, r"^tune-olap 0\.80 x-default-time \(bar <= 1; 4 rounds of 4, 100\.0 s -> 80\.0 s; rule of thumb x1\.05; .*all answers the same")

    def story(self, announced, conf_again, tps_again):
        best, worse = {"shared_buffers": "614MB"}, {"shared_buffers": "400MB"}
        readings = [{"at": 10.0 * i, "phase": "first", "in_force": best, "tps": 200} for i in range(5)] + [{"at": 100, "phase": "between", "in_force": worse, "tps": 1}]
        readings += [{"at": 220 + 20 * i, "phase": "again", "in_force": conf, "tps": tps} for i, (conf, tps) in enumerate(zip(conf_again, tps_again))]
        trials = [{"trial": 1, "at": 5, "phase": "first", "kept": True, "verdict": "better", "proposal": "a", "changes": [{"name": "shared_buffers", "from": "128MB", "to": "614MB"}], "in_force": best},
                  {"trial": 2, "at": 250, "phase": "again", "kept": False, "verdict": "worse", "proposal": None, "changes": [], "in_force": worse}]
        return {"switches": [100.0, 200.0], "trials": trials, "readings": readings, "announced": announced}, best, worse

    def test_a_change_is_announced_within_the_windows_that_follow_the_switch(self):
        self.assertEqual(phase.windows_until([100, 200], [90, 130, 290], 40), [1, 3])
        self.assertEqual(phase.windows_until([100, 200], [], 40), [math.inf, math.inf])
        self.assertEqual(phase.windows_until([100, 200], [210], 40), [math.inf, 1])

    def test_a_switch_is_where_the_driver_has_it_not_where_it_was_noticed(self):
        line = lambda elapsed, begun=1000.0: json.dumps({"type": "second", "elapsed_s": elapsed, "seconds": 1.0, "wall_us": int((begun + elapsed) * 1e6)})      # noqa: E731
        seconds = [line(s + 0.25) for s in range(300)]
        self.assertEqual(phase.switches_in(["listening on 127.0.0.1:1", '{"type": "sec', "7", *seconds], [1, 2, 1]), [1060.0, 1180.0])
        self.assertEqual(phase.switches_in(seconds[:100], [1, 2, 1]), [1060.0])
        self.assertEqual(phase.switches_in([line(s + 0.5, 0.0) for s in range(70)] + seconds, [1, 2, 1]), [1060.0, 1180.0])

    def test_a_detector_that_cries_all_the_time_is_short(self):
        line, ok = self.phase(range(20, 420, 80)).report()
        self.assertFalse(ok, line)
        self.assertEqual(phase.windows_until([100, 200], [130, 200, 230], 40), [1, 1])

    def test_each_bar_of_the_story_can_be_missed(self):
        for wrong, within in (({"announced": (130.0, 320.1)}, {"announced": (130.0, 320.0)}), ({"announced": (130.0, 250.0, 900.0)}, {}), ({"announced": (130.0, 190.0, 250.0)}, {}),
                              ({"announced": (60.0, 130.0, 250.0)}, {}), ({"announced": (100.0, 130.0, 250.0)}, {}), ({"announced": (250.0,)}, {}), ({"conf_again": "400MB"}, {}), ({"kept": False}, {}),
                              ({"again_at": 300, "trials": (260, 270, 280)}, {"again_at": 300, "trials": (260, 270)}), ({"limited": False}, {})):
            for options, good in ((wrong, False), (within, True)):
                with self.subTest(options), tempfile.TemporaryDirectory() as self.folder:
                    line, ok = self.phase(**options).report()
                    self.assertEqual((ok, line.rsplit(" ", 1)[1]), (good, "ok" if good else "short"), line)

    def test_the_best_is_back_by_its_configuration_or_by_its_throughput(self):
        s, best, worse = self.story([], [], [])
        again = lambda confs, tps: phase.trials_until_best(s["trials"], s["readings"][:6] + [{"at": 220 + 20 * i, "phase": "again", "in_force": c, "tps": t} for i, (c, t) in enumerate(zip(confs, tps))])  # noqa: E731
        self.assertEqual(again([best], [10]), (0, "the same configuration"))
        self.assertEqual(again([worse, worse, best], [100] * 3), (1, "the same configuration"))
        self.assertEqual(again([worse] * 3, [195] * 3), (0, "another configuration, as good"))
        self.assertIsNone(again([worse] * 3, [180] * 3))
        self.assertIsNone(again([], []))

    def test_a_setting_that_went_back_to_its_default_is_the_same_configuration_as_one_that_was_never_changed(self):
        s, best, _ = self.story([], [], [])
        for value, back in (("4MB", (0, "the same configuration")), ("8MB", None)):
            with self.subTest(value):
                reading = {"at": 220, "phase": "again", "in_force": {**best, "work_mem": value}, "tps": 10}
                between = {**s["trials"][1], "at": 150, "phase": "between", "kept": True, "changes": [{"name": "work_mem", "from": "4MB", "to": "64MB"}], "in_force": {**best, "work_mem": "64MB"}}
                self.assertEqual(phase.trials_until_best([s["trials"][0], between, s["trials"][1]], [*s["readings"], reading]), back)

    def test_the_best_of_the_first_phase_is_what_its_last_trial_left_when_nothing_rested_long_enough_to_be_read(self):
        s, best, worse = self.story([], [], [])
        better = {**best, "jit": "off"}
        last = {**s["trials"][0], "at": 90, "changes": [{"name": "jit", "from": "on", "to": "off"}], "in_force": better}
        trials = [s["trials"][0], last, {**s["trials"][1], "in_force": better}]
        self.assertEqual(phase.trials_until_best(trials, s["readings"]), (1, "the same configuration"))
        kept = [{"at": 260 + 20 * i, "phase": "again", "in_force": best, "tps": 300} for i in range(3)]
        self.assertIsNone(phase.trials_until_best([s["trials"][0], last, s["trials"][1]], [*s["readings"], *kept]))      # how good the best was is not known, so nothing is as good

    def phase(self, announced=(130.0, 250.0), window=40, conf_again="614MB", again_at=220, trials=(), kept=True, limited=True):
        """trials: when more of the last phase ended."""
        o = argparse.Namespace(minutes=[90, 60, 60], arm="allowed", warehouses=1, clients=2, scale=0.01, streams=1, window=window, windows=6, profile="cloud-disk")
        run = self.write(vars(o))
        run.put(limited=limited)
        story, _, _ = self.story(list(announced), [{"shared_buffers": conf_again}], [10])
        story["trials"][0]["kept"] = kept
        story["trials"] += [{**story["trials"][1], "at": at} for at in trials]
        story["readings"][-1]["at"] = again_at
        run.journal("story").append(story)
        return phase.Phase(run, o)

    def test_a_story_is_told_from_what_was_kept_of_it(self):
        line, ok = self.phase().report()
        self.assertTrue(ok, line)
        self.assertRegex(line, r"^phase 2 windows \(bar <= 3; each switch announced after 1 and 2 windows of <= 3; 1 and 1 announcements after them of 1 each; 0 before the first of 0; .*back after 0 trials of <= 3 \(the same configuration\)")

    def test_a_complete_run_is_told_again_without_a_server(self):
        run = self.oltp().run
        run.put(options=tune_run.lasting(argparse.Namespace(**run.state["options"])))
        done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, "tune_oltp.py"), "--folder", self.folder], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1][:15]), (0, "tune-oltp 2.50 "), done.stderr)


class Demo(Folder):
    """What the demo reports at its end."""

    def report(self, *rounds):
        of = [{name: {"tps": tps, "p99_ms": p99} for name, (tps, p99) in zip(("default", "final"), r)} for r in rounds]
        with mock.patch("builtins.print"):
            print_report({"profile": "x", "rounds": of, "recovery_s": {"default": 1.0, "final": 2.0}}, self.folder)
        with open(os.path.join(self.folder, "report.txt"), encoding="ascii") as text, open(os.path.join(self.folder, "report.json"), encoding="ascii") as facts:
            return text.read(), json.load(facts)

    def test_ratios_are_those_of_the_rounds(self):
        text, facts = self.report(((100, 50), (200, 25)), ((100, 40), (400, 80)))
        self.assertAlmostEqual(facts["tps_ratio"], math.sqrt(8))
        self.assertAlmostEqual(facts["p99_ratio"], 1)
        self.assertIn("throughput x2.83, p99 x1.00, crash recovery 1.0 s -> 2.0 s", text)

    def test_a_round_without_an_answer_has_no_p99_and_the_report_comes_all_the_same(self):
        for silent in (((100, 50), (200, None)), ((100, None), (200, 25)), ((100, None), (200, None))):
            with self.subTest(silent):
                text, facts = self.report(((100, 50), (200, 25)), silent)
                self.assertIsNone(facts["p99_ratio"])
                self.assertIn("p99 unknown", text)
                self.assertNotIn(" 0 ms", text)
                self.assertAlmostEqual(facts["tps_ratio"], 2)
        text, facts = self.report(((0, None), (200, 25)))
        self.assertEqual((facts["tps_ratio"], facts["p99_ratio"]), (None, None))   # no NaN, which is no JSON
        self.assertIn("throughput unknown, p99 unknown", text)


class Options(Folder):
    def call(self, program, *options):
        return subprocess.run([sys.executable, "-B", os.path.join(BENCH, program), "--folder", os.path.join(self.folder, "run"), *options], capture_output=True, text=True, check=False)

    def test_a_plan_is_printed_and_leaves_nothing(self):
        for program in ("tune_oltp.py", "tune_olap.py", "phase.py"):
            done = self.call(program, "--plan")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r" h \d\d min  in all")
        self.assertEqual(os.listdir(self.folder), [])

    def test_wrong_options_are_told_and_nothing_is_begun(self):
        for program, options, says in (("phase.py", ["--minutes", "1,2"], "three numbers"), ("tune_oltp.py", ["--arm", "some"], "invalid choice"), ("tune_olap.py", ["--scale", "x"], "invalid positive"),
                                        ("tune_olap.py", ["--trials", "0"], "less than 1"), ("tune_olap.py", ["--rounds", "-1"], "less than 1"), ("tune_olap.py", ["--scale", "0"], "above zero"),
                                        ("tune_olap.py", ["--scale", "nan"], "above zero"), ("tune_oltp.py", ["--trials", "0"], "less than 1"), ("tune_oltp.py", ["--per-round", "0"], "less than 1"),
                                        ("phase.py", ["--windows", "0"], "less than 1"), ("phase.py", ["--minutes", "90,0,60"], "above zero")):
            done = self.call(program, *options)
            self.assertEqual(done.returncode, 2)
            self.assertIn(says, done.stderr)
        self.assertEqual(os.listdir(self.folder), [])


class DemoItself(Folder):
    """tools/demo, which has no name that Python would import either; without a server."""

    def load(self):
        loader = importlib.machinery.SourceFileLoader("demo", os.path.join(ROOT, "tools", "demo"))
        demo = importlib.util.module_from_spec(importlib.util.spec_from_loader("demo", loader))
        with mock.patch.object(sys, "dont_write_bytecode", True):
            loader.exec_module(demo)
        return demo

    def compared(self, minutes, final):
        """Whether the default was compared with what is left after so many minutes."""
        demo = self.load()
        demo.MINUTES = minutes
        cluster = mock.Mock(folder=self.folder, uid=0, auto_conf=lambda: final)
        with mock.patch.object(demo, "Cluster", lambda limits: cluster), mock.patch.object(demo, "Limits"), mock.patch.object(demo, "Tuner"), mock.patch.object(demo, "say"), \
                mock.patch.object(demo, "print_report", return_value=0), mock.patch.object(demo, "signal"), mock.patch.object(demo, "final_rounds", return_value={}) as rounds, \
                mock.patch.dict(os.environ, DEMO_FOLDER=self.folder, DEMO_SETTLE_S="0"):
            self.assertEqual(demo.main(), 0)
        return rounds.called

    def test_without_minutes_the_default_is_compared_with_itself(self):
        self.assertTrue(self.compared(0, ""))
        self.assertFalse(self.compared(30, ""))
        self.assertTrue(self.compared(30, "jit = 'off'\n"))

    def ended_by(self, number, again=None):
        """Its exit status when it is told to end while it puts up its cluster, and perhaps again while it takes it down; and whether that was done."""
        demo, done = self.load(), []

        def remove():
            if again:
                os.kill(os.getpid(), again)
                time.sleep(0.01)
            done.append("removed")
        cluster = mock.Mock(folder=self.folder, uid=0, create=lambda: (os.kill(os.getpid(), number), time.sleep(1)), remove=remove)
        # Whoever runs this in the background or under nohup lets it ignore some.
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
        before = {n: signal.signal(n, how) for n, how in usual.items()}
        try:
            with mock.patch.object(demo, "Cluster", lambda limits: cluster), mock.patch.object(demo, "Limits"), mock.patch.object(demo, "say"), \
                    mock.patch.dict(os.environ, DEMO_FOLDER=self.folder):
                return demo.main(), done
        except KeyboardInterrupt:
            return "interrupted", done
        finally:
            for n, how in before.items():
                signal.signal(n, how)

    def test_a_terminal_that_goes_away_leaves_no_server_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.assertEqual(self.ended_by(number), (130, ["removed"]))

    def test_being_told_twice_does_not_break_the_taking_down_off(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.assertEqual(self.ended_by(signal.SIGTERM, number), (130, ["removed"]))


class OtherData(Folder):
    """bench/run, which has no name that Python would import."""

    def setUp(self):
        super().setUp()
        loader = importlib.machinery.SourceFileLoader("bench_run", os.path.join(BENCH, "run"))
        self.run_ = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
        with mock.patch.object(sys, "dont_write_bytecode", True):
            loader.exec_module(self.run_)
        for name in ("a.csv", "b.csv", "c.txt"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write("index,a,tps\n0,1,1\n")

    def replayed(self, *options):
        b = mock.Mock(options=options)
        b.run.return_value = (0, "replay 1.00 mean-rank (bar first) ok\n")
        with mock.patch.object(self.run_, "built", lambda name: name):
            self.run_.replay(b)
        return [os.path.basename(path) for path in b.run.call_args.args[1:]]

    def test_files_and_folders_of_trials_go_with_the_replay(self):
        file = os.path.join(self.folder, "a.csv")
        self.assertTrue(self.run_.is_other_data(["replay", file]))
        self.assertTrue(self.run_.is_other_data(["replay", file, self.folder]))
        self.assertFalse(self.run_.is_other_data(["replay", os.path.join(self.folder, "missing.csv")]))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        os.rename("b.csv", "safety")      # a name of a measurement is that
        self.assertTrue(self.run_.is_other_data(["replay", "a.csv"]))
        self.assertFalse(self.run_.is_other_data(["replay", "safety"]))
        os.rename("safety", "b.csv")
        self.assertFalse(self.run_.is_other_data(["replay"]))
        self.assertFalse(self.run_.is_other_data(["patterns", file]))
        self.assertTrue(self.run_.is_other_data(["patterns", self.folder]))
        self.assertEqual(self.replayed(file), ["a.csv"])
        self.assertEqual(self.replayed(self.folder), ["a.csv", "b.csv"])

    def test_what_a_program_said_last_is_told_when_it_has_no_result(self):
        with self.assertRaisesRegex(self.run_.Short, "exit status 2: replay: f.csv has no row"):
            self.run_.last_word("replay", "f.csv: something\nreplay: f.csv has no row\n\n", 2)


if __name__ == "__main__":
    unittest.main()
