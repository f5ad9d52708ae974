# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL 15 with wal2json, and the databases that one worker needs."""

import glob
import os
import re
import shutil
import signal
import subprocess

import pgwire
from util import Process, free_port, wait_for

PACKAGES = "postgresql-15 postgresql-15-wal2json"
_BIN_DIR = "/usr/lib/postgresql/15/bin"
_LIB_DIR = "/usr/lib/postgresql/15/lib"
_TEMPLATE = "buffer_template"
# An own owner of the buffer schema, because the checkout's scripts grant to a role of that name.
_BUFFER_ROLE = "philotes"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    # The worker never answers keep-alives: with the default it would be cut off after a minute.
    "wal_sender_timeout": "0",
    "max_replication_slots": "64",
    "max_wal_senders": "16",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def missing_software():
    """None, or a sentence on what has to be installed."""
    needed = [os.path.join(_BIN_DIR, name) for name in ("initdb", "postgres", "psql")]
    needed.append(os.path.join(_LIB_DIR, "wal2json.so"))
    if all(os.path.exists(path) for path in needed):
        return None
    return f"PostgreSQL 15 with wal2json is not installed: apt-get install {PACKAGES}"


def find_schema_files(checkout):
    """The SQL files that the checkout's own compose files mount into PostgreSQL, in order."""
    for compose in sorted(glob.glob(os.path.join(checkout, "deployments/docker/*.y*ml"))):
        with open(compose, encoding="utf-8") as text:
            mounts = re.findall(r"-\s*(\S+?):/docker-entrypoint-initdb\.d", text.read())
        for mount in mounts:
            folder = os.path.normpath(os.path.join(os.path.dirname(compose), mount))
            files = sorted(glob.glob(os.path.join(folder, "*.sql")))
            if any("cdc_events" in _read(path) for path in files):
                return files
    raise FileNotFoundError("the checkout mounts no SQL file that makes cdc_events")


def _read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


class Server:
    """The server process and its data directory inside `folder`."""

    def __init__(self, folder):
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._data = os.path.join(folder, "pgdata")
        self.port = free_port()
        os.mkdir(self._data, 0o700)
        if self._user:
            shutil.chown(self._data, self._user, self._user)
        self._initdb()
        self._process = Process([self._bin("postgres"), "-D", self._data] + self._options(),
                                os.path.join(folder, "postgres.log"), env=self._env(),
                                user=self._user, stop_signal=signal.SIGINT)
        try:
            wait_for("PostgreSQL accepts connections", self._accepts)
        except BaseException:
            self.stop()
            raise

    def _bin(self, name):
        return os.path.join(_BIN_DIR, name)

    def _env(self):
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

    def _initdb(self):
        ids = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        subprocess.run([self._bin("initdb"), "-D", self._data, "-U", "postgres", "-A", "trust",
                        "-E", "UTF8", "--locale=C", "--no-sync"], check=True, env=self._env(),
                       cwd="/", stdout=subprocess.DEVNULL, **ids)

    def _options(self):
        settings = dict(_SETTINGS, port=str(self.port), unix_socket_directories=self._data)
        # Newer minor releases load only the output plugins that this setting names.
        known = subprocess.run([self._bin("postgres"), "--describe-config"], text=True, check=True,
                               capture_output=True, env=self._env(), cwd="/",
                               **({"user": self._user} if self._user else {})).stdout
        if re.search(r"^output_plugin_libraries\t", known, re.MULTILINE):
            settings["output_plugin_libraries"] = "wal2json"
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _accepts(self):
        if self._process.exit_code() is not None:
            raise RuntimeError("PostgreSQL ended at start:\n" + self._process.tail())
        try:
            self.connect("postgres").close()
            return True
        except (OSError, pgwire.SqlError):
            return False

    def version(self):
        with self.connect("postgres") as db:
            return db.value("SHOW server_version").split()[0]

    def connect(self, database):
        return pgwire.Connection(self.port, database)

    def stop(self):
        self._process.stop()

    def make_template(self, files):
        """A database with the checkout's schema, from which each case gets its own copy."""
        with self.connect("postgres") as db:
            db.execute(f"DROP DATABASE IF EXISTS {_TEMPLATE}")
            db.execute(f"DO $$BEGIN CREATE ROLE {_BUFFER_ROLE} SUPERUSER LOGIN; "
                       "EXCEPTION WHEN duplicate_object THEN NULL; END$$")
            db.execute(f"CREATE DATABASE {_TEMPLATE} OWNER {_BUFFER_ROLE}")
        for path in files:
            with open(path, "rb") as text:
                run = subprocess.run(
                    [self._bin("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U",
                     _BUFFER_ROLE, "-d", _TEMPLATE, "-v", "ON_ERROR_STOP=1", "-q", "-X"],
                    stdin=text, capture_output=True, text=True, env=self._env(), cwd="/")
            if run.returncode:
                raise RuntimeError(f"{os.path.basename(path)}: {run.stderr.strip()}")

    def make_pair(self, name):
        return Pair(self, name)


class Pair:
    """One source database with its slot, and the buffer database beside it."""

    def __init__(self, server, name):
        self.server = server
        self.source_db = f"shop_{name}"
        self.buffer_db = f"buffer_{name}"
        self.slot = f"slot_{name}"
        self.source_label = f"postgres-{self.source_db}"
        with server.connect("postgres") as db:
            db.execute(f"CREATE DATABASE {self.source_db}")
            db.execute(f"CREATE DATABASE {self.buffer_db} TEMPLATE {_TEMPLATE}")
        self.source = server.connect(self.source_db)
        self.buffer = server.connect(self.buffer_db)

    def make_slot(self):
        """From here on every change in the source database belongs to the worker."""
        self.source.execute(f"SELECT pg_create_logical_replication_slot('{self.slot}','wal2json')")

    def wait_sent(self):
        """Until everything committed in the source was handed to the worker's connection."""
        last = self.source.value("SELECT pg_current_wal_lsn()")
        wait_for("the changes are sent", lambda: self.source.rows(
            "SELECT 1 FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid "
            f"WHERE s.slot_name = '{self.slot}' AND r.sent_lsn >= '{last}'"))

    def buffered(self):
        """What the buffer holds: {(table, operation): rows}."""
        rows = self.buffer.rows(
            "SELECT schema_name||'.'||table_name, operation, count(*) "
            "FROM philotes.cdc_events GROUP BY 1, 2")
        return {(table, operation): int(count) for table, operation, count in rows}

    def buffered_total(self):
        return int(self.buffer.value("SELECT count(*) FROM philotes.cdc_events"))

    def close(self):
        self.source.close()
        self.buffer.close()
        with self.server.connect("postgres") as db:
            db.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                       f"WHERE slot_name='{self.slot}' AND active")
            wait_for("the slot is free", lambda: not db.rows(
                f"SELECT 1 FROM pg_replication_slots WHERE slot_name='{self.slot}' AND active"))
            db.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       f"WHERE slot_name='{self.slot}'")
