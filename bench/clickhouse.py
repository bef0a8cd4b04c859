#!/usr/bin/python3
"""bench/clickhouse.py - a ClickHouse for benches: the real one when `clickhouse-server` is in PATH, else a stand-in that takes what our sink sends.

    clickhouse.py PORT FOLDER      the stand-in: INSERT ... FORMAT RowBinary over HTTP

The stand-in keeps the body of each insertion in a file before it answers, once for each insert_deduplication_token, and answers every other
statement with nothing.  rows() reads the files as the table's columns are declared, so that a byte too many or too few is noticed, and tells each
event once, as SELECT ... FINAL does.
"""
import gzip
import hashlib
import http.client
import http.server
import os
import shutil
import struct
import subprocess
import sys
import time
import urllib.parse

COLUMNS = "timestamp, app, host, trace_id, span_id, level, severity, message, labels, tenant, resource_id, record_id, event_index"
START_S = 30


# ---- the stand-in ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text="", **headers):
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, "Ok.\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        statement = asked.get("query") or body.decode()
        if not statement.startswith("INSERT INTO"):
            return self.answer(200)
        if f"({COLUMNS}) FORMAT RowBinary" not in statement:
            return self.answer(400, "Code: 62. DB::Exception: not an insertion that this stand-in knows\n", X_ClickHouse_Exception_Code="62")
        token = asked.get("insert_deduplication_token") or str(time.time_ns())
        path = os.path.join(self.server.folder, hashlib.sha256(token.encode()).hexdigest())
        if os.path.exists(path):
            self.server.again += 1
        else:
            with open(path + ".new", "wb") as f:
                f.write(body)
            os.rename(path + ".new", path)
        self.answer(200)

    def log_message(self, *_):
        pass


def serve(port, folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.folder, server.again = folder, 0
    server.serve_forever()


# ---- RowBinary ----

def count(b, at):
    v, shift = 0, 0
    while True:
        v |= (b[at] & 127) << shift
        if b[at] < 128:
            return v, at + 1
        at, shift = at + 1, shift + 7


def skip_text(b, at):
    n, at = count(b, at)
    return at + n


def rows_of(b):
    """(record, index, message) of each row."""
    at = 0
    while at < len(b):
        at += 8
        for _ in range(5):
            at = skip_text(b, at)
        at += 1
        n, at = count(b, at)
        message = b[at:at + n]
        pairs, at = count(b, at + n)
        for _ in range(2 * pairs):
            at = skip_text(b, at)
        at = skip_text(b, at)
        _, record, index = struct.unpack_from("<QQI", b, at)
        at += 20
        yield record, index, message
    assert at == len(b), "the last row is not whole"


# ---- what a bench holds ----

class Stub:
    kind = "stand-in"

    def __init__(self, port, folder):
        self.port, self.folder, self.process = port, folder, None
        os.makedirs(folder, exist_ok=True)

    def start(self):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(self.port), self.folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def messages(self, out):
        """The texts of all events, each event once; returns how many rows there were beyond that."""
        seen, twice = {}, 0
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".new"):
                continue                      # never answered
            with open(os.path.join(self.folder, name), "rb") as f:
                for record, index, message in rows_of(f.read()):
                    bits = seen.get(record, 0)
                    if bits >> index & 1:
                        twice += 1
                        continue
                    seen[record] = bits | 1 << index
                    out.write(message + b"\n")
        return twice


class Real:
    kind = "clickhouse-server"

    def __init__(self, port, folder):
        self.port, self.folder, self.process = port, folder, None
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/config.xml", "w", encoding="utf-8") as f:
            f.write(f"<clickhouse><logger><level>warning</level><log>{folder}/log</log></logger><listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><path>{folder}/data/</path>"
                    f"<tmp_path>{folder}/tmp/</tmp_path><user_directories><users_xml><path>{folder}/users.xml</path></users_xml></user_directories></clickhouse>")
        with open(f"{folder}/users.xml", "w", encoding="utf-8") as f:
            f.write("<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>"
                    "<quota>default</quota></default></users></clickhouse>")

    def start(self):
        self.process = subprocess.Popen(["clickhouse-server", f"--config-file={self.folder}/config.xml"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def messages(self, out):
        def ask(statement):
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3600)
            c.request("POST", "/", statement)
            answer = c.getresponse()
            assert answer.status == 200, answer.read()
            return answer
        twice = int(ask("SELECT (SELECT count() FROM logs_events) - (SELECT count() FROM logs_events FINAL)").read())
        shutil.copyfileobj(ask("SELECT message FROM logs_events FINAL FORMAT TSVRaw"), out)
        return twice


def wait_for(port):
    deadline = time.monotonic() + START_S
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            c.request("GET", "/ping")
            if c.getresponse().status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"no ClickHouse answers at port {port}"
        time.sleep(0.05)


def make(port, folder):
    return (Real if shutil.which("clickhouse-server") else Stub)(port, folder)


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
