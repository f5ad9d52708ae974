// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// How long a wait may last before it counts as a hang: far longer than anything
// takes, even emulated. Numbers at rest that still differ after settleGuard
// will not become equal. An executable that could not be read in 5 s, as on a
// host that has much else to do, is looked at again at five rescans, 30 s apart.
const (
	hangGuard   = 60 * time.Second
	attachGuard = 200 * time.Second
	loadGuard   = 130 * time.Second
	settleGuard = 15 * time.Second
)

const anyCPU = -1

// A process under test, with its output in a file that is shown if it fails.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; valid once done is closed
}

func start(name string, cpu int, argv ...string) (*process, error) {
	return startWith(name, cpu, nil, argv...)
}

func startWith(name string, cpu int, environment []string, argv ...string) (*process, error) {
	log, err := os.Create(filepath.Join(os.TempDir(), name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{name: name, log: log.Name(), done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), environment...)
	if err := startOn(cpu, p.cmd); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// startOn starts a program on one CPU: it inherits the affinity of a thread
// that is pinned for it and ends with its goroutine, being locked.
func startOn(cpu int, cmd *exec.Cmd) error {
	if cpu == anyCPU {
		return cmd.Start()
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := pinThread(cpu)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}

func pinThread(cpu int) error {
	mask := uint64(1) << cpu
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask),
		uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return fmt.Errorf("sched_setaffinity: %w", errno)
	}
	return nil
}

func (p *process) pid() string { return fmt.Sprint(p.cmd.Process.Pid) }

// ended is nil while the process runs, so that a wait for it can end early.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended early: %s", p.name, p.cmd.ProcessState)
	default:
		return nil
	}
}

// stop ends the process as a user would; it must then exit with status 0.
func (p *process) stop() error {
	if err := p.ended(); err != nil {
		return err
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(hangGuard):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %s of SIGTERM", p.name, hangGuard)
	}
	if p.err != nil {
		return fmt.Errorf("%s after SIGTERM: %w", p.name, p.err)
	}
	return nil
}

// kill ends the process without a chance to tidy up.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// showLog prints the end of a process's output.
func (p *process) showLog() {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines[len(lines)-least(20, len(lines)):] {
		say("log", p.name+":", line)
	}
}

// preemptions counts how often the threads of a process lost their CPU
// without giving it up.
func (p *process) preemptions() (n int) {
	threads, _ := filepath.Glob("/proc/" + p.pid() + "/task/*/status")
	for _, status := range threads {
		n += statusNumber(status, "nonvoluntary_ctxt_switches")
	}
	return n
}

func statusNumber(path, field string) (n int) {
	for _, line := range strings.Split(procText(path), "\n") {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			fmt.Sscan(value, &n)
		}
	}
	return n
}
