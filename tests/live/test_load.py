"""homeostat-load against a real server: what it loads, what it runs, what it tells, and that nothing stops it but the end."""
import itertools
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from again import in_one_of

TABLES = {"warehouse": 1, "district": 10, "customer": 30000, "history": 30000, "orders": 30000, "new_order": 9000, "item": 100000, "stock": 100000}


@pytest.fixture(scope="module")
def loaded(postgres, driver):
    """The server with one warehouse in it; tests leave it consistent and running."""
    done = driver("load", "--dsn", postgres.dsn, "--warehouses", "1", "--seed", "11")
    assert done.returncode == 0, done.stderr
    assert "loaded 1 warehouses" in done.stdout
    return postgres


@pytest.fixture
def run_json(loaded, driver):
    """run_json("--duration", "2") -> (seconds, summary, CompletedProcess)."""
    def run(*argv, **how):
        done = driver("run", "--dsn", loaded.dsn, "--json", *argv, **how)
        assert done.stdout, done.stderr
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert [r["type"] for r in records] == ["second"] * (len(records) - 1) + ["summary"]
        return records[:-1], records[-1], done
    return run


@pytest.fixture
def background(loaded, driver, spawn):
    """background("--duration", "5") -> a running driver: .address of its endpoint, .finish() -> (seconds, summary, stderr)."""
    class Background:
        def __init__(self, *argv):
            self.process = spawn([driver.path, "run", "--dsn", loaded.dsn, "--json", "--listen", "127.0.0.1:0", *argv],
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

        def wait_for(self, phase, timeout_s=120):
            deadline = time.monotonic() + timeout_s
            while self.latency()["phase"] != phase:
                assert time.monotonic() < deadline
                time.sleep(0.02)

        def finish(self, timeout_s=120):
            out, err = self.process.communicate(timeout=timeout_s)
            records = [json.loads(line) for line in out.splitlines()]
            assert records and records[-1]["type"] == "summary", err
            return records[:-1], records[-1], err
    return Background


def assert_consistent(driver, cluster):
    done = driver("check", "--dsn", cluster.dsn)
    assert done.returncode == 0, done.stdout + done.stderr
    # Conditions 8, 9, 10 and 12 as well: they show what a lost or doubled half of a transaction would leave.
    assert cluster.value("SELECT count(*) FROM warehouse WHERE w_ytd <> (SELECT sum(h_amount) FROM history WHERE h_w_id = w_id)") == 0
    assert cluster.value("SELECT count(*) FROM district WHERE d_ytd <> (SELECT sum(h_amount) FROM history WHERE h_w_id = d_w_id AND h_d_id = d_id)") == 0
    assert cluster.value("""
        WITH paid AS (SELECT h_c_w_id AS w, h_c_d_id AS d, h_c_id AS c, sum(h_amount) AS amount FROM history GROUP BY 1, 2, 3),
        got AS (SELECT o_w_id AS w, o_d_id AS d, o_c_id AS c, sum(ol_amount) AS amount FROM orders
                JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND ol_o_id = o_id WHERE ol_delivery_d IS NOT NULL GROUP BY 1, 2, 3)
        SELECT count(*) FROM customer LEFT JOIN paid ON (w, d, c) = (c_w_id, c_d_id, c_id) LEFT JOIN got USING (w, d, c)
        WHERE c_balance <> coalesce(got.amount, 0) - coalesce(paid.amount, 0) OR c_ytd_payment <> coalesce(paid.amount, 0)""") == 0
    assert cluster.value("""SELECT count(*) FROM orders LEFT JOIN new_order ON (no_w_id, no_d_id, no_o_id) = (o_w_id, o_d_id, o_id)
                            WHERE (o_carrier_id IS NULL) <> (no_o_id IS NOT NULL)""") == 0


# -- load ------------------------------------------------------------------------------------------------------------------


def test_a_load_has_the_contents_that_the_specification_asks_for(driver, make_postgres):
    pg = make_postgres()
    done = driver("load", "--dsn", pg.url, "--warehouses", "2", "--threads", "2", "--seed", "5", "--foreign-keys")
    assert done.returncode == 0, done.stderr
    for table, rows in TABLES.items():
        assert pg.value(f"SELECT count(*) FROM {table}") == rows * (1 if table == "item" else 2), table
    assert 2 * 285000 < pg.value("SELECT count(*) FROM order_line") < 2 * 315000
    assert_consistent(driver, pg)
    share = {"item": "i_data LIKE '%ORIGINAL%'", "stock": "s_data LIKE '%ORIGINAL%'", "customer": "c_credit = 'BC'"}
    for table, condition in share.items():
        assert 0.09 < pg.value(f"SELECT avg(({condition})::int)::float FROM {table}") < 0.11, table
    assert pg.psql("SELECT min(no_o_id), max(no_o_id) FROM new_order") == [(2101, 3000)]
    assert pg.psql("SELECT count(*) FROM orders WHERE (o_carrier_id IS NULL) <> (o_id >= 2101)") == [(0,)]
    assert pg.psql("SELECT count(*) FROM order_line WHERE (ol_delivery_d IS NULL) <> (ol_o_id >= 2101) OR (ol_amount > 0) <> (ol_o_id >= 2101)") == [(0,)]
    assert pg.psql("SELECT count(DISTINCT o_c_id) FROM orders GROUP BY o_w_id, o_d_id") == [(3000,)] * 20
    assert pg.psql("SELECT c_last FROM customer WHERE c_id IN (1, 372, 1000) AND c_d_id = 1 AND c_w_id = 2 ORDER BY c_id") == [
        ("BARBARBAR",), ("PRICALLYOUGHT",), ("EINGEINGEING",)]
    assert pg.value("SELECT min(n) FROM (SELECT count(DISTINCT c_last) AS n FROM customer GROUP BY c_w_id, c_d_id) AS x") == 1000
    assert pg.psql("SELECT min(length(c_data)), max(length(c_data)) FROM customer") == [(300, 500)]
    assert pg.psql("SELECT min(length(i_name)), max(length(i_name)), min(i_price), max(i_price) FROM item")[0][:2] == (14, 24)
    assert pg.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 10
    assert pg.value("SELECT count(*) FROM pg_class WHERE relname IN ('customer', 'stock') AND reltuples > 50000") == 2
    done = driver("run", "--dsn", pg.url, "--clients", "4", "--duration", "2", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert_consistent(driver, pg)


def test_the_same_seed_loads_the_same_rows_whatever_the_number_of_threads(driver, make_postgres):
    pg = make_postgres()
    digest = """SELECT md5(string_agg(x, '' ORDER BY x)) FROM (
        SELECT s_i_id || s_data || s_dist_03 AS x FROM stock UNION ALL SELECT c_id || c_first || c_last || c_data FROM customer
        UNION ALL SELECT o_id || ' ' || o_c_id || ' ' || o_ol_cnt FROM orders) AS rows"""
    seen = set()
    for threads in ("1", "3"):
        dsn = pg.create_database("threads" + threads)
        assert driver("load", "--dsn", dsn, "--warehouses", "1", "--threads", threads, "--seed", "9").returncode == 0
        seen.add(pg.value(digest, database="threads" + threads))
    assert len(seen) == 1


def test_a_second_load_is_refused_unless_forced_and_tables_of_others_are_never_dropped(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    again = driver("load", "--dsn", pg.dsn, "--warehouses", "1")
    assert again.returncode == 1 and "the tables are there already" in again.stderr and "--force" in again.stderr
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1", "--force").returncode == 0
    other = pg.create_database("shop")
    pg.psql("CREATE TABLE customer (id int, name text); INSERT INTO customer VALUES (1, 'a real one')", database="shop")
    for force in ([], ["--force"]):
        done = driver("load", "--dsn", other, "--warehouses", "1", *force)
        assert done.returncode == 1 and "were not made by homeostat-load: customer" in done.stderr
    assert pg.psql("SELECT * FROM customer", database="shop") == [(1, "a real one")]
    assert pg.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database="shop") == 1


def test_a_table_of_somebody_else_that_lies_before_ours_in_the_search_path_is_neither_dropped_nor_written(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    pg.psql("CREATE SCHEMA shop; CREATE TABLE shop.orders (LIKE public.orders); INSERT INTO shop.orders SELECT * FROM public.orders WHERE o_id = 1")
    path = {"PGOPTIONS": "-c search_path=shop,public"}
    load = driver("load", "--dsn", pg.dsn, "--warehouses", "1", "--force", env=path)
    assert load.returncode == 1 and "were not made by homeostat-load" in load.stderr
    run = driver("run", "--dsn", pg.dsn, "--duration", "1", env=path)
    assert run.returncode == 1 and "were not loaded by homeostat-load" in run.stderr
    assert pg.psql("SELECT count(*), max(o_id) FROM shop.orders") == [(10, 1)]
    assert pg.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 9
    assert driver("run", "--dsn", pg.dsn, "--duration", "1").returncode == 0


def test_a_load_that_did_not_finish_is_noticed_and_can_be_started_again(driver, spawn, make_postgres):
    pg = make_postgres()
    process = spawn([driver.path, "load", "--dsn", pg.dsn, "--warehouses", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)     # it must not be finished before it is killed
    wait_until(lambda: pg.value("SELECT count(*) FROM pg_tables WHERE tablename = 'customer'") > 0)
    process.kill()
    process.wait()
    for command in (["run", "--duration", "1"], ["check"]):
        done = driver(command[0], "--dsn", pg.dsn, *command[1:])
        assert done.returncode == 1 and "did not finish" in done.stderr
    wait_until(lambda: pg.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load'") == 0)      # its sessions notice that it is gone
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1", "--force").returncode == 0
    assert driver("run", "--dsn", pg.dsn, "--duration", "1").returncode == 0


def test_sums_of_payments_have_room_for_years(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    # A thousand transactions a second pay a million a second.
    pg.psql("UPDATE district SET d_ytd = 1e6 * 86400 * 3650; UPDATE warehouse SET w_ytd = 1e7 * 86400 * 3650")
    done = driver("run", "--dsn", pg.dsn, "--duration", "2", "--json")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and summary["errors"] == 0 and summary["per_transaction"]["payment"]["transactions"] > 0
    assert driver("check", "--dsn", pg.dsn).returncode == 0


# -- run -------------------------------------------------------------------------------------------------------------------


@in_one_of(3)
def test_a_closed_loop_does_what_it_says_it_did(loaded, driver, run_json):
    counts = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM history), (SELECT count(*) FROM new_order)"
    for duration in (3, 30):      # the second one where the first is too short for a thousand transactions: one in a hundred orders is rolled back
        before = loaded.psql(counts)[0]
        seconds, summary, done = run_json("--clients", "4", "--duration", str(duration), "--seed", "1")
        after = loaded.psql(counts)[0]
        if summary["transactions"] > 1000:
            break
    assert done.returncode == 0 and summary["errors"] == 0 and summary["unfinished"] == 0
    kinds = summary["per_transaction"]
    assert after[0] - before[0] == kinds["new_order"]["transactions"] - summary["rolled_back"]
    assert after[1] - before[1] == kinds["payment"]["transactions"]
    assert before[2] - after[2] == 10 * kinds["delivery"]["transactions"] - summary["skipped_deliveries"] - (after[0] - before[0])
    total = summary["transactions"]
    assert total == sum(k["transactions"] for k in kinds.values()) == sum(n for _, n in summary["buckets"]) > 300
    for kind, share in {"new_order": 0.45, "payment": 0.43, "order_status": 0.04, "delivery": 0.04, "stock_level": 0.04}.items():
        assert abs(kinds[kind]["transactions"] / total - share) < 0.03
    assert summary["rolled_back"] > 0
    assert len(seconds) == duration and sum(s["transactions"] for s in seconds) == pytest.approx(total, rel=0.01)
    assert summary["p50_ms"] <= summary["p95_ms"] <= summary["p99_ms"] <= summary["max_ms"]
    assert_consistent(driver, loaded)


@in_one_of(3)
def test_text_output_has_a_line_a_second_and_a_table(loaded, driver):
    done = driver("run", "--dsn", loaded.dsn, "--clients", "2", "--duration", "2", "--warmup", "1", "--seed", "4")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and "1 warehouses, 2 clients, read committed, seed 4, closed loop" in lines[0]
    assert [float(line.split()[0]) for line in lines[2:5]] == pytest.approx([1, 2, 3], abs=0.2)
    assert "warm-up" in lines[2] and "warm-up" not in lines[3]
    for name in ("new_order", "payment", "order_status", "delivery", "stock_level", "all"):
        assert any(line.startswith(name) for line in lines)


@in_one_of(3)
def test_an_open_loop_keeps_its_rate_and_accounts_for_every_arrival(loaded, driver, run_json):
    _, summary, done = run_json("--clients", "4", "--rate", "150", "--duration", "5", "--warmup", "0", "--seed", "2")
    assert done.returncode == 0 and summary["mode"] == "open" and summary["rate"] == 150
    assert summary["arrivals"] == pytest.approx(750, abs=120)
    assert summary["arrivals"] == summary["transactions"] + summary["errors"] + summary["dropped"] + summary["unfinished"] + summary["queued"]
    assert summary["dropped"] == 0 and summary["queued"] == 0
    assert_consistent(driver, loaded)


@in_one_of(3)
def test_a_share_of_a_rate_is_what_arrives_and_what_is_told(loaded, run_json):
    _, summary, _ = run_json("--clients", "4", "--rate", "200", "--tpcc-share", "25", "--duration", "4", "--seed", "2")
    assert summary["arrivals"] == pytest.approx(200, abs=60) and summary["rate"] == 50


@in_one_of(3)
def test_an_open_loop_does_not_hide_a_stall(loaded, background):
    run = background("--clients", "4", "--rate", "100", "--duration", "5", "--seed", "3")
    run.wait_for("measure")
    time.sleep(1)
    with_lock = loaded.connect()
    with with_lock.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
        time.sleep(2)
        cursor.execute("COMMIT")
    with_lock.close()
    _, summary, _ = run.finish()
    assert summary["errors"] == 0
    # 200 of 500 arrivals fell into two seconds of standstill: a closed loop would have seen four slow transactions.
    assert summary["max_ms"] > 1800
    assert summary["p90_ms"] > 500
    assert sum(n for upper, n in summary["buckets"] if upper > 300000) > 100


def test_a_full_queue_drops_and_counts(loaded, run_json):
    _, summary, done = run_json("--clients", "1", "--rate", "20000", "--queue", "20", "--duration", "2", "--seed", "6")
    assert done.returncode == 0
    assert summary["dropped"] > 1000
    assert summary["arrivals"] == summary["transactions"] + summary["errors"] + summary["dropped"] + summary["unfinished"] + summary["queued"]


def percentile_us(buckets, q):
    wanted, seen = q * sum(n for _, n in buckets), 0
    for upper, n in sorted(buckets):
        seen += n
        if seen >= wanted:
            return upper
    return None


def minus(later, earlier):
    old = {upper: n for upper, n in earlier}
    return [(upper, n - old.get(upper, 0)) for upper, n in later if n > old.get(upper, 0)]


@in_one_of(3)
def test_percentiles_from_the_endpoint_are_those_of_the_summary(background):
    run = background("--clients", "4", "--duration", "4", "--warmup", "1", "--seed", "5")
    run.wait_for("measure")
    first = run.latency()
    middle = run.latency()
    last = first
    try:
        while True:
            last = run.latency()
            time.sleep(0.02)
    except (urllib.error.URLError, ConnectionError, OSError):
        pass
    _, summary, _ = run.finish()
    for older, newer in ((first, middle), (middle, last)):
        assert newer["mono_us"] > older["mono_us"] and newer["transactions"] >= older["transactions"] and newer["sum_us"] >= older["sum_us"]
        assert newer["transactions"] == sum(n for _, n in newer["buckets"])
    interval = minus(last["buckets"], first["buckets"])
    seen = sum(n for _, n in interval)
    assert seen == pytest.approx(summary["transactions"], rel=0.05)
    for q, name in ((0.5, "p50_ms"), (0.95, "p95_ms"), (0.99, "p99_ms")):
        assert percentile_us(interval, q) / 1000 == pytest.approx(summary[name], rel=0.06)
    assert (last["mode"], last["clients"], last["rate"]) == ("closed", 4, None)


def test_the_endpoint_speaks_prometheus_and_nothing_else_changes_anything(background):
    run = background("--clients", "2", "--duration", "0", "--rate", "50", "--seed", "5")
    wait_until(lambda: all(run.latency()["per_transaction"][kind]["transactions"] > 0 for kind in ("new_order", "payment")))
    text = run.get("/metrics")
    counts = dict(re.findall(r'^homeostat_load_transactions_total\{type="(\w+)"\} (\d+)$', text, re.M))
    assert set(counts) == {"new_order", "payment", "order_status", "delivery", "stock_level"} and int(counts["new_order"]) > 0
    bounds = [int(n) for n in re.findall(r'latency_seconds_bucket\{type="payment",le="[^"]+"\} (\d+)', text)]
    assert bounds == sorted(bounds) and bounds[-1] == int(re.search(r'latency_seconds_count\{type="payment"\} (\d+)', text).group(1))
    assert "homeostat_load_connected 2" in text
    for method, path, status in (("POST", "/latency", 405), ("DELETE", "/metrics", 405), ("GET", "/", 404), ("GET", "/latency/x", 404)):
        request = urllib.request.Request(f"http://{run.address}{path}", method=method, data=b"x" if method == "POST" else None)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert refused.value.code == status
    run.process.send_signal(signal.SIGINT)
    run.finish()


def test_the_endpoint_stays_on_loopback(loaded, driver):
    for listen, says in (("0.0.0.0:0", "loopback only"), ("192.168.1.1:80", "loopback only"), ("nonsense", "ADDRESS:PORT"), ("127.0.0.1:x", "ADDRESS:PORT"), ("127.0.0.1:70000", "ADDRESS:PORT")):
        done = driver("run", "--dsn", loaded.dsn, "--duration", "1", "--listen", listen)
        assert done.returncode == 2 and says in done.stderr, done.stderr


def wait_until(true, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_a_restart_of_the_server_costs_each_client_an_error_and_no_more(loaded, driver, background, how):
    run = background("--clients", "4", "--duration", "0", "--seed", "7")
    run.wait_for("measure")
    time.sleep(1)
    loaded.kill() if how == "kill" else loaded.stop(how)
    wait_until(lambda: run.latency()["connected"] == 0 and run.latency()["failed_connects"] >= 4)
    down = run.latency()
    loaded.start()
    wait_until(lambda: run.latency()["connected"] == 4)
    wait_until(lambda: run.latency()["transactions"] > down["transactions"] + 50)
    run.process.send_signal(signal.SIGINT)
    _, summary, log = run.finish()
    assert 1 <= summary["errors"] <= 8 and 4 <= summary["lost_connections"] <= 8 and summary["failed_connects"] >= 4
    assert "clients met failures" in log
    assert_consistent(driver, loaded)


@in_one_of(3)
def test_an_open_loop_goes_on_after_a_restart_and_shows_what_the_restart_cost(loaded, driver, background):
    run = background("--clients", "4", "--duration", "15", "--rate", "100", "--seed", "8")      # time enough for a slow start of the server
    run.wait_for("measure")
    time.sleep(1)
    loaded.stop("fast")
    time.sleep(1)
    loaded.start()
    _, summary, _ = run.finish()
    assert summary["max_ms"] > 900 and summary["queued"] == 0 and summary["dropped"] == 0
    assert summary["arrivals"] == summary["transactions"] + summary["errors"] + summary["unfinished"]
    assert summary["errors"] <= 4
    assert_consistent(driver, loaded)


@in_one_of(3)
def test_a_server_that_stops_answering_does_not_hold_the_driver(loaded, background):
    run = background("--clients", "3", "--duration", "4", "--timeout", "1", "--grace", "1", "--seed", "9")
    run.wait_for("measure")
    time.sleep(1)
    with loaded.frozen():
        started = time.monotonic()
        _, summary, _ = run.finish()
        assert time.monotonic() - started < 30
    assert summary["errors"] >= 3 and summary["lost_connections"] >= 3
    wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load'") == 0)


def test_a_transaction_that_is_given_up_leaves_no_backend_behind_that_waits_for_its_lock(loaded, background):
    run = background("--clients", "3", "--duration", "0", "--timeout", "1", "--seed", "17")
    run.wait_for("measure")
    wait_until(lambda: run.latency()["transactions"] > 0)
    holder = loaded.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE district IN ACCESS EXCLUSIVE MODE")
            # New connections wait for the lock, too: preparing a statement looks at its tables.
            wait_until(lambda: run.latency()["failed_connects"] >= 6, timeout_s=60)
            run.process.send_signal(signal.SIGINT)
            run.finish()
            wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load'") == 0)
            cursor.execute("ROLLBACK")
    finally:
        holder.close()


def test_a_client_that_rests_behind_a_failed_transaction_holds_no_locks(driver, make_postgres, spawn, tmp_path):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    pg.psql("DELETE FROM item; DELETE FROM customer")   # so that every New-Order and every Payment finds something missing
    path = tmp_path / "day.yaml"
    path.write_text("tpcc: {clients: 16}\nphases:\n  - {name: day, duration: 1s, tpcc: 100%}\n  - {name: night, duration: 1h}\n")
    run = spawn([driver.path, "run", "--dsn", pg.dsn, "--schedule", str(path), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seconds = (json.loads(line) for line in run.stdout)
    nights = (s for s in seconds if s["type"] == "second" and s["schedule"]["phase"] == "night")
    assert any(night["connected"] == 16 for night in itertools.islice(nights, 60))      # the day may be over before all of them are
    wait_until(lambda: pg.psql("SELECT state, count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load' GROUP BY 1") == [("idle", 16)])
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode in (0, 1) and ("is not in the database" in err or "no customer called" in err)      # whichever was missed last


def test_a_host_that_is_switched_off_does_not_keep_the_clients_from_the_next_one(loaded, driver):
    # A queue that is full drops whoever knocks, as a host does that is not there.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        knocking = [socket.socket() for _ in range(4)]
        for one in knocking:
            one.setblocking(False)
            one.connect_ex(silent.getsockname())
        dsn = f"host=127.0.0.1,{loaded.host} port={silent.getsockname()[1]},{loaded.port} user={loaded.user} dbname={loaded.database} connect_timeout=2"
        done = driver("run", "--dsn", dsn, "--clients", "2", "--duration", "2", "--json")
        for one in knocking:
            one.close()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["transactions"] > 0


def test_a_shell_that_allows_few_descriptors_does_not_keep_clients_away(loaded, driver, spawn):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    run = spawn([driver.path, "run", "--dsn", loaded.dsn, "--clients", "40", "--duration", "1", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, hard)))
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0 and "Too many open files" not in err
    assert json.loads(out.splitlines()[-1])["failed_connects"] == 0 and json.loads(out.splitlines()[0])["connected"] == 40


@pytest.mark.parametrize("table", ["warehouse", "district"])
def test_a_payment_that_finds_nowhere_to_be_booked_is_no_success(driver, make_postgres, table):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    pg.psql(f"DELETE FROM {table}")
    done = driver("run", "--dsn", pg.dsn, "--clients", "1", "--duration", "2", "--json")
    kinds = json.loads(done.stdout.splitlines()[-1])["per_transaction"]
    assert kinds["payment"]["transactions"] == kinds["new_order"]["transactions"] == 0 and kinds["payment"]["errors"] > 0
    assert "is not in the database" in done.stderr


@pytest.mark.parametrize("loop", [[], ["--rate", "50"]])
def test_a_run_whose_clients_cannot_start_says_why_and_ends(loaded, driver, loop):
    loaded.psql("ALTER TABLE stock RENAME COLUMN s_data TO s_words")      # no client gets its statements prepared
    try:
        done = driver("run", "--dsn", loaded.dsn, "--clients", "2", "--duration", "2", *loop)
    finally:
        loaded.psql("ALTER TABLE stock RENAME COLUMN s_words TO s_data")
    assert done.returncode == 1 and "no client could connect" in done.stderr and "s_data" in done.stderr


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_without_an_end_and_the_summary_comes(background, which):
    began = time.monotonic()
    run = background("--clients", "2", "--duration", "0", "--seed", "10")
    wait_until(lambda: run.latency()["transactions"] > 0)
    run.wait_for("measure")
    time.sleep(1.2)
    run.process.send_signal(which)
    _, summary, err = run.finish(timeout_s=60)
    assert run.process.returncode == 0, err
    assert summary["interrupted"] is True and summary["transactions"] > 0 and summary["seconds"] < time.monotonic() - began


def test_a_reader_that_goes_away_ends_the_run(loaded, driver, spawn):
    run = spawn([driver.path, "run", "--dsn", loaded.dsn, "--clients", "1", "--duration", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    run.stdout.readline()
    run.stdout.close()
    run.stdout = None
    assert run.wait(60) == 1


@pytest.mark.parametrize("isolation", ["repeatable-read", "serializable"])
def test_serialisation_failures_are_repeated_and_counted(loaded, driver, run_json, isolation):
    _, summary, done = run_json("--clients", "8", "--duration", "3", "--isolation", isolation, "--seed", "12")
    assert done.returncode == 0 and summary["retries"] > 0
    assert summary["retries"] == sum(k["retries"] for k in summary["per_transaction"].values())
    assert summary["errors"] <= summary["transactions"] * 0.1
    assert summary["isolation"] == isolation.replace("-", " ")
    assert_consistent(driver, loaded)


def test_connections_are_replaced_when_they_are_old_and_nobody_notices(loaded, background):
    run = background("--clients", "2", "--duration", "0", "--lifetime", "0.5", "--seed", "16")
    run.wait_for("measure")
    pids = set()

    def were_replaced():
        pids.update(pid for pid, in loaded.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'homeostat-load'"))
        return len(pids) >= 6
    wait_until(were_replaced)
    wait_until(lambda: run.latency()["transactions"] > 200)
    run.process.send_signal(signal.SIGINT)
    _, summary, _ = run.finish()
    assert summary["errors"] == summary["lost_connections"] == summary["failed_connects"] == 0 and summary["transactions"] > 50


def test_thinking_time_slows_a_closed_loop_down(run_json):
    _, summary, _ = run_json("--clients", "4", "--duration", "3", "--think-time=0.01", "--seed", "13")
    # About 0.22 s of keying and thinking for each transaction.
    assert 0 < summary["tps"] < 60


def test_failures_of_statements_are_counted_and_do_not_burn_the_processor(loaded, driver, background):
    run = background("--clients", "2", "--duration", "0", "--seed", "14")
    run.wait_for("measure")
    loaded.psql("ALTER TABLE history RENAME TO history_gone")
    try:
        wait_until(lambda: run.latency()["errors"] > 0)
        time.sleep(1.5)
    finally:
        loaded.psql("ALTER TABLE history_gone RENAME TO history")
    run.process.send_signal(signal.SIGINT)
    _, summary, log = run.finish()
    kinds = summary["per_transaction"]
    assert kinds["payment"]["errors"] == summary["errors"] > 0 and kinds["new_order"]["errors"] == 0
    assert "history" in log
    assert_consistent(driver, loaded)


# -- check -----------------------------------------------------------------------------------------------------------------


def test_tables_that_somebody_emptied_are_not_consistent(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    pg.psql("DELETE FROM order_line WHERE ol_d_id = 3; DELETE FROM orders WHERE o_d_id = 3; DELETE FROM new_order WHERE no_d_id = 3; DELETE FROM district WHERE d_id = 3")
    done = driver("check", "--dsn", pg.dsn)
    assert done.returncode == 1 and "condition 2 VIOLATED" in done.stdout and "9 districts are there, 10 were loaded" in done.stdout
    pg.psql("TRUNCATE warehouse, district, customer, history, orders, new_order, order_line, item, stock")
    done = driver("check", "--dsn", pg.dsn, "-o", "json")
    found = {c["condition"]: c for c in json.loads(done.stdout)["conditions"]}
    assert done.returncode == 1 and [n for n in found if not found[n]["ok"]] == [1, 2, 4]
    assert (found[1]["looked_at"], found[1]["violations"], found[1]["first"]) == (0, 1, "0 warehouses are there, 1 were loaded")


@pytest.mark.parametrize("condition, breaks, mends, says", [
    (1, "UPDATE warehouse SET w_ytd = w_ytd + 1", "UPDATE warehouse SET w_ytd = w_ytd - 1", "warehouse 1: w_ytd is"),
    (2, "UPDATE district SET d_next_o_id = d_next_o_id + 1 WHERE d_id = 4", "UPDATE district SET d_next_o_id = d_next_o_id - 1 WHERE d_id = 4", "district 4"),
    (3, "WITH x AS (UPDATE new_order SET no_o_id = -1 WHERE no_d_id = 5 AND no_o_id = (SELECT max(no_o_id) - 1 FROM new_order WHERE no_d_id = 5)) SELECT 1",
     "UPDATE new_order SET no_o_id = (SELECT max(no_o_id) - 1 FROM new_order WHERE no_d_id = 5) WHERE no_o_id = -1", "district 5"),
    (4, "UPDATE orders SET o_ol_cnt = o_ol_cnt + 1 WHERE o_d_id = 6 AND o_id = 17", "UPDATE orders SET o_ol_cnt = o_ol_cnt - 1 WHERE o_d_id = 6 AND o_id = 17", "district 6"),
])
def test_a_planted_violation_is_found(loaded, driver, condition, breaks, mends, says):
    loaded.psql(breaks)
    try:
        done = driver("check", "--dsn", loaded.dsn, "-o", "json")
        found = json.loads(done.stdout)
        text = driver("check", "--dsn", loaded.dsn)
    finally:
        loaded.psql(mends)
    assert done.returncode == 1 and found["consistent"] is False
    assert [c["condition"] for c in found["conditions"] if not c["ok"]] == [condition]
    wrong = found["conditions"][condition - 1]
    assert wrong["violations"] == 1 and says in wrong["first"]
    assert text.returncode == 1 and f"condition {condition} VIOLATED" in text.stdout and says in text.stdout
    assert_consistent(driver, loaded)


def test_a_check_under_load_sees_one_moment(loaded, driver, background):
    run = background("--clients", "4", "--duration", "3", "--seed", "15")
    run.wait_for("measure")
    for _ in range(5):
        done = driver("check", "--dsn", loaded.dsn)
        assert done.returncode == 0, done.stdout
    run.finish()


def test_a_check_takes_as_long_as_it_takes_whatever_limit_the_role_has(loaded, driver, spawn):
    holder = loaded.connect()
    with holder.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE warehouse IN ACCESS EXCLUSIVE MODE")
        check = spawn([driver.path, "check", "--dsn", loaded.dsn], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PGOPTIONS": "-c statement_timeout=2s"})
        wait_until(lambda: loaded.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'homeostat-load' AND wait_event_type = 'Lock'") == 1)
        time.sleep(3)
        cursor.execute("ROLLBACK")
    holder.close()
    _, err = check.communicate(timeout=60)
    assert check.returncode == 0, err


def test_a_load_takes_as_long_as_it_takes_whatever_limits_the_role_has(driver, make_postgres):
    pg = make_postgres()
    # One key of each benchmark is made slowly: longer than a statement may take, and than the connection that waits for it may be idle.
    pg.psql("""CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN IF current_query() ~ 'ALTER TABLE (warehouse|region) ' THEN PERFORM pg_sleep(4); END IF; END $$;
        CREATE EVENT TRIGGER dawdle ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION dawdle()""")
    limits = pg.psql("SELECT name FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')")
    done = driver("load", "--bench", "mixed", "--dsn", pg.dsn, "--warehouses", "1", "--scale", "0.001", env={"PGOPTIONS": " ".join(f"-c {name}=2s" for name, in limits)})
    assert done.returncode == 0, done.stderr
    assert driver("check", "--bench", "mixed", "--dsn", pg.dsn).returncode == 0


# -- what is refused -------------------------------------------------------------------------------------------------------


def test_what_cannot_work_is_refused_with_a_reason(loaded, driver):
    pg = loaded
    empty = pg.create_database("empty")
    nobody = f"host={pg.host} port={pg.port} user=nobody dbname=postgres"
    cases = [
        (["run", "--dsn", "host=127.0.0.1 port=1 dbname=x user=y", "--duration", "1"], 1, "cannot connect"),
        (["run", "--dsn", nobody, "--duration", "1"], 1, 'role "nobody" does not exist'),
        (["run", "--dsn", pg.dsn.replace("dbname=postgres", "dbname=nowhere"), "--duration", "1"], 1, 'database "nowhere" does not exist'),
        (["run", "--dsn", empty, "--duration", "1"], 1, "has no TPC-C tables"),
        (["check", "--dsn", empty], 1, "has no TPC-C tables"),
        (["run", "--dsn", pg.dsn, "--warehouses", "5"], 2, "only 1 are loaded"),
        (["run", "--dsn", pg.dsn, "--clients", "500"], 2, "max_connections"),
        (["run", "--dsn", pg.dsn, "--rate", "5", "--think-time"], 2, "closed loop"),
        (["run", "--dsn", "host=h password=hunter2"], 2, "PGPASSFILE"),
        (["load", "--dsn", "postgresql://u:hunter2@h/db", "--warehouses", "1"], 2, "PGPASSFILE"),
        (["load", "--dsn", empty], 2, "--warehouses"),
        (["run", "--dsn", "host=h nonsense=1"], 2, "the DSN is malformed"),
        (["run", "--clients", "0"], 2, "out of range"),
        (["dance"], 2, "there is no command dance"),
    ]
    for argv, status, says in cases:
        done = driver(*argv)
        assert done.returncode == status and says in done.stderr, (argv, done.stderr)
        assert "hunter2" not in done.stderr + done.stdout


def test_a_load_for_which_the_server_has_no_room_says_what_opens_fewer_connections(driver, make_postgres):
    pg = make_postgres(settings={"max_connections": 5, "superuser_reserved_connections": 0})
    held = [pg.connect() for _ in range(4)]
    done = driver("load", "--dsn", pg.dsn, "--warehouses", "1")
    for connection in held:
        connection.close()
    assert done.returncode == 1 and "too many clients" in done.stderr and "--threads" in done.stderr


def test_tables_that_are_half_there_are_named(driver, make_postgres):
    pg = make_postgres()
    assert driver("load", "--dsn", pg.dsn, "--warehouses", "1").returncode == 0
    pg.psql("DROP TABLE history, item")
    done = driver("run", "--dsn", pg.dsn, "--duration", "1")
    assert done.returncode == 1 and "only some of the nine" in done.stderr


def test_a_password_comes_from_the_password_file(driver, make_postgres, tmp_path):
    pg = make_postgres(start=False)
    hba = os.path.join(pg.data, "pg_hba.conf")
    with open(hba, encoding="utf-8") as f:
        trusting = f.read()
    pg.start()
    pg.psql("CREATE ROLE carla LOGIN SUPERUSER PASSWORD 'tea for two'")
    with open(hba, "w", encoding="utf-8") as f:
        f.write("host all carla 127.0.0.1/32 scram-sha-256\n" + trusting)
    pg.reload()
    dsn = pg.dsn.replace("user=postgres", "user=carla")
    refused = driver("load", "--dsn", dsn, "--warehouses", "1", env={"PGPASSFILE": "/nonexistent"})
    assert refused.returncode == 1 and "wants a password" in refused.stderr
    passfile = tmp_path / "pass"
    passfile.write_text("127.0.0.1:*:*:carla:tea for two\n")
    passfile.chmod(0o600)
    done = driver("load", "--dsn", dsn, "--warehouses", "1", env={"PGPASSFILE": str(passfile)})
    assert done.returncode == 0, done.stderr
    done = driver("run", "--dsn", dsn, "--duration", "1", "--clients", "2", env={"PGPASSFILE": str(passfile)})
    assert done.returncode == 0, done.stderr


def test_a_standby_is_refused(loaded, driver):
    loaded.stop("fast")
    signal_file = os.path.join(loaded.data, "standby.signal")
    with open(signal_file, "w", encoding="utf-8"):
        pass
    if loaded.owner:
        os.chown(signal_file, loaded.owner.pw_uid, loaded.owner.pw_gid)
    try:
        loaded.start()
        done = driver("run", "--dsn", loaded.dsn, "--duration", "1")
    finally:
        loaded.stop("fast")
        if os.path.exists(signal_file):
            os.unlink(signal_file)
        loaded.start()
    assert done.returncode == 1 and "standby" in done.stderr


def test_help_is_there_for_every_command(driver):
    for command in ("load", "run", "check"):
        done = driver(command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"usage: homeostat-load {command}") and "--dsn" in done.stdout
    assert driver("--help").returncode == 0
    assert driver().returncode == 2
