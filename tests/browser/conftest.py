"""The dashboard in a real browser, against the stand-in for the engine.

Run with Debian's python: /usr/bin/python3 -m pytest tests/browser. HOMEOSTAT_BUILD names the build folder (default: build/).
"""
import os
import shutil
import sys
import tempfile
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from stub_server import Stub  # noqa: E402

BUILD = os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(ROOT, "build")))
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1000", "--lang=en"]


@pytest.fixture(scope="session")
def built():
    """The folder with the built page."""
    folder = os.path.join(BUILD, "ui")
    if not os.path.exists(os.path.join(folder, "app.js")):
        pytest.skip("this build has no dashboard (%s/app.js is not there; is esbuild installed?)" % folder)
    return folder


@pytest.fixture(scope="session")
def driver():
    webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed")
    from selenium.webdriver.chrome.service import Service
    tool, program = shutil.which("chromedriver"), shutil.which("chromium")
    if not tool or not program:
        pytest.skip("chromium and chromium-driver are not installed")
    options, profile = webdriver.ChromeOptions(), tempfile.mkdtemp(prefix="homeostat-browser-")
    options.binary_location = program
    for flag in FLAGS + ["--user-data-dir=" + profile]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    d = webdriver.Chrome(service=Service(tool), options=options)
    d.set_script_timeout(120)
    yield d
    d.quit()
    shutil.rmtree(profile, ignore_errors=True)


class Page:
    """What a person does and sees."""

    def __init__(self, driver, built):
        self.d, self.built, self.stubs = driver, built, []

    def serve(self, scenario="normal", tick=0.3, **more):
        stub = Stub(self.built, scenario, tick=tick, **more).start()
        self.stubs.append(stub)
        return stub

    def open(self, scenario="normal", route="", token=True, width=1400, height=1000, dark=False, still=False, **more):
        """A fresh tab's storage, a fresh engine; waits until something was drawn from an answer."""
        stub = self.serve(scenario, **more)
        self.look(width, height, dark, still)
        self.d.get(stub.url + "icon.svg")
        self.d.execute_script("sessionStorage.clear(); localStorage.clear()")
        self.d.get_log("browser")
        self.d.get(stub.url + ("#token=" + stub.world.token if token else ""))
        if token:
            self.until("return document.querySelector('.link-live') !== null")
            if route:
                self.go(route)
        return stub

    def look(self, width=1400, height=1000, dark=False, still=False):
        self.d.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.d.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}, {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}]})

    def go(self, route):
        # Heard after the page itself has, which draws then.
        self.d.execute_async_script("""const done = arguments[1], was = location.hash;
            location.hash = arguments[0];
            if (location.hash === was) done(); else addEventListener('hashchange', () => done(), { once: true });""", route)
        self.until("return !document.querySelector('#main')?.innerText.includes('Asking the engine') && document.querySelector('#main h1') !== null")

    def js(self, script, *args):
        return self.d.execute_script(script, *args)

    def until(self, script, *args, seconds=60):
        end = time.monotonic() + seconds
        while True:
            value = self.d.execute_script(script, *args)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError("never became true: %s\n%s" % (script, self.text()[:1500]))
            time.sleep(0.05)

    def text(self, selector="body"):
        return self.d.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def until_text(self, words, selector="body", seconds=60):
        return self.until("return (document.querySelector(arguments[0])?.innerText ?? '').includes(arguments[1])", selector, words, seconds=seconds)

    def click(self, selector):
        self.until("return document.querySelector(arguments[0]) !== null", selector)
        self.d.execute_script("document.querySelector(arguments[0]).click()", selector)

    def keys(self, *keys):
        """To whatever has the focus, as a keyboard would."""
        from selenium.webdriver.common.action_chains import ActionChains
        for key in keys:
            ActionChains(self.d).send_keys(key).perform()

    def keys_until(self, *keys, script):
        """Again, as a person would: what belongs together has to come within a second or two."""
        end = time.monotonic() + 120
        while True:
            self.keys(*keys)
            try:
                return self.until(script, seconds=10)
            except AssertionError:
                if time.monotonic() > end:
                    raise

    def focused(self):
        return self.d.execute_script("const e = document.activeElement; return `${e.tagName.toLowerCase()} ${e.id ? '#' + e.id : ''} ${(e.getAttribute('aria-label') ?? e.innerText ?? '').trim()}`")

    def complaints(self):
        """What the browser itself complained about: blocked scripts, errors. Refusals by the engine are not complaints."""
        return [r["message"] for r in self.d.get_log("browser") if r["level"] == "SEVERE" and "Failed to load resource" not in r["message"]]

    def close(self):
        self.d.get("about:blank")
        for stub in self.stubs:
            try:
                stub.stop()
            except OSError:
                pass


@pytest.fixture
def page(driver, built):
    p = Page(driver, built)
    yield p
    p.close()
