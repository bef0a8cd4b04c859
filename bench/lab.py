"""What the benches share: a daemon that may be killed, clients that ask again, a ledger of effects, a consumer that takes notes.

Everything lies in one folder under /var/tmp (an `Arena`), listens on 127.0.0.1 with free ports, and goes with `close()`.
"""
import concurrent.futures
import http.client
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "live"))
from cluster import Cluster, free_port, hold_port  # noqa: E402,F401

START_TIMEOUT_S = 30
RETRY_S = 0.03


def build_folder():
    return os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(ROOT, "build")))


def program(name="homeostat-tapped"):
    """homeostat, homeostat-load, homeostat-sim, homeostat-tapped (homeostat with a consumer on its bus) ... in the build folder."""
    named = os.environ.get("HOMEOSTAT_PROGRAM")      # a mutant, say
    if named and name.startswith("homeostat-tapped"):
        return named
    build = build_folder()
    for folder in ("src/cli", "src/load", "bench", "tests/sim", "tests/fuzz"):
        path = os.path.join(build, folder, name)
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"{name} is not built under {build}; run make build, or set HOMEOSTAT_BUILD")


def rest_until_us():
    """For the store of a bench that does everything itself: the autopilot rests for nearly as long as tune.settle (1d) lets it; what ends later was ordered by a wrong clock."""
    return int((time.time() + 23 * 3600) * 1e6)


def end_well():
    """Told to end (SIGTERM), a bench and its helpers put their servers away first, as on Ctrl-C."""
    def end(number, frame):
        for child in multiprocessing.active_children():
            child.terminate()
        sys.exit(128 + number)
    signal.signal(signal.SIGTERM, end)


def in_parallel(function, arguments):
    """function(*a) for each a of arguments, each in a process of its own; yields the results in that order."""
    with concurrent.futures.ProcessPoolExecutor(len(arguments), multiprocessing.get_context("spawn")) as pool:
        for future in [pool.submit(function, *a) for a in arguments]:
            yield future.result()


class Violation(Exception):
    """The thing that must not happen."""


# ---- the daemon --------------------------------------------------------------------------------------------------------


class Daemon:
    """homeostat run, started and killed many times over one store."""

    def __init__(self, folder, config, port, binary=None):
        self.folder, self.config, self.port = folder, config, port
        self.binary = binary or program()
        self.process = None
        self.lives = 0
        self.log = os.path.join(folder, "homeostat.log")

    def start(self, **env):
        self.lives += 1
        with open(self.log, "ab") as log:
            log.write(f"--- life {self.lives} {env}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [self.binary, "run", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOMEOSTAT_TAP": os.path.join(self.folder, "tap"),
                     **{k: str(v) for k, v in env.items()}})
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, timeout_s=START_TIMEOUT_S):
        """True when it answers; False when it ended before it did."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/readyz")
                ready = connection.getresponse().status == 200
                connection.close()
                if ready:
                    return True
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > deadline:
                raise Violation(f"homeostat was not ready within {timeout_s} s; see {self.log}")
            time.sleep(0.01)
        return False

    def wait_end(self, timeout_s):
        """The return code, None when it still runs."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self, timeout_s=30):
        if not self.alive():
            return None
        self.process.terminate()
        code = self.wait_end(timeout_s)
        if code is None:
            self.kill()
            raise Violation(f"homeostat did not end within {timeout_s} s of SIGTERM; see {self.log}")
        return code

    def log_tail(self, lines=30):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])


# ---- a client that asks again ------------------------------------------------------------------------------------------


class Answer:
    """One answer: status, raw body, ETag's version; data() is what is inside."""

    def __init__(self, status, headers, raw):
        self.status, self.raw = status, raw
        self.headers = {k.lower(): v for k, v in headers}
        self.replayed = self.headers.get("idempotent-replayed") == "true"

    @property
    def json(self):
        return json.loads(self.raw) if self.raw else {}

    @property
    def data(self):
        return self.json.get("data", {})

    @property
    def version(self):
        tag = self.headers.get("etag", "")
        return int(tag.strip('"')[1:]) if tag else None

    def __repr__(self):
        return f"{self.status} {self.raw[:300]!r}"


class GoneAway(Exception):
    """Whoever was asked has gone, and nobody is to be waited for."""


class Client:
    """One connection, made anew when it breaks. ask() repeats until there is an answer that counts."""

    def __init__(self, port, token, give_up=None):
        self.port, self.token, self.connection = port, token, None
        self.give_up = give_up or (lambda: False)
        self.repeats = 0

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def once(self, method, path, body=None, key=None, if_match=None, headers=None, timeout_s=90):
        """One attempt; any trouble of the connection comes out as OSError or HTTPException."""
        h = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            h["Content-Type"] = "application/json"
        if key is not None:
            h["Idempotency-Key"] = key
        if if_match is not None:
            h["If-Match"] = f'"v{if_match}"'
        h.update(headers or {})
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            self.connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body), h)
            response = self.connection.getresponse()
            raw = response.read()
            if response.getheader("Content-Length") is not None and len(raw) != int(response.getheader("Content-Length")) and method != "HEAD":
                raise http.client.IncompleteRead(raw)
            return Answer(response.status, response.getheaders(), raw)
        except BaseException:
            self.close()
            raise

    def ask(self, method, path, body=None, key=None, if_match=None, headers=None):
        """Repeats the same request (and key) after lost connections, 503, 429 and "the first one is still under way"."""
        while True:
            try:
                answer = self.once(method, path, body, key, if_match, headers)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None:
                in_flight = answer.status == 409 and b"in-flight" in answer.raw
                if answer.status not in (503, 429) and not in_flight:
                    if answer.status >= 500:
                        raise Violation(f"{method} {path}: {answer}")
                    return answer
            if self.give_up():
                raise GoneAway(f"{method} {path}")
            self.repeats += 1
            time.sleep(RETRY_S)


# ---- consumers ---------------------------------------------------------------------------------------------------------


class Consumer(threading.Thread):
    """Follows GET /events with Last-Event-ID through every restart, and keeps what it gets in order."""

    def __init__(self, port, token, first=0):
        super().__init__(daemon=True)
        self.port, self.token, self.last = port, token, first
        self.got = []            # (outbox id, topic, message as text)
        self.ended = threading.Event()
        self.connections = 0
        self.socket = None

    def run(self):
        while not self.ended.is_set():
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.02)

    def _follow(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            self.socket = s
            s.sendall((f"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
                       f"Accept: text/event-stream\r\nLast-Event-ID: {self.last}\r\n\r\n").encode())
            s.settimeout(1)
            stream = _Lines(s, self.ended)
            if " 200" not in stream.line():
                return
            while stream.line():
                pass
            stream.chunked = True
            self.connections += 1
            one = {}
            while not self.ended.is_set():
                line = stream.line()
                if line:
                    name, _, value = line.partition(":")
                    if name in ("id", "event", "data"):
                        one[name] = one.get(name, "") + value.lstrip(" ")
                elif one:
                    if "id" in one:
                        self.last = int(one["id"])
                        self.got.append((self.last, one.get("event", ""), one.get("data", "")))
                    one = {}

    def end(self):
        self.ended.set()
        self.join(5)


class _Lines:
    """Lines of a response: the head as it is, then the body out of its chunks."""

    def __init__(self, s, ended):
        self.s, self.ended, self.raw, self.text, self.chunked, self.left = s, ended, b"", b"", False, 0

    def _more(self):
        while True:
            if self.ended.is_set():
                raise ConnectionError("ended")
            try:
                data = self.s.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise ConnectionError("closed")
            self.raw += data
            return

    def _fill(self):
        """Another piece of the body into text."""
        if self.left == 0:
            while b"\r\n" not in self.raw.lstrip(b"\r\n"):
                self._more()
            head, _, self.raw = self.raw.lstrip(b"\r\n").partition(b"\r\n")
            self.left = int(head.split(b";")[0], 16)
            if self.left == 0:
                raise ConnectionError("the stream has ended")
        if not self.raw:
            self._more()
        piece, self.raw = self.raw[:self.left], self.raw[self.left:]
        self.left -= len(piece)
        self.text += piece

    def line(self):
        while True:
            source = self.text if self.chunked else self.raw
            line, end, rest = source.partition(b"\n")
            if end:
                if self.chunked:
                    self.text = rest
                else:
                    self.raw = rest
                return line.decode("utf-8").rstrip("\r")
            (self._fill if self.chunked else self._more)()


def read_tap(path):
    """What the consumer on the bus wrote down: (outbox id, topic, key, message as text), in the order in which it came."""
    if not os.path.exists(path):
        return []
    rows = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.endswith("\n"):
                number, topic, key, payload = line.rstrip("\n").split("\t", 3)
                rows.append((int(number), topic, key, payload))
    return rows


# ---- the arena ---------------------------------------------------------------------------------------------------------


class Arena:
    """A store, a policy, a ledger, perhaps a PostgreSQL, and one daemon that lives there."""

    def __init__(self, name="arena", postgres=False, mode="auto", tune=None, settings=None, binary=None, target=None, tokens=None):
        self.folder = tempfile.mkdtemp(prefix=f"homeostat-{name}-", dir="/var/tmp")
        self.held = hold_port()      # through all the lives that are lived here
        self.port = self.held.getsockname()[1]
        self.store = os.path.join(self.folder, "store")
        self.pg = None
        self.keep = False
        try:
            self.ledger = os.path.join(self.folder, "ledger.txt")
            open(self.ledger, "a", encoding="ascii").close()
            self.program = shutil.copy(os.path.join(HERE, "ledger"), os.path.join(self.folder, "ledger"))
            if postgres:
                self.pg = Cluster(settings={"fsync": "off", "log_statement": "ddl", "log_line_prefix": "%m ", "autovacuum": "off", **(settings or {})})
            self.config = os.path.join(self.folder, "homeostat.yaml")
            self.tokens = tokens      # {name: (roles, token)}; None: the one token that Homeostat makes for this machine
            self._configure(mode, tune or {}, target or {})
            self.daemon = Daemon(self.folder, self.config, self.port, binary)
        except BaseException:
            self.close()
            raise

    def _configure(self, mode, tune, target):
        policy = os.path.join(self.folder, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("steps: { ratio: 50% }\nrestart: { when: allowed, per_day: 100 }\nchanges: { per_hour: 1000, cool_down: 0s, degraded_per_day: 24h }\n"
                    "risk: { auto_max: 1, max: 1 }\n"
                    f'scripts: {{ programs: ["echo ...", "true", "{self.program} ..."] }}\n')
        tune = {"window": "1s", "windows_min": 2, "windows_max": 6, "wash_out": "0s", "warm_up": "0s", "watch": "1s", "settle": "1d",
                "checkpoint_in_window": "false", **tune}
        with open(self.config, "w", encoding="utf-8") as f:
            web = f'listen: "127.0.0.1:{self.port}"'
            if self.tokens:
                web += f", tokens: {self._write_tokens()}"
            f.write(f"log: {{ level: info }}\nstore: {{ folder: {self.store} }}\nweb: {{ {web} }}\n"
                    f"policy: {{ file: {policy} }}\nrunbooks: {{ folder: {ROOT}/runbooks }}\n"
                    "tune: { " + ", ".join(f"{k}: {v}" for k, v in tune.items()) + " }\n")
            if self.pg:
                target = {"dsn": f'"{self.pg.dsn}"', "mode": mode, "restart": "allowed", "trial_start": "false", "restart_timeout": "30s",
                          "restart_command": f'["{restart_script(self.pg, self.folder)}"]', **target}
                f.write("targets:\n  main:\n" + "".join(f"    {k}: {v}\n" for k, v in target.items()))

    def _write_tokens(self):
        path = os.path.join(self.folder, "tokens")
        with open(path, "w", encoding="ascii") as f:
            os.chmod(path, 0o600)
            f.writelines(f"{roles} {name} {token}\n" for name, (roles, token) in self.tokens.items())
        return path

    def first_start(self):
        """Makes the store and the token, and lets the autopilot rest: what is done here is done by the bench alone."""
        self.daemon.start()
        if not self.daemon.wait_ready():
            raise Violation("homeostat does not start: " + self.daemon.log_tail())
        self.daemon.stop()
        db = sqlite3.connect(os.path.join(self.store, "cases.db"))
        if self.pg:
            db.execute("INSERT INTO target_state (target, mode, idle_until, peak_sessions, updated_at) VALUES ('main', '', ?, 0, 0) "
                       "ON CONFLICT (target) DO UPDATE SET idle_until = excluded.idle_until", (rest_until_us(),))
            for table in ("case_timeline", "outbox", "event_envelope", "ops_case"):      # the autopilot may have been faster
                db.execute(f"DELETE FROM {table}")
        db.commit()
        db.close()
        if not self.tokens:
            with open(os.path.join(self.store, "token"), encoding="ascii") as f:
                self.token = f.read().strip()
        return self

    def client(self, give_up=None, who=None):
        return Client(self.port, self.tokens[who][1] if who else self.token, give_up)

    def database(self):
        """The store for reading, when the daemon is gone or still runs."""
        db = sqlite3.connect(f"file:{self.store}/cases.db?mode=ro", uri=True, timeout=30)
        db.row_factory = sqlite3.Row
        return db

    def effects(self):
        """{(action id, step): [do, undo]} as the ledger tells."""
        counts = {}
        with open(self.ledger, encoding="ascii") as f:
            for line in f:
                what, action, step = line.split()[:3]
                counts.setdefault((action, step), [0, 0])[what == "undo"] += 1
        return counts

    def close(self):
        if getattr(self, "daemon", None):
            self.daemon.kill()
        if self.pg:
            self.pg.close()
        self.held.close()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def restart_script(pg, folder):
    """A restart command without quoting puzzles. The server's output goes to its log, so that nobody waits for a pipe."""
    path = os.path.join(folder, "restart")
    argv = " ".join(pg.as_owner([os.path.join(pg.bin, "pg_ctl"), "-D", pg.data, "-l", pg.log, "-w", "-t", "25", "-m", "fast", "restart"]))
    with open(path, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nexec {argv} </dev/null\n")
    os.chmod(path, 0o755)
    return path


# ---- plans -------------------------------------------------------------------------------------------------------------


def ledger_step(arena, name, witness=True, undo=True, sleep_s=0.0, retry=0, fails=False):
    """A step whose effect can be counted."""
    argv = [arena.program, arena.ledger, "fail" if fails else "do", name] + ([f"{sleep_s:.2f}"] if sleep_s else [])
    params = {"argv": argv}
    if witness:
        params["witness"] = [arena.program, arena.ledger, "count", name]
    if undo:
        params["undo"] = [arena.program, arena.ledger, "undo", name]
    return {"action": "script.exec", "params": params, "timeout_s": 20, "retry": retry}


def plan_of(steps, title="write into the ledger", verify=None):
    return {"title": title, "steps": steps, "rollback": {"how": "reverse"}, "verify": verify or {"method": "readback"}}


def setting_step(changes, watch_s=0, action="postgres.set", target="main"):
    """changes: {name: (from, to)}"""
    return {"action": action, "timeout_s": 30, "retry": 0, "watch_s": watch_s,
            "params": {"target": target, "settings": [{"name": n, "from": a, "to": b} for n, (a, b) in changes.items()]}}


def exec_body(case_id, step):
    adapter = "script" if step["action"] == "script.exec" else "postgres"
    return {"case_id": case_id, "adapter": adapter, "params": step["params"]}


def pick(seed):
    """A generator of its own for each part of a bench, so that one seed tells one story."""
    return random.Random(seed)
