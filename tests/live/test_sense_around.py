"""What is around the server: the load driver's endpoint, the cgroup it is locked into, and how little a watcher may be allowed to see."""
import contextlib
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import BUILD
from test_sense import Watcher, all_unknown, watch  # noqa: F401  (watch is a fixture)

LATENCIES = ["latency_mean", "latency_p50", "latency_p95", "latency_p99"]


class Driver:
    """An endpoint like that of the load driver: 100 transactions a second of 2 ms, 5 of them of 50 ms."""

    def __init__(self):
        self.began, self.how = time.monotonic(), "well"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if outer.how == "frozen":
                    time.sleep(5)
                body = outer.answer()
                self.send_response(200 if self.path == "/latency" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass   # whoever asked has given up

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def restart(self):
        self.began = time.monotonic()

    def answer(self):
        seconds = time.monotonic() - self.began
        quick, slow = int(95 * seconds), int(5 * seconds)
        if self.how == "nonsense":
            return b"<html>"
        return json.dumps({"mono_us": int(seconds * 1e6), "wall_us": int(time.time() * 1e6), "transactions": quick + slow, "errors": int(seconds), "retries": 0, "mode": "open",
                           "rate": 100, "clients": 8, "sum_us": quick * 2000 + slow * 50000, "buckets": [[2000, quick], [50000, slow]]}).encode()


@pytest.fixture
def driver():
    d = Driver()
    yield d
    d.server.shutdown()
    d.server.server_close()


def test_true_latencies_come_from_the_driver(postgres, watch, driver):  # noqa: F811
    w = watch(postgres.dsn, load=driver.url)
    s = w.sample(lambda s: s["latency_p99"] is not None and s["tps"] is not None)
    assert s["latency_estimated"] == 0 and s["latency_known"] and s["offered"] == 100
    assert s["latency_p50"] == pytest.approx(2, rel=0.1) and s["latency_p99"] == pytest.approx(50, rel=0.1)
    assert s["latency_mean"] == pytest.approx(0.95 * 2 + 0.05 * 50, rel=0.25)
    assert s["tps"] < 50   # stays the server's own

    driver.restart()
    w.samples(1)
    assert all(s["latency_mean"] is None or 2 <= s["latency_mean"] <= 10 for s in w.samples(3))

    driver.how = "frozen"
    w.until(lambda o: o.get("state") == "lacks" and driver.url in o["text"])
    s = w.sample(lambda s: not s["latency_known"] and s["tps"] is not None)
    assert all_unknown(s, LATENCIES + ["errors", "latency_estimated"])

    driver.how = "nonsense"
    assert all_unknown(w.samples(2)[1], LATENCIES)
    driver.how = "well"
    assert w.sample(lambda s: s["latency_p99"] is not None)["up"] == 1


def test_a_driver_elsewhere_is_only_asked_over_tls(watch):  # noqa: F811
    w = watch("host=127.0.0.1 port=1 user=x", seconds=3, load="http://192.0.2.1:9300")
    assert "https" in json.dumps(w.next())


MEMORY_V1, CPU_V1 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu"


@pytest.fixture
def groups():
    """make(root, name) -> a cgroup folder of that v1 hierarchy, removed at the end."""
    made = []

    def make(root):
        path = os.path.join(root, f"homeostat-sense-test-{os.getpid()}")
        try:
            os.mkdir(path)
        except OSError as why:
            pytest.skip(f"no cgroup v1 hierarchy to write to: {why}")
        made.append(path)
        return path

    yield make
    for path in made:
        for _ in range(100):
            try:
                os.rmdir(path)
                break
            except OSError:
                time.sleep(0.05)


def put(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def test_limits_of_the_servers_cgroup_are_found_and_followed(make_postgres, watch, groups):  # noqa: F811
    pg = make_postgres()
    memory, cpu = groups(MEMORY_V1), groups(CPU_V1)
    put(memory + "/memory.limit_in_bytes", str(512 * 1024 * 1024))
    put(cpu + "/cpu.cfs_quota_us", "50000")
    for pid in [pg.pid(), *pg.children(pg.pid())]:
        with contextlib.suppress(ProcessLookupError):      # it came to its end by itself just now
            put(memory + "/cgroup.procs", str(pid))
            put(cpu + "/cgroup.procs", str(pid))
    w = watch(pg.dsn, facts=1)
    f = w.facts()
    assert f["memory_bytes"] == 512 * 1024 * 1024 < f["memory_machine_bytes"]
    assert f["limit_counts_cache"] and f["cpus"] == 1
    s = w.sample(lambda s: s["memory_used"] is not None)
    assert s["memory_limit"] == 512 * 1024 * 1024 and 0 <= s["memory_used"] < 512 * 1024 * 1024
    put(memory + "/memory.limit_in_bytes", str(256 * 1024 * 1024))   # lowered under the server's hands
    assert w.sample(lambda s: s["memory_limit"] == 256 * 1024 * 1024)["up"] == 1
    assert w.facts(lambda f: f["memory_bytes"] == 256 * 1024 * 1024)
    pg.stop("immediate")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_unprivileged_watcher_proves_what_it_can_and_says_the_rest_is_unknown(postgres):
    argv = [os.path.join(BUILD, "tests", "live", "sense_tool"), "--dsn", postgres.dsn]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        copy = os.path.join(folder, "sense_tool")
        subprocess.run(["install", "-m", "755", argv[0], copy], check=True)
        lines = []
        for seconds in ("4", "40"):      # the second one where too little came in the first, because something stood still
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, *argv[1:], "--seconds", seconds], capture_output=True, text=True, check=False, cwd="/")
            lines += [json.loads(line) for line in done.stdout.splitlines()]
            if any("facts" in o for o in lines) and any("sample" in o and o["sample"]["cpu"] is not None for o in lines):
                break
    f = next(o["facts"] for o in lines if "facts" in o)
    assert f["local"] and f["cpus"] > 0 and f["memory_bytes"] > 0
    assert not f["file_access"] and f["disk_free_bytes"] is None and f["wal_disk_free_bytes"] is None
    s = [o["sample"] for o in lines if "sample" in o and o["sample"]["cpu"] is not None][-1]
    assert s["io_busy"] is None
