// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

const costCalls = 1000

// A costed observer: one way to see sockets, with what philoscope does there or with nothing.
type costed struct {
	name     string
	observer string
	flag     string
}

func (e *env) costed() []costed {
	list := []costed{{"off", e.Observer, "--no-collector.socket"}}
	for _, backend := range e.Backends {
		flag := "--socket.backend=" + backend
		if e.Empty != "" {
			list = append(list, costed{backend + ", empty", e.Empty, flag})
		}
		list = append(list, costed{backend, e.Observer, flag})
	}
	return list
}

// checkSocketCost counts what the CPU does to send and receive a byte on loopback, without probes and with each
// backend, and tells how much of it is for programs that do nothing on the same hooks. These are instructions,
// the same in every run; what one of them costs is for real machines to say (tests/bench/sockets).
func checkSocketCost(e *env) (string, error) {
	if e.Observer == "" {
		return "", skip("no observer given")
	}
	spent := map[string]int64{}
	for _, c := range e.costed() {
		n, err := costOf(e, c)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.name, err)
		}
		spent[c.name] = n
	}
	added := func(name string) float64 { return 100 * (float64(spent[name])/float64(spent["off"]) - 1) }
	detail := ""
	for _, backend := range e.Backends {
		detail += fmt.Sprintf("%s %+.1f %%", backend, added(backend))
		if e.Empty != "" {
			detail += fmt.Sprintf(" (hooks alone %+.1f %%)", added(backend+", empty"))
		}
		detail += ", "
	}
	return detail + fmt.Sprintf("of %d instructions", spent["off"]), nil
}

// costOf is the least that a byte took: a nanosecond of this guest is an instruction.
func costOf(e *env, c costed) (int64, error) {
	var o outcome
	run := *e
	run.Observer = c.observer
	_, err := withObserver(&run, []string{c.flag}, func(s *session) (string, error) {
		w, err := s.startWorker(load{source: "postgres-cost"}, anyCPU)
		if err == nil {
			err = s.attached()
		}
		if err != nil {
			return "", err
		}
		o, err = w.must("pingpong", move{"requests": costCalls})
		return "", err
	})
	return o.NS, err
}
