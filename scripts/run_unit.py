#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run cmocka programs and add up what they report.

cmocka writes its results as XML to a file of its own per group, so that what a test prints can't be taken for a result. A
program that dies, hangs, reports nothing, or ends badly without a failed test counts as one failure. A test that skips says
why on a line that begins with SKIP.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import counts

HANG_GUARD_S = 600
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
                    "allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# Bytes that XML can't hold, and that a failed comparison of foreign bytes can print.
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read_group(path):
    """Counts and (test, text) of each failure of one group."""
    text = _NOT_XML.sub("?", path.read_text(encoding="utf-8", errors="replace"))
    total, failures = counts.Counts(), []
    for case in ElementTree.fromstring(text).iter("testcase"):
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        if bad is not None:
            total.failed += 1
            failures.append((case.get("name"), (bad.text or "").strip()))
        elif case.find("skipped") is not None:
            total.skipped += 1
        else:
            total.passed += 1
    return total, failures


def run_program(program, directory):
    """Counts, failures, exit status and output of one program."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    environment = dict(SANITIZERS, **os.environ, CMOCKA_MESSAGE_OUTPUT="XML",
                       CMOCKA_XML_FILE=str(directory / "%g.xml"))
    try:
        done = subprocess.run([str(program.absolute())], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=HANG_GUARD_S, check=False)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        status, output = f"no end after {HANG_GUARD_S} s", error.stdout or b""
    except OSError as error:
        status, output = str(error), b""
    total, failures = counts.Counts(), []
    for path in sorted(directory.glob("*.xml")):
        try:
            found, bad = read_group(path)
        except ElementTree.ParseError as error:
            found, bad = counts.Counts(failed=1), [(path.name, f"unreadable result: {error}")]
        total, failures = total + found, failures + bad
    if status != 0 and total.failed == 0:
        total.failed += 1
        failures.append(("(the program)", f"exit status {status}"))
    elif total.passed + total.failed + total.skipped == 0:
        total.failed += 1
        failures.append(("(the program)", "reported no test"))
    return total, failures, output.decode(errors="replace")


def show(name, total, failures, output):
    """One line for a good program; everything for a bad one; the reasons of what was skipped."""
    print(f"{'ok  ' if not total.failed else 'FAIL'} {name}: {total.passed} passed"
          + (f", {total.failed} failed" if total.failed else "")
          + (f", {total.skipped} skipped" if total.skipped else ""), flush=True)
    reasons = Counter(line.strip() for line in output.splitlines() if counts.SKIP_REASON.match(line))
    if total.failed:
        print(output.rstrip())
        for test, text in failures:
            print(f"  FAIL {name} {test}: {text}")
        return
    if total.skipped and not reasons:
        reasons["SKIP without a reason: print one"] = total.skipped
    for reason, times in reasons.items():
        print(f"  {reason} [{name}, {times} times]")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("programs", nargs="*", type=Path)
    options = parser.parse_args()
    total = counts.Counts()
    if not options.programs:
        print("FAIL no unit tests were found")
        total.failed = 1
    names = [str(program).partition("/tests/")[2] or program.name for program in options.programs]
    folders = [options.out / "unit-results" / name for name in names]
    # As many at once as there are processors; none of them knows of another one. Shown in their order.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, (found, failures, output) in zip(names, pool.map(run_program, options.programs, folders)):
            show(name, found, failures, output)
            total += found
    print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
