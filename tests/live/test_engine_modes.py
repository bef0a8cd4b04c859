"""The whole engine on a real server: how far it goes in each mode, and what becomes of helpful, harmful and neutral changes."""
import pytest
from homeostat import Refused, plan

FASTER = ("10000", "5000", "2500", "1250", "625", "313")     # commit_delay in microseconds; each commit waits that long


def settings(cluster):
    return dict(cluster.psql("SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'transaction_%'"))


def auto_conf(cluster):
    with open(cluster.data + "/postgresql.auto.conf", encoding="utf-8") as f:
        return f.read()


@pytest.fixture
def untouched(loaded):
    """After the test the server is as it was before it, to the byte."""
    before = settings(loaded), auto_conf(loaded)
    yield before
    assert (settings(loaded), auto_conf(loaded)) == before


def forget(cluster):
    """What a test kept is taken back, for the next one."""
    cluster.psql("ALTER SYSTEM RESET ALL")
    cluster.reload()


# -- how far it goes -------------------------------------------------------------------------------------------------------


def test_in_watch_mode_it_looks_and_opens_nothing_and_refuses_to_be_talked_into_it(loaded, load, untouched, make_homeostat):
    h = make_homeostat(loaded, mode="watch", endpoint=load.url)
    h.start()
    h.until(lambda: h.seen()["history_windows"] >= 4, "windows of history")
    assert h.cases() == []
    case = h.propose(plan("commit_delay", *FASTER))
    assert h.wait_state(case, "PARKED", "CLOSED")["plans_tried"] == 0
    assert "gate rule 102" in h.reasons(case)
    h.until(lambda: (h.seen()["latest"].get("tps") or 0) > 0, "the load is seen")      # in one second or another


def test_in_suggest_mode_it_plans_and_shows_the_sql_and_its_undo_and_changes_nothing(loaded, load, untouched, make_homeostat):
    h = make_homeostat(loaded, mode="suggest", endpoint=load.url, restart=False)
    h.start()
    case = h.until(lambda: h.cases(state="WAIT_GATE"), "a suggestion")[0]["id"]
    assert h.case(case)["opened_by"] == "engine"
    does, undoes = h.dry_run(case)
    file = h.file(case)
    assert [d["answer"] for d in file["decisions"]] == ["ask"] and file["decisions"][0]["decision"]["rule"] == 103
    changed = {s["name"]: s["to"] for p in file["plans"] for st in p["plan"]["steps"] for s in st["params"]["settings"]}
    assert changed
    for name, value in changed.items():
        assert f"ALTER SYSTEM SET {name} = '{value}';" in does and f"ALTER SYSTEM RESET {name};" in undoes
    assert "pg_reload_conf()" in does and "pg_reload_conf()" in undoes
    assert file["actions"] == []


def test_what_is_shown_in_suggest_mode_works_by_hand_and_so_does_its_undo(loaded, load, untouched, make_homeostat):
    h = make_homeostat(loaded, mode="suggest", endpoint=load.url)
    h.start()
    case = h.propose(plan("commit_delay", *FASTER))
    does, undoes = h.dry_run(case)

    def by_hand(sql):
        for statement in filter(None, (line.strip() for line in sql.splitlines())):
            loaded.psql(statement)
    by_hand(does)
    h.until(lambda: loaded.value("SHOW commit_delay") == "313", "the new value is in force")
    by_hand(undoes)
    h.until(lambda: loaded.value("SHOW commit_delay") == "10000", "the old value is in force")


def test_an_approver_has_a_suggestion_carried_out_and_nobody_less(loaded, load, make_homeostat):
    h = make_homeostat(loaded, mode="suggest", endpoint=load.url)
    h.start()
    case = h.propose(plan("commit_delay", *FASTER, method="readback"))
    h.wait_state(case, "WAIT_GATE")
    for who in ("victor", "olga"):
        with pytest.raises(Refused) as refused:
            h.call("POST", f"/case/{case}/approve", {}, who=who)
        assert refused.value.status == 403
    assert h.case(case)["status"] == "WAIT_GATE"
    h.call("POST", f"/case/{case}/approve", {"reason": "looks good"}, who="anna")
    ended = h.wait_ended(case)
    assert ended["status"] == "CLOSED"
    h.outcome(case)
    file = h.file(case)
    assert file["outcome"]["result"] == "better" and file["outcome"]["kept"], "\n".join(h.story(case))
    assert [a["principal"] for a in file["approvals"]] == ["token:anna"]
    assert loaded.value("SHOW commit_delay") == "313" and "commit_delay = '313'" in auto_conf(loaded)
    forget(loaded)


def test_a_rejected_suggestion_is_parked_and_closed_with_nothing_changed(loaded, load, untouched, make_homeostat):
    h = make_homeostat(loaded, mode="suggest", endpoint=load.url)
    h.start()
    case = h.propose(plan("commit_delay", *FASTER))
    h.wait_state(case, "WAIT_GATE")
    h.call("POST", f"/case/{case}/reject", {"reason": "not on a Friday"}, who="anna")
    h.wait_state(case, "PARKED")
    h.event(case, "give_up")
    ended = h.wait_state(case, "CLOSED")
    assert ended["in_force_is_proven"] and ended["plans_tried"] == 0
    story = h.story(case)
    assert any("WAIT_GATE->PARKED gate_rejected" in s for s in story) and any("PARKED->CLOSED" in s for s in story)
    assert h.file(case)["actions"] == [] and h.outcome(case)["result"] == "refused"


# -- what becomes of changes -----------------------------------------------------------------------------------------------


def test_in_auto_mode_a_helpful_change_is_proven_kept_and_read_back(loaded, load, make_homeostat):
    h = make_homeostat(loaded, mode="auto", endpoint=load.url)
    h.start()
    case = h.propose(plan("commit_delay", *FASTER, watch_s=1))
    assert h.wait_ended(case)["status"] == "CLOSED"
    h.rest()
    outcome, file = h.outcome(case), h.file(case)
    assert outcome["result"] == "better" and outcome["kept"] and outcome["effect"] > 0.2, "\n".join(h.story(case))
    assert outcome["lo"] > 0 and 0 < outcome["alpha"] < 0.05
    assert loaded.value("SHOW commit_delay") == "313"
    # Every effect has its intent, its result and its witness.
    for action in file["actions"]:
        assert action["outcome"] in ("done", "prepared", "probed") and action["intent_at"] <= action["result_at"]
    last = [a for a in file["actions"] if a["kind"] in ("do", "candidate")][-1]
    assert last["witness"]["settings"][0]["in_force"] == "313" and last["witness"]["settings"][0]["entry"] == "313"
    assert h.metric('homeostat_verdicts_total{outcome="better"}') == 1
    forget(loaded)


def test_a_harmful_change_is_put_back_exactly(loaded, load, make_homeostat):
    loaded.psql("ALTER SYSTEM SET commit_delay = '313'")
    loaded.psql("ALTER SYSTEM SET work_mem = '5MB'")      # an entry of somebody else, which stays
    loaded.reload()
    before = auto_conf(loaded)
    h = make_homeostat(loaded, mode="auto", endpoint=load.url)
    h.start()
    h.until(lambda: h.seen()["history_windows"] >= 3, "history to compare with")
    case = h.propose(plan("commit_delay", "313", "469", "703", "1053", "1579", "2368", "3552", "5328", "7992", "10000"))
    h.wait_ended(case)
    h.rest()
    outcome = h.outcome(case)
    assert not outcome["kept"] and outcome["result"] in ("worse", "undecided"), "\n".join(h.story(case))
    assert sorted(auto_conf(loaded).splitlines()) == sorted(before.splitlines())
    assert loaded.value("SHOW commit_delay") == "313" and loaded.value("SHOW work_mem") == "5MB"
    forget(loaded)


def test_a_change_that_makes_latency_explode_is_put_back_while_it_is_being_carried_out(loaded, load, make_homeostat):
    loaded.psql("ALTER SYSTEM SET commit_delay = '100'")
    loaded.reload()
    before = auto_conf(loaded)
    h = make_homeostat(loaded, mode="auto", endpoint=load.url)
    h.start()
    h.until(lambda: h.seen()["history_windows"] >= 3, "history to compare with")
    proposal = plan("commit_delay", "100", "150", "225", "337", "505", "757", "1135", "1702", "2553", "3829", "5743", "8614", "10000")
    proposal["steps"][-1]["watch_s"] = 60
    case = h.propose(proposal)
    h.wait_ended(case)
    h.rest()
    assert "guard: latency" in h.reasons(case) and not any("VERIFYING" in s for s in h.story(case)), "\n".join(h.story(case))
    assert auto_conf(loaded) == before and loaded.value("SHOW commit_delay") == "100"
    assert not h.outcome(case)["kept"]
    forget(loaded)


def test_a_change_that_changes_nothing_is_not_kept(loaded, load, untouched, make_homeostat):
    h = make_homeostat(loaded, mode="auto", endpoint=load.url, tune={"windows_max": 2})
    h.start()
    case = h.propose(plan("bgwriter_lru_maxpages", "100", "150"))
    h.wait_ended(case)
    h.rest()
    outcome = h.outcome(case)
    assert not outcome["kept"] and outcome["result"] in ("undecided", "equivalent", "worse"), "\n".join(h.story(case))


def test_left_alone_in_auto_mode_it_ends_each_case_with_what_it_says_in_force(loaded, load, make_homeostat):
    h = make_homeostat(loaded, mode="auto", endpoint=load.url, restart=False, tune={"windows_max": 2})
    h.start()
    done = h.until(lambda: [c for c in h.cases(state="CLOSED") if c["plans_tried"] > 0], "one case of its own is done", limit_s=180)[0]
    h.rest()
    kept = {}
    for case in reversed(h.cases()):
        if case["status"] == "CLOSED" and case["phase"] == "done":
            h.outcome(case["id"])      # it is written down right after the end
        file = h.file(case["id"])
        if (file["outcome"] or {}).get("kept"):
            kept.update({s["name"]: s["to"] for st in file["plans"][-1]["plan"]["steps"] for s in st["params"]["settings"]})
    assert done["in_force_is_proven"]
    entries = dict(line.split(" = ") for line in auto_conf(loaded).splitlines() if " = " in line)
    assert {n: v.strip("'") for n, v in entries.items()} == kept
    forget(loaded)
