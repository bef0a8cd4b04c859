"""Clients that others wrote, each sending a little to one listener; what they were told goes to stdout as one JSON line each.

    PYTHON real_clients.py PORT      needs opentelemetry-sdk, its OTLP exporters over gRPC and HTTP, grpcio and pyarrow
"""
import json
import logging
import sys
import time

import grpc
import pyarrow as pa
from pyarrow import flight
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs, metric_exporter as grpc_metrics, trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs, metric_exporter as http_metrics, trace_exporter as http_traces
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

PORT = int(sys.argv[1])
SMALL = 6000      # requests one after the other on one connection


class Heard(logging.Handler):
    """What exporters complain of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def tell(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


def export(way, packing):
    heard = Heard()
    logging.getLogger().addHandler(heard)
    resource = Resource.create({"service.name": f"{way}-{packing}"})
    if way == "grpc":
        named = {"compression": {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}[packing], "insecure": True, "endpoint": f"http://127.0.0.1:{PORT}", "timeout": 60}
        logs, spans, metrics = grpc_logs.OTLPLogExporter(**named), grpc_traces.OTLPSpanExporter(**named), grpc_metrics.OTLPMetricExporter(**named)
    else:
        kind = {"none": Compression.NoCompression, "gzip": Compression.Gzip, "deflate": Compression.Deflate}[packing]
        logs = http_logs.OTLPLogExporter(endpoint=f"http://127.0.0.1:{PORT}/v1/logs", compression=kind, timeout=60)
        spans = http_traces.OTLPSpanExporter(endpoint=f"http://127.0.0.1:{PORT}/v1/traces", compression=kind, timeout=60)
        metrics = http_metrics.OTLPMetricExporter(endpoint=f"http://127.0.0.1:{PORT}/v1/metrics", compression=kind, timeout=60)
    tracer = TracerProvider(resource=resource)
    tracer.add_span_processor(SimpleSpanProcessor(spans))
    with tracer.get_tracer("t").start_as_current_span(f"span by {way} {packing}"):
        pass
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    provider.get_logger("t").emit(body=f"line by {way} {packing}", severity_number=SeverityNumber.INFO, timestamp=time.time_ns())
    meter = MeterProvider([PeriodicExportingMetricReader(metrics, export_interval_millis=3600000)], resource=resource)
    meter.get_meter("t").create_counter("things", unit="1").add(5, {"way": way})
    meter.get_meter("t").create_histogram("sizes").record(7)
    good = [tracer.force_flush(), provider.force_flush(), meter.force_flush(60000)]
    for one in (tracer, provider, meter):
        one.shutdown()
    logging.getLogger().removeHandler(heard)
    tell("export", way=way, packing=packing, good=all(x is not False for x in good), said=heard.said)


def many_small():
    """Unary calls as quickly as they are answered."""
    with grpc.insecure_channel(f"127.0.0.1:{PORT}") as channel:
        stub = logs_service_pb2_grpc.LogsServiceStub(channel)
        request = logs_service_pb2.ExportLogsServiceRequest()
        record = request.resource_logs.add().scope_logs.add().log_records.add()
        record.body.string_value = "small"
        record.time_unix_nano = time.time_ns()
        wrong, window = [], []
        for i in range(SMALL):
            window.append(stub.Export.future(request, timeout=60))
            if len(window) == 50 or i == SMALL - 1:
                wrong += [str(x.exception()) for x in window if x.exception()]
                window = []
    tell("many small", wrong=wrong[:3], wrong_n=len(wrong), sent=SMALL)


def put(table, batches, **options):
    told = []
    try:
        client = flight.connect(f"grpc://127.0.0.1:{PORT}")
        writer, reader = client.do_put(flight.FlightDescriptor.for_path(*table), batches[0].schema, flight.FlightCallOptions(write_options=pa.ipc.IpcWriteOptions(**options)))
        for i, batch in enumerate(batches):
            writer.write_with_metadata(batch, f"batch {i}".encode())
            answer = reader.read()
            if answer is None:      # refused: close() says why
                break
            told.append(answer.to_pybytes().decode())
        writer.done_writing()
        writer.close()
        tell("put", table=table, told=told, sent=len(batches))
    except pa.ArrowException as e:
        tell("put", table=table, told=told, error=str(e))


def tables():
    for n, packing in enumerate([None, "zstd"]):
        words = [pa.array(["api", "web", "api"]).dictionary_encode(), pa.array(["db", "db", "cache"]).dictionary_encode()]      # replaced with the second batch
        put(["shop", f"metrics{n}"], [pa.record_batch({"time": pa.array([1700000000000 + i] * 3, pa.timestamp("ms")), "app": app, "name": pa.array(["cpu", "mem", "net"]), "value": pa.array([1.5, 2.5, 3.5])})
                                      for i, app in enumerate(words)], compression=packing)
        put(["shop", f"logs{n}"], [pa.record_batch({"message": pa.array(["a table's line", "another"]), "level": pa.array(["INFO", "ERROR"])})], compression=packing)
    put(["shop", "odd"], [pa.record_batch({"price": pa.array([1, 2])})])


for each_way in ("grpc", "http"):
    for each_packing in ("none", "gzip", "deflate"):
        export(each_way, each_packing)
many_small()
tables()
