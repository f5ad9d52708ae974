// SPDX-License-Identifier: Apache-2.0

// The guest's test program: runs every check of the list below in order and
// reports on the console in the lines that ../guest.py describes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// A check is one row of the report. To add one, write a function and list it.
// A check leaves nothing running behind.
type check struct {
	name string
	run  func(*env) (detail string, err error)
}

// What measures has a guest of its own: ../guest.py, COUNTING.
const counted = "socket-cost"

var checks = []check{
	{"mounts", checkMounts},
	{"btf", checkBTF},
	{"attach", checkAttach},
	{"count-1000", checkCount},
	{"labels-one-cpu", checkLabelsOneCPU},
	{"state", checkState},
	{"family-cdc", checkFamily("cdc")},
	{"family-buffer", checkFamily("buffer")},
	{"family-iceberg", checkFamily("iceberg")},
	{"family-api", checkAPI},
	{"family-runtime", checkFigures("go_")},
	{"family-process", checkFigures("process_")},
	{"sockets-fentry", checkSockets("fentry")},
	{"sockets-tracepoint", checkSockets("tracepoint")},
	{"sockets-kprobe", checkSockets("kprobe")},
	{"socket-cost", checkSocketCost},
	{"verifier", checkVerifier},
	{"kernel-log", checkKernelLog},
}

// Errors of this kind say that a check could not be made here.
var errSkip = errors.New("skip")

func skip(reason string) error { return fmt.Errorf("%w%s", errSkip, reason) }

type env struct {
	Attach     string // how this kernel attaches uprobes: perf_event or uprobe_multi
	KeepsLinks bool   // whether they can be pinned: from 5.15 on
	Observer   string // paths; empty when only the kernel is looked at
	Empty      string // the observer whose programs for sockets do nothing
	Worker     string
	API        string
	Verifier   string   // the tool that tells what programs cost the verifier
	Backends   []string // ways to see sockets that this kernel has
	Counting   bool     // whether this guest's time is the number of instructions
	Checks     []string // names; empty means all
}

func say(kind, name, text string) {
	// One write per line, so that kernel messages come between lines, not within.
	os.Stdout.WriteString("VM:" + strings.TrimSpace(kind+" "+name+" "+oneLine(text)) + "\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func fact(name, format string, args ...any) { say("fact", name, fmt.Sprintf(format, args...)) }

func (e *env) wants(name string) bool {
	if e.Counting != (name == counted) {
		return false
	}
	for _, n := range e.Checks {
		if n == name {
			return true
		}
	}
	return len(e.Checks) == 0
}

func (e *env) perform(c check) {
	started := time.Now()
	detail, err := c.run(e)
	switch {
	case errors.Is(err, errSkip):
		say("skip", c.name, strings.TrimPrefix(err.Error(), errSkip.Error()))
	case err != nil:
		say("fail", c.name, err.Error())
	default:
		say("pass", c.name, fmt.Sprintf("%s (%.0f s)", detail, time.Since(started).Seconds()))
	}
}

func main() {
	config := flag.String("config", "", "JSON `file` with the fields of env")
	flag.Parse()
	var e env
	text, err := os.ReadFile(*config)
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		say("log", err.Error(), "")
		os.Exit(2)
	}
	for _, c := range checks {
		if e.wants(c.name) {
			say("plan", c.name, "")
		}
	}
	reportKernel()
	for _, c := range checks {
		if e.wants(c.name) {
			e.perform(c)
		}
	}
}
