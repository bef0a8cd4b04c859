"""A real exporter, named by a file, asked by the daemon; and what is said of it when it is gone."""
import json
import os
import shutil
import struct
import subprocess

import pytest

from ingest_site import Site, own_port

EXPORTER = "prometheus-node-exporter"
STALE = (0x7ff0000000000002).to_bytes(8, "little")


@pytest.fixture
def exporter():
    """exporter(port) -> Popen of a node exporter on loopback; ended by its process id."""
    if not shutil.which(EXPORTER):
        pytest.fail(f"{EXPORTER} is not installed; tools/setup does it")
    children = []

    def start(port):
        children.append(subprocess.Popen([EXPORTER, f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", "--collector.loadavg", "--collector.meminfo", "--collector.stat"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return children[-1]
    yield start
    for child in children:
        child.kill()
        child.wait()


def tell(path, targets, **labels):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump([{"targets": targets, "labels": labels}], f)
    os.rename(path + ".new", path)


def target(site):
    found = site.status()["scrape"]["targets"]
    return found[0] if found else None


def test_an_exporter_named_by_a_file_is_scraped_and_its_end_is_marked(program, exporter):
    port = own_port()
    child = exporter(port)
    with Site(program("homeostat"), listeners={}) as site:
        targets = os.path.join(site.folder, "node.json")
        site.write({"scraper": {"files_interval": "200ms"}, "sensors": {"enabled": False},
                    "scrape": {"node": {"files": [os.path.join(site.folder, "*.json")], "interval": "500ms", "labels": ["site=here"]}}})
        site.start()
        assert target(site) is None
        tell(targets, [f"127.0.0.1:{port}"], env="test")
        seen = {}

        def is_asked():      # half a second is all that the exporter has for an answer: some may fail
            t, m, later = target(site), site.metrics(), target(site)
            seen.update(t=t, m=m)
            return (t and t["state"] == "up" and t["scrapes"] - t["failures"] >= 2 and m["homeostat_scrape_targets_up"] == 1 and m["homeostat_scrape_series"] >= t["samples"]
                    and t["failures"] <= m["homeostat_scrape_failures_total"] <= later["failures"])
        site.until(is_asked, "the exporter is asked")
        t, m = seen["t"], seen["m"]
        assert t["labels"] == {"job": "node", "instance": f"127.0.0.1:{port}", "site": "here", "env": "test"}
        assert t["samples"] > 50 and t["error"] == ""

        with open(targets, "w", encoding="utf-8") as f:      # half a file changes nothing, and is told
            f.write('[{"targets": [')
        site.until(lambda: site.metrics()["homeostat_scrape_files_broken"] == 1, "the broken file is seen")
        site.until(lambda: target(site) and target(site)["state"] == "up", "the exporter is asked as before")

        series = m["homeostat_scrape_series"]
        child.kill()
        child.wait()
        site.until(lambda: target(site)["state"] == "down" and target(site)["error"], "the exporter is gone")
        site.until(lambda: site.metrics()["homeostat_scrape_series_ended_total"] >= series - 5, "its series are marked as ended")
        assert site.metrics()["homeostat_scrape_lost_total"] == 0

        assert site.stop() == 0
        raw = subprocess.run([site.program, "journal", "cat", "--folder", f"{site.folder}/store/journal", "--all", "--body", "raw"], capture_output=True, timeout=60, check=True).stdout
        assert b"\nnode_load1 " in raw and b"scrape_samples_scraped" in raw
        assert raw.count(STALE) >= series - 5
