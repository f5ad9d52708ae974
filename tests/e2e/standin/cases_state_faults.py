# SPDX-License-Identifier: Apache-2.0
"""
SIGKILL between every two steps that change what outlives the observer (FAULT_POINT in the sources): whatever a test build that
dies there leaves, the next start repairs. Nothing is lost, nothing is counted twice, nothing is left over.
"""
import contextlib
import http.client
import pathlib
import random
import re
import shutil
import signal
import urllib.error

import bpffs
import compare
import hostview
from cases_cli import OK, philoscope
from cases_lifecycle import added, as_pid, of
from cases_socket import accepted, assert_counts_from_now_on
from cases_state import FAULTS_BUILD, grown, kill, last_site
from load import Load, exact
from programs import HANG_GUARD, ROOT, Observer, Program, Worker, fixture, until
from traffic import Client

TABLES, OPERATIONS = ["public.orders", "public.items"], ["INSERT", "DELETE"]
RECORDS = len(TABLES) * len(OPERATIONS) + 1  # of a worker with one source, that are kept when it is gone
PERF = {"PHILOSCOPE_WITHOUT": "uprobe_multi"}

# Where each of them is reached: name, and which time of passing. PASSED_IN are the stories below.
FIRST_START = ["pin_map:1", "pin_map:2", "pin_map:6", "load_shared", "pin_hook:1", "pin_hook:2", "attach_socket:1",
               "attach_socket:2", "pin_socket:1", "pin_socket:2", "rename_socket:1", "number_image", "write_image", "make_image",
               "pin_dispatch", "write_link", "pin_link", "swap_program:1", "swap_program:6"]
COUNTING_UNKNOWN = ["swap_program:last"]
COUNTING = ["complete_link"]
ADOPTING = ["adopt_process"]
NAMING = ["add_identity"]
SECOND_FILE = ["write_link", "pin_link", "complete_link"]
TAKING_OVER = ["load_shared", "attach_socket", "pin_socket:2", "rename_socket:1", "rename_socket:2", "write_image",
               "make_image", "pin_dispatch", "swap_program:1", "swap_program:4", "swap_program:7"]
RETIRING = ["touch_identity", "fold_record:1", f"fold_record:{RECORDS}", "remove_record:1", f"remove_record:{RECORDS + 1}",
            "remove_process:1", "disown_process:1", f"fold_record:{RECORDS + 2}", f"remove_record:{RECORDS + 2}", "remove_process:2"]
EXPIRING = ["expire_identity", "forget_total:1", f"forget_total:{RECORDS}"]
RELEASING = ["remove_link", "silence_image", "remove_pin", "forget_texts"]
REPLACING = ["silence_image", "remove_pin:1", "remove_pin:2", "remove_pin:12", "pin_map:1", "pin_map:4"]
RESETTING = ["silence_image", "remove_pin:1", "remove_pin:2", "remove_pin:12"]
ONE_PIN_PER_SITE = ["pin_site:1", "pin_site:4", "pin_site:7", "pin_link"]
PASSED_IN = (FIRST_START, COUNTING_UNKNOWN, COUNTING, ADOPTING, NAMING, SECOND_FILE, TAKING_OVER, RETIRING, EXPIRING, RELEASING,
             REPLACING, RESETTING, ONE_PIN_PER_SITE)


def case_every_fault_point_is_passed(_):
    """Who adds one adds it to a story."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "user").rglob("*.c"))
    there = set(re.findall(r"FAULT_POINT\((\w+)\)", text))
    passed = {point.split(":")[0] for story in PASSED_IN for point in story}
    assert len(there) > 10 and there == passed, f"not passed: {there - passed}, not there: {passed - there}"


# ---- dying and repairing ----

def died(process, fault):
    code = process.wait(HANG_GUARD)
    assert code == -signal.SIGKILL, f"{fault} was not reached: exit {code}"


def dies(fault, state, *flags, env=None, meanwhile=lambda _: None, identity_pid=True):
    """An observer that is killed there, in its start or when `meanwhile` was done."""
    observer = Observer(*flags, state=state, binary=FAULTS_BUILD, env={"PHILOSCOPE_FAULT": fault, **(env or {})},
                        identity_pid=identity_pid)
    with contextlib.ExitStack() as stack:
        stack.callback(Program.__exit__, observer)
        until(lambda: observer.logged("serving on port") or observer.process.poll() is not None, "a start or an end")
        if observer.process.poll() is None:
            observer.__enter__()
            meanwhile(observer)
        died(observer.process, fault)


def scrape_to_death(observer):
    try:
        observer.scrape()
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
        pass  # it has no answer


def reset(state):
    done = philoscope("reset", f"--state.dir={state}")
    assert done.returncode == OK and not done.stderr, done
    assert not pathlib.Path(state).exists(), f"{list(pathlib.Path(state).rglob('*'))} after a reset"


def named(fault):
    """A message of what failed says at which fault."""
    return named_as(f"killed at {fault}")


@contextlib.contextmanager
def named_as(what):
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


def work(worker, source, events=3):
    run = worker.start(sources=[source], tables=TABLES, operations=OPERATIONS, events=events)
    worker.wait(id=run)
    return run


def source_is(scrape, worker, source, run):
    """All of this source was counted and timed, or (no run) nothing of it."""
    labels = {"pid": str(worker.pid), "source": source}
    seen = scrape.select(compare.EVENTS, drop=("service",), **labels)
    compare.same(seen, worker.oracle().select(compare.EVENTS, source=source) if run else {}, source)
    if run:
        compare.durations(scrape, worker, run)


# ---- the first start ----

def first_start(state, fault, counts, early=False, env=None):
    """
    It dies as it attaches to a worker. What that does meanwhile is counted if everything was in place; all it does later is.
    """
    binary = {"binary": FAULTS_BUILD, "env": env} if env else {}

    ran = []

    def shown(observer):
        ran.append(work(worker, "postgres-early"))
        scrape_to_death(observer)
    with Worker() as worker:
        if fault:
            dies(fault, state, env=env, meanwhile=shown)
            if early and not ran:  # it names already as it starts
                work(worker, "postgres-early")
        elif counts:
            with Observer(state=state, **binary) as observer:
                observer.sees(worker.pid)
                if early:
                    shown(observer)
                kill(observer)
        run = work(worker, "postgres-meanwhile")
        with Observer(state=state, **binary) as observer:
            observer.sees(worker.pid)
            late = work(worker, "postgres-late")
            scrape = observer.scrape()
            with compare.explained(observer, worker.pid):
                source_is(scrape, worker, "postgres-meanwhile", run if counts else None)
                source_is(scrape, worker, "postgres-late", late)
                compare.no_drops(scrape)
                left = bpffs.shape(state)
            kill(observer)
    reset(state)
    return left


def first_starts(folder, faults, counts, env=None, early=False, forgotten=()):
    with bpffs.mounted(folder) as place:
        expected = first_start(place / "unharmed", None, counts, early, env)
        for fault in (fault.replace("last", str(last_site())) for fault in faults):
            with named(fault):
                left = first_start(place / fault.replace(":", "-"), fault, counts, early, env)
                bpffs.same_shape(left, expected, forgotten)


def case_killed_before_it_counts(folder):
    first_starts(folder, FIRST_START, False)


def case_killed_when_it_counts(folder):
    first_starts(folder, COUNTING, True)


def case_killed_when_it_counts_and_does_not_know(folder):
    """The links are made anew: what is not counted any more, like the state of a pipeline that has ended, is forgotten."""
    first_starts(folder, COUNTING_UNKNOWN, True, forgotten=("states",))


def case_killed_as_it_makes_a_target(folder):
    """What was accepted before any observer counts from then on, though its process is a target already."""
    with bpffs.mounted(folder) as place, Client() as client:
        with accepted(client) as inbound:
            dies(*ADOPTING, place / "state")
            with Observer(state=place / "state") as observer:
                observer.sees(client.pid)
                assert_counts_from_now_on(observer, client, inbound)


def case_killed_when_it_names(folder):
    first_starts(folder, NAMING, True, early=True)


def case_killed_at_links_of_one_site_each(folder):
    """perf_event links, as on kernels before 6.6: a pin for every site."""
    first_starts(folder, ONE_PIN_PER_SITE, False, PERF)


# ---- a second file, and taking over ----

def case_killed_at_a_second_file(folder):
    """Of an image that counts. The first one's worker loses nothing; the second one's is counted when it is repaired."""
    with bpffs.mounted(folder) as place, Worker() as first, Load(first, events=3000) as load:
        state = place / "state"
        with Observer(state=state) as observer:
            observer.sees(first.pid)
            load.begin()
            kill(observer)
        kept = bpffs.shape(state)
        for i, fault in enumerate(SECOND_FILE, 1):
            path = folder / f"worker-{i}"
            shutil.copy(fixture("worker-1.25"), path)
            with contextlib.ExitStack() as stack, named(fault):
                second = []
                dies(fault, state, meanwhile=lambda _: second.append(stack.enter_context(Worker(str(path)))))
                with Observer(state=state) as observer:
                    observer.sees(second[0].pid)
                    run = work(second[0], "postgres-second")
                    scrape = compare.counters(observer, second[0])
                    compare.durations(scrape, second[0], run)
                    left = bpffs.shape(state)
                    for part in ("pins", "links"):
                        assert len(left[part]) == len(kept[part]) + i, f"{part}: {left[part]}"
                    assert left["programs"] == kept["programs"]
                    kill(observer)
        with Observer(state=state) as observer:
            observer.sees(first.pid)
            exact(observer, first, load)


def case_killed_as_it_takes_over(folder):
    """Under load: nothing is lost, and every program is behind its stub in the end."""
    with bpffs.mounted(folder) as place, Worker() as worker, Load(worker) as load:
        state = place / "state"
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            load.begin()
            kill(observer)
        kept = bpffs.shape(state)
        for fault in TAKING_OVER:
            dies(fault, state)
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            exact(observer, worker, load)
            left = bpffs.shape(state)
            bpffs.same_shape(left, kept, forgotten=[name for name in kept["entries"] if name not in ("images", "links", "processes")])
            kill(observer)


# ---- workers that have ended ----

def case_killed_as_it_retires(folder):
    """Again and again two workers come and go unseen, and the observer dies as it adds them to the totals."""
    source = f"postgres-{random.randrange(1 << 40):x}"
    expected, events = {}, 0
    with bpffs.mounted(folder) as place:
        state = place / "state"
        with Observer(state=state, identity_pid=False) as observer, Worker() as worker:
            observer.sees(worker.pid)
            kill(observer)
        for fault in RETIRING:
            for count in (1, 2):
                with Worker() as worker:
                    work(worker, source, count)
                    events += len(TABLES) * len(OPERATIONS) * count
                    for key, value in worker.oracle().select(compare.EVENTS).items():
                        expected[key] = expected.get(key, 0) + value
                    worker.stop()
            dies(fault, state, identity_pid=False)
            with named(fault), Observer(state=state, identity_pid=False) as observer:
                scrape = observer.scrape()
                compare.same(scrape.select(compare.EVENTS, drop=("service", "source"), source=source),
                             {frozenset(label for label in key if label[0] != "source"): value for key, value in expected.items()},
                             compare.EVENTS)
                assert compare.buckets(scrape, compare.DURATION, source=source)[-1] == events
                compare.no_drops(scrape)
                left = bpffs.entries(state)
                kept = {"totals": RECORDS, "identities": 1, "images": 1, "links": 1, "texts": left["texts"]}
                compare.same({(("map", name),): count for name, count in left.items()},
                             {(("map", name),): kept.get(name, 0) for name in left}, "entries")
                kill(observer)


def case_killed_as_it_forgets_an_identity(folder):
    """A total that is gone does not come back, nor does one that is still there."""
    source = f"postgres-{random.randrange(1 << 40):x}"
    with bpffs.mounted(folder) as place:
        state = place / "state"
        with Observer(state=state, identity_pid=False) as observer, Worker() as worker:
            observer.sees(worker.pid)
            kill(observer)
        for fault in EXPIRING:
            with Worker() as worker:
                work(worker, source)
                worker.stop()
            with Observer(state=state, identity_pid=False) as observer:
                assert observer.scrape().total(compare.EVENTS, source=source) == 3 * (RECORDS - 1), "the last one's are there"
                kill(observer)
            dies(fault, state, "--identity.ttl=1s", identity_pid=False)
            with named(fault), Observer(state=state, identity_pid=False) as observer:
                assert not [key for key in observer.scrape().values if ("source", source) in key[1]], "series that were forgotten"
                left = bpffs.entries(state)
                assert left["totals"] == 0 and left["identities"] == 0, left
                kill(observer)


# ---- taking away ----

def case_killed_as_it_releases(folder):
    """The worker comes back and is counted; its identity was kept all the time. In the end nothing of the image is left."""
    with bpffs.mounted(folder) as place:
        state, pid, counted, expected = place / "state", hostview.free_pid(), [], None
        for fault in (None, *RELEASING):
            if fault:
                dies(fault, state, "--image.ttl=1s")
            with named(fault), Worker(command=as_pid(pid)) as worker:
                with Observer(state=state) as observer:
                    observer.sees(pid)
                    run = work(worker, f"postgres-{fault}")
                    counted.append(of(worker.oracle(), compare.EVENTS))
                    scrape = observer.scrape()
                    compare.same(of(scrape, compare.EVENTS, pid), added(*counted), compare.EVENTS)
                    compare.durations(scrape, worker, run)
                    left = bpffs.shape(state)
                    expected = expected or left
                    bpffs.same_shape(left, expected, forgotten=["totals"])
                    kill(observer)
                assert worker.stop()[0] == 0
        with Observer("--image.ttl=1s", state=state) as observer:
            until(lambda: bpffs.entries(state)["images"] == 0, "the end of the image")
            left = bpffs.shape(state)
            assert not [pin for pin in left["pins"] if pin.startswith("image")] and not left["links"], left
            assert left["entries"]["texts"] == 0, left
            compare.same(of(observer.scrape(), compare.EVENTS, pid), added(*counted), compare.EVENTS)


def case_killed_as_it_replaces_another_schema(folder):
    """Half removed is still of the other schema; what is there in the end is new."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        state = place / "state"
        expected = None
        for fault in (None, *REPLACING):
            with named(fault):
                with Observer(state=state) as observer:
                    observer.sees(worker.pid)
                    work(worker, "postgres-old")
                    kill(observer)
                old = bpffs.objects(state)
                bpffs.set_schema(state, bpffs.schema(state) + 1)
                if fault:
                    dies(fault, state)
                with Observer(state=state) as observer:
                    observer.sees(worker.pid)
                    before = worker.oracle()
                    run = work(worker, f"postgres-new-{fault}")
                    left = began_anew(observer, worker, before, run, state, old)
                    expected = expected or left
                    bpffs.same_shape(left, expected)
                    kill(observer)
                reset(state)


def began_anew(observer, worker, before, run, state, old):
    """Only what came since is counted, and nothing of the old state is left in the kernel."""
    scrape = observer.scrape()
    with compare.explained(observer, worker.pid):
        compare.same(scrape.select(compare.EVENTS, drop=("service",), pid=str(worker.pid)),
                     grown(of(worker.oracle(), compare.EVENTS), of(before, compare.EVENTS)), compare.EVENTS)
        compare.durations(scrape, worker, run)
        compare.no_drops(scrape)
    until(lambda: not [item for item in old if hostview.bpf_exists(*item)], "the end of all that was kept")
    return bpffs.shape(state)


def case_killed_as_it_resets(folder):
    """What is half removed is not believed by the next start."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        state = place / "state"
        expected = None
        for fault in (None, *RESETTING):
            with named(fault):
                with Observer(state=state) as observer:
                    observer.sees(worker.pid)
                    work(worker, "postgres-old")
                    kill(observer)
                old = bpffs.objects(state)
                if fault:
                    with Program([FAULTS_BUILD, "reset", f"--state.dir={state}"], {"PHILOSCOPE_FAULT": fault}) as program:
                        died(program.process, fault)
                else:
                    reset(state)
                with Observer(state=state) as observer:
                    observer.sees(worker.pid)
                    before = worker.oracle()
                    run = work(worker, f"postgres-new-{fault}")
                    left = began_anew(observer, worker, before, run, state, old)
                    expected = expected or left
                    bpffs.same_shape(left, expected)
                    kill(observer)
                reset(state)
