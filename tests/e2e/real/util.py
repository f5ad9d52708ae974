# SPDX-License-Identifier: Apache-2.0
"""Child processes, free ports and waiting for a condition instead of for a time."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time

DEADLINE_S = 60.0
_POLL_S = 0.02
_PR_SET_PDEATHSIG = 1
_PTRACE_TRACEME, _PTRACE_DETACH = 0, 17
# Bound before any fork: nothing may be looked up between fork and exec.
_prctl = ctypes.CDLL(None).prctl
_ptrace = ctypes.CDLL(None).ptrace
_ptrace.argtypes = (ctypes.c_long,) * 4


class Timeout(Exception):
    """A condition did not become true before its deadline."""


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Polls until condition() is true and returns its value; raises Timeout naming `what`."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"not seen within {deadline_s:g} s: {what}")
        time.sleep(_POLL_S)


def settle(condition, deadline_s=10.0):
    """Like wait_for, but a condition that stays false is an answer, not an error."""
    try:
        return wait_for("", condition, deadline_s)
    except Timeout:
        return None


def free_port():
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent(signo):
    # A runner that is killed hard must not leave servers behind.
    _prctl(_PR_SET_PDEATHSIG, signo)


def _before_exec(stop_signal, held):
    _die_with_parent(stop_signal)
    if held:
        _ptrace(_PTRACE_TRACEME, 0, 0, 0)


class Process:
    """One child with its output in a file; stop() never leaves it running.

    `held`: it is the new program already, and stopped before its first instruction; SIGCONT starts it.
    """

    def __init__(self, argv, log_path, env=None, user=None, stop_signal=signal.SIGTERM, held=False):
        self.log_path = log_path
        self._stop_signal = stop_signal
        ids = {"user": user, "group": user, "extra_groups": []} if user else {}
        with open(log_path, "ab") as log:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env,
                preexec_fn=lambda: _before_exec(stop_signal, held), **ids)
        self.pid = self._child.pid
        if held:
            os.waitpid(self.pid, os.WUNTRACED)
            _ptrace(_PTRACE_DETACH, self.pid, 0, signal.SIGSTOP)

    def exit_code(self):
        """None while it runs, else its exit code (negative: the signal that ended it)."""
        return self._child.poll()

    def signal(self, signo):
        if self.exit_code() is None:
            self._child.send_signal(signo)

    def wait(self, deadline_s=DEADLINE_S):
        """Waits for the end and returns the exit code; raises Timeout."""
        try:
            return self._child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{os.path.basename(self.log_path)}: still running after {deadline_s:g} s")

    def stop(self, deadline_s=30.0):
        """Ends it, politely first, and returns its exit code."""
        self.signal(self._stop_signal)
        try:
            return self.wait(deadline_s)
        except Timeout:
            self.signal(signal.SIGKILL)
            return self._child.wait()

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=5):
        return "\n".join(self.output().splitlines()[-lines:])

    def log_records(self, message):
        """The JSON log lines whose msg is `message`."""
        found = []
        for line in self.output().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and record.get("msg") == message:
                found.append(record)
        return found
