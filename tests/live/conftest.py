"""What live tests share: real servers of their own, and the programs that were built.

Run with Debian's python: /usr/bin/python3 -m pytest tests/live. HOMEOSTAT_BUILD names the build folder (default: build/),
HOMEOSTAT_TEST_FOLDER where servers' data lie while tests run (default: /var/tmp); the user postgres must be able to reach it.
HOMEOSTAT_TEST_LIMIT_S after how many seconds a test that hangs is ended and has failed (default: 900), so that the others still come.
"""
import contextlib
import faulthandler
import os
import signal
import socket
import subprocess
import sys

import psycopg2
import pytest

sys.path.insert(0, os.path.dirname(__file__))
from cluster import Cluster  # noqa: E402
from homeostat import Homeostat, Load  # noqa: E402
from ingest_site import Site  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(ROOT, "build")))


def _stop(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


# A test run that is told to end puts its servers away first, as on Ctrl-C.
signal.signal(signal.SIGTERM, _stop)


# -- what a test that fails or hangs costs the next one ----------------------------------------------------------------------

LIMIT_S = float(os.environ.get("HOMEOSTAT_TEST_LIMIT_S", "900"))     # far beyond what any test takes; its fixtures have as long before it and after it
AGAIN_S = LIMIT_S / 5                                                # for what its `finally` waits for
limited = {"now": False, "stderr": 2}


def pytest_configure(config):
    config.addinivalue_line("markers", "clock: it waits for minutes of the clock to be over and does next to nothing meanwhile, so that others may run beside it")
    limited["stderr"] = os.dup(2)      # as it is while pytest does not keep what is written there


def pytest_unconfigure(config):
    faulthandler.dump_traceback_later(LIMIT_S, exit=True, file=limited["stderr"])      # a thread that never ends would keep the run from ending


def _took_too_long(number, frame):
    """In the main thread, which may be waiting for anything: a process, a thread, an answer of a server (see cluster.wait_for)."""
    if limited["now"]:
        faulthandler.dump_traceback(sys.__stderr__)      # of the other threads too; it is shown with the test
        pytest.fail(f"it hangs: {LIMIT_S:.0f} s are over")


signal.signal(signal.SIGALRM, _took_too_long)


def _in_limited_time():
    faulthandler.dump_traceback_later(LIMIT_S + AGAIN_S / 2, file=limited["stderr"])      # where it hangs, should even that not end it
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S, AGAIN_S)
    limited["now"] = True
    result = yield
    limited["now"] = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.cancel_dump_traceback_later()
    return result


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from _in_limited_time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from _in_limited_time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """What a test that fails had locked is free again for the next one: its connections are closed, which the traceback would keep."""
    before = set(Cluster.connections)
    result = yield from _in_limited_time()
    if result.excinfo:
        for connection in set(Cluster.connections) - before:
            with contextlib.suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as its:
                its.shutdown(socket.SHUT_RDWR)      # else close() would wait for a thread that waits there for an answer
            connection.close()


@pytest.fixture(scope="session", autouse=True)
def _template_goes_last():
    yield
    Cluster.forget_template()


@pytest.fixture(scope="module")
def postgres():
    """One server for the tests of a file. They share it: whoever stops it starts it again."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def fresh_postgres():
    """A server for one test alone."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def make_postgres():
    """make_postgres(settings={...}, start=True) -> Cluster; all of them go when the test is over."""
    made = []

    def make(**how):
        made.append(Cluster(**how))
        return made[-1]

    yield make
    for cluster in reversed(made):
        cluster.close()


@pytest.fixture(scope="session")
def program():
    """program("homeostat-load") -> its path in the build folder."""
    def find(name):
        for part in ("src", "bench"):
            for folder, _, files in os.walk(os.path.join(BUILD, part)):
                if name in files and os.access(os.path.join(folder, name), os.X_OK):
                    return os.path.join(folder, name)
        raise FileNotFoundError(f"{name} is not built under {BUILD}; run make build, or set HOMEOSTAT_BUILD")
    return find


@pytest.fixture(scope="session")
def driver(program):
    """driver("run", "--dsn", ...) -> CompletedProcess with text output."""
    path = program("homeostat-load")

    def run(*argv, timeout=300, env=None):
        return subprocess.run([path, *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False,
                              env={**os.environ, **(env or {})})
    run.path = path
    return run


@pytest.fixture
def spawn():
    """spawn(argv, **popen) -> Popen; what still runs at the end of the test is ended by its process id."""
    started = []

    def start(argv, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("text", True)
        started.append(subprocess.Popen(argv, **more))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


# -- the engine ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_homeostat(program):
    """make_homeostat(cluster, mode="auto", ...) -> Homeostat, not yet started; all of them go when the test is over."""
    made = []

    def make(cluster, **how):
        made.append(Homeostat(program("homeostat"), cluster, **how))
        return made[-1]

    yield make
    for homeostat in reversed(made):
        homeostat.close()


@pytest.fixture(scope="module")
def loaded(program):
    """A server with one warehouse of TPC-C in it, on which commit_delay is felt: each commit waits for as long as it says."""
    with Cluster(settings={"commit_siblings": 0, "commit_delay": 10000}) as cluster:
        subprocess.run([program("homeostat-load"), "load", "--dsn", cluster.dsn, "--warehouses", "1", "--seed", "11"], check=True, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=600)
        yield cluster


@pytest.fixture
def load(program, loaded):
    """The load on it: .url of its endpoint. It goes on when the server goes away and comes back."""
    with Load(program("homeostat-load"), loaded) as running:
        yield running


@pytest.fixture
def make_site(program):
    """make_site(settings={...}, ...) -> Site, which is not started; all of them go when the test is over."""
    sites = []

    def make(settings=None, **more):
        sites.append(Site(program("homeostat"), settings, **more))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
