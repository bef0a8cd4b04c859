"""Indexes through a case: asked for, built beside running work, proven or dropped, and never left half-built, whoever dies."""
import threading
import time

import psycopg2
import pytest
from act_client import analyze_step, index_step
from homeostat import POLICY

AUTO = POLICY + "indexes: { build: auto, drop: auto, analyze: auto, cpu_max: 100% }\n"


@pytest.fixture
def server(postgres):
    if not postgres.running():
        postgres.start()
    postgres.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
    postgres.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    postgres.psql("CREATE TABLE orders AS SELECT g AS id, g % 5000 AS customer, repeat('x', 100) AS note FROM generate_series(1, 60000) g")
    postgres.psql("ANALYZE orders")
    return postgres


def plan_of(step, method="readback", **verify):
    return {"title": "an index", "rollback": {"how": "reverse"}, "verify": {"method": method, **verify}, "steps": [step]}


def step_on(column, **more):
    return index_step("orders", [column], target="pg", **more)


def indexes(pg):
    return dict(pg.psql("SELECT c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'orders'::regclass"))


class Reader:
    """Two sessions that ask for the orders of a customer as fast as they can."""

    def __init__(self, pg, column="customer"):
        self.pg, self.column, self.stopped = pg, column, False
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(2)]
        for t in self.threads:
            t.start()

    def run(self, i):
        c = self.pg.connect()
        with c.cursor() as cursor:
            n = i
            while not self.stopped:
                n += 7
                cursor.execute(f"SELECT count(*) FROM orders WHERE {self.column} = %s", (n % 5000,))
        c.close()

    def close(self):
        self.stopped = True
        for t in self.threads:
            t.join()


class Writer:
    def __init__(self, pg):
        self.connection = pg.connect()
        self.connection.autocommit = False
        self.connection.cursor().execute("UPDATE orders SET note = 'y' WHERE id = 1")

    def close(self):
        try:
            self.connection.close()
        except psycopg2.Error:
            pass


def test_an_index_is_only_suggested_until_a_person_approves_and_then_built_and_kept(server, make_homeostat):
    h = make_homeostat(server, mode="auto").start()
    step = step_on("customer")
    case = h.propose(plan_of(step))
    do, undo = h.dry_run(case)
    assert "CREATE INDEX CONCURRENTLY" in do and "DROP INDEX CONCURRENTLY" in undo
    assert h.case(case)["status"] == "WAIT_GATE" and indexes(server) == {}
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert h.wait_ended(case)["status"] == "CLOSED", "\n".join(h.story(case))
    assert indexes(server) == {step["params"]["name"]: True} and h.outcome(case)["kept"]


def test_an_index_that_helps_is_proven_by_building_and_dropping_it_and_stays(server, make_homeostat):
    h = make_homeostat(server, mode="auto", policy=AUTO).start()
    reader = Reader(server)
    try:
        step = step_on("customer", lock_timeout_s=20)
        case = h.propose(plan_of(step, "planner"))
        ended = h.wait_ended(case, limit_s=300)
    finally:
        reader.close()
    assert ended["status"] == "CLOSED", "\n".join(h.story(case))
    assert h.outcome(case)["result"] == "better" and indexes(server) == {step["params"]["name"]: True}, "\n".join(h.story(case))


def test_an_index_that_does_not_help_is_dropped_again(server, make_homeostat):
    h = make_homeostat(server, mode="auto", policy=AUTO).start()
    reader = Reader(server, "id")
    try:
        case = h.propose(plan_of(step_on("customer", lock_timeout_s=20), "planner"))
        h.wait_proven(case, limit_s=300)
    finally:
        reader.close()
    assert h.outcome(case)["result"] != "better" and indexes(server) == {}, "\n".join(h.story(case))


def test_the_stop_switch_ends_a_build_that_is_under_way_and_leaves_nothing(server, make_homeostat):
    h = make_homeostat(server, mode="auto", policy=AUTO).start()
    writer = Writer(server)
    step = step_on("customer")
    case = h.propose(plan_of(step))
    h.until(lambda: indexes(server) == {step["params"]["name"]: False}, "the build waits for the writer")
    h.call("POST", "/stop", {"why": "release", "target": "pg"})
    time.sleep(2)
    writer.close()
    h.wait_proven(case)
    assert indexes(server) == {}, "\n".join(h.story(case))


@pytest.mark.parametrize("who", ["homeostat", "postgres"])
def test_whoever_is_killed_during_a_build_no_leftover_stays(server, make_homeostat, who):
    h = make_homeostat(server, mode="auto", policy=AUTO).start()
    writer = Writer(server)
    step = step_on("customer")
    case = h.propose(plan_of(step))
    h.until(lambda: indexes(server) == {step["params"]["name"]: False}, "the build waits for the writer")
    if who == "homeostat":
        h.kill()
        time.sleep(1)
        writer.close()
        h.start()
    else:
        server.kill()
        server.start()
    h.wait_proven(case)
    assert indexes(server) in ({}, {step["params"]["name"]: True}), "\n".join(h.story(case))
    assert (indexes(server) != {}) == (h.wait_ended(case)["phase"] == "done"), "\n".join(h.story(case))


@pytest.mark.parametrize("point", [13, 15, 16, 17, 18, 19, 20, 21])
def test_a_crash_at_any_point_of_the_way_ends_in_a_state_that_was_read_back(server, make_homeostat, point):
    h = make_homeostat(server, mode="auto", policy=AUTO).start(HOMEOSTAT_CRASH_AT=point)
    step = step_on("customer")
    case = h.propose(plan_of(step), dies=True)
    h.ended()
    h.start()
    ended = h.wait_ended(case)
    assert ended["in_force_is_proven"], "\n".join(h.story(case))
    assert indexes(server) == ({step["params"]["name"]: True} if ended["phase"] == "done" else {}), "\n".join(h.story(case))


def test_statistics_are_refreshed_through_a_case(server, make_homeostat):
    h = make_homeostat(server, mode="auto", policy=AUTO).start()
    server.psql("UPDATE orders SET customer = id")
    case = h.propose(plan_of(analyze_step("orders", target="pg")))
    assert h.wait_ended(case)["status"] == "CLOSED", "\n".join(h.story(case))
    assert server.value("SELECT n_distinct FROM pg_stats WHERE tablename = 'orders' AND attname = 'customer'") == -1
