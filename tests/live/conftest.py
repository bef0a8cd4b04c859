"""What live tests share: real servers of their own, and the programs that were built.

Run with Debian's python: /usr/bin/python3 -m pytest tests/live. HOMEOSTAT_BUILD names the build folder (default: build/).
"""
import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from cluster import Cluster  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(ROOT, "build")))


def _stop(number, frame):
    raise KeyboardInterrupt(f"signal {number}")


# A test run that is told to end puts its servers away first, as on Ctrl-C.
signal.signal(signal.SIGTERM, _stop)


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
        for folder, _, files in os.walk(os.path.join(BUILD, "src")):
            if name in files and os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
        raise FileNotFoundError(f"{name} is not built under {BUILD}; run make build, or set HOMEOSTAT_BUILD")
    return find


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
