#!/usr/bin/python3
"""bench/ingest_kill.py - kill -9 every few seconds at 50 000 events a second for KILL_SECONDS=600, with a sender that repeats what was not acknowledged.

The oracle: every record of every acknowledged request is in the output, with its text as it was sent, once after de-duplication; and something did come
twice, or the test would not bite.
"""
import json
import os
import random
import sys
import time

from lab import end_well, program
from ingest_site import Site
from soak import seen, sender

SECONDS = int(os.environ.get("KILL_SECONDS", "600"))


def main():
    end_well()
    chance, kills = random.Random(int(os.environ.get("KILL_SEED", "1"))), 0
    with Site(program("homeostat"), listeners={"otlp": {"protocols": ["otlp-grpc"]}}) as site:
        lake, acked = f"{site.folder}/lake", f"{site.folder}/acked"
        os.makedirs(lake)
        site.write({"sinks": {"lake": {"kind": "files", "folder": lake, "types": ["logs"], "format": "otlp"}}})
        site.start()
        child, began = sender(site, 50000, SECONDS, 0, acked), time.monotonic()
        while child.poll() is None and time.monotonic() - began < SECONDS:
            time.sleep(chance.uniform(2, 6))
            site.kill()
            kills += 1
            site.start()
        said = child.communicate()[0].strip().splitlines()
        if not said:
            raise RuntimeError(f"the sender ended with {child.returncode} and said nothing")
        said = json.loads(said[-1])
        print(f"{kills} kills; {json.dumps(said)}", flush=True)
        site.until(site.caught_up, "everything was sent on", 900, 1)
        site.stop()
        found = seen(lake, acked)
        print(json.dumps(found))
        wrong = found["missing"] + found["damaged"]
        ok = child.returncode == 0 and wrong == 0 and found["twice"] > 0 and found["promised"] == said["events"]
    print(f"kill {wrong} violations (bar 0; {kills} kills in {SECONDS} s of >= 600, {found['promised']} records acknowledged, {found['missing']} missing, {found['damaged']} damaged, "
          f"{found['twice']} came twice of > 0) {'ok' if ok and SECONDS >= 600 else 'short'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
