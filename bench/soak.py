#!/usr/bin/python3
"""bench/soak.py - 50 000 events a second for SOAK_SECONDS=600, then 100 000 for SOAK_PEAK=60: nothing lost, soon acknowledged, at little cost.

With the whole digest, and a sink that writes files, from which every acknowledged record is found again.
"""
import glob
import json
import os
import subprocess
import sys
import time

from lab import end_well, program
from ingest_site import Site

SECONDS, PEAK = int(os.environ.get("SOAK_SECONDS", "600")), int(os.environ.get("SOAK_PEAK", "60"))


def sender(site, rate, seconds, base, acked):
    return subprocess.Popen([program("otlp_send"), "--port", str(site.ports["otlp"]), "--rate", str(rate), "--seconds", str(seconds), "--connections", "4", "--in-flight", "8",
                             "--base", str(base), "--acked", acked], stdout=subprocess.PIPE, text=True)


def phase(site, rate, seconds, base, acked):
    """What the sender says, cores used, the most memory."""
    before, began, most = site.cpu_s(), time.monotonic(), 0.0
    child = sender(site, rate, seconds, base, acked)
    while child.poll() is None:
        time.sleep(1)
        most = max(most, site.rss_mb())
    said = json.loads(child.stdout.read().strip().splitlines()[-1])
    cores = (site.cpu_s() - before) / (time.monotonic() - began)
    print(f"{rate}/s: {cores:.3f} cores, rss {most:.0f} MB, {json.dumps(said)}", flush=True)
    return said, cores, most, child.returncode


def seen(folder, acked):
    """What came out of the files, against what was acknowledged."""
    files = sorted(f for f in glob.glob(f"{folder}/**/*", recursive=True) if os.path.isfile(f) and not f.endswith(".part"))
    cat = subprocess.Popen(["sh", "-c", 'for f; do case "$f" in *.gz) zcat "$f";; *.zst) zstd -dc "$f";; *) cat "$f";; esac; done', "sh", *files], stdout=subprocess.PIPE)
    done = subprocess.run([program("otlp_seen"), "--acked", acked], stdin=cat.stdout, capture_output=True, text=True, check=False)
    cat.wait()
    return json.loads(done.stdout)


def main():
    end_well()
    out = Site(program("homeostat"), listeners={"otlp": {"protocols": ["otlp-grpc"]}})
    with out as site:
        lake, acked = f"{site.folder}/lake", f"{site.folder}/acked"
        site.write({"sinks": {"lake": {"kind": "files", "folder": lake, "types": ["logs"], "format": "otlp"}}} if os.environ.get("SOAK_SINK", "yes") == "yes" else {})
        os.makedirs(lake, exist_ok=True)
        site.start()
        first, cores, most, bad = phase(site, 50000, SECONDS, 0, acked)
        peak, peak_cores, peak_most, bad2 = phase(site, 100000, PEAK, first["next"], acked)
        site.until(site.caught_up, "everything was dealt with", 600, 1)
        lost = -1
        if "sinks" in site.settings:
            site.stop()
            found = seen(lake, acked)
            print(json.dumps(found))
            lost = found["missing"] + found["damaged"]
        ok = (bad == 0 and bad2 == 0 and lost <= 0 and first["ack_p99_ms"] < 50 and peak["ack_p99_ms"] < 500 and cores < 0.3 and max(most, peak_most) < 150 and
              first["acked"] >= 0.99 * 50 * SECONDS and peak["acked"] >= 0.99 * 100 * PEAK)
    print(f"soak {cores:.3f} cores (bar < 0.3 at 50 000/s for {SECONDS} s of >= 600; ack p99 {first['ack_p99_ms']:.0f} ms of < 50, at 100 000/s for {PEAK} s {peak['ack_p99_ms']:.0f} ms of < 500 "
          f"with {peak_cores:.2f} cores; rss {max(most, peak_most):.0f} MB of < 150; {lost} lost of {first['events'] + peak['events']}) {'ok' if ok and SECONDS >= 600 else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
