// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func procText(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

func reportKernel() {
	fact("kernel", "%s, %s", procText("/proc/sys/kernel/osrelease"), procText("/proc/sys/kernel/version"))
	fact("cmdline", "%s", procText("/proc/cmdline"))
	for _, line := range kernelLog() {
		if _, mode, found := strings.Cut(line, "Dynamic Preempt: "); found {
			fact("preemption", "%s", mode)
		}
	}
}

func checkMounts(*env) (string, error) {
	want := map[string]string{
		"/sys/kernel/tracing": "tracefs",
		"/sys/fs/bpf":         "bpf",
		"/sys/fs/cgroup":      "cgroup2",
	}
	for _, line := range strings.Split(procText("/proc/mounts"), "\n") {
		if f := strings.Fields(line); len(f) > 2 && want[f[1]] == f[2] {
			delete(want, f[1])
		}
	}
	if len(want) > 0 {
		return "", fmt.Errorf("not mounted: %v", want)
	}
	return "tracefs, bpffs, cgroup2", nil
}

func checkBTF(*env) (string, error) {
	info, err := os.Stat("/sys/kernel/btf/vmlinux")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d KiB", info.Size()/1024), nil
}

// Complaints of the kernel that no observer may cause. Stalls are not among
// them: an emulated CPU on a busy host is slow.
var complaints = []string{"WARNING: ", "BUG: ", "Oops", "general protection fault", "double fault"}

func checkKernelLog(*env) (string, error) {
	lines := kernelLog()
	for _, line := range lines {
		for _, c := range complaints {
			if strings.Contains(line, c) {
				return "", fmt.Errorf("the kernel says: %s", line)
			}
		}
	}
	if len(lines) == 0 {
		return "", fmt.Errorf("/dev/kmsg gave nothing")
	}
	return fmt.Sprintf("%d lines, no complaint", len(lines)), nil
}

// kernelLog reads /dev/kmsg up to now: one record per read, EAGAIN at the end,
// EPIPE where records were overwritten.
func kernelLog() []string {
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	var lines []string
	record := make([]byte, 8192)
	for {
		n, err := syscall.Read(fd, record)
		if err == syscall.EPIPE || err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return lines
		}
		_, text, _ := strings.Cut(string(record[:n]), ";")
		text, _, _ = strings.Cut(text, "\n")
		lines = append(lines, text)
	}
}
