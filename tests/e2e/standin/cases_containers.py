# SPDX-License-Identifier: Apache-2.0
"""Real containers (containers.py): every series has its owner's labels, and counters equal the owner's own oracle."""
import contextlib
import os
import pathlib
import random
import secrets
import time

import compare
import containers
import hostview
from compare import added
from containers import KUBERNETES, Cgroups, Containerd, Node
from programs import HANG_GUARD, Observer, Program, Skip, fixture, until

TWO_TABLES = ["public.orders", "public.items"]
COUNTERS = (compare.EVENTS, "philotes_cdc_event_lag_seconds_count")
USER_NAMESPACE = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536")


def new_source():
    """A source that nobody else has: whatever is counted of it anywhere is ours."""
    return f"postgres-{random.randrange(1 << 40):x}"


def counted(scrape, oracles, **identity):
    """These processes together are one identity, with these labels and no others; its counters are the oracles' sums."""
    for name in COUNTERS:
        seen = scrape.select(name, drop=("service",), **identity)
        expected = added(*(oracle.select(name) for oracle in oracles))
        assert expected, "no events: this would prove nothing"
        compare.same(seen, expected, f"{name}{identity}")


def counted_once(scrape, source, oracles):
    """Nothing of this source is counted anywhere else."""
    seen, expected = scrape.total(compare.EVENTS, source=source), sum(oracle.total(compare.EVENTS) for oracle in oracles)
    assert seen == expected, f"{seen} events of {source} in all, not {expected}"


def load(workers, source, events=500):
    """All of them work at once, on the same labels but not the same number of events."""
    runs = [worker.start(sources=[source], tables=TWO_TABLES, operations=["INSERT", "UPDATE"], events=events + 10 * i,
                         stack_depth=20, gc_ms=20) for i, worker in enumerate(workers)]
    for worker, run in zip(workers, runs):
        worker.wait(id=run)


@contextlib.contextmanager
def told_by(observer):
    """What failed says also what this observer has."""
    try:
        yield
    except AssertionError as error:
        scrape = observer.scrape()
        seen = [f"{dict(key)}: {value}" for key, value in scrape.select(compare.EVENTS).items()]
        drops = {dict(key)["reason"]: value for key, value in scrape.select("philoscope_drops_total").items() if value}
        others = hostview.probes_of_others(observer.pid)
        raise AssertionError("\n".join([str(error), *seen, f"drops: {drops}, other observers: {others}",
                                        "".join(observer.log)])) from error


def each_is_its_own(observer, workers, source):
    """Each container has an identity of its own, and all are complete."""
    oracles = [worker.oracle() for worker in workers]
    with told_by(observer):
        scrape = observer.scrape()
        for worker, oracle in zip(workers, oracles):
            counted(scrape, [oracle], container_id=worker.container_id)
        counted_once(scrape, source, oracles)
        compare.no_drops(scrape)


def sees_all(observer, workers):
    for worker in workers:
        observer.sees(worker.pid)
    return observer


def real_file(worker):
    """(device, inode) of its executable as it shows."""
    stat = os.stat(f"/proc/{worker.pid}/exe")
    return stat.st_dev, stat.st_ino


# ---- images ----

def case_two_containers_of_one_image(folder):
    """One real inode under two device numbers: found by exec and by a scan, each event is counted exactly once."""
    source = new_source()
    with Containerd(folder) as containerd:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as a, Observer(identity_pid=False) as observer, containerd.run(image) as b, \
                Observer(identity_pid=False) as later:
            (a_device, a_inode), (b_device, b_inode) = real_file(a), real_file(b)
            assert a_inode == b_inode and a_device != b_device, "no overlay: this would prove nothing"
            for one in (observer, later):
                sees_all(one, (a, b))
            for _ in range(2):
                load((a, b), source)
                for one in (observer, later):
                    each_is_its_own(one, (a, b), source)


def case_a_second_image_with_the_same_binary(folder):
    """Another layer, another inode, the same contents: one image object, attached twice, counted once."""
    source = new_source()
    with Containerd(folder) as containerd:
        worker = {"/worker": fixture("worker-1.25")}
        one = containerd.image("one", worker)
        two = containerd.image("two", {**worker, "/etc/other": __file__})
        with Observer(identity_pid=False) as observer, containerd.run(one) as a, containerd.run(two) as b, \
                containerd.run(two) as c:
            assert real_file(a)[1] != real_file(b)[1] == real_file(c)[1], "the layers are the same"
            sees_all(observer, (a, b, c))
            load((a, b, c), source)
            each_is_its_own(observer, (a, b, c), source)


def case_a_user_namespace(folder):
    source = new_source()
    with Containerd(folder) as containerd:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image, options=USER_NAMESPACE) as a, Observer(identity_pid=False) as observer, \
                containerd.run(image, options=USER_NAMESPACE) as b, containerd.run(image) as c:
            uid_map = pathlib.Path(f"/proc/{a.pid}/uid_map").read_text(encoding="ascii").split()
            assert uid_map == ["0", "100000", "65536"], uid_map
            sees_all(observer, (a, b, c))
            load((a, b, c), source)
            each_is_its_own(observer, (a, b, c), source)


def case_an_image_that_is_replaced_while_it_runs(folder):
    """Its name goes to other contents; the container that runs and the new one are counted, and also when the first one is gone."""
    source = new_source()
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as old:
            sees_all(observer, [old])
            load([old], source)
            containerd.ctr("images", "rm", "--sync", image)
            each_is_its_own(observer, [old], source)
            assert containerd.image("one", {"/worker": fixture("worker-1.24")}) == image
            with containerd.run(image) as new:
                sees_all(observer, [new])
                load((old, new), source)
                each_is_its_own(observer, (old, new), source)
                ended = old.oracle()
                assert old.stop()[0] == 0
                containerd.ctr("containers", "rm", old.id)
                containerd.ctr("images", "rm", "--sync", image)
                load([new], source)
                scrape = observer.scrape()
                counted(scrape, [ended], container_id=old.container_id)
                counted(scrape, [new.oracle()], container_id=new.container_id)


# ---- processes ----

class Counters:
    """Counters of a source from scrape to scrape: none goes down, none goes away."""

    def __init__(self, observer, source):
        self.observer, self.source, self.last = observer, source, {}

    def scrape(self):
        scrape = self.observer.scrape()
        now = {(name, key): value for name in COUNTERS for key, value in scrape.select(name, source=self.source).items()}
        lower = [(key, value, now.get(key)) for key, value in self.last.items() if now.get(key, -1) < value]
        assert not lower, f"counters went down: {lower}"
        self.last = now
        return scrape


def case_two_processes_of_one_container_add_up(folder):
    source = new_source()
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25"), "/other": fixture("worker-1.24")})
        with containerd.run(image) as a, containerd.also(a) as b, containerd.also(a, binary="/other") as c:
            assert len({a.pid, b.pid, c.pid}) == 3
            sees_all(observer, (a, b, c))
            load((a, b, c), source)
            scrape, oracles = observer.scrape(), [worker.oracle() for worker in (a, b, c)]
            counted(scrape, oracles, container_id=a.container_id)
            counted_once(scrape, source, oracles)
            compare.no_drops(scrape)


def case_a_process_that_is_restarted_in_its_container(folder):
    """Beside the container's first process, which stays; with a good end and killed; and the last one is killed under load."""
    source = new_source()
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as first:
            counters, ended = Counters(observer, source), []
            for end in ("stop", "kill", "kill"):
                with containerd.also(first) as worker:
                    sees_all(observer, [worker])
                    load([worker], source, events=100)
                    ended.append(worker.oracle())
                    counted(counters.scrape(), ended, container_id=first.container_id)
                    getattr(worker, end)()
                counted(counters.scrape(), ended, container_id=first.container_id)
            compare.no_drops(counters.scrape())
            with containerd.also(first) as worker:
                sees_all(observer, [worker])
                before = counters.scrape().total(compare.EVENTS, source=source)
                worker.start(sources=[source], events=1000000)
                until(lambda: counters.scrape().total(compare.EVENTS, source=source) > before + 1000, "load")
                worker.kill()
                rest = counters.scrape().total(compare.EVENTS, source=source)
            assert counters.scrape().total(compare.EVENTS, source=source) == rest


def case_a_container_that_is_restarted(folder):
    """The same container id, files and labels, another process: the counters go on."""
    source, ended = new_source(), []
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        worker, counters = containerd.run(image), Counters(observer, source)
        for end in ("stop", "kill", "stop"):
            with worker:
                sees_all(observer, [worker])
                load([worker], source, events=100)
                ended.append(worker.oracle())
                counted(counters.scrape(), ended, container_id=worker.container_id)
                getattr(worker, end)()
            counted(counters.scrape(), ended, container_id=worker.container_id)
            worker = containerd.again(worker)
        with worker:
            counted_once(counters.scrape(), source, ended)
            compare.no_drops(counters.scrape())


def case_a_process_that_becomes_another_program_in_its_container(folder):
    """exec of itself, of another build and back, in the container's first process: one identity all the time."""
    source, ended = new_source(), []
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25"), "/other": fixture("worker-1.24")})
        with containerd.run(image) as worker:
            counters, pid = Counters(observer, source), worker.pid
            for program in (None, "/worker", "/other", "/worker"):
                if program:
                    worker.exec(program)
                    assert worker.pid == pid
                sees_all(observer, [worker])
                observer.log.clear()  # the next one says the same
                load([worker], source, events=100)
                ended.append(worker.oracle())
                counted(counters.scrape(), ended, container_id=worker.container_id)
            counted_once(counters.scrape(), source, ended)
            compare.no_drops(counters.scrape())


def case_a_file_that_the_container_has_touched(folder):
    """Overlayfs then gives the container a real file of its own, under the old device and inode number."""
    source = new_source()
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as a, containerd.run(image) as b:
            sees_all(observer, (a, b))
            shown = real_file(a)
            os.chmod(pathlib.Path(f"/proc/{a.pid}/root") / "worker", 0o700)
            with containerd.also(a) as c:
                assert real_file(c) == shown, "it shows as another file: this would prove nothing"
                sees_all(observer, [c])
                load((a, b, c), source)
                scrape, oracles = observer.scrape(), [worker.oracle() for worker in (a, b, c)]
                counted(scrape, [oracles[0], oracles[2]], container_id=a.container_id)
                counted(scrape, [oracles[1]], container_id=b.container_id)
                counted_once(scrape, source, oracles)


def case_containers_that_lived_and_died_without_an_observer(folder):
    """The next one knows whose their numbers are, by what the kernel kept: a plain container, and a pod's."""
    source, node = new_source(), Node(folder)
    with containers.bpffs(folder) as bpffs, Containerd(folder) as containerd:
        settings = {"identity_pid": False, "state": f"{bpffs}/philoscope", "shown": node.places}
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        pod = node.pod()
        with containerd.run(image) as stays:
            with Observer(**settings) as observer:
                sees_all(observer, [stays])
                load([stays], source)
                observer.process.kill()
                observer.process.wait()
            oracles = []
            for given in ({}, pod.container("worker")):
                with containerd.run(image, **given) as away:
                    load([stays, away], source)
                    oracles.append(away.oracle())
                    plain = away.container_id if not given else plain
                    assert away.stop()[0] == 0
                containerd.ctr("containers", "rm", away.id)
            with Observer(**settings) as observer, told_by(observer):
                sees_all(observer, [stays])
                load([stays], source)
                scrape, oracle = observer.scrape(), stays.oracle()
                counted(scrape, [oracle], container_id=stays.container_id)
                counted(scrape, oracles[:1], container_id=plain)
                counted(scrape, oracles[1:], **pod.labels("worker"))
                counted_once(scrape, source, [oracle, *oracles])
                compare.no_drops(scrape)


# ---- hierarchies ----

def case_cgroup_v1_alone(folder):
    """A container that is in the v1 hierarchies only."""
    if not containers.has_v1():
        raise Skip("this host has cgroup v2 alone")
    source = new_source()
    with Containerd(folder, unified=False) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as a, containerd.run(image) as b:
            assert containers.v2_path(a.pid) in (None, "/"), "it is in the v2 hierarchy, too"
            sees_all(observer, (a, b))
            load((a, b), source)
            each_is_its_own(observer, (a, b), source)


def case_cgroup_v1_with_a_v2_hierarchy_that_names_a_service(folder):
    """As systemd and a runc before 1.1 leave it: in v2 all containers of the node are in the service that runs containerd."""
    if not containers.UNIFIED.is_mount():
        raise Skip("this host has no cgroup v2 hierarchy beside those of v1")
    source, service = new_source(), f"philoscope-test-{secrets.token_hex(4)}.service"
    with Containerd(folder, unified=False) as containerd, Observer(identity_pid=False) as observer:
        containerd.cgroups.move(containerd.pid, service, tops=[containers.UNIFIED])
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as a, containerd.run(image) as b:
            assert containers.v2_path(a.pid) == f"/{service}"
            sees_all(observer, (a, b))
            load((a, b), source)
            each_is_its_own(observer, (a, b), source)


def case_a_container_with_cgroups_of_its_own(folder):
    """It may call them as it likes, also like another container: it stays who it is."""
    source, other = new_source(), secrets.token_hex(32)
    with Containerd(folder) as containerd, Observer(identity_pid=False) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        with containerd.run(image) as a, containerd.also(a) as b:
            nested = f"/{containerd.namespace}/{a.id}/docker/{other}"
            cgroups = Cgroups()
            try:
                cgroups.move(b.pid, nested)
                sees_all(observer, (a, b))
                load((a, b), source)
                scrape, oracles = observer.scrape(), [worker.oracle() for worker in (a, b)]
                counted(scrape, oracles, container_id=a.container_id)
                counted_once(scrape, source, oracles)
            finally:
                b.kill()
                cgroups.remove()


# ---- the observer in a container ----

# What docs/containers.md asks for.
LEAST = [option for name in containers.DEFAULT_CAPABILITIES for option in ("--cap-drop", name)]
LEAST += [option for name in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")
          for option in ("--cap-add", name)]


def case_the_observer_in_a_container(folder):
    """Privileged, and with no more rights than the documented ones: it counts and names what one on the host does."""
    source = new_source()
    node = Node(folder)
    with Containerd(folder, namespace=KUBERNETES) as containerd:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        two = containerd.image("two", {"/worker": fixture("worker-1.25"), "/etc/other": __file__})
        philoscope = containerd.image("philoscope", containers.observer_files())
        pod = node.pod()
        with containerd.run(image) as a, \
                containerd.observer(philoscope, options=["--privileged"], shown=node.places, identity_pid=False) as privileged, \
                containerd.observer(philoscope, options=["--read-only", *LEAST], shown=node.places, identity_pid=False) as least, \
                Observer(identity_pid=False, shown=node.places) as host, \
                containerd.run(image) as b, containerd.run(two) as c, containerd.run(image, options=USER_NAMESPACE) as d, \
                containerd.run(image, **pod.container("worker")) as e:
            for observer in (privileged, least, host):
                sees_all(observer, (a, b, c, d, e))
            load((a, b, c, d, e), source)
            oracles = [worker.oracle() for worker in (a, b, c, d, e)]
            for observer in (privileged, least, host):
                with told_by(observer):
                    scrape = observer.scrape()
                    for worker, oracle in zip((a, b, c, d), oracles):
                        counted(scrape, [oracle], container_id=worker.container_id)
                    counted(scrape, [oracles[4]], **pod.labels("worker"))
                    counted_once(scrape, source, oracles)
                    compare.no_drops(scrape)


def case_an_observer_in_a_container_that_is_replaced(folder):
    """Another container takes over from one that was killed; with the host's bpffs and the documented rights no event is lost."""
    source = new_source()
    with containers.bpffs(folder) as bpffs, Containerd(folder) as containerd:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        philoscope = containerd.image("philoscope", containers.observer_files())
        options = ["--read-only", *LEAST, "--mount", f"type=bind,src={bpffs},dst=/sys/fs/bpf,options=rbind:rw"]
        with containerd.run(image) as a, containerd.run(image) as b:
            for _ in range(2):
                with containerd.observer(philoscope, options=options, identity_pid=False, state="/sys/fs/bpf/philoscope") as observer:
                    sees_all(observer, (a, b))
                    load((a, b), source)
                    each_is_its_own(observer, (a, b), source)
                    containers.kill(observer.pid)
                    observer.process.wait(HANG_GUARD)
                load((a, b), source)


def case_an_observer_without_the_pid_namespace_of_the_host(folder):
    with Containerd(folder) as containerd:
        image = containerd.image("philoscope", containers.observer_files())
        observer = containerd.observer(image, options=["--privileged"], host_pid=False)
        code = observer.process.wait(HANG_GUARD)
        Program.__exit__(observer)
        assert code == 1 and observer.logged("hostPID"), f"exit {code}: {observer.log}"


# ---- Kubernetes ----

# Cgroup paths as kubelet and the runtime make them, by driver and quality of service.
LAYOUTS = (
    "/kubepods/burstable/pod{uid}/{id}",
    "/kubepods/pod{uid}/{id}",
    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid_}.slice/cri-containerd-{id}.scope",
    "/kubepods.slice/kubepods-pod{uid_}.slice/cri-containerd-{id}.scope",
    "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{uid_}.slice/"
    "cri-containerd-{id}.scope",
)


def case_pods_by_what_kubelet_keeps(folder):
    """Folders and links below /var/log, with pods of two containers and of one, in every layout of cgroups."""
    source, node = new_source(), Node(folder)
    with Containerd(folder) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        for layout in LAYOUTS:
            pod = node.pod(layout)
            with containerd.run(image, **pod.container("worker")) as a:
                sees_all(observer, [a])
                load([a], source)
                alone = a.oracle()
                counted(observer.scrape(), [alone], **pod.labels("worker"))
                with containerd.run(image, **pod.container("side-car", link=True)) as b, \
                        containerd.run(image, **pod.container("worker", link=True)) as again:
                    sees_all(observer, (b, again))
                    load((b, again), source)
                    scrape = observer.scrape()
                    counted(scrape, [alone, again.oracle()], **pod.labels("worker"))
                    counted(scrape, [b.oracle()], **pod.labels("side-car"))
                    compare.no_drops(scrape)


def case_pods_by_what_containerd_keeps(folder):
    """The annotations that its Kubernetes side gives a container, in the state of a containerd that runs; nothing of kubelet."""
    source, node = new_source(), Node(folder)
    with Containerd(folder, namespace=KUBERNETES) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        for layout in LAYOUTS[:1] + LAYOUTS[2:3]:
            pod = node.pod(layout)
            with containerd.run(image, **pod.annotated("worker")) as a, containerd.run(image, **pod.annotated("side-car")) as b:
                sees_all(observer, (a, b))
                load((a, b), source)
                scrape = observer.scrape()
                counted(scrape, [a.oracle()], **pod.labels("worker"))
                counted(scrape, [b.oracle()], **pod.labels("side-car"))
                compare.no_drops(scrape)


def case_a_container_of_a_pod_that_kubelet_restarts(folder):
    """Another container id under the same names, which are the labels: the counters go on."""
    source, node, ended = new_source(), Node(folder), []
    with Containerd(folder) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        pod, counters = node.pod(), Counters(observer, source)
        for end in ("stop", "kill", "stop"):
            with containerd.run(image, **pod.container("worker")) as worker:
                sees_all(observer, [worker])
                load([worker], source, events=100)
                ended.append(worker.oracle())
                counted(counters.scrape(), ended, **pod.labels("worker"))
                getattr(worker, end)()
            counted(counters.scrape(), ended, **pod.labels("worker"))
        compare.no_drops(counters.scrape())


def case_names_that_come_a_moment_later(folder):
    """kubelet makes the link after the start. Until then nothing is shown; the first that is shown is whole."""
    source, node = new_source(), Node(folder)
    with Containerd(folder) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        pod = node.pod()
        given = pod.container("worker", folders=("worker", "side-car"))
        with containerd.run(image, **given) as worker:
            sees_all(observer, [worker])
            start = time.monotonic()
            load([worker], source, events=10)
            early = observer.scrape()
            pod.link("worker", worker.id)
            if time.monotonic() - start > 1:
                raise Skip("this machine is too slow to be earlier than the observer's patience of 2 s")
            assert not early.select(compare.EVENTS, source=source), "shown before its names were known"
            counted(observer.scrape(), [worker.oracle()], **pod.labels("worker"))


def case_names_that_never_come(folder):
    """The pod is known, its container is not to be told from another: that label stays out, for good."""
    source, node = new_source(), Node(folder)
    with Containerd(folder) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        pod = node.pod()
        with containerd.run(image, **pod.container("worker", folders=("worker", "side-car"))) as worker:
            sees_all(observer, [worker])
            load([worker], source, events=10)
            until(lambda: observer.scrape().select(compare.EVENTS, source=source), "the end of the patience")
            labels = pod.labels("worker")
            del labels["container"]
            counted(observer.scrape(), [worker.oracle()], **labels)
            pod.link("worker", worker.id)
            counted(observer.scrape(), [worker.oracle()], **labels)


def case_a_pod_with_cgroups_of_its_own(folder):
    """A container of a pod that makes cgroups like those of another pod stays in its own."""
    source, node = new_source(), Node(folder)
    with Containerd(folder) as containerd, Observer(identity_pid=False, shown=node.places) as observer:
        image = containerd.image("one", {"/worker": fixture("worker-1.25")})
        pod, other = node.pod(), node.pod()
        other_path = other.container("worker")["cgroup"]
        given = pod.container("worker")
        with containerd.run(image, **given) as a, containerd.also(a) as b:
            cgroups = Cgroups()
            try:
                cgroups.move(b.pid, given["cgroup"] + other_path)
                sees_all(observer, (a, b))
                load((a, b), source)
                counted(observer.scrape(), [a.oracle(), b.oracle()], **pod.labels("worker"))
            finally:
                b.kill()
                cgroups.remove()
