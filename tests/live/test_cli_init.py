"""homeostat init: looks at a database once, changes nothing, tells what is missing, writes a configuration that only watches."""
import json
import os
import re
import socket
import stat
import subprocess
import threading
import time

import pytest

from fake_postgres import FakePostgres


@pytest.fixture(scope="module")
def homeostat(program):
    """homeostat("init", ...) -> CompletedProcess with text output."""
    path = program("homeostat")

    def run(*argv, timeout=60, cwd=None, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HOMEOSTAT_", "PG"))}
        return subprocess.run([path, *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False, cwd=cwd,
                              env={**clean, **(env or {})})
    run.path = path
    return run


@pytest.fixture(scope="module")
def roles(postgres):
    """A role that may watch, one that may nothing, one with a password."""
    postgres.psql("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
    postgres.psql("CREATE ROLE nobody LOGIN")
    postgres.psql("CREATE ROLE carla LOGIN IN ROLE pg_monitor PASSWORD 'tea for two'")
    hba = os.path.join(postgres.data, "pg_hba.conf")
    with open(hba, encoding="utf-8") as f:
        trusting = f.read()
    with open(hba, "w", encoding="utf-8") as f:
        f.write("host all carla 127.0.0.1/32 scram-sha-256\n" + trusting)
    postgres.reload()
    return postgres


def dsn_of(pg, user="watcher", **changes):
    parts = {"host": pg.host, "port": pg.port, "user": user, "dbname": pg.database, **changes}
    return " ".join(f"{k}={v}" for k, v in parts.items())


def settings_of(pg):
    return pg.psql("SELECT name, setting FROM pg_settings ORDER BY 1")


def test_it_writes_a_watch_only_configuration_that_checks_and_runs(roles, homeostat, tmp_path, spawn):
    before = settings_of(roles)
    done = homeostat("init", "--dsn", dsn_of(roles), "--out", "h.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "as role watcher" in done.stdout and "h.yaml was written" in done.stdout
    assert f"export HOMEOSTAT_CONFIG={tmp_path}/h.yaml" in done.stdout      # else status would look for the token of another store
    text = (tmp_path / "h.yaml").read_text()
    assert re.search(r"^ +mode: watch$", text, re.M) and "password" not in text.replace("No password here", "")
    assert settings_of(roles) == before
    checked = homeostat("config", "check", "h.yaml", cwd=tmp_path)
    assert checked.returncode == 0 and "1 targets" in checked.stdout, checked.stderr
    (tmp_path / "h.yaml").write_text(re.sub(r"folder: \S+", "folder: data", text).replace("127.0.0.1:7433", "127.0.0.1:0"))
    daemon = spawn([homeostat.path, "run", "--config", str(tmp_path / "h.yaml")], stderr=subprocess.PIPE)
    seen = []
    for line in daemon.stderr:
        seen.append(line)
        if "PostgreSQL 15" in line and "answers" in line:
            break
    else:
        pytest.fail("it did not see the database: " + "".join(seen))
    daemon.terminate()
    assert daemon.wait(60) == 0


def test_it_says_which_privileges_are_missing_and_the_grant_that_it_names_works(roles, homeostat, tmp_path):
    done = homeostat("init", "--dsn", dsn_of(roles, "nobody"), "--out", str(tmp_path / "n.yaml"), "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    lacks = {a["name"]: a for a in told["abilities"] if a["state"] == "lacks"}
    assert {"watch", "settings", "alter_system", "reload"} <= set(lacks)
    assert lacks["watch"]["grant"] == "GRANT pg_monitor TO nobody;"
    text = homeostat("init", "--dsn", dsn_of(roles, "nobody"), "--out", "-").stderr
    assert "GRANT pg_monitor TO nobody;" in text and "sees only its own" in text
    for name in ("watch", "reload", "checkpoint", "file_settings"):
        roles.psql(lacks[name]["grant"])
    again = json.loads(homeostat("init", "--dsn", dsn_of(roles, "nobody"), "--out", str(tmp_path / "m.yaml"), "-o", "json").stdout)
    have = {a["name"] for a in again["abilities"] if a["state"] == "has"}
    assert {"watch", "reload", "checkpoint", "file_settings"} <= have


@pytest.mark.parametrize("changes, says", [
    ({"port": 1}, "Connection refused"),
    ({"host": "/nowhere"}, "no socket there"),
    ({"host": "no-such-host.invalid"}, "host name in dsn is not known"),
    ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
    ({"user": "ghost"}, 'role "ghost" does not exist'),
    ({"nonsense": "1"}, "not a connection string"),
])
def test_a_wrong_dsn_is_refused_with_what_is_wrong(roles, homeostat, tmp_path, changes, says):
    done = homeostat("init", "--dsn", dsn_of(roles, **changes), "--out", str(tmp_path / "x.yaml"))
    assert done.returncode == 1 and says in done.stderr, done.stderr
    assert not (tmp_path / "x.yaml").exists()


def test_a_password_is_taken_from_a_file_and_never_from_the_dsn(roles, homeostat, tmp_path):
    out = str(tmp_path / "p.yaml")
    for dsn in (dsn_of(roles, "carla", password="hunter2"), f"postgresql://carla:hunter2@{roles.host}:{roles.port}/postgres"):
        done = homeostat("init", "--dsn", dsn, "--out", out)
        assert done.returncode == 1 and "password" in done.stderr and "hunter2" not in done.stderr + done.stdout
    missing = homeostat("init", "--dsn", dsn_of(roles, "carla"), "--out", out, env={"PGPASSFILE": "/nonexistent"})
    assert missing.returncode == 1 and "passfile" in missing.stderr, missing.stderr
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:carla:hunter2\n")
    passfile.chmod(0o600)
    wrong = homeostat("init", "--dsn", dsn_of(roles, "carla"), "--passfile", "pass", "--out", out, cwd=tmp_path)
    assert wrong.returncode == 1 and "28P01" in wrong.stderr and "right password" in wrong.stderr and "hunter2" not in wrong.stderr
    passfile.write_text("*:*:*:carla:tea for two\n")
    done = homeostat("init", "--dsn", dsn_of(roles, "carla"), "--passfile", "pass", "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tea for two" not in (tmp_path / "p.yaml").read_text() and str(passfile) in (tmp_path / "p.yaml").read_text()
    assert homeostat("config", "check", out).returncode == 0


def test_a_standby_is_refused_and_the_primary_asked_for(make_postgres, homeostat, tmp_path):
    pg = make_postgres()
    pg.stop("fast")
    signal_file = os.path.join(pg.data, "standby.signal")
    with open(signal_file, "w", encoding="utf-8"):
        pass
    if pg.owner:
        os.chown(signal_file, pg.owner.pw_uid, pg.owner.pw_gid)
    pg.start()
    done = homeostat("init", "--dsn", dsn_of(pg, "postgres"), "--out", str(tmp_path / "s.yaml"))
    assert done.returncode == 1 and "standby" in done.stderr and "primary" in done.stderr, done.stderr
    assert not (tmp_path / "s.yaml").exists()


def test_a_server_that_is_too_old_is_refused(homeostat, tmp_path):
    with FakePostgres(recording={"server_version": "13.14", "answers": {}}) as server:
        done = homeostat("init", "--dsn", f"host=127.0.0.1 port={server.port} user=watcher dbname=postgres", "--out", str(tmp_path / "o.yaml"))
    assert done.returncode == 1 and "13.14" in done.stderr and "14 or later" in done.stderr, done.stderr
    assert not (tmp_path / "o.yaml").exists()


def test_something_that_is_no_postgres_is_refused(homeostat, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            client.close()

    threading.Thread(target=answer, daemon=True).start()
    done = homeostat("init", "--dsn", f"host=127.0.0.1 port={listener.getsockname()[1]} user=x dbname=y", "--out", str(tmp_path / "o.yaml"))
    listener.close()
    assert done.returncode == 1 and done.stderr.startswith("homeostat: "), done.stderr


def test_a_server_that_says_nothing_is_given_up_with_progress_on_the_way(homeostat, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        done = homeostat("init", "--dsn", f"host=127.0.0.1 port={listener.getsockname()[1]} user=x dbname=y connect_timeout=15", "--out", str(tmp_path / "q.yaml"))
    assert done.returncode == 1 and time.monotonic() - began < 50
    assert re.search(r"looking at the database \(\d+ s\)", done.stderr), done.stderr


def test_a_file_that_is_there_is_not_written_over(roles, homeostat, tmp_path):
    out = tmp_path / "mine.yaml"
    out.write_text("precious\n")
    done = homeostat("init", "--dsn", dsn_of(roles), "--out", str(out))
    assert done.returncode == 1 and "is there already" in done.stderr and out.read_text() == "precious\n"
    assert homeostat("init", "--dsn", dsn_of(roles), "--out", str(out), "--force").returncode == 0
    assert "targets:" in out.read_text() and stat.S_IMODE(out.stat().st_mode) & 0o007 == 0


def test_a_name_that_cannot_be_a_name_and_odd_characters_are_handled(roles, homeostat, tmp_path):
    bad = homeostat("init", "--dsn", dsn_of(roles), "--name", "my db", "--out", str(tmp_path / "b.yaml"))
    assert bad.returncode == 1 and not (tmp_path / "b.yaml").exists()
    quoted = homeostat("init", "--dsn", dsn_of(roles, options="'-c search_path=a,b'"), "--name", "shop", "--out", str(tmp_path / "q.yaml"))
    assert quoted.returncode == 0, quoted.stderr
    assert homeostat("config", "check", str(tmp_path / "q.yaml")).returncode == 0
    assert homeostat("init", "--dsn", dsn_of(roles) + "\nx", "--out", str(tmp_path / "c.yaml")).returncode == 1


def test_a_name_that_the_server_tells_cannot_become_a_setting(roles, homeostat, tmp_path):
    roles.psql('CREATE ROLE "eve\ntune: {seed: 7}\n#" IN ROLE pg_monitor')
    roles.psql('CREATE ROLE spy LOGIN IN ROLE "eve\ntune: {seed: 7}\n#"')
    roles.psql("ALTER ROLE spy SET role = E'eve\\ntune: {seed: 7}\\n#'")
    done = homeostat("init", "--dsn", dsn_of(roles, user="spy"), "--out", "s.yaml", cwd=tmp_path)
    assert done.returncode == 0 and "as role eve?tune: {seed: 7}?#" in done.stdout, done.stdout + done.stderr
    shown = homeostat("config", "print", "s.yaml", "-o", "json", cwd=tmp_path)
    assert json.loads(shown.stdout)["tune"]["seed"]["value"] == 1


def test_usage(homeostat):
    assert homeostat("init").returncode == 2
    assert homeostat("init", "--help").returncode == 0
