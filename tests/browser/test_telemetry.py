"""What the pages about telemetry promise, one promise a test."""
import re
import time

import pytest

from test_dashboard import CONTRAST, KEPT, enter_token

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CART = "#/service/urn%3Ak8s%3Asvc%3Ashop%2Fcart"
ROUTES = ["#/telemetry", "#/trace/" + TRACE, CART, "#/event/ev-1"]
STUCK_OUT = """const w = document.documentElement.clientWidth, boxes = [...document.querySelectorAll('.panel, .figures, .box')];
    return [document.scrollingElement.scrollWidth - w, boxes.flatMap(box => { const edge = box.getBoundingClientRect().right; return [...box.querySelectorAll('*')].filter(e => {
        const r = e.getBoundingClientRect(); return r.width > 0 && r.right > Math.min(edge, w) + 1 && !e.closest('.sr, svg, pre') }).map(e => e.tagName + '.' + e.className + ' ' + e.innerText?.slice(0, 40)) }).slice(0, 5)]"""


def asked(stub, path):
    with stub.world.lock:
        return [r[1] for r in stub.world.requests if r[1].split("?")[0] == path]


def row(page, table, words):
    return page.js("return [...document.querySelectorAll(arguments[0] + ' tbody tr')].find(r => r.innerText.includes(arguments[1]))?.innerText ?? ''", table, words)


def test_the_page_says_in_words_that_everything_flows(page):
    page.open("normal,flowing", route="#/telemetry")
    page.until_text("Everything flows", "#main")
    assert page.js("return document.querySelector('.flow-bad')") is None and "Every sink is within two seconds" in page.text("#main")
    assert "running" in row(page, "table.sinks", "tempo") and "12 records" in row(page, "table.sinks", "tempo")
    assert "no space left on device" in row(page, "table.sinks", "archive") and "2 d ago" in row(page, "table.sinks", "archive")
    assert "127.0.0.1:4318" in page.text(".panel-incoming") and "[::]:4317" in page.text(".panel-incoming")
    assert "29.1 GiB" in row(page, ".panel-incoming table", "otlp-grpc")
    assert "1 s" in row(page, ".panel-consumers table", "digest")
    assert "440" in page.text(".panel-sensors") and page.complaints() == []


def test_rates_come_from_two_answers_and_are_unknown_before(page):
    stub = page.open("normal,flowing", route="#/telemetry")
    page.until_text("Everything flows", "#main")
    first = page.js("return document.querySelector('.flow-figures dd').innerText")
    assert "unknown" in first or len(asked(stub, "/ingest")) > 1      # a test that stood still may come after the second answer
    page.until("return /[1-9]/.test(document.querySelector('.flow-figures dd').innerText) && !document.querySelector('.flow-figures dd').innerText.includes('unknown')")
    assert len(asked(stub, "/ingest")) >= 2, "it is asked again while it is on the screen"
    page.go("#/cases")
    time.sleep(1)       # one may have been on its way
    before = len(asked(stub, "/ingest"))
    time.sleep(6)
    assert len(asked(stub, "/ingest")) == before, "and not while another page is"


def test_a_stuck_sink_raises_the_banner_and_says_what_it_means(page):
    page.open("normal,stuck", route="#/telemetry")
    page.until_text("The sink tempo is stuck.", ".flow-bad")
    text = page.text(".flow-bad")
    for words in ("2 things do not flow", "connection refused", "184\u202f220 records wait for it in the journal", "The part scrape did not take the last reload", "interval is shorter than timeout", "It goes on with what it had"):
        assert words in text, words
    assert "The sink tempo is stuck." in page.js("return document.querySelector('.flow-bad [role=alert]').textContent")
    line = row(page, "table.sinks", "tempo")
    assert "stuck" in line and "next try in" in line and "23 min 41 s" in line
    assert "paused" in row(page, "table.sinks", "warehouse") and "37" in row(page, "table.sinks", "loki")
    page.js("document.querySelector('.notes').open = true")
    notes = page.text(".notes")
    for words in ("The sink warehouse is paused by its settings", "became dead letters", "homeostat deadletter ls loki", "112 requests over otlp-grpc were refused", "1 of 4 targets does not answer", "gateway, http://10.0.0.9:9100/metrics: timed out after 10 s",
                  "14 lines of syslog could not be kept", "/var/log/private.log: permission denied", "a part that nobody knows had trouble"):
        assert words.lower() in notes.lower(), words
    assert "down" in page.js("return document.querySelector('.panel-scraped tbody tr').innerText"), "who does not answer comes first"
    assert "journald" not in page.text(".panel-inputs") and "1\u202f204\u202f113" in row(page, ".panel-inputs table", "files")
    assert "1\u202f440" in page.text(".panel-part-history"), "a part that the page does not know shows its numbers"
    assert "failed" in row(page, "table.jobs", "database or disk is full") and "1 of the last 14 failed" in page.text(".panel-jobs")
    assert page.js("return document.querySelector('table.jobs tbody tr').innerText").find("disk is full") > 0, "what failed comes first"


def test_a_full_journal_is_told_with_who_holds_it(page):
    page.open("normal,full", route="#/telemetry")
    page.until_text("The journal is full.", ".flow-bad")
    text = page.text(".flow-bad")
    assert "what was acknowledged is safe" in text and "Farthest behind is sink:tempo, by 702\u202f000 records" in text and "size_max" in text


def test_when_ingest_is_off_the_page_says_so_and_how_to_turn_it_on(page):
    page.open("normal", route="#/telemetry")
    page.until_text("Nothing is taken in here", "#main")
    text = page.text("#main")
    assert "enabled: yes" in text and "restart" in text and "homeostat config check" in text
    assert page.js("return document.querySelectorAll('#main table').length") == 0 and page.complaints() == []


def test_what_is_not_there_yet_is_said_in_words(page):
    page.open("normal,quiet", route="#/telemetry")
    page.until_text("nothing was digested yet", ".panel-services")
    text = page.text("#main")
    for words in ("No sink is configured", "No request came since the start"):
        assert words in text, words
    assert not re.search(r"\b(NaN|undefined|null|Infinity|\[object)\b", text)
    page.go("#/trace/" + TRACE)
    page.until_text("nothing was digested yet", ".box-bad")


def test_services_are_listed_worst_first_and_lead_to_what_they_call_and_say(page):
    page.open("normal,flowing", route="#/telemetry")
    page.until_text("payment", "table.services")
    names = page.js("return [...document.querySelectorAll('table.services .row-link')].map(a => a.innerText)")
    assert names[:2] == ["payment", "shop/cart"] and "host web-1" in names
    page.js("document.querySelectorAll('table.services .row-link')[1].focus()")
    page.keys("\ue007")
    page.until_text("What it calls", "#main")
    assert page.text("h1") == "shop/cart" and "14.2\u202f%" in row(page, ".panel-downstreams table", "payment") and "2.00 s" in row(page, ".panel-downstreams table", "payment")
    assert "4\u202f104" in row(page, ".panel-patterns table", "payment refused") and "another cart" not in page.text("#main"), "not of another service with this name"
    assert "journal cat --from 911000" in page.text(".panel-locators")
    assert "2.00" in row(page, ".panel-metrics table", "http.server.request.duration") and "unknown" in row(page, ".panel-metrics table", "queue_length")
    page.go("#/service/nobody")
    page.until_text("nothing that came in speaks of", ".box-bad")


def test_an_answer_about_another_time_does_not_come_after_the_one_that_was_asked_for_last(page):
    stub = page.open("normal,flowing", route="#/telemetry")
    told = stub.world.telemetry
    stub.world.telemetry = lambda path, query: dict(told(path, query), downstreams=[dict(d, calls=1111 if query["since"] == "1h" else 2222) for d in told(path, query)["downstreams"]]) \
        if path == "/downstreams" else told(path, query)
    stub.slow_part = "since=1h"
    page.js("location.hash = arguments[0]", CART)
    page.until("return document.querySelector('.choice button') !== null && location.hash.includes('service')")
    page.js("[...document.querySelectorAll('.choice button')].find(b => b.innerText === '15 min').click()")
    page.until_text("2\u202f222", ".panel-downstreams")
    time.sleep(3)
    assert "1\u202f111" not in page.text(".panel-downstreams")


def test_a_metric_opens_into_its_minutes(page):
    page.open("normal,flowing,hostile", route=CART)
    page.until_text("queue_length", ".panel-metrics")
    page.js("[...document.querySelectorAll('.metric-name')].find(b => b.innerText === 'queue_length').focus()")
    page.keys("\ue007")
    page.until_text("the newest 20 rows", ".panel-minutes")
    assert "\u22124.50" in row(page, ".panel-minutes table", "without labels") and "pool=main why=<script>" in page.text(".panel-minutes"), "values below nothing, and labels as words"
    assert page.js("return document.querySelectorAll('.metric-name[aria-expanded=true]').length") == 1
    page.js("document.querySelector('.metric-name[aria-expanded=true]').click()")
    page.until("return document.querySelector('.panel-minutes') === null")
    page.js("document.querySelector('.metric-name').click()")
    page.until_text("the newest 20 rows", ".panel-minutes")
    page.go("#/service/urn%3Asvc%3Agateway")
    page.until("return document.querySelector('h1')?.innerText === 'gateway' && document.querySelector('.panel-metrics') && !document.querySelector('.panel-minutes')")
    assert page.complaints() == []


def test_a_name_that_two_tenants_use_says_whose_each_row_is(page):
    stub = page.open("normal,flowing", route="#/service/urn%3Asvc%3Apayment")
    page.until_text("What it calls", "#main")
    assert "of bakery" in row(page, ".panel-downstreams table", "bank") and "of bakery" not in row(page, ".panel-downstreams table", "orders")
    with stub.world.lock:
        assert any(r[1].startswith("/downstreams?service=urn%3Asvc%3Apayment") for r in stub.world.requests), "asked for by its URN, which has no room in a path"
    page.go("#/telemetry")
    page.until_text("of bakery", "table.services")
    assert page.complaints() == []


def test_a_trace_is_looked_up_and_drawn_with_its_log_lines(page):
    page.open("normal,flowing", route="#/telemetry")
    page.js("document.querySelector('#filter').focus()")
    page.keys("abc", "\ue007")
    page.until_text("32 hexadecimal digits", "#wrong-id")
    page.js("document.querySelector('#filter').value = ''")
    page.keys(TRACE.upper(), "\ue007")
    page.until("return document.querySelectorAll('.waterfall tbody tr').length === 9")
    bars = page.js("return [...document.querySelectorAll('.waterfall .fall')].map(s => { const r = s.querySelector('rect').getBoundingClientRect(), room = s.getBoundingClientRect(); return [(r.left - room.left) / room.width, r.width / room.width] })")
    assert bars[0][0] == pytest.approx(0, abs=0.01) and bars[0][1] == pytest.approx(1, abs=0.01)
    assert bars[-1][0] > 0.98 and bars[3][1] < 0.01, "a bar lies where its time does"
    text = page.text(".panel-spans")
    for words in ("9 spans", "4 services", "6 failed", "POST bank.example/charge", "its caller is not here", "2.21 s"):
        assert words in text, words
    page.js("document.querySelectorAll('.waterfall details').forEach(d => { d.open = true })")
    assert "refused: the bank did not answer" in page.text(".panel-spans") and "select * from orders" in page.text(".panel-spans")
    lines = page.js("return [...document.querySelectorAll('.trace-lines tbody tr')].map(r => r.innerText)")
    assert len(lines) == 3 and "order 88213 placed" in lines[0] and "error" in lines[2]
    page.go("#/trace/" + "0" * 32)
    page.until_text("there is no trace", ".box-bad")
    assert "once its window is closed" in page.text(".box-bad")


def test_an_event_shows_its_evidence(page):
    page.open("normal,flowing", route="#/event/ev-1")
    page.until_text("errors of cart rose", "h1")
    assert "12 % of its calls fail" in page.text("#main") and "journal cat --from 4711" in page.text(".panel-evidence")
    assert "0.87" in page.text(".panel-evidence") and "no longer holds" in page.text(".panel-evidence") and "more may come" in page.text(".panel-evidence")


@pytest.mark.parametrize("route, words", [("#/trace/" + TRACE, "9 spans"), ("#/event/ev-1", "errors of cart rose")])
def test_a_link_to_one_thing_leads_there_through_the_form_for_the_token(page, route, words):
    stub = page.open("normal,flowing", token=False)
    page.d.get(stub.url + route)
    page.until_text("Reading needs a token")
    enter_token(page, stub.world.token)
    page.until_text(words, "#main")
    assert "Asking the engine" not in page.text("#main")


def test_what_happened_is_listed_and_leads_to_its_evidence(page):
    page.open("normal,flowing", route="#/telemetry")
    page.until_text("errors of cart rose", ".panel-events")
    page.js("document.querySelector('.panel-events tbody a').click()")
    page.until_text("payment refused", ".panel-evidence")


def test_a_case_leads_to_what_came_in_around_it_where_ingest_runs(page):
    page.open("normal,flowing", route="#/case/" + KEPT)
    page.until_text("what came in around it", ".panel-evidence")
    page.js("document.querySelector('.panel-evidence h2 ~ a, .panel-evidence header a, .panel-evidence a').click()")
    page.until_text("errors of cart rose", "h1")
    page.open("normal", route="#/case/" + KEPT)
    page.until_text("What started it", ".panel-evidence")
    assert "what came in around it" not in page.text(".panel-evidence")


def test_markup_in_names_and_lines_stays_text(page):
    page.open("normal,stuck,hostile")
    for route, words in (("#/telemetry", "<script>window.__owned=1</script>"), ("#/telemetry", "<b>archive</b>"), ("#/trace/" + TRACE, "<script>window.__owned=1</script>"), (CART, "<img src=x onerror="),
                         ("#/service/%3Cscript%3Ewindow.__owned%3D1%3C%2Fscript%3E", "<script>window.__owned=1</script>")):
        page.go(route)
        page.until_text(words, "#main")
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.1)
        assert page.js("return window.__owned === undefined && document.querySelectorAll('#app img, #app script, table.sinks th b b').length === 0"), route
    assert page.complaints() == [], "the policy had nothing to block"


@pytest.mark.parametrize("width", [360, 480, 641, 768, 900, 1024, 1200, 1400])
def test_nothing_sticks_out(page, width):
    page.open("normal,stuck,hostile", width=width, height=900)
    for route in ROUTES:
        page.go(route)
        page.until("return document.querySelector('.panel') !== null")
        page.until("return !document.querySelector('#main').innerText.includes('Asking')")
        if route == CART:
            page.until("return document.querySelector('.metric-name') !== null")
            page.js("document.querySelector('.metric-name').click()")
            page.until("return document.querySelector('.panel-minutes tbody tr') !== null")
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.2)
        wide = page.js(STUCK_OUT)
        assert wide == [0, []], (route, wide)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_is_readable(page, dark):
    page.open("normal,stuck", dark=dark, still=True)      # no colour on its way to another
    for route in ROUTES:
        page.go(route)
        page.until("return !document.querySelector('#main').innerText.includes('Asking')")
        page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
        time.sleep(0.3)
        seen, bad = page.js(CONTRAST)
        assert seen > 20 and bad == [], (route, bad)


def test_every_table_has_a_caption_and_every_panel_a_heading(page):
    page.open("normal,stuck")
    for route in ROUTES:
        page.go(route)
        page.until("return !document.querySelector('#main').innerText.includes('Asking')")
        assert page.js("return [...document.querySelectorAll('#main table')].filter(t => !t.caption?.textContent.trim() || t.querySelectorAll('thead th[scope=col]').length < 3).length") == 0
        assert page.js("return [...document.querySelectorAll('#main .panel')].filter(p => !document.getElementById(p.getAttribute('aria-labelledby'))).length") == 0
        assert page.js("return document.querySelectorAll('#main h1').length") == 1
