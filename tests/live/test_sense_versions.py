"""PostgreSQL 14 to 18: the statements fit the documented views of each version, and recorded answers become the right numbers."""
import json
import os
import re
import signal
import subprocess
import time

import psycopg2
import pytest

from again import in_one_of
from conftest import BUILD, ROOT
from fake_postgres import FakePostgres

RECORDINGS = os.path.join(os.path.dirname(__file__), "recordings")
TOOL = os.path.join(BUILD, "tests", "live", "sense_tool")
VERSIONS = [14, 15, 16, 17, 18]

with open(os.path.join(RECORDINGS, "columns.json"), encoding="utf-8") as f:
    COLUMNS = json.load(f)


def statements():
    """name -> SQL of sql/sense."""
    found = {}
    for path in sorted(os.listdir(os.path.join(ROOT, "sql", "sense"))):
        with open(os.path.join(ROOT, "sql", "sense", path), encoding="utf-8") as f:
            parts = re.split(r"^-- name: (\w+)$", f.read(), flags=re.M)
        found.update(zip(parts[1::2], (re.sub(r"^--.*$", "", text, flags=re.M).replace("{schema}.", "").strip() for text in parts[2::2])))
    return found


def asked_of(version):
    """The statements that a server of that version is asked: of those with a number, the last that is not above it."""
    chosen = {}
    for name in statements():
        base, _, number = name.rpartition("_")
        if number.isdigit():
            if int(number) <= version and int(number) >= chosen.get(base, ("", 0))[1]:
                chosen[base] = (name, int(number))
        else:
            chosen[name] = (name, 0)
    return [name for name, _ in chosen.values()]


def columns_of(view, version):
    return {name: kind for name, (kind, first, last) in COLUMNS[view].items() if first <= version <= last}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_column_is_documented_for_the_version(version):
    texts = statements()
    checked = 0
    for name in asked_of(version):
        aliases = {alias: view for view, alias in re.findall(r"\b(pg_\w+)(?:\(false\))? AS (\w+)", texts[name]) if view in COLUMNS}
        for alias, column in re.findall(r"\b([a-z])\.(\w+)", texts[name]):
            if alias in aliases:
                assert column in columns_of(aliases[alias], version), f"{name}: {aliases[alias]} has no {column} in {version}"
                checked += 1
    assert checked > 60


@pytest.mark.parametrize("version", VERSIONS)
def test_the_statements_run_against_views_of_that_shape(postgres, version):
    """A real parser and planner, with views in front of the catalogue that have exactly the documented columns."""
    schema = f"v{version}"
    values = {"bigint": "5", "integer": "5", "numeric": "5", "double precision": "1.5", "boolean": "true", "timestamptz": "now()", "pg_lsn": "'0/5'", "interval": "'1s'",
              "oid": "5", "xid": "'5'", "inet": "'127.0.0.1'", "text[]": "'{x}'"}
    with postgres.connect() as c, c.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}; SET search_path = {schema}, pg_catalog")
        for view in COLUMNS:
            columns = columns_of(view, version)
            if not columns:
                continue
            shown = ", ".join(f"{values.get(kind, chr(39) + 'x' + chr(39))}::{kind} AS {name}" for name, kind in columns.items())
            cursor.execute(f"CREATE VIEW {schema}.{view} AS SELECT {shown}")
        cursor.execute(f"CREATE EXTENSION hypopg SCHEMA {schema}")
        cursor.execute(f"CREATE FUNCTION {schema}.pg_stat_statements(boolean) RETURNS SETOF {schema}.pg_stat_statements LANGUAGE sql AS 'SELECT * FROM {schema}.pg_stat_statements'")
        for name in asked_of(version):
            cursor.execute(f"PREPARE {name} AS {statements()[name].rstrip(';')}")
            if name != "sense_session" and not name.startswith("survey_"):      # a survey asks about what the answer before named: it is planned here, and asked in test_diagnose
                cursor.execute(f"EXECUTE {name}" + ("('{1,2}', '{3}')" if name == "sense_statements" else ""))
                got = [d[0] for d in cursor.description]
                for recorded in answers_with(name):
                    assert got == recorded, name
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")


def test_buffers_that_backends_write_are_counted_in_blocks_by_every_version(postgres):
    """From 18 on one extension of a file by many blocks is one operation, and pg_stat_io has the bytes beside it."""
    for version in (17, 18):
        units = "3::bigint AS writes, 64::bigint AS extends" if version == 17 else "2::bigint AS writes, 1::bigint AS extends, 3::numeric * 8192 AS write_bytes, 64::numeric * 8192 AS extend_bytes"
        with postgres.connect() as c, c.cursor() as cursor:
            cursor.execute("SET search_path = pg_temp, pg_catalog")
            cursor.execute(f"CREATE TEMP VIEW pg_stat_io AS SELECT 'relation'::text AS object, 'client backend'::text AS backend_type, {units}, now() AS stats_reset")
            cursor.execute("CREATE TEMP VIEW pg_stat_checkpointer AS SELECT 1::bigint AS num_timed, 1::bigint AS num_requested, 1::bigint AS num_done, 1::float8 AS write_time, "
                           "1::bigint AS buffers_written, now() AS stats_reset")
            cursor.execute(f"SELECT w.buffers_backend FROM ({statements()[f'sense_writer_{version}'].rstrip(';')}) AS w")
            assert cursor.fetchone() == (67,), version
            c.rollback()


def test_what_the_program_asks_itself_is_not_counted_among_the_heaviest_statements():
    left_out = re.search(r"q\.query !~ '([^']*)'", statements()["survey_statements"])[1]
    asked = [name for name, text in statements().items() if re.match(r"(?i)select|with", text)]
    assert len(asked) > 20
    assert [name for name in asked if not re.search(left_out, statements()[name].split("'WITH RECURSIVE")[0])] == []     # constants are not in the texts
    assert re.search(left_out, re.search("'(WITH RECURSIVE hop.*)'", statements()["survey_hop"], re.S)[1])


def test_a_session_that_a_pooler_lends_is_left_as_it_is(postgres):
    with postgres.connect() as c, c.cursor() as cursor:
        cursor.execute("PREPARE asked AS " + statements()["sense_session"].rstrip(";"))
        for told, is_set in ((c.get_backend_pid() + 1, "off"), (c.get_backend_pid(), "on")):
            cursor.execute(f"EXECUTE asked ({told})")
            cursor.execute("SHOW default_transaction_read_only")
            assert cursor.fetchone() == (is_set,)


def test_the_age_of_the_counters_outlives_a_restart_and_begins_anew_with_a_crash(fresh_postgres):
    pg, sql = fresh_postgres, statements()["survey_database"].rstrip(";")

    def older_than(moment):
        return pg.value(f"SELECT now() - stats_s * interval '1 second' < {moment} FROM ({sql}) AS s")
    pg.stop()
    pg.start()
    assert older_than("pg_postmaster_start_time()")
    before = pg.value("SELECT clock_timestamp()")
    witness, victim = pg.connect(), pg.connect()
    os.kill(victim.get_backend_pid(), signal.SIGKILL)    # the server goes on, its counters do not
    with pytest.raises(psycopg2.Error), witness.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")            # every session ends with the one that died
    deadline = time.monotonic() + 60
    while True:
        try:
            pg.value("SELECT 1")
            break
        except psycopg2.Error:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert pg.value("SELECT pg_postmaster_start_time() < %s", (before,))
    assert not older_than(f"'{before}'::timestamptz")


def recordings():
    return sorted(name for name in os.listdir(RECORDINGS) if name.startswith("postgres_"))


def answers_with(name):
    """The column lists that recordings have for a statement: they must be those which it really answers."""
    for path in recordings():
        with open(os.path.join(RECORDINGS, path), encoding="utf-8") as f:
            recording = json.load(f)
        for rows in recording["answers"].get(name, []):
            yield list(rows[0]) if rows else recording["columns"][name]


def watch(server, seconds=6, **options):
    argv = [TOOL, "--dsn", f"host=127.0.0.1 port={server.port} user=watcher dbname=postgres", "--seconds", str(seconds)]
    for name, value in options.items():
        argv += ["--" + name, str(value)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("path", recordings())
@in_one_of(3)
def test_a_recorded_version_becomes_the_right_numbers(path):
    if not os.path.exists(TOOL):
        pytest.skip(f"{TOOL} is not built")
    with FakePostgres(os.path.join(RECORDINGS, path)) as server:
        lines = watch(server, statements=1)
    assert server.unknown == set()
    version = int(re.search(r"\d+", path)[0])
    assert f"sense_writer_{14 if version < 17 else version}" in server.texts

    samples = [o["sample"] for o in lines if "sample" in o and o["sample"]["up"] == 1]
    second = samples[1]
    # One second apart by the recorded clock of the server, whatever ours says. Seven transactions or so of it are our own.
    assert second["rollbacks"] == pytest.approx(2, rel=0.35)
    clock = second["rollbacks"] / 2
    assert 500 - 25 <= second["tps"] / clock <= 500
    for name, value in {"blocks_read": 100, "block_read_time": 12.25, "temp_bytes": 4096, "deadlocks": 1, "checkpoints_timed": 0, "checkpoints_req": 1,
                        "checkpoint_write": 250, "buffers_checkpoint": 64, "buffers_clean": 5, "maxwritten_clean": 1, "buffers_backend": 20, "wal_bytes": 16384,
                        "wal_fpi": 4, "wal_buffers_full": 1, "rows_read": 40000, "rows_fetched": 30000, "rows_written": 2500}.items():
        assert second[name] == pytest.approx(value * clock, rel=1e-6), name
    assert second["cache_hit"] == pytest.approx(0.9)
    assert second["errors"] == second["rollbacks"]
    assert {name: second[name] for name in ("connections", "connections_active", "idle_in_transaction", "longest_xact", "locks_waiting", "standbys", "replication_lag")} == {
        "connections": 21, "connections_active": 5, "idle_in_transaction": 1, "longest_xact": 2.5, "locks_waiting": 3, "standbys": 1, "replication_lag": 1024}
    assert second["recovery_wal"] == 5001000
    assert [s["checkpoints_done"] for s in samples[:3]] == [0, 0, 1]
    assert any(s["database_bytes"] == 123456789 and s["dead_tuples"] == 4321 for s in samples)
    with_statements = [s for s in samples if s["calls"]]
    assert with_statements and with_statements[0]["latency_mean"] == pytest.approx(2)
    assert {q["id"] for q in with_statements[0]["queries"]} == {-42, 0}

    facts = [o["facts"] for o in lines if "facts" in o][-1]
    assert facts["server_version"] // 10000 == version
    assert facts["settings"]["shared_buffers"] == "16384" and facts["data_directory"] == "/srv/pg/data"
    assert facts["overrides"] == [["work_mem", "64MB", "report", ""]]
    assert facts["owner"] == ("cloud" if version == 17 else "none")
    assert not facts["local"] and facts["cpus"] == 0
    assert facts["slots"] == 2 and facts["system_identifier"] == "7330000000000000001"


@in_one_of(3)
def test_a_statement_that_is_refused_costs_only_its_own_metrics():
    with open(os.path.join(RECORDINGS, "postgres_17.json"), encoding="utf-8") as f:
        recording = json.load(f)
    del recording["answers"]["sense_wal"], recording["answers"]["sense_control"]
    with FakePostgres(recording=recording) as server:
        lines = watch(server)
    samples = [o["sample"] for o in lines if "sample" in o and o["sample"]["up"] == 1]
    assert all(s["wal_bytes"] is None and s["recovery_wal"] is None and s["checkpoints_done"] == -1 for s in samples)
    assert samples[1]["tps"] > 0
    told = [o["text"] for o in lines if o.get("state") == "lacks"]
    assert sum("pg_stat_wal" in text for text in told) == 1 and sum("pg_control_checkpoint" in text for text in told) == 1


@in_one_of(3)
def test_sizes_that_take_long_are_asked_for_seldom():
    with open(os.path.join(RECORDINGS, "postgres_17.json"), encoding="utf-8") as f:
        recording = json.load(f)
    recording["delays"] = {"sense_sizes": 0.5}
    with FakePostgres(recording=recording) as server:
        lines = watch(server, seconds=8, sizes=1)
        assert server.asked["sense_sizes"] == 1
    samples = [o["sample"] for o in lines if "sample" in o and o["sample"]["up"] == 1]
    assert samples[-1]["database_bytes"] == 123456789      # and kept meanwhile


@in_one_of(3)
def test_a_version_that_is_too_old_is_refused_by_name():
    with FakePostgres(recording={"server_version": "12.20", "columns": {}, "answers": {}}) as server:
        lines = watch(server, seconds=3)
    down = next(o for o in lines if o.get("state") == "down")
    assert "12.20" in down["text"] and "14" in down["hint"]
