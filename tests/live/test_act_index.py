"""postgres.index and postgres.analyze against a real server: built beside running work, read back, and never a leftover of ours."""
import re
import subprocess
import threading
import time

import pytest

from act_client import Actor, analyze_step, index_name, index_step, until


@pytest.fixture
def actor(postgres, tmp_path):
    if not postgres.running():
        postgres.start()
    postgres.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")   # of a test that failed
    postgres.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC")
    # Only tests analyse it, and nobody vacuums it while it is to be locked.
    postgres.psql("CREATE TABLE orders WITH (autovacuum_enabled = off) AS SELECT g AS id, g % 100 AS customer, now() - g * interval '1 minute' AS placed, g % 7 AS state FROM generate_series(1, 20000) g")
    postgres.psql("ANALYZE orders")
    return Actor(postgres, tmp_path)


def indexes(pg, table="orders"):
    """{name: usable} of the indexes of a table."""
    return dict(pg.psql("SELECT c.relname::text, i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = %s", (table,)))


class Writer:
    """A transaction that has written to orders and stays open: a concurrent build waits for it."""

    def __init__(self, pg):
        self.connection = pg.connect()
        self.connection.autocommit = False
        with self.connection.cursor() as c:
            c.execute("UPDATE orders SET state = 1 WHERE id = 1")

    def close(self):
        self.connection.rollback()
        self.connection.close()


def clearing_has_begun(pg):
    return pg.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%' AND state = 'active'") > 0


def build_has_ended(pg):
    return pg.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'") == 0


# ---- the straight way ----------------------------------------------------------------------------------------------------


def test_an_index_is_built_read_back_and_its_undo_leaves_nothing(actor):
    step = index_step("orders", ["customer", "placed desc"], ["state"])
    snapshot = actor.snapshot(step)
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done", done
    assert done["witness"]["seen"] == "a usable index" and done["witness"]["bytes"] > 0
    assert indexes(actor.pg) == {step["params"]["name"]: True}
    definition = actor.pg.value("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'orders'::regclass")
    assert definition.endswith("(customer, placed DESC) INCLUDE (state)")
    comment = actor.pg.value("SELECT obj_description(indexrelid) FROM pg_index WHERE indrelid = 'orders'::regclass")
    assert re.fullmatch(r"built by Homeostat at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z, action test-action", comment), comment     # as the survey reads it
    assert actor.recover(step, snapshot)["outcome"] == "done"
    assert actor.act(step, snapshot)["outcome"] == "done"      # once more does no harm
    undone = actor.undo(step, snapshot)
    assert undone["outcome"] == "done", undone
    assert indexes(actor.pg) == {} and actor.recover(step, snapshot)["outcome"] == "untouched"
    assert actor.undo(step, snapshot)["outcome"] == "done"


def test_names_that_need_quotes_survive_the_way_there_and_back(actor):
    actor.pg.psql('CREATE TABLE "Odd ""one" AS SELECT g AS "a b", g AS "C""d" FROM generate_series(1, 100) g; ANALYZE "Odd ""one"')
    step = index_step('Odd "one', ["a b", 'C"d desc'])
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert list(indexes(actor.pg, 'Odd "one').values()) == [True]
    assert actor.undo(step, snapshot)["outcome"] == "done" and indexes(actor.pg, 'Odd "one') == {}


def test_a_drop_of_ours_can_be_undone_because_the_step_says_what_it_was(actor):
    build = index_step("orders", ["customer"])
    assert actor.act(build, actor.snapshot(build))["outcome"] == "done"
    step = index_step("orders", ["customer"], do="drop")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done" and indexes(actor.pg) == {}
    assert actor.recover(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot)["outcome"] == "done" and indexes(actor.pg) == {step["params"]["name"]: True}


def test_what_others_define_where_names_are_looked_for_is_not_called_when_tables_are_worked_on(actor):
    pg = actor.pg
    for name, left, right, back in (("||", "name", "text", "text"), ("*", "numeric", "int", "numeric")):       # fit better than what the server has
        pg.psql(f"CREATE FUNCTION public.trap({left}, {right}) RETURNS {back} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$")
        pg.psql(f"CREATE OPERATOR public.{name} (FUNCTION = public.trap, LEFTARG = {left}, RIGHTARG = {right})")
    for step in (index_step("orders", ["customer"]), analyze_step("orders")):
        snapshot = actor.snapshot(step)
        assert actor.act(step, snapshot)["outcome"] == "done"
        assert actor.recover(step, snapshot)["outcome"] == "done"
        assert actor.undo(step, snapshot)["outcome"] == "done"
    assert actor.call("checkpoint", analyze_step("orders"))["ok"]


def test_a_dry_run_and_the_undo_script_say_the_sql_and_the_script_works_alone(actor):
    step = index_step("orders", ["customer"])
    said = actor.call("dry_run", step)["output"]
    name = step["params"]["name"]
    assert said.splitlines()[1:] == [f'CREATE INDEX CONCURRENTLY "{name}" ON "public"."orders" ("customer");', "-- undo:", f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{name}";']
    snapshot = actor.snapshot(step)
    path = actor.call("write_undo", step, snapshot, case="case-1")["path"]
    assert actor.act(step, snapshot)["outcome"] == "done"
    for _ in range(2):      # twice does no harm
        ran = subprocess.run(["sh", path], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert indexes(actor.pg) == {}


def test_the_undo_script_takes_the_time_that_a_build_takes(actor, spawn):
    build = index_step("orders", ["customer"])
    assert actor.act(build, actor.snapshot(build))["outcome"] == "done"
    step = index_step("orders", ["customer"], do="drop")
    snapshot = actor.snapshot(step)
    path = actor.call("write_undo", step, snapshot, case="case-3")["path"]
    assert actor.act(step, snapshot)["outcome"] == "done"
    writer = Writer(actor.pg)
    actor.pg.psql("ALTER ROLE postgres SET statement_timeout = '1s'")
    try:
        running = spawn(["sh", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        until(lambda: running.poll() is not None or actor.pg.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND now() - query_start > interval '2s'"), "it has waited for long")
        writer.close()
        said = running.communicate(timeout=300)[0]
        assert running.returncode == 0 and indexes(actor.pg) == {step["params"]["name"]: True}, said
    finally:
        actor.pg.psql("ALTER ROLE postgres RESET statement_timeout")


def test_the_undo_script_of_a_drop_builds_the_index_again(actor):
    build = index_step("orders", ["customer"])
    assert actor.act(build, actor.snapshot(build))["outcome"] == "done"
    step = index_step("orders", ["customer"], do="drop")
    snapshot = actor.snapshot(step)
    path = actor.call("write_undo", step, snapshot, case="case-2")["path"]
    assert actor.act(step, snapshot)["outcome"] == "done"
    for _ in range(2):
        ran = subprocess.run(["sh", path], capture_output=True, text=True, check=False)
        assert ran.returncode == 0 and indexes(actor.pg) == {step["params"]["name"]: True}, ran.stderr


# ---- builds that do not get to their end ---------------------------------------------------------------------------------


def test_a_build_that_waits_too_long_for_a_writer_leaves_nothing_and_names_the_writer(actor):
    step = index_step("orders", ["customer"], lock_timeout_s=1)
    snapshot = actor.snapshot(step)
    writer = Writer(actor.pg)
    running = actor.start("act", step, snapshot)
    until(lambda: clearing_has_begun(actor.pg) or running.poll() is not None, "the build was given up")
    writer.close()
    report = actor.finish(running)
    assert (report["outcome"], report["code"]) == ("untouched", "BUSY"), report
    assert "idle in transaction" in report["hint"]
    assert indexes(actor.pg) == {}


def test_a_build_that_waits_for_a_prepared_transaction_names_that_and_nobody_else(fresh_postgres, tmp_path):
    pg = fresh_postgres
    pg.configure(max_prepared_transactions="2")
    pg.restart()
    pg.psql("CREATE TABLE orders WITH (autovacuum_enabled = off) AS SELECT g AS id, g % 100 AS customer FROM generate_series(1, 20000) g")
    pg.psql("ANALYZE orders")
    actor, step = Actor(pg, tmp_path), index_step("orders", ["customer"], lock_timeout_s=1)
    snapshot = actor.snapshot(step)
    pg.psql("BEGIN; UPDATE orders SET customer = 1 WHERE id = 1; PREPARE TRANSACTION 'left over'")
    running = actor.start("act", step, snapshot)
    until(lambda: clearing_has_begun(pg) or running.poll() is not None, "the build was given up")
    pg.psql("ROLLBACK PREPARED 'left over'")
    report = actor.finish(running)
    assert (report["outcome"], report["code"]) == ("untouched", "BUSY"), report
    assert "prepared transaction left over" in report["hint"]
    assert indexes(pg) == {}


def test_a_bound_on_transactions_does_not_end_a_build(actor):
    if int(actor.pg.value("SHOW server_version_num")) < 170000:
        pytest.skip("transaction_timeout came with 17")
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    writer = Writer(actor.pg)
    actor.pg.psql("ALTER ROLE postgres SET transaction_timeout = '1s'")
    try:
        running = actor.start("act", step, snapshot)
        until(lambda: indexes(actor.pg) == {step["params"]["name"]: False})
        time.sleep(2)
        writer.close()
        assert actor.finish(running)["outcome"] == "done"
    finally:
        actor.pg.psql("ALTER ROLE postgres RESET transaction_timeout")


def test_a_build_whose_hand_is_killed_is_ended_by_the_server_recovered_and_cleared_away(actor):
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    writer = Writer(actor.pg)
    running = actor.start("act", step, snapshot)
    until(lambda: indexes(actor.pg) == {step["params"]["name"]: False})
    running.kill()
    running.wait()
    until(lambda: build_has_ended(actor.pg))
    assert actor.recover(step, snapshot)["outcome"] == "partial"
    writer.close()
    assert actor.undo(step, snapshot)["outcome"] == "done" and indexes(actor.pg) == {}


def test_a_leftover_of_ours_is_cleared_away_before_the_next_build(actor):
    step = index_step("orders", ["customer"])
    writer = Writer(actor.pg)
    running = actor.start("act", step, actor.snapshot(step))
    until(lambda: indexes(actor.pg) == {step["params"]["name"]: False})
    running.kill()
    running.wait()
    until(lambda: build_has_ended(actor.pg))
    writer.close()
    snapshot = actor.snapshot(step)
    assert snapshot["seen"] == "a leftover"
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done" and "clearing away" in done["output"], done
    assert indexes(actor.pg) == {step["params"]["name"]: True}


@pytest.mark.parametrize("point", ["before the effect", "in the middle", "after the effect", "after the read-back"])
def test_a_crash_anywhere_leaves_a_state_that_recovery_can_tell_and_undo_can_clear(actor, point):
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    numbers = {"before the effect": 16, "in the middle": 17, "after the effect": 18, "after the read-back": 19}
    running = actor.start("act", step, snapshot, crash=numbers[point])
    running.communicate()
    assert running.returncode < 0
    assert actor.recover(step, snapshot)["outcome"] == ("untouched" if point == "before the effect" else "done")
    assert actor.undo(step, snapshot)["outcome"] == "done" and indexes(actor.pg) == {}


def test_a_server_that_dies_during_the_build_is_waited_for_and_left_without_a_leftover(actor):
    pg = actor.pg
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    writer = Writer(pg)
    running = actor.start("act", step, snapshot)
    until(lambda: indexes(pg) == {step["params"]["name"]: False})
    pg.stop("immediate")
    writer.connection.close()
    time.sleep(1)
    pg.start()
    report = actor.finish(running)
    assert report["outcome"] == "untouched", report
    assert indexes(pg) == {}


def test_a_server_that_stays_down_is_unknown_until_it_is_seen_again(actor):
    pg = actor.pg
    step = index_step("orders", ["customer"], timeout_s=10)
    snapshot = actor.snapshot(step)
    pg.stop("immediate")
    assert actor.recover(step, snapshot, deadline_s=2)["outcome"] == "unknown"
    assert actor.undo(step, snapshot, deadline_s=2)["outcome"] == "unknown"
    pg.start()
    assert actor.recover(step, snapshot)["outcome"] == "untouched"


def test_an_undo_that_has_to_wait_longer_than_it_may_says_what_is_left(actor):
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    writer = Writer(actor.pg)
    report = actor.undo(step, snapshot, deadline_s=3)
    assert report["outcome"] in ("partial", "unknown"), report
    writer.close()
    assert actor.undo(step, snapshot)["outcome"] == "done" and indexes(actor.pg) == {}


# ---- what is refused -----------------------------------------------------------------------------------------------------


def refused(actor, step):
    answer = actor.probe(step)
    assert not answer["ok"], answer
    return answer


def test_something_else_under_our_name_is_left_alone(actor):
    step = index_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    actor.pg.psql(f'CREATE INDEX {step["params"]["name"]} ON orders (state)')
    assert refused(actor, step)["code"] == "CONFLICT"
    report = actor.act(step, snapshot)
    assert report["outcome"] != "done" and report["code"] == "CONFLICT", report
    report = actor.undo(step, snapshot)
    assert (report["outcome"], report["code"]) == ("partial", "CONFLICT"), report
    assert indexes(actor.pg) == {step["params"]["name"]: True}


def test_an_index_on_the_same_columns_under_another_name_is_enough(actor):
    actor.pg.psql("CREATE INDEX theirs ON orders (customer, placed DESC)")
    assert "theirs" in refused(actor, index_step("orders", ["customer", "placed desc"]))["text"]
    assert actor.probe(index_step("orders", ["customer", "placed"]))["ok"]


def test_an_index_on_the_same_column_in_another_collation_or_class_is_not_the_same(actor):
    actor.pg.psql("CREATE TABLE people AS SELECT 'name ' || g AS name FROM generate_series(1, 5000) g; ANALYZE people")
    actor.pg.psql('CREATE INDEX c_name ON people (name COLLATE "C"); CREATE INDEX pattern_name ON people (name text_pattern_ops)')
    assert actor.probe(index_step("people", ["name"]))["ok"]
    actor.pg.psql("CREATE INDEX plain_name ON people (name)")
    assert "plain_name" in refused(actor, index_step("people", ["name"]))["text"]


def test_a_name_that_does_not_belong_to_the_columns_is_refused(actor):
    step = index_step("orders", ["customer"])
    step["params"]["columns"] = ["state"]
    assert refused(actor, step)["code"] == "INPUT"
    actor.pg.psql("CREATE INDEX theirs ON orders (state)")
    theirs = index_step("orders", ["state"], do="drop", name="theirs")
    assert refused(actor, theirs)["code"] == "INPUT" and indexes(actor.pg) == {"theirs": True}


def test_partitioned_tables_missing_tables_and_missing_columns_are_refused(actor):
    actor.pg.psql("CREATE TABLE parts (a int, b int) PARTITION BY LIST (a)")
    assert "partitioned" in refused(actor, index_step("parts", ["b"]))["text"]
    assert refused(actor, index_step("nowhere", ["b"]))["code"] == "MISSING"
    assert refused(actor, index_step("orders", ["nothing"]))["code"] == "MISSING"


def test_a_plan_that_makes_the_index_smaller_than_it_would_be_is_refused(actor):
    actor.pg.psql("CREATE TABLE fat AS SELECT g AS id, repeat(md5(g::text), 20) AS body FROM generate_series(1, 60000) g; ANALYZE fat")
    assert "the plan believes" in refused(actor, index_step("fat", ["body"], size=1 << 20))["text"]
    actor.pg.psql("CREATE TABLE unknown (a int) WITH (autovacuum_enabled = off)")
    assert "never analysed" in refused(actor, index_step("unknown", ["a"]))["text"]


def test_only_the_owner_builds_and_the_refusal_says_how_to_become_one(actor):
    actor.pg.psql("DROP ROLE IF EXISTS guest")
    actor.pg.psql("CREATE ROLE guest LOGIN IN ROLE pg_monitor; GRANT SELECT ON orders TO guest")
    actor.target["dsn"] = actor.pg.dsn.replace("user=postgres", "user=guest")
    answer = refused(actor, index_step("orders", ["customer"]))
    assert answer["code"] == "DENIED" and 'GRANT "postgres" TO guest' in answer["hint"]
    assert refused(actor, analyze_step("orders"))["code"] == "DENIED"


def test_another_build_on_the_server_is_waited_for(actor):
    writer = Writer(actor.pg)
    other = actor.pg.connect()
    thread = threading.Thread(target=lambda: other.cursor().execute("CREATE INDEX CONCURRENTLY theirs ON orders (state)"))
    thread.start()
    until(lambda: indexes(actor.pg) == {"theirs": False})
    answer = refused(actor, index_step("orders", ["customer"]))
    assert answer["code"] == "BUSY" and "one at a time" in answer["text"]
    writer.close()
    thread.join()
    other.close()
    assert actor.probe(index_step("orders", ["customer"]))["ok"]


def test_a_build_in_another_database_is_not_said_to_be_of_a_table_of_this_one(actor):
    until(lambda: actor.pg.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (actor.pg.database,), database="template1") == 0, "nobody uses what is copied")
    actor.pg.psql(f"CREATE DATABASE twin TEMPLATE {actor.pg.database}", database="template1")      # its tables have the same numbers
    writer, other = actor.pg.connect(database="twin"), actor.pg.connect(database="twin")
    writer.autocommit = False
    writer.cursor().execute("UPDATE orders SET state = 1 WHERE id = 1")
    thread = threading.Thread(target=lambda: other.cursor().execute("CREATE INDEX CONCURRENTLY there ON orders (state)"))
    thread.start()
    try:
        until(lambda: actor.pg.value("SELECT count(*) FROM pg_stat_progress_create_index") == 1)
        answer = refused(actor, index_step("orders", ["customer"]))
        assert answer["code"] == "BUSY" and re.search(r"database twin, table \d+\)", answer["text"]), answer
    finally:
        writer.close()
        thread.join()
        other.close()
        actor.pg.psql("DROP DATABASE twin WITH (FORCE)")


# ---- statistics ----------------------------------------------------------------------------------------------------------


def test_analyze_is_read_back_by_when_it_was_done_last(actor):
    actor.pg.psql("UPDATE orders SET customer = id")
    step = analyze_step("orders", ["customer"])
    snapshot = actor.snapshot(step)
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done" and 'ANALYZE "public"."orders" ("customer")' in done["output"], done
    assert actor.pg.value("SELECT n_distinct FROM pg_stats WHERE tablename = 'orders' AND attname = 'customer'") == -1
    assert actor.recover(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert refused(actor, analyze_step("orders", ["nothing"]))["code"] == "MISSING"


def test_statistics_of_a_foreign_table_are_read_back_too(actor, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(f"{i}\n" for i in range(1000)))
    for folder in (rows, *rows.parents[:3]):
        folder.chmod(0o755)
    pg = actor.pg
    pg.psql("CREATE EXTENSION IF NOT EXISTS file_fdw; CREATE SERVER IF NOT EXISTS files FOREIGN DATA WRAPPER file_fdw")
    pg.psql(f"CREATE FOREIGN TABLE far (id int) SERVER files OPTIONS (filename '{rows}')")
    step = analyze_step("far")
    snapshot = actor.snapshot(step)
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done" and pg.value("SELECT reltuples FROM pg_class WHERE relname = 'far'") == 1000, done
    assert actor.recover(step, snapshot)["outcome"] == "done"


def test_analyze_does_not_wait_long_for_a_lock_and_nothing_has_happened_then(actor):
    step = analyze_step("orders")
    snapshot = actor.snapshot(step)
    holder = actor.pg.connect()
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    report = actor.act(step, snapshot, deadline_s=6)
    holder.rollback()
    holder.close()
    assert report["outcome"] == "untouched", report


def test_names_of_ours_are_told_from_names_of_others(actor):
    assert index_name("orders", ["customer"]).startswith("homeostat_orders_customer_")
    assert len(index_name("t" * 60, ["c" * 60])) == 63
