#!/usr/bin/python3
"""bench/idle.py - what watching one PostgreSQL once a second costs, with no case open. IDLE_SECONDS=90"""
import json
import os
import sys
import time

from lab import Arena, end_well, program

WARM_UP_S = 15


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


def main():
    end_well()
    seconds = float(os.environ.get("IDLE_SECONDS", "90"))
    with Arena("idle", postgres=True, mode="watch", settings={"shared_preload_libraries": "pg_stat_statements"}, binary=program("homeostat")) as arena:
        arena.pg.psql("CREATE EXTENSION pg_stat_statements")
        arena.first_start()
        arena.daemon.start()
        arena.daemon.wait_ready()
        pid = arena.daemon.process.pid
        time.sleep(WARM_UP_S)
        before, began, most = cpu_s(pid), time.monotonic(), 0.0
        while time.monotonic() - began < seconds:
            time.sleep(1)
            most = max(most, rss_mb(pid))
        spent, took = cpu_s(pid) - before, time.monotonic() - began
        client = arena.client()
        series = client.ask("GET", f"/target/main/series?since={int(took)}s&metrics=up").data
        cases = client.ask("GET", "/case?limit=1").data
        client.close()
        if cases:
            sys.exit("a case is open, so this would not be idling")
        print(json.dumps({"cpu_percent": 100 * spent / took, "rss_mb": most, "seconds": took, "samples": sum(v == 1 for v in series["up"])}))
        arena.daemon.stop()


if __name__ == "__main__":
    main()
