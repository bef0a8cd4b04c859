"""Clients that others wrote: what they send arrives, and what they are told they understand."""
import json
import os
import subprocess
import sys

import pytest

from ingest_site import Site

CLIENTS = os.environ.get("HOMEOSTAT_TEST_CLIENTS", sys.executable)
HAS = subprocess.run([CLIENTS, "-c", "import grpc, pyarrow.flight, opentelemetry.exporter.otlp.proto.grpc, opentelemetry.exporter.otlp.proto.http"], capture_output=True, text=True, check=False)


@pytest.mark.skipif(HAS.returncode != 0, reason="HOMEOSTAT_TEST_CLIENTS names no python with opentelemetry's OTLP exporters, grpcio and pyarrow: " + (HAS.stderr.strip().splitlines() or [""])[-1])
def test_exporters_of_opentelemetry_and_arrow_flight_are_understood(program):
    with Site(program("homeostat"), {"sensors": {"enabled": False}}) as site:
        site.start()
        done = subprocess.run([CLIENTS, os.path.join(os.path.dirname(__file__), "real_clients.py"), str(site.ports["otlp"])], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(told) == 6 + 1 + 5
        for one in told:
            if one["what"] == "export":
                assert one["good"] and not one["said"], one
            elif one["what"] == "many small":
                assert one["wrong_n"] == 0, one
            elif one["table"][1] == "odd":
                assert "neither a column message nor a column name" in one["error"], one
            else:
                assert "error" not in one and one["told"] == [f"batch {i}" for i in range(one["sent"])], one
        count = site.metrics()
        for protocol in ("otlp-grpc", "otlp-http"):
            assert count[f'homeostat_receive_accepted_total{{protocol="{protocol}"}}'] == count[f'homeostat_receive_requests_total{{protocol="{protocol}"}}'] > 0
        records = [json.loads(line) for line in site.cli("journal", "cat", "--all").stdout.splitlines()]
        assert {r["kind"] for r in records} == {"otlp-logs", "otlp-metrics", "otlp-traces", "arrow"}
        assert sum(r["events"] for r in records) == sum(v for k, v in count.items() if k.startswith("homeostat_receive_events_total"))
