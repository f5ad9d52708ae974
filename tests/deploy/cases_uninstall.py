# SPDX-License-Identifier: Apache-2.0
"""
An upgrade loses nothing and uninstalling leaves nothing behind: with the flags that the chart gives, in containers of the image, on
a bpffs of the test's own in the place of the node's; and on the host with `philoscope reset`.
"""
import pathlib
import re
import subprocess

import cases_image
import cases_manifests
import compare
import containers
import hostview
from containers import Containerd
from programs import PHILOSCOPE, Observer, Worker, fixture, until

SOURCE = "postgres-shop"


def state_flags(*settings):
    """Those of the chart that are about what outlives a pod."""
    arguments = cases_manifests.container(*(part for setting in settings for part in ("--set", setting)))["args"]
    found = dict(argument.split("=", 1) for argument in arguments if argument.startswith("--state."))
    return found.pop("--state.dir"), [f"{name}={value}" for name, value in found.items()]


def mounts_of_the_host():
    return pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")


class Node:
    """A containerd with the image, and a bpffs that its pods see as that of the node."""

    def __init__(self, folder, bpf):
        self.containerd, self.bpf = Containerd(folder), bpf

    def __enter__(self):
        self.containerd.__enter__()
        self.image = cases_image.imported(self.containerd)
        return self

    def __exit__(self, *exception):
        self.containerd.__exit__(*exception)

    def pod(self, *settings):
        """The chart's pod, as these values make it."""
        state, flags = state_flags(*settings)
        mount = f"type=bind,src={self.bpf},dst=/sys/fs/bpf,options=rbind:rslave:rw"
        return self.containerd.observer(self.image, *flags, options=[*cases_image.PRIVILEGED, "--mount", mount],
                                        binary="/usr/bin/philoscope", state=state)

    def pins(self):
        return [path for folder in left_in(self.bpf) for path in folder.rglob("*")]


def left_in(bpf):
    """What somebody has pinned there: the kernel puts two files of its own into every bpffs."""
    return [path for path in bpf.iterdir() if path.suffix != ".debug"]


def work(worker, events):
    worker.run(events=events, sources=[SOURCE], tables=["public.orders"])


def counted(pod, worker):
    return pod.scrape().one(compare.EVENTS, pid=str(worker.pid), source=SOURCE, table="public.orders", operation="INSERT")


def code_is_clean(worker):
    """No breakpoint is left, as far as nobody else has one there."""
    others = compare.unprobed(worker.pid, worker.pid)
    if others:
        print(f"    code in memory was not compared: processes {others} hold probes, too")


def nothing_is_left(bpf, objects, worker):
    """No pins, none of these BPF objects, no breakpoints."""
    assert not left_in(bpf), f"left behind: {left_in(bpf)}"
    until(lambda: not any(hostview.bpf_exists(*item) for item in objects), "the end of all BPF objects")
    code_is_clean(worker)


def case_upgrade_loses_nothing_and_uninstall_leaves_nothing(folder):
    """Roll-out by roll-out, with events while no pod is there; the last roll-out is that of an uninstall."""
    before = mounts_of_the_host()
    with containers.bpffs(folder) as bpf, Worker(fixture("worker-1.25")) as worker:
        with Node(folder, bpf) as node:
            objects, total = set(), 0
            for settings in ((), ("privileged=true",), ("state.onStop=remove",)):
                with node.pod(*settings) as pod:
                    pod.sees(worker.pid)
                    work(worker, 300)
                    total += 300
                    assert counted(pod, worker) == total
                    objects |= hostview.bpf_ids(pod.pid)
                    assert node.pins()
                    assert pod.stop() == 0
                if "state.onStop=remove" not in settings:
                    assert node.pins(), "the next pod has nothing to go on with"
                    work(worker, 100)
                    total += 100
            nothing_is_left(bpf, objects, worker)
        work(worker, 10)
    assert mounts_of_the_host() == before


def case_reset_takes_everything_away(folder):
    """What docs/systemd.md says: stop, then reset. Before, pins are there and count; after, nothing is."""
    before = mounts_of_the_host()
    with containers.bpffs(folder) as bpf, Worker() as worker:
        state = bpf / "philoscope"
        with Observer(state=str(state)) as observer:
            observer.sees(worker.pid)
            work(worker, 100)
            objects = hostview.bpf_ids(observer.pid)
            assert observer.stop() == 0
        assert list(state.rglob("link_*"))
        done = subprocess.run([PHILOSCOPE, "reset", f"--state.dir={state}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        nothing_is_left(bpf, objects, worker)
        work(worker, 10)
    assert mounts_of_the_host() == before


def case_uninstall_is_documented(_):
    """The notes of the chart and the docs have the two steps, in that order."""
    notes = pathlib.Path(cases_manifests.CHART / "templates/NOTES.txt").read_text(encoding="utf-8")
    docs = (cases_manifests.ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    for text in (notes, docs):
        assert re.search(r"--set state\.onStop=remove.*\n.*helm.* uninstall ", text), "the two steps"
