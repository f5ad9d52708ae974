# SPDX-License-Identifier: Apache-2.0
"""go_* and process_* of a program that serves client_golang's own, each with the tolerance that it needs and why."""

# What the question itself takes: its connection, the goroutines that serve it, and one for each collector that is asked.
_QUESTION = {"go_goroutines": 12, "process_open_fds": 2}
# client_golang reads runtime/metrics, which leaves out what the processors hold back, and answers between two looks of ours.
_MEMORY_RATIO, _MEMORY_SLACK = 0.02, {"_bytes": 1 << 20, "_bytes_total": 1 << 20, "": 1 << 14}
_PROCESS_RATIO = 0.01


def _slack(name):
    if name in _QUESTION:
        return _QUESTION[name], 0
    if name.startswith("process_"):
        return 0, _PROCESS_RATIO
    if name.startswith("go_memstats_") and not name.endswith("_seconds"):
        suffix = next(suffix for suffix in ("_bytes_total", "_bytes", "") if name.endswith(suffix))
        return _MEMORY_SLACK[suffix], _MEMORY_RATIO
    return 0, 1e-9


def _own(scrape):
    """{(name, quantile): value}; go_info by its version."""
    return {(name, labels.get("quantile") or labels.get("version")): value for name, labels, value in scrape.samples
            if name.startswith(("go_", "process_"))}


def _of(scrape, service, pid):
    """The same of one process, as philoscope shows it: with the pid where its identity has several."""
    return {(name, labels.get("quantile") or labels.get("version")): value for name, labels, value in scrape.samples
            if name.startswith(("go_", "process_")) and labels.get("service") == service and
            labels.get("pid") in (None, str(pid))}


def check_runtime(bench, observer, service, pid, own_metrics):
    """
    All that client_golang's two collectors say of the process, and nothing else, is what philoscope says of it, within what
    happens between two looks. `own_metrics()` asks the program and gives a Scrape. Best at rest.
    """
    before = _own(own_metrics())
    seen = _of(observer.scrape(), service, pid)
    after = _own(own_metrics())
    bench.equal("go_* and process_*", sorted(after.keys(), key=str), sorted(seen.keys(), key=str), service)
    for (name, label), last in sorted(after.items(), key=str):
        first = before.get((name, label), last)
        low, high = min(first, last), max(first, last)
        slack, ratio = _slack(name)
        value = seen.get((name, label))
        bench.check(value is not None and low * (1 - ratio) - slack <= value <= high * (1 + ratio) + slack, name,
                    f"{low:.9g} to {high:.9g} ± {slack} and {ratio:.0e}", value, f"{service} {label or ''}")
