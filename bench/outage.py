#!/usr/bin/python3
"""bench/outage.py - everything that a journal is there for, one after the other, under load and with reloads all the while.

A sender with OUTAGE_RATE=5000 events a second for OUTAGE_SECONDS=1500, of which a fifth each: PostgreSQL is down; ClickHouse is down; the network
to both is cut without a word, and then reset; the disk of the daemon is full.  Sinks: files, PostgreSQL, ClickHouse (clickhouse.py).

The oracle: every record of every acknowledged request is in each of the three, with its text as it was sent, and all three have the same number of
lines; a line twice is only what the sender sent twice; nothing was dropped, nothing lies among the dead letters, and the sender was never told anything
but to come again.  And each outage was felt, or the test would not bite.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import clickhouse
from lab import Cluster, end_well, free_port, program
from ingest_site import Site
from relay import Relay
from soak import seen

SECONDS, RATE = int(os.environ.get("OUTAGE_SECONDS", "1500")), int(os.environ.get("OUTAGE_RATE", "5000"))
FULL_S, EACH, GAP = 1500, SECONDS / 5, SECONDS / 25
DISK, MARGIN = 16 << 30, 1 << 20          # bytes of the disk while it is not full, and what is left to go when it becomes so


class Disk:
    """A file system of a size that can be changed. Without the right to mount it is a folder that never gets full."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="homeostat-outage-", dir="/var/tmp")
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "homeostat-outage", self.folder], capture_output=True, check=False).returncode == 0

    def resize(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True)

    def used(self):
        s = os.statvfs(self.folder)
        return (s.f_blocks - s.f_bfree) * s.f_frsize

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Reloads(threading.Thread):
    """Settings that change all the while: batches, pauses, a listener that comes and goes."""

    def __init__(self, site, every_s):
        super().__init__(daemon=True)
        self.site, self.every_s, self.count, self.ended = site, every_s, 0, threading.Event()
        self.more = free_port()

    def run(self):
        while not self.ended.wait(self.every_s):
            k = self.count = self.count + 1
            self.site.settings["listeners"].pop("more", None)
            if k % 2:
                self.site.settings["listeners"]["more"] = {"address": f"127.0.0.1:{self.more}"}
            which = ("lake", "pg", "ch")[k % 3]
            self.site.write({"sinks": {which: {"batch": {"events": 1000 + 37 * (k % 50), "delay": f"{100 + k % 7 * 50}ms"}}}, "ingest": {"journal": {"commit_delay": f"{1 + k % 5}ms"}}})
            self.site.reload()

    def end(self):
        self.ended.set()
        self.join()


def sleep_and_look(site, seconds):
    """The longest way that each sink was behind meanwhile, in records; and whether the journal called itself full."""
    end, most = time.monotonic() + seconds, {"full": 0}
    while time.monotonic() < end:
        time.sleep(min(1, max(0.05, end - time.monotonic())))
        assert site.process.poll() is None, f"the daemon ended with {site.process.poll()}: {site.tail()}"
        status = site.status()
        for s in status["ship"]["sinks"]:
            most[s["name"]] = max(most.get(s["name"], 0), s["behind"])
        most["full"] = max(most["full"], 1 if status["journal"]["full"] else 0)
    return most


def outages(site, pg, ch, relays, disk):
    """[(name, felt)]"""
    def postgres(down):
        pg.stop("immediate") if down else pg.start()

    def click(down):
        ch.stop() if down else ch.start()

    def network(down):
        for r in relays:
            r.freeze() if down else r.thaw()

    def full(down):
        disk.resize(disk.used() + MARGIN if down else DISK)
    done = []
    for name, act, feels in (("postgres", postgres, ("pg",)), ("clickhouse", click, ("ch",)), ("network", network, ("pg", "ch")), ("disk", full, ("lake",))):
        if name == "disk" and not disk.mounted:
            print("disk: left out, for nothing may be mounted here", flush=True)
            continue
        sleep_and_look(site, GAP)
        act(True)
        most = sleep_and_look(site, EACH)
        act(False)
        # what the sender sent in half of the time lies there; the journal may have segments in hand, so that only the files feel a short time without room
        felt = all(most[f] >= EACH * RATE / 1000 / 2 for f in feels)
        done.append((name, felt))
        print(f"{name}: {EACH:.0f} s; {'felt' if felt else 'NOT FELT'}; most records behind {json.dumps(most)}", flush=True)
    sleep_and_look(site, GAP)
    return done


def look(name, acked, feed):
    """What otlp_seen says of what feed() writes."""
    with subprocess.Popen([program("otlp_seen"), "--acked", acked], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        more = feed(child.stdin)
        child.stdin.close()
        found = json.loads(child.stdout.read())
    print(f"{name}: {json.dumps(found)}" + (f", {more} rows more of the same events, which merge" if more else ""), flush=True)
    return found


def from_postgres(pg, out):
    subprocess.run([os.path.join(pg.bin, "psql"), "-XqAt", "-d", pg.dsn, "-c", "COPY (SELECT message FROM obs.logs_events) TO STDOUT"], stdout=out, check=True)


def judge(founds, said, site_says, felt):
    """Everything that is wrong, in words."""
    wrong = []
    for name, f in founds.items():
        wrong += [f"{f[k]} {k} in {name}" for k in ("missing", "damaged") if f[k]]
        if f["twice"] > 1000 * said["resent"]:
            wrong.append(f"{f['twice']} twice in {name}")
        if f["promised"] != said["events"]:
            wrong.append(f"{f['promised']} promised of {said['events']}")
    if len({f["lines"] for f in founds.values()}) != 1:
        wrong.append("not the same lines: " + ", ".join(f"{f['lines']} in {name}" for name, f in founds.items()))
    wrong += [f"{k} is {v}" for k, v in site_says.items() if v]
    wrong += [f"{name} was not felt" for name, was in felt if not was]
    return wrong


def run(site, pg, ch, relays, disk, acked):
    child = subprocess.Popen([program("otlp_send"), "--port", str(site.ports["otlp"]), "--rate", str(RATE), "--seconds", str(SECONDS), "--acked", acked], stdout=subprocess.PIPE, text=True)
    reloads = Reloads(site, max(0.5, EACH / 30))
    reloads.start()
    try:
        felt = outages(site, pg, ch, relays, disk)
        said = json.loads(child.communicate(timeout=SECONDS + 200)[0].strip().splitlines()[-1])
    finally:
        child.kill()
        reloads.end()
    print(f"{reloads.count} reloads; {json.dumps(said)}", flush=True)
    site.until(site.caught_up, "everything was sent on", 1200, 1)
    status = site.status()
    says = {"events_dropped_total": site.metrics()["events_dropped_total"], "dropped by the journal": status["journal"]["dropped_events"],
            **{f"dead in {s['name']}": s["dead"] for s in status["ship"]["sinks"]}, "status of the sender": child.returncode, "status of the daemon": site.stop()}
    return felt, said, says, reloads.count


def main():
    end_well()
    disk, store = Disk(), tempfile.mkdtemp(prefix="homeostat-outage-store-", dir="/var/tmp")
    site = ch = None
    relays = []
    try:
        with Cluster(settings={"fsync": "off", "max_wal_size": "4GB"}) as pg:
            ch = clickhouse.make(free_port(), f"{store}/clickhouse")
            ch.start()
            relays = [Relay(pg.port), Relay(ch.port)]
            site = Site(program("homeostat"), folder=f"{disk.folder}", listeners={"otlp": {"protocols": ["otlp-grpc"]}})
            site.config, site.log, acked, lake = f"{store}/homeostat.yaml", f"{store}/log", f"{store}/acked", f"{disk.folder}/lake"
            os.makedirs(lake)
            usual = {"types": ["logs"], "timeout": "5s", "retry": {"first": "100ms", "most": "2s"}}
            site.write({"ingest": {"journal": {"size_max": "8GiB", "segment": "4MiB", "reserve": "0", "keep": "1min", "pack": 0}}, "sinks": {
                "lake": {"kind": "files", "folder": lake, "format": "otlp", **usual},
                "pg": {"kind": "postgres", "dsn": f"host=127.0.0.1 port={relays[0].port} user=postgres dbname=postgres", "schema": "obs", **usual},
                "ch": {"kind": "clickhouse", "url": f"http://127.0.0.1:{relays[1].port}", **usual}}})
            site.start()
            felt, said, says, reloads = run(site, pg, ch, relays, disk, acked)
            founds = {"files": seen(lake, acked), "postgres": look("postgres", acked, lambda out: from_postgres(pg, out)), "clickhouse": look("clickhouse", acked, ch.messages)}
            print(f"files: {json.dumps(founds['files'])}")
            wrong = judge(founds, said, says, felt)
    finally:
        if site:
            site.kill()
        for r in relays:
            r.close()
        if ch:
            ch.stop()
        disk.close()
        if not (os.environ.get("KEEP") and sys.exc_info()[0]):
            shutil.rmtree(store, ignore_errors=True)
    for w in wrong:
        print(f"VIOLATION {w}")
    whole = SECONDS >= FULL_S and disk.mounted
    print(f"outage {len(wrong)} violations (bar 0; {', '.join(name for name, _ in felt)} down for {EACH:.0f} s each of >= 300, {reloads} reloads, {said['events']} records acknowledged, "
          f"the sender was told to come again {said['told_to_come_again']} times; files, PostgreSQL, ClickHouse: {ch.kind}) {'ok' if whole and not wrong else 'short'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
