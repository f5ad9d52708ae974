# SPDX-License-Identifier: Apache-2.0
"""Judges philoscope by real Philotes workers.

usage: run.py --observer BIN [--src DIR --worker BIN [--worker BIN ...] [--api BIN ...]]
              [--label NAME ...] [--case NAME ...] [--doc FILE] [--set-up-only]

Needs root (uprobes), PostgreSQL 15 and wal2json. Without --src and --worker it skips. A run of all
cases writes its record to --doc (default docs/real-target.md; empty: nowhere). Labels name the
commits of the workers, in their order, where the build does not say. Ends in one line
`N passed, N failed, N skipped`; exit code 0 if none failed, 1 if one did, 2 for wrong usage.
"""

import argparse
import itertools
import os
import shutil
import signal
import sys
import tempfile
import traceback

import gobinary
import report
import server as postgres
from bench import Bench
from cases import CASES as CDC_CASES
from cases_api import CASES as API_CASES
from cases_batches import CASES as BATCH_CASES
from cases_runtime import CASES as RUNTIME_CASES
from cases_sockets import CASES as SOCKET_CASES
from observer import inspect
from sites import dear_sites, site_rows, wrong_sites
from util import settle
from worker import MSG_PAUSED

CASES = CDC_CASES + BATCH_CASES + RUNTIME_CASES + SOCKET_CASES

_DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/real-target.md")


def _parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("--observer", required=True)
    parser.add_argument("--src")
    parser.add_argument("--worker", action="append", default=[])
    parser.add_argument("--api", action="append", default=[])
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--doc", default=_DOCUMENT)
    parser.add_argument("--set-up-only", action="store_true")
    arguments = parser.parse_args()
    # `a,b` in one argument, as make passes it on.
    for name in ("worker", "api"):
        setattr(arguments, name, [path for item in getattr(arguments, name) for path in item.split(",") if path])
    unknown = set(arguments.case) - {name for name, *_ in CASES + API_CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return arguments


def _complaint(arguments):
    """What keeps the run from starting, or None."""
    if not os.path.isdir(arguments.src):
        return "PHILOTES_SRC is no folder"
    for path in arguments.worker + arguments.api:
        if not os.path.isfile(path) or not gobinary.read_build_info(path):
            return f"{os.path.basename(path)} is no Go executable"
    if not arguments.set_up_only and not os.access(arguments.observer, os.X_OK):
        return "the observer is not built: run make first"
    return postgres.missing_software()


def _new_section(path, label, checkout):
    info = gobinary.read_build_info(path)
    commit = (label, "label") if label else gobinary.commit_of(path, info, checkout)
    title = f"{os.path.basename(info.get('path', '')) or 'binary'} {commit[0]}"
    settings = info["settings"]
    if settings.get("-buildmode", "exe") != "exe":
        title += " " + settings["-buildmode"]
    if "-s" not in settings.get("-ldflags", "").split():
        title += " unstripped"
    return report.Section(title, info, commit, os.path.getsize(path))


def _new_bench(run, section, binary, name, backpressure):
    observer = None if run.arguments.set_up_only else os.path.abspath(run.arguments.observer)
    return Bench(run.server, run.folder, section, binary, observer,
                 f"{name}_{len(run.sections)}_", backpressure)


def _survives_backpressure(run, section, binary):
    """One early build dies of its first back-pressure check; a watermark of 0 shows it at once."""
    with _new_bench(run, section, binary, "probe", True) as bench:
        worker = bench.worker(bench.pair(), BACKPRESSURE_HIGH_WATERMARK=0,
                              BACKPRESSURE_LOW_WATERMARK=-1)
        return settle(lambda: worker.has_log(MSG_PAUSED) or worker.process.exit_code() is not None,
                      30) is not None and worker.has_log(MSG_PAUSED)


def _run_case(run, section, binary, case, backpressure):
    name, function, needs_observer, needs_backpressure = case
    shown = name.replace("_", " ")
    if needs_observer and run.arguments.set_up_only:
        return section.skip(shown, "--set-up-only")
    if needs_backpressure and not backpressure:
        return section.skip(shown, "this build dies of its own back-pressure check")
    try:
        with _new_bench(run, section, binary, name, backpressure) as bench:
            bench.case = shown
            function(bench)
    except Exception as error:  # the next cases still have something to say
        traceback.print_exc()
        section.fail(shown, f"{type(error).__name__}: {error}")


def _inspect(run, section, binary):
    if run.arguments.set_up_only:
        return
    answer, reason = inspect(run.arguments.observer, binary)
    section.check(answer is not None, "inspect", "philoscope inspect --json", "an answer",
                  reason or "an answer")
    if answer is not None:
        section.sites = site_rows(answer)
        section.check(bool(section.sites), "inspect", "probe sites", "some", len(section.sites))
        section.equal("inspect", "sites that the file contradicts, or left out without a reason", [],
                      wrong_sites(answer, binary))
        section.equal("inspect", "attached sites that are not emulated", [], dear_sites(answer))


def _run_worker(run, binary, label):
    section = _new_section(binary, label, run.arguments.src)
    run.sections.append(section)
    _inspect(run, section, binary)
    try:
        backpressure = _survives_backpressure(run, section, binary)
    except Exception as error:
        return section.fail("start", f"{type(error).__name__}: {error}")
    for case in CASES:
        if not run.arguments.case or case[0] in run.arguments.case:
            _run_case(run, section, binary, case, backpressure)


def _has_metrics(run, section, binary):
    """Early API servers have none of their own."""
    with _new_bench(run, section, binary, "probe", True) as bench:
        return bench.api(bench.pair()).own_metrics() is not None


def _run_api(run, binary, label):
    section = _new_section(binary, label, run.arguments.src)
    run.sections.append(section)
    _inspect(run, section, binary)
    has_metrics = _has_metrics(run, section, binary)
    for name, function in API_CASES:
        if run.arguments.case and name not in run.arguments.case:
            continue
        if run.arguments.set_up_only:
            section.skip(name.replace("_", " "), "--set-up-only")
            continue
        try:
            with _new_bench(run, section, binary, name, True) as bench:
                bench.case, bench.has_metrics = name.replace("_", " "), has_metrics
                function(bench)
        except Exception as error:  # the next cases still have something to say
            traceback.print_exc()
            section.fail(name.replace("_", " "), f"{type(error).__name__}: {error}")


class Run:
    """What all binaries share: arguments, sections, the temporary folder and the server."""

    def __init__(self, arguments):
        self.arguments, self.sections = arguments, []
        self.folder = self.server = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="philoscope-e2e-")
        # The server's own user has to get through to its data directory.
        os.chmod(self.folder, 0o711)
        try:
            self.server = postgres.Server(self.folder)
            self.server.make_template(postgres.find_schema_files(self.arguments.src))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _run_all(arguments):
    with Run(arguments) as run:
        # Labels are those of the workers, then those of the API servers.
        labels = itertools.chain(arguments.label, itertools.repeat(None))
        for binary, label in zip(arguments.worker, labels):
            _run_worker(run, os.path.abspath(binary), label)
        for binary, label in zip(arguments.api, labels):
            _run_api(run, os.path.abspath(binary), label)
        facts = [("PostgreSQL", run.server.version()), ("result", report.summary(run.sections))]
        # A part of the cases is no record of what was seen.
        if arguments.doc and not arguments.case and not arguments.set_up_only:
            with open(arguments.doc, "w", encoding="utf-8") as document:
                document.write(report.render(run.sections, facts))
        return run.sections


def _terminate(*_):
    """A terminated run cleans up like a finished one, and no second signal interrupts that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def main():
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, _terminate)
    if not arguments.src or not arguments.worker + arguments.api:
        print("skipped: real Philotes is not part of this repository; give PHILOTES_SRC=<checkout> "
              "and PHILOTES_WORKER=<binary>[,<binary>...]")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    complaint = _complaint(arguments)
    if complaint:
        print(f"e2e: {complaint}", file=sys.stderr)
        print("0 passed, 1 failed, 0 skipped")
        return 1
    sections = _run_all(arguments)
    print(report.summary(sections))
    return 1 if any(section.count("FAIL") for section in sections) else 0


if __name__ == "__main__":
    sys.exit(main())
