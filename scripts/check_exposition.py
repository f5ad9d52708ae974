#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What philoscope serves for a counted workload passes `promtool check metrics`."""

import argparse
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import counts  # noqa: E402
import live  # noqa: E402

SPEC = {"tables": ["public.orders", "odd.\\xff\\x22name"], "operations": ["INSERT", "DELETE"]}


def promtool():
    cache = os.environ.get("PHILOSCOPE_CACHE", "/var/cache/philoscope")
    return shutil.which("promtool") or f"{cache}/tools/promtool"


def scrape(philoscope, worker_binary):
    """The exposition after a few events."""
    programs = []
    try:
        programs.append(live.Worker(worker_binary, SPEC))
        programs.append(live.Observer(philoscope))
        worker, observer = programs
        observer.wait_for(live.shows(worker), "state of the worker's pipeline")
        worker.feed(25)
        worker.drain()
        return observer.text()
    finally:
        for program in reversed(programs):
            program.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--philoscope", required=True)
    parser.add_argument("--worker", required=True)
    options = parser.parse_args()
    try:
        text = scrape(options.philoscope, options.worker)
    except (live.LiveError, OSError) as error:
        print(f"FAIL {error}")
        print(counts.Counts(failed=1))
        return 1
    moved = any(name == "philotes_cdc_events_total" and value for (name, _), value in live.parse(text).items())
    if not moved:
        print("FAIL nothing was counted")
    checked = subprocess.run([promtool(), "check", "metrics"], input=text, text=True, check=False)
    if checked.returncode:
        print(f"FAIL promtool: status {checked.returncode}; it read:\n{text}")
    good = moved + (checked.returncode == 0)
    print(counts.Counts(passed=good, failed=2 - good))
    return 0 if good == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
