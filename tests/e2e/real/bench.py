# SPDX-License-Identifier: Apache-2.0
"""What one case works with: stand-ins, databases, workers and observers that end with it."""

import contextlib
import os
import signal
import subprocess

import workload
from api import Api
from catalog_standin import Catalog
from observer import Observer
from relay import Relay
from s3_standin import ObjectStore
from worker import Worker
from workload import TABLES


class Bench:
    """What one case works with; leaving it ends everything that it started."""

    def __init__(self, server, folder, section, binary, observer_binary, name, backpressure):
        self.section, self.case = section, name.replace("_", " ")
        self.has_observer = observer_binary is not None
        self.has_metrics = True  # of an API server: of its own
        self._server, self._folder = server, folder
        self._binary, self._observer_binary = binary, observer_binary
        self._prefix, self.has_backpressure = name, backpressure
        self._made = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self.store = self._stack.enter_context(contextlib.closing(ObjectStore()))
        self.catalog = self._stack.enter_context(contextlib.closing(Catalog()))
        return self

    def __exit__(self, *exc):
        return self._stack.__exit__(*exc)

    def _next_name(self):
        self._made += 1
        return f"{self._prefix}{self._made}"

    def pair(self, tables=TABLES, **database_settings):
        """A source database with `tables` and a slot, and its buffer."""
        pair = self._server.make_pair(self._next_name())
        self._stack.callback(pair.close)
        for setting, value in database_settings.items():
            pair.source.execute(f"ALTER DATABASE {pair.source_db} SET {setting} = '{value}'")
        workload.create_tables(pair.source, tables)
        pair.make_slot()
        return pair

    def relay(self):
        """Between a worker and PostgreSQL."""
        return self._stack.enter_context(contextlib.closing(Relay(self._server.port)))

    def worker(self, pair, environment=None, observed_by=None, **settings):
        """`observed_by` an observer that has found it before it has done anything."""
        settings.setdefault("BACKPRESSURE_ENABLED", str(self.has_backpressure).lower())
        worker = Worker(self._binary, self._folder, pair, self.store, self.catalog, environment,
                        held=observed_by is not None, **settings)
        self._stack.callback(worker.stop)
        if observed_by:
            observed_by.wait_found(worker.pid)
            worker.process.signal(signal.SIGCONT)
        worker.wait_running()
        return worker

    def api(self, pair, **settings):
        api = Api(self._binary, self._folder, self._next_name(), pair, **settings)
        self._stack.callback(api.stop)
        api.wait_listening()
        return api

    def state(self):
        """A folder on a bpffs of the case's own, for what outlives its observers."""
        mount = os.path.join(self._folder, self._next_name() + "_bpffs")
        os.mkdir(mount)
        subprocess.run(["mount", "-t", "bpf", "bpf", mount], check=True)
        self._stack.callback(subprocess.run, ["umount", "-l", mount], check=True)
        return os.path.join(mount, "philoscope")

    def observer(self, *flags):
        observer = Observer(self._observer_binary, self._folder, self._next_name(), *flags)
        self._stack.callback(observer.stop)
        return observer

    def connect(self, database):
        return self._server.connect(database)

    def equal(self, metric, expected, seen, labels=""):
        self.section.equal(self.case, metric, expected, seen, labels)

    def check(self, ok, metric, expected, seen, labels=""):
        self.section.check(ok, self.case, metric, expected, seen, labels)
