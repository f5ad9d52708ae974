# SPDX-License-Identifier: Apache-2.0
"""
The runtime and the process of a worker that says nothing of them over HTTP. Its Go runtime does, when it is asked to: a line on
standard error for each garbage collection, and the stack of every goroutine when it is told to quit.
"""

import os
import pathlib
import re
import signal

from checks import check_drops, wait_buffered, whole
from util import wait_for
from workload import TABLES, Workload

_TRACE = re.compile(r"^gc (\d+) @.* MB, (\d+) MB goal, .* (\d+) P", re.M)
_GOROUTINE = re.compile(r"^goroutine ([1-9]\d*) (?:.+\n)+", re.M)
_MIB = 1 << 20
_RATIO = 0.01  # of client_golang's own look at /proc, had it one


def _collections(worker):
    """[(number, goal in MiB, processors)] of those that have been logged."""
    return [tuple(map(int, found)) for found in _TRACE.findall(worker.process.output())]


def _proc(pid):
    """What client_golang's process collector would read."""
    root = pathlib.Path(f"/proc/{pid}")
    stat = (root / "stat").read_text().rsplit(")", 1)[1].split()
    limits = {line[:25].strip(): line[25:].split()[0] for line in (root / "limits").read_text().splitlines()}
    ticks, boot = os.sysconf("SC_CLK_TCK"), re.search(r"^btime (\d+)$", pathlib.Path("/proc/stat").read_text(), re.M)
    return {
        "process_cpu_seconds_total": (int(stat[11]) + int(stat[12])) / ticks,
        "process_start_time_seconds": int(boot.group(1)) + int(stat[19]) / ticks,
        "process_virtual_memory_bytes": int(stat[20]),
        "process_resident_memory_bytes": int(stat[21]) * os.sysconf("SC_PAGESIZE"),
        "process_open_fds": len(os.listdir(root / "fd")),
        "process_max_fds": int(limits["Max open files"]),
        "go_threads": len(os.listdir(root / "task")),
    }


def _check_proc(bench, observer, worker):
    """Between what /proc says before and after. The runtime counts a thread before it has it."""
    before = _proc(worker.pid)
    scrape = observer.scrape()
    after = _proc(worker.pid)
    for name, first in before.items():
        low, high = sorted((first, after[name]))
        slack = {"process_open_fds": 1, "go_threads": 1, "process_cpu_seconds_total": 0.02}.get(name, 0)
        seen = scrape.value(name, service="worker")
        bench.check(seen is not None and low * (1 - _RATIO) - slack <= seen <= high * (1 + _RATIO) + slack, name,
                    f"{low:.9g} to {high:.9g} ± {slack} and 1 %", seen)


def _at_rest(observer, worker):
    """The last collection that was logged, and a scrape after it and before the next one."""
    def seen():
        before = _collections(worker)
        scrape = observer.scrape()
        return (before[-1], scrape) if before and before == _collections(worker) else None

    return wait_for("a scrape without a collection", seen)


def _check_collections(bench, observer, worker, work):
    """As many as the runtime has logged. What is to start the next one is what that one says of itself, in whole MiB."""
    (number, _, processors), scrape = _at_rest(observer, worker)
    bench.equal("go_gc_duration_seconds_count", number, whole(scrape.value("go_gc_duration_seconds_count", service="worker")))
    bench.equal("go_sched_gomaxprocs_threads", processors, whole(scrape.value("go_sched_gomaxprocs_threads", service="worker")))

    def next_one():
        work.insert(TABLES[0], 100)
        return [goal for later, goal, _ in _collections(worker) if later == number + 1]

    goal = wait_for("the next collection", next_one)[0]
    next_gc = scrape.value("go_memstats_next_gc_bytes", service="worker")
    bench.check(next_gc is not None and int(next_gc) // _MIB == goal, "go_memstats_next_gc_bytes", f"{goal} MiB, rounded down",
                next_gc)


def _check_goroutines(bench, observer, worker):
    """When it quits it prints the stacks of all of them; the runtime's own, which it does not count, were started by itself."""
    seen = observer.scrape().value("go_goroutines", service="worker")
    worker.process.signal(signal.SIGQUIT)
    bench.equal("worker exit code", 2, worker.process.wait())
    stacks = {stack[1]: stack[0] for stack in _GOROUTINE.finditer(worker.process.output())}
    printed = sum("\ncreated by runtime." not in stack for stack in stacks.values())
    bench.check(seen is not None and printed > 2 and abs(seen - printed) <= 2, "go_goroutines", f"{printed} ± 2", seen)


def runtime_and_process(bench):
    """Read from outside, of a stock worker at rest: nothing is left out, and all is what its runtime and the kernel say."""
    pair = bench.pair()
    observer = bench.observer()
    worker = bench.worker(pair, environment={"GODEBUG": "gctrace=1"})
    observer.wait_attached(pair)
    work = Workload(pair.source)
    work.run_mixed(400)
    wait_buffered(pair, work.total())
    for family in ("runtime", "process"):
        info = observer.scrape().select("philoscope_probe_info", service="worker", family=family)
        missing = {labels["metric"]: labels["reason"] for labels, _ in info if labels["state"] != "attached"}
        bench.check(bool(info) and not missing, "philoscope_probe_info", "all attached", missing or f"{len(info)} attached", family)
    _check_proc(bench, observer, worker)
    _check_collections(bench, observer, worker, work)
    check_drops(bench, observer.scrape())
    _check_goroutines(bench, observer, worker)


CASES = (("runtime_and_process", runtime_and_process, True, False),)
