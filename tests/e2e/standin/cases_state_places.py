# SPDX-License-Identifier: Apache-2.0
"""Where state may be kept, and what happens where it can't: counting works all the same, and one line says what is missing."""
import contextlib
import errno
import os
import pathlib
import subprocess

import bpffs
import compare
import hostview
from cases_cli import OK, fails, philoscope
from cases_state import FAULTS_BUILD, TOOLS, kill, stop
from programs import Observer, Skip, Worker, until

USUAL = pathlib.Path("/sys/fs/bpf")
FULL_BPFFS = os.path.join(TOOLS, "full_bpffs.so")


def warnings(observer):
    return [line for line in list(observer.log) if "level=warn" in line or "level=error" in line]


def counts_without_state(observer, worker, *named):
    """It says in one line why (with these words in it), counts, and everything of it ends with it."""
    said = warnings(observer)
    assert len(said) == 1, said
    assert all(str(name) in said[0] for name in named), said[0]
    observer.sees(worker.pid)
    worker.run(sources=[f"postgres-{observer.pid}"], events=20)
    seen = observer.scrape().select(compare.EVENTS, drop=("service",), pid=str(worker.pid), source=f"postgres-{observer.pid}")
    assert list(seen.values()) == [20], seen
    objects = hostview.bpf_ids(observer.pid)
    stop(observer)
    until(lambda: not [item for item in objects if hostview.bpf_exists(*item)], "the end of all BPF objects")


def inside(script):
    """A command that runs the program that follows in a mount namespace of its own, after this script."""
    return ("unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh")


def is_mounted(pid="self"):
    return any(line.split()[4] == str(USUAL) and " - bpf " in line
               for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines())


# ---- the usual place ----

@contextlib.contextmanager
def usual_place_missing():
    """Nothing is mounted at the usual place; nor is it afterwards."""
    if not USUAL.is_dir():
        raise Skip(f"no {USUAL}")
    if is_mounted():
        raise Skip(f"a bpffs is mounted on {USUAL}: it may be somebody's")
    state = USUAL / f"philoscope-test-{os.getpid()}"
    try:
        yield state
    finally:
        philoscope("reset", f"--state.dir={state}")
        if is_mounted():
            subprocess.run(["umount", str(USUAL)], check=False)
            raise AssertionError("the mount is left")


def case_a_bpffs_is_mounted_when_it_is_missing(_):
    with usual_place_missing() as state, Worker() as worker:
        for _ in range(2):
            with Observer(state=state) as observer:
                observer.sees(worker.pid)
                assert is_mounted() and not warnings(observer), observer.log
                stop(observer)
            worker.run(events=10)
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            compare.no_drops(compare.counters(observer, worker))
        assert os.stat(USUAL).st_mode & 0o777 == 0o700, "others may look into it"


def case_the_bpffs_that_was_mounted_goes_with_the_state(_):
    """But not with what somebody else has put there, and not as long as counting goes on without an observer."""
    with usual_place_missing() as state, Worker() as worker:
        with Observer("--state.on-stop=remove", state=state) as observer:
            observer.sees(worker.pid)
            stop(observer)
            assert not is_mounted()
        with Observer(state=state) as observer:
            observer.sees(worker.pid)
            stop(observer)
        theirs = USUAL / f"philoscope-test-{os.getpid()}-other"
        theirs.mkdir()
        philoscope("reset", f"--state.dir={state}")
        assert theirs.is_dir()
        theirs.rmdir()


def case_a_bpffs_of_somebody_else_stays(_):
    with usual_place_missing() as state, Worker() as worker:
        subprocess.run(["mount", "-t", "bpf", "bpf", str(USUAL)], check=True)
        try:
            with Observer("--state.on-stop=remove", state=state) as observer:
                observer.sees(worker.pid)
                stop(observer)
            philoscope("reset", f"--state.dir={state}")
            assert is_mounted()
        finally:
            subprocess.run(["umount", str(USUAL)], check=True)


def case_no_bpffs_is_mounted_in_a_container(_):
    """It would end with the container. The host's that is mounted there after it began is not in it."""
    with Worker() as worker:
        without = inside(f"umount {USUAL}" if is_mounted() else ":")
        with Observer(state=USUAL / "philoscope", command=without) as observer:
            assert not is_mounted(observer.pid), "it has mounted one"
            counts_without_state(observer, worker, USUAL / "philoscope")


def case_a_containers_own_bpffs_is_no_place(_):
    with Worker() as worker, Observer(state=USUAL / "philoscope", command=inside(f"mount -t bpf bpf {USUAL}")) as observer:
        counts_without_state(observer, worker, USUAL / "philoscope")


def case_the_hosts_bpffs_in_a_container(folder):
    """Mounted from the host, as a chart does it: state is kept, and a container that comes later takes it over."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        other = folder / "inside"
        other.mkdir()
        for _ in range(2):
            with Observer(state=other / "state", command=inside(f"mount --bind {place} {other}; umount {place}")) as observer:
                observer.sees(worker.pid)
                assert not warnings(observer), observer.log
                kill(observer)
            worker.run(events=10)
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            compare.no_drops(compare.counters(observer, worker))


# ---- no place ----

def case_a_folder_on_another_file_system(folder):
    line = fails(philoscope("--web.listen-address=127.0.0.1:0", f"--state.dir={folder}/state"), "no bpffs")
    assert str(folder) in line and not (folder / "state").exists(), line


def case_a_folder_that_holds_other_things(folder):
    """Somebody's pins are not ours to use or to remove, whatever they are called."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            kill(observer)
        (place / "state/header").unlink()
        there = bpffs.pins(place)
        assert len(there) > 10
        with Observer(state=place / "state") as observer:
            counts_without_state(observer, worker, place / "state")
        for command in ("reset", "status"):
            done = philoscope(command, f"--state.dir={place}/state")
            assert done.returncode == OK and done.stdout.count("\n") == 1 and not done.stderr, done
        assert bpffs.pins(place) == there


def case_reset_outside_a_bpffs_removes_nothing(folder):
    for name in ("header", "maps/tables", "image_1/dispatch"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    before = bpffs.pins(folder)
    philoscope("reset", f"--state.dir={folder}")
    assert bpffs.pins(folder) == before


def case_a_bpffs_that_can_only_be_read(folder):
    """With and without a state of an earlier observer, which goes on counting what nobody shows."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        for kept in (False, True):
            if kept:
                with Observer(state=place / "state") as observer:
                    observer.sees(worker.pid)
                    kill(observer)
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            with Observer(state=place / "state") as observer:
                counts_without_state(observer, worker, place / "state")
            subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
        run = worker.start(sources=["postgres-late"], events=10)
        worker.wait(id=run)
        with Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            labels = {"pid": str(worker.pid), "source": "postgres-late"}
            assert observer.scrape().total(compare.EVENTS, **labels) == 10
            compare.durations(observer.scrape(), worker, run)


def case_a_bpffs_that_is_unmounted(folder):
    """Who counts goes on; who comes next begins anew, on a new one."""
    with Worker() as worker:
        with bpffs.mounted(folder) as place, Observer(state=place / "state") as observer:
            observer.sees(worker.pid)
            worker.run(events=10)
            subprocess.run(["umount", "--lazy", str(place)], check=True)
            worker.run(events=10)
            compare.no_drops(compare.counters(observer, worker))
            kill(observer)
        compare.unprobed(worker.pid)


# ---- no room ----

def full(first_refused, error=errno.ENOSPC, **more):
    """No pin is made from the one on whose path has this in it."""
    return {"LD_PRELOAD": FULL_BPFFS, "FULL_BPFFS_FROM": first_refused, "FULL_BPFFS_ERRNO": str(error), **more}


def case_no_room_at_the_start(folder):
    """Whichever pin it is: none is kept. The next one has room, and keeps it."""
    with bpffs.mounted(folder) as place, Worker() as worker:
        for first in ("header", "maps/images", "maps/totals", "maps/processes", "maps/zeroes"):
            state = place / first.replace("/", "-") / "state"
            with Observer(state=state, env=full(first)) as observer:
                counts_without_state(observer, worker, state)
            with Observer(state=state) as observer:
                observer.sees(worker.pid)
                assert not warnings(observer), observer.log
                kill(observer)
            run = worker.start(sources=[f"postgres-{first}"], events=10)
            worker.wait(id=run)
            with Observer(state=state) as observer:
                observer.sees(worker.pid)
                scrape = observer.scrape()
                assert scrape.total(compare.EVENTS, pid=str(worker.pid)) == 10
                compare.durations(scrape, worker, run)
            assert philoscope("reset", f"--state.dir={state}").returncode == OK


def gap(folder, env):
    """
    Links that can't be kept: said; counted as long as the observer is there. What comes after it is not, and leaves no wrong
    duration: the next one knows that it was away, and goes on from what was counted before.
    """
    with bpffs.mounted(folder) as place, Worker() as worker:
        options = {"state": place / "state", "binary": FAULTS_BUILD, "env": env}
        run = worker.start(sources=["postgres-held"], events=0, end="hold", backpressure={"check_ms": 3600000})
        with Observer(**options) as observer:
            observer.sees(worker.pid)
            counts(observer, worker, run)
            said = warnings(observer)
            assert len(said) == 1, said
            kill(observer)
        compare.unprobed(worker.pid)
        worker.post("/feed", id=run, events=7)
        worker.wait(id=run)
        with Observer(**options) as observer:
            observer.sees(worker.pid)
            before = observer.scrape()
            assert before.total(compare.EVENTS, pid=str(worker.pid)) == 10, "what was counted before is not there"
            timed = before.total(f"{compare.DURATION}_count", pid=str(worker.pid))
            counts(observer, worker, run)
            scrape = observer.scrape()
            assert scrape.total(compare.EVENTS, pid=str(worker.pid)) == 20
            # The goroutine is inside Run: the first event may have begun before.
            assert scrape.total(f"{compare.DURATION}_count", pid=str(worker.pid)) == timed + 9
            compare.no_drops(scrape)


def counts(observer, worker, run):
    before = observer.scrape().total(compare.EVENTS, pid=str(worker.pid))
    worker.post("/feed", id=run, events=10)
    worker.wait(id=run)
    assert observer.scrape().total(compare.EVENTS, pid=str(worker.pid)) == before + 10


def case_no_room_for_an_images_programs(folder):
    gap(folder, full("/dispatch"))


def case_no_room_for_an_images_link(folder):
    gap(folder, full("/link_"))


def case_links_that_the_kernel_cannot_pin(folder):
    """perf_event links before 5.15: maps are kept, links are not."""
    gap(folder, full("/link_", errno.EINVAL, PHILOSCOPE_WITHOUT="uprobe_multi"))
