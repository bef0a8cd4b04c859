"""A run of a live bench that is broken off and goes on: its folder, its budget, its stages.

A run lives in a folder: its options and marks (state.json), and journals to which a line is added when a trial or a measurement is
done.  Whatever was under way when it ended - by its budget, by Ctrl-C, by a kill - is done again, and nothing else.  The server's own
folder lies below /var/tmp (tune_site.py), is named in the state, and goes when the run is complete.
"""
import argparse
import collections
import fcntl
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

from lab import ROOT, end_well

sys.path.append(os.path.join(ROOT, "tools"))
from rig.cluster import end_processes  # noqa: E402
from rig.limits import remove_groups, wanted  # noqa: E402
from rig.measure import CLOSED_S, CRASH_S, OPEN_S, WARM_S  # noqa: E402

EXIT_UNFINISHED = 75        # EX_TEMPFAIL: run it again and it goes on
SECONDS = [WARM_S, CLOSED_S, OPEN_S, CRASH_S]      # of the measurements; one run's are all the same


def say(text):
    print(time.strftime("%H:%M:%S ") + text, flush=True)


class OverBudget(Exception):
    """The next piece does not fit into what is left of the budget, or the budget ended within one."""


class Wrong(Exception):
    """It cannot be run like this; the text says why."""


class Budget:
    """How long this part of a run may take."""

    def __init__(self, seconds=None, clock=time.monotonic):
        self.clock, self.until = clock, math.inf if seconds is None else clock() + seconds

    def left(self):
        return self.until - self.clock()

    def take(self, seconds, what):
        if seconds > self.left():
            raise OverBudget(f"{what} takes about {seconds:.0f} s, of the budget {max(self.left(), 0):.0f} s are left")


# ---- what is kept ---------------------------------------------------------------------------------------------------


class Journal:
    """Rows that are never lost and never changed; a torn last line was never written."""

    def __init__(self, path):
        self.path, text = path, b""
        if os.path.exists(path):
            with open(path, "rb") as f:
                text = f.read()
        self.size = text.rfind(b"\n") + 1      # of what is whole
        self.rows = [json.loads(line) for line in text[:self.size].splitlines()]

    def append(self, row):
        with open(self.path, "ab") as f:
            f.truncate(self.size)
            self.size += f.write(json.dumps(row).encode() + b"\n")
            f.flush()
            os.fsync(f.fileno())
        self.rows.append(row)


def lock(path):
    """Only one program works in a folder at a time: as long as it holds what this returns."""
    os.makedirs(path, exist_ok=True)
    held = open(os.path.join(path, "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    except BlockingIOError:
        held.close()
        raise Wrong(f"another run works in {path}") from None


class Run:
    """A run's folder, for a run with the options that it began with."""

    def __init__(self, path, options):
        self.path, self.journals = os.path.abspath(path), {}
        self.state_path = os.path.join(self.path, "state.json")
        self.state = {"options": options}
        if os.path.exists(self.state_path):
            with open(self.state_path, encoding="utf-8") as f:
                self.state = json.load(f)
            begun = self.state["options"]
            other = sorted(k for k in {*begun, *options} if begun.get(k) != options.get(k))
            if other:
                raise Wrong(f"{self.path} holds a run with another {', '.join(other)} ({', '.join(str(begun.get(k)) for k in other)}); --forget begins anew, --folder takes another place")

    def put(self, **marks):
        self.state.update(marks)
        self.write("state.json", json.dumps(self.state, indent=1))

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.file(name) + ".new", "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.rename(self.file(name) + ".new", self.file(name))

    def read(self, name):
        if not os.path.exists(self.file(name)):
            return ""
        with open(self.file(name), encoding="utf-8") as f:
            return f.read()

    def journal(self, name):
        if name not in self.journals:
            self.journals[name] = Journal(self.file(name + ".jsonl"))
        return self.journals[name]

    def remove_server(self):
        remove_server(self.state)
        self.put(server=None, groups=[])


def forget(path):
    """What an earlier run left: its processes, its server's folder, the files of its own. The folder is locked."""
    state = os.path.join(path, "state.json")
    if not os.path.exists(state):
        return      # it may be anybody's
    with open(state, encoding="utf-8") as f:
        remove_server(json.load(f))
    for name in os.listdir(path):
        if name != "lock":
            os.remove(os.path.join(path, name))


def remove_server(state):
    if state.get("server"):
        end_processes(state["server"])
        shutil.rmtree(state["server"], ignore_errors=True)
    remove_groups([group for group in state.get("groups", []) if os.path.isdir(group)])


# ---- its stages -----------------------------------------------------------------------------------------------------


Stage = collections.namedtuple("Stage", "title left_s run")    # left_s(): 0 when it is done; run(budget)


def duration(seconds):
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min" if seconds >= 3600 else f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def show_plan(stages):
    for s in stages:
        print(f"  {duration(s.left_s()) if s.left_s() else 'done':>12}  {s.title}")
    print(f"  {duration(sum(s.left_s() for s in stages)):>12}  in all, as far as can be told; --budget SECONDS does a part of it")


def positive(text):
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def parser(doc, name):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--folder", default=os.path.join(ROOT, "build", "bench", name), help="where the run lives (build/bench/%s)" % name)
    p.add_argument("--budget", type=float, metavar="SECONDS", help="do a part that takes at most about so long; the next call goes on")
    p.add_argument("--plan", action="store_true", help="only print what would be done and how long that takes")
    p.add_argument("--forget", action="store_true", help="begin anew: what an earlier run left in the folder is removed")
    p.add_argument("--profile", choices=("cloud-disk", "none"), default="cloud-disk", help="limits of the server; without them there may be nothing to win, and no bar is held")
    return p


CONDUCT = ("folder", "budget", "plan", "forget")      # what may differ from part to part


def lasting(o):
    """What all parts of a run have in common: its options, and what the environment says of measurements, limits and policy."""
    return {"seconds": SECONDS, "limits": wanted(), "policy": os.environ.get("DEMO_POLICY") or None, **{k: v for k, v in vars(o).items() if k not in CONDUCT}}


def conduct(name, o, make):
    """make(run, o) -> a bench: site, stages(), and report() -> (line, ok) once all of them are done. The exit status."""
    end_well()
    signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    held = None
    try:
        if not o.plan:
            held = lock(o.folder)
            if o.forget:
                forget(o.folder)
        run = Run(o.folder, lasting(o))
        bench = make(run, o)
        if o.plan:
            show_plan(bench.stages())
            return 0
        run.put()
        return part(name, run, bench, Budget(o.budget))
    except Wrong as e:
        print(f"{name}: {e}", file=sys.stderr)
        return 2
    finally:
        if held:
            held.close()


def part(name, run, bench, budget):
    stages = bench.stages()
    try:
        if any(s.left_s() for s in stages):
            bench.site.open()
        for s in stages:
            if s.left_s():
                say(f"{s.title}: about {duration(s.left_s())}")
                s.run(budget)
        line, ok = bench.report()
        bench.site.clear()
        run.put(line=line)
        print(line)
        return 0 if ok else 1
    except (OverBudget, KeyboardInterrupt) as e:
        left = sum(s.left_s() for s in stages)
        print(f"{name} {100 * sum(not s.left_s() for s in stages) / len(stages):.0f} %-of-stages (bar all; {str(e) or 'interrupted'}; about {duration(left)} are left, the next call goes on) short")
        return EXIT_UNFINISHED
    except (OSError, subprocess.SubprocessError) as e:
        print(f"{name}: {e}; what was done before is kept, the next call goes on", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        bench.site.close()
