# SPDX-License-Identifier: Apache-2.0
"""
Real containers: a containerd of the test's own with runc and overlayfs. It lives in a mount namespace of its own (its mounts end
with it, and /run is empty there), keeps everything in the test's folder, and takes its containers with it. Each container has
its own pid, mount and network namespaces; a worker is asked through its own loopback.
"""
import contextlib
import ctypes
import errno
import functools
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import secrets
import shutil
import signal
import subprocess
import tarfile
import threading
import uuid

from programs import HANG_GUARD, PHILOSCOPE, Observer, Program, Skip, Worker, here, until

TOOLS = ("containerd", "ctr", "containerd-shim-runc-v2", "runc")
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
# What a runtime of Kubernetes keeps its containers in.
KUBERNETES = "k8s.io"
# What a container has unless it is told otherwise (containerd, Docker).
DEFAULT_CAPABILITIES = [f"CAP_{name}" for name in (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")]
INITIAL_CGROUP_NAMESPACE = 0xEFFFFFFB  # the kernel's PROC_CGROUP_INIT_INO
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def inside_network(pid, call):
    """The answer of a call that is made in the network namespace of a process: by a thread that enters it and ends."""
    answer = []

    def enter():
        with open(f"/proc/{pid}/ns/net", "rb") as namespace:
            if _libc.setns(namespace.fileno(), CLONE_NEWNET):
                error = ctypes.get_errno()
                raise OSError(error, f"the network of process {pid}: {os.strerror(error)}")
        return call()

    def run():
        try:
            answer.append((enter(), None))
        except Exception as error:  # raised again below
            answer.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = answer[0]
    if error:
        raise error
    return value


# ---- images ----

def _add(archive, name, content, mode=0o644):
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), mode, 1700000000
    archive.addfile(member, io.BytesIO(content))


def _layer(files):
    """A layer of {path in the image: file here}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, source in files.items():
            _add(archive, path.lstrip("/"), pathlib.Path(source).read_bytes(), 0o755)
    return out.getvalue()


def write_image(archive_path, name, files):
    """An archive in the OCI image layout, from scratch: one layer that holds nothing but these files."""
    with tarfile.open(archive_path, "w") as archive:
        def blob(kind, content):
            digest = hashlib.sha256(content).hexdigest()
            _add(archive, f"blobs/sha256/{digest}", content)
            return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

        def document(kind, **fields):
            return blob(f"{kind}+json", json.dumps(fields).encode())

        layer = blob("layer.v1.tar", _layer(files))
        config = document("config.v1", architecture=MACHINE, os="linux", config={"Env": ["GODEBUG=adaptivestackstart=0"]},
                          rootfs={"type": "layers", "diff_ids": [layer["digest"]]})
        manifest = document("manifest.v1", schemaVersion=2, config=config, layers=[layer])
        manifest["annotations"] = {"io.containerd.image.name": name}
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())


def libraries(program):
    """What the loader says that a program needs, the loader itself included."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    assert "not found" not in done.stdout, done.stdout
    return re.findall(r"(/\S+) \(0x", done.stdout)


def observer_files():
    """The files of an image that philoscope runs from."""
    return {"/philoscope": PHILOSCOPE, **{path: path for path in libraries(PHILOSCOPE)}}


# ---- cgroups ----

UNIFIED = pathlib.Path("/sys/fs/cgroup/unified")


def _hierarchies(*kinds):
    """Where the host has cgroups mounted; kinds: cgroup (v1), cgroup2."""
    mounts = (line.split() for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
    return [pathlib.Path(fields[1]) for fields in mounts if fields[2] in (kinds or ("cgroup", "cgroup2"))]


def has_v1():
    return bool(_hierarchies("cgroup"))


def v2_path(pid):
    """The process's place in the cgroup v2 hierarchy, or None."""
    found = re.search(r"^0::(.*)$", pathlib.Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8"), re.M)
    return found and found[1]


class Cgroups:
    """Folders of the hierarchies that are ours: they weren't there before. They are removed at the end."""

    def __init__(self):
        self.made = []

    def expect(self, path, tops=None):
        """path is going to be made: all of it that isn't there yet is ours."""
        for top in tops or _hierarchies():
            folder = top / path.lstrip("/")
            while folder != top and not folder.exists() and folder not in self.made:
                self.made.append(folder)
                folder = folder.parent

    def move(self, pid, path, tops=None):
        """Makes path and moves a process there: where philoscope looks, that is in v2 and in two controllers of v1."""
        tops = tops or [*_hierarchies("cgroup2"), *(top for top in _hierarchies("cgroup") if top.name in ("memory", "pids"))]
        self.expect(path, tops)
        for top in tops:
            folder = top / path.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    @staticmethod
    def _is_gone(folder):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno != errno.EBUSY:  # who was in it is not quite dead yet
                raise
            return False
        return True

    def remove(self):
        for folder in sorted(self.made, key=lambda path: -len(path.parts)):
            until(lambda f=folder: self._is_gone(f), f"the end of {folder}")
        self.made = []


# ---- what outlives an observer ----

@contextlib.contextmanager
def bpffs(folder):
    """A bpffs of the test's own, on the host: what is pinned there ends with it. Containers started later see it, too."""
    path = folder / "bpf"
    path.mkdir()
    if subprocess.run(["mount", "-t", "bpf", "bpf", str(path)], check=False).returncode:
        raise Skip("a bpffs can't be mounted")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


# ---- what kubelet keeps ----

class Node:
    """
    The folders of a node that philoscope reads about Kubernetes' containers: kubelet's, and the state of a containerd in the same
    folder. Real ones are not touched: an observer is shown these in their places.
    """

    def __init__(self, folder):
        self.places = {"/var/log/pods": folder / "pods", "/var/log/containers": folder / "links",
                       "/run/containerd": folder / "state"}
        for place in self.places.values():
            place.mkdir(exist_ok=True)

    def pod(self, layout="/kubepods/burstable/pod{uid}/{id}"):
        return Pod(self.places["/var/log/pods"], self.places["/var/log/containers"], layout)


class Pod:
    """A pod as kubelet makes it; each container is a set of arguments for Containerd.run."""

    def __init__(self, pods, links, layout):
        self.pods, self.links, self.layout, self.uid = pods, links, layout, str(uuid.uuid4())
        self.namespace, self.name = "shop", f"philotes-worker-{secrets.token_hex(3)}.a"

    def labels(self, container):
        return {"namespace": self.namespace, "pod": self.name, "container": container}

    def _place(self):
        container_id = secrets.token_hex(32)
        return {"container_id": container_id,
                "cgroup": self.layout.format(uid=self.uid, uid_=self.uid.replace("-", "_"), id=container_id)}

    def container(self, name, link=False, folders=None):
        """Known to kubelet: by the folders of the pod's containers, and by a link if there is one."""
        for folder in folders or [name]:
            path = self.pods / f"{self.namespace}_{self.name}_{self.uid}" / folder
            path.mkdir(parents=True, exist_ok=True)
            (path / "0.log").touch()
        place = self._place()
        if link:
            self.link(name, place["container_id"])
        return place

    def link(self, name, container_id):
        (self.links / f"{self.name}_{self.namespace}_{name}-{container_id}.log").symlink_to(
            f"/var/log/pods/{self.namespace}_{self.name}_{self.uid}/{name}/0.log")

    def annotated(self, name):
        """Known to containerd: by what its Kubernetes side writes into a container's spec."""
        facts = {"container-name": name, "container-type": "container", "sandbox-name": self.name,
                 "sandbox-namespace": self.namespace, "sandbox-uid": self.uid, "sandbox-id": secrets.token_hex(32)}
        return {**self._place(), "options": [option for key, value in facts.items()
                                             for option in ("--annotation", f"io.kubernetes.cri.{key}={value}")]}


# ---- containerd ----

def mounts(folders, rights="ro"):
    """Options of a container that sees folders of the host, {there: here}, and what is mounted in them."""
    return [option for there, path in folders.items()
            for option in ("--mount", f"type=bind,src={path},dst={there},options=rbind:rslave:{rights}")]


def can_run():
    """Whether containers can be run here, and are what they seem to be."""
    for tool in TOOLS:
        if not shutil.which(tool):
            raise Skip(f"there is no {tool}: scripts/setup check")
    if os.stat("/proc/self/ns/cgroup").st_ino != INITIAL_CGROUP_NAMESPACE:
        raise Skip("the tests run in a container themselves: whatever they start is in that one")


# An overlay can't be the upper layer of another one.
START_CONTAINERD = """
    mount -t tmpfs none /run
    if [ "$(stat -f -c %T "$1")" = overlayfs ]; then mount -t tmpfs none "$1/root"; fi
    $2
    exec containerd --config "$1/config.toml"
"""


class Containerd(Program):
    """
    A containerd in the folder, and what runs in it. namespace: containerd's, not the kernel's. unified=False hides the cgroup v2
    hierarchy that a host with cgroup v1 has beside it: runc puts nobody there then, as releases before 1.1 did.
    """

    def __init__(self, folder, namespace="default", unified=True):
        can_run()
        self.folder, self.namespace, self.cgroups, self.count = folder, namespace, Cgroups(), 0
        self.socket = folder / "containerd.sock"
        folder.chmod(0o711)  # the root of a user namespace goes through it
        (folder / "fifo").mkdir()
        (folder / "config.toml").write_text(f"""
            version = 2
            root = "{folder}/root"
            state = "{self.state}"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
              address = "{self.socket}"
        """)
        (folder / "root").mkdir()
        hide = f"umount {UNIFIED}" if not unified and UNIFIED.is_mount() else ":"
        super().__init__(["unshare", "--mount", "--propagation", "slave", "sh", "-ec", START_CONTAINERD, "sh", str(folder), hide], stdout=subprocess.DEVNULL)

    @property
    def state(self):
        """What /run/containerd is to a containerd of the node."""
        return self.folder / "state"

    def command(self, *arguments):
        """In containerd's mount namespace, for ctr makes mounts itself."""
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "ctr", "--address", str(self.socket),
                "--namespace", self.namespace, *arguments]

    def ctr(self, *arguments):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, timeout=HANG_GUARD)
        assert done.returncode == 0, f"ctr {arguments}: {done.stderr}"
        return done.stdout

    def __enter__(self):
        until(lambda: self.logged("containerd successfully booted") or self.process.poll() is not None, "containerd")
        assert self.process.poll() is None, f"containerd did not start: {''.join(self.log)}"
        return self

    def image(self, name, files):
        """Makes (or replaces) an image of {path in the image: file here}; its whole name."""
        name = f"philoscope.invalid/{name}:1"
        archive = self.folder / "image.tar"
        write_image(archive, name, files)
        self.ctr("images", "import", str(archive))
        archive.unlink()
        return name

    def run(self, image, *flags, cgroup=None, options=(), container_id=None):
        """A worker in a new container, which ends with it. cgroup: as a kubelet would give it."""
        container_id = container_id or secrets.token_hex(32)
        cgroup = cgroup or f"/{self.namespace}/{container_id}"
        self.cgroups.expect(cgroup)
        return self._first(container_id, ["run", "--cgroup", cgroup, *options], [image, container_id, "/worker", *flags])

    def again(self, container):
        """The same container, started again after its end: its id and its files stay."""
        return self._first(container.id, ["tasks", "start"], [container.id])

    def _first(self, container_id, verb, arguments):
        pid_file = self.new_pid_file()
        return Contained(self, container_id, [*verb, "--pid-file", pid_file], arguments, lambda: read_pid(pid_file))

    def also(self, container, *flags, binary="/worker"):
        """One more worker in a container that runs."""
        name = secrets.token_hex(8)
        return Contained(self, container.id, ["tasks", "exec", "--exec-id", name], [container.id, binary, *flags],
                         lambda: self._pid_of(container.id, name))

    def _pid_of(self, container_id, name):
        processes = self.ctr("tasks", "ps", container_id)
        return int(re.search(rf'^(\d+)\s.*\b{name}\b', processes, re.M)[1])

    def observer(self, image, *flags, options=(), host_pid=True, **settings):
        """philoscope as a container that has the host's network and, for host_pid, its processes."""
        return ContainedObserver(functools.partial(self.first_process, image, options=options, host_pid=host_pid), *flags, **settings)

    def first_process(self, image, command, env=None, options=(), host_pid=True, shown=None, **more):
        """The same of any program of the image, launched as by programs.here()."""
        container_id = secrets.token_hex(32)
        self.cgroups.expect(f"/{self.namespace}/{container_id}")
        pid_file = self.new_pid_file()
        return ContainedProcess(pid_file, command[0], here(self.command(
            "run", "--cgroup", f"/{self.namespace}/{container_id}", "--fifo-dir", str(self.folder / "fifo"), "--pid-file", pid_file,
            "--net-host", *(["--with-ns", "pid:/proc/self/ns/pid"] if host_pid else []),
            *(f"--env={name}={value}" for name, value in (env or {}).items()), *mounts(shown or {}), *options, image, container_id, *command), **more))

    def new_pid_file(self):
        self.count += 1
        return str(self.folder / f"pid.{self.count}")

    def _shims(self):
        """Processes that containerd leaves behind: they name its socket."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:  # gone
                continue
            if str(self.socket).encode() in arguments:
                yield int(folder.name)

    def _running(self):
        """The first processes of containers that run."""
        rows = [line.split() for line in self.ctr("tasks", "ls").splitlines()[1:]]
        return [int(pid) for _, pid, status in rows if status == "RUNNING"]

    def _is_empty(self):
        """What has ended is deleted by the ctr that started it, unless that one is gone: then here."""
        tasks = self.ctr("tasks", "ls", "--quiet").split()
        if tasks:
            subprocess.run(self.command("tasks", "rm", *tasks), capture_output=True, check=False, timeout=HANG_GUARD)
        return not tasks

    def _end_all(self):
        """Whatever still runs in it."""
        for pid in self._running():
            kill(pid)
        until(lambda: not self._running(), "the end of all containers")
        until(self._is_empty, "the deletion of all tasks")

    def __exit__(self, *exception):
        try:
            if self.process.poll() is None:
                self._end_all()
        finally:
            self.process.terminate()
            self.process.wait(HANG_GUARD)
            for shim in self._shims():
                kill(shim)
            until(lambda: not list(self._shims()), "the end of all shims")
            self.cgroups.remove()
            super().__exit__(*exception)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has ended already
        pass


def read_pid(path):
    return int(pathlib.Path(path).read_text(encoding="ascii"))


class Contained(Worker):
    """
    The stand-in worker in a container. `pid` is the host's number. The program that is started is ctr, which passes signals on,
    ends when the worker does, and as it does.
    """

    def __init__(self, containerd, container_id, verb, arguments, find_pid):
        self.id, self.find_pid = container_id, find_pid
        super().__init__(*arguments, command=containerd.command(*verb, "--fifo-dir", str(containerd.folder / "fifo")))

    @property
    def container_id(self):
        """As philoscope shows it."""
        return self.id[:12]

    def __enter__(self):
        line = self.process.stdout.readline()
        assert line, f"the container did not start: {''.join(self.log)}"
        self.port, self.runs = json.loads(line)["port"], []
        self.worker_pid = self.find_pid()
        return self

    def fetch(self, path, data=None):
        return inside_network(self.pid, lambda: super(Contained, self).fetch(path, data))

    def kill(self):
        """SIGKILL; a container ends with its first process."""
        kill(self.pid)
        return self.process.wait(HANG_GUARD)

    def __exit__(self, *exception):
        if self.process.poll() is None and hasattr(self, "worker_pid"):
            self.kill()
        super().__exit__(*exception)


class ContainedProcess:
    """
    A container's first process, which can be used as a Popen. What it prints and its end are known from the ctr that runs it; its
    pid and whatever is sent to it are its own.
    """

    def __init__(self, pid_file, program, ctr):
        self.pid_file, self.program, self.ctr = pid_file, pathlib.Path(program).name, ctr

    def __getattr__(self, name):
        return getattr(self.ctr, name)

    def __enter__(self):
        self.ctr.__enter__()
        return self

    def __exit__(self, *exception):
        self.ctr.__exit__(*exception)

    def _runs(self):
        """The process is runc at first."""
        try:
            return pathlib.Path(os.readlink(f"/proc/{read_pid(self.pid_file)}/exe")).name == self.program
        except (OSError, ValueError):  # there is no file yet, or nothing in it, or no process
            return False

    @property
    def pid(self):
        until(lambda: self._runs() or self.ctr.poll() is not None, "a container's process")
        return read_pid(self.pid_file)

    @property
    def returncode(self):
        """As a parent sees it: an end by a signal is below 0."""
        code = self.ctr.returncode
        return 128 - code if code is not None and code > 128 else code

    def poll(self):
        self.ctr.poll()
        return self.returncode

    def wait(self, timeout=None):
        self.ctr.wait(timeout)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it has ended, or never began
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class ContainedObserver(Observer):
    """An observer that is the first process of a container."""

    def __init__(self, launch, *flags, **settings):
        self.launch = launch
        super().__init__(*flags, **{"binary": "/philoscope", **settings})

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.stop()
        super().__exit__(*exception)
