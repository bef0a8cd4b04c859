"""homeostat run by itself, without any database: how it starts, what it hears meanwhile, and where its words go."""
import contextlib
import errno
import json
import os
import signal
import subprocess
import time

import pytest


@pytest.fixture
def run(program, spawn, tmp_path):
    """run(...) -> a daemon whose configuration is tmp_path/h.yaml, and run.ask(...) -> the command line aimed at it."""
    conf = tmp_path / "h.yaml"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HOMEOSTAT_")}

    def start(text, wait=True, before=""):
        if text is not None:
            conf.write_text("store:\n  folder: data\nweb:\n  listen: 127.0.0.1:0\n" + text)
        log = open(tmp_path / "run.log", "w", encoding="utf-8")
        process = spawn(["sh", "-c", f'{before} exec "$0" run --config "$1"', program("homeostat"), str(conf)], stdout=log, stderr=log, env=clean)
        deadline = time.monotonic() + 60
        while wait and "homeostat runs" not in (tmp_path / "run.log").read_text():
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "run.log").read_text()
            time.sleep(0.05)
        return process

    def ask(*argv):
        port = (tmp_path / "run.log").read_text().rpartition(" port=")[2].split()[0]
        return subprocess.run([program("homeostat"), *argv, "--url", f"http://127.0.0.1:{port}", "--config", str(conf)], capture_output=True, text=True, timeout=60, check=False, env=clean)

    start.ask, start.conf, start.log = ask, conf, tmp_path / "run.log"
    return start


def test_the_policy_that_is_shown_is_of_the_file_that_was_reloaded(run, tmp_path):
    (tmp_path / "one.yaml").write_text("steps:\n  ratio: 10%\n")
    (tmp_path / "two.yaml").write_text("steps:\n  ratio: 5%\n")
    run("policy:\n  file: one.yaml\n")
    run.conf.write_text(run.conf.read_text().replace("one.yaml", "two.yaml"))
    assert run.ask("reload").returncode == 0
    shown = json.loads(run.ask("policy", "show", "-o", "json").stdout)
    assert shown["file"] == str(tmp_path / "two.yaml") and shown["file_is_in_force"] and "ratio: 5%" in shown["yaml"]


def test_a_reload_says_what_waits_for_a_restart(run):
    run("log: {level: info}\n")
    run.conf.write_text(run.conf.read_text().replace("level: info", "level: warn") + "tune: {seed: 7}\n")
    done = run.ask("reload")
    assert done.returncode == 0 and "\n  tune.seed: 1 -> 7 (after a restart)\n" in done.stdout and "log.level" not in done.stdout
    assert json.loads(run.ask("reload", "-o", "json").stdout)["waits"] == ["tune.seed: 1 -> 7 (after a restart)"]


def test_where_no_folder_of_runbooks_is_named_those_that_are_built_in_serve(run):
    run("log: {level: info}\n")
    case = run.ask("case", "open", "a canary").stdout.strip()
    planned = run.ask("plan", case, "--template", "k8s.rollout.canary")
    assert planned.returncode == 0 and "echo ok" in planned.stdout, planned.stderr
    for command in ("gate", "exec", "verify"):
        done = run.ask(command, case)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "CLOSED" in done.stdout
    refused = run.ask("plan", run.ask("case", "open", "another").stdout.strip(), "--template", "nope")
    assert refused.returncode == 1 and "nope" in refused.stderr and "postgres.setting" in refused.stderr


def test_a_target_that_does_not_answer_is_listed_with_the_reason(run):
    run("targets: {main: {dsn: host=/nonexistent dbname=x user=y}}\n")
    deadline = time.monotonic() + 120
    while "No such file or directory" not in run.ask("status").stdout:
        assert time.monotonic() < deadline, run.ask("status")
        time.sleep(0.2)
    for command in (("status",), ("target", "ls"), ("target", "show", "main")):
        assert "cannot connect to /nonexistent" in run.ask(*command).stdout, command
    assert json.loads(run.ask("target", "ls", "-o", "json").stdout)[0]["trouble"]


def test_reloads_that_change_nothing_keep_nothing(run):
    def resident():
        with open(f"/proc/{process.pid}/status", encoding="utf-8") as f:
            return int(f.read().partition("VmRSS:")[2].split()[0])

    def reload_often(times):
        began = run.log.read_text().count("configuration reloaded")
        for i in range(times):
            process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 60
            while run.log.read_text().count("configuration reloaded") <= began + i:
                assert time.monotonic() < deadline
                time.sleep(0.005)
    process = run("tenants: {bank: {knowledge: {share: false}}}\n")
    run.conf.write_text(run.conf.read_text() + "tune: {seed: 7}\n")        # which waits, each time anew
    reload_often(20)
    before = resident()
    reload_often(150)
    assert resident() - before < 4096
    run.conf.write_text(run.conf.read_text().replace("share: false", "share: true").replace("seed: 7", "seed: 1"))
    assert json.loads(run.ask("reload", "-o", "json").stdout)["waits"] == []
    assert "tenants.bank.knowledge.share: false -> true" in run.log.read_text()


def test_what_it_keeps_is_not_for_others_though_the_folder_is_open_to_them(run, tmp_path):
    mine = os.umask(0o022)
    try:
        (tmp_path / "data").mkdir(mode=0o755)
        run("ingest:\n  enabled: yes\n")
    finally:
        os.umask(mine)
    modes, deadline = {}, time.monotonic() + 60
    while len(modes) <= 3:
        for path in (tmp_path / "data").rglob("*"):
            with contextlib.suppress(FileNotFoundError):       # some go again meanwhile
                if path.is_file():
                    modes[path] = path.stat().st_mode & 0o777
        assert time.monotonic() < deadline, modes
    assert [path for path, mode in modes.items() if mode & 0o007] == []


def writing_end(pipe):
    """A descriptor as soon as somebody wants to read from it; None before."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as e:
        assert e.errno == errno.ENXIO, e
        return None


def test_a_reload_that_is_asked_for_while_it_starts_is_no_end(run):
    text, later = "store:\n  folder: data\nweb:\n  listen: 127.0.0.1:0\n", run.conf.with_name("later")
    later.write_text(text)
    os.mkfifo(run.conf)                       # so that it stands still while it reads its configuration
    process = run(None, wait=False)
    deadline = time.monotonic() + 60
    while (pipe := writing_end(run.conf)) is None:
        assert process.poll() is None and time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    later.replace(run.conf)                   # which is what is read the next time
    with open(pipe, "w", encoding="ascii") as f:
        f.write(text)
    deadline = time.monotonic() + 60
    while "configuration reloaded" not in run.log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.05)
    process.terminate()
    assert process.wait(60) == 0


def test_words_for_a_standard_error_that_is_closed_go_nowhere(run, tmp_path):
    process = run("", wait=False, before="exec 2>&-;")
    deadline = time.monotonic() + 60
    while not (tmp_path / "data" / "token").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    process.terminate()
    assert process.wait(60) == 0
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file() and b"level=" in p.read_bytes()]
