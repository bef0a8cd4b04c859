"""A PostgreSQL that only remembers: speaks the protocol and replays recorded answers, so that versions that are not installed can be met.

    with FakePostgres("recordings/postgres_17.json") as server:
        ... host=127.0.0.1 port={server.port} user=watcher dbname=postgres

A recording names, for each prepared statement, what it answered the first time, the second time, ... (the last one again and again):
    {"server_version": "17.2", "columns": {statement: [...]}, "answers": {statement: [[{column: text or null, ...}, ...], ...]}, "delays": {statement: seconds}}
"columns" is for statements that may answer no rows. A statement that is not in the recording is refused as the server would refuse it.
"""
import json
import socket
import struct
import threading
import time


class FakePostgres:
    def __init__(self, path=None, recording=None):
        if path:
            with open(path, encoding="utf-8") as f:
                recording = json.load(f)
        self.recording = recording
        self.asked = {}          # statement name -> how often
        self.texts = {}          # statement name -> SQL
        self.unknown = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    # -- the protocol ------------------------------------------------------------------------------------------------

    @staticmethod
    def _read(client, n):
        data = b""
        while len(data) < n:
            more = client.recv(n - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    @staticmethod
    def _message(kind, body=b""):
        return kind + struct.pack("!i", len(body) + 4) + body

    def _start(self, client):
        while True:
            size, code = struct.unpack("!ii", self._read(client, 8))
            self._read(client, size - 8)
            if code in (80877103, 80877104):     # TLS or GSS wanted: no
                client.sendall(b"N")
                continue
            break
        out = self._message(b"R", struct.pack("!i", 0))
        for name, value in (("server_version", self.recording["server_version"]), ("server_encoding", "UTF8"), ("client_encoding", "UTF8"),
                            ("DateStyle", "ISO, MDY"), ("integer_datetimes", "on"), ("standard_conforming_strings", "on")):
            out += self._message(b"S", name.encode() + b"\0" + value.encode() + b"\0")
        out += self._message(b"K", struct.pack("!ii", 4242, 1)) + self._message(b"Z", b"I")
        client.sendall(out)

    def _error(self, state, text):
        return self._message(b"E", b"SERROR\0VERROR\0C" + state.encode() + b"\0M" + text.encode() + b"\0\0")

    def _answer(self, name):
        """Columns and rows of the next execution of that statement."""
        with self.lock:
            steps = self.recording["answers"][name]
            at = self.asked.get(name, 0)
            self.asked[name] = at + 1
        time.sleep(self.recording.get("delays", {}).get(name, 0))
        rows = steps[min(at, len(steps) - 1)]
        columns = list(rows[0]) if rows else self.recording["columns"][name]
        return columns, rows

    @staticmethod
    def _describe(columns):
        body = struct.pack("!h", len(columns))
        for name in columns:
            body += name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
        return FakePostgres._message(b"T", body)

    @staticmethod
    def _row(columns, row):
        body = struct.pack("!h", len(columns))
        for name in columns:
            value = row[name]
            body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value.encode())) + value.encode()
        return FakePostgres._message(b"D", body)

    def _serve(self, client):
        try:
            self._start(client)
            out, failed, portal, rows, columns = b"", False, None, [], []
            while True:
                kind = self._read(client, 1)
                body = self._read(client, struct.unpack("!i", self._read(client, 4))[0] - 4)
                if kind == b"X":
                    return
                if kind == b"S":
                    client.sendall(out + self._message(b"Z", b"I"))
                    out, failed = b"", False
                elif failed:
                    continue
                elif kind == b"P":
                    name, sql = (part.decode() for part in body.split(b"\0")[:2])
                    self.texts[name] = sql
                    if name in self.recording["answers"]:
                        out += self._message(b"1")
                    else:
                        self.unknown.add(name)
                        out, failed = out + self._error("42P01", f"the recording has no statement {name}"), True
                elif kind == b"B":
                    portal = body.split(b"\0")[1].decode()
                    columns, rows = self._answer(portal)
                    out += self._message(b"2")
                elif kind == b"D":
                    out += self._describe(columns)
                elif kind == b"E":
                    out += b"".join(self._row(columns, row) for row in rows) + self._message(b"C", f"SELECT {len(rows)}".encode() + b"\0")
                elif kind == b"H":
                    client.sendall(out)
                    out = b""
        except (ConnectionError, OSError):
            pass
        finally:
            client.close()
