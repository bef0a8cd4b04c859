"""What is not sent as a request: syslog from logger, and files that are rotated while Homeostat is killed. All of it comes out."""
import glob
import gzip
import os
import re
import resource
import subprocess
import threading
import time

import pytest

from ingest_site import own_port


@pytest.fixture
def make_site(make_site):
    def make(settings=None, **more):
        site = make_site(settings, **more)
        folder = os.path.join(site.folder, "lake")
        os.makedirs(folder, exist_ok=True)
        site.write({"sinks": {"lake": {"kind": "files", "folder": folder, "roll": {"after": "1s"}}}})
        return site
    return make


def texts(site):
    """The bytes of all files that the sink has finished."""
    out = []
    for path in sorted(glob.glob(f"{site.folder}/lake/**/*", recursive=True)):
        if os.path.isfile(path) and not os.path.basename(path).startswith(".") and not path.endswith(".part"):
            with open(path, "rb") as f:
                data = f.read()
            out.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return b"\n".join(out).decode()


def test_what_logger_says_over_udp_and_tcp_arrives(make_site):
    ports = {"udp": own_port(), "tcp": own_port()}
    site = make_site({"inputs": {"delay": "20ms"}, "syslog": {name: {"address": f"127.0.0.1:{port}", "transport": name} for name, port in ports.items()}})
    site.start()
    said = []
    for how, form in ((["--udp"], "--rfc5424"), (["--udp"], "--rfc3164"), (["--tcp"], "--rfc5424"), (["--tcp", "--octet-count"], "--rfc5424"), (["--tcp"], "--rfc3164")):
        said.append(f"hello from {'-'.join(how + [form]).strip('-')} end")
        port = ports["udp" if "--udp" in how else "tcp"]
        subprocess.run(["logger", "--server", "127.0.0.1", "--port", str(port), *how, form, "--tag", "shop", "--priority", "local3.warning", said[-1]], check=True)
    site.until(lambda: site.status()["inputs"]["syslog"]["lines"] == len(said), "all messages came")
    site.until(lambda: site.status()["inputs"]["syslog"]["waiting_bytes"] == 0 and site.caught_up("lake"), "everything was sent on")
    metrics = site.metrics()
    assert metrics["homeostat_syslog_lost_total"] == 0
    assert metrics['homeostat_input_lines_total{input="syslog"}'] == len(said)
    assert site.stop() == 0
    found = texts(site)
    assert [found.count(s) for s in said] == [1] * len(said)
    assert "shop" in found and "local3" in found


def test_a_rotated_log_under_kills_loses_nothing(make_site):
    site = make_site()
    logs = os.path.join(site.folder, "logs")
    os.makedirs(logs)
    path = os.path.join(logs, "app.log")
    site.write({"inputs": {"delay": "20ms"}, "files": {"app": {"paths": [f"{logs}/app.log*"], "service": "shop", "poll": "200ms"}}})
    wrote, done = [0], threading.Event()

    def write():
        while not done.is_set():
            with open(path, "a", encoding="utf-8") as f:
                for _ in range(40):
                    for _ in range(25):
                        f.write(f"line {wrote[0]:08d} of a log that is rotated\n")
                        wrote[0] += 1
                    f.flush()
                    time.sleep(0.005)
            os.rename(path, f"{path}.{wrote[0]:08d}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            site.start()
            site.until(lambda: site.status()["inputs"]["files"]["lines"] > 0, "it reads")
            time.sleep(1)
            site.kill()
    finally:
        done.set()
        writer.join()
    site.start()
    size = sum(os.path.getsize(p) for p in glob.glob(f"{logs}/*"))

    def all_read():
        files = site.status()["inputs"]["files"]
        return files["follows"]["files"] and sum(f["durable"] for f in files["follows"]["files"]) == size
    site.until(all_read, "all files were read")
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    found = texts(site)
    came = [int(n) for n in re.findall(r"line (\d{8}) of a log", found)]
    assert wrote[0] > 1000 and set(range(wrote[0])) <= set(came)
    assert len(came) < 2 * wrote[0], "a kill repeats what was under way, not everything"


def test_a_restart_in_order_repeats_nothing(make_site):
    site = make_site()
    log = os.path.join(site.folder, "one.log")
    site.write({"inputs": {"delay": "20ms"}, "files": {"one": {"paths": [log]}}})
    for life in range(3):
        with open(log, "a", encoding="utf-8") as f:
            f.writelines(f"life {life} line {n:04d} end\n" for n in range(500))
        site.start()
        site.until(lambda: [f["durable"] for f in site.status()["inputs"]["files"]["follows"]["files"]] == [os.path.getsize(log)], "it was read")      # none at first
        assert site.stop() == 0
    site.start()
    site.until(lambda: site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    found = texts(site)
    came = re.findall(r"life (\d) line (\d{4}) end", found)
    assert len(came) == 1500 and len(set(came)) == 1500


@pytest.mark.skipif(not os.environ.get("HOMEOSTAT_TEST_JOURNALD"), reason="no files of systemd's journal: HOMEOSTAT_TEST_JOURNALD names a folder of them")
def test_what_is_in_the_journal_of_systemd_arrives_once(make_site):
    site = make_site({"journald": {"enabled": True, "folder": os.environ["HOMEOSTAT_TEST_JOURNALD"], "from": "start"}})
    site.start()
    site.until(lambda: site.status()["inputs"]["journald"]["lines"] > 0, "entries came")
    time.sleep(3)
    site.until(lambda: site.status()["inputs"]["journald"]["waiting_bytes"] == 0 and site.caught_up("lake"), "everything was sent on")
    lines = site.status()["inputs"]["journald"]["lines"]
    assert site.stop() == 0
    site.start()
    time.sleep(3)
    assert site.status()["inputs"]["journald"]["lines"] == 0
    assert site.stop() == 0
    uids = re.findall(r'"log.record.uid": ?"([^"]+)"', texts(site))
    assert len(uids) == len(set(uids)) == lines


def open_in(site, folder):
    """How many files of a folder the process has open."""
    links = []
    for fd in os.listdir(f"/proc/{site.process.pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{site.process.pid}/fd/{fd}"))
        except FileNotFoundError:      # closed meanwhile
            pass
    return len([x for x in links if x.startswith(folder + "/")])


def test_more_files_than_may_be_open_are_all_read_and_leave_the_others_theirs(make_site):
    site = make_site({"inputs": {"delay": "20ms"}, "sensors": {"enabled": False}})
    site.start()
    resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE, (256, 256))
    logs = os.path.join(site.folder, "logs")
    os.makedirs(logs)
    paths = [os.path.join(logs, f"{i}.log") for i in range(400)]
    said = []

    def write(round_):
        for i, path in enumerate(paths):
            said.append(f"file {i} round {round_} end")
            with open(path, "a", encoding="utf-8") as f:
                f.write(said[-1] + "\n")
    write(1)
    site.write({"files": {"many": {"paths": [f"{logs}/*.log"], "poll": "1s"}}})
    site.reload()
    site.until(lambda: site.status()["inputs"]["files"]["lines"] == len(said), "all of them are read")
    write(2)
    site.until(lambda: site.status()["inputs"]["files"]["lines"] == len(said), "and read on")
    assert open_in(site, logs) <= 256 // 8
    site.until(lambda: site.status()["inputs"]["files"]["waiting_bytes"] == 0 and site.caught_up("lake"), "everything was sent on")
    assert site.stop() == 0
    found = texts(site)
    assert [s for s in said if found.count(s) != 1] == []
