# SPDX-License-Identifier: Apache-2.0
"""What both stand-ins share: a threaded HTTP server on loopback that can be slow or fail on demand."""

import io
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A client that is killed resets its connections: no news for a test.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Standin:
    """Subclasses implement answer(request) -> (status, headers, body).

    latency_s delays every answer; fail(n, status) refuses the next n requests whose method is in
    `methods` (all when empty). `requests` lists (method, path) in order of arrival; `received` and
    `sent` are the bytes that connections carried, `accepted` how many there were.
    """

    def __init__(self):
        self.latency_s = 0.0
        self.requests = []
        self.received = self.sent = self.accepted = 0
        self._failures = (0, 503, ())
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _handler_of(self))
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def fail(self, count, status=503, methods=()):
        with self._lock:
            self._failures = (count, status, tuple(methods))

    def count(self, **moved):
        with self._lock:
            for name, number in moved.items():
                setattr(self, name, getattr(self, name) + number)

    def _take_failure(self, method):
        with self._lock:
            left, status, methods = self._failures
            if not left or (methods and method not in methods):
                return None
            self._failures = (left - 1, status, methods)
            return status

    def serve(self, request):
        with self._lock:
            self.requests.append((request.command, request.path))
        if self.latency_s:
            time.sleep(self.latency_s)
        status = self._take_failure(request.command)
        return self.refusal(status) if status else self.answer(request)

    def refusal(self, status):
        return status, {}, b""

    def answer(self, request):
        raise NotImplementedError


class _Counted(io.RawIOBase):
    """A connection whose bytes the stand-in counts."""

    def __init__(self, connection, standin):
        self._connection, self._standin = connection, standin

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        count = self._connection.recv_into(buffer)
        self._standin.count(received=count)
        return count

    def write(self, data):
        self._connection.sendall(data)
        self._standin.count(sent=len(data))
        return len(data)


def _handler_of(standin):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            super().setup()
            standin.count(accepted=1)
            connection = _Counted(self.connection, standin)
            self.rfile = io.BufferedReader(connection)
            # Head and body in one piece: of a body that came later some clients would leave a part unread.
            self.wfile = io.BufferedWriter(connection, 1 << 20)

        def _serve(self):
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = standin.serve(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

        def log_message(self, *_):
            pass

    return Handler
