# SPDX-License-Identifier: Apache-2.0
"""Passes connections on to another port of this host and counts what they carry, whatever that is."""

import contextlib
import socket
import threading


class Relay:
    """`received` and `sent`: bytes from and to those who connected here; `accepted`: how many did."""

    def __init__(self, port):
        self._to = port
        self._lock = threading.Lock()
        self.received = self.sent = self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else accept() would keep it
        self._listener.close()

    def _count(self, **moved):
        with self._lock:
            for name, number in moved.items():
                setattr(self, name, getattr(self, name) + number)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._count(accepted=1)
            far = socket.create_connection(("127.0.0.1", self._to))
            for side, other, counter in ((near, far, "received"), (far, near, "sent")):
                threading.Thread(target=self._pass_on, args=(side, other, counter), daemon=True).start()

    def _pass_on(self, side, other, counter):
        """What was received counts when it is here, what is sent when TCP has taken it."""
        with contextlib.suppress(OSError):
            while data := side.recv(65536):
                if counter == "received":
                    self._count(received=len(data))
                other.sendall(data)
                if counter == "sent":
                    self._count(sent=len(data))
            other.shutdown(socket.SHUT_WR)
