// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

const (
	costRounds = 3
	costCalls  = 3000
)

// checkSocketCost compares the CPU time of sending and receiving a byte on loopback without probes
// and with each backend. An emulated CPU has its own prices: what is told is a ratio, and no limit
// is held against it.
func checkSocketCost(e *env) (string, error) {
	if e.Observer == "" {
		return "", skip("no observer given")
	}
	least := map[string]int64{}
	for round := 0; round < costRounds; round++ {
		for _, backend := range append([]string{"off"}, e.Backends...) {
			ns, err := costOf(e, backend)
			if err != nil {
				return "", fmt.Errorf("%s: %w", backend, err)
			}
			if least[backend] == 0 || ns < least[backend] {
				least[backend] = ns
			}
		}
	}
	detail := ""
	for _, backend := range e.Backends {
		added := float64(least[backend]-least["off"]) / float64(least["off"])
		detail += fmt.Sprintf("%s +%.0f %%, ", backend, 100*added)
	}
	return detail + "of a byte sent and received", nil
}

func costOf(e *env, backend string) (int64, error) {
	flag := "--socket.backend=" + backend
	if backend == "off" {
		flag = "--no-collector.socket"
	}
	var ns int64
	_, err := withObserver(e, []string{flag}, func(s *session) (string, error) {
		w, err := s.startWorker(load{source: "postgres-cost"}, anyCPU)
		if err == nil {
			err = s.attached()
		}
		if err != nil {
			return "", err
		}
		o, err := w.must("pingpong", move{"requests": costCalls})
		ns = o.NS / costCalls
		return "", err
	})
	return ns, err
}
