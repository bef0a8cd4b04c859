"""The command line with a running Homeostat and a real server: what a person does from the first look to the last verdict."""
import json
import os
import re
import signal
import subprocess
import time

import pytest
from cluster import hold_port

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Running:
    """homeostat run with one target, and the command line aimed at it by its configuration."""

    def __init__(self, program, spawn, folder, pg, extra=""):
        self.path, self.folder, self.spawn, self.held = program("homeostat"), folder, spawn, hold_port()
        self.conf = str(folder / "h.yaml")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"store:\n  folder: data\nweb:\n  listen: 127.0.0.1:{self.held.getsockname()[1]}\nrunbooks:\n  folder: {ROOT}/runbooks\n"
                    f"targets:\n  main:\n    dsn: {pg.dsn}\n    mode: watch\n{extra}")
        self.start()

    def start(self):
        self.log = open(self.folder / "run.log", "a", encoding="utf-8")
        self.process = self.spawn([self.path, "run", "--config", self.conf], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 90
        while self.run("status").returncode != 0:
            assert self.process.poll() is None, (self.folder / "run.log").read_text()
            assert time.monotonic() < deadline, self.run("status").stderr
            time.sleep(0.2)

    def run(self, *argv, timeout=120):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HOMEOSTAT_")}
        return subprocess.run([self.path, *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False,
                              env={**clean, "HOMEOSTAT_CONFIG": self.conf})

    def json(self, *argv):
        done = self.run(*argv, "-o", "json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)


@pytest.fixture
def homeostat(program, spawn, tmp_path, postgres):
    running = Running(program, spawn, tmp_path, postgres)
    yield running
    running.held.close()


def opened(homeostat, title="by hand", *more):
    done = homeostat.run("case", "open", title, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_case_from_the_idea_to_the_verdict(homeostat):
    case = opened(homeostat)
    assert homeostat.json("case", "show", case)["status"] == "NEW"
    plan = homeostat.run("plan", case, "--template", "script", "-p", "script=echo all is well", "-p", "expect=well")
    assert plan.returncode == 0 and "script.exec" in plan.stdout and "WAIT_GATE" in plan.stdout
    gate = homeostat.run("gate", case)
    assert gate.returncode == 0 and re.search(r"gate: approve, rule \d+", gate.stdout), gate.stdout + gate.stderr
    done = homeostat.run("exec", case)
    assert done.returncode == 0 and "VERIFYING" in done.stdout, done.stdout + done.stderr
    done = homeostat.run("verify", case)
    assert done.returncode == 0 and "CLOSED" in done.stdout and "verdict: better" in done.stdout
    told = homeostat.run("explain", case).stdout
    for words in ("What was planned", "Who decided", "What was done", "What came of it", "rule 401", "undo script", "Why", "How sure", "Its effect was not measured"):
        assert words in told
    page = homeostat.run("explain", case, "--format", "html").stdout
    assert page.startswith("<!doctype html>") and "</html>" in page and "<script" not in page
    assert homeostat.run("explain", case, "--format", "markdown").stdout.startswith("# ")
    assert homeostat.json("explain", case)["case_id"] == case
    rules = {str(r["number"]) for r in homeostat.json("rules")["case"]}
    assert set(re.findall(r"\(rule (\d+)\)", told)) <= rules
    assert case in homeostat.run("case", "ls", "--state", "CLOSED").stdout
    events = homeostat.run("events", "--case", case).stdout
    assert "VERIFYING -> CLOSED" in events


def test_what_was_not_proven_ends_with_status_1(homeostat):
    case = opened(homeostat)
    homeostat.run("plan", case, "--template", "script", "-p", "script=echo no", "-p", "expect=yes")
    assert homeostat.run("gate", case).returncode == 0 and homeostat.run("exec", case).returncode == 0
    done = homeostat.run("verify", case)
    assert done.returncode == 1 and "PARKED" in done.stdout, done.stdout + done.stderr


def test_the_gate_that_does_not_approve_is_status_3_and_a_wrong_turn_is_4(homeostat):
    case = opened(homeostat)
    assert homeostat.run("gate", case).returncode == 4
    assert homeostat.run("exec", case).returncode == 4
    homeostat.run("plan", case, "--template", "script", "-p", "script=rm -rf /nowhere")
    done = homeostat.run("gate", case)
    assert done.returncode == 3 and "rm" in done.stdout, done.stdout
    assert homeostat.run("case", "cancel", case, "--if-version", "1").returncode == 4


def test_a_stop_stops_and_says_why(homeostat):
    assert "nothing is stopped" in homeostat.run("stop").stdout
    assert homeostat.run("stop", "--why", "black friday", "--for", "2h").returncode == 0
    assert "black friday" in homeostat.run("stop").stdout and "black friday" in homeostat.run("status").stdout
    case = opened(homeostat)
    homeostat.run("plan", case, "--template", "script", "-p", "script=echo x")
    done = homeostat.run("gate", case)
    assert done.returncode == 3 and "black friday" in done.stdout, done.stdout
    homeostat.process.send_signal(signal.SIGKILL)
    homeostat.process.wait()
    homeostat.start()
    assert "black friday" in homeostat.run("stop").stdout
    assert homeostat.run("stop", "--clear").returncode == 0
    assert homeostat.run("gate", case).returncode == 0


def test_what_is_watched_can_be_looked_at(homeostat, postgres):
    deadline = time.monotonic() + 90
    while homeostat.json("target", "show", "main").get("up") is not True:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    shown = homeostat.run("target", "show", "main").stdout
    assert "server version" in shown and "shared_buffers" in shown
    assert "main" in homeostat.run("target", "ls").stdout
    for command in (("series", "main"), ("metric", "main"), ("outcomes", "main"), ("budget",), ("metrics",), ("whoami",), ("policy", "show"), ("reload",)):
        done = homeostat.run(*command)
        assert done.returncode == 0 and done.stdout, (command, done.stderr)
    assert homeostat.run("target", "show", "nobody").returncode == 1


def test_a_mode_is_changed_and_survives_a_restart(homeostat):
    assert homeostat.run("target", "mode", "main", "suggest", "-m", "let us see").returncode == 0
    assert homeostat.run("target", "mode", "main", "sideways").returncode == 1
    homeostat.process.terminate()
    assert homeostat.process.wait(60) == 0
    homeostat.start()
    assert homeostat.json("target", "show", "main")["mode"] == "suggest"


def test_a_token_is_told_once_and_its_role_holds(homeostat, tmp_path):
    tokens = tmp_path / "tokens"
    made = homeostat.run("token", "new", "--name", "vera", "--role", "viewer", "--file", str(tokens), "--expires", "90d")
    token = made.stdout.strip()
    assert made.returncode == 0 and token.startswith("hst_") and token not in tokens.read_text() and tokens.stat().st_mode & 0o077 == 0
    assert homeostat.run("token", "new", "--name", "x", "--role", "emperor", "--file", str(tokens)).returncode == 2
    assert homeostat.run("token", "new", "--name", "ada", "--role", "admin", "--file", str(tokens)).returncode == 0
    conf = open(homeostat.conf, encoding="utf-8").read()
    with open(homeostat.conf, "w", encoding="utf-8") as f:
        f.write(conf.replace("web:\n", f"web:\n  tokens: {tokens}\n"))
    homeostat.process.terminate()
    homeostat.process.wait(60)
    mine = tmp_path / "mine"
    mine.write_text(token)
    mine.chmod(0o600)
    refused = homeostat.run("whoami")
    assert refused.returncode == 1
    log = open(tmp_path / "run2.log", "w", encoding="utf-8")
    homeostat.process = homeostat.spawn([homeostat.path, "run", "--config", homeostat.conf], stdout=log, stderr=log)
    deadline = time.monotonic() + 90
    while homeostat.run("whoami", "--token-file", str(mine)).returncode != 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "vera: viewer" in homeostat.run("whoami", "--token-file", str(mine)).stdout
    assert homeostat.run("case", "open", "x", "--token-file", str(mine)).returncode == 1
    assert "homeostat token new" in homeostat.run("whoami").stderr
    log.close()
    assert token not in (tmp_path / "run.log").read_text() + (tmp_path / "run2.log").read_text()


def test_a_configuration_that_cannot_run_is_refused_before_anything_starts(program, tmp_path):
    conf = tmp_path / "bad.yaml"
    conf.write_text("targets:\n  main:\n    dsn: host=x\n    mode: sometimes\n")
    for argv in (("config", "check", str(conf)), ("run", "--config", str(conf))):
        done = subprocess.run([program("homeostat"), *argv], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and "bad.yaml:4" in done.stderr and "watch" in done.stderr, done.stderr
    conf.write_text("policy:\n  file: policy.yaml\ntargets:\n  main:\n    dsn: host=x\n")
    (tmp_path / "policy.yaml").write_text("steps:\n  ratio: 2000%\n")
    done = subprocess.run([program("homeostat"), "config", "check", str(conf)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "policy.yaml:2" in done.stderr


def test_groups_of_processes_can_be_tried_without_a_daemon(program, tmp_path):
    conf = tmp_path / "h.yaml"
    conf.write_text("sensor_groups:\n  - name: tried\n    cmdline: [pytest]\n  - name: pg\n    exe: ['/postgres$', '/postmaster$']\n    cmdline: [postgres, postmaster]\n")
    done = subprocess.run([program("homeostat"), "sensors", "-c", str(conf)], capture_output=True, text=True, timeout=60, check=True)
    groups = set(re.findall(r'^namedprocess_namegroup_num_procs\{groupname="([^"]+)"', done.stdout, re.M))
    assert "tried" in groups and groups <= {"tried", "pg", "other"}
    assert "sensor_groups[1], pg: all patterns of cmdline must be found in one command line" in done.stderr
    conf.write_text("sensor_groups:\n  - nam: x\n")
    refused = subprocess.run([program("homeostat"), "sensors", "-c", str(conf)], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1 and "nam" in refused.stderr and "node_" not in refused.stdout
