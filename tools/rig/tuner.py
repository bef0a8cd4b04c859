"""Homeostat itself, as demo and benches run it: a configuration with short windows, its process, and one line per case."""
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from rig.cluster import ask, free_port

TARGET = "demo"
CONFIG = """# Written by the demo: windows of tens of seconds, so that half an hour is enough to see something.
log: {{ level: info, format: logfmt }}
store: {{ folder: {store} }}
web: {{ listen: "127.0.0.1:{port}" }}
policy: {{ file: {policy} }}
runbooks: {{ folder: {runbooks} }}
targets:
  {target}:
    dsn: "{dsn}"
    mode: auto
    restart: {when}
    restart_command: [{restart}]
    restart_timeout: 300s
    data_directory: {data}
    bin_directory: {bin}
    load_endpoint: {endpoint}
    load_saturates: true
tune: {{ window: {window}s, windows_min: 3, windows_max: {windows}, wash_out: 5s, warm_up: 45s, watch: 5s, settle: {settle}s, reevaluate: {reevaluate}s, cool_down: {settle}s, checkpoint_in_window: true }}
"""
SETTLE_S, REEVALUATE_S = 10, 600    # how long it rests after a case, and when nothing is left to try

POLICY = """# Written by the demo: what nobody would allow a tool on its first day, on a database that is thrown away afterwards.
restart: {{ when: {when}, per_day: 100 }}
changes: {{ per_hour: 100, cool_down: 5s, degraded_per_day: 6h }}
risk: {{ auto_max: 0.9 }}
"""


class Tuner:
    def __init__(self, program, root, cluster, endpoint, folder, restart="allowed", store="homeostat", window_s=40, windows=6):
        """folder: where its log goes. restart: allowed or never. store: its memory, a folder beside the data."""
        self.program, self.root, self.cluster, self.endpoint, self.folder = program, root, cluster, endpoint, folder
        self.restart, self.window_s, self.windows = restart, window_s, windows
        self.port = free_port()
        self.process = None
        self.store = os.path.join(cluster.folder, store)
        self.seen = {}

    def start(self):
        conf, policy = os.path.join(self.cluster.folder, "homeostat.yaml"), os.path.join(self.cluster.folder, "policy.yaml")
        open(policy, "w").write(os.environ.get("DEMO_POLICY") or POLICY.format(when=self.restart))
        open(conf, "w").write(CONFIG.format(store=self.store, port=self.port, policy=policy, runbooks=self.runbooks(), target=TARGET, dsn=self.cluster.dsn(), when=self.restart,
                                            restart=self.cluster.restart_script, data=self.cluster.data, bin=self.cluster.bin, endpoint=self.endpoint,
                                            window=self.window_s, windows=self.windows, settle=SETTLE_S, reevaluate=REEVALUATE_S))
        self.log = os.path.join(self.folder, "homeostat.log")
        self.process = subprocess.Popen([self.program, "run", "--config", conf], preexec_fn=self.cluster.become(False), cwd=self.cluster.folder,
                                        stdout=open(self.log, "a"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.cluster.environment())
        for _ in range(100):
            try:
                self.get("/livez")
                return
            except (OSError, ValueError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise SystemExit("homeostat did not start:\n" + open(self.log).read()[-3000:])

    def runbooks(self):
        copy = os.path.join(self.cluster.folder, "runbooks")
        shutil.copytree(os.path.join(self.root, "runbooks"), copy, dirs_exist_ok=True)
        return copy

    def token(self):
        return open(os.path.join(self.store, "token")).read().strip()

    def dashboard(self):
        return f"http://127.0.0.1:{self.port}/ (token: {os.path.join(self.store, 'token')})"

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Authorization": "Bearer " + self.token(), "Content-Type": "application/json", "Idempotency-Key": f"demo-{time.time_ns()}"})
        return ask(request, 30)

    def get(self, path):
        return self.call("GET", path)

    def cases(self):
        return self.get("/case?limit=200")["data"]

    def outcomes(self):
        """What was tried and what became of it, oldest first."""
        return list(reversed(self.get(f"/target/{TARGET}/outcomes?limit=500")["data"]))

    def target(self):
        return self.get(f"/target/{TARGET}")["data"]

    def file(self, case):
        return self.get(f"/case/{case}/file")["data"]

    def line(self, case, say):
        """One line when a case has changed in a way that a person wants to see."""
        outcome = case.get("outcome") or {}
        state = (case["status"], case["phase"] if case["status"] in ("EXECUTING", "VERIFYING") else "")
        if self.seen.get(case["id"]) == state:
            return
        first = case["id"] not in self.seen
        self.seen[case["id"]] = state
        name = case["id"][-6:]
        if first:
            say(f"case {name}: opened, measuring the incumbent")
        if case["status"] == "WAIT_GATE" or (case["status"] == "EXECUTING" and case["phase"] == "preparing"):
            file = self.file(case["id"])
            if file["plans"]:
                say(f"case {name}: {file['plans'][-1]['plan']['title']}")
        if case["status"] == "VERIFYING" and case["phase"] == "done":
            say(f"case {name}: in force, comparing")
        if case["status"] in ("PARKED", "CLOSED") and outcome:
            effect = outcome.get("effect")
            shown = f" ({100 * (2.718281828459045 ** effect - 1):+.0f} %)" if isinstance(effect, (int, float)) else ""
            say(f"case {name}: {outcome['result']}{shown}, {'kept' if outcome['kept'] else 'put back'}: {outcome.get('why', '')}")
        elif case["status"] == "CLOSED":
            timeline = self.get(f"/case/{case['id']}/timeline")["data"]
            say(f"case {name}: closed: {timeline[-2]['reason']}")

    def look(self, say):
        """One look at all cases, each said when it has moved; the newest first, or nothing when there was no answer."""
        if self.process.poll() is not None:
            raise SystemExit("homeostat ended:\n" + open(self.log).read()[-3000:])
        try:
            cases = self.cases()
            for case in reversed(cases):
                self.line(case, say)
            return cases
        except (OSError, ValueError) as e:
            say(f"homeostat does not answer: {e}")
            return []

    def follow(self, seconds, say):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(2)
            self.look(say)

    def acts(self):
        return any(c["status"] in ("EXECUTING", "VERIFYING") for c in self.cases())

    def put_back(self, why):
        """Stop acting, and wait until nothing is under way."""
        self.call("POST", "/stop", {"why": why, "expires_s": 86400})
        until = time.monotonic() + 300
        while time.monotonic() < until and self.acts():
            time.sleep(1)

    def rest(self, say):
        """Before it stops for a while: a trial that is under way is put back as long as the server that it changed is there. Who does not answer is stopped all the same."""
        try:
            if self.acts():
                say("a trial is under way: it is put back")
                self.put_back("the part of the run ends that this was tried in")
        except (OSError, ValueError) as e:
            say(f"homeostat does not answer: {e}; what is under way is put back when the run goes on")

    def take_over(self, say):
        """What an earlier life left: a trial that was under way is put back, for what it had measured is of data that are gone; and nothing stays stopped."""
        self.wait_ready()
        if self.acts():
            say("a trial was under way when the last part ended: it is put back")
            self.put_back("the part of the run ended that this was tried in")
        if self.get("/stop")["data"]:
            self.call("DELETE", "/stop")

    def wait_ready(self):
        """Until it has looked at what was under way when it last ended; no longer than a minute."""
        for _ in range(60):
            try:
                self.get("/readyz")
                return
            except (OSError, ValueError):
                time.sleep(1)

    def finish(self, say, file="cases.json"):
        """Stop acting, wait until nothing is under way, and tell what was kept; everything about every case goes into the file."""
        self.put_back("the run has ended")
        outcomes = self.outcomes()
        with open(os.path.join(self.folder, file), "w") as f:
            json.dump({"outcomes": outcomes, "cases": [self.file(c["id"]) for c in self.cases()]}, f, indent=1)
        return outcomes

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
