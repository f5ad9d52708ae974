// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
)

// What must equal the oracle, series by series. A new metric is a new line.
var exactMetrics = []string{
	"philotes_cdc_events_total",
	"philotes_cdc_event_lag_seconds_count",
	"philotes_cdc_event_duration_seconds_count",
}

var operations = []string{"INSERT", "UPDATE", "DELETE", "TRUNCATE"}

// checkAttach: a worker is found and attached to, in the way this kernel
// offers, and both processes end in peace.
func checkAttach(e *env) (string, error) {
	return withObserver(e, nil, func(s *session) (string, error) {
		if _, err := s.startWorker(load{source: "postgres-attach"}, anyCPU); err != nil {
			return "", err
		}
		if err := s.attached(); err != nil {
			return "", err
		}
		kind, detail, err := attachedBy(s.observer)
		if err == nil && kind != e.Attach {
			err = fmt.Errorf("attached by %s (%s), this kernel should use %s", kind, detail, e.Attach)
		}
		return kind + ": " + detail, err
	})
}

// checkCount: exactly 1,000 events, every series as the worker's own oracle has it.
func checkCount(e *env) (string, error) {
	l := load{source: "postgres-shop", tables: tables("shop", 5), each: 50}
	return withObserver(e, nil, func(s *session) (string, error) {
		return "1000 events exact", s.countExactly(1000, anyCPU, l)
	})
}

// checkLabelsOneCPU: two workers at full speed on one CPU, each of which is
// preempted inside the other's probes; no event may get the other's labels.
func checkLabelsOneCPU(e *env) (string, error) {
	left := load{source: "postgres-left", tables: tables("left", 4), each: 1250}
	right := load{source: "postgres-right", tables: tables("right", 4), each: 1250}
	return withObserver(e, []string{"--identity.pid"}, func(s *session) (string, error) {
		err := s.countExactly(20000, onCPU0, left, right)
		preempted := 0
		for _, w := range s.workers {
			preempted += w.preemptions()
		}
		if err == nil && preempted == 0 {
			err = errors.New("the workers never preempted each other: this proves nothing")
		}
		return fmt.Sprintf("2 x 20000 events, labels apart, preempted %d times", preempted), err
	})
}

func tables(schema string, n int) (names []string) {
	for i := 0; i < n; i++ {
		names = append(names, fmt.Sprintf("%s.table_%d", schema, i))
	}
	return names
}

// countExactly runs one worker per load, all at once, and compares what the
// observer counted of each with that worker's oracle.
func (s *session) countExactly(events int, cpu int, loads ...load) error {
	for _, l := range loads {
		if _, err := s.startWorker(l, cpu); err != nil {
			return err
		}
	}
	if err := s.attached(); err != nil {
		return err
	}
	if err := s.driveAll(); err != nil {
		return err
	}
	for _, w := range s.workers {
		if err := s.compare(w, events); err != nil {
			return fmt.Errorf("%s: %w", w.load.source, err)
		}
	}
	return nil
}

// driveAll starts every worker's load and waits for all to end.
func (s *session) driveAll() error {
	ended := make(chan error)
	for _, w := range s.workers {
		go func(w *worker) { ended <- w.drive() }(w)
	}
	var first error
	for range s.workers {
		if err := <-ended; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// compare holds one worker's series against its oracle. The observer may
// answer with a sample that is a moment old: it is asked until it agrees.
func (s *session) compare(w *worker, events int) error {
	oracle, err := w.oracle()
	if err != nil {
		return err
	}
	if n := tableOf(oracle, exactMetrics[0], nil).sum(); int(n) != events {
		return fmt.Errorf("the oracle has %g events, not %d", n, events)
	}
	return waitFor("equal counts", settleGuard, func() error {
		observed, err := scrape(observerAddress)
		if err != nil {
			return err
		}
		if err := noDrops(observed); err != nil {
			return err
		}
		return s.sameAsOracle(w, observed, oracle)
	}, s.observer)
}

func (s *session) sameAsOracle(w *worker, observed, oracle []sample) error {
	identity := s.identity(w)
	if err := noForeignLabels(w, identity, observed); err != nil {
		return err
	}
	for _, name := range exactMetrics {
		want := tableOf(oracle, name, nil)
		if len(want) == 0 {
			return fmt.Errorf("the oracle has no %s", name)
		}
		if err := differences(name, tableOf(observed, name, identity), want); err != nil {
			return err
		}
	}
	return nil
}

// noForeignLabels looks at every series, whatever its value: a worker has its
// own source and tables only, and nobody else has them.
func noForeignLabels(w *worker, identity map[string]string, observed []sample) error {
	own := map[string]bool{}
	for _, name := range w.load.tables {
		own[name] = true
	}
	for _, s := range observed {
		source, named := s.labels["source"]
		if !named || !strings.HasPrefix(s.name, "philotes_") {
			continue
		}
		table, tabled := s.labels["table"]
		mine := source == w.load.source
		if mine != has(s.labels, identity) || (mine && tabled && !own[table]) || (!mine && own[table]) {
			return fmt.Errorf("labels mixed: %s%v", s.name, s.labels)
		}
	}
	return nil
}

// identity is the labels that philoscope puts in front of a worker's series:
// with several workers, each must have its pid.
func (s *session) identity(w *worker) map[string]string {
	labels := of("service", "worker")
	if len(s.workers) > 1 {
		labels["pid"] = w.pid()
	}
	return labels
}
