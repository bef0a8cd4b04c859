"""Watching a real PostgreSQL: the truth when it answers, unknown when it does not, and a loop that goes on either way."""
import json
import os
import queue
import re
import subprocess
import threading
import time

import psycopg2
import pytest

from again import in_one_of
from conftest import BUILD

LIMIT_S = 120         # only reached when something is wrong: what is waited for comes within seconds, unless something stands still
METRICS_OF_THE_SERVER = ["tps", "connections", "wal_bytes", "cache_hit", "checkpoints_timed", "buffers_clean"]
STATEMENTS = {"shared_preload_libraries": "pg_stat_statements"}


class Watcher:
    """sense_tool while it runs; lines are read as they come."""

    def __init__(self, spawn, dsn, seconds=600, **options):
        argv = [os.path.join(BUILD, "tests", "live", "sense_tool"), "--dsn", dsn, "--seconds", str(seconds)]
        for name, value in options.items():
            argv += ["--" + name, str(value)]
        if not os.path.exists(argv[0]):
            pytest.skip(f"{argv[0]} is not built")
        self.process = spawn(argv, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, timeout_s=LIMIT_S):
        line = self.lines.get(timeout=timeout_s)
        if line is not None:
            self.seen.append(line)
        return line

    def until(self, what, timeout_s=LIMIT_S):
        """The first line for which what(line) is true."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                line = self.next(max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                break
            if what(line):
                return line
        raise AssertionError("did not come; last lines: " + "\n".join(str(line)[:400] for line in self.seen[-12:]))

    def state(self, name, timeout_s=LIMIT_S):
        return self.until(lambda o: o.get("state") == name, timeout_s)

    def sample(self, what=lambda s: True, timeout_s=LIMIT_S):
        return self.until(lambda o: "sample" in o and what(o["sample"]), timeout_s)["sample"]

    def samples(self, n):
        return [self.sample() for _ in range(n)]

    def facts(self, what=lambda f: True, timeout_s=LIMIT_S):
        return self.until(lambda o: "facts" in o and what(o["facts"]), timeout_s)["facts"]


    def begun(self):
        """It is up and its facts are known, whichever came first; -> the facts."""
        for what in (lambda o: o.get("state") == "up", lambda o: "facts" in o):
            if not any(map(what, self.seen)):
                self.until(what)
        return next(o["facts"] for o in self.seen if "facts" in o)


@pytest.fixture
def watch(spawn):
    return lambda dsn, **options: Watcher(spawn, dsn, **options)


def rows_of_load(pg, seconds, clients=2, rate=300):
    """pgbench at a given rate, which does not make up for what it missed while something stood still; -> transactions per second that it counted itself."""
    if not pg.value("SELECT count(*) FROM pg_class WHERE relname = 'pgbench_accounts'"):
        pg.run("pgbench", "-i", "-s", "1", "-q", "-h", pg.host, "-p", str(pg.port), "-U", "postgres", "postgres")
    done = pg.run("pgbench", "-n", "-c", str(clients), "-T", str(seconds), "-R", str(rate), "-L", "200", "-h", pg.host, "-p", str(pg.port), "-U", "postgres", "postgres")
    return next(float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("tps = "))


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values)


def all_unknown(s, names=None):
    return all(s[name] is None for name in names or METRICS_OF_THE_SERVER)


@in_one_of(3)
def test_throughput_is_what_the_load_counts_itself(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    rows_of_load(pg, 1)
    w = watch(pg.dsn, statements=2)
    w.state("up")
    w.samples(2)
    first, before = w.sample(), pg.value("SELECT sum(xact_commit) FROM pg_stat_database")
    truth = rows_of_load(pg, 8)
    samples = [first] + w.samples(9)
    whole = [s["tps"] for s in samples]
    # The sum over the run, load and quiet ends together, is what the load did, within what is flushed late.
    assert sum(whole) == pytest.approx(truth * 8, rel=0.05)
    assert before > 0
    during = [s for s in samples if s["tps"] > truth * 0.5]
    assert mean([s["connections"] for s in during]) == pytest.approx(2, abs=0.8)
    assert all(s["rollbacks"] == 0 for s in samples)
    calls = [s["calls"] for s in samples if s["calls"]]
    assert max(calls) == pytest.approx(truth * 7, rel=0.2)   # BEGIN, five statements, END
    estimated = [s for s in samples if s["latency_p99"]]
    assert estimated and all(s["latency_estimated"] == 1 and s["latency_p99"] >= s["latency_p95"] >= s["latency_p50"] > 0 for s in estimated)


@in_one_of(3)
def test_an_idle_server_does_not_show_our_own_questions(make_postgres, watch):
    pg = make_postgres(settings={**STATEMENTS, "autovacuum": "off"})      # its transactions are counted, too
    pg.psql("CREATE EXTENSION pg_stat_statements")
    w = watch(pg.dsn, statements=1)
    w.state("up")
    w.samples(4)
    quiet = w.samples(6)
    assert mean([s["tps"] for s in quiet]) < 1.0
    assert mean([s["calls"] for s in quiet]) < 2.0
    assert all(s["connections"] == 0 for s in quiet)


def test_what_is_asked_now_and_then_is_not_among_the_calls_either(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    w = watch(pg.dsn, statements=1, facts=2, sizes=2)
    w.facts(lambda f: f["database_bytes"])
    w.samples(4)
    assert [s["calls"] for s in w.samples(8) if s["calls"]] == []


def test_the_machine_is_tied_to_a_local_postmaster_over_tcp_and_socket(postgres, watch):
    for host in (postgres.host, postgres.folder):
        w = watch(postgres.dsn.replace(f"host={postgres.host}", f"host={host}"))
        f = w.facts()
        assert f["local"], f["local_why"]
        assert f["postmaster_pid"] == postgres.pid()
        assert f["data_directory"] == postgres.data
        assert 0 < f["cpus"] <= os.cpu_count()
        assert 0 < f["memory_bytes"] <= f["memory_machine_bytes"]
        assert f["disk_free_bytes"] > 0 and f["host_readable"]
        s = w.sample(lambda s: s["cpu"] is not None)
        assert 0 <= s["cpu"] <= 1 and s["memory_used"] > 0 and s["disk_free"] > 0


def test_a_forwarded_port_is_not_taken_for_this_machine(postgres, watch, tmp_path):
    """The machine's numbers would be wrong for a server behind a tunnel, even when it looks local."""
    import socket
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve():
        while not stop.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection((postgres.host, postgres.port))
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        w = watch(f"host=127.0.0.1 port={listener.getsockname()[1]} user=postgres dbname=postgres")
        f = w.facts()
        assert not f["local"] and "tunnel" in f["local_why"]
        assert f["cpus"] == 0 and f["memory_bytes"] is None and f["disk_free_bytes"] is None
        s = w.sample(lambda s: s["tps"] is not None)
        assert all_unknown(s, ["cpu", "memory_used", "memory_limit", "io_busy", "psi_io", "net_rx", "disk_free"])
    finally:
        stop.set()
        listener.close()


def test_a_restart_is_noticed_and_makes_no_wild_numbers(make_postgres, watch):
    pg = make_postgres()
    rows_of_load(pg, 1)
    w = watch(pg.dsn)
    w.state("up")
    w.samples(3)
    old = pg.pid()
    pg.restart()
    w.state("restarted")
    f = w.facts(lambda f: f["postmaster_pid"] != old)
    assert f["postmaster_pid"] == pg.pid() and f["local"]
    w.samples(4)
    for line in w.seen:
        s = line.get("sample")
        for name in ("tps", "wal_bytes", "buffers_clean", "temp_bytes", "checkpoint_write"):
            assert not s or s[name] is None or 0 <= s[name] < 1e8


def test_a_crash_of_the_server_is_a_restart_with_unknown_in_between(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    w.samples(2)
    pg.kill()
    assert w.sample(lambda s: s["up"] == 0)["tps"] is None
    down = w.seen[[o.get("state") for o in w.seen].index("down")]
    assert "Connection refused" in down["text"] or "No such file" in down["text"]
    pg.start()
    w.state("up")
    assert any(o.get("state") == "restarted" for o in w.seen)


def test_a_stopped_server_is_down_and_everything_else_unknown(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    pg.stop()
    w.state("down")
    s = w.sample(lambda s: s["up"] == 0)
    assert all_unknown(s) and all_unknown(s, ["recovery_wal", "locks_waiting", "database_bytes"][:2])
    assert s["memory_limit"] is not None   # the machine is still there
    pg.start()
    w.state("up")
    assert w.sample(lambda s: s["tps"] is not None)["up"] == 1


def test_a_frozen_server_is_unknown_and_the_loop_goes_on(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    w.samples(2)
    with pg.frozen():
        began_us = time.monotonic() * 1e6
        frozen = [w.sample(lambda s: s["mono_us"] > began_us) for _ in range(8)]
        between = sorted(b["mono_us"] - a["mono_us"] for a, b in zip(frozen, frozen[1:]))
        assert 0.5e6 < between[3] < 1.5e6    # one a second, whatever happens: most of them, since who samples may stand still, too
        for s in frozen[1:]:                 # what it had answered before may be read afterwards
            assert s["up"] is None and all_unknown(s)
        timed_out = lambda o: o.get("state") == "down" and o["code"] == "TIMEOUT"
        assert any(map(timed_out, w.seen)) or w.until(timed_out)
    w.state("up")
    assert w.sample(lambda s: s["tps"] is not None)["up"] == 1


@in_one_of(3)
def test_a_reset_of_statistics_gives_neither_negative_nor_huge_rates(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    rows_of_load(pg, 1)
    load = threading.Thread(target=rows_of_load, args=(pg, 12))
    w = watch(pg.dsn, statements=1)
    w.state("up")
    load.start()
    try:
        w.samples(3)
        for sql in ("SELECT pg_stat_reset()", "SELECT pg_stat_reset_shared('bgwriter')", "SELECT pg_stat_reset_shared('wal')",
                    "SELECT pg_stat_statements_reset()"):
            pg.psql(sql)
            w.samples(2)
        assert any(o.get("state") == "statistics reset" for o in w.seen)
    finally:
        load.join()
    for s in (o["sample"] for o in w.seen if "sample" in o):
        assert s["tps"] is None or 0 <= s["tps"] < 1500
        assert s["calls"] is None or 0 <= s["calls"] < 10000
        assert s["wal_bytes"] is None or 0 <= s["wal_bytes"] < 1e8
        assert all(q["calls"] >= 0 for q in s["queries"] or [])


@in_one_of(3)
def test_a_session_that_was_terminated_is_no_outage(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    w.samples(2)
    pg.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'homeostat-sense'")
    w.samples(4)
    assert not any(o.get("state") == "down" for o in w.seen)
    w.sample(lambda s: s["up"] == 1)


def test_pg_monitor_is_enough_to_watch(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    pg.psql("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher")
    w = watch(pg.dsn.replace("user=postgres", "user=watcher"), statements=1)
    f = w.facts(lambda f: f["database_bytes"])
    assert f["local"] and f["data_directory"] == pg.data and f["settings_complete"] and f["may_watch_all"] and f["has_statements"]
    assert not f["superuser"] and not f["may_alter_system"]
    w.samples(3)
    with pg.connect() as other, other.cursor() as c:
        c.execute("SELECT pg_sleep(0)")
        names = ("tps", "connections_active", "locks_waiting", "wal_bytes", "recovery_wal", "database_bytes", "dead_tuples", "cpu", "checkpoints_timed")
        w.sample(lambda s: s["calls"] is not None and s["connections"] == 1 and all(s[name] is not None for name in names))
    lacks = [o for o in w.seen if o.get("state") == "lacks" and "track_io_timing" not in o["text"]]
    assert lacks == []


def test_without_pg_monitor_the_grant_is_named_and_the_rest_is_there(make_postgres, watch):
    pg = make_postgres()
    pg.psql("CREATE ROLE nobody LOGIN")
    with pg.connect() as other:
        w = watch(pg.dsn.replace("user=postgres", "user=nobody"))
        w.until(lambda o: o.get("state") == "lacks" and "GRANT pg_monitor TO nobody" in o["hint"])
        s = w.sample(lambda s: s["tps"] is not None)
        assert s["up"] == 1 and s["connections"] is None and s["locks_waiting"] is None
        assert other.closed == 0
        pg.psql("GRANT pg_monitor TO nobody")
        w.sample(lambda s: s["connections"] == 1)      # once the session that granted it has gone


def test_a_database_that_is_closed_to_the_role_costs_only_the_sum_of_sizes(make_postgres, watch):
    pg = make_postgres()
    pg.psql("CREATE ROLE nobody LOGIN")
    pg.psql("CREATE DATABASE closed")
    pg.psql("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    w = watch(pg.dsn.replace("user=postgres", "user=nobody"), sizes=1)
    assert w.sample(lambda s: s["dead_tuples"] is not None)["database_bytes"] is None
    assert "closed" not in pg.log_tail(200)
    pg.psql("GRANT pg_read_all_stats TO nobody")
    w.sample(lambda s: s["database_bytes"] is not None)


def test_how_to_get_pg_stat_statements_is_said_once(make_postgres, watch):
    pg = make_postgres(settings={"shared_preload_libraries": "auto_explain"})
    w = watch(pg.dsn, statements=1, facts=1)
    told = w.until(lambda o: o.get("state") == "lacks" and "pg_stat_statements" in o["text"])
    assert "CREATE EXTENSION pg_stat_statements" in told["hint"] and "shared_preload_libraries" in told["hint"]
    w.samples(4)
    assert sum(o.get("state") == "lacks" and "pg_stat_statements" in o["text"] for o in w.seen) == 1
    assert "pg_stat_statements" not in pg.log_tail(100)   # the server's log is not filled with our errors
    pg.psql(told["hint"].partition("--")[0])              # as it stands there: what was loaded before is loaded afterwards
    pg.restart()
    assert pg.psql("SHOW shared_preload_libraries") == [("auto_explain, pg_stat_statements",)]


def test_an_extension_without_its_library_is_told_and_not_asked_every_second(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    pg.configure(shared_preload_libraries="")
    pg.restart()
    w = watch(pg.dsn, statements=1)
    told = w.until(lambda o: o.get("state") == "lacks" and "pg_stat_statements" in o["text"])
    assert "in database postgres: CREATE EXTENSION" in told["hint"]
    w.samples(3)
    assert pg.log_tail(100).count("must be loaded") <= 1


def test_an_extension_in_a_schema_of_its_own_is_found(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql('CREATE SCHEMA "Odd one"; CREATE EXTENSION pg_stat_statements SCHEMA "Odd one"')
    w = watch(pg.dsn, statements=1)
    assert w.sample(lambda s: s["calls"] is not None)["up"] == 1


def test_an_extension_that_an_upgrade_left_old_is_asked_again_once_it_is_updated(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements VERSION '1.8'")
    w = watch(pg.dsn, statements=1, facts=1)
    w.until(lambda o: o.get("state") == "lacks" and "ALTER EXTENSION pg_stat_statements UPDATE" in o["hint"])
    w.facts(lambda f: not f["has_statements"])
    w.samples(8)
    assert pg.log_tail(500).count("does not exist") <= 5      # asked again, ever more seldom
    pg.psql("ALTER EXTENSION pg_stat_statements UPDATE")
    w.sample(lambda s: s["calls"] is not None)
    w.facts(lambda f: f["has_statements"])


def test_what_others_define_where_names_are_looked_for_is_not_called_by_the_watch(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    for function in ("quote_ident(name) RETURNS text", "pg_has_role(text, text) RETURNS bool", "times(numeric, int) RETURNS numeric"):      # these fit better than what the server has
        pg.psql(f"CREATE FUNCTION public.{function} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$")
    pg.psql("CREATE OPERATOR public.* (FUNCTION = public.times, LEFTARG = numeric, RIGHTARG = int)")
    w = watch(pg.dsn, statements=1, facts=1, sizes=1)
    assert w.facts(lambda f: f["has_statements"] and f["database_bytes"])["superuser"]
    w.sample(lambda s: s["calls"] is not None and s["tps"] is not None and s["wal_bytes"] is not None)
    shown = subprocess.run([os.path.join(BUILD, "tests", "live", "sense_tool"), "--dsn", pg.dsn, "--privileges"], capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout
    assert re.search("^statements +yes", shown, re.M), shown
    assert "trapped" not in pg.log_tail(500)


def test_statements_are_followed_to_another_schema(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE SCHEMA a; CREATE SCHEMA b; CREATE EXTENSION pg_stat_statements SCHEMA a")
    w = watch(pg.dsn, statements=1, facts=1)
    w.sample(lambda s: s["calls"] is not None)
    pg.psql("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements SCHEMA b; DROP SCHEMA a")
    w.samples(4)
    w.sample(lambda s: s["calls"] is not None)


def test_a_wrong_password_is_told_with_what_to_do(make_postgres, watch, tmp_path):
    pg = make_postgres()
    pg.psql("CREATE ROLE guarded LOGIN PASSWORD 'right'; GRANT pg_monitor TO guarded")
    with open(os.path.join(pg.data, "pg_hba.conf"), "r+", encoding="utf-8") as f:
        rest = f.read()
        f.seek(0)
        f.write("host all guarded 127.0.0.1/32 scram-sha-256\n" + rest)
    pg.reload()
    passfile = tmp_path / "pass"
    passfile.write_text(f"*:*:*:guarded:wrong\n")
    passfile.chmod(0o600)
    w = watch(pg.dsn.replace("user=postgres", "user=guarded"), passfile=passfile)
    down = w.state("down")
    assert down["code"] == "DENIED" and "passfile" in down["hint"] and "wrong" not in down["text"].replace("wrong password", "")
    s = w.sample(lambda s: s["up"] == 1)   # it answers, but not us
    assert all_unknown(s)
    passfile.write_text("*:*:*:guarded:right\n")
    w.state("up")


def test_a_password_in_the_dsn_is_refused_without_being_shown(watch):
    w = watch("host=127.0.0.1 user=x password=hunter2")
    line = w.next()
    assert "password" in line["fault"] and "hunter2" not in json.dumps(line)


def test_the_configuration_being_read_again_is_noticed(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    w.samples(1)
    pg.psql("ALTER SYSTEM SET work_mem = '7MB'")
    pg.psql("SELECT pg_reload_conf()")
    w.state("reloaded")
    assert w.facts(lambda f: f["settings"]["work_mem"] == "7168")
    pg.psql("ALTER ROLE postgres SET work_mem = '9MB'; ALTER DATABASE postgres SET jit = off")
    pg.psql("SELECT pg_reload_conf()")
    f = w.facts(lambda f: f["overrides"])
    assert ["work_mem", "9MB", "postgres", ""] in f["overrides"] and ["jit", "off", "", "postgres"] in f["overrides"]


def test_checkpoints_are_counted_when_they_are_finished(make_postgres, watch):
    pg = make_postgres()
    w = watch(pg.dsn)
    w.state("up")
    before = w.sample(lambda s: s["checkpoints_done"] >= 0)
    pg.psql("CREATE TABLE t AS SELECT generate_series(1, 20000); CHECKPOINT")
    after = w.sample(lambda s: s["checkpoints_done"] > before["checkpoints_done"])
    assert after["redo_lsn"] > before["redo_lsn"]
    assert after["recovery_wal"] < 1e6


def test_waiting_and_idle_transactions_are_seen(make_postgres, watch):
    pg = make_postgres()
    pg.psql("CREATE TABLE t (i int)")
    holder, waiter = pg.connect(), pg.connect()
    try:
        holder.autocommit = False
        holder.cursor().execute("LOCK TABLE t")
        thread = threading.Thread(target=lambda: pytest.raises(psycopg2.Error, waiter.cursor().execute, "SELECT count(*) FROM t"))
        thread.start()
        w = watch(pg.dsn)
        w.sample(lambda s: (s["locks_waiting"], s["idle_in_transaction"], s["connections"], s["connections_active"]) == (1, 1, 2, 1))
        assert w.sample(lambda s: s["longest_xact"] is not None and s["longest_xact"] > 1)
    finally:
        waiter.cancel()
        thread.join()
        holder.close()
        waiter.close()


def test_track_activities_off_makes_activity_unknown_and_says_so(make_postgres, watch):
    pg = make_postgres(settings={"track_activities": "off"})
    with pg.connect():
        w = watch(pg.dsn)
        w.until(lambda o: o.get("state") == "lacks" and "track_activities" in o["text"])
        s = w.sample(lambda s: s["up"] == 1 and s["connections"] == 1)
        assert s["connections_active"] is None and s["longest_xact"] is None


def test_a_standby_is_told_and_its_promotion_too(make_postgres, watch):
    pg = make_postgres(settings={"wal_level": "replica"})
    standby = make_postgres(start=False)
    standby.run("pg_basebackup", "-h", pg.host, "-p", str(pg.port), "-U", "postgres", "-D", standby.folder + "/copy", "-R", "-c", "fast")
    standby.data = standby.folder + "/copy"
    standby.configure(port=standby.port, unix_socket_directories=standby.folder)
    standby.start()
    primary = watch(pg.dsn)
    w = watch(standby.dsn)
    told = w.state("standby")
    assert "not changed" in told["text"]
    assert w.sample(lambda s: s["in_recovery"])["up"] == 1
    assert all(o["facts"]["in_recovery"] for o in w.seen if "facts" in o)
    s = primary.sample(lambda s: s["standbys"] == 1)
    assert 0 <= s["replication_lag"] < 1e6
    standby.stop()
    w.state("down")
    standby.start()
    w.state("standby")      # once more: whoever was told that it is down, and then that it is up, has to know why it is not changed
    w.state("up")
    standby.psql("SELECT pg_promote()")
    w.state("promoted")
    assert w.facts(lambda f: not f["in_recovery"])["timeline"] == 2


def test_another_database_at_the_same_address_is_noticed(make_postgres, watch):
    one, other = make_postgres(), make_postgres(start=False, initdb=["--no-sync", "--data-checksums"])
    w = watch(one.dsn)
    first = w.begun()
    one.stop()
    w.state("down")
    other.configure(port=one.port)
    other.port = one.port
    other.start()
    told = w.state("replaced")
    assert first["system_identifier"] in told["text"]


def test_names_are_looked_up_without_blocking_and_every_address_is_tried(postgres, watch):
    w = watch(postgres.dsn.replace("host=127.0.0.1", "host=localhost"))   # ::1 first on many machines; nobody listens there
    assert w.state("up")
    w = watch("host=no-such-host.invalid port=1 user=postgres dbname=postgres")
    assert "no-such-host.invalid" in w.state("down")["text"]
    s = w.sample()
    assert s["up"] is None   # whether it is up cannot be told


def test_the_second_of_two_hosts_is_used_when_the_first_hangs(postgres, watch):
    import socket
    silent = socket.create_server(("127.0.0.1", 0))   # accepts in its backlog and never says a word
    try:
        dsn = f"host=127.0.0.1,127.0.0.1 port={silent.getsockname()[1]},{postgres.port} user=postgres dbname=postgres"
        assert watch(dsn).state("up")
    finally:
        silent.close()


def test_privileges_are_listed_with_their_grants(make_postgres):
    pg = make_postgres()
    pg.psql('CREATE ROLE "Odd Role" LOGIN')
    tool = os.path.join(BUILD, "tests", "live", "sense_tool")
    done = subprocess.run([tool, "--dsn", pg.dsn.replace("user=postgres", "user='Odd Role'"), "--privileges"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert 'GRANT pg_monitor TO "Odd Role";' in done.stdout and 'GRANT pg_checkpoint TO "Odd Role";' in done.stdout
    done = subprocess.run([tool, "--dsn", pg.dsn, "--privileges"], capture_output=True, text=True, check=False)
    assert "GRANT" not in done.stdout
    done = subprocess.run([tool, "--dsn", "host=127.0.0.1 port=1 user=x", "--privileges"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Connection refused" in done.stdout


@in_one_of(3)
def test_watching_costs_less_than_a_hundredth_of_a_core(make_postgres, watch):
    pg = make_postgres(settings=STATEMENTS)
    pg.psql("CREATE EXTENSION pg_stat_statements")
    w = watch(pg.dsn, seconds=20, statements=5)
    counts = w.until(lambda o: "counts" in o)["counts"]
    assert counts["cpu_s"] / 20 < 0.01
    assert counts["answered"] >= 18 and counts["late"] == 0 and counts["failed_statements"] == 0
    assert w.process.wait(60) == 0   # nothing was left on the loop
