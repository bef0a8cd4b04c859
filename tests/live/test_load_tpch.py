"""homeostat-load with TPC-H, with both benchmarks at once, and by schedule, against a real server."""
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time
import urllib.request

import pytest

from again import in_one_of

SCALE = "0.01"
ROWS = {"region": 5, "nation": 25, "supplier": 100, "customer": 1500, "part": 2000, "partsupp": 8000, "orders": 15000}
QUERIES = set(range(1, 23))


@pytest.fixture(scope="module")
def loaded(postgres, driver):
    """The server with TPC-H at a scale factor of 0.01 and one warehouse of TPC-C."""
    done = driver("load", "--bench", "mixed", "--dsn", postgres.dsn, "--scale", SCALE, "--warehouses", "1", "--seed", "11")
    assert done.returncode == 0, done.stderr
    assert "loaded 1 warehouses" in done.stdout and "loaded TPC-H at scale factor 0.01" in done.stdout
    return postgres


@pytest.fixture
def records(loaded, driver):
    """records("--bench", "tpch") -> (list of JSON records, CompletedProcess) of a run."""
    def run(*argv, **how):
        done = driver("run", "--dsn", loaded.dsn, "--json", "--seed", "3", *argv, **how)
        assert done.stdout, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], done
    return run


@pytest.fixture
def background(loaded, driver, spawn):
    """background(...) -> a running driver: .latency(), .finish() -> (records, stderr)."""
    class Background:
        def __init__(self, *argv):
            self.process = spawn([driver.path, "run", "--dsn", loaded.dsn, "--json", "--seed", "3", "--listen", "127.0.0.1:0", *argv],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            first = self.process.stderr.readline()
            match = re.match(r"listening on (127\.0\.0\.1:\d+)$", first)
            assert match, first + self.process.stderr.read()
            self.address = match.group(1)

        def get(self, path):
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as answer:
                return answer.read().decode()

        def latency(self):
            return json.loads(self.get("/latency"))

        def finish(self, timeout_s=120):
            out, err = self.process.communicate(timeout=timeout_s)
            return [json.loads(line) for line in out.splitlines()], err
    return Background


@pytest.fixture
def settings(loaded):
    """settings(enable_hashjoin="off"): for all new connections to the database, until the test is over."""
    made = []

    def change(**values):
        for name, value in values.items():
            loaded.psql(f"ALTER DATABASE postgres SET {name} = '{value}'")
            made.append(name)
    yield change
    for name in made:
        loaded.psql(f"ALTER DATABASE postgres RESET {name}")


def wait_until(true, timeout_s=120, seen=lambda: None):
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.05)


def answers(found):
    return {r["query"]: r["digest"] for r in found if r["type"] == "query"}


# -- load and check --------------------------------------------------------------------------------------------------------


def test_a_load_has_the_tables_keys_and_rows_that_the_specification_asks_for(loaded, driver):
    for table, rows in ROWS.items():
        assert loaded.value(f"SELECT count(*) FROM tpch.{table}") == rows, table
    assert 58000 < loaded.value("SELECT count(*) FROM tpch.lineitem") < 62000
    kinds = dict(loaded.psql("SELECT contype::text, count(*) FROM pg_constraint WHERE connamespace = 'tpch'::regnamespace GROUP BY 1"))
    assert kinds == {"p": 8, "f": 8}
    assert loaded.value("SELECT count(*) FROM pg_indexes WHERE schemaname = 'tpch'") == 15
    assert loaded.value("SELECT count(*) FROM tpch.customer WHERE c_custkey % 3 = 0 AND EXISTS (SELECT FROM tpch.orders WHERE o_custkey = c_custkey)") == 0
    assert loaded.psql("SELECT min(o_orderdate)::text, max(o_orderdate)::text FROM tpch.orders") == [("1992-01-01", "1998-08-02")]
    assert loaded.value("SELECT count(*) FROM tpch.supplier WHERE s_comment LIKE '%Customer%Complaints%'") == 1
    assert loaded.value("SELECT count(*) FROM tpch.customer WHERE substr(c_phone, 1, 2)::int <> c_nationkey + 10") == 0
    done = driver("check", "--bench", "mixed", "--dsn", loaded.dsn, "--output", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["consistent"] and [c["condition"] for c in found["conditions"]] == [1, 2, 3, 4, "rows", "lines", "references", "orders", "values", "suppliers"]


def test_the_same_seed_loads_the_same_rows_whatever_the_number_of_threads_and_the_schema(driver, make_postgres):
    pg = make_postgres()
    seen = set()
    for threads, schema, indexes in (("1", "tpch", "usual"), ("3", "elsewhere", "keys")):
        done = driver("load", "--bench", "tpch", "--dsn", pg.dsn, "--scale", "0.002", "--threads", threads, "--schema", schema, "--indexes", indexes, "--seed", "9")
        assert done.returncode == 0, done.stderr
        assert driver("check", "--bench", "tpch", "--dsn", pg.dsn, "--schema", schema).returncode == 0
        seen.add(tuple(pg.value(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {schema}.{table} AS t") for table in [*ROWS, "lineitem"]))
    assert len(seen) == 1
    assert pg.value("SELECT count(*) FROM pg_indexes WHERE schemaname = 'elsewhere'") == 8


def test_a_second_load_is_refused_unless_forced_and_tables_of_others_are_never_dropped(driver, make_postgres):
    pg = make_postgres()
    load = ["load", "--bench", "tpch", "--dsn", pg.dsn, "--scale", "0.001"]
    assert driver(*load).returncode == 0
    again = driver(*load)
    assert again.returncode == 1 and "the tables are there already" in again.stderr and "--force" in again.stderr
    assert driver(*load, "--force").returncode == 0
    pg.psql("CREATE TABLE public.customer (id int); INSERT INTO public.customer VALUES (1)")
    done = driver(*load, "--force", "--schema", "public")
    assert done.returncode == 1 and "were not made by homeostat-load: customer" in done.stderr
    assert pg.value("SELECT count(*) FROM public.customer") == 1
    pg.psql("COMMENT ON TABLE tpch.lineitem IS 'homeostat-load: loading'")
    for command in (["run"], ["check"]):
        done = driver(*command, "--bench", "tpch", "--dsn", pg.dsn)
        assert done.returncode == 1 and "did not finish" in done.stderr
    done = driver("run", "--bench", "tpch", "--dsn", pg.dsn, "--schema", "nowhere")
    assert done.returncode == 1 and "has no TPC-H tables" in done.stderr


def test_a_check_finds_what_was_changed(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--bench", "tpch", "--dsn", pg.dsn, "--scale", "0.001", "--seed", "2").returncode == 0
    spoil = [
        ("rows", "DELETE FROM tpch.region WHERE r_regionkey NOT IN (SELECT n_regionkey FROM tpch.nation); INSERT INTO tpch.region VALUES (9, 'ATLANTIS')", "region has 6 rows"),
        ("orders", "UPDATE tpch.orders SET o_totalprice = o_totalprice + 1 WHERE o_orderkey = 33", "order 33"),
        ("values", "UPDATE tpch.lineitem SET l_discount = 0.5 WHERE l_orderkey = 1 AND l_linenumber = 1", "line 1 of order 1"),
        ("lines", "DELETE FROM tpch.lineitem WHERE l_orderkey = 2 AND l_linenumber = 1", "gaps"),
        ("references", "ALTER TABLE tpch.nation DROP CONSTRAINT nation_n_regionkey_fkey; UPDATE tpch.nation SET n_regionkey = 77 WHERE n_nationkey = 3", "nation refers"),
        ("suppliers", "ALTER TABLE tpch.lineitem DROP CONSTRAINT lineitem_l_partkey_l_suppkey_fkey; DELETE FROM tpch.partsupp WHERE ps_partkey = 5", ""),
    ]
    for condition, sql, says in spoil:
        pg.psql(sql)
        done = driver("check", "--bench", "tpch", "--dsn", pg.dsn)
        assert done.returncode == 1 and f"condition {condition} VIOLATED" in done.stdout or condition == "suppliers", done.stdout
        assert says in done.stdout


# -- tests of TPC-H --------------------------------------------------------------------------------------------------------


def test_a_power_test_asks_each_query_once_and_gets_rows_where_there_must_be_some(records):
    found, done = records("--bench", "tpch", "--rounds", "2")
    asked, summary = found[:-1], found[-1]
    assert done.returncode == 0, done.stderr
    assert [r["query"] for r in asked[:22]] == [14, 2, 9, 20, 6, 17, 18, 8, 21, 13, 3, 22, 16, 4, 11, 15, 1, 10, 19, 5, 7, 12]
    assert len(asked) == 44 and all(r["outcome"] == "answered" and r["seconds"] > 0 for r in asked)
    exact = {1: 4, 3: 10, 4: 5, 6: 1, 8: 2, 10: 20, 12: 2, 14: 1, 17: 1, 19: 1, 22: 7}
    least = {5: 3, 7: 3, 9: 100, 11: 1, 13: 15, 15: 1, 16: 200}
    for r in asked:
        assert r["rows"] == exact.get(r["query"], r["rows"]) and r["rows"] >= least.get(r["query"], 0), r
    times = [r["seconds"] for r in asked]
    product = 1.0
    for t in times:
        product *= t ** (1 / 44)
    assert summary["type"] == "summary" and summary["complete"] and summary["test"] == "power"
    assert summary["geometric_mean_s"] == pytest.approx(product, rel=1e-6) and summary["total_s"] == pytest.approx(sum(times), rel=1e-6)
    assert re.fullmatch("[0-9a-f]{16}", summary["digest"])


def test_answers_agree_however_the_server_plans(loaded, records, settings):
    before, _ = records("--bench", "tpch")
    ways = [
        {"enable_hashjoin": "off"},
        {"enable_nestloop": "off", "enable_mergejoin": "off"},
        {"enable_seqscan": "off", "enable_hashagg": "off", "work_mem": "64kB"},
        {"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "0", "max_parallel_workers_per_gather": "3"},
        {"jit_above_cost": "0"},
    ]
    for way in ways:
        settings(**way)
        after, done = records("--bench", "tpch", "--expect", before[-1]["digest"])
        assert answers(after) == answers(before), way
        assert done.returncode == 0, done.stderr
        for name in way:
            loaded.psql(f"ALTER DATABASE postgres RESET {name}")


def test_answers_agree_however_the_session_would_write_them(records):
    before, _ = records("--bench", "tpch")
    after, done = records("--bench", "tpch", "--expect", before[-1]["digest"], env={"PGDATESTYLE": "German", "PGOPTIONS": "-c extra_float_digits=-3 -c intervalstyle=iso_8601"})
    assert answers(after) == answers(before)
    assert done.returncode == 0, done.stderr


def test_answers_differ_when_the_data_do(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--bench", "tpch", "--dsn", pg.dsn, "--scale", "0.002", "--seed", "2").returncode == 0
    first = driver("run", "--bench", "tpch", "--dsn", pg.dsn, "--seed", "1", "--json")
    before = [json.loads(line) for line in first.stdout.splitlines()]
    pg.psql("UPDATE tpch.lineitem SET l_extendedprice = l_extendedprice + 0.01 WHERE l_shipdate = '1995-01-10'")
    second = driver("run", "--bench", "tpch", "--dsn", pg.dsn, "--seed", "1", "--json", "--expect", before[-1]["digest"])
    after = [json.loads(line) for line in second.stdout.splitlines()]
    assert second.returncode == 1 and "not those that were expected" in second.stderr
    changed = {q for q in QUERIES if answers(before)[q] != answers(after)[q]}
    assert 1 in changed and not changed & {2, 4, 11, 12, 13, 16, 18, 20, 21, 22}


def test_a_throughput_test_runs_streams_side_by_side(records, driver, loaded):
    found, done = records("--bench", "tpch", "--test", "throughput", "--streams", "3")
    asked, summary = found[:-1], found[-1]
    assert done.returncode == 0, done.stderr
    streams = {s: [r["query"] for r in asked if r["stream"] == s] for s in (1, 2, 3)}
    assert all(set(order) == QUERIES and len(order) == 22 for order in streams.values()) and len(asked) == 66
    assert len({tuple(order) for order in streams.values()}) == 3
    assert len({tuple(r["parameters"]) for r in asked if r["query"] == 16}) == 3
    assert summary["elapsed_s"] < summary["total_s"]
    assert summary["queries_per_hour"] == pytest.approx(3600 * 66 / summary["elapsed_s"], rel=1e-6)
    text = driver("run", "--bench", "tpch", "--test", "throughput", "--dsn", loaded.dsn, "--seed", "3", "--streams", "3")
    assert "66 of 66 queries answered" in text.stdout and f"answers {summary['digest']}" in text.stdout


def test_a_query_that_takes_too_long_is_given_up_and_the_mean_is_unknown(loaded, records):
    holder = loaded.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tpch.supplier IN ACCESS EXCLUSIVE MODE")
        found, done = records("--bench", "tpch", "--query-timeout", "200ms")
        cursor.execute("ROLLBACK")
    holder.close()
    asked, summary = found[:-1], found[-1]
    assert done.returncode == 1 and "not every query was answered" in done.stderr
    late = {r["query"] for r in asked if r["outcome"] == "timed_out"}
    assert late >= {2, 5, 7, 8, 9, 11, 15, 16, 20, 21} and len(asked) == 22
    assert all(0.2 <= r["seconds"] < 60 and r["digest"] is None and r["rows"] is None for r in asked if r["query"] in late)
    assert summary["timed_out"] == len(late) and summary["geometric_mean_s"] is None and summary["digest"] is None
    assert summary["geometric_mean_at_least_s"] > 0.02


def test_a_server_that_restarts_costs_a_query_and_not_the_test(loaded, background):
    holder = loaded.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tpch.part IN ACCESS EXCLUSIVE MODE")
        run = background("--bench", "tpch")
        wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0)
        loaded.restart("immediate")
    found, err = run.finish()
    asked, summary = found[:-1], found[-1]
    assert [r["outcome"] for r in asked] == ["failed"] + ["answered"] * 21, err
    assert summary["failed"] == 1 and summary["geometric_mean_s"] is None


def test_a_test_whose_server_does_not_come_back_ends_by_itself(loaded, background):
    holder = loaded.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tpch.part IN ACCESS EXCLUSIVE MODE")
        run = background("--bench", "tpch", "--timeout", "1")
        wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0)
        loaded.stop("immediate")
    try:
        found, err = run.finish()
    finally:
        loaded.start()
    assert run.process.returncode == 1 and "not every query was answered" in err
    assert [r["outcome"] for r in found[:-1]] == ["failed"] and not found[-1]["complete"] and not found[-1]["interrupted"]


def probes_s(port):
    """In how many seconds each connection to a port of this host asks whether there is still anybody."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return [int(row[5][3:], 16) / os.sysconf("SC_CLK_TCK") for row in rows if row[2].endswith(f":{port:04X}") and row[5].startswith("02:")]


def test_a_host_that_goes_without_a_word_is_noticed_in_a_minute_and_not_in_hours(loaded, spawn, driver):
    holder = loaded.connect()      # its own connection has the kernel's two hours
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tpch.part, warehouse IN ACCESS EXCLUSIVE MODE")
        for dsn, least, most in ((loaded.dsn, 0, 30), (loaded.dsn + " keepalives_idle=500", 400, 500)):
            for command in (["run", "--bench", "tpch", "--grace", "0"], ["check"]):
                process = spawn([driver.path, command[0], "--dsn", dsn, *command[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0)
                # Shown once the server's kernel has acknowledged the query, which takes it 40 ms and more.
                wait_until(lambda: len([s for s in probes_s(loaded.port) if least <= s <= most]) == 1, 20, lambda: (command, probes_s(loaded.port)))
                process.kill()
                process.wait()
                loaded.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0)
        cursor.execute("ROLLBACK")
    holder.close()


def test_the_end_of_a_run_stops_the_query_on_the_server_too(loaded, spawn, driver):
    holder = loaded.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE tpch.part IN ACCESS EXCLUSIVE MODE")
        process = spawn([driver.path, "run", "--dsn", loaded.dsn, "--bench", "tpch", "--json", "--grace", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0)
        cursor.execute("ROLLBACK")
    holder.close()
    found = [json.loads(line) for line in out.splitlines()]
    assert [r["outcome"] for r in found[:-1]] == ["unfinished"] and found[-1]["interrupted"] and found[-1]["digest"] is None


def test_a_server_that_stands_still_does_not_hold_the_end_of_a_run(loaded, background):
    run = background("--bench", "tpch", "--test", "loop", "--duration", "0", "--grace", "0")
    wait_until(lambda: run.latency()["queries"] > 0)
    with loaded.frozen():
        run.process.send_signal(signal.SIGINT)
        found, _ = run.finish()
    assert found[-1]["type"] == "summary" and found[-1]["interrupted"]
    wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load'") == 0)


def test_queries_may_be_asked_of_a_standby(loaded, driver):
    loaded.stop("fast")
    signal_file = os.path.join(loaded.data, "standby.signal")
    with open(signal_file, "w", encoding="utf-8"):
        pass
    if loaded.owner:
        os.chown(signal_file, loaded.owner.pw_uid, loaded.owner.pw_gid)
    try:
        loaded.start()
        done = driver("run", "--dsn", loaded.dsn, "--bench", "tpch")
        refused = driver("run", "--dsn", loaded.dsn, "--bench", "mixed", "--duration", "1")
    finally:
        loaded.stop("fast")
        if os.path.exists(signal_file):
            os.unlink(signal_file)
        loaded.start()
    assert done.returncode == 0 and "22 of 22 queries answered" in done.stdout, done.stderr
    assert refused.returncode == 1 and "standby" in refused.stderr


# -- both at once ----------------------------------------------------------------------------------------------------------


def test_a_mixed_load_runs_both_and_counts_each_class(loaded, driver, background):
    run = background("--bench", "mixed", "--clients", "2", "--streams", "1", "--duration", "0")
    wait_until(lambda: run.latency()["tpcc_transactions"] > 100 and run.latency()["queries"] > 44 and run.latency()["connected"] == 3)
    seen, metrics = run.latency(), run.get("/metrics")
    run.process.send_signal(signal.SIGINT)
    found, err = run.finish()
    summary = found[-1]
    kinds = summary["per_transaction"]
    assert summary["errors"] == 0, err
    assert list(kinds) == ["new_order", "payment", "order_status", "delivery", "stock_level", *(f"q{n}" for n in range(1, 23))]
    assert summary["tpcc"]["transactions"] == sum(kinds[k]["transactions"] for k in kinds if k[0] != "q") > 100
    assert summary["tpch"]["queries"] == sum(kinds[k]["transactions"] for k in kinds if k[0] == "q") > 5
    assert summary["transactions"] == summary["tpcc"]["transactions"] + summary["tpch"]["queries"] == sum(n for _, n in summary["buckets"])
    assert summary["tpch"]["queries_per_hour"] == pytest.approx(3600 * summary["tpch"]["queries"] / summary["seconds"], rel=0.001)
    assert seen["clients"] == seen["connected"] == 3 and seen["transactions"] == seen["tpcc_transactions"] + seen["queries"]
    for n in QUERIES:
        one = seen["per_transaction"][f"q{n}"]
        assert sum(count for _, count in one["buckets"]) == one["transactions"]
    assert 'homeostat_load_latency_seconds_count{type="q21"}' in metrics and 'type="new_order"' in metrics
    assert driver("check", "--bench", "mixed", "--dsn", loaded.dsn).returncode == 0


@in_one_of(3)
def test_shares_say_how_much_of_the_time_is_worked(records):
    found, done = records("--bench", "tpch", "--test", "loop", "--streams", "1", "--tpch-share", "25", "--duration", "5")
    summary = found[-1]
    assert done.returncode == 0, done.stderr
    assert 0.15 < summary["sum_us"] / 1e6 / summary["seconds"] < 0.35
    found, _ = records("--bench", "mixed", "--clients", "2", "--tpcc-share", "50", "--streams", "2", "--tpch-share", "50", "--duration", "3")
    tpcc = sum(k["mean_ms"] * k["transactions"] for name, k in found[-1]["per_transaction"].items() if name[0] != "q" and k["transactions"])
    tpch = sum(k["mean_ms"] * k["transactions"] for name, k in found[-1]["per_transaction"].items() if name[0] == "q" and k["transactions"])
    assert tpcc / 1e3 / found[-1]["seconds"] < 1.05 and tpch / 1e3 / found[-1]["seconds"] < 1.2   # one client and one stream, no more


# -- schedules -------------------------------------------------------------------------------------------------------------

SWITCH = """
tpcc: {clients: 2}
tpch: {streams: 2}
phases:
  - {name: first, duration: 2s, tpcc: 100%}
  - {name: reports, duration: 3s, tpch: 100%}
  - {name: again, duration: 2s, tpcc: 100%}
"""


@in_one_of(3)
def test_a_schedule_switches_between_the_benchmarks(tmp_path, background):
    path = tmp_path / "switch.yaml"
    path.write_text(SWITCH)
    run = background("--schedule", str(path))
    seen = {}
    try:
        while True:
            now = run.latency()
            if now["phase"] == "measure" and now["schedule"]["phase"]:
                seen[now["schedule"]["phase"]] = (now["schedule"]["tpcc_share"], now["schedule"]["tpch_share"])
            time.sleep(0.1)
    except OSError:
        pass
    found, err = run.finish()
    parts = [r for r in found if r["type"] == "phase"]
    assert [p["name"] for p in parts] == ["first", "reports", "again"], err
    assert [round(p["seconds"]) for p in parts] == [2, 3, 2] and [round(p["from_s"]) for p in parts] == [0, 2, 5]
    assert parts[0]["tpcc"]["transactions"] > 50 and parts[2]["tpcc"]["transactions"] > 50 and parts[1]["tpch"]["queries"] > 5
    assert parts[1]["tpcc"]["transactions"] <= 2 and parts[0]["tpch"]["queries"] == 0 and parts[2]["tpch"]["queries"] <= 2   # what was under way
    assert seen == {"first": (1, 0), "reports": (0, 1), "again": (1, 0)}
    assert found[-1]["type"] == "summary" and found[-1]["errors"] == 0 and found[-1]["seconds"] == pytest.approx(7, abs=0.5)


@in_one_of(3)
def test_a_schedule_shapes_the_arrivals_of_an_open_loop(tmp_path, records):
    path = tmp_path / "rate.yaml"
    path.write_text("tpcc: {clients: 4, rate: 150}\nphases:\n  - {name: low, duration: 3s, tpcc: 20%}\n  - {name: up, duration: 4s, tpcc: 100%, ramp: 4s}\n  - {name: none, duration: 1s}\n")
    found, done = records("--schedule", str(path))
    assert done.returncode == 0, done.stderr
    parts = {r["name"]: r["tpcc"]["transactions"] for r in found if r["type"] == "phase"}
    assert 60 < parts["low"] < 125 and 290 < parts["up"] < 430 and parts["none"] < 15     # 90, 360 and what was late
    summary = found[-1]
    assert summary["mode"] == "open" and summary["arrivals"] == summary["transactions"] + summary["errors"] + summary["dropped"] + summary["unfinished"] + summary["queued"]


def test_clients_of_an_open_loop_do_not_burn_the_processor_when_nothing_more_will_arrive(tmp_path, records):
    path = tmp_path / "evening.yaml"
    path.write_text("tpcc: {clients: 4, rate: 20}\nphases:\n  - {name: day, duration: 1s, tpcc: 100%}\n  - {name: night, duration: 6s}\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found, done = records("--schedule", str(path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and found[-1]["transactions"] > 0, done.stderr
    # Four clients that look for work again and again would take six seconds of at least one processor.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_a_long_night_without_arrivals_holds_nobody_up(tmp_path, background):
    path = tmp_path / "night.yaml"
    path.write_text("tpcc: {clients: 2, rate: 10000}\nphases:\n  - {name: day, duration: 100ms, tpcc: 100%}\n  - {name: night, duration: 365d}\n")
    run = background("--schedule", str(path), "--grace", "0")
    # Whoever drew the arrivals of the night, to keep none of them, would hold the lock of all that is asked here for an hour.
    wait_until(lambda: run.latency().get("schedule", {}).get("phase") == "night" and run.latency()["transactions"] > 0)
    run.process.send_signal(signal.SIGINT)
    found, err = run.finish()
    summary = found[-1]
    assert summary["type"] == "summary" and summary["interrupted"], err
    assert summary["arrivals"] == summary["transactions"] + summary["errors"] + summary["dropped"] + summary["unfinished"] + summary["queued"]


def test_a_schedule_that_is_cut_short_says_so(tmp_path, background):
    path = tmp_path / "long.yaml"
    path.write_text("repeat: off\nphases: [{name: day, duration: 1h, tpcc: 100%, wave: {period: 1min}}]\n")
    run = background("--schedule", str(path))
    wait_until(lambda: run.latency()["transactions"] > 10)
    threading.Timer(0.5, run.process.send_signal, [signal.SIGTERM]).start()
    found, _ = run.finish()
    assert [(r["name"], r["interrupted"]) for r in found if r["type"] == "phase"] == [("day", True)] and found[-1]["interrupted"]


@in_one_of(3)
def test_a_restart_while_everybody_rests_costs_no_error(loaded, tmp_path, background):
    path = tmp_path / "rest.yaml"
    path.write_text("tpcc: {clients: 2}\nphases:\n  - {name: a, duration: 1s, tpcc: 100%, tpch: 100%}\n  - {name: rest, duration: 10s}\n"
                    "  - {name: b, duration: 3s, tpcc: 100%, tpch: 100%}\n")
    run = background("--schedule", str(path))
    wait_until(lambda: run.latency().get("schedule", {}).get("phase") == "rest")
    time.sleep(1)
    loaded.restart("fast")
    found, err = run.finish()
    summary, parts = found[-1], {r["name"]: r for r in found if r["type"] == "phase"}
    assert summary["errors"] == 0 and summary["lost_connections"] == 3, err
    assert parts["b"]["tpcc"]["transactions"] > 20 and parts["b"]["tpch"]["queries"] > 2


def test_a_result_that_could_not_be_written_is_no_success(tmp_path, driver):
    path = tmp_path / "day.yaml"
    path.write_text("phases: [{duration: 1min, tpcc: 100%}]\n")
    for output in ([], ["-o", "json"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([driver.path, "check", "--schedule", str(path), *output], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert done.returncode == 1 and "standard output" in done.stderr


def test_a_schedule_is_checked_without_a_database(tmp_path, driver):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(SWITCH)
    bad.write_text("tpcc: {clients: 0}\nphases:\n  - {duration: 10, tpcc: 100%}\n  - duration: 5s\n    tpch: 500%\n    rammp: 2s\n")
    env = {"PGHOST": "127.0.0.1", "PGPORT": "1"}
    done = driver("check", "--schedule", str(good), env=env)
    assert done.returncode == 0 and "reports" in done.stdout and "3 phases, 7.0 s" in done.stdout, done.stderr
    plan = json.loads(driver("check", "--schedule", str(good), "--output", "json", env=env).stdout)
    assert plan["ok"] and [p["from_s"] for p in plan["phases"]] == [0, 2, 5] and plan["streams"] == 2
    done = driver("check", "--schedule", str(bad), env=env)
    assert done.returncode == 2
    for place in (":1:17: tpcc.clients", ":3:16: phases[0].duration: `10` has no unit", ":5:11: phases[1].tpch: 500%", ":6:5: unknown key `rammp`"):
        assert str(bad) + place in done.stderr, done.stderr
    report = json.loads(driver("check", "--schedule", str(bad), "--json", env=env).stdout)
    assert not report["ok"] and [(c["line"], c["column"]) for c in report["complaints"]] == [(1, 17), (3, 16), (5, 11), (6, 5)]
    done = driver("run", "--schedule", str(bad), env=env)
    assert done.returncode == 2 and "bad.yaml:1:17" in done.stderr
    done = driver("check", "--schedule", str(tmp_path / "none.yaml"))
    assert done.returncode == 2 and "none.yaml" in done.stderr


def test_what_cannot_work_is_refused_with_a_reason(loaded, driver):
    empty = loaded.create_database("bare")
    cases = [
        (["load", "--bench", "tpch", "--dsn", empty], 2, "--scale"),
        (["load", "--bench", "tpch", "--dsn", empty, "--scale", "0"], 2, "out of range"),
        (["load", "--bench", "tpch", "--dsn", empty, "--scale", "0.01", "--schema", "My Schema"], 2, "no name for a schema"),
        (["run", "--bench", "tpch", "--dsn", empty], 1, "has no TPC-H tables"),
        (["run", "--bench", "tpch", "--dsn", loaded.dsn, "--clients", "4"], 2, "--streams"),
        (["run", "--bench", "tpch", "--dsn", loaded.dsn, "--duration", "4"], 2, "a test ends"),
        (["run", "--dsn", loaded.dsn, "--streams", "2"], 2, "--bench tpch"),
        (["run", "--bench", "mixed", "--dsn", loaded.dsn, "--clients", "90", "--streams", "20"], 2, "max_connections"),
        (["run", "--bench", "oracle"], 2, "choose one of"),
        (["load", "--bench", "tpch", "--dsn", empty, "--scale", "0.01", "--warehouses", "2"], 2, "not warehouses"),
        (["load", "--dsn", empty, "--warehouses", "2", "--scale", "0.01"], 2, "not a scale factor"),
        (["check", "--dsn", empty, "--schema", "tpch"], 2, "search path"),
    ]
    for argv, status, says in cases:
        done = driver(*argv)
        assert done.returncode == status and says in done.stderr, (argv, done.stderr)
