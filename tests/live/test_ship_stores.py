"""Sinks that fill stores of their own: what was acknowledged is there once, whatever the store and the daemon go through in between."""
import base64
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import data_model
from cluster import Cluster
from ingest_site import own_port
from nats_site import Nats


@pytest.fixture(scope="module")
def server():
    with Cluster() as pg:
        yield pg


def log(text, **more):
    return {"timeUnixNano": str(more.pop("at", time.time_ns())), "severityNumber": 9, "body": {"stringValue": text}, **more}


def resource(*, service="shop"):
    return {"attributes": [{"key": "service.name", "value": {"stringValue": service}}, {"key": "host.name", "value": {"stringValue": "h1"}}]}


def logs(*records):
    return {"resourceLogs": [{"resource": resource(), "scopeLogs": [{"logRecords": list(records)}]}]}


def post(site, path, body, limit_s=60):
    """As a client does that keeps what was not acknowledged: again until it is."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            status, answer = site.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"}, port=site.ports["http"])
            assert status in (200, 503), (status, answer)
            if status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def postgres(pg, schema, **more):
    return {"sinks": {"pg": {"kind": "postgres", "dsn": pg.dsn, "schema": schema, "batch": {"events": 50, "delay": "50ms"}, "retry": {"first": "50ms", "most": "200ms"}, "timeout": "5s", **more}}}


def took_care(server, site, schema):
    """Until the sink has made its partitions ahead, trace_events' of the day after tomorrow last.

    It does so about a second after its start, with locks for which a statement of somebody else may be ended, because of a deadlock.
    """
    made = "SELECT count(*) >= 3 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s) AND c.relname ~ '_[0-9]{8}$'"
    site.until(lambda: server.value(made, (f"{schema}.trace_events",)), "partitions were made ahead")


def test_events_are_in_postgres_once_though_it_stops_and_the_daemon_is_killed(make_site):
    with Cluster() as pg:
        site = make_site(postgres(pg, "obs"))
        site.start()
        want = 0
        for round_ in range(4):
            for k in range(20):
                post(site, "/v1/logs", logs(*(log(f"line {want + i}") for i in range(10))))
                want += 10
                if k == 10 and round_ == 0:
                    pg.stop("immediate")
                if k == 15 and round_ == 0:
                    pg.start()
            if round_ in (1, 2):
                site.kill()
                site.start()
                if round_ == 2:
                    pg.restart("fast")
        site.until(lambda: site.caught_up("pg"), "everything was sent on")
        rows = pg.psql("SELECT message, count(*) FROM obs.logs_events GROUP BY 1")
        assert sorted(int(m.split()[1]) for m, _ in rows) == list(range(want))
        assert {n for _, n in rows} == {1} and site.sink("pg")["dead"] == 0
        assert site.stop() == 0


def test_a_batch_that_comes_again_changes_nothing(server, make_site):
    site = make_site(postgres(server, "again"))
    site.start()
    post(site, "/v1/logs", logs(*(log(f"line {i}") for i in range(100))))
    site.until(lambda: site.caught_up("pg"), "everything was sent on")
    assert site.stop() == 0
    settings = postgres(server, "again")["sinks"]["pg"]
    site.write({"sinks": {"twin": settings}})        # another cursor, the same tables: each event comes a second time
    site.start()
    site.until(lambda: site.caught_up("twin"), "everything was sent once more")
    assert server.value("SELECT count(*) FROM again.logs_events") == 100
    assert site.sink("twin")["dead"] == 0
    assert site.stop() == 0


def test_each_type_has_its_table_and_columns(server, make_site):
    site = make_site(postgres(server, "types"))
    site.start()
    now = time.time_ns()
    trace = "0102030405060708090a0b0c0d0e0f10"
    post(site, "/v1/logs", logs(log("hello \u0000 there", at=now, traceId=trace, attributes=[{"key": "user", "value": {"intValue": "7"}}])))
    post(site, "/v1/metrics", {"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [
        {"name": "temperature", "unit": "Cel", "gauge": {"dataPoints": [{"timeUnixNano": str(now), "asDouble": 21.5, "attributes": [{"key": "room", "value": {"stringValue": "blue"}}]}]}},
        {"name": "latency", "histogram": {"aggregationTemporality": 2, "dataPoints": [{"timeUnixNano": str(now), "count": "3", "sum": 2.5, "bucketCounts": ["1", "2"], "explicitBounds": [0.5]}]}}]}]}]})
    post(site, "/v1/traces", {"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": [
        {"traceId": trace, "spanId": "0102030405060708", "name": "GET /", "kind": 2, "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 5000000), "status": {"code": 2}}]}]}]})
    site.until(lambda: site.caught_up("pg"), "everything was sent on")
    assert server.psql("SELECT app, host, trace_id, level, severity, message, labels->>'user', labels->>'homeostat.replaced' FROM types.logs_events") == \
        [("shop", "h1", trace, "INFO", 9, "hello \ufffd there", "7", "1")]
    assert server.psql("SELECT name, value, unit, kind, labels->>'room', detail->>'count' FROM types.metrics_events WHERE app = 'shop' ORDER BY name") == \
        [("latency", None, "", "histogram", None, "3"), ("temperature", 21.5, "Cel", "gauge", "blue", None)]
    assert server.psql("SELECT trace_id, span_id, name, kind, status, duration_ns FROM types.trace_events") == [(trace, "0102030405060708", "GET /", "server", "error", 5000000)]
    assert site.stop() == 0


def test_what_postgres_refuses_is_a_dead_letter_with_its_reason_and_the_rest_arrives(server, make_site):
    site = make_site(postgres(server, "poison"))
    site.start()
    post(site, "/v1/logs", logs(log("first")))
    site.until(lambda: site.caught_up("pg"), "the tables are there")
    server.psql("ALTER TABLE poison.logs_events ADD CONSTRAINT no_poison CHECK (message NOT LIKE '%poison%')")
    post(site, "/v1/logs", logs(*(log("poison" if i == 23 else f"line {i}") for i in range(40))))
    site.until(lambda: site.caught_up("pg"), "everything was dealt with")
    assert server.value("SELECT count(*) FROM poison.logs_events") == 40
    letters = site.cli("deadletter", "ls", "pg", "-o", "json").stdout
    assert "no_poison" in letters and len([x for x in letters.splitlines() if '"sink"' in x]) == 1, letters
    # one that PostgreSQL finds out only when the transaction ends
    server.psql("""CREATE FUNCTION poison.late() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN IF NEW.message = 'venom' THEN RAISE EXCEPTION 'no venom' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$;
                   CREATE CONSTRAINT TRIGGER late AFTER INSERT ON poison.logs_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poison.late()""")
    post(site, "/v1/logs", logs(log("venom"), log("honey")))
    site.until(lambda: site.caught_up("pg"), "everything was dealt with")
    assert server.value("SELECT count(*) FROM poison.logs_events WHERE message IN ('venom', 'honey')") == 1
    assert "no venom" in site.cli("deadletter", "ls", "pg", "-o", "json").stdout
    server.psql("ALTER TABLE poison.logs_events DROP CONSTRAINT no_poison; DROP TRIGGER late ON poison.logs_events; DELETE FROM poison.logs_events WHERE message = 'honey'")
    site.cli("deadletter", "replay", "pg")
    site.until(lambda: server.value("SELECT count(*) FROM poison.logs_events") == 42, "the letters went after all")
    assert site.stop() == 0


def test_letters_of_a_sink_that_was_renamed_are_counted_and_sent_under_either_name(server, make_site):
    site = make_site(postgres(server, "renamed"))
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "it is there")
    server.psql("ALTER TABLE renamed.logs_events ADD CONSTRAINT venom CHECK (message NOT LIKE '%poison%')")
    post(site, "/v1/logs", logs(log("poison 1"), log("poison 2")))
    site.until(lambda: site.caught_up("pg"), "they are letters")
    assert json.loads(site.cli("deadletter", "ls", "-o", "json").stdout)[0]["why"].startswith("new row for relation"), "what the server said stands in front"
    assert site.stop() == 0
    server.psql("ALTER TABLE renamed.logs_events DROP CONSTRAINT venom")
    site.settings["sinks"] = {"tables": {**site.settings["sinks"]["pg"], "formerly": ["pg"]}}
    site.write()
    refused = site.cli("deadletter", "replay", "nobody", check=False)
    assert refused.returncode != 0 and "is called nobody, or was" in refused.stderr and "formerly: [nobody]" in refused.stderr
    assert "2 dead letters of tables will be sent again" in site.cli("deadletter", "replay", "pg").stdout
    site.start()
    site.until(lambda: server.value("SELECT count(*) FROM renamed.logs_events") == 3, "they were sent again")
    site.until(lambda: {x["state"] for x in json.loads(site.cli("deadletter", "ls", "-o", "json").stdout)} == {"sent again"}, "and that is told of them")
    assert site.stop() == 0


def test_days_are_partitions_made_ahead_and_dropped_and_far_ones_lie_with_the_rest(server, make_site):
    site = make_site(postgres(server, "days", keep="3d"))
    site.start()
    day = 86400 * 10**9
    now = time.time_ns()
    post(site, "/v1/logs", logs(log("today", at=now), log("yesterday", at=now - day), log("far off", at=now + 30 * day), log("too old", at=now - 30 * day)))
    site.until(lambda: site.caught_up("pg"), "everything was sent on")

    def children():
        return {r[0] for r in server.psql("SELECT relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'days.logs_events'::regclass")}

    def name(ns):
        return time.strftime("logs_events_%Y%m%d", time.gmtime(ns // 10**9))
    site.until(lambda: name(now + 2 * day) in children(), "made ahead")
    assert {name(now), name(now - day), name(now + day), "logs_events_rest"} <= children()
    assert server.psql("SELECT message FROM ONLY days.logs_events_rest WHERE message = 'far off'") == [("far off",)]
    # the day comes: its rows move into a partition of their own
    server.psql("SET search_path = days; SELECT homeostat_make_day('logs_events', %s::date)", (time.strftime("%Y-%m-%d", time.gmtime((now + 30 * day) // 10**9)),))
    assert server.psql(f"SELECT message FROM days.{name(now + 30 * day)}") == [("far off",)]
    # old days go, and old rows of the rest
    server.psql("SET search_path = days; SELECT homeostat_make_day('logs_events', %s::date)", (time.strftime("%Y-%m-%d", time.gmtime((now - 20 * day) // 10**9)),))
    assert name(now - 20 * day) in children()
    assert site.stop() == 0
    site.start()
    site.until(lambda: name(now - 20 * day) not in children(), "it was dropped")
    site.until(lambda: not server.psql("SELECT 1 FROM days.logs_events WHERE message = 'too old'"), "what is too old was deleted")
    assert server.value("SELECT count(*) FROM days.logs_events") == 3
    assert site.stop() == 0


def test_while_somebody_reads_the_rest_rows_of_a_new_day_lie_there_and_move_when_the_reader_is_done(server, make_site):
    site = make_site({**postgres(server, "read"), "sensors": {"enabled": False}})
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "the first is there")
    took_care(server, site, "read")
    at = time.time_ns() - 5 * 86400 * 10**9
    day = time.strftime("logs_events_%Y%m%d", time.gmtime(at // 10**9))
    reader = server.connect()
    try:
        reader.autocommit = False
        with reader.cursor() as c:
            c.execute("LOCK TABLE read.logs_events_rest IN ACCESS SHARE MODE")
        for text in ("two", "three"):
            post(site, "/v1/logs", logs(log(text, at=at)))
            site.until(lambda: site.caught_up("pg"), "what came is there")
        assert server.psql("SELECT message FROM ONLY read.logs_events_rest ORDER BY 1") == [("three",), ("two",)]
        assert site.sink("pg")["dead"] == 0 and "its rows go to the rest" in site.tail(500)
    finally:
        reader.close()
    assert site.stop() == 0
    site.start()
    post(site, "/v1/logs", logs(log("four", at=at)))
    site.until(lambda: site.caught_up("pg"), "what came last is there")
    assert server.psql(f"SELECT message FROM read.{day} ORDER BY 1") == [("four",), ("three",), ("two",)]
    assert site.stop() == 0


def test_tables_that_were_dropped_are_waited_for_and_nothing_is_lost(server, make_site):
    site = make_site({**postgres(server, "gone"), "sensors": {"enabled": False}})
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "the first is there")
    took_care(server, site, "gone")
    server.psql("DROP SCHEMA gone CASCADE")
    post(site, "/v1/logs", logs(log("two")))
    site.until(lambda: site.caught_up("pg"), "the second is there")
    assert server.psql("SELECT message FROM gone.logs_events") == [("two",)]
    server.psql("DROP SCHEMA gone CASCADE")
    post(site, "/v1/logs", logs(log("of another day", at=time.time_ns() - 5 * 86400 * 10**9)))
    site.until(lambda: site.caught_up("pg"), "the third is there")
    assert server.psql("SELECT message FROM gone.logs_events") == [("of another day",)]
    assert site.stop() == 0


def statement(name):
    """What the sink says, out of the file that is embedded; %s stands for its parameters, in order."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sql/ship/postgres.sql")
    with open(path, encoding="utf-8") as f:
        found = re.search(rf"(?ms)^-- name: {name}\n(.*?)(?=^-- name:|\Z)", f.read())[1]
    return re.sub(r"\$\d", "%s", re.sub(r"(?m)^--.*\n", "", found))


def test_a_clock_of_ours_that_runs_years_ahead_drops_nothing_that_the_server_would_keep(server, make_site):
    site = make_site(postgres(server, "ahead", keep="3d"))
    site.start()
    day = 86400 * 10**9
    now = time.time_ns()
    post(site, "/v1/logs", logs(log("today", at=now), log("yesterday", at=now - day), log("far off", at=now + 30 * day)))
    site.until(lambda: site.caught_up("pg"), "everything was sent on")
    assert site.stop() == 0
    server.psql("SET search_path = ahead; SELECT homeostat_make_day('logs_events', %s::date)", (time.strftime("%Y-%m-%d", time.gmtime(now // 10**9 - 20 * 86400)),))
    for ours in (time.time() + 10 * 365 * 86400, time.time() - 3 * 86400):
        server.psql("SET search_path = ahead; " + statement("postgres_drop_before"), ("logs_events", str(ours), str(3 * 86400)))
        assert server.value("SELECT count(*) FROM ahead.logs_events") == 3
    children = {r[0] for r in server.psql("SELECT relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'ahead.logs_events'::regclass")}
    assert time.strftime("logs_events_%Y%m%d", time.gmtime(now // 10**9 - 20 * 86400)) not in children        # what is old by both clocks went


def test_one_table_that_was_dropped_is_made_again(server, make_site):
    site = make_site(postgres(server, "lone"))
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "the first is there")
    server.psql("DROP TABLE lone.logs_events")
    post(site, "/v1/logs", logs(log("two")))
    site.until(lambda: site.caught_up("pg"), "the second is there")
    assert server.psql("SELECT message FROM lone.logs_events") == [("two",)]
    assert site.stop() == 0


# What the sink calls of TimescaleDB, as its edition under the Apache licence has it: no policies, no packing, but chunks can be dropped.
TIMESCALE = """
CREATE SCHEMA ts; CREATE SCHEMA timescaledb_information;
CREATE TABLE ts.said (what text);
CREATE TABLE timescaledb_information.hypertables (hypertable_schema name, hypertable_name name, compression_enabled boolean);
CREATE FUNCTION ts.create_hypertable(relation regclass, dimension name, chunk_time_interval interval) RETURNS text LANGUAGE sql AS
    $$ INSERT INTO timescaledb_information.hypertables SELECT relnamespace::regnamespace::name, relname, {packs} FROM pg_class WHERE oid = relation RETURNING 'made' $$;
CREATE FUNCTION ts.remove_retention_policy(relation regclass, if_exists boolean) RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION ts.add_retention_policy(relation regclass, after interval) RETURNS int LANGUAGE plpgsql AS $$ BEGIN {policy} END $$;
CREATE FUNCTION ts.remove_compression_policy(relation regclass, if_exists boolean) RETURNS void LANGUAGE sql AS $$ SELECT $$;
CREATE FUNCTION ts.add_compression_policy(relation regclass, after interval) RETURNS int LANGUAGE plpgsql AS $$ BEGIN {policy} END $$;
CREATE FUNCTION ts.drop_chunks(relation regclass, older_than timestamptz) RETURNS SETOF text LANGUAGE sql AS $$ INSERT INTO ts.said VALUES ('dropped of ' || relation) RETURNING what $$;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'timescaledb', 10, 'ts'::regnamespace, false, '2.13.0');
"""


@pytest.mark.parametrize("edition", ["apache", "packs already"])
def test_timescale_without_policies_or_with_packed_chunks_is_filled_all_the_same(server, make_site, edition):
    """A double of what is called: the extension itself is not packaged. ALTER TABLE ... SET (timescaledb.compress) fails in it, as it does in 2.13 once chunks are packed."""
    apache = edition == "apache"
    database = "timescale_" + edition.replace(" ", "_")
    dsn = server.create_database(database)
    policy = "RAISE EXCEPTION 'functionality not supported under the current licence' USING ERRCODE = '0A000';" if apache else "INSERT INTO ts.said VALUES ('policy for ' || relation); RETURN 1;"
    server.psql(TIMESCALE.format(policy=policy, packs="NULL" if apache else "true"), database=database)
    server.psql("CREATE SCHEMA obs; SET search_path = obs; " + data_model.METRICS_EVENTS, database=database)      # that somebody made, and no hypertable
    settings = postgres(server, "obs", keep="3d", **({} if apache else {"pack_after": "1d"}))
    settings["sinks"]["pg"]["dsn"] = dsn
    site = make_site(settings)
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "it is there")
    assert server.psql("SELECT message FROM obs.logs_events", database=database) == [("one",)]
    site.until(lambda: {("dropped of logs_events",), ("dropped of trace_events",)} <= set(server.psql("SELECT what FROM ts.said", database=database)), "old chunks were dropped")
    assert not server.psql("SELECT 1 FROM ts.said WHERE what ~ 'metrics_events'", database=database)
    said = server.psql("SELECT count(*) FROM ts.said WHERE what = 'policy for logs_events'", database=database)
    assert said == [(0,)] if apache else said[0][0] in (2, 4, 6, 8)      # each session says both anew
    assert ("no retention policy for logs_events" in site.tail(200)) == apache
    assert site.stop() == 0


def send_one_of_each(site, text="hello", at=None):
    now = at or time.time_ns()
    post(site, "/v1/logs", logs(log(text, at=now)))
    post(site, "/v1/metrics", {"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [{"name": text, "gauge": {"dataPoints": [{"timeUnixNano": str(now), "asDouble": 21.5}]}}]}]}]})
    post(site, "/v1/traces", {"resourceSpans": [{"resource": resource(), "scopeSpans": [{"spans": [
        {"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": text, "kind": 2, "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 5000000)}]}]}]})
    site.until(lambda: site.caught_up("pg"), "everything was sent on")


def points(server, schema):
    return server.psql(f"SELECT app, host, value, level, labels->>'mine' FROM {schema}.metrics_events WHERE app <> 'homeostat' ORDER BY value")


FOREIGN = "INSERT INTO {}.metrics_events (time, app, host, labels, value, trace_id, level) VALUES ({}, 'theirs', 'h9', '{{\"mine\": \"yes\"}}', {}, NULL, 'INFO')"


def test_a_table_of_the_data_model_that_somebody_made_before_is_filled_and_the_rows_of_others_stay(server, make_site):
    server.psql("CREATE SCHEMA seeded; SET search_path = seeded; " + data_model.METRICS_EVENTS)
    for value in (1, 2):
        server.psql(FOREIGN.format("seeded", "'2020-02-02'", value))               # older than what is kept, and at the same moment
    site = make_site(postgres(server, "seeded", keep="3d"))
    site.start()
    old = time.time_ns() - 5 * 86400 * 10**9
    send_one_of_each(site, "old", old)
    send_one_of_each(site)
    server.psql(FOREIGN.format("seeded", "now()", 3))
    theirs = [("theirs", "h9", float(v), "INFO", "yes") for v in (1, 2, 3)]
    assert [p for p in points(server, "seeded") if p[0] == "theirs"] == theirs
    assert server.psql("SELECT message FROM seeded.logs_events ORDER BY time DESC LIMIT 1") == [("hello",)]
    assert site.stop() == 0
    settings = postgres(server, "seeded", keep="3d")["sinks"]["pg"]
    site.write({"sinks": {"twin": settings}})                                      # each event comes a second time, and the sink takes care
    site.start()
    site.until(lambda: site.caught_up("twin") and site.sink("twin")["dead"] == 0, "everything was sent once more")
    site.until(lambda: server.psql("SELECT name FROM seeded.metrics_events WHERE app = 'shop'") == [("hello",)], "what is too old of ours was thrown away, the rest is there once")
    assert [p for p in points(server, "seeded") if p[0] == "theirs"] == theirs
    assert not server.psql("SELECT 1 FROM pg_inherits WHERE inhparent = 'seeded.metrics_events'::regclass")
    assert site.stop() == 0


def test_others_write_rows_with_the_columns_of_the_data_model_into_tables_that_the_sink_made(server, make_site):
    site = make_site(postgres(server, "guests"))
    site.start()
    send_one_of_each(site)
    for value in (1, 2):
        server.psql(FOREIGN.format("guests", "date_trunc('hour', now())", value))
    server.psql("INSERT INTO guests.metrics_events (time, value) VALUES (now(), 3)")
    server.psql("INSERT INTO guests.logs_events (time, message) VALUES (now(), 'bare'); INSERT INTO guests.trace_events (time, trace_id) VALUES (now(), '00')")
    send_one_of_each(site, "later")
    assert [p for p in points(server, "guests") if p[0] == "theirs"] == [("theirs", "h9", float(v), "INFO", "yes") for v in (1, 2)] and server.value("SELECT count(*) FROM guests.logs_events") == 3
    assert site.stop() == 0


def test_tables_of_version_2_become_those_of_today(server, make_site):
    shape = """SELECT c.relname, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
               WHERE c.relnamespace = 'grown'::regnamespace AND c.relkind = 'p' AND a.attnum > 0 ORDER BY 1, 2"""
    site = make_site(postgres(server, "grown"))
    site.start()
    send_one_of_each(site)
    assert site.stop() == 0
    was = server.psql(shape)
    for table, named in (("metrics_events", "name kind unit"), ("trace_events", "span_id name kind status duration_ns"), ("logs_events", "severity")):
        dropped = [f"ALTER {c} DROP DEFAULT" for c in (named + " tenant resource_id record_id event_index").split()]
        server.psql(f"ALTER TABLE grown.{table} " + ", ".join(dropped + [f"ALTER {c} SET NOT NULL" for c in ("app", "host", "labels")]))
    server.psql("UPDATE grown.homeostat_migrations SET version = 2")
    assert server.psql(shape) != was
    site.start()
    send_one_of_each(site, "later")
    assert server.psql(shape) == was and server.value("SELECT count(*) FROM grown.logs_events") == 2
    assert site.stop() == 0


@pytest.mark.parametrize("made, said, mended", [
    ("CREATE TABLE logs_events (timestamp timestamptz, message text)", 'table logs_events has no column "time" (timestamptz)', "DROP TABLE logs_events"),
    ("CREATE TABLE logs_events (time timestamptz, app text, host text, trace_id text, message text, labels json)", "column labels of table logs_events is of type json, and the sink needs jsonb", "DROP TABLE logs_events"),
    (data_model.METRICS_EVENTS + "ALTER TABLE metrics_events ADD PRIMARY KEY (time, app, host)", "table metrics_events may hold one row only for each (time, app, host), says metrics_events_pkey",
     "ALTER TABLE metrics_events DROP CONSTRAINT metrics_events_pkey"),
])
def test_a_table_that_cannot_be_used_is_refused_with_what_is_in_the_way_and_works_once_it_is_not(make_site, server, made, said, mended):
    server.psql("DROP SCHEMA IF EXISTS shapeless CASCADE; CREATE SCHEMA shapeless; SET search_path = shapeless; " + made)
    site = make_site(postgres(server, "shapeless"))
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: said in site.sink("pg")["last_error"], "it says that it cannot")
    assert "give the sink another `schema`" in site.tail(200)
    server.psql("SET search_path = shapeless; " + mended)
    site.until(lambda: site.caught_up("pg"), "it is there")
    assert server.psql("SELECT message FROM shapeless.logs_events") == [("one",)] and site.sink("pg")["dead"] == 0
    assert site.stop() == 0


@pytest.mark.parametrize("changed, said, mended", [
    ("ALTER TABLE changed.logs_events ADD COLUMN must text NOT NULL DEFAULT ''; ALTER TABLE changed.logs_events ALTER COLUMN must DROP DEFAULT", "column must of table logs_events must not be NULL, and the sink does not know it",
     "ALTER TABLE changed.logs_events ALTER COLUMN must SET DEFAULT ''"),
    ("ALTER TABLE changed.logs_events ALTER COLUMN severity TYPE int", "column severity of table logs_events is of type integer, and the sink needs smallint", "ALTER TABLE changed.logs_events ALTER COLUMN severity TYPE smallint"),
])
def test_a_table_that_is_changed_while_the_sink_works_makes_no_dead_letters(make_site, server, changed, said, mended):
    """In the session that is open, and in the next one: whose fault it is the table says when it is looked at again."""
    server.psql("DROP SCHEMA IF EXISTS changed CASCADE")
    site = make_site(postgres(server, "changed"))
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "it is there")
    server.psql(changed)
    post(site, "/v1/logs", logs(*(log(f"two {i}") for i in range(20))))
    if "must" in changed:
        site.until(lambda: said in site.sink("pg")["last_error"], "it says what is in the way")
    assert site.stop() == 0
    site.start()
    post(site, "/v1/logs", logs(log("three")))
    site.until(lambda: said in site.sink("pg")["last_error"], "it says what is in the way")
    server.psql(mended)
    site.until(lambda: site.caught_up("pg"), "all of it is there")
    assert server.value("SELECT count(*) FROM changed.logs_events") == 22 and site.sink("pg")["dead"] == 0
    assert site.stop() == 0


def test_a_column_that_somebody_dropped_is_added_again(make_site, server):
    site = make_site(postgres(server, "dropped"))
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "it is there")
    server.psql("ALTER TABLE dropped.logs_events DROP COLUMN span_id")
    post(site, "/v1/logs", logs(log("two")))
    site.until(lambda: site.caught_up("pg"), "all of it is there")
    assert server.value("SELECT count(*) FROM dropped.logs_events WHERE span_id IS NULL") == 2 and site.sink("pg")["dead"] == 0
    assert site.stop() == 0


def test_an_index_of_others_that_lets_only_one_row_through_makes_a_dead_letter_of_the_second(make_site, server):
    """A conflict with our own key is an event that came again; one with another key is an event that would be lost in silence."""
    site = make_site({**postgres(server, "narrow"), "sensors": {"enabled": False}})
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.caught_up("pg"), "it is there")
    took_care(server, site, "narrow")
    server.psql("CREATE UNIQUE INDEX narrow ON narrow.logs_events (time, app)")
    now = time.time_ns()
    post(site, "/v1/logs", logs(log("two", at=now), log("three", at=now)))
    site.until(lambda: site.caught_up("pg"), "both were dealt with")
    assert server.value("SELECT count(*) FROM narrow.logs_events") == 2 and site.sink("pg")["dead"] == 1
    assert "duplicate key value violates unique constraint" in site.cli("deadletter", "ls", "pg", "-o", "json").stdout
    server.psql("DROP INDEX narrow.narrow")
    site.cli("deadletter", "replay", "pg")
    site.until(lambda: server.value("SELECT count(*) FROM narrow.logs_events") == 3, "it is there after all")
    assert site.stop() == 0


def test_a_day_whose_partition_somebody_has_yet_to_make_is_waited_for_and_one_far_off_is_a_dead_letter(make_site, server):
    server.psql("CREATE SCHEMA theirs; SET search_path = theirs; "
                "CREATE TABLE logs_events (time timestamptz NOT NULL, app text, host text, trace_id text, message text, labels jsonb) PARTITION BY RANGE (time); "
                "CREATE TABLE logs_1999 PARTITION OF logs_events FOR VALUES FROM ('1999-01-01') TO ('2000-01-01')")
    site = make_site(postgres(server, "theirs"))
    site.start()
    post(site, "/v1/logs", logs(log("of long ago", at=10**18)))
    post(site, "/v1/logs", logs(*(log(f"today {i}") for i in range(20))))
    site.until(lambda: "no partition of relation" in site.sink("pg")["last_error"] and site.sink("pg")["retries"] > 1, "it waits")
    assert site.sink("pg")["dead"] == 1
    server.psql("CREATE TABLE theirs.logs_now PARTITION OF theirs.logs_events FOR VALUES FROM (now() - interval '3 days') TO (now() + interval '3 days')")
    site.until(lambda: site.caught_up("pg"), "all of today is there")
    assert server.value("SELECT count(*) FROM theirs.logs_events") == 20 and site.sink("pg")["dead"] == 1
    assert site.stop() == 0


# -- Prometheus ------------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_samples_that_prometheus_finds_too_old_are_dead_letters_and_deltas_are_left_out(make_site, tmp_path):
    """With a window for samples out of order, Prometheus up to 2.4x answers 500 to what is older still."""
    port = own_port()
    (tmp_path / "p.yml").write_text("storage: {tsdb: {out_of_order_time_window: 10m}}\n")
    with open(tmp_path / "log", "wb") as out:
        process = subprocess.Popen(["prometheus", f"--config.file={tmp_path}/p.yml", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}",
                                    "--web.enable-remote-write-receiver"], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    site = make_site({"sensors": {"enabled": False}, "sinks": {"prom": {"kind": "remote-write", "url": f"http://127.0.0.1:{port}/api/v1/write", "batch": {"events": 50, "delay": "50ms"}, "retry": {"first": "50ms", "most": "200ms"}}}})
    try:
        site.start()
        now = time.time_ns()

        def points(*ages_s, name="temperature", **more):
            data = {"dataPoints": [{"timeUnixNano": str(now - int(age * 1e9)), "asDouble": 1.0 + k} for k, age in enumerate(ages_s)], **more}
            post(site, "/v1/metrics", {"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"metrics": [{"name": name, ("sum" if more else "gauge"): data}]}]}]})
        points(0)
        site.until(lambda: site.caught_up("prom"), "the first is there")
        points(30, 7200, 20)
        site.until(lambda: site.caught_up("prom"), "everything was dealt with")
        points(*range(40, 0, -1), name="requests", aggregationTemporality=1, isMonotonic=True)
        site.until(lambda: site.caught_up("prom") and site.sink("prom")["skipped"] == 40, "deltas were left out")     # counted a moment after they were passed
        sink = site.sink("prom")
        assert sink["dead"] == 1 and sink["sent"] == 3 and sink["skipped"] == 40, sink
        assert "too old sample" in site.cli("deadletter", "ls", "prom", "-o", "json").stdout
        assert site.metrics()['homeostat_sink_unfit_total{sink="prom",kind="remote-write"}'] == 40
        assert site.stop() == 0
    finally:
        process.kill()
        process.wait()


# -- NATS ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def nats():
    server = Nats()
    yield server
    server.close()


def test_jetstream_has_each_event_once_though_it_stops_and_the_daemon_is_killed(nats, make_site):
    made = nats.ask("$JS.API.STREAM.CREATE.EVENTS", {"name": "EVENTS", "subjects": ["obs.>"], "storage": "file", "num_replicas": 1, "duplicate_window": 3600 * 10**9})
    assert "error" not in made, made
    sink = {"kind": "nats", "url": f"nats://127.0.0.1:{nats.port}", "subject": "obs", "stream": "EVENTS", "types": ["logs"], "batch": {"events": 30, "delay": "20ms"},
            "retry": {"first": "50ms", "most": "200ms"}, "timeout": "3s"}
    site = make_site({"sinks": {"q": sink}})
    site.start()
    want = 0
    for round_ in range(4):
        for k in range(10):
            post(site, "/v1/logs", logs(*(log(f"line {want + i}") for i in range(10))))
            want += 10
            if k == 5 and round_ == 1:
                nats.kill()
        if round_ == 1:
            site.until(lambda: site.sink("q")["retries"] > 1, "it was tried again")
            assert site.sink("q")["last_error"]
            nats.start()
        if round_ == 2:
            site.kill()
            site.start()
    site.until(lambda: site.caught_up("q"), "everything was sent on")
    site.write({"sinks": {"twin": sink}})            # another cursor: each event comes a second time
    site.reload()
    site.until(lambda: site.caught_up("twin"), "everything was sent once more")
    state = nats.ask("$JS.API.STREAM.INFO.EVENTS", None)["state"]
    got = []
    for seq in range(state["first_seq"], state["last_seq"] + 1):
        message = nats.ask("$JS.API.STREAM.MSG.GET.EVENTS", {"seq": seq})["message"]
        assert message["subject"] == "obs.logs"
        got.append(json.loads(base64.b64decode(message["data"]))["body"])
    assert sorted(got, key=lambda x: int(x.split()[1])) == [f"line {i}" for i in range(want)]
    assert site.stop() == 0


def test_jetstream_does_not_take_one_homeostat_for_another_that_counts_alike(nats, make_site):
    """Two that begin at the same time, or one whose journal began anew, number their records from 1, and services without a host are the same resource."""
    made = nats.ask("$JS.API.STREAM.CREATE.EVENTS", {"name": "EVENTS", "subjects": ["obs.>"], "storage": "file", "num_replicas": 1, "duplicate_window": 3600 * 10**9})
    assert "error" not in made, made
    sink = {"kind": "nats", "url": f"nats://127.0.0.1:{nats.port}", "subject": "obs", "stream": "EVENTS", "types": ["logs"], "match": ["service.name=shop"]}
    for who in range(2):
        site = make_site({"sensors": {"enabled": False}, "sinks": {"q": sink}})
        site.start()
        for k in range(5):
            post(site, "/v1/logs", logs(log(f"line {k} of {who}")))
        site.until(lambda: site.caught_up("q"), "everything was sent on")
        assert site.stop() == 0
    assert nats.ask("$JS.API.STREAM.INFO.EVENTS", None)["state"]["messages"] == 10


def test_a_stream_that_is_not_there_is_waited_for_with_its_name(nats, make_site):
    site = make_site({"sinks": {"q": {"kind": "nats", "url": f"nats://127.0.0.1:{nats.port}", "subject": "obs", "stream": "LATER", "types": ["logs"], "retry": {"first": "50ms", "most": "200ms"},
                                      "timeout": "1s"}}})
    site.start()
    post(site, "/v1/logs", logs(log("one")))
    site.until(lambda: site.sink("q")["retries"] > 0, "it was tried")
    assert site.sink("q")["last_error"]
    assert "error" not in nats.ask("$JS.API.STREAM.CREATE.LATER", {"name": "LATER", "subjects": ["obs.>"], "storage": "memory", "num_replicas": 1})
    site.until(lambda: site.caught_up("q"), "it went after all")
    assert nats.ask("$JS.API.STREAM.INFO.LATER", None)["state"]["messages"] == 1
    assert site.stop() == 0


def test_plain_nats_gets_otlp_under_the_subject_of_its_type(nats, make_site):
    site = make_site({"sinks": {"q": {"kind": "nats", "url": f"nats://127.0.0.1:{nats.port}", "subject": "obs", "types": ["logs"], "format": "otlp"}}})
    with nats.connect() as listener:
        listener.subscribe("obs.*")
        site.start()
        post(site, "/v1/logs", logs(log("hello")))
        subject, headers, body = listener.take()
    assert subject == "obs.logs" and b"hello" in body and b"Nats-Msg-Id: " in headers
    site.until(lambda: site.caught_up("q"), "everything was sent on")
    assert site.stop() == 0
