"""Where the tuner's live benches work: a server in its limits, the copy of its data, and Homeostat's campaigns there."""
import datetime
import hashlib
import os
import shutil
import subprocess
import time

from lab import ROOT, program
import tune_memory
from tune_run import OverBudget, duration, say
from rig.cluster import Cluster, end_processes      # tune_run has put it within reach
from rig.limits import Limits
from rig.measure import Stretch, settle
from rig.tuner import SETTLE_S, Tuner

LOOK_S = 3
LIFETIME_S = 20             # of TPC-C's connections, so that every window meets new planner settings
WARM_CACHE_S = 60           # a cold start is nobody's incumbent
RESTORE_S = 30              # stopping, copying, starting: what is reckoned with
# How a case ends that was no trial: its plan was never in force, or was taken back because a part of the run had ended.
NO_TRIAL = ("refused", "overtaken", "unanswered", "hindered", "stopped")
HISTORY_WINDOWS = {"allowed": 24, "never": 3}     # what Homeostat watches before it proposes: a restart is judged against placebos of the past
HISTORY_MOST = 64           # windows are kept, and watched where less would prove nothing
# What a gain must not be bought with.
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_level", "wal_sync_method", "synchronous_standby_names", "archive_mode", "autovacuum",
              "zero_damaged_pages", "ignore_checksum_failure", "data_checksums")


def with_one(known, one):
    return known if one in known else [*known, one]


def told(state):
    """The words about where a run worked and with what: a campaign takes days, and a program that changed amid it is no reason to begin anew."""
    programs = [name + (" " if len(digests) == 1 else " CHANGED ") + " -> ".join(digests) for name, digests in state["built"].items()]
    return [*programs, *(["with a policy of its own"] if state["options"].get("policy") else []), " AND ELSEWHERE ".join(state["where"])]


# ---- the server -----------------------------------------------------------------------------------------------------


class Site:
    """The server in its limits, with the data of the copy; taken over from an earlier life where there was one."""

    def __init__(self, run, name, profile, fill):
        """fill: what homeostat-load load is to make."""
        self.run, self.name, self.profile, self.fill = run, name, profile, fill
        self.limits = self.cluster = None

    def open(self):
        server = self.run.state.get("server")
        server = server if server and os.path.isdir(server) else None
        if server:
            for pid, name in end_processes(server):
                say(f"ended {name} ({pid}), which an earlier part had left")
        self.limits = Limits(self.profile)
        self.cluster = Cluster(self.limits, self.name, adopt=server)
        self.run.put(server=self.cluster.folder)
        self.limits.create(self.cluster.folder, self.cluster.uid)
        self.run.put(groups=self.limits.made)
        self.driver, self.homeostat, self.thumb = (self.cluster.take(program(name)) for name in ("homeostat-load", "homeostat", "thumb"))
        self.note([self.homeostat, self.driver])
        say(f"profile: {self.limits.describe()}; server in {self.cluster.folder}")

    def note(self, programs):
        """Where this part works and with what, beside where the others did: the run is limited as its least limited part is."""
        state = self.run.state
        built = dict(state.get("built", {}))
        for path in programs:
            with open(path, "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()[:12]
            name = os.path.basename(path)
            built[name] = with_one(built.get(name, []), digest)
        self.run.put(limited=state.get("limited", True) and self.limits.documented(), where=with_one(state.get("where", []), self.limits.describe()), built=built)

    def prepared(self):
        server = self.run.state.get("server")
        return bool(server) and os.path.isdir(os.path.join(server, "copy"))

    def prepare(self):
        """Makes the data and the copy that everything begins from."""
        shutil.rmtree(self.cluster.data, ignore_errors=True)
        self.cluster.create()
        self.cluster.start()
        say("loading: " + " ".join(map(str, self.fill)))
        self.cluster.load(self.driver, *self.fill)
        self.cluster.stop()
        self.cluster.keep_copy()

    def settle(self, conf):
        settle(self.cluster, self.limits, conf)

    def rule_of_thumb(self, sessions):
        """The lines of the planner's rule of thumb for the default configuration and so many sessions."""
        self.settle("")
        done = subprocess.run([self.thumb, self.cluster.dsn(), str(sessions)], preexec_fn=self.cluster.become(False), cwd=self.cluster.folder, env=self.cluster.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        say(f"rule of thumb: {(done.stdout or done.stderr).strip()}")
        if done.returncode not in (0, 3):
            raise OSError(f"the rule of thumb cannot be asked: {done.stderr.strip()}")
        return done.stdout

    def durability(self):
        """What the running server promises about data, as a client's session sees it."""
        names = ", ".join(f"'{n}'" for n in DURABILITY)
        rows = self.cluster.sql(f"select name || '=' || setting from pg_settings where name in ({names}) order by name").splitlines()
        return {**dict(r.split("=", 1) for r in rows), "unlogged": self.cluster.sql("select count(*) from pg_class where relpersistence = 'u'")}

    def close(self):
        if self.cluster:
            self.cluster.stop()
            end_processes(self.cluster.folder)
            self.limits.remove()
            self.cluster = None

    def clear(self):
        """The run is complete: nothing of the server stays."""
        self.close()
        self.run.remove_server()


# ---- trials ---------------------------------------------------------------------------------------------------------


def expected_s(journal, otherwise):
    """How long the next trial will take, by the last ones."""
    recent = [row["seconds"] for row in journal.rows[-10:] if row.get("seconds")]
    return sum(recent) / len(recent) if recent else otherwise


def run_trials(journal, wanted, live, per_round, budget):
    """Trials into the journal until there are as many as wanted. Each round of them begins with the data of the copy.

    live: opening_s and trial_s (how long they take), begin(), next(budget) -> a row, or why there will be none, conclude() when there
    are enough, and end(), which also cleans up after a begin() that did not get through.
    Why it ended before that by itself, or "".
    """
    while len(journal.rows) < wanted:
        budget.take(live.opening_s + expected_s(journal, live.trial_s), f"the next round with trial {len(journal.rows) + 1}")
        try:
            live.begin()
            for i in range(min(per_round, wanted - len(journal.rows))):
                if i:
                    budget.take(expected_s(journal, live.trial_s), f"trial {len(journal.rows) + 1}")
                found = live.next(budget)
                if isinstance(found, str):
                    live.conclude()
                    return found
                journal.append({"trial": len(journal.rows) + 1, **found})
            if len(journal.rows) >= wanted:
                live.conclude()
        finally:
            live.end()
    return ""


class Live:
    """Homeostat at work on the site: one campaign, whose configuration and memory go on from round to round."""

    def __init__(self, site, arm, what, window_s, windows, trial_s, journal):
        """arm: allowed or never, what is allowed being restarts; what: the load, for homeostat-load run."""
        self.site, self.run, self.arm, self.what, self.window_s, self.windows, self.trial_s = site, site.run, arm, what, window_s, windows, trial_s
        self.journal = journal
        self.opening_s = RESTORE_S + WARM_CACHE_S + HISTORY_WINDOWS[arm] * window_s
        self.patience_s = (HISTORY_MOST + 4 * windows) * window_s + 3600      # no trial takes so long, with all that comes before it
        self.conf_name = f"{arm}.conf"
        self.store, self.memory = f"store-{arm}", self.run.file(f"memory-{arm}.db.xz")
        self.load = self.tuner = self.stretch = None
        self.followed = ""      # the case whose stretch is under way

    def conf_so_far(self):
        """What is in force: in the data of a life that ended without a word, else what the last round left."""
        if self.run.state.get("in_data") == self.arm and os.path.exists(self.site.cluster.auto_conf_path()):
            self.run.write(self.conf_name, self.site.cluster.auto_conf())
        return self.run.read(self.conf_name)

    def store_path(self):
        return os.path.join(self.site.cluster.folder, self.store)

    def remember(self):
        """What was learned is at hand: in the server's folder, or else as it was kept when a part ended. Is the folder the one in which the last part worked?"""
        if os.path.isdir(self.store_path()):
            return True
        cluster = self.site.cluster
        if tune_memory.bring(self.memory, self.store_path(), cluster.uid, cluster.gid):
            say(f"{self.arm}: the server's folder has gone; what was learned goes on")
        return False

    def begin(self):
        site, cluster = self.site, self.site.cluster
        conf = self.conf_so_far()
        self.run.put(in_data=None)
        site.settle(conf)
        self.run.put(in_data=self.arm)
        self.load = cluster.start_load(site.driver, *self.what)
        say(f"{self.arm}: the load runs; the caches settle")
        time.sleep(WARM_CACHE_S)
        self.tuner = Tuner(site.homeostat, ROOT, cluster, self.load.endpoint, self.run.path, restart=self.arm, store=self.store, window_s=self.window_s, windows=self.windows)
        self.tuner.start()
        self.tuner.take_over(say)
        self.starts, self.since = cluster.starts(), time.monotonic()
        self.seen = {row["case"] for row in self.journal.rows}
        self.proven = cluster.settings_in(cluster.auto_conf())

    def conclude(self):
        """The campaign is over: what is under way is put back, and only what was proven stays."""
        self.tuner.finish(say, f"cases-{self.arm}.json")
        if self.tuner.acts():
            raise OSError(f"{self.arm}: what was under way at the end is not put back yet; see {self.run.file('homeostat.log')}")

    def end(self):
        """What was being tried is put back; Homeostat, load and server stop; what is in force and what was learned is kept for the next round."""
        if self.tuner:
            self.tuner.rest(say)
            self.tuner.stop()
            tune_memory.keep(self.store_path(), self.memory)
        if self.load:
            self.load.stop()
        self.site.cluster.stop()
        if self.run.state.get("in_data") == self.arm:
            self.run.write(self.conf_name, self.site.cluster.auto_conf())
            self.run.put(in_data=None)
        self.load = self.tuner = self.stretch = None

    def follow(self, cases):
        """From the first step on, what the load does is counted for the case's trial."""
        for case in cases[:1]:
            if case["status"] in ("EXECUTING", "VERIFYING") and case["id"] != self.followed:
                self.followed, self.stretch = case["id"], Stretch(self.load)

    def resting(self):
        """Why Homeostat rests for longer than it does between cases: it has nothing left to try. Else ""."""
        target = self.tuner.target()
        if target["case_id"] or not target["idle_until"]:
            return ""
        left = datetime.datetime.fromisoformat(target["idle_until"]).timestamp() - time.time()
        return (target["idle_why"] or "it rests") if left > 3 * SETTLE_S + 60 else ""

    def poll(self):
        """The row of a trial that has ended, or why Homeostat rests, or None; and whether a case acts."""
        if self.load.process.poll() is not None:
            raise OSError(f"the load has ended; see {self.load.log}")
        cases = self.tuner.look(say)
        ended = [c for c in cases if c["outcome"] and c["outcome"]["result"] not in NO_TRIAL and c["id"] not in self.seen]
        acts = any(c["status"] in ("EXECUTING", "VERIFYING") for c in cases)
        try:
            self.follow(cases)
            return self.row(ended[-1]["id"], acts) if ended else self.resting() or None, acts
        except (OSError, ValueError, KeyError) as e:
            say(f"homeostat does not answer: {e}")
            return None, acts

    def next(self, budget):
        began = time.monotonic()
        while True:
            found, _ = self.poll()
            if found:
                return found
            if time.monotonic() - began > self.patience_s:
                raise OSError(f"{self.arm}: no trial has ended for {duration(self.patience_s)}; what Homeostat waits for stands in {self.run.file('homeostat.log')}")
            if budget.left() <= 0:
                raise OverBudget(f"{self.arm}: the budget ended within a trial, which is put back")
            time.sleep(LOOK_S)

    def row(self, case, acts=False):
        """What became of a trial, in a line. acts: the next one is being tried already, so what is in force is not what this one left."""
        outcome = next(o for o in self.tuner.outcomes() if o["case_id"] == case)
        proposal, verdict = outcome.get("proposal") or {}, outcome.get("verdict") or {}
        watched = self.stretch.end() if self.stretch and self.followed == case else {"tps": None, "p99_ms": None, "cpu": None}
        starts, now = self.site.cluster.starts(), time.monotonic()
        kept = {c["name"]: c["to"] for c in proposal.get("changes", [])} if outcome["kept"] else {}
        self.proven = {**self.proven, **kept} if acts else self.site.cluster.settings_in(self.site.cluster.auto_conf())
        row = {"arm": self.arm, "case": case, "planner": outcome["planner"], "proposal": proposal.get("title"), "changes": proposal.get("changes", []), "verdict": outcome["result"],
               "kept": outcome["kept"], "effect": outcome["effect"], "lo": outcome["lo"], "hi": outcome["hi"], "why": verdict.get("why"),
               "tps": watched["tps"], "p99_ms": watched["p99_ms"], "cpu": watched["cpu"], "degraded_s": outcome["degraded_s"] or 0, "restarts": starts - self.starts,
               "seconds": round(now - self.since, 1), "in_force": self.proven}
        self.starts, self.since, self.stretch = starts, now, None
        self.seen.add(case)
        return row
