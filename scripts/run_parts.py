#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the parts of the tests one after the other and add up what they count.

A part is the make target part-NAME. Its lines of totals are taken out of the output and added; a part that fails without
counting a failure counts one, a part that says nothing and succeeds counts one passed. A part that fails does not stop
the others. build/results/NAME holds each part's totals, NAME.log its output.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import counts

HANG_GUARD_S = {"vmtest": 3000, "standin": 3000}
HANG_GUARD_DEFAULT_S = 1500


def run_part(name, make, results):
    """Echo what the part prints, keep it, and return its counts."""
    total = counts.Counts()
    counted = False
    guard = HANG_GUARD_S.get(name, HANG_GUARD_DEFAULT_S)
    command = [*shlex.split(make), "--no-print-directory", f"part-{name}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               close_fds=False, start_new_session=True)
    timer = start_guard(process, guard)
    skips = []
    with open(results / f"{name}.log", "w", encoding="utf-8") as log:
        for line in process.stdout:
            log.write(line)
            found = counts.parse(line)
            if found:
                total, counted = total + found, True
                continue
            if counts.SKIP_REASON.match(line):
                skips.append(line.strip())
            print(line, end="", flush=True)
    status = process.wait()
    timer.cancel()
    if status != 0 and total.failed == 0:
        total.failed = 1
    elif status == 0 and not counted:
        total.passed = 1
    return total, skips


def start_guard(process, seconds):
    """A part that hangs is ended with everything it started, and so counts as failed."""
    def end():
        print(f"no end after {seconds} s: killed", flush=True)
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--make", default="make")
    parser.add_argument("parts", nargs="+")
    options = parser.parse_args()
    results = options.out / "results"
    results.mkdir(parents=True, exist_ok=True)
    for old in results.iterdir():
        old.unlink()
    table = []
    skips = []
    for name in options.parts:
        print(f"==== {name}", flush=True)
        started = time.monotonic()
        found, skipped = run_part(name, options.make, results)
        (results / name).write_text(f"{found}\n", encoding="utf-8")
        table.append((name, found, time.monotonic() - started))
        skips += [f"{name}: {text}" for text in skipped]
    print("====")
    for text in skips:
        print(text)
    for name, found, seconds in table:
        print(f"{name:<12}{str(found):<40}{seconds:6.0f} s")
    total = sum((found for _, found, _ in table), counts.Counts())
    print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
