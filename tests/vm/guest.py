# SPDX-License-Identifier: Apache-2.0
"""Boot one guest and read what it reports on its console.

What the guest's test program prints (everything else on the console is ignored):
    VM:plan CHECK              a check that will be made; all of them before the first result
    VM:fact NAME TEXT          something worth knowing about this guest
    VM:pass CHECK DETAIL
    VM:fail CHECK REASON
    VM:skip CHECK REASON
    VM:log LINE                of the observer or the worker, after a failure
    VM:exit STATUS             the test program ended
A planned check without a result has failed: the guest ended before it, or the line was lost.
"""

import re
import subprocess
import threading
import time
from dataclasses import dataclass, field

QEMU = "qemu-system-x86_64"
# Without -cx16 the emulated CPU now and then double-faults in BPF code of 6.12.
_EVERY = ["-cpu", "max,-cx16", "-m", "1024", "-nographic", "-no-reboot", "-nic", "none"]
MACHINE = [*_EVERY, "-accel", "tcg,thread=multi", "-smp", "2"]
# One CPU whose time is the number of instructions: what is measured there is the same whatever else the machine does.
COUNTING = [*_EVERY, "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1"]
# An oops ends the guest, instead of leaving it in a state in which it may hang. While the kernel makes huge pages of small
# ones, no probe can read the memory in them: a label is `_unreadable` now and then, which is counted, and is not what is
# tested here (seen with 6.12 and 7.2, 13 collapses in a run; the emulated copy of a page takes its time).
CMDLINE = "console=ttyS0 quiet oops=panic panic=-1 transparent_hugepage=madvise"
# A boot takes 6 s, ten times as long where instructions are counted. Now and then the emulator hangs in it, before the kernel says
# a word.
BOOT_TIMEOUT_S = 300
PANIC = "Kernel panic - not syncing"
# What the kernel prints has the time in front; what the test program prints has not.
KERNELS_OWN = re.compile(r"\[ *\d+\.\d{6}\]")
# In the trace of a panic that the programs under test have part in.
OURS = re.compile(r"\b(bpf_prog_[0-9a-f]{16}|uprobe_|bpf_uprobe)")
ESCAPE = re.compile(r"\x1b(c|\[[?\d;]*[A-Za-z])")  # the firmware's, in front of the first lines


@dataclass
class Report:
    facts: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)  # check -> (pass|fail|skip, detail), in plan order
    logs: list = field(default_factory=list)
    console: list = field(default_factory=list)
    seconds: float = 0
    exit_status: str = ""
    timed_out: bool = False

    @property
    def panicked(self):
        return any(PANIC in line for line in self.console)

    @property
    def panicked_in_probe(self):
        """A panic that must not be retried away: it may be what the test is there to find."""
        return self.panicked and any(OURS.search(line) for line in self.console if KERNELS_OWN.match(line))

    @property
    def failed_by_itself(self):
        """Why the guest, not what is tested in it, came to a bad end; None if it did not.

        Seen with 7.2.13: a breakpoint that the kernel had already taken back, hit in the branch of a
        tracepoint that was being switched on. The emulated processors do not see changed code at once.
        """
        if self.panicked and not self.panicked_in_probe:
            return "a kernel panic"
        if self.timed_out and not self.results:
            return "a boot that hung"
        return None

    def read(self, line):
        """Take one line of the console."""
        self.console.append(line)
        found = re.search(r"VM:(plan|fact|pass|fail|skip|log|exit) ?(.*)", line)
        if not found:
            return
        kind, text = found.groups()
        if kind == "log":
            self.logs.append(text)
            return
        name, _, detail = text.partition(" ")
        if kind == "plan":
            self.results[name] = None
        elif kind == "fact":
            self.facts[name] = detail
        elif kind == "exit":
            self.exit_status = name
        else:
            self.results[name] = (kind, detail)

    def joined(self, other):
        """This one and another guest's of the same kernel."""
        return Report(results={**self.results, **other.results}, facts={**other.facts, **self.facts}, logs=self.logs + other.logs,
                      console=self.console + other.console, seconds=self.seconds + other.seconds)

    def close(self):
        """Give each check that got no result a failure, and one to a guest that ended badly."""
        ending = self._bad_ending()
        for name, result in self.results.items():
            if result is None:
                self.results[name] = ("fail", "no result: " + (ending or "its line was lost"))
        if ending or not self.results:
            self.results["guest"] = ("fail", ending or "it planned no check")

    def _bad_ending(self):
        if self.timed_out:
            return f"the guest was stopped after {self.seconds:.0f} s"
        if self.panicked:
            return "the guest's kernel panicked" + (" in a probe" if self.panicked_in_probe else "")
        if not self.exit_status:
            return "the guest went down before its test program ended"
        if self.exit_status != "0":
            return f"the test program ended with status {self.exit_status}"
        return None


def boot(image, initramfs, cmdline, timeout_s, echo=None, machine=MACHINE):
    """Run one guest to its end, or to the hang guard's."""
    report = Report()
    started = time.monotonic()
    argv = [QEMU, *machine, "-kernel", image, "-initrd", initramfs,
            "-append", f"{CMDLINE} {cmdline}".strip()]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")

    def stop():
        report.timed_out = True
        process.kill()

    guards = [threading.Timer(BOOT_TIMEOUT_S, lambda: report.results or stop()), threading.Timer(timeout_s, stop)]
    for guard in guards:
        guard.start()
    try:
        for line in process.stdout:
            line = ESCAPE.sub("", line).rstrip()
            report.read(line)
            if echo:
                echo(line)
    finally:
        for guard in guards:
            guard.cancel()
        process.kill()
        process.wait()
    report.seconds = time.monotonic() - started
    return report
