# SPDX-License-Identifier: Apache-2.0
"""go_* and process_* beside what the program says of itself: runtime.ReadMemStats, and client_golang's own collectors."""
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import time

import containers
import hostview
from cases_cli import report_of
from exposition import Samples
from programs import HANG_GUARD, Observer, Skip, Worker, all_collectors_off, fetch, fixture, until

DROPS = "philoscope_drops_total"
KINDS = ("late", "gone", "refused", "wrong", "failed")
# go_memstats_*: as runtime.ReadMemStats calls it
MEMSTATS = {
    "alloc_bytes": "Alloc", "alloc_bytes_total": "TotalAlloc", "buck_hash_sys_bytes": "BuckHashSys", "frees_total": "Frees",
    "gc_sys_bytes": "GCSys", "heap_alloc_bytes": "HeapAlloc", "heap_idle_bytes": "HeapIdle", "heap_inuse_bytes": "HeapInuse",
    "heap_objects": "HeapObjects", "heap_released_bytes": "HeapReleased", "heap_sys_bytes": "HeapSys", "mallocs_total": "Mallocs",
    "mcache_inuse_bytes": "MCacheInuse", "mcache_sys_bytes": "MCacheSys", "mspan_inuse_bytes": "MSpanInuse",
    "mspan_sys_bytes": "MSpanSys", "next_gc_bytes": "NextGC", "other_sys_bytes": "OtherSys", "stack_inuse_bytes": "StackInuse",
    "stack_sys_bytes": "StackSys", "sys_bytes": "Sys",
}
# These only ever go up, or may be anything between two looks.
BETWEEN = ("process_cpu_seconds_total", "process_network_receive_bytes_total", "process_network_transmit_bytes_total")
CONNECTION = 2  # goroutines and descriptors that the question itself takes
STACKS = CONNECTION * 32768  # and whole spans for their stacks, which come and go


def drops(scrape):
    return {kind: scrape.one(DROPS, reason=f"sample_{kind}") for kind in KINDS}


def fresh(observer):
    """A scrape that shows no old numbers."""
    before = drops(observer.scrape())["late"]
    deadline = time.monotonic() + HANG_GUARD
    while time.monotonic() < deadline:
        scrape = observer.scrape()
        late = drops(scrape)["late"]
        if late == before:
            return scrape
        before = late
    raise AssertionError("all samples are late")


def own(scrape, pid, prefixes=("go_", "process_")):
    """{name: value} of one process's numbers that have no label of their own."""
    return {name: value for (name, labels), value in scrape.values.items()
            if name.startswith(prefixes) and dict(labels).get("pid") == str(pid) and {key for key, _ in labels} <= {"service", "pid"}}


def families(text):
    """{name: (type, help)} of go_* and process_*."""
    found = {}
    for kind in ("HELP", "TYPE"):
        for name, rest in re.findall(rf"^# {kind} ((?:go|process)_\w+) (.*)$", text, re.M):
            found.setdefault(name, {})[kind] = rest
    return found


def close(seen, low, high, share, what, slack=0):
    low, high = min(low, high), max(low, high)
    assert low * (1 - share) - slack <= seen <= high * (1 + share) + slack, f"{what}: seen {seen}, expected {low} to {high}"


def memory_agrees(seen, before, after):
    for name, field in MEMSTATS.items():
        close(seen[f"go_memstats_{name}"], before[field], after[field], 0.02, name, STACKS if field.startswith("Stack") else 0)
    stats = after
    assert seen["go_gc_duration_seconds_count"] == stats["NumGC"]
    close(seen["go_gc_duration_seconds_sum"], stats["PauseTotalNs"] / 1e9, stats["PauseTotalNs"] / 1e9, 1e-9, "pauses")
    close(seen["go_memstats_last_gc_time_seconds"], stats["LastGC"] / 1e9, stats["LastGC"] / 1e9, 1e-12, "last collection")


def quiet(observer, worker, pid):
    """What is seen of a program at rest, and what it says before and after: all between the same two collections."""
    for _ in range(20):
        before = worker.get("/memstats")
        scrape = fresh(observer)
        after = worker.get("/memstats")
        if before["memstats"]["NumGC"] == after["memstats"]["NumGC"]:
            return scrape, own(scrape, pid), before, after
    raise AssertionError("it never rests")


def runtime_agrees(observer, worker, pid):
    scrape, seen, before, after = quiet(observer, worker, pid)
    close(seen["go_goroutines"], before["goroutines"], after["goroutines"], 0, "goroutines", CONNECTION)
    memory_agrees(seen, before["memstats"], after["memstats"])
    return scrape


def client_agrees(observer, worker, pid):
    """Every family of client_golang's two collectors is there, as it is there, and no other; values as near as two looks can be."""
    first = worker.fetch("/runtime")
    fresh(observer)
    text = fetch(observer.port, "/metrics")
    last = worker.fetch("/runtime")
    seen, expected = families(text), families(last)
    assert seen == expected, f"only here: {seen.items() - expected.items()}, only there: {expected.items() - seen.items()}" \
        if seen.keys() != expected.keys() else [(seen[name], expected[name]) for name in seen if seen[name] != expected[name]]
    mine, before, after = own(Samples(text), pid), Samples(first), Samples(last)
    for name in expected:
        if not name.startswith("process_"):
            continue
        slack = CONNECTION if name == "process_open_fds" else 0
        close(mine[name], before.one(name), after.one(name), 0 if name in BETWEEN else 0.01, name, slack)
    for name in ("go_threads", "go_gc_gogc_percent", "go_gc_gomemlimit_bytes", "go_sched_gomaxprocs_threads"):
        close(mine[name], before.one(name), after.one(name), 0, name)
    info = after.select("go_info")
    assert Samples(text).select("go_info", drop=("service",), pid=str(pid)) == info, f"go_info: {info}"


def worked(worker):
    """Some work, many goroutines that have ended, and some memory that is kept."""
    worker.run(tables=["public.orders", "public.items"], operations=["INSERT", "UPDATE"], events=5000, gc_ms=20,
               churn=400, stack_depth=50)


def agrees(binary):
    with Observer() as observer, Worker(fixture(binary)) as worker:
        observer.sees(worker.pid)
        worked(worker)
        for _ in range(3):
            runtime_agrees(observer, worker, worker.pid)
            client_agrees(observer, worker, worker.pid)
            worker.fetch("/gc", b"")
        found = drops(observer.scrape())
        assert not any(found[kind] for kind in ("refused", "wrong", "failed")), found


def case_runtime_of_go_1_23(_):
    agrees("worker-1.23")


def case_runtime_of_go_1_24(_):
    agrees("worker-1.24")


def case_runtime_of_go_1_25(_):
    agrees("worker-1.25")


def case_runtime_of_go_1_26(_):
    agrees("worker-1.26")


def case_runtime_of_go_1_27(_):
    agrees("worker-1.27")


def case_runtime_of_a_position_independent_executable(_):
    agrees("worker-1.25-pie")


def case_runtime_with_limits_of_memory_and_processors(_):
    """GOGC, GOMEMLIMIT and GOMAXPROCS as they are set; off is the largest number."""
    for env, gogc in (({"GOGC": "37", "GOMEMLIMIT": "64MiB", "GOMAXPROCS": "1"}, 37), ({"GOGC": "off"}, 2 ** 64)):
        with Observer() as observer, Worker(env=env) as worker:
            observer.sees(worker.pid)
            worked(worker)
            seen = own(runtime_agrees(observer, worker, worker.pid), worker.pid)
            assert seen["go_gc_gogc_percent"] == gogc, seen
            client_agrees(observer, worker, worker.pid)


def case_runtime_under_churn(_):
    """While goroutines and garbage come and go, numbers are those of some moment within."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        run = worker.start(sources=[f"s{i}" for i in range(300)], end="hold", events=20, churn=20, gc_ms=5,
                           checkpoint={"ms": 0}, backpressure={"check_ms": 3600000})
        worker.wait(id=run)
        for _ in range(20):
            before = worker.get("/memstats")
            seen = own(fresh(observer), worker.pid)
            after = worker.get("/memstats")
            assert before["goroutines"] > 600, "too few for 5 % to say anything"
            close(seen["go_goroutines"], before["goroutines"], after["goroutines"], 0.05, "goroutines")
            old, new = before["memstats"], after["memstats"]
            for name, field in (("memstats_alloc_bytes_total", "TotalAlloc"), ("memstats_mallocs_total", "Mallocs"),
                                ("memstats_frees_total", "Frees"), ("gc_duration_seconds_count", "NumGC")):
                close(seen[f"go_{name}"], old[field], new[field], 0, name)


# ---- whose they are ----

def case_runtime_of_two_processes_of_one_identity(_):
    """They are told apart by their pid, and only as long as there are two."""
    cgroups = containers.Cgroups()
    container = secrets.token_hex(32)
    path = f"/philoscope-test-{secrets.token_hex(4)}/docker/{container}"

    def pids(observer):
        scrape = fresh(observer)
        found = scrape.select("go_goroutines", drop=("service",), container_id=container[:12])
        assert found.keys() == scrape.select("process_start_time_seconds", drop=("service",), container_id=container[:12]).keys()
        return {dict(labels).get("pid") for labels in found}

    try:
        with Worker() as one, Worker() as other:
            for worker in (one, other):
                cgroups.move(worker.pid, path)
            with Observer(identity_pid=False) as observer:
                observer.sees(one.pid).sees(other.pid)
                until(lambda: pids(observer) == {str(one.pid), str(other.pid)}, "both of them")
                other.process.kill()
                until(lambda: pids(observer) == {None}, "the one alone")
    finally:
        cgroups.remove()


def child_of(pid):
    """The only child: what `unshare --fork` runs."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text())


def case_runtime_in_other_namespaces(_):
    """Another user, pid, network and mount namespace: the same numbers, and the bytes of its own network."""
    command = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc")
    with Observer() as observer, Worker(None, command=command) as worker:
        pid = child_of(worker.process.pid)
        assert worker.pid == 1 and pid > 1
        observer.sees(pid)
        worked(worker)
        runtime_agrees(observer, worker, pid)
        client_agrees(observer, worker, pid)


# ---- those that do not want to be read ----

def case_runtime_is_not_read_when_it_is_switched_off(_):
    for off, there in (("runtime", "process_"), ("process", "go_")):
        with Observer(f"--no-collector.{off}") as observer, Worker() as worker:
            observer.sees(worker.pid, "")
            scrape = fresh(observer)
            names = own(scrape, worker.pid)
            assert names and all(name.startswith(there) for name in names), names
            reasons = {dict(labels)["reason"] for labels in scrape.select("philoscope_probe_info", family=off)}
            assert reasons == {"family_off"}, reasons
    with Observer(env={"PHILOTES_METRICS_ENABLED": "false"}) as observer, Worker() as worker:
        observer.sees(worker.pid, "")
        assert not own(observer.scrape(), worker.pid)


def numgc_address(binary):
    """Of memstats.numgc, where it lies in memory, too."""
    return next(row["value"] for row in report_of(binary)["runtime"] if row["number"] == "memstats.numgc")


def stall(worker, binary):
    assert worker.fetch("/stall", numgc_address(binary).encode()) == "{}\n"


def late_once_more(observer):
    before = drops(observer.scrape())["late"]
    return drops(observer.scrape())["late"] > before


def case_runtime_of_a_process_that_stalls_its_memory(_):
    """A scrape has the last numbers of it, all of everybody else, and says so; who comes later has none. The end does not wait."""
    if os.geteuid() != 0:
        raise Skip("userfaultfd takes root")
    binary = fixture("worker-1.25")
    with Worker(binary) as bad, Worker(binary) as good:
        with Observer() as observer:
            for worker in (bad, good):
                observer.sees(worker.pid)
                worked(worker)
            known = own(fresh(observer), bad.pid, "go_")
            assert len(known) > 25, known
            stall(bad, binary)
            until(lambda: late_once_more(observer), "late samples")
            old = None
            for _ in range(5):
                scrape = observer.scrape()
                seen = own(scrape, bad.pid)
                assert known.keys() <= seen.keys() and "process_open_fds" in seen, seen.keys()
                old = old or {name: value for name, value in seen.items() if name.startswith("go_")}
                assert old.items() <= seen.items(), "numbers of a process that does not answer have changed"
                close(own(scrape, good.pid)["go_goroutines"], *[good.get("/memstats")["goroutines"]] * 2, 0, "goroutines", CONNECTION)
            with Observer() as later:
                later.sees(bad.pid).sees(good.pid)
                until(lambda: late_once_more(later), "late samples")
                scrape = later.scrape()
                assert not own(scrape, bad.pid, "go_") and own(scrape, bad.pid, "process_")
                assert scrape.select("go_info", pid=str(bad.pid)) and own(scrape, good.pid, "go_")
                assert later.stop() == 0
            bad.process.kill()
            bad.process.wait()
            until(lambda: not late_once_more(observer), "the end of late samples")
            assert not own(observer.scrape(), bad.pid) and own(observer.scrape(), good.pid)
            assert observer.stop() == 0


def case_runtime_of_many_that_stall_their_memory(_):
    """More than there are threads to begin with: the others are shown from the next scrape on."""
    binary = fixture("worker-1.25")
    with Observer() as observer:
        workers = [Worker(binary).__enter__() for _ in range(8)]
        try:
            for worker in workers:
                observer.sees(worker.pid)
            for worker in workers[::2]:
                stall(worker, binary)

            def all_others():
                scrape = observer.scrape()
                return all(own(scrape, worker.pid, "go_") for worker in workers[1::2])

            until(all_others, "the numbers of the others")
            until(lambda: late_once_more(observer), "late samples")
            assert all_others()
        finally:
            for worker in workers:
                worker.__exit__()


def is_zombie(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def case_runtime_of_a_zombie(_):
    """It has no numbers, and a scrape goes on without it."""
    with Observer() as observer, Worker() as worker:
        observer.sees(worker.pid)
        worked(worker)
        assert own(fresh(observer), worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: is_zombie(worker.pid), "a zombie")
        scrape = observer.scrape()
        assert not own(scrape, worker.pid) and not scrape.select("go_info", pid=str(worker.pid))
        found = drops(scrape)
        assert not any(found[kind] for kind in ("refused", "wrong", "failed")), found


def ends_unnoticed(observer):
    """How often a process is counted as gone that is killed: by five scrapes, none of which shows it."""
    with Worker() as worker:
        observer.sees(worker.pid, "")
        before = drops(fresh(observer))
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: is_zombie(worker.pid), "a zombie")
        for _ in range(5):
            scrape = observer.scrape()
            assert not own(scrape, worker.pid) and not scrape.select("go_info", pid=str(worker.pid))
        after = drops(scrape)
        assert all(after[kind] == before[kind] for kind in ("refused", "wrong", "failed")), (before, after)
        return after["gone"] - before["gone"]


def case_runtime_of_a_process_that_ends_unnoticed(_):
    """One that nothing was counted of: no event tells of its end. It is counted as gone once, not at each scrape."""
    with Observer(*all_collectors_off(but=("runtime", "process"))) as observer:
        gone = [ends_unnoticed(observer) for _ in range(3)]
        # Once for either family. A slow look for processes may forget it first; others of this host may end meanwhile.
        assert 2 in gone and max(gone) <= 2, gone


def case_runtime_of_processes_that_end_during_scrapes(_):
    """Whole or not at all (unless this machine was late with some), and every scrape is answered."""
    with Observer() as observer, Worker() as first:
        observer.sees(first.pid)
        scrape = fresh(observer)
        expected, late = own(scrape, first.pid).keys(), drops(scrape)["late"]
        seen, ended, workers, punctual = set(), [], [], 0
        try:
            for round_number in range(60):
                if round_number % 3 == 0:
                    workers.append(Worker().__enter__())
                    observer.sees(workers[-1].pid)
                if len(workers) > 3:
                    ended.append(workers.pop(0))
                    os.kill(ended[-1].pid, random.choice((signal.SIGTERM, signal.SIGKILL)))
                scrape = observer.scrape()
                late_before, late = late, drops(scrape)["late"]
                punctual += late == late_before
                for worker in workers + ended:
                    names = own(scrape, worker.pid).keys()
                    assert not names or names == expected or worker in ended or late > late_before, names ^ expected
                    if names:
                        seen.add(worker.pid)
        finally:
            for worker in workers + ended:
                worker.__exit__()
        assert len(seen) > 10 and punctual, f"{len(seen)} were seen, {punctual} scrapes had all samples"
        found = drops(observer.scrape())
        assert not any(found[kind] for kind in ("refused", "failed")), found


def case_runtime_that_may_not_be_read(_):
    """Without the right to read its memory: what /proc shows to everybody, and that it was refused."""
    if not shutil.which("setpriv"):
        raise Skip("no setpriv")
    without = ("setpriv", "--bounding-set", "-sys_ptrace")
    # In this order: else two execs of one process are told, and a slow observer sees the worker at both, and none in between.
    with Worker(None, command=without) as worker, Observer(command=without) as observer:
        observer.sees(worker.pid)
        assert own(fresh(observer), worker.pid, "go_")
        assert worker.post("/hide")["hidden"]
        scrape = fresh(observer)
        assert not own(scrape, worker.pid, "go_") and "process_cpu_seconds_total" in own(scrape, worker.pid)
        found = drops(scrape)
        assert found["refused"] and not found["wrong"] and not found["failed"], found
