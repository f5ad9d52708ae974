// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"strings"
)

const stateDir = "/sys/fs/bpf/philoscope"

// What an observer says where links can't be pinned.
const saysCountingStops = "counting stops with philoscope"

// checkState: the observer is killed between two loads and comes back after
// the second. Where links can be pinned nothing is missing; elsewhere exactly
// what happened in between is, and that was said.
func checkState(e *env) (string, error) {
	l := load{source: "postgres-state", tables: tables("state", 2), each: 25}
	return withObserver(e, []string{"--state.dir=" + stateDir}, func(s *session) (string, error) {
		w, err := s.startWorker(l, anyCPU)
		if err != nil {
			return "", err
		}
		detail, err := s.loadsAround(w)
		if reset := s.reset(); err == nil {
			err = reset
		}
		return detail, err
	})
}

func (s *session) loadsAround(w *worker) (string, error) {
	if err := s.attached(); err != nil {
		return "", err
	}
	if err := w.drive(); err != nil {
		return "", err
	}
	said := strings.Contains(procText(s.observer.log), saysCountingStops)
	if said == s.env.KeepsLinks {
		return "", fmt.Errorf("%q was said: %v", saysCountingStops, said)
	}
	s.observer.kill()
	if err := w.drive(); err != nil {
		return "", err
	}
	if _, err := s.startObserver("--state.dir=" + stateDir); err != nil {
		return "", err
	}
	if err := s.attached(); err != nil {
		return "", err
	}
	if err := w.drive(); err != nil {
		return "", err
	}
	if s.env.KeepsLinks {
		return "600 events exact, 200 of them without observer", s.compare(w, 600)
	}
	return "400 events exact, 200 without observer not counted, as was said", s.compareWithout(w, 25)
}

// compareWithout holds the counters against the oracle less what each label
// set got while nobody counted.
func (s *session) compareWithout(w *worker, missed float64) error {
	oracle, err := w.oracle()
	if err != nil {
		return err
	}
	want := tableOf(oracle, exactMetrics[0], nil)
	for labels := range want {
		want[labels] -= missed
	}
	return waitFor("equal counts", settleGuard, func() error {
		observed, err := scrape(observerAddress)
		if err != nil {
			return err
		}
		if err := noDrops(observed); err != nil {
			return err
		}
		return differences(exactMetrics[0], tableOf(observed, exactMetrics[0], s.identity(w)), want)
	}, s.observer)
}

// reset stops the observer and removes what it has left.
func (s *session) reset() error {
	if err := s.observer.stop(); err != nil {
		return err
	}
	stopped := s.observer
	s.observer = nil
	out, err := exec.Command(stopped.cmd.Path, "reset", "--state.dir="+stateDir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed") {
		return fmt.Errorf("reset: %v: %s", err, out)
	}
	return nil
}
