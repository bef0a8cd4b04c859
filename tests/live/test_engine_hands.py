"""The engine among other hands: somebody edits the same parameters, roles are too small, servers are not what they were."""
import os
import signal
import subprocess
import time

import psycopg2
import pytest
from cluster import stand_still
from homeostat import Refused, plan

SLOW = {"window": "60s"}      # a trial that is not over before the test is


@pytest.fixture
def server(postgres):
    """The server of this file; each test finds it as initdb left it."""
    if not postgres.running():
        postgres.start()
    postgres.psql("ALTER SYSTEM RESET ALL")
    postgres.reload()
    return postgres


def auto_conf(cluster):
    with open(cluster.data + "/postgresql.auto.conf", encoding="utf-8") as f:
        return f.read()


def entries(cluster):
    return {k: v.strip("'") for k, v in (line.split(" = ") for line in auto_conf(cluster).splitlines() if " = " in line)}


def alter(cluster, name, value):
    cluster.psql(f"ALTER SYSTEM SET {name} = '{value}'")
    cluster.reload()


def verifying(h, case):
    return h.wait(case, lambda c: c["status"] == "VERIFYING" and c["phase"] == "done")


# -- somebody else edits ---------------------------------------------------------------------------------------------------


def test_an_edit_between_planning_and_execution_is_noticed_and_stays(server, make_homeostat):
    h = make_homeostat(server, mode="approve")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "WAIT_GATE")
    alter(server, "bgwriter_lru_maxpages", "77")
    h.until(lambda: server.value("SHOW bgwriter_lru_maxpages") == "77", "the other edit is in force")
    try:
        h.call("POST", f"/case/{case}/approve", {}, who="anna")
    except Refused as e:      # the gate may already know, and the case may be over
        assert "bgwriter_lru_maxpages" in str(e) or h.case(case)["status"] in ("PARKED", "CLOSED"), e
    ended = h.wait_state(case, "PARKED", "CLOSED")
    assert ended["in_force_is_proven"]
    assert "bgwriter_lru_maxpages" in h.reasons(case) and not any(a["kind"] == "do" for a in h.file(case)["actions"]), "\n".join(h.story(case))
    assert entries(server) == {"bgwriter_lru_maxpages": "77"}


def test_an_edit_during_verification_is_never_overwritten_and_the_case_says_so(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", "200"))
    verifying(h, case)
    h.until(lambda: server.value("SHOW bgwriter_lru_maxpages") == "200", "the candidate is in force")
    alter(server, "bgwriter_lru_maxpages", "77")
    h.event(case, "cancel")
    ended = h.wait_state(case, "PARKED")
    assert not ended["in_force_is_proven"]
    assert "somebody else" in h.reasons(case), "\n".join(h.story(case))
    assert entries(server) == {"bgwriter_lru_maxpages": "77"} and server.value("SHOW bgwriter_lru_maxpages") == "77"
    # A person decides; until then the target is held.
    h.event(case, "in_force_proven", reason="77 is mine")
    assert h.wait_state(case, "PARKED", "CLOSED")["in_force_is_proven"]


def test_an_edit_of_another_parameter_is_left_alone_and_ours_is_put_back(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    alter(server, "work_mem", "5MB")
    h.event(case, "cancel")
    assert h.wait_state(case, "PARKED", "CLOSED")["in_force_is_proven"], "\n".join(h.story(case))
    assert entries(server) == {"work_mem": "5MB"}
    assert server.value("SHOW bgwriter_lru_maxpages") == "100"


def test_an_edit_that_waits_to_be_loaded_is_not_put_in_force_by_us(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    h.wait_facts()
    server.psql("ALTER SYSTEM SET work_mem = '64kB'")      # not loaded: perhaps its author is still thinking
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    ended = h.wait_state(case, "PARKED", "CLOSED")
    assert ended["in_force_is_proven"] and "somebody else is at work: work_mem" in h.reasons(case), "\n".join(h.story(case))
    assert server.value("SHOW work_mem") == "4MB" and entries(server) == {"work_mem": "64kB"}
    assert h.outcome(case)["result"] == "hindered"      # it has not failed, and is not told as if it had


def test_an_edit_between_two_steps_parks_the_case_until_the_old_value_is_seen_again(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", "200", watch_s=12))
    h.wait(case, lambda c: c["phase"] == "watching")
    alter(server, "bgwriter_lru_maxpages", "77")
    ended = h.wait_state(case, "PARKED")
    assert not ended["in_force_is_proven"] and "bgwriter_lru_maxpages was changed by somebody else" in h.reasons(case), "\n".join(h.story(case))
    assert entries(server) == {"bgwriter_lru_maxpages": "77"}
    # Whoever edited takes it back: the case sees it by itself, and lets the target go.
    server.psql("ALTER SYSTEM RESET bgwriter_lru_maxpages")
    server.reload()
    h.wait_proven(case)


# -- the server goes away --------------------------------------------------------------------------------------------------


def test_a_restart_by_somebody_else_during_a_case_leaves_the_old_or_the_new_configuration_proven(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    server.restart("immediate")
    h.wait_proven(case)
    assert not h.outcome(case)["kept"]
    assert entries(server) == {} and server.value("SHOW bgwriter_lru_maxpages") == "100"


def test_a_server_that_stops_for_a_while_during_verification_gets_its_old_configuration(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    server.stop("fast")
    h.until(lambda: h.seen()["up"] is False and "refused" in (h.seen()["trouble"] or ""), "it is seen to be down")
    h.until(lambda: h.metric('homeostat_target_up{target="pg"}') == 0, "the metric says so")
    h.until(lambda: entries(server) == {}, "the entry is put back by file, without a server")
    server.start()
    h.wait(case, lambda c: c["phase"] in ("done", "undone"))
    if h.case(case)["status"] == "VERIFYING":      # a switch to the old values met the outage: the trial may go on
        h.cancel(case)
    h.wait_proven(case)
    assert entries(server) == {} and server.value("SHOW bgwriter_lru_maxpages") == "100"
    h.until(lambda: h.seen()["up"] is True and h.seen()["trouble"] is None, "it is back")


def test_a_server_that_freezes_is_neither_success_nor_failure_and_is_waited_for(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback", watch_s=12))
    h.wait(case, lambda c: c["phase"] == "watching")
    with server.frozen():
        h.until(lambda: h.seen()["up"] is None and "frozen" in (h.seen()["trouble"] or ""), "it is unknown whether it is up")
        time.sleep(14)      # longer than the watch: no data is not success
        assert h.case(case)["phase"] == "watching"
        assert h.metric('homeostat_target_up{target="pg"}') is None
    assert h.wait_proven(case)["phase"] == "done"
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}


def test_a_server_with_no_connection_left_is_asked_again_until_the_old_configuration_is_back(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    crowd = []
    try:
        with pytest.raises(psycopg2.OperationalError):
            while True:
                crowd.append(server.connect())
        h.event(case, "cancel")
        h.wait(case, lambda c: c["phase"] in ("undoing", "to_incumbent", "undone"))
        time.sleep(3)
    finally:
        for one in crowd:
            one.close()
    h.wait_proven(case)
    assert entries(server) == {} and server.value("SHOW bgwriter_lru_maxpages") == "100"


def make_standby(server, standby=True):
    signal_file = os.path.join(server.data, "standby.signal")
    if not standby:
        os.unlink(signal_file)
        return
    with open(signal_file, "w", encoding="utf-8"):
        pass
    if server.owner:
        os.chown(signal_file, server.owner.pw_uid, server.owner.pw_gid)


def test_a_server_that_has_become_a_standby_is_not_written_to(make_postgres, make_homeostat):
    server = make_postgres()
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    h.until(lambda: entries(server) == {"bgwriter_lru_maxpages": "150"}, "the candidate is in force")
    stand_still(h.process.pid)      # it happens so fast that nobody sees the server down
    server.stop("fast")
    make_standby(server)
    server.start()
    h.process.send_signal(signal.SIGCONT)
    h.until(lambda: "standby" in (h.seen()["trouble"] or ""), "it is seen to be a standby")
    h.event(case, "cancel")
    h.until(lambda: "standby" in h.reasons(case), "the case says why it cannot be put back")
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    assert os.path.exists(h.undo_script(case))
    # It is the primary again: either it was put back by then, or it is done by hand, and looked at.
    make_standby(server, False)
    server.restart()
    if h.wait_state(case, "PARKED", "CLOSED")["in_force_is_proven"] is False:
        assert subprocess.run(["sh", h.undo_script(case)], env={"PATH": server.bin + ":" + os.environ["PATH"]}, check=False).returncode == 0
    h.wait_proven(case)
    assert entries(server) == {} and server.value("SHOW bgwriter_lru_maxpages") == "100"


def test_a_standby_given_as_target_is_watched_and_refused(make_postgres, make_homeostat):
    server = make_postgres(start=False)
    make_standby(server)
    server.start()
    h = make_homeostat(server, mode="auto")
    h.start()
    h.until(lambda: "standby" in (h.seen()["trouble"] or ""), "it is seen to be a standby")
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "PARKED", "CLOSED")
    assert "gate rule 404" in h.reasons(case) and "standby" in h.reasons(case)
    assert [c for c in h.cases() if c["opened_by"] == "engine"] == [] and entries(server) == {}


# -- roles and addresses ---------------------------------------------------------------------------------------------------


def test_wrong_addresses_and_names_are_told_clearly_and_the_engine_lives_on(server, make_homeostat):
    host = f"host={server.host} port={server.port}"
    wrong = {
        "nobody listens": ("host=127.0.0.1 port=1 user=postgres dbname=postgres", "refused"),
        "no such role": (f"{host} user=nobody dbname=postgres", 'role "nobody" does not exist'),
        "no such database": (f"{host} user=postgres dbname=nowhere", 'database "nowhere" does not exist'),
        "no such host": ("host=no-such-host.invalid user=postgres dbname=postgres", "no-such-host.invalid"),
    }
    for what, (dsn, says) in wrong.items():
        h = make_homeostat(server, mode="auto", target={"dsn": dsn})
        h.start()
        h.wait_log("event=down")
        h.until(lambda: says in h.log_text().replace('\\"', '"'), what)      # a name may not be looked up in time at first
        h.until(lambda: says in (h.seen()["trouble"] or ""), what)
        assert h.seen()["facts"] is None and h.cases() == []
        assert h.raw("GET", "/livez")[0] == 200 and h.ready()
        assert h.stop() == 0


def test_a_wrong_password_is_told_and_never_shown(server, make_homeostat, tmp_path):
    server.psql("DROP ROLE IF EXISTS carla")
    server.psql("CREATE ROLE carla LOGIN PASSWORD 'tea for two' IN ROLE pg_monitor")
    hba = os.path.join(server.data, "pg_hba.conf")
    with open(hba, encoding="utf-8") as f:
        trusting = f.read()
    with open(hba, "w", encoding="utf-8") as f:
        f.write("host all carla 127.0.0.1/32 scram-sha-256\n" + trusting)
    server.reload()
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:carla:coffee for one\n")
    passfile.chmod(0o600)
    h = make_homeostat(server, mode="auto", target={"dsn": server.dsn.replace("user=postgres", "user=carla"), "passfile": str(passfile)})
    h.start()
    h.until(lambda: "password authentication failed" in (h.seen()["trouble"] or ""), "it is told")
    h.wait_log("password authentication failed")
    assert h.cases() == []
    everything = h.log_text() + h.raw("GET", "/target")[1] + h.raw("GET", "/metrics")[1]
    assert "coffee" not in everything
    # The password is mended: it goes on without being told.
    passfile.write_text("*:*:*:carla:tea for two\n")
    h.until(lambda: h.seen()["up"] is True, "it comes in")


def test_a_role_that_may_only_monitor_watches_but_changes_nothing_in_auto_mode(server, make_homeostat):
    server.psql("DROP ROLE IF EXISTS mona")
    server.psql("CREATE ROLE mona LOGIN IN ROLE pg_monitor")
    h = make_homeostat(server, mode="auto", target={"dsn": server.dsn.replace("user=postgres", "user=mona")})
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "PARKED", "CLOSED")
    assert "gate rule 406: our role may not ALTER SYSTEM: GRANT ALTER SYSTEM ON PARAMETER bgwriter_lru_maxpages TO mona" in h.reasons(case)
    h.wait_log("GRANT ALTER SYSTEM ON PARAMETER")      # what would help is told
    assert "GRANT" in h.seen()["idle_why"]
    h.until(lambda: h.seen()["up"] is True, "the server is seen")
    assert entries(server) == {}
    assert [c for c in h.cases() if c["opened_by"] == "engine"] == []


def test_a_role_that_may_only_monitor_is_enough_for_suggestions_and_too_little_to_carry_them_out(server, make_homeostat):
    server.psql("DROP ROLE IF EXISTS mona")
    server.psql("CREATE ROLE mona LOGIN IN ROLE pg_monitor")
    h = make_homeostat(server, mode="suggest", target={"dsn": server.dsn.replace("user=postgres", "user=mona")})
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    does, undoes = h.dry_run(case)
    assert "ALTER SYSTEM SET bgwriter_lru_maxpages = '150';" in does and "bgwriter_lru_maxpages" in undoes
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    h.wait_proven(case)
    assert "GRANT ALTER SYSTEM ON PARAMETER bgwriter_lru_maxpages TO mona" in h.reasons(case), "\n".join(h.story(case))
    assert h.file(case)["actions"] == [] and entries(server) == {}
    # Granted what it lacks (which is said), it does it.
    server.psql("GRANT ALTER SYSTEM ON PARAMETER bgwriter_lru_maxpages TO mona")
    server.psql("GRANT EXECUTE ON FUNCTION pg_reload_conf() TO mona")
    server.psql("GRANT SELECT ON pg_file_settings TO mona")
    server.psql("GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO mona")
    h.kill()
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback"))
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert h.wait_proven(case)["phase"] == "done", "\n".join(h.story(case))
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    server.psql("DROP OWNED BY mona")


# -- restarts --------------------------------------------------------------------------------------------------------------


def test_a_restart_command_that_fails_leaves_the_old_configuration_in_force(server, make_homeostat):
    h = make_homeostat(server, mode="auto", target={"restart_command": ["/bin/false"]})
    h.start()
    case = h.propose(plan("shared_buffers", "128MB", "160MB", method="restart", restart=True, timeout_s=60))
    ended = h.wait_state(case, "PARKED", "CLOSED")
    assert ended["in_force_is_proven"] and "/bin/false" in h.reasons(case), "\n".join(h.story(case))
    assert entries(server) == {} and server.value("SHOW shared_buffers") == "128MB"
    assert server.value("SELECT count(*) FROM pg_settings WHERE pending_restart") == 0


def test_a_restart_command_that_stops_the_server_and_fails_is_followed_by_the_old_configuration(server, make_homeostat, tmp_path):
    script = tmp_path / "restart"
    stop = " ".join(server.as_owner([os.path.join(server.bin, "pg_ctl"), "-D", server.data, "-w", "-m", "fast", "stop"]))
    start = " ".join(server.as_owner([os.path.join(server.bin, "pg_ctl"), "-D", server.data, "-l", server.log, "-w", "start"]))
    # The first time it stops the server and gives up; the second time it works.
    script.write_text(f"#!/bin/sh\nif [ -e {tmp_path}/again ]; then {start}; exit $?; fi\ntouch {tmp_path}/again\n{stop}\nexit 3\n")
    script.chmod(0o755)
    h = make_homeostat(server, mode="auto", target={"restart_command": [str(script)]})
    h.start()
    case = h.propose(plan("shared_buffers", "128MB", "160MB", method="restart", restart=True, timeout_s=120))
    ended = h.wait_state(case, "PARKED", "CLOSED", limit_s=150)
    assert ended["in_force_is_proven"], "\n".join(h.story(case))
    assert entries(server) == {} and server.value("SHOW shared_buffers") == "128MB"


def test_values_that_no_server_can_start_with_are_found_out_before_the_server_is_stopped(server, make_homeostat):
    h = make_homeostat(server, mode="auto", policy="""
steps: { ratio: 50% }
restart: { when: allowed, per_day: 100 }
changes: { per_hour: 1000, cool_down: 0s }
risk: { auto_max: 0.9 }
knobs: { huge_pages: { allowed: yes } }
""")
    h.start()
    started = server.value("SELECT pg_postmaster_start_time()")
    case = h.propose(plan("huge_pages", "try", "on", method="restart", restart=True, timeout_s=120))
    ended = h.wait_state(case, "PARKED", "CLOSED", limit_s=150)
    assert ended["in_force_is_proven"] and "a server would not start with these values" in h.reasons(case), "\n".join(h.story(case))
    assert entries(server) == {} and server.value("SELECT pg_postmaster_start_time()") == started
