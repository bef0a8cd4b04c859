#!/usr/bin/python3
"""bench/ingest_idle.py - what a daemon costs that takes telemetry in while there is none but its own: sensors of host and processes once a second, digest on.

INGEST_IDLE_SECONDS=60
"""
import json
import os
import sys
import time

from lab import end_well, program
from ingest_site import Site
from sensors import cpu_s

SECONDS, WARM_UP_S = float(os.environ.get("INGEST_IDLE_SECONDS", "60")), 15


def main():
    end_well()
    with Site(program("homeostat"), {"sensors": {"enabled": True, "interval": "1s"}}) as site:
        site.start()
        time.sleep(WARM_UP_S)
        readings = site.status()["sensors"]["readings"]
        before, began, most = cpu_s(site.process.pid), time.monotonic(), 0.0
        while time.monotonic() - began < SECONDS:
            time.sleep(1)
            most = max(most, site.rss_mb())
        spent, took = cpu_s(site.process.pid) - before, time.monotonic() - began
        sensors = site.status()["sensors"]
        readings = sensors["readings"] - readings
        site.until(lambda: site.status()["digest"]["records"] > 0, "the digest reads what the sensors say")
        print(json.dumps({"series": sensors["series"], "peak_mb": site.rss_mb(True), "digest": site.status()["digest"]}))
        site.stop()
    percent = 100 * spent / took
    ok = percent < 1 and most < 40 and readings >= 0.9 * took
    print(f"ingest-idle {percent:.2f} %-of-a-core (bar < 1; memory {most:.1f} MB of < 40; {readings} readings of {sensors['series']} series in {took:.0f} s of >= 60, digest on) "
          f"{'ok' if ok and SECONDS >= 60 else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
