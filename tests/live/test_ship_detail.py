"""Sinks with `layout: detail`: PostgreSQL has the rows that digest.db has, whatever either of them goes through."""
import json
import os
import sqlite3
import subprocess
import time

import psycopg2
import pytest

import data_model
from cluster import Cluster

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(HERE, "..", "..", "build"))), "tests", "live", "digest_tool")
MINUTE = 60 * 10**6
HOUR_AGO = 0          # see an_hour_ago()
NAMES = "(SELECT code FROM dim_tenant t WHERE t.tenant_id = {0}.tenant_id), (SELECT urn FROM dim_resource r WHERE r.resource_id = {0}.{1})"
TIME = {"pg": "homeostat_micros({})", "sqlite": "{}"}

# What both sides are asked, ids by the names of what they stand for. {bucket} and the like are times.
QUERIES = {
    "dim_tenant": "SELECT code, name, labels FROM dim_tenant",
    "dim_resource": "SELECT (SELECT code FROM dim_tenant t WHERE t.tenant_id = r.tenant_id), urn, type, name, env, region, zone, labels, {r.created_at} FROM dim_resource r",
    "oo_locator": f"SELECT {NAMES.format('o', 'resource_id')}, dataset, bucket, object_key, {{o.t_from}}, {{o.t_to}}, query_hint, attributes, first_record, last_record, events FROM oo_locator o",
    "metric_1m": f"SELECT {{m.bucket}}, {NAMES.format('m', 'resource_id')}, metric, avg_val, max_val, p95_val, labels, labels_hash, min_val, sum_val, samples FROM metric_1m m",
    "service_call_5m": f"SELECT {{c.bucket}}, {NAMES.format('c', 'src_resource_id')}, {NAMES.format('c', 'dst_resource_id')}, rps, err_rate, p50_ms, p95_ms, calls, errors, sample_record, "
                       "(SELECT object_key FROM oo_locator l WHERE l.id = c.sample_ref) FROM service_call_5m c",
    "log_pattern": "SELECT (SELECT code FROM dim_tenant t WHERE t.tenant_id = p.tenant_id), pattern, sample_message, severity, attrs_schema, {p.first_seen}, {p.last_seen} FROM log_pattern p",
    "log_pattern_5m": f"SELECT {{p.bucket}}, {NAMES.format('p', 'resource_id')}, (SELECT pattern FROM log_pattern l WHERE l.fingerprint_id = p.fingerprint_id), count_total, count_error, "
                      "(SELECT object_key FROM oo_locator l WHERE l.id = p.sample_ref) FROM log_pattern_5m p",
    "event_envelope": f"SELECT {{e.detected_at}}, {NAMES.format('e', 'resource_id')}, severity, kind, title, summary, labels, fingerprints FROM event_envelope e",
    "evidence_link": "SELECT (SELECT title FROM event_envelope v WHERE v.event_id = e.event_id), dim, note, score, (SELECT object_key FROM oo_locator l WHERE l.id = e.ref_oo) FROM evidence_link e",
    "etl_job_run": "SELECT job, (SELECT code FROM dim_tenant t WHERE t.tenant_id = j.tenant_id), {j.window_from}, {j.window_to}, status, attempts, rows, error, {j.finished_at} FROM etl_job_run j",
    "etl_job_circuit": "SELECT job, (SELECT code FROM dim_tenant t WHERE t.tenant_id = j.tenant_id), state, failures, {j.open_until} FROM etl_job_circuit j",
}
JSON = {"labels", "attributes", "attrs_schema", "fingerprints"}


def asked(query, side):
    out = ""
    for piece in query.split("{"):
        name, brace, rest = piece.partition("}")
        out += TIME[side].format(name) + rest if brace else piece
    return out


def plain(value):
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.dumps(json.loads(value.replace("\\\\", "\x01").replace("\\u0000", "\\ufffd").replace("\x01", "\\\\")), sort_keys=True)
        except ValueError:
            return value
    return value


def rows(answer):
    return sorted((tuple(plain(v) for v in row) for row in answer), key=repr)


def digest(folder, query):
    db = sqlite3.connect(f"file:{folder}/digest.db?mode=ro", uri=True, timeout=60)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def same(pg, schema, folder, tables=QUERIES):
    """The names of tables that differ."""
    return [t for t in tables if rows(pg.psql(f"SET search_path = {schema}; " + asked(QUERIES[t], "pg"))) != rows(digest(folder, asked(QUERIES[t], "sqlite")))]


def tool(folder, *argv):
    done = subprocess.run([TOOL, folder, *(str(a) for a in argv)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", autouse=True)
def an_hour_ago():
    """Before the first test of this file begins, not when it was read: the tests of other files may take longer than what is asked for goes back."""
    global HOUR_AGO
    HOUR_AGO = (int(time.time()) - 3600) // 300 * 300 * 10**6


@pytest.fixture(scope="module")
def server():
    with Cluster() as pg:
        yield pg


def sink(pg, schema, **more):
    return {"kind": "postgres", "layout": "detail", "dsn": pg.dsn, "schema": schema, "origin": "here", "retry": {"first": "50ms", "most": "200ms"}, "timeout": "5s", **more}


def alone(pg, schema, **more):
    """Nothing but the copying: the test itself writes digest.db."""
    return {"ingest": {"digest": {"enabled": False}}, "sensors": {"enabled": False}, "sinks": {"tables": sink(pg, schema, **more)}}


def prepared(site, minutes=12):
    folder = f"{site.folder}/store"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    tool(folder, "minutes", 1, HOUR_AGO, minutes)
    return folder


def copied(site, name="tables"):
    s = site.sink(name)
    return s["behind"] == 0 and s["sent"] > 0 and not s["last_error"]


def test_the_tables_have_the_rows_of_the_digest_and_the_queries_of_the_data_model_find_them(server, make_site):
    site = make_site(alone(server, "detail"))
    folder = prepared(site)
    tool(folder, "event", "7b1c1a3e-55aa-4a2b-8b1f-0123456789ab", HOUR_AGO)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert same(server, "detail", folder) == []
    server.psql("SET search_path = detail; SELECT 1")
    ask = lambda sql, *v: server.psql("SET search_path = detail; " + sql, v)
    assert ask("""SELECT d.urn AS dst, avg(p95_ms) AS p95, avg(err_rate) AS err FROM service_call_5m c JOIN dim_resource s ON s.resource_id = c.src_resource_id
                  JOIN dim_resource d ON d.resource_id = c.dst_resource_id WHERE s.urn = 'urn:svc:web' AND c.bucket >= now() - interval '2 hours'
                  GROUP BY d.urn ORDER BY p95 DESC, err DESC LIMIT 5""")
    found = ask("""SELECT e.event_id, e.title, e.detected_at, r.urn, ev.dim, ev.ref_pg, ol.bucket, ol.object_key, ol.query_hint FROM event_envelope e
                   JOIN dim_resource r ON r.resource_id = e.resource_id LEFT JOIN evidence_link ev ON ev.event_id = e.event_id LEFT JOIN oo_locator ol ON ol.id = ev.ref_oo
                   WHERE e.event_id = '7b1c1a3e-55aa-4a2b-8b1f-0123456789ab' ORDER BY ev.dim""")
    assert [(r[4], r[6]) for r in found] == [("log", "journal"), ("metric", None), ("trace", "journal")]
    # evidence names rows by the ids that they have here
    assert ask("""SELECT count(*) FROM evidence_link ev JOIN log_pattern_5m l ON l.fingerprint_id = (ev.ref_pg->'keys'->>'fingerprint_id')::bigint
                  AND l.resource_id = (ev.ref_pg->'keys'->>'resource_id')::bigint WHERE ev.dim = 'log'""")[0][0] > 0
    assert ask("SELECT count(*) FROM topo_edge_time WHERE valid @> now()") == [(0,)]
    types = dict(ask("SELECT table_name || '.' || column_name, data_type FROM information_schema.columns WHERE table_schema = 'detail'"))
    assert types["metric_1m.bucket"] == "timestamp with time zone" and types["metric_1m.labels"] == "jsonb" and types["event_envelope.event_id"] == "uuid" and types["oo_locator.id"] == "bigint"
    assert site.metrics()['homeostat_sink_lag_seconds{sink="tables",kind="postgres"}'] == 0
    assert site.stop() == 0


def test_evidence_that_comes_before_its_windows_names_the_patterns_by_the_ids_that_they_have_there(server, make_site):
    site = make_site(alone(server, "ahead", batch={"events": 1}))                 # one change, one transaction
    folder = prepared(site, 3)
    tool(folder, "event", "an event", HOUR_AGO)
    db = sqlite3.connect(f"{folder}/digest.db", timeout=60)                                   # its windows and patterns change once more
    db.execute("UPDATE change_state SET seq = seq + 1")
    db.execute("UPDATE changed SET seq = (SELECT seq FROM change_state) WHERE kind IN (4, 5)")
    db.commit()
    db.close()
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    named = "(SELECT pattern FROM {}log_pattern p WHERE p.fingerprint_id = {})"
    there = server.psql("SELECT dim, " + named.format("ahead.", "(e.ref_pg->'keys'->>'fingerprint_id')::bigint") + " FROM ahead.evidence_link e WHERE ref_pg IS NOT NULL")
    assert rows(there) == rows(digest(folder, "SELECT dim, " + named.format("", "json_extract(e.ref_pg, '$.keys.fingerprint_id')") + " FROM evidence_link e WHERE ref_pg IS NOT NULL"))
    assert len(there) == 2 and all(pattern for _, pattern in there) and same(server, "ahead", folder) == []
    assert site.stop() == 0


def test_what_changes_afterwards_is_changed_there_and_what_goes_is_gone(server, make_site):
    site = make_site(alone(server, "changes"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    before = server.value(f"SELECT count(*) FROM changes.metric_1m WHERE changes.homeostat_micros(bucket) = {HOUR_AGO}")
    for value in (1.5, 2.5):
        tool(folder, "metric", HOUR_AGO, value)
        site.until(lambda v=value: server.psql(f"SELECT avg_val FROM changes.metric_1m WHERE metric = 'written.over'") == [(v,)], "the row is as it is now")
    assert before > 1 and server.value(f"SELECT count(*) FROM changes.metric_1m WHERE changes.homeostat_micros(bucket) = {HOUR_AGO}") == 1
    patterns = server.value("SELECT count(*) FROM changes.log_pattern")
    tool(folder, "merge")
    site.until(lambda: server.value("SELECT count(*) FROM changes.log_pattern") == patterns - 1, "two patterns are one")
    tool(folder, "event", "an event", HOUR_AGO)
    site.until(lambda: server.value("SELECT count(*) FROM changes.evidence_link") == 3, "its evidence is there")
    server.psql("INSERT INTO changes.evidence_link (event_id, dim, note) SELECT event_id, 'kb', 'of a person' FROM changes.event_envelope")
    db = sqlite3.connect(f"{folder}/digest.db", timeout=60)
    db.execute("DELETE FROM evidence_link WHERE dim = 'metric'")
    db.execute("UPDATE evidence_link SET note = 'other words' WHERE dim = 'trace'")
    db.commit()
    db.close()
    site.until(lambda: server.psql("SELECT dim, note FROM changes.evidence_link ORDER BY 1") == [("kb", "of a person"), ("log", "lines"), ("trace", "other words")], "it is as it is now")
    server.psql("DELETE FROM changes.evidence_link WHERE dim = 'kb'")
    tool(folder, "minutes", 99, HOUR_AGO + 30 * MINUTE, 3)
    site.until(lambda: not same(server, "changes", folder), "all of it is there")
    assert site.stop() == 0


def test_of_a_window_only_the_rows_that_are_different_are_written_again(server, make_site):
    site = make_site(alone(server, "calm"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    was = server.psql("SELECT bucket, metric, resource_id, labels_hash, xmin::text FROM calm.metric_1m WHERE metric <> 'written.over' ORDER BY 1, 2, 3, 4")
    tool(folder, "add", HOUR_AGO, 1)
    site.until(lambda: server.value("SELECT count(*) FROM calm.metric_1m WHERE metric = 'written.over'") == 1, "the new one is there")
    assert len(was) > 10 and server.value(f"SELECT count(*) FROM calm.metric_1m WHERE calm.homeostat_micros(bucket) = {HOUR_AGO}") > 1
    assert server.psql("SELECT bucket, metric, resource_id, labels_hash, xmin::text FROM calm.metric_1m WHERE metric <> 'written.over' ORDER BY 1, 2, 3, 4") == was
    assert site.stop() == 0


def test_what_postgres_refuses_is_told_of_and_waited_for_and_nothing_is_left_out(server, make_site):
    site = make_site(alone(server, "refused"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    server.psql("ALTER TABLE refused.metric_1m ADD CONSTRAINT nothing_written_over CHECK (metric <> 'written.over')")
    tool(folder, "add", HOUR_AGO, 1)
    site.until(lambda: "nothing_written_over" in site.sink("tables")["last_error"] and site.sink("tables")["retries"] > 2, "it says why it does not get on")
    tool(folder, "minutes", 99, HOUR_AGO + 30 * MINUTE, 3)
    assert site.sink("tables")["behind"] > 0 and site.sink("tables")["dead"] == 0
    server.psql("ALTER TABLE refused.metric_1m DROP CONSTRAINT nothing_written_over")
    site.until(lambda: copied(site), "everything was copied")
    assert server.value("SELECT count(*) FROM refused.metric_1m WHERE metric = 'written.over'") == 1 and same(server, "refused", folder) == []
    assert site.stop() == 0


def test_tables_that_somebody_dropped_are_made_again_and_filled_again(server, make_site):
    site = make_site(alone(server, "dropped"))
    folder = prepared(site)
    tool(folder, "event", "an event", HOUR_AGO)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    tables = lambda: {r[0] for r in server.psql("SELECT relname FROM pg_class WHERE relnamespace = 'dropped'::regnamespace AND relkind IN ('r', 'p', 'i', 'I') AND relname !~ '[0-9]{8}'")}
    made = tables()
    for k, names in enumerate(("metric_1m", "log_pattern, oo_locator, evidence_link", "homeostat_origin, homeostat_detail_migrations, topo_edge_time", "service_call_5m, log_pattern_5m, event_envelope, etl_job_run")):
        server.psql("SET search_path = dropped; DROP TABLE " + ", ".join(names.split(", ")) + " CASCADE")
        tool(folder, "minutes", k + 2, HOUR_AGO + (30 + 6 * k) * MINUTE, 5)     # somebody writes to each of them, and so finds it missing
        site.until(lambda: tables() == made and not same(server, "dropped", folder), f"{names} are there again, with all of their rows")
    site.until(lambda: copied(site), "it goes on")
    assert site.stop() == 0
    server.psql("DROP SCHEMA dropped CASCADE")
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert tables() == made and same(server, "dropped", folder) == []
    assert site.stop() == 0


def test_kills_of_the_daemon_and_restarts_of_postgres_lose_and_repeat_nothing(make_site):
    with Cluster() as pg:
        site = make_site(alone(pg, "obs", batch={"events": 40}))     # many small transactions
        folder = prepared(site, 3)
        site.start()
        for k in range(8):
            tool(folder, "minutes", 100 * k, HOUR_AGO + (5 + 6 * k) * MINUTE, 5)
            tool(folder, "metric", HOUR_AGO + 5 * k * MINUTE, k)
            if k % 3 == 0:
                pg.stop("immediate")
            if k % 2 == 0:
                site.kill()
            tool(folder, "event", f"event {k}", HOUR_AGO + k)
            if k % 2 == 0:
                site.start()
            if k % 3 == 0:
                site.until(lambda: site.sink("tables")["retries"] > 0, "it was tried in vain")
                assert site.sink("tables")["behind"] > 0 and site.sink("tables")["lag_seconds"] > 0
                pg.start()
            if k % 3 == 1:
                pg.restart("fast")
        site.until(lambda: copied(site) and not same(pg, "obs", folder), "everything was copied")     # it looks once a second for what was written last
        assert site.stop() == 0


def test_several_daemons_write_into_one_database_and_each_has_its_rows(server, make_site):
    sites, folders = [], []
    for k in range(2):
        site = make_site(alone(server, "shared", origin=f"host{k}"))
        folders.append(prepared(site, 3 + 3 * k))
        tool(folders[k], "metric", HOUR_AGO, 10 + k)
        sites.append(site.start())
    for site in sites:
        site.until(lambda s=site: copied(s), "everything was copied")
    counted = dict(server.psql("SELECT o.name, count(*) FROM shared.metric_1m JOIN shared.homeostat_origin o USING (origin_id) GROUP BY 1"))
    for k in range(2):
        assert counted[f"host{k}"] == digest(folders[k], "SELECT count(*) FROM metric_1m")[0][0]
        assert server.value(f"SELECT avg_val FROM shared.metric_1m JOIN shared.homeostat_origin o USING (origin_id) WHERE metric = 'written.over' AND o.name = 'host{k}'") == 10 + k
    assert server.value("SELECT count(*) FROM shared.dim_tenant") == 1            # the same things are the same rows
    assert server.value("SELECT count(*) = count(DISTINCT urn) FROM shared.dim_resource") is True
    # a third that takes the name of one of them is told so, and changes nothing
    thief = make_site(alone(server, "shared", origin="host0"))
    prepared(thief, 1)
    thief.start()
    thief.until(lambda: "somebody else writes there as origin host0" in thief.sink("tables")["last_error"], "it is refused")
    assert dict(server.psql("SELECT o.name, count(*) FROM shared.metric_1m JOIN shared.homeostat_origin o USING (origin_id) GROUP BY 1")) == counted
    for site in (*sites, thief):
        assert site.stop() == 0


def test_a_digest_that_was_made_anew_is_copied_again_and_no_window_is_there_twice(server, make_site):
    site = make_site(alone(server, "anew"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert site.stop() == 0
    for name in os.listdir(folder):
        if name.startswith("digest.db"):
            os.remove(f"{folder}/{name}")
    tool(folder, "minutes", 50, HOUR_AGO, 12)                                      # the same windows, other rows
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert same(server, "anew", folder, ["metric_1m", "service_call_5m", "log_pattern_5m"]) == []
    assert server.value("SELECT count(*) FROM anew.dim_resource") == digest(folder, "SELECT count(*) FROM dim_resource")[0][0]
    assert site.stop() == 0


def test_a_digest_that_is_put_aside_while_all_runs_is_followed_by_its_successor(server, make_site):
    site = make_site(alone(server, "aside"))
    folder = prepared(site, 3)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    for name in os.listdir(folder):
        if name.startswith("digest.db"):
            os.rename(f"{folder}/{name}", f"{folder}/aside-{name}")
    tool(folder, "minutes", 50, HOUR_AGO, 12)
    site.until(lambda: server.value("SELECT count(*) FROM aside.metric_1m") == digest(folder, "SELECT count(*) FROM metric_1m")[0][0], "the new one was copied")
    assert same(server, "aside", folder, ["metric_1m", "service_call_5m", "log_pattern_5m"]) == []
    assert site.stop() == 0


def test_an_id_that_a_power_cut_took_back_and_that_names_another_thing_now_is_not_mistaken(server, make_site):
    site = make_site(alone(server, "reborn"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert site.stop() == 0
    db = sqlite3.connect(f"{folder}/digest.db", timeout=60)
    db.execute("UPDATE dim_resource SET urn = 'urn:svc:other', name = 'other' WHERE resource_id = (SELECT resource_id FROM metric_1m ORDER BY resource_id, metric LIMIT 1)")
    db.commit()
    db.close()
    tool(folder, "add", HOUR_AGO + 200 * MINUTE, 1)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert server.psql("SELECT urn FROM reborn.metric_1m JOIN reborn.dim_resource USING (resource_id) WHERE metric = 'written.over'") == \
        digest(folder, "SELECT urn FROM metric_1m JOIN dim_resource USING (resource_id) WHERE metric = 'written.over'") == [("urn:svc:other",)]
    assert site.stop() == 0


def test_rows_that_went_by_age_before_they_were_copied_are_told_of_loudly(server, make_site):
    site = make_site(alone(server, "late"))
    folder = prepared(site)
    tool(folder, "forget", HOUR_AGO + 3 * MINUTE + 180 * 86400 * 10**6)            # three minutes are older than 180 days by then
    site.start()
    site.until(lambda: site.sink("tables")["expired"] >= 3, "it is counted")
    site.until(lambda: site.sink("tables")["behind"] == 0, "the rest was copied")
    assert "went by age" in site.sink("tables")["last_error"] and "went by age" in site.tail(200)
    assert site.metrics()['homeostat_sink_expired_total{sink="tables",kind="postgres"}'] >= 3
    assert same(server, "late", folder, ["metric_1m", "service_call_5m", "log_pattern_5m"]) == []
    assert site.stop() == 0
    # what was copied before it went is no loss
    site = make_site(alone(server, "early"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    rows_there = server.value("SELECT count(*) FROM early.metric_1m")
    tool(folder, "forget", HOUR_AGO + 3 * MINUTE + 180 * 86400 * 10**6)
    tool(folder, "metric", HOUR_AGO + 200 * MINUTE, 1)
    site.until(lambda: server.value("SELECT count(*) FROM early.metric_1m") == rows_there + 1, "it goes on")
    site.until(lambda: site.sink("tables")["behind"] == 0, "and has noted it")
    assert site.sink("tables")["expired"] == 0
    assert site.stop() == 0


def test_ranges_of_time_are_partitions_made_ahead_and_dropped(server, make_site):
    site = make_site(alone(server, "ranges", keep="40d"))
    folder = prepared(site)
    day = 86400 * 10**6
    for back in (10, 60, 300):
        tool(folder, "metric", HOUR_AGO - back * day, back)
    site.start()
    site.until(lambda: copied(site), "everything was copied")

    def children(parent):
        return {r[0] for r in server.psql(f"SELECT relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'ranges.{parent}'::regclass")}

    def child(parent, days, us):
        return f"{parent}_" + time.strftime("%Y%m%d", time.gmtime(us // day // days * days * 86400))
    site.until(lambda: {child("metric_1m", 7, HOUR_AGO), child("metric_1m", 7, HOUR_AGO - 10 * day), "metric_1m_rest"} <= children("metric_1m"), "weeks are partitions")
    site.until(lambda: child("service_call_5m", 30, HOUR_AGO + 2 * day) in children("service_call_5m"), "those to come are made ahead")       # after the first batch
    assert child("log_pattern_5m", 30, HOUR_AGO) in children("log_pattern_5m")
    site.until(lambda: server.psql("SELECT avg_val::int FROM ranges.metric_1m WHERE metric = 'written.over'") == [(10,)], "what is too old was thrown away")
    server.psql("SET search_path = ranges; SELECT homeostat_detail_range('metric_1m', 7, now() - interval '90 days')")
    assert site.stop() == 0
    site.start()
    site.until(lambda: child("metric_1m", 7, int(time.time() * 10**6) - 90 * day) not in children("metric_1m"), "it was dropped")
    assert site.stop() == 0


def copied_again(site):
    s = site.sink("tables")
    return s["behind"] == 0 and not s["last_error"]


def takes_care(server, site, schema):
    """At its start, when there is nothing to copy: what is very old goes."""
    server.psql(f"SET search_path = {schema}; INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, origin_id) "
                "SELECT now() - interval '999 days', tenant_id, resource_id, 'very old', (SELECT max(origin_id) FROM homeostat_origin) FROM metric_1m WHERE origin_id <> 0 LIMIT 1")
    site.start()
    site.until(lambda: copied_again(site) and not server.psql(f"SELECT 1 FROM {schema}.metric_1m WHERE metric = 'very old'"), "it took care")


def test_tables_of_the_data_model_that_somebody_made_before_are_filled_and_the_rows_of_others_stay_as_they_are(server, make_site):
    server.psql("CREATE SCHEMA seeded; SET search_path = seeded; " + data_model.TABLES)
    before = data_model.put_theirs(server, "seeded")
    old = "(now() - interval '300 days')"
    server.psql(f"SET search_path = seeded; INSERT INTO metric_1m (bucket, metric, avg_val) VALUES ({old}, 'of old', 1)")
    site = make_site(alone(server, "seeded", keep="40d"))
    folder = prepared(site)
    tool(folder, "metric", HOUR_AGO - 300 * 86400 * 10**6, 5)                      # too old to be kept
    tool(folder, "event", "an event", HOUR_AGO)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert data_model.theirs(server, "seeded") == before
    site.until(lambda: not server.psql("SELECT 1 FROM seeded.metric_1m WHERE metric = 'written.over'"), "what is too old of ours was thrown away")
    assert server.psql("SELECT metric, avg_val, resource_id, origin_id FROM seeded.metric_1m WHERE bucket < now() - interval '200 days'") == [("of old", 1.0, None, 0)]
    # they go on writing, of the same things and windows as well
    data_model.remove_theirs(server, "seeded")
    before = data_model.put_theirs(server, "seeded")
    server.psql("""SET search_path = seeded; INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps) SELECT bucket, tenant_id, src_resource_id, dst_resource_id, 7
                   FROM service_call_5m WHERE origin_id <> 0 ORDER BY 1, 3, 4 LIMIT 1""")
    server.psql("SET search_path = seeded; INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, labels) SELECT bucket, tenant_id, resource_id, 'again', '{}' FROM metric_1m, generate_series(1, 3) WHERE metric = 'theirs'")
    tool(folder, "minutes", 99, HOUR_AGO + 30 * MINUTE, 3)
    tool(folder, "add", HOUR_AGO, 1)
    site.until(lambda: copied(site) and server.value("SELECT count(*) FROM seeded.metric_1m WHERE metric = 'written.over'") == 1, "what came later was copied")
    assert site.stop() == 0
    takes_care(server, site, "seeded")
    server.psql("SET search_path = seeded; DELETE FROM service_call_5m WHERE origin_id = 0 AND src_resource_id NOT IN (SELECT resource_id FROM dim_resource WHERE urn ~ 'theirs')")
    assert server.value("SELECT count(*) FROM seeded.metric_1m WHERE metric = 'again'") == 6
    assert data_model.theirs(server, "seeded") == before
    server.psql("DELETE FROM seeded.metric_1m WHERE metric IN ('again', 'of old')")
    data_model.remove_theirs(server, "seeded")
    assert same(server, "seeded", folder, [t for t in QUERIES if t != "metric_1m"]) == []
    there = server.value("SELECT count(*) FROM seeded.metric_1m")
    assert there == digest(folder, f"SELECT count(*) FROM metric_1m WHERE bucket > {HOUR_AGO - 86400 * 10**6}")[0][0]
    # pointers go by age though rows that are kept for longer still have them
    assert site.stop() == 0
    aged = server.value("SELECT max(sample_ref) FROM seeded.service_call_5m")
    server.psql("UPDATE seeded.oo_locator SET t_to = now() - interval '999 days' WHERE id = %s", (aged,))
    takes_care(server, site, "seeded")
    site.until(lambda: not server.psql("SELECT 1 FROM seeded.oo_locator WHERE id = %s", (aged,)), "it went by age")
    assert aged and site.stop() == 0


def test_a_thing_that_another_put_there_without_a_tenant_is_the_same_thing_where_its_name_may_stand_once(server, make_site):
    server.psql("CREATE SCHEMA once; SET search_path = once; " + data_model.TABLES)
    site = make_site(alone(server, "once"))
    folder = prepared(site, 3)
    urn, = digest(folder, "SELECT urn FROM metric_1m JOIN dim_resource USING (resource_id) LIMIT 1")[0]
    server.psql("INSERT INTO once.dim_resource (urn, type, name, zone) VALUES (%s, 'svc', 'x', 'theirs')", (urn,))
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert server.psql("SELECT count(*), min(zone), count(tenant_id) FROM once.dim_resource WHERE urn = %s", (urn,)) == [(1, "theirs", 0)]
    assert server.value("SELECT count(*) FROM once.metric_1m m JOIN once.dim_resource r USING (resource_id) WHERE r.urn = %s", (urn,)) == \
        digest(folder, f"SELECT count(*) FROM metric_1m JOIN dim_resource USING (resource_id) WHERE urn = '{urn}'")[0][0]
    server.psql("INSERT INTO once.dim_resource (urn, type, name) VALUES ('urn:svc:someone', 'svc', 'x') ON CONFLICT (urn) DO NOTHING")      # theirs still works
    assert site.stop() == 0
    # of another tenant it is another thing, and two do not fit in there
    server.psql("CREATE SCHEMA twice; SET search_path = twice; " + data_model.TABLES)
    server.psql("SET search_path = twice; INSERT INTO dim_tenant (code, name) VALUES ('b', 'b'); INSERT INTO dim_resource (tenant_id, urn, type, name) SELECT tenant_id, %s, 'svc', 'x' FROM dim_tenant", (urn,))
    site.write({"sinks": {"tables": {"schema": "twice"}}})
    site.start()
    site.until(lambda: f"table dim_resource has no row for {urn}" in site.sink("tables")["last_error"], "it says what is in the way")
    server.psql("ALTER TABLE twice.dim_resource DROP CONSTRAINT dim_resource_urn_key")
    site.until(lambda: copied(site), "everything was copied")
    assert server.value("SELECT count(*) FROM twice.dim_resource WHERE urn = %s", (urn,)) == 2
    assert site.stop() == 0


def test_others_write_rows_with_the_columns_of_the_data_model_into_tables_that_the_sink_made(server, make_site):
    site = make_site(alone(server, "guests"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    before = data_model.put_theirs(server, "guests")
    tool(folder, "minutes", 99, HOUR_AGO + 30 * MINUTE, 3)
    site.until(lambda: copied_again(site) and site.sink("tables")["sent"] > 0 and not same(server, "guests", folder, ["etl_job_circuit"]), "what came later was copied")
    assert site.stop() == 0
    takes_care(server, site, "guests")
    assert site.stop() == 0 and data_model.theirs(server, "guests") == before
    data_model.remove_theirs(server, "guests")
    assert same(server, "guests", folder) == []
    # what counts for us may not be without a thing
    with pytest.raises(Exception, match="homeostat_known"):
        server.psql("UPDATE guests.oo_locator SET resource_id = NULL")


VERSION_1 = """SET search_path = %s; ALTER TABLE dim_resource ALTER tenant_id SET NOT NULL;
    ALTER TABLE oo_locator ALTER tenant_id SET NOT NULL, ALTER resource_id SET NOT NULL, ALTER origin_id SET NOT NULL, ALTER first_record DROP DEFAULT, ALTER last_record DROP DEFAULT,
        ALTER events DROP DEFAULT, DROP CONSTRAINT homeostat_known;
    ALTER TABLE metric_1m ALTER tenant_id SET NOT NULL, ALTER labels_hash DROP DEFAULT, ALTER samples DROP DEFAULT, ALTER origin_id DROP DEFAULT, DROP CONSTRAINT homeostat_known;
    ALTER TABLE service_call_5m ALTER calls DROP DEFAULT, ALTER errors DROP DEFAULT, ALTER sample_record DROP DEFAULT, ALTER origin_id DROP DEFAULT;
    ALTER TABLE log_pattern ALTER tenant_id SET NOT NULL, ALTER origin_id SET NOT NULL, DROP CONSTRAINT homeostat_known;
    ALTER TABLE log_pattern_5m ALTER origin_id DROP DEFAULT;
    ALTER TABLE etl_job_run ALTER tenant_id SET NOT NULL, DROP CONSTRAINT homeostat_known, ALTER origin_id DROP DEFAULT, ADD FOREIGN KEY (origin_id) REFERENCES homeostat_origin;
    ALTER TABLE etl_job_circuit ALTER origin_id DROP DEFAULT, ADD FOREIGN KEY (origin_id) REFERENCES homeostat_origin;
    UPDATE homeostat_detail_migrations SET version = 1"""


def test_tables_of_version_1_become_those_of_today_and_nothing_is_copied_again(server, make_site):
    shape = """SELECT c.relname, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
               WHERE c.relnamespace = 'grown'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 ORDER BY 1, 2"""
    bounds = "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'grown'::regnamespace ORDER BY 1, 2"
    site = make_site(alone(server, "grown"))
    folder = prepared(site)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert site.stop() == 0
    was, bound = server.psql(shape), server.psql(bounds)
    server.psql(VERSION_1 % "grown")
    assert server.psql(shape) != was
    rows_before = server.psql("SELECT xmin::text FROM grown.service_call_5m")
    tool(folder, "add", HOUR_AGO, 1)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    assert server.psql(shape) == was and [(t, n, d.replace(" NOT VALID", "")) for t, n, d in server.psql(bounds)] == bound
    assert server.psql("SELECT xmin::text FROM grown.service_call_5m") == rows_before and same(server, "grown", folder) == []
    data_model.put_theirs(server, "grown")
    assert site.stop() == 0


IMPOSSIBLE = {
    "a view": ("CREATE VIEW metric_1m AS SELECT 1 AS bucket", "metric_1m is no table", "DROP VIEW metric_1m"),
    "no column": ("CREATE TABLE metric_1m (bucket timestamptz, resource_id bigint)", "table metric_1m has no column tenant_id (bigint)", "DROP TABLE metric_1m"),
    "another type": ("CREATE TABLE log_pattern (fingerprint_id bigserial, tenant_id int, pattern text)", "column tenant_id of table log_pattern is of type integer, and the sink needs bigint", "DROP TABLE log_pattern"),
    "a narrow key": (data_model.TABLES + "ALTER TABLE metric_1m ADD CONSTRAINT one_a_minute UNIQUE (bucket, metric)",
                     "table metric_1m may hold one row only for each (bucket, metric), says one_a_minute", "ALTER TABLE metric_1m DROP CONSTRAINT one_a_minute"),
    "a column of theirs": (data_model.TABLES + "ALTER TABLE oo_locator ADD COLUMN site text NOT NULL", "column site of table oo_locator must not be NULL, and the sink does not know it",
                           "ALTER TABLE oo_locator ALTER site SET DEFAULT ''"),
    "a plain hash": (data_model.TABLES + "ALTER TABLE evidence_link ALTER ref_pg_hash DROP EXPRESSION", "column ref_pg_hash of table evidence_link is not generated", "DROP TABLE evidence_link"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_table_that_cannot_be_used_is_refused_with_what_is_in_the_way_and_works_once_it_is_not(server, make_site, case):
    made, said, mended = IMPOSSIBLE[case]
    schema = case.replace(" ", "_")
    server.psql(f"CREATE SCHEMA {schema}; SET search_path = {schema}; " + made)
    site = make_site(alone(server, schema))
    folder = prepared(site, 3)
    site.start()
    site.until(lambda: said in site.sink("tables")["last_error"], "it says that it cannot")
    assert "give the sink another `schema`" in site.tail(200)
    server.psql(f"SET search_path = {schema}; " + mended)
    site.until(lambda: copied(site), "everything was copied")
    assert same(server, schema, folder) == []
    assert site.stop() == 0


def test_while_somebody_reads_a_table_that_shall_be_changed_others_go_on_reading_it(server, make_site):
    server.psql("CREATE SCHEMA busy; SET search_path = busy; " + data_model.TABLES)
    site = make_site(alone(server, "busy"))
    folder = prepared(site, 3)
    reader = server.connect()
    try:
        with reader.cursor() as c:
            reader.autocommit = False
            c.execute("LOCK TABLE busy.dim_resource, busy.metric_1m, busy.service_call_5m, busy.log_pattern, busy.log_pattern_5m, busy.oo_locator, busy.evidence_link IN ACCESS SHARE MODE")
        site.start()
        waits = "SELECT relation::regclass::text FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relnamespace = 'busy'::regnamespace" \
                " AND waitstart > clock_timestamp() - interval '300 milliseconds'"
        for left in (2, 1, 0):                   # who waits may stand still, and everybody behind it: once in three times it does not
            found = []
            site.until(lambda into=found: into.extend(server.psql(waits)) or into, "it waits for a table", every_s=0.02)
            try:
                server.psql(f"SET statement_timeout = '5s'; SELECT count(*) FROM {found[0][0]}")          # behind the one who waits
                break
            except psycopg2.errors.QueryCanceled:
                if not left:
                    raise
    finally:
        reader.close()
    site.until(lambda: copied(site), "everything was copied")
    assert same(server, "busy", folder) == []
    assert site.stop() == 0


def test_while_somebody_reads_the_rest_rows_of_a_new_range_lie_there_and_move_when_the_reader_is_done(server, make_site):
    site = make_site(alone(server, "read"))
    folder = prepared(site, 3)
    site.start()
    site.until(lambda: copied(site), "everything was copied")
    day = 86400 * 10**6
    at = HOUR_AGO - 60 * day
    child = "metric_1m_" + time.strftime("%Y%m%d", time.gmtime(at // day // 7 * 7 * 86400))
    reader = server.connect()
    try:
        reader.autocommit = False
        with reader.cursor() as c:
            c.execute("LOCK TABLE read.metric_1m_rest IN ACCESS SHARE MODE")
        tool(folder, "metric", at, 1.5)
        site.until(lambda: server.psql("SELECT avg_val FROM ONLY read.metric_1m_rest WHERE metric = 'written.over'") == [(1.5,)], "it lies with the rest")
        site.until(lambda: "a partition of metric_1m cannot be made now" in site.tail(500), "that is told")
    finally:
        reader.close()
    tool(folder, "metric", at, 2.5)
    site.until(lambda: server.psql("SELECT to_regclass(%s)", (f"read.{child}",)) != [(None,)] and server.psql(f"SELECT avg_val FROM read.{child} WHERE metric = 'written.over'") == [(2.5,)], "it moved")
    assert server.psql("SELECT 1 FROM ONLY read.metric_1m_rest") == []
    assert site.stop() == 0


def test_the_table_of_another_role_is_refused_by_its_name(server, make_site):
    server.psql("CREATE SCHEMA owned; SET search_path = owned; " + data_model.TABLES + "CREATE ROLE guest LOGIN; GRANT ALL ON SCHEMA owned TO guest; GRANT ALL ON ALL TABLES IN SCHEMA owned TO guest")
    settings = alone(server, "owned")
    settings["sinks"]["tables"]["dsn"] = settings["sinks"]["tables"]["dsn"].replace(f"user={server.user}", "user=guest")
    site = make_site(settings)
    prepared(site, 3)
    site.start()
    site.until(lambda: f"table dim_resource belongs to role {server.user}" in site.sink("tables")["last_error"], "it says whose it is")
    assert site.stop() == 0


STAND_IN = """CREATE SCHEMA ts; CREATE TABLE ts.calls (what text); CREATE SCHEMA timescaledb_information;
    CREATE VIEW timescaledb_information.hypertables AS SELECT n.nspname AS hypertable_schema, relname AS hypertable_name, true AS compression_enabled FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace;
    CREATE FUNCTION ts.create_hypertable(r regclass, c name, chunk_time_interval anyelement) RETURNS void LANGUAGE sql AS $$ INSERT INTO ts.calls VALUES (concat_ws(' ', 'hypertable', r, c, chunk_time_interval)) $$;
    CREATE FUNCTION ts.remove_retention_policy(r regclass, if_exists bool) RETURNS void LANGUAGE sql AS $$ $$;
    CREATE FUNCTION ts.remove_compression_policy(r regclass, if_exists bool) RETURNS void LANGUAGE sql AS $$ $$;
    CREATE FUNCTION ts.add_retention_policy(r regclass, i interval) RETURNS void LANGUAGE sql AS $$ INSERT INTO ts.calls VALUES (concat_ws(' ', 'keep', r, i)) $$;
    CREATE FUNCTION ts.add_compression_policy(r regclass, i interval) RETURNS void LANGUAGE sql AS $$ INSERT INTO ts.calls VALUES (concat_ws(' ', 'pack', r, i)) $$;
    CREATE FUNCTION ts.drop_chunks(r regclass, older_than timestamptz) RETURNS SETOF text LANGUAGE sql AS $$ INSERT INTO ts.calls VALUES (concat_ws(' ', 'drop', r, older_than)) RETURNING what $$;
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) SELECT 99999, 'timescaledb', 10, oid, false, '2' FROM pg_namespace WHERE nspname = 'ts'"""


def test_where_timescaledb_is_it_is_told_what_to_keep_and_pack_and_nothing_that_is_packed_is_set_up_again(make_site):
    """A stand-in that notes what it is asked; the statement that only the extension itself understands is the one that must not come again."""
    with Cluster(settings={"allow_system_table_mods": "on"}) as pg:
        pg.psql(STAND_IN)
        settings = alone(pg, "hyper")
        settings["sinks"]["events"] = {"kind": "postgres", "dsn": pg.dsn, "schema": "hyper", "types": ["logs"], "keep": "30d", "retry": {"first": "50ms", "most": "200ms"}}
        site = make_site(settings)
        folder = prepared(site)
        site.start()
        site.until(lambda: copied(site), "everything was copied")
        assert same(pg, "hyper", folder) == []
        status, _ = site.ask("POST", "/v1/logs", json.dumps({"resourceLogs": [{"resource": resource("pay"), "scopeLogs": [{"logRecords": [{"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "x"}}]}]}]}),
                             {"Content-Type": "application/json"}, port=site.ports["http"])
        assert status == 200
        site.until(lambda: site.sink("events")["sent"] == 1, "both layouts lie in one schema")
        site.until(lambda: pg.psql("SELECT 1 FROM ts.calls WHERE what LIKE 'drop log_pattern_5m %%'"), "what is old is dropped, with or without a policy")
        told = {r[0] for r in pg.psql("SELECT what FROM ts.calls")}
        assert {"hypertable metric_1m bucket 7 days", "hypertable service_call_5m bucket 30 days", "hypertable log_pattern_5m bucket 30 days", "keep metric_1m 4320:00:00",
                "keep service_call_5m 8760:00:00", "keep log_pattern_5m 4320:00:00", "pack metric_1m 168:00:00", "keep logs_events 720:00:00"} <= told
        assert any(t.startswith("drop metric_1m ") for t in told)
        assert site.stop() == 0


def test_settings_of_events_are_refused_and_a_reload_takes_new_ones(server, make_site):
    site = make_site(alone(server, "conf", types=["logs"]))
    assert "not events" in site.cli("config", "check", check=False).stderr
    del site.settings["sinks"]["tables"]["types"]
    site.write({"sinks": {"tables": {"paused": True}}})
    folder = prepared(site)
    site.start()
    site.until(lambda: site.sink("tables")["paused"] and site.sink("tables")["behind"] > 0, "it waits")
    assert not server.psql("SELECT 1 FROM pg_namespace WHERE nspname = 'conf'")
    site.write({"sinks": {"tables": {"paused": False}}})
    site.reload()
    site.until(lambda: copied(site), "everything was copied")
    site.write({"sinks": {"tables": {"schema": "conf2"}}})
    site.reload()
    site.until(lambda: server.value("SELECT to_regclass('conf2.etl_job_circuit') IS NOT NULL") and not same(server, "conf2", folder), "the other schema has it all")
    assert same(server, "conf", folder) == []
    assert site.stop() == 0


TRACE = "5b8aa5a2d2c872e8321cf37308d69df2"


def resource(service):
    return {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}


def span(service, name, kind, span_id, parent, at_ns):
    return {"resource": resource(service), "scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": span_id, "parentSpanId": parent, "name": name, "kind": kind,
                                                                    "startTimeUnixNano": str(at_ns), "endTimeUnixNano": str(at_ns + 10**8), "status": {"code": 1}}]}]}


@pytest.mark.clock
def test_what_senders_send_is_in_the_tables_once_its_windows_are_closed(server, make_site):
    """The events lie some minutes back, so that their windows are due soon. Sensors are on: the own machine's metrics come along."""
    site = make_site({"sinks": {"tables": sink(server, "whole")}, "sensors": {"enabled": True, "interval": "2s"}})
    site.start()
    at = time.time_ns() - 240 * 10**9

    def send(kind, body):
        status, answer = site.ask("POST", f"/v1/{kind}", json.dumps(body), {"Content-Type": "application/json"}, port=site.ports["http"])
        assert status == 200, answer
    send("traces", {"resourceSpans": [span("shop", "buy", 3, "00f067aa0ba902b7", "", at), span("pay", "charge", 2, "00f067aa0ba902b8", "00f067aa0ba902b7", at + 10**7)]})
    send("logs", {"resourceLogs": [{"resource": resource("pay"), "scopeLogs": [{"logRecords": [
        {"timeUnixNano": str(at + k), "severityNumber": 17, "body": {"stringValue": f"card of customer {k} declined"}} for k in range(20)]}]}]})
    send("metrics", {"resourceMetrics": [{"resource": resource("shop"), "scopeMetrics": [{"metrics": [{"name": "queue", "gauge": {"dataPoints": [{"timeUnixNano": str(at), "asDouble": 4.5}]}}]}]}]})
    count = lambda sql: server.value("SELECT count(*) FROM whole." + sql) if server.psql("SELECT to_regclass('whole.etl_job_circuit')")[0][0] else 0
    site.until(lambda: count("metric_1m WHERE metric = 'queue' AND avg_val = 4.5") == 1 and count("service_call_5m") == 1 and count("log_pattern_5m WHERE count_error = 20") == 1,
               "the windows were closed and copied", 300, 0.5)
    moment = lambda ns: time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(ns // 10**9))
    site.cli("backfill", "oo-agg", moment(at - 60 * 10**9), moment(at + 120 * 10**9))
    site.until(lambda: site.status()["digest"]["asked_done"] == 1, "the back-fill is done", 200)
    assert site.stop() == 0
    site.write({"ingest": {"digest": {"enabled": False}}, "sensors": {"enabled": False}})      # nothing moves any more
    site.start()
    site.until(lambda: not same(server, "whole", f"{site.folder}/store"), "both have the same", 60)
    assert site.stop() == 0
