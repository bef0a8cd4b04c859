"""The command line as an HTTP client, against a server that misbehaves on purpose: keys, repetition, tokens, exit status, streams."""
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cluster import hold_port

CASE = "018f2e0c-5b1a-7abc-8def-0123456789ab"
TOKEN = "hst_" + "5ec2e7" * 10 + "abcd"


class Double:
    """Answers from a script: a list of functions or (status, body, headers) for each (method, path); the last one again and again."""

    def __init__(self):
        self.requests, self.script, self.lock = [], {}, threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size) if size else b""
                path = self.path.partition("?")[0]
                with double.lock:
                    double.requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers), "body": json.loads(body) if body else None,
                                            "at": time.monotonic()})
                    steps = double.script.get((self.command, path), [(404, problem("not-found", "There is no such thing", 404), {})])
                    step = steps.pop(0) if len(steps) > 1 else steps[0]
                if callable(step):
                    step(self)
                    return
                status, said, headers = step
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/problem+json" if status >= 400 else "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def says(self, method, path, *steps):
        self.script[(method, path)] = [s if callable(s) else s if isinstance(s, tuple) else (200, {"data": s}, {}) for s in steps]

    def asked(self, method, path):
        return [r for r in self.requests if r["method"] == method and r["path"].partition("?")[0] == path]


def problem(suffix, title, status, **more):
    return {"type": f"urn:homeostat:problem:{suffix}", "title": title, "status": status, **more}


def hang_up(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def double():
    d = Double()
    yield d
    d.server.shutdown()
    d.server.server_close()


@pytest.fixture
def cli(program, double, tmp_path):
    """cli("case", "ls") -> CompletedProcess, aimed at the double with a token."""
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)

    def run(*argv, timeout=60, url=double.url, token_file=str(token), env=None, stdin=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HOMEOSTAT_")}
        more = {"HOMEOSTAT_URL": url, "HOMEOSTAT_TOKEN_FILE": token_file}
        done = subprocess.run([program("homeostat"), *argv], capture_output=True, text=True, timeout=timeout, check=False, input=stdin or "",
                              env={**clean, **{k: v for k, v in more.items() if v}, **(env or {})})
        assert "5ec2e7" not in done.stdout + done.stderr
        return done
    return run


@pytest.fixture(scope="module")
def for_others(program):
    """homeostat where every user reaches it: the folder it was built in may be for its owner alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield shutil.copy(program("homeostat"), folder)


# -- keys and repetition ---------------------------------------------------------------------------------------------------


def test_a_write_has_a_key_of_its_own_and_a_read_has_none(double, cli):
    double.says("POST", "/case/create", {"id": CASE, "status": "NEW"})
    double.says("GET", "/case", (200, {"data": [], "next_cursor": None}, {}))
    assert cli("case", "open", "one").stdout == CASE + "\n"
    assert cli("case", "open", "two").returncode == 0
    cli("case", "ls")
    keys = [r["headers"]["Idempotency-Key"] for r in double.asked("POST", "/case/create")]
    assert len(set(keys)) == 2 and all(k.startswith('"') and k.endswith('"') for k in keys)
    assert "Idempotency-Key" not in double.asked("GET", "/case")[0]["headers"]
    cli("case", "open", "three", "--key", "mine-1")
    assert double.requests[-1]["headers"]["Idempotency-Key"] == '"mine-1"'


@pytest.mark.parametrize("trouble", [
    (503, problem("busy", "Not now, try again", 503), {"Retry-After": "1"}),
    (429, problem("too-many-requests", "Too many requests", 429), {"Retry-After": "1"}),
    hang_up,
])
def test_a_write_that_met_trouble_is_repeated_with_the_same_key(double, cli, trouble):
    double.says("POST", "/case/create", trouble, trouble, {"id": CASE, "status": "NEW"})
    done = cli("case", "open", "x")
    assert done.returncode == 0 and done.stdout == CASE + "\n", done.stderr
    asked = double.asked("POST", "/case/create")
    assert len(asked) == 3 and len({r["headers"]["Idempotency-Key"] for r in asked}) == 1 and len({json.dumps(r["body"]) for r in asked}) == 1
    if trouble is not hang_up:
        assert asked[1]["at"] - asked[0]["at"] >= 0.9


def test_our_own_first_attempt_that_still_runs_is_waited_for(double, cli):
    still = (409, problem("in-flight", "The first request with this key is still running", 409), {"Retry-After": "1"})
    double.says("POST", "/case/create", hang_up, still, {"id": CASE, "status": "NEW"})
    assert cli("case", "open", "x").returncode == 0
    double.says("POST", "/case/create", still)
    assert cli("case", "open", "x").returncode == 4          # somebody else's: not ours to wait for


def test_repetition_has_an_end_and_says_why(double, cli):
    double.says("POST", "/case/create", (503, problem("store-unavailable", "The store cannot be written; nothing was changed", 503, detail="disk full"), {"Retry-After": "2"}))
    done = cli("case", "open", "x", "--retry", "24s")      # so long that it is heard of the repetition, too, where the first attempt takes ten
    assert done.returncode == 1 and "disk full" in done.stderr
    assert 2 <= len(double.asked("POST", "/case/create")) <= 14
    assert re.search(r"it is busy, trying again \(\d+ s\)", done.stderr), done.stderr


def test_who_asks_for_more_patience_than_there_is_gets_one_more_request_and_no_more(double, cli):
    double.says("POST", "/case/create", (503, problem("busy", "Not now, try again", 503), {"Retry-After": "99999999999999"}))
    began = time.monotonic()
    done = cli("case", "open", "x", "--retry", "2s")
    assert done.returncode == 1 and "Not now" in done.stderr and time.monotonic() - began < 25
    assert len(double.asked("POST", "/case/create")) == 2


def test_when_nobody_is_there_it_says_so_at_once(cli):
    began = time.monotonic()
    with hold_port() as s:
        done = cli("stop", "--why", "x", url=f"http://127.0.0.1:{s.getsockname()[1]}")
    assert done.returncode == 1 and "nobody answers" in done.stderr and "homeostat run" in done.stderr
    assert time.monotonic() - began < 25      # whoever tries again does so for 30 s


def test_an_answer_that_takes_long_is_announced_and_given_up_in_time(double, cli):
    double.says("GET", "/whoami", lambda h: (time.sleep(14), hang_up(h)))
    done = cli("whoami", "--retry", "0s")
    assert done.returncode == 1 and re.search(r"asking \(\d+ s\)", done.stderr), done.stderr
    double.says("GET", "/whoami", lambda h: time.sleep(6))
    done = cli("whoami", "--timeout", "1s", "--retry", "0s")
    assert done.returncode == 1 and "did not answer in time" in done.stderr


def test_progress_stays_on_its_line_in_a_narrow_terminal(double, program, cli, tmp_path):
    cli("whoami")                           # which makes the token
    double.says("GET", "/whoami", lambda h: (time.sleep(4), hang_up(h)))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 12, 0, 0))
    done = subprocess.run([program("homeostat"), "whoami", "--retry", "0s"], stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL, timeout=60, check=False,
                          env={**os.environ, "HOMEOSTAT_URL": double.url, "HOMEOSTAT_TOKEN_FILE": str(tmp_path / "token")})
    os.close(theirs)
    drawn = b""
    with contextlib.suppress(OSError):      # which is how a terminal ends that nobody writes to any more
        while part := os.read(ours, 65536):
            drawn += part
    os.close(ours)
    drawn = drawn.decode().split("homeostat:")[0].split("\r")
    assert done.returncode == 1 and any(d.startswith("asking (") for d in drawn) and max(len(d) for d in drawn) == 11, drawn


# -- what answers mean -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status, suffix, code", [(409, "illegal-transition", 4), (412, "stale-version", 4), (422, "guard-failed", 3), (422, "invalid", 1), (403, "forbidden", 1),
                                                  (404, "not-found", 1), (500, "internal", 1)])
def test_problems_become_exit_status_and_words(double, cli, status, suffix, code):
    double.says("PATCH", f"/case/{CASE}/transition", (status, problem(suffix, "The title", status, detail="the detail", hint="the hint", allowed_transitions=["cancel", "resume"],
                                                                     errors=[{"pointer": "/event", "detail": "odd"}]), {}))
    done = cli("case", "cancel", CASE)
    assert done.returncode == code
    assert done.stderr == "homeostat: The title: the detail\n  /event: odd\n  possible now: cancel resume\n  the hint\n" and done.stdout == ""
    as_json = cli("case", "cancel", CASE, "-o", "json")
    assert as_json.returncode == code and json.loads(as_json.stdout)["type"].endswith(suffix)


def test_what_is_no_homeostat_is_recognised(double, cli, tmp_path):
    double.says("GET", "/whoami", (200, b"<html>hello</html>", {}))
    done = cli("whoami")
    assert done.returncode == 1 and "is not Homeostat" in done.stderr
    for path, command in (("/case", ("case", "ls")), ("/knowledge", ("knowledge", "list")), ("/knowledge", ("knowledge", "export", str(tmp_path / "k")))):
        double.says("GET", path, (200, b"<html>hello</html>", {}))
        done = cli(*command)
        assert done.returncode == 1 and done.stdout == "" and "is not Homeostat" in done.stderr
    assert not (tmp_path / "k").exists()


def test_a_refusal_that_is_not_homeostats_is_told_in_both_forms(double, cli):
    double.says("POST", "/stop", (502, b"<html>Bad gateway</html>", {}))
    done = cli("stop", "--why", "x", "--retry", "0s", "-o", "json")
    assert done.returncode == 1 and "answered 502" in json.loads(done.stdout)["error"]["text"] and "proxy" in json.loads(done.stdout)["error"]["hint"]
    done = cli("stop", "--why", "x", "--retry", "0s")
    assert done.returncode == 1 and done.stdout == "" and f"{double.url} answered 502" in done.stderr and "proxy" in done.stderr


def test_words_of_others_are_printed_without_what_a_terminal_would_obey(double, cli):
    bad = "a\x1b[2J\x9b1m"
    double.says("GET", "/ingest", {"journal": {}, "inputs": {"files": {"last_error": bad}}, "ship": {"sinks": [], "reload_trouble": {"text": bad}}})
    done = cli("ingest")
    assert done.returncode == 0 and done.stdout.count("a?[2J?1m") == 2 and "\x1b" not in done.stdout and "\x9b" not in done.stdout
    double.says("POST", "/reload", {"policy_version": "1234"})
    done = cli("reload")
    assert done.returncode == 1 and "ship goes on with what it had: a?[2J?1m" in done.stderr and "\x1b" not in done.stderr
    double.says("DELETE", "/stop", {"scope": "shop" + bad, "stopped": True, "why": bad})
    done = cli("stop", "--clear", "--target", "shop")
    assert done.returncode == 0 and "shopa?[2J?1m is cleared, and everything is stopped still: a?[2J?1m" in done.stdout


@pytest.mark.parametrize("ingest, code, said", [
    ((200, {"data": {"reload": {"pending": True}}}, {}), 1, "still taking it"),
    ((500, problem("internal", "It broke", 500), {}), 1, "cannot be asked: it answered 500: It broke"),
    ((404, problem("not-found", "There is no such thing", 404), {}), 0, ""),
])
def test_a_reload_that_not_all_are_known_to_have_taken_is_no_success(double, cli, ingest, code, said):
    double.says("POST", "/reload", {"policy_version": "1234"})
    double.says("GET", "/ingest", ingest)
    done = cli("reload")
    assert done.returncode == code and said in done.stderr and "read again" in done.stdout


def test_one_database_that_could_not_be_looked_at_is_not_forgotten_over_the_next(double, cli):
    double.says("GET", "/target", [{"name": "bad"}, {"name": "good"}])
    double.says("GET", "/target/bad/report", {"target": "bad", "error": "no connection"})
    double.says("GET", "/target/good/report", {"target": "good", "database": "d", "symptoms": [], "findings": [], "indexes": [], "limits": []})
    done = cli("diagnose", "postgres", "-o", "json")
    assert done.returncode == 1 and [r["target"] for r in json.loads(done.stdout)] == ["bad", "good"]
    double.says("GET", "/target/good/report", (404, problem("not-found", "There is no such target", 404), {}))
    done = cli("diagnose", "postgres", "-o", "json")
    assert done.returncode == 1 and json.loads(done.stdout)["title"] == "There is no such target"      # one answer, not two


def test_an_approval_is_bound_to_the_plan_that_was_seen(double, cli):
    double.says("GET", f"/case/{CASE}", {"id": CASE, "status": "WAIT_GATE", "plan_hash": "abc123"})
    double.says("POST", f"/case/{CASE}/approve", {"id": CASE, "status": "EXECUTING", "verdict": {"answer": "approve", "rule": 900, "why": "fine", "risk": 0.1}})
    assert cli("case", "approve", CASE, "-m", "looks good").returncode == 0
    assert double.requests[-1]["body"] == {"plan_hash": "abc123", "reason": "looks good"}
    double.says("POST", f"/case/{CASE}/approve", {"id": CASE, "status": "WAIT_GATE", "verdict": {"answer": "ask", "rule": 310, "why": "four eyes", "risk": 0.4}})
    done = cli("case", "approve", CASE)
    assert done.returncode == 3 and "rule 310: four eyes" in done.stdout


def test_what_is_executed_is_the_approved_step_as_it_stands(double, cli):
    step = {"action": "postgres.set", "params": {"target": "main", "settings": [{"name": "work_mem", "from": "4MB", "to": "5MB"}]}, "timeout_s": 60, "retry": 0}
    double.says("GET", f"/case/{CASE}/file", {"case": {"id": CASE, "plan_id": "p2", "step": 0},
                                              "plans": [{"id": "p1", "plan": {"steps": [{"action": "noop"}]}}, {"id": "p2", "plan": {"steps": [step]}}]})
    double.says("POST", "/adapter/exec", (202, {"data": {"id": CASE, "status": "EXECUTING", "phase": "preparing", "step": 0, "steps": 1}}, {}))
    double.says("GET", f"/case/{CASE}", *[{"id": CASE, "status": "EXECUTING", "phase": "doing", "step": 0, "steps": 1}] * 5, {"id": CASE, "status": "VERIFYING"})
    done = cli("exec", CASE)
    assert done.returncode == 0 and "VERIFYING" in done.stdout
    assert double.asked("POST", "/adapter/exec")[0]["body"] == {"case_id": CASE, "action": "postgres.set", "params": step["params"]}
    assert re.search(r"waiting for the case: EXECUTING, doing, step 0 of 1 \(\d+ s\)", done.stderr), done.stderr
    double.says("GET", f"/case/{CASE}", {"id": CASE, "status": "PARKED"})
    assert cli("exec", CASE).returncode == 1
    assert cli("exec", CASE, "--no-wait").returncode == 0
    double.says("GET", f"/case/{CASE}/file", {"case": {"id": CASE, "plan_id": "", "step": 0}, "plans": []})
    assert cli("exec", CASE).returncode == 4


def test_a_wait_outlives_a_homeostat_that_is_started_again(double, cli):
    def restart():
        while not double.asked("GET", f"/case/{CASE}") and not given_up.is_set():
            time.sleep(0.01)
        double.server.shutdown()
        double.server.socket.close()
        with socket.socket() as held:      # so that nobody else gets the port meanwhile
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(double.server.server_address)
            given_up.wait(3)
            double.says("GET", f"/case/{CASE}", {"id": CASE, "status": "CLOSED"})
            double.server.socket = socket.create_server(double.server.server_address)
        threading.Thread(target=double.server.serve_forever, args=(0.05,), daemon=True).start()

    given_up = threading.Event()

    double.says("POST", "/verify/run", (202, {"data": {"id": CASE, "status": "VERIFYING"}}, {"Connection": "close"}))
    double.says("GET", f"/case/{CASE}", (200, {"data": {"id": CASE, "status": "VERIFYING"}}, {"Connection": "close"}))
    double.says("GET", f"/case/{CASE}/file", {"run": {"verdict": {"outcome": "better"}}})
    helper = threading.Thread(target=restart, daemon=True)
    helper.start()
    try:
        done = cli("verify", CASE)
    finally:
        given_up.set()
        helper.join(60)
    assert done.returncode == 0 and "CLOSED" in done.stdout and "better" in done.stdout, done.stderr


def test_all_pages_are_read_when_all_are_wanted(double, cli):
    double.says("GET", "/case", (200, {"data": [{"id": "a"}], "next_cursor": "x/1"}, {}), (200, {"data": [{"id": "b"}], "next_cursor": None}, {}))
    done = cli("case", "ls", "--all", "-o", "json", "--state", "PARKED", "--target", "a b")
    assert [c["id"] for c in json.loads(done.stdout)] == ["a", "b"]
    assert [r["path"] for r in double.requests] == ["/case?limit=500&state=PARKED&target=a%20b", "/case?limit=500&state=PARKED&target=a%20b&cursor=x%2F1"]
    double.says("GET", "/case", (200, {"data": [{"id": "a", "title": "\x1b[2Jboo"}], "next_cursor": "x"}, {}))
    done = cli("case", "ls")
    assert "\x1b" not in done.stdout and "--all" in done.stderr


def test_a_plan_from_a_file_and_parameters_with_their_types(double, cli, tmp_path):
    double.says("POST", "/plan/generate", {"id": CASE, "status": "WAIT_GATE", "plan": {"title": "t", "steps": []}})
    assert cli("plan", CASE, "--template", "x", "-p", "n:=3", "-p", "s=3", "-p", "l:=[1]", "-p", "e=", "-p", "u=a=b").returncode == 0
    assert double.requests[-1]["body"] == {"case_id": CASE, "template": "x", "params": {"n": 3, "s": "3", "l": [1], "e": "", "u": "a=b"}}
    plan = tmp_path / "plan.json"
    plan.write_text('{"title": "t",\n "steps": [}')
    done = cli("plan", CASE, "--plan", str(plan))
    assert done.returncode == 1 and "plan.json:2:" in done.stderr
    assert cli("plan", CASE, "--plan", "-", stdin='{"title": "t"}').returncode == 0
    assert double.requests[-1]["body"]["plan"] == {"title": "t"}
    for wrong in ("no-equals", "=x", ":=3", "n:=x"):
        assert cli("plan", CASE, "-p", wrong).returncode == 2


def test_whoever_approves_a_plan_has_seen_all_of_it(double, cli):
    script = "echo " + "x" * 600 + "; rm -rf /"
    double.says("POST", "/plan/generate", {"id": CASE, "status": "WAIT_GATE", "plan": {"title": "t", "steps": [{"action": "script.exec", "params": {"script": script}, "timeout_s": 60}]}})
    assert f'{{"script":"{script}"}}  (timeout 60 s)' in cli("plan", CASE).stdout


def test_anything_can_be_asked(double, cli, tmp_path):
    double.says("PUT", "/target/x/mode", {"mode": "auto"})
    assert cli("api", "put", "/target/x/mode", '{"mode": "auto"}', "--if-version", "3").returncode == 0
    assert double.requests[-1]["body"] == {"mode": "auto"} and double.requests[-1]["headers"]["If-Match"] == '"v3"'
    body = tmp_path / "body.json"
    body.write_text('{"a": 1}')
    cli("api", "PUT", "/target/x/mode", f"@{body}")
    assert double.requests[-1]["body"] == {"a": 1}
    asked = len(double.requests)
    done = cli("api", "PUT", "/target/x/mode", "-", stdin=json.dumps({"a": "x" * 1024 * 1024}))
    assert done.returncode == 1 and "the body is longer than 1048576 bytes" in done.stderr and len(double.requests) == asked
    assert cli("api", "GET", "nowhere").returncode == 2
    assert cli("api", "PUT", "/target/x/mode", "{").returncode == 1
    assert cli("api", "GET", "/none").returncode == 1


@pytest.mark.parametrize("words, offers", [("stop --why --", "--target"), ("reload --key -", "--timeout"), ("case approve X --", "--if-version"), ("ca", "case"), ("case ap", "approve")])
def test_completing_a_line_does_nothing_but_look_up_what_could_follow(program, double, cli, tmp_path, words, offers):
    done = subprocess.run(["bash", "-c", f'source "$0"; COMP_WORDS=(homeostat {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _homeostat; printf "%s\\n" "${{COMPREPLY[@]}}"',
                           os.path.join(os.path.dirname(__file__), "../../deploy/homeostat.bash")], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": os.path.dirname(program("homeostat")) + ":" + os.environ["PATH"], "HOMEOSTAT_URL": double.url, "HOMEOSTAT_TOKEN_FILE": str(tmp_path / "token")})
    assert double.requests == [] and offers in done.stdout.split(), done.stdout + done.stderr


# -- tokens ----------------------------------------------------------------------------------------------------------------


def test_the_token_goes_into_the_header_and_nowhere_else(double, cli, tmp_path):
    double.says("GET", "/whoami", {"name": "token:alice", "roles": ["viewer"]})
    assert cli("whoami").stdout == "token:alice: viewer\n"
    assert double.requests[-1]["headers"]["Authorization"] == "Bearer " + TOKEN and "hst_" not in double.requests[-1]["path"]
    loose = tmp_path / "loose"
    loose.write_text(TOKEN)
    loose.chmod(0o644)
    done = cli("whoami", token_file=str(loose))
    assert done.returncode == 1 and "others may read" in done.stderr and len(double.requests) == 1
    for content in ("", "two words\n", "one\ntwo\n", "x" * 5000):
        loose.write_text(content)
        loose.chmod(0o600)
        assert cli("whoami", token_file=str(loose)).returncode == 1
    assert len(double.requests) == 1


@pytest.mark.parametrize("when", ["2020-01-01T00:00:00Z", "3000000d", "106751991d", "0d", "soon"])
def test_a_token_ends_at_a_time_to_come_that_its_file_can_hold(cli, tmp_path, when):
    tokens = tmp_path / "tokens"
    done = cli("token", "new", "--name", "ci", "--role", "viewer", "--file", str(tokens), "--expires", when)
    assert done.returncode == 2 and "no time to come" in done.stderr and not tokens.exists()
    assert cli("token", "new", "--name", "ci", "--role", "viewer", "--file", str(tokens), "--expires", "9999-12-31T00:00:00Z").returncode == 0
    assert cli("token", "new", "--name", "other", "--role", "viewer", "--file", str(tokens), "--expires", "36500d").returncode == 0


def test_who_makes_tokens_hears_whose_they_are_and_where_they_count(cli, tmp_path):
    tokens = tmp_path / "tokens"
    done = cli("token", "new", "--name", "ci", "--role", "viewer", "--file", str(tokens))
    assert done.returncode == 0 and "web.tokens names that file" in done.stderr and ("chown homeostat" in done.stderr) == (os.geteuid() == 0)
    if os.geteuid() == 0:
        os.chown(tokens, 12345, -1)
        assert "chown" not in cli("token", "new", "--name", "cd", "--role", "viewer", "--file", str(tokens)).stderr and tokens.stat().st_uid == 12345


def test_a_secret_that_belongs_to_somebody_else_is_told_with_whose_it_must_be(for_others):
    who = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name, text, mode in (("tokens", "", 0), ("h.yaml", "web: {tokens: tokens}\n", 0o644)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(f.name, mode)
        done = subprocess.run([for_others, "config", "check", os.path.join(folder, "h.yaml")], user=who, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and f"Permission denied. It must belong to the user that reads it, which is number {who} here" in done.stderr, done.stderr


def test_where_there_is_no_configuration_it_is_told_how_to_get_one(cli, tmp_path):
    done = cli("run", "--config", str(tmp_path / "none.yaml"))
    assert done.returncode == 1 and "none.yaml: there is no such file" in done.stderr and "homeostat init" in done.stderr and "--config" in done.stderr


def test_what_keeps_it_from_starting_is_told_with_what_to_do(for_others):
    """An address that is not ours; a store that somebody made as root when he tried it."""
    who = 65534 if os.geteuid() == 0 else os.geteuid()

    def run(folder, text):
        path = os.path.join(folder, "h.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)
        return subprocess.run([for_others, "run", "--config", path], user=who, cwd="/", capture_output=True, text=True, timeout=60, check=False)

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        done = run(folder, "store: {folder: data}\nweb: {listen: '127.0.0.1:0'}\ningest: {enabled: yes}\nlisteners: {edge: {address: '203.0.113.7:4317', insecure: yes}}\n")
        assert done.returncode == 1 and "listeners.edge: cannot listen on 203.0.113.7" in done.stderr and "No interface of this machine has that address" in done.stderr, done.stderr
        lock = os.path.join(folder, "data", "engine.lock")
        if os.geteuid() == 0:
            os.chown(lock, 0, 0)
        os.chmod(lock, 0)
        done = run(folder, "store: {folder: data}\nweb: {listen: '127.0.0.1:0'}\n")
        assert done.returncode == 1 and "engine.lock: Permission denied" in done.stderr and f"chown -R USER {folder}/data" in done.stderr, done.stderr
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            done = run(folder, "store: {folder: none}\nweb: {listen: '127.0.0.1:0'}\n")
            assert done.returncode == 1 and "cannot make folder" in done.stderr and "give it to the user that this runs as" in done.stderr, done.stderr


def test_who_may_not_read_the_store_is_told_who_may(for_others):
    if os.geteuid() != 0:
        pytest.skip("it needs another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.makedirs(os.path.join(folder, "data", "journal"))
        os.chmod(os.path.join(folder, "data"), 0o700)
        with hold_port() as held:
            with open(os.path.join(folder, "h.yaml"), "w", encoding="utf-8") as f:
                f.write(f"store: {{folder: data}}\nweb: {{listen: '127.0.0.1:{held.getsockname()[1]}'}}\n")
            os.chmod(f.name, 0o644)
            for argv, told in ((["deadletter", "ls"], "for root and the user that Homeostat runs as"), (["journal", "ls"], "for root and the user that Homeostat runs as"),
                               (["look", "services"], f"this reads the files in {folder}/data")):
                done = subprocess.run([for_others, *argv, "--config", f.name], user=65534, cwd="/", capture_output=True, text=True, timeout=60, check=False)
                assert done.returncode == 1 and told in done.stderr and "ingest.enabled" not in done.stderr, (argv, done)


def test_whoever_cannot_look_is_not_told_that_there_are_no_dead_letters(cli, tmp_path):
    done = cli("deadletter", "ls", "--folder", str(tmp_path / "none"))
    assert done.returncode == 1 and "cannot look for dead letters" in done.stderr and "ingest.enabled" in done.stderr, done.stdout
    assert "ingest.enabled" in cli("journal", "ls", "--folder", str(tmp_path / "none")).stderr
    assert "ingest.enabled" in cli("top", "--folder", str(tmp_path / "none")).stderr
    done = cli("deadletter", "ls", "--folder", str(tmp_path))
    assert done.returncode == 0 and done.stdout == "no dead letters\n"


def test_tokens_that_are_made_at_once_are_all_kept(program, tmp_path):
    makers = [subprocess.Popen([program("homeostat"), "token", "new", "--name", f"n{i}", "--role", "viewer", "--file", str(tmp_path / "tokens")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
              for i in range(8)]
    assert [m.wait(60) for m in makers] == [0] * 8
    assert {line.split()[1] for line in (tmp_path / "tokens").read_text().splitlines() if not line.startswith("#")} == {f"n{i}" for i in range(8)}


def test_the_stores_token_is_not_shown_to_an_address_that_somebody_typed(program, double, tmp_path):
    store = tmp_path / "data"
    store.mkdir()
    (store / "token").write_text(TOKEN)
    (store / "token").chmod(0o600)
    conf = tmp_path / "h.yaml"
    conf.write_text(f"store:\n  folder: {store}\nweb:\n  listen: 127.0.0.1:{double.server.server_port}\ntargets:\n  main:\n    dsn: host=/x\n")
    double.says("GET", "/whoami", {"name": "token:local", "roles": ["admin"]})
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOMEOSTAT_")}

    def run(*argv):
        return subprocess.run([program("homeostat"), "whoami", "--config", str(conf), *argv], capture_output=True, text=True, env=env, timeout=60, check=False)

    assert run().stdout == "token:local: admin\n"
    assert run("--url", double.url).returncode == 0                     # this machine
    done = run("--url", "https://127.0.0.1:1")
    assert done.returncode == 1 and "nobody answers" in done.stderr
    assert run("--url", "http://192.0.2.1:80").returncode == 1          # refused before anything is sent
    assert "only https" in run("--url", "http://192.0.2.1:80").stderr
    assert run("--url", "http://user:pw@127.0.0.1:1").returncode == 1


def test_a_report_is_passed_on_as_it_came_and_written_whole(double, cli, tmp_path):
    page = "<!doctype html>\n<title>\u00e4</title>\n".encode()
    double.script[("GET", "/case/%s/explanation" % CASE)] = [(200, page, {"Content-Type": "text/html; charset=utf-8"})]
    done = cli("explain", CASE, "--format", "html")
    assert done.returncode == 0 and done.stdout.encode() == page
    assert double.requests[-1]["path"].endswith("?format=html")
    out = tmp_path / "report.html"
    done = cli("explain", CASE, "--format", "html", "--out", str(out))
    assert done.returncode == 0 and done.stdout == "" and out.read_bytes() == page
    mine = os.umask(0o077)
    try:
        assert cli("explain", CASE, "--format", "html", "--out", str(out), "--force").returncode == 0 and out.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(mine)
    assert cli("explain", CASE, "--format", "html", "--out", str(tmp_path / "nowhere" / "x.html")).returncode == 1
    assert cli("explain", CASE, "--format", "pdf").returncode == 2


def test_a_case_is_told_with_what_tried_to_refute_it_and_what_else_was_tried(double, cli):
    double.says("GET", "/case/%s/file" % CASE, {"case": {"id": CASE, "title": "a larger cache", "target": "main", "status": "CLOSED"}})
    tries = [{"case_id": f"case-{i}", "title": f"try {i}\x1b[31m", "result": "undecided", "kept": False, "this": False, "time": "2026-01-01T00:00:00Z", "effect": None, "lo": None, "hi": None}
             for i in range(11)]
    tries[10].update({"effect": 0.6931, "lo": 0.5, "hi": 0.9, "level": None})
    tries.append({"case_id": CASE, "title": "a larger cache", "result": "better", "kept": True, "this": True, "time": "2026-01-02T00:00:00Z", "effect": 0.1823, "lo": 0.0953, "hi": 0.2624})
    double.says("GET", "/case/%s/explanation" % CASE, {
        "case_id": CASE, "lead": "It became faster.", "way": "", "units": [], "missing": "", "tries": tries, "tries_left_out": 3,
        "refuters": [{"name": "a change that was none", "refuted": False, "why": ""}, {"name": "a part of the windows", "refuted": True, "why": ""},
                     {"name": "what clients ask for", "refuted": None, "why": "too few windows"}],
        "sure": {"level": "fair", "points": []}, "model": {"importance": [{"knob": "shared_buffers", "weight": 0.9}], "doubt": "It may be chance."}})
    done = cli("explain", CASE)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert "a change that was none: the effect stood" in told and "a part of the windows: it refuted it" in told
    assert "what clients ask for: could not be made, too few windows" in told
    assert "the newest 10 of 15" in told and "try 1?" not in told and "try 2?" in told and "\x1b" not in told
    assert "a larger cache: better, kept, +20.0 % (+10.0 % to +30.0 %)  <- this one" in told
    assert "undecided, +100.0 % (+64.9 % to +146.0 %) of the statements it was made for\n" in told and told.count("it was made for") == 1
    assert "Which parameters matter here\n  It may be chance.\n  shared_buffers 90.0 %" in told
    assert told.index("What tried to refute it") < told.index("How sure") < told.index("What was tried with this target") < told.index("Which parameters matter here")


def test_what_was_refused_is_not_said_to_have_been_tried(double, cli):
    double.says("GET", "/case/%s/file" % CASE, {"case": {"id": CASE, "title": "t", "target": "main", "status": "CLOSED", "phase": "idle", "in_force_is_proven": True}, "outcome": {"result": "refused", "kept": False}})
    double.says("GET", "/case/%s/explanation" % CASE, {"case_id": CASE, "lead": "l", "units": [], "tries": [], "refuters": [], "sure": {"level": "none", "points": []}})
    told = cli("explain", CASE).stdout
    assert "refused, not done" in told and "not kept" not in told


def test_what_was_won_is_that_under_the_load_of_the_newest_trial(double, cli):
    targets = [{"name": "a/b", "kept": 3}, {"name": "new", "kept": 0}]
    double.says("GET", "/target", targets)
    double.says("GET", "/target/a%2Fb", targets[0])
    double.says("GET", "/target/a%2Fb/outcomes", [{"result": "worse", "best": 0.6931}])
    double.says("GET", "/target/new/outcomes", [])
    rows = cli("target", "ls").stdout.splitlines()
    assert "+100.0 %" in rows[1] and "%" not in rows[2]
    assert "best effect" in (told := cli("target", "show", "a/b").stdout) and "+100.0 %" in told
    assert [t["best_effect"] for t in json.loads(cli("target", "ls", "-o", "json").stdout)] == [0.6931, None]
    for path in ("/livez", "/readyz"):
        double.says("GET", path, {"checks": {}})
    for path in ("/case", "/stop"):
        double.says("GET", path, [])
    told = cli("status")
    assert told.returncode == 0 and "+100.0 %" in told.stdout, "the first page says it, too"
    assert all("limit=1" in r["path"] for r in double.asked("GET", "/target/a%2Fb/outcomes"))


def test_where_no_database_is_configured_a_look_at_it_says_so(double, cli):
    double.says("GET", "/target", [])
    done = cli("diagnose", "postgres")
    assert done.returncode == 1 and done.stdout == ""
    assert "no database is configured" in done.stderr and "homeostat init --dsn" in done.stderr


@pytest.mark.parametrize("result, proven, said", [("worse", True, "worse, not kept"), ("unknown", True, "what is in force is not known"), ("worse", False, "what is in force is not known")])
def test_not_kept_is_only_said_where_it_was_read_back(double, cli, result, proven, said):
    double.says("GET", "/case/%s/file" % CASE, {"case": {"id": CASE, "title": "t", "target": "main", "status": "CLOSED", "in_force_is_proven": proven}, "outcome": {"result": result, "kept": False}})
    double.says("GET", "/case/%s/explanation" % CASE, {"case_id": CASE, "lead": "l", "units": [], "tries": [], "refuters": [], "sure": {"level": "none", "points": []}})
    told = cli("explain", CASE).stdout
    assert said in told and ("not kept" in told) == (said == "worse, not kept")


def test_seconds_and_minutes_are_told_with_when_they_were(double, cli):
    double.says("GET", "/target/main/series", {"time": [1769860800000], "tps": [812.5]})
    double.says("GET", "/target/main/metric", {"bucket": ["2026-01-31T12:00:00.000000Z"], "avg": [1.5], "max": [2], "p95": [None]})
    for command in ("series", "metric"):
        assert "2026-01-31 12:00:00 " in cli(command, "main").stdout


def test_who_has_to_settle_an_unknown_outcome_is_told_how(double, cli):
    case = {"id": CASE, "title": "t", "target": "main", "status": "PARKED", "in_force_is_proven": False}
    double.says("GET", "/case/%s/explanation" % CASE, {"case_id": CASE, "lead": "l", "units": [], "tries": [], "refuters": [], "sure": {"level": "none", "points": []}})
    for status, proven, told in (("PARKED", False, True), ("PARKED", True, False), ("EXECUTING", False, False)):
        double.says("GET", "/case/%s/file" % CASE, {"case": {**case, "status": status, "in_force_is_proven": proven}})
        assert (f"homeostat case event {CASE} in_force_proven" in cli("explain", CASE).stdout) == told, (status, proven)


def test_a_missing_token_is_explained_when_it_is_asked_for(double, cli, tmp_path):
    double.says("GET", "/whoami", (401, problem("unauthenticated", "Who are you?", 401), {}))
    done = cli("whoami", token_file="", env={"HOMEOSTAT_CONFIG": ""})
    assert done.returncode == 1 and "Who are you?" in done.stderr and "HOMEOSTAT_CONFIG" in done.stderr


def test_where_nothing_is_configured_the_policy_is_the_one_that_is_built_in(cli, tmp_path):
    if os.path.exists("/etc/homeostat/homeostat.yaml"):
        pytest.skip("something is configured here")
    done = cli("policy", "print")
    assert done.returncode == 0 and "ratio: 20%" in done.stdout, done.stderr
    done = cli("policy", "print", "--config", str(tmp_path / "none.yaml"))
    assert done.returncode == 1 and "no such file" in done.stderr


def test_what_config_print_prints_is_a_configuration_also_with_sinks(cli, tmp_path):
    (tmp_path / "h.yaml").write_text("targets: {a: {dsn: host=h}}\nsinks: {lake: {kind: files, folder: /x}, far: {kind: loki, url: 'http://127.0.0.1:1', batch: {events: 7}}}\nsensor_groups: [{name: n, comm: ['^n$']}]\n")
    printed = cli("config", "print", str(tmp_path / "h.yaml"))
    assert printed.returncode == 0
    (tmp_path / "again.yaml").write_text(printed.stdout)
    again = cli("config", "print", str(tmp_path / "again.yaml"))
    values = [re.sub(r" +# \S.*", "", text).splitlines() for text in (printed.stdout, again.stdout)]
    assert again.returncode == 0 and values[0] == values[1], again.stderr
    assert "      events: 7" in values[0]


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["help", "stop"], ["knobs"], ["rules", "--json"]])
def test_an_answer_that_finds_no_room_is_no_success(program, command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([program("homeostat"), *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "could not be written completely" in done.stderr


def test_a_tenant_that_no_target_has_is_doubted(cli, tmp_path):
    conf = tmp_path / "h.yaml"
    conf.write_text("targets: {a: {dsn: host=h, tenant: bank}}\ntenants: {bank: {knowledge: {share: false}}, bnak: {knowledge: {share: false}}}\n")
    done = cli("config", "check", str(conf))
    assert done.returncode == 0 and "tenants.bnak: no target has" in done.stderr and "tenants.bank:" not in done.stderr


@pytest.mark.parametrize("command, doubt", [("[pg_ctl, restart, -D, /d]", "starts the server as a process of Homeostat's"), ("[/usr/bin/pg_ctlcluster, '15', main, restart]", "MemoryMax="),
                                            ("[sudo, systemctl, restart, postgresql]", "NoNewPrivileges="), ("[systemctl, restart, postgresql@15-main]", None), ("[/opt/my/restart]", None)])
def test_a_restart_that_would_bring_the_server_under_the_services_limits_is_doubted(cli, tmp_path, command, doubt):
    conf = tmp_path / "h.yaml"
    conf.write_text(f"targets: {{a: {{dsn: host=h, restart_command: {command}}}}}\n")
    done = cli("config", "check", str(conf))
    assert done.returncode == 0 and (doubt in done.stderr and "targets.a.restart_command: " in done.stderr and "polkit" in done.stderr if doubt else not done.stderr), done.stderr


@pytest.mark.parametrize("restart, policy, doubt", [
    ("window", None, "the policy says `restart: { when: never }`, so nothing is ever restarted; policy.file names"), ("allowed", "restart: {when: window}", "the policy has no restart.windows"),
    ("window", "restart: {when: allowed}", "the policy has no restart.windows"), ("allowed", "restart: {when: allowed}", None), ("window", "restart: {when: window, windows: [daily 02:00-04:00]}", None),
    ("never", "restart: {when: window}", None)])
def test_a_restart_that_the_policy_will_never_let_happen_is_doubted(cli, tmp_path, restart, policy, doubt):
    conf = tmp_path / "h.yaml"
    conf.write_text(f"targets: {{a: {{dsn: host=h, restart: {restart}, restart_command: [systemctl, restart, x]}}}}\n" + ("policy: {file: p.yaml}\n" if policy else ""))
    (tmp_path / "p.yaml").write_text(f"{policy}\n")
    done = cli("config", "check", str(conf))
    assert done.returncode == 0 and (f"targets.a.restart: {doubt}" in done.stderr if doubt else "restart:" not in done.stderr), done.stderr


def test_who_has_to_stop_it_hears_how_to_without_a_configuration_that_was_broken(cli, double, tmp_path):
    (tmp_path / "h.yaml").write_text("log: {level: loud}\n")
    double.says("POST", "/stop", {"scope": ""})
    done = cli("stop", "--why", "x", url="", token_file="", env={"HOMEOSTAT_CONFIG": str(tmp_path / "h.yaml")})
    assert done.returncode == 1 and "h.yaml:1:14: log.level" in done.stderr and "Allowed: debug" in done.stderr and "--url http://127.0.0.1:7433 --token-file" in done.stderr
    assert cli("stop", "--why", "x", env={"HOMEOSTAT_CONFIG": str(tmp_path / "h.yaml")}).returncode == 0
    done = cli("journal", "ls", env={"HOMEOSTAT_CONFIG": str(tmp_path / "h.yaml")})
    assert done.returncode == 1 and "without it: --folder" in done.stderr


# -- the stream ------------------------------------------------------------------------------------------------------------


def send_events(*texts, then=hang_up):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for text in texts:
            handler.wfile.write(text.encode())
            handler.wfile.flush()
            time.sleep(0.05)
        then(handler)
    return answer


def event(number, text):
    data = json.dumps({"type": "evt.case.transition.v1", "time": "2026-01-31T12:00:00Z", "subject": CASE, "data": {"from": "NEW", "to": text}})
    return f"id: {number}\nevent: evt.case.transition.v1\ndata: {data}\n\n"


def follow(double, program, spawn, tmp_path, *more):
    """homeostat events --follow, which nothing but its end keeps from waiting for more; cli has made the token."""
    return spawn([program("homeostat"), "events", "--follow", *more], stdout=subprocess.PIPE,
                 env={**os.environ, "HOMEOSTAT_URL": double.url, "HOMEOSTAT_TOKEN_FILE": str(tmp_path / "token")})


def test_a_stream_that_breaks_is_taken_up_after_the_last_event(double, program, spawn, cli, tmp_path):
    first = event(1, "ANALYZING")
    double.says("GET", "/events", send_events(first[:25], first[25:], ": heartbeat\n\n", event(2, "PLANNING"), "id: 3\nevent: x\nda"), send_events(event(3, "WAIT_GATE"), then=lambda h: time.sleep(60)))
    process = follow(double, program, spawn, tmp_path, "--after", "0")
    lines = [process.stdout.readline().rstrip("\n") for _ in range(3)]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"] and lines[1].endswith("NEW -> PLANNING")
    asked = double.asked("GET", "/events")
    assert asked[0]["headers"]["Last-Event-ID"] == "0" and asked[1]["headers"]["Last-Event-ID"] == "2"


def test_what_is_stored_is_printed_until_there_is_silence_which_begins_with_the_answer(double, cli):
    whole = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + event(1, "PLANNING")
    double.says("GET", "/events", lambda h: (time.sleep(4), h.wfile.write(whole.encode()), time.sleep(60)))
    done = cli("events")
    assert done.returncode == 0 and "NEW -> PLANNING" in done.stdout, done.stdout + done.stderr


def test_following_prints_as_things_happen(double, program, spawn, cli, tmp_path):
    double.says("GET", "/events", send_events(event(7, "PARKED"), then=lambda h: time.sleep(60)))
    process = follow(double, program, spawn, tmp_path, "-o", "json", "--topics", "evt.", "--case", CASE)
    line = json.loads(process.stdout.readline())
    assert line["id"] == "7" and line["data"]["data"]["to"] == "PARKED"
    assert process.poll() is None
    assert double.requests[0]["path"] == f"/events?topics=evt.&case={CASE}" and "Last-Event-ID" not in double.requests[0]["headers"]


def test_a_stream_that_is_refused_says_why(double, cli):
    double.says("GET", "/events", (403, problem("forbidden", "Your role does not allow this", 403), {}))
    done = cli("events", "--follow")
    assert done.returncode == 1 and "Your role does not allow this" in done.stderr


# -- knowledge: files between installations ---------------------------------------------------------------------------------


def record(effect):
    """As another installation would tell of a trial; the id is the digest of the rest."""
    r = {"source": "1" * 32, "tenant": "2" * 32, "database": "3" * 32, "at": "2026-03-01T12:00:00.000Z", "server": 150018, "planner": "ladder/costs",
         "machine": {"memory_mb": 1024.0, "cpus": 2, "disk": "flash", "limit_counts_cache": False}, "workload": {"writes": 0.25, "wal": 1500.0}, "configuration": {},
         "changes": [{"name": "random_page_cost", "from": "4", "to": "1.1"}], "result": "better", "kept": True, "effect": effect, "sd": 0.05}
    r["id"] = hashlib.sha256(json.dumps(r, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]
    return r


def test_knowledge_goes_into_a_file_the_oldest_first_page_by_page(double, cli, tmp_path):
    rows = [{"shared": True, "created_at": "2026-03-01T12:00:00.000Z", "record": record(e)} for e in (0.3, 0.2, 0.1)]
    double.says("GET", "/knowledge", (200, {"data": rows[:2], "next_cursor": "1"}, {}), (200, {"data": rows[2:], "next_cursor": None}, {}))
    file = tmp_path / "knowledge.jsonl"
    done = cli("knowledge", "export", str(file))
    assert done.returncode == 0 and "3 records" in done.stdout, done.stderr
    assert all("shared=true" in r["path"] for r in double.asked("GET", "/knowledge"))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0] == {"homeostat_knowledge": 1} and [line["effect"] for line in lines[1:]] == [0.1, 0.2, 0.3]
    assert cli("knowledge", "export", str(file)).returncode == 1         # it is there already
    double.says("POST", "/knowledge", {"records": 3, "added": 3})
    done = cli("knowledge", "import", str(file))
    assert done.returncode == 0 and "added" in done.stdout, done.stderr
    assert [r["effect"] for r in double.asked("POST", "/knowledge")[0]["body"]["records"]] == [0.1, 0.2, 0.3]
    assert cli("knowledge", "export", str(file), "--force").returncode == 0


def test_a_bad_line_is_told_by_its_number_and_nothing_is_sent(double, cli, tmp_path):
    file = tmp_path / "knowledge.jsonl"
    changed = {**record(0.1), "effect": 0.9}
    file.write_text("\n".join(['{"homeostat_knowledge": 1}', json.dumps(record(0.1)), json.dumps(changed), "nonsense", json.dumps(record(0.2))]) + "\n")
    done = cli("knowledge", "import", str(file))
    assert done.returncode == 1 and ":3: " in done.stderr and ":4: " in done.stderr and ":2: " not in done.stderr and ":5: " not in done.stderr
    assert "2 of 4 records" in done.stderr and not double.requests
    file.write_text("something else\n")
    assert cli("knowledge", "import", str(file)).returncode == 1 and not double.requests


def test_many_records_are_sent_in_pieces_that_fit(double, cli, tmp_path):
    file = tmp_path / "knowledge.jsonl"
    file.write_text("\n".join(['{"homeostat_knowledge": 1}'] + [json.dumps(record(round(0.0001 * i, 4))) for i in range(1, 2500)]))
    double.says("POST", "/knowledge", {"records": 1, "added": 1})
    done = cli("knowledge", "import", str(file))
    assert done.returncode == 0, done.stderr
    sent = [len(r["body"]["records"]) for r in double.asked("POST", "/knowledge")]
    assert len(sent) > 1 and sum(sent) == 2499
    assert len({r["headers"]["Idempotency-Key"] for r in double.asked("POST", "/knowledge")}) == len(sent)
