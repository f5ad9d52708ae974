# SPDX-License-Identifier: Apache-2.0
"""One run of a worker binary against a Pair of databases and the stand-ins."""

import os
import socket

from util import Process, free_port, wait_for

MSG_PAUSED = "backpressure triggered, pausing pipeline"
MSG_RESUMED = "backpressure cleared, resuming pipeline"
MSG_STATE = "pipeline state changed"
MSG_DROPPED = "failed to process event"

# Ticks are short so that nothing has to be waited for, and watermarks out of reach unless a case
# lowers them: a stock buffer only grows.
_DEFAULTS = {
    "PHILOTES_CDC_FLUSH_INTERVAL": "200ms",
    "PHILOTES_CDC_CHECKPOINT_INTERVAL": "200ms",
    "PHILOTES_BACKPRESSURE_HIGH_WATERMARK": "100000000",
    "PHILOTES_BACKPRESSURE_LOW_WATERMARK": "50000000",
    "PHILOTES_BACKPRESSURE_CHECK_INTERVAL": "100ms",
    "PHILOTES_RETRY_INITIAL_INTERVAL": "20ms",
    # An unfinished request must be able to hold the last step of a shutdown.
    "PHILOTES_HEALTH_READINESS_TIMEOUT": "5m",
}


def _endpoints(pair, store, catalog):
    port = str(pair.server.port)
    return {
        "PHILOTES_CDC_SOURCE_HOST": "127.0.0.1",
        "PHILOTES_CDC_SOURCE_PORT": port,
        "PHILOTES_CDC_SOURCE_DATABASE": pair.source_db,
        "PHILOTES_CDC_SOURCE_USER": "postgres",
        "PHILOTES_CDC_REPLICATION_SLOT": pair.slot,
        "PHILOTES_DB_HOST": "127.0.0.1",
        "PHILOTES_DB_PORT": port,
        "PHILOTES_DB_NAME": pair.buffer_db,
        "PHILOTES_DB_USER": "postgres",
        "PHILOTES_STORAGE_ENDPOINT": f"127.0.0.1:{store.port}",
        "PHILOTES_ICEBERG_CATALOG_URL": f"http://127.0.0.1:{catalog.port}",
    }


class Worker:
    """The process; `settings` are environment variables without their PHILOTES_ prefix, `environment` has others."""

    def __init__(self, binary, folder, pair, store, catalog, environment=None, held=False, **settings):
        self._health_port = free_port()
        env = dict(_DEFAULTS, **_endpoints(pair, store, catalog), **(environment or {}))
        env["PHILOTES_HEALTH_LISTEN_ADDR"] = f"127.0.0.1:{self._health_port}"
        env.update({f"PHILOTES_{name}": str(value) for name, value in settings.items()})
        # The same databases may see several workers, one after the other.
        log_path = os.path.join(folder, f"{pair.buffer_db}_{self._health_port}.log")
        self.process = Process([binary], log_path, env=env, held=held)
        self.pid = self.process.pid
        self._held = None

    def wait_running(self):
        """Until its pipeline runs; the connection to the source comes a moment later."""
        self.wait_log(MSG_STATE)

    def has_log(self, message):
        return bool(self.process.log_records(message))

    def wait_log(self, message):
        def seen():
            if self.has_log(message):
                return True
            if self.process.exit_code() is not None:
                raise RuntimeError("the worker ended:\n" + self.process.tail())
            return False
        wait_for(f"the worker logs {message!r}", seen)

    def hold_shutdown(self):
        """Opens a request whose body never comes: the process outlives its pipeline."""
        self._held = socket.create_connection(("127.0.0.1", self._health_port))
        self._held.sendall(b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")

    def release_shutdown(self):
        if self._held:
            self._held.close()
            self._held = None

    def crashed(self):
        """What a worker harmed by its observer would print."""
        text = self.process.output()
        return [word for word in ("panic:", "fatal error:", "SIGSEGV", "SIGILL", "SIGTRAP")
                if word in text]

    def stop(self):
        self.release_shutdown()
        return self.process.stop()
