// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

// From include/uapi/linux/bpf.h: commands of bpf(2) and link types.
const (
	bpfObjGetInfoByFD = 15
	bpfLinkGetFDByID  = 30
	bpfLinkGetNextID  = 31

	linkPerfEvent   = 7
	linkUprobeMulti = 12
)

const sysBPF = 321 // x86-64

func bpf(command uintptr, attr unsafe.Pointer, size uintptr) (int, error) {
	fd, _, errno := syscall.Syscall(sysBPF, command, uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// linkTypes counts the system's bpf links by type, pinned ones included.
func linkTypes() (map[uint32]int, error) {
	types := map[uint32]int{}
	ids := struct{ id, next, flags uint32 }{}
	for {
		_, err := bpf(bpfLinkGetNextID, unsafe.Pointer(&ids), unsafe.Sizeof(ids))
		if err == syscall.ENOENT {
			return types, nil
		}
		if err != nil {
			return nil, fmt.Errorf("next bpf link: %w", err)
		}
		ids.id = ids.next
		if t, err := linkType(ids.next); err == nil {
			types[t]++
		}
	}
}

// struct bpf_link_info, which begins with the type. A global: its address is
// passed as a number, and the stack may move.
var linkInfo [128]byte

func linkType(id uint32) (uint32, error) {
	byID := struct{ id, next, flags uint32 }{id: id}
	fd, err := bpf(bpfLinkGetFDByID, unsafe.Pointer(&byID), unsafe.Sizeof(byID))
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	linkInfo = [128]byte{} // what is left in it would be taken as input
	query := struct {
		fd, length uint32
		info       uint64
	}{uint32(fd), uint32(len(linkInfo)), uint64(uintptr(unsafe.Pointer(&linkInfo)))}
	if _, err := bpf(bpfObjGetInfoByFD, unsafe.Pointer(&query), unsafe.Sizeof(query)); err != nil {
		return 0, err
	}
	return *(*uint32)(unsafe.Pointer(&linkInfo)), nil
}

// perfEvents counts a process's open perf events: before 5.15 a program hangs
// on one of these without a link.
func perfEvents(pid string) (n int) {
	fds, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); target == "anon_inode:[perf_event]" {
			n++
		}
	}
	return n
}

// attachedBy tells how the observer's uprobes are attached, as the kernel sees it.
func attachedBy(observer *process) (kind, detail string, err error) {
	types, err := linkTypes()
	if err != nil {
		return "", "", err
	}
	events := perfEvents(observer.pid())
	detail = fmt.Sprintf("%d uprobe_multi links, %d perf_event links, %d perf events",
		types[linkUprobeMulti], types[linkPerfEvent], events)
	switch {
	case types[linkUprobeMulti] > 0:
		return "uprobe_multi", detail, nil
	case types[linkPerfEvent] > 0 || events > 0:
		return "perf_event", detail, nil
	}
	return "nothing", detail, nil
}
