#!/usr/bin/python3
"""bench/race.py - is a case a register with versions, whoever writes at the same time?

  race.py [--operations 100000] [--clients 8] [--cases 24] [--seed 1]

bench/race.c makes the requests and judges what one client can; here the whole history is judged, case by case:
every version has exactly one winner, and it is the one that asked for the version before; nobody is told that he comes
too late (412) before somebody else has come; nobody is told a version that is not there yet, or one that everybody knew to
be gone; what the store wrote down is what the winners were told.
"""
import argparse
import os
import subprocess
import sys
import time

from lab import Arena, end_well, program

NEXT = {("NEW", "start_analysis"): "ANALYZING", ("NEW", "cancel"): "PARKED", ("ANALYZING", "analysis_done"): "PLANNING", ("ANALYZING", "cancel"): "PARKED",
        ("PLANNING", "cancel"): "PARKED", ("PARKED", "resume"): "PLANNING", ("PARKED", "in_force_proven"): "PARKED"}


def read_log(path):
    history = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            key, case, event, if_match, status, version, began, ended, state = line.split()
            history.setdefault(case, []).append((key, event, int(if_match), int(status), int(version), int(began), int(ended), state))
    return history


def check_case(case, ops, rows):
    """rows: (version, from, to, event) of the timeline. A list of what is wrong."""
    wrong = []
    versions = [r[0] for r in rows]
    if versions != list(range(1, len(rows) + 1)):
        wrong.append(f"case {case}: the store has versions that do not follow each other, or one twice")
    stored = {r[0]: r for r in rows}
    winners = {}
    for op in ops:
        key, event, if_match, status, version, _, _, state = op
        if status == 200:
            if version in winners:
                wrong.append(f"case {case}: version {version} has two winners, {winners[version][0]} and {key}")
            winners[version] = op
            if if_match > 0 and version != if_match + 1:
                wrong.append(f"case {case}: {key} asked for version {if_match} and was given {version}")
            row = stored.get(version)
            if row is None or (row[2], row[3]) != (state, event):
                wrong.append(f"case {case}: {key} was told {state} by {event} at version {version}, the store has {row}")
            elif NEXT.get((row[1], event)) != state:
                wrong.append(f"case {case}: {key}: {event} led from {row[1]} to {state}")
    for v in versions[1:]:
        if v not in winners:
            wrong.append(f"case {case}: version {v} is in the store, and nobody was told so")
    # Real time: version v was there from somewhere within its winner's request, and until somewhere within the next one's.
    for op in ops:
        key, event, if_match, status, version, began, ended, state = op
        if status not in (409, 412):
            continue
        if version not in stored:
            wrong.append(f"case {case}: {key} was told {status} at version {version}, which there never was")
            continue
        if version in winners and winners[version][5] > ended:
            wrong.append(f"case {case}: {key} was told of version {version} before anybody had asked for it")
        if version + 1 in winners and winners[version + 1][6] < began:
            wrong.append(f"case {case}: {key} was told of version {version} after {winners[version + 1][0]} had been told of the next")
        if status == 412 and version <= if_match:
            wrong.append(f"case {case}: {key} was told that {if_match} is stale while {version} was the newest")
        if status == 409:
            if if_match > 0 and version != if_match:
                wrong.append(f"case {case}: {key} with If-Match {if_match} was judged by the rules of version {version}")
            if (stored[version][2], event) in NEXT:
                wrong.append(f"case {case}: {key}: {event} was called illegal in {stored[version][2]}")
    return wrong


def run(operations=100000, clients=8, cases=24, seed=1, say=print):
    """(violations, text)"""
    began = time.monotonic()
    with Arena("race") as arena:
        arena.first_start()
        arena.daemon.start()
        arena.daemon.wait_ready()
        log = os.path.join(arena.folder, "race.log")
        done = subprocess.run([program("race"), "--port", str(arena.port), "--token-file", os.path.join(arena.store, "token"), "--log", log,
                               "--operations", str(operations), "--clients", str(clients), "--cases", str(cases), "--seed", str(seed)],
                              capture_output=True, text=True, check=False, timeout=1800)
        violations = [line for line in done.stdout.splitlines() if line.startswith("VIOLATION")]
        summary = done.stdout.splitlines()[-1] if done.stdout else done.stderr
        if done.returncode not in (0, 1) or (done.returncode == 1 and not violations):
            violations.append(f"the client ended with {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}")
        if not arena.daemon.alive():
            violations.append("homeostat has ended: " + arena.daemon.log_tail(5))
        elif arena.daemon.stop() != 0:
            violations.append("homeostat did not end well")
        history = read_log(log)
        db = arena.database()
        for (case,) in db.execute("SELECT id FROM ops_case WHERE title LIKE 'race %'").fetchall():
            rows = [tuple(r) for r in db.execute("SELECT version, from_status, to_status, event FROM case_timeline WHERE case_id = ? AND moved = 1 ORDER BY id", (case,))]
            violations += check_case(case, history.get(case, []), rows)
        db.close()
        answers = sum(len(ops) for ops in history.values())
        say(f"{summary}; {answers} answers judged, {time.monotonic() - began:.0f} s")
        return violations, summary


def main():
    end_well()
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, default=100000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    violations, _ = run(o.operations, o.clients, o.cases, o.seed, lambda text: print(text, flush=True))
    for v in violations[:50]:
        print(v if v.startswith("VIOLATION") else f"VIOLATION {v}")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
