"""A private NATS server with JetStream on a free port of 127.0.0.1, and the few words of its protocol that a test needs."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from ingest_site import own_port


class Nats:
    def __init__(self):
        self.port, self.folder = own_port(), tempfile.mkdtemp(prefix="homeostat-nats-", dir="/var/tmp")
        self.process = None
        self.start()

    def start(self):
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        with open(os.path.join(self.folder, "log"), "ab") as out:
            self.process = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", self.folder], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, open(os.path.join(self.folder, "log"), encoding="utf-8").read()
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        return Talk(self.port)

    def ask(self, subject, body):
        with self.connect() as t:
            return t.ask(subject, body)


class Talk:
    """One connection: subscribe, then take messages; or ask and get the answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 120)
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"INFO ")
        self.say(b'CONNECT {"verbose":false,"headers":true,"protocol":1}\r\nPING\r\n')
        self.line(b"PONG")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def say(self, data):
        self.socket.sendall(data)

    def line(self, start):
        while True:
            line = self.file.readline()
            assert line and not line.startswith(b"-ERR"), line
            if line.startswith(b"PING"):
                self.say(b"PONG\r\n")
            if line.startswith(start):
                return line

    def subscribe(self, subject):
        self.say(f"SUB {subject} 1\r\nPING\r\n".encode())
        self.line(b"PONG")

    def take(self):
        """(subject, headers, body) of the next message."""
        while True:
            words = self.file.readline().split()
            assert words
            if words[0] == b"PING":
                self.say(b"PONG\r\n")
            elif words[0] == b"MSG":
                body = self.file.read(int(words[-1]) + 2)[:-2]
                return words[1].decode(), b"", body
            elif words[0] == b"HMSG":
                data = self.file.read(int(words[-1]) + 2)[:-2]
                return words[1].decode(), data[:int(words[-2])], data[int(words[-2]):]

    def ask(self, subject, body):
        data = json.dumps(body).encode() if body is not None else b""
        self.subscribe("_INBOX.test")
        self.say(f"PUB {subject} _INBOX.test {len(data)}\r\n".encode() + data + b"\r\n")
        return json.loads(self.take()[2])
