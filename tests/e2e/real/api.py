# SPDX-License-Identifier: Apache-2.0
"""One run of an API server binary against a buffer database, and requests whose fate is written down."""

import contextlib
import http.client
import threading

from observer import Scrape
from util import Process, free_port, wait_for


class Api:
    """The process; `settings` are environment variables without their PHILOTES_ prefix."""

    def __init__(self, binary, folder, name, pair, **settings):
        self.port = free_port()
        env = {
            "PHILOTES_API_LISTEN_ADDR": f"127.0.0.1:{self.port}",
            "PHILOTES_DB_HOST": "127.0.0.1",
            "PHILOTES_DB_PORT": str(pair.server.port),
            "PHILOTES_DB_NAME": pair.buffer_db,
            "PHILOTES_DB_USER": "postgres",
            "PHILOTES_API_RATE_LIMIT_RPS": "1000000",
            "PHILOTES_API_RATE_LIMIT_BURST": "1000000",
        }
        env.update({f"PHILOTES_{key}": str(value) for key, value in settings.items()})
        self.process = Process([binary], f"{folder}/{name}_api.log", env=env)
        self.pid = self.process.pid

    def wait_listening(self):
        def answers():
            if self.process.exit_code() is not None:
                raise RuntimeError("the API server ended:\n" + self.process.tail())
            try:
                with self.connect() as connection:
                    connection.connect()
                return True
            except OSError:
                return False
        wait_for("the API server listens", answers)

    def connect(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))

    def own_metrics(self):
        """What it says of itself. The request for it is not in its own answer, and is counted afterwards."""
        with self.connect() as connection:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            text = answer.read().decode()
        return Scrape(text) if answer.status == 200 else None

    def crashed(self):
        """What a server harmed by its observer would print."""
        text = self.process.output()
        return [word for word in ("fatal error:", "SIGSEGV", "SIGILL", "SIGTRAP", "http: panic")
                if word in text]

    def stop(self):
        return self.process.stop()


_NOT_FOUND = "404 page not found"


def _written(method, answer, text):
    """Bytes that gin wrote as the body. Of an unknown route it writes them for a HEAD too; net/http does not send them."""
    return len(_NOT_FOUND) if method == "HEAD" and answer.status == 404 else len(text)


class Log:
    """The requests that were sent and what came back: (request bytes, bytes written) of each, by (template, method, status)."""

    def __init__(self):
        self._lock = threading.Lock()
        self.requests = {}

    def ask(self, connection, method, path, template, body=None, **headers):
        """One request on this connection; its answer's body."""
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        sent = len(body) if isinstance(body, bytes) else 0
        with self._lock:
            self.requests.setdefault((template, method, str(answer.status)), []).append((sent, _written(method, answer, text)))
        return text

    def count(self):
        return {labels: len(sizes) for labels, sizes in self.requests.items()}

    def by_endpoint(self, which):
        """{(template, method): (how many bodies, their bytes)}: 0 = of requests, 1 = of answers; empty ones are none."""
        found = {}
        for (template, method, _), sizes in self.requests.items():
            for size in sizes:
                if size[which]:
                    count, total = found.get((template, method), (0, 0))
                    found[template, method] = (count + 1, total + size[which])
        return found
