"""bench/crash_check.py - counts, in what is left of an arena, what was lost, doubled, stuck or turned round."""
import json

from lab import read_tap

ENDED = ("CLOSED", "PARKED")


def check_arena(show):
    """(violations, counts)"""
    arena = show.arena
    db = arena.database()
    if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        return ["lost: the store is damaged: " + str(db.execute("PRAGMA integrity_check").fetchall())], {}
    cases = {r["id"]: r for r in db.execute("SELECT * FROM ops_case")}
    timeline = {}
    for r in db.execute("SELECT * FROM case_timeline ORDER BY id"):
        timeline.setdefault(r["case_id"], []).append(r)
    outbox = db.execute("SELECT * FROM outbox ORDER BY id").fetchall()
    answers = {r["key"].split("/", 1)[1]: r for r in db.execute("SELECT * FROM idempotency")}
    ops = [one for f in show.flows for one in f.ops]
    files = {c["id"]: c for f in show.flows for c in f.cases}
    tap = read_tap(arena.folder + "/tap")
    found = []
    found += check_timelines(cases, timeline)
    found += check_answers(ops, answers, cases, timeline)
    found += check_outbox(timeline, outbox)
    found += check_consumer("the consumer on the bus", tap, outbox, redelivery=True)
    found += check_consumer("the consumer of the stream", [(i, t, None, p) for i, t, p in show.consumer.got], outbox, redelivery=True)
    found += check_stuck(cases, files)
    found += check_effects(arena, cases, files)
    found += check_actions(db)
    moved = sum(r["moved"] for rows in timeline.values() for r in rows)
    unknown = sum(c["phase_name"] == "unknown" for c in named(cases).values())
    counts = {"cases": len(cases), "transitions": moved, "answers": len(ops), "messages": len(outbox), "published": len(tap),
              "streamed": len(show.consumer.got), "effects": sum(d + u for d, u in arena.effects().values()), "unknown": unknown}
    db.close()
    return found, counts


def named(cases):
    """Phases are numbers in the store; their order is that of RUN_PHASE_MAP."""
    names = ("idle", "preparing", "probing", "doing", "watching", "done", "to_incumbent", "to_candidate", "undoing", "undone", "unknown")
    return {i: {**dict(c), "phase_name": names[c["phase"]]} for i, c in cases.items()}


def check_timelines(cases, timeline):
    """Each version of a case has exactly one row that moved it, they follow each other, and the last is where it stands."""
    found = []
    for i, case in cases.items():
        moved = [r for r in timeline.get(i, []) if r["moved"]]
        versions = [r["version"] for r in moved]
        if versions != list(range(1, case["version"] + 1)):
            missing = sorted(set(range(1, case["version"] + 1)) - set(versions))
            found.append(f"lost: case {i} is at version {case['version']}, its timeline lacks {missing} (or has one twice: {len(versions)} rows)")
            continue
        for before, after in zip(moved, moved[1:]):
            if before["to_status"] != after["from_status"]:
                found.append(f"lost: the timeline of case {i} jumps from {before['to_status']} to {after['from_status']} at version {after['version']}")
        if moved[-1]["to_status"] != case["status"]:
            found.append(f"lost: case {i} is {case['status']}, its timeline says {moved[-1]['to_status']}")
    return found


def check_answers(ops, answers, cases, timeline):
    """What was answered is in the store, once, and the answer is kept under its key as it was given."""
    found = []
    at = {(i, r["version"]): r for i, rows in timeline.items() for r in rows if r["moved"]}
    titles = {}
    for c in cases.values():
        titles[c["title"]] = titles.get(c["title"], 0) + 1
    for one in ops:
        stored = answers.get(one["key"])
        if stored is None:
            if one["status"] < 500 and one["status"] != 429:
                found.append(f"lost: {one['what']} {one['path']} was answered {one['status']}, and nothing is stored under its key {one['key']}")
        elif (stored["status"], stored["response"].encode()) != (one["status"], one["raw"]):
            found.append(f"duplicate: the answer stored under {one['key']} ({one['what']}) is not the one that was given: {stored['status']} {stored['response'][:200]} / "
                         f"{one['status']} {one['raw'][:200]!r}")
        body = json.loads(one["raw"])
        data = body.get("data")
        if one["status"] >= 300 or not isinstance(data, dict):
            continue
        row = at.get((data["id"], data["version"]))
        if row is None:
            found.append(f"lost: {one['what']} was answered with case {data['id']} at version {data['version']}, which the store does not have")
        elif row["to_status"] != data["status"]:
            found.append(f"lost: {one['what']} was answered {data['status']} at version {data['version']}, the store has {row['to_status']}")
        if one["what"] == "create" and titles.get(data["title"]) != 1:
            found.append(f"duplicate: create with key {one['key']} left {titles.get(data['title'], 0)} cases")
        if one["if_match"] is not None and one["method"] == "PATCH" and data["version"] != one["if_match"] + 1:
            found.append(f"duplicate: {one['what']} with If-Match {one['if_match']} was answered with version {data['version']}")
    for title, n in titles.items():
        if n > 1:
            found.append(f"duplicate: {n} cases are called {title!r}")
    remarks = {}
    for i, rows in timeline.items():
        for r in rows:
            if r["event"] == "comment":
                remarks[(i, r["reason"])] = remarks.get((i, r["reason"]), 0) + 1
    for (i, text), n in remarks.items():
        if n > 1:
            found.append(f"duplicate: the remark {text!r} stands {n} times in case {i}")
    commented = {(json.loads(o["raw"])["data"]["id"], o["body"]["text"]) for o in ops if o["what"] == "comment" and o["status"] == 200}
    for pair in commented - set(remarks):
        found.append(f"lost: the remark {pair[1]!r} of case {pair[0]} was acknowledged and is not there")
    return found


def check_outbox(timeline, outbox):
    """Every change of state has exactly one message, every message is marked as published and belongs to a change that was committed."""
    found = []
    sent = {}
    for m in outbox:
        if m["published_at"] is None:
            found.append(f"lost: message {m['id']} ({m['topic']}) was never published")
        if m["topic"] == "evt.case.transition.v1":
            version = json.loads(m["payload"])["data"]["version"]
            sent[(m["key"], version)] = sent.get((m["key"], version), 0) + 1
    for i, rows in timeline.items():
        for r in rows:
            states = r["moved"] and (r["rule"] > 0 or r["event"] == "created")
            n = sent.pop((i, r["version"]), 0) if states else 1
            if n != 1:
                found.append(f"{'lost' if n == 0 else 'duplicate'}: version {r['version']} of case {i} ({r['event']}) has {n} messages")
    found += [f"duplicate: there is a message for version {v} of case {i}, which was never committed" for i, v in sent]
    return found


def check_consumer(who, got, outbox, redelivery):
    """At least once, in order per case, and the same id when it comes again."""
    found = []
    rows = {m["id"]: m for m in outbox}
    ids, seen, last = {}, set(), {}
    for number, _, key, payload in got:
        message = json.loads(payload)
        event = (message["source"], message["id"])
        if number not in rows:
            found.append(f"duplicate: {who} got message {number}, which was never committed")
            continue
        if ids.setdefault(number, event) != event:
            found.append(f"duplicate: {who} got message {number} under two ids, {ids[number][1]} and {event[1]}")
        if event in seen:
            if not redelivery:
                found.append(f"duplicate: {who} got message {number} twice")
            continue                      # what a consumer that de-duplicates by source and id never sees
        seen.add(event)
        key = rows[number]["key"]
        if number < last.get(key, 0):
            found.append(f"inversion: {who} got message {number} of case {key} after {last[key]}")
        last[key] = max(number, last.get(key, 0))
    missing = sorted(set(rows) - set(ids))
    if missing:
        found.append(f"lost: {who} never got {len(missing)} messages, the first is {missing[0]} ({rows[missing[0]]['topic']})")
    return found


def check_stuck(cases, files):
    found = []
    for i, c in named(cases).items():
        if i in files and c["status"] not in ENDED and files[i]["kind"] != "remark":
            found.append(f"stuck: case {i} ({files[i]['kind']}) is {c['status']}/{c['phase_name']}")
    return found


def check_effects(arena, cases, files):
    """The ledger tells how often something happened; the case claims to know."""
    found = []
    effects = arena.effects()
    by_case = {}
    for (action, step), n in effects.items():
        by_case.setdefault(action.split(".")[0], {}).setdefault(step, []).append(n)
    names = named(cases)
    for i, file in files.items():
        c = names.get(i)
        if c is None:
            found.append(f"lost: case {i} was answered and is not in the store")
            continue
        kept = c["status"] == "CLOSED" and c["phase_name"] == "done" and c["candidate_in_force"]
        for step, kind in file["steps"]:
            actions = by_case.get(i, {}).get(step, [])
            do, undo = sum(n[0] for n in actions), sum(n[1] for n in actions)
            where = f"case {i} ({file['kind']}, {c['status']}/{c['phase_name']}), step {step}: done {do} times, undone {undo} times"
            if do > 1 or undo > do:
                found.append("duplicate: " + where)
            elif kind == "blind":
                if kept and not do and not file.get("was_unknown"):
                    found.append("lost: " + where)
            elif kept and (do, undo) != (1, 0):
                found.append("lost: " + where)
            elif not kept and c["in_force_is_proven"] and do != undo:
                found.append("duplicate: " + where + ", although the case says that nothing is in force")
            elif c["phase_name"] == "unknown":
                found.append("stuck: " + where + ": a witness could have been asked")
    for i in set(by_case) - set(cases):
        found.append(f"duplicate: the ledger has effects of case {i}, which the store does not know")
    if arena.pg:
        with open(arena.pg.log, encoding="utf-8", errors="replace") as f:
            log = f.read()
        sets = [f for f in files.values() if "work_mem" in f]
        restarts = [f for f in sets if f["kind"] == "restart"]
        most = sum(1 if f.get("final", ("", ""))[1] == "done" else 2 for f in restarts)
        if log.count("received fast shutdown request") > most:
            found.append(f"duplicate: the server was restarted {log.count('received fast shutdown request')} times by {len(restarts)} cases, {most} would have been the most")
        for file in sets:
            n = log.count(f"ALTER SYSTEM SET work_mem = '{file['work_mem']}kB'")
            # Once by the case itself, and once more by each later case that was put back to it.
            back = sum(f["from_mem"] == file["work_mem"] and f.get("final", ("", ""))[1] != "done" for f in sets)
            if n > 1 + back:
                found.append(f"duplicate: the value of case {file['id']}, {file['work_mem']} kB, was set {n} times, {1 + back} would have been right")
    return found


def check_actions(db):
    """An action is announced before it has a result, and answered once."""
    found = []
    for r in db.execute("SELECT case_id, action, result_at, intent_at FROM exec_step WHERE result_at < intent_at"):
        found.append(f"lost: action {r['action']} of case {r['case_id']} has a result from before its intent")
    return found
