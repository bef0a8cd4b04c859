"""The PostgreSQL adapter against a real server: what is done is read back, what fails is put back, what is not ours is left alone."""
import contextlib
import fcntl
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import time

import psycopg2
import pytest

from act_client import ROOT, Actor, until
from cluster import stand_still


@pytest.fixture
def actor(fresh_postgres, tmp_path):
    return Actor(fresh_postgres, tmp_path)


def entries(snapshot):
    return {s["name"]: s["entry"] for s in snapshot["settings"]}


# ---- the straight way --------------------------------------------------------------------------------------------------


def test_a_set_is_in_force_for_new_sessions_and_its_undo_leaves_the_file_as_it_was(actor):
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET work_mem = '5MB'")
    pg.psql("ALTER SYSTEM SET autovacuum_naptime = '50s'")   # somebody's own; must survive
    pg.reload()
    before = actor.auto_conf()
    step = actor.set(work_mem=("5MB", "8MB"), max_wal_size=("1GB", "1228MB"), random_page_cost=("4", 1.1), jit=("on", False))
    snapshot = actor.snapshot(step)
    assert entries(snapshot) == {"work_mem": "5MB", "max_wal_size": None, "random_page_cost": None, "jit": None}

    done = actor.act(step, snapshot)
    assert done["outcome"] == "done", done
    assert [s["in_force"] for s in done["witness"]["settings"]] == ["8192", "1228", "1.1", "off"]
    assert pg.value("SHOW work_mem") == "8MB"
    assert actor.recover(step, snapshot)["outcome"] == "done"

    undone = actor.undo(step, snapshot)
    assert undone["outcome"] == "done", undone
    assert actor.auto_conf() == before
    assert pg.value("SHOW work_mem") == "5MB" and pg.value("SHOW jit") == "on"
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    assert actor.undo(step, snapshot)["outcome"] == "done"   # once more does no harm


CLOCK = r"""
#define _GNU_SOURCE
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int gettimeofday(struct timeval *tv, void *tz) {      /* what PostgreSQL dates everything by */
    struct timespec t;
    (void)tz;
    clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec - (access(BACK, F_OK) == 0 ? 3600 : 0);
    tv->tv_usec = t.tv_nsec / 1000;
    return 0;
}
"""


def test_a_clock_that_was_set_back_since_the_last_reload_does_not_hide_ours(actor, monkeypatch):
    pg, back = actor.pg, actor.pg.folder + "/back"
    source, library = pg.folder + "/clock.c", pg.folder + "/clock.so"
    with open(source, "w", encoding="ascii") as f:
        f.write(CLOCK)
    built = subprocess.run(["cc", "-shared", "-fPIC", f'-DBACK="{back}"', "-o", library, source], capture_output=True, text=True, timeout=60, check=False)
    if built.returncode != 0:
        pytest.skip("no compiler for a clock that can be set: " + built.stderr[:200])
    os.chmod(library, 0o755)      # for the server's user
    with monkeypatch.context() as m:
        m.setenv("LD_PRELOAD", library)
        pg.restart()
    before = pg.value("SELECT pg_conf_load_time()")
    with open(back, "w", encoding="ascii"):
        pass
    step = actor.set(work_mem=("4MB", "8MB"))
    done = actor.act(step, actor.snapshot(step))
    assert done["outcome"] == "done" and pg.value("SELECT pg_conf_load_time()") < before, done


def test_a_reset_takes_the_entry_out_and_its_undo_brings_it_back(actor):
    actor.pg.psql("ALTER SYSTEM SET work_mem = '5MB'")
    actor.pg.reload()
    step = actor.set(work_mem=("5MB", None))
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert "work_mem" not in actor.auto_conf() and actor.pg.value("SHOW work_mem") == "4MB"
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert actor.auto_conf()["work_mem"] == "5MB"


def test_what_others_define_where_names_are_looked_for_is_not_called_when_parameters_are_changed(actor):
    pg = actor.pg
    pg.psql("CREATE FUNCTION public.times(numeric, int) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$")
    pg.psql("CREATE OPERATOR public.* (FUNCTION = public.times, LEFTARG = numeric, RIGHTARG = int)")      # fits better than what the server has
    step = actor.set(work_mem=("4MB", "8MB"))
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert "trapped" not in pg.log_tail(500)


def test_values_with_quotes_backslashes_and_lists_survive_the_way_there_and_back(actor):
    pg = actor.pg
    odd = r"%m it's \o/ [%p] "
    pg.psql("ALTER SYSTEM SET log_line_prefix = %s", (odd,))
    pg.psql("ALTER SYSTEM SET session_preload_libraries = 'auto_explain', 'pg_stat_statements'")
    pg.reload()
    step = actor.set(log_line_prefix="'\\'", session_preload_libraries="auto_explain", application_name="x\\y'z", search_path='"$user", public, pg_temp')
    step["params"]["settings"] = [s for s in step["params"]["settings"] if s["name"] != "application_name"]
    snapshot = actor.snapshot(step)
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done", done
    assert pg.value("SHOW log_line_prefix") == "'\\'"
    assert pg.value("SHOW search_path") == '"$user", public, pg_temp'
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert pg.value("SHOW log_line_prefix") == odd
    assert pg.value("SHOW session_preload_libraries") == "auto_explain, pg_stat_statements"


def test_a_parameter_that_new_sessions_only_take_is_read_back_by_a_new_session(actor):
    step = actor.set(log_connections=("off", "on"))
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot)["outcome"] == "done"


def test_a_restart_brings_all_values_into_force_and_has_the_start_time_as_witness(actor):
    pg = actor.pg
    step = actor.restart(shared_buffers=("128MB", "160MB"), work_mem="6MB")
    snapshot = actor.snapshot(step)
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done", done
    assert pg.value("SHOW shared_buffers") == "160MB"
    assert "throwaway" in " ".join(done["witness"]["notes"])
    assert done["witness"]["server"]["postmaster_start_us"] > snapshot["server"]["postmaster_start_us"]
    undone = actor.undo(step, snapshot)
    assert undone["outcome"] == "done" and pg.value("SHOW shared_buffers") == "128MB"
    assert not actor.auto_conf()


def test_a_plain_restart_is_done_when_the_server_is_a_new_one(actor):
    step = actor.restart()
    snapshot = actor.snapshot(step)
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert actor.recover(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot)["outcome"] == "done"


def test_toggles_move_all_reloadable_steps_in_one_batch(actor):
    steps = [actor.set(work_mem=("4MB", "8MB")), actor.set(random_page_cost=("4", "1.1"), effective_io_concurrency=("1", "64"))]
    snapshots = [actor.snapshot(s) for s in steps]
    for candidate, shown in ((True, "8MB"), (False, "4MB"), (True, "8MB"), (True, "8MB"), (False, "4MB")):
        report = actor.call("toggle", steps, snapshots, candidate=candidate)
        assert report["outcome"] == "done", report
        assert report["output"].count("pg_reload_conf") == 1
        assert actor.pg.value("SHOW work_mem") == shown
    actor.pg.psql("ALTER SYSTEM SET work_mem = '7MB'")
    report = actor.call("toggle", steps, snapshots, candidate=True)
    assert (report["outcome"], report["code"]) == ("untouched", "CONFLICT")
    assert actor.auto_conf() == {"work_mem": "7MB"}


def test_a_checkpoint_can_be_asked_for(actor):
    before = actor.pg.value("SELECT checkpoint_lsn FROM pg_control_checkpoint()")
    actor.pg.psql("CREATE TABLE t AS SELECT 1")
    assert actor.call("checkpoint", actor.set(work_mem="8MB"))["ok"]
    assert actor.pg.value("SELECT checkpoint_lsn FROM pg_control_checkpoint()") != before


def test_a_dry_run_prints_the_sql_and_its_undo_and_touches_nothing(actor):
    actor.pg.psql("ALTER SYSTEM SET work_mem = '5MB'")
    said = actor.call("dry_run", actor.set(work_mem=("5MB", "8MB"), max_wal_size=("1GB", "2GB")))
    assert said["ok"]
    do, undo = said["output"].split("-- undo:\n")
    assert do.splitlines() == ["ALTER SYSTEM SET work_mem = '8MB';", "ALTER SYSTEM SET max_wal_size = '2GB';", "SELECT pg_reload_conf();"]
    assert undo.splitlines() == ["ALTER SYSTEM RESET max_wal_size;", "ALTER SYSTEM SET work_mem = '5MB';", "SELECT pg_reload_conf();"]
    assert actor.auto_conf() == {"work_mem": "5MB"}


# ---- values that do not work -------------------------------------------------------------------------------------------


def test_a_value_that_the_server_refuses_leaves_the_values_before_it_undone(actor):
    step = actor.set(work_mem="8MB", random_page_cost="-5")
    report = actor.act(step, actor.snapshot(step))
    assert (report["outcome"], report["code"]) == ("untouched", "INPUT"), report
    assert "random_page_cost" in report["text"]
    assert not actor.auto_conf() and actor.pg.value("SHOW work_mem") == "4MB"


def trial_folders():
    return set(glob.glob("/var/tmp/homeostat-trial-*"))


@pytest.mark.parametrize("trial", [True, False], ids=["with a trial start", "without"])
@pytest.mark.parametrize("changes", [{"shared_buffers": "4000GB"}, {"shared_preload_libraries": "there_is_no_such_library"}, {"wal_level": "minimal"}],
                         ids=lambda c: next(iter(c)))
def test_values_that_no_server_starts_with_end_with_the_old_server_running(actor, changes, trial):
    actor.target["trial_start"] = trial
    before = trial_folders()
    started = actor.pg.value("SELECT pg_postmaster_start_time()")
    step = actor.restart(work_mem="8MB", **changes)
    report = actor.act(step, actor.snapshot(step))
    assert report["outcome"] == "untouched", report
    assert not actor.auto_conf()
    assert actor.pg.value("SHOW work_mem") == "4MB"
    assert (actor.pg.value("SELECT pg_postmaster_start_time()") == started) == trial
    stat = os.stat(os.path.join(actor.pg.data, "postgresql.auto.conf"))
    assert stat.st_uid == os.stat(actor.pg.data).st_uid and stat.st_mode & 0o777 == 0o600
    until(lambda: not trial_folders() - before, "no folder stays; somebody else's goes by itself")


def test_a_restart_command_that_does_nothing_is_not_believed(actor):
    actor.target["restart_command"] = ["/bin/true"]
    step = actor.restart(shared_buffers="160MB")
    report = actor.act(step, actor.snapshot(step))
    assert report["outcome"] == "untouched" and "not restarted" in report["text"], report
    assert not actor.auto_conf()
    assert actor.pg.value("SELECT count(*) FROM pg_settings WHERE pending_restart") == 0


FAKE_POSTGRES = """#!{python}
import os, signal, sys
if "-C" in sys.argv:
    print({need})
    sys.exit(0)
signal.signal(signal.SIGINT, lambda *ignored: sys.exit(0))
with open(os.path.join(sys.argv[2], "postmaster.pid"), "w") as f:
    f.write("\\n" * 7 + "ready\\n")
while True:
    signal.pause()
"""


@pytest.mark.parametrize("held,need,code", [("", 10**9, 0), ("1000000000", 10**9, 0), ("1", 10**9, 1)])
def test_a_trial_counts_the_huge_pages_that_the_real_server_gives_back(tmp_path, held, need, code):
    programs, folder = tmp_path / "bin", tmp_path / "trial"
    programs.mkdir()
    folder.mkdir()
    (folder / "trial.conf").write_text("huge_pages = off\n")
    (programs / "initdb").write_text('#!/bin/sh\nmkdir "$2"\n')
    (programs / "postgres").write_text(FAKE_POSTGRES.format(python=sys.executable, need=need))
    for program in programs.iterdir():
        program.chmod(0o755)
    done = subprocess.run(["sh", os.path.join(ROOT, "src", "act", "trial.sh"), folder, programs, "16", "600", held], capture_output=True, text=True, check=False)
    assert done.returncode == code and ("huge pages" in done.stdout) == (code == 1), (done.stdout, done.stderr)
    assert not folder.exists()


def test_a_restart_that_did_not_happen_leaves_nothing_behind_of_a_parameter_that_no_file_names(actor):
    """The server goes on calling such a parameter pending, after it has left the files again."""
    actor.target.update(restart_command=["/bin/false"], trial_start=False)
    step = actor.restart(wal_buffers="32MB", max_worker_processes="12")
    report = actor.act(step, actor.snapshot(step))
    assert report["outcome"] == "untouched", report
    assert report["output"].count("$ /bin/false") == 1      # there is nothing that a restart would put back
    assert not actor.auto_conf()
    assert actor.undo(step, actor.snapshot(step))["outcome"] == "done"
    assert actor.probe(actor.restart(shared_buffers="160MB"))["ok"]


def test_a_parameter_that_takes_a_restart_can_leave_the_files(actor):
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET wal_buffers = '32MB'")
    pg.restart()
    actor.target["trial_start"] = False
    step = actor.restart(wal_buffers=("32MB", None))
    snapshot = actor.snapshot(step)
    done = actor.act(step, snapshot)
    assert done["outcome"] == "done" and not actor.auto_conf(), done
    assert pg.value("SHOW wal_buffers") != "32MB"
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert pg.value("SHOW wal_buffers") == "32MB"

    pg.psql("ALTER SYSTEM RESET wal_buffers")               # somebody else, for the next restart
    pg.reload()
    assert actor.probe(actor.set(work_mem="8MB"))["ok"]     # which is no error in a file
    refused(actor.probe(actor.restart(shared_buffers="160MB")), "CONFLICT", "wal_buffers", "waits for a restart")


def test_what_the_command_line_decides_keeps_nobody_from_a_restart(fresh_postgres, tmp_path):
    pg = fresh_postgres
    pg.configure(max_worker_processes="9")
    pg.stop()
    pg.run("pg_ctl", "-D", pg.data, "-l", pg.log, "-w", "-o", "-c max_worker_processes=11", "start")
    pg.reload()
    actor = Actor(pg, tmp_path)
    assert actor.probe(actor.restart(shared_buffers="160MB"))["ok"]
    refused(actor.probe(actor.restart(max_worker_processes="12")), "STATE", "command line")


def test_a_restart_command_that_hangs_is_stopped_and_what_it_began_is_taken_back(actor):
    actor.target["restart_command"] = ["/bin/sleep", "600"]
    actor.target["restart_timeout_ms"] = 1500
    step = actor.restart(shared_buffers="160MB")
    began = time.monotonic()
    report = actor.act(step, actor.snapshot(step))
    assert report["outcome"] == "untouched" and "took too long" in report["text"], report
    assert time.monotonic() - began < 100      # by default it would be 120 s


def test_a_restart_for_which_no_time_is_left_is_not_begun(actor):
    actor.target["trial_start"] = False
    started = actor.pg.value("SELECT pg_postmaster_start_time()")
    step = actor.restart(shared_buffers="160MB")
    report = actor.act(step, actor.snapshot(step), deadline_s=8)
    assert (report["outcome"], report["code"]) == ("untouched", "TIMEOUT"), report
    assert "pg_ctl" not in report["output"] and not actor.auto_conf()
    assert actor.pg.value("SELECT pg_postmaster_start_time()") == started


# ---- refusals ----------------------------------------------------------------------------------------------------------


def refused(answer, code, *words):
    assert not answer["ok"] and answer["code"] == code, answer
    for word in words:
        assert word in answer["text"] + " " + answer["hint"], answer


def test_what_cannot_be_changed_this_way_is_refused_with_the_reason(actor):
    refused(actor.probe(actor.set(no_such_thing="1")), "MISSING", "no_such_thing")
    refused(actor.probe(actor.set(shared_buffers="1GB")), "INPUT", "restart")
    refused(actor.probe(actor.set(block_size="8192")), "INPUT", "block_size")
    refused(actor.probe(actor.set(work_mem="8 potatoes")), "INPUT", "8 potatoes")
    refused(actor.probe(actor.set(work_mem=("16MB", "8MB"))), "CONFLICT", "16MB")
    refused(actor.probe(actor.set(session_preload_libraries="")), "INPUT", "empty list", "null")
    refused(actor.probe({**actor.set(), "params": {"target": "main", "settings": [{"name": "x'; drop", "to": "1"}]}}), "INPUT", "name")
    refused(actor.probe({**actor.set(), "params": {"target": "other", "settings": [{"name": "work_mem", "to": "8MB"}]}}), "INPUT", "other")


def test_a_standby_is_refused(make_postgres, tmp_path):
    primary = make_postgres()
    standby = make_postgres(start=False)
    subprocess.run(["rm", "-rf", standby.data], check=True)
    primary.run("pg_basebackup", "-d", primary.dsn, "-D", standby.data, "-R", "-c", "fast")
    standby.configure(port=standby.port, unix_socket_directories=standby.folder)
    standby.start()
    refused(Actor(standby, tmp_path).probe(Actor.set(work_mem="8MB")), "STATE", "standby", "primary")

    on_primary = Actor(primary, tmp_path)
    until(lambda: primary.value("SELECT count(*) FROM pg_stat_replication"), "the standby follows")
    refused(on_primary.probe(Actor.restart(max_connections="150")), "DENIED", "max_connections", "standby")
    assert on_primary.probe(Actor.restart(max_connections="90"))["ok"]
    on_primary.target["standbys_ready"] = True
    assert on_primary.probe(Actor.restart(max_connections="150"))["ok"]


def test_less_room_than_what_outlives_a_restart_takes_is_refused(actor):
    pg = actor.pg
    pg.configure(max_prepared_transactions="3", wal_level="logical")
    pg.restart()
    assert actor.probe(actor.restart(max_prepared_transactions="0", max_replication_slots="1", wal_level="replica"))["ok"]
    for name in ("one", "two"):     # slots first: one that is made waits for the transactions before it
        pg.psql(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")
    for name in ("one", "two"):
        pg.psql(f"BEGIN; CREATE TABLE {name} (); PREPARE TRANSACTION '{name}'")
    refused(actor.probe(actor.restart(max_prepared_transactions="1")), "STATE", "2 prepared transactions")
    refused(actor.probe(actor.restart(max_replication_slots="1")), "STATE", "2 replication slots")
    refused(actor.probe(actor.restart(wal_level="replica")), "STATE", "2 replication slots", "logical")
    assert actor.probe(actor.restart(max_prepared_transactions="2", max_replication_slots="2"))["ok"]


@pytest.mark.parametrize("sign", ["role", "folder", "include", "parameter"])
def test_a_server_that_somebody_else_manages_is_refused(actor, sign):
    pg = actor.pg
    if sign == "role":
        pg.psql("CREATE ROLE rds_superuser")
    elif sign == "folder":
        open(os.path.join(pg.data, "patroni.dynamic.json"), "w", encoding="utf-8").close()
    elif sign == "parameter":
        pg.configure(**{"cnpg.config_sha256": "0"})
    else:
        with open(os.path.join(pg.data, "postgresql.base.conf"), "w", encoding="utf-8") as f:
            f.write("work_mem = 4MB\n")
        with open(os.path.join(pg.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            f.write("include 'postgresql.base.conf'\n")
        os.chmod(os.path.join(pg.data, "postgresql.base.conf"), 0o644)
    refused(actor.probe(actor.set(work_mem="8MB")), "DENIED", "managed by")


def test_each_missing_privilege_is_named_and_granting_what_it_says_is_enough(actor):
    pg = actor.pg
    pg.psql("CREATE ROLE tuner LOGIN IN ROLE pg_monitor")
    actor.target["dsn"] = pg.dsn.replace("user=postgres", "user=tuner")
    step = actor.set(work_mem=("4MB", "8MB"))
    for _ in range(8):
        answer = actor.probe(step)
        if answer["ok"]:
            break
        assert answer["code"] == "DENIED" and answer["hint"].startswith("GRANT"), answer
        for statement in answer["hint"].split(";"):
            pg.psql(statement)
    done = actor.act(step, answer["snapshot"])
    assert done["outcome"] == "done", done
    assert actor.undo(step, answer["snapshot"])["outcome"] == "done"
    refusal = actor.call("checkpoint", step)
    assert not refusal["ok"] and refusal["hint"].startswith("GRANT pg_checkpoint TO tuner"), refusal


def test_overrides_that_bind_us_are_refused_and_others_are_reported(actor):
    pg = actor.pg
    pg.psql("CREATE ROLE app")
    pg.psql("CREATE DATABASE other")
    pg.psql("ALTER ROLE app SET work_mem = '1MB'")
    pg.psql("ALTER DATABASE other SET work_mem = '2MB'")
    answer = actor.probe(actor.set(work_mem="8MB"))
    assert answer["ok"] and {o["value"] for o in answer["snapshot"]["overrides"]} == {"1MB", "2MB"}
    assert any("role app" in n for n in answer["snapshot"]["notes"])
    pg.psql("ALTER DATABASE postgres SET work_mem = '3MB'")
    refused(actor.probe(actor.set(work_mem="8MB")), "STATE", "ALTER DATABASE postgres")
    pg.psql("ALTER DATABASE postgres RESET work_mem")
    pg.psql("ALTER ROLE postgres SET work_mem = '3MB'")
    refused(actor.probe(actor.set(work_mem="8MB")), "STATE", "ALTER ROLE postgres")
    pg.psql("ALTER ROLE postgres RESET work_mem")
    pg.psql("ALTER ROLE ALL SET work_mem = '3MB'")
    refused(actor.probe(actor.set(work_mem="8MB")), "STATE", "ALTER ROLE ALL", "ALTER ROLE ALL RESET work_mem")


@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
def test_an_override_that_somebody_made_meanwhile_does_not_keep_an_undo_from_being_done(actor, whose):
    pg = actor.pg
    pg.psql("CREATE DATABASE other")
    pg.psql("CREATE ROLE app LOGIN")
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    pg.psql(f"ALTER {whose} postgres SET work_mem = '3MB'")
    report = actor.undo(step, snapshot)
    assert report["outcome"] == "done", report
    assert any("work_mem" in n and "ALTER" in n for n in report["witness"]["notes"])
    assert not actor.auto_conf() and pg.value("SHOW work_mem") == "3MB"
    with contextlib.closing(psycopg2.connect(host=pg.host, port=pg.port, user="app", dbname="other")) as c, c.cursor() as cursor:
        cursor.execute("SHOW work_mem")
        assert cursor.fetchone() == ("4MB",)


def test_the_command_line_wins_over_files_so_it_is_refused(fresh_postgres, tmp_path):
    pg = fresh_postgres
    pg.stop()
    pg.run("pg_ctl", "-D", pg.data, "-l", pg.log, "-w", "-o", "-c work_mem=3MB", "start")
    refused(Actor(pg, tmp_path).probe(Actor.set(work_mem="8MB")), "STATE", "command line")


def test_restarts_need_permission_a_command_and_the_files(actor):
    step = actor.restart(shared_buffers="160MB")
    refused(actor.call("probe", step, target={"restart_allowed": False}), "DENIED", "not allowed")
    saved = actor.target.pop("restart_command")
    refused(actor.probe(step), "STATE", "restart command")
    actor.target["restart_command"] = saved
    refused(actor.call("probe", step, target={"data_directory": "/var/tmp"}), "MISSING", "pg_control")


def test_connections_that_fail_say_what_is_wrong_and_never_the_password(actor, tmp_path):
    pg = actor.pg
    step = actor.set(work_mem="8MB")
    dsn = pg.dsn
    refused(actor.call("probe", step, target={"dsn": dsn + " password=geheim"}), "INPUT", "passfile")
    refused(actor.call("probe", step, target={"dsn": f"postgresql://postgres:geheim@127.0.0.1:{pg.port}/postgres"}), "INPUT", "password")
    refused(actor.call("probe", step, target={"dsn": dsn.replace(f"port={pg.port}", "port=1")}), "IO", "listens")
    refused(actor.call("probe", step, target={"dsn": dsn.replace("dbname=postgres", "dbname=nowhere")}), "MISSING", "nowhere")
    refused(actor.call("probe", step, target={"dsn": dsn.replace("host=127.0.0.1", "host=no.such.host.invalid")}), "IO", "host name")
    pg.psql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    with open(os.path.join(pg.data, "pg_hba.conf"), "r+", encoding="utf-8") as f:
        rest = f.read()
        f.seek(0)
        f.write("host all locked 127.0.0.1/32 scram-sha-256\nhost all barred 127.0.0.1/32 reject\n" + rest)
    pg.reload()
    as_locked = dsn.replace("user=postgres", "user=locked")
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:locked:wrong\n")
    passfile.chmod(0o600)
    answer = actor.call("probe", step, target={"dsn": as_locked, "passfile": str(passfile)})
    refused(answer, "DENIED", "passfile")
    assert "wrong" not in json.dumps(answer).replace("wrong password", "").replace("what is wrong", "")
    refused(actor.call("probe", step, target={"dsn": as_locked}), "DENIED", "passfile")
    refused(actor.call("probe", step, target={"dsn": dsn.replace("user=postgres", "user=barred")}), "DENIED", "pg_hba.conf")
    passfile.write_text("*:*:*:locked:right\n")
    refused(actor.call("probe", step, target={"dsn": as_locked, "passfile": str(passfile)}), "DENIED", "GRANT")


# ---- somebody else -----------------------------------------------------------------------------------------------------


def test_a_change_between_probe_and_act_is_noticed_and_never_overwritten(actor):
    pg = actor.pg
    step = actor.set(work_mem=("4MB", "8MB"), max_wal_size=("1GB", "2GB"))
    snapshot = actor.snapshot(step)
    pg.psql("ALTER SYSTEM SET max_wal_size = '3GB'")
    report = actor.act(step, snapshot)
    assert (report["outcome"], report["code"]) == ("untouched", "CONFLICT") and "max_wal_size" in report["text"], report
    pg.reload()
    report = actor.act(step, snapshot)
    assert (report["outcome"], report["code"]) == ("untouched", "CONFLICT"), report
    assert actor.auto_conf() == {"max_wal_size": "3GB"}


def test_an_undo_leaves_what_somebody_else_has_set_since_and_says_so(actor):
    step = actor.set(work_mem=("4MB", "8MB"), max_wal_size=("1GB", "2GB"))
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    actor.pg.psql("ALTER SYSTEM SET max_wal_size = '3GB'")
    report = actor.undo(step, snapshot)
    assert (report["outcome"], report["code"]) == ("partial", "CONFLICT") and "max_wal_size" in report["text"], report
    assert actor.auto_conf() == {"max_wal_size": "3GB"}
    assert actor.recover(step, snapshot)["outcome"] == "unknown"


def test_an_edit_that_nobody_has_loaded_yet_keeps_us_from_reloading_it_for_them(actor):
    pg = actor.pg
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    pg.configure(random_page_cost="2.5")
    refused(actor.probe(step), "CONFLICT", "random_page_cost")
    report = actor.act(step, snapshot)
    assert (report["outcome"], report["code"]) == ("untouched", "CONFLICT"), report
    assert pg.value("SHOW random_page_cost") == "4"
    pg.reload()
    assert actor.probe(step)["ok"]
    pg.configure(max_connections="120")
    assert actor.probe(step)["ok"]   # a reload does not touch that one
    refused(actor.probe(actor.restart(shared_buffers="160MB")), "CONFLICT", "max_connections")


@pytest.mark.parametrize("way", ["TCP", "socket"])
def test_what_the_server_shows_of_this_connection_only_is_not_taken_for_an_edit(actor, way):
    pg = actor.pg
    pg.configure(tcp_keepalives_idle="60", tcp_keepalives_interval="0")      # over a socket the server shows 0 for both, over TCP for none
    pg.reload()
    if way == "socket":
        actor.target["dsn"] = f"host={pg.folder} port={pg.port} user={pg.user} dbname={pg.database}"
    answer = actor.probe(actor.set(work_mem="8MB"))
    assert answer["ok"], answer


def test_a_broken_line_is_refused_before_and_put_back_after(actor):
    pg = actor.pg
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    conf = os.path.join(pg.data, "postgresql.conf")
    with open(conf, encoding="utf-8") as f:
        whole = f.read()
    with open(conf, "a", encoding="utf-8") as f:
        f.write("this is = = not a line\n")
    refused(actor.probe(step), "STATE", "postgresql.conf", "line")
    assert actor.act(step, snapshot)["outcome"] == "untouched"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(whole)
    assert actor.act(step, snapshot)["outcome"] == "done"
    with open(conf, "a", encoding="utf-8") as f:
        f.write("this is = = not a line\n")
    # The entry goes out of the file at once; in force it can only be once somebody mends the other file.
    report = actor.undo(step, snapshot)
    assert report["outcome"] == "partial" and "postgresql.conf" in report["text"], report
    assert not actor.auto_conf()
    with open(conf, "w", encoding="utf-8") as f:
        f.write(whole)
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert pg.value("SHOW work_mem") == "4MB"


# ---- two hands, and none -----------------------------------------------------------------------------------------------


def test_two_at_once_are_kept_apart_by_the_file_and_by_the_server(actor, tmp_path):
    pg = actor.pg
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    for database in (pg.database, "template1"):   # from another database, too
        holder = pg.connect(database)
        holder.cursor().execute("SELECT pg_advisory_lock(7525353784788350049)")
        report = actor.act(step, snapshot)
        assert (report["outcome"], report["code"]) == ("untouched", "BUSY"), report
        holder.close()
        until(lambda: pg.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0, "the holder's session has ended")
    with open(os.path.join(actor.state, "main.lock"), "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = actor.act(step, snapshot)
        assert (report["outcome"], report["code"]) == ("untouched", "BUSY"), report
    assert actor.act(step, snapshot)["outcome"] == "done"


def test_many_at_once_end_with_one_effect(actor):
    step = actor.set(work_mem=("4MB", "8MB"))
    snapshot = actor.snapshot(step)
    running = [actor.start("act", step, snapshot) for _ in range(4)]
    outcomes = sorted(actor.finish(p)["outcome"] for p in running)
    assert outcomes == ["done", "untouched", "untouched", "untouched"]


CRASH_POINTS = {16: {"untouched"}, 17: {"partial"}, 18: {"done"}, 19: {"done"}}


@pytest.mark.parametrize("kind", ["set", "restart"])
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_after_a_kill_at_any_point_recovery_knows_and_the_undo_works(actor, kind, point):
    step = actor.set(work_mem="8MB", max_wal_size="2GB") if kind == "set" else actor.restart(shared_buffers="160MB", work_mem="8MB")
    actor.target["trial_start"] = False
    snapshot = actor.snapshot(step)
    p = actor.start("act", step, snapshot, crash=point)
    p.communicate(timeout=180)
    assert p.returncode == -signal.SIGKILL
    found = actor.recover(step, snapshot)
    assert found["outcome"] in CRASH_POINTS[point], found
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert not actor.auto_conf() and actor.pg.value("SHOW work_mem") == "4MB"
    assert actor.recover(step, snapshot)["outcome"] == "untouched"


def test_recovery_waits_for_a_restart_that_a_dead_predecessor_began(actor, tmp_path):
    pg = actor.pg
    slow = tmp_path / "slow.sh"
    gate = tmp_path / "gate"
    slow.write_text(f"#!/bin/sh\nwhile [ ! -e {gate} ]; do sleep 0.1; done\n" + " ".join(actor.target["restart_command"]) + "\n")
    slow.chmod(0o755)
    actor.target["restart_command"] = [str(slow)]
    actor.target["trial_start"] = False
    step = actor.restart(shared_buffers="160MB")
    snapshot = actor.snapshot(step)
    # Point 17 is passed once per write and once when the command has been started.
    p = actor.start("act", step, snapshot, crash="17:2")
    p.communicate(timeout=180)
    assert p.returncode == -signal.SIGKILL
    assert pg.value("SHOW shared_buffers") == "128MB"   # it has not happened yet
    recovery = actor.start("recover", step, snapshot)
    with pytest.raises(subprocess.TimeoutExpired):      # and nothing is said before it has
        recovery.wait(3)
    gate.touch()
    found = actor.finish(recovery)
    assert found["outcome"] == "done", found
    assert pg.value("SHOW shared_buffers") == "160MB"
    # The server that the command started does not hold the lock.
    assert actor.undo(step, snapshot)["outcome"] == "done"


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06, 0.15])
@pytest.mark.parametrize("kind", ["set", "restart"])
def test_a_server_that_is_killed_meanwhile_ends_with_the_old_or_the_new_configuration_proven(actor, kind, delay):
    pg = actor.pg
    actor.target["trial_start"] = False
    step = actor.set(work_mem="8MB", max_wal_size="2GB") if kind == "set" else actor.restart(shared_buffers="160MB", work_mem="8MB")
    snapshot = actor.snapshot(step)

    def killer():
        time.sleep(delay)
        try:
            pg.stop("immediate")
        except Exception:   # the restart was quicker
            pass
        time.sleep(0.7)
        try:
            pg.start()
        except Exception:   # somebody else started it already
            pass
    t = threading.Thread(target=killer)
    t.start()
    report = actor.act(step, snapshot)
    t.join()
    assert report["outcome"] in ("done", "untouched"), report
    assert pg.value("SHOW work_mem") == ("8MB" if report["outcome"] == "done" else "4MB")
    assert actor.undo(step, snapshot)["outcome"] == "done"
    assert not actor.auto_conf()


def test_an_undo_with_the_server_down_is_done_by_file_and_starts_a_server_that_we_restarted(actor):
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET shared_buffers = '130MB'")
    pg.restart()
    actor.target["trial_start"] = False
    step = actor.restart(shared_buffers=("130MB", "160MB"))
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    pg.kill()
    report = actor.undo(step, snapshot)
    assert report["outcome"] == "done" and "by file" in report["output"], report
    assert actor.auto_conf() == {"shared_buffers": "130MB"} and pg.value("SHOW shared_buffers") == "130MB"


def test_a_set_is_put_back_by_file_while_the_server_is_down_and_said_to_be_unproven(actor):
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    actor.pg.stop()
    report = actor.undo(step, snapshot, deadline_s=10)
    assert report["outcome"] == "unknown" and "by file" in report["output"], report
    assert not actor.auto_conf()
    actor.pg.start()
    assert actor.recover(step, snapshot)["outcome"] == "untouched"


def test_files_that_were_never_proven_to_be_the_servers_are_not_taken_for_them_when_it_is_down(actor):
    """A stopped standby on our machine has the identifier and often the path of a primary that runs elsewhere."""
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    elsewhere = {**snapshot, "auto_conf": None}
    actor.pg.stop()
    report = actor.undo(step, elsewhere, deadline_s=5)
    assert report["outcome"] == "unknown" and "by file" not in report["output"], report
    assert actor.auto_conf() == {"work_mem": "8MB"}
    actor.pg.start()
    assert actor.undo(step, elsewhere)["outcome"] == "done"


def test_a_frozen_server_does_not_hold_us_beyond_the_deadline(actor):
    step = actor.set(work_mem="8MB")
    pid = actor.pg.pid()
    stand_still(pid)
    try:
        began = time.monotonic()
        answer = actor.probe(step, deadline_s=3)
        assert answer["code"] == "TIMEOUT" and time.monotonic() - began < 30, answer      # it would stay frozen for as long as we are waited for
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def dead_server(actor):
    """We are killed just after we told a server to restart with a value that it cannot start with."""
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET shared_buffers = '130MB'")
    pg.restart()
    actor.target["trial_start"] = False
    step = actor.restart(shared_buffers=("130MB", "4000GB"))
    snapshot = actor.snapshot(step)
    p = actor.start("act", step, snapshot, crash="17:2")
    p.communicate(timeout=180)
    assert p.returncode == -signal.SIGKILL
    subprocess.run(["flock", os.path.join(actor.state, "main.lock"), "true"], check=True)   # the restart command goes on, and fails
    assert not pg.running()
    return step, snapshot


def test_a_server_that_we_left_down_is_brought_back_by_recovery_and_undo(actor, dead_server):
    step, snapshot = dead_server
    found = actor.recover(step, snapshot)
    assert found["outcome"] == "partial" and "down" in found["text"], found
    report = actor.undo(step, snapshot)
    assert report["outcome"] == "done", report
    assert actor.auto_conf() == {"shared_buffers": "130MB"} and actor.pg.value("SHOW shared_buffers") == "130MB"
    assert not os.path.exists(os.path.join(actor.state, "main.restarting"))


def test_a_server_that_we_left_down_is_brought_back_also_when_restarts_are_forbidden_meanwhile(actor, dead_server):
    step, snapshot = dead_server
    report = actor.undo(step, snapshot, target={"restart_allowed": False})
    assert report["outcome"] == "done", report
    assert actor.auto_conf() == {"shared_buffers": "130MB"} and actor.pg.value("SHOW shared_buffers") == "130MB"


def test_a_server_that_we_left_down_is_brought_back_when_our_own_folder_takes_nothing_any_more(actor, dead_server):
    step, snapshot = dead_server
    owed = os.path.join(actor.state, "main.restarting")
    os.unlink(owed)
    os.mkdir(owed)                                   # no file can be put in its place, as on a full disk
    report = actor.undo(step, snapshot)
    assert report["outcome"] == "done", report
    assert actor.auto_conf() == {"shared_buffers": "130MB"} and actor.pg.value("SHOW shared_buffers") == "130MB"


def test_a_server_that_we_left_down_is_brought_back_by_hand_with_the_undo_script(actor, dead_server):
    step, snapshot = dead_server
    written = actor.call("write_undo", step, snapshot, case="case-1")
    done = subprocess.run(["sh", written["path"]], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "server is down. To start it" in done.stderr, done.stderr
    assert os.stat(os.path.join(actor.pg.data, "postgresql.auto.conf")).st_uid == os.stat(actor.pg.data).st_uid
    actor.pg.start()
    assert actor.pg.value("SHOW shared_buffers") == "130MB"
    assert actor.recover(step, snapshot)["outcome"] == "untouched"
    assert not os.path.exists(os.path.join(actor.state, "main.restarting"))    # nobody owes a start any more


def test_the_undo_script_does_not_signal_a_process_that_only_has_the_number_of_the_dead_server(actor, dead_server):
    step, snapshot = dead_server
    written = actor.call("write_undo", step, snapshot, case="case-1")
    pid_file = os.path.join(actor.pg.data, "postmaster.pid")
    other = subprocess.Popen(["sleep", "600"])
    try:
        with open(pid_file, "w", encoding="utf-8") as f:
            f.write(f"{other.pid}\n")
        done = subprocess.run(["sh", written["path"]], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "server is down. To start it" in done.stderr, done.stderr
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        os.unlink(pid_file)


def test_a_server_that_somebody_has_stopped_is_not_started_by_an_undo(actor):
    actor.target["trial_start"] = False
    step = actor.restart(shared_buffers="160MB")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot)["outcome"] == "done"
    actor.pg.stop()
    actor.target["restart_timeout_ms"] = 2000
    report = actor.undo(step, snapshot, deadline_s=5)
    assert report["outcome"] == "unknown" and "by file" in report["output"], report
    assert not actor.pg.running() and not actor.auto_conf()
    actor.pg.start()
    assert actor.undo(step, snapshot)["outcome"] == "done"


@pytest.mark.parametrize("what,value", [("system_identifier", "1"), ("timeline", "00000009"), ("data_directory", "/elsewhere")])
def test_another_server_at_the_same_address_is_left_alone(actor, what, value):
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    assert snapshot["server"][what]
    snapshot["server"][what] = value
    report = actor.act(step, snapshot)
    assert (report["outcome"], report["code"]) == ("untouched", "CONFLICT"), report
    assert actor.recover(step, snapshot)["code"] == "CONFLICT"
    report = actor.undo(step, snapshot)
    assert (report["outcome"], report["code"]) == ("unknown", "CONFLICT"), report
    assert not actor.auto_conf()


def test_every_value_on_the_road_of_a_plan_is_ours_to_put_back(actor):
    pg = actor.pg
    unit = actor.set(work_mem=("4MB", "8MB"))
    unit["params"]["settings"][0]["passed"] = ["5MB", "6MB", "8MB"]
    snapshot = actor.snapshot(unit)
    pg.psql("ALTER SYSTEM SET work_mem = '6MB'")
    pg.reload()
    assert actor.recover(unit, snapshot)["outcome"] == "partial"
    written = actor.call("write_undo", unit, snapshot, case="case-1")
    assert subprocess.run(["sh", written["path"]], capture_output=True, check=False).returncode == 0
    assert not actor.auto_conf()
    pg.psql("ALTER SYSTEM SET work_mem = '5MB'")
    assert actor.undo(unit, snapshot)["outcome"] == "done"
    assert not actor.auto_conf()


# ---- the connection ----------------------------------------------------------------------------------------------------


SLEEPS = "SELECT pg_sleep(600)"


def sleepers(pg):
    """How many sessions are at it, or have not quite gone since."""
    return pg.value("SELECT count(*) FROM pg_stat_activity WHERE query = %s", (SLEEPS,))


def test_a_statement_beyond_its_deadline_is_cancelled_in_the_server_too(actor):
    began = time.monotonic()
    answer = actor.call("sql", actor.set(work_mem="8MB"), sql=SLEEPS, deadline_s=2)
    assert answer["code"] == "TIMEOUT" and time.monotonic() - began < 60, answer
    until(lambda: sleepers(actor.pg) == 0, "its session has ended")


def test_a_server_that_freezes_within_a_statement_is_given_up(actor):
    p = actor.start("sql", actor.set(work_mem="8MB"), sql=SLEEPS, deadline_s=5)
    until(lambda: sleepers(actor.pg) or p.poll() is not None, "the statement has begun")
    with actor.pg.frozen():
        began = time.monotonic()
        assert actor.finish(p)["code"] == "TIMEOUT" and time.monotonic() - began < 60


def test_lost_connections_and_refused_statements_say_which(actor):
    pg = actor.pg
    p = actor.start("sql", actor.set(work_mem="8MB"), sql=SLEEPS)
    until(lambda: sleepers(pg), "the statement has begun")
    pg.stop("immediate")
    assert actor.finish(p)["code"] == "IO"
    pg.start()
    assert actor.call("sql", actor.set(work_mem="8MB"), sql="SELECT no_such_function()")["code"] == "MISSING"
    assert actor.call("sql", actor.set(work_mem="8MB"), sql="SELECT 1/0")["code"] == "INPUT"
    pg.psql("ALTER DATABASE postgres SET default_transaction_read_only = on")
    answer = actor.call("sql", actor.set(work_mem="8MB"), sql="CREATE TABLE t ()")
    assert answer["code"] == "STATE" and "primary" in answer["hint"], answer


# ---- the undo script ---------------------------------------------------------------------------------------------------


def run_undo(actor, path, **env):
    return subprocess.run(actor.pg.as_owner(["sh", path]), capture_output=True, text=True, env={"PATH": os.environ["PATH"], **env}, cwd="/", check=False)


@pytest.fixture
def undo_script(actor, tmp_path):
    """Two steps done, and the script that puts both back, somewhere the server's user can read it."""
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET log_line_prefix = %s", (r"it's \ %m ",))
    pg.reload()
    actor.target["passfile"] = "/nowhere/pass"
    steps = [actor.set(work_mem="8MB", log_line_prefix="%p "), actor.set(random_page_cost="1.1")]
    snapshots = []
    for step in steps:
        snapshots.append(actor.snapshot(step))
        assert actor.act(step, snapshots[-1])["outcome"] == "done"
    written = actor.call("write_undo", steps, snapshots, case="case-1")
    assert written["ok"], written
    assert os.stat(written["path"]).st_mode & 0o777 == 0o700
    copy = os.path.join(pg.folder, "undo.sh")
    subprocess.run(["cp", written["path"], copy], check=True)
    os.chmod(copy, 0o755)
    return copy


def test_the_undo_script_works_with_the_server_up(actor, undo_script):
    done = run_undo(actor, undo_script)
    assert done.returncode == 0, done.stderr
    until(lambda: actor.pg.value("SHOW log_line_prefix") == r"it's \ %m " and actor.pg.value("SHOW work_mem") == "4MB", "what it reloaded was taken up")
    assert list(actor.auto_conf()) == ["log_line_prefix"]
    assert run_undo(actor, undo_script).returncode == 0


def test_the_undo_script_works_with_the_server_down_and_says_how_to_start(actor, undo_script):
    actor.pg.stop()
    done = run_undo(actor, undo_script)
    assert done.returncode == 0, done.stderr
    assert "pg_ctl" in done.stderr and list(actor.auto_conf()) == ["log_line_prefix"]
    assert os.stat(os.path.join(actor.pg.data, "postgresql.auto.conf")).st_mode & 0o777 == 0o600
    actor.pg.start()
    assert actor.pg.value("SHOW log_line_prefix") == r"it's \ %m " and actor.pg.value("SHOW random_page_cost") == "4"


@pytest.mark.parametrize("up", [True, False])
def test_the_undo_script_leaves_what_somebody_else_has_changed_unless_forced(actor, undo_script, up):
    actor.pg.psql("ALTER SYSTEM SET work_mem = '7MB'")
    if not up:
        actor.pg.stop()
    done = run_undo(actor, undo_script)
    assert done.returncode == 1 and "work_mem was changed by somebody else" in done.stderr, done.stderr
    assert actor.auto_conf()["work_mem"] == "7MB" and "random_page_cost" not in actor.auto_conf()
    assert run_undo(actor, undo_script, FORCE="1").returncode == 0
    assert "work_mem" not in actor.auto_conf()


# ---- scripts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def scripts(tmp_path):
    return Actor(None, tmp_path / "state")


def test_a_script_runs_without_a_shell_and_with_only_the_environment_it_was_given(scripts, tmp_path):
    step = scripts.script(argv=["/usr/bin/env"], env={"COLOUR": "blue"}, cwd=str(tmp_path))
    report = scripts.act(step, scripts.snapshot(step))
    assert report["outcome"] == "done", report
    names = {line.split("=")[0] for line in report["output"].splitlines()}
    assert names == {"PATH", "LANG", "COLOUR", "HOMEOSTAT_ACTION_ID"}
    step = scripts.script(script="echo ok")
    assert scripts.act(step, scripts.snapshot(step))["output"] == "ok\n"
    refused(scripts.probe(scripts.script(script="echo ok; rm -rf /")), "INPUT", "shell")
    step = scripts.script(script="echo a | tr a b", shell=True)
    assert scripts.act(step, scripts.snapshot(step))["output"] == "b\n"
    refused(scripts.probe(scripts.script(argv=["/no/such/program"])), "MISSING", "/no/such/program")


def processes_in(folder):
    """The ids of those that work in it."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cwd"):
        with contextlib.suppress(OSError):      # it has gone meanwhile, or waits to be reaped
            if os.readlink(path) == str(folder):
                found.append(path.split("/")[2])
    return found


def test_a_script_that_takes_too_long_is_ended_with_everything_it_started(scripts, tmp_path):
    folder = tmp_path.resolve() / "its own"      # by which it is known, and whatever it starts
    folder.mkdir()
    step = scripts.script(script="trap '' TERM; sleep 300 & wait; sleep 300", shell=True, timeout_s=1, cwd=str(folder))
    began = time.monotonic()
    report = scripts.act(step, scripts.snapshot(step))
    assert report["outcome"] == "unknown" and "took too long" in report["text"], report
    assert time.monotonic() - began < 60
    until(lambda: not processes_in(folder), "all of it has gone")


def test_the_output_of_a_script_is_bounded_and_readable(scripts):
    step = scripts.script(script="head -c 3000000 /dev/urandom", shell=True)
    report = scripts.act(step, scripts.snapshot(step))
    assert report["outcome"] == "done" and 1000 < len(report["output"].encode()) <= 64 * 1024 + 20


def test_the_witness_of_a_script_decides_not_its_exit_code(scripts, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    flag = watched / "flag"
    witness = ["/bin/ls", str(watched)]
    liar = scripts.script(argv=["/bin/true"], witness=witness)
    report = scripts.act(liar, scripts.snapshot(liar))
    assert report["outcome"] == "untouched" and "witness" in report["text"], report
    fails = scripts.script(script=f"touch {flag}; exit 3", shell=True, witness=witness, undo=["/bin/rm", "-f", str(flag)])
    snapshot = scripts.snapshot(fails)
    assert scripts.act(fails, snapshot)["outcome"] == "partial"
    assert scripts.undo(fails, snapshot)["outcome"] == "done" and not flag.exists()
    assert scripts.undo(fails, snapshot)["outcome"] == "done"


def test_a_lost_result_is_unknown_without_a_witness_and_told_by_one_that_waits(scripts, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    flag = watched / "flag"
    plain = scripts.script(argv=["/usr/bin/touch", str(flag)])
    assert scripts.recover(plain, scripts.snapshot(plain))["outcome"] == "unknown"
    gate = tmp_path / "gate"
    slow = scripts.script(script=f"while [ ! -e {gate} ]; do sleep 0.1; done; touch {flag}", shell=True, witness=["/bin/ls", str(watched)])
    snapshot = scripts.snapshot(slow)
    assert scripts.recover(slow, snapshot)["outcome"] == "untouched"
    p = scripts.start("act", slow, snapshot, crash=17)
    p.communicate(timeout=180)
    assert p.returncode == -signal.SIGKILL and not flag.exists()
    # The script goes on without us, and recovery does not look before it has ended.
    recovery = scripts.start("recover", slow, snapshot)
    with pytest.raises(subprocess.TimeoutExpired):
        recovery.wait(3)
    gate.touch()
    assert scripts.finish(recovery)["outcome"] == "done" and flag.exists()


def test_the_stop_switch_keeps_an_effect_from_beginning_but_not_an_undo(actor, scripts, tmp_path):
    step = actor.set(work_mem="8MB")
    snapshot = actor.snapshot(step)
    assert actor.act(step, snapshot, cancelled=True)["outcome"] == "untouched"
    assert not actor.auto_conf()
    assert actor.act(step, snapshot)["outcome"] == "done"
    assert actor.undo(step, snapshot, cancelled=True)["outcome"] == "done"
    step = scripts.script(argv=["/usr/bin/touch", str(tmp_path / "flag")])
    assert scripts.act(step, scripts.snapshot(step), cancelled=True)["outcome"] == "untouched"
    assert not (tmp_path / "flag").exists()


@contextlib.contextmanager
def checkpoints_that_do_not_end(pg):
    pid = pg.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    stand_still(pid)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_checkpointing(pg):
    return pg.value("SELECT count(*) FROM pg_stat_activity WHERE query = 'CHECKPOINT' AND state = 'active'") > 0


def test_a_stop_while_the_checkpoint_before_a_restart_takes_long_keeps_the_server_from_being_restarted(actor, tmp_path):
    pg, stop = actor.pg, tmp_path / "stop"
    actor.target["trial_start"] = False
    started = pg.value("SELECT pg_postmaster_start_time()")
    step = actor.restart(shared_buffers="160MB")
    snapshot = actor.snapshot(step)
    with checkpoints_that_do_not_end(pg):
        running = actor.start("act", step, snapshot, cancelled=str(stop), deadline_s=3600)
        until(lambda: is_checkpointing(pg) or running.poll() is not None, "it asks for a checkpoint")
        stop.touch()
        report = actor.finish(running)
    assert report["outcome"] == "untouched" and "stopped before the restart" in report["text"], report
    assert not actor.auto_conf() and pg.value("SELECT pg_postmaster_start_time()") == started


def test_a_bound_on_statements_of_clients_does_not_end_a_checkpoint(actor):
    pg = actor.pg
    pg.psql("ALTER SYSTEM SET statement_timeout = '1s'")
    pg.reload()
    with checkpoints_that_do_not_end(pg):
        running = actor.start("checkpoint", actor.set(work_mem="8MB"), deadline_s=60)
        until(lambda: is_checkpointing(pg) or running.poll() is not None, "it asks for a checkpoint")
        time.sleep(2)
    answer = actor.finish(running)
    assert answer["ok"], answer


def test_a_checkpoint_for_a_measurement_is_given_up_when_something_else_is_to_be_done(actor, tmp_path):
    pg, other = actor.pg, tmp_path / "other"
    with checkpoints_that_do_not_end(pg):
        running = actor.start("checkpoint", actor.set(work_mem="8MB"), cancelled=str(other), deadline_s=3600)
        until(lambda: is_checkpointing(pg) or running.poll() is not None, "it asks for a checkpoint")
        other.touch()
        answer = actor.finish(running)
    assert not answer["ok"] and answer["code"] == "TIMEOUT" and "something else is to be done" in answer["text"], answer
