# SPDX-License-Identifier: Apache-2.0
"""What is attached to, what is not, and that the target does not notice."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess

import compare
import hostview
from programs import FIXTURES, Observer, Program, ROOT, Skip, Worker, all_collectors_off, fixture, until

STATE = "philotes_cdc_pipeline_state"
NEVER_MS = 3600000
CYCLES, CYCLES_PERF_EVENT = 500, 20
CYCLE_ATTACH = pathlib.Path(os.environ.get("PHILOSCOPE_TOOLS", str(ROOT / "build/tools"))) / "cycle_attach"


# ---- late attach: each of the three ways a state is learnt by, alone ----

def state_after(worker, run, learn=lambda: None):
    """The state an observer that comes now shows, once `learn` was done."""
    with Observer() as observer:
        observer.sees(worker.pid)
        learn()
        seen = lambda: observer.scrape().select(STATE, drop=("service",), pid=str(worker.pid))  # noqa: E731
        with compare.explained(observer, worker.pid):
            until(seen, "the state")
        compare.same(seen(), worker.oracle().select(STATE), STATE)
        compare.no_drops(observer.scrape())


def case_state_after_the_next_event(_):
    with Worker() as worker:
        run = worker.start(events=3, end="hold", checkpoint={"ms": 0}, backpressure={"check_ms": NEVER_MS})
        worker.wait(id=run)

        def feed():
            worker.post("/feed", id=run, events=1)
            worker.wait(id=run)
        state_after(worker, run, feed)


def case_state_after_a_checkpoint_tick(_):
    """Without an event and without a check of back-pressure. The tick saves only when there is something new to save."""
    with Worker() as worker:
        run = worker.start(events=3, end="hold", checkpoint={"ms": 20}, backpressure={"check_ms": NEVER_MS})
        worker.wait(id=run)
        state_after(worker, run)


def case_state_after_a_check_of_back_pressure(_):
    with Worker() as worker:
        run = worker.start(events=3, end="hold", checkpoint={"ms": 0}, backpressure={"check_ms": 20})
        worker.wait(id=run)
        state_after(worker, run)


def case_state_of_a_pipeline_that_is_paused_for_good(_):
    """Two sources, of which one is paused: no event, no checkpoint, only back-pressure that goes on asking."""
    with Worker() as worker:
        run = worker.start(sources=["postgres-shop", "postgres-stuck"], events=3, end="hold", checkpoint={"ms": 0},
                           backpressure={"high": 8000, "low": 5000, "check_ms": 20})
        worker.wait(id=run)
        worker.post("/size", id=run, source="postgres-stuck", size=9000)
        worker.wait(id=run, source="postgres-stuck", state=2)
        with Observer() as observer:
            observer.sees(worker.pid)
            states = lambda: observer.scrape().select(STATE, drop=("service",), pid=str(worker.pid))  # noqa: E731
            until(lambda: len(states()) == 2, "both states")
            compare.same(states(), worker.oracle().select(STATE), STATE)
            assert sorted(states().values()) == [1, 2]
            assert not observer.scrape().total(compare.EVENTS, pid=str(worker.pid))
            worker.post("/size", id=run, source="postgres-stuck", size=0)
            worker.wait(id=run, source="postgres-stuck", state=1)
            compare.same(states(), worker.oracle().select(STATE), STATE)


# ---- one file under several names and devices ----

def overlay(lower, mountpoint):
    """A command that runs the program that follows inside its own mounts: `mountpoint` shows `lower` through overlayfs."""
    other = lower.parent / "other"
    other.mkdir(exist_ok=True)
    script = 'mount -t overlay overlay -o "lowerdir=$1:$2" "$3" && shift 3 && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh", str(lower), str(other), str(mountpoint))


def can_overlay(folder):
    lower = folder / "lower"
    done = subprocess.run([*overlay(lower, folder / "a"), "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"overlayfs can't be mounted: {done.stderr.strip()}")


def images_over_overlayfs(folder):
    """One inode through two mounts of one lower layer, by its own name and a hard link; and a copy, an inode of its own."""
    for name in ("lower", "a", "b"):
        (folder / name).mkdir()
    worker = folder / "lower/worker"
    shutil.copy(fixture("worker-1.25"), worker)
    os.link(worker, folder / "link")
    shutil.copy(worker, folder / "copy")
    can_overlay(folder)
    return [(folder / "a/worker", overlay(folder / "lower", folder / "a")),
            (folder / "b/worker", overlay(folder / "lower", folder / "b")),
            (worker, ()), (folder / "link", ()), (folder / "copy", ())]


def every_hit_once(observer, workers):
    for i, worker in enumerate(workers):
        observer.sees(worker.pid)
        worker.run(tables=["public.orders", "public.items"], events=100 + i, stack_depth=10)
    scrape = compare.counters(observer, *workers)
    compare.no_drops(scrape)
    for worker in workers:
        compare.durations(scrape, worker, 1)


def case_one_inode_over_overlayfs_and_links_observer_first(folder):
    with contextlib.ExitStack() as stack:
        images = images_over_overlayfs(folder)
        observer = stack.enter_context(Observer())
        every_hit_once(observer, [stack.enter_context(Worker(str(path), command=command)) for path, command in images])


def case_one_inode_over_overlayfs_and_links_observer_last(folder):
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(str(path), command=command)) for path, command in images_over_overlayfs(folder)]
        every_hit_once(stack.enter_context(Observer()), workers)


def case_a_mount_goes_on_when_the_first_one_is_gone(folder):
    """The executable was attached to through the mount of a process that ends."""
    with contextlib.ExitStack() as stack:
        (a, in_a), (b, in_b), *_ = images_over_overlayfs(folder)
        observer = stack.enter_context(Observer())
        with Worker(str(a), command=in_a) as first:
            observer.sees(first.pid)
            second = stack.enter_context(Worker(str(b), command=in_b))
            observer.sees(second.pid)
            first.run(events=10)
            assert first.stop()[0] == 0
        every_hit_once(observer, [second, stack.enter_context(Worker(str(b), command=in_b))])


# ---- the worker is unharmed ----

# Sources that fail, panic and retry; every goroutine's stack grows and shrinks.
LOAD = {"sources": ["postgres-shop", "postgres-billing"], "tables": ["public.orders", "public.items"],
        "operations": ["INSERT", "UPDATE"], "events": 100, "events_per_run": 100, "stack_depth": 40, "write_depth": 20,
        "churn": 4, "gc_ms": 5, "fail_attempts": 1, "fail_every": 37, "permanent_every": 101, "panic_every": 67,
        "no_stamps": True}


def load_until(worker, ended, **more):
    """Run after run; how many."""
    runs = 0
    while not ended(runs):
        worker.run(**LOAD, **more)
        runs += 1
    return runs


def good_end(worker):
    """What the worker printed at its end."""
    code, rest = worker.stop()
    assert code == 0 and not worker.log, f"exit {code}: {worker.log}"
    return rest


def cycles_of(observer):
    """Detaching perf_event links takes the kernel seconds."""
    return CYCLES if any("uprobe_multi" in text for text in hostview.fdinfos(observer.pid)) else CYCLES_PERF_EVENT


def case_worker_unharmed_by_500_cycles(_):
    """Probes are put in and taken out under goroutines whose stacks move; the worker's last line stays what it was."""
    if not CYCLE_ATTACH.exists():
        raise Skip(f"no {CYCLE_ATTACH}")
    with Worker() as worker:
        with Observer() as observer:
            cycles = cycles_of(observer.sees(worker.pid))
        with Program([str(CYCLE_ATTACH), str(worker.pid), str(cycles)]) as tool:
            runs = load_until(worker, lambda _: tool.process.poll() is not None, rate=4000, burst=40)
            code, said = tool.process.wait(), tool.process.stdout.read()
            assert code == 0 and said == f"{cycles} cycles\n", f"exit {code}: {said}{tool.log}"
        assert runs > 1, "the cycles were over before the load began"
        seen = good_end(worker)
    with Worker() as worker:
        load_until(worker, lambda count: count == runs)
        expected = good_end(worker)
    assert json.loads(seen)["exit"][0]["lanes"][0]["panics"] > 0, seen
    assert seen == expected, f"{seen}\nnot\n{expected}"


# ---- who is not attached to ----

def reader(*command):
    """A process that waits until its input ends."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def not_philotes():
    """Go programs of the matrix that run here, and programs that are none."""
    names = sorted(path.name for path in (FIXTURES / "bare").glob("bare-*-amd64-*")
                   if path.suffix != ".buildinfo" and "ext" not in path.name)
    if not names:
        raise Skip("no parser matrix")
    chosen = [name for version in ("1.19", "1.23", "1.25", "1.27") for name in names if f"-{version}" in name]
    return [(str(FIXTURES / "bare" / name), "-wait") for name in chosen] + [("cat",), ("sh", "-c", "read x")]


def attached(observer):
    """Links, sites and binaries as the observer and the kernel have them."""
    scrape = observer.scrape()
    return ({item for item in hostview.bpf_ids(observer.pid) if item[0] == "link"},
            scrape.select("philoscope_probe_sites"),
            {dict(key)["binary"] for key in scrape.select("philoscope_probe_info")})


def case_other_programs_are_not_probed(_):
    """Some run when the observer comes, some come later; one worker beside them is probed as ever."""
    programs = not_philotes()
    with contextlib.ExitStack() as stack:
        def start(commands):
            for command in commands:
                process = reader(*command)
                stack.callback(process.wait)
                stack.callback(process.stdin.close)
                yield process
        early = list(start(programs))
        worker = stack.enter_context(Worker())
        observer = stack.enter_context(Observer())
        observer.sees(worker.pid)
        before = attached(observer)
        late = list(start(programs))
        with Worker() as last:  # execs are looked at in order: when it was seen, all others were
            observer.sees(last.pid)
            after = attached(observer)
            if before[2] != after[2]:
                raise Skip("other Philotes images appeared on this host")
            assert before == after, f"{before} became {after}"
            for process, command in zip(early + late, programs * 2):
                assert process.poll() is None, f"{command} died"
                assert not observer.logged(f"process {process.pid} is"), f"{command} is a target"
                changed = hostview.changed_text(process.pid)
                assert not changed, f"code of {command} is changed at {changed[:5]}"
            last.run(events=20)
            compare.counters(observer, last)


def case_families_that_are_off_attach_nothing(_):
    with Observer(*all_collectors_off()) as observer, Worker() as worker:
        observer.sees(worker.pid, "refused")
        worker.run(events=20)
        scrape = observer.scrape()
        assert not scrape.total(compare.EVENTS, pid=str(worker.pid))
        assert scrape.total("philoscope_probe_sites", state="attached") == 0
        assert not [text for text in hostview.fdinfos(observer.pid) if "uprobe" in text or "link_type:\tperf" in text], \
            "there are links to targets"
        compare.worker_is_off(scrape)
        compare.unprobed(worker.pid, observer.pid)


# ---- names and files ----

ODD_NAMES = ["ls", "two words", "a) S 1 (b", "naïve-worker", "new\nline", "-rf", "x" * 255, "philotes-api", "philoscope",
             "bad-\udcff-bytes", "quote\"'s"]


def case_names_do_not_matter(folder):
    """Philotes is what the file holds. Every name is an inode of its own, and all are one image."""
    with Observer() as observer, contextlib.ExitStack() as stack:
        workers = []
        for name in ODD_NAMES:
            shutil.copy(fixture("worker-1.25"), folder / name)
            workers.append(stack.enter_context(Worker(str(folder / name))))
        for worker in workers:
            observer.sees(worker.pid)
            worker.run(events=5)
        compare.no_drops(compare.counters(observer, *workers))
        binaries = {dict(key)["binary"] for key in observer.scrape().select("philoscope_probe_info", service="worker")}
        assert not [line for line in observer.log if "level=warn" in line or "level=error" in line], observer.log
    assert binaries, "no image"


def case_executable_deleted_while_it_runs(folder):
    """Label texts are read from the file, which has no name any more; and the observer may come before or after that."""
    for late in (False, True):
        path = folder / f"worker-{late}"
        shutil.copy(fixture("worker-1.25"), path)
        with Worker(str(path)) as worker, contextlib.ExitStack() as stack:
            if late:
                path.unlink()
            observer = stack.enter_context(Observer())
            observer.sees(worker.pid)
            if not late:
                path.unlink()
            worker.run(tables=["public.orders", "public.items"], operations=["INSERT", "DELETE"], events=20)
            compare.no_drops(compare.counters(observer, worker))


def case_executable_replaced_while_it_runs(folder):
    """An upgrade in place: old processes go on with the old file, new ones have the new one under the same name."""
    path, new = folder / "worker", folder / "new"
    shutil.copy(fixture("worker-1.25"), path)
    with Observer() as observer, Worker(str(path)) as old:
        observer.sees(old.pid)
        shutil.copy(fixture("worker-1.24"), new)
        os.replace(new, path)
        with Worker(str(path)) as replaced:
            observer.sees(replaced.pid)
            for worker in (old, replaced):
                worker.run(tables=["public.orders", "public.items"], events=20)
            compare.no_drops(compare.counters(observer, old, replaced))


def damaged(source, target):
    """An executable of module Philotes whose function table nobody can read, not even itself: it dies as it starts."""
    content = bytearray(pathlib.Path(source).read_bytes())
    at = content.find(b"\xf1\xff\xff\xff\x00\x00\x01\x08")
    assert at > 0, "no pclntab"
    content[at + 6] = 3  # the instruction size
    target.write_bytes(content)
    target.chmod(0o755)


@contextlib.contextmanager
def stopped_at_its_start(command):
    """A traced process stops at exec, before its first instruction."""
    trace_me = 0
    process = subprocess.Popen(command, preexec_fn=lambda: ctypes.CDLL(None).ptrace(trace_me, 0, 0, 0))
    try:
        yield process
    finally:
        os.kill(process.pid, signal.SIGKILL)  # Popen takes a traced stop for the end
        while not os.WIFSIGNALED(os.waitpid(process.pid, 0)[1]):
            pass
        process.returncode = -signal.SIGKILL


def case_a_target_that_is_refused_does_not_stop_others(folder):
    """One that dies at once, and one that stays; what comes behind them is attached as ever."""
    cut = folder / "cut"
    damaged(fixture("worker-1.25"), cut)
    with Observer() as observer, Worker() as before:
        observer.sees(before.pid)
        done = subprocess.run([str(cut)], capture_output=True, check=False)
        assert done.returncode, "the damaged worker runs: damage it better"
        with stopped_at_its_start([str(cut)]) as process:
            observer.sees(process.pid, "refused")
            assert not hostview.changed_text(process.pid)
            scrape = observer.scrape()
            assert scrape.total("philoscope_targets", state="refused") >= 1
            assert scrape.select("philoscope_probe_info", state="skipped", reason="malformed"), "no reason"
            with Worker() as after:
                for worker in (before, after):
                    observer.sees(worker.pid)
                    worker.run(events=10)
                compare.counters(observer, before, after)
        assert not [line for line in observer.log if "level=error" in line], observer.log
