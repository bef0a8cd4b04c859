"""A Homeostat that takes telemetry in, as tests and benches meet it: its configuration, its process, its listeners, what it says of itself.

    with Site(program, settings={...}) as site:
        site.start()
        send(site.ports["otlp"], ...)
        site.until(lambda: site.status()["ship"]["sinks"][0]["behind"] == 0, "everything was sent on")
"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from cluster import free_port

LIMIT_S = 120         # only reached when something is wrong


def yaml_of(value, indent=0):
    """Dictionaries as blocks, lists of dictionaries as items, everything else as JSON, which YAML reads."""
    pad, out = "  " * indent, []
    for key, v in value.items():
        if isinstance(v, dict) and v:
            out.append(f"{pad}{key}:\n{yaml_of(v, indent + 1)}")
        elif isinstance(v, bool):
            out.append(f"{pad}{key}: {'yes' if v else 'no'}")
        else:
            out.append(f"{pad}{key}: {json.dumps(v) if not isinstance(v, (int, float)) else v}")
    return "\n".join(out)


_given = set()


def own_port():
    """A free port that nobody else was given in this run: who gets it listens there only later, and again after each start."""
    while (port := free_port()) in _given:
        pass
    _given.add(port)
    return port


def merged(a, b):
    out = dict(a)
    for k, v in (b or {}).items():
        out[k] = merged(out[k], v) if isinstance(v, dict) and isinstance(out.get(k), dict) else v
    return out


class Site:
    """folder, ports by listener, process; settings are a tree that is merged over a plain one."""

    def __init__(self, program, settings=None, folder=None, listeners=None):
        self.program = program
        self.folder = folder or tempfile.mkdtemp(prefix="homeostat-ingest-", dir="/var/tmp")
        self.owns = folder is None
        self.web = own_port()
        self.ports = {name: own_port() for name in (listeners or {"otlp": None, "http": None})}
        self.config = os.path.join(self.folder, "homeostat.yaml")
        self.log = os.path.join(self.folder, "log")
        self.process, self.lives = None, 0
        plain = {"log": {"level": "info", "format": "logfmt"}, "store": {"folder": f"{self.folder}/store"}, "web": {"listen": f"127.0.0.1:{self.web}", "metrics_open": True},
                 "ingest": {"enabled": True, "journal": {"size_max": "8GiB", "reserve": "64MiB"}},
                 "listeners": {name: merged({"address": f"127.0.0.1:{port}"}, (listeners or {}).get(name)) for name, port in self.ports.items()}}
        self.settings = merged(plain, settings)
        self.write()

    def write(self, changes=None):
        self.settings = merged(self.settings, changes)
        with open(self.config + ".new", "w", encoding="utf-8") as f:
            f.write(yaml_of(self.settings) + "\n")
        os.rename(self.config + ".new", self.config)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close(keep=exc[0] is not None)

    def close(self, keep=False):
        self.kill()
        if self.owns and not (keep and os.environ.get("KEEP")):
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- its process

    def start(self, wait=True):
        self.lives += 1
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([self.program, "run", "--config", self.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder)
        if wait:
            self.until(self.answers, "homeostat answers")
        return self

    def answers(self):
        assert self.process.poll() is None, f"it ended with {self.process.poll()}: {self.tail()}"
        try:
            return self.ask("GET", "/livez")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self, limit_s=60):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def tail(self, n=30):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-n:])

    def cli(self, *argv, check=True, timeout=120, **more):
        done = subprocess.run([self.program, *argv, "--config", self.config], capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, **more)
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    # -- what it says

    def token(self):
        with open(f"{self.folder}/store/token", encoding="utf-8") as f:
            return f.read().strip()

    def ask(self, method, path, body=None, headers=None, timeout=30, port=None):
        c = http.client.HTTPConnection("127.0.0.1", port or self.web, timeout=timeout)
        try:
            head = dict(headers or {})
            if port is None and os.path.exists(f"{self.folder}/store/token"):
                head["Authorization"] = "Bearer " + self.token()
            c.request(method, path, body, head)
            answer = c.getresponse()
            return answer.status, answer.read()
        finally:
            c.close()

    def json(self, path):
        status, body = self.ask("GET", path)
        assert status == 200, (status, body)
        return json.loads(body)["data"]

    def status(self):
        return self.json("/ingest")

    def metrics(self):
        """{name{labels}: value}"""
        found = {}
        for line in self.ask("GET", "/metrics")[1].decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def sink(self, name):
        """It is in no list for as long as a reload, or a replay, exchanges its worker."""
        found = []
        self.until(lambda: found.extend(s for s in self.status()["ship"]["sinks"] if s["name"] == name) or found, f"sink {name} is there")
        return found[0]

    def caught_up(self, sink=None):
        """Everything durable was dealt with: by one sink, or by every consumer."""
        journal = self.status()["journal"]
        ours = [c for c in journal["consumers"] if (c["name"] == f"sink:{sink}" if sink else True)]
        return bool(ours) and all(c["committed"] >= journal["last_id"] for c in ours)

    def until(self, holds, what, limit_s=LIMIT_S, every_s=0.1):
        deadline = time.monotonic() + limit_s
        while not holds():
            assert time.monotonic() < deadline, f"{what}: not within {limit_s} s; {self.tail()}"
            time.sleep(every_s)

    # -- what it costs

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self, peak=False):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"(?m)^Vm%s:\s+(\d+)" % ("HWM" if peak else "RSS"), f.read())[1]) / 1024
