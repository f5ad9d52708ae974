# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand: what a client library would not send, and what it would not tell."""
import contextlib
import socket
import ssl
import struct

from programs import HANG_GUARD


class Connection:
    """One connection to the API server."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=HANG_GUARD)
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.socket.close()

    def send(self, method, path, body=b"", **headers):
        """Sends a request with these headers (and nothing that it does not need) and this body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return self

    def status(self):
        """The status of the next answer; None when there is none. The body is not read."""
        line = self.input.readline()
        while line and b"HTTP/1.1 " not in line:
            line = self.input.readline()
        return int(line.split()[1]) if line else None

    def answer(self, method="GET"):
        """Reads a whole answer: status and body; (None, b"") when there is none."""
        status = self.status()
        if status is None:
            return None, b""
        headers = {}
        for line in iter(self.input.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if method == "HEAD" or status in (101, 204, 304):
            return status, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, self._chunks()
        return status, self.input.read(int(headers.get("content-length", 0)))

    def _chunks(self):
        body = b""
        while size := int(self.input.readline() or b"0", 16):
            body += self.input.read(size)
            self.input.readline()
        self.input.readline()
        return body


def ask(port, method, path, body=b"", **headers):
    """One request on a connection of its own: the answer's status, None when there was none."""
    with contextlib.suppress(ConnectionError), Connection(port) as connection:
        if body and "Transfer_Encoding" not in headers:
            headers.setdefault("Content_Length", len(body))
        return connection.send(method, path, body, **headers).answer(method)[0]
    return None


_HEADERS, _RST_STREAM, _END_STREAM, _END_HEADERS = 1, 3, 1, 4


def _frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def _literal(name_index, value):
    """RFC 7541, 6.2.2: a header whose name is in the static table, and any value."""
    return bytes([name_index, len(value)]) + value


def ask_http2(port, method, path):
    """One request over HTTP/2 whose method may be any bytes; the first byte of the answer's headers, None when it was reset."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_GUARD) as plain, context.wrap_socket(plain) as connection:
        headers = _literal(2, method) + b"\x87" + _literal(4, path) + _literal(1, b"test")
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0) + _frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, headers))
        input = connection.makefile("rb")
        first = None
        while True:
            head = input.read(9)
            body = input.read(int.from_bytes(head[:3], "big"))
            if int.from_bytes(head[5:], "big") != 1:
                continue
            if head[3] == _RST_STREAM:
                return first
            if head[3] == _HEADERS and first is None:
                first = body[0]
            if head[4] & _END_STREAM:
                return first
