# SPDX-License-Identifier: Apache-2.0
"""Executables that attack whoever reads them: refused with a reason, and nothing else changes."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import urllib.error

import compare
import hostview
import programs
from programs import Observer, Philoscope, Skip, Worker, fixture, until

HOSTILE = pathlib.Path(os.environ.get("PHILOSCOPE_TOOLS", str(programs.ROOT / "build/tools"))) / "hostile_observer"
HUGE = 100 << 30
# What the file says, and what becomes of the process that reads it.
ATTACKS = {
    "attack:open": "inspector_died",
    "attack:socket": "inspector_died",
    "attack:fork": "inspector_died",
    "attack:kill {observer}": "inspector_died",
    "attack:ptrace {observer}": "inspector_died",
    "attack:write_file": "inspector_died",
    "attack:crash": "inspector_died",
    "attack:flood": "inspector_lied",
    "attack:exit": "inspector_lied",
    "attack:loop": "inspector_timeout",
    "lie:version": "inspector_lied",
    "lie:short": "inspector_lied",
    "lie:va": "inspector_lied",
    "lie:spdelta": "inspector_lied",
}


def status(pid):
    """/proc/pid/status; empty when it is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children(pid):
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if status(folder.name).get("PPid") == str(pid):
            found.append(int(folder.name))
    return found


def peak_kb(pid):
    return int(status(pid)["VmHWM"].split()[0])


def copy(folder, name, tail=b"", size=None):
    """The stand-in as a file of its own, with something behind it."""
    path = folder / name
    shutil.copy(fixture("worker-1.25"), path)
    with open(path, "ab") as file:
        file.write(tail)
    if size:
        try:
            os.truncate(path, size)
        except OSError as error:
            raise Skip(f"no files of {size} bytes here: {error}") from error
    return str(path)


def reasons(observer, service):
    return {dict(key)["reason"] for key in observer.scrape().select("philoscope_probe_info", service=service)}


class HostileObserver(Observer):
    def __init__(self, *flags):
        if not HOSTILE.exists():
            raise Skip(f"no {HOSTILE}")
        super().__init__(*flags, binary=str(HOSTILE))


def case_attacks_end_in_a_reason(folder):
    with HostileObserver() as observer, Worker() as good:
        observer.sees(good.pid)
        run = good.start(events=3000, rate=1000)
        expected = set()
        for number, (attack, reason) in enumerate(ATTACKS.items()):
            tail = "\n" + attack.format(observer=observer.pid)
            with Worker(copy(folder, f"bad-{number}", tail.encode())) as bad:
                observer.sees(bad.pid, "refused")
                expected.add(reason)
                assert reasons(observer, "unknown") == expected, f"{attack}: {reasons(observer, 'unknown')}"
                assert bad.run(events=10)[0]["events"] == 10
                assert bad.stop()[0] == 0, "the target did not end well"
        good.wait(id=run)
        scrape = compare.counters(observer, good)
        compare.no_drops(scrape)
        until(lambda: not children(observer.pid), "the end of all inspectors")
        # And the next one of that image is seen as ever.
        with Worker() as next_one:
            observer.sees(next_one.pid)
        assert observer.stop() == 0


def answer(port, path):
    """(status, text); None: nobody listens yet."""
    try:
        return 200, programs.fetch(port, path)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return None


def case_ready_when_all_have_been_looked_at(folder):
    """One that is never read to its end holds the first look up: alive, not ready. It is refused then, with its reason: ready."""
    [port] = programs.free_ports(1)
    with Worker(copy(folder, "endless", b"\nattack:loop")) as bad:
        observer = HostileObserver(f"--web.listen-address=127.0.0.1:{port}")
        try:
            first = until(lambda: answer(port, "/-/ready"), "an answer")
            assert first == (503, "the first scan of processes is not done\n"), first
            assert answer(port, "/-/healthy") == (200, "ok\n")
            with observer:
                assert observer.logged(f"process {bad.pid} is philotes-unknown"), observer.log
                assert answer(port, "/-/ready") == (200, "ready\n")
        finally:
            Observer.__exit__(observer)


def case_a_program_with_100_gb_behind_it_is_counted(folder):
    with Observer() as observer, Worker() as small:
        observer.sees(small.pid)
        before = peak_kb(observer.pid)
        with Worker(copy(folder, "huge", size=HUGE)) as worker:
            observer.sees(worker.pid)
            worker.run(events=50)
            scrape = compare.counters(observer, worker)
            compare.no_drops(scrape)
        grown = peak_kb(observer.pid) - before
        assert grown < 8192, f"{grown} KiB more for a larger file"


def case_inspections_leave_nothing_behind(folder):
    with Observer() as observer, Worker() as first:
        observer.sees(first.pid)
        before, peak = hostview.descriptors(observer.pid), peak_kb(observer.pid)
        others = []
        for number in range(40):
            path = folder / f"other-{number}"
            shutil.copy(shutil.which("sleep"), path)
            others.append(subprocess.Popen([path, "1000"]))
        # What happens is told in order: when this one is seen, so are all before it.
        with Worker() as last:
            observer.sees(last.pid)
            # A scrape's connection or a file of /proc may be open for the moment, at either count.
            until(lambda: hostview.descriptors(observer.pid) <= before, "the descriptors as they were")
            until(lambda: not children(observer.pid), "the end of all inspectors")
            grown = peak_kb(observer.pid) - peak
            assert grown < 4096, f"{grown} KiB more for 40 programs"
        for other in others:
            other.kill()
            other.wait()


def endless(folder):
    """An executable whose data is said to be 100 GB, without what is looked for in it."""
    path = copy(folder, "endless", size=HUGE)
    with open(path, "r+b") as file:
        header = file.read(64)
        table, rows = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
        for number in range(rows):
            file.seek(table + 56 * number)
            row = list(struct.unpack("<IIQQQQQQ", file.read(56)))
            if row[0] == 1:
                last, place = row, table + 56 * number
        file.seek(last[2])
        file.write(bytes(last[5]))
        last[5] = last[6] = HUGE - last[2]
        file.seek(place)
        file.write(struct.pack("<IIQQQQQQ", *last))
    return path


def filters(pid):
    """How many of seccomp's it has: a container begins with one."""
    return int(status(pid).get("Seccomp_filters", 0))


def inspecting(path):
    """`philoscope inspect` and its child, once that is confined."""
    command = Philoscope([programs.PHILOSCOPE, "inspect", "--json", path])
    child = until(lambda: [pid for pid in children(command.pid) if filters(pid) > filters(command.pid)], "the child")[0]
    return command, child


def refusal(command):
    return json.loads(command.process.stdout.read())["refusal"]


def case_reading_that_never_ends(folder):
    path = endless(folder)
    command, child = inspecting(path)
    with command:
        assert status(child)["CapEff"].strip("0") == "" and status(child)["NoNewPrivs"] == "1", status(child)
        assert refusal(command) == "inspector_timeout"
        assert command.process.wait() == 1
        assert peak_kb_of_ended(path) < 64 * 1024


def peak_kb_of_ended(path):
    """What `inspect` itself took at most, without its child: killed before its end, it is still there to be asked."""
    command, _ = inspecting(path)
    with command:
        return peak_kb(command.pid)


def case_an_inspector_that_is_killed(folder):
    command, child = inspecting(endless(folder))
    with command:
        os.kill(child, signal.SIGKILL)
        assert refusal(command) == "inspector_died"


def case_an_inspector_does_not_outlive_the_observer(folder):
    command, child = inspecting(endless(folder))
    with command:
        command.process.kill()
        command.process.wait()
        until(lambda: status(child).get("State", "Z").startswith("Z"), "the child's end")
