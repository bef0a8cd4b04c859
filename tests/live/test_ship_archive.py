"""Windows whose telemetry the journal has lost are made again from the object store that a sink has filled."""
import json
import os
import re
import shutil
import sqlite3
import time

import pytest

from s3_site import Store

TABLES = ("metric_1m", "service_call_5m", "log_pattern_5m", "log_pattern", "oo_locator")
TRACE = "4bf92f3577b34da6a3ce929d0e0e47%02x"


@pytest.fixture
def store():
    made = Store()
    yield made
    made.close()


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def post(site, path, what):
    status, _ = site.ask("POST", path, json.dumps(what), {"Content-Type": "application/json"}, port=site.ports["http"])
    assert status == 200


def nanos(s):
    return str(int(s * 1e9))


def send(site, at):
    """Forty lines, twenty calls, a counter and a histogram, over a minute."""
    for k in range(20):
        when, who = at + 3 * k, lambda name: {"attributes": [attribute("service.name", name), {"key": "service.instances", "value": {"doubleValue": 3}}]}
        post(site, "/v1/logs", {"resourceLogs": [{"resource": who("pay"), "scopeLogs": [{"logRecords": [
            {"timeUnixNano": nanos(when + i), "severityNumber": 9 + 8 * i, "body": {"stringValue": f"card of customer {k} \"{i}\" declined\n"}} for i in range(2)]}]}]})
        spans = [{"resource": who(name), "scopeSpans": [{"spans": [{"traceId": TRACE % k, "spanId": f"00f067aa0ba9{k:02x}{i:02x}", "parentSpanId": f"00f067aa0ba9{k:02x}00" if i else "", "name": name,
                                                                    "kind": 2 if i else 3, "startTimeUnixNano": nanos(when + 0.01 * i), "endTimeUnixNano": nanos(when + 0.1 + 0.01 * k),
                                                                    "status": {"code": 2 if k % 5 == 0 else 1}}]}]} for i, name in enumerate(("shop", "pay"))]
        post(site, "/v1/traces", {"resourceSpans": spans})
        number = {"timeUnixNano": nanos(when), "startTimeUnixNano": nanos(at - 60), "attributes": [attribute("till", "a"), {"key": "rate", "value": {"doubleValue": 2}}]}
        post(site, "/v1/metrics", {"resourceMetrics": [{"resource": who("pay"), "scopeMetrics": [{"metrics": [
            {"name": "sold", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [{**number, "asInt": str(7 * k)}]}},
            {"name": "wait", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [{**number, "count": str(3 * k), "sum": 1.5 * k, "bucketCounts": [str(k), str(2 * k), "0"],
                                                                                                     "explicitBounds": [0.5, 2]}]}}]}]}]})


def a_minute_of_five_that_are_over():
    """
    The last minute of five minutes that are over, by more than windows lag behind, and that are not too long ago to be taken: the minute before it
    is closed for good seven minutes after its end.  There is none for half of each five minutes.
    """
    passed = time.time() % 300
    if 30 < passed < 190:
        time.sleep(190 - passed)
    return (time.time() - 190) // 300 * 300 - 62


def digested(site):
    """A window was closed after everything that came was read: only then the digest lets go of records."""
    journal = site.status()["journal"]
    return any(c["name"] == "digest" and c["committed"] >= journal["last_id"] for c in journal["consumers"])


def rows(site, what=TABLES):
    db = sqlite3.connect(f"file:{site.folder}/store/digest.db?mode=ro", uri=True, timeout=60)
    try:
        return {t: sorted(db.execute(f"SELECT * FROM {t}").fetchall(), key=repr) for t in what}
    finally:
        db.close()


@pytest.mark.clock
def test_a_window_that_only_the_object_store_still_holds_is_made_again_as_it_was(make_site, store):
    site = make_site()
    secret = os.path.join(site.folder, "secret")
    with open(secret, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(store.secret + "\n")
    site.write({"sensors": {"enabled": False}, "ingest": {"digest": {"archive": "lake"}}, "sinks": {"lake": {
        "kind": "object", "url": f"http://127.0.0.1:{store.port}", "bucket": "b", "prefix": "raw", "path_style": True, "user": store.key_id, "password": secret,
        "path": "{dataset}/yyyy=%Y/hh=%Y-%m-%dT%H/mm=%M", "batch": {"events": 5, "delay": "0s"}}}})
    site.start()
    at = a_minute_of_five_that_are_over()
    send(site, at)
    site.until(lambda: site.caught_up("lake") and digested(site), "windows were made of all of it", 300, 1)
    assert site.json("/job")["runs"] and all(rows(site, ("log_pattern_5m", "metric_1m", "service_call_5m")).values())
    assert site.stop() == 0
    names = [k for k in store.objects if re.fullmatch(r"raw/(logs|metrics|traces)/yyyy=\d{4}/hh=\d{4}-\d\d-\d\dT\d\d/mm=\d\d/lake\.\d{12}-\d+\.\d{12}-\d+\.\d+\.jsonl\.gz", k)]
    assert names and len(names) == len(store.objects) and store.refused == 0
    before = rows(site)
    assert {r for r in ("sold", "wait_sum") if any(r in str(row) for row in before["metric_1m"])} and len(before["service_call_5m"]) >= 1
    shutil.rmtree(f"{site.folder}/store/journal")
    db = sqlite3.connect(f"{site.folder}/store/digest.db", timeout=60)
    db.executescript("UPDATE metric_1m SET sum_val = 99, samples = 1; DELETE FROM log_pattern_5m; UPDATE service_call_5m SET calls = 1")
    db.close()
    spoiled = rows(site)
    assert spoiled != before

    moment = lambda s: time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(s))
    first, last = moment(at - 60), moment(at + 120)
    run = lambda: [r for r in site.json("/job")["runs"] if r["from"][:19] == first[:19] and r["to"][:19] == last[:19]]
    store.down = True
    site.start()
    site.cli("backfill", "oo-agg", first, last)
    site.until(lambda: run() and run()[0]["status"] == "failed", "it could not be made while the store is down")
    assert "503" in run()[0]["error"] and rows(site) == spoiled
    store.down = False
    lists = store.lists
    site.cli("backfill", "oo-agg", first, last)
    site.until(lambda: site.status()["digest"]["asked_done"] == 1, "it was made")
    assert rows(site) == before
    assert store.lists > lists and store.refused == 0


def test_an_archive_that_is_not_there_or_holds_not_everything_is_refused_at_the_start_and_left_at_a_reload(make_site):
    site = make_site()
    lake = {"kind": "files", "folder": f"{site.folder}/lake"}
    site.write({"sinks": {"lake": lake}, "ingest": {"digest": {"archive": "lake"}}})
    site.start()
    site.write({"sinks": {"lake": {**lake, "match": ["tenant=x"]}}})
    site.reload()
    site.until(lambda: "what it puts away is not everything" in site.tail(100), "the reload was told of")
    assert site.answers()
    site.kill()
    site.start(wait=False)
    site.process.wait(60)
    assert site.process.returncode != 0 and "ingest.digest.archive" in site.tail(100)
