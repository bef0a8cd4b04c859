"""What the dashboard promises, one promise a test."""
import os
import re
import threading
import time

import pytest

GATE = "0192f3a0-0000-7000-8000-00000000000b"
LIVE = "0192f3a0-0000-7000-8000-00000000000a"
KEPT = "0192f3a0-0000-7000-8000-000000000003"
WORSE = "0192f3a0-0000-7000-8000-000000000004"
LOST = "0192f3a0-0000-7000-8000-0000000000fe"
BAD = "0192f3a0-0000-7000-8000-0000000000ff"
ROUTES = ["#/overview/main", "#/knobs/main", "#/cases", "#/case/" + GATE, "#/case/" + KEPT, "#/case/" + WORSE]


def writes(stub, *paths):
    return [r for r in stub.world.requests if r[0] != "GET" and r[1].split("?")[0] in paths]


def figure(page, label):
    return page.js("return [...document.querySelectorAll('.figure')].find(f => f.querySelector('dt').innerText === arguments[0])?.querySelector('dd').innerText", label)


# ---- what is seen ----

def test_figures_and_charts_move_with_the_samples(page):
    page.open()
    page.until("return (document.querySelector('.line.tone-tps')?.getAttribute('d') ?? '').length > 2000")
    before = figure(page, "Throughput")
    line = page.js("return document.querySelector('.line.tone-tps').getAttribute('d')")
    assert re.match(r"[\d.\s]+/s", before.replace("\u202f", ""))
    page.until("return [...document.querySelectorAll('.figure')].find(f => f.querySelector('dt').innerText === 'Throughput').querySelector('dd').innerText !== arguments[0]", before)
    page.until("return document.querySelector('.line.tone-tps').getAttribute('d') !== arguments[0]", line)
    assert page.complaints() == []


def test_charts_show_gaps_marks_and_the_arms_of_trials(page):
    page.open(route="#/overview/main")
    page.until("return ['opened', 'applied', 'kept', 'undone'].every(kind => document.querySelector('.chart .mark.mark-' + kind) !== null)")
    page.until("return document.querySelectorAll('.chart .gap').length >= 1")      # the restart was not seen: that is a gap, not a line
    page.until("return new Set([...document.querySelectorAll('.chart .arm-name')].map(n => n.textContent)).size === 2")
    drawn = page.js("return document.querySelector('.line.tone-tps').getAttribute('d').match(/M/g).length")
    assert drawn >= 2, "the line must not be drawn across what nobody saw"


@pytest.mark.parametrize("answers", ["normal,deep", "normal,deep,late"])
def test_a_range_beyond_the_seconds_is_filled_with_minutes(page, answers):
    """Also when the answer for the short range that the page began with comes after that for the long one."""
    stub = page.open(answers)
    end = time.monotonic() + 10
    while not any("/series" in r[1] for r in list(stub.world.requests)) and time.monotonic() < end:
        time.sleep(0.02)
    page.js("[...document.querySelectorAll('.choice button')].find(b => b.innerText === '1 h').click()")
    page.until("return [...document.querySelectorAll('.choice button')].find(b => b.innerText === '1 h').getAttribute('aria-pressed') === 'true'")
    end = time.monotonic() + 10
    while not any("/metric?name=tps" in r[1] for r in list(stub.world.requests)) and time.monotonic() < end:
        time.sleep(0.05)
    page.until("""const d = document.querySelector('.line.tone-tps')?.getAttribute('d') ?? '', xs = [...d.matchAll(/([\\d.]+),/g)].map(m => Number(m[1]));
                  return xs.length > 40 && Math.min(...xs) < 140""")
    if "late" in answers:
        time.sleep(3)
        assert page.js("const d = document.querySelector('.line.tone-tps').getAttribute('d'); return Math.min(...[...d.matchAll(/([\\d.]+),/g)].map(m => Number(m[1])))") < 140


def test_what_is_not_known_reads_unknown_and_never_zero(page):
    page.open("bare")
    page.until_text("unknown", ".figures")
    assert figure(page, "Latency p99") == "unknown" and figure(page, "CPU") == "unknown" and figure(page, "Replication lag") == "unknown"
    page.go("#/knobs/main")
    assert "Settings are unknown" in page.text("#main")
    page.go("#/case/" + KEPT)
    assert page.text("#main").count("unknown") >= 4
    for route in ROUTES:
        page.go(route)
        assert not re.search(r"\b(NaN|undefined|null|Infinity|\[object)\b", page.text()), route


def test_a_target_that_is_down_has_unknown_figures(page):
    page.open("down")
    page.until_text("main does not answer", ".banners")
    page.until("return [...document.querySelectorAll('.figure')].find(f => f.querySelector('dt').innerText === 'Throughput').querySelector('dd').innerText.startsWith('unknown')")


def test_degraded_modes_are_told_loudly(page):
    page.open("degraded,stopped,unknown,estimated")
    page.until_text("Degraded: store.", ".banners")
    page.until_text("Outcome unknown", ".banners")
    for words in ("no space left on the device", "does not act on what it cannot record", "Outcome unknown: Wider checkpoints, once more", "Stopped until", "index build by the billing team",
                  "token:alice", "estimated"):
        page.until_text(words, ".banners")
    assert page.text(".banners").count("no space left") == 1 and "does not say why" not in page.text(".banners")
    page.until_text("Stopped", ".engine")
    assert page.js("return document.querySelector('.banner-bad').getAttribute('role')") == "alert"
    page.go("#/case/" + LOST)
    assert "not proven" in page.text(".box-bad") and "/undo/" in page.text(".box-bad")
    assert "in_force_proven" in page.text(".box-bad"), "who has looked is told how to say so"


def test_one_case_tells_verdict_guards_plan_gate_and_steps(page):
    page.open(route="#/case/" + WORSE)
    text = page.text("#main")
    for words in ("Proven worse", "\u22126.0", "does not hold", "unknown, does not hold", "random_page_cost", "ALTER SYSTEM SET", "decided by rule 40", "of 1", "read back", "rule 602", "planner", "/undo/"):
        assert words in text, words
    assert page.js("return document.querySelector('.panel-stats .whisker') !== null")
    assert page.js("return document.querySelector('.panel-timeline time').title").endswith("UTC")


def test_a_case_tells_why_with_its_path_units_and_refuters(page):
    page.open(route="#/case/" + KEPT)
    page.until_text("The path", ".panel-why")
    text = page.text(".panel-why")
    for words in ("sure: high", "cache hit ratio", "throughput", "+6.60", "5.90", "+1 GB of shared_buffers", "not identified", "stood", "could not be made", "an order drawn by lot"):
        assert words in text, words
    assert "<img src=x" in text                                    # a text that looks like markup stays one
    whole = page.js("return document.querySelector('.panel-why').textContent")      # with what is folded away
    for words in ("What else was tried", "The newest 2 of 5.", "<b>worse</b>: worse", "(this one): better, kept"):
        assert words in whole, words
    assert page.js("return document.querySelectorAll('.panel-why img').length") == 0
    assert not re.search(r"\b(NaN|undefined|null)\b", text)
    page.js("window.saved = null; HTMLAnchorElement.prototype.click = function () { window.saved = [this.download, this.href.slice(0, 5)]; }; document.querySelector('#report-html').click()")
    page.until("return window.saved !== null")
    name, scheme = page.js("return window.saved")
    assert name == "explanation-%s.html" % KEPT and scheme == "blob:"


def test_a_report_that_cannot_be_saved_says_why(page):
    stub = page.open(route="#/case/" + KEPT)
    stub.busy_reports = True
    page.until_text("The path", ".panel-why")
    page.click("#report-markdown")
    page.until_text("other explanations are being made", ".panel-why")
    stub.busy_reports = False
    page.js("HTMLAnchorElement.prototype.click = function () {}; document.querySelector('#report-markdown').click()")
    page.until("return !document.querySelector('.panel-why').innerText.includes('other explanations')")


def test_an_explanation_draws_how_its_windows_lay_and_what_the_model_believes(page):
    page.open(route="#/case/" + KEPT)
    page.until_text("Its windows, before and after", ".panel-why")
    page.js("document.querySelectorAll('.panel-why details').forEach(d => { d.open = true })")
    page.until("return document.querySelectorAll('.panel-why figure svg[aria-label]').length == 4")
    told = page.js("return [...document.querySelectorAll('.panel-why figure svg')].map(e => e.getAttribute('aria-label'))")
    assert "throughput: before (12), median 812/s, from 780/s to 850/s; after (9), median 1\u202f010/s" in told[0]
    assert told[1] == "<i>latency: unknown"
    assert "the most at 4096 MB: +25.0 %" in told[2] and "from ±0.0 % at 128 MB" in told[2]
    assert "at off to +3.0 % at lz4" in told[3]      # a value whose belief is not known whole is left out
    assert page.js("return [document.querySelectorAll('.panel-why .box-plot').length, document.querySelectorAll('.panel-why .box-plot.changed').length]") == [2, 1]
    assert page.js("return document.querySelectorAll('.panel-why figure svg .in-force').length") == 2
    assert page.js("return document.querySelectorAll('.panel-why figure i, .panel-why figure b').length") == 0


def test_the_convergence_curve_multiplies_what_was_kept(page):
    page.open()
    page.until_text("6 attempts, 4 kept, 2 put back", ".panel-converge")
    assert "+56.7" in page.text(".panel-converge .big")          # exp(0.121 + 0.187 + 0.083 + 0.058)
    assert page.js("return document.querySelectorAll('.attempt-worse').length") == 1


def test_knobs_show_value_default_pending_and_the_case_behind_it(page):
    stub = page.open(route="#/knobs/main")
    page.until_text("Forty percent of memory", "table.knobs")
    text = page.text("table.knobs")
    assert "409MB" in text and "128MB" in text and "restart pending" in text and "not by a case (configuration file)" in text
    assert "since then" not in text and page.js("return [...document.querySelectorAll('.knob-value')].every(e => !e.title.includes('MB ×'))")
    rows = stub.world.settings()
    stub.world.settings = lambda: [dict(r, value="2GB") if r["name"] == "shared_buffers" else r for r in rows]
    page.until_text("to 409MB, and since then not by it", "table.knobs")
    page.js("document.querySelector('#filter').focus()")
    page.keys("checkpoint")
    page.until("return document.querySelectorAll('table.knobs tbody tr').length === 1")
    time.sleep(1.2)   # samples arrive meanwhile
    assert page.focused().startswith("input #filter") and page.js("return document.activeElement.value") == "checkpoint"


# ---- who may come in ----

def test_the_token_leaves_the_address_at_once_and_is_stored_for_the_tab_only(page):
    stub = page.open()
    assert "token" not in page.d.current_url and stub.world.token not in page.d.current_url
    assert page.js("return JSON.stringify(localStorage)").find(stub.world.token) < 0
    assert page.js("return Object.values(sessionStorage)") == [stub.world.token]
    page.go("#/cases")
    assert all(stub.world.token not in r[1] for r in stub.world.requests), "no address that was asked for carries the token"
    assert page.js("return performance.getEntriesByType('resource').every(e => !e.name.includes(arguments[0]))", stub.world.token)


def test_a_token_with_a_percent_sign_leaves_the_address_too(page):
    stub = page.open(token=False)
    stub.world.token = "a-token-of-100%-chance"
    page.d.get("about:blank")
    page.d.get(stub.url + "#token=" + stub.world.token)
    page.until("return document.querySelector('.link-live') !== null")
    assert "token" not in page.d.current_url


def test_without_a_token_a_form_asks_for_it(page):
    stub = page.open(token=False)
    page.until_text("Reading needs a token")
    assert page.focused().startswith("input")
    page.keys("wrong", "\ue007")
    page.until_text("Send Authorization: Bearer")
    page.until("return document.activeElement.name === 'token' || document.activeElement === document.body")
    page.js("document.querySelector('input[name=token]').focus()")
    page.keys(stub.world.token, "\ue007")
    page.until("return document.querySelector('.link-live') !== null")
    page.until_text("Throughput")
    page.click("#leave")
    page.until_text("Reading needs a token")
    page.d.get(stub.url + "#token=" + stub.world.token)     # in the same tab: only the fragment changes
    page.until("return document.querySelector('.link-live') !== null")
    assert "token" not in page.d.current_url


def enter_token(page, token):
    page.until("return document.querySelector('input[name=token]') !== null")
    page.js("const i = document.querySelector('input[name=token]'); i.value = arguments[0]; i.form.requestSubmit()", token)


def test_the_form_for_the_token_says_what_the_engine_says(page):
    stub = page.open(token=False)
    for _ in range(11):
        enter_token(page, "wrong")
        page.until("return sessionStorage.length === 0 && document.querySelector('.door .box-bad') !== null")
    page.until_text("too many wrong tokens from this address", ".door")
    enter_token(page, stub.world.token)
    page.until("return document.querySelector('.link-live') !== null")


def test_a_token_that_is_given_while_the_engine_is_not_ready_is_not_lost(page):
    stub = page.open(token=False)
    stub.blind = True
    enter_token(page, stub.world.token)
    page.until_text("nothing has been seen yet", "#app")
    stub.blind = False
    page.until_text("Half of memory", "#main")
    page.until("return document.querySelector('.link-live') !== null && document.querySelector('input[name=token]') === null")


def test_a_viewer_is_not_offered_what_the_engine_would_refuse(page):
    stub = page.open("viewer,stopped", route="#/case/" + GATE)
    page.until_text("needs the role approver", ".box-ask")      # once it is known who looks
    assert page.js("return document.querySelector('#approve') === null && document.querySelector('.stop-button').disabled")
    stub.world.stop_row["scope"] = "main"
    page.until_text("Stopped on main", ".banners")
    assert "End it" not in page.text(".banners") and page.js("return document.querySelector('#stop').disabled")


def test_the_filter_of_cases_shows_what_it_filters_by_also_after_another_page(page):
    page.open(route="#/cases")
    page.js("const s = document.querySelector('#filter'); s.value = 'CLOSED'; s.dispatchEvent(new Event('change'))")
    page.until("return !document.querySelector('#main').innerText.includes('Half of memory') && document.querySelectorAll('.rows .row-link').length > 3")
    page.go("#/knobs/main")
    page.go("#/cases")
    assert "Half of memory" not in page.text("#main")
    assert page.js("return document.querySelector('#filter').value") == "CLOSED"


def test_progress_that_is_not_known_any_more_is_not_shown_as_none(page):
    stub = page.open(route="#/overview/main")
    page.until("return document.querySelector('progress')?.hasAttribute('value')")
    stub.world.progress = lambda now: None
    page.until_text("progress unknown", ".progress-line")
    assert page.js("return document.querySelector('progress').position") == -1


def test_what_waits_for_a_person_is_told_however_many_cases_came_since(page):
    page.open("many,unknown", route="#/overview/main")
    page.until_text("Outcome unknown: Wider checkpoints, once more", ".banners")
    page.until("return document.querySelector('nav .count')?.innerText === '1'")
    page.go("#/cases")
    page.until_text("Outcome unknown: Wider checkpoints, once more", ".banners")


def test_older_cases_stay_in_sight_while_others_move(page):
    stub = page.open("many", route="#/cases")
    shown = 50
    while shown < 620:
        page.js("[...document.querySelectorAll('#main button')].find(b => b.innerText === 'Show older ones').click()")
        shown = page.until("const n = document.querySelectorAll('.rows .row-link').length; return n > arguments[0] && n", shown)
    page.until_text("Wider checkpoints", "#main .rows")     # the oldest of all
    with stub.world.lock:
        asked = len(stub.world.requests)
        stub.world.emit("evt.case.transition.v1", {"case_id": KEPT, "target": "main", "event": "comment", "from": "CLOSED", "to": "CLOSED"}, KEPT)
    end = time.monotonic() + 10
    while not any(r[1].startswith("/case?") for r in list(stub.world.requests)[asked:]) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1.5)
    assert page.js("return document.querySelectorAll('.rows .row-link').length") >= 620


def test_a_screen_reader_is_not_told_each_second_how_long_something_still_is(page):
    stub = page.open("stopped,unknown", route="#/overview/main")
    page.until_text("Stopped until", ".banners")
    page.until_text("Outcome unknown", ".banners")
    stub.world.stop_row["expires_at"] = stub.world.soon(1739)      # so many minutes for the minute to come
    page.until_text("28 min", ".banners")
    listen = """window.spoken = []; new MutationObserver(all => all.forEach(m => { const e = m.target.nodeType === 3 ? m.target.parentElement : m.target;
        if (e && e.closest('[aria-live], [role=alert], [role=status]')?.getAttribute('aria-live') !== 'off') window.spoken.push(m.target.textContent); }))
        .observe(document.querySelector('.banners'), { subtree: true, childList: true, characterData: true })"""
    page.js(listen)
    time.sleep(3)
    assert page.js("return window.spoken") == []
    stub.stop()
    page.until_text("Next try in", ".banners")
    page.js(listen)
    time.sleep(3)
    assert [s for s in page.js("return window.spoken") if "Next try" in s or " s" in s] == []


@pytest.mark.parametrize("on_and_on", [False, True])
def test_a_case_on_the_screen_moves_also_when_others_do_at_the_same_time(page, on_and_on):
    stub = page.open(route="#/case/" + GATE)
    page.until_text("WAIT_GATE", "#main .headline")

    def tell():
        while not seen.wait(0.1):
            stub.world.emit("evt.case.transition.v1", {"case_id": KEPT, "target": "main", "event": "comment", "from": "CLOSED", "to": "CLOSED"}, KEPT)

    seen, others_move = threading.Event(), threading.Thread(target=tell, daemon=True)
    if on_and_on:
        others_move.start()       # as long as anything is told, nothing else may wait for silence
    try:
        with stub.world.lock:
            stub.world.move(stub.world.cases[GATE], "gate_rejected", "PARKED", time.time(), 402, "no", "token:bob", tell=True)
            stub.world.emit("evt.case.transition.v1", {"case_id": KEPT, "target": "main", "event": "comment", "from": "CLOSED", "to": "CLOSED"}, KEPT)
        page.until_text("PARKED", "#main .headline")
    finally:
        seen.set()


# ---- what is done ----

def test_a_plan_can_be_approved_with_the_keyboard_alone(page):
    stub = page.open()
    page.keys_until("g", "c", script="return document.querySelectorAll('.rows .row-link').length > 3")
    page.keys("j")
    assert "Half of memory" in page.focused()
    page.keys("j", "k")
    assert "Half of memory" in page.focused()
    page.keys("\ue015", "\ue013", "\ue007")   # down, up, Enter
    page.until("return document.querySelector('#approve') !== null")
    assert page.focused().startswith("h1"), "after a change of page the focus is on its heading"
    page.keys("a")
    page.until("return document.querySelector('dialog[open]') !== null")
    assert page.focused().startswith("textarea")
    dialog = page.text("dialog")
    assert "shared_buffers" in dialog and "512MB" in dialog and "restart" in dialog and "four eyes" in dialog.lower()
    page.keys("fits the window, agreed with the shop team", "\ue004", "\ue004")   # Tab over Cancel to Approve
    assert "Approve" in page.focused()
    page.keys("\ue007")
    page.until("return /EXECUTING|VERIFYING/.test(document.querySelector('#main .headline')?.innerText)")      # it executes for four seconds
    page.until("return document.querySelector('dialog') === null")
    (method, _, headers, body), = writes(stub, "/case/%s/approve" % GATE)
    assert method == "POST" and body == {"reason": "fits the window, agreed with the shop team"}
    assert headers["If-Match"] == '"v4"' and len(headers["Idempotency-Key"].strip('"')) >= 16
    page.until_text("gate approved", ".panel-timeline")
    page.until_text("VERIFYING", "#main .headline")   # without a reload


def test_a_case_whose_better_moment_has_come_asks_again_for_a_person(page):
    stub = page.open(route="#/overview/main")
    with stub.world.lock:
        stub.world.cases[GATE].update(gate="wait", wait_until=time.time() + 3600)
        stub.world.cases[GATE]["version"] += 1
        stub.world.emit("evt.case.transition.v1", {"case_id": GATE, "target": "main", "event": "gate_waits", "from": "WAIT_GATE", "to": "WAIT_GATE"}, GATE)
    page.until("return document.querySelector('nav .count') === null")
    page.go("#/case/" + GATE)
    page.until_text("Waits for a better moment", ".box-ask")
    with stub.world.lock:
        stub.world.cases[GATE]["wait_until"] = time.time() - 120
        stub.world.cases[GATE]["version"] += 1
        stub.world.emit("evt.case.transition.v1", {"case_id": GATE, "target": "main", "event": "comment", "from": "WAIT_GATE", "to": "WAIT_GATE"}, GATE)
    page.until_text("May wait for a person's answer", ".box-ask")
    page.until("return document.querySelector('nav .count')?.innerText === '1'")


def test_nothing_happens_when_a_question_is_left(page):
    stub = page.open(route="#/case/" + GATE)
    page.js("document.querySelector('#reject').focus()")
    page.keys("\ue007")
    page.until("return document.querySelector('dialog[open]') !== null")
    page.keys("\ue00c")   # Escape
    page.until("return document.querySelector('dialog') === null")
    assert "#reject" in page.focused(), "the focus goes back to where it came from"
    assert writes(stub, "/case/%s/reject" % GATE) == []


def test_the_stop_button_asks_why_and_shows_who_and_until_when(page):
    stub = page.open()
    page.click("#stop")
    page.until("return document.querySelector('dialog[open]') !== null")
    assert "what is being tried is put back" in page.text("dialog")
    page.js("document.querySelector('dialog form').requestSubmit()")
    assert writes(stub, "/stop") == [], "a stop without a reason is not sent"
    page.js("const f = document.querySelector('dialog textarea'); f.value = '\u00e4'.repeat(120); f.dispatchEvent(new Event('input', { bubbles: true })); f.form.requestSubmit()")
    assert page.js("return document.querySelector('dialog textarea').validationMessage").startswith("This is 240 bytes long; 199")
    assert writes(stub, "/stop") == [], "nor is one that the engine would refuse for its length"
    page.js("const f = document.querySelector('dialog textarea'); f.value = ''; f.dispatchEvent(new Event('input', { bubbles: true }))")
    page.js("document.querySelector('dialog textarea').focus()")
    page.keys("failover drill")
    page.js("document.querySelectorAll('dialog input[name=expires]')[0].click()")
    page.click("dialog button[type=submit]")
    page.until_text("Stopped until", ".banners")
    assert "failover drill" in page.text(".banners") and "Stopped" in page.text(".engine")
    page.until_text("but not done yet with main", ".engine")      # the trial is still to be put back
    (_, _, headers, body), = writes(stub, "/stop")
    assert body == {"why": "failover drill", "expires_s": 1800} and headers["Idempotency-Key"]
    assert page.d.title.startswith("\u25a0")
    page.js("[...document.querySelectorAll('.stop-button')][0].click()")
    page.until_text("End the stop", "dialog")
    page.click("dialog button[type=submit]")
    page.until("return !document.querySelector('.engine').innerText.includes('Stopped')")


def test_a_refusal_is_shown_with_its_detail_and_hint_and_the_words_are_kept(page):
    stub = page.open(route="#/case/" + GATE)
    stub.world.cases[GATE]["by"] = "token:alice"
    page.click("#approve")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("me, myself and I")
    page.click("dialog button[type=submit]")
    page.until_text("You proposed this plan yourself.", "dialog")
    text = page.text("dialog")
    assert "Your role does not allow this" in text and "Ask a colleague with the role approver" in text
    assert page.js("return document.querySelector('dialog textarea').value") == "me, myself and I"
    assert page.js("return document.querySelector('dialog [role=alert]') !== null")


def test_a_refusal_is_also_heard_by_who_has_left_the_question(page):
    stub = page.open(route="#/case/" + GATE)
    stub.world.cases[GATE]["by"] = "token:alice"
    stub.answers.clear()
    page.click("#approve")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("me, myself and I")
    page.click("dialog button[type=submit]")
    page.keys("\ue00c", "\ue00c")      # Escape, and again
    stub.answers.set()
    page.until_text("You proposed this plan yourself.", "dialog")


def test_a_click_beside_the_field_does_not_throw_away_what_was_written(page):
    from selenium.webdriver.common.action_chains import ActionChains
    page.open(route="#/case/" + GATE)
    page.click("#comment")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("a long story")
    box = page.js("const r = document.querySelector('dialog').getBoundingClientRect(); return [Math.round(r.left) + 6, Math.round(r.top) + 6]")
    mouse = ActionChains(page.d)
    mouse.w3c_actions.pointer_action.move_to_location(*box)
    mouse.w3c_actions.pointer_action.click()
    mouse.perform()
    time.sleep(0.3)
    assert page.js("return document.querySelector('dialog textarea')?.value") == "a long story"
    field = page.js("const r = document.querySelector('dialog textarea').getBoundingClientRect(); return [Math.round(r.left) + 40, Math.round(r.top) + 20]")
    mouse = ActionChains(page.d)      # selecting goes beyond the edge
    mouse.w3c_actions.pointer_action.move_to_location(*field)
    mouse.w3c_actions.pointer_action.pointer_down()
    mouse.w3c_actions.pointer_action.move_to_location(3, field[1])
    mouse.w3c_actions.pointer_action.pointer_up()
    mouse.perform()
    time.sleep(0.3)
    assert page.js("return document.querySelector('dialog textarea')?.value") == "a long story"


def test_a_case_that_moved_on_since_is_not_decided_blindly(page):
    stub = page.open(route="#/case/" + GATE)
    stub.world.cases[GATE]["version"] += 1          # no event tells of it
    page.click("#reject")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("too late")
    page.click("dialog button[type=submit]")
    page.until_text("The case has moved on since you looked", "dialog")
    assert stub.world.cases[GATE]["state"] == "WAIT_GATE"


def test_sending_again_after_a_lost_answer_does_it_once(page):
    stub = page.open(route="#/case/" + GATE)
    stub.drop_answers = 100        # browsers try again by themselves, some times
    page.click("#comment")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("said once")
    page.click("dialog button[type=submit]")
    page.until_text("Sending it again is safe", "dialog")
    stub.drop_answers = 0
    page.click("dialog button[type=submit]")
    page.until("return document.querySelector('dialog') === null")
    sent = writes(stub, "/case/%s/comment" % GATE)
    assert len(sent) >= 2 and len({r[2]["Idempotency-Key"] for r in sent}) == 1
    assert [r["reason"] for r in stub.world.cases[GATE]["timeline"] if r["event"] == "comment"] == ["said once"]


def test_sending_again_after_an_answer_that_came_too_late_does_it_once(page):
    stub = page.open(route="#/case/" + GATE)
    stub.late_answers = 1
    page.click("#comment")
    page.until("return document.querySelector('dialog textarea') !== null")
    page.keys("said once")
    page.click("dialog button[type=submit]")
    page.until_text("whether the request took effect is not known", "dialog")
    page.click("dialog button[type=submit]")
    page.until("return document.querySelector('dialog') === null")
    sent = writes(stub, "/case/%s/comment" % GATE)
    assert len(sent) == 2 and len({r[2]["Idempotency-Key"] for r in sent}) == 1
    assert [r["reason"] for r in stub.world.cases[GATE]["timeline"] if r["event"] == "comment"] == ["said once"]


# ---- hostile and broken surroundings ----

def test_markup_in_a_title_stays_text(page):
    page.open("hostile")
    for route in ("#/overview/main", "#/cases", "#/case/" + BAD):
        page.go(route)
        page.until_text("<img src=x onerror=", "#main")
    time.sleep(0.3)
    assert page.js("return window.__owned === undefined && document.querySelectorAll('#app img, #app script').length === 0")
    assert page.complaints() == [], "the policy had nothing to block"


def test_it_reconnects_after_a_restart_and_fills_what_it_missed(page):
    stub = page.open()
    page.until("return (document.querySelector('.line.tone-tps')?.getAttribute('d') ?? '').length > 2000")
    stub.stop()
    page.until_text("Not live", ".banners")
    assert "reconnecting" in page.js("return document.querySelector('.link').textContent")
    time.sleep(4)
    stub.start()
    page.until("return document.querySelector('.link-live') !== null")
    page.until("return !document.querySelector('.banners').innerText.includes('Not live')")
    end = time.monotonic() + 120
    while len([r for r in list(stub.world.requests) if r[1].startswith("/target/main/series")]) < 2:
        assert time.monotonic() < end, "the gap is asked for"
        time.sleep(0.05)
    page.until("return document.querySelector('.old-note') === null")


def test_an_answer_that_never_comes_is_not_waited_for_without_end(page):
    hasty = page.d.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "const later = window.setTimeout; window.setTimeout = (f, ms, ...a) => later(f, ms === 60000 ? 1000 : ms, ...a);"})
    try:
        stub = page.open()
        page.until_text("Throughput")
        stub.mute = ("/target",)
        page.until_text("No answer", ".banners")
        stub.mute = ()
        page.until("return !document.querySelector('.banners').innerText.includes('No answer')")
    finally:
        page.d.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": hasty["identifier"]})


def test_figures_that_are_old_say_so(page):
    stub = page.open()
    page.until("return figure = document.querySelector('.figure .value') !== null")
    stub.stop()
    page.until_text("what is true now is unknown", ".figures")


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_wrong_here_makes_nothing_old_or_over(page, hours):
    shifted = page.d.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "const right = Date.now; Date.now = () => right() + %d * 3600e3;" % hours})
    try:
        page.open(route="#/overview/main")
        page.until("return (document.querySelector('.line.tone-tps')?.getAttribute('d') ?? '').length > 2000")
        page.until("return document.querySelector('.figures.old') === null && !document.querySelector('.figures').innerText.includes('ago;')")
        page.click("#stop")
        page.until("return document.querySelector('dialog textarea') !== null")
        page.keys("failover drill")
        page.js("document.querySelectorAll('dialog input[name=expires]')[0].click()")
        page.click("dialog button[type=submit]")
        page.until_text("failover drill", ".banners", seconds=50)      # a minute later it would be less
        assert re.search(r"\((29 min \d+ s|30 min) left\)", page.text(".banners")), page.text(".banners")
        assert ("The engine's clock is 3 h %s this machine's" % ("behind" if hours > 0 else "ahead of")) in page.text(".foot")
    finally:
        page.d.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": shifted["identifier"]})


def test_changes_of_state_are_announced(page):
    stub = page.open()
    page.js("window.heard = []; new MutationObserver(() => heard.push(document.querySelector('#voice').textContent)).observe(document.querySelector('#voice'), { childList: true, characterData: true, subtree: true })")
    page.until("return document.querySelectorAll('.recent li').length > 2")
    with stub.world.lock:
        stub.world.move(stub.world.cases[GATE], "gate_rejected", "PARKED", time.time(), 402, "outside the window", tell=True)
    page.until("return heard.some(t => t.includes('Half of memory for shared_buffers is parked: outside the window'))")


# ---- for everybody ----

@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_a_phone(page, dark):
    page.open("normal,unknown,two,stopped", width=360, height=740, dark=dark)
    for route in ROUTES + ["#/case/" + LOST]:
        page.go(route)
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.3)
        wide = page.js("""const w = document.documentElement.clientWidth;
            return [document.scrollingElement.scrollWidth - w, [...document.querySelectorAll('#app *')].filter(e => {
                const r = e.getBoundingClientRect(); return r.width > 0 && r.right > w + 1 && !e.closest('.sr, svg, pre') && getComputedStyle(e).position !== 'fixed' }).map(e => e.tagName + '.' + e.className + ' ' + e.innerText?.slice(0, 40)).slice(0, 5)]""")
        assert wide == [0, []], (route, wide)
    page.click("#help")
    assert page.js("return document.querySelector('dialog').getBoundingClientRect().right <= 360")


@pytest.mark.parametrize("width", [360, 1024])
def test_words_as_long_as_they_may_be_make_no_page_wider(page, width):
    page.open("normal,unknown,two,down,wordy", width=width, height=740)
    for route in ["#/overview/" + "m" * 63, "#/knobs/" + "m" * 63, "#/cases", "#/case/" + GATE, "#/case/" + WORSE, "#/case/" + LOST]:
        page.go(route)
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.3)
        wide = page.js("""const w = document.documentElement.clientWidth;
            return [document.scrollingElement.scrollWidth - w, [...document.querySelectorAll('#app *')].filter(e => {
                const r = e.getBoundingClientRect(); return r.width > 0 && r.right > w + 1 && !e.closest('.sr, svg, pre') && getComputedStyle(e).position !== 'fixed' }).map(e => e.tagName + '.' + e.className + ' ' + e.innerText?.slice(0, 40)).slice(0, 5)]""")
        assert wide == [0, []], (route, wide)
    page.click(".stop-button")
    page.until("return document.querySelector('dialog[open]') !== null")
    assert page.js("const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth && d.getBoundingClientRect().right <= arguments[0]", width)


@pytest.mark.parametrize("width", [480, 768, 900, 1024, 1200])
def test_nothing_sticks_out_between_phone_and_desk(page, width):
    page.open("normal,two", width=width, height=900)
    for route in ROUTES:
        page.go(route)
        page.until("return document.querySelectorAll('.recent li').length > 2 || !location.hash.includes('overview')")
        stuck = page.js("""return [...document.querySelectorAll('.panel, .figures, .page > .grid')].flatMap(box => { const edge = box.getBoundingClientRect().right;
            return [...box.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > edge + 1 && !e.closest('.sr, svg, pre, .tip')).map(e => e.tagName + '.' + e.className) }).slice(0, 5)""")
        assert stuck == [], (route, stuck)


CONTRAST = """
const lum = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true }); c.canvas.width = c.canvas.height = 1;
const rgba = (text) => { c.clearRect(0, 0, 1, 1); c.fillStyle = text; c.fillRect(0, 0, 1, 1); const d = c.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255] };
const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
const ground = (e) => { const stack = []; for (; e; e = e.parentElement) stack.push(rgba(getComputedStyle(e).backgroundColor)); return stack.reverse().reduce((u, t) => over(t, u), [255, 255, 255]) };
const bad = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
while (walk.nextNode()) {
    const t = walk.currentNode, e = t.parentElement;
    if (!t.data.trim() || !e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || e.closest('.sr, noscript, option, :disabled, .skip')) continue;
    const s = getComputedStyle(e), inSvg = e.closest('svg'), under = ground(inSvg ? inSvg.parentElement : e), ink = over(rgba(inSvg ? s.fill : s.color), under);
    const a = lum(ink), b = lum(under), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} "${t.data.trim().slice(0, 30)}" ${e.tagName}.${e.getAttribute('class')}`);
}
return [seen, [...new Set(bad)]];
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_is_readable(page, dark):
    page.open("normal,unknown,degraded,stopped,estimated,two", dark=dark, still=True)      # no colour on its way to another
    for route in ROUTES + ["#/case/" + LOST]:
        page.go(route)
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.3)
        seen, bad = page.js(CONTRAST)
        assert seen > 40 and bad == [], (route, bad)
    page.click(".stop-button")
    page.until("return document.querySelector('dialog[open]') !== null")
    assert page.js(CONTRAST)[1] == []


def test_tab_reaches_everything_shows_where_it_is_and_gets_out_again(page):
    page.open(route="#/case/" + GATE)
    page.js("document.activeElement.blur(); window.getSelection().removeAllRanges()")
    page.d.execute_script("document.body.tabIndex = -1; document.body.focus()")
    seen, order = set(), []
    for _ in range(80):
        page.keys("\ue004")
        state = page.js("""const e = document.activeElement, s = getComputedStyle(e), a = e.classList.contains('row-link') ? getComputedStyle(e, '::after') : s;
            e.dataset.stop ??= String(Math.random()); return [e === document.body, e.dataset.stop, a.outlineStyle !== 'none' && parseFloat(a.outlineWidth) >= 2 || e.classList.contains('skip'), e.outerHTML.slice(0, 90)]""")
        if state[0] or state[1] in seen:
            break
        seen.add(state[1])
        order.append(state[3])
        assert state[2], "no visible focus on " + state[3]
    assert 'class="skip"' in order[0]
    assert any('id="approve"' in o for o in order) and any('id="stop"' in o for o in order) and len(order) > 15
    page.js("document.querySelector('.skip').focus()")
    page.keys("\ue007")
    assert page.js("return document.activeElement.id") == "main"


def test_a_chart_that_has_the_focus_does_not_change_its_name(page):
    page.open(route="#/overview/main")
    page.until("return document.querySelector('.chart')?.getAttribute('aria-label')?.includes('Now: ')")
    page.js("""window.named = 0; const c = document.querySelector('.chart'); c.focus();
               new MutationObserver(all => { window.named += all.length; }).observe(c, { attributes: true, attributeFilter: ['aria-label'] });""")
    time.sleep(2.5)
    assert page.js("return window.named") == 0, "it would be read out each second"
    page.js("document.activeElement.blur()")
    page.until("return window.named > 0")


def test_the_values_at_a_moment_are_read_with_arrow_keys(page):
    page.open()
    page.until("return (document.querySelector('.line.tone-tps')?.getAttribute('d') ?? '').length > 2000")
    page.js("document.querySelectorAll('.chart')[1].focus()")
    page.keys("\ue012", "\ue012")
    said = page.js("return document.querySelectorAll('.chart')[1].querySelector('[aria-live]').textContent")
    assert re.search(r"\d\d:\d\d:\d\d, p99 .* ms, p50 .* ms", said), said
    assert page.js("return [...document.querySelectorAll('.chart .tip')].filter(t => !t.hidden).length") == 2, "both charts show the same moment"
    page.keys("\ue00c")
    assert page.js("return [...document.querySelectorAll('.chart .tip')].every(t => t.hidden)")


def test_the_keys_are_listed_and_can_be_turned_off(page):
    page.open()
    page.keys("?")
    page.until_text("approve the plan that is shown", "dialog")
    page.click("dialog input[type=checkbox]")
    page.keys("\ue00c")
    page.until("return document.querySelector('dialog') === null")
    page.keys("g", "c")
    time.sleep(0.2)
    assert page.d.current_url.endswith("/") or "cases" not in page.d.current_url
    page.click("#help")
    page.until_text("Use these single-key shortcuts", "dialog")


def test_the_theme_follows_the_system_until_somebody_chooses(page):
    page.open(dark=True)
    paper = lambda: page.js("return getComputedStyle(document.body).backgroundColor")
    dark = paper()
    page.look(dark=False)
    page.until("return getComputedStyle(document.body).backgroundColor !== arguments[0]", dark)
    light = paper()
    page.keys("t", "t")       # light, then dark
    assert paper() == dark
    page.d.refresh()
    page.until("return document.querySelector('.link-live') !== null")
    assert paper() == dark
    page.keys("t")
    assert paper() == light


def test_nothing_moves_for_those_who_asked_for_that(page):
    page.open(still=True)
    assert page.js("return [...document.querySelectorAll('*')].every(e => getComputedStyle(e).animationName === 'none')")


def test_the_page_is_small_and_needs_nothing_from_elsewhere(page, built):
    sizes = {f: os.path.getsize(os.path.join(built, f)) for f in ("index.html", "app.js", "app.css")}
    assert sum(sizes.values()) < 200_000, sizes
    html = open(os.path.join(built, "index.html"), encoding="utf-8").read()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", html)
    code = open(os.path.join(built, "app.js"), encoding="utf-8").read()
    assert "innerHTML" not in code and "eval(" not in code and "new Function" not in code
    stub = page.open(route="#/case/" + KEPT)
    hosts = page.js("return [...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).origin))]")
    assert hosts == [stub.url.rstrip("/")] and page.complaints() == []
