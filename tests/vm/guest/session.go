// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
)

const (
	observerAddress = "127.0.0.1:10414"
	onCPU0          = 0
)

// A session is one observer and the workers it watches.
type session struct {
	env      *env
	observer *process
	workers  []*worker
	others   []*process // that are to end in peace, too
}

// withObserver starts the observer, runs a check's body, ends the workers and
// then the observer, each of which must exit in peace, and shows their output
// if anything went wrong.
func withObserver(e *env, flags []string, body func(*session) (string, error)) (string, error) {
	if e.Observer == "" {
		return "", skip("no observer given")
	}
	s := &session{env: e}
	detail, err := s.startObserver(flags...)
	if err == nil {
		detail, err = body(s)
	}
	return detail, s.close(err)
}

func (s *session) startObserver(flags ...string) (string, error) {
	argv := append([]string{s.env.Observer, "--web.listen-address=" + observerAddress, "--state.dir=none"}, flags...)
	observer, err := start("philoscope", anyCPU, argv...)
	if err != nil {
		return "", err
	}
	s.observer = observer
	return "", waitFor("the observer's /metrics", hangGuard, func() error {
		_, err := scrape(observerAddress)
		return err
	}, observer)
}

func (s *session) processes() (all []*process) {
	for _, w := range s.workers {
		all = append(all, w.process)
	}
	all = append(all, s.others...)
	if s.observer != nil {
		all = append(all, s.observer)
	}
	return all
}

func (s *session) close(err error) error {
	for _, p := range s.processes() {
		if e := p.stop(); e != nil && err == nil {
			err = e
		}
	}
	if err != nil && !errors.Is(err, errSkip) {
		for _, p := range s.processes() {
			p.showLog()
		}
	}
	return err
}

// attached waits until the observer says that all workers are.
func (s *session) attached() error {
	var refused error
	err := waitFor("the observer to attach", attachGuard, func() error {
		targets, err := s.targets()
		if err != nil {
			return err
		}
		found := fmt.Errorf("philoscope_targets is %v", targets)
		switch {
		case targets["state=refused"] > 0:
			refused = found // which is final
			return nil
		case int(targets["state=attached"]+targets["state=partial"]) != len(s.workers):
			return found
		}
		return nil
	}, s.processes()...)
	if err == nil {
		err = refused
	}
	return err
}

// targets counts the workers that the observer sees, by state.
func (s *session) targets() (table, error) {
	samples, err := scrape(observerAddress)
	if err != nil {
		return nil, err
	}
	targets := table{}
	for labels, n := range tableOf(samples, "philoscope_targets", of("service", "worker")) {
		if n > 0 {
			targets[labels] = n
		}
	}
	return targets, nil
}

// noDrops fails if the observer dropped anything, or doesn't say. Samples of a process that ends or is late
// in an emulated machine are nothing that was counted. Skipped hits of socket programs are let be: a kernel
// that preempts them, or reads a map on that CPU, skips the same program meanwhile and counts that; what was
// counted is compared all the same.
func noDrops(samples []sample) error {
	drops := tableOf(samples, "philoscope_drops_total", nil)
	if len(drops) == 0 {
		return errors.New("philoscope_drops_total is missing")
	}
	delete(drops, "reason=recursion")
	none := table{}
	for reason, n := range drops {
		none[reason] = 0
		if strings.Contains(reason, "sample_gone") || strings.Contains(reason, "sample_late") {
			none[reason] = n
		}
	}
	return differences("philoscope_drops_total", drops, none)
}

func of(label, value string) map[string]string { return map[string]string{label: value} }
