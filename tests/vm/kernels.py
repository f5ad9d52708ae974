# SPDX-License-Identifier: Apache-2.0
"""The kernels the tests boot: where Debian keeps them, and the cache of their images.

The system's apt is asked which mirror it uses and is otherwise left alone: package lists, sources
and downloads live in a temporary directory. Only the kernel image is kept; everything the guest
needs (serial console, tracefs, bpffs, BTF) is built into Debian's cloud kernels, so no module is.
"""

import os
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
FETCH_TIMEOUT_S = 600


class FetchError(Exception):
    """A kernel could not be had; the text says what was tried."""


@dataclass(frozen=True)
class Kernel:
    name: str
    suites: tuple  # (label of the archive, suite), the first that offers the package wins
    package: str  # regular expression for the whole package name
    attach: str  # how uprobes are attached there: uprobe_multi links exist from 6.6 on
    cmdline: str = ""
    keeps_links: bool = True  # perf_event links can be pinned from 5.15 on
    # Ways to see sockets. Tracepoints are enough where one of them is in tcp_sendmsg_locked.
    backends: tuple = ("fentry", "kprobe")


def _released(codename):
    return ("Debian", codename), ("Debian-Security", codename + "-security")


KERNELS = {
    k.name: k
    for k in (
        Kernel("5.10", _released("bullseye"), r"linux-image-5\.10\.0-\d+-cloud-amd64", "perf_event",
               keeps_links=False),
        Kernel("6.1", _released("bookworm"), r"linux-image-6\.1\.0-\d+-cloud-amd64", "perf_event"),
        # Fully preemptible: a program that kept state per CPU would show its races here.
        Kernel("6.12", _released("trixie") + (("Debian", "bookworm-backports"),),
               r"linux-image-6\.12\.\d+\S*-cloud-amd64", "uprobe_multi", "preempt=full"),
        # From 7.x on the image itself is in linux-binary-*; linux-image-* only depends on it.
        Kernel("newest", (("Debian", "sid"),), r"linux-binary-\d\S*-cloud-amd64", "uprobe_multi",
               backends=("fentry", "tracepoint", "kprobe")),
    )
}
DEFAULT = tuple(KERNELS)


def _run(argv, **kwargs):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=FETCH_TIMEOUT_S, **kwargs).stdout


def _mirrors():
    """Archive label -> address, as the system's own apt is configured."""
    lines = _run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"], text=True)
    fields = [line.split("|") for line in lines.splitlines()]
    found = {label: uri for origin, label, uri in fields if origin == "Debian"}
    if not found:
        raise FetchError("apt knows no Debian archive: run apt-get update first")
    return found


def _numbers(package):
    return [int(n) for n in re.findall(r"\d+", package)]


class _Apt:
    """An apt of our own for one suite, below a temporary directory."""

    def __init__(self, directory, uri, suite):
        self.directory = Path(directory)
        for sub in ("lists/partial", "cache/archives/partial"):
            (self.directory / sub).mkdir(parents=True)
        sources = self.directory / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {uri} {suite} main\n")
        options = {
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": self.directory / "lists",
            "Dir::State::Status": "/dev/null",
            "Dir::Cache": self.directory / "cache",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::Retries": "3",
        }
        self.options = [arg for key, value in options.items() for arg in ("-o", f"{key}={value}")]

    def packages(self, pattern):
        """The names that match, oldest first."""
        _run(["apt-get", "-q", *self.options, "update"])
        names = _run(["apt-cache", *self.options, "pkgnames", "linux-"], text=True).split()
        return sorted((n for n in names if re.fullmatch(pattern, n)), key=_numbers)

    def download(self, package):
        _run(["apt-get", "-q", *self.options, "download", package], cwd=self.directory)
        return next(self.directory.glob("*.deb"))


def _extract_image(deb, directory):
    """Take vmlinuz alone out of a package into directory; its name carries the release."""
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)  # it complains when left early
    try:
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
            for member in tar:
                if member.isfile() and Path(member.name).name.startswith("vmlinuz"):
                    return _keep(tar.extractfile(member), directory, _release(member.name))
    finally:
        unpack.stdout.close()
        unpack.wait()
    raise FetchError(f"no kernel image in {Path(deb).name}")


def _release(path):
    """boot/vmlinuz-RELEASE, or usr/lib/modules/RELEASE/vmlinuz."""
    name = Path(path).name
    return name[len("vmlinuz-"):] or Path(path).parent.name


def _keep(stream, directory, release):
    directory.mkdir(parents=True, exist_ok=True)
    part = directory / f".part-{os.getpid()}"
    try:
        part.write_bytes(stream.read())
        for old in directory.glob("vmlinuz-*"):
            old.unlink()
        return part.rename(directory / f"vmlinuz-{release}")
    finally:
        part.unlink(missing_ok=True)


def _download(kernel, directory):
    mirrors = _mirrors()
    tried = []
    for label, suite in kernel.suites:
        if label not in mirrors:
            tried.append(f"{suite}: no {label} archive in the system's sources")
            continue
        with tempfile.TemporaryDirectory(prefix="philoscope-apt-") as temporary:
            apt = _Apt(temporary, mirrors[label], suite)
            try:
                names = apt.packages(kernel.package)
                if names:
                    return _extract_image(apt.download(names[-1]), directory)
                tried.append(f"{suite}: no such package")
            except subprocess.CalledProcessError as error:
                tried.append(f"{suite}: {error.stderr.strip()[-300:]}")
            except subprocess.TimeoutExpired:
                tried.append(f"{suite}: timed out")
    raise FetchError(f"kernel {kernel.name} ({kernel.package}): " + "; ".join(tried))


def cache_directory():
    return Path(os.environ.get("PHILOSCOPE_CACHE") or "/var/cache/philoscope") / "kernels"


def image(kernel, refresh=False):
    """The path of a kernel's image: from the cache, or fetched into it (always with refresh)."""
    directory = cache_directory() / kernel.name
    cached = sorted(directory.glob("vmlinuz-*"))
    if cached and not refresh:
        return cached[-1]
    return _download(kernel, directory)
