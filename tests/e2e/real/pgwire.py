# SPDX-License-Identifier: Apache-2.0
"""The part of PostgreSQL's protocol 3.0 that a test needs: trust login and simple queries.

Every message is one type byte, a big-endian int32 length that counts itself, and a body; only the
start-up message has no type byte. Documented in PostgreSQL's manual, "Frontend/Backend Protocol".
"""

import socket
import struct


class SqlError(Exception):
    """The server refused a statement; .code is the SQLSTATE."""

    def __init__(self, fields):
        self.code = fields.get("C", "")
        super().__init__(f"{self.code} {fields.get('M', '')}")


class Connection:
    """One session. Values come back as text, NULL as None."""

    def __init__(self, port, database, user="postgres", timeout_s=60.0):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._stream = self._socket.makefile("rb")
        parameters = f"user\0{user}\0database\0{database}\0\0".encode()
        body = struct.pack("!i", 3 << 16) + parameters
        try:
            self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
            self._collect()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stream.close()
        self._socket.close()

    def execute(self, sql):
        """Runs one or more statements; returns (rows of all of them, command tags)."""
        body = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        return self._collect()

    def rows(self, sql):
        return self.execute(sql)[0]

    def value(self, sql):
        return self.rows(sql)[0][0]

    def changed(self, sql):
        """The row count in the command tag of one INSERT, UPDATE or DELETE."""
        return int(self.execute(sql)[1][-1].split()[-1])

    def _read_exactly(self, count):
        data = self._stream.read(count)
        if len(data) != count:
            raise ConnectionError("PostgreSQL closed the connection")
        return data

    def _collect(self):
        rows, tags, error = [], [], None
        while True:
            kind, length = struct.unpack("!ci", self._read_exactly(5))
            body = self._read_exactly(length - 4)
            if kind == b"D":
                rows.append(_decode_row(body))
            elif kind == b"C":
                tags.append(body[:-1].decode())
            elif kind == b"E":
                error = SqlError(_decode_fields(body))
                if error.code.startswith(("28", "3D", "57P03")):
                    raise error  # refused at login: no ReadyForQuery follows
            elif kind == b"R" and struct.unpack("!i", body[:4])[0] != 0:
                raise ConnectionError("the server asks for a password, trust was expected")
            elif kind == b"Z":
                if error:
                    raise error
                return rows, tags


def _decode_row(body):
    (columns,) = struct.unpack_from("!h", body)
    at, row = 2, []
    for _ in range(columns):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        row.append(None if length < 0 else body[at:at + length].decode())
        at += max(length, 0)
    return tuple(row)


def _decode_fields(body):
    fields = {}
    for part in body.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode(errors="replace")
    return fields


def quote_identifier(name):
    return '"' + name.replace('"', '""') + '"'
