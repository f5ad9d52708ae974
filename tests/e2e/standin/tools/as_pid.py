#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""as_pid.py PID PROGRAM [ARGUMENT]...: runs a program under a chosen pid (clone3 with set_tid), and ends as it ends."""
import ctypes
import os
import signal
import struct
import sys

SYS_CLONE3 = 435
libc = ctypes.CDLL(None, use_errno=True)


def clone_as(pid):
    """fork() with a chosen pid: 0 in the child."""
    wanted = ctypes.c_int32(pid)
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size
    args = struct.pack("10Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1)
    child = libc.syscall(SYS_CLONE3, args, len(args))
    if child < 0:
        sys.exit(f"as_pid: cannot have pid {pid}: {os.strerror(ctypes.get_errno())}")
    return child


def main():
    signals = {signal.SIGTERM, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = clone_as(int(sys.argv[1]))
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # The child ends with its parent, also when that is killed.
        libc.prctl(1, signal.SIGKILL)
        os.execv(sys.argv[2], sys.argv[2:])
    while signal.sigwait(signals) == signal.SIGTERM:
        os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xff)


if __name__ == "__main__":
    main()
