#!/usr/bin/python3
"""bench/otlp.py - OTLP/gRPC logs, acknowledged after fdatasync: records per second of CPU, without and with the digest.

OTLP_SECONDS=8 of sending in each of OTLP_ROUNDS=5 rounds, in turns.  HOMEOSTAT_OTELCOL names an OpenTelemetry Collector to measure in the
same run; OTLP_EXPORTER=nop|file is where it sends (file needs a Collector with the file exporter).
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from lab import end_well, free_port, program
from ingest_site import Site

SECONDS, ROUNDS = int(os.environ.get("OTLP_SECONDS", "8")), int(os.environ.get("OTLP_ROUNDS", "5"))


def send(port, *more):
    done = subprocess.run([program("otlp_send"), "--port", str(port), "--seconds", str(SECONDS), "--connections", "4", "--in-flight", "4", *more], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.strip().splitlines()[-1])


class Ours:
    """A Homeostat of its own for each variant; the digest is waited for, so that its work is in the bill."""

    def __init__(self, digest):
        self.name = "with-digest" if digest else "journalled"
        self.digest = digest
        self.site = Site(program("homeostat"), {"ingest": {"digest": {"enabled": digest}, "journal": {"keep": "0s", "size_max": "16GiB"}}}, listeners={"otlp": {"protocols": ["otlp-grpc"]}})
        self.site.start()

    def round(self):
        before = self.site.cpu_s()
        said = send(self.site.ports["otlp"])
        if self.digest:
            self.site.until(lambda: self.site.status()["digest"]["behind"] == 0, "the digest has read everything", 300)
        return said["events"] / (self.site.cpu_s() - before), said

    def close(self):
        self.site.close()


class Collector:
    """OTLP in, nothing or a file out."""

    def __init__(self, path, exporter):
        self.name, self.port, self.folder = f"collector-{exporter}", free_port(), tempfile.mkdtemp(prefix="homeostat-otelcol-", dir="/var/tmp")
        telemetry = "service: { telemetry: { metrics: { level: none } }, pipelines: { logs: { receivers: [otlp], exporters: [%s] } } }"
        out = "file: { path: %s/out.json }" % self.folder if exporter == "file" else "nop: {}"
        with open(f"{self.folder}/c.yaml", "w", encoding="utf-8") as f:
            f.write(f"receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: '127.0.0.1:{self.port}', max_recv_msg_size_mib: 64 }} }} }} }}\nexporters: {{ {out} }}\n{telemetry % exporter}\n")
        self.process = subprocess.Popen([path, "--config", f"{self.folder}/c.yaml"], stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "w", encoding="utf-8"))
        time.sleep(3)
        assert self.process.poll() is None, open(f"{self.folder}/log", encoding="utf-8").read()

    cpu_s = Site.cpu_s

    def round(self):
        before = self.cpu_s()
        said = send(self.port)
        return said["events"] / (self.cpu_s() - before), said

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    end_well()
    peer, rates = os.environ.get("HOMEOSTAT_OTELCOL"), {}
    runs = [Ours(False), Ours(True)]
    try:
        if peer:
            runs.append(Collector(peer, os.environ.get("OTLP_EXPORTER", "nop")))
        for k in range(ROUNDS):
            for r in runs:
                rate, said = r.round()
                rates.setdefault(r.name, []).append(rate)
                print(f"{r.name} round {k}: {rate / 1e3:.0f} k records per core-second; {json.dumps(said)}", flush=True)
        for r in runs[:2]:
            print(f"{r.name}: rss {r.site.rss_mb():.0f} MB, peak {r.site.rss_mb(True):.0f} MB")
    finally:
        for r in runs:
            r.close()
    middle = {name: statistics.median(v) for name, v in rates.items()}
    plain, whole = middle["journalled"], middle["with-digest"]
    theirs = [v for k, v in middle.items() if k.startswith("collector")]
    times = f"x{plain / theirs[0]:.2f} of the Collector's {theirs[0] / 1e3:.0f} k, bar 5" if theirs else "no Collector here (HOMEOSTAT_OTELCOL)"
    ok = plain >= 600e3 and whole >= 300e3 and (not theirs or plain >= 5 * theirs[0])
    print(f"otlp {plain / 1e3:.0f} k-records/core-s (bar >= 600; with the digest {whole / 1e3:.0f} of >= 300; {times}) {'ok' if ok else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
