#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
philoscope against the stand-in worker. Every cases_*.py beside this file (or in another folder: --cases) holds functions case_*;
those named soak_* run with --soak only.
"""
import argparse
import importlib
import pathlib
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from programs import Skip  # noqa: E402


def collect(folder, prefix, only):
    for path in sorted(folder.glob("cases_*.py")):
        module = importlib.import_module(path.stem)
        for name, value in list(vars(module).items()):
            if name.startswith(prefix) and callable(value) and only in name:
                yield name, value


def run_one(name, case, parent=None):
    """passed, failed or skipped. parent: where the case's own folder is made."""
    start = time.monotonic()
    outcome, detail = "passed", ""
    try:
        with tempfile.TemporaryDirectory(prefix="philoscope-test-", dir=parent) as folder:
            case(pathlib.Path(folder))
    except Skip as skip:
        outcome, detail = "skipped", f": {skip}"
    except Exception:  # a test may fail in any way
        outcome, detail = "failed", "\n" + traceback.format_exc()
    print(f"{outcome:8}{name} ({time.monotonic() - start:.1f} s){detail}", flush=True)
    return outcome


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="run only cases whose name contains this")
    parser.add_argument("--soak", action="store_true", help="run the long cases instead")
    parser.add_argument("--cases", type=pathlib.Path, default=HERE, help="where the cases are")
    args = parser.parse_args()
    sys.path.insert(0, str(args.cases.resolve()))
    outcomes = [run_one(name, case) for name, case in collect(args.cases, "soak_" if args.soak else "case_", args.only)]
    print(", ".join(f"{outcomes.count(o)} {o}" for o in ("passed", "failed", "skipped")))
    return 1 if "failed" in outcomes or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
