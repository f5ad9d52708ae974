// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

const (
	costRounds = 2
	costCalls  = 10000
)

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

// checkSocketCost compares the time of sending and receiving a byte on loopback without probes
// and with each backend, and tells how much of it is paid for programs that do nothing on the same
// hooks. An emulated CPU has its own prices: what is told is a ratio, and no limit is held against it.
func checkSocketCost(e *env) (string, error) {
	if e.Observer == "" {
		return "", skip("no observer given")
	}
	least := map[string]int64{}
	for round := 0; round < costRounds; round++ {
		for _, c := range e.costed() {
			ns, err := costOf(e, c)
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.name, err)
			}
			if least[c.name] == 0 || ns < least[c.name] {
				least[c.name] = ns
			}
		}
	}
	added := func(name string) float64 { return 100 * float64(least[name]-least["off"]) / float64(least["off"]) }
	detail := ""
	for _, backend := range e.Backends {
		detail += fmt.Sprintf("%s +%.0f %%", backend, added(backend))
		if e.Empty != "" {
			detail += fmt.Sprintf(" (hooks alone +%.0f %%)", added(backend+", empty"))
		}
		detail += ", "
	}
	return detail + "of a byte sent and received", nil
}

// costOf is the least that a byte took.
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
