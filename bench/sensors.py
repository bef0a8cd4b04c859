#!/usr/bin/python3
"""bench/sensors.py - what reading this machine costs: our sensors beside Debian's prometheus-node-exporter, in turn, in one run.

Both read the same series, all of them at every turn; what is compared is CPU time per sample. Then everything, with processes and TCP, once a second.
The last line is `sensors RATIO x-node_exporter (bar ...) ok|short`.  SENSORS_ROUNDS=5 SENSORS_SECONDS=30
"""
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

from lab import program

READINGS, PAUSE_MS = 40, 25
OWN = ["off=processes", "off=tcp", "off=tcp_settings", "off=tcp_connections"]      # what node_exporter has no like of


def cpu_s(pid):
    """All threads, in nanoseconds of the scheduler: ticks of 10 ms would be too coarse."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Exporter:
    def __init__(self, path):
        self.port = free_port()
        self.process = subprocess.Popen([path, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.scrape()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("node_exporter does not answer")

    def scrape(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return sum(line.startswith("node_") and not line.startswith("node_scrape_") for line in text.splitlines())

    def round(self):
        before, samples = cpu_s(self.process.pid), 0
        for _ in range(READINGS):
            time.sleep(PAUSE_MS / 1000)
            samples += self.scrape()
        return (cpu_s(self.process.pid) - before) / READINGS, samples / READINGS

    def stop(self):
        self.process.terminate()
        self.process.wait()


def ours(readings, pause_ms, *options):
    done = subprocess.run([program("sensors_cost"), str(readings), str(pause_ms), *options], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    rounds, seconds = int(os.environ.get("SENSORS_ROUNDS", "5")), int(os.environ.get("SENSORS_SECONDS", "30"))
    path = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    ratio = None
    if path:
        exporter = Exporter(path)
        try:
            exporter.round()
            pairs = []
            for i in range(rounds):
                def a():
                    return exporter.round()
                def b():
                    return ours(READINGS, PAUSE_MS, "undivided", *OWN)
                (theirs, n), own = (a(), b()) if i % 2 == 0 else tuple(reversed((b(), a())))
                # what we tell beyond node_exporter's series is paid for here, and not counted
                own, each = own["cpu_s"] / own["ticks"], min(n, own["samples"] / own["ticks"])
                pairs.append((own / each) / (theirs / n))
                print(f"round {i + 1}: node_exporter {theirs / n * 1e6:.2f} us/sample of {n:.0f}, homeostat {own / each * 1e6:.2f} us/sample: x{pairs[-1]:.3f}", flush=True)
            ratio = statistics.median(pairs)
        finally:
            exporter.stop()
    all_ = ours(seconds, 1000)
    percent = 100 * all_["cpu_s"] / seconds
    print(f"everything once a second: {percent:.3f} % of a core, {all_['samples'] / all_['ticks']:.0f} samples a reading, {all_['processes']} processes, {all_['rss_mb']:.1f} MB", flush=True)
    ok = ratio is not None and ratio <= 0.5 and percent < 1 and all_["rss_mb"] < 40
    said = f"{ratio:.3f}" if ratio is not None else "nan"
    bar = "<= 0.5 CPU per sample" if ratio is not None else "node_exporter is not installed"
    print(f"sensors {said} x-node_exporter (bar {bar}; with processes and TCP at 1 Hz {percent:.2f} % of a core of < 1; memory {all_['rss_mb']:.1f} MB of < 40) {'ok' if ok else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
