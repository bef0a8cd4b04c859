"""bench/relay.py - a piece of network that can be cut: TCP from a port of its own to another one, all on this machine.

    relay = Relay(5432)
    relay.freeze()      # nothing moves any more, and nobody is told
    relay.thaw()        # what was there is reset; new connections pass
    relay.close()
"""
import select
import socket
import struct
import threading
import time

PIECE, BACKLOG, LOOK_S = 256 * 1024, 64, 0.1


class Relay:
    def __init__(self, to):
        self.to, self.frozen, self.closed = to, False, False
        self.lock, self.pairs, self.cut = threading.Lock(), set(), 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.listener.settimeout(LOOK_S)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        self.frozen = True

    def thaw(self):
        with self.lock:
            for pair in list(self.pairs):
                self.cut += 1
                self._reset(pair)
        self.frozen = False

    def close(self):
        self.closed = True
        self.thaw()
        self.listener.close()

    def _reset(self, pair):
        self.pairs.discard(pair)
        for s in pair:
            try:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            s.close()

    def _accept(self):
        while not self.closed:
            if self.frozen:
                time.sleep(LOOK_S)      # whoever connects now waits, as behind a cable that was pulled
                continue
            try:
                near, _ = self.listener.accept()
            except OSError:
                continue
            near.settimeout(None)
            try:
                far = socket.create_connection(("127.0.0.1", self.to), timeout=5)
                far.settimeout(None)
            except OSError:
                self._reset((near,))    # a server that is down answers with a reset
                continue
            pair = (near, far)
            with self.lock:
                self.pairs.add(pair)
            for a, b in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(pair, a, b), daemon=True).start()

    def _pump(self, pair, a, b):
        try:
            while True:
                if self.frozen or not select.select([a], [], [], LOOK_S)[0]:
                    time.sleep(LOOK_S if self.frozen else 0)
                    if a.fileno() < 0:
                        return
                    continue
                data = a.recv(PIECE)
                if self.frozen:
                    continue            # lost on the way
                if not data:
                    b.shutdown(socket.SHUT_WR)
                    return self._end(pair)
                b.sendall(data)
        except (OSError, ValueError):
            with self.lock:
                if pair in self.pairs:
                    self._reset(pair)

    def _end(self, pair):
        """One way has ended; the other may have something to say for a little while."""
        time.sleep(LOOK_S)
        with self.lock:
            if pair in self.pairs and not self.frozen:
                self._reset(pair)
