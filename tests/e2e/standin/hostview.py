# SPDX-License-Identifier: Apache-2.0
"""What the host itself shows of an observer and of its targets: text in memory, BPF objects, pids."""
import ctypes
import os
import pathlib
import platform
import random
import re
import time

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
GET_FD_BY_ID = {"prog": 13, "map": 14, "link": 30}  # bpf(2): BPF_PROG_, BPF_MAP_, BPF_LINK_GET_FD_BY_ID
_libc = ctypes.CDLL(None, use_errno=True)


def _executable_mappings(pid):
    """(start, end, file offset) of the executable's own code."""
    # By inode number alone: under overlayfs maps shows another device than stat.
    inode = os.stat(f"/proc/{pid}/exe").st_ino
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        span, perms, offset, _, number = line.split(None, 5)[:5]
        if "x" in perms and int(number) == inode:
            start, end = (int(part, 16) for part in span.split("-"))
            yield start, end, int(offset, 16)


def changed_text(pid):
    """File offsets at which the code in memory is not what the file holds: where breakpoints are."""
    changed, size = [], 0
    with open(f"/proc/{pid}/exe", "rb") as file, open(f"/proc/{pid}/mem", "rb") as memory:
        for start, end, offset in _executable_mappings(pid):
            file.seek(offset)
            memory.seek(start)
            there = file.read(end - start)
            here = memory.read(end - start)[:len(there)]
            size += len(here)
            if here != there:
                changed += [offset + i for i, (a, b) in enumerate(zip(here, there)) if a != b]
    assert size, f"no code of process {pid} was compared"
    return changed


def descriptors(pid):
    """How many it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_s(pid):
    """CPU time of a process, user and system, all threads (CPUCLOCK_SCHED of clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def fdinfos(pid):
    """What the kernel says of each descriptor of a process."""
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            yield info.read_text()
        except OSError:  # closed meanwhile
            continue


def bpf_ids(pid):
    """{(kind, id)} of the BPF programs, maps and links that a process has open."""
    found = set()
    for text in fdinfos(pid):
        link = re.search(r"^link_id:\s*(\d+)", text, re.M)
        if link:  # shows its program, too
            found.add(("link", int(link[1])))
            continue
        found |= {(kind, int(number)) for kind, number in re.findall(r"^(prog|map)_id:\s*(\d+)", text, re.M)}
    return found


def bpf(command, attributes):
    """bpf(2): its answer, or -errno."""
    answer = _libc.syscall(SYS_BPF, command, attributes, len(attributes))
    return answer if answer >= 0 else -ctypes.get_errno()


def bpf_exists(kind, number):
    """Whether the kernel still has this object."""
    fd = bpf(GET_FD_BY_ID[kind], ctypes.create_string_buffer(number.to_bytes(4, "little"), 128))
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def probes_of_others(*own):
    """Processes that hold uprobe links and are none of ours: another observer makes some checks impossible."""
    others = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if int(folder.name) in own:
            continue
        try:
            texts = [info.read_text() for info in (folder / "fdinfo").iterdir()]
        except OSError:  # gone, or closed meanwhile
            continue
        if any(re.search(r"^link_type:\s*(uprobe_multi|perf)", text, re.M) for text in texts):
            others.append(int(folder.name))
    return others


def free_pid():
    """A pid that nobody has, far from where the kernel is giving them out."""
    newest = int(pathlib.Path("/proc/loadavg").read_text().split()[-1])
    limit = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())
    while True:
        pid = random.randrange(400, limit)
        if (pid - newest) % limit > limit // 4 and not os.path.exists(f"/proc/{pid}"):
            return pid
