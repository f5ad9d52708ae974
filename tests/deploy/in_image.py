# SPDX-License-Identifier: Apache-2.0
"""The host's own cases (tests/e2e/standin), with every observer and every command of philoscope in a container of the image."""
import contextlib
import functools
import os
import pathlib
import subprocess

from containers import Containerd, mounts
from programs import FIXTURES, PHILOSCOPE, ROOT, Philoscope, Skip, until
from run import run_one

ENTRY = "/usr/bin/philoscope"
TOOLS = pathlib.Path(os.environ.get("PHILOSCOPE_TOOLS", str(ROOT / "build/tools")))
# Of the cases of a module only those whose name contains this.
ONLY = os.environ.get("PHILOSCOPE_ONLY", "")

# What has nothing to do with where philoscope runs, or is about a way to start it that there is not for a container.
NOT_HERE = {
    "case_every_fault_point_is_passed": "it compares source text",
    "case_a_bpffs_is_mounted_when_it_is_missing": "no bpffs is mounted in a container (case_no_bpffs_is_mounted_in_a_container)",
    "case_an_observer_in_a_container_that_is_replaced": "its observers are in containers of its own",
    "case_an_observer_without_the_pid_namespace_of_the_host": "its observer is in a container of its own",
    "case_sockets_of_systemd": "nobody hands open sockets into a container",
    "case_secrets_are_not_in_a_core_of_the_child": "the child is started by itself, which no observer in a container does",
}


@contextlib.contextmanager
def seen_by_containers(folder):
    """A folder in which containers see what is mounted there later, too: the bpffs of a case."""
    folder.mkdir()
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "--make-private", str(folder)], check=True)
        subprocess.run(["mount", "--make-shared", str(folder)], check=True)
        yield folder
    finally:
        until(lambda: not subprocess.run(["umount", "--recursive", str(folder)], capture_output=True, check=False).returncode,
              f"the end of all that keeps {folder} busy")  # probes in files of the cases do, and the kernel ends them later


def linked(folder):
    """Folders elsewhere that its links lead to."""
    return [path.resolve() for path in folder.iterdir() if path.is_symlink() and path.is_dir()]


class Launcher:
    """Starts philoscope in containers of the image, as Program.launch."""

    def __init__(self, containerd, image, options):
        self.containerd, self.image, self.options, self.count = containerd, image, options, 0

    def __call__(self, command, env=None, **streams):
        program, *arguments = map(str, command)
        if program != PHILOSCOPE and pathlib.Path(program).parent != TOOLS:
            raise Skip(f"philoscope is started by way of {program}, which the image does not have")
        self.count += 1
        return self.containerd.first_process(self.image, [ENTRY if program == PHILOSCOPE else program, *arguments], env,
                                             options=self.options, **streams)


@contextlib.contextmanager
def observers_are(launch):
    Philoscope.launch = staticmethod(launch)
    try:
        yield
    finally:
        del Philoscope.launch


def really(case, name, launcher, folder):
    """The case; it counts only if there was a container."""
    if name in NOT_HERE:
        raise Skip(NOT_HERE[name])
    before = launcher.count
    case(folder)
    assert launcher.count > before, "no container was started: NOT_HERE has to say why"


def run_all(folder, archive, module, options):
    """Every case of a module beside the host's own, one line each."""
    outcomes = []
    with seen_by_containers(folder / "cases") as place, Containerd(folder) as containerd:
        containerd.ctr("images", "import", "--base-name", "philoscope", str(archive))
        same = [*mounts({place: place}, "rw"), *mounts({path: path for path in (TOOLS, FIXTURES, *linked(FIXTURES))})]
        launcher = Launcher(containerd, containerd.ctr("images", "ls", "--quiet").strip(), [*options, *same])
        with observers_are(launcher):
            for name, case in list(vars(module).items()):
                if name.startswith("case_") and ONLY in name:
                    outcomes.append(run_one(f"{name}, in a container", functools.partial(really, case, name, launcher), place))
    print(", ".join(f"{outcomes.count(o)} {o}" for o in ("passed", "failed", "skipped")), flush=True)
    assert "failed" not in outcomes, "see above"
    assert "passed" in outcomes, "nothing has run"
    print(f"    {launcher.count} containers")
