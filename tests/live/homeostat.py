"""Homeostat as a test meets it: a configuration with short windows, its process (which may be killed), and its API.

    h = Homeostat(program("homeostat"), cluster, mode="auto", endpoint=load.url)
    h.start()
    case = h.propose(plan)                    # a case of a person that the engine drives
    h.wait(case, lambda c: c["status"] == "CLOSED")
"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

from cluster import alive, hold_port

LIMIT_S = 90          # generous: it is only reached when something is wrong, and the machine may be busy with other things

TUNE = {"window": "2s", "windows_min": 2, "windows_max": 6, "wash_out": "0s", "warm_up": "2s", "watch": "1s", "settle": "1s", "reevaluate": "10s",
        "cool_down": "1s", "checkpoint_in_window": False}
POLICY = """steps: { ratio: 50% }
restart: { when: allowed, per_day: 100 }
changes: { per_hour: 1000, cool_down: 0s, degraded_per_day: 24h }
risk: { auto_max: 0.9 }
"""
ROLES = {"olga": "operator", "anna": "approver", "victor": "viewer", "root": "admin,approver,operator"}


class Refused(Exception):
    """An answer of 400 or more: .status, .body (the problem)."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


def quoted(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(json.dumps(str(v)) for v in value) + "]"
    return str(value) if isinstance(value, (int, float)) else json.dumps(value)


class Homeostat:
    """folder, store, port, process, log; start/stop/kill, and what the API answers."""

    def __init__(self, program, cluster, mode="auto", policy=POLICY, tune=None, target=None, endpoint=None, name="pg", restart=True):
        self.held = hold_port()      # also from one life to the next
        self.program, self.cluster, self.name, self.port = program, cluster, name, self.held.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="homeostat-live-", dir="/var/tmp")
        self.store = os.path.join(self.folder, "store")
        self.log = os.path.join(self.folder, "log")
        self.process, self.lives = None, 0
        self.tokens = {who: f"hst_{who}_" + "x" * 40 for who in ROLES}
        self.tune = {**TUNE, **(tune or {})}
        self.target = {"dsn": cluster.dsn, "mode": mode, "data_directory": cluster.data, "bin_directory": cluster.bin, "load_saturates": True,
                       "restart_timeout": "60s"}
        if restart:
            self.target.update(restart="allowed", restart_command=self.restart_command())
        if endpoint:
            self.target["load_endpoint"] = endpoint
        self.target.update(target or {})
        self.target = {k: v for k, v in self.target.items() if v is not None}
        self.policy_file = os.path.join(self.folder, "policy.yaml")
        self.config = os.path.join(self.folder, "homeostat.yaml")
        self.write_policy(policy)
        self.write_config()
        with open(os.path.join(self.folder, "tokens"), "w", encoding="utf-8") as f:
            os.chmod(f.name, 0o600)
            f.writelines(f"{ROLES[who]} {who} {token}\n" for who, token in self.tokens.items())

    # -- files ---------------------------------------------------------------------------------------------------------

    def restart_command(self):
        c = self.cluster
        return c.as_owner([os.path.join(c.bin, "pg_ctl"), "-D", c.data, "-l", c.log, "-w", "-m", "fast", "restart"])

    def write_policy(self, text):
        with open(self.policy_file, "w", encoding="utf-8") as f:
            f.write(text)

    def write_config(self, **target):
        self.target.update(target)
        lines = ["log: { level: debug, format: logfmt }", f"store: {{ folder: {self.store} }}", f'web: {{ listen: "127.0.0.1:{self.port}", tokens: {self.folder}/tokens }}',
                 f"policy: {{ file: {self.policy_file} }}", "targets:", f"  {self.name}:"]
        lines += [f"    {k}: {quoted(v)}" for k, v in self.target.items()]
        lines += ["tune:"] + [f"  {k}: {quoted(v)}" for k, v in self.tune.items()]
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    def undo_script(self, case):
        return os.path.join(self.store, "undo", f"{case}.sh")

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    # -- its process ---------------------------------------------------------------------------------------------------

    def start(self, wait=True, **env):
        self.lives += 1
        with open(self.log, "ab") as out:
            out.write(f"--- life {self.lives} {env}\n".encode())
            out.flush()
            self.process = subprocess.Popen([self.program, "run", "--config", self.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                                            env={"PATH": os.environ["PATH"], **{k: str(v) for k, v in env.items()}})
        if wait:
            self.until(self.lives_at_all, "homeostat answers")
        return self

    def lives_at_all(self):
        assert self.process.poll() is None, self.tail()
        try:
            return self.raw("GET", "/livez", timeout=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, limit_s=60):
        """SIGTERM; its exit code. It must end within the limit."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)

    def ended(self, limit_s=LIMIT_S):
        """Waits until it has ended by itself (a crash point)."""
        return self.process.wait(limit_s)

    def hangup(self):
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.held.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tail(self, lines=40):
        return "\n".join(self.log_text().splitlines()[-lines:])

    # -- waiting -------------------------------------------------------------------------------------------------------

    def until(self, done, what, limit_s=LIMIT_S, pause_s=0.1):
        """What done() answered, as soon as it is true."""
        deadline = time.monotonic() + limit_s
        while True:
            found = done()
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {limit_s} s: {what}\n{self.tail()}"
            time.sleep(pause_s)

    def wait(self, case, done, limit_s=LIMIT_S):
        """The case, as soon as done(case) is true."""
        seen = {}

        def look():
            try:
                seen.update(self.case(case))
            except (OSError, http.client.HTTPException):
                assert self.process.poll() is None, self.tail()
                return None
            return dict(seen) if done(seen) else None
        try:
            return self.until(look, f"case {case}", limit_s)
        except AssertionError as e:
            raise AssertionError(f"the case is {seen}\n" + "\n".join(self.story(case)) + f"\n{e}") from None

    def wait_state(self, case, *states, limit_s=LIMIT_S):
        return self.wait(case, lambda c: c["status"] in states, limit_s)

    def wait_ended(self, case, limit_s=LIMIT_S):
        """CLOSED, or PARKED for good."""
        return self.wait(case, lambda c: c["status"] == "CLOSED" or (c["status"] == "PARKED" and not c["in_force_is_proven"]), limit_s)

    def wait_proven(self, case, limit_s=LIMIT_S):
        """PARKED or CLOSED, and what is in force was read back."""
        return self.wait(case, lambda c: c["status"] in ("PARKED", "CLOSED") and c["in_force_is_proven"], limit_s)

    def wait_log(self, pattern, limit_s=LIMIT_S):
        return self.until(lambda: re.search(pattern, self.log_text()), f"the log says {pattern}", limit_s)

    # -- the API -------------------------------------------------------------------------------------------------------

    def raw(self, method, path, body=None, who="root", timeout=60, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def call(self, method, path, body=None, **how):
        status, text = self.raw(method, path, body, **how)
        answer = json.loads(text)
        if status >= 400:
            raise Refused(status, answer)
        return answer.get("data", answer)

    def get(self, path, **how):
        return self.call("GET", path, **how)

    def case(self, case):
        return self.get(f"/case/{case}")

    def cases(self, **filters):
        return self.get("/case?" + urllib.parse.urlencode({"limit": 500, **filters}))

    def file(self, case):
        return self.get(f"/case/{case}/file")

    def outcome(self, case):
        """What became of it; it is learned right after the case was closed."""
        return self.until(lambda: self.file(case)["outcome"], f"the outcome of {case}")

    def timeline(self, case):
        return self.get(f"/case/{case}/timeline")

    def story(self, case):
        """The timeline in words, for people and for `in`."""
        return [f"{t['from']}->{t['to']} {t['event']} by {t['actor']}: {t['reason']}" for t in self.timeline(case)]

    def reasons(self, case):
        return "\n".join(t["reason"] for t in self.timeline(case))

    def dry_run(self, case):
        """What would be run and its undo, as the case file shows it to people."""
        return self.until(lambda: [e["summary"] for e in self.file(case)["evidence"] if e["kind"] == "dry_run"], "the dry run")[0].split("-- undo:")

    def seen(self):
        return self.get(f"/target/{self.name}")

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.raw("GET", "/metrics")[1], re.M)
        return float(found.group(1)) if found else None

    def ready(self):
        return self.raw("GET", "/readyz")[0] == 200

    def wait_facts(self):
        """It has met its target: a plan can be judged."""
        return self.until(lambda: self.seen()["facts"], "the target is known")

    # -- what persons do -----------------------------------------------------------------------------------------------

    def propose(self, plan, who="olga", driver="engine", title="a person's plan", dies=False):
        """A case with this plan at the gate. driver="engine": what the gate lets through is carried out. dies: it may die of that before it has answered."""
        self.wait_facts()
        case = self.call("POST", "/case/create", {"title": title, "target": self.name, "driver": driver}, who=who)["id"]
        try:
            self.call("POST", "/plan/generate", {"case_id": case, "plan": plan}, who=who)
        except (OSError, http.client.HTTPException):
            if not dies:
                raise
        return case

    def event(self, case, event, who="root", **more):
        return self.call("PATCH", f"/case/{case}/transition", {"event": event, **more}, who=who)

    def cancel(self, case):
        """What is under way is put back, unless the case has come to its end by itself meanwhile."""
        try:
            self.event(case, "cancel")
        except Refused as e:
            assert e.status == 409 and e.body.get("state") in ("PARKED", "CLOSED"), e

    def rest(self):
        """It begins nothing any more, and what was under way is put back: what is in force stays as it is."""
        self.call("POST", "/stop", {"why": "the test looks", "expires_s": 3600})
        self.until(lambda: not [c for c in self.cases() if c["status"] in ("EXECUTING", "VERIFYING")], "nothing is under way")

    def set_mode(self, mode):
        return self.call("PUT", f"/target/{self.name}/mode", {"mode": mode})

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) / 1024

    def running(self):
        return self.process is not None and alive(self.process.pid)


class Load:
    """homeostat-load run on a cluster, until it is closed."""

    def __init__(self, program, cluster, clients=2, *more):
        self.process = subprocess.Popen([program, "run", "--dsn", cluster.dsn, "--clients", str(clients), "--duration", "3600", "--listen", "127.0.0.1:0", "--seed", "3", *more],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        found = re.match(r"listening on (127\.0\.0\.1:\d+)$", first)
        assert found, first + self.process.stderr.read()
        self.url = f"http://{found.group(1)}"
        threading.Thread(target=self.process.stderr.read, daemon=True).start()   # it must never wait for a reader

    def close(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- plans ---------------------------------------------------------------------------------------------------------------


def step(target, name, start, to, watch_s=0, restart=False, timeout_s=60):
    return {"action": "postgres.restart" if restart else "postgres.set", "timeout_s": timeout_s, "retry": 0, "watch_s": watch_s,
            "params": {"target": target, "settings": [{"name": name, "from": start, "to": to}]}}


def plan(name, *values, method="immediate", watch_s=0, restart=False, target="pg", timeout_s=60):
    """A parameter through these values, the first of which is in force."""
    return {"title": f"{name} from {values[0]} to {values[-1]}", "rollback": {"how": "reverse"}, "verify": {"method": method},
            "steps": [step(target, name, a, b, watch_s, restart, timeout_s) for a, b in zip(values, values[1:])]}
