#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replay the corpora: each fuzzer, built as an ordinary sanitized program, reads the files of tests/fuzz/corpus/NAME.

Fuzzers of executables also get real ones, of the parser matrix, and damaged copies of them. A fuzzer without any input is
skipped, and says so: nothing would be replayed.
"""

import os
import subprocess
import sys
from pathlib import Path

import counts
from run_unit import SANITIZERS

CORPUS = Path(__file__).resolve().parent.parent / "tests/fuzz/corpus"
MATRIX = Path(os.environ.get("PHILOSCOPE_FIXTURES", "build/fixtures")) / "bare"
# Fuzzers whose input is an executable.
EXECUTABLES = {"goimage", "elf", "gotype", "gobuild", "facts", "inspect"}
EXECUTABLES_EACH = 4
# Copies with damaged bytes, of each input: always the same ones.
DAMAGED = 40
HANG_GUARD_S = 600


def inputs(name):
    """The files of one fuzzer. Of the matrix the smallest: what is damaged lies in the parts all have."""
    files = sorted(path for path in (CORPUS / name).rglob("*") if path.is_file())
    if name in EXECUTABLES:
        files += sorted(MATRIX.glob("*-stripped"), key=lambda path: (path.stat().st_size, path.name))[:EXECUTABLES_EACH]
    return files


def replay(program, files):
    """What is wrong with one fuzzer's replay, or None."""
    try:
        done = subprocess.run([str(program.absolute()), str(DAMAGED), *map(str, files)],
                              env=dict(SANITIZERS, **os.environ), stdin=subprocess.DEVNULL,
                              timeout=HANG_GUARD_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no end after {HANG_GUARD_S} s"
    if done.returncode:
        return f"exit status {done.returncode}"
    print(f"ok   {program.name}: {len(files)} inputs")
    return None


def main():
    total = counts.Counts()
    programs = [Path(name) for name in sys.argv[1:]]
    if not programs:
        print("SKIP fuzz: there are no fuzzers yet")
        total.skipped = 1
    for program in programs:
        files = inputs(program.name.removeprefix("fuzz_"))
        if not files:
            print(f"SKIP {program.name}: no corpus in {CORPUS.name}/, no executables to read")
            total.skipped += 1
            continue
        problem = replay(program, files)
        if problem:
            print(f"FAIL {program.name}: {problem}")
        total += counts.Counts(passed=int(not problem), failed=int(bool(problem)))
    print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
