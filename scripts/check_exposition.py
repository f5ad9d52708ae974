#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every family, as the golden files have it, and what philoscope serves for a counted workload, read by those who know.

The text format by `promtool check metrics`, OpenMetrics by the strict parser of prometheus-client.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import counts  # noqa: E402
import live  # noqa: E402

TOP = Path(__file__).resolve().parents[1]
CACHE = os.environ.get("PHILOSCOPE_CACHE", "/var/cache/philoscope")
GOLDEN = TOP / "tests/unit/metric/golden"
PARSER = TOP / "tests/e2e/standin/tools/openmetrics.py"
SPEC = {"tables": ["public.orders", "odd.\\xff\\x22name"], "operations": ["INSERT", "DELETE"]}
# Accept, what the answer's Content-Type begins with, and who reads it.
FORMATS = (("text/plain", "text/plain; version=0.0.4", "promtool"),
           ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0", "parser"))


def reader(name):
    if name == "parser":
        return [f"{CACHE}/python/bin/python", str(PARSER)]
    return [shutil.which("promtool") or f"{CACHE}/tools/promtool", "check", "metrics"]


def reads(name, text, what):
    """Whether it is content; says why not."""
    done = subprocess.run(reader(name), input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode or (name == "promtool" and done.stdout):
        print(f"FAIL {name} reads {what}: {done.stdout.decode(errors='replace').strip()}; it read:\n{text}")
        return False
    return True


def scrape(philoscope, worker_binary):
    """[(what, text, who reads it)] of the page after a few events, in both formats."""
    programs = []
    try:
        programs.append(live.Worker(worker_binary, SPEC))
        programs.append(live.Observer(philoscope))
        worker, observer = programs
        observer.wait_for(live.shows(worker), "state of the worker's pipeline")
        worker.feed(25)
        worker.drain()
        pages = []
        for accept, begin, who in FORMATS:
            kind, text = observer.page(accept)
            if not kind.startswith(begin):
                raise live.LiveError(f"{accept} is answered with {kind}")
            pages.append((f"the page as {begin}", text, who))
        return pages
    finally:
        for program in reversed(programs):
            program.stop()


def has_moved(text):
    moved = any(name == "philotes_cdc_events_total" and value for (name, _), value in live.parse(text).items())
    if not moved:
        print("FAIL nothing was counted")
    return moved


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--philoscope", required=True)
    parser.add_argument("--worker", required=True)
    options = parser.parse_args()
    results = [reads("promtool", (GOLDEN / "page.txt").read_text(encoding="utf-8"), "the golden page"),
               reads("parser", (GOLDEN / "page.openmetrics").read_text(encoding="utf-8"), "the golden page")]
    try:
        for what, text, who in scrape(options.philoscope, options.worker):
            results += [reads(who, text, what), has_moved(text)]
    except (live.LiveError, OSError) as error:
        print(f"FAIL {error}")
        results.append(False)
    total = counts.Counts(passed=results.count(True), failed=results.count(False))
    print(total)
    return total.status()


if __name__ == "__main__":
    sys.exit(main())
