#!/usr/bin/python3
"""bench/queries.py - what a question costs when QUERIES_RECORDS=10000000 events of an hour are journalled and digested.

A trace by its id; errors by app over the hour; what an app calls, with patterns and locators: QUERIES_EACH=50 different questions of each kind, through
the HTTP interface of a daemon that runs (a connection for each) and through the command line.  What is answered is held against what was put in.
"""
import json
import os
import statistics
import subprocess
import sys
import time

from lab import end_well, program
from ingest_site import Site

RECORDS, EACH = int(os.environ.get("QUERIES_RECORDS", "10000000")), int(os.environ.get("QUERIES_EACH", "50"))
HOUR_S, AGO_S = 3600, 3960          # the hour ended six minutes ago, so that all of its windows are due
BARS_MS = {"trace": 200, "errors": 1000, "joined": 1500}


def fill(site, begin):
    done = subprocess.run([program("queries_fill"), f"{site.folder}/store/journal", str(RECORDS), str(begin), str(HOUR_S), str(EACH)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def questions(told, begin):
    """(kind, path, words of the command line, what is wrong with the answer)"""
    def trace(id_):
        def wrong(a):
            if a["trace_id"].replace("-", "") != id_ or len(a["spans"]) != 2 or len(a["logs"]) != 18:
                return f"{len(a['spans'])} spans of 2, {len(a['logs'])} logs of 18"
        return "trace", f"/trace/{id_}", ["look", "trace", id_], wrong

    def errors(k):
        def wrong(a):
            logs, bad = sum(s["logs"] for s in a), sum(s["errors"] for s in a)
            if (logs, bad) != (told["logs"], told["errors"]):
                return f"{logs} logs of {told['logs']}, {bad} errors of {told['errors']}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin - 300 - k))
        return "errors", f"/service?since={at}&limit={told['services'] + 50 + k}", ["look", "services", "--since", at, "--limit", str(told["services"] + 50 + k)], wrong

    def joined(k):
        name = f"app-{k % told['services']:02d}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin - 300 - k))

        def wrong(a):
            down = a["downstreams"]
            if len(down) < 1 or not all(d["calls"] > 0 and d["patterns"] and d["locators"] for d in down) or not a["patterns"] or not a["locators"]:
                return f"{len(down)} downstreams, or one without calls, patterns or locators"
        return "joined", f"/service/{name}/downstreams?since={at}", ["look", "downstreams", name, "--since", at], wrong
    return [trace(id_) for id_ in told["traces"]] + [errors(k) for k in range(EACH)] + [joined(k) for k in range(EACH)]


def ask_all(site, asked, how):
    took, wrong = {}, []
    for kind, path, words, judge in asked:
        began = time.monotonic()
        if how == "http":
            answer = site.json(path)
        else:
            said = json.loads(site.cli(*words, "-o", "json").stdout)
            answer = said.get("data", said) if isinstance(said, dict) else said
        took.setdefault(kind, []).append(1e3 * (time.monotonic() - began))
        trouble = judge(answer)
        if trouble:
            wrong.append(f"{how} {path}: {trouble}")
    for kind, ms in took.items():
        print(f"{how} {kind}: median {statistics.median(ms):.1f} ms, worst {max(ms):.1f} ms of {len(ms)}", flush=True)
    return took, wrong


def main():
    end_well()
    with Site(program("homeostat"), {"ingest": {"journal": {"keep": "30d", "size_max": "64GiB"}}}) as site:
        os.makedirs(f"{site.folder}/store", mode=0o700, exist_ok=True)
        begin = int(time.time()) - AGO_S
        told = fill(site, begin)
        print(f"{told['events']} events in {told['records']} records, {told['logs']} logs, {told['spans']} spans", flush=True)
        began = time.monotonic()
        site.start()
        site.until(lambda: next((c["committed"] for c in site.status()["journal"]["consumers"] if c["name"] == "digest"), 0) >= told["records"], "the digest has read everything", 1800, 1)
        time.sleep(5)                # windows that became due with the last record
        print(f"digested after {time.monotonic() - began:.0f} s, {site.cpu_s():.1f} s of CPU, rss {site.rss_mb():.0f} MB", flush=True)
        asked = questions(told, begin)
        took, wrong = ask_all(site, asked, "http")
        again, more = ask_all(site, asked, "cli")
        site.stop()
    for w in (wrong + more)[:20]:
        print(f"WRONG {w}")
    worst = {kind: max(took[kind] + again[kind]) for kind in BARS_MS}
    said = "; ".join(f"{kind} median {statistics.median(took[kind]):.0f}, by command line {statistics.median(again[kind]):.0f}, worst {worst[kind]:.0f} of < {bar}" for kind, bar in BARS_MS.items())
    fine = not wrong and not more and all(worst[kind] < bar for kind, bar in BARS_MS.items())
    print(f"queries {worst['trace']:.0f} ms-trace-worst (bar < 200; {said} ms; {len(asked)} questions twice, {len(wrong) + len(more)} wrong answers of 0; {told['events']} events of >= 10000000) "
          f"{'ok' if fine and told['events'] >= 10000000 and EACH >= 50 else 'short'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
