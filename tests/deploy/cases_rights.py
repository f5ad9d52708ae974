# SPDX-License-Identifier: Apache-2.0
"""
privileged: false: exactly the capabilities that the chart gives are enough, and none of them is too many: without each, what its
comment says is gone.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess

import compare
import image_rights
from programs import Observer, Program, Worker, fixture, until

NOBODY = 65534


def limited(without=()):
    """Starts a program of user 0 that has these capabilities and can't get more."""
    kept = ",".join(["-all", *(f"+{name.lower()}" for name in image_rights.capabilities() if name not in without)])
    return ["setpriv", f"--bounding-set={kept}", "--inh-caps=-all", "--no-new-privs"]


def as_nobody():
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@contextlib.contextmanager
def workers(folder):
    """One as any user runs it, and one whose executable nobody else may read."""
    folder.chmod(0o711)
    private = folder / "private"
    shutil.copyfile(fixture("worker-1.25"), private)
    os.chown(private, NOBODY, NOBODY)
    private.chmod(0o500)
    with Worker(command=as_nobody()) as public, Worker(str(private), command=as_nobody()) as own:
        yield public, own


def effective(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    number = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))
    names = subprocess.run(["capsh", f"--decode={number:x}"], capture_output=True, text=True, check=True).stdout
    return {name.removeprefix("cap_").upper() for name in names.strip().split("=")[1].split(",")}


def case_exactly_these_capabilities_are_enough(folder):
    with workers(folder) as (public, own), Observer(command=limited()) as observer:
        assert effective(observer.pid) == set(image_rights.capabilities())
        for worker in (public, own):
            observer.sees(worker.pid)
            worker.run(events=500, sources=["postgres-shop"], tables=["public.orders"])
        scrape = observer.scrape()
        for worker in (public, own):
            assert scrape.one(compare.EVENTS, pid=str(worker.pid)) == 500
        compare.no_drops(scrape)


def ends_at_once(without):
    observer = Observer(command=limited([without]))
    code = observer.process.wait()
    Program.__exit__(observer)
    assert code == 1 and observer.log, f"without {without} it ended with {code}: {observer.log}"


def case_without_bpf_or_perfmon_it_says_so_and_ends(_):
    for name in ("BPF", "PERFMON"):
        ends_at_once(name)


def sees_none_of(folder, without, which):
    """Another program with the same rights is seen, so the look around is over; these are not."""
    with workers(folder) as (public, own), Observer(command=limited([without])) as observer, \
            Worker(fixture("worker-1.24"), command=limited([without])) as plain:
        observer.sees(plain.pid)
        plain.run(events=1, sources=["postgres-shop"])
        until(lambda: observer.scrape().select(compare.EVENTS, pid=str(plain.pid)), "the plain worker's event")
        for worker in which(public, own):
            worker.run(events=10, sources=["postgres-shop"])
            assert not observer.scrape().select(compare.EVENTS, pid=str(worker.pid)), f"{without} is not needed"


def case_without_sys_ptrace_other_users_are_not_seen(folder):
    sees_none_of(folder, "SYS_PTRACE", lambda public, own: (public, own))


def case_without_dac_read_search_private_executables_are_not_seen(folder):
    sees_none_of(folder, "DAC_READ_SEARCH", lambda public, own: (own,))
