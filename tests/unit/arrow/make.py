#!/usr/bin/env python3
"""Writes the Arrow streams that tests/unit/test_wire_arrow.c reads. Needs pyarrow; the tests do not.   usage: make.py [FOLDER]"""
import os
import sys

import pyarrow as pa

folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))


def write(name, batches, **options):
    with pa.OSFile(os.path.join(folder, name), "wb") as sink:
        with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
            for batch in batches:
                writer.write_batch(batch)


metrics = pa.record_batch({
    "time": pa.array([1700000000123, None, 1700000002000], pa.timestamp("ms")),
    "app": pa.array(["api", "api", "web"]).dictionary_encode(),
    "host": pa.array(["h1", "h1", None], pa.large_string()),
    "metric": pa.array(["cpu", "cpu", "mem"]),
    "value": pa.array([1.5, 2.5, None], pa.float64()),
    "labels": pa.array([[("zone", "a"), ("rack", "7")], [], None], pa.map_(pa.string(), pa.string())),
    "cores": pa.array([8, None, 4], pa.uint8()),
    "busy": pa.array([True, False, None]),
})
write("metrics.arrows", [metrics, metrics.slice(1, 1)])
write("metrics_zstd.arrows", [metrics], compression="zstd")
write("metrics_lz4.arrows", [metrics], compression="lz4")

logs = pa.record_batch({
    "timestamp": pa.array(["2026-01-02T03:04:05Z", "2026-01-02T03:04:06.5+01:00", "yesterday"]),
    "level": pa.array(["ERROR", "info", None]),
    "message": pa.array(["it broke", "it works", "when?"]),
    "trace_id": pa.array(["0102030405060708090a0b0c0d0e0f10", "short", None]),
    "tags": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
})
write("logs.arrows", [logs])

numbers = pa.record_batch({
    "i8": pa.array([-1, 2], pa.int8()), "i16": pa.array([-300, 2], pa.int16()), "i32": pa.array([-70000, 2], pa.int32()), "i64": pa.array([-(1 << 40), 2], pa.int64()),
    "u8": pa.array([255, 2], pa.uint8()), "u16": pa.array([65535, 2], pa.uint16()), "u32": pa.array([(1 << 32) - 1, 2], pa.uint32()), "u64": pa.array([(1 << 64) - 1, 2], pa.uint64()),
    "f32": pa.array([0.5, 2], pa.float32()), "f64": pa.array([0.25, 2], pa.float64()), "bool": pa.array([True, False]),
    "s": pa.array([1, 2], pa.timestamp("s")), "us": pa.array([1, 2], pa.timestamp("us", tz="UTC")), "ns": pa.array([1, 2], pa.timestamp("ns")), "day": pa.array([1, 2], pa.date32()),
    "bin": pa.array([b"\x00\xff", None], pa.binary()), "null": pa.nulls(2),
    "struct": pa.array([{"a": 1, "b": "x"}, None], pa.struct([("a", pa.int32()), ("b", pa.string())])),
    "dict": pa.DictionaryArray.from_arrays(pa.array([1, None], pa.int8()), pa.array(["no", "yes"])),
})
write("numbers.arrows", [numbers])
write("decimal.arrows", [pa.record_batch({"price": pa.array([1], pa.decimal128(10, 2))})])
