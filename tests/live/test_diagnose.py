"""The careful look: what it finds in a real database, what it suggests, and that it changes nothing."""
import glob
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import psycopg2
import pytest
from act_client import index_step, until
from cluster import Cluster, pg_bin
from conftest import ROOT
from homeostat import POLICY, Homeostat, Refused

OWN = "Is there a better configuration?"      # the case that is opened without upkeep, too, and given up where nobody works
AUTO = "indexes: { build: auto, drop: auto, analyze: auto, cpu_max: 100% }\n"


def has_hypopg():
    share = subprocess.run([os.path.join(pg_bin(), "pg_config"), "--sharedir"], capture_output=True, text=True, check=True).stdout.strip()
    return bool(glob.glob(share + "/extension/hypopg.control"))


def only_the_shop_is_asked(pg):
    """What the shop looks for is all that the statement history knows: what tests ask besides outweighs it."""
    pg.psql("SELECT pg_stat_statements_reset()")
    for i in range(1, 40):
        pg.psql("SELECT id, total FROM orders WHERE customer = %s ORDER BY placed DESC LIMIT 5", (i,))
        pg.psql("SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer WHERE c.region = %s AND o.placed > '2024-02-01'", (i,))
        pg.psql("SELECT * FROM twins WHERE a = %s AND b = %s", (i, i))
        pg.psql("SELECT extract(month FROM placed), count(*) FROM orders WHERE total = %s AND placed < date '2024-02-01' - interval '3' day GROUP BY 1", (i,))
    for i in range(1, 10):
        pg.psql("UPDATE orders SET note = 'y' WHERE id = %s", (i,))


@pytest.fixture(scope="module")
def shop():
    """A small shop: orders are looked for by customer and by time, which no index serves."""
    with Cluster(settings={"shared_preload_libraries": "pg_stat_statements", "autovacuum": "off", "max_parallel_workers_per_gather": 0}) as pg:
        pg.psql("CREATE EXTENSION pg_stat_statements")
        pg.psql("CREATE TABLE customer AS SELECT g AS id, 'name ' || g AS name, g % 50 AS region FROM generate_series(1, 5000) g")
        pg.psql("ALTER TABLE customer ADD PRIMARY KEY (id)")
        pg.psql("""CREATE TABLE orders AS SELECT g AS id, g % 5000 + 1 AS customer, '2024-01-01'::timestamptz + g * interval '1 minute' AS placed, g % 4 AS state,
                   (g % 1000)::numeric AS total, repeat('x', 60) AS note FROM generate_series(1, 60000) g""")
        pg.psql("ALTER TABLE orders ADD PRIMARY KEY (id)")
        pg.psql("CREATE INDEX orders_state ON orders (state)")
        pg.psql("CREATE INDEX orders_state_again ON orders (state)")
        pg.psql("CREATE INDEX orders_state_placed ON orders (state, placed)")
        pg.psql("CREATE TABLE stale (a int, b int); INSERT INTO stale SELECT g, g FROM generate_series(1, 2000) g; ANALYZE stale; INSERT INTO stale SELECT g, g FROM generate_series(1, 4000) g")
        pg.psql("CREATE TABLE never AS SELECT g AS a FROM generate_series(1, 5000) g")
        pg.psql("CREATE TABLE twins AS SELECT g % 100 AS a, g % 100 AS b FROM generate_series(1, 50000) g")
        for table in ("customer", "orders", "twins"):
            pg.psql(f"VACUUM ANALYZE {table}")
        pg.psql("CREATE TABLE liars AS SELECT g % 500 AS a FROM generate_series(1, 20000) g; CREATE INDEX liars_a ON liars (a); ALTER TABLE liars ALTER a SET (n_distinct = 10); ANALYZE liars")
        only_the_shop_is_asked(pg)
        yield pg


@pytest.fixture(scope="module")
def watching(shop, program):
    h = Homeostat(program("homeostat"), shop, mode="watch")
    h.start()
    h.wait_facts()
    yield h
    h.close()


def report(h, max_age="0s"):
    """A report that is newer than the question."""
    asked = time.monotonic()

    def look():
        try:
            return h.get(f"/target/pg/report?max_age={int(time.monotonic() - asked)}s")
        except Refused as e:
            assert e.status == 503, e
            return None
    return h.until(look, "the report")


def told(r, number):
    return {f["subject"]: f for f in r["findings"] if f["number"] == number}


def suggested(r, table):
    return [(x["columns"], x["include"]) for x in r["indexes"] if x["table"] == table]


def test_the_look_tells_double_and_redundant_indexes_and_what_ails_the_statistics(shop, watching):
    r = report(watching)
    assert r["error"] is None, r
    assert set(told(r, 202)) == {"public.orders_state_again"} and told(r, 202)["public.orders_state_again"]["advice"] == 'DROP INDEX CONCURRENTLY "public"."orders_state_again"'
    assert set(told(r, 203)) == {"public.orders_state"} or set(told(r, 203)) == {"public.orders_state", "public.orders_state_again"}
    assert "public.stale" in told(r, 206) and "public.never" in told(r, 205)
    assert told(r, 206)["public.stale"]["plan"]["steps"][0]["action"] == "postgres.analyze"
    assert "public.twins" in told(r, 208), r["findings"]
    with shop.connect() as trying, trying.cursor() as cursor:
        cursor.execute("BEGIN; " + told(r, 208)["public.twins"]["advice"] + "; ROLLBACK")      # it is SQL, also before 16
    assert set(told(r, 209)) == {"public.liars"} and "10 different values" in told(r, 209)["public.liars"]["text"]
    assert any("only database postgres" in limit for limit in r["limits"])


def test_indexes_are_suggested_for_what_the_heaviest_statements_look_for(watching):
    r = report(watching)
    assert (["customer", "placed"], []) in suggested(r, "orders") or (["customer"], []) in suggested(r, "orders"), json.dumps(r["indexes"], indent=1)
    assert any(x["columns"][0] == "total" for x in r["indexes"]) and not [q for q in r["statements"] if "extract" in q["text"] and q["why_no_plan"]], r["statements"]
    assert not any(x["table"] == "customer" and x["columns"] == ["id"] for x in r["indexes"])
    for x in r["indexes"]:
        assert x["judged"] == r["hypothetical_indexes"]
        assert x["sql"].startswith("CREATE INDEX CONCURRENTLY") and x["plan"]["steps"][0]["params"]["name"] == x["name"]
    if not r["hypothetical_indexes"]:
        assert any("hypopg" in limit for limit in r["limits"]) and all("not judged" in x["why"] for x in r["indexes"])


@pytest.mark.skipif(not has_hypopg(), reason="postgresql-15-hypopg is not installed")
def test_hypothetical_indexes_judge_what_a_candidate_saves(shop, watching):
    shop.psql("CREATE EXTENSION hypopg")
    try:
        r = report(watching)
        assert r["hypothetical_indexes"] and r["indexes"], r
        best = r["indexes"][0]
        assert best["judged"] and best["benefit_ms"] > best["overhead_ms"] and best["table"] == "orders"
        assert all(q["cost_after"] is not None for q in best["queries"]) and best["queries"][0]["cost_after"] < best["queries"][0]["cost_before"] / 5
        assert not [x for x in r["indexes"] if x["columns"] == ["state"]]
    finally:
        shop.psql("DROP EXTENSION hypopg")


def test_an_index_in_another_collation_is_no_double_and_stands_in_for_no_other(shop, watching):
    shop.psql('CREATE TABLE people AS SELECT g AS id, md5(g::text) AS name FROM generate_series(1, 40000) g')
    shop.psql("VACUUM ANALYZE people")
    shop.psql('CREATE INDEX people_c ON people (name COLLATE "C")')
    try:
        for i in range(50):
            shop.psql("SELECT id FROM people WHERE name = %s", (str(i),))
        r = report(watching)
        assert any(columns == ["name"] for columns, _ in suggested(r, "people")), json.dumps(r["indexes"], indent=1)
        shop.psql("CREATE INDEX people_plain ON people (name); CREATE INDEX people_pattern ON people (name text_pattern_ops)")
        r = report(watching)
        assert not any(subject.startswith("public.people") for n in (202, 203) for subject in told(r, n)), r["findings"]
        assert not suggested(r, "people")
    finally:
        shop.psql("DROP TABLE people")


def test_a_column_of_bounded_text_gets_an_index_and_a_number_that_is_read_as_text_none(shop, watching):
    shop.psql("CREATE TABLE parcels AS SELECT g AS id, md5(g::text)::varchar(40) AS name, 'x' AS note FROM generate_series(1, 40000) g")
    shop.psql("VACUUM ANALYZE parcels")
    try:
        for i in range(50):
            shop.psql("SELECT note FROM parcels WHERE name = %s", (str(i),))
            shop.psql("SELECT note FROM parcels WHERE id::text = %s", (str(i),))
        assert [columns for columns, _ in suggested(report(watching), "parcels")] == [["name"]]
    finally:
        shop.psql("DROP TABLE parcels")


def test_statements_of_sessions_with_another_path_are_planned_where_their_names_mean_one_table_only(shop, watching):
    shop.psql('CREATE SCHEMA "The Farm"; CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.twin (n int); CREATE TABLE b.twin (n int)')
    shop.psql('CREATE TABLE "The Farm".parcel AS SELECT g AS id FROM generate_series(1, 100) g')
    try:
        shop.psql('SET search_path = "The Farm"; SELECT count(*) FROM parcel, pg_sleep(1)')
        shop.psql("SET search_path = b; SELECT count(*) FROM twin, pg_sleep(1)")
        r = report(watching)
        why = {name: q["why_no_plan"] for q in r["statements"] for name in ("parcel", "twin") if f"FROM {name}," in q["text"]}
        assert why["parcel"] == "" and "twin" in why["twin"], r["statements"]
        assert any("search_path" in limit for limit in r["limits"]), r["limits"]
    finally:
        shop.psql('DROP SCHEMA "The Farm", a, b CASCADE')


def test_a_statement_that_cannot_be_planned_is_told_however_its_text_is_cut(shop, watching):
    shop.psql("CREATE TABLE gone (n int)")
    for letters, what in (("", "count(*)"), ("y", "sum(n)")):      # of two bytes each: one of the texts is cut within a character
        shop.psql(f"SELECT /*{letters}{'é' * 80}*/ {what} FROM gone, pg_sleep(1) AS s")
    shop.psql("DROP TABLE gone")
    r = report(watching)
    assert len([q for q in r["statements"] if "gone" in q["why_no_plan"]]) == 2, r["statements"]


def test_functions_in_schemas_where_names_are_looked_for_are_not_called_by_the_look(shop, watching):
    shop.psql("CREATE SCHEMA trap; CREATE TABLE trap.bait AS SELECT g AS id FROM generate_series(1, 100) g")
    for function in ("array_to_string(int2vector, text) RETURNS text", "cardinality(regtype[]) RETURNS int"):      # what the server has takes any array: these fit better
        shop.psql(f"CREATE FUNCTION trap.{function} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$")
    try:
        shop.psql("SET search_path = trap; SELECT count(*) FROM bait, pg_sleep(1)")
        r = report(watching)
        assert r["error"] is None and "trapped" not in json.dumps(r), r
        assert [q["why_no_plan"] for q in r["statements"] if "FROM bait," in q["text"]] == [""], r["statements"]
    finally:
        shop.psql("DROP SCHEMA trap CASCADE")


def test_what_others_define_in_the_path_of_our_role_is_not_called_by_the_look(shop, watching):
    shop.psql("CREATE TABLE bait AS SELECT (g % 10)::text::varchar AS v FROM generate_series(1, 20000) g; CREATE INDEX bait_v ON bait (v); ANALYZE bait")
    for function in ("quote_ident(name) RETURNS text", "starts_with(name, text) RETURNS bool", "over(float8, int) RETURNS float8", "above(varchar, varchar) RETURNS bool"):
        shop.psql(f"CREATE FUNCTION public.{function} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$")
    shop.psql("CREATE OPERATOR public./ (FUNCTION = public.over, LEFTARG = float8, RIGHTARG = int); CREATE OPERATOR public.> (FUNCTION = public.above, LEFTARG = varchar, RIGHTARG = varchar)")
    try:
        r = report(watching)
        assert r["error"] is None and r["statements"], r
        assert "trapped" not in shop.log_tail(2000)
    finally:
        shop.psql("DROP TABLE bait; DROP OPERATOR public./ (float8, int); DROP OPERATOR public.> (varchar, varchar)")
        shop.psql("DROP FUNCTION public.quote_ident(name), public.starts_with(name, text), public.over(float8, int), public.above(varchar, varchar)")


def test_a_partitioned_table_is_analysed_as_a_whole_because_autovacuum_never_does(shop, make_homeostat):
    shop.psql("CREATE TABLE logged (day int, n int) PARTITION BY LIST (day); CREATE TABLE logged_1 PARTITION OF logged FOR VALUES IN (1); CREATE TABLE logged_2 PARTITION OF logged FOR VALUES IN (2)")
    shop.psql("CREATE INDEX logged_n ON logged (n); CREATE INDEX logged_n_again ON logged (n)")
    shop.psql("INSERT INTO logged SELECT g % 2 + 1, g FROM generate_series(1, 4000) g; ANALYZE logged_1; ANALYZE logged_2")
    h = make_homeostat(shop, mode="auto", policy="changes: { per_hour: 1000, cool_down: 0s }\nrisk: { auto_max: 0.9 }\n", tune={"settle": "1h"}, restart=False).start()
    h.wait_facts()
    r = report(h)
    assert "partitions" in told(r, 205)["public.logged"]["text"] and not [f for f in r["findings"] if f["subject"].startswith("public.logged_1_n")], r["findings"]
    assert any("partitioned" in limit for limit in r["limits"]), r["limits"]
    assert told(r, 202)["public.logged_n_again"]["advice"].startswith('DROP INDEX "public"."logged_n_again"')
    case = h.propose(told(r, 205)["public.logged"]["plan"])
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert h.wait_ended(case)["status"] == "CLOSED", "\n".join(h.story(case))
    assert shop.value("SELECT count(*) FROM pg_stats WHERE tablename = 'logged' AND inherited") == 2
    h.stop()
    shop.psql("DROP TABLE logged")


def test_what_a_standby_counted_says_nothing_of_the_primary_that_it_has_become(make_postgres, make_homeostat):
    pg = make_postgres(settings={"restore_command": "false"})
    time.sleep(5)
    pg.stop()
    open(os.path.join(pg.data, "standby.signal"), "w", encoding="utf-8").close()
    pg.start()
    promoted = time.monotonic()
    pg.psql("SELECT pg_promote()")
    h = make_homeostat(pg, mode="watch", restart=False).start()
    h.wait_facts()
    r = report(h)
    assert r["statistics_age_s"] <= time.monotonic() - promoted, r


def test_statements_with_a_comment_before_them_are_looked_at(shop, watching):
    shop.psql("-- name: CountCustomers :one\n/* traced='1' */ SELECT count(*) FROM customer, pg_sleep(1)")
    r = report(watching)
    assert [q for q in r["statements"] if "FROM customer, pg_sleep" in q["text"] and q["why_no_plan"] == ""], r["statements"]


def test_statements_that_functions_run_are_said_to_be_left_out(shop, watching):
    shop.psql("CREATE FUNCTION customers() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM customer); END $$")
    try:
        shop.psql("SET pg_stat_statements.track = 'all'; SELECT customers()")
        assert any("that functions run" in limit for limit in report(watching)["limits"])
    finally:
        shop.psql("DROP FUNCTION customers()")


def test_a_statement_with_a_text_without_end_is_told_in_brief_and_not_planned(shop, watching):
    shop.psql("SELECT count(*) FROM pg_sleep(1), customer WHERE " + " AND ".join(f"id <> {i}" for i in range(2000)))
    q = [q for q in report(watching)["statements"] if "FROM pg_sleep($1), customer" in q["text"]]
    assert len(q) == 1 and len(q[0]["text"]) <= 303 and "longer than" in q[0]["why_no_plan"], q


def test_texts_of_megabytes_do_not_end_the_look_nor_the_program(make_homeostat):
    long = "x" * 8_000_000
    with Cluster(settings={"shared_preload_libraries": "pg_stat_statements"}) as pg:
        pg.psql("CREATE EXTENSION pg_stat_statements; CREATE TABLE customer (id int)")
        for columns in range(1, 11):       # so many different statements, which are more together than a look has room for
            pg.psql(f"SELECT {', '.join(['id'] * columns)} FROM customer WHERE id = 1 /* {long} */")
        h = make_homeostat(pg, mode="watch", restart=False).start()
        h.wait_facts()
        r = report(h)
        assert r["error"] is None and len([q for q in r["statements"] if "longer than" in q["why_no_plan"]]) == 10, r["statements"]
        assert report(h)["error"] is None       # it is there, and looks again
        h.stop()


def test_a_plan_of_more_rows_than_an_integer_holds_is_read(shop, watching):
    shop.psql("CREATE TABLE single AS SELECT 1 AS id")      # never analysed: taken for two thousand rows
    try:
        shop.psql("SELECT count(*) OVER () FROM pg_sleep(1) " + " ".join(f"CROSS JOIN single a{i}" for i in range(7)))
        q = [q for q in report(watching)["statements"] if "CROSS JOIN single" in q["text"]]
        assert len(q) == 1 and q[0]["why_no_plan"] == "", q
    finally:
        shop.psql("DROP TABLE single")


def test_a_plan_of_half_a_megabyte_is_not_kept(shop, watching):
    shop.psql("CREATE TABLE wide AS SELECT " + ", ".join(f"{i} AS column_{i}_{'x' * 40}" for i in range(50)))
    try:
        shop.psql("SELECT * FROM pg_sleep(1) " + " ".join(f"CROSS JOIN wide a{i}" for i in range(25)))      # each join shows every column it passes on
        q = [q for q in report(watching)["statements"] if "CROSS JOIN wide" in q["text"]]
        assert len(q) == 1 and "plan is longer" in q[0]["why_no_plan"], q
    finally:
        shop.psql("DROP TABLE wide")


def test_an_extension_that_an_upgrade_left_old_is_told_with_what_mends_it(shop, make_homeostat):
    dsn = shop.create_database("elder")
    shop.psql("CREATE EXTENSION pg_stat_statements VERSION '1.8'", database="elder")
    h = make_homeostat(shop, mode="watch", target={"dsn": dsn}, restart=False).start()
    h.wait_facts()
    r = report(h)
    h.stop()
    assert r["error"] is None and any("ALTER EXTENSION pg_stat_statements UPDATE" in limit for limit in r["limits"]), r
    shop.psql("DROP DATABASE elder WITH (FORCE)")


def test_a_table_that_somebody_holds_exclusively_does_not_end_the_look(shop, watching):
    holder = shop.connect()
    holder.autocommit = False
    try:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE stale IN ACCESS EXCLUSIVE MODE; REINDEX INDEX orders_state_placed")
        r = report(watching)
    finally:
        holder.rollback()
        holder.close()
    assert r["error"] is None and any("exclusively" in limit for limit in r["limits"]), r
    assert "public.orders_state_again" in told(r, 202)


class Pooler:
    """Passes everything on, and gives out sessions under another number than the server's, as poolers do."""

    def __init__(self, port):
        self.upstream, self.listener = port, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.upstream))
            threading.Thread(target=self.pass_on, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(server, client, True), daemon=True).start()

    @staticmethod
    def pass_on(source, to, renumber):
        key = b"K\0\0\0\x0c"       # BackendKeyData
        try:
            while data := source.recv(65536):
                if renumber and key in data:
                    at, renumber = data.index(key) + len(key), False
                    data = data[:at] + struct.pack("!i", struct.unpack("!i", data[at:at + 4])[0] ^ 1) + data[at + 4:]
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)      # the other thread waits at it
            except OSError:
                pass
            end.close()


def test_a_session_that_a_pooler_lends_is_not_made_read_only_for_whoever_has_it_next(shop, make_homeostat):
    pooler = Pooler(shop.port)
    h = make_homeostat(shop, mode="watch", target={"dsn": shop.dsn.replace(f"port={shop.port}", f"port={pooler.port}")}, restart=False).start()
    h.wait_facts()
    r = report(h)
    h.stop()
    pooler.listener.close()
    assert "pooler" in r["error"] and "dsn" in r["hint"], r


def asked(name, *values):
    """What one of the look's questions answers, by column."""
    with open(os.path.join(ROOT, "sql", "sense", "survey.sql"), encoding="utf-8") as f:
        parts = re.split(r"^-- name: (\w+)$", f.read(), flags=re.M)
    sql = dict(zip(parts[1::2], parts[2::2]))[name].strip().rstrip(";")
    return f"PREPARE asked AS {sql}", "EXECUTE asked (" + ", ".join(values) + ")"


def test_of_indexes_the_look_asks_what_they_are_needed_for_besides_and_what_their_parts_are_used_for(shop):
    shop.psql("CREATE TABLE owner (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE owned (x int, a int, b int, CONSTRAINT belongs FOREIGN KEY (a, b) REFERENCES owner)")
    shop.psql("CREATE INDEX owned_ba ON owned (b, a); CREATE INDEX owned_bax ON owned (b, a, x); CREATE INDEX owned_a ON owned (a); CREATE INDEX owned_xab ON owned (x, a, b)")
    shop.psql("CREATE INDEX owned_part ON owned (a, b) WHERE x = 1; COMMENT ON INDEX owned_a IS 'so it was said'")
    shop.psql("CREATE TABLE cut (n int) PARTITION BY LIST (n); CREATE TABLE cut_1 PARTITION OF cut FOR VALUES IN (1) PARTITION BY LIST (n); CREATE TABLE cut_1_1 PARTITION OF cut_1 FOR VALUES IN (1)")
    shop.psql("INSERT INTO cut SELECT 1 FROM generate_series(1, 5000); CREATE INDEX cut_n ON cut (n); ANALYZE cut")
    try:
        shop.psql("SET enable_seqscan = off; SELECT count(*) FROM cut WHERE n = 1")
        prepare, execute = asked("survey_indexes", "100", "ARRAY['owned'::regclass, 'cut'::regclass, 'cut_1_1'::regclass]::oid[]")

        def rows():
            c = shop.connect()
            with c.cursor() as cursor:
                cursor.execute(prepare)
                cursor.execute(execute)
                found = {row[2]: row for row in cursor.fetchall()}
            c.close()
            return found
        seen = rows()
        assert {name: seen[name][17] for name in seen if name.startswith("owned")} == {"owned_ba": "belongs", "owned_bax": "belongs", "owned_a": None, "owned_xab": None, "owned_part": None}
        assert seen["owned_a"][18] == "so it was said" and not seen["owned_a"][16]
        part = next(name for name in seen if name.startswith("cut_1_1"))
        assert seen[part][16] and not seen["cut_n"][16]
        until(lambda: rows()["cut_n"][12] == 1, "it is counted in the part of a part")
        assert seen["cut_n"][13] >= 8192
    finally:
        shop.psql("DROP TABLE owned, owner, cut")


def test_an_index_that_somebody_is_building_is_known_as_one_to_a_role_that_sees_no_progress_too(shop):
    shop.psql("CREATE TABLE being (a int); INSERT INTO being VALUES (1); CREATE ROLE newcomer LOGIN")
    table = shop.value("SELECT 'being'::regclass::oid")
    holder, builder, looker = shop.connect(), shop.connect(), psycopg2.connect(shop.dsn.replace("user=postgres", "user=newcomer"))
    looker.autocommit = True

    def building():
        with looker.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
            for sql in asked("survey_indexes", "100", f"ARRAY[{table}]::oid[]"):
                cursor.execute(sql)
            return [(row[5], row[14]) for row in cursor.fetchall()]
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN; INSERT INTO being VALUES (2)")
        build = threading.Thread(target=lambda: builder.cursor().execute("CREATE INDEX CONCURRENTLY being_a ON being (a)"), daemon=True)
        build.start()
        until(lambda: building() == [(False, True)], "it is told that somebody is at it")
        with holder.cursor() as cursor:
            cursor.execute("ROLLBACK")
        build.join(120)
        assert building() == [(True, False)]
    finally:
        for c in (holder, builder, looker):
            c.close()
        shop.psql("DROP TABLE being; DROP ROLE newcomer")


def test_different_values_are_counted_in_the_table_itself_as_its_statistics_are(shop, watching):
    shop.psql("CREATE TABLE parent AS SELECT g % 10 AS v FROM generate_series(1, 20000) g; CREATE INDEX parent_v ON parent (v); CREATE TABLE child () INHERITS (parent)")
    shop.psql("INSERT INTO child SELECT g FROM generate_series(1, 2000) g; CREATE INDEX child_v ON child (v); ANALYZE parent; ANALYZE child")
    try:
        assert "public.parent" not in told(report(watching), 209)
    finally:
        shop.psql("DROP TABLE parent CASCADE")


def test_the_look_changes_nothing_and_leaves_no_session_behind(shop, watching):
    def state():
        return shop.psql("SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
    before, written = state(), shop.value("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
    report(watching)
    assert state() == before and shop.value("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables") == written
    until(lambda: shop.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%homeostat_survey%' AND query NOT LIKE '%pg_stat_activity%'") == 0, "its session has ended")


def test_an_invalid_index_is_told_and_a_role_that_may_not_read_is_told_what_it_lacks(shop, watching, make_homeostat):
    shop.psql("CREATE TABLE dup (a int); INSERT INTO dup VALUES (1), (1); INSERT INTO dup SELECT g FROM generate_series(2, 100) g")
    with pytest.raises(Exception, match="duplicat|could not create"):
        shop.psql("CREATE UNIQUE INDEX CONCURRENTLY broken ON dup (a)")
    assert "public.broken" in told(report(watching), 201)
    shop.psql("DROP TABLE dup")
    shop.psql("CREATE ROLE looker LOGIN IN ROLE pg_monitor")
    h = make_homeostat(shop, mode="watch", target={"dsn": shop.dsn.replace("user=postgres", "user=looker")}, restart=False).start()
    h.wait_facts()
    r = report(h)
    assert r["error"] is None and any("GRANT pg_read_all_data" in limit for limit in r["limits"]), r
    assert not any("superuser" in limit for limit in r["limits"]) and any("superuser" in limit for limit in report(watching)["limits"])
    assert all(not x["may_build"] for x in r["indexes"])
    assert not any("plan" in f for f in r["findings"])
    assert not any("its own statements only" in limit for limit in r["limits"])
    shop.psql("REVOKE pg_monitor FROM looker")
    assert any("its own statements only" in limit and "GRANT pg_monitor TO looker" in limit for limit in report(h)["limits"])


def test_the_command_tells_it_to_people_and_to_programs(watching, program):
    env = {**os.environ, "HOMEOSTAT_CONFIG": watching.config}
    token = os.path.join(watching.folder, "token")
    with open(token, "w", encoding="utf-8") as f:
        os.chmod(token, 0o600)
        f.write(watching.tokens["victor"] + "\n")

    def run(*more):
        return subprocess.run([program("homeostat"), "diagnose", "postgres", "--url", f"http://127.0.0.1:{watching.port}", "--token-file", token, *more], env=env, capture_output=True,
                              text=True, timeout=120, check=False)
    said = run()
    assert said.returncode == 0, said.stderr
    assert "duplicate index" in said.stdout and "Indexes that could help" in said.stdout and "What could not be seen" in said.stdout
    found = run("--target", "pg", "-o", "json")
    assert found.returncode == 0 and json.loads(found.stdout)["target"] == "pg", found.stderr
    assert run("--target", "nowhere").returncode != 0


def test_a_suggestion_can_be_carried_out_as_it_stands(shop, make_homeostat):
    only_the_shop_is_asked(shop)
    h = make_homeostat(shop, mode="auto", policy="changes: { per_hour: 1000, cool_down: 0s }\nrisk: { auto_max: 0.9 }\nindexes: { cpu_max: 100% }\n", tune={"settle": "1h"}).start()
    h.wait_facts()
    r = report(h)
    plan = told(r, 205)["public.never"]["plan"]
    case = h.propose(plan)
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert h.wait_ended(case)["status"] == "CLOSED", "\n".join(h.story(case))
    assert shop.value("SELECT count(*) FROM pg_stats WHERE tablename = 'never'") == 1
    best = next(x for x in r["indexes"] if x["table"] == "orders")
    best["plan"]["verify"] = {"method": "readback"}
    case = h.propose(best["plan"])
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert h.wait_ended(case)["status"] == "CLOSED", "\n".join(h.story(case))
    assert shop.value("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = %s AND indisvalid", (best["name"],)) == 1
    shop.psql(f'DROP INDEX "{best["name"]}"')


# ---- by itself, where policy says so -------------------------------------------------------------------------------------


class Asking:
    """Sessions that ask for the newest orders of a customer."""

    def __init__(self, pg):
        self.pg, self.over = pg, threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(2)]
        for t in self.threads:
            t.start()

    def run(self, n):
        c = self.pg.connect()
        with c.cursor() as cursor:
            while not self.over.is_set():
                n += 3
                cursor.execute("SELECT id, total FROM orders WHERE customer = %s ORDER BY placed DESC LIMIT 5", (n % 5000,))
        c.close()

    def close(self):
        self.over.set()
        for t in self.threads:
            t.join()


def ours(pg):
    return [name for name, in pg.psql("SELECT relname::text FROM pg_class WHERE relkind = 'i' AND starts_with(relname, 'homeostat_') ORDER BY 1")]


@pytest.mark.skipif(not has_hypopg(), reason="postgresql-15-hypopg is not installed")
def test_where_policy_says_auto_the_best_index_is_built_proven_over_its_statements_and_kept(shop, make_homeostat):
    shop.psql("CREATE EXTENSION IF NOT EXISTS hypopg")
    shop.psql("ANALYZE stale; ANALYZE never; ANALYZE twins; SELECT pg_stat_statements_reset()")
    load = Asking(shop)
    h = make_homeostat(shop, mode="auto", policy=POLICY + AUTO, tune={"settle": "1s", "reevaluate": "10s", "window": "11s"}, restart=False)
    try:
        h.start()
        closed = h.until(lambda: [c for c in h.cases(state="CLOSED") if c["title"].startswith("an index")], "an index case is closed", limit_s=600)
    finally:
        load.close()
    h.rest()      # or it tries the next one
    case = closed[-1]["id"]      # the newest come first
    assert h.outcome(case)["result"] == "better" and "the statements it was made for" in h.reasons(case), "\n".join(h.story(case))
    assert h.file(case)["plans"][0]["plan"]["verify"]["queries"]
    assert len(ours(shop)) == 1 and ours(shop)[0].startswith("homeostat_orders_customer_placed")
    h.stop()
    shop.psql(f'DROP INDEX "{ours(shop)[0]}"')


def test_what_an_earlier_build_left_behind_is_cleared_away_by_a_case_of_its_own(shop, make_homeostat):
    step = index_step("orders", ["total"], target="pg")
    name = step["params"]["name"]
    with shop.connect() as blocker:
        blocker.autocommit = False
        blocker.cursor().execute("UPDATE orders SET note = 'z' WHERE id = 3")
        c = shop.connect()
        with pytest.raises(Exception, match="timeout"):
            c.cursor().execute("SET lock_timeout = '300ms'")
            c.cursor().execute(f'CREATE INDEX CONCURRENTLY {name} ON orders (total)')
        c.close()
        blocker.rollback()
    assert ours(shop) == [name]
    h = make_homeostat(shop, mode="auto", policy=POLICY + "indexes: { drop: auto, cpu_max: 100% }\n", tune={"settle": "1h", "reevaluate": "10s"}, restart=False).start()
    h.until(lambda: ours(shop) == [], "the leftover is gone")
    case = h.until(lambda: [c for c in h.cases(state="CLOSED") if c["title"] != OWN], "the case is closed")[0]["id"]
    assert h.outcome(case)["kept"] and "DROP INDEX CONCURRENTLY" in str(h.file(case)["actions"])


def test_with_the_policy_as_it_comes_nothing_is_opened_by_itself(shop, make_homeostat):
    shop.psql("CREATE TABLE fresh AS SELECT g AS a FROM generate_series(1, 5000) g")
    h = make_homeostat(shop, mode="auto", policy=POLICY, tune={"settle": "1h", "reevaluate": "10s"}, restart=False).start()
    h.wait_facts()
    assert "public.fresh" in told(report(h), 205)
    time.sleep(4)
    assert not [c for c in h.cases() if c["title"] != OWN]
    shop.psql("DROP TABLE fresh")
