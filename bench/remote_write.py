#!/usr/bin/python3
"""bench/remote_write.py - samples per second of CPU through Prometheus remote write, beside Prometheus itself in the same run.

REMOTE_SECONDS=6 of sending in each of REMOTE_ROUNDS=4 rounds, in turns: journalled and decoded, with the digest, and a Prometheus of Debian's.
"""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from lab import end_well, free_port, program
from ingest_site import Site

SECONDS, ROUNDS = int(os.environ.get("REMOTE_SECONDS", "6")), int(os.environ.get("REMOTE_ROUNDS", "4"))


def send(port, turn):
    """Each turn begins where the one before cannot have come: times only grow."""
    done = subprocess.run([program("remote_send"), "--port", str(port), "--seconds", str(SECONDS), "--ago", str(3000 - 700 * turn)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["refused"] == 0, said
    return said


class Ours:
    def __init__(self, digest):
        self.name, self.digest = "with-digest" if digest else "journalled", digest
        self.site = Site(program("homeostat"), {"ingest": {"digest": {"enabled": digest}, "journal": {"keep": "0s", "size_max": "16GiB"}}}, listeners={"rw": {"protocols": ["remote-write"]}}).start()

    def round(self, turn):
        before = self.site.cpu_s()
        said = send(self.site.ports["rw"], turn)
        if self.digest:
            self.site.until(lambda: self.site.status()["digest"]["behind"] == 0, "the digest has read everything", 300)
        return said["samples"] / (self.site.cpu_s() - before), said

    def close(self):
        self.site.close()


class Prometheus:
    name = "prometheus"

    def __init__(self):
        self.folder, self.port = tempfile.mkdtemp(prefix="homeostat-prometheus-", dir="/var/tmp"), free_port()
        with open(f"{self.folder}/p.yml", "w", encoding="utf-8") as f:
            f.write("global: { scrape_interval: 1h }\n")
        self.process = subprocess.Popen(["prometheus", f"--config.file={self.folder}/p.yml", f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                                         "--web.enable-remote-write-receiver"], stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "w", encoding="utf-8"))
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).read()
                break
            except OSError:
                time.sleep(0.1)

    cpu_s = Site.cpu_s

    def round(self, turn):
        before = self.cpu_s()
        said = send(self.port, turn)
        return said["samples"] / (self.cpu_s() - before), said

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    end_well()
    rates, runs = {}, [Ours(False), Ours(True)]
    try:
        if shutil.which("prometheus"):
            runs.append(Prometheus())
        for k in range(ROUNDS):
            for r in runs:
                rate, said = r.round(k)
                rates.setdefault(r.name, []).append(rate)
                print(f"{r.name} round {k}: {rate / 1e6:.2f} M samples per core-second; {json.dumps(said)}", flush=True)
    finally:
        for r in runs:
            r.close()
    middle = {name: statistics.median(v) for name, v in rates.items()}
    theirs = middle.get("prometheus")
    ratio = f"Prometheus {theirs / 1e6:.2f}, ratio x{middle['journalled'] / theirs:.1f}" if theirs else "no Prometheus here"
    ok = middle["journalled"] >= 1.5e6
    print(f"remote-write {middle['journalled'] / 1e6:.2f} M-samples/core-s (bar >= 1.5; with the digest {middle['with-digest'] / 1e6:.2f}; {ratio}) {'ok' if ok else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
