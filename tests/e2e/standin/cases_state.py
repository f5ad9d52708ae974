# SPDX-License-Identifier: Apache-2.0
"""State that outlives the observer: killed, stopped, replaced by another build, it loses nothing and doubles nothing."""
import contextlib
import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess

import bpffs
import compare
import hostview
from cases_cli import FAILED, OK, USAGE, fails, philoscope, refuses, report_of
from cases_lifecycle import added, as_pid, difference, of
from load import Load, exact
from programs import PHILOSCOPE, ROOT, Observer, Skip, Worker, all_collectors_off, fixture, until

TOOLS = os.environ.get("PHILOSCOPE_TOOLS", str(ROOT / "build/tools"))
ALL_OPERATIONS = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
TWO_TABLES = ["public.orders", "public.items"]
STATE = "philotes_cdc_pipeline_state"
FAULTS_BUILD = os.path.join(TOOLS, "philoscope_faults")


def kill(observer):
    observer.process.kill()
    assert observer.process.wait() == -signal.SIGKILL, "it had ended before"


def stop(observer):
    code = observer.stop()
    assert code == 0, f"exit {code}: {''.join(observer.log)}"


def killed_after(seconds, observer):
    """SIGKILL at this moment of its life, whatever it is doing."""
    try:
        observer.process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(observer)
    else:
        raise AssertionError(f"it ended by itself: {''.join(observer.log)}")
    finally:
        observer.__exit__()


def page(scrape):
    """All that is said of targets, but for the process's own numbers, and its connections: the test's own are among them."""
    return {key: value for key, value in scrape.values.items()
            if key[0].startswith("philotes_") and not key[0].startswith("philotes_socket_")}


def grown(after, before):
    """What came, series by series."""
    return {key: value for key, value in difference(after, before).items() if value}


def chance():
    """Its seed is printed: PHILOSCOPE_SEED gives the same again."""
    seed = int(os.environ.get("PHILOSCOPE_SEED", random.randrange(1 << 32)))
    print(f"PHILOSCOPE_SEED={seed}", flush=True)
    return random.Random(seed)


# ---- killed ----

def killed_under_load(folder, kills, **order):
    """SIGKILL after SIGKILL: while it counts, looks for processes, swaps programs, or shows its page."""
    moments = chance()
    with bpffs.mounted(folder) as place, Worker() as worker:
        with Observer(state=place / "state") as observer, Load(worker, **order) as load:
            observer.sees(worker.pid)
            load.begin()
            until(lambda: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)), "load")
            kill(observer)
            for _ in range(kills - 1):
                killed_after(moments.uniform(0, 0.6), Observer(state=place / "state"))
            with Observer(state=place / "state") as last:
                last.sees(worker.pid)
                before = page(exact(last, worker, load))
                kill(last)
            with Observer(state=place / "state") as after:
                after.sees(worker.pid)
                compare.same(page(after.scrape()), before, "the page before and after")


def last_site():
    """Which time of passing is the last site's."""
    return sum(site["state"] == "attach" for site in report_of(fixture("worker-1.25"))["sites"])


def case_five_kills_under_full_load(folder):
    killed_under_load(folder, 5)


def soak_twenty_kills_under_full_load(folder):
    killed_under_load(folder, 20, events=8000, churn=8, fail_every=17)


# ---- replaced ----

def case_twenty_upgrades_under_full_load(folder):
    """Another build takes over, stopped and killed in turns."""
    with bpffs.mounted(folder) as place, Worker() as worker, Load(worker, events=3000) as load:
        for turn in range(20):
            with Observer(state=place / "state", binary=(PHILOSCOPE, FAULTS_BUILD)[turn % 2]) as observer:
                observer.sees(worker.pid)
                if turn == 0:
                    load.begin()
                (stop, kill)[turn // 2 % 2](observer)
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            exact(observer, worker, load)


def case_a_stop_keeps_counting(folder):
    """SIGTERM and SIGINT are good ends, and what is pinned stays."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        for number in (signal.SIGTERM, signal.SIGINT):
            with Observer(state=place / "state") as observer:
                observer.sees(worker.pid)
                objects = bpffs.objects(place / "state")
                observer.process.send_signal(number)
                assert observer.process.wait() == OK, observer.log
                assert not [line for line in observer.log if "level=warn" in line or "level=error" in line], observer.log
            assert all(hostview.bpf_exists(*item) for item in objects)
            worker.run(events=20)
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            compare.no_drops(compare.counters(observer, worker))


def case_another_schema_under_full_load(folder):
    """Nothing of it is understood: it is replaced, which is said, and counting begins anew."""
    with bpffs.mounted(folder) as place, Worker() as worker, Load(worker) as load:
        state = place / "state"
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            load.begin()
            until(lambda: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)), "load")
            kill(observer)
        ours, old, seen_then = bpffs.schema(state), bpffs.objects(state), worker.oracle()
        bpffs.set_schema(state, ours + 7)
        done = philoscope("status", f"--state.dir={state}")
        assert done.returncode == OK and str(ours + 7) in done.stdout and str(ours) in done.stdout, done
        with Observer(state=state) as observer:
            said = [line for line in observer.log if "level=warn" in line]
            assert len(said) == 1 and str(state) in said[0] and f"schema {ours + 7}" in said[0], observer.log
            observer.sees(worker.pid)
            assert bpffs.schema(state) == ours
            load.finish()
            first, rest = observer.scrape(), worker.oracle()
            counted = first.total(compare.EVENTS, pid=str(worker.pid))
            assert counted <= rest.total(compare.EVENTS) - seen_then.total(compare.EVENTS), "more than there was since"
            run = worker.start(sources=["postgres-since"], tables=TWO_TABLES, events=100)
            worker.wait(id=run)
            last = observer.scrape()
            compare.same(grown(of(last, compare.EVENTS, worker.pid), of(first, compare.EVENTS, worker.pid)),
                         grown(of(worker.oracle(), compare.EVENTS), of(rest, compare.EVENTS)), compare.EVENTS)
            compare.durations(last, worker, run)
            compare.no_drops(last)
            until(lambda: not [item for item in old if hostview.bpf_exists(*item)], "the end of all that was kept")


# ---- what comes and goes while nobody looks ----

def case_workers_that_nobody_saw(folder):
    """One that stays and one that came and went, of a file that is gone; and an image that nobody knew."""
    path = folder / "worker"
    shutil.copy(fixture("worker-1.25"), path)
    with bpffs.mounted(folder) as place, contextlib.ExitStack() as stack:
        state = place / "state"
        with Worker(str(path)) as known, Observer(state=state) as observer:
            observer.sees(known.pid)
            kill(observer)
            known.run(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=10)
        stays = stack.enter_context(Worker(str(path)))
        with Worker(str(path)) as gone:
            for worker in (stays, gone):
                worker.run(tables=TWO_TABLES, operations=ALL_OPERATIONS, events=20)
            pid, oracle = gone.pid, gone.oracle()
            gone.stop()
        path.unlink()
        new = stack.enter_context(Worker(fixture("worker-1.24")))
        new.run(events=5)
        observer = stack.enter_context(Observer(state=state))
        observer.sees(stays.pid).sees(new.pid)
        scrape = compare.counters(observer, stays)
        compare.same(of(scrape, compare.EVENTS, pid), of(oracle, compare.EVENTS), "the one that came and went")
        assert not of(scrape, STATE, pid) and not of(scrape, "philotes_cdc_lag_seconds", pid), "gauges of the dead"
        assert not of(scrape, compare.EVENTS, new.pid), "events of the past were counted"
        before = new.oracle()
        new.run(tables=TWO_TABLES, events=10)
        scrape = observer.scrape()
        compare.same(of(scrape, compare.EVENTS, new.pid), grown(of(new.oracle(), compare.EVENTS), of(before, compare.EVENTS)),
                     "the new image")
        compare.no_drops(scrape)


def case_other_flags_under_load(folder):
    """
    A family that is switched off has no probes left, and its counters stay; switched on again, it counts the same workers, and
    what was in flight when it went or came has no duration.
    """
    with bpffs.mounted(folder) as place, Worker() as worker, Load(worker, retry={"max_attempts": 3, "backoff_us": 20000}) as load:
        state, seen = place / "state", {}
        for turn, flags in enumerate(([], all_collectors_off(), [], all_collectors_off(), [])):
            with Observer(*flags, state=state) as observer:
                observer.sees(worker.pid, "refused" if flags else "attached")
                if turn == 0:
                    load.begin()
                if flags:
                    compare.unprobed(worker.pid)
                    at_rest = of(observer.scrape(), compare.EVENTS, worker.pid)
                    since = worker.oracle().total(compare.EVENTS)
                    until(lambda n=since: worker.oracle().total(compare.EVENTS) > n + 1000, "load")
                    compare.same(of(observer.scrape(), compare.EVENTS, worker.pid), at_rest, "while it is off")
                else:
                    floor = sum(seen.values())
                    until(lambda n=floor: observer.scrape().total(compare.EVENTS, pid=str(worker.pid)) > n, "new events")
                now = of(observer.scrape(), compare.EVENTS, worker.pid)
                assert all(now.get(key, 0) >= value for key, value in seen.items()), "a counter went down"
                seen = now
                kill(observer)
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            load.finish()
            no_duration_is_too_long(observer, worker, load.runs)
            first, before = observer.scrape(), worker.oracle()
            run = worker.start(sources=["postgres-since"], tables=TWO_TABLES, events=100)
            worker.wait(id=run)
            last = observer.scrape()
            compare.same(grown(of(last, compare.EVENTS, worker.pid), of(first, compare.EVENTS, worker.pid)),
                         grown(of(worker.oracle(), compare.EVENTS), of(before, compare.EVENTS)), compare.EVENTS)
            compare.durations(last, worker, run)
            assert last.total("philoscope_drops_total", reason="foreign_image") == 0


def no_duration_is_too_long(observer, worker, runs):
    """Those that were timed are some of the real ones: not longer than the longest, in sum not longer than all."""
    scrape = observer.scrape()
    for run in runs:
        for stamps in worker.stamps(run):
            labels = {"pid": str(worker.pid), "source": stamps["source"]}
            if not scrape.select(f"{compare.DURATION}_count", **labels):
                continue
            counts = compare.buckets(scrape, compare.DURATION, **labels)
            assert scrape.one(f"{compare.DURATION}_sum", **labels) <= stamps["outer_ns"] / 1e9
            for i, count in enumerate(n - m for n, m in zip(counts, [0, *counts])):
                longest = sum(stamps["outer_buckets"][i:])
                assert count <= longest, f"{count} durations in bucket {i} of {stamps['source']}, where {longest} at most can be"


# ---- the same identity ----

def case_restarts_of_both_add_up(folder):
    """Workers and observers come and go in every order; under one identity nothing goes down and nothing is counted twice."""
    source, expected, shown = f"postgres-{random.randrange(1 << 40):x}", {}, 0
    options = {"state": folder / "bpffs/state", "identity_pid": False}
    moments = chance()
    with bpffs.mounted(folder):
        with Observer(**options) as observer, Worker() as worker:
            observer.sees(worker.pid)
            kill(observer)
        for _ in range(8):
            with contextlib.ExitStack() as stack:
                if moments.random() < 0.5:
                    stack.enter_context(Observer(**options))
                worker = stack.enter_context(Worker())
                worker.run(sources=[source], tables=TWO_TABLES, operations=ALL_OPERATIONS, events=moments.randint(1, 40))
                expected = added(expected, of(worker.oracle(), compare.EVENTS))
                if moments.random() < 0.7:
                    worker.stop()
                else:
                    stack.callback(worker.process.kill)
            with Observer(**options) as observer:
                scrape = observer.scrape()
                compare.same(scrape.select(compare.EVENTS, drop=("service",), source=source),
                             {frozenset(label for label in key if label[0] != "source"): value for key, value in expected.items()},
                             compare.EVENTS)
                assert sum(expected.values()) > shown
                shown = sum(expected.values())
                compare.no_drops(scrape)


def case_an_identity_stays_settled(folder):
    """
    What a process was named once it is named for good, also when the node can't tell any more: here the name is of a container
    that never was.
    """
    with bpffs.mounted(folder) as place, Worker() as worker:
        state = place / "state"
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            worker.run(events=10)
            compare.counters(observer, worker)
            kill(observer)
        name_containers(state, "c0ffee000000")
        for _ in range(2):
            worker.run(events=10)
            with Observer(state=state) as observer:
                observer.sees(worker.pid)
                seen = observer.scrape().select(compare.EVENTS, drop=("service",), pid=str(worker.pid), container_id="c0ffee000000")
                compare.same(seen, worker.oracle().select(compare.EVENTS), compare.EVENTS)
                kill(observer)
        pid, oracle = worker.pid, worker.oracle()
        worker.stop()
        with Observer(state=state) as observer:
            seen = observer.scrape().select(compare.EVENTS, drop=("service",), pid=str(pid), container_id="c0ffee000000")
            compare.same(seen, oracle.select(compare.EVENTS), "when it is gone")


def name_containers(state, name):
    """Every identity gets this container_id: behind service, namespace, pod and container in struct identity."""
    at = 64 + 64 + 254 + 64
    with bpffs.Map(state / "maps/identities") as identities:
        assert identities.items(), "no identity"
        for key, value in identities.items().items():
            identities.put(key, value[:at] + name.encode().ljust(13, b"\0") + value[at + 13:])


# ---- images that nobody runs ----

def case_an_unused_image_is_released(folder):
    """Its links keep a file system busy. Who runs it again is counted again, and nothing is forgotten."""
    pid, counted = hostview.free_pid(), []
    with bpffs.mounted(folder) as place, Observer("--image.ttl=1s", state=place / "state") as observer:
        for _ in range(2):
            with Worker(command=as_pid(pid)) as worker:
                observer.sees(pid)
                observer.log.clear()
                assert bpffs.entries(place / "state")["links"] == 1
                run = worker.start(sources=[f"postgres-{len(counted)}"], tables=TWO_TABLES, events=20)
                worker.wait(id=run)
                counted.append(of(worker.oracle(), compare.EVENTS))
                scrape = observer.scrape()
                compare.same(of(scrape, compare.EVENTS, pid), added(*counted), compare.EVENTS)
                compare.durations(scrape, worker, run)
                worker.stop()
            objects = {item for path in (place / "state").glob("image_*") for item in bpffs.objects(path) if item[0] == "link"}
            assert objects, "no link"
            until(lambda: bpffs.entries(place / "state")["images"] == 0, "the release")
            until(lambda o=objects: not [item for item in o if hostview.bpf_exists(*item)], "the end of the links")
            assert not list((place / "state").glob("image_*")), "something of the image is left"
            compare.same(of(observer.scrape(), compare.EVENTS, pid), added(*counted), compare.EVENTS)
        compare.no_drops(observer.scrape())


# ---- growth ----

def case_a_hundred_restarts_leave_no_growth(folder):
    with bpffs.mounted(folder) as place, Worker() as worker:
        state = place / "state"

        def restart(turn):
            with Observer(state=state) as observer:
                observer.sees(worker.pid)
                (stop, kill)[turn % 2](observer)

        for turn in range(4):
            restart(turn)
        worker.run(events=10)
        kept, before = bpffs.shape(state), bpffs.host_objects()
        for turn in range(100):
            restart(turn)
        bpffs.same_shape(bpffs.shape(state), kept, forgotten=["identities"])
        no_more_than(before)


def no_more_than(before):
    """Numbers of the whole host mean something only when nobody else observes."""
    def over():
        now = bpffs.host_objects()
        return {kind: (n, now[kind]) for kind, n in before.items() if now[kind] > n}
    others = until(lambda: hostview.probes_of_others() or (not over() and ["nobody"]), f"no more than {before}")
    if over():
        raise Skip(f"processes {others} hold probes, too: what the host has can't be compared")


def restarts_again_and_again(folder, times):
    """One identity, one image: in the end the kernel has no more than after the first."""
    source = f"postgres-{random.randrange(1 << 40):x}"
    with bpffs.mounted(folder) as place, Observer(state=place / "state", identity_pid=False) as observer:
        def once(see=False):
            with Worker() as worker:
                if see:
                    observer.sees(worker.pid)
                worker.run(sources=[source], tables=TWO_TABLES, events=5)
                worker.stop()

        def rest():
            # The last that is forgotten is whose a process was, and its sockets.
            left = lambda: bpffs.entries(place / "state")  # noqa: E731
            until(lambda: not any(left().get(name) for name in ("processes", "owners", "socket_targets")), "the end of all records")
            return bpffs.shape(place / "state")
        once(see=True)
        before, opened, files = rest(), hostview.bpf_ids(observer.pid), hostview.descriptors(observer.pid)
        for _ in range(times):
            once()
        bpffs.same_shape(rest(), before)
        # It may look at some process of the host at this moment, or have done so then.
        until(lambda: hostview.bpf_ids(observer.pid) <= opened and hostview.descriptors(observer.pid) <= files, "what was open before")
        scrape = observer.scrape()
        assert scrape.total(compare.EVENTS, source=source) == (times + 1) * 5 * len(TWO_TABLES)
        compare.no_drops(scrape)


def case_a_worker_that_restarts_again_and_again(folder):
    restarts_again_and_again(folder, 30)


def soak_a_worker_that_restarts_every_second_for_an_hour(folder):
    """As often as that, as fast as it can."""
    restarts_again_and_again(folder, 3600)


# ---- two at once, and commands ----

def case_two_observers_on_one_state(folder):
    with bpffs.mounted(folder) as place, Worker() as worker, Observer(state=place / "state") as first:
        first.sees(worker.pid)
        line = fails(philoscope("--web.listen-address=127.0.0.1:0", f"--state.dir={place}/state"), "the second one")
        assert str(place / "state") in line, line
        line = refuses(philoscope("reset", f"--state.dir={place}/state"), FAILED, "a reset")
        assert str(place / "state") in line, line
        worker.run(events=10)
        compare.no_drops(compare.counters(first, worker))
        with Observer(state=place / "other") as second:
            second.sees(worker.pid)
            worker.run(events=10)
            compare.counters(first, worker)


def has_open(pid, folder):
    with contextlib.suppress(FileNotFoundError):  # it opens and closes others meanwhile
        return any(os.path.samefile(link, folder) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    return False


def case_a_lock_that_is_held_for_a_moment(folder):
    """As by the child of an observer that was killed before the child was another program."""
    with bpffs.mounted(folder) as place, Worker() as worker, contextlib.ExitStack() as started:
        state = place / "state"
        state.mkdir()
        held = os.open(state, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            observer = Observer(state=state)
            started.push(observer)
            until(lambda: has_open(observer.pid, state), "the observer has the folder open")
        finally:
            os.close(held)
        observer.__enter__()
        observer.sees(worker.pid)
        worker.run(events=10)
        compare.no_drops(compare.counters(observer, worker))


def status(state):
    done = philoscope("status", f"--state.dir={state}")
    assert done.returncode == OK and not done.stderr, done
    return done.stdout


def case_status_and_reset(folder):
    with bpffs.mounted(folder) as place, Worker() as worker:
        state = place / "state"
        nothing = status(state)
        assert str(state) in nothing and nothing.count("\n") == 1 and not state.exists(), nothing
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            worker.run(tables=TWO_TABLES, events=10)
            used = status(state)
            kill(observer)
        unused, there = status(state), bpffs.entries(state)
        assert used.splitlines()[0] != unused.splitlines()[0] and used.splitlines()[1:] == unused.splitlines()[1:], used + unused
        assert f"schema {bpffs.schema(state)}" in unused
        images = [line for line in unused.splitlines() if line.startswith("image")]
        assert len(images) == there["images"] and "philotes-worker" in images[0] and f" {last_site()} sites in 1 file" in images[0], images
        rows = {line.split()[1]: int(line.split()[2]) for line in unused.splitlines() if line.startswith("map")}
        compare.same({(("map", name),): n for name, n in rows.items()}, {(("map", name),): there[name] for name in rows}, "status")
        assert {"processes", "tables", "totals", "identities"} <= rows.keys(), rows
        old = bpffs.objects(state)
        done = philoscope("reset", f"--state.dir={state}")
        assert done.returncode == OK and not done.stderr and str(state) in done.stdout, done
        nothing_is_left(place, worker, old)
        assert status(state) == nothing
        assert philoscope("reset", f"--state.dir={state}").stdout == nothing


def case_commands_look_where_the_variable_says(folder):
    """As the observer does; the flag goes before it."""
    with bpffs.mounted(folder) as place:
        state, other = place / "state", place / "other"
        env = {"PHILOSCOPE_STATE_DIR": str(state)}
        with Observer(state=state):
            assert philoscope("status", env=env).stdout.startswith(f"state  {state}, "), "status"
            assert "a philoscope works with it" in philoscope("doctor", env=env).stdout
            assert str(state) in refuses(philoscope("reset", env=env), FAILED, "a reset")
        assert philoscope("reset", f"--state.dir={other}", env=env).returncode == OK and state.exists()
        assert philoscope("reset", env=env).returncode == OK and not state.exists()
    for command in ("status", "reset", "doctor"):
        assert "PHILOSCOPE_STATE_DIR" in refuses(philoscope(command, env={"PHILOSCOPE_STATE_DIR": "state"}), USAGE, command)


def nothing_is_left(place, worker, old):
    assert not (place / "state").exists(), bpffs.pins(place)
    until(lambda: not [item for item in old if hostview.bpf_exists(*item)], "the end of all BPF objects")
    compare.unprobed(worker.pid)
    worker.run(events=10)


def case_a_stop_that_removes(folder):
    with bpffs.mounted(folder) as place, Worker() as worker:
        with Observer("--state.on-stop=remove", state=place / "state") as observer:
            observer.sees(worker.pid)
            worker.run(events=10)
            old = bpffs.objects(place / "state")
            stop(observer)
        nothing_is_left(place, worker, old)


def case_a_start_that_fails_removes_nothing(folder):
    """Only a stop does."""
    with bpffs.mounted(folder) as place, Worker() as worker, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            kill(observer)
        worker.run(events=10)
        fails(philoscope("--state.on-stop=remove", f"--state.dir={place}/state",
                         f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}"), "port taken")
        worker.run(events=10)
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            compare.no_drops(compare.counters(observer, worker))
