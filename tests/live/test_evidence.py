"""Events and their evidence, through the whole program: told over HTTP, linked to what came in around them, also when it is killed in between."""
import json
import os
import time

import pytest

from ingest_site import Site
from test_ingest import TRACE, attribute, post, span

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def site(program):
    with Site(program("homeostat")) as s:
        yield s


def moment(s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))


def tell(site, **event):
    status, body = site.ask("POST", "/event", json.dumps(event), JSON)
    return status, json.loads(body)


def send_what_fails(site, at):
    """shop calls pay, which fails; pay says so twenty times."""
    spans = {"resourceSpans": [span("shop", "buy", 3, "00f067aa0ba902b7", "", at, 120), span("pay", "charge", 2, "00f067aa0ba902b8", "00f067aa0ba902b7", at + 0.01, 80, failed=True)]}
    assert post(site, "/v1/traces", spans) == (200, {})
    logs = [{"timeUnixNano": str(int((at + k) * 1e9)), "severityNumber": 17, "body": {"stringValue": f"card of customer {k} declined"}, "traceId": TRACE, "spanId": "00f067aa0ba902b8"}
            for k in range(20)]
    assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "pay")]}, "scopeLogs": [{"logRecords": logs}]}]}) == (200, {})


@pytest.mark.clock
def test_the_evidence_of_a_deploy_leads_to_the_raw_data_though_it_was_killed_in_between(site):
    site.start()
    at = time.time() - 620                             # the five minutes after are over, and none is too late for its window
    send_what_fails(site, at)
    deploy = {"event_id": "run-4711", "kind": "deploy", "service": "pay", "title": "pay 1.42", "at": moment(at), "labels": {"version": "1.42"}}
    status, told = tell(site, **deploy)
    assert status == 201 and told["data"]["created"]
    site.kill()                                          # -9: what was told is on disk, its evidence is not there yet
    site.start()
    site.until(lambda: site.json("/event/run-4711")["complete"], "its evidence is complete", 300, 1)
    event = site.json("/event/run-4711")
    assert event["urn"] == "urn:svc:pay" and event["labels"] == {"version": "1.42"} and event["event_id"] == told["data"]["event_id"]
    scores = [e["score"] for e in event["evidence"]]
    assert scores == sorted(scores, reverse=True) and 0 < scores[-1] and scores[0] <= 1
    line = next(e for e in event["evidence"] if "declined" in e["note"])
    call = next(e for e in event["evidence"] if "calls failed" in e["note"])
    assert line["dim"] == "log" and line["ref"]["table"] == "log_pattern_5m" and call["dim"] == "trace" and call["ref"]["table"] == "service_call_5m"
    assert any(e["dim"] == "topo" for e in event["evidence"])
    for piece, word in ((line, b"declined"), (call, b"charge")):     # the pointer leads to the records as they came
        assert piece["in_journal"] and piece["query_hint"].startswith("homeostat journal cat --from ")
        argv = piece["query_hint"].split()[1:]
        raw = site.cli(*argv, "--body", "raw", "--folder", f"{site.folder}/store/journal")
        assert word in raw.stdout.encode()

    # told again: the same event, and nothing is added
    status, again = tell(site, **deploy)
    assert status == 200 and not again["data"]["created"] and again["data"]["event_id"] == event["event_id"]
    assert site.json("/event/" + event["event_id"]) == event
    assert tell(site, **{**deploy, "title": "pay 1.43"})[0] == 409
    status, wrong = tell(site, **{**deploy, "kind": "party"})
    assert status == 422 and "/kind" in wrong["detail"]

    # the same in a terminal, and by kind, service and time
    shown = site.cli("look", "event", "run-4711").stdout
    assert "declined" in shown and "homeostat journal cat --from" in shown
    assert "pay 1.42" in site.cli("look", "events", "pay", "--kind", "deploy", "--since", "1h").stdout
    assert site.json("/event?kind=incident") == [] and site.json("/event?service=shop") == [] and len(site.json("/event?service=pay&since=1h")) == 1
    assert site.json(f"/event?since=1h&until={moment(at - 60)}") == []
    assert site.ask("GET", "/event/nothing")[0] == 404
    metrics = site.metrics()
    assert metrics["homeostat_evidence_open"] == 0 and metrics["homeostat_evidence_write_seconds_count"] == metrics['homeostat_evidence_write_seconds_bucket{le="2"}']


def test_a_case_is_an_event_and_leads_to_its_evidence(site):
    site.start()
    status, body = site.ask("POST", "/case/create", json.dumps({"title": "shop is slow"}), {**JSON, "Idempotency-Key": "one"})
    assert status == 201
    case = json.loads(body)["data"]["id"]
    site.until(lambda: site.ask("GET", f"/event/{case}")[0] == 200, "the case is an event")
    event = site.json(f"/event/{case}")
    assert event["kind"] == "incident" and event["title"] == "shop is slow" and event["labels"]["case"] == case and event["urn"].startswith("urn:host:")
    assert site.json(f"/case/{case}")["event_id"] == case and site.json(f"/case/{case}/file")["event_id"] == case
    assert case in site.cli("case", "show", case).stdout
    site.kill()
    site.start()                                         # told again, and once
    assert len(site.json("/event?kind=incident")) == 1
    posted = site.cli("event", "post", "shop", "shop 7", "what is new in it", "--id", "run-1", "--label", "version=7").stdout.split()[0]
    assert "already" in site.cli("event", "post", "shop", "shop 7", "what is new in it", "--id", "run-1", "--label", "version=7").stdout
    assert site.json(f"/event/{posted}")["summary"] == "what is new in it"
    undated = {"event_id": "run-2", "kind": "deploy", "service": "shop", "title": "shop 8"}
    first, again = tell(site, **undated)[1], tell(site, **undated)[1]
    assert again["data"]["detected_at"] == first["data"]["detected_at"] and not again["data"]["created"], "it is told when it was told first"
    assert site.cli("event", "post", "shop", "x", "--label", "novalue", check=False).returncode == 2


def test_without_ingest_there_are_no_events_and_nobody_complains(program):
    with Site(program("homeostat"), {"ingest": {"enabled": False}}) as site:
        site.start()
        status, body = site.ask("POST", "/case/create", json.dumps({"title": "shop is slow"}), {**JSON, "Idempotency-Key": "one"})
        assert status == 201 and "event_id" not in site.json("/case/" + json.loads(body)["data"]["id"])
        assert tell(site, kind="deploy", service="a", title="t")[0] == 404 and site.ask("GET", "/event")[0] == 404
        with open(site.log, encoding="utf-8") as f:
            assert "level=warn" not in "".join(l for l in f if "evidence" in l or "event" in l)
        assert not os.path.exists(f"{site.folder}/store/digest.db")
