"""The engine falls and gets up: kill -9, SIGTERM, a full disk, clocks that jump, configuration files that cannot be read."""
import contextlib
import http.client
import os
import subprocess
import time

import pytest
from homeostat import Refused, plan

SLOW = {"window": "60s"}      # a trial that is not over before the test is
TRIAL = {"window": "4s", "windows_max": 3}      # one that comes to its end, and not within ten seconds
GONE = (OSError, http.client.HTTPException)     # whoever should have answered died


@pytest.fixture
def server(postgres):
    """The server of this file; each test finds it as initdb left it."""
    if not postgres.running():
        postgres.start()
    postgres.psql("ALTER SYSTEM RESET ALL")
    postgres.reload()
    if postgres.value("SELECT count(*) FROM pg_settings WHERE pending_restart"):
        postgres.restart()
    return postgres


def entries(cluster):
    with open(cluster.data + "/postgresql.auto.conf", encoding="utf-8") as f:
        return {k: v.strip("'\n") for k, v in (line.split(" = ") for line in f if " = " in line)}


def verifying(h, case):
    return h.wait(case, lambda c: c["status"] == "VERIFYING" and c["phase"] == "done")


def undo_by_hand(h, case):
    """The script alone: no Homeostat, no environment but a path."""
    done = subprocess.run(["sh", h.undo_script(case)], env={"PATH": h.cluster.bin + ":" + os.environ["PATH"]}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


def assert_ends_proven(h, server, case, kept_is_fine=False):
    """CLOSED or PARKED, and what the case says is what the server has."""
    ended = h.wait_proven(case)
    now = entries(server)
    if not (kept_is_fine and h.file(case)["run"]["verdict"]["outcome"] == "better"):
        assert now == {} and server.value("SHOW bgwriter_lru_maxpages") == "100", "\n".join(h.story(case))
    return ended


# -- kill -9 ---------------------------------------------------------------------------------------------------------------


def test_killed_while_a_step_is_watched_the_undo_works_by_hand_and_the_next_start_sees_it(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", "200", watch_s=30))
    h.wait(case, lambda c: c["phase"] == "watching")
    h.kill()
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    assert os.access(h.undo_script(case), os.X_OK)
    assert "put back and reloaded" in undo_by_hand(h, case)
    assert entries(server) == {}
    assert server.value("SHOW bgwriter_lru_maxpages") == "100"          # it says so when it is so
    assert "as it was before" in undo_by_hand(h, case)      # twice does no harm
    h.start()
    h.event(case, "cancel")
    assert_ends_proven(h, server, case)


def test_killed_while_verifying_it_goes_on_where_it_was_and_ends(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=TRIAL)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.until(lambda: (h.file(case)["run"] or {}).get("trial"), "the trial is saved")
    h.kill()
    h.start()
    assert h.case(case)["status"] in ("VERIFYING", "PARKED", "CLOSED")
    assert any(t["event"] == "recovery" for t in h.timeline(case))
    assert_ends_proven(h, server, case, kept_is_fine=True)


# Where the worker dies, and which pass of the point: the first is the change itself, the second the way back.
@pytest.mark.parametrize("point", ["13:1", "16:1", "17:1", "18:1", "19:1", "16:2", "17:2", "18:2", "19:2"])
def test_killed_at_any_point_of_a_change_or_of_its_undo_it_ends_proven(server, make_homeostat, point):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start(HOMEOSTAT_CRASH_AT=point)
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"), dies=True)

    def may_be_cancelled():
        try:
            return h.case(case)["status"] == "VERIFYING"
        except GONE:
            return not h.running()      # a switch back was the second pass already
    if point.endswith(":2"):
        h.until(may_be_cancelled, "it is to be put back")
        try:
            h.event(case, "cancel")
        except GONE:
            pass                        # it died of it, which is seen below
        except Refused as e:
            assert e.body.get("state") != "EXECUTING", e
    assert h.ended() == -9
    if int(point.split(":")[0]) >= 16:
        assert os.access(h.undo_script(case), os.X_OK)      # before the first effect
    h.start()
    h.wait(case, lambda c: c["phase"] in ("done", "undone", "idle"))
    if h.case(case)["status"] == "VERIFYING":
        h.cancel(case)
    assert_ends_proven(h, server, case)
    actions = h.file(case)["actions"]
    assert all(a["outcome"] for a in actions if a["action"] == max(b["action"] for b in actions))
    assert len([a for a in actions if a["kind"] == "do"]) == 1


def test_a_server_that_went_down_together_with_us_is_found_with_its_old_or_its_new_configuration(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start(HOMEOSTAT_CRASH_AT="18:1")
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"), dies=True)
    assert h.ended() == -9
    server.kill()
    h.start()
    h.until(lambda: h.seen()["up"] is False, "the server is down")
    server.start()
    h.wait(case, lambda c: c["phase"] in ("done", "undone", "watching", "to_incumbent", "to_candidate"))
    if h.case(case)["status"] in ("EXECUTING", "VERIFYING"):
        h.cancel(case)
    assert_ends_proven(h, server, case)


def test_what_waits_for_an_approval_still_waits_after_a_restart_of_ours(server, make_homeostat):
    h = make_homeostat(server, mode="approve", tune={"windows_max": 2})
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback"))
    h.wait_state(case, "WAIT_GATE")
    h.stop()
    h.start()
    h.wait_facts()
    time.sleep(2)
    assert h.case(case)["status"] == "WAIT_GATE", "\n".join(h.story(case))
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert_ends_proven(h, server, case, kept_is_fine=True)
    assert h.outcome(case)["result"] == "better", "\n".join(h.story(case))


def test_two_of_us_never_share_a_store(server, make_homeostat):
    h = make_homeostat(server, mode="auto")
    h.start()
    second = subprocess.run([h.program, "run", "--config", h.config], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert second.returncode != 0 and h.store in second.stderr, second.stderr
    assert h.raw("GET", "/livez")[0] == 200


# -- SIGTERM ---------------------------------------------------------------------------------------------------------------


def test_told_to_end_in_the_middle_of_a_case_it_ends_at_once_and_the_next_start_goes_on(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    assert h.stop(limit_s=45) == 0      # at once: the window would last longer
    assert "homeostat ends" in h.log_text()
    h.start()
    verifying(h, case)
    h.event(case, "cancel")
    assert_ends_proven(h, server, case)


def test_told_to_end_while_an_action_hangs_it_ends_within_a_bounded_time_and_the_next_start_recovers(server, make_homeostat, tmp_path):
    script = tmp_path / "restart"
    script.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 600\n")      # never restarts anything
    script.chmod(0o755)
    h = make_homeostat(server, mode="auto", target={"restart_command": [str(script)], "restart_timeout": "120s", "trial_start": False})
    h.start()
    case = h.propose(plan("shared_buffers", "128MB", "160MB", method="restart", restart=True, timeout_s=300))
    pid = h.until(lambda: os.path.exists(tmp_path / "pid") and (tmp_path / "pid").read_text().strip(), "the restart hangs")
    assert h.stop(limit_s=80) == 0
    h.start()
    h.event(case, "cancel")
    with contextlib.suppress(ProcessLookupError):      # its own limit of two minutes came first
        os.kill(int(pid), 9)      # what hung has ended at last; until then the fence was its
    ended = h.wait_proven(case)
    assert ended and entries(server) == {} and server.value("SHOW shared_buffers") == "128MB"


# -- the stop switch -------------------------------------------------------------------------------------------------------


def test_the_stop_switch_puts_back_what_is_being_verified_and_outlives_a_kill_and_expires(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    h.call("POST", "/stop", {"why": "Black Friday", "expires_s": 3600}, who="olga")
    assert_ends_proven(h, server, case)
    assert "Black Friday" in h.reasons(case) and "refused" not in h.reasons(case), "\n".join(h.story(case))
    assert h.outcome(case)["result"] == "stopped"
    h.until(lambda: h.metric("homeostat_stopped") == 1, "the metric says so")
    h.kill()
    h.start()
    assert h.get("/stop")[0]["why"] == "Black Friday"
    waits = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback"))
    h.until(lambda: "gate rule 101" in h.reasons(waits), "the gate says why it waits")
    h.call("POST", "/stop", {"why": "Black Friday is nearly over", "expires_s": 3}, who="olga")
    # Nobody does anything: it expires, and what waited goes on.
    h.wait_proven(waits)
    assert h.get("/stop") == [] and entries(server) == {"bgwriter_lru_maxpages": "150"}
    words = [t for t in h.timeline(waits) if t["event"] == "gate_waits"]
    assert len(words) <= 2      # asking again is not told again


def test_the_stop_switch_puts_back_what_a_person_drives(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start()
    proposal = plan("bgwriter_lru_maxpages", "100", "150")
    case = h.propose(proposal, driver="person")
    h.call("POST", "/gate/eval", {"case_id": case}, who="olga")
    h.call("POST", "/adapter/exec", {"case_id": case, "adapter": "postgres", **proposal["steps"][0]["params"]}, who="olga")
    h.wait_state(case, "VERIFYING")
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    h.call("POST", "/stop", {"why": "hands off", "expires_s": 600}, who="olga")
    assert_ends_proven(h, server, case)
    with pytest.raises(Refused) as refused:
        h.call("DELETE", "/stop", who="olga")
    assert refused.value.status == 403
    h.call("DELETE", "/stop")
    assert h.get("/stop") == []


# -- a full disk -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_stops_the_engine_says_so_and_everything_goes_on_when_there_is_room(server, make_homeostat, tmp_path):
    full = tmp_path / "full"
    h = make_homeostat(server, mode="auto", tune=TRIAL)
    h.start(HOMEOSTAT_STORE_FAIL="full:1", HOMEOSTAT_STORE_FAIL_WHILE=str(full))
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "VERIFYING")
    full.touch()
    h.until(lambda: h.metric("homeostat_degraded") == 1, "it says that it is degraded")
    status, text = h.raw("GET", "/readyz")
    assert status == 503 and "the store cannot be written" in text and h.raw("GET", "/livez")[0] == 200
    with pytest.raises(Refused) as refused:
        h.event(case, "cancel")
    assert refused.value.status == 503 and "nothing was changed" in str(refused.value.body)

    def toggled():
        loads = server.value("SELECT pg_conf_load_time()")
        time.sleep(12)      # three windows' worth of toggles that it must not do
        return server.value("SELECT pg_conf_load_time()") != loads
    assert not (toggled() and toggled())      # one may have been under way
    assert h.case(case)["status"] == "VERIFYING"
    full.unlink()
    h.until(h.ready, "it is ready again")
    assert_ends_proven(h, server, case, kept_is_fine=True)
    assert h.metric("homeostat_degraded") == 0
    versions = [t["version"] for t in h.timeline(case) if t["moved"]]
    assert versions == sorted(set(versions))      # nothing twice, nothing missing
    assert versions == list(range(1, len(versions) + 1))


def test_a_failed_fsync_ends_the_engine_and_the_next_start_goes_by_what_is_on_disk(server, make_homeostat, tmp_path):
    broken = tmp_path / "broken"
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start(HOMEOSTAT_STORE_FAIL="fsync:1", HOMEOSTAT_STORE_FAIL_WHILE=str(broken))
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    broken.touch()
    with pytest.raises((Refused, *GONE)):
        h.event(case, "cancel")
    assert h.ended() == 1 and "fsync failed" in h.log_text()
    broken.unlink()
    h.start()
    h.wait(case, lambda c: c["phase"] in ("done", "undone"))
    if h.case(case)["status"] == "VERIFYING":      # the request was lost: nobody was told that it was done
        h.cancel(case)
    assert_ends_proven(h, server, case)


# -- reload ----------------------------------------------------------------------------------------------------------------


def test_a_reload_with_a_bad_file_changes_nothing_and_a_good_one_takes_effect(server, make_homeostat):
    h = make_homeostat(server, mode="suggest")
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback"))
    h.wait_state(case, "WAIT_GATE")
    policy_version = h.get("/policy")["version"]
    with open(h.config, encoding="utf-8") as f:
        good = f.read()
    with open(h.config, "w", encoding="utf-8") as f:
        f.write(good.replace('mode: "suggest"', 'mode: "sugest"'))
    h.hangup()
    h.wait_log("the configuration was not reloaded; the old one stays in force")
    assert "homeostat.yaml:" in h.log_text() and h.seen()["mode"] == "suggest"
    with open(h.config, "w", encoding="utf-8") as f:
        f.write(good.replace('mode: "suggest"', 'mode: "auto"'))
    h.write_policy("steps: { ratio: 500% }\n")
    h.hangup()
    h.until(lambda: h.log_text().count("the configuration was not reloaded") == 2, "the policy is refused")
    assert h.seen()["mode"] == "suggest" and h.get("/policy")["version"] == policy_version and h.case(case)["status"] == "WAIT_GATE"
    h.write_policy("steps: { ratio: 50% }\nchanges: { cool_down: 0s }\n")
    h.hangup()
    h.until(lambda: h.seen()["mode"] == "auto", "the new mode is in force")
    assert h.get("/policy")["version"] != policy_version
    # What was only a suggestion is carried out now, without anybody asking again.
    h.wait_proven(case)
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    assert h.raw("GET", "/livez")[0] == 200


def test_a_reload_takes_up_commands_tells_what_waits_for_a_restart_and_respects_who_spoke_last(server, make_homeostat, tmp_path):
    h = make_homeostat(server, mode="auto", target={"restart_command": ["/bin/false"]})
    h.start()
    h.write_config(restart_command=h.restart_command(), dsn=server.dsn + " application_name=other")
    h.hangup()
    h.wait_log("waits for a restart of homeostat.*dsn")
    h.wait_log("configuration reloaded")
    case = h.propose(plan("autovacuum_max_workers", "3", "4", method="readback", restart=True, timeout_s=120))
    h.wait_proven(case)
    assert server.value("SHOW autovacuum_max_workers") == "4", "\n".join(h.story(case))
    h.set_mode("watch")
    h.until(lambda: h.seen()["mode"] == "watch", "the mode was taken up")
    h.hangup()
    h.until(lambda: h.log_text().count("configuration reloaded") == 2, "reloaded again")
    time.sleep(1.5)      # what is seen is a second old at most
    assert h.seen()["mode"] == "watch"      # the file says what it said before: no new word
    h.kill()
    h.start()
    assert h.seen()["mode"] == "watch"
    h.write_config(mode="suggest")
    h.hangup()
    h.until(lambda: h.seen()["mode"] == "suggest", "the file has spoken last")
    h.kill()
    h.start()
    assert h.seen()["mode"] == "suggest"


# -- clocks ----------------------------------------------------------------------------------------------------------------

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {   /* seconds that this clock is ahead, from a file that the test writes */
    char text[32] = "";
    int  fd = open(getenv("CLOCK_OFFSET_FILE"), O_RDONLY);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += offset();
    return r;
}
time_t time(time_t *t) { struct timespec now; clock_gettime(CLOCK_REALTIME, &now); if (t) *t = now.tv_sec; return now.tv_sec; }
int gettimeofday(struct timeval *tv, void *tz) { struct timespec n; (void)tz; clock_gettime(CLOCK_REALTIME, &n); tv->tv_sec = n.tv_sec; tv->tv_usec = n.tv_nsec / 1000; return 0; }
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """clock.env for start(), clock.jump(seconds): Homeostat's wall clock is another one from then on; nobody else's is."""
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    built = subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip("no compiler for a clock that can be set: " + built.stderr[:200])

    class Clock:
        env = {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_OFFSET_FILE": str(folder / "offset")}

        @staticmethod
        def jump(seconds):
            (folder / "offset.new").write_text(str(seconds))
            os.replace(folder / "offset.new", folder / "offset")
    Clock.jump(0)
    return Clock


def test_a_clock_that_jumps_ahead_runs_into_deadlines_and_they_put_back(server, make_homeostat, clock):
    clock.jump(0)
    h = make_homeostat(server, mode="auto", tune=SLOW)
    h.start(**clock.env)
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    verifying(h, case)
    clock.jump(40 * 86400)
    assert_ends_proven(h, server, case)
    assert "undecided for too long" in h.reasons(case)
    # And it works on in its new time, as soon as it has looked at the server anew: facts of 40 days ago count for nothing.
    assert h.outcome(case)["result"] == "undecided"

    def works():
        after = h.propose(plan("bgwriter_lru_maxpages", "100", "150", method="readback"))
        return h.wait_proven(after)["phase"] == "done" or "minutes old" not in h.reasons(after)
    h.until(works, "facts of the new time", pause_s=1)
    assert entries(server) == {"bgwriter_lru_maxpages": "150"}
    clock.jump(0)


def test_a_plan_that_nobody_answers_within_a_day_was_not_refused(server, make_homeostat, clock):
    clock.jump(0)
    h = make_homeostat(server, mode="approve", tune=SLOW)
    h.start(**clock.env)
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "WAIT_GATE")
    clock.jump(2 * 86400)
    assert h.outcome(case)["result"] == "unanswered", "\n".join(h.story(case))
    assert h.file(case)["actions"] == [] and entries(server) == {}
    clock.jump(0)


def test_a_clock_that_is_set_back_makes_nothing_stuck_and_nothing_doubled(server, make_homeostat, clock):
    clock.jump(86400)
    h = make_homeostat(server, mode="approve", tune={"windows_max": 2})
    h.start(**clock.env)
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_state(case, "WAIT_GATE")
    clock.jump(0)
    h.call("POST", f"/case/{case}/approve", {}, who="anna")
    assert_ends_proven(h, server, case, kept_is_fine=True)
    story = h.timeline(case)
    assert [t["version"] for t in story if t["moved"]] == sorted(t["version"] for t in story if t["moved"])
    h.until(lambda: h.seen()["latest"].get("up") == 1, "the server is seen")


# -- what grows ------------------------------------------------------------------------------------------------------------


def test_twenty_cases_leave_no_descriptor_open_and_little_memory_taken(server, make_homeostat):
    h = make_homeostat(server, mode="auto", tune={"window": "600s"})      # nothing of its own

    def is_free():
        holder = h.seen()["case_id"]    # asked once: it may end between two questions
        return holder == "" or h.case(holder)["opened_by"] == "engine"

    def one(start, to):
        case = h.propose(plan("bgwriter_lru_maxpages", start, to, method="readback"))
        h.wait_proven(case)
        h.until(is_free, "the target is free")
    h.start()
    for _ in range(2):      # what is opened once stays open
        one("100", "150")
        one("150", "100")
    time.sleep(1)
    descriptors, memory = h.descriptors(), h.rss_mb()
    for _ in range(10):
        one("100", "150")
        one("150", "100")
    h.until(lambda: h.descriptors() <= descriptors + 2, f"no more than {descriptors} descriptors")
    assert h.rss_mb() < memory + 10
    assert len([c for c in h.cases() if c["opened_by"] != "engine" and c["status"] == "CLOSED"]) >= 20
