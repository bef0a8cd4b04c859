"""Telemetry through the whole program: what was acknowledged comes out, whatever happens in between."""
import glob
import gzip
import http.client
import json
import os
import random
import resource
import shutil
import socket
import sqlite3
import subprocess
import time

import pytest

from again import in_one_of
from ingest_site import own_port

LOGS = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'


@pytest.fixture
def sender(program, spawn):
    """sender(site, acked, rate) -> a process that sends until it is told to end, however slow the machine is; what was acknowledged is noted in that file."""
    def start(site, acked, rate=20000, *more):
        return spawn([program("otlp_send"), "--port", str(site.ports["otlp"]), "--connections", "3", "--in-flight", "3", "--batch", "200", "--rate", str(rate), "--seconds", "600", "--acked", acked,
                      *(str(m) for m in more)], stdout=subprocess.PIPE)
    return start


def requests_in(acked):
    """How many requests were acknowledged so far."""
    return os.path.getsize(acked) // 8 if os.path.exists(acked) else 0


def go_on(site, acked, requests=1):
    """Until so many more were acknowledged."""
    wanted = requests_in(acked) + requests
    site.until(lambda: requests_in(acked) >= wanted, "requests are acknowledged")


def said(child):
    """What it says once it was told to end and everything that it began was acknowledged."""
    child.terminate()
    out = child.communicate(timeout=200)[0]
    assert child.returncode == 0, out
    return json.loads(out.strip().splitlines()[-1])


def texts(folder):
    """The bytes of all files that a sink has finished."""
    out = []
    for path in sorted(glob.glob(f"{folder}/**/*", recursive=True)):
        if os.path.isfile(path) and not os.path.basename(path).startswith(".") and not path.endswith(".part"):
            with open(path, "rb") as f:
                data = f.read()
            out.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return b"\n".join(out)


def seen(program, folder, acked):
    done = subprocess.run([program("otlp_seen"), "--acked", acked, "--batch", "200"], input=texts(folder), capture_output=True, check=False)
    return json.loads(done.stdout)


def lake(site, name="lake", **more):
    folder = os.path.join(site.folder, name)
    os.makedirs(folder, exist_ok=True)
    return {"sinks": {name: {"kind": "files", "folder": folder, "roll": {"after": "1s"}, **more}}}, folder


def test_what_was_acknowledged_comes_out_once_and_as_it_was_sent(program, sender, make_site):
    site = make_site()
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked)
    go_on(site, acked, 300)
    sent = said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert sent["acked"] >= 300 and sent["resent"] == 0
    assert found == {"lines": sent["events"], "distinct": sent["events"], "twice": 0, "damaged": 0, "promised": sent["events"], "missing": 0}


def test_nothing_acknowledged_is_missing_after_kills(program, sender, make_site):
    site, chance = make_site(), random.Random(7)
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked)
    for _ in range(5):
        go_on(site, acked)
        time.sleep(chance.uniform(0, 2))
        site.kill()
        site.start()
    go_on(site, acked)
    sent = said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert sent["connections_lost"] > 0 and found["promised"] == sent["events"]
    assert found["missing"] == 0 and found["damaged"] == 0


def test_reloads_under_load_lose_and_repeat_nothing(program, sender, make_site):
    site = make_site()
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked)
    for k in range(5):
        go_on(site, acked)
        time.sleep(0.8)
        site.write({"sinks": {"lake": {"batch": {"events": 500 + 100 * k}}}, "ingest": {"journal": {"commit_delay": f"{k + 1}ms"}},
                    "listeners": {f"more{k}": {"address": f"127.0.0.1:{own_port()}"}}})
        site.reload()
    go_on(site, acked, 100)
    sent = said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    site.until(lambda: len(site.status()["receive"]["listeners"]) == 2 + 5, "the last reload was taken")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert sent["connections_lost"] == 0 and sent["resent"] == 0
    assert found["missing"] == 0 and found["twice"] == 0 and found["damaged"] == 0


@in_one_of(3)      # the command waits fifteen seconds
def test_a_reload_by_command_ends_when_all_have_taken_it_and_says_who_did_not(make_site):
    site = make_site()
    with socket.socket() as silent, socket.socket() as taken:         # one takes a request and never answers, the other has the address
        for one in (silent, taken):
            one.bind(("127.0.0.1", 0))
            one.listen()
        far = {"kind": "loki", "url": f"http://127.0.0.1:{silent.getsockname()[1]}", "types": ["logs"]}
        site.write({"sinks": {"far": far}})
        site.start()
        before = len(site.status()["receive"]["listeners"])
        assert post(site, "/write/logs", [{"message": "hello"}])[0] in (200, 204)
        held = [silent.accept()]
        site.write({"sinks": {"far": {**far, "batch": {"events": 77}}}, "listeners": {"more": {"address": f"127.0.0.1:{taken.getsockname()[1]}"}}})
        done = site.cli("reload", check=False)
        assert done.returncode == 1 and "receive goes on with what it had" in done.stderr, done.stderr
        site.until(lambda: site.sink("far")["running"], "the sink has begun anew")
        held.append(silent.accept())                                   # its request is under way, so that ending it takes a while
        site.write({"sinks": {"far": {**far, "batch": {"events": 78}}}, "listeners": {"more": {"address": f"127.0.0.1:{own_port()}"}}})
        done = site.cli("reload")
        assert len(site.status()["receive"]["listeners"]) == before + 1      # at once
        assert "read again" in done.stdout and not done.stderr
        assert site.stop() == 0


def test_a_sink_that_was_renamed_goes_on_where_it_was(program, sender, make_site):
    site = make_site()
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked, 5000)
    go_on(site, acked, 25)
    said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    del site.settings["sinks"]["lake"]
    site.write({"sinks": {"pond": {"kind": "files", "folder": folder, "formerly": ["lake"]}}})
    site.reload()
    site.until(lambda: [s["name"] for s in site.status()["ship"]["sinks"]] == ["pond"], "the sink has its new name")
    child = sender(site, acked, 5000, "--base", 100000)
    go_on(site, acked, 25)
    sent = said(child)
    site.until(lambda: site.caught_up("pond"), "everything was sent on")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert found["missing"] == 0 and found["twice"] == 0 and sent["acked"] > 0


def test_who_sends_has_to_wait_while_the_journal_is_full_and_nothing_is_lost(program, sender, make_site):
    site = make_site({"ingest": {"digest": {"enabled": False}, "journal": {"segment": "1MiB", "size_max": "8MiB", "commit_size": "64KiB", "pack": 0, "keep": "0s"}}})
    settings, folder = lake(site, paused=True)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked)
    site.until(lambda: site.status()["journal"]["full"], "the journal is full")
    assert site.ask("GET", "/readyz")[0] == 503
    site.write({"sinks": {"lake": {"paused": False}}})
    site.reload()
    go_on(site, acked, 100)
    sent = said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.metrics()["events_dropped_total"] == 0
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert found["missing"] == 0 and found["promised"] == sent["events"] and sent["acked"] > 100


def test_what_is_thrown_away_on_purpose_while_the_journal_is_full_is_counted(sender, make_site):
    site = make_site({"ingest": {"digest": {"enabled": False}, "journal": {"segment": "1MiB", "size_max": "4MiB", "commit_size": "64KiB", "pack": 0, "keep": "0s", "when_full": "drop_oldest"}}})
    settings, _ = lake(site, paused=True)
    site.write(settings)
    site.start()
    assert site.metrics()["events_dropped_total"] == 0
    child = sender(site, os.path.join(site.folder, "acked"))
    site.until(lambda: site.metrics()["events_dropped_total"] > 0, "something was thrown away")
    said(child)
    site.until(lambda: site.metrics()["events_dropped_total"] == site.status()["journal"]["dropped_events"] > 0, "both say how much")     # the keeper may go on for a moment
    assert site.stop() == 0


def test_a_port_that_is_taken_keeps_homeostat_from_starting_and_says_so(make_site):
    site = make_site()
    with socket.socket() as s:
        s.bind(("127.0.0.1", site.ports["otlp"]))
        s.listen()
        site.start(wait=False)
        assert site.process.wait(60) != 0
    assert "otlp" in site.tail() and str(site.ports["otlp"]) in site.tail()


def test_a_second_homeostat_is_refused_the_web_port_of_the_first_and_a_restart_is_not(make_site):
    first, second = make_site(), make_site()
    first.start()
    second.write({"web": {"listen": f"127.0.0.1:{first.web}"}})
    second.start(wait=False)
    assert second.process.wait(60) != 0 and str(first.web) in second.tail()
    for _ in range(3):
        assert first.answers()
        assert first.stop() == 0
        first.start()


def test_a_configuration_that_is_missing_or_broken_is_told_and_nothing_is_looked_at_elsewhere(make_site):
    site = make_site()
    broken = os.path.join(site.folder, "broken.yaml")
    with open(broken, "w", encoding="utf-8") as f:
        f.write("ingest: [\n")
    site.start()
    assert post(site, "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]})[0] == 200
    assert site.stop() == 0
    for argv in (["journal", "ls"], ["journal", "verify"], ["journal", "forget", "sink:x"], ["journal", "replay", "sink:x", "--from", "1"], ["deadletter", "ls"], ["deadletter", "forget", "1"], ["top"]):
        for named in ("/nonexistent.yaml", broken):
            done = subprocess.run([site.program, *argv, "--config", named], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 1 and named in done.stderr and "/var/lib" not in done.stderr + done.stdout, (argv, done)
    assert site.cli("journal", "ls").stdout


def test_a_listener_beyond_this_machine_needs_certificate_and_tokens(make_site):
    site = make_site(listeners={"edge": {"address": "0.0.0.0:4317"}})
    site.start(wait=False)
    assert site.process.wait(60) != 0
    assert "edge" in site.tail() and "insecure" in site.tail()


def test_a_sink_that_is_down_is_tried_until_it_is_there(program, sender, make_site):
    """The other side is another Homeostat, which starts late."""
    far = make_site()
    settings, folder = lake(far)
    far.write(settings)
    near = make_site({"sinks": {"far": {"kind": "otlp", "url": f"http://127.0.0.1:{far.ports['http']}", "retry": {"first": "100ms", "most": "500ms"}}}})
    near.start()
    acked = os.path.join(near.folder, "acked")
    child = sender(near, acked, 5000)
    go_on(near, acked, 50)
    sent = said(child)
    near.until(lambda: near.sink("far")["retries"] > 1, "it was tried again")
    assert near.sink("far")["last_error"]
    far.start()
    near.until(lambda: near.caught_up("far"), "everything was sent on")
    far.until(lambda: far.caught_up("lake"), "and on")
    assert far.stop() == 0
    found = seen(program, folder, acked)
    assert found["missing"] == 0 and found["damaged"] == 0 and found["promised"] == sent["events"]


def test_rules_in_front_of_a_sink_drop_and_mask_and_what_they_drop_is_counted(make_site):
    site = make_site({"relabel": []})
    settings, folder = lake(site, relabel=["quiet"])
    site.write(settings)
    with open(site.config, "a", encoding="utf-8") as f:
        f.write('relabel:\n- { set: quiet, source_labels: [severity_text], regex: "DEBUG", action: drop }\n- { set: quiet, regex: "password", action: labeldrop }\n')
    text = open(site.config, encoding="utf-8").read().replace("relabel: []\n", "")
    with open(site.config, "w", encoding="utf-8") as f:
        f.write(text)
    site.start()
    record = lambda level, text: {"timeUnixNano": str(time.time_ns()), "severityText": level, "body": {"stringValue": text}, "attributes": [{"key": "password", "value": {"stringValue": "hunter2"}}]}
    body = {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                              "scopeLogs": [{"logRecords": [record("DEBUG", "not this"), record("ERROR", "but this")]}]}]}
    assert post(site, "/v1/logs", body) == (200, {})
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.metrics()["events_dropped_total"] == 1
    assert site.stop() == 0
    out = texts(folder)
    assert b"but this" in out and b"not this" not in out and b"hunter2" not in out


def test_lines_that_are_json_go_on_as_what_they_say_and_others_as_they_are(make_site):
    site = make_site({"sensors": {"enabled": False}})
    settings, folder = lake(site, types=["logs"], relabel=["jsonify"], match=["service.name=shop"])
    settings["relabel"] = [{"set": "jsonify", "source_labels": ["body"], "action": "parse_json", "target_label": "structured"}]
    site.write(settings)
    site.start()
    records = [{"timeUnixNano": str(time.time_ns()), "body": {"stringValue": t}} for t in ('{"order": 17, "items": [{"sku": "a-1", "price": 2.5}], "paid": true}', "plain words")]
    assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeLogs": [{"logRecords": records}]}]}) == (200, {})
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.sink("lake")["unparsed"] == 1
    assert site.stop() == 0
    lines = [json.loads(line) for line in texts(folder).splitlines()]
    read, plain = (next(line for line in lines if word in json.dumps(line)) for word in ("order", "plain words"))
    assert "structured" not in json.dumps(plain)
    assert read["attributes"]["structured"] == {"order": 17, "items": [{"sku": "a-1", "price": 2.5}], "paid": True}


def test_what_no_sink_takes_is_a_dead_letter_until_one_does(make_site):
    site = make_site({"sensors": {"enabled": False}, "ingest": {"unrouted": "dead_letter"}})
    settings, folder = lake(site, types=["logs"], match=["service.name=shop"])
    site.write(settings)
    site.start()
    def logs(service, *texts):
        records = [{"timeUnixNano": str(time.time_ns()), "severityText": "INFO", "body": {"stringValue": t}} for t in texts]
        assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}, "scopeLogs": [{"logRecords": records}]}]}) == (200, {})
    logs("shop", "of the shop")
    logs("pay", "of nobody yet", "nor this one")
    looked = lambda: site.caught_up("unrouted") and site.caught_up("lake")
    site.until(looked, "everything was looked at")
    site.until(lambda: site.status()["digest"]["events"] == 3, "it was digested")
    site.until(lambda: site.metrics()["homeostat_events_unrouted_total"] == 2 and site.status()["ship"]["unrouted"] == 2, "they are counted")     # a moment after they were passed
    letters = json.loads(site.cli("deadletter", "ls", "unrouted", "-o", "json").stdout)
    assert [x["why"] for x in letters] == ["unrouted"] * 2
    site.write({"sinks": {"lake": {"match": ["service.name~shop|pay"]}}})
    site.reload()
    taken = lambda n: lambda: site.tail(500).count("ingest has taken the configuration") == n
    site.until(taken(1), "the reload was taken")
    site.cli("deadletter", "replay", "unrouted")
    def arrived():
        out = texts(folder)
        return b"of the shop" in out and b"of nobody yet" in out and b"nor this one" in out
    site.until(arrived, "they arrived")
    site.until(looked, "everything was looked at again")
    assert texts(folder).count(b"of nobody yet") == 1 and site.metrics()["homeostat_events_unrouted_total"] == 2
    logs("shop", "the last")                              # the digest is behind those that came again, too, and counts this one alone
    site.until(lambda: site.status()["digest"]["events"] > 3, "it was digested")
    assert site.status()["digest"]["events"] == 4
    site.write({"ingest": {"unrouted": "count"}})
    site.reload()
    site.until(taken(2), "the second reload was taken")
    logs("other", "nobody's")
    site.until(lambda: site.metrics()["homeostat_events_unrouted_total"] == 3, "it was counted")
    assert len(json.loads(site.cli("deadletter", "ls", "unrouted", "-o", "json").stdout)) == 2 and [x["name"] for x in site.status()["ship"]["sinks"]] == ["lake"]


def post(site, path, body, **headers):
    status, answer = site.ask("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers}, port=site.ports["http"])
    return status, json.loads(answer) if answer else {}


def test_idle_senders_do_not_take_the_files_that_everything_else_needs(make_site):
    site = make_site({"sensors": {"enabled": False}, "syslog": {"tcp": {"address": f"127.0.0.1:{own_port()}", "transport": "tcp"}}})
    site.start()
    resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE, (256, 256))      # below receive.connections_max, as with ulimit -n 1024 and more than a thousand senders
    site.reload()
    site.until(lambda: "fewer connections are taken" in site.tail(), "it is told")
    idle = [socket.create_connection(("127.0.0.1", port)) for port in [site.ports["otlp"]] * 300 + [int(site.settings["syslog"]["tcp"]["address"].split(":")[1])] * 100]
    assert site.ask("GET", "/livez")[0] == 200
    assert site.ask("POST", "/v1/logs", LOGS, {"Content-Type": "application/json"}, port=site.ports["otlp"])[0] == 200
    used_s = site.cpu_s()
    time.sleep(1)
    assert site.cpu_s() - used_s < 0.5, "who waits for a file does not turn"
    for one in idle:
        one.close()
    assert site.stop() == 0


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_gets_the_answers_that_the_specification_asks_for(make_site):
    site = make_site()
    site.start()

    def curl(path, *more, data="{}"):
        done = subprocess.run(["curl", "-sS", "-o", "-", "-w", "\n%{http_code} %{content_type} %header{retry-after}", "--data-binary", data, *more, f"http://127.0.0.1:{site.ports['http']}{path}"],
                              capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.rsplit("\n", 1)
    json_type = ("-H", "Content-Type: application/json")
    assert curl("/v1/logs", *json_type)[1].startswith("200 application/json")
    assert curl("/v1/logs", *json_type, data="{")[1].startswith("400 application/json")
    assert curl("/v1/logs", "-H", "Content-Type: text/plain")[1].startswith("415")
    assert curl("/v1/nothing", *json_type)[1].startswith("404")
    assert curl("/v1/logs", "-X", "PUT", *json_type)[1].startswith("405")
    assert curl("/v1/traces", *json_type, "-H", "Content-Encoding: gzip", data="not gzip")[1].startswith("400")
    rows = json.dumps([{"time": "2026-01-31T12:00:00Z", "app": "shop", "host": "h", "name": "orders", "value": 7, "labels": {"zone": "eu"}}])
    assert curl("/write/metrics", *json_type, data=rows)[1].startswith("2")
    assert curl("/write/logs", *json_type, data=json.dumps([{"timestamp": time.time(), "app": "shop", "host": "h", "message": "hello", "level": "INFO"}]))[1].startswith("2")
    assert curl("/write/logs", *json_type, data='[{"message": ')[1].startswith("400")
    assert curl("/schema/register", *json_type, data=json.dumps({"table": "orders", "kind": "metrics", "columns": [{"name": "value", "type": "real"}]}))[1].startswith("2")
    site.until(lambda: "orders" in registry(site), "the table is in table_registry")


def test_rows_come_in_as_one_object_a_list_or_lines_and_go_out_whole(make_site):
    site = make_site()
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    now_ms = int(time.time() * 1000)
    assert post(site, "/write/logs", {"app": "auth", "trace_id": "t-1", "message": "a log of its own", "ts": now_ms}) == (200, {"accepted": 1, "rejected": 0})
    row = {"time": "2026-01-31T12:00:00Z", "app": "shop", "host": "h1", "labels": {"zone": "eu"}, "value": 41.5, "trace_id": "t-2", "level": "info"}
    assert post(site, "/write/metrics?table=orders", [row]) == (200, {"accepted": 1, "rejected": 0})
    assert post(site, "/write/metrics", [{"metric": "queue", "value": 42.5}, {"value": 43.5}]) == (200, {"accepted": 2, "rejected": 0})
    assert post(site, "/write/metrics", [{"name": "nothing"}])[1] == {"accepted": 0, "rejected": 1, "message": "a row of metrics without a number as its value"}
    lines = '{"message": "the first line"}\n{"app": "no message"}\n{"message": "the third line"}\n'
    status, answer = site.ask("POST", "/write/logs", lines, {"Content-Type": "application/x-ndjson"}, port=site.ports["http"])
    assert (status, json.loads(answer)) == (200, {"accepted": 2, "rejected": 1, "message": "a row of logs without a message"})
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    out = texts(folder)
    for said_there in (b"a log of its own", b"t-1", b"auth", b"orders", b"41.5", b"shop", b"h1", b"zone", b"t-2", b"queue", b"42.5", b"43.5", b"the first line", b"the third line"):
        assert said_there in out, (said_there, out)
    assert b"no message" not in out and b"nothing" not in out


def registry(site):
    """table_registry of digest.db: what was registered, by its name."""
    db = sqlite3.connect(f"file:{site.folder}/store/digest.db?mode=ro", uri=True, timeout=60)
    try:
        return {name: (json.loads(schema), created) for name, schema, created in db.execute("SELECT table_name, schema, created_at FROM table_registry")}
    finally:
        db.close()


def test_a_table_that_was_registered_is_in_the_registry_also_after_kill_9(make_site):
    site = make_site()
    site.start()
    columns = [{"name": "time", "type": "timestamp"}, {"name": "value", "type": "double"}, {"name": "labels", "type": "jsonb"}]
    for i in range(20):
        assert post(site, f"/schema/register?table=before_{i}", {"columns": columns}) == (200, {"accepted": 1, "rejected": 0})
    assert post(site, "/schema/register", {"columns": columns})[0] == 400
    site.kill()                                  # what was acknowledged a moment ago is in the journal, wherever the digest was
    site.start()
    site.until(lambda: len(registry(site)) == 20, "all tables are in table_registry")
    schema, created = registry(site)["before_0"]
    assert schema == {"columns": columns, "kind": "metrics"}
    assert post(site, "/schema/register", {"table_name": "before_0", "schema": {"columns": columns[:1]}})[0] == 200
    site.until(lambda: registry(site)["before_0"][0] == {"columns": columns[:1], "kind": "logs"}, "the new schema took the place of the old one")
    site.kill()
    site.start()
    tables = site.json("/table?limit=3")
    assert [t["table"] for t in tables["tables"]] == ["before_0", "before_1", "before_10"] and tables["cut"] is True
    assert tables["tables"][0]["schema"] == {"columns": columns[:1], "kind": "logs"} and tables["tables"][1]["kind"] == "metrics"
    told = site.cli("look", "tables").stdout
    assert "before_19" in told and "time timestamp, value double, labels jsonb" in told, told
    assert post(site, "/schema/register?table=last", {"columns": columns})[0] == 200
    site.until(lambda: "last" in registry(site), "everything before it was read")
    assert registry(site)["before_0"] == ({"columns": columns[:1], "kind": "logs"}, created) and len(registry(site)) == 21
    assert site.stop() == 0


def test_a_small_request_that_would_fill_the_memory_of_everybody_who_reads_it_is_refused_and_not_kept(make_site):
    def field(number, body):
        size, n = b"", len(body)
        while n > 127:
            size, n = size + bytes([n & 127 | 128]), n >> 7
        return bytes([number << 3 | 2]) + size + bytes([n]) + body
    site = make_site()
    site.start()
    hollow = gzip.compress(field(1, field(2, b"\x12\x00" * 1_000_000)))
    assert len(hollow) < 4000
    before = site.status()["journal"]["last_id"]
    status, answer = site.ask("POST", "/v1/logs", hollow, {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}, port=site.ports["http"])
    assert status == 413 and b"send them in several requests" in answer
    assert post(site, "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "after it"}}]}]}]})[0] == 200
    site.until(lambda: site.status()["journal"]["last_id"] > before, "the next one is kept")
    assert site.stop() == 0


def test_the_journal_can_be_listed_read_and_verified_while_it_is_written(sender, make_site):
    site = make_site()
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked, 5000)
    go_on(site, acked, 25)
    said(child)
    folder = f"{site.folder}/store/journal"

    def journal(*argv):
        return subprocess.run([site.program, "journal", *argv, "--folder", folder], capture_output=True, text=True, timeout=60, check=False)
    listed = journal("ls", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    verified = journal("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    cat = journal("cat")
    assert cat.returncode == 0 and "otlp-logs" in cat.stdout


def test_a_sink_reads_again_from_where_it_is_told_to(program, sender, make_site):
    site = make_site()
    settings, folder = lake(site)
    site.write(settings)
    site.start()
    acked = os.path.join(site.folder, "acked")
    child = sender(site, acked, 5000)
    go_on(site, acked, 25)
    sent = said(child)
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.cli("journal", "replay", "sink:nobody", check=False).returncode != 0
    assert site.cli("journal", "replay", "digest", check=False).returncode != 0
    assert site.cli("journal", "forget", "sink:lake", check=False).returncode != 0       # it is there
    said_back = site.cli("journal", "replay", "sink:lake", "--since", "1h", "-o", "json").stdout
    assert json.loads(said_back)["from"] == 1, said_back
    site.until(lambda: site.caught_up("lake") and site.sink("lake")["sent"] >= 2 * sent["events"], "everything was sent again by the Homeostat that runs")
    assert site.stop() == 0
    assert seen(program, folder, acked)["twice"] == sent["events"]
    os.rename(folder, folder + "-lost")
    assert site.cli("journal", "replay", "sink:nobody", check=False).returncode != 0
    site.cli("journal", "replay", "sink:lake", "--since", "1h")
    site.start()
    site.until(lambda: site.caught_up("lake") and site.sink("lake")["sent"] >= sent["events"], "everything was sent on again")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert found["missing"] == 0 and found["twice"] == 0 and found["promised"] == sent["events"]
    site.cli("journal", "replay", "sink:lake")          # the files stay: what is asked for is written once more all the same
    site.start()
    site.until(lambda: site.caught_up("lake") and site.sink("lake")["sent"] >= sent["events"], "everything was sent a third time")
    assert site.stop() == 0
    found = seen(program, folder, acked)
    assert found["missing"] == 0 and found["twice"] == sent["events"]


def test_a_sink_that_was_taken_out_is_forgotten_by_the_homeostat_that_runs(make_site):
    site = make_site()
    site.write({"sinks": {"gone": {"kind": "files", "folder": f"{site.folder}/gone"}}})
    site.start()
    site.settings["sinks"].pop("gone")
    site.write()
    site.reload()

    def consumers():
        return {c["name"] for c in site.status()["journal"]["consumers"]}
    site.until(lambda: all(s["name"] != "gone" for s in site.status()["ship"]["sinks"]), "it is taken out")
    assert "sink:gone" in consumers()
    site.cli("journal", "forget", "sink:gone")
    assert "sink:gone" not in consumers()
    assert site.ask("POST", "/ingest/consumers/sink:gone/forget")[0] == 404
    assert site.stop() == 0


# ---- what the digest tells ----

TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def span(service, name, kind, span_id, parent, start_s, ms, failed=False):
    return {"resource": {"attributes": [attribute("service.name", service)]},
            "scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": span_id, "parentSpanId": parent, "name": name, "kind": kind, "startTimeUnixNano": str(int(start_s * 1e9)),
                                       "endTimeUnixNano": str(int(start_s * 1e9 + ms * 1e6)), "status": {"code": 2 if failed else 1}}]}]}


@pytest.mark.clock
def test_questions_about_services_patterns_and_traces_are_answered(make_site):
    """The events lie some minutes back, so that their windows are due at once."""
    site = make_site()
    site.start()
    at = time.time() - 240
    spans = {"resourceSpans": [span("shop", "buy", 3, "00f067aa0ba902b7", "", at, 120), span("pay", "charge", 2, "00f067aa0ba902b8", "00f067aa0ba902b7", at + 0.01, 80, failed=True)]}
    assert post(site, "/v1/traces", spans) == (200, {})
    logs = [{"timeUnixNano": str(int((at + k) * 1e9)), "severityNumber": 17, "body": {"stringValue": f"card of customer {k} declined"}, "traceId": TRACE, "spanId": "00f067aa0ba902b8"}
            for k in range(20)]
    assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "pay")]}, "scopeLogs": [{"logRecords": logs}]}]}) == (200, {})

    def asked(path):
        status, body = site.ask("GET", path)
        return json.loads(body)["data"] if status == 200 else None
    site.until(lambda: asked("/service/shop/downstreams") and asked("/pattern?service=pay") and asked(f"/trace/{TRACE}"), "the windows were closed", 200, 1)
    down = asked("/service/shop/downstreams")["downstreams"]
    assert [d["urn"] for d in down] == ["urn:svc:pay"] and down[0]["err_rate"] == 1 and down[0]["calls"] == 1
    patterns = asked("/pattern?service=pay")
    assert patterns[0]["count"] == 20 and patterns[0]["errors"] == 20 and "declined" in patterns[0]["pattern"] and "<*>" in patterns[0]["pattern"]
    trace = asked(f"/trace/{TRACE}")
    assert [s["name"] for s in trace["spans"]] == ["buy", "charge"] and len(trace["logs"]) == 20
    assert any(s["urn"] == "urn:svc:pay" and s["errors"] == 20 for s in asked("/service"))
    assert site.ask("GET", "/trace/" + "0" * 31 + "1")[0] == 404 and site.ask("GET", "/trace/xyz")[0] in (400, 404, 422)
    for argv in (["look", "services"], ["look", "downstreams", "shop"], ["look", "patterns", "pay"], ["look", "trace", TRACE], ["look", "jobs"], ["ingest"]):
        assert site.cli(*argv).stdout.strip(), argv
    # a back-fill: what is done is made again without a conflict; the future is not run
    moment = lambda s: time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(s))
    site.cli("backfill", "oo-agg", moment(at - 60), moment(at + 120))
    site.until(lambda: site.status()["digest"]["asked_done"] == 1, "the back-fill is done", 200)
    assert asked("/pattern?service=pay") == patterns
    def enqueue(**what):
        status, body = site.ask("POST", "/events/enqueue", json.dumps({"job": "oo-agg", "from": moment(at - 60), "to": moment(at), **what}), {"Content-Type": "application/json"})
        return status, json.loads(body)
    assert enqueue(job="nothing")[0] in (400, 404, 422)
    assert enqueue(tenant_id=4711)[0] == 404 and enqueue(tenant_id="nobody")[0] == 404 and enqueue(tenant_id=True)[0] == 422 and enqueue(tenant_id=["x"])[0] == 422
    status, body = enqueue(tenant_id=1)                  # a BIGINT, as S2 writes it
    assert status == 200 and body["data"]["tenant_id"] == 1
    site.until(lambda: site.status()["digest"]["asked_done"] == 2, "the second back-fill is done", 200)
    # one that is not over waits for its time, and is not lost; far ahead is refused
    ahead = time.time() + 3600
    status, body = enqueue(**{"from": moment(ahead), "to": moment(ahead + 120)})
    assert status == 202 and body["data"]["status"] == "queued" and body["data"]["due"][:16] == moment(ahead + 240)[:16]
    assert [r["status"] for r in asked("/job")["runs"] if r["to"][:16] == moment(ahead + 120)[:16]] == ["queued"]
    status, body = enqueue(**{"from": moment(ahead), "to": moment(ahead + 86400)})
    assert status == 422 and "more than a day from now" in json.dumps(body)
    assert "it waits until it is over" in site.cli("backfill", "oo-agg", moment(ahead), moment(ahead + 120)).stdout
    jobs = site.cli("look", "jobs").stdout
    assert "CIRCUIT" in jobs and "closed" in jobs


def test_a_back_fill_that_was_answered_outlives_a_kill(make_site):
    site = make_site()
    site.start()
    assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "pay")]}, "scopeLogs": [{"logRecords": [
        {"timeUnixNano": str(int((time.time() - 240) * 1e9)), "severityNumber": 9, "body": {"stringValue": "paid"}}]}]}]}) == (200, {})
    site.until(lambda: site.status()["digest"]["windows"] > 0 and site.json("/job")["runs"], "a window was made", 200)
    last = site.json("/job")["runs"][0]
    for k in range(3):                                   # killed as soon as it has answered
        begin = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - 900 - 60 * k))
        status, _ = site.ask("POST", "/events/enqueue", json.dumps({"job": "oo-agg", "tenant_id": last["tenant"], "from": begin, "to": last["to"]}), {"Content-Type": "application/json"})
        site.kill()
        assert status == 200
        site.start()
        site.until(lambda: [r for r in site.json("/job")["runs"] if r["from"][:19] == begin[:19] and r["status"] == "success"], "it was made in the next life", 200)


def test_a_damaged_digest_db_does_not_keep_the_daemon_from_starting(make_site):
    site = make_site()
    site.start()
    at = time.time() - 240
    logs = [{"timeUnixNano": str(int((at + k) * 1e9)), "severityNumber": 9, "body": {"stringValue": f"paid by {k}"}} for k in range(20)]
    assert post(site, "/v1/logs", {"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "pay")]}, "scopeLogs": [{"logRecords": logs}]}]}) == (200, {})
    patterns = lambda: json.loads(site.ask("GET", "/pattern?service=pay")[1]).get("data")
    site.until(lambda: patterns() and patterns()[0]["count"] == 20, "they were counted", 200)
    assert site.stop() == 0
    with open(f"{site.folder}/store/digest.db", "r+b") as f:
        f.write(b"\xa5" * 65536)
    site.start()
    site.until(lambda: patterns() and patterns()[0]["count"] == 20, "they were counted again, from the journal", 200)
    assert site.metrics()["homeostat_digest_damaged_total"] == 1 and any(".damaged-" in n for n in os.listdir(f"{site.folder}/store"))


def test_mock_minutes_are_digested_whole_and_in_little_memory(make_site):
    """100 000 lines and 20 000 spans."""
    site = make_site()
    folder = f"{site.folder}/mock"
    told = json.loads(subprocess.run([site.program, "ingest", "mock", folder, "20", "--json"], capture_output=True, text=True, check=True, timeout=120).stdout)
    assert told["events"] == 20 * 6500 and told["lost"] == 0 and told["rss_mb"] < 200
    again = subprocess.run([site.program, "ingest", "mock", folder], capture_output=True, text=True, check=False, timeout=120)
    assert again.returncode == 4 and "already" in again.stderr


@pytest.mark.clock
def test_what_came_in_can_be_looked_at_by_any_name_and_also_when_nothing_runs(make_site):
    """A service in a namespace, one with blanks, and one that speaks only metrics; then the daemon is gone, and the files tell the same."""
    site = make_site()
    site.start()
    at = time.time() - 240
    caller, called = span("cart", "buy", 3, "00f067aa0ba902b7", "", at, 120), span("my own service", "charge", 2, "00f067aa0ba902b8", "00f067aa0ba902b7", at + 0.01, 80, failed=True)
    caller["resource"]["attributes"].append(attribute("k8s.namespace.name", "shop"))
    assert post(site, "/v1/traces", {"resourceSpans": [caller, called]}) == (200, {})
    points = [{"timeUnixNano": str(int((at + k) * 1e9)), "asDouble": k, "attributes": [attribute("pool", "main")]} for k in range(5)]
    assert post(site, "/v1/metrics", {"resourceMetrics": [{"resource": {"attributes": [attribute("service.name", "my own service")]},
                                                           "scopeMetrics": [{"metrics": [{"name": "busy", "gauge": {"dataPoints": points}}]}]}]}) == (200, {})

    def asked(path):
        status, body = site.ask("GET", path)
        return json.loads(body)["data"] if status == 200 else None
    urn = "urn%3Ak8s%3Asvc%3Ashop%2Fcart"
    site.until(lambda: (asked(f"/downstreams?service={urn}") or {}).get("downstreams") and (asked("/service/metrics?service=my%20own%20service") or {}).get("metrics"), "the windows were closed", 200, 1)
    assert site.ask("GET", f"/service/{urn}/downstreams")[0] == 404 and site.ask("GET", "/downstreams")[0] == 400
    down = asked(f"/downstreams?service={urn}")
    assert down["service"] == ["urn:k8s:svc:shop/cart"] and [(d["urn"], d["tenant"]) for d in down["downstreams"]] == [("urn:svc:my_own_service", "installation")]
    assert [m["metric"] for m in down["downstreams"][0]["metrics"]] == ["busy"]
    minutes = asked("/service/metrics?service=my%20own%20service&name=busy")["minutes"]
    assert sum(m["samples"] for m in minutes) == 5 and max(m["max"] for m in minutes) == 4 and minutes[0]["labels"] == {"pool": "main"}
    assert asked("/service?tenant=installation") == asked("/service") != [] and asked("/service?tenant=nobody") == []

    questions = (["look", "services"], ["look", "downstreams", "shop/cart"], ["look", "metrics", "my own service"], ["look", "metrics", "my own service", "busy"],
                 ["look", "patterns"], ["look", "jobs", "--tenant", "installation"], ["look", "trace", TRACE])
    since = ["--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at - 60))]
    def told(argv):
        more = [] if argv[1] in ("jobs", "trace") else since
        return json.loads(site.cli(*argv, *more, "--json").stdout)
    site.until(lambda: TRACE in site.cli("look", "trace", TRACE, "--json", check=False).stdout, "the trace is known")
    table = site.cli("look", "downstreams", "shop/cart").stdout
    assert "urn:svc:my_own_service" in table and "100.0 %" in table and "busy" in table and "P95 MS" in table
    running = {tuple(argv): told(argv) for argv in questions if argv[1] != "jobs"}

    def is_whole():      # a digest that is writing has no time to say what it has open, and that is told of the answer
        running["look", "trace", TRACE] = told(["look", "trace", TRACE])
        return not running["look", "trace", TRACE]["cut"]
    site.until(is_whole, "the digest had time for an answer")
    assert site.stop() == 0
    for argv, answer in running.items():
        assert told(argv) == answer, argv
    assert all(run["tenant"] == "installation" for run in told(["look", "jobs"])["runs"])
    done = site.cli("look", "services")
    assert "my_own_service" in done.stdout and "nobody answers" in done.stderr and "files" in done.stderr, "it is said that nobody answered"
    done = site.cli("look", "services", "--url", f"http://127.0.0.1:{site.web}", check=False)
    assert done.returncode == 1 and done.stdout == "" and "nobody answers" in done.stderr, "who says where to ask is not answered from elsewhere"


def test_the_sensors_of_this_machine_are_in_the_journal(make_site):
    site = make_site({"sensors": {"enabled": True, "interval": "1s"}})
    site.start()
    site.until(lambda: site.status()["sensors"]["readings"] >= 3, "it was read three times")
    assert site.status()["sensors"]["series"] > 200
    assert "samples" in site.cli("journal", "cat").stdout
