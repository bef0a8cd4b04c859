"""The API as its users rely on it: what is legal, what is said twice, what comes too late, what fails, who may, and what a full disk does."""
import http.client
import json
import os
import re
import socket
import sqlite3
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "bench"))
from lab import Arena, Daemon, exec_body, free_port, ledger_step, plan_of, program  # noqa: E402

WHO = {"olga": ("operator", "hst_olga_" + "o" * 40), "anna": ("approver", "hst_anna_" + "a" * 40), "victor": ("viewer", "hst_victor_" + "v" * 40),
       "root": ("admin", "hst_root_" + "r" * 40)}


class House:
    """An arena that answers, and a client for each who."""

    def __init__(self):
        self.arena = Arena("api", binary=program("homeostat"), tokens=WHO).first_start()
        self.clients = {who: self.arena.client(who=who) for who in WHO}
        self.keys = 0

    def start(self, **env):
        for c in self.clients.values():      # of a life that is over
            c.close()
        self.arena.daemon.start(**env)
        assert self.arena.daemon.wait_ready(), self.arena.daemon.log_tail()

    def ask(self, method, path, body=None, key=None, if_match=None, who="olga", headers=None):
        """One attempt, with a key of its own unless one is given; key=False: none."""
        if key is None and method != "GET":
            self.keys += 1
            key = f"test-{self.keys}-{self.arena.daemon.lives}"
        return self.clients[who].once(method, path, body, key or None, if_match, headers)

    def create(self, title="a case", who="olga"):
        a = self.ask("POST", "/case/create", {"title": title}, who=who)
        assert a.status == 201, a
        return a.data["id"]

    def event(self, case, event, **how):
        return self.ask("PATCH", f"/case/{case}/transition", {"event": event, "reason": "test"}, **how)

    def look(self, case):
        a = self.ask("GET", f"/case/{case}")
        assert a.status == 200, a
        return a.data

    def timeline(self, case):
        return self.ask("GET", f"/case/{case}/timeline").data

    def file(self, case):
        return self.ask("GET", f"/case/{case}/file").data

    def at_gate(self, steps, verify=None):
        """A case whose plan waits at the gate."""
        case = self.create()
        a = self.ask("POST", "/plan/generate", {"case_id": case, "plan": plan_of(steps, verify=verify)})
        assert a.status == 200 and a.data["status"] == "WAIT_GATE", a
        return case

    def approved(self, steps, verify=None):
        case = self.at_gate(steps, verify)
        a = self.ask("POST", "/gate/eval", {"case_id": case})
        assert a.status == 200 and a.data["status"] == "EXECUTING", a
        return case

    def execute(self, case, step, prefer="wait=60"):
        return self.ask("POST", "/adapter/exec", exec_body(case, step), headers={"Prefer": prefer})

    def wait(self, case, done, limit_s=60):
        deadline = time.monotonic() + limit_s
        while True:
            c = self.look(case)
            if done(c):
                return c
            assert time.monotonic() < deadline, f"{c}\n{self.arena.daemon.log_tail()}"
            time.sleep(0.05)

    def count(self, name):
        """A counter of /metrics; all its labels together."""
        a = self.ask("GET", "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in a.raw.decode().splitlines() if line.split("{")[0].split(" ")[0] == name)

    def close(self):
        for c in self.clients.values():
            c.close()
        self.arena.close()


@pytest.fixture
def house():
    h = House()
    h.start()
    yield h
    h.close()


@pytest.fixture
def step(house):
    return ledger_step(house.arena, "a")


# -- the walk-through ------------------------------------------------------------------------------------------------------


def test_the_six_calls_of_the_walk_through_end_with_the_case_closed(house):
    as_curl_sends_it = {"Content-Type": "application/x-www-form-urlencoded"}

    def call(method, path, body, key=False):
        return house.ask(method, path, body, key=key, who="root", headers=as_curl_sends_it)

    created = call("POST", "/case/create", '{"title":"p95 spike","tenant":"t-001"}')
    assert created.status == 201 and created.data["tenant"] == "t-001", created
    case = created.data["id"]
    # The published text has the last two characters of this body the wrong way round.
    started = call("PATCH", f"/case/{case}/transition", '{"event":"start_analysis","actor":"analyst@svc}"', key="a1")
    assert started.status == 200 and started.data["status"] == "ANALYZING", started
    planned = call("POST", "/plan/generate", f'{{"case_id":"{case}","template":"k8s.rollout.canary"}}')
    assert planned.status == 200 and planned.data["status"] == "WAIT_GATE", planned
    judged = call("POST", "/gate/eval", f'{{"case_id":"{case}"}}')
    assert judged.status == 200 and judged.data["status"] == "EXECUTING", judged

    def waited_for(path, body, state):
        began = time.monotonic()
        a = call("POST", path, body)
        if a.status == 202 and time.monotonic() - began > 9:      # by default an answer waits for ten seconds
            return house.wait(case, lambda c: c["status"] == state)
        assert a.status == 200 and a.data["status"] == state, a
    waited_for("/adapter/exec", f'{{"case_id":"{case}","adapter":"script","script":"echo ok"}}', "VERIFYING")
    waited_for("/verify/run", f'{{"case_id":"{case}"}}', "CLOSED")
    states = [t["to"] for t in house.timeline(case) if t["moved"] and t["from"] != t["to"] or t["event"] == "created"]
    assert states == ["NEW", "ANALYZING", "PLANNING", "WAIT_GATE", "EXECUTING", "VERIFYING", "CLOSED"]
    assert any(t["actor"] == "analyst@svc" for t in house.timeline(case))
    assert all(t["meta"]["trace_id"] for t in house.timeline(case))


# -- what is legal ---------------------------------------------------------------------------------------------------------


def test_an_illegal_transition_is_409_names_what_is_allowed_moves_nothing_and_is_recorded(house):
    case = house.create()
    a = house.event(case, "verify_pass")
    assert a.status == 409 and a.json["type"].endswith("illegal-transition"), a
    assert a.headers["content-type"] == "application/problem+json"
    assert "start_analysis" in a.json["allowed_transitions"] and a.json["state"] == "NEW"
    assert (house.look(case)["status"], house.look(case)["version"]) == ("NEW", 1)
    last = house.timeline(case)[-1]
    assert last["event"] == "verify_pass" and not last["moved"] and "refused" in last["reason"]


def test_a_guard_that_says_no_is_422_moves_nothing_and_is_recorded(house):
    case = house.create()
    house.event(case, "start_analysis")
    house.event(case, "analysis_done")
    a = house.event(case, "plan_ready")
    assert a.status == 422 and a.json["type"].endswith("guard-failed") and "no complete plan" in a.json["detail"], a
    assert (house.look(case)["status"], house.look(case)["version"]) == ("PLANNING", 3)
    assert not house.timeline(case)[-1]["moved"]
    assert house.count("conflict_total") >= 1


@pytest.mark.parametrize("flaw", ["no rollback", "no verify", "no steps", "no action", "timeout of 9 s", "retry of 4", "unknown action", "no object"])
def test_an_incomplete_plan_never_reaches_the_state_machine(house, step, flaw):
    case = house.create()
    plan = plan_of([step])
    if flaw.startswith("no ") and flaw[3:] in plan:
        del plan[flaw[3:]]
    elif flaw == "no action":
        del plan["steps"][0]["action"]
    elif flaw == "timeout of 9 s":
        plan["steps"][0]["timeout_s"] = 9
    elif flaw == "retry of 4":
        plan["steps"][0]["retry"] = 4
    elif flaw == "unknown action":
        plan["steps"][0]["action"] = "rm.everything"
    else:
        plan = [plan]
    a = house.ask("POST", "/plan/generate", {"case_id": case, "plan": plan})
    assert a.status == 422 and a.json["detail"], a
    assert (house.look(case)["status"], house.look(case)["version"]) == ("NEW", 1)


# -- said twice, come too late ---------------------------------------------------------------------------------------------


def test_a_key_that_comes_again_gets_the_first_answer_to_the_byte_also_after_a_kill(house):
    first = house.ask("POST", "/case/create", {"title": "once"}, key="k1")
    case = first.data["id"]
    refused = house.event(case, "verify_pass", key="k2")
    moved = house.event(case, "start_analysis", key="k3", if_match=1)
    house.event(case, "cancel", key="k4")
    house.arena.daemon.kill()
    house.start()
    for key, before, again in (("k1", first, house.ask("POST", "/case/create", {"title": "once"}, key="k1")),
                               ("k2", refused, house.event(case, "verify_pass", key="k2")), ("k3", moved, house.event(case, "start_analysis", key="k3", if_match=1))):
        assert (again.status, again.raw, again.version) == (before.status, before.raw, before.version), key
        assert again.replayed and not before.replayed
    assert house.look(case)["version"] == 3
    assert len(house.ask("GET", "/case").data) == 1
    assert house.count("idempotent_replay_total") == 3


def test_a_key_is_not_taken_for_another_request_and_belongs_to_who_used_it(house):
    case = house.create()
    assert house.event(case, "start_analysis", key="mine").status == 200
    a = house.event(case, "cancel", key="mine")
    assert a.status == 422 and a.json["type"].endswith("idempotency-key-reused"), a
    assert house.look(case)["status"] == "ANALYZING"
    theirs = house.event(case, "analysis_done", key="mine", who="root")
    assert theirs.status == 200 and not theirs.replayed


def test_a_patch_without_a_key_is_refused(house):
    case = house.create()
    a = house.event(case, "start_analysis", key=False)
    assert a.status == 400 and a.json["type"].endswith("idempotency-key-required")
    assert house.look(case)["status"] == "NEW"


def test_who_comes_too_late_is_told_so_and_changes_nothing(house):
    case = house.create()
    assert house.event(case, "start_analysis", if_match=1).version == 2
    late = house.event(case, "cancel", if_match=1)
    assert late.status == 412 and late.version == 2 and late.json["type"].endswith("stale-version"), late
    body = house.ask("PATCH", f"/case/{case}/transition", {"event": "cancel", "expected_version": 1})
    assert body.status in (409, 412), body
    torn = house.ask("PATCH", f"/case/{case}/transition", {"event": "cancel", "expected_version": 1}, if_match=2)
    assert torn.status in (400, 422), torn
    assert house.look(case)["version"] == 2
    assert house.event(case, "cancel", if_match=2).version == 3


# -- execution -------------------------------------------------------------------------------------------------------------


def test_nothing_but_the_approved_step_is_executed(house, step):
    case = house.approved([step])
    other = dict(step["params"], argv=step["params"]["argv"][:-1] + ["b"])
    bodies = [{"case_id": case, "adapter": "script", "params": other}, {"case_id": case, "adapter": "script", "script": "echo ok"},
              {"case_id": case, "adapter": "script"}, {"case_id": case, "adapter": "postgres", "params": step["params"]},
              {"case_id": case, "adapter": "script", "params": dict(step["params"], env={"A": "1"})}]
    for body in bodies:
        a = house.ask("POST", "/adapter/exec", body)
        assert a.status == 422, (body, a)
    assert house.look(case)["status"] == "EXECUTING" and house.arena.effects() == {}
    a = house.execute(case, step)
    assert a.status == 200 and a.data["status"] == "VERIFYING", a
    assert house.execute(case, step).status == 409
    assert list(house.arena.effects().values()) == [[1, 0]]


def test_steps_have_an_action_id_each_and_every_attempt_has_the_same(house):
    steps = [ledger_step(house.arena, "a"), ledger_step(house.arena, "b"), ledger_step(house.arena, "bad", fails=True, retry=1)]
    case = house.approved(steps)
    house.execute(case, steps[0])
    house.wait(case, lambda c: c["status"] == "PARKED")
    assert sorted(house.arena.effects()) == [(f"{case}.1.1", "a"), (f"{case}.1.2", "b")]
    assert list(house.arena.effects().values()) == [[1, 1], [1, 1]]


def test_a_step_that_fails_is_tried_again_as_often_as_it_says_and_then_the_case_is_parked(house):
    step = ledger_step(house.arena, "bad", fails=True, retry=2)
    case = house.approved([step])
    a = house.execute(case, step)
    assert a.data["status"] == "PARKED" and a.data["in_force_is_proven"], a
    assert [x["kind"] for x in house.file(case)["actions"]].count("do") == 3
    assert "exec_failed" in [t["event"] for t in house.timeline(case)]
    assert "as it was told to" in json.dumps(house.file(case)["actions"])
    closed = house.event(case, "give_up")
    assert closed.data["status"] == "CLOSED"


def test_a_step_that_takes_too_long_is_ended_in_time_and_the_case_is_parked(house):
    step = ledger_step(house.arena, "slow", sleep_s=60)
    step["params"]["timeout_s"] = 0.5
    case = house.approved([step])
    began = time.monotonic()
    house.execute(case, step)
    c = house.wait(case, lambda c: c["status"] == "PARKED")
    assert time.monotonic() - began < 50 and c["in_force_is_proven"]
    assert house.arena.effects() == {}
    assert any("too long" in t["reason"] for t in house.timeline(case))


def test_a_cancelled_case_puts_back_what_it_has_done(house):
    steps = [ledger_step(house.arena, n, sleep_s=0.4) for n in ("a", "b", "c", "d")]
    case = house.approved(steps)
    assert house.execute(case, steps[0], "respond-async").status == 202
    house.wait(case, lambda c: c["step"] >= 1)
    assert house.event(case, "cancel").status == 200
    c = house.wait(case, lambda c: c["status"] == "PARKED")
    assert c["in_force_is_proven"]
    assert house.arena.effects() and all(do == undo == 1 for do, undo in house.arena.effects().values()), house.arena.effects()


def test_what_does_not_verify_is_put_back(house):
    step = ledger_step(house.arena, "a")
    case = house.approved([step], {"method": "output", "expect": "this is never printed"})
    house.execute(case, step)
    a = house.ask("POST", "/verify/run", {"case_id": case}, headers={"Prefer": "wait=60"})
    assert a.status == 200 and a.data["status"] == "PARKED", a
    assert list(house.arena.effects().values()) == [[1, 1]]
    assert "verify_failed" in [t["event"] for t in house.timeline(case)]


def test_a_result_that_was_lost_without_a_witness_is_never_repeated_and_a_person_is_called(house):
    step = ledger_step(house.arena, "blind", witness=False, undo=False, retry=3, sleep_s=0.5)
    house.arena.daemon.kill()
    house.start(HOMEOSTAT_CRASH_AT="17:1")
    case = house.approved([step])
    with pytest.raises((OSError, http.client.HTTPException)):
        house.execute(case, step)
    assert house.arena.daemon.wait_end(60) == -9
    house.start()
    c = house.wait(case, lambda c: c["status"] == "PARKED")
    assert c["phase"] == "unknown" and not c["in_force_is_proven"]
    assert sum(do for do, _ in house.arena.effects().values()) == 1
    assert house.event(case, "give_up").status == 422
    assert house.event(case, "in_force_proven").status == 403
    assert house.event(case, "in_force_proven", who="root").status == 200
    assert house.event(case, "give_up").data["status"] == "CLOSED"


# -- the stop switch -------------------------------------------------------------------------------------------------------


def test_the_stop_switch_holds_survives_a_kill_and_ends_when_it_says(house, step):
    case = house.at_gate([step])
    # It can be told from the answer that no time was left to the next life.
    asked = time.monotonic()
    a = house.ask("POST", "/stop", {"why": "black friday", "expires_s": 20})
    assert a.status == 200, a
    assert house.ask("POST", "/gate/eval", {"case_id": case}).data["status"] in ("WAIT_GATE", "PARKED")
    house.arena.daemon.kill()
    house.start()
    stops = house.ask("GET", "/stop").data
    assert [s["why"] for s in stops] == ["black friday"] and stops[0]["expires_at"]
    held = house.at_gate([step])
    a = house.ask("POST", "/gate/eval", {"case_id": held})
    assert a.data["status"] in ("WAIT_GATE", "PARKED") and "black friday" in json.dumps(a.data["verdict"]), a
    assert house.arena.effects() == {}
    deadline = asked + 110
    while house.ask("GET", "/stop").data:
        assert time.monotonic() < deadline, house.arena.daemon.log_tail()
        time.sleep(0.1)
    assert time.monotonic() - asked > 19.5
    free = house.approved([step])
    assert house.execute(free, step).data["status"] == "VERIFYING"


def test_a_stop_between_approval_and_execution_keeps_the_step_from_happening(house, step):
    case = house.approved([step])
    assert house.ask("POST", "/stop", {"why": "wait a moment"}).status == 200
    a = house.execute(case, step)
    assert a.status == 422 and "wait a moment" in a.json["detail"], a
    assert house.arena.effects() == {}
    assert house.ask("DELETE", "/stop", who="olga").status == 403
    assert house.ask("DELETE", "/stop", who="root").status == 200
    assert house.execute(case, step).data["status"] == "VERIFYING"


def test_a_freeze_of_a_target_that_is_not_there_is_said(house):
    with open(os.path.join(house.arena.folder, "policy.yaml"), "a", encoding="utf-8") as f:
        f.write("freezes: [ { weekly: daily 00:00-24:00, target: shpo, why: no changes today } ]\n")
    assert house.ask("POST", "/reload", {}, who="root").status == 200
    said = [line for line in house.arena.daemon.log_tail(1000).splitlines() if "about no target" in line]
    assert said and "shpo" in said[-1] and "no changes today" in said[-1]


def test_a_stop_needs_a_reason(house):
    assert house.ask("POST", "/stop", {}).status == 422
    assert house.ask("POST", "/stop", {"why": "x", "expires_s": 0}).status == 422


# -- the store -------------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_nothing_is_lost_and_work_goes_on_when_there_is_room_again(house, step):
    full = os.path.join(house.arena.folder, "full")
    house.arena.daemon.kill()
    house.start(HOMEOSTAT_STORE_FAIL="full:1", HOMEOSTAT_STORE_FAIL_WHILE=full)
    case = house.approved([step])
    before = house.look(case)
    open(full, "w", encoding="ascii").close()
    for _ in range(3):
        a = house.ask("POST", "/case/create", {"title": "no room"}, key="no room")
        assert a.status == 503 and "retry-after" in a.headers, a
    assert house.execute(case, step).status == 503
    assert house.look(case) == before
    deadline = time.monotonic() + 60
    while house.ask("GET", "/readyz").status != 503:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert house.ask("GET", "/livez").status == 200
    assert house.arena.effects() == {}
    os.unlink(full)
    a = house.clients["olga"].ask("POST", "/case/create", {"title": "no room"}, "no room")
    assert a.status == 201 and not a.replayed
    assert sum(c["title"] == "no room" for c in house.ask("GET", "/case").data) == 1
    a = house.clients["olga"].ask("POST", "/adapter/exec", exec_body(case, step), "after", headers={"Prefer": "wait=60"})
    assert a.data["status"] == "VERIFYING", a
    assert list(house.arena.effects().values()) == [[1, 0]]
    assert house.arena.daemon.stop() == 0


def test_a_disk_that_fills_up_under_an_action_does_not_lose_its_result(house):
    full = os.path.join(house.arena.folder, "full")
    house.arena.daemon.kill()
    house.start(HOMEOSTAT_STORE_FAIL="full:1", HOMEOSTAT_STORE_FAIL_WHILE=full)
    step = {**ledger_step(house.arena, "a", sleep_s=12), "timeout_s": 60}      # it is still at it when the disk is full
    case = house.approved([step])
    assert house.execute(case, step, "respond-async").status == 202
    house.wait(case, lambda c: c["phase"] == "doing")
    open(full, "w", encoding="ascii").close()
    deadline = time.monotonic() + 90
    while not house.arena.effects():
        assert time.monotonic() < deadline, house.arena.daemon.log_tail()
        time.sleep(0.05)
    time.sleep(1)
    os.unlink(full)
    house.wait(case, lambda c: c["status"] == "VERIFYING")
    assert list(house.arena.effects().values()) == [[1, 0]]


def test_an_fsync_that_fails_ends_the_program_and_the_next_start_goes_on_from_what_is_on_disk(house, step):
    case = house.approved([step])
    house.arena.daemon.stop()
    failing = os.path.join(house.arena.folder, "failing")
    house.start(HOMEOSTAT_STORE_FAIL="fsync:1", HOMEOSTAT_STORE_FAIL_WHILE=failing)
    open(failing, "w", encoding="ascii").close()
    try:
        a = house.ask("POST", "/case/create", {"title": "perhaps"}, key="perhaps")
        assert a.status == 503, a
    except (OSError, http.client.HTTPException):
        pass
    assert house.arena.daemon.wait_end(60) == 1, house.arena.daemon.log_tail()
    house.start()
    assert house.look(case)["status"] == "EXECUTING"
    a = house.ask("POST", "/case/create", {"title": "perhaps"}, key="perhaps")
    assert a.status == 201
    assert sum(c["title"] == "perhaps" for c in house.ask("GET", "/case").data) == 1


def test_a_telemetry_that_is_damaged_keeps_nobody_from_starting(house):
    case = house.create()
    house.arena.daemon.stop()
    path = os.path.join(house.arena.store, "telemetry.db")
    for end in ("-wal", "-shm"):
        if os.path.exists(path + end):
            os.unlink(path + end)
    with open(path, "w", encoding="ascii") as f:
        f.write("this is no database\n" * 1000)
    house.start()
    assert house.look(case)["status"] == "NEW"
    with open(path + ".damaged", encoding="ascii") as f:
        assert f.readline() == "this is no database\n"
    assert "telemetry.db is damaged" in house.arena.daemon.log_tail(1000)


def test_a_store_of_a_newer_homeostat_is_refused_with_a_clear_word_and_left_alone(house):
    house.create()
    house.arena.daemon.stop()
    path = os.path.join(house.arena.store, "cases.db")
    with sqlite3.connect(path) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1000}")
    house.arena.daemon.start()
    assert house.arena.daemon.wait_end(60) not in (0, None)
    assert "newer" in house.arena.daemon.log_tail(3)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == version + 1000
        db.execute(f"PRAGMA user_version = {version}")
    house.start()
    assert len(house.ask("GET", "/case").data) == 1


def test_a_second_homeostat_on_the_same_store_is_refused_and_the_first_is_not_disturbed(house):
    step = {**ledger_step(house.arena, "a", sleep_s=15), "timeout_s": 60}      # it lasts longer than the second one lives
    case = house.approved([step])
    assert house.execute(case, step, "respond-async").status == 202
    house.wait(case, lambda c: c["phase"] == "doing")
    version = house.look(case)["version"]
    config = os.path.join(house.arena.folder, "second.yaml")
    port = free_port()
    with open(house.arena.config, encoding="utf-8") as f, open(config, "w", encoding="utf-8") as out:
        out.write(f.read().replace(str(house.arena.port), str(port)))
    second = Daemon(house.arena.folder, config, port, program("homeostat"))
    second.log = os.path.join(house.arena.folder, "second.log")
    second.start()
    assert second.wait_end(60) not in (0, None)
    assert "another Homeostat" in second.log_tail()
    assert house.look(case)["version"] == version
    house.wait(case, lambda c: c["status"] == "VERIFYING")
    assert list(house.arena.effects().values()) == [[1, 0]]


# -- many at once ----------------------------------------------------------------------------------------------------------


def whole_answer(s):
    """Head and body, in however many pieces they come."""
    said = b""
    while True:
        head, found, body = said.partition(b"\r\n\r\n")
        if found and len(body) >= int(re.search(rb"(?i)content-length: *(\d+)", head).group(1)):
            return said
        piece = s.recv(4096)
        assert piece, said
        said += piece


def test_hundreds_of_clients_that_speak_at_the_same_moment_are_all_answered(house):
    clients = [socket.create_connection(("127.0.0.1", house.arena.daemon.port), timeout=60) for _ in range(500)]
    try:
        for _ in range(3):
            for s in clients:
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            for s in clients:
                said = whole_answer(s)
                assert said.startswith(b"HTTP/1.1 200") and b'{"data"' in said
    finally:
        for s in clients:
            s.close()


# -- who may ---------------------------------------------------------------------------------------------------------------


def test_who_only_looks_cannot_write_and_who_is_unknown_cannot_look(house, step):
    case = house.at_gate([step])
    assert house.ask("GET", f"/case/{case}", who="victor").status == 200
    writes = [("POST", "/case/create", {"title": "x"}), ("PATCH", f"/case/{case}/transition", {"event": "cancel"}), ("POST", f"/case/{case}/comment", {"text": "x"}),
              ("POST", "/plan/generate", {"case_id": case, "plan": plan_of([step])}), ("POST", "/gate/eval", {"case_id": case}),
              ("POST", "/adapter/exec", exec_body(case, step)), ("POST", "/verify/run", {"case_id": case}), ("POST", "/stop", {"why": "x"}), ("DELETE", "/stop", None),
              ("POST", f"/case/{case}/approve", {}), ("POST", f"/case/{case}/reject", {}), ("POST", "/reload", {})]
    for method, path, body in writes:
        a = house.ask(method, path, body, who="victor")
        assert a.status == 403, (path, a)
    assert house.ask("POST", f"/case/{case}/approve", {}, who="olga").status == 403
    assert house.event(case, "gate_approved", who="olga").status == 403
    stranger = house.arena.client(who="victor")
    stranger.token = "hst_nobody_" + "n" * 40
    a = stranger.once("GET", f"/case/{case}")
    assert a.status == 401 and "bearer" in a.headers["www-authenticate"].lower()
    stranger.close()
    assert (house.look(case)["status"], house.look(case)["version"]) == ("WAIT_GATE", 4)
